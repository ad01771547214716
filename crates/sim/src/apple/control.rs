//! `/sim/…`: what only a simulator lets one see and do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Query, State as Extract};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::keys::Holder;
use super::ledger::{AcceptError, ClientConfiguration, Location};
use super::mdm_info::MdmInfo;
use super::service::{Service, State};
use super::snapshot::{Ledger, Write};
use super::switches::Switches;
use super::token::{TokenKind, TokenState};
use super::world::Via;

/// `GET /sim/ledger`
pub async fn ledger(Extract(service): Extract<Arc<Service>>) -> axum::Json<Ledger> {
    axum::Json(service.with(|state| state.ledger()))
}

/// `GET /sim/tokens`: the text of each token file, by its kind.
pub async fn tokens(Extract(service): Extract<Arc<Service>>) -> axum::Json<BTreeMap<TokenKind, String>> {
    axum::Json(service.with(|state| {
        state
            .world
            .tokens
            .iter()
            .map(|token| (token.kind, token.text.clone()))
            .collect()
    }))
}

#[derive(Deserialize)]
struct SetToken {
    kind: TokenKind,
    state: TokenState,
}

/// `POST /sim/token-state {"kind":"valid","state":"revoked"}`
pub async fn token_state(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let SetToken { kind, state: token } = read(&body)?;
    done(service.with(|state| state.set_token_state(kind, token)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Accept {
    invite_code: String,
    account: String,
}

/// `POST /sim/accept {"inviteCode":"…","account":"…"}`
pub async fn accept(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Accept { invite_code, account } = read(&body)?;
    match service.with(|state| state.accept(&invite_code, &account)) {
        Ok(user) => Ok(axum::Json(user).into_response()),
        Err(error) => {
            let status = match error {
                AcceptError::Unknown => StatusCode::NOT_FOUND,
                AcceptError::Used | AcceptError::AccountTaken { .. } => StatusCode::CONFLICT,
            };
            Err(Wrong {
                status,
                error: error.to_string(),
            })
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Buy {
    adam_id: String,
    count: i64,
    #[serde(rename = "uId", default)]
    uid: Option<String>,
}

/// `POST /sim/buy {"adamId":"900000101","count":5}`; a negative count gives licences back.
pub async fn buy(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Buy { adam_id, count, uid } = read(&body)?;
    done(service.with(|state| state.buy(uid.as_deref(), &adam_id, count)))
}

/// `POST /sim/refund {"adamId":"900000101","count":5}`: owned may fall below assigned.
pub async fn refund(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Buy { adam_id, count, uid } = read(&body)?;
    done(service.with(|state| state.alter(uid.as_deref(), |location, now| location.refund(&adam_id, count, now))))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Publish {
    adam_id: String,
    version: String,
}

/// `POST /sim/publish {"adamId":"900000101","version":"2.0"}`: the store has a newer version of an app.
pub async fn publish(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Publish { adam_id, version } = read(&body)?;
    done(service.with(|state| state.publish(&adam_id, &version)))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Foreign {
    adam_id: String,
    holder: Holder,
    #[serde(default = "yes")]
    assigned: bool,
    #[serde(rename = "uId", default)]
    uid: Option<String>,
}

/// `POST /sim/foreign {"adamId":"…","holder":{"device":"C02X"},"assigned":false}`: what another server does.
pub async fn foreign(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let asked: Foreign = read(&body)?;
    done(service.with(|state| {
        state.alter(asked.uid.as_deref(), |location, now| match asked.assigned {
            true => location.foreign_assign(&asked.adam_id, &asked.holder, now),
            false => location.foreign_unassign(&asked.adam_id, &asked.holder, now),
        })
    }))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Retire {
    client_user_id: String,
    #[serde(rename = "uId", default)]
    uid: Option<String>,
}

/// `POST /sim/retire {"clientUserId":"…"}`
pub async fn retire(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Retire { client_user_id, uid } = read(&body)?;
    done(service.with(|state| state.alter(uid.as_deref(), |location, now| location.retire(&client_user_id, now))))
}

/// `GET /sim/writes`: every write that arrived since the start.
pub async fn writes(Extract(service): Extract<Arc<Service>>) -> axum::Json<Vec<Write>> {
    axum::Json(service.with(|state| state.writes.clone()))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SetMdmInfo {
    mdm_info: Option<MdmInfo>,
    #[serde(rename = "uId", default)]
    uid: Option<String>,
}

/// `POST /sim/mdm-info {"mdmInfo":{"id":"…","name":"…","metadata":"…"}}`, or `null` to clear it.
pub async fn mdm_info(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let SetMdmInfo { mdm_info, uid } = read(&body)?;
    done(service.with(|state| state.set_mdm_info(uid.as_deref(), mdm_info)))
}

/// `GET /sim/switches`
pub async fn switches(Extract(service): Extract<Arc<Service>>) -> axum::Json<Switches> {
    axum::Json(service.with(|state| state.switches.clone()))
}

/// `POST /sim/switches {"pageLength":2}`: what is not named stays as it is.
pub async fn set_switches(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let asked: serde_json::Map<String, Value> = read(&body)?;
    service.with(|state| {
        let mut all = serde_json::to_value(&state.switches).expect("switches become JSON");
        for (name, value) in asked {
            all[name] = value;
        }
        match serde_json::from_value::<Switches>(all) {
            Ok(switches) => {
                state.switches = switches;
                Ok(axum::Json(state.switches.clone()).into_response())
            }
            Err(error) => Err(Wrong {
                status: StatusCode::BAD_REQUEST,
                error: error.to_string(),
            }),
        }
    })
}

#[derive(Deserialize)]
struct Dead {
    token: String,
    #[serde(default = "yes")]
    dead: bool,
}

fn yes() -> bool {
    true
}

/// `POST /sim/dead-token {"token":"<hex>"}`: pushes to it are answered with 410 from now on.
pub async fn dead_token(Extract(service): Extract<Arc<Service>>, body: Bytes) -> Result<Response, Wrong> {
    let Dead { token, dead } = read(&body)?;
    service.with(|state| state.set_push_token_dead(&token, dead));
    done(true)
}

/// `GET /sim/licence?adamId=…&serial=…&account=…`: what the store tells a device that wants
/// to install the app.
pub async fn licence(
    Extract(service): Extract<Arc<Service>>,
    Query(query): Query<HashMap<String, String>>,
) -> axum::Json<Value> {
    let text = |name: &str| query.get(name).map(String::as_str).unwrap_or_default();
    let via = service.with(|state| state.licence(text("adamId"), text("serial"), text("account")));
    axum::Json(json!({"licensed": via.is_some(), "via": via}))
}

/// `GET /sim/apps`: every app as the store describes it to a device, custom ones too.
pub async fn apps(Extract(service): Extract<Arc<Service>>) -> axum::Json<Value> {
    let mut apps = Vec::new();
    service.with(|state| {
        for app in &state.world.catalogue {
            apps.push(json!({
                "adamId": app.adam_id,
                "bundleId": app.bundle_id,
                "name": app.name_en,
                "version": app.version,
                "externalVersionId": app.external_version,
                "platforms": app.platforms,
                "deviceFamilies": app.device_families,
                "minimumOs": app.minimum_os,
            }));
        }
    });
    axum::Json(Value::Array(apps))
}

impl State {
    pub fn licence(&self, adam_id: &str, serial: &str, account: &str) -> Option<Via> {
        let believed_since = self.now() - self.switches.licence_lag_ms as i64;
        self.world.licence(adam_id, serial, account, believed_since)
    }

    pub fn publish(&mut self, adam_id: &str, version: &str) -> bool {
        let mut catalogue = self.world.catalogue.iter_mut();
        let Some(app) = catalogue.find(|app| app.adam_id == adam_id) else {
            return false;
        };
        app.version = version.to_owned();
        app.external_version += 1;
        self.changed = true;
        true
    }

    pub fn buy(&mut self, uid: Option<&str>, adam_id: &str, count: i64) -> bool {
        self.alter(uid, |location, now| location.buy(adam_id, count, now))
    }

    /// Something happens to a location that its server did not ask for. Reads that lag show it later, like all else.
    pub fn alter(&mut self, uid: Option<&str>, act: impl FnOnce(&mut Location, i64) -> bool) -> bool {
        let now = self.now();
        let lag_ms = self.switches.read_lag_ms;
        let location = self
            .world
            .locations
            .iter_mut()
            .find(|location| uid.is_none_or(|uid| location.uid == uid));
        let Some(location) = location else {
            return false;
        };
        location.remember(now, lag_ms);
        let done = act(location, now);
        self.changed |= done;
        done
    }

    pub fn set_mdm_info(&mut self, uid: Option<&str>, mdm_info: Option<MdmInfo>) -> bool {
        let location = self
            .world
            .locations
            .iter_mut()
            .find(|location| uid.is_none_or(|uid| location.uid == uid));
        let Some(location) = location else {
            return false;
        };
        // Its notifications go where it says, and no more to whom was told before (S69).
        location.configuration = ClientConfiguration {
            mdm_info,
            ..ClientConfiguration::default()
        };
        location.notices.clear();
        self.changed = true;
        true
    }

    pub fn set_token_state(&mut self, kind: TokenKind, token_state: TokenState) -> bool {
        let Some(token) = self.world.tokens.iter_mut().find(|token| token.kind == kind) else {
            return false;
        };
        token.state = token_state;
        self.changed = true;
        true
    }

    pub fn set_push_token_dead(&mut self, token: &str, dead: bool) {
        let token = token.to_ascii_lowercase();
        let now = self.now();
        let pushes = &mut self.world.pushes;
        pushes.dead.retain(|(known, _)| *known != token);
        if dead {
            pushes.queue.retain(|push| push.token != token);
            pushes.dead.push((token, now));
        }
        self.changed = true;
    }
}

fn read<T: DeserializeOwned>(body: &Bytes) -> Result<T, Wrong> {
    serde_json::from_slice(body).map_err(|error| Wrong {
        status: StatusCode::BAD_REQUEST,
        error: error.to_string(),
    })
}

fn done(done: bool) -> Result<Response, Wrong> {
    match done {
        true => Ok(axum::Json(json!({})).into_response()),
        false => Err(Wrong {
            status: StatusCode::CONFLICT,
            error: "that is not possible with what there is".into(),
        }),
    }
}

/// Why something could not be done here, in words for whoever runs the simulator.
pub struct Wrong {
    status: StatusCode,
    error: String,
}

impl IntoResponse for Wrong {
    fn into_response(self) -> Response {
        (self.status, axum::Json(json!({"error": self.error}))).into_response()
    }
}
