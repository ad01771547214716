//! Decided person by person, everything is as it is decided at once; and until the moment that is said, it stays so.

use std::collections::{BTreeMap, BTreeSet};

use domain::{invitation::Ending, program::Invitation, *};
use proptest::prelude::*;

use crate::worlds::*;

/// What of the world is somebody's, and whatever reaches them.
pub fn only(world: &World, person: PersonId) -> World {
    let whole = world;
    let mut world = world.clone();
    world.people.retain(|id, _| *id == person);
    world.devices.retain(|_, device| device.person == person);
    let devices: BTreeSet<DeviceId> = world.devices.keys().copied().collect();
    for group in world.groups.values_mut() {
        group.people.retain(|id| *id == person);
        group.devices.retain(|id| devices.contains(id));
    }
    for app in world.apps.values_mut() {
        app.seats.retain(|holder, _| owner(whole, *holder) == Some(person));
        app.refusals.retain(|holder, _| owner(whole, *holder) == Some(person));
        app.requests.retain(|id, _| *id == person);
        app.moved_up.retain(|id, _| *id == person);
        app.installs.retain(|id, _| devices.contains(id));
    }
    world
}

/// What lines keep of an app, less what is out to those who have the app by them: said once more, on purpose.
pub fn unmet(world: &World, each: &Each, app: &Asset) -> BTreeMap<DeploymentId, u64> {
    let mut unmet = BTreeMap::new();
    for line in &app.deployments {
        if world.policy.policy_2016 || !matches!(line.approval, Approval::Required | Approval::Available) {
            continue;
        }
        let stays = |seat: Option<Seat>, keeps: bool| {
            u64::from(keeps && matches!(seat, Some(Seat::Reserved { .. } | Seat::Held { .. })))
        };
        let pairs = each.pairs.iter().filter(|((asset, _), _)| *asset == app.id);
        let out = pairs
            .filter(|(_, pair)| pair.kept_by == Some(line.id))
            .map(|(_, pair)| {
                let devices = pair.devices.values().map(|device| stays(device.seat, device.keeps));
                stays(pair.seat, pair.keeps) + devices.sum::<u64>()
            });
        let out: u64 = out.sum();
        if line.kept_licenses > out {
            unmet.insert(line.id, line.kept_licenses - out);
        }
    }
    unmet
}

/// The licences to be given now, by those who wish for one: said once more, on purpose.
fn given(world: &World, each: &Each) -> Vec<Step> {
    if !world.token.usable() {
        return Vec::new();
    }
    let mut given = Vec::new();
    for app in world.apps.values() {
        let pairs = each.pairs.iter().filter(|((asset, _), _)| *asset == app.id);
        let mut line: Vec<(Rank, Holder, Option<DeploymentId>)> = pairs
            .flat_map(|(_, pair)| &pair.wishes)
            .filter(|(_, wish)| wish.stand == Stand::Ready)
            .map(|(holder, wish)| (wish.rank, *holder, wish.kept_by))
            .collect();
        line.sort();
        let mut unmet = unmet(world, each, app);
        let mut free = Counts::of(app.owned, app.foreign, app.seats.values().copied()).free;
        let mut gets = |holder| given.push(Step::Associate { app: app.id, holder });
        let mut others = Vec::new();
        for (_, holder, kept_by) in line {
            let kept = kept_by.and_then(|line| unmet.get_mut(&line));
            match (kept, &mut free) {
                (Some(kept), Some(free)) if *kept > 0 && *free > 0 => {
                    (*kept, *free) = (*kept - 1, *free - 1);
                    gets(holder);
                }
                _ => others.push(holder),
            }
        }
        let kept: u64 = unmet.values().sum();
        let open = free.map_or(usize::MAX, |free| usize::try_from(free.saturating_sub(kept)).unwrap());
        others.into_iter().take(open).for_each(gets);
    }
    given
}

