//! What is asked of Apple: one thing at a time, never twice blindly, and read back when an answer was lost.
//!
//! ```text
//! queued ──► sending ──► pending ──► done
//!    ▲          │           │    └──► failed
//!    └──────────┴───────────┘  what became of it is not known: lists tell, licence by licence
//! ```
//!
//! The transaction that marks an operation as `sending` is committed before the request leaves, with the time from
//! when on nothing more can come of it (`dead_at`). Whoever finds it so knows that Apple may have heard of it. A list
//! that shows the work done settles it at once; one that does not settles it only after that time
//! ([`domain::operation::settle`]). Meanwhile the operation holds its own licences, and other people's go on.

use std::{collections::BTreeSet, future::poll_fn, pin::pin, task::Poll, time::Duration};

use apple::{
    AppleError,
    error::Class,
    licensing::{Licensing, UsersQuery},
    wire::{self, Asset, ErrorResponse, ManageAssets, RequestUser, ResponseUser, StatusResponse},
};
use domain::{
    Ask, AssetId, OperationId, PersonId, Refusal, RefusalReason, SyncId, Time,
    invitation::Ending,
    operation::{Settled, Word, settle},
};
use serde_json::json;
use store::{
    Actor, ClientUserRow, ClientUserStatus, Holder, Lease, LocationRow, NewEvent, OperationKind, OperationRow,
    OperationSeat, OperationState, SeatState, Tx,
};
use tokio::time::Instant;

use super::{location::StepError, sync};
use crate::app::{App, AppError};

