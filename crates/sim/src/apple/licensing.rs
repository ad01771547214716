//! The licensing service's HTTP face: `/mdm/v2`.

use std::collections::{HashMap, HashSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::body::{Bytes, to_bytes};
use axum::extract::{ConnectInfo, Query, Request, State as Extract};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

use super::connection::Peer;
use super::delivery::Delivery;
use super::keys::{AssetKey, Holder};
use super::ledger::{
    Asset, Books, ClientConfigRequest, EventStatus, EventType, Location, ManageAssets, ManageUsers, Notice, User,
    UserStatus, user_record,
};
use super::refusal::{self, Refusal};
use super::service::{Service, State};
use super::snapshot::Write;
use super::switches::{ExpirationDate, Garbage, Named, Switches, TokenErrors, Trouble};
use super::token::date;

/// More than the largest request that the limits allow.
const LARGEST_BODY: usize = 16 * 1024 * 1024;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Endpoint {
    ServiceConfig,
    ClientConfig,
    Assets,
    Assignments,
    Users,
    Status,
    Assign(EventType),
    Revoke,
    Manage(EventType),
}

impl Endpoint {
    fn find(path: &str) -> Option<Endpoint> {
        Some(match path {
            "service/config" => Endpoint::ServiceConfig,
            "client/config" => Endpoint::ClientConfig,
            "assets" => Endpoint::Assets,
            "assignments" => Endpoint::Assignments,
            "users" => Endpoint::Users,
            "status" => Endpoint::Status,
            "assets/associate" => Endpoint::Assign(EventType::Associate),
            "assets/disassociate" => Endpoint::Assign(EventType::Disassociate),
            "assets/revoke" => Endpoint::Revoke,
            "users/create" => Endpoint::Manage(EventType::Create),
            "users/update" => Endpoint::Manage(EventType::Update),
            "users/retire" => Endpoint::Manage(EventType::Retire),
            _ => return None,
        })
    }

    fn is_event(self) -> bool {
        matches!(self, Endpoint::Assign(_) | Endpoint::Revoke | Endpoint::Manage(_))
    }

    fn is_paged(self) -> bool {
        matches!(self, Endpoint::Assets | Endpoint::Assignments | Endpoint::Users)
    }

    fn takes(self, method: &Method) -> bool {
        match self {
            Endpoint::ClientConfig => method == Method::GET || method == Method::POST,
            _ if self.is_event() => method == Method::POST,
            _ => method == Method::GET,
        }
    }
}

/// What goes back, and whether it gets there.
struct Answer {
    status: u16,
    body: Value,
    retry_after_s: Option<u32>,
    cut: bool,
    garbage: Option<Garbage>,
    late_ms: u64,
}

impl Answer {
    fn ok(body: Value) -> Self {
        Answer {
            status: 200,
            body,
            retry_after_s: None,
            cut: false,
            garbage: None,
            late_ms: 0,
        }
    }

    /// The connection is cut before anything was done.
    fn unheard() -> Self {
        Answer {
            status: 0,
            cut: true,
            ..Answer::ok(Value::Null)
        }
    }
}

/// Answers every request below `/mdm/v2`.
pub async fn answer(
    Extract(service): Extract<Arc<Service>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    request: Request,
) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, LARGEST_BODY).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let path = parts.uri.path().trim_start_matches("/mdm/v2/").to_string();
    let endpoint = Endpoint::find(&path);

    let reading = endpoint
        .is_some_and(Endpoint::is_paged)
        .then(|| Reading::start(&service));
    let reads = service.reads.load(Ordering::SeqCst);
    // The test comes before the answer, and before the configuration holds.
    let mut reached = true;
    if endpoint == Some(Endpoint::ClientConfig)
        && parts.method == Method::POST
        && let Some(test) = service.with(|state| state.test(&parts, &body))
    {
        reached = test.arrives(&service.client).await;
    }
    let (answer, delay_ms) = service.with(|state| {
        *state.traffic.requests.entry(path.clone()).or_default() += 1;
        state.traffic.most_parallel_reads = state.traffic.most_parallel_reads.max(reads);
        let answer = state.answer(endpoint, reads, reached, &parts, &body);
        state.traffic.cut_connections += u64::from(answer.cut);
        let mut delay_ms = state.switches.answer_delay_ms + answer.late_ms;
        if endpoint.is_some_and(Endpoint::is_event) {
            delay_ms += state.switches.notification_before_answer_ms;
        }
        (answer, delay_ms)
    });
    tracing::debug!(method = %parts.method, path, status = answer.status, "answered for Apple");

    // What was asked for has happened; a client that does not wait for the answer misses it.
    if delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(delay_ms)).await;
    }
    drop(reading);
    if answer.cut {
        peer.cut();
    }
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut response = match answer.garbage {
        Some(garbage) => garbled(garbage, &answer.body),
        None if answer.body.is_null() => status.into_response(),
        None => (status, axum::Json(answer.body)).into_response(),
    };
    if let Some(seconds) = answer.retry_after_s {
        response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
    }
    response
}

