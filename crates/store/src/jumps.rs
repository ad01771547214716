//! What was written by a clock that was wrong.
//!
//! Whatever waits until a moment, or counts from one, goes by the wall clock, and that may be set. Rows of a time that
//! has not come would be believed until it does; and where something must not be believed too early, a clock that is
//! set ahead would end the wait. So the rows are moved along with the clock.

use std::time::Duration;

use domain::Time;

use crate::{
    Store, StoreError, Tx,
    db::{Later, values},
};

/// Clocks of several servers do not go alike; ahead by more than this is not of this time.
const SKEW: Duration = Duration::from_secs(60);

macro_rules! columns {
    ($name:ident, $names:ident: $sql:tt $($table:literal $column:literal)*) => {
        const $name: &[&str] = &[$(concat!("UPDATE ", $table, " SET ", columns!($sql $column))),*];
        #[cfg(test)]
        const $names: &[(&str, &str)] = &[$(($table, $column)),*];
    };
    ("moment" $column:literal) => { concat!($column, " = $1 WHERE ", $column, " > $2") };
    ("span" $column:literal) => {
        concat!($column, " = ", $column, " + $1 WHERE ", $column, " > $2 AND ", $column, " <= $3")
    };
}

macro_rules! past {
    ($($table:literal $column:literal)*) => {
        columns!(PAST, PAST_NAMES: "moment" $($table $column)*);
        const AHEAD: &str = concat!("SELECT 1 AS ahead WHERE EXISTS (SELECT 1 FROM operations WHERE dead_at > $2)",
            $(" OR EXISTS (SELECT 1 FROM ", $table, " WHERE ", $column, " > $1)"),*);
    };
}

// When something was: never ahead, unless the clock was wrong. Something waits, counts or is deleted by each of them.
past! {
    "app_icons" "fetched_at"
    "app_metadata" "observed_at"
    "assets" "listed_at"
    "assets" "observed_at"
    "assignments" "observed_at"
    "check_ins" "at"
    "client_users" "accepted_at"
    "client_users" "created_at"
    "client_users" "observed_at"
    "client_users" "replaced_at"
    "client_users" "retired_at"
    "client_users" "retiring_at"
    "commands" "answered_at"
    "commands" "created_at"
    "commands" "not_now_at"
    "commands" "sent_at"
    "deployments" "since"
    "device_apps" "seen_at"
    "devices" "called_at"
    "devices" "enrolled_at"
    "devices" "gone_at"
    "devices" "informed_at"
    "devices" "last_seen_at"
    "devices" "leaving_since"
    "devices" "push_token_at"
    "devices" "pushed_at"
    "devices" "refused_at"
    "devices" "silent_since"
    "devices" "unreachable_since"
    "install_requests" "requested_at"
    "installs" "accepted_at"
    "installs" "asked_again_at"
    "installs" "command_since"
    "installs" "failure_at"
    "installs" "removed_at"
    "invitations" "ended_at"
    "invitations" "queued_at"
    "known_browsers" "created_at"
    "locations" "last_sync_at"
    "locations" "unanswered_since"
    "moved_up" "moved_at"
    "notification_channels" "hinted_at"
    "notification_channels" "notified_at"
    "notification_channels" "tried_at"
    "operations" "created_at"
    "operations" "finished_at"
    "operations" "sent_at"
    "people" "left_at"
    "reclaims" "last_at"
    "seat_refusals" "at"
    "seats" "since"
    "seats_ended" "at"
    "sessions" "created_at"
    "sessions" "last_seen_at"
    "syncs" "finished_at"
    "syncs" "requested_at"
    "syncs" "started_at"
    "uploads" "created_at"
}

// When something is due: ahead by right. After the clock was set back it is due at once.
columns! { DUE, DUE_NAMES: "moment"
    "client_users" "not_before"
    "devices" "next_push_at"
    "devices" "push_not_before"
    "operations" "not_before"
    "seat_refusals" "not_before"
}

// What must not be taken for older than it is: until then a list of Apple's may not know of it.
columns! { RECENT, RECENT_NAMES: "span"
    "client_users" "observed_at"
    "operations" "sent_at"
    "seats" "since"
    "seats_ended" "at"
}

// Nor may a request be taken for dead: it lies ahead by right, as far as a request can live.
columns! { ALIVE, ALIVE_NAMES: "span"
    "operations" "dead_at"
}

// What was derived by the time that was is derived anew.
const ANEW: &str = "INSERT INTO dirty_many (location_id, scope) SELECT id, 'everybody' FROM locations";

