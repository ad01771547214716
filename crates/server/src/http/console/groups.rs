//! 그룹.

use std::collections::{BTreeMap, BTreeSet};

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{DeviceId, GroupId, GroupKind, PersonId};
use serde::Deserialize;
use store::GroupRow;
use uuid::Uuid;

use super::{
    Oops, frame, html,
    pages::{
        Flash, Place,
        conflict::{Conflict, Difference},
        groups::{GroupErrors, GroupFormPage, GroupLine, GroupPage, GroupsPage, MemberChoice},
        members::{MembersPreviewPage, Moved, PreviewedApp},
        parts::Named,
        preview::{LineView, PreviewView},
    },
    problem, speak, view,
};
use crate::{
    app::{
        App, AppError, Base, Problem,
        contract::{Agreed, Contract, Previewed},
        groups::{GroupChange, NewGroup},
        members::MembersPreview,
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Pairs, Path},
    },
    messages::Speak,
};

pub async fn list(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let s = speak(&app, reader.lang);
    let lines = app.deployments_all().await?;
    let deployed = |group: GroupId| lines.iter().filter(|line| line.group == group).count() as u64;
    let rows = app
        .groups()
        .await?
        .into_iter()
        .map(|row| GroupLine {
            id: row.id,
            members: u64::try_from(row.members).unwrap_or(0),
            apps: deployed(row.id),
            name: row.name,
            kind: row.kind,
            priority: row.priority,
        })
        .collect();
    let frame = frame(&app, &reader, Place::Groups, "/groups", None).await?;
    html(&GroupsPage { s, frame, rows })
}

pub async fn page(State(app): State<App>, reader: Reader, Path(id): Path<GroupId>) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let opened = Opened::of(&app, row).await?;
    show(&app, &reader, opened, GroupErrors::default(), None, None).await
}

/// A group in its forms: as it is, or as it was typed.
struct Opened {
    row: GroupRow,
    name: String,
    priority: String,
    /// What name and priority were when the page was opened.
    was: (String, String),
    members: BTreeSet<Uuid>,
    /// Who was in it when the page was opened.
    members_were: BTreeSet<Uuid>,
}

impl Opened {
    /// The row was read before the members: who changes them in between makes its version too old, never too new.
    async fn of(app: &App, row: GroupRow) -> Result<Opened, Oops> {
        let members: BTreeSet<Uuid> = app.group_members(row.id).await?.into_iter().collect();
        let (name, priority) = (row.name.clone(), row.priority.to_string());
        Ok(Opened {
            row,
            was: (name.clone(), priority.clone()),
            name,
            priority,
            members_were: members.clone(),
            members,
        })
    }
}

async fn show(
    app: &App,
    reader: &Reader,
    opened: Opened,
    errors: GroupErrors,
    conflict: Option<Conflict>,
    flash: Option<Flash>,
) -> Result<Response, Oops> {
    let Opened {
        row,
        name,
        priority,
        was,
        members,
        members_were,
    } = opened;
    let choice = |id: Uuid, name: String, second_line: Option<String>| MemberChoice {
        member: members.contains(&id),
        was: members_were.contains(&id),
        id: id.to_string(),
        name,
        second_line: second_line.unwrap_or_default(),
    };
    let mut choices: Vec<MemberChoice> = match row.kind {
        GroupKind::User => {
            let people = app.people().await?.into_iter();
            people
                .filter(|person| {
                    person.left_at.is_none() || members.contains(&person.id.0) || members_were.contains(&person.id.0)
                })
                .map(|person| choice(person.id.0, person.name, person.department))
                .collect()
        }
        GroupKind::Device => {
            let devices = app.devices().await?.into_iter();
            devices
                .map(|device| choice(device.id.0, device.name, device.serial))
                .collect()
        }
    };
    // Whoever is in the group can be seen without reading the whole organisation.
    choices.sort_by(|a, b| b.member.cmp(&a.member).then_with(|| a.name.cmp(&b.name)));
    let lines: Vec<_> = app
        .deployments_all()
        .await?
        .into_iter()
        .filter(|line| line.group == row.id)
        .collect();
    let names = app
        .store
        .names(&lines.iter().map(|line| line.app.0).collect::<Vec<_>>())
        .await?;
    let mut apps: Vec<_> = lines
        .iter()
        .filter_map(|line| {
            let named = Named {
                name: names.apps.get(&line.app)?.clone(),
                href: format!("/apps/{}", line.app),
            };
            Some((named, line.approval))
        })
        .collect();
    apps.sort_by(|one, next| one.0.name.cmp(&next.0.name));
    html(&GroupPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Groups, &format!("/groups/{}", row.id), flash).await?,
        id: row.id,
        title: row.name,
        kind: row.kind,
        name,
        priority,
        errors,
        version: row.version.number,
        was,
        members_version: row.members_version.number,
        conflict,
        choices,
        apps,
    })
}

