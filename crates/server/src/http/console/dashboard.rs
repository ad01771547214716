//! 대시보드.

use axum::{extract::State, response::Response};
use domain::{InstallState, Program, Time, TokenState, program::Invitation};
use store::SyncStatus;

use super::{
    Oops, frame, html,
    pages::{
        Place,
        apps::AppSort,
        dashboard::{DashboardPage, LocationBrief, Todo, TokenBrief, Totals},
        ui::StateCounts,
    },
    speak, view,
};
use crate::{
    app::{
        App,
        apps::{AppView, Overview},
    },
    http::auth::Reader,
    tasks::silence,
};

/// From how many days before its end a token is something to do.
const RENEW_DAYS: i64 = 60;

pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    let overview = app.overview().await?;
    let location = match &overview {
        Some(overview) => Some(location(&app, overview).await?),
        None => None,
    };
    let frame = frame(&app, &reader, Place::Dashboard, "/dashboard", None).await?;
    html(&DashboardPage {
        s: speak(&app, reader.lang),
        frame,
        location,
    })
}

async fn location(app: &App, overview: &Overview) -> Result<LocationBrief, Oops> {
    let view = &overview.location;
    let syncs = app.syncs(1).await?;
    let last = syncs.first();
    let failed = last.filter(|sync| sync.status == SyncStatus::Failed);
    let operations = app.operations_open().await?;
    let open = app.sync_open().await?;

    let mut apps: Vec<_> = overview.apps.iter().map(view::app_line).collect();
    AppSort::Free.sort(&mut apps);
    let mut installs = StateCounts::default();
    for app in &apps {
        installs.merge(&app.installs);
    }
    let mut running = view::running(open.as_ref(), &operations);
    running.extend(view::running_commands(&app.store.commands_about_apps().await?));
    let failed_sync = failed.map(|sync| {
        (
            sync.finished_at.unwrap_or(sync.requested_at),
            sync.error_code.clone().unwrap_or_default(),
        )
    });
    Ok(LocationBrief {
        organization: view.row.organization_name.clone(),
        location: view.row.location_name.clone(),
        token: TokenBrief {
            state: view.state,
            days_left: view.days_left,
            expires_at: view.row.expires_at,
            last_sync_at: view.row.last_sync_at,
            last_sync_failed: failed.is_some(),
            owner: view.row.owner_name.clone(),
        },
        totals: Totals::of(apps.iter().map(|app| &app.counts)),
        todo: todo(overview, failed_sync),
        apps,
        installs,
        running,
    })
}

/// Since when no device at all was heard, where that keeps silent ones from counting as gone.
fn unheard(overview: &Overview) -> Option<Time> {
    overview.world.policy.silent_after?;
    let with_us = overview.devices.values().filter(|row| !row.enrolment.is_over());
    let since = with_us.filter_map(|row| row.last_seen_at).max()?;
    silence::is_too_long_ago(Some(since), overview.world.now).then_some(since)
}

/// What a person has to look at. The page puts the most urgent first.
fn todo(overview: &Overview, failed_sync: Option<(Time, String)>) -> Vec<Todo> {
    let view = &overview.location;
    let mut todo = Vec::new();
    match view.state {
        TokenState::Valid | TokenState::ExpiringSoon if view.days_left < RENEW_DAYS => {
            todo.push(Todo::TokenExpiring {
                days_left: view.days_left,
                expires_at: view.row.expires_at,
            });
        }
        TokenState::Valid | TokenState::ExpiringSoon => {}
        state => todo.push(Todo::TokenUnusable {
            state,
            expires_at: view.row.expires_at,
            owner: view.row.owner_name.clone(),
        }),
    }
    if let Some(since) = view.row.unanswered_since.filter(|_| view.state.readable()) {
        todo.push(Todo::AppleSilent { since });
    } else if let Some((at, code)) = failed_sync.filter(|_| view.state.usable()) {
        todo.push(Todo::SyncFailed { at, code });
    }
    todo.extend(unheard(overview).map(|since| Todo::DevicesUnheard { since }));
    for app in &overview.apps {
        todo.extend(overdrawn(app));
        todo.extend(short(app));
    }
    todo.extend(terms_open(overview));
    for app in &overview.apps {
        let devices = app.decision.people.values().flat_map(|person| person.devices.values());
        let failed = devices
            .filter(|device| {
                matches!(device.state, InstallState::Failed | InstallState::UninstallFailed)
                    && device.detail != domain::Detail::NoLicenseAvailable
            })
            .count() as u64;
        if failed > 0 {
            todo.push(Todo::InstallFailed {
                app: app.row.id,
                name: name(app),
                devices: failed,
            });
        }
    }
    let undeployed = overview
        .apps
        .iter()
        .filter(|app| app.row.is_app() && app.facts.deployments.is_empty())
        .count() as u64;
    if undeployed > 0 {
        todo.push(Todo::NoDeployment { apps: undeployed });
    }
    todo
}

/// More licences are out than are owned: Apple took some back while they were in use.
fn overdrawn(app: &AppView) -> Option<Todo> {
    let short = app.decision.counts.short;
    (short > 0).then(|| Todo::Overdrawn {
        app: app.row.id,
        name: name(app),
        short,
    })
}

fn short(app: &AppView) -> Option<Todo> {
    let counts = app.decision.counts;
    if counts.waiting == 0 {
        return None;
    }
    if counts.foreign > 0 {
        return Some(Todo::ShortByForeign {
            app: app.row.id,
            name: name(app),
            waiting: counts.waiting,
            foreign: counts.foreign,
            owned: u64::try_from(app.row.owned).unwrap_or(0),
        });
    }
    let since = app
        .decision
        .waiting
        .iter()
        .filter_map(|person| app.decision.people[person].waiting_since)
        .min();
    Some(Todo::Short {
        app: app.row.id,
        name: name(app),
        waiting: counts.waiting,
        since,
    })
}

/// People who would get an app if only they accepted the terms.
fn terms_open(overview: &Overview) -> Option<Todo> {
    let mut people = 0;
    let mut oldest: Option<Time> = None;
    for person in overview.world.people.values() {
        let Program::Registered { invitation } = person.program else {
            continue;
        };
        let wanted = overview.apps.iter().any(|app| {
            app.decision
                .people
                .get(&person.id)
                .is_some_and(|verdict| verdict.wants_seat)
        });
        if !wanted {
            continue;
        }
        people += 1;
        if let Invitation::Shown { at } = invitation {
            oldest = Some(oldest.map_or(at, |oldest| oldest.min(at)));
        }
    }
    (people > 0).then_some(Todo::TermsOpen { people, oldest })
}

fn name(app: &AppView) -> String {
    app.row.name.clone().unwrap_or_else(|| app.row.adam_id.clone())
}
