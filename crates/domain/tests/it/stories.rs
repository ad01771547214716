//! What an administrator would tell: one promise each.

use domain::{program::Invitation, *};

use crate::{
    reality::{Happening, Reality, There},
    worlds::*,
};

/// So many people, everybody with an iPhone and in one group, and an app in so many licences.
pub fn company(people: usize, owned: u64) -> Reality {
    let mut world = empty();
    let mut everybody = Group {
        id: group(0),
        kind: GroupKind::User,
        priority: 0,
        people: Default::default(),
        devices: Default::default(),
    };
    for number in 0..people {
        everybody.people.insert(person(number));
        world.people.insert(person(number), member(number));
        world.devices.insert(device(number), iphone(number, person(number)));
    }
    world.groups.insert(everybody.id, everybody);
    world.apps.insert(app(0), licensed_app(0, owned));
    Reality::of(world)
}

pub fn deployed(people: usize, owned: u64, approval: Approval) -> Reality {
    let mut company = company(people, owned);
    company.deploy(0, approval);
    company
}

impl Reality {
    /// The whole deployment of the app is one line.
    pub fn deploy(&mut self, to: usize, approval: Approval) {
        let line = line(app(0), &self.world.groups[&group(to)], approval, NOW);
        self.app(app(0)).deployments = vec![line];
    }

    pub fn also_deploy(&mut self, to: usize, approval: Approval) {
        let line = line(app(0), &self.world.groups[&group(to)], approval, NOW);
        self.app(app(0)).deployments.push(line);
    }

    pub fn group(&mut self, number: usize, kind: GroupKind, priority: i64) -> &mut Group {
        let made = Group {
            id: group(number),
            kind,
            priority,
            people: Default::default(),
            devices: Default::default(),
        };
        self.world.groups.entry(made.id).or_insert(made)
    }

    fn comes_back(&mut self, number: usize) {
        self.world.people.get_mut(&person(number)).unwrap().left = false;
        self.group(0, GroupKind::User, 0).people.insert(person(number));
    }

    pub fn now_settles(&mut self) {
        self.settles(10, MINUTE);
    }

    pub fn said(&self, number: usize) -> (InstallState, Detail) {
        let decision = self.decision(app(0));
        let verdict = &decision.people[&person(number)];
        (verdict.state, verdict.detail)
    }

    fn may_be_tried_again(&self) -> bool {
        self.decision(app(0)).people[&person(0)].devices[&device(0)].may_be_tried_again()
    }

    pub fn holders(&self) -> Vec<PersonId> {
        self.ledger.iter().filter_map(|(_, holder)| holder.person()).collect()
    }

    fn seat(&self, number: usize) -> Option<Seat> {
        self.world.apps[&app(0)].seats.get(&person(number).into()).copied()
    }

    fn is_to_return(&self, number: usize) -> bool {
        let app = &self.world.apps[&app(0)];
        let decision = decide(&self.world, app);
        let verdict = decision.people.get(&person(number));
        verdict.is_some_and(|verdict| verdict.is_to_return(app))
    }

    pub fn plans(&self) -> Vec<Step> {
        plan(&self.world).steps
    }
}

fn people(numbers: impl IntoIterator<Item = usize>) -> Vec<PersonId> {
    numbers.into_iter().map(person).collect()
}

/// The same, as they stand in a line.
fn holders(numbers: impl IntoIterator<Item = usize>) -> Vec<Holder> {
    people(numbers).into_iter().map(Holder::Person).collect()
}

const INSTALLED: (InstallState, Detail) = (InstallState::Installed, Detail::NoAdditionalDetails);

#[test]
fn twenty_licences_reach_twenty_of_a_hundred_people_and_the_others_know_their_place() {
    let mut company = deployed(100, 20, Approval::Required);
    company.now_settles();

    assert_eq!(company.holders(), people(0..20));
    assert_eq!(company.said(19), INSTALLED);
    assert_eq!(
        company.said(20),
        (InstallState::PendingInstall, Detail::WaitingForLicense)
    );
    let decision = company.decision(app(0));
    assert_eq!(decision.waiting, holders(20..100));
    assert_eq!(decision.people[&person(20)].place, Some(Place::At(1)));
    assert_eq!(decision.people[&person(99)].place, Some(Place::At(80)));
    assert_eq!(company.plans(), []);
}

#[test]
fn five_more_licences_reach_the_next_five() {
    let mut company = deployed(100, 20, Approval::Required);
    company.now_settles();

    company.app(app(0)).owned = Owned::Count(25);
    company.now_settles();

    assert_eq!(company.holders(), people(0..25));
    assert_eq!(company.said(24), INSTALLED);
    assert_eq!(company.decision(app(0)).waiting, holders(25..100));
}

#[test]
fn what_another_server_holds_is_not_handed_out() {
    let mut company = deployed(10, 5, Approval::Required);
    company.app(app(0)).foreign = 3;
    company.now_settles();

    assert_eq!(company.holders(), people(0..2));
    let counts = company.decision(app(0)).counts;
    assert_eq!(
        (counts.used, counts.foreign, counts.free, counts.waiting),
        (2, 3, Some(0), 8)
    );
}

#[test]
fn an_unlimited_app_keeps_nobody_waiting() {
    let mut company = deployed(30, 0, Approval::Required);
    company.app(app(0)).owned = Owned::Unlimited;
    company.now_settles();

    assert_eq!(company.holders().len(), 30);
    assert_eq!(company.decision(app(0)).counts.free, None);
}

/// A person with an iPhone and an iPad uses one licence (A12).
#[test]
fn two_devices_of_one_person_share_one_licence() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.devices.insert(
        device(1),
        Device {
            platform: Platform::IpadOs,
            ..iphone(1, person(0))
        },
    );
    company.now_settles();

    assert!(company.has(device(0), app(0)) && company.has(device(1), app(0)));
    assert_eq!(company.holders(), people([0]));
}

#[test]
fn a_licence_goes_to_the_group_with_priority_then_to_required_then_to_whoever_has_waited_longest() {
    let mut company = company(4, 1);
    for (number, priority) in [(1, 0), (2, 0), (3, 0), (4, 5)] {
        company
            .group(number, GroupKind::User, priority)
            .people
            .insert(person(number - 1));
    }
    company.deploy(1, Approval::Available);
    company.also_deploy(2, Approval::Required);
    company.also_deploy(3, Approval::Required);
    company.also_deploy(4, Approval::Available);
    let lines = &mut company.app(app(0)).deployments;
    lines[2].since = NOW - DAY;
    company.app(app(0)).requests = [(person(0), NOW - DAY * 9), (person(3), NOW)].into();

    let decision = company.decision(app(0));
    let line: Vec<Holder> = decision.next.into_iter().chain(decision.waiting).collect();
    assert_eq!(line, holders([3, 2, 1, 0]));
}

