//! Decided person by person, everything is as it is decided at once; and until the moment that is said, it stays so.

use std::collections::{BTreeMap, BTreeSet};

use domain::*;
use proptest::prelude::*;

use crate::worlds::*;

/// What of the world is somebody's, and whatever reaches them.
fn only(world: &World, person: PersonId) -> World {
    let mut world = world.clone();
    world.people.retain(|id, _| *id == person);
    world.devices.retain(|_, device| device.person == person);
    let devices: BTreeSet<DeviceId> = world.devices.keys().copied().collect();
    for group in world.groups.values_mut() {
        group.people.retain(|id| *id == person);
        group.devices.retain(|id| devices.contains(id));
    }
    for app in world.apps.values_mut() {
        app.seats.retain(|id, _| *id == person);
        app.refusals.retain(|id, _| *id == person);
        app.requests.retain(|id, _| *id == person);
        app.installs.retain(|id, _| devices.contains(id));
    }
    world
}

/// The licences to be given now, by those who wish for one: said once more, on purpose.
fn given(world: &World, each: &Each) -> Vec<Step> {
    if !world.token.usable() {
        return Vec::new();
    }
    let mut given = Vec::new();
    for app in world.apps.values() {
        let mut line: Vec<(Rank, PersonId)> = each
            .pairs
            .iter()
            .filter(|((asset, _), _)| *asset == app.id)
            .filter_map(|((_, person), pair)| Some((pair.wish.filter(Wish::is_ready)?.rank, *person)))
            .collect();
        line.sort();
        let free = Counts::of(app.owned, app.foreign, app.seats.values().copied()).free;
        let most = free.map_or(usize::MAX, |free| usize::try_from(free).unwrap());
        given.extend(
            line.into_iter()
                .take(most)
                .map(|(_, person)| Step::Associate { app: app.id, person }),
        );
    }
    given
}

fn sorted(steps: impl IntoIterator<Item = Step>) -> BTreeSet<Step> {
    steps.into_iter().collect()
}

/// At some time between three weeks before and after.
fn at_any_time() -> impl Strategy<Value = World> {
    (any_world(), -21..21i64, 0..86_400_000i64).prop_map(|(mut world, days, ms)| {
        world.now = Time(NOW.ms() + days * 86_400_000 + ms);
        world
    })
}

/// Where somebody stands in the line: those before them, and how many in all of it can use a licence now.
fn ahead(each: &Each, app: AssetId, of: (Rank, PersonId)) -> (Ahead, u64) {
    let (mut ahead, mut ready) = (Ahead::default(), 0);
    for ((asset, person), pair) in &each.pairs {
        let Some(wish) = pair.wish.filter(|_| *asset == app) else {
            continue;
        };
        ready += u64::from(wish.is_ready());
        if (wish.rank, *person) < of {
            ahead.all += 1;
            ahead.ready += u64::from(wish.is_ready());
            ahead.out_of_stock += u64::from(wish.refused == Some(RefusalReason::Stock));
        }
    }
    (ahead, ready)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_each_asks_for_and_the_line_together_are_the_plan(world in at_any_time()) {
        let each = decide_each(&world);
        let together = sorted(each.steps.iter().copied().chain(given(&world, &each)));
        prop_assert_eq!(together, sorted(plan(&world).steps));
    }

    #[test]
    fn what_is_said_of_each_is_what_is_said_of_all(world in at_any_time()) {
        let each = decide_each(&world);
        let mut said = BTreeSet::new();
        for app in world.apps.values() {
            for (person, verdict) in decide(&world, app).people {
                let pair = &each.pairs[&(app.id, person)];
                prop_assert!(pair.agrees_with(&verdict), "{pair:?}\n{verdict:?}");
                said.insert((app.id, person));
            }
        }
        prop_assert_eq!(said, each.pairs.keys().copied().collect());
    }

    #[test]
    fn who_knows_where_somebody_stands_says_of_them_what_is_said_among_all(world in at_any_time()) {
        let each = decide_each(&world);
        for app in world.apps.values() {
            let decision = decide(&world, app);
            for person in world.people.keys() {
                let alone = only(&world, *person);
                let pair = each.pairs.get(&(app.id, *person));
                let place = pair.and_then(|pair| pair.wish).and_then(|wish| {
                    let (ahead, ready) = ahead(&each, app.id, (wish.rank, *person));
                    ahead.place(&wish, decision.counts.free, ready)
                });
                let said = decide_one(&alone, &alone.apps[&app.id], *person, place);
                prop_assert_eq!(said.as_ref(), decision.people.get(person));
            }
        }
    }

    #[test]
    fn whoever_is_decided_alone_is_decided_as_among_all(world in at_any_time()) {
        let all = decide_each(&world);
        let mut steps = BTreeSet::new();
        let mut pairs = BTreeMap::new();
        let mut again = BTreeMap::new();
        for person in world.people.keys() {
            let one = decide_each(&only(&world, *person));
            steps.extend(one.steps);
            pairs.extend(one.pairs);
            again.extend(one.again);
        }
        prop_assert_eq!(steps, sorted(all.steps));
        prop_assert_eq!(pairs, all.pairs);
        prop_assert_eq!(again, all.again);
    }

    #[test]
    fn nothing_follows_from_time_alone_before_the_moment_that_was_said(
        world in at_any_time(), part in 0..=1000i64, person in 0..5usize,
    ) {
        let Some(person) = world.people.keys().nth(person) else { return Ok(()) };
        let now = only(&world, *person);
        let decided = decide_each(&now);
        let moment = decided.again.get(person).map_or(i64::MAX / 4, |at| at.ms());
        // Anywhere before it, and right before it.
        let span = moment - 1 - now.now.ms();
        for at in [span / 1000 * part, span].map(|later| Time(now.now.ms() + later)) {
            let later = decide_each(&World { now: at, ..now.clone() });
            prop_assert_eq!(&later.steps, &decided.steps, "at {:?}", at);
            prop_assert_eq!(&later.pairs, &decided.pairs, "at {:?}", at);
        }
    }
}
