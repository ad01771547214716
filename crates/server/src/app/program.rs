//! Why Apple did not register a person with the programme, by what anybody can do about it.

use apple::error::Class;
use serde::{Deserialize, Serialize};

/// `apps-and-books-api` §5, as far as it can befall `users/create`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProgramRefusal {
    /// Apple's trouble, or a limit of Apple's. It goes away by itself.
    Trouble,
    /// 9635: the Apple Account cannot be bound to this person.
    AccountNotUsable,
    /// 9641: the Apple Account belongs to somebody else already.
    AccountInUse,
    /// 9717: Apple does not take the mail address.
    BadMail,
    /// 9609, 9620: Apple knows the person's record no more.
    UnknownUser,
    /// The token, or whoever downloaded it, may not register anybody.
    NotAllowed,
    /// 9642 and its like: whoever manages the account at Apple has to do something there.
    AtApple,
    /// A number that says that our request was wrong, or that nobody knows.
    Ours,
}

impl ProgramRefusal {
    pub fn of(number: i64) -> ProgramRefusal {
        let number = i32::try_from(number).unwrap_or_default();
        match (number, Class::of(number, 400)) {
            (9635, _) => ProgramRefusal::AccountNotUsable,
            (9641, _) => ProgramRefusal::AccountInUse,
            (9717, _) => ProgramRefusal::BadMail,
            (_, Class::Retry | Class::Resync | Class::Split) => ProgramRefusal::Trouble,
            (_, Class::Subject) => ProgramRefusal::UnknownUser,
            (_, Class::Token | Class::Rights | Class::Owner) => ProgramRefusal::NotAllowed,
            (_, Class::Stop) => ProgramRefusal::AtApple,
            (_, Class::Bug | Class::Stock | Class::Done) => ProgramRefusal::Ours,
        }
    }

    /// Whether the same request will do by itself. Everything else is asked again too, and refused again until
    /// somebody has changed something.
    pub fn passes(self) -> bool {
        matches!(self, ProgramRefusal::Trouble | ProgramRefusal::UnknownUser)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_number_has_a_reason_that_says_what_to_do() {
        for (numbers, reason) in [
            (&[9603, 9644, 9646, 9714, 9729][..], ProgramRefusal::Trouble),
            (&[9635], ProgramRefusal::AccountNotUsable),
            (&[9641], ProgramRefusal::AccountInUse),
            (&[9717], ProgramRefusal::BadMail),
            (&[9609, 9620], ProgramRefusal::UnknownUser),
            (&[9601, 9621, 9637, 9645, 9647], ProgramRefusal::NotAllowed),
            (&[9634, 9642], ProgramRefusal::AtApple),
            (&[0, 9602, 9715, 9720, 12_345], ProgramRefusal::Ours),
        ] {
            for number in numbers {
                assert_eq!(ProgramRefusal::of(*number), reason, "{number}");
            }
        }
        assert!(ProgramRefusal::Trouble.passes() && !ProgramRefusal::BadMail.passes());
    }
}
