//! 대량 구매 프로그램: how far a person has come in joining it.

use serde::{Deserialize, Serialize};

use crate::Time;

/// A person's membership in the volume purchase programme of one location (A42, A43).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "status")]
pub enum Program {
    /// Apple knows nobody.
    #[default]
    None,
    /// Apple is being asked to create the client user.
    Creating,
    /// Apple did not create the client user.
    #[serde(rename_all = "camelCase")]
    Refused { error_number: i64, not_before: Time },
    /// Apple has the client user, and the person has to accept the terms.
    Registered { invitation: Invitation },
    /// The person accepted: an Apple Account is bound, licences work.
    Associated { since: Time },
    /// Apple is asked to retire the client user of a person who left. It ends in [`Retired`](Program::Retired) even
    /// when the person comes back meanwhile: Apple may have done it already.
    Retiring { since: Time },
    /// Apple has the client user no more, whoever retired it. Somebody who is due an app gets a new one.
    Retired,
}

impl Program {
    /// Apple has a client user that is in use, and nobody is ending that.
    pub fn is_active(&self) -> bool {
        matches!(self, Program::Registered { .. } | Program::Associated { .. })
    }
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "invitation")]
pub enum Invitation {
    #[default]
    None,
    /// `InviteToProgram` is queued for one of the person's devices, or handed over without an answer yet.
    Queued { since: Time },
    /// A device confirmed that it shows the invitation. Not sent again but by hand.
    Shown { at: Time },
}