/// The app is required of the one and available to the other as well, who has not asked for it.
#[test]
fn available_moves_nobody_up_who_has_not_asked() {
    let mut company = company(2, 1);
    company.group(1, GroupKind::User, 0).people.extend(people(0..2));
    company.group(2, GroupKind::User, 9).people.insert(person(1));
    company.deploy(1, Approval::Required);
    company.also_deploy(2, Approval::Available);
    assert_eq!(company.decision(app(0)).next, holders([0]));

    company.app(app(0)).requests.insert(person(1), NOW);
    assert_eq!(company.decision(app(0)).next, holders([1]));
}

#[test]
fn nobody_loses_a_licence_to_somebody_who_ranks_higher() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();

    company.world.people.insert(person(7), member(7));
    company.world.devices.insert(device(7), iphone(7, person(7)));
    company.group(1, GroupKind::User, 100).people.insert(person(7));
    company.also_deploy(1, Approval::Required);
    company.now_settles();

    assert_eq!(company.holders(), people([0]));
    assert_eq!(company.decision(app(0)).waiting, holders([7]));
}

#[test]
fn a_person_is_made_known_invited_and_licensed_one_after_the_other() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.people.get_mut(&person(0)).unwrap().program = Program::None;

    assert_eq!(company.act().steps, [Step::CreateUser { person: person(0) }]);
    company.all_goes_well();
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::UserNotEnrolledInProgram)
    );
    assert_eq!(
        company.act().steps,
        [Step::Invite {
            person: person(0),
            device: device(0)
        }]
    );
    company.all_goes_well();
    assert_eq!(company.act().steps, [], "the person is asked once");
    company.all_goes_well();
    assert_eq!(
        company.act().steps,
        [Step::Associate {
            app: app(0),
            holder: person(0).into()
        }]
    );
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::LicenseAssociationPending)
    );
    company.all_goes_well();
    assert_eq!(
        company.act().steps,
        [Step::Install {
            app: app(0),
            device: device(0),
            with: HolderKind::User
        }]
    );
    assert_eq!(company.said(0), (InstallState::PendingInstall, Detail::AwaitingDevice));
    company.all_goes_well();
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::InstalledUnverified)
    );
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// Found with a person of two phones: one could not show the invitation, and the other was never asked.
#[test]
fn a_phone_that_cannot_show_the_invitation_does_not_keep_its_owner_out() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.devices.insert(device(1), iphone(1, person(0)));
    let registered = Program::Registered {
        invitation: Invitation::None,
    };
    company.world.people.get_mut(&person(0)).unwrap().program = registered;
    let invited = |number| Step::Invite {
        person: person(0),
        device: device(number),
    };
    company.device(device(1)).heard_at = Some(NOW - MINUTE);
    assert_eq!(company.act().steps, [invited(0)]);
    assert_eq!(company.plans(), []);

    company.world.now = company.world.now + company.world.policy.invite_next_after;
    assert_eq!(company.act().steps, [invited(1)]);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// The licence is bound to the client user that is no more: the list that shows it gone comes first.
#[test]
fn whoever_apple_retired_gets_a_new_client_user_once_their_licences_are_gone() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.world.people.get_mut(&person(0)).unwrap().program = Program::Retired;
    assert_eq!(company.plans(), []);

    company.ledger.clear();
    company.happens(&Happening::AppleIsRead);
    assert_eq!(company.act().steps, [Step::CreateUser { person: person(0) }]);
    company.now_settles();

    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.holders(), people([0]));
}

#[test]
fn people_who_have_not_accepted_do_not_hold_up_those_who_have() {
    let mut company = deployed(3, 1, Approval::Required);
    let shown = Program::Registered {
        invitation: Invitation::Shown { at: NOW },
    };
    let waiting = company.world.people.get_mut(&person(0)).unwrap();
    (waiting.program, waiting.invited) = (shown, invited(shown));
    company.act();

    assert!(company.seat(0).is_none() && company.seat(1).is_some());
    assert_eq!(
        company.decision(app(0)).waiting,
        holders([0, 2]),
        "and keep their place in the line"
    );
}

#[test]
fn a_device_in_setup_assistant_is_released_and_not_invited() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.people.get_mut(&person(0)).unwrap().program = Program::Registered {
        invitation: Invitation::None,
    };
    company.device(device(0)).awaiting_configuration = true;
    company.device(device(0)).informed_at = None;

    assert_eq!(
        company.plans(),
        [
            Step::Release { device: device(0) },
            Step::AskInformation { device: device(0) }
        ]
    );
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// A41: the licence returns only after the app is known to be gone.
#[test]
fn uninstall_returns_the_licence_only_after_proof() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();

    company.deploy(0, Approval::Uninstall);
    assert_eq!(
        company.act().steps,
        [Step::Remove {
            app: app(0),
            device: device(0)
        }]
    );
    assert_eq!(company.said(0), (InstallState::Installed, Detail::UninstallPending));

    company.all_goes_well();
    assert_eq!(company.act().steps, [], "an acknowledgement is no proof");
    assert_eq!(company.said(0), (InstallState::Unknown, Detail::UninstallPending));

    company.world.now = company.world.now + MINUTE;
    assert_eq!(company.act().steps, [Step::AskApps { device: device(0) }]);
    company.lists(device(0));
    assert_eq!(
        company.said(0),
        (InstallState::NotInstalled, Detail::LicenseReturnPending)
    );
    assert_eq!(
        company.act().steps,
        [Step::Disassociate {
            app: app(0),
            holder: person(0).into()
        }]
    );
    assert_eq!(company.decision(app(0)).counts.free, Some(0), "Apple may still say no");

    company.all_goes_well();
    assert_eq!(company.decision(app(0)).counts.free, Some(1));
    assert_eq!(
        company.said(0),
        (InstallState::NotInstalled, Detail::NoAdditionalDetails)
    );
}

#[test]
fn a_licence_that_is_being_returned_is_not_handed_out_in_the_same_plan() {
    let mut company = deployed(2, 1, Approval::Required);
    company.now_settles();
    company.world.people.get_mut(&person(0)).unwrap().left = true;
    company.install(device(0), app(0)).forgotten();
    company.device(device(0)).enrolment = Enrolment::Gone;

    assert_eq!(
        company.act().steps,
        [Step::Disassociate {
            app: app(0),
            holder: person(0).into()
        }]
    );
    company.all_goes_well();
    assert_eq!(
        company.act().steps,
        [
            Step::Associate {
                app: app(0),
                holder: person(1).into()
            },
            Step::RetireUser { person: person(0) }
        ]
    );
}

#[test]
fn whoever_leaves_is_retired_at_apple_after_the_app_is_gone_and_the_licence_back() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.leaves(person(0));

    let mut taken = Vec::new();
    for _ in 0..10 {
        let steps = company.act().steps;
        taken.extend(steps.into_iter().filter(|step| !matches!(step, Step::AskApps { .. })));
        company.all_goes_well();
        company.world.now = company.world.now + MINUTE;
    }

    let person = person(0);
    let expected = [
        Step::Remove {
            app: app(0),
            device: device(0),
        },
        Step::Disassociate {
            app: app(0),
            holder: person.into(),
        },
        Step::RetireUser { person },
    ];
    assert_eq!(taken, expected);
    assert_eq!(company.world.people[&person].program, Program::Retired);
}

