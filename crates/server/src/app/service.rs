//! What Apple tells of its own service: how much it takes at once, and where people go.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use apple::{
    pace::Pace,
    wire::{Limits, ServiceConfigResponse},
};
use domain::Time;

/// Apple may change any of it at any time, and asks to look this often.
const GOOD_FOR: Duration = Duration::from_secs(5 * 60);

/// Kept in memory: a server that starts anew asks again, and goes by the published values until it is told.
#[derive(Debug, Default)]
pub struct Service {
    known: Mutex<Known>,
    /// Shared by everything that asks for the location.
    pub pace: Pace,
}

#[derive(Debug, Default)]
struct Known {
    told: ServiceConfigResponse,
    asked_at: Option<Time>,
}

impl Service {
    /// Whether it is time to ask; who is told so does it, and nobody else does meanwhile.
    pub fn due(&self, now: Time) -> bool {
        let mut known = self.known();
        let due = known.asked_at.is_none_or(|at| now.since(at) >= GOOD_FOR);
        if due {
            known.asked_at = Some(now);
        }
        due
    }

    pub fn told(&self, told: ServiceConfigResponse) {
        self.pace.set(told.requests_per_second());
        self.known().told = told;
    }

    /// What we know is out of date: Apple took less than it once said.
    pub fn doubt(&self) {
        self.known().asked_at = None;
    }

    pub fn limits(&self) -> Limits {
        self.known().told.limits()
    }

    pub fn url(&self, name: &str) -> Option<String> {
        self.known().told.urls.get(name).filter(|url| !url.is_empty()).cloned()
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
