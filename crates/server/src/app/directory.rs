//! All people, and all devices: a page of them by name, with what is said of their apps, and how many there are of each kind.
//!
//! It costs what the page shows and what there is to say about the location's apps, however many people and devices there
//! are.

use std::collections::BTreeMap;

use domain::{
    AssetId, Concern, DeviceId, InstallState, LocationId, PersonId, Platform, Program, QUIET_AFTER, Time, decide_one,
};
use store::{
    ClientUserRow, Cut, DeviceRow, Devices, Edges, InvitationRow, ListedDevice, LocationRow, Many, Part as Share,
    People, PersonRow, SaidOf, Snapshot, Sought, Span, Sums,
};
use uuid::Uuid;

use super::{
    App, AppError,
    of_app::{Asked, Part},
    sums::sums_of,
};

/// Which people are listed. Those who left are listed only when asked for, or when something failed for them: an app that
/// cannot be removed keeps its licence.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PersonFilter {
    #[default]
    All,
    /// The terms of the programme are not accepted.
    Terms,
    /// Apple did not register the person.
    Refused,
    /// For a licence.
    Waiting,
    Failed,
    NoDevice,
    Left,
}

/// Which devices are listed. Those that are gone are listed only when asked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum DeviceFilter {
    #[default]
    All,
    Failed,
    Pending,
    /// Not heard for [`QUIET_AFTER`].
    Quiet,
    Dep,
    Leaving,
    Silent,
    Gone,
}

impl PersonFilter {
    pub const ALL: [PersonFilter; 7] = [
        PersonFilter::All,
        PersonFilter::Terms,
        PersonFilter::Refused,
        PersonFilter::Waiting,
        PersonFilter::Failed,
        PersonFilter::NoDevice,
        PersonFilter::Left,
    ];
}

impl DeviceFilter {
    pub const ALL: [DeviceFilter; 8] = [
        DeviceFilter::All,
        DeviceFilter::Failed,
        DeviceFilter::Pending,
        DeviceFilter::Quiet,
        DeviceFilter::Dep,
        DeviceFilter::Leaving,
        DeviceFilter::Silent,
        DeviceFilter::Gone,
    ];
}

/// A page of a list, and how many every filter would leave, in the order of its `ALL`.
pub struct Listing<Id, Row> {
    pub part: Part<Id>,
    pub rows: Vec<Row>,
    pub counts: Vec<Many>,
}

/// One person in the list.
pub struct ListedPerson {
    pub row: PersonRow,
    pub program: Program,
    /// The latest since they were last invited anew, and what the device is called on which it was shown.
    pub invitation: Option<(InvitationRow, Option<String>)>,
    /// Those that are not gone.
    pub devices: u64,
    pub licences: u64,
    /// For how many apps they wait for a licence.
    pub waiting: u64,
    /// How many apps are in which state.
    pub installs: BTreeMap<InstallState, u64>,
}

/// One person, and how far they are with the programme.
pub struct Joined {
    pub row: PersonRow,
    pub client_user: Option<ClientUserRow>,
    /// The latest since they were last invited anew.
    pub invitation: Option<InvitationRow>,
}

/// One device, whose it is, and what goes back on its account.
pub struct OwnedDevice {
    pub row: DeviceRow,
    pub person: Option<String>,
    /// Licences.
    pub to_return: u64,
}

/// One device in the list.
pub struct DeviceInList {
    pub of: OwnedDevice,
    /// How many apps are in which state.
    pub installs: BTreeMap<InstallState, u64>,
}

/// An instant, and everything that is said at it of the apps of the location, if there is one.
struct Look {
    read: Snapshot,
    location: Option<LocationRow>,
    sums: Vec<Sums>,
}

/// What is said of some people or devices.
struct Told {
    sums: BTreeMap<AssetId, Sums>,
    edges: BTreeMap<AssetId, Edges>,
}

impl Told {
    fn waits<Id>(&self, said: &SaidOf<Id>) -> bool {
        let sums = self.sums.get(&said.asset_id);
        sums.is_some_and(|sums| sums.waits(said, self.edges.get(&said.asset_id)))
    }

