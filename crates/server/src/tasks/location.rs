//! Everything that happens with one location, on one server at a time.
//!
//! Whoever has the location's lease works on it in three loops beside each other, so that nobody waits for what takes
//! long: [`step`] learns what became of what was asked, decides, and asks for the next thing; [`read`] reads what
//! Apple has; [`describing`](super::describing) looks up names and icons. Each writes under the fence of the lease, one
//! after the other: a server that has lost it writes nothing any more.
//!
//! That a list may be older than an answer is the domain's to know ([`domain::Reading`]), so reading and asking need
//! not wait for each other.

use std::time::Duration;

use apple::{AppleError, error::Class, wire::MdmInfo};
use domain::{SyncId, Time, TokenState};
use serde_json::json;
use store::{Actor, Lease, LocationRow, NewEvent, StoreError, SyncCause};

use super::{StepError, Stepped, notifications, operations, reconcile, sync, turn};
use crate::{
    app::{
        App, AppError,
        text::{NAME_CHARS, cleaned},
        tokens::token_state,
    },
    cause::Chain,
    clock::timestamp,
};

/// How long a server keeps a location to itself without a sign of life. Another one goes on within fifteen seconds: after
/// this, its own look at the clock (`reconcile_every`) and one at Apple. Whoever was only slow loses nothing but its turn.
const LEASE: Duration = Duration::from_secs(10);
/// A look takes three requests at least, and what Apple does comes in many pieces.
const BETWEEN_HINTS: Duration = Duration::from_secs(1);
/// How often it gives one while a step takes long.
const SIGN_OF_LIFE: Duration = Duration::from_secs(3);

/// Does the next thing for the location, if there is one to do.
pub async fn step(app: &App) -> Result<Stepped, StepError> {
    under_lease(app, Interrupted::Never, async |location, lease| {
        let may_ask = location_may_be_asked(app, location);
        let evaluated = match may_ask {
            true => operations::evaluate(app, location, lease).await,
            false => Ok(()),
        };
        // Whatever Apple says: what is between us and the devices goes on.
        let planned = reconcile::step(app, location, lease).await?;
        evaluated?;
        // What we know may be from a backup, or from before another server's turn: look first.
        if may_ask && app.polled.has_looked(lease.fence()) {
            operations::send_next(app, location, lease).await?;
        }
        Ok(planned)
    })
    .await
}

/// Reads what Apple has when it is due: everything twice a day and on demand, and in between what changed.
pub async fn read(app: &App) -> Result<Stepped, StepError> {
    under_lease(app, Interrupted::WhenTheClockIsSet, async |location, lease| {
        read_what_is_due(app, location, lease).await
    })
    .await
}

/// When work is dropped before its end, to be taken up anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Interrupted {
    /// It asks Apple for something: only whoever lost the lease stops.
    Never,
    /// It only reads, and that may take minutes, for which nobody waits who follows the clock.
    WhenTheClockIsSet,
}

/// Works on the location, if nobody else does, with signs of life while it takes.
pub(super) async fn under_lease(
    app: &App,
    interrupted: Interrupted,
    work: impl AsyncFnOnce(&LocationRow, &Lease) -> Result<bool, StepError>,
) -> Result<Stepped, StepError> {
    let _one_time = app.steps.read().await;
    let Some(location) = app.store.location_linked().await? else {
        return Ok(Stepped::Idle);
    };
    let name = format!("location/{}", location.id);
    let Some(lease) = turn(app, &name, LEASE).await? else {
        return Ok(Stepped::Idle);
    };
    let result = tokio::select! {
        result = work(&location, &lease) => result,
        error = signs_of_life(app, &lease) => Err(error),
        () = clock_waits(app), if interrupted == Interrupted::WhenTheClockIsSet => Ok(false),
    };
    let result = match result {
        Err(StepError::Apple(error)) => apple_failed(app, &location, &lease, &error).await.map(|()| false),
        result => result,
    };
    match result {
        Ok(true) => Ok(Stepped::Worked),
        Ok(false) => Ok(Stepped::Idle),
        Err(StepError::App(AppError::Store(StoreError::LeaseLost))) => {
            tracing::info!(location.id = %location.id, "another server works on the location now");
            Ok(Stepped::Idle)
        }
        Err(error) => Err(error),
    }
}

/// Until the clock is to be followed.
async fn clock_waits(app: &App) {
    // It ends with the app only.
    let _ = app.clock_waits.subscribe().wait_for(|waits| *waits).await;
}

