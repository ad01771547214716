//! Whom to decide anew, and what was decided: the derived state, which may be dropped and made again.
//!
//! Every change of a fact marks whom it concerns, in its own transaction, by triggers of the database. Whoever decides takes
//! the marks away first and reads the facts afterwards, so that what is committed meanwhile leaves a mark that stays.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, BTreeSet, HashSet},
};

use domain::{
    Ahead, AssetId, Counts, Detail, Each, InstallState, LocationId, Owned, Pair, PersonId, Position, Queue, Rank,
    RefusalReason, Seat, Time, Wish,
};
use serde_json::json;
use uuid::Uuid;

use crate::{
    StoreError, Tx,
    db::{Conn, Record, Value, gathered, listed, reads, values, word},
};

/// So many people are marked at once of a change that concerns many.
const SPREAD: i64 = 2_000;

/// What was decided of one person and one app, as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PairRow {
    pub asset_id: AssetId,
    pub person_id: PersonId,
    pub required: bool,
    pub wants: bool,
    pub keeps: bool,
    /// Has accepted the programme's terms. Said of those in the line only, as what follows.
    pub member: bool,
    /// Apple turned the last request down, and is not asked again yet.
    pub refused: bool,
    /// It did so for want of a licence.
    pub out_of_stock: bool,
    /// `reserved`, `held` or `returning`.
    pub seat: Option<String>,
    /// The priority of the group, the other way round: who is further behind comes later.
    pub behind: i64,
    pub only_available: bool,
    /// Since when they have been entitled to a licence, while they are and have none.
    pub since: Option<Time>,
    /// What is said while a licence is left for them.
    pub state: InstallState,
    pub detail: Detail,
    /// What is said while none is.
    pub state_waiting: InstallState,
    pub detail_waiting: Detail,
}

impl PairRow {
    pub fn of(asset: AssetId, person: PersonId, pair: &Pair) -> PairRow {
        let wish = pair.wish.as_ref();
        PairRow {
            asset_id: asset,
            person_id: person,
            required: pair.required,
            wants: pair.wants,
            keeps: pair.keeps,
            member: wish.is_some_and(|wish| wish.member),
            refused: wish.is_some_and(|wish| wish.refused.is_some()),
            out_of_stock: wish.is_some_and(|wish| wish.refused == Some(RefusalReason::Stock)),
            seat: pair.seat.map(|seat| seat_word(seat).to_owned()),
            behind: wish.map_or(0, |wish| wish.rank.priority.0.saturating_neg()),
            only_available: wish.is_some_and(|wish| wish.rank.only_available),
            since: wish.map(|wish| wish.rank.since),
            state: pair.served.0,
            detail: pair.served.1,
            state_waiting: pair.waiting.0,
            detail_waiting: pair.waiting.1,
        }
    }

    /// What brings them into the line; `None` for who does not stand in it.
    pub fn wish(&self) -> Option<Wish> {
        let since = self.since.filter(|_| self.wants && self.seat.is_none())?;
        let reason = if self.out_of_stock {
            RefusalReason::Stock
        } else {
            // Which of the others does not matter to the line.
            RefusalReason::Temporary
        };
        Some(Wish {
            rank: Rank {
                priority: Reverse(self.behind.saturating_neg()),
                only_available: self.only_available,
                since,
            },
            member: self.member,
            refused: self.refused.then_some(reason),
        })
    }

    fn read(row: &Record) -> Result<PairRow, StoreError> {
        Ok(PairRow {
            asset_id: row.parsed("asset_id")?,
            person_id: row.parsed("person_id")?,
            required: row.flag("required")?,
            wants: row.flag("wants")?,
            keeps: row.flag("keeps")?,
            member: row.flag("member")?,
            refused: row.flag("refused")?,
            out_of_stock: row.flag("out_of_stock")?,
            seat: row.text_or_none("seat")?,
            behind: row.int("behind")?,
            only_available: row.flag("only_available")?,
            since: row.time_or_none("since")?,
            state: row.word("state")?,
            detail: row.word("detail")?,
            state_waiting: row.word("state_waiting")?,
            detail_waiting: row.word("detail_waiting")?,
        })
    }

