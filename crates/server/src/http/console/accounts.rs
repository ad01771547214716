//! 계정 및 역할: accounts, sessions, keys; and one's own account.

use std::collections::BTreeMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AccountId, ApiKeyId, SessionId};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use store::{Account, ApiKey, Role, Session};

use super::{
    Oops, frame, html,
    pages::{
        Flash, Place,
        accounts::{
            ACCOUNTS, AccountFilter, AccountLine, AccountPage, AccountsPage, Errors, KeyLine, KeyPage, Lasts,
            MyAccountPage, NewAccountPage, NewKeyPage, SessionLine, Sessions, accounts_link, enabled_word, role_of,
            role_value,
        },
        conflict::{Conflict, Difference},
        parts::{link, paged},
        words,
    },
    problem, speak,
};
use crate::{
    app::{App, AppError, Base, accounts::AccountChange, api_keys::KEY_OVERLAP},
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path, Query},
    },
    messages::Speak,
};

const MY_ACCOUNT: &str = "/account";

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Wanted {
    filter: String,
    q: String,
    page: String,
    sessions: String,
    keys: String,
}

pub async fn list(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    let accounts = app.accounts().await?;
    // Where colleagues sign in from is for administrators.
    let all = match app.sessions_of_all(&reader.caller).await {
        Ok(sessions) => Some(sessions),
        Err(AppError::Forbidden(_)) => None,
        Err(error) => return Err(error.into()),
    };
    let count = |id: AccountId| {
        let sessions = all.as_ref()?;
        Some(sessions.iter().filter(|session| session.account_id == id).count() as u64)
    };
    let rows: Vec<AccountLine> = accounts
        .iter()
        .map(|account| AccountLine {
            id: account.id,
            name: account.name.clone(),
            login: account.login.clone(),
            role: account.role,
            disabled_at: account.disabled_at,
            signed_in_at: account.signed_in_at,
            sessions: count(account.id),
            own: account.id == reader.account.id,
        })
        .collect();
    let counts = AccountFilter::ALL.map(|filter| rows.iter().filter(|row| filter.passes(row)).count() as u64);
    let filter = AccountFilter::of(&wanted.filter);
    let query = wanted.q.trim().to_owned();
    let lower = query.to_lowercase();
    let found = |row: &AccountLine| {
        [&row.name, &row.login]
            .iter()
            .any(|text| text.to_lowercase().contains(&lower))
    };
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|row| filter.passes(row) && found(row))
        .collect();
    let [page, sessions_page, keys_page] =
        [&wanted.page, &wanted.sessions, &wanted.keys].map(|page| page.parse().unwrap_or(1));
    let (rows, pager) = paged(rows, page, |page| {
        accounts_link(filter, &query, [page, sessions_page, keys_page])
    });
    let sessions = all.map(|all| {
        let (rows, pager) = paged(session_lines(&reader, &accounts, all), sessions_page, |sessions_page| {
            accounts_link(filter, &query, [page, sessions_page, keys_page])
        });
        Sessions {
            rows,
            pager,
            end: "/administration/sessions",
            named: true,
            back: ACCOUNTS.to_owned(),
        }
    });
    let mut keys = app.api_keys().await?;
    // The good ones first, the newest on top.
    keys.sort_by_key(|key| (key.revoked_at.is_some(), std::cmp::Reverse(key.created_at)));
    let (keys, keys_pager) = paged(keys.into_iter().map(key_line).collect(), keys_page, |keys_page| {
        accounts_link(filter, &query, [page, sessions_page, keys_page])
    });
    let path = accounts_link(filter, &query, [1; 3]);
    html(&AccountsPage {
        s: speak(&app, reader.lang),
        frame: framed(&app, &reader, Place::Accounts, &path, None).await?,
        rows,
        pager,
        counts,
        filter,
        query,
        sessions,
        keys,
        keys_pager,
    })
}

async fn framed(
    app: &App,
    reader: &Reader,
    place: Place,
    path: &str,
    flash: Option<Flash>,
) -> Result<super::pages::Frame, Oops> {
    frame(app, reader, place, path, flash).await
}

