//! Everybody has an answer for every app, it is true, and what it says would help does help.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    invitation::{self, Ending},
    program::Invitation,
    why::{Outcome, *},
    *,
};
use proptest::{prelude::*, strategy::ValueTree, test_runner::TestRunner};

use crate::{
    each::{ahead, at_any_time, holds, only, queues, stock, unmet},
    worlds::*,
};

/// What is asked of one person and one app, and what there is to know about it.
#[derive(Debug, Clone)]
pub struct Case {
    pub world: World,
    pub app: AssetId,
    pub person: PersonId,
    pub device: Option<DeviceId>,
}

impl Case {
    fn app(&self) -> &Asset {
        &self.world.apps[&self.app]
    }

    fn decision(&self) -> Decision {
        decide(&self.world, self.app())
    }

    pub fn verdict(&self) -> Option<PersonVerdict> {
        self.decision().people.remove(&self.person)
    }

    /// Who brings the licence, or would.
    pub fn holder(&self) -> Holder {
        let waits = self.verdict().and_then(|verdict| why::waits(&verdict, self.device));
        waits.unwrap_or(Holder::Person(self.person))
    }

    pub fn position(&self) -> Position {
        let each = decide_each(&self.world);
        let app = self.app();
        let line = queues(&each, self.app, u64::MAX, |_, _| true);
        let unmet = stock(&self.world, &each, app).unmet;
        let holder = self.holder();
        let wish = each
            .pairs
            .get(&(self.app, self.person))
            .and_then(|pair| pair.wishes.get(&holder).copied());
        let counts = Counts::of(app.owned, app.foreign, app.seats.values().copied());
        let most = counts.free.unwrap_or(0).saturating_add(self.bound());
        let before = wish.map(|wish| ahead(&each, self.app, (wish.rank, holder), most));
        let position = Position::of(counts, unmet, line, before.unwrap_or_default(), wish.as_ref());
        assert_eq!(
            position.counts,
            self.decision().counts,
            "counted as the decision counts"
        );
        let before = self.decision().waiting.iter().position(|waits| *waits == holder);
        let place = before.map(|before| Place::At(before as u64 + 1));
        assert!(holds(position.place, place), "{position:?} of {place:?}");
        position
    }

    /// How far places are counted: in some worlds not far.
    fn bound(&self) -> u64 {
        match self.world.now.ms().rem_euclid(3) {
            0 => 1,
            1 => 2,
            _ => u64::MAX,
        }
    }

    pub fn why(&self) -> Why {
        self.why_of(&self.world)
    }

    fn why_of(&self, world: &World) -> Why {
        let position = self.position();
        let verdict = self.verdict().map(|verdict| PersonVerdict {
            place: position.place,
            ..verdict
        });
        why(&Asked {
            world,
            app: &world.apps[&self.app],
            person: self.person,
            device: self.device,
            verdict: verdict.as_ref(),
            position: &position,
            deployable: true,
        })
    }

    /// How many licences are free and given to nobody.
    fn left(&self) -> Option<u64> {
        let decision = self.decision();
        Some(decision.counts.free? - decision.next.len() as u64)
    }

    /// What lines keep still when those have theirs who get one now.
    fn lacking(&self) -> BTreeMap<DeploymentId, u64> {
        let decision = self.decision();
        let mut lacking = unmet(&self.world, &decide_each(&self.world), self.app());
        for holder in &decision.next {
            let owner = owner(&self.world, *holder).unwrap();
            if let Some(line) = decision.people[&owner].kept_by
                && let Some(lacks) = lacking.get_mut(&line)
            {
                *lacks = lacks.saturating_sub(1);
            }
        }
        lacking.retain(|_, lacks| *lacks > 0);
        lacking
    }

    fn install(&self, device: DeviceId) -> Install {
        self.app().installs.get(&device).cloned().unwrap_or_default()
    }

    pub fn with(&self, change: impl FnOnce(&mut World)) -> Case {
        let mut changed = self.clone();
        change(&mut changed.world);
        changed
    }

    pub fn with_app(&self, change: impl FnOnce(&mut Asset)) -> Case {
        self.with(|world| change(world.apps.get_mut(&self.app).unwrap()))
    }

    pub fn with_person(&self, change: impl FnOnce(&mut Person)) -> Case {
        self.with(|world| change(world.people.get_mut(&self.person).unwrap()))
    }

    pub fn with_device(&self, device: DeviceId, change: impl FnOnce(&mut Device)) -> Case {
        self.with(|world| change(world.devices.get_mut(&device).unwrap()))
    }

    pub fn with_install(&self, device: DeviceId, change: impl FnOnce(&mut Install)) -> Case {
        self.with_app(|app| change(app.installs.entry(device).or_default()))
    }

    /// Later than anything that was ever said.
    fn later(&self) -> Time {
        self.world.now + DAY * 60
    }
}

/// Worlds of all kinds, and as often such in which what is wanted has come as far as the devices: there most is said.
fn worlds() -> impl Strategy<Value = World> {
    prop_oneof![
        at_any_time(),
        (at_any_time(), any::<u64>()).prop_map(|(world, odds)| served(world, odds))
    ]
}

