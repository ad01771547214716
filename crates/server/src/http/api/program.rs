//! How far people are in joining the volume purchase programme.

use domain::{Program as Joined, invitation::Ending, program};
use serde::Serialize;
use store::{ClientUserRow, InvitationRow};
use utoipa::ToSchema;
use uuid::Uuid;

use super::words::{DateTime, program_refusal, word};
use crate::app::program::ProgramRefusal;

/// How far a person has come in joining the volume purchase programme.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    status: ProgramStatus,
    /// When a device confirmed that it shows the invitation.
    invited_date_time: Option<DateTime>,
    accepted_date_time: Option<DateTime>,
    /// The latest, since the person was last invited anew.
    invitation: Option<Invitation>,
    /// Why Apple did not register the person; absent when it did, or was not asked.
    refusal: Option<ProgramRefused>,
}

/// What Apple said against registering a person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct ProgramRefused {
    /// Apple's own.
    error_number: i64,
    #[schema(schema_with = program_refusal)]
    reason: String,
    /// Whether trying again will do; else somebody has to change something first.
    passes_by_itself: bool,
    /// When it is tried again.
    retry_date_time: DateTime,
}

impl ProgramRefused {
    fn of(joined: Joined) -> Option<ProgramRefused> {
        let Joined::Refused {
            error_number,
            not_before,
        } = joined
        else {
            return None;
        };
        let reason = ProgramRefusal::of(error_number);
        Some(ProgramRefused {
            error_number,
            reason: word(reason),
            passes_by_itself: reason.passes(),
            retry_date_time: DateTime(not_before),
        })
    }
}

/// The invitation to the programme on one device.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Invitation {
    device_id: Uuid,
    queued_date_time: DateTime,
    outcome: InvitationOutcome,
    ended_date_time: Option<DateTime>,
    /// What the device said when it did not show it.
    error: Option<String>,
}

/// How far the invitation on a device came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum InvitationOutcome {
    /// The device has not answered.
    Waiting,
    /// The device shows it.
    Shown,
    /// The device turned it down; another one is asked, or the same a day later.
    Failed,
    /// The device did not answer in time, and another one was asked.
    Silent,
    /// The device left or enrolled anew.
    Dropped,
    /// It was not needed any more.
    Withdrawn,
}

/// `notInvited`, `refused`, `invited` (a device shows it, or is about to), `accepted`; of somebody who left `retiring`
/// and `retired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ProgramStatus {
    NotInvited,
    /// Apple did not register the person, and said why.
    Refused,
    Invited,
    Accepted,
    /// Apple is being asked to let the person go.
    Retiring,
    Retired,
}

impl Program {
    /// `None` for somebody whom Apple does not know. `latest` is the latest invitation of this round.
    pub fn of(row: Option<&ClientUserRow>, latest: Option<&InvitationRow>) -> Program {
        let attempts: Vec<_> = latest.map(InvitationRow::attempt).into_iter().collect();
        let joined = row.map(|row| row.program(&attempts)).unwrap_or_default();
        let (status, invited) = match joined {
            Joined::None | Joined::Creating => (ProgramStatus::NotInvited, None),
            Joined::Refused { .. } => (ProgramStatus::Refused, None),
            Joined::Registered { invitation } => match invitation {
                program::Invitation::None => (ProgramStatus::NotInvited, None),
                program::Invitation::Queued { .. } => (ProgramStatus::Invited, None),
                program::Invitation::Shown { at } => (ProgramStatus::Invited, Some(at)),
            },
            Joined::Associated { .. } => (ProgramStatus::Accepted, None),
            Joined::Retiring { .. } => (ProgramStatus::Retiring, None),
            Joined::Retired => (ProgramStatus::Retired, None),
        };
        Program {
            status,
            invited_date_time: DateTime::of(invited),
            accepted_date_time: DateTime::of(row.and_then(|row| row.accepted_at)),
            invitation: latest.map(Invitation::of),
            refusal: ProgramRefused::of(joined),
        }
    }
}

impl Invitation {
    pub fn of(row: &InvitationRow) -> Invitation {
        Invitation {
            device_id: row.device_id.0,
            queued_date_time: DateTime(row.queued_at),
            outcome: match row.outcome {
                None => InvitationOutcome::Waiting,
                Some(Ending::Shown) => InvitationOutcome::Shown,
                Some(Ending::Failed) => InvitationOutcome::Failed,
                Some(Ending::Silent) => InvitationOutcome::Silent,
                Some(Ending::Dropped) => InvitationOutcome::Dropped,
                Some(Ending::Withdrawn) => InvitationOutcome::Withdrawn,
            },
            ended_date_time: DateTime::of(row.ended_at),
            error: row.error.clone(),
        }
    }
}
