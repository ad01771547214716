//! The switches of the installation.

use domain::Policy;

use crate::{
    Base, Change, StoreError, Tx, Version,
    db::{Conn, reads, values},
    versions::version,
};

const POLICY: &str = "policy";

reads! {
    /// The policy as it was last set; the default before that.
    policy() -> Policy;
    /// Zero before the policy was set.
    policy_version() -> Version;
}

impl Conn<'_> {
    pub(crate) async fn policy(&mut self) -> Result<Policy, StoreError> {
        let sql = "SELECT value FROM settings WHERE key = $1";
        let Some(text) = self.one(sql, values![POLICY], |row| row.text("value")).await? else {
            return Ok(Policy::default());
        };
        serde_json::from_str(&text).map_err(|_| StoreError::Corrupt {
            column: POLICY.to_owned(),
            value: text,
        })
    }

    async fn policy_version(&mut self) -> Result<Version, StoreError> {
        let sql = "SELECT version, updated_at AS changed_at, changed_by FROM settings WHERE key = $1";
        let found = self.one(sql, values![POLICY], |row| version(row, "")).await?;
        Ok(found.unwrap_or_default())
    }
}

impl Tx {
    /// `false` when the policy is not as `base` was any more. Nothing was changed then.
    pub async fn policy_set(&mut self, base: Base, policy: &Policy, by: Change<'_>) -> Result<bool, StoreError> {
        let text = serde_json::to_string(policy).expect("a policy is plain data");
        let mut changed = self
            .run(
                "UPDATE settings SET value = $3, updated_at = $4, changed_by = $5, version = version + 1
                 WHERE key = $1 AND (CAST($2 AS BIGINT) IS NULL OR version = $2)",
                values![POLICY, base, text, by.at, by.by],
            )
            .await?;
        if changed == 0 && base.is(&Version::default()) {
            changed = self
                .run(
                    "INSERT INTO settings (key, value, updated_at, changed_by) VALUES ($1, $2, $3, $4)
                     ON CONFLICT DO NOTHING",
                    values![POLICY, text, by.at, by.by],
                )
                .await?;
        }
        Ok(changed > 0)
    }
}
