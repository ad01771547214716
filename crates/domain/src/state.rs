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
    NotApplicable,
    Unknown,
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
    // Ours.
    /// A11: under the 2016 policy no licence means failed.
    NoLicenseAvailable,
    WaitingForLicense,
    /// The person has not accepted the programme's terms.
    UserNotEnrolledInProgram,
    TokenNotUsable,
    LicenseAssociationPending,
    AwaitingUserConsent,
    /// The command waits for the device to come by.
    AwaitingDevice,
    /// The person has no device that could have it.
    NoEligibleDevice,
    /// The device accepted the command and has not proved the installation.
    InstalledUnverified,
    /// The device reports that the installation runs.
    Installing,
    /// A10.
    DeviceEnrolledThroughDep,
    /// Available, and not asked for.
    NotRequested,
    /// The removal is on its way.
    UninstallPending,
    /// The app is gone; Apple is taking the licence back.
    LicenseReturnPending,
    /// There, but not managed by us.
    InstalledUnmanaged,
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
}

impl TokenState {
    /// Whether Apple may be asked for anything with it.
    pub fn usable(self) -> bool {
        matches!(self, TokenState::Valid | TokenState::ExpiringSoon)
    }
}
