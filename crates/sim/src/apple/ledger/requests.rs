//! What clients ask for. A request is checked as a whole, and refused or accepted as a whole.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{AssetKey, EventType, Holder, Location, Refusal, Step, Switches, Task, UserStatus};
use crate::apple::switches::Told;

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct RequestUser {
    pub client_user_id: String,
    pub email: Option<String>,
    pub managed_apple_id: Option<String>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManageUsers {
    pub users: Option<Vec<RequestUser>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ManageAssets {
    pub assets: Option<Vec<AssetKey>>,
    pub client_user_ids: Option<Vec<String>>,
    pub serial_numbers: Option<Vec<String>>,
}

impl Location {
    /// Asks for assets to be assigned or taken back; everything is checked before anything is accepted.
    pub fn manage_assets(
        &mut self,
        event_type: EventType,
        request: ManageAssets,
        step: &mut Step,
    ) -> Result<String, Refusal> {
        let assets = request.assets.unwrap_or_default();
        let users = request.client_user_ids.unwrap_or_default();
        let serials = request.serial_numbers.unwrap_or_default();

        if assets.is_empty() {
            return Err(Refusal::new(9718));
        }
        if users.is_empty() && serials.is_empty() {
            return Err(Refusal::new(9719));
        }
        if assets.len() > step.switches.limit("maxAssets") {
            return Err(Refusal::new(9700));
        }
        if users.len() > step.switches.limit("maxClientUserIds") {
            return Err(Refusal::new(9701));
        }
        if serials.len() > step.switches.limit("maxSerialNumbers") {
            return Err(Refusal::new(9702));
        }
        refuse_twice(&assets, |twice| Refusal::about_assets(9703, twice))?;
        refuse_twice(&users, |twice| Refusal::about_users(9704, twice))?;
        refuse_twice(&serials, |twice| Refusal::about_devices(9705, twice))?;
        if serials.iter().any(|serial| serial.is_empty()) {
            return Err(Refusal::new(9602));
        }

        let unknown = assets_where(&assets, |key| self.books.asset(key).is_none());
        if !unknown.is_empty() && step.switches.unknown_asset == Told::Early {
            return Err(Refusal::about_assets(9602, unknown));
        }
        if event_type == EventType::Disassociate {
            let kept = assets_where(&assets, |key| {
                self.books.asset(key).is_some_and(|asset| !asset.revocable)
            });
            if !kept.is_empty() {
                return Err(Refusal::about_assets(9706, kept));
            }
        }
        if !serials.is_empty() {
            let not = assets_where(&assets, |key| {
                self.books.asset(key).is_some_and(|asset| !asset.device_assignable)
            });
            if !not.is_empty() {
                return Err(Refusal::about_assets(9707, not));
            }
        }
        self.refuse_unknown_users(&users, step.switches)?;
        refuse_failing(&users, step.switches)?;

        let mut holders: Vec<Holder> = users.into_iter().map(Holder::User).collect();
        holders.extend(serials.into_iter().map(Holder::Device));
        let mut tasks = Vec::new();
        for key in &assets {
            for holder in &holders {
                tasks.push(match event_type {
                    EventType::Disassociate => Task::Disassociate(key.clone(), holder.clone()),
                    _ => Task::Associate(key.clone(), holder.clone()),
                });
            }
        }
        Ok(self.accept_event(event_type, tasks, step))
    }

    /// Asks for everything that can be taken back from these holders.
    pub fn revoke(&mut self, request: ManageAssets, step: &mut Step) -> Result<String, Refusal> {
        let users = request.client_user_ids.unwrap_or_default();
        let serials = request.serial_numbers.unwrap_or_default();

        if users.is_empty() && serials.is_empty() {
            return Err(Refusal::new(9719));
        }
        if users.len() > step.switches.limit("maxRevokeClientUserIds") {
            return Err(Refusal::new(9701));
        }
        if serials.len() > step.switches.limit("maxRevokeSerialNumbers") {
            return Err(Refusal::new(9702));
        }
        refuse_twice(&users, |twice| Refusal::about_users(9704, twice))?;
        refuse_twice(&serials, |twice| Refusal::about_devices(9705, twice))?;
        self.refuse_unknown_users(&users, step.switches)?;

        let mut tasks: Vec<Task> = users.into_iter().map(|id| Task::Revoke(Holder::User(id))).collect();
        tasks.extend(serials.into_iter().map(|serial| Task::Revoke(Holder::Device(serial))));
        Ok(self.accept_event(EventType::Revoke, tasks, step))
    }

    /// Asks for users to be created, changed or retired.
    pub fn manage_users(
        &mut self,
        event_type: EventType,
        request: ManageUsers,
        step: &mut Step,
    ) -> Result<String, Refusal> {
        let users = request.users.unwrap_or_default();
        if users.is_empty() {
            return Err(Refusal::new(9720));
        }
        if users.iter().any(|user| user.client_user_id.is_empty()) {
            return Err(Refusal::new(9602));
        }
        if users.len() > step.switches.limit("maxUsers") {
            return Err(Refusal::new(9714));
        }
        let ids: Vec<String> = users.iter().map(|user| user.client_user_id.clone()).collect();
        refuse_twice(&ids, |twice| Refusal::about_users(9715, twice))?;
        if event_type != EventType::Retire {
            let mut wrong = Vec::new();
            for user in &users {
                if user.email.as_deref().is_some_and(|email| !is_mail_address(email)) {
                    wrong.push(user.client_user_id.clone());
                }
            }
            if !wrong.is_empty() {
                return Err(Refusal::about_users(9717, wrong));
            }
        }
        let unknown: Vec<String> = match event_type {
            EventType::Update => ids
                .iter()
                .filter(|id| self.books.active_user(id).is_none())
                .cloned()
                .collect(),
            EventType::Retire => ids.iter().filter(|id| self.books.user(id).is_none()).cloned().collect(),
            _ => Vec::new(),
        };
        if !unknown.is_empty() && step.switches.unknown_user == Told::Early {
            return Err(Refusal::about_users(9609, unknown));
        }
        refuse_failing(&ids, step.switches)?;

        let mut tasks = Vec::new();
        for user in users {
            tasks.push(match event_type {
                EventType::Update => Task::Update(user),
                EventType::Retire => Task::Retire(user.client_user_id),
                _ => Task::Create(user),
            });
        }
        Ok(self.accept_event(event_type, tasks, step))
    }

    fn refuse_unknown_users(&self, users: &[String], switches: &Switches) -> Result<(), Refusal> {
        if switches.unknown_user == Told::Late {
            return Ok(());
        }
        let mut unknown = Vec::new();
        for id in users {
            let user = self.books.active_user(id);
            let registered = user.is_some_and(|user| user.status == UserStatus::Registered);
            if user.is_none() || (registered && !switches.registered_user_gets_licence) {
                unknown.push(id.clone());
            }
        }
        if unknown.is_empty() {
            Ok(())
        } else {
            Err(Refusal::about_users(9609, unknown))
        }
    }
}

fn refuse_failing(ids: &[String], switches: &Switches) -> Result<(), Refusal> {
    let number = |id: &String| switches.people_fail.get(id).copied();
    match ids.iter().find_map(number) {
        Some(first) if switches.people_fail_is_told == Told::Early => {
            let named = ids.iter().filter(|id| number(id) == Some(first)).cloned();
            Err(Refusal::about_users(first, named.collect()))
        }
        _ => Ok(()),
    }
}

fn assets_where(keys: &[AssetKey], is: impl Fn(&AssetKey) -> bool) -> Vec<AssetKey> {
    keys.iter().filter(|key| is(key)).cloned().collect()
}

fn refuse_twice<T: Ord + Clone>(items: &[T], refusal: impl Fn(Vec<T>) -> Refusal) -> Result<(), Refusal> {
    let mut once = BTreeSet::new();
    let mut twice = Vec::new();
    for item in items {
        if !once.insert(item) && !twice.contains(item) {
            twice.push(item.clone());
        }
    }
    if twice.is_empty() { Ok(()) } else { Err(refusal(twice)) }
}

fn is_mail_address(text: &str) -> bool {
    let Some((name, domain)) = text.split_once('@') else {
        return false;
    };
    !name.is_empty()
        && !domain.is_empty()
        && !domain.contains('@')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(char::is_whitespace)
}
