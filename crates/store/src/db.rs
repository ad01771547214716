//! One text of SQL for two databases: connections, transactions, values and rows.

#[cfg(feature = "testing")]
pub(crate) mod explained;

use std::{path::Path, pin::Pin, str::FromStr, sync::Arc, time::Duration};

use domain::Time;
use sqlx::{
    Connection, PgPool, Postgres, Row, SqlSafeStr, Sqlite, SqlitePool, Transaction,
    migrate::{Migration, MigrationType, Migrator},
    pool::PoolConnection,
    postgres::{PgConnection, PgPoolOptions, PgRow},
    sqlite::{
        SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
    },
};
use uuid::Uuid;

use crate::{
    MasterKey, StoreError, Tables,
    patience::{AT_MOST, PATIENCE, Queue},
};

/// What this module promises for later.
///
/// An `async fn` is compiled again in every crate that awaits it, and everything it awaits with it. What touches
/// the driver is boxed, so that the driver is compiled once, for one allocation beside a question to the database.
pub(crate) type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// The tables, the same for both databases, each in its own dialect.
macro_rules! migrations {
    ($database:literal: $($version:literal $file:literal),* $(,)?) => {
        Migrator::with_migrations(vec![$({
            let sql = include_str!(concat!("../migrations/", $database, "/", $file, ".sql"));
            Migration::new($version, $file[5..].into(), MigrationType::Simple, sql.into_sql_str(), false)
        }),*])
    };
    ($database:literal) => {
        migrations!($database: 1 "0001_tables", 2 "0002_guards", 3 "0003_protocol", 4 "0004_devices",
                    5 "0005_people", 6 "0006_accounts", 7 "0007_versions", 8 "0008_operation",
                    9 "0009_leaving", 10 "0010_check_ins", 11 "0011_deciding", 12 "0012_holders",
                    13 "0013_targets", 14 "0014_installation", 15 "0015_changes", 16 "0016_nobody",
                    17 "0017_tallies", 18 "0018_reclaims", 20 "0020_stopped", 21 "0021_updates",
                    22 "0022_kept",
                    24 "0024_notifications")
    };
}

/// The file of a SQLite database.
pub(crate) fn sqlite_path(url: &str) -> Option<&str> {
    Some(url.strip_prefix("sqlite:")?.trim_start_matches("//"))
}

/// How long PostgreSQL may take for one statement. The largest takes a second; a connection that hangs takes for ever.
const STATEMENT: Duration = Duration::from_secs(10);

/// More than there are of them, so that each is read and planned once on a connection. With fewer, whoever goes through all of
/// them in turn finds none.
const STATEMENTS: usize = 1_000;

/// How a transaction begins on PostgreSQL. One whose server stands still, or is cut off from the network, is rolled back
/// by the database after eight seconds without a word from it: it would keep its locks for ever, the lease of a location
/// among them. Said within the transaction, since a pooler gives each one another session. Nothing here thinks for that
/// long between two statements: a plan for a million pairs takes three seconds.
const BEGIN_POSTGRES: &str = "BEGIN; SET LOCAL idle_in_transaction_session_timeout = '8s'";
/// The same, for [`Store::snapshot`].
const SNAPSHOT_POSTGRES: &str =
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL idle_in_transaction_session_timeout = '8s'";

/// What `later` gives, unless it takes longer than PostgreSQL may.
async fn answered<T>(later: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    match tokio::time::timeout(STATEMENT, later).await {
        Ok(result) => Ok(result?),
        Err(_) => Err(StoreError::Silent(STATEMENT)),
    }
}

/// Begins a transaction, to its end whoever waits for it: the driver counts a transaction once the database has answered, so
/// one that is given up before that stays open on its connection, and whoever gets that next reads of an instant that is over.
async fn begun(pool: &PgPool, sql: &'static str) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
    let pool = pool.clone();
    let begun = tokio::spawn(async move { pool.begin_with(sql).await });
    begun.await.unwrap_or(Err(sqlx::Error::WorkerCrashed))
}

/// A database that is open. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    db: Db,
    pub(crate) key: MasterKey,
    /// The turn of whoever writes under a lease. The loops of one process queue up here and not in the database, where a
    /// process that stands still would keep one place in the queue after the other.
    pub(crate) leases: Arc<tokio::sync::Mutex<()>>,
    queue: Arc<Queue>,
}

