//! What was changed of what people want, kept with what it said before: to be told in words, and to be restored.
//!
//! Restoring is a change like every other. It is what was wanted before, previewed and saved by the same ways under the same
//! contract ([`super::contract`]), and it names the change that it takes back.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, GroupId, GroupKind, HeldChangeId, MembershipRule, PersonId, Policy, Updates};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{AppRow, Base, ChangeFilter, ChangeKind, ChangeRow, GroupRow, Version};
use uuid::Uuid;

use super::{
    App, AppError, Caller,
    contract::{Agreed, Because, Previewed},
    deployments::{DeploymentChoice, LineSays, lines_of},
    followers::RuleRefused,
    kept::{SETTINGS, moves_of},
    members::{MembersChange, Wanted},
    updates::updates_of,
};

/// What is wanted to be so, as it can be kept until it is saved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Intent {
    /// All that the app is deployed to. `as_before`: it was so once, and need not be one deployment (A26).
    Deployment {
        app: AssetId,
        choices: Vec<DeploymentChoice>,
        as_before: bool,
    },
    GroupMembers {
        group: GroupId,
        add: BTreeSet<Uuid>,
        remove: BTreeSet<Uuid>,
    },
    /// The rule as it is kept, with the ids of groups.
    GroupRule {
        group: GroupId,
        rule: Option<String>,
    },
    Settings {
        policy: Box<Policy>,
    },
    /// Who decides that devices get a newer version of the app.
    Updates {
        app: AssetId,
        updates: Updates,
    },
}

impl Intent {
    pub fn kind(&self) -> ChangeKind {
        match self {
            Intent::Deployment { .. } => ChangeKind::Deployment,
            Intent::GroupMembers { .. } => ChangeKind::GroupMembers,
            Intent::GroupRule { .. } => ChangeKind::GroupRule,
            Intent::Settings { .. } => ChangeKind::Settings,
            Intent::Updates { .. } => ChangeKind::Updates,
        }
    }

    /// What it is about: the app, the group.
    pub fn thing(&self) -> String {
        match self {
            Intent::Deployment { app, .. } | Intent::Updates { app, .. } => app.to_string(),
            Intent::GroupMembers { group, .. } | Intent::GroupRule { group, .. } => group.to_string(),
            Intent::Settings { .. } => SETTINGS.to_owned(),
        }
    }
}

/// A change, with what is to be said of it now.
pub struct Changed {
    pub row: ChangeRow,
    /// Of the same thing, the latest first: the first few.
    pub later: Vec<ChangeRow>,
    /// Those that took it back.
    pub undone_by: Vec<ChangeRow>,
    pub restoring: Restoring,
}

/// What restoring would have to do.
#[derive(Debug, Clone, PartialEq)]
pub struct Restoring {
    /// Or why there is nothing.
    pub intent: Result<Intent, Unrestorable>,
    /// Of the thing as it is.
    pub base: Version,
    /// What does not come back.
    pub missing: Vec<Missing>,
}

/// Why what was before is not restored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum Unrestorable {
    #[error("it is so already")]
    Same,
    #[error("the app is not owned any more")]
    AppGone,
    #[error("the group was deleted")]
    GroupGone,
    #[error("the members of the group follow from its rule by now")]
    ByRule,
    #[error("a group that the rule looks at was deleted")]
    RuleGroupGone,
    #[error("more members changed than are kept")]
    TooMany,
    #[error("whoever left comes back by returning, not by restoring")]
    Leaving,
    #[error("what it said is not understood any more")]
    Unreadable,
}

/// What does not come back although the rest does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Missing {
    /// A group of the deployment was deleted.
    Group(String),
    /// Who would come back into the group has left: how many, and a few of them.
    Left(u64, Vec<String>),
    /// Is not known any more: so many.
    Unknown(u64),
}

/// So many are named.
const NAMED: usize = 5;
/// So many later changes are told.
const LATER: i64 = 20;

impl App {
    /// The latest first, without what they said.
    pub async fn changes(&self, filter: &ChangeFilter) -> Result<Vec<ChangeRow>, AppError> {
        Ok(self.store.changes(filter).await?)
    }

    pub async fn change(&self, id: i64) -> Result<Changed, AppError> {
        let row = self.store.change(id).await?.ok_or(AppError::NotFound("change"))?;
        Ok(Changed {
            later: self.store.changes_since(&row.thing, id, LATER).await?,
            undone_by: self.store.changes_undoing(id).await?,
            restoring: self.restoring(&row).await?,
            row,
        })
    }

