//! Moving somebody up in the line for an app's licences, and back.
//!
//! Whoever was moved up comes before everybody who was not, and gets the next licence; nobody loses one that they have. It
//! stays so until Apple has confirmed their licence, they shall not have the app any more, or somebody moves them back.

use domain::{AssetId, DeviceId, Holder, MovedUpEnd, PersonId, Place, Time, decide_one};
use serde_json::json;
use store::{Actor, AppRow, Move, MovedUpRow, NewEvent, PLACES, Snapshot, StoreError, Tx};

use super::{App, AppError, Caller};

/// What moving somebody up would change.
#[derive(Debug, Clone)]
pub struct MovingUp {
    pub app: AppRow,
    pub person: Called,
    /// They were moved up already.
    pub moved: Option<MovedUpRow>,
    /// `None` for whoever does not wait for a licence.
    pub step: Option<Move>,
    /// The first whom they would pass.
    pub overtakes: Option<Called>,
}

/// A person, or a device that belongs to nobody, and the name.
#[derive(Debug, Clone)]
pub struct Called {
    pub holder: Holder,
    pub name: String,
}

impl MovingUp {
    /// How many would wait one place longer, where that was counted.
    pub fn passes(&self) -> Option<u64> {
        match self.step? {
            Move { overtakes: None, .. } => Some(0),
            Move {
                from: Place::At(from),
                to: Some(Place::At(to)),
                ..
            } => Some(from.saturating_sub(to)),
            Move { .. } => None,
        }
    }
}

impl App {
    /// What moving somebody up would change now. Nothing is changed.
    pub async fn moving_up(&self, asset: AssetId, person: PersonId) -> Result<MovingUp, AppError> {
        let now = self.now();
        let mut read = self.store.snapshot().await?;
        let app = read.app(asset).await?.ok_or(AppError::NotFound("app"))?;
        let whom = called(&mut read, person).await?.ok_or(AppError::NotFound("person"))?;
        let moved = read.moved_up(asset, &[person]).await?.remove(&person);
        let world = read.world_of_app(app.location_id, asset, &[person], now).await?;
        // Who stood there when they were decided last may want none by now.
        let waits = |step: &Move| {
            let facts = world.apps.get(&asset);
            let verdict = facts.and_then(|facts| decide_one(&world, facts, person, |_| Some(step.from)));
            verdict.is_some_and(|verdict| verdict.place.is_some())
        };
        let step = read.move_up(asset, person, now, PLACES).await?.filter(waits);
        let overtakes = match step.and_then(|step| step.overtakes) {
            Some(next) => called(&mut read, next).await?,
            None => None,
        };
        Ok(MovingUp {
            app,
            person: whom,
            moved,
            step,
            overtakes,
        })
    }

    /// Moves somebody up who waits for a licence. Whoever was moved up already keeps their place, and the reason: said once
    /// more by the same, it is heard once, and anything else is refused.
    pub async fn move_up(
        &self,
        caller: &Caller,
        asset: AssetId,
        person: PersonId,
        reason: &str,
    ) -> Result<(), AppError> {
        caller.may_write()?;
        let reason = super::required("reason", reason, 500)?;
        let now = self.now();
        // In a reading of its own: nobody else waits for that.
        let seen = self.moving_up(asset, person).await?;
        if let Some(moved) = seen.moved {
            let same = (moved.moved_by.as_str(), &moved.reason) == (caller.name(), &reason);
            return if same { Ok(()) } else { Err(AppError::MovedUpAlready) };
        }
        if seen.step.is_none() {
            return Err(AppError::NotWaiting);
        }
        let mut tx = self.store.begin().await?;
        if seen.person.holder.person().is_some() {
            super::leavers::here(&mut tx, person).await?;
        }
        let row = MovedUpRow {
            person_id: person,
            moved_at: now,
            moved_by: caller.name().to_owned(),
            reason,
        };
        if !tx.moved_up_put(asset, &row).await? {
            return Err(AppError::MovedUpAlready);
        }
        tx.event(
            &about(NewEvent::new(now, caller.actor(), "movedUp"), seen.person.holder)
                .asset(asset)
                .with(json!({ "reason": row.reason })),
        )
        .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }

    /// Takes back what [`move_up`](Self::move_up) did. Who has a licence by then keeps it.
    pub async fn move_back(&self, caller: &Caller, asset: AssetId, person: PersonId) -> Result<(), AppError> {
        caller.may_write()?;
        let called = called(&mut self.store.snapshot().await?, person).await?;
        let whom = called.map_or(person.into(), |called| called.holder);
        let mut tx = self.store.begin().await?;
        if !tx.moved_up_delete(asset, person).await? {
            return Ok(());
        }
        tx.event(&about(NewEvent::new(self.now(), caller.actor(), "movedBack"), whom).asset(asset))
            .await?;
        tx.commit().await?;
        self.look_again();
        Ok(())
    }
}

/// `None` when there is nobody.
async fn called(read: &mut Snapshot, person: PersonId) -> Result<Option<Called>, StoreError> {
    if let Some(row) = read.person(person).await? {
        return Ok(Some(Called {
            holder: person.into(),
            name: row.name,
        }));
    }
    let device = read.device(DeviceId(person.0)).await?;
    Ok(device.filter(|row| row.owner().is_none()).map(|row| Called {
        holder: row.id.into(),
        name: row.name,
    }))
}

fn about(event: NewEvent, whom: Holder) -> NewEvent {
    match whom {
        Holder::Person(person) => event.person(person),
        Holder::Device(device) => event.device(device),
    }
}

/// It is over that somebody was moved up at that time. That they have the licence is told by what Apple confirmed.
pub(crate) async fn ends(
    tx: &mut Tx,
    (asset, whom, at): (AssetId, Holder, Time),
    end: MovedUpEnd,
    now: Time,
) -> Result<(), StoreError> {
    let was = tx.moved_up_over(asset, PersonId(whom.id()), at).await?;
    if was && end == MovedUpEnd::NotDue {
        let over = NewEvent::new(now, Actor::System, "movedUpEnded");
        tx.event(&about(over, whom).asset(asset)).await?;
    }
    Ok(())
}
