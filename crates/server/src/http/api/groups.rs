//! Groups of people or of devices, to which apps are deployed.

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::{GroupId, GroupKind};
use serde::{Deserialize, Serialize};
use store::GroupRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query},
    page::{Page, PageQuery},
    words::{DateTime, group_kind},
};
use crate::{
    app::{
        App, AppError,
        groups::{self, NewGroup},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(groups_list, group_add))
        .routes(routes!(group_get, group_update, group_delete))
        .routes(routes!(group_members, group_members_set))
}

/// A group of people or of devices.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Group {
    id: Uuid,
    display_name: String,
    #[schema(schema_with = group_kind)]
    kind: GroupKind,
    /// The higher, the sooner its members get a licence.
    priority: i64,
    member_count: i64,
    created_date_time: DateTime,
}

impl From<GroupRow> for Group {
    fn from(row: GroupRow) -> Group {
        Group {
            id: row.id.0,
            display_name: row.name,
            kind: row.kind,
            priority: row.priority,
            member_count: row.members,
            created_date_time: DateTime(row.created_at),
        }
    }
}

/// A group to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupToAdd {
    display_name: String,
    #[schema(schema_with = group_kind)]
    kind: GroupKind,
    #[serde(default)]
    priority: i64,
}

/// What to change of a group. What is absent stays; the kind cannot be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct GroupChange {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    priority: Option<i64>,
}

/// The members that a group shall have: ids of people or of devices.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
struct Members {
    value: Vec<Uuid>,
}

/// All groups
#[utoipa::path(
    get, path = "/groups", tag = "groups", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Group>), Refusals)
)]
async fn groups_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Group>>, Problem> {
    let page = Page::by_id(app.groups().await?, &query, |group| group.id)?;
    Ok(JsonBody(page.map(Group::from)))
}

/// Add a group
#[utoipa::path(
    post, path = "/groups", tag = "groups", request_body = GroupToAdd,
    responses((status = 201, description = "Made", body = Group), Refusals)
)]
async fn group_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(new): Json<GroupToAdd>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewGroup {
        name: new.display_name,
        kind: new.kind,
        priority: new.priority,
    };
    let id = app.group_add(&caller, new).await.map_err(renamed)?;
    Ok(created(format!("groups/{id}"), shown(&app, id).await?))
}

/// One group
#[utoipa::path(
    get, path = "/groups/{group}", tag = "groups", params(("group" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_get(State(app): State<App>, _: ApiReader, Path(group): Path<GroupId>) -> Result<Tagged<Group>, Problem> {
    shown(&app, group).await
}

/// Change a group
#[utoipa::path(
    patch, path = "/groups/{group}", tag = "groups",
    params(("group" = Uuid, Path), IfMatch), request_body = GroupChange,
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_update(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
    Json(change): Json<GroupChange>,
) -> Result<Tagged<Group>, Problem> {
    let change = groups::GroupChange {
        name: change.display_name,
        priority: change.priority,
    };
    let done = app.group_change(&caller, group, base, change).await;
    etag::changed(done, shown(&app, group)).await.map_err(renamed)
}

/// Delete a group
///
/// Refused while an app is deployed to it. Its members are not deleted.
#[utoipa::path(
    delete, path = "/groups/{group}", tag = "groups",
    params(("group" = Uuid, Path), IfMatch),
    responses((status = 204, description = "Deleted"), Refusals)
)]
async fn group_delete(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
) -> Result<StatusCode, Problem> {
    match app.group_delete(&caller, group, base).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT),
        Err(
            error @ AppError::Invalid {
                field: "deployments", ..
            },
        ) => Err(Problem::from(error).detail("an app is deployed to this group; change its deployment first")),
        Err(error) => Err(etag::refused(error, shown(&app, group)).await),
    }
}

/// The members of a group
#[utoipa::path(
    get, path = "/groups/{group}/members", tag = "groups", params(("group" = Uuid, Path), PageQuery),
    responses((status = 200, description = "Ids of people or of devices", body = Page<Uuid>), Refusals)
)]
async fn group_members(
    State(app): State<App>,
    _: ApiReader,
    Path(group): Path<GroupId>,
    Query(query): Query<PageQuery>,
) -> Result<Tagged<Page<Uuid>>, Problem> {
    members_page(&app, group, &query).await
}

/// Replace all members of a group
///
/// The body may weigh 6 MiB: more than 100,000 ids.
#[utoipa::path(
    put, path = "/groups/{group}/members", tag = "groups",
    params(("group" = Uuid, Path), IfMatch), request_body = Members,
    responses((status = 200, description = "As asked for", body = Group), Refusals)
)]
async fn group_members_set(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(group): Path<GroupId>,
    IfMatch(base): IfMatch,
    Json(mut members): Json<Members>,
) -> Result<Tagged<Group>, Problem> {
    members.value.sort_unstable();
    members.value.dedup();
    match app.group_members_set(&caller, group, base, &members.value).await {
        Ok(()) => {
            let row = group_row(&app, group).await?;
            Ok(Tagged {
                version: row.members_version.clone(),
                body: row.into(),
            })
        }
        Err(error) => {
            let first = PageQuery::default();
            Err(renamed(etag::refused(error, members_page(&app, group, &first)).await))
        }
    }
}

async fn group_row(app: &App, group: GroupId) -> Result<GroupRow, Problem> {
    app.group(group).await?.ok_or_else(|| Problem::not_found("group"))
}

async fn shown(app: &App, group: GroupId) -> Result<Tagged<Group>, Problem> {
    let row = group_row(app, group).await?;
    Ok(Tagged {
        version: row.version.clone(),
        body: row.into(),
    })
}

/// The version is read before the members: who changes them in between makes the tag too old, never too new.
async fn members_page(app: &App, group: GroupId, query: &PageQuery) -> Result<Tagged<Page<Uuid>>, Problem> {
    let version = group_row(app, group).await?.members_version;
    let mut members = app.group_members(group).await?;
    members.sort_unstable();
    Ok(Tagged {
        version,
        body: Page::rising(members, query, Uuid::to_string)?,
    })
}

/// The app says `name` and `members`; here they are `displayName` and `value`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem.into().renamed(&[("name", "displayName"), ("members", "value")])
}
