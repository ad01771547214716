//! Which version of an app devices are brought to, whatever it was that made them have it.
//!
//! A managed app is updated by being installed once more (`mdm-protocol` §6.4). Each device is told once of each version: the
//! newer one may be impossible on its system, or its person may turn it down, and it would be told for ever.

use serde::{Deserialize, Serialize};

use crate::{Asset, Install, InstallCommand, PersonId, Policy, Resolution};

/// A version of an app as Apple's store counts them, `externalVersionId`: of two the later one has the greater number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StoreVersion(pub i64);

/// Who decides that devices get a newer version of an app. Whether it is required or available makes no difference; but under
/// the policy of 2016 only required apps are updated, and others when their person asks (A30).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "updates")]
pub enum Updates {
    /// Every new version goes to all devices.
    #[default]
    Automatic,
    /// A version goes to devices once an administrator released it, and only while it is the newest: no other can be had from
    /// the store.
    ByHand { released: Option<StoreVersion> },
}

/// What becomes of an older version on a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Update {
    /// The device is told next.
    Due,
    /// It was told, and has not answered, or accepted it and does not show the newer version yet.
    Told,
    /// It was told, and has the older version all the same.
    NotTaken,
    /// No administrator released the newer one.
    NotReleased,
    /// A30: the policy of 2016 updates only what is required, or what the person asks for once more.
    NotRequired,
}

impl Update {
    /// What becomes of the version that the device has, of a person whose app it is by `resolution`; `None` where it has none, or
    /// none that is known to be older than the store's, where it is being removed, and where somebody else installs it.
    ///
    /// Whoever asks since the device last told of the app, person or administrator, gets the newer version. A command that is
    /// on its way brings the newest, whatever it was sent for, so none is sent beside it.
    pub fn of(
        policy: &Policy,
        app: &Asset,
        install: &Install,
        resolution: &Resolution,
        person: PersonId,
    ) -> Option<Update> {
        let newest = app.newest?;
        let is_removed = matches!(install.command, Some(InstallCommand::Remove { .. }));
        if resolution.is_external() || is_removed || !install.is_proven() || install.version? >= newest {
            return None;
        }
        let was_told = install.told >= Some(newest);
        let under_way = install.command.is_some() || install.is_unproven();
        let released = match app.updates {
            Updates::Automatic => true,
            Updates::ByHand { released } => released >= Some(newest),
        };
        let requested = app.requests.get(&person).copied().filter(|_| resolution.available);
        let asked = requested.max(install.asked_again_at) > install.seen_at;
        Some(match () {
            () if under_way => Update::Told,
            () if asked => Update::Due,
            () if was_told => Update::NotTaken,
            () if policy.policy_2016 && !resolution.required => Update::NotRequired,
            () if released => Update::Due,
            () => Update::NotReleased,
        })
    }
}
