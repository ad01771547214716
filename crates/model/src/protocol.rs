//! The server's transactions, each as it is committed, around the rules of the domain.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{
    Approval, Ask, Asset, AssetId, Counts, Deployment, DeploymentId, Device, DeviceId, Enrolment, Group, GroupId,
    GroupKind, Holder, HolderKind, Install, Installation, LicenseType, Owned, Patience, Person, PersonId, PersonKind,
    Plan, Platform, Policy, Program, Reading, Seat, Seen, Step, Time, TokenState, Updates, World,
    licence::observe,
    operation::{Settled, Word, settle},
    plan,
};
use uuid::Uuid;

use crate::{ASSETS, Action, Config, Held, Ledger, OnDevice, PEOPLE, People, Request, State, each};

/// In ticks, as [`PATIENCE`] has it.
pub const LAG: u8 = 1;
pub const REQUEST: u8 = 1;

const PATIENCE: Patience = Patience {
    request: Duration::from_millis(REQUEST as u64),
    event: Duration::from_millis(1),
    lag: Duration::from_millis(LAG as u64),
};

/// What was asked of Apple, or will be.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Op {
    pub id: u8,
    pub gain: bool,
    pub asset: usize,
    /// Whose seats are tied to it.
    pub people: People,
    /// Its event failed and named nobody: whoever was not served, was refused.
    pub failed: bool,
    pub state: OpState,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OpState {
    Queued,
    Sending { dead_at: u8 },
    Pending { dead_at: u8, event: u8 },
}

/// What a server has in memory, and nowhere else.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Server {
    pub waiting: Option<Waiting>,
    pub reading: Option<Stage>,
}

/// For an answer to a request.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Waiting {
    /// As it was when it was sent.
    pub op: Op,
    pub event: Option<u8>,
    /// The lease has not moved since.
    pub fenced: bool,
}

/// A list of one asset on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Stage {
    pub asset: usize,
    pub began: u8,
    pub shows: Ledger,
    /// The operation that it is read for, as it was then.
    pub op: Option<Op>,
    /// The lease has not moved since.
    pub fenced: bool,
}

pub fn actions(config: &Config, state: &State, actions: &mut Vec<Action>) {
    for server in [0, 1] {
        let memory = &state.servers[usize::from(server)];
        if state.left.moves > 0 && state.lease != server {
            actions.push(Action::LeaseMoves(server));
        }
        if state.left.faults > 0 && (memory.waiting.is_some() || memory.reading.is_some()) {
            actions.push(Action::Crash(server));
        }
        if let Some(waiting) = &memory.waiting {
            if waiting.event.is_some() {
                actions.push(Action::Answer(server));
            }
            actions.push(Action::AnswerLost(server));
        }
        if let Some(reading) = &memory.reading {
            actions.push(Action::ReadEnds(server));
            if reading.shows != state.ledgers[reading.asset] {
                actions.push(Action::ReadGoesOn(server));
            }
        }
        if state.lease != server {
            continue;
        }
        actions.push(Action::Reconcile(server));
        for op in &state.ops {
            match op.state {
                OpState::Queued if memory.waiting.is_none() => actions.push(Action::Send(server, op.id)),
                OpState::Pending { event, .. } => {
                    actions.push(Action::Poll {
                        server,
                        op: op.id,
                        named: true,
                    });
                    if state.events.iter().any(|it| it.id == event && it.failed != 0) {
                        actions.push(Action::Poll {
                            server,
                            op: op.id,
                            named: false,
                        });
                    }
                    if state.left.faults > 0 {
                        actions.push(Action::Forgotten(server, op.id));
                    }
                    actions.push(Action::Overdue(server, op.id));
                }
                _ => {}
            }
        }
        if memory.reading.is_none() {
            for asset in 0..config.assets {
                let sent = |op: &&Op| op.asset == asset && matches!(op.state, OpState::Sending { .. });
                let ops = state.ops.iter().filter(sent).map(|op| Some(op.id));
                for op in ops.chain([None]) {
                    for shows in 0..=state.past[asset].len() {
                        actions.push(Action::ReadBegins {
                            server,
                            asset,
                            op,
                            shows,
                        });
                    }
                }
            }
        }
    }
}

fn time(at: u8) -> Time {
    Time(i64::from(at))
}

fn tick(at: Time) -> u8 {
    u8::try_from(at.0).expect("a small time")
}

