//! Who decides that devices get a newer version of an app: the form on its page.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AssetId, StoreVersion, Updates};
use serde::Deserialize;

use super::{Oops, app};
use crate::{
    app::{App, AppError, Base, FieldProblem},
    http::{
        auth::Admin,
        flash::{self, Done},
        input::{Form, Path},
    },
};

#[derive(Deserialize)]
pub struct Wanted {
    /// `automatic`, or `byHand`.
    #[serde(default)]
    updates: String,
    /// The version that is released, where one is.
    #[serde(default)]
    release: Option<i64>,
    /// What was released before.
    #[serde(default)]
    released: Option<i64>,
    /// Of what was set when the page was opened.
    #[serde(default)]
    version: i64,
}

pub async fn set(
    State(app): State<App>,
    admin: Admin,
    Path(asset): Path<AssetId>,
    Form(wanted): Form<Wanted>,
) -> Result<Response, Oops> {
    let updates = match wanted.updates.as_str() {
        "automatic" => Updates::Automatic,
        "byHand" => Updates::ByHand {
            released: wanted.release.or(wanted.released).map(StoreVersion),
        },
        _ => {
            let (field, problem) = ("updates", FieldProblem::Unknown);
            return Err(AppError::Invalid { field, problem }.into());
        }
    };
    let base = Base::Version(wanted.version);
    match app.updates_set(&admin.caller, asset, base, updates).await {
        Ok(()) => Ok(flash::to(
            &app,
            &admin,
            &format!("/apps/{asset}?tab=general"),
            Done::Saved,
        )),
        Err(AppError::Stale(_)) => {
            let page = app::updates_stale(&app, &admin, asset).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}
