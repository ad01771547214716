//! 퇴사: what somebody's leaving does, before it is done.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{Effect, Fate, PersonId};
use serde::Deserialize;

use super::{
    Oops, agreeing, frame, html,
    pages::{
        Place,
        leavers::{LeavePage, LeavingAppView, Next, Refused},
        parts::Named,
        preview::PreviewView,
    },
    people::somebody_was_faster,
    speak, view,
};
use crate::{
    app::{
        App, AppError, Base,
        contract::{Agreed, Contract, Previewed},
        leavers::{Devices, LeavePreview, LeavingApp, WAITED_FOR},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path, Query},
    },
};

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Choice {
    /// What becomes of the devices: they are retired unless it says `keep`.
    devices: String,
}

impl Choice {
    fn devices(&self) -> Devices {
        match self.devices.as_str() {
            "keep" => Devices::Keep,
            _ => Devices::Retire,
        }
    }
}

pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<PersonId>,
    Query(choice): Query<Choice>,
) -> Result<Response, Oops> {
    let preview = app.person_leave_preview(id, choice.devices()).await?;
    show(&app, &reader, &preview, Refused::Not).await
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Leave {
    /// Of the person as they were shown.
    version: i64,
    devices: String,
    /// Of what was shown.
    digest: String,
    /// Sent only when the box is ticked.
    confirmed: Option<String>,
    /// How many licences the page said that it takes back, where they are many.
    #[serde(rename = "take-back")]
    take_back: Option<u64>,
}

pub async fn leave(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<PersonId>,
    Form(form): Form<Leave>,
) -> Result<Response, Oops> {
    let Leave { devices, digest, .. } = form;
    let devices = Choice { devices }.devices();
    // Nothing is done that was not shown, or that nobody said they mean.
    if digest.is_empty() || form.confirmed.is_none() {
        let preview = app.person_leave_preview(id, devices).await?;
        let page = show(&app, &admin, &preview, Refused::Unticked).await?;
        return Ok(refused(StatusCode::UNPROCESSABLE_ENTITY, page));
    }
    let agreed = Agreed {
        digest: Some(digest),
        take_back: form.take_back,
        ..Agreed::default()
    };
    let base = Base::Version(form.version);
    let (preview, why) = match app.person_leave(&admin.caller, id, base, devices, &agreed).await {
        Ok(()) => return Ok(flash::to(&app, &admin, &format!("/people/{id}"), Done::PersonLeft)),
        Err(AppError::Outdated(Previewed::Leave(preview)) | AppError::TakesBack(_, Previewed::Leave(preview))) => {
            (*preview, Refused::Outdated)
        }
        Err(AppError::Stale(_)) => {
            let preview = app.person_leave_preview(id, devices).await?;
            let text = somebody_was_faster(&speak(&app, admin.lang), preview.person.clone());
            (preview, Refused::Stale(text))
        }
        Err(error) => return Err(error.into()),
    };
    let page = show(&app, &admin, &preview, why).await?;
    Ok(refused(StatusCode::CONFLICT, page))
}

/// The page with the status of what was refused; where it leads elsewhere there is nothing to refuse any more.
fn refused(status: StatusCode, page: Response) -> Response {
    match page.status() {
        StatusCode::OK => (status, page).into_response(),
        _ => page,
    }
}

async fn show(app: &App, reader: &Reader, preview: &LeavePreview, refused: Refused) -> Result<Response, Oops> {
    let id = preview.person.id;
    if preview.person.left_at.is_some() {
        return Ok(Redirect::to(&format!("/people/{id}")).into_response());
    }
    let s = speak(app, reader.lang);
    let mut apps = Vec::new();
    for of in &preview.apps {
        apps.push(leaving(app, preview, of, s.now).await?);
    }
    let device = |(device, parting): &(store::DeviceRow, domain::Parting)| {
        let named = Named {
            name: device.name.clone(),
            href: format!("/devices/{}", device.id),
        };
        (named, *parting)
    };
    let group = |(group, name): &(domain::GroupId, String)| Named {
        name: name.clone(),
        href: format!("/groups/{group}"),
    };
    html(&LeavePage {
        frame: frame(app, reader, Place::People, &format!("/people/{id}/leave"), None).await?,
        s,
        id,
        name: preview.person.name.clone(),
        version: preview.person.version.number,
        choice: preview.choice,
        devices: preview.devices.iter().map(device).collect(),
        groups: preview.groups.iter().map(group).collect(),
        is_retired_at_apple: preview.is_retired_at_apple(),
        apps,
        kept: preview.kept.iter().map(view::app_name).collect(),
        waited_for_days: WAITED_FOR.as_secs() / (24 * 3600),
        digest: preview.digest.clone(),
        to_confirm: preview.to_confirm(),
        refused,
    })
}

/// One app: what becomes of it for the person, and who else is concerned.
async fn leaving(
    app: &App,
    preview: &LeavePreview,
    of: &LeavingApp,
    now: domain::Time,
) -> Result<LeavingAppView, Oops> {
    let leaver = preview.person.id;
    let outcomes = &of.preview.outcome.outcomes;
    let mut others: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.person != leaver && outcome.effect() != Effect::None)
        .collect();
    others.sort_by_key(|outcome| (outcome.effect(), outcome.place, outcome.holder));
    let names = view::holders(app, others.iter().map(|outcome| outcome.holder)).await?;
    let next = others.iter().map(|outcome| Next {
        holder: Named {
            name: names.get(&outcome.holder).cloned().unwrap_or_else(|| "–".to_owned()),
            href: view::holder_href(outcome.holder),
        },
        effect: outcome.effect(),
    });
    let had = |device: &&(store::DeviceRow, domain::Parting)| of.devices.contains(&device.0.id);
    let row = &of.preview.app;
    let waits = |fate: fn(&domain::Outcome) -> Fate| outcomes.iter().filter(|it| fate(it) == Fate::Waits).count();
    Ok(LeavingAppView {
        id: row.id,
        name: view::app_name(row),
        has_icon: row.has_icon,
        before: of.before(leaver),
        licence: of.licence,
        devices: preview
            .devices
            .iter()
            .filter(had)
            .map(|(device, _)| device.name.clone())
            .collect(),
        next: next.collect(),
        waits: [waits(|it| it.before), waits(|it| it.after)].map(|it| it as u64),
        preview: PreviewView::of(&of.preview, Vec::new(), agreeing::names(app, &of.preview).await?, now),
    })
}
