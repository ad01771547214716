//! What Apple says by itself: a hint to look sooner than we would, and never more. Whatever it holds, it is looked up.

use apple::wire::Notification;
use domain::{LocationId, Time};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use store::ChannelRow;

use super::{App, AppError};

/// Why a notification was not taken.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    #[error("there is no such address")]
    Unknown,
    #[error("the secret is not the one that Apple was given")]
    NotApple,
    #[error("it is not a notification: {0}")]
    Malformed(String),
    #[error("it is about another location than this address is for")]
    OtherLocation,
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<store::StoreError> for NotTaken {
    fn from(error: store::StoreError) -> NotTaken {
        NotTaken::App(error.into())
    }
}

/// How Apple notifies us of a location.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channel {
    /// It is not to.
    Off,
    /// Nobody has asked it yet.
    Untried,
    /// It does, and did at that time.
    Works { last: Option<Time> },
    /// It said so at that time, with that number; 0 is none.
    Refused { number: i64, at: Time },
}

/// The same in a word.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum NotificationStatus {
    Off,
    NotTried,
    Active,
    Refused,
}

impl From<Channel> for NotificationStatus {
    fn from(channel: Channel) -> NotificationStatus {
        match channel {
            Channel::Off => NotificationStatus::Off,
            Channel::Untried => NotificationStatus::NotTried,
            Channel::Works { .. } => NotificationStatus::Active,
            Channel::Refused { .. } => NotificationStatus::Refused,
        }
    }
}

/// The address of a channel: `base`, and what nobody can guess.
pub fn address(base: &str, path: &str) -> String {
    format!("{base}/apple/notifications/{path}")
}

impl App {
    /// Takes a notification that came to `path`, with `secret` as bearer token. It is looked after by whoever works on the
    /// location, on whatever server.
    pub async fn notified(&self, path: &str, secret: Option<&str>, body: &[u8]) -> Result<(), NotTaken> {
        let channel = self.store.channel_at(path).await?.ok_or(NotTaken::Unknown)?;
        let ours = self.store.channel_secret(channel.location_id).await?;
        // Of digests nobody learns from the time how much of a secret was right.
        let same = |secret: &str| Sha256::digest(secret) == Sha256::digest(ours.expose_secret());
        if !secret.is_some_and(same) {
            return Err(NotTaken::NotApple);
        }
        let told: Notification =
            serde_json::from_slice(body).map_err(|error| NotTaken::Malformed(error.to_string()))?;
        let location = self.store.location(channel.location_id).await?;
        if told.uid.is_some() && told.uid != location.map(|location| location.uid) {
            return Err(NotTaken::OtherLocation);
        }
        let kind = told.notification_type.as_deref().unwrap_or_default();
        tracing::debug!(location.id = %channel.location_id, kind, "Apple notified us");
        if kind == "TEST_NOTIFICATION" {
            return Ok(());
        }
        self.hinted(channel.location_id, &told).await
    }

    async fn hinted(&self, location: LocationId, told: &Notification) -> Result<(), NotTaken> {
        let now = self.now();
        let about = told.notification.clone().unwrap_or_default();
        let mut tx = self.store.begin().await?;
        let ours = match &about.event_id {
            Some(event) => {
                let more = i64::try_from(about.assignments + about.users).unwrap_or(i64::MAX);
                tx.operation_told(location, event, more, now).await?
            }
            None => false,
        };
        // What we asked for tells its outcome when it is asked; what others did, the lists.
        if !ours {
            tx.channel_hint(location, now).await?;
        }
        tx.commit().await?;
        match ours {
            true => self.location_bell.notify_one(),
            false => self.reading_bell.notify_one(),
        }
        Ok(())
    }

    /// How Apple notifies us of the location.
    pub async fn channel(&self, location: LocationId) -> Result<Channel, AppError> {
        let Some(base) = self.config.notified_at() else {
            return Ok(Channel::Off);
        };
        Ok(match self.store.channel(location).await? {
            Some(channel) if channel.url.as_deref() == Some(&address(base, &channel.path)) => Channel::Works {
                last: channel.notified_at,
            },
            Some(ChannelRow {
                refused: Some(number),
                tried_at: Some(at),
                ..
            }) => Channel::Refused { number, at },
            _ => Channel::Untried,
        })
    }
}
