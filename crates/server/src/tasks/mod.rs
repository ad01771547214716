//! The loops. A step of one looks at the world and closes one gap; a bell only makes it look sooner. One watches the clock.

pub mod describing;
pub mod leavers;
pub mod location;
pub mod membership;
pub mod notifications;
pub mod operations;
pub mod push;
pub mod reconcile;
pub mod retention;
pub mod scrub;
pub mod signs;
pub mod silence;
pub mod sync;
pub mod time;

use std::{future::Future, time::Duration};

use apple::AppleError;
use store::{Lease, StoreError};
use tokio::sync::{Notify, watch};

use crate::{
    app::{App, AppError},
    cause::{self, Chain},
};

/// What is kept for months is not late after an hour.
const TRIM_EVERY: Duration = Duration::from_secs(3600);

/// It is about days.
const SILENCE_EVERY: Duration = Duration::from_secs(60);

/// Somebody rings when an app was bought; this is for what could not be read then.
const DESCRIBE_EVERY: Duration = Duration::from_secs(60);

/// A server that dies has not written down who was heard since.
const SIGNS_EVERY: Duration = Duration::from_secs(5);

/// Ten thousand people take a quarter of an hour, and the processor a thousandth of its time.
const SCRUB_EVERY: Duration = Duration::from_secs(20);

/// Runs every loop until `stop` says so.
pub async fn run(app: App, stop: watch::Receiver<bool>) {
    let every = app.config.reconcile_every;
    let nobody_rings = Notify::new();
    let scrub = scrub::Scrub::default();
    tokio::join!(
        repeat(&app, "location", every, &app.location_bell, stop.clone(), || {
            location::step(&app)
        }),
        repeat(&app, "membership", every, &app.groups_bell, stop.clone(), || {
            membership::step(&app)
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
            || { describing::step(&app) }
        ),
        repeat(&app, "leavers", TRIM_EVERY, &nobody_rings, stop.clone(), || {
            leavers::step(&app)
        }),
        repeat(&app, "retention", TRIM_EVERY, &nobody_rings, stop.clone(), || {
            retention::step(&app)
        }),
        repeat(&app, "silence", SILENCE_EVERY, &nobody_rings, stop.clone(), || {
            silence::step(&app)
        }),
        repeat(&app, "signs of life", SIGNS_EVERY, &nobody_rings, stop.clone(), || {
            signs::step(&app)
        }),
        repeat(&app, "scrub", SCRUB_EVERY, &nobody_rings, stop.clone(), || {
            scrub::step(&app, &scrub)
        }),
        time::watch(&app, stop.clone()),
        repeat(&app, "push", every, &app.device_bell, stop.clone(), || push::step(&app)),
    );
}

/// What a step says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stepped {
    /// Something was done: look again at once.
    Worked,
    /// Nothing to do until the bell rings or some time has passed.
    Idle,
}

/// Why a step ended before its end.
#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Apple(#[from] AppleError),
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<StoreError> for StepError {
    fn from(error: StoreError) -> Self {
        StepError::App(error.into())
    }
}

/// The right to work on something alone. `None` when another server has it, or this one's clock was set and is not
/// followed yet: another server may have moved what is kept to the new time, and by the old one a request that is
/// alive would be taken for dead.
async fn turn(app: &App, name: &str, good_for: Duration) -> Result<Option<Lease>, StoreError> {
    let lease = app.store.lease_take(name, &app.instance, good_for).await?;
    // Looked at with the lease in hand: whoever moves things from now on takes it away.
    Ok(lease.filter(|_| app.clock.jump().is_none()))
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
