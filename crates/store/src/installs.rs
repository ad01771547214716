//! Apps on devices: what a device said (`device_apps`), and what was asked of it (`installs`).

use domain::{AssetId, DeviceId, Failure, Install, InstallCommand, StoreVersion, Time};

use crate::{
    StoreError, Tx,
    db::{Conn, Record, reads, values, word},
};

/// Both tables side by side.
const COLUMNS_ONE: &str =
    "SELECT device_id, asset_id, seen, seen_at, device_apps.version, command, command_since, license, told_version,
        accepted_at, removed_at, checks,
        failure_class, failure_code, failure_at, failure_attempts, asked_again_at
 FROM installs LEFT JOIN device_apps USING (device_id, asset_id)
 WHERE device_id = $1 AND asset_id = $2";
const COLUMNS_DEVICE: &str =
    "SELECT device_id, asset_id, seen, seen_at, device_apps.version, command, command_since, license, told_version,
        accepted_at, removed_at, checks,
        failure_class, failure_code, failure_at, failure_attempts, asked_again_at,
        (SELECT bundle_id FROM app_metadata WHERE app_metadata.asset_id = installs.asset_id) AS bundle_id
 FROM installs LEFT JOIN device_apps USING (device_id, asset_id)
 WHERE device_id = $1";

reads! {
    /// What is known; nothing at all is an answer too.
    install(device: DeviceId, asset: AssetId) -> Install;
    /// Every app about which something is known on this device, with its bundle id.
    installs_of_device(device: DeviceId) -> Vec<(AssetId, Option<String>, Install)>;
}

impl Conn<'_> {
    async fn install(&mut self, device: DeviceId, asset: AssetId) -> Result<Install, StoreError> {
        Ok(self
            .one(COLUMNS_ONE, values![device, asset], install)
            .await?
            .unwrap_or_default())
    }

    async fn installs_of_device(
        &mut self,
        device: DeviceId,
    ) -> Result<Vec<(AssetId, Option<String>, Install)>, StoreError> {
        self.all(COLUMNS_DEVICE, values![device], |row| {
            Ok((row.parsed("asset_id")?, row.text_or_none("bundle_id")?, install(row)?))
        })
        .await
    }
}

impl Tx {
    /// Somebody wants it tried again.
    pub async fn install_asked_again(&mut self, device: DeviceId, asset: AssetId, now: Time) -> Result<(), StoreError> {
        self.run(
            "INSERT INTO installs (device_id, asset_id, checks, asked_again_at) VALUES ($1, $2, 0, $3)
             ON CONFLICT (device_id, asset_id) DO UPDATE SET asked_again_at = excluded.asked_again_at",
            values![device, asset, now],
        )
        .await?;
        Ok(())
    }

    /// Writes what was asked of the device and what it said; when somebody asked again is not for a device to say.
    pub async fn install_put(&mut self, device: DeviceId, asset: AssetId, install: &Install) -> Result<(), StoreError> {
        self.install_seen(device, asset, install).await?;
        self.install_asked(device, asset, install).await
    }

    /// Writes of it what is not as it was read in this transaction. `before` is `None` when nothing was known.
    pub async fn install_change(
        &mut self,
        device: DeviceId,
        asset: AssetId,
        before: Option<&Install>,
        install: &Install,
    ) -> Result<(), StoreError> {
        let Some(before) = before else {
            return self.install_put(device, asset, install).await;
        };
        let word = |install: &Install| (install.seen, install.seen_at, install.version);
        if word(before) != word(install) {
            self.install_seen(device, asset, install).await?;
        }
        let but_for_the_word = Install {
            seen: before.seen,
            seen_at: before.seen_at,
            version: before.version,
            ..install.clone()
        };
        if *before != but_for_the_word {
            self.install_asked(device, asset, install).await?;
        }
        Ok(())
    }

    /// What the device said.
    async fn install_seen(&mut self, device: DeviceId, asset: AssetId, install: &Install) -> Result<(), StoreError> {
        match (install.seen, install.seen_at) {
            (None, None) => {
                self.run(
                    "DELETE FROM device_apps WHERE device_id = $1 AND asset_id = $2",
                    values![device, asset],
                )
                .await?;
            }
            (seen, seen_at) => {
                self.run(
                    "INSERT INTO device_apps (device_id, asset_id, seen, seen_at, version) VALUES ($1, $2, $3, $4, $5)
                     ON CONFLICT (device_id, asset_id) DO UPDATE SET
                         seen = excluded.seen, seen_at = excluded.seen_at, version = excluded.version",
                    values![
                        device,
                        asset,
                        seen.map(|seen| word(&seen)),
                        seen_at,
                        install.version.map(|version| version.0)
                    ],
                )
                .await?;
            }
        }
        Ok(())
    }

    /// What was asked of it, and what came of that.
    async fn install_asked(&mut self, device: DeviceId, asset: AssetId, install: &Install) -> Result<(), StoreError> {
        let (command, since) = match install.command {
            None => (None, None),
            Some(InstallCommand::Install { since }) => (Some("install"), Some(since)),
            Some(InstallCommand::Remove { since }) => (Some("remove"), Some(since)),
        };
        let failure = install.failure.as_ref();
        self.run(
            "INSERT INTO installs (device_id, asset_id, command, command_since, accepted_at, removed_at, checks,
                                   failure_class, failure_code, failure_at, failure_attempts, license,
                                   told_version)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
             ON CONFLICT (device_id, asset_id) DO UPDATE SET
                 command = excluded.command, command_since = excluded.command_since, license = excluded.license,
                 told_version = excluded.told_version, accepted_at = excluded.accepted_at, removed_at = excluded.removed_at, checks = excluded.checks,
                 failure_class = excluded.failure_class, failure_code = excluded.failure_code,
                 failure_at = excluded.failure_at, failure_attempts = excluded.failure_attempts",
            values![
                device,
                asset,
                command,
                since,
                install.accepted_at,
                install.removed_at,
                i64::from(install.checks),
                failure.map(|failure| word(&failure.class)),
                failure.map(|failure| failure.code.clone()),
                failure.map(|failure| failure.at),
                failure.map(|failure| i64::from(failure.attempts)),
                word(&install.with),
                install.told.map(|version| version.0)
            ],
        )
        .await?;
        Ok(())
    }
}

pub(crate) fn install(row: &Record) -> Result<Install, StoreError> {
    let since = row.time_or_none("command_since")?.unwrap_or_default();
    let command = match row.text_or_none("command")?.as_deref() {
        Some("install") => Some(InstallCommand::Install { since }),
        Some("remove") => Some(InstallCommand::Remove { since }),
        _ => None,
    };
    let failure = match row.word_or_none("failure_class")? {
        None => None,
        Some(class) => Some(Failure {
            class,
            code: row.text_or_none("failure_code")?.unwrap_or_default(),
            at: row.time_or_none("failure_at")?.unwrap_or_default(),
            attempts: small(row.int_or_none("failure_attempts")?.unwrap_or(1)),
        }),
    };
    Ok(Install {
        seen: row.word_or_none("seen")?,
        seen_at: row.time_or_none("seen_at")?,
        version: row.int_or_none("version")?.map(StoreVersion),
        command,
        with: row.word("license")?,
        told: row.int_or_none("told_version")?.map(StoreVersion),
        accepted_at: row.time_or_none("accepted_at")?,
        removed_at: row.time_or_none("removed_at")?,
        checks: small(row.int("checks")?),
        failure,
        asked_again_at: row.time_or_none("asked_again_at")?,
    })
}

fn small(number: i64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
