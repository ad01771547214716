//! A look at a database that changes nothing in it.

use std::str::FromStr;

use sqlx::{
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};

use crate::{
    MasterKey, Store, StoreError,
    db::{Db, Later, newest_migration, sqlite_path, values},
    patience::PATIENCE,
};

/// How the tables compare with what this program knows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tables {
    AsKnown,
    /// The next start brings them up to date.
    Older,
    /// A newer program has used them.
    Newer,
}

impl Store {
    /// Opens a database that was used before, to read only: the database itself refuses every write. The key is tried.
    ///
    /// Of tables that are not [`Tables::AsKnown`], not everything can be read.
    pub fn look(url: &str, key: MasterKey) -> Later<'_, (Store, Tables)> {
        Box::pin(async move {
            let db = match sqlite_path(url) {
                Some(path) => {
                    // Without a log beside it nobody has it open, and it can be read without leaving one there.
                    let at_rest = !std::fs::exists(format!("{path}-wal")).unwrap_or(true);
                    let options = SqliteConnectOptions::new()
                        .filename(path)
                        .read_only(true)
                        .immutable(at_rest);
                    let pool = SqlitePoolOptions::new()
                        .max_connections(1)
                        .connect_with(options)
                        .await?;
                    Db::Lite {
                        write: pool.clone(),
                        read: pool,
                    }
                }
                None => {
                    let options = PgConnectOptions::from_str(url)?.options([("default_transaction_read_only", "on")]);
                    let pool = PgPoolOptions::new()
                        .max_connections(1)
                        .acquire_timeout(PATIENCE)
                        .connect_with(options)
                        .await?;
                    Db::Pg(pool)
                }
            };
            let store = Store::of(db, key);
            let sql = "SELECT MAX(version) AS newest FROM _sqlx_migrations";
            let newest = store
                .reader()
                .await?
                .conn()
                .one(sql, values![], |row| row.int("newest"))
                .await?;
            let tables = match newest.unwrap_or(0).cmp(&newest_migration()) {
                std::cmp::Ordering::Equal => Tables::AsKnown,
                std::cmp::Ordering::Less => Tables::Older,
                std::cmp::Ordering::Greater => Tables::Newer,
            };
            store.key_opens().await?;
            Ok::<_, StoreError>((store, tables))
        })
    }
}
