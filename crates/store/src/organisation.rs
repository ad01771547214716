//! A whole organisation at once, as large as one likes: to look at, and to measure with.

use domain::{Approval, AssetId, Deployment, DeploymentId, GroupId, GroupKind, LocationId, PersonId, Time, TokenState};
use secrecy::SecretString;
use serde::Serialize;
use sqlx::{AssertSqlSafe, Executor};
use uuid::Uuid;

use crate::{
    Change, GroupRow, LocationRow, MetadataRow, ObservedAsset, Store, StoreError, Tx, Version,
    db::{Conn, values},
};

/// Somebody who is there from the first moment on, and accepted the programme.
#[derive(Debug, Clone, Serialize)]
pub struct Newcomer {
    pub id: Uuid,
    pub name: String,
    /// In small letters.
    pub email: Option<String>,
    pub department: Option<String>,
    pub client_user: String,
    /// What Apple says of the account.
    pub id_hash: Option<String>,
}

/// A device that is enrolled from the first moment on. Nobody can wake it.
#[derive(Debug, Clone, Serialize)]
pub struct NewDevice {
    pub id: Uuid,
    pub person: Uuid,
    pub udid: String,
    pub serial: Option<String>,
    pub name: String,
    pub product_name: String,
    pub platform: String,
    pub os_version: String,
    /// When it was last heard, in milliseconds since 1970.
    pub heard: i64,
}

/// Who of a group holds licences of an app, and has it on all devices.
#[derive(Debug, Clone)]
pub struct Held {
    pub asset: AssetId,
    pub group: GroupId,
    pub by: Holders,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holders {
    Everybody,
    /// Whose id is even.
    EveryOther,
}

/// So many at once that one after the other takes too long.
#[derive(Debug, Clone)]
pub struct Crowd<'a> {
    pub location: LocationId,
    pub people: &'a [Newcomer],
    pub devices: &'a [NewDevice],
    /// Groups that nobody is in yet, and which department comes into each; everybody, where none is named.
    pub groups: &'a [(GroupId, Option<String>)],
    /// Of assets of which nobody holds licences yet.
    pub held: &'a [Held],
    /// As of when all that is so.
    pub now: Time,
}

/// As many as are written by one statement.
const AT_ONCE: usize = 5_000;

impl Store {
    /// They all are there at once, or nobody is. Nobody was decided yet.
    ///
    /// Triggers do not run for what is written here, since each of them would for each of millions of rows; what they keep is
    /// written here as well. Nobody else may use the database meanwhile.
    pub async fn crowd_arrives(&self, crowd: &Crowd<'_>) -> Result<(), StoreError> {
        let now = crowd.now;
        let mut tx = self.begin().await?;
        let triggers = silenced(&mut tx).await?;
        for people in crowd.people.chunks(AT_ONCE) {
            let sql = tx.conn().text(
                "INSERT INTO people (id, name, email, email_key, department, created_at)
                 SELECT value ->> 'id', value ->> 'name', value ->> 'email', value ->> 'email', value ->> 'department', $2
                 FROM json_each($1)",
                "INSERT INTO people (id, name, email, email_key, department, created_at)
                 SELECT id, name, email, email, department, $2
                 FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS it (id TEXT, name TEXT, email TEXT, department TEXT)",
            );
            tx.run(sql, values![json(people), now]).await?;
            let sql = tx.conn().text(
                "INSERT INTO client_users (client_user_id, location_id, person_id, status, id_hash, accepted_at, observed_at)
                 SELECT value ->> 'client_user', $2, value ->> 'id', 'Associated', value ->> 'id_hash', $3, $3
                 FROM json_each($1)",
                "INSERT INTO client_users (client_user_id, location_id, person_id, status, id_hash, accepted_at, observed_at)
                 SELECT client_user, $2, id, 'Associated', id_hash, $3, $3
                 FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS it (id TEXT, client_user TEXT, id_hash TEXT)",
            );
            tx.run(sql, values![json(people), crowd.location, now]).await?;
        }
        for devices in crowd.devices.chunks(AT_ONCE) {
            let sql = tx.conn().text(
                "INSERT INTO devices (id, udid, serial, name, product_name, platform, person_id, enrolment, dep,
                                      awaiting_configuration, os_version, informed_at, enrolled_at, last_seen_at)
                 SELECT value ->> 'id', value ->> 'udid', value ->> 'serial', value ->> 'name', value ->> 'product_name',
                        value ->> 'platform', value ->> 'person', 'enrolled', FALSE, FALSE, value ->> 'os_version', $2, $2,
                        value ->> 'heard'
                 FROM json_each($1)",
                "INSERT INTO devices (id, udid, serial, name, product_name, platform, person_id, enrolment, dep,
                                      awaiting_configuration, os_version, informed_at, enrolled_at, last_seen_at)
                 SELECT id, udid, serial, name, product_name, platform, person, 'enrolled', FALSE, FALSE, os_version, $2, $2,
                        heard
                 FROM jsonb_to_recordset(CAST($1 AS jsonb)) AS it (id TEXT, udid TEXT, serial TEXT, name TEXT,
                      product_name TEXT, platform TEXT, person TEXT, os_version TEXT, heard BIGINT)",
            );
            tx.run(sql, values![json(devices), now]).await?;
        }
        let mut holds = String::new();
        for (group, department) in crowd.groups {
            let whose = match department {
                Some(department) => format!("AND department = '{}'", department.replace('\'', "''")),
                None => String::new(),
            };
            holds.push_str(&format!(
                "INSERT INTO group_members (group_id, member_id, name)
                 SELECT '{group}', id, name FROM people WHERE kind = 'person' {whose};"
            ));
        }
        for Held { asset, group, by } in crowd.held {
            let who = match by {
                Holders::Everybody => "",
                Holders::EveryOther => "AND substr(member_id, 36, 1) IN ('0', '2', '4', '6', '8', 'a', 'c', 'e')",
            };
            holds.push_str(&format!(
                "INSERT INTO seats (asset_id, holder_id, kind, state, since)
                 SELECT '{asset}', member_id, 'user', 'held', {now} FROM group_members WHERE group_id = '{group}' {who};",
                now = now.ms()
            ));
        }
        at_once(&mut tx.conn(), holds).await?;
        at_once(&mut tx.conn(), follows(crowd.location, now.ms())).await?;
        at_once(&mut tx.conn(), crate::tally::ANEW.to_owned()).await?;
        at_once(&mut tx.conn(), triggers).await?;
        tx.decide_everybody(crowd.location).await?;
        tx.commit().await?;
        self.tidied().await
    }
}

