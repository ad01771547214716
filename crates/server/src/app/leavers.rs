//! A person leaves the organisation, and may come back.
//!
//! Leaving says what is wanted, at once and in one transaction, and so does coming back; either does what was previewed, or
//! nothing. What follows from it is the plan's: apps go, licences come back, and when all are back Apple is asked to retire the
//! client user ([`domain::Step::RetireUser`]). Whoever comes back before that goes on with the same client user, and whoever comes
//! back later gets a new one.

use std::{collections::BTreeMap, time::Duration};

use domain::{
    AssetId, DeviceId, Effect, Fate, GroupId, GroupKind, Install, Leaver, Parting, PersonId, Program, Returner, Rules,
    Subject, decide_one,
};
use serde_json::json;
use sha2::{Digest, Sha256};
use store::{Actor, AppRow, Base, ChangeKind, ClientUserRow, DeviceRow, NewEvent, PersonRow, Snapshot, Tx};

use super::{
    App, AppError, Caller, FieldProblem,
    contract::{self, Agreed, Contract, Previewed},
    deployments::Preview,
    kept::{Kept, promised},
    leaving::{Leave, withdraw_commands},
};

pub use domain::LeaverDevices as Devices;

/// How long a device of somebody who left is waited for before it is taken out, since they left and since it was heard
/// (A45). So long Apple lets an app go on whose licence was taken back: nobody is worse off for it (Apple, App, Book and
/// Subscription Management, 2026). The number is Apple's, so it is no setting.
pub const WAITED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// When no device at all was heard for so long, it is this server that cannot be reached.
const ANY_HEARD_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// So many devices in one step: each is a transaction.
const AT_ONCE: i64 = 200;

/// What a person's leaving would do.
#[derive(Debug, Clone, PartialEq)]
pub struct LeavePreview {
    /// As they are.
    pub person: PersonRow,
    /// What was chosen for their devices, and what becomes of each that is with us.
    pub choice: Devices,
    pub devices: Vec<(DeviceRow, Parting)>,
    pub groups: Vec<(GroupId, String)>,
    /// How far they are with Apple.
    pub program: Program,
    /// Of each app that they have anything to do with, by name.
    pub apps: Vec<LeavingApp>,
    /// What they have that is no app, books above all: it stays theirs.
    pub kept: Vec<AppRow>,
    /// Names all of it.
    pub digest: String,
}

/// One app of somebody who leaves.
#[derive(Debug, Clone, PartialEq)]
pub struct LeavingApp {
    pub preview: Preview,
    pub licence: LeavingLicence,
    /// Their devices on which it may be.
    pub devices: Vec<DeviceId>,
}

/// What becomes of their licence, and of those of their devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeavingLicence {
    /// They have none.
    None,
    ComesBack,
    /// It was to come back anyhow.
    ComesBackAlready,
    /// Apple takes none back of this app.
    Stays,
}

impl LeavePreview {
    /// Apple is asked to retire them once they have given everything back.
    pub fn is_retired_at_apple(&self) -> bool {
        !matches!(self.program, Program::None | Program::Refused { .. } | Program::Retired)
    }
}

impl LeavingApp {
    /// What they have, or wait for, as things are.
    pub fn before(&self, person: PersonId) -> Fate {
        let outcomes = self.preview.outcome.outcomes.iter();
        let theirs = outcomes.filter(|outcome| outcome.person == person);
        let mut fates = theirs.map(|outcome| outcome.before);
        // Their own, or that of a device of theirs.
        fates.find(|fate| *fate != Fate::Nothing).unwrap_or(Fate::Nothing)
    }
}

/// What a person's return would do.
#[derive(Debug, Clone, PartialEq)]
pub struct ReturnPreview {
    /// As they are.
    pub person: PersonRow,
    /// The groups whose rules let them in.
    pub groups: Vec<(GroupId, String)>,
    /// Of each app of which something happens to somebody, by name.
    pub apps: Vec<Preview>,
    /// Names all of it.
    pub digest: String,
}

