//! Keys with which programs come in.

use std::time::Duration;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::ApiKeyId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{ApiKey, NewEvent, Role};

use super::{App, AppError, Caller, accounts::sha256_hex, sign_in::SEEN_EVERY};

/// How long a key that was replaced stays good, unless it is ended at once: a day to bring the new one to its program.
pub const KEY_OVERLAP: Duration = Duration::from_secs(24 * 3600);

impl App {
    /// All that were ever made; those that were revoked say so.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, AppError> {
        Ok(self.store.api_keys().await?)
    }

    /// Makes a key for the REST API. Its text is shown once; only its SHA-256 is kept.
    pub async fn api_key_create(
        &self,
        caller: &Caller,
        name: &str,
        role: Role,
    ) -> Result<(ApiKeyId, SecretString), AppError> {
        caller.may_write()?;
        let name = super::required("name", name, 100)?;
        let (text, hint) = self.key_text();
        let now = self.now();
        let id = ApiKeyId(self.random.id());
        let key = ApiKey {
            id,
            name: name.clone(),
            role,
            hint,
            made_by: caller.name().to_owned(),
            created_at: now,
            rotated_at: None,
            previous_until: None,
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = self.store.begin().await?;
        tx.api_key_insert(&key, &sha256_hex(text.expose_secret())).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyCreated").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok((id, text))
    }

    /// Puts a new key in the place of an old one, which stays good for `overlap`. Shown once, like the first.
    pub async fn api_key_rotate(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        overlap: Duration,
    ) -> Result<SecretString, AppError> {
        caller.may_write()?;
        let name = self.key_name(id).await?;
        let (text, hint) = self.key_text();
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let sha = sha256_hex(text.expose_secret());
        if !tx.api_key_rotate(id, &sha, &hint, now + overlap, now).await? {
            return Err(AppError::NotFound("API key"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyRotated").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok(text)
    }

    /// Ends a key, and the one that it replaced. For good.
    pub async fn api_key_revoke(&self, caller: &Caller, id: ApiKeyId) -> Result<(), AppError> {
        caller.may_write()?;
        let name = self.key_name(id).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.api_key_revoke(id, now).await? {
            return Err(AppError::NotFound("API key"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyRevoked").with(json!({ "name": name })))
            .await?;
        Ok(tx.commit().await?)
    }

    /// The key that a program sent, while it is good.
    pub async fn api_key(&self, text: &str) -> Result<Option<ApiKey>, AppError> {
        let now = self.now();
        let found = self.store.api_key_by_sha(&sha256_hex(text), now).await?;
        if let Some(key) = &found
            && key.last_used_at.is_none_or(|at| now.since(at) >= SEEN_EVERY)
        {
            let (app, id) = (self.clone(), key.id);
            tokio::spawn(async move {
                let seen = async {
                    let mut tx = app.store.begin().await?;
                    tx.api_key_seen(id, now, SEEN_EVERY).await?;
                    tx.commit().await
                };
                if let Err(error) = seen.await {
                    tracing::warn!(%error, "when an API key was used last could not be kept");
                }
            });
        }
        Ok(found)
    }

    async fn key_name(&self, id: ApiKeyId) -> Result<String, AppError> {
        let keys = self.store.api_keys().await?;
        let key = keys.into_iter().find(|key| key.id == id && key.revoked_at.is_none());
        Ok(key.ok_or(AppError::NotFound("API key"))?.name)
    }

    /// A new key, and enough of it to tell it from others.
    fn key_text(&self) -> (SecretString, String) {
        let text = format!("alk_{}", URL_SAFE_NO_PAD.encode(self.random.secret()));
        let hint = text[text.len() - 4..].to_owned();
        (SecretString::from(text), hint)
    }
}
