//! Many seeds, several at once.

use std::{
    collections::BTreeMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

use crate::{
    options::Options,
    run::{Failure, run},
};

/// What came of many seeds.
#[derive(Debug, Default)]
pub struct Found {
    pub worlds: usize,
    /// The most rounds that any of them took to come to rest.
    pub most_rounds: usize,
    /// How often something happened that a promise is about.
    pub happened: BTreeMap<String, usize>,
    pub failures: Vec<Failure>,
}

/// Lives through all seeds of a range, `at_once` beside each other, until `enough` have failed. `tell` hears of each
/// failure, and how many worlds are done.
pub fn sweep(
    seeds: std::ops::Range<u64>,
    at_once: usize,
    enough: usize,
    of: impl Fn(u64) -> Options + Sync,
    tell: impl Fn(usize, Option<&Failure>) + Sync,
) -> Found {
    let next = AtomicU64::new(seeds.start);
    let done = AtomicUsize::new(0);
    let found = Mutex::new(Found::default());
    std::thread::scope(|scope| {
        for _ in 0..at_once {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::SeqCst);
                    let full = |found: &Found| found.failures.len() >= enough;
                    if seed >= seeds.end || full(&found.lock().unwrap_or_else(PoisonError::into_inner)) {
                        return;
                    }
                    let told = run(of(seed));
                    let done = done.fetch_add(1, Ordering::SeqCst) + 1;
                    let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                    found.worlds += 1;
                    match told {
                        Ok(told) => {
                            found.most_rounds = found.most_rounds.max(told.rounds);
                            for (what, times) in told.happened {
                                *found.happened.entry(what).or_default() += times;
                            }
                            tell(done, None);
                        }
                        Err(failure) => {
                            tell(done, Some(&failure));
                            found.failures.push(*failure);
                        }
                    }
                }
            });
        }
    });
    found.into_inner().unwrap_or_else(PoisonError::into_inner)
}
