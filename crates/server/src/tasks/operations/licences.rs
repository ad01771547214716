//! Concludes operations that give out licences or take them back, licence by licence.

use std::collections::{BTreeMap, BTreeSet};

use apple::{error::Class, wire::ErrorResponse};
use domain::{
    Ask, AssetId, Holder, Refusal, RefusalReason, Time,
    operation::{Settled, Word, pause, settle},
};
use serde_json::json;
use store::{Actor, Assignee, NewEvent, OperationKind, OperationRow, OperationSeat, OperationState, SeatState, Tx};

use super::{
    Left, Work, ended,
    told::{Otherwise, Told, is_about_nobody},
    users::active_users,
};
use crate::{
    app::{App, AppError},
    tasks::{StepError, sync},
};

/// Settles an operation about licences by what was said of it, and by a list for those of whom nothing was said.
pub(super) async fn conclude(work: &Work<'_>, mut operation: OperationRow, told: Told<'_>) -> Result<(), StepError> {
    let Work { app, location, .. } = work;
    let seats = app.store.operation_seats(operation.id).await?;
    let Some(first) = seats.first() else {
        operation.state = OperationState::Done;
        operation.finished_at = Some(app.now());
        return work.save(&operation).await;
    };
    let reading = app.config.apple.patience.reading(app.now());
    let listed: Option<(bool, BTreeSet<Assignee>)> = if told.otherwise == Otherwise::Listed {
        let listed = sync::assignments_of(&work.licensing, &first.adam_id, &first.pricing_param).await?;
        let holders = listed.items.iter().filter_map(sync::assignee).collect();
        Some((listed.whole, holders))
    } else {
        None
    };
    // Refused for want of stock: what Apple owns is not what we thought.
    let out_of_stock = |failure: &ErrorResponse| Class::of(failure.error_number, 400) == Class::Stock;
    let assets = if told.failures.iter().any(out_of_stock) {
        let began = app.now();
        Some((began, work.licensing.assets().await?))
    } else {
        None
    };

    // Somebody is not known at Apple: whether they were retired is said by the list of users.
    let users = if told.failures.iter().any(is_about_nobody) {
        let began = app.config.apple.patience.reading(app.now());
        Some((began, active_users(&work.licensing).await?))
    } else {
        None
    };

    let now = app.now();
    let ask = ask(operation.kind);
    let dead_at = operation.dead_at.unwrap_or(now);
    let mut tx = app.store.begin_as(work.lease).await?;
    let mut left = Left::default();
    let seats = tx.operation_seats(operation.id).await?;
    // What counts as others' follows from what becomes of these, and not from all that are out.
    let mut holders: BTreeMap<AssetId, Vec<Holder>> = BTreeMap::new();
    for seat in &seats {
        holders.entry(seat.asset_id).or_default().push(seat.holder);
    }
    let mut foreign = BTreeMap::new();
    for (asset, holders) in &holders {
        foreign.insert(*asset, tx.foreign_among(*asset, holders).await?);
    }
    for seat in seats {
        let listed = || match &listed {
            Some((whole, listed)) => {
                let listed = listed.contains(&at_apple(&seat));
                Word::of_list(listed, *whole, reading)
            }
            None => unreachable!("who asks for a list has one"),
        };
        let Some((word, number)) = told.of_licence(ask, &seat.named, listed) else {
            left.undone = true;
            continue;
        };
        let settled = settle(ask, seat.since, seat.ended, dead_at, word);
        match (settled, operation.error_number) {
            // By a list, as nothing else says it: the event failed without naming anybody, and this is one for whom it did.
            (Settled::Undone, Some(number)) => {
                let number = i32::try_from(number).ok();
                seat_settled(app, &mut tx, &seat, operation.kind, Settled::Refused, number, now).await?;
            }
            (Settled::Undone, _) => left.undone = true,
            (Settled::Open, _) => left.open = true,
            (settled, _) => seat_settled(app, &mut tx, &seat, operation.kind, settled, number, now).await?,
        }
    }
    for (asset, holders) in &holders {
        let moved = tx.foreign_among(*asset, holders).await? - foreign[asset];
        tx.foreign_moves(*asset, moved).await?;
    }
    if let Some((began, assets)) = assets {
        sync::take_assets(app, &mut tx, location, &assets, began).await?;
    }
    if let Some((reading, users)) = &users {
        sync::take_users(&mut tx, location, &users.items, users.whole, reading).await?;
    }
    if let Some((whole, listed)) = listed {
        let people = sync::people_by_client_user(&mut tx, location).await?;
        let holders: Vec<_> = listed.into_iter().collect();
        sync::take_holders(&mut tx, first.asset_id, &holders, whole, &people, &reading, now).await?;
    }
    ended(app, &mut operation, left, told, now);
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

fn ask(kind: OperationKind) -> Ask {
    match kind {
        OperationKind::Disassociate => Ask::Disassociate,
        OperationKind::RetireUsers => Ask::Retire,
        OperationKind::Associate | OperationKind::CreateUsers => Ask::Associate,
    }
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
    let asset = seat.asset_id;
    let before = seat.seat();
    let after = match settled {
        Settled::Done => before.confirmed(now),
        Settled::Refused => before.refused(now),
        Settled::Undone | Settled::Open => return Ok(()),
    };
    match after {
        Some(_) => tx.seat_set(asset, seat.holder, SeatState::Held, None, now).await?,
        None => tx.seat_delete(asset, seat.holder, now).await?,
    }
    let holder = at_apple(seat);
    let given = ask(kind) == Ask::Associate;
    let event_kind = if settled == Settled::Refused {
        refused(app, tx, asset, seat.holder, number.unwrap_or_default(), now).await?;
        if given {
            "licenceRefused"
        } else {
            "licenceReturnRefused"
        }
    } else {
        tx.refusal_clear(asset, seat.holder).await?;
        if given {
            tx.assignment_put(asset, &holder, now).await?;
            "licenceAssigned"
        } else {
            tx.assignment_delete(asset, &holder).await?;
            "licenceReturned"
        }
    };
    let detail = number.map_or_else(|| json!({}), |number| json!({ "errorNumber": number }));
    let event = NewEvent::new(now, Actor::Apple, event_kind).asset(asset).with(detail);
    let event = sync::about(tx, seat.holder, event).await?;
    tx.event(&event).await?;
    Ok(())
}

/// As Apple's lists name it.
fn at_apple(seat: &OperationSeat) -> Assignee {
    match seat.holder {
        Holder::Person(_) => Assignee::User(seat.named.clone()),
        Holder::Device(_) => Assignee::Device(seat.named.clone()),
    }
}

/// Remembers the refusal, so that the same is not asked again at once.
async fn refused(
    app: &App,
    tx: &mut Tx,
    asset: AssetId,
    holder: Holder,
    number: i32,
    now: Time,
) -> Result<(), AppError> {
    let attempts = tx.refusal_attempts(asset, holder).await? + 1;
    let refusal = Refusal {
        reason: match Class::of(number, 400) {
            Class::Stock => RefusalReason::Stock,
            Class::Retry | Class::Resync | Class::Split => RefusalReason::Temporary,
            _ => RefusalReason::Refused,
        },
        not_before: now + pause(app.config.apple.first_pause(), attempts),
    };
    tx.refusal_put(asset, holder, i64::from(number), refusal, now).await?;
    Ok(())
}
