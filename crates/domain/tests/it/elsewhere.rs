//! Somebody else installs: what is ours to give is the licence.

use std::collections::BTreeSet;

use domain::{
    program::Invitation,
    why::{Remedy, Sentence},
    *,
};

use crate::{
    reality::Reality,
    stories::{company, deployed},
    why::Case,
    worlds::*,
};

const LICENSED: (InstallState, Detail) = (InstallState::Licensed, Detail::ExternalInstallation);
const INSTALLED: (InstallState, Detail) = (InstallState::Installed, Detail::NoAdditionalDetails);

fn left_to_others(people: usize, owned: u64, approval: Approval) -> Reality {
    let mut company = deployed(people, owned, approval);
    company.installs(0, Installation::External);
    company
}

impl Reality {
    fn installs(&mut self, line: usize, by: Installation) {
        self.app(app(0)).deployments[line].installation = by;
    }

    fn of_device(&self, number: usize) -> DeviceVerdict {
        let owner = self.world.devices[&device(number)].person;
        self.decision(app(0)).people[&owner].devices[&device(number)].clone()
    }

    fn why(&self, number: usize) -> Sentence {
        let case = Case {
            world: self.world.clone(),
            app: app(0),
            person: person(number),
            device: None,
        };
        case.why().sentence
    }

    /// Whether Apple has given the person a licence.
    fn has_licence(&self, number: usize) -> bool {
        self.ledger.contains(&(app(0), person(number).into()))
    }
}

#[test]
fn whoever_is_reached_has_the_licence_and_their_devices_hear_nothing() {
    let mut company = left_to_others(2, 2, Approval::Required);
    for _ in 0..10 {
        let steps = company.act().steps;
        let gives = |step: &Step| matches!(step, Step::Associate { .. });
        assert!(steps.iter().all(gives), "{steps:?}");
        company.all_goes_well();
        company.world.now = company.world.now + DAY * 8;
    }
    assert_eq!([0, 1].map(|number| company.said(number)), [LICENSED; 2]);
    assert!(company.apps.is_empty());
    assert!(matches!(company.why(0), Sentence::LicensedOnly { .. }));

    // There is nothing to wait for: it goes back with the intent.
    company.app(app(0)).deployments.clear();
    let goes = |number| Step::Disassociate {
        app: app(0),
        holder: person(number).into(),
    };
    assert_eq!(company.act().steps, [goes(0), goes(1)]);
    company.now_settles();
    assert!(company.ledger.is_empty());
}

#[test]
fn nobody_needs_a_device_for_a_licence_of_theirs() {
    let mut company = left_to_others(3, 2, Approval::Required);
    company.world.devices.clear();
    company.world.people.get_mut(&person(2)).unwrap().program = Program::None;
    company.now_settles();
    assert_eq!([0, 1, 2].map(|number| company.has_licence(number)), [true, true, false]);
    assert_eq!(company.said(0), LICENSED);
    // They are registered, and can be shown the invitation nowhere.
    let registered = Program::Registered {
        invitation: Invitation::None,
    };
    assert_eq!(company.world.people[&person(2)].program, registered);
    // Two are owned, and both are out: whoever comes last waits.
    assert_eq!(
        company.said(2),
        (InstallState::PendingInstall, Detail::WaitingForLicense)
    );
    let waiting = company.decision(app(0)).waiting;
    assert_eq!(waiting, [person(2).into()]);
    company.app(app(0)).owned = Owned::Count(3);
    assert_eq!(company.why(2), Sentence::NoDeviceForInvitation);
    let since = company.world.now;
    company.world.people.get_mut(&person(2)).unwrap().program = Program::Associated { since };
    company.now_settles();
    assert!(company.has_licence(2));
}

/// What runs elsewhere runs elsewhere: a Mac here says nothing of it.
#[test]
fn a_device_that_cannot_have_it_keeps_nobody_from_a_licence_of_theirs() {
    let mut company = left_to_others(1, 1, Approval::Required);
    company.device(device(0)).platform = Platform::MacOs;
    company.now_settles();
    assert!(company.has_licence(0));
    assert_eq!(company.said(0), LICENSED);
    let mac = company.of_device(0);
    assert_eq!(
        (mac.state, mac.detail),
        (InstallState::NotApplicable, Detail::PlatformNotApplicable)
    );

    // By a group of devices they are reached through the device, and through no other.
    let mut company = company_with_device_group();
    company.now_settles();
    assert!(company.has_licence(0));
    company.device(device(0)).platform = Platform::MacOs;
    company.now_settles();
    assert!(!company.has_licence(0));
}

