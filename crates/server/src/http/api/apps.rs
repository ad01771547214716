//! Volume-purchased apps (Graph's `iosVppApp`), and what came of their deployments.

use axum::{Json as JsonBody, extract::State, http::StatusCode};
use domain::{AssetId, Counts, DeviceVerdict, InstallState, Owned, PersonId, PersonVerdict, Seat, Time};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Path, Query},
    page::{Page, PageQuery},
    users::Program,
    words::{DateTime, MobileAppIntent, install_state, word},
};
use crate::{
    app::{
        App,
        apps::{AppView, Overview},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(apps_list))
        .routes(routes!(app_get))
        .routes(routes!(app_device_statuses))
        .routes(routes!(app_user_statuses))
        .routes(routes!(app_assigned_licenses))
        .routes(routes!(app_request, app_request_withdraw))
}

/// An app that the organisation bought licences of.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct VppApp {
    id: Uuid,
    vpp_token_id: Uuid,
    /// Apple's number of the app.
    adam_id: String,
    /// `STDQ` or `PLUS`: the quality that was bought.
    pricing_param: String,
    product_type: String,
    /// Null until Apple's catalogue was asked.
    display_name: Option<String>,
    publisher: Option<String>,
    bundle_id: Option<String>,
    version: Option<String>,
    minimum_operating_system: Option<String>,
    platforms: Vec<String>,
    app_store_url: Option<String>,
    /// A licence that was assigned can be taken back.
    revocable: bool,
    device_assignable: bool,
    /// Null when unlimited.
    total_license_count: Option<u64>,
    /// What Apple confirmed for us. What is on its way and what others hold stands in `licenses`.
    used_license_count: u64,
    licenses: LicenseCounts,
    install_summary: InstallSummary,
    /// The app has a deployment; that says nothing of devices.
    is_deployed: bool,
    /// When Apple last listed the app.
    last_observed_date_time: DateTime,
    /// Since when Apple does not list it any more.
    removed_date_time: Option<DateTime>,
}

/// Where the licences are: `used + onTheWay + foreign + free = owned`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct LicenseCounts {
    /// Null when unlimited.
    owned: Option<u64>,
    /// Apple confirmed them for us.
    used: u64,
    /// Reserved or asked for.
    on_the_way: u64,
    /// Held by what another server made.
    foreign: u64,
    /// Null when unlimited.
    free: Option<u64>,
    /// People who want one and found none. Not part of the sum.
    waiting: u64,
    /// What removals on their way will bring back. Part of `used`.
    returning: u64,
    /// How many more are out than are owned: they were refunded or moved away while in use.
    short: u64,
}

impl From<Counts> for LicenseCounts {
    fn from(counts: Counts) -> LicenseCounts {
        let owned = match counts.owned {
            Owned::Count(count) => Some(count),
            Owned::Unlimited => None,
        };
        LicenseCounts {
            owned,
            used: counts.used,
            on_the_way: counts.on_the_way,
            foreign: counts.foreign,
            free: counts.free,
            waiting: counts.waiting,
            returning: counts.returning,
            short: counts.short,
        }
    }
}

/// How many devices and people are in which state (Graph's `mobileAppInstallSummary`).
#[derive(Debug, Default, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct InstallSummary {
    installed_device_count: u64,
    failed_device_count: u64,
    not_applicable_device_count: u64,
    not_installed_device_count: u64,
    pending_install_device_count: u64,
    installed_user_count: u64,
    failed_user_count: u64,
    not_applicable_user_count: u64,
    not_installed_user_count: u64,
    pending_install_user_count: u64,
}

impl InstallSummary {
    fn of(app: &AppView) -> InstallSummary {
        let mut summary = InstallSummary::default();
        for person in app.decision.people.values() {
            let users = match person.state {
                InstallState::Installed => &mut summary.installed_user_count,
                InstallState::Failed | InstallState::UninstallFailed => &mut summary.failed_user_count,
                InstallState::NotApplicable => &mut summary.not_applicable_user_count,
                InstallState::PendingInstall => &mut summary.pending_install_user_count,
                InstallState::NotInstalled | InstallState::Unknown => &mut summary.not_installed_user_count,
            };
            *users += 1;
            for device in person.devices.values() {
                let devices = match device.state {
                    InstallState::Installed => &mut summary.installed_device_count,
                    InstallState::Failed | InstallState::UninstallFailed => &mut summary.failed_device_count,
                    InstallState::NotApplicable => &mut summary.not_applicable_device_count,
                    InstallState::PendingInstall => &mut summary.pending_install_device_count,
                    InstallState::NotInstalled | InstallState::Unknown => &mut summary.not_installed_device_count,
                };
                *devices += 1;
            }
        }
        summary
    }
}

