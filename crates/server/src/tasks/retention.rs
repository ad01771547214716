//! Deletes what is past and old enough, a little at a time.

use std::time::Duration;

use store::Kept;

use super::{Stepped, turn};
use crate::app::{
    App, AppError,
    sign_in::{BROWSER_KNOWN, SESSION_IDLES},
    tokens::UPLOAD_WAITS,
};

/// One server at a time; who ends in the middle leaves nothing half done.
const LEASE: &str = "retention";
const GOOD_FOR: Duration = Duration::from_secs(60);

/// Deletes one batch of each kind; says whether there may be more.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    if turn(app, LEASE, GOOD_FOR).await?.is_none() {
        return Ok(Stepped::Idle);
    }
    let now = app.now();
    app.held_changes_expire().await?;
    let history = app.store.history_trim(now - app.config.retention.history).await?;
    let kept = Kept {
        work: now - app.config.retention.work,
        uploads: now - UPLOAD_WAITS,
        browsers: now - BROWSER_KNOWN,
        sessions: now - SESSION_IDLES,
        now,
    };
    let work = app.store.past_trim(kept).await?;
    if history + work == 0 {
        return Ok(Stepped::Idle);
    }
    tracing::info!(history, work, "deleted what is older than it is kept");
    Ok(Stepped::Worked)
}
