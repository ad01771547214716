//! 배포 관리: which groups get an app, and how.

use domain::{Approval, AssetId, Decision, Deployment, DeploymentId, GroupId, Time, decide};
use serde_json::json;
use store::NewEvent;

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
}

impl App {
    pub async fn deployments(&self, asset: AssetId) -> Result<Vec<Deployment>, AppError> {
        Ok(self.store.deployments(asset).await?)
    }

    /// Replaces the whole deployment of an app.
    pub async fn deployments_save(
        &self,
        caller: &Caller,
        asset: AssetId,
        choices: Vec<DeploymentChoice>,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let app = self.store.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let present = self.store.deployments(asset).await?;
        let now = self.now();
        let wanted = self.deployments_of(asset, &present, &choices, now).await?;

        let mut tx = self.store.begin().await?;
        tx.deployments_replace(asset, &wanted, now).await?;
        let lines: Vec<_> = wanted
            .iter()
            .map(|line| json!({ "group": line.group, "approval": line.approval, "deadline": line.deadline }))
            .collect();
        tx.event(
            &NewEvent::new(now, caller.actor(), "deploymentSaved")
                .location(app.location_id)
                .asset(asset)
                .with(json!({ "deployments": lines })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// What saving `choices` would decide. Nothing is changed.
    pub async fn deployments_preview(&self, asset: AssetId, choices: &[DeploymentChoice]) -> Result<Preview, AppError> {
        let app = self.store.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let now = self.now();
        let world = self.store.world(app.location_id, now).await?;
        let facts = world.apps.get(&asset).ok_or(AppError::NotFound("app"))?;
        let mut changed = facts.clone();
        changed.deployments = self.deployments_of(asset, &facts.deployments, choices, now).await?;
        Ok(Preview {
            before: decide(&world, facts),
            after: decide(&world, &changed),
        })
    }

    /// A line that keeps its approval keeps its place in the queue too.
    async fn deployments_of(
        &self,
        asset: AssetId,
        present: &[Deployment],
        choices: &[DeploymentChoice],
        now: Time,
    ) -> Result<Vec<Deployment>, AppError> {
        let mut wanted = Vec::with_capacity(choices.len());
        for choice in choices {
            let group = self.store.group(choice.group).await?.ok_or(AppError::Invalid {
                field: "group",
                problem: Problem::Unknown,
            })?;
            let kept = present.iter().find(|line| line.group == choice.group);
            wanted.push(Deployment {
                id: kept.map_or_else(|| DeploymentId(self.random.id()), |line| line.id),
                app: asset,
                group: choice.group,
                kind: group.kind,
                approval: choice.approval,
                deadline: choice.deadline,
                since: kept
                    .filter(|line| line.approval == choice.approval)
                    .map_or(now, |line| line.since),
            });
        }
        domain::deployment::check(&wanted)?;
        Ok(wanted)
    }
}
