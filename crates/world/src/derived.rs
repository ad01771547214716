//! What is kept of every decision is what a decision about the whole organisation says.

use std::collections::BTreeMap;

use domain::{
    AssetId, Holder, PersonId, Place, Position, decide, decide_each,
    why::{Asked, why},
};
use server::{
    app::{App, tokens::token_state},
    messages::{Lang, Speak},
    reasons,
};
use store::{EventFilter, LocationRow, Look, PLACES, PairRow, States};

use crate::until;

/// Waits for an instant at which nobody is to be decided, and judges it.
///
/// At such an instant, whatever happened before and in whatever order, what is kept of each person and app is what
/// `decide` says of the world as a whole, and the moments for which it waits are those that lie ahead.
pub async fn is_as_decided(app: &App) {
    until("nobody is to be decided", async || judged(app).await).await;
    no_plan_was_stopped(app).await;
    everybody_is_answered(app).await;
}

/// So many of the latest events are looked through.
const LATEST: i64 = 5_000;

/// Every plan passed the look that is taken at it before it is done: one that did not would be a defect, or the look's mistake.
async fn no_plan_was_stopped(app: &App) {
    let all = EventFilter {
        asset: None,
        person: None,
        device: None,
        before: None,
        limit: LATEST,
    };
    let events = app.events(&all).await.expect("events");
    let stopped = events.iter().find(|row| row.kind == "planStopped");
    assert!(stopped.is_none(), "a plan was stopped: {stopped:?}");
    assert_eq!(app.stopped_counted().await.expect("a count").0.number, 0);
}

/// So many people are asked about: an answer is read for each, and for each of their devices.
const ASKED: usize = 12;

/// P6: whoever asks why somebody, or a device, has an app or has it not is told in both languages, and every argument is
/// there.
///
/// # Panics
///
/// When somebody is not.
pub async fn everybody_is_answered(app: &App) {
    let Some(location) = app.location_view().await.expect("a location") else {
        return;
    };
    let people = app.people().await.expect("people");
    let devices = app.devices().await.expect("devices");
    let people = people.iter().map(|row| row.id.0).take(ASKED);
    let whoever: Vec<_> = people.chain(devices.iter().map(|row| row.id.0).take(ASKED)).collect();
    for asset in app
        .store
        .apps(location.row.id)
        .await
        .expect("apps")
        .into_iter()
        .take(ASKED)
    {
        for whom in &whoever {
            let answer = app.why(*whom, asset.id).await.expect("an answer");
            for lang in [Lang::Ko, Lang::En] {
                let s = Speak {
                    lang,
                    now: app.now(),
                    zone: app.config.zone(),
                };
                let said = format!("{:?}", reasons::said(&answer, &s));
                assert!(!said.contains('⟦') && !said.contains("{$"), "{said}");
            }
        }
    }
}

/// So many pairs are looked at one by one: each costs a count of its line.
const POSITIONS: usize = 400;

/// Waits until whatever was written is decided: from then on lists and numbers show it.
pub async fn everybody_is_decided(app: &App) {
    until("nobody is to be decided", async || {
        let Some(location) = app.store.location_linked().await.expect("locations") else {
            return true;
        };
        let look = look(app, &location);
        !app.store.undecided(location.id, look).await.expect("marks")
    })
    .await;
}

/// What waits until Apple was looked at is decided, and not asked for.
fn look(app: &App, location: &LocationRow) -> Look {
    let now = app.now();
    Look {
        now,
        looked: false,
        token_usable: token_state(location, now).usable(),
    }
}

/// Whether there was such an instant.
///
/// # Panics
///
/// When something that is kept does not follow from the facts.
pub async fn judged(app: &App) -> bool {
    let Some(location) = app.store.location_linked().await.expect("locations") else {
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
        ..look(app, &location)
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
    let concerns = read.concerns(location.id).await.expect("concerns");
    let mut places: BTreeMap<(AssetId, Holder), Place> = BTreeMap::new();
    for person in world.people.keys() {
        for (asset, theirs) in read.places(location.id, *person, PLACES).await.expect("places") {
            places.extend(theirs.into_iter().map(|(holder, place)| ((asset, holder), place)));
        }
    }

    let mut positions: BTreeMap<(AssetId, PersonId), Position> = BTreeMap::new();
    for ((asset, person), pair) in kept.iter().take(POSITIONS) {
        let holder = pair.last.map_or((*person).into(), |(last, _)| last);
        let position = read.position(*asset, holder, PLACES).await.expect("a position");
        positions.insert((*asset, *person), position);
    }

    let each = decide_each(&world);
    let decided: BTreeMap<(AssetId, PersonId), PairRow> = each
        .pairs
        .iter()
        .map(|((asset, person), pair)| ((*asset, *person), PairRow::of(*asset, *person, pair)))
        .collect();
    assert_eq!(kept, decided, "what is kept is what follows from the facts");
    assert_eq!(moments, each.again, "and it is decided anew when it has to be");
    assert_eq!(concerns, each.concerns, "and so is what keeps somebody from every app");
    let mut counted = BTreeMap::new();
    for app in world.apps.values() {
        let free = decide(&world, app).counts.free;
        counted.insert(app.id, read.sums_at(app.id, free).await.expect("sums"));
    }
    for app in world.apps.values() {
        let decision = decide(&world, app);
        let counts = decision.counts;
        let (mut people, mut devices) = (States::new(), States::new());
        for verdict in decision.people.values() {
            // What is said of nobody is said of the device alone.
            if !world.is_nobody(verdict.person) {
                *people.entry((verdict.state, verdict.detail)).or_default() += 1;
            }
            for device in verdict.devices.values().filter(|device| device.concerns()) {
                *devices.entry((device.state, device.detail)).or_default() += 1;
            }
        }
        let sums = &counted[&app.id];
        assert_eq!(
            (sums.waiting(), sums.people(), sums.devices()),
            (decision.counts.waiting, people, devices),
            "what is counted of {}",
            app.id
        );
        for (holder, place) in decision.waiting.iter().zip(1..) {
            let kept = places.remove(&(app.id, *holder));
            assert_eq!(
                kept,
                Some(Place::At(place)),
                "in the line for {} stands {holder:?}",
                app.id
            );
        }
        for (person, verdict) in decision.people {
            let pair = &each.pairs[&(app.id, person)];
            assert!(pair.agrees_with(&verdict), "{pair:?}\n{verdict:?}");
            let Some(position) = positions.get(&(app.id, person)) else {
                continue;
            };
            assert_eq!(
                (position.place, position.counts),
                (verdict.place, counts),
                "{person} and {}",
                app.id
            );
            let why = why(&Asked {
                world: &world,
                app,
                person,
                device: None,
                verdict: Some(&verdict),
                position,
                deployable: true,
            });
            assert_eq!(why.said, Some((verdict.state, verdict.detail)), "{why:?}");
        }
    }
    assert_eq!(places, BTreeMap::new(), "nobody else stands in a line");
    true
}