/// Pauses double up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// Nothing here ever waits longer than this: what does was written while the clock was wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Small parallel writes get in each other's way at Apple, so one goes after the other; but others do not wait for one
/// that is stuck. So many may be before no more are sent.
const STUCK_AT_MOST: usize = 5;
/// How often lists are looked at for what became of a request whose answer was lost.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// Finds out what became of what was asked.
pub async fn evaluate(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let mut worked = false;
    let mut failed = None;
    for operation in app.store.operations_open(location.id).await? {
        if !due(&operation, app.now()) {
            continue;
        }
        let found_out = match operation.state {
            OperationState::Pending => poll(app, location, lease, operation).await,
            OperationState::Sending => read_back(app, location, lease, operation).await,
            _ => continue,
        };
        match found_out {
            Ok(news) => worked |= news,
            // Apple answers, and stumbles over this one: the others are not held up by it.
            Err(StepError::Apple(error @ (AppleError::Trouble { .. } | AppleError::Broken(_)))) => {
                failed.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(worked),
    }
}

/// Sends the oldest operation that waits, unless one is on its way already.
pub async fn send_next(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let now = app.now();
    let open = app.store.operations_open(location.id).await?;
    let under_way: Vec<_> = open.iter().filter(|it| it.state != OperationState::Queued).collect();
    let stuck =
        |operation: &&&OperationRow| now.since(operation.sent_at.unwrap_or(now)) >= app.config.apple.stuck_after();
    if under_way.iter().filter(stuck).count() < under_way.len() || under_way.len() >= STUCK_AT_MOST {
        return Ok(false);
    }
    let waiting = |operation: &OperationRow| operation.state == OperationState::Queued && due(operation, now);
    let Some(operation) = open.into_iter().find(waiting) else {
        return Ok(false);
    };
    send(app, location, lease, operation).await?;
    Ok(true)
}

fn due(operation: &OperationRow, now: Time) -> bool {
    operation
        .not_before
        .is_none_or(|not_before| not_before.has_come(now, LONGEST_WAIT))
}

async fn send(app: &App, location: &LocationRow, lease: &Lease, mut operation: OperationRow) -> Result<(), StepError> {
    // Or what Apple turned down for its size would go out again as it was while a long read is under way.
    sync::service(app, location).await?;
    cut_to_size(app, lease, &mut operation).await?;
    let Some(request) = Request::of(app, &operation).await? else {
        // Nothing is left to ask for.
        operation.state = OperationState::Done;
        operation.finished_at = Some(app.now());
        return save(app, lease, &operation).await;
    };
    let licensing = sync::licensing(app, location).await?;
    let patience = app.config.apple.patience;
    let (sent, too_late) = (app.now(), Instant::now() + patience.request);
    operation.state = OperationState::Sending;
    operation.attempts += 1;
    operation.sent_at = Some(sent);
    operation.dead_at = Some(patience.dead_at(sent));
    operation.not_before = None;
    operation.error_number = None;
    operation.error_message = None;
    save(app, lease, &operation).await?;

    let asked = async {
        match &request {
            Request::CreateUsers(users) => licensing.create_users(users).await,
            Request::RetireUsers(ids) => licensing.retire_users(ids).await,
            Request::Associate(assets) => licensing.associate(assets).await,
            Request::Disassociate(assets) => licensing.disassociate(assets).await,
        }
    };
    // `dead_at` counts on it that no request leaves, or is waited for, any later.
    // The clock of the machine does not go while it sleeps, the wall clock does.
    let slept = || app.now().since(sent) >= patience.request;
    let Some(answer) = unless_late(too_late, slept, asked).await else {
        operation.not_before = Some(next_look(app, &operation));
        operation.error_message = Some("no answer came in time".to_owned());
        return save(app, lease, &operation).await;
    };
    let now = app.now();
    match answer {
        Ok(event_id) => {
            operation.state = OperationState::Pending;
            operation.event_id = Some(event_id);
            operation.requested = request.tasks();
            operation.not_before = Some(now + app.config.apple.event_poll_every);
            save(app, lease, &operation).await
        }
        Err(AppleError::Refused {
            number,
            message,
            info,
            class,
        }) => {
            let refused = ErrorResponse {
                error_number: number,
                error_message: Some(message),
                error_info: info,
            };
            turned_down(app, location, lease, &licensing, operation, refused, class).await
        }
        Err(error) if error.outcome_known() => {
            // Apple did nothing: the same is asked again when the location may be. That pause is the location's: the
            // operation's own would go on when Apple is back.
            operation.state = OperationState::Queued;
            operation.dead_at = None;
            operation.not_before = Some(now + app.config.apple.first_pause());
            operation.error_message = Some(error.to_string());
            save(app, lease, &operation).await?;
            Err(error.into())
        }
        Err(error) => {
            // It may have got through. The operation stays `sending`, and what came of it is read back.
            operation.not_before = Some(next_look(app, &operation));
            operation.error_message = Some(error.to_string());
            save(app, lease, &operation).await?;
            Err(error.into())
        }
    }
}

/// Apple checked the request and did nothing of it: whoever is named is let go with the reason, the rest is asked again.
async fn turned_down(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    licensing: &Licensing,
    mut operation: OperationRow,
    refused: ErrorResponse,
    class: Class,
) -> Result<(), StepError> {
    if matches!(class, Class::Retry | Class::Resync) {
        operation.state = OperationState::Queued;
        operation.dead_at = None;
        operation.not_before = Some(app.now() + pause(app, operation.attempts));
        operation.error_number = Some(i64::from(refused.error_number));
        operation.error_message = refused.error_message;
        let mut tx = app.store.begin_as(lease).await?;
        tx.operation_update(&operation).await?;
        if class == Class::Resync {
            tx.sync_request(SyncId(app.random.id()), location.id, "resync", "system", app.now())
                .await?;
        }
        tx.commit().await?;
        app.reading_bell.notify_one();
        return Ok(());
    }
    let told = Told {
        otherwise: if names_somebody(&refused) {
            Otherwise::Undone
        } else {
            Otherwise::Refused
        },
        failures: std::slice::from_ref(&refused),
    };
    operation.dead_at = Some(app.now());
    conclude(app, location, lease, licensing, operation, told).await
}

/// Hands what is more than Apple takes at once now to another operation: the limit was higher when it was planned.
async fn cut_to_size(app: &App, lease: &Lease, operation: &mut OperationRow) -> Result<(), StepError> {
    let limits = app.service.limits();
    let (people, limit): (Vec<PersonId>, _) = match operation.kind {
        OperationKind::CreateUsers | OperationKind::RetireUsers => {
            let users = app.store.operation_users(operation.id).await?;
            let open = users.iter().filter(|user| is_open(operation.kind, user));
            // Refused as a whole, and nobody was named: one by one it shows who it was.
            let number = operation.error_number.and_then(|number| i32::try_from(number).ok());
            let passes = |number| matches!(Class::of(number, 400), Class::Retry | Class::Resync | Class::Split);
            let alone = operation.kind == OperationKind::RetireUsers && number.is_some_and(|number| !passes(number));
            let limit = if alone { 1 } else { limits.users };
            (open.map(|user| user.person_id).collect(), limit)
        }
        OperationKind::Associate | OperationKind::Disassociate => {
            let seats = app.store.operation_seats(operation.id).await?;
            let people = seats.iter().map(|seat| seat.person_id).collect();
            (people, limits.client_user_ids)
        }
    };
    if people.len() <= limit {
        return Ok(());
    }
    let (now, later) = people.split_at(limit);
    let rest = OperationRow {
        id: OperationId(app.random.id()),
        state: OperationState::Queued,
        event_id: None,
        attempts: 0,
        not_before: None,
        requested: count(later.len()),
        completed: 0,
        error_message: None,
        dead_at: None,
        ..operation.clone()
    };
    operation.requested = count(now.len());
    let mut tx = app.store.begin_as(lease).await?;
    tx.operation_insert(&rest).await?;
    tx.operation_hand_over(operation.id, rest.id, later).await?;
    tx.operation_update(operation).await?;
    Ok(tx.commit().await?)
}

/// Whether Apple has still to say what became of this client user.
fn is_open(kind: OperationKind, user: &ClientUserRow) -> bool {
    match kind {
        OperationKind::RetireUsers => user.status.is_active() && user.retiring_at.is_some(),
        _ => user.status == ClientUserStatus::Creating,
    }
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What an operation says on the wire, made from what is still open of it.
enum Request {
    CreateUsers(Vec<RequestUser>),
    RetireUsers(Vec<String>),
    Associate(ManageAssets),
    Disassociate(ManageAssets),
}

impl Request {
    async fn of(app: &App, operation: &OperationRow) -> Result<Option<Request>, StepError> {
        if operation.kind == OperationKind::CreateUsers {
            let users: Vec<_> = app
                .store
                .operation_users(operation.id)
                .await?
                .into_iter()
                .filter(|user| user.status == ClientUserStatus::Creating)
                .map(|user| RequestUser {
                    client_user_id: user.client_user_id,
                    ..RequestUser::default()
                })
                .collect();
            return Ok((!users.is_empty()).then_some(Request::CreateUsers(users)));
        }
        if operation.kind == OperationKind::RetireUsers {
            let users = app.store.operation_users(operation.id).await?;
            let open = users.into_iter().filter(|user| is_open(operation.kind, user));
            let ids: Vec<_> = open.map(|user| user.client_user_id).collect();
            return Ok((!ids.is_empty()).then_some(Request::RetireUsers(ids)));
        }
        let seats = app.store.operation_seats(operation.id).await?;
        let Some(first) = seats.first() else { return Ok(None) };
        let body = ManageAssets {
            assets: vec![Asset {
                adam_id: first.adam_id.clone(),
                pricing_param: Some(first.pricing_param.clone()),
            }],
            client_user_ids: seats.iter().map(|seat| seat.client_user_id.clone()).collect(),
            ..ManageAssets::default()
        };
        Ok(Some(match operation.kind {
            OperationKind::Associate => Request::Associate(body),
            _ => Request::Disassociate(body),
        }))
    }

    /// How many single acts Apple will count.
    fn tasks(&self) -> i64 {
        let tasks = match self {
            Request::CreateUsers(users) => users.len(),
            Request::RetireUsers(ids) => ids.len(),
            Request::Associate(body) | Request::Disassociate(body) => body.assets.len() * body.client_user_ids.len(),
        };
        count(tasks)
    }
}

async fn poll(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    mut operation: OperationRow,
) -> Result<bool, StepError> {
    let licensing = sync::licensing(app, location).await?;
    let Some(event_id) = operation.event_id.clone() else {
        operation.state = OperationState::Sending;
        save(app, lease, &operation).await?;
        return Ok(true);
    };
    let status = match licensing.status(&event_id).await {
        Ok(status) => status,
        Err(AppleError::Refused {
            number: wire::error::UNKNOWN_EVENT,
            ..
        }) => {
            operation.state = OperationState::Sending;
            operation.event_id = None;
            save(app, lease, &operation).await?;
            return Ok(true);
        }
        Err(error) => {
            operation.not_before = Some(app.now() + app.config.apple.event_poll_every);
            save(app, lease, &operation).await?;
            return Err(error.into());
        }
    };
    operation.completed = status.num_completed.unwrap_or(operation.completed);
    match status.event_status.as_deref() {
        Some("COMPLETE") => {
            complete(app, location, lease, &licensing, operation, &status).await?;
            Ok(true)
        }
        Some("FAILED") => {
            // The event has ended: nothing more comes of it from now on.
            operation.dead_at = Some(app.now());
            let told = Told {
                failures: &status.failures,
                otherwise: Otherwise::Listed,
            };
            // One that names nobody concerns whoever turns out not to be served, perhaps only later.
            let unnamed = status.failures.iter().find(|failure| !names_somebody(failure));
            operation.error_number = unnamed.map(|failure| i64::from(failure.error_number));
            operation.error_message = unnamed.and_then(|failure| failure.error_message.clone());
            conclude(app, location, lease, &licensing, operation, told).await?;
            Ok(true)
        }
        _ => {
            let now = app.now();
            if operation.dead_at.is_none_or(|dead_at| dead_at <= now) {
                operation.state = OperationState::Sending;
                operation.event_id = None;
            } else {
                operation.not_before = Some(now + app.config.apple.event_poll_every);
            }
            save(app, lease, &operation).await?;
            Ok(false)
        }
    }
}

/// Apple says that everything was done.
async fn complete(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    licensing: &Licensing,
    mut operation: OperationRow,
    status: &StatusResponse,
) -> Result<(), StepError> {
    let now = app.now();
    if operation.kind == OperationKind::CreateUsers {
        // The status does not tell the invitation codes.
        operation.dead_at = Some(now);
        return users_concluded(app, location, lease, licensing, operation, NOTHING_SAID).await;
    }
    if operation.kind == OperationKind::RetireUsers {
        return retirements_concluded(app, location, lease, licensing, operation, ALL_DONE).await;
    }
    operation.completed = status.num_completed.unwrap_or(operation.requested);
    operation.state = OperationState::Done;
    operation.finished_at = Some(now);
    let mut tx = app.store.begin_as(lease).await?;
    for seat in tx.operation_seats(operation.id).await? {
        seat_settled(app, &mut tx, &seat, operation.kind, Settled::Done, None, now).await?;
    }
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(())
}

/// Nobody knows what became of it: look, keep what is done, and ask for the rest again once it is certain.
async fn read_back(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    operation: OperationRow,
) -> Result<bool, StepError> {
    let licensing = sync::licensing(app, location).await?;
    conclude(app, location, lease, &licensing, operation, NOTHING_SAID).await?;
    Ok(false)
}

/// What Apple said of a request.
#[derive(Clone, Copy)]
struct Told<'a> {
    failures: &'a [ErrorResponse],
    /// What becomes of those whom no failure names.
    otherwise: Otherwise,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Otherwise {
    /// The request was checked as a whole, and is refused to everybody.
    Refused,
    /// Nothing was done for them, and nothing is wrong with them.
    Undone,
    /// A failed event may have been done in part, and an answer may have been lost: lists tell.
    Listed,
    /// Apple says that everything was done.
    Done,
}

const ALL_DONE: Told<'static> = Told {
    failures: &[],
    otherwise: Otherwise::Done,
};

const NOTHING_SAID: Told<'static> = Told {
    failures: &[],
    otherwise: Otherwise::Listed,
};

impl Told<'_> {
    /// What was said of somebody by name. With one asset in a request, the person is the licence.
    fn of(&self, client_user_id: &str) -> Option<i32> {
        let names = |failure: &&ErrorResponse| {
            let info = failure.error_info.as_ref();
            info.is_some_and(|info| info.client_user_ids.iter().any(|named| named == client_user_id))
        };
        self.failures.iter().find(names).map(|failure| failure.error_number)
    }

    /// What was said of everybody whom nothing else was said of.
    fn of_all(&self) -> Option<i32> {
        let unnamed = self.failures.iter().find(|failure| !names_somebody(failure));
        unnamed.map(|failure| failure.error_number)
    }
}

