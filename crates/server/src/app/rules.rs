//! By what somebody is in a group: its rule, read from text and printed as text, previewed, and saved.
//!
//! Saving is a contract, as it is of members who are put in by hand: whoever saves what they saw gets that, or is told that it is
//! something else now. Who comes and who goes is written down by [`tasks::membership`](crate::tasks::membership), some at a time.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Circle, Condition, GroupId, GroupKind, MembershipRule, Rules, Subject};
use serde_json::json;
use store::{Base, ChangeKind, GroupRow, NewEvent, Snapshot, StoreError};
use uuid::Uuid;

use super::{
    App, AppError, Caller,
    contract::{Agreed, Contract},
    followers::{AT_ONCE, RuleRefused, add, nobody},
    kept::{Kept, KeptMoves, promised},
    members::{Matching, MembersPreview},
};

/// A group that somebody is in, and by what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupOf {
    pub id: GroupId,
    pub name: String,
    /// Parts of the rule that let them in, each with whether it is true; empty where they were put in by hand.
    pub because: Vec<(Condition, bool)>,
}

/// So many of those who match are named.
const NAMED: usize = 20;

/// The names of groups, for whoever prints rules.
#[derive(Debug, Clone, Default)]
pub struct GroupNames(BTreeMap<GroupId, String>);

impl GroupNames {
    pub fn of(rows: &[GroupRow]) -> GroupNames {
        GroupNames(rows.iter().map(|row| (row.id, row.name.clone())).collect())
    }

    pub fn name(&self, group: GroupId) -> String {
        self.0.get(&group).cloned().unwrap_or_else(|| group.to_string())
    }

    pub fn text(&self, rule: &MembershipRule) -> String {
        rule.text(|group| self.name(group))
    }

    fn names(&self, groups: &[GroupId]) -> Vec<String> {
        groups.iter().map(|group| self.name(*group)).collect()
    }
}

impl App {
    /// Reads a rule as people write it. Groups are called by their names, or by their ids.
    pub async fn membership_rule_read(&self, kind: GroupKind, text: &str) -> Result<MembershipRule, AppError> {
        let text =
            super::text::optional("membershipRule", Some(text), domain::membership::MOST_CHARS)?.unwrap_or_default();
        let groups = self.store.groups().await?;
        let named = |name: &str| {
            let groups = || groups.iter().filter(|group| group.kind == kind);
            let by_name = groups().find(|group| group.name == name);
            let by_id = || groups().find(|group| group.id.to_string() == name.to_lowercase());
            by_name.or_else(by_id).map(|group| group.id)
        };
        MembershipRule::parse(kind, &text, named).map_err(|error| RuleRefused::Malformed(error).into())
    }

    pub async fn group_names(&self) -> Result<GroupNames, AppError> {
        Ok(GroupNames::of(&self.store.groups().await?))
    }

    /// Groups of which it is still being found out who is in them by their rule.
    pub async fn groups_walked(&self) -> Result<BTreeSet<GroupId>, AppError> {
        Ok(self.store.groups_walked().await?)
    }

    /// The groups that a person, or a device, is in, and by what.
    pub async fn groups_of(&self, kind: GroupKind, member: Uuid) -> Result<Vec<GroupOf>, AppError> {
        let mut read = self.store.snapshot().await?;
        let groups = read.groups_of(member).await?;
        let rules = read.membership_rules(kind).await?;
        let subjects = read.subjects(kind, &[member]).await?;
        let subject = subjects
            .into_iter()
            .next()
            .map_or_else(Subject::default, |(_, subject)| subject);
        let is_in: BTreeSet<GroupId> = groups.iter().map(|(group, _)| *group).collect();
        let of = |(id, name): (GroupId, String)| {
            let rule = rules.get(&id);
            let parts = rule.map(|rule| rule.because(&subject, &is_in)).unwrap_or_default();
            GroupOf {
                id,
                name,
                because: parts
                    .into_iter()
                    .map(|(part, is_true)| (part.clone(), is_true))
                    .collect(),
            }
        };
        Ok(groups.into_iter().map(of).collect())
    }

