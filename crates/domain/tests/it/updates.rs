//! Which version devices are brought to, whatever made them have the app.

use domain::{
    why::{Remedy, Sentence},
    *,
};

use crate::{reality::Reality, stories::deployed, why::Case, worlds::*};

const INSTALLED: (InstallState, Detail) = (InstallState::Installed, Detail::NoAdditionalDetails);
const OUTDATED: (InstallState, Detail) = (InstallState::Installed, Detail::VppAppHasUpdateAvailable);
const TOLD: Step = Step::Install {
    app: AssetId(uuid::Uuid::from_u128(0x4000)),
    device: DeviceId(uuid::Uuid::from_u128(0x2000)),
    with: HolderKind::User,
};

/// One person, who has the app in the newest version.
fn installed(approval: Approval) -> Reality {
    let mut company = deployed(1, 1, approval);
    company.publish(app(0));
    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    company
}

impl Reality {
    fn update(&self) -> Option<Update> {
        match self.asked().why().sentence {
            Sentence::Outdated { update, .. } => Some(update),
            _ => None,
        }
    }

    fn asked(&self) -> Case {
        Case {
            world: self.world.clone(),
            app: app(0),
            person: person(0),
            device: None,
        }
    }

    /// The device accepts what it was told, and has the older version all the same.
    fn accepts_and_stays(&mut self) {
        let now = self.world.now;
        self.install(device(0), app(0)).accepted(now);
        for _ in 0..10 {
            self.world.now = self.world.now + DAY;
            self.lists(device(0));
        }
    }
}

#[test]
fn a_new_version_is_told_once_whether_the_app_is_required_or_available() {
    for approval in [Approval::Required, Approval::Available] {
        let mut company = installed(approval);
        assert_eq!(company.act().steps, []);
        company.publish(app(0));
        assert_eq!((company.said(0), company.update()), (OUTDATED, Some(Update::Due)));
        assert_eq!(company.act().steps, [TOLD]);
        assert_eq!((company.said(0), company.update()), (OUTDATED, Some(Update::Told)));
        company.all_goes_well();
        company.now_settles();
        assert_eq!(company.said(0), INSTALLED);
        let install = company.install(device(0), app(0)).clone();
        assert_eq!(
            (install.version, install.told),
            (Some(StoreVersion(2)), Some(StoreVersion(2)))
        );
    }
}

/// Its person turns it down, or the newer version is not for its system: nobody is asked again and again.
#[test]
fn what_a_device_does_not_take_is_not_told_again_before_there_is_a_newer_one_or_somebody_asks() {
    let mut company = installed(Approval::Required);
    company.publish(app(0));
    company.act();
    company.accepts_and_stays();
    assert_eq!((company.said(0), company.update()), (OUTDATED, Some(Update::NotTaken)));
    for _ in 0..30 {
        company.world.now = company.world.now + DAY;
        assert!(!company.act().steps.contains(&TOLD));
        company.lists(device(0));
    }
    company.publish(app(0));
    assert!(company.act().steps.contains(&TOLD), "a newer one");
    company.accepts_and_stays();
    assert_eq!(company.update(), Some(Update::NotTaken));
    let again = Remedy::TryAgain { on: device(0) };
    assert_eq!(company.asked().why().remedies, [again]);
    company.world.now = company.world.now + MINUTE;
    let now = company.world.now;
    company.install(device(0), app(0)).asked_again_at = Some(now);
    assert!(company.act().steps.contains(&TOLD), "somebody asked");
    company.accepts_and_stays();
    assert!(!company.act().steps.contains(&TOLD), "once");
}

#[test]
fn by_hand_a_version_goes_out_once_it_is_released_and_only_while_it_is_the_newest() {
    let mut company = installed(Approval::Required);
    company.app(app(0)).updates = Updates::ByHand { released: None };
    company.publish(app(0));
    assert_eq!(
        (company.said(0), company.update()),
        (OUTDATED, Some(Update::NotReleased))
    );
    assert_eq!(company.act().steps, []);
    let released = company.app(app(0)).newest;
    company.app(app(0)).updates = Updates::ByHand { released };
    // Before it was told, a newer one came: what a device would get is not what was released.
    company.publish(app(0));
    assert_eq!(
        (company.act().steps, company.update()),
        (vec![], Some(Update::NotReleased))
    );
    let released = company.app(app(0)).newest;
    company.app(app(0)).updates = Updates::ByHand { released };
    assert_eq!(company.act().steps, [TOLD]);
}

