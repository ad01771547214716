//! Whom somebody moved up in the line for an app's licences, why, and what that changes.

use std::collections::BTreeMap;

use domain::{AssetId, Holder, PersonId, Place, Precedence, Time, Waiter, decide::last_in_line};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values},
    line::{Places, order, place, waiter},
    pairs::kept_key,
};

/// Somebody who was moved up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedUpRow {
    pub person_id: PersonId,
    pub moved_at: Time,
    /// Who did it, as in the history.
    pub moved_by: String,
    pub reason: String,
}

/// Where somebody stands in a line, and where they would if they were moved up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Move {
    pub from: Place,
    /// `None` where one of the licences that are free now would be theirs.
    pub to: Option<Place>,
    /// Right before whom they would come: `None` for whoever comes before nobody else than now.
    pub overtakes: Option<PersonId>,
}

reads! {
    /// Those of these people who were moved up in the line of an asset.
    moved_up(asset: AssetId, people: &'a [PersonId]) -> BTreeMap<PersonId, MovedUpRow>;
    /// What moving them up now would change; `None` for whoever does not wait for a licence. Costs a count of those before
    /// them, as far as `bound`, and of those who were moved up.
    move_up(asset: AssetId, person: PersonId, now: Time, bound: u64) -> Option<Move>;
}

impl Conn<'_> {
    async fn moved_up(
        &mut self,
        asset: AssetId,
        people: &[PersonId],
    ) -> Result<BTreeMap<PersonId, MovedUpRow>, StoreError> {
        let sql = self.text(
            "SELECT person_id, moved_at, moved_by, reason FROM moved_up
             WHERE person_id IN (SELECT value FROM json_each($2)) AND asset_id = $1",
            "SELECT person_id, moved_at, moved_by, reason FROM moved_up
             WHERE person_id = ANY (ARRAY (SELECT jsonb_array_elements_text(CAST($2 AS jsonb)))) AND asset_id = $1",
        );
        let rows = self.all(sql, values![asset, crate::deciding::ids(people)], row).await?;
        Ok(rows.into_iter().map(|row| (row.person_id, row)).collect())
    }

    async fn move_up(
        &mut self,
        asset: AssetId,
        person: PersonId,
        now: Time,
        bound: u64,
    ) -> Result<Option<Move>, StoreError> {
        let Some((supply, present)) = self.waiters(asset, person).await? else {
            return Ok(None);
        };
        let mut moved = present.clone();
        for waiter in &mut moved {
            waiter.wish.rank.precedence = Precedence::MovedUp(now);
        }
        // The first whom they would pass, who is one of their own if they pass nobody.
        let first = moved.iter().min_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        let sql = concat!(
            "SELECT person_id, stand, kept_by, ",
            order!(),
            " FROM wishes WHERE asset = $1 AND kept_by = $7 AND (",
            order!(),
            ") >= ($2, $3, $4, $5, $6) ORDER BY ",
            order!(),
            " LIMIT 1"
        );
        let mut firsts: Vec<Waiter> = Vec::new();
        for kept_by in self.shares_of(&supply).await? {
            let mut at = values![supply.number];
            at.extend(first.map(place).unwrap_or_default());
            at.extend(values![kept_key(kept_by)]);
            firsts.extend(self.one(sql, at, waiter).await?);
        }
        let next = firsts
            .into_iter()
            .min_by_key(|waiter| (waiter.wish.rank, waiter.holder));
        let next = next.map(|waiter| waiter.person);
        // Of somebody for whom several stand there the place is that of the last of them, as everywhere.
        let last = |waiters: &[Waiter]| {
            let wishes = waiters.iter().map(|waiter| (waiter.holder, waiter.wish));
            last_in_line(wishes).map(|(holder, _)| holder)
        };
        let [from, to] = [last(&present), last(&moved)];
        let place_of = |places: Places, holder: Option<Holder>| holder.and_then(|holder| places.get(&holder).copied());
        let Some(from) = place_of(self.places_among(&supply, present, true, bound).await?, from) else {
            return Ok(None);
        };
        let to = place_of(self.places_among(&supply, moved, false, bound).await?, to);
        Ok(Some(Move {
            from,
            to,
            overtakes: next.filter(|next| *next != person),
        }))
    }
}

impl Tx {
    /// Moves somebody up. Whoever was already stays where they are: `false`.
    pub async fn moved_up_put(&mut self, asset: AssetId, row: &MovedUpRow) -> Result<bool, StoreError> {
        let put = self
            .run(
                "INSERT INTO moved_up (asset_id, person_id, moved_at, moved_by, reason) VALUES ($1, $2, $3, $4, $5)
                 ON CONFLICT DO NOTHING",
                values![
                    asset,
                    row.person_id,
                    row.moved_at,
                    row.moved_by.as_str(),
                    row.reason.as_str()
                ],
            )
            .await?;
        Ok(put > 0)
    }

    /// Moves them back. Whether they were moved up.
    pub async fn moved_up_delete(&mut self, asset: AssetId, person: PersonId) -> Result<bool, StoreError> {
        let deleted = self
            .run(
                "DELETE FROM moved_up WHERE person_id = $1 AND asset_id = $2",
                values![person, asset],
            )
            .await?;
        Ok(deleted > 0)
    }

    /// It is over that they were moved up then. Who was moved up anew since stays so: `false`.
    pub async fn moved_up_over(&mut self, asset: AssetId, person: PersonId, at: Time) -> Result<bool, StoreError> {
        let deleted = self
            .run(
                "DELETE FROM moved_up WHERE person_id = $1 AND asset_id = $2 AND moved_at = $3",
                values![person, asset, at],
            )
            .await?;
        Ok(deleted > 0)
    }
}

fn row(row: &Record) -> Result<MovedUpRow, StoreError> {
    Ok(MovedUpRow {
        person_id: row.parsed("person_id")?,
        moved_at: row.time("moved_at")?,
        moved_by: row.text("moved_by")?,
        reason: row.text("reason")?,
    })
}
