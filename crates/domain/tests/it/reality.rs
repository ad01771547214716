//! What is true at Apple and on the devices, beside what the world knows of it.
//!
//! Apple and the devices answer in any order, late, or not at all. They may refuse; they do not lie.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use domain::{invitation::Ending, program::Invitation, *};
use proptest::{prelude::*, sample::Index};

use crate::worlds::*;

/// An app on a device, as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum There {
    Installing,
    Installed,
    RemovedByUser,
}

#[derive(Debug, Clone)]
pub struct Reality {
    pub world: World,
    /// Who holds what, in Apple's books.
    pub ledger: BTreeSet<(AssetId, Holder)>,
    pub apps: BTreeMap<(DeviceId, AssetId), There>,
    /// Which version the device has, of what it was told to install.
    pub versions: BTreeMap<(DeviceId, AssetId), StoreVersion>,
}

/// One thing that happens, to whichever of the candidates the index points at.
#[derive(Debug, Clone)]
pub enum Happening {
    AppleConfirms(Index),
    AppleRefuses(Index),
    AppleIsRead,
    PersonJoins(Index),
    DeviceObeys(Index),
    DeviceRefuses(Index, FailureClass),
    CommandIsLost(Index, bool),
    DeviceLists(Index),
    DeviceCannotList(Index),
    DeviceAnswersTheRest(Index),
    InstallationEnds(Index),
    PersonRemovesApp(Index),
    PersonAsks(Index, Index),
    PersonLeaves(Index),
    PersonComesBack(Index),
    /// Somebody else ends a person's client user at Apple, or it is read that ours is ended.
    UserIsRetired(Index),
    ApprovalChanges(Index, Approval),
    InstallationChanges(Index, Installation),
    MembershipChanges(Index, Index),
    DeviceGoes(Index),
    DeviceRetires(Index),
    DeviceIsErased(Index),
    DeviceIsNotHeard(Index),
    DeviceIsHeardAgain(Index),
    DeviceEnrolsAnew(Index),
    Bought(Index, u64),
    /// The store has a newer version of an app.
    IsPublished(Index),
    TakenByAnother(Index),
    TimePasses(u32),
}

pub fn happening() -> impl Strategy<Value = Happening> {
    use Happening::*;
    let one = any::<Index>;
    prop_oneof![
        8 => one().prop_map(AppleConfirms),
        1 => one().prop_map(AppleRefuses),
        1 => Just(AppleIsRead),
        6 => one().prop_map(PersonJoins),
        8 => one().prop_map(DeviceObeys),
        2 => (one(), any_class()).prop_map(|(one, class)| DeviceRefuses(one, class)),
        1 => (one(), any::<bool>()).prop_map(|(one, done)| CommandIsLost(one, done)),
        8 => one().prop_map(DeviceLists),
        1 => one().prop_map(DeviceCannotList),
        3 => one().prop_map(DeviceAnswersTheRest),
        5 => one().prop_map(InstallationEnds),
        2 => one().prop_map(PersonRemovesApp),
        2 => (one(), one()).prop_map(|(one, app)| PersonAsks(one, app)),
        1 => one().prop_map(PersonLeaves),
        1 => one().prop_map(PersonComesBack),
        1 => one().prop_map(UserIsRetired),
        3 => (one(), any_approval()).prop_map(|(one, approval)| ApprovalChanges(one, approval)),
        2 => (one(), any_installation()).prop_map(|(one, by)| InstallationChanges(one, by)),
        2 => (one(), one()).prop_map(|(one, group)| MembershipChanges(one, group)),
        1 => one().prop_map(DeviceGoes),
        2 => one().prop_map(DeviceRetires),
        1 => one().prop_map(DeviceIsErased),
        1 => one().prop_map(DeviceIsNotHeard),
        1 => one().prop_map(DeviceIsHeardAgain),
        1 => one().prop_map(DeviceEnrolsAnew),
        1 => (one(), 1..3u64).prop_map(|(one, number)| Bought(one, number)),
        1 => one().prop_map(IsPublished),
        1 => one().prop_map(TakenByAnother),
        6 => (1..20_000u32).prop_map(TimePasses),
    ]
}

fn pick<T: Clone>(index: &Index, all: &[T]) -> Option<T> {
    (!all.is_empty()).then(|| index.get(all).clone())
}

impl Reality {
    /// `world` knows of nothing done yet; nothing is.
    pub fn of(world: World) -> Reality {
        Reality {
            world,
            ledger: BTreeSet::new(),
            apps: BTreeMap::new(),
            versions: BTreeMap::new(),
        }
    }

