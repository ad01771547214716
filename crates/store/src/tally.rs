//! How many there are of what an organisation has: what stands beside the navigation of every page.
//!
//! People, devices and what keeps somebody from every app are counted as they come and go, by triggers (`0017_tallies.sql`).
//! Whoever would count them here would walk through all of them for every page.

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
                          (SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM tallies
                           WHERE what IN ('devicesHere', 'devicesGone')) AS devices,
                          (SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) FROM tallies
                           WHERE what IN ('peopleHere', 'peopleLeft')) AS people,
                          (SELECT COUNT(*) FROM groups) AS groups,
                          EXISTS (SELECT 1 FROM dirty_many WHERE location_id = $1)
                          OR (SELECT COUNT(*) FROM (
                                  SELECT 1 FROM dirty WHERE location_id = $1 AND NOT waits_for_look LIMIT 200) AS marked) = 200
                          AS spreading";
        Ok(self.one(sql, values![location], tally).await?.unwrap_or_default())
    }
}

/// What is counted, counted anew.
#[cfg(feature = "simulators")]
macro_rules! counted {
    () => {
        "SELECT CASE WHEN left_at IS NULL THEN 'peopleHere' ELSE 'peopleLeft' END AS what, '' AS about, COUNT(*) AS number
         FROM people WHERE kind = 'person' GROUP BY 1
         UNION ALL SELECT CASE WHEN gone_at IS NULL THEN 'devicesHere' ELSE 'devicesGone' END, platform, COUNT(*)
         FROM devices GROUP BY 1, 2
         UNION ALL SELECT 'devicesDep', '', COUNT(*) FROM devices WHERE gone_at IS NULL AND dep = TRUE
         UNION ALL SELECT 'devicesLeaving', '', COUNT(*) FROM devices WHERE leaving_since IS NOT NULL
         UNION ALL SELECT 'devicesSilent', '', COUNT(*) FROM devices WHERE silent_since IS NOT NULL
         UNION ALL SELECT 'concerns', location_id || '/' || concern, COUNT(*) FROM concerns GROUP BY 2"
    };
}

/// For who writes so many rows that no trigger may run for them.
#[cfg(feature = "simulators")]
pub(crate) const ANEW: &str = concat!(
    "DELETE FROM tallies; INSERT INTO tallies (what, about, number) ",
    counted!(),
    ";"
);

#[cfg(feature = "testing")]
impl crate::Store {
    /// What is counted otherwise than there is: what, and by how many too much.
    pub async fn miscounted(&self) -> Result<Vec<(String, i64)>, StoreError> {
        let sql = concat!(
            "SELECT what || ' ' || about AS what, CAST(SUM(number) AS BIGINT) AS number FROM (
                 SELECT what, about, number FROM tallies
                 UNION ALL SELECT what, about, -number FROM (",
            counted!(),
            ") AS counted) AS told GROUP BY what, about HAVING SUM(number) <> 0"
        );
        let read = |row: &Record| Ok((row.text("what")?, row.int("number")?));
        self.snapshot().await?.0.conn().all(sql, values![], read).await
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
