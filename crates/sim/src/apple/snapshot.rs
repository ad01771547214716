//! The ledger as a test or a person wants to see it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use serde_json::Value;

use super::keys::Holder;
use super::ledger::{EventStatus, EventType, Failure, Location, Task, User};
use super::mdm_info::MdmInfo;
use super::token::TokenKind;

/// Everything there is to know, as of one moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ledger {
    pub locations: Vec<LocationLedger>,
    pub traffic: Traffic,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocationLedger {
    pub uid: String,
    pub name: String,
    pub mdm_info: Option<MdmInfo>,
    pub assets: Vec<AssetLedger>,
    pub users: Vec<User>,
    pub events: Vec<EventLedger>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetLedger {
    pub adam_id: String,
    pub pricing_param: String,
    pub total: i64,
    pub assigned: i64,
    pub available: i64,
    pub retired: i64,
    pub unlimited: bool,
    /// Licences that accepted requests will bind still, beside those that are bound.
    pub on_the_way: i64,
    /// Some licences were taken back by Apple, so more may be assigned than there are.
    pub refunded: bool,
    pub holders: Vec<Holder>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EventLedger {
    pub id: String,
    pub event_type: EventType,
    pub status: EventStatus,
    pub requested: usize,
    pub completed: usize,
    pub failures: Vec<Failure>,
}

/// What was asked of the service since it started; forgotten at a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Traffic {
    /// Requests by their path below the base address.
    pub requests: BTreeMap<String, u64>,
    /// Requests refused with 9646.
    pub too_many: u64,
    pub most_parallel_reads: usize,
    /// Questions for a pending event less than 30 seconds after the one before.
    pub early_polls: u64,
    pub cut_connections: u64,
    /// Questions to the store about products.
    pub lookups: u64,
}

/// A write as it arrived, and what was answered; whether the answer got through is another matter.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Write {
    /// Milliseconds since 1970.
    pub at: i64,
    /// Of which token it was; `None` when the service does not know it.
    pub token: Option<TokenKind>,
    pub uid: Option<String>,
    /// Below the base address: `assets/associate`.
    pub path: String,
    pub body: Value,
    /// 0 when the connection was cut before anything was done.
    pub status: u16,
    pub error_number: Option<i64>,
    pub event_id: Option<String>,
}

impl Ledger {
    /// What has to be true at any time: as many assigned as there are rows, never more than the total unless some were
    /// refunded, at most one active user of a `clientUserId`. The text says what is not.
    ///
    /// The simulator itself stops when it is not so; this is for whoever changed a ledger by hand, or read it from a file.
    pub fn check(&self) -> Result<(), String> {
        for location in &self.locations {
            for asset in &location.assets {
                let rows = asset.holders.len() as i64;
                let name = &asset.adam_id;
                if asset.assigned + asset.retired != rows {
                    return Err(format!(
                        "{name} counts {} and lists {rows}",
                        asset.assigned + asset.retired
                    ));
                }
                if asset.available != (asset.total - rows).max(0) {
                    return Err(format!("{name} has {} available of {}", asset.available, asset.total));
                }
                if rows > asset.total && !asset.refunded {
                    return Err(format!("{name} has {rows} assigned of {}", asset.total));
                }
            }
            for user in &location.users {
                let same = |other: &&User| other.client_user_id == user.client_user_id && other.status.is_active();
                if location.users.iter().filter(same).count() > 1 {
                    return Err(format!("{} is active twice", user.client_user_id));
                }
            }
        }
        Ok(())
    }

    /// The location that the simulator was started with first.
    ///
    /// # Panics
    ///
    /// When it was started with none.
    pub fn main(&self) -> &LocationLedger {
        &self.locations[0]
    }
}

impl LocationLedger {
    pub fn of(location: &Location) -> Self {
        let mut assets = Vec::new();
        for asset in &location.books.assets {
            let mut coming = BTreeSet::new();
            for task in location.events.iter().flat_map(|event| &event.tasks) {
                if let Task::Associate(key, holder) = task
                    && *key == asset.key
                    && !asset.holders.contains_key(holder)
                {
                    coming.insert(holder);
                }
            }
            assets.push(AssetLedger {
                on_the_way: coming.len() as i64,
                adam_id: asset.key.adam_id.clone(),
                pricing_param: asset.key.pricing_param.clone(),
                total: asset.total,
                assigned: asset.assigned,
                available: asset.available,
                retired: asset.retired,
                unlimited: asset.unlimited,
                refunded: asset.refunded,
                holders: asset.holders.keys().cloned().collect(),
            });
        }
        let mut events = Vec::new();
        for event in &location.events {
            events.push(EventLedger {
                id: event.id.clone(),
                event_type: event.event_type,
                status: event.status(),
                requested: event.requested,
                completed: event.completed,
                failures: event.failures.clone(),
            });
        }
        LocationLedger {
            uid: location.uid.clone(),
            name: location.name.clone(),
            mdm_info: location.configuration.mdm_info.clone(),
            assets,
            users: location.books.users.clone(),
            events,
        }
    }

    pub fn asset(&self, adam_id: &str) -> Option<&AssetLedger> {
        self.assets.iter().find(|asset| asset.adam_id == adam_id)
    }

    /// Who holds the app; nobody, when the location does not own it.
    pub fn holders(&self, adam_id: &str) -> &[Holder] {
        self.asset(adam_id)
            .map(|asset| asset.holders.as_slice())
            .unwrap_or_default()
    }

    pub fn user(&self, client_user_id: &str) -> Option<&User> {
        let mut records = self.users.iter().filter(|user| user.client_user_id == client_user_id);
        records
            .clone()
            .find(|user| user.status.is_active())
            .or_else(|| records.next_back())
    }

    pub fn pending_events(&self) -> usize {
        self.events
            .iter()
            .filter(|event| event.status == EventStatus::Pending)
            .count()
    }
}
