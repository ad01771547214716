//! What to do next about a location: the steps that close the gap between the world and the decision.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Asset, AssetId, Attempt, Device, DeviceId, DeviceVerdict, Enrolment, Failure, Holder, HolderKind, Install,
    PersonId, PersonVerdict, Program, Seat, Seen, Time, Update, World,
    decide::decide_among,
    invitation::{self, Ending, Next},
    owners::Owners,
    program::Invitation,
};

/// One thing to do. The order in a [`Plan`] is the order to do it in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "step")]
pub enum Step {
    /// Release it from Setup Assistant: `DeviceConfigured`.
    Release { device: DeviceId },
    /// Ask what the device is: `DeviceInformation`.
    AskInformation { device: DeviceId },
    /// Ask Apple for a client user for this person: the first, or another after Apple retired the one they had.
    CreateUser { person: PersonId },
    /// Show the programme's invitation on this device, and wait for no other any more.
    Invite { person: PersonId, device: DeviceId },
    /// Ask Apple to take the licence back.
    Disassociate { app: AssetId, holder: Holder },
    /// Take a free licence and ask Apple to bind it to this person, or to this device.
    Associate { app: AssetId, holder: Holder },
    /// Ask Apple to retire the client user of a person who left and has given everything back.
    RetireUser { person: PersonId },
    /// Send `RemoveApplication`.
    Remove { app: AssetId, device: DeviceId },
    /// Send `InstallApplication`, for the licence of the person or of the device.
    Install {
        app: AssetId,
        device: DeviceId,
        with: HolderKind,
    },
    /// Ask which managed apps it has: `ManagedApplicationList`.
    AskApps { device: DeviceId },
    /// Take the management profile from it: `RemoveProfile`.
    Unenrol { device: DeviceId },
}

impl Step {
    /// The device that is told something by it.
    pub fn device(&self) -> Option<DeviceId> {
        match *self {
            Step::Release { device }
            | Step::AskInformation { device }
            | Step::Invite { device, .. }
            | Step::Remove { device, .. }
            | Step::Install { device, .. }
            | Step::AskApps { device }
            | Step::Unenrol { device } => Some(device),
            Step::CreateUser { .. } | Step::Disassociate { .. } | Step::Associate { .. } | Step::RetireUser { .. } => {
                None
            }
        }
    }

    /// The app that it is about, if it is about one.
    pub fn app(&self) -> Option<AssetId> {
        match *self {
            Step::Disassociate { app, .. }
            | Step::Associate { app, .. }
            | Step::Remove { app, .. }
            | Step::Install { app, .. } => Some(app),
            Step::Release { .. }
            | Step::AskInformation { .. }
            | Step::CreateUser { .. }
            | Step::Invite { .. }
            | Step::RetireUser { .. }
            | Step::AskApps { .. }
            | Step::Unenrol { .. } => None,
        }
    }

    /// For whom Apple's books change by it; `None` when only something on a device does.
    pub fn asked_of_apple(&self) -> Option<Holder> {
        match *self {
            Step::CreateUser { person } | Step::RetireUser { person } => Some(Holder::Person(person)),
            Step::Disassociate { holder, .. } | Step::Associate { holder, .. } => Some(holder),
            Step::Release { .. }
            | Step::AskInformation { .. }
            | Step::Invite { .. }
            | Step::Remove { .. }
            | Step::Install { .. }
            | Step::AskApps { .. }
            | Step::Unenrol { .. } => None,
        }
    }

