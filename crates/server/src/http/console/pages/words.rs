//! The words for what the domain knows: each function gives the key of a message. Every text literal here is such a key.

use domain::{
    Approval, Breach, Detail, Enrolment, GroupKind, HolderKind, InstallState, Installation, LicenseType,
    LicensingReason, Reclaim, Rule, RuleSet, Step, TokenState, invitation::Ending,
};

use store::{Role, SyncCause};

use crate::app::program::ProgramRefusal;

/// What Apple was asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OperationWord {
    CreateUsers,
    Associate,
    Disassociate,
    RetireUsers,
}

/// How far the reading of what Apple has is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    Waiting,
    Config,
    Assets,
    Assignments,
    Users,
    Metadata,
}

/// The request type of a command to a device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandWord(pub String);

/// The kind of something that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventWord(pub String);

pub fn install_state(state: InstallState) -> &'static str {
    match state {
        InstallState::Failed => "install-failed",
        InstallState::UninstallFailed => "install-uninstall-failed",
        InstallState::PendingInstall => "install-pending",
        InstallState::NotInstalled => "install-not-installed",
        InstallState::Installed => "install-installed",
        InstallState::Licensed => "install-licensed",
        InstallState::NotApplicable => "install-not-applicable",
        InstallState::Unknown => "install-unknown",
    }
}

pub fn detail(detail: Detail) -> &'static str {
    match detail {
        Detail::NoAdditionalDetails => "detail-no-additional-details",
        Detail::SeeInstallErrorCode => "detail-see-install-error-code",
        Detail::SeeUninstallErrorCode => "detail-see-uninstall-error-code",
        Detail::UserRejectedInstall => "detail-user-rejected-install",
        Detail::UserIsNotLoggedIntoAppStore => "detail-user-is-not-logged-into-app-store",
        Detail::ManagedAppNoLongerPresent => "detail-managed-app-no-longer-present",
        Detail::MinimumOsVersionNotMet => "detail-minimum-os-version-not-met",
        Detail::PlatformNotApplicable => "detail-platform-not-applicable",
        Detail::NoLicenseAvailable => "detail-no-license-available",
        Detail::WaitingForLicense => "detail-waiting-for-license",
        Detail::ProgramRefused => "detail-program-refused",
        Detail::UserNotEnrolledInProgram => "detail-user-not-enrolled-in-program",
        Detail::TokenNotUsable => "detail-token-not-usable",
        Detail::LicenseAssociationPending => "detail-license-association-pending",
        Detail::AppleTrouble => "detail-apple-trouble",
        Detail::LicenseRefused => "detail-license-refused",
        Detail::AppNotDescribed => "detail-app-not-described",
        Detail::AwaitingUserConsent => "detail-awaiting-user-consent",
        Detail::AwaitingDevice => "detail-awaiting-device",
        Detail::DeviceUnreachable => "detail-device-unreachable",
        Detail::DeviceLeaving => "detail-device-leaving",
        Detail::NoEligibleDevice => "detail-no-eligible-device",
        Detail::InstalledUnverified => "detail-installed-unverified",
        Detail::Installing => "detail-installing",
        Detail::NotDeviceAssignable => "detail-not-device-assignable",
        Detail::LicenseNeedsUser => "detail-license-needs-user",
        Detail::DeviceEnrolledThroughDep => "detail-device-enrolled-through-dep",
        Detail::NotRequested => "detail-not-requested",
        Detail::DeadlineAhead => "detail-deadline-ahead",
        Detail::UninstallPending => "detail-uninstall-pending",
        Detail::LicenseReturnPending => "detail-license-return-pending",
        Detail::InstalledUnmanaged => "detail-installed-unmanaged",
        Detail::VppAppHasUpdateAvailable => "detail-vpp-app-has-update-available",
        Detail::ExternalInstallation => "detail-external-installation",
    }
}

/// `None` while the device has not answered.
pub fn invitation(outcome: Option<Ending>) -> &'static str {
    match outcome {
        None => "invitation-waiting",
        Some(Ending::Shown) => "invitation-shown",
        Some(Ending::Failed) => "invitation-failed",
        Some(Ending::Silent) => "invitation-silent",
        Some(Ending::Dropped) => "invitation-dropped",
        Some(Ending::Withdrawn) => "invitation-withdrawn",
    }
}

