//! One thing done to many people or devices at once: previewed, agreed to, done, and told of.
//!
//! Who comes into groups and who goes, and the deployment of an app to a group that is made for them, is one transaction.
//! Inviting and moving up is done for one after the other, some in each transaction, so that nobody waits for all of them;
//! whoever is not to be done any more by then is told of as such. What is done has one cause, which every event of it names.
//!
//! Groups that have a rule are never touched: their members follow from it.

use std::{
    collections::{BTreeMap, BTreeSet},
    iter,
};

use domain::{
    Approval, AssetId, Deployment, DeviceId, Group, GroupId, GroupKind, Holder, LicenseType, Members, PersonId, Place,
    Precedence, Rank, Time, decide_one,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use store::{Base, GroupRow, MovedUpRow, NewEvent, Snapshot, Version};
use uuid::Uuid;

use super::{
    App, AppError, Caller, Problem,
    changes::Because,
    contract::{self, Agreed, Contract, Previewed},
    deployments::{self, Preview, saved},
    invitations::NotInvited,
    members::{self, hash_moves},
    rules::{self, RuleRefused},
    selection::Selection,
};

/// What is done to each of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase", tag = "action")]
pub enum Act {
    AddToGroup {
        group: GroupId,
    },
    RemoveFromGroup {
        group: GroupId,
    },
    /// They get an app through a group.
    GiveApp {
        app: AssetId,
        through: Through,
    },
    /// They shall not have an app any more.
    TakeBackApp {
        app: AssetId,
        way: TakeBack,
    },
    /// To the programme, as by hand.
    InviteAgain,
    /// In the line for an app's licences.
    MoveUp {
        app: AssetId,
        reason: String,
    },
}

/// Through which group somebody gets an app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Through {
    /// One to which the app is deployed already.
    Group(GroupId),
    /// One that is made of them.
    New {
        name: String,
        approval: Approval,
        license_type: LicenseType,
    },
}

/// How an app is taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum TakeBack {
    /// They are taken out of the groups through which they get it: and lose whatever else they get through those.
    FromGroups,
    /// They come into a group for which the app is not applicable, which beats every group of the same kind.
    Except(GroupId),
    /// The same, of a group that is made of them.
    ExceptNew { name: String },
}

/// Why nothing is done to somebody who was chosen. Each has a sentence in the message files (`bulk-skip-…`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Skip {
    /// Is in the group already.
    AlreadyIn,
    /// Is not in the group.
    NotIn,
    Left,
    /// A device that is not here any more.
    Gone,
    /// Is no person, or no device.
    Unknown,
    /// Does not get the app through any group.
    NotDue,
    /// Gets the app through a group that has a rule.
    ByRule,
    /// A device that gets the app through a group of its person.
    ByPerson,
    NotWaiting,
    MovedUpAlready,
    // Of inviting somebody, as of one.
    NotLinked,
    TokenNotUsable,
    NoProgram,
    Registering,
    Accepted,
    Retired,
    NoDevice,
    InvitationWaiting,
}

impl Skip {
    /// The message that says it to a person.
    pub fn key(self) -> &'static str {
        match self {
            Skip::AlreadyIn => "bulk-skip-already-in",
            Skip::NotIn => "bulk-skip-not-in",
            Skip::Left => "bulk-skip-left",
            Skip::Gone => "bulk-skip-gone",
            Skip::Unknown => "bulk-skip-unknown",
            Skip::NotDue => "bulk-skip-not-due",
            Skip::ByRule => "bulk-skip-by-rule",
            Skip::ByPerson => "bulk-skip-by-person",
            Skip::NotWaiting => "bulk-skip-not-waiting",
            Skip::MovedUpAlready => "bulk-skip-moved-up-already",
            Skip::NotLinked => "bulk-skip-not-linked",
            Skip::TokenNotUsable => "bulk-skip-token-not-usable",
            Skip::NoProgram => "bulk-skip-no-program",
            Skip::Registering => "bulk-skip-registering",
            Skip::Accepted => "bulk-skip-accepted",
            Skip::Retired => "bulk-skip-retired",
            Skip::NoDevice => "bulk-skip-no-device",
            Skip::InvitationWaiting => "bulk-skip-invitation-waiting",
        }
    }
}

