//! Reads of everything that Apple has: asked for, running, done.

use domain::{LocationId, SyncId, Time};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// Why a read was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncCause {
    Person,
    Schedule,
    /// A token was uploaded.
    Token,
    /// What is known here did not fit what Apple said.
    Resync,
}

/// Graph's `vppTokenSyncStatus`; `none` is asked for and not begun.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SyncStatus {
    None,
    InProgress,
    Completed,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SyncRow {
    pub id: SyncId,
    pub location_id: LocationId,
    pub cause: SyncCause,
    /// Who asked for it, by name.
    pub actor: String,
    pub requested_at: Time,
    pub started_at: Option<Time>,
    pub finished_at: Option<Time>,
    pub status: SyncStatus,
    /// What is being read: `config`, `assets`, `assignments`, `users`, `metadata`.
    pub phase: String,
    pub done: i64,
    pub total: i64,
    pub requests: i64,
    /// How many records changed on our side.
    pub changes: i64,
    pub error_code: Option<String>,
    pub error_detail: Option<String>,
}

reads! {
    sync(id: SyncId) -> Option<SyncRow>;
    /// The latest first.
    syncs(location: LocationId, limit: i64) -> Vec<SyncRow>;
    /// The one that waits or runs.
    sync_open(location: LocationId) -> Option<SyncRow>;
}

impl Conn<'_> {
    async fn sync(&mut self, id: SyncId) -> Result<Option<SyncRow>, StoreError> {
        self.one("SELECT * FROM syncs WHERE id = $1", values![id], sync).await
    }

    async fn syncs(&mut self, location: LocationId, limit: i64) -> Result<Vec<SyncRow>, StoreError> {
        let sql = "SELECT * FROM syncs WHERE location_id = $1 ORDER BY requested_at DESC, id DESC LIMIT $2";
        self.all(sql, values![location, limit], sync).await
    }

    async fn sync_open(&mut self, location: LocationId) -> Result<Option<SyncRow>, StoreError> {
        self.one(
            "SELECT * FROM syncs WHERE location_id = $1 AND status IN ('none', 'inProgress')
             ORDER BY requested_at LIMIT 1",
            values![location],
            sync,
        )
        .await
    }
}

impl Tx {
    /// Asks for a read under the name `id`; one that is asked for or under way already is the answer.
    pub async fn sync_request(
        &mut self,
        id: SyncId,
        location: LocationId,
        cause: SyncCause,
        actor: &str,
        now: Time,
    ) -> Result<SyncId, StoreError> {
        if let Some(open) = self.sync_open(location).await? {
            return Ok(open.id);
        }
        self.run(
            "INSERT INTO syncs (id, location_id, cause, actor, requested_at, status, phase, done, total, requests,
                                changes)
             VALUES ($1, $2, $3, $4, $5, 'none', '', 0, 0, 0, 0)",
            values![id, location, word(&cause), actor, now],
        )
        .await?;
        Ok(id)
    }

    /// Asks once more for a read that was asked for since then for this cause, and failed. `false` when there is none.
    pub async fn sync_again(
        &mut self,
        location: LocationId,
        cause: SyncCause,
        since: Time,
    ) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE syncs SET status = 'none', phase = '', done = 0, total = 0, started_at = NULL,
                                  finished_at = NULL, error_code = NULL, error_detail = NULL
                 WHERE id = (SELECT id FROM syncs
                             WHERE location_id = $1 AND cause = $2 AND requested_at >= $3 AND status = 'failed'
                             ORDER BY requested_at DESC LIMIT 1)
                   AND NOT EXISTS (SELECT 1 FROM syncs open
                                   WHERE open.location_id = $1 AND open.status IN ('none', 'inProgress'))",
                values![location, word(&cause), since],
            )
            .await?;
        Ok(touched == 1)
    }

    pub async fn sync_update(&mut self, row: &SyncRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE syncs SET started_at = $2, finished_at = $3, status = $4, phase = $5, done = $6, total = $7,
                              requests = $8, changes = $9, error_code = $10, error_detail = $11
             WHERE id = $1",
            values![
                row.id,
                row.started_at,
                row.finished_at,
                word(&row.status),
                row.phase,
                row.done,
                row.total,
                row.requests,
                row.changes,
                row.error_code,
                row.error_detail
            ],
        )
        .await?;
        Ok(())
    }
}

fn sync(row: &Record) -> Result<SyncRow, StoreError> {
    Ok(SyncRow {
        id: row.parsed("id")?,
        location_id: row.parsed("location_id")?,
        cause: row.word("cause")?,
        actor: row.text("actor")?,
        requested_at: row.time("requested_at")?,
        started_at: row.time_or_none("started_at")?,
        finished_at: row.time_or_none("finished_at")?,
        status: row.word("status")?,
        phase: row.text("phase")?,
        done: row.int("done")?,
        total: row.int("total")?,
        requests: row.int("requests")?,
        changes: row.int("changes")?,
        error_code: row.text_or_none("error_code")?,
        error_detail: row.text_or_none("error_detail")?,
    })
}
