//! Concludes operations that make client users at Apple or retire them, person by person.

use std::collections::BTreeSet;

use apple::{
    AppleError,
    error::Class,
    licensing::{Licensing, Read, UsersQuery},
    wire::ResponseUser,
};
use domain::{
    Ask, Time,
    invitation::Ending,
    operation::{Settled, Word, settle},
};
use serde_json::json;
use store::{Actor, ClientUserRow, ClientUserStatus, LocationRow, NewEvent, OperationRow, OperationState, Tx};

use super::{
    LONGEST_WAIT, Left, Work, ended, is_open,
    told::{Otherwise, Told, is_done},
};
use crate::{
    app::{App, AppError},
    tasks::{StepError, sync},
};

/// Settles an operation that asks for client users: those whom Apple lists are there, those whom it names are refused.
pub(super) async fn conclude_new(
    work: &Work<'_>,
    mut operation: OperationRow,
    told: Told<'_>,
) -> Result<(), StepError> {
    let Work { app, location, .. } = work;
    let reading = app.config.apple.patience.reading(app.now());
    let users = active_users(&work.licensing).await?;
    let now = app.now();
    let dead_at = operation.dead_at.unwrap_or(now);
    let since = operation.sent_at.unwrap_or(now);
    let of_all = told
        .of_all()
        .or(operation.error_number.and_then(|number| i32::try_from(number).ok()));
    let mut tx = app.store.begin_as(work.lease).await?;
    sync::take_users(&mut tx, location, &users.items, false, &reading).await?;
    let mut left = Left::default();
    for user in tx.operation_users(operation.id).await? {
        if user.status != ClientUserStatus::Creating {
            continue;
        }
        let by_name = told
            .of(&user.client_user_id)
            .filter(|number| !is_done(Ask::Associate, *number));
        let word = Word::of_list(false, users.whole, reading);
        let settled = settle(Ask::Associate, since, None, dead_at, word);
        match (by_name, told.otherwise, settled) {
            (Some(number), ..) => user_refused(app, &mut tx, location, &user, number, now).await?,
            (None, Otherwise::Refused, _) if !of_all.is_some_and(|number| is_done(Ask::Associate, number)) => {
                user_refused(app, &mut tx, location, &user, of_all.unwrap_or_default(), now).await?;
            }
            (None, Otherwise::Undone, _) => left.undone = true,
            (None, _, Settled::Undone) => match of_all.filter(|number| !is_done(Ask::Associate, *number)) {
                Some(number) => user_refused(app, &mut tx, location, &user, number, now).await?,
                None => left.undone = true,
            },
            _ => left.open = true,
        }
    }
    ended(app, &mut operation, left, told, now);
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(())
}

/// Settles an operation that retires client users. What Apple turned down is asked again, ever more rarely, as long as the
/// person stays away: somebody who left must not keep an account bound to the organisation.
pub(super) async fn conclude_retired(
    work: &Work<'_>,
    mut operation: OperationRow,
    told: Told<'_>,
) -> Result<(), StepError> {
    let Work { app, location, .. } = work;
    let reading = app.config.apple.patience.reading(app.now());
    let listed = if told.otherwise == Otherwise::Listed {
        Some(active_users(&work.licensing).await?)
    } else {
        None
    };
    let now = app.now();
    let dead_at = operation.dead_at.unwrap_or(now);
    let mut tx = app.store.begin_as(work.lease).await?;
    if let Some(users) = &listed {
        sync::take_users(&mut tx, location, &users.items, false, &reading).await?;
    }
    // Apple may list the retired among the active.
    let whole = listed.as_ref().is_some_and(|listed| listed.whole);
    let in_use: BTreeSet<&str> = listed
        .iter()
        .flat_map(|listed| &listed.items)
        .filter(|user| ClientUserStatus::from_apple(user.status.as_deref()).is_active())
        .map(|user| user.client_user_id.as_str())
        .collect();
    let users = tx.operation_users(operation.id).await?;
    let alone = users.iter().filter(|user| is_open(operation.kind, user)).count() == 1;
    let (mut left, mut kept) = (Left::default(), false);
    for user in users {
        if !is_open(operation.kind, &user) {
            // A list said it, and the history too.
            tx.client_user_retired(&user.client_user_id, user.observed_at.unwrap_or(now))
                .await?;
            continue;
        }
        let word = told.of_retired(&user.client_user_id, alone, || {
            Word::of_list(in_use.contains(user.client_user_id.as_str()), whole, reading)
        });
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
            Settled::Open => left.open = true,
            Settled::Refused | Settled::Undone => {
                let person = tx.person(user.person_id).await?;
                if person.is_some_and(|person| person.left_at.is_none()) {
                    tx.client_user_kept(&user.client_user_id).await?;
                    let event = NewEvent::new(now, Actor::System, "programUserKept");
                    tx.event(&event.location(location.id).person(user.person_id)).await?;
                    kept = true;
                } else {
                    left.undone = true;
                }
            }
        }
    }
    ended(app, &mut operation, left, told, now);
    if operation.state == OperationState::Failed && !kept {
        // What Apple complained of was that it was done before.
        operation.state = OperationState::Done;
        (operation.error_number, operation.error_message) = (None, None);
    }
    tx.operation_update(&operation).await?;
    tx.commit().await?;
    app.location_bell.notify_one();
    Ok(())
}

/// Everybody whom Apple has and has not retired.
pub(super) async fn active_users(licensing: &Licensing) -> Result<Read<ResponseUser>, AppleError> {
    let query = UsersQuery {
        active_only: true,
        ..UsersQuery::default()
    };
    licensing.users(&query).await
}

/// Apple did not create a client user: it is told why, and not asked again at once.
async fn user_refused(
    app: &App,
    tx: &mut Tx,
    location: &LocationRow,
    user: &ClientUserRow,
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