    /// What saving an intent would do. Nothing is changed.
    pub async fn intent_preview(&self, intent: &Intent) -> Result<Previewed, AppError> {
        Ok(match intent {
            Intent::Deployment {
                app,
                choices,
                as_before,
            } => {
                let preview = self.deployments_preview_of(*app, choices, *as_before).await?;
                Previewed::Deployment(Box::new(preview))
            }
            Intent::GroupMembers { group, add, remove } => {
                let change = MembersChange {
                    add: add.clone(),
                    remove: remove.clone(),
                };
                let preview = self.group_members_preview(*group, Wanted::Change(&change)).await?;
                Previewed::Members(Box::new(preview))
            }
            Intent::GroupRule { group, rule } => {
                let rule = self.rule_kept(*group, rule.as_deref()).await?;
                let preview = self.group_rule_preview(*group, rule.as_ref()).await?;
                Previewed::Members(Box::new(preview))
            }
            Intent::Settings { policy } => Previewed::Settings(Box::new(self.policy_preview(policy).await?)),
            Intent::Updates { app, updates } => {
                Previewed::Updates(Box::new(self.updates_preview(*app, *updates).await?))
            }
        })
    }

    /// Saves an intent by the way of its kind, upon the version of the thing that was seen.
    pub async fn intent_save(
        &self,
        caller: &Caller,
        intent: &Intent,
        base: Base,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        match intent {
            Intent::Deployment {
                app,
                choices,
                as_before,
            } => {
                self.deployments_save_as(caller, *app, base, choices.clone(), agreed, *as_before)
                    .await
            }
            Intent::GroupMembers { group, add, remove } => {
                let change = MembersChange {
                    add: add.clone(),
                    remove: remove.clone(),
                };
                self.group_members_change(caller, *group, &change, agreed).await?;
                Ok(())
            }
            Intent::GroupRule { group, rule } => {
                let rule = self.rule_kept(*group, rule.as_deref()).await?;
                self.group_rule_set(caller, *group, base, rule.as_ref(), agreed).await
            }
            Intent::Settings { policy } => self.policy_save(caller, base, (**policy).clone(), agreed).await,
            Intent::Updates { app, updates } => self.updates_save(caller, *app, base, *updates, agreed).await,
        }
    }

    /// Restores what was before a change, unless the thing was changed since `base`, or it does something else by now than was
    /// agreed to. The number of the new change.
    pub async fn change_restore(
        &self,
        caller: &Caller,
        id: i64,
        base: Base,
        agreed: &Agreed,
    ) -> Result<Option<i64>, AppError> {
        caller.may_write()?;
        let row = self.store.change(id).await?.ok_or(AppError::NotFound("change"))?;
        let restoring = self.restoring(&row).await?;
        if !base.is(&restoring.base) {
            return Err(AppError::Stale("thing that was changed"));
        }
        let intent = restoring.intent?;
        let agreed = Agreed {
            because: Because {
                undoes: Some(id),
                ..agreed.because.clone()
            },
            ..agreed.clone()
        };
        self.intent_save(caller, &intent, base, &agreed).await?;
        let new = self.store.changes_undoing(id).await?;
        Ok(new.first().map(|row| row.id))
    }

    /// Asks another administrator to approve the same.
    pub async fn change_restore_hold(
        &self,
        caller: &Caller,
        id: i64,
        base: Base,
        agreed: &Agreed,
    ) -> Result<HeldChangeId, AppError> {
        caller.may_write()?;
        let row = self.store.change(id).await?.ok_or(AppError::NotFound("change"))?;
        let restoring = self.restoring(&row).await?;
        if !base.is(&restoring.base) {
            return Err(AppError::Stale("thing that was changed"));
        }
        let intent = restoring.intent?;
        let mut agreed = agreed.clone();
        agreed.because.undoes = Some(id);
        self.change_hold(caller, &intent, base, &agreed).await
    }

