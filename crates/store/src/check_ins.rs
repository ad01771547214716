//! What devices said when they came and went, for support: without its secrets, and not for ever.

use std::fmt;

use domain::{DeviceId, Time};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// So many of a device are kept of those that were taken, so many of those that were not, and so many refused ones of
/// one source: what is older than the last few enrolments explains nothing, and who is refused pushes nothing out.
const KEPT: i64 = 20;
/// So many refused ones of devices that nobody knows, wherever they came from.
const STRANGERS: i64 = 500;

/// Why a check-in message was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum CheckInRefusal {
    /// It is not signed, or the signature is not of this message.
    Signature,
    /// Whoever signed may not speak for this device.
    Identity,
    /// The device is somebody else's.
    TakenByAnother,
    /// It is of a profile that is not ours.
    Topic,
    /// It is not a message that this server speaks.
    Message,
    /// A user of a device wants to be managed.
    User,
}

/// One check-in message.
#[derive(Clone, PartialEq, Eq)]
pub struct CheckInRow {
    /// Counts up with time.
    pub id: Uuid,
    /// `None` when no device is known by the id in the message, or nothing proves that it is the device that speaks.
    pub device_id: Option<DeviceId>,
    /// The address that a stranger's message came from. Where our own people's devices are is not written down.
    pub source: Option<String>,
    pub at: Time,
    /// `Authenticate`, `TokenUpdate`, …; empty when that could not be read.
    pub kind: String,
    /// Why it was not taken; `None` when it was.
    pub refusal: Option<CheckInRefusal>,
    /// What the device was told, in the words of the protocol.
    pub reason: Option<String>,
    /// A property list without secrets; empty when it could not be read.
    pub body: String,
}

/// Without the message.
impl fmt::Debug for CheckInRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CheckInRow")
            .field("kind", &self.kind)
            .field("refusal", &self.refusal)
            .finish_non_exhaustive()
    }
}

reads! {
    /// The latest first.
    check_ins(device: DeviceId) -> Vec<CheckInRow>;
    /// Refused ones of devices that nobody knows, the latest first.
    check_ins_of_strangers(limit: i64) -> Vec<CheckInRow>;
}

impl Conn<'_> {
    async fn check_ins(&mut self, device: DeviceId) -> Result<Vec<CheckInRow>, StoreError> {
        let sql = "SELECT * FROM check_ins WHERE device_id = $1 ORDER BY id DESC";
        self.all(sql, values![device], check_in).await
    }

    async fn check_ins_of_strangers(&mut self, limit: i64) -> Result<Vec<CheckInRow>, StoreError> {
        let sql = "SELECT * FROM check_ins WHERE device_id IS NULL ORDER BY id DESC LIMIT $1";
        self.all(sql, values![limit], check_in).await
    }
}

impl Tx {
    /// Keeps one more, and lets go of what is too much.
    pub async fn check_in_insert(&mut self, row: &CheckInRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO check_ins (id, device_id, source, at, kind, refusal, reason, body)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                row.id,
                row.device_id,
                row.source,
                row.at,
                row.kind,
                row.refusal.as_ref().map(word),
                row.reason,
                row.body
            ],
        )
        .await?;
        let Some(device) = row.device_id else {
            self.run(
                "DELETE FROM check_ins WHERE device_id IS NULL AND source = $1 AND id NOT IN (
                     SELECT id FROM check_ins WHERE device_id IS NULL AND source = $1 ORDER BY id DESC LIMIT $2)",
                values![row.source, KEPT],
            )
            .await?;
            self.run(
                "DELETE FROM check_ins WHERE device_id IS NULL AND id NOT IN (
                     SELECT id FROM check_ins WHERE device_id IS NULL ORDER BY id DESC LIMIT $1)",
                values![STRANGERS],
            )
            .await?;
            return Ok(());
        };
        let too_much = match row.refusal {
            None => {
                "DELETE FROM check_ins WHERE device_id = $1 AND refusal IS NULL AND id NOT IN (
                     SELECT id FROM check_ins WHERE device_id = $1 AND refusal IS NULL ORDER BY id DESC LIMIT $2)"
            }
            Some(_) => {
                "DELETE FROM check_ins WHERE device_id = $1 AND refusal IS NOT NULL AND id NOT IN (
                     SELECT id FROM check_ins WHERE device_id = $1 AND refusal IS NOT NULL ORDER BY id DESC LIMIT $2)"
            }
        };
        self.run(too_much, values![device, KEPT]).await?;
        Ok(())
    }
}

fn check_in(row: &Record) -> Result<CheckInRow, StoreError> {
    Ok(CheckInRow {
        id: row.parsed("id")?,
        device_id: row.parsed_or_none("device_id")?,
        source: row.text_or_none("source")?,
        at: row.time("at")?,
        kind: row.text("kind")?,
        refusal: row.word_or_none("refusal")?,
        reason: row.text_or_none("reason")?,
        body: row.text("body")?,
    })
}