    fn state<Id>(&self, said: &SaidOf<Id>) -> InstallState {
        match self.waits(said) {
            true => said.verdict.said.waiting.0,
            false => said.verdict.said.served.0,
        }
    }
}

impl Look {
    /// What is said of the people, or else of the devices, that are sought.
    async fn parts(&mut self, people: bool, sought: Sought) -> Result<Vec<(i64, Share)>, AppError> {
        let mut parts = Vec::new();
        for sums in &self.sums {
            parts.extend(self.read.parts(sums, people, sought).await?);
        }
        Ok(parts)
    }

    async fn told(&mut self) -> Result<Told, AppError> {
        let edges = self.read.edges(&self.sums).await?;
        let sums = std::mem::take(&mut self.sums);
        Ok(Told {
            sums: sums.into_iter().map(|sums| (sums.asset_id, sums)).collect(),
            edges,
        })
    }

    /// Those whom a filter leaves; of nobody anything was decided without a location.
    fn people(&self, filter: PersonFilter) -> Option<Whom<People>> {
        let concern = |concern| {
            let location = self.location.as_ref()?;
            Some(Whom::Kept(People::Of(location.id, concern)))
        };
        match filter {
            PersonFilter::All => Some(Whom::Kept(People::Here)),
            PersonFilter::Left => Some(Whom::Kept(People::Left)),
            PersonFilter::Terms => concern(Concern::Terms),
            PersonFilter::Refused => concern(Concern::Refused),
            PersonFilter::NoDevice => concern(Concern::NoDevice),
            PersonFilter::Waiting => Some(Whom::Said(Sought::Waiting)),
            PersonFilter::Failed => Some(Whom::Said(Sought::Failed)),
        }
    }

    async fn people_counted(&mut self) -> Result<Vec<Many>, AppError> {
        let mut counts = Vec::new();
        for filter in PersonFilter::ALL {
            counts.push(match self.people(filter) {
                None => Many::default(),
                Some(Whom::Kept(people)) => self.read.people_counted(people).await?.into(),
                Some(Whom::Said(sought)) => {
                    let parts = self.parts(true, sought).await?;
                    self.read.people_said_counted(&parts).await?
                }
            });
        }
        Ok(counts)
    }

    async fn devices_counted(&mut self, now: Time) -> Result<Vec<Many>, AppError> {
        let mut counts = Vec::new();
        for filter in DeviceFilter::ALL {
            counts.push(match devices(filter, now) {
                Whom::Kept(devices) => self.read.devices_counted(devices).await?.into(),
                Whom::Said(sought) => {
                    let parts = self.parts(false, sought).await?;
                    self.read.devices_said_counted(&parts).await?
                }
            });
        }
        Ok(counts)
    }
}

/// Licences that go back on account of devices that leave, are gone, or count as gone, and that Apple has not confirmed.
async fn returning(
    read: &mut Snapshot,
    location: LocationId,
    rows: &[DeviceRow],
    now: Time,
) -> Result<BTreeMap<DeviceId, u64>, AppError> {
    let leaves = |row: &&DeviceRow| row.enrolment.gives_back(row.silent_since);
    let leaving: Vec<&DeviceRow> = rows.iter().filter(leaves).collect();
    let mut owners: Vec<PersonId> = leaving.iter().map(|row| row.person_id).collect();
    owners.sort_unstable();
    owners.dedup();
    if owners.is_empty() {
        return Ok(BTreeMap::new());
    }
    let world = read.world_of(location, &owners, now).await?;
    let beside = read.world_beside_of(location, &owners).await?;
    let apps = || world.apps.values().chain(beside.values());
    // Its own, and the person's for apps that it had.
    let returns = |row: &DeviceRow, app: &domain::Asset| {
        decide_one(&world, app, row.person_id, |_| None).map_or(0, |verdict| {
            let theirs = app.installs.contains_key(&row.id) && verdict.is_to_return(app);
            u64::from(theirs) + u64::from(verdict.is_to_return_of(app, row.id))
        })
    };
    let each = leaving
        .iter()
        .map(|row| (row.id, apps().map(|app| returns(row, app)).sum()));
    Ok(each.collect())
}

