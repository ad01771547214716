//! People as Apple knows them: registered, associated with an account, retired, and back again.

use std::collections::{HashMap, HashSet};

use serde::{Deserialize, Serialize};

use super::{Books, EventType, Holder, Location, Rng, Switches, Task, requests::RequestUser};
use crate::facts::id_hash;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum UserStatus {
    Registered,
    Associated,
    Retired,
    Deleted,
}

impl UserStatus {
    pub fn is_active(self) -> bool {
        matches!(self, UserStatus::Registered | UserStatus::Associated)
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct User {
    pub client_user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    pub status: UserStatus,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub invite_code: Option<String>,
    /// Set with the first account, and kept by a retired record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id_hash: Option<String>,
    #[serde(skip_serializing_if = "is_zero", default)]
    pub changed: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Why an invitation could not be accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AcceptError {
    #[error("there is no such invitation")]
    Unknown,
    #[error("another person accepted this invitation")]
    Used,
    #[error("the account belongs to {client_user_id} already")]
    AccountTaken { client_user_id: String },
}

impl Books {
    pub fn active_user(&self, client_user_id: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.client_user_id == client_user_id && user.status.is_active())
    }

    fn active_user_mut(&mut self, client_user_id: &str) -> Option<&mut User> {
        self.users
            .iter_mut()
            .find(|user| user.client_user_id == client_user_id && user.status.is_active())
    }

    /// The record to speak of for an id: the active one, else the latest.
    pub fn user(&self, client_user_id: &str) -> Option<&User> {
        self.active_user(client_user_id).or_else(|| {
            self.users
                .iter()
                .rev()
                .find(|user| user.client_user_id == client_user_id)
        })
    }

    /// The same of many ids at once.
    pub fn users_called(&self, ids: HashSet<&str>) -> HashMap<&str, &User> {
        let mut called: HashMap<&str, &User> = HashMap::with_capacity(ids.len());
        for user in self.users.iter().filter(|_| !ids.is_empty()) {
            let id = user.client_user_id.as_str();
            if ids.contains(id) && !called.get(id).is_some_and(|known| known.status.is_active()) {
                called.insert(id, user);
            }
        }
        called
    }

    /// Whose account it is.
    pub fn user_with_account(&self, id_hash: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.status == UserStatus::Associated && user.id_hash.as_deref() == Some(id_hash))
    }

    pub(super) fn create(&mut self, request: &RequestUser, managed_domain: &str, rng: &mut Rng) -> Result<(), i32> {
        let id = &request.client_user_id;
        if self.active_user(id).is_some() {
            return Err(9716);
        }
        let id_hash = self.managed_account(request, managed_domain)?;
        let status = if id_hash.is_some() {
            UserStatus::Associated
        } else {
            UserStatus::Registered
        };
        let invite_code = Some(hex::encode(rng.bytes(16)));
        let changed = self.users_version.touch();

        // A record that never had an account is the same person's; one that had stays as it is.
        let again = self
            .users
            .iter_mut()
            .find(|user| user.client_user_id == *id && user.status == UserStatus::Retired && user.id_hash.is_none());
        match again {
            Some(user) => {
                user.status = status;
                user.invite_code = invite_code;
                user.id_hash = id_hash;
                user.changed = changed;
                if request.email.is_some() {
                    user.email = request.email.clone();
                }
            }
            None => self.users.push(User {
                client_user_id: id.clone(),
                email: request.email.clone(),
                status,
                invite_code,
                id_hash,
                changed,
            }),
        }
        if status == UserStatus::Associated {
            self.welcome_back(id);
        }
        Ok(())
    }

    pub(super) fn update(&mut self, request: &RequestUser, managed_domain: &str) -> Result<(), i32> {
        if self.active_user(&request.client_user_id).is_none() {
            return Err(9609);
        }
        let id_hash = self.managed_account(request, managed_domain)?;
        let changed = self.users_version.touch();
        let Some(user) = self.active_user_mut(&request.client_user_id) else {
            return Err(9609);
        };
        user.changed = changed;
        if request.email.is_some() {
            user.email = request.email.clone();
        }
        if let Some(id_hash) = id_hash {
            user.id_hash = Some(id_hash);
            user.status = UserStatus::Associated;
            self.welcome_back(&request.client_user_id);
        }
        Ok(())
    }

    fn managed_account(&self, request: &RequestUser, managed_domain: &str) -> Result<Option<String>, i32> {
        let Some(account) = &request.managed_apple_id else {
            return Ok(None);
        };
        match account.split_once('@') {
            Some((name, domain)) if !name.is_empty() && domain == managed_domain => {}
            _ => return Err(9635),
        }
        let id_hash = id_hash(account);
        match self.user_with_account(&id_hash) {
            Some(other) if other.client_user_id != request.client_user_id => Err(9641),
            _ => Ok(Some(id_hash)),
        }
    }

    pub(super) fn retire(&mut self, client_user_id: &str) -> Result<(), i32> {
        if self.user(client_user_id).is_none() {
            return Err(9609);
        }
        // Retired already: nothing to do, and no harm done.
        if self.active_user(client_user_id).is_none() {
            return Ok(());
        }
        let changed = self.users_version.touch();
        let Some(user) = self.active_user_mut(client_user_id) else {
            return Err(9609);
        };
        user.status = UserStatus::Retired;
        user.changed = changed;

        let holder = Holder::User(client_user_id.into());
        self.unassign_all(&holder);
        for asset in &mut self.assets {
            let Some(row) = asset.holders.get_mut(&holder) else {
                continue;
            };
            if row.retired {
                continue;
            }
            row.retired = true;
            row.changed = self.assignments_version.touch();
            asset.assigned -= 1;
            asset.retired += 1;
            self.assets_version.touch();
        }
        Ok(())
    }

    /// Gives a person who has an account again what could not be taken back.
    fn welcome_back(&mut self, client_user_id: &str) {
        let holder = Holder::User(client_user_id.into());
        for asset in &mut self.assets {
            let Some(row) = asset.holders.get_mut(&holder) else {
                continue;
            };
            if !row.retired {
                continue;
            }
            row.retired = false;
            row.changed = self.assignments_version.touch();
            asset.retired -= 1;
            asset.assigned += 1;
            self.assets_version.touch();
        }
    }
}

impl Location {
    /// The person behind an invitation signs in with an account and agrees.
    ///
    /// Someone who was here before with the same account gets the old record back.
    pub fn accept(&mut self, invite_code: &str, account: &str, now: i64) -> Result<User, AcceptError> {
        let invited = self.books.users.iter().position(|user| {
            user.status.is_active() && user.invite_code.as_deref().is_some_and(|code| code == invite_code)
        });
        let Some(invited) = invited else {
            return Err(AcceptError::Unknown);
        };
        let id_hash = id_hash(account);
        let user = &self.books.users[invited];
        if user.status == UserStatus::Associated {
            return match user.id_hash.as_deref() == Some(&id_hash) {
                true => Ok(user.clone()),
                false => Err(AcceptError::Used),
            };
        }
        if let Some(other) = self.books.user_with_account(&id_hash) {
            return Err(AcceptError::AccountTaken {
                client_user_id: other.client_user_id.clone(),
            });
        }

        let client_user_id = user.client_user_id.clone();
        let email = user.email.clone();
        let changed = self.books.users_version.touch();
        let before = self.books.users.iter().position(|user| {
            user.client_user_id == client_user_id
                && user.status == UserStatus::Retired
                && user.id_hash.as_deref() == Some(&id_hash)
        });
        if before.is_some() {
            let user = &mut self.books.users[invited];
            user.status = UserStatus::Retired;
            user.changed = changed;
        }
        let user = &mut self.books.users[before.unwrap_or(invited)];
        user.status = UserStatus::Associated;
        user.id_hash = Some(id_hash);
        user.invite_code = Some(invite_code.into());
        user.email = email;
        user.changed = changed;
        let user = user.clone();
        self.books.welcome_back(&client_user_id);
        self.books.commit(now, Switches::default().version_days);
        self.tell_associated(&user, now);
        Ok(user)
    }

    /// Whom an invitation is for, as long as it can be accepted.
    pub fn invited(&self, invite_code: &str) -> Option<&User> {
        self.books
            .users
            .iter()
            .find(|user| user.status.is_active() && user.invite_code.as_deref() == Some(invite_code))
    }

    /// A person is retired by somebody else than us.
    pub fn retire(&mut self, client_user_id: &str, now: i64) -> bool {
        let known = self.books.active_user(client_user_id).is_some();
        let done = known && self.books.retire(client_user_id).is_ok();
        self.books.commit(now, Switches::default().version_days);
        if done {
            self.tell_elsewhere(EventType::Retire, Task::Retire(client_user_id.into()), now);
        }
        done
    }
}