/// Everybody is in the programme or was, holds a licence where they should, and has devices that can have the app.
/// `odds` says who is an exception.
fn served(mut world: World, odds: u64) -> World {
    let odd = |number: usize| odds >> (number % 64) & 3 == 0;
    world.token = TokenState::Valid;
    for (number, device) in world.devices.values_mut().enumerate() {
        device.platform = Platform::Ios;
        device.os_version = vec![17, 5];
        device.dep = false;
        device.silent_since = None;
        if !device.enrolment.is_leaving() {
            device.enrolment = Enrolment::Enrolled;
        }
        device.unreachable_since = odd(number).then_some(NOW);
    }
    let first: BTreeSet<DeviceId> = world.devices.keys().copied().collect();
    let people = people(&world);
    for (number, id) in people.iter().enumerate() {
        let person = world.people.get_mut(id).unwrap();
        person.program = match odd(number + 20) {
            true if odd(number + 40) => Program::Retired,
            true => Program::Registered {
                invitation: Invitation::None,
            },
            false => Program::Associated { since: NOW },
        };
        let failed = Some((Ending::Failed, world.now));
        person.invited = first.iter().map(|device| attempt(*device, failed)).collect();
        if odd(number + 10) {
            person
                .invited
                .extend(first.first().map(|device| attempt(*device, None)));
        }
    }
    let holds = Seat::Held { since: NOW };
    for app in world.apps.values_mut() {
        app.bundle_id = Some("org.example.app".to_owned());
        app.platforms.insert(Platform::Ios);
        let seats = people.iter().map(|person| (Holder::Person(*person), holds));
        let of_nobody = world.devices.values().filter(|device| device.owner().is_none());
        app.seats = seats
            .chain(of_nobody.map(|device| (Holder::Device(device.id), holds)))
            .collect();
        app.refusals.clear();
        for line in &mut app.deployments {
            if matches!(line.approval, Approval::NotApplicable | Approval::Uninstall) {
                line.approval = Approval::Required;
            }
        }
    }
    world
}

fn attempt(device: DeviceId, ended: Option<(Ending, Time)>) -> Attempt {
    Attempt {
        device,
        since: NOW,
        ended,
    }
}

/// Every person and app of a world, and every device and app.
fn cases(world: &World) -> Vec<Case> {
    let mut cases = Vec::new();
    for app in world.apps.keys() {
        let case = |person, device| Case {
            world: world.clone(),
            app: *app,
            person,
            device,
        };
        cases.extend(people(world).into_iter().map(|person| case(person, None)));
        cases.extend(
            world
                .devices
                .values()
                .map(|device| case(device.person, Some(device.id))),
        );
    }
    cases
}

/// Whether the sentence is one for what the verdict says.
fn agrees(why: &Why) -> bool {
    use Detail as D;
    use InstallState::{
        Failed, Installed, Licensed, NotApplicable, NotInstalled, PendingInstall, UninstallFailed, Unknown,
    };
    let is = |states: &[InstallState], details: &[Detail]| {
        why.said
            .is_some_and(|(state, detail)| states.contains(&state) && details.contains(&detail))
    };
    let pending = |detail| is(&[PendingInstall], &[detail]);
    // An app may be there without it.
    let lacks = |details: &[Detail]| is(&[PendingInstall, Installed], details);
    let not_there = is(&[NotInstalled, NotApplicable], &[D::NoAdditionalDetails]);
    match why.sentence {
        Sentence::NotDeployable => false,
        Sentence::NotDeployed | Sentence::NotReached | Sentence::PersonLeft => why.said.is_none() || not_there,
        Sentence::Excluded | Sentence::Uninstalled | Sentence::DeviceLeaves => not_there,
        Sentence::DeviceGone { .. } | Sentence::DeviceSilent { .. } => why.said.is_none(),
        Sentence::LeavesWithApp => is(&[Installed, Unknown], &[D::DeviceLeaving]),
        Sentence::BeingRemoved { .. } => is(&[Installed, Unknown], &[D::UninstallPending]),
        Sentence::NotRemoved { .. } => is(&[UninstallFailed], &[D::SeeUninstallErrorCode]),
        Sentence::LicenceGoesBack { .. } => is(&[NotInstalled], &[D::LicenseReturnPending]),
        Sentence::LicenceCannotGoBack { .. } => is(&[NotInstalled], &[D::TokenNotUsable]),
        Sentence::NotRequested => is(&[NotInstalled], &[D::NotRequested]),
        Sentence::BeforeDeadline { .. } => is(&[NotInstalled], &[D::DeadlineAhead]),
        Sentence::RemovedByPerson { .. } | Sentence::RemovedComesBack { .. } => {
            is(&[NotInstalled], &[D::ManagedAppNoLongerPresent])
        }
        Sentence::PerhapsThere => is(&[Unknown], &[D::NoAdditionalDetails]),
        Sentence::NoDevice => pending(D::NoEligibleDevice),
        Sentence::PlatformNotApplicable { .. } => is(&[NotApplicable], &[D::PlatformNotApplicable]),
        Sentence::SystemTooOld { .. } => is(&[NotApplicable], &[D::MinimumOsVersionNotMet]),
        Sentence::EnrolledThroughDep => is(&[NotApplicable], &[D::DeviceEnrolledThroughDep]),
        Sentence::NotDeviceAssignable => is(&[NotApplicable], &[D::NotDeviceAssignable]),
        Sentence::LicenceNeedsUser => is(&[NotApplicable], &[D::LicenseNeedsUser]),
        Sentence::NotDescribed => pending(D::AppNotDescribed),
        Sentence::EnrolmentPending
        | Sentence::SerialUnknown
        | Sentence::InSetup
        | Sentence::CommandNext
        | Sentence::AskedFirst => pending(D::AwaitingDevice),
        Sentence::CommandWaits { .. } => pending(D::AwaitingDevice),
        Sentence::Unreachable { .. } => pending(D::DeviceUnreachable),
        Sentence::RemovalFirst => pending(D::AwaitingDevice) || is(&[Unknown], &[D::UninstallPending]),
        Sentence::ToBeRegistered
        | Sentence::BeingRegistered
        | Sentence::ToBeInvited { .. }
        | Sentence::InvitationWaits { .. }
        | Sentence::TermsNotAccepted { .. }
        | Sentence::InvitationFailed { .. }
        | Sentence::NoDeviceForInvitation
        | Sentence::BeingRetired { .. }
        | Sentence::OldLicencesFirst => lacks(&[D::UserNotEnrolledInProgram]),
        Sentence::RegistrationRefused { .. } => lacks(&[D::UserNotEnrolledInProgram, D::ProgramRefused]),
        Sentence::TokenNotUsable { .. } => lacks(&[D::TokenNotUsable, D::UserNotEnrolledInProgram, D::ProgramRefused]),
        Sentence::LicenceNext | Sentence::AppleConfirms { .. } => lacks(&[D::LicenseAssociationPending]),
        Sentence::ReturningFirst { .. } => lacks(&[D::LicenseReturnPending]),
        Sentence::AppleTrouble { .. } => lacks(&[D::AppleTrouble]),
        Sentence::AppleRefused { .. } => lacks(&[D::LicenseRefused]),
        Sentence::InLine { .. } => lacks(&[D::WaitingForLicense]) || is(&[Installed], &[D::NoLicenseAvailable]),
        Sentence::KeptForOthers { .. } => lacks(&[D::WaitingForLicense]),
        Sentence::NoneLeft { .. } => is(&[Failed], &[D::NoLicenseAvailable]),
        Sentence::OutOfStock { .. } => is(
            &[PendingInstall, Failed, Installed],
            &[D::WaitingForLicense, D::NoLicenseAvailable],
        ),
        Sentence::InstallFailed { .. } => is(&[Failed], &[D::SeeInstallErrorCode]),
        Sentence::TriedAgain { .. } => pending(D::SeeInstallErrorCode),
        Sentence::Installing => pending(D::Installing),
        Sentence::AwaitingConsent => pending(D::AwaitingUserConsent),
        Sentence::NotSignedIn => pending(D::UserIsNotLoggedIntoAppStore),
        Sentence::BeingVerified { .. } => pending(D::InstalledUnverified),
        Sentence::Rejected { .. } => is(&[Failed], &[D::UserRejectedInstall]),
        Sentence::Unmanaged { .. } => is(&[Failed], &[D::InstalledUnmanaged]),
        Sentence::Installed { .. } => is(&[Installed], &[D::NoAdditionalDetails]),
        Sentence::Outdated { .. } => is(&[Installed], &[D::VppAppHasUpdateAvailable]),
        Sentence::LicensedOnly { .. } => is(&[Licensed], &[D::ExternalInstallation]),
    }
}

