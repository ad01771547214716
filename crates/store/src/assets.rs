//! What a location owns, who holds it at Apple, and what it is called.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, Holder, LocationId, Owned, Platform, StoreVersion, Time, Updates};
use uuid::Uuid;

use crate::{
    Base, Change, StoreError, Tx, Version,
    db::{Conn, Record, gathered, listed, reads, values},
    versions::version,
};

/// One asset, with its name where the store's lookup knew it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AppRow {
    pub id: AssetId,
    pub location_id: LocationId,
    pub adam_id: String,
    pub pricing_param: String,
    pub product_type: String,
    /// Licences that can be used: total less retired.
    pub owned: i64,
    pub total: i64,
    pub assigned: i64,
    pub available: i64,
    pub retired: i64,
    pub unlimited: bool,
    /// Our seats. Changed by triggers only.
    pub taken: i64,
    /// Held by what another server made.
    pub foreign_held: i64,
    pub device_assignable: bool,
    pub revocable: bool,
    /// Apple's words: `iOS`, `macOS`, …
    pub platforms: Vec<String>,
    pub observed_at: Time,
    /// Apple does not list it any more.
    pub gone_at: Option<Time>,
    pub name: Option<String>,
    pub bundle_id: Option<String>,
    pub publisher: Option<String>,
    pub minimum_os: Option<String>,
    /// The store's words: `iphone`, `ipad`, `mac`.
    pub device_families: Vec<String>,
    pub version: Option<String>,
    /// The same as the store counts versions.
    pub store_version: Option<StoreVersion>,
    pub updates: Updates,
    pub url: Option<String>,
    pub has_icon: bool,
}

impl AppRow {
    /// Books and whatever else Apple sells are listed and counted, and cannot be deployed. Nor can a device be told to
    /// install what has no number.
    pub fn is_app(&self) -> bool {
        self.product_type == "App" && self.adam_id.parse::<i64>().is_ok()
    }

    /// Apple's `supportedPlatforms` decides; the store's device families tell an iPad app from an iPhone app.
    pub fn runs_on(&self) -> BTreeSet<Platform> {
        let family = |name: &str| self.device_families.is_empty() || self.device_families.iter().any(|it| it == name);
        let mut platforms = BTreeSet::new();
        for platform in &self.platforms {
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
}

/// An asset as Apple just listed it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObservedAsset {
    pub adam_id: String,
    pub pricing_param: String,
    pub product_type: String,
    pub total: i64,
    pub assigned: i64,
    pub available: i64,
    pub retired: i64,
    pub device_assignable: bool,
    pub revocable: bool,
    pub platforms: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetadataRow {
    pub asset_id: AssetId,
    pub name: String,
    pub bundle_id: Option<String>,
    pub publisher: Option<String>,
    pub minimum_os: Option<String>,
    pub device_families: Vec<String>,
    pub version: Option<String>,
    pub store_version: Option<StoreVersion>,
    pub url: Option<String>,
    pub icon_url: Option<String>,
    pub observed_at: Time,
}

/// Who holds a licence at Apple.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Assignee {
    /// By `clientUserId`.
    User(String),
    /// By serial number.
    Device(String),
}

impl Assignee {
    fn kind(&self) -> &'static str {
        match self {
            Assignee::User(_) => "user",
            Assignee::Device(_) => "device",
        }
    }

    fn id(&self) -> &str {
        match self {
            Assignee::User(id) | Assignee::Device(id) => id,
        }
    }
}

reads! {
    /// The assets that Apple lists, and those that it lists no more of which licences are out still; by name.
    apps(location: LocationId) -> Vec<AppRow>;
    app(id: AssetId) -> Option<AppRow>;
    /// Media type and bytes.
    icon(asset: AssetId) -> Option<(String, Vec<u8>)>;
    /// What has no name yet, or an old one, or an icon that has not been fetched: with its `adamId`, in whose order.
    metadata_wanted(location: LocationId, older_than: Time) -> Vec<(AssetId, String)>;
    metadata(asset: AssetId) -> Option<MetadataRow>;
    /// Of what [`Tx::updates_set`] sets; `None` when there is no such app.
    updates_version(asset: AssetId) -> Option<Version>;
    assignments(asset: AssetId) -> Vec<Assignee>;
}