/// By what a filter finds: by what is kept of everybody, or by what is said about apps.
enum Whom<Kept> {
    Kept(Kept),
    Said(Sought),
}

fn devices(filter: DeviceFilter, now: Time) -> Whom<Devices> {
    Whom::Kept(match filter {
        DeviceFilter::All => Devices::Here,
        DeviceFilter::Failed => return Whom::Said(Sought::Failed),
        DeviceFilter::Pending => return Whom::Said(Sought::State(InstallState::PendingInstall)),
        DeviceFilter::Quiet => Devices::Unheard(now - QUIET_AFTER),
        DeviceFilter::Dep => Devices::Dep,
        DeviceFilter::Leaving => Devices::Leaving,
        DeviceFilter::Silent => Devices::Silent,
        DeviceFilter::Gone => Devices::Gone,
    })
}

impl App {
    async fn look(&self) -> Result<Look, AppError> {
        let mut read = self.store.snapshot().await?;
        let location = read.location_linked().await?;
        let sums = match &location {
            Some(location) => sums_of(&mut read, location.id).await?,
            None => Vec::new(),
        };
        Ok(Look {
            read,
            location,
            sums: sums.into_iter().map(|(_, _, sums)| sums).collect(),
        })
    }

    /// A page of the people of the organisation.
    pub async fn people_list(
        &self,
        filter: PersonFilter,
        asked: Asked<'_>,
    ) -> Result<Listing<PersonId, ListedPerson>, AppError> {
        let mut look = self.look().await?;
        let counts = look.people_counted().await?;
        let found = people_found(&mut look, filter, asked.cut()).await?;
        let part = asked.part(found);
        let rows = people_shown(look, &part.rows).await?;
        Ok(Listing { part, rows, counts })
    }

    /// A page of the devices.
    pub async fn devices_list(
        &self,
        filter: DeviceFilter,
        asked: Asked<'_>,
    ) -> Result<Listing<DeviceId, DeviceInList>, AppError> {
        let now = self.now();
        let mut look = self.look().await?;
        let counts = look.devices_counted(now).await?;
        let found = devices_found(&mut look, filter, asked.cut(), now).await?;
        let part = asked.part(found);
        let rows = devices_shown(look, &part.rows, now).await?;
        Ok(Listing { part, rows, counts })
    }

    /// The ids of all that a list shows; of more than `most`, so many and one.
    pub(super) async fn people_ids(
        &self,
        filter: PersonFilter,
        query: &str,
        most: usize,
    ) -> Result<Vec<PersonId>, AppError> {
        let mut look = self.look().await?;
        people_found(&mut look, filter, first(query, most + 1)).await
    }

    /// The same of devices.
    pub(super) async fn devices_ids(
        &self,
        filter: DeviceFilter,
        query: &str,
        most: usize,
    ) -> Result<Vec<DeviceId>, AppError> {
        let now = self.now();
        let mut look = self.look().await?;
        devices_found(&mut look, filter, first(query, most + 1), now).await
    }

    /// The next people in the order in which they were added, those who left among them.
    pub async fn people_after(&self, asked: Asked<'_>) -> Result<(Part<PersonId>, Vec<Joined>), AppError> {
        let mut read = self.store.snapshot().await?;
        let part = asked.part(read.people_after(asked.after(), asked.most + 1).await?);
        let mut client_users = BTreeMap::new();
        let mut invitations = BTreeMap::new();
        if let Some(location) = read.location_linked().await? {
            let rows = read.client_user_rows(location.id, &part.rows).await?;
            client_users.extend(rows.into_iter().map(|row| (row.person_id, row)));
            // The latest comes last.
            let rows = read.invitation_rows(location.id, &part.rows).await?;
            invitations.extend(rows.into_iter().map(|row| (row.person_id, row)));
        }
        let mut rows = by_id(read.people_rows(&part.rows).await?, |row| row.id);
        let joined = part.rows.iter().filter_map(|person| {
            Some(Joined {
                row: rows.remove(person)?,
                client_user: client_users.remove(person),
                invitation: invitations.remove(person),
            })
        });
        let joined = joined.collect();
        Ok((part, joined))
    }

