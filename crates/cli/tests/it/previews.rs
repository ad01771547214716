//! What was previewed is what happened.

use std::collections::BTreeMap;

use domain::{
    AccountId, Approval, Effect, Holder, InstallState, Installation, LicenseType, OperationId, PersonId, PersonVerdict,
    Place, Policy, Program, ReclaimRules, TakeBackLimits,
};
use server::app::{
    AppError, Base, Caller, Role,
    bulk::selection::{List, Selection, Which},
    bulk::{Act, BulkPreview, TakeBack, Through},
    contract::{Agreed, Contract, Previewed},
    deployments::DeploymentChoice,
    directory::PersonFilter,
    leavers::{Devices, LeavingLicence},
};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::DeviceSpec,
};
use store::{OperationKind, OperationState};

use crate::lab::{Database, Lab, Setup, iphone, members_are, until};

const OWNED: i64 = 5;

/// Three people have an app of which five licences are owned, and are to give it up; eight others are to get it. Two of these
/// get what is left, three what comes back, and the rest waits or cannot have it.
async fn what_was_previewed_is_what_happened(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let (scarce, plenty) = (adam_id(1), adam_id(4));
    let (app, other) = (lab.app_known(&scarce).await, lab.app_known(&plenty).await);
    assert!(lab.apple.buy(&scarce, OWNED - 20));
    until("fewer are owned", async || lab.owned(app).await == OWNED).await;
    let mut people = Vec::new();
    for number in 0..11 {
        people.push(lab.person(&format!("사람 {number:02}")).await);
    }
    let (first, next) = people.split_at(3);
    let old = DeviceSpec {
        os_version: "12.0".to_owned(),
        ..iphone(9)
    };
    // The last has no device, the one before an old one.
    for (number, person) in people.iter().enumerate().take(10) {
        let spec = if number == 9 { old.clone() } else { iphone(number) };
        lab.enrol(*person, spec).await;
    }
    let [first_group, next_group] = [lab.group("협력사", first).await, lab.group("전 직원", next).await];
    lab.deploy(app, first_group, Approval::Required).await;
    until("three have it", async || lab.installed(app).await == 3).await;
    let choice = |group, approval| DeploymentChoice {
        group,
        approval,
        deadline: None,
        license_type: LicenseType::User,
        installation: Installation::Managed,
        kept_licenses: 0,
    };
    // Everybody accepts the terms for another app, so that a licence is all that is missing.
    let all = [choice(next_group, Approval::Required)];
    let prompted = lab
        .app
        .deployments_preview(other, &all)
        .await
        .unwrap()
        .outcome
        .prompted();
    lab.deploy(other, next_group, Approval::Required).await;
    until("the others are in the programme", async || {
        lab.installed(other).await == 6
    })
    .await;
    // They are asked what they were said to be asked (A84).
    let (mut invited, mut asked, mut signed_in) = (0, 0, 0);
    for person in next {
        invited += u64::from(!lab.app.invitations(*person).await.unwrap().is_empty());
        let has_it = |row: &domain::DeviceVerdict| row.state == InstallState::Installed;
        let of = lab.app.of_person(*person).await.unwrap().unwrap();
        for device in lab.app.devices_of(*person).await.unwrap() {
            let there = of.on(device.id).any(|(app, said)| app.row.id == other && has_it(said));
            asked += u64::from(there && device.supervised != Some(true));
            signed_in += u64::from(there);
        }
    }
    assert_eq!(
        (prompted.join, prompted.install, prompted.apple_id),
        (invited, asked, signed_in)
    );
    assert_eq!((invited, signed_in), (6, 6));
    lab.agrees_with_apple().await;

    let choices = vec![
        choice(first_group, Approval::Uninstall),
        choice(next_group, Approval::Required),
    ];
    let preview = lab.app.deployments_preview(app, &choices).await.unwrap();
    let outcome = &preview.outcome;
    let effects: BTreeMap<Effect, u64> = outcome
        .affected()
        .iter()
        .fold(BTreeMap::new(), |mut effects, affected| {
            *effects.entry(affected.effect).or_default() += affected.number;
            effects
        });
    let expected = [
        (Effect::Gains, 2),
        (Effect::GainsLater, 3),
        (Effect::Waits, 1),
        (Effect::Loses, 3),
        (Effect::Cannot, 2),
    ];
    assert_eq!(effects, expected.into(), "{outcome:#?}");
    assert_eq!(
        (outcome.free(), outcome.returning, outcome.needed(), outcome.left()),
        (Some(2), 3, 6, Some(0))
    );
    let requests = preview.requests;
    assert_eq!(
        (
            requests.create_users.people,
            requests.associate.requests,
            requests.total()
        ),
        (0, 1, 3)
    );

    // One more is bought before it is saved: another outcome, so nothing is saved.
    let agreed = Agreed {
        digest: Some(preview.digest.clone()),
        take_back: None,
        ..Agreed::default()
    };
    assert!(lab.apple.buy(&scarce, 1));
    until("one more is owned", async || lab.owned(app).await == OWNED + 1).await;
    let refused = lab
        .app
        .deployments_save(&Caller::System, app, Base::Latest, choices.clone(), &agreed)
        .await;
    let Err(AppError::Outdated(Previewed::Deployment(now))) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(
        (
            now.outcome.of_effect(Effect::Gains),
            now.outcome.of_effect(Effect::Waits)
        ),
        (3, 0)
    );
    assert_eq!(lab.installed(app).await, 3, "nothing was saved");
    assert!(lab.apple.buy(&scarce, -1));
    until("as many are owned as before", async || lab.owned(app).await == OWNED).await;

    let before = operations(&lab).await;
    lab.app
        .deployments_save(&Caller::System, app, Base::Latest, choices, &agreed)
        .await
        .expect("what was previewed");
    until("five of them have it", async || {
        let decision = decided(&lab, app).await;
        let installed = decision
            .people
            .values()
            .filter(|it| it.state == InstallState::Installed);
        installed.count() == 5 && decision.counts.used == 5
    })
    .await;
    lab.agrees_with_apple().await;
    let decision = decided(&lab, app).await;
    for outcome in &outcome.outcomes {
        let verdict = decision.people.get(&outcome.person);
        let seat = verdict.is_some_and(|verdict| verdict.seat.is_some());
        let installed = verdict.is_some_and(|verdict| verdict.state == InstallState::Installed);
        match outcome.effect() {
            Effect::Gains | Effect::GainsLater => assert!(seat && installed, "{outcome:?} {verdict:?}"),
            Effect::Waits => {
                assert_eq!(
                    verdict.and_then(|verdict| verdict.place),
                    Some(Place::At(1)),
                    "{outcome:?} {verdict:?}"
                );
            }
            Effect::Loses => assert!(!seat && !installed, "{outcome:?} {verdict:?}"),
            Effect::Cannot => {
                assert!(!seat, "{outcome:?} {verdict:?}");
                assert_eq!(verdict.map(|verdict| verdict.detail), outcome.obstacle);
            }
            effect => panic!("{effect:?} was not to happen: {outcome:?}"),
        }
    }
    // Those who were to get what was free got it in as many requests as was said, before anything came back.
    let mut asked: Vec<_> = operations(&lab).await;
    asked.retain(|(id, ..)| !before.iter().any(|(known, ..)| known == id));
    let first = asked
        .iter()
        .find(|(_, kind, _)| *kind == OperationKind::Associate)
        .unwrap();
    assert_eq!(first.2, 2, "{asked:?}");
    let of = |of: OperationKind| -> i64 {
        let asked = asked.iter().filter(|(_, kind, _)| *kind == of);
        asked.map(|(.., people)| people).sum()
    };
    assert_eq!(
        (of(OperationKind::Associate), of(OperationKind::Disassociate)),
        (5, 3),
        "{asked:?}"
    );
    assert_eq!(of(OperationKind::CreateUsers), 0);
    lab.close().await;
}

