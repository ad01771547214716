//! Licences that are kept for a group: its members have them first, and what they have not taken yet is nobody else's.

use std::collections::BTreeMap;

use domain::*;
use proptest::prelude::*;

use crate::{
    each::{at_any_time, unmet},
    reality::Reality,
    stories::{company, deployed},
    worlds::*,
};

/// Ten people, of whom the last three are in a group of their own, and an app in five licences that all may have: `kept` of them
/// are kept for the three.
fn few(kept: u64) -> Reality {
    let mut company = deployed(10, 5, Approval::Required);
    company.group(1, GroupKind::User, 0).people = (7..10).map(person).collect();
    company.also_deploy(1, Approval::Required);
    company.keeps(1, kept);
    company
}

impl Reality {
    fn keeps(&mut self, of: usize, kept: u64) {
        let lines = &mut self.app(app(0)).deployments;
        let line = lines.iter_mut().find(|line| line.group == group(of)).unwrap();
        line.kept_licenses = kept;
    }

    fn next(&self) -> Vec<Holder> {
        self.decision(app(0)).next
    }

    fn waiting(&self) -> Vec<Holder> {
        self.decision(app(0)).waiting
    }
}

fn people(numbers: impl IntoIterator<Item = usize>) -> Vec<Holder> {
    numbers.into_iter().map(|number| person(number).into()).collect()
}

#[test]
fn the_members_have_what_is_kept_for_them_though_others_stand_before_them() {
    assert_eq!(few(0).next(), people(0..5), "where none is kept, all come in one order");
    let mut company = few(2);
    assert_eq!(company.next(), people([0, 1, 2, 7, 8]));
    assert_eq!(company.waiting(), people([3, 4, 5, 6, 9]));
    company.now_settles();
    assert_eq!(company.holders().len(), 5);
    assert!([7, 8].iter().all(|number| company.holders().contains(&person(*number))));
}

#[test]
fn what_nobody_has_asked_for_yet_stays_free_for_them() {
    let mut company = deployed(10, 5, Approval::Required);
    company.group(1, GroupKind::User, 0);
    company.also_deploy(1, Approval::Available);
    company.keeps(1, 2);
    company.now_settles();
    assert_eq!(company.holders().len(), 3);
    let counts = company.decision(app(0)).counts;
    assert_eq!((counts.free, counts.kept, counts.waiting), (Some(2), 2, 7));
    // Whoever waits comes into the group.
    company.group(1, GroupKind::User, 0).people.insert(person(9));
    company.app(app(0)).requests.insert(person(9), NOW);
    assert_eq!(company.next(), people([9]), "before all who have waited longer");
    company.now_settles();
    let counts = company.decision(app(0)).counts;
    assert_eq!((counts.free, counts.kept, counts.waiting), (Some(1), 1, 6));
}

#[test]
fn nobody_loses_a_licence_because_it_is_kept_for_others() {
    let mut company = few(0);
    company.now_settles();
    let before = company.holders();
    company.keeps(1, 3);
    company.now_settles();
    assert_eq!(company.holders(), before);
    assert_eq!(company.plans(), []);
    // One comes back: it is theirs for whom it is kept.
    company.group(0, GroupKind::User, 0).people.remove(&person(0));
    company.now_settles();
    assert!(company.holders().contains(&person(7)) && !company.holders().contains(&person(0)));
}

#[test]
fn whoever_has_their_share_stands_in_the_line_with_everybody_else() {
    let mut company = few(1);
    assert_eq!(company.next(), people([0, 1, 2, 3, 7]));
    company.app(app(0)).owned = Owned::Count(9);
    assert_eq!(company.next(), people([0, 1, 2, 3, 4, 5, 6, 7, 8]));
}

#[test]
fn of_what_is_free_and_kept_for_several_the_first_in_the_line_have_it() {
    let mut company = few(3);
    company.group(2, GroupKind::User, 9).people = [person(3)].into();
    company.also_deploy(2, Approval::Required);
    company.keeps(2, 4);
    company.app(app(0)).owned = Owned::Count(2);
    assert_eq!(company.next(), people([3, 7]), "more is kept than there is");
    assert_eq!(company.waiting().len(), 8);
}

