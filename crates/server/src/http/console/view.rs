//! From what the app knows to what the pages show.

use std::collections::{BTreeMap, BTreeSet};

use domain::{Approval, DeviceId, Holder, PersonId, Program};
use store::{
    AppRow, DeviceRow, EventRow, InvitationRow, OpenCommands, OperationKind, OperationRow, OperationState, SyncRow,
};
use uuid::Uuid;

use super::pages::{
    apps::AppLine,
    devices::DeviceLine,
    parts::{EventLine, InvitationLine, Named, Running, Who},
    stopped::StoppedNote,
    ui::StateCounts,
    words::{EventWord, OperationWord, Phase},
};
use crate::{
    app::{
        App, AppError,
        directory::DeviceInList,
        of_app::People,
        of_person::OfPerson,
        stopped::StoppedWhy,
        sums::{AppSums, by_state},
    },
    messages::Speak,
    reasons,
};

/// Why a plan was stopped; `None` while it is sound.
pub fn stopped_note(s: &Speak, whom: Holder, why: &StoppedWhy) -> Option<StoppedNote> {
    Some(StoppedNote {
        of_device: whom.device().is_some(),
        since: why.since()?,
        reasons: reasons::stopped(why, s),
        action: format!("/stopped/{}", whom.id()),
    })
}

/// What an app is called: by its number until the store has described it.
pub fn app_name(row: &AppRow) -> String {
    row.name.clone().unwrap_or_else(|| row.adam_id.clone())
}

/// One app in a list.
pub fn app_line(app: &AppSums) -> AppLine {
    let approvals = [
        Approval::Required,
        Approval::Available,
        Approval::NotApplicable,
        Approval::Uninstall,
    ];
    let deployments = approvals
        .into_iter()
        .map(|approval| {
            let lines = app.deployments.iter().filter(|line| line.approval == approval);
            (approval, lines.count() as u64)
        })
        .filter(|(_, count)| *count > 0)
        .collect();
    let installs = StateCounts::from(&by_state(&app.devices));
    AppLine {
        id: app.row.id,
        name: app_name(&app.row),
        has_icon: app.row.has_icon,
        publisher: app.row.publisher.clone(),
        bundle_id: app.row.bundle_id.clone(),
        product_type: app.row.product_type.clone(),
        platforms: app.platforms.iter().copied().collect(),
        counts: app.counts,
        deployments,
        installs,
    }
}

/// What runs at Apple: a read, and what was asked for, all of it.
pub fn running(sync: Option<&SyncRow>, operations: &[OperationRow]) -> Vec<Running> {
    let mut running: Vec<Running> = sync.map(running_sync).into_iter().collect();
    for row in operations {
        let sent = match row.state {
            OperationState::Queued => false,
            OperationState::Sending | OperationState::Pending => true,
            OperationState::Done | OperationState::Failed => continue,
        };
        running.push(Running::Operation {
            word: operation_word(row.kind),
            sent,
            requested: u64::try_from(row.requested).unwrap_or(0),
            completed: u64::try_from(row.completed).unwrap_or(0),
            since: row.sent_at.unwrap_or(row.created_at),
        });
    }
    Running::merged(running)
}

pub fn running_sync(row: &SyncRow) -> Running {
    Running::Sync {
        phase: phase(&row.phase),
        done: u64::try_from(row.done).unwrap_or(0),
        total: u64::try_from(row.total).unwrap_or(0),
        requests: u64::try_from(row.requests).unwrap_or(0),
        cause: row.cause,
        actor: row.actor.clone(),
        since: row.started_at.unwrap_or(row.requested_at),
    }
}

pub fn phase(phase: &str) -> Phase {
    match phase {
        "config" => Phase::Config,
        "assets" => Phase::Assets,
        "assignments" => Phase::Assignments,
        "users" => Phase::Users,
        "metadata" => Phase::Metadata,
        _ => Phase::Waiting,
    }
}

pub fn operation_word(kind: OperationKind) -> OperationWord {
    match kind {
        OperationKind::CreateUsers => OperationWord::CreateUsers,
        OperationKind::Associate => OperationWord::Associate,
        OperationKind::Disassociate => OperationWord::Disassociate,
        OperationKind::RetireUsers => OperationWord::RetireUsers,
    }
}

