//! What things are called, for whoever has their ids.

use std::collections::BTreeMap;

use domain::{AssetId, DeviceId, GroupId, PersonId};
use uuid::Uuid;

use crate::{
    StoreError,
    db::{Conn, listed, reads, values},
};

/// The names of those of the ids that are known. An app that the store has not described is called by its number.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    pub apps: BTreeMap<AssetId, String>,
    pub people: BTreeMap<PersonId, String>,
    pub devices: BTreeMap<DeviceId, String>,
    pub groups: BTreeMap<GroupId, String>,
}

reads! {
    /// The names of whatever has one of these ids. Costs as much as there are ids.
    names(ids: &'a [Uuid]) -> Names;
}

macro_rules! named {
    ($conn:expr, $ids:expr, $from:literal) => {{
        let sql = $conn.text(
            concat!($from, " IN (SELECT value FROM json_each($1))"),
            concat!(
                $from,
                " = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"
            ),
        );
        let read = |row: &crate::db::Record| Ok((row.parsed("id")?, row.text("name")?));
        $conn.all(sql, values![$ids], read).await?.into_iter().collect()
    }};
}

impl Conn<'_> {
    async fn names(&mut self, ids: &[Uuid]) -> Result<Names, StoreError> {
        if ids.is_empty() {
            return Ok(Names::default());
        }
        let ids = listed(ids);
        Ok(Names {
            apps: named!(
                self,
                ids,
                "SELECT id, COALESCE(name, adam_id) AS name FROM assets
                 LEFT JOIN app_metadata ON app_metadata.asset_id = assets.id WHERE id"
            ),
            people: named!(self, ids, "SELECT id, name FROM people WHERE kind = 'person' AND id"),
            devices: named!(self, ids, "SELECT id, name FROM devices WHERE id"),
            groups: named!(self, ids, "SELECT id, name FROM groups WHERE id"),
        })
    }
}