#[test]
fn a_licence_is_out_by_the_line_until_it_goes_back() {
    let mut company = few(2);
    let kept = |company: &Reality| company.decision(app(0)).counts.kept;
    company.group(0, GroupKind::User, 0).people.clear();
    company.group(1, GroupKind::User, 0).people.clear();
    for (seat, is_kept) in [
        (Seat::Reserved { since: NOW }, 1),
        (Seat::Held { since: NOW }, 1),
        (Seat::Returning { since: NOW }, 2),
    ] {
        company.group(1, GroupKind::User, 0).people = [person(9)].into();
        company.app(app(0)).seats = BTreeMap::from([(person(9).into(), seat)]);
        assert_eq!(kept(&company), is_kept, "{seat:?}");
        // Whoever has left the group has it by nothing that keeps any.
        company.group(1, GroupKind::User, 0).people.clear();
        assert_eq!(kept(&company), 2, "{seat:?}");
    }
}

#[test]
fn whoever_is_in_two_such_groups_draws_on_what_the_first_of_them_keeps() {
    let mut company = few(1);
    company.group(2, GroupKind::User, 9).people = [person(7)].into();
    company.also_deploy(2, Approval::Required);
    company.keeps(2, 1);
    let by = |company: &Reality| company.decision(app(0)).people[&person(7)].kept_by;
    let line = |company: &Reality, of: usize| {
        let lines = &company.world.apps[&app(0)].deployments;
        lines.iter().find(|line| line.group == group(of)).map(|line| line.id)
    };
    assert_eq!(by(&company), line(&company, 2));
    company.keeps(2, 0);
    assert_eq!(by(&company), line(&company, 1));
    company.keeps(1, 0);
    assert_eq!(by(&company), None);
}

#[test]
fn a_person_and_their_devices_draw_on_the_same() {
    let mut company = company(2, 3);
    for number in [2, 3] {
        company.world.devices.insert(device(number), iphone(number, person(0)));
    }
    company.group(1, GroupKind::Device, 0).devices = [device(2)].into();
    company.deploy(0, Approval::Required);
    company.also_deploy(1, Approval::Required);
    company.keeps(1, 3);
    for line in &mut company.app(app(0)).deployments {
        line.license_type = LicenseType::Device;
    }
    let devices = |numbers: [usize; 3]| numbers.map(|number| device(number).into()).to_vec();
    assert_eq!(company.next(), devices([0, 2, 3]));
    assert_eq!(company.waiting(), [device(1).into()]);
}

#[test]
fn in_2016_nothing_was_kept() {
    let mut company = few(2);
    company.world.policy.policy_2016 = true;
    assert_eq!(company.next(), people(0..5));
    let decision = company.decision(app(0));
    assert_eq!(decision.counts.kept, 0);
    assert!(decision.people.values().all(|verdict| verdict.kept_by.is_none()));
}

#[test]
fn of_an_app_without_end_everybody_has_one() {
    let mut company = few(2);
    company.app(app(0)).owned = Owned::Unlimited;
    assert_eq!((company.next(), company.waiting()), (people(0..10), vec![]));
    assert_eq!(company.decision(app(0)).counts.kept, 0);
}