    /// The next devices in the order in which they first came, those that are gone among them.
    pub async fn devices_after(&self, asked: Asked<'_>) -> Result<(Part<DeviceId>, Vec<OwnedDevice>), AppError> {
        let mut read = self.store.snapshot().await?;
        let location = read.location_linked().await?;
        let part = asked.part(read.devices_after(asked.after(), asked.most + 1).await?);
        let rows = devices_owned(&mut read, location.as_ref(), &part.rows, self.now()).await?;
        Ok((part, rows))
    }

    /// The first people who are called so, or whose mail or department is like it, those who left among them; `most` of
    /// each.
    pub async fn people_like(&self, query: &str, most: usize) -> Result<Vec<PersonRow>, AppError> {
        let mut read = self.store.snapshot().await?;
        let mut found = Vec::new();
        for which in [People::Here, People::Left] {
            found.extend(read.people_listed(which, first(query, most)).await?);
        }
        let mut rows = by_id(read.people_rows(&found).await?, |row| row.id);
        Ok(found.iter().filter_map(|person| rows.remove(person)).collect())
    }

    /// The first devices that are called so, or whose serial number, UDID or person is like it; those that are gone come
    /// last.
    pub async fn devices_like(&self, query: &str, most: usize) -> Result<Vec<DeviceRow>, AppError> {
        let mut read = self.store.snapshot().await?;
        let mut found = Vec::new();
        for which in [Devices::Here, Devices::Gone] {
            found.extend(read.devices_listed(which, first(query, most)).await?);
        }
        let mut rows = by_id(read.devices_of_ids(&found).await?, |row| row.id);
        Ok(found.iter().filter_map(|device| rows.remove(device)).collect())
    }

    /// How many devices are here, by what runs on them.
    pub async fn platforms(&self) -> Result<BTreeMap<Platform, u64>, AppError> {
        Ok(self.store.platforms_counted().await?)
    }
}

fn first(query: &str, most: usize) -> Cut<'_> {
    Cut {
        span: Span::First,
        query,
        most,
    }
}

async fn people_found(look: &mut Look, filter: PersonFilter, cut: Cut<'_>) -> Result<Vec<PersonId>, AppError> {
    Ok(match look.people(filter) {
        None => Vec::new(),
        Some(Whom::Kept(people)) => look.read.people_listed(people, cut).await?,
        Some(Whom::Said(sought)) => {
            let parts = look.parts(true, sought).await?;
            look.read.people_said(&parts, cut).await?
        }
    })
}

async fn devices_found(
    look: &mut Look,
    filter: DeviceFilter,
    cut: Cut<'_>,
    now: Time,
) -> Result<Vec<DeviceId>, AppError> {
    Ok(match devices(filter, now) {
        Whom::Kept(devices) => look.read.devices_listed(devices, cut).await?,
        Whom::Said(sought) => {
            let parts = look.parts(false, sought).await?;
            let found = look.read.devices_said(&parts, cut).await?;
            found.into_iter().map(|listed| listed.device).collect()
        }
    })
}