fn sorted(steps: impl IntoIterator<Item = Step>) -> BTreeSet<Step> {
    steps.into_iter().collect()
}

/// At some time between three weeks before and after.
pub fn at_any_time() -> impl Strategy<Value = World> {
    (any_world(), -21..21i64, 0..86_400_000i64).prop_map(|(mut world, days, ms)| {
        world.now = Time(NOW.ms() + days * 86_400_000 + ms);
        world
    })
}

/// Who stands in the line of an app for whom that holds, `most` of each part.
pub fn queues(each: &Each, app: AssetId, most: u64, holds: impl Fn(Holder, &Wish) -> bool) -> Queues {
    let mut counted: BTreeMap<Option<DeploymentId>, [u64; 3]> = BTreeMap::new();
    let pairs = each.pairs.iter().filter(|((asset, _), _)| *asset == app);
    let wishes = pairs.flat_map(|(_, pair)| &pair.wishes);
    for (_, wish) in wishes.filter(|(holder, wish)| holds(**holder, wish)) {
        let [all, ready, out_of_stock] = counted.entry(wish.kept_by).or_default();
        *all += 1;
        *ready += u64::from(wish.stand == Stand::Ready);
        *out_of_stock += u64::from(wish.stand == Stand::OutOfStock);
    }
    let mut queues = Queues::default();
    for (kept_by, numbers) in counted {
        let [all, ready, out_of_stock] = numbers.map(|number| Counted::up_to(most, number));
        *queues.of(kept_by) = Queue {
            all,
            ready,
            out_of_stock,
        };
    }
    queues
}

/// Where somebody stands in the line: those before them, `most` of each.
pub fn ahead(each: &Each, app: AssetId, of: (Rank, Holder), most: u64) -> Queues {
    queues(each, app, most, |holder, wish| (wish.rank, holder) < of)
}

/// What is left for the line of an app.
pub fn stock(world: &World, each: &Each, app: &Asset) -> Stock {
    let free = Counts::of(app.owned, app.foreign, app.seats.values().copied()).free;
    let kept = unmet(world, each, app);
    // As if only so many were kept, and nothing were out.
    let unmet = Unmet::of(&kept, &BTreeMap::new());
    Stock::of(free, unmet, &queues(each, app.id, u64::MAX, |_, _| true))
}

/// Whether a place says what is so.
pub fn holds(place: Option<Place>, of_all: Option<Place>) -> bool {
    match (place, of_all) {
        (Some(Place::After(after)), Some(Place::At(at))) => after < at,
        (place, of_all) => place == of_all,
    }
}

/// Somebody in a group with one iPhone, and an app with one licence.
fn one_person() -> World {
    let mut world = empty();
    let somebody = member(0);
    world.devices.insert(device(0), iphone(0, somebody.id));
    let sales = Group {
        id: group(0),
        kind: GroupKind::User,
        priority: 0,
        people: BTreeSet::from([somebody.id]),
        devices: BTreeSet::new(),
    };
    world.groups.insert(sales.id, sales);
    world.people.insert(somebody.id, somebody);
    world.apps.insert(app(0), licensed_app(0, 1));
    world
}

/// When something may follow for them from time alone.
fn again(world: &World) -> Option<Time> {
    decide_each(world).again.get(&person(0)).copied()
}