/// Two have an app of which two licences are owned, and two wait for it. One of the first leaves: whom the preview names gets
/// their licence, and nobody else.
async fn the_licence_of_whoever_leaves_reaches_whom_was_named(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let (scarce, plenty) = (adam_id(1), adam_id(4));
    let (app, other) = (lab.app_known(&scarce).await, lab.app_known(&plenty).await);
    assert!(lab.apple.buy(&scarce, 2 - 20));
    until("two are owned", async || lab.owned(app).await == 2).await;
    let mut people = Vec::new();
    for number in 0..4 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("협력사", &people[..2]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("two have it", async || lab.installed(app).await == 2).await;
    // Everybody accepts the terms for another app, so that a licence is all that is missing.
    let everybody = lab.group("전 직원", &people).await;
    lab.deploy(other, everybody, Approval::Required).await;
    until("all are in the programme", async || lab.installed(other).await == 4).await;
    let all: Vec<_> = people.iter().map(|person| person.0).collect();
    members_are(&lab.app, group, &all).await;
    until("two wait", async || decided(&lab, app).await.waiting.len() == 2).await;
    lab.agrees_with_apple().await;

    let leaver = people[0];
    let preview = lab.app.person_leave_preview(leaver, Devices::Retire).await.unwrap();
    let of = |asset| preview.apps.iter().find(|it| it.preview.app.id == asset).unwrap();
    assert_eq!(
        (of(app).licence, of(other).licence),
        (LeavingLicence::ComesBack, LeavingLicence::ComesBack)
    );
    let befalls = |effect| -> Vec<PersonId> {
        let outcomes = of(app).preview.outcome.outcomes.iter();
        let befallen = outcomes.filter(|outcome| outcome.effect() == effect);
        befallen.map(|outcome| outcome.person).collect()
    };
    assert_eq!((befalls(Effect::Loses), of(app).devices.len()), (vec![leaver], 1));
    let named = befalls(Effect::GainsLater);
    assert_eq!(named.len(), 1, "{preview:#?}");
    let stays: Vec<PersonId> = people[2..]
        .iter()
        .copied()
        .filter(|person| !named.contains(person))
        .collect();
    assert_eq!(
        of(other).preview.outcome.of_effect(Effect::GainsLater),
        0,
        "nobody waits for it"
    );

    let agreed = Agreed {
        digest: Some(preview.digest.clone()),
        take_back: None,
        ..Agreed::default()
    };
    lab.app
        .person_leave(&Caller::System, leaver, Base::Latest, Devices::Retire, &agreed)
        .await
        .expect("what was previewed");
    until("whoever was named has it, and the leaver is retired", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let people = &overview.app(app).unwrap().decision.people;
        let has = |person| {
            people
                .get(person)
                .is_some_and(|it: &PersonVerdict| it.state == InstallState::Installed)
        };
        has(&named[0]) && overview.world.people[&leaver].program == Program::Retired
    })
    .await;
    lab.agrees_with_apple().await;
    let decision = decided(&lab, app).await;
    let stays: Vec<Holder> = stays.into_iter().map(Holder::Person).collect();
    assert_eq!(decision.waiting, stays, "and nobody else");
    assert!(
        decision
            .people
            .get(&leaver)
            .is_none_or(|verdict| verdict.seat.is_none())
    );
    assert!(decision.people[&people[1]].seat.is_some(), "whoever had one keeps it");
    lab.close().await;
}

