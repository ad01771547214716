//! What Apple knows about one location, and every way it changes.
//!
//! Writes are checked as a whole, accepted as an event, and carried out task by task when
//! their time has come. There is no network, clock or file in here; after every step the
//! books are checked, and a mistake in them is a panic.

mod assets;
mod books;
mod configuration;
mod events;
mod notices;
mod requests;
mod users;
mod version;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::keys::{AssetKey, Holder};
use super::refusal::{Refusal, Subjects};
use super::sample::Organisation;
use super::switches::Switches;
use crate::facts::id_hash;
use crate::rng::Rng;

pub use self::assets::{Asset, UNLIMITED};
pub use self::books::Books;
pub use self::configuration::{ClientConfigRequest, ClientConfiguration};
pub use self::events::{Event, EventStatus, EventType, Failure, Task};
pub use self::notices::{Notice, user_record};
pub use self::requests::{ManageAssets, ManageUsers};
pub use self::users::{AcceptError, User, UserStatus};
pub use self::version::Version;

/// What every step needs besides the books themselves.
pub struct Step<'a> {
    pub now: i64,
    pub rng: &'a mut Rng,
    pub switches: &'a Switches,
    /// How long an event is pending.
    pub event_delay_ms: i64,
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
    /// What its server is still to be told.
    #[serde(default)]
    pub notices: VecDeque<Notice>,
    #[serde(default)]
    notices_told: u64,
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
                    .give(&AssetKey::standard(adam_id), &holder, now, &Switches::default())
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
            notices: VecDeque::new(),
            notices_told: 0,
            before: VecDeque::new(),
        }
    }

    /// Keeps the books as they are before a change, for reads that lag behind it.
    pub fn remember(&mut self, now: i64, lag_ms: u64) {
        if lag_ms > 0 {
            self.before.push_back((now, Arc::new(self.books.clone())));
        }
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
}
