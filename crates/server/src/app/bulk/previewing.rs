//! What doing one thing to many would do: to whom, and to whom not and why.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use domain::{
    Approval, AssetId, Deployment, DeviceId, Group, GroupId, GroupKind, Holder, LicenseType, Members, PersonId, Place,
    Rank, decide_one,
};
use store::{GroupRow, Snapshot};
use uuid::Uuid;

use super::{
    Act, BulkPreview, BulkRefused, GivenBy, Made, ONE_BY_ONE, Skip, TakeBack, Through, UNMADE, selection::Selection,
};
use crate::app::{
    App, AppError, FieldProblem,
    followers::{RuleRefused, followers},
    invitations,
};

/// So many are looked at, at once.
const AT_ONCE: usize = 2_000;
/// So many are decided at once.
const DECIDED: usize = 500;

/// Those who were chosen, until each is done or skipped.
pub(super) struct Sorting {
    does: BTreeSet<Uuid>,
    skipped: BTreeMap<Skip, BTreeSet<Uuid>>,
}

impl Sorting {
    pub fn of(chosen: BTreeSet<Uuid>) -> Sorting {
        Sorting {
            does: chosen,
            skipped: BTreeMap::new(),
        }
    }

    /// Whoever is skipped once already stays so.
    fn skip(&mut self, why: Skip, ids: impl IntoIterator<Item = Uuid>) {
        for id in ids {
            if self.does.remove(&id) {
                self.skipped.entry(why).or_default().insert(id);
            }
        }
    }

    fn ids(&self) -> Vec<Uuid> {
        self.does.iter().copied().collect()
    }
}

/// Through which groups those who were chosen get an app.
#[derive(Default)]
struct Due {
    /// Members of groups that have no rule: those who were chosen, or their devices.
    go: BTreeMap<GroupId, BTreeSet<Uuid>>,
    kinds: BTreeMap<GroupId, GroupKind>,
    /// How many through groups with a rule, or of their person.
    elsewhere: BTreeMap<GroupId, u64>,
    /// Whoever of those who were chosen gets it at all.
    all: BTreeSet<Uuid>,
    by_rule: BTreeSet<Uuid>,
    by_person: BTreeSet<Uuid>,
    /// Whose each member of `go` is, where it is not one of those who were chosen.
    owners: BTreeMap<Uuid, Uuid>,
}

impl BulkPreview {
    fn of(kind: GroupKind, act: &Act, sorting: Sorting) -> BulkPreview {
        BulkPreview {
            kind,
            act: act.clone(),
            does: sorting.does,
            skipped: sorting.skipped,
            moves: Vec::new(),
            follows: Vec::new(),
            made: None,
            apps: Vec::new(),
            digest: String::new(),
        }
        .named()
    }
}

impl App {
    /// What doing this to all of them would do. Nothing is changed.
    ///
    /// Of changes of groups it reads those who come and go, and the line of each app that is deployed to the groups; of anything
    /// else those who were chosen, some at a time.
    pub async fn bulk_preview(&self, selection: &Selection, act: &Act) -> Result<BulkPreview, AppError> {
        let kind = selection.list.kind();
        let sorting = Sorting::of(self.chosen(selection).await?);
        match act {
            Act::AddToGroup { group } => {
                self.group_chosen(*group, kind).await?;
                self.joining(kind, act, sorting, *group).await
            }
            Act::RemoveFromGroup { group } => {
                self.group_chosen(*group, kind).await?;
                self.leaving_group(kind, act, sorting, *group).await
            }
            Act::GiveApp { app, through } => match through {
                Through::Group(group) => {
                    self.app_to_deploy(*app).await?;
                    self.group_chosen(*group, kind).await?;
                    let installs = |line: &Deployment| line.group == *group && installs(line);
                    if !self.store.deployments(*app).await?.iter().any(installs) {
                        return Err(BulkRefused::NotDeployed.into());
                    }
                    self.joining(kind, act, sorting, *group).await
                }
                Through::New {
                    name,
                    approval,
                    license_type,
                } => {
                    if !matches!(approval, Approval::Required | Approval::Available) {
                        return Err(BulkRefused::NotDeployed.into());
                    }
                    self.deploying(kind, act, sorting, (*app, name), (*approval, *license_type))
                        .await
                }
            },
            Act::TakeBackApp { app, way } => self.taking_back(kind, act, sorting, *app, way).await,
            Act::InviteAgain => {
                people_only(kind)?;
                self.inviting(act, sorting).await
            }
            Act::MoveUp { app, reason } => {
                people_only(kind)?;
                crate::app::required("reason", reason, 500)?;
                Ok(self.moving_up_many(act, sorting, *app).await?.0)
            }
        }
    }