pub fn rule(rule: Rule) -> &'static str {
    match rule {
        Rule::NoDeployment => "rule-no-deployment",
        Rule::KeptWithoutDeployment => "rule-kept-without-deployment",
        Rule::OnlyIntent => "rule-only-intent",
        Rule::DeviceGroupBeatsUserGroup => "rule-device-group-beats-user-group",
        Rule::AvailableDespiteNotApplicable => "rule-available-despite-not-applicable",
        Rule::AdministratorBeatsUser => "rule-administrator-beats-user",
        Rule::InstallBeatsUninstall => "rule-install-beats-uninstall",
        Rule::RequiredAndAvailableCombine => "rule-required-and-available-combine",
        Rule::UninstallBeatsAvailable => "rule-uninstall-beats-available",
        Rule::NotApplicableBeatsRest => "rule-not-applicable-beats-rest",
        Rule::ExclusionNotEvaluated => "rule-exclusion-not-evaluated",
    }
}

pub fn reclaim(rule: Reclaim) -> &'static str {
    match rule {
        Reclaim::Uninstalled => "reclaim-uninstalled",
        Reclaim::LeftAllGroups => "reclaim-left-all-groups",
        Reclaim::PersonLeft => "reclaim-person-left",
        Reclaim::DeviceGone => "reclaim-device-gone",
        Reclaim::DeviceRemoved => "reclaim-device-removed",
        Reclaim::DeviceSilent => "reclaim-device-silent",
        Reclaim::RemovedByPerson => "reclaim-removed-by-person",
        Reclaim::NotNeeded => "reclaim-not-needed",
    }
}

pub fn reclaim_reason(rule: Reclaim) -> &'static str {
    match rule {
        Reclaim::Uninstalled => "reclaim-uninstalled-reason",
        Reclaim::LeftAllGroups => "reclaim-left-all-groups-reason",
        Reclaim::PersonLeft => "reclaim-person-left-reason",
        Reclaim::DeviceGone => "reclaim-device-gone-reason",
        Reclaim::DeviceRemoved => "reclaim-device-removed-reason",
        Reclaim::DeviceSilent => "reclaim-device-silent-reason",
        Reclaim::RemovedByPerson => "reclaim-removed-by-person-reason",
        Reclaim::NotNeeded => "reclaim-not-needed-reason",
    }
}

pub fn rule_set(rule_set: RuleSet) -> &'static str {
    match rule_set {
        RuleSet::Y2016 => "rule-set-2016",
        RuleSet::Y2020 => "rule-set-2020",
    }
}

pub fn token_state(state: TokenState) -> &'static str {
    match state {
        TokenState::Valid => "token-valid",
        TokenState::ExpiringSoon => "token-expiring-soon",
        TokenState::Expired => "token-expired",
        TokenState::Revoked => "token-revoked",
        TokenState::Invalid => "token-invalid",
        TokenState::AssignedToExternalMdm => "token-assigned-to-external-mdm",
        TokenState::ReadOnly => "token-read-only",
    }
}

pub fn role(role: Role) -> &'static str {
    match role {
        Role::Full => "role-full",
        Role::ReadOnly => "role-read-only",
    }
}

pub fn approval(approval: Approval) -> &'static str {
    match approval {
        Approval::Required => "approval-required",
        Approval::Available => "approval-available",
        Approval::NotApplicable => "approval-not-applicable",
        Approval::Uninstall => "approval-uninstall",
    }
}

pub fn installation(installation: Installation) -> &'static str {
    match installation {
        Installation::Managed => "installation-managed",
        Installation::External => "installation-external",
    }
}

pub fn license_type(license_type: LicenseType) -> &'static str {
    match license_type {
        LicenseType::User => "license-type-user",
        LicenseType::Device => "license-type-device",
        LicenseType::Automatic => "license-type-automatic",
    }
}

