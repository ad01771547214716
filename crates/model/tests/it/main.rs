//! What holds in every order of events, and what does not hold once a rule is left out.

use model::{Budget, Config, Rules};
use stateright::{Checker, HasDiscoveries, Model};

fn search(config: Config, depth: usize) -> (usize, Vec<String>) {
    let checker = config
        .checker()
        .threads(2)
        .target_max_depth(depth)
        .finish_when(HasDiscoveries::Any)
        .spawn_bfs()
        .join();
    let found = checker
        .discoveries()
        .into_iter()
        .map(|(name, path)| format!("{name}: {:#?}", path.into_actions()))
        .collect();
    (checker.unique_state_count(), found)
}

/// Searches what little there is to its end, with the rule and without it.
fn breaks(promise: &str, budget: Budget, rules: Rules) {
    let config = |rules| Config {
        rules,
        calm_one_in: 0,
        ..Config::small(budget)
    };
    let (_, found) = search(config(rules), 16);
    let broken = found.iter().any(|found| found.starts_with(promise));
    assert!(
        broken,
        "without the rule something else goes wrong, or nothing: {found:?}"
    );
    let (_, found) = search(config(Rules::ALL), 16);
    assert!(found.is_empty(), "it goes wrong with every rule: {found:?}");
}

#[test]
fn a_server_that_could_write_after_it_lost_its_lease_would_give_what_nobody_counts() {
    let budget = Budget {
        moves: 1,
        faults: 1,
        ..Budget::default()
    };
    let rules = Rules {
        fence: false,
        ..Rules::ALL
    };
    breaks(model::COUNTED, budget, rules);
}

#[test]
fn a_lost_answer_that_is_read_back_too_early_would_be_asked_twice() {
    let rules = Rules {
        horizon: false,
        ..Rules::ALL
    };
    breaks(model::ONCE, Budget::default(), rules);
}

#[test]
fn a_list_that_corrected_what_is_newer_would_lose_a_licence() {
    let rules = Rules {
        order: false,
        ..Rules::ALL
    };
    breaks(model::COUNTED, Budget::default(), rules);
}

/// The same two again and again: each list may be about the licence before, or the one before that.
#[test]
fn a_licence_that_is_given_taken_back_and_given_again_is_never_mistaken_for_the_one_before() {
    let budget = Budget {
        intents: 3,
        faults: 1,
        ..Budget::default()
    };
    let config = Config {
        until: 9,
        ..Config::small(budget)
    };
    let (states, found) = search(config, 20);
    assert!(found.is_empty(), "{found:?}");
    assert!(states > 10_000, "{states} states");
}

#[test]
fn a_million_states_of_two_people_and_one_licence_keep_every_promise() {
    let (states, found) = search(Config::scarce(), 12);
    assert!(found.is_empty(), "{found:?}");
    assert!(states > 1_000_000, "{states} states");
}

#[test]
fn two_assets_and_three_people_keep_every_promise() {
    let (_, found) = search(Config::wide(), 8);
    assert!(found.is_empty(), "{found:?}");
}

#[test]
fn no_app_outlives_its_licence_in_any_order() {
    let (_, found) = search(Config::devices(), 10);
    assert!(found.is_empty(), "{found:?}");
}