impl Contract for ReturnPreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter())
    }

    /// As of whoever leaves.
    fn approval_above(&self) -> Option<u64> {
        None
    }

    fn shown(self) -> Previewed {
        Previewed::Return(Box::new(self))
    }
}

impl Contract for LeavePreview {
    fn digest(&self) -> &str {
        &self.digest
    }

    /// As of any change; a single person has one licence of an app, which is never many.
    fn to_confirm(&self) -> Option<u64> {
        contract::to_confirm(self.apps.iter().map(|app| &app.preview))
    }

    /// Somebody leaves when they do. What it takes back is theirs, and their leaving is a page of its own that is agreed to.
    fn approval_above(&self) -> Option<u64> {
        None
    }

    fn shown(self) -> Previewed {
        Previewed::Leave(Box::new(self))
    }
}

impl App {
    /// What somebody's leaving would do. Nothing is changed. For somebody who has left nothing would be.
    ///
    /// It reads what is theirs, and the line of each app of theirs.
    pub async fn person_leave_preview(&self, id: PersonId, choice: Devices) -> Result<LeavePreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let person = read.person(id).await?.ok_or(AppError::NotFound("person"))?;
        let mut preview = LeavePreview {
            digest: String::new(),
            choice,
            devices: Vec::new(),
            groups: Vec::new(),
            program: Program::None,
            apps: Vec::new(),
            kept: Vec::new(),
            person,
        };
        if preview.person.left_at.is_none() {
            preview.devices = parting(read.devices_of(id).await?, choice);
            preview.groups = read.groups_of(id.0).await?;
            self.leaving_apps(&mut read, &mut preview).await?;
        }
        drop(read);
        preview
            .apps
            .sort_by(|one, next| one.preview.app.name.cmp(&next.preview.app.name));
        preview.digest = digest(&preview);
        Ok(preview)
    }

    async fn leaving_apps(&self, read: &mut Snapshot, preview: &mut LeavePreview) -> Result<(), AppError> {
        let (now, person) = (self.now(), preview.person.id);
        let leaver = Leaver {
            person,
            devices: preview.choice,
        };
        for location in read.locations().await? {
            let world = read.world_of(location.id, &[person], now).await?;
            preview.program = world.people.get(&person).map(|it| it.program).unwrap_or_default();
            for (asset, facts) in &world.apps {
                if decide_one(&world, facts, person, |_| None).is_none() {
                    continue;
                }
                let app = self.leaving_app(read, *asset, facts, leaver).await?;
                // An app that neither is theirs nor was to be is none of it.
                preview
                    .apps
                    .extend(app.filter(|app| app.before(person) != Fate::Nothing));
            }
            for (asset, facts) in read.world_beside_of(location.id, &[person]).await? {
                if !facts.seats.is_empty() {
                    preview.kept.extend(read.app(asset).await?);
                }
            }
        }
        Ok(())
    }

    /// Of one app. `None` of what is none any more.
    async fn leaving_app(
        &self,
        read: &mut Snapshot,
        asset: AssetId,
        facts: &domain::Asset,
        leaver: Leaver,
    ) -> Result<Option<LeavingApp>, AppError> {
        let Some(row) = read.app(asset).await?.filter(AppRow::is_app) else {
            return Ok(None);
        };
        let now = self.now();
        let Some(outcome) = read.previewed_leaver(row.location_id, asset, leaver, now).await? else {
            return Ok(None);
        };
        let on = facts
            .installs
            .iter()
            .filter(|(_, install)| Install::may_be_there(install));
        let mut theirs = outcome
            .outcomes
            .iter()
            .filter(|outcome| outcome.person == leaver.person);
        let gives_back = theirs.any(|outcome| outcome.gives_back);
        Ok(Some(LeavingApp {
            devices: on.map(|(device, _)| *device).collect(),
            licence: match facts.revocable {
                _ if facts.seats.is_empty() => LeavingLicence::None,
                false => LeavingLicence::Stays,
                true if gives_back => LeavingLicence::ComesBack,
                true => LeavingLicence::ComesBackAlready,
            },
            preview: self.previewed_app(read, row, outcome).await?,
        }))
    }

    /// The person left, unless they were changed since `base`, or it does something else by now than was agreed to: groups,
    /// requests and enrolment links end at once. Of somebody who had left already nothing is changed.
    ///
    /// Previews first, in a reading of its own: nobody else waits for that. What is the person's own is as it was previewed
    /// then; whatever else happens between the two happens as it would right after.
    pub async fn person_leave(
        &self,
        caller: &Caller,
        id: PersonId,
        base: Base,
        devices: Devices,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        loop {
            let preview = self.person_leave_preview(id, devices).await?;
            if !base.is(&preview.person.version) {
                return Err(AppError::Stale("person"));
            }
            if preview.person.left_at.is_some() {
                return Ok(());
            }
            let preview = preview.agreed(agreed)?;

            let now = self.now();
            let mut tx = self.store.begin().await?;
            let seen = Base::Version(preview.person.version.number);
            if !tx.person_left(id, seen, caller.changes(now)).await? {
                if matches!(base, Base::Latest) {
                    // Somebody was faster, which does not matter to this caller.
                    continue;
                }
                return Err(AppError::Stale("person"));
            }
            // From here on nobody gives them anything.
            let groups = tx.groups_of(id.0).await?;
            let same =
                groups == preview.groups && is_same(&parting(tx.devices_of(id).await?, devices), &preview.devices);
            if agreed.digest.is_some() && !same {
                continue;
            }
            self.leave_groups(&mut tx, caller, id, &groups).await?;
            tx.requests_delete(id).await?;
            let links = tx.enrolments_end(id, now).await?;
            let retired = self.devices_part(&mut tx, id, devices, caller.actor()).await?;
            let names: Vec<_> = groups.into_iter().map(|(_, name)| name).collect();
            let kept = Kept {
                kind: ChangeKind::PersonLeft,
                thing: id.to_string(),
                name: preview.person.name.clone(),
                before: json!({ "groups": names }),
                after: json!({ "devicesRetired": retired, "enrolmentLinks": links }),
                promised: promised(preview.apps.iter().map(|app| &app.preview.outcome)),
                digest: Some(preview.digest.clone()),
            };
            let change = self.change_keep(&mut tx, caller, now, kept, &agreed.because).await?;
            let what = json!({
                "groups": names, "enrolmentLinks": links, "devicesRetired": retired, "previewDigest": preview.digest,
                "change": change,
            });
            tx.event(&NewEvent::new(now, caller.actor(), "personLeft").person(id).with(what))
                .await?;
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }

    async fn leave_groups(
        &self,
        tx: &mut Tx,
        caller: &Caller,
        id: PersonId,
        groups: &[(GroupId, String)],
    ) -> Result<(), AppError> {
        let now = self.now();
        // In the order in which whoever follows the rules takes them.
        let groups: BTreeMap<GroupId, &String> = groups.iter().map(|(group, name)| (*group, name)).collect();
        for (group, name) in &groups {
            tx.group_member_remove(*group, id.0, caller.changes(now)).await?;
            let left = NewEvent::new(now, caller.actor(), "groupLeft").group(*group).person(id);
            tx.event(&left.with(json!({ "name": name }))).await?;
        }
        Ok(())
    }

    /// What the devices of somebody who leaves have not answered yet they do not get any more. How many are told to leave.
    async fn devices_part(
        &self,
        tx: &mut Tx,
        person: PersonId,
        devices: Devices,
        actor: Actor,
    ) -> Result<usize, AppError> {
        let mut told = 0;
        for (row, _) in parting(tx.devices_of(person).await?, devices) {
            // Again, so that it does not speak meanwhile.
            let Some(device) = tx.device_held(row.id).await? else {
                continue;
            };
            let cause = json!({ "cause": "personLeft" });
            match devices.parting(device.enrolment) {
                Some(Parting::Retires) => {
                    self.leave(tx, &device, Leave::Retire, actor, cause).await?;
                    told += 1;
                }
                Some(Parting::TakenOut) => self.take_out(tx, &device, actor, cause).await?,
                Some(Parting::Stays) => withdraw_commands(tx, device.id, self.now()).await?,
                Some(Parting::LeavesAlready) | None => {}
            }
        }
        Ok(told)
    }

    /// What somebody's return would do. Nothing is changed. For somebody who is here nothing would be.
    ///
    /// It reads what is theirs, and the line of each app that they have or get anything to do with.
    pub async fn person_return_preview(&self, id: PersonId) -> Result<ReturnPreview, AppError> {
        let mut read = self.store.snapshot().await?;
        let person = read.person(id).await?.ok_or(AppError::NotFound("person"))?;
        let mut preview = ReturnPreview {
            digest: String::new(),
            groups: Vec::new(),
            apps: Vec::new(),
            person,
        };
        if preview.person.left_at.is_some() {
            preview.groups = groups_by_rule(&mut read, id).await?;
            self.returning_apps(&mut read, &mut preview).await?;
        }
        drop(read);
        preview.apps.sort_by(|one, next| one.app.name.cmp(&next.app.name));
        let mut hash = Sha256::new();
        hash.update(id.0.as_bytes());
        for (group, _) in &preview.groups {
            hash.update(group.0.as_bytes());
        }
        preview.digest = contract::of_apps(hash, preview.apps.iter());
        Ok(preview)
    }

    async fn returning_apps(&self, read: &mut Snapshot, preview: &mut ReturnPreview) -> Result<(), AppError> {
        let (now, person) = (self.now(), preview.person.id);
        for location in read.locations().await? {
            let mut world = read.world_of(location.id, &[person], now).await?;
            let Some(facts) = world.people.get_mut(&person) else {
                continue;
            };
            if let Some(kept) = read.client_user_unretired(person, location.id).await? {
                let kept = ClientUserRow {
                    retiring_at: None,
                    ..kept
                };
                facts.program = kept.program(&facts.invited);
            }
            let returner = Returner {
                person,
                program: facts.program,
                groups: preview.groups.iter().map(|(group, _)| *group).collect(),
            };
            // As they would be: what reaches them then, too.
            facts.left = false;
            for group in &returner.groups {
                if let Some(group) = world.groups.get_mut(group) {
                    group.people.insert(person);
                }
            }
            for (asset, app) in &world.apps {
                if decide_one(&world, app, person, |_| None).is_none() {
                    continue;
                }
                let Some(row) = read.app(*asset).await?.filter(AppRow::is_app) else {
                    continue;
                };
                let outcome = read.previewed_return(location.id, *asset, &returner, now).await?;
                let happens = |it: &domain::Outcome| it.effect() != Effect::None;
                if let Some(outcome) = outcome.filter(|outcome| outcome.outcomes.iter().any(happens)) {
                    preview.apps.push(self.previewed_app(read, row, outcome).await?);
                }
            }
        }
        Ok(())
    }

    /// The person is back, unless they were changed since `base`, or it does something else by now than was agreed to. Into groups
    /// without a rule they are put by somebody anew. What Apple has not been asked yet it is not asked.
    pub async fn person_return(
        &self,
        caller: &Caller,
        id: PersonId,
        base: Base,
        agreed: &Agreed,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        loop {
            let preview = self.person_return_preview(id).await?;
            if !base.is(&preview.person.version) {
                return Err(AppError::Stale("person"));
            }
            if preview.person.left_at.is_none() {
                return Ok(());
            }
            let preview = preview.agreed(agreed)?;
            let now = self.now();
            let mut tx = self.store.begin().await?;
            let seen = Base::Version(preview.person.version.number);
            if !tx.person_back(id, seen, caller.changes(now)).await? {
                if matches!(base, Base::Latest) {
                    // Somebody was faster, which does not matter to this caller.
                    continue;
                }
                return Err(AppError::Stale("person"));
            }
            let what = json!({ "previewDigest": preview.digest });
            tx.event(
                &NewEvent::new(now, caller.actor(), "personReturned")
                    .person(id)
                    .with(what),
            )
            .await?;
            for location in tx.retirements_withdraw(id).await? {
                let kept = NewEvent::new(now, Actor::System, "programUserKept");
                tx.event(&kept.location(location).person(id)).await?;
            }
            tx.commit().await?;
            self.look_again();
            return Ok(());
        }
    }

    /// Takes out devices of people who left that do not answer, so that their licences do not stay there for ever. A device
    /// that comes back all the same has to enrol anew. How many.
    pub async fn devices_left_behind(&self) -> Result<usize, AppError> {
        let now = self.now();
        let before = now - WAITED_FOR;
        let silent = self
            .store
            .devices_left_behind(before, now - ANY_HEARD_WITHIN, AT_ONCE)
            .await?;
        let mut taken_out = 0;
        for id in silent {
            let mut tx = self.store.begin().await?;
            let heard = |device: &store::DeviceRow| device.last_seen_at.is_some_and(|at| at >= before);
            let Some(device) = tx.device_held(id).await?.filter(|device| !heard(device)) else {
                continue;
            };
            if device.enrolment.is_over() {
                continue;
            }
            self.take_out(&mut tx, &device, Actor::System, json!({ "cause": "personLeft" }))
                .await?;
            tx.commit().await?;
            taken_out += 1;
        }
        if taken_out > 0 {
            self.look_again();
        }
        Ok(taken_out)
    }
}

