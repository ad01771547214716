//! The console: a handler translates a request, calls one function of the app, and answers with a page.
//!
//! Every page is a link and every change a form that redirects. What a page looks like is in `pages`.

mod accounts;
mod activity;
mod agreeing;
mod app;
mod apps;
mod bulk;
mod changes;
mod choosing;
mod dashboard;
mod deployment;
mod devices;
mod groups;
mod held;
mod leavers;
mod leaving;
mod members;
mod moving_up;
pub mod pages;
mod people;
mod reclaim;
mod rules;
mod search;
mod session;
mod settings;
pub mod statics;
mod stopped;
mod updates;
mod view;
mod vpp;
mod why;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    middleware,
    response::{IntoResponse, Redirect, Response},
    routing::{get, post},
};
use domain::AssetId;
use store::Many;

use self::pages::{Flash, Frame, Place, bulk::PickBar, parts::Pager};
use super::{
    auth::{self, Reader},
    input::Path,
    page::{Oops, html, speak},
};
use crate::{
    app::{App, FieldProblem, bulk::selection::List},
    messages::Speak,
};

pub fn router(app: &App) -> Router<App> {
    let known = middleware::from_fn_with_state(app.clone(), auth::signed_in);
    Router::new()
        .route("/", get(|| async { Redirect::to("/dashboard") }))
        .route("/sign-in", get(session::page).post(session::sign_in))
        .route("/sign-out", post(session::sign_out))
        .route("/language", post(session::language))
        .route("/static/{file}", get(statics::serve))
        .merge(inside().route_layer(known))
        .fallback(nothing_here)
}

/// What is there for whoever is signed in.
fn inside() -> Router<App> {
    Router::new()
        .route("/dashboard", get(dashboard::page))
        .route("/apps", get(apps::list))
        .route("/apps/{asset}", get(app::page))
        .route("/apps/{asset}/deployment", get(deployment::page).post(deployment::save))
        .route(
            "/apps/{asset}/waiting/{person}",
            get(moving_up::page).post(moving_up::save),
        )
        .route("/apps/{asset}/waiting/{person}/back", post(moving_up::back))
        .route("/apps/{asset}/updates", post(updates::set))
        .route("/devices", get(devices::list))
        .route("/devices/{device}", get(devices::page))
        .route(
            "/devices/{device}/apps/{asset}/install-again",
            post(devices::install_again),
        )
        .route("/devices/{device}/revoke-identity", post(devices::identity_revoke))
        .route(
            "/devices/{device}/retire",
            get(leaving::retire_page).post(leaving::retire),
        )
        .route("/devices/{device}/wipe", get(leaving::wipe_page).post(leaving::wipe))
        .route(
            "/devices/{device}/remove",
            get(leaving::remove_page).post(leaving::remove),
        )
        .route("/devices/{device}/stay", post(leaving::stay))
        .route("/devices/{device}/ownership", post(devices::ownership))
        .route("/devices/enrolment", post(devices::enrolment_link))
        .route("/people", get(people::list))
        .route("/people/new", get(people::new_page).post(people::add))
        .route("/people/{person}", get(people::page))
        .route("/people/{person}/edit", get(people::edit_page).post(people::edit))
        .route("/people/{person}/enrolment", post(people::enrolment_link))
        .route("/people/{person}/invite", post(people::invite_again))
        .route("/people/{person}/leave", get(leavers::page).post(leavers::leave))
        .route("/people/{person}/return", post(people::come_back))
        .route("/people/{person}/apps/{asset}/request", post(people::request))
        .route("/people/{person}/apps/{asset}/withdraw", post(people::withdraw))
        .route(
            "/people/{person}/apps/{asset}/install-again",
            post(people::install_again),
        )
        .route("/groups", get(groups::list))
        .route("/groups/new", get(groups::new_page).post(groups::add))
        .route("/groups/{group}", get(groups::page).post(groups::edit))
        .route("/groups/{group}/members", post(members::save))
        .route("/groups/{group}/rule", get(rules::page).post(rules::save))
        .route("/groups/{group}/delete", post(groups::delete))
        .route("/bulk", get(bulk::page).post(bulk::act))
        .route("/bulk/{event}", get(bulk::done))
        .route("/activity", get(activity::page))
        .route("/changes/{change}", get(changes::page))
        .route(
            "/changes/{change}/restore",
            get(changes::restore_page).post(changes::restore),
        )
        .route("/held/{held}", get(held::page))
        .route("/held/{held}/approve", post(held::approve))
        .route("/held/{held}/turn-down", post(held::turn_down))
        .route("/held/{held}/withdraw", post(held::withdraw))
        .route("/stopped", get(stopped::page))
        .route("/stopped/{person}", post(stopped::look_again))
        .route("/search", get(search::page))
        .route("/administration/vpp", get(vpp::page))
        .route("/administration/vpp/running", get(vpp::running))
        .route("/administration/vpp/sync", post(vpp::sync))
        .route("/administration/vpp/upload", get(vpp::upload_page).post(vpp::upload))
        .route(
            "/administration/vpp/upload/{upload}",
            get(vpp::confirm_page).post(vpp::confirm),
        )
        .route("/administration/vpp/upload/{upload}/cancel", post(vpp::cancel))
        .route("/administration/settings", get(settings::page).post(settings::save))
        .route("/administration/rule-sets", get(settings::rule_sets))
        .route("/administration/reclaim-rules", get(reclaim::page).post(reclaim::save))
        .route("/administration/accounts", get(accounts::list))
        .route(
            "/administration/accounts/new",
            get(accounts::new_page).post(accounts::add),
        )
        .route(
            "/administration/accounts/{account}",
            get(accounts::page).post(accounts::edit),
        )
        .route("/administration/accounts/{account}/password", post(accounts::password))
        .route("/administration/accounts/{account}/unlock", post(accounts::unlock))
        .route(
            "/administration/accounts/{account}/end-sessions",
            post(accounts::end_sessions),
        )
        .route("/administration/sessions/{session}/end", post(accounts::end_session))
        .route(
            "/administration/api-keys/new",
            get(accounts::key_new_page).post(accounts::key_add),
        )
        .route("/administration/api-keys/{key}", get(accounts::key_page))
        .route("/administration/api-keys/{key}/rotate", post(accounts::key_rotate))
        .route("/administration/api-keys/{key}/revoke", post(accounts::key_revoke))
        .route("/account", get(accounts::my_page))
        .route("/account/password", post(accounts::my_password))
        .route("/account/sessions/{session}/end", post(accounts::my_end_session))
        .route("/account/end-other-sessions", post(accounts::my_end_others))
        .route("/why/{whom}/{asset}", get(why::page))
        .route("/icons/{asset}", get(icon))
}

