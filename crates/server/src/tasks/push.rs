//! Wakes devices that have something to fetch. A device never polls by itself (`mdm-protocol` §1.5).

use std::time::Duration;

use apple::push::PushError;
use domain::Time;
use futures_util::{StreamExt, stream::FuturesUnordered};
use store::{Actor, NewEvent, PushRow};

use super::Stepped;
use crate::{
    app::{App, AppError},
    cause::Chain,
    clock::{time, timestamp},
};

/// Pushes under way at once. Apple wants few connections with many requests on each.
const IN_FLIGHT: usize = 50;
/// Longer than a push may take: by then its server is dead, and another may try.
const CLAIMED_FOR: Duration = Duration::from_secs(60);
/// A device that is off has its push kept by Apple; asking more often than daily helps nobody.
const LONGEST_WAIT: Duration = Duration::from_secs(24 * 3600);
/// After the first push that did not get through; doubles with each.
const FIRST_RETRY: Duration = Duration::from_secs(5);

/// Pushes to every device that is due, and to those that become due meanwhile, until none is.
///
/// A push that hangs holds up nobody else's. When Apple's service does not take pushes at all, what is under way
/// comes to its end and no more is begun; each device then waits for its own next turn.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    let Some(apns) = &app.apns else {
        return Ok(Stepped::Idle);
    };
    let mut running = FuturesUnordered::new();
    let mut service_down = false;
    let mut failed = None;
    loop {
        let room = IN_FLIGHT - running.len();
        if room > 0 && !service_down && failed.is_none() {
            let claimed = claim(app, room).await.unwrap_or_else(|error| {
                // What is under way comes to its end all the same.
                failed = Some(error);
                Vec::new()
            });
            for push in claimed {
                running.push(async move {
                    let now = timestamp(app.now());
                    let result = apns.push(&push.token, &push.magic, &push.topic, now).await;
                    (push, result)
                });
            }
        }
        if running.is_empty() {
            return failed.map_or(Ok(Stepped::Idle), Err);
        }
        tokio::select! {
            // Not by chance: what came of a push is written down before anything else is looked for.
            biased;
            Some((push, result)) = running.next() => {
                service_down |= matches!(result, Err(PushError::Unreachable(_) | PushError::Throttled { .. }));
                if let Err(error) = record(app, &push, result).await {
                    failed.get_or_insert(error);
                }
            }
            () = app.device_bell.notified() => {}
        }
    }
}

async fn claim(app: &App, room: usize) -> Result<Vec<PushRow>, AppError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    let latest = now + LONGEST_WAIT + CLAIMED_FOR;
    let limit = i64::try_from(room).unwrap_or(i64::MAX);
    let claimed = tx.pushes_claim(now, now + CLAIMED_FOR, latest, limit).await?;
    tx.commit().await?;
    Ok(claimed)
}

/// Writes down what became of a push: of the push alone, since the device may have spoken while it was under way.
async fn record(app: &App, push: &PushRow, result: Result<(), PushError>) -> Result<(), AppError> {
    let now = app.now();
    let mut tx = app.store.begin().await?;
    match result {
        Ok(()) => {
            // The longer it has been silent, the less often it is called: 15 min, 30 min, 1 h … 1 day.
            let silent = now.since(push.last_seen_at.unwrap_or(now));
            let wait = silent.clamp(app.config.mdm.push_again_after, LONGEST_WAIT);
            tx.push_sent(push, now, now + wait).await?;
        }
        // A token that came in after Apple declared its predecessor dead is a new one (`mdm-protocol` §3.7).
        Err(PushError::TokenDead { since })
            if since.is_none_or(|since| push.token_at.is_none_or(|told| told < time(since))) =>
        {
            if tx.push_token_dead(push, now).await? {
                tx.event(&NewEvent::new(now, Actor::Apple, "deviceUnreachable").device(push.device))
                    .await?;
            }
        }
        Err(error) => {
            tracing::warn!(device.id = %push.device, error = %Chain(&error), "a device could not be woken");
            let next = next_try(push.failures, app.config.mdm.push_again_after, now);
            // What Apple asks for counts also when something new is queued, or the device spoke meanwhile.
            let not_before = asked_to_wait(&error, push.failures).map(|wait| now + wait);
            tx.push_failed(push, now, next.max(not_before.unwrap_or(next)), not_before)
                .await?;
        }
    }
    Ok(tx.commit().await?)
}

/// How long Apple wants no push for this device; the longer the more often it had to say so.
fn asked_to_wait(error: &PushError, failures: i64) -> Option<Duration> {
    match error {
        PushError::TooMany { wait } => {
            let doublings = u32::try_from(failures.clamp(0, 20)).unwrap_or(20);
            Some(wait.saturating_mul(1 << doublings).min(LONGEST_WAIT))
        }
        PushError::Throttled { wait } => wait.map(|wait| wait.min(LONGEST_WAIT)),
        _ => None,
    }
}

/// Soon at first, and never later than a device that was woken is woken again.
fn next_try(failures: i64, longest: Duration, now: Time) -> Time {
    let doublings = u32::try_from(failures.clamp(0, 20)).unwrap_or(20);
    now + FIRST_RETRY.saturating_mul(1 << doublings).min(longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_push_that_did_not_get_through_is_tried_again_soon_and_then_less_often() {
        let longest = Duration::from_secs(900);
        let waits = [0, 1, 2, 7, 8, i64::MAX].map(|failures| next_try(failures, longest, Time(0)).ms() / 1000);
        assert_eq!(waits, [5, 10, 20, 640, 900, 900]);
    }

    #[test]
    fn what_apple_asks_for_is_waited_and_doubled_for_a_device_that_is_called_too_often() {
        let wait = Duration::from_secs(60);
        let waits = [0, 1, 5, i64::MAX].map(|failures| asked_to_wait(&PushError::TooMany { wait }, failures));
        assert_eq!(waits.map(|wait| wait.unwrap().as_secs()), [60, 120, 1920, 86_400]);
        let away = PushError::Throttled { wait: Some(wait) };
        assert_eq!(asked_to_wait(&away, 5), Some(wait));
        assert_eq!(asked_to_wait(&PushError::Throttled { wait: None }, 0), None);
    }
}
