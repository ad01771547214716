//! Doing it, as it was previewed.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, GroupId, GroupKind, Members, PersonId, Precedence, Rank, Time};
use serde_json::json;
use store::{Base, GroupRow, MovedUpRow, NewEvent, Version};
use uuid::Uuid;

use super::{BulkDone, BulkPreview, Skip, UNMADE, counted, previewing::Sorting};
use crate::app::{App, AppError, Caller, contract::Because, deployments, invitations, members};

/// So many are invited, or moved up, in one transaction.
const IN_ONE: usize = 100;

impl App {
    /// All of it in one transaction. `None` when somebody was faster; nothing was changed then.
    pub(super) async fn change_groups(
        &self,
        caller: &Caller,
        preview: BulkPreview,
        cause: Uuid,
    ) -> Result<Option<BulkDone>, AppError> {
        let now = self.now();
        let by = caller.changes(now);
        let made = GroupId(self.random.id());
        let real = |group: GroupId| if group == UNMADE { made } else { group };
        let mut tx = self.store.begin().await?;
        // People before groups, as whoever leaves takes them.
        for kind in [GroupKind::User, GroupKind::Device] {
            let of_kind = preview.moves.iter().filter(|moved| moved.kind == kind);
            let come: BTreeSet<Uuid> = of_kind.flat_map(|moved| moved.come.iter().copied()).collect();
            let come: Vec<Uuid> = come.into_iter().collect();
            if !come.is_empty() && tx.members_stay(kind, &come).await?.len() < come.len() {
                return Ok(None);
            }
        }
        if let Some(of) = &preview.made {
            let row = GroupRow {
                id: made,
                kind: preview.kind,
                name: of.name.clone(),
                priority: 0,
                created_at: now,
                members: 0,
                membership_rule: None,
                version: Version::default(),
                members_version: Version::default(),
            };
            tx.group_insert(&row).await?;
            let event = NewEvent::new(now, caller.actor(), "groupAdded").group(made);
            tx.event(&event.with(json!({ "name": of.name, "bulkAction": cause })))
                .await?;
        }
        for moved in &preview.moves {
            let group = real(moved.group);
            let come: Vec<Uuid> = moved.come.iter().copied().collect();
            let go: Vec<Uuid> = moved.go.iter().copied().collect();
            let change = tx
                .group_members_change((group, moved.kind), Base::Latest, &come, &go, by)
                .await?;
            if change != Some((come.len() as u64, go.len() as u64)) {
                return Ok(None);
            }
            let Some(row) = tx.group(group).await? else {
                return Ok(None);
            };
            let change = Members { group, ..moved.clone() };
            let kept = members::kept((&row, row.members), &change, preview.apps.iter(), &preview.digest);
            let change = self
                .change_keep(&mut tx, caller, now, kept, &Because::default())
                .await?;
            let event = NewEvent::new(now, caller.actor(), "groupMembersSet").group(group);
            tx.event(&event.with(json!({
                "name": row.name, "members": row.members, "joined": come.len(), "left": go.len(),
                "bulkAction": cause, "previewDigest": preview.digest, "change": change,
            })))
            .await?;
        }
        if let Some(of) = &preview.made {
            let seen = Base::Version(of.version.number);
            if !tx.deployments_begin(of.app, seen, by).await? {
                return Ok(None);
            }
            let mut lines = of.lines.clone();
            for line in &mut lines {
                line.group = real(line.group);
            }
            let present = tx.deployments(of.app).await?;
            tx.deployments_replace(of.app, &lines, now).await?;
            for app in &preview.apps {
                let kept = deployments::kept(&mut tx, app, &present, &lines).await?;
                let change = self
                    .change_keep(&mut tx, caller, now, kept, &Because::default())
                    .await?;
                let mut event = deployments::saved(caller, &app.app, &lines, app, now);
                event.detail["bulkAction"] = json!(cause);
                event.detail["change"] = json!(change);
                tx.event(&event).await?;
            }
        }
        let group = preview.made.as_ref().map(|_| made);
        let (selected, done) = (preview.selected(), preview.does.len() as u64);
        let told = Told {
            caller,
            cause,
            group,
            preview: &preview,
        };
        let done = told
            .done(&mut tx, now, selected, done, counted(&preview.skipped))
            .await?;
        tx.commit().await?;
        Ok(Some(done))
    }

    pub(super) async fn invite_many(
        &self,
        caller: &Caller,
        preview: BulkPreview,
        cause: Uuid,
    ) -> Result<BulkDone, AppError> {
        let mut skipped = counted(&preview.skipped);
        let mut done = 0;
        let ids: Vec<Uuid> = preview.does.iter().copied().collect();
        for ids in ids.chunks(IN_ONE) {
            let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            let mut invited = self.invite_some(caller, &people, cause).await?;
            for person in people {
                match invited.remove(&person) {
                    None => done += 1,
                    Some(why) => *skipped.entry(why).or_default() += 1,
                }
            }
        }
        self.done_one_by_one(caller, &preview, cause, done, skipped).await
    }