impl Held {
    fn seat(self) -> Option<Seat> {
        match self {
            Held::No => None,
            Held::Reserved(since) => Some(Seat::Reserved { since: time(since) }),
            Held::Held(since) => Some(Seat::Held { since: time(since) }),
            Held::Returning(since) => Some(Seat::Returning { since: time(since) }),
        }
    }

    fn of(seat: Option<Seat>) -> Held {
        match seat {
            None => Held::No,
            Some(Seat::Reserved { since }) => Held::Reserved(tick(since)),
            Some(Seat::Held { since }) => Held::Held(tick(since)),
            Some(Seat::Returning { since }) => Held::Returning(tick(since)),
        }
    }
}

impl State {
    pub fn server_acts(&mut self, config: &Config, action: Action) {
        match action {
            Action::LeaseMoves(server) => {
                self.left.moves = self.left.moves.saturating_sub(1);
                self.lease = server;
                for memory in &mut self.servers {
                    memory.waiting.iter_mut().for_each(|it| it.fenced = false);
                    memory.reading.iter_mut().for_each(|it| it.fenced = false);
                }
            }
            Action::Crash(server) => {
                self.left.faults = self.left.faults.saturating_sub(1);
                self.servers[usize::from(server)] = Server::default();
            }
            Action::Reconcile(_) => self.reconcile(config),
            Action::Send(server, op) => self.send(server, op),
            Action::AnswerLost(server) => self.servers[usize::from(server)].waiting = None,
            Action::Answer(server) => self.answer(config, server),
            Action::Poll { op, named, .. } => self.poll(op, named),
            Action::Forgotten(_, op) => {
                self.left.faults -= 1;
                self.lists_tell(op, None);
            }
            Action::Overdue(_, op) => self.lists_tell(op, Some(self.now)),
            Action::ReadBegins {
                server,
                asset,
                op,
                shows,
            } => {
                let shows = self.past[asset]
                    .get(shows)
                    .map_or(self.ledgers[asset], |(_, ledger)| *ledger);
                self.servers[usize::from(server)].reading = Some(Stage {
                    asset,
                    began: self.now,
                    shows,
                    op: op.and_then(|op| self.ops.iter().find(|it| it.id == op)).cloned(),
                    fenced: true,
                });
            }
            Action::ReadGoesOn(server) => {
                if let Some(reading) = &mut self.servers[usize::from(server)].reading {
                    reading.shows = self.ledgers[reading.asset];
                }
            }
            Action::ReadEnds(server) => {
                if let Some(stage) = self.servers[usize::from(server)].reading.take()
                    && (stage.fenced || !config.rules.fence)
                {
                    self.take(config, stage);
                }
            }
            _ => {}
        }
    }

    /// A list that shows what is, for a calm run.
    pub fn read(&mut self, config: &Config, asset: usize, op: Option<u8>) {
        let shows = self.past[asset].len();
        self.act(
            config,
            Action::ReadBegins {
                server: 0,
                asset,
                op,
                shows,
            },
        );
        self.act(config, Action::ReadEnds(0));
    }

    /// `tasks/reconcile`: decides and writes in one transaction.
    fn reconcile(&mut self, config: &Config) {
        let world = self.world(config);
        let Plan { steps } = plan(&world);
        let mut gains: BTreeMap<usize, People> = BTreeMap::new();
        let mut returns: BTreeMap<usize, People> = BTreeMap::new();
        for step in steps {
            match step {
                Step::Associate { app, holder } => *gains.entry(number(app.0)).or_default() |= 1 << number(holder.id()),
                Step::Disassociate { app, holder } => {
                    *returns.entry(number(app.0)).or_default() |= 1 << number(holder.id());
                }
                Step::Install { app, device, .. } if config.devices => {
                    let (asset, person) = (number(app.0), number(device.0));
                    if !matches!(self.seats[asset][person], Held::Held(_)) {
                        self.broken = Some("an installation without a confirmed licence");
                    }
                    self.devices[asset][person] = OnDevice::InstallQueued;
                }
                Step::Remove { app, device } if config.devices => {
                    self.devices[number(app.0)][number(device.0)] = OnDevice::RemoveQueued;
                }
                _ => {}
            }
        }
        for (gain, all) in [(false, returns), (true, gains)] {
            for (asset, people) in all {
                for person in each(people) {
                    let now = time(self.now);
                    let seat = self.seats[asset][person].seat();
                    let seat = if gain {
                        Some(Seat::reserve(now))
                    } else {
                        seat.map(|seat| seat.returning(now))
                    };
                    self.seats[asset][person] = Held::of(seat);
                }
                if gain && self.counts(asset).short > 0 {
                    self.broken = Some("more given than there is");
                }
                self.ops.push(Op {
                    id: self.free_op(),
                    gain,
                    asset,
                    people,
                    failed: false,
                    state: OpState::Queued,
                });
                self.ops.sort_by_key(|op| op.id);
            }
        }
    }