/// Some deployment is for licences of devices.
fn asks_for_devices(case: &Case) -> bool {
    let mut lines = case.app().deployments.iter();
    lines.any(|line| line.license_type == LicenseType::Device)
}

/// Whose licence an answer speaks of: of the device that it is said of, or of the person.
fn said_of(case: &Case, why: &Why) -> Holder {
    let verdict = case.verdict();
    let device = why
        .device
        .and_then(|device| verdict.as_ref()?.devices.get(&device).cloned());
    device.map_or(Holder::Person(case.person), |device| device.holder(case.person))
}

/// What they asked for came, and they removed it from every device, so long ago that a rule ended their wish.
fn is_spent(case: &Case) -> bool {
    let (world, app) = (&case.world, case.app());
    let after = world.policy.reclaim.removed_after;
    let here = world.devices.values().filter(|device| device.person == case.person);
    let had = here.filter_map(|device| app.installs.get(&device.id));
    let removed = had
        .filter(|install| install.seen == Some(Seen::RemovedByUser))
        .filter_map(|install| install.seen_at)
        .max();
    let asked = app.requests.get(&case.person).copied();
    after
        .zip(removed)
        .is_some_and(|(after, at)| asked <= Some(at) && at + after <= world.now)
}

/// Whether the sentence is true of the world: said once more, on purpose, from the facts and the plan.
fn is_true(case: &Case, why: &Why) -> bool {
    let world = &case.world;
    let app = case.app();
    let facts = &world.people[&case.person];
    let program = facts.program;
    let holder = said_of(case, why);
    let seat = app.seats.get(&holder).copied();
    let device = why.device.map(|device| &world.devices[&device]);
    let on = why.device.unwrap_or(NEW);
    let install = case.install(on);
    let steps: BTreeSet<Step> = plan(world).steps.into_iter().collect();
    let resolution = |test: fn(&Resolution) -> bool| {
        let verdict = case.verdict();
        verdict.is_some_and(|verdict| match why.device.and_then(|id| verdict.devices.get(&id)) {
            Some(device) => test(&device.resolution),
            None => test(&verdict.resolution),
        })
    };
    // What goes back may be the person's licence, or that of the device.
    let has = |test: &dyn Fn(Seat) -> bool| {
        let holders = [Holder::Person(case.person), Holder::Device(on)];
        holders
            .iter()
            .any(|holder| app.seats.get(holder).copied().is_some_and(test))
    };
    let reached = resolution(|resolution| !resolution.by.is_empty());
    let refused = |reason: RefusalReason, again: Time| {
        let refusal = app.refusals.get(&holder);
        refusal.is_some_and(|refusal| refusal.reason == reason && refusal.not_before == again && again > world.now)
    };
    let told = steps.contains(&Step::Install {
        app: app.id,
        device: on,
        with: holder.kind(),
    });
    let member = holder.kind() == HolderKind::Device || matches!(program, Program::Associated { .. });
    let licensed = member && seat.is_some_and(Seat::is_held);
    match &why.sentence {
        Sentence::NotDeployable => false,
        Sentence::NotDeployed => app.deployments.is_empty() && !facts.left,
        Sentence::NotReached => !app.deployments.is_empty() && !reached && !facts.left,
        Sentence::PersonLeft => facts.left,
        Sentence::Excluded => resolution(|resolution| resolution.not_applicable),
        Sentence::Uninstalled => resolution(|resolution| resolution.uninstall) && !install.may_be_there(),
        Sentence::DeviceGone { enrolment } => {
            device.is_some_and(|device| device.enrolment == *enrolment && enrolment.is_over())
        }
        Sentence::DeviceSilent { since } => device.is_some_and(|device| device.silent_since == Some(*since)),
        Sentence::DeviceLeaves => device.is_some_and(|device| device.enrolment.is_leaving()) && !install.may_be_there(),
        Sentence::LeavesWithApp => device.is_some_and(|device| device.enrolment.is_leaving()) && install.may_be_there(),
        Sentence::BeingRemoved { asked } => {
            let told = match install.command {
                Some(InstallCommand::Remove { since }) => Some(since),
                _ => install.removed_at,
            };
            resolution(|resolution| !resolution.keeps()) && install.may_be_there() && *asked == told
        }
        Sentence::NotRemoved { error, .. } => {
            install.may_be_there()
                && install
                    .failure
                    .is_some_and(|failure| failure.is_final() && failure.code == *error)
        }
        Sentence::LicenceGoesBack { asked, .. } => {
            app.revocable && has(&|seat| asked.is_none_or(|since| seat == Seat::Returning { since }))
        }
        Sentence::LicenceCannotGoBack { token } => has(&|_| true) && *token == world.token && !token.usable(),
        Sentence::NotRequested => {
            resolution(|resolution| resolution.available)
                && (!app.requests.contains_key(&case.person) || is_spent(case))
        }
        Sentence::PerhapsThere => {
            let asked = app.requests.contains_key(&case.person);
            resolution(|resolution| resolution.kept) || (resolution(|resolution| resolution.available) && !asked)
        }
        Sentence::BeforeDeadline { deadline } => {
            *deadline > world.now && app.deployments.iter().any(|line| line.deadline == Some(*deadline))
        }
        Sentence::RemovedByPerson { .. } => install.seen == Some(Seen::RemovedByUser) && !told,
        Sentence::RemovedComesBack { again, .. } => {
            install.seen == Some(Seen::RemovedByUser) && licensed && (*again > world.now || told || in_setup(device))
        }
        Sentence::NoDevice => !world
            .devices
            .values()
            .any(|device| device.person == case.person && !device.is_away()),
        Sentence::PlatformNotApplicable { platform } => {
            device.is_some_and(|device| device.platform == *platform) && !app.platforms.contains(platform)
        }
        Sentence::SystemTooOld { needed, has } => needed == &app.minimum_os && has < needed && !has.is_empty(),
        Sentence::EnrolledThroughDep => world.policy.policy_2016 && device.is_some_and(|device| device.dep),
        Sentence::NotDeviceAssignable => {
            !app.device_assignable
                && (!world.policy.policy_2016 || device.is_some_and(|device| device.owner().is_none()))
                && (holder.kind() == HolderKind::Device || device.is_none())
        }
        Sentence::LicenceNeedsUser => {
            let carries = |line: &&Deployment| why.rules.iter().any(|ruled| ruled.deployment == line.id);
            let mut lines = app.deployments.iter().filter(carries);
            let any_of_devices = lines.any(|line| line.license_type != LicenseType::User);
            let beaten = why.rules.iter().any(|ruled| ruled.outcome == Outcome::Beaten);
            device.is_some_and(|device| device.owner().is_none())
                && (world.policy.policy_2016 || !any_of_devices || beaten)
        }
        Sentence::NotDescribed => app.bundle_id.is_none(),
        Sentence::EnrolmentPending => device.is_some_and(|device| device.enrolment == Enrolment::Pending),
        Sentence::SerialUnknown => {
            holder.kind() == HolderKind::Device
                && device.is_some_and(|device| device.is_enrolled() && !device.has_serial)
        }
        Sentence::ToBeRegistered => steps.contains(&Step::CreateUser { person: case.person }),
        Sentence::BeingRegistered => program == Program::Creating,
        Sentence::RegistrationRefused { error_number, again } => {
            program
                == Program::Refused {
                    error_number: *error_number,
                    not_before: *again,
                }
        }
        Sentence::ToBeInvited { on } => steps.contains(&Step::Invite {
            person: case.person,
            device: *on,
        }),
        Sentence::InvitationWaits { on, since } => facts
            .invited
            .iter()
            .any(|it| (it.device, it.since, it.ended) == (*on, *since, None)),
        Sentence::TermsNotAccepted { on, at } => {
            let shown = Some((Ending::Shown, *at));
            !member && facts.invited.iter().any(|it| (it.device, it.ended) == (*on, shown))
        }
        Sentence::InvitationFailed { again } => *again > world.now && !facts.invited.is_empty(),
        Sentence::NoDeviceForInvitation => {
            let mut own = world.devices.values().filter(|device| device.person == case.person);
            !own.any(|device| invitation::can_show(device) && device.unreachable_since.is_none())
        }
        Sentence::BeingRetired { since } => program == Program::Retiring { since: *since },
        Sentence::OldLicencesFirst => program == Program::Retired,
        Sentence::TokenNotUsable { token } => *token == world.token && !token.usable(),
        Sentence::LicenceNext => steps.contains(&Step::Associate { app: app.id, holder }),
        Sentence::AppleConfirms { since } => seat == Some(Seat::Reserved { since: *since }),
        Sentence::ReturningFirst { since } => seat == Some(Seat::Returning { since: *since }),
        Sentence::AppleTrouble { again } => refused(RefusalReason::Temporary, *again),
        Sentence::AppleRefused { again } => refused(RefusalReason::Refused, *again),
        Sentence::InLine { place, waiting } => {
            let line = case.decision().waiting;
            line.len() as u64 == *waiting
                && stands(&line, *place, case.holder())
                && case.left().is_none_or(|left| left == 0)
        }
        Sentence::KeptForOthers {
            place,
            waiting,
            kept,
            deployments,
        } => {
            let line = case.decision().waiting;
            let own = case.verdict().and_then(|verdict| verdict.kept_by);
            let lack: BTreeSet<DeploymentId> = case.lacking().into_keys().filter(|line| Some(*line) != own).collect();
            line.len() as u64 == *waiting
                && stands(&line, *place, case.holder())
                && *kept > 0
                && case.left() == Some(*kept)
                && lack == deployments.iter().copied().collect()
        }
        Sentence::NoneLeft { place, waiting } => {
            let line = case.decision().waiting;
            line.len() as u64 == *waiting && stands(&line, *place, case.holder()) && world.policy.policy_2016
        }
        Sentence::OutOfStock { place, again } => {
            let decision = case.decision();
            let lack = case.lacking();
            let own = case.verdict().and_then(|verdict| verdict.kept_by);
            let left = case.left().is_none_or(|left| {
                let own = own.and_then(|line| lack.get(&line));
                left > lack.values().sum() || (left > 0 && own.is_some())
            });
            stands(&decision.waiting, *place, case.holder()) && left && refused(RefusalReason::Stock, *again)
        }
        Sentence::InSetup => licensed && in_setup(device) && install.command.is_none(),
        Sentence::CommandNext => told,
        Sentence::AskedFirst => licensed && install.seen == Some(Seen::Unknown) && !told,
        Sentence::CommandWaits { since } => install.command == Some(InstallCommand::Install { since: *since }),
        Sentence::Unreachable { since } => device.is_some_and(|device| device.unreachable_since == Some(*since)),
        Sentence::RemovalFirst => {
            licensed
                && (install.is_removal_unproven() || matches!(install.command, Some(InstallCommand::Remove { .. })))
        }
        Sentence::InstallFailed { error, again, .. } => {
            let failed = install
                .failure
                .is_some_and(|failure| failure.is_final() && failure.code == *error);
            failed && again.is_none_or(|again| again > world.now || told || in_setup(device))
        }
        Sentence::TriedAgain { error, again, .. } => {
            let failed = install.failure.is_some_and(|failure| failure.code == *error);
            failed && again.is_none_or(|again| again > world.now || told || in_setup(device))
        }
        Sentence::Installing => install.seen == Some(Seen::Installing),
        Sentence::AwaitingConsent => install.seen == Some(Seen::AwaitingConsent),
        Sentence::NotSignedIn => install.seen == Some(Seen::AwaitingLogin),
        Sentence::BeingVerified { accepted, .. } => accepted.is_some() && install.accepted_at == *accepted,
        Sentence::Rejected { again, .. } => {
            install.seen == Some(Seen::Rejected)
                && (again.is_none_or(|again| again > world.now) || told || in_setup(device))
        }
        Sentence::Unmanaged { again, .. } => {
            install.seen == Some(Seen::Unmanaged)
                && (again.is_none_or(|again| again > world.now) || told || in_setup(device))
        }
        Sentence::Installed { at } => install.is_proven() && install.seen_at == *at,
        Sentence::Outdated { at, update } => {
            let there = install.is_proven() && install.seen_at == *at && install.version < app.newest;
            let newest_was_told = install.told >= app.newest;
            let by_hand = matches!(app.updates, Updates::ByHand { released } if released < app.newest);
            let only_available = world.policy.policy_2016 && !resolution(|resolution| resolution.required);
            let waits = install.command.is_some() || install.accepted_at.is_some();
            let installs = !matches!(install.command, Some(InstallCommand::Remove { .. }));
            let requested = app.requests.get(&case.person).copied();
            let requested = requested.filter(|_| resolution(|resolution| resolution.available));
            let asked = install.asked_again_at.max(requested) > install.seen_at;
            let next = match () {
                () if waits => Update::Told,
                () if asked => Update::Due,
                () if newest_was_told => Update::NotTaken,
                () if only_available => Update::NotRequired,
                () if by_hand => Update::NotReleased,
                () => Update::Due,
            };
            let paused = install.next_try(&world.policy).is_some_and(|at| world.now < at);
            there && installs && *update == next && (next != Update::Due || told || paused || in_setup(device))
        }
        Sentence::LicensedOnly { since } => {
            let external = resolution(|resolution| resolution.keeps() && resolution.is_external());
            external && licensed && seat == Some(Seat::Held { since: *since }) && !told && !install.is_proven()
        }
    }
}

