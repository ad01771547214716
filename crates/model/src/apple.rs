//! Apple: accepts requests, carries events out pair by pair, and lists what it had a while ago.

use crate::{Action, Config, People, State, each, protocol::LAG};

/// What Apple has of one asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Ledger {
    /// Who of our people is listed.
    pub ours: People,
    /// How many licences another server gave.
    pub foreign: u8,
    pub owned: u8,
}

/// A request that has left and not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Request {
    pub server: u8,
    pub op: u8,
    pub gain: bool,
    pub asset: usize,
    pub people: People,
    /// It arrives at this time, or before, or never.
    pub until: u8,
}

/// What Apple accepted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Event {
    pub id: u8,
    pub gain: bool,
    pub asset: usize,
    pub todo: People,
    pub failed: People,
    /// Carried out by this time.
    pub until: u8,
}

pub fn actions(config: &Config, state: &State, actions: &mut Vec<Action>) {
    for index in 0..state.requests.len() {
        actions.push(Action::Arrive(index));
        if state.left.faults > 0 {
            actions.push(Action::Lose(index));
        }
    }
    for event in &state.events {
        for person in each(event.todo) {
            actions.push(Action::CarryOut(event.id, person));
            if state.left.faults > 0 {
                actions.push(Action::Fail(event.id, person));
            }
        }
    }
    if state.left.others > 0 {
        for asset in 0..config.assets {
            let ledger = state.ledgers[asset];
            if ledger.free() > 0 {
                actions.push(Action::OtherTakes(asset));
            }
            if ledger.foreign > 0 {
                actions.push(Action::OtherReturns(asset));
            }
            if ledger.owned > 0 {
                actions.push(Action::Refund(asset));
            }
        }
    }
}

impl Ledger {
    fn free(self) -> u32 {
        u32::from(self.owned).saturating_sub(self.ours.count_ones() + u32::from(self.foreign))
    }
}

impl State {
    /// Time does not pass what has to happen before.
    pub fn may_tick(&self) -> bool {
        self.requests.iter().all(|request| request.until > self.now)
            && self
                .events
                .iter()
                .all(|event| event.todo == 0 || event.until > self.now)
    }

    pub fn tick(&mut self) {
        self.now += 1;
        let now = self.now;
        for past in &mut self.past {
            past.retain(|(changed, _)| changed + LAG > now);
        }
    }

    pub fn apple_acts(&mut self, action: Action) {
        match action {
            Action::OtherTakes(asset) => self.others(asset, |ledger| ledger.foreign += 1),
            Action::OtherReturns(asset) => self.others(asset, |ledger| ledger.foreign -= 1),
            Action::Refund(asset) => self.others(asset, |ledger| ledger.owned -= 1),
            Action::Lose(index) => {
                self.left.faults -= 1;
                self.requests.remove(index);
            }
            Action::Arrive(index) => self.arrive(index),
            Action::Fail(event, person) => {
                self.left.faults -= 1;
                if let Some(event) = self.events.iter_mut().find(|it| it.id == event) {
                    event.todo &= !(1 << person);
                    event.failed |= 1 << person;
                }
            }
            Action::CarryOut(event, person) => self.carry_out(event, person),
            _ => {}
        }
    }

    fn others(&mut self, asset: usize, change: impl FnOnce(&mut Ledger)) {
        self.left.others -= 1;
        let mut ledger = self.ledgers[asset];
        change(&mut ledger);
        self.change(asset, ledger);
    }

    /// A list may still show what was before.
    fn change(&mut self, asset: usize, ledger: Ledger) {
        let before = (self.now, self.ledgers[asset]);
        if before.1 == ledger {
            return;
        }
        if !self.past[asset].contains(&before) {
            self.past[asset].push(before);
        }
        self.ledgers[asset] = ledger;
    }

    fn arrive(&mut self, index: usize) {
        if index >= self.requests.len() {
            return;
        }
        let request = self.requests.remove(index);
        let id = self.free_event();
        self.events.push(Event {
            id,
            gain: request.gain,
            asset: request.asset,
            todo: request.people,
            failed: 0,
            until: self.now + 1,
        });
        self.events.sort_by_key(|event| event.id);
        let waiting = &mut self.servers[usize::from(request.server)].waiting;
        if let Some(waiting) = waiting.as_mut().filter(|it| it.op.id == request.op) {
            waiting.event = Some(id);
        }
    }

    fn carry_out(&mut self, event: u8, person: usize) {
        let Some(event) = self.events.iter_mut().find(|it| it.id == event) else {
            return;
        };
        let bit = 1 << person;
        event.todo &= !bit;
        let asset = event.asset;
        let mut ledger = self.ledgers[asset];
        if !event.gain {
            ledger.ours &= !bit;
        } else if ledger.ours & bit == 0 {
            if ledger.free() == 0 {
                event.failed |= bit;
            } else {
                ledger.ours |= bit;
            }
        }
        self.change(asset, ledger);
    }
}
