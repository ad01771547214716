//! What Apple knows about one location, and every way it changes.
//!
//! Writes are checked as a whole, accepted as an event, and carried out task by task when
//! their time has come. There is no network, clock or file in here; after every step the
//! books are checked, and a mistake in them is a panic.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use sha1::{Digest as _, Sha1};

use super::refusal::{Refusal, Subjects};
use super::rng::{Rng, mix};
use super::sample::Organisation;
use super::switches::{EventOrder, Omitted, Overassign, Switches, Told};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// Apple's number for "as many as you like".
pub const UNLIMITED: i64 = i32::MAX as i64;

/// What every step needs besides the books themselves.
pub struct Step<'a> {
    pub now: i64,
    pub rng: &'a mut Rng,
    pub switches: &'a Switches,
    /// How long an event is pending.
    pub event_delay_ms: i64,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetKey {
    pub adam_id: String,
    #[serde(default = "standard")]
    pub pricing_param: String,
}

fn standard() -> String {
    "STDQ".into()
}

impl AssetKey {
    pub fn standard(adam_id: &str) -> Self {
        AssetKey {
            adam_id: adam_id.into(),
            pricing_param: standard(),
        }
    }
}

/// Whom a licence is assigned to: a `clientUserId` or a serial number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    User(String),
    Device(String),
}

/// One assignment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub since: i64,
    pub changed: u64,
    /// Went with a retired person because it cannot be taken back.
    pub retired: bool,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Asset {
    pub key: AssetKey,
    pub product_type: String,
    pub revocable: bool,
    pub device_assignable: bool,
    pub unlimited: bool,
    pub supported_platforms: Vec<String>,
    pub total: i64,
    pub assigned: i64,
    pub available: i64,
    pub retired: i64,
    /// Some licences were taken back by Apple, so more may be assigned than there are.
    #[serde(default)]
    pub refunded: bool,
    #[serde(with = "pairs")]
    pub holders: BTreeMap<Holder, Row>,
}

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

