//! The second page before a device is retired, wiped or taken out, with what that does; and what becomes of it.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{DeviceId, Enrolment, EnrolmentId};
use serde::Deserialize;

use super::{
    Oops, agreeing, devices, frame, html,
    pages::{
        Place,
        devices::{DeviceLeavePage, HowToLeave},
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError,
        contract::{Agreed, Contract},
        leaving::{CannotLeave, Leave},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path},
    },
};

pub async fn retire_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Retire, Asked::default()).await
}

pub async fn wipe_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Wipe, Asked::default()).await
}

pub async fn remove_page(State(app): State<App>, admin: Admin, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    ask(&app, &admin, id, HowToLeave::Remove, Asked::default()).await
}

/// What was typed, and why nothing was done.
#[derive(Default)]
struct Asked {
    typed: String,
    error: Option<&'static str>,
    outdated: bool,
    /// It takes licences back, and nobody said that they mean it.
    unticked: bool,
}

/// What will be lost, before it is.
async fn ask(app: &App, reader: &Reader, id: DeviceId, how: HowToLeave, asked: Asked) -> Result<Response, Oops> {
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
    let preview = app.device_leave_preview(id, how.exit()).await?;
    let s = speak(app, reader.lang);
    let mut apps = Vec::new();
    for of in &preview.apps {
        apps.push(agreeing::previewed_app(app, &s, of).await?);
    }
    html(&DeviceLeavePage {
        frame: frame(
            app,
            reader,
            Place::Devices,
            &format!("/devices/{id}/{}", how.path()),
            None,
        )
        .await?,
        error: asked.error.map(|key| s.t(key)),
        s,
        id,
        name: row.name,
        person: app.person(row.person_id).await?.map(|person| person.name),
        how,
        enrolment: row.enrolment_id.map(|id| id.to_string()).unwrap_or_default(),
        there: preview.there.iter().map(view::app_name).collect(),
        apps,
        takes_back: preview.taken_back(),
        to_confirm: preview.to_confirm(),
        digest: preview.digest,
        outdated: asked.outdated,
        // That is said of a change that is confirmed by its number.
        unconfirmed: false,
        unticked: asked.unticked,
        typed: asked.typed,
    })
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Confirmed {
    enrolment: String,
    typed: String,
    /// Of what was shown.
    digest: String,
    /// How many licences the page said that it takes back, where they are many.
    #[serde(rename = "take-back")]
    take_back: Option<u64>,
    /// Sent only when the box is ticked, which is there where licences come back.
    confirmed: Option<String>,
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

    fn agreed(&self) -> Agreed {
        Agreed {
            digest: Some(self.digest.clone()).filter(|digest| !digest.is_empty()),
            take_back: self.take_back,
            ..Agreed::default()
        }
    }
}

pub async fn retire(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    leaves(&app, &admin, id, HowToLeave::Retire, form).await
}

pub async fn wipe(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    let row = app.device(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    if form.typed.trim() != row.name.trim() {
        let asked = Asked {
            typed: form.typed,
            error: Some("device-wipe-other-name"),
            ..Asked::default()
        };
        let page = ask(&app, &admin, id, HowToLeave::Wipe, asked).await?;
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, page));
    }
    leaves(&app, &admin, id, HowToLeave::Wipe, form).await
}

pub async fn remove(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    leaves(&app, &admin, id, HowToLeave::Remove, form).await
}

/// The page with the status of what was refused. What stands in the way of it at all has its own status.
fn refused(status: StatusCode, page: Response) -> Response {
    match page.status() {
        StatusCode::OK => (status, page).into_response(),
        _ => page,
    }
}

/// Does what was shown, or shows what it would do by now.
async fn leaves(app: &App, admin: &Admin, id: DeviceId, how: HowToLeave, form: Confirmed) -> Result<Response, Oops> {
    let (seen, agreed) = (form.seen()?, form.agreed());
    // No licence is taken back that was not shown, or that nobody said they mean.
    if form.confirmed.is_none() && app.device_leave_preview(id, how.exit()).await?.taken_back() > 0 {
        let asked = Asked {
            typed: form.typed,
            unticked: true,
            ..Asked::default()
        };
        let page = ask(app, admin, id, how, asked).await?;
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, page));
    }
    let caller = &admin.caller;
    let (result, done) = match how {
        HowToLeave::Retire => {
            let result = app.device_leave(caller, id, Leave::Retire, seen, &agreed).await;
            (result, Done::DeviceRetiring)
        }
        HowToLeave::Wipe => {
            let result = app.device_leave(caller, id, Leave::Wipe, seen, &agreed).await;
            (result, Done::DeviceWiping)
        }
        HowToLeave::Remove => (app.device_remove(caller, id, seen, &agreed).await, Done::DeviceRemoved),
    };
    if let Err(AppError::Outdated(_) | AppError::TakesBack(..)) = result {
        let asked = Asked {
            typed: form.typed,
            outdated: true,
            ..Asked::default()
        };
        let page = ask(app, admin, id, how, asked).await?;
        return Ok(refused(StatusCode::CONFLICT, page));
    }
    went(app, admin, id, result, done).await
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