#[test]
fn a_pair_agrees_with_what_it_says_and_with_nothing_else() {
    let mut world = one_person();
    let sales = world.groups[&group(0)].clone();
    let approval = Approval::Required;
    let lines = &mut world.apps.get_mut(&app(0)).unwrap().deployments;
    lines.push(line(app(0), &sales, approval, NOW));
    let pair = &decide_each(&world).pairs[&(app(0), person(0))];
    let verdict = decide(&world, &world.apps[&app(0)]).people[&person(0)].clone();
    assert!(pair.agrees_with(&verdict));
    fn on_device(verdict: &mut PersonVerdict) -> &mut DeviceVerdict {
        verdict.devices.get_mut(&device(0)).unwrap()
    }
    let others: [fn(&mut PersonVerdict); 10] = [
        |verdict| on_device(verdict).state = InstallState::Installed,
        |verdict| on_device(verdict).detail = Detail::AppleTrouble,
        |verdict| verdict.devices.clear(),
        |verdict| verdict.state = InstallState::Installed,
        |verdict| verdict.detail = Detail::AppleTrouble,
        |verdict| verdict.place = Some(Place::At(1)),
        |verdict| verdict.seat = Some(Seat::reserve(NOW)),
        |verdict| verdict.wants_seat = false,
        |verdict| verdict.keeps_seat = false,
        |verdict| verdict.resolution.required = false,
    ];
    for (number, change) in others.into_iter().enumerate() {
        let mut other = verdict.clone();
        change(&mut other);
        assert!(!pair.agrees_with(&other), "{number}");
    }
}

#[test]
fn what_keeps_somebody_from_every_app_is_said_while_they_are_here() {
    let concerns = |program: Program, enrolment: Enrolment, left: bool| {
        let mut world = one_person();
        let somebody = world.people.get_mut(&person(0)).unwrap();
        (somebody.program, somebody.left) = (program, left);
        world.devices.get_mut(&device(0)).unwrap().enrolment = enrolment;
        let concerns = decide_each(&world).concerns;
        concerns.into_iter().map(|(_, concern)| concern).collect::<Vec<_>>()
    };
    let joined = Program::Associated { since: NOW };
    let registered = Program::Registered {
        invitation: Invitation::None,
    };
    let refused = Program::Refused {
        error_number: 9635,
        not_before: NOW,
    };
    use Enrolment::{Enrolled, Gone, Pending, Wiping};
    assert_eq!(concerns(joined, Enrolled, false), []);
    assert_eq!(concerns(registered, Enrolled, false), [Concern::Terms]);
    assert_eq!(concerns(refused, Enrolled, false), [Concern::Refused]);
    assert_eq!(concerns(registered, Gone, false), [Concern::Terms, Concern::NoDevice]);
    for here in [Pending, Wiping] {
        assert_eq!(concerns(joined, here, false), [], "a device that is {here:?} is here");
    }
    assert_eq!(concerns(registered, Gone, true), [], "they left");

    // One of their devices is enough, and that of somebody else is not theirs.
    let mut world = one_person();
    world.devices.get_mut(&device(0)).unwrap().enrolment = Gone;
    world.people.insert(person(1), member(1));
    world.devices.insert(device(1), iphone(1, person(1)));
    assert_eq!(
        decide_each(&world).concerns,
        BTreeSet::from([(person(0), Concern::NoDevice)])
    );
    world.devices.get_mut(&device(1)).unwrap().person = person(0);
    assert_eq!(
        decide_each(&world).concerns,
        BTreeSet::from([(person(1), Concern::NoDevice)])
    );
}

#[test]
fn a_place_counts_those_before_who_are_not_served_next() {
    let ahead = Queues::from(Queue {
        all: Counted::Exactly(5),
        ready: Counted::Exactly(3),
        out_of_stock: Counted::Exactly(1),
    });
    use Stand::{NotMember, OutOfStock, Ready};
    let place = |stand, free, ready| match Stock::of_all(free, ready).place(None, stand, &ahead) {
        Some(Place::At(place)) => Some(place),
        Some(Place::After(_)) => panic!("all of them were counted"),
        None => None,
    };
    // Two are left, and three are ready before: one of them waits, like the two who are not ready.
    assert_eq!(place(Ready, Some(2), 4), Some(4));
    assert_eq!(place(NotMember, Some(2), 3), Some(4));
    assert_eq!(place(NotMember, Some(0), 3), Some(6));
    // Served next, or at least not for want of a licence.
    assert_eq!(place(Ready, Some(4), 4), None);
    assert_eq!(place(NotMember, Some(4), 3), None);
    assert_eq!(
        place(OutOfStock, Some(4), 3),
        Some(2),
        "whatever we count, Apple had none"
    );
    assert_eq!(place(OutOfStock, None, 0), Some(2));
    assert_eq!(place(Ready, None, 0), None);
}

