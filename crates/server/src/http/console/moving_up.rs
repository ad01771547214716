//! The page on which somebody is moved up in the line for an app's licences: what that does, before it is done.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AssetId, Holder, PersonId};
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        moving_up::{MoveUpPage, Refused},
        parts::Named,
    },
    problem, speak, view,
};
use crate::{
    app::{App, AppError, FieldProblem, moving_up::Called},
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path},
    },
};

pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path((asset, person)): Path<(AssetId, PersonId)>,
) -> Result<Response, Oops> {
    show(&app, &reader, asset, person, Tried::default()).await
}

/// What was given, and why nothing came of it.
#[derive(Default)]
struct Tried {
    reason: String,
    /// What is wrong with the reason.
    error: Option<FieldProblem>,
    refused: Option<Refused>,
}

async fn show(app: &App, reader: &Reader, asset: AssetId, person: PersonId, tried: Tried) -> Result<Response, Oops> {
    let of = app.moving_up(asset, person).await?;
    let (s, passes) = (speak(app, reader.lang), of.passes());
    let named = |called: &Called| match called.holder {
        Holder::Person(_) => s.whom(&called.name),
        Holder::Device(_) => called.name.clone(),
    };
    let (whom, overtakes) = (named(&of.person), of.overtakes.as_ref().map(named));
    let path = format!("/apps/{asset}/waiting/{person}");
    html(&MoveUpPage {
        frame: frame(app, reader, Place::Apps, &path, None).await?,
        error: tried.error.map(|error| problem(&s, error)),
        s,
        asset,
        app: view::app_name(&of.app),
        person: Named {
            href: view::holder_href(of.person.holder),
            name: of.person.name,
        },
        whom,
        passes,
        refused: tried.refused,
        moved: of.moved,
        step: of.step,
        overtakes,
        path,
        reason: tried.reason,
    })
}

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    reason: String,
}

pub async fn save(
    State(app): State<App>,
    admin: Admin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
    Form(form): Form<Wanted>,
) -> Result<Response, Oops> {
    let mut tried = Tried::default();
    let status = match app.move_up(&admin.caller, asset, person, &form.reason).await {
        Ok(()) => return Ok(flash::to(&app, &admin, &line(asset), Done::MovedUp)),
        Err(AppError::Invalid {
            field: "reason",
            problem,
        }) => {
            tried.error = Some(problem);
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Err(AppError::NotWaiting) => {
            tried.refused = Some(Refused::NotWaiting);
            StatusCode::CONFLICT
        }
        Err(AppError::MovedUpAlready) => {
            tried.refused = Some(Refused::Already);
            StatusCode::CONFLICT
        }
        Err(error) => return Err(error.into()),
    };
    tried.reason = form.reason;
    let page = show(&app, &admin, asset, person, tried).await?;
    Ok((status, page).into_response())
}

pub async fn back(
    State(app): State<App>,
    admin: Admin,
    Path((asset, person)): Path<(AssetId, PersonId)>,
) -> Result<Response, Oops> {
    app.move_back(&admin.caller, asset, person).await?;
    Ok(flash::to(&app, &admin, &line(asset), Done::MovedBack))
}

/// Where one sees who waits.
fn line(asset: AssetId) -> String {
    format!("/apps/{asset}?tab=users")
}
