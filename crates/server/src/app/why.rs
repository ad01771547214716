//! Why a person or a device has an app, or has it not: what is known of the two, read by key, and the answer.

use std::collections::BTreeMap;

use domain::{
    AssetId, DeviceId, DeviceVerdict, Holder, Licensing, PersonId, Position, World, decide_one,
    why::{Asked, Why, waits, why},
};
use store::{AppRow, DeviceRow, EventRow, MovedUpRow, Names, OperationRow, PLACES, PersonRow};
use uuid::Uuid;

use super::{App, AppError, stopped::StoppedWhy};

/// So much of what happened to somebody about an app is shown; who wants more looks at the history.
const EVENTS: i64 = 30;

/// The answer, with what it speaks of.
pub struct Answer {
    pub why: Why,
    /// A fact of each: what the answer was made of.
    pub world: World,
    pub facts: domain::Asset,
    pub position: Position,
    pub app: AppRow,
    /// `None` where a device was asked about that belongs to nobody.
    pub person: Option<PersonRow>,
    /// Whose plan it is: the person's, or that of what stands for a device of nobody.
    pub subject: Holder,
    /// Set when a device was asked about.
    pub asked: Option<DeviceId>,
    /// The person's, with those that are gone.
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    /// What is said of each of them.
    pub verdicts: BTreeMap<DeviceId, DeviceVerdict>,
    /// Of the groups that have the app, and of the devices.
    pub names: Names,
    /// Whether the person was moved up in the line, and why.
    pub moved_up: Option<MovedUpRow>,
    /// What the person's licence waits for at Apple.
    pub operation: Option<OperationRow>,
    /// What is wrong with the person's plan, about whatever app: nothing is done for them until it is sound.
    pub stopped: StoppedWhy,
    /// What happened to the person about the app, the latest first.
    pub events: Vec<EventRow>,
}

impl Answer {
    /// Whose licence the device has the app with, or is to have it with, and why that one's; `None` where nothing is to be there.
    pub fn licensing(&self) -> Option<Licensing> {
        let device = self.verdicts.get(&self.why.device?)?;
        device.resolution.keeps().then_some(device.licensing)
    }

    /// The device that the answer speaks of.
    pub fn device(&self) -> Option<&DeviceRow> {
        self.why.device.and_then(|device| self.devices.get(&device))
    }
}

impl App {
    /// `whom` is a person or a device. Costs what the person has, however many others there are.
    pub async fn why(&self, whom: Uuid, asset: AssetId) -> Result<Answer, AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let device = read.device(DeviceId(whom)).await?;
        let id = device.as_ref().map_or(PersonId(whom), |device| device.person_id);
        let person = match device.as_ref().map(DeviceRow::owner) {
            Some(None) => None,
            _ => Some(read.person(id).await?.ok_or(AppError::NotFound("person or device"))?),
        };
        let app = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let world = read.world_of(app.location_id, &[id], now).await?;
        let facts = match world.apps.get(&asset) {
            Some(facts) => Some(facts.clone()),
            None => read.world_beside_of(app.location_id, &[id]).await?.remove(&asset),
        };
        let facts = facts.ok_or(AppError::NotFound("app"))?;
        // Who stands in the line for whoever asks: nobody's place is needed to tell.
        let whom = device.as_ref().map(|device| device.id);
        let verdict = decide_one(&world, &facts, id, |_| None);
        let licence = verdict.as_ref().and_then(|verdict| waits(verdict, whom));
        let position = read.position(asset, licence.unwrap_or(id.into()), PLACES).await?;
        let places = read.places_in(asset, &[id], PLACES).await?;
        let moved_up = read.moved_up(asset, &[id]).await?.remove(&id);
        let operation = read.operation_of_seat(asset, licence.unwrap_or(id.into())).await?;
        let happened_to = match (&person, whom) {
            (None, Some(device)) => Holder::Device(device),
            _ => Holder::Person(id),
        };
        let events = read.events_of_pair(asset, happened_to, EVENTS).await?;
        let stopped = read.stopped_of(app.location_id, &[id]).await?;
        let stopped = StoppedWhy::of(&mut read, stopped).await?;
        let devices = read.devices_of(id).await?;
        let lines = facts.deployments.iter().map(|line| line.group.0);
        let invited = world.people.values().flat_map(|person| &person.invited);
        let ids: Vec<Uuid> = lines.chain(invited.map(|attempt| attempt.device.0)).collect();
        let names = read.names(&ids).await?;
        // Nobody thinks with a transaction open.
        drop(read);
        let verdict = decide_one(&world, &facts, id, |holder| places.get(&holder).copied());
        let why = why(&Asked {
            world: &world,
            app: &facts,
            person: id,
            device: whom,
            verdict: verdict.as_ref(),
            position: &position,
            deployable: app.is_app(),
        });
        Ok(Answer {
            why,
            position,
            app,
            person,
            subject: happened_to,
            asked: whom,
            devices: devices.into_iter().map(|row| (row.id, row)).collect(),
            verdicts: verdict.map(|verdict| verdict.devices).unwrap_or_default(),
            names,
            moved_up,
            operation,
            stopped,
            events,
            facts,
            world,
        })
    }
}
