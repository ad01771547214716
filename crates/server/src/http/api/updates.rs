//! Who decides that devices get a newer version of an app.

use axum::extract::State;
use domain::{AssetId, StoreVersion, Updates};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::{router::OpenApiRouter, routes};

use super::{
    Refusals,
    etag::{self, IfMatch, Tagged},
    input::{Json, Path},
};
use crate::{
    app::App,
    http::{
        auth::{ApiAdmin, ApiReader},
        problem::Problem,
    },
};

pub fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(app_updates, app_updates_set))
}

#[derive(Debug, Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AppUpdates {
    /// Every new version goes to all devices that have the app, whether it is required or available.
    automatically_update_app: bool,
    /// Where it does not: the version that was released by hand. It goes to devices while it is the newest.
    released_version: Option<i64>,
    /// The version in the App Store, as the store counts them (`externalVersionId`); null where it did not say. Read only.
    newest_version: Option<i64>,
    /// What the store calls it. Read only.
    newest_version_name: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(rename_all = "camelCase")]
struct AppUpdatesWanted {
    automatically_update_app: bool,
    /// Only with `automaticallyUpdateApp` false, and not later than `newestVersion`.
    #[serde(default)]
    released_version: Option<i64>,
}

/// Who decides that devices get a newer version of the app
#[utoipa::path(
    get, path = "/apps/{app}/updates", tag = "apps", params(("app" = Uuid, Path)),
    responses((status = 200, description = "As asked for", body = AppUpdates), Refusals)
)]
async fn app_updates(
    State(app): State<App>,
    _: ApiReader,
    Path(asset): Path<AssetId>,
) -> Result<Tagged<AppUpdates>, Problem> {
    updates(&app, asset).await
}

/// Say who decides it, or release a version by hand
///
/// Each device is told once of each version. One that does not take it is told again when somebody asks for that. Under the
/// policy of 2016 only required apps are updated.
#[utoipa::path(
    put, path = "/apps/{app}/updates", tag = "apps", params(("app" = Uuid, Path), IfMatch),
    request_body = AppUpdatesWanted,
    responses((status = 200, description = "As asked for", body = AppUpdates), Refusals)
)]
async fn app_updates_set(
    State(app): State<App>,
    ApiAdmin(caller): ApiAdmin,
    Path(asset): Path<AssetId>,
    IfMatch(base): IfMatch,
    Json(wanted): Json<AppUpdatesWanted>,
) -> Result<Tagged<AppUpdates>, Problem> {
    let wanted = match wanted.automatically_update_app {
        true => Updates::Automatic,
        false => Updates::ByHand {
            released: wanted.released_version.map(StoreVersion),
        },
    };
    let done = app.updates_set(&caller, asset, base, wanted).await;
    etag::changed(done, updates(&app, asset)).await
}

async fn updates(app: &App, asset: AssetId) -> Result<Tagged<AppUpdates>, Problem> {
    let (row, version) = app.updates(asset).await?;
    let released_version = match row.updates {
        Updates::Automatic => None,
        Updates::ByHand { released } => released.map(|version| version.0),
    };
    Ok(Tagged {
        version,
        body: AppUpdates {
            automatically_update_app: row.updates == Updates::Automatic,
            released_version,
            newest_version: row.store_version.map(|version| version.0),
            newest_version_name: row.version,
        },
    })
}
