//! 활동.

use axum::{extract::State, response::Response};
use serde::Deserialize;
use store::EventFilter;

use super::{
    Oops, frame, held, html,
    pages::{Place, activity::ActivityPage},
    speak, view,
};
use crate::{
    app::App,
    http::{auth::Reader, input::Query},
};

/// So much history a page.
const EVENTS: i64 = 100;

#[derive(Deserialize)]
pub struct Wanted {
    before: Option<i64>,
}

/// What is under way, and everything that happened.
pub async fn page(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    let filter = EventFilter {
        before: wanted.before,
        limit: EVENTS,
        ..EventFilter::default()
    };
    let rows = app.events(&filter).await?;
    let names = view::Names::of(&app, &rows).await?;
    let mut running = view::running(app.sync_open().await?.as_ref(), &app.operations_open().await?);
    running.extend(view::running_commands(&app.store.commands_about_apps().await?));
    let earlier = (rows.len() as i64 == EVENTS)
        .then(|| rows.last().map(|row| format!("/activity?before={}", row.seq)))
        .flatten();
    html(&ActivityPage {
        s: speak(&app, reader.lang),
        frame: frame(&app, &reader, Place::Activity, "/activity", None).await?,
        held: match wanted.before {
            None => held::lines(&app, &reader).await?,
            Some(_) => Vec::new(),
        },
        running,
        events: rows.iter().map(|row| names.event(row)).collect(),
        earlier,
        latest: wanted.before.is_none(),
    })
}
