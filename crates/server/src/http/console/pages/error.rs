//! When there is nothing to show.

use askama::Template;

use crate::messages::Speak;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorKind {
    NotFound,
    Forbidden,
    /// The form did not fit, or was sent twice.
    BadRequest,
    TooLarge,
    /// The database changed underneath.
    Conflict,
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
    pub fn status(self) -> u16 {
        match self {
            ErrorKind::NotFound => 404,
            ErrorKind::Forbidden => 403,
            ErrorKind::BadRequest => 400,
            ErrorKind::TooLarge => 413,
            ErrorKind::Conflict => 409,
            ErrorKind::Failed => 500,
            ErrorKind::Busy | ErrorKind::Unavailable => 503,
            ErrorKind::TooSlow => 408,
        }
    }

    fn words(self) -> (&'static str, &'static str) {
        match self {
            ErrorKind::NotFound => ("error-not-found", "error-not-found-advice"),
            ErrorKind::Forbidden => ("error-forbidden", "error-forbidden-advice"),
            ErrorKind::BadRequest => ("error-bad-request", "error-bad-request-advice"),
            ErrorKind::TooLarge => ("error-too-large", "error-too-large-advice"),
            ErrorKind::Conflict => ("error-conflict", "error-conflict-advice"),
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
        let page = |kind| ErrorPage { s: s.clone(), kind }.render().unwrap();
        vec![
            ("error-404", page(ErrorKind::NotFound)),
            ("error-403", page(ErrorKind::Forbidden)),
            ("error-400", page(ErrorKind::BadRequest)),
            ("error-413", page(ErrorKind::TooLarge)),
            ("error-409", page(ErrorKind::Conflict)),
            ("error-500", page(ErrorKind::Failed)),
            ("error-busy", page(ErrorKind::Busy)),
            ("error-408", page(ErrorKind::TooSlow)),
            ("error-503", page(ErrorKind::Unavailable)),
        ]
    }
}
