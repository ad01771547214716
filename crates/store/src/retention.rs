//! What is deleted when it is old enough: a little at a time, and nothing that something still refers to.

use domain::Time;

use crate::{
    Store, StoreError,
    db::{Later, values},
};

/// Rows in one transaction: it keeps other writers waiting for milliseconds.
const BATCH: i64 = 500;

impl Store {
    /// Deletes history from before a moment, some of it, and says how many rows. The database refuses the last 30 days.
    pub fn history_trim(&self, before: Time) -> Later<'_, u64> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            let open = "UPDATE retention SET history_before = $1";
            tx.run(open, values![before]).await?;
            let gone = tx
                .run(
                    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < $1 ORDER BY at LIMIT $2)",
                    values![before, BATCH],
                )
                .await?;
            tx.run(open, values![Time(0)]).await?;
            tx.commit().await?;
            Ok(gone)
        })
    }

    /// Deletes finished work from before a moment, some of it, and says how many rows: commands, operations, syncs.
    /// What a licence, a client user or an installation still refers to stays, and so does each location's latest sync.
    pub fn work_trim(&self, before: Time) -> Later<'_, u64> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            let mut gone = 0;
            for sql in FINISHED {
                gone += tx.run(sql, values![before, BATCH]).await?;
            }
            tx.commit().await?;
            Ok::<u64, StoreError>(gone)
        })
    }
}

const FINISHED: [&str; 3] = [
    "DELETE FROM commands WHERE uuid IN (
         SELECT uuid FROM commands
         WHERE COALESCE(answered_at, created_at) < $1 AND state NOT IN ('queued', 'sent', 'notNow')
           AND NOT EXISTS (SELECT 1 FROM installs WHERE installs.command = commands.uuid)
         LIMIT $2)",
    "DELETE FROM operations WHERE id IN (
         SELECT id FROM operations
         WHERE finished_at < $1 AND state IN ('done', 'failed')
           AND NOT EXISTS (SELECT 1 FROM seats WHERE seats.operation_id = operations.id)
           AND NOT EXISTS (SELECT 1 FROM client_users WHERE client_users.operation_id = operations.id)
         LIMIT $2)",
    "DELETE FROM syncs WHERE id IN (
         SELECT id FROM syncs
         WHERE finished_at < $1
           AND requested_at < (SELECT MAX(later.requested_at) FROM syncs later
                               WHERE later.location_id = syncs.location_id AND later.finished_at IS NOT NULL)
         LIMIT $2)",
];