    /// The groups through which those who were chosen get an app, those that have a rule among them.
    pub async fn given_by(&self, selection: &Selection, asset: AssetId) -> Result<Vec<GivenBy>, AppError> {
        let chosen = self.chosen(selection).await?;
        let mut read = self.store.snapshot().await?;
        let due = due(&mut read, selection.list.kind(), &chosen, asset).await?;
        let mut given = Vec::new();
        let app = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let lines = read.deployments_all(app.location_id).await?;
        let members = due.go.iter().map(|(group, ids)| (*group, ids.len() as u64));
        for (id, members) in members.chain(due.elsewhere) {
            let line = lines.iter().find(|line| line.group == id && line.app == asset);
            let (Some(group), Some(line)) = (read.group(id).await?, line) else {
                continue;
            };
            given.push(GivenBy {
                group,
                approval: line.approval,
                members,
                other_apps: lines
                    .iter()
                    .filter(|line| line.group == id && line.app != asset)
                    .count() as u64,
            });
        }
        given.sort_by(|one, next| one.group.name.cmp(&next.group.name));
        Ok(given)
    }

    /// A group whose members are put in by hand, and are of this kind.
    async fn group_chosen(&self, id: GroupId, kind: GroupKind) -> Result<GroupRow, AppError> {
        let group = self.group(id).await?.ok_or(AppError::Invalid {
            field: "group",
            problem: FieldProblem::Unknown,
        })?;
        if group.membership_rule.is_some() {
            return Err(RuleRefused::MembersByRule.into());
        }
        if group.kind != kind {
            return Err(BulkRefused::GroupKind.into());
        }
        Ok(group)
    }

