//! What the product costs in an organisation as large as one likes, beside what is aimed at, in the same run.
//!
//! Deciding and previewing are measured in this process, on a database that nobody else uses. Pages, polls, rest and memory
//! are those of a server in a process of its own, with a simulated Apple in this one. What is printed is Markdown.

mod deciding;
mod phones;
mod preview;
mod process;
mod serving;
mod table;

use std::process::ExitCode;

use clap::ValueEnum;
use store::Fresh;
use table::{Column, Table};

use crate::Failure;

#[derive(clap::Args)]
pub struct BenchArguments {
    /// How many people, each with a device: a column of the tables each. 100000 takes an hour.
    #[arg(default_values_t = [1_000, 10_000], value_parser = size)]
    sizes: Vec<usize>,
    /// Also on the PostgreSQL server at this address, where databases may be made: postgres://…/postgres
    #[arg(long)]
    postgres: Option<String>,
    /// Measures only some of it.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Part::ALL)]
    only: Vec<Part>,
    /// How many apps are required for everybody.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u16).range(1..=200))]
    apps: u16,
    /// How often each page is asked for.
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(3..))]
    times: u16,
    /// How many devices poll at once.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u16).range(1..=1000))]
    connections: u16,
    /// How many polls of either kind there are.
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(1..))]
    polls: u32,
    /// For how many seconds the server is watched at rest.
    #[arg(long, default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..))]
    rest: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Deciding,
    Preview,
    Pages,
    Polls,
    Rest,
}

impl Part {
    const ALL: [Part; 5] = [Part::Deciding, Part::Preview, Part::Pages, Part::Polls, Part::Rest];
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value();
        f.write_str(value.as_ref().map_or("", |value| value.get_name()))
    }
}

/// How many people there may be: a few, so that there is somebody to take each part.
fn size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(people @ 20..=1_000_000) => Ok(people),
        _ => Err("between 20 and 1000000".to_owned()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Database<'a> {
    Sqlite,
    /// On this server.
    Postgres(&'a str),
}

impl Database<'_> {
    fn name(self) -> &'static str {
        match self {
            Database::Sqlite => "SQLite",
            Database::Postgres(_) => "PostgreSQL",
        }
    }

    async fn fresh(self) -> Result<Fresh, Failure> {
        Ok(match self {
            Database::Sqlite => Fresh::sqlite(),
            Database::Postgres(server) => Fresh::postgres_on(server).await?,
        })
    }
}

pub async fn run(arguments: BenchArguments) -> Result<ExitCode, Failure> {
    crate::log("error", false);
    if cfg!(debug_assertions) {
        eprintln!("this build is not optimised: its figures say nothing");
    }
    measure(&arguments, Database::Sqlite).await?;
    match &arguments.postgres {
        Some(server) => measure(&arguments, Database::Postgres(server)).await?,
        None => println!("\nPostgreSQL was left out: --postgres names a server."),
    }
    Ok(ExitCode::SUCCESS)
}

async fn measure(arguments: &BenchArguments, database: Database<'_>) -> Result<(), Failure> {
    let wants = |part| arguments.only.contains(&part);
    let mut deciding = Vec::new();
    let mut preview = Vec::new();
    let mut serving = serving::Columns::default();
    for people in &arguments.sizes {
        if wants(Part::Deciding) {
            eprintln!("{}, {people} people: deciding", database.name());
            let figures = deciding::measure(database.fresh().await?, *people, arguments.apps.into()).await?;
            deciding.push(Column::of(*people, figures));
        }
        if wants(Part::Preview) {
            eprintln!("{}, {people} people: previews", database.name());
            let figures = preview::measure(database.fresh().await?, *people).await?;
            preview.push(Column::of(*people, figures));
        }
        if [Part::Pages, Part::Polls, Part::Rest].into_iter().any(wants) {
            eprintln!("{}, {people} people: a server", database.name());
            serving::measure(arguments, database.fresh().await?, *people, &mut serving).await?;
        }
    }
    for (what, columns) in [
        ("deciding", deciding),
        ("previews", preview),
        ("pages: in the middle / the slowest but one of a hundred", serving.pages),
        ("polls", serving.polls),
        ("the server", serving.rest),
    ] {
        if !columns.is_empty() {
            let title = format!("{}: {what}", database.name());
            println!("\n{}", Table { title, columns });
        }
    }
    Ok(())
}
