//! What is asked of Apple: one thing at a time, never twice blindly, and read back when an answer was lost.
//!
//! ```text
//! queued ──► sending ──► pending ──► done
//!    ▲          │           │    └──► failed (what became of each licence is read back)
//!    └──────────┴───────────┘  the outcome is unknown: read back what came of it, then ask for the rest
//! ```
//!
//! The transaction that marks an operation as `sending` is committed before the request leaves. Whoever
//! finds it so after a crash knows that Apple may have heard of it.

use std::{collections::BTreeSet, time::Duration};

use apple::{
    AppleError,
    licensing::{Licensing, UsersQuery},
    wire::{self, Asset, ErrorResponse, ManageAssets, RequestUser, StatusResponse},
};
use domain::{OperationId, PersonId, Time};
use serde_json::json;
use store::{
    Actor, ClientUserStatus, Holder, LocationRow, NewEvent, OperationKind, OperationRow, OperationSeat, OperationState,
    SeatState, Tx,
};

use super::{location::StepError, sync};
use crate::app::{App, AppError};

/// Apple: still pending after ten minutes, send the request again.
const PENDING_AT_MOST: Duration = Duration::from_secs(10 * 60);
/// The first pause after a request that did not get through; doubles each time.
const FIRST_PAUSE: Duration = Duration::from_secs(2);
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);

/// Finds out what became of what was asked.
pub async fn evaluate(app: &App, location: &LocationRow) -> Result<bool, StepError> {
    let now = app.now();
    let mut worked = false;
    for operation in app.store.operations_open(location.id).await? {
        if operation.not_before.is_some_and(|not_before| now < not_before) {
            continue;
        }
        match operation.state {
            OperationState::Pending => worked |= poll(app, location, operation).await?,
            OperationState::Sending => {
                read_back(app, location, operation).await?;
                worked = true;
            }
            _ => {}
        }
    }
    Ok(worked)
}

/// Sends the oldest operation that waits, unless one is on its way already.
pub async fn send_next(app: &App, location: &LocationRow) -> Result<bool, StepError> {
    let now = app.now();
    let open = app.store.operations_open(location.id).await?;
    if open.iter().any(|operation| operation.state != OperationState::Queued) || app.polled.paused(now) {
        return Ok(false);
    }
    let due = open
        .into_iter()
        .find(|operation| operation.not_before.is_none_or(|not_before| not_before <= now));
    let Some(operation) = due else { return Ok(false) };
    send(app, location, operation).await?;
    Ok(true)
}

async fn send(app: &App, location: &LocationRow, mut operation: OperationRow) -> Result<(), StepError> {
    cut_to_size(app, &mut operation).await?;
    let Some(request) = Request::of(app, &operation).await? else {
        // Nothing is left to ask for.
        operation.state = OperationState::Done;
        operation.finished_at = Some(app.now());
        return save(app, &operation).await;
    };
    let licensing = sync::licensing(app, location).await?;
    operation.state = OperationState::Sending;
    operation.attempts += 1;
    operation.sent_at = Some(app.now());
    operation.not_before = None;
    save(app, &operation).await?;

    let answer = match &request {
        Request::CreateUsers(users) => licensing.create_users(users).await,
        Request::Associate(assets) => licensing.associate(assets).await,
        Request::Disassociate(assets) => licensing.disassociate(assets).await,
    };
    let now = app.now();
    match answer {
        Ok(event_id) => {
            operation.state = OperationState::Pending;
            operation.event_id = Some(event_id);
            operation.requested = request.tasks();
            operation.not_before = Some(now + app.config.apple.event_poll_every);
            save(app, &operation).await
        }
        Err(AppleError::Refused {
            number, message, info, ..
        }) => {
            let failures = vec![ErrorResponse {
                error_number: number,
                error_message: Some(message),
                error_info: info,
            }];
            settle(app, location, &licensing, operation, &failures).await
        }
        Err(error) if error.outcome_known() => {
            // Apple did nothing: the same is asked again later.
            operation.state = OperationState::Queued;
            operation.not_before = Some(now + pause(operation.attempts));
            operation.error_message = Some(error.to_string());
            save(app, &operation).await?;
            Err(error.into())
        }
        Err(error) => {
            // It may have got through. The operation stays `sending`, and what came of it is read back.
            operation.not_before = Some(now + pause(operation.attempts));
            operation.error_message = Some(error.to_string());
            save(app, &operation).await?;
            Err(error.into())
        }
    }
}

