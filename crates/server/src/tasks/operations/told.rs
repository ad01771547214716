//! What Apple said of a request, and of whom.

use apple::{
    error::Class,
    wire::{self, ErrorResponse},
};

/// What Apple said of a request.
#[derive(Clone, Copy)]
pub(super) struct Told<'a> {
    pub(super) failures: &'a [ErrorResponse],
    /// What becomes of those whom no failure names.
    pub(super) otherwise: Otherwise,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Otherwise {
    /// The request was checked as a whole, and is refused to everybody.
    Refused,
    /// Nothing was done for them, and nothing is wrong with them.
    Undone,
    /// A failed event may have been done in part, and an answer may have been lost: lists tell.
    Listed,
    /// Apple says that everything was done.
    Done,
}

pub(super) const ALL_DONE: Told<'static> = Told {
    failures: &[],
    otherwise: Otherwise::Done,
};

pub(super) const NOTHING_SAID: Told<'static> = Told {
    failures: &[],
    otherwise: Otherwise::Listed,
};

impl Told<'_> {
    /// What was said of somebody by name. With one asset in a request, the person is the licence.
    pub(super) fn of(&self, client_user_id: &str) -> Option<i32> {
        let names = |failure: &&ErrorResponse| {
            let info = failure.error_info.as_ref();
            info.is_some_and(|info| info.client_user_ids.iter().any(|named| named == client_user_id))
        };
        self.failures.iter().find(names).map(|failure| failure.error_number)
    }

    /// What was said of everybody whom nothing else was said of.
    pub(super) fn of_all(&self) -> Option<i32> {
        let unnamed = self.failures.iter().find(|failure| !names_somebody(failure));
        unnamed.map(|failure| failure.error_number)
    }
}

pub(super) fn names_somebody(failure: &ErrorResponse) -> bool {
    let info = failure.error_info.as_ref();
    info.is_some_and(|info| !info.client_user_ids.is_empty())
}

/// Apple has no such client user, or has it no more: so it said of late, and so it did before.
pub(super) fn is_about_nobody(failure: &ErrorResponse) -> bool {
    matches!(
        failure.error_number,
        wire::error::NO_SUCH_USER | wire::error::ALREADY_RETIRED | 9620 | 9636
    )
}

/// Whether an answer about a client user says that it is in use no more: it was retired before, or Apple has none of this id.
pub(super) fn is_retired(number: i32) -> bool {
    // In the predecessor's words: the user was deleted, no registered user.
    matches!(number, wire::error::NO_SUCH_USER | 9620 | 9636) || is_done(number)
}

pub(super) fn is_done(number: i32) -> bool {
    Class::of(number, 400) == Class::Done
}