/// An app's icon, from our own origin. The browser keeps it for a day.
async fn icon(State(app): State<App>, _reader: Reader, Path(asset): Path<AssetId>) -> Result<Response, Oops> {
    let Some((media_type, bytes)) = app.app_icon(asset).await? else {
        return Ok(StatusCode::NOT_FOUND.into_response());
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        (header::CACHE_CONTROL, "private, max-age=86400".to_owned()),
    ];
    Ok((headers, bytes).into_response())
}

/// What is wrong with one field, in words.
fn problem(s: &Speak, problem: FieldProblem) -> String {
    s.t(match problem {
        FieldProblem::Missing => "problem-missing",
        FieldProblem::TooLong => "problem-too-long",
        FieldProblem::Taken => "problem-taken",
        FieldProblem::Unknown => "problem-unknown",
        FieldProblem::Malformed => "problem-malformed",
        FieldProblem::TooShort => "problem-too-short",
        FieldProblem::Guessable => "problem-guessable",
        FieldProblem::Wrong => "problem-wrong",
        FieldProblem::LastFull => "problem-last-full",
        FieldProblem::Own => "problem-own",
        FieldProblem::OwnPassword => "problem-own-password",
        FieldProblem::Unprintable => "problem-unprintable",
        FieldProblem::NotAnApp => "problem-not-an-app",
        FieldProblem::Left => "problem-left",
    })
}

/// What is around every page.
async fn frame(app: &App, reader: &Reader, place: Place, path: &str, flash: Option<Flash>) -> Result<Frame, Oops> {
    let said = reader
        .said
        .and_then(|done| Flash::done(speak(app, reader.lang).t(done.key())));
    let location = app.location_view().await?.map(|location| location.row);
    let tally = app.store.tally(location.as_ref().map(|row| row.id)).await?;
    let organization = app.config.organization.clone();
    Ok(Frame {
        place,
        path: path.to_owned(),
        name: reader.account.name.clone(),
        may_write: reader.caller.may_write().is_ok(),
        organization: organization
            .or(location.map(|row| row.organization_name))
            .unwrap_or_default(),
        apps: tally.apps,
        devices: tally.devices,
        people: tally.people,
        groups: tally.groups,
        spreading: tally.spreading,
        query: String::new(),
        flash: flash.or(said),
    })
}

/// What can be done to those who are ticked in a list, for whoever may do it.
fn pick_bar(frame: &Frame, list: List, query: &str, pager: &Pager) -> Option<PickBar> {
    let total = Many {
        number: pager.total,
        more: pager.more,
    };
    let bar = || PickBar::of(list, bulk::list_value(list), bulk::filter_value(list), query, total);
    (frame.may_write && pager.total > 0).then(bar)
}

async fn nothing_here() -> Oops {
    Oops::of(StatusCode::NOT_FOUND)
}
