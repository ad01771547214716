//! Promises that hold in every world.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    conflict::{Intent, resolve},
    program::Invitation,
    *,
};
use proptest::{collection, prelude::*};
use uuid::Uuid;

use crate::{
    each::unmet,
    reality::{Reality, happening},
    worlds::*,
};

/// Licences of an app that are ours, on their way, or another server's.
fn out(app: &Asset) -> u64 {
    app.seats.len() as u64 + app.foreign
}

fn owned(app: &Asset) -> u64 {
    match app.owned {
        Owned::Count(owned) => owned,
        Owned::Unlimited => u64::MAX,
    }
}

fn is_member(person: &Person) -> bool {
    matches!(person.program, Program::Associated { .. })
}

/// Said once more, on purpose, in other words than the decision's.
fn can_have(world: &World, app: &Asset, device: &Device) -> bool {
    let with_us = device.enrolment == Enrolment::Enrolled && device.silent_since.is_none();
    with_us && runs(world, app, device) && app.bundle_id.is_some()
}

/// Whether the device could have it by somebody else: a licence of a person is theirs while the device is not about to go, and
/// nobody here has to know how the app is called.
fn can_have_by_others(world: &World, app: &Asset, device: &Device, kind: HolderKind) -> bool {
    let with_us = match kind {
        HolderKind::User => !device.enrolment.is_leaving(),
        HolderKind::Device => device.enrolment == Enrolment::Enrolled && device.silent_since.is_none(),
    };
    with_us && runs(world, app, device)
}

fn runs(world: &World, app: &Asset, device: &Device) -> bool {
    let platform = match device.platform {
        Platform::IpadOs => [Platform::IpadOs, Platform::Ios]
            .iter()
            .any(|platform| app.platforms.contains(platform)),
        platform => app.platforms.contains(&platform),
    };
    let mut version = device.os_version.clone();
    version.resize(version.len().max(app.minimum_os.len()), 0);
    let new_enough = device.os_version.is_empty() || version >= app.minimum_os;
    let permitted = !(world.policy.policy_2016 && device.dep);
    platform && new_enough && permitted
}

/// Whether all that makes the app due on the device leaves it to somebody else to install, of the lines that the decision is
/// carried by; where nothing makes it due, all that permit it.
fn is_left_to_others(world: &World, app: &Asset, person: PersonId, resolution: &Resolution) -> bool {
    let carries = |line: &&Deployment| resolution.by.contains(&line.id);
    let says = |line: &&Deployment, approval| line.approval_at(world.now) == approval;
    let asked = app.requests.contains_key(&person);
    let required = app
        .deployments
        .iter()
        .filter(carries)
        .filter(|line| says(line, Approval::Required));
    let available = app
        .deployments
        .iter()
        .filter(carries)
        .filter(|line| says(line, Approval::Available));
    let (required, available): (Vec<_>, Vec<_>) = (required.collect(), available.collect());
    let mut deciding = required.clone();
    if asked || required.is_empty() {
        deciding.extend(available);
    }
    let managed = |line: &&Deployment| line.installation == Installation::Managed;
    !world.policy.policy_2016 && !deciding.is_empty() && !deciding.iter().any(managed)
}

/// The person has the licence for what somebody else installs, whatever devices there are: said by their groups of people.
pub fn is_their_own(world: &World, app: &Asset, person: PersonId) -> bool {
    let reaches = |line: &&Deployment| world.groups[&line.group].people.contains(&person);
    let intents: Vec<Intent> = app
        .deployments
        .iter()
        .filter(reaches)
        .map(|line| Intent {
            deployment: line.id,
            kind: line.kind,
            approval: line.approval_at(world.now),
            installation: line.installation,
        })
        .collect();
    let resolution = resolve(world.policy.rule_set, &intents);
    let mut types = app.deployments.iter().filter(|line| resolution.by.contains(&line.id));
    let of_devices = |line: &Deployment| match line.license_type {
        LicenseType::User => false,
        LicenseType::Automatic => app.device_assignable,
        LicenseType::Device => app.device_assignable,
    };
    let only = types.clone().all(|line| line.license_type == LicenseType::Device);
    let left = world.people[&person].left;
    !left && is_left_to_others(world, app, person, &resolution) && !only && !types.any(of_devices)
}

