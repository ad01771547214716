//! What commands and people do to the apps on a device.

use plist::{Dictionary, Value};

use super::answer::{Answer, chain};
use super::apps::{InstalledApp, Phase, integer};
use super::device::Device;
use super::spec::version;
use super::store::Licence;
use crate::facts::AppFacts;
use crate::rng::Rng;

/// What one needs to know besides the device to answer an install command.
pub struct Install<'a> {
    pub command: &'a Dictionary,
    /// `None` when the store does not know the app, or could not be asked.
    pub facts: Option<&'a AppFacts>,
    pub licence: Licence,
    pub queue_ms: i64,
}

impl Device {
    /// Answers an install command at once; the rest happens as time goes by.
    pub fn install(&mut self, install: &Install, now: i64) -> Answer {
        let Some(facts) = install.facts else {
            return refused(
                &mut self.rng,
                Some("CouldNotVerifyAppID"),
                &[(12023, "MCMDMErrorDomain")],
            );
        };
        if let Some(refusal) = self.cannot_run(facts) {
            return refusal;
        }
        let bundle_id = facts.bundle_id.clone();
        if self.spec.refused_installs > 0 {
            self.spec.refused_installs -= 1;
            let code = self.spec.install_error;
            return refused(&mut self.rng, None, &[(code, "MCMDMErrorDomain")]);
        }
        if self.spec.pretended_installs > 0 {
            self.spec.pretended_installs -= 1;
            let mut body = Dictionary::new();
            body.insert("Identifier".into(), bundle_id.into());
            body.insert("State".into(), "Installing".into());
            return Answer::Report {
                status: "Acknowledged",
                body,
            };
        }
        let changes_management =
            install.command.get("ChangeManagementState").and_then(Value::as_string) == Some("Managed");
        if let Some(app) = self.apps.get(&bundle_id) {
            match app.phase {
                Phase::Queued { .. } | Phase::Installing { .. } | Phase::Updating { .. } => {
                    return refused(&mut self.rng, Some("AppAlreadyQueued"), &[(12026, "MCMDMErrorDomain")]);
                }
                Phase::Prompting { .. }
                | Phase::PromptingForLogin
                | Phase::PromptingForUpdate { .. }
                | Phase::PromptingForManagement { .. } => {
                    return refused(&mut self.rng, None, &[(1407, "DeviceManagement.error")]);
                }
                Phase::Unmanaged | Phase::UserInstalledApp | Phase::ManagementRejected if !changes_management => {
                    return refused(
                        &mut self.rng,
                        Some("AppAlreadyInstalled"),
                        &[(12025, "MCMDMErrorDomain")],
                    );
                }
                _ => {}
            }
        }

        let options = install.command.get("Options").and_then(Value::as_dictionary);
        let purchase_method = options
            .and_then(|options| integer(options, "PurchaseMethod"))
            .unwrap_or(0);
        let mut app = self
            .apps
            .get(&bundle_id)
            .cloned()
            .unwrap_or_else(|| InstalledApp::new(facts, install.command));
        app.manage(install.command);
        app.by_device_licence = install.licence == Licence::Device;

        if matches!(
            app.phase,
            Phase::Unmanaged | Phase::UserInstalledApp | Phase::ManagementRejected
        ) {
            app.phase = match self.spec.supervised {
                true => Phase::Managed,
                false => Phase::PromptingForManagement { shown_at: now },
            };
            return self.accepted(app);
        }
        if matches!(app.phase, Phase::Managed | Phase::UpdateRejected) {
            if facts.external_version_id == app.external_version {
                app.phase = Phase::Managed;
                return self.accepted(app);
            }
            if install.licence == Licence::None {
                return self.without_licence();
            }
            app.next = Some((facts.version.clone(), facts.external_version_id));
            app.phase = match self.spec.supervised {
                true => Phase::Updating {
                    until: now + self.spec.download_time.as_millis() as i64,
                },
                false => Phase::PromptingForUpdate { shown_at: now },
            };
            return self.accepted(app);
        }

        app.version = facts.version.clone();
        app.external_version = facts.external_version_id;
        if purchase_method != 1 {
            // The store account would have to buy it; the command said not to use our licences.
            app.phase = Phase::NeedsRedemption;
            return self.accepted(app);
        }
        match install.licence {
            Licence::Device | Licence::User => {}
            Licence::None if self.awaiting_configuration => {
                return refused(&mut self.rng, None, &[(12040, "MCMDMErrorDomain")]);
            }
            Licence::None if self.spec.account.is_some() => return self.without_licence(),
            Licence::None => {
                app.phase = Phase::PromptingForLogin;
                return self.accepted(app);
            }
        }
        app.phase = match self.spec.supervised {
            true => Phase::Queued {
                until: now + install.queue_ms,
            },
            false => Phase::Prompting { shown_at: now },
        };
        self.accepted(app)
    }