#[test]
fn a_change_of_what_is_kept_is_previewed_with_what_it_does() {
    let mut company = few(0);
    let world = &company.world;
    let present = world.apps[&app(0)].deployments.clone();
    let mut lines = present.clone();
    lines[1].kept_licenses = 2;
    let mut previewing = Previewing::new(app(0), &present, lines, NOW);
    assert_eq!(previewing.groups(), [group(1)].into(), "the line says something else");
    previewing.add(world.clone());
    let preview = previewing.done(Vec::new(), &BTreeMap::new(), Owned::Count(5), 0);
    let fates = |number: usize| {
        let outcome = preview.outcomes.iter().find(|outcome| outcome.person == person(number));
        outcome.map(|outcome| (outcome.before, outcome.after))
    };
    assert_eq!(fates(3), Some((Fate::Now, Fate::Waits)));
    assert_eq!(fates(7), Some((Fate::Waits, Fate::Now)));
    assert_eq!((preview.kept, preview.unmet, preview.kept_of_free()), (2, 2, 2));
    assert_eq!(preview.kept_in_vain(), 0);
    // More than there are: it is said.
    company.keeps(1, 7);
    let world = &company.world;
    let lines = world.apps[&app(0)].deployments.clone();
    let mut previewing = Previewing::new(app(0), &present, lines, NOW);
    previewing.add(world.clone());
    assert_eq!(
        previewing
            .done(Vec::new(), &BTreeMap::new(), Owned::Count(5), 0)
            .kept_in_vain(),
        2
    );
}

/// Whose line keeps licences, and how many of the free ones everybody else may have, of what two facts say: once more.
fn is_fair(world: &World, app: &Asset) -> Result<(), TestCaseError> {
    let decision = decide(world, app);
    let each = decide_each(world);
    let Some(free) = decision.counts.free else {
        prop_assert_eq!(decision.counts.kept, 0);
        return Ok(());
    };
    let unmet = unmet(world, &each, app);
    let kept: u64 = unmet.values().sum();
    prop_assert_eq!(decision.counts.kept, kept.min(free));
    let mut given: BTreeMap<Option<DeploymentId>, u64> = BTreeMap::new();
    for holder in &decision.next {
        let owner = owner(world, *holder).unwrap();
        *given.entry(decision.people[&owner].kept_by).or_default() += 1;
    }
    let lacks = |line: &DeploymentId| unmet.get(line).copied().unwrap_or(0);
    let beyond = |(line, given): (&Option<DeploymentId>, &u64)| given.saturating_sub(line.as_ref().map_or(0, lacks));
    let open: u64 = given.iter().map(beyond).sum();
    prop_assert!(open <= free.saturating_sub(kept), "{given:?} of {free}, {unmet:?}");
    // Nothing is held back but for those for whom it is kept, and from them only when it is used up.
    let left = free - decision.next.len() as u64;
    let mut lacking = 0;
    for (line, lacks) in &unmet {
        let lacks = lacks - given.get(&Some(*line)).copied().unwrap_or(0).min(*lacks);
        lacking += lacks;
        let waits = each.pairs.iter().any(|((asset, _), pair)| {
            let ready =
                |(holder, wish): (&Holder, &Wish)| wish.stand == Stand::Ready && decision.waiting.contains(holder);
            *asset == app.id && pair.kept_by == Some(*line) && pair.wishes.iter().any(ready)
        });
        prop_assert!(!waits || lacks == 0 || left == 0);
    }
    let ready = each
        .pairs
        .iter()
        .filter(|((asset, _), _)| *asset == app.id)
        .flat_map(|(_, pair)| &pair.wishes);
    let mut ready = ready.filter(|(_, wish)| wish.stand == Stand::Ready);
    let waits = ready.any(|(holder, _)| decision.waiting.contains(holder));
    prop_assert!(!waits || left <= lacking, "{left} are left, and {lacking} kept");
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1024, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nobody_gets_what_is_kept_for_others_and_nothing_else_is_held_back(world in at_any_time()) {
        for app in world.apps.values() {
            is_fair(&world, app)?;
        }
    }

    /// Whatever is kept, nobody who has a licence loses it, and nothing else is asked of anybody but who gets one.
    #[test]
    fn what_is_kept_changes_who_gets_a_licence_and_nothing_else(world in at_any_time()) {
        let mut without = world.clone();
        for app in without.apps.values_mut() {
            app.deployments.iter_mut().for_each(|line| line.kept_licenses = 0);
        }
        let steps = |world: &World| -> Vec<Step> {
            let given = |step: &Step| matches!(step, Step::Associate { .. });
            plan(world).steps.into_iter().filter(|step| !given(step)).collect()
        };
        prop_assert_eq!(steps(&world), steps(&without));
    }
}