impl Conn<'_> {
    pub(crate) async fn apps(&mut self, location: LocationId) -> Result<Vec<AppRow>, StoreError> {
        macro_rules! columns {
            ($then:ident!($database:ident $($rest:tt)*)) => {
                $then!($database ["id", "location_id", "adam_id", "pricing_param", "product_type", "owned", "total",
                       "assigned", "available", "retired", "unlimited", "taken", "foreign_held", "device_assignable",
                       "revocable", "platforms", "observed_at", "gone_at", "name", "bundle_id", "publisher",
                       "minimum_os", "device_families", "version", "store_version", "updates_by_hand", "released_version",
                       "url", "has_icon"] $($rest)*)
            };
        }
        macro_rules! names {
            (these [$($column:literal),*]) => { &[$($column),*] };
        }
        macro_rules! listed {
            ($database:ident) => {
                columns!(gathered!($database by "name, adam_id, pricing_param"
                    "FROM (SELECT assets.*, name, bundle_id, publisher, minimum_os, device_families, version,
                                  store_version, url,
                                  EXISTS (SELECT 1 FROM app_icons WHERE app_icons.asset_id = assets.id) AS has_icon
                           FROM assets LEFT JOIN app_metadata ON app_metadata.asset_id = assets.id) AS listed
                     WHERE location_id = $1 AND (gone_at IS NULL OR taken > 0)"))
            };
        }
        let sql = self.text(listed!(lite), listed!(pg));
        self.gathered(sql, columns!(names!(these)), values![location], app)
            .await
    }

    pub(crate) async fn app(&mut self, id: AssetId) -> Result<Option<AppRow>, StoreError> {
        self.one(
            "SELECT assets.*, name, bundle_id, publisher, minimum_os, device_families, version, store_version, url,
                    EXISTS (SELECT 1 FROM app_icons WHERE app_icons.asset_id = assets.id) AS has_icon
             FROM assets LEFT JOIN app_metadata ON app_metadata.asset_id = assets.id
             WHERE assets.id = $1",
            values![id],
            app,
        )
        .await
    }

    async fn icon(&mut self, asset: AssetId) -> Result<Option<(String, Vec<u8>)>, StoreError> {
        self.one(
            "SELECT media_type, bytes FROM app_icons WHERE asset_id = $1",
            values![asset],
            |row| Ok((row.text("media_type")?, row.bytes("bytes")?)),
        )
        .await
    }

    async fn metadata_wanted(
        &mut self,
        location: LocationId,
        older_than: Time,
    ) -> Result<Vec<(AssetId, String)>, StoreError> {
        self.all(
            "SELECT assets.id, adam_id FROM assets
             LEFT JOIN app_metadata ON app_metadata.asset_id = assets.id
             LEFT JOIN app_icons ON app_icons.asset_id = assets.id
             WHERE location_id = $1 AND gone_at IS NULL
               AND (app_metadata.observed_at IS NULL OR app_metadata.observed_at < $2
                    OR (app_icons.asset_id IS NULL AND app_metadata.icon_url IS NOT NULL))
             ORDER BY adam_id",
            values![location, older_than],
            |row| Ok((row.parsed("id")?, row.text("adam_id")?)),
        )
        .await
    }

    async fn metadata(&mut self, asset: AssetId) -> Result<Option<MetadataRow>, StoreError> {
        let sql = "SELECT * FROM app_metadata WHERE asset_id = $1";
        self.one(sql, values![asset], |row| {
            Ok(MetadataRow {
                asset_id: row.parsed("asset_id")?,
                name: row.text("name")?,
                bundle_id: row.text_or_none("bundle_id")?,
                publisher: row.text_or_none("publisher")?,
                minimum_os: row.text_or_none("minimum_os")?,
                device_families: row.json("device_families")?,
                version: row.text_or_none("version")?,
                store_version: row.int_or_none("store_version")?.map(StoreVersion),
                url: row.text_or_none("url")?,
                icon_url: row.text_or_none("icon_url")?,
                observed_at: row.time("observed_at")?,
            })
        })
        .await
    }

    async fn updates_version(&mut self, asset: AssetId) -> Result<Option<Version>, StoreError> {
        let sql = "SELECT updates_version, updates_changed_at, updates_changed_by FROM assets WHERE id = $1";
        self.one(sql, values![asset], |row| version(row, "updates_")).await
    }

    async fn assignments(&mut self, asset: AssetId) -> Result<Vec<Assignee>, StoreError> {
        let sql = "SELECT holder_kind, holder FROM assignments WHERE asset_id = $1 ORDER BY holder_kind, holder";
        self.all(sql, values![asset], |row| {
            let id = row.text("holder")?;
            Ok(if row.text("holder_kind")? == "device" {
                Assignee::Device(id)
            } else {
                Assignee::User(id)
            })
        })
        .await
    }
}

