//! The switches of the installation.
//!
//! Saving is a contract here too: some of them take licences back, of thousands at once.

use std::{collections::BTreeSet, ops::RangeInclusive, time::Duration};

use domain::{DeviceId, Effect, Policy, PolicyChange, Time};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{AppRow, Base, ChangeKind, NewEvent, Snapshot, Version};

use super::{
    App, AppError, Caller, FieldProblem,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
    kept::{Kept, SETTINGS, promised},
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
    /// How many devices count as gone by them that would not otherwise, unless they answer first; and how many do not any more.
    pub silent: u64,
    pub back: u64,
    /// Of each app of which they do something to somebody, by name.
    pub apps: Vec<Preview>,
    /// Names both, and what they do.
    pub digest: String,
}

impl Contract for SettingsPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    /// As it is: what the new ones say holds from the next change on.
    fn approval_above(&self) -> Option<u64> {
        self.before.take_back.approval_above
    }

    /// Whoever could do without another administrator by changing the settings first would need nobody.
    fn needs_approval(&self) -> bool {
        self.after.take_back.loosen(&self.before.take_back) || self.to_approve().is_some()
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
    ///
    /// It reads those to whom it can do something, and of each app of theirs the line: nobody, where nothing is changed by which
    /// anybody has an app or not.
    pub async fn policy_preview(&self, policy: &Policy) -> Result<SettingsPreview, AppError> {
        check(policy)?;
        let mut read = self.store.snapshot().await?;
        let version = read.policy_version().await?;
        let before = read.policy().await?;
        let now = self.now();
        let change = PolicyChange {
            policy: policy.clone(),
            silent: heard(&mut read, false, falls_silent(&before, policy, now)).await?,
            back: heard(&mut read, true, falls_silent(policy, &before, now)).await?,
        };
        let mut apps = Vec::new();
        let locations = match change.is_idle(&before) {
            true => Vec::new(),
            false => read.locations().await?,
        };
        for location in locations {
            for app in read.apps(location.id).await?.into_iter().filter(AppRow::is_app) {
                let outcome = read.previewed_policy(location.id, app.id, &change, now).await?;
                let outcome = outcome.filter(|outcome| outcome.of_effect(Effect::None) < outcome.outcomes.len() as u64);
                if let Some(outcome) = outcome {
                    apps.push(self.previewed_app(&mut read, app, outcome).await?);
                }
            }
        }
        drop(read);
        apps.sort_by(|one, next| one.app.name.cmp(&next.app.name));
        let mut hash = Sha256::new();
        for said in [&before, policy] {
            hash.update(serde_json::to_vec(said).unwrap_or_default());
        }
        Ok(SettingsPreview {
            digest: contract::of_apps(hash, apps.iter()),
            before,
            after: policy.clone(),
            version,
            silent: change.silent.len() as u64,
            back: change.back.len() as u64,
            apps,
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
                    promised: promised(preview.apps.iter().map(|app| &app.outcome)),
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

/// When a device was heard last that counts as gone by `policy`, and would not otherwise: from when on, and before when.
fn falls_silent(otherwise: &Policy, policy: &Policy, now: Time) -> Option<(Time, Time)> {
    let before = now - policy.silent_after?;
    let from = otherwise.silent_after.map_or(Time(i64::MIN), |after| now - after);
    (from < before).then_some((from, before))
}

async fn heard(read: &mut Snapshot, silent: bool, span: Option<(Time, Time)>) -> Result<BTreeSet<DeviceId>, AppError> {
    match span {
        Some((from, before)) => Ok(read
            .devices_heard_between(silent, from, before)
            .await?
            .into_iter()
            .collect()),
        None => Ok(BTreeSet::new()),
    }
}

fn check(policy: &Policy) -> Result<(), AppError> {
    if policy.take_back.are_sane() {
        return Ok(());
    }
    Err(AppError::Invalid {
        field: "takeBack",
        problem: FieldProblem::Malformed,
    })
}