#[derive(Deserialize)]
pub struct Typed {
    #[serde(default)]
    name: String,
    #[serde(default)]
    priority: String,
    #[serde(default)]
    kind: String,
    /// Of the group as it was when the page was opened, and what it was then.
    #[serde(default)]
    version: i64,
    #[serde(default)]
    was_name: String,
    #[serde(default)]
    was_priority: String,
}

pub async fn edit(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(&app, admin.lang);
    let result = match priority(&typed.priority) {
        Some(priority) => {
            let change = GroupChange {
                name: Some(typed.name.clone()),
                priority: Some(priority),
            };
            let base = Base::Version(typed.version);
            app.group_change(&admin.caller, id, base, change).await
        }
        None => Err(AppError::Invalid {
            field: "priority",
            problem: Problem::Malformed,
        }),
    };
    match result {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/groups/{id}"), Done::Saved)),
        Err(AppError::Stale(_)) => edit_conflict(&app, &admin, id, typed).await,
        Err(error) => {
            let errors = errors(&s, error)?;
            let mut opened = Opened::of(&app, row).await?;
            opened.row.version.number = typed.version;
            (opened.name, opened.priority) = (typed.name, typed.priority);
            opened.was = (typed.was_name, typed.was_priority);
            let page = show(&app, &admin, opened, errors, None, None).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Somebody else changed name or priority since the page was opened.
async fn edit_conflict(app: &App, reader: &Reader, id: GroupId, typed: Typed) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(app, reader.lang);
    let mut opened = Opened::of(app, row).await?;
    let rows = [
        Difference::of(
            s.t("column-name"),
            typed.was_name.clone(),
            opened.name.clone(),
            typed.name.trim().to_owned(),
        ),
        Difference::of(
            s.t("column-priority"),
            typed.was_priority.clone(),
            opened.priority.clone(),
            typed.priority.trim().to_owned(),
        ),
    ];
    opened.name = Conflict::merged(&typed.was_name, opened.name, typed.name);
    opened.priority = Conflict::merged(&typed.was_priority, opened.priority, typed.priority);
    let conflict = Conflict {
        version: opened.row.version.clone(),
        rows: rows.into_iter().flatten().collect(),
        theirs: format!("/groups/{id}"),
    };
    let page = show(app, reader, opened, GroupErrors::default(), Some(conflict), None).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub async fn members(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let ids = |field: &str| -> Result<BTreeSet<Uuid>, Oops> {
        let given = pairs.iter().filter(|(name, _)| name == field);
        let ids: Result<_, _> = given.map(|(_, id)| id.parse()).collect();
        ids.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))
    };
    let (were, wanted) = (ids("was")?, ids("member")?);
    let given = |field: &str| {
        pairs
            .iter()
            .find(|(name, _)| name == field)
            .map(|(_, value)| value.as_str())
    };
    let number = |text: &str| text.parse().map_err(|_| Oops::of(StatusCode::BAD_REQUEST));
    let version = given("version").map(number).transpose()?.unwrap_or(0);
    let take_back = given("take-back").map(str::parse).transpose();
    let take_back = take_back.map_err(|_| Oops::of(StatusCode::BAD_REQUEST))?;
    if given("edit").is_some() {
        let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
        let mut opened = Opened::of(&app, row).await?;
        opened.row.members_version.number = version;
        (opened.members, opened.members_were) = (wanted, were);
        return show(&app, &admin, opened, GroupErrors::default(), None, None).await;
    }
    let members: Vec<Uuid> = wanted.iter().copied().collect();
    let base = Base::Version(version);
    let digest = given("digest").filter(|_| given("check").is_none());
    let shown = Chosen {
        version,
        were: &were,
        wanted: &wanted,
    };
    let result = match digest {
        // Nothing is saved that was not previewed, where it does anything.
        None => {
            let preview = app.group_members_preview(id, &members).await?;
            if !base.is(&preview.group.members_version) {
                return members_conflict(&app, &admin, id, &were, &wanted).await;
            }
            if !preview.apps.is_empty() {
                return members_previewed(&app, &admin, &preview, &shown, Refused::Not).await;
            }
            app.group_members_set(&admin.caller, id, base, &members, &Agreed::default())
                .await
        }
        Some(digest) => {
            let agreed = Agreed {
                digest: Some(digest.to_owned()),
                take_back,
            };
            app.group_members_set(&admin.caller, id, base, &members, &agreed).await
        }
    };
    match result {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/groups/{id}"), Done::MembersSaved)),
        Err(AppError::Stale(_)) => members_conflict(&app, &admin, id, &were, &wanted).await,
        Err(AppError::Outdated(Previewed::Members(preview))) => {
            let page = members_previewed(&app, &admin, &preview, &shown, Refused::Outdated).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Members(preview))) => {
            let page = members_previewed(&app, &admin, &preview, &shown, Refused::Unconfirmed).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Who was in the group when the page was opened, and who is to be.
struct Chosen<'a> {
    version: i64,
    were: &'a BTreeSet<Uuid>,
    wanted: &'a BTreeSet<Uuid>,
}

/// Why nothing was saved.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Refused {
    /// It was only looked at.
    Not,
    Outdated,
    Unconfirmed,
}

/// So many of those who come or go are named.
const NAMED: usize = 20;

async fn members_previewed(
    app: &App,
    reader: &Reader,
    preview: &MembersPreview,
    chosen: &Chosen<'_>,
    refused: Refused,
) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let (group, change) = (&preview.group, &preview.change);
    let first = |ids: &BTreeSet<Uuid>| -> Vec<Uuid> { ids.iter().copied().take(NAMED).collect() };
    let names = app
        .store
        .names(&[first(&change.come), first(&change.go)].concat())
        .await?;
    let named = |id: &Uuid| match group.kind {
        GroupKind::User => names.people.get(&PersonId(*id)).cloned(),
        GroupKind::Device => names.devices.get(&DeviceId(*id)).cloned(),
    };
    let mut moved = Vec::new();
    for (key, ids) in [("members-come", &change.come), ("members-go", &change.go)] {
        if ids.is_empty() {
            continue;
        }
        let some: Vec<String> = ids.iter().take(NAMED).filter_map(named).collect();
        moved.push(Moved {
            title: s.t(key),
            more: (ids.len() - some.len()) as u64,
            names: some.join(", "),
        });
    }
    let mut apps = Vec::new();
    for of in &preview.apps {
        let lines = app.deployments(of.app.id).await?;
        let line = lines.iter().find(|line| line.group == group.id);
        let said = line.map(|line| (line.approval, line.deadline));
        // It stays as it is; who is reached through it is told of under it.
        let line = LineView {
            group: group.id,
            name: group.name.clone(),
            kind: group.kind,
            members: u64::try_from(group.members).unwrap_or(0),
            before: said,
            after: said,
        };
        let names = super::deployment::names(app, of).await?;
        apps.push(PreviewedApp {
            id: of.app.id,
            name: view::app_name(&of.app),
            has_icon: of.app.has_icon,
            preview: PreviewView::of(of, vec![line], names, s.now),
        });
    }
    let field = |name: &str, ids: &BTreeSet<Uuid>| -> Vec<(String, String)> {
        ids.iter().map(|id| (name.to_owned(), id.to_string())).collect()
    };
    html(&MembersPreviewPage {
        frame: frame(app, reader, Place::Groups, &format!("/groups/{}", group.id), None).await?,
        id: group.id,
        name: group.name.clone(),
        kind: group.kind,
        come: change.come.len() as u64,
        go: change.go.len() as u64,
        moved,
        apps,
        digest: preview.digest.clone(),
        fields: [field("was", chosen.were), field("member", chosen.wanted)].concat(),
        version: chosen.version,
        to_confirm: preview.to_confirm(),
        outdated: refused == Refused::Outdated,
        unconfirmed: refused == Refused::Unconfirmed,
        s,
    })
}