fn names_somebody(failure: &ErrorResponse) -> bool {
    let info = failure.error_info.as_ref();
    info.is_some_and(|info| !info.client_user_ids.is_empty())
}

/// Apple has no such client user, or has it no more: so it said of late, and so it did before.
fn is_about_nobody(failure: &ErrorResponse) -> bool {
    matches!(
        failure.error_number,
        wire::error::NO_SUCH_USER | wire::error::ALREADY_RETIRED | 9620 | 9636
    )
}

fn is_done(number: i32) -> bool {
    Class::of(number, 400) == Class::Done
}

/// Settles an operation about licences by what was said of it, and by a list for those of whom nothing was said.
async fn conclude(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    licensing: &Licensing,
    mut operation: OperationRow,
    told: Told<'_>,
) -> Result<(), StepError> {
    if operation.kind == OperationKind::CreateUsers {
        return users_concluded(app, location, lease, licensing, operation, told).await;
    }
    if operation.kind == OperationKind::RetireUsers {
        return retirements_concluded(app, location, lease, licensing, operation, told).await;
    }
    let seats = app.store.operation_seats(operation.id).await?;
    let Some(first) = seats.first() else {
        operation.state = OperationState::Done;
        operation.finished_at = Some(app.now());
        return save(app, lease, &operation).await;
    };
    let reading = app.config.apple.patience.reading(app.now());
    let listed: Option<BTreeSet<Holder>> = if told.otherwise == Otherwise::Listed {
        let listed = sync::assignments_of(licensing, &first.adam_id, &first.pricing_param).await?;
        Some(listed.iter().filter_map(sync::holder).collect())
    } else {
        None
    };
    // Refused for want of stock: what Apple owns is not what we thought.
    let out_of_stock = |failure: &ErrorResponse| Class::of(failure.error_number, 400) == Class::Stock;
    let assets = if told.failures.iter().any(out_of_stock) {
        let began = app.now();
        Some((began, licensing.assets().await?.items))
    } else {
        None
    };

    // Somebody is not known at Apple: whether they were retired is said by the list of users.
    let users = if told.failures.iter().any(is_about_nobody) {
        let began = app.config.apple.patience.reading(app.now());
        Some((began, active_users(licensing).await?))
    } else {
        None
    };

    let now = app.now();
    let ask = ask(operation.kind);
    let dead_at = operation.dead_at.unwrap_or(now);
    let of_all = told.of_all();
    let mut tx = app.store.begin_as(lease).await?;
    let (mut open, mut undone) = (0, 0);
    for seat in tx.operation_seats(operation.id).await? {
        let said = told.of(&seat.client_user_id);
        let (word, number) = match (said, told.otherwise, &listed) {
            (Some(number), ..) if is_done(number) => (Word::Done, None),
            // Whom Apple does not have any more has nothing that could come back: it came with the retirement.
            (Some(number), ..) if ask == Ask::Disassociate && is_retired(number) => (Word::Done, None),
            (Some(number), ..) => (Word::Refused, Some(number)),
            (None, Otherwise::Refused, _) if of_all.is_some_and(is_done) => (Word::Done, None),
            (None, Otherwise::Refused, _) => (Word::Refused, of_all),
            (None, Otherwise::Listed, Some(listed)) => {
                let is_listed = listed.contains(&Holder::User(seat.client_user_id.clone()));
                (Word::Listed(is_listed, reading), None)
            }
            (None, ..) => {
                undone += 1;
                continue;
            }
        };
        let settled = settle(ask, seat.since, seat.ended, dead_at, word);
        match (settled, operation.error_number) {
            // The event failed without naming anybody, and this is one for whom it did.
            (Settled::Undone, Some(number)) if told.otherwise == Otherwise::Listed => {
                let number = i32::try_from(number).ok();
                seat_settled(app, &mut tx, &seat, operation.kind, Settled::Refused, number, now).await?;
            }
            (Settled::Undone, _) => undone += 1,
            (Settled::Open, _) => open += 1,
            (settled, _) => seat_settled(app, &mut tx, &seat, operation.kind, settled, number, now).await?,
        }
    }
    if let Some((began, assets)) = assets {
        let observed: Vec<_> = assets.iter().map(sync::observed_asset).collect();
        tx.assets_observed(location.id, &observed, began, &|| AssetId(app.random.id()))
            .await?;
    }
    if let Some((reading, users)) = &users {
        sync::take_users(&mut tx, location, users, true, reading).await?;
    }
    if let Some(listed) = listed {
        let people = sync::people_by_client_user(&mut tx, location).await?;
        let holders: Vec<_> = listed.into_iter().collect();
        sync::take_holders(&mut tx, first.asset_id, &holders, &people, &reading, now).await?;
    }
    ended(app, &mut operation, open, undone, told, now);
    let retired = users.is_some();
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    if retired {
        // Their licences went with them.
        app.polled.look_soon();
        app.reading_bell.notify_one();
    }
    Ok(())
}