/// The one in which the page is looked at first, then the last used.
fn session_lines(reader: &Reader, accounts: &[Account], sessions: Vec<Session>) -> Vec<SessionLine> {
    let names: BTreeMap<AccountId, &str> = accounts
        .iter()
        .map(|account| (account.id, account.name.as_str()))
        .collect();
    let mut lines: Vec<SessionLine> = sessions
        .into_iter()
        .map(|session| SessionLine {
            id: session.id,
            name: names.get(&session.account_id).copied().unwrap_or("–").to_owned(),
            browser: session.browser,
            source: session.source,
            created_at: session.created_at,
            last_seen_at: session.last_seen_at,
            here: session.id == reader.session.id,
        })
        .collect();
    lines.sort_by_key(|line| !line.here);
    lines
}

async fn sessions_of(app: &App, reader: &Reader, account: &Account) -> Result<Vec<SessionLine>, Oops> {
    let sessions = app.sessions(Some(account.id)).await?;
    Ok(session_lines(reader, std::slice::from_ref(account), sessions))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewAccount {
    login: String,
    name: String,
    role: String,
    password: SecretString,
}

pub async fn new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    show_new(&app, &admin, NewAccount::default(), Errors::default()).await
}

pub async fn add(State(app): State<App>, admin: Admin, Form(typed): Form<NewAccount>) -> Result<Response, Oops> {
    let Some(role) = role_of(&typed.role) else {
        return Err(Oops::of(StatusCode::BAD_REQUEST));
    };
    let added = app
        .account_add(&admin.caller, &typed.login, &typed.name, &typed.password, role)
        .await;
    match wrong(&speak(&app, admin.lang), added)? {
        Ok(_) => Ok(flash::to(&app, &admin, ACCOUNTS, Done::AccountAdded)),
        Err((status, errors)) => {
            let page = show_new(&app, &admin, typed, errors).await?;
            Ok((status, page).into_response())
        }
    }
}

async fn show_new(app: &App, reader: &Reader, typed: NewAccount, errors: Errors) -> Result<Response, Oops> {
    let path = format!("{ACCOUNTS}/new");
    html(&NewAccountPage {
        s: speak(app, reader.lang),
        frame: framed(app, reader, Place::Accounts, &path, None).await?,
        login: typed.login,
        name: typed.name,
        role: role_of(&typed.role).unwrap_or(Role::ReadOnly),
        errors,
    })
}

/// What can be mended in a form is said beside its field; the rest is a page of its own.
fn wrong<T>(s: &Speak, result: Result<T, AppError>) -> Result<Result<T, (StatusCode, Errors)>, Oops> {
    match result {
        Ok(done) => Ok(Ok(done)),
        Err(AppError::Invalid { field, problem: what }) => {
            let errors = Errors(vec![(field, problem(s, what))]);
            Ok(Err((StatusCode::UNPROCESSABLE_ENTITY, errors)))
        }
        Err(AppError::Wait(wait)) => {
            let text = s.t1(
                "sign-in-wait",
                "span",
                s.duration(wait.max(std::time::Duration::from_secs(1))),
            );
            Ok(Err((StatusCode::TOO_MANY_REQUESTS, Errors(vec![("old", text)]))))
        }
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Typed {
    name: String,
    role: String,
    enabled: String,
    /// Of the account as it was when the form was opened, and what it said then.
    version: i64,
    was_name: String,
    was_role: String,
    was_enabled: String,
}

impl Typed {
    /// The form of an account as it is.
    fn of(account: &Account) -> Typed {
        let role = role_value(account.role).to_owned();
        let enabled = if account.disabled_at.is_none() { "yes" } else { "no" };
        Typed {
            name: account.name.clone(),
            role: role.clone(),
            enabled: enabled.to_owned(),
            version: account.version.number,
            was_name: account.name.clone(),
            was_role: role,
            was_enabled: enabled.to_owned(),
        }
    }
}

pub async fn page(State(app): State<App>, admin: Admin, Path(id): Path<AccountId>) -> Result<Response, Oops> {
    let account = known(&app, id).await?;
    let typed = Typed::of(&account);
    show(&app, &admin, &account, typed, Errors::default(), None).await
}

async fn known(app: &App, id: AccountId) -> Result<Account, Oops> {
    app.account(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))
}

pub async fn edit(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<AccountId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Oops> {
    let role = role_of(&typed.role).ok_or(Oops::of(StatusCode::BAD_REQUEST))?;
    let change = AccountChange {
        name: Some(typed.name.clone()),
        role: Some(role),
        enabled: Some(typed.enabled == "yes"),
    };
    let base = Base::Version(typed.version);
    let result = app.account_change(&admin.caller, id, base, change).await;
    if matches!(result, Err(AppError::Stale(_))) {
        return conflict(&app, &admin, id, typed).await;
    }
    match wrong(&speak(&app, admin.lang), result)? {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("{ACCOUNTS}/{id}"), Done::Saved)),
        Err((status, errors)) => {
            let account = known(&app, id).await?;
            let page = show(&app, &admin, &account, typed, errors, None).await?;
            Ok((status, page).into_response())
        }
    }
}

