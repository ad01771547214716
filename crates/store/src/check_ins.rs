//! What devices said when they came and went, for support: as it came, without its secrets, and not for ever.

use domain::{DeviceId, Time};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values},
};

/// So many of a device are kept: what is older than its last few enrolments explains nothing.
const KEPT: i64 = 20;

/// One check-in message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckInRow {
    /// Counts up with time.
    pub id: Uuid,
    pub device_id: DeviceId,
    pub at: Time,
    /// `Authenticate`, `TokenUpdate`, …
    pub kind: String,
    /// Why it was not taken; `None` when it was.
    pub refusal: Option<String>,
    /// A property list without secrets.
    pub body: String,
}

reads! {
    /// The latest first.
    check_ins(device: DeviceId) -> Vec<CheckInRow>;
}

impl Conn<'_> {
    async fn check_ins(&mut self, device: DeviceId) -> Result<Vec<CheckInRow>, StoreError> {
        let sql = "SELECT * FROM check_ins WHERE device_id = $1 ORDER BY id DESC";
        self.all(sql, values![device], check_in).await
    }
}

impl Tx {
    /// Keeps one more, and lets go of what is too old or too much: `before` is the oldest that is kept.
    pub async fn check_in_insert(&mut self, row: &CheckInRow, before: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO check_ins (id, device_id, at, kind, refusal, body) VALUES ($1, $2, $3, $4, $5, $6)",
            values![row.id, row.device_id, row.at, row.kind, row.refusal, row.body],
        )
        .await?;
        self.run(
            "DELETE FROM check_ins WHERE device_id = $1 AND (at < $2 OR id NOT IN (
                 SELECT id FROM check_ins WHERE device_id = $1 ORDER BY id DESC LIMIT $3))",
            values![row.device_id, before, KEPT],
        )
        .await?;
        Ok(())
    }
}

fn check_in(row: &Record) -> Result<CheckInRow, StoreError> {
    Ok(CheckInRow {
        id: row.parsed("id")?,
        device_id: row.parsed("device_id")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        refusal: row.text_or_none("refusal")?,
        body: row.text("body")?,
    })
}
