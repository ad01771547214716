//! The check-in messages: a device enrols, tells where it can be woken, leaves.

use plist::{Dictionary, Value};

use crate::{
    Missing,
    plist::{Get, dictionary},
    text::{NAME, bounded, exact},
};

/// Apple may change the length of its tokens; they are not going to be this long (bytes).
const LONGEST_TOKEN: usize = 1024;

#[derive(Debug, Clone, PartialEq)]
pub enum CheckIn {
    Authenticate(Authenticate),
    TokenUpdate(TokenUpdate),
    CheckOut(CheckOut),
    /// A Mac keeps its recovery secret with the server; we take none.
    SetBootstrapToken,
    /// A user of a Mac wants to be managed.
    UserAuthenticate,
    /// A message that we do not speak.
    Other(String),
}

/// The first message of each enrolment. Everything that describes the device may be missing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Authenticate {
    /// `UDID`, or `EnrollmentID` where there is none; with the user behind a colon on a user's channel. Opaque.
    pub id: String,
    pub topic: String,
    pub device_name: Option<String>,
    pub product_name: Option<String>,
    pub os_version: Option<String>,
    pub build_version: Option<String>,
    pub serial_number: Option<String>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct TokenUpdate {
    pub id: String,
    pub topic: String,
    /// For Apple's push service; usually 32 bytes.
    pub token: Vec<u8>,
    /// Has to be in the push for the device to listen.
    pub push_magic: String,
    /// Stands in Setup Assistant and waits for `DeviceConfigured`.
    pub awaiting_configuration: Option<bool>,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct CheckOut {
    pub id: String,
    pub topic: Option<String>,
}

impl CheckIn {
    pub fn parse(message: &Dictionary) -> Result<CheckIn, Missing> {
        let message_type = message.text("MessageType").ok_or(Missing("MessageType"))?;
        let id = || enrolment_id(message).ok_or(Missing("UDID"));
        let topic = || message.text("Topic").and_then(exact).ok_or(Missing("Topic"));
        let name = |key: &str| message.text(key).and_then(|text| bounded(&text, NAME));
        Ok(match message_type.as_str() {
            "Authenticate" => CheckIn::Authenticate(Authenticate {
                id: id()?,
                topic: topic()?,
                device_name: name("DeviceName"),
                product_name: name("ProductName"),
                os_version: name("OSVersion"),
                build_version: name("BuildVersion"),
                serial_number: name("SerialNumber"),
            }),
            "TokenUpdate" => CheckIn::TokenUpdate(TokenUpdate {
                id: id()?,
                topic: topic()?,
                token: message
                    .bytes("Token")
                    .filter(|token| (1..=LONGEST_TOKEN).contains(&token.len()))
                    .ok_or(Missing("Token"))?,
                push_magic: message.text("PushMagic").and_then(exact).ok_or(Missing("PushMagic"))?,
                awaiting_configuration: message.flag("AwaitingConfiguration"),
            }),
            "CheckOut" => CheckIn::CheckOut(CheckOut {
                id: id()?,
                topic: message.text("Topic").and_then(exact),
            }),
            "SetBootstrapToken" => CheckIn::SetBootstrapToken,
            "UserAuthenticate" => CheckIn::UserAuthenticate,
            _ => CheckIn::Other(message_type),
        })
    }

    /// As a device sends it.
    pub fn to_dictionary(&self) -> Dictionary {
        let text = |text: &str| Some(Value::from(text));
        let known = |text: &Option<String>| text.as_deref().map(Value::from);
        match self {
            CheckIn::Authenticate(message) => dictionary([
                ("MessageType", text("Authenticate")),
                ("UDID", text(&message.id)),
                ("Topic", text(&message.topic)),
                ("DeviceName", known(&message.device_name)),
                ("ProductName", known(&message.product_name)),
                ("OSVersion", known(&message.os_version)),
                ("BuildVersion", known(&message.build_version)),
                ("SerialNumber", known(&message.serial_number)),
            ]),
            CheckIn::TokenUpdate(message) => dictionary([
                ("MessageType", text("TokenUpdate")),
                ("UDID", text(&message.id)),
                ("Topic", text(&message.topic)),
                ("Token", Some(Value::Data(message.token.clone()))),
                ("PushMagic", text(&message.push_magic)),
                ("AwaitingConfiguration", message.awaiting_configuration.map(Value::from)),
            ]),
            CheckIn::CheckOut(message) => dictionary([
                ("MessageType", text("CheckOut")),
                ("UDID", text(&message.id)),
                ("Topic", known(&message.topic)),
            ]),
            CheckIn::SetBootstrapToken => dictionary([("MessageType", text("SetBootstrapToken"))]),
            CheckIn::UserAuthenticate => dictionary([("MessageType", text("UserAuthenticate"))]),
            CheckIn::Other(message_type) => dictionary([("MessageType", text(message_type))]),
        }
    }
}

/// A message as it may be kept and shown: what tells devices and enrolments apart, in short. Everything else is left
/// out, also what Apple adds next year: what wakes or unlocks a device (`Token`, `PushMagic`, `UnlockToken`,
/// `BootstrapToken`), and what the management of apps has no use for (IMEI, MEID, names of a person's account).
pub fn without_secrets(message: &Dictionary) -> Dictionary {
    const SHOWN: [&str; 15] = [
        "MessageType",
        "UDID",
        "EnrollmentID",
        "UserID",
        "EnrollmentUserID",
        "Topic",
        "DeviceName",
        "Model",
        "ModelName",
        "ProductName",
        "OSVersion",
        "BuildVersion",
        "SerialNumber",
        "AwaitingConfiguration",
        "NotOnConsole",
    ];
    /// Real messages have some fifteen.
    const LONGEST: usize = 40;
    let mut kept = Dictionary::new();
    for (key, value) in message.iter().take(LONGEST) {
        let Some(name) = bounded(key, NAME) else { continue };
        let shown = match value {
            Value::String(text) if SHOWN.contains(&key.as_str()) => {
                Value::from(bounded(text, NAME).unwrap_or_default())
            }
            Value::Boolean(flag) if SHOWN.contains(&key.as_str()) => Value::from(*flag),
            Value::Data(bytes) => Value::from(format!("({} bytes, not kept)", bytes.len())),
            _ => Value::from("(not kept)"),
        };
        kept.insert(name, shown);
    }
    kept
}

/// What every user of a Shared iPad has for an id.
const SHARED_USER: &str = "FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF";

/// Who speaks: the device by its `UDID`, or the enrolment where the device keeps that to itself.
///
/// A Mac and a Shared iPad speak for each of their users too, over a channel with a push token and a queue of its
/// own. The user is part of the id, lest that channel be taken for the device's.
pub(crate) fn enrolment_id(message: &Dictionary) -> Option<String> {
    let given = |key: &str| message.text(key).and_then(exact);
    let (id, user) = match given("UDID") {
        Some(udid) => {
            let user = given("UserID").map(|user| match given("UserShortName") {
                Some(name) if user == SHARED_USER => name,
                _ => user,
            });
            (udid, user)
        }
        None => (given("EnrollmentID")?, given("EnrollmentUserID")),
    };
    Some(match user {
        Some(user) => format!("{id}:{user}"),
        None => id,
    })
}

/// The device in an id, and the user when it is a user's channel that speaks.
pub fn speaker(id: &str) -> (&str, Option<&str>) {
    match id.split_once(':') {
        Some((device, user)) => (device, Some(user)),
        None => (id, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_message_is_read_as_it_was_written() {
        let messages = [
            CheckIn::Authenticate(Authenticate {
                id: "00008110-000A".into(),
                topic: "com.apple.mgmt.External.x".into(),
                product_name: Some("iPhone14,5".into()),
                ..Authenticate::default()
            }),
            CheckIn::TokenUpdate(TokenUpdate {
                id: "a".into(),
                topic: "t".into(),
                token: vec![1; 32],
                push_magic: "m".into(),
                awaiting_configuration: Some(true),
            }),
            CheckIn::CheckOut(CheckOut {
                id: "a".into(),
                topic: Some("t".into()),
            }),
            CheckIn::SetBootstrapToken,
            CheckIn::UserAuthenticate,
            CheckIn::Other("GetToken".into()),
        ];
        for message in messages {
            assert_eq!(CheckIn::parse(&message.to_dictionary()), Ok(message));
        }
    }

    /// It has a push token of its own: taken for the device's, the device could not be woken any more.
    #[test]
    fn the_channel_of_a_user_is_never_taken_for_the_device() {
        let id = |keys: &[(&str, &str)]| {
            let mut message = Dictionary::new();
            for (key, text) in keys {
                message.insert((*key).to_owned(), Value::from(*text));
            }
            enrolment_id(&message)
        };
        assert_eq!(id(&[("UDID", "d"), ("EnrollmentID", "e")]).as_deref(), Some("d"));
        assert_eq!(id(&[("UDID", "d"), ("UserID", "u")]).as_deref(), Some("d:u"));
        assert_eq!(
            id(&[("UDID", "d"), ("UserID", SHARED_USER), ("UserShortName", "minji")]).as_deref(),
            Some("d:minji")
        );
        assert_eq!(id(&[("EnrollmentID", "e")]).as_deref(), Some("e"));
        assert_eq!(
            id(&[("EnrollmentID", "e"), ("EnrollmentUserID", "u")]).as_deref(),
            Some("e:u")
        );
        assert_eq!(id(&[("UDID", "")]), None);
        assert_eq!(id(&[("UserID", "u")]), None);
        assert_eq!(speaker("d"), ("d", None));
        assert_eq!(speaker("d:u"), ("d", Some("u")));
    }

    /// What support reads may be copied into a ticket.
    #[test]
    fn no_secret_of_a_message_is_kept() {
        let secrets = [
            "Token",
            "PushMagic",
            "UnlockToken",
            "BootstrapToken",
            "IMEI",
            "MEID",
            "NextYear",
        ];
        let mut message = CheckIn::TokenUpdate(TokenUpdate {
            id: "00008110-000A".into(),
            topic: "com.apple.mgmt.External.x".into(),
            awaiting_configuration: Some(true),
            ..TokenUpdate::default()
        })
        .to_dictionary();
        for key in secrets {
            message.insert(key.to_owned(), Value::from("SECRET"));
            message.insert(format!("{key}Data"), Value::Data(b"SECRET".to_vec()));
        }
        message.insert("Nested".to_owned(), Value::Array(vec![Value::from("SECRET")]));
        message.insert("DeviceName".to_owned(), Value::from("가".repeat(100_000)));
        for number in 0..1000 {
            message.insert("k".repeat(number), Value::from("SECRET"));
        }
        let kept = without_secrets(&message);
        let text = String::from_utf8(crate::plist::write(&kept)).unwrap();
        assert!(!text.contains("SECRET") && !text.contains("U0VDUkVU"), "{text}");
        assert!(text.len() < 20_000, "{}", text.len());
        for shown in [
            "00008110-000A",
            "com.apple.mgmt.External.x",
            "TokenUpdate",
            "<true/>",
            "가가",
            "(6 bytes, not kept)",
        ] {
            assert!(text.contains(shown), "{shown}: {text}");
        }
    }

    #[test]
    fn a_udid_is_kept_as_it_came() {
        for udid in ["00008030-001a", "D4D56083-BFB0-5047-8BDF-2727BACDC59B", " x "] {
            let message = CheckIn::CheckOut(CheckOut {
                id: udid.to_owned(),
                topic: None,
            });
            assert_eq!(CheckIn::parse(&message.to_dictionary()), Ok(message));
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let message = dictionary([("MessageType", Some("TokenUpdate".into())), ("UDID", Some("a".into()))]);
        assert_eq!(CheckIn::parse(&message), Err(Missing("Topic")));
        assert_eq!(CheckIn::parse(&Dictionary::new()), Err(Missing("MessageType")));
    }
}
