//! One look for all who ask at the same time: for what costs something, and may be asked by anybody.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::{
    sync::{Mutex, watch},
    time::{Instant, sleep_until},
};

/// The beginnings of two looks are so far apart: whoever comes between waits that long, and the database hears of a crowd
/// ten times a second.
const APART: Duration = Duration::from_millis(100);

/// What a look finds: why not, in words.
pub type Found = Result<(), String>;

/// Looks one after the other. What one found is told to those who had asked before it began, and to nobody else: whoever
/// asks later may ask about what has happened since.
#[derive(Debug)]
pub struct Looks {
    /// How many have begun; so they are numbered.
    begun: AtomicU64,
    /// Whoever has it may begin the next.
    turn: Arc<Mutex<()>>,
    /// The number of the last that ended, and what it found.
    ended: watch::Sender<(u64, Found)>,
}

impl Default for Looks {
    fn default() -> Looks {
        Looks {
            begun: AtomicU64::new(0),
            turn: Arc::default(),
            ended: watch::Sender::new((0, Ok(()))),
        }
    }
}

impl Looks {
    /// What a look finds that begins from now on: this one, or that of somebody who asked meanwhile.
    ///
    /// A look goes on when whoever asked for it does not wait, so it has to end by itself.
    pub async fn answer<L>(&self, look: impl FnOnce() -> L) -> Found
    where
        L: Future<Output = Found> + Send + 'static,
    {
        let before = self.begun.load(Ordering::SeqCst);
        let mut ended = self.ended.subscribe();
        let turn = tokio::select! {
            biased;
            found = newer(&mut ended, before) => return found,
            turn = Arc::clone(&self.turn).lock_owned() => turn,
        };
        let number = self.begun.fetch_add(1, Ordering::SeqCst) + 1;
        let (look, tell, began) = (look(), self.ended.clone(), Instant::now());
        tokio::spawn(async move {
            let found = look.await;
            tell.send_modify(|last| *last = (number, found));
            sleep_until(began + APART).await;
            drop(turn);
        });
        newer(&mut ended, before).await
    }
}

/// What the first look finds that ends and has a higher number.
async fn newer(ended: &mut watch::Receiver<(u64, Found)>, than: u64) -> Found {
    match ended.wait_for(|(number, _)| *number > than).await {
        Ok(last) => last.1.clone(),
        Err(_) => Err("nobody looks any more".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::join_all;
    use tokio::sync::oneshot;

    use super::*;

    /// Each `/readyz` was a write of its own, for whoever asked, as often as they asked.
    #[tokio::test]
    async fn a_crowd_costs_a_few_looks() {
        let (looks, count) = (Looks::default(), Arc::new(AtomicU64::new(0)));
        let look = || {
            let count = Arc::clone(&count);
            async move {
                count.fetch_add(1, Ordering::SeqCst);
                Ok(())
            }
        };
        // A thousand at once: those who came after the first look had begun are told by the second.
        let all = join_all((0..1000).map(|_| looks.answer(look))).await;
        assert!(all.iter().all(Result::is_ok));
        assert_eq!(count.swap(0, Ordering::SeqCst), 2);

        // And one after the other.
        let began = Instant::now();
        for _ in 0..5 {
            looks.answer(look).await.unwrap();
        }
        assert_eq!(count.load(Ordering::SeqCst), 5);
        assert!(began.elapsed() >= 4 * APART);
    }

    /// A look that ended with whoever gave up would cost as much, and tell nobody anything.
    #[tokio::test]
    async fn whoever_asks_and_does_not_wait_costs_no_more_looks() {
        let (looks, count) = (Looks::default(), Arc::new(AtomicU64::new(0)));
        for _ in 0..100 {
            let count = Arc::clone(&count);
            let asking = looks.answer(|| async move {
                count.fetch_add(1, Ordering::SeqCst);
                std::future::pending().await
            });
            // As far as it goes at once.
            tokio::select! {
                biased;
                _ = asking => {}
                () = tokio::task::yield_now() => {}
            }
        }
        assert_eq!(count.load(Ordering::SeqCst), 1);
    }

    /// An answer that was kept for a second said that all is well of a database that had just been cut off.
    #[tokio::test]
    async fn what_was_found_is_told_to_nobody_who_asked_after_the_look_began() {
        let looks = Looks::default();
        let (begins, begun) = oneshot::channel();
        let (ends, end) = oneshot::channel();
        let first = looks.answer(|| async move {
            begins.send(()).unwrap();
            end.await.unwrap()
        });
        let later = async {
            begun.await.unwrap();
            // The first look is under way, and sees what was before the database went away.
            let asking = looks.answer(|| async { Err("away".to_owned()) });
            let ending = async { ends.send(Ok(())).unwrap() };
            tokio::join!(asking, ending).0
        };
        let (first, later) = tokio::join!(first, later);
        assert_eq!((first, later), (Ok(()), Err("away".to_owned())));
        // Nor what has been found for ever.
        assert_eq!(looks.answer(|| async { Ok(()) }).await, Ok(()));
    }
}
