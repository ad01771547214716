//! What is deleted when it is old enough: a little at a time, and nothing that something still refers to.

use domain::Time;

use crate::{
    Store, StoreError,
    db::{Later, values},
};

/// Up to when what is past is kept.
#[derive(Debug, Clone, Copy)]
pub struct Kept {
    /// Finished work, refusals, what devices said when they came and went, links that nobody used.
    pub work: Time,
    /// An upload that nobody confirmed holds a secret.
    pub uploads: Time,
    /// Browsers in which somebody signed in.
    pub browsers: Time,
    /// Sessions that were used last before.
    pub sessions: Time,
    pub now: Time,
}

/// Rows in one transaction: it keeps other writers waiting for milliseconds.
const BATCH: i64 = 500;
/// 30 days, as the guard of the table has them, in milliseconds.
const KEPT_ALWAYS: i64 = 30 * 24 * 3600 * 1000;

impl Store {
    /// Deletes history from before a moment, some of it, and says how many rows. What happened within 30 days of the
    /// latest event stays in any case; the database refuses to delete it.
    pub fn history_trim(&self, before: Time) -> Later<'_, u64> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            let latest = "SELECT MAX(at) AS at FROM events";
            let latest = tx.conn().one(latest, Vec::new(), |row| row.int_or_none("at")).await?;
            let Some(latest) = latest.flatten() else { return Ok(0) };
            let before = before.min(Time(latest - KEPT_ALWAYS));
            let open = "UPDATE retention SET history_before = $1";
            tx.run(open, values![before]).await?;
            let gone = tx
                .run(
                    "DELETE FROM events WHERE seq IN (SELECT seq FROM events WHERE at < $1 ORDER BY at LIMIT $2)",
                    values![before, BATCH],
                )
                .await?;
            let gone = gone
                + tx.run(
                    "DELETE FROM changes WHERE id IN (SELECT id FROM changes WHERE at < $1 ORDER BY at LIMIT $2)",
                    values![before, BATCH],
                )
                .await?
                + tx.run(
                    "DELETE FROM held_changes WHERE id IN (
                         SELECT id FROM held_changes WHERE ended_at < $1 AND state <> 'open' LIMIT $2)",
                    values![before, BATCH],
                )
                .await?;
            tx.run(open, values![Time(0)]).await?;
            tx.commit().await?;
            Ok(gone)
        })
    }

    /// Deletes what is past, some of it, and says how many rows.
    ///
    /// What a licence, a client user or an installation still refers to stays, and so do each location's latest sync, the
    /// enrolment of each device, and the invitation that a person was shown: or they would be invited once more.
    pub fn past_trim(&self, kept: Kept) -> Later<'_, u64> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            let mut gone = 0;
            for (sql, before) in [
                (COMMANDS, kept.work),
                (OPERATIONS, kept.work),
                (SYNCS, kept.work),
                (REFUSALS, kept.work),
                (CHECK_INS, kept.work),
                (LINKS, kept.work),
                (INVITATIONS, kept.work),
                (UPLOADS, kept.uploads),
                (BROWSERS, kept.browsers),
                (SESSIONS_UNUSED, kept.sessions),
                (SESSIONS_OVER, kept.now),
            ] {
                gone += tx.run(sql, values![before, BATCH]).await?;
            }
            tx.commit().await?;
            Ok::<u64, StoreError>(gone)
        })
    }
}

const COMMANDS: &str = "DELETE FROM commands WHERE uuid IN (
         SELECT uuid FROM commands
         WHERE COALESCE(answered_at, created_at) < $1 AND state NOT IN ('queued', 'sent', 'notNow')
         LIMIT $2)";
const OPERATIONS: &str = "DELETE FROM operations WHERE id IN (
         SELECT id FROM operations
         WHERE finished_at < $1 AND state IN ('done', 'failed')
           AND NOT EXISTS (SELECT 1 FROM seats WHERE seats.operation_id = operations.id)
           AND NOT EXISTS (SELECT 1 FROM client_users WHERE client_users.operation_id = operations.id)
         LIMIT $2)";
const SYNCS: &str = "DELETE FROM syncs WHERE id IN (
         SELECT id FROM syncs
         WHERE finished_at < $1
           AND requested_at < (SELECT MAX(later.requested_at) FROM syncs later
                               WHERE later.location_id = syncs.location_id AND later.finished_at IS NOT NULL)
         LIMIT $2)";
// Without it the same is asked once more, and refused anew if nothing has changed.
const REFUSALS: &str = "DELETE FROM seat_refusals WHERE (asset_id, holder_id) IN (
         SELECT asset_id, holder_id FROM seat_refusals WHERE at < $1 AND not_before < $1 LIMIT $2)";
const CHECK_INS: &str = "DELETE FROM check_ins WHERE id IN (SELECT id FROM check_ins WHERE at < $1 LIMIT $2)";
const LINKS: &str = "DELETE FROM enrolments WHERE id IN (
         SELECT id FROM enrolments WHERE expires_at < $1 AND downloaded_at IS NULL LIMIT $2)";
// A device that turned it down, or was silent, is left alone for a day: much less than anything here is kept.
const INVITATIONS: &str = "DELETE FROM invitations WHERE id IN (
         SELECT id FROM invitations
         WHERE ended_at < $1
           AND NOT (outcome = 'shown'
                    AND EXISTS (SELECT 1 FROM client_users
                                WHERE client_users.client_user_id = invitations.client_user_id
                                  AND client_users.round = invitations.round AND client_users.replaced_at IS NULL))
         LIMIT $2)";
const UPLOADS: &str = "DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE created_at < $1 LIMIT $2)";
const BROWSERS: &str = "DELETE FROM known_browsers WHERE token_sha256 IN (
         SELECT token_sha256 FROM known_browsers WHERE created_at <= $1 LIMIT $2)";
const SESSIONS_UNUSED: &str = "DELETE FROM sessions WHERE id IN (
         SELECT id FROM sessions WHERE last_seen_at <= $1 LIMIT $2)";
const SESSIONS_OVER: &str = "DELETE FROM sessions WHERE id IN (
         SELECT id FROM sessions WHERE expires_at <= $1 LIMIT $2)";
