//! When there is nothing to show.

use askama::Template;
use axum::http::StatusCode;

use crate::messages::Speak;

/// What a person can do about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    Forbidden,
    /// The form came from another site.
    ForeignForm,
    /// The address or the form does not fit.
    BadRequest,
    /// An address for a form was opened, or the other way round.
    NotHere,
    TooLarge,
    /// The database changed underneath.
    Conflict,
    TooMany,
    /// Apple, or the database, did not answer.
    Failed,
    /// Too many ask at once.
    Busy,
    /// The form did not arrive in time.
    TooSlow,
    /// The database cannot be reached, or takes nothing any more.
    Unavailable,
}

impl ErrorKind {
    pub const ALL: [ErrorKind; 12] = [
        ErrorKind::NotFound,
        ErrorKind::Forbidden,
        ErrorKind::ForeignForm,
        ErrorKind::BadRequest,
        ErrorKind::NotHere,
        ErrorKind::TooLarge,
        ErrorKind::Conflict,
        ErrorKind::TooMany,
        ErrorKind::Failed,
        ErrorKind::Busy,
        ErrorKind::TooSlow,
        ErrorKind::Unavailable,
    ];

    pub fn status(self) -> StatusCode {
        match self {
            ErrorKind::NotFound => StatusCode::NOT_FOUND,
            ErrorKind::Forbidden | ErrorKind::ForeignForm => StatusCode::FORBIDDEN,
            ErrorKind::BadRequest => StatusCode::BAD_REQUEST,
            ErrorKind::NotHere => StatusCode::METHOD_NOT_ALLOWED,
            ErrorKind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorKind::Conflict => StatusCode::CONFLICT,
            ErrorKind::TooMany => StatusCode::TOO_MANY_REQUESTS,
            ErrorKind::Failed => StatusCode::INTERNAL_SERVER_ERROR,
            ErrorKind::Busy | ErrorKind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            ErrorKind::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }

    /// For a refusal that says no more than its number.
    pub fn of(status: StatusCode) -> ErrorKind {
        match status {
            StatusCode::NOT_FOUND | StatusCode::GONE => ErrorKind::NotFound,
            StatusCode::FORBIDDEN | StatusCode::UNAUTHORIZED => ErrorKind::Forbidden,
            StatusCode::METHOD_NOT_ALLOWED => ErrorKind::NotHere,
            StatusCode::PAYLOAD_TOO_LARGE => ErrorKind::TooLarge,
            StatusCode::CONFLICT | StatusCode::PRECONDITION_FAILED => ErrorKind::Conflict,
            StatusCode::TOO_MANY_REQUESTS => ErrorKind::TooMany,
            StatusCode::REQUEST_TIMEOUT => ErrorKind::TooSlow,
            StatusCode::SERVICE_UNAVAILABLE => ErrorKind::Unavailable,
            status if status.is_client_error() => ErrorKind::BadRequest,
            _ => ErrorKind::Failed,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            ErrorKind::NotFound => ("error-not-found", "error-not-found-advice"),
            ErrorKind::Forbidden => ("error-forbidden", "error-forbidden-advice"),
            ErrorKind::ForeignForm => ("error-foreign-form", "error-foreign-form-advice"),
            ErrorKind::BadRequest => ("error-bad-request", "error-bad-request-advice"),
            ErrorKind::NotHere => ("error-not-here", "error-not-here-advice"),
            ErrorKind::TooLarge => ("error-too-large", "error-too-large-advice"),
            ErrorKind::Conflict => ("error-conflict", "error-conflict-advice"),
            ErrorKind::TooMany => ("error-too-many", "error-too-many-advice"),
            ErrorKind::Failed => ("error-failed", "error-failed-advice"),
            ErrorKind::Busy => ("error-busy", "error-busy-advice"),
            ErrorKind::TooSlow => ("error-too-slow", "error-too-slow-advice"),
            ErrorKind::Unavailable => ("error-unavailable", "error-unavailable-advice"),
        }
    }
}

#[derive(Template)]
#[template(path = "console/error.html")]
pub struct ErrorPage {
    pub s: Speak,
    pub kind: ErrorKind,
    pub status: u16,
}

impl ErrorPage {
    fn head(&self) -> &'static str {
        self.kind.words().0
    }

    /// What to look for in the log.
    fn request_id(&self) -> Option<String> {
        crate::cause::request_id()
    }

    fn advice(&self) -> &'static str {
        self.kind.words().1
    }
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn samples(s: &Speak) -> Vec<(&'static str, String)> {
        let page = |kind| {
            let page = ErrorPage {
                s: s.clone(),
                kind,
                status: 400,
            };
            page.render().unwrap()
        };
        ErrorKind::ALL.map(|kind| (kind.words().0, page(kind))).into()
    }
}
