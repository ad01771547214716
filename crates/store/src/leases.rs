//! Who works on what, for a while. The same on both databases: no session locks, which a pooler would break.

use std::time::Duration;

use domain::Time;

use crate::{Store, StoreError, db::values};

impl Store {
    /// Takes or renews a lease. The fencing number, which grows whenever the holder changes; `None` when
    /// somebody else has it.
    pub async fn lease_take(
        &self,
        name: &str,
        holder: &str,
        now: Time,
        good_for: Duration,
    ) -> Result<Option<i64>, StoreError> {
        let mut tx = self.begin().await?;
        tx.run(
            "INSERT INTO leases (name, holder, fence, until) VALUES ($1, $2, 0, 0) ON CONFLICT (name) DO NOTHING",
            values![name, holder],
        )
        .await?;
        let taken = tx
            .run(
                "UPDATE leases SET fence = CASE WHEN holder = $2 THEN fence ELSE fence + 1 END, holder = $2, until = $4
                 WHERE name = $1 AND (holder = $2 OR until <= $3)",
                values![name, holder, now, now + good_for],
            )
            .await?;
        if taken == 0 {
            return Ok(None);
        }
        let fence = tx
            .conn()
            .one("SELECT fence FROM leases WHERE name = $1", values![name], |row| {
                row.int("fence")
            })
            .await?;
        tx.commit().await?;
        Ok(fence)
    }

    pub async fn lease_release(&self, name: &str, holder: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.run(
            "UPDATE leases SET until = 0 WHERE name = $1 AND holder = $2",
            values![name, holder],
        )
        .await?;
        tx.commit().await
    }
}
