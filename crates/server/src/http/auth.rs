//! Who asks: a person with a session cookie, or a program with an API key.
//!
//! Authorization is an argument: a handler takes [`Reader`] or [`Admin`], in the API [`ApiReader`] or [`ApiAdmin`], and
//! cannot be reached without. What the app changes, it changes for the [`Caller`] that the handler hands on, and asks it
//! again.
//!
//! Before any handler stand [`signed_in`] and [`with_key`], which let nobody pass who is not known, and nobody who may
//! only look to whatever changes something: a handler that forgot its argument is closed, not open.

use std::ops::Deref;

use axum::{
    extract::{FromRequestParts, MatchedPath, Request, State},
    http::{HeaderMap, HeaderValue, Method, Uri, header, request::Parts},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};
use reqwest::Url;
use secrecy::{ExposeSecret, SecretString};
use store::{Account, Session};

use super::{
    cookies::{cookie, set_cookie},
    flash::{self, Done},
    page::Oops,
    problem::{Kind, Problem},
};
use crate::{
    app::{
        App, AppError, Caller, Forbidden,
        sign_in::{BROWSER_KNOWN, SignedIn},
    },
    config::Config,
    messages::Lang,
};

/// Somebody who signed in to the console, and may look. Without a session the answer is the way to the sign-in page and
/// back.
#[derive(Debug, Clone)]
pub struct Reader {
    pub caller: Caller,
    pub account: Account,
    pub session: Session,
    pub lang: Lang,
    /// What the request before this one did.
    pub said: Option<Done>,
}

/// Somebody who signed in to the console, and may change things. Whoever may only look is answered 403.
#[derive(Debug, Clone)]
pub struct Admin(Reader);

impl Reader {
    pub fn admin(self) -> Result<Admin, Forbidden> {
        self.caller.may_write()?;
        Ok(Admin(self))
    }
}

impl Deref for Admin {
    type Target = Reader;
    fn deref(&self) -> &Reader {
        &self.0
    }
}

impl AsRef<Session> for Reader {
    fn as_ref(&self) -> &Session {
        &self.session
    }
}

impl AsRef<Session> for Admin {
    fn as_ref(&self) -> &Session {
        &self.session
    }
}

impl FromRequestParts<App> for Reader {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Reader, Response> {
        parts
            .extensions
            .get::<Reader>()
            .cloned()
            .ok_or_else(|| to_sign_in(&parts.method, &parts.uri))
    }
}

impl FromRequestParts<App> for Admin {
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Admin, Response> {
        let reader = Reader::from_request_parts(parts, app).await?;
        reader
            .admin()
            .map_err(|forbidden| Oops::from(AppError::from(forbidden)).into_response())
    }
}

/// Where somebody who may only look sends something, too: nothing is changed by it, or only what is their own. What else
/// is sent is refused before it reaches its handler.
const LOOKERS_SEND: [&str; 15] = [
    "/account/end-other-sessions",
    "/account/password",
    "/account/sessions/{session}/end",
    // The previews. Saving asks for more.
    "/apps/{asset}/deployment",
    "/api/v1/apps/{app}/deployments/preview",
    "/api/v1/changes/{change}/restore/preview",
    "/api/v1/groups/{group}/members/preview",
    "/api/v1/groups/{group}/membershipRule/preview",
    "/api/v1/managedDevices/{device}/remove/preview",
    "/api/v1/managedDevices/{device}/retire/preview",
    "/api/v1/managedDevices/{device}/wipe/preview",
    "/api/v1/settings/preview",
    "/api/v1/users/{user}/leave/preview",
    "/api/v1/users/{user}/return/preview",
    "/api/v1/bulkActions/preview",
];

fn may_pass(request: &Request, caller: &Caller) -> Result<(), Forbidden> {
    let path = request.extensions().get::<MatchedPath>().map(MatchedPath::as_str);
    let open = path.is_some_and(|path| LOOKERS_SEND.contains(&path));
    if request.method().is_safe() || open {
        return Ok(());
    }
    caller.may_write()
}

/// Around all pages but those that bring somebody in.
pub async fn signed_in(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let reader = match reader(&app, request.headers()).await {
        Ok(Some(reader)) => reader,
        Ok(None) => return to_sign_in(request.method(), request.uri()),
        Err(error) => return Oops::from(error).into_response(),
    };
    if let Err(forbidden) = may_pass(&request, &reader.caller) {
        return Oops::from(AppError::from(forbidden)).into_response();
    }
    request.extensions_mut().insert(reader);
    next.run(request).await
}

async fn reader(app: &App, headers: &HeaderMap) -> Result<Option<Reader>, AppError> {
    let Some(token) = session_token(headers, &app.config) else {
        return Ok(None);
    };
    let found = app.session(token.expose_secret()).await?;
    Ok(found.map(|(session, account)| Reader {
        said: flash::said(app, headers, session.id),
        lang: language(Some(&account), headers, &app.config),
        caller: Caller::of_account(&account),
        account,
        session,
    }))
}

