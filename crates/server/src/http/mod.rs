//! The doors: console for people, API for programs, `/mdm` for devices.

pub mod admission;
pub mod api;
pub mod auth;
pub mod connections;
pub mod console;
mod cookies;
pub mod devices;
pub mod enrol;
pub mod flash;
pub mod health;
pub mod input;
pub mod notifications;
mod page;
pub mod problem;
mod refusals;
pub mod security;
pub mod source;

use axum::Router;

use crate::app::App;

/// Every route of the product.
pub fn router(app: &App) -> Router {
    let pages = security::pages(console::router(app).merge(enrol::router()), app);
    let api = security::api(api::router(app));
    let router = Router::new()
        .merge(health::router())
        .merge(api)
        // They prove who they are with a signature in each request.
        .merge(devices::router())
        // Apple, with the secret that it was given.
        .merge(notifications::router())
        .merge(pages);
    security::everything(router, app).with_state(app.clone())
}
