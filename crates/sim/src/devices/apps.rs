//! Where an app on a device is, from the install command to the home screen and away again.

use plist::{Dictionary, Value};
use serde::{Deserialize, Serialize};

use super::spec::{DeviceSpec, Prompt};
use crate::facts::AppFacts;

/// An app that is on a device, on its way there, or about to be mentioned for the last time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InstalledApp {
    pub adam_id: String,
    pub bundle_id: String,
    pub name: String,
    pub version: String,
    pub external_version: i64,
    /// The version being installed over the present one.
    pub next: Option<(String, i64)>,
    pub flags: i64,
    pub has_configuration: bool,
    pub removable: bool,
    pub by_device_licence: bool,
    pub phase: Phase,
}

/// Where an app is. Times are when the phase ends by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Phase {
    Queued {
        until: i64,
    },
    NeedsRedemption,
    Prompting {
        shown_at: i64,
    },
    PromptingForLogin,
    Installing {
        until: i64,
    },
    Managed,
    ManagedButUninstalled,
    PromptingForUpdate {
        shown_at: i64,
    },
    Updating {
        until: i64,
    },
    PromptingForManagement {
        shown_at: i64,
    },
    /// The person's own; device management does not list it.
    Unmanaged,
    // Said exactly once.
    UserInstalledApp,
    UserRejected,
    UpdateRejected,
    ManagementRejected,
    Failed,
    /// Nothing is left of it.
    Nothing,
}

impl Phase {
    /// The word for it in `ManagedApplicationList`; none for an app that is not listed.
    pub fn status(&self) -> Option<&'static str> {
        Some(match self {
            Phase::Queued { .. } => "Queued",
            Phase::NeedsRedemption => "NeedsRedemption",
            Phase::Prompting { .. } => "Prompting",
            Phase::PromptingForLogin => "PromptingForLogin",
            Phase::Installing { .. } => "Installing",
            Phase::Managed => "Managed",
            Phase::ManagedButUninstalled => "ManagedButUninstalled",
            Phase::PromptingForUpdate { .. } => "PromptingForUpdate",
            Phase::Updating { .. } => "Updating",
            Phase::PromptingForManagement { .. } => "PromptingForManagement",
            Phase::UserInstalledApp => "UserInstalledApp",
            Phase::UserRejected => "UserRejected",
            Phase::UpdateRejected => "UpdateRejected",
            Phase::ManagementRejected => "ManagementRejected",
            Phase::Failed => "Failed",
            Phase::Unmanaged | Phase::Nothing => return None,
        })
    }

    /// What is left after the phase was told to the server; the same for all that lasts.
    pub fn after_telling(&self) -> Phase {
        match self {
            Phase::UserInstalledApp | Phase::ManagementRejected => Phase::Unmanaged,
            Phase::UpdateRejected => Phase::Managed,
            Phase::UserRejected | Phase::Failed => Phase::Nothing,
            lasting => lasting.clone(),
        }
    }
}

impl InstalledApp {
    pub fn new(facts: &AppFacts, command: &Dictionary) -> Self {
        let mut app = InstalledApp {
            adam_id: facts.adam_id.clone(),
            bundle_id: facts.bundle_id.clone(),
            name: facts.name.clone(),
            version: facts.version.clone(),
            external_version: facts.external_version_id,
            next: None,
            flags: 0,
            has_configuration: false,
            removable: true,
            by_device_licence: false,
            phase: Phase::Nothing,
        };
        app.manage(command);
        app
    }

    /// The person's own.
    pub fn own(facts: &AppFacts) -> Self {
        InstalledApp {
            phase: Phase::Unmanaged,
            ..InstalledApp::new(facts, &Dictionary::new())
        }
    }

    /// Takes over what the command says about managing it.
    pub fn manage(&mut self, command: &Dictionary) {
        self.flags = integer(command, "ManagementFlags").unwrap_or(0);
        self.has_configuration = command.contains_key("Configuration");
        let attributes = command.get("Attributes").and_then(Value::as_dictionary);
        self.removable = attributes
            .and_then(|attributes| attributes.get("Removable"))
            .and_then(Value::as_boolean)
            .unwrap_or(true);
    }

