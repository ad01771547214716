//! Every refusal in the form that its reader understands: a page in their language for a person, a problem for a program.
//!
//! One place for all of them, because refusals come from everywhere: from handlers, from the extractors of `input`, from
//! the router (no such address, another method), from the layers around it. Whatever is refused and is neither a page
//! nor a problem yet becomes one here; its headers stay (`Allow`, `Retry-After`).

use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use secrecy::ExposeSecret;

use super::{auth, console::pages::error::ErrorKind, page::error_page_as, problem::Problem};
use crate::{app::App, messages::Lang};

/// Around the pages.
pub async fn as_pages(State(app): State<App>, request: Request, next: Next) -> Response {
    let headers = request.headers().clone();
    let response = next.run(request).await;
    if !is_refusal(&response) || is(&response, "text/html") {
        return response;
    }
    let kind = match response.extensions().get::<ErrorKind>() {
        Some(kind) => *kind,
        None => ErrorKind::of(response.status()),
    };
    let page = error_page_as(&app, reader(&app, &headers).await, kind, response.status());
    replaced(response, page)
}

/// Around the API.
pub async fn as_problems(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    if !is_refusal(&response) || is(&response, "application/problem+json") {
        return response;
    }
    let problem = Problem::of_status(response.status()).into_response();
    replaced(response, problem)
}

fn is_refusal(response: &Response) -> bool {
    response.status().is_client_error() || response.status().is_server_error()
}

fn is(response: &Response, media_type: &str) -> bool {
    let content_type = response.headers().get(header::CONTENT_TYPE);
    content_type.is_some_and(|value| value.as_bytes().starts_with(media_type.as_bytes()))
}

/// The body of `by`, and everything else of `refusal`.
fn replaced(refusal: Response, by: Response) -> Response {
    let (mut parts, _) = refusal.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let content_type = by.headers().get(header::CONTENT_TYPE).cloned();
    let content_type = content_type.unwrap_or(HeaderValue::from_static("text/plain"));
    parts.headers.insert(header::CONTENT_TYPE, content_type);
    Response::from_parts(parts, by.into_body())
}

/// The language of the account that is signed in; of the browser when nobody is, or when the database cannot say.
async fn reader(app: &App, headers: &HeaderMap) -> Lang {
    let account = match auth::session_token(headers, &app.config) {
        Some(token) => app.session(token.expose_secret()).await.ok().flatten(),
        None => None,
    };
    let account = account.map(|(_, account)| account);
    auth::language(account.as_ref(), headers, &app.config)
}

/// A form from another site was turned away.
pub fn foreign_form() -> Response {
    tracing::info!("a form from another site was turned away");
    let mut response = StatusCode::FORBIDDEN.into_response();
    response.extensions_mut().insert(ErrorKind::ForeignForm);
    response
}