/// Retiring takes the licences that can be taken back, and leaves a book with its reader.
#[test]
fn a_licence_that_cannot_come_back_keeps_nobody_from_being_retired() {
    let mut company = deployed(1, 1, Approval::Required);
    company.app(app(0)).revocable = false;
    company.now_settles();
    company.leaves(person(0));
    company.now_settles();

    assert_eq!(company.holders(), people([0]));
    assert_eq!(company.world.people[&person(0)].program, Program::Retired);
}

#[test]
fn whoever_comes_back_before_being_retired_goes_on_with_the_same_client_user() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    let program = company.world.people[&person(0)].program;
    company.leaves(person(0));
    company.act();
    company.all_goes_well();

    company.comes_back(0);
    company.now_settles();

    assert_eq!(company.world.people[&person(0)].program, program);
    assert_eq!(company.said(0), INSTALLED);
}

#[test]
fn whoever_comes_back_after_being_retired_is_made_known_and_invited_anew() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.leaves(person(0));
    company.now_settles();

    company.comes_back(0);
    assert_eq!(company.act().steps, [Step::CreateUser { person: person(0) }]);
    company.all_goes_well();
    let invited = Step::Invite {
        person: person(0),
        device: device(0),
    };
    assert_eq!(company.act().steps, [invited]);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// Apple may have done it already, so nobody counts on the old one any more.
#[test]
fn whoever_comes_back_while_apple_is_asked_waits_for_its_answer() {
    let mut company = deployed(1, 1, Approval::Required);
    company.leaves(person(0));
    assert_eq!(company.act().steps, [Step::RetireUser { person: person(0) }]);

    company.comes_back(0);
    assert_eq!(company.plans(), []);
    company.all_goes_well();
    assert_eq!(company.plans(), [Step::CreateUser { person: person(0) }]);
}

#[test]
fn whoever_leaves_the_group_or_the_organisation_gives_the_licence_back() {
    for leaves in [
        |company: &mut Reality| assert!(company.group(0, GroupKind::User, 0).people.remove(&person(0))),
        |company: &mut Reality| company.world.people.get_mut(&person(0)).unwrap().left = true,
        |company: &mut Reality| company.deploy(0, Approval::NotApplicable),
        |company: &mut Reality| company.app(app(0)).deployments.clear(),
    ] {
        let mut company = deployed(1, 1, Approval::Required);
        company.now_settles();
        leaves(&mut company);
        company.now_settles();
        assert!(company.holders().is_empty() && !company.has(device(0), app(0)));
    }
}

#[test]
fn a_licence_of_a_book_stays_where_it_is() {
    let mut company = deployed(1, 1, Approval::Required);
    company.app(app(0)).revocable = false;
    company.now_settles();

    company.deploy(0, Approval::Uninstall);
    company.now_settles();

    assert!(!company.has(device(0), app(0)));
    assert_eq!(company.holders(), people([0]));
    assert_eq!(
        company.said(0),
        (InstallState::NotInstalled, Detail::NoAdditionalDetails),
        "nothing is on its way"
    );
}

/// A30.
#[test]
fn an_app_that_becomes_available_instead_of_required_stays_and_so_does_its_licence() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();

    company.deploy(0, Approval::Available);
    company.now_settles();

    assert_eq!(company.holders(), people([0]));
    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.plans(), []);
}

/// A29. Other lists in the meantime do not put it off.
#[test]
fn a_required_app_that_the_person_removed_comes_back_after_seven_days() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.apps.insert((device(0), app(0)), There::RemovedByUser);
    company.lists(device(0));
    assert_eq!(
        company.said(0),
        (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent)
    );

    for _ in 1..7 {
        company.world.now = company.world.now + DAY;
        company.lists(device(0));
        assert_eq!(company.plans(), []);
    }
    company.world.now = company.world.now + DAY;
    assert_eq!(
        company.plans(),
        [Step::Install {
            app: app(0),
            device: device(0),
            with: HolderKind::User
        }]
    );
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

#[test]
fn an_available_app_is_installed_when_the_person_asks_and_again_when_they_ask_again() {
    let mut company = deployed(1, 1, Approval::Available);
    company.now_settles();
    assert_eq!(company.said(0), (InstallState::NotInstalled, Detail::NotRequested));
    assert!(
        company.holders().is_empty(),
        "a licence is not spent on those who did not ask"
    );

    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);

    company.apps.insert((device(0), app(0)), There::RemovedByUser);
    company.lists(device(0));
    company.settles(3, DAY * 8);
    assert_eq!(
        company.said(0),
        (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent)
    );

    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

#[test]
fn who_cancelled_the_prompt_of_a_required_app_is_asked_again_after_seven_days() {
    let again = [Step::Install {
        app: app(0),
        device: device(0),
        with: HolderKind::User,
    }];
    for (turned_down, detail) in [
        (Seen::Rejected, Detail::UserRejectedInstall),
        (Seen::Unmanaged, Detail::InstalledUnmanaged),
    ] {
        let mut company = deployed(1, 1, Approval::Required);
        company.now_settles();
        for _ in 0..3 {
            let now = company.world.now;
            let install = company.install(device(0), app(0));
            install.asked_install(HolderKind::User, now);
            install.accepted(now);
            install.listed(turned_down, now);

            assert_eq!(company.said(0), (InstallState::Failed, detail));
            company.world.now = now + DAY * 7 - MINUTE;
            assert_eq!(company.plans(), [], "not before the next inventory");
            company.world.now = now + DAY * 7;
            assert_eq!(company.plans(), again);
        }
    }
}

/// An app that is only available waits until they ask for it themselves.
#[test]
fn who_cancelled_the_prompt_of_an_available_app_is_left_alone() {
    let mut company = deployed(1, 1, Approval::Available);
    company.app(app(0)).requests.insert(person(0), NOW);
    company.now_settles();
    let now = company.world.now;
    let install = company.install(device(0), app(0));
    install.asked_install(HolderKind::User, now);
    install.accepted(now);
    install.listed(Seen::Rejected, now);

    company.world.now = now + DAY * 30;
    assert_eq!(company.plans(), []);
}

