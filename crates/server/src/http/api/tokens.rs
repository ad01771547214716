//! The content token (Graph's `vppToken`), and reading what Apple has.

use axum::{
    Json as JsonBody,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::{LocationId, SyncId};
use serde::Serialize;
use store::SyncRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Multipart, Path, Query, field_text, invalid, multipart_problem},
    page::{Page, PageQuery},
    words::{DateTime, notification_status, sync_cause, sync_status, token_state, word},
};
use crate::{
    app::{
        App,
        notifications::{Channel, NotificationStatus},
        tokens::{LocationView, TokenUpload},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(tokens_list, token_upload))
        .routes(routes!(token_get))
        .routes(routes!(token_sync_licenses))
        .routes(routes!(syncs_list))
        .routes(routes!(sync_get))
}

/// A linked content token and the location behind it.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct VppToken {
    id: Uuid,
    display_name: String,
    apple_id: String,
    organization_name: String,
    location_name: String,
    country_or_region: String,
    /// Apple's `uId`: the account. A renewed token has the same one.
    unique_location_id: String,
    #[schema(schema_with = token_state)]
    state: String,
    expiration_date_time: DateTime,
    /// Full days until then; negative afterwards.
    days_left: i64,
    last_sync_date_time: Option<DateTime>,
    /// `none` also before the first one.
    #[schema(schema_with = sync_status)]
    last_sync_status: String,
    /// Since when Apple has not answered as it should; null while it does.
    apple_silent_since_date_time: Option<DateTime>,
    last_modified_date_time: DateTime,
    last_modified_by: Option<String>,
    /// Who manages the location instead of us, with `assignedToExternalMDM`; `null` with it when nobody does any more:
    /// upload the token again, and this server does.
    external_mdm: Option<ExternalMdm>,
    /// What Apple says by itself, so that what changes there is acted on within seconds.
    notifications: Notifications,
}

/// Whether Apple notifies this server. Without it, everything is noticed all the same, at the next look.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Notifications {
    /// `notTried` until Apple was told where to.
    #[schema(schema_with = notification_status)]
    status: String,
    /// When the last one came that there was something to look after.
    last_received_date_time: Option<DateTime>,
    /// When Apple was asked in vain; it is asked again a quarter of an hour later.
    last_tried_date_time: Option<DateTime>,
    /// Apple's number for why not, if it gave one; 9728: it could not reach the address.
    error_number: Option<i64>,
}

impl From<Channel> for Notifications {
    fn from(channel: Channel) -> Notifications {
        let (received, tried, number) = match channel {
            Channel::Works { last } => (last, None, None),
            Channel::Refused { number, at } => (None, Some(at), Some(number).filter(|number| *number != 0)),
            Channel::Untried | Channel::Off => (None, None, None),
        };
        Notifications {
            status: word(NotificationStatus::from(channel)),
            last_received_date_time: DateTime::of(received),
            last_tried_date_time: DateTime::of(tried),
            error_number: number,
        }
    }
}

/// Another server that Apple names as the manager of the location.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ExternalMdm {
    name: String,
    metadata: Option<String>,
}

impl VppToken {
    async fn of(app: &App, view: LocationView) -> Result<VppToken, Problem> {
        let row = view.row;
        let syncs = app.syncs(1).await?;
        Ok(VppToken {
            id: row.id.0,
            display_name: row.display_name,
            apple_id: row.apple_id,
            organization_name: row.organization_name,
            location_name: row.location_name,
            country_or_region: row.country,
            unique_location_id: row.uid,
            state: word(view.state),
            expiration_date_time: DateTime(row.expires_at),
            days_left: view.days_left,
            last_sync_date_time: DateTime::of(row.last_sync_at),
            last_sync_status: syncs
                .first()
                .map_or_else(|| "none".to_owned(), |sync| word(sync.status)),
            apple_silent_since_date_time: DateTime::of(row.unanswered_since),
            last_modified_date_time: DateTime(row.last_modified_at),
            last_modified_by: view.uploaded_by,
            external_mdm: row.owner_name.map(|name| ExternalMdm {
                name,
                metadata: row.owner_metadata,
            }),
            notifications: app.channel(row.id).await?.into(),
        })
    }
}

/// One reading of everything that Apple has.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Sync {
    id: Uuid,
    /// `none` while it waits for its turn.
    #[schema(schema_with = sync_status)]
    status: String,
    /// Why it was asked for; `resync`: what is known here did not fit.
    #[schema(schema_with = sync_cause)]
    cause: String,
    requested_by: String,
    /// What is being read.
    phase: String,
    done: i64,
    total: i64,
    requests: i64,
    changes: i64,
    requested_date_time: DateTime,
    start_date_time: Option<DateTime>,
    completed_date_time: Option<DateTime>,
    error: Option<SyncError>,
}

/// Why a sync failed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SyncError {
    code: String,
    message: Option<String>,
}

impl From<SyncRow> for Sync {
    fn from(row: SyncRow) -> Sync {
        Sync {
            id: row.id.0,
            status: word(row.status),
            cause: word(row.cause),
            requested_by: row.actor,
            phase: row.phase,
            done: row.done,
            total: row.total,
            requests: row.requests,
            changes: row.changes,
            requested_date_time: DateTime(row.requested_at),
            start_date_time: DateTime::of(row.started_at),
            completed_date_time: DateTime::of(row.finished_at),
            error: row.error_code.map(|code| SyncError {
                code,
                message: row.error_detail,
            }),
        }
    }
}

