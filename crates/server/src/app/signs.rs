//! When devices were last heard, where nothing else is to be written down of what they say.
//!
//! A device that has nothing to tell is not written down each time: once a minute, and with all others that spoke meanwhile
//! ([`tasks::signs`](crate::tasks::signs)). A server that dies loses the few seconds since the last time; one that is asked to
//! end loses nothing. Whatever hangs on silence hangs on a day of it at least, so whoever was not heard for half of one is
//! written down at once, by whoever hears it.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{DeviceId, Time};

/// What is shown as the last check-in may be older than it is by so much, and a few seconds.
const EVERY: Duration = Duration::from_secs(60);
/// From then on somebody may wait for its word.
const SILENT: Duration = Duration::from_secs(12 * 3600);

/// Who was heard and is to be written down.
#[derive(Debug, Default)]
pub struct Signs(Mutex<HashMap<DeviceId, Time>>);

/// Whether it is known well enough when a device was last heard, now that it speaks. What lies ahead was written by a clock
/// that was wrong.
pub fn is_known(last_seen_at: Option<Time>, now: Time) -> bool {
    last_seen_at.is_some_and(|at| at <= now && now.since(at) < EVERY)
}

impl Signs {
    /// Remembers that the device speaks. `false` when that is to be written down at once.
    pub fn note(&self, device: DeviceId, last_seen_at: Option<Time>, now: Time) -> bool {
        if is_known(last_seen_at, now) {
            return true;
        }
        let lately = last_seen_at.is_some_and(|at| at <= now && now.since(at) < SILENT);
        if lately {
            self.heard().insert(device, now);
        }
        lately
    }

    /// All of them, to be written down. What lies ahead of `now` was heard before the clock was set back: just now.
    pub fn take(&self, now: Time) -> Vec<(DeviceId, Time)> {
        let heard = std::mem::take(&mut *self.heard());
        heard.into_iter().map(|(device, at)| (device, at.min(now))).collect()
    }

    /// They could not be written down.
    pub fn put_back(&self, signs: Vec<(DeviceId, Time)>) {
        let mut heard = self.heard();
        for (device, at) in signs {
            heard.entry(device).or_insert(at);
        }
    }

    fn heard(&self) -> MutexGuard<'_, HashMap<DeviceId, Time>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Time = Time(1_795_410_300_000);

    fn before(span: Duration) -> Option<Time> {
        Some(NOW - span)
    }

    #[test]
    fn a_device_is_written_down_once_a_minute_and_at_once_after_half_a_day() {
        let (signs, device) = (Signs::default(), DeviceId(uuid::Uuid::from_u128(1)));
        assert!(signs.note(device, before(Duration::from_secs(59)), NOW));
        assert_eq!(signs.take(NOW), []);
        for span in [EVERY, SILENT - Duration::from_secs(1)] {
            assert!(signs.note(device, before(span), NOW), "{span:?}");
            assert_eq!(signs.take(NOW), [(device, NOW)]);
        }
        assert!(!signs.note(device, before(SILENT), NOW));
        assert!(!signs.note(device, None, NOW));
        assert!(!signs.note(device, Some(NOW + EVERY), NOW), "by a clock that was wrong");
        assert_eq!(signs.take(NOW), []);
    }

    #[test]
    fn what_could_not_be_written_down_is_kept_until_it_can_and_is_never_ahead_of_its_time() {
        let (signs, device) = (Signs::default(), DeviceId(uuid::Uuid::from_u128(1)));
        assert!(signs.note(device, before(EVERY), NOW));
        let taken = signs.take(NOW);
        let later = NOW + Duration::from_secs(3);
        assert!(signs.note(device, before(EVERY), later));
        signs.put_back(taken);
        assert_eq!(signs.take(later), [(device, later)], "what was heard since counts");
        assert!(signs.note(device, before(EVERY), NOW));
        let set_back = NOW - Duration::from_secs(3600);
        assert_eq!(signs.take(set_back), [(device, set_back)]);
    }
}
