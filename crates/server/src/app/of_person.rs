//! What concerns one person: their apps, devices and invitations, and where they stand in every line.
//!
//! It costs what the person has, however many others there are.

use std::collections::BTreeMap;

use domain::{AssetId, Detail, DeviceId, DeviceVerdict, PersonId, PersonVerdict, World, decide_one};
use store::{AppRow, DeviceRow, PLACES};

use super::{App, AppError, apps::error_code, stopped::StoppedWhy, tokens::LocationView};

/// One person and one app.
#[derive(Debug, Clone)]
pub struct PersonApp {
    pub row: AppRow,
    /// What is known of the app and of this person, and of nobody else.
    pub facts: domain::Asset,
    pub verdict: PersonVerdict,
}

/// Everything that is shown of one person, read at one instant.
pub struct OfPerson {
    pub location: LocationView,
    pub person: PersonId,
    /// The person, their devices, and what reaches them.
    pub world: World,
    /// Apps and books of which something is to be said, as they are called.
    pub apps: Vec<PersonApp>,
    /// Every app and book of the location.
    pub rows: BTreeMap<AssetId, AppRow>,
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    /// What is wrong with their plan; most of the time nothing.
    pub stopped: StoppedWhy,
}

impl PersonApp {
    /// What the device gave as its error, where the detail refers to it.
    pub fn error_code(&self, device: DeviceId, detail: Detail) -> Option<String> {
        error_code(&self.facts, device, detail)
    }
}

impl OfPerson {
    /// What is said of each app on one of their devices.
    pub fn on(&self, device: DeviceId) -> impl Iterator<Item = (&PersonApp, &DeviceVerdict)> {
        let said =
            move |app| -> Option<(&PersonApp, &DeviceVerdict)> { Some((app, app.verdict.devices.get(&device)?)) };
        self.apps.iter().filter_map(said)
    }

    /// Licences that go back and that Apple has not confirmed yet.
    pub fn to_return(&self) -> u64 {
        self.apps.iter().map(|app| app.verdict.to_return(&app.facts)).sum()
    }

    /// Those of them for apps that the device had, where it is leaving, gone, or counts as gone: its own, and the person's.
    pub fn to_return_of(&self, device: &DeviceRow) -> u64 {
        if !device.enrolment.gives_back(device.silent_since) {
            return 0;
        }
        let of_app = |app: &PersonApp| {
            let had = app.facts.installs.contains_key(&device.id) && app.verdict.is_to_return(&app.facts);
            u64::from(had) + u64::from(app.verdict.is_to_return_of(&app.facts, device.id))
        };
        self.apps.iter().map(of_app).sum()
    }
}

impl App {
    /// `None` until a token is linked.
    pub async fn of_person(&self, person: PersonId) -> Result<Option<OfPerson>, AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let Some(location) = read.location_linked().await? else {
            return Ok(None);
        };
        let id = location.id;
        let world = read.world_of(id, &[person], now).await?;
        let mut beside = read.world_beside_of(id, &[person]).await?;
        let places = read.places(id, person, PLACES).await?;
        let rows = read.apps(id).await?;
        let devices = read.devices_of(person).await?;
        let stopped = read.stopped_of(id, &[person]).await?;
        let stopped = StoppedWhy::of(&mut read, stopped).await?;
        // Nobody thinks with a transaction open.
        drop(read);
        let apps = rows.iter().filter_map(|row| {
            let facts = match world.apps.get(&row.id) {
                Some(facts) => facts.clone(),
                None => beside.remove(&row.id)?,
            };
            let places = places.get(&row.id);
            let verdict = decide_one(&world, &facts, person, |holder| places?.get(&holder).copied())?;
            Some(PersonApp {
                row: row.clone(),
                facts,
                verdict,
            })
        });
        Ok(Some(OfPerson {
            apps: apps.collect(),
            stopped,
            location: LocationView::of(location, now),
            person,
            rows: rows.into_iter().map(|row| (row.id, row)).collect(),
            devices: devices.into_iter().map(|row| (row.id, row)).collect(),
            world,
        }))
    }
}