#[test]
fn a_failure_is_tried_again_and_then_shown() {
    let mut company = deployed(1, 1, Approval::Required);
    company.act();
    company.all_goes_well();
    for attempt in 0..5 {
        company.world.now = company.world.now + MINUTE * (1 << attempt);
        assert_eq!(
            company.act().steps,
            [Step::Install {
                app: app(0),
                device: device(0),
                with: HolderKind::User
            }],
            "attempt {attempt}"
        );
        let now = company.world.now;
        company
            .install(device(0), app(0))
            .failed(FailureClass::Retry, "MCMDMErrorDomain 12064".into(), now);
        assert_eq!(company.plans(), [], "not at once");
        let state = if attempt < 4 {
            InstallState::PendingInstall
        } else {
            InstallState::Failed
        };
        assert_eq!(company.said(0), (state, Detail::SeeInstallErrorCode));
    }
    company.world.now = company.world.now + DAY;
    assert_eq!(company.plans(), []);
    company.world.now = company.world.now + DAY * 7;
    assert_eq!(
        company.plans(),
        [Step::Install {
            app: app(0),
            device: device(0),
            with: HolderKind::User
        }]
    );
}

#[test]
fn what_failed_is_tried_again_in_the_moment_that_was_said_and_not_before() {
    let mut company = deployed(1, 1, Approval::Required);
    company.act();
    company.all_goes_well();
    company.world.now = company.world.now + MINUTE;
    company.act();
    let failed = company.world.now;
    company
        .install(device(0), app(0))
        .failed(FailureClass::Retry, "12064".into(), failed);
    let again = company.install(device(0), app(0)).next_try(&Policy::default()).unwrap();
    company.world.now = Time(again.0 - 1);
    assert_eq!(company.plans(), []);
    company.world.now = again;
    assert_eq!(company.plans().len(), 1);
}

#[test]
fn whoever_asked_before_the_app_was_seen_to_be_gone_has_not_asked_again() {
    let mut company = deployed(1, 1, Approval::Available);
    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    let seen = company.world.now;
    company.install(device(0), app(0)).listed(Seen::RemovedByUser, seen);
    for (asked, installs) in [(seen, false), (Time(seen.0 + 1), true)] {
        company.app(app(0)).requests.insert(person(0), asked);
        let planned = company.plans();
        let install = planned.iter().any(|step| matches!(step, Step::Install { .. }));
        assert_eq!(install, installs, "{planned:?}");
    }
}

#[test]
fn whom_apple_did_not_register_is_asked_for_again_when_it_is_time() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.people.get_mut(&person(0)).unwrap().program = Program::Refused {
        error_number: 9604,
        not_before: NOW + MINUTE,
    };
    company.world.now = Time((NOW + MINUTE).0 - 1);
    assert_eq!(company.plans(), []);
    company.world.now = NOW + MINUTE;
    assert_eq!(company.plans(), [Step::CreateUser { person: person(0) }]);
}

/// A failed installation says nothing of the removal.
#[test]
fn an_uninstall_does_not_wait_for_an_earlier_failure_to_calm_down() {
    let mut company = deployed(1, 1, Approval::Required);
    company.act();
    company.all_goes_well();
    company.act();
    let now = company.world.now;
    let install = company.install(device(0), app(0));
    install.failed(FailureClass::Permanent, "12005".into(), now);
    install.asked_install(HolderKind::User, now);
    install.accepted(now);

    company.deploy(0, Approval::Uninstall);
    assert_eq!(
        company.plans(),
        [Step::Remove {
            app: app(0),
            device: device(0)
        }]
    );
}

#[test]
fn a_removal_that_cannot_be_done_is_shown_and_the_licence_stays() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.deploy(0, Approval::Uninstall);
    company.act();
    let now = company.world.now;
    company
        .install(device(0), app(0))
        .failed(FailureClass::Permanent, "12065".into(), now);

    assert_eq!(
        company.said(0),
        (InstallState::UninstallFailed, Detail::SeeUninstallErrorCode)
    );
    company.now_settles();
    assert_eq!(company.holders(), people([0]));
}

/// A10.
#[test]
fn under_the_2016_policy_a_device_enrolled_through_dep_is_not_served() {
    let mut company = deployed(2, 2, Approval::Required);
    company.device(device(0)).dep = true;
    company.world.policy.policy_2016 = true;
    company.now_settles();

    assert_eq!(
        company.said(0),
        (InstallState::NotApplicable, Detail::DeviceEnrolledThroughDep)
    );
    assert_eq!(company.holders(), people([1]));

    company.world.policy.policy_2016 = false;
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// What is there already goes on, licence and all; only nothing new comes.
#[test]
fn a_device_that_may_not_have_the_app_any_more_keeps_the_one_it_has() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).dep = true;
    company.world.policy.policy_2016 = true;
    company.now_settles();

    assert_eq!(company.said(0), INSTALLED);
    assert!(company.decision(app(0)).people[&person(0)].keeps_seat);
    company.apps.insert((device(0), app(0)), There::RemovedByUser);
    company.lists(device(0));
    company.now_settles();
    assert_eq!(
        company.said(0),
        (InstallState::NotApplicable, Detail::DeviceEnrolledThroughDep)
    );
    assert!(company.holders().is_empty());
}

/// A11.
#[test]
fn under_the_2016_policy_no_licence_is_a_failure_and_the_place_is_known_all_the_same() {
    let mut company = deployed(3, 1, Approval::Required);
    company.world.policy.policy_2016 = true;
    company.now_settles();

    assert_eq!(company.said(2), (InstallState::Failed, Detail::NoLicenseAvailable));
    assert_eq!(company.decision(app(0)).people[&person(2)].place, Some(Place::At(2)));
}

#[test]
fn a_device_that_cannot_run_the_app_uses_no_licence() {
    for (change, detail) in [
        (
            (|device| device.platform = Platform::TvOs) as fn(&mut Device),
            Detail::PlatformNotApplicable,
        ),
        (|device| device.os_version = vec![16, 7], Detail::MinimumOsVersionNotMet),
    ] {
        let mut company = deployed(1, 1, Approval::Required);
        company.app(app(0)).minimum_os = vec![17];
        change(company.device(device(0)));
        company.now_settles();
        assert_eq!(company.said(0), (InstallState::NotApplicable, detail));
        assert!(company.holders().is_empty());
    }
}

#[test]
fn a_person_without_a_device_is_told_so_and_uses_no_licence() {
    let mut company = deployed(1, 1, Approval::Required);
    company.world.devices.clear();
    company.now_settles();

    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::NoEligibleDevice)
    );
    assert!(company.holders().is_empty());
}

#[test]
fn a_device_that_is_gone_gives_the_licence_back() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).enrolment = Enrolment::Gone;
    company.install(device(0), app(0)).forgotten();
    company.now_settles();

    assert!(company.holders().is_empty());
}

/// Lost or handed on: until the device says that it went, nobody knows that the app is gone (A41).
#[test]
fn a_device_that_was_told_to_leave_keeps_its_licence_until_it_has_left() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).enrolment = Enrolment::Wiping;

    assert_eq!(company.plans(), [], "it is asked nothing else");
    assert_eq!(company.said(0), (InstallState::Installed, Detail::DeviceLeaving));
    assert_eq!(company.holders(), people([0]));
    assert!(company.is_to_return(0));

    company.device(device(0)).enrolment = Enrolment::Wiped;
    company.install(device(0), app(0)).forgotten();
    company.now_settles();
    assert!(company.holders().is_empty() && !company.is_to_return(0));
}

