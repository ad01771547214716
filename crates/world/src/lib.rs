//! A world from a seed: administrators, people, devices, Apple, another server, and servers of ours, of which each does
//! what chance says, on the real store, with the real loops, and with a clock that nobody waits for.
//!
//! The same seed is the same history. Nothing in it is a mock: the loops are those of the product, asked for one `step`
//! after the other; requests to Apple are written and read by the real client, and answered by the simulated service; what
//! devices say goes through the real handlers. What stands in for the machine is the network (`network`), which holds
//! every request until it is its turn, and the clock.
//!
//! After each step the promises are looked at (`promises`); at the end nothing goes wrong any more, and within a bounded
//! number of rounds the world is as intended (`rest`). For tests only, in no binary that is shipped: see
//! `docs/simulation.md`.

mod administrators;
pub mod derived;
mod flights;
mod network;
mod options;
pub mod oracle;
mod outside;
mod people;
mod promises;
mod rest;
mod run;
mod seeds;
mod servers;
mod world;

use std::time::Duration;

use tokio::time::Instant;

pub use options::{Broken, Database, Options};
pub use run::{Failure, Told, run};
pub use seeds::{Found, sweep};

/// Generous: the machine may be busy. What takes longer than this will not happen.
pub const PATIENCE: Duration = Duration::from_secs(240);

/// Waits for a state, never for a time; gives up loudly. Looks the less often the longer it takes: a look costs more than what
/// is waited for.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        let pause = begun.elapsed() / 10;
        tokio::time::sleep(pause.clamp(Duration::from_millis(20), Duration::from_millis(200))).await;
    }
}
