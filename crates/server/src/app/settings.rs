//! The switches of the installation.

use std::{ops::RangeInclusive, time::Duration};

use domain::Policy;
use serde_json::json;
use store::{Base, NewEvent, Version};

use super::{App, AppError, Caller};

/// After so many days a device counts as gone, where nothing else is said.
pub const SILENT_DAYS: u64 = 90;
pub const SILENT_DAYS_AT_MOST: u64 = 366;
/// Nothing is asked of a device in a loop without a pause, nor only once in a lifetime.
pub const PAUSES: RangeInclusive<Duration> = Duration::from_millis(100)..=Duration::from_secs(366 * 24 * 3600);

impl App {
    pub async fn policy(&self) -> Result<Policy, AppError> {
        Ok(self.store.policy().await?)
    }

    pub async fn policy_version(&self) -> Result<Version, AppError> {
        Ok(self.store.policy_version().await?)
    }

    /// Replaces the policy, unless it was changed since `base`.
    pub async fn policy_set(&self, caller: &Caller, base: Base, policy: Policy) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let before = tx.policy().await?;
        if !tx.policy_set(base, &policy, caller.changes(now)).await? {
            return Err(AppError::Stale("settings"));
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "policyChanged").with(json!({ "before": before, "after": policy })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
