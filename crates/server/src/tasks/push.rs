//! Wakes devices that have something to fetch. A device never polls by itself (`mdm-protocol` §1.5).

use std::time::Duration;

use apple::push::PushError;
use domain::Time;
use futures_util::{StreamExt, stream};
use store::{Actor, DeviceRow, NewEvent};

use super::Stepped;
use crate::{
    app::{App, AppError},
    clock::{time, timestamp},
};

/// Pushes under way at once. Apple wants few connections with many requests on each.
const IN_FLIGHT: usize = 10;
const BATCH: i64 = 200;
/// A device that is off has its push kept by Apple; asking more often than daily helps nobody.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);

/// Pushes to every device that is due.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    let now = app.now();
    let due = app.store.devices_to_push(now, BATCH).await?;
    if due.is_empty() {
        return Ok(Stepped::Idle);
    }
    let Some(apns) = &app.apns else {
        return Ok(Stepped::Idle);
    };
    let results: Vec<_> = stream::iter(due)
        .map(|device| async move {
            let result = match (&device.push_token, &device.push_magic) {
                (Some(token), Some(magic)) => {
                    let topic = device.topic.as_deref().unwrap_or_default();
                    apns.push(token, magic, topic, timestamp(now)).await
                }
                _ => Ok(()),
            };
            (device, result)
        })
        .buffer_unordered(IN_FLIGHT)
        .collect()
        .await;
    for (device, result) in results {
        record(app, device, result, now).await?;
    }
    Ok(Stepped::Idle)
}

async fn record(app: &App, mut device: DeviceRow, result: Result<(), PushError>, now: Time) -> Result<(), AppError> {
    let mut tx = app.store.begin().await?;
    match result {
        Ok(()) => {
            // The longer it has been silent, the less often it is called: 15 min, 30 min, 1 h … 1 day.
            let silent = now.since(device.last_seen_at.unwrap_or(now));
            let wait = silent.clamp(app.config.mdm.push_again_after, LONGEST_WAIT);
            tx.device_pushed(device.id, now, now + wait).await?;
        }
        Err(PushError::TokenDead { since }) => {
            // A token that came in after Apple declared its predecessor dead is a new one (`mdm-protocol` §3.7).
            let outdated = since.is_none_or(|since| device.enrolled_at.is_none_or(|enrolled| enrolled < time(since)));
            if outdated {
                device.push_token = None;
                tx.device_put(&device).await?;
                tx.event(&NewEvent::new(now, Actor::Apple, "deviceUnreachable").device(device.id))
                    .await?;
            }
        }
        Err(error) => {
            tracing::warn!(device.id = %device.id, error = %crate::cause::Chain(&error), "a device could not be woken");
            tx.device_pushed(device.id, now, now + app.config.mdm.push_again_after)
                .await?;
        }
    }
    Ok(tx.commit().await?)
}
