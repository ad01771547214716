//! What has to be true after each step, whatever happened.

use std::collections::{BTreeMap, BTreeSet};

use domain::{AssetId, PersonId, TokenState};
use sim::{
    apple::{Holder, Ledger},
    devices::DeviceSnapshot,
};
use store::{OperationState, SeatState};

use crate::{
    derived,
    world::{DEPARTMENT, World, name_of, said},
};

/// What a device does with an app in these states: it is there, or comes.
fn is_there(state: &str) -> bool {
    matches!(
        state,
        "Managed" | "Installing" | "Queued" | "Updating" | "UserInstalledApp" | "Prompting"
    )
}

impl World {
    /// # Errors
    ///
    /// Says which promise is broken, and how.
    pub async fn promises_hold(&mut self) -> Result<(), String> {
        let ledger = self.apple.ledger();
        self.remember(&ledger);
        if let Err(mistake) = ledger.check() {
            return Err(format!("P1: {mistake}"));
        }
        self.writes_are_right(&ledger).await?;
        let Some(app) = self.anybody() else { return Ok(()) };
        let locations = app.store.locations().await.map_err(said)?;
        let uids: Vec<&str> = locations.iter().map(|location| location.uid.as_str()).collect();
        if !uids.iter().all(|uid| *uid == ledger.main().uid) || uids.len() > 1 {
            return Err(format!(
                "P3: the account of {} is linked as {uids:?}",
                ledger.main().uid
            ));
        }
        let Some(location) = locations.into_iter().next() else {
            return Ok(());
        };
        let open = app.store.operations_open(location.id).await.map_err(said)?;
        for operation in &open {
            let lives = match operation.state {
                OperationState::Queued => operation.dead_at.is_none() && operation.event_id.is_none(),
                OperationState::Sending => operation.dead_at.is_some() && operation.sent_at.is_some(),
                OperationState::Pending => operation.event_id.is_some() && operation.not_before.is_some(),
                OperationState::Done | OperationState::Failed => false,
            };
            if !lives {
                return Err(format!("P5: nobody reads back what becomes of {operation:?}"));
            }
        }
        let open: BTreeSet<_> = open.into_iter().map(|operation| operation.id).collect();
        for row in app.store.apps(location.id).await.map_err(said)? {
            let seats = app.store.seats(row.id).await.map_err(said)?;
            for seat in &seats {
                let waits = seat.operation_id.is_some_and(|id| open.contains(&id));
                if (seat.state != SeatState::Held) != waits {
                    return Err(format!("P5: a licence of {} waits for nothing: {seat:?}", row.adam_id));
                }
            }
            let taken = i64::try_from(seats.len()).unwrap_or(i64::MAX);
            if taken != row.taken {
                return Err(format!(
                    "P1: {} has {taken} seats, and counts {}",
                    row.adam_id, row.taken
                ));
            }
            self.is_not_overdrawn(&row, &ledger)?;
        }
        Ok(())
    }

    /// P1, at Apple and in our books: but for what was taken by others, or refunded, since we looked.
    fn is_not_overdrawn(&mut self, row: &store::AppRow, ledger: &Ledger) -> Result<(), String> {
        let Some(asset) = ledger.main().asset(&row.adam_id).filter(|asset| !asset.unlimited) else {
            return Ok(());
        };
        let unheard = self.excused.unheard.get(&row.adam_id).copied().unwrap_or_default();
        let at_apple = i64::try_from(asset.holders.len()).unwrap_or(i64::MAX) + asset.on_the_way;
        let here = row.taken + row.foreign_held;
        for (out, owned, whose) in [(at_apple, asset.total, "at Apple"), (here, row.owned, "here")] {
            if out > owned + unheard {
                return Err(format!(
                    "P1: {out} of {owned} of {} {whose}, and {unheard} went without a word",
                    row.adam_id
                ));
            }
        }
        let known = (row.owned, row.foreign_held) == (asset.total, self.foreign.held_of(&row.adam_id));
        if known && at_apple <= asset.total && here <= row.owned {
            self.excused.unheard.remove(&row.adam_id);
        }
        Ok(())
    }

    fn remember(&mut self, ledger: &Ledger) {
        for asset in &ledger.main().assets {
            for holder in &asset.holders {
                let (Holder::User(id) | Holder::Device(id)) = holder;
                self.seen.confirmed.insert((asset.adam_id.clone(), id.clone()));
            }
        }
    }

    /// P2 and P4, of every write that Apple heard since the last look.
    async fn writes_are_right(&mut self, ledger: &Ledger) -> Result<(), String> {
        let writes = self.apple.writes();
        let new = writes.get(self.seen.writes..).unwrap_or_default().to_vec();
        self.seen.writes = writes.len();
        if new.is_empty() {
            return Ok(());
        }
        let foreign: BTreeSet<String> = self.foreign.ids().into_iter().map(str::to_owned).collect();
        for write in &new {
            let ids = |list: &str| -> Vec<String> {
                let items = write.body[list].as_array().into_iter().flatten();
                let id = |item: &serde_json::Value| item["clientUserId"].as_str().or(item.as_str()).map(str::to_owned);
                items.filter_map(id).collect()
            };
            self.tells_nothing(write)?;
            for id in ["users", "clientUserIds", "serialNumbers"].into_iter().flat_map(ids) {
                if foreign.contains(&id) {
                    return Err(format!("P2: a write about another server's {id}: {write:?}"));
                }
            }
            let asks = ["users", "clientUserIds"].into_iter().any(|list| !ids(list).is_empty());
            let since = self.network.told_at().filter(|_| self.seen.taken_over);
            // What was on its way then arrives within the time that a request has.
            if asks && since.is_some_and(|told_at| write.at > told_at + 45_000) {
                return Err(format!("P2: a write after another server took over: {write:?}"));
            }
            if write.path == "assets/disassociate" && (200..300).contains(&write.status) && write.error_number.is_none()
            {
                self.returned_rightly(
                    write.body["assets"][0]["adamId"].as_str().unwrap_or_default(),
                    &ids("clientUserIds"),
                    &ids("serialNumbers"),
                )
                .await?;
            }
        }
        for event in &ledger.main().events {
            for failure in &event.failures {
                if matches!(failure.number, 9616 | 9619 | 9716) {
                    return Err(format!("P5: was asked for twice: {:?} {failure:?}", event.event_type));
                }
            }
        }
        Ok(())
    }

