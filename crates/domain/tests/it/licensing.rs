//! Whose licence an app runs with: the person's, or one of the device itself.

use domain::*;

use crate::{
    reality::{Reality, There},
    stories::{company, deployed},
    worlds::*,
};

const INSTALLED: (InstallState, Detail) = (InstallState::Installed, Detail::NoAdditionalDetails);

fn licensed(people: usize, owned: u64, license_type: LicenseType) -> Reality {
    let mut company = deployed(people, owned, Approval::Required);
    company.licenses(license_type);
    company
}

impl Reality {
    fn licenses(&mut self, license_type: LicenseType) {
        for line in &mut self.app(app(0)).deployments {
            line.license_type = license_type;
        }
    }

    fn nobody_joined(&mut self) {
        for person in self.world.people.values_mut() {
            person.program = Program::None;
        }
    }

    /// Who has a licence in Apple's books.
    fn held(&self) -> Vec<Holder> {
        self.ledger.iter().map(|(_, holder)| *holder).collect()
    }

    fn licensing(&self, number: usize) -> Licensing {
        let owner = self.world.devices[&device(number)].person;
        self.decision(app(0)).people[&owner].devices[&device(number)].licensing
    }
}

fn of_person(number: usize) -> Holder {
    person(number).into()
}

fn of_device(number: usize) -> Holder {
    device(number).into()
}

#[test]
fn a_licence_of_a_device_asks_nothing_of_its_person() {
    let mut company = licensed(1, 1, LicenseType::Device);
    company.nobody_joined();
    let holder = of_device(0);
    assert_eq!(company.act().steps, [Step::Associate { app: app(0), holder }]);
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::LicenseAssociationPending)
    );
    company.all_goes_well();
    let install = Step::Install {
        app: app(0),
        device: device(0),
        with: HolderKind::Device,
    };
    assert_eq!(company.act().steps, [install]);
    company.all_goes_well();
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.held(), [of_device(0)]);
    assert_eq!(
        company.world.people[&person(0)].program,
        Program::None,
        "nobody was invited"
    );
}

#[test]
fn a_person_needs_one_licence_for_all_their_devices_and_each_device_one_of_its_own() {
    for (license_type, held) in [
        (LicenseType::User, vec![of_person(0)]),
        (LicenseType::Device, vec![of_device(0), of_device(1), of_device(2)]),
    ] {
        let mut company = licensed(1, 5, license_type);
        for number in [1, 2] {
            company.world.devices.insert(device(number), iphone(number, person(0)));
        }
        company.now_settles();
        assert_eq!(company.held(), held, "{license_type:?}");
        assert!(
            (0..3).all(|number| company.has(device(number), app(0))),
            "{license_type:?}"
        );
    }
}

#[test]
fn what_is_left_open_is_of_the_device_where_apple_permits_it() {
    let mut company = licensed(1, 1, LicenseType::Automatic);
    let licensing = |kind, reason| Licensing { kind, reason };
    assert_eq!(
        company.licensing(0),
        licensing(HolderKind::Device, LicensingReason::Assignable)
    );
    company.app(app(0)).device_assignable = false;
    assert_eq!(
        company.licensing(0),
        licensing(HolderKind::User, LicensingReason::NotAssignable)
    );
    company.now_settles();
    assert_eq!((company.held(), company.said(0)), (vec![of_person(0)], INSTALLED));
}

#[test]
fn a_licence_that_apple_does_not_permit_is_an_obstacle_unless_something_else_is_asked_for_too() {
    let mut company = licensed(1, 1, LicenseType::Device);
    company.app(app(0)).device_assignable = false;
    let obstacle = (InstallState::NotApplicable, Detail::NotDeviceAssignable);
    assert_eq!((company.said(0), company.plans()), (obstacle, vec![]));
    company.group(1, GroupKind::User, 0).people.insert(person(0));
    company.also_deploy(1, Approval::Required);
    let licensing = company.licensing(0);
    assert_eq!(
        (licensing.kind, licensing.reason),
        (HolderKind::User, LicensingReason::Deployment)
    );

    // Without any device the same stands in the way of every one.
    let mut company = licensed(1, 1, LicenseType::Device);
    company.world.devices.clear();
    assert_eq!(
        company.said(0),
        (InstallState::PendingInstall, Detail::NoEligibleDevice)
    );
    company.app(app(0)).device_assignable = false;
    assert_eq!(company.said(0), obstacle);
}

#[test]
fn where_both_are_asked_for_the_device_has_its_own() {
    let mut company = licensed(1, 5, LicenseType::User);
    company.group(1, GroupKind::User, 0).people.insert(person(0));
    company.also_deploy(1, Approval::Required);
    company.app(app(0)).deployments[1].license_type = LicenseType::Device;
    assert_eq!(company.licensing(0).kind, HolderKind::Device);
    company.now_settles();
    assert_eq!(company.held(), [of_device(0)]);
}

