//! Who may sign in to the console.

use domain::{AccountId, SessionId, Time};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use crate::{
    Change, StoreError, Tx, Version,
    db::{Conn, Record, reads, values, word},
    versions::version,
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
    /// As it was written when the account was made.
    pub login: String,
    /// The same for every way to write it; no two accounts share one.
    pub login_key: String,
    pub name: String,
    pub password_hash: SecretString,
    pub role: Role,
    /// `ko` or `en`, once chosen.
    pub language: Option<String>,
    pub created_at: Time,
    pub disabled_at: Option<Time>,
    /// Of name, role and whether it may sign in.
    pub version: Version,
    pub signed_in_at: Option<Time>,
    /// Wrong passwords until then do not count.
    pub unlocked_at: Option<Time>,
}

reads! {
    accounts() -> Vec<Account>;
    account(id: AccountId) -> Option<Account>;
    account_by_login_key(key: &'a str) -> Option<Account>;
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

    async fn account_by_login_key(&mut self, key: &str) -> Result<Option<Account>, StoreError> {
        self.one("SELECT * FROM accounts WHERE login_key = $1", values![key], account)
            .await
    }
}

impl Tx {
    pub async fn account_insert(&mut self, account: &Account) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO accounts (id, login, login_key, name, password_hash, role, language, created_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                account.id,
                account.login,
                account.login_key,
                account.name,
                account.password_hash.expose_secret(),
                word(&account.role),
                account.language,
                account.created_at
            ],
        )
        .await?;
        Ok(())
    }

    /// Waits for everybody else who is about to take rights away: until this transaction ends, what it reads of
    /// accounts stays true.
    pub async fn accounts_guard(&mut self) -> Result<(), StoreError> {
        self.run("UPDATE account_guard SET changes = changes + 1 WHERE id = 1", values![])
            .await?;
        Ok(())
    }

    /// Writes name, role and whether it may sign in. `false` when somebody else changed the account since `changed` was
    /// read: nothing is changed then.
    pub async fn account_change(&mut self, changed: &Account, by: Change<'_>) -> Result<bool, StoreError> {
        let found = self
            .run(
                "UPDATE accounts SET name = $3, role = $4, disabled_at = $5,
                                     version = version + 1, changed_at = $6, changed_by = $7
                 WHERE id = $1 AND version = $2",
                values![
                    changed.id,
                    changed.version.number,
                    changed.name,
                    word(&changed.role),
                    changed.disabled_at,
                    by.at,
                    by.by
                ],
            )
            .await?;
        Ok(found == 1)
    }

    /// Writes the password that somebody else sets, whatever it was before.
    pub async fn account_password(&mut self, id: AccountId, password_hash: &SecretString) -> Result<(), StoreError> {
        self.run(
            "UPDATE accounts SET password_hash = $2 WHERE id = $1",
            values![id, password_hash.expose_secret()],
        )
        .await?;
        Ok(())
    }

    /// Writes the password that the owner wants, from this session. `false` when the account was disabled, got another
    /// password since the old one was compared, or the session has ended: nothing is changed then.
    pub async fn account_password_change(
        &mut self,
        account: &Account,
        session: SessionId,
        password_hash: &SecretString,
    ) -> Result<bool, StoreError> {
        let found = self
            .run(
                "UPDATE accounts SET password_hash = $3
                 WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL
                   AND EXISTS (SELECT 1 FROM sessions WHERE sessions.id = $4 AND sessions.account_id = accounts.id)",
                values![
                    account.id,
                    account.password_hash.expose_secret(),
                    password_hash.expose_secret(),
                    session
                ],
            )
            .await?;
        Ok(found == 1)
    }

    /// `false` when the account was disabled, or got another password, since the password was compared.
    pub async fn account_signed_in(
        &mut self,
        id: AccountId,
        password_hash: &SecretString,
        now: Time,
    ) -> Result<bool, StoreError> {
        let found = self
            .run(
                "UPDATE accounts SET signed_in_at = $3 WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL",
                values![id, password_hash.expose_secret(), now],
            )
            .await?;
        Ok(found == 1)
    }

    pub async fn account_unlock(&mut self, id: AccountId, now: Time) -> Result<(), StoreError> {
        self.run("UPDATE accounts SET unlocked_at = $2 WHERE id = $1", values![id, now])
            .await?;
        Ok(())
    }

    pub async fn account_language(&mut self, id: AccountId, language: &str) -> Result<(), StoreError> {
        self.run("UPDATE accounts SET language = $2 WHERE id = $1", values![id, language])
            .await?;
        Ok(())
    }
}

pub(crate) fn account(row: &Record) -> Result<Account, StoreError> {
    Ok(Account {
        id: row.parsed("id")?,
        login: row.text("login")?,
        login_key: row.text("login_key")?,
        name: row.text("name")?,
        password_hash: SecretString::from(row.text("password_hash")?),
        role: row.word("role")?,
        language: row.text_or_none("language")?,
        created_at: row.time("created_at")?,
        disabled_at: row.time_or_none("disabled_at")?,
        version: version(row, "")?,
        signed_in_at: row.time_or_none("signed_in_at")?,
        unlocked_at: row.time_or_none("unlocked_at")?,
    })
}
