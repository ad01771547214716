//! Everything that a decision may look at, in one read.

use std::collections::{BTreeMap, BTreeSet};

use domain::{
    App, AssetId, Attempt, Device, DeviceId, Group, GroupKind, LocationId, Owned, Person, PersonId, Platform, Program,
    Refusal, Time, TokenState, World,
};

use crate::{
    AppRow, DeviceRow, StoreError,
    db::{Conn, reads, values},
    seats::seat,
};

reads! {
    /// The world of one location, as of `now`. A location that is not there has an unusable token and no apps.
    world(location: LocationId, now: Time) -> World;
    /// What the location has that is no app, books above all. Nothing is decided about it; its licences are counted.
    world_beside(location: LocationId) -> BTreeMap<AssetId, App>;
}

impl Conn<'_> {
    async fn world(&mut self, location: LocationId, now: Time) -> Result<World, StoreError> {
        let row = self.location(location).await?;
        let token = match &row {
            Some(row) if row.state == TokenState::Valid && row.expires_at <= now => TokenState::Expired,
            Some(row) => row.state,
            None => TokenState::Invalid,
        };
        let mut invited: BTreeMap<PersonId, Vec<Attempt>> = BTreeMap::new();
        for row in self.invitations_now(location).await? {
            invited.entry(row.person_id).or_default().push(row.attempt());
        }
        let programs: BTreeMap<PersonId, Program> = self
            .client_users(location)
            .await?
            .into_iter()
            .map(|row| {
                let invited = invited.get(&row.person_id).map_or(&[][..], Vec::as_slice);
                (row.person_id, row.program(invited))
            })
            .collect();
        let people = self
            .people()
            .await?
            .into_iter()
            .map(|row| {
                let program = programs.get(&row.id).copied().unwrap_or_default();
                (
                    row.id,
                    Person {
                        id: row.id,
                        program,
                        invited: invited.remove(&row.id).unwrap_or_default(),
                        left: row.left_at.is_some(),
                    },
                )
            })
            .collect();
        let asked = self.asked().await?;
        let devices: BTreeMap<DeviceId, Device> = self
            .devices()
            .await?
            .into_iter()
            .map(|row| {
                let asked = asked.get(&row.id).cloned().unwrap_or_default();
                (row.id, device(row, &asked))
            })
            .collect();
        let mut members = self.group_members_all().await?;
        let groups = self
            .groups()
            .await?
            .into_iter()
            .map(|row| {
                let members = members.remove(&row.id).unwrap_or_default();
                let mut group = Group {
                    id: row.id,
                    kind: row.kind,
                    priority: row.priority,
                    people: BTreeSet::new(),
                    devices: BTreeSet::new(),
                };
                match row.kind {
                    GroupKind::User => group.people = members.into_iter().map(PersonId).collect(),
                    GroupKind::Device => group.devices = members.into_iter().map(DeviceId).collect(),
                }
                (row.id, group)
            })
            .collect();
        let mut apps: BTreeMap<AssetId, App> = self
            .apps(location)
            .await?
            .into_iter()
            .filter(AppRow::is_app)
            .map(|row| (row.id, app(row)))
            .collect();
        self.fill(location, &mut apps).await?;
        Ok(World {
            now,
            policy: self.policy().await?,
            token,
            people,
            devices,
            groups,
            apps,
        })
    }

    async fn world_beside(&mut self, location: LocationId) -> Result<BTreeMap<AssetId, App>, StoreError> {
        let rows = self.apps(location).await?.into_iter();
        let mut beside = rows.filter(|row| !row.is_app()).map(|row| (row.id, app(row))).collect();
        self.fill(location, &mut beside).await?;
        Ok(beside)
    }

    /// Adds to each app its deployments, requests, seats, refusals and installs.
    async fn fill(&mut self, location: LocationId, apps: &mut BTreeMap<AssetId, App>) -> Result<(), StoreError> {
        for line in self.deployments_all(location).await? {
            if let Some(app) = apps.get_mut(&line.app) {
                app.deployments.push(line);
            }
        }
        for (asset, requests) in self.requests(location).await? {
            if let Some(app) = apps.get_mut(&asset) {
                app.requests = requests;
            }
        }
        let seats = self
            .all(
                "SELECT seats.* FROM seats JOIN assets ON assets.id = asset_id WHERE location_id = $1",
                values![location],
                seat,
            )
            .await?;
        for row in seats {
            if let Some(app) = apps.get_mut(&row.asset_id) {
                app.seats.insert(row.person_id, row.seat());
            }
        }
        let refusals: Vec<(AssetId, PersonId, Refusal)> = self
            .all(
                "SELECT asset_id, person_id, reason, not_before FROM seat_refusals JOIN assets ON assets.id = asset_id
                 WHERE location_id = $1",
                values![location],
                |row| {
                    Ok((
                        row.parsed("asset_id")?,
                        row.parsed("person_id")?,
                        Refusal {
                            reason: row.word("reason")?,
                            not_before: row.time("not_before")?,
                        },
                    ))
                },
            )
            .await?;
        for (asset, person, refusal) in refusals {
            if let Some(app) = apps.get_mut(&asset) {
                app.refusals.insert(person, refusal);
            }
        }
        for (asset, device, install) in self.installs_of_location(location).await? {
            if let Some(app) = apps.get_mut(&asset) {
                app.installs.insert(device, install);
            }
        }
        Ok(())
    }

    /// Which questions are on their way to which device.
    async fn asked(&mut self) -> Result<BTreeMap<DeviceId, BTreeSet<String>>, StoreError> {
        let rows: Vec<(DeviceId, String)> = self
            .all(
                "SELECT device_id, request_type FROM commands
                 WHERE state IN ('queued', 'sent', 'notNow')
                   AND request_type IN ('DeviceInformation', 'DeviceConfigured', 'ManagedApplicationList',
                                        'RemoveProfile', 'EraseDevice')",
                values![],
                |row| Ok((row.parsed("device_id")?, row.text("request_type")?)),
            )
            .await?;
        let mut asked: BTreeMap<DeviceId, BTreeSet<String>> = BTreeMap::new();
        for (device, request_type) in rows {
            asked.entry(device).or_default().insert(request_type);
        }
        Ok(asked)
    }
}

