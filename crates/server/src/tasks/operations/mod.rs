//! What is asked of Apple: one thing at a time, never twice blindly, and read back when an answer was lost.
//!
//! ```text
//! queued ──► sending ──► pending ──► done
//!    ▲          │           │    └──► failed
//!    └──────────┴───────────┘  what became of it is not known: lists tell, licence by licence
//! ```
//!
//! The transaction that marks an operation as `sending` is committed before the request leaves, with the time from
//! when on nothing more can come of it (`dead_at`). Whoever finds it so knows that Apple may have heard of it. A list
//! that shows the work done settles it at once; one that does not settles it only after that time
//! ([`domain::operation::settle`]). Meanwhile the operation holds its own licences, and other people's go on.

mod licences;
mod sending;
mod status;
mod told;
mod users;

use std::time::Duration;

use apple::{AppleError, licensing::Licensing};
use domain::{Time, operation::pause};
use store::{ClientUserRow, ClientUserStatus, Lease, LocationRow, OperationKind, OperationRow, OperationState};

use super::{StepError, sync};
use crate::app::App;
use sending::send;
use status::poll;
use told::{NOTHING_SAID, Told};

/// Nothing here ever waits longer than this: what does was written while the clock was wrong.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);
/// Small parallel writes get in each other's way at Apple, so one goes after the other; but others do not wait for one
/// that is stuck. So many may be before no more are sent.
const STUCK_AT_MOST: usize = 5;

/// What all of this needs to talk to Apple about a location, and to write down what comes of it.
struct Work<'a> {
    app: &'a App,
    location: &'a LocationRow,
    lease: &'a Lease,
    licensing: Licensing,
}

impl<'a> Work<'a> {
    async fn on(app: &'a App, location: &'a LocationRow, lease: &'a Lease) -> Result<Work<'a>, StepError> {
        Ok(Work {
            app,
            location,
            lease,
            licensing: sync::licensing(app, location).await?,
        })
    }

    async fn save(&self, operation: &OperationRow) -> Result<(), StepError> {
        let mut tx = self.app.store.begin_as(self.lease).await?;
        tx.operation_update(operation).await?;
        Ok(tx.commit().await?)
    }
}

/// Finds out what became of what was asked.
pub async fn evaluate(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let mut failed = None;
    for operation in app.store.operations_open(location.id).await? {
        if !due(&operation, app.now()) {
            continue;
        }
        let work = Work::on(app, location, lease);
        let found_out = match operation.state {
            OperationState::Pending => poll(&work.await?, operation).await,
            // Nobody knows what became of it: look, keep what is done, and ask for the rest again once it is certain.
            OperationState::Sending => conclude(&work.await?, operation, NOTHING_SAID).await,
            _ => continue,
        };
        match found_out {
            Ok(()) => {}
            // Apple answers, and stumbles over this one: the others are not held up by it.
            Err(StepError::Apple(
                error @ (AppleError::Trouble { .. } | AppleError::Broken(_) | AppleError::Refused { .. }),
            )) => {
                failed.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    match failed {
        Some(error) => Err(error.into()),
        None => Ok(()),
    }
}

/// Sends the oldest operation that waits, unless one is on its way already.
pub async fn send_next(app: &App, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let now = app.now();
    let open = app.store.operations_open(location.id).await?;
    let under_way: Vec<_> = open.iter().filter(|it| it.state != OperationState::Queued).collect();
    let stuck =
        |operation: &&&OperationRow| now.since(operation.sent_at.unwrap_or(now)) >= app.config.apple.stuck_after();
    if under_way.iter().filter(stuck).count() < under_way.len() || under_way.len() >= STUCK_AT_MOST {
        return Ok(());
    }
    let waiting = |operation: &OperationRow| operation.state == OperationState::Queued && due(operation, now);
    match open.into_iter().find(waiting) {
        Some(operation) => send(app, location, lease, operation).await,
        None => Ok(()),
    }
}

fn due(operation: &OperationRow, now: Time) -> bool {
    operation
        .not_before
        .is_none_or(|not_before| not_before.has_come(now, LONGEST_WAIT))
}

/// Settles an operation by what was said of it, and by a list for those of whom nothing was said.
async fn conclude(work: &Work<'_>, operation: OperationRow, told: Told<'_>) -> Result<(), StepError> {
    match operation.kind {
        OperationKind::CreateUsers => users::conclude_new(work, operation, told).await,
        OperationKind::RetireUsers => users::conclude_retired(work, operation, told).await,
        OperationKind::Associate | OperationKind::Disassociate => licences::conclude(work, operation, told).await,
    }
}

/// What is left of an operation once it was settled as far as is known.
#[derive(Clone, Copy, Default)]
struct Left {
    /// Of some of it nobody knows yet what became of it.
    open: bool,
    /// Some of it was not done, and is to be asked again.
    undone: bool,
}

/// What becomes of an operation of which this is left.
fn ended(app: &App, operation: &mut OperationRow, left: Left, told: Told<'_>, now: Time) {
    operation.event_id = None;
    if !left.open
        && let Some(failure) = told.failures.first()
    {
        operation.error_number = Some(i64::from(failure.error_number));
        operation.error_message.clone_from(&failure.error_message);
    }
    if left.open {
        // What is undone is open too until all of it is known: one request is asked again as a whole.
        operation.state = OperationState::Sending;
        operation.not_before = Some(next_look(app, operation));
    } else if left.undone {
        operation.state = OperationState::Queued;
        operation.dead_at = None;
        operation.not_before = Some(now + pause(app.config.apple.first_pause(), operation.attempts));
    } else {
        operation.state = if operation.error_number.is_some() {
            OperationState::Failed
        } else {
            OperationState::Done
        };
        operation.finished_at = Some(now);
    }
}

fn next_look(app: &App, operation: &OperationRow) -> Time {
    let now = app.now();
    let apple = &app.config.apple;
    let sent = operation.sent_at.unwrap_or(now);
    apple
        .patience
        .next_look(now, sent, operation.dead_at, apple.first_pause())
}

/// Whether Apple has still to say what became of this client user, about which an operation of this kind is.
fn is_open(kind: OperationKind, user: &ClientUserRow) -> bool {
    match kind {
        OperationKind::RetireUsers => user.status.is_active(),
        _ => user.status == ClientUserStatus::Creating,
    }
}