/// What comes instead of this answer.
fn garbled(garbage: Garbage, answer: &Value) -> Response {
    let whole = answer.to_string();
    match garbage {
        Garbage::Html => axum::response::Html("<!doctype html><title>Sign in</title>").into_response(),
        Garbage::Empty => StatusCode::OK.into_response(),
        Garbage::Truncated => {
            let half: String = whole.chars().take(whole.chars().count() / 2).collect();
            ([(header::CONTENT_TYPE, "application/json")], half).into_response()
        }
        Garbage::OtherJson => axum::Json(json!({"message": "it works"})).into_response(),
        Garbage::EmptyEntries => axum::Json(with_entries(answer, |entries| entries.fill(json!({})))).into_response(),
        Garbage::NoEntries => axum::Json(with_entries(answer, Vec::clear)).into_response(),
    }
}

/// The same page with other entries; all else that it says of itself stays.
fn with_entries(page: &Value, change: impl FnOnce(&mut Vec<Value>)) -> Value {
    let mut page = page.clone();
    let list = ["assets", "assignments", "users"]
        .into_iter()
        .find(|list| page.get(list).is_some());
    if let Some(entries) = list.and_then(|list| page[list].as_array_mut()) {
        change(entries);
    }
    page
}

/// Counts a page read as long as it lasts, also when the client goes away.
struct Reading<'a>(&'a Service);

impl<'a> Reading<'a> {
    fn start(service: &'a Service) -> Self {
        service.reads.fetch_add(1, Ordering::SeqCst);
        Reading(service)
    }
}

