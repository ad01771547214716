//! How many there are of what an organisation has: what stands beside the navigation of every page.

use domain::LocationId;

use crate::{
    StoreError,
    db::{Conn, Record, reads, values},
};

/// How many there are, gone and left ones included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tally {
    /// What the location has, or has licences of: apps, books and all else. Zero without a location.
    pub apps: u64,
    pub devices: u64,
    pub people: u64,
    pub groups: u64,
    /// A change that concerns many is still being decided: what is counted of their apps is of before.
    pub spreading: bool,
}

reads! {
    tally(location: Option<LocationId>) -> Tally;
}

impl Conn<'_> {
    async fn tally(&mut self, location: Option<LocationId>) -> Result<Tally, StoreError> {
        let sql =
            "SELECT (SELECT COUNT(*) FROM assets WHERE location_id = $1 AND (gone_at IS NULL OR taken > 0)) AS apps,
                          (SELECT COUNT(*) FROM devices) AS devices,
                          (SELECT COUNT(*) FROM people WHERE kind = 'person') AS people,
                          (SELECT COUNT(*) FROM groups) AS groups,
                          EXISTS (SELECT 1 FROM dirty_many WHERE location_id = $1)
                          OR (SELECT COUNT(*) FROM (
                                  SELECT 1 FROM dirty WHERE location_id = $1 AND NOT waits_for_look LIMIT 200) AS marked) = 200
                          AS spreading";
        Ok(self.one(sql, values![location], tally).await?.unwrap_or_default())
    }
}

fn tally(row: &Record) -> Result<Tally, StoreError> {
    let number = |name| Ok::<_, StoreError>(u64::try_from(row.int(name)?).unwrap_or(0));
    Ok(Tally {
        apps: number("apps")?,
        devices: number("devices")?,
        people: number("people")?,
        groups: number("groups")?,
        spreading: row.flag("spreading")?,
    })
}
