//! What a device asks of Apple: the store, invitations, and the pushes for it.

use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use crate::facts::AppFacts;

/// How a command or a person names an app.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AppName {
    AdamId(String),
    BundleId(String),
}

/// By what licence a device may install an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Licence {
    None,
    Device,
    User,
}

#[derive(Deserialize)]
struct Licensed {
    licensed: bool,
    #[serde(default)]
    via: Option<String>,
}

#[derive(Debug, Deserialize)]
pub struct Pushes {
    pub pushes: Vec<Push>,
    /// Where to go on reading from.
    #[serde(alias = "next")]
    pub last: u64,
}

#[derive(Debug, Deserialize)]
pub struct Push {
    /// In hex.
    pub token: String,
    pub magic: String,
}

/// How accepting an invitation went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Accepted {
    Yes,
    /// It leads nowhere, or another account has it: no use in trying again.
    Refused,
}

#[derive(Clone)]
pub struct Store {
    pub http: reqwest::Client,
    pub url: String,
}

impl Store {
    pub async fn app(&self, name: &AppName) -> Result<Option<AppFacts>, reqwest::Error> {
        let url = format!("{}/sim/apps", self.url);
        let apps: Vec<AppFacts> = self.http.get(url).send().await?.error_for_status()?.json().await?;
        for app in apps {
            let found = match name {
                AppName::AdamId(adam_id) => app.adam_id == *adam_id,
                AppName::BundleId(bundle_id) => app.bundle_id == *bundle_id,
            };
            if found {
                return Ok(Some(app));
            }
        }
        Ok(None)
    }

    pub async fn licence(&self, adam_id: &str, serial: &str, account: Option<&str>) -> Result<Licence, reqwest::Error> {
        let url = format!("{}/sim/licence", self.url);
        let query = [
            ("adamId", adam_id),
            ("serial", serial),
            ("account", account.unwrap_or_default()),
        ];
        let answer: Licensed = self
            .http
            .get(url)
            .query(&query)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await?;
        Ok(match (answer.licensed, answer.via.as_deref()) {
            (false, _) => Licence::None,
            (true, Some("device")) => Licence::Device,
            (true, _) => Licence::User,
        })
    }

    pub async fn accept(&self, invite_code: &str, account: &str) -> Result<Accepted, reqwest::Error> {
        let url = format!("{}/sim/accept", self.url);
        let body = json!({"inviteCode": invite_code, "account": account});
        let response = self.http.post(url).json(&body).send().await?;
        match response.status().is_client_error() {
            true => Ok(Accepted::Refused),
            false => response.error_for_status().map(|_| Accepted::Yes),
        }
    }

    pub async fn pushes(&self, after: u64, wait: Duration) -> Result<Pushes, reqwest::Error> {
        let url = format!("{}/sim/pushes", self.url);
        let query = [("after", after), ("wait_ms", wait.as_millis() as u64)];
        let patience = wait + Duration::from_secs(10);
        self.http
            .get(url)
            .query(&query)
            .timeout(patience)
            .send()
            .await?
            .error_for_status()?
            .json()
            .await
    }

    /// Nobody listens to that push token any more.
    pub async fn forget_token(&self, token: &str) -> Result<(), reqwest::Error> {
        let url = format!("{}/sim/dead-token", self.url);
        self.http
            .post(url)
            .json(&json!({"token": token}))
            .send()
            .await?
            .error_for_status()?;
        Ok(())
    }
}
