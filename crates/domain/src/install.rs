//! One app on one device: what was asked of the device, and what the device said.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::{HolderKind, Policy, StoreVersion, Time};

/// What the device itself last said about the app in a `ManagedApplicationList`.
///
/// The device's own vocabulary is larger (`mdm-protocol` §4.6); this is what makes a difference to us.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Seen {
    /// Not in the list, though the list was asked for.
    Absent,
    /// Queued, Redeeming, ValidatingPurchase, Installing.
    Installing,
    /// Prompting, PromptingForManagement.
    AwaitingConsent,
    /// PromptingForLogin.
    AwaitingLogin,
    /// Managed, or any word about an update: only what is there is updated. The only proof of an installation.
    Installed,
    /// ManagedButUninstalled: the person removed it.
    RemovedByUser,
    /// UserRejected; said once by the device.
    Rejected,
    /// UserInstalledApp, ManagementRejected: there, but not ours. Said once by the device.
    Unmanaged,
    /// Failed; said once by the device.
    Failed,
    /// NeedsRedemption: the command was sent without the volume purchase method.
    NeedsRedemption,
    /// Unknown, or a word we do not know; or nobody knows, because the device enrolled anew or never answered.
    Unknown,
}

/// The command that is on its way to the device for this app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "command")]
pub enum InstallCommand {
    /// `InstallApplication`, not yet answered for good.
    Install { since: Time },
    /// `RemoveApplication`, not yet answered for good.
    Remove { since: Time },
}

/// What to do about an error of a device (`mdm-protocol` §5).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FailureClass {
    /// Try again later by itself.
    Retry,
    /// Apple's store does not know the licence yet: try again after a while.
    LicenceNotFound,
    /// The person has to do something: sign in, accept.
    User,
    /// Nothing changes until the configuration does.
    Permanent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Failure {
    pub class: FailureClass,
    /// `MCMDMErrorDomain 12064`, or a rejection reason: for the eyes of an administrator.
    pub code: String,
    pub at: Time,
    /// How often in a row, this one included.
    pub attempts: u32,
}

/// Everything known of one app on one device.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Install {
    pub seen: Option<Seen>,
    /// When the device last said so. What is said once, and a removal by the person, keep the time of the first word.
    pub seen_at: Option<Time>,
    /// Which version is installed, where the device says.
    pub version: Option<StoreVersion>,
    pub command: Option<InstallCommand>,
    /// Whose licence the device was last told to install it with.
    pub with: HolderKind,
    /// Which version was the store's newest when it was last told.
    pub told: Option<StoreVersion>,
    /// When the device acknowledged the last `InstallApplication`: accepted, not installed.
    pub accepted_at: Option<Time>,
    /// When the device acknowledged the last `RemoveApplication`.
    pub removed_at: Option<Time>,
    /// How many lists were read in a row without news.
    pub checks: u32,
    pub failure: Option<Failure>,
    /// When somebody last asked to have it tried again, whatever came of it before.
    pub asked_again_at: Option<Time>,
}

/// After so many attempts in a row an installation counts as failed; it is tried again at the pace of the inventory.
const ATTEMPTS_IN_A_ROW: u32 = 5;
/// So often may an accepted app be missing from the list before that is a failure: it may be queued and not listed yet.
const CHECKS_BEFORE_FAILURE: u32 = 6;

impl Seen {
    /// From the `Status` of a `ManagedApplicationList`.
    pub fn from_status(status: &str) -> Seen {
        match status {
            "Queued" | "Redeeming" | "ValidatingPurchase" | "Installing" => Seen::Installing,
            "Prompting" | "PromptingForManagement" => Seen::AwaitingConsent,
            "PromptingForLogin" => Seen::AwaitingLogin,
            "Managed"
            | "PromptingForUpdate"
            | "PromptingForUpdateLogin"
            | "ValidatingUpdate"
            | "Updating"
            | "UpdateRejected" => Seen::Installed,
            "ManagedButUninstalled" => Seen::RemovedByUser,
            "UserRejected" => Seen::Rejected,
            "UserInstalledApp" | "ManagementRejected" => Seen::Unmanaged,
            "Failed" => Seen::Failed,
            "NeedsRedemption" => Seen::NeedsRedemption,
            _ => Seen::Unknown,
        }
    }