impl From<&NotInvited> for Skip {
    fn from(why: &NotInvited) -> Skip {
        match why {
            NotInvited::NotLinked => Skip::NotLinked,
            NotInvited::TokenNotUsable => Skip::TokenNotUsable,
            NotInvited::Left => Skip::Left,
            NotInvited::NotDue => Skip::NoProgram,
            NotInvited::Registering => Skip::Registering,
            NotInvited::Accepted { .. } => Skip::Accepted,
            NotInvited::Retired => Skip::Retired,
            NotInvited::NoDevice => Skip::NoDevice,
            NotInvited::Waiting { .. } => Skip::InvitationWaiting,
        }
    }
}

/// Why something is not done to many at once, whoever they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BulkRefused {
    #[error("more than {most} were chosen; narrow the list first")]
    TooMany { most: usize },
    /// People are no devices.
    #[error("the group is of the other kind")]
    GroupKind,
    /// Devices are not invited, and do not stand in a line by themselves.
    #[error("this is done to people only")]
    PeopleOnly,
    /// Through such a group nobody gets the app.
    #[error("the app is not deployed to this group as required or available")]
    NotDeployed,
    /// Such a group keeps the app from nobody.
    #[error("the app is not deployed to this group as not applicable")]
    NotExcluded,
    /// Only one change of one thing can wait for another administrator.
    #[error(
        "it takes back so many licences that another administrator has to approve it: change the group or the deployment itself"
    )]
    NeedsApproval,
}

impl BulkRefused {
    /// The message that says it to a person.
    pub fn key(self) -> &'static str {
        match self {
            BulkRefused::TooMany { .. } => "bulk-too-many",
            BulkRefused::GroupKind => "bulk-group-kind",
            BulkRefused::PeopleOnly => "bulk-people-only",
            BulkRefused::NotDeployed => "bulk-not-deployed",
            BulkRefused::NotExcluded => "bulk-not-excluded",
            BulkRefused::NeedsApproval => "bulk-needs-approval",
        }
    }
}

/// What doing it would do.
#[derive(Debug, Clone, PartialEq)]
pub struct BulkPreview {
    pub kind: GroupKind,
    pub act: Act,
    /// To whom it would be done.
    pub does: BTreeSet<Uuid>,
    /// To whom not, and why: with those all who were chosen.
    pub skipped: BTreeMap<Skip, BTreeSet<Uuid>>,
    /// Who comes into groups, and who goes. A group that is made has an id of its own only once it is.
    pub moves: Vec<Members>,
    /// Who comes into other groups, and who goes, because their rules look at these.
    pub follows: Vec<Members>,
    /// The deployment of an app with the group that is made.
    made: Option<Made>,
    /// What it does to each app, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

/// A group that is made, and an app that is deployed to it.
#[derive(Debug, Clone, PartialEq)]
struct Made {
    name: String,
    app: AssetId,
    version: Version,
    lines: Vec<Deployment>,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BulkDone {
    /// The number of the event that tells of all of it; `None` where nothing was to be done.
    pub event: Option<i64>,
    pub selected: u64,
    pub done: u64,
    pub skipped: BTreeMap<Skip, u64>,
}

/// A group through which some who were chosen get an app.
#[derive(Debug, Clone, PartialEq)]
pub struct GivenBy {
    pub group: GroupRow,
    pub approval: Approval,
    /// How many of them, or of their devices, are in it.
    pub members: u64,
    /// How many other apps are deployed to it.
    pub other_apps: u64,
}

/// A group that is not made yet.
const UNMADE: GroupId = GroupId(Uuid::nil());
/// So many are looked at, at once.
const AT_ONCE: usize = 2_000;
/// So many are decided at once.
const DECIDED: usize = 500;
/// So many are invited, or moved up, in one transaction.
const IN_ONE: usize = 100;
/// So many are invited, or moved up, at once: each is written down by itself, while whoever asked waits.
pub const ONE_BY_ONE: usize = 5_000;

impl Act {
    /// The app that it is about.
    pub fn app(&self) -> Option<AssetId> {
        match self {
            Act::GiveApp { app, .. } | Act::TakeBackApp { app, .. } | Act::MoveUp { app, .. } => Some(*app),
            Act::AddToGroup { .. } | Act::RemoveFromGroup { .. } | Act::InviteAgain => None,
        }
    }

