//! 배포 관리: which groups get an app, and how.
//!
//! An app may have many deployments at once, to groups of both kinds; the groups that one save adds or changes are
//! one deployment, and have to go together (A26).

use std::collections::{BTreeMap, BTreeSet};

use domain::{Approval, AssetId, Decision, Deployment, DeploymentId, GroupId, GroupKind, Time, decide};
use serde_json::json;
use store::{AppRow, Base, NewEvent, Version};

use super::{App, AppError, Caller, Problem};

/// One line of what an administrator chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DeploymentChoice {
    pub group: GroupId,
    pub approval: Approval,
    pub deadline: Option<Time>,
}

/// The decision as it is, and as it would be.
pub struct Preview {
    pub before: Decision,
    pub after: Decision,
    /// As it would be at each deadline that lies ahead, the next first, if nothing else changed until then (A24).
    pub at_deadlines: Vec<(Time, Decision)>,
}

impl App {
    pub async fn deployments(&self, asset: AssetId) -> Result<Vec<Deployment>, AppError> {
        Ok(self.store.deployments(asset).await?)
    }

    /// Which version of its deployment an app has. Read it before the deployment, not after.
    /// The deployments of all apps together.
    pub async fn deployments_all(&self) -> Result<Vec<Deployment>, AppError> {
        match self.store.locations().await?.first() {
            Some(location) => Ok(self.store.deployments_all(location.id).await?),
            None => Ok(Vec::new()),
        }
    }

    pub async fn deployments_version(&self, asset: AssetId) -> Result<Version, AppError> {
        let version = self.store.deployments_version(asset).await?;
        version.ok_or(AppError::NotFound("app"))
    }

    /// Replaces all that an app has, unless it was changed since `base`: lines that are left out go, and what is added
    /// or changed is one deployment.
    pub async fn deployments_save(
        &self,
        caller: &Caller,
        asset: AssetId,
        base: Base,
        choices: Vec<DeploymentChoice>,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let app = self.app_to_deploy(asset).await?;
        let now = self.now();
        let kinds = self.kinds_of(&choices).await?;

        let mut tx = self.store.begin().await?;
        if !tx.deployments_begin(asset, base, caller.changes(now)).await? {
            return Err(AppError::Stale("deployment"));
        }
        let present = tx.deployments(asset).await?;
        let wanted = self.deployments_of(asset, &present, &choices, &kinds, now)?;
        tx.deployments_replace(asset, &wanted, now).await?;
        tx.event(&saved(caller, &app, &wanted, now)).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Deploys an app to further groups. What it has already stays as it is.
    pub async fn deployments_add(
        &self,
        caller: &Caller,
        asset: AssetId,
        choices: Vec<DeploymentChoice>,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let app = self.app_to_deploy(asset).await?;
        let now = self.now();
        let kinds = self.kinds_of(&choices).await?;
        let mut tx = self.store.begin().await?;
        // It adds to whatever there is.
        tx.deployments_begin(asset, Base::Latest, caller.changes(now)).await?;
        let present = tx.deployments(asset).await?;
        if choices
            .iter()
            .any(|choice| present.iter().any(|line| line.group == choice.group))
        {
            return Err(AppError::Invalid {
                field: "group",
                problem: Problem::Taken,
            });
        }
        let kept = present.iter().map(|line| DeploymentChoice {
            group: line.group,
            approval: line.approval,
            deadline: line.deadline,
        });
        let choices: Vec<_> = kept.chain(choices).collect();
        let wanted = self.deployments_of(asset, &present, &choices, &kinds, now)?;
        tx.deployments_replace(asset, &wanted, now).await?;
        tx.event(&saved(caller, &app, &wanted, now)).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// What saving `choices` would decide. Nothing is changed.
    pub async fn deployments_preview(&self, asset: AssetId, choices: &[DeploymentChoice]) -> Result<Preview, AppError> {
        let app = self.app_to_deploy(asset).await?;
        let now = self.now();
        let mut world = self.store.world(app.location_id, now).await?;
        let facts = world.apps.get(&asset).ok_or(AppError::NotFound("app"))?;
        let mut changed = facts.clone();
        let kinds = self.kinds_of(choices).await?;
        changed.deployments = self.deployments_of(asset, &facts.deployments, choices, &kinds, now)?;
        let before = decide(&world, facts);
        let after = decide(&world, &changed);
        let early = changed.deployments.iter().filter(|line| line.is_early(now));
        let deadlines: BTreeSet<Time> = early.filter_map(|line| line.deadline).collect();
        let at_deadlines = deadlines
            .into_iter()
            .map(|deadline| {
                world.now = deadline;
                (deadline, decide(&world, &changed))
            })
            .collect();
        Ok(Preview {
            before,
            after,
            at_deadlines,
        })
    }

    /// The kinds of the groups of `choices`, all of which have to be there.
    async fn kinds_of(&self, choices: &[DeploymentChoice]) -> Result<BTreeMap<GroupId, GroupKind>, AppError> {
        let mut kinds = BTreeMap::new();
        for choice in choices {
            let group = self.store.group(choice.group).await?.ok_or(AppError::Invalid {
                field: "group",
                problem: Problem::Unknown,
            })?;
            kinds.insert(group.id, group.kind);
        }
        Ok(kinds)
    }

    /// A line that keeps its approval keeps its place in the queue too.
    fn deployments_of(
        &self,
        asset: AssetId,
        present: &[Deployment],
        choices: &[DeploymentChoice],
        kinds: &BTreeMap<GroupId, GroupKind>,
        now: Time,
    ) -> Result<Vec<Deployment>, AppError> {
        let mut wanted = Vec::with_capacity(choices.len());
        for choice in choices {
            let kept = present.iter().find(|line| line.group == choice.group);
            let kind = kinds.get(&choice.group).copied().or(kept.map(|line| line.kind));
            wanted.push(Deployment {
                id: kept.map_or_else(|| DeploymentId(self.random.id()), |line| line.id),
                app: asset,
                group: choice.group,
                kind: kind.ok_or(AppError::NotFound("group"))?,
                approval: choice.approval,
                deadline: choice.deadline,
                since: kept
                    .filter(|line| line.approval == choice.approval)
                    .map_or(now, |line| line.since),
            });
        }
        domain::deployment::check(present, &wanted)?;
        Ok(wanted)
    }
}

fn saved(caller: &Caller, app: &AppRow, lines: &[Deployment], now: Time) -> NewEvent {
    let lines: Vec<_> = lines
        .iter()
        .map(|line| json!({ "group": line.group, "approval": line.approval, "deadline": line.deadline }))
        .collect();
    NewEvent::new(now, caller.actor(), "deploymentSaved")
        .location(app.location_id)
        .asset(app.id)
        .with(json!({ "deployments": lines }))
}