    /// Plans and carries out. Nobody answers yet.
    pub fn act(&mut self) -> Plan {
        let plan = plan(&self.world);
        self.world = plan.apply(&self.world);
        plan
    }

    pub fn happens(&mut self, happening: &Happening) {
        match happening {
            Happening::AppleConfirms(one) => {
                let Some((app, holder)) = pick(one, &self.asked_of_apple()) else {
                    return;
                };
                self.apple_answers(app, holder, true);
            }
            Happening::AppleRefuses(one) => {
                let Some((app, holder)) = pick(one, &self.asked_of_apple()) else {
                    return;
                };
                self.apple_answers(app, holder, false);
            }
            Happening::AppleIsRead => self.apple_is_read(),
            Happening::PersonJoins(one) => {
                let everyone = people(&self.world);
                let Some(person) = pick(one, &everyone) else { return };
                self.joins(person);
            }
            Happening::DeviceObeys(one) => {
                let Some((device, app)) = pick(one, &self.commanded()) else {
                    return;
                };
                self.obeys(device, app);
                self.answered(device, app);
            }
            Happening::DeviceRefuses(one, class) => {
                let Some((device, app)) = pick(one, &self.commanded()) else {
                    return;
                };
                let now = self.world.now;
                self.install(device, app).failed(*class, "Error".to_owned(), now);
            }
            Happening::CommandIsLost(one, done) => {
                let Some((device, app)) = pick(one, &self.commanded()) else {
                    return;
                };
                if *done {
                    self.obeys(device, app);
                }
                self.install(device, app).dropped();
            }
            Happening::DeviceLists(one) => {
                let Some(device) = pick(one, &self.asked_for_apps()) else {
                    return;
                };
                self.lists(device);
            }
            Happening::DeviceCannotList(one) => {
                let Some(device) = pick(one, &self.asked_for_apps()) else {
                    return;
                };
                self.device(device).asked_apps = false;
                for app in self.world.apps.values_mut() {
                    app.installs.entry(device).and_modify(|install| install.checks += 1);
                }
            }
            Happening::DeviceAnswersTheRest(one) => {
                let Some(device) = pick(one, &self.devices()) else {
                    return;
                };
                self.answers_the_rest(device);
            }
            Happening::InstallationEnds(one) => {
                let running: Vec<_> = self.where_it_is(There::Installing);
                let Some(place) = pick(one, &running) else { return };
                self.apps.insert(place, There::Installed);
            }
            Happening::PersonRemovesApp(one) => {
                let Some(place) = pick(one, &self.where_it_is(There::Installed)) else {
                    return;
                };
                self.apps.insert(place, There::RemovedByUser);
            }
            Happening::PersonAsks(one, which) => {
                let everyone = people(&self.world);
                let apps: Vec<AssetId> = self.world.apps.keys().copied().collect();
                let (Some(person), Some(app)) = (pick(one, &everyone), pick(which, &apps)) else {
                    return;
                };
                let now = self.world.now;
                self.app(app).requests.insert(person, now);
            }
            Happening::PersonLeaves(one) => {
                let everyone = people(&self.world);
                let Some(person) = pick(one, &everyone) else { return };
                self.leaves(person);
            }
            Happening::PersonComesBack(one) => {
                let everyone = people(&self.world);
                let Some(person) = pick(one, &everyone) else { return };
                self.world.people.get_mut(&person).unwrap().left = false;
            }
            Happening::UserIsRetired(one) => {
                let known =
                    self.world.people.values().filter(|person| {
                        person.program.is_active() || matches!(person.program, Program::Retiring { .. })
                    });
                let known: Vec<PersonId> = known.map(|person| person.id).collect();
                let Some(person) = pick(one, &known) else { return };
                self.is_retired(person);
            }
            Happening::ApprovalChanges(one, approval) => {
                let Some(line) = self.line(one) else { return };
                line.approval = *approval;
            }
            Happening::InstallationChanges(one, installation) => {
                let Some(line) = self.line(one) else { return };
                line.installation = *installation;
            }
            Happening::MembershipChanges(one, which) => {
                let groups: Vec<GroupId> = self.world.groups.keys().copied().collect();
                let people = people(&self.world);
                let (Some(group), Some(person)) = (pick(which, &groups), pick(one, &people)) else {
                    return;
                };
                let group = self.world.groups.get_mut(&group).unwrap();
                if group.kind == GroupKind::User && !group.people.remove(&person) {
                    group.people.insert(person);
                }
            }
            Happening::DeviceGoes(one) => {
                let Some(device) = pick(one, &self.devices()) else {
                    return;
                };
                self.goes(device, Enrolment::Gone);
            }
            Happening::DeviceRetires(one) => {
                let Some(device) = pick(one, &self.devices()) else {
                    return;
                };
                self.device(device).enrolment = Enrolment::Retiring;
                self.drop_commands(device);
            }
            Happening::DeviceIsErased(one) => {
                let Some(device) = pick(one, &self.devices()) else {
                    return;
                };
                self.goes(device, Enrolment::Wiped);
            }
            Happening::DeviceIsNotHeard(one) => {
                let Some(device) = pick(one, &self.devices()) else {
                    return;
                };
                self.device(device).silent_since = Some(self.world.now);
                if self.world.devices[&device].enrolment == Enrolment::Enrolled {
                    self.forget(device);
                }
            }
            Happening::DeviceIsHeardAgain(one) => {
                let all: Vec<DeviceId> = self.world.devices.keys().copied().collect();
                let Some(device) = pick(one, &all) else { return };
                self.device(device).silent_since = None;
            }
            Happening::DeviceEnrolsAnew(one) => {
                let all: Vec<DeviceId> = self.world.devices.keys().copied().collect();
                let Some(device) = pick(one, &all) else { return };
                // The apps of before may still be there.
                self.device(device).enrolment = Enrolment::Enrolled;
                self.device(device).silent_since = None;
                self.forget(device);
            }
            Happening::Bought(one, number) => {
                let apps: Vec<AssetId> = self.world.apps.keys().copied().collect();
                let Some(app) = pick(one, &apps) else { return };
                if let Owned::Count(owned) = &mut self.app(app).owned {
                    *owned += number;
                }
            }
            Happening::IsPublished(one) => {
                let apps: Vec<AssetId> = self.world.apps.keys().copied().collect();
                let Some(app) = pick(one, &apps) else { return };
                self.publish(app);
            }
            Happening::TakenByAnother(one) => {
                let apps: Vec<AssetId> = self.world.apps.keys().copied().collect();
                let Some(app) = pick(one, &apps) else { return };
                if self.left_at_apple(app) > 0 {
                    self.app(app).foreign += 1;
                }
            }
            Happening::TimePasses(minutes) => self.world.now = self.world.now + MINUTE * *minutes,
        }
    }