/// A content token to link, or to renew the linked one with.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
#[expect(dead_code, reason = "describes, and is never made")]
struct TokenForm {
    /// The `.vpptoken` file, as Apple Business Manager gives it out.
    #[schema(format = Binary, content_media_type = "application/octet-stream")]
    file: String,
    display_name: String,
    /// The account that the token was downloaded with.
    apple_id: String,
    /// Has to be true: once linked, no other account can be.
    account_cannot_be_changed_confirmed: bool,
}

/// The linked token
#[utoipa::path(
    get, path = "/vppTokens", tag = "vppTokens", params(PageQuery),
    responses((status = 200, description = "None or one", body = Page<VppToken>), Refusals)
)]
async fn tokens_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<VppToken>>, Problem> {
    let mut tokens = Vec::new();
    if let Some(view) = app.location_view().await? {
        tokens.push(VppToken::of(&app, view).await?);
    }
    Ok(JsonBody(Page::rising(tokens, &query, |token| token.id.to_string())?))
}

/// Link a token, or renew the linked one
///
/// Every refusal has a problem type of its own, `urn:allotment:problem:token-refused-…`, and changes nothing.
#[utoipa::path(
    post, path = "/vppTokens", tag = "vppTokens",
    request_body(content = TokenForm, content_type = "multipart/form-data"),
    responses(
        (status = 201, description = "Linked; a first sync is on its way", body = VppToken),
        (status = 200, description = "The linked token was renewed", body = VppToken),
        Refusals
    )
)]
async fn token_upload(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Multipart(mut form): Multipart,
) -> Result<impl IntoResponse, Problem> {
    let mut upload = TokenUpload {
        file: Vec::new(),
        display_name: String::new(),
        apple_id: String::new(),
    };
    let mut confirmed = false;
    while let Some(field) = form.next_field().await.map_err(|error| multipart_problem(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == "file" {
            upload.file = field.bytes().await.map_err(|error| multipart_problem(&error))?.to_vec();
            continue;
        }
        let text = field_text(field).await?;
        match name.as_str() {
            "displayName" => upload.display_name = text,
            "appleId" => upload.apple_id = text,
            "accountCannotBeChangedConfirmed" => confirmed = text == "true",
            other => return Err(invalid(other, "unknown", format!("there is no field {other}"))),
        }
    }

    let renewal = app.location_view().await?.is_some();
    let id = app.token_read(&caller, upload).await?;
    if let Err(error) = app.token_link(&caller, id, confirmed).await {
        // A program sends the file again; only a person comes back to what was uploaded.
        app.token_upload_cancel(&caller, id).await?;
        return Err(error.into());
    }
    let view = app.location_view().await?.ok_or_else(|| Problem::not_found("token"))?;
    let location = format!("/api/v1/vppTokens/{}", view.row.id);
    let status = if renewal { StatusCode::OK } else { StatusCode::CREATED };
    let token = VppToken::of(&app, view).await?;
    Ok((status, [(header::LOCATION, location)], JsonBody(token)))
}

/// One token
#[utoipa::path(
    get, path = "/vppTokens/{token}", tag = "vppTokens", params(("token" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = VppToken), Refusals)
)]
async fn token_get(
    State(app): State<App>,
    _: ApiReader,
    Path(token): Path<LocationId>,
) -> Result<JsonBody<VppToken>, Problem> {
    let view = linked(&app, token).await?;
    Ok(JsonBody(VppToken::of(&app, view).await?))
}

/// Read everything from Apple now
///
/// One that waits or runs already is the answer.
#[utoipa::path(
    post, path = "/vppTokens/{token}/syncLicenses", tag = "vppTokens", params(("token" = Uuid, Path)),
    responses((status = 202, description = "Asked for; follow `Location`", body = Sync), Refusals)
)]
async fn token_sync_licenses(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(token): Path<LocationId>,
) -> Result<impl IntoResponse, Problem> {
    linked(&app, token).await?;
    let id = app.sync_now(&caller).await?;
    let sync = app.sync(id).await?.ok_or_else(|| Problem::not_found("sync"))?;
    let location = format!("/api/v1/vppTokens/{token}/syncs/{id}");
    Ok((
        StatusCode::ACCEPTED,
        [(header::LOCATION, location)],
        JsonBody(Sync::from(sync)),
    ))
}

/// The latest syncs, the newest first
#[utoipa::path(
    get, path = "/vppTokens/{token}/syncs", tag = "vppTokens", params(("token" = Uuid, Path), PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Sync>), Refusals)
)]
async fn syncs_list(
    State(app): State<App>,
    _: ApiReader,
    Path(token): Path<LocationId>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Sync>>, Problem> {
    /// A year of two a day, and some by hand.
    const MOST: i64 = 1000;
    linked(&app, token).await?;
    let mut syncs = app.syncs(MOST).await?;
    syncs.sort_by_key(|row| std::cmp::Reverse(row.id));
    let page = Page::falling(syncs, &query, |row| row.id.to_string())?;
    Ok(JsonBody(page.map(Sync::from)))
}

/// One sync and how far it is
#[utoipa::path(
    get, path = "/vppTokens/{token}/syncs/{sync}", tag = "vppTokens",
    params(("token" = Uuid, Path), ("sync" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Sync), Refusals)
)]
async fn sync_get(
    State(app): State<App>,
    _: ApiReader,
    Path((token, sync)): Path<(LocationId, SyncId)>,
) -> Result<JsonBody<Sync>, Problem> {
    linked(&app, token).await?;
    let row = app.sync(sync).await?.filter(|row| row.location_id == token);
    Ok(JsonBody(row.ok_or_else(|| Problem::not_found("sync"))?.into()))
}

async fn linked(app: &App, token: LocationId) -> Result<LocationView, Problem> {
    let view = app.location_view().await?.filter(|view| view.row.id == token);
    view.ok_or_else(|| Problem::not_found("token"))
}
