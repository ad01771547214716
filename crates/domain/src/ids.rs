//! One type for each kind of identity, so that a device is never mistaken for a person.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident)*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, Self::Err> {
                text.parse().map($name)
            }
        }
    )*};
}

impl PersonId {
    /// What stands for this device while it belongs to nobody: [`PersonKind::Device`](crate::PersonKind).
    pub fn nobody(device: DeviceId) -> PersonId {
        PersonId(device.0)
    }

    /// The person, unless it is what stands for this device.
    pub fn unless_nobody(self, device: DeviceId) -> Option<PersonId> {
        (self != PersonId::nobody(device)).then_some(self)
    }
}

ids! {
    /// Who signs in to the console.
    AccountId
    ApiKeyId
    /// A product that a location owns: an `adamId` in one quality (`pricingParam`).
    AssetId
    DeploymentId
    DeviceId
    /// One invitation to enrol, for one person, once.
    EnrolmentId
    GroupId
    /// A change that waits for another administrator.
    HeldChangeId
    /// The licence pool that a content token opens.
    LocationId
    OperationId
    PersonId
    /// One browser in which somebody is signed in.
    SessionId
    SyncId
    /// A content token that was read but not yet confirmed.
    UploadId
}
