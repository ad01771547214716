//! Managed devices, their identities, and the one-time links with which they come.

use std::collections::BTreeSet;

use domain::{DeviceId, Enrolment, EnrolmentId, PersonId, Platform, Time};
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, listed, reads, values, word},
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceRow {
    pub id: DeviceId,
    pub udid: String,
    pub serial: Option<String>,
    pub name: String,
    /// `iPhone15,4`
    pub product_name: String,
    pub platform: Platform,
    pub os_version: Option<String>,
    pub build_version: Option<String>,
    pub person_id: PersonId,
    pub enrolment: Enrolment,
    /// Enrolled through the Device Enrollment Program.
    pub dep: bool,
    /// Several people sign in to it.
    pub shared: bool,
    pub supervised: Option<bool>,
    pub awaiting_configuration: bool,
    pub push_token: Option<Vec<u8>>,
    pub push_magic: Option<String>,
    pub topic: Option<String>,
    pub enrolment_id: Option<EnrolmentId>,
    pub enrolled_at: Option<Time>,
    pub last_seen_at: Option<Time>,
    /// When it last told what it is.
    pub informed_at: Option<Time>,
    pub gone_at: Option<Time>,
    /// Since when it is to retire or to be wiped.
    pub leaving_since: Option<Time>,
    /// When it was asked for a sign of life, after a long silence.
    pub called_at: Option<Time>,
    /// Since when it counts as gone, for want of one. Ends when it speaks.
    pub silent_since: Option<Time>,
    /// When it last spoke although it had been taken out.
    pub refused_at: Option<Time>,
    /// Since when it cannot be woken.
    pub unreachable_since: Option<Time>,
    pub pushed_at: Option<Time>,
    pub store_account_active: Option<bool>,
    pub store_account_hash: Option<String>,
}

/// What is known of a device when it begins to enrol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewEnrolment {
    pub id: DeviceId,
    pub udid: String,
    pub serial: Option<String>,
    pub name: String,
    pub product_name: String,
    pub platform: Platform,
    pub os_version: Option<String>,
    pub build_version: Option<String>,
    pub person_id: PersonId,
    pub topic: String,
    pub enrolment_id: EnrolmentId,
}

/// What a device said of itself; what it did not say is `None`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    pub name: Option<String>,
    pub serial: Option<String>,
    pub product_name: Option<String>,
    pub platform: Option<Platform>,
    pub os_version: Option<String>,
    pub build_version: Option<String>,
    pub supervised: Option<bool>,
    pub shared: Option<bool>,
    pub store_account_active: Option<bool>,
    pub store_account_hash: Option<String>,
}

/// The identity that was made for an enrolment.
#[derive(Debug, Clone, Copy)]
pub struct NewIdentity<'a> {
    /// Of the certificate, in lower-case hex.
    pub sha256: &'a str,
    pub not_after: Time,
    /// What the profile asks for; it can never become more.
    pub access_rights: i64,
}

/// A one-time link, the identity that was handed out for it, and the device that uses it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRow {
    pub id: EnrolmentId,
    /// For whom it was made; `None` for nobody.
    pub person_id: Option<PersonId>,
    pub token_sha256: String,
    pub created_at: Time,
    pub expires_at: Time,
    pub downloaded_at: Option<Time>,
    pub certificate_sha256: Option<String>,
    pub not_after: Option<Time>,
    /// What the profile asked for; `None` before it was handed out.
    pub access_rights: Option<i64>,
    /// Since when nothing that is signed with its identity is accepted.
    pub revoked_at: Option<Time>,
    /// The one device that may use it; `None` before one did.
    pub device_id: Option<DeviceId>,
}

/// A device that polls with an identity that was issued for it and counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PollRow {
    pub device: DeviceId,
    pub enrolment: Enrolment,
    pub last_seen_at: Option<Time>,
    /// Something waits to be handed out to it.
    pub waits: bool,
    /// Its word changes more than when it was heard: it counts as gone for its silence, or could not be woken.
    pub is_news: bool,
}

/// A device that speaks, and the identity that it speaks with, which may be another's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpeakingRow {
    pub device: DeviceRow,
    pub identity: EnrolmentId,
    pub revoked_at: Option<Time>,
    /// The one device that may use the identity.
    pub owner: Option<DeviceId>,
    /// It could not be woken lately, which its word ends.
    pub is_hard_to_wake: bool,
}