/// Whether it is there in the line that they stand.
fn stands(line: &[Holder], place: Place, holder: Holder) -> bool {
    let at = line.iter().zip(1..).find(|(id, _)| **id == holder);
    holds(Some(place), at.map(|(_, at)| Place::At(at)))
}

fn in_setup(device: Option<&Device>) -> bool {
    device.is_some_and(|device| device.awaiting_configuration)
}

/// Whether a link of what is done is a fact.
fn is_fact(case: &Case, why: &Why, link: &Link) -> bool {
    let app = case.app();
    let at = link.at.expect("what is done was done at some time");
    let install = why.device.map(|device| case.install(device)).unwrap_or_default();
    match link.stage {
        Stage::Deployment => app.deployments.iter().any(|line| {
            let group = &case.world.groups[&line.group];
            let reaches =
                group.people.contains(&case.person) || why.device.is_some_and(|id| group.devices.contains(&id));
            Some(line.id) == link.deployment && line.since == at && reaches
        }),
        Stage::Request => app.requests.get(&case.person) == Some(&at),
        Stage::Terms => case.world.people[&case.person].program == Program::Associated { since: at },
        Stage::MovedUp => app.moved_up.get(&case.person) == Some(&at) && !app.seats.contains_key(&said_of(case, why)),
        Stage::Licence => app.seats.get(&said_of(case, why)) == Some(&Seat::Held { since: at }),
        Stage::Command => install.accepted_at == Some(at),
        Stage::Proof => install.is_proven() && install.seen_at == Some(at),
        Stage::Removal => install.removed_at == Some(at),
        Stage::Absence => install.seen == Some(Seen::Absent) && install.seen_at == Some(at),
        Stage::Deadline | Stage::Device | Stage::Token | Stage::Registration | Stage::Invitation | Stage::Return => {
            false
        }
    }
}

