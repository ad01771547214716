//! A bound on expensive work: so much of it runs at once, so much waits, and the rest is told to come back.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use tokio::sync::Semaphore;

/// Where work passes that costs memory and a processor: hashing a password, making a key.
///
/// It runs on threads of its own, never on those that answer requests, and no more of it at once than the gate lets
/// through, however many ask. Cheap to clone; clones are the same gate.
#[derive(Debug, Clone)]
pub struct Gate {
    running: Arc<Semaphore>,
    /// A place for everything that runs or waits here.
    places: Arc<Semaphore>,
    load: Arc<Load>,
}

/// The gate is full, or did not open in time. Nothing was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("too much of this is under way; try again in {} seconds", Busy::RETRY_AFTER.as_secs())]
pub struct Busy;

impl Busy {
    /// The longest queue is worked off in less, on one slow processor.
    pub const RETRY_AFTER: Duration = Duration::from_secs(5);
}

/// Whoever waited so long has given up: a browser's person after about ten seconds.
const PATIENCE: Duration = Duration::from_secs(10);

#[derive(Debug, Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
}

/// One piece of work while it runs, however it ends.
struct Running(Arc<Load>);

impl Running {
    fn begin(load: Arc<Load>) -> Running {
        let now = load.now.fetch_add(1, Ordering::SeqCst) + 1;
        load.most.fetch_max(now, Ordering::SeqCst);
        Running(load)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Gate {
    pub fn new(running: usize, waiting: usize) -> Gate {
        Gate {
            running: Arc::new(Semaphore::new(running)),
            places: Arc::new(Semaphore::new(running + waiting)),
            load: Arc::default(),
        }
    }

    /// A second entrance to the same work, with so many places of its own: whoever may use it is not turned away
    /// because of a crowd at the first.
    pub fn entrance(&self, places: usize) -> Gate {
        Gate {
            running: Arc::clone(&self.running),
            places: Arc::new(Semaphore::new(places)),
            load: Arc::clone(&self.load),
        }
    }

    /// Does `work` when its turn comes.
    ///
    /// Work that has begun keeps its place until it is done, even when nobody waits for it any more: a client that
    /// hangs up does not make room for the next.
    pub async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Busy> {
        let place = Arc::clone(&self.places).try_acquire_owned().map_err(|_| Busy)?;
        let turn = tokio::time::timeout(PATIENCE, Arc::clone(&self.running).acquire_owned())
            .await
            .map_err(|_| Busy)?
            .expect("a gate is never closed");
        let load = Arc::clone(&self.load);
        let done = tokio::task::spawn_blocking(move || {
            // Dropped in this order: whoever gets the place next is counted after this one has gone.
            let _held = (Running::begin(load), turn, place);
            work()
        });
        Ok(done.await.expect("the work does not panic"))
    }

    /// How much ran at once at most, since the start.
    pub fn most_at_once(&self) -> usize {
        self.load.most.load(Ordering::SeqCst)
    }
}

/// The gates of one server.
#[derive(Debug, Clone)]
pub struct Gates {
    /// Password hashes; each takes 7 MiB.
    pub passwords: Gate,
    /// The same for browsers in which the person has signed in before.
    pub known_browsers: Gate,
    /// Keys of devices.
    pub keys: Gate,
}

impl Default for Gates {
    /// As many as there are processors, but at most four: 28 MiB for hashes, whatever the machine.
    fn default() -> Gates {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        // 32 hashes of 30 ms are half a second on two processors.
        let passwords = Gate::new(processors.min(Gates::MOST_HASHES), 32);
        Gates {
            known_browsers: passwords.entrance(16),
            passwords,
            // A key takes up to half a second of a processor, and nobody waits for it but its one device.
            keys: Gate::new(processors.min(Gates::MOST_KEYS), 16),
        }
    }
}

impl Gates {
    pub const MOST_HASHES: usize = 4;
    pub const MOST_KEYS: usize = 2;
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Work that runs until it is told to end, once it has said that it began.
    fn held(began: &mpsc::Sender<()>) -> (impl FnOnce() + Send + 'static, mpsc::Sender<()>) {
        let (end, ended) = mpsc::channel::<()>();
        let began = began.clone();
        let work = move || {
            began.send(()).unwrap();
            let _ = ended.recv();
        };
        (work, end)
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn what_finds_no_place_is_turned_away_at_once() {
        let gate = Gate::new(1, 1);
        let (began, begins) = mpsc::channel();
        let (first, end) = held(&began);
        let running = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(first).await }
        });
        tokio::task::spawn_blocking(move || begins.recv().unwrap())
            .await
            .unwrap();
        let waiting = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(|| "second").await }
        });
        while gate.places.available_permits() > 0 {
            tokio::task::yield_now().await;
        }

        assert_eq!(gate.run(|| "third").await, Err(Busy));
        drop(end);
        assert_eq!(running.await.unwrap(), Ok(()));
        assert_eq!(waiting.await.unwrap(), Ok("second"));
        assert_eq!(gate.run(|| "fourth").await, Ok("fourth"));
        assert_eq!(gate.most_at_once(), 1);
    }

    /// Or a client that asks and hangs up, over and over, would have any number of hashes made.
    #[tokio::test(flavor = "multi_thread")]
    async fn work_that_nobody_waits_for_any_more_keeps_its_place() {
        let gate = Gate::new(1, 0);
        let (began, begins) = mpsc::channel();
        let (work, end) = held(&began);
        let asked = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(work).await }
        });
        tokio::task::spawn_blocking(move || begins.recv().unwrap())
            .await
            .unwrap();
        asked.abort();
        let _ = asked.await;

        assert_eq!(gate.run(|| ()).await, Err(Busy));
        drop(end);
        while gate.places.available_permits() == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(gate.run(|| ()).await, Ok(()));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_crowd_at_one_entrance_leaves_the_other_open() {
        let gate = Gate::new(1, 0);
        let known = gate.entrance(1);
        let (began, begins) = mpsc::channel();
        let (work, end) = held(&began);
        let crowd = tokio::spawn({
            let gate = gate.clone();
            async move { gate.run(work).await }
        });
        tokio::task::spawn_blocking(move || begins.recv().unwrap())
            .await
            .unwrap();
        assert_eq!(gate.run(|| ()).await, Err(Busy));

        let through = tokio::spawn(async move { known.run(|| "through").await });
        drop(end);
        assert_eq!(through.await.unwrap(), Ok("through"));
        crowd.await.unwrap().unwrap();
        assert_eq!(gate.most_at_once(), 1, "both entrances lead to the same work");
    }
}
