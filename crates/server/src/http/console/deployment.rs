//! 배포 관리.

use std::collections::HashMap;

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::{Approval, AssetId, DeploymentError, GroupId, Time};

use super::{
    Oops,
    agreeing::names,
    frame, held, html,
    pages::{
        Place,
        conflict::{Conflict, Difference},
        deployment::{
            DEADLINE_DAYS, DeadlineChoice, DeploymentPage, GroupChoice, approval_of, installation_of, kept_value,
            license_type_of, was_of, was_value,
        },
        preview::{Figures, LineView, Outdated, PreviewPage, PreviewView},
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError, Base,
        changes::Intent,
        contract::{Agreed, Contract, Previewed},
        deployments::{Deployable, DeploymentChoice, LineChange, LineSays, Preview},
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
    let deployable = app.deployable(asset).await?;
    let shown = Shown {
        groups: groups(&deployable, None),
        ..Shown::default()
    };
    show(&app, &reader, &deployable, shown).await
}

/// Shows what saving would do, goes back to the form, or saves what was shown: by the button that was pressed.
pub async fn save(
    State(app): State<App>,
    reader: Reader,
    Path(asset): Path<AssetId>,
    Pairs(pairs): Pairs,
) -> Result<Response, Oops> {
    let form = Typed::of(pairs);
    let deployable = app.deployable(asset).await?;
    if deployable.version.number != form.version {
        return conflict(&app, &reader, &deployable, &form).await;
    }
    let s = speak(&app, reader.lang);
    let mut groups = groups(&deployable, Some(&form));
    if form.pressed("edit") {
        let shown = Shown {
            groups,
            ..Shown::default()
        };
        return show(&app, &reader, &deployable, shown).await;
    }
    let mut choices = Vec::new();
    for group in groups.iter_mut().filter(|group| group.included) {
        if form.field("approval", group.id).is_empty() {
            group.error = Some(s.t("deployment-error-approval"));
            continue;
        }
        let Some(kept_licenses) = group.kept_chosen() else {
            group.error = Some(s.t("deployment-error-kept"));
            continue;
        };
        match deadline(&s, group) {
            Ok(deadline) => choices.push(DeploymentChoice {
                group: group.id,
                approval: group.approval,
                deadline,
                license_type: group.license_type,
                installation: group.installation_chosen(),
                kept_licenses,
            }),
            Err(wrong) => group.error = Some(wrong),
        }
    }
    if groups.iter().any(|group| group.error.is_some()) {
        return wrong(&app, &reader, &deployable, groups).await;
    }
    let result = match form.digest().filter(|_| !form.pressed("check")) {
        // Nothing is saved that was not previewed.
        None => app.deployments_preview(asset, &choices).await.map(Some),
        Some(digest) => {
            let admin = reader.clone().admin().map_err(AppError::from)?;
            let base = Base::Version(form.version);
            let agreed = Agreed {
                digest: Some(digest),
                take_back: form.take_back(),
                ..Agreed::default()
            };
            if form.pressed("ask") {
                // Only another administrator can save it.
                let intent = Intent::Deployment {
                    app: asset,
                    choices,
                    as_before: false,
                };
                match held::ask(&app, &admin, &intent, base, &agreed).await {
                    Ok(asked) => return Ok(asked),
                    Err(error) => Err(error),
                }
            } else {
                let saved = app.deployments_save(&admin.caller, asset, base, choices, &agreed).await;
                saved.map(|()| None)
            }
        }
    };
    let seen = || Outdated { seen: form.seen() };
    match result {
        Ok(None) => Ok(flash::to(
            &app,
            &reader,
            &format!("/apps/{asset}?tab=users"),
            Done::DeploymentSaved,
        )),
        Ok(Some(preview)) => previewed(&app, &reader, &groups, &form, &preview, None, false).await,
        Err(AppError::Outdated(Previewed::Deployment(preview))) => {
            let page = previewed(&app, &reader, &groups, &form, &preview, Some(seen()), false).await?;
            Ok((StatusCode::CONFLICT, page).into_response())
        }
        Err(AppError::TakesBack(_, Previewed::Deployment(preview))) => {
            let page = previewed(&app, &reader, &groups, &form, &preview, None, true).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::NeedsApproval(Previewed::Deployment(preview))) => {
            let page = previewed(&app, &reader, &groups, &form, &preview, None, false).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
        Err(AppError::Stale(_)) => conflict(&app, &reader, &app.deployable(asset).await?, &form).await,
        Err(AppError::Deployment(refused)) => {
            let (group, key) = refusal(&refused);
            let text = s.t(key);
            for choice in groups.iter_mut().filter(|choice| choice.id == group) {
                choice.error = Some(text.clone());
            }
            wrong(&app, &reader, &deployable, groups).await
        }
        Err(error) => Err(error.into()),
    }
}

/// Of which group a deployment is refused, and the message that says why.
pub(super) fn refusal(refused: &DeploymentError) -> (GroupId, &'static str) {
    match refused {
        DeploymentError::DeviceGroupAvailable(group) => (*group, "deployment-error-device-available"),
        DeploymentError::MixedKindsNotAvailable(group) => (*group, "deployment-error-mixed"),
        DeploymentError::DeadlineWithoutRequired(group) => (*group, "deployment-error-deadline-not-required"),
        DeploymentError::ExternalWithoutInstall(group) => (*group, "deployment-error-external"),
        DeploymentError::KeptWithoutInstall(group) => (*group, "deployment-error-kept-without-install"),
        DeploymentError::TooManyKept(group) => (*group, "deployment-error-kept"),
        DeploymentError::GroupTwice(group) => (*group, "deployment-error-twice"),
    }
}

/// The form again, with what is wrong in it.
async fn wrong(
    app: &App,
    reader: &Reader,
    deployable: &Deployable,
    groups: Vec<GroupChoice>,
) -> Result<Response, Oops> {
    let shown = Shown {
        groups,
        error: Some(speak(app, reader.lang).t("deployment-error")),
        ..Shown::default()
    };
    let page = show(app, reader, deployable, shown).await?;
    Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
}

/// Somebody else changed the deployment since the form was opened: group by group, what was seen, is, and was wanted.
async fn conflict(app: &App, reader: &Reader, deployable: &Deployable, form: &Typed) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let mut rows = Vec::new();
    let mut merged = groups(deployable, None);
    for now in &mut merged {
        let mut mine = now.clone();
        form.fill(&mut mine);
        let was = form.was(now.id);
        let seen = GroupChoice {
            included: was.is_some(),
            approval: was.map_or(mine.approval, |was| was.approval),
            deadline: was
                .and_then(|was| was.deadline)
                .map_or(DeadlineChoice::None, DeadlineChoice::Kept),
            license_type: was.map_or(mine.license_type, |was| was.license_type),
            installation: was.map_or(mine.installation, |was| was.installation),
            kept: was.map_or_else(|| mine.kept.clone(), |was| kept_value(was.kept_licenses)),
            ..now.clone()
        };
        let [before, after, wanted] = [&seen, &*now, &mine].map(|choice| choice.chosen(&s));
        if before != wanted {
            (now.included, now.approval) = (mine.included, mine.approval);
            now.deadline = mine.deadline;
            now.license_type = mine.license_type;
            now.installation = mine.installation;
            now.kept = mine.kept;
        }
        rows.extend(Difference::of(now.name.clone(), before, after, wanted));
    }
    let shown = Shown {
        groups: merged,
        conflict: Some(Conflict {
            version: deployable.version.clone(),
            rows,
            theirs: format!("/apps/{}/deployment", deployable.app.id),
        }),
        ..Shown::default()
    };
    let page = show(app, reader, deployable, shown).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}

/// What the form is shown with.
#[derive(Default)]
struct Shown {
    groups: Vec<GroupChoice>,
    error: Option<String>,
    conflict: Option<Conflict>,
}

async fn show(app: &App, reader: &Reader, deployable: &Deployable, shown: Shown) -> Result<Response, Oops> {
    let row = &deployable.app;
    let path = format!("/apps/{}/deployment", row.id);
    html(&DeploymentPage {
        s: speak(app, reader.lang),
        frame: frame(app, reader, Place::Apps, &path, None).await?,
        app: row.id,
        name: view::app_name(row),
        has_icon: row.has_icon,
        counts: deployable.counts,
        version: deployable.version.number,
        groups: shown.groups,
        rule_set: deployable.policy.rule_set,
        policy_2016: deployable.policy.policy_2016,
        device_assignable: row.device_assignable,
        error: shown.error,
        conflict: shown.conflict,
    })
}

async fn previewed(
    app: &App,
    reader: &Reader,
    groups: &[GroupChoice],
    form: &Typed,
    preview: &Preview,
    outdated: Option<Outdated>,
    unconfirmed: bool,
) -> Result<Response, Oops> {
    let s = speak(app, reader.lang);
    let line = |change: &LineChange| {
        let group = groups.iter().find(|group| group.id == change.group)?;
        Some(LineView {
            group: group.id,
            name: group.name.clone(),
            kind: group.kind,
            members: group.members,
            before: change.before,
            after: change.after,
        })
    };
    let lines = preview.changes.iter().filter_map(line).collect();
    let row = &preview.app;
    let path = format!("/apps/{}/deployment", row.id);
    let view = PreviewView::of(preview, lines, names(app, preview).await?, s.now);
    let approvers = match preview.needs_approval() {
        true => Some(app.approvers(&reader.caller).await?),
        false => None,
    };
    html(&PreviewPage {
        frame: frame(app, reader, Place::Apps, &path, None).await?,
        app: row.id,
        name: view::app_name(row),
        has_icon: row.has_icon,
        fields: form.choices(),
        version: form.version,
        preview: view,
        outdated,
        unconfirmed,
        approvers,
        s,
    })
}

fn groups(deployable: &Deployable, form: Option<&Typed>) -> Vec<GroupChoice> {
    let mut groups: Vec<GroupChoice> = deployable
        .groups
        .iter()
        .map(|group| {
            let saved = deployable.lines.iter().find(|line| line.group == group.id);
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
                license_type: saved.map(|line| line.license_type).unwrap_or_default(),
                installation: saved.map(|line| line.installation).unwrap_or_default(),
                kept: saved.map_or_else(String::new, |line| kept_value(line.kept_licenses)),
                saved: saved.map(LineSays::of),
                was: saved.map_or_else(String::new, |line| was_value(LineSays::of(line))),
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

    fn pressed(&self, button: &str) -> bool {
        self.fields.contains_key(button)
    }

    /// Of the preview that was looked at.
    fn digest(&self) -> Option<String> {
        self.fields.get("digest").filter(|digest| !digest.is_empty()).cloned()
    }

    /// What it said.
    fn seen(&self) -> Option<Figures> {
        Figures::read(self.fields.get("seen")?)
    }

    /// How many licences are confirmed to be taken back.
    fn take_back(&self) -> Option<u64> {
        self.fields.get("take-back")?.parse().ok()
    }

    /// The choices, as the fields that made them.
    fn choices(&self) -> Vec<(String, String)> {
        let group = |id: &String| ("group".to_owned(), id.clone());
        let mut choices: Vec<(String, String)> = self.included.iter().map(group).collect();
        let mut fields: Vec<(String, String)> = self
            .fields
            .iter()
            .filter(|(name, _)| {
                let of_group = [
                    "approval-",
                    "deadline-",
                    "custom-",
                    "license-",
                    "installation-",
                    "kept-",
                    "was-",
                ];
                of_group.iter().any(|of| name.starts_with(of))
            })
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect();
        fields.sort();
        choices.extend(fields);
        choices
    }

    fn field(&self, name: &str, group: GroupId) -> &str {
        self.fields.get(&format!("{name}-{group}")).map_or("", String::as_str)
    }

    /// What was saved for the group when the form was opened.
    fn was(&self, group: GroupId) -> Option<LineSays> {
        was_of(self.field("was", group))
    }

    fn fill(&self, choice: &mut GroupChoice) {
        let was = self.was(choice.id);
        let kept = was.and_then(|was| was.deadline);
        self.field("was", choice.id).clone_into(&mut choice.was);
        choice.included = self.included.contains(&choice.id.to_string());
        choice.approval = approval_of(self.field("approval", choice.id)).unwrap_or(choice.approval);
        let kept_type = was.map_or(choice.license_type, |was| was.license_type);
        choice.license_type = license_type_of(self.field("license", choice.id)).unwrap_or(kept_type);
        let kept_by = was.map_or(choice.installation, |was| was.installation);
        choice.installation = installation_of(self.field("installation", choice.id)).unwrap_or(kept_by);
        let kept_for = was.map_or_else(|| choice.kept.clone(), |was| kept_value(was.kept_licenses));
        let typed = self.fields.get(&format!("kept-{}", choice.id));
        choice.kept = typed.map_or(kept_for, |typed| typed.trim().to_owned());
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