    /// All of it as one text, as `said!` has the database say it.
    fn said(&self) -> String {
        let flags = [
            self.required,
            self.wants,
            self.keeps,
            self.member,
            self.refused,
            self.out_of_stock,
            self.only_available,
        ];
        let flags: String = flags.iter().map(|flag| if *flag { 'y' } else { 'n' }).collect();
        format!(
            "{} {} {flags} {} {} {} {} {} {} {}",
            self.asset_id,
            self.person_id,
            self.seat.as_deref().unwrap_or("-"),
            self.behind,
            self.since.map_or("-".to_owned(), |since| since.ms().to_string()),
            word(&self.state),
            word(&self.detail),
            word(&self.state_waiting),
            word(&self.detail_waiting),
        )
    }

    /// In the order of the statement that writes it.
    fn values(&self) -> serde_json::Value {
        json!([
            self.asset_id.to_string(),
            self.person_id.to_string(),
            self.required,
            self.wants,
            self.keeps,
            self.member,
            self.refused,
            self.out_of_stock,
            self.seat,
            self.behind,
            self.only_available,
            self.since.map(Time::ms),
            word(&self.state),
            word(&self.detail),
            word(&self.state_waiting),
            word(&self.detail_waiting),
        ])
    }
}

/// What is kept of a pair, as one text: sixteen values of each of thousands of rows take longer than deciding them.
macro_rules! said {
    () => {
        "asset_id || ' ' || person_id || ' ' || CASE WHEN required THEN 'y' ELSE 'n' END || CASE WHEN wants THEN 'y' ELSE 'n' END
         || CASE WHEN keeps THEN 'y' ELSE 'n' END || CASE WHEN member THEN 'y' ELSE 'n' END
         || CASE WHEN refused THEN 'y' ELSE 'n' END || CASE WHEN out_of_stock THEN 'y' ELSE 'n' END
         || CASE WHEN only_available THEN 'y' ELSE 'n' END
         || ' ' || COALESCE(seat, '-') || ' ' || CAST(behind AS TEXT) || ' ' || COALESCE(CAST(since AS TEXT), '-')
         || ' ' || state || ' ' || detail || ' ' || state_waiting || ' ' || detail_waiting"
    };
}

/// Of whom `said!` speaks.
fn pair(said: &str) -> Result<(AssetId, PersonId), StoreError> {
    let mut words = said.split(' ');
    let mut id = || words.next().and_then(|word| word.parse().ok());
    let (Some(asset), Some(person)) = (id(), id()) else {
        return Err(StoreError::Corrupt {
            column: "said".to_owned(),
            value: said.to_owned(),
        });
    };
    Ok((AssetId(asset), PersonId(person)))
}

fn seat_word(seat: Seat) -> &'static str {
    match seat {
        Seat::Reserved { .. } => "reserved",
        Seat::Held { .. } => "held",
        Seat::Returning { .. } => "returning",
    }
}

/// Who is decided now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Taken {
    pub people: Vec<PersonId>,
    /// Somebody is still to be decided. Until nobody is, the line for licences may be another one.
    pub more: bool,
}

/// What the look finds at which something is to be decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    pub now: Time,
    /// Apple was looked at under this lease: it may be asked for something.
    pub looked: bool,
    pub token_usable: bool,
}

impl Look {
    fn gives(&self) -> bool {
        self.looked && self.token_usable
    }
}

/// The line of an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineRows {
    /// Those who want a licence and have none, in no order.
    pub wishes: Vec<(PersonId, Wish)>,
    /// Those whose licence goes back.
    pub returning: Vec<PersonId>,
}

