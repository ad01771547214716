//! The decision about one app: who gets it, in what order, by which rule, and what stands in the way.

mod claim;
mod licensing;
mod line;
mod verdict;

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet},
};

use claim::{Claim, DeviceClaim};
pub(crate) use line::{Line, Shares};
pub use line::{Position, Queue, Queues, Stock, Unmet, keeping};
use serde::{Deserialize, Serialize};

use crate::{
    Asset, AssetId, Counts, DeploymentId, Detail, DeviceId, GroupId, Holder, HolderKind, InstallState, Installation,
    Licensing, PersonId, PersonKind, Program, Prompted, Resolution, Rule, Seat, Time, World, invitation,
    owners::Owners, program::Invitation, prompts::prompts,
};

/// The decision about one app.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub app: AssetId,
    pub counts: Counts,
    /// Everyone whom a deployment reaches, who holds a licence, or whose device may have the app.
    pub people: BTreeMap<PersonId, PersonVerdict>,
    /// Who waits for a licence, first in line first.
    pub waiting: Vec<Holder>,
    /// Who gets the licences that are free now, first in line first.
    pub next: Vec<Holder>,
}

/// One person and one app.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonVerdict {
    pub person: PersonId,
    /// The strongest of what their devices get, or what is their own whatever devices they have; what their groups say when
    /// there is no device.
    pub resolution: Resolution,
    pub program: Program,
    /// The licence that they have themselves.
    pub seat: Option<Seat>,
    /// Licences of devices of theirs that are away. They go back.
    pub left_over: BTreeMap<DeviceId, Seat>,
    /// Who stands in the line for them, themselves or one of their devices: where several do, one that waits whenever any
    /// of them does.
    pub last: Option<Holder>,
    /// The place of that one, from 1, of [`Decision::waiting`].
    pub place: Option<Place>,
    /// Since when the person has been entitled to the app, if they are.
    pub waiting_since: Option<Time>,
    /// The state that needs attention most among the person's devices.
    pub state: InstallState,
    pub detail: Detail,
    pub devices: BTreeMap<DeviceId, DeviceVerdict>,
    /// Deserves a licence of their own: required, or available and asked for, with a device that can have it and is to have
    /// it with theirs, or where somebody else installs it with a licence of theirs.
    pub wants_seat: bool,
    /// May keep the licence they have themselves.
    pub keeps_seat: bool,
    /// The line of the deployment that keeps licences for them: they draw on these, and so do their devices.
    pub kept_by: Option<DeploymentId>,
}

impl PersonVerdict {
    /// Their own licence goes back: it is not due any more, and Apple has not confirmed its return.
    pub fn is_to_return(&self, app: &Asset) -> bool {
        is_to_return(app, self.seat, self.keeps_seat)
    }

    /// Every licence that they have themselves, or a device of theirs.
    pub fn seats(&self) -> impl Iterator<Item = Seat> {
        let devices = self.devices.values().filter_map(|device| device.seat);
        self.seat
            .into_iter()
            .chain(devices)
            .chain(self.left_over.values().copied())
    }

    /// How many devices of theirs have a licence of their own.
    pub fn device_licences(&self) -> u64 {
        (self.seats().count() - usize::from(self.seat.is_some())) as u64
    }

    /// How many of all those go back.
    pub fn to_return(&self, app: &Asset) -> u64 {
        let devices: BTreeSet<DeviceId> = self.devices.keys().chain(self.left_over.keys()).copied().collect();
        let of_devices = devices.into_iter().filter(|device| self.is_to_return_of(app, *device));
        u64::from(self.is_to_return(app)) + of_devices.count() as u64
    }

    /// The own licence of a device of theirs goes back, in the same way.
    pub fn is_to_return_of(&self, app: &Asset, device: DeviceId) -> bool {
        let left_over = self.left_over.get(&device);
        is_to_return(app, left_over.copied(), false)
            || self.devices.get(&device).is_some_and(|device| device.is_to_return(app))
    }
}