/// What becomes of an operation of which so much is open, and so much has to be asked again.
fn ended(app: &App, operation: &mut OperationRow, open: usize, undone: usize, told: Told<'_>, now: Time) {
    operation.event_id = None;
    if open == 0
        && let Some(failure) = told.failures.first()
    {
        operation.error_number = Some(i64::from(failure.error_number));
        operation.error_message.clone_from(&failure.error_message);
    }
    if open > 0 {
        // What is undone is open too until all of it is known: one request is asked again as a whole.
        operation.state = OperationState::Sending;
        operation.not_before = Some(next_look(app, operation));
    } else if undone > 0 {
        operation.state = OperationState::Queued;
        operation.dead_at = None;
        operation.not_before = Some(now + pause(app, operation.attempts));
    } else {
        operation.state = if operation.error_number.is_some() {
            OperationState::Failed
        } else {
            OperationState::Done
        };
        operation.finished_at = Some(now);
    }
}

/// When to look at the lists again: soon at first, then ever more rarely, and at once when they can be believed.
fn next_look(app: &App, operation: &OperationRow) -> Time {
    let now = app.now();
    let elapsed = now.since(operation.sent_at.unwrap_or(now));
    let shortest = app.config.apple.first_pause();
    let next = now + elapsed.clamp(shortest, LOOK_EVERY);
    let certain = operation.dead_at.map(|dead_at| dead_at + app.config.apple.patience.lag);
    match certain {
        Some(certain) if certain > now => next.min(certain),
        _ => next,
    }
}