/// Whether it is to have a licence of its own that Apple does not permit: several people sign in to it, or all that reach it
/// and say what is done ask for such a licence.
fn cannot_be_licensed(world: &World, app: &Asset, device: &DeviceVerdict) -> bool {
    let carries = |line: &&Deployment| device.resolution.by.contains(&line.id);
    let mut lines = app.deployments.iter().filter(carries).peekable();
    let shared = world.devices[&device.device].shared;
    let reached = lines.peek().is_some();
    if world.devices[&device.device].owner().is_none() {
        // It gets none but its own, and only where a line gives such licences.
        let of_people = lines.all(|line| line.license_type == LicenseType::User);
        let needs_user = reached && (world.policy.policy_2016 || (of_people && !shared));
        return !app.device_assignable || needs_user;
    }
    let only = reached && lines.all(|line| line.license_type == LicenseType::Device);
    !app.device_assignable && !world.policy.policy_2016 && (shared || only)
}

/// The app may be there, and was not tried to be removed in vain.
fn may_be_removed(install: &Install) -> bool {
    let in_vain = install.failure.as_ref().is_some_and(Failure::is_final) && install.command.is_none();
    install.may_be_there() && !in_vain
}

/// Whether the app may stay on the device. Said once more, on purpose, in other words than the decision's (A33-A39): it
/// stays wherever groups of devices install it, and wherever groups of people do, unless, by the rules of 2016, groups of
/// devices exclude it and no group of people offers it.
///
/// Groups of one kind install it when none of them excludes it, and one requires it, or offers it while none of them
/// uninstalls it (in 2016 also while one does).
fn may_stay(world: &World, app: &Asset, device: &Device) -> bool {
    let said_by = |kind: GroupKind| -> BTreeSet<Approval> {
        let reaches = |line: &&Deployment| {
            let group = &world.groups[&line.group];
            group.kind == kind && (group.people.contains(&device.person) || group.devices.contains(&device.id))
        };
        let lines = app.deployments.iter().filter(reaches);
        lines.map(|line| line.approval_at(world.now)).collect()
    };
    let in_2016 = world.policy.rule_set == RuleSet::Y2016;
    let excludes = |said: &BTreeSet<Approval>| said.contains(&Approval::NotApplicable);
    let offers = |said: &BTreeSet<Approval>| {
        said.contains(&Approval::Available) && (in_2016 || !said.contains(&Approval::Uninstall))
    };
    let installs = |said: &BTreeSet<Approval>| !excludes(said) && (said.contains(&Approval::Required) || offers(said));

    let (people, devices) = (said_by(GroupKind::User), said_by(GroupKind::Device));
    let overruled = in_2016 && excludes(&devices) && !offers(&people);
    let said = installs(&devices) || (installs(&people) && !overruled);
    // Who is in no group with a deployment any more keeps what is there, where the rule is off.
    let kept = !world.policy.reclaim.left_all_groups && people.is_empty() && devices.is_empty();
    !world.people[&device.person].left && (said || kept)
}

/// From where apps are removed now: from every device that can be told, may have the app, and may not keep it; unless
/// somebody waits for its word already.
fn removals(world: &World) -> BTreeSet<Step> {
    let mut removals = BTreeSet::new();
    for app in world.apps.values().filter(|app| app.bundle_id.is_some()) {
        for (id, install) in &app.installs {
            let Some(device) = world.devices.get(id) else { continue };
            let can_be_told = (device.is_enrolled() || device.is_retiring()) && !device.awaiting_configuration;
            let waits = install.command.is_some()
                || install.is_removal_unproven()
                || install.next_try(&world.policy).is_some_and(|at| at > world.now);
            if can_be_told
                && !waits
                && install.may_be_there()
                && (device.is_retiring() || !may_stay(world, app, device))
            {
                removals.insert(Step::Remove {
                    app: app.id,
                    device: *id,
                });
            }
        }
    }
    removals
}

