//! 설정.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use domain::Policy;
use serde::Deserialize;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        conflict::{Conflict, Difference},
        settings::{SettingsPage, rule_set_of},
        words,
    },
    speak,
};
use crate::{
    app::{App, AppError, Base},
    http::{
        auth::Admin,
        flash::{self, Done},
        input::Form,
    },
};

const HERE: &str = "/administration/settings";

pub async fn page(State(app): State<App>, admin: Admin) -> Result<Response, Oops> {
    let version = app.policy_version().await?;
    let policy = app.policy().await?;
    show(&app, &admin, version.number, &policy, &policy, None).await
}

/// `was` is what the form was opened with.
async fn show(
    app: &App,
    admin: &Admin,
    version: i64,
    was: &Policy,
    policy: &Policy,
    conflict: Option<Conflict>,
) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    let s = speak(app, admin.lang);
    html(&SettingsPage {
        frame: frame(app, admin, Place::Settings, HERE, overview.as_ref(), None).await?,
        s,
        version,
        was: (was.policy_2016, was.rule_set),
        conflict,
        policy_2016: policy.policy_2016,
        rule_set: policy.rule_set,
        inventory_every: policy.inventory_every,
        public_url: app.config.public_url.clone(),
        time_zone: app.config.time_zone.clone(),
        push_ready: app.apns.is_some() && app.config.push_topic().is_some(),
    })
}

#[derive(Deserialize)]
pub struct Typed {
    /// Sent only when the box is ticked.
    policy2016: Option<String>,
    #[serde(rename = "ruleSet", default)]
    rule_set: String,
    /// Of the settings as they were when the page was opened, and what they were then.
    #[serde(default)]
    version: i64,
    #[serde(default)]
    was_policy2016: bool,
    #[serde(rename = "was_ruleSet", default)]
    was_rule_set: String,
}

pub async fn save(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let present = app.policy().await?;
    let policy_2016 = typed.policy2016.is_some();
    let rule_set = rule_set_of(&typed.rule_set).ok_or(Oops(StatusCode::BAD_REQUEST))?;
    let policy = Policy {
        policy_2016,
        rule_set,
        ..present.clone()
    };
    match app
        .policy_set(&admin.caller, Base::Version(typed.version), policy)
        .await
    {
        Err(AppError::Stale(_)) => {}
        result => {
            result?;
            return Ok(flash::to(&app, &admin, HERE, Done::Saved));
        }
    }

    let version = app.policy_version().await?;
    let now = app.policy().await?;
    let was = Policy {
        policy_2016: typed.was_policy2016,
        rule_set: rule_set_of(&typed.was_rule_set).unwrap_or(now.rule_set),
        ..now.clone()
    };
    let merged = Policy {
        policy_2016: Conflict::merged(&was.policy_2016, now.policy_2016, policy_2016),
        rule_set: Conflict::merged(&was.rule_set, now.rule_set, rule_set),
        ..now.clone()
    };
    let s = speak(&app, admin.lang);
    let yes = |is| s.t(if is { "conflict-yes" } else { "conflict-no" });
    let set = |rule_set| s.t(words::rule_set(rule_set));
    let rows = [
        Difference::of(
            s.t("settings-policy-2016"),
            yes(was.policy_2016),
            yes(now.policy_2016),
            yes(policy_2016),
        ),
        Difference::of(
            s.t("settings-rule-set"),
            set(was.rule_set),
            set(now.rule_set),
            set(rule_set),
        ),
    ];
    let number = version.number;
    let conflict = Conflict {
        version,
        rows: rows.into_iter().flatten().collect(),
        theirs: HERE.to_owned(),
    };
    let page = show(&app, &admin, number, &now, &merged, Some(conflict)).await?;
    Ok((StatusCode::CONFLICT, page).into_response())
}
