//! The decision about one app: who gets it, in what order, by which rule, and what stands in the way.

mod claim;
mod verdict;

use std::collections::{BTreeMap, BTreeSet};

use claim::{Claim, Rank};
use serde::Serialize;
use verdict::Turn;

use crate::{
    App, AssetId, Counts, Detail, Device, DeviceId, InstallState, PersonId, Program, RefusalReason, Resolution, Seat,
    Time, World,
};

/// The decision about one app.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub app: AssetId,
    pub counts: Counts,
    /// Everyone whom a deployment reaches, who holds a licence, or whose device may have the app.
    pub people: BTreeMap<PersonId, PersonVerdict>,
    /// Who waits for a licence, first in line first.
    pub waiting: Vec<PersonId>,
    /// Who gets the licences that are free now, first in line first.
    pub next: Vec<PersonId>,
}

/// One person and one app.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonVerdict {
    pub person: PersonId,
    /// The strongest of what their devices get; what their groups say when there is no device.
    pub resolution: Resolution,
    pub program: Program,
    pub seat: Option<Seat>,
    /// Place in the line for a licence, from 1, of [`Decision::waiting`].
    pub place: Option<usize>,
    /// Since when the person has been entitled to the app, if they are.
    pub waiting_since: Option<Time>,
    /// The state that needs attention most among the person's devices.
    pub state: InstallState,
    pub detail: Detail,
    pub devices: BTreeMap<DeviceId, DeviceVerdict>,
    /// Deserves a licence: required, or available and asked for, with a device that can have it.
    pub wants_seat: bool,
    /// May keep the licence they have.
    pub keeps_seat: bool,
}

impl PersonVerdict {
    /// The licence goes back: it is not due any more, and Apple has not confirmed its return.
    pub fn is_to_return(&self, app: &App) -> bool {
        app.revocable
            && (matches!(self.seat, Some(Seat::Returning { .. })) || (self.seat.is_some() && !self.keeps_seat))
    }
}

/// One device and one app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceVerdict {
    pub device: DeviceId,
    pub resolution: Resolution,
    /// The device could have the app: enrolled, right platform and system, permitted by the policy.
    pub eligible: bool,
    /// The app shall be on it: required, or available and asked for.
    pub wants: bool,
    pub state: InstallState,
    pub detail: Detail,
}

impl DeviceVerdict {
    /// Whether asking to try again changes anything: the app shall be there, and its person turned it down, removed it,
    /// or the device could not install it.
    pub fn may_be_tried_again(&self) -> bool {
        self.wants
            && matches!(
                (self.state, self.detail),
                (_, Detail::SeeInstallErrorCode)
                    | (
                        InstallState::Failed,
                        Detail::UserRejectedInstall | Detail::InstalledUnmanaged
                    )
                    | (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent)
            )
    }
}

/// Decides about one app. Pure, total and deterministic: the same world gives the same decision.
pub fn decide(world: &World, app: &App) -> Decision {
    decide_among(world, &Owners::of(world), app)
}

/// As [`decide`], for whoever decides about many apps of one world.
pub(crate) fn decide_among(world: &World, owners: &Owners<'_>, app: &App) -> Decision {
    let claims: BTreeMap<PersonId, Claim<'_>> = concerned(world, app)
        .into_iter()
        .map(|person| (person, Claim::of(world, owners, app, person)))
        .collect();
    let mut counts = Counts::of(app.owned, app.foreign, app.seats.values().copied());
    let line = Line::of(world, app, &claims, counts.free);
    counts.waiting = line.waiting.len() as u64;

    let places: BTreeMap<PersonId, usize> = line.waiting.iter().copied().zip(1..).collect();
    let mut people = BTreeMap::new();
    for (person, claim) in claims {
        let turn = Turn {
            place: places.get(&person).copied(),
        };
        people.insert(person, verdict::of(world, app, claim, turn));
    }
    Decision {
        app: app.id,
        counts,
        people,
        waiting: line.waiting,
        next: line.next,
    }
}

/// Who has which devices, without those that are away: what we installed there went with the profile, or counts as gone.
pub(crate) struct Owners<'w>(BTreeMap<PersonId, Vec<&'w Device>>);

impl<'w> Owners<'w> {
    pub(crate) fn of(world: &'w World) -> Owners<'w> {
        let mut owners: BTreeMap<PersonId, Vec<&Device>> = BTreeMap::new();
        for device in world.devices.values() {
            if !device.is_away() {
                owners.entry(device.person).or_default().push(device);
            }
        }
        Owners(owners)
    }

    pub(crate) fn devices(&self, person: PersonId) -> &[&'w Device] {
        self.0.get(&person).map_or(&[], Vec::as_slice)
    }
}

/// Everyone whom a deployment reaches, who holds a licence, or whose device may have the app.
fn concerned(world: &World, app: &App) -> BTreeSet<PersonId> {
    let owner = |device: &DeviceId| world.devices.get(device).map(|device| device.person);
    let mut people: BTreeSet<PersonId> = app.seats.keys().copied().collect();
    for (device, install) in &app.installs {
        if install.may_be_there() {
            people.extend(owner(device));
        }
    }
    for line in &app.deployments {
        let Some(group) = world.groups.get(&line.group) else {
            continue;
        };
        people.extend(&group.people);
        people.extend(group.devices.iter().filter_map(owner));
    }
    people.retain(|person| world.people.contains_key(person));
    people
}

/// The line for licences.
struct Line {
    next: Vec<PersonId>,
    waiting: Vec<PersonId>,
}

impl Line {
    /// Free licences go, in order, to those who can use one now; nobody loses one to somebody who ranks higher.
    fn of(world: &World, app: &App, claims: &BTreeMap<PersonId, Claim<'_>>, free: Option<u64>) -> Line {
        let mut line: Vec<(Rank, PersonId, bool)> = Vec::new();
        for (person, claim) in claims {
            if claim.seat.is_none()
                && let Some(rank) = claim.rank
            {
                line.push((rank, *person, claim.is_member()));
            }
        }
        line.sort_unstable();

        let mut left = free.unwrap_or(u64::MAX);
        let mut next = Vec::new();
        let mut out_of_stock = BTreeSet::new();
        let mut others = Vec::new();
        for (_, person, member) in line {
            let refusal = app.refusals.get(&person).filter(|refusal| refusal.holds(world.now));
            if member && refusal.is_none() && left > 0 {
                left -= 1;
                next.push(person);
                continue;
            }
            // Apple's own trouble is no want of licences.
            if refusal.is_some_and(|refusal| refusal.reason == RefusalReason::Stock) {
                out_of_stock.insert(person);
            }
            others.push(person);
        }
        // While licences are left, people who have not joined wait for themselves and not for a licence.
        let none_left = left == 0;
        others.retain(|person| none_left || out_of_stock.contains(person));
        Line { next, waiting: others }
    }
}
