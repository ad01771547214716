//! What deciding costs, beside deciding the whole organisation at once.
//!
//! Everybody has a device, and the apps are required for a group of everybody: half of the people have licences and the apps,
//! for the other half no licence is left. Then it is decided as `server::tasks::reconcile` does, two hundred people in a
//! transaction, without what is written down for Apple and for devices.

use std::{collections::BTreeMap, time::Duration};

use domain::{PersonId, Place, decide_each, plan};
use server::Clock;
use store::{Fresh, Look, MasterKey, Of, Organisation, PLACES, Store, organisation};
use tokio::time::Instant;

use super::{
    process::Meter,
    table::{Figure, micros, middle, millis},
};
use crate::Failure;

/// As the server does.
const AT_ONCE: usize = 200;
const GIVEN_AT_ONCE: usize = 500;
/// A world of more people is not read as a whole: it would take gigabytes.
const WHOLE_UP_TO: usize = 10_000;
/// So many change, each twice.
const CHANGING: usize = 50;
const PHASES: [&str; 5] = [
    "… taking people",
    "… reading facts",
    "… deciding",
    "… writing pairs",
    "… the line, and the commit",
];

fn look(all: &Organisation) -> Look {
    Look {
        now: all.now,
        looked: true,
        token_usable: true,
    }
}

pub async fn measure(fresh: Fresh, people: usize, apps: usize) -> Result<Vec<Figure>, Failure> {
    let began = Instant::now();
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await?;
    let mut all = organisation(&store, people, apps, Clock::System.now()).await?;
    let made = began.elapsed();
    let pairs = (people * apps) as f64;
    let mut figures = vec![Figure::new("the organisation is made", made.as_secs_f64(), "s")];

    let first = Loop::of(&store, &all).until_decided().await?;
    assert_eq!((first.decided, first.steps), (people, 0), "an organisation at rest");
    store.tidied().await?;
    let (bytes, kept) = store.pairs_size().await?;
    assert_eq!(kept, (people * apps) as i64);

    let mut looks = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        assert!(!store.undecided(all.location, look(&all)).await?);
        looks.push(began.elapsed());
    }
    figures.push(Figure::new("a look, nothing to do", micros(middle(&mut looks)), "µs").growth(1.3));
    figures.extend(one_changes(&store, &all).await?);

    figures.push(Figure::new(
        "everybody, the first time",
        micros(first.took) / pairs,
        "µs a pair",
    ));
    let spent = first.spent.map(|spent| micros(spent) / pairs);
    figures.push(Figure::new("… of processor, the first time", spent, "µs a pair"));
    let mut tx = store.begin().await?;
    tx.decide_everybody(all.location).await?;
    tx.commit().await?;
    let again = Loop::of(&store, &all).until_decided().await?;
    assert_eq!((again.decided, again.steps), (people, 0));
    let took = micros(again.took) / pairs;
    figures.push(Figure::new("everybody again, nothing changed", took, "µs a pair"));
    let spent = again.spent.map(|spent| micros(spent) / pairs);
    figures.push(Figure::new("… of processor, again", spent, "µs a pair"));

    all.app_arrives(&store, 0).await?;
    until_decided(&store, &all).await?;
    all.last_is_required(&store).await?;
    let deployed = Loop::of(&store, &all).until_decided().await?;
    assert_eq!(deployed.decided, people);
    let took = deployed.took.as_secs_f64();
    figures.push(Figure::new("one more app for everybody, until decided", took, "s").aim(20.0));
    let spent = deployed.spent.map(|spent| spent.as_secs_f64());
    figures.push(Figure::new("… of processor, one more app", spent, "s"));
    for (phase, took) in PHASES.iter().zip(deployed.phases) {
        figures.push(Figure::new(*phase, took.as_secs_f64(), "s"));
    }
    figures.extend(lines(&store, &all).await?);
    let each = bytes as f64 / kept as f64;
    figures.push(Figure::new("database a pair, indexes included", each, "bytes").aim(300.0));

    let mut whole = None;
    if people <= WHOLE_UP_TO {
        let began = Instant::now();
        plan(&store.world(all.location, all.now).await?);
        whole = Some(millis(began.elapsed()));
    }
    figures.push(Figure::new("beside it: the whole world, planned", whole, "ms"));
    store.close().await;
    fresh.close().await;
    Ok(figures)
}