impl Store {
    /// Moves what is kept along with a clock that was set from `from` to `to`.
    ///
    /// `horizon` is how long a request may live and a list may lag, together. What happened within it stays as recent
    /// as it was; what lies ahead of a clock that was set back has just been, or is due. Every server does that whose
    /// clock was set, so what another one has moved already stays where it is.
    ///
    /// Whoever but `holder` works under a lease read by the time that was, and writes nothing of it.
    pub fn clock_set<'a>(&'a self, holder: &'a str, from: Time, to: Time, horizon: Duration) -> Later<'a, ()> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            // First, as everybody who writes under a lease does: then nobody waits for the other.
            tx.leases_revoke(holder).await?;
            if from < to {
                let by = to.ms() - from.ms();
                for sql in RECENT {
                    tx.run(sql, values![by, from - horizon, from + SKEW]).await?;
                }
                for sql in ALIVE {
                    tx.run(sql, values![by, from - horizon, from + horizon + SKEW]).await?;
                }
                tx.run(ANEW, values![]).await?;
            } else {
                for sql in DUE {
                    tx.run(sql, values![to, to]).await?;
                }
                brought_back(&mut tx, to, to, horizon).await?;
            }
            tx.commit().await
        })
    }

    /// Brings back whatever lies ahead of its time: this server was started, or another one's clock is wrong. Says
    /// whether there was anything.
    pub fn nothing_ahead(&self, now: Time, horizon: Duration) -> Later<'_, bool> {
        Box::pin(async move {
            let latest = now + SKEW;
            let found = self
                .reader()
                .await?
                .conn()
                .one(AHEAD, values![latest, latest + horizon], |_| Ok(()))
                .await?;
            if found.is_none() {
                return Ok(false);
            }
            let mut tx = self.begin().await?;
            brought_back(&mut tx, now, latest, horizon).await?;
            tx.commit().await?;
            Ok(true)
        })
    }
}

async fn brought_back(tx: &mut Tx, now: Time, latest: Time, horizon: Duration) -> Result<(), StoreError> {
    for sql in PAST {
        tx.run(sql, values![now, latest]).await?;
    }
    // As long as it can be: a request may be alive.
    let dead_at = "UPDATE operations SET dead_at = $1 WHERE dead_at > $2";
    tx.run(dead_at, values![now + horizon, latest + horizon]).await?;
    tx.run(ANEW, values![]).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{MasterKey, testing::Fresh};

    /// Said or shown only, or meant to lie ahead: a wrong one keeps nothing waiting.
    const STAY: &[(&str, &str)] = &[
        ("accounts", "changed_at"),
        ("accounts", "created_at"),
        ("accounts", "disabled_at"),
        ("accounts", "signed_in_at"),
        // Forgives what was before it.
        ("accounts", "unlocked_at"),
        ("api_keys", "changed_at"),
        ("api_keys", "created_at"),
        // Somebody chose it.
        ("api_keys", "expires_at"),
        ("api_keys", "last_used_at"),
        // A day, and as much longer as the clock was wrong.
        ("api_keys", "previous_until"),
        ("api_keys", "revoked_at"),
        ("api_keys", "rotated_at"),
        ("assets", "deployments_changed_at"),
        ("assets", "updates_changed_at"),
        ("assets", "gone_at"),
        // History is not rewritten.
        ("changes", "at"),
        ("claims", "created_at"),
        // Derived anew when the clock was set.
        ("decide_again", "at"),
        // Somebody chose it.
        ("deployments", "deadline"),
        ("deployments", "updated_at"),
        ("device_ownership", "changed_at"),
        ("enrolments", "created_at"),
        ("enrolments", "downloaded_at"),
        // A week, and as much longer as the clock was wrong.
        ("enrolments", "expires_at"),
        ("enrolments", "not_after"),
        ("enrolments", "revoked_at"),
        // History is not rewritten.
        ("events", "at"),
        ("groups", "changed_at"),
        ("groups", "created_at"),
        ("groups", "members_changed_at"),
        ("held_changes", "asked_at"),
        ("held_changes", "ended_at"),
        // A week, and as much longer as the clock was wrong.
        ("held_changes", "expires_at"),
        // By the clock of the database, which bounds it itself.
        ("leases", "until"),
        ("locations", "created_at"),
        ("locations", "expires_at"),
        ("locations", "last_modified_at"),
        // Derived anew when the clock was set.
        ("pairs", "since"),
        ("wishes", "since"),
        ("people", "changed_at"),
        ("people", "created_at"),
        ("retention", "history_before"),
        // Twelve hours, and as much longer as the clock was wrong; `last_seen_at` ends it before.
        ("sessions", "expires_at"),
        ("settings", "updated_at"),
        ("stopped_plans", "since"),
    ];

    /// A new column is a new wait: whoever adds one says here, or above, what a wrong clock does to it.
    #[tokio::test]
    async fn every_time_that_is_kept_either_follows_the_clock_or_keeps_nobody_waiting() {
        let fresh = Fresh::sqlite();
        let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
        let sql = "SELECT tables.name AS kept_in, columns.name AS called
                   FROM sqlite_master tables JOIN pragma_table_info(tables.name) columns
                   WHERE tables.type = 'table' AND columns.type = 'BIGINT'";
        let columns = store
            .reader()
            .await
            .unwrap()
            .conn()
            .all(sql, values![], |row| Ok((row.text("kept_in")?, row.text("called")?)))
            .await
            .unwrap();
        let is_time = |column: &str| {
            ["at", "since", "until", "before", "deadline", "not_after"]
                .iter()
                .any(|end| column == *end || column.ends_with(&format!("_{end}")))
        };
        let known = [PAST_NAMES, DUE_NAMES, RECENT_NAMES, ALIVE_NAMES, STAY].concat();
        let unknown: Vec<_> = columns
            .iter()
            .filter(|(table, column)| is_time(column) && !known.contains(&(table.as_str(), column.as_str())))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
        // And every one that is named is there.
        let (now, hour) = (Time(1_795_410_300_000), Duration::from_secs(3600));
        store.clock_set("a", now, now + hour, hour).await.unwrap();
        store.clock_set("a", now + hour, now, hour).await.unwrap();
        assert!(!store.nothing_ahead(now, hour).await.unwrap());
        store.close().await;
    }
}
