//! The words for what is: the field's own where one fits (`resultantAppState` and its details), else ours.

use serde::{Deserialize, Serialize};

/// The state of an app on a device, or for a person (Graph's `resultantAppState`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InstallState {
    Failed,
    UninstallFailed,
    PendingInstall,
    NotInstalled,
    Installed,
    /// The licence is held, and somebody else installs: no device has said whether the app is there. Ours.
    Licensed,
    NotApplicable,
    Unknown,
}

impl InstallState {
    /// Something went wrong.
    pub fn is_failure(self) -> bool {
        matches!(self, InstallState::Failed | InstallState::UninstallFailed)
    }
}

/// Why the state is what it is. Every one has a sentence in the message files.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Detail {
    // Graph's `resultantAppStateDetail`.
    NoAdditionalDetails,
    SeeInstallErrorCode,
    SeeUninstallErrorCode,
    UserRejectedInstall,
    UserIsNotLoggedIntoAppStore,
    ManagedAppNoLongerPresent,
    MinimumOsVersionNotMet,
    PlatformNotApplicable,
    /// There, in an older version than the store has ([`Update`](crate::Update)).
    VppAppHasUpdateAvailable,
    // Ours.
    /// A11: under the 2016 policy no licence means failed.
    NoLicenseAvailable,
    WaitingForLicense,
    /// Apple did not create the person's client user, and said why.
    ProgramRefused,
    /// The person has not accepted the programme's terms.
    UserNotEnrolledInProgram,
    TokenNotUsable,
    LicenseAssociationPending,
    /// Apple could not do it just now, which is not for want of licences; it is asked again by itself.
    AppleTrouble,
    /// Apple turned this person or this app down.
    LicenseRefused,
    /// Nobody knows the app's bundle id yet, so nothing could be proved, and nobody gets a licence.
    AppNotDescribed,
    AwaitingUserConsent,
    /// The command waits for the device to come by.
    AwaitingDevice,
    /// The command waits, and the device cannot be woken.
    DeviceUnreachable,
    /// The device is being retired or wiped; the app goes with it, then the licence.
    DeviceLeaving,
    /// The person has no device that could have it.
    NoEligibleDevice,
    /// The device accepted the command and has not proved the installation.
    InstalledUnverified,
    /// The device reports that the installation runs.
    Installing,
    /// A10.
    DeviceEnrolledThroughDep,
    /// The device shall have a licence of its own, and Apple permits none for the app.
    NotDeviceAssignable,
    /// The deployment gives licences to people, and the device belongs to nobody.
    LicenseNeedsUser,
    /// Available, and not asked for.
    NotRequested,
    /// Not asked for, and required from a deadline on that lies ahead (A24).
    DeadlineAhead,
    /// The removal is on its way.
    UninstallPending,
    /// The app is gone; Apple is taking the licence back.
    LicenseReturnPending,
    /// There, but not managed by us.
    InstalledUnmanaged,
    /// The licence is all that is ours to give: somebody else installs the app.
    ExternalInstallation,
}

/// What an administrator is told of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TokenState {
    #[serde(rename = "valid")]
    Valid,
    #[serde(rename = "expiringSoon")]
    ExpiringSoon,
    #[serde(rename = "expired")]
    Expired,
    #[serde(rename = "revoked")]
    Revoked,
    #[serde(rename = "invalid")]
    Invalid,
    #[serde(rename = "assignedToExternalMDM")]
    AssignedToExternalMdm,
    /// The account that downloaded it may look but not assign.
    #[serde(rename = "readOnly")]
    ReadOnly,
}

impl TokenState {
    /// Whether Apple may be asked to change anything with it.
    pub fn usable(self) -> bool {
        matches!(self, TokenState::Valid | TokenState::ExpiringSoon)
    }

    /// Whether Apple answers questions with it. What another server manages, and what may not be changed, can still
    /// be looked at.
    pub fn readable(self) -> bool {
        self.usable() || matches!(self, TokenState::AssignedToExternalMdm | TokenState::ReadOnly)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_went_wrong_is_a_failure() {
        use InstallState::*;
        let all = [
            Failed,
            UninstallFailed,
            PendingInstall,
            NotInstalled,
            Installed,
            Licensed,
            NotApplicable,
            Unknown,
        ];
        let failures: Vec<InstallState> = all.into_iter().filter(|state| state.is_failure()).collect();
        assert_eq!(failures, [Failed, UninstallFailed]);
    }

    /// Reading goes on where writing may not, so that a hand-back is noticed.
    #[test]
    fn what_may_not_be_changed_can_still_be_looked_at() {
        use TokenState::*;
        let may = |state: TokenState| (state.usable(), state.readable());
        for state in [Valid, ExpiringSoon] {
            assert_eq!(may(state), (true, true), "{state:?}");
        }
        for state in [AssignedToExternalMdm, ReadOnly] {
            assert_eq!(may(state), (false, true), "{state:?}");
        }
        for state in [Expired, Revoked, Invalid] {
            assert_eq!(may(state), (false, false), "{state:?}");
        }
    }
}