fn is_to_return(app: &Asset, seat: Option<Seat>, keeps: bool) -> bool {
    app.revocable && (matches!(seat, Some(Seat::Returning { .. })) || (seat.is_some() && !keeps))
}

/// One device and one app.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct DeviceVerdict {
    pub device: DeviceId,
    pub resolution: Resolution,
    /// The device could have the app: enrolled, right platform and system, permitted by the policy.
    pub eligible: bool,
    /// The app shall be on it: required, or available and asked for. Whoever installs it.
    pub wants: bool,
    /// With whose licence.
    pub licensing: Licensing,
    /// The licence that the device has itself.
    pub seat: Option<Seat>,
    /// May keep the licence it has itself.
    pub keeps_seat: bool,
    /// Place in the line of whoever brings the licence.
    pub place: Option<Place>,
    pub state: InstallState,
    pub detail: Detail,
}

impl DeviceVerdict {
    /// Who brings the licence, where `owner` has the device.
    pub fn holder(&self, owner: PersonId) -> Holder {
        match self.licensing.kind {
            HolderKind::User => Holder::Person(owner),
            HolderKind::Device => Holder::Device(self.device),
        }
    }

    /// The device's own licence goes back: it is not due any more, and Apple has not confirmed its return.
    pub fn is_to_return(&self, app: &Asset) -> bool {
        is_to_return(app, self.seat, self.keeps_seat)
    }

    /// The app has something to do with the device: a deployment reaches it, or the app is there.
    ///
    /// A decision also covers the other devices of a person whom a device group reaches through one of them.
    pub fn concerns(&self) -> bool {
        self.resolution.rule != Rule::NoDeployment
            || self.seat.is_some()
            || (self.state, self.detail) != (InstallState::NotInstalled, Detail::NoAdditionalDetails)
    }

