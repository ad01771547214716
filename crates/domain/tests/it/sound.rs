//! Every plan passes the look that is taken at it before anything is done; and what must not be done does not.

use std::collections::{BTreeMap, BTreeSet};

use domain::{invitation::Ending, program::Invitation, *};
use proptest::{collection, prelude::*};

use crate::{
    each::{at_any_time, only, unmet},
    reality::{Reality, happening},
    worlds::*,
};

/// What is left of each app, counted of everybody.
fn free(world: &World) -> BTreeMap<AssetId, Left> {
    let each = decide_each(world);
    let free = |app: &Asset| Left {
        free: match app.owned {
            Owned::Unlimited => None,
            Owned::Count(owned) => Some(owned.saturating_sub(app.seats.len() as u64 + app.foreign)),
        },
        kept: unmet(world, &each, app),
    };
    world.apps.values().map(|app| (app.id, free(app))).collect()
}

/// What is decided of people one by one, with the licences that they could be given.
fn each_with_line(world: &World) -> Vec<Step> {
    let each = decide_each(world);
    let mut steps = each.steps;
    if world.token.usable() {
        for ((app, _), pair) in &each.pairs {
            let ready = pair.wishes.iter().filter(|(_, wish)| wish.stand == Stand::Ready);
            steps.extend(ready.map(|(holder, _)| Step::Associate {
                app: *app,
                holder: *holder,
            }));
        }
    }
    steps
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_of_every_world_is_sound(world in at_any_time()) {
        prop_assert_eq!(faults(&world, &free(&world), &plan(&world).steps), []);
    }

    /// As the loop sees them: some people, and nothing of anybody else.
    #[test]
    fn and_so_is_what_is_planned_of_somebody_alone(world in at_any_time()) {
        for person in world.people.keys() {
            let world = only(&world, *person);
            prop_assert_eq!(faults(&world, &BTreeMap::new(), &each_with_line(&world)), []);
        }
    }

    /// More is given than is left, to those who come last.
    #[test]
    fn what_is_not_left_is_given_to_nobody(world in any_world()) {
        let (plan, mut left) = (plan(&world), free(&world));
        // What is kept is looked at below.
        for left in left.values_mut() {
            left.free = left.free.map(|licences| licences.saturating_sub(1));
            left.kept.clear();
        }
        let given = |app: &AssetId| {
            let gives = |step: &&Step| matches!(step, Step::Associate { app: of, .. } if of == app);
            plan.steps.iter().filter(gives).collect::<Vec<_>>()
        };
        let mut too_many = BTreeSet::new();
        for (app, licences) in &left {
            let most = licences.free.map_or(usize::MAX, |licences| usize::try_from(licences).unwrap());
            too_many.extend(given(app).into_iter().skip(most).copied());
        }
        let found = faults(&world, &left, &plan.steps);
        prop_assert!(found.iter().all(|fault| fault.breach == Breach::Overdrawn));
        prop_assert_eq!(found.into_iter().map(|fault| fault.step).collect::<BTreeSet<_>>(), too_many);
    }

    /// Whatever is planned: when it is on its way, it is not done again.
    #[test]
    fn nothing_is_done_twice(world in any_world()) {
        let plan = plan(&world);
        let twice: Vec<Step> = plan.steps.iter().chain(&plan.steps).copied().collect();
        let mut again = free(&world);
        again.values_mut().for_each(|left| left.free = None);
        let found = faults(&world, &again, &twice);
        prop_assert_eq!(found.len(), plan.steps.len());
        let after = plan.apply(&world);
        let found: Vec<Step> = faults(&after, &again, &plan.steps).into_iter().map(|fault| fault.step).collect();
        prop_assert_eq!(found, plan.steps);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_in_a_course_of_events_is_sound(
        world in fresh_world(),
        happenings in collection::vec(happening(), 0..100),
    ) {
        let mut reality = Reality::of(world);
        for happening in &happenings {
            let before = reality.world.clone();
            let plan = reality.act();
            prop_assert_eq!(faults(&before, &free(&before), &plan.steps), []);
            reality.happens(happening);
        }
    }
}

const APP: usize = 0;

/// Somebody who accepted the terms, with an iPhone, and an app that is required of their group. Nothing is done yet.
fn one_person() -> World {
    let mut world = empty();
    let somebody = member(0);
    world.devices.insert(device(0), iphone(0, somebody.id));
    let sales = Group {
        id: group(0),
        kind: GroupKind::User,
        priority: 0,
        people: BTreeSet::from([somebody.id]),
        devices: BTreeSet::new(),
    };
    let mut map = licensed_app(APP, 5);
    map.deployments
        .push(line(map.id, &sales, Approval::Required, NOW - DAY));
    world.groups.insert(sales.id, sales);
    world.people.insert(somebody.id, somebody);
    world.apps.insert(map.id, map);
    world
}

/// The same, and all of it is done.
fn installed() -> World {
    let mut world = one_person();
    let map = world.apps.get_mut(&app(APP)).unwrap();
    map.seats.insert(person(0).into(), Seat::Held { since: NOW - DAY });
    let mut install = Install::default();
    install.asked_install(HolderKind::User, NOW - DAY);
    install.accepted(NOW - DAY);
    install.listed(Seen::Installed, NOW - DAY);
    map.installs.insert(device(0), install);
    world
}

fn change(world: World, change: impl FnOnce(&mut World)) -> World {
    let mut world = world;
    change(&mut world);
    world
}

fn not_deployed(world: World) -> World {
    change(world, |world| the_app(world).deployments.clear())
}

fn the_app(world: &mut World) -> &mut Asset {
    world.apps.get_mut(&app(APP)).unwrap()
}

fn the_person(world: &mut World) -> &mut Person {
    world.people.get_mut(&person(0)).unwrap()
}

fn the_device(world: &mut World) -> &mut Device {
    world.devices.get_mut(&device(0)).unwrap()
}

fn registered(world: World, invited: Vec<Attempt>) -> World {
    change(world, |world| {
        the_person(world).program = Program::Registered {
            invitation: Invitation::of(&invited),
        };
        the_person(world).invited = invited;
    })
}

fn unasked(number: usize, ended: Option<(Ending, Time)>) -> Attempt {
    Attempt {
        device: device(number),
        since: NOW - DAY,
        ended,
    }
}

fn gives() -> Step {
    Step::Associate {
        app: app(APP),
        holder: person(0).into(),
    }
}

fn takes_back() -> Step {
    Step::Disassociate {
        app: app(APP),
        holder: person(0).into(),
    }
}

fn gives_to_device() -> Step {
    Step::Associate {
        app: app(APP),
        holder: device(0).into(),
    }
}

fn installs() -> Step {
    Step::Install {
        app: app(APP),
        device: device(0),
        with: HolderKind::User,
    }
}

fn removes() -> Step {
    Step::Remove {
        app: app(APP),
        device: device(0),
    }
}

/// The person's plan with this step in it is stopped for that.
fn is_stopped(world: &World, step: Step, breach: Breach) {
    let found = faults(world, &free(world), &[step]);
    let fault = Fault {
        person: person(0),
        breach,
        step,
    };
    assert_eq!(found, [fault], "{step:?} in {world:#?}");
}

fn passes(world: &World, step: Step) {
    assert_eq!(faults(world, &free(world), &[step]), [], "{world:#?}");
}

#[test]
fn what_was_planned_here_passes() {
    let world = one_person();
    assert_eq!(plan(&world).steps, [gives()]);
    passes(&world, gives());
    let with_licence = change(installed(), |world| the_app(world).installs.clear());
    passes(&with_licence, installs());
    passes(&not_deployed(installed()), removes());
    let removed = change(not_deployed(installed()), |world| the_app(world).installs.clear());
    passes(&removed, takes_back());
}

#[test]
fn what_is_kept_is_given_to_those_for_whom_it_is_kept_and_to_nobody_else() {
    let mut world = one_person();
    world.people.insert(person(1), member(1));
    world.devices.insert(device(1), iphone(1, person(1)));
    let design = Group {
        id: group(1),
        people: BTreeSet::from([person(1)]),
        ..world.groups[&group(0)].clone()
    };
    let line = Deployment {
        kept_licenses: 2,
        ..line(app(APP), &design, Approval::Required, NOW)
    };
    let kept = BTreeMap::from([(line.id, 2)]);
    the_app(&mut world).deployments.push(line);
    world.groups.insert(design.id, design);
    let to_the_other = Step::Associate {
        app: app(APP),
        holder: person(1).into(),
    };
    let found = |free: u64, steps: &[Step]| -> Vec<(Step, Breach)> {
        let left = Left {
            free: Some(free),
            kept: kept.clone(),
        };
        let found = faults(&world, &BTreeMap::from([(app(APP), left)]), steps);
        found.into_iter().map(|fault| (fault.step, fault.breach)).collect()
    };
    assert_eq!(found(2, &[gives()]), [(gives(), Breach::KeptForOthers)]);
    assert_eq!(found(2, &[to_the_other]), []);
    assert_eq!(found(3, &[gives(), to_the_other]), [], "one is open");
    assert_eq!(found(3, &[to_the_other, gives()]), [], "in whatever order");
    assert_eq!(
        found(1, &[gives(), to_the_other]),
        [(gives(), Breach::KeptForOthers)],
        "and more is kept than there is"
    );
    assert_eq!(found(0, &[to_the_other]), [(to_the_other, Breach::Overdrawn)]);
}

/// Who may be counted with several is counted so that there is one for everybody.
#[test]
fn whoever_two_lines_reach_makes_room_for_whoever_only_one_does() {
    let mut world = one_person();
    world.people.insert(person(1), member(1));
    world.devices.insert(device(1), iphone(1, person(1)));
    let mut kept = BTreeMap::new();
    for (number, people) in [(1, vec![0, 1]), (2, vec![0])] {
        let made = Group {
            id: group(number),
            people: people.into_iter().map(person).collect(),
            ..world.groups[&group(0)].clone()
        };
        let line = line(app(APP), &made, Approval::Required, NOW);
        kept.insert(line.id, 1);
        the_app(&mut world).deployments.push(line);
        world.groups.insert(made.id, made);
    }
    let left = Left { free: Some(2), kept };
    let to_the_other = Step::Associate {
        app: app(APP),
        holder: person(1).into(),
    };
    for steps in [[gives(), to_the_other], [to_the_other, gives()]] {
        assert_eq!(faults(&world, &BTreeMap::from([(app(APP), left.clone())]), &steps), []);
    }
}

/// P1.
#[test]
fn never_more_than_owned() {
    let world = change(one_person(), |world| the_app(world).foreign = 5);
    is_stopped(&world, gives(), Breach::Overdrawn);
    let world = change(one_person(), |world| {
        let map = the_app(world);
        map.owned = Owned::Unlimited;
        map.foreign = 5;
    });
    passes(&world, gives());
}

#[test]
fn no_licence_without_a_wish() {
    is_stopped(&not_deployed(one_person()), gives(), Breach::NotWanted);
    let left = change(one_person(), |world| the_person(world).left = true);
    is_stopped(&left, gives(), Breach::NotWanted);
    for approval in [Approval::Available, Approval::NotApplicable, Approval::Uninstall] {
        let world = change(one_person(), |world| the_app(world).deployments[0].approval = approval);
        is_stopped(&world, gives(), Breach::NotWanted);
        let asked = change(world, |world| {
            the_app(world).requests.insert(person(0), NOW);
        });
        match approval {
            Approval::Available => passes(&asked, gives()),
            _ => is_stopped(&asked, gives(), Breach::NotWanted),
        }
    }
    // Of others who are in the group nothing follows for this one.
    let another = change(one_person(), |world| {
        world.groups.get_mut(&group(0)).unwrap().people = BTreeSet::from([person(1)]);
    });
    is_stopped(&another, gives(), Breach::NotWanted);
}

#[test]
fn one_licence_for_one_holder() {
    for seat in [
        Seat::Reserved { since: NOW },
        Seat::Held { since: NOW },
        Seat::Returning { since: NOW },
    ] {
        let world = change(one_person(), |world| {
            the_app(world).seats.insert(person(0).into(), seat);
        });
        is_stopped(&world, gives(), Breach::SecondLicence);
    }
    let found = faults(&one_person(), &BTreeMap::new(), &[gives(), gives()]);
    assert_eq!(
        found.iter().map(|fault| fault.breach).collect::<Vec<_>>(),
        [Breach::UnderWay]
    );
}

/// A42.
#[test]
fn no_licence_of_their_own_before_they_accepted_the_terms() {
    is_stopped(&registered(one_person(), Vec::new()), gives(), Breach::NotAMember);
    let held = change(installed(), |world| the_app(world).installs.clear());
    is_stopped(&registered(held, Vec::new()), installs(), Breach::NotAMember);
}

#[test]
fn a_device_has_a_licence_of_its_own_where_it_is_permitted() {
    passes(&one_person(), gives_to_device());
    let not_assignable = change(one_person(), |world| the_app(world).device_assignable = false);
    is_stopped(&not_assignable, gives_to_device(), Breach::NotPermitted);
    let in_2016 = change(one_person(), |world| world.policy.policy_2016 = true);
    is_stopped(&in_2016, gives_to_device(), Breach::NotPermitted);
    let unnamed = change(one_person(), |world| the_device(world).has_serial = false);
    is_stopped(&unnamed, gives_to_device(), Breach::NotHere);
    let silent = change(one_person(), |world| the_device(world).silent_since = Some(NOW));
    is_stopped(&silent, gives_to_device(), Breach::NotHere);
    is_stopped(&not_deployed(one_person()), gives_to_device(), Breach::NotWanted);
}

/// P2.
#[test]
fn nothing_is_done_for_whom_we_do_not_know() {
    let nobody = change(one_person(), |world| {
        world.people.clear();
    });
    for step in [
        gives(),
        Step::CreateUser { person: person(0) },
        Step::RetireUser { person: person(0) },
        Step::Invite {
            person: person(0),
            device: device(0),
        },
    ] {
        is_stopped(&nobody, step, Breach::NotOurs);
    }
    // What another server gave is listed, and no seat of ours.
    is_stopped(&not_deployed(one_person()), takes_back(), Breach::NotOurs);
    // A device that nobody knows is in nobody's plan.
    let found = faults(
        &change(one_person(), |world| world.devices.clear()),
        &BTreeMap::new(),
        &[installs()],
    );
    let fault = Fault {
        person: PersonId::nobody(device(0)),
        breach: Breach::NotOurs,
        step: installs(),
    };
    assert_eq!(found, [fault]);
}

/// P2: whatever it is.
#[test]
fn nothing_is_asked_of_apple_with_a_token_that_may_not_be_used() {
    for step in [
        gives(),
        takes_back(),
        Step::CreateUser { person: person(0) },
        Step::RetireUser { person: person(0) },
    ] {
        let world = change(installed(), |world| world.token = TokenState::AssignedToExternalMdm);
        is_stopped(&world, step, Breach::TokenUnusable);
    }
    let told = change(not_deployed(installed()), |world| world.token = TokenState::Expired);
    passes(&told, removes());
}

/// P4, A41.
#[test]
fn no_licence_back_while_the_app_may_be_there() {
    let world = not_deployed(installed());
    is_stopped(&world, takes_back(), Breach::StillThere);
    let removing = change(world.clone(), |world| {
        let install = the_app(world).installs.get_mut(&device(0)).unwrap();
        install.asked_remove(NOW);
        install.removed(NOW);
    });
    is_stopped(&removing, takes_back(), Breach::StillThere);
    let away = change(world.clone(), |world| the_device(world).enrolment = Enrolment::Retired);
    passes(&away, takes_back());
    // It runs with the licence of the device.
    let by_device = change(world, |world| {
        let map = the_app(world);
        map.seats.insert(device(0).into(), Seat::Held { since: NOW });
        map.installs.get_mut(&device(0)).unwrap().with = HolderKind::Device;
    });
    passes(&by_device, takes_back());
}

#[test]
fn no_licence_back_that_cannot_come_back_or_is_on_its_way() {
    let gone = change(not_deployed(installed()), |world| the_app(world).installs.clear());
    let book = change(gone.clone(), |world| the_app(world).revocable = false);
    is_stopped(&book, takes_back(), Breach::NotPermitted);
    let returning = change(gone, |world| {
        the_app(world)
            .seats
            .insert(person(0).into(), Seat::Returning { since: NOW });
    });
    is_stopped(&returning, takes_back(), Breach::UnderWay);
}

#[test]
fn what_is_deployed_to_them_is_not_taken() {
    is_stopped(&installed(), removes(), Breach::StillWanted);
    // The licence is theirs before the app is there, and where somebody else installs it.
    let not_there = change(installed(), |world| the_app(world).installs.clear());
    is_stopped(&not_there, takes_back(), Breach::StillWanted);
    let external = change(not_there.clone(), |world| {
        the_app(world).deployments[0].installation = Installation::External;
        world.devices.clear();
    });
    is_stopped(&external, takes_back(), Breach::StillWanted);
    let no_device = change(not_there, |world| world.devices.clear());
    passes(&no_device, takes_back());
}

/// P4, A40.
#[test]
fn no_app_without_a_licence() {
    is_stopped(&one_person(), installs(), Breach::NoLicence);
    let reserved = change(one_person(), |world| {
        the_app(world)
            .seats
            .insert(person(0).into(), Seat::Reserved { since: NOW });
    });
    is_stopped(&reserved, installs(), Breach::NoLicence);
    let of_device = Step::Install {
        app: app(APP),
        device: device(0),
        with: HolderKind::Device,
    };
    let of_person = change(installed(), |world| the_app(world).installs.clear());
    is_stopped(&of_person, of_device, Breach::NoLicence);
}

#[test]
fn no_app_where_it_is_not_wanted_or_cannot_run() {
    let held = change(installed(), |world| the_app(world).installs.clear());
    is_stopped(&not_deployed(held.clone()), installs(), Breach::NotWanted);
    let excluded = change(held.clone(), |world| {
        the_app(world).deployments[0].approval = Approval::NotApplicable;
    });
    is_stopped(&excluded, installs(), Breach::NotWanted);
    let left = change(held.clone(), |world| the_person(world).left = true);
    is_stopped(&left, installs(), Breach::NotWanted);
    let old = change(held.clone(), |world| the_app(world).minimum_os = vec![18]);
    is_stopped(&old, installs(), Breach::NotPermitted);
    let mac = change(held.clone(), |world| the_device(world).platform = Platform::MacOs);
    is_stopped(&mac, installs(), Breach::NotPermitted);
    let told = change(held, |world| {
        let install = the_app(world).installs.entry(device(0)).or_default();
        install.asked_install(HolderKind::User, NOW);
    });
    is_stopped(&told, installs(), Breach::UnderWay);
}

#[test]
fn nothing_is_told_to_a_device_that_is_not_with_us() {
    let world = change(installed(), |world| {
        let device = the_device(world);
        device.awaiting_configuration = true;
        device.informed_at = None;
    });
    let release = Step::Release { device: device(0) };
    let (information, apps) = (
        Step::AskInformation { device: device(0) },
        Step::AskApps { device: device(0) },
    );
    passes(&world, release);
    passes(&world, information);
    is_stopped(&world, installs(), Breach::NotHere);
    let asked = change(world.clone(), |world| {
        let device = the_device(world);
        device.asked_configured = true;
        device.asked_information = true;
        device.asked_apps = true;
    });
    for step in [release, information, apps] {
        is_stopped(&asked, step, Breach::UnderWay);
    }
    let ends = [
        Enrolment::Pending,
        Enrolment::Retired,
        Enrolment::Wiped,
        Enrolment::Removed,
        Enrolment::Gone,
    ];
    for enrolment in ends {
        let world = change(not_deployed(world.clone()), |world| {
            the_device(world).enrolment = enrolment
        });
        for step in [
            release,
            information,
            apps,
            installs(),
            removes(),
            Step::Unenrol { device: device(0) },
        ] {
            is_stopped(&world, step, Breach::NotHere);
        }
    }
    // Of one that is silent a sign of life is wanted, and nothing else.
    let silent = change(world, |world| the_device(world).silent_since = Some(NOW));
    passes(&silent, information);
    is_stopped(&silent, apps, Breach::NotHere);
    is_stopped(&silent, installs(), Breach::NotHere);
}

/// P9: what we did not install may be their own.
#[test]
fn nothing_is_removed_that_is_not_there_by_us() {
    is_stopped(&not_deployed(one_person()), removes(), Breach::NotOurs);
    let waits = change(not_deployed(installed()), |world| {
        the_app(world).installs.get_mut(&device(0)).unwrap().asked_remove(NOW);
    });
    is_stopped(&waits, removes(), Breach::UnderWay);
    let unnamed = change(not_deployed(installed()), |world| the_app(world).bundle_id = None);
    is_stopped(&unnamed, removes(), Breach::NotPermitted);
}

#[test]
fn the_profile_goes_after_the_apps() {
    let step = Step::Unenrol { device: device(0) };
    let going = change(installed(), |world| the_device(world).enrolment = Enrolment::Retiring);
    passes(&going, removes());
    is_stopped(&going, step, Breach::ProfileFirst);
    let emptied = change(going, |world| the_app(world).installs.clear());
    passes(&emptied, step);
    let told = change(emptied, |world| the_device(world).asked_to_leave = true);
    is_stopped(&told, step, Breach::UnderWay);
}

/// A42.
#[test]
fn nobody_is_invited_twice() {
    let step = Step::Invite {
        person: person(0),
        device: device(0),
    };
    passes(&registered(one_person(), Vec::new()), step);
    let failed = unasked(0, Some((Ending::Failed, NOW - DAY)));
    passes(&registered(one_person(), vec![failed]), step);
    // On any device.
    let shown = unasked(1, Some((Ending::Shown, NOW - DAY)));
    is_stopped(&registered(one_person(), vec![shown]), step, Breach::InvitedAgain);
    is_stopped(
        &registered(one_person(), vec![unasked(0, None)]),
        step,
        Breach::InvitedAgain,
    );
    is_stopped(&one_person(), step, Breach::UnderWay);
    let left = change(registered(one_person(), Vec::new()), |world| {
        the_person(world).left = true
    });
    is_stopped(&left, step, Breach::NotWanted);
    let mac = change(registered(one_person(), Vec::new()), |world| {
        the_device(world).platform = Platform::MacOs
    });
    is_stopped(&mac, step, Breach::NotHere);
    let of_another = change(registered(one_person(), Vec::new()), |world| {
        world.people.insert(person(1), member(1));
        the_device(world).person = person(1);
    });
    is_stopped(&of_another, step, Breach::NotOurs);
}

#[test]
fn nobody_is_retired_who_is_here_or_holds_a_licence() {
    let step = Step::RetireUser { person: person(0) };
    is_stopped(&one_person(), step, Breach::NotLeft);
    let left = change(one_person(), |world| the_person(world).left = true);
    passes(&left, step);
    for seat in [
        Seat::Reserved { since: NOW },
        Seat::Held { since: NOW },
        Seat::Returning { since: NOW },
    ] {
        let holds = change(left.clone(), |world| {
            the_app(world).seats.insert(person(0).into(), seat);
        });
        is_stopped(&holds, step, Breach::HoldsLicence);
    }
    // What never comes back binds nobody.
    let book = change(left.clone(), |world| {
        let map = the_app(world);
        map.revocable = false;
        map.seats.insert(person(0).into(), Seat::Held { since: NOW });
    });
    passes(&book, step);
    for program in [
        Program::None,
        Program::Creating,
        Program::Retiring { since: NOW },
        Program::Retired,
    ] {
        let world = change(left.clone(), |world| the_person(world).program = program);
        is_stopped(&world, step, Breach::UnderWay);
    }
}

#[test]
fn nobody_is_made_known_to_apple_twice() {
    let step = Step::CreateUser { person: person(0) };
    is_stopped(&one_person(), step, Breach::UnderWay);
    let retired = change(one_person(), |world| the_person(world).program = Program::Retired);
    passes(&retired, step);
    let bound = change(retired.clone(), |world| {
        the_app(world).seats.insert(person(0).into(), Seat::Held { since: NOW });
    });
    is_stopped(&bound, step, Breach::HoldsLicence);
    let left = change(retired, |world| the_person(world).left = true);
    is_stopped(&left, step, Breach::NotWanted);
    let refused = |not_before| {
        change(one_person(), |world| {
            the_person(world).program = Program::Refused {
                error_number: 1,
                not_before,
            };
        })
    };
    passes(&refused(NOW), step);
    is_stopped(&refused(NOW + DAY), step, Breach::UnderWay);
}
