//! The commands that a server sends.

use plist::{Dictionary, Value};

use crate::{
    Missing,
    plist::{Get, dictionary, write},
};

/// What is asked of a device.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Always with the volume purchase method; free apps need a licence too.
    InstallApplication {
        /// Apple's product number (`adamId`), here as a number.
        itunes_store_id: u64,
        /// 1: the app goes with the management profile. 4: its data is kept out of backups.
        management_flags: u32,
        /// Take over an app that the person has installed. Not for enrolments by users.
        change_management_state: bool,
    },
    /// Managed apps only; takes the app's data along.
    RemoveApplication {
        identifier: String,
    },
    /// The programme's invitation. Its acknowledgement says that it is shown, not that it is accepted.
    InviteToProgram {
        invitation_url: String,
    },
    /// All managed apps if no identifiers are given.
    ManagedApplicationList {
        identifiers: Option<Vec<String>>,
    },
    DeviceInformation {
        queries: Vec<String>,
    },
    /// Releases the device from Setup Assistant.
    DeviceConfigured,
    /// With the identifier of the enrolment profile: the end of its management. Apps that came with it go too.
    RemoveProfile {
        identifier: String,
    },
    /// To the state in which it left the factory. Cannot be undone.
    EraseDevice,
}

/// The volume purchase programme for apps.
const PROGRAM_ID: &str = "com.apple.cloudvpp";
/// By a licence of the organisation's.
const PURCHASE_METHOD: i64 = 1;

impl Command {
    pub fn request_type(&self) -> &'static str {
        match self {
            Command::InstallApplication { .. } => "InstallApplication",
            Command::RemoveApplication { .. } => "RemoveApplication",
            Command::InviteToProgram { .. } => "InviteToProgram",
            Command::ManagedApplicationList { .. } => "ManagedApplicationList",
            Command::DeviceInformation { .. } => "DeviceInformation",
            Command::DeviceConfigured => "DeviceConfigured",
            Command::RemoveProfile { .. } => "RemoveProfile",
            Command::EraseDevice => "EraseDevice",
        }
    }

    /// The whole property list, with the id under which the device will answer.
    pub fn to_plist(&self, uuid: &str) -> Vec<u8> {
        write(&dictionary([
            ("CommandUUID", Some(uuid.into())),
            ("Command", Some(Value::Dictionary(self.to_dictionary()))),
        ]))
    }

    /// The command in what a device received; `None` when it is of a type that is never sent here.
    pub fn from_dictionary(command: &Dictionary) -> Result<Option<Command>, Missing> {
        let text = |key: &'static str| command.text(key).ok_or(Missing(key));
        Ok(Some(match text("RequestType")?.as_str() {
            "InstallApplication" => {
                let options = command.get("Options").and_then(Value::as_dictionary);
                // Any other method buys with the person's own account.
                if options.and_then(|options| options.whole("PurchaseMethod")) != Some(PURCHASE_METHOD) {
                    return Err(Missing("PurchaseMethod"));
                }
                Command::InstallApplication {
                    itunes_store_id: command
                        .get("iTunesStoreID")
                        .and_then(Value::as_unsigned_integer)
                        .ok_or(Missing("iTunesStoreID"))?,
                    management_flags: match command.get("ManagementFlags") {
                        None => 0,
                        Some(flags) => flags
                            .as_unsigned_integer()
                            .and_then(|flags| u32::try_from(flags).ok())
                            .ok_or(Missing("ManagementFlags"))?,
                    },
                    change_management_state: command.text("ChangeManagementState").as_deref() == Some("Managed"),
                }
            }
            "RemoveApplication" => Command::RemoveApplication {
                identifier: text("Identifier")?,
            },
            "InviteToProgram" => Command::InviteToProgram {
                invitation_url: text("InvitationURL")?,
            },
            "ManagedApplicationList" => Command::ManagedApplicationList {
                identifiers: command
                    .get("Identifiers")
                    .map(|identifiers| words(identifiers).ok_or(Missing("Identifiers")))
                    .transpose()?,
            },
            "DeviceInformation" => Command::DeviceInformation {
                queries: command.get("Queries").and_then(words).ok_or(Missing("Queries"))?,
            },
            "DeviceConfigured" => Command::DeviceConfigured,
            "RemoveProfile" => Command::RemoveProfile {
                identifier: text("Identifier")?,
            },
            "EraseDevice" => Command::EraseDevice,
            _ => return Ok(None),
        }))
    }

    fn to_dictionary(&self) -> Dictionary {
        let request_type = ("RequestType", Some(self.request_type().into()));
        match self {
            Command::InstallApplication {
                itunes_store_id,
                management_flags,
                change_management_state,
            } => dictionary([
                request_type,
                ("iTunesStoreID", Some(Value::Integer((*itunes_store_id).into()))),
                (
                    "Options",
                    Some(Value::Dictionary(dictionary([(
                        "PurchaseMethod",
                        Some(Value::Integer(PURCHASE_METHOD.into())),
                    )]))),
                ),
                (
                    "ManagementFlags",
                    Some(Value::Integer(u64::from(*management_flags).into())),
                ),
                (
                    "ChangeManagementState",
                    change_management_state.then(|| "Managed".into()),
                ),
            ]),
            Command::RemoveApplication { identifier } | Command::RemoveProfile { identifier } => {
                dictionary([request_type, ("Identifier", Some(identifier.as_str().into()))])
            }
            Command::InviteToProgram { invitation_url } => dictionary([
                request_type,
                ("ProgramID", Some(PROGRAM_ID.into())),
                ("InvitationURL", Some(invitation_url.as_str().into())),
            ]),
            Command::ManagedApplicationList { identifiers } => {
                dictionary([request_type, ("Identifiers", identifiers.as_deref().map(texts))])
            }
            Command::DeviceInformation { queries } => dictionary([request_type, ("Queries", Some(texts(queries)))]),
            Command::DeviceConfigured | Command::EraseDevice => dictionary([request_type]),
        }
    }
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(text.as_str())).collect())
}

