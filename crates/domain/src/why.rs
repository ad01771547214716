//! Why somebody has an app, or has it not (P6): the verdict of one person, or of one of their devices, explained.
//!
//! Nothing is decided here. What a verdict says is put as one sentence, with who has to act, what led there and what comes
//! next, the deployments that decided, and what would give the app to whoever asks. Everything is a code with its
//! arguments; both languages have the words for it.

mod subject;

use serde::{Deserialize, Serialize};
use subject::Subject;

use crate::{
    Approval, Asset, DeploymentId, Detail, DeviceId, Enrolment, Holder, InstallState, PersonId, PersonVerdict, Place,
    Platform, Position, Rule, Time, TokenState, Update, World,
};

/// What is asked: why this person, or this device of theirs, has the app or has it not.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// May hold this person only, with whatever reaches them.
    pub world: &'a World,
    pub app: &'a Asset,
    pub person: PersonId,
    /// One of the person's devices; `None` asks for the person.
    pub device: Option<DeviceId>,
    /// `None` when there is nothing to be said: [`decide_one`](crate::decide_one).
    pub verdict: Option<&'a PersonVerdict>,
    /// Of [`waits`].
    pub position: &'a Position,
    /// An app, and not a book or whatever else Apple sells.
    pub deployable: bool,
}

/// Who stands in the line for whoever asks: of whom [`Asked::position`] is to tell. `None` where nobody does.
pub fn waits(verdict: &PersonVerdict, device: Option<DeviceId>) -> Option<Holder> {
    match device {
        Some(device) => Some(verdict.devices.get(&device)?.holder(verdict.person)),
        None => verdict.last,
    }
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Why {
    /// What the verdict says; `None` where there is none.
    pub said: Option<(InstallState, Detail)>,
    /// The device that it is said of: the one that was asked about, or the person's that needs attention most.
    pub device: Option<DeviceId>,
    pub sentence: Sentence,
    pub who: Who,
    /// What led here, what is waited for now, and what comes then.
    pub links: Vec<Link>,
    pub rules: Vec<Ruled>,
    pub remedies: Vec<Remedy>,
}

impl Why {
    /// What is waited for, if anything is.
    pub fn now(&self) -> Option<&Link> {
        self.links.iter().find(|link| link.tense == Tense::Now)
    }

    /// The device has the app already, and the sentence speaks of something that it lacks.
    pub fn is_there_and_lacks(&self) -> bool {
        let there = matches!(self.said, Some((InstallState::Installed, _)));
        there && self.sentence.stage().is_some_and(Stage::is_before_the_device)
    }
}

/// Everything that there is to say, one code for each.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Sentence {
    // Nobody wants it there.
    /// A book, or whatever else cannot be deployed.
    NotDeployable,
    /// No group has it.
    NotDeployed,
    /// Others have it; no deployment reaches them.
    NotReached,
    PersonLeft,
    /// A deployment says not applicable.
    Excluded,
    /// A deployment says uninstall, and it is gone.
    Uninstalled,
    DeviceGone {
        enrolment: Enrolment,
    },
    DeviceSilent {
        since: Time,
    },
    /// The device leaves, and has not got the app.
    DeviceLeaves,
    /// The device leaves, and the app goes before it.
    LeavesWithApp,
    BeingRemoved {
        /// When the device was told, or said that it had done it.
        asked: Option<Time>,
    },
    NotRemoved {
        error: String,
        at: Time,
        again: Option<Time>,
    },
    LicenceGoesBack {
        /// Since when Apple is asked.
        asked: Option<Time>,
        again: Option<Time>,
    },
    /// It would go back, and Apple cannot be asked.
    LicenceCannotGoBack {
        token: TokenState,
    },

    // They may have it, and have not asked.
    NotRequested,
    BeforeDeadline {
        deadline: Time,
    },
    RemovedByPerson {
        at: Option<Time>,
    },
    /// Not asked for, and the device has not said that it is not there.
    PerhapsThere,

    // The device.
    NoDevice,
    PlatformNotApplicable {
        platform: Platform,
    },
    SystemTooOld {
        needed: Vec<u32>,
        has: Vec<u32>,
    },
    EnrolledThroughDep,
    /// It shall have a licence of its own, and Apple permits none for the app.
    NotDeviceAssignable,
    /// It belongs to nobody, and the deployment gives licences to people.
    LicenceNeedsUser,
    NotDescribed,
    EnrolmentPending,
    /// It has not told its serial number, without which it can have no licence of its own.
    SerialUnknown,

    // The programme.
    /// Apple is asked for their client user next.
    ToBeRegistered,
    BeingRegistered,
    RegistrationRefused {
        error_number: i64,
        again: Time,
    },
    ToBeInvited {
        on: DeviceId,
    },
    InvitationWaits {
        on: DeviceId,
        since: Time,
    },
    TermsNotAccepted {
        on: DeviceId,
        at: Time,
    },
    InvitationFailed {
        again: Time,
    },
    NoDeviceForInvitation,
    /// Apple was asked to retire their client user, and they are back.
    BeingRetired {
        since: Time,
    },
    /// Apple retired their client user, and licences are bound to it still.
    OldLicencesFirst,

    // The licence.
    TokenNotUsable {
        token: TokenState,
    },
    LicenceNext,
    AppleConfirms {
        since: Time,
    },
    /// The licence they had goes back before they get another.
    ReturningFirst {
        since: Time,
    },
    AppleTrouble {
        again: Time,
    },
    AppleRefused {
        again: Time,
    },
    InLine {
        #[serde(flatten)]
        place: Place,
        waiting: u64,
    },
    /// Licences are free, and these lines of the deployment keep them for others.
    KeptForOthers {
        #[serde(flatten)]
        place: Place,
        waiting: u64,
        kept: u64,
        deployments: Vec<DeploymentId>,
    },
    /// A11: the same under the 2016 policy.
    NoneLeft {
        #[serde(flatten)]
        place: Place,
        waiting: u64,
    },
    /// Licences are left by what we know, and Apple had none.
    OutOfStock {
        #[serde(flatten)]
        place: Place,
        again: Time,
    },

    // The installation.
    /// Stands in Setup Assistant.
    InSetup,
    CommandNext,
    /// Nobody knows whether it is there: the device is asked first.
    AskedFirst,
    CommandWaits {
        since: Time,
    },
    Unreachable {
        since: Time,
    },
    /// Wanted again while its removal is under way.
    RemovalFirst,
    InstallFailed {
        error: String,
        at: Time,
        again: Option<Time>,
    },
    /// It failed, and is tried again by itself.
    TriedAgain {
        error: String,
        at: Time,
        again: Option<Time>,
    },
    Installing,
    AwaitingConsent,
    NotSignedIn,
    BeingVerified {
        accepted: Option<Time>,
        again: Option<Time>,
    },
    RemovedComesBack {
        at: Option<Time>,
        again: Time,
    },
    Rejected {
        at: Option<Time>,
        again: Option<Time>,
    },
    Unmanaged {
        at: Option<Time>,
        again: Option<Time>,
    },
    Installed {
        at: Option<Time>,
    },
    /// It is installed in an older version than the store has.
    Outdated {
        at: Option<Time>,
        update: Update,
    },
    /// The licence is held, and somebody else installs.
    LicensedOnly {
        since: Time,
    },
}