fn is_a_chain(case: &Case, why: &Why) -> Result<(), TestCaseError> {
    prop_assert!(why.links.is_sorted_by_key(|link| link.tense), "{why:?}");
    let of = |tense| why.links.iter().filter(move |link| link.tense == tense);
    let waits = usize::from(why.sentence.stage().is_some());
    prop_assert_eq!(of(Tense::Now).count(), waits, "{:?}", why);
    prop_assert_eq!(why.now().map(|link| link.stage), why.sentence.stage());
    prop_assert!(waits == 1 || of(Tense::Ahead).next().is_none(), "{why:?}");
    for link in of(Tense::Done) {
        prop_assert!(is_fact(case, why, link), "{link:?} of {why:?}");
    }
    for link in of(Tense::Ahead) {
        let done = of(Tense::Done).any(|done| done.stage == link.stage);
        prop_assert!(!done && Some(link.stage) != why.sentence.stage(), "{link:?} of {why:?}");
    }
    Ok(())
}

/// Who is said to have to act can.
fn someone_acts(why: &Why) -> Result<(), TestCaseError> {
    let stage = why.sentence.stage();
    let can = |who| why.remedies.iter().any(|remedy| remedy.by() == who);
    let acts = match why.who {
        Who::Nobody => true,
        Who::Administrator => can(Who::Administrator),
        // For whom an administrator may ask and try.
        Who::Person => can(Who::Person) || can(Who::Administrator),
        Who::Apple => matches!(stage, Some(Stage::Registration | Stage::Licence | Stage::Return)),
        Who::Device => matches!(
            stage,
            Some(Stage::Device | Stage::Invitation | Stage::Command | Stage::Proof | Stage::Removal)
        ),
    };
    prop_assert!(acts, "{why:?}");
    Ok(())
}

