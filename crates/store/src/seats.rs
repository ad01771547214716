//! Licences that are ours or about to be. A row is the reservation; the database refuses one too many (P1).

use domain::{AssetId, DeviceId, Holder, HolderKind, OperationId, PersonId, Refusal, Seat, Time};
use serde::{Deserialize, Serialize};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SeatState {
    Reserved,
    Held,
    Returning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeatRow {
    pub asset_id: AssetId,
    pub holder: Holder,
    pub state: SeatState,
    /// What it waits for, while it does.
    pub operation_id: Option<OperationId>,
    pub since: Time,
}

impl SeatState {
    pub(crate) fn of(seat: Seat) -> SeatState {
        match seat {
            Seat::Reserved { .. } => SeatState::Reserved,
            Seat::Held { .. } => SeatState::Held,
            Seat::Returning { .. } => SeatState::Returning,
        }
    }

    /// As a decision speaks of it.
    pub fn since(self, since: Time) -> Seat {
        match self {
            SeatState::Reserved => Seat::Reserved { since },
            SeatState::Held => Seat::Held { since },
            SeatState::Returning => Seat::Returning { since },
        }
    }
}

impl SeatRow {
    pub fn seat(&self) -> Seat {
        self.state.since(self.since)
    }
}

impl OperationSeat {
    pub fn seat(&self) -> Seat {
        self.state.since(self.since)
    }
}

/// A seat in the words that Apple needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OperationSeat {
    pub asset_id: AssetId,
    pub adam_id: String,
    pub pricing_param: String,
    pub holder: Holder,
    /// A client user's id, or a serial number.
    pub named: String,
    pub state: SeatState,
    /// When it was reserved, or its return begun.
    pub since: Time,
    /// When the last seat of the same two ended, as far as known.
    pub ended: Option<Time>,
}

/// A seat, and how far what it waits for is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenSeat {
    pub row: SeatRow,
    /// From when on nothing more can come of the request that it waits for; `None` when none was sent.
    pub dead_at: Option<Time>,
}

reads! {
    seats(asset: AssetId) -> Vec<SeatRow>;
    /// The seats of an asset with what a list has to know before it may correct them.
    seats_open(asset: AssetId) -> Vec<OpenSeat>;
    /// When the last seat of somebody ended, for those who have none now.
    seats_ended(asset: AssetId) -> Vec<(Holder, Time)>;
    /// The serial numbers of the devices that have a seat of an asset.
    seats_serials(asset: AssetId) -> Vec<(String, DeviceId)>;
    /// The seats that an operation is about and that still wait for it.
    operation_seats(operation: OperationId) -> Vec<OperationSeat>;
    /// How often in a row Apple refused.
    refusal_attempts(asset: AssetId, holder: Holder) -> i64;
}

impl Conn<'_> {
    pub(crate) async fn seats(&mut self, asset: AssetId) -> Result<Vec<SeatRow>, StoreError> {
        self.all(
            "SELECT * FROM seats WHERE asset_id = $1 ORDER BY since, holder_id",
            values![asset],
            seat,
        )
        .await
    }

    async fn seats_open(&mut self, asset: AssetId) -> Result<Vec<OpenSeat>, StoreError> {
        self.all(
            "SELECT seats.*, operations.dead_at FROM seats
             LEFT JOIN operations ON operations.id = seats.operation_id AND operations.state IN ('sending', 'pending')
             WHERE asset_id = $1",
            values![asset],
            |row| {
                Ok(OpenSeat {
                    row: seat(row)?,
                    dead_at: row.time_or_none("dead_at")?,
                })
            },
        )
        .await
    }

    async fn seats_ended(&mut self, asset: AssetId) -> Result<Vec<(Holder, Time)>, StoreError> {
        let sql = "SELECT holder_id, kind, at FROM seats_ended WHERE asset_id = $1";
        self.all(sql, values![asset], |row| Ok((holder(row)?, row.time("at")?)))
            .await
    }

    async fn seats_serials(&mut self, asset: AssetId) -> Result<Vec<(String, DeviceId)>, StoreError> {
        let sql = "SELECT serial, devices.id AS id FROM seats JOIN devices ON devices.id = holder_id
                   WHERE asset_id = $1 AND kind = 'device' AND serial IS NOT NULL";
        self.all(sql, values![asset], |row| Ok((row.text("serial")?, row.parsed("id")?)))
            .await
    }

    async fn operation_seats(&mut self, operation: OperationId) -> Result<Vec<OperationSeat>, StoreError> {
        self.all(
            "SELECT seats.asset_id, adam_id, pricing_param, seats.holder_id, seats.kind, state, since, seats_ended.at AS ended,
                    CASE seats.kind WHEN 'device' THEN devices.serial ELSE client_user_id END AS named
             FROM seats
             LEFT JOIN seats_ended ON seats_ended.asset_id = seats.asset_id
                                  AND seats_ended.holder_id = seats.holder_id
             JOIN assets ON assets.id = seats.asset_id
             LEFT JOIN client_users ON client_users.person_id = seats.holder_id
                                   AND client_users.location_id = assets.location_id
                                   AND client_users.replaced_at IS NULL
             LEFT JOIN devices ON devices.id = seats.holder_id
             WHERE seats.operation_id = $1 AND (client_user_id IS NOT NULL OR devices.serial IS NOT NULL)
             ORDER BY seats.asset_id, seats.holder_id",
            values![operation],
            |row| {
                Ok(OperationSeat {
                    asset_id: row.parsed("asset_id")?,
                    adam_id: row.text("adam_id")?,
                    pricing_param: row.text("pricing_param")?,
                    holder: holder(row)?,
                    named: row.text("named")?,
                    state: row.word("state")?,
                    since: row.time("since")?,
                    ended: row.time_or_none("ended")?,
                })
            },
        )
        .await
    }

    async fn refusal_attempts(&mut self, asset: AssetId, holder: Holder) -> Result<i64, StoreError> {
        let sql = "SELECT attempts FROM seat_refusals WHERE asset_id = $1 AND holder_id = $2";
        Ok(self
            .one(sql, values![asset, holder.id()], |row| row.int("attempts"))
            .await?
            .unwrap_or(0))
    }
}