    /// The one group that it is about.
    pub fn group(&self) -> Option<GroupId> {
        match self {
            Act::AddToGroup { group } | Act::RemoveFromGroup { group } => Some(*group),
            Act::GiveApp {
                through: Through::Group(group),
                ..
            }
            | Act::TakeBackApp {
                way: TakeBack::Except(group),
                ..
            } => Some(*group),
            _ => None,
        }
    }

    /// Whose turn it takes: nobody else changes the same meanwhile.
    fn turn(&self) -> Uuid {
        let group = self.group().map(|group| group.0);
        group.or(self.app().map(|app| app.0)).unwrap_or_default()
    }

    /// As it is kept and agreed to.
    fn told(&self) -> Value {
        serde_json::to_value(self).unwrap_or_default()
    }
}

/// Those who were chosen, until each is done or skipped.
struct Sorting {
    does: BTreeSet<Uuid>,
    skipped: BTreeMap<Skip, BTreeSet<Uuid>>,
}

impl Sorting {
    fn of(chosen: BTreeSet<Uuid>) -> Sorting {
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
    /// How many were chosen.
    pub fn selected(&self) -> u64 {
        let skipped: usize = self.skipped.values().map(BTreeSet::len).sum();
        (self.does.len() + skipped) as u64
    }

    /// The name of the group that is made.
    pub fn made(&self) -> Option<&str> {
        self.made.as_ref().map(|made| made.name.as_str())
    }

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

    fn named(mut self) -> BulkPreview {
        let mut hash = Sha256::new();
        hash.update(self.act.told().to_string());
        for id in &self.does {
            hash.update(id.as_bytes());
        }
        for (why, ids) in &self.skipped {
            hash.update([0, *why as u8]);
            for id in ids {
                hash.update(id.as_bytes());
            }
        }
        hash_moves(&mut hash, self.moves.iter().chain(&self.follows));
        self.digest = contract::of_apps(hash, self.apps.iter());
        self
    }
}

impl Contract for BulkPreview {
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
        Previewed::Bulk(Box::new(self))
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
                super::required("reason", reason, 500)?;
                Ok(self.moving_up_many(act, sorting, *app).await?.0)
            }
        }
    }

    /// Does this to all of them, unless it does something else by now than was agreed to. To its end, whoever listens.
    pub async fn bulk(
        &self,
        caller: &Caller,
        selection: &Selection,
        act: &Act,
        agreed: &Agreed,
    ) -> Result<BulkDone, AppError> {
        caller.may_write()?;
        let (app, caller, selection) = (self.clone(), caller.clone(), selection.clone());
        let (act, agreed) = (act.clone(), agreed.clone());
        App::to_its_end(async move { app.bulk_now(&caller, &selection, &act, &agreed).await }).await
    }

