//! What a device reports on the command channel.

use std::collections::BTreeMap;

use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};

use crate::{
    Missing,
    checkin::enrolment_id,
    plist::{Get, dictionary},
    text::{NAME, SENTENCE, bounded},
};

/// What lies deeper below an error explains nothing more.
const LONGEST_CHAIN: usize = 10;

/// How a command went.
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

impl Status {
    const ALL: [Status; 5] = [
        Status::Idle,
        Status::Acknowledged,
        Status::Error,
        Status::CommandFormatError,
        Status::NotNow,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Status::Idle => "Idle",
            Status::Acknowledged => "Acknowledged",
            Status::Error => "Error",
            Status::CommandFormatError => "CommandFormatError",
            Status::NotNow => "NotNow",
        }
    }
}

/// One report: the status, which command it answers, and whatever else it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    pub status: Status,
    /// Missing with [`Status::Idle`].
    pub command_uuid: Option<String>,
    /// `UDID`, or `EnrollmentID` where there is none; with the user behind a colon on a user's channel.
    pub id: String,
    /// The outermost error first.
    pub error_chain: Vec<ErrorChainItem>,
    /// The whole report, as it came or as it is to be sent.
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

/// What a device says of an app that it manages, or is to manage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedApp {
    pub status: ManagedAppStatus,
    /// Its version as the store counts them: `ExternalVersionIdentifier`. Devices tell it since iOS 10.3, and 0 of what is from no
    /// store (`mdm-protocol` §4.6), which is none.
    pub external_version: Option<i64>,
}

/// How far an app has come, in the device's own words. New ones may come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ManagedAppStatus {
    Queued,
    /// Was asked for without the volume purchase method.
    NeedsRedemption,
    Redeeming,
    Prompting,
    PromptingForLogin,
    ValidatingPurchase,
    Installing,
    PromptingForUpdate,
    PromptingForUpdateLogin,
    ValidatingUpdate,
    Updating,
    /// The person has the app already, and is asked to hand it over.
    PromptingForManagement,
    /// There, and managed.
    Managed,
    /// The person removed it.
    ManagedButUninstalled,
    Unknown,
    /// Reported once, as are the four below; then the app is missing from the list or in another state.
    UserInstalledApp,
    UserRejected,
    UpdateRejected,
    ManagementRejected,
    Failed,
    /// A word that came later.
    Other(String),
}

static WORDS: [(ManagedAppStatus, &str); 20] = [
    (ManagedAppStatus::Queued, "Queued"),
    (ManagedAppStatus::NeedsRedemption, "NeedsRedemption"),
    (ManagedAppStatus::Redeeming, "Redeeming"),
    (ManagedAppStatus::Prompting, "Prompting"),
    (ManagedAppStatus::PromptingForLogin, "PromptingForLogin"),
    (ManagedAppStatus::ValidatingPurchase, "ValidatingPurchase"),
    (ManagedAppStatus::Installing, "Installing"),
    (ManagedAppStatus::PromptingForUpdate, "PromptingForUpdate"),
    (ManagedAppStatus::PromptingForUpdateLogin, "PromptingForUpdateLogin"),
    (ManagedAppStatus::ValidatingUpdate, "ValidatingUpdate"),
    (ManagedAppStatus::Updating, "Updating"),
    (ManagedAppStatus::PromptingForManagement, "PromptingForManagement"),
    (ManagedAppStatus::Managed, "Managed"),
    (ManagedAppStatus::ManagedButUninstalled, "ManagedButUninstalled"),
    (ManagedAppStatus::Unknown, "Unknown"),
    (ManagedAppStatus::UserInstalledApp, "UserInstalledApp"),
    (ManagedAppStatus::UserRejected, "UserRejected"),
    (ManagedAppStatus::UpdateRejected, "UpdateRejected"),
    (ManagedAppStatus::ManagementRejected, "ManagementRejected"),
    (ManagedAppStatus::Failed, "Failed"),
];

impl ManagedAppStatus {
    pub fn as_str(&self) -> &str {
        if let ManagedAppStatus::Other(word) = self {
            return word;
        }
        let known = WORDS.iter().find(|(status, _)| status == self);
        known.map_or("Unknown", |(_, word)| word)
    }
}

