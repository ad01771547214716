//! Signing in, and the sessions that begin with it.

use std::{net::IpAddr, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{AccountId, SessionId, Time};
use secrecy::{ExposeSecret, SecretString};
use serde_json::json;
use store::{Account, NewEvent, Session};

use super::{App, AppError, Caller, accounts::sha256_hex, attempts::Who, passwords, text::login_key};
use crate::{cause::Chain, gate::Busy};

/// However much it is used: whoever begins a working day signs in once.
pub const SESSION_LASTS: Duration = Duration::from_secs(12 * 3600);
/// Without being used.
pub const SESSION_IDLES: Duration = Duration::from_secs(8 * 3600);
/// A browser is known for so long after the last sign-in.
pub const BROWSER_KNOWN: Duration = Duration::from_secs(180 * 24 * 3600);
/// When a session or a key was used last is kept to the minute.
pub(super) const SEEN_EVERY: Duration = Duration::from_secs(60);

/// What somebody brings who wants to come in.
pub struct SignIn<'a> {
    pub login: &'a str,
    pub password: &'a SecretString,
    pub source: IpAddr,
    /// The cookie of a browser in which somebody signed in before.
    pub known_browser: Option<&'a SecretString>,
    /// Which browser it is, for the list of sessions.
    pub browser: &'a str,
}

/// A session that has just begun.
pub struct SignedIn {
    /// Goes into the cookie; only its SHA-256 is kept.
    pub token: SecretString,
    /// Goes into the cookie by which this browser is known from now on; likewise.
    pub known_browser: SecretString,
    pub account: Account,
}