/// What becomes of those of the devices that are with us.
fn parting(devices: Vec<DeviceRow>, choice: Devices) -> Vec<(DeviceRow, Parting)> {
    let parting = |device: DeviceRow| Some((choice.parting(device.enrolment)?, device));
    let devices = devices.into_iter().filter_map(parting);
    devices.map(|(parting, device)| (device, parting)).collect()
}

/// The same becomes of the same devices, whatever else was heard of them.
fn is_same(these: &[(DeviceRow, Parting)], those: &[(DeviceRow, Parting)]) -> bool {
    let said = |devices: &[(DeviceRow, Parting)]| -> Vec<(DeviceId, Parting)> {
        devices.iter().map(|(device, parting)| (device.id, *parting)).collect()
    };
    said(these) == said(those)
}

/// Of who leaves, of what becomes of whatever is theirs, and of what that does to each app.
fn digest(preview: &LeavePreview) -> String {
    let mut hash = Sha256::new();
    hash.update(preview.person.id.0.as_bytes());
    for (group, _) in &preview.groups {
        hash.update(b"g");
        hash.update(group.0.as_bytes());
    }
    for (device, parting) in &preview.devices {
        hash.update(b"d");
        hash.update(device.id.0.as_bytes());
        hash.update([*parting as u8]);
    }
    for asset in &preview.kept {
        hash.update(b"k");
        hash.update(asset.id.0.as_bytes());
    }
    contract::of_apps(hash, preview.apps.iter().map(|app| &app.preview))
}

