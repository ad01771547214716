//! The licence protocol, tried in every order: two servers, one database, one Apple, and whatever may go wrong.
//!
//! The rules themselves are the production functions ([`domain::plan()`], [`domain::licence::observe`],
//! [`domain::operation::settle`], [`Counts`](domain::Counts), [`Seat`](domain::Seat)); what is written here is only
//! what stands around them: the transactions of the server (`protocol`), and Apple (`apple`).
//!
//! What may happen, at any point: the lease moves; a server forgets what it was doing; a request is lost before it
//! arrives or waits; its answer is lost; an event is carried out pair by pair, in any order, beside others, fails in
//! part with or without names, or is forgotten; a list lags, takes its time, and is applied when another one was read
//! and applied since; intent changes to and fro; another server takes and returns licences; Apple refunds one.
//!
//! # What bounds it
//!
//! Time is a small number that an action moves on, up to [`Config::until`]: a request is alive for one tick, an event
//! for one more, and a list lags one tick. What is rare is rationed by a [`Budget`]: so many moves of the lease, changes
//! of intent, losses and acts of others in one run. A search ends at a depth; nothing is left out within it, and no
//! two states are taken for one. A server has one request and one list under way at a time. Plans make a new operation
//! each (the server may add to one that waits). Whoever was refused may be tried again at once. People are in the
//! programme from the start. Every state is checked for safety; that a calm run from it ends well is checked for one
//! state in [`Config::calm_one_in`], chosen by its fingerprint.

mod apple;
mod protocol;

use std::hash::{DefaultHasher, Hash, Hasher};

pub use apple::{Event, Ledger, Request};
pub use protocol::{Op, OpState, Server, Stage};
use stateright::{Model, Property};

/// The most people and assets that fit.
pub const PEOPLE: usize = 3;
pub const ASSETS: usize = 2;

/// A set of people, by bits.
pub type People = u8;

pub fn each(people: People) -> impl Iterator<Item = usize> {
    (0..PEOPLE).filter(move |person| people >> person & 1 == 1)
}

/// Which of the protocol's rules are followed.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    /// A server that lost its lease cannot write.
    pub fence: bool,
    /// A list that does not show the work is believed only once the request is dead.
    pub horizon: bool,
    /// A list corrects only what is older than it.
    pub order: bool,
}

impl Rules {
    pub const ALL: Rules = Rules {
        fence: true,
        horizon: true,
        order: true,
    };
}

/// How often what is rare may happen in one run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Budget {
    /// The lease moves.
    pub moves: u8,
    /// Intent changes.
    pub intents: u8,
    /// A server forgets, a request is lost, an event fails in part or is forgotten.
    pub faults: u8,
    /// Another server takes or returns a licence, or Apple refunds one.
    pub others: u8,
}

#[derive(Debug, Clone)]
pub struct Config {
    pub people: usize,
    pub assets: usize,
    pub owned: u8,
    /// Who shall have each asset at first.
    pub wanted: People,
    /// The time at which a run ends.
    pub until: u8,
    pub budget: Budget,
    /// With devices that install and remove; else a licence is all there is.
    pub devices: bool,
    pub rules: Rules,
    /// That a calm run ends well is checked for one state in so many; 0: never.
    pub calm_one_in: u64,
}

impl Config {
    /// Two people and one licence: whoever is not counted right is served wrongly at once.
    pub fn scarce() -> Config {
        Config {
            people: 2,
            assets: 1,
            owned: 1,
            wanted: 0b01,
            until: 9,
            budget: Budget {
                moves: 2,
                intents: 2,
                faults: 2,
                others: 1,
            },
            devices: false,
            rules: Rules::ALL,
            calm_one_in: 64,
        }
    }

    /// One person, one licence, and little that may go wrong: small enough to be searched to its end.
    pub fn small(budget: Budget) -> Config {
        Config {
            people: 1,
            until: 7,
            budget,
            ..Config::scarce()
        }
    }

    /// Three people, two assets, two licences of each.
    pub fn wide() -> Config {
        Config {
            people: 3,
            assets: 2,
            owned: 2,
            wanted: 0b011,
            ..Config::scarce()
        }
    }

    /// One person with a device, whose app comes and goes.
    pub fn devices() -> Config {
        Config {
            devices: true,
            wanted: 0b11,
            ..Config::scarce()
        }
    }
}

/// One licence in our books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Held {
    No,
    Reserved(u8),
    Held(u8),
    Returning(u8),
}

/// What a device has of an app, and what was asked of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OnDevice {
    Never,
    InstallQueued,
    Accepted,
    Installed,
    RemoveQueued,
    Removed,
    Gone,
}