/// Somebody else changed the account since the form was opened.
async fn conflict(app: &App, reader: &Reader, id: AccountId, typed: Typed) -> Result<Response, Oops> {
    let account = known(app, id).await?;
    let now = Typed::of(&account);
    let s = speak(app, reader.lang);
    let role = |value: &str| role_of(value).map_or_else(|| "–".to_owned(), |role| s.t(words::role(role)));
    let enabled = |value: &str| s.t(enabled_word(value == "yes"));
    let rows = [
        Difference::of(
            s.t("column-name"),
            typed.was_name.clone(),
            now.name.clone(),
            typed.name.trim().to_owned(),
        ),
        Difference::of(
            s.t("column-role"),
            role(&typed.was_role),
            role(&now.role),
            role(&typed.role),
        ),
        Difference::of(
            s.t("column-state"),
            enabled(&typed.was_enabled),
            enabled(&now.enabled),
            enabled(&typed.enabled),
        ),
    ];
    let conflict = Conflict {
        version: account.version.clone(),
        rows: rows.into_iter().flatten().collect(),
        theirs: format!("{ACCOUNTS}/{id}"),
    };
    let merged = Typed {
        name: Conflict::merged(&typed.was_name, now.name, typed.name),
        role: Conflict::merged(&typed.was_role, now.role, typed.role),
        enabled: Conflict::merged(&typed.was_enabled, now.enabled, typed.enabled),
        ..now
    };
    let page = show(app, reader, &account, merged, Errors::default(), Some(conflict)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

async fn show(
    app: &App,
    reader: &Reader,
    account: &Account,
    typed: Typed,
    errors: Errors,
    conflict: Option<Conflict>,
) -> Result<Response, Oops> {
    let path = format!("{ACCOUNTS}/{}", account.id);
    let (rows, pager) = paged(sessions_of(app, reader, account).await?, 1, |_| path.clone());
    html(&AccountPage {
        s: speak(app, reader.lang),
        frame: framed(app, reader, Place::Accounts, &path, None).await?,
        id: account.id,
        title: account.name.clone(),
        login: account.login.clone(),
        signed_in_at: account.signed_in_at,
        name: typed.name,
        role: role_of(&typed.role).unwrap_or(account.role),
        enabled: typed.enabled == "yes",
        version: typed.version,
        was: (
            typed.was_name,
            role_of(&typed.was_role).unwrap_or(account.role),
            typed.was_enabled == "yes",
        ),
        conflict,
        errors,
        own: account.id == reader.account.id,
        sessions: Sessions {
            rows,
            pager,
            end: "/administration/sessions",
            named: false,
            back: path,
        },
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewPassword {
    password: SecretString,
}

pub async fn password(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<AccountId>,
    Form(typed): Form<NewPassword>,
) -> Result<Response, Oops> {
    let result = app.password_set(&admin.caller, id, &typed.password).await;
    match wrong(&speak(&app, admin.lang), result)? {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("{ACCOUNTS}/{id}"), Done::PasswordSet)),
        Err((status, errors)) => {
            let account = known(&app, id).await?;
            let typed = Typed::of(&account);
            let page = show(&app, &admin, &account, typed, errors, None).await?;
            Ok((status, page).into_response())
        }
    }
}

pub async fn unlock(State(app): State<App>, admin: Admin, Path(id): Path<AccountId>) -> Result<Response, Oops> {
    app.account_unlock(&admin.caller, id).await?;
    Ok(flash::to(
        &app,
        &admin,
        &format!("{ACCOUNTS}/{id}"),
        Done::AccountUnlocked,
    ))
}

pub async fn end_sessions(State(app): State<App>, admin: Admin, Path(id): Path<AccountId>) -> Result<Response, Oops> {
    app.sessions_end(&admin.caller, id, Some(admin.session.id)).await?;
    Ok(flash::to(
        &app,
        &admin,
        &format!("{ACCOUNTS}/{id}"),
        Done::SessionsEnded,
    ))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Back {
    back: String,
}

/// Ends anybody's session, and goes back to the list it was in.
pub async fn end_session(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<SessionId>,
    Form(form): Form<Back>,
) -> Result<Response, Oops> {
    end(&app, &admin, id).await?;
    let one = form.back.strip_prefix(ACCOUNTS).and_then(|rest| rest.strip_prefix('/'));
    let back = match one.and_then(|id| id.parse::<AccountId>().ok()) {
        Some(account) => format!("{ACCOUNTS}/{account}"),
        None => ACCOUNTS.to_owned(),
    };
    Ok(flash::to(&app, &admin, &back, Done::SessionEnded))
}

/// A session that has ended meanwhile is ended.
async fn end(app: &App, reader: &Reader, id: SessionId) -> Result<(), Oops> {
    match app.session_end(&reader.caller, id).await {
        Ok(()) | Err(AppError::NotFound(_)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct MyWanted {
    page: String,
}

pub async fn my_page(State(app): State<App>, reader: Reader, Query(wanted): Query<MyWanted>) -> Result<Response, Oops> {
    show_mine(&app, &reader, wanted.page.parse().unwrap_or(1), Errors::default()).await
}

async fn show_mine(app: &App, reader: &Reader, page: usize, errors: Errors) -> Result<Response, Oops> {
    let (rows, pager) = paged(sessions_of(app, reader, &reader.account).await?, page, |page| {
        link(MY_ACCOUNT, &[("page", &page.to_string())])
    });
    html(&MyAccountPage {
        s: speak(app, reader.lang),
        frame: framed(app, reader, Place::MyAccount, MY_ACCOUNT, None).await?,
        name: reader.account.name.clone(),
        login: reader.account.login.clone(),
        role: reader.account.role,
        errors,
        sessions: Sessions {
            rows,
            pager,
            end: "/account/sessions",
            named: false,
            back: MY_ACCOUNT.to_owned(),
        },
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct OwnPassword {
    old: SecretString,
    new: SecretString,
    again: SecretString,
}

pub async fn my_password(
    State(app): State<App>,
    reader: Reader,
    Form(typed): Form<OwnPassword>,
) -> Result<Response, Oops> {
    let s = speak(&app, reader.lang);
    let result = if typed.new.expose_secret() == typed.again.expose_secret() {
        let changed = app
            .password_change(reader.account.id, reader.session.id, &typed.old, &typed.new)
            .await;
        wrong(&s, changed)?
    } else {
        let errors = Errors(vec![("again", s.t("password-differs"))]);
        Err((StatusCode::UNPROCESSABLE_ENTITY, errors))
    };
    match result {
        Ok(()) => Ok(flash::to(&app, &reader, MY_ACCOUNT, Done::PasswordChanged)),
        Err((status, errors)) => {
            let page = show_mine(&app, &reader, 1, errors).await?;
            Ok((status, page).into_response())
        }
    }
}

/// Ends one of one's own sessions; somebody else's is not there.
pub async fn my_end_session(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<SessionId>,
) -> Result<Response, Oops> {
    let own = app.sessions(Some(reader.account.id)).await?;
    if own.iter().any(|session| session.id == id) {
        end(&app, &reader, id).await?;
    }
    Ok(flash::to(&app, &reader, MY_ACCOUNT, Done::SessionEnded))
}

pub async fn my_end_others(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    app.sessions_end(&reader.caller, reader.account.id, Some(reader.session.id))
        .await?;
    Ok(flash::to(&app, &reader, MY_ACCOUNT, Done::SessionsEnded))
}

fn key_line(key: ApiKey) -> KeyLine {
    KeyLine {
        id: key.id,
        name: key.name,
        hint: key.hint,
        role: key.role,
        made_by: key.made_by,
        created_at: key.created_at,
        last_used_at: key.last_used_at,
        rotated_at: key.rotated_at,
        previous_until: key.previous_until,
        expires_at: key.expires_at,
        revoked_at: key.revoked_at,
    }
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct NewKey {
    name: String,
    role: String,
    lasts: String,
}

pub async fn key_new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    show_new_key(&app, &admin, NewKey::default(), Errors::default()).await
}

async fn show_new_key(app: &App, reader: &Reader, typed: NewKey, errors: Errors) -> Result<Response, Oops> {
    html(&NewKeyPage {
        s: speak(app, reader.lang),
        frame: framed(app, reader, Place::Accounts, "/administration/api-keys/new", None).await?,
        name: typed.name,
        role: role_of(&typed.role).unwrap_or(Role::ReadOnly),
        lasts: Lasts::of(&typed.lasts).unwrap_or(Lasts::USUAL),
        errors,
    })
}

/// Makes a key, and shows it: it cannot be shown again.
pub async fn key_add(State(app): State<App>, admin: Admin, Form(typed): Form<NewKey>) -> Result<Response, Oops> {
    let (Some(role), Some(lasts)) = (role_of(&typed.role), Lasts::of(&typed.lasts)) else {
        return Err(Oops::of(StatusCode::BAD_REQUEST));
    };
    let made = app
        .api_key_create(&admin.caller, &typed.name, role, lasts.duration())
        .await;
    match wrong(&speak(&app, admin.lang), made)? {
        Ok((id, secret)) => {
            let key = app.api_key_known(id).await?;
            show_key(&app, &admin, key, Some(secret), None, false).await
        }
        Err((status, errors)) => {
            let page = show_new_key(&app, &admin, typed, errors).await?;
            Ok((status, page).into_response())
        }
    }
}

pub async fn key_page(State(app): State<App>, admin: Admin, Path(id): Path<ApiKeyId>) -> Result<Response, Oops> {
    let key = app.api_key_known(id).await?;
    show_key(&app, &admin, key, None, None, false).await
}

async fn show_key(
    app: &App,
    reader: &Reader,
    key: ApiKey,
    secret: Option<SecretString>,
    conflict: Option<Conflict>,
    not_confirmed: bool,
) -> Result<Response, Oops> {
    let path = format!("/administration/api-keys/{}", key.id);
    html(&KeyPage {
        s: speak(app, reader.lang),
        frame: framed(app, reader, Place::Accounts, &path, None).await?,
        version: key.version.number,
        key: key_line(key),
        secret: secret.map(|secret| secret.expose_secret().to_owned()),
        conflict,
        not_confirmed,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct KeyForm {
    /// Sent only when the box is ticked.
    #[serde(rename = "atOnce")]
    at_once: Option<String>,
    confirmed: Option<String>,
    /// Of the key as it was when the page was opened, and how it ended then.
    version: i64,
    was: String,
}

/// Replaces a key, and shows the new one: it cannot be shown again.
pub async fn key_rotate(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<ApiKeyId>,
    Form(form): Form<KeyForm>,
) -> Result<Response, Oops> {
    let overlap = if form.at_once.is_some() {
        std::time::Duration::ZERO
    } else {
        KEY_OVERLAP
    };
    let base = Base::Version(form.version);
    match app.api_key_rotate(&admin.caller, id, base, overlap).await {
        Ok(secret) => {
            let key = app.api_key_known(id).await?;
            show_key(&app, &admin, key, Some(secret), None, false).await
        }
        Err(AppError::Stale(_)) => key_conflict(&app, &admin, id, &form, "key-rotate").await,
        Err(error) => Err(error.into()),
    }
}

pub async fn key_revoke(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<ApiKeyId>,
    Form(form): Form<KeyForm>,
) -> Result<Response, Oops> {
    if form.confirmed.is_none() {
        let key = app.api_key_known(id).await?;
        let page = show_key(&app, &admin, key, None, None, true).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    match app.api_key_revoke(&admin.caller, id, Base::Version(form.version)).await {
        Ok(()) => Ok(flash::to(&app, &admin, ACCOUNTS, Done::KeyRevoked)),
        Err(AppError::Stale(_)) => key_conflict(&app, &admin, id, &form, "key-revoke").await,
        Err(error) => Err(error.into()),
    }
}

/// Somebody else replaced or revoked the key since the page was opened.
async fn key_conflict(
    app: &App,
    reader: &Reader,
    id: ApiKeyId,
    form: &KeyForm,
    wanted: &str,
) -> Result<Response, Oops> {
    let key = app.api_key_known(id).await?;
    let s = speak(app, reader.lang);
    let now = match key.revoked_at {
        Some(_) => s.t("key-revoked"),
        None => format!("alk_…{}", key.hint),
    };
    let seen: String = form.was.chars().take(8).collect();
    let row = Difference::of(s.t("column-key"), format!("alk_…{seen}"), now, s.t(wanted));
    let conflict = Conflict {
        version: key.version.clone(),
        rows: row.into_iter().collect(),
        theirs: format!("/administration/api-keys/{id}"),
    };
    let page = show_key(app, reader, key, None, Some(conflict), false).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}
