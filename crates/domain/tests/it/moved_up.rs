//! Whoever was moved up in a line comes before everybody else who waits there, while they wait, and takes nothing from anybody.

use std::collections::BTreeMap;

use domain::*;
use proptest::prelude::*;

use crate::{
    each::{at_any_time, only},
    worlds::*,
};

/// Five people with an iphone each, and an app with two licences, of which the first of them has one. It is required of
/// everybody, and of two in a group that comes first.
fn company() -> World {
    let mut world = empty();
    for number in 0..5 {
        world.people.insert(person(number), member(number));
        world.devices.insert(device(number), iphone(number, person(number)));
    }
    let mut app = licensed_app(0, 2);
    app.seats.insert(person(0).into(), Seat::Held { since: NOW });
    for (number, priority, people) in [(0, 0, vec![0, 1, 2, 3, 4]), (1, 9, vec![1, 4])] {
        let made = Group {
            id: group(number),
            kind: GroupKind::User,
            priority,
            people: people.into_iter().map(person).collect(),
            devices: Default::default(),
        };
        app.deployments.push(line(app.id, &made, Approval::Required, NOW));
        world.groups.insert(made.id, made);
    }
    world.apps.insert(app.id, app);
    world
}

fn the_app(world: &mut World) -> &mut Asset {
    world.apps.get_mut(&app(0)).unwrap()
}

fn moved_up(world: &mut World, moved: impl IntoIterator<Item = (usize, Time)>) {
    the_app(world).moved_up = moved.into_iter().map(|(number, at)| (person(number), at)).collect();
}

/// Who gets the licence that is free, and who waits then.
fn line_of(world: &World) -> (Vec<Holder>, Vec<Holder>) {
    let decision = decide(world, &world.apps[&app(0)]);
    assert!(decision.people[&person(0)].keeps_seat, "what somebody has is theirs");
    (decision.next, decision.waiting)
}

fn people<const N: usize>(numbers: [usize; N]) -> Vec<Holder> {
    numbers.map(|number| person(number).into()).to_vec()
}

#[test]
fn who_was_moved_up_comes_first_the_earlier_moved_before_the_later() {
    let mut world = company();
    let usual = (people([1]), people([4, 2, 3]));
    assert_eq!(line_of(&world), usual);
    moved_up(&mut world, [(3, NOW - DAY), (2, NOW - DAY * 2)]);
    assert_eq!(line_of(&world), (people([2]), people([3, 1, 4])));
    moved_up(&mut world, [(4, NOW - DAY)]);
    assert_eq!(
        line_of(&world),
        (people([4]), people([1, 2, 3])),
        "of the same priority, too"
    );
    moved_up(&mut world, [(0, NOW)]);
    assert_eq!(line_of(&world), usual, "who waits for nothing is nowhere in the line");
    moved_up(&mut world, []);
    assert_eq!(line_of(&world), usual, "and back");
}

/// Of those who were moved up at once it is as it always is.
#[test]
fn who_was_moved_up_in_the_same_moment_comes_by_since_when_they_wait() {
    let mut world = company();
    moved_up(&mut world, [(2, NOW), (3, NOW)]);
    assert_eq!(line_of(&world), (people([2]), people([3, 1, 4])));
    let phones = Group {
        id: group(2),
        kind: GroupKind::Device,
        priority: 0,
        people: Default::default(),
        devices: [device(3)].into(),
    };
    let earlier = line(app(0), &phones, Approval::Required, NOW - DAY);
    world.groups.insert(phones.id, phones);
    the_app(&mut world).deployments.push(earlier);
    assert_eq!(line_of(&world), (people([3]), people([2, 1, 4])));
}

/// Found: of two deployments that one is told of which counts for less, once priority does not count any more.
#[test]
fn who_was_moved_up_waits_since_when_they_waited_before() {
    let mut world = company();
    world.devices.insert(device(5), iphone(5, person(4)));
    let phones = Group {
        id: group(2),
        kind: GroupKind::Device,
        priority: -1,
        people: Default::default(),
        devices: [device(5)].into(),
    };
    let earlier = line(app(0), &phones, Approval::Required, NOW - DAY);
    world.groups.insert(phones.id, phones);
    the_app(&mut world).deployments.push(earlier);
    let since = |world: &World| decide(world, &world.apps[&app(0)]).people[&person(4)].waiting_since;
    assert_eq!(since(&world), Some(NOW));
    moved_up(&mut world, [(4, NOW)]);
    assert_eq!(since(&world), Some(NOW));
}

fn has(world: &mut World, seat: Seat) {
    the_app(world).seats.insert(person(2).into(), seat);
}

/// Why it is over that the third of them was moved up.
fn end(world: &World) -> Option<MovedUpEnd> {
    decide_each(world).moved_up_ends.get(&(app(0), person(2))).copied()
}

