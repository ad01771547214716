//! What was decided of each person and app: derived, and written where it differs from what is there.
//!
//! Of thousands of people the same is said of an app, so what is said is kept once, as a *verdict*, with how many
//! people, or devices, it is said of. A pair is a person, an asset, and the number of a verdict.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashMap, HashSet},
};

use domain::{
    AssetId, Concern, DeploymentId, DeviceId, Each, Holder, HolderKind, LocationId, Pair, PersonId, Precedence, Rank,
    Stand, Time, Wish,
};
use serde_json::json;

use crate::{
    Of, StoreError, Tx, Verdict,
    db::{Conn, Record, gathered, hexed, reads, values, word},
    verdicts::verdict,
};

/// What was decided of one person and one app, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    pub asset_id: AssetId,
    pub person_id: PersonId,
    pub verdict: Verdict,
    /// Who stands in the line for them, and what brings each there.
    pub wishes: BTreeMap<Holder, Wish>,
    /// The one of those that waits whenever any of them does.
    pub last: Option<(Holder, Wish)>,
    pub devices: BTreeMap<DeviceId, Verdict>,
}

impl PairRow {
    pub fn of(asset: AssetId, person: PersonId, pair: &Pair) -> PairRow {
        let devices = pair.devices.iter();
        PairRow {
            asset_id: asset,
            person_id: person,
            verdict: Verdict::of_person(person, pair),
            wishes: pair.wishes.clone(),
            last: pair.last,
            devices: devices
                .map(|(device, theirs)| (*device, Verdict::of_device(pair, theirs)))
                .collect(),
        }
    }
}

/// The priority of the group, the other way round: who is further behind comes later. Before all priorities come those who
/// were moved up, by when that was.
pub(crate) fn behind(rank: Rank) -> i64 {
    match rank.precedence {
        Precedence::MovedUp(at) => i64::MIN + at.ms().clamp(0, MOVED_UP - i64::MIN - 1),
        Precedence::Priority(Reverse(priority)) => priority.saturating_neg().max(MOVED_UP),
    }
}

/// Up to here those are kept who were moved up: no time comes as far, and no priority as low.
const MOVED_UP: i64 = i64::MIN / 2;

/// Where a row stands in the line.
pub(crate) fn rank(row: &Record) -> Result<Rank, StoreError> {
    Ok(Rank {
        precedence: match row.int("behind")? {
            behind if behind < MOVED_UP => Precedence::MovedUp(Time(behind - i64::MIN)),
            behind => Precedence::Priority(Reverse(behind.saturating_neg())),
        },
        only_available: row.flag("only_available")?,
        since: row.time("since")?,
    })
}

reads! {
    /// Everything that was decided: for judges, and not for what runs all the time.
    pairs(location: LocationId) -> Vec<PairRow>;
    /// Of whom something else is kept than follows, of these people and what was decided of them. Writes nothing.
    differing(location: LocationId, people: &'a [PersonId], each: &'a Each) -> BTreeSet<PersonId>;
    /// What keeps people from every app: for judges, too.
    concerns(location: LocationId) -> BTreeSet<(PersonId, Concern)>;
    /// Of how many each verdict is said, as it is kept and as it is: for judges, too.
    verdicts_counted() -> Vec<(i64, i64, i64)>;
}

/// All that is kept, or of some people.
macro_rules! kept {
    (pairs $whom:literal) => {
        concat!(
            "SELECT id, person_id, said, stand, behind, only_available, since, device, holder
             FROM pairs JOIN assets ON number = asset JOIN verdicts ON no = verdict WHERE location_id = $1",
            $whom
        )
    };
    (wishes $whom:literal) => {
        concat!(
            "SELECT id, person_id, kept_by, stand, behind, only_available, since, device, holder
             FROM wishes JOIN assets ON number = asset WHERE location_id = $1",
            $whom
        )
    };
    (devices $whom:literal) => {
        concat!(
            "SELECT id, person_id, device_id, said
             FROM device_pairs JOIN assets ON number = asset JOIN verdicts ON no = verdict WHERE location_id = $1",
            $whom
        )
    };
}

fn pair(row: &Record) -> Result<PairRow, StoreError> {
    let stand: Option<Stand> = row.word_or_none("stand")?;
    let verdict = verdict(row)?;
    Ok(PairRow {
        asset_id: row.parsed("id")?,
        person_id: PersonId(row.key("person_id")?),
        verdict,
        wishes: BTreeMap::new(),
        last: match stand {
            Some(stand) => Some((
                holder(row)?,
                Wish {
                    rank: rank(row)?,
                    kept_by: verdict.kept_by,
                    stand,
                },
            )),
            None => None,
        },
        devices: BTreeMap::new(),
    })
}