impl DeviceRow {
    /// Who has it; `None` of one that belongs to nobody.
    pub fn owner(&self) -> Option<PersonId> {
        self.person_id.unless_nobody(self.id)
    }
}

impl EnrolmentRow {
    /// Whether its device granted the right to be erased (8, `mdm-protocol` §3.1).
    pub fn may_erase(&self) -> bool {
        self.access_rights.is_some_and(|rights| rights & 8 != 0)
    }
}

reads! {
    devices() -> Vec<DeviceRow>;
    device(id: DeviceId) -> Option<DeviceRow>;
    devices_of(person: PersonId) -> Vec<DeviceRow>;
    /// Devices of people who left before `before` that have said nothing since then. None while no device at all was
    /// heard since `alive`: then it is we who cannot be reached.
    devices_left_behind(before: Time, alive: Time, limit: i64) -> Vec<DeviceId>;
    device_by_udid(udid: &'a str) -> Option<DeviceRow>;
    /// Devices that are with us, have said nothing since then, and were not asked for a sign of life either; the most
    /// silent first. A call later than `now` was written by a clock that was wrong.
    devices_to_call(since: Time, now: Time, limit: i64) -> Vec<DeviceId>;
    /// The enrolled devices that were heard last.
    devices_heard_last(limit: i64) -> Vec<DeviceId>;
    /// Devices that have said nothing since then, and were asked for a sign of life before `called`.
    devices_unanswered(since: Time, called: Time, limit: i64) -> Vec<DeviceId>;
    /// Devices that count as gone because they were silent for too long, and were heard after `since`.
    devices_counted_gone(since: Time, limit: i64) -> Vec<DeviceId>;
    /// Devices that granted the right to be erased.
    devices_erasable(devices: &'a [DeviceId]) -> BTreeSet<DeviceId>;
    /// Devices to which the command that ends their enrolment was handed out.
    devices_told_to_leave(devices: &'a [DeviceId]) -> BTreeSet<DeviceId>;
    /// When a device last said anything; `None` when none ever did.
    devices_heard_at() -> Option<Time>;
    enrolment(id: EnrolmentId) -> Option<EnrolmentRow>;
    enrolment_by_token(token_sha256: &'a str) -> Option<EnrolmentRow>;
    enrolment_by_certificate(sha256: &'a str) -> Option<EnrolmentRow>;
    /// All that an idle poll asks for, at one instant. `None` when the identity is not the one of this device's enrolment,
    /// or was revoked.
    poll(sha256: &'a str, udid: &'a str) -> Option<PollRow>;
}

impl Conn<'_> {
    pub(crate) async fn devices(&mut self) -> Result<Vec<DeviceRow>, StoreError> {
        self.all("SELECT * FROM devices ORDER BY name, id", values![], device)
            .await
    }

    async fn device(&mut self, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        self.one("SELECT * FROM devices WHERE id = $1", values![id], device)
            .await
    }

    async fn devices_of(&mut self, person: PersonId) -> Result<Vec<DeviceRow>, StoreError> {
        let sql = "SELECT * FROM devices WHERE person_id = $1 ORDER BY id";
        self.all(sql, values![person], device).await
    }

    async fn devices_left_behind(
        &mut self,
        before: Time,
        alive: Time,
        limit: i64,
    ) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT devices.id FROM devices JOIN people ON people.id = devices.person_id
                   WHERE people.left_at < $1 AND devices.gone_at IS NULL AND COALESCE(devices.last_seen_at, 0) < $1
                     AND EXISTS (SELECT 1 FROM devices AS other WHERE other.last_seen_at >= $2)
                   ORDER BY devices.id LIMIT $3";
        self.all(sql, values![before, alive, limit], |row| row.parsed("id"))
            .await
    }

    async fn device_by_udid(&mut self, udid: &str) -> Result<Option<DeviceRow>, StoreError> {
        self.one("SELECT * FROM devices WHERE udid = $1", values![udid], device)
            .await
    }

    async fn devices_to_call(&mut self, since: Time, now: Time, limit: i64) -> Result<Vec<DeviceId>, StoreError> {
        self.all(
            "SELECT id FROM devices
             WHERE gone_at IS NULL AND silent_since IS NULL AND last_seen_at < $1
               AND (called_at IS NULL OR called_at <= last_seen_at OR called_at > $2)
             ORDER BY last_seen_at, id LIMIT $3",
            values![since, now, limit],
            |row| row.parsed("id"),
        )
        .await
    }

    async fn devices_heard_last(&mut self, limit: i64) -> Result<Vec<DeviceId>, StoreError> {
        self.all(
            "SELECT id FROM devices WHERE enrolment = 'enrolled' AND silent_since IS NULL
             ORDER BY last_seen_at DESC, id LIMIT $1",
            values![limit],
            |row| row.parsed("id"),
        )
        .await
    }

    async fn devices_unanswered(&mut self, since: Time, called: Time, limit: i64) -> Result<Vec<DeviceId>, StoreError> {
        self.all(
            "SELECT id FROM devices
             WHERE gone_at IS NULL AND silent_since IS NULL AND last_seen_at < $1
               AND called_at > last_seen_at AND called_at <= $2
             ORDER BY last_seen_at, id LIMIT $3",
            values![since, called, limit],
            |row| row.parsed("id"),
        )
        .await
    }

    async fn devices_counted_gone(&mut self, since: Time, limit: i64) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT id FROM devices WHERE silent_since IS NOT NULL AND last_seen_at >= $1 ORDER BY id LIMIT $2";
        self.all(sql, values![since, limit], |row| row.parsed("id")).await
    }

    async fn devices_erasable(&mut self, devices: &[DeviceId]) -> Result<BTreeSet<DeviceId>, StoreError> {
        macro_rules! erasable {
            ($devices:literal) => {
                concat!(
                    "SELECT id FROM devices
                     WHERE (SELECT access_rights & 8 FROM enrolments WHERE enrolments.id = devices.enrolment_id) <> 0 AND id ",
                    $devices
                )
            };
        }
        let sql = self.text(
            erasable!("IN (SELECT value FROM json_each($1))"),
            erasable!("= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"),
        );
        self.those(sql, devices).await
    }

    async fn devices_told_to_leave(&mut self, devices: &[DeviceId]) -> Result<BTreeSet<DeviceId>, StoreError> {
        macro_rules! told {
            ($devices:literal) => {
                concat!(
                    "SELECT device_id AS id FROM commands
                     WHERE request_type IN ('RemoveProfile', 'EraseDevice') AND state IN ('sent', 'notNow') AND device_id ",
                    $devices
                )
            };
        }
        let sql = self.text(
            told!("IN (SELECT value FROM json_each($1))"),
            told!("= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"),
        );
        self.those(sql, devices).await
    }

    async fn those(&mut self, sql: &'static str, devices: &[DeviceId]) -> Result<BTreeSet<DeviceId>, StoreError> {
        let ids: Vec<Uuid> = devices.iter().map(|device| device.0).collect();
        let found = self.all(sql, values![listed(&ids)], |row| row.parsed("id")).await?;
        Ok(found.into_iter().collect())
    }

    async fn devices_heard_at(&mut self) -> Result<Option<Time>, StoreError> {
        let sql = "SELECT MAX(last_seen_at) AS heard_at FROM devices";
        let heard = self.one(sql, values![], |row| row.time_or_none("heard_at")).await?;
        Ok(heard.flatten())
    }

    async fn poll(&mut self, sha256: &str, udid: &str) -> Result<Option<PollRow>, StoreError> {
        let sql = "SELECT devices.id, devices.enrolment, devices.last_seen_at,
                          devices.silent_since IS NOT NULL OR devices.push_failures > 0
                              OR (devices.unreachable_since IS NOT NULL AND devices.push_token IS NOT NULL) AS is_news,
                          EXISTS (SELECT 1 FROM commands
                                  WHERE commands.device_id = devices.id
                                    AND commands.state IN ('queued', 'sent', 'notNow')) AS waits
                   FROM enrolments JOIN devices ON devices.id = enrolments.device_id
                                               AND devices.enrolment_id = enrolments.id
                   WHERE enrolments.certificate_sha256 = $1 AND enrolments.revoked_at IS NULL AND devices.udid = $2";
        let read = |row: &Record| {
            Ok(PollRow {
                device: row.parsed("id")?,
                enrolment: row.word("enrolment")?,
                last_seen_at: row.time_or_none("last_seen_at")?,
                waits: row.flag("waits")?,
                is_news: row.flag("is_news")?,
            })
        };
        self.one(sql, values![sha256, udid], read).await
    }

    async fn enrolment(&mut self, id: EnrolmentId) -> Result<Option<EnrolmentRow>, StoreError> {
        self.one("SELECT * FROM enrolments WHERE id = $1", values![id], enrolment)
            .await
    }

    async fn enrolment_by_token(&mut self, token_sha256: &str) -> Result<Option<EnrolmentRow>, StoreError> {
        self.one(
            "SELECT * FROM enrolments WHERE token_sha256 = $1",
            values![token_sha256],
            enrolment,
        )
        .await
    }

    async fn enrolment_by_certificate(&mut self, sha256: &str) -> Result<Option<EnrolmentRow>, StoreError> {
        self.one(
            "SELECT * FROM enrolments WHERE certificate_sha256 = $1",
            values![sha256],
            enrolment,
        )
        .await
    }
}

impl Tx {
    /// A device begins to enrol. Nothing of an earlier enrolment counts any more, so every column is told anew.
    pub async fn device_authenticated(&mut self, new: &NewEnrolment, now: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO devices (id, udid, serial, name, product_name, platform, os_version, build_version, person_id,
                                  enrolment, dep, awaiting_configuration, topic, enrolment_id, last_seen_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'pending', FALSE, FALSE, $10, $11, $12)
             ON CONFLICT (id) DO UPDATE SET
                 serial = excluded.serial, name = excluded.name, product_name = excluded.product_name,
                 platform = excluded.platform, os_version = excluded.os_version,
                 build_version = excluded.build_version, person_id = excluded.person_id,
                 enrolment = excluded.enrolment, dep = FALSE, shared = FALSE, supervised = NULL, awaiting_configuration = FALSE,
                 topic = excluded.topic, enrolment_id = excluded.enrolment_id, last_seen_at = excluded.last_seen_at,
                 push_token = NULL, push_token_at = NULL, push_magic = NULL, push_failures = 0, pushed_at = NULL,
                 next_push_at = NULL, push_not_before = NULL, unreachable_since = NULL, leaving_since = NULL,
                 called_at = NULL,
                 silent_since = NULL, refused_at = NULL, enrolled_at = NULL,
                 informed_at = NULL, gone_at = NULL, store_account_active = NULL, store_account_hash = NULL",
            values![
                new.id,
                new.udid,
                new.serial,
                new.name,
                new.product_name,
                word(&new.platform),
                new.os_version,
                new.build_version,
                new.person_id,
                new.topic,
                new.enrolment_id,
                now
            ],
        )
        .await?;
        Ok(())
    }

    /// Notes that the device speaks, and reads it. Whoever else speaks of it in a transaction waits until this one ends.
    pub async fn device_heard(&mut self, udid: &str, now: Time) -> Result<Option<DeviceRow>, StoreError> {
        self.device_spoke(udid, now).await?;
        self.device_by_udid(udid).await
    }

    /// Notes that the device speaks.
    pub async fn device_spoke(&mut self, udid: &str, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET last_seen_at = $2, push_failures = 0,
                 unreachable_since = CASE WHEN push_token IS NULL THEN unreachable_since END
             WHERE udid = $1",
            values![udid, now],
        )
        .await?;
        Ok(())
    }

    /// Reads the device that speaks, and the identity that it speaks with. Whoever else speaks of it in a transaction waits
    /// until this one ends. Nothing is written: `None`, and whatever is not as it should be, costs nothing.
    pub async fn device_speaks(&mut self, udid: &str, sha256: &str) -> Result<Option<SpeakingRow>, StoreError> {
        macro_rules! speaks {
            ($held:literal) => {
                concat!(
                    "SELECT devices.*, enrolments.id AS identity, enrolments.revoked_at, enrolments.device_id AS owner,
                            devices.push_failures > 0
                                OR (devices.unreachable_since IS NOT NULL AND devices.push_token IS NOT NULL) AS is_hard_to_wake
                     FROM devices JOIN enrolments ON enrolments.certificate_sha256 = $2
                     WHERE devices.udid = $1",
                    $held
                )
            };
        }
        // SQLite has one writer, and this is it. PostgreSQL looks at both rows once more when it had to wait for one.
        let sql = self.conn().text(speaks!(""), speaks!(" FOR NO KEY UPDATE"));
        self.conn().one(sql, values![udid, sha256], speaking).await
    }

    /// Writes down when devices were last heard, unless something later is there. In the order in which whoever changes many
    /// devices takes them.
    pub async fn devices_spoke(&mut self, heard: &[(DeviceId, Time)]) -> Result<(), StoreError> {
        let rows: Vec<String> = heard
            .iter()
            .map(|(device, at)| format!("[\"{device}\",{}]", at.ms()))
            .collect();
        let sql = self.conn().text(
            "UPDATE devices SET last_seen_at = heard.at
             FROM (SELECT value ->> 0 AS id, value ->> 1 AS at FROM json_each($1)) AS heard
             WHERE devices.id = heard.id AND (devices.last_seen_at IS NULL OR devices.last_seen_at < heard.at)",
            "WITH heard AS MATERIALIZED (
                 SELECT value ->> 0 AS id, CAST(value ->> 1 AS BIGINT) AS at
                 FROM jsonb_array_elements(CAST($1 AS jsonb)) AS value),
             held AS MATERIALIZED (
                 SELECT id FROM devices WHERE id = ANY (ARRAY (SELECT id FROM heard)) ORDER BY id FOR NO KEY UPDATE)
             UPDATE devices SET last_seen_at = heard.at
             FROM held JOIN heard ON heard.id = held.id
             WHERE devices.id = held.id AND (devices.last_seen_at IS NULL OR devices.last_seen_at < heard.at)",
        );
        self.run(sql, values![format!("[{}]", rows.join(","))]).await?;
        Ok(())
    }

    /// Reads the device for a change. Whoever else means to change it waits until this transaction ends.
    pub async fn device_held(&mut self, id: DeviceId) -> Result<Option<DeviceRow>, StoreError> {
        self.run("UPDATE devices SET id = id WHERE id = $1", values![id])
            .await?;
        self.device(id).await
    }

    /// Holds the device like [`Tx::device_held`], if it is still as it was seen. `false` when it is not.
    pub async fn device_held_as(
        &mut self,
        id: DeviceId,
        enrolment: Enrolment,
        person: PersonId,
    ) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET id = id WHERE id = $1 AND enrolment = $2 AND person_id = $3",
                values![id, word(&enrolment), person],
            )
            .await?;
        Ok(touched == 1)
    }

    /// The device told where it can be woken.
    pub async fn device_token(
        &mut self,
        id: DeviceId,
        token: Vec<u8>,
        magic: &str,
        now: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET push_token = $2, push_token_at = $4, push_magic = $3, push_failures = 0,
                 push_not_before = CASE WHEN push_token = $2 THEN push_not_before END,
                 push_asked = push_asked + 1, next_push_at = 0, unreachable_since = NULL
             WHERE id = $1",
            values![id, token, magic, now],
        )
        .await?;
        Ok(())
    }

    /// The profile is installed: the device is managed from now on. `waits` in Setup Assistant, as a device does
    /// that enrols through DEP.
    pub async fn device_enrolled(&mut self, id: DeviceId, waits: bool, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET enrolment = 'enrolled', enrolled_at = $3, awaiting_configuration = $2, dep = $2
             WHERE id = $1",
            values![id, waits, now],
        )
        .await?;
        Ok(())
    }

    /// The device answered what it is; what it left out stays as it was.
    pub async fn device_informed(&mut self, id: DeviceId, facts: &DeviceFacts, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET informed_at = $2, name = COALESCE($3, name), serial = COALESCE($4, serial),
                 product_name = COALESCE($5, product_name), platform = COALESCE($6, platform),
                 os_version = COALESCE($7, os_version), build_version = COALESCE($8, build_version),
                 supervised = COALESCE($9, supervised), shared = COALESCE($12, shared), store_account_active = COALESCE($10, store_account_active),
                 store_account_hash = COALESCE($11, store_account_hash)
             WHERE id = $1",
            values![
                id,
                now,
                facts.name,
                facts.serial,
                facts.product_name,
                facts.platform.map(|platform| word(&platform)),
                facts.os_version,
                facts.build_version,
                facts.supervised,
                facts.store_account_active,
                facts.store_account_hash,
                facts.shared
            ],
        )
        .await?;
        Ok(())
    }

    /// It does not wait in Setup Assistant any more.
    pub async fn device_configured(&mut self, id: DeviceId) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET awaiting_configuration = FALSE WHERE id = $1",
            values![id],
        )
        .await?;
        Ok(())
    }

    /// It is told to leave; one that retires may still be told to erase itself. `false` when it is not enrolled: then
    /// there is nobody to tell.
    pub async fn device_leaving(&mut self, id: DeviceId, how: Enrolment, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET enrolment = $2, leaving_since = $3
                 WHERE id = $1 AND (enrolment = 'enrolled' OR (enrolment = 'retiring' AND $2 = 'wiping'))",
                values![id, word(&how), now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// It was told to leave and said no, or somebody thought better of it: it stays. `false` when it was not leaving.
    pub async fn device_stays(&mut self, id: DeviceId) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET enrolment = 'enrolled', leaving_since = NULL
                 WHERE id = $1 AND enrolment IN ('retiring', 'wiping')",
                values![id],
            )
            .await?;
        Ok(touched == 1)
    }

    /// It was asked for a sign of life.
    pub async fn device_called(&mut self, id: DeviceId, now: Time) -> Result<(), StoreError> {
        self.run("UPDATE devices SET called_at = $2 WHERE id = $1", values![id, now])
            .await?;
        Ok(())
    }

    /// Nobody was asked for a sign of life: what was asked could not be answered. How many had been.
    pub async fn device_calls_void(&mut self) -> Result<u64, StoreError> {
        let sql = "UPDATE devices SET called_at = NULL WHERE called_at IS NOT NULL AND silent_since IS NULL";
        self.run(sql, values![]).await
    }

    /// It has been silent for too long and counts as gone. `false` when it has spoken after `heard_at`, or is gone.
    pub async fn device_silent(&mut self, id: DeviceId, heard_at: Time, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET silent_since = $3
                 WHERE id = $1 AND gone_at IS NULL AND silent_since IS NULL AND last_seen_at <= $2",
                values![id, heard_at, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// It does not count as gone any more. `false` when it did not.
    pub async fn device_back(&mut self, id: DeviceId) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET silent_since = NULL, called_at = NULL WHERE id = $1 AND silent_since IS NOT NULL",
                values![id],
            )
            .await?;
        Ok(touched == 1)
    }

    /// It spoke although it had been taken out. `false` when that was noted after `since` already.
    pub async fn device_refused(&mut self, id: DeviceId, since: Time, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE devices SET refused_at = $3
                 WHERE id = $1 AND enrolment = 'removed' AND (refused_at IS NULL OR refused_at < $2)",
                values![id, since, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// It is not with us any more, and is not woken.
    pub async fn device_over(&mut self, id: DeviceId, how: Enrolment, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET enrolment = $2, gone_at = $3, leaving_since = NULL, called_at = NULL,
                 silent_since = NULL, awaiting_configuration = FALSE,
                 push_token = NULL, push_token_at = NULL, push_magic = NULL, next_push_at = NULL,
                 unreachable_since = NULL
             WHERE id = $1",
            values![id, word(&how), now],
        )
        .await?;
        Ok(())
    }

    /// Nobody can wake it until it tells a new token.
    pub async fn device_unreachable(&mut self, id: DeviceId, now: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET push_token = NULL, next_push_at = NULL,
                 unreachable_since = COALESCE(unreachable_since, $2)
             WHERE id = $1",
            values![id, now],
        )
        .await?;
        Ok(())
    }

    pub async fn enrolment_insert(&mut self, row: &EnrolmentRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO enrolments (id, person_id, token_sha256, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)",
            values![row.id, row.person_id, row.token_sha256, row.created_at, row.expires_at],
        )
        .await?;
        Ok(())
    }

    /// The profile is handed out. `false` when it was already: it is, once.
    pub async fn enrolment_downloaded(
        &mut self,
        id: EnrolmentId,
        identity: &NewIdentity<'_>,
        now: Time,
    ) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE enrolments SET downloaded_at = $5, certificate_sha256 = $2, not_after = $3, access_rights = $4
                 WHERE id = $1 AND downloaded_at IS NULL AND revoked_at IS NULL",
                values![id, identity.sha256, identity.not_after, identity.access_rights, now],
            )
            .await?;
        Ok(touched == 1)
    }

    /// Ties an enrolment to its device for good. `false` when it belongs to another one.
    pub async fn enrolment_used(&mut self, id: EnrolmentId, device: DeviceId) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE enrolments SET device_id = $2 WHERE id = $1 AND (device_id IS NULL OR device_id = $2)",
                values![id, device],
            )
            .await?;
        Ok(touched == 1)
    }

    /// The person's links and profiles that no device has used are good for nothing from now on. How many there were.
    pub async fn enrolments_end(&mut self, person: PersonId, now: Time) -> Result<u64, StoreError> {
        let sql = "UPDATE enrolments SET revoked_at = $2
                   WHERE person_id = $1 AND device_id IS NULL AND revoked_at IS NULL";
        self.run(sql, values![person, now]).await
    }

    /// Nothing that is signed with its identity is accepted from now on. `false` when that was so already.
    pub async fn enrolment_revoked(&mut self, id: EnrolmentId, now: Time) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE enrolments SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL",
                values![id, now],
            )
            .await?;
        Ok(touched == 1)
    }
}

