//! Who is signed in, and which browsers have been before.

use std::time::Duration;

use domain::{AccountId, SessionId, Time};

use crate::{
    Account, StoreError, Tx,
    accounts::account,
    db::{Conn, Record, reads, values},
};

/// One browser in which somebody is signed in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub account_id: AccountId,
    pub created_at: Time,
    /// However much it is used.
    pub expires_at: Time,
    pub last_seen_at: Time,
    /// The address it was begun from.
    pub source: String,
    /// Which browser on which system, as it said; empty when it said nothing.
    pub browser: String,
}

/// So many sessions of one account at once; the oldest goes when another begins.
const MOST_SESSIONS: i64 = 50;
/// So many browsers that are known for one account; the oldest is forgotten.
const MOST_BROWSERS: i64 = 20;

reads! {
    /// A session that was used after `idle_since` and whose account may sign in, with that account.
    session(token_sha256: &'a str, now: Time, idle_since: Time) -> Option<(Session, Account)>;
    /// The same of everybody, the last used first.
    sessions(now: Time, idle_since: Time) -> Vec<Session>;
    /// Whose browser this is, when it was made known after `since`.
    known_browser(token_sha256: &'a str, since: Time) -> Option<AccountId>;
}

impl Conn<'_> {
    async fn session(
        &mut self,
        token_sha256: &str,
        now: Time,
        idle_since: Time,
    ) -> Result<Option<(Session, Account)>, StoreError> {
        self.one(
            "SELECT accounts.*, sessions.id AS session_id, sessions.account_id AS session_account_id,
                    sessions.created_at AS session_created_at, sessions.expires_at AS session_expires_at,
                    sessions.last_seen_at AS session_last_seen_at, sessions.source AS session_source,
                    sessions.browser AS session_browser
             FROM accounts JOIN sessions ON sessions.account_id = accounts.id
             WHERE sessions.token_sha256 = $1 AND sessions.expires_at > $2 AND sessions.last_seen_at > $3
               AND accounts.disabled_at IS NULL",
            values![token_sha256, now, idle_since],
            |row| Ok((session(row)?, account(row)?)),
        )
        .await
    }

    async fn sessions(&mut self, now: Time, idle_since: Time) -> Result<Vec<Session>, StoreError> {
        self.all(
            "SELECT sessions.id AS session_id, sessions.account_id AS session_account_id,
                    sessions.created_at AS session_created_at, sessions.expires_at AS session_expires_at,
                    sessions.last_seen_at AS session_last_seen_at, sessions.source AS session_source,
                    sessions.browser AS session_browser
             FROM sessions JOIN accounts ON sessions.account_id = accounts.id
             WHERE sessions.expires_at > $1 AND sessions.last_seen_at > $2 AND accounts.disabled_at IS NULL
             ORDER BY sessions.last_seen_at DESC, sessions.id",
            values![now, idle_since],
            session,
        )
        .await
    }

    async fn known_browser(&mut self, token_sha256: &str, since: Time) -> Result<Option<AccountId>, StoreError> {
        self.one(
            "SELECT account_id FROM known_browsers WHERE token_sha256 = $1 AND created_at > $2",
            values![token_sha256, since],
            |row| row.parsed("account_id"),
        )
        .await
    }
}

impl Tx {
    /// Begins a session, and forgets those that are over.
    pub async fn session_insert(
        &mut self,
        session: &Session,
        token_sha256: &str,
        idle_since: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM sessions WHERE expires_at <= $1 OR last_seen_at <= $2",
            values![session.created_at, idle_since],
        )
        .await?;
        self.run(
            "INSERT INTO sessions (id, token_sha256, account_id, created_at, expires_at, last_seen_at, source, browser)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            values![
                session.id,
                token_sha256,
                session.account_id,
                session.created_at,
                session.expires_at,
                session.last_seen_at,
                session.source,
                session.browser
            ],
        )
        .await?;
        self.run(
            "DELETE FROM sessions WHERE account_id = $1 AND id NOT IN (
                 SELECT id FROM sessions WHERE account_id = $1 ORDER BY created_at DESC, id DESC LIMIT $2)",
            values![session.account_id, MOST_SESSIONS],
        )
        .await?;
        Ok(())
    }

    /// Used just now. Written when it was not written for `every`: not with each picture of a page.
    pub async fn session_seen(&mut self, id: SessionId, now: Time, every: Duration) -> Result<(), StoreError> {
        self.run(
            "UPDATE sessions SET last_seen_at = $2 WHERE id = $1 AND last_seen_at <= $3",
            values![id, now, now - every],
        )
        .await?;
        Ok(())
    }

    pub async fn session_delete(&mut self, token_sha256: &str) -> Result<(), StoreError> {
        self.run("DELETE FROM sessions WHERE token_sha256 = $1", values![token_sha256])
            .await?;
        Ok(())
    }

    /// `false` when there is no such session of this account.
    pub async fn session_end(&mut self, account: AccountId, id: SessionId) -> Result<bool, StoreError> {
        let ended = self
            .run(
                "DELETE FROM sessions WHERE id = $1 AND account_id = $2",
                values![id, account],
            )
            .await?;
        Ok(ended == 1)
    }

    /// Ends all sessions of an account, but the one in which that was asked for. How many.
    pub async fn sessions_end(&mut self, account: AccountId, but: Option<SessionId>) -> Result<u64, StoreError> {
        self.run(
            "DELETE FROM sessions WHERE account_id = $1 AND (CAST($2 AS TEXT) IS NULL OR id <> $2)",
            values![account, but],
        )
        .await
    }

    /// Knows a browser from now on, in place of what it was known by before.
    pub async fn known_browser_insert(
        &mut self,
        account: AccountId,
        token_sha256: &str,
        before_sha256: Option<&str>,
        now: Time,
    ) -> Result<(), StoreError> {
        if let Some(before) = before_sha256 {
            self.run("DELETE FROM known_browsers WHERE token_sha256 = $1", values![before])
                .await?;
        }
        self.run(
            "INSERT INTO known_browsers (token_sha256, account_id, created_at) VALUES ($1, $2, $3)",
            values![token_sha256, account, now],
        )
        .await?;
        self.run(
            "DELETE FROM known_browsers WHERE account_id = $1 AND token_sha256 NOT IN (
                 SELECT token_sha256 FROM known_browsers WHERE account_id = $1
                 ORDER BY created_at DESC, token_sha256 LIMIT $2)",
            values![account, MOST_BROWSERS],
        )
        .await?;
        Ok(())
    }

    pub async fn known_browsers_forget(&mut self, account: AccountId) -> Result<(), StoreError> {
        self.run("DELETE FROM known_browsers WHERE account_id = $1", values![account])
            .await?;
        Ok(())
    }
}

fn session(row: &Record) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.parsed("session_id")?,
        account_id: row.parsed("session_account_id")?,
        created_at: row.time("session_created_at")?,
        expires_at: row.time("session_expires_at")?,
        last_seen_at: row.time("session_last_seen_at")?,
        source: row.text("session_source")?,
        browser: row.text("session_browser")?,
    })
}