/// These people, in this order.
async fn people_shown(mut look: Look, people: &[PersonId]) -> Result<Vec<ListedPerson>, AppError> {
    let told = look.told().await?;
    let Look { mut read, location, .. } = look;
    let mut devices = read.devices_of_each(people).await?;
    let mut licences = read.licences_of_each(people).await?;
    let mut programs = BTreeMap::new();
    let mut invitations = BTreeMap::new();
    let mut said: BTreeMap<PersonId, Vec<SaidOf<PersonId>>> = BTreeMap::new();
    if let Some(location) = &location {
        let mut invited: BTreeMap<PersonId, Vec<InvitationRow>> = BTreeMap::new();
        for row in read.invitation_rows(location.id, people).await? {
            invited.entry(row.person_id).or_default().push(row);
        }
        for row in read.client_user_rows(location.id, people).await? {
            let invited = invited.get(&row.person_id).map_or(&[][..], Vec::as_slice);
            let attempts: Vec<_> = invited.iter().map(InvitationRow::attempt).collect();
            programs.insert(row.person_id, row.program(&attempts));
        }
        for (person, rows) in invited {
            invitations.extend(rows.into_iter().last().map(|row| (person, row)));
        }
        for row in read.said_of_people(location.id, people).await? {
            said.entry(row.of).or_default().push(row);
        }
    }
    let on: Vec<Uuid> = invitations.values().map(|row| row.device_id.0).collect();
    let names = read.names(&on).await?;
    let mut rows: BTreeMap<PersonId, PersonRow> = by_id(read.people_rows(people).await?, |row| row.id);
    let shown = people.iter().filter_map(|person| {
        let said = said.remove(person).unwrap_or_default();
        let invitation = invitations.remove(person).map(|row| {
            let device = names.devices.get(&row.device_id).cloned();
            (row, device)
        });
        Some(ListedPerson {
            row: rows.remove(person)?,
            program: programs.remove(person).unwrap_or_default(),
            invitation,
            devices: devices.remove(person).unwrap_or(0),
            licences: licences.remove(person).unwrap_or(0),
            waiting: said.iter().filter(|said| told.waits(said)).count() as u64,
            installs: states(&told, &said),
        })
    });
    Ok(shown.collect())
}

/// These devices, in this order.
async fn devices_owned(
    read: &mut Snapshot,
    location: Option<&LocationRow>,
    devices: &[DeviceId],
    now: Time,
) -> Result<Vec<OwnedDevice>, AppError> {
    let found = read.devices_of_ids(devices).await?;
    let mut to_return = match location {
        Some(location) => returning(read, location.id, &found, now).await?,
        None => BTreeMap::new(),
    };
    let owners: Vec<Uuid> = found.iter().map(|row| row.person_id.0).collect();
    let names = read.names(&owners).await?;
    let mut rows: BTreeMap<DeviceId, DeviceRow> = by_id(found, |row| row.id);
    let owned = devices.iter().filter_map(|device| {
        let row = rows.remove(device)?;
        Some(OwnedDevice {
            person: names.people.get(&row.person_id).cloned(),
            to_return: to_return.remove(device).unwrap_or(0),
            row,
        })
    });
    Ok(owned.collect())
}

/// These devices with what is said of their apps, in this order.
async fn devices_shown(mut look: Look, devices: &[DeviceId], now: Time) -> Result<Vec<DeviceInList>, AppError> {
    let told = look.told().await?;
    let Look { mut read, location, .. } = look;
    let owned = devices_owned(&mut read, location.as_ref(), devices, now).await?;
    let listed: Vec<ListedDevice> = owned
        .iter()
        .map(|of| ListedDevice {
            device: of.row.id,
            person: of.row.person_id,
        })
        .collect();
    let mut said: BTreeMap<DeviceId, Vec<SaidOf<DeviceId>>> = BTreeMap::new();
    if let Some(location) = &location {
        for row in read.said_of_devices(location.id, &listed).await? {
            said.entry(row.of).or_default().push(row);
        }
    }
    let shown = owned.into_iter().map(|of| DeviceInList {
        installs: states(&told, said.get(&of.row.id).map_or(&[], Vec::as_slice)),
        of,
    });
    Ok(shown.collect())
}

fn states<Id>(told: &Told, said: &[SaidOf<Id>]) -> BTreeMap<InstallState, u64> {
    let mut states = BTreeMap::new();
    for said in said {
        *states.entry(told.state(said)).or_default() += 1;
    }
    states
}

fn by_id<K: Ord, T>(rows: Vec<T>, id: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    rows.into_iter().map(|row| (id(&row), row)).collect()
}