/// Hands what is more than Apple takes at once now to another operation: the limit was higher when it was planned.
async fn cut_to_size(app: &App, operation: &mut OperationRow) -> Result<(), StepError> {
    let limits = app.service.limits();
    let (people, limit): (Vec<PersonId>, _) = if operation.kind == OperationKind::CreateUsers {
        let users = app.store.operation_users(operation.id).await?;
        let open = users.iter().filter(|user| user.status == ClientUserStatus::Creating);
        (open.map(|user| user.person_id).collect(), limits.users)
    } else {
        let seats = app.store.operation_seats(operation.id).await?;
        (
            seats.iter().map(|seat| seat.person_id).collect(),
            limits.client_user_ids,
        )
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
        ..operation.clone()
    };
    operation.requested = count(now.len());
    let mut tx = app.store.begin().await?;
    tx.operation_insert(&rest).await?;
    tx.operation_hand_over(operation.id, rest.id, later).await?;
    tx.operation_update(operation).await?;
    Ok(tx.commit().await?)
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What an operation says on the wire, made from what is still open of it.
enum Request {
    CreateUsers(Vec<RequestUser>),
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
            Request::Associate(body) | Request::Disassociate(body) => body.assets.len() * body.client_user_ids.len(),
        };
        count(tasks)
    }
}

async fn poll(app: &App, location: &LocationRow, mut operation: OperationRow) -> Result<bool, StepError> {
    let licensing = sync::licensing(app, location).await?;
    let Some(event_id) = operation.event_id.clone() else {
        operation.state = OperationState::Sending;
        save(app, &operation).await?;
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
            save(app, &operation).await?;
            return Ok(true);
        }
        Err(error) => {
            operation.not_before = Some(app.now() + app.config.apple.event_poll_every);
            save(app, &operation).await?;
            return Err(error.into());
        }
    };
    let now = app.now();
    operation.completed = status.num_completed.unwrap_or(0);
    match status.event_status.as_deref() {
        Some("COMPLETE") => {
            complete(app, location, &licensing, operation, &status).await?;
            Ok(true)
        }
        Some("FAILED") => {
            let failures = status.failures.clone();
            settle(app, location, &licensing, operation, &failures).await?;
            Ok(true)
        }
        _ => {
            if now.since(operation.sent_at.unwrap_or(now)) > PENDING_AT_MOST {
                operation.state = OperationState::Sending;
                operation.event_id = None;
            } else {
                operation.not_before = Some(now + app.config.apple.event_poll_every);
            }
            save(app, &operation).await?;
            Ok(false)
        }
    }
}

/// Apple says that everything was done.
async fn complete(
    app: &App,
    location: &LocationRow,
    licensing: &Licensing,
    mut operation: OperationRow,
    status: &StatusResponse,
) -> Result<(), StepError> {
    if operation.kind == OperationKind::CreateUsers {
        // The status does not tell the invitation codes.
        return users_read_back(app, location, licensing, operation).await;
    }
    let now = app.now();
    operation.completed = status.num_completed.unwrap_or(operation.requested);
    operation.state = OperationState::Done;
    operation.finished_at = Some(now);
    let mut tx = app.store.begin().await?;
    for seat in tx.operation_seats(operation.id).await? {
        match operation.kind {
            OperationKind::Associate => seat_confirmed(&mut tx, &seat, now).await?,
            _ => seat_returned(&mut tx, &seat, now).await?,
        }
    }
    tx.operation_update(&operation).await?;
    Ok(tx.commit().await?)
}