#[test]
fn a_device_that_retires_loses_its_apps_first_and_its_profile_last() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).enrolment = Enrolment::Retiring;

    let (app, device) = (app(0), device(0));
    assert_eq!(company.act().steps, [Step::Remove { app, device }]);
    assert_eq!(company.said(0), (InstallState::Installed, Detail::DeviceLeaving));
    company.all_goes_well();
    assert_eq!(company.plans(), [], "the removal is not proved yet");
    assert!(company.is_to_return(0));

    company.world.now = company.world.now + MINUTE;
    assert_eq!(company.act().steps, [Step::AskApps { device }]);
    company.all_goes_well();
    let (gone, back) = (
        Step::Unenrol { device },
        Step::Disassociate {
            app,
            holder: person(0).into(),
        },
    );
    assert_eq!(company.act().steps, [back, gone]);
    assert_eq!(company.plans(), [], "once");
    company.all_goes_well();
    assert!(company.holders().is_empty() && !company.is_to_return(0));
    assert_eq!(company.world.devices[&device].enrolment, Enrolment::Retired);
}

/// The app that cannot be removed goes with the profile. Until then its licence stays.
#[test]
fn an_app_that_cannot_be_removed_does_not_keep_a_device_from_retiring() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).enrolment = Enrolment::Retiring;
    company.act();
    let now = company.world.now;
    company
        .install(device(0), app(0))
        .failed(FailureClass::Permanent, "12038".into(), now);

    assert_eq!(company.act().steps, [Step::Unenrol { device: device(0) }]);
    assert_eq!(company.holders(), people([0]));
    company.now_settles();
    assert!(company.holders().is_empty());
}

/// Nobody knows whether it is lost. Its licences help others meanwhile.
#[test]
fn a_device_that_is_not_heard_keeps_no_licence_and_gets_its_apps_again_when_it_is() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.device(device(0)).silent_since = Some(company.world.now);
    company.install(device(0), app(0)).forgotten();
    company.now_settles();
    assert!(company.holders().is_empty());

    company.device(device(0)).silent_since = None;
    company.now_settles();
    assert_eq!(company.holders(), people([0]));
    assert_eq!(company.said(0), (InstallState::Installed, Detail::NoAdditionalDetails));
}

/// Or nothing would wait for it, and nobody would ever wake it again.
#[test]
fn a_device_that_is_not_heard_has_one_question_waiting_for_it() {
    let ask = [Step::AskInformation { device: device(0) }];
    let mut company = company(1, 1);
    company.device(device(0)).silent_since = Some(NOW);
    assert_eq!(company.plans(), ask);
    company.device(device(0)).asked_information = true;
    assert_eq!(company.plans(), [], "it is waiting");

    company.device(device(0)).asked_information = false;
    company.device(device(0)).enrolment = Enrolment::Wiping;
    assert_eq!(company.plans(), ask);
    company.device(device(0)).asked_to_leave = true;
    assert_eq!(company.plans(), [], "the command that erases it is waiting");

    company.device(device(0)).asked_to_leave = false;
    company.device(device(0)).enrolment = Enrolment::Pending;
    assert_eq!(company.plans(), [], "it never finished its enrolment");
}

#[test]
fn a_device_that_is_leaving_gets_no_licence_any_more() {
    let mut company = deployed(1, 1, Approval::Required);
    company.device(device(0)).enrolment = Enrolment::Retiring;
    company.now_settles();
    assert!(company.holders().is_empty());
}

/// The person cancelled, or it failed for good: an administrator has it tried again.
#[test]
fn what_was_turned_down_is_tried_again_when_somebody_asks_for_it() {
    let mut rejected = deployed(1, 1, Approval::Required);
    rejected.now_settles();
    let now = rejected.world.now;
    let install = rejected.install(device(0), app(0));
    *install = Install {
        seen: Some(Seen::Rejected),
        seen_at: Some(now),
        ..Install::default()
    };
    let mut failed = rejected.clone();
    let install = failed.install(device(0), app(0));
    *install = Install::default();
    install.asked_install(HolderKind::User, now);
    install.failed(FailureClass::Permanent, "12035".into(), now);
    let mut removed = deployed(1, 1, Approval::Required);
    removed.now_settles();
    *removed.install(device(0), app(0)) = Install {
        seen: Some(Seen::RemovedByUser),
        seen_at: Some(now),
        ..Install::default()
    };
    for mut company in [rejected, failed, removed] {
        assert!(company.may_be_tried_again());
        let again = [Step::Install {
            app: app(0),
            device: device(0),
            with: HolderKind::User,
        }];
        company.world.now = now + MINUTE;
        assert_ne!(company.plans(), again);
        company.install(device(0), app(0)).asked_again_at = Some(now + MINUTE);
        assert_eq!(company.plans(), again);
        assert_ne!(company.act().steps, []);
        assert_eq!(company.plans(), [], "asked once");
        assert!(!company.may_be_tried_again(), "it is on its way");
    }
}

/// "Waiting for the device" would be a promise that it is being called.
#[test]
fn a_device_that_cannot_be_woken_is_not_said_to_be_waited_for() {
    let mut company = deployed(1, 1, Approval::Required);
    company.act();
    company.all_goes_well();
    company.act();
    assert_eq!(company.said(0), (InstallState::PendingInstall, Detail::AwaitingDevice));
    company.device(device(0)).unreachable_since = Some(NOW);
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::DeviceUnreachable)
    );
}

#[test]
fn a_device_that_enrols_anew_keeps_the_licence_and_proves_the_app_again() {
    let mut company = deployed(1, 1, Approval::Available);
    company.app(app(0)).requests.insert(person(0), NOW);
    company.now_settles();
    company.app(app(0)).requests.clear();
    company.device(device(0)).enrolment = Enrolment::Pending;
    company.install(device(0), app(0)).forgotten();
    assert_eq!(company.plans(), []);
    assert_eq!(company.said(0), (InstallState::Unknown, Detail::NoAdditionalDetails));

    company.device(device(0)).enrolment = Enrolment::Enrolled;
    assert_eq!(company.plans(), [Step::AskApps { device: device(0) }]);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.holders(), people([0]));
}

/// Whoever has the app already is not shown Apple's question again.
#[test]
fn a_device_that_enrols_anew_is_asked_before_it_is_told_and_told_if_it_cannot_say() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.install(device(0), app(0)).forgotten();
    assert_eq!(company.act().steps, [Step::AskApps { device: device(0) }]);

    let mut mute = company.clone();
    mute.device(device(0)).asked_apps = false;
    mute.install(device(0), app(0)).checks += 1;
    assert_eq!(
        mute.plans(),
        [Step::Install {
            app: app(0),
            device: device(0),
            with: HolderKind::User
        }]
    );

    company.lists(device(0));
    assert_eq!(company.plans(), []);
    assert_eq!(company.said(0), INSTALLED);
}