    /// P9: Apple learns ids that say nothing of the people behind them.
    fn tells_nothing(&self, write: &sim::apple::Write) -> Result<(), String> {
        let body = write.body.to_string();
        let named = |number: usize| body.contains(&name_of(number)) || body.contains(&self.people[number].to_string());
        if body.contains(DEPARTMENT) || (0..self.people.len()).any(named) {
            return Err(format!("P9: Apple learns of a person: {write:?}"));
        }
        Ok(())
    }

    /// P4: whoever gives a licence back has no device of ours with the app, but for those that have another licence by then.
    async fn returned_rightly(&mut self, adam_id: &str, users: &[String], serials: &[String]) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        let Some(location) = app.store.location_linked().await.map_err(said)? else {
            return Ok(());
        };
        let people: BTreeMap<String, PersonId> = app
            .store
            .client_user_people(location.id)
            .await
            .map_err(said)?
            .into_iter()
            .collect();
        let Some(bundle_id) = self.bundle_of(adam_id) else {
            return Ok(());
        };
        let rows = app.devices().await.map_err(said)?;
        let giving: BTreeSet<PersonId> = users.iter().filter_map(|user| people.get(user).copied()).collect();
        let ledger = self.apple.ledger();
        let has_another = |person: PersonId, serial: &str| {
            ledger.main().holders(adam_id).iter().any(|holder| match holder {
                Holder::User(user) => people.get(user) == Some(&person) && !users.contains(user),
                Holder::Device(id) => id == serial && !serials.contains(id),
            })
        };
        for row in rows.iter().filter(|row| !row.enrolment.is_over()) {
            let serial = row.serial.clone().unwrap_or_default();
            if giving.contains(&row.person_id) || serials.contains(&serial) {
                let Some(device) = self.by_udid(&row.udid) else {
                    continue;
                };
                let there = device.apps.get(&bundle_id).is_some_and(|state| is_there(state));
                let there = there && !has_another(row.person_id, &serial);
                if device.enrolled && there {
                    return Err(format!(
                        "P4: the licence of {adam_id} goes back, and {} has the app: {:?}",
                        device.serial, device.apps
                    ));
                }
            }
        }
        Ok(())
    }

    /// P4: a device is told to install what it, or its person, was given by Apple.
    pub async fn installs_rightly(
        &mut self,
        app: &server::App,
        (person, serial): (Option<PersonId>, &str),
        asset: AssetId,
    ) -> Result<(), String> {
        let Some(location) = app.store.location_linked().await.map_err(said)? else {
            return Ok(());
        };
        let ledger = self.apple.ledger();
        self.remember(&ledger);
        let adam_id = self.adam_of(asset).unwrap_or_default();
        let users = app.store.client_user_people(location.id).await.map_err(said)?;
        let theirs = users.into_iter().filter(|(_, whose)| Some(*whose) == person);
        let mut theirs = theirs.map(|(user, _)| user).chain([serial.to_owned()]);
        if !theirs.any(|id| self.seen.confirmed.contains(&(adam_id.clone(), id))) {
            return Err(format!(
                "P4: {person:?} installs {adam_id} on {serial}, for which Apple gave no licence"
            ));
        }
        Ok(())
    }

    /// P8, and that what is kept follows from the facts: too much to look at after each step.
    ///
    /// # Panics
    ///
    /// When what is kept does not follow from the facts.
    pub async fn what_is_shown_is_so(&mut self) -> Result<(), String> {
        let Some(app) = self.anybody() else { return Ok(()) };
        let _settled = derived::judged(&app).await;
        let Some(overview) = app.overview().await.map_err(said)? else {
            return Ok(());
        };
        for view in &overview.apps {
            let Some(bundle_id) = &view.row.bundle_id else { continue };
            for (person, verdict) in &view.decision.people {
                for (device, shown) in &verdict.devices {
                    if shown.state != domain::InstallState::Installed {
                        continue;
                    }
                    let Some(row) = overview.devices.get(device) else {
                        continue;
                    };
                    let Some(snapshot) = self.by_udid(&row.udid) else {
                        continue;
                    };
                    if !self.seen.told.contains(&(snapshot.serial.clone(), bundle_id.clone())) {
                        return Err(format!(
                            "P8: {person} is shown with {bundle_id} on {}, which never said so",
                            snapshot.serial
                        ));
                    }
                }
            }
        }
        let shown = app.location_view().await.map_err(said)?.map(|view| view.state);
        if !self.seen.taken_over && shown == Some(TokenState::AssignedToExternalMdm) && !self.excused.owner {
            return Err("P8: another server is said to have the location, and none has".to_owned());
        }
        Ok(())
    }

    pub fn by_udid(&mut self, udid: &str) -> Option<DeviceSnapshot> {
        let now = self.true_now();
        let serials = self.hand.serials();
        let mut devices = serials.iter().filter_map(|serial| self.hand.device(serial, now));
        devices.find(|device| device.udid == udid)
    }
}