fn is_removal(step: &Step) -> bool {
    matches!(step, Step::Remove { .. })
}

/// Something is bound to the person's client user: a licence that can come back, or one of which Apple is asked.
fn is_bound(world: &World, person: PersonId) -> bool {
    let seat = |app: &Asset| match app.seats.get(&person.into()) {
        Some(Seat::Held { .. }) => app.revocable,
        Some(Seat::Reserved { .. } | Seat::Returning { .. }) => true,
        None => false,
    };
    world.apps.values().any(seat)
}

/// What may be on a device is there with another licence than this holder's, which works.
fn runs_without(world: &World, app: &Asset, device: &Device, holder: Holder) -> bool {
    let install = &app.installs[&device.id];
    let being_told = matches!(install.command, Some(InstallCommand::Install { .. }));
    let held = |holder: Holder| app.seats.get(&holder).is_some_and(|seat| seat.is_held());
    let works = match holder {
        Holder::Person(_) => install.with == HolderKind::Device && held(device.id.into()),
        Holder::Device(_) => {
            let member = is_member(&world.people[&device.person]);
            install.with == HolderKind::User && held(device.person.into()) && member
        }
    };
    works && !being_told
}

/// What may be said of any plan in any world.
fn is_sound(world: &World, plan: &Plan) -> Result<(), TestCaseError> {
    let mut gains: BTreeMap<AssetId, u64> = BTreeMap::new();
    for step in &plan.steps {
        match step {
            Step::Associate { app, holder } => {
                let app = &world.apps[app];
                prop_assert!(world.token.usable());
                prop_assert!(!app.seats.contains_key(holder), "one licence for one holder");
                let person = &world.people[&owner(world, *holder).unwrap()];
                prop_assert!(!person.left);
                match holder {
                    Holder::Person(_) => prop_assert!(is_member(person) && person.kind == PersonKind::Person),
                    Holder::Device(device) => {
                        prop_assert!(app.device_assignable && !world.policy.policy_2016);
                        prop_assert!(
                            world.devices[device].is_enrolled(),
                            "nothing is given to what is not here"
                        );
                    }
                }
                *gains.entry(app.id).or_default() += 1;
            }
            Step::Disassociate { app, holder } => {
                let app = &world.apps[app];
                prop_assert!(world.token.usable());
                prop_assert!(app.revocable, "what cannot be taken back is never asked back");
                prop_assert!(app.seats[holder].is_held());
                for device in world.devices.values().filter(|device| !device.is_away()) {
                    if *holder != Holder::Person(device.person) && *holder != Holder::Device(device.id) {
                        continue;
                    }
                    let there = app.installs.get(&device.id).is_some_and(Install::may_be_there);
                    prop_assert!(
                        !there || runs_without(world, app, device, *holder),
                        "the app may still be on {device:?}"
                    );
                }
            }
            Step::Install { app, device, with } => {
                let (app, device) = (&world.apps[app], &world.devices[device]);
                let person = &world.people[&device.person];
                let (holder, works) = match with {
                    HolderKind::User => (Holder::Person(person.id), is_member(person) && !device.shared),
                    HolderKind::Device => (Holder::Device(device.id), app.device_assignable),
                };
                prop_assert!(app.seats.get(&holder).is_some_and(|seat| seat.is_held()));
                prop_assert!(works || world.policy.policy_2016);
                prop_assert!(can_have(world, app, device) && !device.awaiting_configuration);
                let decision = decide(world, app);
                let resolution = &decision.people[&person.id].devices[&device.id].resolution;
                prop_assert!(
                    !is_left_to_others(world, app, person.id, resolution),
                    "what somebody else installs is never told to a device"
                );
                prop_assert!(app.bundle_id.is_some() && !person.left);
                let install = app.installs.get(&device.id).cloned().unwrap_or_default();
                let update = Update::of(&world.policy, app, &install, resolution, person.id);
                let there = install.is_proven() && install.with == *with && update != Some(Update::Due);
                prop_assert!(install.command.is_none() && !there);
            }
            // By `removals`, all together.
            Step::Remove { .. } => {}
            Step::CreateUser { person } => {
                prop_assert_eq!(
                    world.people[person].kind,
                    PersonKind::Person,
                    "nobody is not made known"
                );
                let program = world.people[person].program;
                let refused_before = matches!(program, Program::Refused { not_before, .. } if not_before <= world.now);
                let for_good = program == Program::Retired && !is_bound(world, *person);
                prop_assert!(world.token.usable() && (program == Program::None || refused_before || for_good));
                prop_assert!(!world.people[person].left, "whoever left is not made known anew");
            }
            Step::RetireUser { person } => {
                let facts = &world.people[person];
                prop_assert_eq!(facts.kind, PersonKind::Person);
                prop_assert!(world.token.usable() && facts.left);
                prop_assert!(
                    facts.program.is_active(),
                    "Apple is asked once, and of nobody it does not have"
                );
                prop_assert!(!is_bound(world, *person), "a licence would be lost, or given to nobody");
            }
            Step::Invite { person, device } => {
                prop_assert_eq!(world.people[person].kind, PersonKind::Person, "nobody is not invited");
                prop_assert!(!world.people[person].left);
                let device = &world.devices[device];
                prop_assert!(world.token.usable() && device.person == *person && invitation::can_show(device));
                let shown = Program::Registered {
                    invitation: Invitation::Shown { at: NOW },
                };
                prop_assert_ne!(world.people[person].program, shown, "everybody is invited once");
            }
            Step::Release { device } => prop_assert!(world.devices[device].is_enrolled()),
            Step::AskInformation { device } => {
                let device = &world.devices[device];
                let called = device.silent_since.is_some() && !device.enrolment.is_over();
                prop_assert!(device.is_enrolled() || called);
            }
            Step::AskApps { device } => {
                let device = &world.devices[device];
                prop_assert!(device.is_enrolled() || device.is_retiring());
            }
            Step::Unenrol { device } => {
                let device = &world.devices[device];
                prop_assert!(device.is_retiring() && !device.asked_to_leave);
                let there =
                    |app: &Asset| app.bundle_id.is_some() && app.installs.get(&device.id).is_some_and(may_be_removed);
                prop_assert!(
                    device.awaiting_configuration || !world.apps.values().any(there),
                    "the profile goes before the apps"
                );
            }
        }
    }
    let removed: BTreeSet<Step> = plan.steps.iter().copied().filter(is_removal).collect();
    prop_assert_eq!(
        removed,
        removals(world),
        "an app goes from where it is not wanted, and from nowhere else"
    );
    for (app, gained) in gains {
        let app = &world.apps[&app];
        prop_assert!(out(app) + gained <= owned(app), "more than is owned");
    }
    let distinct: BTreeSet<&Step> = plan.steps.iter().collect();
    prop_assert_eq!(distinct.len(), plan.steps.len(), "nothing is done twice");
    Ok(())
}

