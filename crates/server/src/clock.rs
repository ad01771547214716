//! Time and chance, handed in.

use std::{
    sync::{
        Arc, LazyLock, Mutex, PoisonError,
        atomic::{AtomicI64, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use domain::Time;
use jiff::Timestamp;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Where the time comes from: the machine, or a test that moves it by hand.
///
/// The wall clock of a machine may be set by hours at any moment; how much time passes is told by another clock, which
/// goes on evenly. So the time is what the wall clock showed once, and what has passed since. When the wall clock shows
/// something else, somebody has set it: [`jump`](Clock::jump) says so, and the time stays as it was until
/// [`follow`](Clock::follow) is told that everything is prepared. What is under way lives in one time.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    /// Milliseconds since 1970; stands still but for the test.
    Manual(Arc<AtomicI64>),
    /// Goes on, and is moved besides.
    Moved(Arc<ByHand>),
    /// Goes on by hand only, and may be set by hand as well.
    Virtual(Arc<ByHand>),
}

/// What a test adds to the clocks of the machine, or all that they show.
#[derive(Debug, Default)]
pub struct ByHand {
    wall_ms: AtomicI64,
    steady_ms: AtomicI64,
    set: Mutex<Option<Set>>,
}

impl ByHand {
    /// Time passes, for everybody.
    pub fn passes(&self, span: Duration) {
        let ms = i64::try_from(span.as_millis()).unwrap_or(i64::MAX);
        self.steady_ms.fetch_add(ms, Ordering::SeqCst);
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }

    /// Somebody sets the wall clock, ahead or back. No time passes.
    pub fn is_set_by(&self, ms: i64) {
        self.wall_ms.fetch_add(ms, Ordering::SeqCst);
    }
}

/// What both clocks showed at one moment.
#[derive(Debug, Clone, Copy)]
struct Set {
    wall_ms: i64,
    steady_ms: i64,
}

/// Of the machine, so one for the process.
static MACHINE: Mutex<Option<Set>> = Mutex::new(None);
static BEGAN: LazyLock<Instant> = LazyLock::new(|| {
    #[expect(
        clippy::disallowed_methods,
        reason = "the steady clock of the machine, asked here only"
    )]
    Instant::now()
});

/// NTP corrects less than that without a jump.
pub const JUMP_MS: u64 = 2000;

/// The wall clock was set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Jump {
    /// The time it was, and still is for whatever is under way.
    pub from: Time,
    /// What the wall clock shows.
    pub to: Time,
}

impl Clock {
    /// A clock that a test moves, and the hand that does it.
    pub fn moved() -> (Clock, Arc<ByHand>) {
        let hand = Arc::new(ByHand::default());
        (Clock::Moved(hand.clone()), hand)
    }

    /// A clock that shows `start` until the hand moves it. Each server of a simulation has one of its own.
    pub fn by_hand(start: Time) -> (Clock, Arc<ByHand>) {
        let hand = Arc::new(ByHand {
            wall_ms: AtomicI64::new(start.ms()),
            ..ByHand::default()
        });
        (Clock::Virtual(hand.clone()), hand)
    }

    pub fn now(&self) -> Time {
        let shown = self.shown();
        self.with_set(|set| Time(set.get_or_insert(shown).time(shown.steady_ms)))
    }

    /// Whether the wall clock was set since [`follow`](Clock::follow).
    pub fn jump(&self) -> Option<Jump> {
        let shown = self.shown();
        self.with_set(|set| {
            let from = set.get_or_insert(shown).time(shown.steady_ms);
            if from.abs_diff(shown.wall_ms) > JUMP_MS {
                return Some(Jump {
                    from: Time(from),
                    to: Time(shown.wall_ms),
                });
            }
            // Both clocks go on, and never quite alike.
            *set = Some(shown);
            None
        })
    }