#[derive(Clone)]
pub(crate) enum Db {
    /// SQLite has one writer: a pool of one connection is the queue of those who want to be it.
    Lite {
        write: SqlitePool,
        read: SqlitePool,
    },
    Pg(PgPool),
}

/// One write transaction. Dropped without [`commit`](Tx::commit), it leaves nothing behind.
pub struct Tx {
    inner: TxKind,
    pub(crate) key: MasterKey,
    // Dropped after the transaction.
    pub(crate) turn: Option<tokio::sync::OwnedMutexGuard<()>>,
}

/// What the database had at one instant, to read only: all that is read from it agrees, whatever others write meanwhile.
pub struct Snapshot(pub(crate) Tx);

enum TxKind {
    Lite(Transaction<'static, Sqlite>),
    Pg(Transaction<'static, Postgres>),
}

/// A connection to read with, outside of any write transaction.
pub(crate) enum Reader {
    Lite(PoolConnection<Sqlite>),
    Pg(PoolConnection<Postgres>),
}

/// The version of the newest tables that this program knows; the same for both databases.
pub(crate) fn newest_migration() -> i64 {
    migrations!("sqlite")
        .iter()
        .map(|migration| migration.version)
        .max()
        .unwrap_or(0)
}

impl Store {
    pub(crate) fn of(db: Db, key: MasterKey) -> Store {
        Store {
            db,
            key,
            leases: Arc::default(),
            queue: Arc::default(),
        }
    }

    /// Opens the database at `sqlite:PATH` or `postgres://…`, makes it if it is a file that is not there, and
    /// brings its tables up to date.
    pub fn open(url: &str, key: MasterKey) -> Later<'_, Store> {
        Box::pin(async move {
            let db = Db::connect(url, true).await?;
            db.migrate().await?;
            let store = Store::of(db, key);
            store.check_key().await?;
            Ok(store)
        })
    }

    /// Opens a database that was used before as it is: makes none, and leaves the tables alone. Those of another version
    /// are [`StoreError::Older`] or [`StoreError::Newer`], whatever serves from them at this moment.
    pub fn attach(url: &str, key: MasterKey) -> Later<'_, Store> {
        Box::pin(async move {
            let (looked, tables) = Store::look(url, key.clone()).await?;
            looked.close().await;
            match tables {
                Tables::AsKnown => {}
                Tables::Older => return Err(StoreError::Older),
                Tables::Newer => return Err(StoreError::Newer),
            }
            let store = Store::of(Db::connect(url, false).await?, key);
            store.check_key().await?;
            Ok(store)
        })
    }

