//! The rules by which licences come back (회수): which of them are switched on, and by which one a licence does.
//!
//! A licence always goes back from whom a deployment takes the app from (A41), and from what has gone: a person who left, a
//! device that was retired, wiped, removed or is silent. What it is bound to could not use it. The others are for an
//! administrator to choose.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{
    Asset, Device, DeviceVerdict, Enrolment, Holder, HolderKind, Install, Person, PersonId, PersonKind, PersonVerdict,
    Policy, Resolution, Rule, Seen, Time, World, owners::Owners,
};

/// The rules that are switches.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ReclaimRules {
    /// Whoever is in no group any more that has a deployment of the app gives app and licence back. Switched off, they keep what
    /// they have until a deployment says otherwise (A45).
    pub left_all_groups: bool,
    /// Whoever may have the app, does not have to, and removed it from every device so long ago, gives the licence back and has
    /// to ask once more; `None`: never.
    pub removed_after: Option<Duration>,
}

impl Default for ReclaimRules {
    fn default() -> ReclaimRules {
        ReclaimRules {
            left_all_groups: true,
            removed_after: None,
        }
    }
}

impl ReclaimRules {
    /// From when on a person's wish for the app is over: they asked for it at `requested`, if they did, and removed it from
    /// each of these devices, which are all of theirs that are here. `None` while it is on one, or may be, and where they never
    /// had it.
    pub(crate) fn lapses<'a>(
        &self,
        app: &Asset,
        requested: Option<Time>,
        devices: impl Iterator<Item = &'a Device>,
    ) -> Option<Time> {
        let after = self.removed_after?;
        removed_at(app, requested, devices).map(|at| at + after)
    }
}

/// When a person removed the app from the last of these devices, which are all of theirs that are here; `None` where they asked
/// for it since.
fn removed_at<'a>(app: &Asset, requested: Option<Time>, devices: impl Iterator<Item = &'a Device>) -> Option<Time> {
    let mut removed = None;
    for install in devices.filter_map(|device| app.installs.get(&device.id)) {
        if install.may_be_there() || install.command.is_some() {
            return None;
        }
        if install.seen == Some(Seen::RemovedByUser) {
            removed = removed.max(install.seen_at);
        }
    }
    // Whoever asked since wants it.
    removed.filter(|removed| requested <= Some(*removed))
}

/// What a rule that is a switch looks at, of a person and an app. Whether it is on or not: so those are found whom switching it
/// does something to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reclaimable {
    /// No deployment reaches them, or a device of theirs, and they have a licence or the app there:
    /// [`ReclaimRules::left_all_groups`].
    pub unreached: bool,
    /// They removed it from every device, and have not asked since: [`ReclaimRules::removed_after`].
    pub removed: bool,
}

impl Reclaimable {
    /// `here` are their devices that are not away.
    pub(crate) fn of(world: &World, app: &Asset, verdict: &PersonVerdict, here: &[&Device]) -> Reclaimable {
        let unreached =
            |resolution: &Resolution| matches!(resolution.rule, Rule::NoDeployment | Rule::KeptWithoutDeployment);
        let there = |device: &DeviceVerdict| {
            let install = app.installs.get(&device.device);
            device.seat.is_some() || install.is_some_and(Install::may_be_there)
        };
        let own = verdict.seat.is_some();
        let mut devices = verdict.devices.values();
        let person = world.people.get(&verdict.person);
        let is_person = person.is_some_and(|person| person.kind == PersonKind::Person);
        let requested = app.requests.get(&verdict.person).copied();
        Reclaimable {
            unreached: (own && unreached(&verdict.resolution))
                || devices.any(|device| unreached(&device.resolution) && (own || there(device))),
            removed: is_person && removed_at(app, requested, here.iter().copied()).is_some(),
        }
    }
}

/// Whether the person's wish for the app is over, where it is only available to them: [`ReclaimRules::removed_after`]. `here` are
/// their devices that are not away. A device that belongs to nobody wishes for nothing.
pub(crate) fn is_over<'a>(world: &World, app: &Asset, person: &Person, here: impl Iterator<Item = &'a Device>) -> bool {
    let requested = app.requests.get(&person.id).copied();
    let lapses = world.policy.reclaim.lapses(app, requested, here);
    person.kind == PersonKind::Person && lapses.is_some_and(|at| at <= world.now)
}