/// Commands about apps that devices have not answered.
pub fn running_commands(open: &OpenCommands) -> Option<Running> {
    (open.installs + open.removals > 0).then_some(Running::Commands {
        installs: open.installs,
        removals: open.removals,
        devices: open.devices,
    })
}

/// A person by name, with the way to their page.
pub fn person(people: &People, id: PersonId) -> Named {
    let name = people
        .rows
        .get(&id)
        .map_or_else(|| "–".to_owned(), |row| row.name.clone());
    Named {
        name,
        href: format!("/people/{id}"),
    }
}

/// The same of whoever has a device; `None` of one that belongs to nobody.
pub fn owner(people: &People, id: PersonId) -> Option<Named> {
    (!people.world.is_nobody(id)).then(|| person(people, id))
}

/// What these people and devices are called.
pub async fn holders(
    app: &App,
    holders: impl IntoIterator<Item = Holder>,
) -> Result<BTreeMap<Holder, String>, AppError> {
    let ids: Vec<Uuid> = holders.into_iter().map(Holder::id).collect();
    let names = app.store.names(&ids).await?;
    let people = names.people.into_iter().map(|(id, name)| (Holder::Person(id), name));
    let devices = names.devices.into_iter().map(|(id, name)| (Holder::Device(id), name));
    Ok(people.chain(devices).collect())
}

/// The way to the page of a person, or of a device.
pub fn holder_href(holder: Holder) -> String {
    match holder {
        Holder::Person(person) => format!("/people/{person}"),
        Holder::Device(device) => format!("/devices/{device}"),
    }
}

/// A device by name, with the way to its page.
pub fn device(people: &People, id: DeviceId) -> Named {
    let row = people.devices.get(&id);
    Named {
        name: row.map_or_else(|| "–".to_owned(), |row| row.name.clone()),
        href: format!("/devices/{id}"),
    }
}

/// The latest invitation of a person who has not accepted yet.
pub fn invitation(people: &People, id: PersonId) -> Option<InvitationLine> {
    let program = people.world.people.get(&id)?.program;
    let row = people.invitations.get(&id)?;
    matches!(program, Program::Registered { .. }).then(|| {
        let device = people.devices.get(&row.device_id).map(|device| device.name.as_str());
        invitation_line(row, device)
    })
}

pub fn invitation_line(row: &InvitationRow, device: Option<&str>) -> InvitationLine {
    InvitationLine {
        device: Named {
            name: device.unwrap_or("–").to_owned(),
            href: format!("/devices/{}", row.device_id),
        },
        at: row.queued_at,
        outcome: row.outcome,
        ended_at: row.ended_at,
        error: row.error.clone(),
    }
}

/// The names of everything that some events are about.
pub struct Names {
    things: store::Names,
    accounts: BTreeMap<String, String>,
    keys: BTreeMap<String, String>,
}

impl Names {
    pub async fn of(app: &App, events: &[EventRow]) -> Result<Names, AppError> {
        let ids: BTreeSet<Uuid> = events
            .iter()
            .flat_map(|row| {
                let asset = row.asset_id.map(|id| id.0);
                let person = row.person_id.map(|id| id.0);
                let device = row.device_id.map(|id| id.0);
                [asset, person, device, row.group_id.map(|id| id.0)]
            })
            .flatten()
            .collect();
        let ids: Vec<Uuid> = ids.into_iter().collect();
        let accounts = app.store.accounts().await?;
        let keys = app.store.api_keys().await?;
        Ok(Names {
            things: app.store.names(&ids).await?,
            accounts: accounts
                .into_iter()
                .map(|account| (account.id.to_string(), account.name))
                .collect(),
            keys: keys.into_iter().map(|key| (key.id.to_string(), key.name)).collect(),
        })
    }

