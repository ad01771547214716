//! Each app with its numbers: licences, and how many people and devices are in which state.
//!
//! What is said of everybody is kept with how often it is said, so this costs as much as there are things to say.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, Counts, Deployment, DeploymentId, InstallState, LocationId, Owned, Platform};
use store::{AppRow, SeatState, Snapshot, States, Sum, Sums};

use super::{App, AppError, tokens::LocationView};

/// One app with its numbers.
#[derive(Debug, Clone)]
pub struct AppSums {
    pub row: AppRow,
    pub platforms: BTreeSet<Platform>,
    pub counts: Counts,
    pub deployments: Vec<Deployment>,
    pub people: States,
    /// Devices with which the app has something to do.
    pub devices: States,
    pub(super) sums: Sums,
}

/// A location's apps, read at one instant.
pub struct Summed {
    pub location: LocationView,
    pub apps: Vec<AppSums>,
}

/// How many licences of each asset are reserved, or go back.
type Moving = BTreeMap<(AssetId, SeatState), u64>;

impl AppSums {
    fn new(row: AppRow, deployments: Vec<Deployment>, counts: Counts, sums: Sums) -> AppSums {
        AppSums {
            platforms: row.runs_on(),
            counts: Counts {
                waiting: sums.waiting(),
                kept: sums.stock().kept(),
                ..counts
            },
            deployments,
            people: sums.people(),
            devices: sums.devices(),
            sums,
            row,
        }
    }

    /// How many stand before the first who waits for a licence, in each part of the line in which somebody does.
    pub fn before_waiting(&self) -> Vec<(Option<DeploymentId>, u64)> {
        self.sums.before_waiting()
    }
}

/// Where its licences are; nobody waits yet.
fn counts(row: &AppRow, moving: &Moving) -> Counts {
    let number = |number: i64| u64::try_from(number).unwrap_or(0);
    let seats = |state| moving.get(&(row.id, state)).copied().unwrap_or(0);
    Counts::with(
        Owned::of(row.total, row.retired),
        number(row.foreign_held),
        number(row.taken),
        seats(SeatState::Reserved),
        seats(SeatState::Returning),
    )
}

/// Sums by state, whatever the reason.
pub fn by_state(states: &States) -> BTreeMap<InstallState, u64> {
    let mut sums = BTreeMap::new();
    for ((state, _), times) in states {
        *sums.entry(*state).or_default() += times;
    }
    sums
}

/// The app with its numbers, of the same instant as everything else that is read.
pub(super) async fn summed(read: &mut Snapshot, row: AppRow) -> Result<AppSums, AppError> {
    let deployments = read.deployments(row.id).await?;
    let counts = read.counts(row.id).await?;
    let sums = read.sums_at(row.id, counts.free).await?;
    Ok(AppSums::new(row, deployments, counts, sums))
}

/// Every app and book of the location, where its licences are, and what is said of it.
pub(super) async fn sums_of(
    read: &mut Snapshot,
    location: LocationId,
) -> Result<Vec<(AppRow, Counts, Sums)>, AppError> {
    let rows = read.apps(location).await?;
    let moving = read.seats_moving(location).await?;
    let mut said: BTreeMap<AssetId, Vec<Sum>> = BTreeMap::new();
    for sum in read.sums(location).await? {
        said.entry(sum.asset_id).or_default().push(sum);
    }
    let mut keeping = read.keeping(location).await?;
    let mut apps = Vec::with_capacity(rows.len());
    for row in rows {
        let counts = counts(&row, &moving);
        let said = said.remove(&row.id).unwrap_or_default();
        let keeping = keeping.remove(&row.id).unwrap_or_default();
        let sums = read.sums_from(row.id, counts.free, keeping, said).await?;
        apps.push((row, counts, sums));
    }
    Ok(apps)
}

impl App {
    /// Every app and book of the location; `None` until a token is linked.
    pub async fn apps_summed(&self) -> Result<Option<Summed>, AppError> {
        let mut read = self.store.snapshot().await?;
        let Some(location) = read.location_linked().await? else {
            return Ok(None);
        };
        let mut deployments: BTreeMap<AssetId, Vec<Deployment>> = BTreeMap::new();
        for line in read.deployments_all(location.id).await? {
            deployments.entry(line.app).or_default().push(line);
        }
        let apps = sums_of(&mut read, location.id).await?.into_iter();
        let apps = apps.map(|(row, counts, sums)| {
            let deployments = deployments.remove(&row.id).unwrap_or_default();
            AppSums::new(row, deployments, counts, sums)
        });
        Ok(Some(Summed {
            apps: apps.collect(),
            location: LocationView::of(location, self.now()),
        }))
    }
}