/// Of those who have licences and of those who wait, from one end of the organisation to the other: each leaves the group of
/// everybody, and comes back.
async fn one_changes(store: &Store, all: &Organisation) -> Result<[Figure; 2], Failure> {
    let people = all.people.len();
    let many = CHANGING.min(people);
    let changing: Vec<PersonId> = (0..many)
        .map(|at| all.people[(at * (people / many) + at % 2).min(people - 1)])
        .collect();
    let (mut walls, mut spent, mut decided_in) = (Vec::new(), Vec::new(), Loop::of(store, all));
    for person in &changing {
        for leaves in [true, false] {
            match leaves {
                true => all.leaves(store, *person).await?,
                false => all.comes_back(store, *person).await?,
            }
            let meter = Meter::start(std::process::id(), store).await?;
            let began = Instant::now();
            while decided_in.step().await? {}
            walls.push(began.elapsed());
            spent.extend(meter.spent(store).await?);
            let sums = store.sums_of(all.assets[0]).await?;
            let required = sums
                .iter()
                .filter(|sum| matches!(sum.verdict.of, Of::Person { required: true, .. }))
                .map(|sum| sum.times);
            assert_eq!(
                required.sum::<u64>(),
                people as u64 - u64::from(leaves),
                "it is visible"
            );
        }
    }
    assert_eq!(decided_in.decided, 2 * changing.len(), "nobody else");
    let wall = millis(middle(&mut walls));
    let each = (!spent.is_empty()).then(|| millis(middle(&mut spent)));
    Ok([
        Figure::new("somebody leaves or joins a group, until decided", wall, "ms"),
        Figure::new("… of processor, a change", each, "ms").aim(5.0).growth(1.3),
    ])
}

async fn lines(store: &Store, all: &Organisation) -> Result<[Figure; 2], Failure> {
    let (asset, people) = (all.assets[0], all.people.len());
    let Some(last) = all.people.iter().rfind(|person| person.0.as_u128() % 2 == 1) else {
        return Err(Failure::new("nobody waits"));
    };
    let number = people as u64 / 2;
    let counted = match number > PLACES {
        true => Place::After(PLACES),
        false => Place::At(number),
    };
    let mut took = Vec::new();
    for _ in 0..20 {
        let began = Instant::now();
        let places = store.places(all.location, *last, PLACES).await?;
        took.push(began.elapsed());
        assert_eq!(places[&asset], BTreeMap::from([((*last).into(), counted)]));
    }
    let place = micros(middle(&mut took));
    all.licences(store, asset, people.div_ceil(2) + 10).await?;
    let mut took = Vec::new();
    for _ in 0..50 {
        let began = Instant::now();
        let mut tx = store.begin().await?;
        let next = tx.line_next(all.location, GIVEN_AT_ONCE).await?;
        took.push(began.elapsed());
        assert_eq!(next.len(), 10.min(people / 2));
    }
    Ok([
        Figure::new("the places of the last in all lines", place, "µs"),
        Figure::new("the first ten of a line", micros(middle(&mut took)), "µs").growth(1.3),
    ])
}

/// Decides until nobody is left to be decided.
pub async fn until_decided(store: &Store, all: &Organisation) -> Result<(), Failure> {
    let mut decided_in = Loop::of(store, all);
    while decided_in.step().await? {}
    Ok(())
}

/// The loop of a location, as far as it decides.
struct Loop<'a> {
    store: &'a Store,
    all: &'a Organisation,
    /// How many times somebody was decided, and how many steps that gave.
    decided: usize,
    steps: usize,
    took: Duration,
    spent: Option<Duration>,
    phases: [Duration; 5],
}

impl<'a> Loop<'a> {
    fn of(store: &'a Store, all: &'a Organisation) -> Loop<'a> {
        Loop {
            store,
            all,
            decided: 0,
            steps: 0,
            took: Duration::ZERO,
            spent: None,
            phases: [Duration::ZERO; 5],
        }
    }

    async fn until_decided(mut self) -> Result<Loop<'a>, Failure> {
        let meter = Meter::start(std::process::id(), self.store).await?;
        let began = Instant::now();
        while self.step().await? {}
        self.took = began.elapsed();
        self.spent = meter.spent(self.store).await?;
        Ok(self)
    }

    async fn step(&mut self) -> Result<bool, Failure> {
        let (location, look) = (self.all.location, look(self.all));
        if !self.store.undecided(location, look).await? {
            return Ok(false);
        }
        let mut at = [Instant::now(); 6];
        let mut tx = self.store.begin().await?;
        assert!(tx.location(location).await?.is_some());
        let taken = tx.decide_take(location, look, AT_ONCE).await?;
        at[1] = Instant::now();
        let world = tx.world_of(location, &taken.people, look.now).await?;
        at[2] = Instant::now();
        let each = decide_each(&world);
        at[3] = Instant::now();
        tx.decided(location, &taken.people, &each).await?;
        at[4] = Instant::now();
        if !taken.more {
            tx.line_next(location, GIVEN_AT_ONCE).await?;
        }
        tx.commit().await?;
        at[5] = Instant::now();
        for (phase, ends) in self.phases.iter_mut().zip(at.windows(2)) {
            *phase += ends[1] - ends[0];
        }
        self.decided += taken.people.len();
        self.steps += each.steps.len();
        Ok(true)
    }
}
