//! The line for an asset's licences: who gets the next ones, and where somebody stands.

use std::collections::BTreeMap;

use domain::{
    AssetId, Counted, Counts, DeploymentId, Holder, HolderKind, LocationId, Owned, PersonId, Place, Position, Queue,
    Queues, Rank, Stand, Stock, Time, Unmet, Waiter, Wish,
};
use uuid::Uuid;

use crate::{
    Cut, Keeping, Of, Part, SeatState, Span, StoreError, Sum, Tx,
    db::{Conn, Key, Record, Value, hexed, reads, values},
    pairs::{behind, holder, kept_by, kept_key, rank},
};

/// The order of a line, as its indexes have it: of those each for whom the same line of the deployment keeps licences.
macro_rules! order {
    () => {
        "behind, only_available, since, device, holder"
    };
}
pub(crate) use order;

/// Whether the plan of whoever stands there was not stopped ([`domain::sound`]). Looked up row by row: as a condition that could
/// be a join PostgreSQL would read the whole line for it.
macro_rules! goes_on {
    ($location:literal) => {
        concat!(
            "(SELECT breach FROM stopped_plans WHERE location_id = ",
            $location,
            " AND stopped_plans.person_id = wishes.person_id LIMIT 1) IS NULL"
        )
    };
}

/// So far pages count the places of a line: a few times as many as anybody looks at one after the other, and less than a
/// millisecond for each line.
pub const PLACES: u64 = 1_000;