fn ask(kind: OperationKind) -> Ask {
    match kind {
        OperationKind::Disassociate => Ask::Disassociate,
        OperationKind::RetireUsers => Ask::Retire,
        OperationKind::Associate | OperationKind::CreateUsers => Ask::Associate,
    }
}

/// Settles an operation that asks for client users: those whom Apple lists are there, those whom it names are refused.
async fn users_concluded(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    licensing: &Licensing,
    mut operation: OperationRow,
    told: Told<'_>,
) -> Result<(), StepError> {
    let reading = app.config.apple.patience.reading(app.now());
    let users = active_users(licensing).await?;
    let now = app.now();
    let dead_at = operation.dead_at.unwrap_or(now);
    let since = operation.sent_at.unwrap_or(now);
    let of_all = told
        .of_all()
        .or(operation.error_number.and_then(|number| i32::try_from(number).ok()));
    let mut tx = app.store.begin_as(lease).await?;
    sync::take_users(&mut tx, location, &users, false, &reading).await?;
    let (mut open, mut undone) = (0, 0);
    for user in tx.operation_users(operation.id).await? {
        if user.status != ClientUserStatus::Creating {
            continue;
        }
        let by_name = told.of(&user.client_user_id).filter(|number| !is_done(*number));
        let settled = settle(Ask::Associate, since, None, dead_at, Word::Listed(false, reading));
        match (by_name, told.otherwise, settled) {
            (Some(number), ..) => user_refused(app, &mut tx, location, &user, number, now).await?,
            (None, Otherwise::Refused, _) if !of_all.is_some_and(is_done) => {
                user_refused(app, &mut tx, location, &user, of_all.unwrap_or_default(), now).await?;
            }
            (None, Otherwise::Undone, _) => undone += 1,
            (None, _, Settled::Undone) => match of_all.filter(|number| !is_done(*number)) {
                Some(number) => user_refused(app, &mut tx, location, &user, number, now).await?,
                None => undone += 1,
            },
            _ => open += 1,
        }
    }
    ended(app, &mut operation, open, undone, told, now);
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(())
}

