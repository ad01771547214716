//! An organisation as large as one likes, and what its simulated Apple has to know of it: both are made at once, and agree.
//!
//! Every app is required for everybody. Of some there are licences for every other person only, so that the others wait.
//! Whoever has a licence has the app on all devices. Every name is made up.

use std::time::Duration;

use domain::{
    Approval, AssetId, Deployment, DeploymentId, GroupId, GroupKind, Installation, LicenseType, PersonId, Time,
};
use serde::{Deserialize, Serialize};
use server::{
    App, Random,
    app::{Caller, groups::NewGroup, tokens::TokenUpload},
};
use sim::{
    apple::{self, id_hash, sample},
    devices::{DeviceSpec, Prompt},
};
use store::{Held, Holders, MetadataRow, NewDevice, Newcomer, ObservedAsset};
use uuid::Uuid;

use crate::Failure;

pub const EVERYBODY: &str = "전 직원";
const DEPARTMENTS: [&str; 8] = [
    "영업팀",
    "현장팀",
    "재무팀",
    "디자인팀",
    "개발팀",
    "구매팀",
    "IT 운영팀",
    "고객지원팀",
];
const FAMILIES: [&str; 16] = [
    "김", "이", "박", "최", "정", "강", "조", "윤", "장", "임", "한", "오", "서", "신", "권", "황",
];
const FIRST: [&str; 15] = [
    "서", "지", "민", "하", "도", "예", "수", "은", "가", "나", "다", "채", "유", "태", "소",
];
const SECOND: [&str; 13] = [
    "윤", "우", "준", "연", "아", "현", "빈", "호", "원", "율", "린", "진", "람",
];
/// After those of the sample.
const MORE_APPS: [(&str, &str); 10] = [
    ("가온 메모", "Gaon Memo"),
    ("나래 출장", "Narae Travel"),
    ("다온 결재", "Daon Approve"),
    ("라온 교육", "Raon Learn"),
    ("미르 보안", "Mir Guard"),
    ("보라 차트", "Bora Charts"),
    ("솔빛 스캔", "Solbit Scan"),
    ("아라 번역", "Ara Translate"),
    ("자람 인사", "Jaram People"),
    ("한결 메신저", "Hangyeol Chat"),
];
/// Nobody was heard before that, and everybody since.
const HEARD_WITHIN: Duration = Duration::from_secs(3 * 24 * 3600);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    pub people: usize,
    pub devices: usize,
    pub apps: usize,
    /// Of each so-many-th app there are licences for every other person only.
    pub scarce: usize,
    /// So many of the devices are left out, for they enrol by themselves: the first ones.
    pub alive: usize,
}

impl Size {
    fn is_scarce(&self, app: usize) -> bool {
        app.is_multiple_of(self.scarce)
    }

    fn holds(&self, person: usize, app: usize) -> bool {
        !self.is_scarce(app) || person.is_multiple_of(2)
    }

    fn holders(&self, app: usize) -> usize {
        match self.is_scarce(app) {
            true => self.people.div_ceil(2),
            false => self.people,
        }
    }

    /// What Apple knows before anybody asks: the apps, and who holds them.
    pub fn organisation(&self) -> apple::Organisation {
        let assets: Vec<apple::App> = (0..self.apps).map(|app| self.app(app)).collect();
        let users = (0..self.people).map(|person| sample::EarlierUser {
            client_user_id: numbered(6, person).to_string(),
            email: None,
            account: account(person),
            holds: (0..self.apps)
                .filter(|app| self.holds(person, *app))
                .map(|app| assets[app].adam_id.clone())
                .collect(),
        });
        apple::Organisation {
            users: users.collect(),
            assets,
            ..sample::organisation()
        }
    }

