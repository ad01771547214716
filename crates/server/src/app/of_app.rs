//! What concerns one app: its numbers, and a page of its people, devices or licences, found by key and decided at the instant
//! in which they are shown.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, Detail, DeviceId, Holder, InstallState, PersonId, PersonVerdict, Waiter, World, decide_one};
use store::{
    AppRow, ClientUserRow, Cut, DeviceRow, InvitationRow, ListedDevice, MovedUpRow, PLACES, PersonRow, Snapshot,
    Sought, Span,
};
use uuid::Uuid;

use super::{
    App, AppError,
    apps::error_code,
    sums::{AppSums, summed},
    tokens::LocationView,
};

/// An app with its numbers, and what it is of.
pub struct OfApp {
    pub location: LocationView,
    pub app: AppSums,
}

/// Some people and one app.
pub struct People {
    /// These people only, with what reaches them.
    pub world: World,
    /// What is known of the app and of them.
    pub facts: domain::Asset,
    pub verdicts: BTreeMap<PersonId, PersonVerdict>,
    pub rows: BTreeMap<PersonId, PersonRow>,
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    pub client_users: BTreeMap<PersonId, ClientUserRow>,
    /// The latest of each, since they were last invited anew.
    pub invitations: BTreeMap<PersonId, InvitationRow>,
    /// Those who were moved up in the line, and why.
    pub moved_up: BTreeMap<PersonId, MovedUpRow>,
}

/// Which part of a list is asked for.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    pub span: Span,
    /// Whatever they are called when it is empty. What is found is counted, so all of it is looked for.
    pub query: &'a str,
    /// How many come before it. Only of what is looked for it is the place; elsewhere the span is.
    pub at: usize,
    pub most: usize,
}

/// A part of a list, and what comes before and after it.
pub struct Part<T> {
    pub rows: Vec<T>,
    /// Something comes before it.
    pub earlier: bool,
    /// Something comes after it.
    pub later: bool,
    /// How many were looked for and found.
    pub found: Option<usize>,
}

impl Asked<'_> {
    /// What is to be read for it: one more, to know whether there is one.
    /// After what it begins, of a list that is only read forwards.
    pub(super) fn after(&self) -> Option<Uuid> {
        match self.span {
            Span::After(after) => Some(after),
            Span::First | Span::Before(_) => None,
        }
    }

    pub(super) fn cut(&self) -> Cut<'_> {
        match self.query.is_empty() {
            true => Cut {
                span: self.span,
                query: "",
                most: self.most + 1,
            },
            false => Cut {
                span: Span::First,
                query: self.query,
                most: usize::MAX,
            },
        }
    }

    pub(super) fn part<T>(&self, rows: Vec<T>) -> Part<T> {
        if self.query.is_empty() {
            return Part::of(rows, self.span, self.most);
        }
        let found = rows.len();
        let at = self.at.min(found.saturating_sub(1) / self.most * self.most);
        Part {
            rows: rows.into_iter().skip(at).take(self.most).collect(),
            earlier: at > 0,
            later: at + self.most < found,
            found: Some(found),
        }
    }
}

impl<T> Part<T> {
    /// Of one more row than were asked for, if there is one.
    fn of(mut rows: Vec<T>, span: Span, most: usize) -> Part<T> {
        let more = rows.len() > most;
        if let Span::Before(_) = span {
            rows.drain(..rows.len().saturating_sub(most));
        } else {
            rows.truncate(most);
        }
        Part {
            rows,
            earlier: match span {
                Span::First => false,
                Span::After(_) => true,
                Span::Before(_) => more,
            },
            later: match span {
                Span::First | Span::After(_) => more,
                Span::Before(_) => true,
            },
            found: None,
        }
    }
}

impl People {
    /// Who has the licence themselves, or on whose device it is.
    pub fn owner(&self, holder: Holder) -> Option<PersonId> {
        self.world.owner(holder)
    }

    /// Whether whoever stood in the line when they were decided last stands there still.
    fn waits(&self, waiter: &Waiter) -> bool {
        let verdict = self.verdicts.get(&waiter.person);
        let mut devices = verdict.into_iter().flat_map(|verdict| verdict.devices.values());
        devices.any(|device| device.place.is_some() && device.holder(waiter.person) == waiter.holder)
    }

    /// What the device gave as its error, where the detail refers to it.
    pub fn error_code(&self, device: DeviceId, detail: Detail) -> Option<String> {
        error_code(&self.facts, device, detail)
    }
}