#[test]
fn a_place_that_was_not_counted_to_its_end_is_behind_where_counting_ended() {
    let counted = [2, 3, 4].map(|number| Counted::up_to(3, number));
    assert_eq!(
        counted,
        [Counted::Exactly(2), Counted::AtLeast(3), Counted::AtLeast(3)],
        "whoever stops at the third has not seen whether there is a fourth"
    );
    let ahead = Queues::from(Queue {
        all: Counted::AtLeast(5),
        ready: Counted::AtLeast(4),
        out_of_stock: Counted::AtLeast(2),
    });
    use Stand::{NotMember, OutOfStock, Ready};
    let place = |stand, free, ready| Stock::of_all(free, ready).place(None, stand, &ahead);
    assert_eq!(place(Ready, Some(0), 9), Some(Place::After(5)));
    assert_eq!(
        place(NotMember, Some(2), 9),
        Some(Place::After(3)),
        "two are served next"
    );
    assert_eq!(place(OutOfStock, None, 9), Some(Place::After(2)));
    assert_eq!(place(Ready, None, 9), None);
}

#[test]
fn who_can_use_a_licence_stands_in_line_as_ready() {
    let mut world = one_person();
    let sales = world.groups[&group(0)].clone();
    let required = line(app(0), &sales, Approval::Required, NOW);
    world.apps.get_mut(&app(0)).unwrap().deployments = vec![required];
    let mut stands = |member: bool, reason: Option<RefusalReason>, not_before| {
        let somebody = world.people.get_mut(&person(0)).unwrap();
        somebody.program = match member {
            true => Program::Associated { since: NOW },
            false => Program::Registered {
                invitation: Invitation::of(&[]),
            },
        };
        let refusals = &mut world.apps.get_mut(&app(0)).unwrap().refusals;
        refusals.clear();
        refusals.extend(reason.map(|reason| (person(0).into(), Refusal { reason, not_before })));
        let pair = &decide_each(&world).pairs[&(app(0), person(0))];
        pair.wishes.get(&person(0).into()).map(|wish| wish.stand)
    };
    let (over, ahead) = (NOW, NOW + MINUTE);
    use RefusalReason::*;
    use Stand::{NotMember, OutOfStock, Ready};
    assert_eq!(stands(true, None, over), Some(Ready));
    assert_eq!(stands(false, None, over), Some(NotMember));
    assert_eq!(stands(true, Some(Stock), ahead), Some(OutOfStock));
    assert_eq!(stands(false, Some(Stock), ahead), Some(OutOfStock));
    for member in [true, false] {
        assert_eq!(stands(member, Some(Temporary), ahead), Some(Stand::Trouble));
        assert_eq!(stands(member, Some(Refused), ahead), Some(Stand::Refused));
    }
    for reason in [Stock, Temporary, Refused] {
        assert_eq!(stands(true, Some(reason), over), Some(Ready), "asked again");
    }
    let refused = [OutOfStock, Stand::Trouble, Stand::Refused].map(Stand::is_refused);
    assert_eq!(refused, [true; 3]);
    assert_eq!([Ready, NotMember].map(Stand::is_refused), [false; 2]);
}

