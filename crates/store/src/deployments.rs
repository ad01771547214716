//! What administrators want: which groups get which app, and who asked for one that is available.

use std::collections::BTreeMap;

use domain::{AssetId, Deployment, LocationId, PersonId, Time};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

reads! {
    deployments(asset: AssetId) -> Vec<Deployment>;
    deployments_all(location: LocationId) -> Vec<Deployment>;
}

impl Conn<'_> {
    async fn deployments(&mut self, asset: AssetId) -> Result<Vec<Deployment>, StoreError> {
        self.all(
            "SELECT deployments.*, groups.kind FROM deployments JOIN groups ON groups.id = group_id
             WHERE asset_id = $1 ORDER BY groups.name",
            values![asset],
            deployment,
        )
        .await
    }

    pub(crate) async fn deployments_all(&mut self, location: LocationId) -> Result<Vec<Deployment>, StoreError> {
        self.all(
            "SELECT deployments.*, groups.kind FROM deployments
             JOIN groups ON groups.id = group_id JOIN assets ON assets.id = asset_id
             WHERE location_id = $1 ORDER BY deployments.id",
            values![location],
            deployment,
        )
        .await
    }

    pub(crate) async fn requests(
        &mut self,
        location: LocationId,
    ) -> Result<BTreeMap<AssetId, BTreeMap<PersonId, Time>>, StoreError> {
        let rows: Vec<(AssetId, PersonId, Time)> = self
            .all(
                "SELECT asset_id, person_id, requested_at FROM install_requests
                 JOIN assets ON assets.id = asset_id WHERE location_id = $1",
                values![location],
                |row| {
                    Ok((
                        row.parsed("asset_id")?,
                        row.parsed("person_id")?,
                        row.time("requested_at")?,
                    ))
                },
            )
            .await?;
        let mut requests: BTreeMap<AssetId, BTreeMap<PersonId, Time>> = BTreeMap::new();
        for (asset, person, at) in rows {
            requests.entry(asset).or_default().insert(person, at);
        }
        Ok(requests)
    }
}

impl Tx {
    /// `lines` is the whole deployment of the app.
    pub async fn deployments_replace(
        &mut self,
        asset: AssetId,
        lines: &[Deployment],
        now: Time,
    ) -> Result<(), StoreError> {
        self.run("DELETE FROM deployments WHERE asset_id = $1", values![asset])
            .await?;
        for line in lines {
            self.run(
                "INSERT INTO deployments (id, asset_id, group_id, approval, deadline, since, updated_at)
                 VALUES ($1, $2, $3, $4, $5, $6, $7)",
                values![
                    line.id,
                    asset,
                    line.group,
                    word(&line.approval),
                    line.deadline,
                    line.since,
                    now
                ],
            )
            .await?;
        }
        Ok(())
    }

    /// A second request keeps the place of the first.
    pub async fn request_put(&mut self, asset: AssetId, person: PersonId, now: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO install_requests (asset_id, person_id, requested_at) VALUES ($1, $2, $3)
             ON CONFLICT DO NOTHING",
            values![asset, person, now],
        )
        .await?;
        Ok(())
    }

    pub async fn request_delete(&mut self, asset: AssetId, person: PersonId) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM install_requests WHERE asset_id = $1 AND person_id = $2",
            values![asset, person],
        )
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
        since: row.time("since")?,
    })
}