fn words(texts: &Value) -> Option<Vec<String>> {
    let texts = texts.as_array()?.iter();
    texts.map(|text| text.as_string().map(str::to_owned)).collect()
}

/// A command as a device receives it: its id and its content, of whatever type.
pub fn parse(message: &Dictionary) -> Result<(String, Dictionary), Missing> {
    let uuid = message.text("CommandUUID").ok_or(Missing("CommandUUID"))?;
    let command = message
        .get("Command")
        .and_then(Value::as_dictionary)
        .ok_or(Missing("Command"))?;
    Ok((uuid, command.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plist;

    fn sent(command: &Command) -> Dictionary {
        let (uuid, command) = parse(&plist::parse(&command.to_plist("U1")).unwrap()).unwrap();
        assert_eq!(uuid, "U1");
        command
    }

    #[test]
    fn an_install_says_volume_purchase_and_a_number() {
        let command = sent(&Command::InstallApplication {
            itunes_store_id: 361_309_726,
            management_flags: 1,
            change_management_state: true,
        });
        assert_eq!(command.text("RequestType").as_deref(), Some("InstallApplication"));
        assert_eq!(command.whole("iTunesStoreID"), Some(361_309_726));
        assert_eq!(
            command["Options"].as_dictionary().unwrap().whole("PurchaseMethod"),
            Some(1)
        );
        assert_eq!(command.text("ChangeManagementState").as_deref(), Some("Managed"));
    }

    #[test]
    fn every_command_is_read_as_it_was_written() {
        for command in [
            Command::InstallApplication {
                itunes_store_id: u64::MAX,
                management_flags: 5,
                change_management_state: false,
            },
            Command::RemoveApplication {
                identifier: "net.example.notes".into(),
            },
            Command::InviteToProgram {
                invitation_url: "https://example.com/?a=1&inviteCode=<x>".into(),
            },
            Command::ManagedApplicationList { identifiers: None },
            Command::ManagedApplicationList {
                identifiers: Some(vec!["net.example.notes".into()]),
            },
            Command::DeviceInformation {
                queries: vec!["OSVersion".into()],
            },
            Command::DeviceConfigured,
            Command::RemoveProfile {
                identifier: crate::profile::IDENTIFIER.into(),
            },
            Command::EraseDevice,
        ] {
            let read = sent(&command);
            assert_eq!(read.text("RequestType").as_deref(), Some(command.request_type()));
            assert_eq!(Command::from_dictionary(&read), Ok(Some(command)));
        }
    }

    #[test]
    fn what_a_command_lacks_is_named() {
        let read = |keys: &[(&str, Value)]| {
            let mut command = Dictionary::new();
            for (key, value) in keys {
                command.insert((*key).to_owned(), value.clone());
            }
            Command::from_dictionary(&command)
        };
        assert_eq!(read(&[]), Err(Missing("RequestType")));
        assert_eq!(read(&[("RequestType", "RestartDevice".into())]), Ok(None));
        assert_eq!(
            read(&[("RequestType", "RemoveApplication".into())]),
            Err(Missing("Identifier"))
        );
        // Without the volume purchase method the person would have to buy the app.
        assert_eq!(
            read(&[
                ("RequestType", "InstallApplication".into()),
                ("iTunesStoreID", 1.into())
            ]),
            Err(Missing("PurchaseMethod"))
        );
        assert_eq!(
            read(&[
                ("RequestType", "DeviceInformation".into()),
                ("Queries", Value::Array(vec![1.into()]))
            ]),
            Err(Missing("Queries"))
        );
    }

    #[test]
    fn a_list_of_all_apps_names_none() {
        let command = sent(&Command::ManagedApplicationList { identifiers: None });
        assert!(!command.contains_key("Identifiers"));
    }
}