/// An instant, and the app that is looked at.
struct Look {
    read: Snapshot,
    of: OfApp,
}

impl Look {
    async fn people(&mut self, state: Option<InstallState>, cut: Cut<'_>) -> Result<Vec<PersonId>, AppError> {
        if self.of.app.row.is_app() {
            let verdicts = self.read.parts(&self.of.app.sums, true, sought(state)).await?;
            return Ok(self.read.people_said(&verdicts, cut).await?);
        }
        // Nothing is decided about a book: who has one is all there is.
        let holders = self.read.seats_page(self.of.app.row.id, cut.span, cut.most).await?;
        // Apple gives no device a licence for one.
        let people = holders.into_iter().filter_map(Holder::person).collect();
        called(&mut self.read, people, cut.query).await
    }

    async fn devices(&mut self, state: Option<InstallState>, cut: Cut<'_>) -> Result<Vec<ListedDevice>, AppError> {
        let verdicts = self.read.parts(&self.of.app.sums, false, sought(state)).await?;
        Ok(self.read.devices_said(&verdicts, cut).await?)
    }
}

/// From the first on; one more, to know whether there are more.
fn all(query: &str, most: usize) -> Cut<'_> {
    Cut {
        span: Span::First,
        query,
        most: most + 1,
    }
}

fn sought(state: Option<InstallState>) -> Sought {
    state.map_or(Sought::Anything, Sought::State)
}

/// Those of these people whom one looks for, by what one knows of them.
async fn called(read: &mut Snapshot, people: Vec<PersonId>, query: &str) -> Result<Vec<PersonId>, AppError> {
    if query.is_empty() {
        return Ok(people);
    }
    let query = query.to_lowercase();
    let found = |row: &PersonRow| {
        let texts = [Some(&row.name), row.department.as_ref(), row.email.as_ref()];
        let mut texts = texts.into_iter().flatten();
        texts.any(|text| text.to_lowercase().contains(&query))
    };
    let mut rows = read.people_rows(&people).await?;
    rows.retain(found);
    Ok(rows.into_iter().map(|row| row.id).collect())
}

impl App {
    /// `None` when there is no such app.
    async fn look_at(&self, asset: AssetId) -> Result<Option<Look>, AppError> {
        let mut read = self.store.snapshot().await?;
        let there = |row: &AppRow| row.gone_at.is_none() || row.taken > 0;
        let Some(row) = read.app(asset).await?.filter(there) else {
            return Ok(None);
        };
        let Some(location) = read.location(row.location_id).await? else {
            return Ok(None);
        };
        let app = summed(&mut read, row).await?;
        let location = LocationView::of(location, self.now());
        Ok(Some(Look {
            read,
            of: OfApp { location, app },
        }))
    }

    /// The app with its numbers; `None` when there is no such app.
    pub async fn of_app(&self, asset: AssetId) -> Result<Option<OfApp>, AppError> {
        Ok(self.look_at(asset).await?.map(|look| look.of))
    }

    /// A page of the people of an app, in this state or in any.
    pub async fn app_people(
        &self,
        asset: AssetId,
        state: Option<InstallState>,
        asked: Asked<'_>,
    ) -> Result<Option<(OfApp, Part<PersonId>, People)>, AppError> {
        let Some(mut look) = self.look_at(asset).await? else {
            return Ok(None);
        };
        let found = look.people(state, asked.cut()).await?;
        let part = asked.part(found);
        let people = self.people_of(look.read, &look.of.app.row, &part.rows).await?;
        Ok(Some((look.of, part, people)))
    }

    /// A page of the devices with which an app has something to do.
    pub async fn app_devices(
        &self,
        asset: AssetId,
        state: Option<InstallState>,
        asked: Asked<'_>,
    ) -> Result<Option<(OfApp, Part<ListedDevice>, People)>, AppError> {
        let Some(mut look) = self.look_at(asset).await? else {
            return Ok(None);
        };
        let found = look.devices(state, asked.cut()).await?;
        let part = asked.part(found);
        let mut owners: Vec<PersonId> = part.rows.iter().map(|row| row.person).collect();
        owners.sort_unstable();
        owners.dedup();
        let people = self.people_of(look.read, &look.of.app.row, &owners).await?;
        Ok(Some((look.of, part, people)))
    }