fn json(all: &[impl Serialize]) -> String {
    serde_json::to_string(all).expect("plain values")
}

/// What follows from who has which device and holds which licence.
fn follows(location: LocationId, now: i64) -> String {
    format!(
        "UPDATE groups SET members = (SELECT COUNT(*) FROM group_members WHERE group_id = id);
         INSERT INTO assignments (asset_id, holder_kind, holder, observed_at)
         SELECT asset_id, 'user', client_user_id, {now}
         FROM seats JOIN client_users ON person_id = holder_id WHERE location_id = '{location}';
         INSERT INTO installs (device_id, asset_id, checks, told_version)
         SELECT devices.id, seats.asset_id, 0, store_version
         FROM seats JOIN devices ON person_id = holder_id
                    LEFT JOIN app_metadata ON app_metadata.asset_id = seats.asset_id;
         INSERT INTO device_apps (device_id, asset_id, seen, seen_at, version)
         SELECT devices.id, seats.asset_id, 'installed', {now}, store_version
         FROM seats JOIN devices ON person_id = holder_id
                    LEFT JOIN app_metadata ON app_metadata.asset_id = seats.asset_id;
         UPDATE assets SET taken = (SELECT COUNT(*) FROM seats WHERE asset_id = assets.id);
         DELETE FROM dirty; DELETE FROM dirty_many;"
    )
}

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
pub async fn organisation(store: &Store, people: usize, apps: usize, now: Time) -> Result<Organisation, StoreError> {
    let mut organisation = Organisation {
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
    for _ in 0..apps {
        organisation.app_arrives(store, people.div_ceil(2)).await?;
        organisation.last_is_required(store).await?;
    }

    let newcomers: Vec<Newcomer> = (0..people)
        .map(|number| Newcomer {
            id: numbered(3, number),
            name: numbered(3, number).to_string(),
            email: None,
            department: None,
            client_user: numbered(6, number).to_string(),
            id_hash: None,
        })
        .collect();
    let devices: Vec<NewDevice> = (0..people)
        .map(|number| NewDevice {
            id: numbered(5, number),
            person: numbered(3, number),
            udid: numbered(3, number).to_string(),
            serial: None,
            name: "iPhone".to_owned(),
            product_name: "iPhone16,1".to_owned(),
            platform: "iOS".to_owned(),
            os_version: "18.5".to_owned(),
            heard: now.ms(),
        })
        .collect();
    let held: Vec<Held> = organisation
        .assets
        .iter()
        .map(|asset| Held {
            asset: *asset,
            group: organisation.group,
            by: Holders::EveryOther,
        })
        .collect();
    let crowd = Crowd {
        location: organisation.location,
        people: &newcomers,
        devices: &devices,
        groups: &[(organisation.group, None)],
        held: &held,
        now,
    };
    store.crowd_arrives(&crowd).await?;
    Ok(organisation)
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
            kept_licenses: 0,
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

    /// The processes of PostgreSQL that work for this database, of whatever program; none on SQLite.
    pub async fn backends(&self) -> Result<Vec<u32>, StoreError> {
        let mut reader = self.reader().await?;
        let mut pg = match reader.conn() {
            Conn::Lite(_) => return Ok(Vec::new()),
            pg @ Conn::Pg(_) => pg,
        };
        let sql = "SELECT CAST(pid AS BIGINT) AS pid FROM pg_stat_activity WHERE datname = current_database()";
        let pids = pg.all(sql, values![], |row| row.int("pid")).await?;
        Ok(pids.into_iter().filter_map(|pid| u32::try_from(pid).ok()).collect())
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
async fn silenced(tx: &mut Tx) -> Result<String, StoreError> {
    Ok(match tx.conn() {
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
    })
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