/// Who has to act before anything changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Who {
    /// All is as it shall be, or goes on by itself.
    Nobody,
    Administrator,
    Person,
    Apple,
    Device,
}

/// The stages on the way to an app, and those on the way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    Deployment,
    Request,
    Deadline,
    /// One that can have the app.
    Device,
    /// One that Apple takes.
    Token,
    Registration,
    Invitation,
    Terms,
    /// Moved up in the line for a licence.
    MovedUp,
    Licence,
    Command,
    Proof,
    Removal,
    Absence,
    Return,
}

impl Stage {
    /// What an app on a device may be without.
    fn is_before_the_device(self) -> bool {
        matches!(
            self,
            Stage::Token | Stage::Registration | Stage::Invitation | Stage::Terms | Stage::Licence
        )
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Tense {
    Done,
    Now,
    Ahead,
}

/// One link of the chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Link {
    pub stage: Stage,
    pub tense: Tense,
    /// When it was done, or since when it is waited for.
    pub at: Option<Time>,
    /// Until when nothing follows by itself, and something does then.
    pub until: Option<Time>,
    pub by: Who,
    /// Of which deployment it speaks.
    pub deployment: Option<DeploymentId>,
}

impl Link {
    fn new(stage: Stage, tense: Tense, at: Option<Time>) -> Link {
        Link {
            stage,
            tense,
            at,
            until: None,
            by: by(stage),
            deployment: None,
        }
    }
}

/// Who does, or did, what a stage is about.
fn by(stage: Stage) -> Who {
    match stage {
        Stage::Deployment | Stage::Token | Stage::MovedUp => Who::Administrator,
        Stage::Request | Stage::Terms => Who::Person,
        Stage::Deadline => Who::Nobody,
        Stage::Registration | Stage::Licence | Stage::Return => Who::Apple,
        Stage::Device | Stage::Invitation | Stage::Command | Stage::Proof | Stage::Removal | Stage::Absence => {
            Who::Device
        }
    }
}

/// What became of one deployment that reaches them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Ruled {
    pub deployment: DeploymentId,
    /// What it says now, before its deadline and after.
    pub approval: Approval,
    pub outcome: Outcome,
    /// The rule that decided among all that reach them.
    pub rule: Rule,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Outcome {
    Applies,
    /// Beside one that says more.
    Together,
    Beaten,
}

/// Something that would help, and can be done.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Remedy {
    /// Require it in a group that they are in.
    Deploy,
    /// Take these deployments away, which exclude them whatever else is deployed.
    LiftExclusion {
        deployments: Vec<DeploymentId>,
    },
    /// Mark them as come back.
    Return,
    /// Ask for it.
    Request,
    /// Enrol a device that can have it.
    EnrolDevice,
    FinishEnrolment {
        on: DeviceId,
    },
    /// Call off that the device leaves.
    KeepDevice {
        on: DeviceId,
    },
    UpdateSystem {
        on: DeviceId,
        needed: Vec<u32>,
    },
    /// The policy of 2016 keeps such devices from it.
    LiftPolicy2016,
    /// Deploy it with licences of people.
    LicensePeople,
    /// Let devices have the version that the store has now.
    ReleaseUpdate,
    /// Deploy it with licences of devices.
    LicenseDevices,
    /// Turn it on, and let it reach the network.
    ReachDevice {
        on: DeviceId,
    },
    RenewToken,
    /// Look at Apple now.
    Sync,
    CorrectRegistration {
        error_number: i64,
    },
    InviteAgain,
    AcceptTerms,
    /// So many more, and one is left for them, where that was counted; with so many one is left for everybody.
    Buy {
        #[serde(skip_serializing_if = "Option::is_none")]
        licences: Option<u64>,
        for_all: u64,
    },
    /// Keep fewer licences for the groups of these deployments.
    KeepFewer {
        deployments: Vec<DeploymentId>,
    },
    /// Take so many back from others, and one is left for them: deploy it as uninstall to whom it is not for, or to fewer (A44).
    Free {
        licences: u64,
    },
    /// Move them up in the line, with a reason.
    MoveUp,
    /// Say yes to the installation, on the device.
    Consent {
        on: DeviceId,
    },
    /// To the App Store, on the device.
    SignIn {
        on: DeviceId,
    },
    /// Ask to have it tried again.
    TryAgain {
        on: DeviceId,
    },
}