impl VppApp {
    fn of(app: &AppView) -> VppApp {
        let licenses = LicenseCounts::from(app.decision.counts);
        let row = app.row.clone();
        VppApp {
            id: row.id.0,
            vpp_token_id: row.location_id.0,
            adam_id: row.adam_id,
            pricing_param: row.pricing_param,
            product_type: row.product_type,
            display_name: row.name,
            publisher: row.publisher,
            bundle_id: row.bundle_id,
            version: row.version,
            minimum_operating_system: row.minimum_os,
            platforms: app.facts.platforms.iter().map(word).collect(),
            app_store_url: row.url,
            revocable: row.revocable,
            device_assignable: row.device_assignable,
            total_license_count: licenses.owned,
            used_license_count: licenses.used,
            licenses,
            install_summary: InstallSummary::of(app),
            is_deployed: !app.facts.deployments.is_empty(),
            last_observed_date_time: DateTime(row.observed_at),
            removed_date_time: DateTime::of(row.gone_at),
        }
    }
}

/// The app on one device (Graph's `mobileAppInstallStatus`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeviceStatus {
    device_id: Uuid,
    device_name: Option<String>,
    platform: Option<String>,
    os_version: Option<String>,
    user_id: Uuid,
    user_name: Option<String>,
    #[schema(schema_with = install_state)]
    install_state: InstallState,
    /// Why it is so: Graph's `resultantAppStateDetail` where it has one, else ours.
    install_state_detail: String,
    /// What the device gave as its error, in its words: `MCMDMErrorDomain 12023`. Null where the detail does not refer to
    /// one.
    error_code: Option<String>,
    mobile_app_intent: MobileAppIntent,
    /// The deadline from which on the app will be required; null when it is now, or never will be.
    required_from_date_time: Option<DateTime>,
    /// The rule that decided between deployments.
    rule: String,
    /// The deployments that carried the result.
    deployment_ids: Vec<Uuid>,
    /// What the rule overruled.
    overruled_deployment_ids: Vec<Uuid>,
    /// When the device last told which managed apps it has.
    last_reported_date_time: Option<DateTime>,
    last_sync_date_time: Option<DateTime>,
}

impl DeviceStatus {
    fn of(overview: &Overview, app: &AppView, person: PersonId, verdict: &DeviceVerdict) -> DeviceStatus {
        let device = overview.devices.get(&verdict.device);
        DeviceStatus {
            device_id: verdict.device.0,
            device_name: device.map(|device| device.name.clone()),
            platform: device.map(|device| word(device.platform)),
            os_version: device.and_then(|device| device.os_version.clone()),
            user_id: person.0,
            user_name: overview.people.get(&person).map(|person| person.name.clone()),
            install_state: verdict.state,
            install_state_detail: word(verdict.detail),
            error_code: app.error_code(verdict.device, verdict.detail),
            mobile_app_intent: MobileAppIntent::of(&verdict.resolution),
            required_from_date_time: DateTime::of(verdict.resolution.required_from),
            rule: word(verdict.resolution.rule),
            deployment_ids: verdict.resolution.by.iter().map(|id| id.0).collect(),
            overruled_deployment_ids: verdict.resolution.beat.iter().map(|id| id.0).collect(),
            last_reported_date_time: DateTime::of(
                app.facts
                    .installs
                    .get(&verdict.device)
                    .and_then(|install| install.seen_at),
            ),
            last_sync_date_time: DateTime::of(device.and_then(|device| device.last_seen_at)),
        }
    }
}