    /// Whether asking to try again changes anything: the app shall be there, and its person turned it down, removed it,
    /// or the device could not install it; or it has an older version.
    pub fn may_be_tried_again(&self) -> bool {
        if self.resolution.is_external() {
            return false;
        }
        self.detail == Detail::VppAppHasUpdateAvailable
            || self.wants
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
pub fn decide(world: &World, app: &Asset) -> Decision {
    decide_among(world, &Owners::of(world), app)
}

/// As [`decide`], for whoever decides about many apps of one world.
pub(crate) fn decide_among(world: &World, owners: &Owners<'_>, app: &Asset) -> Decision {
    let claims: BTreeMap<PersonId, Claim<'_>> = concerned(world, app)
        .into_iter()
        .map(|person| (person, Claim::of(world, owners, app, person)))
        .collect();
    let mut counts = Counts::of(app.owned, app.foreign, app.seats.values().copied());
    let wishes = claims
        .values()
        .flat_map(|claim| claim.wishes.iter().map(|(holder, wish)| (*holder, *wish)));
    let mut out: BTreeMap<DeploymentId, u64> = BTreeMap::new();
    for claim in claims.values() {
        if let Some(line) = claim.kept_by {
            *out.entry(line).or_default() += claim.seats_that_stay();
        }
    }
    let unmet = Unmet::of(&keeping(&world.policy, &app.deployments), &out);
    counts.kept = counts.free.map_or(0, |free| free.min(unmet.total()));
    let line = Line::of(wishes, counts.free, unmet);
    counts.waiting = line.waiting.len() as u64;

    let places: BTreeMap<Holder, Place> = line.waiting.iter().copied().zip((1..).map(Place::At)).collect();
    let place = |holder| places.get(&holder).copied();
    let said = |(person, claim): (PersonId, Claim<'_>)| (person, verdict::of(world, app, &claim, place));
    let people = claims.into_iter().map(said).collect();
    Decision {
        app: app.id,
        counts,
        people,
        waiting: line.waiting,
        next: line.next,
    }
}

/// Everyone whom a deployment reaches, who holds a licence, or whose device may have the app.
fn concerned(world: &World, app: &Asset) -> BTreeSet<PersonId> {
    let owner = |device: &DeviceId| world.owner(Holder::Device(*device));
    let mut people: BTreeSet<PersonId> = app.seats.keys().filter_map(|holder| world.owner(*holder)).collect();
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

/// What [`decide`] says of one person, for whoever knows where they stand in the line. `world` may hold this person only, with
/// whatever reaches them. `None` when nothing is to be said of them.
///
/// `places` are those of the person and of their devices among those who wait for a licence, as [`Stock::place`] tells them.
pub fn decide_one(
    world: &World,
    app: &Asset,
    person: PersonId,
    places: impl Fn(Holder) -> Option<Place>,
) -> Option<PersonVerdict> {
    let owners = Owners::of(world);
    concerned(world, app).contains(&person).then(|| {
        let claim = Claim::of(world, &owners, app, person);
        // Who has a licence by now, or wants none, stands in no line.
        let waits = |holder| places(holder).filter(|_| claim.wishes.contains_key(&holder));
        verdict::of(world, app, &claim, waits)
    })
}

/// A person and an app, as far as it follows from the person's own facts: who else waits says only whether a licence is
/// left.
pub(crate) struct Alone {
    /// What is said while licences are left.
    pub served: PersonVerdict,
    /// What is said while none is; `None` where nobody stands in the line.
    pub waiting: Option<PersonVerdict>,
    /// What brings them into the line, and devices of theirs.
    pub wishes: BTreeMap<Holder, Wish>,
    /// The one of those that waits whenever any of them does.
    pub last: Option<(Holder, Wish)>,
}

/// Everyone whom [`decide`] would speak of, each by themselves.
pub(crate) fn alone(world: &World, owners: &Owners<'_>, app: &Asset) -> impl Iterator<Item = Alone> {
    concerned(world, app).into_iter().map(move |person| {
        let claim = Claim::of(world, owners, app, person);
        let first = |holder| claim.wishes.contains_key(&holder).then_some(Place::At(1));
        Alone {
            served: verdict::of(world, app, &claim, |_| None),
            waiting: (!claim.wishes.is_empty()).then(|| verdict::of(world, app, &claim, first)),
            last: claim.last(),
            wishes: claim.wishes,
        }
    })
}

/// Where one person stands with the app by their own facts: what a preview counts with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// In the line for a licence.
    InLine(Wish),
    /// The licence they have goes back, and they stand in the line again once it is back.
    InLineAgain(Wish),
    /// Has a licence and keeps it, or has the app for which nobody has to have one.
    Has,
    /// Has a licence until whoever is to have one instead has it: the person, or devices of theirs.
    HandsOver,
    /// The licence, or the app, is taken from them.
    Goes,
    /// Shall have the app, and cannot.
    Cannot(Detail),
    /// May ask for the app, and has not.
    MayAsk,
    Nothing,
}

impl Standing {
    /// What brings them into the line now.
    pub fn wish(&self) -> Option<Wish> {
        match self {
            Standing::InLine(wish) => Some(*wish),
            _ => None,
        }
    }
}

/// [`Standing`], and what belongs to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Footing {
    pub standing: Standing,
    /// A licence of theirs comes back: not due any more, or asked back already.
    pub gives_back: bool,
    /// Devices that get the app, have it, or shall have it and cannot.
    pub devices: u32,
    /// Somebody else installs the app, and none of these devices has it from us.
    pub installation: Installation,
    /// The line that keeps licences for them and by which one is out to them that stays so.
    pub out_by: Option<DeploymentId>,
    /// The first of the groups that were asked about whose line carries the result.
    pub by: Option<GroupId>,
    /// What is asked of them, and on their devices, if they get a licence.
    pub prompted: Prompted,
}

impl Footing {
    /// Of whom the app has nothing to do with.
    pub const NONE: Footing = Footing {
        standing: Standing::Nothing,
        gives_back: false,
        devices: 0,
        installation: Installation::Managed,
        out_by: None,
        by: None,
        prompted: Prompted {
            join: 0,
            install: 0,
            apple_id: 0,
        },
    };
}

/// Where each of these people stands, whether or not anything reaches them, and those of their devices that have or are to
/// have a licence of their own. `about` are the groups that are asked about.
pub(crate) fn stands(
    world: &World,
    owners: &Owners<'_>,
    app: &Asset,
    about: &[GroupId],
) -> Vec<(PersonId, BTreeMap<Holder, Footing>)> {
    let stand = |person: &PersonId| {
        let claim = Claim::of(world, owners, app, *person);
        let stand = Stands {
            world,
            app,
            claim: &claim,
            about,
        };
        (*person, stand.all())
    };
    world.people.keys().map(stand).collect()
}

struct Stands<'a> {
    world: &'a World,
    app: &'a Asset,
    claim: &'a Claim<'a>,
    about: &'a [GroupId],
}

impl Stands<'_> {
    fn all(&self) -> BTreeMap<Holder, Footing> {
        let claim = self.claim;
        let person = || (Holder::Person(claim.person.id), self.of_person());
        let mut all: BTreeMap<Holder, Footing> = match claim.person.kind {
            PersonKind::Person => BTreeMap::from([person()]),
            PersonKind::Device => BTreeMap::new(),
        };
        let own = |device: &&DeviceClaim<'_>| device.licensing.kind == HolderKind::Device || device.seat.is_some();
        let devices = claim.devices.iter().filter(own);
        all.extend(devices.map(|device| (Holder::Device(device.device.id), self.of_device(device))));
        all.extend(claim.left_over.iter().map(|(device, seat)| {
            let goes = Footing {
                standing: Standing::Goes,
                gives_back: is_to_return(self.app, Some(*seat), false),
                ..Footing::NONE
            };
            (Holder::Device(*device), goes)
        }));
        all
    }

