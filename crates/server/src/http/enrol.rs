//! Where an employee enrols a device, with the one-time link that an administrator sent.

use askama::Template;
use axum::{
    Router,
    extract::State,
    http::{StatusCode, header},
    response::{Html, IntoResponse, Response},
    routing::get,
};

use crate::{
    app::{
        App, AppError,
        enrolments::{LinkState, ProfileAnswer},
    },
    gate::Busy,
    http::{
        auth::Visitor,
        console::pages::{
            enrol::{EnrolPage, EnrolState},
            error::ErrorKind,
        },
        input::Path,
        page::{error_page, speak},
    },
    messages::Lang,
};

pub fn router() -> Router<App> {
    Router::new().route("/enrol/{token}", get(page).post(profile))
}

/// What will happen, and the button that takes the profile.
async fn page(State(app): State<App>, Visitor { lang }: Visitor, Path(token): Path<String>) -> Response {
    let state = match app.enrolment_view(&token).await {
        Ok(Some(view)) => match view.state {
            LinkState::Open if app.push_topic.is_none() => EnrolState::NotReady,
            LinkState::Open => EnrolState::Open {
                person: view.person_name,
            },
            LinkState::Used => EnrolState::Used,
            LinkState::Expired => EnrolState::Expired,
            LinkState::Ended => EnrolState::Ended,
        },
        Ok(None) => EnrolState::Unknown,
        Err(error) => {
            crate::cause::note(&error);
            return error_page(&app, lang, ErrorKind::Unavailable);
        }
    };
    show(&app, lang, &token, state)
}

/// Hands out the profile, once: it holds the device's private key.
async fn profile(State(app): State<App>, Visitor { lang }: Visitor, Path(token): Path<String>) -> Response {
    let state = match app.enrolment_profile(&token).await {
        Ok(ProfileAnswer::Profile(profile)) => {
            let headers = [
                (header::CONTENT_TYPE, "application/x-apple-aspen-config"),
                (
                    header::CONTENT_DISPOSITION,
                    "attachment; filename=\"enrol.mobileconfig\"",
                ),
            ];
            return (headers, profile).into_response();
        }
        Ok(ProfileAnswer::Used) => EnrolState::Used,
        Ok(ProfileAnswer::Expired) => EnrolState::Expired,
        Ok(ProfileAnswer::Ended) => EnrolState::Ended,
        Ok(ProfileAnswer::Unknown) => EnrolState::Unknown,
        Ok(ProfileAnswer::NotReady) => EnrolState::NotReady,
        Err(AppError::Busy(_)) => {
            let mut response = show(&app, lang, &token, EnrolState::Busy);
            let again = Busy::RETRY_AFTER.as_secs().into();
            response.headers_mut().insert(header::RETRY_AFTER, again);
            return response;
        }
        Err(error) => {
            crate::cause::note(&error);
            return error_page(&app, lang, ErrorKind::Unavailable);
        }
    };
    show(&app, lang, &token, state)
}

fn show(app: &App, lang: Lang, token: &str, state: EnrolState) -> Response {
    let status = match state {
        EnrolState::Open { .. } => StatusCode::OK,
        EnrolState::Used | EnrolState::Expired | EnrolState::Ended => StatusCode::GONE,
        EnrolState::Unknown => StatusCode::NOT_FOUND,
        EnrolState::NotReady | EnrolState::Busy => StatusCode::SERVICE_UNAVAILABLE,
    };
    let page = EnrolPage {
        s: speak(app, lang),
        organization: app.config.mdm_organization(),
        state,
        path: format!("/enrol/{token}"),
    };
    match page.render() {
        Ok(text) => (status, Html(text)).into_response(),
        Err(error) => {
            crate::cause::note(&error);
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
