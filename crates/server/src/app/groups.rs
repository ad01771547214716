//! Groups of people or of devices, to which apps are deployed.

use domain::{GroupId, GroupKind};
use serde_json::json;
use store::{GroupRow, NewEvent};
use uuid::Uuid;

use super::{App, AppError, Caller, Problem};

#[derive(Debug, Clone)]
pub struct NewGroup {
    pub name: String,
    pub kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    pub priority: i64,
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
        self.group_name_free(&name, None).await?;
        let now = self.now();
        let row = GroupRow {
            id: GroupId(self.random.id()),
            kind: new.kind,
            name,
            priority: new.priority,
            created_at: now,
            members: 0,
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

    /// Changes name and priority; the kind of a group stays.
    pub async fn group_update(&self, caller: &Caller, id: GroupId, new: NewGroup) -> Result<(), AppError> {
        caller.may_write()?;
        let mut row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
        row.name = super::required("name", &new.name, 100)?;
        row.priority = new.priority;
        self.group_name_free(&row.name, Some(id)).await?;
        let mut tx = self.store.begin().await?;
        tx.group_update(&row).await?;
        tx.event(
            &NewEvent::new(self.now(), caller.actor(), "groupChanged")
                .group(id)
                .with(json!({ "name": row.name })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Refused while an app is deployed to the group: its members would lose it without a word.
    pub async fn group_delete(&self, caller: &Caller, id: GroupId) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
        if let Some(location) = self.store.locations().await?.first()
            && self
                .store
                .deployments_all(location.id)
                .await?
                .iter()
                .any(|deployment| deployment.group == id)
        {
            return Err(AppError::Invalid {
                field: "deployments",
                problem: Problem::Taken,
            });
        }
        let mut tx = self.store.begin().await?;
        tx.group_delete(id).await?;
        tx.event(
            &NewEvent::new(self.now(), caller.actor(), "groupDeleted")
                .group(id)
                .with(json!({ "name": row.name })),
        )
        .await?;
        Ok(tx.commit().await?)
    }

    pub async fn group_members_set(&self, caller: &Caller, id: GroupId, members: &[Uuid]) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
        for member in members {
            let known = match row.kind {
                GroupKind::User => self.store.person(domain::PersonId(*member)).await?.is_some(),
                GroupKind::Device => self.store.device(domain::DeviceId(*member)).await?.is_some(),
            };
            if !known {
                return Err(AppError::Invalid {
                    field: "members",
                    problem: Problem::Unknown,
                });
            }
        }
        let mut tx = self.store.begin().await?;
        tx.group_members_set(id, members).await?;
        tx.event(
            &NewEvent::new(self.now(), caller.actor(), "groupMembersSet")
                .group(id)
                .with(json!({ "name": row.name, "members": members.len() })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    async fn group_name_free(&self, name: &str, own: Option<GroupId>) -> Result<(), AppError> {
        let taken = self
            .groups()
            .await?
            .into_iter()
            .any(|group| group.name == name && Some(group.id) != own);
        if taken {
            return Err(AppError::Invalid {
                field: "name",
                problem: Problem::Taken,
            });
        }
        Ok(())
    }
}
