//! 배포 관리.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Approval, AssetId, Decision, DeploymentError, GroupId, Time};

use super::{
    Oops, frame, html,
    pages::{
        Place,
        conflict::{Conflict, Difference},
        deployment::{
            DEADLINE_DAYS, DeadlineChoice, DeploymentPage, GroupChoice, LaterView, PreviewView, approval_of, was_value,
        },
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError, Base,
        apps::{AppView, Overview},
        deployments::{DeploymentChoice, Preview},
    },
    http::{
        auth::Reader,
        flash::{self, Done},
        input::{Pairs, Path},
    },
    messages::Speak,
};

/// The groups as they are saved.
pub async fn page(State(app): State<App>, reader: Reader, Path(asset): Path<AssetId>) -> Result<Response, Oops> {
    let version = app.deployments_version(asset).await?;
    let overview = app.overview().await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let view = deployable(&overview, asset)?;
    let shown = Shown {
        version: version.number,
        groups: groups(&overview, view, None),
        ..Shown::default()
    };
    show(&app, &reader, &overview, view, shown).await
}

/// A page for what cannot be deployed would be a page that cannot be saved.
fn deployable(overview: &Overview, asset: AssetId) -> Result<&AppView, Oops> {
    let view = overview.app(asset).filter(|view| view.row.is_app());
    view.ok_or(Oops::of(StatusCode::NOT_FOUND))
}

/// Saves, or shows what saving would do, by the button that was pressed.
pub async fn save(
    State(app): State<App>,
    reader: Reader,
    Path(asset): Path<AssetId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let form = Typed::of(pairs);
    if app.deployments_version(asset).await?.number != form.version {
        return conflict(&app, &reader, asset, &form).await;
    }
    let overview = app.overview().await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let view = deployable(&overview, asset)?;
    let s = speak(&app, reader.lang);
    let mut groups = groups(&overview, view, Some(&form));
    let mut choices = Vec::new();
    for group in groups.iter_mut().filter(|group| group.included) {
        if form.field("approval", group.id).is_empty() {
            group.error = Some(s.t("deployment-error-approval"));
            continue;
        }
        match deadline(&s, group) {
            Ok(deadline) => choices.push(DeploymentChoice {
                group: group.id,
                approval: group.approval,
                deadline,
            }),
            Err(wrong) => group.error = Some(wrong),
        }
    }
    if groups.iter().any(|group| group.error.is_some()) {
        let shown = Shown {
            version: form.version,
            groups,
            error: Some(s.t("deployment-error")),
            ..Shown::default()
        };
        let page = show(&app, &reader, &overview, view, shown).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
    }
    let result = if form.preview() {
        app.deployments_preview(asset, &choices).await.map(Some)
    } else {
        let admin = reader.clone().admin().map_err(AppError::from)?;
        let base = Base::Version(form.version);
        let saved = app.deployments_save(&admin.caller, asset, base, choices).await;
        saved.map(|()| None)
    };
    match result {
        Ok(None) => Ok(flash::to(
            &app,
            &reader,
            &format!("/apps/{asset}?tab=users"),
            Done::DeploymentSaved,
        )),
        Ok(Some(preview)) => {
            let shown = Shown {
                version: form.version,
                groups,
                preview: Some(preview_view(&overview, &preview)),
                ..Shown::default()
            };
            show(&app, &reader, &overview, view, shown).await
        }
        Err(AppError::Stale(_)) => conflict(&app, &reader, asset, &form).await,
        Err(AppError::Deployment(wrong)) => {
            let (group, key) = match wrong {
                DeploymentError::DeviceGroupAvailable(group) => (group, "deployment-error-device-available"),
                DeploymentError::MixedKindsNotAvailable(group) => (group, "deployment-error-mixed"),
                DeploymentError::DeadlineWithoutRequired(group) => (group, "deployment-error-deadline-not-required"),
                DeploymentError::GroupTwice(group) => (group, "deployment-error-twice"),
            };
            let text = s.t(key);
            for choice in groups.iter_mut().filter(|choice| choice.id == group) {
                choice.error = Some(text.clone());
            }
            let shown = Shown {
                version: form.version,
                groups,
                error: Some(s.t("deployment-error")),
                ..Shown::default()
            };
            let page = show(&app, &reader, &overview, view, shown).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(error) => Err(error.into()),
    }
}

/// Somebody else changed the deployment since the form was opened: group by group, what was seen, is, and was wanted.
async fn conflict(app: &App, reader: &Reader, asset: AssetId, form: &Typed) -> Result<Response, Oops> {
    let version = app.deployments_version(asset).await?;
    let overview = app.overview().await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let view = deployable(&overview, asset)?;
    let s = speak(app, reader.lang);
    let mut rows = Vec::new();
    let mut merged = groups(&overview, view, None);
    for now in &mut merged {
        let mut mine = now.clone();
        form.fill(&mut mine);
        let was = form.was(now.id);
        let seen = GroupChoice {
            included: was.is_some(),
            approval: was.map_or(mine.approval, |(approval, _)| approval),
            deadline: was
                .and_then(|(_, deadline)| deadline)
                .map_or(DeadlineChoice::None, DeadlineChoice::Kept),
            ..now.clone()
        };
        let [before, after, wanted] = [&seen, &*now, &mine].map(|choice| choice.chosen(&s));
        if before != wanted {
            (now.included, now.approval) = (mine.included, mine.approval);
            now.deadline = mine.deadline;
        }
        rows.extend(Difference::of(now.name.clone(), before, after, wanted));
    }
    let number = version.number;
    let shown = Shown {
        version: number,
        groups: merged,
        conflict: Some(Conflict {
            version,
            rows,
            theirs: format!("/apps/{asset}/deployment"),
        }),
        ..Shown::default()
    };
    let page = show(app, reader, &overview, view, shown).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// What the form is shown with.
#[derive(Default)]
struct Shown {
    /// Of the deployment that was opened.
    version: i64,
    groups: Vec<GroupChoice>,
    error: Option<String>,
    preview: Option<PreviewView>,
    conflict: Option<Conflict>,
}

async fn show(app: &App, reader: &Reader, overview: &Overview, view: &AppView, shown: Shown) -> Result<Response, Oops> {
    let path = format!("/apps/{}/deployment", view.row.id);
    let line = view::app_line(view);
    html(&DeploymentPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Apps, &path, None).await?,
        app: line.id,
        name: line.name,
        has_icon: line.has_icon,
        counts: line.counts,
        version: shown.version,
        groups: shown.groups,
        rule_set: overview.world.policy.rule_set,
        error: shown.error,
        preview: shown.preview,
        conflict: shown.conflict,
    })
}

