//! The people of the organisation.

use std::collections::BTreeMap;

use axum::{
    Json as JsonBody,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use domain::PersonId;
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{ClientUserRow, ClientUserStatus, InvitationState, PersonChange, PersonRow};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query, given},
    page::{Page, PageQuery},
    words::DateTime,
};
use crate::{
    app::{App, people::NewPerson},
    http::{auth::ApiCaller, problem::Problem},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(users_list, user_add))
        .routes(routes!(user_get, user_update))
        .routes(routes!(user_leave))
        .routes(routes!(user_enrolment_link))
        .routes(routes!(user_invite_again))
}

/// A person.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct User {
    id: Uuid,
    display_name: String,
    mail: Option<String>,
    department: Option<String>,
    created_date_time: DateTime,
    /// Since when nothing is wanted for this person any more.
    left_date_time: Option<DateTime>,
    vpp_program: Program,
}

/// How far a person has come in joining the volume purchase programme.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Program {
    status: ProgramStatus,
    /// When a device confirmed that it shows the invitation.
    invited_date_time: Option<DateTime>,
    accepted_date_time: Option<DateTime>,
}

/// `notInvited`, `invited` (a device shows it, or is about to), `accepted`, `retired`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ProgramStatus {
    NotInvited,
    /// Apple did not register the person, and said why.
    Refused,
    Invited,
    Accepted,
    Retired,
}

impl Program {
    /// `None` for somebody whom Apple does not know.
    pub fn of(row: Option<&ClientUserRow>) -> Program {
        let Some(row) = row else {
            return Program {
                status: ProgramStatus::NotInvited,
                invited_date_time: None,
                accepted_date_time: None,
            };
        };
        let status = match row.status {
            ClientUserStatus::Associated => ProgramStatus::Accepted,
            ClientUserStatus::Retired | ClientUserStatus::Deleted => ProgramStatus::Retired,
            ClientUserStatus::Refused => ProgramStatus::Refused,
            ClientUserStatus::Creating | ClientUserStatus::Registered => match row.invitation {
                InvitationState::None => ProgramStatus::NotInvited,
                InvitationState::Queued | InvitationState::Shown => ProgramStatus::Invited,
            },
        };
        let shown = row.invitation == InvitationState::Shown;
        Program {
            status,
            invited_date_time: DateTime::of(row.invitation_at.filter(|_| shown)),
            accepted_date_time: DateTime::of(row.accepted_at),
        }
    }
}

impl User {
    fn of(row: PersonRow, client_user: Option<&ClientUserRow>) -> User {
        User {
            id: row.id.0,
            display_name: row.name,
            mail: row.email,
            department: row.department,
            created_date_time: DateTime(row.created_at),
            left_date_time: DateTime::of(row.left_at),
            vpp_program: Program::of(client_user),
        }
    }
}

/// A person to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewUser {
    display_name: String,
    #[serde(default)]
    mail: Option<String>,
    #[serde(default)]
    department: Option<String>,
}

/// What to change of a person. What is absent stays; null empties.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct UserChange {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    mail: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>)]
    department: Option<Option<String>>,
}

/// A one-time address with which a person enrols one device.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct EnrolmentLink {
    /// Shown this once; good for seven days and one device.
    url: String,
}

/// All people
#[utoipa::path(
    get, path = "/users", tag = "users", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<User>), Refusals)
)]
async fn users_list(
    State(app): State<App>,
    _: ApiCaller,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<User>>, Problem> {
    let client_users = client_users(&app).await?;
    let mut people = app.people().await?;
    people.sort_by_key(|person| person.id);
    let page = Page::rising(people, &query, |person| person.id.to_string())?;
    Ok(JsonBody(page.map(|person| {
        let client_user = client_users.get(&person.id);
        User::of(person, client_user)
    })))
}

/// Add a person
#[utoipa::path(
    post, path = "/users", tag = "users", request_body = NewUser,
    responses((status = 201, description = "Made", body = User), Refusals)
)]
async fn user_add(
    State(app): State<App>,
    ApiCaller(caller): ApiCaller,
    Json(new): Json<NewUser>,
) -> Result<impl IntoResponse, Problem> {
    let new = NewPerson {
        name: new.display_name,
        email: new.mail,
        department: new.department,
    };
    let id = app.person_add(&caller, new).await.map_err(renamed)?;
    let user = shown(&app, id).await?;
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, format!("/api/v1/users/{id}"))],
        user,
    ))
}

