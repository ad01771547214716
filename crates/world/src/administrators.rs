//! What administrators do.

use domain::{Approval, Deployment, GroupId, GroupKind, Installation, LicenseType, PersonId};
use server::{
    App,
    app::{
        AppError, Base, Caller,
        contract::Agreed,
        deployments::DeploymentChoice,
        leavers::Devices,
        leaving::Leave,
        members::MembersChange,
        people::NewPerson,
        tokens::{TokenRefused, TokenUpload},
    },
};
use sim::apple::TokenKind;
use store::PersonChange;

use crate::{
    flights::{Driven, Flight},
    network::Fate,
    world::{DEPARTMENT, Draft, Line, World, name_of, permitted, said},
};

fn chosen(lines: &[Deployment]) -> Vec<Line> {
    let line = |line: &Deployment| (line.group, line.approval, line.license_type, line.installation);
    lines.iter().map(line).collect()
}

impl World {
    /// Uploads the token and confirms it, while Apple listens. Whether it was taken.
    pub async fn links(&mut self) -> Result<bool, String> {
        match self.uploads(TokenKind::Valid).await? {
            None => Ok(false),
            Some(Ok(()) | Err(AppError::Token(TokenRefused::SameAgain))) => Ok(true),
            Some(Err(error)) => permitted("uploading the token", Err(error)).map(|()| false),
        }
    }

    /// P3: whatever else somebody uploads is refused, and changes nothing; that it did not is looked at after each step.
    pub async fn somebody_uploads_something_else(&mut self) -> Result<(), String> {
        // Not one that may only look: where Apple cannot tell, it counts as one that may write (`Licensing::may_write`).
        let kinds = [
            TokenKind::OtherAccount,
            TokenKind::Expired,
            TokenKind::Revoked,
            TokenKind::ExternalMdm,
        ];
        let kind = kinds[self.rng.below(kinds.len())];
        self.say(format!("a token {kind:?} is uploaded"));
        match self.uploads(kind).await? {
            Some(Ok(())) => Err(format!("P3: a token {kind:?} is taken")),
            Some(error) => permitted("uploading another token", error),
            None => Ok(()),
        }
    }

    /// What became of an upload, while Apple listens; `None` where nobody serves.
    async fn uploads(&mut self, kind: TokenKind) -> Result<Option<Result<(), AppError>>, String> {
        let Some((at, app)) = self.somebody() else {
            return Ok(None);
        };
        let file = self.apple.token_file(kind).into_bytes();
        let (told, hear) = std::sync::mpsc::channel();
        self.ids += 1;
        let work = async move {
            let upload = TokenUpload {
                file,
                display_name: "HQ".to_owned(),
                apple_id: "vpp@example.com".to_owned(),
            };
            let linked = async {
                let id = app.token_read(&Caller::System, upload).await?;
                app.token_link(&Caller::System, id, true).await
            };
            let _ = told.send(linked.await.map(|_| ()));
            Ok(())
        };
        let mut flight = Flight::new(self.ids, at, "upload", work);
        loop {
            match flight.drive(&self.network, &self.beat, &self.stores(), false).await {
                Driven::Ended(ended) => {
                    ended?;
                    return Ok(hear.try_recv().ok());
                }
                Driven::Held | Driven::Blocked => {
                    for held in self.network.held() {
                        if held.flight == flight.id {
                            self.network.lets_go(held.ticket, Fate::Heard);
                        }
                    }
                }
            }
        }
    }

    pub async fn somebody_comes(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let number = self.people.len();
        let new = NewPerson {
            name: name_of(number),
            department: self.rng.chance(0.3).then(|| DEPARTMENT.to_owned()),
            ..NewPerson::default()
        };
        let person = app.person_add(&Caller::System, new).await.map_err(said)?;
        self.people.push(person);
        self.say(format!("person {number} comes"));
        for _ in 0..1 + usize::from(self.rng.chance(0.2)) {
            self.device_enrols(number, None).await?;
        }
        Ok(())
    }

    pub async fn membership_changes(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let group = self.groups[self.rng.below(self.groups.len())];
        let person = self.people[self.rng.below(self.people.len())];
        let comes = self.rng.chance(0.65);
        if self.rng.chance(0.25) {
            return self.somebody_changes_department(&app, person, comes).await;
        }
        let mut change = MembersChange::default();
        match comes {
            true => change.add.insert(person.0),
            false => change.remove.insert(person.0),
        };
        self.say(format!("{person} {} {group}", if comes { "joins" } else { "leaves" }));
        let mut agreed = Agreed::default();
        loop {
            match app.group_members_change(&Caller::System, group, &change, &agreed).await {
                Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
                other => return permitted("changing a group", other.map(|_| ())),
            }
        }
    }

