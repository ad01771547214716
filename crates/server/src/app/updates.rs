//! Who decides that devices get a newer version of an app, and the release of one by hand.

use domain::{AssetId, Updates};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{AppRow, ChangeKind, NewEvent, Version};

use super::{
    App, AppError, Base, Caller, FieldProblem,
    contract::{Agreed, Contract, Previewed, short},
    kept::Kept,
};

/// What saying who decides it would do.
#[derive(Debug, Clone, PartialEq)]
pub struct UpdatesPreview {
    /// As it is.
    pub app: AppRow,
    pub after: Updates,
    /// Of what would be replaced.
    pub version: Version,
    /// Names all of it.
    pub digest: String,
}

impl Contract for UpdatesPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    /// No licence goes with a version.
    fn to_confirm(&self) -> Option<u64> {
        None
    }

    fn approval_above(&self) -> Option<u64> {
        None
    }

    fn shown(self) -> Previewed {
        Previewed::Updates(Box::new(self))
    }
}

impl App {
    /// The app with its [`Updates`], and of which version those are.
    pub async fn updates(&self, asset: AssetId) -> Result<(AppRow, Version), AppError> {
        let mut read = self.store.snapshot().await?;
        let row = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let version = read.updates_version(asset).await?.unwrap_or_default();
        Ok((row, version))
    }

    /// What setting it would do. Nothing is changed.
    pub async fn updates_preview(&self, asset: AssetId, updates: Updates) -> Result<UpdatesPreview, AppError> {
        let (app, version) = self.updates(asset).await?;
        let mut hash = Sha256::new();
        hash.update(json!([asset, told(app.updates), told(updates), app.store_version]).to_string());
        Ok(UpdatesPreview {
            app,
            after: updates,
            version,
            digest: short(hash),
        })
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
        self.updates_save(caller, asset, base, updates, &Agreed::default())
            .await
    }

    /// The same, unless it is something else by now than was agreed to.
    pub(super) async fn updates_save(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        updates: Updates,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let preview = self.updates_preview(asset, updates).await?.agreed(agreed)?;
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
                problem: FieldProblem::Unknown,
            });
        }
        if !tx.updates_set(asset, base, updates, caller.changes(now)).await? {
            return Err(AppError::Stale("app"));
        }
        let (was, is) = (told(before.updates), told(updates));
        let mut detail = json!({ "before": was, "after": is, "version": before.version });
        if before.updates != updates || agreed.because.approved.is_some() {
            // What the newest is called, for whoever reads of it when it is another.
            let (newest, version) = (before.store_version, before.version.clone());
            let named = |said: Value| json!({ "updates": said, "newest": newest, "version": version });
            let kept = Kept {
                kind: ChangeKind::Updates,
                thing: asset.to_string(),
                name: before.name.clone().unwrap_or_else(|| before.adam_id.clone()),
                before: named(was),
                after: named(is),
                promised: json!({}),
                digest: agreed.digest.is_some().then_some(preview.digest),
            };
            detail["change"] = json!(self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?);
        }
        let event = NewEvent::new(now, caller.actor(), "appUpdatesSet").asset(asset);
        tx.event(&event.with(detail)).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}

/// Who decided it, as a change keeps it.
pub fn updates_of(said: &Value) -> Option<Updates> {
    let updates = said.get("updates")?;
    Some(match updates.get("automatic")?.as_bool()? {
        true => Updates::Automatic,
        false => Updates::ByHand {
            released: serde_json::from_value(updates.get("released")?.clone()).ok()?,
        },
    })
}

fn told(updates: Updates) -> Value {
    match updates {
        Updates::Automatic => json!({ "automatic": true }),
        Updates::ByHand { released } => json!({ "automatic": false, "released": released }),
    }
}
