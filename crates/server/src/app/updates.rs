//! Who decides that devices get a newer version of an app, and the release of one by hand.

use domain::{AssetId, Updates};
use serde_json::json;
use store::{AppRow, NewEvent, Version};

use super::{App, AppError, Base, Caller, Problem};

impl App {
    /// The app with its [`Updates`], and of which version those are.
    pub async fn updates(&self, asset: AssetId) -> Result<(AppRow, Version), AppError> {
        let mut read = self.store.snapshot().await?;
        let row = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let version = read.updates_version(asset).await?.unwrap_or_default();
        Ok((row, version))
    }

    /// Sets who decides it, unless somebody did since `base`.
    ///
    /// A version is released that the store has or had: what is not known to be there yet nobody has looked at.
    pub async fn updates_set(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        updates: Updates,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let before = tx.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        if let Updates::ByHand {
            released: Some(released),
        } = updates
            && before.store_version.is_none_or(|newest| released > newest)
        {
            return Err(AppError::Invalid {
                field: "releasedVersion",
                problem: Problem::Unknown,
            });
        }
        if !tx.updates_set(asset, base, updates, caller.changes(now)).await? {
            return Err(AppError::Stale("app"));
        }
        let event = NewEvent::new(now, caller.actor(), "appUpdatesSet").asset(asset);
        tx.event(
            &event.with(json!({ "before": told(before.updates), "after": told(updates), "version": before.version })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}

fn told(updates: Updates) -> serde_json::Value {
    match updates {
        Updates::Automatic => json!({ "automatic": true }),
        Updates::ByHand { released } => json!({ "automatic": false, "released": released }),
    }
}