fn device(row: DeviceRow, asked: &BTreeSet<String>) -> Device {
    Device {
        id: row.id,
        person: row.person_id,
        platform: row.platform,
        os_version: version(row.os_version.as_deref()),
        enrolment: row.enrolment,
        dep: row.dep,
        shared: row.shared,
        awaiting_configuration: row.awaiting_configuration,
        asked_configured: asked.contains("DeviceConfigured"),
        asked_information: asked.contains("DeviceInformation"),
        informed_at: row.informed_at,
        asked_apps: asked.contains("ManagedApplicationList"),
        unreachable_since: row.unreachable_since,
        heard_at: row.last_seen_at,
        asked_to_leave: asked.contains("RemoveProfile") || asked.contains("EraseDevice"),
        silent_since: row.silent_since,
    }
}

fn app(row: AppRow) -> App {
    App {
        id: row.id,
        owned: Owned::of(row.total, row.retired),
        foreign: u64::try_from(row.foreign_held).unwrap_or(0),
        revocable: row.revocable,
        platforms: platforms(&row),
        bundle_id: row.bundle_id,
        minimum_os: version(row.minimum_os.as_deref()),
        deployments: Vec::new(),
        seats: BTreeMap::new(),
        refusals: BTreeMap::new(),
        requests: BTreeMap::new(),
        installs: BTreeMap::new(),
    }
}

/// Apple's `supportedPlatforms` decides; the store's device families tell an iPad app from an iPhone app.
fn platforms(row: &AppRow) -> BTreeSet<Platform> {
    let family = |name: &str| row.device_families.is_empty() || row.device_families.iter().any(|it| it == name);
    let mut platforms = BTreeSet::new();
    for platform in &row.platforms {
        match platform.as_str() {
            "iOS" => {
                if family("iphone") {
                    platforms.insert(Platform::Ios);
                }
                if family("ipad") {
                    platforms.insert(Platform::IpadOs);
                }
            }
            "macOS" => {
                platforms.insert(Platform::MacOs);
            }
            "tvOS" => {
                platforms.insert(Platform::TvOs);
            }
            _ => {}
        }
    }
    platforms
}

/// `17.6.1` as `[17, 6, 1]`, `16.0` as `[16]`; what is not a number ends it.
fn version(text: Option<&str>) -> Vec<u32> {
    let mut parts: Vec<u32> = text
        .unwrap_or_default()
        .split('.')
        .map_while(|part| part.trim().parse().ok())
        .collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}
