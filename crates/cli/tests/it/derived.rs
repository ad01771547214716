//! What is kept of every decision is what a decision about the whole organisation says.

use std::collections::BTreeMap;

use domain::{AssetId, PersonId, decide, decide_each};
use server::app::{App, tokens::token_state};
use store::{Look, PairRow};

use crate::lab::until;

/// Waits for an instant at which nobody is to be decided, and judges it.
///
/// At such an instant, whatever happened before and in whatever order, what is kept of each person and app is what
/// `decide` says of the world as a whole, and the moments for which it waits are those that lie ahead.
pub async fn is_as_decided(app: &App) {
    until("nobody is to be decided", async || judged(app).await).await;
}

/// Whether there was such an instant.
async fn judged(app: &App) -> bool {
    let Some(location) = app.store.locations().await.expect("locations").into_iter().next() else {
        return true;
    };
    let now = app.now();
    let mut read = app.store.snapshot().await.expect("an instant");
    let location = read
        .location(location.id)
        .await
        .expect("a location")
        .expect("the location");
    let look = Look {
        now,
        // What waits until Apple was looked at is decided, and not asked for.
        looked: false,
        token_usable: token_state(&location, now).usable(),
    };
    if read.undecided(location.id, look).await.expect("marks") {
        return false;
    }
    let world = read.world(location.id, now).await.expect("the world");
    let kept: BTreeMap<(AssetId, PersonId), PairRow> = read
        .pairs(location.id)
        .await
        .expect("pairs")
        .into_iter()
        .map(|row| ((row.asset_id, row.person_id), row))
        .collect();
    let moments = read.moments(location.id).await.expect("moments");
    let mut places: BTreeMap<(AssetId, PersonId), usize> = BTreeMap::new();
    for person in world.people.keys() {
        let theirs = read.places(location.id, *person).await.expect("places");
        places.extend(theirs.into_iter().map(|(asset, place)| ((asset, *person), place)));
    }

    let each = decide_each(&world);
    let decided: BTreeMap<(AssetId, PersonId), PairRow> = each
        .pairs
        .iter()
        .map(|((asset, person), pair)| ((*asset, *person), PairRow::of(*asset, *person, pair)))
        .collect();
    assert_eq!(kept, decided, "what is kept is what follows from the facts");
    assert_eq!(moments, each.again, "and it is decided anew when it has to be");
    for app in world.apps.values() {
        for (person, verdict) in decide(&world, app).people {
            let pair = &each.pairs[&(app.id, person)];
            assert!(pair.agrees_with(&verdict), "{pair:?}\n{verdict:?}");
            let place = places.remove(&(app.id, person));
            assert_eq!(place, verdict.place, "in the line for {} stands {person}", app.id);
        }
    }
    assert_eq!(places, BTreeMap::new(), "nobody else stands in a line");
    true
}
