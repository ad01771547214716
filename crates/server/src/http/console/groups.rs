//! 그룹.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use domain::{GroupId, GroupKind};
use serde::Deserialize;
use store::GroupRow;
use uuid::Uuid;

use super::{
    Done, Oops, flash, frame, html,
    pages::{
        Flash, Place,
        groups::{GroupErrors, GroupFormPage, GroupLine, GroupPage, GroupsPage, MemberChoice},
        parts::Named,
    },
    problem, speak, view,
};
use crate::{
    app::{App, AppError, Problem, groups::NewGroup},
    http::{
        auth::Admin,
        input::{Form, Pairs, Path, Query},
    },
    messages::Speak,
};

pub async fn list(State(app): State<App>, admin: Admin, Query(done): Query<Done>) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    let s = speak(&app, admin.lang);
    let flash = flash(&s, &done);
    let deployed = |group: GroupId| {
        let apps = overview.iter().flat_map(|overview| &overview.apps);
        apps.filter(|app| app.facts.deployments.iter().any(|line| line.group == group))
            .count() as u64
    };
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
    let frame = frame(&app, &admin, Place::Groups, "/groups", overview.as_ref(), flash).await?;
    html(&GroupsPage { s, frame, rows })
}

pub async fn page(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Query(done): Query<Done>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops(StatusCode::NOT_FOUND))?;
    let flash = flash(&speak(&app, admin.lang), &done);
    let (name, priority) = (row.name.clone(), row.priority.to_string());
    show(&app, &admin, row, name, priority, GroupErrors::default(), flash).await
}

async fn show(
    app: &App,
    admin: &Admin,
    row: GroupRow,
    name: String,
    priority: String,
    errors: GroupErrors,
    flash: Option<Flash>,
) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    let members = app.group_members(row.id).await?;
    let choice = |id: Uuid, name: String, second_line: Option<String>| MemberChoice {
        member: members.contains(&id),
        id: id.to_string(),
        name,
        second_line: second_line.unwrap_or_default(),
    };
    let mut choices: Vec<MemberChoice> = match row.kind {
        GroupKind::User => {
            let people = app.people().await?.into_iter();
            people
                .filter(|person| person.left_at.is_none() || members.contains(&person.id.0))
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
    let apps = overview
        .iter()
        .flat_map(|overview| &overview.apps)
        .filter_map(|app| {
            let line = app.facts.deployments.iter().find(|line| line.group == row.id)?;
            let named = Named {
                name: view::app_line(app).name,
                href: format!("/apps/{}", app.row.id),
            };
            Some((named, line.approval))
        })
        .collect();
    html(&GroupPage {
        s: speak(app, admin.lang),
        frame: frame(
            app,
            admin,
            Place::Groups,
            &format!("/groups/{}", row.id),
            overview.as_ref(),
            flash,
        )
        .await?,
        id: row.id,
        title: row.name,
        kind: row.kind,
        name,
        priority,
        errors,
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
}

pub async fn edit(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Form(typed): Form<Typed>,
) -> Result<Response, Oops> {
    let row = app.group(id).await?.ok_or(Oops(StatusCode::NOT_FOUND))?;
    let s = speak(&app, admin.lang);
    let result = match priority(&typed.priority) {
        Some(priority) => {
            let new = NewGroup {
                name: typed.name.clone(),
                kind: row.kind,
                priority,
            };
            app.group_update(&admin.caller, id, new).await
        }
        None => Err(AppError::Invalid {
            field: "priority",
            problem: Problem::Malformed,
        }),
    };
    match result {
        Ok(()) => Ok(Redirect::to(&format!("/groups/{id}?done=saved")).into_response()),
        Err(error) => {
            let errors = errors(&s, error)?;
            let page = show(&app, &admin, row, typed.name, typed.priority, errors, None).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

pub async fn members(
    State(app): State<App>,
    admin: Admin,
    Path(id): Path<GroupId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let members: Result<Vec<Uuid>, _> = pairs
        .iter()
        .filter(|(name, _)| name == "member")
        .map(|(_, id)| id.parse())
        .collect();
    let members = members.map_err(|_| Oops(StatusCode::BAD_REQUEST))?;
    app.group_members_set(&admin.caller, id, &members).await?;
    Ok(Redirect::to(&format!("/groups/{id}?done=members")).into_response())
}

pub async fn delete(State(app): State<App>, admin: Admin, Path(id): Path<GroupId>) -> Result<Response, Oops> {
    match app.group_delete(&admin.caller, id).await {
        Ok(()) => Ok(Redirect::to("/groups?done=group-deleted").into_response()),
        Err(AppError::Invalid {
            field: "deployments", ..
        }) => {
            let row = app.group(id).await?.ok_or(Oops(StatusCode::NOT_FOUND))?;
            let flash = Flash::bad(speak(&app, admin.lang).t("flash-group-in-use"));
            let (name, priority) = (row.name.clone(), row.priority.to_string());
            let page = show(&app, &admin, row, name, priority, GroupErrors::default(), flash).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

pub async fn new_page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let typed = Typed {
        name: String::new(),
        priority: "0".to_owned(),
        kind: String::new(),
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
        Ok(id) => Ok(Redirect::to(&format!("/groups/{id}?done=group-added")).into_response()),
        Err(error) => {
            let errors = errors(&speak(&app, admin.lang), error)?;
            let page = show_form(&app, &admin, typed, errors).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}

async fn show_form(app: &App, admin: &Admin, typed: Typed, errors: GroupErrors) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    html(&GroupFormPage {
        s: speak(app, admin.lang),
        frame: frame(app, admin, Place::Groups, "/groups/new", overview.as_ref(), None).await?,
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
