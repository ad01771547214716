//! How a change is written down, in the transaction of what it changes.

use std::collections::BTreeSet;

use domain::{AssetId, GroupId, Members, PersonId, Time};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{ChangeKind, HeldEnd, HeldState, NewChange, NewEvent, Tx};
use uuid::Uuid;

use super::{App, AppError, Caller, contract::Because};

/// What the settings are called where things have ids.
pub const SETTINGS: &str = "settings";

/// An event about what was changed.
pub(super) fn about(event: NewEvent, kind: ChangeKind, thing: &str) -> NewEvent {
    let Ok(id) = thing.parse::<Uuid>() else {
        return event;
    };
    match kind {
        ChangeKind::Deployment | ChangeKind::Updates => event.asset(AssetId(id)),
        ChangeKind::GroupMembers | ChangeKind::GroupRule => event.group(GroupId(id)),
        ChangeKind::PersonLeft => event.person(PersonId(id)),
        ChangeKind::Settings => event,
    }
}

/// Who came into a group and who went: all of them, or only how many.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct KeptMoves {
    pub come: BTreeSet<Uuid>,
    pub go: BTreeSet<Uuid>,
    pub come_count: u64,
    pub go_count: u64,
}

/// A change of more members than these is told in numbers, and is not restored: a row stays as small as a page.
const KEPT_MEMBERS: usize = 5_000;

impl KeptMoves {
    pub(super) fn of(change: &Members) -> KeptMoves {
        let counted = KeptMoves {
            come_count: change.come.len() as u64,
            go_count: change.go.len() as u64,
            ..KeptMoves::default()
        };
        if change.come.len() + change.go.len() > KEPT_MEMBERS {
            return counted;
        }
        KeptMoves {
            come: change.come.clone(),
            go: change.go.clone(),
            ..counted
        }
    }

    pub fn are_whole(&self) -> bool {
        self.come.len() as u64 == self.come_count && self.go.len() as u64 == self.go_count
    }
}

/// A change that is written down with what it changes.
pub(super) struct Kept {
    pub kind: ChangeKind,
    pub thing: String,
    pub name: String,
    pub before: Value,
    pub after: Value,
    pub promised: Value,
    pub digest: Option<String>,
}

impl App {
    /// Writes down a change, in the transaction of what it changes. Its number.
    ///
    /// What another administrator approved ends with it; when somebody was faster there, nothing is changed.
    pub(super) async fn change_keep(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        now: Time,
        kept: Kept,
        because: &Because,
    ) -> Result<i64, AppError> {
        let (held, asked_by) = because.approved.clone().unzip();
        let (kind, thing, name) = (kept.kind, kept.thing.clone(), kept.name.clone());
        let id = tx
            .change_insert(&NewChange {
                at: now,
                actor: caller.actor(),
                by: caller.name().to_owned(),
                kind: kept.kind,
                thing: kept.thing,
                name: kept.name,
                before: kept.before,
                after: kept.after,
                promised: kept.promised,
                digest: kept.digest,
                undoes: because.undoes,
                held,
                asked_by: asked_by.clone(),
            })
            .await?;
        if let Some(held) = held {
            let end = HeldEnd {
                state: HeldState::Approved,
                at: now,
                by: caller.name(),
                reason: None,
                change: Some(id),
            };
            if !tx.held_change_end(held, end).await? {
                return Err(AppError::Stale("held change"));
            }
            let event = about(NewEvent::new(now, caller.actor(), "changeApproved"), kind, &thing);
            tx.event(&event.with(json!({ "name": name, "held": held, "change": id, "askedBy": asked_by })))
                .await?;
        }
        Ok(id)
    }
}

/// Who came and who went.
pub fn moves_of(said: &Value) -> Option<KeptMoves> {
    serde_json::from_value(said.get("moves")?.clone()).ok()
}

/// What a preview promised, in numbers.
pub(super) fn promised<'a>(outcomes: impl Iterator<Item = &'a domain::Preview>) -> Value {
    use domain::Effect;
    let (mut gains, mut loses, mut waits, mut takes_back, mut count) = (0, 0, 0, 0, 0_u64);
    for outcome in outcomes {
        gains += [Effect::Gains, Effect::GainsLater, Effect::GainsOnceReady]
            .into_iter()
            .map(|effect| outcome.of_effect(effect))
            .sum::<u64>();
        waits += outcome.of_effect(Effect::Waits);
        loses += outcome.of_effect(Effect::Loses);
        takes_back += outcome.taken_back();
        count += 1;
    }
    json!({ "apps": count, "gains": gains, "waits": waits, "loses": loses, "takesBack": takes_back })
}

#[cfg(test)]
mod tests {
    use domain::GroupKind;

    use super::*;

    #[test]
    fn a_change_of_thousands_of_members_is_kept_in_numbers() {
        let moved = |count: u128| {
            KeptMoves::of(&Members {
                group: GroupId(Uuid::nil()),
                kind: GroupKind::User,
                come: (0..count).map(Uuid::from_u128).collect(),
                go: BTreeSet::from([Uuid::max()]),
            })
        };
        let (few, many) = (moved(KEPT_MEMBERS as u128 - 1), moved(KEPT_MEMBERS as u128));
        assert!(few.are_whole() && !many.are_whole());
        assert_eq!((many.come_count, many.go_count), (KEPT_MEMBERS as u64, 1));
        assert!(json!(few).to_string().len() < 256 * 1024, "a row is small");
        assert!(json!(many).to_string().len() < 1024);
        assert_eq!(moves_of(&json!({ "moves": few })), Some(few));
    }
}
