//! How long somebody waits for a connection to PostgreSQL.

use std::{
    cell::Cell,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    pin,
    time::{Instant, timeout_at},
};

use crate::StoreError;

/// Without anybody having been given one, the making of a connection included. Below the two seconds within which a request
/// is told that the database is away.
pub(crate) const PATIENCE: Duration = Duration::from_millis(1500);
/// In a queue that moves.
pub(crate) const AT_MOST: Duration = Duration::from_secs(10);
/// A wait that is no wait: a connection was there, or nearly.
const SHORT: Duration = Duration::from_millis(50);

tokio::task_local! {
    /// What is left of the patience of whoever asks.
    static LEFT: Cell<Duration>;
}

/// Lets `work` wait for connections, however many it needs, for no longer than 1.5 s together without anybody having been
/// given one.
///
/// Otherwise a request that asks for its session and then for its page would wait for a database that is away twice.
pub fn in_one_wait<T>(work: impl Future<Output = T>) -> impl Future<Output = T> {
    LEFT.scope(Cell::new(PATIENCE), work)
}

/// Those who wait for one of a pool's connections.
///
/// When all of them are in use the database is busy, and not away: whoever waits gets their turn. It is away, or hangs, when
/// nobody is given a connection any more.
#[derive(Debug, Default)]
pub(crate) struct Queue(Mutex<Option<Instant>>);

impl Queue {
    /// When somebody was given a connection last.
    fn moved(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `later` gives, unless patience ends before. Whoever is not within [`in_one_wait`] has all of it each time.
    pub async fn connected<T>(&self, later: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        let left = LEFT.try_with(Cell::get).unwrap_or(PATIENCE);
        let began = Instant::now();
        pin!(later);
        let mut until = began + left;
        let result = loop {
            if let Ok(result) = timeout_at(until, &mut later).await {
                break result;
            }
            let longer = (self.stood(began) + left).min(began + AT_MOST);
            if longer <= until {
                break Err(sqlx::Error::PoolTimedOut);
            }
            until = longer;
        };
        let stood = self.stood(began).elapsed();
        if stood > SHORT {
            // Outside of it there is nothing to keep.
            let _ = LEFT.try_with(|kept| kept.set(left.saturating_sub(stood)));
        }
        if result.is_ok() {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
        Ok(result?)
    }

    /// Since when the queue has stood still, for whoever came at `began`.
    fn stood(&self, began: Instant) -> Instant {
        self.moved().map_or(began, |moved| moved.max(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two waits of a request were 3.006 s.
    #[tokio::test(start_paused = true)]
    async fn however_often_a_request_waits_for_a_connection_it_waits_for_a_second_and_a_half() {
        let queue = Queue::default();
        let never = || queue.connected(std::future::pending::<Result<(), sqlx::Error>>());
        let began = Instant::now();
        in_one_wait(async {
            for _ in 0..5 {
                assert!(never().await.unwrap_err().is_outage());
            }
            // What is there at once needs no patience.
            queue.connected(async { Ok(()) }).await.unwrap();
        })
        .await;
        assert!(
            began.elapsed() <= PATIENCE + Duration::from_millis(2),
            "{:?}",
            began.elapsed()
        );

        let began = Instant::now();
        let slow = |ms| {
            queue.connected(async move {
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
    /// Twenty administrators who saved at once on a busy machine were told that the database cannot be reached.
    #[tokio::test(start_paused = true)]
    async fn whoever_waits_in_a_queue_that_moves_waits_for_their_turn() {
        let queue = Queue::default();
        let slow = |ms| {
            queue.connected(async move {
                tokio::time::sleep(Duration::from_millis(ms)).await;
                Ok(())
            })
        };
        // Somebody else is given one every second, until the database hangs.
        let others = async {
            for _ in 0..8 {
                slow(1000).await.unwrap();
            }
        };
        let waiting = in_one_wait(async {
            let began = Instant::now();
            slow(7_200).await.unwrap();
            // Of their patience they need what the queue stood still for.
            let hangs = queue.connected(std::future::pending::<Result<(), sqlx::Error>>());
            assert!(hangs.await.unwrap_err().is_outage());
            began.elapsed()
        });
        let (waited, ()) = tokio::join!(waiting, others);
        // The last was given at 8.0 s, and 0.2 s of 1.5 s had gone.
        assert!((9_250..9_350).contains(&waited.as_millis()), "{waited:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_for_ever_in_a_queue_that_moves() {
        let queue = Queue::default();
        let others = async {
            loop {
                let one = queue.connected(async {
                    tokio::time::sleep(Duration::from_millis(100)).await;
                    Ok(())
                });
                one.await.unwrap();
            }
        };
        let began = Instant::now();
        let waiting = queue.connected(std::future::pending::<Result<(), sqlx::Error>>());
        let refused = tokio::select! {
            refused = waiting => refused,
            () = others => unreachable!("others go on"),
        };
        assert!(refused.unwrap_err().is_outage());
        assert_eq!(began.elapsed().as_secs(), AT_MOST.as_secs());
    }
}