/// The same of a licence that a device has.
pub fn of_device(event: &'static str) -> &'static str {
    match event {
        "event-licence-assigned" => "event-licence-assigned-device",
        "event-licence-found" => "event-licence-found-device",
        "event-licence-lost" => "event-licence-lost-device",
        "event-licence-refused" => "event-licence-refused-device",
        "event-licence-reserved" => "event-licence-reserved-device",
        "event-licence-returned" => "event-licence-returned-device",
        "event-licence-returning" => "event-licence-returning-device",
        "event-licence-return-refused" => "event-licence-return-refused-device",
        other => other,
    }
}

/// The same where it happened to nobody: for a device that belongs to nobody.
pub fn of_nobody(event: &'static str) -> &'static str {
    match event {
        "event-device-takeover-refused" => "event-device-takeover-refused-nobody",
        "event-enrolment-link-made" => "event-enrolment-link-made-nobody",
        "event-enrolment-profile-taken" => "event-enrolment-profile-taken-nobody",
        other => other,
    }
}

/// Whose a licence is.
pub fn license_holder(kind: HolderKind) -> &'static str {
    match kind {
        HolderKind::User => "license-type-user",
        HolderKind::Device => "license-type-device",
    }
}

/// What a step that is not taken would do.
pub fn step(step: &Step) -> &'static str {
    match step {
        Step::Release { .. } => "step-release",
        Step::AskInformation { .. } => "step-ask-information",
        Step::CreateUser { .. } => "step-create-user",
        Step::Invite { .. } => "step-invite",
        Step::Disassociate { .. } => "step-disassociate",
        Step::Associate { .. } => "step-associate",
        Step::RetireUser { .. } => "step-retire-user",
        Step::Remove { .. } => "step-remove",
        Step::Install { .. } => "step-install",
        Step::AskApps { .. } => "step-ask-apps",
        Step::Unenrol { .. } => "step-unenrol",
    }
}

/// What it would break.
pub fn breach(breach: Breach) -> &'static str {
    match breach {
        Breach::NotOurs => "breach-not-ours",
        Breach::TokenUnusable => "breach-token-unusable",
        Breach::Overdrawn => "breach-overdrawn",
        Breach::KeptForOthers => "breach-kept-for-others",
        Breach::SecondLicence => "breach-second-licence",
        Breach::NotWanted => "breach-not-wanted",
        Breach::NotAMember => "breach-not-a-member",
        Breach::NotPermitted => "breach-not-permitted",
        Breach::StillThere => "breach-still-there",
        Breach::StillWanted => "breach-still-wanted",
        Breach::NoLicence => "breach-no-licence",
        Breach::NotHere => "breach-not-here",
        Breach::UnderWay => "breach-under-way",
        Breach::InvitedAgain => "breach-invited-again",
        Breach::HoldsLicence => "breach-holds-licence",
        Breach::NotLeft => "breach-not-left",
        Breach::ProfileFirst => "breach-profile-first",
    }
}

/// Why it is the licence of the person, or of the device.
pub fn licensing(reason: LicensingReason) -> &'static str {
    match reason {
        LicensingReason::Policy2016 => "licensing-policy-2016",
        LicensingReason::SharedDevice => "licensing-shared-device",
        LicensingReason::NoUser => "licensing-no-user",
        LicensingReason::Deployment => "licensing-deployment",
        LicensingReason::Assignable => "licensing-assignable",
        LicensingReason::NotAssignable => "licensing-not-assignable",
    }
}

pub fn group_kind(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::User => "group-kind-user",
        GroupKind::Device => "group-kind-device",
    }
}

pub fn enrolment(enrolment: Enrolment) -> &'static str {
    match enrolment {
        Enrolment::Pending => "enrolment-pending",
        Enrolment::Enrolled => "enrolment-enrolled",
        Enrolment::Retiring => "enrolment-retiring",
        Enrolment::Wiping => "enrolment-wiping",
        Enrolment::Retired => "enrolment-retired",
        Enrolment::Wiped => "enrolment-wiped",
        Enrolment::Removed => "enrolment-removed",
        Enrolment::Gone => "enrolment-gone",
    }
}

/// `None` for a country that has no word here: its code is shown instead.
pub fn country(iso2: &str) -> Option<&'static str> {
    Some(match iso2 {
        "KR" => "country-kr",
        "US" => "country-us",
        "JP" => "country-jp",
        "CN" => "country-cn",
        "GB" => "country-gb",
        "DE" => "country-de",
        _ => return None,
    })
}

