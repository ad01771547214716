//! How the database goes about what it is asked, for tests.

use std::cell::RefCell;

use sqlx::{AssertSqlSafe, Row};

use super::{Conn, Value, bound};

/// A statement, and how the database gets at what it asks for, step by step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    pub sql: &'static str,
    pub steps: Vec<String>,
}

thread_local! {
    static WATCHED: RefCell<Option<Vec<Explained>>> = const { RefCell::new(None) };
}

/// Has the database explain whatever this thread asks it from now on, until [`explained_so_far`].
pub fn explain_from_now_on() {
    WATCHED.set(Some(Vec::new()));
}

/// What was asked since [`explain_from_now_on`], and how the database went about it.
pub fn explained_so_far() -> Vec<Explained> {
    WATCHED.take().unwrap_or_default()
}

/// Before the statement itself: an explanation changes nothing.
pub(crate) async fn explained(
    conn: &mut Conn<'_>,
    sql: &'static str,
    values: &[Value],
) -> Result<(), crate::StoreError> {
    if WATCHED.with_borrow(Option::is_none)
        || !["SELECT", "INSERT", "UPDATE", "DELETE", "WITH"]
            .iter()
            .any(|it| sql.starts_with(it))
    {
        return Ok(());
    }
    let values = values.to_vec();
    let steps: Vec<String> = match conn {
        Conn::Lite(connection) => {
            let plan = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}"));
            let rows = bound!(sqlx::query::<sqlx::Sqlite>(plan), values)
                .fetch_all(&mut **connection)
                .await?;
            rows.iter().map(|row| row.try_get("detail")).collect::<Result<_, _>>()?
        }
        Conn::Pg(connection) => {
            let plan = AssertSqlSafe(format!("EXPLAIN (COSTS OFF) {sql}"));
            let rows = bound!(sqlx::query::<sqlx::Postgres>(plan), values)
                .fetch_all(&mut **connection)
                .await?;
            rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?
        }
    };
    WATCHED.with_borrow_mut(|watched| watched.as_mut().map(|watched| watched.push(Explained { sql, steps })));
    Ok(())
}
