//! The end: nothing goes wrong any more, people do what they are asked, and the world becomes as intended.

use std::collections::BTreeSet;

use domain::{Decision, DeploymentId, Detail, GroupKind, InstallState, Seat, decide, keeping};
use server::{
    App,
    app::{Caller, contract::Agreed},
};
use sim::devices::Prompt;
use uuid::Uuid;

use crate::{
    derived,
    oracle::Sides,
    world::{AFTER_DEVICES, ALL_LOOPS, DEPARTMENT, World, said},
};

/// In how many worlds everybody is asked why.
const ASKED_IN_ONE_OF: u64 = 5;
const MINUTE: i64 = 60_000;
const HOUR: i64 = 60 * MINUTE;
/// How long each round waits: first for requests and events, then for whatever is tried again ever more rarely. So many
/// rounds there are, and no more.
const WAITS: [(usize, i64); 4] = [(20, MINUTE), (20, 10 * MINUTE), (40, HOUR), (24, 12 * HOUR)];

impl World {
    /// Goes on until everything is as intended. How many rounds that took.
    ///
    /// # Errors
    ///
    /// Says what is not, when all rounds are over.
    ///
    /// # Panics
    ///
    /// When what is kept does not follow from the facts.
    pub async fn comes_to_rest(&mut self) -> Result<usize, String> {
        self.nothing_goes_wrong_any_more().await?;
        let waits = WAITS.into_iter().flat_map(|(times, ms)| std::iter::repeat_n(ms, times));
        let mut left = Vec::new();
        for (round, ms) in waits.enumerate() {
            self.passes(ms).await?;
            self.token_is_looked_after().await?;
            self.apple_notifies().await?;
            self.round(&ALL_LOOPS).await?;
            self.everybody_speaks().await?;
            self.round(&AFTER_DEVICES).await?;
            self.promises_hold().await?;
            left = self.is_left().await?;
            if left.is_empty() {
                self.everybody_is_told().await?;
                return Ok(round + 1);
            }
            if round % 10 == 9 {
                self.somebody_presses_buttons().await?;
            }
        }
        Err(format!("it does not come to rest:\n  {}", left.join("\n  ")))
    }

    /// For some minutes nothing gets lost: so far that some have what they should, of which something can become.
    ///
    /// # Errors
    ///
    /// When something happens that must not.
    pub async fn is_calm_for_a_while(&mut self) -> Result<(), String> {
        self.say("it is calm for a while");
        self.apple_is_well();
        self.all_start().await?;
        self.all_lands(None).await?;
        for _ in 0..3 {
            self.passes(MINUTE).await?;
            self.round(&ALL_LOOPS).await?;
            self.everybody_speaks().await?;
            self.promises_hold().await?;
        }
        Ok(())
    }

    async fn nothing_goes_wrong_any_more(&mut self) -> Result<(), String> {
        self.say("nothing goes wrong any more");
        self.apple_is_well();
        self.all_start().await?;
        self.all_lands(None).await?;
        let _too_late = self.network.orphans();
        self.comes_back().await?;
        for serial in self.hand.serials() {
            self.hand.is_offline(&serial, false);
            self.hand.change(&serial, |habits| {
                habits.prompt = Prompt::Accept {
                    after: std::time::Duration::ZERO,
                };
                habits.accepts_invitation_after = Some(std::time::Duration::ZERO);
                habits.not_now_for = std::time::Duration::ZERO;
                habits.lost_commands = 0.0;
                habits.refused_installs = 0;
                habits.pretended_installs = 0;
                habits.failing_downloads = 0;
            });
        }
        self.the_lost_are_taken_out().await?;
        Ok(())
    }

