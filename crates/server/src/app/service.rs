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
    told: Option<ServiceConfigResponse>,
    /// When to ask next; `None` is at once.
    next: Option<Time>,
}

impl Service {
    /// Whether it is time to ask; who is told so does it, and nobody else does meanwhile.
    pub fn due(&self, now: Time) -> bool {
        let mut known = self.known();
        let due = known.next.is_none_or(|next| next.has_come(now, GOOD_FOR));
        if due {
            known.next = Some(now + GOOD_FOR);
        }
        due
    }

    /// Whether that is the first time.
    pub fn told(&self, told: ServiceConfigResponse) -> bool {
        self.pace.set(told.requests_per_second());
        let mut known = self.known();
        known.told.replace(told).is_none()
    }

    /// Nothing was told: what is known holds on, and it is asked again then.
    pub fn ask_again(&self, at: Time) {
        self.known().next = Some(at);
    }

    /// What we know is out of date: Apple took less than it once said.
    pub fn doubt(&self) {
        self.known().next = None;
    }

    pub fn limits(&self) -> Limits {
        let untold = || ServiceConfigResponse::default().limits();
        self.known()
            .told
            .as_ref()
            .map_or_else(untold, ServiceConfigResponse::limits)
    }

    pub fn url(&self, name: &str) -> Option<String> {
        let known = self.known();
        let url = known.told.as_ref()?.urls.get(name)?;
        (!url.is_empty()).then(|| url.clone())
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
