//! Who may sign in to the console, and what they may do there.

use domain::{AccountId, SessionId};
use secrecy::SecretString;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Account, ApiKey, Base, NewEvent, Role, Tx, Version};
use unicode_normalization::UnicodeNormalization;

use super::{App, AppError, Caller, FieldProblem, attempts::Who, passwords, text::login_key};

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

/// What can be changed of an account; what is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct AccountChange {
    pub name: Option<String>,
    pub role: Option<Role>,
    pub enabled: Option<bool>,
}

impl App {
    pub async fn accounts(&self) -> Result<Vec<Account>, AppError> {
        Ok(self.store.accounts().await?)
    }

    pub async fn account_by_login(&self, login: &str) -> Result<Option<Account>, AppError> {
        Ok(self.store.account_by_login_key(&login_key(login)).await?)
    }

    pub async fn account(&self, id: AccountId) -> Result<Option<Account>, AppError> {
        Ok(self.store.account(id).await?)
    }

    pub(super) async fn account_known(&self, id: AccountId) -> Result<Account, AppError> {
        self.store.account(id).await?.ok_or(AppError::NotFound("account"))
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
        let login = new_login(login)?;
        let name = super::required("name", name, 100)?;
        passwords::acceptable("password", password, &login)?;
        let taken = AppError::Invalid {
            field: "login",
            problem: FieldProblem::Taken,
        };
        if self.account_by_login(&login).await?.is_some() {
            return Err(taken);
        }
        let password_hash = passwords::hashed(&self.gates.passwords, password).await?;
        let now = self.now();
        let id = AccountId(self.random.id());
        let account = Account {
            id,
            login_key: login_key(&login),
            login,
            name: name.clone(),
            password_hash,
            role,
            language: None,
            created_at: now,
            disabled_at: None,
            version: Version::default(),
            signed_in_at: None,
            unlocked_at: None,
        };
        let mut tx = self.store.begin().await?;
        match tx.account_insert(&account).await {
            // Somebody else was faster with the same login.
            Err(store::StoreError::Conflict) => return Err(taken),
            inserted => inserted?,
        }
        tx.event(&NewEvent::new(now, caller.actor(), "accountAdded").with(json!({ "name": name })))
            .await?;
        tx.commit().await?;
        Ok(id)
    }

