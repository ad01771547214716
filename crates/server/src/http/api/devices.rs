//! Enrolled devices (Graph's `managedDevice`).

use std::collections::BTreeMap;

use axum::{Json as JsonBody, extract::State, http::StatusCode};
use domain::{AssetId, DeviceId, PersonId};
use serde::Serialize;
use store::DeviceRow;
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};
use uuid::Uuid;

use super::{
    Refusals,
    input::{Path, Query},
    page::{Page, PageQuery},
    words::{DateTime, word},
};
use crate::{
    app::App,
    http::{auth::ApiCaller, problem::Problem},
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(devices_list))
        .routes(routes!(device_get))
        .routes(routes!(device_identity_revoke))
        .routes(routes!(device_install_again))
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
    /// `iOS`, `iPadOS`, `macOS`, `tvOS`.
    operating_system: String,
    os_version: Option<String>,
    user_id: Uuid,
    user_display_name: Option<String>,
    /// `pending`, `enrolled`, `retiring`, `wiping`, `retired`, `wiped`, `removed`, `gone`.
    enrollment_state: String,
    /// Enrolled through Apple's Device Enrollment Program.
    enrolled_through_dep: bool,
    is_supervised: Option<bool>,
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
}

impl ManagedDevice {
    fn of(row: DeviceRow, owner: Option<String>) -> ManagedDevice {
        ManagedDevice {
            id: row.id.0,
            device_name: row.name,
            serial_number: row.serial,
            udid: row.udid,
            model: row.product_name,
            operating_system: word(row.platform),
            os_version: row.os_version,
            user_id: row.person_id.0,
            user_display_name: owner,
            enrollment_state: word(row.enrolment),
            enrolled_through_dep: row.dep,
            is_supervised: row.supervised,
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
    _: ApiCaller,
    Query(query): Query<PageQuery>,
) -> Result<JsonBody<Page<ManagedDevice>>, Problem> {
    let mut devices = app.devices().await?;
    devices.sort_by_key(|device| device.id);
    let page = Page::rising(devices, &query, |device| device.id.to_string())?;
    let names: BTreeMap<PersonId, String> = app
        .people()
        .await?
        .into_iter()
        .map(|person| (person.id, person.name))
        .collect();
    Ok(JsonBody(page.map(|device| {
        let owner = names.get(&device.person_id).cloned();
        ManagedDevice::of(device, owner)
    })))
}

/// One device
#[utoipa::path(
    get, path = "/managedDevices/{device}", tag = "managedDevices", params(("device" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = ManagedDevice), Refusals)
)]
async fn device_get(
    State(app): State<App>,
    _: ApiCaller,
    Path(device): Path<DeviceId>,
) -> Result<JsonBody<ManagedDevice>, Problem> {
    let row = app.device(device).await?.ok_or_else(|| Problem::not_found("device"))?;
    let owner = app.person(row.person_id).await?.map(|person| person.name);
    Ok(JsonBody(ManagedDevice::of(row, owner)))
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
    ApiCaller(caller): ApiCaller,
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
    ApiCaller(caller): ApiCaller,
    Path((device, asset)): Path<(DeviceId, AssetId)>,
) -> Result<StatusCode, Problem> {
    app.install_again(&caller, device, asset).await?;
    Ok(StatusCode::NO_CONTENT)
}
