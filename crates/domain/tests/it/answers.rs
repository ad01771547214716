//! What is read in an answer: the chain link by link, who has to act, the deployments that decided, and what would help.

use std::collections::BTreeSet;

use domain::{
    invitation::Ending,
    program::Invitation,
    why::{Outcome, *},
    *,
};

use crate::{why::Case, worlds::*};

fn ago(minutes: u32) -> Time {
    NOW - MINUTE * minutes
}

/// Somebody of whom Apple knows nothing yet, in a group with one iPhone, and an app in one licence that the group has so.
fn deployed(approval: Approval) -> Case {
    let mut world = empty();
    let sales = Group {
        id: group(0),
        kind: GroupKind::User,
        priority: 0,
        people: BTreeSet::from([person(0)]),
        devices: BTreeSet::new(),
    };
    let mut made = licensed_app(0, 1);
    made.deployments = vec![line(made.id, &sales, approval, ago(100))];
    world.apps.insert(made.id, made);
    world.groups.insert(sales.id, sales);
    world.devices.insert(device(0), iphone(0, person(0)));
    let somebody = Person {
        program: Program::None,
        ..member(0)
    };
    world.people.insert(somebody.id, somebody);
    Case {
        world,
        app: app(0),
        person: person(0),
        device: None,
    }
}

impl Case {
    fn invited(&self, ended: Option<(Ending, Time)>) -> Case {
        self.with_person(|person| {
            person.invited = vec![Attempt {
                device: device(0),
                since: ago(70),
                ended,
            }];
            person.program = Program::Registered {
                invitation: Invitation::of(&person.invited),
            };
        })
    }

    fn joined(&self) -> Case {
        self.with_person(|person| person.program = Program::Associated { since: ago(50) })
    }

    fn seated(&self, seat: Seat) -> Case {
        self.with_app(|app| {
            app.seats.insert(person(0).into(), seat);
        })
    }

    fn licensed(&self) -> Case {
        self.joined().seated(Seat::Held { since: ago(40) })
    }

    /// The app is there, on the device's own word.
    fn there(&self) -> Case {
        self.with_install(device(0), |install| {
            install.asked_install(HolderKind::User, ago(30));
            install.accepted(ago(20));
            install.listed(Seen::Installed, ago(10));
        })
    }

    /// The device lists the app so.
    fn listed(&self, seen: Seen) -> Case {
        self.with_install(device(0), |install| install.listed(seen, ago(10)))
    }

    fn undeployed(&self) -> Case {
        self.with_app(|app| app.deployments.clear())
    }

    /// The group's only line says this instead.
    fn says(&self, approval: Approval) -> Case {
        self.with_app(|app| app.deployments[0].approval = approval)
    }

    /// One more group, of them or of their iPhone, has the app so.
    fn also(&self, number: usize, kind: GroupKind, approval: Approval) -> Case {
        let group = Group {
            id: group(number),
            kind,
            priority: 0,
            people: (kind == GroupKind::User).then_some(person(0)).into_iter().collect(),
            devices: (kind == GroupKind::Device).then_some(device(0)).into_iter().collect(),
        };
        let line = line(self.app, &group, approval, ago(90));
        let case = self.with_app(|app| app.deployments.push(line));
        case.with(|world| world.groups.extend([(group.id, group)]))
    }

    #[track_caller]
    fn reads(&self, done: &[Stage], now: Option<(Stage, Who)>, ahead: &[Stage]) -> Why {
        let why = self.why();
        let of = |tense| -> Vec<Stage> {
            let links = why.links.iter().filter(|link| link.tense == tense);
            links.map(|link| link.stage).collect()
        };
        let waits = why.now().map(|link| (link.stage, link.by));
        assert_eq!(
            (of(Tense::Done), waits, of(Tense::Ahead)),
            (done.to_vec(), now, ahead.to_vec()),
            "{why:?}"
        );
        why
    }
}

/// Since when it waits, and until when.
fn waits(why: &Why) -> (Option<Time>, Option<Time>) {
    let now = why.now().expect("it waits for something");
    (now.at, now.until)
}

