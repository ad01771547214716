//! Enrolled devices (Graph's `managedDevice`).

use axum::{Json as JsonBody, extract::State, http::StatusCode, response::IntoResponse};
use domain::{AssetId, DeviceExit, DeviceId, Enrolment, EnrolmentId, Ownership};
use secrecy::ExposeSecret;
use serde::{Deserialize, Serialize};
use store::{Base, CheckInRow, DeviceRow, Version};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    etag::{self, IfMatch, Tagged},
    groups::AppOfMembers,
    input::{Json, Path, Query},
    page::{Page, PageQuery},
    users::EnrolmentLink,
    words::{DateTime, check_in_refusal, enrolment, platform, word},
};
use crate::{
    app::{
        App, AppError,
        contract::{Agreed, Contract},
        leaving::{Leave, Leaving, MayLeave},
    },
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

/// So many are kept.
const STRANGERS: i64 = 500;

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(devices_list))
        .routes(routes!(device_enrolment_link))
        .routes(routes!(device_get, device_remove))
        .routes(routes!(device_retire))
        .routes(routes!(device_retire_preview))
        .routes(routes!(device_wipe))
        .routes(routes!(device_wipe_preview))
        .routes(routes!(device_remove_preview))
        .routes(routes!(device_stay))
        .routes(routes!(device_ownership, device_ownership_set))
        .routes(routes!(device_identity_revoke))
        .routes(routes!(device_install_again))
        .routes(routes!(device_check_ins))
        .routes(routes!(refused_check_ins))
}

/// A device that is, or was, managed here.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct ManagedDevice {
    id: Uuid,
    device_name: String,
    serial_number: Option<String>,
    udid: String,
    /// Apple's name of the model: `iPhone15,2`.
    model: String,
    #[schema(schema_with = platform)]
    operating_system: String,
    os_version: Option<String>,
    /// Null of a device that belongs to nobody.
    user_id: Option<Uuid>,
    user_display_name: Option<String>,
    #[schema(schema_with = enrolment)]
    enrollment_state: String,
    /// Enrolled through Apple's Device Enrollment Program.
    enrolled_through_dep: bool,
    is_supervised: Option<bool>,
    managed_device_owner_type: OwnerType,
    /// Stands in Setup Assistant and waits to be released.
    awaiting_configuration: bool,
    /// Whether an account for the App Store is signed in, as far as the device told.
    store_account_is_active: Option<bool>,
    enrolled_date_time: Option<DateTime>,
    /// When the device was last heard.
    last_sync_date_time: Option<DateTime>,
    /// When the device was last called.
    last_push_date_time: Option<DateTime>,
    gone_date_time: Option<DateTime>,
    /// Since when the device cannot be woken; absent while it can.
    not_reachable_since_date_time: Option<DateTime>,
    management_state: ManagementState,
    /// Since when the device is to be retired or wiped.
    leaving_since_date_time: Option<DateTime>,
    /// Since when the device counts as gone because it was not heard for too long. Ends when it is heard.
    silent_since_date_time: Option<DateTime>,
    /// When the device last spoke although it had been removed, and was refused.
    refused_date_time: Option<DateTime>,
    /// Licences that go back because of this device, and whose return Apple has not confirmed.
    licenses_to_return_count: u64,
    /// Whether it may be wiped: its profile asked for the right when it enrolled.
    may_be_wiped: bool,
    /// Which enrolment this is about; a wipe names it.
    enrollment_id: Option<Uuid>,
}

/// Graph's word for whose a device is: what an administrator said, and `unknown` as long as nobody did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum OwnerType {
    Unknown,
    Company,
    Personal,
}

impl OwnerType {
    fn of(ownership: Option<Ownership>) -> OwnerType {
        match ownership {
            None => OwnerType::Unknown,
            Some(Ownership::Company) => OwnerType::Company,
            Some(Ownership::Personal) => OwnerType::Personal,
        }
    }

    fn ownership(self) -> Option<Ownership> {
        match self {
            OwnerType::Unknown => None,
            OwnerType::Company => Some(Ownership::Company),
            OwnerType::Personal => Some(Ownership::Personal),
        }
    }
}

