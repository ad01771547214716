//! Managed devices, their identities, and the one-time links with which they come.

use domain::{DeviceId, Enrolment, EnrolmentId, PersonId, Platform, Time};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
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
    /// Not to be woken before; `None` is now.
    pub next_push_at: Option<Time>,
    pub pushed_at: Option<Time>,
    pub store_account_active: Option<bool>,
    pub store_account_hash: Option<String>,
}

/// A one-time link, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentRow {
    pub id: EnrolmentId,
    pub person_id: PersonId,
    pub token_sha256: String,
    pub created_at: Time,
    pub expires_at: Time,
    pub downloaded_at: Option<Time>,
    pub certificate_sha256: Option<String>,
    pub not_after: Option<Time>,
    pub device_id: Option<DeviceId>,
}

reads! {
    devices() -> Vec<DeviceRow>;
    device(id: DeviceId) -> Option<DeviceRow>;
    device_by_udid(udid: &'a str) -> Option<DeviceRow>;
    /// The device that a certificate is pinned to.
    certificate_device(sha256: &'a str) -> Option<DeviceId>;
    /// Devices for which a command waits, and which may be woken now.
    devices_to_push(now: Time, limit: i64) -> Vec<DeviceRow>;
    enrolment_by_token(token_sha256: &'a str) -> Option<EnrolmentRow>;
    enrolment_by_certificate(sha256: &'a str) -> Option<EnrolmentRow>;
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

    async fn device_by_udid(&mut self, udid: &str) -> Result<Option<DeviceRow>, StoreError> {
        self.one("SELECT * FROM devices WHERE udid = $1", values![udid], device)
            .await
    }

    async fn certificate_device(&mut self, sha256: &str) -> Result<Option<DeviceId>, StoreError> {
        let sql = "SELECT device_id FROM device_certificates WHERE sha256 = $1";
        self.one(sql, values![sha256], |row| row.parsed("device_id")).await
    }

    async fn devices_to_push(&mut self, now: Time, limit: i64) -> Result<Vec<DeviceRow>, StoreError> {
        self.all(
            "SELECT * FROM devices
             WHERE enrolment = 'enrolled' AND push_token IS NOT NULL
               AND (next_push_at IS NULL OR next_push_at <= $1)
               AND EXISTS (SELECT 1 FROM commands WHERE commands.device_id = devices.id
                                                    AND commands.state IN ('queued', 'sent', 'notNow'))
             ORDER BY next_push_at LIMIT $2",
            values![now, limit],
            device,
        )
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
    /// Writes the whole row, new or not.
    pub async fn device_put(&mut self, row: &DeviceRow) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO devices (id, udid, serial, name, product_name, platform, os_version, build_version, person_id,
                                  enrolment, dep, supervised, awaiting_configuration, push_token, push_magic, topic,
                                  enrolment_id, enrolled_at, last_seen_at, informed_at, gone_at, next_push_at,
                                  pushed_at, store_account_active, store_account_hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21,
                     $22, $23, $24, $25)
             ON CONFLICT (id) DO UPDATE SET
                 udid = excluded.udid, serial = excluded.serial, name = excluded.name,
                 product_name = excluded.product_name, platform = excluded.platform,
                 os_version = excluded.os_version, build_version = excluded.build_version,
                 person_id = excluded.person_id, enrolment = excluded.enrolment, dep = excluded.dep,
                 supervised = excluded.supervised, awaiting_configuration = excluded.awaiting_configuration,
                 push_token = excluded.push_token, push_magic = excluded.push_magic, topic = excluded.topic,
                 enrolment_id = excluded.enrolment_id, enrolled_at = excluded.enrolled_at,
                 last_seen_at = excluded.last_seen_at, informed_at = excluded.informed_at,
                 gone_at = excluded.gone_at, next_push_at = excluded.next_push_at, pushed_at = excluded.pushed_at,
                 store_account_active = excluded.store_account_active,
                 store_account_hash = excluded.store_account_hash",
            values![
                row.id,
                row.udid,
                row.serial,
                row.name,
                row.product_name,
                word(&row.platform),
                row.os_version,
                row.build_version,
                row.person_id,
                word(&row.enrolment),
                row.dep,
                row.supervised,
                row.awaiting_configuration,
                row.push_token,
                row.push_magic,
                row.topic,
                row.enrolment_id,
                row.enrolled_at,
                row.last_seen_at,
                row.informed_at,
                row.gone_at,
                row.next_push_at,
                row.pushed_at,
                row.store_account_active,
                row.store_account_hash
            ],
        )
        .await?;
        Ok(())
    }

    /// Ties an identity to a device for good; a second time it changes nothing.
    pub async fn certificate_pin(&mut self, sha256: &str, device: DeviceId) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO device_certificates (sha256, device_id) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            values![sha256, device],
        )
        .await?;
        self.run(
            "UPDATE enrolments SET device_id = $2 WHERE certificate_sha256 = $1",
            values![sha256, device],
        )
        .await?;
        Ok(())
    }

    pub async fn device_seen(&mut self, id: DeviceId, now: Time) -> Result<(), StoreError> {
        self.run("UPDATE devices SET last_seen_at = $2 WHERE id = $1", values![id, now])
            .await?;
        Ok(())
    }

    pub async fn device_pushed(&mut self, id: DeviceId, now: Time, next: Time) -> Result<(), StoreError> {
        self.run(
            "UPDATE devices SET pushed_at = $2, next_push_at = $3 WHERE id = $1",
            values![id, now, next],
        )
        .await?;
        Ok(())
    }

    /// There is something new for it: it may be woken at once.
    pub async fn device_push_soon(&mut self, id: DeviceId) -> Result<(), StoreError> {
        self.run("UPDATE devices SET next_push_at = NULL WHERE id = $1", values![id])
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
        certificate_sha256: &str,
        not_after: Time,
        now: Time,
    ) -> Result<bool, StoreError> {
        let touched = self
            .run(
                "UPDATE enrolments SET downloaded_at = $4, certificate_sha256 = $2, not_after = $3
                 WHERE id = $1 AND downloaded_at IS NULL",
                values![id, certificate_sha256, not_after, now],
            )
            .await?;
        Ok(touched == 1)
    }
}

fn device(row: &Record) -> Result<DeviceRow, StoreError> {
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
        next_push_at: row.time_or_none("next_push_at")?,
        pushed_at: row.time_or_none("pushed_at")?,
        store_account_active: row.flag_or_none("store_account_active")?,
        store_account_hash: row.text_or_none("store_account_hash")?,
    })
}

fn enrolment(row: &Record) -> Result<EnrolmentRow, StoreError> {
    Ok(EnrolmentRow {
        id: row.parsed("id")?,
        person_id: row.parsed("person_id")?,
        token_sha256: row.text("token_sha256")?,
        created_at: row.time("created_at")?,
        expires_at: row.time("expires_at")?,
        downloaded_at: row.time_or_none("downloaded_at")?,
        certificate_sha256: row.text_or_none("certificate_sha256")?,
        not_after: row.time_or_none("not_after")?,
        device_id: row.parsed_or_none("device_id")?,
    })
}
