//! What deciding person by person costs, beside deciding the whole organisation as it was done before.
//!
//!     cargo bench -p store --bench deciding                          # 1,000 and 10,000 people with 20 apps
//!     cargo bench -p store --bench deciding -- 10000 100000          # other sizes; the largest takes minutes
//!
//! On SQLite, and on PostgreSQL where `ALLOTMENT_TEST_POSTGRES` names a server. What is printed is Markdown.

#![expect(clippy::print_stdout, reason = "what it measures is all that it is for")]

use std::{collections::BTreeMap, fmt::Write as _, time::Duration};

use domain::{PersonId, Place, Time, decide_each, plan};
use store::{
    Look, MasterKey, Of, PLACES, Store,
    testing::{Fresh, Organisation, organisation},
};
use tokio::time::Instant;

const APPS: usize = 20;
/// As `tasks/reconcile.rs` does.
const AT_ONCE: usize = 200;
const GIVEN_AT_ONCE: usize = 500;
/// A world of more people is not read as a whole: it would take gigabytes.
const PEER_UP_TO: usize = 10_000;
const NOW: Time = Time(1_900_000_000_000);
const LOOK: Look = Look {
    now: NOW,
    looked: true,
    token_usable: true,
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so when it measures. Without it, it tests: there is nothing to test here.
    if !arguments.iter().any(|it| it == "--bench") {
        return;
    }
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|it| it.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    let mut measured = Vec::new();
    for people in &sizes {
        measured.push(measure(Fresh::sqlite(), *people).await);
    }
    print("SQLite", &measured);
    if std::env::var("ALLOTMENT_TEST_POSTGRES").is_err() {
        println!("PostgreSQL was left out: ALLOTMENT_TEST_POSTGRES names no server.");
        return;
    }
    let mut measured = Vec::new();
    for people in &sizes {
        measured.push(measure(Fresh::postgres().await, *people).await);
    }
    print("PostgreSQL", &measured);
}

/// What was measured of one organisation: what, how much, of what.
struct Measured {
    people: usize,
    rows: Vec<(&'static str, Option<f64>, &'static str)>,
}

impl Measured {
    fn add(&mut self, what: &'static str, much: impl Into<Option<f64>>, unit: &'static str) {
        self.rows.push((what, much.into(), unit));
    }
}

async fn measure(fresh: Fresh, people: usize) -> Measured {
    let began = Instant::now();
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let lite = fresh.url().starts_with("sqlite:");
    let mut all = organisation(&store, people, APPS, NOW).await.unwrap();
    eprintln!("{people} people are there after {:.1?}", began.elapsed());
    let pairs = (people * APPS) as f64;
    let mut measured = Measured {
        people,
        rows: Vec::new(),
    };

    let first = Loop::of(&store, &all).until_decided().await;
    assert_eq!((first.decided, first.steps), (people, 0), "an organisation at rest");
    store.tidied().await.unwrap();
    let (bytes, kept) = store.pairs_size().await.unwrap();
    assert_eq!(kept, (people * APPS) as i64);

    let look = median(200, async || {
        assert!(!store.undecided(all.location, LOOK).await.unwrap());
    });
    measured.add("a look, nothing to do", micros(look.await), "µs");

    // Of those who have licences and of those who wait, from one end of the organisation to the other.
    let changing: Vec<PersonId> = (0..50).map(|at| all.people[at * (people / 50) + at % 2]).collect();
    let (mut walls, mut spent, mut decided_in) = (Vec::new(), Vec::new(), Loop::of(&store, &all));
    for person in &changing {
        for leaves in [true, false] {
            match leaves {
                true => all.leaves(&store, *person).await.unwrap(),
                false => all.comes_back(&store, *person).await.unwrap(),
            }
            let (began, before) = (Instant::now(), cpu());
            while decided_in.step().await {}
            walls.push(began.elapsed());
            spent.extend(since(before).filter(|_| lite));
            let sums = store.sums_of(all.assets[0]).await.unwrap();
            let required = sums
                .iter()
                .filter(|sum| matches!(sum.verdict.of, Of::Person { required: true, .. }))
                .map(|sum| sum.times);
            assert_eq!(required.sum::<u64>(), people as u64 - u64::from(leaves));
        }
    }
    assert_eq!(decided_in.decided, 2 * changing.len(), "nobody else");
    measured.add(
        "somebody leaves or joins a group, until decided",
        millis(middle(&mut walls)),
        "ms",
    );
    let each = (!spent.is_empty()).then(|| millis(middle(&mut spent)));
    measured.add("… processor time", each, "ms");

    measured.add("everybody, the first time", micros(first.took) / pairs, "µs a pair");
    measured.add(
        "… processor time",
        first.spent.filter(|_| lite).map(|spent| micros(spent) / pairs),
        "µs a pair",
    );
    measured.add("… altogether", first.took.as_secs_f64(), "s");
    let mut tx = store.begin().await.unwrap();
    tx.decide_everybody(all.location).await.unwrap();
    tx.commit().await.unwrap();
    let again = Loop::of(&store, &all).until_decided().await;
    assert_eq!((again.decided, again.steps), (people, 0));
    measured.add(
        "everybody again, nothing changed",
        micros(again.took) / pairs,
        "µs a pair",
    );
    measured.add(
        "… processor time",
        again.spent.filter(|_| lite).map(|spent| micros(spent) / pairs),
        "µs a pair",
    );
    measured.add("… altogether", again.took.as_secs_f64(), "s");

    all.app_arrives(&store, 0).await.unwrap();
    Loop::of(&store, &all).until_decided().await;
    all.last_is_required(&store).await.unwrap();
    let deployed = Loop::of(&store, &all).until_decided().await;
    assert_eq!(deployed.decided, people);
    measured.add(
        "one more app for everybody, until decided",
        deployed.took.as_secs_f64(),
        "s",
    );
    measured.add(
        "… processor time",
        deployed.spent.filter(|_| lite).map(|spent| spent.as_secs_f64()),
        "s",
    );
    for (phase, took) in PHASES.iter().zip(deployed.phases) {
        measured.add(phase, took.as_secs_f64(), "s");
    }

    let last = *all.people.last().unwrap();
    let asset = all.assets[0];
    let place = median(20, async || {
        let places = store.places(all.location, last, PLACES).await.unwrap();
        let number = people as u64 / 2;
        let counted = if number > PLACES {
            Place::After(PLACES)
        } else {
            Place::At(number)
        };
        assert_eq!(places[&asset], BTreeMap::from([(last.into(), counted)]));
    });
    measured.add("the places of the last in all lines", micros(place.await), "µs");
    all.licences(&store, asset, people.div_ceil(2) + 10).await.unwrap();
    let head = median(50, async || {
        let mut tx = store.begin().await.unwrap();
        let next = tx.line_next(all.location, GIVEN_AT_ONCE).await.unwrap();
        assert_eq!(next.len(), 10);
    });
    measured.add("the first ten of a line", micros(head.await), "µs");
    measured.add("database a pair, indexes included", bytes as f64 / kept as f64, "bytes");

    let mut peer = None;
    if people <= PEER_UP_TO {
        let began = Instant::now();
        plan(&store.world(all.location, NOW).await.unwrap());
        peer = Some(millis(began.elapsed()));
    }
    measured.add("as before: the whole world, planned", peer, "ms");
    store.close().await;
    fresh.close().await;
    measured
}

