//! 그룹.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{GroupId, GroupKind, MembershipRule};
use serde::Deserialize;
use store::GroupRow;

use super::{
    Oops,
    choosing::{self, Choice},
    frame, html,
    pages::{
        Flash, Place,
        bulk::ActWord,
        conflict::{Conflict, Difference},
        groups::{GroupErrors, GroupFormPage, GroupLine, GroupPage, GroupsPage},
        parts::Named,
        rules::{self, Membership, RuleView},
    },
    problem, speak,
};
use crate::{
    app::{
        App, AppError, Base, FieldProblem,
        bulk::selection::List,
        groups::{GroupChange, NewGroup},
    },
    http::{
        auth::{Admin, Reader},
        flash::{self, Done},
        input::{Form, Path, Query},
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
            by_rule: row.membership_rule.is_some(),
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

pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path(id): Path<GroupId>,
    Query(pairs): Query<Vec<(String, String)>>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let choice = Choice::carried(&pairs)?;
    show(&app, &reader, Opened::of(row), &choice, Said::default()).await
}

/// A group in its forms: as it is, or as it was typed.
struct Opened {
    row: GroupRow,
    name: String,
    priority: String,
    /// What name and priority were when the page was opened.
    was: (String, String),
}

impl Opened {
    fn of(row: GroupRow) -> Opened {
        let (name, priority) = (row.name.clone(), row.priority.to_string());
        Opened {
            row,
            was: (name.clone(), priority.clone()),
            name,
            priority,
        }
    }
}

/// What the page of a group says beside what is there.
#[derive(Default)]
struct Said {
    errors: GroupErrors,
    conflict: Option<Conflict>,
    flash: Option<Flash>,
}

/// The page of a group, with who was chosen.
pub(super) async fn chosen(
    app: &App,
    reader: &Reader,
    id: GroupId,
    choice: &Choice,
    flash: Option<Flash>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let said = Said {
        flash,
        ..Said::default()
    };
    show(app, reader, Opened::of(row), choice, said).await
}

async fn show(app: &App, reader: &Reader, opened: Opened, choice: &Choice, said: Said) -> Result<Response, Oops> {
    let Opened {
        row,
        name,
        priority,
        was,
    } = opened;
    let may_pick = reader.caller.may_write().is_ok() && row.membership_rule.is_none();
    let members = choosing::shown(app, &row, choice, may_pick).await?;
    let s = speak(app, reader.lang);
    let rule = match &row.membership_rule {
        Some(rule) => {
            let walked = app.groups_walked().await?.contains(&row.id);
            Some(RuleView::of(&s, &app.group_names().await?, row.kind, rule, walked))
        }
        None => None,
    };
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
    let frame = frame(app, reader, Place::Groups, &choice.link(row.id), said.flash).await?;
    let list = List::Members(row.id, row.kind);
    let mut bar = super::pick_bar(&frame, list, &members.query, &members.pager);
    if let Some(bar) = &mut bar
        && row.membership_rule.is_some()
    {
        bar.acts.retain(|act| *act != ActWord::RemoveFromGroup);
    }
    html(&GroupPage {
        bar,
        rule,
        used_by: app.store.group_used_by(row.id).await?,
        s,
        frame,
        id: row.id,
        title: row.name,
        kind: row.kind,
        name,
        priority,
        errors: said.errors,
        version: row.version.number,
        was,
        conflict: said.conflict,
        count: u64::try_from(row.members).unwrap_or(0),
        members,
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
    /// How members of a new group are chosen.
    #[serde(default)]
    membership: String,
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
            problem: FieldProblem::Malformed,
        }),
    };
    match result {
        Ok(()) => Ok(flash::to(&app, &admin, &format!("/groups/{id}"), Done::Saved)),
        Err(AppError::Stale(_)) => edit_conflict(&app, &admin, id, typed).await,
        Err(error) => {
            let said = Said {
                errors: errors(&s, error)?,
                ..Said::default()
            };
            let mut opened = Opened::of(row);
            opened.row.version.number = typed.version;
            (opened.name, opened.priority) = (typed.name, typed.priority);
            opened.was = (typed.was_name, typed.was_priority);
            let page = show(&app, &admin, opened, &Choice::default(), said).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

/// Somebody else changed name or priority since the page was opened.
async fn edit_conflict(app: &App, reader: &Reader, id: GroupId, typed: Typed) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let s = speak(app, reader.lang);
    let mut opened = Opened::of(row);
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
    let said = Said {
        conflict: Some(conflict),
        ..Said::default()
    };
    let page = show(app, reader, opened, &Choice::default(), said).await?;
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
    let s = speak(&app, admin.lang);
    let text = match app.group_delete(&admin.caller, id, Base::Version(seen.version)).await {
        Ok(()) => return Ok(flash::to(&app, &admin, "/groups", Done::GroupDeleted)),
        Err(AppError::Invalid {
            field: "deployments", ..
        }) => s.t("flash-group-in-use"),
        Err(AppError::Stale(_)) => s.t("conflict-group-delete"),
        Err(AppError::Rule(refused)) => rules::refused(&s, &refused),
        Err(error) => return Err(error.into()),
    };
    let flash = Flash::bad(text);
    let page = chosen(&app, &admin, id, &Choice::default(), flash).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

pub async fn new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let typed = Typed {
        name: String::new(),
        priority: "0".to_owned(),
        kind: String::new(),
        membership: String::new(),
        version: 0,
        was_name: String::new(),
        was_priority: String::new(),
    };
    show_form(&app, &admin, typed, GroupErrors::default()).await
}

pub async fn add(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let membership = Membership::of(&typed.membership);
    let result = match priority(&typed.priority) {
        Some(priority) => {
            let new = NewGroup {
                name: typed.name.clone(),
                kind: kind(&typed.kind),
                priority,
                // Any other rule is looked at before it is saved.
                rule: (membership == Membership::All).then(MembershipRule::all),
            };
            app.group_add(&admin.caller, new).await
        }
        None => Err(AppError::Invalid {
            field: "priority",
            problem: FieldProblem::Malformed,
        }),
    };
    match result {
        Ok(id) => {
            let (page, done) = match membership {
                Membership::All => (format!("/groups/{id}"), Done::RuleSaved),
                Membership::Rule | Membership::Text => (format!("/groups/{id}/rule"), Done::GroupAdded),
                Membership::Assigned => (format!("/groups/{id}"), Done::GroupAdded),
            };
            Ok(flash::to(&app, &admin, &page, done))
        }
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
        membership: Membership::of(&typed.membership),
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
            let text = if wrong == FieldProblem::Malformed {
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