/// Whose a device is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct DeviceOwnership {
    managed_device_owner_type: OwnerType,
}

/// Which enrolment of the device somebody has seen: of what can be changed here it is all that changes.
fn version(row: &DeviceRow) -> Version {
    let number = row.enrolment_id.map_or(0, |id| id.0.as_u128() >> 65);
    Version {
        number: i64::try_from(number).unwrap_or_default(),
        ..Version::default()
    }
}

/// Graph's word: `discovered` (enrolling), `managed`, `retirePending` and `wipePending` (nothing was handed out
/// yet), `retireIssued` and `wipeIssued`. For those that are gone, and those that count as gone, ours:
/// `retired`, `wiped`, `removed`, `left`, `silent`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
enum ManagementState {
    Discovered,
    Managed,
    RetirePending,
    RetireIssued,
    WipePending,
    WipeIssued,
    Retired,
    Wiped,
    Removed,
    Left,
    Silent,
}

impl ManagementState {
    fn of(row: &DeviceRow, may: MayLeave) -> ManagementState {
        match row.enrolment {
            Enrolment::Retiring if may.told => ManagementState::RetireIssued,
            Enrolment::Retiring => ManagementState::RetirePending,
            Enrolment::Wiping if may.told => ManagementState::WipeIssued,
            Enrolment::Wiping => ManagementState::WipePending,
            Enrolment::Retired => ManagementState::Retired,
            Enrolment::Wiped => ManagementState::Wiped,
            Enrolment::Removed => ManagementState::Removed,
            Enrolment::Gone => ManagementState::Left,
            _ if row.silent_since.is_some() => ManagementState::Silent,
            Enrolment::Pending => ManagementState::Discovered,
            Enrolment::Enrolled => ManagementState::Managed,
        }
    }
}

impl ManagedDevice {
    fn of(
        row: DeviceRow,
        owner: Option<String>,
        ownership: Option<Ownership>,
        leaving: &Leaving,
        to_return: u64,
    ) -> ManagedDevice {
        let may = leaving.of(&row);
        let user_id = row.owner().map(|person| person.0);
        ManagedDevice {
            management_state: ManagementState::of(&row, may),
            leaving_since_date_time: DateTime::of(row.leaving_since),
            silent_since_date_time: DateTime::of(row.silent_since),
            refused_date_time: DateTime::of(row.refused_at),
            licenses_to_return_count: to_return,
            may_be_wiped: may.may_be_erased,
            enrollment_id: row.enrolment_id.map(|id| id.0),
            id: row.id.0,
            device_name: row.name,
            serial_number: row.serial,
            udid: row.udid,
            model: row.product_name,
            operating_system: word(row.platform),
            os_version: row.os_version,
            user_id,
            user_display_name: owner,
            enrollment_state: word(row.enrolment),
            enrolled_through_dep: row.dep,
            is_supervised: row.supervised,
            managed_device_owner_type: OwnerType::of(ownership),
            awaiting_configuration: row.awaiting_configuration,
            store_account_is_active: row.store_account_active,
            enrolled_date_time: DateTime::of(row.enrolled_at),
            last_sync_date_time: DateTime::of(row.last_seen_at),
            last_push_date_time: DateTime::of(row.pushed_at),
            gone_date_time: DateTime::of(row.gone_at),
            not_reachable_since_date_time: DateTime::of(row.unreachable_since),
        }
    }
}

/// All devices
#[utoipa::path(
    get, path = "/managedDevices", tag = "managedDevices", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<ManagedDevice>), Refusals)
)]
async fn devices_list(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<ManagedDevice>>, Problem> {
    let (part, rows) = app.devices_after(query.asked()?).await?;
    let leaving = app.devices_leaving(&part.rows).await?;
    let ownerships = app.devices_ownership(&part.rows).await?;
    let mut rows = rows.into_iter();
    Ok(JsonBody(Page::of_part(
        &part,
        |device| device.0,
        |_| {
            let device = rows.next()?;
            let ownership = ownerships.get(&device.row.id).copied();
            Some(ManagedDevice::of(
                device.row,
                device.person,
                ownership,
                &leaving,
                device.to_return,
            ))
        },
    )))
}

/// One device
#[utoipa::path(
    get, path = "/managedDevices/{device}", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = ManagedDevice), Refusals)
)]
async fn device_get(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
) -> Result<Tagged<ManagedDevice>, Problem> {
    shown(&app, device).await
}

