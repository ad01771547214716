//! The running simulator: the world, its switches, its file. One request at a time changes it.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicUsize;

use tokio::sync::watch;

use super::delivery::{self, Delivery};
use super::ledger::{Location, Step};
use super::refusal::Refusal;
use super::snapshot::{Ledger, LocationLedger, Traffic, Write};
use super::switches::Switches;
use super::world::World;
use crate::clock::Clock;

pub struct Service {
    state: Mutex<State>,
    /// The id of the latest push, for those who wait for one.
    pub pushed: watch::Sender<u64>,
    pub closing: watch::Sender<bool>,
    /// Page reads under way.
    pub reads: AtomicUsize,
    /// What notifications are sent with.
    pub client: reqwest::Client,
}

pub struct State {
    pub world: World,
    pub switches: Switches,
    pub clock: Clock,
    pub event_delay_ms: i64,
    pub state_file: Option<PathBuf>,
    /// Notifications can be sent.
    pub on_the_network: bool,
    pub traffic: Traffic,
    /// Since the start, in order.
    pub writes: Vec<Write>,
    /// Whether the world is ahead of its file.
    pub changed: bool,
    /// When each location was asked for something within the last second.
    asked: HashMap<String, VecDeque<i64>>,
}

impl Service {
    pub fn new(state: State) -> Self {
        let last = state.world.pushes.last;
        Service {
            state: Mutex::new(state),
            pushed: watch::Sender::new(last),
            closing: watch::Sender::new(false),
            reads: AtomicUsize::new(0),
            client: delivery::client(),
        }
    }

    /// Whether anybody is to be told anything: only then the notifier looks on.
    pub fn notifies(&self) -> bool {
        let state = self.state.lock().expect("no request before this one broke the books");
        let mut locations = state.world.locations.iter();
        locations.any(|location| location.configuration.notification_url.is_some())
    }

    /// Lets the world catch up with the clock, does one thing to it, and saves what changed
    /// before anybody can hear the answer.
    ///
    /// # Panics
    ///
    /// When the books do not add up or the file cannot be written: an answer would be a lie then.
    pub fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        let mut state = self.state.lock().expect("no request before this one broke the books");
        state.advance();
        let answer = act(&mut state);
        state.save().expect("the state file can be written");
        answer
    }
}

impl State {
    pub fn new(
        world: World,
        switches: Switches,
        clock: Clock,
        event_delay_ms: i64,
        state_file: Option<PathBuf>,
    ) -> Self {
        State {
            world,
            switches,
            clock,
            event_delay_ms,
            state_file,
            on_the_network: false,
            traffic: Traffic::default(),
            writes: Vec::new(),
            changed: false,
            asked: HashMap::new(),
        }
    }

    pub fn now(&self) -> i64 {
        (self.clock)()
    }

    fn advance(&mut self) {
        let now = self.now();
        let event_delay_ms = self.event_delay_ms();
        for location in &mut self.world.locations {
            let mut step = Step {
                now,
                rng: &mut self.world.rng,
                switches: &self.switches,
                event_delay_ms,
            };
            self.changed |= location.advance(&mut step);
        }
    }

    fn event_delay_ms(&self) -> i64 {
        self.switches
            .event_delay_ms
            .map_or(self.event_delay_ms, |delay| delay as i64)
    }

    /// Changes a location, and notes that the file has to be written when it did.
    ///
    /// # Panics
    ///
    /// When there is no such location; tokens only lead to ones that exist.
    pub fn change<T>(
        &mut self,
        uid: &str,
        act: impl FnOnce(&mut Location, &mut Step) -> Result<T, Refusal>,
    ) -> Result<T, Refusal> {
        let now = self.now();
        let event_delay_ms = self.event_delay_ms();
        let World { rng, locations, .. } = &mut self.world;
        let location = locations
            .iter_mut()
            .find(|location| location.uid == uid)
            .expect("a token's location exists");
        let done = act(
            location,
            &mut Step {
                now,
                rng,
                switches: &self.switches,
                event_delay_ms,
            },
        );
        self.changed |= done.is_ok();
        done
    }

    /// Counts a request; false when it is one too many for this second.
    pub fn may_ask(&mut self, uid: &str) -> bool {
        let now = self.now();
        let asked = self.asked.entry(uid.into()).or_default();
        while asked.front().is_some_and(|at| *at <= now - 1000) {
            asked.pop_front();
        }
        if self
            .switches
            .requests_per_second
            .is_some_and(|limit| asked.len() >= limit as usize)
        {
            self.traffic.too_many += 1;
            return false;
        }
        asked.push_back(now);
        true
    }

    /// What is to be sent now, in the order in which it is sent.
    pub fn deliveries(&mut self) -> Vec<Delivery> {
        let now = self.now();
        let World { rng, locations, .. } = &mut self.world;
        let mut due = Vec::new();
        for location in locations {
            let (ready, later) = location.notices.drain(..).partition(|notice| notice.due_at <= now);
            location.notices = later;
            let ready: VecDeque<_> = ready;
            self.changed |= !ready.is_empty();
            for notice in ready {
                if rng.chance(self.switches.notification_lost) {
                    continue;
                }
                let delivery = Delivery::of(&location.uid, &location.configuration, notice);
                if rng.chance(self.switches.notification_twice) {
                    due.extend(delivery.clone());
                }
                due.extend(delivery);
            }
        }
        if self.switches.notification_disorder {
            rng.shuffle(&mut due);
        }
        due
    }

    /// What did not arrive is tried again, so often (S62).
    pub fn not_delivered(&mut self, delivery: Delivery) {
        let now = self.now();
        let Delivery { uid, mut notice, .. } = delivery;
        let Some(wait) = self.switches.notification_retries_ms.get(notice.attempts) else {
            return;
        };
        notice.attempts += 1;
        notice.due_at = now + *wait as i64;
        if let Some(location) = self.world.location(&uid) {
            location.notices.push_back(notice);
            self.changed = true;
        }
    }

    pub fn ledger(&self) -> Ledger {
        Ledger {
            locations: self.world.locations.iter().map(LocationLedger::of).collect(),
            traffic: self.traffic.clone(),
        }
    }

    /// Writes the world beside its file and puts it in place in one move, so that whoever
    /// stops the process in between finds the old or the new one.
    pub fn save(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.changed) {
            return Ok(());
        }
        let Some(path) = &self.state_file else {
            return Ok(());
        };
        let mut beside = path.clone().into_os_string();
        beside.push(".new");
        std::fs::write(&beside, serde_json::to_vec(&self.world)?)?;
        std::fs::rename(&beside, path)
    }
}
