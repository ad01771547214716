//! Changes that wait for another administrator.

use domain::{HeldChangeId, Time};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    ChangeKind, StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum HeldState {
    Open,
    Approved,
    TurnedDown,
    Withdrawn,
    Expired,
}

#[derive(Debug, Clone, PartialEq)]
pub struct HeldRow {
    pub id: HeldChangeId,
    pub kind: ChangeKind,
    /// The app, the group; `settings` of those.
    pub thing: String,
    pub name: String,
    /// What is to be so.
    pub intent: Value,
    /// Of the thing, as it was when it was asked for.
    pub base: i64,
    /// Of what whoever asked had seen.
    pub digest: String,
    pub take_back: u64,
    /// What the preview said, in numbers.
    pub promised: Value,
    /// The change that it takes back.
    pub undoes: Option<i64>,
    pub asked_at: Time,
    /// Who asked: what they are called, and who they are, as in the history.
    pub asked_by: String,
    pub asker_kind: String,
    pub asker_id: Option<String>,
    pub expires_at: Time,
    pub state: HeldState,
    pub ended_at: Option<Time>,
    pub ended_by: Option<String>,
    /// Why it was turned down.
    pub reason: Option<String>,
    /// What came of it.
    pub change: Option<i64>,
}

/// Without what is to be so: of members that may be thousands.
macro_rules! listed {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, thing_id, name, CAST('null' AS TEXT) AS intent, base, digest, take_back, promised, undoes, asked_at,
                    asked_by, asker_kind, asker_id, expires_at, state, ended_at, ended_by, reason, change_id
             FROM held_changes ",
            $rest
        )
    };
}

/// How one ends.
#[derive(Debug, Clone, Copy)]
pub struct HeldEnd<'a> {
    pub state: HeldState,
    pub at: Time,
    pub by: &'a str,
    pub reason: Option<&'a str>,
    pub change: Option<i64>,
}

reads! {
    held_change(id: HeldChangeId) -> Option<HeldRow>;
    /// Those that wait, the first to expire first. What is wanted is read one by one ([`Store::held_change`](crate::Store::held_change)).
    held_changes_open(now: Time) -> Vec<HeldRow>;
    /// Those that waited too long, and are to be ended.
    held_changes_expired(now: Time) -> Vec<HeldRow>;
    /// Those that ended, the latest first.
    held_changes_ended(limit: i64) -> Vec<HeldRow>;
}

impl Conn<'_> {
    async fn held_change(&mut self, id: HeldChangeId) -> Result<Option<HeldRow>, StoreError> {
        self.one("SELECT * FROM held_changes WHERE id = $1", values![id], row)
            .await
    }

    async fn held_changes_open(&mut self, now: Time) -> Result<Vec<HeldRow>, StoreError> {
        self.all(
            listed!("WHERE state = 'open' AND expires_at > $1 ORDER BY expires_at"),
            values![now],
            row,
        )
        .await
    }

    async fn held_changes_expired(&mut self, now: Time) -> Result<Vec<HeldRow>, StoreError> {
        self.all(
            listed!("WHERE state = 'open' AND expires_at <= $1 ORDER BY expires_at LIMIT 100"),
            values![now],
            row,
        )
        .await
    }

    async fn held_changes_ended(&mut self, limit: i64) -> Result<Vec<HeldRow>, StoreError> {
        self.all(
            listed!("WHERE state <> 'open' ORDER BY ended_at DESC LIMIT $1"),
            values![limit],
            row,
        )
        .await
    }
}

impl Tx {
    pub async fn held_change_insert(&mut self, held: &HeldRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO held_changes (id, kind, thing_id, name, intent, base, digest, take_back, promised, undoes, asked_at,
                                       asked_by, asker_kind, asker_id, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            values![
                held.id,
                word(&held.kind),
                held.thing,
                held.name,
                held.intent.to_string(),
                held.base,
                held.digest,
                i64::try_from(held.take_back).unwrap_or(i64::MAX),
                held.promised.to_string(),
                held.undoes,
                held.asked_at,
                held.asked_by,
                held.asker_kind,
                held.asker_id,
                held.expires_at
            ],
        )
        .await?;
        Ok(())
    }

    /// `false` when it does not wait any more: somebody was faster.
    pub async fn held_change_end(&mut self, id: HeldChangeId, end: HeldEnd<'_>) -> Result<bool, StoreError> {
        let ended = self
            .run(
                "UPDATE held_changes SET state = $2, ended_at = $3, ended_by = $4, reason = $5, change_id = $6
                 WHERE id = $1 AND state = 'open'",
                values![id, word(&end.state), end.at, end.by, end.reason, end.change],
            )
            .await?;
        Ok(ended == 1)
    }
}

fn row(row: &Record) -> Result<HeldRow, StoreError> {
    Ok(HeldRow {
        id: row.parsed("id")?,
        kind: row.word("kind")?,
        thing: row.text("thing_id")?,
        name: row.text("name")?,
        intent: row.json("intent")?,
        base: row.int("base")?,
        digest: row.text("digest")?,
        take_back: u64::try_from(row.int("take_back")?).unwrap_or(0),
        promised: row.json("promised")?,
        undoes: row.int_or_none("undoes")?,
        asked_at: row.time("asked_at")?,
        asked_by: row.text("asked_by")?,
        asker_kind: row.text("asker_kind")?,
        asker_id: row.text_or_none("asker_id")?,
        expires_at: row.time("expires_at")?,
        state: row.word("state")?,
        ended_at: row.time_or_none("ended_at")?,
        ended_by: row.text_or_none("ended_by")?,
        reason: row.text_or_none("reason")?,
        change: row.int_or_none("change_id")?,
    })
}