/// Every deployment that reaches them is ruled upon, once.
fn is_ruled(case: &Case, why: &Why) -> Result<(), TestCaseError> {
    let Some(verdict) = case.verdict() else {
        prop_assert!(why.rules.is_empty());
        return Ok(());
    };
    let resolution = match why.device {
        Some(device) => match verdict.devices.get(&device) {
            Some(device) => device.resolution.clone(),
            None => return Ok(()),
        },
        None => verdict.resolution,
    };
    let ruled = |beaten: bool| -> BTreeSet<DeploymentId> {
        let rules = why
            .rules
            .iter()
            .filter(|ruled| (ruled.outcome == Outcome::Beaten) == beaten);
        rules.map(|ruled| ruled.deployment).collect()
    };
    prop_assert_eq!(ruled(false), resolution.by.iter().copied().collect());
    prop_assert_eq!(ruled(true), resolution.beat.iter().copied().collect());
    let applies = why.rules.iter().filter(|ruled| ruled.outcome == Outcome::Applies);
    let said: BTreeSet<Approval> = applies.map(|ruled| ruled.approval).collect();
    prop_assert!(said.len() <= 1, "{:?}", why.rules);
    prop_assert!(why.rules.iter().all(|ruled| ruled.rule == resolution.rule));
    Ok(())
}