/// An app of which three licences are owned is given to five people through a group that is made of them: three get it, and two
/// wait, as was previewed. Then it is taken back from one who has it: the next in line gets it.
async fn what_is_done_to_many_is_what_was_previewed_of_it(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let (scarce, plenty) = (adam_id(1), adam_id(4));
    let (app, other) = (lab.app_known(&scarce).await, lab.app_known(&plenty).await);
    assert!(lab.apple.buy(&scarce, 3 - 20));
    until("three are owned", async || lab.owned(app).await == 3).await;
    let mut people = Vec::new();
    for number in 0..6 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    // Everybody accepts the terms for another app, so that a licence is all that is missing.
    let everybody = lab.group("전 직원", &people).await;
    lab.deploy(other, everybody, Approval::Required).await;
    until("all are in the programme", async || lab.installed(other).await == 6).await;
    lab.agrees_with_apple().await;

    let these = |people: &[PersonId]| Selection {
        list: List::People(PersonFilter::All),
        which: Which::Ids(people.iter().map(|person| person.0).collect()),
    };
    let give = Act::GiveApp {
        app,
        through: Through::New {
            name: "시범 사용".to_owned(),
            approval: Approval::Required,
            license_type: LicenseType::User,
        },
    };
    let does = async |selection: &Selection, act: &Act| -> BulkPreview {
        let preview = lab.app.bulk_preview(selection, act).await.unwrap();
        let agreed = Agreed {
            digest: Some(preview.digest.clone()),
            take_back: preview.to_confirm(),
            ..Agreed::default()
        };
        let done = lab.app.bulk(&Caller::System, selection, act, &agreed).await.unwrap();
        assert_eq!(done.done, preview.does.len() as u64);
        preview
    };
    let preview = does(&these(&people[..5]), &give).await;
    let befalls = |preview: &BulkPreview, effect| -> Vec<PersonId> {
        let outcomes = preview.apps[0].outcome.outcomes.iter();
        let befallen = outcomes.filter(|outcome| outcome.effect() == effect);
        befallen.map(|outcome| outcome.person).collect()
    };
    let (gain, wait) = (befalls(&preview, Effect::Gains), befalls(&preview, Effect::Waits));
    assert_eq!((gain.len(), wait.len()), (3, 2), "{preview:#?}");
    until("three have it, and two wait", async || {
        let decision = decided(&lab, app).await;
        lab.installed(app).await == 3 && decision.waiting.len() == 2
    })
    .await;
    let decision = decided(&lab, app).await;
    assert!(
        gain.iter().all(|person| decision.people[person].seat.is_some()),
        "{gain:?}"
    );
    assert!(
        wait.iter().all(|person| decision.people[person].seat.is_none()),
        "{wait:?}"
    );
    lab.agrees_with_apple().await;

    let back = Act::TakeBackApp {
        app,
        way: TakeBack::ExceptNew {
            name: "예외".to_owned(),
        },
    };
    let preview = does(&these(&gain[..1]), &back).await;
    assert_eq!(befalls(&preview, Effect::Loses), gain[..1]);
    let next = befalls(&preview, Effect::GainsLater);
    assert_eq!(next.len(), 1, "{preview:#?}");
    until("the next has it", async || {
        let decision = decided(&lab, app).await;
        let has = |person: &PersonId| {
            let verdict = decision.people.get(person);
            verdict.is_some_and(|verdict| verdict.seat.is_some() && verdict.state == InstallState::Installed)
        };
        has(&next[0]) && !has(&gain[0]) && decision.counts.used == 3
    })
    .await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.installed(other).await, 6, "nothing else was taken");
    lab.close().await;
}

