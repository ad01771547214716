//! Devices that have not been heard for too long count as gone, so that others get their licences. Heard again, they
//! come back to life by themselves.
//!
//! Silence alone proves nothing: a device speaks when it is asked, and one that has nothing to do is not. So a device
//! that has been silent for as long as the settings say is called first, and counts as gone when it has not answered a
//! day later. And when no device at all was heard for a day, it is our own endpoint that is broken: nothing counts as
//! gone then, calls of that time are void, and the dashboard says so. A small fleet may have had no reason to speak, so
//! some devices are given one after half of that day.

use std::time::Duration;

use domain::{DeviceId, Time};
use serde_json::json;
use store::{Actor, NewEvent};

use super::{Stepped, turn};
use crate::app::{App, AppError, leaving};

/// One server at a time; who ends in the middle leaves nothing half done.
const LEASE: &str = "silence";
const GOOD_FOR: Duration = Duration::from_secs(60);
/// How long a device that is called may take, and how lately some device must have been heard.
const DAY: Duration = Duration::from_secs(24 * 3600);
/// So many devices in one step: each is a transaction.
const AT_ONCE: i64 = 200;

/// So many devices are called to learn whether this server can be reached.
const ASKED_FOR_US: i64 = 5;

/// Calls devices that are silent, and counts as gone those that have not answered.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    if turn(app, LEASE, GOOD_FOR).await?.is_none() {
        return Ok(Stepped::Idle);
    }
    let now = app.now();
    let Some(after) = app.store.policy().await?.silent_after else {
        return bring_back(app, app.store.devices_counted_gone(Time(0), AT_ONCE).await?).await;
    };
    let since = now - after;
    // The rule may have become more patient since.
    if let Stepped::Worked = bring_back(app, app.store.devices_counted_gone(since, AT_ONCE).await?).await? {
        return Ok(Stepped::Worked);
    }
    let heard_at = app.store.devices_heard_at().await?;
    if heard_at.is_none_or(|at| at + DAY / 2 < now) {
        ask_whether_we_can_be_reached(app, now).await?;
    }
    if is_too_long_ago(heard_at, now) {
        return void_calls(app).await;
    }
    let unanswered = app.store.devices_unanswered(since, now - DAY, AT_ONCE).await?;
    let to_call = app.store.devices_to_call(since, now, AT_ONCE).await?;
    if unanswered.is_empty() && to_call.is_empty() {
        return Ok(Stepped::Idle);
    }
    for device in &to_call {
        let mut tx = app.store.begin().await?;
        app.device_call(&mut tx, *device, now).await?;
        tx.commit().await?;
    }
    for device in &unanswered {
        count_gone(app, *device, since, now).await?;
    }
    app.look_again();
    Ok(Stepped::Worked)
}

/// Whether it is our endpoint that is silent: no device at all was heard for a day.
pub fn is_too_long_ago(heard_at: Option<Time>, now: Time) -> bool {
    heard_at.is_none_or(|at| at + DAY < now)
}

/// Those that were heard last get a reason to speak, unless they have one.
async fn ask_whether_we_can_be_reached(app: &App, now: Time) -> Result<(), AppError> {
    for device in app.store.devices_heard_last(ASKED_FOR_US).await? {
        let mut tx = app.store.begin().await?;
        if app.device_ask(&mut tx, device, now).await? {
            tx.commit().await?;
            app.device_bell.notify_one();
        }
    }
    Ok(())
}

/// Who was called while nobody could be heard is called again when somebody is.
async fn void_calls(app: &App) -> Result<Stepped, AppError> {
    let mut tx = app.store.begin().await?;
    if tx.device_calls_void().await? > 0 {
        tracing::warn!("no device was heard for a day: none counts as gone until one is");
        tx.commit().await?;
    }
    Ok(Stepped::Idle)
}

async fn count_gone(app: &App, id: DeviceId, since: Time, now: Time) -> Result<(), AppError> {
    let mut tx = app.store.begin().await?;
    if !tx.device_silent(id, since, now).await? {
        return Ok(());
    }
    let Some(device) = tx.device(id).await? else {
        return Ok(());
    };
    // What waits for a device that is to leave is the order to leave.
    if !device.enrolment.is_leaving() {
        leaving::forget_enrolment(&mut tx, id, now).await?;
    }
    let silent_ms = device.last_seen_at.map(|heard| now.since(heard).as_millis());
    tx.event(
        &NewEvent::new(now, Actor::System, "deviceSilent")
            .device(id)
            .person(device.person_id)
            .with(json!({ "days": silent_ms.map(|ms| ms / DAY.as_millis()) })),
    )
    .await?;
    Ok(tx.commit().await?)
}

/// The settings say that these do not count as gone any more.
async fn bring_back(app: &App, devices: Vec<DeviceId>) -> Result<Stepped, AppError> {
    if devices.is_empty() {
        return Ok(Stepped::Idle);
    }
    let now = app.now();
    for id in devices {
        let mut tx = app.store.begin().await?;
        if !tx.device_back(id).await? {
            continue;
        }
        tx.event(&NewEvent::new(now, Actor::System, "deviceSilenceOver").device(id))
            .await?;
        tx.commit().await?;
    }
    app.look_again();
    Ok(Stepped::Worked)
}