/// So many ids go into one statement.
const IDS_AT_ONCE: usize = 5_000;

/// Ids of users, and of devices, as lists for a statement each.
fn some_at_a_time<'a>(holders: impl Iterator<Item = &'a Assignee>) -> Vec<(&'static str, String)> {
    let mut by_kind: BTreeMap<&'static str, Vec<&str>> = BTreeMap::new();
    for holder in holders {
        by_kind.entry(holder.kind()).or_default().push(holder.id());
    }
    let lists = by_kind.iter().flat_map(|(kind, ids)| {
        let lists = ids.chunks(IDS_AT_ONCE);
        lists.map(|ids| (*kind, serde_json::Value::from(ids).to_string()))
    });
    lists.collect()
}

/// Whether Apple lists somebody, or something, for an asset.
///
/// It is a value of its own: of a join, either database may go through all who are listed for each of those who are asked about.
macro_rules! is_listed {
    ($kind:literal, $holder:literal) => {
        concat!(
            "(SELECT 1 FROM assignments WHERE assignments.asset_id = assets.id AND holder_kind = '",
            $kind,
            "' AND holder = ",
            $holder,
            " LIMIT 1) IS NOT NULL"
        )
    };
}

impl Tx {
    /// Takes over a list of assets whose reading began at `began`, and returns how many are new or different. What a later
    /// list told of an asset stays.
    ///
    /// An asset that is not in a `whole` list stays, marked as gone and without licences: people may still hold it. One
    /// that was not known is called as `new_id` says.
    pub async fn assets_observed(
        &mut self,
        location: LocationId,
        assets: &[ObservedAsset],
        whole: bool,
        began: Time,
        new_id: &(dyn Fn() -> AssetId + Sync),
    ) -> Result<usize, StoreError> {
        let known = self.conn().assets_all(location).await?;
        let mut changes = 0;
        for asset in assets {
            let before = known
                .iter()
                .find(|(_, known)| known.adam_id == asset.adam_id && known.pricing_param == asset.pricing_param);
            if !before.is_some_and(|(gone, known)| !gone && known == asset) {
                changes += 1;
            }
            let (owned, unlimited) = match Owned::of(asset.total, asset.retired) {
                Owned::Count(owned) => (owned.cast_signed(), false),
                Owned::Unlimited => (asset.total, true),
            };
            self.run(
                "INSERT INTO assets (id, location_id, adam_id, pricing_param, product_type, owned, total, assigned,
                                     available, retired, unlimited, device_assignable, revocable, platforms,
                                     observed_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
                 ON CONFLICT (location_id, adam_id, pricing_param) DO UPDATE SET
                     product_type = excluded.product_type, owned = excluded.owned, total = excluded.total,
                     assigned = excluded.assigned, available = excluded.available, retired = excluded.retired,
                     unlimited = excluded.unlimited, device_assignable = excluded.device_assignable,
                     revocable = excluded.revocable, platforms = excluded.platforms,
                     observed_at = excluded.observed_at, gone_at = NULL
                 WHERE assets.observed_at <= excluded.observed_at",
                values![
                    new_id(),
                    location,
                    asset.adam_id,
                    asset.pricing_param,
                    asset.product_type,
                    owned,
                    asset.total,
                    asset.assigned,
                    asset.available,
                    asset.retired,
                    unlimited,
                    asset.device_assignable,
                    asset.revocable,
                    serde_json::Value::from(asset.platforms.clone()).to_string(),
                    began
                ],
            )
            .await?;
        }
        for (gone, before) in known {
            let listed = assets
                .iter()
                .any(|asset| asset.adam_id == before.adam_id && asset.pricing_param == before.pricing_param);
            if listed || gone || !whole {
                continue;
            }
            changes += 1;
            self.run(
                "UPDATE assets SET gone_at = $4, owned = 0, total = 0, assigned = 0, available = 0, retired = 0,
                                   unlimited = FALSE, observed_at = $4
                 WHERE location_id = $1 AND adam_id = $2 AND pricing_param = $3 AND observed_at <= $4",
                values![location, before.adam_id, before.pricing_param, began],
            )
            .await?;
        }
        Ok(changes)
    }

