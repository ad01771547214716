//! Asking for a look at what Apple has, and watching it.

use domain::SyncId;
use store::{SyncCause, SyncRow};

use super::{App, AppError, Caller};

impl App {
    /// Asks for a full read of what Apple has, now. One that waits or runs already is the answer (A18).
    pub async fn sync_now(&self, caller: &Caller) -> Result<SyncId, AppError> {
        caller.may_write()?;
        let location = self
            .store
            .location_linked()
            .await?
            .ok_or(AppError::NotFound("location"))?;
        let state = super::tokens::token_state(&location, self.now());
        if !state.readable() {
            return Err(super::tokens::TokenRefused::NotUsable { state }.into());
        }
        let mut tx = self.store.begin().await?;
        let id = tx
            .sync_request(
                SyncId(self.random.id()),
                location.id,
                SyncCause::Person,
                caller.name(),
                self.now(),
            )
            .await?;
        tx.commit().await?;
        // Whoever asks by hand does not wait for the end of a pause.
        self.polled.hurry();
        self.aside.hurry();
        self.service.pace.resume();
        self.reading_bell.notify_one();
        Ok(id)
    }

    pub async fn sync(&self, id: SyncId) -> Result<Option<SyncRow>, AppError> {
        Ok(self.store.sync(id).await?)
    }

    /// The latest first.
    pub async fn syncs(&self, limit: i64) -> Result<Vec<SyncRow>, AppError> {
        match self.store.location_linked().await? {
            Some(location) => Ok(self.store.syncs(location.id, limit).await?),
            None => Ok(Vec::new()),
        }
    }

    /// The one that waits or runs, if any.
    pub async fn sync_open(&self) -> Result<Option<SyncRow>, AppError> {
        match self.store.location_linked().await? {
            Some(location) => Ok(self.store.sync_open(location.id).await?),
            None => Ok(None),
        }
    }
}
