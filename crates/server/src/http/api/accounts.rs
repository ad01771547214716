//! Who may sign in to the console, and who is signed in.

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::{AccountId, SessionId};
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use store::{Account as AccountRow, Role, Session as SessionRow};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals, created,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path, Query},
    page::{Page, PageQuery},
    words::{DateTime, role},
};
use crate::{
    app::{App, accounts::AccountChange as Change},
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(accounts_list, account_add))
        .routes(routes!(account_get, account_update))
        .routes(routes!(account_password))
        .routes(routes!(account_unlock))
        .routes(routes!(account_end_sessions))
        .routes(routes!(sessions_list))
        .routes(routes!(session_end))
}

/// An account of the console.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Account {
    id: Uuid,
    /// Typed to sign in. Case does not count, and it cannot be changed.
    login: String,
    display_name: String,
    #[schema(schema_with = role)]
    role: Role,
    /// Whether it may sign in.
    enabled: bool,
    disabled_date_time: Option<DateTime>,
    created_date_time: DateTime,
    last_sign_in_date_time: Option<DateTime>,
}

impl From<AccountRow> for Account {
    fn from(row: AccountRow) -> Account {
        Account {
            id: row.id.0,
            login: row.login,
            display_name: row.name,
            role: row.role,
            enabled: row.disabled_at.is_none(),
            disabled_date_time: DateTime::of(row.disabled_at),
            created_date_time: DateTime(row.created_at),
            last_sign_in_date_time: DateTime::of(row.signed_in_at),
        }
    }
}

/// An account to add.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewAccount {
    login: String,
    display_name: String,
    #[schema(schema_with = role)]
    role: Role,
    /// 12 to 256 characters, and not easy to guess.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// What to change of an account. What is absent stays. Another role, and being disabled, end its sessions.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct AccountChange {
    #[serde(default)]
    display_name: Option<String>,
    #[serde(default)]
    #[schema(schema_with = role)]
    role: Option<Role>,
    #[serde(default)]
    enabled: Option<bool>,
}

/// A new password for an account.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct NewPassword {
    /// 12 to 256 characters, and not easy to guess.
    #[schema(value_type = String, format = Password)]
    password: SecretString,
}

/// How many sessions were ended.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct SessionsEnded {
    ended_count: u64,
}

/// A browser in which somebody is signed in.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct Session {
    id: Uuid,
    account_id: Uuid,
    /// The address it was begun from.
    source: String,
    /// Which browser on which system, as it said; null when it said nothing.
    browser: Option<String>,
    created_date_time: DateTime,
    last_used_date_time: DateTime,
    /// However much it is used; without use it ends earlier.
    expiration_date_time: DateTime,
}

impl From<SessionRow> for Session {
    fn from(row: SessionRow) -> Session {
        Session {
            id: row.id.0,
            account_id: row.account_id.0,
            source: row.source,
            browser: Some(row.browser).filter(|browser| !browser.is_empty()),
            created_date_time: DateTime(row.created_at),
            last_used_date_time: DateTime(row.last_seen_at),
            expiration_date_time: DateTime(row.expires_at),
        }
    }
}

/// All accounts
#[utoipa::path(
    get, path = "/accounts", tag = "accounts", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Account>), Refusals)
)]
async fn accounts_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Account>>, Problem> {
    let page = Page::by_id(app.accounts().await?, &query, |account| account.id)?;
    Ok(JsonBody(page.map(Account::from)))
}

/// Add an account
#[utoipa::path(
    post, path = "/accounts", tag = "accounts", request_body = NewAccount,
    responses((status = 201, description = "Made", body = Account), Refusals)
)]
async fn account_add(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Json(new): Json<NewAccount>,
) -> Result<impl IntoResponse, Problem> {
    let id = app
        .account_add(&caller, &new.login, &new.display_name, &new.password, new.role)
        .await
        .map_err(renamed)?;
    Ok(created(format!("accounts/{id}"), shown(&app, id).await?))
}