    /// What restoring would have to do, as things are.
    async fn restoring(&self, row: &ChangeRow) -> Result<Restoring, AppError> {
        let nothing = |why: Unrestorable, base: Version| Restoring {
            intent: Err(why),
            base,
            missing: Vec::new(),
        };
        match row.kind {
            ChangeKind::Deployment => self.restoring_deployment(row).await,
            ChangeKind::GroupMembers | ChangeKind::GroupRule => {
                let group = match row.thing.parse() {
                    Ok(id) => self.group(id).await?,
                    Err(_) => None,
                };
                let Some(group) = group else {
                    return Ok(nothing(Unrestorable::GroupGone, Version::default()));
                };
                if row.kind == ChangeKind::GroupRule {
                    return self.restoring_rule(row, &group).await;
                }
                if group.membership_rule.is_some() {
                    return Ok(nothing(Unrestorable::ByRule, group.members_version));
                }
                self.restoring_members(row, &group).await
            }
            ChangeKind::Settings => {
                let (base, present) = (self.policy_version().await?, self.policy().await?);
                let Ok(before) = serde_json::from_value::<Policy>(row.before.clone()) else {
                    return Ok(nothing(Unrestorable::Unreadable, base));
                };
                if before == present {
                    return Ok(nothing(Unrestorable::Same, base));
                }
                let policy = Box::new(before);
                Ok(Restoring {
                    intent: Ok(Intent::Settings { policy }),
                    base,
                    missing: Vec::new(),
                })
            }
            ChangeKind::Updates => {
                let Ok(app) = row.thing.parse::<AssetId>() else {
                    return Ok(nothing(Unrestorable::Unreadable, Version::default()));
                };
                let (present, base) = match self.updates(app).await {
                    Err(AppError::NotFound(_)) => return Ok(nothing(Unrestorable::AppGone, Version::default())),
                    present => present?,
                };
                Ok(match updates_of(&row.before) {
                    None => nothing(Unrestorable::Unreadable, base),
                    Some(updates) if updates == present.updates => nothing(Unrestorable::Same, base),
                    Some(updates) => Restoring {
                        intent: Ok(Intent::Updates { app, updates }),
                        base,
                        missing: Vec::new(),
                    },
                })
            }
            ChangeKind::PersonLeft => Ok(nothing(Unrestorable::Leaving, Version::default())),
        }
    }