    /// Not there yet, and not known not to come.
    fn is_under_way(self) -> bool {
        matches!(
            self,
            Seen::Installing | Seen::AwaitingConsent | Seen::AwaitingLogin | Seen::Unknown
        )
    }

    fn is_there_or_may_come(self) -> bool {
        self == Seen::Installed || self.is_under_way()
    }

    /// The device says it in one list, and leaves the app out of the next.
    fn is_said_once(self) -> bool {
        matches!(self, Seen::Rejected | Seen::Unmanaged | Seen::Failed)
    }
}

impl Install {
    /// `InstallApplication` was queued.
    pub fn asked_install(&mut self, with: HolderKind, now: Time) {
        self.command = Some(InstallCommand::Install { since: now });
        self.with = with;
        self.removed_at = None;
    }

    /// In the store this was the newest version when it was queued; `None` where nobody knows.
    pub fn asked_version(&mut self, newest: Option<StoreVersion>) {
        self.told = newest;
    }

    /// `RemoveApplication` was queued.
    pub fn asked_remove(&mut self, now: Time) {
        self.command = Some(InstallCommand::Remove { since: now });
    }

    /// The device accepted `InstallApplication`: that proves nothing yet.
    pub fn accepted(&mut self, now: Time) {
        self.command = None;
        self.accepted_at = Some(now);
        self.removed_at = None;
        self.checks = 0;
        // What was said of an earlier attempt says nothing of this one. The attempts go on counting.
        if self
            .seen
            .is_some_and(|seen| !seen.is_under_way() && seen != Seen::Installed)
        {
            self.seen = None;
        }
    }

    /// The device acknowledged `RemoveApplication`, or said that there was nothing to remove.
    pub fn removed(&mut self, now: Time) {
        self.command = None;
        self.removed_at = Some(now);
        self.accepted_at = None;
        self.checks = 0;
    }

    /// The device turned the command down.
    pub fn failed(&mut self, class: FailureClass, code: String, now: Time) {
        let was_there = self.may_be_there();
        let removing = matches!(self.command, Some(InstallCommand::Remove { .. }));
        let updating = self.is_proven() && !removing;
        self.command = None;
        self.failed_once_more(class, code, now);
        // An update that may succeed another time was not told yet.
        if updating && self.failure.as_ref().is_some_and(|failure| !failure.is_final()) {
            self.told = None;
        }
        // What could not be removed is where it was.
        if removing && was_there && !self.may_be_there() {
            self.seen = Some(Seen::Unknown);
        }
    }

    /// The command left the queue without an answer. Whether the device carried it out is not known.
    pub fn dropped(&mut self) {
        let installing = matches!(self.command, Some(InstallCommand::Install { .. }));
        self.command = None;
        if installing && !self.may_be_there() {
            self.seen = Some(Seen::Unknown);
            self.checks = 0;
        }
    }

    /// The device enrolled anew, or went: whether it has the app is not known any more.
    pub fn forgotten(&mut self) {
        *self = Install {
            seen: Some(Seen::Unknown),
            asked_again_at: self.asked_again_at,
            ..Install::default()
        };
    }

    /// In the list that it sent, the device says which version is there. Comes before [`listed`](Self::listed).
    pub fn listed_version(&mut self, version: Option<StoreVersion>) {
        self.version = version;
    }

    /// The device sent a list of its managed apps, and this is what it says of this one.
    pub fn listed(&mut self, seen: Seen, now: Time) {
        if self.is_no_news(seen) {
            self.checks += 1;
            if seen == Seen::Unknown && !self.is_unproven() && !self.is_removal_unproven() {
                self.seen_at = Some(now);
            }
            return;
        }
        let removing = self.is_removal_unproven();
        let before = self.seen.replace(seen);
        self.seen_at = Some(now);
        let updating = seen == Seen::Installed && self.is_updating();
        self.checks = if before == Some(seen) && (seen != Seen::Installed || updating) {
            self.checks + 1
        } else {
            0
        };

        if seen == Seen::Installed || seen.is_under_way() {
            if removing {
                self.removed_at = None;
                self.failed_once_more(FailureClass::Retry, "StillListed".to_owned(), now);
            } else if seen == Seen::Installed {
                self.failure = None;
                if !updating || self.checks >= CHECKS_BEFORE_FAILURE {
                    self.accepted_at = None;
                    self.checks = 0;
                }
            }
            return;
        }
        let expected = self.is_unproven() && self.checks < CHECKS_BEFORE_FAILURE;
        match seen {
            Seen::Absent | Seen::RemovedByUser if expected => {}
            Seen::Absent if self.is_unproven() => {
                self.failed_once_more(FailureClass::Retry, "NotListed".to_owned(), now);
            }
            Seen::Failed => self.failed_once_more(FailureClass::Retry, "Failed".to_owned(), now),
            Seen::NeedsRedemption => {
                self.failed_once_more(FailureClass::Permanent, "NeedsRedemption".to_owned(), now);
            }
            // An installation that was turned down is still turned down while the app is missing.
            Seen::Absent if !removing && !before.is_some_and(Seen::is_there_or_may_come) => {}
            _ => {
                self.accepted_at = None;
                self.failure = None;
            }
        }
    }