async fn shown(app: &App, device: DeviceId) -> Result<Tagged<ManagedDevice>, Problem> {
    let row = app.device(device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let owner = app.person(row.person_id).await?.map(|person| person.name);
    let ownership = app.device_ownership(device).await?;
    let leaving = app.devices_leaving(&[device]).await?;
    let of = app.of_person(row.person_id).await?;
    let to_return = of.map_or(0, |of| of.to_return_of(&row));
    Ok(Tagged {
        version: version(&row),
        body: ManagedDevice::of(row, owner, ownership.ownership, &leaving, to_return),
    })
}

/// Make a one-time address to enrol a device that belongs to nobody
///
/// A kiosk, or a device that several people share. It gets licences of its own only: nobody is invited for it, and no user is
/// made at Apple. One that belongs to nobody and is managed here is enrolled anew only after it was retired or removed.
#[utoipa::path(
    post, path = "/managedDevices/enrolmentLinks", tag = "managedDevices",
    responses((status = 201, description = "Made", body = EnrolmentLink), Refusals)
)]
async fn device_enrolment_link(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
) -> Result<impl IntoResponse, Problem> {
    let url = app.enrolment_link_for_nobody(&caller).await?.expose_secret().to_owned();
    Ok((StatusCode::CREATED, JsonBody(EnrolmentLink { url })))
}

/// What was agreed to of a device's leaving.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct LeaveQuery {
    /// The `digest` of the preview that was looked at. When its leaving would do anything else by now, nothing is done.
    #[serde(default)]
    preview_digest: Option<String>,
    /// How many licences its leaving takes back. To be said when they are many; the refusal tells the number.
    #[serde(default)]
    confirm_take_back: Option<u64>,
}

impl LeaveQuery {
    fn agreed(self) -> Agreed {
        Agreed {
            digest: self.preview_digest,
            take_back: self.confirm_take_back,
            ..Agreed::default()
        }
    }
}

/// What a device's leaving would do. Nothing was changed.
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct DeviceLeavePreview {
    /// Names all of this. Have it leave with it as `previewDigest`, and it is this that happens, or nothing is done.
    digest: String,
    /// How many licences it takes back in all, when they are so many of an app that whoever does it has to say so as
    /// `confirmTakeBack`.
    confirm_take_back: Option<u64>,
    /// Apps that may be on it.
    app_ids: Vec<Uuid>,
    /// What it does to each app of which a licence comes back, or that somebody loses.
    apps: Vec<AppOfMembers>,
}

async fn previewed(app: &App, device: DeviceId, exit: DeviceExit) -> Result<JsonBody<DeviceLeavePreview>, Problem> {
    let preview = app.device_leave_preview(device, exit).await?;
    Ok(JsonBody(DeviceLeavePreview {
        confirm_take_back: preview.to_confirm(),
        app_ids: preview.there.iter().map(|row| row.id.0).collect(),
        apps: preview.apps.iter().map(AppOfMembers::from).collect(),
        digest: preview.digest,
    }))
}

/// Retire a device
///
/// Its apps are removed, then its management profile. What is the person's own stays. With the digest of a preview, nothing is
/// done but what was previewed.
#[utoipa::path(
    post, path = "/managedDevices/{device}/retire", tag = "managedDevices", params(("device" = Uuid, Path), LeaveQuery),
    responses((status = 204, description = "Told to retire, or told already"), Refusals)
)]
async fn device_retire(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
    Query(query): Query<LeaveQuery>,
) -> Result<StatusCode, Problem> {
    app.device_leave(&caller, device, Leave::Retire, None, &query.agreed())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Preview that a device is retired
///
/// Which licences come back, who gets them, and who loses an app.
#[utoipa::path(
    post, path = "/managedDevices/{device}/retire/preview", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = DeviceLeavePreview), Refusals)
)]
async fn device_retire_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
) -> Result<JsonBody<DeviceLeavePreview>, Problem> {
    previewed(&app, device, DeviceExit::Retires).await
}

