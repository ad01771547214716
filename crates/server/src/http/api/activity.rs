//! What is on its way, and what happened.

use axum::{Json as JsonBody, extract::State};
use domain::{AssetId, DeviceId, PersonId};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use store::{EventFilter, EventRow, OperationRow};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Query, invalid},
    page::{Page, PageQuery, cursor},
    words::{DateTime, actor_kind, operation_kind, operation_state, word},
};
use crate::{
    app::App,
    http::{auth::ApiReader, problem::Problem},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(operations_list))
        .routes(routes!(events_list))
}

/// Something that Apple was asked to do, or will be.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Operation {
    id: Uuid,
    #[schema(schema_with = operation_kind)]
    kind: String,
    /// `sending`: the answer is not there yet, or was lost; `pending`: Apple works on it.
    #[schema(schema_with = operation_state)]
    state: String,
    /// Apple's name for it.
    event_id: Option<String>,
    /// How often it was sent.
    attempts: i64,
    requested_count: i64,
    completed_count: i64,
    error: Option<OperationError>,
    created_date_time: DateTime,
    sent_date_time: Option<DateTime>,
    completed_date_time: Option<DateTime>,
}

/// What Apple said against it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct OperationError {
    error_number: Option<i64>,
    message: Option<String>,
}

impl From<OperationRow> for Operation {
    fn from(row: OperationRow) -> Operation {
        let failed = row.error_number.is_some() || row.error_message.is_some();
        let error = failed.then_some(OperationError {
            error_number: row.error_number,
            message: row.error_message,
        });
        Operation {
            id: row.id.0,
            kind: word(row.kind),
            state: word(row.state),
            event_id: row.event_id,
            attempts: row.attempts,
            requested_count: row.requested,
            completed_count: row.completed,
            error,
            created_date_time: DateTime(row.created_at),
            sent_date_time: DateTime::of(row.sent_at),
            completed_date_time: DateTime::of(row.finished_at),
        }
    }
}

/// Something that happened.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Event {
    /// Rises with time.
    id: i64,
    activity_date_time: DateTime,
    activity_type: String,
    actor: EventActor,
    vpp_token_id: Option<Uuid>,
    app_id: Option<Uuid>,
    user_id: Option<Uuid>,
    device_id: Option<Uuid>,
    group_id: Option<Uuid>,
    /// Facts that belong to this type of event.
    #[schema(value_type = Object)]
    detail: Value,
}

/// Who did it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EventActor {
    #[schema(schema_with = actor_kind)]
    kind: String,
    id: Option<String>,
}

impl From<EventRow> for Event {
    fn from(row: EventRow) -> Event {
        Event {
            id: row.seq,
            activity_date_time: DateTime(row.at),
            activity_type: row.kind,
            actor: EventActor {
                kind: row.actor_kind,
                id: row.actor_id,
            },
            vpp_token_id: row.location_id.map(|id| id.0),
            app_id: row.asset_id.map(|id| id.0),
            user_id: row.person_id.map(|id| id.0),
            device_id: row.device_id.map(|id| id.0),
            group_id: row.group_id.map(|id| id.0),
            detail: row.detail,
        }
    }
}

/// Which events.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query, rename_all = "camelCase")]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct EventQuery {
    /// How many at most: 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// About this app only.
    app_id: Option<Uuid>,
    /// About this person only.
    user_id: Option<Uuid>,
    /// About this device only.
    device_id: Option<Uuid>,
}

/// What Apple was asked lately, the latest first
///
/// The latest 1000; `/events` tells what happened before.
#[utoipa::path(
    get, path = "/operations", tag = "activity", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Operation>), Refusals)
)]
async fn operations_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Operation>>, Problem> {
    /// Whoever wants to know what happened before reads the events.
    const RECENT: i64 = 1000;
    let mut operations = app.operations_recent(RECENT).await?;
    operations.sort_by_key(|operation| std::cmp::Reverse(operation.id));
    let page = Page::falling(operations, &query, |operation| operation.id.to_string())?;
    Ok(JsonBody(page.map(Operation::from)))
}

/// What happened, the latest first
#[utoipa::path(
    get, path = "/events", tag = "activity", params(EventQuery),
    responses((status = 200, description = "As asked for", body = Page<Event>), Refusals)
)]
async fn events_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<EventQuery>,
) -> Result<JsonBody<Page<Event>>, Problem> {
    let page = PageQuery {
        limit: query.limit,
        cursor: query.cursor,
    };
    let limit = page.limit()?;
    let before = match page.after()? {
        None => None,
        Some(key) => Some(
            key.parse::<i64>()
                .map_err(|_| invalid("cursor", "malformed", "cursor is not one that was given out here"))?,
        ),
    };
    let filter = EventFilter {
        asset: query.app_id.map(AssetId),
        person: query.user_id.map(PersonId),
        device: query.device_id.map(DeviceId),
        before,
        // One more than asked for, to know whether anything follows.
        limit: limit as i64 + 1,
    };
    let mut events = app.events(&filter).await?;
    let more = events.len() > limit;
    events.truncate(limit);
    let next_cursor = events.last().filter(|_| more).map(|last| cursor(&last.seq.to_string()));
    Ok(JsonBody(Page {
        value: events.into_iter().map(Event::from).collect(),
        next_cursor,
    }))
}