    /// Whether a list that says `seen` leaves what is known as it is.
    fn is_no_news(&self, seen: Seen) -> bool {
        let Some(before) = self.seen else { return false };
        match seen {
            Seen::Unknown => before != Seen::Unknown,
            // Unless it is what proves a removal.
            Seen::Absent => before.is_said_once() && !self.is_removal_unproven(),
            Seen::RemovedByUser => before == seen && !self.is_unproven(),
            _ => before == seen && (seen.is_said_once() || seen == Seen::NeedsRedemption),
        }
    }

    fn failed_once_more(&mut self, class: FailureClass, code: String, now: Time) {
        let attempts = self.failure.as_ref().map_or(0, |failure| failure.attempts) + 1;
        self.accepted_at = None;
        self.failure = Some(Failure {
            class,
            code,
            at: now,
            attempts,
        });
    }

    /// The device itself lists it as managed and installed, and nothing was removed since.
    pub fn is_proven(&self) -> bool {
        self.seen == Some(Seen::Installed) && !self.is_removal_unproven()
    }

    /// The device accepted an update, and has the older version still.
    fn is_updating(&self) -> bool {
        self.is_unproven() && self.version.is_some() && self.version < self.told
    }

    /// Accepted by the device, and neither proved nor disproved since.
    pub(crate) fn is_unproven(&self) -> bool {
        self.accepted_at.is_some()
    }

    /// The removal was acknowledged, and no list since then shows that the app is gone.
    pub fn is_removal_unproven(&self) -> bool {
        self.removed_at
            .is_some_and(|removed| self.seen_at.is_none_or(|seen| seen < removed))
    }

    /// Whether the device may have the app, as far as anybody knows. A licence stays while it may.
    pub fn may_be_there(&self) -> bool {
        let installing = matches!(self.command, Some(InstallCommand::Install { .. }));
        if installing || self.is_unproven() || self.is_removal_unproven() {
            return true;
        }
        self.seen.is_some_and(Seen::is_there_or_may_come)
    }

    /// Whether it does not depend on another licence: what may be there was told to be there with one of this kind.
    pub(crate) fn is_free_of_others(&self, kind: HolderKind) -> bool {
        let being_told = matches!(self.command, Some(InstallCommand::Install { .. }));
        !self.may_be_there() || (self.with == kind && !being_told)
    }

    /// When to ask the device for its list on account of this app; `None` when there is nothing to learn.
    pub(crate) fn next_check(&self, policy: &Policy) -> Option<Time> {
        let under_way = self.seen.is_some_and(Seen::is_under_way);
        if self.is_unproven() || self.is_removal_unproven() || under_way {
            let failed_at = self.failure.as_ref().map(|failure| failure.at);
            let heard = [self.accepted_at, self.removed_at, self.seen_at, failed_at];
            let Some(last) = heard.into_iter().flatten().max() else {
                // Nothing at all was heard: at once, and once. A device that cannot tell is not asked for ever.
                return (self.checks == 0).then_some(Time::default());
            };
            return Some(last + doubled(policy.first_check_after, self.checks).min(policy.inventory_every));
        }
        match self.seen {
            Some(Seen::Installed | Seen::RemovedByUser) => {
                Some(self.seen_at? + policy.inventory_every.saturating_mul(self.checks.saturating_add(1)))
            }
            _ => None,
        }
    }

    /// When a command that failed may be sent again; `None` when nothing failed since one was accepted.
    pub fn next_try(&self, policy: &Policy) -> Option<Time> {
        let failure = self.failure.as_ref().filter(|_| !self.is_unproven())?;
        if self.asked_again_at > Some(failure.at) {
            return None;
        }
        if failure.is_final() {
            return Some(failure.at + policy.inventory_every);
        }
        Some(failure.at + doubled(policy.retry_after, failure.attempts.saturating_sub(1)))
    }