    async fn joining(
        &self,
        kind: GroupKind,
        act: &Act,
        mut sorting: Sorting,
        group: GroupId,
    ) -> Result<BulkPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        here(&mut read, kind, &mut sorting).await?;
        let present = members_among(&mut read, group, &sorting.ids()).await?;
        sorting.skip(Skip::AlreadyIn, present);
        let come = BTreeMap::from([(group, (kind, sorting.does.clone(), BTreeSet::new()))]);
        self.moving(read, kind, act, sorting, come).await
    }

    async fn leaving_group(
        &self,
        kind: GroupKind,
        act: &Act,
        mut sorting: Sorting,
        group: GroupId,
    ) -> Result<BulkPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let present: BTreeSet<Uuid> = members_among(&mut read, group, &sorting.ids()).await?;
        let absent = &sorting.does - &present;
        sorting.skip(Skip::NotIn, absent);
        let go = BTreeMap::from([(group, (kind, BTreeSet::new(), sorting.does.clone()))]);
        self.moving(read, kind, act, sorting, go).await
    }

    /// Some come into groups, and others go.
    async fn moving(
        &self,
        mut read: Snapshot,
        kind: GroupKind,
        act: &Act,
        sorting: Sorting,
        moves: BTreeMap<GroupId, (GroupKind, BTreeSet<Uuid>, BTreeSet<Uuid>)>,
    ) -> Result<BulkPreview, AppError> {
        let moves = moves
            .into_iter()
            .map(|(group, (kind, come, go))| Members { group, kind, come, go });
        let moves: Vec<Members> = moves.filter(|it| !it.come.is_empty() || !it.go.is_empty()).collect();
        let follows = followers(&mut read, &moves).await?;
        let all: Vec<Members> = moves.iter().chain(&follows).cloned().collect();
        let apps = self.apps_of_moves(&mut read, &all).await?;
        Ok(BulkPreview {
            moves,
            follows,
            apps,
            ..BulkPreview::of(kind, act, sorting)
        }
        .named())
    }

    /// A group is made of them, to which an app is deployed.
    async fn deploying(
        &self,
        kind: GroupKind,
        act: &Act,
        mut sorting: Sorting,
        (asset, name): (AssetId, &str),
        says: (Approval, LicenseType),
    ) -> Result<BulkPreview, AppError> {
        let name = crate::app::required("name", name, 100)?;
        if self.store.groups().await?.iter().any(|group| group.name == name) {
            return Err(AppError::Invalid {
                field: "name",
                problem: FieldProblem::Taken,
            });
        }
        here(&mut self.store.snapshot().await?, kind, &mut sorting).await?;
        let of_kind = |of: GroupKind| sorting.does.iter().copied().filter(move |_| of == kind);
        let group = Group {
            id: UNMADE,
            kind,
            priority: 0,
            people: of_kind(GroupKind::User).map(PersonId).collect(),
            devices: of_kind(GroupKind::Device).map(DeviceId).collect(),
        };
        let (preview, lines) = self.deployed_to_new(asset, &group, says).await?;
        Ok(BulkPreview {
            moves: vec![Members {
                group: UNMADE,
                kind,
                come: sorting.does.clone(),
                go: BTreeSet::new(),
            }],
            made: Some(Made {
                name,
                app: asset,
                version: preview.version.clone(),
                lines,
            }),
            apps: vec![preview],
            ..BulkPreview::of(kind, act, sorting)
        }
        .named())
    }

    async fn taking_back(
        &self,
        kind: GroupKind,
        act: &Act,
        mut sorting: Sorting,
        asset: AssetId,
        way: &TakeBack,
    ) -> Result<BulkPreview, AppError> {
        self.app_to_deploy(asset).await?;
        if let TakeBack::Except(group) = way {
            self.group_chosen(*group, kind).await?;
            let excludes = |line: &Deployment| line.group == *group && line.approval == Approval::NotApplicable;
            if !self.store.deployments(asset).await?.iter().any(excludes) {
                return Err(BulkRefused::NotExcluded.into());
            }
        }
        let mut read = self.store.snapshot().await?;
        let due = due(&mut read, kind, &sorting.does, asset).await?;
        let rest = &sorting.does - &due.all;
        sorting.skip(Skip::NotDue, rest);
        match way {
            TakeBack::FromGroups => {
                sorting.skip(Skip::ByRule, due.by_rule.iter().copied());
                sorting.skip(Skip::ByPerson, due.by_person.iter().copied());
                let does = &sorting.does;
                let ours = |id: &Uuid| does.contains(due.owners.get(id).unwrap_or(id));
                let moves = due.go.iter().map(|(group, ids)| {
                    let go = ids.iter().copied().filter(&ours).collect();
                    (*group, (due.kinds[group], BTreeSet::new(), go))
                });
                let moves = moves.collect();
                self.moving(read, kind, act, sorting, moves).await
            }
            TakeBack::Except(group) => {
                drop(read);
                self.joining(kind, act, sorting, *group).await
            }
            TakeBack::ExceptNew { name } => {
                drop(read);
                let says = (Approval::NotApplicable, LicenseType::default());
                self.deploying(kind, act, sorting, (asset, name), says).await
            }
        }
    }

    async fn inviting(&self, act: &Act, mut sorting: Sorting) -> Result<BulkPreview, AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        here(&mut read, GroupKind::User, &mut sorting).await?;
        let location = read.location_linked().await?;
        let ids = sorting.ids();
        let Some(location) = location else {
            sorting.skip(Skip::NotLinked, ids);
            return Ok(BulkPreview::of(GroupKind::User, act, sorting));
        };
        for ids in ids.chunks(DECIDED) {
            let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            let world = read.world_of(location.id, &people, now).await?;
            for person in people {
                if let Err(why) = invitations::anew(&world, person) {
                    sorting.skip(Skip::from(&why), [person.0]);
                }
            }
        }
        few(&sorting)?;
        Ok(BulkPreview::of(GroupKind::User, act, sorting))
    }

    /// With those who are moved up, in the order in which they stand in the line.
    pub(super) async fn moving_up_many(
        &self,
        act: &Act,
        mut sorting: Sorting,
        asset: AssetId,
    ) -> Result<(BulkPreview, Vec<(Rank, PersonId)>), AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let app = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        here(&mut read, GroupKind::User, &mut sorting).await?;
        let mut waiting: BTreeMap<PersonId, Rank> = BTreeMap::new();
        let mut holders: BTreeSet<Holder> = BTreeSet::new();
        for waiter in read.line_of(asset).await?.wishes {
            if !sorting.does.contains(&waiter.person.0) {
                continue;
            }
            holders.insert(waiter.holder);
            let rank = waiting.entry(waiter.person).or_insert(waiter.wish.rank);
            *rank = (*rank).min(waiter.wish.rank);
        }
        let waits = |id: &Uuid| waiting.contains_key(&PersonId(*id));
        let others: Vec<Uuid> = sorting.does.iter().copied().filter(|id| !waits(id)).collect();
        sorting.skip(Skip::NotWaiting, others);
        for ids in sorting.ids().chunks(DECIDED) {
            let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            let moved = read.moved_up(asset, &people).await?;
            sorting.skip(Skip::MovedUpAlready, moved.into_keys().map(|person| person.0));
            // Who stood there when they were decided last may want none by now.
            let world = read.world_of_app(app.location_id, asset, &people, now).await?;
            let place = |holder| holders.contains(&holder).then_some(Place::At(1));
            let still = |person: &PersonId| {
                let facts = world.apps.get(&asset);
                let verdict = facts.and_then(|facts| decide_one(&world, facts, *person, place));
                verdict.is_some_and(|verdict| verdict.place.is_some())
            };
            let others: Vec<Uuid> = people.iter().filter(|person| !still(person)).map(|it| it.0).collect();
            sorting.skip(Skip::NotWaiting, others);
        }
        few(&sorting)?;
        let mut line: Vec<(Rank, PersonId)> = waiting
            .into_iter()
            .filter(|(person, _)| sorting.does.contains(&person.0))
            .map(|(person, rank)| (rank, person))
            .collect();
        line.sort_unstable();
        Ok((BulkPreview::of(GroupKind::User, act, sorting), line))
    }
}