/// Which line of the deployment keeps licences for them, of a row of it.
pub(crate) fn kept_by(row: &Record) -> Result<Option<DeploymentId>, StoreError> {
    Ok(match row.bytes("kept_by")?.is_empty() {
        true => None,
        false => Some(DeploymentId(row.key("kept_by")?)),
    })
}

/// As it is kept: nothing where none does.
pub(crate) fn kept_key(kept_by: Option<DeploymentId>) -> Vec<u8> {
    kept_by.map_or_else(Vec::new, |line| line.0.as_bytes().to_vec())
}

/// Who stands in a line, of a row of it.
pub(crate) fn holder(row: &Record) -> Result<Holder, StoreError> {
    let id = row.key("holder")?;
    Ok(match row.flag("device")? {
        true => Holder::Device(DeviceId(id)),
        false => Holder::Person(PersonId(id)),
    })
}

type WishRow = ((AssetId, PersonId), Holder, Wish);

fn wish(row: &Record) -> Result<WishRow, StoreError> {
    let wish = Wish {
        rank: rank(row)?,
        kept_by: kept_by(row)?,
        stand: row.word("stand")?,
    };
    Ok(((row.parsed("id")?, PersonId(row.key("person_id")?)), holder(row)?, wish))
}

type DevicePair = ((AssetId, PersonId), DeviceId, Verdict);

fn device_pair(row: &Record) -> Result<DevicePair, StoreError> {
    let pair = (row.parsed("id")?, PersonId(row.key("person_id")?));
    Ok((pair, DeviceId(row.key("device_id")?), verdict(row)?))
}

fn whole(mut pairs: Vec<PairRow>, wishes: Vec<WishRow>, devices: Vec<DevicePair>) -> Result<Vec<PairRow>, StoreError> {
    let mut at: HashMap<(AssetId, PersonId), &mut PairRow> = pairs
        .iter_mut()
        .map(|row| ((row.asset_id, row.person_id), row))
        .collect();
    let missing = |column: &str, pair: (AssetId, PersonId)| StoreError::Corrupt {
        column: column.to_owned(),
        value: format!("{pair:?}"),
    };
    for (pair, holder, wish) in wishes {
        let row = at.get_mut(&pair).ok_or_else(|| missing("wishes", pair))?;
        row.wishes.insert(holder, wish);
    }
    for (pair, device, verdict) in devices {
        let row = at.get_mut(&pair).ok_or_else(|| missing("device_pairs", pair))?;
        row.devices.insert(device, verdict);
    }
    Ok(pairs)
}

/// A pair as one text: seven values of each of thousands of rows take longer than deciding them.
macro_rules! pair_text {
    ($hex:literal, $holder:literal) => {
        concat!(
            $hex,
            "|| ' ' || CAST(asset AS TEXT) || ' ' || CAST(verdict AS TEXT) || ' ' || COALESCE(
                CAST(behind AS TEXT) || CASE WHEN only_available THEN ' y ' ELSE ' n ' END || CAST(since AS TEXT)
                || CASE WHEN device THEN ' d ' ELSE ' p ' END || ",
            $holder,
            ", '-')"
        )
    };
}

macro_rules! device_pair_text {
    ($person:literal, $device:literal) => {
        concat!(
            $person,
            "|| ' ' || ",
            $device,
            "|| ' ' || CAST(asset AS TEXT) || ' ' || CAST(verdict AS TEXT) || CASE WHEN own THEN ' y' ELSE ' n' END"
        )
    };
}

