//! A page as an answer, and what is shown where there is none: in the reader's language, by the installation's clock.

use std::time::Duration;

use askama::Template;
use axum::{
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use store::StoreError;

use super::console::pages::error::{ErrorKind, ErrorPage};
use crate::{
    app::{App, AppError},
    cause,
    gate::Busy,
    messages::{Lang, Speak},
};

/// Nothing from anywhere else, no script or style inside a page, no page inside another.
pub const PAGE_POLICY: &str = "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; \
                           form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// The voice of a page: the reader's language, now, and the installation's time zone.
pub fn speak(app: &App, lang: Lang) -> Speak {
    Speak {
        lang,
        now: app.now(),
        zone: app.config.zone(),
    }
}

pub fn html(page: &impl Template) -> Result<Response, Oops> {
    let text = page.render().map_err(|error| {
        cause::note(&error);
        Oops::of(StatusCode::INTERNAL_SERVER_ERROR)
    })?;
    Ok(Html(text).into_response())
}

/// Why a page could not be shown.
pub struct Oops {
    status: StatusCode,
    /// Nothing is wrong but the moment: after how long to come again.
    later: Option<Duration>,
}

impl Oops {
    pub fn of(status: StatusCode) -> Oops {
        Oops { status, later: None }
    }
}

impl From<StoreError> for Oops {
    fn from(error: StoreError) -> Oops {
        AppError::from(error).into()
    }
}

impl From<AppError> for Oops {
    fn from(error: AppError) -> Oops {
        match error {
            AppError::Forbidden(_) => Oops::of(StatusCode::FORBIDDEN),
            AppError::NotFound(_) => Oops::of(StatusCode::NOT_FOUND),
            AppError::Stale(_)
            | AppError::Outdated(_)
            | AppError::Rule(_)
            | AppError::Leaving(_)
            | AppError::NotInvited(_)
            | AppError::NotWaiting
            | AppError::MovedUpAlready
            | AppError::NeedsApproval(_)
            | AppError::HeldOver
            | AppError::HeldOwn
            | AppError::HeldOfAnother
            | AppError::Unrestorable(_) => Oops::of(StatusCode::CONFLICT),
            AppError::TakesBack(..) => Oops::of(StatusCode::UNPROCESSABLE_ENTITY),
            AppError::Invalid { .. }
            | AppError::MembersAbsent { .. }
            | AppError::Bulk(_)
            | AppError::Deployment(_)
            | AppError::Token(_) => Oops::of(StatusCode::BAD_REQUEST),
            AppError::Busy(_) => Oops {
                status: StatusCode::SERVICE_UNAVAILABLE,
                later: Some(Busy::RETRY_AFTER),
            },
            AppError::Wait(wait) => Oops {
                status: StatusCode::TOO_MANY_REQUESTS,
                later: Some(wait),
            },
            error @ AppError::Profile(_) => {
                cause::note(&error);
                Oops::of(StatusCode::INTERNAL_SERVER_ERROR)
            }
            AppError::Store(error) => {
                cause::note(&error);
                Oops::of(if error.is_outage() {
                    StatusCode::SERVICE_UNAVAILABLE
                } else {
                    StatusCode::INTERNAL_SERVER_ERROR
                })
            }
        }
    }
}

impl IntoResponse for Oops {
    /// Bare: `refusals`, which knows the reader's language, makes the page of it.
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if let Some(later) = self.later {
            let again = (later.as_secs().max(1)).into();
            response.headers_mut().insert(header::RETRY_AFTER, again);
            if self.status == StatusCode::SERVICE_UNAVAILABLE {
                response.extensions_mut().insert(ErrorKind::Busy);
            }
        }
        response
    }
}

/// A page that says what happened and what to do, for those who are turned away before any handler.
pub fn error_page(app: &App, lang: Lang, kind: ErrorKind) -> Response {
    error_page_as(app, lang, kind, kind.status())
}

/// The same, for a refusal that has its number already.
pub fn error_page_as(app: &App, lang: Lang, kind: ErrorKind, status: StatusCode) -> Response {
    let page = ErrorPage {
        s: speak(app, lang),
        kind,
        status: status.as_u16(),
    };
    match html(&page) {
        Ok(page) => {
            let headers = [
                (header::CACHE_CONTROL, "no-store"),
                (header::CONTENT_SECURITY_POLICY, PAGE_POLICY),
            ];
            (status, headers, page).into_response()
        }
        Err(_) => status.into_response(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page said that the database does not answer.
    #[test]
    fn whoever_comes_in_a_crowd_is_told_so_and_when_to_come_again() {
        let response = Oops::from(AppError::Busy(Busy)).into_response();
        assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(response.headers()[header::RETRY_AFTER], "5");
        assert_eq!(response.extensions().get::<ErrorKind>(), Some(&ErrorKind::Busy));
    }
}