    fn line(&mut self, one: &Index) -> Option<&mut Deployment> {
        let lines = self.world.apps.values().map(|app| app.deployments.len()).sum();
        let mut all = self.world.apps.values_mut().flat_map(|app| &mut app.deployments);
        (lines > 0).then(|| all.nth(one.index(lines)))?
    }

    /// As the server does: a person who leaves is in no group any more, and has asked for nothing.
    pub fn leaves(&mut self, person: PersonId) {
        self.world.people.get_mut(&person).unwrap().left = true;
        for group in self.world.groups.values_mut() {
            group.people.remove(&person);
        }
        for app in self.world.apps.values_mut() {
            app.requests.remove(&person);
        }
    }

    /// Apple takes back at once what can be taken back.
    fn is_retired(&mut self, person: PersonId) {
        let apps = &self.world.apps;
        self.ledger
            .retain(|(app, holder)| *holder != Holder::Person(person) || !apps[app].revocable);
        self.world.people.get_mut(&person).unwrap().program = Program::Retired;
    }

    /// Everybody answers everything as hoped.
    pub fn all_goes_well(&mut self) {
        self.apple_is_read();
        for (app, holder) in self.asked_of_apple() {
            self.apple_answers(app, holder, true);
        }
        for person in people(&self.world) {
            self.joins(person);
        }
        for (device, app) in self.commanded() {
            self.obeys(device, app);
            self.answered(device, app);
        }
        for place in self.where_it_is(There::Installing) {
            self.apps.insert(place, There::Installed);
        }
        for device in self.devices() {
            self.answers_the_rest(device);
        }
        for device in self.asked_for_apps() {
            self.lists(device);
        }
        for device in self.devices() {
            if self.world.devices[&device].asked_to_leave {
                self.goes(device, Enrolment::Retired);
            }
        }
    }

    /// Acts, is answered well, and lets `pass` go by, so many times.
    pub fn settles(&mut self, rounds: usize, pass: std::time::Duration) {
        for _ in 0..rounds {
            self.act();
            self.all_goes_well();
            self.world.now = self.world.now + pass;
        }
    }