#[test]
fn a_deadline_is_a_moment_of_those_whom_it_reaches() {
    let mut world = one_person();
    let sales = world.groups[&group(0)].clone();
    let deadline = Some(NOW + DAY);
    let required = |group: &Group| Deployment {
        deadline,
        ..line(app(0), group, Approval::Required, NOW)
    };
    let others = Group {
        id: group(1),
        people: BTreeSet::from([person(7)]),
        ..sales.clone()
    };
    world.groups.insert(others.id, others.clone());
    let available = line(app(0), &sales, Approval::Available, NOW);
    world.apps.get_mut(&app(0)).unwrap().deployments = vec![available, required(&others)];
    assert_eq!(again(&world), None, "they have the app by another line");
    world.apps.get_mut(&app(0)).unwrap().deployments = vec![required(&sales)];
    assert_eq!(again(&world), deadline);
    let phones = Group {
        kind: GroupKind::Device,
        people: BTreeSet::new(),
        devices: BTreeSet::from([device(0)]),
        ..sales
    };
    world.groups.insert(phones.id, phones.clone());
    world.apps.get_mut(&app(0)).unwrap().deployments = vec![required(&phones)];
    assert_eq!(again(&world), deadline, "and so is that of their device");
}

#[test]
fn what_has_come_is_no_moment_any_more() {
    let mut world = one_person();
    for (not_before, moment) in [(NOW, None), (NOW + MINUTE, Some(NOW + MINUTE))] {
        let refusal = Refusal {
            reason: RefusalReason::Temporary,
            not_before,
        };
        world
            .apps
            .get_mut(&app(0))
            .unwrap()
            .refusals
            .insert(person(0).into(), refusal);
        assert_eq!(again(&world), moment);
    }
}

#[test]
fn an_invitation_has_its_moments() {
    let mut world = one_person();
    let mut invited = |ended| {
        let attempt = Attempt {
            device: device(0),
            since: NOW - MINUTE,
            ended,
        };
        let somebody = world.people.get_mut(&person(0)).unwrap();
        somebody.invited = vec![attempt];
        somebody.program = Program::Registered {
            invitation: Invitation::of(&somebody.invited),
        };
        again(&world)
    };
    let policy = Policy::default();
    assert_eq!(
        invited(None),
        Some(NOW - MINUTE + policy.invite_next_after),
        "the next device"
    );
    let failed = Some((Ending::Failed, NOW - MINUTE));
    assert_eq!(invited(failed), Some(NOW - MINUTE + DAY), "the same device once more");
}

#[test]
fn the_inventory_is_a_moment() {
    let mut world = one_person();
    let mut install = Install::default();
    install.listed(Seen::Rejected, NOW - DAY);
    world.apps.get_mut(&app(0)).unwrap().installs.insert(device(0), install);
    assert_eq!(again(&world), Some(NOW - DAY + world.policy.inventory_every));
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
                let free = decision.counts.free;
                let stock = stock(&world, &each, app);
                let wish = |holder| pair.and_then(|pair| pair.wishes.get(&holder).copied());
                let place = |holder: Holder, bound: u64| wish(holder).and_then(|wish| {
                    let most = free.unwrap_or(0).saturating_add(bound);
                    let ahead = ahead(&each, app.id, (wish.rank, holder), most);
                    stock.place(wish.kept_by, wish.stand, &ahead)
                });
                let of_all = decision.people.get(person);
                let decided = |bound: u64| {
                    decide_one(&alone, &alone.apps[&app.id], *person, |holder| place(holder, bound))
                };
                let exactly = decided(u64::MAX);
                prop_assert_eq!(exactly.as_ref(), of_all);
                for bound in [1, 2, 5] {
                    let Some((mut said, of_all)) = decided(bound).zip(of_all.cloned()) else { continue };
                    let mut places = vec![(&mut said.place, of_all.place)];
                    let devices = said.devices.iter_mut();
                    places.extend(devices.map(|(id, device)| (&mut device.place, of_all.devices[id].place)));
                    for (place, of_all) in places {
                        prop_assert!(holds(*place, of_all), "{:?} of {:?}", place, of_all);
                        prop_assert!(!matches!(of_all, Some(Place::At(at)) if at <= bound) || *place == of_all);
                        *place = of_all;
                    }
                    prop_assert_eq!(said, of_all);
                }
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
