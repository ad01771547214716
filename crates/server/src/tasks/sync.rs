//! Reads what Apple has, and takes it over as observed.

use std::collections::{BTreeMap, BTreeSet};

use apple::{
    AppleError,
    error::Class,
    licensing::{AssignmentsQuery, Expected, Licensing, Read, UsersQuery},
    wire::{Assignment, ResponseAsset, ResponseUser},
};
use domain::{
    Ask, AssetId, DeviceId, Holder, PersonId, Reading, Time, TokenState,
    invitation::Ending,
    operation::{Settled, Word, settle},
};
use std::time::Duration;
use store::{
    Actor, Assignee, ClientUserRow, ClientUserStatus, Lease, LocationRow, NewEvent, ObservedAsset, OpenSeat, SeatState,
    SyncRow, SyncStatus, Tx,
};

use super::StepError;
use crate::app::{App, AppError, tokens};

/// No list is under way for so long.
const SEATS_ENDED_KEPT: Duration = Duration::from_secs(24 * 3600);

/// Talks to Apple about `location`, whoever manages it.
pub async fn licensing_for_reading(app: &App, location: &LocationRow) -> Result<Licensing, StepError> {
    let token = app.store.location_token(location.id).await?;
    let expected = Expected {
        uid: Some(location.uid.clone()),
        mdm_id: None,
    };
    Ok(app.licensing(token, expected))
}

/// Reads what is there: as whoever manages it, or, while that is another server, as somebody who looks on.
async fn reader(app: &App, location: &LocationRow) -> Result<Licensing, StepError> {
    match location.state {
        TokenState::AssignedToExternalMdm => licensing_for_reading(app, location).await,
        _ => licensing(app, location).await,
    }
}

/// Talks to Apple for `location`, and refuses an answer that speaks for another account or another server.
pub async fn licensing(app: &App, location: &LocationRow) -> Result<Licensing, StepError> {
    let token = app.store.location_token(location.id).await?;
    let expected = Expected {
        uid: Some(location.uid.clone()),
        mdm_id: Some(location.mdm_id.clone()),
    };
    Ok(app.licensing(token, expected))
}

/// Asks Apple, now and then, how much it takes at once and where people go. Without an answer, what was told last holds.
pub async fn service(app: &App, location: &LocationRow) -> Result<(), StepError> {
    if !app.service.due(app.now()) {
        return Ok(());
    }
    match licensing(app, location).await?.service_config().await {
        Ok(config) => {
            // Among it is where apps are looked up.
            if app.service.told(config) {
                app.describing_bell.notify_one();
            }
        }
        Err(error) => {
            app.service.ask_again(app.now() + app.config.apple.first_pause());
            tracing::warn!(error = %crate::cause::Chain(&error), "Apple did not tell its limits");
        }
    }
    Ok(())
}

/// Reads everything, with progress that people can watch.
pub async fn full(app: &App, location: &LocationRow, lease: &Lease, mut row: SyncRow) -> Result<(), StepError> {
    row.status = SyncStatus::InProgress;
    row.started_at = Some(app.now());
    let result = full_read(app, location, lease, &mut row).await;
    match &result {
        Ok(()) => {
            row.status = SyncStatus::Completed;
            row.finished_at = Some(app.now());
            tracing::info!(
                location.id = %location.id, requests = row.requests, changes = row.changes,
                "synced location {}", location.id
            );
        }
        // Whether the token is dead is not certain yet: it is asked again. When it is, that ends the sync.
        Err(StepError::Apple(error)) if error.class() == Class::Token => {}
        Err(StepError::Apple(error)) => failed(&mut row, error, app.now()),
        Err(StepError::App(error)) => {
            row.status = SyncStatus::Failed;
            row.error_code = Some("internalError".to_owned());
            row.error_detail = Some(error.to_string());
            row.finished_at = Some(app.now());
        }
    }
    progress(app, lease, &row).await?;
    result
}

/// Marks a sync as failed for what Apple said.
pub fn failed(row: &mut SyncRow, error: &AppleError, now: Time) {
    row.status = SyncStatus::Failed;
    row.error_code = Some(error_code(error).to_owned());
    row.error_detail = Some(error.to_string());
    row.finished_at = Some(now);
}

