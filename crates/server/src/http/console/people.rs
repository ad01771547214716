//! 사용자.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{AssetId, GroupKind, PersonId, Program};
use secrecy::ExposeSecret;
use serde::Deserialize;
use store::{InvitationRow, PersonChange, PersonRow};
use uuid::Uuid;

use super::{
    Oops,
    agreeing::{self, Refused},
    frame, html,
    pages::{
        Flash, Place,
        changes::{Action, AgreePage},
        conflict::{Conflict, Difference},
        members::Moved,
        parts::{Named, Turn},
        people::{Farewell, PeoplePage, PersonAppLine, PersonFormPage, PersonLine, PersonPage, people_link},
        ui::StateCounts,
    },
    problem, speak, view,
};
use crate::{
    app::{
        App, AppError, Base, FieldProblem,
        bulk::selection::List,
        contract::{Agreed, Contract, Previewed},
        directory::{ListedPerson, PersonFilter},
        invitations::{InvitedAgain, NotInvited},
        leavers::ReturnPreview,
        of_person::{OfPerson, PersonApp},
        people::NewPerson,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path, Query},
    },
    messages::Speak,
};

#[derive(Deserialize)]
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
    let filter = PersonFilter::of(&wanted.filter);
    let turn = Turn::of(&wanted.after, &wanted.before, &wanted.at);
    let query = wanted.q.trim().to_owned();
    let path = people_link(filter, &query, &Turn::default());
    // Before what it shows: that may be newer than what is said of it here, and not the other way round.
    let frame = frame(&app, &reader, Place::People, &path, None).await?;
    let listing = app.people_list(filter, turn.asked(&query)).await?;
    let shown = PersonFilter::ALL.into_iter().zip(&listing.counts);
    let total = shown.filter(|(one, _)| *one == filter).map(|(_, many)| *many).next();
    let pager = turn.pager(
        &listing.part,
        |person| person.0,
        total.unwrap_or_default(),
        |turn| people_link(filter, &query, turn),
    );
    html(&PeoplePage {
        s: speak(&app, reader.lang),
        bar: super::pick_bar(&frame, List::People(filter), &query, &pager),
        frame,
        pager,
        rows: listing.rows.into_iter().map(person_line).collect(),
        counts: listing.counts,
        filter,
        query,
    })
}

fn person_line(person: ListedPerson) -> PersonLine {
    let invited = person.invitation.as_ref();
    let invitation = invited
        .filter(|_| matches!(person.program, Program::Registered { .. }))
        .map(|(row, device)| view::invitation_line(row, device.as_deref()));
    PersonLine {
        id: person.row.id,
        name: person.row.name,
        email: person.row.email,
        department: person.row.department,
        left_at: person.row.left_at,
        program: person.program,
        invitation,
        devices: person.devices,
        licences: person.licences,
        waiting: person.waiting,
        installs: StateCounts::from(&person.installs),
    }
}

pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<PersonId>) -> Result<Response, Oops> {
    show(&app, &reader, id, Shown::default()).await
}

/// So many invitations a page shows; who wants more asks the API.
const INVITATIONS: usize = 10;

/// What the page of a person shows beside the person.
#[derive(Default)]
struct Shown {
    flash: Option<Flash>,
    link: Option<String>,
    not_invited: Option<NotInvited>,
}