fn people_only(kind: GroupKind) -> Result<(), BulkRefused> {
    match kind {
        GroupKind::User => Ok(()),
        GroupKind::Device => Err(BulkRefused::PeopleOnly),
    }
}

fn few(sorting: &Sorting) -> Result<(), BulkRefused> {
    match sorting.does.len() {
        number if number > ONE_BY_ONE => Err(BulkRefused::TooMany { most: ONE_BY_ONE }),
        _ => Ok(()),
    }
}

/// Whether whoever is in its group gets the app, or may ask for it.
fn installs(line: &Deployment) -> bool {
    matches!(line.approval, Approval::Required | Approval::Available)
}

/// Skips whoever is not here.
async fn here(read: &mut Snapshot, kind: GroupKind, sorting: &mut Sorting) -> Result<(), AppError> {
    for ids in sorting.ids().chunks(AT_ONCE) {
        let mut unknown: BTreeSet<Uuid> = ids.iter().copied().collect();
        match kind {
            GroupKind::User => {
                let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
                for row in read.people_rows(&people).await? {
                    unknown.remove(&row.id.0);
                    sorting.skip(Skip::Left, row.left_at.map(|_| row.id.0));
                }
            }
            GroupKind::Device => {
                let devices: Vec<DeviceId> = ids.iter().copied().map(DeviceId).collect();
                for row in read.devices_of_ids(&devices).await? {
                    unknown.remove(&row.id.0);
                    sorting.skip(Skip::Gone, row.gone_at.map(|_| row.id.0));
                }
            }
        }
        sorting.skip(Skip::Unknown, unknown);
    }
    Ok(())
}

