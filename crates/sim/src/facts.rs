//! What Apple and a device say with the same words.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use sha1::{Digest as _, Sha1};

/// An app as the store describes it to a device.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AppFacts {
    pub adam_id: String,
    pub bundle_id: String,
    pub name: String,
    pub version: String,
    pub external_version_id: i64,
    /// `iOS`, `macOS`.
    pub platforms: Vec<String>,
    /// `iphone`, `ipad`, `mac`; empty when it is not known.
    #[serde(default)]
    pub device_families: Vec<String>,
    pub minimum_os: String,
}

/// What `idHash` is for an account.
pub fn id_hash(account: &str) -> String {
    BASE64_STANDARD.encode(Sha1::digest(account.as_bytes()))
}
