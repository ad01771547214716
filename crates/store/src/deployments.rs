//! What administrators want: which groups get which app, and who asked for one that is available.

use std::collections::BTreeMap;

use domain::{AssetId, Deployment, DeploymentId, LocationId, PersonId, Time, keeping};

use crate::{
    Base, Change, StoreError, Tx, Version,
    db::{Conn, Record, gathered, reads, values, word},
    versions::version,
};

/// The lines of an app's deployment that keep licences, and how many each.
pub type Keeping = BTreeMap<DeploymentId, u64>;

reads! {
    deployments(asset: AssetId) -> Vec<Deployment>;
    /// Of the whole deployment of an app; `None` when there is no such app.
    deployments_version(asset: AssetId) -> Option<Version>;
    /// Of all apps together.
    deployments_all(location: LocationId) -> Vec<Deployment>;
    /// The lines that keep licences, of each app that has some, and how many.
    keeping(location: LocationId) -> BTreeMap<AssetId, Keeping>;
    /// Those of one app.
    keeping_of(asset: AssetId) -> Keeping;
}

impl Conn<'_> {
    pub(crate) async fn deployments(&mut self, asset: AssetId) -> Result<Vec<Deployment>, StoreError> {
        self.all(
            "SELECT deployments.*, groups.kind FROM deployments JOIN groups ON groups.id = group_id
             WHERE asset_id = $1 ORDER BY groups.name",
            values![asset],
            deployment,
        )
        .await
    }

    async fn deployments_version(&mut self, asset: AssetId) -> Result<Option<Version>, StoreError> {
        let sql =
            "SELECT deployments_version, deployments_changed_at, deployments_changed_by FROM assets WHERE id = $1";
        self.one(sql, values![asset], |row| version(row, "deployments_")).await
    }

    pub(crate) async fn deployments_all(&mut self, location: LocationId) -> Result<Vec<Deployment>, StoreError> {
        macro_rules! lines {
            ($database:ident) => {
                gathered!($database ["id", "asset_id", "group_id", "kind", "approval", "deadline", "license_type", "installation", "kept_licenses", "since"] by "id"
                    "FROM (SELECT deployments.*, groups.kind, location_id FROM deployments
                           JOIN groups ON groups.id = group_id JOIN assets ON assets.id = asset_id) AS lines
                     WHERE location_id = $1")
            };
        }
        let sql = self.text(lines!(lite), lines!(pg));
        let columns = &[
            "id",
            "asset_id",
            "group_id",
            "kind",
            "approval",
            "deadline",
            "license_type",
            "installation",
            "kept_licenses",
            "since",
        ];
        self.gathered(sql, columns, values![location], deployment).await
    }
}

impl Conn<'_> {
    async fn keeping(&mut self, location: LocationId) -> Result<BTreeMap<AssetId, Keeping>, StoreError> {
        let sql = "SELECT deployments.*, groups.kind FROM deployments JOIN groups ON groups.id = group_id
                   JOIN assets ON assets.id = asset_id WHERE location_id = $1 AND kept_licenses > 0";
        let lines = self.all(sql, values![location], deployment).await?;
        let mut apps: BTreeMap<AssetId, Vec<Deployment>> = BTreeMap::new();
        if lines.is_empty() {
            return Ok(BTreeMap::new());
        }
        for line in lines {
            apps.entry(line.app).or_default().push(line);
        }
        let policy = self.policy().await?;
        let apps = apps.into_iter().map(|(app, lines)| (app, keeping(&policy, &lines)));
        Ok(apps.collect())
    }

    pub(crate) async fn keeping_of(&mut self, asset: AssetId) -> Result<Keeping, StoreError> {
        let sql = "SELECT deployments.*, groups.kind FROM deployments JOIN groups ON groups.id = group_id
                   WHERE asset_id = $1 AND kept_licenses > 0";
        let lines = self.all(sql, values![asset], deployment).await?;
        if lines.is_empty() {
            return Ok(Keeping::new());
        }
        Ok(keeping(&self.policy().await?, &lines))
    }
}