/// One person
#[utoipa::path(
    get, path = "/users/{user}", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_get(State(app): State<App>, _: ApiCaller, Path(person): Path<PersonId>) -> Result<Tagged<User>, Problem> {
    shown(&app, person).await
}

/// Change a person
#[utoipa::path(
    patch, path = "/users/{user}", tag = "users",
    params(("user" = Uuid, Path), ("If-Match" = String, Header, description = "`ETag` of what is changed, or `*`")), request_body = UserChange,
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_update(
    State(app): State<App>,
    ApiCaller(caller): ApiCaller,
    Path(person): Path<PersonId>,
    IfMatch(base): IfMatch,
    Json(change): Json<UserChange>,
) -> Result<Tagged<User>, Problem> {
    let change = PersonChange {
        name: change.display_name,
        email: change.mail,
        department: change.department,
    };
    match app.person_change(&caller, person, base, change).await {
        Ok(()) => shown(&app, person).await,
        Err(error) => Err(renamed(etag::refused(error, shown(&app, person)).await)),
    }
}

/// The person left the organisation
///
/// Apps are removed, then the licences come back.
#[utoipa::path(
    post, path = "/users/{user}/leave", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = User), Refusals)
)]
async fn user_leave(
    State(app): State<App>,
    ApiCaller(caller): ApiCaller,
    Path(person): Path<PersonId>,
) -> Result<Tagged<User>, Problem> {
    app.person_leave(&caller, person).await?;
    shown(&app, person).await
}

/// Make a one-time address to enrol a device
#[utoipa::path(
    post, path = "/users/{user}/enrolmentLinks", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 201, description = "Made", body = EnrolmentLink), Refusals)
)]
async fn user_enrolment_link(
    State(app): State<App>,
    ApiCaller(caller): ApiCaller,
    Path(person): Path<PersonId>,
) -> Result<impl IntoResponse, Problem> {
    let url = app.enrolment_link(&caller, person).await?.expose_secret().to_owned();
    Ok((StatusCode::CREATED, JsonBody(EnrolmentLink { url })))
}

/// Invite to the volume purchase programme once more
///
/// By itself an invitation is shown only once.
#[utoipa::path(
    post, path = "/users/{user}/inviteAgain", tag = "users", params(("user" = Uuid, Path)),
    responses((status = 202, description = "It is sent when the person is due a licence", body = User), Refusals)
)]
async fn user_invite_again(
    State(app): State<App>,
    ApiCaller(caller): ApiCaller,
    Path(person): Path<PersonId>,
) -> Result<impl IntoResponse, Problem> {
    app.invite_again(&caller, person).await?;
    Ok((StatusCode::ACCEPTED, shown(&app, person).await?))
}

async fn shown(app: &App, person: PersonId) -> Result<Tagged<User>, Problem> {
    let row = app.person(person).await?.ok_or_else(|| Problem::not_found("person"))?;
    let client_user = match app.location_view().await? {
        Some(view) => app.store.client_user(person, view.row.id).await?,
        None => None,
    };
    Ok(Tagged {
        version: row.version.clone(),
        body: User::of(row, client_user.as_ref()),
    })
}

async fn client_users(app: &App) -> Result<BTreeMap<PersonId, ClientUserRow>, Problem> {
    let Some(view) = app.location_view().await? else {
        return Ok(BTreeMap::new());
    };
    let rows = app.store.client_users(view.row.id).await?;
    Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
}

/// The app says `name` and `email`; here they are `displayName` and `mail`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem.into().renamed(&[("name", "displayName"), ("email", "mail")])
}