/// Four have an app of which four licences are owned, and one waits for it. Two are taken out of the group and keep it, while the rule for
/// those who left all groups is off. Switched on again it is asked twice, and exactly those two lose it, and the next in line has it.
async fn the_rule_that_is_switched_on_again_does_what_was_previewed(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let (scarce, plenty) = (adam_id(1), adam_id(4));
    let (app, other) = (lab.app_known(&scarce).await, lab.app_known(&plenty).await);
    assert!(lab.apple.buy(&scarce, 4 - 20));
    until("four are owned", async || lab.owned(app).await == 4).await;
    let mut people = Vec::new();
    for number in 0..5 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("협력사", &people[..4]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("four have it", async || lab.installed(app).await == 4).await;
    // Everybody accepts the terms for another app, so that a licence is all that is missing.
    let everybody = lab.group("전 직원", &people).await;
    lab.deploy(other, everybody, Approval::Required).await;
    until("all are in the programme", async || lab.installed(other).await == 5).await;

    let policy = lab.app.policy().await.unwrap();
    let with = |left_all_groups| Policy {
        reclaim: ReclaimRules {
            left_all_groups,
            ..policy.reclaim.clone()
        },
        take_back: TakeBackLimits {
            share: 1,
            more_than: 1,
            ..policy.take_back
        },
        ..policy.clone()
    };
    let (off, on) = (with(false), with(true));
    lab.app
        .policy_set(&Caller::System, Base::Latest, off)
        .await
        .expect("settings");
    let members: Vec<_> = people[2..].iter().map(|person| person.0).collect();
    members_are(&lab.app, group, &members).await;
    until("one waits", async || decided(&lab, app).await.waiting.len() == 1).await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.installed(app).await, 4, "what they have they keep");

    let preview = lab.app.policy_preview(&on).await.unwrap();
    assert_eq!((preview.apps.len(), preview.to_confirm()), (1, Some(2)), "{preview:#?}");
    let outcomes = preview.apps[0].outcome.outcomes.iter();
    let told: BTreeMap<PersonId, Effect> = outcomes.map(|it| (it.person, it.effect())).collect();
    let expected = [
        (people[0], Effect::Loses),
        (people[1], Effect::Loses),
        (people[4], Effect::GainsLater),
    ];
    assert_eq!(told, expected.into());

    // Whoever has not the server's own machine is asked twice.
    let agreed = Agreed {
        digest: Some(preview.digest.clone()),
        take_back: None,
        ..Agreed::default()
    };
    let caller = Caller::Account {
        id: AccountId(uuid::Uuid::from_u128(1)),
        name: "홍라온".to_owned(),
        role: Role::Full,
    };
    let refused = lab.app.policy_save(&caller, Base::Latest, on.clone(), &agreed).await;
    assert!(
        matches!(refused, Err(AppError::TakesBack(2, Previewed::Settings(_)))),
        "{refused:?}"
    );
    let agreed = Agreed {
        take_back: Some(2),
        ..agreed
    };
    lab.app
        .policy_save(&caller, Base::Latest, on, &agreed)
        .await
        .expect("what was previewed");
    until("whoever was named has it", async || {
        let decision = decided(&lab, app).await;
        let has = |person: &PersonId| {
            let verdict = decision.people.get(person);
            verdict.is_some_and(|verdict| verdict.seat.is_some() && verdict.state == InstallState::Installed)
        };
        has(&people[2]) && has(&people[3]) && has(&people[4]) && !has(&people[0]) && !has(&people[1])
    })
    .await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.installed(other).await, 5, "nothing else was taken");
    lab.close().await;
}