const PHASES: [&str; 5] = [
    "… taking people",
    "… reading facts",
    "… deciding",
    "… writing pairs",
    "… the line, and the commit",
];

/// The loop of a location, as far as it decides.
struct Loop<'a> {
    store: &'a Store,
    all: &'a Organisation,
    /// How many times somebody was decided, and how many steps that gave.
    decided: usize,
    steps: usize,
    took: Duration,
    /// Processor time of this process.
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

    async fn until_decided(mut self) -> Loop<'a> {
        let (began, before) = (Instant::now(), cpu());
        while self.step().await {}
        self.took = began.elapsed();
        self.spent = since(before);
        self
    }

    async fn step(&mut self) -> bool {
        let location = self.all.location;
        if !self.store.undecided(location, LOOK).await.unwrap() {
            return false;
        }
        let mut at = [Instant::now(); 6];
        let mut tx = self.store.begin().await.unwrap();
        assert!(tx.location(location).await.unwrap().is_some());
        let taken = tx.decide_take(location, LOOK, AT_ONCE).await.unwrap();
        at[1] = Instant::now();
        let world = tx.world_of(location, &taken.people, NOW).await.unwrap();
        at[2] = Instant::now();
        let each = decide_each(&world);
        at[3] = Instant::now();
        tx.decided(location, &taken.people, &each).await.unwrap();
        at[4] = Instant::now();
        if !taken.more {
            tx.line_next(location, GIVEN_AT_ONCE).await.unwrap();
        }
        tx.commit().await.unwrap();
        at[5] = Instant::now();
        for (phase, ends) in self.phases.iter_mut().zip(at.windows(2)) {
            *phase += ends[1] - ends[0];
        }
        self.decided += taken.people.len();
        self.steps += each.steps.len();
        true
    }
}

async fn median(times: usize, mut what: impl AsyncFnMut()) -> Duration {
    let mut walls = Vec::new();
    for _ in 0..times {
        let began = Instant::now();
        what().await;
        walls.push(began.elapsed());
    }
    middle(&mut walls)
}

fn middle(walls: &mut [Duration]) -> Duration {
    walls.sort_unstable();
    walls[walls.len() / 2]
}

fn micros(took: Duration) -> f64 {
    took.as_secs_f64() * 1e6
}

fn millis(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

/// How long the threads of this process have had a processor. Linux knows it to the nanosecond.
fn cpu() -> Option<Duration> {
    let mut spent = 0;
    for thread in std::fs::read_dir("/proc/self/task").ok()? {
        let told = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        spent += told.split(' ').next()?.parse::<u64>().ok()?;
    }
    Some(Duration::from_nanos(spent))
}

fn since(before: Option<Duration>) -> Option<Duration> {
    cpu().zip(before).map(|(after, before)| after.saturating_sub(before))
}

fn print(database: &str, measured: &[Measured]) {
    let mut table = format!("\n| {database} |");
    for of in measured {
        let _ = write!(table, " {} people |", of.people);
    }
    let _ = writeln!(table, " growth | |\n|{}", " --- |".repeat(measured.len() + 3));
    let rows = measured.first().map_or(0, |of| of.rows.len());
    for row in 0..rows {
        let (what, _, unit) = measured[0].rows[row];
        let _ = write!(table, "| {what} |");
        for of in measured {
            let _ = write!(table, " {} |", of.rows[row].1.map_or("-".to_owned(), said));
        }
        let growth = match measured {
            [.., one, next] => one.rows[row].1.zip(next.rows[row].1).map(|(one, next)| next / one),
            _ => None,
        };
        let _ = writeln!(
            table,
            " {} | {unit} |",
            growth.map_or("-".to_owned(), |it| format!("× {it:.1}"))
        );
    }
    println!("{table}");
}

fn said(much: f64) -> String {
    match much {
        _ if much >= 100.0 => format!("{much:.0}"),
        _ if much >= 10.0 => format!("{much:.1}"),
        _ => format!("{much:.2}"),
    }
}
