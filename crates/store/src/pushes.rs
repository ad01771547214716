//! Which devices to wake, and how that went.
//!
//! `next_push_at` says when; nothing is due for a device for which it is NULL. Whoever wakes a device moves it first:
//! of two servers that want to, one finds it moved. `push_asked` counts what was queued: a push that was under way
//! while something more was queued does not count for it. Most that are in the index wait for their turn: it is looked into at
//! both ends, and not walked through.

use domain::{DeviceId, Time};

use crate::{
    StoreError, Tx,
    db::{Record, values},
};

/// One device to be woken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PushRow {
    pub device: DeviceId,
    pub token: Vec<u8>,
    /// When the device told the token.
    pub token_at: Option<Time>,
    pub magic: String,
    pub topic: String,
    /// How often in a row it could not be woken.
    pub failures: i64,
    pub last_seen_at: Option<Time>,
    asked: i64,
    next_push_at: Time,
    waits: bool,
}

impl Tx {
    /// Takes devices that are due, and keeps other servers from waking them before `until`. What is due later than
    /// `at_latest` was written by a clock that was wrong, and is due now.
    pub async fn pushes_claim(
        &mut self,
        now: Time,
        until: Time,
        at_latest: Time,
        limit: i64,
    ) -> Result<Vec<PushRow>, StoreError> {
        let mut due = self
            .conn()
            .all(
                "SELECT id, push_token, push_token_at, push_magic, topic, push_asked, push_failures, last_seen_at,
                        next_push_at,
                        EXISTS (SELECT 1 FROM commands WHERE commands.device_id = devices.id
                                                         AND commands.state IN ('queued', 'sent', 'notNow')) AS waits
                 FROM devices
                 WHERE id IN (
                     SELECT id FROM (
                         SELECT id FROM devices
                         WHERE next_push_at <= $1
                           AND (push_not_before IS NULL OR push_not_before <= $1 OR push_not_before > $2)
                           AND push_token IS NOT NULL AND enrolment IN ('enrolled', 'retiring', 'wiping')
                         ORDER BY next_push_at LIMIT $3) AS due
                     UNION ALL
                     SELECT id FROM (
                         SELECT id FROM devices
                         WHERE next_push_at > $2
                           AND (push_not_before IS NULL OR push_not_before <= $1 OR push_not_before > $2)
                           AND push_token IS NOT NULL AND enrolment IN ('enrolled', 'retiring', 'wiping')
                         ORDER BY next_push_at LIMIT $3) AS never)
                 ORDER BY next_push_at, id LIMIT $3",
                values![now, at_latest, limit],
                push,
            )
            .await?;
        // In the order in which a plan takes the rows of devices, or the two would wait for each other.
        due.sort_by_key(|row| row.device);
        let mut claimed = Vec::new();
        for row in due {
            let next = row.waits.then_some(until);
            let touched = self
                .run(
                    "UPDATE devices SET next_push_at = $2
                     WHERE id = $1 AND next_push_at = $3 AND push_asked = $4 AND push_token = $5",
                    values![row.device, next, row.next_push_at, row.asked, row.token],
                )
                .await?;
            if touched == 1 && !row.waits {
                // Whom nobody calls any more nobody finds unreachable either.
                self.run(
                    "UPDATE devices SET push_failures = 0, unreachable_since = NULL WHERE id = $1",
                    values![row.device],
                )
                .await?;
            }
            if touched == 1 && row.waits {
                claimed.push(row);
            }
        }
        Ok(claimed)
    }

    /// Apple took the push. When something was queued meanwhile, the device is due again at once.
    pub async fn push_sent(&mut self, push: &PushRow, now: Time, next: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET pushed_at = $3, push_failures = 0, unreachable_since = NULL,
                 next_push_at = CASE WHEN push_asked = $4 THEN $5 ELSE 0 END
             WHERE id = $1 AND push_token = $2",
            values![push.device, push.token, now, push.asked, next],
        )
        .await?;
        Ok(())
    }

    /// The push did not get through, and is tried again. Where Apple asked for it, never before `not_before`, whatever
    /// is queued meanwhile.
    pub async fn push_failed(
        &mut self,
        push: &PushRow,
        now: Time,
        next: Time,
        not_before: Option<Time>,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET push_failures = push_failures + 1, next_push_at = $4, push_not_before = $5,
                 unreachable_since = COALESCE(unreachable_since, $3)
             WHERE id = $1 AND push_token = $2",
            values![push.device, push.token, now, next, not_before],
        )
        .await?;
        Ok(())
    }

    /// Apple does not know the token any more. `false` when the device has told another one since.
    pub async fn push_token_dead(&mut self, push: &PushRow, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET push_token = NULL, next_push_at = NULL,
                     unreachable_since = COALESCE(unreachable_since, $3)
                 WHERE id = $1 AND push_token = $2",
                values![push.device, push.token, now],
            )
            .await?;
        Ok(touched == 1)
    }
}

fn push(row: &Record) -> Result<PushRow, StoreError> {
    Ok(PushRow {
        device: row.parsed("id")?,
        token: row.bytes("push_token")?,
        token_at: row.time_or_none("push_token_at")?,
        magic: row.text_or_none("push_magic")?.unwrap_or_default(),
        topic: row.text_or_none("topic")?.unwrap_or_default(),
        failures: row.int("push_failures")?,
        last_seen_at: row.time_or_none("last_seen_at")?,
        asked: row.int("push_asked")?,
        next_push_at: row.time("next_push_at")?,
        waits: row.flag("waits")?,
    })
}
