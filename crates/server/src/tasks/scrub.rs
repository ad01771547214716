//! Decides everybody once more in the background, and compares: what is kept is right because every fact marks whom it
//! concerns, and this is how a mark that is missing, or a row that was changed by hand, is found.
//!
//! What differs is a defect of ours. It is logged, and whom it concerns is decided anew, so that what should have been done
//! is done.

use std::sync::{Mutex, PoisonError};

use domain::{PersonId, decide_each};
use store::{Lease, LocationRow, Look};

use super::{
    StepError, Stepped,
    location::{Interrupted, under_lease},
};
use crate::app::{App, tokens::token_state};

/// So many people are looked at in one transaction.
const AT_ONCE: usize = 200;

/// How far it is.
#[derive(Debug, Default)]
pub struct Scrub(Mutex<Option<PersonId>>);

impl Scrub {
    fn after(&self) -> Option<PersonId> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_at(&self, last: Option<PersonId>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = last;
    }
}

/// Looks at the next people.
pub async fn step(app: &App, scrub: &Scrub) -> Result<Stepped, StepError> {
    under_lease(app, Interrupted::WhenTheClockIsSet, async |location, lease| {
        compare(app, scrub, location, lease).await.map(|()| false)
    })
    .await
}

async fn compare(app: &App, scrub: &Scrub, location: &LocationRow, lease: &Lease) -> Result<(), StepError> {
    let now = app.now();
    let look = Look {
        now,
        looked: false,
        token_usable: token_state(location, now).usable(),
    };
    // Facts, what was decided of them, and the marks: of one instant.
    let mut read = app.store.snapshot().await?;
    if read.undecided(location.id, look).await? {
        return Ok(());
    }
    let people = read.people_after(scrub.after().map(|person| person.0), AT_ONCE).await?;
    let world = read.world_of(location.id, &people, now).await?;
    let mut differing = read.differing(location.id, &people, &decide_each(&world)).await?;
    let marked = read.marked_among(location.id, &people, now).await?;
    drop(read);
    differing.retain(|person| !marked.contains(person));
    if let Some(first) = differing.first() {
        tracing::error!(
            location.id = %location.id, people = differing.len(), person.id = %first,
            "what was kept of a person was not what follows from the facts; they are decided anew"
        );
        let differing: Vec<PersonId> = differing.into_iter().collect();
        let mut tx = app.store.begin_as(lease).await?;
        tx.decide_anew(location.id, &differing).await?;
        tx.commit().await?;
        app.look_again();
    }
    let whole = people.len() == AT_ONCE;
    scrub.is_at(people.last().copied().filter(|_| whole));
    Ok(())
}