/// Settles an operation that retires client users. What Apple turned down is asked again, ever more rarely, as long as the
/// person stays away: somebody who left must not keep an account bound to the organisation.
async fn retirements_concluded(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    licensing: &Licensing,
    mut operation: OperationRow,
    told: Told<'_>,
) -> Result<(), StepError> {
    let reading = app.config.apple.patience.reading(app.now());
    let listed = if told.otherwise == Otherwise::Listed {
        Some(active_users(licensing).await?)
    } else {
        None
    };
    let now = app.now();
    let dead_at = operation.dead_at.unwrap_or(now);
    let of_all = told.of_all();
    let mut tx = app.store.begin_as(lease).await?;
    if let Some(users) = &listed {
        sync::take_users(&mut tx, location, users, false, &reading).await?;
    }
    // Apple may list the retired among the active.
    let in_use: BTreeSet<&str> = listed
        .iter()
        .flatten()
        .filter(|user| ClientUserStatus::from_apple(user.status.as_deref()).is_active())
        .map(|user| user.client_user_id.as_str())
        .collect();
    let users = tx.operation_users(operation.id).await?;
    let alone = users.iter().filter(|user| is_open(operation.kind, user)).count() == 1;
    let (mut open, mut undone, mut kept) = (0, 0, 0);
    for user in users {
        if !is_open(operation.kind, &user) {
            // A list said it, and the history too.
            tx.client_user_retired(&user.client_user_id, user.observed_at.unwrap_or(now))
                .await?;
            continue;
        }
        let of_it = told.of(&user.client_user_id).or(of_all.filter(|_| alone));
        let word = match (of_it, told.otherwise) {
            (Some(number), _) if is_retired(number) => Word::Done,
            (None, Otherwise::Done) => Word::Done,
            (None, Otherwise::Listed) => Word::Listed(in_use.contains(user.client_user_id.as_str()), reading),
            (Some(_), _) | (None, Otherwise::Refused | Otherwise::Undone) => Word::Refused,
        };
        let since = user.retiring_at.unwrap_or(now);
        match settle(Ask::Retire, since, None, dead_at, word) {
            Settled::Done => {
                tx.client_user_retired(&user.client_user_id, now).await?;
                // Nobody needs to see the invitation any more.
                tx.invitation_close(&user.client_user_id, Ending::Withdrawn, now)
                    .await?;
                tx.event(
                    &NewEvent::new(now, Actor::Apple, "programUserRetired")
                        .location(location.id)
                        .person(user.person_id),
                )
                .await?;
            }
            Settled::Open => open += 1,
            Settled::Refused | Settled::Undone => {
                let person = tx.person(user.person_id).await?;
                if person.is_some_and(|person| person.left_at.is_none()) {
                    tx.client_user_kept(&user.client_user_id).await?;
                    kept += 1;
                } else {
                    undone += 1;
                }
            }
        }
    }
    ended(app, &mut operation, open, undone, told, now);
    if operation.state == OperationState::Failed && kept == 0 {
        // What Apple complained of was that it was done before.
        operation.state = OperationState::Done;
        (operation.error_number, operation.error_message) = (None, None);
    }
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(())
}