/// Does what the remedy says, and looks whether what stood in the way is gone.
fn helps(case: &Case, before: &Why, remedy: &Remedy) -> Result<(), TestCaseError> {
    let later = case.later();
    // Of the device that it was said of: another one of theirs may need attention then.
    let gone = |after: &Case, what: &str| {
        let device = before.device.filter(|_| *remedy != Remedy::EnrolDevice);
        let after = Case {
            device: device.or(case.device),
            ..after.clone()
        };
        let now = after.why();
        prop_assert!(now.sentence != before.sentence, "{what} did not help: {before:?}");
        Ok(now)
    };
    match remedy {
        Remedy::Deploy => {
            let returns = before.remedies.contains(&Remedy::Return);
            let mut here = case.with_person(|person| person.left &= !returns);
            here.device = before.device;
            // Whoever comes back may be excluded as they were before.
            let then = if returns { here.why() } else { before.clone() };
            let lifted = then.remedies.iter().find_map(|remedy| match remedy {
                Remedy::LiftExclusion { deployments } => Some(deployments.clone()),
                _ => None,
            });
            let after = kept(&required(&without(&here, &lifted.unwrap_or_default())), before);
            // Whoever comes back may find that it is available to them again.
            let wanted = is_required(&after, before.device) || (returns && then.rules.iter().any(applies));
            prop_assert!(wanted, "{before:?}");
            gone(&after, "a deployment")?;
        }
        Remedy::LiftExclusion { deployments } => {
            prop_assert!(!deployments.is_empty());
            // Without it nothing that is deployed to people helps.
            prop_assert!(!is_required(&required(case), before.device), "{before:?}");
        }
        Remedy::Return if !matches!(before.sentence, Sentence::PersonLeft) => {}
        Remedy::Return => {
            gone(&case.with_person(|person| person.left = false), "coming back")?;
        }
        Remedy::Request => {
            let asked = case.with_app(|app| app.requests.extend([(case.person, later)]));
            gone(&kept(&asked, before), "asking")?;
        }
        Remedy::EnrolDevice => {
            // An invitation is shown on an iPhone or iPad, whatever the app is for.
            let invited = before.sentence.stage() == Some(Stage::Invitation);
            let platforms = &case.app().platforms;
            let platform = if invited {
                Platform::Ios
            } else {
                *platforms.first().unwrap()
            };
            let after = enrolled(case, before.device, platform);
            let verdict = after.verdict();
            // Whoever asked about a device that is gone asks about another one then.
            let eligible = verdict.is_none_or(|verdict| verdict.devices[&NEW].eligible);
            // One thing is said at a time of what stands in the way.
            let nobody = case.world.is_nobody(case.person);
            let next =
                case.app().bundle_id.is_none() || (!case.app().device_assignable && asks_for_devices(case)) || nobody;
            prop_assert!(eligible || invited || next, "{before:?}");
            if case.device.is_none() && eligible {
                gone(&after, "another device")?;
            }
        }
        Remedy::FinishEnrolment { on } => {
            gone(
                &case.with_device(*on, |device| device.enrolment = Enrolment::Enrolled),
                "enrolling",
            )?;
        }
        Remedy::KeepDevice { .. }
            if before.remedies.contains(&Remedy::Deploy) || before.remedies.contains(&Remedy::Request) => {}
        Remedy::KeepDevice { .. } => {
            gone(&kept(case, before), "staying")?;
        }
        Remedy::UpdateSystem { on, needed } => {
            gone(
                &case.with_device(*on, |device| device.os_version.clone_from(needed)),
                "an update",
            )?;
        }
        Remedy::LiftPolicy2016 if before.remedies.contains(&Remedy::LicenseDevices) => {}
        Remedy::LiftPolicy2016 => {
            gone(&case.with(|world| world.policy.policy_2016 = false), "the policy")?;
        }
        Remedy::ReleaseUpdate => {
            let after = case.with_app(|app| app.updates = Updates::ByHand { released: app.newest });
            gone(&after, "a release")?;
        }
        Remedy::LicenseDevices => {
            let licensed = case.with_app(|app| {
                for line in &mut app.deployments {
                    line.license_type = LicenseType::Device;
                }
            });
            let lifted = before.remedies.contains(&Remedy::LiftPolicy2016);
            let after = licensed.with(|world| world.policy.policy_2016 &= !lifted);
            gone(&after, "licences of devices")?;
        }
        Remedy::LicensePeople => {
            let after = case.with_app(|app| {
                for line in &mut app.deployments {
                    line.license_type = LicenseType::User;
                }
            });
            gone(&after, "licences of people")?;
        }
        Remedy::ReachDevice { on } => {
            let heard = case.with_device(*on, |device| {
                device.unreachable_since = None;
                device.silent_since = None;
                device.has_serial = true;
            });
            let after = match before.sentence {
                Sentence::DeviceSilent { .. } | Sentence::SerialUnknown | Sentence::Unreachable { .. } => heard,
                Sentence::InvitationWaits { .. } => heard.with_person(|person| {
                    for attempt in &mut person.invited {
                        attempt.ended = attempt.ended.or(Some((Ending::Shown, later)));
                    }
                }),
                _ => heard.with_install(*on, |install| {
                    match install.command {
                        Some(InstallCommand::Install { .. }) => install.accepted(later),
                        Some(InstallCommand::Remove { .. }) => install.removed(later),
                        None => {}
                    }
                    // Queued apps may be missing from the first lists.
                    for list in 1..10 {
                        install.listed(Seen::Absent, later + MINUTE * list);
                    }
                }),
            };
            gone(&after, "reaching the device")?;
        }
        Remedy::RenewToken => {
            gone(&case.with(|world| world.token = TokenState::Valid), "another token")?;
        }
        Remedy::Sync => {
            let after = case.with_app(|app| {
                app.bundle_id = Some("org.example.found".to_owned());
                app.refusals.remove(&said_of(case, before));
            });
            gone(&after, "looking at Apple")?;
        }
        // Whoever stands in the line does so until they are in the programme.
        Remedy::CorrectRegistration { .. } if before.sentence.stage() == Some(Stage::Licence) => {}
        Remedy::CorrectRegistration { .. } => {
            gone(
                &case.with_person(|person| person.program = Program::Creating),
                "correcting it",
            )?;
        }
        Remedy::InviteAgain => {
            let world = &case.world;
            let own: Vec<&Device> = world.devices_of(case.person);
            let attempts = &world.people[&case.person].invited;
            let next = invitation::anew(&own, attempts, &world.policy, world.now);
            prop_assert!(!matches!(next, invitation::Next::Tried { .. }), "{next:?}");
        }
        Remedy::AcceptTerms => {
            let after = member(case);
            let verdict = after.verdict().unwrap();
            prop_assert_ne!(verdict.detail, Detail::UserNotEnrolledInProgram);
            if before.sentence.stage() != Some(Stage::Licence) {
                gone(&after, "the terms")?;
            }
        }
        Remedy::Buy { licences, for_all } => {
            let holder = case.holder();
            // What is the device's own needs no member: a licence of the person's would be one more that is wanted.
            let joins = |case: Case| match holder {
                Holder::Person(_) => member(&case),
                Holder::Device(_) => case,
            };
            let served = |more: u64| joins(bought(case, more)).decision().next.contains(&holder);
            match licences {
                Some(licences) => {
                    prop_assert!(served(*licences), "{licences} are too few: {before:?}");
                    prop_assert!(!served(licences - 1), "{licences} are too many: {before:?}");
                }
                None => prop_assert!(served(*for_all) && !served(case.bound()), "{before:?}"),
            }
            let app = case.app();
            let waits = bought(case, *for_all).decision().waiting;
            let of_stock = |holder: &Holder| {
                let refusal = app.refusals.get(holder);
                refusal.is_some_and(|refusal| refusal.reason == RefusalReason::Stock)
            };
            prop_assert!(waits.iter().all(of_stock), "{waits:?} wait still");
        }
        Remedy::Free { licences } => {
            let holder = case.holder();
            let after = freed(case, *licences);
            let after = match holder {
                Holder::Person(_) => member(&after),
                Holder::Device(_) => after,
            };
            prop_assert!(
                after.decision().next.contains(&holder),
                "{licences} are too few: {before:?}"
            );
        }
        Remedy::KeepFewer { deployments } => {
            let after = case.with_app(|app| {
                for line in app.deployments.iter_mut().filter(|line| deployments.contains(&line.id)) {
                    line.kept_licenses = 0;
                }
            });
            let (before, decided) = (case.decision(), after.decision());
            // One more has one, who may be somebody before them.
            let helped = decided.next.len() > before.next.len() || !decided.waiting.contains(&case.holder());
            prop_assert!(helped, "{deployments:?}");
        }
        Remedy::MoveUp => {
            let after = case.with_app(|app| app.moved_up.extend([(case.person, later)]));
            let waiting = after.decision().waiting;
            let place = waiting.iter().position(|holder| *holder == case.holder());
            let moved_up = |holder: &Holder| {
                let owner = owner(&case.world, *holder).unwrap();
                // Several of their devices may stand there, and move up together.
                owner == case.person || case.app().moved_up.contains_key(&owner)
            };
            prop_assert!(!case.app().moved_up.contains_key(&case.person), "once is enough");
            prop_assert!(waiting[..place.unwrap_or(0)].iter().all(moved_up), "{before:?}");
        }
        Remedy::Consent { on } | Remedy::SignIn { on } => {
            let after = case.with_install(*on, |install| install.listed(Seen::Installed, later));
            gone(&after, "saying yes")?;
        }
        Remedy::TryAgain { on } => {
            let after = case.with_install(*on, |install| install.asked_again_at = Some(later));
            let step = Step::Install {
                app: case.app,
                device: *on,
                with: said_of(case, before).kind(),
            };
            let told = plan(&after.world).steps.contains(&step);
            prop_assert!(told || in_setup(case.world.devices.get(on)), "{before:?}");
        }
    }
    Ok(())
}

const NEW: DeviceId = DeviceId(uuid::Uuid::from_u128(0x2fff));