    async fn restoring_deployment(&self, row: &ChangeRow) -> Result<Restoring, AppError> {
        let mut restoring = Restoring {
            intent: Err(Unrestorable::AppGone),
            base: Version::default(),
            missing: Vec::new(),
        };
        let Ok(app) = row.thing.parse::<AssetId>() else {
            return Ok(restoring);
        };
        let Some(version) = self.store.deployments_version(app).await? else {
            return Ok(restoring);
        };
        restoring.base = version;
        if self.store.app(app).await?.filter(AppRow::is_app).is_none() {
            return Ok(restoring);
        }
        let Some(lines) = lines_of(&row.before) else {
            restoring.intent = Err(Unrestorable::Unreadable);
            return Ok(restoring);
        };
        let groups: BTreeSet<GroupId> = self.groups().await?.into_iter().map(|group| group.id).collect();
        let (here, gone): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| groups.contains(&line.choice.group));
        restoring.missing = gone.into_iter().map(|line| Missing::Group(line.name)).collect();
        let choices: Vec<DeploymentChoice> = here.into_iter().map(|line| line.choice).collect();
        let said = |choices: &[DeploymentChoice]| -> BTreeMap<GroupId, LineSays> {
            choices.iter().map(|choice| (choice.group, choice.says())).collect()
        };
        let present = self.store.deployments(app).await?;
        let present: BTreeMap<_, _> = present.iter().map(|line| (line.group, LineSays::of(line))).collect();
        restoring.intent = match said(&choices) == present {
            true => Err(Unrestorable::Same),
            false => Ok(Intent::Deployment {
                app,
                choices,
                as_before: restoring.missing.is_empty(),
            }),
        };
        Ok(restoring)
    }

    /// Who went comes back, and who came goes: whoever else came or went since stays what they are.
    async fn restoring_members(&self, row: &ChangeRow, group: &GroupRow) -> Result<Restoring, AppError> {
        let mut restoring = Restoring {
            intent: Err(Unrestorable::Unreadable),
            base: group.members_version.clone(),
            missing: Vec::new(),
        };
        let Some(moves) = moves_of(&row.after) else {
            return Ok(restoring);
        };
        if !moves.are_whole() {
            restoring.intent = Err(Unrestorable::TooMany);
            return Ok(restoring);
        }
        let back: Vec<Uuid> = moves.go.iter().copied().collect();
        let names = self.store.names(&back).await?;
        let mut left = Vec::new();
        let mut add: BTreeSet<Uuid> = match group.kind {
            GroupKind::User => {
                let people: Vec<PersonId> = back.iter().copied().map(PersonId).collect();
                let rows = self.store.people_rows(&people).await?;
                left.extend(
                    rows.iter()
                        .filter(|row| row.left_at.is_some())
                        .map(|row| row.name.clone()),
                );
                let here = rows.iter().filter(|row| row.left_at.is_none());
                here.map(|row| row.id.0).collect()
            }
            GroupKind::Device => names.devices.keys().map(|device| device.0).collect(),
        };
        let unknown = (back.len() - add.len() - left.len()) as u64;
        if !left.is_empty() {
            let count = left.len() as u64;
            left.truncate(NAMED);
            restoring.missing.push(Missing::Left(count, left));
        }
        if unknown > 0 {
            restoring.missing.push(Missing::Unknown(unknown));
        }
        let mut remove = moves.come;
        let named: Vec<Uuid> = add.union(&remove).copied().collect();
        let present: BTreeSet<Uuid> = self
            .store
            .group_members_among(group.id, &named)
            .await?
            .into_iter()
            .collect();
        add = &add - &present;
        remove = &remove & &present;
        restoring.intent = match add.is_empty() && remove.is_empty() {
            true => Err(Unrestorable::Same),
            false => Ok(Intent::GroupMembers {
                group: group.id,
                add,
                remove,
            }),
        };
        Ok(restoring)
    }

    /// The rule first. Where there was none, whoever was put in by hand comes back once the rule is gone.
    async fn restoring_rule(&self, row: &ChangeRow, group: &GroupRow) -> Result<Restoring, AppError> {
        let restoring = |intent| Restoring {
            intent,
            base: group.members_version.clone(),
            missing: Vec::new(),
        };
        let rule = match row.before.get("rule").and_then(Value::as_str) {
            None => None,
            Some(text) => match MembershipRule::of_kept(group.kind, text) {
                Ok(rule) => Some(rule),
                Err(_) => return Ok(restoring(Err(Unrestorable::Unreadable))),
            },
        };
        if let Some(rule) = &rule {
            let groups: BTreeSet<GroupId> = self.groups().await?.into_iter().map(|group| group.id).collect();
            if !rule.uses().is_subset(&groups) {
                return Ok(restoring(Err(Unrestorable::RuleGroupGone)));
            }
        }
        if rule == group.membership_rule {
            return match rule {
                None => self.restoring_members(row, group).await,
                Some(_) => Ok(restoring(Err(Unrestorable::Same))),
            };
        }
        Ok(restoring(Ok(Intent::GroupRule {
            group: group.id,
            rule: rule.map(|rule| rule.kept()),
        })))
    }

    async fn rule_kept(&self, group: GroupId, rule: Option<&str>) -> Result<Option<MembershipRule>, AppError> {
        let Some(rule) = rule else { return Ok(None) };
        let row = self.group(group).await?.ok_or(AppError::NotFound("group"))?;
        let rule = MembershipRule::of_kept(row.kind, rule);
        Ok(Some(rule.map_err(RuleRefused::Malformed)?))
    }
}

#[cfg(test)]
mod tests {
    use domain::{Approval, Installation, LicenseType, StoreVersion, Time};
    use serde_json::json;

    use super::*;
    use crate::app::deployments::KeptLine;

    #[test]
    fn what_waits_is_read_as_it_was_asked_for() {
        let group = GroupId(Uuid::from_u128(7));
        let choice = DeploymentChoice {
            group,
            approval: Approval::Required,
            deadline: Some(Time(1_795_410_300_000)),
            license_type: LicenseType::Automatic,
            installation: Installation::External,
            kept_licenses: 3,
        };
        for intent in [
            Intent::Deployment {
                app: AssetId(Uuid::from_u128(1)),
                choices: vec![choice],
                as_before: true,
            },
            Intent::GroupMembers {
                group,
                add: BTreeSet::from([Uuid::from_u128(2)]),
                remove: BTreeSet::new(),
            },
            Intent::GroupRule {
                group,
                rule: Some("all".to_owned()),
            },
            Intent::Settings { policy: Box::default() },
            Intent::Updates {
                app: AssetId(Uuid::from_u128(3)),
                updates: Updates::ByHand {
                    released: Some(StoreVersion(829_165_942)),
                },
            },
            Intent::Updates {
                app: AssetId(Uuid::from_u128(3)),
                updates: Updates::Automatic,
            },
        ] {
            let kept: Intent = serde_json::from_value(json!(intent)).unwrap();
            assert_eq!(kept, intent);
        }
        let line = KeptLine {
            choice,
            name: "디자인팀".to_owned(),
            group_kind: GroupKind::User,
        };
        assert_eq!(lines_of(&json!({ "lines": [line] })), Some(vec![line]));
    }
}
