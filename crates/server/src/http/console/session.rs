//! Signing in and out, and the language of the pages.

use axum::{
    extract::State,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::{
    Oops, html,
    pages::sign_in::{SignInPage, SignInProblem},
    speak,
};
use crate::{
    app::{
        App, AppError,
        sign_in::{SignIn, SignInError},
    },
    gate::Busy,
    http::{
        auth::{self, Visitor},
        input::{Form, Query},
        source::Source,
    },
    messages::Lang,
};

#[derive(Deserialize)]
pub struct Return {
    #[serde(rename = "return")]
    path: Option<String>,
    /// A form was sent after the session had ended.
    over: Option<String>,
}

#[derive(Deserialize)]
pub struct Credentials {
    #[serde(default)]
    login: String,
    #[serde(default)]
    password: SecretString,
    #[serde(rename = "return")]
    path: Option<String>,
}

#[derive(Deserialize)]
pub struct Choice {
    lang: String,
    #[serde(rename = "return")]
    path: Option<String>,
}

pub async fn page(
    State(app): State<App>,
    Visitor { lang }: Visitor,
    Query(wanted): Query<Return>,
) -> Result<Response, Oops> {
    let problem = wanted.over.map(|_| SignInProblem::Over);
    show(&app, lang, String::new(), problem, wanted.path.as_deref())
}

pub async fn sign_in(
    State(app): State<App>,
    Visitor { lang }: Visitor,
    Source(source): Source,
    headers: HeaderMap,
    Form(form): Form<Credentials>,
) -> Result<Response, Oops> {
    let known_browser = auth::known_browser(&headers, &app.config);
    let agent = headers.get(header::USER_AGENT).and_then(|value| value.to_str().ok());
    let given = SignIn {
        login: &form.login,
        password: &form.password,
        source,
        known_browser: known_browser.as_ref(),
        browser: &browser(agent.unwrap_or_default()),
    };
    let (status, problem, again) = match app.sign_in(given).await {
        Ok(signed_in) => {
            let to = auth::return_path(form.path.as_deref());
            let mut response = Redirect::to(to).into_response();
            for cookie in [
                auth::session_cookie(&app.config, &signed_in),
                auth::known_browser_cookie(&app.config, &signed_in),
            ] {
                response.headers_mut().append(header::SET_COOKIE, cookie);
            }
            return Ok(response);
        }
        Err(SignInError::Store(error)) => return Err(AppError::from(error).into()),
        Err(SignInError::Wrong) => (StatusCode::FORBIDDEN, SignInProblem::Wrong, None),
        Err(SignInError::Wait(wait)) => {
            let seconds = wait.as_secs() + 1;
            (
                StatusCode::TOO_MANY_REQUESTS,
                SignInProblem::Wait { seconds },
                Some(seconds),
            )
        }
        Err(SignInError::Busy(_)) => (
            StatusCode::SERVICE_UNAVAILABLE,
            SignInProblem::Busy,
            Some(Busy::RETRY_AFTER.as_secs()),
        ),
    };
    let page = show(&app, lang, form.login, Some(problem), form.path.as_deref())?;
    let mut response = (status, page).into_response();
    if let Some(seconds) = again {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    Ok(response)
}

/// `Safari, macOS`: enough to know one's own browser again. Nothing else of what it says is kept.
fn browser(agent: &str) -> String {
    // The order counts: most claim to be those below them too.
    const BROWSERS: [(&str, &str); 5] = [
        ("Edg", "Edge"),
        ("Firefox", "Firefox"),
        ("Chrome", "Chrome"),
        ("CriOS", "Chrome"),
        ("Safari", "Safari"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Mac OS X", "macOS"),
        ("Windows", "Windows"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    let parts: Vec<&str> = [known(&BROWSERS), known(&SYSTEMS)].into_iter().flatten().collect();
    parts.join(", ")
}

fn show(
    app: &App,
    lang: Lang,
    login: String,
    problem: Option<SignInProblem>,
    wanted: Option<&str>,
) -> Result<Response, Oops> {
    html(&SignInPage {
        s: speak(app, lang),
        organization: app.config.organization.clone(),
        login,
        problem,
        return_path: auth::return_path(wanted).to_owned(),
    })
}

pub async fn sign_out(State(app): State<App>, headers: HeaderMap) -> Result<Response, Oops> {
    if let Some(token) = auth::session_token(&headers, &app.config) {
        app.sign_out(token.expose_secret()).await?;
    }
    Ok((
        [(header::SET_COOKIE, auth::session_cookie_gone(&app.config))],
        Redirect::to("/sign-in"),
    )
        .into_response())
}

/// Keeps the language with the account of whoever is signed in, and in a cookie for the pages before that.
pub async fn language(
    State(app): State<App>,
    headers: HeaderMap,
    Form(choice): Form<Choice>,
) -> Result<Response, Oops> {
    let lang = if choice.lang == Lang::En.code() {
        Lang::En
    } else {
        Lang::Ko
    };
    if let Some(token) = auth::session_token(&headers, &app.config)
        && let Some((_, account)) = app.session(token.expose_secret()).await?
    {
        app.account_language_set(account.id, lang.code()).await?;
    }
    let cookie = format!(
        "{}={}; Path=/; SameSite=Lax; Max-Age=31536000",
        auth::LANGUAGE_COOKIE,
        lang.code()
    );
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
    // Anywhere of ours, the pages without a session too.
    let to = choice
        .path
        .as_deref()
        .filter(|path| path.starts_with("/sign-in") || path.starts_with("/enrol/"));
    let to = to.unwrap_or_else(|| auth::return_path(choice.path.as_deref()));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response())
}
