//! Volume-purchased apps (Graph's `iosVppApp`), and what came of their deployments.

use axum::{Json as JsonBody, extract::State, http::StatusCode};
use domain::{
    AssetId, Counts, DeviceVerdict, HolderKind, InstallState, Owned, PersonId, PersonVerdict, Place, Seat, Time,
};
use serde::{Deserialize, Serialize};
use store::MovedUpRow;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Json, Path, Query},
    page::{Page, PageQuery},
    program::Program,
    words::{DateTime, MobileAppIntent, install_state, license_holder, word},
};
use crate::{
    app::{
        App,
        of_app::People,
        sums::{AppSums, by_state},
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
        .routes(routes!(app_move_up, app_move_back))
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
    /// How many of those are kept for groups, and are nobody else's. Part of `free`.
    kept: u64,
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
            kept: counts.kept,
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
    /// A licence is held, and somebody else installs: whether the app is there is not known.
    licensed_device_count: u64,
    installed_user_count: u64,
    failed_user_count: u64,
    not_applicable_user_count: u64,
    not_installed_user_count: u64,
    pending_install_user_count: u64,
    licensed_user_count: u64,
}

impl InstallSummary {
    fn of(app: &AppSums) -> InstallSummary {
        let mut summary = InstallSummary::default();
        for (state, people) in by_state(&app.people) {
            let users = match state {
                InstallState::Installed => &mut summary.installed_user_count,
                InstallState::Failed | InstallState::UninstallFailed => &mut summary.failed_user_count,
                InstallState::NotApplicable => &mut summary.not_applicable_user_count,
                InstallState::PendingInstall => &mut summary.pending_install_user_count,
                InstallState::Licensed => &mut summary.licensed_user_count,
                InstallState::NotInstalled | InstallState::Unknown => &mut summary.not_installed_user_count,
            };
            *users += people;
        }
        for (state, count) in by_state(&app.devices) {
            let devices = match state {
                InstallState::Installed => &mut summary.installed_device_count,
                InstallState::Failed | InstallState::UninstallFailed => &mut summary.failed_device_count,
                InstallState::NotApplicable => &mut summary.not_applicable_device_count,
                InstallState::PendingInstall => &mut summary.pending_install_device_count,
                InstallState::Licensed => &mut summary.licensed_device_count,
                InstallState::NotInstalled | InstallState::Unknown => &mut summary.not_installed_device_count,
            };
            *devices += count;
        }
        summary
    }
}

impl VppApp {
    fn of(app: &AppSums) -> VppApp {
        let licenses = LicenseCounts::from(app.counts);
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
            platforms: app.platforms.iter().map(word).collect(),
            app_store_url: row.url,
            revocable: row.revocable,
            device_assignable: row.device_assignable,
            total_license_count: licenses.owned,
            used_license_count: licenses.used,
            licenses,
            install_summary: InstallSummary::of(app),
            is_deployed: !app.deployments.is_empty(),
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
    /// Null of a device that belongs to nobody.
    user_id: Option<Uuid>,
    user_name: Option<String>,
    /// With whose licence: of the person, or of the device.
    #[schema(schema_with = license_holder)]
    license_holder: HolderKind,
    /// Why it is that one's: `deployment`, `assignable` or `notAssignable` where the deployment leaves it open, `sharedDevice`,
    /// `noUser`, `policy2016`.
    license_reason: String,
    /// The licence with which it has the app, or is to have it; null without one.
    license: Option<License>,
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
    fn of(people: &People, person: PersonId, verdict: &DeviceVerdict) -> DeviceStatus {
        let device = people.devices.get(&verdict.device);
        DeviceStatus {
            device_id: verdict.device.0,
            device_name: device.map(|device| device.name.clone()),
            platform: device.map(|device| word(device.platform)),
            os_version: device.and_then(|device| device.os_version.clone()),
            user_id: device.and_then(|device| device.owner()).map(|person| person.0),
            user_name: people.rows.get(&person).map(|person| person.name.clone()),
            license_holder: verdict.licensing.kind,
            license_reason: word(verdict.licensing.reason),
            license: people
                .facts
                .seats
                .get(&verdict.holder(person))
                .copied()
                .map(License::from),
            install_state: verdict.state,
            install_state_detail: word(verdict.detail),
            error_code: people.error_code(verdict.device, verdict.detail),
            mobile_app_intent: MobileAppIntent::of(&verdict.resolution),
            required_from_date_time: DateTime::of(verdict.resolution.required_from),
            rule: word(verdict.resolution.rule),
            deployment_ids: verdict.resolution.by.iter().map(|id| id.0).collect(),
            overruled_deployment_ids: verdict.resolution.beat.iter().map(|id| id.0).collect(),
            last_reported_date_time: DateTime::of(
                people
                    .facts
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
    /// Their own; null without one.
    license: Option<License>,
    /// How many devices of theirs have one of their own.
    device_license_count: u64,
    /// Place in the line for a licence, from 1; null for whoever does not wait, and where `waitingPlaceAfter` is told.
    waiting_place: Option<u64>,
    /// Places are counted up to 1,000; whoever waits further behind stands somewhere after this one. Null for everybody else.
    waiting_place_after: Option<u64>,
    /// How many wait.
    waiting_count: u64,
    /// That somebody moved them up in the line, until they have a licence; null for everybody else.
    moved_up: Option<MovedUp>,
    vpp_program: Program,
    installed_device_count: u64,
    failed_device_count: u64,
    not_installed_device_count: u64,
    pending_install_device_count: u64,
    /// A licence is held, and somebody else installs: whether the app is there is not known.
    licensed_device_count: u64,
    not_applicable_device_count: u64,
}

/// Who moved somebody up in the line for a licence, when, and why.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct MovedUp {
    date_time: DateTime,
    by: String,
    reason: String,
}

impl MovedUp {
    fn of(row: &MovedUpRow) -> MovedUp {
        MovedUp {
            date_time: DateTime(row.moved_at),
            by: row.moved_by.clone(),
            reason: row.reason.clone(),
        }
    }
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
    fn of(people: &People, counts: Counts, verdict: &PersonVerdict) -> UserStatus {
        let person = people.rows.get(&verdict.person);
        let count =
            |state: InstallState| verdict.devices.values().filter(|device| device.state == state).count() as u64;
        let (waiting_place, waiting_place_after) = match verdict.place {
            Some(Place::At(place)) => (Some(place), None),
            Some(Place::After(place)) => (None, Some(place)),
            None => (None, None),
        };
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
            device_license_count: verdict.device_licences(),
            waiting_place,
            waiting_place_after,
            waiting_count: counts.waiting,
            moved_up: people.moved_up.get(&verdict.person).map(MovedUp::of),
            vpp_program: Program::of(
                people.client_users.get(&verdict.person),
                people.invitations.get(&verdict.person),
            ),
            installed_device_count: count(InstallState::Installed),
            failed_device_count: count(InstallState::Failed) + count(InstallState::UninstallFailed),
            not_installed_device_count: count(InstallState::NotInstalled) + count(InstallState::Unknown),
            pending_install_device_count: count(InstallState::PendingInstall),
            licensed_device_count: count(InstallState::Licensed),
            not_applicable_device_count: count(InstallState::NotApplicable),
        }
    }
}

/// A licence and who has it (Graph's `iosVppAppAssignedUserLicense` and `iosVppAppAssignedDeviceLicense`).
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AssignedLicense {
    #[schema(schema_with = license_holder)]
    license_holder: HolderKind,
    /// Null where the person has it.
    managed_device_id: Option<Uuid>,
    device_name: Option<String>,
    /// Who has it, or has the device; null of a device that belongs to nobody.
    user_id: Option<Uuid>,
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
    fn page(&self) -> PageQuery {
        PageQuery {
            limit: self.limit,
            cursor: self.cursor.clone(),
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
    let summed = app.apps_summed().await?;
    let apps = summed.iter().flat_map(|summed| &summed.apps);
    let apps: Vec<VppApp> = apps.map(VppApp::of).collect();
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
    let of = found(app.of_app(asset).await?)?;
    Ok(JsonBody(VppApp::of(&of.app)))
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
    let asked = query.page().asked()?;
    let (_, part, people) = found(app.app_devices(asset, query.state, asked).await?)?;
    Ok(JsonBody(Page::of_part(
        &part,
        |row| row.device.0,
        |row| {
            let verdict = people.verdicts.get(&row.person)?.devices.get(&row.device)?;
            Some(DeviceStatus::of(&people, row.person, verdict))
        },
    )))
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
    let asked = query.page().asked()?;
    let (of, part, people) = found(app.app_people(asset, query.state, asked).await?)?;
    Ok(JsonBody(Page::of_part(
        &part,
        |person| person.0,
        |person| {
            let verdict = people.verdicts.get(person)?;
            Some(UserStatus::of(&people, of.app.counts, verdict))
        },
    )))
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
    let (_, part, people) = found(app.app_licences(asset, query.span()?, query.limit()?).await?)?;
    Ok(JsonBody(Page::of_part(
        &part,
        |holder| holder.id(),
        |holder| {
            let owner = people.owner(*holder)?;
            let person = people.rows.get(&owner);
            let device = holder.device();
            let License { state, since_date_time } = people.facts.seats.get(holder).copied()?.into();
            Some(AssignedLicense {
                license_holder: holder.kind(),
                managed_device_id: device.map(|device| device.0),
                device_name: device.and_then(|device| Some(people.devices.get(&device)?.name.clone())),
                user_id: (!people.world.is_nobody(owner)).then_some(owner.0),
                user_name: person.map(|person| person.name.clone()),
                user_email_address: person.and_then(|person| person.email.clone()),
                state,
                since_date_time,
            })
        },
    )))
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

/// Why somebody is moved up.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct MoveUp {
    /// Stands in the history, and where the person waits.
    #[schema(max_length = 500)]
    reason: String,
}

/// Move somebody up who waits for a licence
///
/// They come before everybody who was not moved up, whatever the priority of the groups, and get the next licence that is
/// free; of several the one who was moved first. Nobody loses a licence. It ends when Apple has confirmed their licence, when
/// they shall not have the app any more, or when it is taken back. Whoever does not wait is not moved up: `not-waiting`; nor is
/// who was moved up by somebody else, or for another reason: `moved-up-already`.
#[utoipa::path(
    post, path = "/apps/{app}/movedUp/{user}", tag = "apps", params(("app" = Uuid, Path), ("user" = Uuid, Path)),
    request_body = MoveUp,
    responses((status = 204, description = "Moved up, or they were already by the same, for the same reason"), Refusals)
)]
async fn app_move_up(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
    Json(new): Json<MoveUp>,
) -> Result<StatusCode, Problem> {
    app.move_up(&caller, asset, person, &new.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take back that somebody was moved up
#[utoipa::path(
    delete, path = "/apps/{app}/movedUp/{user}", tag = "apps", params(("app" = Uuid, Path), ("user" = Uuid, Path)),
    responses((status = 204, description = "Taken back, or there was nothing to take back"), Refusals)
)]
async fn app_move_back(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
) -> Result<StatusCode, Problem> {
    app.move_back(&caller, asset, person).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn found<T>(of: Option<T>) -> Result<T, Problem> {
    of.ok_or_else(|| Problem::not_found("app"))
}