/// The app for one person, with all their devices (Graph's `userAppInstallStatus`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct UserStatus {
    user_id: Uuid,
    user_name: Option<String>,
    user_principal_name: Option<String>,
    #[schema(schema_with = install_state)]
    install_state: InstallState,
    install_state_detail: String,
    mobile_app_intent: MobileAppIntent,
    /// The deadline from which on the app will be required; null when it is now, or never will be.
    required_from_date_time: Option<DateTime>,
    rule: String,
    /// Null without a licence.
    license: Option<License>,
    /// Place in the line for a licence, from 1; null for whoever does not wait.
    waiting_place: Option<u64>,
    /// How many wait.
    waiting_count: u64,
    vpp_program: Program,
    installed_device_count: u64,
    failed_device_count: u64,
    not_installed_device_count: u64,
    pending_install_device_count: u64,
    not_applicable_device_count: u64,
}

/// A licence that a person has, or is about to have or to lose.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct License {
    state: LicenseState,
    since_date_time: DateTime,
}

/// `reserved`: Apple is asked for it; `held`: Apple confirmed it; `returning`: Apple is asked to take it back.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum LicenseState {
    Reserved,
    Held,
    Returning,
}

impl From<Seat> for License {
    fn from(seat: Seat) -> License {
        let (state, since): (LicenseState, Time) = match seat {
            Seat::Reserved { since } => (LicenseState::Reserved, since),
            Seat::Held { since } => (LicenseState::Held, since),
            Seat::Returning { since } => (LicenseState::Returning, since),
        };
        License {
            state,
            since_date_time: DateTime(since),
        }
    }
}

impl UserStatus {
    fn of(overview: &Overview, app: &AppView, verdict: &PersonVerdict) -> UserStatus {
        let person = overview.people.get(&verdict.person);
        let count =
            |state: InstallState| verdict.devices.values().filter(|device| device.state == state).count() as u64;
        UserStatus {
            user_id: verdict.person.0,
            user_name: person.map(|person| person.name.clone()),
            user_principal_name: person.and_then(|person| person.email.clone()),
            install_state: verdict.state,
            install_state_detail: word(verdict.detail),
            mobile_app_intent: MobileAppIntent::of(&verdict.resolution),
            required_from_date_time: DateTime::of(verdict.resolution.required_from),
            rule: word(verdict.resolution.rule),
            license: verdict.seat.map(License::from),
            waiting_place: verdict.place.map(|place| place as u64),
            waiting_count: app.decision.counts.waiting,
            vpp_program: Program::of(
                overview.client_users.get(&verdict.person),
                overview.invitations.get(&verdict.person),
            ),
            installed_device_count: count(InstallState::Installed),
            failed_device_count: count(InstallState::Failed) + count(InstallState::UninstallFailed),
            not_installed_device_count: count(InstallState::NotInstalled) + count(InstallState::Unknown),
            pending_install_device_count: count(InstallState::PendingInstall),
            not_applicable_device_count: count(InstallState::NotApplicable),
        }
    }
}

/// A licence and who has it (Graph's `iosVppAppAssignedUserLicense`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignedLicense {
    user_id: Uuid,
    user_name: Option<String>,
    user_email_address: Option<String>,
    state: LicenseState,
    since_date_time: DateTime,
}

/// Which rows of a status list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
struct StatusQuery {
    /// How many at most: 1 to 1000.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    limit: Option<u32>,
    /// `nextCursor` of the page before.
    cursor: Option<String>,
    /// Only these.
    #[param(schema_with = install_state)]
    state: Option<InstallState>,
}

impl StatusQuery {
    fn shows(&self, state: InstallState) -> bool {
        self.state.is_none_or(|wanted| wanted == state)
    }

    fn page(self) -> PageQuery {
        PageQuery {
            limit: self.limit,
            cursor: self.cursor,
        }
    }
}

/// All apps
#[utoipa::path(
    get, path = "/apps", tag = "apps", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<VppApp>), Refusals)
)]
async fn apps_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<VppApp>>, Problem> {
    let apps: Vec<VppApp> = match app.overview().await? {
        Some(overview) => overview.apps.iter().map(VppApp::of).collect(),
        None => Vec::new(),
    };
    Ok(JsonBody(Page::by_id(apps, &query, |app| app.id)?))
}

