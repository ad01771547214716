//! A plan, looked at once more by somebody who did not make it.
//!
//! What is asked here is written from the promises, in other words than the decision's: it shares the facts with
//! [`plan`](crate::plan()), and no conclusion. It never says what is to be done, only what must not be. So a mistake in a
//! decision has to be made a second time, elsewhere, before a licence is lost by it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::{
    Approval, Asset, AssetId, Deployment, DeploymentId, Device, DeviceId, Enrolment, Failure, GroupKind, Holder,
    HolderKind, Install, InstallCommand, Installation, LicenseType, Person, PersonId, PersonKind, Platform, Program,
    RuleSet, Seat, Step, World, invitation::Ending,
};

/// What a step would break.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Breach {
    /// It is about somebody, or something, that is not ours (P2, P9).
    NotOurs,
    /// It asks Apple for something with a token that may not be used (P2).
    TokenUnusable,
    /// It gives more licences than are owned (P1).
    Overdrawn,
    /// It gives a licence to somebody that is kept for others.
    KeptForOthers,
    /// It gives a licence to whoever has one, or is about to.
    SecondLicence,
    /// Nothing that is deployed asks for it.
    NotWanted,
    /// It counts on a licence of a person who has not accepted the programme's terms (A42).
    NotAMember,
    /// Neither Apple nor the policy permits it, or the device cannot run the app.
    NotPermitted,
    /// It takes a licence back while the app may be there with it (P4, A41).
    StillThere,
    /// It takes away what is deployed to them.
    StillWanted,
    /// It installs an app for which no licence is held (P4, A40).
    NoLicence,
    /// It tells a device something that is not with us, or not far enough.
    NotHere,
    /// It was done, or is under way.
    UnderWay,
    /// It shows the invitation to whoever was shown it (A42).
    InvitedAgain,
    /// It ends the membership of somebody to whom a licence is bound.
    HoldsLicence,
    /// It ends the membership of somebody who has not left.
    NotLeft,
    /// It takes the management profile from a device before our apps.
    ProfileFirst,
}

/// A step that must not be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Fault {
    /// In whose plan it is.
    pub person: PersonId,
    pub breach: Breach,
    pub step: Step,
}

/// What is left of an app.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Left {
    /// How many licences; `None` where there is no end of them.
    pub free: Option<u64>,
    /// So many of them are kept by these lines, for whoever has the app by them.
    pub kept: BTreeMap<DeploymentId, u64>,
}

/// Which of these steps must not be taken, and why. Each is told with the first thing that it breaks.
///
/// `world` may hold some people only, as for [`decide_each`](crate::decide_each()): who else has a licence is not known
/// then, so `left` says how many are left of each app, and what of that is kept. How many are given of an app that is not in
/// there is not looked at.
pub fn faults(world: &World, left: &BTreeMap<AssetId, Left>, steps: &[Step]) -> Vec<Fault> {
    let theirs = Theirs::of(world);
    let mut given: BTreeMap<AssetId, Given<'_>> = left.iter().map(|(app, left)| (*app, Given::of(left))).collect();
    let mut seen = BTreeSet::new();
    let mut faults = Vec::new();
    for step in steps {
        let found = must(seen.insert(*step), Breach::UnderWay)
            .and_then(|()| may_be_taken(world, &theirs, step))
            .and_then(|()| is_left(world, &theirs, &mut given, step));
        if let Err(breach) = found {
            faults.push(Fault {
                person: whose(world, step),
                breach,
                step: *step,
            });
        }
    }
    faults
}

/// In whose plan a step is. What is about a device that nobody knows is in the plan of nobody.
pub fn whose(world: &World, step: &Step) -> PersonId {
    let of_device = |id: DeviceId| match world.devices.get(&id) {
        Some(device) => device.person,
        None => PersonId::nobody(id),
    };
    match *step {
        Step::CreateUser { person } | Step::RetireUser { person } | Step::Invite { person, .. } => person,
        Step::Associate { holder, .. } | Step::Disassociate { holder, .. } => match holder {
            Holder::Person(person) => person,
            Holder::Device(device) => of_device(device),
        },
        Step::Release { device }
        | Step::AskInformation { device }
        | Step::Remove { device, .. }
        | Step::Install { device, .. }
        | Step::AskApps { device }
        | Step::Unenrol { device } => of_device(device),
    }
}

type Checked<T = ()> = Result<T, Breach>;

fn must(holds: bool, or: Breach) -> Checked {
    if holds { Ok(()) } else { Err(or) }
}