    /// Counts anew what others hold: what Apple lists beyond our own seats. Costs a look for each of those.
    pub async fn asset_recount(&mut self, asset: AssetId) -> Result<(), StoreError> {
        self.run(
            concat!(
                "UPDATE assets SET foreign_held = (SELECT COUNT(*) FROM assignments WHERE assignments.asset_id = assets.id) - (
                     SELECT COUNT(*) FROM seats WHERE seats.asset_id = assets.id AND CASE seats.kind
                         WHEN 'device' THEN ",
                is_listed!("device", "(SELECT serial FROM devices WHERE devices.id = seats.holder_id)"),
                "        ELSE EXISTS (
                             SELECT 1 FROM client_users
                             WHERE client_users.person_id = seats.holder_id
                               AND client_users.location_id = assets.location_id AND ",
                is_listed!("user", "client_users.client_user_id"),
                ") END) WHERE id = $1"
            ),
            values![asset],
        )
        .await?;
        Ok(())
    }

    /// What these hold of the asset that counts as others': what Apple lists for them beyond their seat. Before their seats change
    /// and after, it says by how much [`AppRow::foreign_held`] does.
    pub async fn foreign_among(&mut self, asset: AssetId, holders: &[Holder]) -> Result<i64, StoreError> {
        macro_rules! beyond {
            ([$($listed:tt)*] of $among:literal) => {
                concat!(
                    "SELECT CAST(COALESCE(SUM(listed - CASE WHEN listed > 0 AND has_seat THEN 1 ELSE 0 END), 0) AS BIGINT) AS number
                     FROM (SELECT ",
                    $($listed)*,
                    " AS listed, EXISTS (SELECT 1 FROM seats WHERE seats.asset_id = assets.id AND holder_id = it.value) AS has_seat
                     FROM assets CROSS JOIN ",
                    $among,
                    " WHERE assets.id = $1) AS each_of_them"
                )
            };
            ($listed:tt) => {
                (
                    beyond!($listed of "json_each($2) AS it"),
                    beyond!($listed of "jsonb_array_elements_text(CAST($2 AS jsonb)) AS it (value)"),
                )
            };
        }
        let (people, devices): (Vec<&Holder>, Vec<&Holder>) =
            holders.iter().partition(|holder| holder.person().is_some());
        let of_people = beyond!([
            "(SELECT COUNT(*) FROM client_users
              WHERE client_users.person_id = it.value AND client_users.location_id = assets.location_id AND ",
            is_listed!("user", "client_users.client_user_id"),
            ")"
        ]);
        let of_devices = beyond!([
            "CASE WHEN ",
            is_listed!("device", "(SELECT serial FROM devices WHERE devices.id = it.value)"),
            " THEN 1 ELSE 0 END"
        ]);
        let mut number = 0;
        for ((lite, pg), of) in [(of_people, people), (of_devices, devices)] {
            if of.is_empty() {
                continue;
            }
            let mut conn = self.conn();
            let sql = conn.text(lite, pg);
            let ids: Vec<Uuid> = of.iter().map(|holder| holder.id()).collect();
            let found = conn.one(sql, values![asset, listed(&ids)], |row| row.int("number"));
            number += found.await?.unwrap_or(0);
        }
        Ok(number)
    }

    /// Others hold so many more of the asset, or so many less.
    pub async fn foreign_moves(&mut self, asset: AssetId, by: i64) -> Result<(), StoreError> {
        if by != 0 {
            let sql = "UPDATE assets SET foreign_held = foreign_held + $2 WHERE id = $1";
            self.run(sql, values![asset, by]).await?;
        }
        Ok(())
    }

    /// Takes over whom Apple lists for the asset, in a list whose reading began at `began`: these and, when the list is
    /// `whole`, nobody else. `false`, and nothing is changed, when a later list was taken over already.
    ///
    /// Whoever was listed before is read; written is only who comes and who goes.
    pub async fn assignments_observed(
        &mut self,
        asset: AssetId,
        holders: &[Assignee],
        whole: bool,
        began: Time,
    ) -> Result<bool, StoreError> {
        let sql = "UPDATE assets SET listed_at = $2 WHERE id = $1 AND (listed_at IS NULL OR listed_at <= $2)";
        if self.run(sql, values![asset, began]).await? == 0 {
            return Ok(false);
        }
        let present: BTreeSet<Assignee> = self.conn().assignments(asset).await?.into_iter().collect();
        let listed: BTreeSet<&Assignee> = holders.iter().collect();
        let come = listed.iter().copied().filter(|holder| !present.contains(holder));
        self.assignments_put(asset, come, began).await?;
        if whole {
            let go = present.iter().filter(|holder| !listed.contains(holder));
            self.assignments_delete(asset, go).await?;
        }
        Ok(true)
    }

    async fn assignments_put<'h>(
        &mut self,
        asset: AssetId,
        holders: impl Iterator<Item = &'h Assignee>,
        began: Time,
    ) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "INSERT INTO assignments (asset_id, holder_kind, holder, observed_at)
             SELECT $1, $2, value, $4 FROM json_each($3)",
            "INSERT INTO assignments (asset_id, holder_kind, holder, observed_at)
             SELECT $1, $2, value, $4 FROM jsonb_array_elements_text(CAST($3 AS jsonb)) AS value",
        );
        for (kind, ids) in some_at_a_time(holders) {
            self.run(sql, values![asset, kind, ids, began]).await?;
        }
        Ok(())
    }

    async fn assignments_delete<'h>(
        &mut self,
        asset: AssetId,
        holders: impl Iterator<Item = &'h Assignee>,
    ) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "DELETE FROM assignments WHERE asset_id = $1 AND holder_kind = $2
                                       AND holder IN (SELECT value FROM json_each($3))",
            "DELETE FROM assignments WHERE asset_id = $1 AND holder_kind = $2
                                       AND holder = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($3 AS jsonb))))",
        );
        for (kind, ids) in some_at_a_time(holders) {
            self.run(sql, values![asset, kind, ids]).await?;
        }
        Ok(())
    }

    pub async fn assignment_put(&mut self, asset: AssetId, holder: &Assignee, now: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO assignments (asset_id, holder_kind, holder, observed_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (asset_id, holder_kind, holder) DO UPDATE SET observed_at = excluded.observed_at",
            values![asset, holder.kind(), holder.id(), now],
        )
        .await?;
        Ok(())
    }

    pub async fn assignment_delete(&mut self, asset: AssetId, holder: &Assignee) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM assignments WHERE asset_id = $1 AND holder_kind = $2 AND holder = $3",
            values![asset, holder.kind(), holder.id()],
        )
        .await?;
        Ok(())
    }

    /// Sets who decides that devices get a newer version of the app. `false` when somebody set it since `base`, and nothing was
    /// changed; or there is no such app.
    pub async fn updates_set(
        &mut self,
        asset: AssetId,
        base: Base,
        updates: Updates,
        by: Change<'_>,
    ) -> Result<bool, StoreError> {
        let (by_hand, released) = match updates {
            Updates::Automatic => (false, None),
            Updates::ByHand { released } => (true, released),
        };
        let changed = self
            .run(
                "UPDATE assets SET updates_by_hand = $3, released_version = $4, updates_version = updates_version + 1,
                                   updates_changed_at = $5, updates_changed_by = $6
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR updates_version = $2)",
                values![asset, base, by_hand, released.map(|version| version.0), by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }

    /// Takes over what the store says of an asset. Whether that is new, apart from when it was said.
    pub async fn metadata_put(&mut self, row: &MetadataRow) -> Result<bool, StoreError> {
        let before = self.metadata(row.asset_id).await?;
        self.run(
            "INSERT INTO app_metadata (asset_id, name, bundle_id, publisher, minimum_os, device_families, version, url,
                                       icon_url, observed_at, store_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
             ON CONFLICT (asset_id) DO UPDATE SET
                 name = excluded.name, bundle_id = excluded.bundle_id, publisher = excluded.publisher,
                 minimum_os = excluded.minimum_os, device_families = excluded.device_families,
                 version = excluded.version, url = excluded.url, icon_url = excluded.icon_url,
                 observed_at = excluded.observed_at, store_version = excluded.store_version",
            values![
                row.asset_id,
                row.name,
                row.bundle_id,
                row.publisher,
                row.minimum_os,
                serde_json::Value::from(row.device_families.clone()).to_string(),
                row.version,
                row.url,
                row.icon_url,
                row.observed_at,
                row.store_version.map(|version| version.0)
            ],
        )
        .await?;
        let as_before = |before: MetadataRow| {
            let observed_at = row.observed_at;
            MetadataRow { observed_at, ..before } == *row
        };
        Ok(!before.is_some_and(as_before))
    }

    pub async fn icon_put(
        &mut self,
        asset: AssetId,
        media_type: &str,
        bytes: &[u8],
        now: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO app_icons (asset_id, media_type, bytes, fetched_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (asset_id) DO UPDATE SET
                 media_type = excluded.media_type, bytes = excluded.bytes, fetched_at = excluded.fetched_at",
            values![asset, media_type, bytes.to_vec(), now],
        )
        .await?;
        Ok(())
    }
}

