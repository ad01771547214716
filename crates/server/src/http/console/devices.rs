//! 장치.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AssetId, DeviceId, GroupKind, Holder, Ownership, Platform};
use secrecy::ExposeSecret;
use serde::Deserialize;
use store::{CommandRow, CommandState};

use super::{
    Oops, frame, html,
    pages::{
        Place,
        devices::{
            CheckInLine, CommandLine, CommandProgress, DeviceAppLine, DevicePage, DevicesPage, IdentityFacts,
            devices_link,
        },
        parts::{Named, Turn},
        words::CommandWord,
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError, Base, bulk::selection::List, directory::DeviceFilter, leaving::CannotLeave, of_person::OfPerson,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path, Query},
    },
};

/// So many of the latest commands are of interest.
const COMMANDS: i64 = 30;
/// So many of the latest messages of devices that nobody knows.
const STRANGERS: i64 = 20;

#[derive(Default, Deserialize)]
pub struct Wanted {
    #[serde(default)]
    filter: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    at: String,
}

pub async fn list(State(app): State<App>, reader: Reader, Query(wanted): Query<Wanted>) -> Result<Response, Oops> {
    listed(&app, &reader, &wanted, None).await
}

/// Makes a one-time link for a device that belongs to nobody, and shows it: it cannot be shown again.
pub async fn enrolment_link(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let link = app.enrolment_link_for_nobody(&admin.caller).await?;
    listed(&app, &admin, &Wanted::default(), Some(link.expose_secret().to_owned())).await
}

async fn listed(app: &App, reader: &Reader, wanted: &Wanted, link: Option<String>) -> Result<Response, Oops> {
    let filter = DeviceFilter::of(&wanted.filter);
    let turn = Turn::of(&wanted.after, &wanted.before, &wanted.at);
    let query = wanted.q.trim().to_owned();
    let path = devices_link(filter, &query, &Turn::default());
    // Before what it shows: that may be newer than what is said of it here, and not the other way round.
    let frame = frame(app, reader, Place::Devices, &path, None).await?;
    let listing = app.devices_list(filter, turn.asked(&query)).await?;
    let shown = DeviceFilter::ALL.into_iter().zip(&listing.counts);
    let total = shown.filter(|(one, _)| *one == filter).map(|(_, many)| *many).next();
    let kind = |platform| match platform {
        Platform::Ios => "iPhone",
        Platform::IpadOs => "iPad",
        Platform::MacOs => "Mac",
        Platform::TvOs => "Apple TV",
    };
    let kinds = app.platforms().await?.into_iter();
    let strangers = app.check_ins_of_strangers(STRANGERS).await?;
    let pager = turn.pager(
        &listing.part,
        |device| device.0,
        total.unwrap_or_default(),
        |turn| devices_link(filter, &query, turn),
    );
    html(&DevicesPage {
        link,
        s: speak(app, reader.lang),
        bar: super::pick_bar(&frame, List::Devices(filter), &query, &pager),
        frame,
        pager,
        rows: listing.rows.iter().map(view::listed_device).collect(),
        counts: listing.counts,
        filter,
        query,
        kinds: kinds
            .map(|(platform, count)| (kind(platform).to_owned(), count))
            .collect(),
        check_ins: strangers.into_iter().map(CheckInLine::from).collect(),
    })
}

pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<DeviceId>) -> Result<Response, Oops> {
    show(&app, &reader, id, false, None).await
}

/// `refusal` is why something was not done: the key of its sentence.
pub(super) async fn show(
    app: &App,
    reader: &Reader,
    id: DeviceId,
    revoke_error: bool,
    refusal: Option<&'static str>,
) -> Result<Response, Oops> {
    let row = app.device(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let of = app.of_person(row.person_id).await?;
    let person = app.person(row.person_id).await?;
    let commands = app.device_commands(id, COMMANDS).await?;
    let identity = app.device_identity(&row).await?;
    let check_ins = app.device_check_ins(id).await?;
    let s = speak(app, reader.lang);
    let ownership = app.device_ownership(id).await?;
    html(&DevicePage {
        groups: super::rules::groups_of(app, &s, GroupKind::Device, id.0).await?,
        ownership: ownership.ownership,
        ownership_version: ownership.version.number,
        frame: frame(app, reader, Place::Devices, &format!("/devices/{id}"), None).await?,
        refusal: refusal.map(|refusal| s.t(refusal)),
        may: app.devices_leaving(&[id]).await?.of(&row),
        refused_at: row.refused_at,
        stopped: of
            .as_ref()
            .and_then(|of| view::stopped_note(&s, row.owner().map_or(Holder::Device(id), Holder::Person), &of.stopped)),
        line: view::own_device_line(of.as_ref(), &row, person.as_ref().map(|person| person.name.as_str())),
        apps: of.as_ref().map(|of| apps(of, row.id)).unwrap_or_default(),
        commands: commands
            .iter()
            .map(|command| command_line(of.as_ref(), command))
            .collect(),
        udid: row.udid,
        enrolled_at: row.enrolled_at,
        informed_at: row.informed_at,
        awaiting_configuration: row.awaiting_configuration,
        store_account_active: row.store_account_active,
        identity: identity.map(|identity| IdentityFacts {
            not_after: identity.not_after,
            revoked_at: identity.revoked_at,
        }),
        revoke_error,
        check_ins: check_ins.into_iter().map(CheckInLine::from).collect(),
        s,
    })
}

pub(super) fn refused(refusal: CannotLeave) -> &'static str {
    match refusal {
        CannotLeave::NotEnrolled => "device-not-enrolled",
        CannotLeave::NoRightToErase => "device-wipe-missing",
        CannotLeave::AlreadyLeaving => "device-leaving-already",
        CannotLeave::AlreadyTold => "device-told-already",
        CannotLeave::EnrolledAnew => "device-enrolled-anew",
    }
}