reads! {
    /// Whether somebody is to be decided, or given a licence. A few looks into indexes, whatever the size.
    undecided(location: LocationId, look: Look) -> bool;
    /// Everything that was decided of these people.
    pairs_of(location: LocationId, people: &'a [PersonId]) -> Vec<PairRow>;
    /// The person's place among those who wait for a licence, of each asset for which they do. Costs a count of those who
    /// stand before them.
    places(location: LocationId, person: PersonId) -> BTreeMap<AssetId, usize>;
    /// Who stands in the line of an asset, as it was decided, and whose licence comes back.
    line_of(asset: AssetId) -> LineRows;
    /// To whom something happened since they were decided, while they are no more than `most`; `None` when they are, or when
    /// it is not even known who they all are.
    undecided_people(location: LocationId, now: Time, most: i64) -> Option<Vec<PersonId>>;
    /// The licences of an asset, and who stands before this person in the line for them. Costs a count of the line, and of
    /// the licences that are on their way.
    position(asset: AssetId, person: PersonId) -> Position;
    /// Everything that was decided: for judges, and not for what runs all the time.
    pairs(location: LocationId) -> Vec<PairRow>;
    /// When who is decided anew because of the time alone: for judges, too.
    moments(location: LocationId) -> BTreeMap<PersonId, Time>;
}

impl Conn<'_> {
    async fn undecided(&mut self, location: LocationId, look: Look) -> Result<bool, StoreError> {
        Ok(self.somebody(location, look).await? || (look.gives() && !self.givable(location).await?.is_empty()))
    }

    /// Whether somebody is to be decided.
    async fn somebody(&mut self, location: LocationId, look: Look) -> Result<bool, StoreError> {
        let nobody = "SELECT 1 FROM deciding WHERE location_id = $1 AND token_usable = $2
                        AND NOT EXISTS (SELECT 1 FROM dirty WHERE location_id = $1 AND NOT waits_for_look)
                        AND NOT EXISTS (SELECT 1 FROM dirty_many WHERE location_id = $1)
                        AND NOT EXISTS (SELECT 1 FROM decide_again WHERE location_id = $1 AND at <= $3)
                        AND NOT ($4 AND EXISTS (SELECT 1 FROM dirty WHERE location_id = $1 AND waits_for_look))";
        let found = values![location, look.token_usable, look.now, look.looked];
        Ok(self.one(nobody, found, |_| Ok(())).await?.is_none())
    }

    /// The assets of which a licence is free and somebody could use it, and how many there are.
    async fn givable(&mut self, location: LocationId) -> Result<Vec<(AssetId, Option<i64>)>, StoreError> {
        self.all(
            "SELECT id, unlimited, owned - taken - foreign_held AS free FROM assets
             WHERE location_id = $1 AND gone_at IS NULL AND (unlimited OR taken + foreign_held < owned)
               -- In the order of the index of those: without it SQLite looks for one among all who have the app.
               AND (SELECT person_id FROM pairs
                    WHERE asset_id = assets.id AND wants AND seat IS NULL AND member AND NOT refused
                    ORDER BY behind, only_available, since, person_id LIMIT 1) IS NOT NULL
             ORDER BY id",
            values![location],
            |row| {
                let free = row.int("free")?;
                Ok((row.parsed("id")?, (!row.flag("unlimited")?).then_some(free)))
            },
        )
        .await
    }

    async fn pairs_of(&mut self, location: LocationId, people: &[PersonId]) -> Result<Vec<PairRow>, StoreError> {
        let sql = self.text(
            "SELECT pairs.* FROM pairs JOIN assets ON assets.id = asset_id
             WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "SELECT pairs.* FROM pairs JOIN assets ON assets.id = asset_id
             WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.all(sql, values![location, ids(people)], PairRow::read).await
    }

    async fn said_of(&mut self, location: LocationId, people: &[PersonId]) -> Result<Vec<String>, StoreError> {
        let sql = self.text(
            concat!(
                "SELECT json_group_array(json_array(",
                said!(),
                ")) AS gathered FROM pairs JOIN assets ON assets.id = asset_id
                  WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))"
            ),
            concat!(
                "SELECT ",
                said!(),
                " AS said FROM pairs JOIN assets ON assets.id = asset_id
                  WHERE location_id = $1
                    AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))"
            ),
        );
        self.gathered(sql, &["said"], values![location, ids(people)], |row| row.text("said"))
            .await
    }

    async fn pairs(&mut self, location: LocationId) -> Result<Vec<PairRow>, StoreError> {
        self.all(
            "SELECT pairs.* FROM pairs JOIN assets ON assets.id = asset_id WHERE location_id = $1",
            values![location],
            PairRow::read,
        )
        .await
    }

    async fn places(&mut self, location: LocationId, person: PersonId) -> Result<BTreeMap<AssetId, usize>, StoreError> {
        let mut places = BTreeMap::new();
        for row in self.pairs_of(location, &[person]).await? {
            if let Some(wish) = row.wish()
                && let Some(place) = self.place(&row, &wish).await?
            {
                places.insert(row.asset_id, place);
            }
        }
        Ok(places)
    }

    async fn place(&mut self, row: &PairRow, wish: &Wish) -> Result<Option<usize>, StoreError> {
        let free = "SELECT unlimited, owned - taken - foreign_held AS free FROM assets WHERE id = $1";
        let free: Option<Option<u64>> = self
            .one(free, values![row.asset_id], |row| {
                let free = u64::try_from(row.int("free")?).unwrap_or(0);
                Ok((!row.flag("unlimited")?).then_some(free))
            })
            .await?;
        let free = free.flatten();
        // Nobody needs to know of more who are ready than can be served.
        let enough = i64::try_from(free.unwrap_or(0)).unwrap_or(i64::MAX);
        let ready = self
            .counted(
                "SELECT COUNT(*) AS number FROM (
                     SELECT 1 FROM pairs WHERE asset_id = $1 AND wants AND seat IS NULL AND member AND NOT refused
                     LIMIT $2) AS ready",
                values![row.asset_id, enough],
            )
            .await?;
        let before = || values![row.asset_id, row.behind, row.only_available, row.since, row.person_id];
        let all = "SELECT COUNT(*) AS number FROM pairs
                   WHERE asset_id = $1 AND wants AND seat IS NULL
                     AND (behind, only_available, since, person_id) < ($2, $3, $4, $5)";
        let mut ahead = Ahead {
            all: self.counted(all, before()).await?,
            ..Ahead::default()
        };
        if enough > 0 {
            let first = "SELECT COUNT(*) AS number FROM (
                             SELECT 1 FROM pairs
                             WHERE asset_id = $1 AND wants AND seat IS NULL AND member AND NOT refused
                               AND (behind, only_available, since, person_id) < ($2, $3, $4, $5)
                             LIMIT $6) AS ready";
            let mut values = before();
            values.extend(values![enough]);
            ahead.ready = self.counted(first, values).await?;
        }
        if row.out_of_stock {
            let out = "SELECT COUNT(*) AS number FROM pairs
                       WHERE asset_id = $1 AND wants AND seat IS NULL AND out_of_stock
                         AND (behind, only_available, since, person_id) < ($2, $3, $4, $5)";
            ahead.out_of_stock = self.counted(out, before()).await?;
        }
        Ok(ahead.place(wish, free, ready))
    }

    pub(crate) async fn line_of(&mut self, asset: AssetId) -> Result<LineRows, StoreError> {
        macro_rules! wishes {
            ($database:ident) => {
                gathered!($database ["person_id", "member", "refused", "out_of_stock", "behind", "only_available", "since"]
                    "FROM pairs WHERE asset_id = $1 AND wants AND seat IS NULL AND since IS NOT NULL")
            };
        }
        macro_rules! returning {
            ($database:ident) => {
                gathered!($database ["person_id"]
                    "FROM pairs WHERE asset_id = $1 AND seat IS NOT NULL AND (seat = 'returning' OR NOT keeps)")
            };
        }
        let columns = &[
            "person_id",
            "member",
            "refused",
            "out_of_stock",
            "behind",
            "only_available",
            "since",
        ];
        let sql = self.text(wishes!(lite), wishes!(pg));
        let wishes = self.gathered(sql, columns, values![asset], |row| {
            let rank = Rank {
                priority: Reverse(row.int("behind")?.saturating_neg()),
                only_available: row.flag("only_available")?,
                since: row.time("since")?,
            };
            let reason = match row.flag("out_of_stock")? {
                true => RefusalReason::Stock,
                // Which of the others does not matter to the line.
                false => RefusalReason::Temporary,
            };
            let wish = Wish {
                rank,
                member: row.flag("member")?,
                refused: row.flag("refused")?.then_some(reason),
            };
            Ok((row.parsed("person_id")?, wish))
        });
        let wishes = wishes.await?;
        let sql = self.text(returning!(lite), returning!(pg));
        let returning = self.gathered(sql, &["person_id"], values![asset], |row| row.parsed("person_id"));
        Ok(LineRows {
            wishes,
            returning: returning.await?,
        })
    }

    pub(crate) async fn undecided_people(
        &mut self,
        location: LocationId,
        now: Time,
        most: i64,
    ) -> Result<Option<Vec<PersonId>>, StoreError> {
        let many = "SELECT 1 FROM dirty_many WHERE location_id = $1 ORDER BY location_id, seq LIMIT 1";
        if self.one(many, values![location], |_| Ok(())).await?.is_some() {
            return Ok(None);
        }
        let mut people = self.marked(location, false, most.saturating_add(1)).await?;
        let due = "SELECT person_id FROM decide_again WHERE location_id = $1 AND at <= $2
                   ORDER BY location_id, at LIMIT $3";
        let due: Vec<PersonId> = self
            .all(due, values![location, now, most.saturating_add(1)], |row| {
                row.parsed("person_id")
            })
            .await?;
        people.extend(due);
        Ok((i64::try_from(people.len()).unwrap_or(i64::MAX) <= most).then_some(people))
    }

    async fn position(&mut self, asset: AssetId, person: PersonId) -> Result<Position, StoreError> {
        let counts = self.counts(asset).await?;
        let numbers = |row: &Record| Ok((number(row, "number")?, number(row, "stock")?));
        // Along the line: without its first column SQLite looks for it among all who have the app.
        let line = "SELECT COUNT(*) AS number, COUNT(CASE WHEN out_of_stock THEN 1 END) AS stock
                    FROM pairs WHERE asset_id = $1 AND wants AND seat IS NULL AND behind >= $2";
        let ready = "SELECT COUNT(*) AS number FROM pairs
                     WHERE asset_id = $1 AND wants AND seat IS NULL AND member AND NOT refused AND behind >= $2";
        let whole = || values![asset, i64::MIN];
        let (all, out_of_stock) = self.one(line, whole(), numbers).await?.unwrap_or_default();
        let queue = Queue {
            all,
            ready: self.counted(ready, whole()).await?,
            out_of_stock,
        };
        let own = "SELECT * FROM pairs WHERE asset_id = $1 AND person_id = $2";
        let own = self.one(own, values![asset, person], PairRow::read).await?;
        let wish = own.as_ref().and_then(PairRow::wish);
        let mut ahead = Ahead::default();
        if let Some(row) = own.filter(|_| wish.is_some()) {
            let before = "SELECT COUNT(*) AS number, COUNT(CASE WHEN out_of_stock THEN 1 END) AS stock
                          FROM pairs
                          WHERE asset_id = $1 AND wants AND seat IS NULL
                            AND (behind, only_available, since, person_id) < ($2, $3, $4, $5)";
            let ready = "SELECT COUNT(*) AS number FROM pairs
                         WHERE asset_id = $1 AND wants AND seat IS NULL AND member AND NOT refused
                           AND (behind, only_available, since, person_id) < ($2, $3, $4, $5)";
            let from = || values![row.asset_id, row.behind, row.only_available, row.since, row.person_id];
            let (all, out_of_stock) = self.one(before, from(), numbers).await?.unwrap_or_default();
            ahead = Ahead {
                all,
                ready: self.counted(ready, from()).await?,
                out_of_stock,
            };
        }
        Ok(Position::of(counts, queue, ahead, wish.as_ref()))
    }

    /// The licences of an asset, but for who waits for one.
    async fn counts(&mut self, asset: AssetId) -> Result<Counts, StoreError> {
        // What is on its way waits for an operation, and few do: they are found by that, and not among all of the asset.
        let moving = "SELECT COUNT(CASE WHEN state = 'reserved' THEN 1 END) AS reserved,
                             COUNT(CASE WHEN state = 'returning' THEN 1 END) AS going_back
                      FROM seats WHERE operation_id > '' AND asset_id || '' = $1";
        let (reserved, returning) = self
            .one(moving, values![asset], |row| {
                Ok((number(row, "reserved")?, number(row, "going_back")?))
            })
            .await?
            .unwrap_or_default();
        let whole = "SELECT total, retired, taken, foreign_held FROM assets WHERE id = $1";
        let row = self
            .one(whole, values![asset], |row| {
                let owned = Owned::of(row.int("total")?, row.int("retired")?);
                Ok((owned, number(row, "foreign_held")?, number(row, "taken")?))
            })
            .await?;
        let (owned, foreign, taken) = row.unwrap_or((Owned::Count(0), 0, 0));
        Ok(Counts::with(owned, foreign, taken, reserved, returning))
    }

    async fn counted(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let number = self.one(sql, values, |row| row.int("number")).await?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    async fn moments(&mut self, location: LocationId) -> Result<BTreeMap<PersonId, Time>, StoreError> {
        let sql = "SELECT person_id, at FROM decide_again WHERE location_id = $1";
        let moments: Vec<(PersonId, Time)> = self
            .all(sql, values![location], |row| {
                Ok((row.parsed("person_id")?, row.time("at")?))
            })
            .await?;
        Ok(moments.into_iter().collect())
    }

    async fn marked(&mut self, location: LocationId, waits: bool, most: i64) -> Result<Vec<PersonId>, StoreError> {
        self.all(
            // By the index, and not along those of whom something else is true.
            "SELECT person_id FROM dirty WHERE location_id = $1 AND waits_for_look = $2
             ORDER BY location_id, waits_for_look, seq LIMIT $3",
            values![location, waits, most],
            |row| row.parsed("person_id"),
        )
        .await
    }
}

