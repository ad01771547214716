//! Where Apple says that something happened at a location (reference §5).

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};

use crate::{
    app::{App, notifications::NotTaken},
    cause::Chain,
};

pub fn router() -> Router<App> {
    Router::new().route("/apple/notifications/{path}", post(notified))
}

/// Any 2xx is a receipt; whatever else has Apple try twice more.
async fn notified(State(app): State<App>, Path(path): Path<String>, headers: HeaderMap, body: Bytes) -> Response {
    let bearer = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let secret = bearer.and_then(|text| text.split_once(' ')).and_then(|(scheme, text)| {
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        is_bearer.then_some(text.trim())
    });
    match app.notified(&path, secret, &body).await {
        Ok(()) => StatusCode::OK.into_response(),
        Err(error) => {
            let status = match &error {
                NotTaken::Unknown => StatusCode::NOT_FOUND,
                NotTaken::NotApple => StatusCode::FORBIDDEN,
                NotTaken::Malformed(_) | NotTaken::OtherLocation => StatusCode::BAD_REQUEST,
                NotTaken::App(error) => {
                    app.outage(error);
                    StatusCode::SERVICE_UNAVAILABLE
                }
            };
            tracing::warn!(error = %Chain(&error), "a notification was not taken");
            (status, format!("{error}\n")).into_response()
        }
    }
}