#[test]
fn the_way_to_an_app_is_told_from_its_deployment_to_its_proof() {
    use Stage::{Command, Deployment, Invitation, Licence, Proof, Registration, Terms};
    let case = deployed(Approval::Required);
    let to_come = [Terms, Licence, Command, Proof];
    let (apple, device_has_to) = (Who::Apple, Who::Device);

    case.reads(&[Deployment], Some((Registration, apple)), &to_come);
    let asked = case.invited(None);
    let why = asked.reads(&[Deployment], Some((Invitation, device_has_to)), &to_come);
    assert_eq!(waits(&why), (Some(ago(70)), None));
    let shown = case.invited(Some((Ending::Shown, ago(60))));
    let why = shown.reads(&[Deployment], Some((Terms, Who::Person)), &to_come[1..]);
    assert_eq!(waits(&why), (Some(ago(60)), None));

    let member = case.joined();
    member.reads(&[Deployment, Terms], Some((Licence, apple)), &to_come[2..]);
    let why = member.seated(Seat::Reserved { since: ago(45) }).reads(
        &[Deployment, Terms],
        Some((Licence, apple)),
        &to_come[2..],
    );
    assert_eq!(waits(&why), (Some(ago(45)), None));

    let licensed = case.licensed();
    let had = [Deployment, Terms, Licence];
    licensed.reads(&had, Some((Command, device_has_to)), &[Proof]);
    let told = licensed.with_install(device(0), |install| install.asked_install(HolderKind::User, ago(30)));
    let why = told.reads(&had, Some((Command, device_has_to)), &[Proof]);
    assert_eq!(waits(&why), (Some(ago(30)), None));
    let accepted = told.with_install(device(0), |install| install.accepted(ago(20)));
    let why = accepted.reads(
        &[Deployment, Terms, Licence, Command],
        Some((Proof, device_has_to)),
        &[],
    );
    let (since, until) = waits(&why);
    assert_eq!(since, Some(ago(20)));
    assert!(until > since, "the device is asked for its list then: {until:?}");

    let there = licensed.there();
    let why = there.reads(&[Deployment, Terms, Licence, Proof], None, &[]);
    let when: Vec<Option<Time>> = why.links.iter().map(|link| link.at).collect();
    assert_eq!(when, [100, 50, 40, 10].map(|minutes| Some(ago(minutes))));
    assert_eq!(
        why.links[0].deployment,
        Some(case.world.apps[&app(0)].deployments[0].id)
    );
}

#[test]
fn the_way_back_ends_with_the_licence_where_there_is_one_that_can_come_back() {
    use Stage::{Absence, Deployment, Licence, Proof, Removal, Return, Token};
    let there = deployed(Approval::Required).licensed().there();
    let case = there.undeployed();
    let removal = Some((Removal, Who::Device));
    let why = case.reads(&[Licence, Proof], removal, &[Absence, Return]);
    assert_eq!(waits(&why), (None, None));
    case.with_app(|app| app.revocable = false)
        .reads(&[Licence, Proof], removal, &[Absence]);
    case.with_app(|app| app.seats.clear())
        .reads(&[Proof], removal, &[Absence]);

    let told = case.with_install(device(0), |install| install.asked_remove(ago(8)));
    let why = told.reads(&[Licence, Proof], removal, &[Absence, Return]);
    assert_eq!(waits(&why), (Some(ago(8)), None));
    // What it had before it removed the app proves nothing any more.
    let removed = told.with_install(device(0), |install| install.removed(ago(6)));
    let why = removed.reads(&[Licence, Removal], removal, &[Absence, Return]);
    assert_eq!(waits(&why), (Some(ago(6)), None));

    let gone = removed.with_install(device(0), |install| install.listed(Seen::Absent, ago(4)));
    let had = [Licence, Removal, Absence];
    let why = gone.reads(&had, Some((Return, Who::Apple)), &[]);
    assert_eq!(waits(&why), (None, None));
    gone.with(|world| world.token = TokenState::Expired)
        .reads(&had, Some((Token, Who::Administrator)), &[Return]);
    let why =
        gone.seated(Seat::Returning { since: ago(3) })
            .reads(&[Removal, Absence], Some((Return, Who::Apple)), &[]);
    assert_eq!(waits(&why), (Some(ago(3)), None));

    gone.with_app(|app| app.seats.clear())
        .reads(&[], Some((Deployment, Who::Administrator)), &[]);
    // Where it never was, there is only the licence to give back.
    let never = deployed(Approval::Required).licensed().undeployed();
    never.with(|world| world.token = TokenState::Expired).reads(
        &[Licence],
        Some((Token, Who::Administrator)),
        &[Return],
    );
    // And that it is not there is no end of anything.
    let never = deployed(Approval::Required).listed(Seen::Absent).undeployed();
    never.reads(&[], Some((Deployment, Who::Administrator)), &[]);
}