impl From<&str> for ManagedAppStatus {
    fn from(word: &str) -> ManagedAppStatus {
        match WORDS.iter().find(|(_, known)| *known == word) {
            Some((status, _)) => status.clone(),
            None => ManagedAppStatus::Other(word.to_owned()),
        }
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
    /// A Shared iPad.
    pub is_multi_user: Option<bool>,
    pub awaiting_configuration: Option<bool>,
    pub store_account_is_active: Option<bool>,
    pub store_account_hash: Option<String>,
}

impl Report {
    pub fn parse(body: Dictionary) -> Result<Report, Missing> {
        let word = body.text("Status").ok_or(Missing("Status"))?;
        let status = Status::ALL
            .into_iter()
            .find(|status| status.as_str() == word)
            .ok_or(Missing("Status"))?;
        let id = enrolment_id(&body).ok_or(Missing("UDID"))?;
        let error_chain = body
            .get("ErrorChain")
            .and_then(Value::as_array)
            .map(|items| {
                items
                    .iter()
                    .filter_map(Value::as_dictionary)
                    .take(LONGEST_CHAIN)
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

    /// What a device sends when it asks for work.
    pub fn idle(id: &str) -> Report {
        Report {
            status: Status::Idle,
            command_uuid: None,
            id: id.to_owned(),
            error_chain: Vec::new(),
            body: dictionary([
                ("Status", Some(Status::Idle.as_str().into())),
                ("UDID", Some(id.into())),
            ]),
        }
    }

    /// What a device sends about a command.
    pub fn answer(id: &str, command_uuid: &str, status: Status) -> Report {
        let mut report = Report::idle(id).with("CommandUUID", command_uuid.into());
        report.status = status;
        report.command_uuid = Some(command_uuid.to_owned());
        report.with("Status", status.as_str().into())
    }

    /// Adds what the command asked for.
    pub fn with(mut self, key: &str, value: Value) -> Report {
        self.body.insert(key.to_owned(), value);
        self
    }

    /// Adds why the command failed, the outermost error first.
    pub fn with_errors(mut self, chain: &[ErrorChainItem]) -> Report {
        self.error_chain = chain.to_vec();
        let chain = chain.iter().map(|item| {
            Value::Dictionary(dictionary([
                ("ErrorCode", Some(item.error_code.into())),
                ("ErrorDomain", Some(item.error_domain.as_str().into())),
                ("LocalizedDescription", Some(item.localized_description.as_str().into())),
                (
                    "USEnglishDescription",
                    item.us_english_description.as_deref().map(Value::from),
                ),
            ]))
        });
        let chain = Value::Array(chain.collect());
        self.with("ErrorChain", chain)
    }

    /// What a `ManagedApplicationList` says of each app, by bundle id; `None` when the report holds no list.
    pub fn managed_apps(&self) -> Option<BTreeMap<String, ManagedApp>> {
        let list = self.body.get("ManagedApplicationList")?.as_dictionary()?;
        let apps = list.iter().filter_map(|(bundle_id, facts)| {
            let facts = facts.as_dictionary()?;
            let status = facts
                .text("Status")
                .map_or(ManagedAppStatus::Unknown, |word| word.as_str().into());
            let external_version = facts.whole("ExternalVersionIdentifier").filter(|version| *version != 0);
            let app = ManagedApp {
                status,
                external_version,
            };
            Some((bundle_id.clone(), app))
        });
        Some(apps.collect())
    }

    pub fn device_information(&self) -> DeviceFacts {
        let Some(facts) = self.body.get("QueryResponses").and_then(Value::as_dictionary) else {
            return DeviceFacts::default();
        };
        let text = |key: &str| facts.text(key).and_then(|text| bounded(&text, NAME));
        DeviceFacts {
            device_name: text("DeviceName"),
            os_version: text("OSVersion"),
            build_version: text("BuildVersion"),
            product_name: text("ProductName"),
            serial_number: text("SerialNumber"),
            is_supervised: facts.flag("IsSupervised"),
            is_multi_user: facts.flag("IsMultiUser"),
            awaiting_configuration: facts.flag("AwaitingConfiguration"),
            store_account_is_active: facts.flag("iTunesStoreAccountIsActive"),
            store_account_hash: text("iTunesStoreAccountHash"),
        }
    }

    /// Why an app was not taken: `AppAlreadyQueued`, … May come with or without an error chain.
    pub fn rejection_reason(&self) -> Option<String> {
        self.body.text("RejectionReason").and_then(|word| bounded(&word, NAME))
    }

    /// `Acknowledged`, `InvalidProgramID`, `InvalidInvitationURL`.
    pub fn invitation_result(&self) -> Option<String> {
        self.body.text("InvitationResult").and_then(|word| bounded(&word, NAME))
    }
}

fn error_chain_item(item: &Dictionary) -> ErrorChainItem {
    let text = |key: &str, max_chars| item.text(key).and_then(|text| bounded(&text, max_chars));
    ErrorChainItem {
        error_code: item.whole("ErrorCode").unwrap_or(0),
        error_domain: text("ErrorDomain", NAME).unwrap_or_default(),
        localized_description: text("LocalizedDescription", SENTENCE).unwrap_or_default(),
        us_english_description: text("USEnglishDescription", SENTENCE),
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
             <key>net.example.own</key><dict><key>Status</key><string>Managed</string>
             <key>ExternalVersionIdentifier</key><integer>0</integer></dict>
             <key>net.example.new</key><dict><key>Status</key><string>SomethingNew</string></dict></dict>",
        );
        let apps = report.managed_apps().unwrap();
        let managed = ManagedApp {
            status: ManagedAppStatus::Managed,
            external_version: Some(829_165_942),
        };
        assert_eq!(apps["net.example.notes"], managed);
        assert_eq!(apps["net.example.own"].external_version, None, "from no store");
        assert_eq!(
            (
                apps["net.example.new"].status.as_str(),
                apps["net.example.new"].external_version
            ),
            ("SomethingNew", None)
        );
    }

    #[test]
    fn every_word_for_an_app_is_kept() {
        for (status, word) in &WORDS {
            assert_eq!(ManagedAppStatus::from(*word), *status);
            assert_eq!(status.as_str(), *word);
        }
        assert_eq!(
            ManagedAppStatus::from("Teleporting"),
            ManagedAppStatus::Other("Teleporting".into())
        );
    }

    #[test]
    fn every_report_is_read_as_it_was_written() {
        let mut reports = vec![Report::idle("d")];
        for status in Status::ALL.into_iter().filter(|status| *status != Status::Idle) {
            reports.push(Report::answer("d", "C1", status));
        }
        let error = |error_code, description: Option<&str>| ErrorChainItem {
            error_code,
            error_domain: "MCMDMErrorDomain".into(),
            localized_description: "라이선스 없음".into(),
            us_english_description: description.map(str::to_owned),
        };
        let failed = Report::answer("d", "C2", Status::Error)
            .with("RejectionReason", "Other".into())
            .with_errors(&[error(12064, Some("no license")), error(-1, None)]);
        reports.push(failed);
        for report in reports {
            let read = plist::parse(&plist::write(&report.body)).unwrap();
            assert_eq!(Report::parse(read), Ok(report));
        }
    }

    #[test]
    fn a_status_that_nobody_knows_is_no_report() {
        let body = Report::idle("d").with("Status", "Maybe".into()).body;
        assert_eq!(Report::parse(body), Err(Missing("Status")));
        let nobody = dictionary([("Status", Some("Idle".into()))]);
        assert_eq!(Report::parse(nobody), Err(Missing("UDID")));
    }

    /// Else a Mac's user would fetch, and answer, what waits for the Mac.
    #[test]
    fn the_report_of_a_user_is_not_the_devices() {
        let body = Report::idle("d").with("UserID", "u".into()).body;
        assert_eq!(Report::parse(body).unwrap().id, "d:u");
    }

    /// They reach tables, the history and pages; PostgreSQL takes no NUL.
    #[test]
    fn the_words_of_an_answer_are_short_and_printable() {
        let long = format!("Inv\0alid{}", "가".repeat(1000));
        let answer = Report::answer("d", "C", Status::Acknowledged)
            .with("InvitationResult", long.as_str().into())
            .with("RejectionReason", long.as_str().into());
        for word in [answer.invitation_result(), answer.rejection_reason()] {
            let word = word.unwrap();
            assert!(word.starts_with("Invalid가"), "{word}");
            assert_eq!(word.chars().count(), NAME);
        }
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
