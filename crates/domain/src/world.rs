//! Everything that a decision may look at.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Serialize};

use crate::{
    AssetId, Attempt, Deployment, DeviceId, GroupId, GroupKind, Holder, Install, Owned, Ownership, PersonId, Program,
    ReclaimRules, Refusal, RuleSet, Seat, StoreVersion, TakeBackLimits, Time, TokenState, Updates,
};

/// What is known at one instant about one location, its apps, the people and their devices.
#[derive(Debug, Clone, PartialEq)]
pub struct World {
    pub now: Time,
    pub policy: Policy,
    pub token: TokenState,
    pub people: BTreeMap<PersonId, Person>,
    pub devices: BTreeMap<DeviceId, Device>,
    pub groups: BTreeMap<GroupId, Group>,
    pub apps: BTreeMap<AssetId, Asset>,
}

/// The switches of an installation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Policy {
    /// The 2016 system's manners: DEP-enrolled devices are not eligible (A10), no licence means failed (A11).
    pub policy_2016: bool,
    pub rule_set: RuleSet,
    /// How long a device's word on what is installed is good for; a required app that
    /// the person removed comes back after it (A29, A48).
    pub inventory_every: Duration,
    /// How long after an acknowledgement the device is asked for proof the first time; doubles each time.
    pub first_check_after: Duration,
    /// How long to wait after the first failed attempt; doubles each time.
    pub retry_after: Duration,
    /// How long a device has to show the invitation to the programme before the person's next one is asked.
    pub invite_next_after: Duration,
    /// Profiles ask for the right to erase the device. For enrolments from now on: it can never be added later.
    pub wiping: bool,
    /// A device that was not heard for so long counts as gone until it is heard again; `None`: never.
    pub silent_after: Option<Duration>,
    pub take_back: TakeBackLimits,
    pub reclaim: ReclaimRules,
}

impl Default for Policy {
    fn default() -> Self {
        Policy {
            policy_2016: false,
            rule_set: RuleSet::default(),
            inventory_every: Duration::from_secs(7 * 24 * 3600),
            first_check_after: Duration::from_secs(20),
            retry_after: Duration::from_secs(60),
            invite_next_after: Duration::from_secs(3600),
            wiping: false,
            silent_after: None,
            take_back: TakeBackLimits::default(),
            reclaim: ReclaimRules::default(),
        }
    }
}

impl World {
    /// The person, or who has the device.
    pub fn owner(&self, holder: Holder) -> Option<PersonId> {
        match holder {
            Holder::Person(person) => Some(person),
            Holder::Device(device) => self.devices.get(&device).map(|device| device.person),
        }
    }

    /// What stands for a device that belongs to nobody: no person, and nobody at Apple.
    pub fn is_nobody(&self, person: PersonId) -> bool {
        self.people
            .get(&person)
            .is_some_and(|person| person.kind == PersonKind::Device)
    }

    /// The devices of a person, without those that are gone.
    pub fn devices_of(&self, person: PersonId) -> Vec<&Device> {
        let own = |device: &&Device| device.person == person && !device.enrolment.is_over();
        self.devices.values().filter(own).collect()
    }
}

/// Whom something is decided of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum PersonKind {
    #[default]
    Person,
    /// Nobody: a device that belongs to nobody, under its own id. It is decided as people are, so that all that is kept of them
    /// is kept of it; but it is in no group of people, asks for nothing, and Apple hears of the device only.
    Device,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    pub id: PersonId,
    pub kind: PersonKind,
    pub program: Program,
    /// The invitations to the programme since the person was last invited anew, the earliest first.
    pub invited: Vec<Attempt>,
    /// Left the organisation: nothing is wanted for them any more.
    pub left: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Platform {
    #[serde(rename = "iOS")]
    Ios,
    #[serde(rename = "iPadOS")]
    IpadOs,
    #[serde(rename = "macOS")]
    MacOs,
    #[serde(rename = "tvOS")]
    TvOs,
}

/// A device that has not been heard for so long may be lost.
pub const QUIET_AFTER: Duration = Duration::from_secs(7 * 24 * 3600);

/// How a device is with us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Enrolment {
    /// Authenticated, no push token yet.
    Pending,
    Enrolled,
    /// To leave: its apps are removed, then its management profile. Not gone yet.
    Retiring,
    /// Told to erase itself. Not answered yet.
    Wiping,
    /// Removed its profile because it was told to.
    Retired,
    /// Erased itself because it was told to.
    Wiped,
    /// Taken out on somebody's word, without its own: lost, or broken.
    Removed,
    /// Left by itself: the person removed the profile.
    Gone,
}

impl Enrolment {
    /// Told to leave, and not known to have gone.
    pub fn is_leaving(self) -> bool {
        matches!(self, Enrolment::Retiring | Enrolment::Wiping)
    }

    /// Not with us any more: what we installed there went with the profile, or counts as gone.
    pub fn is_over(self) -> bool {
        matches!(
            self,
            Enrolment::Retired | Enrolment::Wiped | Enrolment::Removed | Enrolment::Gone
        )
    }

