//! The same decision, person by person: what follows from somebody's own facts, and until when.
//!
//! Whether a licence is left is all that depends on others ([`Wish`], the line); so whoever keeps what is said here for
//! everybody has to decide anew only those to whom something happened, or for whom a moment has come.
//! [`decide`](crate::decide()) and [`plan`](crate::plan()) say the same of the whole world at once, and judge it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Asset, AssetId, Deployment, DeploymentId, Detail, Device, DeviceId, Holder, InstallState, Person, PersonId,
    PersonKind, PersonVerdict, Program, Reclaimable, Seat, Step, Time, World,
    decide::{Alone, MovedUpEnd, Wish, alone, moved_up_ends},
    invitation,
    owners::Owners,
    plan::Own,
};

/// What follows for each person of a world from their own facts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Each {
    /// What to do for them, in order, but for giving licences: [`Step::Associate`] is for whoever knows the line.
    pub steps: Vec<Step>,
    /// Everyone of whom something is to be said, app by app.
    pub pairs: BTreeMap<(AssetId, PersonId), Pair>,
    /// What stands in somebody's way, whatever the app.
    pub concerns: BTreeSet<(PersonId, Concern)>,
    /// Of whom it is over that they were moved up in the line for an app, and why.
    pub moved_up_ends: BTreeMap<(AssetId, PersonId), MovedUpEnd>,
    /// When something may follow for somebody from the passing of time alone; nothing does before.
    pub again: BTreeMap<PersonId, Time>,
}

/// What keeps a person from every app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Concern {
    /// Has not accepted the programme's terms.
    Terms,
    /// Apple did not register them.
    Refused,
    /// No device of theirs is here.
    NoDevice,
}

impl Concern {
    fn of(person: &Person, devices: &[&Device]) -> impl Iterator<Item = Concern> {
        let is = [
            (Concern::Terms, matches!(person.program, Program::Registered { .. })),
            (Concern::Refused, matches!(person.program, Program::Refused { .. })),
            (
                Concern::NoDevice,
                devices.iter().all(|device| device.enrolment.is_over()),
            ),
        ];
        // A device that belongs to nobody is nobody whom anything keeps from apps.
        let here = !person.left && person.kind == PersonKind::Person;
        is.into_iter()
            .filter_map(move |(concern, is)| (here && is).then_some(concern))
    }
}

/// One person and one app, as far as it follows from the person's own facts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pair {
    /// Of nobody: of a device that belongs to nobody.
    pub nobody: bool,
    /// A deployment requires the app, at least on one of their devices.
    pub required: bool,
    /// Deserves a licence of their own: [`PersonVerdict::wants_seat`].
    pub wants: bool,
    /// May keep the licence they have themselves.
    pub keeps: bool,
    /// [`PersonVerdict::kept_by`].
    pub kept_by: Option<DeploymentId>,
    pub seat: Option<Seat>,
    /// Licences of devices of theirs that are away: [`PersonVerdict::left_over`].
    pub left_over: BTreeMap<DeviceId, Seat>,
    pub reclaimable: Reclaimable,
    /// What brings them into the line, and devices of theirs, each while it wants a licence and has none.
    pub wishes: BTreeMap<Holder, Wish>,
    /// The one of those that waits whenever any of them does.
    pub last: Option<(Holder, Wish)>,
    pub said: Said,
    /// What is said of each of their devices with which the app has something to do.
    pub devices: BTreeMap<DeviceId, DevicePair>,
}

/// One device of theirs and the app.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DevicePair {
    pub said: Said,
    /// Who brings the licence.
    pub holder: Holder,
    /// The licence that the device has itself, and whether it may keep it.
    pub seat: Option<Seat>,
    pub keeps: bool,
}

/// What is said of a person, or of a device, and an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Said {
    /// While a licence is left for whoever brings it; of a person, for everybody who stands in the line for them.
    pub served: (InstallState, Detail),
    /// While none is. The same for whoever does not stand in the line.
    pub waiting: (InstallState, Detail),
}

impl Pair {
    fn of(world: &World, owners: &Owners<'_>, app: &Asset, alone: &Alone) -> Pair {
        let served = &alone.served;
        let waiting = alone.waiting.as_ref().unwrap_or(served);
        let devices = served.devices.values().filter(|device| device.concerns());
        Pair {
            nobody: world.is_nobody(served.person),
            required: served.resolution.required,
            wants: served.wants_seat,
            keeps: served.keeps_seat,
            kept_by: served.kept_by,
            seat: served.seat,
            left_over: served.left_over.clone(),
            reclaimable: Reclaimable::of(world, app, served, owners.devices(served.person)),
            wishes: alone.wishes.clone(),
            last: alone.last,
            said: Said {
                served: (served.state, served.detail),
                waiting: (waiting.state, waiting.detail),
            },
            devices: devices
                .map(|device| {
                    let without = &waiting.devices[&device.device];
                    let pair = DevicePair {
                        said: Said {
                            served: (device.state, device.detail),
                            waiting: (without.state, without.detail),
                        },
                        holder: device.holder(served.person),
                        seat: device.seat,
                        keeps: device.keeps_seat,
                    };
                    (device.device, pair)
                })
                .collect(),
        }
    }

