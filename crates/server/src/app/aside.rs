//! What could not be looked up waits for a while, so that it neither is asked for all the time nor holds up the rest.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use domain::{AssetId, Time};

/// Twice as long with each time.
const FIRST_PAUSE: Duration = Duration::from_secs(60);
/// After the store was away, its names are back within so much.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

/// Assets whose names or icons could not be looked up.
///
/// Kept in memory: a server that starts anew tries all of them once more.
#[derive(Debug, Default)]
pub struct Aside(Mutex<BTreeMap<AssetId, Wait>>);

#[derive(Debug, Clone, Copy)]
struct Wait {
    until: Time,
    times: u32,
}

impl Aside {
    /// Whether it is not to be tried now.
    pub fn holds(&self, asset: AssetId, now: Time) -> bool {
        let waits = self.waits();
        waits
            .get(&asset)
            .is_some_and(|wait| !wait.until.has_come(now, LONGEST_PAUSE))
    }

    /// It was tried in vain: it waits, the longer the more often in a row.
    pub fn put(&self, asset: AssetId, now: Time) {
        let mut waits = self.waits();
        let times = waits.get(&asset).map_or(0, |wait| wait.times);
        let pause = FIRST_PAUSE.saturating_mul(1 << times.min(16)).min(LONGEST_PAUSE);
        let wait = Wait {
            until: now + pause,
            times: times.saturating_add(1),
        };
        waits.insert(asset, wait);
    }

    /// It was tried with success.
    pub fn take_back(&self, asset: AssetId) {
        self.waits().remove(&asset);
    }

    /// Somebody wants to know now: no pause counts.
    pub fn hurry(&self) {
        self.waits().clear();
    }

    fn waits(&self) -> MutexGuard<'_, BTreeMap<AssetId, Wait>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_fails_again_and_again_is_tried_ever_more_rarely_up_to_once_an_hour() {
        let (aside, asset) = (Aside::default(), AssetId(uuid::Uuid::from_u128(1)));
        let mut now = Time(1_795_410_300_000);
        assert!(!aside.holds(asset, now));
        for minutes in [1, 2, 4, 8, 16, 32, 60, 60] {
            aside.put(asset, now);
            let over = now + Duration::from_secs(minutes * 60);
            assert!(aside.holds(asset, Time(over.ms() - 1)), "{minutes} minutes");
            assert!(!aside.holds(asset, over), "{minutes} minutes");
            now = over;
        }
        aside.put(asset, now);
        // A clock that is set back by a day does not make it wait for a day.
        assert!(!aside.holds(asset, Time(now.ms() - 24 * 3_600_000)));
        aside.take_back(asset);
        assert!(!aside.holds(asset, now));
    }
}
