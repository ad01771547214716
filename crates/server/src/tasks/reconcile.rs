//! Decides, and writes down what is to be done: operations for Apple, commands for devices.
//!
//! Takes no message but "look again", and decides those whom the database says something happened to, or for whom a
//! moment has come: what it costs follows what changed. A plan that finds the world changed under it is thrown away with
//! its transaction, and the marks stay: the database refuses an overdraft, and the next look plans anew.
//!
//! What was planned is looked at once more, by [`domain::sound`], before it is written down. Whoever's plan does not pass waits
//! for somebody to see why, and everybody else is served.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    AssetId, DeviceId, Each, Fault, Holder, HolderKind, Left, OperationId, PersonId, Reclaim, Stand, Step, Time, World,
    decide_one, faults, sound::whose,
};
use mdm::command::Command;
use serde_json::json;
use store::{
    Actor, AppRow, ClientUserRow, CommandRow, Lease, LocationRow, Look, NewEvent, OperationKind, OperationRow,
    SeatState, Stopped, StoreError, Tx,
};

use super::{StepError, sync};
use crate::app::{App, AppError, leaving, moving_up, tokens::token_state};

/// What a person is asked to confirm on removal: nothing. 1 = the app goes with the management profile.
const MANAGEMENT_FLAGS: u32 = 1;
/// What is asked of a device; nothing about its owner's own apps (P9).
const DEVICE_QUERIES: [&str; 10] = [
    "DeviceName",
    "OSVersion",
    "BuildVersion",
    "ProductName",
    "SerialNumber",
    "IsSupervised",
    "IsMultiUser",
    "AwaitingConfiguration",
    "iTunesStoreAccountIsActive",
    "iTunesStoreAccountHash",
];

/// So many people are decided in one transaction: what others wait for while it is open.
const AT_ONCE: usize = 200;
/// So many licences are given in one transaction.
const GIVEN_AT_ONCE: usize = 500;

/// Decides the people to whom something happened, and writes down the next steps for them. `false` when there is nobody.
///
/// It begins with a few looks into indexes, and in an organisation in which nothing happens it ends there.
pub async fn step(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let look = look(app, location, lease);
    if !app.store.undecided(location.id, look).await? {
        return Ok(false);
    }
    match write(app, location, lease).await {
        Err(StepError::App(AppError::Store(StoreError::Overdraft | StoreError::Conflict))) => {
            tracing::warn!(location.id = %location.id, "a plan met a changed world and was dropped");
            Ok(false)
        }
        other => other.map(|()| true),
    }
}

/// What we know may be from a backup, or from before another server's turn: what asks Apple for something is not even
/// written down before Apple was looked at.
fn look(app: &App, location: &LocationRow, lease: &Lease) -> Look {
    let now = app.now();
    Look {
        now,
        looked: app.polled.has_looked(lease.fence()),
        token_usable: token_state(location, now).usable(),
    }
}

/// What is to be done for these people, once it is written down what was decided of them: for those whose plan is sound.
async fn decide(
    app: &App,
    tx: &mut Tx,
    location: &LocationRow,
    look: Look,
    people: &[PersonId],
    world: &World,
) -> Result<Vec<Step>, StepError> {
    let each = (app.planner)(world);
    tx.decided(location.id, people, &each).await?;
    for ((asset, person), end) in &each.moved_up_ends {
        if let Some(at) = world.apps[asset].moved_up.get(person) {
            let whom = match world.is_nobody(*person) {
                true => Holder::Device(DeviceId(person.0)),
                false => Holder::Person(*person),
            };
            moving_up::ends(tx, (*asset, whom, *at), *end, look.now).await?;
        }
    }
    let planned: Vec<Step> = each.steps.iter().copied().chain(could_be_given(world, &each)).collect();
    let faults = faults(world, &BTreeMap::new(), &planned);
    let mut steps = each.steps;
    steps.retain(|step| !faults.iter().any(|fault| fault.person == whose(world, step)));
    // What is about somebody whom nobody knows is not done, and is in nobody's plan.
    let (theirs, others): (Vec<Fault>, Vec<Fault>) = faults
        .into_iter()
        .partition(|fault| world.people.contains_key(&fault.person));
    let mut stopped = tx.stopped_keep(location.id, people, &theirs, look.now).await?;
    stopped.new.extend(others);
    tell(tx, location, world, &stopped, look.now).await?;
    if !look.looked {
        let asked = steps.iter().filter_map(Step::asked_of_apple);
        let asked: BTreeSet<PersonId> = asked.filter_map(|holder| world.owner(holder)).collect();
        let asked: Vec<PersonId> = asked.into_iter().collect();
        tx.decide_after_look(location.id, &asked).await?;
        steps.retain(|step| !step.asks_apple());
    }
    Ok(steps)
}