    /// Whether this is what a whole decision says.
    pub fn agrees_with(&self, verdict: &PersonVerdict) -> bool {
        let is_said = |said: &Said, waits: bool, state, detail| {
            let said = match waits {
                true => said.waiting,
                false => said.served,
            };
            said == (state, detail)
        };
        let devices = || verdict.devices.values().filter(|device| device.concerns());
        is_said(&self.said, verdict.place.is_some(), verdict.state, verdict.detail)
            && devices().count() == self.devices.len()
            && devices().all(|device| {
                let pair = self.devices.get(&device.device);
                pair.is_some_and(|pair| {
                    is_said(&pair.said, device.place.is_some(), device.state, device.detail)
                        && (pair.holder, pair.seat, pair.keeps)
                            == (device.holder(verdict.person), device.seat, device.keeps_seat)
                })
            })
            && self.left_over == verdict.left_over
            && (self.required, self.wants, self.keeps, self.seat, self.kept_by)
                == (
                    verdict.resolution.required,
                    verdict.wants_seat,
                    verdict.keeps_seat,
                    verdict.seat,
                    verdict.kept_by,
                )
    }
}

/// Decides for everybody in `world`, each by themselves. `world` may hold some people only: with all that is theirs, and
/// with every app, deployment and group that reaches them.
pub fn decide_each(world: &World) -> Each {
    let owners = Owners::of(world);
    let mut own = Own::of(world, &owners);
    let mut pairs = BTreeMap::new();
    let mut ends = BTreeMap::new();
    let mut moments = Moments {
        now: world.now,
        next: BTreeMap::new(),
    };
    for app in world.apps.values() {
        for alone in alone(world, &owners, app) {
            let person = alone.served.person;
            own.about(app, &alone.served);
            pairs.insert((app.id, person), Pair::of(world, &owners, app, &alone));
            let theirs = app
                .deployments
                .iter()
                .filter(|line| reaches(world, &owners, line, person));
            for at in theirs.filter_map(|line| line.deadline) {
                moments.add(person, at);
            }
        }
        ends.extend(moved_up_ends(world, &owners, app).map(|(person, end)| ((app.id, person), end)));
        moments.of_app(world, app);
    }
    for person in world.people.values() {
        if let Program::Refused { not_before, .. } = person.program {
            moments.add(person.id, not_before);
        }
        for at in invitation::moments(&person.invited, &world.policy) {
            moments.add(person.id, at);
        }
    }
    moments.next.retain(|person, _| world.people.contains_key(person));
    Each {
        steps: own.done(),
        pairs,
        concerns: concerns(world),
        moved_up_ends: ends,
        again: moments.next,
    }
}

fn concerns(world: &World) -> BTreeSet<(PersonId, Concern)> {
    let mut devices: BTreeMap<PersonId, Vec<&Device>> = BTreeMap::new();
    for device in world.devices.values() {
        devices.entry(device.person).or_default().push(device);
    }
    let people = world.people.values().flat_map(|person| {
        let theirs = devices.get(&person.id).map_or(&[][..], Vec::as_slice);
        Concern::of(person, theirs).map(|concern| (person.id, concern))
    });
    people.collect()
}

/// Whether the person is in the line's group, or one of their devices is.
fn reaches(world: &World, owners: &Owners<'_>, line: &Deployment, person: PersonId) -> bool {
    world.groups.get(&line.group).is_some_and(|group| {
        let devices = owners.devices(person).iter();
        group.people.contains(&person) || devices.map(|device| device.id).any(|id| group.devices.contains(&id))
    })
}

/// The next moment of each person. One too many costs a decision that changes nothing.
struct Moments {
    now: Time,
    next: BTreeMap<PersonId, Time>,
}

impl Moments {
    fn add(&mut self, person: PersonId, at: Time) {
        if at > self.now {
            self.next
                .entry(person)
                .and_modify(|next| *next = at.min(*next))
                .or_insert(at);
        }
    }

    fn of_app(&mut self, world: &World, app: &Asset) {
        for (holder, refusal) in &app.refusals {
            if let Some(person) = world.owner(*holder) {
                self.add(person, refusal.not_before);
            }
        }
        for (device, install) in &app.installs {
            let Some(device) = world.devices.get(device) else {
                continue;
            };
            for at in install.moments(&world.policy) {
                self.add(device.person, at);
            }
            // From every device of theirs, but then this is one of them.
            let requested = app.requests.get(&device.person).copied();
            let lapses = world.policy.reclaim.lapses(app, requested, [device].into_iter());
            if let Some(at) = lapses {
                self.add(device.person, at);
            }
        }
    }
}
