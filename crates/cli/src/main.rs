//! The binary `allotment`: the server, a demonstration of it, and what an operator needs beside it.

#![allow(clippy::print_stdout, reason = "a command line speaks to a person")]

mod admin;
#[cfg(feature = "simulators")]
mod bench;
#[cfg(feature = "simulators")]
mod crowd;
#[cfg(feature = "simulators")]
mod demo;
mod doctor;
#[cfg(feature = "simulators")]
mod simulate;
mod stop;
mod why;

use std::{io::IsTerminal, path::PathBuf, process::ExitCode, time::Duration};

use clap::{Parser, Subcommand};
use server::{Clock, Config};
use stop::Stop;
use tracing_subscriber::{
    Layer,
    filter::{LevelFilter, Targets},
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

/// Gives memory back after a peak. The usual allocator keeps, for each thread, what its largest piece of work took: the
/// memory that every sign-in needs among them.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Manages the apps that an organisation buys in volume from Apple.
#[derive(Parser)]
#[command(version, about, propagate_version = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Shows the main job, live, with a simulated Apple and simulated devices; needs nothing else.
    #[cfg(feature = "simulators")]
    Demo(demo::DemoArguments),
    /// Measures what the product costs in an organisation as large as one likes.
    #[cfg(feature = "simulators")]
    Bench(bench::BenchArguments),
    /// Runs the server.
    Serve(ConfigArgument),
    /// Says what is wrong with a configuration, and what to do.
    Doctor(ConfigArgument),
    /// Copies a SQLite database into a new file, while the server runs. The key file is kept apart from it.
    Backup {
        #[command(flatten)]
        config: ConfigArgument,
        /// Must not exist yet.
        file: PathBuf,
    },
    /// Accounts of the console.
    #[command(subcommand)]
    Admin(admin::AdminCommand),
    /// Keys for the REST API.
    #[command(subcommand, name = "api-key")]
    ApiKey(admin::ApiKeyCommand),
    /// One-time links to enrol a device.
    #[command(subcommand)]
    Enrol(admin::EnrolCommand),
    /// Says why a person or a device has an app, or has it not.
    Why(why::WhyArguments),
    /// Runs one of the simulators by itself.
    #[cfg(feature = "simulators")]
    #[command(subcommand)]
    Simulate(simulate::SimulateCommand),
}

#[derive(clap::Args, Clone)]
pub struct ConfigArgument {
    /// The configuration file (TOML). Each key can be overridden by an environment variable, ALLOTMENT_…
    #[arg(long, short, env = "ALLOTMENT_CONFIG")]
    config: Option<PathBuf>,
}

impl ConfigArgument {
    pub fn load(&self) -> Result<Config, Failure> {
        Ok(Config::load(self.config.as_deref(), std::env::vars())?)
    }
}

/// What a command says when it fails: the chain of causes, as one sentence.
pub struct Failure(String);

impl Failure {
    pub fn new(text: impl Into<String>) -> Failure {
        Failure(text.into())
    }

    pub fn text(&self) -> &str {
        &self.0
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        let mut text = error.to_string();
        let mut cause = error.source();
        while let Some(next) = cause {
            let said = next.to_string();
            if !text.contains(&said) {
                text = format!("{text}: {said}");
            }
            cause = next.source();
        }
        Failure(text)
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .expect("no other provider is installed");
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failed(&Failure::from(error)),
    };
    let code = match runtime.block_on(run(arguments.command)) {
        Ok(code) => code,
        Err(failure) => failed(&failure),
    };
    // What still computes, a password for somebody who has gone, is not waited for.
    runtime.shutdown_timeout(LAST_WAIT);
    code
}

/// With `http.stop_within` and the closing of the database well below the 30 seconds after which a service manager kills.
const LAST_WAIT: Duration = Duration::from_secs(2);

fn failed(failure: &Failure) -> ExitCode {
    eprintln!("allotment: {}", failure.0);
    ExitCode::FAILURE
}

async fn run(command: Command) -> Result<ExitCode, Failure> {
    match command {
        #[cfg(feature = "simulators")]
        Command::Demo(arguments) => demo::run(arguments).await?,
        #[cfg(feature = "simulators")]
        Command::Bench(arguments) => return bench::run(arguments).await,
        Command::Serve(config) => serve(config.load()?).await?,
        Command::Doctor(config) => return doctor::run(&config).await,
        Command::Backup { config, file } => backup(&config, &file).await?,
        Command::Admin(command) => admin::admin(command).await?,
        Command::ApiKey(command) => admin::api_key(command).await?,
        Command::Enrol(command) => admin::enrol(command).await?,
        Command::Why(arguments) => why::run(arguments).await?,
        #[cfg(feature = "simulators")]
        Command::Simulate(command) => simulate::run(command).await?,
    }
    Ok(ExitCode::SUCCESS)
}

async fn serve(config: Config) -> Result<(), Failure> {
    log(&config.log.level, config.log.json);
    let public_url = config.public_url.clone();
    let mut stop = Stop::listen()?;
    let running = tokio::select! {
        running = server::serve(config, Clock::System) => running?,
        () = stop.asked() => {
            tracing::info!("asked to end before the start was done");
            return Ok(());
        }
    };
    tracing::info!(listen = %running.address, url = %public_url, "allotment serves {public_url}");
    stop.asked().await;
    tracing::info!("stopping");
    tokio::select! {
        () = running.stop() => {}
        () = stop.asked() => tracing::warn!("asked a second time: what is under way is cut off"),
    }
    Ok(())
}

async fn backup(config: &ConfigArgument, file: &std::path::Path) -> Result<(), Failure> {
    let config = config.load()?;
    let store = server::serve::look(&config).await?;
    if file.exists() {
        return Err(Failure::new(format!("{} exists already", file.display())));
    }
    if !store.backup(file).await? {
        return Err(Failure::new("this database is PostgreSQL: use pg_dump"));
    }
    println!("{}", file.display());
    println!(
        "Keep the key file {} elsewhere: without it no secret opens.",
        config.key_file.display()
    );
    Ok(())
}

/// Sends log lines to standard error. `ALLOTMENT_LOG` overrides the level (`info`, `server=debug`, …).
pub fn log(level: &str, json: bool) {
    let filter = std::env::var("ALLOTMENT_LOG").unwrap_or_else(|_| level.to_owned());
    let filter: Targets = filter
        .parse()
        .unwrap_or_else(|_| Targets::new().with_default(LevelFilter::INFO));
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let lines = if json { lines.json().boxed() } else { lines.boxed() };
    tracing_subscriber::registry().with(lines).with(filter).init();
}
