//! The search field of the navigation: people, devices, apps.

use axum::{extract::State, response::Response};
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        parts::{Named, link},
        search::{Found, SearchPage},
    },
    speak, view,
};
use crate::{
    app::App,
    http::{auth::Reader, input::Query},
};

/// So many of each kind: whoever needs more types more.
const MOST: usize = 20;

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
}

pub async fn page(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    let bought = match app.location_view().await? {
        Some(location) => app.store.apps(location.row.id).await?,
        None => Vec::new(),
    };
    let query = wanted.q.trim().to_owned();
    let lower = query.to_lowercase();
    let hit = |texts: &[Option<&str>]| {
        !lower.is_empty() && texts.iter().flatten().any(|text| text.to_lowercase().contains(&lower))
    };
    let found = |name: &str, href: String, second_line: Option<&str>| Found {
        thing: Named {
            name: name.to_owned(),
            href,
        },
        second_line: second_line.unwrap_or_default().to_owned(),
    };
    let apps = bought
        .iter()
        .filter(|row| {
            let name = view::app_name(row);
            hit(&[Some(name.as_str()), row.publisher.as_deref(), row.bundle_id.as_deref()])
        })
        .take(MOST)
        .map(|row| {
            found(
                &view::app_name(row),
                format!("/apps/{}", row.id),
                row.publisher.as_deref(),
            )
        })
        .collect();
    let (mut people, mut devices) = (Vec::new(), Vec::new());
    if !query.is_empty() {
        people = app.people_like(&query, MOST).await?;
        devices = app.devices_like(&query, MOST).await?;
    }
    let people = people
        .iter()
        .take(MOST)
        .map(|row| found(&row.name, format!("/people/{}", row.id), row.department.as_deref()))
        .collect();
    let devices = devices
        .iter()
        .take(MOST)
        .map(|row| found(&row.name, format!("/devices/{}", row.id), row.serial.as_deref()))
        .collect();
    let mut frame = frame(
        &app,
        &reader,
        Place::Elsewhere,
        &link("/search", &[("q", &query)]),
        None,
    )
    .await?;
    frame.query.clone_from(&query);
    html(&SearchPage {
        s: speak(&app, reader.lang),
        frame,
        query,
        apps,
        people,
        devices,
    })
}