    /// Whether there is a database at `url` that was used before. Changes nothing.
    pub fn exists(url: &str) -> Later<'_, bool> {
        Box::pin(async move {
            if let Some(path) = sqlite_path(url) {
                let used = |path: String| std::fs::metadata(path).is_ok_and(|file| file.len() > 0);
                return Ok(used(path.to_owned()) || used(format!("{path}-wal")));
            }
            let looked = async {
                let mut connection = PgConnection::connect(url).await?;
                let row = sqlx::query("SELECT to_regclass('secrets') IS NOT NULL AS used")
                    .fetch_one(&mut connection)
                    .await?;
                row.try_get("used")
            };
            answered(looked).await
        })
    }

    /// Copies a SQLite database as it is at this moment into a new file, while it is used. `false` for PostgreSQL,
    /// which has tools of its own.
    pub fn backup<'a>(&'a self, to: &'a Path) -> Later<'a, bool> {
        Box::pin(async move {
            let Db::Lite { write, .. } = &self.db else {
                return Ok(false);
            };
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create_new(true);
            #[cfg(unix)]
            {
                use std::os::unix::fs::OpenOptionsExt;
                options.mode(0o600);
            }
            // An empty file is filled; one that holds something is never written over.
            let file = options.open(to).map_err(sqlx::Error::Io)?;
            let path = to.display().to_string();
            sqlx::query::<Sqlite>("VACUUM INTO $1")
                .bind(path)
                .execute(write)
                .await?;
            file.sync_all().map_err(sqlx::Error::Io)?;
            Ok(true)
        })
    }

    /// Writes something that nobody needs, and takes it away again: fails when nothing can be written. `id` is one that
    /// no other server uses at this moment.
    pub fn write_works(&self, id: Uuid) -> Later<'_, ()> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            // As much as a page of the file: a full disk may have room for a byte.
            let values = values![id, vec![0_u8; 4096]];
            tx.run("INSERT INTO pulse (id, filler) VALUES ($1, $2)", values).await?;
            tx.run("DELETE FROM pulse WHERE id = $1", values![id]).await?;
            tx.commit().await
        })
    }

    pub fn is_closed(&self) -> bool {
        match &self.db {
            Db::Lite { write, .. } => write.is_closed(),
            Db::Pg(pool) => pool.is_closed(),
        }
    }

    /// Begins to write. On SQLite this waits for whoever writes already.
    pub fn begin(&self) -> Later<'_, Tx> {
        Box::pin(async {
            let inner = match &self.db {
                Db::Lite { write, .. } => TxKind::Lite(write.begin_with("BEGIN IMMEDIATE").await?),
                Db::Pg(pool) => TxKind::Pg(self.queue.connected(begun(pool, BEGIN_POSTGRES)).await?),
            };
            Ok(Tx {
                inner,
                key: self.key.clone(),
                turn: None,
            })
        })
    }

    /// Begins to read what there is at this instant. Nobody waits for it, and it waits for nobody.
    pub fn snapshot(&self) -> Later<'_, Snapshot> {
        Box::pin(async {
            let inner = match &self.db {
                Db::Lite { read, .. } => TxKind::Lite(read.begin().await?),
                Db::Pg(pool) => TxKind::Pg(self.queue.connected(begun(pool, SNAPSHOT_POSTGRES)).await?),
            };
            Ok(Snapshot(Tx {
                inner,
                key: self.key.clone(),
                turn: None,
            }))
        })
    }

    /// Whether nobody asks the database anything at this moment, and no transaction is open.
    #[cfg(feature = "testing")]
    pub fn is_idle(&self) -> bool {
        fn idle<D: sqlx::Database>(pool: &sqlx::Pool<D>) -> bool {
            usize::try_from(pool.size()).is_ok_and(|size| pool.num_idle() == size)
        }
        match &self.db {
            Db::Lite { write, read } => idle(write) && idle(read),
            Db::Pg(pool) => idle(pool),
        }
    }

    #[cfg(feature = "simulators")]
    pub(crate) async fn pragma(&self, sql: &'static str) -> Result<(), StoreError> {
        let Db::Lite { write, .. } = &self.db else {
            return Ok(());
        };
        sqlx::query::<Sqlite>(sql).execute(write).await?;
        Ok(())
    }

    pub(crate) fn reader(&self) -> Later<'_, Reader> {
        Box::pin(async {
            Ok(match &self.db {
                Db::Lite { read, .. } => Reader::Lite(read.acquire().await?),
                Db::Pg(pool) => Reader::Pg(self.queue.connected(pool.acquire()).await?),
            })
        })
    }

    /// Closes every connection.
    pub fn close(&self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            match &self.db {
                Db::Lite { write, read } => {
                    read.close().await;
                    write.close().await;
                }
                Db::Pg(pool) => pool.close().await,
            }
        })
    }
}

impl Db {
    /// `make`: also a file that is not there yet.
    pub(crate) async fn connect(url: &str, make: bool) -> Result<Db, StoreError> {
        match sqlite_path(url) {
            Some(path) => Db::connect_sqlite(path, make).await,
            None => Db::connect_postgres(url).await,
        }
    }

    async fn connect_sqlite(path: &str, make: bool) -> Result<Db, StoreError> {
        let exists = Path::new(path).exists();
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(make)
            .journal_mode(SqliteJournalMode::Wal)
            // What was committed survives a power cut (P5). Measured on ext4 on a virtual disk: 0.2 ms a commit
            // instead of 0.015 ms; a disk that really flushes takes its own time.
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .statement_cache_capacity(STATEMENTS)
            // Rows come from another thread, 50 and then a pause unless told otherwise; a decision reads thousands.
            .row_buffer_size(2_000)
            .busy_timeout(Duration::from_secs(10));
        // Whoever decides comes by the same pages again and again: 32 MiB of them stay, instead of 2.
        let writing = options.clone().pragma("cache_size", "-32768");
        let write = SqlitePoolOptions::new()
            .max_connections(1)
            // SQLite itself rolls back what found no room. The driver's own ROLLBACK fails then, and it goes on to
            // believe that a transaction is open: no other can ever begin on that connection. It is replaced.
            .after_release(|connection, _| {
                Box::pin(async move {
                    connection.ping().await?;
                    Ok(!connection.is_in_transaction())
                })
            })
            .connect_with(writing)
            .await?;
        if !exists {
            only_for_the_owner(Path::new(path));
        }
        let read = SqlitePoolOptions::new()
            .max_connections(4)
            .connect_with(options.read_only(true))
            .await?;
        Ok(Db::Lite { write, read })
    }

