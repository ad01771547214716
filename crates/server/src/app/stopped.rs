//! Plans that were stopped, because what was decided of somebody would have broken a promise ([`domain::sound`]).
//!
//! It is a defect of ours whenever there is one. Everybody else is served; whose plan it is waits until something of theirs changes,
//! or somebody who has seen it has it looked at again.

use std::collections::BTreeMap;

use domain::{AssetId, DeviceId, Holder, PersonId, Time};
use store::{Many, NewEvent, Snapshot, StoppedRow};
use uuid::Uuid;

use super::{App, AppError, Caller};

/// Somebody whose plan was stopped.
#[derive(Debug, Clone)]
pub struct StoppedPlan {
    pub person: PersonId,
    /// The person, or the device that belongs to nobody; and the name.
    pub whom: Holder,
    pub name: String,
    pub why: StoppedWhy,
}

/// What is wrong with a plan, step by step, and how the apps are called that it is about.
#[derive(Debug, Clone, Default)]
pub struct StoppedWhy {
    pub rows: Vec<StoppedRow>,
    pub apps: BTreeMap<AssetId, String>,
}

impl StoppedWhy {
    /// `None` while the plan is sound.
    pub fn since(&self) -> Option<Time> {
        self.rows.iter().map(|row| row.since).min()
    }

    pub(crate) async fn of(read: &mut Snapshot, rows: Vec<StoppedRow>) -> Result<StoppedWhy, AppError> {
        let apps: Vec<Uuid> = rows.iter().filter_map(|row| Some(row.fault.step.app()?.0)).collect();
        let apps = match apps[..] {
            [] => BTreeMap::new(),
            _ => read.names(&apps).await?.apps,
        };
        Ok(StoppedWhy { rows, apps })
    }
}

impl App {
    /// Whose plans are stopped: how many, and since when the first.
    pub async fn stopped_counted(&self) -> Result<(Many, Option<Time>), AppError> {
        match self.location_view().await? {
            Some(location) => Ok(self.store.stopped_counted(location.row.id).await?),
            None => Ok((Many::default(), None)),
        }
    }

    /// The next of them, by their ids.
    pub async fn stopped_plans(&self, after: Option<PersonId>, most: usize) -> Result<Vec<StoppedPlan>, AppError> {
        let mut read = self.store.snapshot().await?;
        let Some(location) = read.location_linked().await? else {
            return Ok(Vec::new());
        };
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let rows = read.stopped_after(location.id, after, most).await?;
        let ids: Vec<Uuid> = rows.iter().map(|row| row.fault.person.0).collect();
        let names = read.names(&ids).await?;
        let StoppedWhy { rows, apps } = StoppedWhy::of(&mut read, rows).await?;
        let mut plans: Vec<StoppedPlan> = Vec::new();
        for row in rows {
            let person = row.fault.person;
            if plans.last().is_none_or(|plan| plan.person != person) {
                // A device that belongs to nobody is called as the device is.
                let device = DeviceId(person.0);
                let (whom, name) = match names.devices.get(&device) {
                    Some(name) => (Holder::Device(device), Some(name)),
                    None => (Holder::Person(person), names.people.get(&person)),
                };
                plans.push(StoppedPlan {
                    person,
                    whom,
                    name: name.cloned().unwrap_or_default(),
                    why: StoppedWhy {
                        rows: Vec::new(),
                        apps: apps.clone(),
                    },
                });
            }
            if let Some(plan) = plans.last_mut() {
                plan.why.rows.push(row);
            }
        }
        Ok(plans)
    }

    /// Has somebody's plan looked at again. It goes on if it is sound by then, and is stopped still if it is not.
    pub async fn plan_look_again(&self, caller: &Caller, person: PersonId) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        let Some(location) = tx.location_linked().await? else {
            return Err(AppError::NotFound("stopped plan"));
        };
        if tx.stopped_of(location.id, &[person]).await?.is_empty() {
            return Err(AppError::NotFound("stopped plan"));
        }
        tx.decide_anew(location.id, &[person]).await?;
        let event = NewEvent::new(now, caller.actor(), "planLookedAgain").location(location.id);
        let is_nobody = tx.person(person).await?.is_none();
        let event = match is_nobody {
            true => event.device(DeviceId(person.0)),
            false => event.person(person),
        };
        tx.event(&event).await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}