#[test]
fn a_device_that_leaves_gives_the_app_back_though_it_is_still_deployed() {
    use Stage::{Absence, Deployment, Licence, Proof, Removal, Return, Terms};
    let there = deployed(Approval::Required).licensed().there();
    let leaves = there.with_device(device(0), |device| device.enrolment = Enrolment::Retiring);
    let why = leaves.reads(
        &[Deployment, Terms, Licence, Proof],
        Some((Removal, Who::Device)),
        &[Absence, Return],
    );
    assert_eq!(why.sentence, Sentence::LeavesWithApp);
    assert_eq!(why.remedies, [Remedy::KeepDevice { on: device(0) }]);
    // What it was told last cannot be called off.
    let told = leaves.with_device(device(0), |device| device.asked_to_leave = true);
    assert_eq!(told.why().remedies, []);
}

#[test]
fn what_would_keep_a_licence_that_goes_back_is_said() {
    let keep = || Remedy::KeepDevice { on: device(0) };
    let held = deployed(Approval::Required).licensed();
    let leaves = |case: &Case| case.with_device(device(0), |device| device.enrolment = Enrolment::Retiring);
    let goes_back = |case: Case| {
        let why = case.why();
        assert!(matches!(why.sentence, Sentence::LicenceGoesBack { .. }), "{why:?}");
        why.remedies
    };
    assert_eq!(goes_back(held.undeployed()), [Remedy::Deploy]);
    assert_eq!(goes_back(leaves(&held)), [keep()], "it is wanted as it is");
    assert_eq!(goes_back(leaves(&held.undeployed())), [keep(), Remedy::Deploy]);
    let told = leaves(&held.undeployed()).with_device(device(0), |device| device.asked_to_leave = true);
    assert_eq!(goes_back(told), [], "nothing brings that device back");
}

#[test]
fn whoever_has_the_app_already_is_told_what_it_lacks_and_of_nothing_on_the_device() {
    use Stage::{Deployment, Invitation, Licence, Proof, Terms};
    let there = deployed(Approval::Required).there();
    let lacks = there
        .joined()
        .reads(&[Deployment, Terms, Proof], Some((Licence, Who::Apple)), &[]);
    assert!(lacks.is_there_and_lacks());
    let lacks = there
        .invited(None)
        .reads(&[Deployment, Proof], Some((Invitation, Who::Device)), &[Terms, Licence]);
    assert!(lacks.is_there_and_lacks());

    let licensed = there.licensed();
    assert!(!licensed.why().is_there_and_lacks(), "nothing is missing");
    assert!(!licensed.undeployed().why().is_there_and_lacks(), "it goes");
    assert!(
        !deployed(Approval::Required).joined().why().is_there_and_lacks(),
        "it is not there"
    );
}

/// Nothing is promised of what nobody has asked for.
#[test]
fn what_is_perhaps_there_leads_nowhere_until_somebody_asks_for_it() {
    let perhaps = deployed(Approval::Available).listed(Seen::Installing);
    let why = perhaps.reads(&[Stage::Deployment], Some((Stage::Proof, Who::Device)), &[]);
    assert_eq!(why.sentence, Sentence::PerhapsThere);
}