/// A program with an API key, which may look. Without one the answer is 401, as `application/problem+json`.
#[derive(Debug, Clone)]
pub struct ApiReader(pub Caller);

/// A program with an API key that may change things. One that may only look is answered 403.
#[derive(Debug, Clone)]
pub struct ApiAdmin(pub Caller);

impl FromRequestParts<App> for ApiReader {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<ApiReader, Problem> {
        parts
            .extensions
            .get::<ApiReader>()
            .cloned()
            .ok_or_else(|| Problem::of(Kind::Unauthorized))
    }
}

impl FromRequestParts<App> for ApiAdmin {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<ApiAdmin, Problem> {
        let ApiReader(caller) = ApiReader::from_request_parts(parts, app).await?;
        caller.may_write().map_err(AppError::from)?;
        Ok(ApiAdmin(caller))
    }
}

/// Around the whole API but its description.
pub async fn with_key(State(app): State<App>, mut request: Request, next: Next) -> Response {
    let caller = match caller(&app, request.headers()).await {
        Ok(caller) => caller,
        Err(problem) => return problem.into_response(),
    };
    if let Err(forbidden) = may_pass(&request, &caller) {
        return Problem::from(AppError::from(forbidden)).into_response();
    }
    request.extensions_mut().insert(ApiReader(caller));
    next.run(request).await
}

async fn caller(app: &App, headers: &HeaderMap) -> Result<Caller, Problem> {
    let Some(key) = bearer(headers) else {
        return Err(Problem::of(Kind::Unauthorized).detail("send an API key: Authorization: Bearer alk_…"));
    };
    match app.api_key(key).await? {
        Some(key) => Ok(Caller::of_key(&key)),
        None => Err(Problem::of(Kind::Unauthorized).detail("this API key is not known, has ended, or was revoked")),
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, key) = headers.get(header::AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then(|| key.trim())
        .filter(|key| !key.is_empty())
}

/// Remembers where the person wanted to go. What a form would have sent is lost, so only a GET is remembered.
fn to_sign_in(method: &Method, uri: &Uri) -> Response {
    if method != Method::GET {
        return Redirect::to("/sign-in?over=1").into_response();
    }
    let wanted = uri.path_and_query().map_or("/", |wanted| wanted.as_str());
    let mut url = Url::parse("http://local/sign-in").expect("this is an address");
    url.query_pairs_mut().append_pair("return", wanted);
    Redirect::to(&format!("/sign-in?{}", url.query().unwrap_or_default())).into_response()
}

/// Where to go after signing in: a page of ours, whatever the address says.
pub fn return_path(wanted: Option<&str>) -> &str {
    const START: &str = "/dashboard";
    let Some(path) = wanted else { return START };
    // "//host" and "/\host" mean another host to a browser.
    let ours = path.starts_with('/')
        && !path.starts_with("//")
        && !path.contains('\\')
        && !path.contains(char::is_control)
        && !path.starts_with("/sign-");
    if ours { path } else { START }
}

/// `__Host-` keeps the cookie to this host and to TLS; a browser takes it over https only.
pub fn session_cookie_name(config: &Config) -> &'static str {
    if config.is_https() { "__Host-session" } else { "session" }
}

/// The `Set-Cookie` that begins a session. It ends with the browser, or when the server says so.
pub fn session_cookie(config: &Config, signed_in: &SignedIn) -> HeaderValue {
    let name = session_cookie_name(config);
    set_cookie(config, name, signed_in.token.expose_secret(), None)
}

/// The `Set-Cookie` that ends it.
pub fn session_cookie_gone(config: &Config) -> HeaderValue {
    set_cookie(config, session_cookie_name(config), "", Some(0))
}

fn known_browser_cookie_name(config: &Config) -> &'static str {
    if config.is_https() { "__Host-browser" } else { "browser" }
}

/// The `Set-Cookie` by which a browser is known the next time. It opens nothing: it says that wrong passwords of
/// others do not count for whoever signs in with it.
pub fn known_browser_cookie(config: &Config, signed_in: &SignedIn) -> HeaderValue {
    let name = known_browser_cookie_name(config);
    let token = signed_in.known_browser.expose_secret();
    set_cookie(config, name, token, Some(BROWSER_KNOWN.as_secs()))
}

/// What the browser says it is known by.
pub fn known_browser(headers: &HeaderMap, config: &Config) -> Option<SecretString> {
    cookie(headers, known_browser_cookie_name(config))
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
}

/// The session that the browser says it has.
pub fn session_token(headers: &HeaderMap, config: &Config) -> Option<SecretString> {
    cookie(headers, session_cookie_name(config))
        .filter(|token| !token.is_empty())
        .map(SecretString::from)
}