/// Every group, as saved or as typed; those with the app first.
fn groups(overview: &Overview, view: &AppView, form: Option<&Typed>) -> Vec<GroupChoice> {
    let mut groups: Vec<GroupChoice> = overview
        .groups
        .values()
        .map(|group| {
            let saved = view.facts.deployments.iter().find(|line| line.group == group.id);
            let mut choice = GroupChoice {
                id: group.id,
                name: group.name.clone(),
                kind: group.kind,
                members: u64::try_from(group.members).unwrap_or(0),
                included: saved.is_some(),
                approval: saved.map_or(Approval::Required, |line| line.approval),
                deadline: saved
                    .and_then(|line| line.deadline)
                    .map_or(DeadlineChoice::None, DeadlineChoice::Kept),
                saved: saved.map(|line| line.approval),
                was: saved.map_or_else(String::new, |line| was_value(line.approval, line.deadline)),
                error: None,
            };
            if let Some(form) = form {
                form.fill(&mut choice);
            }
            choice
        })
        .collect();
    groups.sort_by(|a, b| (a.saved.is_none(), &a.name).cmp(&(b.saved.is_none(), &b.name)));
    groups
}

fn deadline(s: &Speak, group: &GroupChoice) -> Result<Option<Time>, String> {
    if group.approval != Approval::Required {
        return Ok(None);
    }
    match &group.deadline {
        DeadlineChoice::None => Ok(None),
        DeadlineChoice::Kept(at) => Ok(Some(*at)),
        DeadlineChoice::Days(days) => Ok(Some(s.end_of_day(*days))),
        DeadlineChoice::Custom(text) => match s.from_local_input(text) {
            Some(at) if at < s.now => Err(s.t("deployment-error-past")),
            Some(at) => Ok(Some(at)),
            None => Err(s.t("deployment-error-deadline")),
        },
    }
}