    fn app(&self, number: usize) -> apple::App {
        let drawn = sample::organisation().assets;
        let known = &drawn[number % drawn.len()];
        let (name_ko, name_en) = match number.checked_sub(drawn.len()) {
            None => (known.name_ko.clone(), known.name_en.clone()),
            Some(more) => match MORE_APPS.get(more) {
                Some((ko, en)) => ((*ko).to_owned(), (*en).to_owned()),
                None => (format!("앱 {}", number + 1), format!("App {}", number + 1)),
            },
        };
        let holders = i64::try_from(self.holders(number)).unwrap_or(i64::MAX);
        apple::App {
            adam_id: (910_000_000 + number).to_string(),
            bundle_id: format!("example.crowd.app{}", number + 1),
            name_ko,
            name_en,
            minimum_os: "16.0".to_owned(),
            device_families: vec!["iphone".to_owned(), "ipad".to_owned()],
            platforms: vec!["iOS".to_owned()],
            total: match self.is_scarce(number) {
                true => holders,
                false => holders + holders / 10,
            },
            unlimited: false,
            ..known.clone()
        }
    }

    /// Fills the database of a product that is linked to that Apple and at which nobody works yet. Nothing happens when that
    /// was done before.
    pub async fn fill(&self, app: &App) -> Result<(), Failure> {
        if app.store.tally(None).await?.people > 0 {
            return Ok(());
        }
        let (now, system) = (app.now(), Caller::System);
        let location = app
            .location_view()
            .await?
            .ok_or_else(|| Failure::new("no token is linked"))?
            .row
            .id;
        let known = app.groups().await?;
        let mut groups = Vec::new();
        for name in [EVERYBODY].iter().chain(&DEPARTMENTS) {
            let id = match known.iter().find(|row| row.name == **name) {
                Some(row) => row.id,
                None => {
                    let new = NewGroup {
                        name: (*name).to_owned(),
                        kind: GroupKind::User,
                        priority: 0,
                        rule: None,
                    };
                    app.group_add(&system, new).await?
                }
            };
            groups.push((id, (*name != EVERYBODY).then(|| (*name).to_owned())));
        }
        let everybody = groups[0].0;
        let apps: Vec<apple::App> = (0..self.apps).map(|number| self.app(number)).collect();
        let listed: Vec<ObservedAsset> = apps
            .iter()
            .enumerate()
            .map(|(number, app)| self.observed(number, app))
            .collect();
        let mut tx = app.store.begin().await?;
        let new_id = || AssetId(Random::System.id());
        tx.assets_observed(location, &listed, true, now, &new_id).await?;
        let rows = tx.apps(location).await?;
        let mut held = Vec::new();
        for (number, app) in apps.iter().enumerate() {
            let Some(row) = rows.iter().find(|row| row.adam_id == app.adam_id) else {
                continue;
            };
            tx.metadata_put(&metadata(row.id, app)).await?;
            tx.deployments_replace(row.id, &[required(row.id, everybody, now)], now)
                .await?;
            held.push(Held {
                asset: row.id,
                group: everybody,
                by: match self.is_scarce(number) {
                    true => Holders::EveryOther,
                    false => Holders::Everybody,
                },
            });
        }
        tx.commit().await?;
        let crowd = store::Crowd {
            location,
            people: &self.newcomers(),
            devices: &self.devices(now),
            groups: &groups,
            held: &held,
            now,
        };
        Ok(app.store.crowd_arrives(&crowd).await?)
    }

    fn observed(&self, number: usize, app: &apple::App) -> ObservedAsset {
        let assigned = i64::try_from(self.holders(number)).unwrap_or(i64::MAX);
        ObservedAsset {
            adam_id: app.adam_id.clone(),
            pricing_param: app.pricing_param.clone(),
            product_type: app.product_type.clone(),
            total: app.total,
            assigned,
            available: app.total - assigned,
            retired: 0,
            device_assignable: app.device_assignable,
            revocable: app.revocable,
            platforms: app.platforms.clone(),
        }
    }

    fn newcomers(&self) -> Vec<Newcomer> {
        let people = 0..self.people;
        people
            .map(|person| Newcomer {
                id: self::person(person),
                name: name(person),
                email: Some(format!("u{person:06}@seorindeul.example")),
                department: Some(DEPARTMENTS[person % DEPARTMENTS.len()].to_owned()),
                client_user: numbered(6, person).to_string(),
                id_hash: Some(id_hash(&account(person))),
            })
            .collect()
    }

