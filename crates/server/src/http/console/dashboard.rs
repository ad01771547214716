//! 대시보드.

use axum::{extract::State, response::Response};
use domain::{Detail, InstallState, Time, TokenState};
use store::SyncStatus;

use super::{
    Oops, frame, held, html,
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
        App, AppError,
        sums::{AppSums, Summed},
    },
    http::auth::Reader,
    tasks::silence,
};

/// From how many days before its end a token is something to do.
const RENEW_DAYS: i64 = 60;

pub async fn page(State(app): State<App>, reader: Reader) -> Result<Response, Oops> {
    // Before what the page shows, which may be newer.
    let frame = frame(&app, &reader, Place::Dashboard, "/dashboard", None).await?;
    let location = match &app.apps_summed().await? {
        Some(summed) => Some(location(&app, summed).await?),
        None => None,
    };
    html(&DashboardPage {
        s: speak(&app, reader.lang),
        frame,
        held: held::lines(&app, &reader).await?,
        location,
    })
}

async fn location(app: &App, summed: &Summed) -> Result<LocationBrief, Oops> {
    let view = &summed.location;
    let syncs = app.syncs(1).await?;
    let last = syncs.first();
    let failed = last.filter(|sync| sync.status == SyncStatus::Failed);
    let operations = app.operations_open().await?;
    let open = app.sync_open().await?;

    let mut apps: Vec<_> = summed.apps.iter().map(view::app_line).collect();
    AppSort::Free.sort(&mut apps);
    let mut installs = StateCounts::default();
    for app in &apps {
        installs.merge(&app.installs);
    }
    let mut running = view::running(open.as_ref(), &operations);
    running.extend(view::running_commands(
        &app.store.commands_about_apps().await.map_err(AppError::from)?,
    ));
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
        todo: todo(app, summed, failed_sync).await?,
        apps,
        installs,
        running,
    })
}

/// Since when no device at all was heard, where that keeps silent ones from counting as gone.
async fn unheard(app: &App) -> Result<Option<Time>, AppError> {
    if app.store.policy().await?.silent_after.is_none() {
        return Ok(None);
    }
    let since = app.store.devices_heard_at().await?;
    Ok(since.filter(|since| silence::is_too_long_ago(Some(*since), app.now())))
}

/// What a person has to look at. The page puts the most urgent first.
async fn todo(app: &App, summed: &Summed, failed_sync: Option<(Time, String)>) -> Result<Vec<Todo>, AppError> {
    let view = &summed.location;
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
    let (people, since) = app.stopped_counted().await?;
    if people.number > 0 {
        todo.push(Todo::PlansStopped { people, since });
    }
    if let Some(since) = view.row.unanswered_since.filter(|_| view.state.readable()) {
        todo.push(Todo::AppleSilent { since });
    } else if let Some((at, code)) = failed_sync.filter(|_| view.state.usable()) {
        todo.push(Todo::SyncFailed { at, code });
    }
    todo.extend(unheard(app).await?.map(|since| Todo::DevicesUnheard { since }));
    for sums in &summed.apps {
        todo.extend(overdrawn(sums));
        todo.extend(short(app, sums).await?);
    }
    let (people, oldest) = app.store.terms_open(view.row.id).await?;
    if people > 0 {
        todo.push(Todo::TermsOpen { people, oldest });
    }
    for sums in &summed.apps {
        let failed = sums.devices.iter().filter(|((state, detail), _)| {
            matches!(state, InstallState::Failed | InstallState::UninstallFailed)
                && *detail != Detail::NoLicenseAvailable
        });
        let failed: u64 = failed.map(|(_, devices)| devices).sum();
        if failed > 0 {
            todo.push(Todo::InstallFailed {
                app: sums.row.id,
                name: view::app_name(&sums.row),
                devices: failed,
            });
        }
    }
    let undeployed = summed
        .apps
        .iter()
        .filter(|app| app.row.is_app() && app.deployments.is_empty())
        .count() as u64;
    if undeployed > 0 {
        todo.push(Todo::NoDeployment { apps: undeployed });
    }
    Ok(todo)
}

/// More licences are out than are owned: Apple took some back while they were in use.
fn overdrawn(app: &AppSums) -> Option<Todo> {
    let short = app.counts.short;
    (short > 0).then(|| Todo::Overdrawn {
        app: app.row.id,
        name: view::app_name(&app.row),
        short,
    })
}

async fn short(app: &App, sums: &AppSums) -> Result<Option<Todo>, AppError> {
    let counts = sums.counts;
    if counts.waiting == 0 {
        return Ok(None);
    }
    if counts.foreign > 0 {
        return Ok(Some(Todo::ShortByForeign {
            app: sums.row.id,
            name: view::app_name(&sums.row),
            waiting: counts.waiting,
            foreign: counts.foreign,
            owned: u64::try_from(sums.row.owned).unwrap_or(0),
        }));
    }
    // Of the first who waits: before them are those for whom a licence is left.
    Ok(Some(Todo::Short {
        app: sums.row.id,
        name: view::app_name(&sums.row),
        waiting: counts.waiting,
        since: app.store.line_since(sums.row.id, &sums.before_waiting()).await?,
    }))
}
