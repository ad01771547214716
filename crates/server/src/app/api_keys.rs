//! Keys with which programs come in.

use std::{ops::RangeInclusive, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::ApiKeyId;
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{ApiKey, Base, NewEvent, Role, Version};

use super::{App, AppError, Caller, FieldProblem, accounts::sha256_hex, sign_in::SEEN_EVERY};
use crate::cause::Chain;

/// How long a key that was replaced stays good, unless it is ended at once: a day to bring the new one to its program.
pub const KEY_OVERLAP: Duration = Duration::from_secs(24 * 3600);

/// A key that ends by itself: from an hour, for a trial, to ten years.
pub const KEY_LASTS: RangeInclusive<Duration> = Duration::from_secs(3600)..=Duration::from_secs(3653 * 24 * 3600);

impl App {
    /// All that were ever made; those that were revoked say so.
    pub async fn api_keys(&self) -> Result<Vec<ApiKey>, AppError> {
        Ok(self.store.api_keys().await?)
    }

    /// One of them; a key that was revoked is there, too.
    pub async fn api_key_known(&self, id: ApiKeyId) -> Result<ApiKey, AppError> {
        self.store.api_key(id).await?.ok_or(AppError::NotFound("API key"))
    }

    /// Makes a key for the REST API, good for so long, or until it is revoked. Its text is shown once; only its SHA-256
    /// is kept.
    pub async fn api_key_create(
        &self,
        caller: &Caller,
        name: &str,
        role: Role,
        lasts: Option<Duration>,
    ) -> Result<(ApiKeyId, SecretString), AppError> {
        caller.may_write()?;
        let name = super::required("name", name, 100)?;
        if lasts.is_some_and(|lasts| !KEY_LASTS.contains(&lasts)) {
            return Err(AppError::Invalid {
                field: "lasts",
                problem: FieldProblem::Malformed,
            });
        }
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
            expires_at: lasts.map(|lasts| now + lasts),
            revoked_at: None,
            version: Version::default(),
        };
        let mut tx = self.store.begin().await?;
        tx.api_key_insert(&key, &sha256_hex(text.expose_secret())).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyCreated").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok((id, text))
    }

    /// Puts a new key in the place of an old one, which stays good for `overlap`. Shown once, like the first, and good
    /// for as long as that was.
    ///
    /// Unless somebody else replaced it since `base`: a second time would end the key that they carry to its program.
    pub async fn api_key_rotate(
        &self,
        caller: &Caller,
        id: ApiKeyId,
        base: Base,
        overlap: Duration,
    ) -> Result<SecretString, AppError> {
        caller.may_write()?;
        let before = self.api_key_good(id, base).await?;
        let (text, hint) = self.key_text();
        let now = self.now();
        let begun = before.rotated_at.unwrap_or(before.created_at);
        let key = ApiKey {
            hint,
            // Not longer than it would have been good without.
            previous_until: Some(before.expires_at.map_or(now + overlap, |end| end.min(now + overlap))),
            expires_at: before.expires_at.map(|end| now + end.since(begun)),
            ..before
        };
        let mut tx = self.store.begin().await?;
        let sha = sha256_hex(text.expose_secret());
        if !tx.api_key_rotate(&key, &sha, caller.changes(now)).await? {
            return Err(AppError::Stale("API key"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyRotated").with(json!({ "name": key.name })))
            .await?;
        tx.commit().await?;
        Ok(text)
    }

    /// Ends a key, and the one that it replaced. For good.
    pub async fn api_key_revoke(&self, caller: &Caller, id: ApiKeyId, base: Base) -> Result<(), AppError> {
        caller.may_write()?;
        let key = self.api_key_good(id, base).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.api_key_revoke(id, base, caller.changes(now)).await? {
            return Err(AppError::Stale("API key"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyRevoked").with(json!({ "name": key.name })))
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
                    tracing::warn!(error = %Chain(&error), "when an API key was used last could not be kept");
                }
            });
        }
        Ok(found)
    }

    /// A key that was not revoked, as it was when somebody saw it.
    async fn api_key_good(&self, id: ApiKeyId, base: Base) -> Result<ApiKey, AppError> {
        let key = self.api_key_known(id).await?;
        if !base.is(&key.version) {
            return Err(AppError::Stale("API key"));
        }
        match key.revoked_at {
            None => Ok(key),
            Some(_) => Err(AppError::NotFound("API key")),
        }
    }

    /// A new key, and enough of it to tell it from others.
    fn key_text(&self) -> (SecretString, String) {
        let text = format!("alk_{}", URL_SAFE_NO_PAD.encode(self.random.secret()));
        let hint = text[text.len() - 4..].to_owned();
        (SecretString::from(text), hint)
    }
}