    /// An administrator who is told that the token cannot be used uploads it again.
    async fn token_is_looked_after(&mut self) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        let view = app.location_view().await.map_err(said)?;
        if view.is_none_or(|view| !view.state.usable()) {
            self.links().await?;
        }
        Ok(())
    }

    /// A device that lost its profile and could not say so is taken out by an administrator; one that was taken out, and does
    /// not know it, is erased.
    async fn the_lost_are_taken_out(&mut self) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        for row in app.devices().await.map_err(said)? {
            let enrolled = self.by_udid(&row.udid).is_some_and(|device| device.enrolled);
            if !enrolled && !row.enrolment.is_over() {
                app.device_remove(&Caller::System, row.id, None, &Agreed::default())
                    .await
                    .map_err(said)?;
            }
            // Whom nobody serves any more is erased by its person.
            if let Some(serial) = row.serial.filter(|_| enrolled && row.enrolment.is_over()) {
                self.hand.is_erased(&serial);
            }
        }
        Ok(())
    }

    /// What failed for good, or was turned down, is asked for once more by hand; and Apple is looked at.
    async fn somebody_presses_buttons(&mut self) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        self.the_lost_are_taken_out().await?;
        let now = self.true_now();
        for serial in self.hand.serials() {
            self.hand.will_accept(&serial, now);
            self.hand.user_answers(&serial, true, now);
            self.hand.looks(&serial);
        }
        let _refused = app.sync_now(&Caller::System).await;
        for person in self.people.clone() {
            let _refused = app.invite_again(&Caller::System, person).await;
            for (_, asset, _) in self.apps.clone() {
                let _refused = app.install_again_for(&Caller::System, person, asset).await;
            }
        }
        Ok(())
    }

    /// What is not as intended, each in one line.
    async fn is_left(&mut self) -> Result<Vec<String>, String> {
        let Some(app) = self.anybody() else {
            return Ok(vec!["nobody serves".to_owned()]);
        };
        if !derived::judged(&app).await {
            let view = app.location_view().await.map_err(said)?;
            let state = view.map(|view| (view.state, view.row.unanswered_since));
            return Ok(vec![format!("somebody is to be decided, and the token is {state:?}")]);
        }
        let snapshots = self.snapshots();
        let sides = Sides {
            app: &app,
            apple: &self.apple,
            fleet: Some(&snapshots),
            foreign: &self.foreign,
        };
        let mut left = sides.differences().await;
        let Some(location) = app.store.location_linked().await.map_err(said)? else {
            left.push("no token is linked".to_owned());
            return Ok(left);
        };
        let mut read = app.store.snapshot().await.map_err(said)?;
        let world = read.world(location.id, app.now()).await.map_err(said)?;
        drop(read);
        for facts in world.apps.values() {
            let decision = decide(&world, facts);
            for (person, verdict) in &decision.people {
                let waits = verdict.detail == Detail::WaitingForLicense || verdict.detail == Detail::NoLicenseAvailable;
                if waits && is_one_left(&world, facts, &decision, verdict.kept_by) {
                    left.push(format!("{person} waits for {}, of which there is one", facts.id));
                }
                for (device, shown) in &verdict.devices {
                    let rests = match shown.state {
                        InstallState::Installed
                        | InstallState::Licensed
                        | InstallState::NotApplicable
                        | InstallState::NotInstalled => true,
                        InstallState::PendingInstall => {
                            shown.detail == Detail::WaitingForLicense
                                || shown.detail == Detail::NoLicenseAvailable
                                // Who has no device that could show an invitation waits for one.
                                || verdict.detail == Detail::UserNotEnrolledInProgram
                        }
                        _ => false,
                    };
                    if !rests {
                        left.push(format!("{person} on {device}: {:?} {:?}", shown.state, shown.detail));
                    }
                }
            }
        }
        left.extend(self.rules_left(&app).await?);
        for row in app.devices().await.map_err(said)? {
            let open = app.device_commands(row.id, 20).await.map_err(said)?;
            for command in open.iter().filter(|command| command.state.is_open()) {
                left.push(format!("{} is still asked: {}", row.name, command.request_type));
            }
        }
        Ok(left)
    }

    /// Who is in a group that has a rule, and should not be, or the other way round.
    async fn rules_left(&self, app: &App) -> Result<Vec<String>, String> {
        let mut left = Vec::new();
        for (group, kind) in &self.by_rule {
            let expected: BTreeSet<Uuid> = match kind {
                GroupKind::User => {
                    let people = app.people().await.map_err(said)?.into_iter();
                    let here = people.filter(|row| row.left_at.is_none());
                    here.filter(|row| row.department.as_deref() == Some(DEPARTMENT))
                        .map(|row| row.id.0)
                        .collect()
                }
                GroupKind::Device => {
                    let devices = app.devices().await.map_err(said)?.into_iter();
                    let here = devices.filter(|row| !row.enrolment.is_over());
                    here.filter(|row| row.supervised == Some(true))
                        .map(|row| row.id.0)
                        .collect()
                }
            };
            let members = app.store.group_members(*group).await.map_err(said)?;
            let members: BTreeSet<Uuid> = members.into_iter().collect();
            for id in members.symmetric_difference(&expected) {
                let is_in = members.contains(id);
                left.push(format!(
                    "{id} is {}in {group}, and its rule says otherwise",
                    if is_in { "" } else { "not " }
                ));
            }
        }
        Ok(left)
    }

    async fn everybody_is_told(&mut self) -> Result<(), String> {
        self.what_is_shown_is_so().await?;
        // A quarter of what a world takes; what is asked hangs on facts that others have as well.
        if self.options.seed.is_multiple_of(ASKED_IN_ONE_OF)
            && let Some(app) = self.anybody()
        {
            derived::everybody_is_answered(&app).await;
        }
        Ok(())
    }
}

/// Whether one is free that is kept for nobody, or for those for whom this line of the deployment keeps some.
fn is_one_left(
    world: &domain::World,
    facts: &domain::Asset,
    decision: &Decision,
    kept_by: Option<DeploymentId>,
) -> bool {
    let Some(free) = decision.counts.free else {
        return true;
    };
    let lacks = |line: DeploymentId| {
        let theirs = decision.people.values().filter(|verdict| verdict.kept_by == Some(line));
        let seats = theirs.flat_map(|verdict| {
            let devices = verdict.devices.values().map(|device| (device.seat, device.keeps_seat));
            devices.chain([(verdict.seat, verdict.keeps_seat)])
        });
        let out = seats
            .filter(|(seat, keeps)| *keeps && seat.is_some_and(Seat::is_out))
            .count() as u64;
        let keeps = keeping(&world.policy, &facts.deployments).get(&line).copied();
        keeps.is_some_and(|keeps| keeps > out)
    };
    free > decision.counts.kept || (free > 0 && kept_by.is_some_and(lacks))
}