    /// Changes name, role, or whether the account may sign in, unless it was changed since `base`. Another role, and being
    /// disabled, end its sessions.
    ///
    /// Nobody takes rights from themselves: one wrong press, and there is no way back. Somebody else can.
    pub async fn account_change(
        &self,
        caller: &Caller,
        id: AccountId,
        base: Base,
        change: AccountChange,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let name = change
            .name
            .as_deref()
            .map(|name| super::required("name", name, 100))
            .transpose()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        tx.accounts_guard().await?;
        let before = tx.account(id).await?.ok_or(AppError::NotFound("account"))?;
        if !base.is(&before.version) {
            return Err(AppError::Stale("account"));
        }
        let after = Account {
            name: name.unwrap_or_else(|| before.name.clone()),
            role: change.role.unwrap_or(before.role),
            disabled_at: match change.enabled {
                Some(true) => None,
                Some(false) => before.disabled_at.or(Some(now)),
                None => before.disabled_at,
            },
            ..before.clone()
        };
        let enabled = after.disabled_at.is_none();
        let was_enabled = before.disabled_at.is_none();
        if after.role != Role::Full || !enabled {
            let other = (after.role, enabled) != (before.role, was_enabled);
            if other && caller.is_account(id) {
                return Err(AppError::Invalid {
                    field: if enabled { "role" } else { "enabled" },
                    problem: FieldProblem::Own,
                });
            }
            self.another_full(&mut tx, id).await?;
        }
        let mut kinds = Vec::new();
        if (&after.name, after.role) != (&before.name, before.role) {
            kinds.push("accountChanged");
        }
        if enabled != was_enabled {
            kinds.push(if enabled { "accountEnabled" } else { "accountDisabled" });
        }
        if kinds.is_empty() {
            return Ok(());
        }
        if !tx.account_change(&after, caller.changes(now)).await? {
            return Err(AppError::Stale("account"));
        }
        if after.role != before.role || !enabled {
            tx.sessions_end(id, None).await?;
        }
        if !enabled {
            tx.known_browsers_forget(id).await?;
        }
        for kind in kinds {
            let detail = json!({ "name": after.name, "role": after.role });
            tx.event(&NewEvent::new(now, caller.actor(), kind).with(detail)).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Errors when nobody would be left who may change things, and could let others in again.
    async fn another_full(&self, tx: &mut Tx, id: AccountId) -> Result<(), AppError> {
        let accounts = tx.accounts().await?;
        let full = |account: &Account| account.role == Role::Full && account.disabled_at.is_none();
        let (this, others): (Vec<_>, Vec<_>) = accounts.into_iter().filter(full).partition(|account| account.id == id);
        if !this.is_empty() && others.is_empty() {
            return Err(AppError::Invalid {
                field: "role",
                problem: FieldProblem::LastFull,
            });
        }
        Ok(())
    }

    /// Lets whoever was slowed down by wrong passwords for this login try again at once, on every server.
    pub async fn account_unlock(&self, caller: &Caller, id: AccountId) -> Result<(), AppError> {
        caller.may_write()?;
        let account = self.account_known(id).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        tx.account_unlock(id, now).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "accountUnlocked").with(json!({ "name": account.name })))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Gives somebody else a new password, and ends their sessions. One's own is changed with the old one.
    pub async fn password_set(&self, caller: &Caller, id: AccountId, password: &SecretString) -> Result<(), AppError> {
        caller.may_write()?;
        if caller.is_account(id) {
            return Err(AppError::Invalid {
                field: "password",
                problem: FieldProblem::OwnPassword,
            });
        }
        let account = self.account_known(id).await?;
        self.password_store(caller, &account, password, "password", None, "passwordSet")
            .await
    }

    /// Changes one's own password. Every other session of the account ends.
    pub async fn password_change(
        &self,
        id: AccountId,
        session: SessionId,
        old: &SecretString,
        new: &SecretString,
    ) -> Result<(), AppError> {
        let account = self.account_known(id).await?;
        passwords::acceptable("new", new, &account.login)?;
        // Whoever took over a session does not get to guess the password without end.
        let who = Who::SignedIn(id);
        let attempt = self
            .attempts
            .begin(who, self.now(), account.unlocked_at)
            .map_err(AppError::Wait)?;
        let hash = Some(account.password_hash.clone());
        match passwords::matches(&self.gates.known_browsers, hash, old).await {
            Err(busy) => {
                self.attempts.not_made(attempt);
                return Err(busy.into());
            }
            Ok(false) => {
                return Err(AppError::Invalid {
                    field: "old",
                    problem: FieldProblem::Wrong,
                });
            }
            Ok(true) => self.attempts.succeeded(attempt),
        }
        let caller = Caller::of_account(&account);
        self.password_store(&caller, &account, new, "new", Some(session), "passwordChanged")
            .await
    }

    async fn password_store(
        &self,
        caller: &Caller,
        account: &Account,
        password: &SecretString,
        field: &'static str,
        but: Option<SessionId>,
        event: &str,
    ) -> Result<(), AppError> {
        passwords::acceptable(field, password, &account.login)?;
        let hash = passwords::hashed(&self.gates.known_browsers, password).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        match but {
            // Whoever set another one meanwhile wants to keep the owner's browser out.
            Some(session) if !tx.account_password_change(account, session, &hash).await? => {
                return Err(AppError::Stale("account"));
            }
            Some(_) => {}
            None => {
                tx.account_password(account.id, &hash).await?;
                tx.known_browsers_forget(account.id).await?;
            }
        }
        tx.sessions_end(account.id, but).await?;
        tx.event(&NewEvent::new(now, caller.actor(), event).with(json!({ "name": account.name })))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Remembers in which language somebody wants the console.
    pub async fn account_language_set(&self, id: AccountId, language: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        tx.account_language(id, language).await?;
        Ok(tx.commit().await?)
    }
}

/// A login that can be told from others by looking at it.
fn new_login(text: &str) -> Result<String, AppError> {
    let login: String = super::required("login", text, 100)?.nfkc().collect();
    let unseen = |letter: char| {
        letter.is_control()
            || letter.is_whitespace()
            || matches!(letter, '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if login.contains(unseen) {
        return Err(AppError::Invalid {
            field: "login",
            problem: FieldProblem::Malformed,
        });
    }
    Ok(login)
}

pub fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_nothing_that_cannot_be_seen() {
        for unseen in ["ki\u{200b}m", "ki m", "ki\0m", "\u{202e}kim"] {
            assert!(new_login(unseen).is_err(), "{unseen:?}");
        }
        assert_eq!(new_login(" hong.raon@example.com ").unwrap(), "hong.raon@example.com");
    }
}
