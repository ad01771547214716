//! A database that does not work: said once, watched, and said again when it works.

use std::{
    error::Error,
    future::Future,
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

use tokio::{
    sync::Mutex,
    time::{Instant, sleep, timeout},
};

use super::App;
use crate::cause::Chain;

/// How often to look whether the database is back.
const LOOK_EVERY: Duration = Duration::from_millis(500);
/// How long the look may take; whoever asks `/readyz` waits for it.
const LOOK: Duration = Duration::from_millis(1800);

/// For so long an answer is good for whoever asks next: a look writes, and anybody may ask.
const GOOD_FOR: Duration = Duration::from_secs(1);

/// What is known of the database's health.
#[derive(Debug, Default)]
pub struct Outage {
    /// It was found not to work, and is being watched.
    watched: AtomicBool,
    look: Look,
}

/// One look at a time, for everybody who asks meanwhile and shortly after.
#[derive(Debug, Default)]
struct Look(Mutex<Option<(Instant, Result<(), String>)>>);

impl Look {
    async fn shared(&self, look: impl Future<Output = Result<(), String>>) -> Result<(), String> {
        let mut last = self.0.lock().await;
        if let Some((at, answer)) = &*last
            && at.elapsed() < GOOD_FOR
        {
            return answer.clone();
        }
        let answer = look.await;
        *last = Some((Instant::now(), answer.clone()));
        answer
    }
}

impl App {
    /// Whether something can be written at this moment, as of a second ago at most. If not, why: without addresses or
    /// secrets.
    pub async fn ready(&self) -> Result<(), String> {
        self.outage.look.shared(self.looked()).await
    }

    async fn looked(&self) -> Result<(), String> {
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
            while app.looked().await.is_err() {
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

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;

    use super::*;

    /// Each `/readyz` wrote and flushed, for whoever asked, as often as they asked.
    #[tokio::test]
    async fn a_crowd_that_asks_whether_the_server_is_ready_makes_it_look_once() {
        let (look, looks) = (Look::default(), AtomicUsize::new(0));
        let looked = || async {
            looks.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            Err("no room".to_owned())
        };
        let crowd = (0..100).map(|_| look.shared(looked()));
        for answer in futures_util::future::join_all(crowd).await {
            assert_eq!(answer, Err("no room".to_owned()));
        }
        assert_eq!(looks.load(Ordering::SeqCst), 1);
        // And what was seen is not believed for ever.
        if let Some((at, _)) = &mut *look.0.lock().await {
            *at -= GOOD_FOR;
        }
        assert_eq!(look.shared(async { Ok(()) }).await, Ok(()));
    }
}