/// Marks a sync as failed because the token cannot be used any more.
pub fn failed_by(row: &mut SyncRow, state: TokenState, now: Time) {
    let code = match state {
        TokenState::Expired => "expiredVppToken",
        TokenState::Revoked => "revokedVppToken",
        _ => "invalidVppToken",
    };
    row.status = SyncStatus::Failed;
    row.error_code = Some(code.to_owned());
    row.finished_at = Some(now);
}

/// The message that says to a person what Apple's error means (`sync-error-…`).
fn error_code(error: &AppleError) -> &'static str {
    match error {
        AppleError::TokenExpired => "expiredVppToken",
        AppleError::TokenRevoked => "revokedVppToken",
        AppleError::TokenInvalid { .. } => "invalidVppToken",
        AppleError::OtherAccount { .. } => "otherAccount",
        AppleError::Taken { .. } => "assignedToExternalMDM",
        AppleError::Throttled { .. } => "throttled",
        AppleError::Unreachable { .. } => "unreachable",
        _ => "appleFailure",
    }
}

async fn progress(app: &App, lease: &Lease, row: &SyncRow) -> Result<(), StepError> {
    let mut tx = app.store.begin_as(lease).await?;
    tx.sync_update(row).await?;
    Ok(tx.commit().await?)
}

async fn full_read(app: &App, location: &LocationRow, lease: &Lease, row: &mut SyncRow) -> Result<(), StepError> {
    let licensing = reader(app, location).await?;
    let patience = app.config.apple.patience;
    row.total = 4;
    row.phase = "config".to_owned();
    progress(app, lease, row).await?;
    // Who manages the location is decided here: an answer that names another server stops everything.
    let config = licensing.client_config().await?;

    (row.phase, row.done, row.requests) = ("assets".to_owned(), 1, 1);
    progress(app, lease, row).await?;
    let assets_began = app.now();
    let assets = licensing.assets().await?;

    row.requests += i64::from(assets.requests);
    (row.phase, row.done) = ("assignments".to_owned(), 2);
    progress(app, lease, row).await?;
    let assignments_began = app.now();
    let assignments = licensing.assignments(&AssignmentsQuery::default()).await?;

    row.requests += i64::from(assignments.requests);
    (row.phase, row.done) = ("users".to_owned(), 3);
    progress(app, lease, row).await?;
    let users_began = app.now();
    // Everybody, retired or not: the version of a list counts for lists with the same filter only (§2.13), and who was
    // retired is to be in what changed since.
    let users = licensing.users(&UsersQuery::default()).await?;
    row.requests += i64::from(users.requests);

    let now = app.now();
    let mut tx = app.store.begin_as(lease).await?;
    let mut changes = take_assets(app, &mut tx, location, &assets, assets_began).await?;
    changes += take_users(
        &mut tx,
        location,
        &users.items,
        users.whole,
        &patience.reading(users_began),
    )
    .await?;
    tx.commit().await?;
    let reading = patience.reading(assignments_began);
    changes += take_assignments(app, lease, location, &assignments, &reading).await?;
    // The versions last: until then all of it is read again.
    let mut tx = app.store.begin_as(lease).await?;
    let mut fresh = tx.location(location.id).await?.ok_or(AppError::NotFound("location"))?;
    fresh.last_sync_at = Some(now);
    if fresh.token_sha256 == location.token_sha256 {
        tokens::take_config(&mut fresh, &config);
    }
    fresh.assets_version = assets.version_id;
    fresh.assignments_version = assignments.version_id;
    fresh.users_version = users.version_id;
    tx.location_read(&fresh).await?;
    tx.seats_ended_trim(now - SEATS_ENDED_KEPT).await?;
    row.changes = i64::try_from(changes).unwrap_or(i64::MAX);
    row.done = 4;
    tx.sync_update(row).await?;
    tx.commit().await?;
    app.polled.looked(lease.fence());
    // Licences do not wait for names.
    app.describing_bell.notify_one();
    Ok(())
}

