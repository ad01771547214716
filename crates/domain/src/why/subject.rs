//! From what is known of somebody and an app to the codes that say it.

use std::cmp::Ordering;

use super::{Asked, Link, Outcome, Remedy, Ruled, Sentence, Stage, Tense, Who, by};
use crate::{
    Approval, Counted, Deployment, DeploymentId, Detail, Device, DeviceId, DeviceVerdict, GroupKind, Holder,
    HolderKind, Install, InstallCommand, InstallState, LicenseType, Place, Platform, Program, Refusal, RefusalReason,
    Resolution, RuleSet, Seat, Seen, Time, Update,
    decide::keeping,
    invitation::{self, Next},
    plan::{bound, install_due},
    reclaim,
};

/// Whom the answer is about, with all that is known of them.
pub(super) struct Subject<'a> {
    asked: &'a Asked<'a>,
    /// The device that was asked about, or the person's that needs attention most.
    pub device: Option<&'a Device>,
    verdict: Option<&'a DeviceVerdict>,
    install: Install,
}

impl<'a> Subject<'a> {
    pub fn of(asked: &'a Asked<'a>) -> Subject<'a> {
        let all = asked.verdict.map(|verdict| &verdict.devices);
        let verdict = match (asked.device, asked.verdict) {
            (Some(device), _) => all.and_then(|all| all.get(&device)),
            (None, Some(person)) => {
                let said = (person.state, person.detail);
                let waits = |device: &&DeviceVerdict| Some(device.holder(person.person)) == person.last;
                let mut devices = person.devices.values();
                // What is said of a person whose devices wait is said as if all of them did.
                let exactly = devices.find(|device| (device.state, device.detail) == said);
                exactly.or_else(|| person.devices.values().find(waits))
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

    pub fn said(&self) -> Option<(InstallState, Detail)> {
        if self.asked.device.is_some() {
            return self.verdict.map(|device| (device.state, device.detail));
        }
        self.asked.verdict.map(|person| (person.state, person.detail))
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

    /// Somebody else installs it.
    fn is_external(&self) -> bool {
        self.resolution().is_some_and(Resolution::is_external)
    }

    /// It belongs to nobody.
    pub fn is_nobody(&self) -> bool {
        self.asked.world.is_nobody(self.asked.person)
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

    /// Who brings the licence: the device itself, where it is to have one of its own.
    fn holder(&self) -> Holder {
        let device = self.verdict.map(|device| device.holder(self.asked.person));
        device.unwrap_or(Holder::Person(self.asked.person))
    }

    /// The licence that is spoken of: the one that is wanted, or else one that goes back.
    fn seat(&self) -> Option<Seat> {
        let seat = |holder| self.asked.app.seats.get(&holder).copied();
        seat(self.holder()).or_else(|| {
            let goes_back = self.verdict.filter(|device| !device.resolution.keeps());
            seat(Holder::Device(goes_back?.device)).or(seat(Holder::Person(self.asked.person)))
        })
    }

    /// They removed it so long ago that what is only available to them is not due any more.
    fn is_over(&self) -> bool {
        let world = self.asked.world;
        let here = world.devices_of(self.asked.person).into_iter();
        let here = here.filter(|device| !device.is_away());
        let person = world.people.get(&self.asked.person);
        let required = self.resolution().is_some_and(|resolution| resolution.required);
        !required && person.is_some_and(|person| reclaim::is_over(world, self.asked.app, person, here))
    }

    fn requested(&self) -> Option<Time> {
        self.asked.app.requests.get(&self.asked.person).copied()
    }

    /// What Apple said last, while it is not asked again.
    fn refusal(&self) -> Option<Refusal> {
        let refusal = self.asked.app.refusals.get(&self.holder()).copied();
        refusal.filter(|refusal| refusal.holds(self.asked.world.now))
    }

    fn is_leaving(&self) -> bool {
        self.device.is_some_and(|device| device.enrolment.is_leaving())
    }

    pub fn sentence(&self) -> Sentence {
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
                | InstallState::Licensed
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
            Detail::NotDeviceAssignable => Sentence::NotDeviceAssignable,
            Detail::LicenseNeedsUser => Sentence::LicenceNeedsUser,
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
            Detail::VppAppHasUpdateAvailable => match self.update() {
                Some(update) => Sentence::Outdated {
                    at: install.seen_at,
                    update,
                },
                None => Sentence::Installed { at: install.seen_at },
            },
            Detail::ExternalInstallation => Sentence::LicensedOnly {
                since: self.seat().map_or(self.asked.world.now, Seat::since),
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

    /// What becomes of the version that the device has.
    fn update(&self) -> Option<Update> {
        let policy = &self.asked.world.policy;
        let resolution = self.resolution()?;
        Update::of(policy, self.asked.app, &self.install, resolution, self.asked.person)
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
        let place = match self.asked.device {
            Some(_) => self.verdict.and_then(|device| device.place),
            None => self.asked.verdict.and_then(|person| person.place),
        };
        let place = place.unwrap_or(Place::At(1));
        let waiting = self.asked.position.counts.waiting;
        match self.refusal() {
            Some(refusal) if refusal.reason == RefusalReason::Stock && self.asked.position.is_any_left() => {
                Sentence::OutOfStock {
                    place,
                    again: refusal.not_before,
                }
            }
            _ if state == InstallState::Failed => Sentence::NoneLeft { place, waiting },
            _ => match self.asked.position.kept_for_others() {
                (kept, deployments) if kept > 0 && !deployments.is_empty() => Sentence::KeptForOthers {
                    place,
                    waiting,
                    kept,
                    deployments,
                },
                _ => Sentence::InLine { place, waiting },
            },
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
            _ if self.lacks_serial() => Sentence::SerialUnknown,
            Some(InstallCommand::Remove { .. }) => Sentence::RemovalFirst,
            Some(InstallCommand::Install { since }) => Sentence::CommandWaits { since },
            None if in_setup => Sentence::InSetup,
            None if self.tried_again().is_none() => Sentence::AskedFirst,
            None => Sentence::CommandNext,
        }
    }

    /// It is to have a licence of its own, and Apple cannot be told which device that is.
    fn lacks_serial(&self) -> bool {
        self.holder().kind() == HolderKind::Device && self.device.is_some_and(|device| !device.has_serial)
    }

    pub fn rules(&self) -> Vec<Ruled> {
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

    pub fn links(&self, sentence: &Sentence, who: Who) -> Vec<Link> {
        let mut links = self.done();
        links.sort_by_key(|link| (link.at, link.stage));
        let has = |links: &[Link], stage| links.iter().any(|link| link.stage == stage);
        let Some((stage, since, until)) = sentence.waits() else {
            return links;
        };
        // Whoever waits for a licence and is not in the programme has the terms before them, too.
        let follows = |next: Stage| match next.cmp(&stage) {
            Ordering::Less => next == Stage::Terms,
            Ordering::Equal => false,
            Ordering::Greater => true,
        };
        // Nobody has to accept anything for a licence of the device.
        let asked = |next: Stage| next != Stage::Terms || self.holder().kind() == HolderKind::User;
        let path = self.path(stage).iter().copied();
        let ahead: Vec<Stage> = path
            .filter(|next| follows(*next) && asked(*next) && !has(&links, *next))
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
            // Proof is the last: of what nobody has asked for, and what may be there, too.
            Stage::Deployment | Stage::Proof => &[],
            // Neither does whoever gives the licence only tell a device.
            _ if wanted && (self.install.is_proven() || self.is_external()) => LACKING,
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
            && self.holder().kind() == HolderKind::User
            && let Program::Associated { since } = self.program()
        {
            links.push(done(Stage::Terms, since));
        }
        let seat = app.seats.get(&self.holder()).copied();
        match (seat, app.moved_up.get(&self.asked.person)) {
            (Some(Seat::Held { since }), _) => links.push(done(Stage::Licence, since)),
            (None, Some(at)) if self.keeps() => links.push(done(Stage::MovedUp, *at)),
            _ => {}
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

    pub fn remedies(&self, sentence: &Sentence) -> Vec<Remedy> {
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
            | Sentence::Installed { .. }
            | Sentence::LicensedOnly { .. } => Vec::new(),
            Sentence::Outdated { update, .. } => match update {
                Update::Due => Vec::new(),
                Update::Told => of_device(|on| Remedy::ReachDevice { on }),
                Update::NotTaken | Update::NotRequired => of_device(|on| Remedy::TryAgain { on }),
                Update::NotReleased => {
                    let again = of_device(|on| Remedy::TryAgain { on });
                    [Remedy::ReleaseUpdate].into_iter().chain(again).collect()
                }
            },
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
            // Nobody has it who could ask: it is required there, or waits for the deadline.
            Sentence::NotRequested | Sentence::BeforeDeadline { .. } | Sentence::RemovedByPerson { .. }
                if self.is_nobody() && !self.is_wanted() =>
            {
                vec![Remedy::Deploy]
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
            // Nobody's licence works where several people sign in, or where nobody has the device.
            Sentence::NotDeviceAssignable if self.is_nobody() || self.device.is_some_and(|device| device.shared) => {
                vec![Remedy::EnrolDevice]
            }
            Sentence::NotDeviceAssignable => vec![Remedy::LicensePeople],
            // In 2016 nobody could choose.
            Sentence::LicenceNeedsUser => {
                let by = self.resolution().map(|resolution| &resolution.by);
                let carries = |line: &&Deployment| by.is_some_and(|by| by.contains(&line.id));
                let mut lines = self.asked.app.deployments.iter().filter(carries);
                let of_people = lines.all(|line| line.license_type == LicenseType::User);
                let shared = self.device.is_some_and(|device| device.shared);
                let policy = self.asked.world.policy.policy_2016;
                let lift = policy.then_some(Remedy::LiftPolicy2016);
                lift.into_iter()
                    .chain((of_people && !shared).then_some(Remedy::LicenseDevices))
                    .collect()
            }
            Sentence::NotDescribed => vec![Remedy::Sync],
            Sentence::EnrolmentPending => of_device(|on| Remedy::FinishEnrolment { on }),
            Sentence::SerialUnknown => of_device(|on| Remedy::ReachDevice { on }),
            Sentence::RegistrationRefused { error_number, .. } => vec![Remedy::CorrectRegistration {
                error_number: *error_number,
            }],
            Sentence::ToBeInvited { .. } | Sentence::TermsNotAccepted { .. } => vec![Remedy::AcceptTerms],
            Sentence::InvitationFailed { .. } => vec![Remedy::InviteAgain, Remedy::AcceptTerms],
            Sentence::TokenNotUsable { .. } => vec![Remedy::RenewToken],
            Sentence::InLine { place, .. }
            | Sentence::KeptForOthers { place, .. }
            | Sentence::NoneLeft { place, .. } => {
                let position = self.asked.position;
                let missing = position.missing();
                let buy = Remedy::Buy {
                    licences: match missing {
                        Counted::Exactly(licences) => Some(licences),
                        Counted::AtLeast(_) => None,
                    },
                    for_all: position.missing_for_all(),
                };
                let mut remedies = Vec::new();
                if missing.at_least() > 0 {
                    remedies.push(buy);
                    remedies.extend(self.freeing(missing));
                    let moved_up = self.asked.app.moved_up.contains_key(&self.asked.person);
                    remedies.extend((*place != Place::At(1) && !moved_up).then_some(Remedy::MoveUp));
                    if let Sentence::KeptForOthers { deployments, .. } = sentence {
                        let deployments = deployments.clone();
                        remedies.push(Remedy::KeepFewer { deployments });
                    }
                }
                match self.program() {
                    _ if self.holder().kind() == HolderKind::Device => {}
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

    /// Where as many are out to others as are missing, and Apple takes them back. What others hold for whom licences are kept helps
    /// nobody else.
    fn freeing(&self, missing: Counted) -> Option<Remedy> {
        let (world, app) = (self.asked.world, self.asked.app);
        let own = app
            .seats
            .iter()
            .filter(|(holder, seat)| seat.is_held() && world.owner(**holder) == Some(self.asked.person));
        let counts = self.asked.position.counts;
        let others = counts.used.saturating_sub(counts.returning + own.count() as u64);
        match missing {
            Counted::Exactly(licences) if app.revocable && licences <= others => {
                let keeps = !keeping(&world.policy, &app.deployments).is_empty();
                (!keeps).then_some(Remedy::Free { licences })
            }
            _ => None,
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
        } else if self.is_over() {
            remedies.push(Remedy::Request);
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
        let together = self.is_nobody() || self.asked.world.policy.rule_set == RuleSet::Y2016;
        let counts = |line: &Deployment| line.kind == GroupKind::User || together;
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
