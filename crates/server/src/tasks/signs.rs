//! Writes down when devices were last heard, of all that spoke since the last time ([`app::signs`](crate::app::signs)).

use super::Stepped;
use crate::app::{App, AppError};

/// So many in one statement, and SQLite's writer is free between two.
const AT_ONCE: usize = 1_000;

/// Writes down who was heard. What cannot be written is kept for the next time.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    // The time of what was heard is that of the clock by which it is written.
    let _one_time = app.steps.read().await;
    let mut left = app.signs.take(app.now());
    while !left.is_empty() {
        let rest = left.split_off(left.len().min(AT_ONCE));
        if let Err(error) = write(app, &left).await {
            app.signs.put_back(left);
            app.signs.put_back(rest);
            return Err(error);
        }
        left = rest;
    }
    Ok(Stepped::Idle)
}

async fn write(app: &App, heard: &[(domain::DeviceId, domain::Time)]) -> Result<(), AppError> {
    let mut tx = app.store.begin().await?;
    tx.devices_spoke(heard).await?;
    Ok(tx.commit().await?)
}