/// Looks whether anything changed at Apple since the last look, and reads only that.
pub async fn changes(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let licensing = reader(app, location).await?;
    let patience = app.config.apple.patience;
    let users_began = app.now();
    let users = match &location.users_version {
        Some(since) => {
            let query = UsersQuery {
                since_version_id: Some(since.clone()),
                ..UsersQuery::default()
            };
            match licensing.users(&query).await {
                Err(AppleError::Resync) => licensing.users(&UsersQuery::default()).await?,
                other => other?,
            }
        }
        None => licensing.users(&UsersQuery::default()).await?,
    };
    let version = licensing.assets_version().await?;
    let moved = version.is_none() || version != location.assets_version;
    let lists = if moved {
        let assets_began = app.now();
        let assets = licensing.assets().await?;
        let assignments_began = app.now();
        let assignments = licensing.assignments(&AssignmentsQuery::default()).await?;
        Some((assets_began, assets, assignments_began, assignments))
    } else {
        None
    };

    let mut tx = app.store.begin_as(lease).await?;
    let mut changes = take_users(&mut tx, location, &users.items, false, &patience.reading(users_began)).await?;
    let mut versions = None;
    if let Some((assets_began, assets, assignments_began, assignments)) = lists {
        changes += take_assets(app, &mut tx, location, &assets, assets_began).await?;
        tx.commit().await?;
        let reading = patience.reading(assignments_began);
        changes += take_assignments(app, lease, location, &assignments, &reading).await?;
        versions = Some((assets.version_id, assignments.version_id));
        tx = app.store.begin_as(lease).await?;
    }
    let mut fresh = tx.location(location.id).await?.ok_or(AppError::NotFound("location"))?;
    fresh.users_version = users.version_id;
    if let Some((assets, assignments)) = versions {
        fresh.assets_version = assets;
        fresh.assignments_version = assignments;
    }
    tx.location_versions(&fresh).await?;
    tx.commit().await?;
    app.polled.looked(lease.fence());
    // An app that was just bought has no name yet, and without its bundle id nothing can be proved.
    if moved {
        app.describing_bell.notify_one();
    }
    Ok(changes > 0)
}

/// Reads one asset's assignments anew, after an answer that left it open what became of them.
pub async fn assignments_of(
    licensing: &Licensing,
    adam_id: &str,
    pricing_param: &str,
) -> Result<Read<Assignment>, AppleError> {
    let query = AssignmentsQuery {
        adam_id: Some(adam_id.to_owned()),
        pricing_param: Some(pricing_param.to_owned()),
    };
    licensing.assignments(&query).await
}

/// Takes over what Apple lists as owned.
pub async fn take_assets(
    app: &App,
    tx: &mut Tx,
    location: &LocationRow,
    assets: &Read<ResponseAsset>,
    began: Time,
) -> Result<usize, AppError> {
    let observed: Vec<_> = assets.items.iter().map(observed_asset).collect();
    let new_id = || AssetId(app.random.id());
    Ok(tx
        .assets_observed(location.id, &observed, assets.whole, began, &new_id)
        .await?)
}

fn observed_asset(asset: &ResponseAsset) -> ObservedAsset {
    ObservedAsset {
        adam_id: asset.adam_id.clone(),
        pricing_param: asset.pricing_param.clone().unwrap_or_else(|| "STDQ".to_owned()),
        product_type: asset.product_type.clone().unwrap_or_else(|| "App".to_owned()),
        total: asset.total_count.unwrap_or(0),
        assigned: asset.assigned_count.unwrap_or(0),
        available: asset.available_count.unwrap_or(0),
        retired: asset.retired_count.unwrap_or(0),
        device_assignable: asset.device_assignable.unwrap_or(false),
        revocable: asset.revocable.unwrap_or(true),
        platforms: asset.supported_platforms.clone(),
    }
}