/// The licences that these people would be given if they were left.
fn could_be_given(world: &World, each: &Each) -> Vec<Step> {
    let mut given = Vec::new();
    if world.token.usable() {
        for ((app, _), pair) in &each.pairs {
            let ready = pair.wishes.iter().filter(|(_, wish)| wish.stand == Stand::Ready);
            given.extend(ready.map(|(holder, _)| Step::Associate {
                app: *app,
                holder: *holder,
            }));
        }
    }
    given
}

/// The licences to be given now: to the first of each line, of whom once more the facts are read, and not what is kept of them.
async fn give(tx: &mut Tx, location: &LocationRow, now: Time) -> Result<Vec<Step>, StepError> {
    let next = tx.line_next(location.id, GIVEN_AT_ONCE).await?;
    if next.is_empty() {
        return Ok(Vec::new());
    }
    let devices: Vec<DeviceId> = next.iter().filter_map(|(_, holder)| holder.device()).collect();
    let owners = match devices[..] {
        [] => Vec::new(),
        _ => tx.devices_of_ids(&devices).await?,
    };
    let people = next.iter().filter_map(|(_, holder)| holder.person());
    let people: BTreeSet<PersonId> = people.chain(owners.iter().map(|row| row.person_id)).collect();
    let people: Vec<PersonId> = people.into_iter().collect();
    let world = tx.world_of(location.id, &people, now).await?;
    let mut left = BTreeMap::new();
    for (asset, _) in &next {
        if !left.contains_key(asset) {
            let unmet = tx.unmet(*asset).await?;
            let of_app = Left {
                free: tx.counts(*asset).await?.free,
                kept: unmet.lines().collect(),
            };
            left.insert(*asset, of_app);
        }
    }
    let mut given: Vec<Step> = next
        .into_iter()
        .map(|(app, holder)| Step::Associate { app, holder })
        .collect();
    let faults = faults(&world, &left, &given);
    if faults.is_empty() {
        return Ok(given);
    }
    let of: BTreeSet<PersonId> = faults.iter().map(|fault| fault.person).collect();
    given.retain(|step| !of.contains(&whose(&world, step)));
    // To whom something happened meanwhile is decided again, and nothing is wrong with that.
    let of: Vec<PersonId> = of.into_iter().collect();
    let marked = tx.marked_among(location.id, &of, now).await?;
    let faults: Vec<Fault> = faults
        .into_iter()
        .filter(|fault| !marked.contains(&fault.person))
        .collect();
    let stopped = tx.stopped_add(location.id, &faults, now).await?;
    tell(tx, location, &world, &stopped, now).await?;
    Ok(given)
}

/// A plan that is not sound is a defect of ours: it is logged as one, and the history tells it to whoever waits for it.
async fn tell(
    tx: &mut Tx,
    location: &LocationRow,
    world: &World,
    stopped: &Stopped,
    now: Time,
) -> Result<(), StepError> {
    let about = |person: PersonId, kind: &str| {
        let event = NewEvent::new(now, Actor::System, kind).location(location.id);
        match world.is_nobody(person) || !world.people.contains_key(&person) {
            true => event.device(DeviceId(person.0)),
            false => event.person(person),
        }
    };
    for Fault { person, breach, step } in &stopped.new {
        tracing::error!(
            location.id = %location.id, person.id = %person, ?breach, ?step,
            "a plan was stopped: what was decided of somebody breaks a promise"
        );
        let mut event = about(*person, "planStopped").with(json!({ "breach": breach, "step": step }));
        if let Some(app) = step.app() {
            event = event.asset(app);
        }
        tx.event(&event).await?;
    }
    for person in &stopped.sound {
        tx.event(&about(*person, "planSound")).await?;
    }
    Ok(())
}