/// One account
#[utoipa::path(
    get, path = "/accounts/{account}", tag = "accounts", params(("account" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = Account), Refusals)
)]
async fn account_get(
    State(app): State<App>,
    _: ApiReader,
    Path(account): Path<AccountId>,
) -> Result<Tagged<Account>, Problem> {
    shown(&app, account).await
}

/// Change name or role, disable or enable
///
/// The last enabled account with full access stays as it is.
#[utoipa::path(
    patch, path = "/accounts/{account}", tag = "accounts",
    params(("account" = Uuid, Path), IfMatch),
    request_body = AccountChange,
    responses((status = 200, description = "As asked for", body = Account), Refusals)
)]
async fn account_update(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(account): Path<AccountId>,
    IfMatch(base): IfMatch,
    Json(change): Json<AccountChange>,
) -> Result<Tagged<Account>, Problem> {
    let change = Change {
        name: change.display_name,
        role: change.role,
        enabled: change.enabled,
    };
    let done = app.account_change(&caller, account, base, change).await;
    etag::changed(done, shown(&app, account)).await.map_err(renamed)
}

/// Set a password
///
/// All sessions of the account end.
#[utoipa::path(
    post, path = "/accounts/{account}/setPassword", tag = "accounts", params(("account" = Uuid, Path)),
    request_body = NewPassword,
    responses((status = 204, description = "Set"), Refusals)
)]
async fn account_password(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(account): Path<AccountId>,
    Json(new): Json<NewPassword>,
) -> Result<StatusCode, Problem> {
    app.password_set(&caller, account, &new.password).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Clear the sign-in limit
///
/// Wrong passwords until now no longer count, on every server.
#[utoipa::path(
    post, path = "/accounts/{account}/unlock", tag = "accounts", params(("account" = Uuid, Path)),
    responses((status = 204, description = "Cleared"), Refusals)
)]
async fn account_unlock(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(account): Path<AccountId>,
) -> Result<StatusCode, Problem> {
    app.account_unlock(&caller, account).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End all sessions of an account
#[utoipa::path(
    post, path = "/accounts/{account}/endSessions", tag = "accounts", params(("account" = Uuid, Path)),
    responses((status = 200, description = "Ended", body = SessionsEnded), Refusals)
)]
async fn account_end_sessions(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(account): Path<AccountId>,
) -> Result<JsonBody<SessionsEnded>, Problem> {
    let ended_count = app.sessions_end(&caller, account, None).await?;
    Ok(JsonBody(SessionsEnded { ended_count }))
}

/// All sessions that have not ended
///
/// For keys with full access only: it says from where people sign in.
#[utoipa::path(
    get, path = "/sessions", tag = "accounts", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<Session>), Refusals)
)]
async fn sessions_list(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<Session>>, Problem> {
    let page = Page::by_id(app.sessions_of_all(&caller).await?, &query, |session| session.id)?;
    Ok(JsonBody(page.map(Session::from)))
}

/// End a session
#[utoipa::path(
    delete, path = "/sessions/{session}", tag = "accounts", params(("session" = Uuid, Path)),
    responses((status = 204, description = "Ended"), Refusals)
)]
async fn session_end(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(session): Path<SessionId>,
) -> Result<StatusCode, Problem> {
    app.session_end(&caller, session).await?;
    Ok(StatusCode::NO_CONTENT)
}

async fn shown(app: &App, account: AccountId) -> Result<Tagged<Account>, Problem> {
    let row = app
        .account(account)
        .await?
        .ok_or_else(|| Problem::not_found("account"))?;
    Ok(Tagged {
        version: row.version.clone(),
        body: row.into(),
    })
}

/// The app says `name`; here it is `displayName`.
fn renamed(problem: impl Into<Problem>) -> Problem {
    problem.into().renamed(&[("name", "displayName")])
}
