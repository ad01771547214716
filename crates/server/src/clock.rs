//! Time and chance, handed in.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use domain::Time;
use jiff::Timestamp;
use uuid::Uuid;

/// Where the time comes from: the machine, or a test that moves it by hand.
#[derive(Debug, Clone)]
pub enum Clock {
    System,
    Manual(Arc<AtomicI64>),
}

impl Clock {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that asks the machine for the time"
    )]
    pub fn now(&self) -> Time {
        match self {
            Clock::System => Time(Timestamp::now().as_millisecond()),
            Clock::Manual(ms) => Time(ms.load(Ordering::SeqCst)),
        }
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

/// Where chance comes from: the operating system, always. Seeded chance is for the simulators.
#[derive(Debug, Clone, Copy, Default)]
pub struct Random;

#[expect(
    clippy::disallowed_methods,
    reason = "the one place that asks the machine for chance"
)]
impl Random {
    /// 32 bytes that nobody can guess.
    pub fn secret(self) -> [u8; 32] {
        let mut bytes = [0; 32];
        getrandom::fill(&mut bytes).expect("the operating system has no randomness");
        bytes
    }

    /// An id that sorts by the time it was made.
    pub fn id(self) -> Uuid {
        Uuid::now_v7()
    }

    /// An id that tells nothing, for the eyes of Apple (P9).
    pub fn opaque_id(self) -> Uuid {
        let mut bytes = [0; 16];
        getrandom::fill(&mut bytes).expect("the operating system has no randomness");
        uuid::Builder::from_random_bytes(bytes).into_uuid()
    }
}
