//! Lives through worlds from seeds. `cargo run -p world -- --seeds 1000`

use std::{io::Write, process::ExitCode};

use clap::Parser;
use world::{Broken, Database, Options, run, sweep};

#[derive(Parser)]
struct Arguments {
    /// One seed, and all that happens.
    #[arg(long)]
    seed: Option<u64>,
    /// How many things happen; one more than that is the end, when everything has to come to rest.
    #[arg(long, default_value_t = 120)]
    steps: usize,
    /// Ends after so many steps, as if nothing came after them: the command of a failure has it.
    #[arg(long)]
    until: Option<usize>,
    /// How many seeds.
    #[arg(long, default_value_t = 100)]
    seeds: u64,
    /// The first of them.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// So many at once.
    #[arg(long, default_value_t = 2)]
    at_once: usize,
    /// Ends once so many have failed.
    #[arg(long, default_value_t = 5)]
    enough: usize,
    /// On PostgreSQL, at the address that `ALLOTMENT_TEST_POSTGRES` names.
    #[arg(long)]
    postgres: bool,
    /// Breaks a guard on purpose, and has happen more often what it is for.
    #[arg(long)]
    broken: Option<Broken>,
    /// Has happen more often what a guard is for, which is as it should be.
    #[arg(long)]
    provoked: Option<Broken>,
    /// Tells what the servers log, too.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout();
    let of = |seed| Options {
        steps: arguments.steps,
        broken: arguments.broken,
        provoked: arguments.broken.or(arguments.provoked),
        until: arguments.until,
        verbose: arguments.verbose,
        database: if arguments.postgres {
            Database::Postgres
        } else {
            Database::Sqlite
        },
        ..Options::seed(seed)
    };
    if let Some(seed) = arguments.seed {
        return match run(of(seed)) {
            Ok(told) => {
                let _ = writeln!(out, "{}", told.log.join("\n"));
                let _ = writeln!(
                    out,
                    "seed {seed} came to rest after {} rounds: {}",
                    told.rounds, told.digest
                );
                ExitCode::SUCCESS
            }
            Err(failure) => {
                let _ = writeln!(out, "{}\n{}", failure.log.join("\n"), failure.verdict());
                ExitCode::FAILURE
            }
        };
    }
    let begun = tokio::time::Instant::now();
    let seeds = arguments.from..arguments.from + arguments.seeds;
    let found = sweep(seeds, arguments.at_once, arguments.enough, of, |done, failure| {
        let mut out = std::io::stdout();
        if let Some(failure) = failure {
            let _ = writeln!(out, "{failure}\n");
        }
        if done % 100 == 0 {
            let _ = writeln!(out, "{done} worlds");
        }
    });
    for (what, times) in &found.happened {
        let _ = writeln!(out, "{times:>9} {what}");
    }
    let _ = writeln!(
        out,
        "{} worlds in {:.0} s, {} failed; none took more than {} rounds to come to rest",
        found.worlds,
        begun.elapsed().as_secs_f64(),
        found.failures.len(),
        found.most_rounds
    );
    if found.failures.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}