async fn show(app: &App, reader: &Reader, id: PersonId, shown: Shown) -> Result<Response, Oops> {
    let row = app.person(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let of = app.of_person(id).await?;
    let s = speak(app, reader.lang);
    let own = app.devices_of(id).await?;
    let mut invitations = app.invitations(id).await?;
    invitations.truncate(INVITATIONS);
    // A device may be another person's since.
    let asked: Vec<Uuid> = invitations.iter().map(|row| row.device_id.0).collect();
    let names = app.store.names(&asked).await?;
    let named = |row: &InvitationRow| view::invitation_line(row, names.devices.get(&row.device_id).map(String::as_str));
    let invitations = invitations.iter().map(named).collect();
    let registrations = app.registrations(id).await?;
    let replaced = registrations.iter().filter(|row| row.replaced_at.is_some());
    let retired = replaced.map(|row| row.retired_at).collect();
    let groups = super::rules::groups_of(app, &s, GroupKind::User, id.0).await?;
    let program = of
        .as_ref()
        .and_then(|of| of.world.people.get(&id))
        .map(|person| person.program)
        .unwrap_or_default();
    let uninvitable = match &of {
        Some(of) => of.not_invited(),
        None => Some(NotInvited::NotLinked),
    };
    let uninvitable = uninvitable.map(|why| match why {
        // The state says it already.
        NotInvited::Accepted { .. } | NotInvited::Left => String::new(),
        why => not_invited(&s, &why),
    });
    let farewell = Farewell {
        devices: own.iter().filter(|device| !device.enrolment.is_over()).count() as u64,
        licences: of.as_ref().map_or(0, licences),
    };
    let stopped = of
        .as_ref()
        .and_then(|of| view::stopped_note(&s, id.into(), &of.stopped));
    html(&PersonPage {
        frame: frame(app, reader, Place::People, &format!("/people/{id}"), shown.flash).await?,
        refused: shown.not_invited.as_ref().map(|why| not_invited(&s, why)),
        uninvitable,
        s,
        id,
        version: row.version.number,
        farewell,
        devices: own
            .iter()
            .map(|device| view::own_device_line(of.as_ref(), device, Some(&row.name)))
            .collect(),
        apps: of.as_ref().map(apps).unwrap_or_default(),
        name: row.name,
        email: row.email,
        department: row.department,
        office: row.office,
        created_at: row.created_at,
        left_at: row.left_at,
        program,
        invitations,
        retired,
        groups,
        link: shown.link,
        to_return: of.as_ref().map_or(0, OfPerson::to_return),
        stopped,
    })
}

/// Licences that the person has and that can come back, or that are on their way.
fn licences(of: &OfPerson) -> u64 {
    let counts = |app: &PersonApp| {
        let seats = app.verdict.seats();
        seats.filter(|seat| app.facts.revocable || !seat.is_held()).count() as u64
    };
    of.apps.iter().map(counts).sum()
}

fn apps(of: &OfPerson) -> Vec<PersonAppLine> {
    let lines = of.apps.iter().map(|app| {
        let verdict = &app.verdict;
        let failing = verdict.devices.values().find(|device| device.state == verdict.state);
        PersonAppLine {
            app: Named {
                name: view::app_name(&app.row),
                href: format!("/apps/{}", app.row.id),
            },
            asset: app.row.id,
            state: verdict.state,
            detail: verdict.detail,
            code: failing.and_then(|device| app.error_code(device.device, verdict.detail)),
            seat: verdict.seat,
            device_licences: verdict.device_licences(),
            place: verdict.place,
            resolution: verdict.resolution.clone(),
            requested: app.facts.requests.contains_key(&of.person),
            may_try_again: verdict.devices.values().any(|device| device.may_be_tried_again()),
        }
    });
    lines.collect()
}

/// Makes a one-time link, and shows it: it cannot be shown again.
pub async fn enrolment_link(State(app): State<App>, admin: Admin, Path(id): Path<PersonId>) -> Result<Response, Oops> {
    let link = app.enrolment_link(&admin.caller, id).await?;
    let shown = Shown {
        link: Some(link.expose_secret().to_owned()),
        ..Shown::default()
    };
    show(&app, &admin, id, shown).await
}

pub async fn invite_again(State(app): State<App>, admin: Admin, Path(id): Path<PersonId>) -> Result<Response, Oops> {
    let done = match app.invite_again(&admin.caller, id).await {
        Ok(InvitedAgain::On(_)) => Done::InvitedAgain,
        Ok(InvitedAgain::Registering) => Done::RegisteringAgain,
        Err(AppError::NotInvited(why)) => {
            let shown = Shown {
                not_invited: Some(why),
                ..Shown::default()
            };
            let page = show(&app, &admin, id, shown).await?;
            return Ok((StatusCode::CONFLICT, page).into_response());
        }
        Err(error) => return Err(error.into()),
    };
    Ok(flash::to(&app, &admin, &format!("/people/{id}"), done))
}

fn not_invited(s: &Speak, why: &NotInvited) -> String {
    match why {
        NotInvited::Accepted { since } => s.t1(why.key(), "date", s.date(*since)),
        NotInvited::Waiting { device, since, .. } => s.t2(why.key(), "device", device, "time", s.date_time(*since)),
        _ => s.t(why.key()),
    }
}

#[derive(Deserialize)]
pub struct Return {
    /// Of the person as they were shown.
    version: i64,
    /// Of what was shown; empty before anything was.
    #[serde(default)]
    digest: String,
    #[serde(rename = "take-back")]
    take_back: Option<u64>,
    /// Only to look at it anew.
    check: Option<String>,
}

/// Shows what somebody's return does where it does anything, and does it from there.
pub async fn come_back(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<PersonId>,
    Form(form): Form<Return>,
) -> Result<Response, Oops> {
    let base = Base::Version(form.version);
    if form.digest.is_empty() || form.check.is_some() {
        let preview = app.person_return_preview(id).await?;
        if base.is(&preview.person.version) && !preview.apps.is_empty() {
            return returning(&app, &admin, &preview, Refused::default()).await;
        }
    }
    let agreed = Agreed {
        digest: Some(form.digest).filter(|digest| !digest.is_empty()),
        take_back: form.take_back,
        ..Agreed::default()
    };
    let (status, refused, preview) = match app.person_return(&admin.caller, id, base, &agreed).await {
        Err(AppError::Outdated(Previewed::Return(preview))) => {
            let refused = Refused {
                outdated: true,
                ..Refused::default()
            };
            (StatusCode::CONFLICT, refused, preview)
        }
        Err(AppError::TakesBack(_, Previewed::Return(preview))) => {
            let refused = Refused {
                unconfirmed: true,
                ..Refused::default()
            };
            (StatusCode::UNPROCESSABLE_ENTITY, refused, preview)
        }
        result => return moved(&app, &admin, id, result).await,
    };
    let page = returning(&app, &admin, &preview, refused).await?;
    Ok((status, page).into_response())
}

/// What somebody's return would do.
async fn returning(app: &App, admin: &Admin, preview: &ReturnPreview, refused: Refused) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let here = format!("/people/{}", preview.person.id);
    let mut apps = Vec::new();
    for of in &preview.apps {
        apps.push(agreeing::previewed_app(app, &s, of).await?);
    }
    let groups: Vec<&str> = preview.groups.iter().map(|(_, name)| name.as_str()).collect();
    let by_rule = (!groups.is_empty()).then(|| Moved {
        title: s.t("return-groups"),
        names: groups.join(", "),
        more: 0,
    });
    html(&AgreePage {
        frame: frame(app, admin, Place::People, &here, None).await?,
        title: s.t("return-title"),
        crumbs: vec![
            Named {
                name: s.t("nav-people"),
                href: "/people".to_owned(),
            },
            Named {
                name: preview.person.name.clone(),
                href: here.clone(),
            },
        ],
        context: s.t("return-context"),
        notes: Vec::new(),
        rows: Vec::new(),
        kind: GroupKind::User,
        rule: None,
        matching: None,
        moved: by_rule.into_iter().collect(),
        apps,
        digest: preview.digest.clone(),
        version: preview.person.version.number,
        to_confirm: preview.to_confirm(),
        outdated: refused.outdated,
        unconfirmed: refused.unconfirmed,
        action: Some(Action {
            href: format!("{here}/return"),
            fields: Vec::new(),
            edits: false,
            button: s.t("return-button"),
            help: s.t("preview-promise-anew"),
            approvers: None,
        }),
        turn_down: None,
        withdraw: None,
        s,
    })
}