fn number(row: &Record, name: &str) -> Result<u64, StoreError> {
    Ok(u64::try_from(row.int(name)?).unwrap_or(0))
}

fn ids(people: &[PersonId]) -> String {
    let ids: Vec<Uuid> = people.iter().map(|person| person.0).collect();
    listed(&ids)
}

impl Tx {
    /// Takes some people who are to be decided, `most` of them, the first marked first. Their marks go with the
    /// transaction. Until Apple was looked at, those who wait for that stay.
    pub async fn decide_take(&mut self, location: LocationId, look: Look, most: usize) -> Result<Taken, StoreError> {
        self.decided_with(location, look.token_usable).await?;
        // Somebody may be marked many times over: a device tells of many apps at once.
        let many = most.saturating_mul(4);
        let limit = i64::try_from(many).unwrap_or(i64::MAX);
        let mut people: BTreeSet<PersonId> = BTreeSet::new();
        // Whether what was read is all there is.
        let mut whole;
        loop {
            let mut marked = self.conn().marked(location, false, limit).await?;
            whole = marked.len() < many;
            if look.looked {
                let waiting = self.conn().marked(location, true, limit).await?;
                whole &= waiting.len() < many;
                marked.extend(waiting);
            }
            for person in marked {
                if people.len() < most {
                    people.insert(person);
                }
            }
            if people.len() >= most || !self.spread(location).await? {
                break;
            }
        }
        if people.len() < most {
            let due = "SELECT person_id FROM decide_again WHERE location_id = $1 AND at <= $2
                       ORDER BY location_id, at LIMIT $3";
            let due: Vec<PersonId> = self
                .conn()
                .all(due, values![location, look.now, limit], |row| row.parsed("person_id"))
                .await?;
            whole &= due.len() < many;
            for person in due {
                if people.len() < most {
                    people.insert(person);
                }
            }
        }
        let people: Vec<PersonId> = people.into_iter().collect();
        let list = ids(&people);
        let sql = self.conn().text(
            "DELETE FROM dirty WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "DELETE FROM dirty WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.run(sql, values![location, list]).await?;
        // What was due is told anew by the decision.
        let sql = self.conn().text(
            "DELETE FROM decide_again WHERE location_id = $1 AND at <= $3
               AND person_id IN (SELECT value FROM json_each($2))",
            "DELETE FROM decide_again WHERE location_id = $1 AND at <= $3
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        self.run(sql, values![location, list, look.now]).await?;
        let more = !(whole && people.len() < most) && self.conn().somebody(location, look).await?;
        Ok(Taken { people, more })
    }

    /// Whoever was decided while the token could be used, and cannot be any more, or the other way, is decided anew.
    async fn decided_with(&mut self, location: LocationId, token_usable: bool) -> Result<(), StoreError> {
        let changed = self
            .run(
                "INSERT INTO deciding (location_id, token_usable) VALUES ($1, $2)
                 ON CONFLICT (location_id) DO UPDATE SET token_usable = excluded.token_usable
                 WHERE deciding.token_usable <> excluded.token_usable",
                values![location, token_usable],
            )
            .await?;
        if changed > 0 {
            // They are to be anyhow when the location is new, and this decision reads whatever there is.
            self.run(
                "INSERT INTO dirty_many (location_id, scope)
                 SELECT $1, 'everybody' WHERE NOT EXISTS (
                     SELECT 1 FROM dirty_many WHERE location_id = $1 AND scope = 'everybody' AND done_until = '')",
                values![location],
            )
            .await?;
        }
        Ok(())
    }

    /// Everybody is to be decided anew.
    pub async fn decide_everybody(&mut self, location: LocationId) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO dirty_many (location_id, scope) VALUES ($1, 'everybody')",
            values![location],
        )
        .await?;
        Ok(())
    }

