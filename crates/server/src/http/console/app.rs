//! One app: six tabs.

use axum::{extract::State, http::StatusCode, response::Response};
use domain::{AssetId, InstallState, PersonId};
use serde::Deserialize;
use store::EventFilter;

use super::{
    Oops, frame, html,
    pages::{
        Frame, Place,
        app::{
            AppDeploymentPage, AppDeviceLine, AppDevicesPage, AppGeneralPage, AppHead, AppHistoryPage, AppLicenceLine,
            AppLicencesPage, AppTab, AppUserLine, AppUsersPage, DeploymentLine, StateFilter, WaitingLine, app_link,
            state_of,
        },
        parts::{Named, paged},
        ui::StateCounts,
    },
    speak, view,
};
use crate::{
    app::{
        App,
        apps::{AppView, Overview},
    },
    http::{
        auth::Reader,
        input::{Path, Query},
    },
    messages::Speak,
};

/// So much history a page.
const EVENTS: i64 = 50;

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    tab: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    page: String,
    before: Option<i64>,
}

/// What every tab needs.
struct Shown<'a> {
    overview: &'a Overview,
    view: &'a AppView,
    head: AppHead,
    frame: Frame,
    filter: Option<InstallState>,
    query: String,
    page: usize,
    s: Speak,
}

pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path(asset): Path<AssetId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Oops> {
    let overview = app.overview().await?.ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let view = overview.app(asset).ok_or(Oops::of(StatusCode::NOT_FOUND))?;
    let tab = AppTab::of(&wanted.tab);
    let s = speak(&app, reader.lang);
    let path = app_link(asset, tab, state_of(&wanted.state), &wanted.q, 1);
    let frame = frame(&app, &reader, Place::Apps, &path, None).await?;
    let shown = Shown {
        head: head(&overview, view, tab),
        overview: &overview,
        view,
        frame,
        filter: state_of(&wanted.state),
        query: wanted.q.trim().to_owned(),
        page: wanted.page.parse().unwrap_or(1),
        s,
    };
    match tab {
        AppTab::General => general(shown),
        AppTab::Deployment => deployment(shown),
        AppTab::Devices => devices(shown),
        AppTab::Users => users(shown),
        AppTab::Licences => licences(shown),
        AppTab::History => history(&app, shown, wanted.before).await,
    }
}

fn head(overview: &Overview, view: &AppView, tab: AppTab) -> AppHead {
    let line = view::app_line(view);
    let people = &view.decision.people;
    AppHead {
        id: line.id,
        name: line.name,
        has_icon: line.has_icon,
        publisher: line.publisher,
        version: view.row.version.clone(),
        platforms: line.platforms,
        bundle_id: line.bundle_id,
        product_type: line.product_type,
        counts: line.counts,
        synced_at: overview.location.row.last_sync_at,
        gone_at: view.row.gone_at,
        deployments: view.facts.deployments.len() as u64,
        devices: line.installs.total(),
        people: people.len() as u64,
        licences: view.facts.seats.len() as u64,
        tab,
    }
}

fn general(shown: Shown<'_>) -> Result<Response, Oops> {
    let row = &shown.view.row;
    html(&AppGeneralPage {
        adam_id: row.adam_id.clone(),
        pricing_param: row.pricing_param.clone(),
        product_type: row.product_type.clone(),
        minimum_os: row.minimum_os.clone(),
        // Only a web address becomes a link, whatever Apple's answer held.
        url: row.url.clone().filter(|url| url.starts_with("https://")),
        revocable: row.revocable,
        device_assignable: row.device_assignable,
        retired: u64::try_from(row.retired).unwrap_or(0),
        installs: view::app_line(shown.view).installs,
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
    })
}

fn deployment(shown: Shown<'_>) -> Result<Response, Oops> {
    let rows = shown
        .view
        .facts
        .deployments
        .iter()
        .filter_map(|line| {
            let group = shown.overview.groups.get(&line.group)?;
            Some(DeploymentLine {
                group: Named {
                    name: group.name.clone(),
                    href: format!("/groups/{}", group.id),
                },
                kind: group.kind,
                members: u64::try_from(group.members).unwrap_or(0),
                approval: line.approval,
                deadline: line.deadline,
                since: line.since,
            })
        })
        .collect();
    html(&AppDeploymentPage {
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
        rows,
    })
}