/// Whether an answer about a client user says that it is in use no more: it was retired before, or Apple has none of this id.
fn is_retired(number: i32) -> bool {
    // In the predecessor's words: the user was deleted, no registered user.
    matches!(number, wire::error::NO_SUCH_USER | 9620 | 9636) || is_done(number)
}

/// Everybody whom Apple has and has not retired.
async fn active_users(licensing: &Licensing) -> Result<Vec<ResponseUser>, AppleError> {
    let query = UsersQuery {
        active_only: true,
        ..UsersQuery::default()
    };
    Ok(licensing.users(&query).await?.items)
}

/// Apple did not create a client user: it is told why, and not asked again at once.
async fn user_refused(
    app: &App,
    tx: &mut Tx,
    location: &LocationRow,
    user: &store::ClientUserRow,
    number: i32,
    now: Time,
) -> Result<(), AppError> {
    let wait = match Class::of(number, 400) {
        Class::Retry | Class::Resync | Class::Split => app.config.apple.first_pause() * 15,
        // Nothing changes until somebody changes something, at Apple or here.
        _ => LONGEST_WAIT,
    };
    tx.client_user_refused(&user.client_user_id, i64::from(number), now + wait)
        .await?;
    tx.event(
        &NewEvent::new(now, Actor::Apple, "programUserRefused")
            .location(location.id)
            .person(user.person_id)
            .with(json!({ "errorNumber": number })),
    )
    .await?;
    Ok(())
}