    /// Whether Apple's books change by it, and not only what is on a device.
    pub fn asks_apple(&self) -> bool {
        self.asked_of_apple().is_some()
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub steps: Vec<Step>,
}

/// Plans what to do now for everything in `world`.
///
/// A licence that a step takes back is not handed out in the same plan. Apple may turn the return down, so it
/// counts as free once Apple confirms it. Without a usable token nothing is asked of Apple; what the devices owe
/// us goes on.
pub fn plan(world: &World) -> Plan {
    let owners = Owners::of(world);
    let mut own = Own::of(world, &owners);
    for app in world.apps.values() {
        let decision = decide_among(world, &owners, app);
        for verdict in decision.people.values() {
            own.about(app, verdict);
        }
        if world.token.usable() {
            own.steps.extend(decision.next.iter().map(|holder| Step::Associate {
                app: app.id,
                holder: *holder,
            }));
        }
    }
    Plan { steps: own.done() }
}

/// What is to be done for people whoever else there is. Only who gets a licence depends on others.
pub(crate) struct Own<'w> {
    world: &'w World,
    owners: &'w Owners<'w>,
    bound: BTreeSet<PersonId>,
    joining: BTreeSet<PersonId>,
    pub steps: Vec<Step>,
}

impl<'w> Own<'w> {
    pub fn of(world: &'w World, owners: &'w Owners<'w>) -> Own<'w> {
        Own {
            world,
            owners,
            bound: bound(world),
            joining: BTreeSet::new(),
            steps: Vec::new(),
        }
    }

    /// What one app asks for.
    pub fn about(&mut self, app: &Asset, verdict: &PersonVerdict) {
        let devices = verdict.devices.values();
        self.steps
            .extend(devices.filter_map(|device| on_device(self.world, app, verdict, device)));
        let returned = returned(self.world, app, verdict);
        let steps = returned
            .into_iter()
            .map(|holder| Step::Disassociate { app: app.id, holder });
        self.steps.extend(steps);
        if !self.joining.contains(&verdict.person)
            && let Some(step) = join(self.world, self.owners, verdict, &self.bound)
        {
            self.joining.insert(verdict.person);
            self.steps.push(step);
        }
    }

    /// And what no app asks for, all in the order to do it in.
    pub fn done(mut self) -> Vec<Step> {
        self.steps.extend(retirements(self.world, &self.bound));
        questions(self.world, &mut self.steps);
        // Stable: within a kind the order of the line stays.
        self.steps.sort_by_key(Step::order);
        self.steps
    }
}

impl Step {
    /// Which kind comes first: what others wait for.
    fn order(&self) -> u8 {
        match self {
            Step::Release { .. } => 0,
            Step::AskInformation { .. } => 1,
            Step::CreateUser { .. } => 2,
            Step::Invite { .. } => 3,
            Step::Disassociate { .. } => 4,
            Step::Associate { .. } => 5,
            Step::RetireUser { .. } => 6,
            Step::Remove { .. } => 7,
            Step::Install { .. } => 8,
            Step::AskApps { .. } => 9,
            Step::Unenrol { .. } => 10,
        }
    }
}

/// What to ask of the devices themselves, their release from Setup Assistant, and the end of those that retire.
fn questions(world: &World, steps: &mut Vec<Step>) {
    let lists_due: BTreeSet<DeviceId> = world.apps.values().flat_map(|app| lists_due(world, app)).collect();
    for device in world.devices.values() {
        if device.is_retiring() {
            if !device.asked_to_leave && is_emptied(world, device) {
                steps.push(Step::Unenrol { device: device.id });
            }
        } else if device.silent_since.is_some() && !device.enrolment.is_over() {
            // Something has to wait for it, or it is never woken again. What it is asked for is a sign of life.
            if device.enrolment != Enrolment::Pending && !device.asked_information && !device.asked_to_leave {
                steps.push(Step::AskInformation { device: device.id });
            }
            continue;
        } else if !device.is_enrolled() {
            continue;
        } else {
            if device.awaiting_configuration && !device.asked_configured {
                steps.push(Step::Release { device: device.id });
            }
            if device.informed_at.is_none() && !device.asked_information {
                steps.push(Step::AskInformation { device: device.id });
            }
        }
        if !device.asked_apps && !device.awaiting_configuration && lists_due.contains(&device.id) {
            steps.push(Step::AskApps { device: device.id });
        }
    }
}

/// Whether no app of ours may be there any more, but what cannot be removed: that goes with the profile.
fn is_emptied(world: &World, device: &Device) -> bool {
    let stays = |app: &Asset, install: &Install| {
        let tried_in_vain = install.command.is_none() && install.failure.as_ref().is_some_and(Failure::is_final);
        install.may_be_there() && app.bundle_id.is_some() && !tried_in_vain
    };
    let mut apps = world.apps.values();
    device.awaiting_configuration || !apps.any(|app| app.installs.get(&device.id).is_some_and(|it| stays(app, it)))
}

/// The devices whose list of managed apps can tell something new about this app.
fn lists_due(world: &World, app: &Asset) -> impl Iterator<Item = DeviceId> {
    let due = |install: &Install| install.next_check(&world.policy).is_some_and(|due| due <= world.now);
    app.installs
        .iter()
        .filter(move |(_, install)| due(install))
        .map(|(device, _)| *device)
}

/// Whose client user still has a licence that can come back, or one on its way. Nobody ends or replaces that client user:
/// the licence is bound to it, and to no other.
pub(crate) fn bound(world: &World) -> BTreeSet<PersonId> {
    let mut bound = BTreeSet::new();
    for app in world.apps.values() {
        let tied = app.seats.iter().filter(|(_, seat)| app.revocable || !seat.is_held());
        bound.extend(tied.filter_map(|(holder, _)| holder.person()));
    }
    bound
}

/// The last step of a person out of the programme: they left, and everything is back.
fn retirements(world: &World, bound: &BTreeSet<PersonId>) -> impl Iterator<Item = Step> {
    let usable = world.token.usable();
    world
        .people
        .values()
        .filter(move |person| usable && person.left && person.program.is_active() && !bound.contains(&person.id))
        .map(|person| Step::RetireUser { person: person.id })
}

/// The next step of a person into the programme (A42), while they are due an app.
fn join(world: &World, owners: &Owners<'_>, verdict: &PersonVerdict, bound: &BTreeSet<PersonId>) -> Option<Step> {
    if !verdict.wants_seat || !world.token.usable() {
        return None;
    }
    let person = verdict.person;
    match verdict.program {
        Program::None => Some(Step::CreateUser { person }),
        // Once the lists have shown that nothing is left with the old one.
        Program::Retired if !bound.contains(&person) => Some(Step::CreateUser { person }),
        Program::Refused { not_before, .. } if not_before <= world.now => Some(Step::CreateUser { person }),
        Program::Registered { .. } => {
            match invitation::next(
                owners.devices(person),
                &world.people[&person].invited,
                &world.policy,
                world.now,
            ) {
                Next::Invite(device) => Some(Step::Invite { person, device }),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whose licences go back now: not due any more, and the app known to be gone from every device that may have it with them
/// (A41). What was told to be there with another licence, which works, does not need this one.
fn returned(world: &World, app: &Asset, verdict: &PersonVerdict) -> Vec<Holder> {
    if !app.revocable || !world.token.usable() {
        return Vec::new();
    }
    let goes = |holder: Holder, seat: Option<Seat>, keeps: bool, needed: bool| {
        let refusal = app.refusals.get(&holder);
        let refused_lately = refusal.is_some_and(|refusal| refusal.holds(world.now));
        let goes = seat.is_some_and(Seat::is_held) && !keeps && !needed && !refused_lately;
        goes.then_some(holder)
    };
    let is_there = |device: DeviceId, otherwise: HolderKind, works: bool| {
        let install = app.installs.get(&device);
        install.is_some_and(|install| install.may_be_there() && !(works && install.is_free_of_others(otherwise)))
    };
    let works = licensed(verdict);
    let devices = verdict.devices.values();
    let with_persons = devices.clone().any(|device| {
        let own_works = device.seat.is_some_and(Seat::is_held);
        is_there(device.device, HolderKind::Device, own_works)
    });
    let persons = goes(verdict.person.into(), verdict.seat, verdict.keeps_seat, with_persons);
    let own = devices.filter_map(|device| {
        let with_own = is_there(device.device, HolderKind::User, works);
        goes(device.device.into(), device.seat, device.keeps_seat, with_own)
    });
    let left_over = verdict.left_over.iter();
    let left_over = left_over.filter_map(|(device, seat)| goes((*device).into(), Some(*seat), false, false));
    persons.into_iter().chain(own).chain(left_over).collect()
}

/// What to tell a device about the app.
fn on_device(world: &World, app: &Asset, verdict: &PersonVerdict, device: &DeviceVerdict) -> Option<Step> {
    let facts = &world.devices[&device.device];
    let with_us = facts.is_enrolled() || facts.is_retiring();
    if !with_us || facts.awaiting_configuration || app.bundle_id.is_none() {
        return None;
    }
    let install = app.installs.get(&device.device);
    if let Some(install) = install {
        let paused = install.next_try(&world.policy).is_some_and(|at| world.now < at);
        if install.command.is_some() || paused || install.is_removal_unproven() {
            return None;
        }
    }
    if facts.is_retiring() || !device.resolution.keeps() {
        let there = install.is_some_and(Install::may_be_there);
        return there.then_some(Step::Remove {
            app: app.id,
            device: device.device,
        });
    }
    if device.resolution.is_external() {
        return None;
    }
    let requested = app
        .requests
        .get(&verdict.person)
        .copied()
        .filter(|_| device.resolution.available);
    let with = device.licensing.kind;
    let due = install.is_none_or(|install| {
        let due = install_due(world, install, device.resolution.required, requested);
        // It is there with another licence: told once more, it is there with this one.
        let moves_over = install.seen == Some(Seen::Installed) && install.with != with && !install.is_unproven();
        moves_over || due.is_some_and(|due| due <= world.now)
    });
    let outdated = install.is_some_and(|install| {
        Update::of(&world.policy, app, install, &device.resolution, verdict.person) == Some(Update::Due)
    });
    let licensed = match with {
        HolderKind::User => licensed(verdict),
        HolderKind::Device => device.seat.is_some_and(Seat::is_held),
    };
    (licensed && (device.wants && due || outdated)).then_some(Step::Install {
        app: app.id,
        device: device.device,
        with,
    })
}

/// The person's own licence works: an install command leaves only after Apple has confirmed it, and the person the programme
/// (A42).
fn licensed(verdict: &PersonVerdict) -> bool {
    verdict.seat.is_some_and(Seat::is_held) && matches!(verdict.program, Program::Associated { .. })
}

/// From when on what the device last said calls for a command, or the person has asked for one since; `None` while nothing
/// does.
pub(crate) fn install_due(world: &World, install: &Install, required: bool, requested: Option<Time>) -> Option<Time> {
    let asked_again = requested.max(install.asked_again_at) > install.seen_at;
    match install.seen {
        _ if install.is_unproven() => None,
        // A29: the person removed it, and it comes back after the next inventory.
        // So does the prompt that they cancelled, for the app or for its management: once is not for ever.
        Some(Seen::RemovedByUser | Seen::Rejected | Seen::Unmanaged) if !asked_again => {
            let inventory = |seen| seen + world.policy.inventory_every;
            required.then(|| install.seen_at.map_or(world.now, inventory))
        }
        None
        | Some(
            Seen::Absent
            | Seen::Failed
            | Seen::NeedsRedemption
            | Seen::RemovedByUser
            | Seen::Rejected
            | Seen::Unmanaged,
        ) => Some(world.now),
        // The device is asked first; one that cannot tell is told.
        Some(Seen::Unknown) => install.next_check(&world.policy).is_none().then_some(world.now),
        Some(Seen::Installed | Seen::Installing | Seen::AwaitingConsent | Seen::AwaitingLogin) => None,
    }
}

impl Plan {
    /// The world as it is once every step is on its way, and nobody has answered yet.
    pub fn apply(&self, world: &World) -> World {
        let mut world = world.clone();
        let now = world.now;
        for step in &self.steps {
            match *step {
                Step::Release { device } => with(&mut world.devices, device, |device| device.asked_configured = true),
                Step::AskInformation { device } => {
                    with(&mut world.devices, device, |device| device.asked_information = true);
                }
                Step::AskApps { device } => with(&mut world.devices, device, |device| device.asked_apps = true),
                Step::Unenrol { device } => with(&mut world.devices, device, |device| device.asked_to_leave = true),
                Step::CreateUser { person } => {
                    with(&mut world.people, person, |person| {
                        person.program = Program::Creating;
                        person.invited.clear();
                    });
                }
                Step::RetireUser { person } => {
                    with(&mut world.people, person, |person| {
                        person.program = Program::Retiring { since: now };
                    });
                }
                Step::Invite { person, device } => with(&mut world.people, person, |person| {
                    for attempt in person.invited.iter_mut().filter(|attempt| attempt.ended.is_none()) {
                        attempt.ended = Some((Ending::Silent, now));
                    }
                    person.invited.push(Attempt {
                        device,
                        since: now,
                        ended: None,
                    });
                    person.program = Program::Registered {
                        invitation: Invitation::of(&person.invited),
                    };
                }),
                Step::Associate { app, holder } => with(&mut world.apps, app, |app| {
                    app.seats.insert(holder, Seat::reserve(now));
                }),
                Step::Disassociate { app, holder } => with(&mut world.apps, app, |app| {
                    app.seats.entry(holder).and_modify(|seat| *seat = seat.returning(now));
                }),
                Step::Install {
                    app,
                    device,
                    with: kind,
                } => with(&mut world.apps, app, |app| {
                    let install = app.installs.entry(device).or_default();
                    install.asked_install(kind, now);
                    install.asked_version(app.newest);
                }),
                Step::Remove { app, device } => with(&mut world.apps, app, |app| {
                    app.installs.entry(device).or_default().asked_remove(now);
                }),
            }
        }
        world
    }
}

fn with<K: Ord, V>(all: &mut BTreeMap<K, V>, key: K, change: impl FnOnce(&mut V)) {
    if let Some(value) = all.get_mut(&key) {
        change(value);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    /// One step of each kind, in the order in which they are done.
    fn one_of_each() -> [Step; 11] {
        let (app, person, device) = (AssetId(Uuid::nil()), PersonId(Uuid::nil()), DeviceId(Uuid::nil()));
        let (holder, with) = (Holder::Person(person), HolderKind::User);
        [
            Step::Release { device },
            Step::AskInformation { device },
            Step::CreateUser { person },
            Step::Invite { person, device },
            Step::Disassociate { app, holder },
            Step::Associate { app, holder },
            Step::RetireUser { person },
            Step::Remove { app, device },
            Step::Install { app, device, with },
            Step::AskApps { device },
            Step::Unenrol { device },
        ]
    }

    #[test]
    fn what_others_wait_for_comes_first() {
        assert!(one_of_each().is_sorted_by(|one, next| one.order() < next.order()));
    }

    #[test]
    fn what_apple_does_not_hear_a_device_does() {
        assert!(
            one_of_each()
                .iter()
                .all(|step| step.device().is_some() != step.asks_apple())
        );
    }

    #[test]
    fn people_and_licences_are_apples_and_devices_are_not() {
        let asked: Vec<bool> = one_of_each().iter().map(Step::asks_apple).collect();
        let apples = [2, 4, 5, 6];
        assert_eq!(asked, (0..11).map(|at| apples.contains(&at)).collect::<Vec<_>>());
    }
}