fn devices(shown: Shown<'_>) -> Result<Response, Oops> {
    let mut rows: Vec<AppDeviceLine> = Vec::new();
    for person in shown.view.decision.people.values() {
        for verdict in person.devices.values().filter(|verdict| view::concerns(verdict)) {
            let Some(row) = shown.overview.devices.get(&verdict.device) else {
                continue;
            };
            rows.push(AppDeviceLine {
                device: Named {
                    name: row.name.clone(),
                    href: format!("/devices/{}", row.id),
                },
                serial: row.serial.clone(),
                person: view::person(shown.overview, person.person),
                platform: row.platform,
                os_version: row.os_version.clone(),
                state: verdict.state,
                detail: verdict.detail,
                code: shown.view.error_code(verdict.device, verdict.detail),
                resolution: verdict.resolution.clone(),
                id: row.id,
                may_try_again: verdict.may_be_tried_again(),
                last_seen_at: row.last_seen_at,
            });
        }
    }
    let counts = StateCounts::of(rows.iter().map(|row| row.state));
    let query = shown.query.to_lowercase();
    let found = |row: &AppDeviceLine| {
        let texts = [Some(&row.device.name), row.serial.as_ref(), Some(&row.person.name)];
        texts
            .into_iter()
            .flatten()
            .any(|text| text.to_lowercase().contains(&query))
    };
    rows.retain(|row| shown.filter.is_none_or(|state| row.state == state) && found(row));
    rows.sort_by(|a, b| (a.state, &a.device.name).cmp(&(b.state, &b.device.name)));
    let (rows, pager) = paged(rows, shown.page, |page| {
        app_link(shown.view.row.id, AppTab::Devices, shown.filter, &shown.query, page)
    });
    let filter = StateFilter {
        counts,
        state: shown.filter,
        query: shown.query,
    };
    html(&AppDevicesPage {
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
        filter,
        rows,
        pager,
    })
}

fn users(shown: Shown<'_>) -> Result<Response, Oops> {
    let decision = &shown.view.decision;
    let mut rows: Vec<AppUserLine> = decision
        .people
        .values()
        .map(|verdict| AppUserLine {
            person: view::person(shown.overview, verdict.person),
            department: department(shown.overview, verdict.person),
            devices: verdict.devices.len() as u64,
            state: verdict.state,
            detail: verdict.detail,
            code: verdict
                .devices
                .values()
                .find(|device| device.state == verdict.state)
                .and_then(|device| shown.view.error_code(device.device, verdict.detail)),
            seat: verdict.seat,
            place: verdict.place,
            program: verdict.program,
            invitation: view::invitation(shown.overview, verdict.person),
            resolution: verdict.resolution.clone(),
            last_seen_at: verdict
                .devices
                .keys()
                .filter_map(|device| shown.overview.devices.get(device)?.last_seen_at)
                .max(),
        })
        .collect();
    let counts = StateCounts::of(rows.iter().map(|row| row.state));
    let query = shown.query.to_lowercase();
    let found = |row: &AppUserLine| {
        let texts = [Some(&row.person.name), row.department.as_ref()];
        texts
            .into_iter()
            .flatten()
            .any(|text| text.to_lowercase().contains(&query))
    };
    rows.retain(|row| shown.filter.is_none_or(|state| row.state == state) && found(row));
    rows.sort_by(|a, b| {
        let key = |row: &AppUserLine| (row.state, row.place.unwrap_or(usize::MAX));
        key(a).cmp(&key(b)).then_with(|| a.person.name.cmp(&b.person.name))
    });
    let (rows, pager) = paged(rows, shown.page, |page| {
        app_link(shown.view.row.id, AppTab::Users, shown.filter, &shown.query, page)
    });
    let waiting = decision
        .waiting
        .iter()
        .filter_map(|person| {
            let verdict = decision.people.get(person)?;
            Some(WaitingLine {
                person: view::person(shown.overview, *person),
                department: department(shown.overview, *person),
                resolution: verdict.resolution.clone(),
                since: verdict.waiting_since,
            })
        })
        .collect();
    let filter = StateFilter {
        counts,
        state: shown.filter,
        query: shown.query,
    };
    html(&AppUsersPage {
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
        filter,
        rows,
        pager,
        waiting,
    })
}

fn licences(shown: Shown<'_>) -> Result<Response, Oops> {
    let decision = &shown.view.decision;
    let mut rows: Vec<AppLicenceLine> = shown
        .view
        .facts
        .seats
        .iter()
        .filter_map(|(person, seat)| {
            let verdict = decision.people.get(person)?;
            Some(AppLicenceLine {
                person: view::person(shown.overview, *person),
                department: department(shown.overview, *person),
                seat: *seat,
                since: seat.since(),
                state: verdict.state,
                detail: verdict.detail,
            })
        })
        .collect();
    rows.sort_by(|a, b| a.person.name.cmp(&b.person.name));
    let (rows, pager) = paged(rows, shown.page, |page| {
        app_link(shown.view.row.id, AppTab::Licences, None, "", page)
    });
    html(&AppLicencesPage {
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
        rows,
        pager,
    })
}

async fn history(app: &App, shown: Shown<'_>, before: Option<i64>) -> Result<Response, Oops> {
    let asset = shown.view.row.id;
    let filter = EventFilter {
        asset: Some(asset),
        before,
        limit: EVENTS,
        ..EventFilter::default()
    };
    let rows = app.events(&filter).await?;
    let earlier = (rows.len() as i64 == EVENTS)
        .then(|| {
            rows.last()
                .map(|row| format!("/apps/{asset}?tab=history&before={}", row.seq))
        })
        .flatten();
    let names = view::Names::of(app, &rows).await?;
    let events = rows.iter().map(|row| names.event(row)).collect();
    html(&AppHistoryPage {
        s: shown.s,
        frame: shown.frame,
        head: shown.head,
        events,
        earlier,
    })
}

fn department(overview: &Overview, person: PersonId) -> Option<String> {
    overview.people.get(&person).and_then(|row| row.department.clone())
}
