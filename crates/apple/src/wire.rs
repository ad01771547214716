//! The words of the licensing service, as they travel.
//!
//! Apple marks every field of an answer as optional, adds fields and values without notice, and writes numbers
//! as text here and as numbers there. So everything is optional, `null` means absent, unknown fields are passed
//! over, and what has a small set of values stays text.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{
    Deserialize, Deserializer, Serialize, Serializer,
    de::{DeserializeOwned, IgnoredAny},
};
use serde_json::Value;

use crate::text::{self, address_in, exact_in, name_in, words_in};

/// Error numbers, by name. What each asks for says [`Class`](crate::error::Class).
pub mod error {
    pub const NOT_LOGGED_IN: i32 = 9601;
    /// May have come after the work was done.
    pub const INTERNAL: i32 = 9603;
    pub const NO_SUCH_USER: i32 = 9609;
    /// Of the predecessor; devices say it too.
    pub const LICENCE_NOT_FOUND: i32 = 9610;
    /// Of the predecessor.
    pub const ALREADY_ASSIGNED: i32 = 9616;
    /// Of the predecessor.
    pub const ALREADY_RETIRED: i32 = 9618;
    /// Of the predecessor.
    pub const NOT_ASSIGNED: i32 = 9619;
    pub const TOKEN_EXPIRED: i32 = 9621;
    /// Not documented, and real; often with status 200.
    pub const TOKEN_NOT_VALID: i32 = 9622;
    pub const TOKEN_REVOKED: i32 = 9625;
    pub const SERVICE_GONE: i32 = 9634;
    pub const ACCOUNT_NOT_USABLE: i32 = 9635;
    pub const NOT_FOR_FACILITATORS: i32 = 9637;
    /// The account belongs to another client user.
    pub const ACCOUNT_IN_USE: i32 = 9641;
    pub const MAINTENANCE: i32 = 9644;
    /// Apple's own device management has the location: it can only be read. Of the predecessor.
    pub const MANAGED_BY_APPLE: i32 = 9645;
    pub const TOO_MANY_REQUESTS: i32 = 9646;
    pub const NOT_WITH_LEGACY_TOKEN: i32 = 9647;
    pub const BAD_PAGE: i32 = 9650;
    pub const TOO_MANY_ASSETS: i32 = 9700;
    pub const TOO_MANY_CLIENT_USERS: i32 = 9701;
    pub const TOO_MANY_SERIAL_NUMBERS: i32 = 9702;
    pub const NOT_REVOCABLE: i32 = 9706;
    pub const NOT_DEVICE_ASSIGNABLE: i32 = 9707;
    pub const UNKNOWN_EVENT: i32 = 9708;
    pub const NOT_ENOUGH_LICENCES: i32 = 9709;
    pub const BAD_NOTIFICATION_URL: i32 = 9712;
    pub const TOO_MANY_USERS: i32 = 9714;
    pub const USER_EXISTS: i32 = 9716;
    pub const BAD_EMAIL: i32 = 9717;
    pub const BAD_VERSION: i32 = 9721;
    pub const BAD_AUTHORIZATION: i32 = 9722;
    pub const NOTIFICATION_URL_UNREACHABLE: i32 = 9728;
    pub const UNAVAILABLE: i32 = 9729;
    pub const BAD_CURSOR: i32 = 9812;
    pub const USER_NOT_ASSOCIATED: i32 = 9814;
    pub const NOT_A_SUBSCRIBER: i32 = 9815;
    pub const SUBSCRIPTION_LIMITS: i32 = 9816;
    pub const HELD_THROUGH_GROUP: i32 = 9817;
    pub const SUBSCRIPTIONS_LEFT: i32 = 9818;
}

/// What every authenticated answer may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    #[serde(
        rename = "uId",
        default,
        deserialize_with = "exact_in",
        skip_serializing_if = "Option::is_none"
    )]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mdm_info: Option<MdmInfo>,
    #[serde(default, deserialize_with = "exact_in", skip_serializing_if = "Option::is_none")]
    pub token_expiration_date: Option<String>,
}

/// Who manages the location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MdmInfo {
    #[serde(default, deserialize_with = "name_in", skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, deserialize_with = "name_in", skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, deserialize_with = "name_in", skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceConfigResponse {
    #[serde(deserialize_with = "or_empty")]
    pub limits: BTreeMap<String, i64>,
    #[serde(deserialize_with = "or_empty")]
    pub urls: BTreeMap<String, String>,
}

impl ServiceConfigResponse {
    /// How much fits into one request. What is not told, or makes no sense, is as Apple has published it.
    pub fn limits(&self) -> Limits {
        let limit = |name: &str, published: usize| {
            let told = self.limits.get(name).and_then(|limit| usize::try_from(*limit).ok());
            told.filter(|limit| *limit > 0).unwrap_or(published)
        };
        let published = Limits::default();
        Limits {
            assets: limit("maxAssets", published.assets),
            client_user_ids: limit("maxClientUserIds", published.client_user_ids),
            serial_numbers: limit("maxSerialNumbers", published.serial_numbers),
            users: limit("maxUsers", published.users),
        }
    }