#[test]
fn an_app_that_is_there_without_a_licence_waits_for_one() {
    let mut company = deployed(2, 1, Approval::Required);
    company.now_settles();
    company.apps.insert((device(1), app(0)), There::Installed);
    company.lists(device(1));

    assert_eq!(company.said(1), (InstallState::Installed, Detail::WaitingForLicense));
    assert_eq!(company.decision(app(0)).waiting, holders([1]));
    company.app(app(0)).owned = Owned::Count(2);
    company.now_settles();
    assert_eq!(company.said(1), INSTALLED);
}

#[test]
fn whom_apple_refused_lately_is_not_asked_for_again_and_is_told_why() {
    let mut company = deployed(1, 1, Approval::Required);
    for (reason, waiting, detail) in [
        (RefusalReason::Stock, holders([0]), Detail::WaitingForLicense),
        // Apple's own trouble is no want of licences: nobody is told to buy any.
        (RefusalReason::Temporary, holders([]), Detail::AppleTrouble),
        (RefusalReason::Refused, holders([]), Detail::LicenseRefused),
    ] {
        let refusal = Refusal {
            reason,
            not_before: NOW + MINUTE,
        };
        company.app(app(0)).refusals.insert(person(0).into(), refusal);

        assert_eq!(company.plans(), []);
        assert_eq!(company.decision(app(0)).waiting, waiting);
        assert_eq!(company.said(0), (InstallState::PendingInstall, detail));
    }
    company.world.now = NOW + MINUTE;
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::LicenseAssociationPending)
    );
    assert_eq!(
        company.plans(),
        [Step::Associate {
            app: app(0),
            holder: person(0).into()
        }]
    );
}

#[test]
fn without_a_usable_token_nothing_is_asked_of_apple_and_devices_are_served_all_the_same() {
    let mut company = deployed(2, 2, Approval::Required);
    company
        .app(app(0))
        .seats
        .insert(person(0).into(), Seat::Held { since: NOW });
    for token in [
        TokenState::Expired,
        TokenState::Revoked,
        TokenState::Invalid,
        TokenState::AssignedToExternalMdm,
    ] {
        company.world.token = token;
        assert_eq!(
            company.plans(),
            [Step::Install {
                app: app(0),
                device: device(0),
                with: HolderKind::User
            }]
        );
        assert_eq!(company.said(1), (InstallState::PendingInstall, Detail::TokenNotUsable));
    }
}

/// A35: what the person asked for does not outweigh what the administrator said.
#[test]
fn an_uninstall_wins_over_the_persons_own_request_and_says_so() {
    let mut company = deployed(1, 1, Approval::Uninstall);
    company.app(app(0)).requests.insert(person(0), NOW);

    let resolution = company.decision(app(0)).people[&person(0)].resolution.clone();
    assert!(resolution.uninstall);
    assert_eq!(resolution.rule, Rule::AdministratorBeatsUser);
    company.now_settles();
    assert!(company.holders().is_empty());
}

#[test]
fn a_device_group_reaches_that_device_and_no_other_of_its_person() {
    let mut company = company(1, 1);
    company.world.devices.insert(device(1), iphone(1, person(0)));
    company.group(1, GroupKind::Device, 0).devices.insert(device(1));
    company.deploy(1, Approval::Required);
    company.now_settles();

    assert!(company.has(device(1), app(0)) && !company.has(device(0), app(0)));
}

/// A decision covers every device of a person whom a group of devices reaches through one of them.
#[test]
fn an_app_has_to_do_with_the_devices_that_it_is_deployed_to_and_with_those_that_have_it() {
    let mut company = company(1, 1);
    for number in [1, 2] {
        company.world.devices.insert(device(number), iphone(number, person(0)));
    }
    company.group(1, GroupKind::Device, 0).devices.insert(device(1));
    company.deploy(1, Approval::Required);
    let mut install = Install::default();
    install.listed(Seen::Installed, NOW);
    company.app(app(0)).installs.insert(device(2), install);
    let devices = &company.decision(app(0)).people[&person(0)].devices;
    let concerned: Vec<DeviceId> = devices
        .values()
        .filter(|it| it.concerns())
        .map(|it| it.device)
        .collect();
    assert_eq!((devices.len(), concerned), (3, vec![device(1), device(2)]));

    // It is nowhere, and what is said of all of them is that the licence goes back.
    company.deploy(1, Approval::Uninstall);
    company.app(app(0)).installs.clear();
    company
        .app(app(0))
        .seats
        .insert(person(0).into(), Seat::Held { since: NOW });
    let devices = &company.decision(app(0)).people[&person(0)].devices;
    assert!(devices.values().all(DeviceVerdict::concerns));
}

/// A licence for an app that nobody can install or prove would be wasted on whoever gets it.
#[test]
fn an_app_whose_bundle_id_is_unknown_takes_no_licence_until_it_is_known() {
    let mut company = deployed(1, 1, Approval::Required);
    let known = company.app(app(0)).bundle_id.take();

    assert_eq!(company.plans(), []);
    assert_eq!(company.said(0), (InstallState::PendingInstall, Detail::AppNotDescribed));
    company.app(app(0)).bundle_id = known;
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

/// An app that lost its description keeps the licences that are out.
#[test]
fn a_licence_stays_while_the_bundle_id_is_unknown() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.app(app(0)).bundle_id = None;

    assert_eq!(company.plans(), []);
}

const EARLY: (InstallState, Detail) = (InstallState::NotInstalled, Detail::DeadlineAhead);

/// So many people, and an app that is required from tomorrow on.
fn due_tomorrow(people: usize, owned: u64) -> Reality {
    let mut company = deployed(people, owned, Approval::Required);
    company.app(app(0)).deployments[0].deadline = Some(NOW + DAY);
    company
}

/// A24.
#[test]
fn nothing_is_forced_on_anybody_before_the_deadline() {
    let mut company = due_tomorrow(2, 2);
    company.now_settles();

    assert_eq!((company.said(0), company.holders()), (EARLY, people([])));
    let resolution = &company.decision(app(0)).people[&person(0)].resolution;
    assert_eq!(
        (resolution.required, resolution.required_from),
        (false, Some(NOW + DAY))
    );

    company.world.now = NOW + DAY;
    company.now_settles();
    assert_eq!((company.said(0), company.said(1)), (INSTALLED, INSTALLED));
    let resolution = &company.decision(app(0)).people[&person(0)].resolution;
    assert_eq!((resolution.required, resolution.required_from), (true, None));
}

#[test]
fn whoever_asks_before_the_deadline_gets_the_app_before_it() {
    let mut company = due_tomorrow(2, 2);
    company.app(app(0)).requests.insert(person(1), NOW);
    company.now_settles();

    assert_eq!((company.said(0), company.said(1)), (EARLY, INSTALLED));
    assert_eq!(company.holders(), people([1]));
}

