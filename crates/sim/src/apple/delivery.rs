//! What is sent to a server that wants to be notified.

use std::time::Duration;

use super::ledger::{ClientConfiguration, Notice};

/// Whoever has not answered by then was not reached.
const PATIENCE: Duration = Duration::from_secs(5);

/// One notification on its way to a server.
#[derive(Debug, Clone)]
pub struct Delivery {
    pub uid: String,
    pub notice: Notice,
    url: String,
    token: String,
}

impl Delivery {
    /// `None` where nobody is to be told.
    pub fn of(uid: &str, to: &ClientConfiguration, notice: Notice) -> Option<Delivery> {
        Some(Delivery {
            uid: uid.into(),
            notice,
            url: to.notification_url.clone()?,
            token: to.notification_auth_token.clone()?,
        })
    }

    /// Sends it once. Any 2xx says that it was taken.
    pub async fn arrives(&self, client: &reqwest::Client) -> bool {
        let body = self.notice.body(&self.uid);
        let sent = client.post(&self.url).bearer_auth(&self.token).json(&body).send().await;
        let arrived = sent.is_ok_and(|answer| answer.status().is_success());
        tracing::debug!(kind = self.notice.notification_type, arrived, "notified");
        arrived
    }
}

/// A notification that somebody else is to send.
#[derive(Debug, Clone)]
pub struct Notification {
    pub url: String,
    /// What Apple proves itself with.
    pub secret: String,
    pub body: Vec<u8>,
}

impl From<Delivery> for Notification {
    fn from(delivery: Delivery) -> Notification {
        Notification {
            body: delivery.notice.body(&delivery.uid).to_string().into_bytes(),
            url: delivery.url,
            secret: delivery.token,
        }
    }
}

/// What sends them. It follows no redirects: the address is the one that was given.
///
/// # Panics
///
/// When the machine has no randomness or no certificates to begin with.
pub fn client() -> reqwest::Client {
    let client = reqwest::Client::builder().no_proxy().timeout(PATIENCE);
    let client = client.redirect(reqwest::redirect::Policy::none()).build();
    client.expect("a client for notifications")
}
