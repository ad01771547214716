//! One app: six tabs.

use axum::{extract::State, http::StatusCode, response::Response};
use domain::{AssetId, Detail, HolderKind, InstallState, PersonId, Waiter};
use serde::Deserialize;
use store::{EventFilter, States};
use uuid::Uuid;

use super::{
    Oops, frame, html,
    pages::{
        Frame, Place,
        app::{
            AppDeploymentPage, AppDeviceLine, AppDevicesPage, AppGeneralPage, AppHead, AppHistoryPage, AppLicenceLine,
            AppLicencesPage, AppTab, AppUserLine, AppUsersPage, DeploymentLine, StateFilter, UpdatesForm, WaitingLine,
            app_link, state_of,
        },
        bulk::PickBar,
        parts::{Named, Pager, ROWS, Turn},
        ui::StateCounts,
    },
    speak, view,
};
use crate::{
    app::{
        App, AppError,
        bulk::selection::List,
        of_app::{Asked, OfApp, Part, People},
        sums::by_state,
    },
    http::{
        auth::Reader,
        input::{Path, Query},
    },
    messages::Speak,
};

/// So much history a page.
const EVENTS: i64 = 50;
/// So many of those who wait are shown on the page.
const WAITING: usize = 50;

#[derive(Deserialize)]
pub struct Wanted {
    #[serde(default)]
    tab: String,
    #[serde(default)]
    state: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    after: String,
    #[serde(default)]
    before: String,
    #[serde(default)]
    at: String,
}

/// What every tab needs.
struct Shown<'a> {
    app: &'a App,
    reader: &'a Reader,
    asset: AssetId,
    tab: AppTab,
    filter: Option<InstallState>,
    query: &'a str,
    turn: &'a Turn,
    s: Speak,
}

pub async fn page(
    State(app): State<App>,
    reader: Reader,
    Path(asset): Path<AssetId>,
    Query(wanted): Query<Wanted>,
) -> Result<Response, Oops> {
    let shown = Shown {
        app: &app,
        reader: &reader,
        asset,
        tab: AppTab::of(&wanted.tab),
        filter: state_of(&wanted.state),
        query: wanted.q.trim(),
        turn: &Turn::of(&wanted.after, &wanted.before, &wanted.at),
        s: speak(&app, reader.lang),
    };
    match shown.tab {
        AppTab::General => general(shown, false).await,
        AppTab::Deployment => deployment(shown).await,
        AppTab::Devices => devices(shown).await,
        AppTab::Users => users(shown).await,
        AppTab::Licences => licences(shown).await,
        AppTab::History => history(shown, wanted.before.parse().ok()).await,
    }
}

impl Shown<'_> {
    /// Read before what the page shows: that may be newer than what is said of it here, and not the other way round.
    async fn frame(&self) -> Result<Frame, Oops> {
        let path = app_link(self.asset, self.tab, self.filter, self.query, &Turn::default());
        frame(self.app, self.reader, Place::Apps, &path, None).await
    }

    fn head(&self, of: &OfApp) -> AppHead {
        let line = view::app_line(&of.app);
        let row = &of.app.row;
        let licences = u64::try_from(row.taken).unwrap_or(0);
        AppHead {
            id: line.id,
            name: line.name,
            has_icon: line.has_icon,
            publisher: line.publisher,
            version: row.version.clone(),
            platforms: line.platforms,
            bundle_id: line.bundle_id,
            product_type: line.product_type,
            counts: line.counts,
            synced_at: of.location.row.last_sync_at,
            gone_at: row.gone_at,
            deployments: of.app.deployments.len() as u64,
            devices: line.installs.total(),
            people: match row.is_app() {
                true => of.app.people.values().sum(),
                false => licences,
            },
            licences,
            tab: self.tab,
        }
    }

    fn asked(&self) -> Asked<'_> {
        self.turn.asked(self.query)
    }

    fn filter(&self, states: &States) -> StateFilter {
        let counts = StateCounts::from(&by_state(states));
        StateFilter {
            all: counts.total(),
            counts,
            state: self.filter,
            query: self.query.to_owned(),
        }
    }

    /// Nothing is given or taken back of a book.
    fn bar(&self, of: &OfApp, frame: &Frame, list: List, pager: &Pager) -> Option<PickBar> {
        super::pick_bar(frame, list, self.query, pager).filter(|_| of.app.row.is_app())
    }

    /// Of a list of `total`, in which what is shown begins and ends with these.
    fn pager<T>(&self, part: &Part<T>, id: impl Fn(&T) -> Uuid, total: u64) -> Pager {
        let link = |turn: &Turn| app_link(self.asset, self.tab, self.filter, self.query, turn);
        self.turn.pager(part, id, total, link)
    }
}

