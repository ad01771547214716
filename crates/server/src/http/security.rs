//! What every answer carries, and what of it is logged.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use axum::{
    Router,
    extract::{DefaultBodyLimit, MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::{self, Next},
    response::Response,
};
use tokio::time::Instant;
use tower_http::{compression::CompressionLayer, csrf::CsrfLayer, set_header::SetResponseHeaderLayer};
use tracing::Instrument;

use super::{
    admission::{self, Door},
    flash,
    page::PAGE_POLICY,
    refusals, source,
};
use crate::{app::App, cause};

/// Names a request in the log and in what its sender is told.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
const BARE_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// For what people look at: forms from our own pages only, nothing kept by the browser unless it says so itself.
pub fn pages(router: Router<App>, app: &App) -> Router<App> {
    // A proxy that changes Host would turn our own forms away: our public address is trusted by name.
    let csrf = CsrfLayer::new()
        .add_trusted_origin(&app.config.public_url)
        .unwrap_or_else(|error| {
            tracing::warn!(error = %cause::Chain(&error), "the public address is not one that a browser would send as its origin");
            CsrfLayer::new()
        });
    router
        .layer(csrf.with_rejection_response(|_| refusals::foreign_form()))
        .layer(middleware::from_fn_with_state(app.clone(), refusals::as_pages))
        .layer(middleware::from_fn_with_state(app.clone(), flash::once))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CONTENT_SECURITY_POLICY,
            HeaderValue::from_static(PAGE_POLICY),
        ))
        .layer(CompressionLayer::new())
}

/// For programs: nothing is kept, and the caller's key keeps other sites out.
pub fn api(router: Router<App>) -> Router<App> {
    router
        .layer(middleware::from_fn(refusals::as_problems))
        .layer(SetResponseHeaderLayer::if_not_present(
            header::CACHE_CONTROL,
            HeaderValue::from_static("no-store"),
        ))
        .layer(CompressionLayer::new())
}

/// For every answer, whoever gets it.
pub fn everything(router: Router<App>, app: &App) -> Router<App> {
    let fixed = |name: HeaderName, value: &'static str| {
        SetResponseHeaderLayer::if_not_present(name, HeaderValue::from_static(value))
    };
    let door = Door::new(app.config.http.requests);
    let router = router
        // The door has looked at the size already.
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn_with_state((app.clone(), door), admission::admit))
        .layer(fixed(header::X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .layer(fixed(header::REFERRER_POLICY, "same-origin"))
        .layer(fixed(
            HeaderName::from_static("cross-origin-opener-policy"),
            "same-origin",
        ))
        .layer(fixed(header::CONTENT_SECURITY_POLICY, BARE_POLICY));
    let router = if app.config.is_https() {
        router.layer(fixed(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000"))
    } else {
        router
    };
    let proxy_seen = Arc::new(AtomicBool::new(false));
    router.layer(middleware::from_fn_with_state((app.clone(), proxy_seen), logged))
}

/// One line an answer, with the route as it is written in the code: an address may hold a one-time token.
async fn logged(State((app, proxy_seen)): State<(App, Arc<AtomicBool>)>, request: Request, next: Next) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<MatchedPath>()
        .map_or("none", MatchedPath::as_str)
        .to_owned();
    let trusted = &app.config.trusted_proxies;
    if let Some(peer) = source::unknown_proxy(&request, trusted)
        && !proxy_seen.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(%peer, "requests come with X-Forwarded-For from an address that trusted_proxies does not name");
    }
    // Otherwise 64 bits of chance: enough to find one request in a log.
    let id = source::request_id(&request, trusted).unwrap_or_else(|| hex::encode(&app.random.secret()[..8]));
    let known = Arc::new(cause::Request::new(id));
    let span = tracing::info_span!("request", http.method = %method, http.route = %route, request.id = known.id);
    async move {
        let mut response = cause::REQUEST
            .scope(known.clone(), store::in_one_wait(next.run(request)))
            .await;
        if let Ok(id) = HeaderValue::from_str(&known.id) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        let status = response.status().as_u16();
        let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        match known.cause() {
            // Said once for all requests; see there for the end of it, too.
            Some(cause) if cause.outage => {
                app.outage_said(&cause.chain);
                tracing::debug!(http.status = status, took_ms, error = cause.chain, "answered {status}");
            }
            Some(cause) => tracing::error!(http.status = status, took_ms, error = cause.chain, "answered {status}"),
            None => tracing::debug!(http.status = status, took_ms, "answered {status}"),
        }
        response
    }
    .instrument(span)
    .await
}
