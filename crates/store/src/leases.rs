//! Who works on what, for a while. The same on both databases: no session locks, which a pooler would break.
//!
//! A lease is a row with a holder and a fencing number. Whoever works under one writes with [`Store::begin_as`], which
//! makes the database itself refuse the write once somebody else has taken the lease over: a server that was slow,
//! stopped or cut off cannot write what it decided before. The clock is the database's, so that neither the clocks of
//! the servers nor their jumps matter.

use std::time::Duration;

use domain::Time;

use crate::{
    Store, StoreError, Tx,
    db::{Conn, Later, Record, values},
};

/// The right to work on something alone, until somebody else has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lease {
    name: String,
    holder: String,
    /// Grows whenever the holder changes.
    fence: i64,
    good_for: Duration,
}

impl Lease {
    /// Grows whenever the holder changes.
    pub fn fence(&self) -> i64 {
        self.fence
    }
}

impl Conn<'_> {
    /// What the database's own clock says.
    async fn clock(&mut self) -> Result<Time, StoreError> {
        let sql = match self {
            Conn::Lite(_) => "SELECT CAST(unixepoch('subsec') * 1000 AS INTEGER) AS now",
            Conn::Pg(_) => "SELECT CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT) AS now",
        };
        let now = self.one(sql, values![], |row| row.time("now")).await?;
        Ok(now.expect("a SELECT without a table has one row"))
    }
}

impl Conn<'_> {
    /// Locks the row of a lease. `false` when somebody is writing under it, however long ago they gave a sign of life.
    /// SQLite has one writer at a time, who has all rows.
    async fn lease_row(&mut self, name: &str) -> Result<bool, StoreError> {
        if matches!(self, Conn::Lite(_)) {
            return Ok(true);
        }
        let sql = "SELECT name FROM leases WHERE name = $1 FOR UPDATE SKIP LOCKED";
        let row = self.one(sql, values![name], |row| row.text("name")).await?;
        Ok(row.is_some())
    }
}

impl Store {
    /// Takes a lease that is free, or that `holder` has already. `None` when somebody else has it.
    ///
    /// `holder` names one process and no other. A lease that ends later than `good_for` from now was written by a
    /// clock that has jumped back since: it is free.
    pub fn lease_take<'a>(&'a self, name: &'a str, holder: &'a str, good_for: Duration) -> Later<'a, Option<Lease>> {
        Box::pin(async move {
            let _turn = self.leases.lock().await;
            let mut tx = self.begin().await?;
            let now = tx.conn().clock().await?;
            let sql = "SELECT holder, until FROM leases WHERE name = $1";
            let read = |row: &Record| Ok((row.text("holder")?, row.time("until")?));
            match tx.conn().one(sql, values![name], read).await? {
                // Only looked at: whoever waits for a turn does not wait for what the one at work is writing. It may have
                // given a sign of life since the clock was asked.
                Some((by, until)) if by != holder && now < until && until <= now + 2 * good_for => return Ok(None),
                Some(_) => {}
                None => {
                    let sql = "INSERT INTO leases (name, holder, fence, until) VALUES ($1, '', 0, 0)
                               ON CONFLICT (name) DO NOTHING";
                    tx.run(sql, values![name]).await?;
                }
            }
            if !tx.conn().lease_row(name).await? {
                return Ok(None);
            }
            // Asked once nobody renews it any more, or a sign of life in between would look like one from the future.
            let now = tx.conn().clock().await?;
            let taken = tx
                .run(
                    "UPDATE leases
                     SET fence = CASE WHEN holder = $2 THEN fence ELSE fence + 1 END, holder = $2, until = $4
                     WHERE name = $1 AND (holder = $2 OR until <= $3 OR until > $4)",
                    values![name, holder, now, now + good_for],
                )
                .await?;
            if taken == 0 {
                return Ok(None);
            }
            let sql = "SELECT fence FROM leases WHERE name = $1";
            let fence = tx.conn().one(sql, values![name], |row| row.int("fence")).await?;
            tx.commit().await?;
            Ok(fence.map(|fence| Lease {
                name: name.to_owned(),
                holder: holder.to_owned(),
                fence,
                good_for,
            }))
        })
    }

    /// Begins to write as whoever has the lease, and renews it: [`StoreError::LeaseLost`] when that is somebody else
    /// by now.
    ///
    /// The row of the lease stays locked until the end, so nobody takes it over while something is being written, and
    /// whatever is written under one lease is written one after the other.
    pub fn begin_as<'a>(&'a self, lease: &'a Lease) -> Later<'a, Tx> {
        Box::pin(async move {
            let turn = self.leases.clone().lock_owned().await;
            let mut tx = self.begin().await?;
            tx.turn = Some(turn);
            let until = tx.conn().clock().await? + lease.good_for;
            let held = tx
                .run(
                    "UPDATE leases SET until = $4 WHERE name = $1 AND holder = $2 AND fence = $3",
                    values![lease.name, lease.holder, lease.fence, until],
                )
                .await?;
            if held == 0 {
                return Err(StoreError::LeaseLost);
            }
            Ok(tx)
        })
    }

    /// A sign of life. [`StoreError::LeaseLost`] when somebody else has it.
    pub fn lease_renew<'a>(&'a self, lease: &'a Lease) -> Later<'a, ()> {
        Box::pin(async move { self.begin_as(lease).await?.commit().await })
    }

    /// Gives back every lease of a process that ends, so that others can go on at once.
    pub fn leases_release<'a>(&'a self, holder: &'a str) -> Later<'a, ()> {
        Box::pin(async move {
            let mut tx = self.begin().await?;
            tx.run(
                "UPDATE leases SET until = 0, holder = '' WHERE holder = $1",
                values![holder],
            )
            .await?;
            tx.commit().await
        })
    }

    /// Takes every lease from whoever has it. For the server of a SQLite file, which knows that nobody else is alive
    /// ([`Store::hold`]): it goes on at once where its killed predecessor was.
    pub fn leases_reclaim(&self) -> Later<'_, ()> {
        Box::pin(async {
            let mut tx = self.begin().await?;
            tx.run("UPDATE leases SET until = 0, holder = ''", values![]).await?;
            tx.commit().await
        })
    }
}

impl Tx {
    /// Takes every lease from everybody but `holder`: what they read before is not true any more.
    pub(crate) async fn leases_revoke(&mut self, holder: &str) -> Result<(), StoreError> {
        let sql = "UPDATE leases SET until = 0, holder = '' WHERE holder <> $1";
        self.run(sql, values![holder]).await?;
        Ok(())
    }
}