    /// Licences go back on account of a device that is with us so: told to leave, gone, or counting as gone since
    /// `silent_since`.
    pub fn gives_back(self, silent_since: Option<Time>) -> bool {
        self.is_leaving() || self.is_over() || silent_since.is_some()
    }

    /// It was not heard for so long that it may be lost. Whoever is leaving or gone is not expected to say anything.
    pub fn is_quiet(self, heard_at: Option<Time>, now: Time) -> bool {
        self == Enrolment::Enrolled && heard_at.is_none_or(|heard| now.since(heard) > QUIET_AFTER)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    pub id: DeviceId,
    /// Who has it; [`PersonId::nobody`] of one that belongs to nobody.
    pub person: PersonId,
    pub platform: Platform,
    /// `17.5` as `[17, 5]`; empty when the device has not said.
    pub os_version: Vec<u32>,
    pub enrolment: Enrolment,
    /// Enrolled through the Device Enrollment Program (A10).
    pub dep: bool,
    /// It has told its serial number, to which Apple binds a licence of the device.
    pub has_serial: bool,
    /// Several people sign in to it: a Shared iPad.
    pub shared: bool,
    /// The company has the last word on it. Nothing is decided by that, nor by whose it is: it says what is asked on the device
    /// ([`prompts`](crate::prompts)).
    pub supervised: bool,
    /// Whose it is, as somebody said.
    pub ownership: Option<Ownership>,
    /// Stands in Setup Assistant and waits to be released.
    pub awaiting_configuration: bool,
    /// `DeviceConfigured` or `DeviceInformation` is on its way.
    pub asked_configured: bool,
    pub asked_information: bool,
    /// When the device last told what it is; `None` before the first answer.
    pub informed_at: Option<Time>,
    /// A `ManagedApplicationList` is on its way.
    pub asked_apps: bool,
    /// Since when it cannot be woken: Apple does not know its push token any more, or does not take pushes.
    pub unreachable_since: Option<Time>,
    /// When it last said anything.
    pub heard_at: Option<Time>,
    /// `RemoveProfile` or `EraseDevice` is on its way.
    pub asked_to_leave: bool,
    /// Since when it counts as gone, because it was not heard for too long. Ends when it is heard.
    pub silent_since: Option<Time>,
}

impl Device {
    /// Who has it; `None` of one that belongs to nobody.
    pub fn owner(&self) -> Option<PersonId> {
        self.person.unless_nobody(self.id)
    }

    /// Apps are managed on it.
    pub fn is_enrolled(&self) -> bool {
        self.enrolment == Enrolment::Enrolled && self.silent_since.is_none()
    }

    /// Its apps are taken from it, and then its management profile.
    pub fn is_retiring(&self) -> bool {
        self.enrolment == Enrolment::Retiring && self.silent_since.is_none()
    }

    /// Not with us any more, or not heard for too long: what is on it keeps no licence.
    pub fn is_away(&self) -> bool {
        self.enrolment.is_over() || self.silent_since.is_some()
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    pub id: GroupId,
    pub kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    pub priority: i64,
    /// People of a user group; empty for a device group.
    pub people: BTreeSet<PersonId>,
    /// Devices of a device group; empty for a user group.
    pub devices: BTreeSet<DeviceId>,
}

impl Group {
    /// The same group, of those of its members only whom `world` knows.
    pub(crate) fn among(&self, world: &World) -> Group {
        let people = world.people.keys().copied();
        let devices = world.devices.keys().copied();
        Group {
            people: people.filter(|person| self.people.contains(person)).collect(),
            devices: devices.filter(|device| self.devices.contains(device)).collect(),
            ..*self
        }
    }
}

/// One volume-purchased app and what is known of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Asset {
    pub id: AssetId,
    pub owned: Owned,
    /// Licences held by what another server made; computed by whoever read Apple's list.
    pub foreign: u64,
    pub revocable: bool,
    /// Apple permits licences of devices for it: `deviceAssignable`.
    pub device_assignable: bool,
    /// Without it nothing can be proved, so nobody gets a licence and nothing is installed.
    pub bundle_id: Option<String>,
    /// Apple's `supportedPlatforms`; iPadOS counts as iOS there.
    pub platforms: BTreeSet<Platform>,
    pub minimum_os: Vec<u32>,
    /// The version that the store has; `None` where it did not say.
    pub newest: Option<StoreVersion>,
    pub updates: Updates,
    pub deployments: Vec<Deployment>,
    pub seats: BTreeMap<Holder, Seat>,
    /// To whom Apple refused a licence, or its return, and when to ask again.
    pub refusals: BTreeMap<Holder, Refusal>,
    /// People who asked for an available app, and when.
    pub requests: BTreeMap<PersonId, Time>,
    /// People whom somebody moved up in the line for its licences, and when. [`Each`](crate::Each) says when that is over.
    pub moved_up: BTreeMap<PersonId, Time>,
    pub installs: BTreeMap<DeviceId, Install>,
}
