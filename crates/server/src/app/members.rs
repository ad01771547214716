//! Who is in a group, and what changing that does to each app that is deployed to it.
//!
//! Saving is a contract, as it is of a deployment: whoever saves what they saw in a preview gets that, or is told that it is
//! something else now.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use domain::{AssetId, DeviceId, GroupId, GroupKind, Members, MembershipRule, PersonId};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Base, ChangeKind, Cut, DeviceRow, Devices, GroupRow, NewEvent, People, PersonRow, Snapshot, Span, Tx};
use uuid::Uuid;

use super::{
    App, AppError, Caller,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
    followers::{RuleRefused, followers},
    kept::{Kept, KeptMoves, promised},
    of_app::{Asked, Part},
};

/// Who shall be in a group.
#[derive(Debug, Clone, Copy)]
pub enum Wanted<'a> {
    /// These, and nobody else.
    These(&'a [Uuid]),
    /// Whoever is in it, and some who are not, without others.
    Change(&'a MembersChange),
}

/// Who is added to a group and who is taken out of it, whoever is in it then. So nobody stands in the way of somebody else who
/// adds others.
///
/// Whoever is in it already, or is not, stays what they are. Who is named twice goes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MembersChange {
    pub add: BTreeSet<Uuid>,
    pub remove: BTreeSet<Uuid>,
}

/// What changing the members of a group, or its rule, would do.
#[derive(Debug, Clone, PartialEq)]
pub struct MembersPreview {
    /// As it is.
    pub group: GroupRow,
    pub change: Members,
    /// Who comes into other groups, and who goes, because their rules look at this one.
    pub follows: Vec<Members>,
    /// Of a rule: whom it lets in.
    pub matching: Option<Matching>,
    /// Of each app that is deployed to any of them, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

/// Whom a rule lets in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Matching {
    /// `None` when the rule is taken away: then whoever is in the group stays.
    pub rule: Option<MembershipRule>,
    pub count: u64,
    /// A few of them.
    pub first: Vec<Uuid>,
}

/// Who cannot be added to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Absent {
    /// Who has left.
    pub left: Vec<PersonRow>,
    /// What is no person, or no device.
    pub unknown: Vec<Uuid>,
}

/// Somebody or some device that is in a group, or may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MemberRow {
    pub id: Uuid,
    pub name: String,
    /// What else tells them apart: the department or the mail of a person, the person and the serial number of a device.
    pub beside: Option<String>,
}

/// Who could be added to a group.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offered {
    pub rows: Vec<MemberRow>,
    /// There are more, or may be: to be looked for.
    pub more: bool,
}

/// Of so many is looked who is not in a group yet, as long as nobody is looked for.
const LOOKED_THROUGH: usize = 200;

impl Wanted<'_> {
    /// All ids that are named.
    fn named(&self) -> Vec<Uuid> {
        match self {
            Wanted::These(these) => these.to_vec(),
            Wanted::Change(change) => change.add.union(&change.remove).copied().collect(),
        }
    }

    /// Who comes and who goes. `present` are those who are in it: all of them, or of a change those whom it names.
    fn moves(&self, group: &GroupRow, present: &BTreeSet<Uuid>) -> Members {
        let (come, go) = match self {
            Wanted::These(these) => {
                let these: BTreeSet<Uuid> = these.iter().copied().collect();
                (&these - present, present - &these)
            }
            Wanted::Change(change) => (&(&change.add - &change.remove) - present, &change.remove & present),
        };
        Members {
            group: group.id,
            kind: group.kind,
            come,
            go,
        }
    }
}

impl MembersPreview {
    /// Whether anybody comes or goes.
    pub fn moves_anybody(&self) -> bool {
        !self.change.come.is_empty() || !self.change.go.is_empty()
    }
}

impl Contract for MembersPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    fn approval_above(&self) -> Option<u64> {
        self.apps.first()?.approval_above()
    }

    fn shown(self) -> Previewed {
        Previewed::Members(Box::new(self))
    }
}

impl App {
    /// The next members in the order of their ids, and the group that they are in.
    pub async fn group_members_after(&self, id: GroupId, asked: Asked<'_>) -> Result<(GroupRow, Part<Uuid>), AppError> {
        let mut read = self.store.snapshot().await?;
        let group = read.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let found = read.group_members_after(id, asked.after(), asked.most + 1).await?;
        Ok((group, asked.part(found)))
    }

