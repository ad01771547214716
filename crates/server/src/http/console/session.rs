//! Signing in and out, and the language of the pages.

use axum::{
    Extension, Form,
    extract::{Query, State},
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
    app::App,
    http::auth::{self, SignInRefused, SignInThrottle, Visitor},
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
    Extension(throttle): Extension<SignInThrottle>,
    Form(form): Form<Credentials>,
) -> Result<Response, Oops> {
    match auth::sign_in(&app, &throttle, &form.login, &form.password).await {
        Ok(signed_in) => {
            let cookie = auth::session_cookie(&app.config, &signed_in);
            let to = auth::return_path(form.path.as_deref());
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response())
        }
        Err(SignInRefused::App(error)) => Err(error.into()),
        Err(refused) => {
            let problem = match refused {
                SignInRefused::Wait(wait) => SignInProblem::Wait {
                    seconds: wait.as_secs() + 1,
                },
                _ => SignInProblem::Wrong,
            };
            let page = show(&app, lang, form.login, Some(problem), form.path.as_deref())?;
            Ok((StatusCode::FORBIDDEN, page).into_response())
        }
    }
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
        && let Some(account) = app.session(token.expose_secret()).await?
    {
        app.account_language_set(account.id, lang.code()).await?;
    }
    let cookie = format!(
        "{}={}; Path=/; SameSite=Lax; Max-Age=31536000",
        auth::LANGUAGE_COOKIE,
        lang.code()
    );
    let cookie = HeaderValue::from_str(&cookie).map_err(|_| Oops(StatusCode::BAD_REQUEST))?;
    // Anywhere of ours, the pages without a session too.
    let to = choice
        .path
        .as_deref()
        .filter(|path| path.starts_with("/sign-in") || path.starts_with("/enrol/"));
    let to = to.unwrap_or_else(|| auth::return_path(choice.path.as_deref()));
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(to)).into_response())
}