impl Conn<'_> {
    async fn pairs(&mut self, location: LocationId) -> Result<Vec<PairRow>, StoreError> {
        let pairs = self.all(kept!(pairs ""), values![location], pair).await?;
        let wishes = self.all(kept!(wishes ""), values![location], wish).await?;
        let devices = self.all(kept!(devices ""), values![location], device_pair).await?;
        whole(pairs, wishes, devices)
    }

    async fn pairs_of(&mut self, location: LocationId, people: &[PersonId]) -> Result<Vec<PairRow>, StoreError> {
        let list = hexed(people.iter().map(|person| person.0));
        let sql = self.text(
            kept!(pairs " AND person_id IN (SELECT unhex(value) FROM json_each($2))"),
            kept!(pairs " AND person_id = ANY (ARRAY (
                             SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))"),
        );
        let pairs = self.all(sql, values![location, list.as_str()], pair).await?;
        let sql = self.text(
            kept!(wishes " AND person_id IN (SELECT unhex(value) FROM json_each($2))"),
            kept!(wishes " AND person_id = ANY (ARRAY (
                              SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))"),
        );
        let wishes = self.all(sql, values![location, list.as_str()], wish).await?;
        let sql = self.text(
            kept!(devices " AND person_id IN (SELECT unhex(value) FROM json_each($2))"),
            kept!(devices " AND person_id = ANY (ARRAY (
                               SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))"),
        );
        let devices = self.all(sql, values![location, list.as_str()], device_pair).await?;
        whole(pairs, wishes, devices)
    }

    async fn concerns_of(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<BTreeSet<(PersonId, Concern)>, StoreError> {
        let sql = self.text(
            "SELECT person_id, concern FROM concerns
             WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "SELECT person_id, concern FROM concerns
             WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        let concerns = self
            .all(sql, values![location, crate::deciding::ids(people)], |row| {
                Ok((row.parsed("person_id")?, row.word("concern")?))
            })
            .await?;
        Ok(concerns.into_iter().collect())
    }

    async fn moments_of(
        &mut self,
        location: LocationId,
        people: &[PersonId],
    ) -> Result<BTreeMap<PersonId, Time>, StoreError> {
        let sql = self.text(
            "SELECT person_id, at FROM decide_again
             WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "SELECT person_id, at FROM decide_again
             WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        let moments: Vec<(PersonId, Time)> = self
            .all(sql, values![location, crate::deciding::ids(people)], |row| {
                Ok((row.parsed("person_id")?, row.time("at")?))
            })
            .await?;
        Ok(moments.into_iter().collect())
    }

    async fn differing(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        each: &Each,
    ) -> Result<BTreeSet<PersonId>, StoreError> {
        let mut differing = BTreeSet::new();
        let kept = self.pairs_of(location, people).await?;
        let mut kept: BTreeMap<(AssetId, PersonId), PairRow> = kept
            .into_iter()
            .map(|row| ((row.asset_id, row.person_id), row))
            .collect();
        for ((asset, person), pair) in &each.pairs {
            if kept.remove(&(*asset, *person)) != Some(PairRow::of(*asset, *person, pair)) {
                differing.insert(*person);
            }
        }
        differing.extend(kept.into_keys().map(|(_, person)| person));
        let concerns = self.concerns_of(location, people).await?;
        differing.extend(concerns.symmetric_difference(&each.concerns).map(|(person, _)| *person));
        let moments = self.moments_of(location, people).await?;
        let differs = |person: &&PersonId| moments.get(*person) != each.again.get(*person);
        differing.extend(people.iter().filter(differs));
        Ok(differing)
    }

    async fn concerns(&mut self, location: LocationId) -> Result<BTreeSet<(PersonId, Concern)>, StoreError> {
        let sql = "SELECT person_id, concern FROM concerns WHERE location_id = $1";
        let concerns = self
            .all(sql, values![location], |row| {
                Ok((row.parsed("person_id")?, row.word("concern")?))
            })
            .await?;
        Ok(concerns.into_iter().collect())
    }

    async fn verdicts_counted(&mut self) -> Result<Vec<(i64, i64, i64)>, StoreError> {
        let sql = "SELECT CAST(no AS BIGINT) AS no, times,
                          (SELECT COUNT(*) FROM pairs WHERE verdict = no)
                          + (SELECT COUNT(*) FROM device_pairs WHERE verdict = no) AS counted
                   FROM verdicts";
        self.all(sql, values![], |row| {
            Ok((row.int("no")?, row.int("times")?, row.int("counted")?))
        })
        .await
    }

    /// The assets by their numbers.
    async fn numbers(&mut self, location: LocationId) -> Result<HashMap<AssetId, i64>, StoreError> {
        macro_rules! numbered {
            ($database:ident) => {
                gathered!($database ["id", "number"] "FROM assets WHERE location_id = $1")
            };
        }
        let sql = self.text(numbered!(lite), numbered!(pg));
        let numbers = self
            .gathered(sql, &["id", "number"], values![location], |row| {
                Ok((row.parsed("id")?, row.int("number")?))
            })
            .await?;
        Ok(numbers.into_iter().collect())
    }

    async fn pair_texts(&mut self, people: &str) -> Result<Vec<String>, StoreError> {
        let sql = self.text(
            concat!(
                "SELECT json_group_array(json_array(",
                pair_text!("lower(hex(person_id)) ", "lower(hex(holder))"),
                ")) AS gathered FROM pairs WHERE person_id IN (SELECT unhex(value) FROM json_each($1))"
            ),
            concat!(
                "SELECT ",
                pair_text!("encode(person_id, 'hex') ", "encode(holder, 'hex')"),
                " AS said FROM pairs
                 WHERE person_id = ANY (ARRAY (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value))"
            ),
        );
        self.gathered(sql, &["said"], values![people], |row| row.text("said"))
            .await
    }

    async fn device_pair_texts(&mut self, people: &str) -> Result<Vec<String>, StoreError> {
        let sql = self.text(
            concat!(
                "SELECT json_group_array(json_array(",
                device_pair_text!("lower(hex(person_id)) ", "lower(hex(device_id)) "),
                ")) AS gathered FROM device_pairs WHERE person_id IN (SELECT unhex(value) FROM json_each($1))"
            ),
            concat!(
                "SELECT ",
                device_pair_text!("encode(person_id, 'hex') ", "encode(device_id, 'hex') "),
                " AS said FROM device_pairs
                 WHERE person_id = ANY (ARRAY (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value))"
            ),
        );
        self.gathered(sql, &["said"], values![people], |row| row.text("said"))
            .await
    }

    async fn wish_texts(&mut self, people: &str) -> Result<Vec<String>, StoreError> {
        macro_rules! wish_text {
            ($holder:literal, $person:literal, $kept_by:literal) => {
                concat!(
                    "CAST(asset AS TEXT) || ' ' || ",
                    $holder,
                    " || ' ' || stand || ' ' || CAST(behind AS TEXT) || CASE WHEN only_available THEN ' y ' ELSE ' n ' END
                     || CAST(since AS TEXT) || CASE WHEN device THEN ' d ' ELSE ' p ' END || ",
                    $holder,
                    " || ' ' || ",
                    $person,
                    " || ' ' || ",
                    $kept_by
                )
            };
        }
        let sql = self.text(
            concat!(
                "SELECT json_group_array(json_array(",
                wish_text!("lower(hex(holder))", "lower(hex(person_id))", "lower(hex(kept_by))"),
                ")) AS gathered FROM wishes WHERE person_id IN (SELECT unhex(value) FROM json_each($1))"
            ),
            concat!(
                "SELECT ",
                wish_text!(
                    "encode(holder, 'hex')",
                    "encode(person_id, 'hex')",
                    "encode(kept_by, 'hex')"
                ),
                " AS said FROM wishes
                 WHERE person_id = ANY (ARRAY (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($1 AS jsonb)) AS value))"
            ),
        );
        self.gathered(sql, &["said"], values![people], |row| row.text("said"))
            .await
    }

    async fn verdicts_known(&mut self, wanted: &str) -> Result<HashMap<(AssetId, Verdict), i64>, StoreError> {
        let sql = self.text(
            // In this order: the other way round it would walk through all that was ever said.
            "SELECT json_group_array(json_array(asset_id, said, no)) AS gathered FROM json_each($1) AS it CROSS JOIN verdicts
             ON asset_id = it.value ->> 0 AND said = it.value ->> 1",
            gathered!(pg ["asset_id", "said", "CAST(no AS BIGINT) AS no"]
                      "FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it
                       JOIN verdicts ON asset_id = it ->> 0 AND said = it ->> 1"),
        );
        let known = self
            .gathered(sql, &["asset_id", "said", "no"], values![wanted], |row| {
                Ok(((row.parsed("asset_id")?, verdict(row)?), row.int("no")?))
            })
            .await?;
        Ok(known.into_iter().collect())
    }
}

/// What becomes of the rows of one table: those that differ from what was there are put, those that are left go.
struct Difference {
    /// What was there, as text, and is not said any more so far.
    before: HashSet<String>,
    /// By how much each verdict is said more, or less.
    times: BTreeMap<i64, i64>,
    put: Vec<serde_json::Value>,
    /// What of `before` was another thing of the same: it does not go.
    changed: HashSet<String>,
}

impl Difference {
    fn from(before: Vec<String>) -> Difference {
        Difference {
            before: before.into_iter().collect(),
            times: BTreeMap::new(),
            put: Vec::new(),
            changed: HashSet::new(),
        }
    }

    /// This is to be there: of `key` (its first words) the verdict, and what follows.
    fn is(&mut self, key: String, verdict: i64, rest: &str, row: impl FnOnce() -> serde_json::Value) {
        if !self.before.remove(&format!("{key} {verdict}{rest}")) {
            *self.times.entry(verdict).or_default() += 1;
            self.put.push(row());
            self.changed.insert(key);
        }
    }

    /// The keys of what is not there any more; counts what was another thing, too.
    fn gone(&mut self, key_words: usize) -> Result<Vec<Vec<String>>, StoreError> {
        let mut gone = Vec::new();
        for text in &self.before {
            let words: Vec<&str> = text.split(' ').collect();
            let verdict = words.get(key_words).and_then(|word| word.parse::<i64>().ok());
            let (Some(verdict), Some(key)) = (verdict, words.get(..key_words)) else {
                return Err(StoreError::Corrupt {
                    column: "said".to_owned(),
                    value: text.clone(),
                });
            };
            *self.times.entry(verdict).or_default() -= 1;
            if !self.changed.contains(&key.join(" ")) {
                gone.push(key.iter().map(|word| (*word).to_owned()).collect());
            }
        }
        Ok(gone)
    }
}

/// How somebody stands in a line, in the words of its table.
struct Stands {
    holder: String,
    device: bool,
    stand: String,
    behind: i64,
    only_available: bool,
    since: i64,
    /// The line that keeps licences for them, or nothing.
    kept_by: String,
    /// Where, as text.
    place: String,
}

impl Stands {
    fn of(holder: Holder, wish: &Wish) -> Stands {
        let (behind, only_available, since) = (behind(wish.rank), wish.rank.only_available, wish.rank.since.ms());
        let device = holder.kind() == HolderKind::Device;
        let id = holder.id().simple().to_string();
        let (available, kind) = (if only_available { 'y' } else { 'n' }, if device { 'd' } else { 'p' });
        Stands {
            place: format!("{behind} {available} {since} {kind} {id}"),
            holder: id,
            device,
            stand: word(&wish.stand),
            behind,
            only_available,
            since,
            kept_by: wish
                .kept_by
                .map_or_else(String::new, |line| line.0.simple().to_string()),
        }
    }
}

/// What becomes of those who stand in lines.
struct Line {
    /// Who stood there, as text: an asset, a holder, how, and for whom. A device may be somebody else's by now.
    before: HashSet<String>,
    put: Vec<serde_json::Value>,
    kept: HashSet<String>,
}

impl Line {
    fn from(before: Vec<String>) -> Line {
        Line {
            before: before.into_iter().collect(),
            put: Vec::new(),
            kept: HashSet::new(),
        }
    }

    /// Somebody is to stand there, for a person.
    fn is(&mut self, asset: i64, stands: &Stands, person: &str) {
        let key = format!("{asset} {}", stands.holder);
        if !self.before.remove(&format!(
            "{key} {} {} {person} {}",
            stands.stand, stands.place, stands.kept_by
        )) {
            self.put.push(json!([
                asset,
                stands.holder,
                stands.device,
                person,
                stands.stand,
                stands.behind,
                stands.only_available,
                stands.since,
                stands.kept_by
            ]));
        }
        self.kept.insert(key);
    }

    /// Who does not stand there any more: asset and holder.
    fn gone(&self) -> Vec<[&str; 2]> {
        let mut gone = Vec::new();
        for text in &self.before {
            let mut words = text.splitn(3, ' ');
            if let (Some(asset), Some(holder)) = (words.next(), words.next())
                && !self.kept.contains(&format!("{asset} {holder}"))
            {
                gone.push([asset, holder]);
            }
        }
        gone
    }
}

impl Tx {
    /// Writes down what was decided of these people, where it differs from what is there.
    pub async fn decided(&mut self, location: LocationId, people: &[PersonId], each: &Each) -> Result<(), StoreError> {
        let numbers = self.conn().numbers(location).await?;
        let rows: Vec<PairRow> = each
            .pairs
            .iter()
            .map(|((asset, person), pair)| PairRow::of(*asset, *person, pair))
            .collect();
        let verdicts = self.verdict_numbers(&rows).await?;
        let number = |asset: AssetId| {
            let unknown = || StoreError::Corrupt {
                column: "number".to_owned(),
                value: asset.to_string(),
            };
            numbers.get(&asset).copied().ok_or_else(unknown)
        };
        let of_location: HashSet<String> = numbers.values().map(i64::to_string).collect();
        let here = |key_words: usize| {
            let of_location = &of_location;
            move |text: &String| {
                text.split(' ')
                    .nth(key_words - 1)
                    .is_some_and(|asset| of_location.contains(asset))
            }
        };

        let list = hexed(people.iter().map(|person| person.0));
        let mut pairs = self.conn().pair_texts(&list).await?;
        pairs.retain(here(2));
        let mut pairs = Difference::from(pairs);
        let mut devices = self.conn().device_pair_texts(&list).await?;
        devices.retain(here(3));
        let mut devices = Difference::from(devices);
        let mut line = self.conn().wish_texts(&list).await?;
        line.retain(here(1));
        let mut line = Line::from(line);
        for row in &rows {
            let (asset, person) = (number(row.asset_id)?, row.person_id.0.simple());
            let no = verdicts[&(row.asset_id, row.verdict)];
            let last = row.last.as_ref().map(|(holder, wish)| Stands::of(*holder, wish));
            let place = last.as_ref().map_or(" -".to_owned(), |last| format!(" {}", last.place));
            pairs.is(format!("{person} {asset}"), no, &place, || {
                json!([
                    person.to_string(),
                    asset,
                    no,
                    last.as_ref().map(|last| &last.stand),
                    last.as_ref().map(|last| last.behind),
                    last.as_ref().map(|last| last.only_available),
                    last.as_ref().map(|last| last.since),
                    last.as_ref().map(|last| last.device),
                    last.as_ref().map(|last| &last.holder),
                    row.person_id,
                ])
            });
            for (holder, wish) in &row.wishes {
                let stands = Stands::of(*holder, wish);
                line.is(asset, &stands, &person.to_string());
            }
            for (device, verdict) in &row.devices {
                let no = verdicts[&(row.asset_id, *verdict)];
                let id = device.0.simple();
                let own = matches!(verdict.of, Of::Device { own: true, .. });
                let said = if own { " y" } else { " n" };
                devices.is(format!("{person} {id} {asset}"), no, said, || {
                    json!([person.to_string(), id.to_string(), asset, no, own, device])
                });
            }
        }
        self.wishes_write(line).await?;
        self.pairs_write(&mut pairs).await?;
        self.device_pairs_write(&mut devices).await?;
        for (verdict, times) in devices.times {
            *pairs.times.entry(verdict).or_default() += times;
        }
        self.verdicts_count(pairs.times).await?;
        self.concerns_put(location, people, &each.concerns).await?;
        self.decide_again_put(location, people, &each.again).await
    }

    /// The numbers of everything that is said, which it gets if it has none yet.
    async fn verdict_numbers(&mut self, rows: &[PairRow]) -> Result<HashMap<(AssetId, Verdict), i64>, StoreError> {
        let said: HashSet<(AssetId, Verdict)> = rows
            .iter()
            .flat_map(|row| {
                let devices = row.devices.values().copied();
                devices.chain([row.verdict]).map(|verdict| (row.asset_id, verdict))
            })
            .collect();
        if said.is_empty() {
            return Ok(HashMap::new());
        }
        let listed: Vec<(AssetId, String)> = said
            .iter()
            .map(|(asset, verdict)| (*asset, verdict.to_string()))
            .collect();
        let listed = json!(listed).to_string();
        let known = self.conn().verdicts_known(&listed).await?;
        if known.len() == said.len() {
            return Ok(known);
        }
        let sql = self.conn().text(
            "INSERT INTO verdicts (asset_id, said) SELECT value ->> 0, value ->> 1 FROM json_each($1) WHERE TRUE
             ON CONFLICT (asset_id, said) DO NOTHING",
            "INSERT INTO verdicts (asset_id, said)
             SELECT it ->> 0, it ->> 1 FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it
             ON CONFLICT (asset_id, said) DO NOTHING",
        );
        self.run(sql, values![listed]).await?;
        self.conn().verdicts_known(&listed).await
    }

    async fn pairs_write(&mut self, pairs: &mut Difference) -> Result<(), StoreError> {
        macro_rules! put {
            ($select:literal) => {
                concat!(
                    "INSERT INTO pairs (person_id, asset, verdict, stand, behind, only_available, since, device, holder, name) ",
                    $select,
                    " ON CONFLICT (person_id, asset) DO UPDATE SET
                          verdict = excluded.verdict, stand = excluded.stand, behind = excluded.behind,
                          only_available = excluded.only_available, since = excluded.since, device = excluded.device,
                          holder = excluded.holder"
                )
            };
        }
        if !pairs.put.is_empty() {
            let sql = self.conn().text(
                put!(
                    "SELECT unhex(value ->> 0), value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5,
                            value ->> 6, value ->> 7, unhex(value ->> 8), (SELECT name FROM people WHERE id = value ->> 9)
                     FROM json_each($1) WHERE TRUE"
                ),
                put!(
                    "SELECT decode(it ->> 0, 'hex'), (it ->> 1)::int, (it ->> 2)::int, it ->> 3, (it ->> 4)::bigint,
                            (it ->> 5)::boolean, (it ->> 6)::bigint, (it ->> 7)::boolean, decode(it ->> 8, 'hex'),
                            (SELECT name FROM people WHERE id = it ->> 9)
                     FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it"
                ),
            );
            let rows = serde_json::Value::from(std::mem::take(&mut pairs.put)).to_string();
            self.run(sql, values![rows]).await?;
        }
        let gone = pairs.gone(2)?;
        if !gone.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM pairs
                 WHERE (person_id, asset) IN (SELECT unhex(value ->> 0), CAST(value ->> 1 AS INTEGER) FROM json_each($1))",
                "DELETE FROM pairs USING jsonb_array_elements(CAST($1 AS jsonb)) AS it
                 WHERE person_id = decode(it ->> 0, 'hex') AND asset = (it ->> 1)::int",
            );
            self.run(sql, values![json!(gone).to_string()]).await?;
        }
        Ok(())
    }

    async fn wishes_write(&mut self, line: Line) -> Result<(), StoreError> {
        macro_rules! put {
            ($select:literal) => {
                concat!(
                    "INSERT INTO wishes (asset, holder, device, person_id, stand, behind, only_available, since, kept_by) ",
                    $select,
                    " ON CONFLICT (asset, holder) DO UPDATE SET
                          person_id = excluded.person_id, stand = excluded.stand, behind = excluded.behind,
                          only_available = excluded.only_available, since = excluded.since,
                          kept_by = excluded.kept_by"
                )
            };
        }
        let gone = line.gone();
        if !gone.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM wishes
                 WHERE (asset, holder) IN (SELECT CAST(value ->> 0 AS INTEGER), unhex(value ->> 1) FROM json_each($1))",
                "DELETE FROM wishes USING jsonb_array_elements(CAST($1 AS jsonb)) AS it
                 WHERE asset = (it ->> 0)::int AND holder = decode(it ->> 1, 'hex')",
            );
            self.run(sql, values![json!(gone).to_string()]).await?;
        }
        if !line.put.is_empty() {
            let sql = self.conn().text(
                put!(
                    "SELECT value ->> 0, unhex(value ->> 1), value ->> 2, unhex(value ->> 3), value ->> 4, value ->> 5,
                            value ->> 6, value ->> 7, unhex(value ->> 8)
                     FROM json_each($1) WHERE TRUE"
                ),
                put!(
                    "SELECT (it ->> 0)::int, decode(it ->> 1, 'hex'), (it ->> 2)::boolean, decode(it ->> 3, 'hex'), it ->> 4,
                            (it ->> 5)::bigint, (it ->> 6)::boolean, (it ->> 7)::bigint, decode(it ->> 8, 'hex')
                     FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it"
                ),
            );
            self.run(sql, values![serde_json::Value::from(line.put).to_string()])
                .await?;
        }
        Ok(())
    }

    async fn device_pairs_write(&mut self, pairs: &mut Difference) -> Result<(), StoreError> {
        macro_rules! put {
            ($select:literal) => {
                concat!(
                    "INSERT INTO device_pairs (person_id, device_id, asset, verdict, own, name) ",
                    $select,
                    " ON CONFLICT (person_id, device_id, asset) DO UPDATE SET verdict = excluded.verdict, own = excluded.own"
                )
            };
        }
        if !pairs.put.is_empty() {
            let sql = self.conn().text(
                put!(
                    "SELECT unhex(value ->> 0), unhex(value ->> 1), value ->> 2, value ->> 3, value ->> 4,
                            (SELECT name FROM devices WHERE id = value ->> 5)
                     FROM json_each($1) WHERE TRUE"
                ),
                put!(
                    "SELECT decode(it ->> 0, 'hex'), decode(it ->> 1, 'hex'), (it ->> 2)::int, (it ->> 3)::int,
                            (it ->> 4)::boolean, (SELECT name FROM devices WHERE id = it ->> 5)
                     FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it"
                ),
            );
            let rows = serde_json::Value::from(std::mem::take(&mut pairs.put)).to_string();
            self.run(sql, values![rows]).await?;
        }
        let gone = pairs.gone(3)?;
        if !gone.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM device_pairs
                 WHERE (person_id, device_id, asset) IN (
                     SELECT unhex(value ->> 0), unhex(value ->> 1), CAST(value ->> 2 AS INTEGER) FROM json_each($1))",
                "DELETE FROM device_pairs USING jsonb_array_elements(CAST($1 AS jsonb)) AS it
                 WHERE person_id = decode(it ->> 0, 'hex') AND device_id = decode(it ->> 1, 'hex')
                   AND asset = (it ->> 2)::int",
            );
            self.run(sql, values![json!(gone).to_string()]).await?;
        }
        Ok(())
    }

    /// Counts of how many each verdict is said.
    async fn verdicts_count(&mut self, times: BTreeMap<i64, i64>) -> Result<(), StoreError> {
        let moved: Vec<(i64, i64)> = times.into_iter().filter(|(_, times)| *times != 0).collect();
        if moved.is_empty() {
            return Ok(());
        }
        let sql = self.conn().text(
            "UPDATE verdicts SET times = times + it.value ->> 1 FROM json_each($1) AS it WHERE no = it.value ->> 0",
            "UPDATE verdicts SET times = times + (it ->> 1)::bigint
             FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it WHERE no = (it ->> 0)::int",
        );
        self.run(sql, values![json!(moved).to_string()]).await?;
        Ok(())
    }

    async fn concerns_put(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        concerns: &BTreeSet<(PersonId, Concern)>,
    ) -> Result<(), StoreError> {
        let before = self.conn().concerns_of(location, people).await?;
        let told: Vec<_> = concerns.difference(&before).collect();
        if !told.is_empty() {
            let sql = self.conn().text(
                "INSERT INTO concerns (location_id, person_id, concern, name)
                 SELECT $1, people.id, value ->> 1, name FROM json_each($2) JOIN people ON people.id = value ->> 0",
                "INSERT INTO concerns (location_id, person_id, concern, name)
                 SELECT $1, people.id, it ->> 1, name
                 FROM jsonb_array_elements(CAST($2 AS jsonb)) AS it JOIN people ON people.id = it ->> 0",
            );
            self.run(sql, values![location, json!(told).to_string()]).await?;
        }
        let over: Vec<_> = before.difference(concerns).collect();
        if !over.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM concerns WHERE location_id = $1
                   AND (person_id, concern) IN (SELECT value ->> 0, value ->> 1 FROM json_each($2))",
                "DELETE FROM concerns USING jsonb_array_elements(CAST($2 AS jsonb)) AS it
                 WHERE location_id = $1 AND person_id = it ->> 0 AND concern = it ->> 1",
            );
            self.run(sql, values![location, json!(over).to_string()]).await?;
        }
        Ok(())
    }

    async fn decide_again_put(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        again: &BTreeMap<PersonId, Time>,
    ) -> Result<(), StoreError> {
        let before = self.conn().moments_of(location, people).await?;
        let told = people.iter().filter_map(|person| Some((*person, *again.get(person)?)));
        let told: Vec<(PersonId, i64)> = told
            .filter(|(person, at)| before.get(person) != Some(at))
            .map(|(person, at)| (person, at.ms()))
            .collect();
        if !told.is_empty() {
            let sql = self.conn().text(
                "INSERT INTO decide_again (location_id, person_id, at)
                 SELECT $1, value ->> 0, value ->> 1 FROM json_each($2) WHERE TRUE
                 ON CONFLICT (location_id, person_id) DO UPDATE SET at = excluded.at",
                "INSERT INTO decide_again (location_id, person_id, at)
                 SELECT $1, it ->> 0, (it ->> 1)::bigint FROM jsonb_array_elements(CAST($2 AS jsonb)) AS it
                 ON CONFLICT (location_id, person_id) DO UPDATE SET at = excluded.at",
            );
            self.run(sql, values![location, json!(told).to_string()]).await?;
        }
        let over: Vec<PersonId> = before
            .into_keys()
            .filter(|person| !again.contains_key(person))
            .collect();
        if !over.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM decide_again WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
                "DELETE FROM decide_again WHERE location_id = $1
                   AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
            );
            self.run(sql, values![location, crate::deciding::ids(&over)]).await?;
        }
        Ok(())
    }
}
