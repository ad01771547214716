//! Why somebody has an app, or has it not (P6): the verdict of one person, or of one of their devices, explained.
//!
//! Nothing is decided here. What a verdict says is put as one sentence, with who has to act, what led there and what comes
//! next, the deployments that decided, and what would give the app to whoever asks. Everything is a code with its
//! arguments; both languages have the words for it.

use serde::{Deserialize, Serialize};

use crate::{
    App, Approval, Deployment, DeploymentId, Detail, Device, DeviceId, DeviceVerdict, Enrolment, GroupKind, Install,
    InstallCommand, InstallState, PersonId, PersonVerdict, Platform, Position, Program, Refusal, RefusalReason,
    Resolution, Rule, RuleSet, Seat, Seen, Time, TokenState, World,
    invitation::{self, Next},
    plan::{bound, install_due},
};

/// What is asked: why this person, or this device of theirs, has the app or has it not.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// May hold this person only, with whatever reaches them.
    pub world: &'a World,
    pub app: &'a App,
    pub person: PersonId,
    /// One of the person's devices; `None` asks for the person.
    pub device: Option<DeviceId>,
    /// `None` when there is nothing to be said: [`decide_one`](crate::decide_one).
    pub verdict: Option<&'a PersonVerdict>,
    pub position: &'a Position,
    /// An app, and not a book or whatever else Apple sells.
    pub deployable: bool,
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
    NotDescribed,
    EnrolmentPending,

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
        place: u64,
        waiting: u64,
    },
    /// A11: the same under the 2016 policy.
    NoneLeft {
        place: u64,
        waiting: u64,
    },
    /// Licences are left by what we know, and Apple had none.
    OutOfStock {
        place: u64,
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
        Stage::Deployment | Stage::Token => Who::Administrator,
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
    /// So many more, and one is left for them; with so many one is left for everybody.
    Buy {
        licences: u64,
        for_all: u64,
    },
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
            | Remedy::RenewToken
            | Remedy::Sync
            | Remedy::CorrectRegistration { .. }
            | Remedy::InviteAgain
            | Remedy::Buy { .. }
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
            | Sentence::Installed { .. } => Who::Nobody,
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
            | Sentence::RegistrationRefused { .. }
            | Sentence::InvitationFailed { .. }
            | Sentence::NoDeviceForInvitation
            | Sentence::TokenNotUsable { .. }
            | Sentence::AppleRefused { .. }
            | Sentence::InLine { .. }
            | Sentence::NoneLeft { .. }
            | Sentence::OutOfStock { .. }
            | Sentence::InstallFailed { .. } => Who::Administrator,
            Sentence::NotRequested
            | Sentence::RemovedByPerson { .. }
            | Sentence::SystemTooOld { .. }
            | Sentence::EnrolmentPending
            | Sentence::TermsNotAccepted { .. }
            | Sentence::AwaitingConsent
            | Sentence::NotSignedIn
            | Sentence::Rejected { .. }
            | Sentence::Unmanaged { .. } => Who::Person,
            Sentence::LicenceGoesBack { .. }
            | Sentence::NotDescribed
            | Sentence::BeingRegistered
            | Sentence::BeingRetired { .. }
            | Sentence::OldLicencesFirst
            | Sentence::AppleConfirms { .. }
            | Sentence::ReturningFirst { .. }
            | Sentence::AppleTrouble { .. } => Who::Apple,
            Sentence::DeviceSilent { .. }
            | Sentence::LeavesWithApp
            | Sentence::BeingRemoved { .. }
            | Sentence::PerhapsThere
            | Sentence::InvitationWaits { .. }
            | Sentence::InSetup
            | Sentence::AskedFirst
            | Sentence::CommandWaits { .. }
            | Sentence::Unreachable { .. }
            | Sentence::RemovalFirst
            | Sentence::Installing
            | Sentence::BeingVerified { .. } => Who::Device,
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
            | Sentence::Installed { .. } => None,
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
            | Sentence::EnrolmentPending
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
            Sentence::InLine { .. } | Sentence::NoneLeft { .. } => on(Stage::Licence),
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

/// Whom the answer is about, with all that is known of them.
struct Subject<'a> {
    asked: &'a Asked<'a>,
    /// The device that was asked about, or the person's that needs attention most.
    device: Option<&'a Device>,
    verdict: Option<&'a DeviceVerdict>,
    install: Install,
}