#[test]
fn it_is_over_once_they_have_a_licence_and_when_they_shall_not_have_the_app_any_more() {
    let mut waiting = company();
    moved_up(&mut waiting, [(2, NOW)]);
    type Change = fn(&mut World);
    let leaves_the_group: Change = |world| {
        world.groups.get_mut(&group(0)).unwrap().people.remove(&person(2));
    };
    let cases: [(&str, Change, Option<MovedUpEnd>); 11] = [
        ("they wait", |_| {}, None),
        (
            "Apple is asked, and may turn it down",
            |world| has(world, Seat::reserve(NOW)),
            None,
        ),
        (
            "Apple confirmed it",
            |world| has(world, Seat::Held { since: NOW }),
            Some(MovedUpEnd::Served),
        ),
        (
            "it goes back already",
            |world| has(world, Seat::Returning { since: NOW }),
            Some(MovedUpEnd::Served),
        ),
        (
            "the device enrols anew",
            |world| world.devices.get_mut(&device(2)).unwrap().enrolment = Enrolment::Pending,
            None,
        ),
        (
            "the device is gone, and another may come",
            |world| world.devices.get_mut(&device(2)).unwrap().enrolment = Enrolment::Gone,
            None,
        ),
        ("out of the group", leaves_the_group, Some(MovedUpEnd::NotDue)),
        (
            "they left",
            |world| world.people.get_mut(&person(2)).unwrap().left = true,
            Some(MovedUpEnd::NotDue),
        ),
        (
            "it is taken from them",
            |world| the_app(world).deployments[0].approval = Approval::Uninstall,
            Some(MovedUpEnd::NotDue),
        ),
        (
            "they may have it, and have not asked",
            |world| the_app(world).deployments[0].approval = Approval::Available,
            Some(MovedUpEnd::NotDue),
        ),
        (
            "they may have it, and have asked",
            |world| {
                the_app(world).deployments[0].approval = Approval::Available;
                the_app(world).requests.insert(person(2), NOW);
            },
            None,
        ),
    ];
    for (what, change, over) in cases {
        let mut world = waiting.clone();
        change(&mut world);
        assert_eq!(end(&world), over, "{what}");
    }
}

#[test]
fn nothing_is_said_of_who_is_not_here() {
    let mut world = company();
    moved_up(&mut world, [(2, NOW), (7, NOW)]);
    the_app(&mut world).deployments.clear();
    let ends = decide_each(&world).moved_up_ends;
    assert_eq!(ends, [((app(0), person(2)), MovedUpEnd::NotDue)].into());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn it_changes_the_order_of_those_who_wait_and_nothing_else(world in at_any_time()) {
        for app in world.apps.values() {
            let moved = decide(&world, app);
            let usual = decide(&world, &Asset { moved_up: BTreeMap::new(), ..app.clone() });
            let facts = |decision: &Decision| -> Vec<_> {
                let facts = |it: &PersonVerdict| (it.person, it.seat, it.wants_seat, it.keeps_seat, it.waiting_since);
                decision.people.values().map(facts).collect()
            };
            prop_assert_eq!(facts(&moved), facts(&usual));
            prop_assert_eq!(moved.counts, usual.counts);
            prop_assert_eq!(moved.next.len(), usual.next.len());
            for decision in [&moved, &usual] {
                for holder in decision.next.iter().chain(&decision.waiting) {
                    prop_assert!(!app.seats.contains_key(holder), "who has one is not in the line");
                }
            }
            for line in [&moved.waiting, &moved.next] {
                let at = |holder: &Holder| app.moved_up.get(&owner(&world, *holder)?).copied();
                let first: Vec<Time> = line.iter().map_while(at).collect();
                prop_assert!(first.is_sorted(), "in the order in which they were moved");
                let others = &line[first.len()..];
                prop_assert!(others.iter().all(|holder| at(holder).is_none()), "and before everybody else");
            }
            // Among the others nothing changes.
            let others = |line: &[Holder], both: &[Holder]| -> Vec<Holder> {
                let is_other = |holder: &&Holder| {
                    let owner = owner(&world, **holder).unwrap();
                    !app.moved_up.contains_key(&owner) && both.contains(holder)
                };
                line.iter().filter(is_other).copied().collect()
            };
            prop_assert_eq!(others(&moved.waiting, &usual.waiting), others(&usual.waiting, &moved.waiting));
            prop_assert_eq!(others(&moved.next, &usual.next), others(&usual.next, &moved.next));
        }
    }

    #[test]
    fn who_waits_stays_moved_up_and_who_has_a_licence_or_is_due_none_does_not(world in at_any_time()) {
        let each = decide_each(&world);
        let mut ends = BTreeMap::new();
        for app in world.apps.values() {
            let decision = decide(&world, app);
            for person in app.moved_up.keys().filter(|person| world.people.contains_key(person)) {
                let verdict = decision.people.get(person);
                let is_due = verdict.is_some_and(|verdict| {
                    let resolution = &verdict.resolution;
                    resolution.required || (resolution.available && app.requests.contains_key(person))
                });
                let here = |holder: &Holder| match holder {
                    Holder::Person(id) => id == person,
                    Holder::Device(id) => world.devices.get(id).is_some_and(|it| it.person == *person && !it.is_away()),
                };
                let seats: Vec<Seat> = app.seats.iter().filter(|(holder, _)| here(holder)).map(|(_, seat)| *seat).collect();
                let reserved = seats.iter().any(|seat| matches!(seat, Seat::Reserved { .. }));
                let line = each.pairs.get(&(app.id, *person)).is_some_and(|pair| !pair.wishes.is_empty());
                let end = match seats.is_empty() {
                    _ if reserved || line => None,
                    false => Some(MovedUpEnd::Served),
                    true if is_due => None,
                    true => Some(MovedUpEnd::NotDue),
                };
                ends.extend(end.map(|end| ((app.id, *person), end)));
                let theirs = |holder: &Holder| owner(&world, *holder) == Some(*person);
                let in_line = decision.waiting.iter().chain(&decision.next).any(theirs);
                prop_assert!(!in_line || end.is_none(), "{verdict:?}");
            }
        }
        prop_assert_eq!(&each.moved_up_ends, &ends);
        let alone = |person: &PersonId| decide_each(&only(&world, *person)).moved_up_ends;
        let together: BTreeMap<_, _> = world.people.keys().flat_map(alone).collect();
        prop_assert_eq!(together, ends, "each by themselves");
    }
}