    fn counts(&self, asset: usize) -> Counts {
        Counts::of(
            Owned::Count(self.owned[asset].into()),
            self.foreign[asset].into(),
            self.seats[asset].iter().filter_map(|held| held.seat()),
        )
    }

    /// `tasks/operations/sending.rs`: committed as `sending`, then the request leaves.
    fn send(&mut self, server: u8, op: u8) {
        let now = self.now;
        let Some(op) = self.ops.iter_mut().find(|it| it.id == op) else {
            return;
        };
        op.state = OpState::Sending {
            dead_at: tick(PATIENCE.dead_at(time(now))),
        };
        self.requests.push(Request {
            server,
            op: op.id,
            gain: op.gain,
            asset: op.asset,
            people: op.people,
            until: now + REQUEST,
        });
        self.servers[usize::from(server)].waiting = Some(Waiting {
            op: op.clone(),
            event: None,
            fenced: true,
        });
    }

    fn answer(&mut self, config: &Config, server: u8) {
        let Some(waiting) = self.servers[usize::from(server)].waiting.take() else {
            return;
        };
        let (OpState::Sending { dead_at }, Some(event)) = (waiting.op.state, waiting.event) else {
            return;
        };
        if waiting.fenced || !config.rules.fence {
            self.save(waiting.op.id, OpState::Pending { dead_at, event });
        }
    }

    fn save(&mut self, op: u8, state: OpState) {
        if let Some(op) = self.ops.iter_mut().find(|it| it.id == op) {
            op.state = state;
        }
    }

    /// `tasks/operations/status.rs`: what Apple says of an event.
    fn poll(&mut self, op: u8, named: bool) {
        let Some(op) = self.ops.iter().find(|it| it.id == op).cloned() else {
            return;
        };
        let OpState::Pending { event, .. } = op.state else {
            return;
        };
        let Some(event) = self.events.iter().find(|it| it.id == event).cloned() else {
            self.lists_tell(op.id, None);
            return;
        };
        if event.todo != 0 {
            return;
        }
        if event.failed == 0 {
            each(op.people).for_each(|person| self.settled(&op, person, Settled::Done));
        } else {
            let failed = if named { event.failed } else { 0 };
            for person in each(op.people & failed) {
                let dead_at = time(self.now);
                let settled = settle(ask(&op), dead_at, None, dead_at, Word::Refused);
                self.settled(&op, person, settled);
            }
            self.save(op.id, OpState::Sending { dead_at: self.now });
            if let Some(op) = self.ops.iter_mut().find(|it| it.id == op.id) {
                op.failed = !named;
            }
        }
        self.ops.retain(|op| op.people != 0);
    }

    /// The event is not known at Apple, or is overdue: what became of it, lists tell.
    fn lists_tell(&mut self, op: u8, overdue: Option<u8>) {
        if let Some(op) = self.ops.iter_mut().find(|it| it.id == op)
            && let OpState::Pending { dead_at, .. } = op.state
            && overdue.is_none_or(|now| dead_at <= now)
        {
            op.state = OpState::Sending { dead_at };
        }
    }

    /// `tasks/operations/licences.rs` and `tasks/sync::take_holders`, in one transaction.
    fn take(&mut self, config: &Config, stage: Stage) {
        let Stage {
            asset, began, shows, ..
        } = stage;
        let reading = if config.rules.order {
            PATIENCE.reading(time(began))
        } else {
            // Whatever changed, the list is believed.
            Reading {
                began: Time(i64::from(u8::MAX) - 1),
                lag: Duration::ZERO,
            }
        };
        if let Some(before) = stage.op
            && let OpState::Sending { dead_at } = before.state
        {
            self.conclude(config, &before, dead_at, shows.ours, began);
        }
        for person in 0..config.people {
            let seat = self.seats[asset][person].seat();
            let ended = self.ended[asset][person].map(time);
            let listed = shows.ours >> person & 1 == 1;
            if let Some((op, dead_at)) = self.asked(asset, person)
                && let Some(seat) = seat
            {
                // What was asked and not answered yet, a list may show done.
                let word = Word::Listed(listed, reading);
                if settle(ask(&op), seat.since(), ended, dead_at, word) == Settled::Done {
                    self.settled(&op, person, Settled::Done);
                }
                continue;
            }
            let after = observe(seat, ended, listed, &reading, time(self.now));
            if seat.is_some() && after.is_none() {
                self.ended[asset][person] = Some(self.now);
            }
            self.seats[asset][person] = Held::of(after);
        }
        self.ops.retain(|op| op.people != 0);
        if began >= self.listed_at[asset] || !config.rules.order {
            self.foreign[asset] = shows.foreign;
            self.owned[asset] = shows.owned;
            self.listed_at[asset] = began;
        }
    }

