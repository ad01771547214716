//! The second page before a device is retired, wiped or taken out, and what becomes of it.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{DeviceId, Enrolment, EnrolmentId, Install};
use serde::Deserialize;

use super::{
    Oops, devices, frame, html,
    pages::{
        Place,
        devices::{DeviceLeavePage, HowToLeave},
    },
    speak,
};
use crate::{
    app::{
        App, AppError,
        leaving::{CannotLeave, Leave},
        of_person::PersonApp,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path},
    },
};

pub async fn retire_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Retire, String::new(), None).await
}

pub async fn wipe_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Wipe, String::new(), None).await
}

pub async fn remove_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Remove, String::new(), None).await
}

/// What will be lost, before it is.
async fn ask(
    app: &App,
    reader: &Reader,
    id: DeviceId,
    how: HowToLeave,
    typed: String,
    error: Option<&'static str>,
) -> Result<Response, Oops> {
    let row = app.device(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let may = app.devices_leaving(&[id]).await?.of(&row);
    let refusal = match how {
        HowToLeave::Retire if row.enrolment.is_leaving() => Some(CannotLeave::AlreadyLeaving),
        HowToLeave::Retire if !may.retire => Some(CannotLeave::NotEnrolled),
        HowToLeave::Wipe if !may.may_be_erased => Some(CannotLeave::NoRightToErase),
        HowToLeave::Wipe if row.enrolment == Enrolment::Wiping => Some(CannotLeave::AlreadyLeaving),
        HowToLeave::Wipe if !may.wipe => Some(CannotLeave::NotEnrolled),
        HowToLeave::Remove if !may.remove => Some(CannotLeave::NotEnrolled),
        _ => None,
    };
    if let Some(refusal) = refusal {
        let page = devices::show(app, reader, id, false, Some(devices::refused(refusal))).await?;
        return Ok((StatusCode::CONFLICT, page).into_response());
    }
    let of = app.of_person(row.person_id).await?;
    let s = speak(app, reader.lang);
    let has = |app: &&PersonApp| app.facts.installs.get(&id).is_some_and(Install::may_be_there);
    html(&DeviceLeavePage {
        frame: frame(
            app,
            reader,
            Place::Devices,
            &format!("/devices/{id}/{}", how.path()),
            None,
        )
        .await?,
        error: error.map(|key| s.t(key)),
        s,
        id,
        name: row.name,
        person: app.person(row.person_id).await?.map(|person| person.name),
        how,
        enrolment: row.enrolment_id.map(|id| id.to_string()).unwrap_or_default(),
        apps: of.map_or(0, |of| of.apps.iter().filter(has).count() as u64),
        typed,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Confirmed {
    enrolment: String,
    typed: String,
}

impl Confirmed {
    /// The enrolment that the page was about.
    fn seen(&self) -> Result<Option<EnrolmentId>, Oops> {
        if self.enrolment.is_empty() {
            return Ok(None);
        }
        let id = self.enrolment.parse().map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
        Ok(Some(id))
    }
}

pub async fn retire(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    let result = app.device_leave(&admin.caller, id, Leave::Retire, form.seen()?).await;
    went(&app, &admin, id, result, Done::DeviceRetiring).await
}

pub async fn wipe(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    let row = app.device(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    if form.typed.trim() != row.name.trim() {
        let error = Some("device-wipe-other-name");
        let page = ask(&app, &admin, id, HowToLeave::Wipe, form.typed, error).await?;
        // What stands in the way of wiping at all has its own status.
        return Ok(match page.status() {
            StatusCode::OK => (StatusCode::UNPROCESSABLE_ENTITY, page).into_response(),
            _ => page,
        });
    }
    let result = app.device_leave(&admin.caller, id, Leave::Wipe, form.seen()?).await;
    went(&app, &admin, id, result, Done::DeviceWiping).await
}

pub async fn remove(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    let result = app.device_remove(&admin.caller, id, form.seen()?).await;
    went(&app, &admin, id, result, Done::DeviceRemoved).await
}

pub async fn stay(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    let result = app.device_stay(&admin.caller, id).await;
    went(&app, &admin, id, result, Done::DeviceStays).await
}

/// Back to the device, or the same page with what stood in the way.
async fn went(
    app: &App,
    reader: &Reader,
    id: DeviceId,
    result: Result<(), AppError>,
    done: Done,
) -> Result<Response, Oops> {
    match result {
        Err(AppError::Leaving(refusal)) => {
            let page = devices::show(app, reader, id, false, Some(devices::refused(refusal))).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        result => {
            result?;
            Ok(flash::to(app, reader, &format!("/devices/{id}"), done))
        }
    }
}
