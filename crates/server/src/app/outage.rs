//! A database that does not work: said once, watched, and said again when it works.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::{
    App,
    looks::{Found, Looks},
};
use crate::cause::Chain;

/// How often to look whether the database is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long a look may take, and how long whoever asks `/readyz` waits: they are told within two seconds.
const LOOK: Duration = Duration::from_millis(1800);
const LATE: &str = "the database did not answer in time";

/// What is known of a database that does not work.
#[derive(Debug, Default)]
pub struct Outage {
    /// It was found not to work, and is being watched.
    watched: AtomicBool,
    looks: Looks,
}

impl App {
    /// Whether something can be written from this moment on. If not, why: without addresses or secrets.
    ///
    /// Anybody may ask, as often as they like: those who ask at the same time share what is written.
    pub async fn ready(&self) -> Found {
        let app = self.clone();
        let look = || async move {
            match timeout(LOOK, app.store.write_works(app.random.id())).await {
                Ok(Ok(())) => Ok(()),
                Ok(Err(error)) => Err(error.to_string()),
                Err(_) => Err(LATE.to_owned()),
            }
        };
        match timeout(LOOK, self.outage.looks.answer(look)).await {
            Ok(found) => found,
            Err(_) => Err(LATE.to_owned()),
        }
    }

    /// Says that the database does not work, once however many notice, and goes on by itself when it does.
    pub fn outage(&self, error: &(dyn Error + 'static)) {
        self.outage_said(&Chain(error).to_string());
    }

    pub(crate) fn outage_said(&self, chain: &str) {
        if self.outage.watched.swap(true, Ordering::SeqCst) || self.store.is_closed() {
            return;
        }
        tracing::error!(
            error = chain,
            "the database does not work; requests are answered 503 until it does"
        );
        let app = self.clone();
        tokio::spawn(async move {
            let since = Instant::now();
            while app.ready().await.is_err() {
                if app.store.is_closed() {
                    return;
                }
                sleep(LOOK_EVERY).await;
            }
            app.outage.watched.store(false, Ordering::SeqCst);
            let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(took_ms, "the database works again");
            app.look_again();
        });
    }
}