#[derive(Debug, thiserror::Error)]
pub enum SignInError {
    /// No such login, a wrong password, or an account that is switched off: the same answer, and the same time.
    #[error("login or password is wrong")]
    Wrong,
    #[error("too many wrong passwords; try again in {0:?}")]
    Wait(Duration),
    #[error(transparent)]
    Busy(#[from] Busy),
    #[error(transparent)]
    Store(#[from] store::StoreError),
}

impl App {
    pub async fn sign_in(&self, given: SignIn<'_>) -> Result<SignedIn, SignInError> {
        let key = login_key(given.login);
        let now = self.now();
        let account = self.store.account_by_login_key(&key).await?;
        let browser_sha = given.known_browser.map(|token| sha256_hex(token.expose_secret()));
        let known = match &browser_sha {
            Some(sha) => {
                let owner = self.store.known_browser(sha, now - BROWSER_KNOWN).await?;
                owner.is_some() && owner == account.as_ref().map(|account| account.id)
            }
            None => false,
        };
        let who = match &browser_sha {
            Some(token_sha256) if known => Who::KnownBrowser { token_sha256 },
            _ => Who::Stranger {
                source: given.source,
                login: &key,
            },
        };
        let forgiven_at = account.as_ref().and_then(|account| account.unlocked_at);
        let attempt = self.attempts.begin(who, now, forgiven_at).map_err(SignInError::Wait)?;
        let gate = if known {
            &self.gates.known_browsers
        } else {
            &self.gates.passwords
        };
        let account = account.filter(|account| account.disabled_at.is_none());
        let hash = account.as_ref().map(|account| account.password_hash.clone());
        let matches = passwords::matches(gate, hash, given.password).await;
        if matches.is_err() {
            self.attempts.not_made(attempt);
        }
        let begun = match account {
            Some(account) if matches? => self.session_begin(account, &given, browser_sha.as_deref()).await?,
            _ => None,
        };
        match begun {
            Some(signed_in) => {
                self.attempts.succeeded(attempt);
                Ok(signed_in)
            }
            None => {
                tracing::warn!(
                    login = %for_log(given.login),
                    source = %given.source,
                    known_browser = known,
                    in_a_row = attempt.in_a_row,
                    "a sign-in failed"
                );
                Err(SignInError::Wrong)
            }
        }
    }

    /// `None` when the account was disabled, or got another password, since the password was compared.
    async fn session_begin(
        &self,
        account: Account,
        given: &SignIn<'_>,
        browser_before: Option<&str>,
    ) -> Result<Option<SignedIn>, SignInError> {
        let secret = || SecretString::from(URL_SAFE_NO_PAD.encode(self.random.secret()));
        let (token, known_browser) = (secret(), secret());
        let now = self.now();
        let session = Session {
            id: SessionId(self.random.id()),
            account_id: account.id,
            created_at: now,
            expires_at: now + SESSION_LASTS,
            last_seen_at: now,
            source: given.source.to_string(),
            browser: given.browser.to_owned(),
        };
        let mut tx = self.store.begin().await?;
        if !tx.account_signed_in(account.id, &account.password_hash, now).await? {
            return Ok(None);
        }
        tx.session_insert(&session, &sha256_hex(token.expose_secret()), now - SESSION_IDLES)
            .await?;
        let browser_sha = sha256_hex(known_browser.expose_secret());
        tx.known_browser_insert(account.id, &browser_sha, browser_before, now)
            .await?;
        tx.event(
            &NewEvent::new(now, Caller::of_account(&account).actor(), "signedIn")
                .with(json!({ "source": session.source })),
        )
        .await?;
        tx.commit().await?;
        Ok(Some(SignedIn {
            token,
            known_browser,
            account,
        }))
    }

    /// The session behind a cookie and its account, while the session lasts.
    pub async fn session(&self, token: &str) -> Result<Option<(Session, Account)>, AppError> {
        let now = self.now();
        let found = self.store.session(&sha256_hex(token), now, now - SESSION_IDLES).await?;
        if let Some((session, _)) = &found
            && now.since(session.last_seen_at) >= SEEN_EVERY
        {
            self.session_seen(session.id, now);
        }
        Ok(found)
    }

    /// Not waited for: a page does not wait for whoever writes.
    fn session_seen(&self, id: SessionId, now: Time) {
        let app = self.clone();
        tokio::spawn(async move {
            let seen = async {
                let mut tx = app.store.begin().await?;
                tx.session_seen(id, now, SEEN_EVERY).await?;
                tx.commit().await
            };
            if let Err(error) = seen.await {
                tracing::warn!(error = %Chain(&error), "when a session was used last could not be kept");
            }
        });
    }

    pub async fn sign_out(&self, token: &str) -> Result<(), AppError> {
        let mut tx = self.store.begin().await?;
        tx.session_delete(&sha256_hex(token)).await?;
        Ok(tx.commit().await?)
    }

    /// Sessions that have not ended: of one account, or of everybody.
    pub async fn sessions(&self, account: Option<AccountId>) -> Result<Vec<Session>, AppError> {
        let now = self.now();
        let mut sessions = self.store.sessions(now, now - SESSION_IDLES).await?;
        sessions.retain(|session| account.is_none_or(|account| account == session.account_id));
        Ok(sessions)
    }

    /// Sessions of everybody, with their accounts: for administrators.
    pub async fn sessions_of_all(&self, caller: &Caller) -> Result<Vec<Session>, AppError> {
        caller.may_write()?;
        self.sessions(None).await
    }

    /// Ends a session: one's own, or for an administrator anybody's.
    pub async fn session_end(&self, caller: &Caller, id: SessionId) -> Result<(), AppError> {
        let session = self.sessions(None).await?.into_iter().find(|session| session.id == id);
        let session = session.ok_or(AppError::NotFound("session"))?;
        may_end(caller, session.account_id)?;
        let account = self.account_known(session.account_id).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.session_end(account.id, id).await? {
            return Err(AppError::NotFound("session"));
        }
        tx.event(&NewEvent::new(now, caller.actor(), "sessionEnded").with(json!({ "name": account.name })))
            .await?;
        Ok(tx.commit().await?)
    }

    /// Ends every session of an account but the one in which it was asked for, if it was. How many there were.
    pub async fn sessions_end(&self, caller: &Caller, id: AccountId, but: Option<SessionId>) -> Result<u64, AppError> {
        may_end(caller, id)?;
        let account = self.account_known(id).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let ended = tx.sessions_end(id, but).await?;
        tx.known_browsers_forget(id).await?;
        tx.event(&NewEvent::new(now, caller.actor(), "sessionsEnded").with(json!({ "name": account.name })))
            .await?;
        tx.commit().await?;
        Ok(ended)
    }
}

fn may_end(caller: &Caller, owner: AccountId) -> Result<(), AppError> {
    if !caller.is_account(owner) {
        caller.may_write()?;
    }
    Ok(())
}

/// What somebody typed, fit for one line of a log.
fn for_log(login: &str) -> String {
    login
        .chars()
        .map(|letter| if letter.is_control() { '\u{fffd}' } else { letter })
        .take(100)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_cannot_write_lines_of_its_own_into_the_log() {
        assert_eq!(for_log("kim\n2026 ERROR\u{1b}[2J"), "kim\u{fffd}2026 ERROR\u{fffd}[2J");
        assert_eq!(for_log(&"x".repeat(5000)).len(), 100);
    }
}
