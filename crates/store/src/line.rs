//! The line for an asset's licences: who gets the next ones, and where somebody stands.

use std::collections::BTreeMap;

use domain::{
    Ahead, AssetId, Counted, Counts, Holder, HolderKind, LocationId, Owned, PersonId, Place, Position, Queue, Rank,
    Stand, Stock, Time, Waiter, Wish,
};
use uuid::Uuid;

use crate::{
    Cut, Of, Part, SeatState, Span, StoreError, Sum, Tx,
    db::{Conn, Key, Record, Value, hexed, reads, values},
    pairs::{behind, holder, rank},
};

/// The order of a line, as its indexes have it.
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
}

pub(crate) fn waiter(row: &Record) -> Result<Waiter, StoreError> {
    Ok(Waiter {
        holder: holder(row)?,
        person: PersonId(row.key("person_id")?),
        wish: Wish {
            rank: rank(row)?,
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
}

impl Supply {
    fn read(row: &Record) -> Result<Supply, StoreError> {
        let free = u64::try_from(row.int("free")?).unwrap_or(0);
        Ok(Supply {
            asset: row.parsed("id")?,
            number: row.int("number")?,
            free: (!row.flag("unlimited")?).then_some(free),
        })
    }
}

/// How many of a part of a line stand between two places, the first of them included; so many of them at most.
macro_rules! between {
    ($part:literal) => {
        concat!(
            "SELECT COUNT(*) AS number FROM (SELECT 1 FROM wishes WHERE asset = $1 AND ",
            $part,
            " AND (",
            order!(),
            ") >= ($2, $3, $4, $5, $6) AND (",
            order!(),
            ") < ($7, $8, $9, $10, $11) LIMIT $12) AS counted"
        )
    };
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
    ahead: Ahead,
    from: Vec<Value>,
}

impl Conn<'_> {
    /// The assets of which a licence is free and somebody could use it, with their numbers, and how many there are.
    pub(crate) async fn givable(
        &mut self,
        location: LocationId,
    ) -> Result<Vec<(AssetId, i64, Option<i64>)>, StoreError> {
        let sql = concat!(
            "SELECT id, number, unlimited, owned - taken - foreign_held AS free FROM assets
             WHERE location_id = $1 AND gone_at IS NULL AND (unlimited OR taken + foreign_held < owned)
               -- In the order of the index of those: without it SQLite looks for one among all who have the app.
               AND (SELECT holder FROM wishes WHERE asset = number AND stand = 'ready' AND ",
            goes_on!("$1"),
            " ORDER BY ",
            order!(),
            " LIMIT 1) IS NOT NULL ORDER BY id"
        );
        self.all(sql, values![location], |row| {
            let free = row.int("free")?;
            let free = (!row.flag("unlimited")?).then_some(free);
            Ok((row.parsed("id")?, row.int("number")?, free))
        })
        .await
    }

    async fn places(
        &mut self,
        location: LocationId,
        person: PersonId,
        bound: u64,
    ) -> Result<BTreeMap<AssetId, Places>, StoreError> {
        let sql = "SELECT id, number, unlimited, owned - taken - foreign_held AS free,
                          holder, device, person_id, stand, behind, only_available, since
                   FROM wishes JOIN assets ON number = asset
                   WHERE person_id = $1 AND location_id = $2";
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
        let sql = "SELECT id, number, unlimited, owned - taken - foreign_held AS free FROM assets WHERE id = $1";
        let Some(supply) = self.one(sql, values![asset], Supply::read).await? else {
            return Ok(Places::new());
        };
        let sql = self.text(
            "SELECT holder, device, person_id, stand, behind, only_available, since FROM wishes
             WHERE person_id IN (SELECT unhex(value) FROM json_each($2)) AND asset = $1",
            "SELECT holder, device, person_id, stand, behind, only_available, since FROM wishes
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
        let sql = "SELECT id, number, unlimited, owned - taken - foreign_held AS free,
                          holder, device, person_id, stand, behind, only_available, since
                   FROM wishes JOIN assets ON number = asset WHERE person_id = $1 AND id = $2";
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
        let stock = Stock {
            free: supply.free,
            ready: self
                .ready(supply.number, i64::try_from(free).unwrap_or(i64::MAX))
                .await?,
        };
        let parts: &[Which] = match stock.is_short() {
            true if free > 0 => &[Which::All, Which::Ready],
            true => &[Which::All],
            false if waiters.iter().any(|waiter| waiter.wish.stand == Stand::OutOfStock) => &[Which::OutOfStock],
            false => &[],
        };
        let mut count = Count::of(supply.number, free, bound);
        for waiter in waiters {
            count.go(self, &waiter, parts).await?;
            let place = count.ahead.place(waiter.wish.stand, &stock);
            places.extend(place.map(|place| (waiter.holder, place)));
            if !in_line {
                count.passes(waiter.wish.stand);
            }
        }
        Ok(places)
    }

    /// How many in the line can use a licence now, `most` of them.
    pub(crate) async fn ready(&mut self, number: i64, most: i64) -> Result<u64, StoreError> {
        let sql = "SELECT COUNT(*) AS number FROM (
                       SELECT 1 FROM wishes WHERE asset = $1 AND stand = 'ready' LIMIT $2) AS ready";
        self.counted(sql, values![number, most]).await
    }

    pub(crate) async fn counted(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, StoreError> {
        let number = self.one(sql, values, |row| row.int("number")).await?;
        Ok(number.and_then(|number| u64::try_from(number).ok()).unwrap_or(0))
    }

    async fn position(&mut self, asset: AssetId, holder: Holder, bound: u64) -> Result<Position, StoreError> {
        let counts = self.counts(asset).await?;
        let mut queue = Queue::default();
        for sum in self.sums_of(asset).await? {
            let stand = sum.verdict.in_line();
            let of = |stands: bool| if stands { sum.times } else { 0 };
            queue.all += of(stand.is_some());
            queue.ready += of(stand == Some(Stand::Ready));
            queue.out_of_stock += of(stand == Some(Stand::OutOfStock));
        }
        let sql = "SELECT number, holder, device, person_id, stand, behind, only_available, since
                   FROM wishes JOIN assets ON number = asset WHERE holder = $1 AND id = $2";
        let own = self.one(sql, values![Key(holder.id()), asset], |row| {
            Ok((row.int("number")?, waiter(row)?))
        });
        let own = own.await?;
        let mut ahead = Ahead::default();
        if let Some((number, waiter)) = &own {
            let parts: &[Which] = match queue.out_of_stock {
                0 => &[Which::All, Which::Ready],
                _ => &[Which::All, Which::Ready, Which::OutOfStock],
            };
            let mut count = Count::of(*number, counts.free.unwrap_or(0), bound);
            count.go(self, waiter, parts).await?;
            ahead = count.ahead;
        }
        let wish = own.map(|(_, waiter)| waiter.wish);
        Ok(Position::of(counts, queue, ahead, wish.as_ref()))
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
        let sql = "SELECT holder, device, person_id, stand, behind, only_available, since FROM wishes
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
        Ok(LineRows { wishes, returning })
    }
}

impl Count {
    /// Whether somebody is served is known only when those are counted for whom licences are left; it is seldom that some are.
    fn of(number: i64, free: u64, bound: u64) -> Count {
        Count {
            number,
            most: free.saturating_add(bound),
            ahead: Ahead::default(),
            from: beginning(),
        }
    }

    /// One more, who is not in the line.
    fn passes(&mut self, stand: Stand) {
        let Ahead {
            all,
            ready,
            out_of_stock,
        } = &mut self.ahead;
        let counted = [
            (all, true),
            (ready, stand == Stand::Ready),
            (out_of_stock, stand == Stand::OutOfStock),
        ];
        for (counted, counts) in counted {
            *counted = counted.map(|passed| passed + u64::from(counts));
        }
    }

    async fn go(&mut self, conn: &mut Conn<'_>, to: &Waiter, parts: &[Which]) -> Result<(), StoreError> {
        for part in parts {
            let (counted, sql) = match part {
                Which::All => (&mut self.ahead.all, between!("TRUE")),
                Which::Ready => (&mut self.ahead.ready, between!("stand = 'ready'")),
                Which::OutOfStock => {
                    let out = between!("stand = 'outOfStock'");
                    (&mut self.ahead.out_of_stock, out)
                }
            };
            let Counted::Exactly(passed) = *counted else {
                continue;
            };
            let mut span = values![self.number];
            span.extend(self.from.clone());
            span.extend(place(to));
            span.extend(values![i64::try_from(self.most - passed).unwrap_or(i64::MAX)]);
            *counted = Counted::up_to(self.most, passed + conn.counted(sql, span).await?);
        }
        self.from = place(to);
        Ok(())
    }
}

impl Tx {
    /// Who gets the licences that are free, `most` of them: of each asset the first of its line who can use one, and whose plan
    /// was not stopped.
    ///
    /// Only after everybody was decided: until then the line may be another one.
    pub async fn line_next(&mut self, location: LocationId, most: usize) -> Result<Vec<(AssetId, Holder)>, StoreError> {
        let mut given = Vec::new();
        let most = i64::try_from(most).unwrap_or(i64::MAX);
        for (asset, number, free) in self.conn().givable(location).await? {
            let left = most - i64::try_from(given.len()).unwrap_or(i64::MAX);
            if left <= 0 {
                break;
            }
            let sql = concat!(
                "SELECT holder, device, person_id, stand, behind, only_available, since FROM wishes
                 WHERE asset = $1 AND stand = 'ready' AND ",
                goes_on!("$3"),
                " ORDER BY ",
                order!(),
                " LIMIT $2"
            );
            let values = values![number, free.map_or(left, |free| free.min(left)), location];
            let next = self.conn().all(sql, values, waiter).await?;
            given.extend(next.into_iter().map(|next| (asset, next.holder)));
        }
        Ok(given)
    }
}
