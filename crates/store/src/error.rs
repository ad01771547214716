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
    /// Only one may have it, and somebody has.
    #[error("the {0} is taken")]
    Taken(&'static str),
    /// It cannot go while something refers to it, or it went while something was to refer to it.
    #[error("something refers to it, or to what is gone")]
    InUse,
    /// Somebody else was faster. Begin again.
    #[error("another change came first")]
    Conflict,
    #[error("a secret cannot be opened: this is not the key file that the database was written with")]
    Sealed,
    #[error("the column {column} holds {value:?}, which means nothing")]
    Corrupt { column: String, value: String },
    #[error("the tables could not be brought up to date")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// They were not to be touched.
    #[error(
        "its tables are of an older version than this program: use the program of the version that serves, or start this \
         one as the server (allotment serve), which brings them up to date"
    )]
    Older,
    /// Nothing older can know what is in them.
    #[error("its tables are of a newer version than this program: use the program of the version that serves")]
    Newer,
    /// It is away, or gives no connection in time. Nothing was written; it comes back by itself.
    #[error("the database cannot be reached")]
    Unavailable(#[source] sqlx::Error),
    /// A statement was not answered in time: the connection hangs, or the machine behind it does.
    #[error("the database did not answer within {0:?}")]
    Silent(std::time::Duration),
    /// Nothing was written. Writing goes on by itself once there is room.
    #[error("the database has no room left on its disk")]
    Full(#[source] sqlx::Error),
    /// A SQLite file is for one server.
    #[error("another server has this database: {by}")]
    Held { by: String },
    #[error("the lock {path} cannot be used")]
    Hold { path: String, source: std::io::Error },
    #[error("the database failed")]
    Database(#[source] sqlx::Error),
}

impl StoreError {
    /// The database as a whole does not work at the moment: nothing is wrong with what was asked.
    pub fn is_outage(&self) -> bool {
        matches!(
            self,
            StoreError::Unavailable(_) | StoreError::Silent(_) | StoreError::Full(_)
        )
    }
}

/// What the triggers of the migrations say.
const OVERDRAFT: &str = "overdraft";

/// What people choose and only one may have: as SQLite and as PostgreSQL name it, and the field.
const UNIQUE: [(&str, &str); 4] = [
    ("people_email_key", "email"),
    ("people.email_key", "email"),
    ("groups.name", "name"),
    ("groups_name_key", "name"),
];

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> StoreError {
        let Some(database) = error.as_database_error() else {
            let away = matches!(
                error,
                sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::Io(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::WorkerCrashed
            );
            return if away {
                StoreError::Unavailable(error)
            } else {
                StoreError::Database(error)
            };
        };
        if database.message().contains(OVERDRAFT) {
            return StoreError::Overdraft;
        }
        // PostgreSQL: serialization failure, deadlock.
        let conflict = matches!(database.code().as_deref(), Some("40001" | "40P01"));
        if database.is_unique_violation()
            && let Some((_, field)) = UNIQUE.iter().find(|(column, _)| database.message().contains(column))
        {
            return StoreError::Taken(field);
        }
        if database.is_foreign_key_violation() {
            return StoreError::InUse;
        }
        if conflict || database.is_unique_violation() {
            return StoreError::Conflict;
        }
        match database.code().as_deref() {
            // SQLite: SQLITE_FULL, and what writing to a full disk may say instead. PostgreSQL: disk_full.
            Some("13" | "778" | "53100") => StoreError::Full(error),
            // PostgreSQL: connection exceptions, too many connections, shutting down, starting up.
            Some(code) if code.starts_with("08") && code.len() == 5 => StoreError::Unavailable(error),
            Some("53300" | "57P01" | "57P02" | "57P03") => StoreError::Unavailable(error),
            _ => StoreError::Database(error),
        }
    }
}
