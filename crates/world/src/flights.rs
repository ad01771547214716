//! Steps that are under way: each goes on until it waits for Apple, and no further before it is its turn again.

use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};

use store::Store;
use tokio::sync::Notify;

use crate::network::Network;

/// What a step that came to its end says.
pub type Ended = Result<(), String>;

pub struct Flight {
    pub id: u64,
    pub server: usize,
    pub name: &'static str,
    future: Pin<Box<dyn Future<Output = Ended>>>,
}

/// How far a flight came.
#[derive(Debug, PartialEq, Eq)]
pub enum Driven {
    /// It waits for Apple.
    Held,
    /// It waits for another flight.
    Blocked,
    Ended(Ended),
}

/// How often a flight has to be found standing still, while nobody asks the database anything, before that is believed; a
/// beat of [`Beat`] apart each time.
const STILL: u32 = 4;
/// So many of them again, and nothing will ever wake it.
const DEAD: u32 = 4000;
const BEAT: Duration = Duration::from_millis(1);

impl Flight {
    pub fn new(id: u64, server: usize, name: &'static str, future: impl Future<Output = Ended> + 'static) -> Flight {
        Flight {
            id,
            server,
            name,
            future: Box::pin(future),
        }
    }

    /// Goes on until it ends, or waits for Apple. A pause that the product makes is over at once. `blocks`: others are
    /// under way, for whom it may have to wait.
    pub async fn drive(&mut self, network: &Network, beat: &Beat, stores: &[Store], blocks: bool) -> Driven {
        network.is_of(self.id);
        let (id, future) = (self.id, &mut self.future);
        let (mut still, mut beats) = (0, 0);
        loop {
            let mut polls = 0;
            let goes_on = poll_fn(|context| {
                polls += 1;
                // Asked first: whoever is woken by both has gone on.
                if let Poll::Ready(ended) = future.as_mut().poll(context) {
                    return Poll::Ready(Driven::Ended(ended));
                }
                // Whoever writes down something while it waits for Apple is not stopped in the midst of that.
                match network.holds_of(id) && stores.iter().all(Store::is_idle) {
                    true => Poll::Ready(Driven::Held),
                    false => Poll::Pending,
                }
            });
            tokio::select! {
                biased;
                () = beat.0.notified() => {}
                driven = goes_on => return driven,
            }
            // Once it was asked here, and whenever something woke it.
            if polls > 1 || !stores.iter().all(Store::is_idle) {
                still = 0;
            }
            beats += 1;
            still += 1;
            if still < STILL {
                continue;
            }
            if blocks {
                return Driven::Blocked;
            }
            // It waits for a time, and nobody else does.
            tokio::time::advance(Duration::from_secs(1)).await;
            if beats > DEAD {
                return Driven::Ended(Err(format!("the step {} waits for what does not come", self.name)));
            }
        }
    }
}

/// Beats all the time, by the clock of the machine: so that it is noticed when nothing moves. While it does, the clock of
/// the runtime stands still unless it is moved.
#[derive(Clone)]
pub struct Beat(Arc<Notify>);

impl Beat {
    pub fn start() -> (Beat, std::sync::mpsc::Sender<()>) {
        let beat = Beat(Arc::default());
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let notify = beat.0.clone();
        tokio::task::spawn_blocking(move || {
            while stopped.recv_timeout(BEAT) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
                notify.notify_waiters();
            }
        });
        (beat, stop)
    }
}