pub(crate) fn device(row: &Record) -> Result<DeviceRow, StoreError> {
    Ok(DeviceRow {
        id: row.parsed("id")?,
        udid: row.text("udid")?,
        serial: row.text_or_none("serial")?,
        name: row.text("name")?,
        product_name: row.text("product_name")?,
        platform: row.word("platform")?,
        os_version: row.text_or_none("os_version")?,
        build_version: row.text_or_none("build_version")?,
        person_id: row.parsed("person_id")?,
        enrolment: row.word("enrolment")?,
        dep: row.flag("dep")?,
        shared: row.flag("shared")?,
        supervised: row.flag_or_none("supervised")?,
        awaiting_configuration: row.flag("awaiting_configuration")?,
        push_token: row.bytes_or_none("push_token")?,
        push_magic: row.text_or_none("push_magic")?,
        topic: row.text_or_none("topic")?,
        enrolment_id: row.parsed_or_none("enrolment_id")?,
        enrolled_at: row.time_or_none("enrolled_at")?,
        last_seen_at: row.time_or_none("last_seen_at")?,
        informed_at: row.time_or_none("informed_at")?,
        gone_at: row.time_or_none("gone_at")?,
        leaving_since: row.time_or_none("leaving_since")?,
        called_at: row.time_or_none("called_at")?,
        silent_since: row.time_or_none("silent_since")?,
        refused_at: row.time_or_none("refused_at")?,
        unreachable_since: row.time_or_none("unreachable_since")?,
        pushed_at: row.time_or_none("pushed_at")?,
        store_account_active: row.flag_or_none("store_account_active")?,
        store_account_hash: row.text_or_none("store_account_hash")?,
    })
}

fn speaking(row: &Record) -> Result<SpeakingRow, StoreError> {
    Ok(SpeakingRow {
        device: device(row)?,
        identity: row.parsed("identity")?,
        revoked_at: row.time_or_none("revoked_at")?,
        owner: row.parsed_or_none("owner")?,
        is_hard_to_wake: row.flag("is_hard_to_wake")?,
    })
}

fn enrolment(row: &Record) -> Result<EnrolmentRow, StoreError> {
    Ok(EnrolmentRow {
        id: row.parsed("id")?,
        person_id: row.parsed_or_none("person_id")?,
        token_sha256: row.text("token_sha256")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        downloaded_at: row.time_or_none("downloaded_at")?,
        certificate_sha256: row.text_or_none("certificate_sha256")?,
        not_after: row.time_or_none("not_after")?,
        access_rights: row.int_or_none("access_rights")?,
        revoked_at: row.time_or_none("revoked_at")?,
        device_id: row.parsed_or_none("device_id")?,
    })
}