    /// How many requests a second are permitted, if it is told.
    pub fn requests_per_second(&self) -> Option<u32> {
        let told = self.limits.get("maxRequestPerSecond")?;
        u32::try_from(*told).ok().filter(|told| *told > 0)
    }
}

/// How much fits into one request. May change at any time, and then holds for the next request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    pub assets: usize,
    pub client_user_ids: usize,
    pub serial_numbers: usize,
    pub users: usize,
}

impl Default for Limits {
    /// The values that Apple published in 2026.
    fn default() -> Limits {
        Limits {
            assets: 25,
            client_user_ids: 1000,
            serial_numbers: 1000,
            users: 100,
        }
    }
}

/// What is to hold of a location. What a field that is left out means is not known (§2.5, UNVERIFIED), so whoever has something
/// to say of notifications says everything.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfigRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdm_info: Option<MdmInfo>,
    #[serde(flatten, skip_serializing_if = "Option::is_none")]
    pub notifications: Option<NotifyAt>,
}

/// Where notifications are to be sent, and which.
#[derive(Debug, Clone, Serialize)]
pub struct NotifyAt {
    /// `https`, host and path, at most 512 characters.
    #[serde(rename = "notificationUrl")]
    pub url: String,
    /// What Apple proves itself with, as bearer token.
    #[serde(rename = "notificationAuthToken", serialize_with = "exposed")]
    pub secret: SecretString,
    /// All of them: they take the place of those before.
    #[serde(rename = "notificationTypes")]
    pub types: Vec<String>,
}

fn exposed<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// What Apple sends by itself (§5). It says where to look, and proves nothing: so of what happened it holds what is counted only.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notification {
    /// `ASSET_COUNT`, `USER_ASSOCIATED`, …; also one that is not known yet.
    #[serde(deserialize_with = "exact_in")]
    pub notification_type: Option<String>,
    pub notification: Option<Notified>,
    #[serde(rename = "uId", deserialize_with = "exact_in")]
    pub uid: Option<String>,
}

/// What a notification is about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Notified {
    /// Of an event only.
    #[serde(deserialize_with = "exact_in")]
    pub event_id: Option<String>,
    #[serde(deserialize_with = "how_many")]
    pub assignments: usize,
    #[serde(deserialize_with = "how_many")]
    pub users: usize,
}

/// The length of a list, whatever is in it; of what is no list, 0.
fn how_many<'de, D: Deserializer<'de>>(deserializer: D) -> Result<usize, D::Error> {
    Ok(match serde_json::Value::deserialize(deserializer)? {
        serde_json::Value::Array(entries) => entries.len(),
        _ => 0,
    })
}

/// The configuration of a location. The secret of notifications, which Apple sends along in clear, is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfigResponse {
    #[serde(rename = "countryISO2ACode", deserialize_with = "exact_in")]
    pub country_iso2a_code: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub default_platform: Option<String>,
    #[serde(deserialize_with = "name_in")]
    pub location_name: Option<String>,
    #[serde(rename = "websiteURL", deserialize_with = "address_in")]
    pub website_url: Option<String>,
    #[serde(deserialize_with = "address_in")]
    pub notification_url: Option<String>,
    #[serde(deserialize_with = "words_in")]
    pub subscribed_notification_types: Vec<String>,
    #[serde(flatten)]
    pub common: Common,
}

/// Where a traversal stands.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Paging {
    pub current_page_index: Option<i64>,
    /// Missing on the last page.
    pub next_page_index: Option<i64>,
    pub total_pages: Option<i64>,
    pub size: Option<i64>,
    #[serde(deserialize_with = "exact_in")]
    pub version_id: Option<String>,
}

