//! The words for why somebody has an app, or has it not: an answer of the domain, said in one language. Every text literal
//! here is the key of a message.
//!
//! The console, the API and the command line say the same, because they all ask here.

use domain::{
    Counted, Deployment, DeploymentId, DeviceId, Place, Platform, Time, Update,
    why::{Link, Outcome, Remedy, Ruled, Sentence, Stage, Tense, Who},
};
use store::{OperationState, StoppedRow};

use crate::{
    app::{program::ProgramRefusal, stopped::StoppedWhy, why::Answer},
    http::console::pages::words,
    messages::{Arg, Speak},
};

/// One answer in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub sentence: String,
    pub who: Line,
    /// `None` when nothing is waited for.
    pub waits_for: Option<Line>,
    /// Whose licence it is, and why that one's.
    pub licence: Option<Line>,
    pub links: Vec<SaidLink>,
    pub rules: Vec<SaidRule>,
    pub remedies: Vec<SaidRemedy>,
    /// What is wrong with their plan, so that nothing is done for them; most of the time nothing.
    pub stopped: Vec<String>,
}

/// Something, and a few words more about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    pub text: String,
    pub reason: Option<String>,
}

/// One link of the chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidLink {
    pub link: Link,
    pub line: Line,
    /// Who did it, or is to do it.
    pub by: String,
}

/// What became of one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRule {
    pub ruled: Ruled,
    pub deployment: Deployment,
    pub group: String,
    pub outcome: Line,
}

/// Something that would help, and where it is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SaidRemedy {
    pub remedy: Remedy,
    pub line: Line,
    pub href: String,
}

/// Says an answer.
pub fn said(answer: &Answer, s: &Speak) -> Said {
    let words = Words { answer, s };
    Said {
        sentence: words.sentence(),
        who: words.who(),
        waits_for: words.waits_for(),
        licence: answer.licensing().map(|licensing| Line {
            text: s.t(words::license_holder(licensing.kind)),
            reason: Some(s.t(words::licensing(licensing.reason))),
        }),
        links: answer.why.links.iter().map(|link| words.link(link)).collect(),
        rules: answer.why.rules.iter().filter_map(|ruled| words.rule(ruled)).collect(),
        remedies: answer.why.remedies.iter().map(|remedy| words.remedy(remedy)).collect(),
        stopped: stopped(&answer.stopped, s),
    }
}

/// What is wrong with a plan that was stopped, step by step.
pub fn stopped(why: &StoppedWhy, s: &Speak) -> Vec<String> {
    let reason = |row: &StoppedRow| {
        let app = row.fault.step.app().and_then(|app| why.apps.get(&app));
        let step = s.t1(words::step(&row.fault.step), "app", app.map_or("–", String::as_str));
        s.t2(
            "stopped-reason",
            "step",
            step,
            "breach",
            s.t(words::breach(row.fault.breach)),
        )
    };
    why.rows.iter().map(reason).collect()
}

/// What an app is called: by its number until the store has described it.
pub fn app_name(answer: &Answer) -> &str {
    answer.app.name.as_deref().unwrap_or(&answer.app.adam_id)
}

/// `17.5` of `[17, 5]`.
fn version(parts: &[u32]) -> String {
    let parts: Vec<String> = parts.iter().map(u32::to_string).collect();
    parts.join(".")
}

pub fn actor(who: Who) -> &'static str {
    match who {
        Who::Nobody => "actor-nobody",
        Who::Administrator => "actor-administrator",
        Who::Person => "actor-person",
        Who::Apple => "actor-apple",
        Who::Device => "actor-device",
    }
}

fn outcome(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Applies => "outcome-applies",
        Outcome::Together => "outcome-together",
        Outcome::Beaten => "outcome-beaten",
    }
}

/// A stage as something that is waited for.
fn stage(stage: Stage) -> &'static str {
    match stage {
        Stage::Deployment => "stage-deployment",
        Stage::Request => "stage-request",
        Stage::Deadline => "stage-deadline",
        Stage::Device => "stage-device",
        Stage::Token => "stage-token",
        Stage::Registration => "stage-registration",
        Stage::Invitation => "stage-invitation",
        Stage::Terms => "stage-terms",
        Stage::MovedUp => "stage-moved-up",
        Stage::Licence => "stage-licence",
        Stage::Command => "stage-command",
        Stage::Proof => "stage-proof",
        Stage::Removal => "stage-removal",
        Stage::Absence => "stage-absence",
        Stage::Return => "stage-return",
    }
}

