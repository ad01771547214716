//! What tests do to a database that no program does, and what they see of it.

use domain::{AssetId, DeviceId, PersonId, Time};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use crate::{
    MasterKey, Store, StoreError,
    db::{Conn, Db, Key, hexed, listed, newest_migration, values},
};

pub use crate::{
    db::explained::{Explained, explain_from_now_on, explained_so_far},
    fresh::Fresh,
    organisation::{Organisation, organisation},
};

impl Store {
    /// What was decided of these people is lost, and no mark tells of it.
    pub async fn decided_lost(&self, people: &[PersonId]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let list = hexed(people.iter().map(|person| person.0));
        for sql in [
            tx.conn().text(
                "DELETE FROM pairs WHERE person_id IN (SELECT unhex(value) FROM json_each($1))",
                "DELETE FROM pairs WHERE person_id IN (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value)",
            ),
            tx.conn().text(
                "DELETE FROM device_pairs WHERE person_id IN (SELECT unhex(value) FROM json_each($1))",
                "DELETE FROM device_pairs WHERE person_id IN (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value)",
            ),
            tx.conn().text(
                "DELETE FROM wishes WHERE person_id IN (SELECT unhex(value) FROM json_each($1))",
                "DELETE FROM wishes WHERE person_id IN (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value)",
            ),
        ] {
            tx.run(sql, values![list]).await?;
        }
        tx.run(
            "UPDATE verdicts SET times = (SELECT COUNT(*) FROM pairs WHERE verdict = no)
                                         + (SELECT COUNT(*) FROM device_pairs WHERE verdict = no)",
            values![],
        )
        .await?;
        tx.commit().await
    }

    /// The line for an asset is wrong: this one stands there before everybody, and could use a licence at once.
    pub async fn line_wrong(&self, asset: AssetId, person: PersonId) -> Result<(), StoreError> {
        let sql = "INSERT INTO wishes (asset, holder, device, person_id, stand, behind, only_available, since)
                   SELECT number, $2, FALSE, $2, 'ready', $3, FALSE, 0 FROM assets WHERE id = $1
                   ON CONFLICT DO NOTHING";
        let mut tx = self.begin().await?;
        tx.run(sql, values![asset, Key(person.0), i64::MIN]).await?;
        tx.commit().await
    }
}

/// Makes a database at `url` as a program leaves it that knows the tables up to one version before the newest.
pub async fn make_older(url: &str) -> Result<(), crate::StoreError> {
    make_until(url, newest_migration() - 1).await
}

/// Makes a database at `url` as a program leaves it that knows the tables up to this version.
pub async fn make_until(url: &str, version: i64) -> Result<(), crate::StoreError> {
    let db = Db::connect(url, true).await?;
    db.migrate_to(version).await?;
    Store::of(db, MasterKey::from_bytes([0; 32])).close().await;
    Ok(())
}

impl crate::Store {
    /// Writes down that a program has used the database that knows newer tables than this one.
    pub async fn becomes_newer(&self) -> Result<(), crate::StoreError> {
        let sql = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time)
                   VALUES ($1, 'of a newer version', $2, $3, 0)";
        let mut tx = self.begin().await?;
        let version = newest_migration() + 1;
        tx.run(sql, values![version, true, vec![0_u8]]).await?;
        tx.commit().await
    }
}

impl crate::Store {
    /// Adds people at once, so many that one after the other takes too long. They are called as their ids.
    pub async fn people_arrive(&self, ids: &[Uuid]) -> Result<(), crate::StoreError> {
        let mut tx = self.begin().await?;
        let mut conn = tx.conn();
        let sql = conn.text(
            "INSERT INTO people (id, name, created_at) SELECT value, value, 0 FROM json_each($1)",
            "INSERT INTO people (id, name, created_at)
             SELECT id, id, 0 FROM json_array_elements_text(CAST($1 AS json)) AS id",
        );
        conn.run(sql, values![listed(ids)]).await?;
        tx.commit().await
    }
}

