//! Whether the process lives, and whether it can do its job: for load balancers and service managers.

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};

use crate::app::App;

pub fn router() -> Router<App> {
    Router::new()
        .route("/livez", get(|| async { "ok\n" }))
        .route("/readyz", get(ready))
}

/// Writes something, and says why when it cannot.
async fn ready(State(app): State<App>) -> Response {
    let (status, text) = match app.ready().await {
        Ok(()) => (StatusCode::OK, "ok\n".to_owned()),
        Err(why) => (StatusCode::SERVICE_UNAVAILABLE, format!("{why}\n")),
    };
    (status, [(header::CACHE_CONTROL, "no-store")], text).into_response()
}