    fn accepted(&mut self, app: InstalledApp) -> Answer {
        let mut body = Dictionary::new();
        body.insert("Identifier".into(), app.bundle_id.clone().into());
        // Real devices call an app that waits for its download Installing in this answer.
        let state = match app.phase {
            Phase::Queued { .. } => "Installing",
            _ => app.phase.status().unwrap_or("Unknown"),
        };
        body.insert("State".into(), state.into());
        self.apps.insert(app.bundle_id.clone(), app);
        Answer::Report {
            status: "Acknowledged",
            body,
        }
    }

    /// Devices are not of one mind about the reason they give.
    fn without_licence(&mut self) -> Answer {
        let reason = [None, Some("Other"), Some("LicenseNotFound")][self.rng.below(3)];
        refused(
            &mut self.rng,
            reason,
            &[(12064, "MCMDMErrorDomain"), (2605, "DeviceManagement.error")],
        )
    }

    fn cannot_run(&mut self, facts: &AppFacts) -> Option<Answer> {
        let family = if self.spec.is_ipad() { "ipad" } else { "iphone" };
        let families = &facts.device_families;
        // An app made for the iPhone alone runs on an iPad too.
        let by_family = families.is_empty()
            || families.iter().any(|known| known == family)
            || (self.spec.is_ipad() && families.iter().any(|known| known == "iphone"));
        if !facts.platforms.iter().any(|platform| platform == "iOS") || !by_family {
            return Some(refused(
                &mut self.rng,
                Some("NotSupported"),
                &[(12027, "MCMDMErrorDomain")],
            ));
        }
        if version(&facts.minimum_os) > self.spec.os() {
            return Some(refused(
                &mut self.rng,
                Some("NotSupported"),
                &[(12035, "MCMDMErrorDomain")],
            ));
        }
        None
    }

    /// A managed app goes at once with its data.
    pub fn remove(&mut self, command: &Dictionary) -> Answer {
        let bundle_id = command.get("Identifier").and_then(Value::as_string).unwrap_or_default();
        match self.apps.get(bundle_id).map(|app| &app.phase) {
            Some(Phase::Queued { .. } | Phase::Installing { .. } | Phase::Updating { .. }) => {
                refused(&mut self.rng, None, &[(12036, "MCMDMErrorDomain")])
            }
            Some(
                Phase::Managed
                | Phase::ManagedButUninstalled
                | Phase::PromptingForUpdate { .. }
                | Phase::UpdateRejected
                | Phase::NeedsRedemption
                | Phase::Prompting { .. }
                | Phase::PromptingForLogin,
            ) => {
                self.apps.remove(bundle_id);
                Answer::Report {
                    status: "Acknowledged",
                    body: Dictionary::new(),
                }
            }
            _ => refused(&mut self.rng, None, &[(12038, "MCMDMErrorDomain")]),
        }
    }