impl Remedy {
    /// Who can do it.
    pub fn by(&self) -> Who {
        match self {
            Remedy::Deploy
            | Remedy::LiftExclusion { .. }
            | Remedy::Return
            | Remedy::Request
            | Remedy::EnrolDevice
            | Remedy::KeepDevice { .. }
            | Remedy::LiftPolicy2016
            | Remedy::LicensePeople
            | Remedy::ReleaseUpdate
            | Remedy::LicenseDevices
            | Remedy::RenewToken
            | Remedy::Sync
            | Remedy::CorrectRegistration { .. }
            | Remedy::InviteAgain
            | Remedy::Buy { .. }
            | Remedy::KeepFewer { .. }
            | Remedy::Free { .. }
            | Remedy::MoveUp
            | Remedy::TryAgain { .. } => Who::Administrator,
            Remedy::FinishEnrolment { .. }
            | Remedy::UpdateSystem { .. }
            | Remedy::ReachDevice { .. }
            | Remedy::AcceptTerms
            | Remedy::Consent { .. }
            | Remedy::SignIn { .. } => Who::Person,
        }
    }
}

/// Why they have the app, or have it not.
pub fn why(asked: &Asked<'_>) -> Why {
    let subject = Subject::of(asked);
    let sentence = subject.sentence();
    let remedies = subject.remedies(&sentence);
    let who = match sentence.who() {
        // It is not told once more before it has said what became of the last time.
        Who::Administrator if remedies.is_empty() && sentence.stage() == Some(Stage::Command) => Who::Device,
        // One is left for them as soon as they are in the programme, and Apple is about to take them in.
        Who::Administrator if remedies.is_empty() && sentence.stage() == Some(Stage::Licence) => Who::Apple,
        // Licences are left for them once they are in the programme, which is theirs to do.
        Who::Administrator if !remedies.is_empty() && remedies.iter().all(|remedy| remedy.by() == Who::Person) => {
            Who::Person
        }
        // Nobody has it who could ask.
        Who::Person if sentence.stage() == Some(Stage::Request) && subject.is_nobody() => Who::Administrator,
        who => who,
    };
    Why {
        said: subject.said(),
        device: subject.device.map(|device| device.id),
        who,
        links: subject.links(&sentence, who),
        rules: subject.rules(),
        remedies,
        sentence,
    }
}