impl OnDevice {
    pub fn may_be_there(self) -> bool {
        !matches!(self, OnDevice::Never | OnDevice::Gone)
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub now: u8,
    pub left: Budget,
    pub wanted: [People; ASSETS],
    // The database.
    pub lease: u8,
    pub seats: [[Held; PEOPLE]; ASSETS],
    /// When the last seat of the two ended.
    pub ended: [[Option<u8>; PEOPLE]; ASSETS],
    pub ops: Vec<Op>,
    pub foreign: [u8; ASSETS],
    pub owned: [u8; ASSETS],
    pub listed_at: [u8; ASSETS],
    // Everything else.
    pub servers: [Server; 2],
    pub devices: [[OnDevice; PEOPLE]; ASSETS],
    pub requests: Vec<Request>,
    pub events: Vec<Event>,
    pub ledgers: [Ledger; ASSETS],
    /// The last licences of Apple older than now that a list may still show, with the time at which they changed.
    pub past: [Vec<(u8, Ledger)>; ASSETS],
    /// A plan gave out more than there was, or told a device to install without a licence.
    pub broken: Option<&'static str>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Tick,
    LeaseMoves(u8),
    Crash(u8),
    Intent(usize, usize),
    OtherTakes(usize),
    OtherReturns(usize),
    Refund(usize),
    Reconcile(u8),
    Send(u8, u8),
    Arrive(usize),
    Lose(usize),
    Answer(u8),
    AnswerLost(u8),
    CarryOut(u8, usize),
    Fail(u8, usize),
    Poll {
        server: u8,
        op: u8,
        named: bool,
    },
    Forgotten(u8, u8),
    Overdue(u8, u8),
    ReadBegins {
        server: u8,
        asset: usize,
        op: Option<u8>,
        shows: usize,
    },
    ReadGoesOn(u8),
    ReadEnds(u8),
    Device(usize, usize),
}

impl Model for Config {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let ledger = Ledger {
            ours: 0,
            foreign: 0,
            owned: self.owned,
        };
        vec![State {
            // Room for what is older than the beginning.
            now: 2,
            left: self.budget,
            wanted: [self.wanted; ASSETS],
            lease: 0,
            seats: [[Held::No; PEOPLE]; ASSETS],
            ended: [[None; PEOPLE]; ASSETS],
            ops: Vec::new(),
            foreign: [0; ASSETS],
            owned: [self.owned; ASSETS],
            listed_at: [0; ASSETS],
            servers: [Server::default(), Server::default()],
            devices: [[OnDevice::Never; PEOPLE]; ASSETS],
            requests: Vec::new(),
            events: Vec::new(),
            ledgers: [ledger; ASSETS],
            past: [Vec::new(), Vec::new()],
            broken: None,
        }]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        apple::actions(self, state, actions);
        protocol::actions(self, state, actions);
        if state.now < self.until && state.may_tick() {
            actions.push(Action::Tick);
        }
        if state.left.intents > 0 {
            for asset in 0..self.assets {
                actions.extend((0..self.people).map(|person| Action::Intent(asset, person)));
            }
        }
        if self.devices {
            for asset in 0..self.assets {
                let moves = |person: &usize| {
                    matches!(
                        state.devices[asset][*person],
                        OnDevice::InstallQueued | OnDevice::Accepted | OnDevice::RemoveQueued | OnDevice::Removed
                    )
                };
                actions.extend(
                    (0..self.people)
                        .filter(moves)
                        .map(|person| Action::Device(asset, person)),
                );
            }
        }
    }

    fn next_state(&self, last: &State, action: Action) -> Option<State> {
        let mut state = last.clone();
        state.act(self, action);
        (state != *last).then_some(state)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always(COUNTED, |_, state: &State| state.everything_out_is_counted()),
            Property::always(ONCE, |_, state: &State| state.nothing_is_asked_twice()),
            Property::always(RETURNED, |_, state: &State| state.only_returns_are_taken_back()),
            Property::always(PLANNED, |_, state: &State| state.broken.is_none()),
            Property::always(INSTALLED, |_, state: &State| state.no_app_outlives_its_licence()),
            Property::always(REACHED, |config: &Config, state: &State| config.ends_well(state)),
        ]
    }
}

/// P1: every licence that we caused at Apple, and every request that may still cause one, has a seat.
pub const COUNTED: &str = "nothing is out that is not counted";
/// P1: whoever asks again while the first request may still do its work has asked for two licences.
pub const ONCE: &str = "nothing is asked again while it may still be done";
/// P2, P4: what may still take a licence away is about one that is being returned.
pub const RETURNED: &str = "nothing is taken back but what is being returned";
/// P1, P4: no plan gives out what is not there, or installs without a licence that Apple confirmed.
pub const PLANNED: &str = "no plan gives what is not there";
/// P4.
pub const INSTALLED: &str = "no licence is asked back while its app may be there";
/// P5, and "what is wanted and in stock is reached".
pub const REACHED: &str = "a calm run ends with equal books and everybody served";

