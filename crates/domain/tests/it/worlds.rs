//! Small worlds: built by hand for a story, or at random for a property.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{invitation::Ending, program::Invitation, *};
use proptest::{collection, option, prelude::*, sample::select};
use uuid::Uuid;

pub const MINUTE: Duration = Duration::from_secs(60);
pub const DAY: Duration = Duration::from_secs(24 * 3600);
/// Long after the beginning, so that there is a past.
pub const NOW: Time = Time(1_000_000_000_000);

pub fn person(number: usize) -> PersonId {
    PersonId(Uuid::from_u128(0x1000 + number as u128))
}

pub fn device(number: usize) -> DeviceId {
    DeviceId(Uuid::from_u128(0x2000 + number as u128))
}

pub fn group(number: usize) -> GroupId {
    GroupId(Uuid::from_u128(0x3000 + number as u128))
}

pub fn app(number: usize) -> AssetId {
    AssetId(Uuid::from_u128(0x4000 + number as u128))
}

pub fn empty() -> World {
    World {
        now: NOW,
        policy: Policy::default(),
        token: TokenState::Valid,
        people: BTreeMap::new(),
        devices: BTreeMap::new(),
        groups: BTreeMap::new(),
        apps: BTreeMap::new(),
    }
}

/// Somebody who accepted the programme's terms.
pub fn member(number: usize) -> Person {
    Person {
        id: person(number),
        kind: PersonKind::Person,
        program: Program::Associated { since: NOW },
        invited: Vec::new(),
        left: false,
    }
}

/// What stands for a device that belongs to nobody.
pub fn nobody(device: DeviceId) -> Person {
    Person {
        id: PersonId::nobody(device),
        kind: PersonKind::Device,
        program: Program::None,
        invited: Vec::new(),
        left: false,
    }
}

pub fn iphone(number: usize, owner: PersonId) -> Device {
    Device {
        id: device(number),
        person: owner,
        platform: Platform::Ios,
        os_version: vec![17, 5],
        enrolment: Enrolment::Enrolled,
        dep: false,
        has_serial: true,
        shared: false,
        supervised: false,
        ownership: None,
        awaiting_configuration: false,
        asked_configured: false,
        asked_information: false,
        informed_at: Some(NOW),
        asked_apps: false,
        unreachable_since: None,
        heard_at: Some(NOW),
        asked_to_leave: false,
        silent_since: None,
    }
}

pub fn licensed_app(number: usize, owned: u64) -> Asset {
    Asset {
        id: app(number),
        owned: Owned::Count(owned),
        foreign: 0,
        revocable: true,
        device_assignable: true,
        bundle_id: Some(format!("org.example.app{number}")),
        platforms: BTreeSet::from([Platform::Ios]),
        minimum_os: vec![],
        newest: None,
        updates: Updates::Automatic,
        deployments: Vec::new(),
        seats: BTreeMap::new(),
        refusals: BTreeMap::new(),
        requests: BTreeMap::new(),
        moved_up: BTreeMap::new(),
        installs: BTreeMap::new(),
    }
}

pub fn line(app: AssetId, group: &Group, approval: Approval, since: Time) -> Deployment {
    let id = DeploymentId(Uuid::from_u128(app.0.as_u128() << 32 | group.id.0.as_u128()));
    Deployment {
        id,
        app,
        group: group.id,
        kind: group.kind,
        approval,
        deadline: None,
        license_type: LicenseType::User,
        installation: Installation::Managed,
        kept_licenses: 0,
        since,
    }
}

/// Those who are people: a device that belongs to nobody joins nothing, asks for nothing and does not leave.
pub fn people(world: &World) -> Vec<PersonId> {
    let people = world.people.values().filter(|person| person.kind == PersonKind::Person);
    people.map(|person| person.id).collect()
}

/// Whose a licence is, or whose device's.
pub fn owner(world: &World, holder: Holder) -> Option<PersonId> {
    match holder {
        Holder::Person(person) => world.people.get(&person).map(|person| person.id),
        Holder::Device(device) => world.devices.get(&device).map(|device| device.person),
    }
}

/// At most so many of each, so that they meet.
const PEOPLE: usize = 5;
const DEVICES: usize = 7;
const GROUPS: usize = 4;
const APPS: usize = 2;

pub fn any_approval() -> impl Strategy<Value = Approval> {
    select(vec![
        Approval::Required,
        Approval::Available,
        Approval::NotApplicable,
        Approval::Uninstall,
    ])
}

pub fn any_license_type() -> impl Strategy<Value = LicenseType> {
    select(vec![
        LicenseType::User,
        LicenseType::User,
        LicenseType::Device,
        LicenseType::Automatic,
    ])
}

