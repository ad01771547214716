//! By which rules licences came back.

use axum::{Json as JsonBody, extract::State};
use domain::Reclaim;
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refusals,
    words::{DateTime, reclaim, word},
};
use crate::{
    app::{App, AppError},
    http::{auth::ApiReader, problem::Problem},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(reclaim_rules))
}

#[derive(Debug, Serialize, ToSchema)]
struct ReclaimRulesList {
    value: Vec<ReclaimRule>,
}

/// One rule, and what it took back.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ReclaimRule {
    /// What the event `licenceReturning` has as `reclaim`.
    #[schema(schema_with = reclaim)]
    rule: String,
    /// By the settings. Some rules are always on.
    is_on: bool,
    /// Licences of which Apple was asked, since this is counted.
    returned_count: u64,
    /// The last time, with what came within ten minutes before it.
    last_returned_count: u64,
    last_returned_date_time: Option<DateTime>,
}

/// By which rules licences came back, and when last
#[utoipa::path(
    get, path = "/reclaimRules", tag = "settings",
    responses((status = 200, description = "As asked for", body = ReclaimRulesList), Refusals)
)]
async fn reclaim_rules(State(app): State<App>, _: ApiReader) -> Result<JsonBody<ReclaimRulesList>, Problem> {
    let policy = app.policy().await?;
    let rows = app.store.reclaims().await.map_err(AppError::from)?;
    let count = |count: i64| u64::try_from(count).unwrap_or(0);
    let rule = |rule: Reclaim| {
        let row = rows.iter().find(|row| row.rule == rule);
        ReclaimRule {
            rule: word(rule),
            is_on: rule.is_on(&policy),
            returned_count: row.map_or(0, |row| count(row.returned)),
            last_returned_count: row.map_or(0, |row| count(row.last_returned)),
            last_returned_date_time: row.map(|row| DateTime(row.last_at)),
        }
    };
    Ok(JsonBody(ReclaimRulesList {
        value: Reclaim::ALL.into_iter().map(rule).collect(),
    }))
}