impl Drop for Reading<'_> {
    fn drop(&mut self) {
        self.0.reads.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Who asks, as the token says.
struct Caller {
    uid: String,
    read_only: bool,
    expires_at: i64,
}

impl State {
    /// The test notification that is to arrive before this configuration is taken, if it is about notifications.
    fn test(&self, parts: &Parts, body: &Bytes) -> Option<Delivery> {
        if !self.on_the_network || self.switches.notification_url_reachable.is_some() {
            return None;
        }
        let token = self.world.authorise(bearer(parts), self.now()).ok()?;
        let location = self.world.locations.iter().find(|location| location.uid == token.uid)?;
        let next = location.configured(parse(body).ok()?, &self.switches).ok()?;
        let to = next.tested.then_some(next.configuration)?;
        Delivery::of(&location.uid, &to, Notice::test())
    }

    fn answer(
        &mut self,
        endpoint: Option<Endpoint>,
        reads: usize,
        reached: bool,
        parts: &Parts,
        body: &Bytes,
    ) -> Answer {
        let trouble = self.trouble(parts);
        let outcome = match trouble {
            Some(Trouble::Unheard) => Ok(Answer::unheard()),
            Some(Trouble::Refused { number, retry_after_s }) => Ok(Answer {
                retry_after_s,
                ..self.refuse(&Refusal::new(number))
            }),
            Some(Trouble::Gateway { status, retry_after_s }) => Ok(Answer {
                status,
                retry_after_s,
                ..Answer::ok(Value::Null)
            }),
            _ => self.outcome(endpoint, reads, reached, parts, body),
        };
        let mut answer = match outcome {
            Ok(answer) => answer,
            Err(refusal) => self.refuse(&refusal),
        };
        match trouble {
            Some(Trouble::Lost) => answer.cut = true,
            Some(Trouble::Late { ms }) => answer.late_ms = ms,
            Some(Trouble::Garbled(garbage)) => answer.garbage = Some(garbage),
            Some(Trouble::DoneButInternalError) => answer = self.refuse(&Refusal::new(9603)),
            _ => {}
        }
        if endpoint.is_some_and(|endpoint| endpoint != Endpoint::ServiceConfig)
            && self.world.rng.chance(self.switches.garbage)
        {
            answer.garbage = Some(self.switches.garbage_is);
        }
        if parts.method == Method::POST {
            self.note_write(parts, body, &answer);
        }
        answer
    }

    /// What befalls this request, if anything was ordered for its kind.
    fn trouble(&mut self, parts: &Parts) -> Option<Trouble> {
        let call = format!("{} {}", parts.method, parts.uri.path().trim_start_matches("/mdm/v2/"));
        let faults = &mut self.switches.faults;
        let at = faults.iter().position(|fault| fault.call == call && fault.times > 0)?;
        let is = faults[at].is;
        faults[at].times -= 1;
        if faults[at].times == 0 {
            faults.remove(at);
        }
        Some(is)
    }

    /// Every write that arrived, whatever became of it.
    fn note_write(&mut self, parts: &Parts, body: &Bytes, answer: &Answer) {
        let bearer = bearer(parts)
            .and_then(|text| text.split_once(' '))
            .map(|(_, text)| text);
        let token = self
            .world
            .tokens
            .iter()
            .find(|token| Some(token.text.as_str()) == bearer);
        let write = Write {
            at: self.now(),
            token: token.map(|token| token.kind),
            uid: token.map(|token| token.uid.clone()),
            path: parts.uri.path().trim_start_matches("/mdm/v2/").to_string(),
            body: serde_json::from_slice(body).unwrap_or_default(),
            status: answer.status,
            error_number: answer.body["errorNumber"].as_i64(),
            event_id: answer.body["eventId"].as_str().map(String::from),
        };
        self.writes.push(write);
    }

    fn refuse(&self, refusal: &Refusal) -> Answer {
        let hidden = refusal.is_about_the_token() && self.switches.token_errors == TokenErrors::Body200;
        Answer {
            status: if hidden { 200 } else { refusal::status(refusal.number) },
            body: refusal.body(),
            retry_after_s: match refusal.number {
                9646 => self.switches.rate_retry_after_s,
                9729 => self.switches.unavailable_retry_after_s,
                _ => None,
            },
            cut: false,
            garbage: None,
            late_ms: 0,
        }
    }

    /// The checks, in the order in which they win over each other, and then the deed.
    fn outcome(
        &mut self,
        endpoint: Option<Endpoint>,
        reads: usize,
        reached: bool,
        parts: &Parts,
        body: &Bytes,
    ) -> Result<Answer, Refusal> {
        let endpoint = endpoint.ok_or(Refusal::new(9634))?;
        if !endpoint.takes(&parts.method) {
            return Err(Refusal::new(9726));
        }
        if parts.method == Method::POST && !is_json(&parts.headers) {
            return Err(Refusal::new(9727));
        }
        if endpoint == Endpoint::ServiceConfig {
            return Ok(Answer::ok(self.service_config(&base_url(&parts.headers))));
        }
        if parts.method == Method::POST && self.world.rng.chance(self.switches.cut_before_write) {
            return Ok(Answer::unheard());
        }
        if self.world.rng.chance(self.switches.too_many) {
            return Err(Refusal::new(9646));
        }
        if self.world.rng.chance(self.switches.unavailable) {
            return Err(Refusal::new(9729));
        }
        if self.world.rng.chance(self.switches.internal_error) {
            return Err(Refusal::new(9603));
        }

        if self.switches.token_refusals > 0 {
            self.switches.token_refusals -= 1;
            return match self.switches.token_refusal_number {
                Some(number) => Err(Refusal::new(number)),
                None => {
                    let mut bare = Answer::ok(Value::Null);
                    bare.status = 401;
                    Ok(bare)
                }
            };
        }
        let now = self.now();
        let token = self.world.authorise(bearer(parts), now)?;
        let caller = Caller {
            uid: token.uid.clone(),
            read_only: token.read_only,
            expires_at: token.expires_at,
        };
        if !self.may_ask(&caller.uid) {
            return Err(Refusal::new(9646));
        }
        if endpoint.is_paged() && self.switches.parallel_reads.is_some_and(|limit| reads > limit as usize) {
            return Err(Refusal::new(9646));
        }
        if endpoint.is_event() && caller.read_only {
            return Err(Refusal::new(9637));
        }

        if endpoint.is_event() {
            return self.accept_write(endpoint, &caller, body);
        }
        let query = Asked::of(parts)?;
        let answer = match endpoint {
            Endpoint::ClientConfig if parts.method == Method::POST => {
                let request: ClientConfigRequest = parse(body)?;
                let reached = self.switches.notification_url_reachable.unwrap_or(reached);
                self.change(&caller.uid, |location, step| {
                    location.configure(request, step.switches, reached)
                })?;
                self.client_config(&caller)
            }
            Endpoint::ClientConfig => self.client_config(&caller),
            Endpoint::Status => self.status(&caller, &query)?,
            _ => self.read(endpoint, &caller, &query)?,
        };
        Ok(Answer::ok(self.sign(answer, &caller)))
    }

    fn accept_write(&mut self, endpoint: Endpoint, caller: &Caller, body: &Bytes) -> Result<Answer, Refusal> {
        let event_id = match endpoint {
            Endpoint::Manage(event_type) => {
                let request: ManageUsers = parse(body)?;
                self.change(&caller.uid, |location, step| {
                    location.manage_users(event_type, request, step)
                })?
            }
            Endpoint::Assign(event_type) => {
                let request: ManageAssets = parse(body)?;
                self.change(&caller.uid, |location, step| {
                    location.manage_assets(event_type, request, step)
                })?
            }
            _ => {
                let request: ManageAssets = parse(body)?;
                self.change(&caller.uid, |location, step| location.revoke(request, step))?
            }
        };
        if self.world.rng.chance(self.switches.internal_error_after_write) {
            return Err(Refusal::new(9603));
        }
        let mut answer = Answer::ok(self.sign(json!({"eventId": event_id}), caller));
        answer.cut = self.world.rng.chance(self.switches.cut_after_write);
        Ok(answer)
    }

    /// Adds what every answer to a token says: whose it is, who manages it, how long it lasts.
    fn sign(&mut self, mut answer: Value, caller: &Caller) -> Value {
        let days_left = (caller.expires_at - self.now()) / (24 * 60 * 60 * 1000);
        let tell = match self.switches.expiration_date {
            ExpirationDate::Always => true,
            ExpirationDate::Within15Days => days_left < 15,
            ExpirationDate::Never => false,
        };
        answer["uId"] = json!(caller.uid);
        if tell {
            answer["tokenExpirationDate"] = json!(date(caller.expires_at));
        }
        if let Some(info) = &self.mine(caller).configuration.mdm_info {
            answer["mdmInfo"] = json!(info);
        }
        if self.switches.unknown_fields {
            answer["somethingNew"] = json!({"list": [1, "two", null]});
        }
        answer
    }

    fn mine(&mut self, caller: &Caller) -> &mut Location {
        self.world.location(&caller.uid).expect("a token's location exists")
    }

    fn service_config(&self, base: &str) -> Value {
        let api = format!("{base}/mdm/v2");
        json!({
            "errorCodes": refusal::listed(),
            "limits": self.switches.published_limits(),
            "notificationTypes": ["ASSET_MANAGEMENT", "USER_MANAGEMENT", "USER_ASSOCIATED", "ASSET_COUNT"],
            "urls": {
                "associateAssets": format!("{api}/assets/associate"),
                "clientConfig": format!("{api}/client/config"),
                "contentMetadataLookup": format!("{base}/lookup"),
                "createUsers": format!("{api}/users/create"),
                "disassociateAssets": format!("{api}/assets/disassociate"),
                "eventStatus": format!("{api}/status"),
                "getAssets": format!("{api}/assets"),
                "getAssignments": format!("{api}/assignments"),
                "getUsers": format!("{api}/users"),
                // The placeholder is literal: percent, two, five, name, percent, two, five.
                "invitationEmail": format!("{base}/invite?inviteCode=%25inviteCode%25&mt=8"),
                "retireUsers": format!("{api}/users/retire"),
                "revokeAssets": format!("{api}/assets/revoke"),
                "updateUsers": format!("{api}/users/update"),
            },
        })
    }

    fn client_config(&mut self, caller: &Caller) -> Value {
        let location = self.mine(caller);
        let mut answer = json!({
            "countryISO2ACode": location.country,
            "defaultPlatform": location.default_platform,
            "locationName": location.name,
            "subscribedNotificationTypes": location.configuration.notification_types,
            "websiteURL": location.website_url,
        });
        if let Some(url) = &location.configuration.notification_url {
            answer["notificationUrl"] = json!(url);
        }
        if let Some(token) = &location.configuration.notification_auth_token {
            answer["notificationAuthToken"] = json!(token);
        }
        answer
    }

    fn status(&mut self, caller: &Caller, query: &Asked) -> Result<Value, Refusal> {
        let id = query.text("eventId").ok_or(Refusal::new(9602))?.to_string();
        let now = self.now();
        let refuse_early = self.switches.early_poll_refused;
        let named = self.switches.failures_name;
        let event = self.mine(caller).event(&id).ok_or(Refusal::new(9708))?;

        // Whoever asked while it was pending has to wait before asking again, however it went on.
        let early = event.polled_at.is_some_and(|at| now - at < 30_000);
        if event.status() == EventStatus::Pending {
            event.polled_at = Some(now);
        }
        let mut answer = json!({
            "eventStatus": event.status(),
            "eventType": event.event_type,
            "numRequested": event.requested,
            "numCompleted": event.completed,
        });
        if event.status() == EventStatus::Failed {
            let failures = event.failures.iter();
            let failures: Vec<Value> = failures
                .map(|failure| {
                    let mut info = failure.info.clone();
                    if matches!(named, Named::Holders | Named::Nobody) {
                        info.assets.clear();
                    }
                    if matches!(named, Named::Assets | Named::Nobody) {
                        info.client_user_ids.clear();
                        info.serial_numbers.clear();
                    }
                    Refusal {
                        number: failure.number,
                        info,
                    }
                    .body()
                })
                .collect();
            answer["failures"] = json!(failures);
        }
        if early {
            self.traffic.early_polls += 1;
            if refuse_early {
                return Err(Refusal::new(9646));
            }
        }
        Ok(answer)
    }

    fn read(&mut self, endpoint: Endpoint, caller: &Caller, query: &Asked) -> Result<Value, Refusal> {
        let now = self.now();
        let switches = self.switches.clone();
        let location = self.mine(caller);
        let uid = location.uid.clone();
        let books = location.shown(now, switches.read_lag_ms);
        match endpoint {
            Endpoint::Assets => {
                let version = books.assets_version.id(&format!("{uid}/assets"));
                let records = asset_records(books, query)?;
                page(
                    "assets",
                    records.len(),
                    |part| records[part].to_vec(),
                    query,
                    &switches,
                    version,
                )
            }
            Endpoint::Assignments => {
                let place = format!("{uid}/assignments");
                let since = query.since(|id| books.assignments_version.find(&place, id))?;
                let version = books.assignments_version.id(&place);
                let asked = AskedAssignments::of(query)?;
                if since.is_none() && asked.is_all() {
                    let many = books.assets.iter().map(|asset| asset.holders.len()).sum();
                    let of = |part| assignment_records(books, &all_assignments(books, part), &asked);
                    return page("assignments", many, of, query, &switches, version);
                }
                let listed = assignments(books, query, &asked, since, &switches);
                let of = |part: Range<usize>| assignment_records(books, &listed[part], &asked);
                page("assignments", listed.len(), of, query, &switches, version)
            }
            _ => {
                let place = format!("{uid}/users");
                let since = query.since(|id| books.users_version.find(&place, id))?;
                let version = books.users_version.id(&place);
                let listed = users(books, query, since)?;
                let of = |part: Range<usize>| listed[part].iter().map(|user| user_record(user)).collect();
                page("users", listed.len(), of, query, &switches, version)
            }
        }
    }
}

/// The part of the query that a read understands.
struct Asked(HashMap<String, String>);

impl Asked {
    fn of(parts: &Parts) -> Result<Self, Refusal> {
        match Query::<HashMap<String, String>>::try_from_uri(&parts.uri) {
            Ok(Query(query)) => Ok(Asked(query)),
            Err(_) => Err(Refusal::new(9602)),
        }
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    fn number(&self, name: &str) -> Result<Option<i64>, Refusal> {
        self.text(name)
            .map(|text| text.parse().map_err(|_| Refusal::new(9602)))
            .transpose()
    }

    fn flag(&self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name) {
            None => Ok(None),
            Some("true") => Ok(Some(true)),
            Some("false") => Ok(Some(false)),
            Some(_) => Err(Refusal::new(9602)),
        }
    }

    fn is_or_open(&self, name: &str, value: &str) -> bool {
        self.text(name).is_none_or(|asked| asked == value)
    }

    fn since(&self, find: impl Fn(&str) -> Option<u64>) -> Result<Option<u64>, Refusal> {
        match self.text("sinceVersionId") {
            None => Ok(None),
            Some(id) => find(id).map(Some).ok_or(Refusal::new(9721)),
        }
    }
}

fn asset_records(books: &Books, query: &Asked) -> Result<Vec<Value>, Refusal> {
    let unlimited = query.flag("unlimited")?;
    let revocable = query.flag("revocable")?;
    let device_assignable = query.flag("deviceAssignable")?;
    let bounds = [
        (query.number("minAvailableCount")?, query.number("maxAvailableCount")?),
        (query.number("minAssignedCount")?, query.number("maxAssignedCount")?),
    ];

    let mut records = Vec::new();
    for asset in &books.assets {
        let fits = query.is_or_open("adamId", &asset.key.adam_id)
            && query.is_or_open("pricingParam", &asset.key.pricing_param)
            && query.is_or_open("productType", &asset.product_type)
            && revocable.is_none_or(|asked| asked == asset.revocable)
            && device_assignable.is_none_or(|asked| asked == asset.device_assignable)
            && within(bounds[0], asset.available)
            && within(bounds[1], asset.assigned)
            && !(asset.unlimited && unlimited == Some(false));
        if fits {
            records.push(asset_record(asset, unlimited == Some(true)));
        }
    }
    Ok(records)
}

fn within((least, most): (Option<i64>, Option<i64>), count: i64) -> bool {
    least.is_none_or(|least| count >= least) && most.is_none_or(|most| count <= most)
}

/// An asset without a `totalCount` belongs in the list of its own that unlimited assets have.
fn asset_record(asset: &Asset, apart: bool) -> Value {
    let mut record = json!({
        "adamId": asset.key.adam_id,
        "pricingParam": asset.key.pricing_param,
        "productType": asset.product_type,
        "assignedCount": asset.assigned,
        "deviceAssignable": asset.device_assignable,
        "revocable": asset.revocable,
        "supportedPlatforms": asset.supported_platforms,
    });
    if !(asset.unlimited && apart) {
        record["availableCount"] = json!(asset.available);
        record["retiredCount"] = json!(asset.retired);
        record["totalCount"] = json!(asset.total);
    }
    record
}

/// What a question about assignments asks of each of them.
struct AskedAssignments {
    with_state: bool,
    only_active: bool,
    /// Any of them, whose and of whatever.
    all: bool,
}

impl AskedAssignments {
    fn of(query: &Asked) -> Result<Self, Refusal> {
        let picks = ["adamId", "pricingParam", "clientUserId", "serialNumber"];
        Ok(AskedAssignments {
            with_state: query.flag("includeUserState")? == Some(true),
            only_active: query.flag("excludeInactiveUsers")? == Some(true),
            all: picks.iter().all(|name| query.text(name).is_none()),
        })
    }

    fn is_all(&self) -> bool {
        self.all && !self.only_active
    }
}

fn assignments<'a>(
    books: &'a Books,
    query: &Asked,
    asked: &AskedAssignments,
    since: Option<u64>,
    switches: &Switches,
) -> Vec<(&'a AssetKey, &'a Holder)> {
    let by_holder = query.text("clientUserId").is_some() || query.text("serialNumber").is_some();
    let mut listed = Vec::new();
    let users = books
        .users
        .iter()
        .filter(|user| asked.only_active && user.status.is_active());
    let active: HashSet<&str> = users.map(|user| user.client_user_id.as_str()).collect();
    let mut add = |key: &'a AssetKey, holder: &'a Holder| {
        let fits = query.is_or_open("adamId", &key.adam_id)
            && query.is_or_open("pricingParam", &key.pricing_param)
            && match holder {
                Holder::User(id) => {
                    (!by_holder || query.text("clientUserId") == Some(id))
                        && (!asked.only_active || active.contains(id.as_str()))
                }
                Holder::Device(id) => !by_holder || query.text("serialNumber") == Some(id),
            };
        if fits {
            listed.push((key, holder));
        }
    };
    for asset in &books.assets {
        for (holder, row) in &asset.holders {
            if since.is_none_or(|since| row.changed > since) {
                add(&asset.key, holder);
            }
        }
    }
    if let (Some(since), true) = (since, switches.removed_in_delta) {
        for (key, holder, changed) in &books.removed {
            if *changed > since {
                add(key, holder);
            }
        }
    }
    listed
}

