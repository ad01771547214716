//! Who comes into groups, and who goes, because their rules look at others; and why a rule is not taken.

use std::collections::{BTreeMap, BTreeSet};

use domain::{GroupId, GroupKind, Members, RuleError, RuleProblem, Rules};
use store::Snapshot;
use uuid::Uuid;

use super::AppError;

/// Why a rule is not taken, or a group not deleted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RuleRefused {
    #[error("{0}")]
    Malformed(RuleError),
    /// These groups, by their names, would look at each other's members: each at the next one's, and the last at the first one's.
    #[error("the rules of {} would look at each other's members in a circle", .0.join(", "))]
    Circle(Vec<String>),
    /// The rules of these groups look at its members.
    #[error("the rules of {} look at its members", .0.join(", "))]
    Used(Vec<String>),
    /// Its members are whom its rule says.
    #[error("the members of this group follow from its rule, and are not put in or taken out by hand")]
    MembersByRule,
}

impl From<RuleProblem> for RuleRefused {
    /// Of a part that was chosen, and not written.
    fn from(problem: RuleProblem) -> RuleRefused {
        RuleRefused::Malformed(RuleError { at: 0, problem })
    }
}

/// So many people or devices are asked at once.
pub(super) const AT_ONCE: usize = 2_000;

/// Who comes into other groups, and who goes, because their rules look at these. Each of `changes` is of another group.
pub(super) async fn followers(read: &mut Snapshot, changes: &[Members]) -> Result<Vec<Members>, AppError> {
    let mut moves = BTreeMap::new();
    for kind in [GroupKind::User, GroupKind::Device] {
        let of_kind: Vec<Members> = changes.iter().filter(|change| change.kind == kind).cloned().collect();
        let changed: BTreeSet<GroupId> = of_kind.iter().map(|change| change.group).collect();
        let rules = read.membership_rules(kind).await?;
        // No rule is saved that closes a circle.
        let rules = Rules::new(rules).unwrap_or_default();
        let reached = &rules.reached(&changed) - &changed;
        if reached.is_empty() {
            continue;
        }
        let moved: BTreeSet<Uuid> = of_kind
            .iter()
            .flat_map(|change| change.come.union(&change.go).copied())
            .collect();
        let moved: Vec<Uuid> = moved.into_iter().collect();
        for ids in moved.chunks(AT_ONCE) {
            let said = read.members_by_rule(kind, &rules, ids, &of_kind).await?;
            add(&mut moves, said.moves, &reached);
        }
    }
    Ok(moves.into_values().collect())
}

pub(super) fn nobody(group: GroupId, kind: GroupKind) -> Members {
    Members {
        group,
        kind,
        come: BTreeSet::new(),
        go: BTreeSet::new(),
    }
}

/// Puts these to the others, as far as they are of groups that the change reaches: what else is about to move does so anyhow.
pub(super) fn add(moves: &mut BTreeMap<GroupId, Members>, more: Vec<Members>, reached: &BTreeSet<GroupId>) {
    for moved in more.into_iter().filter(|moved| reached.contains(&moved.group)) {
        let of = moves
            .entry(moved.group)
            .or_insert_with(|| nobody(moved.group, moved.kind));
        of.come.extend(moved.come);
        of.go.extend(moved.go);
    }
}