#[test]
fn whoever_waits_in_the_line_and_is_no_member_has_the_terms_before_them_too() {
    use Stage::{Command, Deployment, Licence, Proof, Terms};
    let none_owned = deployed(Approval::Required).with_app(|app| app.owned = Owned::Count(0));
    let waits = Some((Licence, Who::Administrator));
    let case = none_owned.invited(Some((Ending::Shown, ago(60))));
    let why = case.reads(&[Deployment], waits, &[Terms, Command, Proof]);
    let buy = Remedy::Buy {
        licences: Some(1),
        for_all: 1,
    };
    assert_eq!(why.remedies, [buy.clone(), Remedy::AcceptTerms]);
    let why = none_owned
        .joined()
        .reads(&[Deployment, Terms], waits, &[Command, Proof]);
    assert_eq!(why.remedies, [buy]);
}

/// Of whom nothing is wanted any more, it is over.
#[test]
fn that_somebody_was_moved_up_is_told_while_they_wait() {
    use Stage::{Command, Deployment, Licence, MovedUp, Proof, Terms};
    let waits = deployed(Approval::Required)
        .joined()
        .with_app(|app| app.owned = Owned::Count(0));
    let moved_up = waits.with_app(|app| app.moved_up = [(person(0), ago(10))].into());
    let licence = Some((Licence, Who::Administrator));
    let why = moved_up.reads(&[Deployment, Terms, MovedUp], licence, &[Command, Proof]);
    let link = why.links.iter().find(|link| link.stage == MovedUp);
    assert_eq!(link.and_then(|link| link.at), Some(ago(10)));
    let over = moved_up.with_app(|app| app.deployments.clear());
    assert!(!over.why().links.iter().any(|link| link.stage == MovedUp));
}

#[test]
fn what_was_given_beyond_what_is_owned_has_to_be_bought_before_one_is_left() {
    let short = deployed(Approval::Required).joined().with(|world| {
        world.people.insert(person(1), member(1));
        world.devices.insert(device(1), iphone(1, person(1)));
        world.groups.get_mut(&group(0)).unwrap().people.insert(person(1));
    });
    // Three are out, and one is owned.
    let short = short.with_app(|app| app.foreign = 3);
    let buys = |number| {
        let case = Case {
            person: person(number),
            ..short.clone()
        };
        case.why().remedies
    };
    let buy = |licences| Remedy::Buy {
        licences: Some(licences),
        for_all: 4,
    };
    assert_eq!(buys(0), [buy(3)]);
    assert_eq!(buys(1), [buy(4), Remedy::MoveUp]);
}

/// One licence is free, and somebody behind them can use it at once.
#[test]
fn whoever_is_first_in_line_and_not_known_to_apple_yet_waits_for_apple_and_buys_nothing() {
    let first = deployed(Approval::Required).with(|world| {
        world.people.insert(person(1), member(1));
        world.devices.insert(device(1), iphone(1, person(1)));
        world.groups.get_mut(&group(0)).unwrap().people.insert(person(1));
    });
    let why = first.why();
    let place = Place::At(1);
    assert_eq!(why.sentence, Sentence::InLine { place, waiting: 1 });
    assert_eq!((why.who, why.remedies), (Who::Apple, vec![]));
}

#[test]
fn a_failure_is_the_administrators_until_it_is_tried_again_and_the_devices_while_it_has_not_said_what_became_of_it() {
    let mut failed = deployed(Approval::Required).licensed();
    failed = failed.with_install(device(0), |install| {
        install.asked_install(HolderKind::User, ago(30));
        install.failed(FailureClass::Permanent, "Error".to_owned(), ago(20));
    });
    let why = failed.why();
    assert!(matches!(why.sentence, Sentence::InstallFailed { .. }), "{why:?}");
    assert_eq!(why.who, Who::Administrator);
    assert_eq!(why.remedies, [Remedy::TryAgain { on: device(0) }]);
    let (since, until) = waits(&why);
    assert_eq!(
        (since, until),
        (Some(ago(20)), Some(ago(20) + Policy::default().inventory_every))
    );

    // Asked once more it says nothing: whether it has the app is not known.
    let silent = failed.with_install(device(0), |install| {
        install.asked_install(HolderKind::User, ago(15));
        install.dropped();
    });
    let why = silent.why();
    assert!(matches!(why.sentence, Sentence::InstallFailed { .. }), "{why:?}");
    assert_eq!((why.who, why.remedies), (Who::Device, vec![]));
}