    /// These people are decided once more after Apple was looked at: something is to be asked there for them.
    pub async fn decide_after_look(&mut self, location: LocationId, people: &[PersonId]) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "INSERT INTO dirty (location_id, person_id, waits_for_look) SELECT $1, value, TRUE FROM json_each($2)",
            "INSERT INTO dirty (location_id, person_id, waits_for_look)
             SELECT $1, person, TRUE FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS person",
        );
        self.run(sql, values![location, ids(people)]).await?;
        Ok(())
    }

    /// Marks the next people of the first change that concerns many. `false` when there is none.
    async fn spread(&mut self, location: LocationId) -> Result<bool, StoreError> {
        let first: Option<(i64, String, String, String)> = self
            .conn()
            .one(
                "SELECT seq, scope, id, done_until FROM dirty_many WHERE location_id = $1 ORDER BY location_id, seq LIMIT 1",
                values![location],
                |row| {
                    Ok((
                        row.int("seq")?,
                        row.text("scope")?,
                        row.text("id")?,
                        row.text("done_until")?,
                    ))
                },
            )
            .await?;
        let Some((seq, scope, id, done_until)) = first else {
            return Ok(false);
        };
        let people = match scope.as_str() {
            "everybody" => "SELECT id AS person FROM people WHERE id > $2 AND $1 = '' ORDER BY id LIMIT $3",
            "group" => {
                "SELECT member_id AS person FROM group_members JOIN groups ON groups.id = group_id AND kind = 'user'
                 WHERE group_id = $1 AND member_id > $2
                 UNION
                 SELECT devices.person_id FROM group_members
                 JOIN groups ON groups.id = group_id AND kind = 'device' JOIN devices ON devices.id = member_id
                 WHERE group_id = $1 AND devices.person_id > $2
                 ORDER BY person LIMIT $3"
            }
            _ => {
                "SELECT person_id AS person FROM pairs WHERE asset_id = $1 AND person_id > $2
                 UNION
                 SELECT member_id FROM deployments JOIN groups ON groups.id = deployments.group_id AND kind = 'user'
                 JOIN group_members ON group_members.group_id = groups.id
                 WHERE asset_id = $1 AND member_id > $2
                 UNION
                 SELECT devices.person_id FROM deployments
                 JOIN groups ON groups.id = deployments.group_id AND kind = 'device'
                 JOIN group_members ON group_members.group_id = groups.id JOIN devices ON devices.id = member_id
                 WHERE asset_id = $1 AND devices.person_id > $2
                 ORDER BY person LIMIT $3"
            }
        };
        let people: Vec<PersonId> = self
            .conn()
            .all(people, values![id, done_until, SPREAD], |row| row.parsed("person"))
            .await?;
        let sql = self.conn().text(
            "INSERT INTO dirty (location_id, person_id) SELECT $1, value FROM json_each($2)",
            "INSERT INTO dirty (location_id, person_id)
             SELECT $1, person FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS person",
        );
        self.run(sql, values![location, ids(&people)]).await?;
        match people.last() {
            Some(last) if i64::try_from(people.len()).unwrap_or(i64::MAX) >= SPREAD => {
                self.run(
                    "UPDATE dirty_many SET done_until = $2 WHERE seq = $1",
                    values![seq, *last],
                )
                .await?;
            }
            _ => {
                self.run("DELETE FROM dirty_many WHERE seq = $1", values![seq]).await?;
            }
        }
        Ok(true)
    }

    /// Writes down what was decided of these people, where it differs from what is there.
    pub async fn decided(&mut self, location: LocationId, people: &[PersonId], each: &Each) -> Result<(), StoreError> {
        let before = self.conn().said_of(location, people).await?;
        let mut before: HashSet<String> = before.into_iter().collect();
        let mut changed = Vec::new();
        for ((asset, person), pair) in &each.pairs {
            let row = PairRow::of(*asset, *person, pair);
            if !before.remove(&row.said()) {
                changed.push(row.values());
            }
        }
        if !changed.is_empty() {
            self.pairs_put(serde_json::Value::from(changed).to_string()).await?;
        }
        // What is left was said before: another thing of the same two, or of two that are over.
        let mut gone = Vec::new();
        for said in &before {
            let pair = pair(said)?;
            if !each.pairs.contains_key(&pair) {
                gone.push(pair);
            }
        }
        if !gone.is_empty() {
            let sql = self.conn().text(
                "DELETE FROM pairs
                 WHERE (asset_id, person_id) IN (SELECT value ->> 0, value ->> 1 FROM json_each($1))",
                "DELETE FROM pairs USING jsonb_array_elements(CAST($1 AS jsonb)) AS it
                 WHERE asset_id = it ->> 0 AND person_id = it ->> 1",
            );
            self.run(sql, values![json!(gone).to_string()]).await?;
        }
        self.decide_again_put(location, people, &each.again).await
    }

    async fn pairs_put(&mut self, rows: String) -> Result<(), StoreError> {
        macro_rules! put {
            ($select:literal) => {
                concat!(
                    "INSERT INTO pairs (asset_id, person_id, required, wants, keeps, member, refused, out_of_stock, seat,
                                        behind, only_available, since, state, detail, state_waiting, detail_waiting) ",
                    $select,
                    " ON CONFLICT (asset_id, person_id) DO UPDATE SET
                          required = excluded.required, wants = excluded.wants, keeps = excluded.keeps,
                          member = excluded.member, refused = excluded.refused, out_of_stock = excluded.out_of_stock,
                          seat = excluded.seat, behind = excluded.behind, only_available = excluded.only_available,
                          since = excluded.since, state = excluded.state, detail = excluded.detail,
                          state_waiting = excluded.state_waiting, detail_waiting = excluded.detail_waiting"
                )
            };
        }
        let sql = self.conn().text(
            put!(
                "SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4, value ->> 5, value ->> 6,
                         value ->> 7, value ->> 8, value ->> 9, value ->> 10, value ->> 11, value ->> 12, value ->> 13,
                         value ->> 14, value ->> 15
                  FROM json_each($1) WHERE TRUE"
            ),
            put!(
                "SELECT it ->> 0, it ->> 1, (it ->> 2)::boolean, (it ->> 3)::boolean, (it ->> 4)::boolean,
                         (it ->> 5)::boolean, (it ->> 6)::boolean, (it ->> 7)::boolean, it ->> 8, (it ->> 9)::bigint,
                         (it ->> 10)::boolean, (it ->> 11)::bigint, it ->> 12, it ->> 13, it ->> 14, it ->> 15
                  FROM jsonb_array_elements(CAST($1 AS jsonb)) AS it"
            ),
        );
        self.run(sql, values![rows]).await?;
        Ok(())
    }

    async fn decide_again_put(
        &mut self,
        location: LocationId,
        people: &[PersonId],
        again: &BTreeMap<PersonId, Time>,
    ) -> Result<(), StoreError> {
        let sql = self.conn().text(
            "SELECT person_id, at FROM decide_again
             WHERE location_id = $1 AND person_id IN (SELECT value FROM json_each($2))",
            "SELECT person_id, at FROM decide_again
             WHERE location_id = $1
               AND person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb))))",
        );
        let before: Vec<(PersonId, Time)> = self
            .conn()
            .all(sql, values![location, ids(people)], |row| {
                Ok((row.parsed("person_id")?, row.time("at")?))
            })
            .await?;
        let before: BTreeMap<PersonId, Time> = before.into_iter().collect();
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
            self.run(sql, values![location, ids(&over)]).await?;
        }
        Ok(())
    }

    /// Who gets the licences that are free, `most` of them: of each asset the first of its line who can use one.
    ///
    /// Only after everybody was decided: until then the line may be another one.
    pub async fn line_next(
        &mut self,
        location: LocationId,
        most: usize,
    ) -> Result<Vec<(AssetId, PersonId)>, StoreError> {
        let mut given = Vec::new();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        for (asset, free) in self.conn().givable(location).await? {
            let left = most - i64::try_from(given.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let people: Vec<PersonId> = self
                .conn()
                .all(
                    "SELECT person_id FROM pairs
                     WHERE asset_id = $1 AND wants AND seat IS NULL AND member AND NOT refused
                     ORDER BY behind, only_available, since, person_id LIMIT $2",
                    values![asset, free.map_or(left, |free| free.min(left))],
                    |row| row.parsed("person_id"),
                )
                .await?;
            given.extend(people.into_iter().map(|person| (asset, person)));
        }
        Ok(given)
    }
}
