//! Accepted requests: each is an event, carried out task by task when its time has come.

use std::collections::{BTreeMap, VecDeque};

use serde::{Deserialize, Serialize};

use super::{AssetKey, Books, Holder, Location, Step, Subjects, requests::RequestUser};
use crate::apple::switches::{EventOrder, Overassign};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventType {
    Associate,
    Disassociate,
    Revoke,
    Create,
    Update,
    Retire,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EventStatus {
    Pending,
    Complete,
    Failed,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Event {
    pub id: String,
    pub event_type: EventType,
    /// What is left to do, in order.
    pub tasks: VecDeque<Task>,
    pub requested: usize,
    pub completed: usize,
    /// Grouped by error, as a status tells them.
    pub failures: Vec<Failure>,
    pub accepted_at: i64,
    /// When the first task is done.
    pub due_at: i64,
    pub finished_at: Option<i64>,
    /// Assets whose tasks all fail because there is not enough for all of them.
    short: Vec<AssetKey>,
    pub polled_at: Option<i64>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    pub number: i32,
    pub info: Subjects,
}

impl Event {
    pub fn status(&self) -> EventStatus {
        if self.finished_at.is_none() {
            return EventStatus::Pending;
        }
        if self.failures.is_empty() {
            EventStatus::Complete
        } else {
            EventStatus::Failed
        }
    }
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Task {
    Associate(AssetKey, Holder),
    Disassociate(AssetKey, Holder),
    Revoke(Holder),
    Create(RequestUser),
    Update(RequestUser),
    Retire(String),
}

impl Task {
    /// Whom it is about, when that is no device.
    pub fn person(&self) -> Option<&str> {
        match self {
            Task::Associate(_, Holder::User(id)) | Task::Disassociate(_, Holder::User(id)) => Some(id),
            Task::Revoke(Holder::User(id)) | Task::Retire(id) => Some(id),
            Task::Create(user) | Task::Update(user) => Some(&user.client_user_id),
            Task::Associate(..) | Task::Disassociate(..) | Task::Revoke(_) => None,
        }
    }
}

impl Location {
    pub(super) fn accept_event(&mut self, event_type: EventType, mut tasks: Vec<Task>, step: &mut Step) -> String {
        if step.switches.shuffle_tasks {
            step.rng.shuffle(&mut tasks);
        }
        let id = step.rng.uuid();
        self.events.push_back(Event {
            id: id.clone(),
            event_type,
            requested: tasks.len(),
            completed: 0,
            tasks: tasks.into(),
            failures: Vec::new(),
            accepted_at: step.now,
            due_at: step.now + step.event_delay_ms,
            finished_at: None,
            short: Vec::new(),
            polled_at: None,
        });
        id
    }

    /// Carries out what is due of the accepted events, and says whether that was anything.
    pub fn advance(&mut self, step: &mut Step) -> bool {
        let oldest = step.now - i64::from(step.switches.event_hours) * 60 * 60 * 1000;
        let known = self.events.len();
        self.events
            .retain(|event| event.finished_at.is_none_or(|at| at > oldest));
        let mut changed = self.events.len() != known;
        if step.switches.stuck_events {
            return changed;
        }

        let mut open: Vec<usize> = (0..self.events.len())
            .filter(|at| self.events[*at].finished_at.is_none())
            .collect();
        let in_order = step.switches.event_order == EventOrder::InOrder;
        if !in_order {
            step.rng.shuffle(&mut open);
        }
        let mut free_at = i64::MIN;
        for at in open {
            let event = &mut self.events[at];
            if in_order {
                event.due_at = event.due_at.max(free_at);
            }
            if event.due_at > step.now {
                if in_order {
                    break;
                }
                continue;
            }
            changed |= self.work_on(at, step);
            match self.events[at].finished_at {
                Some(finished_at) => free_at = finished_at,
                None if in_order => break,
                None => {}
            }
        }
        changed
    }

    /// Does the tasks of one event whose time has come.
    fn work_on(&mut self, at: usize, step: &mut Step) -> bool {
        let event = &mut self.events[at];
        let task_ms = step.switches.task_ms as i64;
        let done = event.requested - event.tasks.len();
        let ready = match task_ms {
            0 => event.requested,
            _ => (((step.now - event.due_at) / task_ms) as usize).min(event.requested),
        };
        if ready == done && !event.tasks.is_empty() {
            return false;
        }
        if done == 0 && step.switches.overassign == Overassign::AllOrNothing {
            event.short = short_assets(&self.books, &event.tasks);
        }
        let now = event.due_at + task_ms * ready as i64;
        self.remember(now, step.switches.read_lag_ms);
        let event = &mut self.events[at];

        let mut told = Vec::new();
        for _ in done..ready {
            let Some(task) = event.tasks.pop_front() else { break };
            let short = matches!(&task, Task::Associate(key, _) if event.short.contains(key));
            let outcome = match short {
                true => Err(9709),
                false => self.books.carry_out(&task, &self.managed_domain, now, step),
            };
            match outcome {
                Ok(()) => event.completed += 1,
                Err(number) => note_failure(&mut event.failures, number, &task),
            }
            told.push((task, outcome));
        }
        let (id, event_type) = (event.id.clone(), event.event_type);
        if event.tasks.is_empty() {
            event.finished_at = Some(now);
        }
        self.books.commit(now, step.switches.version_days);
        self.tell_done(&id, event_type, &told, now);
        true
    }

    pub fn event(&mut self, id: &str) -> Option<&mut Event> {
        self.events.iter_mut().find(|event| event.id == id)
    }
}

fn note_failure(failures: &mut Vec<Failure>, number: i32, task: &Task) {
    let at = match failures.iter().position(|failure| failure.number == number) {
        Some(at) => at,
        None => {
            failures.push(Failure {
                number,
                info: Subjects::default(),
            });
            failures.len() - 1
        }
    };
    let info = &mut failures[at].info;
    match task {
        Task::Associate(key, holder) | Task::Disassociate(key, holder) => {
            info.asset(key);
            info.holder(holder);
        }
        Task::Revoke(holder) => info.holder(holder),
        Task::Create(user) | Task::Update(user) => info.holder(&Holder::User(user.client_user_id.clone())),
        Task::Retire(id) => info.holder(&Holder::User(id.clone())),
    }
}

/// The assets of which these tasks want more than there is.
fn short_assets(books: &Books, tasks: &VecDeque<Task>) -> Vec<AssetKey> {
    let mut wanted: BTreeMap<&AssetKey, i64> = BTreeMap::new();
    for task in tasks {
        let Task::Associate(key, holder) = task else { continue };
        if books
            .asset(key)
            .is_some_and(|asset| !asset.holders.contains_key(holder))
        {
            *wanted.entry(key).or_default() += 1;
        }
    }
    let mut short = Vec::new();
    for (key, wanted) in wanted {
        if books.asset(key).is_some_and(|asset| asset.available < wanted) {
            short.push(key.clone());
        }
    }
    short
}
