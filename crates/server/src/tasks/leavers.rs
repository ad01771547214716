//! Devices of people who left are not waited for for ever.

use super::Stepped;
use crate::app::{App, AppError};

/// Takes out some of those that were waited for long enough. Any number of servers may do it at once.
pub async fn step(app: &App) -> Result<Stepped, AppError> {
    match app.devices_left_behind().await? {
        0 => Ok(Stepped::Idle),
        _ => Ok(Stepped::Worked),
    }
}
