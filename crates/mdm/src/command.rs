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
}

/// The volume purchase programme for apps.
pub const PROGRAM_ID: &str = "com.apple.cloudvpp";

impl Command {
    pub fn request_type(&self) -> &'static str {
        match self {
            Command::InstallApplication { .. } => "InstallApplication",
            Command::RemoveApplication { .. } => "RemoveApplication",
            Command::InviteToProgram { .. } => "InviteToProgram",
            Command::ManagedApplicationList { .. } => "ManagedApplicationList",
            Command::DeviceInformation { .. } => "DeviceInformation",
            Command::DeviceConfigured => "DeviceConfigured",
        }
    }

    /// The whole property list, with the id under which the device will answer.
    pub fn to_plist(&self, uuid: &str) -> Vec<u8> {
        write(&dictionary([
            ("CommandUUID", Some(uuid.into())),
            ("Command", Some(Value::Dictionary(self.to_dictionary()))),
        ]))
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
                        Some(Value::Integer(1.into())),
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
            Command::RemoveApplication { identifier } => {
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
            Command::DeviceConfigured => dictionary([request_type]),
        }
    }
}

fn texts(texts: &[String]) -> Value {
    Value::Array(texts.iter().map(|text| Value::from(text.as_str())).collect())
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
    fn a_list_of_all_apps_names_none() {
        let command = sent(&Command::ManagedApplicationList { identifiers: None });
        assert!(!command.contains_key("Identifiers"));
    }
}