    /// From now on the time is what the wall clock shows.
    pub fn follow(&self) {
        let shown = self.shown();
        self.with_set(|set| *set = Some(shown));
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    fn shown(&self) -> Set {
        if let Clock::Virtual(hand) = self {
            return Set {
                wall_ms: hand.wall_ms.load(Ordering::SeqCst),
                steady_ms: hand.steady_ms.load(Ordering::SeqCst),
            };
        }
        let wall_ms = Timestamp::now().as_millisecond();
        let steady_ms = i64::try_from(BEGAN.elapsed().as_millis()).unwrap_or(i64::MAX);
        match self {
            Clock::System | Clock::Virtual(_) => Set { wall_ms, steady_ms },
            Clock::Manual(ms) => Set {
                wall_ms: ms.load(Ordering::SeqCst),
                steady_ms: ms.load(Ordering::SeqCst),
            },
            Clock::Moved(hand) => Set {
                wall_ms: wall_ms + hand.wall_ms.load(Ordering::SeqCst),
                steady_ms: steady_ms + hand.steady_ms.load(Ordering::SeqCst),
            },
        }
    }

    fn with_set<T>(&self, work: impl FnOnce(&mut Option<Set>) -> T) -> T {
        let set = match self {
            Clock::System => &MACHINE,
            // It is never set: what it shows is the time.
            Clock::Manual(_) => return work(&mut None),
            Clock::Moved(hand) | Clock::Virtual(hand) => &hand.set,
        };
        work(&mut set.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Set {
    fn time(self, steady_ms: i64) -> i64 {
        self.wall_ms + (steady_ms - self.steady_ms)
    }
}

/// `time` as jiff has it, for the crates that talk to Apple and to devices.
pub fn timestamp(time: Time) -> Timestamp {
    Timestamp::from_millisecond(time.ms()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The other way round.
pub fn time(timestamp: Timestamp) -> Time {
    Time(timestamp.as_millisecond())
}

/// Where chance comes from: the operating system, or a seed where nobody has a secret to keep.
#[derive(Debug, Clone, Default)]
pub enum Random {
    #[default]
    System,
    /// Of a simulation. Whoever knows the seed knows every id and every secret.
    Seeded(Arc<Seed>),
}

/// A seed, and how often it was asked.
#[derive(Debug)]
pub struct Seed {
    seed: u64,
    asked: AtomicU64,
}

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine for chance"
)]
impl Random {
    pub fn seeded(seed: u64) -> Random {
        let asked = AtomicU64::new(0);
        Random::Seeded(Arc::new(Seed { seed, asked }))
    }

    /// 32 bytes that nobody can guess.
    pub fn secret(&self) -> [u8; 32] {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        bytes
    }

    /// An id that sorts by the time it was made.
    pub fn id(&self) -> Uuid {
        match self {
            Random::System => Uuid::now_v7(),
            Random::Seeded(seed) => {
                let mut bytes = [0; 10];
                self.fill(&mut bytes);
                // In the order in which they are made, as those of the machine are; its time is not asked.
                let made = seed.asked.load(Ordering::SeqCst);
                uuid::Builder::from_unix_timestamp_millis(made, &bytes).into_uuid()
            }
        }
    }

    /// An id that tells nothing, for the eyes of Apple (P9).
    pub fn opaque_id(&self) -> Uuid {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }

    fn fill(&self, bytes: &mut [u8]) {
        match self {
            Random::System => getrandom::fill(bytes).expect("the operating system has no randomness"),
            Random::Seeded(seed) => seed.fill(bytes),
        }
    }
}

impl Seed {
    fn fill(&self, bytes: &mut [u8]) {
        let asked = self.asked.fetch_add(1, Ordering::SeqCst);
        let mut hash = Sha256::new();
        hash.update(self.seed.to_le_bytes());
        hash.update(asked.to_le_bytes());
        for (byte, chance) in bytes.iter_mut().zip(hash.finalize()) {
            *byte = chance;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOURS_13: i64 = 13 * 3600 * 1000;

    #[test]
    fn a_clock_that_is_set_moves_nothing_before_everything_is_prepared() {
        let (clock, hand) = Clock::moved();
        let before = clock.now();
        hand.passes(Duration::from_secs(60));
        assert_eq!(clock.jump(), None, "time that passes is no jump");
        assert!(clock.now() >= before + Duration::from_secs(60));

        hand.is_set_by(HOURS_13);
        assert!(clock.now().since(before) < Duration::from_secs(3600));
        let jump = clock.jump().unwrap();
        assert!((jump.to.ms() - jump.from.ms() - HOURS_13).abs() < 1000);
        clock.follow();
        assert!(clock.now().ms() >= before.ms() + HOURS_13);

        hand.is_set_by(-HOURS_13);
        let jump = clock.jump().unwrap();
        assert!(jump.to < jump.from);
        hand.is_set_by(HOURS_13);
        assert_eq!(clock.jump(), None, "it was set right again");
        hand.is_set_by(500);
        assert_eq!(clock.jump(), None, "a correction");
    }
}