/// One app
#[utoipa::path(
    get, path = "/apps/{app}", tag = "apps", params(("app" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = VppApp), Refusals)
)]
async fn app_get(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
) -> Result<JsonBody<VppApp>, Problem> {
    let overview = app.overview().await?;
    Ok(JsonBody(VppApp::of(found(overview.as_ref(), asset)?.1)))
}

/// The app on each device that it concerns
#[utoipa::path(
    get, path = "/apps/{app}/deviceStatuses", tag = "apps", params(("app" = Uuid, Path), StatusQuery),
    responses((status = 200, description = "As asked for", body = Page<DeviceStatus>), Refusals)
)]
async fn app_device_statuses(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
    Query(query): Query<StatusQuery>,
) -> Result<JsonBody<Page<DeviceStatus>>, Problem> {
    let overview = app.overview().await?;
    let (overview, view) = found(overview.as_ref(), asset)?;
    let mut verdicts = Vec::new();
    for person in view.decision.people.values() {
        for device in person.devices.values() {
            if query.shows(device.state) {
                verdicts.push((person.person, device));
            }
        }
    }
    let page = Page::by_id(verdicts, &query.page(), |(_, device)| device.device)?;
    Ok(JsonBody(page.map(|(person, device)| {
        DeviceStatus::of(overview, view, person, device)
    })))
}

/// The app for each person whom it concerns
#[utoipa::path(
    get, path = "/apps/{app}/userStatuses", tag = "apps", params(("app" = Uuid, Path), StatusQuery),
    responses((status = 200, description = "As asked for", body = Page<UserStatus>), Refusals)
)]
async fn app_user_statuses(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
    Query(query): Query<StatusQuery>,
) -> Result<JsonBody<Page<UserStatus>>, Problem> {
    let overview = app.overview().await?;
    let (overview, view) = found(overview.as_ref(), asset)?;
    let verdicts: Vec<_> = view
        .decision
        .people
        .values()
        .filter(|person| query.shows(person.state))
        .collect();
    let page = Page::rising(verdicts, &query.page(), |person| person.person.to_string())?;
    Ok(JsonBody(page.map(|person| UserStatus::of(overview, view, person))))
}

/// Who has a licence
#[utoipa::path(
    get, path = "/apps/{app}/assignedLicenses", tag = "apps", params(("app" = Uuid, Path), PageQuery),
    responses((status = 200, description = "As asked for", body = Page<AssignedLicense>), Refusals)
)]
async fn app_assigned_licenses(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<AssignedLicense>>, Problem> {
    let overview = app.overview().await?;
    let (overview, view) = found(overview.as_ref(), asset)?;
    let seats: Vec<(PersonId, Seat)> = view.facts.seats.iter().map(|(person, seat)| (*person, *seat)).collect();
    let page = Page::rising(seats, &query, |(person, _)| person.to_string())?;
    Ok(JsonBody(page.map(|(id, seat)| {
        let person = overview.people.get(&id);
        let License { state, since_date_time } = seat.into();
        AssignedLicense {
            user_id: id.0,
            user_name: person.map(|person| person.name.clone()),
            user_email_address: person.and_then(|person| person.email.clone()),
            state,
            since_date_time,
        }
    })))
}

/// Ask for an available app for a person
#[utoipa::path(
    post, path = "/apps/{app}/requests/{user}", tag = "apps", params(("app" = Uuid, Path), ("user" = Uuid, Path)),
    responses((status = 204, description = "Asked for, or it was already"), Refusals)
)]
async fn app_request(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
) -> Result<StatusCode, Problem> {
    app.app_request(&caller, asset, person).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take back what was asked for
///
/// What is installed stays.
#[utoipa::path(
    delete, path = "/apps/{app}/requests/{user}", tag = "apps", params(("app" = Uuid, Path), ("user" = Uuid, Path)),
    responses((status = 204, description = "Taken back"), Refusals)
)]
async fn app_request_withdraw(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
) -> Result<StatusCode, Problem> {
    app.app_request_withdraw(&caller, asset, person).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found(overview: Option<&Overview>, asset: AssetId) -> Result<(&Overview, &AppView), Problem> {
    overview
        .and_then(|overview| overview.app(asset).map(|app| (overview, app)))
        .ok_or_else(|| Problem::not_found("app"))
}