    fn devices(&self, now: Time) -> Vec<NewDevice> {
        let within = i64::try_from(HEARD_WITHIN.as_millis()).unwrap_or(i64::MAX);
        let devices = self.alive.min(self.devices)..self.devices;
        devices
            .map(|device| {
                let spec = self.device(device);
                let ipad = spec.product_name.starts_with("iPad");
                NewDevice {
                    id: self::device(device),
                    person: self::person(device % self.people),
                    udid: format!("00008110-{device:016X}"),
                    serial: Some(spec.serial),
                    name: spec.name,
                    product_name: spec.product_name,
                    platform: if ipad { "iPadOS" } else { "iOS" }.to_owned(),
                    os_version: spec.os_version,
                    heard: now.ms() - (device as i64).wrapping_mul(7_919_003).rem_euclid(within),
                }
            })
            .collect()
    }

    /// A device as it is, or as it would be if it were alive.
    fn device(&self, device: usize) -> DeviceSpec {
        let owner = device % self.people;
        // Everybody has an iPhone before anybody has anything else.
        let ipad = device >= self.people;
        DeviceSpec {
            name: format!("{} {}", name(owner), if ipad { "iPad" } else { "iPhone" }),
            serial: format!("SIMC{device:06}"),
            product_name: match ipad {
                true => ["iPad13,1", "iPad14,3"][device % 2],
                false => ["iPhone15,4", "iPhone16,1", "iPhone14,5"][device % 3],
            }
            .to_owned(),
            os_version: ["18.1", "17.6.1", "18.0.1"][device % 3].to_owned(),
            account: Some(account(owner)),
            accepts_invitation_after: None,
            prompt: Prompt::Accept {
                after: Duration::from_secs(4),
            },
            download_time: Duration::from_millis(1_500 + (device as u64 % 7) * 400),
            ..DeviceSpec::default()
        }
    }

    /// Those that live, and whose they are.
    pub fn living(&self) -> Vec<(DeviceSpec, PersonId)> {
        let devices = 0..self.alive.min(self.devices);
        devices
            .map(|device| (self.device(device), PersonId(person(device % self.people))))
            .collect()
    }
}

/// Links the content token, as an administrator would, if none is linked.
pub async fn link(app: &App, token: String) -> Result<(), Failure> {
    if app.location_view().await?.is_some() {
        return Ok(());
    }
    let upload = TokenUpload {
        file: token.into_bytes(),
        display_name: "본사 토큰".to_owned(),
        apple_id: "vpp@seorindeul.example".to_owned(),
    };
    let id = app.token_read(&Caller::System, upload).await?;
    app.token_link(&Caller::System, id, true).await?;
    Ok(())
}

fn metadata(asset: AssetId, app: &apple::App) -> MetadataRow {
    MetadataRow {
        asset_id: asset,
        name: app.name_ko.clone(),
        bundle_id: Some(app.bundle_id.clone()),
        publisher: Some(app.publisher_ko.clone()),
        minimum_os: Some(app.minimum_os.clone()),
        device_families: app.device_families.clone(),
        version: Some(app.version.clone()),
        store_version: Some(domain::StoreVersion(app.external_version)),
        url: None,
        icon_url: None,
        // So old that the store is asked at once: it has a picture of it.
        observed_at: Time(0),
    }
}

fn required(asset: AssetId, group: GroupId, now: Time) -> Deployment {
    Deployment {
        id: DeploymentId(Random::System.id()),
        app: asset,
        group,
        kind: GroupKind::User,
        approval: Approval::Required,
        deadline: None,
        license_type: LicenseType::User,
        installation: Installation::Managed,
        kept_licenses: 0,
        since: now,
    }
}

pub fn person(number: usize) -> Uuid {
    numbered(3, number)
}

pub fn device(number: usize) -> Uuid {
    numbered(5, number)
}

fn numbered(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128(kind << 120 | number as u128)
}

fn account(person: usize) -> String {
    format!("u{person:06}@account.example")
}

/// Neighbours are called differently; among many thousands, some are called alike.
fn name(person: usize) -> String {
    let family = FAMILIES[person * 7 % FAMILIES.len()];
    let first = FIRST[(person * 4 + person / 16) % FIRST.len()];
    let second = SECOND[(person * 5 + person / 240) % SECOND.len()];
    format!("{family}{first}{second}")
}