    /// A page of the members of a group, by name.
    pub async fn group_members_list(
        &self,
        group: &GroupRow,
        asked: Asked<'_>,
    ) -> Result<(Part<Uuid>, Vec<MemberRow>), AppError> {
        let mut read = self.store.snapshot().await?;
        let part = asked.part(read.group_members_listed(group.id, group.kind, asked.cut()).await?);
        let rows = member_rows(&mut read, group.kind, &part.rows).await?;
        Ok((part, rows))
    }

    /// Who is here and not in a group, by name. As long as nobody is looked for, only among the first of all.
    pub async fn group_members_offered(&self, group: &GroupRow, query: &str, most: usize) -> Result<Offered, AppError> {
        let mut read = self.store.snapshot().await?;
        let mut more = false;
        let mut found = if query.is_empty() {
            let first = Cut {
                span: Span::First,
                query,
                most: LOOKED_THROUGH,
            };
            let mut first: Vec<Uuid> = match group.kind {
                GroupKind::User => {
                    let people = read.people_listed(People::Here, first).await?;
                    people.into_iter().map(|person| person.0).collect()
                }
                GroupKind::Device => {
                    let devices = read.devices_listed(Devices::Here, first).await?;
                    devices.into_iter().map(|device| device.0).collect()
                }
            };
            more = first.len() == LOOKED_THROUGH;
            let present: BTreeSet<Uuid> = read.group_members_among(group.id, &first).await?.into_iter().collect();
            first.retain(|id| !present.contains(id));
            first
        } else {
            read.group_members_offered(group.id, group.kind, query, most + 1)
                .await?
        };
        more |= found.len() > most;
        found.truncate(most);
        let rows = member_rows(&mut read, group.kind, &found).await?;
        Ok(Offered { rows, more })
    }

    /// Some people of a user group, or devices of a device group, by name: as many of them as are known.
    pub async fn group_members_called(
        &self,
        kind: GroupKind,
        ids: &BTreeSet<Uuid>,
    ) -> Result<Vec<MemberRow>, AppError> {
        let ids: Vec<Uuid> = ids.iter().copied().collect();
        let mut rows = member_rows(&mut self.store.snapshot().await?, kind, &ids).await?;
        rows.sort_by(|one, next| one.name.cmp(&next.name));
        Ok(rows)
    }

    /// What changing the members would do. Nothing is changed.
    ///
    /// It reads those who come and go, and the line of each app that is deployed to the group.
    pub async fn group_members_preview(&self, id: GroupId, wanted: Wanted<'_>) -> Result<MembersPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let group = read.group(id).await?.ok_or(AppError::NotFound("group"))?;
        let present = match wanted {
            Wanted::These(_) => read.group_members(id).await?,
            Wanted::Change(_) => read.group_members_among(id, &wanted.named()).await?,
        };
        let change = wanted.moves(&group, &present.into_iter().collect());
        let follows = followers(&mut read, std::slice::from_ref(&change)).await?;
        self.members_previewed(read, group, change, follows, None).await
    }

    /// What it does to each app when these come and go.
    pub(super) async fn members_previewed(
        &self,
        mut read: Snapshot,
        group: GroupRow,
        change: Members,
        follows: Vec<Members>,
        matching: Option<Matching>,
    ) -> Result<MembersPreview, AppError> {
        let moves = || iter::once(&change).chain(&follows);
        let apps = self
            .apps_of_moves(&mut read, &moves().cloned().collect::<Vec<_>>())
            .await?;
        drop(read);
        Ok(MembersPreview {
            digest: digest(moves(), matching.as_ref(), &apps),
            group,
            change,
            follows,
            matching,
            apps,
        })
    }

    /// What it does to each app that is deployed to any of these groups when these come and go, by name.
    pub(super) async fn apps_of_moves(&self, read: &mut Snapshot, moves: &[Members]) -> Result<Vec<Preview>, AppError> {
        let mut apps = Vec::new();
        for (asset, groups) in deployed_to(read, moves.iter().map(|moved| moved.group).collect()).await? {
            let moves: Vec<Members> = moves
                .iter()
                .filter(|moved| groups.contains(&moved.group))
                .cloned()
                .collect();
            apps.extend(self.previewed(read, asset, &moves).await?);
        }
        apps.sort_by(|one, next| one.app.name.cmp(&next.app.name));
        Ok(apps)
    }