pub fn any_installation() -> impl Strategy<Value = Installation> {
    select(vec![
        Installation::Managed,
        Installation::Managed,
        Installation::External,
    ])
}

/// How many licences a line keeps: mostly none.
pub fn any_kept() -> impl Strategy<Value = u64> {
    select(vec![0, 0, 0, 0, 1, 2, 4])
}

pub fn any_rule_set() -> impl Strategy<Value = RuleSet> {
    select(vec![RuleSet::Y2016, RuleSet::Y2020])
}

pub fn any_reclaim() -> impl Strategy<Value = ReclaimRules> {
    let removed_after = select(vec![None, None, Some(DAY * 3)]);
    (proptest::bool::weighted(0.7), removed_after).prop_map(|(left_all_groups, removed_after)| ReclaimRules {
        left_all_groups,
        removed_after,
    })
}

fn any_time() -> impl Strategy<Value = Time> {
    (0..20i64).prop_map(|days| NOW - DAY * u32::try_from(days).unwrap())
}

/// People, devices, groups and deployments; nothing has been done yet.
pub fn fresh_world() -> impl Strategy<Value = World> {
    let policy = (any::<bool>(), any_rule_set(), any_reclaim());
    let people = collection::vec((select(programs()), proptest::bool::weighted(0.1)), 1..=PEOPLE);
    let devices = collection::vec(any_device(), 0..=DEVICES);
    let groups = collection::vec(any_group(), 1..=GROUPS);
    let apps = collection::vec(any_app(), 1..=APPS);
    (policy, people, devices, groups, apps).prop_map(|(policy, people, devices, groups, apps)| {
        let mut world = empty();
        (world.policy.policy_2016, world.policy.rule_set, world.policy.reclaim) = policy;
        for (number, (program, left)) in people.into_iter().enumerate() {
            world.people.insert(
                person(number),
                Person {
                    id: person(number),
                    kind: PersonKind::Person,
                    invited: invited(program),
                    program,
                    left,
                },
            );
        }
        let people = world.people.len();
        for (number, (owner, facts)) in devices.into_iter().enumerate() {
            // One of them has it, or nobody does.
            let owner = match owner % (people + 1) {
                owner if owner < people => person(owner),
                _ => {
                    let nobody = nobody(device(number));
                    let id = nobody.id;
                    world.people.insert(id, nobody);
                    id
                }
            };
            world.devices.insert(
                device(number),
                Device {
                    id: device(number),
                    person: owner,
                    ..facts
                },
            );
        }
        for (number, (kind, priority, members)) in groups.into_iter().enumerate() {
            let mut made = Group {
                id: group(number),
                kind,
                priority,
                people: BTreeSet::new(),
                devices: BTreeSet::new(),
            };
            match kind {
                GroupKind::User => made.people = members.into_iter().map(person).collect(),
                GroupKind::Device => made.devices = members.into_iter().map(device).collect(),
            }
            world.groups.insert(made.id, made);
        }
        for (number, (facts, lines, requests, moved_up)) in apps.into_iter().enumerate() {
            let mut made = Asset {
                id: app(number),
                ..facts
            };
            for (number, (approval, since, deadline, (license_type, installation, kept_licenses))) in lines {
                let Some(group) = world.groups.get(&group(number)) else {
                    continue;
                };
                let deadline = deadline.filter(|_| approval == Approval::Required);
                made.deployments.push(Deployment {
                    deadline,
                    license_type,
                    installation,
                    kept_licenses,
                    ..line(made.id, group, approval, since)
                });
            }
            made.requests = requests.into_iter().map(|(number, at)| (person(number), at)).collect();
            made.moved_up = moved_up.into_iter().map(|(number, at)| (person(number), at)).collect();
            world.apps.insert(made.id, made);
        }
        world
    })
}