fn found<T>(of: Option<T>) -> Result<T, Oops> {
    of.ok_or(Oops::of(StatusCode::NOT_FOUND))
}

/// The page on which who decides about updates was set, since somebody else set it meanwhile.
pub(super) async fn updates_stale(app: &App, reader: &Reader, asset: AssetId) -> Result<Response, Oops> {
    let shown = Shown {
        app,
        reader,
        asset,
        tab: AppTab::General,
        filter: None,
        query: "",
        turn: &Turn::default(),
        s: speak(app, reader.lang),
    };
    general(shown, true).await
}

async fn general(shown: Shown<'_>, updates_stale: bool) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let of = found(shown.app.of_app(shown.asset).await?)?;
    let (now, version) = shown.app.updates(shown.asset).await?;
    let row = &of.app.row;
    let older = (InstallState::Installed, Detail::VppAppHasUpdateAvailable);
    let updates = row.is_app().then(|| UpdatesForm {
        updates: now.updates,
        newest: now.store_version,
        version: version.number,
        older: of.app.devices.get(&older).copied().unwrap_or(0),
        stale: updates_stale,
    });
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
        installs: view::app_line(&of.app).installs,
        updates,
        frame,
        head: shown.head(&of),
        s: shown.s,
    })
}

async fn deployment(shown: Shown<'_>) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let of = found(shown.app.of_app(shown.asset).await?)?;
    let mut rows = Vec::new();
    for line in &of.app.deployments {
        let Some(group) = shown.app.store.group(line.group).await.map_err(AppError::from)? else {
            continue;
        };
        rows.push(DeploymentLine {
            group: Named {
                name: group.name,
                href: format!("/groups/{}", group.id),
            },
            kind: group.kind,
            members: u64::try_from(group.members).unwrap_or(0),
            approval: line.approval,
            deadline: line.deadline,
            license_type: line.license_type,
            installation: line.installation,
            kept_licenses: line.kept_licenses,
            since: line.since,
        });
    }
    html(&AppDeploymentPage {
        frame,
        head: shown.head(&of),
        s: shown.s,
        rows,
    })
}

async fn devices(shown: Shown<'_>) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let listed = shown.app.app_devices(shown.asset, shown.filter, shown.asked()).await?;
    let (of, part, people) = found(listed)?;
    let rows = part.rows.iter().filter_map(|listed| {
        let row = people.devices.get(&listed.device)?;
        let verdict = people.verdicts.get(&listed.person)?.devices.get(&listed.device)?;
        Some(AppDeviceLine {
            device: Named {
                name: row.name.clone(),
                href: format!("/devices/{}", row.id),
            },
            serial: row.serial.clone(),
            person: view::owner(&people, listed.person),
            platform: row.platform,
            os_version: row.os_version.clone(),
            state: verdict.state,
            detail: verdict.detail,
            code: people.error_code(verdict.device, verdict.detail),
            resolution: verdict.resolution.clone(),
            licensing: verdict.licensing,
            seat: match verdict.licensing.kind {
                HolderKind::Device => verdict.seat,
                HolderKind::User => people.verdicts.get(&listed.person)?.seat,
            },
            place: verdict.place,
            id: row.id,
            may_try_again: verdict.may_be_tried_again(),
            last_seen_at: row.last_seen_at,
        })
    });
    let rows: Vec<AppDeviceLine> = rows.collect();
    let filter = shown.filter(&of.app.devices);
    let pager = shown.pager(&part, |row| row.device.0, filter.total());
    let list = List::AppDevices(shown.asset, shown.filter);
    html(&AppDevicesPage {
        bar: shown.bar(&of, &frame, list, &pager),
        pager,
        frame,
        head: shown.head(&of),
        s: shown.s,
        filter,
        rows,
    })
}

