//! How long somebody waits for a connection to PostgreSQL.

use std::{cell::Cell, time::Duration};

use tokio::time::{Instant, timeout};

use crate::StoreError;

/// The making of a connection included. Below the two seconds within which a request is told that the database is away.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);
/// A wait that is no wait: a connection was there, or nearly.
const SHORT: Duration = Duration::from_millis(50);

tokio::task_local! {
    /// What is left of the patience of whoever asks.
    static LEFT: Cell<Duration>;
}

/// Lets `work` wait for connections, however many it needs, for no longer than 1.5 s together.
///
/// Otherwise a request that asks for its session and then for its page would wait for a database that is away twice.
pub fn in_one_wait<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    LEFT.scope(Cell::new(PATIENCE), work)
}

/// What `later` gives, unless patience ends before. Whoever is not within [`in_one_wait`] has all of it each time.
pub(crate) async fn connected<T>(later: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
    let left = LEFT.try_with(Cell::get).unwrap_or(PATIENCE);
    let began = Instant::now();
    let result = timeout(left, later).await;
    let took = began.elapsed();
    if took > SHORT {
        // Outside of it there is nothing to keep.
        let _ = LEFT.try_with(|kept| kept.set(left.saturating_sub(took)));
    }
    Ok(result.unwrap_or(Err(sqlx::Error::PoolTimedOut))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two waits of a request were 3.006 s.
    #[tokio::test(start_paused = true)]
    async fn however_often_a_request_waits_for_a_connection_it_waits_for_a_second_and_a_half() {
        let never = || connected(std::future::pending::<Result<(), sqlx::Error>>());
        let began = Instant::now();
        in_one_wait(async {
            for _ in 0..5 {
                assert!(never().await.unwrap_err().is_outage());
            }
            // What is there at once needs no patience.
            connected(async { Ok(()) }).await.unwrap();
        })
        .await;
        assert!(
            began.elapsed() <= PATIENCE + Duration::from_millis(2),
            "{:?}",
            began.elapsed()
        );

        let began = Instant::now();
        let slow = |ms| {
            connected(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            })
        };
        in_one_wait(async {
            for _ in 0..100 {
                slow(30).await.unwrap();
            }
            slow(900).await.unwrap();
            assert!(
                slow(900).await.unwrap_err().is_outage(),
                "the second long one is too much"
            );
        })
        .await;
        assert!(
            began.elapsed() <= Duration::from_millis(3000 + 1502),
            "{:?}",
            began.elapsed()
        );
    }
}