    async fn connect_postgres(url: &str) -> Result<Db, StoreError> {
        let options = sqlx::postgres::PgConnectOptions::from_str(url)?.statement_cache_capacity(STATEMENTS);
        let pool = PgPoolOptions::new()
            .max_connections(16)
            .acquire_timeout(AT_MOST)
            .connect_with(options);
        let pool = tokio::time::timeout(PATIENCE, pool)
            .await
            .unwrap_or(Err(sqlx::Error::PoolTimedOut))?;
        Ok(Db::Pg(pool))
    }

    /// Brings the tables up to date.
    async fn migrate(&self) -> Result<(), StoreError> {
        self.migrate_to(newest_migration()).await?;
        if let Db::Pg(pool) = self {
            // Only after a restore into another server is there anything to move (migration 8).
            sqlx::query(
                "UPDATE events_base SET base = (SELECT MAX(tx) FROM events) + 1
                 WHERE base + pg_current_xact_id()::text::bigint <= (SELECT MAX(tx) FROM events)",
            )
            .execute(pool)
            .await?;
        }
        Ok(())
    }

    /// Makes the tables as the program knew them whose newest were of this version.
    pub(crate) async fn migrate_to(&self, newest: i64) -> Result<(), StoreError> {
        let until = |all: Migrator| {
            let known = all.iter().filter(|migration| migration.version <= newest);
            Migrator::with_migrations(known.cloned().collect())
        };
        match self {
            Db::Lite { write, .. } => until(migrations!("sqlite")).run(write).await?,
            Db::Pg(pool) => until(migrations!("postgres")).run(pool).await?,
        }
        Ok(())
    }
}

fn only_for_the_owner(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600)) {
            tracing::warn!(%error, "the database file could not be made private");
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}

impl Tx {
    /// Makes everything that was written visible, or nothing of it.
    pub fn commit(self) -> Later<'static, ()> {
        Box::pin(async {
            match self.inner {
                TxKind::Lite(tx) => tx.commit().await?,
                TxKind::Pg(tx) => answered(tx.commit()).await?,
            }
            Ok(())
        })
    }

    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match &mut self.inner {
            TxKind::Lite(tx) => Conn::Lite(tx),
            TxKind::Pg(tx) => Conn::Pg(tx),
        }
    }

    pub(crate) async fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        self.conn().run(sql, values).await
    }
}

impl Reader {
    pub(crate) fn conn(&mut self) -> Conn<'_> {
        match self {
            Reader::Lite(connection) => Conn::Lite(connection),
            Reader::Pg(connection) => Conn::Pg(connection),
        }
    }
}

/// Where a statement goes.
pub(crate) enum Conn<'a> {
    Lite(&'a mut SqliteConnection),
    Pg(&'a mut PgConnection),
}

/// Something to bind to `$1`, `$2`, …; PostgreSQL wants to know the type of a NULL too.
#[derive(Clone)]
pub(crate) enum Value {
    Text(Option<String>),
    Int(Option<i64>),
    Bool(Option<bool>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! bound {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                $crate::db::Value::Text(value) => query.bind(value),
                $crate::db::Value::Int(value) => query.bind(value),
                $crate::db::Value::Bool(value) => query.bind(value),
                $crate::db::Value::Bytes(value) => query.bind(value),
            };
        }
        query
    }};
}

#[cfg(feature = "testing")]
use bound;