/// Whose each device is.
struct Theirs<'w>(BTreeMap<PersonId, Vec<&'w Device>>);

impl<'w> Theirs<'w> {
    fn of(world: &'w World) -> Theirs<'w> {
        let mut theirs: BTreeMap<PersonId, Vec<&Device>> = BTreeMap::new();
        for device in world.devices.values() {
            theirs.entry(device.person).or_default().push(device);
        }
        Theirs(theirs)
    }

    fn devices(&self, person: PersonId) -> &[&'w Device] {
        self.0.get(&person).map_or(&[], Vec::as_slice)
    }
}

fn may_be_taken(world: &World, theirs: &Theirs<'_>, step: &Step) -> Checked {
    must(!step.asks_apple() || world.token.usable(), Breach::TokenUnusable)?;
    match *step {
        Step::CreateUser { person } => made_known(world, somebody(world, person)?),
        Step::RetireUser { person } => retired(world, somebody(world, person)?),
        Step::Invite { person, device } => invited(somebody(world, person)?, device_of(world, device)?),
        Step::Associate { app, holder } => given(world, theirs, app_of(world, app)?, holder),
        Step::Disassociate { app, holder } => taken_back(world, theirs, app_of(world, app)?, holder),
        Step::Install { app, device, with } => installed(world, app_of(world, app)?, device_of(world, device)?, with),
        Step::Remove { app, device } => removed(world, app_of(world, app)?, device_of(world, device)?),
        Step::Release { device } => {
            let device = device_of(world, device)?;
            must(is_here(device) && device.awaiting_configuration, Breach::NotHere)?;
            must(!device.asked_configured, Breach::UnderWay)
        }
        Step::AskInformation { device } => {
            let device = device_of(world, device)?;
            let is_called = device.silent_since.is_some() && !has_gone(device);
            must(is_here(device) || is_called, Breach::NotHere)?;
            must(!device.asked_information, Breach::UnderWay)
        }
        Step::AskApps { device } => {
            let device = device_of(world, device)?;
            must(is_here(device) || is_going(device), Breach::NotHere)?;
            must(!device.asked_apps, Breach::UnderWay)
        }
        Step::Unenrol { device } => unenrolled(world, device_of(world, device)?),
    }
}

fn made_known(world: &World, person: &Person) -> Checked {
    must(!person.left, Breach::NotWanted)?;
    match person.program {
        Program::None => Ok(()),
        Program::Refused { not_before, .. } => must(not_before <= world.now, Breach::UnderWay),
        // Another one is theirs once nothing is left with the old one.
        Program::Retired => must(!is_bound(world, person), Breach::HoldsLicence),
        _ => Err(Breach::UnderWay),
    }
}

fn retired(world: &World, person: &Person) -> Checked {
    must(person.left, Breach::NotLeft)?;
    must(!is_bound(world, person), Breach::HoldsLicence)?;
    let is_one = matches!(person.program, Program::Registered { .. } | Program::Associated { .. });
    must(is_one, Breach::UnderWay)
}

fn invited(person: &Person, device: &Device) -> Checked {
    must(!person.left, Breach::NotWanted)?;
    must(device.person == person.id, Breach::NotOurs)?;
    let is_phone = matches!(device.platform, Platform::Ios | Platform::IpadOs) && !device.shared;
    must(
        is_here(device) && is_phone && !device.awaiting_configuration,
        Breach::NotHere,
    )?;
    must(matches!(person.program, Program::Registered { .. }), Breach::UnderWay)?;
    let again = person.invited.iter().any(|attempt| match attempt.ended {
        Some((ending, _)) => ending == Ending::Shown,
        None => attempt.device == device.id,
    });
    must(!again, Breach::InvitedAgain)
}

fn given(world: &World, theirs: &Theirs<'_>, app: &Asset, holder: Holder) -> Checked {
    must(!app.seats.contains_key(&holder), Breach::SecondLicence)?;
    match holder {
        Holder::Person(id) => {
            let person = somebody(world, id)?;
            must(is_member(person), Breach::NotAMember)?;
            must(
                !person.left && is_asked_for(world, theirs, app, id, None),
                Breach::NotWanted,
            )
        }
        Holder::Device(id) => {
            let device = device_of(world, id)?;
            must(is_here(device) && device.has_serial, Breach::NotHere)?;
            let permitted = app.device_assignable && !world.policy.policy_2016 && runs(world, app, device);
            must(permitted, Breach::NotPermitted)?;
            let left = world.people.get(&device.person).is_none_or(|person| person.left);
            must(
                !left && is_asked_for(world, theirs, app, device.person, Some(id)),
                Breach::NotWanted,
            )
        }
    }
}

fn is_left(world: &World, theirs: &Theirs<'_>, given: &mut BTreeMap<AssetId, Given<'_>>, step: &Step) -> Checked {
    let Step::Associate { app, holder } = *step else {
        return Ok(());
    };
    let Some(given) = given.get_mut(&app) else {
        return Ok(());
    };
    let person = match holder {
        Holder::Person(person) => person,
        Holder::Device(device) => device_of(world, device)?.person,
    };
    given.one_more(
        lines(world, theirs, app_of(world, app)?, person, None)
            .map(|line| line.id)
            .collect(),
    )
}

/// By which line a licence is kept; `None`: it is kept for nobody.
type KeptBy = Option<DeploymentId>;

/// The licences of an app that are given, one after the other.
///
/// It is right as long as they can be divided so that nobody has one that is kept for others: of whoever may be counted with
/// several, it does not matter with which.
struct Given<'a> {
    left: &'a Left,
    /// The lines that reach each who is given one, and what they are counted with so far.
    taken: Vec<(Vec<DeploymentId>, Option<KeptBy>)>,
}

