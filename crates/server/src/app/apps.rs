//! The volume-purchased apps, and the decision about each.

use std::collections::BTreeMap;

use domain::{AssetId, Decision, Detail, DeviceId, GroupId, PersonId, World, asks_anew, decide};
use store::{
    AppRow, ClientUserRow, DeviceRow, EventFilter, EventRow, GroupRow, InvitationRow, NewEvent, OperationRow, PersonRow,
};

use super::{App, AppError, Caller, FieldProblem, tokens::LocationView};

/// One app: what Apple says of it, and what is decided about it.
#[derive(Debug, Clone)]
pub struct AppView {
    pub row: AppRow,
    pub facts: domain::Asset,
    pub decision: Decision,
}

impl AppView {
    /// What the device gave as its error, where the detail refers to it.
    pub fn error_code(&self, device: DeviceId, detail: Detail) -> Option<String> {
        error_code(&self.facts, device, detail)
    }
}

/// What the device gave as its error, where the detail refers to it.
pub(super) fn error_code(facts: &domain::Asset, device: DeviceId, detail: Detail) -> Option<String> {
    if !matches!(detail, Detail::SeeInstallErrorCode | Detail::SeeUninstallErrorCode) {
        return None;
    }
    let failure = facts.installs.get(&device)?.failure.as_ref();
    failure.map(|failure| failure.code.clone())
}

/// Everything that the pages show of the location, read at one instant.
pub struct Overview {
    pub location: LocationView,
    pub world: World,
    pub apps: Vec<AppView>,
    pub people: BTreeMap<PersonId, PersonRow>,
    pub devices: BTreeMap<DeviceId, DeviceRow>,
    pub groups: BTreeMap<GroupId, GroupRow>,
    pub client_users: BTreeMap<PersonId, ClientUserRow>,
    /// The latest of each person, since they were last invited anew.
    pub invitations: BTreeMap<PersonId, InvitationRow>,
}

impl Overview {
    pub fn app(&self, asset: AssetId) -> Option<&AppView> {
        self.apps.iter().find(|app| app.row.id == asset)
    }

    /// Licences of the person that go back and that Apple has not confirmed yet.
    pub fn to_return(&self, person: PersonId) -> u64 {
        self.returning(person).count() as u64
    }

    /// Those of them for apps that the device had, where it is leaving, gone, or counts as gone.
    pub fn to_return_of(&self, device: &DeviceRow) -> u64 {
        let leaves = device.enrolment.gives_back(device.silent_since);
        let had = |app: &&AppView| leaves && app.facts.installs.contains_key(&device.id);
        self.returning(device.person_id).filter(had).count() as u64
    }

    fn returning(&self, person: PersonId) -> impl Iterator<Item = &AppView> {
        self.apps.iter().filter(move |app| {
            let verdict = app.decision.people.get(&person);
            verdict.is_some_and(|verdict| verdict.is_to_return(&app.facts))
        })
    }
}

impl App {
    /// `None` until a token is linked.
    pub async fn overview(&self) -> Result<Option<Overview>, AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let Some(location) = read.location_linked().await? else {
            return Ok(None);
        };
        let id = location.id;
        let world = read.world(id, now).await?;
        let beside = read.world_beside(id).await?;
        let rows = read.apps(id).await?;
        let people = by(read.people().await?, |row| row.id);
        let devices = by(read.devices().await?, |row| row.id);
        let groups = by(read.groups().await?, |row| row.id);
        let client_users = by(read.client_users(id).await?, |row| row.person_id);
        let invitations = by(read.invitations_now(id).await?, |row| row.person_id);
        // Nobody thinks with a transaction open.
        drop(read);
        let apps = rows
            .into_iter()
            .filter_map(|row| {
                let facts = world.apps.get(&row.id).or_else(|| beside.get(&row.id))?.clone();
                let decision = decide(&world, &facts);
                Some(AppView { row, facts, decision })
            })
            .collect();
        Ok(Some(Overview {
            location: LocationView::of(location, now),
            apps,
            people,
            devices,
            groups,
            client_users,
            invitations,
            world,
        }))
    }

    /// The app, which has to be one.
    pub(super) async fn app_to_deploy(&self, asset: AssetId) -> Result<AppRow, AppError> {
        let app = self.store.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        if app.is_app() {
            return Ok(app);
        }
        Err(AppError::Invalid {
            field: "app",
            problem: FieldProblem::NotAnApp,
        })
    }

    /// Media type and bytes of the icon that was copied from Apple.
    pub async fn app_icon(&self, asset: AssetId) -> Result<Option<(String, Vec<u8>)>, AppError> {
        Ok(self.store.icon(asset).await?)
    }

    /// The person asks for an app that is available to them. Who has asked already keeps their place, and whoever removed it since
    /// asks anew.
    pub async fn app_request(&self, caller: &Caller, asset: AssetId, person: PersonId) -> Result<(), AppError> {
        caller.may_write()?;
        let app = self.app_to_deploy(asset).await?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        super::leavers::here(&mut tx, person).await?;
        if !tx.request_put(asset, person, now).await? {
            let world = tx.world_about(app.location_id, asset, &[person], now).await?;
            let facts = world.apps.get(&asset);
            if !facts.is_some_and(|facts| asks_anew(&world, facts, person)) {
                return Ok(());
            }
            tx.request_renew(asset, person, now).await?;
        }
        tx.event(
            &NewEvent::new(now, caller.actor(), "appRequested")
                .asset(asset)
                .person(person),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Takes back what [`app_request`](Self::app_request) asked for. What is installed stays.
    pub async fn app_request_withdraw(
        &self,
        caller: &Caller,
        asset: AssetId,
        person: PersonId,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let mut tx = self.store.begin().await?;
        if !tx.request_delete(asset, person).await? {
            return Ok(());
        }
        tx.event(
            &NewEvent::new(self.now(), caller.actor(), "appRequestWithdrawn")
                .asset(asset)
                .person(person),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Everything that Apple is to be asked, or works on; the latest first.
    pub async fn operations_open(&self) -> Result<Vec<OperationRow>, AppError> {
        let Some(location) = self.store.location_linked().await? else {
            return Ok(Vec::new());
        };
        let mut open = self.store.operations_open(location.id).await?;
        open.reverse();
        Ok(open)
    }

    /// The latest first.
    pub async fn operations_recent(&self, limit: i64) -> Result<Vec<OperationRow>, AppError> {
        Ok(self.store.operations_recent(limit).await?)
    }

    /// The latest first.
    pub async fn events(&self, filter: &EventFilter) -> Result<Vec<EventRow>, AppError> {
        Ok(self.store.events(filter).await?)
    }
}

fn by<K: Ord, T>(rows: Vec<T>, key: impl Fn(&T) -> K) -> BTreeMap<K, T> {
    rows.into_iter().map(|row| (key(&row), row)).collect()
}
