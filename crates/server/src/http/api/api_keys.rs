//! Keys with which programs come in.

use std::time::Duration;

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::ApiKeyId;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use store::{ApiKey as KeyRow, Role};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query, invalid},
    page::{Page, PageQuery},
    words::{DateTime, Length, role},
};
use crate::{
    app::{App, api_keys::KEY_OVERLAP},
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(api_keys_list, api_key_add))
        .routes(routes!(api_key_get, api_key_revoke))
        .routes(routes!(api_key_rotate))
}

/// A key of this API, without the key itself: that is shown only once.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ApiKey {
    id: Uuid,
    display_name: String,
    #[schema(schema_with = role)]
    role: Role,
    /// The last characters of the key.
    hint: String,
    created_by: String,
    created_date_time: DateTime,
    last_used_date_time: Option<DateTime>,
    rotated_date_time: Option<DateTime>,
    /// Until then the key that this one replaced works, too.
    previous_valid_until_date_time: Option<DateTime>,
    /// From then on it opens nothing; null when it does not end by itself.
    expiration_date_time: Option<DateTime>,
    revoked_date_time: Option<DateTime>,
}

impl From<KeyRow> for ApiKey {
    fn from(row: KeyRow) -> ApiKey {
        ApiKey {
            id: row.id.0,
            display_name: row.name,
            role: row.role,
            hint: row.hint,
            created_by: row.made_by,
            created_date_time: DateTime(row.created_at),
            last_used_date_time: DateTime::of(row.last_used_at),
            rotated_date_time: DateTime::of(row.rotated_at),
            previous_valid_until_date_time: DateTime::of(row.previous_until),
            expiration_date_time: DateTime::of(row.expires_at),
            revoked_date_time: DateTime::of(row.revoked_at),
        }
    }
}

/// A key to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewApiKey {
    /// What it is for.
    display_name: String,
    #[schema(schema_with = role)]
    role: Role,
    /// PT1H to P3653D; null or absent: until it is revoked.
    #[serde(default)]
    valid_for: Option<Length>,
}

/// How a key is to be replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Rotation {
    /// How long the present key works beside the new one: PT0S to P30D, a day if absent.
    #[serde(default)]
    overlap: Option<Length>,
}

/// A key that was just made.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MadeApiKey {
    /// `Authorization: Bearer` takes it. It is not shown again.
    secret: String,
    #[serde(flatten)]
    key: ApiKey,
}

/// All keys, the revoked ones too
#[utoipa::path(
    get, path = "/apiKeys", tag = "apiKeys", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<ApiKey>), Refusals)
)]
async fn api_keys_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<ApiKey>>, Problem> {
    let page = Page::by_id(app.api_keys().await?, &query, |key| key.id)?;
    Ok(JsonBody(page.map(ApiKey::from)))
}

/// Make a key
#[utoipa::path(
    post, path = "/apiKeys", tag = "apiKeys", request_body = NewApiKey,
    responses((status = 201, description = "Made", body = MadeApiKey), Refusals)
)]
async fn api_key_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(new): Json<NewApiKey>,
) -> Result<impl IntoResponse, Problem> {
    let lasts = new.valid_for.map(|length| length.0);
    let (id, secret) = app
        .api_key_create(&caller, &new.display_name, new.role, lasts)
        .await
        .map_err(renamed)?;
    Ok(created(format!("apiKeys/{id}"), made(&app, id, &secret).await?))
}

/// One key
#[utoipa::path(
    get, path = "/apiKeys/{key}", tag = "apiKeys", params(("key" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = ApiKey), Refusals)
)]
async fn api_key_get(
    State(app): State<App>,
    _: ApiReader,
    Path(key): Path<ApiKeyId>,
) -> Result<Tagged<ApiKey>, Problem> {
    shown(&app, key).await
}

/// Replace a key
///
/// The new one has the same role, and is good for as long as the first was.
#[utoipa::path(
    post, path = "/apiKeys/{key}/rotate", tag = "apiKeys",
    params(("key" = Uuid, Path), IfMatch),
    request_body = Rotation,
    responses((status = 200, description = "Replaced", body = MadeApiKey), Refusals)
)]
async fn api_key_rotate(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(key): Path<ApiKeyId>,
    IfMatch(base): IfMatch,
    Json(rotation): Json<Rotation>,
) -> Result<Tagged<MadeApiKey>, Problem> {
    const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
    let overlap = rotation.overlap.map_or(KEY_OVERLAP, |length| length.0);
    if overlap > LONGEST {
        return Err(invalid("overlap", "malformed", "overlap can be PT0S to P30D"));
    }
    match app.api_key_rotate(&caller, key, base, overlap).await {
        Ok(secret) => made(&app, key, &secret).await,
        Err(error) => Err(etag::refused(error, shown(&app, key)).await),
    }
}

/// Revoke a key, for good
#[utoipa::path(
    delete, path = "/apiKeys/{key}", tag = "apiKeys",
    params(("key" = Uuid, Path), IfMatch),
    responses((status = 204, description = "Revoked"), Refusals)
)]
async fn api_key_revoke(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(key): Path<ApiKeyId>,
    IfMatch(base): IfMatch,
) -> Result<StatusCode, Problem> {
    match app.api_key_revoke(&caller, key, base).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(error) => Err(etag::refused(error, shown(&app, key)).await),
    }
}

async fn shown(app: &App, key: ApiKeyId) -> Result<Tagged<ApiKey>, Problem> {
    let row = app.api_key_known(key).await?;
    Ok(Tagged {
        version: row.version.clone(),
        body: row.into(),
    })
}

async fn made(app: &App, key: ApiKeyId, secret: &SecretString) -> Result<Tagged<MadeApiKey>, Problem> {
    let Tagged { version, body } = shown(app, key).await?;
    Ok(Tagged {
        version,
        body: MadeApiKey {
            secret: secret.expose_secret().to_owned(),
            key: body,
        },
    })
}

/// The app says `name` and `lasts`; here they are `displayName` and `validFor`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem
        .into()
        .renamed(&[("name", "displayName"), ("lasts", "validFor")])
}
