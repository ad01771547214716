//! By which rule licences came back, how many, and when last.

use std::time::Duration;

use domain::{Reclaim, Time};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// What one rule took back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReclaimRow {
    pub rule: Reclaim,
    /// Since it was counted first.
    pub returned: i64,
    /// The last time.
    pub last_returned: i64,
    pub last_at: Time,
}

/// Some hundred people are decided in a transaction: what comes back within this time came back at once.
const AT_ONCE: Duration = Duration::from_secs(600);

reads! {
    /// Of the rules that ever took a licence back.
    reclaims() -> Vec<ReclaimRow>;
}

impl Conn<'_> {
    async fn reclaims(&mut self) -> Result<Vec<ReclaimRow>, StoreError> {
        let sql = "SELECT rule, returned, last_returned, last_at FROM reclaims ORDER BY rule";
        self.all(sql, Vec::new(), row).await
    }
}

fn row(row: &Record) -> Result<ReclaimRow, StoreError> {
    Ok(ReclaimRow {
        rule: row.word("rule")?,
        returned: row.int("returned")?,
        last_returned: row.int("last_returned")?,
        last_at: row.time("last_at")?,
    })
}

impl Tx {
    /// So many licences are asked back by a rule now.
    pub async fn reclaimed(&mut self, rule: Reclaim, licences: u64, now: Time) -> Result<(), StoreError> {
        let licences = i64::try_from(licences).unwrap_or(i64::MAX);
        let sql = "INSERT INTO reclaims (rule, returned, last_returned, last_at) VALUES ($1, $2, $2, $3)
             ON CONFLICT (rule) DO UPDATE SET
                 returned = reclaims.returned + excluded.returned,
                 last_returned = excluded.last_returned
                     + CASE WHEN reclaims.last_at > $4 THEN reclaims.last_returned ELSE 0 END,
                 last_at = excluded.last_at";
        self.run(sql, values![word(&rule), licences, now, now - AT_ONCE])
            .await?;
        Ok(())
    }
}