    pub fn has(&self, device: DeviceId, app: AssetId) -> bool {
        self.apps
            .get(&(device, app))
            .is_some_and(|there| *there != There::RemovedByUser)
    }

    /// Whether Apple lets the app run on the device without this licence.
    pub fn runs_without(&self, device: &Device, app: AssetId, holder: Holder) -> bool {
        let person = &self.world.people[&device.person];
        let others = [
            (Holder::Device(device.id), true),
            (
                Holder::Person(person.id),
                matches!(person.program, Program::Associated { .. }),
            ),
        ];
        let mut others = others.into_iter().filter(|(other, _)| *other != holder);
        others.any(|(other, works)| works && self.ledger.contains(&(app, other)))
    }

    pub fn decision(&self, app: AssetId) -> Decision {
        decide(&self.world, &self.world.apps[&app])
    }

    pub fn app(&mut self, app: AssetId) -> &mut Asset {
        self.world.apps.get_mut(&app).unwrap()
    }

    pub fn device(&mut self, device: DeviceId) -> &mut Device {
        self.world.devices.get_mut(&device).unwrap()
    }

    pub fn install(&mut self, device: DeviceId, app: AssetId) -> &mut Install {
        self.app(app).installs.entry(device).or_default()
    }

    /// The store has a newer version.
    pub fn publish(&mut self, app: AssetId) {
        let app = self.app(app);
        app.newest = Some(StoreVersion(app.newest.map_or(1, |newest| newest.0 + 1)));
    }

    pub fn lists(&mut self, device: DeviceId) {
        let now = self.world.now;
        self.device(device).asked_apps = false;
        for app in self.world.apps.values_mut() {
            let there = self.apps.get(&(device, app.id));
            if there.is_none() && !app.installs.contains_key(&device) {
                continue;
            }
            let seen = match there {
                None => Seen::Absent,
                Some(There::Installing) => Seen::Installing,
                Some(There::Installed) => Seen::Installed,
                Some(There::RemovedByUser) => Seen::RemovedByUser,
            };
            let version = self.versions.get(&(device, app.id)).copied();
            let install = app.installs.entry(device).or_default();
            install.listed_version(version.filter(|_| seen == Seen::Installed));
            install.listed(seen, now);
        }
    }

    /// Licences that Apple itself would still give.
    fn left_at_apple(&self, app: AssetId) -> u64 {
        let app = &self.world.apps[&app];
        let ours = self.ledger.iter().filter(|(asset, _)| *asset == app.id).count() as u64;
        match app.owned {
            Owned::Unlimited => u64::MAX,
            Owned::Count(owned) => owned.saturating_sub(ours + app.foreign),
        }
    }

    fn asked_of_apple(&self) -> Vec<(AssetId, Holder)> {
        let mut asked = Vec::new();
        for app in self.world.apps.values() {
            let open = app.seats.iter().filter(|(_, seat)| !seat.is_held());
            asked.extend(open.map(|(holder, _)| (app.id, *holder)));
        }
        asked
    }

    fn apple_answers(&mut self, app: AssetId, holder: Holder, willing: bool) {
        let now = self.world.now;
        let seat = self.world.apps[&app].seats[&holder];
        let giving = matches!(seat, Seat::Reserved { .. });
        let known = match holder {
            Holder::Person(person) => self.world.people[&person].program != Program::Retired,
            Holder::Device(_) => self.world.apps[&app].device_assignable,
        };
        let after = if willing && (!giving || (known && self.left_at_apple(app) > 0)) {
            if giving {
                self.ledger.insert((app, holder));
            } else {
                self.ledger.remove(&(app, holder));
            }
            self.app(app).refusals.remove(&holder);
            seat.confirmed(now)
        } else {
            let refusal = Refusal {
                reason: RefusalReason::Stock,
                not_before: now + MINUTE,
            };
            self.app(app).refusals.insert(holder, refusal);
            seat.refused(now)
        };
        match after {
            Some(seat) => self.app(app).seats.insert(holder, seat),
            None => self.app(app).seats.remove(&holder),
        };
    }

    fn apple_is_read(&mut self) {
        let reading = Reading {
            began: self.world.now,
            lag: Duration::ZERO,
        };
        let people = people(&self.world);
        for app in self.world.apps.values_mut() {
            let people = people.iter().copied().map(Holder::Person);
            for holder in people.chain(self.world.devices.keys().copied().map(Holder::Device)) {
                let listed = self.ledger.contains(&(app.id, holder));
                match licence::observe(app.seats.get(&holder).copied(), None, listed, &reading, reading.began) {
                    Some(seat) => app.seats.insert(holder, seat),
                    None => app.seats.remove(&holder),
                };
            }
        }
    }