    /// A rule follows.
    async fn somebody_changes_department(&self, app: &App, person: PersonId, comes: bool) -> Result<(), String> {
        let department = comes.then(|| DEPARTMENT.to_owned());
        self.say(format!("{person} works in {department:?}"));
        let change = PersonChange {
            department: Some(department),
            ..PersonChange::default()
        };
        let changed = app.person_change(&Caller::System, person, Base::Latest, change).await;
        permitted("changing a person", changed)
    }

    /// What somebody may want of an app: for groups of people, or for those of devices.
    fn choices(&mut self) -> Vec<DeploymentChoice> {
        let people = self.rng.chance(0.75);
        let rules = self.by_rule.iter();
        let mut groups: Vec<GroupId> = rules
            .filter(|(_, kind)| (*kind == GroupKind::User) == people)
            .map(|(group, _)| *group)
            .collect();
        if people {
            groups.extend(&self.groups);
        }
        let mut choices = Vec::new();
        for group in groups {
            let approval = match self.rng.below(9) {
                0..=3 => Approval::Required,
                4 if people => Approval::Available,
                4 | 5 => Approval::Uninstall,
                6 => Approval::NotApplicable,
                _ => continue,
            };
            choices.push(DeploymentChoice {
                group,
                approval,
                deadline: None,
                license_type: match self.rng.below(4) {
                    0 => LicenseType::Device,
                    1 => LicenseType::Automatic,
                    _ => LicenseType::User,
                },
                kept_licenses: match approval.installs() && self.rng.chance(0.2) {
                    true => 1 + self.rng.below(3) as u64,
                    false => 0,
                },
                installation: match self.rng.chance(0.15) {
                    true => Installation::External,
                    false => Installation::Managed,
                },
            });
        }
        choices
    }

    pub async fn somebody_deploys(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let (adam_id, asset, _) = self.apps[self.rng.below(self.apps.len())].clone();
        let choices = self.choices();
        self.say(format!("{adam_id} is deployed: {choices:?}"));
        let mut agreed = Agreed::default();
        loop {
            let saved = app.deployments_save(&Caller::System, asset, Base::Latest, choices.clone(), &agreed);
            match saved.await {
                Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
                other => return permitted("saving a deployment", other),
            }
        }
    }

    /// Looks at what a change would do, and leaves it for later.
    pub async fn somebody_drafts(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let (adam_id, asset, _) = self.apps[self.rng.below(self.apps.len())].clone();
        let choices = self.choices();
        let lines = chosen(&app.deployments(asset).await.map_err(said)?);
        match app.deployments_preview(asset, &choices).await {
            Ok(preview) => {
                self.say(format!(
                    "somebody looks at what it does to deploy {adam_id}: {choices:?}"
                ));
                self.drafts.push(Draft {
                    asset,
                    choices,
                    version: preview.version.number,
                    digest: preview.digest,
                    lines,
                });
                Ok(())
            }
            Err(error) => permitted("previewing a deployment", Err(error)),
        }
    }

    /// P10: saves what was looked at some time ago. It is done when nothing is another than it was, and refused otherwise.
    pub async fn somebody_saves_a_draft(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        if self.drafts.is_empty() {
            return Ok(());
        }
        let at = self.rng.below(self.drafts.len());
        let draft = self.drafts.remove(at);
        let there = chosen(&app.deployments(draft.asset).await.map_err(said)?);
        let Ok(now) = app.deployments_preview(draft.asset, &draft.choices).await else {
            return Ok(());
        };
        let mut agreed = Agreed {
            digest: Some(draft.digest.clone()),
            take_back: None,
            ..Agreed::default()
        };
        let base = Base::Version(draft.version);
        let saved = loop {
            let saved = app.deployments_save(&Caller::System, draft.asset, base, draft.choices.clone(), &agreed);
            match saved.await {
                Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
                other => break other,
            }
        };
        let (is_theirs, is_same) = (there == draft.lines, now.digest == draft.digest);
        self.say(format!(
            "somebody saves what they looked at: {}",
            match &saved {
                Ok(()) => "done",
                Err(AppError::Stale(_)) => "somebody else was faster",
                Err(AppError::Outdated(_)) => "it does something else by now",
                Err(_) => "refused",
            }
        ));
        match saved {
            Ok(()) if !is_theirs => Err(format!("P10: what somebody else saved is lost: {there:?}")),
            Ok(()) if !is_same => Err("P10: what was saved is not what was previewed".to_owned()),
            Err(AppError::Stale(_)) if now.version.number == draft.version => {
                Err("P10: refused as if somebody else had been faster".to_owned())
            }
            Err(AppError::Outdated(_)) if is_same => Err("P10: refused as if it did something else".to_owned()),
            other => permitted("saving what was previewed", other),
        }
    }

