//! Whoever is moved up gets the next licence, and nobody loses one.

use domain::{
    Approval, AssetId, Holder, Installation, LicenseType, PersonId, Place,
    why::{Stage, Tense},
};
use server::{
    app::{AppError, Base, Caller, FieldProblem, contract::Agreed, deployments::DeploymentChoice, groups::GroupChange},
    messages::{Lang, Speak},
    reasons,
};
use sim::apple::{TokenKind, sample};
use store::{EventFilter, Move};
use uuid::Uuid;

use crate::lab::{Database, Lab, Setup, iphone, members_are, until};

const ADAM: &str = "9000000001";

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_moved_up_gets_the_next_licence_on_sqlite() {
    moved_up(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_is_moved_up_gets_the_next_licence_on_postgres() {
    moved_up(Database::Postgres).await;
}

/// One has the only licence; two wait in a group of high priority, and three behind them. The last two are moved up.
async fn moved_up(database: Database) {
    let mut setup = Setup::on(database);
    setup.organisations[0].assets.push(sample::App::sample(ADAM, 1));
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let mut people = Vec::new();
    for number in 0..6 {
        people.push(lab.person(&format!("사람 {number}")).await);
        lab.enrol(people[number], iphone(number)).await;
    }
    let first = lab.group("받은 사람", &people[..1]).await;
    lab.deploy(app, first, Approval::Required).await;
    until("the first has it", async || lab.installed(app).await == 1).await;
    let urgent = lab.group("급한 사람", &people[1..3]).await;
    let priority = GroupChange {
        priority: Some(9),
        ..GroupChange::default()
    };
    let changed = lab.app.group_change(&Caller::System, urgent, Base::Latest, priority);
    changed.await.expect("a priority");
    let others_group = lab.group("나머지", &people[3..]).await;
    let choices = [first, urgent, others_group].map(|group| DeploymentChoice {
        group,
        approval: Approval::Required,
        deadline: None,
        license_type: LicenseType::User,
        installation: Installation::Managed,
        kept_licenses: 0,
    });
    let agreed = Agreed::default();
    let saved = lab
        .app
        .deployments_save(&Caller::System, app, Base::Latest, choices.to_vec(), &agreed);
    saved.await.expect("a deployment");
    until_waiting(&lab, app, &people, [1, 2, 3, 4, 5]).await;

    // Before it is done it is told what it does; and to whom it cannot be done.
    let (fourth, last) = (people[4], people[5]);
    until("everybody is decided", async || {
        let told = lab.app.moving_up(app, last).await.expect("a preview");
        told.step
            == Some(Move {
                from: Place::At(5),
                to: Some(Place::At(1)),
                overtakes: Some(people[1]),
            })
    })
    .await;
    let has = lab.app.move_up(&Caller::System, app, people[0], "출장").await;
    assert!(matches!(has, Err(AppError::NotWaiting)), "{has:?}");
    let unreasoned = lab.app.move_up(&Caller::System, app, last, " ").await;
    let missing = FieldProblem::Missing;
    assert!(
        matches!(unreasoned, Err(AppError::Invalid { field: "reason", problem }) if problem == missing),
        "{unreasoned:?}"
    );

    move_up(&lab, app, last, "출장").await;
    move_up(&lab, app, fourth, "회의").await;
    // Once more changes nothing, and no other reason takes the place of the first.
    move_up(&lab, app, last, "출장").await;
    let other = lab.app.move_up(&Caller::System, app, last, "또 출장").await;
    assert!(matches!(other, Err(AppError::MovedUpAlready)), "{other:?}");
    until_waiting(&lab, app, &people, [5, 4, 1, 2, 3]).await;
    until("it is answered with the reason", async || {
        let answer = lab.app.why(last.0, app).await.expect("an answer");
        let s = Speak {
            lang: Lang::Ko,
            now: lab.app.now(),
            zone: lab.app.config.zone(),
        };
        let links = reasons::said(&answer, &s).links;
        let moved = links
            .iter()
            .find(|said| (said.link.stage, said.link.tense) == (Stage::MovedUp, Tense::Done));
        moved.is_some_and(|said| said.line.reason.as_deref() == Some("시스템 · 이유: 출장"))
    })
    .await;

    // Taken back, nothing is left of it.
    lab.app
        .move_back(&Caller::System, app, fourth)
        .await
        .expect("taken back");
    until_waiting(&lab, app, &people, [5, 1, 2, 3, 4]).await;
    move_up(&lab, app, fourth, "회의").await;
    until_waiting(&lab, app, &people, [5, 4, 1, 2, 3]).await;

    // Whoever is not to have the app any more is not moved up when they are to have it again.
    move_up(&lab, app, people[3], "교육").await;
    until_waiting(&lab, app, &people, [5, 4, 3, 1, 2]).await;
    let others: Vec<Uuid> = people[3..].iter().map(|person| person.0).collect();
    members_are(&lab.app, others_group, &others[1..]).await;
    until("it is over", async || {
        told(&lab, people[3], "movedUpEnded").await.len() == 1
    })
    .await;
    members_are(&lab.app, others_group, &others).await;
    until_waiting(&lab, app, &people, [5, 4, 1, 2, 3]).await;

    // The next two licences are theirs, in order, whatever the priority of others; and that ends it.
    assert!(lab.apple.buy(ADAM, 1));
    until_waiting(&lab, app, &people, [4, 1, 2, 3]).await;
    until("the last has it", async || lab.installed(app).await == 2).await;
    assert!(lab.apple.buy(ADAM, 1));
    until_waiting(&lab, app, &people, [1, 2, 3]).await;
    until("both have it", async || lab.installed(app).await == 3).await;
    until("it is over", async || {
        let moved_up = lab.app.store.moved_up(app, &people).await.expect("rows");
        moved_up.is_empty()
    })
    .await;
    assert_eq!(
        told(&lab, last, "movedUpEnded").await.len(),
        0,
        "that they have it is told anyway"
    );
    let view = lab.app.overview().await.unwrap().unwrap();
    let decision = &view.app(app).unwrap().decision;
    assert!(
        [0, 4, 5]
            .iter()
            .all(|number| decision.people[&people[*number]].seat.is_some())
    );

    assert_eq!(told(&lab, last, "movedUp").await, [Some("출장".to_owned())]);
    assert_eq!(told(&lab, fourth, "movedUp").await.len(), 2);
    assert_eq!(told(&lab, fourth, "movedBack").await.len(), 1);
    lab.agrees_with_apple().await;
    lab.close().await;
}

async fn move_up(lab: &Lab, app: AssetId, person: PersonId, reason: &str) {
    let moved = lab.app.move_up(&Caller::System, app, person, reason).await;
    moved.expect("moved up");
}

async fn until_waiting<const N: usize>(lab: &Lab, app: AssetId, people: &[PersonId], order: [usize; N]) {
    let order: Vec<Holder> = order.iter().map(|number| people[*number].into()).collect();
    until("they wait in this order", async || {
        let view = lab.app.overview().await.unwrap().unwrap();
        let waiting = view.app(app).unwrap().decision.waiting.clone();
        let told = lab.app.app_waiting(app, 50).await.unwrap().unwrap().0;
        waiting == order && told.iter().map(|waiter| waiter.holder).eq(order.iter().copied())
    })
    .await;
}

/// The reasons of such events about somebody.
async fn told(lab: &Lab, person: PersonId, kind: &str) -> Vec<Option<String>> {
    let filter = EventFilter {
        person: Some(person),
        limit: 1_000,
        ..EventFilter::default()
    };
    let events = lab.app.events(&filter).await.expect("events");
    let reason = |event: &store::EventRow| event.detail["reason"].as_str().map(str::to_owned);
    events.iter().filter(|event| event.kind == kind).map(reason).collect()
}
