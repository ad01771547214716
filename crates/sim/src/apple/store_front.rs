//! What the store shows: metadata and icons of apps, the page behind an invitation.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State as Extract};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::{Map, Value, json};

use super::icon;
use super::ledger::AcceptError;
use super::licensing::base_url;
use super::sample::App;
use super::service::{Service, State};
use super::switches::Artwork;

/// Answers `/lookup`. Whatever is wrong with the question, the answer is an empty one with 200.
pub async fn lookup(
    Extract(service): Extract<Arc<Service>>,
    Query(query): Query<HashMap<String, String>>,
    headers: HeaderMap,
) -> Response {
    let base = base_url(&headers);
    let delay_ms = service.with(|state| {
        state.traffic.lookups += 1;
        state.switches.metadata_delay_ms
    });
    tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    service.with(|state| {
        if state.switches.metadata_unavailable {
            return StatusCode::SERVICE_UNAVAILABLE.into_response();
        }
        let ids = query.get("id").map(String::as_str).unwrap_or_default();
        if ids.split(',').any(|id| state.switches.metadata_broken.contains(id)) {
            return StatusCode::INTERNAL_SERVER_ERROR.into_response();
        }
        let mut results = Map::new();
        if query.get("p").is_none_or(|p| p == "mdm-lockup") {
            for id in ids.split(',') {
                if let Some(app) = state.visible_app(id, &query, &headers) {
                    results.insert(id.into(), metadata(state, app, &query, &base));
                }
            }
        }
        let country = query.get("cc").map(String::as_str).unwrap_or_default();
        let language = query.get("l").map(String::as_str).unwrap_or("en");
        let body = json!({
            "results": results,
            "version": 1,
            "isAuthenticated": false,
            "meta": {"storefront": {"id": "143466", "cc": country}, "language": {"tag": language}},
        });
        axum::Json(body).into_response()
    })
}

impl State {
    fn visible_app(&self, id: &str, query: &HashMap<String, String>, headers: &HeaderMap) -> Option<&App> {
        let app = self.world.app(id)?;
        if let Some(country) = query.get("cc")
            && !self
                .world
                .locations
                .iter()
                .any(|location| location.country.eq_ignore_ascii_case(country))
        {
            return None;
        }
        if app.custom {
            let token = content_token_cookie(headers)?;
            self.world
                .authorise(Some(&format!("Bearer {token}")), self.now())
                .ok()?;
        }
        Some(app)
    }
}

fn content_token_cookie(headers: &HeaderMap) -> Option<String> {
    let cookies = headers.get(header::COOKIE)?.to_str().ok()?;
    for cookie in cookies.split(';') {
        if let Some(token) = cookie.trim().strip_prefix("itvt=") {
            return Some(token.trim_matches('"').to_string());
        }
    }
    None
}

fn metadata(state: &State, app: &App, query: &HashMap<String, String>, base: &str) -> Value {
    let korean = query.get("l").is_some_and(|language| language.starts_with("ko"));
    let (name, publisher) = match korean {
        true => (&app.name_ko, &app.publisher_ko),
        false => (&app.name_en, &app.publisher_en),
    };
    let icon = format!("{base}/icons/{}.png", app.adam_id);
    let artwork = match state.switches.artwork {
        Artwork::Sizes => json!([{"width": icon::SIDE, "height": icon::SIDE, "url": icon}]),
        Artwork::Template => json!({
            "width": 1024, "height": 1024, "url": format!("{base}/icons/{}/{{w}}x{{h}}bb.{{f}}", app.adam_id),
        }),
    };
    let only_mac = app.device_families.iter().all(|family| family == "mac");
    let number: Value = app
        .adam_id
        .parse::<u64>()
        .map_or_else(|_| json!(app.adam_id), |number| json!(number));
    json!({
        "id": number,
        "name": name,
        "nameRaw": name,
        "bundleId": app.bundle_id,
        "artistName": publisher,
        "kind": if only_mac { "desktopApp" } else { "iosSoftware" },
        "deviceFamilies": app.device_families,
        "minimumOSVersion": app.minimum_os,
        "isB2BCustomApp": app.custom,
        "isVppDeviceBasedLicensingEnabled": app.device_assignable,
        "isFirstParty": false,
        "artwork": artwork,
        "offers": [{"type": "get", "price": 0, "version": {"display": app.version, "externalId": app.external_version}}],
        "softwareInfo": {"seller": publisher},
        "url": format!("{base}/app/id{}", app.adam_id),
    })
}