/// Everything inside the transaction that writes, facts and decision too: whoever changes a fact afterwards leaves a mark.
async fn write(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let mut tx = app.store.begin_as(lease).await?;
    // What is known of the token, too.
    let Some(location) = &tx.location(location.id).await? else {
        return Ok(());
    };
    let look = look(app, location, lease);
    let now = look.now;
    let taken = tx.decide_take(location.id, look, AT_ONCE).await?;
    let world = tx.world_of(location.id, &taken.people, now).await?;
    let mut steps = decide(app, &mut tx, location, look, &taken.people, &world).await?;
    if !taken.more && look.looked && look.token_usable {
        steps.extend(give(&mut tx, location, now).await?);
    }
    if steps.is_empty() {
        tx.commit().await?;
        return Ok(());
    }
    let apps = tx
        .apps(location.id)
        .await?
        .into_iter()
        .map(|row| (row.id, row))
        .collect();
    let mut writer = Writer {
        app,
        tx: &mut tx,
        location,
        world: &world,
        apps,
        held: BTreeSet::new(),
        reclaimed: BTreeMap::new(),
        now,
    };
    // Before the devices, as whoever leaves takes them.
    let invited: BTreeSet<PersonId> = steps.iter().filter_map(invites).collect();
    for person in invited {
        if !writer.tx.person_stays(person).await? {
            // They left since the plan was made.
            return Err(StoreError::Conflict.into());
        }
    }
    // In the order in which pushes take them.
    let devices: BTreeSet<DeviceId> = steps.iter().filter_map(Step::device).collect();
    for device in devices {
        writer.hold(device).await?;
    }
    let mut people = Vec::new();
    let mut retired = Vec::new();
    // People and devices apart: of each Apple takes so many at once.
    let mut gains: BTreeMap<(AssetId, HolderKind), Vec<Holder>> = BTreeMap::new();
    let mut returns: BTreeMap<(AssetId, HolderKind), Vec<Holder>> = BTreeMap::new();
    for step in steps {
        match step {
            Step::CreateUser { person } => people.push(person),
            Step::RetireUser { person } => retired.push(person),
            Step::Associate { app, holder } => gains.entry((app, holder.kind())).or_default().push(holder),
            Step::Disassociate { app, holder } => returns.entry((app, holder.kind())).or_default().push(holder),
            Step::Invite { person, device } => writer.invite(person, device).await?,
            Step::Install { app, device, with } => writer.install(app, device, with).await?,
            Step::Remove { app, device } => writer.remove(app, device).await?,
            Step::AskInformation { device } => {
                let queries = DEVICE_QUERIES.map(str::to_owned).to_vec();
                writer
                    .command(device, Command::DeviceInformation { queries }, None)
                    .await?;
            }
            Step::AskApps { device } => {
                writer
                    .command(device, Command::ManagedApplicationList { identifiers: None }, None)
                    .await?;
            }
            Step::Unenrol { device } => writer.command(device, leaving::remove_profile(), None).await?,
            Step::Release { device } => writer.command(device, Command::DeviceConfigured, None).await?,
        }
    }
    writer.create_users(&people).await?;
    for ((asset, _), holders) in returns {
        writer.licences(OperationKind::Disassociate, asset, &holders).await?;
    }
    for ((asset, _), holders) in gains {
        writer.licences(OperationKind::Associate, asset, &holders).await?;
    }
    for (rule, licences) in std::mem::take(&mut writer.reclaimed) {
        writer.tx.reclaimed(rule, licences, now).await?;
    }
    writer.retire_users(&retired).await?;
    tx.commit().await?;
    app.device_bell.notify_one();
    Ok(())
}

fn invites(step: &Step) -> Option<PersonId> {
    match step {
        Step::Invite { person, .. } => Some(*person),
        _ => None,
    }
}

struct Writer<'a> {
    app: &'a App,
    tx: &'a mut Tx,
    location: &'a LocationRow,
    world: &'a World,
    apps: BTreeMap<AssetId, AppRow>,
    /// The devices that do not change any more before this transaction ends.
    held: BTreeSet<DeviceId>,
    /// How many licences go back, by which rule.
    reclaimed: BTreeMap<Reclaim, u64>,
    now: Time,
}