    /// The request that was sent for a licence and is not settled, and when it is dead.
    fn asked(&self, asset: usize, person: usize) -> Option<(Op, Time)> {
        let mut ops = self.ops.iter();
        ops.find_map(|op| match op.state {
            _ if op.asset != asset || op.people >> person & 1 == 0 => None,
            OpState::Sending { dead_at } | OpState::Pending { dead_at, .. } => Some((op.clone(), time(dead_at))),
            OpState::Queued => None,
        })
    }

    fn conclude(&mut self, config: &Config, before: &Op, dead_at: u8, listed: People, began: u8) {
        // The seats are read anew, the operation is as it was.
        let Some(op) = self.ops.iter().find(|it| it.id == before.id).cloned() else {
            return;
        };
        let reading = PATIENCE.reading(time(began));
        let dead_at = if config.rules.horizon {
            time(dead_at)
        } else {
            Time(-1000)
        };
        let (mut open, mut undone) = (0, 0);
        for person in each(op.people) {
            let Some(seat) = self.seats[op.asset][person].seat() else {
                continue;
            };
            let ended = self.ended[op.asset][person].map(time);
            let word = Word::Listed(listed >> person & 1 == 1, reading);
            match settle(ask(&op), seat.since(), ended, dead_at, word) {
                Settled::Open => open += 1,
                Settled::Undone if before.failed => self.settled(&op, person, Settled::Refused),
                Settled::Undone => undone += 1,
                settled => self.settled(&op, person, settled),
            }
        }
        if open > 0 {
            self.save(op.id, before.state);
        } else if undone > 0 {
            self.save(op.id, OpState::Queued);
        }
        self.ops.retain(|op| op.people != 0);
    }

    /// Writes down what became of one licence.
    fn settled(&mut self, op: &Op, person: usize, settled: Settled) {
        let now = time(self.now);
        let before = self.seats[op.asset][person].seat();
        let after = match settled {
            Settled::Done => before.and_then(|seat| seat.confirmed(now)),
            Settled::Refused => before.and_then(|seat| seat.refused(now)),
            Settled::Undone | Settled::Open => return,
        };
        if before.is_some() && after.is_none() {
            self.ended[op.asset][person] = Some(self.now);
        }
        self.seats[op.asset][person] = Held::of(after);
        if let Some(op) = self.ops.iter_mut().find(|it| it.id == op.id) {
            op.people &= !(1 << person);
        }
    }

    fn free_op(&self) -> u8 {
        let waiting = self
            .servers
            .iter()
            .filter_map(|server| server.waiting.as_ref())
            .map(|it| it.op.id);
        let read = self
            .servers
            .iter()
            .filter_map(|server| server.reading.as_ref()?.op.as_ref())
            .map(|op| op.id);
        let alive = self.requests.iter().map(|request| request.op);
        let used: BTreeSet<u8> = self
            .ops
            .iter()
            .map(|op| op.id)
            .chain(waiting)
            .chain(read)
            .chain(alive)
            .collect();
        (0..).find(|id| !used.contains(id)).expect("few operations")
    }

    pub fn free_event(&self) -> u8 {
        let used: BTreeSet<u8> = self
            .events
            .iter()
            .map(|event| event.id)
            .chain(self.events_asked_for())
            .collect();
        (0..).find(|id| !used.contains(id)).expect("few events")
    }

    fn events_asked_for(&self) -> impl Iterator<Item = u8> {
        let pending = self.ops.iter().filter_map(|op| match op.state {
            OpState::Pending { event, .. } => Some(event),
            _ => None,
        });
        let waiting = self.servers.iter().filter_map(|server| server.waiting.as_ref()?.event);
        pending.chain(waiting)
    }