    /// Every app is taken from everybody.
    pub async fn all_is_uninstalled(&mut self) -> Result<(), String> {
        self.say("everything is taken back");
        let Some(app) = self.anybody() else { return Ok(()) };
        for (_, asset, _) in self.apps.clone() {
            let choice = |group: &GroupId| DeploymentChoice {
                group: *group,
                approval: Approval::Uninstall,
                deadline: None,
                license_type: LicenseType::User,
                installation: Installation::Managed,
                kept_licenses: 0,
            };
            let choices: Vec<DeploymentChoice> = self.groups.iter().map(choice).collect();
            let mut agreed = Agreed::default();
            loop {
                let saved = app.deployments_save(&Caller::System, asset, Base::Latest, choices.clone(), &agreed);
                match saved.await {
                    Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
                    other => break permitted("taking everything back", other)?,
                }
            }
        }
        Ok(())
    }

    pub async fn somebody_leaves(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let number = self.rng.below(self.people.len());
        let person = self.people[number];
        if self.gone.remove(&person) {
            self.say(format!("person {number} is back"));
            return permitted(
                "returning",
                app.person_return(&Caller::System, person, Base::Latest, &Agreed::default())
                    .await,
            );
        }
        let devices = if self.rng.chance(0.7) {
            Devices::Retire
        } else {
            Devices::Keep
        };
        self.say(format!("person {number} leaves: {devices:?}"));
        self.gone.insert(person);
        let mut agreed = Agreed::default();
        loop {
            match app
                .person_leave(&Caller::System, person, Base::Latest, devices, &agreed)
                .await
            {
                Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
                other => return permitted("leaving", other),
            }
        }
    }

    pub async fn button(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let person = self.people[self.rng.below(self.people.len())];
        let (adam_id, asset, _) = self.apps[self.rng.below(self.apps.len())].clone();
        let caller = Caller::System;
        let (what, done) = match self.rng.below(8) {
            0 => ("looks", app.sync_now(&caller).await.map(|_| ())),
            1 => ("invites again", app.invite_again(&caller, person).await.map(|_| ())),
            2 => ("tries again", app.install_again_for(&caller, person, asset).await),
            3 | 4 => ("asks", app.app_request(&caller, asset, person).await),
            5 => ("asks no more", app.app_request_withdraw(&caller, asset, person).await),
            6 => ("is moved up", app.move_up(&caller, asset, person, "because").await),
            _ => ("is moved back", app.move_back(&caller, asset, person).await),
        };
        self.say(format!(
            "{person} {what} ({adam_id}): {}",
            if done.is_ok() { "done" } else { "refused" }
        ));
        permitted(what, done)
    }

    pub async fn device_goes(&mut self) -> Result<(), String> {
        let Some((_, app)) = self.somebody() else { return Ok(()) };
        let rows = app.devices().await.map_err(said)?;
        let Some(row) = rows.get(self.rng.below(rows.len())) else {
            return Ok(());
        };
        let Some(serial) = row.serial.clone() else {
            return Ok(());
        };
        let caller = Caller::System;
        let (what, done) = match self.rng.below(5) {
            0 | 1 => (
                "retire",
                app.device_leave(&caller, row.id, Leave::Retire, None, &Agreed::default())
                    .await,
            ),
            2 => (
                "wipe",
                app.device_leave(&caller, row.id, Leave::Wipe, None, &Agreed::default())
                    .await,
            ),
            3 => ("stay", app.device_stay(&caller, row.id).await),
            _ => {
                let done = app.device_remove(&caller, row.id, None, &Agreed::default()).await;
                ("be removed", done)
            }
        };
        self.say(format!(
            "{serial} is to {what}: {}",
            if done.is_ok() { "done" } else { "refused" }
        ));
        permitted(what, done)
    }
}
