//! A whole organisation at once, as large as one likes: to measure with.

use domain::{Approval, AssetId, Deployment, DeploymentId, GroupId, GroupKind, LocationId, PersonId, Time, TokenState};
use secrecy::SecretString;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::{
    Change, GroupRow, LocationRow, MetadataRow, ObservedAsset, Store, StoreError, Version,
    db::{Conn, values},
};

/// Who and what is in it, by their ids.
#[derive(Debug, Clone)]
pub struct Organisation {
    pub location: LocationId,
    /// Everybody is in it.
    pub group: GroupId,
    pub assets: Vec<AssetId>,
    /// In the order of their ids. The first holds licences, the second waits for some, and so on.
    pub people: Vec<PersonId>,
    /// As of when everything is so.
    pub now: Time,
}

fn numbered(kind: u128, number: usize) -> Uuid {
    Uuid::from_u128(kind << 120 | number as u128)
}

/// People with a device each, who all accepted the programme, and apps that are required for all of them. Half of them
/// have licences, and the apps on their devices; for the other half no licence is left. Nobody was decided yet.
///
/// Triggers do not run for what is written here, since each of them would for each of millions of rows.
pub async fn organisation(store: &Store, people: usize, apps: usize, now: Time) -> Result<Organisation, StoreError> {
    let organisation = Organisation {
        location: LocationId(numbered(1, 1)),
        group: GroupId(numbered(2, 1)),
        assets: Vec::new(),
        people: (0..people).map(|number| PersonId(numbered(3, number))).collect(),
        now,
    };
    let mut tx = store.begin().await?;
    tx.location_insert(&location(organisation.location, now), &SecretString::from("t"))
        .await?;
    tx.group_insert(&GroupRow {
        id: organisation.group,
        kind: GroupKind::User,
        name: "everybody".to_owned(),
        priority: 1,
        created_at: now,
        members: 0,
        membership_rule: None,
        version: Version::default(),
        members_version: Version::default(),
    })
    .await?;
    tx.commit().await?;
    let mut organisation = organisation;
    for _ in 0..apps {
        organisation.app_arrives(store, people.div_ceil(2)).await?;
        organisation.last_is_required(store).await?;
    }

    let triggers = silenced(store).await?;
    let ids: Vec<Uuid> = organisation.people.iter().map(|person| person.0).collect();
    store.people_arrive(&ids).await?;
    let mut tx = store.begin().await?;
    let (location, group) = (organisation.location, organisation.group);
    let now = now.ms();
    at_once(&mut tx.conn(), crowd(location, group, now)).await?;
    at_once(&mut tx.conn(), triggers).await?;
    tx.decide_everybody(location).await?;
    tx.commit().await?;
    store.tidied().await?;
    Ok(organisation)
}

/// What a person has follows from their id: that of a device begins with 5, that of a client user with 6. Whose id is even
/// has licences.
fn crowd(location: LocationId, group: GroupId, now: i64) -> String {
    format!(
        "INSERT INTO devices (id, udid, name, product_name, platform, person_id, enrolment, dep, awaiting_configuration,
                              os_version, informed_at, enrolled_at, last_seen_at)
         SELECT '05' || substr(id, 3), id, 'iPhone', 'iPhone16,1', 'iOS', id, 'enrolled', FALSE, FALSE, '18.5', {now}, {now}, {now}
         FROM people;
         INSERT INTO client_users (client_user_id, location_id, person_id, status, accepted_at, observed_at)
         SELECT '06' || substr(id, 3), '{location}', id, 'Associated', {now}, {now} FROM people;
         INSERT INTO group_members (group_id, member_id, name) SELECT '{group}', id, name FROM people;
         UPDATE groups SET members = (SELECT COUNT(*) FROM group_members WHERE group_id = id);
         INSERT INTO seats (asset_id, holder_id, kind, state, since)
         SELECT assets.id, people.id, 'user', 'held', {now} FROM people, assets
         WHERE substr(people.id, 36, 1) IN ('0', '2', '4', '6', '8', 'a', 'c', 'e');
         INSERT INTO installs (device_id, asset_id, accepted_at, checks)
         SELECT '05' || substr(holder_id, 3), asset_id, {now}, 0 FROM seats;
         INSERT INTO device_apps (device_id, asset_id, seen, seen_at)
         SELECT '05' || substr(holder_id, 3), asset_id, 'installed', {now} FROM seats;
         UPDATE assets SET taken = (SELECT COUNT(*) FROM seats WHERE asset_id = assets.id);
         DELETE FROM dirty; DELETE FROM dirty_many;"
    )
}

