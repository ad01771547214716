//! Asks what became of a request that Apple took in: it answered with the id of an event, and the event has a status.

use apple::{
    AppleError,
    wire::{self, StatusResponse},
};
use store::{OperationKind, OperationRow, OperationState};

use super::{
    Work, conclude,
    told::{ALL_DONE, NOTHING_SAID, Otherwise, Told, names_somebody},
};
use crate::{app::App, tasks::StepError};

/// Asks for the status of the event, and writes down what it says.
pub(super) async fn poll(work: &Work<'_>, mut operation: OperationRow) -> Result<(), StepError> {
    let app = work.app;
    let Some(event_id) = operation.event_id.clone() else {
        return look(work, operation).await;
    };
    let status = match work.licensing.status(&event_id).await {
        Ok(status) => status,
        Err(AppleError::Refused {
            number: wire::error::UNKNOWN_EVENT,
            ..
        }) => {
            return look(work, operation).await;
        }
        Err(error) => {
            later(app, &mut operation);
            work.save(&operation).await?;
            return Err(error.into());
        }
    };
    operation.completed = status.num_completed.unwrap_or(operation.completed);
    match status.event_status.as_deref() {
        Some("COMPLETE") => complete(work, operation, &status).await,
        Some("FAILED") => {
            // The event has ended: nothing more comes of it from now on.
            operation.dead_at = Some(app.now());
            let told = Told {
                failures: &status.failures,
                otherwise: Otherwise::Listed,
            };
            // One that names nobody concerns whoever turns out not to be served, perhaps only later.
            let unnamed = status.failures.iter().find(|failure| !names_somebody(failure));
            operation.error_number = unnamed.map(|failure| i64::from(failure.error_number));
            operation.error_message = unnamed.and_then(|failure| failure.error_message.clone());
            conclude(work, operation, told).await
        }
        _ => {
            later(app, &mut operation);
            work.save(&operation).await
        }
    }
}

/// There is no event to ask about: lists tell, from now on.
async fn look(work: &Work<'_>, mut operation: OperationRow) -> Result<(), StepError> {
    operation.state = OperationState::Sending;
    operation.event_id = None;
    work.save(&operation).await?;
    work.app.location_bell.notify_one();
    Ok(())
}

/// The status does not tell. Once nothing more can come of the event, lists do.
fn later(app: &App, operation: &mut OperationRow) {
    let now = app.now();
    if operation.dead_at.is_none_or(|dead_at| dead_at <= now) {
        operation.state = OperationState::Sending;
        operation.event_id = None;
    } else {
        operation.not_before = Some(now + app.config.apple.event_poll_every);
    }
}

/// Apple says that everything was done.
async fn complete(work: &Work<'_>, mut operation: OperationRow, status: &StatusResponse) -> Result<(), StepError> {
    match operation.kind {
        OperationKind::CreateUsers => {
            // The status does not tell the invitation codes.
            operation.dead_at = Some(work.app.now());
            conclude(work, operation, NOTHING_SAID).await
        }
        OperationKind::RetireUsers => conclude(work, operation, ALL_DONE).await,
        OperationKind::Associate | OperationKind::Disassociate => {
            operation.completed = status.num_completed.unwrap_or(operation.requested);
            conclude(work, operation, ALL_DONE).await
        }
    }
}