    /// What giving the group this rule would do, or taking its rule away. Nothing is changed.
    ///
    /// It asks everybody, some at a time, and reads those who come and go, and the line of each app that is deployed to the
    /// group, or to one whose rule looks at its members.
    pub async fn group_rule_preview(
        &self,
        id: GroupId,
        rule: Option<&MembershipRule>,
    ) -> Result<MembersPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let group = read.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let kind = group.kind;
        let mut moves = BTreeMap::from([(id, nobody(id, kind))]);
        let mut matching = Matching {
            rule: rule.cloned(),
            count: u64::try_from(group.members).unwrap_or(0),
            first: Vec::new(),
        };
        if let Some(rule) = rule {
            let rules = rules_with(&mut read, kind, id, rule).await?;
            let reached = rules.reached(&BTreeSet::from([id]));
            matching.count = 0;
            let mut after = None;
            loop {
                let ids = read.subjects_after(kind, after, AT_ONCE).await?;
                after = ids.last().copied();
                let said = read.members_by_rule(kind, &rules, &ids, &[]).await?;
                if let Some(within) = said.within.get(&id) {
                    matching.count += within.len() as u64;
                    let room = NAMED - matching.first.len();
                    matching.first.extend(within.iter().take(room));
                }
                add(&mut moves, said.moves, &reached);
                if ids.len() < AT_ONCE {
                    break;
                }
            }
        }
        let change = moves.remove(&id).unwrap_or_else(|| nobody(id, kind));
        let follows = moves.into_values().collect();
        self.members_previewed(read, group, change, follows, Some(matching))
            .await
    }

    /// Gives the group this rule, or takes its rule away: then whoever is in it stays, and is put in and taken out by hand from
    /// now on. Refused when rule or members were changed since `base`, or it does something else by now than was agreed to.
    pub async fn group_rule_set(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        rule: Option<&MembershipRule>,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let _turn = self.turns.next(id.0).await;
        loop {
            let now = self.now();
            let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
            if !base.is(&row.members_version) {
                return Err(AppError::Stale("group"));
            }
            if row.membership_rule.as_ref() == rule {
                if let Some((held, _)) = agreed.because.approved {
                    return Err(self.held_changes_nothing(caller, held).await);
                }
                return Ok(());
            }
            let preview = self.group_rule_preview(id, rule).await?.agreed(agreed)?;
            let mut tx = self.store.begin().await?;
            tx.membership_rules_hold().await?;
            let groups = tx.groups().await?;
            let names = GroupNames::of(&groups);
            if let Some(rule) = rule {
                let mut rules = tx.membership_rules(row.kind).await?;
                rules.insert(id, rule.clone());
                Rules::new(rules).map_err(|circle| RuleRefused::Circle(names.names(&circle.0)))?;
            }
            let seen = Base::Version(preview.group.members_version.number);
            let set = match tx.group_rule_set(id, seen, rule, caller.changes(now)).await {
                // A group that it looks at was deleted this very moment.
                Err(StoreError::InUse) => return Err(AppError::NotFound("group")),
                set => set?,
            };
            if !set {
                // Somebody was faster.
                if matches!(base, Base::Latest) {
                    continue;
                }
                return Err(AppError::Stale("group"));
            }
            let said = |rule: Option<&MembershipRule>| json!({ "rule": rule.map(MembershipRule::kept), "text": rule.map(|rule| names.text(rule)) });
            let mut after = said(rule);
            after["moves"] = json!(KeptMoves::of(&preview.change));
            let kept = Kept {
                kind: ChangeKind::GroupRule,
                thing: id.to_string(),
                name: row.name.clone(),
                before: said(row.membership_rule.as_ref()),
                after,
                promised: promised(preview.apps.iter().map(|app| &app.outcome)),
                digest: Some(preview.digest.clone()),
            };
            let change = self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?;
            let event = NewEvent::new(now, caller.actor(), "groupRuleSet").group(id);
            tx.event(&event.with(json!({
                "name": row.name, "rule": rule.map(|rule| names.text(rule)),
                "joining": preview.change.come.len(), "leaving": preview.change.go.len(),
                "previewDigest": preview.digest, "change": change,
            })))
            .await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }
}

/// The rules of a kind, with this one.
async fn rules_with(
    read: &mut Snapshot,
    kind: GroupKind,
    group: GroupId,
    rule: &MembershipRule,
) -> Result<Rules, AppError> {
    let mut rules = read.membership_rules(kind).await?;
    rules.insert(group, rule.clone());
    match Rules::new(rules) {
        Ok(rules) => Ok(rules),
        Err(Circle(groups)) => {
            let names = GroupNames::of(&read.groups().await?);
            Err(RuleRefused::Circle(names.names(&groups)).into())
        }
    }
}