/// Takes over what became of *our* client users. Those that another server made are never taken in (A9).
///
/// With `complete` the list holds every active user, so one of ours that is not in it has been retired.
pub async fn take_users(
    tx: &mut Tx,
    location: &LocationRow,
    users: &[ResponseUser],
    complete: bool,
    reading: &Reading,
) -> Result<usize, AppError> {
    let now = reading.began;
    // A retired record may stand beside the active one of the same id: the active one counts.
    let mut by_id: BTreeMap<&str, &ResponseUser> = BTreeMap::new();
    for user in users {
        let status = ClientUserStatus::from_apple(user.status.as_deref());
        let known = by_id.get(user.client_user_id.as_str());
        if status.is_active() || known.is_none() {
            by_id.insert(&user.client_user_id, user);
        }
    }
    let mut changes = 0;
    // Who is not in a list is looked for among ours only where it would say something of them.
    let ids: Vec<&str> = by_id.keys().copied().collect();
    let ours = match complete {
        true => tx.client_users(location.id).await?,
        false => tx.client_users_called(location.id, &ids).await?,
    };
    for mut row in ours {
        let before = row.clone();
        // A list says nothing of what a later one told.
        if row.observed_at.is_some_and(|seen| seen > reading.began) {
            continue;
        }
        let old_enough = row.observed_at.is_some_and(|seen| reading.knows_of(seen));
        match by_id.get(row.client_user_id.as_str()) {
            // A list that lags does not bring back whom Apple has retired since.
            Some(user)
                if row.status == ClientUserStatus::Retired
                    && !old_enough
                    && ClientUserStatus::from_apple(user.status.as_deref()).is_active() =>
            {
                continue;
            }
            Some(user) => take_user(&mut row, user, now),
            None if complete && old_enough && row.status.is_active() => row.status = ClientUserStatus::Retired,
            None => continue,
        }
        if row.status == before.status && row.invite_code == before.invite_code && row.id_hash == before.id_hash {
            continue;
        }
        row.retired_at = match row.status.is_active() {
            true => None,
            false => row.retired_at.or(Some(now)),
        };
        tx.client_user_observed(&row).await?;
        if row.status != before.status && row.status != ClientUserStatus::Registered {
            // Nobody needs to see the invitation any more.
            tx.invitation_close(&row.client_user_id, Ending::Withdrawn, now).await?;
        }
        changes += 1;
        let kind = match row.status {
            status if status == before.status => continue,
            ClientUserStatus::Registered => "programUserCreated",
            ClientUserStatus::Associated => "programAccepted",
            _ => "programUserRetired",
        };
        tx.event(
            &NewEvent::new(now, Actor::Apple, kind)
                .location(location.id)
                .person(row.person_id),
        )
        .await?;
    }
    Ok(changes)
}

fn take_user(row: &mut ClientUserRow, user: &ResponseUser, now: Time) {
    let status = ClientUserStatus::from_apple(user.status.as_deref());
    if status == ClientUserStatus::Associated && row.accepted_at.is_none() {
        row.accepted_at = Some(now);
    }
    row.status = status;
    row.invite_code = user.invite_code.clone().or(row.invite_code.take());
    row.id_hash.clone_from(&user.id_hash);
    row.observed_at = Some(now);
}

/// Takes over which assignments Apple lists, and corrects our own licences by them: one asset after the other, so that nobody
/// waits for the whole list to be written. What was taken over by then stays, wherever it ends.
async fn take_assignments(
    app: &App,
    lease: &Lease,
    location: &LocationRow,
    assignments: &Read<Assignment>,
    reading: &Reading,
) -> Result<usize, AppError> {
    let now = app.now();
    let mut by_asset: BTreeMap<(String, String), Vec<Assignee>> = BTreeMap::new();
    for assignment in &assignments.items {
        let Some(holder) = assignee(assignment) else { continue };
        let pricing_param = assignment.pricing_param.clone().unwrap_or_else(|| "STDQ".to_owned());
        by_asset
            .entry((assignment.adam_id.clone(), pricing_param))
            .or_default()
            .push(holder);
    }
    let mut tx = app.store.begin_as(lease).await?;
    let people = people_by_client_user(&mut tx, location).await?;
    let assets = tx.apps(location.id).await?;
    let mut changes = 0;
    for asset in assets {
        let holders = by_asset.remove(&(asset.adam_id, asset.pricing_param));
        let holders = holders.unwrap_or_default();
        changes += take_holders(&mut tx, asset.id, &holders, assignments.whole, &people, reading, now).await?;
        tx.commit().await?;
        tx = app.store.begin_as(lease).await?;
    }
    tx.commit().await?;
    Ok(changes)
}

/// Whose client user it is, or was: what Apple leaves with one that it retired is still the same person's.
pub async fn people_by_client_user(
    tx: &mut Tx,
    location: &LocationRow,
) -> Result<BTreeMap<String, PersonId>, AppError> {
    Ok(tx.client_user_people(location.id).await?.into_iter().collect())
}

pub fn assignee(assignment: &Assignment) -> Option<Assignee> {
    match (&assignment.client_user_id, &assignment.serial_number) {
        (Some(user), _) => Some(Assignee::User(user.clone())),
        (None, Some(serial)) => Some(Assignee::Device(serial.clone())),
        (None, None) => None,
    }
}