/// Who changed the person since they were shown.
pub(super) fn somebody_was_faster(s: &Speak, row: PersonRow) -> String {
    let who = row.version.changed_by.unwrap_or_else(|| "–".to_owned());
    let when = row
        .version
        .changed_at
        .map_or_else(|| "–".to_owned(), |at| s.date_time(at));
    format!(
        "{} {}",
        s.t2("conflict-who", "name", who, "when", when),
        s.t("person-look-again")
    )
}

/// Where to go after somebody came back. When somebody else was faster, the person is shown as they are now.
async fn moved(app: &App, admin: &Admin, id: PersonId, result: Result<(), AppError>) -> Result<Response, Oops> {
    let s = speak(app, admin.lang);
    let text = match result {
        Ok(()) => {
            return Ok(flash::to(app, admin, &format!("/people/{id}"), Done::PersonReturned));
        }
        Err(AppError::Stale(_)) => {
            let row = app.person(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
            somebody_was_faster(&s, row)
        }
        // Somebody has the mail address by now.
        Err(AppError::Invalid {
            problem: FieldProblem::Taken,
            ..
        }) => s.t("person-mail-taken"),
        Err(error) => return Err(error.into()),
    };
    let shown = Shown {
        flash: Flash::bad(text),
        ..Shown::default()
    };
    let page = show(app, admin, id, shown).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub async fn request(
    State(app): State<App>,
    admin: Admin,
    Path((id, asset)): Path<(PersonId, AssetId)>,
) -> Result<Response, Oops> {
    app.app_request(&admin.caller, asset, id).await?;
    Ok(flash::to(&app, &admin, &format!("/people/{id}"), Done::AppRequested))
}

pub async fn withdraw(
    State(app): State<App>,
    admin: Admin,
    Path((id, asset)): Path<(PersonId, AssetId)>,
) -> Result<Response, Oops> {
    app.app_request_withdraw(&admin.caller, asset, id).await?;
    Ok(flash::to(
        &app,
        &admin,
        &format!("/people/{id}"),
        Done::AppRequestWithdrawn,
    ))
}

pub async fn install_again(
    State(app): State<App>,
    admin: Admin,
    Path((id, asset)): Path<(PersonId, AssetId)>,
) -> Result<Response, Oops> {
    app.install_again_for(&admin.caller, id, asset).await?;
    Ok(flash::to(&app, &admin, &format!("/people/{id}"), Done::InstallAgain))
}

#[derive(Deserialize, Default)]
#[serde(default)]
pub struct Typed {
    name: String,
    email: String,
    department: String,
    office: String,
    /// Of the person as they were when the form was opened, and what it said then.
    version: i64,
    was_name: String,
    was_email: String,
    was_department: String,
    was_office: String,
}

impl Typed {
    /// The form of a person as they are.
    fn of(row: PersonRow) -> Typed {
        let email = row.email.unwrap_or_default();
        let department = row.department.unwrap_or_default();
        let office = row.office.unwrap_or_default();
        Typed {
            version: row.version.number,
            was_name: row.name.clone(),
            was_email: email.clone(),
            was_department: department.clone(),
            was_office: office.clone(),
            name: row.name,
            email,
            department,
            office,
        }
    }
}

pub async fn new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    show_form(&app, &admin, None, Typed::default(), None, None).await
}

pub async fn edit_page(State(app): State<App>, admin: Admin, Path(id): Path<PersonId>) -> Result<Response, Oops> {
    let row = app.person(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    show_form(&app, &admin, Some(id), Typed::of(row), None, None).await
}

pub async fn add(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let result = app.person_add(&admin.caller, new_person(&typed)).await;
    saved(&app, &admin, None, typed, result, Done::PersonAdded).await
}

pub async fn edit(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<PersonId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Oops> {
    let change = PersonChange {
        name: Some(typed.name.clone()),
        email: Some(Some(typed.email.clone())),
        department: Some(Some(typed.department.clone())),
        office: Some(Some(typed.office.clone())),
    };
    let base = Base::Version(typed.version);
    let result = app.person_change(&admin.caller, id, base, change).await;
    if matches!(result, Err(AppError::Stale(_))) {
        return conflict(&app, &admin, id, typed).await;
    }
    saved(&app, &admin, Some(id), typed, result.map(|()| id), Done::Saved).await
}

/// Somebody else changed the person since the form was opened.
async fn conflict(app: &App, reader: &Reader, id: PersonId, typed: Typed) -> Result<Response, Oops> {
    let row = app.person(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(app, reader.lang);
    let version = row.version.clone();
    let now = Typed::of(row);
    let row = |key, seen: &String, now: &String, mine: &String| {
        Difference::of(s.t(key), seen.clone(), now.clone(), mine.trim().to_owned())
    };
    let rows = [
        row("column-name", &typed.was_name, &now.name, &typed.name),
        row("person-email", &typed.was_email, &now.email, &typed.email),
        row(
            "person-department",
            &typed.was_department,
            &now.department,
            &typed.department,
        ),
        row("person-office", &typed.was_office, &now.office, &typed.office),
    ];
    let conflict = Conflict {
        version,
        rows: rows.into_iter().flatten().collect(),
        theirs: format!("/people/{id}/edit"),
    };
    let merged = Typed {
        name: Conflict::merged(&typed.was_name, now.name, typed.name),
        email: Conflict::merged(&typed.was_email, now.email, typed.email),
        department: Conflict::merged(&typed.was_department, now.department, typed.department),
        office: Conflict::merged(&typed.was_office, now.office, typed.office),
        ..now
    };
    let page = show_form(app, reader, Some(id), merged, None, Some(conflict)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

fn new_person(typed: &Typed) -> NewPerson {
    NewPerson {
        name: typed.name.clone(),
        email: Some(typed.email.clone()),
        department: Some(typed.department.clone()),
        office: Some(typed.office.clone()),
    }
}

async fn saved(
    app: &App,
    reader: &Reader,
    id: Option<PersonId>,
    typed: Typed,
    result: Result<PersonId, AppError>,
    done: Done,
) -> Result<Response, Oops> {
    match result {
        Ok(id) => Ok(flash::to(app, reader, &format!("/people/{id}"), done)),
        Err(AppError::Invalid { field, problem: wrong }) => {
            let text = problem(&speak(app, reader.lang), wrong);
            let page = show_form(app, reader, id, typed, Some((field, text)), None).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

async fn show_form(
    app: &App,
    reader: &Reader,
    id: Option<PersonId>,
    typed: Typed,
    wrong: Option<(&str, String)>,
    conflict: Option<Conflict>,
) -> Result<Response, Oops> {
    let path = id.map_or_else(|| "/people/new".to_owned(), |id| format!("/people/{id}/edit"));
    let error = |field: &str| {
        wrong
            .as_ref()
            .filter(|(wrong, _)| *wrong == field)
            .map(|(_, text)| text.clone())
    };
    html(&PersonFormPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::People, &path, None).await?,
        id,
        name_error: error("name"),
        email_error: error("email"),
        department_error: error("department"),
        office_error: error("office"),
        name: typed.name,
        email: typed.email,
        department: typed.department,
        office: typed.office,
        version: typed.version,
        was: [typed.was_name, typed.was_email, typed.was_department, typed.was_office],
        conflict,
    })
}
