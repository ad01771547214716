//! One device: what it knows, what it wants to do next, what it writes. No network, no clock.

use std::collections::BTreeMap;

use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::apps::InstalledApp;
use super::spec::DeviceSpec;
use crate::rng::Rng;

/// How many commands a device remembers having finished.
const REMEMBERED_COMMANDS: usize = 64;
/// How many results it can repeat long after.
const OLD_RESULTS: usize = 8;

/// A device as it is kept in the state file.
#[derive(Serialize, Deserialize)]
pub struct Device {
    pub spec: DeviceSpec,
    pub udid: String,
    pub rng: Rng,
    pub stage: Stage,
    pub profile: Option<Profile>,
    /// Random, as the push service knows it.
    #[serde(with = "super::bytes")]
    pub token: Vec<u8>,
    pub push_magic: String,
    pub awaiting_configuration: bool,
    pub enrolled_at: Option<i64>,
    /// Switched off by hand, until switched on again.
    pub offline: bool,

    /// Pushes heard, with the right PushMagic.
    pub heard: u64,
    /// Reasons so far to ask for work: pushes, and the ends of `NotNow`.
    pub reasons: u64,
    /// The push that the latest Idle was for.
    pub asking: u64,
    /// The push after which a session came to its end.
    pub asked: u64,
    /// A result on its way to the server; sent with the same bytes until the server has it.
    pub result: Option<CachedResult>,
    pub failures: u32,
    pub retry_at: Option<i64>,

    /// Told to leave, and does so as soon as its answer was sent, whether or not that arrives.
    #[serde(default)]
    pub leaving: Option<Leaving>,

    /// When `NotNow` was answered for the first time because of [`DeviceSpec::not_now_for`].
    pub not_now_since: Option<i64>,
    /// The last status that the server got.
    pub last_status: String,
    /// The session ended with a `NotNow`, so the device will ask by itself.
    pub owes_poll: bool,
    pub finished: Vec<String>,
    /// The latest results that the server got, oldest first.
    #[serde(default)]
    pub old_results: Vec<CachedResult>,

    pub apps: BTreeMap<String, InstalledApp>,
    pub failing_downloads: u32,
    pub invitations: Vec<Invitation>,

    pub polls: u64,
    pub results_delivered: u64,
    pub not_nows: u64,
    pub protocol_errors: Vec<String>,
}

/// How far the enrolment came.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Stage {
    /// The profile has not been downloaded.
    Invited {
        enrol_url: String,
    },
    /// The profile is here; the server has not taken all messages of the enrolment.
    Installing,
    Enrolled,
    /// It was enrolled, or tried to be, and is not any more.
    Gone {
        why: String,
    },
}

/// What the enrolment profile said.
#[derive(Clone, Serialize, Deserialize)]
pub struct Profile {
    pub server_url: String,
    pub check_in_url: String,
    pub topic: String,
    #[serde(with = "super::bytes")]
    pub p12: Vec<u8>,
    pub password: String,
    pub sign_message: bool,
    pub check_out_when_removed: bool,
    pub access_rights: i64,
    #[serde(default)]
    pub identifier: String,
}

/// What a device is about to do to itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Leaving {
    Unenrol,
    Erase,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CachedResult {
    pub command_uuid: String,
    pub status: String,
    pub body: String,
}

/// Something that leaves the device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    Enrol,
    Talk,
    Accept { code: String },
}

/// An invitation to the program that the device showed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    pub code: String,
    /// When the person means to accept.
    pub accept_at: Option<i64>,
    pub accepted: bool,
    pub attempts: u32,
}

