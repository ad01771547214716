//! How the licensing service names what is assigned, and whom to.

use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AssetKey {
    pub adam_id: String,
    #[serde(default = "standard")]
    pub pricing_param: String,
}

fn standard() -> String {
    "STDQ".into()
}

impl AssetKey {
    pub fn standard(adam_id: &str) -> Self {
        AssetKey {
            adam_id: adam_id.into(),
            pricing_param: standard(),
        }
    }
}

/// Whom a licence is assigned to: a `clientUserId` or a serial number.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Holder {
    User(String),
    Device(String),
}
