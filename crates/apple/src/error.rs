//! Why Apple did not do what was asked, by what the caller can do about it.

use std::time::Duration;

use crate::{
    text,
    wire::{ErrorInfo, ErrorResponse, MdmInfo, error},
};

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
    /// Something broke at Apple, perhaps after the work was done: read back before asking again.
    #[error("Apple has trouble of its own (status {status})")]
    Trouble { status: u16, wait: Option<Duration> },
    #[error("the content token has expired")]
    TokenExpired,
    #[error("the content token has been revoked")]
    TokenRevoked,
    #[error("the content token is not valid (error {number})")]
    TokenInvalid { number: i32 },
    #[error("the answer speaks for location {got}, not for {expected}")]
    OtherAccount { expected: String, got: String },
    /// Without an id it is nobody's: somebody has let it go.
    #[error("{}", taken(owner))]
    Taken { owner: MdmInfo },
    #[error("the token may not do this (error {number}: {message})")]
    NotAllowed { number: i32, message: String },
    /// Checked and turned down as a whole: nothing was done.
    #[error("Apple turned the request down (error {number}: {message})")]
    Refused {
        number: i32,
        message: String,
        info: Option<ErrorInfo>,
        class: Class,
    },
    /// More in one request than Apple takes: read the limits, and split it.
    #[error("the request is too large (error {number})")]
    TooLarge { number: i32 },
    /// What was read before is of no use any more: read everything.
    #[error("the earlier version is not known any more")]
    Resync,
    /// Neither an answer nor an error that makes sense. What became of the request is not known.
    #[error("Apple's answer makes no sense: {0}")]
    Broken(String),
}

fn taken(owner: &MdmInfo) -> String {
    match (&owner.id, &owner.name) {
        (None, _) => "no server manages the location any more".to_owned(),
        (Some(id), None) => format!("another server manages the location now: {id}"),
        (Some(_), Some(name)) => format!("another server manages the location now: {name}"),
    }
}

/// What an error asks for: the one thing that decides how to react. [`AppleError::class`] tells it of every error,
/// [`Class::of`] of a number.
///
/// The words beside a number change from call to call, so nobody looks at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// The token is not valid: ask again before believing it, and then stop until there is a new one, or it is taken again.
    Token,
    /// The token may only read: write nothing until there is another one.
    Rights,
    /// Another server manages the location, or nobody does any more: write nothing, and go on reading to notice when it is
    /// given back.
    Owner,
    /// Nothing is wrong with the request: the same again, later. Whether a write may be repeated says
    /// [`AppleError::outcome_known`].
    Retry,
    /// Our mistake: the same again would fail the same way.
    Bug,
    /// Too much at once: read the limits, split, repeat.
    Split,
    /// Somebody or something named in it cannot be served; the rest can.
    Subject,
    /// No licence is left: not again until the counts change.
    Stock,
    /// It is already as wanted.
    Done,
    /// What we know is out of date: read everything.
    Resync,
    /// Turned down for a reason that only an administrator can mend.
    Stop,
}

impl Class {
    /// All of them, each for one reaction.
    pub const ALL: [Class; 11] = [
        Class::Token,
        Class::Rights,
        Class::Owner,
        Class::Retry,
        Class::Bug,
        Class::Split,
        Class::Subject,
        Class::Stock,
        Class::Done,
        Class::Resync,
        Class::Stop,
    ];
}