reads! {
    /// The person's place among those who wait for a licence, and those of their devices, of each asset for which they do. Costs a
    /// count of those who stand before them, but of no more than `bound` behind those for whom licences are left.
    places(location: LocationId, person: PersonId, bound: u64) -> BTreeMap<AssetId, Places>;
    /// The places of these people, and of their devices, in one line. Costs a count of those who stand before the last of them,
    /// as far as that.
    places_in(asset: AssetId, people: &'a [PersonId], bound: u64) -> Places;
    /// The licences of an asset, and who stands before this one in the line for them. Costs a count of those before them, as far
    /// as that.
    position(asset: AssetId, holder: Holder, bound: u64) -> Position;
    /// The licences of an asset, but for who waits for one. Costs a count of those that are on their way.
    counts(asset: AssetId) -> Counts;
    /// Who stands in the line of an asset, as it was decided, and whose licence comes back.
    line_of(asset: AssetId) -> LineRows;
    /// What the lines of its deployment keep and is not out by them.
    unmet(asset: AssetId) -> Unmet;
    /// How many licences are out to these people, and to devices of theirs, by each line of the deployment that keeps some: as it
    /// was decided.
    out_to(asset: AssetId, people: &'a [PersonId]) -> BTreeMap<DeploymentId, u64>;
}

/// Where each of some stands.
pub type Places = BTreeMap<Holder, Place>;

/// The line of an asset.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LineRows {
    /// Those who want a licence and have none, in no order.
    pub wishes: Vec<Waiter>,
    /// Those whose licence goes back, or that of a device of theirs.
    pub returning: Vec<PersonId>,
    /// How many licences are out by each line of the deployment that keeps some.
    pub out_by: BTreeMap<DeploymentId, u64>,
}

pub(crate) fn waiter(row: &Record) -> Result<Waiter, StoreError> {
    Ok(Waiter {
        holder: holder(row)?,
        person: PersonId(row.key("person_id")?),
        wish: Wish {
            rank: rank(row)?,
            kept_by: kept_by(row)?,
            stand: row.word("stand")?,
        },
    })
}

/// Where somebody stands, in the order of a line.
pub(crate) fn place(waiter: &Waiter) -> Vec<Value> {
    let Rank {
        only_available, since, ..
    } = waiter.wish.rank;
    let device = waiter.holder.kind() == HolderKind::Device;
    values![
        behind(waiter.wish.rank),
        only_available,
        since,
        device,
        Key(waiter.holder.id())
    ]
}

/// A place before everybody.
fn beginning() -> Vec<Value> {
    values![i64::MIN, false, Time(i64::MIN), false, Key(Uuid::nil())]
}

/// An asset of which so many licences are free.
pub(crate) struct Supply {
    asset: AssetId,
    pub number: i64,
    free: Option<u64>,
    /// Its deployment keeps licences for somebody.
    keeps: bool,
}

impl Supply {
    fn read(row: &Record) -> Result<Supply, StoreError> {
        let free = u64::try_from(row.int("free")?).unwrap_or(0);
        Ok(Supply {
            asset: row.parsed("id")?,
            number: row.int("number")?,
            free: (!row.flag("unlimited")?).then_some(free),
            keeps: row.flag("keeps")?,
        })
    }
}

/// Whether the deployment of an asset keeps licences for somebody.
macro_rules! keeps {
    () => {
        "EXISTS (SELECT 1 FROM deployments WHERE asset_id = assets.id AND kept_licenses > 0)"
    };
}

/// What is read of an asset whose line is looked at.
macro_rules! supply {
    ($more:literal) => {
        concat!(
            "SELECT id, number, unlimited, owned - taken - foreign_held AS free, ",
            keeps!(),
            " AS keeps",
            $more
        )
    };
}

/// How many of a part of a line stand between two places, the first of them included; so many of them at most.
macro_rules! between {
    ($part:literal) => {
        concat!(
            "SELECT COUNT(*) AS number FROM (SELECT 1 FROM wishes WHERE asset = $1 AND kept_by = $13 AND ",
            $part,
            " AND (",
            order!(),
            ") >= ($2, $3, $4, $5, $6) AND (",
            order!(),
            ") < ($7, $8, $9, $10, $11) LIMIT $12) AS counted"
        )
    };
}

/// Those in a line for whom the same line of the deployment keeps licences: for nobody in particular, and for some each.
pub(crate) fn shares(keeping: &Keeping) -> Vec<Option<DeploymentId>> {
    [None].into_iter().chain(keeping.keys().copied().map(Some)).collect()
}

/// Everybody who stands in the line of an asset of whom this is said.
pub(crate) fn queues_of(said: &[Sum]) -> Queues {
    let mut line = Queues::default();
    for sum in said {
        if let Some(stand) = sum.verdict.in_line() {
            line.add(sum.verdict.kept_by, stand, sum.times);
        }
    }
    line
}

/// How many licences are out by each line of the deployment, of an asset of whose people and devices this is said.
pub(crate) fn out_by(said: &[Sum]) -> BTreeMap<DeploymentId, u64> {
    let mut out = BTreeMap::new();
    for sum in said.iter().filter(|sum| sum.verdict.has_one_that_stays()) {
        if let Some(line) = sum.verdict.kept_by {
            *out.entry(line).or_default() += sum.times;
        }
    }
    out
}

pub(crate) fn unmet_of(keeping: &Keeping, said: &[Sum]) -> Unmet {
    Unmet::of(keeping, &out_by(said))
}

/// A part of a line.
#[derive(Clone, Copy)]
enum Which {
    All,
    Ready,
    OutOfStock,
}

/// Goes along a line, from one who stands there to the next, and counts those it passes.
struct Count {
    number: i64,
    /// As far as which each part is counted.
    most: u64,
    /// Those for whom each of these lines keeps licences are counted by themselves.
    kept_by: Vec<Option<DeploymentId>>,
    ahead: Queues,
    from: Vec<Value>,
}

impl Conn<'_> {
    /// The assets of which a licence is free and somebody could use it; or somebody might, where some are kept.
    async fn givable(&mut self, location: LocationId) -> Result<Vec<Supply>, StoreError> {
        let sql = concat!(
            supply!(" FROM assets"),
            " WHERE location_id = $1 AND gone_at IS NULL AND (unlimited OR taken + foreign_held < owned)
               -- In the order of the index of those: without it SQLite looks for one among all who have the app.
               AND ((SELECT holder FROM wishes WHERE asset = number AND kept_by = $2 AND stand = 'ready' AND ",
            goes_on!("$1"),
            " ORDER BY ",
            order!(),
            " LIMIT 1) IS NOT NULL OR ",
            keeps!(),
            ") ORDER BY id"
        );
        self.all(sql, values![location, kept_key(None)], Supply::read).await
    }

    /// Whether somebody could be given a licence now.
    pub(crate) async fn is_somebody_next(&mut self, location: LocationId) -> Result<bool, StoreError> {
        for supply in self.givable(location).await? {
            if !supply.keeps || !self.next(location, &supply, 1).await?.is_empty() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The first in the line of the asset who get a licence, `most` of them.
    async fn next(&mut self, location: LocationId, supply: &Supply, most: i64) -> Result<Vec<Holder>, StoreError> {
        let ready = concat!(
            "SELECT holder, device, person_id, stand, behind, only_available, since, kept_by FROM wishes
             WHERE asset = $1 AND kept_by = $4 AND stand = 'ready' AND ",
            goes_on!("$3"),
            " ORDER BY ",
            order!(),
            " LIMIT $2"
        );
        let (keeping, unmet) = self.kept_of(supply).await?;
        let stock = Stock::of(supply.free, unmet, &Queues::default());
        let mut line = Vec::new();
        for kept_by in shares(&keeping) {
            let served = i64::try_from(stock.most_served(kept_by)).unwrap_or(i64::MAX);
            if served > 0 {
                let values = values![supply.number, served.min(most), location, kept_key(kept_by)];
                line.extend(self.all(ready, values, waiter).await?);
            }
        }
        // What is out was counted of what was decided: of somebody to whom something happened since, it may not be so any more.
        if supply.keeps && self.is_anybody_marked(location).await? {
            return Ok(Vec::new());
        }
        line.sort_unstable_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        let kept_by: Vec<_> = line.iter().map(|waiter| waiter.wish.kept_by).collect();
        let served = line.iter().zip(stock.handed_out(&kept_by)).filter(|(_, gets)| *gets);
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        Ok(served.map(|(waiter, _)| waiter.holder).take(most).collect())
    }

    /// What the deployment of the asset keeps, and what of that is not out.
    async fn kept_of(&mut self, supply: &Supply) -> Result<(Keeping, Unmet), StoreError> {
        if !supply.keeps {
            return Ok((Keeping::new(), Unmet::default()));
        }
        let keeping = self.keeping_of(supply.asset).await?;
        let unmet = match keeping.is_empty() {
            true => Unmet::default(),
            false => unmet_of(&keeping, &self.sums_of(supply.asset).await?),
        };
        Ok((keeping, unmet))
    }

    /// Those of its line for whom the same line of the deployment keeps licences.
    pub(crate) async fn shares_of(&mut self, supply: &Supply) -> Result<Vec<Option<DeploymentId>>, StoreError> {
        Ok(match supply.keeps {
            true => shares(&self.keeping_of(supply.asset).await?),
            false => vec![None],
        })
    }

    pub(crate) async fn out_to(
        &mut self,
        asset: AssetId,
        people: &[PersonId],
    ) -> Result<BTreeMap<DeploymentId, u64>, StoreError> {
        macro_rules! said {
            ($table:literal $people:literal) => {
                concat!(
                    "SELECT CAST(verdict AS BIGINT) AS no, COUNT(*) AS number FROM ",
                    $table,
                    " WHERE asset = (SELECT number FROM assets WHERE id = $1) AND person_id ",
                    $people,
                    " GROUP BY verdict"
                )
            };
            ($table:literal) => {
                (
                    said!($table "IN (SELECT unhex(value) FROM json_each($2))"),
                    said!($table "= ANY (ARRAY (
                        SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))"),
                )
            };
        }
        let said = self.sums_of(asset).await?;
        let listed = hexed(people.iter().map(|person| person.0));
        let mut out = BTreeMap::new();
        for (lite, pg) in [said!("pairs"), said!("device_pairs")] {
            let sql = self.text(lite, pg);
            let counted = self.all(sql, values![asset, listed.as_str()], |row| {
                Ok((row.int("no")?, u64::try_from(row.int("number")?).unwrap_or(0)))
            });
            for (no, times) in counted.await? {
                let of = said.iter().find(|sum| sum.no == no && sum.verdict.has_one_that_stays());
                if let Some(line) = of.and_then(|sum| sum.verdict.kept_by) {
                    *out.entry(line).or_default() += times;
                }
            }
        }
        Ok(out)
    }

    async fn unmet(&mut self, asset: AssetId) -> Result<Unmet, StoreError> {
        let keeping = self.keeping_of(asset).await?;
        if keeping.is_empty() {
            return Ok(Unmet::default());
        }
        Ok(unmet_of(&keeping, &self.sums_of(asset).await?))
    }

    async fn places(
        &mut self,
        location: LocationId,
        person: PersonId,
        bound: u64,
    ) -> Result<BTreeMap<AssetId, Places>, StoreError> {
        let sql = supply!(
            ", holder, device, person_id, stand, behind, only_available, since, kept_by
             FROM wishes JOIN assets ON number = asset WHERE person_id = $1 AND location_id = $2"
        );
        let waiters = self
            .all(sql, values![Key(person.0), location], |row| {
                Ok((Supply::read(row)?, waiter(row)?))
            })
            .await?;
        let mut lines: BTreeMap<AssetId, (Supply, Vec<Waiter>)> = BTreeMap::new();
        for (supply, waiter) in waiters {
            let line = lines.entry(supply.asset).or_insert((supply, Vec::new()));
            line.1.push(waiter);
        }
        let mut places = BTreeMap::new();
        for (asset, (supply, waiters)) in lines {
            places.insert(asset, self.places_of(&supply, waiters, bound).await?);
        }
        Ok(places)
    }

    async fn places_in(&mut self, asset: AssetId, people: &[PersonId], bound: u64) -> Result<Places, StoreError> {
        let sql = supply!(" FROM assets WHERE id = $1");
        let Some(supply) = self.one(sql, values![asset], Supply::read).await? else {
            return Ok(Places::new());
        };
        let sql = self.text(
            "SELECT holder, device, person_id, stand, behind, only_available, since, kept_by FROM wishes
             WHERE person_id IN (SELECT unhex(value) FROM json_each($2)) AND asset = $1",
            "SELECT holder, device, person_id, stand, behind, only_available, since, kept_by FROM wishes
             WHERE asset = $1
               AND person_id = ANY (ARRAY (
                   SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($2 AS jsonb)) AS value))",
        );
        let listed = hexed(people.iter().map(|person| person.0));
        let waiters = self.all(sql, values![supply.number, listed], waiter).await?;
        self.places_of(&supply, waiters, bound).await
    }

    /// Whoever stands in the line for somebody; `None` when nobody does.
    pub(crate) async fn waiters(
        &mut self,
        asset: AssetId,
        person: PersonId,
    ) -> Result<Option<(Supply, Vec<Waiter>)>, StoreError> {
        let sql = supply!(
            ", holder, device, person_id, stand, behind, only_available, since, kept_by
             FROM wishes JOIN assets ON number = asset WHERE person_id = $1 AND id = $2"
        );
        let rows = self
            .all(sql, values![Key(person.0), asset], |row| {
                Ok((Supply::read(row)?, waiter(row)?))
            })
            .await?;
        let (supplies, waiters): (Vec<Supply>, Vec<Waiter>) = rows.into_iter().unzip();
        Ok(supplies.into_iter().next().map(|supply| (supply, waiters)))
    }

    /// The places of some who stand in the line.
    async fn places_of(&mut self, supply: &Supply, waiters: Vec<Waiter>, bound: u64) -> Result<Places, StoreError> {
        self.places_among(supply, waiters, true, bound).await
    }

    /// Goes along the line once, from one of them to the next. Whether they are in it, or would be: then each counts for those
    /// after it, too.
    pub(crate) async fn places_among(
        &mut self,
        supply: &Supply,
        mut waiters: Vec<Waiter>,
        in_line: bool,
        bound: u64,
    ) -> Result<Places, StoreError> {
        let mut places = Places::new();
        if waiters.is_empty() {
            return Ok(places);
        }
        waiters.sort_unstable_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        // Nobody needs to know of more who are ready than can be served.
        let free = supply.free.unwrap_or(0);
        let (keeping, unmet) = self.kept_of(supply).await?;
        let mut stock = Stock::of(supply.free, unmet, &Queues::default());
        for kept_by in shares(&keeping) {
            let most = i64::try_from(free).unwrap_or(i64::MAX);
            let ready = self.ready(supply.number, kept_by, most).await?;
            stock.ready.insert(kept_by, ready);
        }
        let parts: &[Which] = match stock.is_short(None) {
            // For some of them a licence may be left, and for others not.
            _ if !keeping.is_empty() => &[Which::All, Which::Ready, Which::OutOfStock],
            true if free > 0 => &[Which::All, Which::Ready],
            true => &[Which::All],
            false if waiters.iter().any(|waiter| waiter.wish.stand == Stand::OutOfStock) => &[Which::OutOfStock],
            false => &[],
        };
        // Where nothing is left and nothing kept, each stands where the line has them: it is read once, as far as it is counted.
        let is_kept = |waiter: &Waiter| waiter.wish.kept_by.is_some();
        if let ([Which::All], true) = (parts, in_line)
            && keeping.is_empty()
            && !waiters.iter().any(is_kept)
        {
            let stands = self.first_of(supply.number, &waiters, bound).await?;
            for Waiter { holder, wish, .. } in waiters {
                let all = match stands.get(&holder) {
                    Some(stands) => Counted::Exactly(stands - 1),
                    None => Counted::AtLeast(bound),
                };
                let ahead = Queue {
                    all,
                    ..Queue::default()
                };
                let place = stock.place(None, wish.stand, &ahead.into());
                places.extend(place.map(|place| (holder, place)));
            }
            return Ok(places);
        }
        let mut count = Count::of(supply.number, free, bound, shares(&keeping));
        for waiter in waiters {
            count.go(self, &waiter, parts).await?;
            let Wish { kept_by, stand, .. } = waiter.wish;
            let place = stock.place(kept_by, stand, &count.ahead);
            places.extend(place.map(|place| (waiter.holder, place)));
            if !in_line {
                count.ahead.add(kept_by, stand, 1);
            }
        }
        Ok(places)
    }

    /// Where these stand in a line for which no licences are kept, from 1, of those who are among the first `most`.
    async fn first_of(
        &mut self,
        number: i64,
        waiters: &[Waiter],
        most: u64,
    ) -> Result<BTreeMap<Holder, u64>, StoreError> {
        macro_rules! stands {
            ($among:literal) => {
                concat!(
                    "SELECT holder, device, stands FROM (
                         SELECT holder, device, ROW_NUMBER() OVER (ORDER BY ",
                    order!(),
                    ") AS stands FROM (SELECT * FROM wishes WHERE asset = $1 AND kept_by = $2 ORDER BY ",
                    order!(),
                    " LIMIT $3) AS first) AS counted WHERE holder ",
                    $among
                )
            };
        }
        let sql = self.text(
            stands!("IN (SELECT unhex(value) FROM json_each($4))"),
            stands!(
                "= ANY (ARRAY (
                     SELECT decode(value, 'hex') FROM jsonb_array_elements_text(CAST($4 AS jsonb)) AS value))"
            ),
        );
        let listed = hexed(waiters.iter().map(|waiter| waiter.holder.id()));
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        let stands = self.all(sql, values![number, kept_key(None), most, listed], |row| {
            Ok((holder(row)?, u64::try_from(row.int("stands")?).unwrap_or(0)))
        });
        Ok(stands.await?.into_iter().collect())
    }

    /// How many in the line can use a licence now for whom this line of the deployment keeps some, `most` of them.
    async fn ready(&mut self, number: i64, kept_by: Option<DeploymentId>, most: i64) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS number FROM (
                       SELECT 1 FROM wishes WHERE asset = $1 AND kept_by = $3 AND stand = 'ready' LIMIT $2) AS ready";
        self.counted(sql, values![number, most, kept_key(kept_by)]).await
    }

    pub(crate) async fn counted(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let number = self.one(sql, values, |row| row.int("number")).await?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    async fn position(&mut self, asset: AssetId, holder: Holder, bound: u64) -> Result<Position, StoreError> {
        let counts = self.counts(asset).await?;
        let said = self.sums_of(asset).await?;
        let line = queues_of(&said);
        let keeping = self.keeping_of(asset).await?;
        let unmet = unmet_of(&keeping, &said);
        let sql = "SELECT number, holder, device, person_id, stand, behind, only_available, since, kept_by
                   FROM wishes JOIN assets ON number = asset WHERE holder = $1 AND id = $2";
        let own = self.one(sql, values![Key(holder.id()), asset], |row| {
            Ok((row.int("number")?, waiter(row)?))
        });
        let own = own.await?;
        let mut ahead = Queues::default();
        if let Some((number, waiter)) = &own {
            let out_of_stock = said.iter().any(|sum| sum.verdict.in_line() == Some(Stand::OutOfStock));
            let parts: &[Which] = match out_of_stock {
                false => &[Which::All, Which::Ready],
                true => &[Which::All, Which::Ready, Which::OutOfStock],
            };
            let mut count = Count::of(*number, counts.free.unwrap_or(0), bound, shares(&keeping));
            count.go(self, waiter, parts).await?;
            ahead = count.ahead;
        }
        let wish = own.map(|(_, waiter)| waiter.wish);
        Ok(Position::of(counts, unmet, line, ahead, wish.as_ref()))
    }

    async fn counts(&mut self, asset: AssetId) -> Result<Counts, StoreError> {
        let sql = "SELECT total, retired, taken, foreign_held,
                          (SELECT COUNT(*) FROM seats WHERE asset_id = $1 AND state <> 'held' AND state = 'reserved') AS reserved,
                          (SELECT COUNT(*) FROM seats WHERE asset_id = $1 AND state <> 'held' AND state = 'returning')
                              AS going_back
                   FROM assets WHERE id = $1";
        let counts = self.one(sql, values![asset], |row| {
            let number = |name| Ok::<_, StoreError>(u64::try_from(row.int(name)?).unwrap_or(0));
            let owned = Owned::of(row.int("total")?, row.int("retired")?);
            let (reserved, back) = (number("reserved")?, number("going_back")?);
            Ok(Counts::with(
                owned,
                number("foreign_held")?,
                number("taken")?,
                reserved,
                back,
            ))
        });
        let nothing = || Counts::with(Owned::Count(0), 0, 0, 0, 0);
        Ok(counts.await?.unwrap_or_else(nothing))
    }

    pub(crate) async fn line_of(&mut self, asset: AssetId) -> Result<LineRows, StoreError> {
        let sql = "SELECT holder, device, person_id, stand, behind, only_available, since, kept_by FROM wishes
                   WHERE asset = (SELECT number FROM assets WHERE id = $1)";
        let wishes = self.all(sql, values![asset], waiter).await?;
        let goes_back = |sum: &Sum| {
            let (Of::Person { keeps, seat, .. } | Of::Device { keeps, seat, .. }) = sum.verdict.of;
            let left_over = matches!(sum.verdict.of, Of::Person { left_over: true, .. });
            left_over || seat.is_some_and(|seat| seat == SeatState::Returning || !keeps)
        };
        let sums = self.sums_of(asset).await?;
        let said = |of_people: bool| -> Vec<(i64, Part)> {
            let sums = sums
                .iter()
                .filter(|sum| matches!(sum.verdict.of, Of::Person { .. }) == of_people && goes_back(sum));
            sums.map(|sum| (sum.no, Part::All)).collect()
        };
        let everybody = Cut {
            span: Span::First,
            query: "",
            most: usize::MAX,
        };
        let mut returning = self.people_said(&said(true), everybody).await?;
        let devices = self.devices_said(&said(false), everybody).await?;
        returning.extend(devices.into_iter().map(|row| row.person));
        Ok(LineRows {
            wishes,
            returning,
            out_by: out_by(&sums),
        })
    }
}

impl Count {
    /// Whether somebody is served is known only when those are counted for whom licences are left; it is seldom that some are.
    fn of(number: i64, free: u64, bound: u64, kept_by: Vec<Option<DeploymentId>>) -> Count {
        Count {
            number,
            most: free.saturating_add(bound),
            kept_by,
            ahead: Queues::default(),
            from: beginning(),
        }
    }

    async fn go(&mut self, conn: &mut Conn<'_>, to: &Waiter, parts: &[Which]) -> Result<(), StoreError> {
        let counted = self
            .kept_by
            .iter()
            .flat_map(|kept_by| parts.iter().map(|part| (*kept_by, *part)));
        let counted: Vec<(Option<DeploymentId>, Which)> = counted.collect();
        for (kept_by, part) in counted {
            let queue = self.ahead.of(kept_by);
            let (counted, sql) = match part {
                Which::All => (&mut queue.all, between!("TRUE")),
                Which::Ready => (&mut queue.ready, between!("stand = 'ready'")),
                Which::OutOfStock => {
                    let out = between!("stand = 'outOfStock'");
                    (&mut queue.out_of_stock, out)
                }
            };
            let Counted::Exactly(passed) = *counted else {
                continue;
            };
            let mut span = values![self.number];
            span.extend(self.from.clone());
            span.extend(place(to));
            let most = i64::try_from(self.most.saturating_sub(passed)).unwrap_or(i64::MAX);
            span.extend(values![most, kept_key(kept_by)]);
            *counted = Counted::up_to(self.most, passed + conn.counted(sql, span).await?);
        }
        self.from = place(to);
        Ok(())
    }
}

impl Tx {
    /// Who gets the licences that are free, `most` of them: of each asset the first of its line who can use one, for whom one is
    /// left of those that are kept, and whose plan was not stopped.
    ///
    /// Only after everybody was decided: until then the line may be another one.
    pub async fn line_next(&mut self, location: LocationId, most: usize) -> Result<Vec<(AssetId, Holder)>, StoreError> {
        let mut given = Vec::new();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        for supply in self.conn().givable(location).await? {
            let left = most - i64::try_from(given.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let next = self.conn().next(location, &supply, left).await?;
            given.extend(next.into_iter().map(|holder| (supply.asset, holder)));
        }
        Ok(given)
    }
}