/// The same as a link of the chain. What never is one in a tense is called by its name.
fn link(of: Stage, tense: Tense) -> &'static str {
    match (of, tense) {
        (Stage::Deployment, Tense::Done) => "stage-deployment-done",
        (Stage::Deployment, Tense::Now) => "stage-deployment-now",
        (Stage::Request, Tense::Done) => "stage-request-done",
        (Stage::Request, Tense::Now) => "stage-request-now",
        (Stage::Deadline, Tense::Now) => "stage-deadline-now",
        (Stage::Device, Tense::Now) => "stage-device-now",
        (Stage::Token, Tense::Now) => "stage-token-now",
        (Stage::Registration, Tense::Now) => "stage-registration-now",
        (Stage::Invitation, Tense::Now) => "stage-invitation-now",
        (Stage::Terms, Tense::Done) => "stage-terms-done",
        (Stage::Terms, Tense::Now) => "stage-terms-now",
        (Stage::Terms, Tense::Ahead) => "stage-terms-ahead",
        (Stage::MovedUp, Tense::Done) => "stage-moved-up-done",
        (Stage::Licence, Tense::Done) => "stage-licence-done",
        (Stage::Licence, Tense::Now) => "stage-licence-now",
        (Stage::Licence, Tense::Ahead) => "stage-licence-ahead",
        (Stage::Command, Tense::Done) => "stage-command-done",
        (Stage::Command, Tense::Now) => "stage-command-now",
        (Stage::Command, Tense::Ahead) => "stage-command-ahead",
        (Stage::Proof, Tense::Done) => "stage-proof-done",
        (Stage::Proof, Tense::Now) => "stage-proof-now",
        (Stage::Proof, Tense::Ahead) => "stage-proof-ahead",
        (Stage::Removal, Tense::Done) => "stage-removal-done",
        (Stage::Removal, Tense::Now) => "stage-removal-now",
        (Stage::Removal, Tense::Ahead) => "stage-removal-ahead",
        (Stage::Absence, Tense::Done) => "stage-absence-done",
        (Stage::Absence, Tense::Ahead) => "stage-absence-ahead",
        (Stage::Return, Tense::Now) => "stage-return-now",
        (Stage::Return, Tense::Ahead) => "stage-return-ahead",
        (Stage::Deployment | Stage::Request, Tense::Ahead)
        | (Stage::MovedUp, Tense::Now | Tense::Ahead)
        | (
            Stage::Deadline | Stage::Device | Stage::Token | Stage::Registration | Stage::Invitation,
            Tense::Done | Tense::Ahead,
        )
        | (Stage::Absence, Tense::Now)
        | (Stage::Return, Tense::Done) => stage(of),
    }
}

/// Something that would help, and a few words about how.
fn help(remedy: &Remedy) -> (&'static str, Option<&'static str>) {
    match remedy {
        Remedy::Deploy => ("help-deploy", Some("help-deploy-note")),
        Remedy::LiftExclusion { .. } => ("help-lift-exclusion", Some("help-lift-exclusion-note")),
        Remedy::Return => ("help-return", None),
        Remedy::Request => ("help-request", Some("help-request-note")),
        Remedy::EnrolDevice => ("help-enrol-device", Some("help-enrol-device-note")),
        Remedy::FinishEnrolment { .. } => ("help-finish-enrolment", None),
        Remedy::KeepDevice { .. } => ("help-keep-device", None),
        Remedy::UpdateSystem { .. } => ("help-update-system", None),
        Remedy::LiftPolicy2016 => ("help-lift-policy-2016", Some("help-lift-policy-2016-note")),
        Remedy::LicensePeople => ("help-license-people", Some("help-license-people-note")),
        Remedy::ReleaseUpdate => ("help-release-update", None),
        Remedy::LicenseDevices => ("help-license-devices", None),
        Remedy::ReachDevice { .. } => ("help-reach-device", None),
        Remedy::RenewToken => ("help-renew-token", None),
        Remedy::Sync => ("help-sync", Some("help-sync-note")),
        Remedy::CorrectRegistration { error_number } => {
            let (_, advice) = words::program_refusal(ProgramRefusal::of(*error_number));
            ("help-correct-registration", Some(advice))
        }
        Remedy::InviteAgain => ("help-invite-again", None),
        Remedy::AcceptTerms => ("help-accept-terms", Some("help-accept-terms-note")),
        Remedy::Buy {
            licences: Some(licences),
            for_all,
        } if licences < for_all => ("help-buy", Some("help-buy-note")),
        Remedy::Buy { licences: Some(_), .. } => ("help-buy", None),
        Remedy::Buy { licences: None, .. } => ("help-buy", Some("help-buy-for-all-note")),
        Remedy::KeepFewer { .. } => ("help-keep-fewer", Some("help-keep-fewer-note")),
        Remedy::Free { .. } => ("help-free", Some("help-free-note")),
        Remedy::MoveUp => ("help-move-up", Some("help-move-up-note")),
        Remedy::Consent { .. } => ("help-consent", None),
        Remedy::SignIn { .. } => ("help-sign-in", None),
        Remedy::TryAgain { .. } => ("help-try-again", None),
    }
}

