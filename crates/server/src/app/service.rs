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
    /// What Apple took no more than although it says otherwise: people in one request for new users, and for licences.
    learned: Option<(usize, usize)>,
}

/// What was too much at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TooMany {
    Users,
    Licences,
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
        let before = known.told.as_ref().map(ServiceConfigResponse::limits);
        if before.is_some_and(|before| before != told.limits()) {
            known.learned = None;
        }
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

    /// Apple did not take so many at once, of new users or of people or devices that get or give a licence. Half of them are tried
    /// next, unless it tells another limit than before.
    pub fn too_many(&self, of: TooMany, size: usize) {
        let mut known = self.known();
        let (users, licences) = known.learned.unwrap_or((usize::MAX, usize::MAX));
        let half = (size / 2).max(1);
        known.learned = Some(match of {
            TooMany::Users => (users.min(half), licences),
            TooMany::Licences => (users, licences.min(half)),
        });
    }

    pub fn limits(&self) -> Limits {
        let known = self.known();
        let untold = || ServiceConfigResponse::default().limits();
        let told = known.told.as_ref().map_or_else(untold, ServiceConfigResponse::limits);
        match known.learned {
            None => told,
            Some((users, licences)) => Limits {
                users: told.users.min(users),
                client_user_ids: told.client_user_ids.min(licences),
                serial_numbers: told.serial_numbers.min(licences),
                ..told
            },
        }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn told(users: usize) -> ServiceConfigResponse {
        let limits = serde_json::json!({ "limits": { "maxUsers": users } });
        serde_json::from_value(limits).unwrap()
    }

    /// Or the same request would leave every two seconds for ever, and be refused each time.
    #[test]
    fn who_takes_less_than_it_says_gets_half_and_half_again_until_it_says_something_else() {
        let service = Service::default();
        service.told(told(80));
        assert_eq!(service.limits().users, 80);
        service.too_many(TooMany::Users, 80);
        assert_eq!(service.limits().users, 40);
        service.told(told(80));
        service.too_many(TooMany::Users, 40);
        service.too_many(TooMany::Licences, 3);
        assert_eq!((service.limits().users, service.limits().client_user_ids), (20, 1));
        service.too_many(TooMany::Users, 1);
        assert_eq!(service.limits().users, 1, "nobody alone is too many");
        service.told(told(30));
        assert_eq!((service.limits().users, service.limits().client_user_ids), (30, 1000));
    }
}
