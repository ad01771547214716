//! Accounts, their sessions, and keys for the API.

use domain::{AccountId, ApiKeyId, Time};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// What an account or a key may do (A78).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Role {
    /// 모든 권한
    Full,
    /// 읽기 전용 권한
    ReadOnly,
}

#[derive(Debug, Clone)]
pub struct Account {
    pub id: AccountId,
    pub login: String,
    pub name: String,
    pub password_hash: SecretString,
    pub role: Role,
    /// `ko` or `en`, once chosen.
    pub language: Option<String>,
    pub created_at: Time,
    pub disabled_at: Option<Time>,
}

#[derive(Debug, Clone)]
pub struct ApiKey {
    pub id: ApiKeyId,
    pub name: String,
    pub role: Role,
    pub created_at: Time,
    pub last_used_at: Option<Time>,
    pub revoked_at: Option<Time>,
}

reads! {
    accounts() -> Vec<Account>;
    account(id: AccountId) -> Option<Account>;
    account_by_login(login: &'a str) -> Option<Account>;
    /// The account of a session that has not ended.
    session(token_sha256: &'a str, now: Time) -> Option<Account>;
    api_keys() -> Vec<ApiKey>;
    api_key_by_sha(key_sha256: &'a str) -> Option<ApiKey>;
}

impl Conn<'_> {
    async fn accounts(&mut self) -> Result<Vec<Account>, StoreError> {
        self.all("SELECT * FROM accounts ORDER BY login", values![], account)
            .await
    }

    async fn account(&mut self, id: AccountId) -> Result<Option<Account>, StoreError> {
        self.one("SELECT * FROM accounts WHERE id = $1", values![id], account)
            .await
    }

    async fn account_by_login(&mut self, login: &str) -> Result<Option<Account>, StoreError> {
        self.one("SELECT * FROM accounts WHERE login = $1", values![login], account)
            .await
    }

    async fn session(&mut self, token_sha256: &str, now: Time) -> Result<Option<Account>, StoreError> {
        self.one(
            "SELECT accounts.* FROM accounts JOIN sessions ON sessions.account_id = accounts.id
             WHERE sessions.token_sha256 = $1 AND sessions.expires_at > $2 AND accounts.disabled_at IS NULL",
            values![token_sha256, now],
            account,
        )
        .await
    }

    async fn api_keys(&mut self) -> Result<Vec<ApiKey>, StoreError> {
        self.all("SELECT * FROM api_keys ORDER BY created_at", values![], api_key)
            .await
    }

    async fn api_key_by_sha(&mut self, key_sha256: &str) -> Result<Option<ApiKey>, StoreError> {
        self.one(
            "SELECT * FROM api_keys WHERE key_sha256 = $1",
            values![key_sha256],
            api_key,
        )
        .await
    }
}

impl Tx {
    pub async fn account_insert(&mut self, account: &Account) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO accounts (id, login, name, password_hash, role, language, created_at, disabled_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                account.id,
                account.login,
                account.name,
                account.password_hash.expose_secret(),
                word(&account.role),
                account.language,
                account.created_at,
                account.disabled_at
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn account_language(&mut self, id: AccountId, language: &str) -> Result<(), StoreError> {
        self.run("UPDATE accounts SET language = $2 WHERE id = $1", values![id, language])
            .await?;
        Ok(())
    }

    pub async fn session_insert(
        &mut self,
        token_sha256: &str,
        account: AccountId,
        now: Time,
        expires_at: Time,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM sessions WHERE expires_at <= $1", values![now])
            .await?;
        self.run(
            "INSERT INTO sessions (token_sha256, account_id, created_at, expires_at, last_seen_at)
             VALUES ($1, $2, $3, $4, $3)",
            values![token_sha256, account, now, expires_at],
        )
        .await?;
        Ok(())
    }

    pub async fn session_delete(&mut self, token_sha256: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM sessions WHERE token_sha256 = $1", values![token_sha256])
            .await?;
        Ok(())
    }

    pub async fn api_key_insert(&mut self, key: &ApiKey, key_sha256: &str) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO api_keys (id, name, key_sha256, role, created_at) VALUES ($1, $2, $3, $4, $5)",
            values![key.id, key.name, key_sha256, word(&key.role), key.created_at],
        )
        .await?;
        Ok(())
    }

    pub async fn api_key_revoke(&mut self, id: ApiKeyId, now: Time) -> Result<(), StoreError> {
        self.run("UPDATE api_keys SET revoked_at = $2 WHERE id = $1", values![id, now])
            .await?;
        Ok(())
    }
}

fn account(row: &Record) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.parsed("id")?,
        login: row.text("login")?,
        name: row.text("name")?,
        password_hash: SecretString::from(row.text("password_hash")?),
        role: row.word("role")?,
        language: row.text_or_none("language")?,
        created_at: row.time("created_at")?,
        disabled_at: row.time_or_none("disabled_at")?,
    })
}

fn api_key(row: &Record) -> Result<ApiKey, StoreError> {
    Ok(ApiKey {
        id: row.parsed("id")?,
        name: row.text("name")?,
        role: row.word("role")?,
        created_at: row.time("created_at")?,
        last_used_at: row.time_or_none("last_used_at")?,
        revoked_at: row.time_or_none("revoked_at")?,
    })
}