pub fn operation(operation: OperationWord) -> &'static str {
    match operation {
        OperationWord::CreateUsers => "operation-create-users",
        OperationWord::Associate => "operation-associate",
        OperationWord::Disassociate => "operation-disassociate",
        OperationWord::RetireUsers => "operation-retire-users",
    }
}

pub fn phase(phase: Phase) -> &'static str {
    match phase {
        Phase::Waiting => "sync-phase-waiting",
        Phase::Config => "sync-phase-config",
        Phase::Assets => "sync-phase-assets",
        Phase::Assignments => "sync-phase-assignments",
        Phase::Users => "sync-phase-users",
        Phase::Metadata => "sync-phase-metadata",
    }
}

/// Why a reading of what Apple has did not come to its end, by the code that is kept with it.
pub fn sync_error(code: &str) -> &'static str {
    match code {
        "expiredVppToken" => "sync-error-expired",
        "revokedVppToken" => "sync-error-revoked",
        "invalidVppToken" => "sync-error-invalid",
        "otherAccount" => "sync-error-other-account",
        "assignedToExternalMDM" => "sync-error-taken",
        "throttled" => "sync-error-throttled",
        "unreachable" => "sync-error-unreachable",
        "appleFailure" => "sync-error-apple",
        _ => "sync-error-internal",
    }
}

pub fn sync_cause(cause: SyncCause) -> &'static str {
    match cause {
        SyncCause::Person => "sync-cause-person",
        SyncCause::Schedule => "sync-cause-schedule",
        SyncCause::Token => "sync-cause-token",
        SyncCause::Resync => "sync-cause-resync",
    }
}

pub fn command(command: &CommandWord) -> Option<&'static str> {
    Some(match command.0.as_str() {
        "InstallApplication" => "command-install-application",
        "RemoveApplication" => "command-remove-application",
        "InviteToProgram" => "command-invite-to-program",
        "ManagedApplicationList" => "command-managed-application-list",
        "DeviceInformation" => "command-device-information",
        "DeviceConfigured" => "command-device-configured",
        "RemoveProfile" => "command-remove-profile",
        "EraseDevice" => "command-erase-device",
        _ => return None,
    })
}

