//! Devices that nobody moves but the caller: no network, no clock, no task of their own.
//!
//! What they write and what they do with a command is the same as in a [`Fleet`](super::Fleet); when they speak, and what
//! becomes of their words on the way, is for the caller to say. They sign nothing.

use std::collections::BTreeMap;

use super::apps::Phase;
use super::commands::{Received, Wanted};
use super::device::{Device, Leaving, Profile};
use super::installing::Install;
use super::store::{AppName, Licence};
use super::{DeviceSnapshot, DeviceSpec, snapshot};
use crate::facts::AppFacts;

/// What the store knows, for a device that installs.
pub trait Market {
    fn app(&self, adam_id: Option<&str>, bundle_id: Option<&str>) -> Option<AppFacts>;
    fn licence(&self, adam_id: &str, serial: &str, account: Option<&str>) -> Licence;
}

/// What a device says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    pub check_in: bool,
    /// A property list.
    pub body: Vec<u8>,
}

impl Said {
    fn check_in(body: String) -> Said {
        Said {
            check_in: true,
            body: body.into_bytes(),
        }
    }
}

/// Devices by their serial numbers.
pub struct Hand {
    seed: u64,
    queue_ms: i64,
    devices: BTreeMap<String, Device>,
}

impl Hand {
    /// `queue_ms`: how long an app is queued before its download starts.
    pub fn new(seed: u64, queue_ms: i64) -> Hand {
        Hand {
            seed,
            queue_ms,
            devices: BTreeMap::new(),
        }
    }

    /// Gives the device a profile for that topic: what it says to enrol, in order. A device that had another one keeps its
    /// apps.
    pub fn enrol(&mut self, spec: DeviceSpec, topic: &str) -> [Said; 2] {
        let seed = self.seed;
        let device = self
            .devices
            .entry(spec.serial.clone())
            .or_insert_with(|| Device::new(spec.clone(), seed, ""));
        if device.spec.account != spec.account {
            // Nobody accepts with their account what somebody else was shown.
            device.invitations.retain(|invitation| invitation.accepted);
        }
        device.invite_again(spec, "");
        device.take_profile(Profile {
            server_url: String::new(),
            check_in_url: String::new(),
            topic: topic.to_owned(),
            p12: Vec::new(),
            password: String::new(),
            sign_message: false,
            check_out_when_removed: true,
            access_rights: 8191,
            identifier: mdm::profile::IDENTIFIER.to_owned(),
        });
        [device.authenticate(), device.token_update(true)].map(Said::check_in)
    }

    /// The server took both messages, or one of them not: then the profile is of no use.
    pub fn enrolled(&mut self, serial: &str, taken: bool, now: i64) {
        self.act(serial, now, |device| match taken {
            true => device.enrolled(now),
            false => device.drop_enrolment("the server did not take it"),
        });
    }

    /// A push for this token came.
    pub fn hears(&mut self, token: &str, magic: &str) {
        for device in self.devices.values_mut() {
            if device.token_hex().eq_ignore_ascii_case(token) && !token.is_empty() {
                device.push(magic);
            }
        }
    }

    /// It asks for work without a push, as when it is unlocked after a day.
    pub fn looks(&mut self, serial: &str) {
        if let Some(device) = self.devices.get_mut(serial) {
            let magic = device.push_magic.clone();
            device.push(&magic);
        }
    }

    /// What it says next, if it has anything to say and a network. The same until the server has it.
    pub fn says(&mut self, serial: &str, now: i64) -> Option<Said> {
        let device = self.devices.get_mut(serial)?;
        device.advance(now);
        if device.is_offline(now) || device.retry_at.is_some_and(|at| at > now) {
            return None;
        }
        device.next_message(now).map(|body| Said {
            check_in: false,
            body: body.into_bytes(),
        })
    }

    /// A result that the server got long ago, to be sent again.
    pub fn old_result(&self, serial: &str, which: usize) -> Option<Said> {
        let old = &self.devices.get(serial)?.old_results;
        let body = old.get(which.checked_rem(old.len())?)?.body.clone();
        Some(Said {
            check_in: false,
            body: body.into_bytes(),
        })
    }

    /// The server has what was said last, and answers with a command or with nothing. `Some` is a last word: the profile
    /// is gone.
    pub fn hears_answer(
        &mut self,
        serial: &str,
        command: Option<&[u8]>,
        market: &dyn Market,
        now: i64,
    ) -> Option<Said> {
        let device = self.devices.get_mut(serial)?;
        device.advance(now);
        if let Some(leaving) = device.leaving {
            return leave(device, leaving);
        }
        if !device.is_enrolled() {
            return None;
        }
        device.delivered(command.is_some());
        let command = command?;
        let message = match mdm::plist::parse(command) {
            Ok(message) => message,
            Err(error) => {
                device.complain(format!("a command could not be read: {error}"));
                device.session_broken();
                return None;
            }
        };
        match device.receive(&message, now) {
            Received::Lost => device.session_broken(),
            Received::Answered => {}
            Received::Leaves(leaving) => return leave(device, leaving),
            Received::AskStore(wanted) => install(device, &wanted, market, self.queue_ms, now),
        }
        None
    }

