//! What a device reports on the command channel.

use std::collections::BTreeMap;

use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};

use crate::{Missing, checkin::enrolment_id, plist::Get};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// Nothing to report; asks for work.
    Idle,
    /// Done, or accepted: installing an app goes on afterwards.
    Acknowledged,
    Error,
    CommandFormatError,
    /// Cannot now. The device forgets the command.
    NotNow,
}

/// One report: the status, which command it answers, and whatever else it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub status: Status,
    /// Missing with [`Status::Idle`].
    pub command_uuid: Option<String>,
    /// `UDID`, or `EnrollmentID` where there is none.
    pub id: String,
    /// The outermost error first.
    pub error_chain: Vec<ErrorChainItem>,
    pub body: Dictionary,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ErrorChainItem {
    pub error_code: i64,
    pub error_domain: String,
    pub localized_description: String,
    /// Not always there.
    pub us_english_description: Option<String>,
}

/// One app of a `ManagedApplicationList`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedApp {
    pub status: ManagedAppStatus,
    pub external_version_identifier: Option<i64>,
}

/// The device's own word: `Managed`, `Installing`, … New ones may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedAppStatus(pub String);

impl ManagedAppStatus {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a `DeviceInformation` told. The device leaves out what it does not want to say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeviceFacts {
    pub device_name: Option<String>,
    pub os_version: Option<String>,
    pub build_version: Option<String>,
    pub product_name: Option<String>,
    pub serial_number: Option<String>,
    pub is_supervised: Option<bool>,
    pub awaiting_configuration: Option<bool>,
    pub store_account_is_active: Option<bool>,
    pub store_account_hash: Option<String>,
}

impl Report {
    pub fn parse(body: Dictionary) -> Result<Report, Missing> {
        let status = match body.text("Status").as_deref() {
            Some("Idle") => Status::Idle,
            Some("Acknowledged") => Status::Acknowledged,
            Some("Error") => Status::Error,
            Some("CommandFormatError") => Status::CommandFormatError,
            Some("NotNow") => Status::NotNow,
            _ => return Err(Missing("Status")),
        };
        let id = enrolment_id(&body).ok_or(Missing("UDID"))?;
        let error_chain = body
            .get("ErrorChain")
            .and_then(Value::as_array)
            .map(|items| {
                items
                    .iter()
                    .filter_map(Value::as_dictionary)
                    .map(error_chain_item)
                    .collect()
            })
            .unwrap_or_default();
        Ok(Report {
            status,
            command_uuid: body.text("CommandUUID"),
            id,
            error_chain,
            body,
        })
    }

    /// By bundle id; `None` when the report holds no list.
    pub fn managed_apps(&self) -> Option<BTreeMap<String, ManagedApp>> {
        let list = self.body.get("ManagedApplicationList")?.as_dictionary()?;
        let apps = list.iter().filter_map(|(bundle_id, facts)| {
            let facts = facts.as_dictionary()?;
            let status = ManagedAppStatus(facts.text("Status").unwrap_or_else(|| "Unknown".to_owned()));
            let external_version_identifier = facts.whole("ExternalVersionIdentifier");
            Some((
                bundle_id.clone(),
                ManagedApp {
                    status,
                    external_version_identifier,
                },
            ))
        });
        Some(apps.collect())
    }

    pub fn device_information(&self) -> DeviceFacts {
        let Some(facts) = self.body.get("QueryResponses").and_then(Value::as_dictionary) else {
            return DeviceFacts::default();
        };
        let text = |key: &str| facts.text(key).filter(|text| !text.is_empty());
        DeviceFacts {
            device_name: text("DeviceName"),
            os_version: text("OSVersion"),
            build_version: text("BuildVersion"),
            product_name: text("ProductName"),
            serial_number: text("SerialNumber"),
            is_supervised: facts.flag("IsSupervised"),
            awaiting_configuration: facts.flag("AwaitingConfiguration"),
            store_account_is_active: facts.flag("iTunesStoreAccountIsActive"),
            store_account_hash: text("iTunesStoreAccountHash"),
        }
    }

    /// Why an app was not taken: `AppAlreadyQueued`, … May come with or without an error chain.
    pub fn rejection_reason(&self) -> Option<String> {
        self.body.text("RejectionReason")
    }

    /// `Acknowledged`, `InvalidProgramID`, `InvalidInvitationURL`.
    pub fn invitation_result(&self) -> Option<String> {
        self.body.text("InvitationResult")
    }
}

fn error_chain_item(item: &Dictionary) -> ErrorChainItem {
    ErrorChainItem {
        error_code: item.whole("ErrorCode").unwrap_or(0),
        error_domain: item.text("ErrorDomain").unwrap_or_default(),
        localized_description: item.text("LocalizedDescription").unwrap_or_default(),
        us_english_description: item.text("USEnglishDescription"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plist;

    fn report(inner: &str) -> Report {
        let text = format!(
            "<plist version=\"1.0\"><dict><key>UDID</key><string>A</string><key>CommandUUID</key><string>C</string>{inner}</dict></plist>"
        );
        Report::parse(plist::parse(text.as_bytes()).unwrap()).unwrap()
    }

    #[test]
    fn a_list_tells_each_app_by_its_bundle_id() {
        let report = report(
            "<key>Status</key><string>Acknowledged</string><key>ManagedApplicationList</key><dict>
             <key>net.example.notes</key><dict><key>Status</key><string>Managed</string>
             <key>ExternalVersionIdentifier</key><integer>829165942</integer></dict>
             <key>net.example.new</key><dict><key>Status</key><string>SomethingNew</string></dict></dict>",
        );
        let apps = report.managed_apps().unwrap();
        assert_eq!(apps["net.example.notes"].status.as_str(), "Managed");
        assert_eq!(apps["net.example.notes"].external_version_identifier, Some(829_165_942));
        assert_eq!(apps["net.example.new"].status.as_str(), "SomethingNew");
    }

    #[test]
    fn an_error_keeps_its_whole_chain() {
        let report = report(
            "<key>Status</key><string>Error</string><key>ErrorChain</key><array>
             <dict><key>ErrorCode</key><integer>12064</integer><key>ErrorDomain</key><string>MCMDMErrorDomain</string>
             <key>LocalizedDescription</key><string>x</string></dict>
             <dict><key>ErrorCode</key><integer>2605</integer><key>ErrorDomain</key><string>DeviceManagement.error</string>
             <key>LocalizedDescription</key><string>y</string></dict></array>",
        );
        assert_eq!(
            report
                .error_chain
                .iter()
                .map(|item| item.error_code)
                .collect::<Vec<_>>(),
            [12064, 2605]
        );
        assert_eq!(report.error_chain[0].us_english_description, None);
        assert_eq!(report.managed_apps(), None);
    }
}