fn without(case: &Case, deployments: &[DeploymentId]) -> Case {
    case.with_app(|app| app.deployments.retain(|line| !deployments.contains(&line.id)))
}

/// In a group of theirs that requires it: of the device, where it belongs to nobody.
fn required(case: &Case) -> Case {
    let nobody = case.world.is_nobody(case.person);
    let group = Group {
        id: group(99),
        kind: match nobody {
            true => GroupKind::Device,
            false => GroupKind::User,
        },
        priority: 0,
        people: (!nobody).then_some(case.person).into_iter().collect(),
        devices: case.device.filter(|_| nobody).into_iter().collect(),
    };
    let line = line(case.app, &group, Approval::Required, case.world.now);
    let case = case.with(|world| world.groups.extend([(group.id, group)]));
    case.with_app(|app| app.deployments.push(line))
}

/// With the device that is not to leave after all, if there is one.
fn kept(case: &Case, why: &Why) -> Case {
    let stays = why.remedies.iter().find_map(|remedy| match remedy {
        Remedy::KeepDevice { on } => Some(*on),
        _ => None,
    });
    match stays {
        Some(on) => case.with_device(on, |device| device.enrolment = Enrolment::Enrolled),
        None => case.clone(),
    }
}

fn applies(ruled: &Ruled) -> bool {
    ruled.approval == Approval::Available && ruled.outcome == Outcome::Applies
}

fn is_required(case: &Case, device: Option<DeviceId>) -> bool {
    let verdict = case.verdict().expect("a deployment reaches them");
    match device.and_then(|device| verdict.devices.get(&device)) {
        Some(device) => device.resolution.required,
        None => verdict.resolution.required,
    }
}

/// With one more device that can have the app, in the groups of the one that cannot.
fn enrolled(case: &Case, beside: Option<DeviceId>, platform: Platform) -> Case {
    let app = case.app().clone();
    case.with(|world| {
        let device = Device {
            id: NEW,
            platform,
            os_version: app.minimum_os.clone(),
            ..iphone(0, case.person)
        };
        world.devices.insert(NEW, device);
        for group in world.groups.values_mut() {
            if beside.is_some_and(|beside| group.devices.contains(&beside)) {
                group.devices.insert(NEW);
            }
        }
    })
}

fn member(case: &Case) -> Case {
    let since = case.world.now;
    case.with_person(|person| person.program = Program::Associated { since })
}

/// So many licences are back from others, to whom nothing is deployed any more.
fn freed(case: &Case, licences: u64) -> Case {
    let number = usize::try_from(licences).unwrap();
    let held = case.app().seats.iter().filter(|(_, seat)| seat.is_held());
    let others = held.map(|(holder, _)| (*holder, owner(&case.world, *holder)));
    let others = others.filter(|(_, owner)| *owner != Some(case.person));
    // Of some nobody knows any more whose they are.
    let gone: BTreeMap<Holder, Option<PersonId>> = others.take(number).collect();
    assert_eq!(gone.len(), number, "as many are out to others");
    let owners: BTreeSet<PersonId> = gone.values().copied().flatten().collect();
    let devices: BTreeSet<DeviceId> = case
        .world
        .devices
        .values()
        .filter(|device| owners.contains(&device.person))
        .map(|device| device.id)
        .collect();
    let case = case.with(|world| {
        for group in world.groups.values_mut() {
            group.people.retain(|person| !owners.contains(person));
            group.devices.retain(|device| !devices.contains(device));
        }
    });
    // As when some are bought: Apple is asked again.
    bought(&case, 0).with_app(|app| {
        app.seats.retain(|holder, _| !gone.contains_key(holder));
        app.requests.retain(|person, _| !owners.contains(person));
        app.installs.retain(|device, _| !devices.contains(device));
        if let Some(refusal) = app.refusals.get(&case.holder())
            && refusal.reason == RefusalReason::Stock
        {
            app.refusals.remove(&case.holder());
        }
    })
}

/// Apple has them, too.
fn bought(case: &Case, more: u64) -> Case {
    case.with_app(|app| {
        if let Owned::Count(owned) = app.owned {
            app.owned = Owned::Count(owned + more);
        }
        if more > 0
            && let Some(refusal) = app.refusals.get(&case.holder())
            && refusal.reason == RefusalReason::Stock
        {
            app.refusals.remove(&case.holder());
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn everybody_and_every_device_has_an_answer_for_every_app_and_it_is_true(world in worlds()) {
        for case in cases(&world) {
            let why = case.why();
            prop_assert!(agrees(&why), "{why:?}");
            prop_assert!(is_true(&case, &why), "{why:?}");
            let needs_none = !matches!(why.sentence.stage(), Some(Stage::Command | Stage::Proof | Stage::Removal));
            prop_assert!(why.device.is_some() || needs_none, "{why:?}");
            is_a_chain(&case, &why)?;
            is_ruled(&case, &why)?;
            someone_acts(&why)?;
        }
    }

    #[test]
    fn what_is_said_to_help_helps_and_what_is_to_be_bought_is_neither_more_nor_less(world in worlds()) {
        for case in cases(&world) {
            let why = case.why();
            for remedy in &why.remedies {
                helps(&case, &why, remedy)?;
            }
        }
    }

    /// Who answers reads the facts of one person only.
    #[test]
    fn the_answer_follows_from_the_person_s_own_facts_and_their_standing(world in worlds()) {
        for case in cases(&world) {
            prop_assert_eq!(case.why_of(&only(&world, case.person)), case.why());
        }
    }
}

/// Nothing can be said that never is.
#[test]
fn every_sentence_is_said_in_some_world() {
    const ALL: usize = 62;
    let mut runner = TestRunner::deterministic();
    let worlds = worlds();
    let mut said = BTreeSet::new();
    for _ in 0..30_000 {
        if said.len() == ALL {
            break;
        }
        for case in cases(&worlds.new_tree(&mut runner).unwrap().current()) {
            let code = format!("{:?}", case.why().sentence);
            said.insert(code.split([' ', '(', '{']).next().unwrap().to_owned());
        }
    }
    assert_eq!(said.len(), ALL, "{said:?}");
}