    pub fn advance(&mut self, now: i64, spec: &DeviceSpec, failing_downloads: &mut u32) {
        let download_ms = spec.download_time.as_millis() as i64;
        loop {
            let next = match self.phase {
                Phase::Queued { until } if until <= now => Phase::Installing {
                    until: until + download_ms,
                },
                Phase::Installing { until } if until <= now => match *failing_downloads {
                    0 => Phase::Managed,
                    _ => {
                        *failing_downloads -= 1;
                        Phase::Failed
                    }
                },
                Phase::Updating { until } if until <= now => {
                    if let Some((version, external_version)) = self.next.take() {
                        self.version = version;
                        self.external_version = external_version;
                    }
                    Phase::Managed
                }
                Phase::Prompting { shown_at }
                | Phase::PromptingForUpdate { shown_at }
                | Phase::PromptingForManagement { shown_at } => match spec.prompt {
                    Prompt::Ignore => return,
                    Prompt::Accept { after } if shown_at + after.as_millis() as i64 <= now => {
                        self.answered(true, shown_at + after.as_millis() as i64, spec)
                    }
                    Prompt::Reject { after } if shown_at + after.as_millis() as i64 <= now => {
                        self.answered(false, now, spec)
                    }
                    Prompt::Accept { .. } | Prompt::Reject { .. } => return,
                },
                _ => return,
            };
            self.phase = next;
        }
    }

    /// What follows the answer to a question on the screen; the same phase if there is none.
    pub fn answered(&self, accepts: bool, at: i64, spec: &DeviceSpec) -> Phase {
        match (&self.phase, accepts) {
            (Phase::Prompting { .. }, true) => Phase::Queued { until: at },
            (Phase::Prompting { .. }, false) => Phase::UserRejected,
            (Phase::PromptingForUpdate { .. }, true) => Phase::Updating {
                until: at + spec.download_time.as_millis() as i64,
            },
            (Phase::PromptingForUpdate { .. }, false) => Phase::UpdateRejected,
            (Phase::PromptingForManagement { .. }, true) => Phase::Managed,
            (Phase::PromptingForManagement { .. }, false) => Phase::ManagementRejected,
            (other, _) => other.clone(),
        }
    }

    pub fn is_nothing(&self) -> bool {
        self.phase == Phase::Nothing
    }

    /// Whether it can be opened.
    pub fn is_on_the_device(&self) -> bool {
        matches!(
            self.phase,
            Phase::Managed
                | Phase::PromptingForUpdate { .. }
                | Phase::Updating { .. }
                | Phase::UpdateRejected
                | Phase::Unmanaged
                | Phase::UserInstalledApp
                | Phase::PromptingForManagement { .. }
                | Phase::ManagementRejected
        )
    }

    pub fn is_managed(&self) -> bool {
        matches!(
            self.phase,
            Phase::Managed | Phase::PromptingForUpdate { .. } | Phase::Updating { .. } | Phase::UpdateRejected
        )
    }

    pub fn survives_the_profile(&self) -> bool {
        self.is_on_the_device() && !(self.is_managed() && self.flags & 1 != 0)
    }

    pub fn becomes_the_persons_own(&mut self) {
        self.phase = Phase::Unmanaged;
    }

    /// As `ManagedApplicationList` has it.
    pub fn entry(&self, status: &str) -> Value {
        let mut entry = Dictionary::new();
        entry.insert("Status".into(), status.into());
        entry.insert("ManagementFlags".into(), self.flags.into());
        entry.insert("HasConfiguration".into(), self.has_configuration.into());
        entry.insert("HasFeedback".into(), false.into());
        entry.insert("IsValidated".into(), self.is_managed().into());
        if !matches!(self.phase, Phase::Failed | Phase::UserRejected) {
            entry.insert("ExternalVersionIdentifier".into(), self.external_version.into());
        }
        entry.into()
    }
}

pub fn integer(dictionary: &Dictionary, key: &str) -> Option<i64> {
    dictionary.get(key)?.as_signed_integer()
}