#[derive(Deserialize)]
pub struct Owned {
    #[serde(default)]
    ownership: String,
    /// Of what was said when the page was opened.
    #[serde(default)]
    version: i64,
}

pub async fn ownership(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(owned): Form<Owned>,
) -> Result<Response, Oops> {
    let said = match owned.ownership.as_str() {
        "company" => Some(Ownership::Company),
        "personal" => Some(Ownership::Personal),
        _ => None,
    };
    let base = Base::Version(owned.version);
    match app.device_ownership_set(&admin.caller, id, base, said).await {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/devices/{id}"), Done::Saved)),
        Err(AppError::Stale(_)) => {
            let page = show(&app, &admin, id, false, Some("ownership-stale")).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// From which page something was asked, to go back there.
#[derive(Deserialize)]
pub struct From {
    #[serde(default)]
    from: String,
}

pub async fn install_again(
    State(app): State<App>,
    admin: Admin,
    Path((id, asset)): Path<(DeviceId, AssetId)>,
    Form(form): Form<From>,
) -> Result<Response, Oops> {
    app.install_again(&admin.caller, id, asset).await?;
    let back = match form.from.as_str() {
        "app" => format!("/apps/{asset}?tab=devices"),
        _ => format!("/devices/{id}"),
    };
    Ok(flash::to(&app, &admin, &back, Done::InstallAgain))
}

#[derive(Deserialize)]
pub struct Confirmed {
    /// Sent only when the box is ticked.
    confirmed: Option<String>,
}

pub async fn identity_revoke(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<DeviceId>,
    Form(form): Form<Confirmed>,
) -> Result<Response, Oops> {
    if form.confirmed.is_none() {
        let page = show(&app, &admin, id, true, None).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    app.identity_revoke(&admin.caller, id).await?;
    Ok(flash::to(
        &app,
        &admin,
        &format!("/devices/{id}"),
        Done::IdentityRevoked,
    ))
}

fn apps(of: &OfPerson, device: DeviceId) -> Vec<DeviceAppLine> {
    let lines = of.on(device).map(|(app, verdict)| DeviceAppLine {
        app: Named {
            name: view::app_name(&app.row),
            href: format!("/apps/{}", app.row.id),
        },
        state: verdict.state,
        detail: verdict.detail,
        code: app.error_code(device, verdict.detail),
        resolution: verdict.resolution.clone(),
        asset: app.row.id,
        may_try_again: verdict.may_be_tried_again(),
        seen_at: app.facts.installs.get(&device).and_then(|install| install.seen_at),
    });
    lines.collect()
}

fn command_line(of: Option<&OfPerson>, row: &CommandRow) -> CommandLine {
    let app = row.asset_id.and_then(|asset| of?.rows.get(&asset));
    CommandLine {
        word: CommandWord(row.request_type.clone()),
        app: app.map(|app| Named {
            name: view::app_name(app),
            href: format!("/apps/{}", app.id),
        }),
        progress: match row.state {
            CommandState::Queued => CommandProgress::Queued,
            CommandState::Sent => CommandProgress::Sent,
            CommandState::NotNow => CommandProgress::NotNow,
            CommandState::Acknowledged => CommandProgress::Acknowledged,
            CommandState::Error | CommandState::FormatError => CommandProgress::Error,
            CommandState::Dropped => CommandProgress::Dropped,
        },
        created_at: row.created_at,
        answered_at: row.answered_at,
        code: row.error_chain.as_deref().and_then(view::error_code),
    }
}