/// A10, and the only kind of the original.
#[test]
fn the_policy_of_2016_knows_licences_of_people_only() {
    let mut company = licensed(1, 1, LicenseType::Device);
    company.world.policy.policy_2016 = true;
    assert_eq!(company.licensing(0).reason, LicensingReason::Policy2016);
    company.now_settles();
    assert_eq!(company.held(), [of_person(0)]);
}

#[test]
fn an_ipad_that_several_people_share_has_its_own() {
    let mut company = licensed(1, 1, LicenseType::User);
    company.device(device(0)).shared = true;
    assert_eq!(company.licensing(0).reason, LicensingReason::SharedDevice);
    company.now_settles();
    assert_eq!((company.held(), company.said(0)), (vec![of_device(0)], INSTALLED));
}

/// A device that belongs to nobody, in a group of devices for which the app is required.
fn kiosk(license_type: LicenseType) -> Reality {
    let mut company = company(1, 5);
    let kiosk = Device {
        person: PersonId::nobody(device(1)),
        dep: true,
        ..iphone(1, person(0))
    };
    company.world.devices.insert(kiosk.id, kiosk);
    company
        .world
        .people
        .insert(PersonId::nobody(device(1)), nobody(device(1)));
    company.group(1, GroupKind::Device, 0).devices.insert(device(1));
    company.deploy(1, Approval::Required);
    company.licenses(license_type);
    company
}

impl Reality {
    fn said_of_kiosk(&self) -> (InstallState, Detail) {
        let verdict = &self.decision(app(0)).people[&PersonId::nobody(device(1))].devices[&device(1)];
        (verdict.state, verdict.detail)
    }
}

#[test]
fn a_device_that_belongs_to_nobody_has_a_licence_of_its_own_and_nobody_is_made_for_it() {
    for license_type in [LicenseType::Device, LicenseType::Automatic] {
        let mut company = kiosk(license_type);
        let holder = of_device(1);
        assert_eq!(company.act().steps, [Step::Associate { app: app(0), holder }]);
        company.all_goes_well();
        company.now_settles();
        assert_eq!(
            (company.held(), company.said_of_kiosk()),
            (vec![of_device(1)], INSTALLED)
        );
        let said = company.licensing(1);
        assert_eq!((said.kind, said.reason), (HolderKind::Device, LicensingReason::NoUser));
        let concerns = decide_each(&company.world).concerns;
        assert!(concerns.iter().all(|(person, _)| !company.world.is_nobody(*person)));
        // Out of reach it gives it back.
        company.app(app(0)).deployments.clear();
        company.now_settles();
        assert_eq!((company.held(), company.has(device(1), app(0))), (vec![], false));
    }
}

#[test]
fn licences_of_people_are_nothing_for_a_device_that_belongs_to_nobody() {
    let needs_user = (InstallState::NotApplicable, Detail::LicenseNeedsUser);
    let mut company = kiosk(LicenseType::User);
    company.now_settles();
    assert_eq!((company.held(), company.said_of_kiosk()), (vec![], needs_user));
    // Where another deployment gives one to devices it has that.
    company.group(2, GroupKind::Device, 0).devices.insert(device(1));
    company.also_deploy(2, Approval::Required);
    company.app(app(0)).deployments[1].license_type = LicenseType::Device;
    company.now_settles();
    assert_eq!(
        (company.held(), company.said_of_kiosk()),
        (vec![of_device(1)], INSTALLED)
    );

    let mut company = kiosk(LicenseType::Device);
    company.app(app(0)).device_assignable = false;
    company.now_settles();
    let not_assignable = (InstallState::NotApplicable, Detail::NotDeviceAssignable);
    assert_eq!((company.held(), company.said_of_kiosk()), (vec![], not_assignable));

    // In 2016 there were no others. It says so of one that is not from DEP: of those that are something else is said first.
    let mut company = kiosk(LicenseType::Device);
    company.world.policy.policy_2016 = true;
    company.device(device(1)).dep = false;
    company.now_settles();
    assert_eq!((company.held(), company.said_of_kiosk()), (vec![], needs_user));

    // Several people sign in to it: a licence of its own whatever is asked for, as of one that somebody has.
    let mut company = kiosk(LicenseType::User);
    company.device(device(1)).shared = true;
    company.now_settles();
    assert_eq!(
        (company.held(), company.said_of_kiosk()),
        (vec![of_device(1)], INSTALLED)
    );
}

#[test]
fn what_a_deployment_of_people_would_now_not_give_a_kiosk_stays_there_with_its_licence() {
    let mut company = kiosk(LicenseType::Device);
    company.now_settles();
    company.licenses(LicenseType::User);
    company.now_settles();
    assert_eq!(
        (company.held(), company.said_of_kiosk()),
        (vec![of_device(1)], INSTALLED)
    );
}

