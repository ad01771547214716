//! An instant, as the database keeps it.

use std::{
    ops::{Add, Sub},
    time::Duration,
};

use serde::{Deserialize, Serialize};

/// Milliseconds since 1970-01-01 UTC. Always handed in: nothing in this crate asks for the time.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Time(pub i64);

impl Time {
    pub const fn ms(self) -> i64 {
        self.0
    }

    /// How long ago `earlier` was; zero when it lies ahead.
    pub fn since(self, earlier: Time) -> Duration {
        Duration::from_millis(self.0.saturating_sub(earlier.0).max(0).unsigned_abs())
    }

    /// Whether what waits until `self` may go on, when it waits for `longest` at most.
    ///
    /// A moment further away than that was written while the clock was wrong. Who waited for it would wait as long as
    /// the clock was off.
    pub fn has_come(self, now: Time, longest: Duration) -> bool {
        self <= now || self > now + longest
    }
}

impl Add<Duration> for Time {
    type Output = Time;
    fn add(self, span: Duration) -> Time {
        Time(
            self.0
                .saturating_add(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

impl Sub<Duration> for Time {
    type Output = Time;
    fn sub(self, span: Duration) -> Time {
        Time(
            self.0
                .saturating_sub(i64::try_from(span.as_millis()).unwrap_or(i64::MAX)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_ahead_was_no_time_ago() {
        let (then, now) = (Time(2_000), Time(5_000));
        assert_eq!(now.since(then), Duration::from_secs(3));
        assert_eq!(then.since(now), Duration::ZERO);
        assert_eq!((now.ms(), now - Duration::from_secs(3)), (5_000, then));
    }

    /// A clock that jumped 13 hours ahead and back stopped everything for 13 hours.
    #[test]
    fn nothing_waits_for_longer_than_it_may_whatever_the_clock_did() {
        let now = Time(1_000_000);
        let longest = Duration::from_secs(600);

        assert!(now.has_come(now, longest));
        assert!(!(now + Duration::from_secs(1)).has_come(now, longest));
        assert!(!(now + longest).has_come(now, longest));
        assert!((now + longest + Duration::from_millis(1)).has_come(now, longest));
        assert!((now + Duration::from_secs(13 * 3600)).has_come(now, longest));
    }
}