impl Class {
    /// What `number` asks for; of a number that nobody has told us yet, what `status` asks for.
    ///
    /// Numbers below 9700 come mostly from the service's predecessor. Some of them still turn up.
    pub fn of(number: i32, status: u16) -> Class {
        match number {
            error::NOT_LOGGED_IN
            | error::TOKEN_EXPIRED
            | error::TOKEN_NOT_VALID
            | error::TOKEN_REVOKED
            | error::BAD_AUTHORIZATION
            | 9606
            | 9611 => Class::Token,

            error::INTERNAL | error::MAINTENANCE | error::TOO_MANY_REQUESTS | error::UNAVAILABLE => Class::Retry,
            // A job of the predecessor failed, a licence was snatched away or moved too often, a transfer is on.
            9608 | 9612 | 9613 | 9626 | 9627 | 9630..=9632 | 9643 => Class::Retry,

            error::TOO_MANY_ASSETS
            | error::TOO_MANY_CLIENT_USERS
            | error::TOO_MANY_SERIAL_NUMBERS
            | error::TOO_MANY_USERS
            | error::SUBSCRIPTION_LIMITS => Class::Split,

            error::NO_SUCH_USER
            | error::ACCOUNT_NOT_USABLE
            | error::ACCOUNT_IN_USE
            | error::NOT_REVOCABLE
            | error::NOT_DEVICE_ASSIGNABLE
            | error::BAD_EMAIL
            | error::USER_NOT_ASSOCIATED
            | error::NOT_A_SUBSCRIBER => Class::Subject,
            // Not revocable, the user was deleted, not for devices, no such user.
            9607 | 9620 | 9628 | 9636 => Class::Subject,

            error::NOT_ENOUGH_LICENCES | error::LICENCE_NOT_FOUND => Class::Stock,

            error::ALREADY_ASSIGNED
            | error::ALREADY_RETIRED
            | error::NOT_ASSIGNED
            | error::USER_EXISTS
            | error::HELD_THROUGH_GROUP => Class::Done,

            error::BAD_PAGE | error::UNKNOWN_EVENT | error::BAD_VERSION | error::BAD_CURSOR => Class::Resync,
            // The licence was refunded, the traversal's token belongs to another, or is lost.
            9624 | 9629 | 9633 => Class::Resync,

            error::NOT_FOR_FACILITATORS | error::MANAGED_BY_APPLE | error::NOT_WITH_LEGACY_TOKEN => Class::Rights,
            // Facilitators, in the predecessor's words.
            9638..=9640 => Class::Rights,

            error::SERVICE_GONE
            | error::BAD_NOTIFICATION_URL
            | error::NOTIFICATION_URL_UNREACHABLE
            | error::SUBSCRIPTIONS_LEFT => Class::Stop,
            // Another storefront, an address that moved, terms that nobody accepted yet.
            9605 | 9617 | 9642 => Class::Stop,

            9600..=9649 | 9700..=9729 | 9811..=9818 => Class::Bug,

            _ => match status {
                401 => Class::Token,
                403 => Class::Rights,
                408 | 425 | 429 | 500.. => Class::Retry,
                _ => Class::Bug,
            },
        }
    }
}

impl AppleError {
    /// An answer that makes no sense, and why. A reason may quote the answer: only so much of it is kept.
    pub(crate) fn broken(why: &dyn std::fmt::Display) -> AppleError {
        AppleError::Broken(text::kept(&why.to_string(), text::SENTENCE))
    }

    /// What the error asks for. Each error asks for one thing.
    pub fn class(&self) -> Class {
        match self {
            AppleError::Unreachable { .. }
            | AppleError::Throttled { .. }
            | AppleError::Trouble { .. }
            // A page of a proxy, an answer that was cut: the next one may make sense.
            | AppleError::Broken(_) => Class::Retry,
            AppleError::TokenExpired
            | AppleError::TokenRevoked
            | AppleError::TokenInvalid { .. }
            // A token that opens another location is no token for this one.
            | AppleError::OtherAccount { .. } => Class::Token,
            AppleError::Taken { .. } => Class::Owner,
            AppleError::NotAllowed { .. } => Class::Rights,
            AppleError::TooLarge { .. } => Class::Split,
            AppleError::Resync => Class::Resync,
            AppleError::Refused { class, .. } => *class,
        }
    }