impl<'a> Given<'a> {
    fn of(left: &'a Left) -> Given<'a> {
        Given {
            left,
            taken: Vec::new(),
        }
    }

    /// One more, for somebody whom these lines reach.
    fn one_more(&mut self, reached: Vec<DeploymentId>) -> Checked {
        let Some(free) = self.left.free else {
            return Ok(());
        };
        must((self.taken.len() as u64) < free, Breach::Overdrawn)?;
        self.taken.push((reached, None));
        if self.is_counted(self.taken.len() - 1, &mut BTreeSet::new()) {
            return Ok(());
        }
        self.taken.pop();
        Err(Breach::KeptForOthers)
    }

    fn most(&self, kept_by: KeptBy) -> u64 {
        match kept_by {
            Some(line) => self.left.kept.get(&line).copied().unwrap_or(0),
            None => {
                let free = self.left.free.unwrap_or(u64::MAX);
                free.saturating_sub(self.left.kept.values().sum())
            }
        }
    }

    /// Counts this one with a licence that they may have. Somebody else makes room who may be counted with another.
    fn is_counted(&mut self, at: usize, tried: &mut BTreeSet<KeptBy>) -> bool {
        let own: Vec<KeptBy> = self.taken[at].0.iter().copied().map(Some).chain([None]).collect();
        for kept_by in own {
            if !tried.insert(kept_by) {
                continue;
            }
            let with = self.taken.iter().enumerate();
            let with: Vec<usize> = with
                .filter(|(_, (_, with))| *with == Some(kept_by))
                .map(|(other, _)| other)
                .collect();
            let is_room = (with.len() as u64) < self.most(kept_by);
            if is_room || with.into_iter().any(|other| self.is_counted(other, tried)) {
                self.taken[at].1 = Some(kept_by);
                return true;
            }
        }
        false
    }
}

fn taken_back(world: &World, theirs: &Theirs<'_>, app: &Asset, holder: Holder) -> Checked {
    must(app.revocable, Breach::NotPermitted)?;
    let seat = app.seats.get(&holder).ok_or(Breach::NotOurs)?;
    must(matches!(seat, Seat::Held { .. }), Breach::UnderWay)?;
    let devices = match holder {
        Holder::Person(person) => theirs.devices(person),
        Holder::Device(id) => &world.devices.get(&id).into_iter().collect::<Vec<_>>(),
    };
    for device in devices.iter().filter(|device| !device.is_away()) {
        let there = app.installs.get(&device.id).is_some_and(Install::may_be_there);
        must(!there || runs_without(world, app, device, holder), Breach::StillThere)?;
    }
    match holder {
        Holder::Person(person) => must(!is_due_whatever_else(world, theirs, app, person), Breach::StillWanted),
        Holder::Device(_) => Ok(()),
    }
}

fn installed(world: &World, app: &Asset, device: &Device, with: HolderKind) -> Checked {
    must(is_here(device) && !device.awaiting_configuration, Breach::NotHere)?;
    must(
        app.bundle_id.is_some() && runs(world, app, device),
        Breach::NotPermitted,
    )?;
    must(may_stay(world, app, device), Breach::NotWanted)?;
    must(!is_told(app, device), Breach::UnderWay)?;
    let holder = match with {
        HolderKind::User => Holder::Person(device.person),
        HolderKind::Device => Holder::Device(device.id),
    };
    must(is_held(app, holder), Breach::NoLicence)?;
    match holder {
        Holder::Person(person) => must(is_member(somebody(world, person)?), Breach::NotAMember),
        Holder::Device(_) => Ok(()),
    }
}

fn removed(world: &World, app: &Asset, device: &Device) -> Checked {
    let can_be_told = (is_here(device) && !device.awaiting_configuration) || is_going(device);
    must(can_be_told, Breach::NotHere)?;
    must(app.bundle_id.is_some(), Breach::NotPermitted)?;
    // What is not there by us may be their own.
    let by_us = app.installs.get(&device.id).is_some_and(Install::may_be_there);
    must(by_us, Breach::NotOurs)?;
    must(!is_told(app, device), Breach::UnderWay)?;
    must(is_going(device) || !may_stay(world, app, device), Breach::StillWanted)
}

fn unenrolled(world: &World, device: &Device) -> Checked {
    must(is_going(device), Breach::NotHere)?;
    must(!device.asked_to_leave, Breach::UnderWay)?;
    // What it could not remove goes with the profile.
    let waits = |install: &Install| {
        let in_vain = install.command.is_none() && install.failure.as_ref().is_some_and(Failure::is_final);
        install.may_be_there() && !in_vain
    };
    let mut apps = world.apps.values().filter(|app| app.bundle_id.is_some());
    let there = apps.any(|app| app.installs.get(&device.id).is_some_and(waits));
    must(!there || device.awaiting_configuration, Breach::ProfileFirst)
}

/// Of whom Apple may hear: a person whom we know.
fn somebody(world: &World, id: PersonId) -> Checked<&Person> {
    let person = world.people.get(&id).ok_or(Breach::NotOurs)?;
    must(person.kind == PersonKind::Person, Breach::NotOurs)?;
    Ok(person)
}

fn device_of(world: &World, id: DeviceId) -> Checked<&Device> {
    world.devices.get(&id).ok_or(Breach::NotOurs)
}

fn app_of(world: &World, id: AssetId) -> Checked<&Asset> {
    world.apps.get(&id).ok_or(Breach::NotOurs)
}

fn is_here(device: &Device) -> bool {
    device.enrolment == Enrolment::Enrolled && device.silent_since.is_none()
}

fn is_going(device: &Device) -> bool {
    device.enrolment == Enrolment::Retiring && device.silent_since.is_none()
}

fn has_gone(device: &Device) -> bool {
    match device.enrolment {
        Enrolment::Retired | Enrolment::Wiped | Enrolment::Removed | Enrolment::Gone => true,
        Enrolment::Pending | Enrolment::Enrolled | Enrolment::Retiring | Enrolment::Wiping => false,
    }
}

fn is_member(person: &Person) -> bool {
    matches!(person.program, Program::Associated { .. })
}

fn is_held(app: &Asset, holder: Holder) -> bool {
    matches!(app.seats.get(&holder), Some(Seat::Held { .. }))
}

/// A command about the app is on its way.
fn is_told(app: &Asset, device: &Device) -> bool {
    app.installs
        .get(&device.id)
        .is_some_and(|install| install.command.is_some())
}

/// A licence that can come back is bound to their client user, or one of which Apple is asked.
fn is_bound(world: &World, person: &Person) -> bool {
    let binds = |app: &Asset| match app.seats.get(&Holder::Person(person.id)) {
        Some(Seat::Held { .. }) => app.revocable,
        Some(Seat::Reserved { .. } | Seat::Returning { .. }) => true,
        None => false,
    };
    world.apps.values().any(binds)
}

/// What may be on the device is there with another licence than this one, and that works.
fn runs_without(world: &World, app: &Asset, device: &Device, holder: Holder) -> bool {
    let Some(install) = app.installs.get(&device.id) else {
        return true;
    };
    let being_told = matches!(install.command, Some(InstallCommand::Install { .. }));
    let other = match holder {
        Holder::Person(_) => HolderKind::Device,
        Holder::Device(_) => HolderKind::User,
    };
    let works = match other {
        HolderKind::Device => is_held(app, Holder::Device(device.id)),
        HolderKind::User => {
            let member = world.people.get(&device.person).is_some_and(is_member);
            member && is_held(app, Holder::Person(device.person))
        }
    };
    works && install.with == other && !being_told
}

/// The platform, the version of the system, and the policy (A10).
fn runs(world: &World, app: &Asset, device: &Device) -> bool {
    // What is for the iPhone runs on the iPad.
    let platforms: &[Platform] = match device.platform {
        Platform::IpadOs => &[Platform::IpadOs, Platform::Ios],
        Platform::Ios => &[Platform::Ios],
        Platform::MacOs => &[Platform::MacOs],
        Platform::TvOs => &[Platform::TvOs],
    };
    let mut version = device.os_version.clone();
    version.resize(version.len().max(app.minimum_os.len()), 0);
    platforms.iter().any(|platform| app.platforms.contains(platform))
        && (device.os_version.is_empty() || version >= app.minimum_os)
        && !(world.policy.policy_2016 && device.dep)
}

/// The lines of the app that reach a person, or a device of theirs: any, or that one.
fn lines<'w>(
    world: &'w World,
    theirs: &'w Theirs<'_>,
    app: &'w Asset,
    person: PersonId,
    of: Option<DeviceId>,
) -> impl Iterator<Item = &'w Deployment> + 'w {
    app.deployments.iter().filter(move |line| {
        let Some(group) = world.groups.get(&line.group) else {
            return false;
        };
        let mut devices = theirs.devices(person).iter();
        group.people.contains(&person)
            || devices.any(|device| of.is_none_or(|of| of == device.id) && group.devices.contains(&device.id))
    })
}