/// The cookie in which a visitor who has not signed in keeps a chosen language.
pub const LANGUAGE_COOKIE: &str = "lang";

/// In which language to answer: the account's, then the cookie's, then the installation's, then the browser's.
pub fn language(account: Option<&Account>, headers: &HeaderMap, config: &Config) -> Lang {
    let chosen = account
        .and_then(|account| account.language.as_deref())
        .and_then(known_language);
    let kept = || cookie(headers, LANGUAGE_COOKIE).and_then(known_language);
    chosen.or_else(kept).or(config.language).unwrap_or_else(|| {
        let wished = headers
            .get(header::ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok());
        Lang::negotiate(wished.unwrap_or_default())
    })
}

/// In which language to answer a program: the one that it wishes for, then the installation's.
pub fn wished_language(headers: &HeaderMap, config: &Config) -> Lang {
    let wished = headers
        .get(header::ACCEPT_LANGUAGE)
        .and_then(|value| value.to_str().ok());
    let here = || config.language.unwrap_or(Lang::En);
    wished.map_or_else(here, Lang::negotiate)
}

fn known_language(text: &str) -> Option<Lang> {
    match text {
        "ko" => Some(Lang::Ko),
        "en" => Some(Lang::En),
        _ => None,
    }
}

/// Somebody who looks at a page that needs no session.
#[derive(Debug, Clone, Copy)]
pub struct Visitor {
    pub lang: Lang,
}

impl FromRequestParts<App> for Visitor {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Visitor, Self::Rejection> {
        Ok(Visitor {
            lang: language(None, &parts.headers, &app.config),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(public_url: &str) -> Config {
        Config::local("127.0.0.1:0".parse().unwrap(), "sqlite:a.db", "key", public_url)
    }

    fn headers(pairs: &[(header::HeaderName, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.clone(), HeaderValue::from_str(value).unwrap()))
            .collect()
    }

    #[test]
    fn over_tls_the_cookie_belongs_to_this_host_alone() {
        let https = config("https://apps.example.com");
        let cookie = set_cookie(&https, session_cookie_name(&https), "abc", None);
        assert_eq!(cookie, "__Host-session=abc; Path=/; HttpOnly; SameSite=Lax; Secure");
        assert!(cookie.is_sensitive());
        // A cookie that a neighbour host could have set is not ours.
        assert!(session_token(&headers(&[(header::COOKIE, "session=abc")]), &https).is_none());
        let ours = headers(&[(header::COOKIE, "a=b; __Host-session=abc; lang=ko")]);
        assert_eq!(session_token(&ours, &https).unwrap().expose_secret(), "abc");

        let http = config("http://127.0.0.1:8080");
        assert_eq!(
            session_cookie_gone(&http),
            "session=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0"
        );
        assert!(session_token(&headers(&[(header::COOKIE, "session=")]), &http).is_none());
    }

    #[test]
    fn signing_in_never_leads_to_another_host() {
        assert_eq!(return_path(Some("/apps?q=a")), "/apps?q=a");
        for elsewhere in [
            None,
            Some("//evil.example"),
            Some("/\\evil.example"),
            Some("https://evil.example"),
            Some("/a\nb"),
            Some(""),
        ] {
            assert_eq!(return_path(elsewhere), "/dashboard", "{elsewhere:?}");
        }
        assert_eq!(return_path(Some("/sign-out")), "/dashboard");
    }

    #[test]
    fn a_chosen_language_beats_the_browser() {
        let mut config = config("http://127.0.0.1:8080");
        let browser = (header::ACCEPT_LANGUAGE, "ko-KR,ko;q=0.9");
        assert_eq!(
            language(None, &headers(std::slice::from_ref(&browser)), &config),
            Lang::Ko
        );
        config.language = Some(Lang::En);
        assert_eq!(
            language(None, &headers(std::slice::from_ref(&browser)), &config),
            Lang::En
        );
        let kept = [browser, (header::COOKIE, "lang=ko")];
        assert_eq!(language(None, &headers(&kept), &config), Lang::Ko);
    }

    #[test]
    fn a_key_is_taken_from_the_bearer_header_only() {
        assert_eq!(
            bearer(&headers(&[(header::AUTHORIZATION, "Bearer alk_x")])),
            Some("alk_x")
        );
        assert_eq!(
            bearer(&headers(&[(header::AUTHORIZATION, "bearer  alk_x ")])),
            Some("alk_x")
        );
        assert_eq!(bearer(&headers(&[(header::AUTHORIZATION, "Basic alk_x")])), None);
        assert_eq!(bearer(&headers(&[(header::AUTHORIZATION, "Bearer ")])), None);
        assert_eq!(bearer(&headers(&[])), None);
    }
}
