//! Worlds from seeds. More of them: `cargo run -p world -- --seeds 10000`.

use std::ops::Range;

use world::{Broken, Options, run, sweep};

/// So many things happen in each of them: there are many.
const STEPS: usize = 80;

fn all_come_to_rest(seeds: Range<u64>) {
    let of = |seed| Options {
        steps: STEPS,
        ..Options::seed(seed)
    };
    let found = sweep(seeds.clone(), at_once(), 3, of, |_, _| {});
    // A world in which nothing happens proves nothing.
    for what in [
        "users/create",
        "assets/associate",
        "assets/disassociate",
        "InstallApplication",
        "RemoveProfile",
        "enrols for nobody",
    ] {
        assert!(found.happened.contains_key(what), "{what} never happened");
    }
    let told: Vec<String> = found.failures.iter().map(ToString::to_string).collect();
    assert!(told.is_empty(), "{}", told.join("\n\n"));
    assert_eq!(found.worlds as u64, seeds.end - seeds.start);
}

#[test]
fn the_same_seed_is_the_same_history() {
    for seed in [1, 2, 3] {
        let told = run(Options::seed(seed)).expect("a world that comes to rest");
        assert_eq!(
            Ok(told),
            run(Options::seed(seed)).map_err(|failure| failure.to_string())
        );
    }
}

#[test]
fn no_promise_is_broken_in_any_of_these_worlds_and_each_comes_to_rest() {
    all_come_to_rest(0..200);
}

/// Others each time. The failure names the seed.
#[test]
#[expect(clippy::disallowed_methods, reason = "a number that no run before had")]
fn nor_in_any_world_that_nobody_has_seen_yet() {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let base = since.expect("a clock after 1970").as_secs() << 16;
    all_come_to_rest(base..base + 50);
}

/// A guard is found within so many worlds, or the simulation is blind to it.
const FOUND_WITHIN: u64 = 250;

/// Those of the table in `docs/simulation.md`: some world finds each, and that world is sound when the guard is there.
#[test]
fn each_guard_that_is_broken_on_purpose_is_found() {
    for broken in [
        Broken::Fence,
        Broken::Count,
        Broken::Marks,
        Broken::Rules,
        Broken::Commits,
        Broken::Version,
        Broken::Horizon,
        Broken::Clock,
        Broken::Owner,
        Broken::RepeatedWrites,
    ] {
        let of = |seed| Options {
            steps: STEPS,
            ..broken.options(seed)
        };
        let found = sweep(0..FOUND_WITHIN, at_once(), 1, of, |_, _| {});
        let failure = found.failures.first();
        let failure = failure.unwrap_or_else(|| panic!("{broken:?} is not found by {} worlds", found.worlds));
        let sound = Options {
            broken: None,
            until: Some(failure.step),
            ..failure.options
        };
        if let Err(failure) = run(sound) {
            panic!("{failure}");
        }
    }
}

fn at_once() -> usize {
    std::thread::available_parallelism().map_or(2, std::num::NonZero::get)
}