/// `None` for something that this version has no sentence for: its name is shown instead.
pub fn event(event: &EventWord) -> Option<&'static str> {
    Some(match event.0.as_str() {
        "accountAdded" => "event-account-added",
        "accountChanged" => "event-account-changed",
        "accountDisabled" => "event-account-disabled",
        "accountEnabled" => "event-account-enabled",
        "accountUnlocked" => "event-account-unlocked",
        "apiKeyRotated" => "event-api-key-rotated",
        "passwordChanged" => "event-password-changed",
        "passwordSet" => "event-password-set",
        "sessionEnded" => "event-session-ended",
        "sessionsEnded" => "event-sessions-ended",
        "apiKeyCreated" => "event-api-key-created",
        "apiKeyRevoked" => "event-api-key-revoked",
        "bulkDone" => "event-bulk-done",
        "appDescribed" => "event-app-described",
        "appGone" => "event-app-gone",
        "appInstalled" => "event-app-installed",
        "appRemovedByUser" => "event-app-removed-by-user",
        "appRequested" => "event-app-requested",
        "appRequestWithdrawn" => "event-app-request-withdrawn",
        "changeApproved" => "event-change-approved",
        "changeExpired" => "event-change-expired",
        "changeHeld" => "event-change-held",
        "changeTurnedDown" => "event-change-turned-down",
        "changeWithdrawn" => "event-change-withdrawn",
        "deploymentSaved" => "event-deployment-saved",
        "deviceAuthenticated" => "event-device-authenticated",
        "deviceCheckedOut" => "event-device-checked-out",
        "deviceEnrolled" => "event-device-enrolled",
        "deviceHeardAfterRemoval" => "event-device-heard-after-removal",
        "deviceHeardAgain" => "event-device-heard-again",
        "deviceRemoved" => "event-device-removed",
        "deviceRetired" => "event-device-retired",
        "deviceRetireRefused" => "event-device-retire-refused",
        "deviceRetireRequested" => "event-device-retire-requested",
        "deviceSilenceOver" => "event-device-silence-over",
        "deviceSilent" => "event-device-silent",
        "deviceStays" => "event-device-stays",
        "deviceWiped" => "event-device-wiped",
        "deviceWipeRefused" => "event-device-wipe-refused",
        "deviceWipeRequested" => "event-device-wipe-requested",
        "deviceTakeoverRefused" => "event-device-takeover-refused",
        "deviceUnreachable" => "event-device-unreachable",
        "enrolmentLinkMade" => "event-enrolment-link-made",
        "enrolmentProfileTaken" => "event-enrolment-profile-taken",
        "enrolmentRefused" => "event-enrolment-refused",
        "identityRevoked" => "event-identity-revoked",
        "installAskedAgain" => "event-install-asked-again",
        "groupAdded" => "event-group-added",
        "groupChanged" => "event-group-changed",
        "groupDeleted" => "event-group-deleted",
        "groupLeft" => "event-group-left",
        "groupMembersSet" => "event-group-members-set",
        "groupMembersFollowed" => "event-group-members-followed",
        "groupRuleSet" => "event-group-rule-set",
        "appUpdatesSet" => "event-app-updates-set",
        "deviceOwnershipSet" => "event-device-ownership-set",
        "installAccepted" => "event-install-accepted",
        "installCommanded" => "event-install-commanded",
        "installFailed" => "event-install-failed",
        "installRejected" => "event-install-rejected",
        "invitationFailed" => "event-invitation-failed",
        "invitationRenewed" => "event-invitation-renewed",
        "invitationShown" => "event-invitation-shown",
        "invitationSilent" => "event-invitation-silent",
        "licenceAssigned" => "event-licence-assigned",
        "licenceFound" => "event-licence-found",
        "licenceLost" => "event-licence-lost",
        "licenceRefused" => "event-licence-refused",
        "licenceReserved" => "event-licence-reserved",
        "licenceReturned" => "event-licence-returned",
        "licenceReturning" => "event-licence-returning",
        "licenceReturnRefused" => "event-licence-return-refused",
        "movedBack" => "event-moved-back",
        "movedUp" => "event-moved-up",
        "movedUpEnded" => "event-moved-up-ended",
        "personAdded" => "event-person-added",
        "personChanged" => "event-person-changed",
        "personInvited" => "event-person-invited",
        "personLeft" => "event-person-left",
        "personReturned" => "event-person-returned",
        "planLookedAgain" => "event-plan-looked-again",
        "planSound" => "event-plan-sound",
        "planStopped" => "event-plan-stopped",
        "policyChanged" => "event-policy-changed",
        "programAccepted" => "event-program-accepted",
        "programUserCreated" => "event-program-user-created",
        "programUserKept" => "event-program-user-kept",
        "programUserReplaced" => "event-program-user-replaced",
        "programUserRetired" => "event-program-user-retired",
        "programUserRetiring" => "event-program-user-retiring",
        "removeAccepted" => "event-remove-accepted",
        "removeCommanded" => "event-remove-commanded",
        "removeFailed" => "event-remove-failed",
        "signedIn" => "event-signed-in",
        "tokenLinked" => "event-token-linked",
        "tokenRenewed" => "event-token-renewed",
        "programUserRefused" => "event-program-user-refused",
        "tokenUnusable" => "event-token-unusable",
        "tokenUsable" => "event-token-usable",
        _ => return None,
    })
}
/// Why Apple did not register a person, and what to do about it.
pub fn program_refusal(reason: ProgramRefusal) -> (&'static str, &'static str) {
    match reason {
        ProgramRefusal::Trouble => ("program-refused-trouble", "program-advice-trouble"),
        ProgramRefusal::AccountNotUsable => ("program-refused-account", "program-advice-account"),
        ProgramRefusal::AccountInUse => ("program-refused-account-in-use", "program-advice-account-in-use"),
        ProgramRefusal::BadMail => ("program-refused-mail", "program-advice-mail"),
        ProgramRefusal::UnknownUser => ("program-refused-unknown", "program-advice-unknown"),
        ProgramRefusal::NotAllowed => ("program-refused-not-allowed", "program-advice-not-allowed"),
        ProgramRefusal::AtApple => ("program-refused-at-apple", "program-advice-at-apple"),
        ProgramRefusal::Ours => ("program-refused-ours", "program-advice-ours"),
    }
}
