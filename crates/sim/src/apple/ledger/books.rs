//! What the reads show, and that it adds up.

use std::collections::{HashSet, VecDeque};

use serde::{Deserialize, Serialize};

use super::{Asset, AssetKey, Holder, Step, Task, User, UserStatus, Version};

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

impl Books {
    /// Does one task; the number says why it could not be done.
    pub(super) fn carry_out(&mut self, task: &Task, managed_domain: &str, at: i64, step: &mut Step) -> Result<(), i32> {
        if step.rng.chance(step.switches.task_failure) {
            return Err(9603);
        }
        if let Some(number) = task.person().and_then(|id| step.switches.people_fail.get(id)) {
            return Err(*number);
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

    pub(super) fn commit(&mut self, now: i64, version_days: u32) {
        self.assets_version.commit(now, version_days);
        self.assignments_version.commit(now, version_days);
        self.users_version.commit(now, version_days);
        if let Err(mistake) = self.check() {
            panic!("the simulated service's books do not add up: {mistake}");
        }
    }

    /// What has to be true after every step.
    pub fn check(&self) -> Result<(), String> {
        // Looked up for every holder: there may be a hundred thousand.
        let known: HashSet<&str> = self.users.iter().map(|user| user.client_user_id.as_str()).collect();
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
                if !known.contains(id.as_str()) {
                    return Err(format!("{name} is assigned to {id}, whom nobody knows"));
                }
            }
        }
        let mut active = HashSet::new();
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
