//! Follows the clock of the machine when somebody sets it, without waiting for times that will not come.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    app::{App, AppError},
    cause::{self, Chain},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Another server, whose clock is wrong, may write what lies ahead of us.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Until `stop` says so.
pub async fn watch(app: &App, mut stop: watch::Receiver<bool>) {
    let mut said = None;
    let mut tidy_at = Instant::now();
    loop {
        let work = async {
            if let Some(jump) = app.clock.jump() {
                let jumped_ms = jump.to.ms() - jump.from.ms();
                if said.replace(jumped_ms / 1000) != Some(jumped_ms / 1000) {
                    tracing::warn!(jumped_ms, "the clock of this machine was set by {jumped_ms} ms");
                }
                follow(app).await?;
            }
            said = None;
            if tidy_at <= Instant::now() {
                tidy(app).await?;
                tidy_at = Instant::now() + TIDY_EVERY;
            }
            Ok::<(), AppError>(())
        };
        match work.await {
            Ok(()) => {}
            Err(error) if cause::is_outage(&error) => app.outage(&error),
            Err(error) => tracing::error!(error = %Chain(&error), "the clock could not be followed; it is tried again"),
        }
        tokio::select! {
            () = sleep(LOOK_EVERY) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Waits until no step is under way, moves what is kept along with the clock, and goes by it from then on.
async fn follow(app: &App) -> Result<(), AppError> {
    let _nobody = app.steps.write().await;
    // It may have been set again meanwhile, or right.
    if let Some(jump) = app.clock.jump() {
        app.store.clock_set(jump.from, jump.to, horizon(app)).await?;
        app.clock.follow();
        app.polled.hurry();
        app.look_again();
        app.reading_bell.notify_one();
    }
    Ok(())
}

/// Takes back what is ahead of its time.
pub async fn tidy(app: &App) -> Result<(), AppError> {
    if app.store.nothing_ahead(app.now(), horizon(app)).await? {
        tracing::warn!("something in the database was of a time that has not come yet; it is of now");
    }
    Ok(())
}

fn horizon(app: &App) -> Duration {
    let patience = app.config.apple.patience;
    patience.request + patience.event + patience.lag
}
