//! Everything that happens with one location, one thing after the other, on one server at a time.
//!
//! The order is: read what Apple has when it is due, learn what became of what was asked, decide, ask for
//! the next thing. One write to Apple is under way at most: small parallel writes get in each other's way
//! there, and a read never overlaps with the evaluation of a write here.

use std::time::Duration;

use apple::AppleError;
use domain::{LocationId, Time, TokenState};
use serde_json::json;
use store::{Actor, LocationRow, NewEvent};

use super::{Stepped, operations, reconcile, sync};
use crate::{
    app::{
        App, AppError,
        text::{NAME_CHARS, cleaned},
        tokens::token_state,
    },
    clock::timestamp,
};

/// How long a server keeps a location to itself without a sign of life.
const LEASE: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
pub enum StepError {
    #[error(transparent)]
    Apple(#[from] AppleError),
    #[error(transparent)]
    App(#[from] AppError),
}

impl From<store::StoreError> for StepError {
    fn from(error: store::StoreError) -> Self {
        StepError::App(error.into())
    }
}

/// Does the next thing for the location, if there is one to do.
pub async fn step(app: &App) -> Result<Stepped, StepError> {
    let Some(location) = app.store.locations().await?.into_iter().next() else {
        return Ok(Stepped::Idle);
    };
    let lease = format!("location/{}", location.id);
    if app.store.lease_take(&lease, &app.instance, LEASE).await?.is_none() {
        return Ok(Stepped::Idle);
    }
    match step_location(app, &location).await {
        Err(StepError::Apple(error)) => {
            apple_failed(app, &location, &error).await?;
            Ok(Stepped::Idle)
        }
        other => other,
    }
}

async fn step_location(app: &App, location: &LocationRow) -> Result<Stepped, StepError> {
    let mut worked = false;
    if token_state(location, app.now()).usable() {
        sync::service(app, location).await?;
        worked |= read_what_is_due(app, location).await?;
        worked |= operations::evaluate(app, location).await?;
    }
    worked |= reconcile::step(app, location).await?;
    if token_state(location, app.now()).usable() {
        worked |= operations::send_next(app, location).await?;
    }
    Ok(if worked { Stepped::Worked } else { Stepped::Idle })
}

/// Twice a day and on demand everything is read; in between, a look at whether anything changed.
async fn read_what_is_due(app: &App, location: &LocationRow) -> Result<bool, StepError> {
    let now = app.now();
    if let Some(requested) = app.store.sync_open(location.id).await? {
        sync::full(app, location, requested).await?;
        app.polled.succeeded();
        return Ok(true);
    }
    if app.polled.paused(now) {
        return Ok(false);
    }
    if location.last_sync_at.is_none_or(|last| last < last_scheduled(app, now)) {
        let mut tx = app.store.begin().await?;
        tx.sync_request(location.id, "schedule", "system", now).await?;
        tx.commit().await?;
        return Ok(true);
    }
    if app.polled.due(now, app.config.apple.poll_every) {
        app.polled.done(now);
        let changed = sync::changes(app, location).await?;
        app.polled.succeeded();
        return Ok(changed);
    }
    Ok(false)
}

/// The latest of the times of day at which everything is read (A7).
fn last_scheduled(app: &App, now: Time) -> Time {
    let zone = app.config.zone();
    let here = timestamp(now).to_zoned(zone);
    let mut latest = None;
    for days_ago in [0, 1] {
        let Ok(day) = here.date().checked_sub(jiff::Span::new().days(days_ago)) else {
            continue;
        };
        for at in &app.config.apple.sync_at {
            let Ok(moment) = day.to_datetime(*at).to_zoned(here.time_zone().clone()) else {
                continue;
            };
            let moment = crate::clock::time(moment.timestamp());
            if moment <= now && latest.is_none_or(|latest| latest < moment) {
                latest = Some(moment);
            }
        }
    }
    latest.unwrap_or(Time(0))
}

/// Draws the consequence that concerns the whole location: a dead token, another server, a pause.
async fn apple_failed(app: &App, location: &LocationRow, error: &AppleError) -> Result<(), StepError> {
    let state = match error {
        AppleError::TokenExpired => TokenState::Expired,
        AppleError::TokenRevoked => TokenState::Revoked,
        AppleError::TokenInvalid { .. } | AppleError::OtherAccount { .. } => TokenState::Invalid,
        AppleError::Taken { .. } => TokenState::AssignedToExternalMdm,
        AppleError::Throttled { wait } => {
            app.polled.pause(app.now() + wait.unwrap_or(Duration::from_secs(5)));
            tracing::warn!(location.id = %location.id, "Apple asks us to wait");
            return Ok(());
        }
        AppleError::TooLarge { number } => {
            // The operation waits for its next turn, and is cut to size then.
            app.service.doubt();
            tracing::warn!(location.id = %location.id, number, "Apple takes less at once than it said");
            return Ok(());
        }
        other => {
            app.polled.failed(app.now());
            if let Some(wait) = other.wait() {
                app.polled.pause(app.now() + wait);
            }
            tracing::warn!(location.id = %location.id, error = %crate::cause::Chain(other), "Apple did not answer as it should");
            return Ok(());
        }
    };
    token_unusable(app, location.id, state, error).await
}

async fn token_unusable(
    app: &App,
    location: LocationId,
    state: TokenState,
    error: &AppleError,
) -> Result<(), StepError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let Some(mut row) = tx.location(location).await? else {
        return Ok(());
    };
    row.state = state;
    if let AppleError::Taken { owner } = error {
        row.owner_name = owner.name.as_ref().map(|name| cleaned(name, NAME_CHARS));
        row.owner_metadata = owner.metadata.as_ref().map(|text| cleaned(text, NAME_CHARS));
    }
    tx.location_update(&row).await?;
    if let Some(mut open) = tx.sync_open(location).await? {
        sync::failed(&mut open, error, now);
        tx.sync_update(&open).await?;
    }
    tx.event(
        &NewEvent::new(now, Actor::Apple, "tokenUnusable")
            .location(location)
            .with(json!({ "state": state, "owner": row.owner_name })),
    )
    .await?;
    tx.commit().await?;
    tracing::warn!(location.id = %location, state = ?state, "the token cannot be used any more");
    Ok(())
}