impl<'a> Subject<'a> {
    fn of(asked: &'a Asked<'a>) -> Subject<'a> {
        let all = asked.verdict.map(|verdict| &verdict.devices);
        let verdict = match (asked.device, asked.verdict) {
            (Some(device), _) => all.and_then(|all| all.get(&device)),
            (None, Some(person)) => {
                let said = (person.state, person.detail);
                let mut devices = person.devices.values();
                devices.find(|device| (device.state, device.detail) == said)
            }
            (None, None) => None,
        };
        let device = asked.device.or(verdict.map(|verdict| verdict.device));
        let install = device.and_then(|device| asked.app.installs.get(&device));
        Subject {
            asked,
            device: device.and_then(|device| asked.world.devices.get(&device)),
            verdict,
            install: install.cloned().unwrap_or_default(),
        }
    }

    fn said(&self) -> Option<(InstallState, Detail)> {
        if let Some(device) = self.verdict {
            return Some((device.state, device.detail));
        }
        let person = self.asked.verdict.filter(|_| self.asked.device.is_none())?;
        Some((person.state, person.detail))
    }

    fn resolution(&self) -> Option<&Resolution> {
        match self.verdict {
            Some(device) => Some(&device.resolution),
            None if self.asked.device.is_some() => None,
            None => self.asked.verdict.map(|person| &person.resolution),
        }
    }

    fn keeps(&self) -> bool {
        self.resolution().is_some_and(Resolution::keeps)
    }

    fn has_left(&self) -> bool {
        let people = &self.asked.world.people;
        people.get(&self.asked.person).is_some_and(|person| person.left)
    }

    fn program(&self) -> Program {
        let people = &self.asked.world.people;
        people
            .get(&self.asked.person)
            .map(|person| person.program)
            .unwrap_or_default()
    }

    fn seat(&self) -> Option<Seat> {
        self.asked.app.seats.get(&self.asked.person).copied()
    }

    fn requested(&self) -> Option<Time> {
        self.asked.app.requests.get(&self.asked.person).copied()
    }

    /// What Apple said last, while it is not asked again.
    fn refusal(&self) -> Option<Refusal> {
        let refusal = self.asked.app.refusals.get(&self.asked.person).copied();
        refusal.filter(|refusal| refusal.holds(self.asked.world.now))
    }

    fn is_leaving(&self) -> bool {
        self.device.is_some_and(|device| device.enrolment.is_leaving())
    }

    fn sentence(&self) -> Sentence {
        if !self.asked.deployable {
            return Sentence::NotDeployable;
        }
        if let Some(device) = self.device.filter(|device| device.is_away()) {
            return match device.silent_since {
                Some(since) if !device.enrolment.is_over() => Sentence::DeviceSilent { since },
                _ => Sentence::DeviceGone {
                    enrolment: device.enrolment,
                },
            };
        }
        let Some((state, detail)) = self.said() else {
            return self.unwanted();
        };
        self.of_detail(state, detail)
    }

    /// The verdict in words. Each detail has one here, or the compiler misses it.
    fn of_detail(&self, state: InstallState, detail: Detail) -> Sentence {
        let install = &self.install;
        match detail {
            Detail::NoAdditionalDetails => match state {
                InstallState::Installed => Sentence::Installed { at: install.seen_at },
                InstallState::Unknown => Sentence::PerhapsThere,
                InstallState::Failed
                | InstallState::UninstallFailed
                | InstallState::PendingInstall
                | InstallState::NotInstalled
                | InstallState::NotApplicable => self.unwanted(),
            },
            Detail::SeeInstallErrorCode => {
                let (error, at) = self.failure();
                let again = self.tried_again();
                match state {
                    InstallState::Failed => Sentence::InstallFailed { error, at, again },
                    _ => Sentence::TriedAgain { error, at, again },
                }
            }
            Detail::SeeUninstallErrorCode => {
                let (error, at) = self.failure();
                let again = self.install.next_try(&self.asked.world.policy);
                Sentence::NotRemoved { error, at, again }
            }
            Detail::UserRejectedInstall => Sentence::Rejected {
                at: install.seen_at,
                again: self.tried_again(),
            },
            Detail::InstalledUnmanaged => Sentence::Unmanaged {
                at: install.seen_at,
                again: self.tried_again(),
            },
            Detail::ManagedAppNoLongerPresent => match self.tried_again().filter(|_| self.is_wanted()) {
                Some(again) => Sentence::RemovedComesBack {
                    at: install.seen_at,
                    again,
                },
                None => Sentence::RemovedByPerson { at: install.seen_at },
            },
            Detail::UserIsNotLoggedIntoAppStore => Sentence::NotSignedIn,
            Detail::AwaitingUserConsent => Sentence::AwaitingConsent,
            Detail::Installing => Sentence::Installing,
            Detail::InstalledUnverified => Sentence::BeingVerified {
                accepted: install.accepted_at,
                again: install.next_check(&self.asked.world.policy),
            },
            Detail::MinimumOsVersionNotMet => Sentence::SystemTooOld {
                needed: self.asked.app.minimum_os.clone(),
                has: self.device.map(|device| device.os_version.clone()).unwrap_or_default(),
            },
            Detail::PlatformNotApplicable => Sentence::PlatformNotApplicable {
                platform: self.device.map_or(Platform::Ios, |device| device.platform),
            },
            Detail::DeviceEnrolledThroughDep => Sentence::EnrolledThroughDep,
            Detail::NoEligibleDevice => Sentence::NoDevice,
            Detail::AppNotDescribed => Sentence::NotDescribed,
            Detail::NoLicenseAvailable | Detail::WaitingForLicense => self.in_line(state),
            Detail::ProgramRefused | Detail::UserNotEnrolledInProgram => self.joins(),
            Detail::TokenNotUsable if self.goes_back(state) => Sentence::LicenceCannotGoBack {
                token: self.asked.world.token,
            },
            Detail::TokenNotUsable => Sentence::TokenNotUsable {
                token: self.asked.world.token,
            },
            Detail::LicenseReturnPending if self.goes_back(state) => self.licence_goes_back(),
            Detail::LicenseReturnPending => Sentence::ReturningFirst {
                since: self.seat().map_or(self.asked.world.now, Seat::since),
            },
            Detail::LicenseAssociationPending => match self.seat() {
                Some(seat) => Sentence::AppleConfirms { since: seat.since() },
                None => Sentence::LicenceNext,
            },
            Detail::AppleTrouble => Sentence::AppleTrouble {
                again: self.asked_again(),
            },
            Detail::LicenseRefused => Sentence::AppleRefused {
                again: self.asked_again(),
            },
            Detail::AwaitingDevice => self.awaits_device(),
            Detail::DeviceUnreachable => Sentence::Unreachable {
                since: self
                    .device
                    .and_then(|device| device.unreachable_since)
                    .unwrap_or(self.asked.world.now),
            },
            Detail::DeviceLeaving => Sentence::LeavesWithApp,
            Detail::NotRequested => Sentence::NotRequested,
            Detail::DeadlineAhead => match self.resolution().and_then(|resolution| resolution.required_from) {
                Some(deadline) => Sentence::BeforeDeadline { deadline },
                None => Sentence::NotRequested,
            },
            Detail::UninstallPending if self.keeps() => Sentence::RemovalFirst,
            Detail::UninstallPending => Sentence::BeingRemoved {
                asked: match install.command {
                    Some(InstallCommand::Remove { since }) => Some(since),
                    _ => install.removed_at,
                },
            },
        }
    }

    /// What is not there speaks of a licence that goes back; what shall be there of one that is missing.
    fn goes_back(&self, state: InstallState) -> bool {
        state == InstallState::NotInstalled
    }

    /// Nothing is there, and nobody wants it there.
    fn unwanted(&self) -> Sentence {
        let resolution = self.resolution();
        if self.is_leaving() && self.keeps() {
            return Sentence::DeviceLeaves;
        }
        match resolution {
            _ if self.has_left() => Sentence::PersonLeft,
            Some(resolution) if resolution.not_applicable => Sentence::Excluded,
            Some(resolution) if resolution.uninstall => Sentence::Uninstalled,
            _ if self.asked.app.deployments.is_empty() => Sentence::NotDeployed,
            _ => Sentence::NotReached,
        }
    }

    fn failure(&self) -> (String, Time) {
        let failure = self.install.failure.as_ref();
        failure.map_or((String::new(), self.asked.world.now), |failure| {
            (failure.code.clone(), failure.at)
        })
    }

    /// The app shall be on the device.
    fn is_wanted(&self) -> bool {
        self.verdict.is_some_and(|device| device.wants)
    }

    /// When the device is told once more, if it is: no earlier than now.
    fn tried_again(&self) -> Option<Time> {
        let world = self.asked.world;
        let resolution = self.resolution()?;
        let requested = self.requested().filter(|_| resolution.available);
        let due = install_due(world, &self.install, resolution.required, requested)?;
        let paused = self.install.next_try(&world.policy);
        Some(due.max(paused.unwrap_or(due)).max(world.now))
    }

    /// When Apple is asked again for the licence.
    fn asked_again(&self) -> Time {
        self.refusal()
            .map_or(self.asked.world.now, |refusal| refusal.not_before)
    }

    fn licence_goes_back(&self) -> Sentence {
        let asked = match self.seat() {
            Some(Seat::Returning { since }) => Some(since),
            _ => None,
        };
        Sentence::LicenceGoesBack {
            asked,
            again: self.refusal().map(|refusal| refusal.not_before),
        }
    }

    fn in_line(&self, state: InstallState) -> Sentence {
        let place = self.asked.verdict.and_then(|person| person.place).unwrap_or(1) as u64;
        let waiting = self.asked.position.counts.waiting;
        match self.refusal() {
            Some(refusal) if refusal.reason == RefusalReason::Stock && self.asked.position.is_any_left() => {
                Sentence::OutOfStock {
                    place,
                    again: refusal.not_before,
                }
            }
            _ if state == InstallState::Failed => Sentence::NoneLeft { place, waiting },
            _ => Sentence::InLine { place, waiting },
        }
    }

    /// How far they are on their way into the programme.
    fn joins(&self) -> Sentence {
        let world = self.asked.world;
        let at_apple = match self.program() {
            Program::None => Sentence::ToBeRegistered,
            Program::Creating => return Sentence::BeingRegistered,
            Program::Refused {
                error_number,
                not_before,
            } => Sentence::RegistrationRefused {
                error_number,
                again: not_before,
            },
            Program::Registered { .. } => match self.invited() {
                Next::Invite(on) => Sentence::ToBeInvited { on },
                Next::Waiting { device, since } => return Sentence::InvitationWaits { on: device, since },
                Next::Shown { device, at } => return Sentence::TermsNotAccepted { on: device, at },
                Next::Tried { until } => Sentence::InvitationFailed { again: until },
                Next::NoDevice => return Sentence::NoDeviceForInvitation,
            },
            // A licence is held, and there is nothing to join.
            Program::Associated { .. } => return Sentence::LicenceNext,
            Program::Retiring { since } => return Sentence::BeingRetired { since },
            Program::Retired if bound(world).contains(&self.asked.person) => return Sentence::OldLicencesFirst,
            Program::Retired => Sentence::ToBeRegistered,
        };
        // What comes next is to be asked of Apple.
        match world.token.usable() {
            true => at_apple,
            false => Sentence::TokenNotUsable { token: world.token },
        }
    }

    fn invited(&self) -> Next {
        let world = self.asked.world;
        let own = |device: &&Device| device.person == self.asked.person && !device.is_away();
        let devices: Vec<&Device> = world.devices.values().filter(own).collect();
        let attempts = world
            .people
            .get(&self.asked.person)
            .map(|person| person.invited.as_slice());
        invitation::next(&devices, attempts.unwrap_or_default(), &world.policy, world.now)
    }

    fn awaits_device(&self) -> Sentence {
        let enrolled = self.device.is_some_and(Device::is_enrolled);
        let in_setup = self.device.is_some_and(|device| device.awaiting_configuration);
        match self.install.command {
            _ if !enrolled => Sentence::EnrolmentPending,
            Some(InstallCommand::Remove { .. }) => Sentence::RemovalFirst,
            Some(InstallCommand::Install { since }) => Sentence::CommandWaits { since },
            None if in_setup => Sentence::InSetup,
            None if self.tried_again().is_none() => Sentence::AskedFirst,
            None => Sentence::CommandNext,
        }
    }

    fn rules(&self) -> Vec<Ruled> {
        let Some(resolution) = self.resolution() else {
            return Vec::new();
        };
        let now = self.asked.world.now;
        let line = |id: &DeploymentId| self.asked.app.deployments.iter().find(|line| line.id == *id);
        let first = if resolution.required {
            Approval::Required
        } else if resolution.available {
            Approval::Available
        } else if resolution.uninstall {
            Approval::Uninstall
        } else {
            Approval::NotApplicable
        };
        let ruled = |line: &Deployment, outcome| Ruled {
            deployment: line.id,
            approval: line.approval_at(now),
            outcome,
            rule: resolution.rule,
        };
        let carrying = resolution.by.iter().filter_map(line).map(|line| {
            let outcome = match line.approval_at(now) == first {
                true => Outcome::Applies,
                false => Outcome::Together,
            };
            ruled(line, outcome)
        });
        let beaten = resolution.beat.iter().filter_map(line);
        let mut rules: Vec<Ruled> = carrying
            .chain(beaten.map(|line| ruled(line, Outcome::Beaten)))
            .collect();
        rules.sort_by_key(|ruled| ruled.outcome);
        rules
    }

    fn links(&self, sentence: &Sentence, who: Who) -> Vec<Link> {
        let mut links = self.done();
        links.sort_by_key(|link| (link.at, link.stage));
        let has = |links: &[Link], stage| links.iter().any(|link| link.stage == stage);
        let Some((stage, since, until)) = sentence.waits() else {
            return links;
        };
        let ahead: Vec<Stage> = self
            .path(stage)
            .iter()
            .copied()
            .filter(|next| *next != stage && (*next > stage || *next == Stage::Terms) && !has(&links, *next))
            .collect();
        links.push(Link {
            until,
            by: match who {
                Who::Nobody => by(stage),
                who => who,
            },
            ..Link::new(stage, Tense::Now, since)
        });
        links.extend(ahead.into_iter().map(|stage| Link::new(stage, Tense::Ahead, None)));
        links
    }

    /// The stages of which the one that is waited for is one.
    fn path(&self, now: Stage) -> &'static [Stage] {
        const THERE: &[Stage] = &[Stage::Terms, Stage::Licence, Stage::Command, Stage::Proof];
        const LACKING: &[Stage] = &[Stage::Terms, Stage::Licence];
        const BACK: &[Stage] = &[Stage::Removal, Stage::Absence];
        const BACK_WITH_LICENCE: &[Stage] = &[Stage::Removal, Stage::Absence, Stage::Return];
        let wanted = self.keeps() && !self.is_leaving();
        match now {
            Stage::Deployment => &[],
            // Nobody has asked yet for what may be there.
            Stage::Proof if wanted && !self.is_wanted() => &[],
            _ if wanted && self.install.is_proven() => LACKING,
            _ if wanted => THERE,
            Stage::Token => &[Stage::Return],
            _ if self.seat().is_some() && self.asked.app.revocable => BACK_WITH_LICENCE,
            _ => BACK,
        }
    }

    /// What is known to have happened, of what still counts.
    fn done(&self) -> Vec<Link> {
        let done = |stage, at| Link::new(stage, Tense::Done, Some(at));
        let mut links = Vec::new();
        let app = self.asked.app;
        if let Some(resolution) = self.resolution() {
            let carrying = app.deployments.iter().filter(|line| resolution.by.contains(&line.id));
            links.extend(carrying.map(|line| Link {
                deployment: Some(line.id),
                ..done(Stage::Deployment, line.since)
            }));
            if let Some(at) = self.requested().filter(|_| resolution.available) {
                links.push(done(Stage::Request, at));
            }
        }
        if self.keeps()
            && let Program::Associated { since } = self.program()
        {
            links.push(done(Stage::Terms, since));
        }
        if let Some(Seat::Held { since }) = self.seat() {
            links.push(done(Stage::Licence, since));
        }
        // What became of an app on a device that is gone is not known.
        if self.device.is_some_and(Device::is_away) {
            return links;
        }
        let install = &self.install;
        if let Some(at) = install.accepted_at {
            links.push(done(Stage::Command, at));
        }
        if let Some(at) = install.removed_at {
            links.push(done(Stage::Removal, at));
        }
        match (install.seen, install.seen_at) {
            (Some(Seen::Installed), Some(at)) if install.is_proven() => links.push(done(Stage::Proof, at)),
            (Some(Seen::Absent), Some(at)) if install.removed_at.is_some_and(|removed| removed <= at) => {
                links.push(done(Stage::Absence, at));
            }
            _ => {}
        }
        links
    }

    fn remedies(&self, sentence: &Sentence) -> Vec<Remedy> {
        let on = self.device.map(|device| device.id);
        let of_device = |remedy: fn(DeviceId) -> Remedy| -> Vec<Remedy> { on.map(remedy).into_iter().collect() };
        match sentence {
            Sentence::NotDeployable
            | Sentence::ToBeRegistered
            | Sentence::BeingRegistered
            | Sentence::BeingRetired { .. }
            | Sentence::OldLicencesFirst
            | Sentence::LicenceNext
            | Sentence::AppleConfirms { .. }
            | Sentence::ReturningFirst { .. }
            | Sentence::AppleTrouble { .. }
            | Sentence::AppleRefused { .. }
            | Sentence::InSetup
            | Sentence::CommandNext
            | Sentence::Installing
            | Sentence::BeingVerified { .. }
            | Sentence::Installed { .. } => Vec::new(),
            Sentence::NotDeployed
            | Sentence::NotReached
            | Sentence::PersonLeft
            | Sentence::Excluded
            | Sentence::Uninstalled
            | Sentence::BeingRemoved { .. }
            | Sentence::NotRemoved { .. } => self.wanting(),
            Sentence::DeviceLeaves | Sentence::LeavesWithApp => self.keeping(),
            Sentence::LicenceGoesBack { .. } => self.wanting_back(),
            Sentence::LicenceCannotGoBack { .. } => {
                let mut remedies = vec![Remedy::RenewToken];
                remedies.extend(self.wanting_back());
                remedies
            }
            Sentence::DeviceGone { .. }
            | Sentence::NoDevice
            | Sentence::PlatformNotApplicable { .. }
            | Sentence::NoDeviceForInvitation => vec![Remedy::EnrolDevice],
            Sentence::DeviceSilent { .. }
            | Sentence::PerhapsThere
            | Sentence::CommandWaits { .. }
            | Sentence::Unreachable { .. }
            | Sentence::AskedFirst
            | Sentence::RemovalFirst => of_device(|on| Remedy::ReachDevice { on }),
            Sentence::InvitationWaits { on, .. } => {
                let device = self.asked.world.devices.get(on);
                let able = device.is_some_and(|it| it.person == self.asked.person && invitation::can_show(it));
                vec![if able {
                    Remedy::ReachDevice { on: *on }
                } else {
                    Remedy::EnrolDevice
                }]
            }
            Sentence::NotRequested | Sentence::BeforeDeadline { .. } => vec![Remedy::Request],
            Sentence::RemovedByPerson { .. } if !self.is_wanted() => vec![Remedy::Request],
            Sentence::RemovedByPerson { .. }
            | Sentence::RemovedComesBack { .. }
            | Sentence::InstallFailed { .. }
            | Sentence::TriedAgain { .. }
            | Sentence::Rejected { .. }
            | Sentence::Unmanaged { .. } => {
                // Asked once more, it would be told; where the device has to say something first, it would not.
                let again = Install {
                    asked_again_at: Some(Time(i64::MAX)),
                    ..self.install.clone()
                };
                let told = install_due(self.asked.world, &again, false, None).is_some();
                of_device(|on| Remedy::TryAgain { on })
                    .into_iter()
                    .filter(|_| told)
                    .collect()
            }
            Sentence::SystemTooOld { needed, .. } => {
                let update = on.map(|on| Remedy::UpdateSystem {
                    on,
                    needed: needed.clone(),
                });
                update.into_iter().chain([Remedy::EnrolDevice]).collect()
            }
            Sentence::EnrolledThroughDep => vec![Remedy::LiftPolicy2016, Remedy::EnrolDevice],
            Sentence::NotDescribed => vec![Remedy::Sync],
            Sentence::EnrolmentPending => of_device(|on| Remedy::FinishEnrolment { on }),
            Sentence::RegistrationRefused { error_number, .. } => vec![Remedy::CorrectRegistration {
                error_number: *error_number,
            }],
            Sentence::ToBeInvited { .. } | Sentence::TermsNotAccepted { .. } => vec![Remedy::AcceptTerms],
            Sentence::InvitationFailed { .. } => vec![Remedy::InviteAgain, Remedy::AcceptTerms],
            Sentence::TokenNotUsable { .. } => vec![Remedy::RenewToken],
            Sentence::InLine { .. } | Sentence::NoneLeft { .. } => {
                let position = self.asked.position;
                let licences = position.missing();
                let buy = Remedy::Buy {
                    licences,
                    for_all: position.missing_for_all(),
                };
                let mut remedies = Vec::new();
                remedies.extend((licences > 0).then_some(buy));
                match self.program() {
                    Program::Registered { .. } => remedies.push(Remedy::AcceptTerms),
                    Program::Refused { error_number, .. } => {
                        remedies.push(Remedy::CorrectRegistration { error_number });
                    }
                    Program::None
                    | Program::Creating
                    | Program::Associated { .. }
                    | Program::Retiring { .. }
                    | Program::Retired => {}
                }
                remedies
            }
            Sentence::OutOfStock { .. } => vec![Remedy::Sync],
            Sentence::AwaitingConsent => of_device(|on| Remedy::Consent { on }),
            Sentence::NotSignedIn => of_device(|on| Remedy::SignIn { on }),
        }
    }

    /// What would have the device stay. What it was told last cannot be called off.
    fn keeping(&self) -> Vec<Remedy> {
        let device = self.device.filter(|device| !device.asked_to_leave);
        device
            .map(|device| Remedy::KeepDevice { on: device.id })
            .into_iter()
            .collect()
    }

    /// What would have the licence stay: the device, where it leaves, and that the app is wanted on it.
    fn wanting_back(&self) -> Vec<Remedy> {
        let mut remedies = Vec::new();
        if self.is_leaving() {
            remedies = self.keeping();
            if remedies.is_empty() {
                return remedies;
            }
        }
        if !self.keeps() {
            remedies.extend(self.wanting());
        }
        remedies
    }

    /// What would have it wanted where it is not.
    fn wanting(&self) -> Vec<Remedy> {
        // Whoever left is in no group any more.
        if self.has_left() {
            return vec![Remedy::Return, Remedy::Deploy];
        }
        let now = self.asked.world.now;
        // In 2020 what groups of devices exclude says nothing about people (A39).
        let counts =
            |line: &Deployment| line.kind == GroupKind::User || self.asked.world.policy.rule_set == RuleSet::Y2016;
        let excludes = |line: &&Deployment| line.approval_at(now) == Approval::NotApplicable && counts(line);
        let reaches = |line: &&Deployment| {
            self.resolution()
                .is_some_and(|resolution| resolution.by.contains(&line.id) || resolution.beat.contains(&line.id))
        };
        let lines = self.asked.app.deployments.iter();
        let exclusions: Vec<DeploymentId> = lines.filter(reaches).filter(excludes).map(|line| line.id).collect();
        let lift = (!exclusions.is_empty()).then_some(Remedy::LiftExclusion {
            deployments: exclusions,
        });
        lift.into_iter().chain([Remedy::Deploy]).collect()
    }
}