impl Tx {
    /// Takes the deployment of the app to be changed, which nobody else can do until the transaction ends.
    ///
    /// `false` when the app is not there, or its deployment is not as `base` was any more. Nothing was changed then.
    pub async fn deployments_begin(&mut self, asset: AssetId, base: Base, by: Change<'_>) -> Result<bool, StoreError> {
        let changed = self
            .run(
                "UPDATE assets SET deployments_version = deployments_version + 1, deployments_changed_at = $3,
                                   deployments_changed_by = $4
                 WHERE id = $1 AND (CAST($2 AS BIGINT) IS NULL OR deployments_version = $2)",
                values![asset, base, by.at, by.by],
            )
            .await?;
        Ok(changed > 0)
    }

    /// `lines` is the whole deployment of the app; what is as it was is not touched, so that nobody is decided anew for
    /// it. After [`deployments_begin`](Self::deployments_begin).
    pub async fn deployments_replace(
        &mut self,
        asset: AssetId,
        lines: &[Deployment],
        now: Time,
    ) -> Result<(), StoreError> {
        let present = self.deployments(asset).await?;
        for line in present
            .iter()
            .filter(|line| !lines.iter().any(|wanted| wanted.id == line.id))
        {
            self.run("DELETE FROM deployments WHERE id = $1", values![line.id])
                .await?;
        }
        for line in lines.iter().filter(|line| !present.contains(line)) {
            self.run(
                "INSERT INTO deployments (id, asset_id, group_id, approval, deadline, since, updated_at, license_type,
                                          installation, kept_licenses)
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
                 ON CONFLICT (id) DO UPDATE SET approval = excluded.approval, deadline = excluded.deadline,
                                                license_type = excluded.license_type,
                                                installation = excluded.installation,
                                                kept_licenses = excluded.kept_licenses,
                                                since = excluded.since, updated_at = excluded.updated_at",
                values![
                    line.id,
                    asset,
                    line.group,
                    word(&line.approval),
                    line.deadline,
                    line.since,
                    now,
                    word(&line.license_type),
                    word(&line.installation),
                    i64::try_from(line.kept_licenses).unwrap_or(i64::MAX)
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// Whether it is the first. A second request keeps the place of the first.
    pub async fn request_put(&mut self, asset: AssetId, person: PersonId, now: Time) -> Result<bool, StoreError> {
        let put = self
            .run(
                "INSERT INTO install_requests (asset_id, person_id, requested_at) VALUES ($1, $2, $3)
                 ON CONFLICT DO NOTHING",
                values![asset, person, now],
            )
            .await?;
        Ok(put > 0)
    }

    /// They ask for it as of now, and not as of when they asked before.
    pub async fn request_renew(&mut self, asset: AssetId, person: PersonId, now: Time) -> Result<(), StoreError> {
        let sql = "UPDATE install_requests SET requested_at = $3 WHERE asset_id = $1 AND person_id = $2";
        self.run(sql, values![asset, person, now]).await?;
        Ok(())
    }

    /// Whether there was one.
    pub async fn request_delete(&mut self, asset: AssetId, person: PersonId) -> Result<bool, StoreError> {
        let deleted = self
            .run(
                "DELETE FROM install_requests WHERE asset_id = $1 AND person_id = $2",
                values![asset, person],
            )
            .await?;
        Ok(deleted > 0)
    }

    /// Takes back everything that the person asked for.
    pub async fn requests_delete(&mut self, person: PersonId) -> Result<(), StoreError> {
        self.run("DELETE FROM install_requests WHERE person_id = $1", values![person])
            .await?;
        Ok(())
    }
}

fn deployment(row: &Record) -> Result<Deployment, StoreError> {
    Ok(Deployment {
        id: row.parsed("id")?,
        app: row.parsed("asset_id")?,
        group: row.parsed("group_id")?,
        kind: row.word("kind")?,
        approval: row.word("approval")?,
        deadline: row.time_or_none("deadline")?,
        license_type: row.word("license_type")?,
        installation: row.word("installation")?,
        kept_licenses: u64::try_from(row.int("kept_licenses")?).unwrap_or(0),
        since: row.time("since")?,
    })
}
