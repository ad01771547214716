//! 대량 구매 앱.

use axum::{extract::State, response::Response};
use domain::Platform;
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        apps::{AppFilter, AppLine, AppSort, AppsPage, apps_link},
        parts::paged,
    },
    speak, view,
};
use crate::{
    app::App,
    http::{auth::Reader, input::Query},
};

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    q: String,
    #[serde(default)]
    filter: String,
    #[serde(default)]
    platform: String,
    #[serde(default)]
    sort: String,
    #[serde(default)]
    page: String,
}

/// Every app that was bought, with its licences.
pub async fn list(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    let query = wanted.q.trim().to_owned();
    let filter = AppFilter::of(&wanted.filter);
    let sort = AppSort::of(&wanted.sort);
    let platform = platform(&wanted.platform);
    let path = apps_link(&query, filter, platform, sort, 1);
    // Before what the page shows, which may be newer.
    let frame = frame(&app, &reader, Place::Apps, &path, None).await?;
    let summed = app.apps_summed().await?;
    let apps = summed.iter().flat_map(|summed| &summed.apps);
    let mut rows: Vec<AppLine> = apps.map(view::app_line).collect();
    rows.retain(|row| filter.passes(row) && matches(row, &query, platform));
    sort.sort(&mut rows);
    let (rows, pager) = paged(rows, wanted.page.parse().unwrap_or(1), |page| {
        apps_link(&query, filter, platform, sort, page)
    });
    html(&AppsPage {
        s: speak(&app, reader.lang),
        frame,
        linked: summed.is_some(),
        synced_at: summed.as_ref().and_then(|summed| summed.location.row.last_sync_at),
        rows,
        pager,
        query,
        filter,
        platform,
        sort,
    })
}

fn platform(text: &str) -> Option<Platform> {
    serde_json::from_value(serde_json::Value::from(text)).ok()
}

fn matches(row: &AppLine, query: &str, platform: Option<Platform>) -> bool {
    let query = query.to_lowercase();
    let found = [
        Some(row.name.as_str()),
        row.publisher.as_deref(),
        row.bundle_id.as_deref(),
    ]
    .into_iter()
    .flatten()
    .any(|text| text.to_lowercase().contains(&query));
    found && platform.is_none_or(|platform| row.platforms.contains(&platform))
}