    /// Whether it is certain that Apple did nothing. If not, read back before asking again.
    pub fn outcome_known(&self) -> bool {
        match self {
            AppleError::Unreachable { sent, .. } => !sent,
            AppleError::Trouble { .. } => false,
            // These are noticed on an answer, which may be the answer to a write that happened.
            AppleError::Broken(_) | AppleError::Taken { .. } | AppleError::OtherAccount { .. } => false,
            _ => true,
        }
    }

    /// How long Apple wants to be left alone, if it said so. It concerns the whole location, not one request.
    pub fn wait(&self) -> Option<Duration> {
        match self {
            AppleError::Throttled { wait } | AppleError::Trouble { wait, .. } => *wait,
            _ => None,
        }
    }

    /// Whether Apple wants to be left alone for a while, and will do the same request then. A 503 says so too when it
    /// says nothing else; only that nobody knows then whether the request was worked on.
    pub fn asks_for_patience(&self) -> bool {
        matches!(
            self,
            AppleError::Throttled { .. }
                | AppleError::Trouble { status: 503, .. }
                | AppleError::Trouble { wait: Some(_), .. }
        )
    }

    /// From what an answer says of itself. `wait` is its `Retry-After`.
    pub(crate) fn of(status: u16, answer: ErrorResponse, wait: Option<Duration>) -> AppleError {
        let ErrorResponse {
            error_number: number,
            error_message,
            error_info: info,
        } = answer;
        let message = error_message.unwrap_or_default();
        let class = Class::of(number, status);
        match (class, number) {
            (Class::Token, error::TOKEN_EXPIRED) => AppleError::TokenExpired,
            (Class::Token, error::TOKEN_REVOKED) => AppleError::TokenRevoked,
            (Class::Token, _) => AppleError::TokenInvalid { number },
            (Class::Split, _) => AppleError::TooLarge { number },
            (Class::Resync, error::BAD_PAGE | error::BAD_VERSION | error::BAD_CURSOR) => AppleError::Resync,
            (Class::Rights, _) => AppleError::NotAllowed { number, message },
            // Said before anything is done, and to the location as a whole.
            (_, error::TOO_MANY_REQUESTS | error::UNAVAILABLE | error::MAINTENANCE | 9630..=9632) => {
                AppleError::Throttled { wait }
            }
            // These may have come after the work.
            (_, error::INTERNAL | 9608 | 9612 | 9613) => AppleError::Trouble { status, wait },
            // A 503 that explains itself comes from the service, which did not take the request on.
            _ if matches!(status, 408 | 425 | 429 | 503) => AppleError::Throttled { wait },
            _ if status >= 500 => AppleError::Trouble { status, wait },
            _ => AppleError::Refused {
                number,
                message,
                info,
                class,
            },
        }
    }

    /// From the status alone, of an answer that holds no error number.
    pub(crate) fn of_status(status: u16, wait: Option<Duration>) -> AppleError {
        match status {
            408 | 425 | 429 => AppleError::Throttled { wait },
            500.. => AppleError::Trouble { status, wait },
            _ => AppleError::Broken(format!("status {status}")),
        }
    }
}