    /// The person, and the devices that have the app with the person's licence, or are to have it so.
    fn of_person(&self) -> Footing {
        let (world, app, claim) = (self.world, self.app, self.claim);
        let devices = || {
            claim
                .devices
                .iter()
                .filter(|device| device.licensing.kind == HolderKind::User)
        };
        let returning = matches!(claim.seat, Some(Seat::Returning { .. }));
        let mut on = devices().filter(|device| device.may_be_there());
        let standing = if let Some(wish) = claim.wishes.get(&Holder::Person(claim.person.id)) {
            Standing::InLine(*wish)
        } else if returning
            && app.revocable
            && let Some(wish) = claim.wish_once_returned(world, app)
        {
            Standing::InLineAgain(wish)
        } else if claim.seat.is_some() {
            let of_devices =
                |device: &DeviceClaim<'_>| device.licensing.kind == HolderKind::Device && device.resolution.keeps();
            match claim.keeps_seat {
                _ if returning => Standing::Goes,
                true if !claim.is_kept_for_devices() => Standing::Has,
                _ if claim.devices.iter().any(of_devices) => Standing::HandsOver,
                _ => Standing::Goes,
            }
        } else if on.clone().any(|device| device.resolution.keeps()) {
            Standing::Has
        } else if let Some(device) = devices().find(|device| device.due) {
            Standing::Cannot(device.obstacle.unwrap_or(Detail::NoEligibleDevice))
        } else if let Some(obstacle) = claim.due_without_device(world, app) {
            Standing::Cannot(obstacle)
        } else if on.next().is_some() {
            Standing::Goes
        } else if claim.resolution.available && claim.requested.is_none() {
            Standing::MayAsk
        } else {
            Standing::Nothing
        };
        let counted = match standing {
            Standing::InLine(_) | Standing::InLineAgain(_) => {
                let comes = |device: &&DeviceClaim<'_>| device.wants() && !device.resolution.is_external();
                devices().filter(comes).count()
            }
            Standing::Has | Standing::Goes => devices().filter(|device| device.may_be_there()).count(),
            Standing::Cannot(_) => devices().filter(|device| device.due).count(),
            Standing::HandsOver | Standing::MayAsk | Standing::Nothing => 0,
        };
        Footing {
            standing,
            gives_back: is_to_return(app, claim.seat, claim.keeps_seat),
            devices: u32::try_from(counted).unwrap_or(u32::MAX),
            installation: match claim.own.is_some() || devices().any(|device| device.resolution.is_external()) {
                true if !devices().any(is_ours) => Installation::External,
                _ => Installation::Managed,
            },
            out_by: self.out_by(claim.seat, claim.keeps_seat),
            by: self.by(&claim.resolution),
            prompted: match standing {
                Standing::InLine(_) | Standing::InLineAgain(_) => Prompted {
                    join: u64::from(self.is_to_join()),
                    ..self.prompted_on(devices(), HolderKind::User)
                },
                _ => Prompted::default(),
            },
        }
    }