/// Something requires the app for them, or offers it and they asked for it.
fn is_asked_for(world: &World, theirs: &Theirs<'_>, app: &Asset, person: PersonId, of: Option<DeviceId>) -> bool {
    lines(world, theirs, app, person, of).any(|line| match line.approval_at(world.now) {
        Approval::Required => true,
        Approval::Available => app.requests.contains_key(&person),
        Approval::NotApplicable | Approval::Uninstall => false,
    })
}

/// Whether the app may stay on the device (A33-A39): wherever groups of devices install it, and wherever groups of people do,
/// unless, by the rules of 2016, groups of devices exclude it and no group of people offers it.
///
/// Groups of one kind install it when none of them excludes it, and one requires it, or offers it while none of them uninstalls
/// it (in 2016 also while one does).
fn may_stay(world: &World, app: &Asset, device: &Device) -> bool {
    let of_kind = |kind: GroupKind| -> BTreeSet<Approval> {
        let lines = app.deployments.iter().filter(|line| {
            world.groups.get(&line.group).is_some_and(|group| {
                group.kind == kind && (group.people.contains(&device.person) || group.devices.contains(&device.id))
            })
        });
        lines.map(|line| line.approval_at(world.now)).collect()
    };
    let in_2016 = world.policy.rule_set == RuleSet::Y2016;
    let (people, devices) = (of_kind(GroupKind::User), of_kind(GroupKind::Device));
    let excludes = |said: &BTreeSet<Approval>| said.contains(&Approval::NotApplicable);
    let offers = |said: &BTreeSet<Approval>| {
        said.contains(&Approval::Available) && (in_2016 || !said.contains(&Approval::Uninstall))
    };
    let installs = |said: &BTreeSet<Approval>| !excludes(said) && (said.contains(&Approval::Required) || offers(said));
    let overruled = in_2016 && excludes(&devices) && !offers(&people);
    let left = world.people.get(&device.person).is_none_or(|person| person.left);
    let kept = !world.policy.reclaim.left_all_groups && people.is_empty() && devices.is_empty();
    !left && (kept || installs(&devices) || (installs(&people) && !overruled))
}

/// Nothing speaks against it: all that reaches them requires the app with a licence of their own, and they have a device that
/// can run it, or somebody else installs it.
fn is_due_whatever_else(world: &World, theirs: &Theirs<'_>, app: &Asset, person: PersonId) -> bool {
    let Some(facts) = world.people.get(&person).filter(|person| !person.left) else {
        return false;
    };
    let all: Vec<&Deployment> = lines(world, theirs, app, person, None).collect();
    let requires = |line: &&Deployment| {
        line.approval_at(world.now) == Approval::Required
            && line.license_type == LicenseType::User
            && world
                .groups
                .get(&line.group)
                .is_some_and(|group| group.people.contains(&facts.id))
    };
    let external = !world.policy.policy_2016 && all.iter().all(|line| line.installation == Installation::External);
    let managed = all.iter().all(|line| line.installation == Installation::Managed);
    let can_have_it = |device: &Device| {
        device.person == person
            && is_here(device)
            && !device.shared
            && app.bundle_id.is_some()
            && runs(world, app, device)
    };
    !all.is_empty()
        && all.iter().all(requires)
        && (external || (managed && theirs.devices(person).iter().any(|device| can_have_it(device))))
}
