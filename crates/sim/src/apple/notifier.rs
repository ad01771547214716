//! Sends what locations tell their servers.

use std::sync::Arc;
use std::time::Duration;

use super::service::Service;

/// How often it looks whether there is anything to send.
const EVERY: Duration = Duration::from_millis(50);

/// Sends them as they come, until the simulator stops.
pub async fn run(service: Arc<Service>) {
    let mut closing = service.closing.subscribe();
    loop {
        if service.notifies() {
            let due = service.with(|state| state.deliveries());
            for delivery in due {
                if !delivery.arrives(&service.client).await {
                    service.with(|state| state.not_delivered(delivery));
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            _ = closing.wait_for(|closing| *closing) => return,
        }
    }
}