/// A part of all of them: whole assets before it are passed over, however many hold them.
fn all_assignments(books: &Books, part: Range<usize>) -> Vec<(&AssetKey, &Holder)> {
    let (mut skip, mut listed) = (part.start, Vec::with_capacity(part.len()));
    for asset in &books.assets {
        if skip >= asset.holders.len() {
            skip -= asset.holders.len();
            continue;
        }
        let holders = asset.holders.keys().skip(skip).take(part.len() - listed.len());
        listed.extend(holders.map(|holder| (&asset.key, holder)));
        skip = 0;
    }
    listed
}

/// Assignments as they are told, with who has them where that is asked: looked up together, since there may be as many people.
fn assignment_records(books: &Books, listed: &[(&AssetKey, &Holder)], asked: &AskedAssignments) -> Vec<Value> {
    let ids = listed.iter().filter_map(|(_, holder)| match holder {
        Holder::User(id) if asked.with_state => Some(id.as_str()),
        _ => None,
    });
    let users = books.users_called(ids.collect());
    let record = |(key, holder): &(&AssetKey, &Holder)| assignment_record(key, holder, &users);
    listed.iter().map(record).collect()
}

fn assignment_record(key: &AssetKey, holder: &Holder, users: &HashMap<&str, &User>) -> Value {
    let mut record = json!({"adamId": key.adam_id, "pricingParam": key.pricing_param});
    match holder {
        Holder::Device(serial) => record["serialNumber"] = json!(serial),
        Holder::User(id) => {
            record["clientUserId"] = json!(id);
            if let Some(user) = users.get(id.as_str()) {
                record["userStatus"] = json!(user.status);
                if let Some(id_hash) = &user.id_hash {
                    record["idHash"] = json!(id_hash);
                }
            }
        }
    }
    record
}

