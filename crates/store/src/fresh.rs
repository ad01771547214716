//! A database of its own for each test and each measurement, of either kind.

use std::path::Path;

use sqlx::{AssertSqlSafe, Connection, PgConnection};
use uuid::Uuid;

use crate::StoreError;

/// Names the PostgreSQL server on which tests may make databases.
#[cfg(feature = "testing")]
const POSTGRES: &str = "ALLOTMENT_TEST_POSTGRES";

/// A database that nobody has used, and a folder beside it.
pub struct Fresh {
    url: String,
    folder: tempfile::TempDir,
    /// The server's own address, and the database to drop there.
    postgres: Option<(String, String)>,
}

impl Fresh {
    pub fn sqlite() -> Fresh {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let url = format!("sqlite:{}", folder.path().join("allotment.db").display());
        Fresh {
            url,
            folder,
            postgres: None,
        }
    }

    /// On the server at an address with a database at its end, by an account that may make databases.
    #[expect(clippy::disallowed_methods, reason = "a name that no other database has")]
    pub async fn postgres_on(server: &str) -> Result<Fresh, StoreError> {
        let name = format!("allotment_{}", Uuid::new_v4().simple());
        let mut connection = PgConnection::connect(server).await?;
        sqlx::query(AssertSqlSafe(format!("CREATE DATABASE {name}")))
            .execute(&mut connection)
            .await?;
        let (base, _) = server.rsplit_once('/').unwrap_or((server, ""));
        Ok(Fresh {
            url: format!("{base}/{name}"),
            folder: tempfile::tempdir().map_err(sqlx::Error::Io)?,
            postgres: Some((server.to_owned(), name)),
        })
    }

    /// For a test that is marked `#[ignore = "needs PostgreSQL"]`: without a server it fails, and does not pass.
    #[cfg(feature = "testing")]
    pub async fn postgres() -> Fresh {
        let server = std::env::var(POSTGRES).unwrap_or_else(|_| panic!("{POSTGRES} names no server"));
        Fresh::postgres_on(&server).await.expect("a database can be made")
    }

    /// For `Store::open`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A folder that goes with the database.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Drops the database. A test that fails leaves it behind, to be looked at.
    pub async fn close(self) {
        let Some((server, name)) = self.postgres else { return };
        let Ok(mut connection) = PgConnection::connect(&server).await else {
            return;
        };
        let drop = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
        let _ = sqlx::query(AssertSqlSafe(drop)).execute(&mut connection).await;
    }
}
