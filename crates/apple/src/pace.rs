//! How fast requests may leave.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// What Apple published in 2026; some of its own samples leave the value out (`maxRequestPerSecond`).
const PUBLISHED: u32 = 15;

/// Lets requests leave one after the other, so that no second sees more of them than Apple permits.
///
/// Two thirds of what is permitted is the steady pace; the last third may leave at once after a rest. The limit
/// counts all requests for a location, so whoever asks for one shares its pace: clones do.
#[derive(Debug, Clone)]
pub struct Pace(Arc<Mutex<Turns>>);

#[derive(Debug)]
struct Turns {
    /// When the next request may leave, at the steady pace.
    next: Option<Instant>,
    every: Duration,
    burst: u32,
}

impl Default for Pace {
    fn default() -> Pace {
        let pace = Pace(Arc::new(Mutex::new(Turns {
            next: None,
            every: Duration::ZERO,
            burst: 0,
        })));
        pace.set(None);
        pace
    }
}

impl Pace {
    /// As many a second as Apple says it permits.
    pub fn set(&self, per_second: Option<u32>) {
        let permitted = per_second.unwrap_or(PUBLISHED).max(1);
        let burst = permitted / 3;
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        turns.burst = burst;
        // A division leaves a rest, which would add up to one request too many.
        turns.every = Duration::from_secs(1) / (permitted - burst) + Duration::from_nanos(1);
    }

    /// Returns when it is the caller's turn. Whoever gives up waiting has used the turn up all the same.
    pub(crate) async fn turn(&self) {
        tokio::time::sleep_until(self.reserve(Instant::now())).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut turns = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let rested = now.checked_sub(turns.every * turns.burst).unwrap_or(now);
        let next = turns.next.map_or(rested, |next| next.max(rested));
        turns.next = Some(next + turns.every);
        next.max(now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The busiest second, whatever the rests between the requests.
    fn busiest(pace: &Pace, rests_ms: &[u64]) -> usize {
        let start = Instant::now();
        let mut now = start + Duration::from_secs(3600);
        let mut left = Vec::new();
        for rest in rests_ms {
            now += Duration::from_millis(*rest);
            left.push(pace.reserve(now));
        }
        let second = Duration::from_secs(1);
        left.iter()
            .map(|from| left.iter().filter(|at| *at >= from && **at < *from + second).count())
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_rest_is_followed_by_a_few_at_once_and_then_by_an_even_pace() {
        let pace = Pace::default();
        let now = Instant::now() + Duration::from_secs(3600);
        let waits: Vec<_> = (0..8).map(|_| (pace.reserve(now) - now).as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 0, 100, 200]);
    }

    proptest::proptest! {
        #[test]
        fn no_second_sees_more_than_is_permitted(
            permitted in 1_u32..40,
            rests in proptest::collection::vec(0_u64..400, 1..200),
        ) {
            let pace = Pace::default();
            pace.set(Some(permitted));
            proptest::prop_assert!(busiest(&pace, &rests) <= permitted as usize);
        }
    }
}