#[test]
fn each_deployment_is_told_with_what_it_says_and_what_became_of_it() {
    let mut case = deployed(Approval::Required)
        .also(1, GroupKind::User, Approval::Available)
        .also(2, GroupKind::User, Approval::Uninstall);
    let others = Group {
        people: BTreeSet::from([person(7)]),
        ..case.world.groups[&group(0)].clone()
    };
    let elsewhere = line(
        app(0),
        &Group {
            id: group(3),
            ..others.clone()
        },
        Approval::NotApplicable,
        NOW,
    );
    case = case.with_app(|app| app.deployments.push(elsewhere));
    case = case.with(|world| world.groups.extend([(group(3), Group { id: group(3), ..others })]));
    let told: Vec<_> = case
        .why()
        .rules
        .into_iter()
        .map(|ruled| {
            let lines = &case.world.apps[&app(0)].deployments;
            let at = lines.iter().position(|line| line.id == ruled.deployment).unwrap();
            (at, ruled.approval, ruled.outcome)
        })
        .collect();
    assert_eq!(
        told,
        [
            (0, Approval::Required, Outcome::Applies),
            (1, Approval::Available, Outcome::Together),
            (2, Approval::Uninstall, Outcome::Beaten),
        ]
    );
    for approval in [Approval::Available, Approval::Uninstall, Approval::NotApplicable] {
        let rules = deployed(approval).why().rules;
        assert_eq!(rules.len(), 1);
        assert_eq!((rules[0].approval, rules[0].outcome), (approval, Outcome::Applies));
    }
}

#[test]
fn only_the_deployments_that_exclude_somebody_are_named_to_be_taken_away() {
    let case = |rule_set| {
        let case = deployed(Approval::Uninstall)
            .also(1, GroupKind::User, Approval::NotApplicable)
            .also(2, GroupKind::Device, Approval::NotApplicable);
        let others = Group {
            id: group(3),
            people: BTreeSet::from([person(7)]),
            ..case.world.groups[&group(0)].clone()
        };
        let elsewhere = line(app(0), &others, Approval::NotApplicable, NOW);
        let case = case.with_app(|app| app.deployments.push(elsewhere));
        case.with(|world| {
            world.groups.insert(others.id, others);
            world.policy.rule_set = rule_set;
        })
    };
    let lifted = |case: &Case, which: &[usize]| {
        let lines = &case.world.apps[&app(0)].deployments;
        let deployments = which.iter().map(|at| lines[*at].id).collect();
        vec![Remedy::LiftExclusion { deployments }, Remedy::Deploy]
    };
    let in_2016 = case(RuleSet::Y2016);
    assert_eq!(in_2016.why().remedies, lifted(&in_2016, &[1, 2]));
    // What groups of devices exclude says nothing about people.
    let in_2020 = case(RuleSet::Y2020);
    assert_eq!(in_2020.why().remedies, lifted(&in_2020, &[1]));
    assert_eq!(deployed(Approval::Uninstall).why().remedies, [Remedy::Deploy]);
}

#[test]
fn whoever_removed_the_app_asks_for_it_or_has_it_tried_again_if_they_asked_before() {
    let removed = deployed(Approval::Available).licensed().listed(Seen::RemovedByUser);
    assert_eq!(removed.why().sentence, Sentence::RemovedByPerson { at: Some(ago(10)) });
    assert_eq!(removed.why().remedies, [Remedy::Request]);
    let asked = removed.with_app(|app| {
        app.requests.insert(person(0), ago(60));
    });
    assert_eq!(asked.why().sentence, Sentence::RemovedByPerson { at: Some(ago(10)) });
    assert_eq!(asked.why().remedies, [Remedy::TryAgain { on: device(0) }]);
    use Stage::{Command, Deployment, Licence, Proof, Request, Terms};
    asked.reads(
        &[Deployment, Request, Terms, Licence],
        Some((Request, Who::Person)),
        &[Command, Proof],
    );
    let since = asked.with_app(|app| {
        app.requests.insert(person(0), ago(5));
    });
    let why = since.why();
    let comes_back = |again| Sentence::RemovedComesBack {
        at: Some(ago(10)),
        again,
    };
    assert_eq!(why.sentence, comes_back(NOW), "they asked for it since");

    // What is required comes back by itself.
    let why = asked.says(Approval::Required).why();
    let again = ago(10) + Policy::default().inventory_every;
    assert_eq!(why.sentence, comes_back(again));
    assert_eq!((why.who, waits(&why)), (Who::Nobody, (Some(ago(10)), Some(again))));
}