impl Device {
    pub fn new(spec: DeviceSpec, seed: u64, enrol_url: &str) -> Self {
        // The same seed and serial number are always the same piece of hardware.
        let hardware: [u8; 32] = Sha256::digest(format!("{seed} {}", spec.serial)).into();
        let number = |at: usize| u64::from_be_bytes(hardware[at..at + 8].try_into().expect("eight bytes"));
        let chip = if spec.is_ipad() { "00008103" } else { "00008110" };
        let failing_downloads = spec.failing_downloads;
        Device {
            udid: format!("{chip}-{:016X}", number(8)),
            rng: Rng::new(number(0)),
            spec,
            stage: Stage::Invited {
                enrol_url: enrol_url.into(),
            },
            profile: None,
            token: Vec::new(),
            push_magic: String::new(),
            awaiting_configuration: false,
            enrolled_at: None,
            offline: false,
            heard: 0,
            reasons: 0,
            asking: 0,
            asked: 0,
            result: None,
            failures: 0,
            retry_at: None,
            leaving: None,
            not_now_since: None,
            last_status: String::new(),
            owes_poll: false,
            finished: Vec::new(),
            old_results: Vec::new(),
            apps: BTreeMap::new(),
            failing_downloads,
            invitations: Vec::new(),
            polls: 0,
            results_delivered: 0,
            not_nows: 0,
            protocol_errors: Vec::new(),
        }
    }

    /// Starts over with another profile, keeping what is on the device.
    pub fn invite_again(&mut self, spec: DeviceSpec, enrol_url: &str) {
        self.failing_downloads = spec.failing_downloads;
        self.spec = spec;
        self.stage = Stage::Invited {
            enrol_url: enrol_url.into(),
        };
        self.failures = 0;
        self.retry_at = None;
    }

    /// Takes a downloaded profile; the messages of the enrolment come next.
    pub fn take_profile(&mut self, profile: Profile) {
        self.profile = Some(profile);
        self.token = self.rng.bytes(32);
        self.push_magic = self.rng.uuid().to_uppercase();
        self.awaiting_configuration = self.spec.dep;
        self.stage = Stage::Installing;
        self.enrolled_at = None;
        (self.reasons, self.asking, self.asked) = (0, 0, 0);
        self.result = None;
        self.owes_poll = false;
        self.last_status.clear();
        self.finished.clear();
        self.old_results.clear();
        self.not_now_since = None;
        self.failures = 0;
        self.retry_at = None;
    }

    /// No profile is to be had. Whoever had one before keeps it.
    pub fn without_profile(&mut self, why: &str) {
        match self.enrolled_at {
            Some(_) => self.stage = Stage::Enrolled,
            None => self.drop_enrolment(why),
        }
    }

    pub fn enrolled(&mut self, now: i64) {
        self.stage = Stage::Enrolled;
        self.enrolled_at = Some(now);
        self.failures = 0;
        self.retry_at = None;
    }

    pub fn is_enrolled(&self) -> bool {
        self.stage == Stage::Enrolled
    }

    /// The profile is gone: apps that came with it too, the others are the person's own now.
    pub fn drop_enrolment(&mut self, why: &str) {
        self.stage = Stage::Gone { why: why.into() };
        self.leaving = None;
        self.enrolled_at = None;
        self.awaiting_configuration = false;
        self.result = None;
        self.owes_poll = false;
        self.retry_at = None;
        self.apps.retain(|_, app| app.survives_the_profile());
        for app in self.apps.values_mut() {
            app.becomes_the_persons_own();
        }
    }

    /// Everything on it is gone, as new.
    pub fn erase(&mut self) {
        self.drop_enrolment("erased");
        self.apps.clear();
        self.invitations.clear();
    }

    /// Lets what takes time go on to where it is now.
    pub fn advance(&mut self, now: i64) {
        let mut gone = Vec::new();
        for (bundle_id, app) in &mut self.apps {
            app.advance(now, &self.spec, &mut self.failing_downloads);
            if app.is_nothing() {
                gone.push(bundle_id.clone());
            }
        }
        for bundle_id in gone {
            self.apps.remove(&bundle_id);
        }
    }