/// Nobody knows what became of it: look, keep what is done, and ask for the rest again.
async fn read_back(app: &App, location: &LocationRow, operation: OperationRow) -> Result<(), StepError> {
    let licensing = sync::licensing(app, location).await?;
    if operation.kind == OperationKind::CreateUsers {
        return users_read_back(app, location, &licensing, operation).await;
    }
    settle(app, location, &licensing, operation, &[]).await
}

/// Reads which of the operation's licences Apple lists now, and believes that.
///
/// A failed event may have been done in part, and its failures name people and assets but not pairs.
/// Whoever was not served is let go with the reason, when there is one; else the operation is queued again.
async fn settle(
    app: &App,
    location: &LocationRow,
    licensing: &Licensing,
    mut operation: OperationRow,
    failures: &[ErrorResponse],
) -> Result<(), StepError> {
    if operation.kind == OperationKind::CreateUsers {
        return users_read_back(app, location, licensing, operation).await;
    }
    let seats = app.store.operation_seats(operation.id).await?;
    let Some(first) = seats.first() else {
        operation.state = OperationState::Done;
        operation.finished_at = Some(app.now());
        return save(app, &operation).await;
    };
    let listed: BTreeSet<Holder> = sync::assignments_of(licensing, &first.adam_id, &first.pricing_param)
        .await?
        .iter()
        .filter_map(sync::holder)
        .collect();
    // Refused for want of stock: what Apple owns is not what we thought.
    let recount = failures
        .iter()
        .any(|failure| failure.error_number == wire::error::NOT_ENOUGH_LICENCES);
    let assets = if recount {
        Some(licensing.assets().await?.items)
    } else {
        None
    };

    let now = app.now();
    let mut tx = app.store.begin().await?;
    let mut left = 0;
    for seat in &seats {
        let served = listed.contains(&Holder::User(seat.client_user_id.clone()));
        let reason = reason_for(seat, failures);
        match (operation.kind, served, reason) {
            (OperationKind::Associate, true, _) => seat_confirmed(&mut tx, seat, now).await?,
            (OperationKind::Associate, false, Some(number)) => seat_refused(&mut tx, seat, number, now).await?,
            (OperationKind::Disassociate, false, _) => seat_returned(&mut tx, seat, now).await?,
            (OperationKind::Disassociate, true, Some(number)) => return_refused(&mut tx, seat, number, now).await?,
            _ => left += 1,
        }
    }
    if let Some(assets) = assets {
        let observed: Vec<_> = assets.iter().map(sync::observed_asset).collect();
        tx.assets_observed(location.id, &observed, now).await?;
    }
    let people = sync::people_by_client_user(&mut tx, location).await?;
    let holders: Vec<_> = listed.into_iter().collect();
    sync::take_holders(&mut tx, first.asset_id, &holders, &people, now).await?;

    let failure = failures.first();
    operation.error_number = failure.map(|failure| i64::from(failure.error_number));
    operation.error_message = failure.and_then(|failure| failure.error_message.clone());
    operation.event_id = None;
    if left > 0 {
        operation.state = OperationState::Queued;
        operation.not_before = Some(now + pause(operation.attempts));
    } else {
        operation.state = if failures.is_empty() {
            OperationState::Done
        } else {
            OperationState::Failed
        };
        operation.finished_at = Some(now);
    }
    tx.operation_update(&operation).await?;
    Ok(tx.commit().await?)
}

/// Which of the failures concerns this licence. One that names nobody concerns everybody.
fn reason_for(seat: &OperationSeat, failures: &[ErrorResponse]) -> Option<i32> {
    let concerns = |failure: &&ErrorResponse| match &failure.error_info {
        Some(info) if !info.client_user_ids.is_empty() => info.client_user_ids.contains(&seat.client_user_id),
        _ => true,
    };
    failures.iter().find(concerns).map(|failure| failure.error_number)
}