/// A product in one quality.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asset {
    #[serde(deserialize_with = "text_or_number")]
    pub adam_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing_param: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseAsset {
    #[serde(deserialize_with = "text_or_number")]
    pub adam_id: String,
    #[serde(deserialize_with = "exact_in")]
    pub pricing_param: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub product_type: Option<String>,
    pub assigned_count: Option<i64>,
    pub available_count: Option<i64>,
    pub retired_count: Option<i64>,
    pub total_count: Option<i64>,
    pub device_assignable: Option<bool>,
    pub revocable: Option<bool>,
    #[serde(deserialize_with = "words_in")]
    pub supported_platforms: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetAssetsResponse {
    #[serde(deserialize_with = "entries")]
    pub assets: Vec<ResponseAsset>,
    #[serde(flatten)]
    pub paging: Paging,
    #[serde(flatten)]
    pub common: Common,
}

/// One licence of one asset, bound to a user or to a device. It has neither id nor time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Assignment {
    #[serde(deserialize_with = "text_or_number")]
    pub adam_id: String,
    #[serde(deserialize_with = "exact_in")]
    pub pricing_param: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub client_user_id: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub serial_number: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetAssignmentsResponse {
    #[serde(deserialize_with = "entries")]
    pub assignments: Vec<Assignment>,
    #[serde(flatten)]
    pub paging: Paging,
    #[serde(flatten)]
    pub common: Common,
}

/// A person's record. There may be several of one `clientUserId`, at most one of them active.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ResponseUser {
    #[serde(deserialize_with = "text_or_number")]
    pub client_user_id: String,
    #[serde(deserialize_with = "exact_in")]
    pub email: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub id_hash: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub invite_code: Option<String>,
    #[serde(deserialize_with = "exact_in")]
    pub status: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetUsersResponse {
    #[serde(deserialize_with = "entries")]
    pub users: Vec<ResponseUser>,
    #[serde(flatten)]
    pub paging: Paging,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestUser {
    pub client_user_id: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub managed_apple_id: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManageUsersRequest {
    pub users: Vec<RequestUser>,
}

/// Associate or disassociate: the product of all assets with all users and devices.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ManageAssets {
    pub assets: Vec<Asset>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_user_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serial_numbers: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct EventResponse {
    #[serde(deserialize_with = "exact_in")]
    pub event_id: Option<String>,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusResponse {
    /// `PENDING`, `COMPLETE`, `FAILED`. There is no word for a partial success: that is `FAILED` too.
    #[serde(deserialize_with = "exact_in")]
    pub event_status: Option<String>,
    pub num_completed: Option<i64>,
    #[serde(deserialize_with = "or_empty")]
    pub failures: Vec<ErrorResponse>,
    #[serde(flatten)]
    pub common: Common,
}

/// An error, of a whole request or of some of an event's tasks.
///
/// Nothing beside the number can make it unreadable: an error that is not read as one would pass for an answer.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorResponse {
    /// 0 when it was not told.
    #[serde(deserialize_with = "number_or_text")]
    pub error_number: i32,
    #[serde(deserialize_with = "sentence_if_readable", skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    #[serde(deserialize_with = "if_readable", skip_serializing_if = "Option::is_none")]
    pub error_info: Option<ErrorInfo>,
}

impl ErrorResponse {
    /// The error that an answer holds, if it holds one. Only the body tells: the status may be 200.
    pub fn find(body: &[u8]) -> Option<ErrorResponse> {
        /// Everything else is passed over: a page of a list becomes a hundred times as large as a tree of values.
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Probe {
            error_number: Option<Value>,
        }
        if !is_object(body) {
            return None;
        }
        let probe: Probe = serde_json::from_slice(body).ok()?;
        probe.error_number.filter(|number| !number.is_null())?;
        serde_json::from_slice(body).ok()
    }
}

/// Whether it begins like a JSON object. A list would be read as the fields of one, in their order.
pub(crate) fn is_object(body: &[u8]) -> bool {
    body.trim_ascii_start().first() == Some(&b'{')
}

/// Whether an answer holds a list, or says at least where in the list it stands.
///
/// Lists may be missing where there is nothing in them. But an answer that speaks of no list at all is something
/// else, and must not be read as an empty one: whatever is not on the list counts as gone.
pub(crate) fn is_list(body: &[u8]) -> bool {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Probe {
        assets: Option<IgnoredAny>,
        assignments: Option<IgnoredAny>,
        users: Option<IgnoredAny>,
        #[serde(flatten)]
        paging: Paging,
    }
    serde_json::from_slice::<Probe>(body).is_ok_and(|probe| {
        probe.assets.is_some()
            || probe.assignments.is_some()
            || probe.users.is_some()
            || probe.paging != Paging::default()
    })
}

/// Whom an error concerns. It names assets and people, but not pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorInfo {
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub client_user_ids: Vec<String>,
    #[serde(deserialize_with = "or_empty", skip_serializing_if = "Vec::is_empty")]
    pub serial_numbers: Vec<String>,
}

fn text_or_number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either {
        Text(String),
        Number(u64),
    }
    Ok(match Either::deserialize(deserializer)? {
        // Nothing, if it cannot be one.
        Either::Text(text) => text::exact(text).unwrap_or_default(),
        Either::Number(number) => number.to_string(),
    })
}

fn number_or_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i32, D::Error> {
    let number = match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_i64(),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    Ok(number.and_then(|number| i32::try_from(number).ok()).unwrap_or(0))
}

fn or_empty<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<T, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// The entries of a list. One that cannot be read is an empty one: it is there, whatever it is, and does not take the
/// others along.
fn entries<'de, D: Deserializer<'de>, T: Deserialize<'de> + Default>(deserializer: D) -> Result<Vec<T>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Entry<T> {
        Read(T),
        Unreadable(IgnoredAny),
    }
    let entries: Option<Vec<Entry<T>>> = Option::deserialize(deserializer)?;
    let entry = |entry| match entry {
        Entry::Read(entry) => entry,
        Entry::Unreadable(_) => T::default(),
    };
    Ok(entries.into_iter().flatten().map(entry).collect())
}

fn if_readable<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> Result<Option<T>, D::Error> {
    Ok(serde_json::from_value(Value::deserialize(deserializer)?).ok())
}

fn sentence_if_readable<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let sentence: Option<String> = if_readable(deserializer)?;
    Ok(sentence.map(|sentence| text::kept(&sentence, text::SENTENCE)))
}