/// One asset: `holders` is whom Apple lists for it, all of them when the list is `whole`. Corrects our own licences by it
/// as far as it can know of them, and settles requests that it shows done. What it changes is dated by `now`, when the
/// list had been answered.
pub async fn take_holders(
    tx: &mut Tx,
    asset: AssetId,
    holders: &[Assignee],
    whole: bool,
    people: &BTreeMap<String, PersonId>,
    reading: &Reading,
    now: Time,
) -> Result<usize, AppError> {
    if !tx.assignments_observed(asset, holders, whole, reading.began).await? {
        return Ok(0);
    }
    // A licence of a device that we never asked for is somebody else's: another server's, or given by hand. It is ours once
    // we ask for it, and Apple says that it is there.
    let devices: BTreeMap<String, DeviceId> = tx.seats_serials(asset).await?.into_iter().collect();
    let listed: BTreeSet<Holder> = holders
        .iter()
        .filter_map(|assignee| match assignee {
            Assignee::User(user) => people.get(user).copied().map(Holder::Person),
            Assignee::Device(serial) => devices.get(serial).copied().map(Holder::Device),
        })
        .collect();
    let seats: BTreeMap<Holder, OpenSeat> = tx
        .seats_open(asset)
        .await?
        .into_iter()
        .map(|seat| (seat.row.holder, seat))
        .collect();
    let ended: BTreeMap<Holder, Time> = tx.seats_ended(asset).await?.into_iter().collect();

    let mut changes = 0;
    // Whom a list that is not whole does not show, it says nothing of.
    let unlisted = seats.keys().filter(|_| whole);
    let everyone: BTreeSet<Holder> = listed.iter().chain(unlisted).copied().collect();
    for holder in everyone {
        let is_listed = listed.contains(&holder);
        let gone = ended.get(&holder).copied();
        let open = seats.get(&holder);
        let kind = match open.and_then(|seat| Some((seat, seat.dead_at?))) {
            Some((seat, dead_at)) => {
                if !settled_by(seat, gone, dead_at, is_listed, reading) {
                    continue;
                }
                if seat.row.state == SeatState::Reserved {
                    tx.seat_set(asset, holder, SeatState::Held, None, now).await?;
                    tx.refusal_clear(asset, holder).await?;
                    "licenceAssigned"
                } else {
                    tx.seat_delete(asset, holder, now).await?;
                    tx.refusal_clear(asset, holder).await?;
                    "licenceReturned"
                }
            }
            None => {
                let before = open.map(|seat| seat.row.seat());
                match (before, domain::licence::observe(before, gone, is_listed, reading, now)) {
                    (None, Some(found)) => {
                        tx.seat_insert(asset, holder, SeatState::Held, None, found.since())
                            .await?;
                        "licenceFound"
                    }
                    (Some(_), None) => {
                        tx.seat_delete(asset, holder, now).await?;
                        "licenceLost"
                    }
                    _ => continue,
                }
            }
        };
        changes += 1;
        let event = NewEvent::new(now, Actor::Apple, kind).asset(asset);
        let event = about(tx, holder, event).await?;
        tx.event(&event).await?;
    }
    tx.asset_recount(asset).await?;
    Ok(changes)
}

/// Something that happened to somebody, or to a device and so to whoever has it.
pub async fn about(tx: &mut Tx, holder: Holder, event: NewEvent) -> Result<NewEvent, AppError> {
    Ok(match holder {
        Holder::Person(person) => event.person(person),
        Holder::Device(device) => match tx.device(device).await? {
            Some(row) => event.device(device).person(row.person_id),
            None => event.device(device),
        },
    })
}

/// Whether the list shows that a request, whose answer is not there yet, was carried out for this licence.
fn settled_by(seat: &OpenSeat, gone: Option<Time>, dead_at: Time, listed: bool, reading: &Reading) -> bool {
    let ask = match seat.row.state {
        SeatState::Reserved => Ask::Associate,
        SeatState::Returning => Ask::Disassociate,
        SeatState::Held => return false,
    };
    settle(ask, seat.row.since, gone, dead_at, Word::Listed(listed, *reading)) == Settled::Done
}