/// Preview that a device is wiped
///
/// Which licences come back, who gets them, and who loses an app.
#[utoipa::path(
    post, path = "/managedDevices/{device}/wipe/preview", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = DeviceLeavePreview), Refusals)
)]
async fn device_wipe_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
) -> Result<JsonBody<DeviceLeavePreview>, Problem> {
    previewed(&app, device, DeviceExit::IsWiped).await
}

/// Preview that a device is removed
///
/// Which licences come back, who gets them, and who loses an app.
#[utoipa::path(
    post, path = "/managedDevices/{device}/remove/preview", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = DeviceLeavePreview), Refusals)
)]
async fn device_remove_preview(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
) -> Result<JsonBody<DeviceLeavePreview>, Problem> {
    previewed(&app, device, DeviceExit::IsTakenOut).await
}

/// What is to be erased.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wipe {
    /// As the device had it when it was looked at: one that enrolled anew since is not erased.
    enrollment_id: Uuid,
}

/// Wipe a device
///
/// It erases itself and becomes as new; everything on it is lost. Only where its profile asked for the right: see
/// `mayBeWiped`. With the digest of a preview, nothing is done but what was previewed.
#[utoipa::path(
    post, path = "/managedDevices/{device}/wipe", tag = "managedDevices", params(("device" = Uuid, Path), LeaveQuery),
    request_body = Wipe,
    responses((status = 204, description = "Told to erase itself, or told already"), Refusals)
)]
async fn device_wipe(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
    Query(query): Query<LeaveQuery>,
    Json(wipe): Json<Wipe>,
) -> Result<StatusCode, Problem> {
    let seen = Some(EnrolmentId(wipe.enrollment_id));
    app.device_leave(&caller, device, Leave::Wipe, seen, &query.agreed())
        .await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Call off a retirement or a wipe
///
/// As long as the command that ends the enrolment was not handed out. Apps that were removed come back.
#[utoipa::path(
    post, path = "/managedDevices/{device}/cancelRetireOrWipe", tag = "managedDevices",
    params(("device" = Uuid, Path)),
    responses((status = 204, description = "It stays"), Refusals)
)]
async fn device_stay(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
) -> Result<StatusCode, Problem> {
    app.device_stay(&caller, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a device
///
/// For one that is lost. Nothing is sent to it; nothing that it says is accepted any more, and its licences go back. With the
/// digest of a preview, nothing is done but what was previewed.
#[utoipa::path(
    delete, path = "/managedDevices/{device}", tag = "managedDevices",
    params(
        ("device" = Uuid, Path),
        ("If-Match" = String, Header, description = "`ETag` of the enrolment that was seen, or `*`"),
        LeaveQuery
    ),
    responses((status = 204, description = "Removed, or gone already"), Refusals)
)]
async fn device_remove(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
    IfMatch(base): IfMatch,
    Query(query): Query<LeaveQuery>,
) -> Result<StatusCode, Problem> {
    let row = app.device(device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let seen = match base {
        Base::Latest => None,
        base if base.is(&version(&row)) => row.enrolment_id,
        Base::Version(_) => return Err(etag::refused(AppError::Stale("device"), shown(&app, device)).await),
    };
    app.device_remove(&caller, device, seen, &query.agreed()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whose a device is
#[utoipa::path(
    get, path = "/managedDevices/{device}/ownership", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = DeviceOwnership), Refusals)
)]
async fn device_ownership(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
) -> Result<Tagged<DeviceOwnership>, Problem> {
    ownership(&app, device).await
}

/// Say whose a device is
///
/// No device can tell. The rules of device groups may look at it.
#[utoipa::path(
    put, path = "/managedDevices/{device}/ownership", tag = "managedDevices",
    params(("device" = Uuid, Path), IfMatch), request_body = DeviceOwnership,
    responses((status = 200, description = "As asked for", body = DeviceOwnership), Refusals)
)]
async fn device_ownership_set(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
    IfMatch(base): IfMatch,
    Json(said): Json<DeviceOwnership>,
) -> Result<Tagged<DeviceOwnership>, Problem> {
    let said = said.managed_device_owner_type.ownership();
    let done = app.device_ownership_set(&caller, device, base, said).await;
    etag::changed(done, ownership(&app, device)).await
}