impl Sentence {
    /// What it waits for; `None` when it has come to its end, or nobody wants anything.
    pub fn stage(&self) -> Option<Stage> {
        self.waits().map(|waits| waits.0)
    }

    fn who(&self) -> Who {
        match self {
            Sentence::NotDeployable
            | Sentence::DeviceGone { .. }
            | Sentence::DeviceLeaves
            | Sentence::BeforeDeadline { .. }
            | Sentence::ToBeRegistered
            | Sentence::ToBeInvited { .. }
            | Sentence::LicenceNext
            | Sentence::CommandNext
            | Sentence::TriedAgain { .. }
            | Sentence::RemovedComesBack { .. }
            | Sentence::Installed { .. }
            | Sentence::Outdated {
                update: Update::Due | Update::NotRequired,
                ..
            }
            | Sentence::LicensedOnly { .. } => Who::Nobody,
            Sentence::NotDeployed
            | Sentence::NotReached
            | Sentence::PersonLeft
            | Sentence::Excluded
            | Sentence::Uninstalled
            | Sentence::NotRemoved { .. }
            | Sentence::LicenceCannotGoBack { .. }
            | Sentence::NoDevice
            | Sentence::PlatformNotApplicable { .. }
            | Sentence::EnrolledThroughDep
            | Sentence::NotDeviceAssignable
            | Sentence::LicenceNeedsUser
            | Sentence::RegistrationRefused { .. }
            | Sentence::InvitationFailed { .. }
            | Sentence::NoDeviceForInvitation
            | Sentence::TokenNotUsable { .. }
            | Sentence::InLine { .. }
            | Sentence::KeptForOthers { .. }
            | Sentence::NoneLeft { .. }
            | Sentence::OutOfStock { .. }
            | Sentence::InstallFailed { .. }
            | Sentence::Outdated {
                update: Update::NotReleased,
                ..
            } => Who::Administrator,
            Sentence::NotRequested
            | Sentence::RemovedByPerson { .. }
            | Sentence::SystemTooOld { .. }
            | Sentence::EnrolmentPending
            | Sentence::TermsNotAccepted { .. }
            | Sentence::AwaitingConsent
            | Sentence::NotSignedIn
            | Sentence::Rejected { .. }
            | Sentence::Unmanaged { .. }
            | Sentence::Outdated {
                update: Update::NotTaken,
                ..
            } => Who::Person,
            Sentence::LicenceGoesBack { .. }
            | Sentence::NotDescribed
            | Sentence::BeingRegistered
            | Sentence::BeingRetired { .. }
            | Sentence::OldLicencesFirst
            | Sentence::AppleConfirms { .. }
            | Sentence::ReturningFirst { .. }
            | Sentence::AppleTrouble { .. }
            | Sentence::AppleRefused { .. } => Who::Apple,
            Sentence::DeviceSilent { .. }
            | Sentence::LeavesWithApp
            | Sentence::BeingRemoved { .. }
            | Sentence::PerhapsThere
            | Sentence::InvitationWaits { .. }
            | Sentence::SerialUnknown
            | Sentence::InSetup
            | Sentence::AskedFirst
            | Sentence::CommandWaits { .. }
            | Sentence::Unreachable { .. }
            | Sentence::RemovalFirst
            | Sentence::Installing
            | Sentence::BeingVerified { .. }
            | Sentence::Outdated {
                update: Update::Told, ..
            } => Who::Device,
        }
    }

