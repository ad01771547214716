//! What Apple said of a request, and of whom.

use apple::wire::{self, ErrorInfo, ErrorResponse};
use domain::{Ask, operation::Word};

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
    /// What was said of somebody by name, which is a client user's id or a serial number. With one asset in a request, whoever
    /// is named is the licence.
    pub(super) fn of(&self, name: &str) -> Option<i32> {
        let names = |failure: &&ErrorResponse| {
            let info = failure.error_info.as_ref();
            info.is_some_and(|info| named(info).any(|named| named == name))
        };
        self.failures.iter().find(names).map(|failure| failure.error_number)
    }

    /// What is known of what became of one licence, and the number if it was turned down; `None` when nothing was done for
    /// it. `listed` is what a list says.
    pub(super) fn of_licence(
        &self,
        ask: Ask,
        name: &str,
        listed: impl FnOnce() -> Word,
    ) -> Option<(Word, Option<i32>)> {
        let number = match (self.of(name), self.otherwise) {
            (Some(number), _) => Some(number),
            (None, Otherwise::Refused) => self.of_all(),
            (None, Otherwise::Done) => return Some((Word::Done, None)),
            (None, Otherwise::Listed) => return Some((listed(), None)),
            (None, Otherwise::Undone) => return None,
        };
        Some(match number {
            Some(number) if is_done(ask, number) => (Word::Done, None),
            number => (Word::Refused, number),
        })
    }

    /// What is known of a client user that is to be retired. `alone`: nobody else was named in the request, so what was said
    /// of all was said of this one.
    pub(super) fn of_retired(&self, client_user_id: &str, alone: bool, listed: impl FnOnce() -> Word) -> Word {
        let said = self.of(client_user_id).or_else(|| self.of_all().filter(|_| alone));
        match (said, self.otherwise) {
            (Some(number), _) if is_done(Ask::Retire, number) => Word::Done,
            (None, Otherwise::Done) => Word::Done,
            (None, Otherwise::Listed) => listed(),
            (Some(_), _) | (None, Otherwise::Refused | Otherwise::Undone) => Word::Refused,
        }
    }

    /// What was said of everybody whom nothing else was said of.
    pub(super) fn of_all(&self) -> Option<i32> {
        let unnamed = self.failures.iter().find(|failure| !names_somebody(failure));
        unnamed.map(|failure| failure.error_number)
    }
}

pub(super) fn names_somebody(failure: &ErrorResponse) -> bool {
    let info = failure.error_info.as_ref();
    info.is_some_and(|info| named(info).next().is_some())
}

/// The people and the devices that an error is about.
fn named(info: &ErrorInfo) -> impl Iterator<Item = &str> {
    let names = info.client_user_ids.iter().chain(&info.serial_numbers);
    names.map(String::as_str)
}

/// Apple has no such client user, or has it no more: so it said of late, and so it did before.
pub(super) fn is_about_nobody(failure: &ErrorResponse) -> bool {
    matches!(
        failure.error_number,
        wire::error::NO_SUCH_USER | wire::error::ALREADY_RETIRED | 9620 | 9636
    )
}

/// Whether Apple turned it down because it is as was asked already.
pub(super) fn is_done(ask: Ask, number: i32) -> bool {
    use wire::error;
    match ask {
        Ask::Associate => matches!(
            number,
            error::ALREADY_ASSIGNED | error::HELD_THROUGH_GROUP | error::USER_EXISTS
        ),
        // Whom Apple does not have any more has nothing that could come back: it came with the retirement.
        Ask::Disassociate => number == error::NOT_ASSIGNED || is_done(Ask::Retire, number),
        // In the predecessor's words: the user was deleted, no registered user.
        Ask::Retire => matches!(number, error::NO_SUCH_USER | error::ALREADY_RETIRED | 9620 | 9636),
    }
}

#[cfg(test)]
mod tests {
    use domain::{Reading, Time};

    use super::*;

    const LISTED: Word = Word::Listed(
        true,
        Reading {
            began: Time(1),
            lag: std::time::Duration::ZERO,
        },
    );

    fn failure(number: i32, people: &[&str]) -> ErrorResponse {
        let info = ErrorInfo {
            client_user_ids: people.iter().map(|id| (*id).to_owned()).collect(),
            ..ErrorInfo::default()
        };
        ErrorResponse {
            error_number: number,
            error_message: None,
            error_info: Some(info),
        }
    }

