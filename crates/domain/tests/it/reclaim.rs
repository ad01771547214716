//! By which rules licences come back, and which of them are switches.

use std::collections::BTreeSet;

use domain::{
    why::{Remedy, Sentence},
    *,
};
use proptest::prelude::*;

use crate::{
    reality::{Reality, There},
    stories::deployed,
    why::Case,
    worlds::*,
};

/// One person with one device, who has the app.
fn installed(approval: Approval) -> Reality {
    let mut company = deployed(1, 1, approval);
    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    assert!(company.has(device(0), app(0)));
    company
}

impl Reality {
    fn rules(&mut self) -> &mut ReclaimRules {
        &mut self.world.policy.reclaim
    }

    fn leaves_all_groups(&mut self) {
        for group in self.world.groups.values_mut() {
            group.people.clear();
        }
    }

    fn removes_the_app(&mut self) {
        self.apps.insert((device(0), app(0)), There::RemovedByUser);
        self.lists(device(0));
    }

    fn is_why(&self) -> why::Why {
        let case = Case {
            world: self.world.clone(),
            app: app(0),
            person: person(0),
            device: None,
        };
        case.why()
    }

    /// By which rule the licence goes back that the next plan asks back.
    fn reclaims(&mut self) -> Option<Reclaim> {
        for _ in 0..10 {
            let returned = plan(&self.world).steps.into_iter().find_map(|step| match step {
                Step::Disassociate { holder, .. } => Some(holder),
                _ => None,
            });
            if let Some(holder) = returned {
                let (world, app) = (&self.world, &self.world.apps[&app(0)]);
                let verdict = &decide(world, app).people[&person(0)];
                return Some(Reclaim::of(world, app, verdict, holder));
            }
            self.settles(1, MINUTE);
        }
        None
    }
}

#[test]
fn whoever_left_all_groups_keeps_what_they_have_where_that_rule_is_off() {
    let mut company = installed(Approval::Required);
    company.rules().left_all_groups = false;
    company.leaves_all_groups();
    company.now_settles();
    assert!(company.has(device(0), app(0)));
    assert_eq!(company.holders(), [person(0)]);
    let why = company.is_why();
    assert_eq!(why.said, Some((InstallState::Installed, Detail::NoAdditionalDetails)));
    let verdict = &company.decision(app(0)).people[&person(0)];
    assert_eq!(
        (verdict.resolution.rule, verdict.wants_seat, verdict.keeps_seat),
        (Rule::KeptWithoutDeployment, false, true)
    );

    // They removed it, and nobody gives it to them again.
    company.removes_the_app();
    company.settles(20, DAY);
    assert!(!company.has(device(0), app(0)));
    assert_eq!(company.holders(), [person(0)]);
    assert!(matches!(company.is_why().sentence, Sentence::NotReached));

    // Switched on again, everything that stayed goes.
    company.rules().left_all_groups = true;
    assert_eq!(company.reclaims(), Some(Reclaim::LeftAllGroups));
    company.now_settles();
    assert!(company.holders().is_empty());
}

/// Only uninstall cannot be switched off (A41), and whoever left has nobody's app.
#[test]
fn the_rule_of_groups_keeps_nothing_from_a_deployment_or_from_whoever_leaves() {
    let mut company = installed(Approval::Required);
    company.rules().left_all_groups = false;
    company.deploy(0, Approval::Uninstall);
    assert_eq!(company.reclaims(), Some(Reclaim::Uninstalled));

    let mut company = installed(Approval::Required);
    company.rules().left_all_groups = false;
    company.leaves(person(0));
    assert_eq!(company.reclaims(), Some(Reclaim::PersonLeft));
    company.now_settles();
    assert!(company.holders().is_empty() && !company.has(device(0), app(0)));
}

