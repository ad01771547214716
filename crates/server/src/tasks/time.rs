//! Follows the clock of the machine when somebody sets it, without waiting for times that will not come.

use std::time::Duration;

use tokio::{
    sync::watch,
    time::{Instant, sleep},
};

use crate::{
    app::{App, AppError},
    cause::{self, Chain},
    clock::{JUMP_MS, Jump},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Another server, whose clock is wrong, may write what lies ahead of us.
const TIDY_EVERY: Duration = Duration::from_secs(60);

/// Until `stop` says so.
pub async fn watch(app: &App, mut stop: watch::Receiver<bool>) {
    let mut said = Said::default();
    let mut tidy_at = Instant::now();
    loop {
        let work = async {
            step(app, &mut said).await?;
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

/// Follows the clock, if it was set.
pub async fn step(app: &App, said: &mut Said) -> Result<(), AppError> {
    if let Some(jump) = app.clock.jump() {
        let jumped_ms = jump.to.ms() - jump.from.ms();
        if said.is_news(jump) {
            tracing::warn!(jumped_ms, "the clock of this machine was set by {jumped_ms} ms");
        }
        follow(app).await?;
    }
    *said = Said::default();
    Ok(())
}

/// Of which jump something was said. While the database is away it cannot be followed, and is met again every second.
#[derive(Default)]
pub struct Said {
    jumped_ms: Option<i64>,
}

impl Said {
    /// Two clocks are read one after the other, so a jump is never quite as long as it was a second before.
    fn is_news(&mut self, jump: Jump) -> bool {
        let jumped_ms = jump.to.ms() - jump.from.ms();
        let known = self.jumped_ms.is_some_and(|said| said.abs_diff(jumped_ms) <= JUMP_MS);
        if !known {
            self.jumped_ms = Some(jumped_ms);
        }
        !known
    }
}

/// Waits until no step is under way, moves what is kept along with the clock, and goes by it from then on.
///
/// Every other step waits behind this one. So what only reads does not come to its end first: a list in many pages, or
/// the names of a thousand apps, begin anew.
async fn follow(app: &App) -> Result<(), AppError> {
    app.clock_waits.send_replace(true);
    let _nobody = app.steps.write().await;
    app.clock_waits.send_replace(false);
    // It may have been set again meanwhile, or right.
    if let Some(jump) = app.clock.jump() {
        app.store
            .clock_set(&app.instance, jump.from, jump.to, horizon(app))
            .await?;
        app.clock.follow();
        app.polled.hurry();
    }
    // What gave way is taken up again.
    app.polled.look_soon();
    app.look_again();
    app.reading_bell.notify_one();
    app.describing_bell.notify_one();
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

#[cfg(test)]
mod tests {
    use domain::Time;

    use super::*;

    fn jump(ms: i64) -> Jump {
        Jump {
            from: Time(1_795_410_300_000),
            to: Time(1_795_410_300_000 + ms),
        }
    }

    /// A jump by whole hours was told every second while the database was away: as 46800 s, as 46799 s, and again.
    #[test]
    fn a_jump_that_cannot_be_followed_yet_is_told_once() {
        let mut said = Said::default();
        let told = [46_800_000, 46_799_999, 46_800_001, 46_799_999].map(|ms| said.is_news(jump(ms)));
        assert_eq!(told, [true, false, false, false]);
        assert!(said.is_news(jump(-3_600_000)), "it was set again");
        assert!(!said.is_news(jump(-3_600_001)));
    }
}