    fn joins(&mut self, person: PersonId) {
        let now = self.world.now;
        if matches!(self.world.people[&person].program, Program::Retiring { .. }) {
            return self.is_retired(person);
        }
        let person = self.world.people.get_mut(&person).unwrap();
        person.program = match person.program {
            Program::Creating => Program::Registered {
                invitation: Invitation::None,
            },
            Program::Registered {
                invitation: Invitation::Queued { .. },
            } => {
                for attempt in person.invited.iter_mut().filter(|attempt| attempt.ended.is_none()) {
                    attempt.ended = Some((Ending::Shown, now));
                }
                Program::Registered {
                    invitation: Invitation::of(&person.invited),
                }
            }
            Program::Registered {
                invitation: Invitation::Shown { .. },
            } => Program::Associated { since: now },
            other => other,
        };
    }

    fn devices(&self) -> Vec<DeviceId> {
        let all = self.world.devices.values();
        all.filter(|device| device.is_enrolled() || device.is_retiring())
            .map(|device| device.id)
            .collect()
    }

    fn asked_for_apps(&self) -> Vec<DeviceId> {
        self.devices()
            .into_iter()
            .filter(|device| self.world.devices[device].asked_apps)
            .collect()
    }

    fn answers_the_rest(&mut self, device: DeviceId) {
        let now = self.world.now;
        let device = self.device(device);
        if device.asked_information {
            device.asked_information = false;
            device.informed_at = Some(now);
        }
        if device.asked_configured {
            device.asked_configured = false;
            device.awaiting_configuration = false;
        }
    }

    fn commanded(&self) -> Vec<(DeviceId, AssetId)> {
        let enrolled = self.devices();
        let mut commanded = Vec::new();
        for app in self.world.apps.values() {
            let open = app.installs.iter().filter(|(_, install)| install.command.is_some());
            commanded.extend(
                open.map(|(device, _)| (*device, app.id))
                    .filter(|(device, _)| enrolled.contains(device)),
            );
        }
        commanded
    }

    fn obeys(&mut self, device: DeviceId, app: AssetId) {
        let command = self.install(device, app).command;
        let newest = self.world.apps[&app].newest;
        if let (Some(InstallCommand::Install { .. }), Some(newest)) = (command, newest) {
            self.versions.insert((device, app), newest);
        }
        match command {
            Some(InstallCommand::Install { .. }) if self.has(device, app) => {}
            Some(InstallCommand::Install { .. }) => {
                self.apps.insert((device, app), There::Installing);
            }
            Some(InstallCommand::Remove { .. }) => {
                self.apps.remove(&(device, app));
            }
            None => {}
        }
    }

    fn answered(&mut self, device: DeviceId, app: AssetId) {
        let now = self.world.now;
        let install = self.install(device, app);
        match install.command {
            Some(InstallCommand::Install { .. }) => install.accepted(now),
            Some(InstallCommand::Remove { .. }) => install.removed(now),
            None => {}
        }
    }

    fn where_it_is(&self, state: There) -> Vec<(DeviceId, AssetId)> {
        self.apps
            .iter()
            .filter(|(_, there)| **there == state)
            .map(|(place, _)| *place)
            .collect()
    }

    /// What we installed goes with the profile.
    fn goes(&mut self, device: DeviceId, how: Enrolment) {
        self.apps.retain(|(place, _), _| *place != device);
        self.device(device).enrolment = how;
        self.forget(device);
    }

    /// As the server does with a device that is told to leave.
    fn drop_commands(&mut self, device: DeviceId) {
        self.nothing_is_asked(device);
        for app in self.world.apps.values_mut() {
            app.installs.entry(device).and_modify(Install::dropped);
        }
    }

    /// As the server does when an enrolment ends or begins.
    fn forget(&mut self, device: DeviceId) {
        self.nothing_is_asked(device);
        for app in self.world.apps.values_mut() {
            app.installs.entry(device).and_modify(Install::forgotten);
        }
    }

    fn nothing_is_asked(&mut self, device: DeviceId) {
        let facts = self.device(device);
        facts.asked_apps = false;
        facts.asked_information = false;
        facts.asked_configured = false;
        facts.asked_to_leave = false;
    }
}