fn sentence(sentence: &Sentence) -> &'static str {
    match sentence {
        Sentence::NotDeployable => "why-not-deployable",
        Sentence::NotDeployed => "why-not-deployed",
        Sentence::NotReached => "why-not-reached",
        Sentence::PersonLeft => "why-person-left",
        Sentence::Excluded => "why-excluded",
        Sentence::Uninstalled => "why-uninstalled",
        Sentence::DeviceGone { .. } => "why-device-gone",
        Sentence::DeviceSilent { .. } => "why-device-silent",
        Sentence::DeviceLeaves => "why-device-leaves",
        Sentence::LeavesWithApp => "why-leaves-with-app",
        Sentence::BeingRemoved { .. } => "why-being-removed",
        Sentence::NotRemoved { .. } => "why-not-removed",
        Sentence::LicenceGoesBack { .. } => "why-licence-goes-back",
        Sentence::LicenceCannotGoBack { .. } => "why-licence-cannot-go-back",
        Sentence::NotRequested => "why-not-requested",
        Sentence::BeforeDeadline { .. } => "why-before-deadline",
        Sentence::RemovedByPerson { .. } => "why-removed-by-person",
        Sentence::PerhapsThere => "why-perhaps-there",
        Sentence::NoDevice => "why-no-device",
        Sentence::PlatformNotApplicable { .. } => "why-platform-not-applicable",
        Sentence::SystemTooOld { .. } => "why-system-too-old",
        Sentence::EnrolledThroughDep => "why-enrolled-through-dep",
        Sentence::NotDeviceAssignable => "why-not-device-assignable",
        Sentence::LicenceNeedsUser => "why-licence-needs-user",
        Sentence::NotDescribed => "why-not-described",
        Sentence::EnrolmentPending => "why-enrolment-pending",
        Sentence::SerialUnknown => "why-serial-unknown",
        Sentence::ToBeRegistered => "why-to-be-registered",
        Sentence::BeingRegistered => "why-being-registered",
        Sentence::RegistrationRefused { .. } => "why-registration-refused",
        Sentence::ToBeInvited { .. } => "why-to-be-invited",
        Sentence::InvitationWaits { .. } => "why-invitation-waits",
        Sentence::TermsNotAccepted { .. } => "why-terms-not-accepted",
        Sentence::InvitationFailed { .. } => "why-invitation-failed",
        Sentence::NoDeviceForInvitation => "why-no-device-for-invitation",
        Sentence::BeingRetired { .. } => "why-being-retired",
        Sentence::OldLicencesFirst => "why-old-licences-first",
        Sentence::TokenNotUsable { .. } => "why-token-not-usable",
        Sentence::LicenceNext => "why-licence-next",
        Sentence::AppleConfirms { .. } => "why-apple-confirms",
        Sentence::ReturningFirst { .. } => "why-returning-first",
        Sentence::AppleTrouble { .. } => "why-apple-trouble",
        Sentence::AppleRefused { .. } => "why-apple-refused",
        Sentence::InLine { place, .. } => match place {
            Place::At(_) => "why-in-line",
            Place::After(_) => "why-in-line-after",
        },
        Sentence::KeptForOthers { place, .. } => match place {
            Place::At(_) => "why-kept-for-others",
            Place::After(_) => "why-kept-for-others-after",
        },
        Sentence::NoneLeft { place, .. } => match place {
            Place::At(_) => "why-none-left",
            Place::After(_) => "why-none-left-after",
        },
        Sentence::OutOfStock { .. } => "why-out-of-stock",
        Sentence::InSetup => "why-in-setup",
        Sentence::CommandNext => "why-command-next",
        Sentence::AskedFirst => "why-asked-first",
        Sentence::CommandWaits { .. } => "why-command-waits",
        Sentence::Unreachable { .. } => "why-unreachable",
        Sentence::RemovalFirst => "why-removal-first",
        Sentence::InstallFailed { .. } => "why-install-failed",
        Sentence::TriedAgain { .. } => "why-tried-again",
        Sentence::Installing => "why-installing",
        Sentence::AwaitingConsent => "why-awaiting-consent",
        Sentence::NotSignedIn => "why-not-signed-in",
        Sentence::BeingVerified { .. } => "why-being-verified",
        Sentence::RemovedComesBack { .. } => "why-removed-comes-back",
        Sentence::Rejected { .. } => "why-rejected",
        Sentence::Unmanaged { .. } => "why-unmanaged",
        Sentence::Installed { .. } => "why-installed",
        Sentence::Outdated { update, .. } => match update {
            Update::Due => "why-update-due",
            Update::Told => "why-update-told",
            Update::NotTaken => "why-update-not-taken",
            Update::NotReleased => "why-update-not-released",
            Update::NotRequired => "why-update-not-required",
        },
        Sentence::LicensedOnly { .. } => "why-licensed-only",
    }
}

