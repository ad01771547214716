//! Brings people and devices into the groups whose rules they follow, and takes them out.
//!
//! Whatever a rule looks at marks whom it is of, and a rule that is new is asked of everybody, some at a time
//! ([`store::Tx::members_follow`]). Of organisations of any size a step takes some hundred of them, in one transaction: what is
//! committed meanwhile is followed in the next.

use std::{collections::BTreeSet, time::Duration};

use domain::{DeviceId, GroupId, GroupKind, Members, PersonId, Time};
use serde_json::json;
use store::{Actor, NewEvent, StoreError, Tx, Walked};
use uuid::Uuid;

use super::{Stepped, turn};
use crate::app::{App, AppError};

/// One server at a time: who reads facts later writes later.
const LEASE: &str = "groups";
/// Another server goes on after it.
const GOOD_FOR: Duration = Duration::from_secs(10);
/// So many people or devices in one step.
const AT_ONCE: usize = 500;

/// Follows the next changes.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    if !app.store.members_to_follow().await? {
        return Ok(Stepped::Idle);
    }
    let _one_time = app.steps.read().await;
    let Some(lease) = turn(app, LEASE, GOOD_FOR).await? else {
        return Ok(Stepped::Idle);
    };
    let mut tx = match app.store.begin_as(&lease).await {
        Err(StoreError::LeaseLost) => return Ok(Stepped::Idle),
        tx => tx?,
    };
    let now = app.now();
    let followed = tx.members_follow(AT_ONCE).await?;
    for moved in &followed.moved {
        moved_by_a_change(&mut tx, moved, now).await?;
    }
    if let Some(walked) = &followed.walked {
        moved_by_a_rule(&mut tx, walked, now).await?;
    }
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(Stepped::Worked)
}

/// Tells of who came and who went because something changed of them.
async fn moved_by_a_change(tx: &mut Tx, moved: &Members, now: Time) -> Result<(), AppError> {
    let whom: BTreeSet<Uuid> = moved.come.union(&moved.go).copied().collect();
    let mut event = followed(tx, moved.group, moved.come.len(), moved.go.len(), now).await?;
    if let (Some(one), 1) = (whom.first().copied(), whom.len()) {
        event = match moved.kind {
            GroupKind::User => event.person(PersonId(one)),
            GroupKind::Device => event.device(DeviceId(one)),
        };
    }
    tx.event(&event).await?;
    Ok(())
}

/// Tells of what a rule did that is new, once everybody was asked.
async fn moved_by_a_rule(tx: &mut Tx, walked: &Walked, now: Time) -> Result<(), AppError> {
    let count = |many: i64| usize::try_from(many).unwrap_or(0);
    let event = followed(tx, walked.group, count(walked.joined), count(walked.went), now).await?;
    tx.event(&event).await?;
    Ok(())
}

async fn followed(tx: &mut Tx, group: GroupId, joined: usize, left: usize, now: Time) -> Result<NewEvent, AppError> {
    let row = tx.group(group).await?;
    let (name, members) = row.map_or_else(Default::default, |row| (row.name, row.members));
    Ok(NewEvent::new(now, Actor::System, "groupMembersFollowed")
        .group(group)
        .with(json!({ "name": name, "members": members, "joined": joined, "left": left })))
}