/// What may be said of any decision in any world.
fn is_truthful(world: &World, app: &Asset) -> Result<(), TestCaseError> {
    let decision = decide(world, app);
    let counts = decision.counts;
    if let (Owned::Count(owned), Some(free)) = (counts.owned, counts.free) {
        let sum = counts.used + counts.on_the_way + counts.foreign + free;
        prop_assert_eq!(sum, owned.max(out(app)), "the counts sum up");
        prop_assert!(decision.next.len() as u64 <= free);
    }
    prop_assert_eq!(counts.waiting, decision.waiting.len() as u64);

    let distinct: BTreeSet<Holder> = decision.waiting.iter().copied().collect();
    prop_assert_eq!(distinct.len(), decision.waiting.len(), "one place for one holder");
    let place = |holder: Holder| {
        let before = decision.waiting.iter().position(|waits| *waits == holder)?;
        Some(Place::At(before as u64 + 1))
    };
    let mut waiting = 0;
    for verdict in decision.people.values() {
        let own = place(verdict.person.into());
        if world.is_nobody(verdict.person) {
            prop_assert!(!verdict.wants_seat && own.is_none(), "nobody has no licence");
            let mut devices = verdict.devices.values();
            prop_assert!(devices.all(|device| device.licensing.kind == HolderKind::Device));
        }
        waiting += usize::from(own.is_some());
        prop_assert!(own.is_none() || (verdict.wants_seat && verdict.seat.is_none()));
        prop_assert!(
            !is_their_own(world, app, verdict.person) || verdict.keeps_seat,
            "theirs, whatever devices they have"
        );
        for device in verdict.devices.values() {
            let place = match device.licensing.kind {
                HolderKind::User => own,
                HolderKind::Device => {
                    let place = place(device.device.into());
                    waiting += usize::from(place.is_some());
                    prop_assert!(place.is_none() || (device.wants && device.seat.is_none()));
                    place
                }
            };
            prop_assert_eq!(device.place, place);
        }
        let places = || {
            let devices = verdict.devices.values().filter_map(|device| device.place);
            devices.chain(own)
        };
        prop_assert_eq!(
            verdict.place.is_some(),
            places().next().is_some(),
            "of a person, the place of one of them"
        );
        prop_assert!(verdict.place.is_none_or(|place| places().any(|it| it == place)));
        for device in verdict.devices.values() {
            let install = app.installs.get(&device.device);
            if device.state == InstallState::Installed {
                prop_assert!(
                    install.is_some_and(Install::is_proven),
                    "installed is said by the device alone"
                );
            }
            if device.state == InstallState::Licensed {
                let holder = device.holder(verdict.person);
                prop_assert!(
                    app.seats.get(&holder).is_some_and(|seat| seat.is_held()) && device.resolution.is_external(),
                    "a licence is held, and somebody else installs"
                );
            }
            let external = is_left_to_others(world, app, verdict.person, &device.resolution);
            prop_assert_eq!(device.resolution.is_external(), external);
            let facts = &world.devices[&device.device];
            let can_have = match external {
                true => can_have_by_others(world, app, facts, device.licensing.kind),
                false => can_have(world, app, facts),
            };
            let unknown = device.licensing.kind == HolderKind::Device && !world.devices[&device.device].has_serial;
            let can_be_licensed = !unknown && !cannot_be_licensed(world, app, device);
            prop_assert_eq!(device.eligible, can_have && can_be_licensed);
            prop_assert!(device.eligible || !device.wants);
        }
        let pending = verdict
            .devices
            .values()
            .any(|device| device.detail == Detail::WaitingForLicense);
        prop_assert!(
            !pending || verdict.place.is_some(),
            "whoever waits for a licence has a place"
        );
        prop_assert!(
            !verdict.wants_seat || verdict.keeps_seat,
            "what is wanted is not taken back"
        );
    }
    prop_assert_eq!(waiting, decision.waiting.len(), "nobody else waits");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_plan_overdraws_installs_without_a_licence_or_takes_one_back_too_soon(world in any_world()) {
        is_sound(&world, &plan(&world))?;
    }

    /// Worlds that are in the middle of things, with an app on every device: what goes, and what stays.
    #[test]
    fn an_app_is_removed_from_exactly_where_it_is_not_wanted_any_more(world in any_world()) {
        let mut world = world;
        for app in world.apps.values_mut() {
            for device in world.devices.keys() {
                let install = app.installs.entry(*device).or_default();
                install.asked_install(HolderKind::User, world.now);
                install.accepted(world.now);
                install.listed(Seen::Installed, world.now);
            }
        }
        let removed: BTreeSet<Step> = plan(&world).steps.into_iter().filter(is_removal).collect();
        prop_assert_eq!(removed, removals(&world));
    }

    #[test]
    fn every_decision_adds_up_and_says_installed_on_the_word_of_the_device_alone(world in any_world()) {
        for app in world.apps.values() {
            is_truthful(&world, app)?;
        }
    }

    #[test]
    fn the_same_world_gives_the_same_plan(world in any_world()) {
        prop_assert_eq!(plan(&world), plan(&world.clone()));
    }

    #[test]
    fn a_plan_on_its_way_leaves_nothing_to_plan(world in any_world()) {
        let after = plan(&world).apply(&world);
        prop_assert_eq!(plan(&after).steps, []);
    }

    /// Even in a world that is overdrawn already, nothing makes it worse.
    #[test]
    fn a_plan_on_its_way_leaves_no_more_licences_out_than_are_owned(world in any_world()) {
        let after = plan(&world).apply(&world);
        for (before, after) in world.apps.values().zip(after.apps.values()) {
            prop_assert!(out(after) <= owned(after).max(out(before)));
        }
    }

    #[test]
    fn the_steps_come_in_the_order_in_which_others_wait_for_them(world in any_world()) {
        let order = |step: &Step| match step {
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
        };
        prop_assert!(plan(&world).steps.is_sorted_by_key(order));
    }

    /// Whatever they hold and wait for: what is left to others is told to no device, and what is taken back was never told.
    #[test]
    fn where_somebody_else_installs_devices_are_told_nothing(world in any_world()) {
        let mut world = world;
        world.policy.policy_2016 = false;
        for app in world.apps.values_mut() {
            app.installs.clear();
            for line in &mut app.deployments {
                line.installation = Installation::External;
            }
        }
        let steps = plan(&world).steps;
        let told = |step: &Step| matches!(step, Step::Install { .. } | Step::Remove { .. } | Step::AskApps { .. });
        prop_assert!(!steps.iter().any(told), "{steps:?}");
        // Nothing has to be removed first: what is not due goes back at once.
        for app in world.apps.values().filter(|app| app.revocable && world.token.usable()) {
            for (person, verdict) in decide(&world, app).people {
                let refused = app.refusals.get(&person.into()).is_some_and(|refusal| refusal.holds(world.now));
                let goes = verdict.seat.is_some_and(Seat::is_held) && !verdict.keeps_seat && !refused;
                let step = Step::Disassociate { app: app.id, holder: person.into() };
                prop_assert_eq!(steps.contains(&step), goes, "{:?}", verdict);
            }
        }
    }

    #[test]
    fn a_conflict_is_resolved_whatever_the_order(
        rule_set in any_rule_set(),
        (intents, shuffled) in collection::vec((any::<bool>(), any_approval(), any_installation()), 0..6).prop_flat_map(|lines| {
            let intents: Vec<Intent> = lines.into_iter().enumerate().map(|(number, (user, approval, installation))| Intent {
                deployment: DeploymentId(Uuid::from_u128(number as u128)),
                kind: if user { GroupKind::User } else { GroupKind::Device },
                approval,
                installation,
            }).collect();
            (Just(intents.clone()), Just(intents).prop_shuffle())
        }),
    ) {
        let resolution = resolve(rule_set, &intents);
        prop_assert_eq!(&resolve(rule_set, &shuffled), &resolution);
        prop_assert_eq!(resolution.by.len() + resolution.beat.len(), intents.len(), "every line carries or is beaten");
        prop_assert_eq!(resolution.by.is_empty(), intents.is_empty());
        let said = [resolution.keeps(), resolution.uninstall, resolution.not_applicable];
        prop_assert_eq!(said.iter().filter(|said| **said).count(), usize::from(!intents.is_empty()), "one thing is said");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Apple and the devices answer in any order, late, badly, or not at all, while people come, go and change
    /// their minds. Whatever happens: never more than owned, and no licence leaves while the app is really there.
    #[test]
    fn no_course_of_events_breaks_the_promises_and_all_ends_well(
        world in fresh_world(),
        happenings in collection::vec(happening(), 0..150),
    ) {
        let mut reality = Reality::of(world);
        for happening in &happenings {
            let before = reality.clone();
            let plan = reality.act();
            is_sound(&before.world, &plan)?;
            for app in reality.world.apps.values() {
                is_truthful(&reality.world, app)?;
                let at_apple = reality.ledger.iter().filter(|(asset, _)| *asset == app.id).count() as u64;
                prop_assert!(at_apple + app.foreign <= owned(app).max(app.foreign));
            }
            for step in &plan.steps {
                if let Step::RetireUser { person } = step {
                    let held = |(app, holder): &(AssetId, Holder)| {
                        *holder == Holder::Person(*person) && reality.world.apps[app].revocable
                    };
                    prop_assert!(!reality.ledger.iter().any(held), "Apple still has a licence of {person}");
                }
                let Step::Disassociate { app, holder } = step else { continue };
                let theirs = |device: &&Device| {
                    let whose = [Holder::Person(device.person), Holder::Device(device.id)];
                    whose.contains(holder) && device.silent_since.is_none()
                };
                for device in reality.world.devices.values().filter(theirs) {
                    prop_assert!(
                        !reality.has(device.id, *app) || reality.runs_without(device, *app, *holder),
                        "the app really is on {device:?}"
                    );
                }
            }
            reality.happens(happening);
        }

        // Then everybody answers, and enough time passes for whatever waits its turn.
        reality.settles(40, DAY * 8);
        all_is_well(&reality)?;
    }
}

/// Nothing is left undone that could be done.
fn all_is_well(reality: &Reality) -> Result<(), TestCaseError> {
    for device in reality.world.devices.values() {
        prop_assert!(!device.is_retiring(), "told to retire, and still here: {:?}", device);
    }
    for person in reality.world.people.values() {
        let ended = !person.program.is_active() && !matches!(person.program, Program::Retiring { .. });
        prop_assert!(
            !person.left || ended || is_bound(&reality.world, person.id),
            "still at Apple: {person:?}"
        );
    }
    for app in reality.world.apps.values() {
        let decision = decide(&reality.world, app);
        prop_assert_eq!(decision.counts.on_the_way, 0);
        let unmet = unmet(&reality.world, &decide_each(&reality.world), app);
        // What is kept for others is left for nobody else.
        let left = |kept_by: Option<DeploymentId>| {
            let own = kept_by.and_then(|line| unmet.get(&line)).copied().unwrap_or(0);
            let kept: u64 = unmet.values().sum();
            decision
                .counts
                .free
                .map(|free| free.saturating_sub(kept) + own.min(free))
        };
        for (person, verdict) in &decision.people {
            let member = matches!(verdict.program, Program::Associated { .. });
            let licence = verdict.seat.is_some();
            prop_assert_eq!(
                licence,
                reality.ledger.contains(&(app.id, Holder::Person(*person))),
                "we know what Apple knows"
            );
            if verdict.wants_seat && member && !licence {
                prop_assert_eq!(
                    left(verdict.kept_by),
                    Some(0),
                    "a free licence for somebody who waits: {:?}",
                    verdict
                );
            }
            if !verdict.keeps_seat && app.revocable {
                let reachable =
                    |device: &&DeviceId| reality.world.devices[device].is_enrolled() && app.bundle_id.is_some();
                prop_assert!(
                    !licence || !verdict.devices.keys().all(|device| reachable(&device)),
                    "{:?}",
                    verdict
                );
            }
            for (device, said) in &verdict.devices {
                let there = reality.has(*device, app.id);
                let facts = &reality.world.devices[device];
                if !facts.is_enrolled() || app.bundle_id.is_none() {
                    continue;
                }
                prop_assert_eq!(
                    said.state == InstallState::Installed,
                    there,
                    "what is said of {:?}",
                    verdict
                );
                let external = is_left_to_others(&reality.world, app, *person, &said.resolution);
                if said.resolution.required && said.wants && licence && member && !external {
                    prop_assert!(there, "required, licensed and not there: {:?}", verdict);
                }
                prop_assert!(
                    !there || may_stay(&reality.world, app, facts),
                    "not wanted and still there: {:?}",
                    verdict
                );
            }
        }
    }
    Ok(())
}
