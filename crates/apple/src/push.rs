//! Apple's push service: wakes a device, which then asks its server what there is to do (`mdm-protocol` §3.7).

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use reqwest::Identity;
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde_json::json;

use crate::{Http, body, licensing::retry_after, text};

/// Apple keeps the latest push for a device that is off: for this long.
const GOOD_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// After 429 (`mdm-protocol` §3.7).
const AT_LEAST: Duration = Duration::from_secs(60);

/// A refusal is a reason and a time: some 60 bytes.
const LIMIT_BYTES: usize = 16 * 1024;

/// Why a device could not be woken.
#[derive(Debug, thiserror::Error)]
pub enum PushError {
    /// Not to be used again until the device sends a new token.
    #[error("the device's push token is not valid any more")]
    TokenDead { since: Option<Timestamp> },
    /// The certificate, or its topic, is not right: no push will get through until that is mended.
    #[error("the push certificate is not accepted: {reason}")]
    Misconfigured { reason: String },
    /// This device was called too often: not again before `wait`, whatever there is to do for it.
    #[error("the push service asks us to leave this device alone for {wait:?}")]
    TooMany { wait: Duration },
    /// The service takes no pushes at the moment, nobody's; `wait` where it said for how long.
    #[error("the push service asks us to wait")]
    Throttled { wait: Option<Duration> },
    #[error("the push service could not be reached")]
    Unreachable(#[source] reqwest::Error),
    #[error("the push service turned the push down: {status} {reason}")]
    Refused { status: u16, reason: String },
}

/// A connection to the push service.
#[derive(Clone)]
pub struct Apns {
    http: Http,
    base_url: Arc<str>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct Refusal {
    reason: String,
    timestamp: Option<i64>,
}

impl Apns {
    /// `identity` is the push certificate with its key, in PEM. Only a simulator does without.
    pub fn new(base_url: &str, identity: Option<SecretString>) -> Result<Apns, PushError> {
        let unusable = |error: reqwest::Error| PushError::Misconfigured {
            reason: error.to_string(),
        };
        let mut client = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .http2_keep_alive_interval(Duration::from_secs(60))
            .redirect(reqwest::redirect::Policy::none());
        if let Some(pem) = identity {
            client = client.identity(Identity::from_pem(pem.expose_secret().as_bytes()).map_err(unusable)?);
        }
        let http = client.build().map_err(unusable)?;
        Ok(Apns::over(http, base_url))
    }

    /// A connection that is there already.
    pub fn over(http: impl Into<Http>, base_url: &str) -> Apns {
        Apns {
            http: http.into(),
            base_url: base_url.trim_end_matches('/').into(),
        }
    }

    /// Asks Apple to wake the device. `Ok` means queued at Apple, not delivered.
    pub async fn push(&self, token: &[u8], magic: &str, topic: &str, now: Timestamp) -> Result<(), PushError> {
        let url = format!("{}/3/device/{}", self.base_url, hex::encode(token));
        let expires = now.as_second().saturating_add(GOOD_FOR.as_secs().cast_signed());
        let request = self
            .http
            .post(&url)
            .header("apns-topic", topic)
            .header("apns-push-type", "mdm")
            .header("apns-priority", "10")
            .header("apns-expiration", expires.to_string())
            .json(&json!({ "mdm": magic }));
        let sent = self.http.send(request).await;
        let response = sent
            // The address holds the device's token, which belongs in no log.
            .map_err(|error| PushError::Unreachable(error.without_url()))?;
        let status = response.status().as_u16();
        if status == 200 {
            return Ok(());
        }
        let wait = retry_after(&response);
        let body = body::read(response, LIMIT_BYTES).await.unwrap_or_default();
        let refusal: Refusal = serde_json::from_slice(&body).unwrap_or_default();
        Err(refused(status, refusal, wait))
    }
}

fn refused(status: u16, refusal: Refusal, wait: Option<Duration>) -> PushError {
    let Refusal { reason, timestamp } = refusal;
    let reason = text::kept(&reason, text::NAME);
    match (status, reason.as_str()) {
        (410, _) => PushError::TokenDead {
            since: timestamp.and_then(|ms| Timestamp::from_millisecond(ms).ok()),
        },
        (400, "BadDeviceToken") => PushError::TokenDead { since: None },
        (403, _) | (400, "DeviceTokenNotForTopic" | "BadTopic" | "MissingTopic" | "TopicDisallowed") => {
            PushError::Misconfigured { reason }
        }
        (429, _) => PushError::TooMany {
            wait: wait.unwrap_or_default().max(AT_LEAST),
        },
        (500 | 503, _) | (400, "IdleTimeout") => PushError::Throttled { wait },
        _ => PushError::Refused { status, reason },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: u16, reason: &str) -> PushError {
        refused(
            status,
            Refusal {
                reason: reason.to_owned(),
                timestamp: Some(1_700_000_000_000),
            },
            None,
        )
    }

    #[test]
    fn a_device_that_was_called_too_often_is_left_alone_for_a_minute_at_least() {
        let asked = |seconds: Option<u64>| {
            let refused = refused(429, Refusal::default(), seconds.map(Duration::from_secs));
            match refused {
                PushError::TooMany { wait } => wait.as_secs(),
                other => panic!("{other:?}"),
            }
        };
        assert_eq!([None, Some(5), Some(300)].map(asked), [60, 60, 300]);
    }

    #[test]
    fn each_refusal_asks_for_something_else() {
        assert!(matches!(
            of(410, "Unregistered"),
            PushError::TokenDead { since: Some(_) }
        ));
        assert!(matches!(
            of(400, "BadDeviceToken"),
            PushError::TokenDead { since: None }
        ));
        assert!(matches!(of(403, "BadCertificate"), PushError::Misconfigured { .. }));
        assert!(matches!(of(400, "TopicDisallowed"), PushError::Misconfigured { .. }));
        assert!(matches!(
            of(400, "DeviceTokenNotForTopic"),
            PushError::Misconfigured { .. }
        ));
        assert!(matches!(of(400, "IdleTimeout"), PushError::Throttled { wait: None }));
        assert!(matches!(
            of(400, "PayloadEmpty"),
            PushError::Refused { status: 400, .. }
        ));
        assert!(matches!(of(429, "TooManyRequests"), PushError::TooMany { .. }));
        assert!(matches!(of(503, "Shutdown"), PushError::Throttled { wait: None }));
        assert!(matches!(
            of(413, "PayloadTooLarge"),
            PushError::Refused { status: 413, .. }
        ));
    }
}