/// The groups whose rules let somebody in who comes back.
async fn groups_by_rule(read: &mut Snapshot, id: PersonId) -> Result<Vec<(GroupId, String)>, AppError> {
    // No rule is saved that closes a circle.
    let rules = Rules::new(read.membership_rules(GroupKind::User).await?).unwrap_or_default();
    let Some((_, subject)) = read.subjects(GroupKind::User, &[id.0]).await?.into_iter().next() else {
        return Ok(Vec::new());
    };
    let subject = Subject {
        is_here: true,
        ..subject
    };
    let assigned = read
        .groups_of(id.0)
        .await?
        .into_iter()
        .map(|(group, _)| group)
        .collect();
    let groups = rules.groups_of(&subject, &assigned);
    let rows = read.groups().await?.into_iter();
    let named = rows.filter(|row| groups.contains(&row.id));
    Ok(named.map(|row| (row.id, row.name)).collect())
}

/// Keeps the person from leaving until the transaction ends, for whoever gives them something.
pub(super) async fn here(tx: &mut Tx, id: PersonId) -> Result<(), AppError> {
    if tx.person_stays(id).await? {
        return Ok(());
    }
    tx.person(id).await?.ok_or(AppError::NotFound("person"))?;
    Err(AppError::Invalid {
        field: "person",
        problem: FieldProblem::Left,
    })
}
