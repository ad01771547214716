//! A connection past the store, to do and to see what it does not offer.

use sqlx::{AssertSqlSafe, Connection, Executor, PgConnection, Row, SqliteConnection, sqlite::SqliteRow};
use store::testing::Fresh;

pub enum Hand {
    Lite(SqliteConnection),
    Pg(PgConnection),
}

impl Hand {
    pub async fn on(fresh: &Fresh) -> Hand {
        match fresh.url().strip_prefix("sqlite:") {
            Some(path) => Hand::Lite(SqliteConnection::connect(path).await.unwrap()),
            None => Hand::Pg(PgConnection::connect(fresh.url()).await.unwrap()),
        }
    }

    /// Runs statements, one after the other.
    pub async fn run(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Hand::Lite(connection) => connection.execute(sql).await.map(drop),
            Hand::Pg(connection) => connection.execute(sql).await.map(drop),
        }
    }

    /// The rows of a query whose columns are text.
    pub async fn texts<const COLUMNS: usize>(&mut self, sql: &str) -> Vec<[String; COLUMNS]> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Hand::Lite(connection) => {
                let rows = connection.fetch_all(sql).await.unwrap();
                rows.iter().map(|row| std::array::from_fn(|at| row.get(at))).collect()
            }
            Hand::Pg(connection) => {
                let rows = connection.fetch_all(sql).await.unwrap();
                rows.iter().map(|row| std::array::from_fn(|at| row.get(at))).collect()
            }
        }
    }

    /// What SQLite will do for a statement: each operation with its first two operands.
    pub async fn explained(&mut self, sql: &str) -> Vec<[String; 3]> {
        let sql = sqlx::raw_sql(AssertSqlSafe(format!("EXPLAIN {sql}")));
        let Hand::Lite(connection) = self else {
            unreachable!("it is asked of SQLite")
        };
        let rows = connection.fetch_all(sql).await.unwrap();
        let number = |row: &SqliteRow, at: &str| row.get::<i64, _>(at).to_string();
        rows.iter()
            .map(|row| [row.get("opcode"), number(row, "p1"), number(row, "p2")])
            .collect()
    }
}
