//! Groups of people or of devices, to which apps are deployed.

use std::collections::BTreeSet;

use domain::{GroupId, GroupKind};
use serde_json::json;
use store::{Base, GroupRow, NewEvent, StoreError, Version};
use uuid::Uuid;

use super::{App, AppError, Caller, Problem};

#[derive(Debug, Clone)]
pub struct NewGroup {
    pub name: String,
    pub kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    pub priority: i64,
}

/// What to change of a group. What is `None` stays.
#[derive(Debug, Clone, Default)]
pub struct GroupChange {
    pub name: Option<String>,
    pub priority: Option<i64>,
}

impl App {
    pub async fn groups(&self) -> Result<Vec<GroupRow>, AppError> {
        Ok(self.store.groups().await?)
    }

    pub async fn group(&self, id: GroupId) -> Result<Option<GroupRow>, AppError> {
        Ok(self.store.group(id).await?)
    }

    /// People of a user group, devices of a device group.
    pub async fn group_members(&self, id: GroupId) -> Result<Vec<Uuid>, AppError> {
        Ok(self.store.group_members(id).await?)
    }

    pub async fn group_add(&self, caller: &Caller, new: NewGroup) -> Result<GroupId, AppError> {
        caller.may_write()?;
        let name = super::required("name", &new.name, 100)?;
        let now = self.now();
        let row = GroupRow {
            id: GroupId(self.random.id()),
            kind: new.kind,
            name,
            priority: new.priority,
            created_at: now,
            members: 0,
            version: Version::default(),
            members_version: Version::default(),
        };
        let mut tx = self.store.begin().await?;
        tx.group_insert(&row).await?;
        tx.event(
            &NewEvent::new(now, caller.actor(), "groupAdded")
                .group(row.id)
                .with(json!({ "name": row.name })),
        )
        .await?;
        tx.commit().await?;
        Ok(row.id)
    }

    /// Changes what is given, unless name or priority were changed since `base`. The kind of a group stays.
    pub async fn group_change(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        change: GroupChange,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let name = change
            .name
            .map(|name| super::required("name", &name, 100))
            .transpose()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let changed = tx
            .group_change(id, base, name.as_deref(), change.priority, caller.changes(now))
            .await?;
        let row = tx.group(id).await?.ok_or(AppError::NotFound("group"))?;
        if !changed {
            return Err(AppError::Stale("group"));
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "groupChanged")
                .group(id)
                .with(json!({ "name": row.name })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Refused while an app is deployed to the group: its members would lose it without a word.
    pub async fn group_delete(&self, caller: &Caller, id: GroupId, base: Base) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let in_use = AppError::Invalid {
            field: "deployments",
            problem: Problem::Taken,
        };
        if let Some(location) = self.store.locations().await?.first()
            && self
                .store
                .deployments_all(location.id)
                .await?
                .iter()
                .any(|deployment| deployment.group == id)
        {
            return Err(in_use);
        }
        let mut tx = self.store.begin().await?;
        match tx.group_delete(id, base).await {
            // An app was deployed to it this very moment.
            Err(StoreError::InUse) => return Err(in_use),
            deleted => {
                if !deleted? {
                    return Err(AppError::Stale("group"));
                }
            }
        }
        tx.event(
            &NewEvent::new(self.now(), caller.actor(), "groupDeleted")
                .group(id)
                .with(json!({ "name": row.name })),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    /// Replaces the members, unless they were changed since `base`. Nobody who has left, or leaves at this moment, gets in.
    pub async fn group_members_set(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        members: &[Uuid],
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let members: Vec<Uuid> = members.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let row = tx.group(id).await?.ok_or(AppError::NotFound("group"))?;
        // Whoever left since the page was opened is told of as a change, and not as a mistake.
        if !base.is(&row.members_version) {
            return Err(AppError::Stale("group"));
        }
        // People before the group, as whoever leaves takes them: otherwise the two would wait for each other.
        let there = match row.kind {
            GroupKind::User => tx.people_stay(&members).await?,
            GroupKind::Device => tx.members_known(row.kind, &members).await?,
        };
        if there < members.len() {
            let problem = if tx.members_known(row.kind, &members).await? < members.len() {
                Problem::Unknown
            } else {
                Problem::Left
            };
            return Err(AppError::Invalid {
                field: "members",
                problem,
            });
        }
        if !tx.group_members_set(id, base, &members, caller.changes(now)).await? {
            return Err(AppError::Stale("group"));
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "groupMembersSet")
                .group(id)
                .with(json!({ "name": row.name, "members": members.len() })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