impl Organisation {
    /// One more app, with so many licences, which nobody is to get yet.
    pub async fn app_arrives(&mut self, store: &Store, licences: usize) -> Result<AssetId, StoreError> {
        let asset = AssetId(numbered(4, self.assets.len()));
        self.assets.push(asset);
        self.licences(store, asset, licences).await?;
        let mut tx = store.begin().await?;
        tx.metadata_put(&MetadataRow {
            asset_id: asset,
            name: format!("App {}", self.assets.len()),
            bundle_id: Some(format!("com.example.app{}", self.assets.len())),
            publisher: None,
            minimum_os: Some("16.0".to_owned()),
            device_families: vec!["iphone".to_owned(), "ipad".to_owned()],
            version: None,
            store_version: None,
            url: None,
            icon_url: None,
            observed_at: self.now,
        })
        .await?;
        tx.commit().await?;
        Ok(asset)
    }

    /// Apple lists so many licences of the app.
    pub async fn licences(&self, store: &Store, asset: AssetId, licences: usize) -> Result<(), StoreError> {
        let number = self.assets.iter().position(|it| *it == asset).unwrap_or_default();
        let total = i64::try_from(licences).unwrap_or(i64::MAX);
        let listed = ObservedAsset {
            adam_id: (1_000_000 + number).to_string(),
            pricing_param: "STDQ".to_owned(),
            product_type: "App".to_owned(),
            total,
            assigned: 0,
            available: total,
            retired: 0,
            device_assignable: true,
            revocable: true,
            platforms: vec!["iOS".to_owned()],
        };
        let mut tx = store.begin().await?;
        tx.assets_observed(self.location, &[listed], false, self.now, &|| asset)
            .await?;
        tx.commit().await
    }

    /// The app that came last is required for everybody from now on.
    pub async fn last_is_required(&self, store: &Store) -> Result<(), StoreError> {
        let Some(asset) = self.assets.last().copied() else {
            return Ok(());
        };
        let mut tx = store.begin().await?;
        tx.deployments_replace(asset, &[self.required(asset)], self.now).await?;
        tx.commit().await
    }

    /// The line that makes an app required for everybody.
    pub fn required(&self, asset: AssetId) -> Deployment {
        Deployment {
            license_type: domain::LicenseType::User,
            installation: domain::Installation::Managed,
            id: DeploymentId(asset.0),
            app: asset,
            group: self.group,
            kind: GroupKind::User,
            approval: Approval::Required,
            deadline: None,
            since: self.now,
        }
    }

    /// Somebody leaves the group of everybody.
    pub async fn leaves(&self, store: &Store, person: PersonId) -> Result<(), StoreError> {
        let mut tx = store.begin().await?;
        let by = Change {
            at: self.now,
            by: "somebody",
        };
        tx.group_member_remove(self.group, person.0, by).await?;
        tx.commit().await
    }

    /// Somebody comes back into the group of everybody.
    pub async fn comes_back(&self, store: &Store, person: PersonId) -> Result<(), StoreError> {
        let mut tx = store.begin().await?;
        let sql = "INSERT INTO group_members (group_id, member_id) VALUES ($1, $2)";
        tx.run(sql, values![self.group, person]).await?;
        tx.commit().await
    }
}

