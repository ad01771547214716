//! The loops. Each has a `step()` that looks at the world and closes one gap; a bell only makes it look sooner.

pub mod location;
pub mod operations;
pub mod push;
pub mod reconcile;
pub mod retention;
pub mod sync;

use std::{future::Future, time::Duration};

use tokio::sync::{Notify, watch};

use crate::{
    app::App,
    cause::{self, Chain},
    clock::Clock,
};

/// What is kept for months is not late after an hour.
const TRIM_EVERY: Duration = Duration::from_secs(3600);

/// Somebody rings when an app was bought; this is for what could not be read then.
const DESCRIBE_EVERY: Duration = Duration::from_secs(60);

const CLOCK_EVERY: Duration = Duration::from_secs(5);
/// NTP corrects less than that without a jump.
const JUMP_MS: u64 = 2000;

/// Runs every loop until `stop` says so.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let every = app.config.reconcile_every;
    let nobody_rings = Notify::new();
    tokio::join!(
        repeat(&app, "location", every, &app.location_bell, stop.clone(), || {
            location::step(&app)
        }),
        repeat(&app, "reading", every, &app.reading_bell, stop.clone(), || {
            location::read(&app)
        }),
        repeat(
            &app,
            "describing",
            DESCRIBE_EVERY,
            &app.describing_bell,
            stop.clone(),
            || { location::describe(&app) }
        ),
        repeat(&app, "retention", TRIM_EVERY, &nobody_rings, stop.clone(), || {
            retention::step(&app)
        }),
        watch_clock(&app, stop.clone()),
        repeat(&app, "push", every, &app.device_bell, stop.clone(), || push::step(&app)),
    );
}

/// Says when the wall clock did not go as the time did: somebody set it, or the machine slept.
async fn watch_clock(app: &App, mut stop: watch::Receiver<bool>) {
    let (mut wall, mut steady) = (app.now(), tokio::time::Instant::now());
    loop {
        tokio::select! {
            () = tokio::time::sleep(CLOCK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
        let passed_ms = i64::try_from(steady.elapsed().as_millis()).unwrap_or(i64::MAX);
        let jumped_ms = app.now().ms() - wall.ms() - passed_ms;
        (wall, steady) = (app.now(), tokio::time::Instant::now());
        if jumped_ms.unsigned_abs() > JUMP_MS && matches!(app.clock, Clock::System) {
            tracing::warn!(jumped_ms, "the clock of this machine jumped by {jumped_ms} ms");
        }
    }
}

/// What a step says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Something was done: look again at once.
    Worked,
    /// Nothing to do until the bell rings or some time has passed.
    Idle,
}

async fn repeat<F, E>(
    app: &App,
    name: &'static str,
    every: Duration,
    bell: &Notify,
    mut stop: watch::Receiver<bool>,
    mut step: impl FnMut() -> F,
) where
    F: Future<Output = Result<Stepped, E>>,
    E: std::error::Error + 'static,
{
    loop {
        if *stop.borrow() {
            return;
        }
        match step().await {
            Ok(Stepped::Worked) => continue,
            Ok(Stepped::Idle) => {}
            Err(error) if cause::is_outage(&error) => app.outage(&error),
            Err(error) => tracing::error!(task = name, error = %Chain(&error), "a step failed; it is tried again"),
        }
        tokio::select! {
            () = bell.notified() => {}
            () = tokio::time::sleep(every) => {}
            _ = stop.changed() => {}
        }
    }
}
