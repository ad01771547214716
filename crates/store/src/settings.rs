//! The switches of the installation.

use domain::{Policy, Time};

use crate::{
    StoreError, Tx,
    db::{Conn, reads, values},
};

const POLICY: &str = "policy";

reads! {
    /// The policy as it was last set; the default before that.
    policy() -> Policy;
    setting(key: &'a str) -> Option<String>;
}

impl Conn<'_> {
    pub(crate) async fn policy(&mut self) -> Result<Policy, StoreError> {
        let Some(text) = self.setting(POLICY).await? else {
            return Ok(Policy::default());
        };
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt {
            column: POLICY.to_owned(),
            value: text,
        })
    }

    async fn setting(&mut self, key: &str) -> Result<Option<String>, StoreError> {
        self.one("SELECT value FROM settings WHERE key = $1", values![key], |row| {
            row.text("value")
        })
        .await
    }
}

impl Tx {
    pub async fn policy_set(&mut self, policy: &Policy, now: Time) -> Result<(), StoreError> {
        let text = serde_json::to_string(policy).expect("a policy is plain data");
        self.setting_set(POLICY, &text, now).await
    }

    pub async fn setting_set(&mut self, key: &str, value: &str, now: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO settings (key, value, updated_at) VALUES ($1, $2, $3)
             ON CONFLICT (key) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at",
            values![key, value, now],
        )
        .await?;
        Ok(())
    }
}