/// What `idHash` is for an account.
pub fn id_hash(account: &str) -> String {
    BASE64_STANDARD.encode(Sha1::digest(account.as_bytes()))
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MdmInfo {
    pub id: String,
    pub name: String,
    pub metadata: String,
}

/// What a server told about itself and its webhook. One per location; the last writer wins.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct ClientConfiguration {
    pub mdm_info: Option<MdmInfo>,
    pub notification_url: Option<String>,
    pub notification_auth_token: Option<String>,
    pub notification_types: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventType {
    Associate,
    Disassociate,
    Revoke,
    Create,
    Update,
    Retire,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventStatus {
    Pending,
    Complete,
    Failed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub event_type: EventType,
    /// What is left to do, in order.
    pub tasks: VecDeque<Task>,
    pub requested: usize,
    pub completed: usize,
    /// Grouped by error, as a status tells them.
    pub failures: Vec<Failure>,
    pub accepted_at: i64,
    /// When the first task is done.
    pub due_at: i64,
    pub finished_at: Option<i64>,
    /// Assets whose tasks all fail because there is not enough for all of them.
    short: Vec<AssetKey>,
    pub polled_at: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    pub number: i32,
    pub info: Subjects,
}

impl Event {
    pub fn status(&self) -> EventStatus {
        if self.finished_at.is_none() {
            return EventStatus::Pending;
        }
        if self.failures.is_empty() {
            EventStatus::Complete
        } else {
            EventStatus::Failed
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    Associate(AssetKey, Holder),
    Disassociate(AssetKey, Holder),
    Revoke(Holder),
    Create(RequestUser),
    Update(RequestUser),
    Retire(String),
}

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

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfigRequest {
    pub mdm_info: Option<PartialMdmInfo>,
    pub notification_url: Option<String>,
    pub notification_auth_token: Option<String>,
    pub notification_types: Option<Vec<String>>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub struct PartialMdmInfo {
    pub id: Option<String>,
    pub name: Option<String>,
    pub metadata: Option<String>,
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

/// What the reads show: a part of the books that can be kept, to answer as if it were earlier.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Books {
    pub assets: Vec<Asset>,
    pub users: Vec<User>,
    /// Assignments taken back, for the deltas that show them.
    pub removed: VecDeque<(AssetKey, Holder, u64)>,
    pub assets_version: Version,
    pub assignments_version: Version,
    pub users_version: Version,
}

/// Counts the changes to one kind of records, and remembers when each happened.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Version {
    number: u64,
    kept: VecDeque<(u64, i64)>,
    touched: bool,
}

impl Version {
    fn new(now: i64) -> Self {
        Version {
            number: 0,
            kept: [(0, now)].into(),
            touched: false,
        }
    }

    /// The number of the version that the change at hand belongs to.
    fn touch(&mut self) -> u64 {
        self.touched = true;
        self.number + 1
    }

    fn commit(&mut self, now: i64, days: u32) {
        if !self.touched {
            return;
        }
        self.touched = false;
        self.number += 1;
        self.kept.push_back((self.number, now));
        while self.kept.len() > 1 && (self.kept[0].1 + i64::from(days) * DAY_MS < now || self.kept.len() > 10_000) {
            self.kept.pop_front();
        }
    }

    /// The `versionId`: says nothing to a client, and comes back as `sinceVersionId`.
    pub fn id(&self, place: &str) -> String {
        version_id(place, self.number)
    }

    /// The number behind a `sinceVersionId`, if it is still known.
    pub fn find(&self, place: &str, id: &str) -> Option<u64> {
        let number = u64::from_str_radix(id.get(..8)?, 16).ok()?;
        if version_id(place, number) != id {
            return None;
        }
        if number == self.number {
            return Some(number);
        }
        self.kept.iter().any(|(kept, _)| *kept == number).then_some(number)
    }
}

fn version_id(place: &str, number: u64) -> String {
    let mut sum = mix(number);
    for byte in place.bytes() {
        sum = mix(sum ^ u64::from(byte));
    }
    let more = mix(sum);
    format!(
        "{number:08x}-{:04x}-1{:03x}-8{:03x}-{:012x}",
        sum >> 48,
        sum & 0xfff,
        more >> 52,
        more & 0xffff_ffff_ffff
    )
}

impl Asset {
    /// What is free is what is left: nothing, when Apple took back more than was free.
    fn recount(&mut self) {
        self.available = (self.total - self.assigned - self.retired).max(0);
        self.refunded &= self.assigned + self.retired > self.total;
    }
}

impl Books {
    pub fn asset(&self, key: &AssetKey) -> Option<&Asset> {
        self.assets.iter().find(|asset| asset.key == *key)
    }

    fn asset_mut(&mut self, key: &AssetKey) -> Option<&mut Asset> {
        self.assets.iter_mut().find(|asset| asset.key == *key)
    }

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

    fn user_with_account(&self, id_hash: &str) -> Option<&User> {
        self.users
            .iter()
            .find(|user| user.status == UserStatus::Associated && user.id_hash.as_deref() == Some(id_hash))
    }

    /// Does one task; the number says why it could not be done.
    fn carry_out(&mut self, task: &Task, managed_domain: &str, at: i64, step: &mut Step) -> Result<(), i32> {
        if step.rng.chance(step.switches.task_failure) {
            return Err(9603);
        }
        match task {
            Task::Associate(key, holder) => self.assign(key, holder, at, step.switches),
            Task::Disassociate(key, holder) => self.unassign(key, holder, step.switches),
            Task::Revoke(holder) => {
                self.unassign_all(holder);
                Ok(())
            }
            Task::Create(request) => self.create(request, managed_domain, step.rng),
            Task::Update(request) => self.update(request, managed_domain),
            Task::Retire(client_user_id) => self.retire(client_user_id),
        }
    }

    fn assign(&mut self, key: &AssetKey, holder: &Holder, at: i64, switches: &Switches) -> Result<(), i32> {
        if let Holder::User(client_user_id) = holder {
            let Some(user) = self.active_user(client_user_id) else {
                return Err(9609);
            };
            if user.status == UserStatus::Registered && !switches.registered_user_gets_licence {
                return Err(9609);
            }
        }
        let Some(asset) = self.assets.iter_mut().find(|asset| asset.key == *key) else {
            return Err(9709);
        };
        if let Some(row) = asset.holders.get_mut(holder) {
            // The person is back and has it still: what cannot be taken back follows the person.
            if row.retired {
                row.retired = false;
                row.changed = self.assignments_version.touch();
                asset.retired -= 1;
                asset.assigned += 1;
                self.assets_version.touch();
                return Ok(());
            }
            return if switches.assigned_again_fails {
                Err(9616)
            } else {
                Ok(())
            };
        }
        if asset.available == 0 {
            return Err(9709);
        }

        asset.available -= 1;
        asset.assigned += 1;
        let row = Row {
            since: at,
            changed: self.assignments_version.touch(),
            retired: false,
        };
        asset.holders.insert(holder.clone(), row);
        self.assets_version.touch();
        Ok(())
    }

    fn unassign(&mut self, key: &AssetKey, holder: &Holder, switches: &Switches) -> Result<(), i32> {
        let assigned = self
            .asset(key)
            .and_then(|asset| asset.holders.get(holder))
            .is_some_and(|row| !row.retired);
        if !assigned {
            return if switches.unassigned_again_fails {
                Err(9619)
            } else {
                Ok(())
            };
        }
        self.take_back(key, holder);
        Ok(())
    }

    fn unassign_all(&mut self, holder: &Holder) {
        let mut keys = Vec::new();
        for asset in &self.assets {
            if asset.revocable && asset.holders.get(holder).is_some_and(|row| !row.retired) {
                keys.push(asset.key.clone());
            }
        }
        for key in keys {
            self.take_back(&key, holder);
        }
    }

    fn take_back(&mut self, key: &AssetKey, holder: &Holder) {
        let Some(asset) = self.asset_mut(key) else {
            return;
        };
        asset.holders.remove(holder);
        asset.assigned -= 1;
        asset.recount();
        let changed = self.assignments_version.touch();
        self.assets_version.touch();
        self.removed.push_back((key.clone(), holder.clone(), changed));
        if self.removed.len() > 10_000 {
            self.removed.pop_front();
        }
    }

    fn create(&mut self, request: &RequestUser, managed_domain: &str, rng: &mut Rng) -> Result<(), i32> {
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

    fn update(&mut self, request: &RequestUser, managed_domain: &str) -> Result<(), i32> {
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

    fn retire(&mut self, client_user_id: &str) -> Result<(), i32> {
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

    fn commit(&mut self, now: i64, version_days: u32) {
        self.assets_version.commit(now, version_days);
        self.assignments_version.commit(now, version_days);
        self.users_version.commit(now, version_days);
        if let Err(mistake) = self.check() {
            panic!("the simulated service's books do not add up: {mistake}");
        }
    }

    /// What has to be true after every step.
    pub fn check(&self) -> Result<(), String> {
        for asset in &self.assets {
            let retired = asset.holders.values().filter(|row| row.retired).count() as i64;
            let assigned = asset.holders.len() as i64 - retired;
            let name = &asset.key.adam_id;
            if asset.assigned != assigned {
                return Err(format!(
                    "{name} counts {} assigned and lists {assigned}",
                    asset.assigned
                ));
            }
            if asset.retired != retired {
                return Err(format!("{name} counts {} retired and lists {retired}", asset.retired));
            }
            let out = asset.assigned + asset.retired;
            if out > asset.total && !asset.refunded {
                return Err(format!("{name} has {out} assigned of {}", asset.total));
            }
            if asset.available != (asset.total - out).max(0) {
                return Err(format!(
                    "{name} has a total of {}, which is not the sum of its parts",
                    asset.total
                ));
            }
            for holder in asset.holders.keys() {
                let Holder::User(id) = holder else { continue };
                if self.user(id).is_none() {
                    return Err(format!("{name} is assigned to {id}, whom nobody knows"));
                }
            }
        }
        let mut active = BTreeSet::new();
        for user in &self.users {
            if user.status.is_active() && !active.insert(&user.client_user_id) {
                return Err(format!("{} is active twice", user.client_user_id));
            }
            if user.status == UserStatus::Associated && user.id_hash.is_none() {
                return Err(format!("{} is associated with no account", user.client_user_id));
            }
        }
        Ok(())
    }
}

/// One location: a pool of licences with the users, events and settings that belong to it.
#[derive(Debug, Serialize, Deserialize)]
pub struct Location {
    pub uid: String,
    pub organisation: String,
    pub name: String,
    pub country: String,
    pub default_platform: String,
    pub website_url: String,
    /// Accounts of this domain can be associated without an invitation.
    pub managed_domain: String,
    pub configuration: ClientConfiguration,
    pub books: Books,
    pub events: VecDeque<Event>,
    /// The books before each change of late, for reads that lag behind.
    #[serde(skip)]
    before: VecDeque<(i64, Arc<Books>)>,
}

impl Location {
    pub fn new(organisation: &Organisation, now: i64) -> Self {
        let mut assets = Vec::new();
        for app in &organisation.assets {
            let total = if app.unlimited { UNLIMITED } else { app.total };
            assets.push(Asset {
                key: AssetKey {
                    adam_id: app.adam_id.clone(),
                    pricing_param: app.pricing_param.clone(),
                },
                product_type: app.product_type.clone(),
                revocable: app.revocable,
                device_assignable: app.device_assignable,
                unlimited: app.unlimited,
                supported_platforms: app.platforms.clone(),
                total,
                assigned: 0,
                available: total,
                retired: 0,
                refunded: false,
                holders: BTreeMap::new(),
            });
        }
        let mut books = Books {
            assets,
            users: Vec::new(),
            removed: VecDeque::new(),
            assets_version: Version::new(now),
            assignments_version: Version::new(now),
            users_version: Version::new(now),
        };
        for user in &organisation.users {
            books.users.push(User {
                client_user_id: user.client_user_id.clone(),
                email: user.email.clone(),
                status: UserStatus::Associated,
                invite_code: None,
                id_hash: Some(id_hash(&user.account)),
                changed: 0,
            });
            for adam_id in &user.holds {
                let holder = Holder::User(user.client_user_id.clone());
                books
                    .assign(&AssetKey::standard(adam_id), &holder, now, &Switches::default())
                    .expect("an organisation starts with no more assignments than licences");
            }
        }
        books.commit(now, 7);
        Location {
            uid: organisation.uid.clone(),
            organisation: organisation.name.clone(),
            name: organisation.location_name.clone(),
            country: organisation.country.clone(),
            default_platform: organisation.default_platform.clone(),
            website_url: organisation.website_url.clone(),
            managed_domain: organisation.managed_domain.clone(),
            configuration: ClientConfiguration {
                mdm_info: organisation.mdm_info.clone(),
                ..Default::default()
            },
            books,
            events: VecDeque::new(),
            before: VecDeque::new(),
        }
    }

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

    fn accept_event(&mut self, event_type: EventType, mut tasks: Vec<Task>, step: &mut Step) -> String {
        if step.switches.shuffle_tasks {
            step.rng.shuffle(&mut tasks);
        }
        let id = step.rng.uuid();
        self.events.push_back(Event {
            id: id.clone(),
            event_type,
            requested: tasks.len(),
            completed: 0,
            tasks: tasks.into(),
            failures: Vec::new(),
            accepted_at: step.now,
            due_at: step.now + step.event_delay_ms,
            finished_at: None,
            short: Vec::new(),
            polled_at: None,
        });
        id
    }

    /// Carries out what is due of the accepted events, and says whether that was anything.
    pub fn advance(&mut self, step: &mut Step) -> bool {
        let oldest = step.now - i64::from(step.switches.event_hours) * 60 * 60 * 1000;
        let known = self.events.len();
        self.events
            .retain(|event| event.finished_at.is_none_or(|at| at > oldest));
        let mut changed = self.events.len() != known;
        if step.switches.stuck_events {
            return changed;
        }

        let mut open: Vec<usize> = (0..self.events.len())
            .filter(|at| self.events[*at].finished_at.is_none())
            .collect();
        let in_order = step.switches.event_order == EventOrder::InOrder;
        if !in_order {
            step.rng.shuffle(&mut open);
        }
        let mut free_at = i64::MIN;
        for at in open {
            let event = &mut self.events[at];
            if in_order {
                event.due_at = event.due_at.max(free_at);
            }
            if event.due_at > step.now {
                if in_order {
                    break;
                }
                continue;
            }
            changed |= self.work_on(at, step);
            match self.events[at].finished_at {
                Some(finished_at) => free_at = finished_at,
                None if in_order => break,
                None => {}
            }
        }
        changed
    }

    /// Does the tasks of one event whose time has come.
    fn work_on(&mut self, at: usize, step: &mut Step) -> bool {
        let event = &mut self.events[at];
        let task_ms = step.switches.task_ms as i64;
        let done = event.requested - event.tasks.len();
        let ready = match task_ms {
            0 => event.requested,
            _ => (((step.now - event.due_at) / task_ms) as usize).min(event.requested),
        };
        if ready == done && !event.tasks.is_empty() {
            return false;
        }
        if done == 0 && step.switches.overassign == Overassign::AllOrNothing {
            event.short = short_assets(&self.books, &event.tasks);
        }
        let now = event.due_at + task_ms * ready as i64;
        self.remember(now, step.switches.read_lag_ms);
        let event = &mut self.events[at];

        for _ in done..ready {
            let Some(task) = event.tasks.pop_front() else { break };
            let short = matches!(&task, Task::Associate(key, _) if event.short.contains(key));
            let outcome = match short {
                true => Err(9709),
                false => self.books.carry_out(&task, &self.managed_domain, now, step),
            };
            match outcome {
                Ok(()) => event.completed += 1,
                Err(number) => note_failure(&mut event.failures, number, &task),
            }
        }
        if event.tasks.is_empty() {
            event.finished_at = Some(now);
        }
        self.books.commit(now, step.switches.version_days);
        true
    }

    pub fn event(&mut self, id: &str) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.id == id)
    }

    /// Keeps the books as they are before a change, for reads that lag behind it.
    pub fn remember(&mut self, now: i64, lag_ms: u64) {
        if lag_ms > 0 {
            self.before.push_back((now, Arc::new(self.books.clone())));
        }
    }

    /// Another server of the same location binds a licence; its user is made when there is none.
    pub fn foreign_assign(&mut self, adam_id: &str, holder: &Holder, now: i64) -> bool {
        let books = &mut self.books;
        let key = AssetKey::standard(adam_id);
        let free = books
            .asset(&key)
            .is_some_and(|asset| asset.available > 0 && !asset.holders.contains_key(holder));
        if !free {
            return false;
        }
        if let Holder::User(id) = holder
            && books.active_user(id).is_none()
        {
            let changed = books.users_version.touch();
            books.users.push(User {
                client_user_id: id.clone(),
                email: None,
                status: UserStatus::Associated,
                invite_code: None,
                id_hash: Some(id_hash(&format!("{id}@elsewhere.example"))),
                changed,
            });
        }
        let done = books.assign(&key, holder, now, &Switches::default()).is_ok();
        books.commit(now, Switches::default().version_days);
        done
    }

    /// Another server takes a licence back.
    pub fn foreign_unassign(&mut self, adam_id: &str, holder: &Holder, now: i64) -> bool {
        let key = AssetKey::standard(adam_id);
        let held = self
            .books
            .asset(&key)
            .and_then(|asset| asset.holders.get(holder))
            .is_some_and(|row| !row.retired);
        if held {
            self.books.take_back(&key, holder);
            self.books.commit(now, Switches::default().version_days);
        }
        held
    }

    /// Apple takes licences back that were refunded, also those that are assigned: who holds one keeps it.
    pub fn refund(&mut self, adam_id: &str, count: i64, now: i64) -> bool {
        let Some(asset) = self.books.asset_mut(&AssetKey::standard(adam_id)) else {
            return false;
        };
        if asset.unlimited || count < 1 || count > asset.total {
            return false;
        }
        asset.total -= count;
        asset.refunded = true;
        asset.recount();
        self.books.assets_version.touch();
        self.books.commit(now, Switches::default().version_days);
        true
    }

    /// A person is retired by somebody else than us.
    pub fn retire(&mut self, client_user_id: &str, now: i64) -> bool {
        let known = self.books.active_user(client_user_id).is_some();
        let done = known && self.books.retire(client_user_id).is_ok();
        self.books.commit(now, Switches::default().version_days);
        done
    }

    /// The books as a read shows them now.
    pub fn shown(&mut self, now: i64, lag_ms: u64) -> &Books {
        let horizon = now - lag_ms as i64;
        while self.before.front().is_some_and(|(until, _)| *until <= horizon) {
            self.before.pop_front();
        }
        match self.before.front() {
            Some((_, books)) => books,
            None => &self.books,
        }
    }

    /// Replaces the configuration, or refuses it and keeps the one there is.
    pub fn configure(&mut self, request: ClientConfigRequest, switches: &Switches) -> Result<(), Refusal> {
        let mut next = match switches.omitted_configuration {
            Omitted::Keep => self.configuration.clone(),
            Omitted::Clear => ClientConfiguration::default(),
        };
        if let Some(info) = request.mdm_info {
            let (Some(id), Some(name), Some(metadata)) = (info.id, info.name, info.metadata) else {
                return Err(Refusal::new(9723));
            };
            if id.len() > switches.limit("maxMdmIdLength") {
                return Err(Refusal::new(9724));
            }
            if name.len() > switches.limit("maxMdmNameLength") {
                return Err(Refusal::new(9725));
            }
            if metadata.len() > switches.limit("maxMdmMetadataLength") {
                return Err(Refusal::new(9713));
            }
            next.mdm_info = Some(MdmInfo { id, name, metadata });
        }
        match (request.notification_url, request.notification_auth_token) {
            (None, None) => {}
            (Some(url), Some(token)) => {
                let longest = switches.limit("maxNotificationLength");
                if url.len() > longest || token.len() > longest {
                    return Err(Refusal::new(9711));
                }
                if !url.starts_with("https://") || url.len() == "https://".len() || url.contains(['?', '#', '@', ' ']) {
                    return Err(Refusal::new(9712));
                }
                if !switches.notification_url_reachable {
                    return Err(Refusal::new(9728));
                }
                next.notification_url = Some(url);
                next.notification_auth_token = Some(token);
            }
            _ => return Err(Refusal::new(9710)),
        }
        if let Some(mut types) = request.notification_types {
            types.retain(|one| one != "TEST_NOTIFICATION");
            types.sort();
            types.dedup();
            next.notification_types = types;
        }
        self.configuration = next;
        Ok(())
    }

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
        Ok(user)
    }

    /// Whom an invitation is for, as long as it can be accepted.
    pub fn invited(&self, invite_code: &str) -> Option<&User> {
        self.books
            .users
            .iter()
            .find(|user| user.status.is_active() && user.invite_code.as_deref() == Some(invite_code))
    }

    /// Buys licences, or gives some back when `count` is negative. False when the location
    /// does not own the asset or has too few free ones to give back.
    pub fn buy(&mut self, adam_id: &str, count: i64, now: i64) -> bool {
        let Some(asset) = self.books.asset_mut(&AssetKey::standard(adam_id)) else {
            return false;
        };
        if asset.unlimited || asset.available + count < 0 {
            return false;
        }
        asset.total += count;
        asset.recount();
        self.books.assets_version.touch();
        self.books.commit(now, Switches::default().version_days);
        true
    }
}

fn note_failure(failures: &mut Vec<Failure>, number: i32, task: &Task) {
    let at = match failures.iter().position(|failure| failure.number == number) {
        Some(at) => at,
        None => {
            failures.push(Failure {
                number,
                info: Subjects::default(),
            });
            failures.len() - 1
        }
    };
    let info = &mut failures[at].info;
    match task {
        Task::Associate(key, holder) | Task::Disassociate(key, holder) => {
            info.asset(key);
            info.holder(holder);
        }
        Task::Revoke(holder) => info.holder(holder),
        Task::Create(user) | Task::Update(user) => info.holder(&Holder::User(user.client_user_id.clone())),
        Task::Retire(id) => info.holder(&Holder::User(id.clone())),
    }
}

/// The assets of which these tasks want more than there is.
fn short_assets(books: &Books, tasks: &VecDeque<Task>) -> Vec<AssetKey> {
    let mut wanted: BTreeMap<&AssetKey, i64> = BTreeMap::new();
    for task in tasks {
        let Task::Associate(key, holder) = task else { continue };
        if books
            .asset(key)
            .is_some_and(|asset| !asset.holders.contains_key(holder))
        {
            *wanted.entry(key).or_default() += 1;
        }
    }
    let mut short = Vec::new();
    for (key, wanted) in wanted {
        if books.asset(key).is_some_and(|asset| asset.available < wanted) {
            short.push(key.clone());
        }
    }
    short
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

/// JSON has only text for keys, so the map of holders is written as a list of pairs.
mod pairs {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<K: Serialize, V: Serialize, S: Serializer>(
        map: &BTreeMap<K, V>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map)
    }

    pub fn deserialize<'de, K, V, D>(deserializer: D) -> Result<BTreeMap<K, V>, D::Error>
    where
        K: Deserialize<'de> + Ord,
        V: Deserialize<'de>,
        D: Deserializer<'de>,
    {
        Ok(Vec::<(K, V)>::deserialize(deserializer)?.into_iter().collect())
    }
}
