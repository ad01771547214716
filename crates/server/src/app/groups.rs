//! Groups of people or of devices, to which apps are deployed.

use domain::{GroupId, GroupKind, MembershipRule};
use serde_json::json;
use store::{Base, GroupRow, NewEvent, StoreError, Version};

use super::{App, AppError, Caller, FieldProblem, followers::RuleRefused, rules::GroupNames};

#[derive(Debug, Clone)]
pub struct NewGroup {
    pub name: String,
    pub kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    pub priority: i64,
    /// By what somebody is in it; `None` where members are put in by hand.
    pub rule: Option<MembershipRule>,
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
            membership_rule: None,
            version: Version::default(),
            members_version: Version::default(),
        };
        let mut tx = self.store.begin().await?;
        tx.group_insert(&row).await?;
        let mut detail = json!({ "name": row.name });
        if let Some(rule) = &new.rule {
            // No rule looks at a group that is new, so it closes no circle.
            tx.membership_rules_hold().await?;
            match tx
                .group_rule_set(row.id, Base::Latest, Some(rule), caller.changes(now))
                .await
            {
                // A group that it looks at was deleted this very moment.
                Err(StoreError::InUse) => return Err(AppError::NotFound("group")),
                set => set?,
            };
            detail["rule"] = json!(GroupNames::of(&tx.groups().await?).text(rule));
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "groupAdded")
                .group(row.id)
                .with(detail),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
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

    /// Refused while an app is deployed to the group: its members would lose it without a word. And so it is while the rule of
    /// another group looks at its members.
    pub async fn group_delete(&self, caller: &Caller, id: GroupId, base: Base) -> Result<(), AppError> {
        caller.may_write()?;
        let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let in_use = AppError::Invalid {
            field: "deployments",
            problem: FieldProblem::Taken,
        };
        let mut lines = self.deployments_all().await?.into_iter();
        if lines.any(|deployment| deployment.group == id) {
            return Err(in_use);
        }
        let used = self.store.group_used_by(id).await?;
        if !used.is_empty() {
            return Err(RuleRefused::Used(used).into());
        }
        let mut tx = self.store.begin().await?;
        match tx.group_delete(id, base).await {
            // An app was deployed to it this very moment, or a rule looks at it now.
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
}