    /// When something should leave the device, if nothing happens to it before.
    pub fn due(&self, now: i64) -> Option<i64> {
        if self.offline {
            return None;
        }
        let mut due: Option<i64> = None;
        let mut at = |time: i64| due = Some(due.map_or(time, |earlier| earlier.min(time)));
        match self.stage {
            Stage::Invited { .. } | Stage::Installing => at(self.retry_at.unwrap_or(0)),
            Stage::Enrolled if self.wants_session(now) => at(self.retry_at.unwrap_or(0)),
            Stage::Enrolled if self.owes_poll => {
                if let Some(end) = self.not_now_end() {
                    at(end);
                }
            }
            Stage::Enrolled | Stage::Gone { .. } => {}
        }
        if let Some((_, accept_at)) = self.invitation_due() {
            at(accept_at);
        }
        let due = due?;
        Some(self.online_from(due.max(now)).unwrap_or(due))
    }

    /// What to do now.
    pub fn work(&self, now: i64) -> Option<Work> {
        if self.due(now)? > now {
            return None;
        }
        let ready = self.retry_at.is_none_or(|retry_at| retry_at <= now);
        match self.stage {
            Stage::Invited { .. } | Stage::Installing if ready => return Some(Work::Enrol),
            Stage::Enrolled if ready && self.wants_session(now) => return Some(Work::Talk),
            _ => {}
        }
        let (code, accept_at) = self.invitation_due()?;
        (accept_at <= now).then_some(Work::Accept { code })
    }

    /// Whether there is something to say to the server or to hear from it.
    pub fn wants_session(&self, now: i64) -> bool {
        if !self.is_enrolled() {
            return false;
        }
        let not_now_is_over = self.owes_poll && self.not_now_end().is_some_and(|end| end <= now);
        self.result.is_some() || self.reasons > self.asked || not_now_is_over
    }

    pub fn is_offline(&self, now: i64) -> bool {
        self.offline || self.online_from(now).is_some()
    }

    /// When the spell without network that covers a moment ends.
    fn online_from(&self, moment: i64) -> Option<i64> {
        let enrolled_at = self.enrolled_at?;
        for spell in &self.spec.offline {
            let start = enrolled_at + spell.starts_after.as_millis() as i64;
            let end = start + spell.lasts.as_millis() as i64;
            if start <= moment && moment < end {
                return Some(end);
            }
        }
        None
    }

    /// The invitation to accept next, and when.
    pub fn invitation_due(&self) -> Option<(String, i64)> {
        self.spec.account.as_ref()?;
        let mut next: Option<(String, i64)> = None;
        for invitation in &self.invitations {
            let Some(accept_at) = invitation.accept_at.filter(|_| !invitation.accepted) else {
                continue;
            };
            if next.as_ref().is_none_or(|(_, earliest)| accept_at < *earliest) {
                next = Some((invitation.code.clone(), accept_at));
            }
        }
        next
    }

    /// When the device can do again what it answered `NotNow` to. Setup Assistant has no known end.
    pub fn not_now_end(&self) -> Option<i64> {
        if self.awaiting_configuration {
            return None;
        }
        Some(self.not_now_since.unwrap_or(0) + self.spec.not_now_for.as_millis() as i64)
    }

    /// What to send to the server now: the cached result, or a question for work.
    pub fn next_message(&mut self, now: i64) -> Option<String> {
        if let Some(result) = &self.result {
            return Some(result.body.clone());
        }
        if !self.wants_session(now) {
            return None;
        }
        if self.reasons == self.asked {
            // The end of the condition is as good a reason as a push.
            self.reasons += 1;
        }
        self.owes_poll = false;
        self.asking = self.reasons;
        self.polls += 1;
        let mut idle = Dictionary::new();
        idle.insert("Status".into(), "Idle".into());
        idle.insert("UDID".into(), self.udid.clone().into());
        Some(xml(&idle))
    }