impl Conn<'_> {
    /// The text for the database that this is, where one does not do for both: lists come as JSON, and each takes it
    /// apart in its own way.
    pub(crate) fn text(&self, lite: &'static str, pg: &'static str) -> &'static str {
        match self {
            Conn::Lite(_) => lite,
            Conn::Pg(_) => pg,
        }
    }

    /// Runs a statement and returns how many rows it touched.
    pub(crate) fn run(&mut self, sql: &'static str, values: Vec<Value>) -> Later<'_, u64> {
        Box::pin(async move {
            #[cfg(feature = "testing")]
            explained::explained(self, sql, &values).await?;
            Ok(match self {
                Conn::Lite(connection) => bound!(sqlx::query::<Sqlite>(sql), values)
                    .execute(&mut **connection)
                    .await?
                    .rows_affected(),
                Conn::Pg(connection) => {
                    let query = bound!(sqlx::query::<Postgres>(sql), values);
                    answered(query.execute(&mut **connection)).await?.rows_affected()
                }
            })
        })
    }

    fn records(&mut self, sql: &'static str, values: Vec<Value>) -> Later<'_, Vec<Record>> {
        Box::pin(async move {
            #[cfg(feature = "testing")]
            explained::explained(self, sql, &values).await?;
            Ok(match self {
                Conn::Lite(connection) => {
                    let query = bound!(sqlx::query::<Sqlite>(sql), values);
                    let rows = query.fetch_all(&mut **connection).await?;
                    rows.into_iter().map(Record::Lite).collect()
                }
                Conn::Pg(connection) => {
                    let query = bound!(sqlx::query::<Postgres>(sql), values);
                    let rows = answered(query.fetch_all(&mut **connection)).await?;
                    rows.into_iter().map(Record::Pg).collect()
                }
            })
        })
    }

    pub(crate) async fn all<T>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
        read: fn(&Record) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        self.records(sql, values).await?.iter().map(read).collect()
    }

    /// The same of many rows that were made into one value on SQLite, as [`gathered`] does: the driver takes rows over from
    /// another thread, and wakes it or is woken for each.
    pub(crate) async fn gathered<T>(
        &mut self,
        sql: &'static str,
        columns: &'static [&'static str],
        values: Vec<Value>,
        read: fn(&Record) -> Result<T, StoreError>,
    ) -> Result<Vec<T>, StoreError> {
        if matches!(self, Conn::Pg(_)) {
            return self.all(sql, values, read).await;
        }
        let rows = self.one(sql, values, |row| row.json("gathered")).await?;
        let rows: Vec<Vec<serde_json::Value>> = rows.unwrap_or_default();
        rows.into_iter()
            .map(|row| read(&Record::Gathered(columns, row)))
            .collect()
    }

    pub(crate) async fn one<T>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
        read: fn(&Record) -> Result<T, StoreError>,
    ) -> Result<Option<T>, StoreError> {
        Ok(self.all(sql, values, read).await?.into_iter().next())
    }
}

/// One row, of either database.
pub(crate) enum Record {
    Lite(SqliteRow),
    Pg(PgRow),
    /// One of those of [`Conn::gathered`], and the names of its columns.
    Gathered(&'static [&'static str], Vec<serde_json::Value>),
}

macro_rules! column {
    ($record:expr, $name:expr) => {
        match $record {
            Record::Lite(row) => row.try_get($name)?,
            Record::Pg(row) => row.try_get($name)?,
            Record::Gathered(columns, row) => {
                let at = columns.iter().position(|column| *column == $name);
                let value = at.and_then(|at| row.get(at));
                let value = value.ok_or_else(|| sqlx::Error::ColumnNotFound($name.to_owned()))?;
                Gathered::of(value).ok_or_else(|| StoreError::Corrupt {
                    column: $name.to_owned(),
                    value: value.to_string(),
                })?
            }
        }
    };
}

/// What SQLite puts into a list of rows.
trait Gathered: Sized {
    fn of(value: &serde_json::Value) -> Option<Self>;
}

impl Gathered for String {
    fn of(value: &serde_json::Value) -> Option<String> {
        value.as_str().map(str::to_owned)
    }
}

impl Gathered for i64 {
    fn of(value: &serde_json::Value) -> Option<i64> {
        value.as_i64()
    }
}

impl Gathered for bool {
    fn of(value: &serde_json::Value) -> Option<bool> {
        value.as_i64().map(|flag| flag != 0)
    }
}

/// It puts none into one.
impl Gathered for Vec<u8> {
    fn of(_: &serde_json::Value) -> Option<Vec<u8>> {
        None
    }
}