    /// The ids of all people whom such a list shows; of more than `most`, so many and one.
    pub(super) async fn app_people_ids(
        &self,
        asset: AssetId,
        state: Option<InstallState>,
        query: &str,
        most: usize,
    ) -> Result<Vec<PersonId>, AppError> {
        let look = self.look_at(asset).await?;
        let mut look = look.ok_or(AppError::NotFound("app"))?;
        look.people(state, all(query, most)).await
    }

    /// The same of devices.
    pub(super) async fn app_devices_ids(
        &self,
        asset: AssetId,
        state: Option<InstallState>,
        query: &str,
        most: usize,
    ) -> Result<Vec<DeviceId>, AppError> {
        let look = self.look_at(asset).await?;
        let mut look = look.ok_or(AppError::NotFound("app"))?;
        let found = look.devices(state, all(query, most)).await?;
        Ok(found.into_iter().map(|listed| listed.device).collect())
    }

    /// A page of those who have a licence.
    pub async fn app_licences(
        &self,
        asset: AssetId,
        span: Span,
        most: usize,
    ) -> Result<Option<(OfApp, Part<Holder>, People)>, AppError> {
        let Some(mut look) = self.look_at(asset).await? else {
            return Ok(None);
        };
        let found = look.read.seats_page(asset, span, most + 1).await?;
        let part = Part::of(found, span, most);
        let devices: Vec<DeviceId> = part.rows.iter().filter_map(|holder| holder.device()).collect();
        let devices = look.read.devices_of_ids(&devices).await?;
        let people = part.rows.iter().filter_map(|holder| holder.person());
        let people: BTreeSet<PersonId> = people.chain(devices.iter().map(|row| row.person_id)).collect();
        let people: Vec<PersonId> = people.into_iter().collect();
        let people = self.people_of(look.read, &look.of.app.row, &people).await?;
        Ok(Some((look.of, part, people)))
    }

    /// The first of those who wait for a licence, in their order.
    pub async fn app_waiting(&self, asset: AssetId, most: usize) -> Result<Option<(Vec<Waiter>, People)>, AppError> {
        let Some(mut look) = self.look_at(asset).await? else {
            return Ok(None);
        };
        let app = &look.of.app;
        // Those for whom licences are left come first, while they are being given.
        let passed = usize::try_from(app.sums.next()).unwrap_or(usize::MAX).min(most);
        let parts = app.sums.waiting_parts();
        let line = look.read.line_page(asset, &parts, most + passed).await?;
        let owners: BTreeSet<PersonId> = line.iter().map(|waiter| waiter.person).collect();
        let owners: Vec<PersonId> = owners.into_iter().collect();
        let people = self.people_of(look.read, &look.of.app.row, &owners).await?;
        let waits = |waiter: &Waiter| people.waits(waiter);
        let waiting = line.into_iter().filter(waits).take(most).collect();
        Ok(Some((waiting, people)))
    }

    /// Decides these people and the app.
    async fn people_of(&self, mut read: Snapshot, row: &AppRow, people: &[PersonId]) -> Result<People, AppError> {
        let location = row.location_id;
        let world = read.world_about(location, row.id, people, self.now()).await?;
        let facts = match world.apps.get(&row.id) {
            Some(facts) => Some(facts.clone()),
            None => read.world_beside_of(location, people).await?.remove(&row.id),
        };
        let facts = facts.ok_or(AppError::NotFound("app"))?;
        let places = read.places_in(row.id, people, PLACES).await?;
        let rows = read.people_rows(people).await?;
        let devices = read.device_rows(people).await?;
        let client_users = read.client_user_rows(location, people).await?;
        let invitations = read.invitation_rows(location, people).await?;
        let moved_up = read.moved_up(row.id, people).await?;
        // Nobody thinks with a transaction open.
        drop(read);
        let verdicts = people.iter().filter_map(|person| {
            let verdict = decide_one(&world, &facts, *person, |holder| places.get(&holder).copied())?;
            Some((*person, verdict))
        });
        Ok(People {
            verdicts: verdicts.collect(),
            rows: rows.into_iter().map(|row| (row.id, row)).collect(),
            devices: devices.into_iter().map(|row| (row.id, row)).collect(),
            client_users: client_users.into_iter().map(|row| (row.person_id, row)).collect(),
            invitations: invitations.into_iter().map(|row| (row.person_id, row)).collect(),
            moved_up,
            world,
            facts,
        })
    }
}