#[test]
fn an_invitation_waits_for_its_device_or_for_another_one_if_it_cannot_show_it() {
    // Or a shared device would have a licence of its own.
    let waits = deployed(Approval::Required).with(|world| world.policy.policy_2016 = true);
    let waits = waits.invited(None);
    let remedies = |case: &Case| {
        let why = case.why();
        assert!(matches!(why.sentence, Sentence::InvitationWaits { .. }), "{why:?}");
        why.remedies
    };
    assert_eq!(remedies(&waits), [Remedy::ReachDevice { on: device(0) }]);
    let shared = waits.with_device(device(0), |device| device.shared = true);
    assert_eq!(remedies(&shared), [Remedy::EnrolDevice]);
    // It is somebody else's by now.
    let given = waits.with_device(device(0), |device| device.person = person(7));
    let given = given.with(|world| {
        world.devices.extend([(
            device(1),
            Device {
                shared: true,
                ..iphone(1, person(0))
            },
        )])
    });
    assert_eq!(remedies(&given), [Remedy::EnrolDevice]);
}

#[test]
fn whom_apple_retired_waits_for_their_old_licences_only_while_there_are_any() {
    let retired = deployed(Approval::Required).with_person(|person| person.program = Program::Retired);
    assert_eq!(retired.why().sentence, Sentence::ToBeRegistered);
    let bound = retired.with(|world| {
        let mut other = licensed_app(1, 1);
        other.seats.insert(person(0).into(), Seat::Held { since: ago(40) });
        world.apps.insert(other.id, other);
    });
    assert_eq!(bound.why().sentence, Sentence::OldLicencesFirst);
}

#[test]
fn a_device_that_is_gone_is_not_said_to_be_silent() {
    let silent = deployed(Approval::Required).with_device(device(0), |device| device.silent_since = Some(ago(5)));
    let of_device = |case: Case| {
        Case {
            device: Some(device(0)),
            ..case
        }
        .why()
    };
    let why = of_device(silent.clone());
    assert_eq!(why.sentence, Sentence::DeviceSilent { since: ago(5) });
    assert_eq!(waits(&why), (Some(ago(5)), None));
    let gone = silent.with_device(device(0), |device| device.enrolment = Enrolment::Gone);
    let why = of_device(gone);
    let enrolment = Enrolment::Gone;
    assert_eq!(why.sentence, Sentence::DeviceGone { enrolment });
    assert_eq!(why.now(), None);
}

/// Whoever left is in no group, and what reached them before says nothing.
#[test]
fn whoever_left_is_told_to_come_back_first() {
    let left = deployed(Approval::NotApplicable).with_person(|person| person.left = true);
    let why = left.why();
    assert_eq!(why.sentence, Sentence::PersonLeft);
    assert_eq!(why.remedies, [Remedy::Return, Remedy::Deploy]);
    assert_eq!((why.who, why.now()), (Who::Administrator, None));
}

/// A book, whatever is known of it.
#[test]
fn what_cannot_be_deployed_is_said_to_be_so_and_nothing_else_is() {
    let case = deployed(Approval::Required);
    let (verdict, position) = (case.verdict(), case.position());
    let why = why(&Asked {
        world: &case.world,
        app: &case.world.apps[&app(0)],
        person: case.person,
        device: None,
        verdict: verdict.as_ref(),
        position: &position,
        deployable: false,
    });
    assert_eq!(
        (why.sentence, why.who, why.remedies),
        (Sentence::NotDeployable, Who::Nobody, vec![])
    );
}
