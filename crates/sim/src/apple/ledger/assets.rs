//! Licences: what is owned, who holds it, and how it is assigned, taken back, bought and refunded.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    AssetKey, Books, EventType, Holder, Location, Switches, Task,
    users::{User, UserStatus},
};
use crate::facts::id_hash;

/// Apple's number for "as many as you like".
pub const UNLIMITED: i64 = i32::MAX as i64;

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

    pub(super) fn assign(&mut self, key: &AssetKey, holder: &Holder, at: i64, switches: &Switches) -> Result<(), i32> {
        if let Holder::User(client_user_id) = holder {
            let Some(user) = self.active_user(client_user_id) else {
                return Err(9609);
            };
            if user.status == UserStatus::Registered && !switches.registered_user_gets_licence {
                return Err(9609);
            }
        }
        self.give(key, holder, at, switches)
    }

    /// The same for one who is known to be there.
    pub(super) fn give(&mut self, key: &AssetKey, holder: &Holder, at: i64, switches: &Switches) -> Result<(), i32> {
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

    pub(super) fn unassign(&mut self, key: &AssetKey, holder: &Holder, switches: &Switches) -> Result<(), i32> {
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

    pub(super) fn unassign_all(&mut self, holder: &Holder) {
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
}

impl Location {
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
        self.tell_count(&AssetKey::standard(adam_id), count, now);
        true
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
        self.tell_count(&AssetKey::standard(adam_id), -count, now);
        true
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
        if done {
            self.tell_elsewhere(EventType::Associate, Task::Associate(key, holder.clone()), now);
        }
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
            self.tell_elsewhere(EventType::Disassociate, Task::Disassociate(key, holder.clone()), now);
        }
        held
    }
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
