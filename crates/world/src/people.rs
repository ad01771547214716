//! Devices, what they say, and the people who have them.

use std::time::Duration;

use mdm::{checkin::CheckIn, report::Report};
use server::{
    App,
    app::{
        AppError,
        devices::{DeviceRefused, Signer},
    },
};
use sha2::{Digest, Sha256};
use sim::devices::{DeviceSpec, Prompt, Said};
use store::{EnrolmentRow, NewIdentity};

use crate::world::{Owner, Shop, TOPIC, World, said};

impl World {
    /// A device is given a profile for a person, or for nobody: a new one, or one that was somebody's before.
    pub async fn device_enrols(&mut self, number: usize, serial: Option<String>) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let person = (!self.rng.chance(0.15)).then(|| self.people[number]);
        let serial = serial.unwrap_or_else(|| format!("D{number}{}", self.owners.len()));
        self.ids += 1;
        let identity = hex::encode(Sha256::digest(format!("{} {serial}", self.ids)));
        let now = app.now();
        let row = EnrolmentRow {
            id: domain::EnrolmentId(app.random.id()),
            person_id: person,
            token_sha256: hex::encode(Sha256::digest(&identity)),
            created_at: now,
            expires_at: now + Duration::from_secs(3600),
            downloaded_at: None,
            certificate_sha256: None,
            not_after: None,
            access_rights: None,
            revoked_at: None,
            device_id: None,
        };
        let mut tx = app.store.begin().await.map_err(said)?;
        if let Some(person) = person
            && !tx.person_stays(person).await.map_err(said)?
        {
            return Ok(());
        }
        tx.enrolment_insert(&row).await.map_err(said)?;
        let made = NewIdentity {
            sha256: &identity,
            not_after: now + Duration::from_secs(365 * 24 * 3600),
            access_rights: 8191,
        };
        tx.enrolment_downloaded(row.id, &made, now).await.map_err(said)?;
        tx.commit().await.map_err(said)?;
        let mut spec = self.habits(&serial, number);
        match person {
            Some(_) => self.say(format!("{serial} enrols for person {number}")),
            None => {
                spec.account = None;
                self.count("enrols for nobody");
                self.say(format!("{serial} enrols for nobody"));
            }
        }
        let messages = self.hand.enrol(spec, TOPIC);
        let mut taken = true;
        for message in messages {
            taken &= taken && self.hears(&app, &identity, &message).await?.is_ok();
        }
        let now = self.true_now();
        self.hand.enrolled(&serial, taken, now);
        if taken {
            self.seen.told.retain(|(of, _)| *of != serial);
            self.owners.insert(
                serial,
                Owner {
                    person,
                    identity,
                    name: number,
                },
            );
        }
        Ok(())
    }

    pub fn habits(&mut self, serial: &str, number: usize) -> DeviceSpec {
        let rng = &mut self.rng;
        let after = Duration::from_secs(rng.below(600) as u64);
        DeviceSpec {
            name: serial.to_owned(),
            supervised: rng.chance(0.7),
            account: Some(format!("person{number}@account.example")),
            accepts_invitation_after: Some(after),
            prompt: match rng.below(6) {
                0 => Prompt::Ignore,
                1 => Prompt::Reject { after },
                _ => Prompt::Accept { after },
            },
            not_now_for: Duration::from_secs(if rng.chance(0.2) { rng.below(7200) as u64 } else { 0 }),
            download_time: Duration::from_secs(rng.below(60) as u64),
            failing_downloads: u32::from(rng.chance(0.15)),
            lost_commands: if rng.chance(0.2) { 0.2 } else { 0.0 },
            refused_installs: u32::from(rng.chance(0.1)),
            pretended_installs: u32::from(rng.chance(0.1)),
            ..DeviceSpec::new(serial)
        }
    }

    /// Gives a server what a device says. The outer error is a broken promise.
    pub async fn hears(
        &mut self,
        app: &App,
        identity: &str,
        said_: &Said,
    ) -> Result<Result<Option<Vec<u8>>, ()>, String> {
        let signer = Signer::believed(identity);
        let message = mdm::plist::parse(&said_.body).map_err(said)?;
        let taken = if said_.check_in {
            let message = CheckIn::parse(&message).map_err(said)?;
            app.check_in(&signer, message).await.map(|()| None)
        } else {
            let report = Report::parse(message).map_err(said)?;
            if let Some(apps) = report.managed_apps()
                && let Some(device) = self.by_udid(&report.id)
            {
                for (bundle_id, listed) in apps {
                    if listed.status.as_str() == "Managed" {
                        self.seen.told.insert((device.serial.clone(), bundle_id));
                    }
                }
            }
            app.device_report(&signer, report).await
        };
        match taken {
            Ok(reply) => Ok(Ok(reply)),
            Err(DeviceRefused::App(AppError::Store(error))) => Err(format!("a device was not served: {}", said(error))),
            Err(_) => Ok(Err(())),
        }
    }

    /// A device says one thing, and hears what it hears.
    pub async fn device_speaks(&mut self, serial: &str, faults: bool) -> Result<bool, String> {
        let now = self.true_now();
        self.hand.log_ins_fail(serial, now);
        for (code, account) in self.hand.accepts(serial, now) {
            self.say(format!("{account} accepts"));
            let _refused = self.apple.accept(&code, &account);
        }
        let Some(message) = self.hand.says(serial, now) else {
            return Ok(false);
        };
        let Some(owner) = self.owners.get(serial) else {
            return Ok(false);
        };
        let identity = owner.identity.clone();
        let Some((_, app)) = self.somebody() else {
            self.hand.hears_nothing(serial, now);
            return Ok(false);
        };
        if faults && self.rng.chance(0.05) {
            self.hand.hears_nothing(serial, now);
            return Ok(false);
        }
        let twice = faults && self.rng.chance(0.06);
        let lost = faults && self.rng.chance(0.06);
        if twice {
            let _lost = self.hears(&app, &identity, &message).await?;
        }
        let reply = self.hears(&app, &identity, &message).await?;
        if faults && self.rng.chance(0.05) {
            let which = self.rng.below(8);
            if let Some(old) = self.hand.old_result(serial, which) {
                let _unheard = self.hears(&app, &identity, &old).await?;
            }
        }
        if lost {
            self.hand.hears_nothing(serial, now);
            return Ok(true);
        }
        let Ok(command) = reply else {
            self.hand.is_turned_away(serial);
            return Ok(false);
        };
        if let Some(command) = &command {
            self.is_told(&app, serial, command).await?;
        }
        let market = Shop(&self.apple);
        let last_word = self.hand.hears_answer(serial, command.as_deref(), &market, now);
        if let Some(last_word) = last_word
            && !(faults && self.rng.chance(0.3))
        {
            let _unheard = self.hears(&app, &identity, &last_word).await?;
        }
        Ok(command.is_some())
    }

    /// Looks at a command before the device does.
    pub async fn is_told(&mut self, app: &App, serial: &str, command: &[u8]) -> Result<(), String> {
        let message = mdm::plist::parse(command).map_err(said)?;
        let command = message.get("Command").and_then(|command| command.as_dictionary());
        let text = |key: &str| {
            command
                .and_then(|command| command.get(key)?.as_string())
                .map(str::to_owned)
        };
        let kind = text("RequestType").unwrap_or_default();
        self.say(format!("{serial} hears {kind}"));
        self.count(&kind);
        if kind == "InstalledApplicationList" {
            return Err(format!("P9: {serial} is asked for what else its person has"));
        }
        if kind != "InstallApplication" {
            return Ok(());
        }
        let number = command.and_then(|command| command.get("iTunesStoreID")?.as_unsigned_integer());
        let adam_id = number.map(|number| number.to_string());
        let asset = self
            .apps
            .iter()
            .find(|(id, ..)| Some(id) == adam_id.as_ref())
            .map(|(_, asset, _)| *asset);
        let person = self.owners.get(serial).map(|owner| owner.person);
        match (asset, person) {
            (Some(asset), Some(person)) => self.installs_rightly(app, (person, serial), asset).await,
            _ => Err(format!("{serial} is told to install what nobody knows: {adam_id:?}")),
        }
    }

    /// Everything that devices have to say now is said.
    pub async fn everybody_speaks(&mut self) -> Result<(), String> {
        self.pushes_arrive();
        for serial in self.hand.serials() {
            for _ in 0..60 {
                if !self.device_speaks(&serial, false).await? {
                    break;
                }
            }
        }
        Ok(())
    }

    pub fn pushes_arrive(&mut self) {
        for push in self.apple.pushes_so_far(self.pushes) {
            self.pushes = push.id;
            self.hand.hears(&push.token, &push.magic);
        }
    }

    pub async fn person_acts(&mut self) -> Result<(), String> {
        let serials = self.hand.serials();
        if serials.is_empty() {
            return Ok(());
        }
        let serial = serials[self.rng.below(serials.len())].clone();
        let now = self.true_now();
        match self.rng.below(12) {
            0..=2 => {
                let (.., bundle) = self.apps[self.rng.below(self.apps.len())].clone();
                self.say(format!("{serial} loses {bundle}"));
                self.hand.user_removes(&serial, &bundle, now);
            }
            3 => {
                let accepts = self.rng.chance(0.5);
                self.hand.user_answers(&serial, accepts, now);
            }
            4 => self.hand.will_accept(&serial, now),
            5 | 6 => {
                let offline = self.rng.chance(0.5);
                self.say(format!("{serial} has {} network", if offline { "no" } else { "a" }));
                self.hand.is_offline(&serial, offline);
            }
            7 => {
                let said = self.hand.checks_out(&serial, now);
                self.say(format!("{serial} loses its profile"));
                if let (Some(said), Some(owner), Some((_, app))) = (
                    said,
                    self.owners.get(&serial).map(|owner| owner.identity.clone()),
                    self.somebody(),
                ) && self.rng.chance(0.7)
                {
                    let _unheard = self.hears(&app, &owner, &said).await?;
                }
            }
            8 => {
                self.say(format!("{serial} is erased"));
                self.hand.is_erased(&serial);
            }
            9 => {
                if let Some(owner) = self.owners.get(&serial) {
                    let number = if self.rng.chance(0.7) {
                        owner.name
                    } else {
                        self.rng.below(self.people.len())
                    };
                    self.device_enrols(number, Some(serial)).await?;
                }
            }
            _ => self.hand.looks(&serial),
        }
        Ok(())
    }
}