impl<T: Gathered> Gathered for Option<T> {
    fn of(value: &serde_json::Value) -> Option<Option<T>> {
        match value {
            serde_json::Value::Null => Some(None),
            value => T::of(value).map(Some),
        }
    }
}

impl Record {
    pub(crate) fn text(&self, name: &str) -> Result<String, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn text_or_none(&self, name: &str) -> Result<Option<String>, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn int(&self, name: &str) -> Result<i64, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn int_or_none(&self, name: &str) -> Result<Option<i64>, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn flag(&self, name: &str) -> Result<bool, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn flag_or_none(&self, name: &str) -> Result<Option<bool>, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn bytes(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        Ok(column!(self, name))
    }

    pub(crate) fn bytes_or_none(&self, name: &str) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(column!(self, name))
    }

    /// An id that is kept as its bytes.
    pub(crate) fn key(&self, name: &str) -> Result<Uuid, StoreError> {
        let bytes = self.bytes(name)?;
        Uuid::from_slice(&bytes).map_err(|_| StoreError::Corrupt {
            column: name.to_owned(),
            value: format!("{bytes:?}"),
        })
    }

    pub(crate) fn time(&self, name: &str) -> Result<Time, StoreError> {
        Ok(Time(self.int(name)?))
    }

    pub(crate) fn time_or_none(&self, name: &str) -> Result<Option<Time>, StoreError> {
        Ok(self.int_or_none(name)?.map(Time))
    }

    /// An id, or a word of a fixed set.
    pub(crate) fn parsed<T: FromStr>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name)?;
        text.parse().map_err(|_| StoreError::Corrupt {
            column: name.to_owned(),
            value: text,
        })
    }

    pub(crate) fn parsed_or_none<T: FromStr>(&self, name: &str) -> Result<Option<T>, StoreError> {
        match self.text_or_none(name)? {
            None => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| StoreError::Corrupt {
                column: name.to_owned(),
                value: text,
            }),
        }
    }

    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name)?;
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt {
            column: name.to_owned(),
            value: text,
        })
    }

    /// A word that serde knows, as `domain`'s enums are kept.
    pub(crate) fn word<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<T, StoreError> {
        let text = self.text(name)?;
        serde_json::from_value(serde_json::Value::String(text.clone())).map_err(|_| StoreError::Corrupt {
            column: name.to_owned(),
            value: text,
        })
    }

    pub(crate) fn word_or_none<T: serde::de::DeserializeOwned>(&self, name: &str) -> Result<Option<T>, StoreError> {
        match self.text_or_none(name)? {
            None => Ok(None),
            Some(_) => self.word(name).map(Some),
        }
    }
}

/// A statement that reads these columns, for [`Conn::gathered`]: in SQLite's way, or in PostgreSQL's.
macro_rules! gathered {
    (lite [$first:literal $(, $column:literal)*] $($rest:expr),+) => {
        concat!("SELECT json_group_array(json_array(", $first, $(", ", $column,)* ")) AS gathered ", $($rest),+)
    };
    (lite [$first:literal $(, $column:literal)*] by $order:literal $($rest:expr),+) => {
        concat!("SELECT json_group_array(json_array(", $first, $(", ", $column,)* ") ORDER BY ", $order, ") AS gathered ",
                $($rest),+)
    };
    (pg [$first:literal $(, $column:literal)*] by $order:literal $($rest:expr),+) => {
        concat!("SELECT ", $first, $(", ", $column,)* " ", $($rest,)+ " ORDER BY ", $order)
    };
    (pg [$first:literal $(, $column:literal)*] $($rest:expr),+) => {
        concat!("SELECT ", $first, $(", ", $column,)* " ", $($rest),+)
    };
}
pub(crate) use gathered;

/// How a word of `domain` is kept.
pub(crate) fn word<T: serde::Serialize>(value: &T) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(text)) => text,
        other => unreachable!("a word of a fixed set, not {other:?}"),
    }
}

macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::db::Bind::value(&$value)),*] };
}
pub(crate) use values;

/// Ids as one value, however many: SQLite binds 32,766 values at most, PostgreSQL 65,535.
pub(crate) fn listed(ids: &[Uuid]) -> String {
    let quoted: Vec<String> = ids.iter().map(|id| format!("\"{id}\"")).collect();
    format!("[{}]", quoted.join(","))
}