    /// Nobody has shown them the programme's invitation, and one of their devices can.
    fn is_to_join(&self) -> bool {
        let shown = match self.claim.person.program {
            Program::Associated { .. } => true,
            Program::Registered { invitation } => matches!(invitation, Invitation::Shown { .. }),
            _ => false,
        };
        !shown
            && self
                .claim
                .devices
                .iter()
                .any(|device| invitation::can_show(device.device))
    }

    /// What is asked on those of the devices to which the app comes.
    fn prompted_on<'d>(&self, devices: impl Iterator<Item = &'d DeviceClaim<'d>>, licence: HolderKind) -> Prompted {
        let comes =
            |device: &&DeviceClaim<'_>| device.wants() && !device.resolution.is_external() && !device.may_be_there();
        devices.filter(comes).fold(Prompted::default(), |asked, device| {
            asked.on(prompts(device.device, licence))
        })
    }

    /// A device, as far as a licence of its own goes.
    fn of_device(&self, device: &DeviceClaim<'_>) -> Footing {
        let (world, app) = (self.world, self.app);
        let returning = matches!(device.seat, Some(Seat::Returning { .. }));
        let standing = if let Some(wish) = self.claim.wishes.get(&Holder::Device(device.device.id)) {
            Standing::InLine(*wish)
        } else if returning
            && app.revocable
            && let Some(wish) = device.wish_once_returned(world, app, self.claim.kept_by)
        {
            Standing::InLineAgain(wish)
        } else if device.seat.is_some() {
            match device.licensing.kind {
                _ if returning => Standing::Goes,
                _ if device.resolution.kept && device.keeps_seat => Standing::Has,
                HolderKind::Device if device.keeps_seat => Standing::Has,
                HolderKind::User if device.resolution.keeps() => Standing::HandsOver,
                _ => Standing::Goes,
            }
        } else if device.may_be_there() {
            match device.resolution.keeps() {
                true => Standing::Has,
                false => Standing::Goes,
            }
        } else if device.due {
            Standing::Cannot(device.obstacle.unwrap_or(Detail::NoEligibleDevice))
        } else {
            Standing::Nothing
        };
        let external = device.resolution.is_external();
        let counts = match standing {
            Standing::HandsOver | Standing::MayAsk | Standing::Nothing => false,
            Standing::InLine(_) | Standing::InLineAgain(_) => !external,
            Standing::Has | Standing::Goes | Standing::Cannot(_) => !external || device.may_be_there(),
        };
        Footing {
            standing,
            gives_back: is_to_return(app, device.seat, device.keeps_seat),
            devices: u32::from(counts),
            installation: match external && !is_ours(device) {
                true => Installation::External,
                false => Installation::Managed,
            },
            out_by: self.out_by(device.seat, device.keeps_seat),
            by: self.by(&device.resolution),
            prompted: match standing {
                Standing::InLine(_) | Standing::InLineAgain(_) => {
                    self.prompted_on(std::iter::once(device), HolderKind::Device)
                }
                _ => Prompted::default(),
            },
        }
    }

    fn out_by(&self, seat: Option<Seat>, keeps: bool) -> Option<DeploymentId> {
        let stays = seat.is_some_and(Seat::is_out) && keeps;
        self.claim.kept_by.filter(|_| stays)
    }

    fn by(&self, resolution: &Resolution) -> Option<GroupId> {
        let mut lines = self.app.deployments.iter();
        let line = lines.find(|line| self.about.contains(&line.group) && resolution.by.contains(&line.id));
        line.map(|line| line.group)
    }
}