    /// The server has taken the last message, with this answer waiting or none.
    pub fn delivered(&mut self, has_command: bool) {
        self.failures = 0;
        self.retry_at = None;
        match self.result.take() {
            Some(result) => {
                self.results_delivered += 1;
                if result.status != "NotNow" {
                    self.finished.push(result.command_uuid.clone());
                    if self.finished.len() > REMEMBERED_COMMANDS {
                        self.finished.remove(0);
                    }
                }
                self.last_status.clone_from(&result.status);
                self.old_results.push(result);
                if self.old_results.len() > OLD_RESULTS {
                    self.old_results.remove(0);
                }
            }
            None => self.last_status = "Idle".into(),
        }
        if !has_command {
            self.asked = self.asking;
            self.owes_poll = self.last_status == "NotNow";
        }
    }

    /// The session broke off after its last answer: the device waits for another push.
    pub fn session_broken(&mut self) {
        self.asked = self.asking;
    }

    /// The message did not get through; it is sent again later, or after the next push.
    pub fn undelivered(&mut self, now: i64, first_ms: i64, longest_ms: i64) {
        let wait = first_ms.saturating_mul(1 << self.failures.min(20)).min(longest_ms);
        self.failures += 1;
        self.retry_at = Some(now + wait.max(1));
    }

    /// A push for its token. Whoever sends it must know the magic too.
    pub fn push(&mut self, magic: &str) {
        if !matches!(self.stage, Stage::Installing | Stage::Enrolled) {
            return;
        }
        if magic != self.push_magic {
            self.complain("a push came without the PushMagic of this device".into());
            return;
        }
        self.heard += 1;
        self.reasons += 1;
        self.retry_at = None;
    }

    pub fn complain(&mut self, error: String) {
        tracing::warn!(device.serial = %self.spec.serial, error, "the server broke the protocol");
        self.protocol_errors.push(error);
    }

    /// First message of an enrolment.
    pub fn authenticate(&self) -> String {
        let mut message = self.check_in("Authenticate");
        message.insert("OSVersion".into(), self.spec.os_version.clone().into());
        message.insert("BuildVersion".into(), self.spec.build_version.clone().into());
        message.insert("ProductName".into(), self.spec.product_name.clone().into());
        message.insert("SerialNumber".into(), self.spec.serial.clone().into());
        if !self.spec.is_ipad() {
            message.insert("IMEI".into(), self.imei().into());
        }
        xml(&message)
    }

    /// Tells the server how to push; completes an enrolment.
    pub fn token_update(&self, first: bool) -> String {
        let mut message = self.check_in("TokenUpdate");
        message.insert("Token".into(), Value::Data(self.token.clone()));
        message.insert("PushMagic".into(), self.push_magic.clone().into());
        if first {
            message.insert("AwaitingConfiguration".into(), self.awaiting_configuration.into());
            if self
                .profile
                .as_ref()
                .is_some_and(|profile| profile.access_rights & 4 != 0)
            {
                let unlock: [u8; 32] = Sha256::digest(format!("unlock {}", self.udid)).into();
                message.insert("UnlockToken".into(), Value::Data(unlock.repeat(8)));
            }
        }
        xml(&message)
    }

    /// What a user of the device says of their own channel, and asks over it.
    pub fn user_messages(&self) -> [String; 2] {
        let user = "5B6F8B1C-7B0E-4E0F-9B7A-0F4D5C8E2A11";
        let token: [u8; 32] = Sha256::digest(format!("user {}", self.udid)).into();
        let mut update = self.check_in("TokenUpdate");
        update.insert("Token".into(), Value::Data(token.to_vec()));
        update.insert("PushMagic".into(), user.into());
        let mut idle = Dictionary::new();
        idle.insert("Status".into(), "Idle".into());
        idle.insert("UDID".into(), self.udid.clone().into());
        for message in [&mut update, &mut idle] {
            message.insert("UserID".into(), user.into());
            message.insert("UserLongName".into(), "김민지".into());
            message.insert("UserShortName".into(), "minji".into());
        }
        [xml(&update), xml(&idle)]
    }