    pub fn event(&self, row: &EventRow) -> EventLine {
        let named = |path: &str, id: String, name: Option<&String>| {
            name.map(|name| Named {
                name: name.clone(),
                href: format!("/{path}/{id}"),
            })
        };
        let text = |key: &str| row.detail.get(key).and_then(|value| value.as_str()).map(str::to_owned);
        let number = |key: &str| row.detail.get(key).and_then(serde_json::Value::as_u64);
        let actor = row.actor_id.as_deref().unwrap_or_default();
        let known = |names: &BTreeMap<String, String>| names.get(actor).cloned().unwrap_or_else(|| "–".to_owned());
        EventLine {
            at: row.at,
            word: EventWord(row.kind.clone()),
            who: match row.actor_kind.as_str() {
                "account" => Who::Account(known(&self.accounts)),
                "apiKey" => Who::ApiKey(known(&self.keys)),
                "device" => Who::Device,
                "apple" => Who::Apple,
                _ => Who::System,
            },
            app: row
                .asset_id
                .and_then(|id| named("apps", id.to_string(), self.things.apps.get(&id))),
            person: row
                .person_id
                .and_then(|id| named("people", id.to_string(), self.things.people.get(&id))),
            device: row
                .device_id
                .and_then(|id| named("devices", id.to_string(), self.things.devices.get(&id))),
            group: row
                .group_id
                .and_then(|id| named("groups", id.to_string(), self.things.groups.get(&id))),
            name: ["name", "location", "owner", "reason"].into_iter().find_map(text),
            moved: match row.kind.as_str() {
                "bulkDone" => number("done").zip(number("selected").zip(number("done")).map(|(all, done)| all - done)),
                _ => number("joined").zip(number("left")),
            },
            of_many: row.kind != "bulkDone" && row.detail.get("bulkAction").is_some(),
            told_at: (row.kind == "bulkDone").then(|| format!("/bulk/{}", row.seq)),
            change: match (number("change"), text("held")) {
                (Some(change), _) => Some(format!("/changes/{change}")),
                (None, held) => held.map(|held| format!("/held/{held}")),
            },
            code: text("failure")
                .or_else(|| text("error"))
                .or_else(|| row.detail.get("errorNumber").map(ToString::to_string)),
        }
    }
}

/// One device in the list of all.
pub fn listed_device(device: &DeviceInList) -> DeviceLine {
    let installs = StateCounts::from(&device.installs);
    let of = &device.of;
    device_line(&of.row, of.person.as_deref(), installs, of.to_return)
}

/// The same, of one person's device.
pub fn own_device_line(of: Option<&OfPerson>, row: &DeviceRow, person: Option<&str>) -> DeviceLine {
    let verdicts = of.into_iter().flat_map(|of| of.on(row.id)).map(|(_, verdict)| verdict);
    let verdicts = verdicts.filter(|verdict| verdict.concerns());
    let installs = StateCounts::of(verdicts.map(|verdict| verdict.state));
    device_line(row, person, installs, of.map_or(0, |of| of.to_return_of(row)))
}

/// `installs` are of apps by their state, `to_return` is the number of licences that come back from it.
fn device_line(row: &DeviceRow, person: Option<&str>, installs: StateCounts, to_return: u64) -> DeviceLine {
    DeviceLine {
        id: row.id,
        name: row.name.clone(),
        serial: row.serial.clone(),
        person: person.map(|name| Named {
            name: name.to_owned(),
            href: format!("/people/{}", row.person_id),
        }),
        product: row.product_name.clone(),
        platform: row.platform,
        os_version: row.os_version.clone(),
        enrolment: row.enrolment,
        dep: row.dep,
        supervised: row.supervised.unwrap_or(false),
        installs,
        last_seen_at: row.last_seen_at,
        unreachable_since: row.unreachable_since,
        leaving_since: row.leaving_since,
        silent_since: row.silent_since,
        to_return,
    }
}

/// The first error of a chain, as an administrator looks it up.
pub fn error_code(chain: &str) -> Option<String> {
    let chain: serde_json::Value = serde_json::from_str(chain).ok()?;
    let first = chain.get(0)?;
    Some(format!(
        "{} {}",
        first.get("errorDomain")?.as_str()?,
        first.get("errorCode")?
    ))
}
