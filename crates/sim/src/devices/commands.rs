//! What a device does with a command, and the result that it writes.

use plist::{Dictionary, Value};

use super::answer::{Answer, chain};
use super::device::{CachedResult, Device, Invitation, Leaving, xml};
use super::installing::Install;
use super::schema;
use super::spec::{Farewell, InvitationManner};
use super::store::AppName;
use crate::facts::id_hash;

/// What is left to do about a command that arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Received {
    /// Nobody will ever know that it did.
    Lost,
    /// The result is ready to be sent.
    Answered,
    /// It leaves at once, without an answer.
    Leaves(Leaving),
    /// The store has to be asked before [`Device::install_now`] can answer.
    AskStore(Wanted),
}

/// An install command that waits for what the store says.
#[derive(Debug, Clone, PartialEq)]
pub struct Wanted {
    pub command_uuid: String,
    pub command: Dictionary,
}

impl Wanted {
    /// How the command names the app: by number, or else by bundle identifier.
    pub fn app(&self) -> Option<AppName> {
        if let Some(number) = self.command.get("iTunesStoreID").and_then(Value::as_unsigned_integer) {
            return Some(AppName::AdamId(number.to_string()));
        }
        Some(AppName::BundleId(
            self.command.get("Identifier")?.as_string()?.to_string(),
        ))
    }
}

impl Device {
    /// Looks at a command, and answers it unless the store has to be asked first.
    pub fn receive(&mut self, message: &Dictionary, now: i64) -> Received {
        let lost_commands = self.spec.lost_commands;
        if !self.is_enrolled() || self.rng.chance(lost_commands) {
            return Received::Lost;
        }
        for violation in schema::violations(message) {
            self.complain(violation);
        }
        let Some(command_uuid) = message.get("CommandUUID").and_then(Value::as_string) else {
            return Received::Lost;
        };
        if self.finished.iter().any(|finished| finished == command_uuid) {
            self.complain(format!("command {command_uuid} came again after its result was taken"));
        }
        let command_uuid = command_uuid.to_string();
        let Some(command) = message.get("Command").and_then(Value::as_dictionary) else {
            return self.answer(command_uuid, Answer::CommandFormatError);
        };
        let request_type = command
            .get("RequestType")
            .and_then(Value::as_string)
            .unwrap_or_default();
        if schema::is_malformed(command) || request_type.is_empty() {
            return self.answer(command_uuid, Answer::CommandFormatError);
        }
        let right = schema::access_right(request_type);
        let rights = self.profile.as_ref().map_or(0, |profile| profile.access_rights);
        if rights & right != right {
            let refusal = self.error(12007);
            return self.answer(command_uuid, refusal);
        }
        let invites = request_type == "InviteToProgram";
        if invites && self.spec.invitation == InvitationManner::Silent {
            return Received::Lost;
        }
        if self.answers_not_now(request_type, now) {
            self.not_nows += 1;
            return self.answer(command_uuid, Answer::NotNow);
        }
        let answer = match request_type {
            "InstallApplication" => {
                let wanted = Wanted {
                    command_uuid: command_uuid.clone(),
                    command: command.clone(),
                };
                match wanted.app() {
                    Some(_) => return Received::AskStore(wanted),
                    None => Answer::CommandFormatError,
                }
            }
            "RemoveApplication" => self.remove(command),
            "ManagedApplicationList" => self.managed_application_list(command),
            "InstalledApplicationList" => self.installed_application_list(command),
            "InviteToProgram" => self.invite(command, now),
            "DeviceInformation" => self.device_information(command),
            "DeviceConfigured" => self.configured(),
            "RemoveProfile" | "EraseDevice" => match self.leave(command) {
                Ok(answer) => answer,
                Err(leaves) => return Received::Leaves(leaves),
            },
            _ => self.error(12021),
        };
        self.answer(command_uuid, answer)
    }

    /// Answers the install command that waited for the store.
    pub fn install_now(&mut self, command_uuid: String, install: &Install, now: i64) {
        if !self.is_enrolled() {
            return;
        }
        let answer = self.install(install, now);
        self.answer(command_uuid, answer);
    }

    fn answer(&mut self, command_uuid: String, answer: Answer) -> Received {
        let (status, mut result) = match answer {
            Answer::Report { status, body } => (status, body),
            Answer::NotNow => ("NotNow", Dictionary::new()),
            Answer::CommandFormatError => ("CommandFormatError", Dictionary::new()),
        };
        result.insert("CommandUUID".into(), command_uuid.clone().into());
        result.insert("Status".into(), status.into());
        result.insert("UDID".into(), self.udid.clone().into());
        self.result = Some(CachedResult {
            command_uuid,
            status: status.into(),
            body: xml(&result),
        });
        Received::Answered
    }

    fn answers_not_now(&mut self, request_type: &str, now: i64) -> bool {
        let installs = request_type == "InstallApplication";
        if !installs && request_type != "InviteToProgram" {
            return false;
        }
        if !installs && self.spec.invitation == InvitationManner::NotNow {
            return true;
        }
        if self.awaiting_configuration {
            let can_install = self.spec.supervised && self.spec.os() >= vec![16];
            return !(installs && can_install);
        }
        if self.spec.not_now_for.is_zero() {
            return false;
        }
        let since = *self.not_now_since.get_or_insert(now);
        now < since + self.spec.not_now_for.as_millis() as i64
    }