fn company_with_device_group() -> Reality {
    let mut company = company(1, 1);
    company.group(1, GroupKind::Device, 0).devices.insert(device(0));
    company.deploy(1, Approval::Required);
    company.installs(0, Installation::External);
    company
}

/// Nobody here has to know how an app is called that somebody else installs.
#[test]
fn an_app_that_nobody_has_described_is_licensed_too() {
    let mut company = left_to_others(1, 1, Approval::Required);
    company.app(app(0)).bundle_id = None;
    company.now_settles();
    assert_eq!(company.said(0), LICENSED);
}

#[test]
fn what_is_available_is_licensed_for_whoever_asks() {
    let mut company = left_to_others(1, 1, Approval::Available);
    company.now_settles();
    assert!(!company.has_licence(0));
    assert_eq!(company.said(0), (InstallState::NotInstalled, Detail::NotRequested));
    company.app(app(0)).requests.insert(person(0), NOW);
    company.now_settles();
    assert!(company.has_licence(0));
    assert_eq!(company.said(0), LICENSED);
}

#[test]
fn a_deployment_that_installs_does_so_beside_one_that_does_not() {
    let mut company = left_to_others(2, 2, Approval::Required);
    company.group(1, GroupKind::User, 0).people.insert(person(0));
    company.also_deploy(1, Approval::Required);
    company.now_settles();
    assert_eq!([company.said(0), company.said(1)], [INSTALLED, LICENSED]);
    // And where the device is in the group that installs.
    let mut company = left_to_others(2, 2, Approval::Required);
    company.group(1, GroupKind::Device, 0).devices.insert(device(1));
    company.also_deploy(1, Approval::Required);
    company.now_settles();
    assert_eq!([company.said(0), company.said(1)], [LICENSED, INSTALLED]);
    assert_eq!(company.ledger.len(), 2, "one licence a person");
}

/// P4 holds for what we installed, whoever installs since.
#[test]
fn what_we_installed_stays_and_is_removed_before_its_licence_goes() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    company.installs(0, Installation::External);
    assert_eq!(company.act().steps, []);
    assert_eq!(company.said(0), INSTALLED, "the device said so");
    company.deploy(0, Approval::Uninstall);
    let removal = Step::Remove {
        app: app(0),
        device: device(0),
    };
    assert_eq!(company.act().steps, [removal]);
    assert!(company.has_licence(0));
    company.now_settles();
    assert!(!company.has_licence(0) && company.apps.is_empty());
}

#[test]
fn whoever_removes_what_we_installed_is_told_nothing_once_somebody_else_installs() {
    let mut company = deployed(1, 1, Approval::Required);
    company.now_settles();
    company.installs(0, Installation::External);
    company
        .apps
        .insert((device(0), app(0)), crate::reality::There::RemovedByUser);
    company.settles(3, DAY * 8);
    assert_eq!(company.said(0), LICENSED);
    assert!(!company.has(device(0), app(0)));
    company.installs(0, Installation::Managed);
    company.settles(3, DAY * 8);
    assert_eq!(company.said(0), INSTALLED, "ours again, and it comes back (A29)");
}

#[test]
fn once_it_is_ours_to_install_it_is_installed_with_the_licence_that_is_there() {
    let mut company = left_to_others(1, 1, Approval::Required);
    company.now_settles();
    company.installs(0, Installation::Managed);
    let install = Step::Install {
        app: app(0),
        device: device(0),
        with: HolderKind::User,
    };
    assert_eq!(company.act().steps, [install]);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
}

#[test]
fn the_policy_of_2016_installs_whatever_it_says() {
    let mut company = left_to_others(1, 1, Approval::Required);
    company.world.policy.policy_2016 = true;
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    company.world.devices.clear();
    assert!(!company.decision(app(0)).people[&person(0)].wants_seat);
}

