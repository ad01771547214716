//! All people, and all devices: a page of them by name, and how many there are of each kind.
//!
//! Nothing here looks at more than it shows, but for a search, which looks at all names. How many there are is counted as they
//! come and go (`tally.rs`).

use std::collections::BTreeMap;

use domain::{
    AssetId, Concern, DeviceId, GroupId, GroupKind, Holder, LocationId, PersonId, Platform, Rank, Stand, Time,
};
use uuid::Uuid;

use crate::{
    Cut, DeviceRow, ListedDevice, Part, Span, StoreError, Verdict,
    db::{Conn, Record, Value, hexed, listed, reads, values, word},
    devices::device,
    pairs::{holder, rank},
    verdicts::verdict,
};

/// Which people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// Who has not left.
    Here,
    Left,
    /// Those of them who are here for whom this was decided.
    Of(LocationId, Concern),
}

/// Which devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// All that are not gone.
    Here,
    Gone,
    /// Enrolled through Apple's Device Enrollment Program.
    Dep,
    /// To be retired or wiped.
    Leaving,
    /// Count as gone, because they were not heard for too long.
    Silent,
    /// Enrolled, and not heard since then. Costs as much as there are.
    Unheard(Time),
}

/// How many, as far as they were counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Many {
    pub number: u64,
    /// There may be more.
    pub more: bool,
}

impl From<u64> for Many {
    fn from(number: u64) -> Many {
        Many { number, more: false }
    }
}

/// So many rows are counted at most, of whatever may be said of everybody about every app.
const COUNTED: i64 = 10_000;

/// What is said of a person, or of a device, about an asset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SaidOf<Id> {
    pub of: Id,
    pub asset_id: AssetId,
    pub verdict: Verdict,
    /// Where whoever brings the licence stands in the line for it; of a person for whom several stand there, the last.
    pub at: Option<(Rank, Holder)>,
}