    /// Lists the managed apps. What is said only once is over when this returns: from here on
    /// it exists only in the result.
    pub fn managed_application_list(&mut self, command: &Dictionary) -> Answer {
        let wanted = identifiers(command);
        let mut list = Dictionary::new();
        for (bundle_id, app) in &mut self.apps {
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(bundle_id)) {
                continue;
            }
            let Some(status) = app.phase.status() else { continue };
            list.insert(bundle_id.clone(), app.entry(status));
            app.phase = app.phase.after_telling();
        }
        self.apps.retain(|_, app| !app.is_nothing());
        let mut body = Dictionary::new();
        body.insert("ManagedApplicationList".into(), list.into());
        Answer::Report {
            status: "Acknowledged",
            body,
        }
    }

    pub fn installed_application_list(&self, command: &Dictionary) -> Answer {
        let wanted = identifiers(command);
        let managed_only = command.get("ManagedAppsOnly").and_then(Value::as_boolean) == Some(true);
        let items: Option<Vec<&str>> = command
            .get("Items")
            .and_then(Value::as_array)
            .map(|items| items.iter().filter_map(Value::as_string).collect());
        let mut list = Vec::new();
        for (bundle_id, app) in &self.apps {
            let installing = matches!(app.phase, Phase::Queued { .. } | Phase::Installing { .. });
            if wanted.as_ref().is_some_and(|wanted| !wanted.contains(bundle_id))
                || !(app.is_on_the_device() || installing)
                || (managed_only && !app.is_managed() && !installing)
            {
                continue;
            }
            let mut item = Dictionary::new();
            item.insert("Identifier".into(), bundle_id.clone().into());
            item.insert("Name".into(), app.name.clone().into());
            // A placeholder stands in until the download is complete.
            let shown = if installing { "1.0" } else { &app.version };
            item.insert("ShortVersion".into(), shown.into());
            item.insert("Version".into(), shown.into());
            item.insert("ExternalVersionIdentifier".into(), app.external_version.into());
            item.insert("Installing".into(), installing.into());
            item.insert("DeviceBasedVPP".into(), app.by_device_licence.into());
            item.insert("AppStoreVendable".into(), (!app.by_device_licence).into());
            item.insert("IsValidated".into(), (!installing).into());
            item.insert("BetaApp".into(), false.into());
            item.insert("AdHocCodeSigned".into(), false.into());
            item.insert("HasUpdateAvailable".into(), false.into());
            item.insert("BundleSize".into(), 48_234_496.into());
            item.insert("DynamicSize".into(), 126_976.into());
            if let Some(items) = &items {
                item.retain(|key, _| items.contains(&key.as_str()));
            }
            list.push(item.into());
        }
        let mut body = Dictionary::new();
        body.insert("InstalledApplicationList".into(), Value::Array(list));
        Answer::Report {
            status: "Acknowledged",
            body,
        }
    }

    /// The person deletes an app. False when there is nothing to delete, or it may not be.
    pub fn user_removes(&mut self, bundle_id: &str) -> bool {
        let Some(app) = self.apps.get_mut(bundle_id) else {
            return false;
        };
        if !app.is_on_the_device() || (app.is_managed() && !app.removable) {
            return false;
        }
        match app.is_managed() {
            true => app.phase = Phase::ManagedButUninstalled,
            false => {
                self.apps.remove(bundle_id);
            }
        }
        true
    }

    /// The person gets an app from the store. False when it is there already.
    pub fn user_installs(&mut self, facts: &AppFacts) -> bool {
        match self.apps.get_mut(&facts.bundle_id) {
            Some(app) if app.is_on_the_device() => false,
            Some(app) if matches!(app.phase, Phase::ManagedButUninstalled) => {
                app.phase = Phase::Managed;
                true
            }
            Some(app) => {
                app.phase = Phase::UserInstalledApp;
                true
            }
            None => {
                self.apps.insert(facts.bundle_id.clone(), InstalledApp::own(facts));
                true
            }
        }
    }

    /// The person answers a question about an app. False when none is on the screen.
    pub fn user_answers(&mut self, bundle_id: &str, accepts: bool, now: i64) -> bool {
        let Some(app) = self.apps.get_mut(bundle_id) else {
            return false;
        };
        let next = app.answered(accepts, now, &self.spec);
        let asked = next != app.phase;
        app.phase = next;
        asked
    }
}

fn identifiers(command: &Dictionary) -> Option<Vec<String>> {
    let identifiers = command.get("Identifiers")?.as_array()?;
    Some(
        identifiers
            .iter()
            .filter_map(Value::as_string)
            .map(String::from)
            .collect(),
    )
}

fn refused(rng: &mut Rng, reason: Option<&str>, errors: &[(i64, &str)]) -> Answer {
    let mut body = Dictionary::new();
    if let Some(reason) = reason {
        body.insert("RejectionReason".into(), reason.into());
    }
    body.insert("ErrorChain".into(), chain(rng, errors));
    Answer::Report { status: "Error", body }
}