#[test]
fn what_is_only_available_and_was_removed_long_ago_goes_back_until_they_ask_again() {
    let mut company = installed(Approval::Available);
    company.removes_the_app();
    company.settles(40, DAY);
    assert_eq!(company.holders(), [person(0)], "nobody said that it should");

    let mut company = installed(Approval::Available);
    company.rules().removed_after = Some(DAY * 30);
    company.removes_the_app();
    company.settles(29, DAY);
    assert_eq!((company.holders(), company.reclaims()), (vec![person(0)], None));
    company.world.now = company.world.now + DAY;
    assert_eq!(company.reclaims(), Some(Reclaim::RemovedByPerson));
    let why = company.is_why();
    assert!(matches!(why.sentence, Sentence::LicenceGoesBack { .. }), "{why:?}");
    assert_eq!(why.remedies, [Remedy::Request]);
    company.settles(40, DAY);
    assert!(company.holders().is_empty(), "it is not given to them again");
    assert!(matches!(company.is_why().sentence, Sentence::RemovedByPerson { .. }));

    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    assert!(company.has(device(0), app(0)));
    assert_eq!(company.holders(), [person(0)]);
}

/// It comes back by itself (A29).
#[test]
fn what_is_required_does_not_go_back_because_it_was_removed() {
    let mut company = installed(Approval::Required);
    company.rules().removed_after = Some(DAY * 3);
    company.removes_the_app();
    company.settles(6, DAY);
    assert_eq!(company.holders(), [person(0)]);
    company.settles(3, DAY);
    assert!(company.has(device(0), app(0)));
}

#[test]
fn what_is_on_another_device_of_theirs_does_not_go_back_because_it_was_removed_from_one() {
    let mut company = installed(Approval::Available);
    company.rules().removed_after = Some(DAY * 3);
    let other = iphone(7, person(0));
    company.world.devices.insert(other.id, other.clone());
    company.now_settles();
    assert!(company.has(other.id, app(0)));
    company.removes_the_app();
    company.settles(30, DAY);
    assert_eq!(company.holders(), [person(0)]);
}

#[test]
fn what_went_with_a_device_says_how_the_device_went() {
    for (enrolment, reclaim) in [
        (Enrolment::Retired, Reclaim::DeviceGone),
        (Enrolment::Wiped, Reclaim::DeviceGone),
        (Enrolment::Gone, Reclaim::DeviceGone),
        (Enrolment::Removed, Reclaim::DeviceRemoved),
    ] {
        let mut company = installed(Approval::Required);
        company.device(device(0)).enrolment = enrolment;
        assert_eq!(company.reclaims(), Some(reclaim), "{enrolment:?}");
    }
    let mut company = installed(Approval::Required);
    let now = company.world.now;
    company.device(device(0)).silent_since = Some(now);
    assert_eq!(company.reclaims(), Some(Reclaim::DeviceSilent));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// By a rule that is on, and by the one that is true.
    #[test]
    fn every_licence_that_goes_back_does_by_a_rule_that_is_on(world in any_world()) {
        for step in plan(&world).steps {
            let Step::Disassociate { app, holder } = step else { continue };
            let app = &world.apps[&app];
            let person = world.owner(holder).unwrap();
            let verdict = &decide(&world, app).people[&person];
            let rules = &world.policy.reclaim;
            let theirs: Vec<&Device> = world.devices.values().filter(|device| device.person == person).collect();
            let any = |is: fn(&Device) -> bool| theirs.iter().any(|device| is(device));
            let reached: BTreeSet<bool> = app
                .deployments
                .iter()
                .map(|line| {
                    let group = &world.groups[&line.group];
                    group.people.contains(&person) || theirs.iter().any(|device| group.devices.contains(&device.id))
                })
                .collect();
            let reclaim = Reclaim::of(&world, app, verdict, holder);
            match reclaim {
                Reclaim::PersonLeft => prop_assert!(world.people[&person].left),
                Reclaim::LeftAllGroups => prop_assert!(rules.left_all_groups && !world.people[&person].left),
                Reclaim::RemovedByPerson => prop_assert!(rules.removed_after.is_some()),
                Reclaim::Uninstalled => prop_assert!(reached.contains(&true)),
                Reclaim::DeviceRemoved => prop_assert!(any(|device| device.enrolment == Enrolment::Removed)),
                Reclaim::DeviceSilent => prop_assert!(any(|device| device.silent_since.is_some())),
                Reclaim::DeviceGone => prop_assert!(any(|device| device.enrolment.is_over() || device.enrolment.is_leaving())),
                Reclaim::NotNeeded => prop_assert!(reached.contains(&true)),
            }
        }
    }
}
