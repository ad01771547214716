//! Why the database did not do what was asked.

/// One variant for each thing a caller can do about it.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The seat would bring more licences out than are owned. Look again: the world has changed.
    #[error("no licence is free")]
    Overdraft,
    /// Another server has taken over what this one worked on. Nothing was written; stop working on it.
    #[error("another server has taken the lease over")]
    LeaseLost,
    /// Somebody else was faster. Begin again.
    #[error("another change came first")]
    Conflict,
    #[error("a secret cannot be opened: this is not the key file that the database was written with")]
    Sealed,
    #[error("the column {column} holds {value:?}, which means nothing")]
    Corrupt { column: String, value: String },
    #[error("the tables could not be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

/// What the triggers of the migrations say.
const OVERDRAFT: &str = "overdraft";

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let Some(database) = error.as_database_error() else {
            return StoreError::Database(error);
        };
        if database.message().contains(OVERDRAFT) {
            return StoreError::Overdraft;
        }
        // PostgreSQL: serialization failure, deadlock.
        let conflict = matches!(database.code().as_deref(), Some("40001" | "40P01"));
        if conflict || database.is_unique_violation() {
            return StoreError::Conflict;
        }
        StoreError::Database(error)
    }
}