async fn decided(lab: &Lab, app: domain::AssetId) -> domain::Decision {
    let overview = lab.app.overview().await.unwrap().unwrap();
    overview.app(app).unwrap().decision.clone()
}

/// What Apple was asked, the earliest first, and for how many people.
async fn operations(lab: &Lab) -> Vec<(OperationId, OperationKind, i64)> {
    let mut rows = lab.app.operations_recent(1_000).await.unwrap();
    rows.reverse();
    rows.retain(|row| row.state != OperationState::Queued);
    rows.iter().map(|row| (row.id, row.kind, row.requested)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_licence_of_whoever_leaves_reaches_whom_the_preview_named_on_sqlite() {
    the_licence_of_whoever_leaves_reaches_whom_was_named(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_licence_of_whoever_leaves_reaches_whom_the_preview_named_on_postgres() {
    the_licence_of_whoever_leaves_reaches_whom_was_named(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_previewed_is_what_happened_on_sqlite() {
    what_was_previewed_is_what_happened(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_was_previewed_is_what_happened_on_postgres() {
    what_was_previewed_is_what_happened(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_done_to_many_is_what_was_previewed_on_sqlite() {
    what_is_done_to_many_is_what_was_previewed_of_it(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_is_done_to_many_is_what_was_previewed_on_postgres() {
    what_is_done_to_many_is_what_was_previewed_of_it(Database::Postgres).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_rule_that_is_switched_on_again_does_what_was_previewed_on_sqlite() {
    the_rule_that_is_switched_on_again_does_what_was_previewed(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_rule_that_is_switched_on_again_does_what_was_previewed_on_postgres() {
    the_rule_that_is_switched_on_again_does_what_was_previewed(Database::Postgres).await;
}
