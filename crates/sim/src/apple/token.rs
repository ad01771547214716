//! Content tokens: their text, and what has become of them.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Which of the sample's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenKind {
    Valid,
    /// Of the same location as `Valid`, expiring later; both work.
    Renewal,
    /// Of a location that belongs to somebody else.
    OtherAccount,
    Expired,
    Revoked,
    /// Of a location that another server manages.
    ExternalMdm,
    /// Of a content manager who may only look.
    ReadOnly,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TokenState {
    Valid,
    Expired,
    Revoked,
    /// The service does not recognise it.
    Unknown,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Token {
    pub kind: TokenKind,
    /// The text of the file, which is also what comes as bearer.
    pub text: String,
    pub uid: String,
    pub state: TokenState,
    pub read_only: bool,
    pub expires_at: i64,
}

/// A date as Apple writes it: UTC, with an offset that has no colon.
pub fn date(at: i64) -> String {
    match Timestamp::from_millisecond(at) {
        Ok(timestamp) => timestamp.strftime("%Y-%m-%dT%H:%M:%S+0000").to_string(),
        Err(_) => String::new(),
    }
}

pub fn token_text(secret: &str, expires_at: i64, organisation: &str) -> String {
    let file = json!({"token": secret, "expDate": date(expires_at), "orgName": organisation});
    BASE64_STANDARD.encode(file.to_string())
}

pub fn is_token_file(text: &str) -> bool {
    let Ok(decoded) = BASE64_STANDARD.decode(text) else {
        return false;
    };
    serde_json::from_slice::<Value>(&decoded).is_ok_and(|file| file.get("token").is_some())
}