#[test]
fn a_device_has_its_own_while_it_is_here_and_could_have_the_app() {
    let mut company = left_to_others(1, 3, Approval::Required);
    company.app(app(0)).deployments[0].license_type = LicenseType::Device;
    company.world.devices.insert(device(1), iphone(1, person(0)));
    company.device(device(1)).platform = Platform::MacOs;
    company.now_settles();
    let held: Vec<Holder> = company.ledger.iter().map(|(_, holder)| *holder).collect();
    assert_eq!(held, [device(0).into()]);
    assert_eq!(company.said(0), LICENSED);
    company.device(device(0)).enrolment = Enrolment::Wiping;
    company.now_settles();
    assert!(company.ledger.is_empty());
}

/// On a device of which we know nothing the app may run with either.
#[test]
fn whoever_changes_to_another_licence_gains_it_first_here_too() {
    for owned in [1, 2] {
        let mut company = left_to_others(1, owned, Approval::Required);
        company.now_settles();
        company.app(app(0)).deployments[0].license_type = LicenseType::Device;
        for _ in 0..10 {
            company.act();
            company.all_goes_well();
            assert!(!company.ledger.is_empty());
        }
        let held: Vec<Holder> = company.ledger.iter().map(|(_, holder)| *holder).collect();
        let expected: Holder = if owned == 1 { person(0).into() } else { device(0).into() };
        assert_eq!(held, [expected]);
    }
}

#[test]
fn whoever_is_on_the_way_is_answered_with_what_is_missing_and_no_installation() {
    let mut company = left_to_others(1, 0, Approval::Required);
    company.world.devices.clear();
    let case = Case {
        world: company.world.clone(),
        app: app(0),
        person: person(0),
        device: None,
    };
    let why = case.why();
    assert!(matches!(why.sentence, Sentence::InLine { .. }));
    let stages: BTreeSet<why::Stage> = why.links.iter().map(|link| link.stage).collect();
    assert!(!stages.contains(&why::Stage::Command) && !stages.contains(&why::Stage::Proof));
    let buys = |remedy: &Remedy| matches!(remedy, Remedy::Buy { licences: Some(1), .. });
    assert!(why.remedies.iter().any(buys), "{:?}", why.remedies);
}

fn preview(company: &Reality, lines: Vec<Deployment>) -> Preview {
    let facts = &company.world.apps[&app(0)];
    let mut previewing = Previewing::new(app(0), &facts.deployments, lines, company.world.now);
    previewing.add(company.world.clone());
    let out = facts.seats.len() as u64 + facts.foreign;
    previewing.done(Vec::new(), &Default::default(), facts.owned, out)
}

#[test]
fn a_preview_tells_whose_app_stays_and_stops_working() {
    let mut company = left_to_others(2, 2, Approval::Required);
    company.group(1, GroupKind::Device, 0).devices.insert(device(1));
    company.also_deploy(1, Approval::Required);
    company.now_settles();
    let told = |lines: Vec<Deployment>| {
        let preview = preview(&company, lines);
        let told = preview
            .outcomes
            .iter()
            .map(|it| (it.effect(), it.installation, it.devices));
        told.collect::<Vec<_>>()
    };
    use Installation::{External, Managed};
    assert_eq!(
        told(Vec::new()),
        [(Effect::Loses, External, 0), (Effect::Loses, Managed, 1)]
    );
    // Turning the switch takes nothing from anybody.
    let mut lines = company.world.apps[&app(0)].deployments.clone();
    lines[0].installation = Managed;
    assert_eq!(told(lines), [(Effect::None, Managed, 0), (Effect::None, Managed, 1)]);
}

#[test]
fn whoever_agrees_agrees_to_who_installs() {
    let mut company = left_to_others(1, 1, Approval::Required);
    company.app(app(0)).deployments.clear();
    let said = |installation| {
        let group = &company.world.groups[&group(0)];
        let line = Deployment {
            installation,
            ..line(app(0), group, Approval::Required, NOW)
        };
        let mut said = Vec::new();
        preview(&company, vec![line]).said(|bytes| said.extend_from_slice(bytes));
        said
    };
    assert_ne!(said(Installation::Managed), said(Installation::External));
}
