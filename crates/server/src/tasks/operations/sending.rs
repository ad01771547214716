//! Asks Apple, and writes down before that it was asked.

use std::{future::poll_fn, pin::pin, task::Poll};

use apple::{
    AppleError,
    error::Class,
    wire::{Asset, ErrorResponse, ManageAssets, RequestUser},
};
use domain::{Holder, HolderKind, OperationId, SyncId, operation::pause};
use store::{
    ClientUserStatus, Lease, LocationRow, OperationKind, OperationRow, OperationSeat, OperationState, SyncCause, Tx,
};
use tokio::time::Instant;

use super::{
    Work, conclude, is_open, next_look,
    told::{Otherwise, Told, names_somebody},
};
use crate::{
    app::{App, service::TooMany},
    tasks::{StepError, sync},
};

pub(super) async fn send(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    mut operation: OperationRow,
) -> Result<(), StepError> {
    // Or what Apple turned down for its size would go out again as it was while a long read is under way.
    sync::service(app, location).await?;
    let work = Work::on(app, location, lease).await?;
    cut_to_size(&work, &mut operation).await?;
    let licensing = &work.licensing;
    let patience = app.config.apple.patience;
    // Together: waiting for the row below shortens the time that the request has, and not the time after it.
    let (sent, too_late) = (app.now(), Instant::now() + patience.request);
    let sending = OperationRow {
        state: OperationState::Sending,
        attempts: operation.attempts + 1,
        sent_at: Some(sent),
        dead_at: Some(patience.dead_at(sent)),
        error_number: None,
        error_message: None,
        ..operation.clone()
    };
    let mut tx = app.store.begin_as(lease).await?;
    tx.operation_update(&sending).await?;
    // Only now, and in the same transaction: whoever withdraws something finds the mark, or is heeded.
    let Some(request) = Request::of(&mut tx, &sending).await? else {
        // Nothing is left to ask for.
        operation.state = OperationState::Done;
        operation.finished_at = Some(sent);
        tx.operation_update(&operation).await?;
        tx.commit().await?;
        app.location_bell.notify_one();
        return Ok(());
    };
    tx.commit().await?;
    let mut operation = sending;

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
        return work.save(&operation).await;
    };
    let now = app.now();
    match answer {
        Ok(event_id) => {
            operation.state = OperationState::Pending;
            operation.event_id = Some(event_id);
            operation.requested = count(request.size());
            operation.not_before = Some(now + app.config.apple.event_poll_every);
            let mut tx = app.store.begin_as(lease).await?;
            tx.operation_update(&operation).await?;
            tx.operation_told_before(operation.id, now).await?;
            Ok(tx.commit().await?)
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
            turned_down(&work, operation, refused, class).await
        }
        Err(error) if error.outcome_known() => {
            if matches!(error, AppleError::TooLarge { .. }) {
                app.service.too_many(request.people(), request.size());
            }
            // Apple did nothing: the same is asked again when the location may be. That pause is the location's: the
            // operation's own would go on when Apple is back.
            operation.state = OperationState::Queued;
            operation.dead_at = None;
            operation.not_before = Some(now + app.config.apple.first_pause());
            operation.error_message = Some(error.to_string());
            work.save(&operation).await?;
            Err(error.into())
        }
        Err(error) => {
            // It may have got through. The operation stays `sending`, and what came of it is read back.
            operation.not_before = Some(next_look(app, &operation));
            operation.error_message = Some(error.to_string());
            work.save(&operation).await?;
            Err(error.into())
        }
    }
}