fn preview_view(overview: &Overview, preview: &Preview) -> PreviewView {
    let name = |person| {
        overview
            .people
            .get(person)
            .map_or_else(String::new, |row| row.name.clone())
    };
    let had = |decision: &Decision, person| {
        decision
            .people
            .get(person)
            .is_some_and(|verdict| verdict.seat.is_some())
    };
    let after = &preview.after;
    let gains: Vec<_> = after
        .people
        .values()
        .filter(|verdict| verdict.wants_seat && verdict.seat.is_none())
        .map(|verdict| verdict.person)
        .collect();
    let loses: Vec<_> = preview
        .before
        .people
        .keys()
        .filter(|person| had(&preview.before, person))
        .filter(|person| !after.people.get(person).is_some_and(|verdict| verdict.keeps_seat))
        .collect();
    let free = after.counts.free.unwrap_or(u64::MAX);
    let without = after
        .people
        .values()
        .filter(|verdict| verdict.resolution.required && !verdict.wants_seat && verdict.seat.is_none())
        .map(|verdict| (name(&verdict.person), verdict.state, verdict.detail))
        .collect();
    let later = preview
        .at_deadlines
        .iter()
        .map(|(deadline, decision)| LaterView {
            deadline: *deadline,
            needed: decision
                .people
                .values()
                .filter(|verdict| verdict.wants_seat && verdict.seat.is_none())
                .count() as u64,
            waiting: decision.counts.waiting,
        })
        .collect();
    PreviewView {
        before: preview.before.counts,
        later,
        at_once: free.min(gains.len() as u64),
        gains: gains.iter().map(name).collect(),
        loses: loses.into_iter().map(name).collect(),
        without,
    }
}

/// The form as it came: `group` once for each chosen group, and fields with the group's id behind a dash.
struct Typed {
    version: i64,
    included: Vec<String>,
    fields: HashMap<String, String>,
}

impl Typed {
    fn of(pairs: Vec<(String, String)>) -> Typed {
        let mut typed = Typed {
            version: 0,
            included: Vec::new(),
            fields: HashMap::new(),
        };
        for (name, value) in pairs {
            if name == "group" {
                typed.included.push(value);
            } else if name == "version" {
                // One that is none is of no version that is.
                typed.version = value.parse().unwrap_or(-1);
            } else {
                typed.fields.insert(name, value);
            }
        }
        typed
    }

    fn preview(&self) -> bool {
        self.fields.contains_key("check")
    }

    fn field(&self, name: &str, group: GroupId) -> &str {
        self.fields.get(&format!("{name}-{group}")).map_or("", String::as_str)
    }

    /// What was saved for the group when the form was opened.
    fn was(&self, group: GroupId) -> Option<(Approval, Option<Time>)> {
        let text = self.field("was", group);
        let (approval, deadline) = text.split_once('@').unwrap_or((text, ""));
        Some((approval_of(approval)?, deadline.parse().ok().map(Time)))
    }

    fn fill(&self, choice: &mut GroupChoice) {
        let kept = self.was(choice.id).and_then(|(_, deadline)| deadline);
        self.field("was", choice.id).clone_into(&mut choice.was);
        choice.included = self.included.contains(&choice.id.to_string());
        choice.approval = approval_of(self.field("approval", choice.id)).unwrap_or(choice.approval);
        choice.deadline = match (self.field("deadline", choice.id), kept) {
            ("kept", Some(at)) => DeadlineChoice::Kept(at),
            ("custom", _) => DeadlineChoice::Custom(self.field("custom", choice.id).to_owned()),
            (days, _) => {
                let days = days.parse().ok().filter(|days| DEADLINE_DAYS.contains(days));
                days.map_or(DeadlineChoice::None, DeadlineChoice::Days)
            }
        };
    }
}