    /// As it was when the backup was made, except for what belongs to the hardware: another push token, and nothing
    /// on its way. An enrolment that was over then, or is over now, does not come back.
    pub fn restore(&mut self, backup: &Device) -> bool {
        if !self.is_enrolled() || !backup.is_enrolled() || self.push_magic != backup.push_magic {
            return false;
        }
        self.apps.clone_from(&backup.apps);
        self.invitations.clone_from(&backup.invitations);
        self.finished.clone_from(&backup.finished);
        self.token = self.rng.bytes(32);
        self.result = None;
        self.owes_poll = false;
        self.last_status.clear();
        (self.reasons, self.asking, self.asked) = (0, 0, 0);
        true
    }

    pub fn check_out(&self) -> String {
        xml(&self.check_in("CheckOut"))
    }

    fn check_in(&self, message_type: &str) -> Dictionary {
        let topic = self
            .profile
            .as_ref()
            .map(|profile| profile.topic.clone())
            .unwrap_or_default();
        let mut message = Dictionary::new();
        message.insert("MessageType".into(), message_type.into());
        message.insert("Topic".into(), topic.into());
        message.insert("UDID".into(), self.udid.clone().into());
        message
    }

    /// With the spaces that real devices write.
    pub fn imei(&self) -> String {
        let digits: Vec<String> = self
            .udid
            .bytes()
            .rev()
            .take(13)
            .map(|byte| (byte % 10).to_string())
            .collect();
        format!("35 {} {} {}", digits[..6].concat(), digits[6..12].concat(), digits[12])
    }

    pub fn token_hex(&self) -> String {
        hex::encode(&self.token)
    }
}

pub fn xml(message: &Dictionary) -> String {
    String::from_utf8(mdm::plist::write(message)).expect("a property list in XML is text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn enrolled() -> Device {
        let mut device = Device::new(DeviceSpec::new("A"), 1, "http://localhost/enrol/1");
        device.take_profile(Profile {
            server_url: "http://localhost/mdm".into(),
            check_in_url: "http://localhost/mdm".into(),
            topic: "com.apple.mgmt.External.1".into(),
            p12: Vec::new(),
            password: String::new(),
            sign_message: true,
            check_out_when_removed: true,
            access_rights: 8191,
            identifier: mdm::profile::IDENTIFIER.into(),
        });
        device.enrolled(1000);
        device
    }

    fn push(device: &mut Device) {
        let magic = device.push_magic.clone();
        device.push(&magic);
    }

    #[test]
    fn a_push_during_a_session_is_not_lost() {
        let mut device = enrolled();
        push(&mut device);
        assert!(device.next_message(2000).is_some());

        push(&mut device);
        device.delivered(false);

        assert!(
            device.next_message(2000).is_some(),
            "the answer may have left before the push was made"
        );
        device.delivered(false);
        assert_eq!(device.next_message(2000), None);
    }

    #[test]
    fn a_device_that_died_over_a_command_asks_for_it_again() {
        let mut device = enrolled();
        push(&mut device);
        device.next_message(2000);
        device.delivered(true);

        // The command was never executed.
        let text = serde_json::to_string(&device).unwrap();
        let mut device: Device = serde_json::from_str(&text).unwrap();

        assert_eq!(device.work(3000), Some(Work::Talk));
        assert!(device.next_message(3000).unwrap().contains("Idle"));
    }

    #[test]
    fn nothing_leaves_before_it_is_time_to_try_again() {
        let mut device = enrolled();
        push(&mut device);
        for (failure, wait) in [100, 200, 400, 500, 500].into_iter().enumerate() {
            device.undelivered(10_000, 100, 500);
            assert_eq!(device.due(10_000), Some(10_000 + wait), "after failure {failure}");
        }
        assert_eq!(device.work(10_499), None);
        assert_eq!(device.work(10_500), Some(Work::Talk));

        push(&mut device);
        assert_eq!(
            device.work(10_001),
            Some(Work::Talk),
            "a push is a reason to try at once"
        );
    }

    #[test]
    fn the_same_seed_makes_the_same_device() {
        let one = enrolled();
        let other = enrolled();

        assert_eq!(
            (one.udid, one.token, one.push_magic),
            (other.udid, other.token, other.push_magic)
        );
    }
}
