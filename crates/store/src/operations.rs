//! What is asked of Apple, and how far it is.

use domain::{AssetId, Holder, LocationId, OperationId, Time};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, Value, reads, values, word},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationKind {
    CreateUsers,
    Associate,
    Disassociate,
    RetireUsers,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum OperationState {
    Queued,
    /// The request leaves now, or left and its answer is not known.
    Sending,
    /// Apple works on it.
    Pending,
    Done,
    Failed,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationRow {
    pub id: OperationId,
    pub location_id: LocationId,
    pub kind: OperationKind,
    pub state: OperationState,
    pub event_id: Option<String>,
    pub attempts: i64,
    pub not_before: Option<Time>,
    pub requested: i64,
    pub completed: i64,
    pub error_number: Option<i64>,
    pub error_message: Option<String>,
    pub created_at: Time,
    pub sent_at: Option<Time>,
    pub finished_at: Option<Time>,
    /// From then on nothing more can come of the request, whatever became of its answer.
    pub dead_at: Option<Time>,
}

impl OperationRow {
    /// One of which Apple has heard nothing yet. `requested`: about how many people it is.
    pub fn queued(
        id: OperationId,
        location: LocationId,
        kind: OperationKind,
        requested: i64,
        now: Time,
    ) -> OperationRow {
        OperationRow {
            id,
            location_id: location,
            kind,
            state: OperationState::Queued,
            event_id: None,
            attempts: 0,
            not_before: None,
            requested,
            completed: 0,
            error_number: None,
            error_message: None,
            created_at: now,
            sent_at: None,
            finished_at: None,
            dead_at: None,
        }
    }
}

reads! {
    operation(id: OperationId) -> Option<OperationRow>;
    /// What a licence waits for, while it does.
    operation_of_seat(asset: AssetId, holder: Holder) -> Option<OperationRow>;
    /// What is not finished, the oldest first.
    operations_open(location: LocationId) -> Vec<OperationRow>;
    /// The latest first.
    operations_recent(limit: i64) -> Vec<OperationRow>;
}

impl Conn<'_> {
    async fn operation(&mut self, id: OperationId) -> Result<Option<OperationRow>, StoreError> {
        self.one("SELECT * FROM operations WHERE id = $1", values![id], operation)
            .await
    }

    async fn operation_of_seat(&mut self, asset: AssetId, holder: Holder) -> Result<Option<OperationRow>, StoreError> {
        self.one(
            "SELECT * FROM operations
             WHERE id = (SELECT operation_id FROM seats WHERE asset_id = $1 AND holder_id = $2)",
            values![asset, holder.id()],
            operation,
        )
        .await
    }

    async fn operations_open(&mut self, location: LocationId) -> Result<Vec<OperationRow>, StoreError> {
        self.all(
            "SELECT * FROM operations WHERE location_id = $1 AND state IN ('queued', 'sending', 'pending')
             ORDER BY created_at, id",
            values![location],
            operation,
        )
        .await
    }

    async fn operations_recent(&mut self, limit: i64) -> Result<Vec<OperationRow>, StoreError> {
        self.all(
            "SELECT * FROM operations ORDER BY created_at DESC, id DESC LIMIT $1",
            values![limit],
            operation,
        )
        .await
    }
}

impl Tx {
    pub async fn operation_insert(&mut self, row: &OperationRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO operations (id, location_id, kind, state, event_id, attempts, not_before, requested, completed,
                                     error_number, error_message, created_at, sent_at, finished_at, dead_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            operation_values(row),
        )
        .await?;
        Ok(())
    }

    pub async fn operation_update(&mut self, row: &OperationRow) -> Result<(), StoreError> {
        self.run(
            "UPDATE operations SET location_id = $2, kind = $3, state = $4, event_id = $5, attempts = $6,
                                   not_before = $7, requested = $8, completed = $9, error_number = $10,
                                   error_message = $11, created_at = $12, sent_at = $13, finished_at = $14,
                                   dead_at = $15, told = CASE WHEN $4 = 'sending' THEN 0 ELSE told END
             WHERE id = $1",
            operation_values(row),
        )
        .await?;
        Ok(())
    }
}

impl Tx {
    /// What `from` is about for these, licences or client users, waits for `to` from now on.
    pub async fn operation_hand_over(
        &mut self,
        from: OperationId,
        to: OperationId,
        holders: &[Holder],
    ) -> Result<(), StoreError> {
        for holder in holders {
            for sql in [
                "UPDATE seats SET operation_id = $2 WHERE operation_id = $1 AND holder_id = $3",
                "UPDATE client_users SET operation_id = $2 WHERE operation_id = $1 AND person_id = $3",
            ] {
                self.run(sql, values![from, to, holder.id()]).await?;
            }
        }
        Ok(())
    }
}

fn operation_values(row: &OperationRow) -> Vec<Value> {
    values![
        row.id,
        row.location_id,
        word(&row.kind),
        word(&row.state),
        row.event_id,
        row.attempts,
        row.not_before,
        row.requested,
        row.completed,
        row.error_number,
        row.error_message,
        row.created_at,
        row.sent_at,
        row.finished_at,
        row.dead_at
    ]
}

fn operation(row: &Record) -> Result<OperationRow, StoreError> {
    Ok(OperationRow {
        id: row.parsed("id")?,
        location_id: row.parsed("location_id")?,
        kind: row.word("kind")?,
        state: row.word("state")?,
        event_id: row.text_or_none("event_id")?,
        attempts: row.int("attempts")?,
        not_before: row.time_or_none("not_before")?,
        requested: row.int("requested")?,
        completed: row.int("completed")?,
        error_number: row.int_or_none("error_number")?,
        error_message: row.text_or_none("error_message")?,
        created_at: row.time("created_at")?,
        sent_at: row.time_or_none("sent_at")?,
        finished_at: row.time_or_none("finished_at")?,
        dead_at: row.time_or_none("dead_at")?,
    })
}