/// Asking early never costs a place: at the deadline everybody becomes due at once.
#[test]
fn whoever_asked_before_the_deadline_comes_before_those_who_did_not() {
    let mut company = due_tomorrow(3, 1);
    let licences = company.world.apps[&app(0)].owned;
    company.app(app(0)).owned = Owned::Count(0);
    company.app(app(0)).requests.insert(person(2), NOW);
    company.world.now = NOW + DAY;
    assert_eq!(company.decision(app(0)).waiting, holders([2, 0, 1]));

    company.app(app(0)).owned = licences;
    company.now_settles();
    assert_eq!(company.holders(), people([2]));
}

#[test]
fn an_app_that_gets_a_deadline_later_stays_where_it_is() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.app(app(0)).deployments[0].deadline = Some(company.world.now + DAY);
    company.now_settles();

    assert_eq!((company.said(0), company.holders()), (INSTALLED, people([0])));
}

/// What is removed by its owner before the deadline comes back at the deadline, and not before.
#[test]
fn who_removes_an_app_before_its_deadline_has_it_back_after_it() {
    let mut company = due_tomorrow(1, 1);
    company.world.policy.inventory_every = MINUTE;
    company.app(app(0)).requests.insert(person(0), NOW);
    company.now_settles();
    company.apps.insert((device(0), app(0)), There::RemovedByUser);
    company.now_settles();
    assert!(!company.has(device(0), app(0)));

    company.world.now = NOW + DAY;
    company.now_settles();
    assert!(company.has(device(0), app(0)));
}

/// Two lines may say different things before and after a deadline; what is told is what will be.
#[test]
fn a_deadline_that_will_be_overruled_is_not_promised() {
    let mut company = due_tomorrow(1, 1);
    let tablets = company.group(1, GroupKind::Device, 0);
    tablets.devices.insert(device(0));
    company.also_deploy(1, Approval::NotApplicable);

    let resolution = company.decision(app(0)).people[&person(0)].resolution.clone();
    assert_eq!(resolution.rule, Rule::AvailableDespiteNotApplicable);
    assert_eq!(resolution.required_from, None, "the device group will win (A33)");
}

/// What is said of a person is said of the device that the organisation wants most of.
#[test]
fn of_a_persons_devices_the_strongest_intent_is_told() {
    let strongest_first = [
        Some(Approval::Required),
        Some(Approval::Available),
        Some(Approval::Uninstall),
        Some(Approval::NotApplicable),
        None,
    ];
    for (rank, strong) in strongest_first.into_iter().enumerate() {
        for weak in &strongest_first[rank + 1..] {
            for both in [[strong, *weak], [*weak, strong]] {
                let mut company = company(1, 1);
                company.world.devices.insert(device(1), iphone(1, person(0)));
                for (number, approval) in both.into_iter().enumerate() {
                    if let Some(approval) = approval {
                        company
                            .group(number + 1, GroupKind::Device, 0)
                            .devices
                            .insert(device(number));
                        company.also_deploy(number + 1, approval);
                    }
                }
                let told = &company.decision(app(0)).people[&person(0)].resolution;
                let told = match told {
                    told if told.required => Some(Approval::Required),
                    told if told.available => Some(Approval::Available),
                    told if told.uninstall => Some(Approval::Uninstall),
                    told if told.not_applicable => Some(Approval::NotApplicable),
                    _ => None,
                };
                assert_eq!(told, strong, "{both:?}");
            }
        }
    }
}

#[test]
fn whoever_asks_for_what_they_get_anyway_contradicts_nobody() {
    let mut company = deployed(1, 1, Approval::Required);
    let rule = |company: &Reality| company.decision(app(0)).people[&person(0)].resolution.rule;
    assert_eq!(rule(&company), Rule::OnlyIntent);
    company.app(app(0)).requests.insert(person(0), NOW);
    assert_eq!(rule(&company), Rule::OnlyIntent);
    company.deploy(0, Approval::Uninstall);
    assert_eq!(rule(&company), Rule::AdministratorBeatsUser);
}

#[test]
fn whoever_has_no_device_and_did_not_ask_is_not_told_to_get_one() {
    let mut company = deployed(1, 1, Approval::Available);
    company.world.devices.clear();
    assert_eq!(company.said(0), (InstallState::NotInstalled, Detail::NotRequested));
    company.app(app(0)).requests.insert(person(0), NOW);
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::NoEligibleDevice)
    );
}

#[test]
fn of_a_device_on_its_way_out_only_what_may_be_on_it_is_told() {
    let mut company = deployed(1, 1, Approval::Required);
    company.act();
    company.all_goes_well();
    company.device(device(0)).enrolment = Enrolment::Retiring;
    let mut accepted = Install::default();
    accepted.accepted(NOW);
    let mut absent = Install::default();
    absent.listed(Seen::Absent, NOW);
    for (install, said) in [
        (accepted, (InstallState::Unknown, Detail::DeviceLeaving)),
        (absent, (InstallState::NotInstalled, Detail::LicenseReturnPending)),
    ] {
        *company.install(device(0), app(0)) = install;
        company
            .app(app(0))
            .seats
            .insert(person(0).into(), Seat::Held { since: NOW });
        assert_eq!(company.said(0), said);
    }
}

/// The first thing that is missing is told, and nothing is missing that nobody wants.
#[test]
fn what_keeps_an_app_from_its_device_is_told_in_the_order_in_which_it_is_mended() {
    let pending = |detail| (InstallState::PendingInstall, detail);
    let mut company = deployed(1, 1, Approval::Required);
    company.device(device(0)).enrolment = Enrolment::Pending;
    assert_eq!(company.said(0), pending(Detail::AwaitingDevice));
    company.device(device(0)).enrolment = Enrolment::Enrolled;
    let known = company.app(app(0)).bundle_id.take();
    assert_eq!(company.said(0), pending(Detail::AppNotDescribed));
    company.deploy(0, Approval::Available);
    assert_eq!(company.said(0), (InstallState::NotInstalled, Detail::NotRequested));
    company.deploy(0, Approval::Required);
    company.app(app(0)).bundle_id = known;

    let program = |company: &mut Reality, program| {
        company.world.people.get_mut(&person(0)).unwrap().program = program;
    };
    program(
        &mut company,
        Program::Refused {
            error_number: 9604,
            not_before: NOW + DAY,
        },
    );
    assert_eq!(company.said(0), pending(Detail::ProgramRefused));
    let invitation = Invitation::None;
    program(&mut company, Program::Registered { invitation });
    assert_eq!(company.said(0), pending(Detail::UserNotEnrolledInProgram));
    company
        .app(app(0))
        .seats
        .insert(person(0).into(), Seat::Held { since: NOW });
    assert_eq!(company.said(0), pending(Detail::UserNotEnrolledInProgram));
    company.app(app(0)).seats.clear();
    program(&mut company, Program::Associated { since: NOW });
    assert_eq!(company.said(0), pending(Detail::LicenseAssociationPending));

    company
        .app(app(0))
        .seats
        .insert(person(0).into(), Seat::Held { since: NOW });
    assert_eq!(company.said(0), pending(Detail::AwaitingDevice));
    company.install(device(0), app(0)).accepted(NOW);
    assert_eq!(company.said(0), pending(Detail::InstalledUnverified));
    for (seen, detail) in [
        (Seen::Installing, Detail::Installing),
        (Seen::AwaitingConsent, Detail::AwaitingUserConsent),
        (Seen::AwaitingLogin, Detail::UserIsNotLoggedIntoAppStore),
    ] {
        company.install(device(0), app(0)).listed(seen, NOW);
        assert_eq!(company.said(0), pending(detail));
    }
}