    /// What was said last, or the answer to it, is lost. It is said again, later.
    pub fn hears_nothing(&mut self, serial: &str, now: i64) {
        let Some(device) = self.devices.get_mut(serial) else {
            return;
        };
        match device.leaving {
            // It leaves as soon as its answer was sent, whether or not that arrives.
            Some(leaving) => {
                leave(device, leaving);
            }
            None => device.undelivered(now, 1_000, 60_000),
        }
    }

    /// The server does not know it any more.
    pub fn is_turned_away(&mut self, serial: &str) {
        if let Some(device) = self.devices.get_mut(serial) {
            device.session_broken();
            device.result = None;
        }
    }

    /// The invitations that its person accepts by now: code and account. `None` of the codes is accepted twice.
    pub fn accepts(&mut self, serial: &str, now: i64) -> Vec<(String, String)> {
        let Some(device) = self.devices.get_mut(serial) else {
            return Vec::new();
        };
        let Some(account) = device.spec.account.clone() else {
            return Vec::new();
        };
        let due = device
            .invitations
            .iter_mut()
            .filter(|it| !it.accepted && it.accept_at.is_some_and(|at| at <= now));
        due.map(|invitation| {
            invitation.accepted = true;
            (invitation.code.clone(), account.clone())
        })
        .collect()
    }

    /// The person accepts whatever is on the screen, whatever the habit is.
    pub fn will_accept(&mut self, serial: &str, now: i64) {
        self.act(serial, now, |device| {
            for invitation in device.invitations.iter_mut().filter(|it| !it.accepted) {
                invitation.accept_at = Some(now);
            }
        });
    }

    pub fn user_removes(&mut self, serial: &str, bundle_id: &str, now: i64) {
        self.act(serial, now, |device| {
            device.user_removes(bundle_id);
        });
    }

    /// The person answers every question on the screen.
    pub fn user_answers(&mut self, serial: &str, accepts: bool, now: i64) {
        self.act(serial, now, |device| {
            let apps: Vec<String> = device.apps.keys().cloned().collect();
            for app in apps {
                device.user_answers(&app, accepts, now);
            }
        });
    }

    /// Who waited for an account to sign in goes on without a licence.
    pub fn log_ins_fail(&mut self, serial: &str, now: i64) {
        self.act(serial, now, |device| {
            let waiting = device.apps.values_mut();
            for app in waiting.filter(|app| app.phase == Phase::PromptingForLogin) {
                app.phase = Phase::Failed;
            }
        });
    }

    pub fn is_offline(&mut self, serial: &str, offline: bool) {
        if let Some(device) = self.devices.get_mut(serial) {
            device.offline = offline;
            device.retry_at = None;
        }
    }

    pub fn change(&mut self, serial: &str, change: impl FnOnce(&mut DeviceSpec)) {
        if let Some(device) = self.devices.get_mut(serial) {
            change(&mut device.spec);
            device.failing_downloads = device.failing_downloads.min(device.spec.failing_downloads);
        }
    }

    /// The person removes the profile. What it says then, if it was enrolled and has a network.
    pub fn checks_out(&mut self, serial: &str, now: i64) -> Option<Said> {
        let device = self.devices.get_mut(serial)?;
        if !device.is_enrolled() {
            return None;
        }
        let said = (!device.is_offline(now)).then(|| Said::check_in(device.check_out()));
        device.drop_enrolment("the person removed the profile");
        said
    }

    /// Somebody erases it. It says nothing.
    pub fn is_erased(&mut self, serial: &str) {
        if let Some(device) = self.devices.get_mut(serial) {
            device.erase();
        }
    }

    pub fn device(&mut self, serial: &str, now: i64) -> Option<DeviceSnapshot> {
        let device = self.devices.get_mut(serial)?;
        device.advance(now);
        Some(snapshot(device, now))
    }

    pub fn serials(&self) -> Vec<String> {
        self.devices.keys().cloned().collect()
    }

    fn act(&mut self, serial: &str, now: i64, act: impl FnOnce(&mut Device)) {
        if let Some(device) = self.devices.get_mut(serial) {
            device.advance(now);
            act(device);
        }
    }
}

fn leave(device: &mut Device, leaving: Leaving) -> Option<Said> {
    match leaving {
        Leaving::Unenrol => {
            let said = Said::check_in(device.check_out());
            device.drop_enrolment("the server removed the profile");
            Some(said)
        }
        Leaving::Erase => {
            device.erase();
            None
        }
    }
}

fn install(device: &mut Device, wanted: &Wanted, market: &dyn Market, queue_ms: i64, now: i64) {
    let facts = match wanted.app() {
        Some(AppName::AdamId(id)) => market.app(Some(&id), None),
        Some(AppName::BundleId(id)) => market.app(None, Some(&id)),
        None => None,
    };
    let account = device.spec.account.clone().filter(|_| !device.awaiting_configuration);
    let licence = facts.as_ref().map_or(Licence::None, |facts| {
        market.licence(&facts.adam_id, &device.spec.serial, account.as_deref())
    });
    let install = Install {
        command: &wanted.command,
        facts: facts.as_ref(),
        licence,
        queue_ms,
    };
    device.install_now(wanted.command_uuid.clone(), &install, now);
}