    /// What is over and can make no difference any more is the same as what never was.
    pub fn forget_what_nobody_asks_for(&mut self) {
        let asked: BTreeSet<u8> = self.events_asked_for().collect();
        self.events.retain(|event| event.todo != 0 || asked.contains(&event.id));
    }

    fn world(&self, config: &Config) -> World {
        let mut world = World {
            now: time(self.now),
            policy: Policy {
                first_check_after: Duration::ZERO,
                ..Policy::default()
            },
            token: TokenState::Valid,
            people: BTreeMap::new(),
            devices: BTreeMap::new(),
            groups: BTreeMap::new(),
            apps: BTreeMap::new(),
        };
        for person in 0..config.people {
            let id = PersonId(uuid(person));
            let program = Program::Associated { since: Time(0) };
            world.people.insert(
                id,
                Person {
                    id,
                    kind: PersonKind::Person,
                    program,
                    invited: Vec::new(),
                    left: false,
                },
            );
            let device = DeviceId(uuid(person));
            world.devices.insert(
                device,
                Device {
                    id: device,
                    person: id,
                    platform: Platform::Ios,
                    os_version: vec![26],
                    enrolment: Enrolment::Enrolled,
                    dep: false,
                    has_serial: true,
                    shared: false,
                    supervised: true,
                    ownership: None,
                    awaiting_configuration: false,
                    asked_configured: false,
                    asked_information: false,
                    informed_at: Some(Time(0)),
                    // Lists come by themselves.
                    asked_apps: true,
                    unreachable_since: None,
                    heard_at: Some(Time(0)),
                    asked_to_leave: false,
                    silent_since: None,
                },
            );
        }
        for asset in 0..config.assets.min(ASSETS) {
            let id = AssetId(uuid(asset));
            let group = GroupId(uuid(asset));
            world.groups.insert(
                group,
                Group {
                    id: group,
                    kind: GroupKind::User,
                    priority: 0,
                    people: each(self.wanted[asset]).map(|person| PersonId(uuid(person))).collect(),
                    devices: BTreeSet::new(),
                },
            );
            let people = 0..PEOPLE;
            let seats = people
                .clone()
                .filter_map(|it| Some((Holder::Person(PersonId(uuid(it))), self.seats[asset][it].seat()?)));
            let installs = people.filter_map(|it| Some((DeviceId(uuid(it)), install(self.devices[asset][it])?)));
            world.apps.insert(
                id,
                Asset {
                    id,
                    owned: Owned::Count(self.owned[asset].into()),
                    foreign: self.foreign[asset].into(),
                    revocable: true,
                    device_assignable: true,
                    bundle_id: Some("app".to_owned()),
                    platforms: [Platform::Ios].into(),
                    minimum_os: vec![1],
                    newest: None,
                    updates: Updates::Automatic,
                    deployments: vec![Deployment {
                        id: DeploymentId(uuid(asset)),
                        app: id,
                        group,
                        kind: GroupKind::User,
                        approval: Approval::Required,
                        deadline: None,
                        license_type: LicenseType::User,
                        installation: Installation::Managed,
                        kept_licenses: 0,
                        since: Time(0),
                    }],
                    seats: seats.collect(),
                    refusals: BTreeMap::new(),
                    requests: BTreeMap::new(),
                    moved_up: BTreeMap::new(),
                    installs: installs.collect(),
                },
            );
        }
        world
    }
}

fn ask(op: &Op) -> Ask {
    if op.gain { Ask::Associate } else { Ask::Disassociate }
}

fn uuid(number: usize) -> Uuid {
    Uuid::from_u128(number as u128)
}

fn number(id: Uuid) -> usize {
    usize::try_from(id.as_u128()).expect("a small number")
}

/// As the device and the server brought it there, one word after the other.
fn install(app: OnDevice) -> Option<Install> {
    let (before, seen, removed) = (Time(-40), Time(-30), Time(-20));
    let mut install = Install::default();
    if app == OnDevice::Never {
        return None;
    }
    install.asked_install(HolderKind::User, before);
    if app == OnDevice::InstallQueued {
        return Some(install);
    }
    install.accepted(before);
    if app == OnDevice::Accepted {
        return Some(install);
    }
    install.listed(Seen::Installed, seen);
    if app == OnDevice::Installed {
        return Some(install);
    }
    install.asked_remove(seen);
    if app == OnDevice::RemoveQueued {
        return Some(install);
    }
    install.removed(removed);
    if app == OnDevice::Gone {
        install.listed(Seen::Absent, Time(-10));
    }
    Some(install)
}