    /// Shows an invitation; the person accepts it later, or never.
    fn invite(&mut self, command: &Dictionary, now: i64) -> Answer {
        let text = |key: &str| command.get(key).and_then(Value::as_string).unwrap_or_default();
        let result = match invite_code(text("InvitationURL")) {
            _ if self.spec.shared => return self.error(12021),
            _ if self.spec.invitation == InvitationManner::Fails => return self.error(12010),
            _ if text("ProgramID") != "com.apple.cloudvpp" => "InvalidProgramID",
            _ if self.spec.invitation == InvitationManner::Rejects => "InvalidInvitationURL",
            None => "InvalidInvitationURL",
            Some(code) => {
                self.offline |= self.spec.invitation == InvitationManner::Late;
                let patience = self.spec.accepts_invitation_after;
                self.invitations.push(Invitation {
                    code,
                    accept_at: patience.map(|patience| now + patience.as_millis() as i64),
                    accepted: false,
                    attempts: 0,
                });
                "Acknowledged"
            }
        };
        let mut body = Dictionary::new();
        body.insert("InvitationResult".into(), result.into());
        Answer::Report {
            status: "Acknowledged",
            body,
        }
    }

    fn device_information(&self, command: &Dictionary) -> Answer {
        let mut responses = Dictionary::new();
        for query in command.get("Queries").and_then(Value::as_array).into_iter().flatten() {
            let Some(name) = query.as_string() else { continue };
            if let Some(value) = self.fact(name) {
                responses.insert(name.into(), value);
            }
        }
        let mut body = Dictionary::new();
        body.insert("QueryResponses".into(), responses.into());
        Answer::Report {
            status: "Acknowledged",
            body,
        }
    }

    /// What the device knows under a name. What it may not say it leaves out silently.
    fn fact(&self, name: &str) -> Option<Value> {
        let rights = self.profile.as_ref().map_or(0, |profile| profile.access_rights);
        let right = match name {
            "UDID" | "AwaitingConfiguration" => 0,
            "iTunesStoreAccountIsActive" | "iTunesStoreAccountHash" => 4096,
            "IMEI" | "WiFiMAC" | "IsRoaming" => 32,
            _ => 16,
        };
        if rights & right != right {
            return None;
        }
        let spec = &self.spec;
        Some(match name {
            "UDID" => self.udid.clone().into(),
            "SerialNumber" => spec.serial.clone().into(),
            "DeviceName" => spec.name.clone().into(),
            "OSVersion" => spec.os_version.clone().into(),
            "BuildVersion" => spec.build_version.clone().into(),
            "ProductName" => spec.product_name.clone().into(),
            "ModelName" => if spec.is_ipad() { "iPad" } else { "iPhone" }.into(),
            "Model" => if spec.is_ipad() { "MYFM2KH" } else { "MPXV3KH" }.into(),
            "ModelNumber" => if spec.is_ipad() { "MYFM2KH/A" } else { "MPXV3KH/A" }.into(),
            "IsSupervised" => spec.supervised.into(),
            "IsMultiUser" => spec.shared.into(),
            "IsMDMLostModeEnabled" => false.into(),
            "IsRoaming" => false.into(),
            "AwaitingConfiguration" => self.awaiting_configuration.into(),
            "DeviceCapacity" => Value::Real(119.209_289_550_781_25),
            "AvailableDeviceCapacity" => Value::Real(26.914_535_522_460_938),
            "BatteryLevel" => Value::Real(0.75),
            "IMEI" if !spec.is_ipad() => self.imei().into(),
            "WiFiMAC" => format!(
                "f0:18:98:{:02x}:{:02x}:{:02x}",
                self.token[0], self.token[1], self.token[2]
            )
            .into(),
            "TimeZone" => "Asia/Seoul".into(),
            "PushToken" => Value::Data(self.token.clone()),
            "iTunesStoreAccountIsActive" => spec.account.is_some().into(),
            "iTunesStoreAccountHash" => id_hash(spec.account.as_ref()?).into(),
            _ => return None,
        })
    }

    fn configured(&mut self) -> Answer {
        if !self.awaiting_configuration {
            let body = Dictionary::from_iter([("ErrorChain", chain(&mut self.rng, &[(101, "MDMDeviceEnrollment")]))]);
            return Answer::Report { status: "Error", body };
        }
        self.awaiting_configuration = false;
        Answer::Report {
            status: "Acknowledged",
            body: Dictionary::new(),
        }
    }

    /// The answer to the order to leave; or what it does without one.
    fn leave(&mut self, command: &Dictionary) -> Result<Answer, Leaving> {
        let text = |key: &str| command.get(key).and_then(Value::as_string);
        let leaving = if text("RequestType") == Some("EraseDevice") {
            Leaving::Erase
        } else {
            let ours = self.profile.as_ref().map(|profile| profile.identifier.as_str());
            if text("Identifier") != ours {
                return Ok(self.error(12013));
            }
            Leaving::Unenrol
        };
        match (self.spec.farewell, leaving) {
            (Farewell::Unheard, _) | (Farewell::Usual, Leaving::Unenrol) => Err(leaving),
            (Farewell::Usual | Farewell::Acknowledged, _) => {
                self.leaving = Some(leaving);
                Ok(Answer::Report {
                    status: "Acknowledged",
                    body: Dictionary::new(),
                })
            }
        }
    }

    fn error(&mut self, code: i64) -> Answer {
        let body = Dictionary::from_iter([("ErrorChain", chain(&mut self.rng, &[(code, "MCMDMErrorDomain")]))]);
        Answer::Report { status: "Error", body }
    }
}

/// The code in an invitation's address.
fn invite_code(url: &str) -> Option<String> {
    let url = reqwest::Url::parse(url).ok()?;
    let (_, code) = url.query_pairs().find(|(name, _)| name == "inviteCode")?;
    Some(code.into_owned()).filter(|code| !code.is_empty() && !code.contains('%'))
}