/// Renews the lease until that fails. Work that is dropped then is taken up by whoever has the lease.
async fn signs_of_life(app: &App, lease: &Lease) -> StepError {
    loop {
        tokio::time::sleep(SIGN_OF_LIFE).await;
        if let Err(error) = app.store.lease_renew(lease).await
            && matches!(error, StoreError::LeaseLost)
        {
            return error.into();
        }
    }
}

fn location_may_be_asked(app: &App, location: &LocationRow) -> bool {
    token_state(location, app.now()).usable() && !app.polled.paused(app.now())
}

async fn read_what_is_due(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let now = app.now();
    let state = token_state(location, now);
    if state == TokenState::Expired {
        if let Some(mut open) = app.store.sync_open(location.id).await? {
            let mut tx = app.store.begin_as(lease).await?;
            sync::failed_by(&mut open, state, now);
            tx.sync_update(&open).await?;
            tx.commit().await?;
        }
        return Ok(false);
    }
    if app.polled.paused(now) {
        return Ok(false);
    }
    // Who waits for Apple to answer again, or to say once more that the token is dead, looks as soon as the pause is over.
    let waits = location.unanswered_since.is_some() || app.polled.doubts();
    let channel = app.store.channel(location.id).await?;
    // A notification says that there is something to see; many in a row are one look.
    let hinted =
        app.polled.due(now, BETWEEN_HINTS) && channel.as_ref().is_some_and(|channel| channel.hinted_at.is_some());
    if hinted {
        // Whatever comes of the look: a token that is dead is not asked more often for it.
        notifications::taken(app, location, lease).await?;
    }
    let due = waits || hinted || app.polled.due(now, app.config.apple.poll_every);
    if !state.usable() && due {
        app.polled.done(now);
        if heal(app, location, lease).await? {
            return Ok(true);
        }
        if !state.readable() {
            return Ok(false);
        }
    }
    if !state.readable() {
        return Ok(false);
    }
    sync::service(app, location).await?;
    if state.usable() {
        notifications::keep(app, location, lease, channel).await?;
    }
    if let Some(requested) = app.store.sync_open(location.id).await? {
        sync::full(app, location, lease, requested).await?;
        answered(app, location, lease).await?;
        return Ok(true);
    }
    let scheduled = last_scheduled(app, now);
    if location.last_sync_at.is_none_or(|last| last < scheduled) {
        let mut tx = app.store.begin_as(lease).await?;
        // One row for each time of the schedule, however often it takes while Apple is away.
        if !tx.sync_again(location.id, SyncCause::Schedule, scheduled).await? {
            tx.sync_request(SyncId(app.random.id()), location.id, SyncCause::Schedule, "system", now)
                .await?;
        }
        tx.commit().await?;
        return Ok(true);
    }
    if due || !app.polled.has_looked(lease.fence()) {
        app.polled.done(now);
        let changed = sync::changes(app, location, lease).await?;
        answered(app, location, lease).await?;
        return Ok(changed);
    }
    Ok(false)
}

/// Apple answers: what was said of its silence is over.
async fn answered(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    app.polled.succeeded();
    if location.unanswered_since.is_some() {
        let mut tx = app.store.begin_as(lease).await?;
        tx.location_unanswered(location.id, None).await?;
        tx.commit().await?;
        tracing::info!(location.id = %location.id, "Apple answers again");
    }
    // Who waited for Apple need not wait for the clock.
    app.location_bell.notify_one();
    Ok(())
}

