//! Who may come in: people by name and password, programs by key.

use argon2::{
    Algorithm, Argon2, Params, Version,
    password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{AccountId, ApiKeyId};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::time::Duration;
use store::{Account, ApiKey, NewEvent, Role};
use tokio::sync::OnceCell;

use super::{App, AppError, Caller, Problem};

/// How long a session lasts after signing in.
const SESSION: Duration = Duration::from_secs(12 * 3600);
/// What NIST SP 800-63B asks of a password at least, rounded up.
const PASSWORD_MIN_CHARS: usize = 10;

/// A session that has just begun.
pub struct SignedIn {
    /// Goes into the cookie; only its SHA-256 is kept.
    pub token: SecretString,
    pub account: Account,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such login, a wrong password, or an account that is switched off: the same answer, and the same time.
    #[error("login or password is wrong")]
    Wrong,
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

impl Caller {
    pub fn of_account(account: &Account) -> Caller {
        Caller::Account {
            id: account.id,
            name: account.name.clone(),
            role: account.role,
        }
    }

    pub fn of_key(key: &ApiKey) -> Caller {
        Caller::ApiKey {
            id: key.id,
            name: key.name.clone(),
            role: key.role,
        }
    }
}

impl App {
    pub async fn sign_in(&self, login: &str, password: &SecretString) -> Result<SignedIn, SignInError> {
        let account = self
            .store
            .account_by_login(login)
            .await?
            .filter(|account| account.disabled_at.is_none());
        let known = account.as_ref().map(|account| account.password_hash.clone());
        if !password_matches(known, password.clone()).await {
            return Err(SignInError::Wrong);
        }
        let Some(account) = account else {
            return Err(SignInError::Wrong);
        };

        let token = SecretString::from(URL_SAFE_NO_PAD.encode(self.random.secret()));
        let now = self.clock.now();
        let mut tx = self.store.begin().await?;
        tx.session_insert(&sha256_hex(token.expose_secret()), account.id, now, now + SESSION)
            .await?;
        tx.event(&NewEvent::new(now, Caller::of_account(&account).actor(), "signedIn"))
            .await?;
        tx.commit().await?;
        Ok(SignedIn { token, account })
    }

    /// The account behind a session cookie, while the session lasts.
    pub async fn session(&self, token: &str) -> Result<Option<Account>, AppError> {
        Ok(self.store.session(&sha256_hex(token), self.clock.now()).await?)
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        tx.session_delete(&sha256_hex(token)).await?;
        Ok(tx.commit().await?)
    }

    pub async fn account_add(
        &self,
        caller: &Caller,
        login: &str,
        name: &str,
        password: &SecretString,
        role: Role,
    ) -> Result<AccountId, AppError> {
        caller.may_write()?;
        let login = super::required("login", login, 100)?;
        let name = super::required("name", name, 100)?;
        if password.expose_secret().chars().count() < PASSWORD_MIN_CHARS {
            return Err(AppError::Invalid {
                field: "password",
                problem: Problem::TooShort,
            });
        }
        if self.store.account_by_login(&login).await?.is_some() {
            return Err(AppError::Invalid {
                field: "login",
                problem: Problem::Taken,
            });
        }
        let password_hash = password_hash(password.clone()).await;
        let now = self.clock.now();
        let id = AccountId(self.random.id());
        let account = Account {
            id,
            login,
            name: name.clone(),
            password_hash,
            role,
            language: None,
            created_at: now,
            disabled_at: None,
        };
        let mut tx = self.store.begin().await?;
        tx.account_insert(&account).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "accountAdded").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Remembers in which language somebody wants the console.
    pub async fn account_language_set(&self, id: AccountId, language: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        tx.account_language(id, language).await?;
        Ok(tx.commit().await?)
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
        let text = format!("alk_{}", URL_SAFE_NO_PAD.encode(self.random.secret()));
        let now = self.clock.now();
        let id = ApiKeyId(self.random.id());
        let key = ApiKey {
            id,
            name: name.clone(),
            role,
            created_at: now,
            last_used_at: None,
            revoked_at: None,
        };
        let mut tx = self.store.begin().await?;
        tx.api_key_insert(&key, &sha256_hex(&text)).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "apiKeyCreated").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok((id, SecretString::from(text)))
    }

    pub async fn api_key(&self, text: &str) -> Result<Option<ApiKey>, AppError> {
        Ok(self
            .store
            .api_key_by_sha(&sha256_hex(text))
            .await?
            .filter(|key| key.revoked_at.is_none()))
    }
}

pub fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

/// Argon2id with 7 MiB and five passes: of the choices that OWASP's Password Storage Cheat Sheet calls equal, the one
/// with the least memory. A hash tells its own parameters, so those made with others stay good.
fn argon2() -> Argon2<'static> {
    let params = Params::new(7 * 1024, 5, 1, None).expect("parameters within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

/// Off the async threads: it takes tens of milliseconds on purpose.
async fn password_hash(password: SecretString) -> SecretString {
    tokio::task::spawn_blocking(move || {
        let hash = argon2()
            .hash_password(password.expose_secret().as_bytes())
            .expect("argon2 with its own parameters hashes anything");
        SecretString::from(hash.to_string())
    })
    .await
    .expect("hashing does not panic")
}

/// Compares against a made-up hash when there is no account, so that an unknown login takes as long as a known one.
async fn password_matches(known: Option<SecretString>, password: SecretString) -> bool {
    static NOBODYS: OnceCell<SecretString> = OnceCell::const_new();
    let exists = known.is_some();
    // Made with the first sign-in of all, whoever that is of.
    let nobodys = NOBODYS
        .get_or_init(|| password_hash(SecretString::from("nobody has this password")))
        .await;
    let hash = known.unwrap_or_else(|| nobodys.clone());
    let matches = tokio::task::spawn_blocking(move || {
        let Ok(hash) = PasswordHash::new(hash.expose_secret()) else {
            return false;
        };
        argon2()
            .verify_password(password.expose_secret().as_bytes(), &hash)
            .is_ok()
    })
    .await
    .expect("verifying does not panic");
    exists && matches
}
