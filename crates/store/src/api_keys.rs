//! Keys for the REST API.

use std::time::Duration;

use domain::{ApiKeyId, Time};

use crate::{
    Base, Change, Role, StoreError, Tx, Version,
    db::{Conn, Record, reads, values, word},
    versions::version,
};

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub role: Role,
    /// The last characters of the key, to tell it from others; empty for one that is older than this column.
    pub hint: String,
    /// Who made it, by name.
    pub made_by: String,
    pub created_at: Time,
    pub rotated_at: Option<Time>,
    /// Until then the key that this one replaced is good too.
    pub previous_until: Option<Time>,
    pub last_used_at: Option<Time>,
    /// From then on neither is good. `None`: never by itself.
    pub expires_at: Option<Time>,
    pub revoked_at: Option<Time>,
    /// Of its secret: whoever replaces or revokes it says which one they saw.
    pub version: Version,
}

reads! {
    /// The oldest first, the revoked ones too: the history names them.
    api_keys() -> Vec<ApiKey>;
    api_key(id: ApiKeyId) -> Option<ApiKey>;
    /// A key that is good now, by its SHA-256.
    api_key_by_sha(key_sha256: &'a str, now: Time) -> Option<ApiKey>;
}

impl Conn<'_> {
    async fn api_keys(&mut self) -> Result<Vec<ApiKey>, StoreError> {
        self.all("SELECT * FROM api_keys ORDER BY created_at, id", values![], api_key)
            .await
    }

    async fn api_key(&mut self, id: ApiKeyId) -> Result<Option<ApiKey>, StoreError> {
        self.one("SELECT * FROM api_keys WHERE id = $1", values![id], api_key)
            .await
    }

    async fn api_key_by_sha(&mut self, key_sha256: &str, now: Time) -> Result<Option<ApiKey>, StoreError> {
        self.one(
            "SELECT * FROM api_keys
             WHERE revoked_at IS NULL AND (expires_at IS NULL OR expires_at > $2)
               AND (key_sha256 = $1 OR (previous_sha256 = $1 AND previous_until > $2))",
            values![key_sha256, now],
            api_key,
        )
        .await
    }
}

impl Tx {
    pub async fn api_key_insert(&mut self, key: &ApiKey, key_sha256: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO api_keys (id, name, key_sha256, role, hint, made_by, created_at, expires_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                key.id,
                key.name,
                key_sha256,
                word(&key.role),
                key.hint,
                key.made_by,
                key.created_at,
                key.expires_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Puts another secret in the place of the present one, with hint and times as `key` has them. `false` for a key that
    /// was revoked, or changed since `key` was read.
    pub async fn api_key_rotate(&mut self, key: &ApiKey, key_sha256: &str, by: Change<'_>) -> Result<bool, StoreError> {
        let rotated = self
            .run(
                "UPDATE api_keys SET previous_sha256 = key_sha256, previous_until = $4, key_sha256 = $3, hint = $5,
                        rotated_at = $6, expires_at = $7, version = version + 1, changed_at = $6, changed_by = $8
                 WHERE id = $1 AND version = $2 AND revoked_at IS NULL",
                values![
                    key.id,
                    key.version.number,
                    key_sha256,
                    key.previous_until,
                    key.hint,
                    by.at,
                    key.expires_at,
                    by.by
                ],
            )
            .await?;
        Ok(rotated == 1)
    }

    /// `false` when it is not there, revoked already, or another one than `base`.
    pub async fn api_key_revoke(&mut self, id: ApiKeyId, base: Base, by: Change<'_>) -> Result<bool, StoreError> {
        let revoked = self
            .run(
                "UPDATE api_keys SET revoked_at = $3, version = version + 1, changed_at = $3, changed_by = $4
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2) AND revoked_at IS NULL",
                values![id, base, by.at, by.by],
            )
            .await?;
        Ok(revoked == 1)
    }

    /// Used just now. Written when it was not written for `every`.
    pub async fn api_key_seen(&mut self, id: ApiKeyId, now: Time, every: Duration) -> Result<(), StoreError> {
        self.run(
            "UPDATE api_keys SET last_used_at = $2 WHERE id = $1 AND (last_used_at IS NULL OR last_used_at <= $3)",
            values![id, now, now - every],
        )
        .await?;
        Ok(())
    }
}

fn api_key(row: &Record) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.parsed("id")?,
        name: row.text("name")?,
        role: row.word("role")?,
        hint: row.text("hint")?,
        made_by: row.text("made_by")?,
        created_at: row.time("created_at")?,
        rotated_at: row.time_or_none("rotated_at")?,
        previous_until: row.time_or_none("previous_until")?,
        last_used_at: row.time_or_none("last_used_at")?,
        expires_at: row.time_or_none("expires_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
        version: version(row, "")?,
    })
}