    /// Of one app. `None` of what is none any more.
    async fn previewed(
        &self,
        read: &mut Snapshot,
        asset: AssetId,
        moves: &[Members],
    ) -> Result<Option<Preview>, AppError> {
        let Some(app) = read.app(asset).await?.filter(store::AppRow::is_app) else {
            return Ok(None);
        };
        let outcome = read
            .previewed_members(app.location_id, asset, moves, self.now())
            .await?;
        match outcome {
            Some(outcome) => Ok(Some(self.previewed_app(read, app, outcome).await?)),
            None => Ok(None),
        }
    }

    /// Replaces the members, unless they were changed since `base`, or it does something else by now than was agreed to.
    pub async fn group_members_set(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        members: &[Uuid],
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        self.members_save(caller, id, base, Wanted::These(members), agreed)
            .await?;
        Ok(())
    }

    /// Adds some to the group as it is now, and takes others out, unless it does something else by now than was agreed to.
    /// Who came and who went.
    pub async fn group_members_change(
        &self,
        caller: &Caller,
        id: GroupId,
        change: &MembersChange,
        agreed: &Agreed,
    ) -> Result<Members, AppError> {
        self.members_save(caller, id, Base::Latest, Wanted::Change(change), agreed)
            .await
    }

    /// Writes who comes and who goes, and nothing else. Nobody who has left, or leaves at this moment, gets in.
    ///
    /// Previews first, in a reading of its own: nobody else waits for that. Those who were previewed come and go then, or it is
    /// previewed once more.
    async fn members_save(
        &self,
        caller: &Caller,
        id: GroupId,
        base: Base,
        wanted: Wanted<'_>,
        agreed: &Agreed,
    ) -> Result<Members, AppError> {
        caller.may_write()?;
        let _turn = self.turns.next(id.0).await;
        loop {
            let now = self.now();
            let row = self.group(id).await?.ok_or(AppError::NotFound("group"))?;
            if row.membership_rule.is_some() {
                return Err(RuleRefused::MembersByRule.into());
            }
            // Whoever left since the page was opened is told of as a change, and not as a mistake.
            if !base.is(&row.members_version) {
                return Err(AppError::Stale("group"));
            }
            let preview = self.group_members_preview(id, wanted).await?;
            if !base.is(&preview.group.members_version) {
                return Err(AppError::Stale("group"));
            }
            if !preview.moves_anybody() {
                if let Some((held, _)) = agreed.because.approved {
                    return Err(self.held_changes_nothing(caller, held).await);
                }
                return Ok(preview.change);
            }
            let preview = preview.agreed(agreed)?;
            let come: Vec<Uuid> = preview.change.come.iter().copied().collect();
            let go: Vec<Uuid> = preview.change.go.iter().copied().collect();

            let mut tx = self.store.begin().await?;
            // People before the group, as whoever leaves takes them: otherwise the two would wait for each other.
            let stay = tx.members_stay(row.kind, &come).await?;
            if stay.len() < come.len() {
                // Whoever was faster took them out, and is told of.
                let seen = tx.group(id).await?.ok_or(AppError::NotFound("group"))?;
                if !base.is(&seen.members_version) {
                    return Err(AppError::Stale("group"));
                }
                return Err(absent(&mut tx, row.kind, wanted, &(&preview.change.come - &stay)).await?);
            }
            // A change is of those whom it names; who else comes or goes meanwhile is nothing to it.
            let seen = match wanted {
                Wanted::These(_) => Base::Version(preview.group.members_version.number),
                Wanted::Change(_) => Base::Latest,
            };
            let by = caller.changes(now);
            let moved = tx.group_members_change((id, row.kind), seen, &come, &go, by).await?;
            if moved != Some((come.len() as u64, go.len() as u64)) {
                // Somebody was faster.
                if matches!(base, Base::Latest) {
                    continue;
                }
                return Err(AppError::Stale("group"));
            }
            let members = tx.group(id).await?.map_or(0, |row| row.members);
            let kept = kept((&row, members), &preview.change, preview.apps.iter(), &preview.digest);
            let change = self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?;
            tx.event(
                &NewEvent::new(now, caller.actor(), "groupMembersSet")
                    .group(id)
                    .with(json!({
                        "name": row.name, "members": members, "joined": come.len(), "left": go.len(),
                        "previewDigest": preview.digest, "change": change,
                    })),
            )
            .await?;
            tx.commit().await?;
            self.look_again();
            return Ok(preview.change);
        }
    }
}

