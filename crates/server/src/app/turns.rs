//! Who changes the same thing at the same time takes turns.
//!
//! Whoever saves previews first. Of twenty who begin together nineteen would preview in vain, and nineteen again: each saves
//! upon the version that they previewed. So they queue up, without a connection to the database; between servers the version
//! decides.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError, Weak},
};

use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;

/// By the id of what is changed: of an app's deployment the app's, of a group's members the group's.
#[derive(Debug, Default)]
pub struct Turns(Mutex<BTreeMap<Uuid, Weak<tokio::sync::Mutex<()>>>>);

/// A turn, until it is dropped.
pub type Turn = OwnedMutexGuard<()>;

impl Turns {
    /// Waits for those who came before.
    pub async fn next(&self, id: Uuid) -> Turn {
        self.queue(id).lock_owned().await
    }

    fn queue(&self, id: Uuid) -> Arc<tokio::sync::Mutex<()>> {
        let mut queues = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        queues.retain(|_, queue| queue.strong_count() > 0);
        if let Some(queue) = queues.get(&id).and_then(Weak::upgrade) {
            return queue;
        }
        let queue = Arc::default();
        queues.insert(id, Arc::downgrade(&queue));
        queue
    }
}

#[cfg(test)]
mod tests {
    use futures_util::future::poll_immediate;

    use super::*;

    #[tokio::test]
    async fn one_after_the_other_and_whoever_changes_something_else_at_once() {
        let turns = Turns::default();
        let (one, other) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let first = turns.next(one).await;
        let mut second = Box::pin(turns.next(one));
        assert!(poll_immediate(&mut second).await.is_none());
        drop(turns.next(other).await);
        drop(first);
        assert!(poll_immediate(&mut second).await.is_some());
        drop(turns.next(one).await);
        // What nobody waits for is forgotten with the next.
        drop(turns.queue(other));
        assert_eq!(turns.0.lock().unwrap().len(), 1);
    }
}