/// Whether it says something new when the person asks for the app once more: since they asked, they removed it from every device.
/// `world` may hold them only.
pub fn asks_anew(world: &World, app: &Asset, person: PersonId) -> bool {
    let owners = Owners::of(world);
    let requested = app.requests.get(&person).copied();
    requested.is_some() && removed_at(app, requested, owners.devices(person).iter().copied()).is_some()
}

/// By which rule a licence comes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Reclaim {
    /// A deployment says uninstall, or not applicable (A41).
    Uninstalled,
    /// [`ReclaimRules::left_all_groups`].
    LeftAllGroups,
    PersonLeft,
    /// Retired, wiped, or its person removed the profile.
    DeviceGone,
    /// Taken out on somebody's word.
    DeviceRemoved,
    DeviceSilent,
    /// [`ReclaimRules::removed_after`].
    RemovedByPerson,
    /// The app is there with another licence, of the person or of the device; or can be on no device of theirs.
    NotNeeded,
}

impl Reclaim {
    /// In the order in which they are listed.
    pub const ALL: [Reclaim; 8] = [
        Reclaim::Uninstalled,
        Reclaim::LeftAllGroups,
        Reclaim::PersonLeft,
        Reclaim::DeviceGone,
        Reclaim::DeviceRemoved,
        Reclaim::DeviceSilent,
        Reclaim::RemovedByPerson,
        Reclaim::NotNeeded,
    ];

    /// Whether it takes licences back, by the policy.
    pub fn is_on(self, policy: &Policy) -> bool {
        match self {
            Reclaim::LeftAllGroups => policy.reclaim.left_all_groups,
            Reclaim::RemovedByPerson => policy.reclaim.removed_after.is_some(),
            Reclaim::DeviceSilent => policy.silent_after.is_some(),
            Reclaim::Uninstalled
            | Reclaim::PersonLeft
            | Reclaim::DeviceGone
            | Reclaim::DeviceRemoved
            | Reclaim::NotNeeded => true,
        }
    }

    /// By which rule the licence that `holder` has goes back from the person of the verdict, of whom `verdict` says that it does.
    pub fn of(world: &World, app: &Asset, verdict: &PersonVerdict, holder: Holder) -> Reclaim {
        if world.people.get(&verdict.person).is_none_or(|person| person.left) {
            return Reclaim::PersonLeft;
        }
        let went = |device: &Device| match device.enrolment {
            Enrolment::Removed => Reclaim::DeviceRemoved,
            enrolment if enrolment.is_over() || enrolment.is_leaving() => Reclaim::DeviceGone,
            _ => Reclaim::DeviceSilent,
        };
        let theirs = || world.devices.values().filter(|device| device.person == verdict.person);
        let own = match holder {
            Holder::Device(device) => world.devices.get(&device),
            Holder::Person(_) => None,
        };
        if let Some(device) = own.filter(|device| device.is_away() || device.enrolment.is_leaving()) {
            return went(device);
        }
        let resolution = match own.and_then(|device| verdict.devices.get(&device.id)) {
            Some(device) => &device.resolution,
            None => &verdict.resolution,
        };
        if !resolution.keeps() {
            return match resolution.uninstall || resolution.not_applicable {
                true => Reclaim::Uninstalled,
                false => Reclaim::LeftAllGroups,
            };
        }
        let here = || theirs().filter(|device| !device.is_away());
        let person = &world.people[&verdict.person];
        if !resolution.required && is_over(world, app, person, here()) {
            return Reclaim::RemovedByPerson;
        }
        // A person's licence that no device of theirs needs went with the last one.
        let stays = |device: &&Device| !device.enrolment.is_leaving();
        let gone = theirs().filter(|device| device.is_away() || device.enrolment.is_leaving());
        match holder.kind() == HolderKind::User && !here().any(|device| stays(&device)) {
            true => gone.map(went).min().unwrap_or(Reclaim::NotNeeded),
            false => Reclaim::NotNeeded,
        }
    }
}