#[test]
fn no_group_of_people_reaches_what_stands_for_a_device_and_its_requests_are_nobodys() {
    let mut company = kiosk(LicenseType::Device);
    let nobody = PersonId::nobody(device(1));
    company.world.groups.get_mut(&group(0)).unwrap().people.insert(nobody);
    company.deploy(0, Approval::Required);
    company.now_settles();
    assert_eq!(company.held(), [of_person(0)]);
    company.deploy(1, Approval::Available);
    company.licenses(LicenseType::Device);
    company.app(app(0)).requests.insert(nobody, NOW);
    company.now_settles();
    assert_eq!(
        company.said_of_kiosk(),
        (InstallState::NotInstalled, Detail::NotRequested)
    );
}

/// At no moment may the app be without a licence that works.
fn changes(from: LicenseType, to: LicenseType, owned: u64) -> Reality {
    let mut company = licensed(1, owned, from);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    company.licenses(to);
    for _ in 0..10 {
        company.act();
        company.all_goes_well();
        assert!(!company.held().is_empty());
        assert_eq!(company.apps[&(device(0), app(0))], There::Installed);
        company.world.now = company.world.now + MINUTE;
    }
    company
}

#[test]
fn whoever_changes_to_another_licence_gains_it_before_the_old_one_goes_back() {
    let company = changes(LicenseType::User, LicenseType::Device, 2);
    assert_eq!((company.held(), company.said(0)), (vec![of_device(0)], INSTALLED));
    let company = changes(LicenseType::Device, LicenseType::User, 2);
    assert_eq!((company.held(), company.said(0)), (vec![of_person(0)], INSTALLED));
    let install = &company.world.apps[&app(0)].installs[&device(0)];
    assert_eq!(install.with, HolderKind::User, "the device was told once more");
}

#[test]
fn with_none_to_spare_everybody_keeps_what_they_have_and_waits() {
    for (from, to, has, waits) in [
        (LicenseType::User, LicenseType::Device, of_person(0), of_device(0)),
        (LicenseType::Device, LicenseType::User, of_device(0), of_person(0)),
    ] {
        let company = changes(from, to, 1);
        assert_eq!(company.held(), [has]);
        assert_eq!(company.decision(app(0)).waiting, [waits]);
        assert_eq!(company.said(0), (InstallState::Installed, Detail::WaitingForLicense));
    }
}

/// Its own licence works until theirs does.
#[test]
fn a_device_keeps_its_licence_until_its_person_has_joined() {
    let mut company = licensed(1, 2, LicenseType::Device);
    company.nobody_joined();
    company.now_settles();
    company.licenses(LicenseType::User);
    company.act();
    assert_eq!(company.held(), [of_device(0)]);
    company.now_settles();
    assert_eq!((company.held(), company.said(0)), (vec![of_person(0)], INSTALLED));
}

#[test]
fn the_licence_of_a_device_that_is_gone_goes_back() {
    let mut company = licensed(1, 1, LicenseType::Device);
    company.now_settles();
    company.device(device(0)).enrolment = Enrolment::Gone;
    let holder = of_device(0);
    assert_eq!(company.plans(), [Step::Disassociate { app: app(0), holder }]);
    company.now_settles();
    assert_eq!(company.held(), []);
}

#[test]
fn the_licence_of_a_device_goes_back_once_the_app_is_gone_from_it() {
    let mut company = licensed(1, 1, LicenseType::Device);
    company.now_settles();
    company.deploy(0, Approval::Uninstall);
    let removal = Step::Remove {
        app: app(0),
        device: device(0),
    };
    assert_eq!(company.act().steps, [removal]);
    assert_eq!(company.held(), [of_device(0)]);
    company.now_settles();
    assert_eq!(company.held(), []);
}

/// Of a person the place of the last of them is said: until then somebody waits.
#[test]
fn people_and_devices_stand_in_one_line() {
    let mut company = company(3, 2);
    company.deploy(0, Approval::Required);
    company.world.devices.insert(device(5), iphone(5, person(1)));
    company.group(1, GroupKind::User, 7).people.insert(person(1));
    company.also_deploy(1, Approval::Required);
    company.app(app(0)).deployments[1].license_type = LicenseType::Device;
    let decision = company.decision(app(0));
    assert_eq!(decision.next, [of_device(1), of_device(5)]);
    assert_eq!(decision.waiting, [of_person(0), of_person(2)]);

    company.app(app(0)).owned = Owned::Count(1);
    let decision = company.decision(app(0));
    assert_eq!(decision.next, [of_device(1)]);
    assert_eq!(decision.waiting, [of_device(5), of_person(0), of_person(2)]);
    let verdict = &decision.people[&person(1)];
    assert_eq!((verdict.last, verdict.place), (Some(of_device(5)), Some(Place::At(1))));
    assert_eq!(
        (verdict.state, verdict.detail),
        (InstallState::PendingInstall, Detail::WaitingForLicense)
    );
    let places = [1, 5].map(|number| verdict.devices[&device(number)].place);
    assert_eq!(places, [None, Some(Place::At(1))]);
}