async fn members_among(read: &mut Snapshot, group: GroupId, ids: &[Uuid]) -> Result<BTreeSet<Uuid>, AppError> {
    let mut among = BTreeSet::new();
    for ids in ids.chunks(AT_ONCE) {
        among.extend(read.group_members_among(group, ids).await?);
    }
    Ok(among)
}

/// Through which groups those who were chosen get the app, or may ask for it.
async fn due(read: &mut Snapshot, kind: GroupKind, chosen: &BTreeSet<Uuid>, asset: AssetId) -> Result<Due, AppError> {
    let mut due = Due::default();
    let ids: Vec<Uuid> = chosen.iter().copied().collect();
    // Of people their devices, of devices whose they are.
    let mut devices_of: BTreeMap<Uuid, BTreeSet<Uuid>> = BTreeMap::new();
    for ids in ids.chunks(AT_ONCE) {
        let rows = match kind {
            GroupKind::User => {
                let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
                read.device_rows(&people).await?
            }
            GroupKind::Device => {
                let devices: Vec<DeviceId> = ids.iter().copied().map(DeviceId).collect();
                read.devices_of_ids(&devices).await?
            }
        };
        for row in rows {
            devices_of.entry(row.person_id.0).or_default().insert(row.id.0);
        }
    }
    let owner: BTreeMap<Uuid, Uuid> = devices_of
        .iter()
        .flat_map(|(person, devices)| iter::zip(devices.iter().copied(), iter::repeat(*person)))
        .collect();
    for line in read.deployments(asset).await?.iter().filter(|line| installs(line)) {
        let Some(group) = read.group(line.group).await? else {
            continue;
        };
        let by_rule = group.membership_rule.is_some();
        // Members of the group, and who of those who were chosen gets the app through each.
        let asked: Vec<Uuid> = match (kind, group.kind) {
            (GroupKind::User, GroupKind::User) | (GroupKind::Device, GroupKind::Device) => ids.clone(),
            (GroupKind::User, GroupKind::Device) => owner.keys().copied().collect(),
            (GroupKind::Device, GroupKind::User) => devices_of.keys().copied().collect(),
        };
        let members = members_among(read, line.group, &asked).await?;
        if members.is_empty() {
            continue;
        }
        let through: BTreeSet<Uuid> = match (kind, group.kind) {
            (GroupKind::User, GroupKind::User) | (GroupKind::Device, GroupKind::Device) => members.clone(),
            (GroupKind::User, GroupKind::Device) => members.iter().filter_map(|it| owner.get(it)).copied().collect(),
            (GroupKind::Device, GroupKind::User) => {
                let devices = members.iter().filter_map(|person| devices_of.get(person));
                devices.flatten().copied().collect()
            }
        };
        due.all.extend(&through);
        if kind == GroupKind::Device && group.kind == GroupKind::User {
            due.elsewhere.insert(line.group, through.len() as u64);
            due.by_person.extend(through);
        } else if by_rule {
            due.elsewhere.insert(line.group, through.len() as u64);
            due.by_rule.extend(through);
        } else {
            if kind == GroupKind::User && group.kind == GroupKind::Device {
                let owners = members.iter().filter_map(|it| Some((*it, *owner.get(it)?)));
                due.owners.extend(owners);
            }
            due.kinds.insert(line.group, group.kind);
            due.go.insert(line.group, members);
        }
    }
    Ok(due)
}
