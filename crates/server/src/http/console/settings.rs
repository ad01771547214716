//! 설정.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;

use super::{
    Done, Oops, flash, frame, html,
    pages::{
        Place,
        settings::{SettingsPage, rule_set_of},
    },
    speak,
};
use crate::{
    app::App,
    http::{
        auth::Admin,
        input::{Form, Query},
    },
};

const HERE: &str = "/administration/settings";

pub async fn page(State(app): State<App>, admin: Admin, Query(done): Query<Done>) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    let policy = app.policy().await?;
    let s = speak(&app, admin.lang);
    let flash = flash(&s, &done);
    html(&SettingsPage {
        frame: frame(&app, &admin, Place::Settings, HERE, overview.as_ref(), flash).await?,
        s,
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
}

pub async fn save(State(app): State<App>, admin: Admin, Form(typed): Form<Typed>) -> Result<Response, Oops> {
    let mut policy = app.policy().await?;
    policy.policy_2016 = typed.policy2016.is_some();
    policy.rule_set = rule_set_of(&typed.rule_set).ok_or(Oops(StatusCode::BAD_REQUEST))?;
    app.policy_set(&admin.caller, policy).await?;
    Ok(Redirect::to(&format!("{HERE}?done=saved")).into_response())
}