impl Conn<'_> {
    /// Every asset that was ever listed, and whether it is gone.
    async fn assets_all(&mut self, location: LocationId) -> Result<Vec<(bool, ObservedAsset)>, StoreError> {
        self.all(
            "SELECT * FROM assets WHERE location_id = $1",
            values![location],
            |row| {
                let observed = ObservedAsset {
                    adam_id: row.text("adam_id")?,
                    pricing_param: row.text("pricing_param")?,
                    product_type: row.text("product_type")?,
                    total: row.int("total")?,
                    assigned: row.int("assigned")?,
                    available: row.int("available")?,
                    retired: row.int("retired")?,
                    device_assignable: row.flag("device_assignable")?,
                    revocable: row.flag("revocable")?,
                    platforms: row.json("platforms")?,
                };
                Ok((row.time_or_none("gone_at")?.is_some(), observed))
            },
        )
        .await
    }
}

fn app(row: &Record) -> Result<AppRow, StoreError> {
    Ok(AppRow {
        id: row.parsed("id")?,
        location_id: row.parsed("location_id")?,
        adam_id: row.text("adam_id")?,
        pricing_param: row.text("pricing_param")?,
        product_type: row.text("product_type")?,
        owned: row.int("owned")?,
        total: row.int("total")?,
        assigned: row.int("assigned")?,
        available: row.int("available")?,
        retired: row.int("retired")?,
        unlimited: row.flag("unlimited")?,
        taken: row.int("taken")?,
        foreign_held: row.int("foreign_held")?,
        device_assignable: row.flag("device_assignable")?,
        revocable: row.flag("revocable")?,
        platforms: row.json("platforms")?,
        observed_at: row.time("observed_at")?,
        gone_at: row.time_or_none("gone_at")?,
        name: row.text_or_none("name")?,
        bundle_id: row.text_or_none("bundle_id")?,
        publisher: row.text_or_none("publisher")?,
        minimum_os: row.text_or_none("minimum_os")?,
        device_families: match row.text_or_none("device_families")? {
            Some(_) => row.json("device_families")?,
            None => Vec::new(),
        },
        version: row.text_or_none("version")?,
        store_version: row.int_or_none("store_version")?.map(StoreVersion),
        updates: match row.flag("updates_by_hand")? {
            false => Updates::Automatic,
            true => Updates::ByHand {
                released: row.int_or_none("released_version")?.map(StoreVersion),
            },
        },
        url: row.text_or_none("url")?,
        has_icon: row.flag("has_icon")?,
    })
}