impl From<reqwest::Error> for AppleError {
    fn from(source: reqwest::Error) -> Self {
        AppleError::Unreachable {
            sent: !source.is_connect(),
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_asks_for_what_apple_documents() {
        for (numbers, class) in [
            (&[9601, 9621, 9622, 9625, 9722][..], Class::Token),
            (&[9603, 9644, 9646, 9729, 9626, 9627, 9630, 9632, 9643], Class::Retry),
            (
                &[9600, 9602, 9623, 9649, 9703, 9710, 9719, 9720, 9727, 9811, 9813],
                Class::Bug,
            ),
            (&[9700, 9701, 9702, 9714, 9816], Class::Split),
            (&[9609, 9635, 9641, 9706, 9707, 9717, 9814, 9815, 9620], Class::Subject),
            (&[9709, 9610], Class::Stock),
            (&[9616, 9618, 9619, 9716, 9817], Class::Done),
            (&[9650, 9708, 9721, 9812, 9624, 9633], Class::Resync),
            (&[9637, 9639, 9645, 9647], Class::Rights),
            (&[9634, 9642, 9712, 9728, 9818], Class::Stop),
        ] {
            for number in numbers {
                // The number decides, whatever status it comes with.
                for status in [200, 400, 401, 500] {
                    assert_eq!(Class::of(*number, status), class, "{number} with {status}");
                }
            }
        }
    }

    /// Apple announces that numbers may be added.
    #[test]
    fn a_new_number_asks_for_what_its_status_asks_for() {
        for (status, class) in [
            (401, Class::Token),
            (403, Class::Rights),
            (429, Class::Retry),
            (503, Class::Retry),
            (400, Class::Bug),
            (200, Class::Bug),
        ] {
            assert_eq!(Class::of(9999, status), class, "{status}");
        }
    }

    /// A pause is for the whole location: what concerns one licence or one person must not cause it.
    #[test]
    fn what_concerns_one_licence_does_not_stop_the_location() {
        for number in [9609, 9616, 9619, 9626, 9627, 9643, 9709, 9624] {
            let answer = ErrorResponse {
                error_number: number,
                ..ErrorResponse::default()
            };
            let error = AppleError::of(400, answer, None);
            assert!(matches!(error, AppleError::Refused { .. }), "{number}: {error:?}");
        }
    }

    /// Whoever reacts to an error looks at its class, so no error may be without one, and no class without an error.
    #[test]
    fn every_error_has_one_class_and_every_class_an_error() {
        let numbered = |number| {
            let answer = ErrorResponse {
                error_number: number,
                ..ErrorResponse::default()
            };
            AppleError::of(400, answer, None)
        };
        let table = [
            (AppleError::TokenExpired, Class::Token),
            (AppleError::TokenRevoked, Class::Token),
            (AppleError::TokenInvalid { number: 9622 }, Class::Token),
            (
                AppleError::OtherAccount {
                    expected: "1".into(),
                    got: "2".into(),
                },
                Class::Token,
            ),
            (numbered(9637), Class::Rights),
            (
                AppleError::Taken {
                    owner: MdmInfo::default(),
                },
                Class::Owner,
            ),
            (AppleError::Throttled { wait: None }, Class::Retry),
            (
                AppleError::Trouble {
                    status: 500,
                    wait: None,
                },
                Class::Retry,
            ),
            (AppleError::Broken(String::new()), Class::Retry),
            (numbered(9602), Class::Bug),
            (numbered(9700), Class::Split),
            (numbered(9609), Class::Subject),
            (numbered(9709), Class::Stock),
            (numbered(9616), Class::Done),
            (numbered(9721), Class::Resync),
            (numbered(9708), Class::Resync),
            (numbered(9642), Class::Stop),
        ];
        for (error, class) in &table {
            assert_eq!(error.class(), *class, "{error:?}");
        }
        for class in Class::ALL {
            assert!(table.iter().any(|(_, has)| *has == class), "{class:?} has no error");
        }
    }

    /// The variant says what a person reads, the number what is done: they must not part.
    #[test]
    fn an_error_made_of_a_number_keeps_the_class_of_the_number() {
        for number in (9600..=9650).chain(9700..=9730).chain(9811..=9818).chain([9999]) {
            for status in [200, 400, 401, 403, 410, 429, 500, 503] {
                let answer = ErrorResponse {
                    error_number: number,
                    ..ErrorResponse::default()
                };
                let error = AppleError::of(status, answer, None);
                let by_number = Class::of(number, status);
                // What a status of trouble says of the whole request comes before what a number says of a part of it.
                let of_the_whole = matches!(error, AppleError::Throttled { .. } | AppleError::Trouble { .. });
                assert!(
                    error.class() == by_number || of_the_whole,
                    "{number} with {status}: {error:?}"
                );
            }
        }
    }
}