/// Apple checked the request and did nothing of it: whoever is named is let go with the reason, the rest is asked again.
async fn turned_down(
    work: &Work<'_>,
    mut operation: OperationRow,
    refused: ErrorResponse,
    class: Class,
) -> Result<(), StepError> {
    let Work { app, location, .. } = work;
    if matches!(class, Class::Retry | Class::Resync) {
        operation.state = OperationState::Queued;
        operation.dead_at = None;
        operation.not_before = Some(app.now() + pause(app.config.apple.first_pause(), operation.attempts));
        operation.error_number = Some(i64::from(refused.error_number));
        operation.error_message = refused.error_message;
        let mut tx = app.store.begin_as(work.lease).await?;
        tx.operation_update(&operation).await?;
        if class == Class::Resync {
            tx.sync_request(
                SyncId(app.random.id()),
                location.id,
                SyncCause::Resync,
                "system",
                app.now(),
            )
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
    conclude(work, operation, told).await
}

/// Hands what is more than Apple takes at once now to another operation: the limit was higher when it was planned.
async fn cut_to_size(work: &Work<'_>, operation: &mut OperationRow) -> Result<(), StepError> {
    let app = work.app;
    let limits = app.service.limits();
    let (all, limit): (Vec<Holder>, _) = match operation.kind {
        OperationKind::CreateUsers | OperationKind::RetireUsers => {
            let users = app.store.operation_users(operation.id).await?;
            let open = users.iter().filter(|user| is_open(operation.kind, user));
            // Refused as a whole, and nobody was named: one by one it shows who it was.
            let number = operation.error_number.and_then(|number| i32::try_from(number).ok());
            let passes = |number| matches!(Class::of(number, 400), Class::Retry | Class::Resync | Class::Split);
            let alone = operation.kind == OperationKind::RetireUsers && number.is_some_and(|number| !passes(number));
            let limit = if alone { 1 } else { limits.users };
            (open.map(|user| Holder::Person(user.person_id)).collect(), limit)
        }
        OperationKind::Associate | OperationKind::Disassociate => {
            let seats = app.store.operation_seats(operation.id).await?;
            let limit = match seats.first().map(|seat| seat.holder.kind()) {
                Some(HolderKind::Device) => limits.serial_numbers,
                Some(HolderKind::User) | None => limits.client_user_ids,
            };
            (seats.iter().map(|seat| seat.holder).collect(), limit)
        }
    };
    if all.len() <= limit {
        return Ok(());
    }
    let (now, later) = all.split_at(limit);
    let id = OperationId(app.random.id());
    let requested = count(later.len());
    // With the place in the queue of what it is a part of.
    let mut rest = OperationRow::queued(
        id,
        operation.location_id,
        operation.kind,
        requested,
        operation.created_at,
    );
    rest.error_number = operation.error_number;
    operation.requested = count(now.len());
    let mut tx = app.store.begin_as(work.lease).await?;
    tx.operation_insert(&rest).await?;
    // In the order of whoever withdraws a retirement: first the operation, then whom it is about.
    tx.operation_update(operation).await?;
    tx.operation_hand_over(operation.id, rest.id, later).await?;
    Ok(tx.commit().await?)
}

/// What an operation says on the wire, made from what is still open of it.
enum Request {
    CreateUsers(Vec<RequestUser>),
    RetireUsers(Vec<String>),
    Associate(ManageAssets),
    Disassociate(ManageAssets),
}

impl Request {
    async fn of(tx: &mut Tx, operation: &OperationRow) -> Result<Option<Request>, StepError> {
        if operation.kind == OperationKind::CreateUsers {
            let users: Vec<_> = tx
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
            let users = tx.operation_users(operation.id).await?;
            let open = users.into_iter().filter(|user| is_open(operation.kind, user));
            let ids: Vec<_> = open.map(|user| user.client_user_id).collect();
            return Ok((!ids.is_empty()).then_some(Request::RetireUsers(ids)));
        }
        let seats = tx.operation_seats(operation.id).await?;
        let Some(first) = seats.first() else { return Ok(None) };
        let body = ManageAssets {
            assets: vec![Asset {
                adam_id: first.adam_id.clone(),
                pricing_param: Some(first.pricing_param.clone()),
            }],
            client_user_ids: named(&seats, HolderKind::User),
            serial_numbers: named(&seats, HolderKind::Device),
        };
        Ok(Some(match operation.kind {
            OperationKind::Associate => Request::Associate(body),
            _ => Request::Disassociate(body),
        }))
    }

    fn people(&self) -> TooMany {
        match self {
            Request::CreateUsers(_) | Request::RetireUsers(_) => TooMany::Users,
            Request::Associate(_) | Request::Disassociate(_) => TooMany::Licences,
        }
    }

    /// How many people, or devices, it names. With one asset in a request, so many single acts does Apple count.
    fn size(&self) -> usize {
        match self {
            Request::CreateUsers(users) => users.len(),
            Request::RetireUsers(ids) => ids.len(),
            Request::Associate(body) | Request::Disassociate(body) => {
                body.client_user_ids.len() + body.serial_numbers.len()
            }
        }
    }
}

fn named(seats: &[OperationSeat], kind: HolderKind) -> Vec<String> {
    let theirs = seats.iter().filter(|seat| seat.holder.kind() == kind);
    theirs.map(|seat| seat.named.clone()).collect()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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

#[cfg(test)]
mod tests {
    use std::time::Duration;

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