/// Says who cannot be added.
async fn absent(tx: &mut Tx, kind: GroupKind, wanted: Wanted<'_>, ids: &BTreeSet<Uuid>) -> Result<AppError, AppError> {
    let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
    let left = match kind {
        GroupKind::User => tx.people_rows(&people).await?,
        GroupKind::Device => Vec::new(),
    };
    let known: BTreeSet<Uuid> = left.iter().map(|person| person.id.0).collect();
    Ok(AppError::MembersAbsent {
        field: match wanted {
            Wanted::These(_) => "members",
            Wanted::Change(_) => "add",
        },
        absent: Box::new(Absent {
            unknown: (ids - &known).into_iter().collect(),
            left,
        }),
    })
}

/// These people, or devices, in this order.
async fn member_rows(read: &mut Snapshot, kind: GroupKind, ids: &[Uuid]) -> Result<Vec<MemberRow>, AppError> {
    let mut rows: BTreeMap<Uuid, MemberRow> = match kind {
        GroupKind::User => {
            let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            let rows = read.people_rows(&people).await?.into_iter();
            let row = |row: PersonRow| MemberRow {
                id: row.id.0,
                name: row.name,
                beside: row.department.or(row.email),
            };
            rows.map(row).map(|row| (row.id, row)).collect()
        }
        GroupKind::Device => {
            let devices: Vec<DeviceId> = ids.iter().copied().map(DeviceId).collect();
            let rows = read.devices_of_ids(&devices).await?;
            let owners: Vec<Uuid> = rows.iter().map(|row| row.person_id.0).collect();
            let names = read.names(&owners).await?;
            let row = |row: DeviceRow| {
                let beside = [names.people.get(&row.person_id).cloned(), row.serial];
                let beside: Vec<String> = beside.into_iter().flatten().collect();
                MemberRow {
                    id: row.id.0,
                    name: row.name,
                    beside: Some(beside.join(" · ")).filter(|beside| !beside.is_empty()),
                }
            };
            rows.into_iter().map(row).map(|row| (row.id, row)).collect()
        }
    };
    Ok(ids.iter().filter_map(|id| rows.remove(id)).collect())
}

/// The apps that are deployed to any of these groups, and to which of them.
async fn deployed_to(
    read: &mut Snapshot,
    groups: BTreeSet<GroupId>,
) -> Result<BTreeMap<AssetId, BTreeSet<GroupId>>, AppError> {
    let mut assets: BTreeMap<AssetId, BTreeSet<GroupId>> = BTreeMap::new();
    for location in read.locations().await? {
        let lines = read.deployments_all(location.id).await?.into_iter();
        for line in lines.filter(|line| groups.contains(&line.group)) {
            assets.entry(line.app).or_default().insert(line.group);
        }
    }
    Ok(assets)
}

/// Of who comes and goes, by which rule, and of what that does.
fn digest<'a>(moves: impl Iterator<Item = &'a Members>, matching: Option<&Matching>, apps: &[Preview]) -> String {
    let mut hash = Sha256::new();
    hash_moves(&mut hash, moves);
    if let Some(matching) = matching {
        let rule = matching.rule.as_ref().map(MembershipRule::kept);
        hash.update(b"=");
        hash.update(rule.unwrap_or_default());
    }
    contract::of_apps(hash, apps.iter())
}

/// Tells who comes and goes.
pub(super) fn hash_moves<'a>(hash: &mut Sha256, moves: impl Iterator<Item = &'a Members>) {
    for change in moves {
        hash.update(change.group.0.as_bytes());
        for (sign, ids) in [(b"+", &change.come), (b"-", &change.go)] {
            for id in ids {
                hash.update(sign);
                hash.update(id.as_bytes());
            }
        }
    }
}

/// A change of the members of a group, who are so many after it, as it is written down.
pub(super) fn kept<'a>(
    (row, members): (&GroupRow, i64),
    change: &Members,
    apps: impl Iterator<Item = &'a Preview>,
    digest: &str,
) -> Kept {
    let number = |ids: &BTreeSet<Uuid>| i64::try_from(ids.len()).unwrap_or(i64::MAX);
    Kept {
        kind: ChangeKind::GroupMembers,
        thing: row.id.to_string(),
        name: row.name.clone(),
        before: json!({ "members": members - number(&change.come) + number(&change.go) }),
        after: json!({ "members": members, "moves": KeptMoves::of(change) }),
        promised: promised(apps.map(|app| &app.outcome)),
        digest: Some(digest.to_owned()),
    }
}