    fn told(failures: &[ErrorResponse], otherwise: Otherwise) -> Told<'_> {
        Told { failures, otherwise }
    }

    #[test]
    fn what_is_said_of_one_by_name_counts_for_that_one_whatever_is_said_of_the_rest() {
        let failures = [
            failure(wire::error::NOT_ENOUGH_LICENCES, &[]),
            failure(wire::error::ACCOUNT_IN_USE, &["a"]),
            failure(wire::error::ALREADY_ASSIGNED, &["b", "c"]),
        ];
        for otherwise in [
            Otherwise::Refused,
            Otherwise::Undone,
            Otherwise::Listed,
            Otherwise::Done,
        ] {
            let told = told(&failures, otherwise);
            let of = |id| told.of_licence(Ask::Associate, id, || LISTED);
            assert_eq!(of("a"), Some((Word::Refused, Some(wire::error::ACCOUNT_IN_USE))));
            assert_eq!(of("b"), Some((Word::Done, None)));
            assert_eq!(of("c"), Some((Word::Done, None)));
            let rest = match otherwise {
                Otherwise::Refused => Some((Word::Refused, Some(wire::error::NOT_ENOUGH_LICENCES))),
                Otherwise::Undone => None,
                Otherwise::Listed => Some((LISTED, None)),
                Otherwise::Done => Some((Word::Done, None)),
            };
            assert_eq!(of("d"), rest);
        }
        assert!(!names_somebody(&failures[0]) && names_somebody(&failures[1]));
    }

    #[test]
    fn devices_are_named_by_their_serial_numbers() {
        let info = ErrorInfo {
            serial_numbers: vec!["C39XA0000001".to_owned()],
            ..ErrorInfo::default()
        };
        let failures = [ErrorResponse {
            error_info: Some(info),
            ..failure(wire::error::ALREADY_ASSIGNED, &[])
        }];
        assert!(names_somebody(&failures[0]));
        let told = told(&failures, Otherwise::Undone);
        let of = |serial| told.of_licence(Ask::Associate, serial, || LISTED);
        assert_eq!(
            (of("C39XA0000001"), of("C39XA0000002")),
            (Some((Word::Done, None)), None)
        );
    }

    #[test]
    fn what_was_done_before_is_done_whether_or_not_anybody_is_named() {
        let failures = [failure(wire::error::NOT_ASSIGNED, &[])];
        let of = |failures: &[ErrorResponse]| {
            told(failures, Otherwise::Refused).of_licence(Ask::Disassociate, "a", || LISTED)
        };
        assert_eq!(of(&failures), Some((Word::Done, None)));
        // Checked as a whole, and no reason given.
        assert_eq!(of(&[]), Some((Word::Refused, None)));
    }

    /// Their licences came back with the retirement; but nobody gets one in this way.
    #[test]
    fn whom_apple_does_not_have_has_given_everything_back_and_gets_nothing() {
        for number in [wire::error::NO_SUCH_USER, wire::error::ALREADY_RETIRED, 9620, 9636] {
            let failures = [failure(number, &["a"])];
            assert!(is_about_nobody(&failures[0]), "{number}");
            let told = told(&failures, Otherwise::Undone);
            assert_eq!(
                told.of_licence(Ask::Disassociate, "a", || LISTED),
                Some((Word::Done, None)),
                "{number}"
            );
            assert_eq!(told.of_retired("a", false, || LISTED), Word::Done, "{number}");
        }
        let failures = [failure(wire::error::NO_SUCH_USER, &["a"])];
        let told = told(&failures, Otherwise::Undone);
        let refused = (Word::Refused, Some(wire::error::NO_SUCH_USER));
        assert_eq!(told.of_licence(Ask::Associate, "a", || LISTED), Some(refused));
        assert!(!is_about_nobody(&failure(wire::error::ACCOUNT_IN_USE, &["a"])));
    }

    /// 9616 to whoever takes a licence back once counted as "is back", and to whoever gives one as "is given".
    #[test]
    fn only_what_was_asked_for_is_done() {
        use wire::error;
        let done = |ask, numbers: [i32; 6]| numbers.map(|number| is_done(ask, number));
        let numbers = [
            error::ALREADY_ASSIGNED,
            error::HELD_THROUGH_GROUP,
            error::USER_EXISTS,
            error::NOT_ASSIGNED,
            error::ALREADY_RETIRED,
            error::ACCOUNT_IN_USE,
        ];
        assert_eq!(done(Ask::Associate, numbers), [true, true, true, false, false, false]);
        assert_eq!(
            done(Ask::Disassociate, numbers),
            [false, false, false, true, true, false]
        );
        assert_eq!(done(Ask::Retire, numbers), [false, false, false, false, true, false]);
    }

    #[test]
    fn what_is_said_of_a_retirement_as_a_whole_counts_for_whoever_was_asked_for_alone() {
        let failures = [failure(wire::error::NO_SUCH_USER, &[])];
        let refused = told(&failures, Otherwise::Refused);
        assert_eq!(refused.of_retired("a", true, || LISTED), Word::Done);
        assert_eq!(refused.of_retired("a", false, || LISTED), Word::Refused);
        let failures = [failure(wire::error::BAD_EMAIL, &["b"])];
        let listed = told(&failures, Otherwise::Listed);
        assert_eq!(listed.of_retired("a", false, || LISTED), LISTED);
        assert_eq!(listed.of_retired("b", false, || LISTED), Word::Refused);
        assert_eq!(ALL_DONE.of_retired("a", false, || LISTED), Word::Done);
        assert_eq!(NOTHING_SAID.of_retired("a", true, || LISTED), LISTED);
        assert_eq!(
            told(&[], Otherwise::Undone).of_retired("a", true, || LISTED),
            Word::Refused
        );
    }
}
