//! Who is let in: a request is worked on when it is whole, weighs no more than it may, and a place is free.
//!
//! The body is read here, once, for everybody. So a client that sends slowly holds no place, no handler and no
//! connection to the database, and what all bodies weigh together has a limit.

use std::{sync::Arc, time::Duration};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::{BodyExt, Limited};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::timeout,
};

use super::{
    auth,
    connections::{Activity, Phase},
    console::pages::error::ErrorKind,
    page::error_page,
    problem::{Kind, Problem},
};
use crate::app::App;

/// A content token of 5 MB is far too large, and has to get as far as the answer that says so.
pub const UPLOAD_LIMIT_BYTES: usize = 8 * 1024 * 1024;
/// The guard before the property list parser refuses from 5 MiB on, in words.
const DEVICE_LIMIT_BYTES: usize = 6 * 1024 * 1024;
/// A group of 50,000 people: the form names each twice (`was=`, `member=` and an id, 85 bytes), 4.1 MiB, the API once
/// (2 MiB with a line for each). And half as much again.
const MEMBERS_LIMIT_BYTES: usize = 6 * 1024 * 1024;
const LIMIT_BYTES: usize = 1024 * 1024;

/// So much of a body that is too large is read and forgotten: who is cut off in the middle of sending hears no answer.
const PASSED_OVER_BYTES: usize = 16 * 1024 * 1024;

/// What the bodies of all requests may weigh together. A device's list has tens of kilobytes, a form far less.
const ALL_BODIES_BYTES: usize = 64 * 1024 * 1024;
/// How long a request waits for a place. Longer, and whoever asked has gone.
const QUEUE: Duration = Duration::from_secs(1);
const COME_AGAIN_SECONDS: &str = "5";

/// The places, and the room for bodies.
#[derive(Clone)]
pub struct Door {
    places: Arc<Semaphore>,
    room: Arc<Semaphore>,
}

impl Door {
    pub fn new(requests: usize) -> Door {
        Door {
            places: Arc::new(Semaphore::new(requests)),
            room: Arc::new(Semaphore::new(ALL_BODIES_BYTES)),
        }
    }
}

/// Reads the body, waits for a place, and hands the request on.
pub async fn admit(State((app, door)): State<(App, Door)>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    // Whoever asks whether the server lives asks when there is no place, too.
    if matches!(path.as_str(), "/livez" | "/readyz") {
        return next.run(request).await;
    }
    let activity = request.extensions().get::<Activity>().cloned();
    let (parts, body) = request.into_parts();
    let refuse = |headers: &HeaderMap, refusal| refused(&app, &path, headers, refusal);
    let limit = limit_bytes(&path);
    let whole = match timeout(app.config.http.body_timeout, whole(body, limit, &door)).await {
        Err(_) => return refuse(&parts.headers, Refusal::TooSlow),
        Ok(Err(refusal)) => return refuse(&parts.headers, refusal),
        Ok(Ok(whole)) => whole,
    };
    let Ok(Ok(_place)) = timeout(QUEUE, door.places.acquire()).await else {
        return refuse(&parts.headers, Refusal::NoPlace);
    };
    if let Some(activity) = activity {
        activity.is(Phase::Answering);
    }
    let (body, _room) = match whole {
        Some((bytes, room)) => (Body::from(bytes), room),
        // Whoever reads it says that it is too large, in the words of its door.
        None => (Body::new(Limited::new(Body::from("too large"), 0)), None),
    };
    next.run(Request::from_parts(parts, body)).await
}

/// How much the body of a request may weigh.
fn limit_bytes(path: &str) -> usize {
    match path {
        "/administration/vpp/upload" | "/api/v1/vppTokens" => UPLOAD_LIMIT_BYTES,
        "/mdm" => DEVICE_LIMIT_BYTES,
        path if path.ends_with("/members") || path.ends_with("/members/preview") => MEMBERS_LIMIT_BYTES,
        // As many ids.
        path if path.starts_with("/api/v1/bulkActions") => MEMBERS_LIMIT_BYTES,
        _ => LIMIT_BYTES,
    }
}

/// The whole body with its share of the room; `None` when it is larger than it may be.
async fn whole(
    mut body: Body,
    limit: usize,
    door: &Door,
) -> Result<Option<(Bytes, Option<OwnedSemaphorePermit>)>, Refusal> {
    let declared = http_body::Body::size_hint(&body).lower();
    if declared > (limit + PASSED_OVER_BYTES) as u64 {
        return Ok(None);
    }
    let mut weight = 0;
    let mut read = Vec::new();
    let mut room: Option<OwnedSemaphorePermit> = None;
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Refusal::Broken)?.into_data() else {
            continue;
        };
        weight += data.len();
        if weight > limit {
            room = None;
            read = Vec::new();
            if weight > limit + PASSED_OVER_BYTES {
                return Ok(None);
            }
            continue;
        }
        let more = u32::try_from(data.len()).unwrap_or(u32::MAX);
        let Ok(more) = door.room.clone().try_acquire_many_owned(more) else {
            return Err(Refusal::NoPlace);
        };
        match &mut room {
            Some(room) => room.merge(more),
            None => room = Some(more),
        }
        read.extend_from_slice(&data);
    }
    Ok((weight <= limit).then(|| (read.into(), room)))
}

/// Why a request was not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Refusal {
    /// All places are taken, or there is no room for the body.
    NoPlace,
    /// The body did not come in time.
    TooSlow,
    /// The client broke off in the middle.
    Broken,
}

/// Says it as the door says things: a page to people, a problem to programs, a word to devices.
fn refused(app: &App, path: &str, headers: &HeaderMap, refusal: Refusal) -> Response {
    let (kind, page, status) = match refusal {
        Refusal::NoPlace => (Kind::Busy, ErrorKind::Busy, StatusCode::SERVICE_UNAVAILABLE),
        Refusal::TooSlow => (Kind::TooSlow, ErrorKind::TooSlow, StatusCode::REQUEST_TIMEOUT),
        Refusal::Broken => (Kind::Malformed, ErrorKind::BadRequest, StatusCode::BAD_REQUEST),
    };
    let mut response = if path == "/api" || path.starts_with("/api/") {
        Problem::of(kind).into_response()
    } else if path == "/mdm" {
        status.into_response()
    } else {
        error_page(app, auth::language(None, headers, &app.config), page)
    };
    if refusal == Refusal::NoPlace {
        let again = header::HeaderValue::from_static(COME_AGAIN_SECONDS);
        response.headers_mut().insert(header::RETRY_AFTER, again);
    }
    response
}