/// Somebody else changed the members since the page was opened. Whom I added or took out, I still do.
async fn members_conflict(
    app: &App,
    reader: &Reader,
    id: GroupId,
    were: &BTreeSet<Uuid>,
    wanted: &BTreeSet<Uuid>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(app, reader.lang);
    let mut opened = Opened::of(app, row).await?;
    let now = opened.members.clone();
    let names: BTreeMap<Uuid, String> = match opened.row.kind {
        GroupKind::User => app
            .people()
            .await?
            .into_iter()
            .map(|row| (row.id.0, row.name))
            .collect(),
        GroupKind::Device => app
            .devices()
            .await?
            .into_iter()
            .map(|row| (row.id.0, row.name))
            .collect(),
    };
    let is_in = |members: &BTreeSet<Uuid>, id| {
        s.t(if members.contains(id) {
            "conflict-yes"
        } else {
            "conflict-no"
        })
    };
    let mut rows = Vec::new();
    for (id, name) in &names {
        let row = Difference::of(name.clone(), is_in(were, id), is_in(&now, id), is_in(wanted, id));
        rows.extend(row);
        let member = Conflict::merged(&were.contains(id), now.contains(id), wanted.contains(id));
        if member {
            opened.members.insert(*id);
        } else {
            opened.members.remove(id);
        }
    }
    let conflict = Conflict {
        version: opened.row.members_version.clone(),
        rows,
        theirs: format!("/groups/{id}"),
    };
    let page = show(app, reader, opened, GroupErrors::default(), Some(conflict), None).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

#[derive(Deserialize)]
pub struct Seen {
    /// Of the group as it was when the page was opened.
    #[serde(default)]
    version: i64,
}

pub async fn delete(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Form(seen): Form<Seen>,
) -> Result<Response, Oops> {
    let key = match app.group_delete(&admin.caller, id, Base::Version(seen.version)).await {
        Ok(()) => return Ok(flash::to(&app, &admin, "/groups", Done::GroupDeleted)),
        Err(AppError::Invalid {
            field: "deployments", ..
        }) => "flash-group-in-use",
        Err(AppError::Stale(_)) => "conflict-group-delete",
        Err(error) => return Err(error.into()),
    };
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let flash = Flash::bad(speak(&app, admin.lang).t(key));
    let opened = Opened::of(&app, row).await?;
    let page = show(&app, &admin, opened, GroupErrors::default(), None, flash).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub async fn new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let typed = Typed {
        name: String::new(),
        priority: "0".to_owned(),
        kind: String::new(),
        version: 0,
        was_name: String::new(),
        was_priority: String::new(),
    };
    show_form(&app, &admin, typed, GroupErrors::default()).await
}

pub async fn add(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let result = match priority(&typed.priority) {
        Some(priority) => {
            let new = NewGroup {
                name: typed.name.clone(),
                kind: kind(&typed.kind),
                priority,
            };
            app.group_add(&admin.caller, new).await
        }
        None => Err(AppError::Invalid {
            field: "priority",
            problem: Problem::Malformed,
        }),
    };
    match result {
        Ok(id) => Ok(flash::to(&app, &admin, &format!("/groups/{id}"), Done::GroupAdded)),
        Err(error) => {
            let errors = errors(&speak(&app, admin.lang), error)?;
            let page = show_form(&app, &admin, typed, errors).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn show_form(app: &App, reader: &Reader, typed: Typed, errors: GroupErrors) -> Result<Response, Oops> {
    html(&GroupFormPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Groups, "/groups/new", None).await?,
        kind: kind(&typed.kind),
        name: typed.name,
        priority: typed.priority,
        errors,
    })
}

fn kind(text: &str) -> GroupKind {
    if text == "device" {
        GroupKind::Device
    } else {
        GroupKind::User
    }
}

fn priority(text: &str) -> Option<i64> {
    let text = text.trim();
    if text.is_empty() { Some(0) } else { text.parse().ok() }
}

fn errors(s: &Speak, error: AppError) -> Result<GroupErrors, Oops> {
    match error {
        AppError::Invalid {
            field: "name",
            problem: wrong,
        } => Ok(GroupErrors {
            name: Some(problem(s, wrong)),
            ..GroupErrors::default()
        }),
        AppError::Invalid {
            field: "priority",
            problem: wrong,
        } => {
            let text = if wrong == Problem::Malformed {
                s.t("group-priority-malformed")
            } else {
                problem(s, wrong)
            };
            Ok(GroupErrors {
                priority: Some(text),
                ..GroupErrors::default()
            })
        }
        error => Err(error.into()),
    }
}