    async fn bulk_now(
        &self,
        caller: &Caller,
        selection: &Selection,
        act: &Act,
        agreed: &Agreed,
    ) -> Result<BulkDone, AppError> {
        let _turn = self.turns.next(act.turn()).await;
        let cause = self.random.id();
        loop {
            let preview = match self.bulk_preview(selection, act).await?.agreed(agreed) {
                Err(AppError::NeedsApproval(_)) => return Err(BulkRefused::NeedsApproval.into()),
                preview => preview?,
            };
            if preview.does.is_empty() {
                return Ok(BulkDone {
                    event: None,
                    selected: preview.selected(),
                    done: 0,
                    skipped: counted(&preview.skipped),
                });
            }
            let done = match act {
                Act::InviteAgain => Some(self.invite_many(caller, preview, cause).await?),
                Act::MoveUp { app, reason } => Some(self.move_up_many(caller, preview, (*app, reason), cause).await?),
                _ => self.change_groups(caller, preview, cause).await?,
            };
            // Otherwise somebody was faster, and it is previewed once more.
            if let Some(done) = done {
                self.look_again();
                return Ok(done);
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

    /// What was done, as it is told under this number.
    pub async fn bulk_done(&self, event: i64) -> Result<(Act, GroupKind, BulkDone), AppError> {
        let nothing = || AppError::NotFound("bulk action");
        let row = self.store.event_numbered(event).await?;
        let row = row.filter(|row| row.kind == "bulkDone").ok_or_else(nothing)?;
        let number = |key: &str| row.detail.get(key).and_then(Value::as_u64).unwrap_or_default();
        fn said<T: serde::de::DeserializeOwned>(detail: &Value, key: &str) -> Option<T> {
            serde_json::from_value(detail.get(key)?.clone()).ok()
        }
        let done = BulkDone {
            event: Some(row.seq),
            selected: number("selected"),
            done: number("done"),
            skipped: said(&row.detail, "skipped").unwrap_or_default(),
        };
        let act = said(&row.detail, "bulk").ok_or_else(nothing)?;
        let kind = said(&row.detail, "kind").ok_or_else(nothing)?;
        Ok((act, kind, done))
    }

    /// A group whose members are put in by hand, and are of this kind.
    async fn group_chosen(&self, id: GroupId, kind: GroupKind) -> Result<GroupRow, AppError> {
        let group = self.group(id).await?.ok_or(AppError::Invalid {
            field: "group",
            problem: Problem::Unknown,
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
        let follows = rules::followers(&mut read, &moves).await?;
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
        let name = super::required("name", name, 100)?;
        if self.store.groups().await?.iter().any(|group| group.name == name) {
            return Err(AppError::Invalid {
                field: "name",
                problem: Problem::Taken,
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
        let location = read.locations().await?.into_iter().next();
        let ids = sorting.ids();
        let Some(location) = location else {
            sorting.skip(Skip::NotLinked, ids);
            return Ok(BulkPreview::of(GroupKind::User, act, sorting));
        };
        for ids in ids.chunks(DECIDED) {
            let people: Vec<PersonId> = ids.iter().copied().map(PersonId).collect();
            let world = read.world_of(location.id, &people, now).await?;
            for person in people {
                if let Err(why) = super::invitations::would_invite(&world, person) {
                    sorting.skip(Skip::from(&why), [person.0]);
                }
            }
        }
        few(&sorting)?;
        Ok(BulkPreview::of(GroupKind::User, act, sorting))
    }

    /// With those who are moved up, in the order in which they stand in the line.
    async fn moving_up_many(
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

    /// All of it in one transaction. `None` when somebody was faster; nothing was changed then.
    async fn change_groups(
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
                let mut event = saved(caller, &app.app, &lines, app, now);
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

    async fn invite_many(&self, caller: &Caller, preview: BulkPreview, cause: Uuid) -> Result<BulkDone, AppError> {
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

    async fn move_up_many(
        &self,
        caller: &Caller,
        preview: BulkPreview,
        (asset, reason): (AssetId, &str),
        cause: Uuid,
    ) -> Result<BulkDone, AppError> {
        let reason = super::required("reason", reason, 500)?;
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

fn counted(skipped: &BTreeMap<Skip, BTreeSet<Uuid>>) -> BTreeMap<Skip, u64> {
    skipped.iter().map(|(why, ids)| (*why, ids.len() as u64)).collect()
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
