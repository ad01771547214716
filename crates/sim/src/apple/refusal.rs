//! The errors of the licensing service: their numbers, their statuses, their words.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::keys::{AssetKey, Holder};

/// Why the service does not do what was asked. Nothing has been done then.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    pub number: i32,
    pub info: Subjects,
}

/// What an error is about, as `errorInfo` tells it: assets and holders, but not which
/// asset with which holder.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Subjects {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<AssetKey>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub client_user_ids: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub serial_numbers: Vec<String>,
}

impl Subjects {
    pub fn is_empty(&self) -> bool {
        self.assets.is_empty() && self.client_user_ids.is_empty() && self.serial_numbers.is_empty()
    }

    pub fn asset(&mut self, key: &AssetKey) {
        if !self.assets.contains(key) {
            self.assets.push(key.clone());
        }
    }

    pub fn holder(&mut self, holder: &Holder) {
        let (list, id) = match holder {
            Holder::User(id) => (&mut self.client_user_ids, id),
            Holder::Device(id) => (&mut self.serial_numbers, id),
        };
        if !list.contains(id) {
            list.push(id.clone());
        }
    }
}

impl Refusal {
    pub fn new(number: i32) -> Self {
        Refusal {
            number,
            info: Subjects::default(),
        }
    }

    pub fn about_assets(number: i32, assets: Vec<AssetKey>) -> Self {
        Refusal {
            number,
            info: Subjects {
                assets,
                ..Subjects::default()
            },
        }
    }

    pub fn about_users(number: i32, client_user_ids: Vec<String>) -> Self {
        Refusal {
            number,
            info: Subjects {
                client_user_ids,
                ..Subjects::default()
            },
        }
    }

    pub fn about_devices(number: i32, serial_numbers: Vec<String>) -> Self {
        Refusal {
            number,
            info: Subjects {
                serial_numbers,
                ..Subjects::default()
            },
        }
    }

    /// The body of the answer, also the form of one entry in a status' `failures`.
    pub fn body(&self) -> Value {
        let mut body = json!({"errorNumber": self.number, "errorMessage": message(self.number)});
        if !self.info.is_empty() {
            body["errorInfo"] = serde_json::to_value(&self.info).expect("lists of text become JSON");
        }
        body
    }

    pub fn is_about_the_token(&self) -> bool {
        matches!(self.number, 9601 | 9621 | 9622 | 9625 | 9722)
    }
}

/// The HTTP status that goes with an error when it is not hidden in a 200.
pub fn status(number: i32) -> u16 {
    match number {
        9601 | 9621 | 9622 | 9625 | 9722 => 401,
        9637 | 9647 => 403,
        9726 => 405,
        9634 => 410,
        9727 => 415,
        9646 => 429,
        9603 => 500,
        9729 => 503,
        _ => 400,
    }
}

pub fn message(number: i32) -> &'static str {
    match known().iter().find(|(known, _)| *known == number) {
        Some((_, message)) => message,
        None => "Unknown error",
    }
}

/// The errors that `service/config` lists. The real list leaves some out; so does this one.
pub fn listed() -> Vec<Value> {
    let mut errors = Vec::new();
    for (number, message) in known() {
        if matches!(number, 9616 | 9619 | 9622 | 9635 | 9637 | 9641 | 9644 | 9729) {
            continue;
        }
        errors.push(json!({"errorNumber": number, "errorMessage": message}));
    }
    errors
}

fn known() -> &'static [(i32, &'static str)] {
    &[
        (9601, "Sign-in is required"),
        (9602, "An argument is not valid"),
        (9603, "Internal error"),
        (9609, "There is no such registered user"),
        (9616, "The licence is already assigned"),
        (9619, "The licence is not assigned"),
        (9621, "The token has expired"),
        (9622, "The token is not valid"),
        (9625, "The token has been revoked"),
        (9634, "This service no longer exists"),
        (9635, "The account cannot be used for this user"),
        (9637, "This account may not do that"),
        (9641, "The account belongs to another user already"),
        (9644, "Maintenance is under way"),
        (9646, "There are too many requests for this organisation"),
        (9650, "The page index is out of range"),
        (9700, "There are too many assets in the request"),
        (9701, "There are too many users in the request"),
        (9702, "There are too many serial numbers in the request"),
        (9703, "An asset is in the request twice"),
        (9704, "A user is in the request twice"),
        (9705, "A serial number is in the request twice"),
        (9706, "The asset cannot be taken back"),
        (9707, "The asset cannot be assigned to a device"),
        (9708, "There is no such event"),
        (9709, "There are not enough licences"),
        (9710, "Notification URL and token have to come together"),
        (9711, "Notification URL or token is too long"),
        (9712, "The notification URL is not valid"),
        (9713, "The metadata is too long"),
        (9714, "There are too many users in the request"),
        (9715, "A user is in the request twice"),
        (9716, "An active user with this identifier exists"),
        (9717, "The mail address is not valid"),
        (9718, "There is no asset in the request"),
        (9719, "There is neither a user nor a serial number in the request"),
        (9720, "There is no user in the request"),
        (9721, "The version identifier is not valid"),
        (9722, "The authorization header is not valid"),
        (9723, "The description of the server is not complete"),
        (9724, "The identifier of the server is too long"),
        (9725, "The name of the server is too long"),
        (9726, "The method is not supported"),
        (9727, "The content type is not supported"),
        (9728, "The notification URL cannot be reached"),
        (9729, "The service is not available for the moment"),
    ]
}