/// The app is on the device by us, may be, or is to be.
fn is_ours(device: &DeviceClaim<'_>) -> bool {
    device.may_be_there() || (device.resolution.keeps() && !device.resolution.is_external())
}

/// Who gets a licence first: smaller comes first. People of one rank come in the order of their ids.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    pub precedence: Precedence,
    pub only_available: bool,
    /// Since when the person has been entitled to the app.
    pub since: Time,
}

/// What decides first who gets a licence. Whoever was moved up comes before everybody who was not, the earlier moved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Precedence {
    MovedUp(Time),
    /// The priority of the group; more comes first.
    Priority(Reverse<i64>),
}

/// Why it is over that somebody was moved up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MovedUpEnd {
    /// Apple confirmed their licence.
    Served,
    /// They shall not have the app any more: no deployment wants it for them, or they do not.
    NotDue,
}

/// Of whom it is over that they were moved up in the line for the app.
pub(crate) fn moved_up_ends(
    world: &World,
    owners: &Owners<'_>,
    app: &Asset,
) -> impl Iterator<Item = (PersonId, MovedUpEnd)> {
    let here = app.moved_up.keys().filter(|person| world.people.contains_key(person));
    here.filter_map(|person| Some((*person, Claim::of(world, owners, app, *person).moved_up_ends()?)))
}

/// How somebody stands who is in the line for a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stand {
    /// Can use one now.
    Ready,
    /// Apple had none to give when it was asked last, and is not asked again yet. The same holds of the next two.
    OutOfStock,
    /// Apple was in trouble of its own.
    Trouble,
    /// Apple turned this person or this app down.
    Refused,
    /// Has not accepted the programme's terms.
    NotMember,
}

impl Stand {
    /// Apple did not give a licence when it was asked last, and is not asked again yet.
    pub fn is_refused(self) -> bool {
        matches!(self, Stand::OutOfStock | Stand::Trouble | Stand::Refused)
    }
}

/// What brings a person into the line for a licence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wish {
    pub rank: Rank,
    /// The line of the deployment that keeps licences for them, if one does. The same of a person and of their devices.
    pub kept_by: Option<DeploymentId>,
    pub stand: Stand,
}

/// Of those who stand in a line for one person, one that waits whenever any of them does: as the line ends, those wait who are
/// not ready, and then the last.
pub fn last_in_line(wishes: impl IntoIterator<Item = (Holder, Wish)>) -> Option<(Holder, Wish)> {
    let place = |(holder, wish): &(Holder, Wish)| {
        let readiness = match wish.stand {
            Stand::Ready => 0,
            Stand::Trouble | Stand::Refused | Stand::NotMember => 1,
            Stand::OutOfStock => 2,
        };
        (readiness, wish.rank, *holder)
    };
    wishes.into_iter().max_by_key(place)
}

/// A place in a line, from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Place {
    #[serde(rename = "place")]
    At(u64),
    /// Somewhere behind this one: so far was counted.
    #[serde(rename = "placeAfter")]
    After(u64),
}

/// How many there are, as far as somebody counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    Exactly(u64),
    /// So many were found before counting ended.
    AtLeast(u64),
}

impl Default for Counted {
    fn default() -> Counted {
        Counted::Exactly(0)
    }
}

impl Counted {
    /// What a count says that ends at `most`.
    pub fn up_to(most: u64, number: u64) -> Counted {
        match number < most {
            true => Counted::Exactly(number),
            false => Counted::AtLeast(most),
        }
    }

    pub fn at_least(self) -> u64 {
        match self {
            Counted::Exactly(number) | Counted::AtLeast(number) => number,
        }
    }

    pub fn map(self, of: impl FnOnce(u64) -> u64) -> Counted {
        match self {
            Counted::Exactly(number) => Counted::Exactly(of(number)),
            Counted::AtLeast(number) => Counted::AtLeast(of(number)),
        }
    }
}