impl Tx {
    /// Takes a licence.
    ///
    /// [`SeatState::Reserved`] is refused with [`StoreError::Overdraft`] when none is free;
    /// [`SeatState::Held`] is a fact that Apple told, and is not.
    pub async fn seat_insert(
        &mut self,
        asset: AssetId,
        holder: Holder,
        state: SeatState,
        operation: Option<OperationId>,
        now: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO seats (asset_id, holder_id, kind, state, operation_id, since) VALUES ($1, $2, $3, $4, $5, $6)",
            values![asset, holder.id(), word(&holder.kind()), word(&state), operation, now],
        )
        .await?;
        Ok(())
    }

    pub async fn seat_set(
        &mut self,
        asset: AssetId,
        holder: Holder,
        state: SeatState,
        operation: Option<OperationId>,
        now: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "UPDATE seats SET state = $3, operation_id = $4, since = $5 WHERE asset_id = $1 AND holder_id = $2",
            values![asset, holder.id(), word(&state), operation, now],
        )
        .await?;
        Ok(())
    }

    /// Ends a seat as of `at`: lists from before do not bring it back.
    pub async fn seat_delete(&mut self, asset: AssetId, holder: Holder, at: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO seats_ended (asset_id, holder_id, kind, at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (asset_id, holder_id) DO UPDATE SET at = excluded.at",
            values![asset, holder.id(), word(&holder.kind()), at],
        )
        .await?;
        self.run(
            "DELETE FROM seats WHERE asset_id = $1 AND holder_id = $2",
            values![asset, holder.id()],
        )
        .await?;
        Ok(())
    }

    /// Forgets when seats ended: no list from before that is under way any more.
    pub async fn seats_ended_trim(&mut self, before: Time) -> Result<(), StoreError> {
        self.run("DELETE FROM seats_ended WHERE at < $1", values![before])
            .await?;
        Ok(())
    }

    pub async fn refusal_put(
        &mut self,
        asset: AssetId,
        holder: Holder,
        error_number: i64,
        refusal: Refusal,
        now: Time,
    ) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO seat_refusals (asset_id, holder_id, kind, error_number, at, attempts, not_before, reason)
             VALUES ($1, $2, $7, $3, $4, 1, $5, $6)
             ON CONFLICT (asset_id, holder_id) DO UPDATE SET
                 error_number = excluded.error_number, at = excluded.at, reason = excluded.reason,
                 attempts = seat_refusals.attempts + 1, not_before = excluded.not_before",
            values![
                asset,
                holder.id(),
                error_number,
                now,
                refusal.not_before,
                word(&refusal.reason),
                word(&holder.kind())
            ],
        )
        .await?;
        Ok(())
    }

    pub async fn refusal_clear(&mut self, asset: AssetId, holder: Holder) -> Result<(), StoreError> {
        self.run(
            "DELETE FROM seat_refusals WHERE asset_id = $1 AND holder_id = $2",
            values![asset, holder.id()],
        )
        .await?;
        Ok(())
    }
}

fn seat(row: &Record) -> Result<SeatRow, StoreError> {
    Ok(SeatRow {
        asset_id: row.parsed("asset_id")?,
        holder: holder(row)?,
        state: row.word("state")?,
        operation_id: row.parsed_or_none("operation_id")?,
        since: row.time("since")?,
    })
}

/// Who is kept under the id.
pub(crate) fn holder(row: &Record) -> Result<Holder, StoreError> {
    let id = row.parsed("holder_id")?;
    Ok(match row.word("kind")? {
        HolderKind::User => Holder::Person(PersonId(id)),
        HolderKind::Device => Holder::Device(DeviceId(id)),
    })
}