/// A world in the middle of things: seats, refusals and installations in every state.
pub fn any_world() -> impl Strategy<Value = World> {
    let seat = || {
        (0..3, any_time()).prop_map(|(state, since)| match state {
            0 => Seat::Reserved { since },
            1 => Seat::Held { since },
            _ => Seat::Returning { since },
        })
    };
    let seats = (
        collection::btree_map(0..PEOPLE, seat(), 0..=PEOPLE),
        collection::btree_map(0..DEVICES, seat(), 0..3),
    );
    let refusal = || {
        let reasons = vec![RefusalReason::Stock, RefusalReason::Temporary, RefusalReason::Refused];
        (-2..3i64, select(reasons)).prop_map(|(days, reason)| Refusal {
            reason,
            not_before: Time(NOW.ms() + days * 86_400_000),
        })
    };
    let refusals = (
        collection::btree_map(0..PEOPLE, refusal(), 0..4),
        collection::btree_map(0..DEVICES, refusal(), 0..3),
    );
    let installs = collection::btree_map(0..DEVICES, any_install(), 0..=DEVICES);
    let apps = collection::vec((seats, refusals, installs), APPS);
    let token = select(vec![
        TokenState::Valid,
        TokenState::Valid,
        TokenState::ExpiringSoon,
        TokenState::Expired,
    ]);
    (fresh_world(), token, apps).prop_map(|(mut world, token, apps)| {
        world.token = token;
        for (made, (seats, refusals, installs)) in world.apps.values_mut().zip(apps) {
            made.seats = held(&world.devices, seats);
            made.refusals = held(&world.devices, refusals);
            made.installs = installs
                .into_iter()
                .map(|(number, install)| (device(number), install))
                .collect();
        }
        world
    })
}

/// Of people, and of those devices that there are.
fn held<T>(
    devices: &BTreeMap<DeviceId, Device>,
    (people, theirs): (BTreeMap<usize, T>, BTreeMap<usize, T>),
) -> BTreeMap<Holder, T> {
    let people = people.into_iter().map(|(number, it)| (person(number).into(), it));
    let theirs = theirs.into_iter().map(|(number, it)| (device(number), it));
    let theirs = theirs.filter(|(device, _)| devices.contains_key(device));
    people.chain(theirs.map(|(device, it)| (device.into(), it))).collect()
}

fn programs() -> Vec<Program> {
    let associated = Program::Associated { since: NOW };
    vec![
        Program::None,
        Program::Creating,
        Program::Registered {
            invitation: Invitation::None,
        },
        Program::Registered {
            invitation: Invitation::Queued { since: NOW },
        },
        Program::Registered {
            invitation: Invitation::Shown { at: NOW },
        },
        associated,
        associated,
        associated,
        Program::Refused {
            error_number: 9635,
            not_before: NOW,
        },
        Program::Retiring { since: NOW },
        Program::Retired,
    ]
}

/// What led to where somebody is: an invitation on a device that is there no more.
pub fn invited(program: Program) -> Vec<Attempt> {
    let ended = match program {
        Program::Registered {
            invitation: Invitation::Queued { .. },
        } => None,
        Program::Registered {
            invitation: Invitation::Shown { at },
        } => Some((Ending::Shown, at)),
        _ => return Vec::new(),
    };
    vec![Attempt {
        device: device(DEVICES),
        since: NOW,
        ended,
    }]
}

fn any_device() -> impl Strategy<Value = (usize, Device)> {
    let platform = select(vec![
        Platform::Ios,
        Platform::Ios,
        Platform::IpadOs,
        Platform::MacOs,
        Platform::TvOs,
    ]);
    let version = select(vec![vec![], vec![15], vec![17], vec![17, 5]]);
    let enrolled = Enrolment::Enrolled;
    let enrolment = select(vec![
        enrolled,
        enrolled,
        enrolled,
        enrolled,
        Enrolment::Pending,
        Enrolment::Retiring,
        Enrolment::Wiping,
        Enrolment::Removed,
        Enrolment::Gone,
    ]);
    let rarely = || proptest::bool::weighted(0.2);
    (
        0..PEOPLE,
        platform,
        version,
        enrolment,
        (rarely(), rarely(), rarely(), rarely(), rarely(), rarely()),
        (
            rarely(),
            rarely(),
            proptest::bool::weighted(0.1),
            proptest::bool::weighted(0.1),
            (
                any::<bool>(),
                option::of(select(vec![Ownership::Company, Ownership::Personal])),
            ),
        ),
    )
        .prop_map(
            |(
                owner,
                platform,
                os_version,
                enrolment,
                said,
                (asked_to_leave, unheard, shared, nameless, (supervised, ownership)),
            )| {
                let (dep, awaiting, asked, asked_facts, asked_apps, silent) = said;
                let facts = Device {
                    platform,
                    os_version,
                    enrolment,
                    dep,
                    shared,
                    has_serial: !nameless,
                    supervised,
                    ownership,
                    awaiting_configuration: awaiting,
                    asked_configured: asked,
                    asked_information: asked_facts,
                    asked_apps,
                    informed_at: if silent { None } else { Some(NOW) },
                    asked_to_leave: asked_to_leave && enrolment.is_leaving(),
                    silent_since: unheard.then_some(NOW),
                    ..iphone(0, person(0))
                };
                (owner, facts)
            },
        )
}

