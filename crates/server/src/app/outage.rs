//! A database that does not work: said once, watched, and said again when it works.

use std::{
    error::Error,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::time::{Instant, sleep, timeout};

use super::App;
use crate::cause::Chain;

/// How often to look whether the database is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the look may take; whoever asks `/readyz` waits for it.
const LOOK: Duration = Duration::from_millis(1800);

/// Whether the database was found not to work, and is being watched.
#[derive(Debug, Default)]
pub struct Outage(AtomicBool);

impl App {
    /// Whether something can be written at this moment. If not, why: without addresses or secrets.
    pub async fn ready(&self) -> Result<(), String> {
        match timeout(LOOK, self.store.write_works(self.random.id())).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(_) => Err("the database did not answer in time".to_owned()),
        }
    }

    /// Says that the database does not work, once however many notice, and goes on by itself when it does.
    pub fn outage(&self, error: &(dyn Error + 'static)) {
        self.outage_said(&Chain(error).to_string());
    }

    pub(crate) fn outage_said(&self, chain: &str) {
        if self.outage.0.swap(true, Ordering::SeqCst) || self.store.is_closed() {
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
            app.outage.0.store(false, Ordering::SeqCst);
            let took_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
            tracing::info!(took_ms, "the database works again");
            app.look_again();
        });
    }
}
