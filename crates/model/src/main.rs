//! `cargo run --release -p model -- --depth 30`: the deeper search.
#![allow(clippy::print_stdout, reason = "a command for people")]

use clap::Parser;
use model::{Budget, Config, Rules};
use stateright::{Checker, HasDiscoveries, Model};

#[derive(Parser)]
struct Args {
    /// So many steps from the beginning.
    #[arg(long, default_value_t = 20)]
    depth: usize,
    /// What is searched; a rule that is left out is best looked for in what is small.
    #[arg(long, value_parser = ["small", "scarce", "wide", "devices"])]
    config: Option<String>,
    /// Checks for one state in so many that a calm run from it ends well.
    #[arg(long, default_value_t = 64)]
    calm_one_in: u64,
    /// Leaves a rule out, and finds what goes wrong.
    #[arg(long, value_parser = ["fence", "horizon", "order"])]
    without: Option<String>,
    #[arg(long, default_value_t = 2)]
    threads: usize,
}

fn main() {
    let args = Args::parse();
    let without = args.without.as_deref();
    let usual = if without.is_some() { "small" } else { "scarce" };
    let config = match args.config.as_deref().unwrap_or(usual) {
        "wide" => Config::wide(),
        "devices" => Config::devices(),
        "scarce" => Config::scarce(),
        _ => Config::small(Budget {
            moves: 1,
            faults: 1,
            ..Budget::default()
        }),
    };
    let config = Config {
        rules: Rules {
            fence: without != Some("fence"),
            horizon: without != Some("horizon"),
            order: without != Some("order"),
        },
        calm_one_in: args.calm_one_in,
        ..config
    };
    #[expect(clippy::disallowed_methods, reason = "only to say how long it took")]
    let began = std::time::Instant::now();
    let checker = config
        .checker()
        .threads(args.threads)
        .target_max_depth(args.depth)
        .finish_when(HasDiscoveries::Any)
        .spawn_bfs()
        .join();
    println!(
        "{} distinct states, depth {}, {:?}",
        checker.unique_state_count(),
        checker.max_depth(),
        began.elapsed()
    );
    for (name, path) in checker.discoveries() {
        println!("NOT SO: {name}");
        for action in path.clone().into_actions() {
            println!("  {action:?}");
        }
        println!("  {:#?}", path.last_state());
    }
    std::process::exit(i32::from(!checker.discoveries().is_empty()));
}