#[test]
fn of_an_app_that_nobody_asked_for_what_is_known_is_told() {
    let mut company = deployed(1, 1, Approval::Available);
    for (seen, said) in [
        (Seen::Unknown, (InstallState::Unknown, Detail::NoAdditionalDetails)),
        (
            Seen::RemovedByUser,
            (InstallState::NotInstalled, Detail::ManagedAppNoLongerPresent),
        ),
        (Seen::Absent, (InstallState::NotInstalled, Detail::NotRequested)),
    ] {
        let mut install = Install::default();
        install.listed(seen, NOW);
        company.app(app(0)).installs.insert(device(0), install);
        assert_eq!(company.said(0), said);
    }
}

#[test]
fn a_removal_is_pending_until_it_has_failed_for_good_and_again_while_it_is_tried_anew() {
    let pending = (InstallState::Installed, Detail::UninstallPending);
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.deploy(0, Approval::Uninstall);
    assert_eq!(company.said(0), pending);
    let now = company.world.now;
    for (class, said) in [
        (FailureClass::Retry, pending),
        (
            FailureClass::Permanent,
            (InstallState::UninstallFailed, Detail::SeeUninstallErrorCode),
        ),
    ] {
        company.install(device(0), app(0)).asked_remove(now);
        company.install(device(0), app(0)).failed(class, "12".into(), now);
        assert_eq!(company.said(0), said);
    }
    company.install(device(0), app(0)).asked_remove(now);
    assert_eq!(company.said(0), pending);
}

#[test]
fn a_persons_devices_are_those_that_are_with_us() {
    let mut company = company(2, 1);
    company.world.devices.insert(device(2), iphone(2, person(0)));
    company.world.devices.insert(device(3), iphone(3, person(0)));
    company.device(device(2)).enrolment = Enrolment::Retired;
    company.device(device(3)).enrolment = Enrolment::Retiring;
    let theirs = company.world.devices_of(person(0));
    let ids: Vec<DeviceId> = theirs.iter().map(|device| device.id).collect();
    assert_eq!(ids, [device(0), device(3)]);
}

/// What is said of a device is what is decided about the licence of somebody who has no other.
#[test]
fn a_licence_goes_back_on_account_of_a_device_that_leaves_or_is_gone_or_silent_for_too_long() {
    use Enrolment::{Enrolled, Gone, Pending, Removed, Retired, Retiring, Wiped, Wiping};
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    for enrolment in [Enrolled, Pending, Retiring, Wiping, Retired, Wiped, Removed, Gone] {
        for silent_since in [None, Some(NOW)] {
            company.device(device(0)).enrolment = enrolment;
            company.device(device(0)).silent_since = silent_since;
            let stays = matches!(enrolment, Enrolled | Pending) && silent_since.is_none();
            assert_eq!(
                enrolment.gives_back(silent_since),
                !stays,
                "{enrolment:?} {silent_since:?}"
            );
            assert_eq!(company.is_to_return(0), !stays, "{enrolment:?} {silent_since:?}");
        }
    }
}

#[test]
fn a_device_may_be_lost_that_was_not_heard_for_a_week_while_it_is_enrolled() {
    let heard_before = |time| Enrolment::Enrolled.is_quiet(Some(NOW - time), NOW);
    assert!(!heard_before(DAY * 7));
    assert!(heard_before(DAY * 7 + MINUTE));
    assert!(Enrolment::Enrolled.is_quiet(None, NOW), "it never said anything");
    for enrolment in [Enrolment::Pending, Enrolment::Retiring, Enrolment::Gone] {
        assert!(!enrolment.is_quiet(None, NOW), "nothing is expected of {enrolment:?}");
    }
}

/// It may be queued there for a while: another command would be another prompt.
#[test]
fn a_device_that_accepted_an_app_is_not_told_again_before_its_lists_have_missed_it_for_a_while() {
    let mut company = deployed(1, 1, Approval::Required);
    company
        .app(app(0))
        .seats
        .insert(person(0).into(), Seat::Held { since: NOW });
    let install = Step::Install {
        app: app(0),
        device: device(0),
        with: HolderKind::User,
    };
    assert!(company.plans().contains(&install));
    company.install(device(0), app(0)).asked_install(HolderKind::User, NOW);
    company.install(device(0), app(0)).accepted(NOW);
    assert!(!company.plans().contains(&install), "nothing was listed yet");
    company.install(device(0), app(0)).listed(Seen::Absent, NOW);
    assert!(!company.plans().contains(&install), "it may be queued");
}

/// Found: what was said of a device was said by the strongest of what reaches any of its person's, and a device with which the
/// app has nothing to do kept its person from having it installed.
#[test]
fn what_reaches_one_device_is_said_of_that_device_and_of_its_person() {
    let mut company = company(1, 1);
    company.world.devices.insert(device(1), iphone(1, person(0)));
    company.group(1, GroupKind::Device, 0).devices.insert(device(0));
    let said = |company: &Reality, number: usize| {
        let verdict = &company.decision(app(0)).people[&person(0)].devices[&device(number)];
        (verdict.state, verdict.detail, verdict.concerns())
    };
    let (nothing, none) = (
        Detail::NoAdditionalDetails,
        (InstallState::NotInstalled, Detail::NoAdditionalDetails, false),
    );
    company.deploy(1, Approval::NotApplicable);
    assert_eq!(said(&company, 0), (InstallState::NotApplicable, nothing, true));
    assert_eq!(said(&company, 1), none);
    assert_eq!(company.said(0), (InstallState::NotApplicable, nothing));

    company.deploy(1, Approval::Required);
    company.now_settles();
    assert_eq!(said(&company, 1), none);
    assert_eq!(company.said(0), INSTALLED);

    // Excluded here, and taken off there.
    company.group(2, GroupKind::Device, 0).devices.insert(device(1));
    company.deploy(1, Approval::Uninstall);
    company.also_deploy(2, Approval::NotApplicable);
    company.now_settles();
    assert_eq!(said(&company, 0).0, InstallState::NotInstalled);
    assert_eq!(said(&company, 1), (InstallState::NotApplicable, nothing, true));
}
