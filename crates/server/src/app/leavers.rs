//! A person leaves the organisation, and may come back.
//!
//! Leaving says what is wanted, at once and in one transaction; what follows from it is the plan's: apps go, licences come
//! back, and when all are back Apple is asked to retire the client user ([`domain::Step::RetireUser`]). Whoever comes back
//! before that goes on with the same client user, and whoever comes back later gets a new one.

use std::time::Duration;

use domain::{Enrolment, PersonId};
use serde_json::json;
use store::{Actor, Base, NewEvent, Tx};

use super::{App, AppError, Caller, Problem};

/// How long a device of somebody who left is waited for before it is taken out, since they left and since it was heard
/// (A45). So long Apple lets an app go on whose licence was taken back: nobody is worse off for it (Apple, App, Book and
/// Subscription Management, 2026). The number is Apple's, so it is no setting.
pub const WAITED_FOR: Duration = Duration::from_secs(30 * 24 * 3600);
/// When no device at all was heard for so long, it is this server that cannot be reached.
const ANY_HEARD_WITHIN: Duration = Duration::from_secs(24 * 3600);
/// So many devices in one step: each is a transaction.
const AT_ONCE: i64 = 200;

/// What becomes of the devices of somebody who leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Devices {
    /// They are retired: everything that was managed goes, and then the profile.
    Retire,
    /// They stay enrolled, without the person's apps, until somebody retires them.
    Keep,
}

impl App {
    /// The person left, unless they were changed since `base`: groups, requests and enrolment links end at once.
    /// Of somebody who had left already nothing is changed.
    pub async fn person_leave(
        &self,
        caller: &Caller,
        id: PersonId,
        base: Base,
        devices: Devices,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.person_left(id, base, caller.changes(now)).await? {
            return unchanged(&mut tx, id, base).await;
        }
        let actor = caller.actor();
        let groups = tx.groups_of(id.0).await?;
        for (group, name) in &groups {
            tx.group_member_remove(*group, id.0, caller.changes(now)).await?;
            tx.event(
                &NewEvent::new(now, actor, "groupLeft")
                    .group(*group)
                    .person(id)
                    .with(json!({ "name": name })),
            )
            .await?;
        }
        tx.requests_delete(id).await?;
        let links = tx.enrolments_end(id, now).await?;
        let retired = match devices {
            Devices::Retire => self.devices_of_person_retire(&mut tx, id, actor).await?,
            Devices::Keep => self.devices_of_person_empty(&mut tx, id, actor).await?,
        };
        let names: Vec<_> = groups.into_iter().map(|(_, name)| name).collect();
        tx.event(
            &NewEvent::new(now, actor, "personLeft")
                .person(id)
                .with(json!({ "groups": names, "enrolmentLinks": links, "devicesRetired": retired })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// The person is back, unless they were changed since `base`. Groups are for somebody to say anew. What Apple has not
    /// been asked yet it is not asked.
    pub async fn person_return(&self, caller: &Caller, id: PersonId, base: Base) -> Result<(), AppError> {
        caller.may_write()?;
        let now = self.now();
        let mut tx = self.store.begin().await?;
        if !tx.person_back(id, base, caller.changes(now)).await? {
            return unchanged(&mut tx, id, base).await;
        }
        tx.event(&NewEvent::new(now, caller.actor(), "personReturned").person(id))
            .await?;
        for location in tx.retirements_withdraw(id).await? {
            let kept = NewEvent::new(now, Actor::System, "programUserKept");
            tx.event(&kept.location(location).person(id)).await?;
        }
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// What the devices have not answered yet they do not get any more; one in the middle of its enrolment never comes to
    /// its end. How many are retired: none.
    async fn devices_of_person_empty(&self, tx: &mut Tx, person: PersonId, actor: Actor) -> Result<usize, AppError> {
        for id in tx.devices_of(person).await?.into_iter().map(|device| device.id) {
            let Some(device) = tx.device_held(id).await? else {
                continue;
            };
            match device.enrolment {
                Enrolment::Pending => {
                    let cause = json!({ "cause": "personLeft" });
                    self.take_out(tx, &device, actor, cause).await?;
                }
                Enrolment::Enrolled => super::devices::withdraw_commands(tx, id, self.now()).await?,
                _ => {}
            }
        }
        Ok(0)
    }

    /// Takes out devices of people who left that do not answer, so that their licences do not stay there for ever. A device
    /// that comes back all the same has to enrol anew. How many.
    pub async fn devices_left_behind(&self) -> Result<usize, AppError> {
        let now = self.now();
        let before = now - WAITED_FOR;
        let silent = self
            .store
            .devices_left_behind(before, now - ANY_HEARD_WITHIN, AT_ONCE)
            .await?;
        let mut taken_out = 0;
        for id in silent {
            let mut tx = self.store.begin().await?;
            let heard = |device: &store::DeviceRow| device.last_seen_at.is_some_and(|at| at >= before);
            let Some(device) = tx.device_held(id).await?.filter(|device| !heard(device)) else {
                continue;
            };
            if device.enrolment.is_over() {
                continue;
            }
            self.take_out(&mut tx, &device, Actor::System, json!({ "cause": "personLeft" }))
                .await?;
            tx.commit().await?;
            taken_out += 1;
        }
        if taken_out > 0 {
            self.look_again();
        }
        Ok(taken_out)
    }
}

/// Nothing was to be changed, or somebody was faster.
async fn unchanged(tx: &mut Tx, id: PersonId, base: Base) -> Result<(), AppError> {
    let row = tx.person(id).await?.ok_or(AppError::NotFound("person"))?;
    if base.is(&row.version) {
        Ok(())
    } else {
        Err(AppError::Stale("person"))
    }
}

/// Keeps the person from leaving until the transaction ends, for whoever gives them something.
pub(super) async fn here(tx: &mut Tx, id: PersonId) -> Result<(), AppError> {
    if tx.person_stays(id).await? {
        return Ok(());
    }
    tx.person(id).await?.ok_or(AppError::NotFound("person"))?;
    Err(AppError::Invalid {
        field: "person",
        problem: Problem::Left,
    })
}