reads! {
    /// A page of these people.
    people_listed(which: People, cut: Cut<'a>) -> Vec<PersonId>;
    /// How many they are.
    people_counted(which: People) -> u64;
    /// A page of these devices.
    devices_listed(which: Devices, cut: Cut<'a>) -> Vec<DeviceId>;
    /// How many they are.
    devices_counted(which: Devices) -> u64;
    /// How many people one of these is said of, each counted once.
    people_said_counted(verdicts: &'a [(i64, Part)]) -> Many;
    /// The same of devices.
    devices_said_counted(verdicts: &'a [(i64, Part)]) -> Many;
    /// Everything that is said of these people about the location's assets.
    said_of_people(location: LocationId, people: &'a [PersonId]) -> Vec<SaidOf<PersonId>>;
    /// The same of devices.
    said_of_devices(location: LocationId, devices: &'a [ListedDevice]) -> Vec<SaidOf<DeviceId>>;
    /// How many devices are here, by what runs on them.
    platforms_counted() -> BTreeMap<Platform, u64>;
    /// The next people after this one, in the order of their ids, which is the order in which they were added.
    people_after(after: Option<Uuid>, most: usize) -> Vec<PersonId>;
    /// The next devices after this one, in the same order.
    devices_after(after: Option<Uuid>, most: usize) -> Vec<DeviceId>;
    /// Devices by their ids, as many as are there.
    devices_of_ids(devices: &'a [DeviceId]) -> Vec<DeviceRow>;
    /// How many devices that are not gone each of these people has, if any.
    devices_of_each(people: &'a [PersonId]) -> BTreeMap<PersonId, u64>;
    /// How many licences each of these people has that Apple has confirmed, of apps, books, and all else, if any.
    licences_of_each(people: &'a [PersonId]) -> BTreeMap<PersonId, u64>;
}

/// A page in the order of names: `$1` and `$2` are what it lies beside, `$3` is what is looked for, `$4` how many.
macro_rules! named {
    ($id:literal from $from:literal, $found:expr, forwards) => {
        named!($id from $from, $found, ">" "")
    };
    ($id:literal from $from:literal, $found:expr, backwards) => {
        named!($id from $from, $found, "<" " DESC")
    };
    ($id:literal from $from:literal, $found:expr, $follows:literal $order:literal) => {
        concat!(
            "SELECT ", $id, " AS id FROM ", $from, " AND (name, ", $id, ") ", $follows, " ($1, $2) AND ", $found,
            " ORDER BY name", $order, ", ", $id, $order, " LIMIT $4"
        )
    };
}

/// Whoever is looked for, by name and what else one knows of them.
macro_rules! found {
    (anybody) => {
        "$3 = ''"
    };
    (person $like:literal) => {
        concat!(
            "id IN (SELECT id FROM people WHERE name ", $like, " $3 ESCAPE '!' OR email ", $like,
            " $3 ESCAPE '!' OR department ", $like, " $3 ESCAPE '!')"
        )
    };
    (concerned $like:literal) => {
        concat!("person_", found!(person $like))
    };
    (member $like:literal) => {
        concat!("member_", found!(person $like))
    };
    (device_member $like:literal) => {
        concat!("member_id IN (SELECT id FROM devices WHERE ", found!(device $like), ")")
    };
    (device $like:literal) => {
        concat!(
            "(name ", $like, " $3 ESCAPE '!' OR serial ", $like, " $3 ESCAPE '!' OR udid ", $like,
            " $3 ESCAPE '!' OR person_id IN (SELECT id FROM people WHERE name ", $like, " $3 ESCAPE '!'))"
        )
    };
}

/// The statement for a page, whichever way it is turned and whether or not something is looked for.
macro_rules! turned {
    ($conn:expr, $cut:expr, $id:literal from $from:literal, $whom:ident) => {
        match ($cut.query.is_empty(), $cut.forwards()) {
            (true, true) => named!($id from $from, found!(anybody), forwards),
            (true, false) => named!($id from $from, found!(anybody), backwards),
            (false, true) => $conn.text(
                named!($id from $from, found!($whom "LIKE"), forwards),
                named!($id from $from, found!($whom "ILIKE"), forwards),
            ),
            (false, false) => $conn.text(
                named!($id from $from, found!($whom "LIKE"), backwards),
                named!($id from $from, found!($whom "ILIKE"), backwards),
            ),
        }
    };
}

/// What triggers count: `$1`, and of it `$2`.
const TALLIED: &str = "SELECT CAST(COALESCE(SUM(number), 0) AS BIGINT) AS number FROM tallies
                       WHERE what = $1 AND ($2 = '' OR about = $2)";

/// How many of each of some people.
macro_rules! each {
    ($from:literal, lite) => {
        each!($from, "IN (SELECT value FROM json_each($1))")
    };
    ($from:literal, pg) => {
        each!(
            $from,
            "= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"
        )
    };
    ($from:literal, $people:literal) => {
        concat!(
            "SELECT person_id, COUNT(*) AS number FROM ",
            $from,
            " AND person_id ",
            $people,
            " GROUP BY person_id"
        )
    };
}

/// How many different ones some verdicts are said of, and how many rows were looked at, `$2` at most. `$1` is a list of
/// [`Part::listed`]; `$up_to` says whether a row lies up to the edge of its verdict.
macro_rules! many {
    // Of a list of numbers: nobody stands at an edge.
    (all $id:literal from lite $table:literal) => {
        concat!(
            "SELECT COUNT(DISTINCT id) AS number, COUNT(*) AS looked_at FROM (
                 SELECT ", $id, " AS id FROM json_each($1) AS it CROSS JOIN ", $table, "
                 WHERE verdict = it.value LIMIT $2) AS those"
        )
    };
    (all $id:literal from pg $table:literal) => {
        concat!(
            "SELECT COUNT(DISTINCT id) AS number, COUNT(*) AS looked_at FROM (
                 SELECT id FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it
                 CROSS JOIN LATERAL (SELECT ", $id, " AS id FROM ", $table, " WHERE verdict = it::int LIMIT $2) AS of_one
                 LIMIT $2) AS those"
        )
    };
    ($id:literal from lite $table:literal, $up_to:literal) => {
        concat!(
            "SELECT COUNT(DISTINCT id) AS number, COUNT(*) AS looked_at FROM (
                 SELECT ", $id, " AS id
                 FROM (SELECT value ->> 0 AS no, value ->> 1 AS edge, value ->> 2 AS edge_behind,
                              value ->> 3 AS edge_available, value ->> 4 AS edge_since, value ->> 5 AS edge_device,
                              unhex(value ->> 6) AS edge_holder
                       FROM json_each($1)) AS it
                 CROSS JOIN ", $table, "
                 WHERE verdict = it.no AND (edge = 'all' OR (edge = 'served') = ", $up_to, ") LIMIT $2) AS those"
        )
    };
    // Each verdict by itself, along the index: PostgreSQL would rather read all that is said of everybody.
    ($id:literal from pg $table:literal, $up_to:literal) => {
        concat!(
            "SELECT COUNT(DISTINCT id) AS number, COUNT(*) AS looked_at FROM (
                 SELECT id
                 FROM (SELECT (it ->> 0)::int AS no, it ->> 1 AS edge, (it ->> 2)::bigint AS edge_behind,
                              (it ->> 3)::boolean AS edge_available, (it ->> 4)::bigint AS edge_since,
                              (it ->> 5)::boolean AS edge_device, decode(it ->> 6, 'hex') AS edge_holder
                       FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it) AS it
                 CROSS JOIN LATERAL (
                     SELECT ", $id, " AS id FROM ", $table, "
                     WHERE verdict = it.no AND (edge = 'all' OR (edge = 'served') = ", $up_to, ") LIMIT $2) AS of_one
                 LIMIT $2) AS those"
        )
    };
    (people $database:ident) => {
        many!("person_id" from $database "pairs",
              "((behind, only_available, since, device, holder)
                <= (edge_behind, edge_available, edge_since, edge_device, edge_holder))")
    };
    // Where it divides is known of whoever brings the licence.
    (devices $database:ident) => {
        many!("device_id" from $database "device_pairs",
              "EXISTS (SELECT 1 FROM wishes
                       WHERE wishes.asset = device_pairs.asset
                         AND holder = CASE WHEN own THEN device_pairs.device_id ELSE device_pairs.person_id END
                         AND (behind, only_available, since, device, holder)
                             <= (edge_behind, edge_available, edge_since, edge_device, edge_holder))")
    };
}

/// Each kind of device by the text of what is true of it.
macro_rules! of_devices {
    ($which:expr, $text:ident ! ($($before:tt)*) ($($after:tt)*)) => {
        match $which {
            Devices::Here => $text!($($before)* "devices WHERE gone_at IS NULL" $($after)*),
            Devices::Gone => $text!($($before)* "devices WHERE gone_at IS NOT NULL" $($after)*),
            Devices::Dep => $text!($($before)* "devices WHERE gone_at IS NULL AND dep = TRUE" $($after)*),
            Devices::Leaving => $text!($($before)* "devices WHERE leaving_since IS NOT NULL" $($after)*),
            Devices::Silent => $text!($($before)* "devices WHERE silent_since IS NOT NULL" $($after)*),
            Devices::Unheard(_) => {
                $text!($($before)* "devices WHERE enrolment = 'enrolled' AND last_seen_at < $5" $($after)*)
            }
        }
    };
}

impl<Id> SaidOf<Id> {
    fn read(row: &Record, of: Id) -> Result<SaidOf<Id>, StoreError> {
        let stand: Option<Stand> = row.word_or_none("stand")?;
        Ok(SaidOf {
            of,
            asset_id: row.parsed("asset_id")?,
            verdict: verdict(row)?,
            at: match stand {
                Some(_) => Some((rank(row)?, holder(row)?)),
                None => None,
            },
        })
    }
}

impl Conn<'_> {
    async fn people_listed(&mut self, which: People, cut: Cut<'_>) -> Result<Vec<PersonId>, StoreError> {
        let sql = match which {
            People::Here => turned!(self, cut, "id" from "people WHERE left_at IS NULL AND kind = 'person'", person),
            People::Left => {
                turned!(self, cut, "id" from "people WHERE left_at IS NOT NULL AND kind = 'person'", person)
            }
            People::Of(..) => {
                turned!(self, cut, "person_id" from "concerns WHERE location_id = $5 AND concern = $6", concerned)
            }
        };
        let more = match which {
            People::Of(location, concern) => values![location, word(&concern)],
            People::Here | People::Left => Vec::new(),
        };
        let mut people = self
            .listed(sql, "SELECT name FROM people WHERE id = $1", cut, more)
            .await?;
        Ok(people.drain(..).map(PersonId).collect())
    }

    async fn people_counted(&mut self, which: People) -> Result<u64, StoreError> {
        let values = match which {
            People::Here => values!["peopleHere", ""],
            People::Left => values!["peopleLeft", ""],
            People::Of(location, concern) => values!["concerns", format!("{location}/{}", word(&concern))],
        };
        self.counted(TALLIED, values).await
    }

    async fn devices_listed(&mut self, which: Devices, cut: Cut<'_>) -> Result<Vec<DeviceId>, StoreError> {
        let sql = of_devices!(which, turned ! (self, cut, "id" from) (, device));
        let more = match which {
            Devices::Unheard(since) => values![since],
            _ => Vec::new(),
        };
        let devices = self
            .listed(sql, "SELECT name FROM devices WHERE id = $1", cut, more)
            .await?;
        Ok(devices.into_iter().map(DeviceId).collect())
    }

    async fn devices_counted(&mut self, which: Devices) -> Result<u64, StoreError> {
        let what = match which {
            Devices::Here => "devicesHere",
            Devices::Gone => "devicesGone",
            Devices::Dep => "devicesDep",
            Devices::Leaving => "devicesLeaving",
            Devices::Silent => "devicesSilent",
            Devices::Unheard(since) => {
                let sql = "SELECT COUNT(*) AS number FROM devices WHERE enrolment = 'enrolled' AND last_seen_at < $1";
                return self.counted(sql, values![since]).await;
            }
        };
        self.counted(TALLIED, values![what, ""]).await
    }

    pub(crate) async fn group_members_listed(
        &mut self,
        group: GroupId,
        kind: GroupKind,
        cut: Cut<'_>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let sql = match kind {
            GroupKind::User => turned!(self, cut, "member_id" from "group_members WHERE group_id = $5", member),
            GroupKind::Device => {
                turned!(self, cut, "member_id" from "group_members WHERE group_id = $5", device_member)
            }
        };
        // Whoever went meanwhile still lies somewhere.
        let named = match kind {
            GroupKind::User => "SELECT name FROM people WHERE id = $1",
            GroupKind::Device => "SELECT name FROM devices WHERE id = $1",
        };
        self.listed(sql, named, cut, values![group]).await
    }

    pub(crate) async fn group_members_offered(
        &mut self,
        group: GroupId,
        kind: GroupKind,
        query: &str,
        most: usize,
    ) -> Result<Vec<Uuid>, StoreError> {
        let cut = Cut {
            span: Span::First,
            query,
            most,
        };
        let sql = match kind {
            GroupKind::User => turned!(
                self, cut, "id" from "people WHERE left_at IS NULL AND kind = 'person' AND NOT EXISTS (
                    SELECT 1 FROM group_members WHERE group_id = $5 AND member_id = people.id)", person
            ),
            GroupKind::Device => turned!(
                self, cut, "id" from "devices WHERE gone_at IS NULL AND NOT EXISTS (
                    SELECT 1 FROM group_members WHERE group_id = $5 AND member_id = devices.id)", device
            ),
        };
        self.listed(sql, "SELECT name FROM people WHERE id = $1", cut, values![group])
            .await
    }

    /// Of a statement that is made by [`turned`], with what else it takes.
    async fn listed(
        &mut self,
        sql: &'static str,
        named: &'static str,
        cut: Cut<'_>,
        more: Vec<Value>,
    ) -> Result<Vec<Uuid>, StoreError> {
        let (name, id) = self.beside(named, cut).await?;
        let id = if id.is_nil() { String::new() } else { id.to_string() };
        let most = i64::try_from(cut.most).unwrap_or(i64::MAX);
        let mut values = values![name, id, cut.like(), most];
        values.extend(more);
        let mut found: Vec<Uuid> = self.all(sql, values, |row| row.parsed("id")).await?;
        if !cut.forwards() {
            found.reverse();
        }
        Ok(found)
    }

    async fn platforms_counted(&mut self) -> Result<BTreeMap<Platform, u64>, StoreError> {
        let sql =
            "SELECT about AS platform, CAST(SUM(number) AS BIGINT) AS number FROM tallies WHERE what = 'devicesHere'
                   GROUP BY about HAVING SUM(number) > 0";
        let platforms = self
            .all(sql, values![], |row| {
                Ok((row.word("platform")?, u64::try_from(row.int("number")?).unwrap_or(0)))
            })
            .await?;
        Ok(platforms.into_iter().collect())
    }

    async fn people_after(&mut self, after: Option<Uuid>, most: usize) -> Result<Vec<PersonId>, StoreError> {
        let sql = "SELECT id FROM people WHERE id > $1 AND kind = 'person' ORDER BY id LIMIT $2";
        self.all(sql, after_values(after, most), |row| row.parsed("id")).await
    }

    async fn devices_after(&mut self, after: Option<Uuid>, most: usize) -> Result<Vec<DeviceId>, StoreError> {
        let sql = "SELECT id FROM devices WHERE id > $1 ORDER BY id LIMIT $2";
        self.all(sql, after_values(after, most), |row| row.parsed("id")).await
    }

    pub(crate) async fn devices_of_ids(&mut self, devices: &[DeviceId]) -> Result<Vec<DeviceRow>, StoreError> {
        let sql = self.text(
            "SELECT * FROM devices WHERE id IN (SELECT value FROM json_each($1))",
            "SELECT * FROM devices WHERE id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))",
        );
        let ids: Vec<Uuid> = devices.iter().map(|device| device.0).collect();
        self.all(sql, values![listed(&ids)], device).await
    }

    async fn people_said_counted(&mut self, verdicts: &[(i64, Part)]) -> Result<Many, StoreError> {
        let sql = match whole(verdicts) {
            true => self.text(
                many!(all "person_id" from lite "pairs"),
                many!(all "person_id" from pg "pairs"),
            ),
            false => self.text(many!(people lite), many!(people pg)),
        };
        self.many(sql, verdicts).await
    }

    async fn devices_said_counted(&mut self, verdicts: &[(i64, Part)]) -> Result<Many, StoreError> {
        let sql = match whole(verdicts) {
            true => self.text(
                many!(all "device_id" from lite "device_pairs"),
                many!(all "device_id" from pg "device_pairs"),
            ),
            false => self.text(many!(devices lite), many!(devices pg)),
        };
        self.many(sql, verdicts).await
    }

    /// Of a statement that is made by [`many`].
    async fn many(&mut self, sql: &'static str, verdicts: &[(i64, Part)]) -> Result<Many, StoreError> {
        let whole = whole(verdicts);
        let listed = verdicts.iter().map(|(no, part)| match whole {
            true => (*no).into(),
            false => part.listed(*no),
        });
        let listed: Vec<serde_json::Value> = listed.collect();
        let values = values![serde_json::Value::from(listed).to_string(), COUNTED];
        let many = self
            .one(sql, values, |row| {
                Ok(Many {
                    number: u64::try_from(row.int("number")?).unwrap_or(0),
                    more: row.int("looked_at")? >= COUNTED,
                })
            })
            .await?;
        Ok(many.unwrap_or_default())
    }

    async fn said_of_people(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<Vec<SaidOf<PersonId>>, StoreError> {
        // From the people on, and not from all that is said: SQLite keeps to the order, and `OFFSET` keeps PostgreSQL from
        // looking further.
        let sql = self.text(
            "SELECT person_id, asset_id, said, stand, behind, only_available, since, device, holder
             FROM json_each($2) AS it CROSS JOIN pairs ON person_id = unhex(it.value)
             CROSS JOIN verdicts ON no = verdict CROSS JOIN assets ON assets.id = asset_id AND location_id = $1",
            "SELECT person_id, asset_id, said, stand, behind, only_available, since, device, holder
             FROM (SELECT * FROM pairs WHERE person_id = ANY (ARRAY (
                       SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value)) OFFSET 0)
                  AS pairs
             JOIN verdicts ON no = verdict JOIN assets ON assets.id = asset_id WHERE location_id = $1",
        );
        let list = hexed(people.iter().map(|person| person.0));
        self.all(sql, values![location, list], |row| {
            SaidOf::read(row, PersonId(row.key("person_id")?))
        })
        .await
    }

    async fn said_of_devices(
        &mut self,
        location: LocationId,
        devices: &[ListedDevice],
    ) -> Result<Vec<SaidOf<DeviceId>>, StoreError> {
        macro_rules! said {
            ($devices:literal) => {
                concat!(
                    "SELECT device_id, asset_id, said, stand, behind, only_available, since, device, holder
                     FROM ", $devices, "
                     JOIN verdicts ON no = device_pairs.verdict JOIN assets ON assets.id = asset_id
                     LEFT JOIN wishes ON wishes.asset = device_pairs.asset
                                     AND holder = CASE WHEN own THEN device_id ELSE device_pairs.person_id END
                     WHERE location_id = $1"
                )
            };
        }
        let sql = self.text(
            said!(
                "json_each($2) AS it CROSS JOIN device_pairs
                 ON device_pairs.person_id = unhex(it.value ->> 0) AND device_id = unhex(it.value ->> 1)"
            ),
            said!(
                "jsonb_array_elements(CAST($2 AS jsonb)) AS it CROSS JOIN LATERAL (
                     -- Each by itself: OFFSET keeps PostgreSQL from reading what is kept of everybody.
                     SELECT * FROM device_pairs
                     WHERE person_id = decode(it ->> 0, 'hex') AND device_id = decode(it ->> 1, 'hex') OFFSET 0
                 ) AS device_pairs"
            ),
        );
        let list: Vec<[String; 2]> = devices
            .iter()
            .map(|row| [row.person.0.simple().to_string(), row.device.0.simple().to_string()])
            .collect();
        self.all(sql, values![location, serde_json::json!(list).to_string()], |row| {
            SaidOf::read(row, DeviceId(row.key("device_id")?))
        })
        .await
    }

    async fn devices_of_each(&mut self, people: &[PersonId]) -> Result<BTreeMap<PersonId, u64>, StoreError> {
        let sql = self.text(
            each!("devices WHERE gone_at IS NULL", lite),
            each!("devices WHERE gone_at IS NULL", pg),
        );
        self.of_each(sql, people).await
    }

    async fn licences_of_each(&mut self, people: &[PersonId]) -> Result<BTreeMap<PersonId, u64>, StoreError> {
        // Their own, and those of their devices.
        macro_rules! licences {
            ($people:literal) => {
                concat!(
                    "SELECT person_id, COUNT(*) AS number FROM (
                         SELECT holder_id AS person_id FROM seats WHERE state <> 'reserved' AND holder_id ", $people, "
                         UNION ALL
                         SELECT person_id FROM devices JOIN seats ON holder_id = devices.id AND state <> 'reserved'
                         WHERE person_id ", $people, ") AS licences
                     GROUP BY person_id"
                )
            };
        }
        let sql = self.text(
            licences!("IN (SELECT value FROM json_each($1))"),
            licences!("= ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($1 AS jsonb))))"),
        );
        self.of_each(sql, people).await
    }

    async fn of_each(&mut self, sql: &'static str, people: &[PersonId]) -> Result<BTreeMap<PersonId, u64>, StoreError> {
        let each = self
            .all(sql, values![crate::deciding::ids(people)], |row| {
                Ok((row.parsed("person_id")?, u64::try_from(row.int("number")?).unwrap_or(0)))
            })
            .await?;
        Ok(each.into_iter().collect())
    }
}

/// Whether no line divides anybody of whom they are said.
fn whole(verdicts: &[(i64, Part)]) -> bool {
    verdicts.iter().all(|(_, part)| *part == Part::All)
}

fn after_values(after: Option<Uuid>, most: usize) -> Vec<Value> {
    let after = after.map(|id| id.to_string()).unwrap_or_default();
    values![after, i64::try_from(most).unwrap_or(i64::MAX)]
}
