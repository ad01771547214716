//! One seed, from its beginning to its end.

use std::{
    any::Any,
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use tracing::{Event, Level, Subscriber, field::Visit};
use tracing_subscriber::{Layer, layer::Context, prelude::*};

use crate::{
    flights::Beat,
    options::{Broken, Database, Options},
    world::World,
};

/// Too much to look at after each step.
const LOOK_CLOSELY_EVERY: usize = 12;

/// A world that came to rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// How many rounds it took to come to rest.
    pub rounds: usize,
    /// Names all that happened.
    pub digest: String,
    /// How often something happened that a promise is about.
    pub happened: BTreeMap<String, usize>,
    pub log: Vec<String>,
}

/// A world in which a promise was broken.
#[derive(Debug, Clone)]
pub struct Failure {
    pub options: Options,
    /// After so many steps.
    pub step: usize,
    pub what: String,
    pub log: Vec<String>,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.log.iter().rev().take(40).rev() {
            writeln!(f, "{line}")?;
        }
        f.write_str(&self.verdict())
    }
}

impl Failure {
    /// What is wrong, and the command that runs it again; without what happened before.
    pub fn verdict(&self) -> String {
        let Options {
            seed,
            steps,
            database,
            broken,
            provoked,
            ..
        } = self.options;
        let mut said = format!("seed {seed}, step {}: {}\n", self.step, self.what);
        said.push_str(&format!("again: cargo run -p world -- --seed {seed} --steps {steps}"));
        // Nothing that comes later matters.
        if self.step < steps {
            said.push_str(&format!(" --until {}", self.step));
        }
        if database == Database::Postgres {
            said.push_str(" --postgres");
        }
        let named = |guard: Option<Broken>| guard.and_then(|guard| clap::ValueEnum::to_possible_value(&guard));
        match (named(broken), named(provoked)) {
            (Some(name), _) => said.push_str(&format!(" --broken {}", name.get_name())),
            (None, Some(name)) => said.push_str(&format!(" --provoked {}", name.get_name())),
            (None, None) => {}
        }
        said
    }
}

/// Lives through a world, in a thread of its own.
///
/// # Errors
///
/// The first promise that is broken, and what happened before.
pub fn run(options: Options) -> Result<Told, Box<Failure>> {
    let log: Arc<Mutex<Vec<String>>> = Arc::default();
    let step = Arc::new(Mutex::new(0));
    let (their_log, their_step) = (log.clone(), step.clone());
    let thread = std::thread::Builder::new().name(format!("seed {}", options.seed));
    let lived = thread
        .spawn(move || live(options, their_log, &their_step))
        .expect("a thread")
        .join();
    let kept = |log: &Mutex<Vec<String>>| log.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let what = match lived {
        Ok(Ok((rounds, happened))) => {
            let log = kept(&log);
            let digest = hex::encode(Sha256::digest(log.join("\n")));
            return Ok(Told {
                rounds,
                digest,
                happened,
                log,
            });
        }
        Ok(Err(what)) => what,
        Err(panic) => in_words(panic.as_ref()),
    };
    let step = *step.lock().unwrap_or_else(PoisonError::into_inner);
    Err(Box::new(Failure {
        options,
        step,
        what,
        log: kept(&log),
    }))
}

fn in_words(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("and said nothing"))
}

/// How many rounds it took, and what happened.
type Lived = (usize, BTreeMap<String, usize>);

fn live(options: Options, log: Arc<Mutex<Vec<String>>>, step: &Mutex<usize>) -> Result<Lived, String> {
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let errors: Arc<Mutex<Vec<String>>> = Arc::default();
    let logged: Arc<Mutex<String>> = Arc::default();
    let heard = tracing_subscriber::registry().with(Journal {
        errors: errors.clone(),
        logged: logged.clone(),
        log: log.clone(),
        verbose: options.verbose,
    });
    let _listening = tracing::subscriber::set_default(heard);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .map_err(|error| error.to_string())?;
    let lived = runtime.block_on(async {
        let (beat, stop) = Beat::start();
        let lived = lived(options, beat, log, step, &errors, &logged).await;
        drop(stop);
        lived
    });
    runtime.shutdown_background();
    lived
}

/// In how many worlds everything is taken back in the end.
const TAKEN_BACK_IN_ONE_OF: u64 = 3;

async fn lived(
    options: Options,
    beat: Beat,
    log: Arc<Mutex<Vec<String>>>,
    step: &Mutex<usize>,
    errors: &Mutex<Vec<String>>,
    logged: &Mutex<String>,
) -> Result<Lived, String> {
    let no_errors = || match errors.lock().unwrap_or_else(PoisonError::into_inner).first() {
        Some(error) => Err(format!("a server reports a defect: {error}")),
        None => Ok(()),
    };
    let mut world = World::begin(options, beat, log).await?;
    for now in 1..=options.until.unwrap_or(options.steps).min(options.steps) {
        *step.lock().unwrap_or_else(PoisonError::into_inner) = now;
        if now == options.steps / 2 {
            world.is_calm_for_a_while().await?;
        }
        world.happens().await?;
        no_errors()?;
        world.promises_hold().await?;
        if now % LOOK_CLOSELY_EVERY == 0 {
            world.what_is_shown_is_so().await?;
        }
    }
    if options.until.is_some_and(|until| until < options.steps) {
        return Ok((0, world.happened()));
    }
    *step.lock().unwrap_or_else(PoisonError::into_inner) = options.steps + 1;
    let mut rounds = world.comes_to_rest().await?;
    no_errors()?;
    if options.seed.is_multiple_of(TAKEN_BACK_IN_ONE_OF) {
        // Licences that go back are otherwise few.
        world.all_is_uninstalled().await?;
        rounds = rounds.max(world.comes_to_rest().await?);
        no_errors()?;
    }
    world.secrets_are_kept(&logged.lock().unwrap_or_else(PoisonError::into_inner))?;
    let happened = world.happened();
    world.end().await;
    Ok((rounds, happened))
}

/// What servers log. An error is a defect.
struct Journal {
    errors: Arc<Mutex<Vec<String>>>,
    /// All of it.
    logged: Arc<Mutex<String>>,
    log: Arc<Mutex<Vec<String>>>,
    verbose: bool,
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let level = *event.metadata().level();
        if level > Level::INFO {
            return;
        }
        let mut text = Text(String::new());
        event.record(&mut text);
        self.logged
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push_str(&text.0);
        if self.verbose {
            let line = format!("           {level} {}", text.0);
            self.log.lock().unwrap_or_else(PoisonError::into_inner).push(line);
        }
        if level > Level::ERROR {
            return;
        }
        self.errors.lock().unwrap_or_else(PoisonError::into_inner).push(text.0);
    }
}

struct Text(String);

impl Visit for Text {
    fn record_debug(&mut self, field: &tracing::field::Field, value: &dyn fmt::Debug) {
        self.0.push_str(&format!("{}={value:?} ", field.name()));
    }
}
