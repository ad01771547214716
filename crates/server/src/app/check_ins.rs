//! What devices say when they come and go is kept for support, and what was refused with its reason.
//!
//! Without secrets (`mdm::checkin::without_secrets`), a few of each device (`store::CheckInRow`), and not for ever
//! (`tasks/retention.rs`). Keeping one never changes what the device is answered.

use std::{
    net::IpAddr,
    sync::atomic::{AtomicI64, Ordering},
};

use domain::DeviceId;
use mdm::{
    checkin::{self, speaker},
    plist::Dictionary,
    text::bounded,
};
use store::{CheckInRefusal, CheckInRow};

use super::{App, AppError, devices::DeviceRefused};

/// Of a flood from outside one is kept in so many milliseconds: keeping is a write.
const STRANGER_EVERY_MS: i64 = 250;
/// A word of the protocol.
const KIND_CHARS: usize = 40;

/// When the last stranger's message was kept.
#[derive(Debug, Default)]
pub struct Strangers(AtomicI64);

impl Strangers {
    fn may_keep(&self, now_ms: i64) -> bool {
        let last = self.0.load(Ordering::Relaxed);
        // Further away than that in either direction: also a clock that was set back.
        now_ms.abs_diff(last) >= STRANGER_EVERY_MS.unsigned_abs()
            && self
                .0
                .compare_exchange(last, now_ms, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }
}

/// What was said, as far as it could be read, and whether whoever says it has an identity of ours.
pub struct Heard<'a> {
    pub source: IpAddr,
    pub message: Option<&'a Dictionary>,
    pub is_signed: bool,
}

impl App {
    /// The latest first.
    pub async fn device_check_ins(&self, device: DeviceId) -> Result<Vec<CheckInRow>, AppError> {
        Ok(self.store.check_ins(device).await?)
    }

    /// What was refused of devices that nobody knows, the latest first.
    pub async fn check_ins_of_strangers(&self, limit: i64) -> Result<Vec<CheckInRow>, AppError> {
        Ok(self.store.check_ins_of_strangers(limit).await?)
    }

    /// Keeps a message that was taken, or was not. What cannot be kept is not: the device has its answer.
    pub async fn check_in_keep(&self, heard: Heard<'_>, refused: Option<(CheckInRefusal, String)>) {
        if let Err(error) = self.keep(heard, refused).await {
            tracing::warn!(error = %crate::cause::Chain(&error), "a check-in message could not be kept");
        }
    }

    async fn keep(&self, heard: Heard<'_>, refused: Option<(CheckInRefusal, String)>) -> Result<(), AppError> {
        let text = |key: &str| heard.message?.get(key)?.as_string();
        let udid = text("UDID").or_else(|| text("EnrollmentID"));
        // Anybody can write a device's id: only who has an identity of ours is shown on its page.
        let device = match udid.filter(|_| heard.is_signed) {
            Some(udid) => self.store.device_by_udid(speaker(udid).0).await?.map(|row| row.id),
            None => None,
        };
        let now = self.now();
        if device.is_none() && !self.strangers.may_keep(now.ms()) {
            return Ok(());
        }
        let (refusal, reason) = refused.unzip();
        let body = heard
            .message
            .map(|message| mdm::plist::write(&checkin::without_secrets(message)));
        let row = CheckInRow {
            id: self.random.id(),
            device_id: device,
            source: device.is_none().then(|| heard.source.to_string()),
            at: now,
            kind: text("MessageType")
                .and_then(|kind| bounded(kind, KIND_CHARS))
                .unwrap_or_default(),
            refusal,
            reason,
            body: body.and_then(|body| String::from_utf8(body).ok()).unwrap_or_default(),
        };
        let mut tx = self.store.begin().await?;
        tx.check_in_insert(&row).await?;
        Ok(tx.commit().await?)
    }
}

impl DeviceRefused {
    /// The word for it; `None` for trouble of our own, which says nothing of the message.
    pub fn word(&self) -> Option<CheckInRefusal> {
        match self {
            DeviceRefused::Identity(_) | DeviceRefused::TakenOut(_) | DeviceRefused::PersonLeft => {
                Some(CheckInRefusal::Identity)
            }
            DeviceRefused::TakenByAnother => Some(CheckInRefusal::TakenByAnother),
            DeviceRefused::Topic => Some(CheckInRefusal::Topic),
            DeviceRefused::UnknownMessage => Some(CheckInRefusal::Message),
            DeviceRefused::UserNotManaged => Some(CheckInRefusal::User),
            DeviceRefused::App(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_a_flood_a_few_are_kept() {
        let strangers = Strangers::default();
        let kept = (1_000_000..1_010_000).filter(|now| strangers.may_keep(*now)).count();
        assert_eq!(kept, 40);
        assert!(strangers.may_keep(0), "a clock that was set back");
    }
}