/// The same where ids are kept as their bytes.
pub(crate) fn hexed(ids: impl Iterator<Item = Uuid>) -> String {
    let quoted: Vec<String> = ids.map(|id| format!("\"{}\"", id.simple())).collect();
    format!("[{}]", quoted.join(","))
}

/// An id that is kept as its bytes.
pub(crate) struct Key(pub Uuid);

/// What can be bound.
pub(crate) trait Bind {
    fn value(&self) -> Value;
}

macro_rules! bind {
    ($($type:ty => |$it:ident| $value:expr, none $none:expr;)*) => {$(
        impl Bind for $type {
            fn value(&self) -> Value {
                let $it = self;
                $value
            }
        }
        impl Bind for Option<$type> {
            fn value(&self) -> Value {
                match self {
                    Some($it) => $value,
                    None => $none,
                }
            }
        }
    )*};
}

/// PostgreSQL keeps no NUL, SQLite would. People are told before it comes to this; what Apple or a device says with one
/// is not worth failing for, and means the same on both.
fn without_nul(text: &str) -> Value {
    Value::Text(Some(text.replace('\0', "\u{fffd}")))
}

bind! {
    String => |it| without_nul(it), none Value::Text(None);
    &str => |it| without_nul(it), none Value::Text(None);
    Uuid => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    i64 => |it| Value::Int(Some(*it)), none Value::Int(None);
    bool => |it| Value::Bool(Some(*it)), none Value::Bool(None);
    Time => |it| Value::Int(Some(it.ms())), none Value::Int(None);
    Vec<u8> => |it| Value::Bytes(Some(it.clone())), none Value::Bytes(None);
    Key => |it| Value::Bytes(Some(it.0.as_bytes().to_vec())), none Value::Bytes(None);
    domain::AccountId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::ApiKeyId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::AssetId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::DeploymentId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::DeviceId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::EnrolmentId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::GroupId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::HeldChangeId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::LocationId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::OperationId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::PersonId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::SessionId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::SyncId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
    domain::UploadId => |it| Value::Text(Some(it.to_string())), none Value::Text(None);
}

/// Makes a read of a connection available outside of transactions, within, and of one instant. What is borrowed lives for
/// `'a`.
macro_rules! reads {
    ($($(#[$doc:meta])* $name:ident($($argument:ident: $type:ty),*) -> $result:ty;)*) => {
        impl $crate::Store {
            $($(#[$doc])* pub fn $name<'a>(&'a self, $($argument: $type),*) -> $crate::db::Later<'a, $result> {
                Box::pin(async move { self.reader().await?.conn().$name($($argument),*).await })
            })*
        }
        impl $crate::Tx {
            $($(#[$doc])* pub fn $name<'a>(&'a mut self, $($argument: $type),*) -> $crate::db::Later<'a, $result> {
                Box::pin(async move { self.conn().$name($($argument),*).await })
            })*
        }
        impl $crate::Snapshot {
            $($(#[$doc])* pub fn $name<'a>(&'a mut self, $($argument: $type),*) -> $crate::db::Later<'a, $result> {
                Box::pin(async move { self.0.conn().$name($($argument),*).await })
            })*
        }
    };
}
pub(crate) use reads;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fresh;

    /// P5 rests on it: what was committed before a request leaves is there after a power cut. A log that is flushed only
    /// now and then (`NORMAL`) loses the last commits.
    #[tokio::test]
    async fn every_commit_to_sqlite_is_flushed_to_the_disk() {
        let fresh = Fresh::sqlite();
        let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
        let Db::Lite { write, .. } = &store.db else {
            unreachable!()
        };
        let mut connection = write.acquire().await.unwrap();
        let mut asked = async |pragma: &'static str| -> String {
            let row = sqlx::query::<Sqlite>(pragma).fetch_one(&mut *connection).await.unwrap();
            row.try_get::<String, _>(0)
                .or_else(|_| row.try_get::<i64, _>(0).map(|number| number.to_string()))
                .unwrap()
        };
        assert_eq!(asked("PRAGMA journal_mode").await, "wal");
        assert_eq!(asked("PRAGMA synchronous").await, "2", "FULL");
        drop(connection);
        store.close().await;
    }
}