async fn ownership(app: &App, device: DeviceId) -> Result<Tagged<DeviceOwnership>, Problem> {
    app.device(device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let row = app.device_ownership(device).await?;
    Ok(Tagged {
        version: row.version,
        body: DeviceOwnership {
            managed_device_owner_type: OwnerType::of(row.ownership),
        },
    })
}

/// Revoke the identity of a device
///
/// From then on nothing that is signed with it is accepted, and the device is not woken. It has to enrol anew.
#[utoipa::path(
    post, path = "/managedDevices/{device}/revokeIdentity", tag = "managedDevices",
    params(("device" = Uuid, Path)),
    responses((status = 204, description = "Revoked"), Refusals)
)]
async fn device_identity_revoke(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(device): Path<DeviceId>,
) -> Result<StatusCode, Problem> {
    app.identity_revoke(&caller, device).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Try an app again on a device
///
/// Whatever came of it before: its person cancelled, or it failed for good.
#[utoipa::path(
    post, path = "/managedDevices/{device}/apps/{app}/installAgain", tag = "managedDevices",
    params(("device" = Uuid, Path), ("app" = Uuid, Path)),
    responses((status = 204, description = "Asked again"), Refusals)
)]
async fn device_install_again(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path((device, asset)): Path<(DeviceId, AssetId)>,
) -> Result<StatusCode, Problem> {
    app.install_again(&caller, device, asset).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What a device said when it came or went, for support
#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct CheckInMessage {
    id: Uuid,
    received_date_time: DateTime,
    /// `Authenticate`, `TokenUpdate`, `CheckOut`, …; empty when that could not be read.
    message_type: String,
    /// Why it was not taken; absent when it was.
    #[schema(schema_with = check_in_refusal)]
    refusal: Option<String>,
    /// What the device was told.
    reason: Option<String>,
    /// From which address, when no device is known by it.
    source: Option<String>,
    /// A property list without secrets; empty when it could not be read.
    body: String,
}

impl From<CheckInRow> for CheckInMessage {
    fn from(row: CheckInRow) -> CheckInMessage {
        CheckInMessage {
            id: row.id,
            received_date_time: DateTime(row.at),
            message_type: row.kind,
            refusal: row.refusal.map(word),
            reason: row.reason,
            source: row.source,
            body: row.body,
        }
    }
}

/// The latest check-in messages of a device
///
/// The latest first: up to 20 that were taken, and 20 that were not. Without secrets.
#[utoipa::path(
    get, path = "/managedDevices/{device}/checkIns", tag = "managedDevices",
    params(("device" = Uuid, Path), PageQuery),
    responses((status = 200, description = "As asked for", body = Page<CheckInMessage>), Refusals)
)]
async fn device_check_ins(
    State(app): State<App>,
    _: ApiReader,
    Path(device): Path<DeviceId>,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<CheckInMessage>>, Problem> {
    app.device(device).await?.ok_or_else(|| Problem::not_found("device"))?;
    check_ins_page(app.device_check_ins(device).await?, &query)
}

/// The latest check-in messages that were refused of devices that nobody knows
///
/// The latest first, up to 500, and up to 20 of one address.
#[utoipa::path(
    get, path = "/refusedCheckIns", tag = "managedDevices", params(PageQuery),
    responses((status = 200, description = "As asked for", body = Page<CheckInMessage>), Refusals)
)]
async fn refused_check_ins(
    State(app): State<App>,
    _: ApiReader,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<CheckInMessage>>, Problem> {
    check_ins_page(app.check_ins_of_strangers(STRANGERS).await?, &query)
}

/// An id begins with its time.
fn check_ins_page(mut rows: Vec<CheckInRow>, query: &PageQuery) -> Result<JsonBody<Page<CheckInMessage>>, Problem> {
    rows.sort_by_key(|row| std::cmp::Reverse(row.id));
    let page = Page::falling(rows, query, |row| row.id.to_string())?;
    Ok(JsonBody(page.map(CheckInMessage::from)))
}