/// `/icons/900000101.png`
pub async fn icon(Extract(service): Extract<Arc<Service>>, Path(file): Path<String>) -> Response {
    let adam_id = file.strip_suffix(".png").unwrap_or(&file).to_string();
    draw(&service, &adam_id)
}

/// `/icons/900000101/128x128bb.png`: what the template of the artwork leads to. All sizes are one.
pub async fn sized_icon(
    Extract(service): Extract<Arc<Service>>,
    Path((adam_id, _size)): Path<(String, String)>,
) -> Response {
    draw(&service, &adam_id)
}

fn draw(service: &Service, adam_id: &str) -> Response {
    match service.with(|state| state.world.app(adam_id).cloned()) {
        Some(app) => ([(header::CONTENT_TYPE, "image/png")], icon::draw(&app.colour, app.mark)).into_response(),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// The page that an invitation leads to: says who is invited, and lets the person accept.
pub async fn invitation(
    Extract(service): Extract<Arc<Service>>,
    Query(query): Query<HashMap<String, String>>,
) -> Response {
    let code = query.get("inviteCode").cloned().unwrap_or_default();
    let found = service.with(|state| {
        for location in &state.world.locations {
            if let Some(user) = location.invited(&code) {
                let who = user.email.clone().unwrap_or_else(|| user.client_user_id.clone());
                return Some((location.organisation.clone(), who, user.id_hash.is_some()));
            }
        }
        None
    });
    let Some((organisation, who, accepted)) = found else {
        return (
            StatusCode::NOT_FOUND,
            html("Invitation", "<p>There is no such invitation.</p>"),
        )
            .into_response();
    };
    let mut text = format!(
        "<p><b>{}</b> invites <b>{}</b>.</p>",
        escape(&organisation),
        escape(&who)
    );
    match accepted {
        true => text.push_str("<p>The invitation was accepted.</p>"),
        false => text.push_str(&format!(
            "<form method=\"post\" action=\"/invite\"><input type=\"hidden\" name=\"inviteCode\" value=\"{}\">\
             <label>Account <input name=\"account\" required></label> <button>Accept</button></form>",
            escape(&code)
        )),
    }
    html("Invitation", &text).into_response()
}

/// The same page's form, sent.
pub async fn invitation_accepted(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Response {
    let uri = format!("/invite?{}", String::from_utf8_lossy(&body))
        .parse()
        .unwrap_or_default();
    let form = match Query::<HashMap<String, String>>::try_from_uri(&uri) {
        Ok(Query(form)) => form,
        Err(_) => HashMap::new(),
    };
    let (Some(code), Some(account)) = (form.get("inviteCode"), form.get("account")) else {
        return StatusCode::BAD_REQUEST.into_response();
    };
    match service.with(|state| state.accept(code, account)) {
        Ok(_) => html("Invitation", "<p>The invitation was accepted.</p>").into_response(),
        Err(error) => {
            let text = format!("<p>That did not work: {}.</p>", escape(&error.to_string()));
            (StatusCode::CONFLICT, html("Invitation", &text)).into_response()
        }
    }
}

impl State {
    pub fn accept(&mut self, invite_code: &str, account: &str) -> Result<super::ledger::User, AcceptError> {
        let now = self.now();
        let lag_ms = self.switches.read_lag_ms;
        for location in &mut self.world.locations {
            if location.invited(invite_code).is_some() {
                location.remember(now, lag_ms);
            }
            match location.accept(invite_code, account, now) {
                Err(AcceptError::Unknown) => continue,
                outcome => {
                    self.changed |= outcome.is_ok();
                    return outcome;
                }
            }
        }
        Err(AcceptError::Unknown)
    }
}

fn html(title: &str, text: &str) -> Html<String> {
    Html(format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>{title}</title><h1>{title}</h1>{text}</html>"
    ))
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}
