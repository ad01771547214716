//! The switches of the installation.

use domain::Policy;
use serde_json::json;
use store::NewEvent;

use super::{App, AppError, Caller};

impl App {
    pub async fn policy(&self) -> Result<Policy, AppError> {
        Ok(self.store.policy().await?)
    }

    pub async fn policy_set(&self, caller: &Caller, policy: Policy) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let before = self.store.policy().await?;
        let mut tx = self.store.begin().await?;
        tx.policy_set(&policy, now).await?;
        tx.event(
            &NewEvent::new(now, caller.actor(), "policyChanged").with(json!({ "before": before, "after": policy })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