/// Looks whether what made the token unusable has passed: Apple takes it again, it may write again, or the other server
/// has given the location back to us. Whether it has.
///
/// What nobody manages any more is not ours for that: somebody has let it go, and who takes it is for a person to say
/// (P2), by uploading the token again.
async fn heal(app: &App, location: &LocationRow, lease: &Lease) -> Result<bool, StepError> {
    let licensing = sync::licensing_for_reading(app, location).await?;
    let config = match licensing.client_config().await {
        Ok(config) => config,
        // As before.
        Err(error) if error.class() == Class::Token => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    let owner = config.common.mdm_info.unwrap_or_default();
    if owner.id.as_ref() != Some(&location.mdm_id) {
        let told = named(&owner);
        let state = TokenState::AssignedToExternalMdm;
        if location.state != state || location.owner_name != told.0 {
            token_is(app, location, lease, state, told, "tokenUnusable").await?;
        }
        return Ok(false);
    }
    if let Err(error) = licensing.may_write().await {
        return match error.class() {
            Class::Rights if location.state == TokenState::ReadOnly => Ok(false),
            _ => Err(error.into()),
        };
    }
    token_is(app, location, lease, TokenState::Valid, (None, None), "tokenUsable").await?;
    Ok(true)
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

/// Draws the consequence that concerns the whole location. What an error asks for is its class; each has one reaction.
async fn apple_failed(app: &App, location: &LocationRow, lease: &Lease, error: &AppleError) -> Result<(), StepError> {
    let now = app.now();
    let first_pause = app.config.apple.first_pause();
    let nobody = (None, None);
    match error.class() {
        Class::Token => {
            if !app.polled.token_is_dead(now, &location.token_sha256, first_pause) {
                tracing::warn!(location.id = %location.id, error = %Chain(error), "Apple does not take the token; it is asked again");
                return Ok(());
            }
            let state = match error {
                AppleError::TokenExpired => TokenState::Expired,
                AppleError::TokenRevoked => TokenState::Revoked,
                _ => TokenState::Invalid,
            };
            token_unusable(app, location, lease, state, nobody, error).await
        }
        Class::Owner => {
            let owner = match error {
                AppleError::Taken { owner } => named(owner),
                _ => nobody,
            };
            token_unusable(app, location, lease, TokenState::AssignedToExternalMdm, owner, error).await
        }
        Class::Rights => token_unusable(app, location, lease, TokenState::ReadOnly, nobody, error).await,
        Class::Split => {
            // The operation waits for its next turn, and is cut to size then.
            app.service.doubt();
            tracing::warn!(location.id = %location.id, error = %Chain(error), "Apple takes less at once than it said");
            Ok(())
        }
        Class::Retry => {
            // Who says for how long is left alone for as long, and not for longer the more often it says so.
            match error.wait() {
                Some(wait) => app.polled.pause(now, now + wait),
                None => app.polled.failed(now, first_pause),
            }
            let mut tx = app.store.begin_as(lease).await?;
            let news = tx.location_unanswered(location.id, Some(now)).await?;
            tx.commit().await?;
            if news {
                tracing::warn!(location.id = %location.id, error = %Chain(error), "Apple does not answer as it should");
            }
            Ok(())
        }
        Class::Resync => {
            let mut tx = app.store.begin_as(lease).await?;
            tx.sync_request(SyncId(app.random.id()), location.id, SyncCause::Resync, "system", now)
                .await?;
            tx.commit().await?;
            app.reading_bell.notify_one();
            Ok(())
        }
        Class::Bug | Class::Subject | Class::Stock | Class::Done | Class::Stop => {
            app.polled.failed(now, first_pause);
            tracing::error!(location.id = %location.id, error = %Chain(error), "Apple turned a question down");
            Ok(())
        }
    }
}

/// What another server calls itself, fit to be kept and shown: at least by its id, and nothing when there is none.
fn named(owner: &MdmInfo) -> (Option<String>, Option<String>) {
    let Some(id) = &owner.id else {
        return (None, None);
    };
    let fit = |text: &String| Some(cleaned(text, NAME_CHARS)).filter(|text| !text.is_empty());
    let name = owner.name.as_ref().and_then(fit).or_else(|| fit(id));
    (name, owner.metadata.as_ref().and_then(fit))
}

async fn token_unusable(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    state: TokenState,
    owner: (Option<String>, Option<String>),
    error: &AppleError,
) -> Result<(), StepError> {
    if token_is(app, location, lease, state, owner, "tokenUnusable").await? {
        tracing::warn!(location.id = %location.id, ?state, error = %Chain(error), "the token cannot be used any more");
    }
    Ok(())
}

/// Writes down what Apple says of the token that was asked with. `false` when another one has taken its place since: a
/// late answer says nothing of that one.
async fn token_is(
    app: &App,
    location: &LocationRow,
    lease: &Lease,
    state: TokenState,
    owner: (Option<String>, Option<String>),
    event: &str,
) -> Result<bool, StepError> {
    let now = app.now();
    let mut tx = app.store.begin_as(lease).await?;
    let name = owner.0.clone();
    if !tx
        .location_state(location.id, &location.token_sha256, state, owner)
        .await?
    {
        return Ok(false);
    }
    if !state.readable()
        && let Some(mut open) = tx.sync_open(location.id).await?
    {
        sync::failed_by(&mut open, state, now);
        tx.sync_update(&open).await?;
    }
    if location.state != state {
        tx.event(
            &NewEvent::new(now, Actor::Apple, event)
                .location(location.id)
                .with(json!({ "state": state, "owner": name })),
        )
        .await?;
    }
    tx.commit().await?;
    app.look_again();
    Ok(true)
}
