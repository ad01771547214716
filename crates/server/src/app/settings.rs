//! The switches of the installation.

use std::{ops::RangeInclusive, time::Duration};

use domain::Policy;
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Base, ChangeKind, NewEvent, Version};

use super::{
    App, AppError, Caller, Problem,
    changes::{Kept, SETTINGS},
    contract::{Agreed, Contract, Previewed, short},
};

/// After so many days a device counts as gone, where nothing else is said.
pub const SILENT_DAYS: u64 = 90;
pub const SILENT_DAYS_AT_MOST: u64 = 366;
/// After so many days a licence goes back whose app its person removed, where nothing else is said.
pub const REMOVED_DAYS: u64 = 30;
/// Nothing is asked of a device in a loop without a pause, nor only once in a lifetime.
pub const PAUSES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(366 * 24 * 3600);

/// What replacing the settings would do.
#[derive(Debug, Clone, PartialEq)]
pub struct SettingsPreview {
    pub before: Policy,
    pub after: Policy,
    /// Of those that would be replaced.
    pub version: Version,
    /// Names all of it.
    pub digest: String,
}

impl Contract for SettingsPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        None
    }

    fn approval_above(&self) -> Option<u64> {
        None
    }

    /// Whoever could do without another administrator by changing the settings first would need nobody.
    fn needs_approval(&self) -> bool {
        self.after.take_back.loosen(&self.before.take_back)
    }

    fn shown(self) -> Previewed {
        Previewed::Settings(Box::new(self))
    }
}

impl App {
    pub async fn policy(&self) -> Result<Policy, AppError> {
        Ok(self.store.policy().await?)
    }

    pub async fn policy_version(&self) -> Result<Version, AppError> {
        Ok(self.store.policy_version().await?)
    }

    /// What replacing the policy would do. Nothing is changed.
    pub async fn policy_preview(&self, policy: &Policy) -> Result<SettingsPreview, AppError> {
        check(policy)?;
        // The version first: it may be too old, never too new.
        let version = self.policy_version().await?;
        let before = self.policy().await?;
        let mut hash = Sha256::new();
        for said in [&before, policy] {
            hash.update(serde_json::to_vec(said).unwrap_or_default());
        }
        Ok(SettingsPreview {
            before,
            after: policy.clone(),
            version,
            digest: short(hash),
        })
    }

    /// Replaces the policy, unless it was changed since `base`.
    pub async fn policy_set(&self, caller: &Caller, base: Base, policy: Policy) -> Result<(), AppError> {
        self.policy_save(caller, base, policy, &Agreed::default()).await
    }

    /// The same, unless it is something else by now than was agreed to, or needs another administrator.
    pub async fn policy_save(
        &self,
        caller: &Caller,
        base: Base,
        policy: Policy,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        check(&policy)?;
        loop {
            let preview = self.policy_preview(&policy).await?;
            if !base.is(&preview.version) {
                return Err(AppError::Stale("settings"));
            }
            // Whoever has the server's own machine needs nobody: they could write into the database.
            let preview = match caller {
                Caller::System => preview,
                _ => preview.agreed(agreed)?,
            };
            let now = self.now();
            let mut tx = self.store.begin().await?;
            let before = tx.policy().await?;
            let seen = Base::Version(preview.version.number);
            if !tx.policy_set(seen, &policy, caller.changes(now)).await? {
                if matches!(base, Base::Latest) {
                    // Somebody was faster, which does not matter to this caller.
                    continue;
                }
                return Err(AppError::Stale("settings"));
            }
            let mut detail = json!({ "before": before, "after": policy });
            if before != policy || agreed.because.approved.is_some() {
                let kept = Kept {
                    kind: ChangeKind::Settings,
                    thing: SETTINGS.to_owned(),
                    name: String::new(),
                    before: json!(before),
                    after: json!(policy),
                    promised: json!({}),
                    digest: Some(preview.digest),
                };
                detail["change"] = json!(self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?);
            }
            tx.event(&NewEvent::new(now, caller.actor(), "policyChanged").with(detail))
                .await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }
}

fn check(policy: &Policy) -> Result<(), AppError> {
    if policy.take_back.are_sane() {
        return Ok(());
    }
    Err(AppError::Invalid {
        field: "takeBack",
        problem: Problem::Malformed,
    })
}