impl Store {
    /// How many bytes what is decided takes in the database, its indexes included, and how many pairs there are.
    pub async fn pairs_size(&self) -> Result<(i64, i64), StoreError> {
        let mut reader = self.reader().await?;
        let mut conn = reader.conn();
        let sql = conn.text(
            "SELECT (SELECT COUNT(*) FROM pairs) AS pairs,
                    (SELECT SUM(pgsize) FROM dbstat WHERE name IN
                        (SELECT name FROM sqlite_master WHERE tbl_name IN ('pairs', 'device_pairs', 'verdicts'))) AS bytes",
            "SELECT (SELECT COUNT(*) FROM pairs) AS pairs,
                    pg_total_relation_size('pairs') + pg_total_relation_size('device_pairs')
                    + pg_total_relation_size('verdicts') AS bytes",
        );
        let size = conn.one(sql, values![], |row| Ok((row.int("bytes")?, row.int("pairs")?)));
        Ok(size.await?.unwrap_or_default())
    }

    /// What the database does by itself sooner or later: counts what there is, and writes down what it had noted.
    pub async fn tidied(&self) -> Result<(), StoreError> {
        self.pragma("PRAGMA wal_checkpoint(TRUNCATE)").await?;
        let mut reader = self.reader().await?;
        match reader.conn() {
            Conn::Lite(_) => Ok(()),
            mut pg @ Conn::Pg(_) => at_once(&mut pg, "VACUUM ANALYZE".to_owned()).await,
        }
    }
}

/// Has no trigger run any more. What brings them back is returned.
async fn silenced(store: &Store) -> Result<String, StoreError> {
    let mut tx = store.begin().await?;
    let back = match tx.conn() {
        mut lite @ Conn::Lite(_) => {
            let all = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid";
            let triggers: Vec<(String, String)> = lite
                .all(all, values![], |row| Ok((row.text("name")?, row.text("sql")?)))
                .await?;
            let gone: Vec<String> = triggers
                .iter()
                .map(|(name, _)| format!("DROP TRIGGER {name};"))
                .collect();
            at_once(&mut lite, gone.concat()).await?;
            triggers.into_iter().map(|(_, sql)| format!("{sql};\n")).collect()
        }
        mut pg @ Conn::Pg(_) => {
            let filled = [
                "people",
                "devices",
                "client_users",
                "group_members",
                "seats",
                "installs",
                "device_apps",
                "assets",
            ];
            let said = |what: &str| -> String {
                let each = filled.map(|table| format!("ALTER TABLE {table} {what} TRIGGER USER;"));
                each.concat()
            };
            at_once(&mut pg, said("DISABLE")).await?;
            said("ENABLE")
        }
    };
    tx.commit().await?;
    Ok(back)
}

/// Runs statements one after the other, however long they take.
async fn at_once(conn: &mut Conn<'_>, sql: String) -> Result<(), StoreError> {
    let sql = sqlx::raw_sql(AssertSqlSafe(sql));
    match conn {
        Conn::Lite(connection) => connection.execute(sql).await.map(drop)?,
        Conn::Pg(connection) => connection.execute(sql).await.map(drop)?,
    }
    Ok(())
}

fn location(id: LocationId, now: Time) -> LocationRow {
    LocationRow {
        id,
        uid: "1".to_owned(),
        display_name: String::new(),
        apple_id: String::new(),
        token_sha256: String::new(),
        organization_name: String::new(),
        location_name: String::new(),
        country: String::new(),
        default_platform: String::new(),
        website_url: None,
        expires_at: Time(i64::MAX),
        state: TokenState::Valid,
        owner_name: None,
        owner_metadata: None,
        mdm_id: String::new(),
        uploaded_by: None,
        last_modified_at: now,
        last_sync_at: None,
        assets_version: None,
        assignments_version: None,
        users_version: None,
        created_at: now,
        unanswered_since: None,
    }
}