async fn users(shown: Shown<'_>) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let listed = shown.app.app_people(shown.asset, shown.filter, shown.asked()).await?;
    let (of, part, people) = found(listed)?;
    let rows = part.rows.iter().filter_map(|person| {
        let verdict = people.verdicts.get(person)?;
        let seen = |device| people.devices.get(device)?.last_seen_at;
        Some(AppUserLine {
            id: *person,
            person: view::person(&people, *person),
            department: department(&people, *person),
            devices: verdict.devices.len() as u64,
            state: verdict.state,
            detail: verdict.detail,
            code: verdict
                .devices
                .values()
                .find(|device| device.state == verdict.state)
                .and_then(|device| people.error_code(device.device, verdict.detail)),
            seat: verdict.seat,
            device_licences: verdict.device_licences(),
            place: verdict.place,
            program: verdict.program,
            invitation: view::invitation(&people, *person),
            resolution: verdict.resolution.clone(),
            moved_up: moved_up(&people, *person),
            last_seen_at: verdict.devices.keys().filter_map(seen).max(),
        })
    });
    let rows: Vec<AppUserLine> = rows.collect();
    let waiting = match of.app.counts.waiting {
        0 => Vec::new(),
        _ => waiting(&shown).await?,
    };
    let head = shown.head(&of);
    // Of a book no states are counted, and everybody is listed who has one.
    let filter = StateFilter {
        all: head.people,
        ..shown.filter(&of.app.people)
    };
    let pager = shown.pager(&part, |person| person.0, filter.total());
    let list = List::AppPeople(shown.asset, shown.filter);
    html(&AppUsersPage {
        bar: shown.bar(&of, &frame, list, &pager),
        pager,
        frame,
        head,
        s: shown.s,
        filter,
        rows,
        waiting,
    })
}

async fn waiting(shown: &Shown<'_>) -> Result<Vec<WaitingLine>, Oops> {
    let (waiting, people) = found(shown.app.app_waiting(shown.asset, WAITING).await?)?;
    let line = |waiter: Waiter| {
        let (person, verdict) = (waiter.person, people.verdicts.get(&waiter.person)?);
        let device = waiter.holder.device();
        Some(WaitingLine {
            person: view::owner(&people, person),
            department: department(&people, person),
            resolution: match device {
                Some(device) => verdict.devices.get(&device)?.resolution.clone(),
                None => verdict.resolution.clone(),
            },
            device: device.map(|device| view::device(&people, device)),
            since: Some(waiter.wish.rank.since),
            moved_up: moved_up(&people, person),
        })
    };
    Ok(waiting.into_iter().filter_map(line).collect())
}

async fn licences(shown: Shown<'_>) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let listed = shown.app.app_licences(shown.asset, shown.turn.span(), ROWS).await?;
    let (of, part, people) = found(listed)?;
    let rows = part.rows.iter().filter_map(|holder| {
        let seat = *people.facts.seats.get(holder)?;
        let person = people.owner(*holder)?;
        let verdict = people.verdicts.get(&person)?;
        let device = holder.device();
        // Of a device that is away nothing is said.
        let said = match device {
            Some(device) => verdict.devices.get(&device).map(|it| (it.state, it.detail)),
            None => Some((verdict.state, verdict.detail)),
        };
        Some(AppLicenceLine {
            person: view::owner(&people, person),
            department: department(&people, person),
            device: device.map(|device| view::device(&people, device)),
            holder: *holder,
            seat,
            since: seat.since(),
            said,
        })
    });
    let rows: Vec<AppLicenceLine> = rows.collect();
    let head = shown.head(&of);
    html(&AppLicencesPage {
        pager: shown.pager(&part, |holder| holder.id(), head.licences),
        frame,
        s: shown.s,
        head,
        rows,
    })
}

async fn history(shown: Shown<'_>, before: Option<i64>) -> Result<Response, Oops> {
    let frame = shown.frame().await?;
    let of = found(shown.app.of_app(shown.asset).await?)?;
    let filter = EventFilter {
        asset: Some(shown.asset),
        before,
        limit: EVENTS,
        ..EventFilter::default()
    };
    let rows = shown.app.events(&filter).await?;
    let last = rows.last().filter(|_| rows.len() as i64 == EVENTS);
    let earlier = last.map(|row| format!("/apps/{}?tab=history&before={}", shown.asset, row.seq));
    let names = view::Names::of(shown.app, &rows).await?;
    let events = rows.iter().map(|row| names.event(row)).collect();
    html(&AppHistoryPage {
        frame,
        head: shown.head(&of),
        s: shown.s,
        events,
        earlier,
    })
}

/// Why somebody was moved up in the line, if they were.
fn moved_up(people: &People, person: PersonId) -> Option<String> {
    people.moved_up.get(&person).map(|row| row.reason.clone())
}

fn department(people: &People, person: PersonId) -> Option<String> {
    people.rows.get(&person).and_then(|row| row.department.clone())
}