impl Writer<'_> {
    /// The operations that take so many more, and how many each: first the one that still waits to be sent, if there
    /// is one. Apple takes one request at a time, and half a minute for each; whoever comes meanwhile goes together.
    async fn operations(
        &mut self,
        kind: OperationKind,
        about: Option<(AssetId, HolderKind)>,
        mut more: usize,
    ) -> Result<Vec<(OperationId, usize)>, StepError> {
        let limits = self.app.service.limits();
        let limit = match about {
            None => limits.users,
            Some((_, HolderKind::User)) => limits.client_user_ids,
            Some((_, HolderKind::Device)) => limits.serial_numbers,
        };
        let mut taken = Vec::new();
        if more > 0
            && let Some(mut row) = self.waiting(kind, about).await?
        {
            let room = limit.saturating_sub(usize::try_from(row.requested).unwrap_or(usize::MAX));
            let takes = room.min(more);
            if takes > 0 {
                row.requested += i64::try_from(takes).unwrap_or(i64::MAX);
                self.tx.operation_update(&row).await?;
                taken.push((row.id, takes));
                more -= takes;
            }
        }
        while more > 0 {
            let takes = limit.min(more);
            let id = OperationId(self.app.random.id());
            let requested = i64::try_from(takes).unwrap_or(i64::MAX);
            let row = OperationRow::queued(id, self.location.id, kind, requested, self.now);
            self.tx.operation_insert(&row).await?;
            taken.push((row.id, takes));
            more -= takes;
        }
        Ok(taken)
    }

    /// The operation of this kind, about these, of which Apple has certainly heard nothing. The latest: those before it are
    /// full.
    async fn waiting(
        &mut self,
        kind: OperationKind,
        about: Option<(AssetId, HolderKind)>,
    ) -> Result<Option<OperationRow>, StepError> {
        let open = self.tx.operations_open(self.location.id).await?;
        let unsent =
            |row: &OperationRow| row.kind == kind && row.state == store::OperationState::Queued && row.attempts == 0;
        for row in open.into_iter().rev().filter(unsent) {
            let seats = self.tx.operation_seats(row.id).await?;
            if seats.first().map(|seat| (seat.asset_id, seat.holder.kind())) == about {
                return Ok(Some(row));
            }
        }
        Ok(None)
    }

    async fn create_users(&mut self, people: &[PersonId]) -> Result<(), StepError> {
        let mut people = people.iter();
        for (operation, takes) in self.operations(OperationKind::CreateUsers, None, people.len()).await? {
            for person in people.by_ref().take(takes) {
                if let Some(user) = self.tx.client_user(*person, self.location.id).await? {
                    // Apple refused it before, and keeps no record of it: the same id is asked for again.
                    if self.tx.client_user_asked_again(&user.client_user_id, operation).await? {
                        continue;
                    }
                    self.replaced(&user).await?;
                }
                let id = self.app.random.opaque_id().to_string();
                let row = ClientUserRow::new(id, self.location.id, *person, operation, self.now);
                self.tx.client_user_insert(&row).await?;
            }
        }
        Ok(())
    }

    /// Apple retired it, for good: the person gets another one.
    async fn replaced(&mut self, user: &ClientUserRow) -> Result<(), StepError> {
        if !self.tx.client_user_replaced(&user.client_user_id, self.now).await? {
            // It changed since the plan was made.
            return Err(StoreError::Conflict.into());
        }
        self.tx
            .event(
                &NewEvent::new(self.now, Actor::System, "programUserReplaced")
                    .location(self.location.id)
                    .person(user.person_id),
            )
            .await?;
        Ok(())
    }

    /// A person who comes back in this very moment, or of whom a licence is found, is not retired: the plan is dropped.
    async fn retire_users(&mut self, people: &[PersonId]) -> Result<(), StepError> {
        let mut people = people.iter();
        for (operation, takes) in self.operations(OperationKind::RetireUsers, None, people.len()).await? {
            for person in people.by_ref().take(takes) {
                let user = self.tx.client_user(*person, self.location.id).await?;
                let user = user.ok_or(AppError::Store(StoreError::Conflict))?;
                if !self
                    .tx
                    .client_user_retiring(&user.client_user_id, operation, self.now)
                    .await?
                {
                    return Err(AppError::Store(StoreError::Conflict).into());
                }
                self.tx
                    .event(
                        &NewEvent::new(self.now, Actor::System, "programUserRetiring")
                            .location(self.location.id)
                            .person(*person),
                    )
                    .await?;
            }
        }
        Ok(())
    }

    /// Of people, or else of devices.
    async fn licences(&mut self, kind: OperationKind, asset: AssetId, holders: &[Holder]) -> Result<(), StepError> {
        let about = holders.first().map(|holder| (asset, holder.kind()));
        let mut left = holders.iter();
        for (operation, takes) in self.operations(kind, about, holders.len()).await? {
            for holder in left.by_ref().take(takes) {
                let mut detail = json!({});
                let event = if kind == OperationKind::Associate {
                    self.tx
                        .seat_insert(asset, *holder, SeatState::Reserved, Some(operation), self.now)
                        .await?;
                    "licenceReserved"
                } else {
                    self.tx
                        .seat_set(asset, *holder, SeatState::Returning, Some(operation), self.now)
                        .await?;
                    if let Some(rule) = self.by_rule(asset, *holder) {
                        *self.reclaimed.entry(rule).or_default() += 1;
                        detail = json!({ "reclaim": rule });
                    }
                    "licenceReturning"
                };
                let event = NewEvent::new(self.now, Actor::System, event).location(self.location.id);
                let event = sync::about(self.tx, *holder, event.asset(asset)).await?;
                self.tx.event(&event.with(detail)).await?;
            }
        }
        Ok(())
    }

    /// By which rule a licence goes back.
    fn by_rule(&self, asset: AssetId, holder: Holder) -> Option<Reclaim> {
        let app = self.world.apps.get(&asset)?;
        let verdict = decide_one(self.world, app, self.world.owner(holder)?, |_| None)?;
        Some(Reclaim::of(self.world, app, &verdict, holder))
    }

    async fn invite(&mut self, person: PersonId, device: DeviceId) -> Result<(), StepError> {
        let Some(user) = self.tx.client_user_held(person, self.location.id).await? else {
            return Ok(());
        };
        self.hold(device).await?;
        Ok(self.app.invite(self.tx, &user, device, self.now).await?)
    }

    /// Keeps the device as the plan saw it until the transaction ends. [`StoreError::Conflict`] when it has left, has
    /// been told to, or is somebody else's meanwhile: what was planned for it is not to be done any more.
    async fn hold(&mut self, device: DeviceId) -> Result<(), StepError> {
        if self.held.contains(&device) {
            return Ok(());
        }
        let seen = self.world.devices.get(&device).ok_or(StoreError::Conflict)?;
        if !self.tx.device_held_as(device, seen.enrolment, seen.person).await? {
            return Err(StoreError::Conflict.into());
        }
        self.held.insert(device);
        Ok(())
    }

    async fn install(&mut self, asset: AssetId, device: DeviceId, with: HolderKind) -> Result<(), StepError> {
        let Some(app) = self.apps.get(&asset) else {
            return Ok(());
        };
        let Ok(itunes_store_id) = app.adam_id.parse() else {
            tracing::error!(asset.id = %asset, "Apple's product number is not a number");
            return Ok(());
        };
        let newest = app.store_version;
        self.hold(device).await?;
        let mut install = self.tx.install(device, asset).await?;
        install.asked_install(with, self.now);
        install.asked_version(newest);
        self.tx.install_put(device, asset, &install).await?;
        let command = Command::InstallApplication {
            itunes_store_id,
            management_flags: MANAGEMENT_FLAGS,
            change_management_state: true,
        };
        self.command(device, command, Some(asset)).await?;
        self.told(device, asset, "installCommanded").await
    }

    async fn remove(&mut self, asset: AssetId, device: DeviceId) -> Result<(), StepError> {
        let Some(identifier) = self.apps.get(&asset).and_then(|app| app.bundle_id.clone()) else {
            return Ok(());
        };
        self.hold(device).await?;
        let mut install = self.tx.install(device, asset).await?;
        install.asked_remove(self.now);
        self.tx.install_put(device, asset, &install).await?;
        self.command(device, Command::RemoveApplication { identifier }, Some(asset))
            .await?;
        self.told(device, asset, "removeCommanded").await
    }

    async fn told(&mut self, device: DeviceId, asset: AssetId, kind: &str) -> Result<(), StepError> {
        let person = self.world.devices.get(&device).map(|device| device.person);
        let mut event = NewEvent::new(self.now, Actor::System, kind)
            .asset(asset)
            .device(device)
            .with(json!({}));
        if let Some(person) = person {
            event = event.person(person);
        }
        self.tx.event(&event).await?;
        Ok(())
    }

    async fn command(&mut self, device: DeviceId, command: Command, asset: Option<AssetId>) -> Result<(), StepError> {
        self.hold(device).await?;
        let uuid = self.app.random.id();
        let row = CommandRow::new(
            uuid,
            device,
            command.request_type(),
            asset,
            None,
            command.to_plist(&uuid.to_string()),
            self.now,
        );
        self.tx.command_insert(&row).await?;
        Ok(())
    }
}