/// A30: what is available is not updated, until the person asks for it once more.
#[test]
fn under_the_2016_policy_only_what_is_required_is_updated() {
    let mut company = installed(Approval::Available);
    company.world.policy.policy_2016 = true;
    company.publish(app(0));
    assert_eq!(
        (company.said(0), company.update()),
        (OUTDATED, Some(Update::NotRequired))
    );
    assert_eq!(company.act().steps, []);
    company.world.now = company.world.now + MINUTE;
    let now = company.world.now;
    company.app(app(0)).requests.insert(person(0), now);
    assert_eq!(company.act().steps, [TOLD]);

    let mut company = installed(Approval::Required);
    company.world.policy.policy_2016 = true;
    company.publish(app(0));
    assert_eq!(company.act().steps, [TOLD]);
}

#[test]
fn an_update_that_failed_for_the_moment_is_tried_again_and_one_that_cannot_be_is_not() {
    let mut company = installed(Approval::Required);
    company.publish(app(0));
    company.act();
    let now = company.world.now;
    company
        .install(device(0), app(0))
        .failed(FailureClass::Retry, "Busy".to_owned(), now);
    assert_eq!((company.said(0), company.act().steps), (OUTDATED, vec![]));
    company.world.now = company.world.now + MINUTE;
    assert_eq!(company.act().steps, [TOLD]);
    let now = company.world.now;
    company
        .install(device(0), app(0))
        .failed(FailureClass::Permanent, "Never".to_owned(), now);
    for _ in 0..30 {
        company.world.now = company.world.now + DAY;
        assert!(!company.act().steps.contains(&TOLD));
        company.lists(device(0));
    }
    assert_eq!(company.update(), Some(Update::NotTaken));
}

/// It brings the newest, whatever it was sent for: nobody is told that trying again would help.
#[test]
fn a_command_that_is_on_its_way_brings_the_newest_version_too() {
    let mut company = installed(Approval::Required);
    company.publish(app(0));
    company.act();
    // A newer one comes, and somebody asks, before the device has heard of the one before.
    company.publish(app(0));
    company.world.now = company.world.now + MINUTE;
    let now = company.world.now;
    company.install(device(0), app(0)).asked_again_at = Some(now);
    assert_eq!(company.update(), Some(Update::Told));
    assert_eq!(company.asked().why().remedies, [Remedy::ReachDevice { on: device(0) }]);
    assert_eq!(company.act().steps, []);
    company.all_goes_well();
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.install(device(0), app(0)).version, Some(StoreVersion(3)));
}

/// Wanted again while it is being removed: first it goes, and then it comes in the newest version.
#[test]
fn what_is_being_removed_is_not_brought_up_to_date() {
    let mut company = installed(Approval::Required);
    company.app(app(0)).deployments[0].approval = Approval::Uninstall;
    company.act();
    company.publish(app(0));
    company.app(app(0)).deployments[0].approval = Approval::Required;
    assert_eq!(company.update(), None);
    assert_eq!(company.act().steps, []);
    company.all_goes_well();
    company.now_settles();
    assert_eq!(company.said(0), INSTALLED);
    assert_eq!(company.install(device(0), app(0)).version, Some(StoreVersion(2)));
}

#[test]
fn what_somebody_else_installs_is_theirs_to_update() {
    let mut company = installed(Approval::Required);
    company.app(app(0)).deployments[0].installation = Installation::External;
    company.publish(app(0));
    assert_eq!((company.said(0), company.act().steps), (INSTALLED, vec![]));
}

#[test]
fn what_has_no_licence_any_more_waits_for_one_before_it_is_updated() {
    let mut company = installed(Approval::Required);
    company.publish(app(0));
    company.ledger.clear();
    company.app(app(0)).seats.clear();
    company.app(app(0)).owned = Owned::Count(0);
    assert_eq!(company.said(0).0, InstallState::Installed);
    assert_ne!(company.said(0), OUTDATED);
    assert_eq!(company.act().steps, []);
}

/// Some versions are never told: then nothing is known to be older.
#[test]
fn a_device_that_does_not_tell_its_version_is_left_alone() {
    let mut company = installed(Approval::Required);
    company.versions.clear();
    company.lists(device(0));
    company.publish(app(0));
    assert_eq!((company.said(0), company.act().steps), (INSTALLED, vec![]));
}
