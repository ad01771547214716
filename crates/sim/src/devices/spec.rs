//! What one simulated device is, and how it and its person behave.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A device and its habits. The default is a supervised iPhone without an account, whose
/// person does everything that is asked at once; only the serial number has to be given.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct DeviceSpec {
    pub serial: String,
    /// What the person calls it.
    pub name: String,
    /// `iPhone15,2`, `iPad13,1`.
    pub product_name: String,
    pub os_version: String,
    pub build_version: String,
    /// Apps come silently; otherwise each one asks first.
    pub supervised: bool,
    /// Enrols out of Setup Assistant, and waits there until it is told that it is configured.
    pub dep: bool,
    /// The Apple Account signed in to the store. Devices of one person share it.
    pub account: Option<String>,
    /// How long the person takes to accept an invitation; `None` never does.
    pub accepts_invitation_after: Option<Duration>,
    /// What the device does with an invitation.
    pub invitation: InvitationManner,
    /// A Shared iPad: its own channel shows no invitation.
    pub shared: bool,
    pub prompt: Prompt,
    /// Answers `NotNow` to installs and invitations for that long, counted from the first one.
    pub not_now_for: Duration,
    /// Times without a network, counted from the enrolment.
    pub offline: Vec<OfflineSpell>,
    /// How long the download of an app takes.
    pub download_time: Duration,
    /// How many downloads fail before one works.
    pub failing_downloads: u32,
    pub signature: SignatureForm,
    /// The probability that a result is sent twice, because its first answer got lost.
    pub duplicate_results: f64,
    /// The probability that a command which arrived gets lost before it is looked at.
    pub lost_commands: f64,
    /// How many install commands are turned down with [`install_error`](Self::install_error) before one is taken.
    pub refused_installs: u32,
    /// A code of `MCMDMErrorDomain`.
    pub install_error: i64,
    /// How many install commands are acknowledged, and nothing comes of them.
    pub pretended_installs: u32,
    /// The probability that a result is followed by one that was delivered long before.
    pub old_results: f64,
    /// The probability that a message is sent first in the name of another device of the fleet.
    pub wrong_udids: f64,
    /// A user of the device speaks too, over a channel of their own.
    pub user_channel: bool,
    /// What the server hears when it has told the device to leave.
    pub farewell: Farewell,
}

impl Default for DeviceSpec {
    fn default() -> Self {
        DeviceSpec {
            serial: String::new(),
            name: "iPhone".into(),
            product_name: "iPhone15,2".into(),
            os_version: "18.1".into(),
            build_version: "22B83".into(),
            supervised: true,
            dep: false,
            account: None,
            accepts_invitation_after: Some(Duration::ZERO),
            invitation: InvitationManner::Shows,
            shared: false,
            prompt: Prompt::Accept { after: Duration::ZERO },
            not_now_for: Duration::ZERO,
            offline: Vec::new(),
            download_time: Duration::from_secs(4),
            failing_downloads: 0,
            signature: SignatureForm::AppleBer,
            duplicate_results: 0.0,
            lost_commands: 0.0,
            refused_installs: 0,
            install_error: 12021,
            pretended_installs: 0,
            old_results: 0.0,
            wrong_udids: 0.0,
            user_channel: false,
            farewell: Farewell::default(),
        }
    }
}

impl DeviceSpec {
    pub fn new(serial: &str) -> Self {
        DeviceSpec {
            serial: serial.into(),
            ..DeviceSpec::default()
        }
    }

    pub(super) fn is_ipad(&self) -> bool {
        self.product_name.starts_with("iPad")
    }

    /// `18.1` as numbers that can be compared.
    pub(super) fn os(&self) -> Vec<u32> {
        version(&self.os_version)
    }
}

/// `16.4.1` as numbers that can be compared; what is no number counts as 0.
pub(super) fn version(text: &str) -> Vec<u32> {
    let mut parts: Vec<u32> = text.split('.').map(|part| part.parse().unwrap_or(0)).collect();
    while parts.last() == Some(&0) {
        parts.pop();
    }
    parts
}

/// What a device does with an invitation to the programme.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum InvitationManner {
    #[default]
    Shows,
    /// Answers with an error.
    Fails,
    /// Acknowledges the command, and says that the address is of no use.
    Rejects,
    /// Answers `NotNow`, for ever.
    NotNow,
    /// Goes away when it comes, and says nothing to it.
    Silent,
    /// Shows it, and loses its network before it can say so.
    Late,
}

/// What the person does when the device asks whether to install, update or manage an app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "answer")]
pub enum Prompt {
    Accept {
        after: Duration,
    },
    Reject {
        after: Duration,
    },
    /// Leaves the question on the screen.
    Ignore,
}

/// What a device says when it obeys the order to remove its profile or to erase itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Farewell {
    /// A profile that goes takes the channel of the answer along: there is the `CheckOut` alone. An erasure is
    /// acknowledged before it begins.
    #[default]
    Usual,
    /// The answer gets out before the profile goes, and the `CheckOut` comes after it.
    Acknowledged,
    /// It obeys, and nothing of it reaches the server.
    Unheard,
}

/// How a device writes its `Mdm-Signature`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignatureForm {
    /// BER of indefinite length, SHA-1, no signed attributes: what Apple's devices send.
    AppleBer,
    /// DER with signed attributes: what other clients send.
    DerWithAttributes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct OfflineSpell {
    pub starts_after: Duration,
    pub lasts: Duration,
}