/// What somebody did, or may do, where nobody is known to use the device.
fn of_nobody(sentence: &Sentence) -> Option<&'static str> {
    Some(match sentence {
        Sentence::NotRequested => "why-not-requested-nobody",
        Sentence::BeforeDeadline { .. } => "why-before-deadline-nobody",
        Sentence::RemovedByPerson { .. } => "why-removed-by-person-nobody",
        Sentence::AwaitingConsent => "why-awaiting-consent-nobody",
        Sentence::RemovedComesBack { .. } => "why-removed-comes-back-nobody",
        Sentence::Rejected { .. } => "why-rejected-nobody",
        Sentence::Unmanaged { .. } => "why-unmanaged-nobody",
        _ => return None,
    })
}

/// What a sentence speaks of beside person, app and device. Each uses what it needs.
#[derive(Default)]
struct Arguments {
    when: Option<Time>,
    on: Option<DeviceId>,
    error: String,
    token: String,
    needed: String,
    has: String,
    platform: Option<Platform>,
    place: u64,
    waiting: u64,
    kept: u64,
    groups: String,
}

/// What everything said of one answer is said from.
struct Words<'a> {
    answer: &'a Answer,
    s: &'a Speak,
}

impl Words<'_> {
    fn device(&self, device: Option<DeviceId>) -> String {
        let known = device.and_then(|device| {
            let own = self.answer.devices.get(&device).map(|row| &row.name);
            own.or_else(|| self.answer.names.devices.get(&device))
        });
        known.cloned().unwrap_or_else(|| self.s.t("answer-unknown-device"))
    }

    /// Who it is about, or whoever uses the device that belongs to nobody.
    fn person(&self) -> String {
        let person = self.answer.person.as_ref();
        person.map_or_else(|| self.s.t("actor-user-of-device"), |person| person.name.clone())
    }

    fn group(&self, deployment: DeploymentId) -> Option<(&Deployment, String)> {
        let lines = &self.answer.facts.deployments;
        let line = lines.iter().find(|line| line.id == deployment)?;
        let name = self.answer.names.groups.get(&line.group).cloned();
        Some((line, name.unwrap_or_else(|| line.group.to_string())))
    }

    /// What the groups of these deployments are called.
    fn groups(&self, deployments: &[DeploymentId]) -> String {
        let names = deployments.iter().filter_map(|id| self.group(*id));
        let names: Vec<String> = names.map(|(_, name)| name).collect();
        names.join(", ")
    }

    fn sentence(&self) -> String {
        let why = &self.answer.why;
        let key = match self.answer.person {
            Some(_) => None,
            None => of_nobody(&why.sentence),
        };
        let text = self.say(key.unwrap_or_else(|| sentence(&why.sentence)), &self.arguments());
        if !why.is_there_and_lacks() {
            return text;
        }
        let device = self.device(why.device);
        self.s.t2("why-there-already", "device", device, "sentence", text)
    }

    fn arguments(&self) -> Arguments {
        let mut given = Arguments::default();
        match &self.answer.why.sentence {
            Sentence::NotDeployable
            | Sentence::NotDeployed
            | Sentence::NotReached
            | Sentence::PersonLeft
            | Sentence::Excluded
            | Sentence::Uninstalled
            | Sentence::DeviceGone { .. }
            | Sentence::DeviceLeaves
            | Sentence::LeavesWithApp
            | Sentence::BeingRemoved { .. }
            | Sentence::LicenceGoesBack { .. }
            | Sentence::NotRequested
            | Sentence::RemovedByPerson { .. }
            | Sentence::PerhapsThere
            | Sentence::NoDevice
            | Sentence::EnrolledThroughDep
            | Sentence::NotDeviceAssignable
            | Sentence::LicenceNeedsUser
            | Sentence::NotDescribed
            | Sentence::EnrolmentPending
            | Sentence::SerialUnknown
            | Sentence::ToBeRegistered
            | Sentence::BeingRegistered
            | Sentence::NoDeviceForInvitation
            | Sentence::BeingRetired { .. }
            | Sentence::OldLicencesFirst
            | Sentence::LicenceNext
            | Sentence::ReturningFirst { .. }
            | Sentence::InSetup
            | Sentence::CommandNext
            | Sentence::AskedFirst
            | Sentence::RemovalFirst
            | Sentence::Installing
            | Sentence::AwaitingConsent
            | Sentence::NotSignedIn
            | Sentence::BeingVerified { .. }
            | Sentence::Rejected { .. }
            | Sentence::Unmanaged { .. }
            | Sentence::Installed { .. }
            | Sentence::Outdated { .. }
            | Sentence::LicensedOnly { .. } => {}
            Sentence::DeviceSilent { since }
            | Sentence::AppleConfirms { since }
            | Sentence::CommandWaits { since }
            | Sentence::Unreachable { since } => given.when = Some(*since),
            Sentence::BeforeDeadline { deadline } => given.when = Some(*deadline),
            Sentence::InvitationFailed { again }
            | Sentence::AppleTrouble { again }
            | Sentence::AppleRefused { again }
            | Sentence::RemovedComesBack { again, .. } => given.when = Some(*again),
            Sentence::NotRemoved { error, .. }
            | Sentence::InstallFailed { error, .. }
            | Sentence::TriedAgain { error, .. } => given.error.clone_from(error),
            Sentence::RegistrationRefused { error_number, again } => {
                given.error = error_number.to_string();
                given.when = Some(*again);
            }
            Sentence::LicenceCannotGoBack { token } | Sentence::TokenNotUsable { token } => {
                given.token = self.s.t(words::token_state(*token));
            }
            Sentence::PlatformNotApplicable { platform } => given.platform = Some(*platform),
            Sentence::SystemTooOld { needed, has } => {
                given.needed = version(needed);
                given.has = version(has);
            }
            Sentence::ToBeInvited { on } => given.on = Some(*on),
            Sentence::InvitationWaits { on, since } => {
                given.on = Some(*on);
                given.when = Some(*since);
            }
            Sentence::TermsNotAccepted { on, at } => {
                given.on = Some(*on);
                given.when = Some(*at);
            }
            Sentence::InLine { place, waiting } | Sentence::NoneLeft { place, waiting } => {
                let (Place::At(place) | Place::After(place)) = place;
                given.place = *place;
                given.waiting = *waiting;
            }
            Sentence::KeptForOthers {
                place,
                waiting,
                kept,
                deployments,
            } => {
                let (Place::At(place) | Place::After(place)) = place;
                given.place = *place;
                given.waiting = *waiting;
                given.kept = *kept;
                given.groups = self.groups(deployments);
            }
            Sentence::OutOfStock { again, .. } => given.when = Some(*again),
        }
        given
    }

    /// A message with whatever it may speak of.
    fn say(&self, key: &str, given: &Arguments) -> String {
        let s = self.s;
        let owned = match self.answer.position.counts.owned {
            domain::Owned::Count(owned) => owned,
            domain::Owned::Unlimited => 0,
        };
        let (device, on) = (self.device(self.answer.why.device), self.device(given.on));
        let when = given.when.map(|when| s.since(when)).unwrap_or_default();
        let platform = given.platform.map(|platform| s.platform(platform)).unwrap_or_default();
        let app = app_name(self.answer);
        let (whom, to, theirs) = match &self.answer.person {
            Some(person) => (
                s.whom(&person.name),
                s.t1("to-whom", "person", &person.name),
                s.their_device(&person.name, &device),
            ),
            None => (device.clone(), s.t1("to-device", "device", &device), device.clone()),
        };
        let args: [(&str, &dyn Arg); 18] = [
            ("person", &self.person()),
            ("whom", &whom),
            ("to", &to),
            ("theirs", &theirs),
            ("app", &app),
            ("device", &device),
            ("on", &on),
            ("when", &when),
            ("error", &given.error),
            ("token", &given.token),
            ("needed", &given.needed),
            ("has", &given.has),
            ("platform", &platform),
            ("place", &given.place),
            ("waiting", &given.waiting),
            ("owned", &owned),
            ("kept", &given.kept),
            ("groups", &given.groups),
        ];
        s.ta(key, &args)
    }

    fn plain(&self, key: &str) -> String {
        self.say(key, &Arguments::default())
    }

    fn who(&self) -> Line {
        let why = &self.answer.why;
        let can = why.remedies.iter().any(|remedy| remedy.by() == Who::Person);
        let reason = match why.who {
            Who::Nobody if why.now().is_some() => Some("actor-nobody-goes-on"),
            Who::Nobody => Some("actor-nobody-done"),
            Who::Administrator | Who::Apple if !can && self.answer.person.is_some() => Some("actor-person-not"),
            Who::Administrator | Who::Apple | Who::Person | Who::Device => None,
        };
        let text = match why.who {
            Who::Person => self.person(),
            Who::Device if why.device.is_some() => self.device(why.device),
            who => self.s.t(actor(who)),
        };
        Line {
            text,
            reason: reason.map(|reason| self.plain(reason)),
        }
    }

    fn waits_for(&self) -> Option<Line> {
        let s = self.s;
        let now = self.answer.why.now()?;
        let position = &self.answer.position;
        if let Sentence::InLine { .. } | Sentence::KeptForOthers { .. } | Sentence::NoneLeft { .. } =
            self.answer.why.sentence
            && position.missing().at_least() > 0
        {
            return Some(Line {
                text: match position.missing() {
                    Counted::Exactly(missing) => s.t1("answer-licences", "count", missing),
                    Counted::AtLeast(missing) => s.t1("answer-licences-at-least", "count", missing),
                },
                reason: Some(match position.ahead.ready() {
                    Counted::Exactly(0) => s.t("answer-first"),
                    Counted::Exactly(before) => s.t1("answer-after-others", "count", before),
                    Counted::AtLeast(before) => s.t1("answer-after-at-least", "count", before),
                }),
            });
        }
        let reason = match (now.until, now.at) {
            (Some(until), _) => Some(s.t1("stage-until", "when", s.since(until))),
            (None, Some(since)) => Some(s.t1("stage-since", "when", s.since(since))),
            (None, None) => None,
        };
        Some(Line {
            text: s.t(stage(now.stage)),
            reason,
        })
    }

    fn link(&self, of: &Link) -> SaidLink {
        let s = self.s;
        let text = match of.deployment.and_then(|id| self.group(id)) {
            Some((line, group)) => {
                let approval = s.approval(line.approval);
                s.t2(link(of.stage, of.tense), "group", group, "approval", approval)
            }
            None => self.plain(link(of.stage, of.tense)),
        };
        let by = match (of.tense, of.by) {
            (_, Who::Nobody) => s.t("actor-server"),
            (_, Who::Person) => self.person(),
            (_, Who::Device) if self.answer.why.device.is_some() => self.device(self.answer.why.device),
            (_, who) => s.t(actor(who)),
        };
        SaidLink {
            link: *of,
            line: Line {
                text,
                reason: self.link_reason(of),
            },
            by,
        }
    }

    fn link_reason(&self, of: &Link) -> Option<String> {
        let s = self.s;
        let until = of.until.map(|until| s.t1("stage-until", "when", s.since(until)));
        match (of.stage, of.tense) {
            (Stage::Deployment, Tense::Done) => {
                let (line, _) = self.group(of.deployment?)?;
                Some(s.t1("stage-deadline-is", "when", s.date_time(line.deadline?)))
            }
            (Stage::MovedUp, _) => {
                let row = self.answer.moved_up.as_ref()?;
                Some(s.t2("moved-up-because", "by", s.actor(&row.moved_by), "reason", &row.reason))
            }
            (Stage::Licence, Tense::Now) => match self.answer.why.sentence {
                Sentence::InLine { .. }
                | Sentence::KeptForOthers { .. }
                | Sentence::NoneLeft { .. }
                | Sentence::OutOfStock { .. } => Some(self.counts()),
                _ => self.operation().or(until),
            },
            (Stage::Return, Tense::Now) => self.operation().or(until),
            (Stage::Licence, Tense::Ahead) => Some(s.t("stage-licence-automatic")),
            (Stage::Proof, Tense::Ahead) => Some(s.t("stage-proof-then")),
            (Stage::Command | Stage::Removal, Tense::Now) => match &self.answer.why.sentence {
                Sentence::InstallFailed { error, .. }
                | Sentence::TriedAgain { error, .. }
                | Sentence::NotRemoved { error, .. } => Some(match until {
                    Some(until) => format!("{error} · {until}"),
                    None => error.clone(),
                }),
                _ => until,
            },
            (_, Tense::Now) => until,
            (_, Tense::Done | Tense::Ahead) => None,
        }
    }

    fn counts(&self) -> String {
        let counts = &self.answer.position.counts;
        let owned = match counts.owned {
            domain::Owned::Count(owned) => self.s.number(owned),
            domain::Owned::Unlimited => self.s.t("licence-unlimited"),
        };
        let free = counts
            .free
            .map_or_else(|| self.s.t("licence-unlimited"), |free| self.s.number(free));
        let (used, way) = (self.s.number(counts.used), self.s.number(counts.on_the_way));
        let foreign = self.s.number(counts.foreign);
        self.s.ta(
            "meter-label",
            &[
                ("owned", &owned),
                ("used", &used),
                ("way", &way),
                ("foreign", &foreign),
                ("free", &free),
            ],
        )
    }

    /// How far the request is that the licence waits for.
    fn operation(&self) -> Option<String> {
        let s = self.s;
        let operation = self.answer.operation.as_ref()?;
        if let (Some(error), true) = (operation.error_number, operation.attempts > 0) {
            let count = u64::try_from(operation.attempts).unwrap_or(0);
            return Some(s.t2("stage-operation-retried", "count", count, "error", error.to_string()));
        }
        match (operation.state, operation.sent_at) {
            (OperationState::Queued, _) | (_, None) => Some(s.t("stage-operation-queued")),
            (_, Some(sent)) => Some(s.t1("stage-operation-sent", "when", s.since(sent))),
        }
    }

    fn rule(&self, ruled: &Ruled) -> Option<SaidRule> {
        let (line, group) = self.group(ruled.deployment)?;
        let winner = self
            .answer
            .why
            .rules
            .first()
            .filter(|first| first.outcome == Outcome::Applies);
        let winner = winner.and_then(|first| self.group(first.deployment));
        let reason = match (ruled.outcome, winner) {
            (Outcome::Beaten, Some((_, winner))) => self.s.t1("outcome-beaten-by", "group", winner),
            _ => self.s.t(words::rule(ruled.rule)),
        };
        Some(SaidRule {
            ruled: *ruled,
            deployment: line.clone(),
            group,
            outcome: Line {
                text: self.s.t(outcome(ruled.outcome)),
                reason: Some(reason),
            },
        })
    }

    fn remedy(&self, remedy: &Remedy) -> SaidRemedy {
        let s = self.s;
        let (text, reason) = help(remedy);
        let given = Arguments {
            on: on(remedy),
            needed: match remedy {
                Remedy::UpdateSystem { needed, .. } => version(needed),
                _ => String::new(),
            },
            ..Arguments::default()
        };
        // The link for a device that belongs to nobody is made on no person's page.
        let reason = match remedy {
            Remedy::EnrolDevice if self.answer.person.is_none() => Some("help-enrol-device-nobody-note"),
            _ => reason,
        };
        let line = match remedy {
            Remedy::Buy { licences, for_all } => Line {
                text: s.t1(text, "count", licences.unwrap_or(*for_all)),
                reason: reason.map(|reason| s.t1(reason, "all", *for_all)),
            },
            Remedy::Free { licences } => Line {
                text: s.t1(text, "count", *licences),
                reason: reason.map(|reason| self.say(reason, &given)),
            },
            Remedy::LiftExclusion { deployments } | Remedy::KeepFewer { deployments } => {
                let groups = self.groups(deployments);
                Line {
                    text: self.say(text, &given),
                    reason: reason.map(|reason| s.t1(reason, "groups", groups)),
                }
            }
            _ => Line {
                text: self.say(text, &given),
                reason: reason.map(|reason| self.say(reason, &given)),
            },
        };
        SaidRemedy {
            remedy: remedy.clone(),
            line,
            href: self.place(remedy),
        }
    }

    /// The page of the console where it is done, or where one sees that it was.
    fn place(&self, remedy: &Remedy) -> String {
        let app = self.answer.app.id;
        // Of a device that belongs to nobody, what stands for it.
        let whom = match (&self.answer.person, self.answer.asked) {
            (Some(person), _) => person.id.to_string(),
            (None, Some(device)) => device.to_string(),
            (None, None) => String::new(),
        };
        match remedy {
            Remedy::Deploy
            | Remedy::LiftExclusion { .. }
            | Remedy::LicensePeople
            | Remedy::LicenseDevices
            | Remedy::KeepFewer { .. }
            | Remedy::Free { .. } => {
                format!("/apps/{app}/deployment")
            }
            Remedy::Return
            | Remedy::Request
            | Remedy::EnrolDevice
            | Remedy::CorrectRegistration { .. }
            | Remedy::InviteAgain
            | Remedy::AcceptTerms => match &self.answer.person {
                Some(person) => format!("/people/{}", person.id),
                None => "/devices".to_owned(),
            },
            Remedy::FinishEnrolment { on }
            | Remedy::KeepDevice { on }
            | Remedy::UpdateSystem { on, .. }
            | Remedy::ReachDevice { on }
            | Remedy::Consent { on }
            | Remedy::SignIn { on }
            | Remedy::TryAgain { on } => format!("/devices/{on}"),
            Remedy::ReleaseUpdate => format!("/apps/{app}?tab=general"),
            Remedy::LiftPolicy2016 => "/administration/settings".to_owned(),
            Remedy::RenewToken | Remedy::Sync => "/administration/vpp".to_owned(),
            Remedy::Buy { .. } => format!("/apps/{app}?tab=licences"),
            Remedy::MoveUp => format!("/apps/{app}/waiting/{whom}"),
        }
    }
}

/// The device that a remedy is about.
fn on(remedy: &Remedy) -> Option<DeviceId> {
    match remedy {
        Remedy::FinishEnrolment { on }
        | Remedy::KeepDevice { on }
        | Remedy::UpdateSystem { on, .. }
        | Remedy::ReachDevice { on }
        | Remedy::Consent { on }
        | Remedy::SignIn { on }
        | Remedy::TryAgain { on } => Some(*on),
        Remedy::Deploy
        | Remedy::LiftExclusion { .. }
        | Remedy::Return
        | Remedy::Request
        | Remedy::EnrolDevice
        | Remedy::LiftPolicy2016
        | Remedy::LicensePeople
        | Remedy::ReleaseUpdate
        | Remedy::LicenseDevices
        | Remedy::RenewToken
        | Remedy::Sync
        | Remedy::CorrectRegistration { .. }
        | Remedy::InviteAgain
        | Remedy::AcceptTerms
        | Remedy::Buy { .. }
        | Remedy::KeepFewer { .. }
        | Remedy::Free { .. }
        | Remedy::MoveUp => None,
    }
}