fn any_group() -> impl Strategy<Value = (GroupKind, i64, BTreeSet<usize>)> {
    let kind = select(vec![GroupKind::User, GroupKind::User, GroupKind::Device]);
    (kind, 0..3i64, collection::btree_set(0..DEVICES, 0..=DEVICES))
}

type AppParts = (
    Asset,
    BTreeMap<usize, (Approval, Time, Option<Time>, (LicenseType, Installation, u64))>,
    BTreeMap<usize, Time>,
    BTreeMap<usize, Time>,
);

fn any_app() -> impl Strategy<Value = AppParts> {
    let owned = prop_oneof![6 => (0..7u64).prop_map(Owned::Count), 1 => Just(Owned::Unlimited)];
    let platforms = select(vec![
        BTreeSet::from([Platform::Ios]),
        BTreeSet::from([Platform::Ios, Platform::MacOs]),
        BTreeSet::from([Platform::MacOs, Platform::TvOs]),
    ]);
    let minimum_os = select(vec![vec![], vec![16], vec![17, 0]]);
    let known = proptest::bool::weighted(0.9);
    let version = || option::of((1..4i64).prop_map(StoreVersion));
    let updates = prop_oneof![
        Just(Updates::Automatic),
        version().prop_map(|released| Updates::ByHand { released }),
    ];
    let facts = (
        owned,
        0..3u64,
        (proptest::bool::weighted(0.9), proptest::bool::weighted(0.8)),
        known,
        platforms,
        (minimum_os, version(), updates),
    )
        .prop_map(
            |(owned, foreign, (revocable, device_assignable), known, platforms, (minimum_os, newest, updates))| {
                let facts = licensed_app(0, 0);
                let bundle_id = facts.bundle_id.clone().filter(|_| known);
                Asset {
                    owned,
                    foreign,
                    revocable,
                    device_assignable,
                    bundle_id,
                    platforms,
                    minimum_os,
                    newest,
                    updates,
                    ..facts
                }
            },
        );
    let deadline = proptest::option::weighted(0.3, (-5..5i64).prop_map(|days| Time(NOW.ms() + days * 86_400_000)));
    let licences = (any_license_type(), any_installation(), any_kept());
    let line = (any_approval(), any_time(), deadline, licences);
    let lines = collection::btree_map(0..GROUPS, line, 0..=GROUPS);
    let requests = collection::btree_map(0..PEOPLE, any_time(), 0..=PEOPLE);
    let moved_up = collection::btree_map(0..PEOPLE, any_time(), 0..3);
    (facts, lines, requests, moved_up)
}

/// One of the words that a device has for an app.
pub fn any_seen() -> impl Strategy<Value = Seen> {
    select(vec![
        Seen::Absent,
        Seen::Installing,
        Seen::AwaitingConsent,
        Seen::AwaitingLogin,
        Seen::Installed,
        Seen::Installed,
        Seen::RemovedByUser,
        Seen::Rejected,
        Seen::Unmanaged,
        Seen::Failed,
        Seen::NeedsRedemption,
        Seen::Unknown,
    ])
}

pub fn any_class() -> impl Strategy<Value = FailureClass> {
    select(vec![
        FailureClass::Retry,
        FailureClass::LicenceNotFound,
        FailureClass::User,
        FailureClass::Permanent,
    ])
}

/// What some commands, answers and lists leave behind.
fn any_install() -> impl Strategy<Value = Install> {
    let kind = select(vec![HolderKind::User, HolderKind::User, HolderKind::Device]);
    let version = option::of((1..4i64).prop_map(StoreVersion));
    let happening = (
        0..6,
        any_class(),
        (option::of(any_seen()), version),
        0..600_000i64,
        kind,
    );
    collection::vec(happening, 0..8).prop_map(|happenings| {
        let mut install = Install::default();
        let mut now = NOW - DAY * 8;
        for (what, class, (seen, version), later_ms, kind) in happenings {
            now = Time(now.ms() + later_ms * 300);
            match (what, install.command) {
                (0, None) => {
                    install.asked_install(kind, now);
                    install.asked_version(version);
                }
                (1, None) => install.asked_remove(now),
                (2, Some(InstallCommand::Install { .. })) => install.accepted(now),
                (2, Some(InstallCommand::Remove { .. })) => install.removed(now),
                (3, Some(_)) => install.failed(class, "Error".to_owned(), now),
                (4, _) => install.dropped(),
                _ => {}
            }
            if let Some(seen) = seen {
                install.listed_version(version.filter(|_| seen == Seen::Installed));
                install.listed(seen, now);
            }
        }
        install
    })
}