    /// The stage that is waited for, since when, and until when.
    fn waits(&self) -> Option<(Stage, Option<Time>, Option<Time>)> {
        let on = |stage| Some((stage, None, None));
        match *self {
            Sentence::NotDeployable
            | Sentence::PersonLeft
            | Sentence::Excluded
            | Sentence::Uninstalled
            | Sentence::DeviceGone { .. }
            | Sentence::DeviceLeaves
            | Sentence::Installed { .. }
            | Sentence::Outdated {
                update: Update::Due | Update::NotTaken | Update::NotReleased | Update::NotRequired,
                ..
            }
            | Sentence::LicensedOnly { .. } => None,
            Sentence::Outdated {
                update: Update::Told, ..
            } => on(Stage::Command),
            Sentence::NotDeployed | Sentence::NotReached => on(Stage::Deployment),
            Sentence::DeviceSilent { since } => Some((Stage::Device, Some(since), None)),
            Sentence::LeavesWithApp => on(Stage::Removal),
            Sentence::BeingRemoved { asked } => Some((Stage::Removal, asked, None)),
            Sentence::NotRemoved { at, again, .. } => Some((Stage::Removal, Some(at), again)),
            Sentence::LicenceGoesBack { asked, again } => Some((Stage::Return, asked, again)),
            Sentence::LicenceCannotGoBack { .. } | Sentence::TokenNotUsable { .. } => on(Stage::Token),
            Sentence::NotRequested => on(Stage::Request),
            Sentence::BeforeDeadline { deadline } => Some((Stage::Deadline, None, Some(deadline))),
            Sentence::RemovedByPerson { at } => Some((Stage::Request, at, None)),
            Sentence::PerhapsThere => on(Stage::Proof),
            Sentence::NoDevice
            | Sentence::PlatformNotApplicable { .. }
            | Sentence::SystemTooOld { .. }
            | Sentence::EnrolledThroughDep
            | Sentence::NotDeviceAssignable
            | Sentence::LicenceNeedsUser
            | Sentence::EnrolmentPending
            | Sentence::SerialUnknown
            | Sentence::InSetup => on(Stage::Device),
            // What is missing is a fact of the app; without it no licence is given.
            Sentence::NotDescribed | Sentence::LicenceNext => on(Stage::Licence),
            Sentence::ToBeRegistered | Sentence::BeingRegistered | Sentence::OldLicencesFirst => {
                on(Stage::Registration)
            }
            Sentence::RegistrationRefused { again, .. } => Some((Stage::Registration, None, Some(again))),
            Sentence::BeingRetired { since } => Some((Stage::Registration, Some(since), None)),
            Sentence::ToBeInvited { .. } | Sentence::NoDeviceForInvitation => on(Stage::Invitation),
            Sentence::InvitationWaits { since, .. } => Some((Stage::Invitation, Some(since), None)),
            Sentence::InvitationFailed { again } => Some((Stage::Invitation, None, Some(again))),
            Sentence::TermsNotAccepted { at, .. } => Some((Stage::Terms, Some(at), None)),
            Sentence::AppleConfirms { since } | Sentence::ReturningFirst { since } => {
                Some((Stage::Licence, Some(since), None))
            }
            Sentence::AppleTrouble { again }
            | Sentence::AppleRefused { again }
            | Sentence::OutOfStock { again, .. } => Some((Stage::Licence, None, Some(again))),
            Sentence::InLine { .. } | Sentence::KeptForOthers { .. } | Sentence::NoneLeft { .. } => on(Stage::Licence),
            Sentence::CommandNext | Sentence::AskedFirst | Sentence::RemovalFirst => on(Stage::Command),
            Sentence::CommandWaits { since } | Sentence::Unreachable { since } => {
                Some((Stage::Command, Some(since), None))
            }
            Sentence::InstallFailed { at, again, .. } | Sentence::TriedAgain { at, again, .. } => {
                Some((Stage::Command, Some(at), again))
            }
            Sentence::RemovedComesBack { at, again } => Some((Stage::Command, at, Some(again))),
            Sentence::Rejected { at, again } | Sentence::Unmanaged { at, again } => Some((Stage::Command, at, again)),
            Sentence::Installing | Sentence::AwaitingConsent | Sentence::NotSignedIn => on(Stage::Proof),
            Sentence::BeingVerified { accepted, again } => Some((Stage::Proof, accepted, again)),
        }
    }
}