/// Writes down what became of one licence that was asked for.
async fn seat_settled(
    app: &App,
    tx: &mut Tx,
    seat: &OperationSeat,
    kind: OperationKind,
    settled: Settled,
    number: Option<i32>,
    now: Time,
) -> Result<(), AppError> {
    let (asset, person) = (seat.asset_id, seat.person_id);
    let holder = Holder::User(seat.client_user_id.clone());
    let event_kind = match (ask(kind), settled) {
        (Ask::Associate, Settled::Done) => {
            tx.seat_set(asset, person, SeatState::Held, None, now).await?;
            tx.assignment_put(asset, &holder, now).await?;
            tx.refusal_clear(asset, person).await?;
            "licenceAssigned"
        }
        (Ask::Disassociate, Settled::Done) => {
            tx.seat_delete(asset, person, now).await?;
            tx.assignment_delete(asset, &holder).await?;
            tx.asset_recount(asset).await?;
            tx.refusal_clear(asset, person).await?;
            "licenceReturned"
        }
        (Ask::Associate, Settled::Refused) => {
            tx.seat_delete(asset, person, now).await?;
            refused(app, tx, asset, person, number.unwrap_or_default(), now).await?;
            "licenceRefused"
        }
        (Ask::Disassociate, Settled::Refused) => {
            tx.seat_set(asset, person, SeatState::Held, None, now).await?;
            refused(app, tx, asset, person, number.unwrap_or_default(), now).await?;
            "licenceReturnRefused"
        }
        (Ask::Retire, _) | (_, Settled::Undone | Settled::Open) => return Ok(()),
    };
    let detail = number.map_or_else(|| json!({}), |number| json!({ "errorNumber": number }));
    tx.event(
        &NewEvent::new(now, Actor::Apple, event_kind)
            .asset(asset)
            .person(person)
            .with(detail),
    )
    .await?;
    Ok(())
}

/// Remembers the refusal, so that the same is not asked again at once.
async fn refused(
    app: &App,
    tx: &mut Tx,
    asset: domain::AssetId,
    person: PersonId,
    number: i32,
    now: Time,
) -> Result<(), AppError> {
    let attempts = tx.refusal_attempts(asset, person).await? + 1;
    let refusal = Refusal {
        reason: match Class::of(number, 400) {
            Class::Stock => RefusalReason::Stock,
            Class::Retry | Class::Resync | Class::Split => RefusalReason::Temporary,
            _ => RefusalReason::Refused,
        },
        not_before: now + pause(app, attempts),
    };
    tx.refusal_put(asset, person, i64::from(number), refusal, now).await?;
    Ok(())
}

/// What `asked` gives, and `None` when it is too late for that. Looks at the clock before it goes on each time: a process
/// that stood still must not send what it wrote down before, when others may believe it dead. A timer would not do: the
/// runtime that tells it of its time stood still too, and may tell it last.
async fn unless_late<T>(too_late: Instant, slept: impl Fn() -> bool, asked: impl Future<Output = T>) -> Option<T> {
    let mut asked = pin!(asked);
    let going_on = poll_fn(|context| {
        if Instant::now() >= too_late || slept() {
            return Poll::Ready(None);
        }
        asked.as_mut().poll(context).map(Some)
    });
    tokio::select! {
        biased;
        () = tokio::time::sleep_until(too_late) => None,
        answer = going_on => answer,
    }
}

async fn save(app: &App, lease: &Lease, operation: &OperationRow) -> Result<(), StepError> {
    let mut tx = app.store.begin_as(lease).await?;
    tx.operation_update(operation).await?;
    Ok(tx.commit().await?)
}

fn pause(app: &App, attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    app.config
        .apple
        .first_pause()
        .saturating_mul(1 << doublings)
        .min(LONGEST_PAUSE)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A timeout looks at the answer first: a process that was stopped for an hour sent its request when it went on,
    /// long after another server had read that nothing came of it, and had asked again.
    #[tokio::test]
    async fn a_process_that_stood_still_does_not_send_what_it_wrote_down_before() {
        let mut left = false;
        let late = unless_late(Instant::now(), || false, async { left = true }).await;
        assert_eq!((late, left), (None, false));
        let in_a_minute = Instant::now() + Duration::from_secs(60);
        let slept = unless_late(in_a_minute, || true, async { left = true }).await;
        assert_eq!((slept, left), (None, false));

        let in_time = unless_late(in_a_minute, || false, async { left = true }).await;
        assert_eq!((in_time, left), (Some(()), true));
    }
}