async fn users_read_back(
    app: &App,
    location: &LocationRow,
    licensing: &Licensing,
    mut operation: OperationRow,
) -> Result<(), StepError> {
    let users = licensing
        .users(&UsersQuery {
            active_only: true,
            ..UsersQuery::default()
        })
        .await?
        .items;
    let now = app.now();
    let mut tx = app.store.begin().await?;
    sync::take_users(&mut tx, location, &users, false, now).await?;
    let missing = tx
        .operation_users(operation.id)
        .await?
        .into_iter()
        .filter(|user| user.status == ClientUserStatus::Creating)
        .count();
    operation.event_id = None;
    if missing > 0 {
        operation.state = OperationState::Queued;
        operation.not_before = Some(now + pause(operation.attempts));
    } else {
        operation.state = OperationState::Done;
        operation.finished_at = Some(now);
    }
    tx.operation_update(&operation).await?;
    Ok(tx.commit().await?)
}

async fn seat_confirmed(tx: &mut Tx, seat: &OperationSeat, now: Time) -> Result<(), AppError> {
    tx.seat_set(seat.asset_id, seat.person_id, SeatState::Held, None, now)
        .await?;
    tx.assignment_put(seat.asset_id, &Holder::User(seat.client_user_id.clone()), now)
        .await?;
    tx.refusal_clear(seat.asset_id, seat.person_id).await?;
    event(tx, seat, "licenceAssigned", None, now).await
}

async fn seat_refused(tx: &mut Tx, seat: &OperationSeat, number: i32, now: Time) -> Result<(), AppError> {
    tx.seat_delete(seat.asset_id, seat.person_id).await?;
    refused(tx, seat.asset_id, seat.person_id, number, now).await?;
    event(tx, seat, "licenceRefused", Some(number), now).await
}

async fn seat_returned(tx: &mut Tx, seat: &OperationSeat, now: Time) -> Result<(), AppError> {
    tx.seat_delete(seat.asset_id, seat.person_id).await?;
    tx.assignment_delete(seat.asset_id, &Holder::User(seat.client_user_id.clone()))
        .await?;
    tx.asset_recount(seat.asset_id).await?;
    tx.refusal_clear(seat.asset_id, seat.person_id).await?;
    event(tx, seat, "licenceReturned", None, now).await
}

async fn return_refused(tx: &mut Tx, seat: &OperationSeat, number: i32, now: Time) -> Result<(), AppError> {
    tx.seat_set(seat.asset_id, seat.person_id, SeatState::Held, None, now)
        .await?;
    refused(tx, seat.asset_id, seat.person_id, number, now).await?;
    event(tx, seat, "licenceReturnRefused", Some(number), now).await
}

/// Remembers the refusal, so that the same is not asked again at once.
async fn refused(
    tx: &mut Tx,
    asset: domain::AssetId,
    person: PersonId,
    number: i32,
    now: Time,
) -> Result<(), AppError> {
    let attempts = tx.refusal_attempts(asset, person).await? + 1;
    let refusal = domain::Refusal {
        reason: domain::RefusalReason::Stock,
        not_before: now + pause(attempts),
    };
    tx.refusal_put(asset, person, i64::from(number), refusal, now).await?;
    Ok(())
}

async fn event(tx: &mut Tx, seat: &OperationSeat, kind: &str, number: Option<i32>, now: Time) -> Result<(), AppError> {
    let detail = number.map_or_else(|| json!({}), |number| json!({ "errorNumber": number }));
    tx.event(
        &NewEvent::new(now, Actor::Apple, kind)
            .asset(seat.asset_id)
            .person(seat.person_id)
            .with(detail),
    )
    .await?;
    Ok(())
}

async fn save(app: &App, operation: &OperationRow) -> Result<(), StepError> {
    let mut tx = app.store.begin().await?;
    tx.operation_update(operation).await?;
    Ok(tx.commit().await?)
}

fn pause(attempts: i64) -> Duration {
    let doublings = u32::try_from(attempts.clamp(1, 16) - 1).unwrap_or(0);
    FIRST_PAUSE.saturating_mul(1 << doublings).min(LONGEST_PAUSE)
}