impl crate::Store {
    /// Lets a SQLite database grow no further than it is: what a full disk looks like, for as long as the connection
    /// that writes is not opened anew.
    pub async fn no_more_room(&self) -> Result<(), crate::StoreError> {
        // What migrations left free in the file would be room.
        self.pragma("VACUUM").await?;
        self.pragma("PRAGMA max_page_count = 1").await
    }
}

/// Who works on a location, as the database sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Working {
    /// Empty when nobody does.
    pub holder: String,
    pub fence: i64,
    /// Another one after every write to the location itself, which only whoever works on it makes. Nothing on SQLite.
    pub wrote: String,
}

impl crate::Store {
    /// `None` before anybody worked on a location.
    pub async fn working(&self) -> Result<Option<Working>, crate::StoreError> {
        let mut reader = self.reader().await?;
        let mut connection = reader.conn();
        let sql = match connection {
            crate::db::Conn::Lite(_) => "SELECT holder, fence, '' AS wrote FROM leases WHERE name LIKE 'location/%'",
            crate::db::Conn::Pg(_) => {
                "SELECT holder, fence, (SELECT MAX(xmin::text) FROM locations) AS wrote
                 FROM leases WHERE name LIKE 'location/%'"
            }
        };
        let read = |row: &crate::db::Record| {
            Ok(Working {
                holder: row.text("holder")?,
                fence: row.int("fence")?,
                wrote: row.text("wrote")?,
            })
        };
        connection.one(sql, Vec::new(), read).await
    }
}

impl crate::Store {
    /// How often in a row the device could not be woken, and when that is tried the next time.
    pub async fn push_planned(&self, device: DeviceId) -> Result<(i64, Option<Time>), crate::StoreError> {
        let sql = "SELECT push_failures, next_push_at FROM devices WHERE id = $1";
        let read = |row: &crate::db::Record| Ok((row.int("push_failures")?, row.time_or_none("next_push_at")?));
        let found = self.reader().await?.conn().one(sql, values![device], read).await?;
        Ok(found.unwrap_or_default())
    }
}

impl crate::Store {
    /// A guard of the database is gone: a simulation has to find out what it kept.
    pub async fn guard_lost(&self, trigger: &str) -> Result<(), crate::StoreError> {
        let mut tx = self.begin().await?;
        match tx.conn() {
            Conn::Lite(connection) => {
                let sql = AssertSqlSafe(format!("DROP TRIGGER {trigger}"));
                sqlx::query::<sqlx::Sqlite>(sql).execute(&mut *connection).await?;
            }
            Conn::Pg(connection) => {
                let find = "SELECT event_object_table AS name FROM information_schema.triggers WHERE trigger_name = $1";
                let row = sqlx::query::<sqlx::Postgres>(find)
                    .bind(trigger)
                    .fetch_one(&mut *connection)
                    .await?;
                let table: String = row.try_get("name")?;
                let sql = AssertSqlSafe(format!("DROP TRIGGER {trigger} ON {table}"));
                sqlx::query::<sqlx::Postgres>(sql).execute(&mut *connection).await?;
            }
        }
        tx.commit().await
    }

    /// Nobody counts any more how often the deployment of an app was changed.
    pub async fn versions_lost(&self) -> Result<(), crate::StoreError> {
        let mut tx = self.begin().await?;
        match tx.conn() {
            Conn::Lite(connection) => {
                let sql = "CREATE TRIGGER versions_lost AFTER UPDATE OF deployments_version ON assets BEGIN
                               UPDATE assets SET deployments_version = 1 WHERE id = NEW.id;
                           END";
                sqlx::query::<sqlx::Sqlite>(sql).execute(&mut *connection).await?;
            }
            Conn::Pg(connection) => {
                for sql in [
                    "CREATE FUNCTION versions_lost() RETURNS trigger LANGUAGE plpgsql AS
                         'BEGIN NEW.deployments_version := 1; RETURN NEW; END'",
                    "CREATE TRIGGER versions_lost BEFORE UPDATE ON assets FOR EACH ROW EXECUTE FUNCTION versions_lost()",
                ] {
                    sqlx::query::<sqlx::Postgres>(sql).execute(&mut *connection).await?;
                }
            }
        }
        tx.commit().await
    }
}