    /// Some of them in one transaction: who was not invited, and why.
    async fn invite_some(
        &self,
        caller: &Caller,
        people: &[PersonId],
        cause: Uuid,
    ) -> Result<BTreeMap<PersonId, Skip>, AppError> {
        let now = self.now();
        let mut skipped = BTreeMap::new();
        let mut tx = self.store.begin().await?;
        let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
        let stay = tx.members_stay(GroupKind::User, &ids).await?;
        let Some(location) = tx.location_linked().await? else {
            return Ok(people.iter().map(|person| (*person, Skip::NotLinked)).collect());
        };
        let mut users = BTreeMap::new();
        for person in people {
            if !stay.contains(&person.0) {
                skipped.insert(*person, Skip::Left);
                continue;
            }
            match tx.client_user_held(*person, location.id).await? {
                Some(user) => drop(users.insert(*person, user)),
                None => drop(skipped.insert(*person, Skip::NoProgram)),
            }
        }
        let held: Vec<PersonId> = users.keys().copied().collect();
        let world = tx.world_of(location.id, &held, now).await?;
        for (person, user) in &users {
            match invitations::anew(&world, *person) {
                Ok(anew) => {
                    self.invited_anew(&mut tx, caller, user, anew, now, Some(cause)).await?;
                }
                Err(why) => drop(skipped.insert(*person, Skip::from(&why))),
            }
        }
        tx.commit().await?;
        Ok(skipped)
    }

    pub(super) async fn move_up_many(
        &self,
        caller: &Caller,
        preview: BulkPreview,
        (asset, reason): (AssetId, &str),
        cause: Uuid,
    ) -> Result<BulkDone, AppError> {
        let reason = crate::app::required("reason", reason, 500)?;
        let now = self.now();
        // Only those who were previewed; in which order they stand is as of now.
        let line = self
            .moving_up_many(&preview.act, Sorting::of(preview.does.clone()), asset)
            .await?;
        let (again, line) = line;
        let mut skipped = counted(&preview.skipped);
        for (why, number) in counted(&again.skipped) {
            *skipped.entry(why).or_default() += number;
        }
        let at = moments(&line, now);
        let mut done = 0;
        for some in at.chunks(IN_ONE) {
            let mut tx = self.store.begin().await?;
            let ids: BTreeSet<Uuid> = some.iter().map(|(person, _)| person.0).collect();
            let ids: Vec<Uuid> = ids.into_iter().collect();
            let stay = tx.members_stay(GroupKind::User, &ids).await?;
            for (person, at) in some {
                if !stay.contains(&person.0) {
                    *skipped.entry(Skip::Left).or_default() += 1;
                    continue;
                }
                let row = MovedUpRow {
                    person_id: *person,
                    moved_at: *at,
                    moved_by: caller.name().to_owned(),
                    reason: reason.clone(),
                };
                if !tx.moved_up_put(asset, &row).await? {
                    *skipped.entry(Skip::MovedUpAlready).or_default() += 1;
                    continue;
                }
                done += 1;
                let event = NewEvent::new(now, caller.actor(), "movedUp")
                    .asset(asset)
                    .person(*person);
                tx.event(&event.with(json!({ "reason": row.reason, "bulkAction": cause })))
                    .await?;
            }
            tx.commit().await?;
        }
        self.done_one_by_one(caller, &preview, cause, done, skipped).await
    }

    async fn done_one_by_one(
        &self,
        caller: &Caller,
        preview: &BulkPreview,
        cause: Uuid,
        done: u64,
        skipped: BTreeMap<Skip, u64>,
    ) -> Result<BulkDone, AppError> {
        let told = Told {
            caller,
            cause,
            group: None,
            preview,
        };
        let mut tx = self.store.begin().await?;
        let done = told
            .done(&mut tx, self.now(), preview.selected(), done, skipped)
            .await?;
        tx.commit().await?;
        Ok(done)
    }
}

/// What the event tells that is of all of it.
struct Told<'a> {
    caller: &'a Caller,
    cause: Uuid,
    group: Option<GroupId>,
    preview: &'a BulkPreview,
}

impl Told<'_> {
    async fn done(
        &self,
        tx: &mut store::Tx,
        now: Time,
        selected: u64,
        done: u64,
        skipped: BTreeMap<Skip, u64>,
    ) -> Result<BulkDone, AppError> {
        let act = &self.preview.act;
        let mut event = NewEvent::new(now, self.caller.actor(), "bulkDone");
        event.asset = act.app();
        event.group = act.group().or(self.group);
        event.detail = json!({
            "bulkAction": self.cause, "bulk": act.told(), "kind": self.preview.kind, "selected": selected, "done": done,
            "skipped": skipped, "previewDigest": self.preview.digest,
        });
        Ok(BulkDone {
            event: Some(tx.event_told(&event).await?),
            selected,
            done,
            skipped,
        })
    }
}

/// When each of those in a line is moved up: who came before others by the priority of a group still does; among the rest the
/// line stays as it was by itself. None lies ahead.
fn moments(line: &[(Rank, PersonId)], now: Time) -> Vec<(PersonId, Time)> {
    let before: BTreeSet<Precedence> = line.iter().map(|(rank, _)| rank.precedence).collect();
    let last = before.len() as i64 - 1;
    let place: BTreeMap<Precedence, i64> = before.into_iter().zip(0..).collect();
    let moment = |(rank, person): &(Rank, PersonId)| (*person, Time(now.ms() - last + place[&rank.precedence]));
    line.iter().map(moment).collect()
}
