//! The words of the licensing service, as they travel.
//!
//! Apple marks every field of an answer as optional, adds fields and values without notice, and writes numbers
//! as text here and as numbers there. So everything is optional, unknown fields are passed over, and what has a
//! small set of values stays text.

use std::collections::BTreeMap;

use serde::{Deserialize, Deserializer, Serialize};

/// Error numbers that make a difference (the service's own table, and what its predecessor still says).
pub mod error {
    pub const NO_SUCH_USER: i32 = 9609;
    pub const ALREADY_ASSIGNED: i32 = 9616;
    pub const ALREADY_RETIRED: i32 = 9618;
    pub const NOT_ASSIGNED: i32 = 9619;
    pub const UNKNOWN_EVENT: i32 = 9708;
    pub const NOT_ENOUGH_LICENCES: i32 = 9709;
    pub const USER_EXISTS: i32 = 9716;
    pub const BAD_VERSION: i32 = 9721;
}

/// What every authenticated answer may hold.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Common {
    #[serde(rename = "uId", default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mdm_info: Option<MdmInfo>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expiration_date: Option<String>,
}

/// Who manages the location.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MdmInfo {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ServiceConfigResponse {
    pub limits: BTreeMap<String, i64>,
    pub urls: BTreeMap<String, String>,
    pub notification_types: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientConfigRequest {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mdm_info: Option<MdmInfo>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_auth_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notification_types: Option<Vec<String>>,
}

/// The configuration of a location. The notification secret that Apple sends along in clear is not read.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ClientConfigResponse {
    #[serde(rename = "countryISO2ACode")]
    pub country_iso2a_code: Option<String>,
    pub default_platform: Option<String>,
    pub location_name: Option<String>,
    pub notification_url: Option<String>,
    pub subscribed_notification_types: Vec<String>,
    #[serde(rename = "websiteURL")]
    pub website_url: Option<String>,
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
    pub pricing_param: Option<String>,
    pub product_type: Option<String>,
    pub assigned_count: Option<i64>,
    pub available_count: Option<i64>,
    pub retired_count: Option<i64>,
    pub total_count: Option<i64>,
    pub device_assignable: Option<bool>,
    pub revocable: Option<bool>,
    pub supported_platforms: Vec<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetAssetsResponse {
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
    pub pricing_param: Option<String>,
    pub client_user_id: Option<String>,
    pub serial_number: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetAssignmentsResponse {
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
    pub client_user_id: String,
    pub email: Option<String>,
    pub id_hash: Option<String>,
    pub invite_code: Option<String>,
    pub status: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct GetUsersResponse {
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
    pub event_id: Option<String>,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct StatusResponse {
    /// `PENDING`, `COMPLETE`, `FAILED`. There is no word for a partial success: that is `FAILED` too.
    pub event_status: Option<String>,
    pub event_type: Option<String>,
    pub num_requested: Option<i64>,
    pub num_completed: Option<i64>,
    pub failures: Vec<ErrorResponse>,
    #[serde(flatten)]
    pub common: Common,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorResponse {
    pub error_number: i32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_message: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error_info: Option<ErrorInfo>,
}

/// Whom an error concerns. It names assets and people, but not pairs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ErrorInfo {
    pub assets: Vec<Asset>,
    pub client_user_ids: Vec<String>,
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
        Either::Text(text) => text,
        Either::Number(number) => number.to_string(),
    })
}
