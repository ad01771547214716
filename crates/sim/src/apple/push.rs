//! The fake push service, and the queue from which simulated devices learn of their pushes.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::service::Service;
use super::world::Push;

/// The longest that one question for pushes waits.
const LONGEST_WAIT_MS: u64 = 60_000;

/// Takes one push, after the checks that the real service makes.
pub async fn accept(
    Extract(service): Extract<Arc<Service>>,
    Path(token): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Response {
    let token = token.to_ascii_lowercase();
    let outcome = service.with(|state| {
        if state.world.rng.chance(state.switches.push_unavailable) {
            state.world.pushes.refused += 1;
            return Err((503, json!({"reason": "ServiceUnavailable"}), None));
        }
        if state.world.rng.chance(state.switches.push_too_many) {
            let wait = state.switches.push_retry_after;
            return Err((429, json!({"reason": "TooManyRequests"}), wait));
        }
        if token.is_empty() || hex::decode(&token).is_err() {
            return Err((400, json!({"reason": "BadDeviceToken"}), None));
        }
        if header(&headers, "apns-push-type") != Some("mdm") {
            return Err((400, json!({"reason": "InvalidPushType"}), None));
        }
        let Some(topic) = header(&headers, "apns-topic").filter(|topic| !topic.is_empty()) else {
            return Err((400, json!({"reason": "MissingTopic"}), None));
        };
        let Some(magic) = magic(&body) else {
            return Err((400, json!({"reason": "PayloadEmpty"}), None));
        };
        if let Some(since) = state.world.pushes.dead_since(&token) {
            return Err((410, json!({"reason": "Unregistered", "timestamp": since}), None));
        }
        let now = state.now();
        state.changed = true;
        let apns_id = match header(&headers, "apns-id") {
            Some(id) => id.to_string(),
            None => state.world.rng.uuid(),
        };
        Ok((state.world.pushes.accept(&token, &magic, topic, now), apns_id))
    });
    let delay_ms = service.with(|state| state.switches.push_delay_ms);
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    match outcome {
        Ok((last, apns_id)) => {
            service.pushed.send_replace(last);
            let mut response = StatusCode::OK.into_response();
            if let Ok(value) = HeaderValue::from_str(&apns_id) {
                response.headers_mut().insert(HeaderName::from_static("apns-id"), value);
            }
            response
        }
        Err((status, reason, wait)) => {
            let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let mut response = (status, axum::Json(reason)).into_response();
            if let Some(seconds) = wait {
                response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
            }
            response
        }
    }
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// The push's one word. Anything else in the body makes it no push for device management.
fn magic(body: &Bytes) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let body = body.as_object()?;
    match body.get("mdm") {
        Some(Value::String(magic)) if body.len() == 1 && !magic.is_empty() => Some(magic.clone()),
        _ => None,
    }
}

/// `GET /sim/pushes?after=N&wait_ms=M`: the pushes after the one with that id, as soon as
/// there are any, or none when the time is up.
pub async fn pushes(
    Extract(service): Extract<Arc<Service>>,
    Query(query): Query<HashMap<String, String>>,
) -> axum::Json<Value> {
    let number = |name: &str| query.get(name).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    let wait_ms = number("wait_ms").min(LONGEST_WAIT_MS);
    let (pushes, last) = wait_for_pushes(&service, number("after"), Duration::from_millis(wait_ms)).await;
    axum::Json(json!({"pushes": pushes, "last": last}))
}

pub async fn wait_for_pushes(service: &Service, after: u64, wait: Duration) -> (Vec<Push>, u64) {
    let mut pushed = service.pushed.subscribe();
    let mut closing = service.closing.subscribe();
    let until = tokio::time::Instant::now() + wait;
    loop {
        pushed.borrow_and_update();
        let (pushes, last) = service.with(|state| (state.world.pushes.after(after), state.world.pushes.last));
        if !pushes.is_empty() {
            return (pushes, last);
        }
        tokio::select! {
            _ = pushed.changed() => {}
            _ = closing.wait_for(|closing| *closing) => return (pushes, last),
            _ = tokio::time::sleep_until(until) => return (pushes, last),
        }
    }
}