impl State {
    pub fn act(&mut self, config: &Config, action: Action) {
        match action {
            Action::Tick => self.tick(),
            Action::Intent(asset, person) => {
                self.left.intents -= 1;
                self.wanted[asset] ^= 1 << person;
            }
            Action::Device(asset, person) => {
                let app = &mut self.devices[asset][person];
                *app = match *app {
                    OnDevice::InstallQueued => OnDevice::Accepted,
                    OnDevice::Accepted => OnDevice::Installed,
                    OnDevice::RemoveQueued => OnDevice::Removed,
                    OnDevice::Removed => OnDevice::Gone,
                    other => other,
                };
            }
            Action::OtherTakes(_)
            | Action::OtherReturns(_)
            | Action::Refund(_)
            | Action::Arrive(_)
            | Action::Lose(_)
            | Action::CarryOut(..)
            | Action::Fail(..) => self.apple_acts(action),
            _ => self.server_acts(config, action),
        }
        self.forget_what_nobody_asks_for();
    }

    /// What is alive and on its way, by asset: who may get a licence, and who may lose one.
    fn alive(&self, gain: bool, asset: usize) -> People {
        let requests = self
            .requests
            .iter()
            .map(|request| (request.gain, request.asset, request.people));
        let events = self.events.iter().map(|event| (event.gain, event.asset, event.todo));
        requests
            .chain(events)
            .filter(|(kind, about, _)| *kind == gain && *about == asset)
            .fold(0, |all, (_, _, people)| all | people)
    }

    fn everything_out_is_counted(&self) -> bool {
        (0..ASSETS).all(|asset| {
            each(self.ledgers[asset].ours | self.alive(true, asset)).all(|person| self.seats[asset][person] != Held::No)
        })
    }

    fn nothing_is_asked_twice(&self) -> bool {
        let requests = self.requests.iter().map(|request| (request.asset, request.people));
        let events = self.events.iter().map(|event| (event.asset, event.todo));
        let mut seen = [0; ASSETS];
        requests.chain(events).all(|(asset, people)| {
            let again = seen[asset] & people;
            seen[asset] |= people;
            again == 0
        })
    }

    fn only_returns_are_taken_back(&self) -> bool {
        (0..ASSETS).all(|asset| {
            each(self.alive(false, asset)).all(|person| matches!(self.seats[asset][person], Held::Returning(_)))
        })
    }

    fn no_app_outlives_its_licence(&self) -> bool {
        (0..ASSETS).all(|asset| {
            (0..PEOPLE).all(|person| {
                !self.devices[asset][person].may_be_there() || matches!(self.seats[asset][person], Held::Held(_))
            })
        })
    }
}

impl Config {
    /// From here on nothing goes wrong: do the same functions bring everybody what they shall have?
    pub fn ends_well(&self, state: &State) -> bool {
        let mut hasher = DefaultHasher::new();
        state.hash(&mut hasher);
        if self.calm_one_in == 0 || !hasher.finish().is_multiple_of(self.calm_one_in) {
            return true;
        }
        self.is_good(&self.calm(state))
    }

    /// Goes on without a fault for as long as anything in the model takes, and then some.
    pub fn calm(&self, state: &State) -> State {
        let mut state = state.clone();
        state.act(self, Action::LeaseMoves(0));
        state.act(self, Action::Crash(0));
        state.act(self, Action::Crash(1));
        for _ in 0..16 {
            while !state.requests.is_empty() {
                state.act(self, Action::Arrive(0));
            }
            state.act(self, Action::Answer(0));
            while let Some((event, todo)) = state.events.iter().map(|it| (it.id, it.todo)).find(|it| it.1 != 0) {
                let person = each(todo).next().expect("somebody to serve");
                state.act(self, Action::CarryOut(event, person));
            }
            for asset in 0..self.assets {
                for person in 0..self.people {
                    state.act(self, Action::Device(asset, person));
                }
            }
            for (op, asset) in state.ops.iter().map(|op| (op.id, op.asset)).collect::<Vec<_>>() {
                let poll = Action::Poll {
                    server: 0,
                    op,
                    named: true,
                };
                state.act(self, poll);
                state.act(self, Action::Overdue(0, op));
                state.read(self, asset, Some(op));
            }
            for asset in 0..self.assets {
                state.read(self, asset, None);
            }
            state.act(self, Action::Reconcile(0));
            if let Some(op) = state.ops.iter().find(|op| op.state == OpState::Queued).map(|op| op.id) {
                state.act(self, Action::Send(0, op));
                state.act(self, Action::Arrive(0));
                state.act(self, Action::Answer(0));
            }
            if state.may_tick() {
                state.tick();
            }
        }
        state
    }

    fn is_good(&self, state: &State) -> bool {
        state.ops.is_empty()
            && (0..self.assets).all(|asset| {
                let ledger = state.ledgers[asset];
                let held = (0..self.people)
                    .filter(|person| matches!(state.seats[asset][*person], Held::Held(_)))
                    .fold(0, |all, person| all | 1 << person);
                let wanted = state.wanted[asset];
                let in_stock = u32::from(ledger.owned.saturating_sub(ledger.foreign));
                let served = |person| state.devices[asset][person] == OnDevice::Installed;
                held == ledger.ours
                    && held & !wanted == 0
                    && held.count_ones() >= wanted.count_ones().min(in_stock)
                    && (!self.devices || each(held).all(served))
            })
    }
}