fn users<'a>(books: &'a Books, query: &Asked, since: Option<u64>) -> Result<Vec<&'a User>, Refusal> {
    let active_only = query.flag("activeOnly")? == Some(true);
    let retired_only = query.flag("retiredOnly")? == Some(true);
    let fits = |user: &&User| {
        query.is_or_open("clientUserId", &user.client_user_id)
            && (!active_only || user.status.is_active())
            && (!retired_only || user.status == UserStatus::Retired)
            && since.is_none_or(|since| user.changed > since)
    };
    Ok(books.users.iter().filter(fits).collect())
}

/// One page of so many records, with what the client needs to ask for the next. Only those on it are made.
fn page(
    name: &str,
    many: usize,
    of: impl FnOnce(Range<usize>) -> Vec<Value>,
    query: &Asked,
    switches: &Switches,
    version: String,
) -> Result<Value, Refusal> {
    let length = switches.page_length.max(1);
    let mut pages = many.div_ceil(length).max(1);
    if switches.trailing_empty_page && many > 0 {
        pages += 1;
    }
    let index = match usize::try_from(query.number("pageIndex")?.unwrap_or(0)) {
        Ok(index) if index < pages => index,
        _ => return Err(Refusal::new(9650)),
    };
    let mut records = of((index * length).min(many)..((index + 1) * length).min(many));
    if switches.unknown_fields {
        for record in &mut records {
            record["somethingNew"] = json!("?");
        }
    }

    let mut answer = Map::new();
    answer.insert("currentPageIndex".into(), json!(index));
    if index + 1 < pages {
        answer.insert("nextPageIndex".into(), json!(index + 1));
    }
    answer.insert("totalPages".into(), json!(pages));
    answer.insert("size".into(), json!(records.len()));
    answer.insert("versionId".into(), json!(version));
    if name == "assets" && query.flag("unlimited")? == Some(true) {
        let (apart, rest) = records
            .into_iter()
            .partition::<Vec<_>, _>(|record| record.get("totalCount").is_none());
        answer.insert("unlimitedAssets".into(), json!(apart));
        records = rest;
    }
    answer.insert(name.into(), json!(records));
    Ok(Value::Object(answer))
}

fn bearer(parts: &Parts) -> Option<&str> {
    parts.headers.get(header::AUTHORIZATION)?.to_str().ok()
}

fn parse<T: DeserializeOwned>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body).map_err(|_| Refusal::new(9602))
}

fn is_json(headers: &HeaderMap) -> bool {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .unwrap_or_default();
    content_type
        .split(';')
        .next()
        .is_some_and(|kind| kind.trim().eq_ignore_ascii_case("application/json"))
}

/// This server's address as the client knows it.
pub fn base_url(headers: &HeaderMap) -> String {
    let host = headers
        .get(header::HOST)
        .and_then(|value| value.to_str().ok())
        .unwrap_or("localhost");
    format!("http://{host}")
}