    /// When what is to be done about it may change, from the passing of time alone.
    pub(crate) fn moments(&self, policy: &Policy) -> impl Iterator<Item = Time> {
        let inventory = self.seen_at.map(|seen| seen + policy.inventory_every);
        [self.next_check(policy), self.next_try(policy), inventory]
            .into_iter()
            .flatten()
    }
}

impl Failure {
    /// Nothing is tried again soon; an administrator sees it as failed.
    pub fn is_final(&self) -> bool {
        match self.class {
            FailureClass::Retry | FailureClass::LicenceNotFound => self.attempts >= ATTEMPTS_IN_A_ROW,
            FailureClass::User | FailureClass::Permanent => true,
        }
    }
}

/// `first`, doubled so many times.
fn doubled(first: Duration, times: u32) -> Duration {
    first.saturating_mul(1 << times.min(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY_MS: i64 = 24 * 3600 * 1000;

    fn at(seconds: i64) -> Time {
        Time(seconds * 1000)
    }

    fn accepted_at(time: Time) -> Install {
        let mut install = Install::default();
        install.asked_install(HolderKind::User, time);
        install.accepted(time);
        install
    }

    fn installed_at(time: Time) -> Install {
        let mut install = accepted_at(time);
        install.listed(Seen::Installed, time);
        install
    }

    /// The word "rejected" came between the command to remove and its answer, and the licence never went back.
    #[test]
    fn a_list_without_the_app_proves_a_removal_whatever_was_said_once_before() {
        for said in [Seen::Rejected, Seen::Unmanaged, Seen::Failed] {
            let mut install = accepted_at(at(0));
            install.asked_remove(at(1));
            install.listed(said, at(2));
            install.removed(at(3));
            assert!(install.may_be_there(), "{said:?}");
            install.listed(Seen::Absent, at(4));
            assert!(!install.may_be_there(), "{said:?}");
        }
    }

    #[test]
    fn every_word_of_the_device_has_a_meaning() {
        let words = [
            ("Queued", Seen::Installing),
            ("NeedsRedemption", Seen::NeedsRedemption),
            ("Redeeming", Seen::Installing),
            ("Prompting", Seen::AwaitingConsent),
            ("PromptingForLogin", Seen::AwaitingLogin),
            ("ValidatingPurchase", Seen::Installing),
            ("Installing", Seen::Installing),
            ("PromptingForUpdate", Seen::Installed),
            ("PromptingForUpdateLogin", Seen::Installed),
            ("ValidatingUpdate", Seen::Installed),
            ("Updating", Seen::Installed),
            ("PromptingForManagement", Seen::AwaitingConsent),
            ("Managed", Seen::Installed),
            ("ManagedButUninstalled", Seen::RemovedByUser),
            ("Unknown", Seen::Unknown),
            ("UserInstalledApp", Seen::Unmanaged),
            ("UserRejected", Seen::Rejected),
            ("UpdateRejected", Seen::Installed),
            ("ManagementRejected", Seen::Unmanaged),
            ("Failed", Seen::Failed),
            ("a word of next year", Seen::Unknown),
        ];
        for (word, seen) in words {
            assert_eq!(Seen::from_status(word), seen, "{word}");
        }
    }

    #[test]
    fn an_accepted_command_proves_nothing_and_a_list_does() {
        let mut install = accepted_at(at(0));
        assert!(install.is_unproven() && install.may_be_there() && !install.is_proven());
        install.listed(Seen::Installing, at(20));
        assert!(install.is_unproven() && !install.is_proven());
        install.listed(Seen::Installed, at(60));
        assert!(install.is_proven() && !install.is_unproven());
    }

    #[test]
    fn proof_is_asked_for_ever_more_rarely_up_to_the_inventory() {
        let policy = Policy::default();
        let mut install = accepted_at(at(0));
        assert_eq!(install.next_check(&policy), Some(at(20)));
        for (listed, next) in [(20, 40), (40, 80), (80, 160)] {
            install.listed(Seen::Installing, at(listed));
            assert_eq!(install.next_check(&policy), Some(at(next)));
        }
        for _ in 0..20 {
            install.listed(Seen::Installing, at(1000));
        }
        assert_eq!(install.next_check(&policy), Some(at(1000) + policy.inventory_every));
    }

    #[test]
    fn what_is_installed_is_looked_at_again_at_the_inventory_however_often_it_was_seen() {
        let policy = Policy::default();
        let mut install = installed_at(at(0));
        for day in 1..10 {
            install.listed(Seen::Installed, Time(day * DAY_MS));
            assert_eq!(install.next_check(&policy), Some(Time((day + 7) * DAY_MS)));
        }
    }

    #[test]
    fn an_accepted_app_that_never_shows_up_becomes_a_failure_and_is_tried_again() {
        let policy = Policy::default();
        let mut install = accepted_at(at(0));
        for check in 1..=CHECKS_BEFORE_FAILURE {
            install.listed(Seen::Absent, at(i64::from(check)));
            assert!(install.is_unproven(), "after {check}");
        }
        install.listed(Seen::Absent, at(100));
        assert!(!install.may_be_there());
        assert_eq!(install.failure.as_ref().unwrap().code, "NotListed");
        assert_eq!(install.next_try(&policy), Some(at(160)));
    }

    #[test]
    fn attempts_in_a_row_are_further_and_further_apart_and_end_at_the_pace_of_the_inventory() {
        let policy = Policy::default();
        let mut install = Install::default();
        for wait in [60, 120, 240, 480] {
            install.asked_install(HolderKind::User, at(0));
            install.failed(FailureClass::Retry, "12064".into(), at(0));
            assert_eq!(install.next_try(&policy), Some(at(wait)));
        }
        install.asked_install(HolderKind::User, at(0));
        install.failed(FailureClass::Retry, "12064".into(), at(0));
        assert!(install.failure.as_ref().unwrap().is_final());
        assert_eq!(install.next_try(&policy), Some(at(0) + policy.inventory_every));
    }

    #[test]
    fn what_waits_for_the_person_or_the_configuration_is_not_tried_again_soon() {
        for class in [FailureClass::User, FailureClass::Permanent] {
            let mut install = Install::default();
            install.asked_install(HolderKind::User, at(0));
            install.failed(class, "code".into(), at(0));
            assert_eq!(
                install.next_try(&Policy::default()),
                Some(at(0) + Policy::default().inventory_every)
            );
        }
    }

    /// The device says it once; the next list leaves the app out.
    #[test]
    fn what_is_said_once_is_remembered() {
        for seen in [Seen::Rejected, Seen::Unmanaged, Seen::Failed] {
            let mut install = accepted_at(at(0));
            install.listed(seen, at(10));
            let heard = install.clone();
            install.listed(Seen::Absent, at(20));
            install.listed(seen, at(30));
            assert_eq!(install.seen, Some(seen));
            assert_eq!(
                (install.seen_at, &install.failure),
                (Some(at(10)), &heard.failure),
                "and counted once"
            );
            assert!(!install.may_be_there());
        }
    }

    #[test]
    fn an_accepted_command_leaves_what_is_there_or_under_way_as_it_was_seen() {
        let stays = [Seen::Installed, Seen::Installing, Seen::AwaitingConsent, Seen::Unknown];
        for seen in stays {
            let mut install = Install::default();
            install.listed(seen, at(10));
            install.asked_install(HolderKind::User, at(20));
            install.accepted(at(30));
            assert_eq!(install.seen, Some(seen));
        }
    }

    #[test]
    fn a_command_that_was_dropped_leaves_open_only_what_it_may_have_changed() {
        let mut never_there = Install::default();
        never_there.listed(Seen::Absent, at(10));
        let mut there = installed_at(at(10));
        for install in [&mut never_there, &mut there] {
            install.asked_remove(at(20));
            install.dropped();
        }
        assert_eq!(never_there.seen, Some(Seen::Absent), "a removal brings nothing");
        assert_eq!(there.seen, Some(Seen::Installed), "the next list tells");
        there.asked_install(HolderKind::User, at(30));
        there.dropped();
        assert_eq!(there.seen, Some(Seen::Installed), "it was there before");
        never_there.asked_install(HolderKind::User, at(30));
        never_there.dropped();
        assert_eq!(never_there.seen, Some(Seen::Unknown));
    }

    #[test]
    fn whoever_asked_again_has_asked_the_device_that_enrols_anew_too() {
        let mut install = installed_at(at(0));
        install.asked_again_at = Some(at(10));
        install.forgotten();
        assert_eq!(
            (install.seen, install.asked_again_at),
            (Some(Seen::Unknown), Some(at(10)))
        );
    }

    /// A device that cannot tell now is asked again at the inventory, and at once where something is to be proved.
    #[test]
    fn a_device_that_cannot_tell_leaves_what_is_known() {
        let mut proven = installed_at(at(0));
        proven.listed(Seen::Unknown, at(100));
        assert_eq!((proven.seen, proven.seen_at), (Some(Seen::Installed), Some(at(100))));

        let mut unproven = accepted_at(at(0));
        unproven.listed(Seen::Installing, at(20));
        unproven.listed(Seen::Unknown, at(60));
        assert_eq!(
            (unproven.seen, unproven.seen_at),
            (Some(Seen::Installing), Some(at(20)))
        );
    }

    #[test]
    fn a_command_without_the_purchase_method_is_ours_to_mend() {
        let mut install = accepted_at(at(0));
        install.listed(Seen::NeedsRedemption, at(10));
        let failure = install.failure.as_ref().unwrap();
        assert_eq!(
            (failure.class, failure.code.as_str()),
            (FailureClass::Permanent, "NeedsRedemption")
        );
    }

    /// A device answers one thing after the other: what it lists in the same millisecond it lists afterwards.
    #[test]
    fn a_list_of_the_moment_of_the_removal_proves_it() {
        let mut install = installed_at(at(0));
        install.asked_remove(at(5));
        install.removed(at(10));
        assert!(install.is_removal_unproven());
        install.listed(Seen::Absent, at(10));
        assert!(!install.is_removal_unproven() && !install.may_be_there());
    }

    #[test]
    fn who_asked_before_it_failed_has_not_asked_again() {
        let mut install = Install::default();
        install.asked_install(HolderKind::User, at(0));
        install.failed(FailureClass::User, "code".into(), at(10));
        for (asked, waits) in [(9, true), (10, true), (11, false)] {
            install.asked_again_at = Some(at(asked));
            assert_eq!(install.next_try(&Policy::default()).is_some(), waits, "{asked}");
        }
    }

    #[test]
    fn what_was_said_of_an_earlier_attempt_says_nothing_of_the_next() {
        let mut install = accepted_at(at(0));
        install.listed(Seen::Failed, at(10));
        install.asked_install(HolderKind::User, at(100));
        install.accepted(at(110));
        assert_eq!(install.seen, None);
        assert_eq!(
            install.next_try(&Policy::default()),
            None,
            "the failure is over, its count is not"
        );
        install.listed(Seen::Failed, at(120));
        assert_eq!(install.failure.unwrap().attempts, 2);
    }

    #[test]
    fn an_acknowledged_removal_proves_nothing_and_a_list_does() {
        let mut install = installed_at(at(0));
        install.asked_remove(at(10));
        assert!(install.is_proven(), "the device has not heard of it yet");
        install.removed(at(20));
        assert!(install.may_be_there() && !install.is_proven());
        assert_eq!(install.next_check(&Policy::default()), Some(at(40)));
        install.listed(Seen::Absent, at(40));
        assert!(!install.may_be_there());
        assert_eq!(install.next_check(&Policy::default()), None);
    }

    /// The count of earlier attempts is still there, and says nothing about what the last one did.
    #[test]
    fn a_removal_after_a_second_attempt_needs_its_proof_too() {
        let mut install = Install::default();
        install.asked_install(HolderKind::User, at(0));
        install.failed(FailureClass::Retry, "12064".into(), at(0));
        install.asked_install(HolderKind::User, at(100));
        install.accepted(at(100));
        install.asked_remove(at(110));
        install.removed(at(120));
        assert!(install.may_be_there());
        install.listed(Seen::Absent, at(140));
        assert!(!install.may_be_there());
    }

    #[test]
    fn a_removal_that_did_not_remove_is_a_failure_and_tried_again_more_and_more_rarely() {
        let policy = Policy::default();
        let mut install = installed_at(at(0));
        for (removed, wait) in [(100, 60), (300, 120)] {
            install.asked_remove(at(removed));
            install.removed(at(removed));
            install.listed(Seen::Installed, at(removed + 100));
            assert!(install.may_be_there());
            assert_eq!(install.next_try(&policy), Some(at(removed + 100 + wait)));
        }
        install.asked_remove(at(600));
        install.removed(at(600));
        install.listed(Seen::Absent, at(700));
        assert!(!install.may_be_there() && install.failure.is_none());
    }

    #[test]
    fn a_removal_that_was_turned_down_leaves_the_app_there_until_a_list_shows_it_gone() {
        let mut forgotten = Install::default();
        forgotten.forgotten();
        for mut install in [installed_at(at(0)), accepted_at(at(0)), forgotten] {
            install.asked_remove(at(10));
            install.failed(FailureClass::Permanent, "12038".into(), at(20));
            assert!(install.may_be_there());
            assert!(install.next_check(&Policy::default()).is_some(), "somebody has to look");
            install.listed(Seen::Absent, at(30));
            assert!(!install.may_be_there() && install.failure.is_none());
        }
    }

    /// The app of before the enrolment may be there all the same.
    #[test]
    fn an_installation_that_was_turned_down_says_nothing_of_a_device_that_enrolled_anew() {
        let mut install = installed_at(at(0));
        install.forgotten();
        install.asked_install(HolderKind::User, at(10));
        install.failed(FailureClass::Retry, "12064".into(), at(10));
        assert!(install.may_be_there());
        assert!(install.next_check(&Policy::default()).is_some());
    }

    #[test]
    fn an_installation_that_was_turned_down_is_not_forgotten_because_the_app_is_missing() {
        let mut install = Install::default();
        install.asked_install(HolderKind::User, at(0));
        install.failed(FailureClass::Retry, "12064".into(), at(10));
        assert!(!install.may_be_there());
        install.listed(Seen::Absent, at(20));
        assert_eq!(install.failure.unwrap().attempts, 1);
    }

    /// Lists are sent for many reasons; the days count from the first that showed the removal (A29).
    #[test]
    fn a_removal_by_the_person_keeps_the_time_when_it_was_first_seen() {
        let mut install = installed_at(at(0));
        install.listed(Seen::RemovedByUser, at(100));
        for later in [200, 300] {
            install.listed(Seen::RemovedByUser, at(later));
        }
        assert_eq!(install.seen_at, Some(at(100)));
        let next = install.next_check(&Policy::default()).unwrap();
        assert!(next > at(300), "not asked for again and again");
    }

    /// Right after the command the device may not have changed its mind yet.
    #[test]
    fn an_app_that_is_coming_back_may_be_listed_as_removed_for_a_while() {
        let mut install = installed_at(at(0));
        install.listed(Seen::RemovedByUser, at(100));
        install.asked_install(HolderKind::User, at(200));
        install.accepted(at(210));
        install.listed(Seen::RemovedByUser, at(220));
        assert!(install.is_unproven());
        install.listed(Seen::Installed, at(240));
        assert!(install.is_proven());
    }

    #[test]
    fn a_device_that_does_not_know_changes_nothing() {
        let mut install = installed_at(at(0));
        install.listed(Seen::Unknown, at(10));
        assert!(install.is_proven());

        install.asked_remove(at(20));
        install.removed(at(30));
        install.listed(Seen::Unknown, at(40));
        assert!(install.is_removal_unproven());
    }

    #[test]
    fn an_update_that_waits_for_the_person_is_no_longer_a_missing_app() {
        let mut install = accepted_at(at(0));
        install.listed(Seen::from_status("PromptingForUpdate"), at(10));
        assert!(install.is_proven());
    }

    #[test]
    fn a_command_without_an_answer_may_have_been_carried_out() {
        let mut turned_down = Install::default();
        turned_down.asked_install(HolderKind::User, at(0));
        turned_down.failed(FailureClass::Retry, "12064".into(), at(0));
        let mut absent = Install::default();
        absent.listed(Seen::Absent, at(0));
        for mut install in [Install::default(), turned_down, absent] {
            install.asked_install(HolderKind::User, at(10));
            install.dropped();
            assert_eq!(install.command, None);
            assert!(install.may_be_there());
            assert!(install.next_check(&Policy::default()).is_some());
        }
    }

    #[test]
    fn a_device_that_enrolled_anew_is_asked_once_what_it_has() {
        let mut install = installed_at(at(0));
        install.forgotten();
        assert!(install.may_be_there() && !install.is_proven());
        assert!(install.next_check(&Policy::default()).is_some());
        install.checks += 1;
        assert_eq!(
            install.next_check(&Policy::default()),
            None,
            "it answered without a list"
        );
    }
}
