//! Why Apple did not do what was asked, by what the caller can do about it.

use std::time::Duration;

use crate::wire::{ErrorInfo, ErrorResponse, MdmInfo};

/// One variant for each thing a caller can do.
#[derive(Debug, thiserror::Error)]
pub enum AppleError {
    /// With `sent: false` Apple has certainly not heard of it.
    #[error("Apple could not be reached")]
    Unreachable {
        sent: bool,
        #[source]
        source: reqwest::Error,
    },
    /// Nothing was done. `wait` as Apple says; `None` when it does not say.
    #[error("Apple asks us to wait")]
    Throttled { wait: Option<Duration> },
    #[error("the content token has expired")]
    TokenExpired,
    #[error("the content token has been revoked")]
    TokenRevoked,
    #[error("the content token is not valid (error {number})")]
    TokenInvalid { number: i32 },
    #[error("the answer speaks for location {got}, not for {expected}")]
    OtherAccount { expected: String, got: String },
    #[error("another server manages the location now: {}", owner.name.as_deref().unwrap_or("it does not say its name"))]
    Taken { owner: MdmInfo },
    #[error("the token may not do this (error {number}: {message})")]
    NotAllowed { number: i32, message: String },
    /// Checked and turned down as a whole: nothing was done.
    #[error("Apple turned the request down (error {number}: {message})")]
    Refused {
        number: i32,
        message: String,
        info: Option<ErrorInfo>,
    },
    /// More in one request than Apple takes: split it.
    #[error("the request is too large (error {number})")]
    TooLarge { number: i32 },
    /// What was read before is of no use any more: read everything.
    #[error("the earlier version is not known any more")]
    Resync,
    /// Neither an answer nor an error that makes sense. What became of the request is not known.
    #[error("Apple's answer makes no sense: {0}")]
    Broken(String),
}

impl AppleError {
    /// Whether it is certain that Apple did nothing. If not, read back before asking again.
    pub fn outcome_known(&self) -> bool {
        match self {
            AppleError::Unreachable { sent, .. } => !sent,
            // These are noticed on an answer, which may be the answer to a write that happened.
            AppleError::Broken(_) | AppleError::Taken { .. } | AppleError::OtherAccount { .. } => false,
            _ => true,
        }
    }

    /// From what an answer says of itself. `wait` is its `Retry-After`.
    pub(crate) fn of(status: u16, error: ErrorResponse, wait: Option<Duration>) -> AppleError {
        let ErrorResponse {
            error_number: number,
            error_message,
            error_info: info,
        } = error;
        let message = error_message.unwrap_or_default();
        match number {
            9621 => AppleError::TokenExpired,
            9625 => AppleError::TokenRevoked,
            9601 | 9606 | 9611 | 9622 | 9722 => AppleError::TokenInvalid { number },
            9637 | 9638..=9640 | 9645 | 9647 => AppleError::NotAllowed { number, message },
            // "Too many requests" and "unavailable, try later" are said before anything is done.
            9646 | 9729 | 9644 | 9630..=9632 => AppleError::Throttled { wait },
            9700..=9702 | 9714 | 9816 => AppleError::TooLarge { number },
            9650 | 9721 => AppleError::Resync,
            // An internal error may have come after the work.
            9603 => AppleError::Broken(format!("internal error {number}")),
            _ if status == 429 => AppleError::Throttled { wait },
            _ if status >= 500 => AppleError::Broken(format!("status {status}, error {number}")),
            _ => AppleError::Refused { number, message, info },
        }
    }
}
