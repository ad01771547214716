//! What previewing a change of a deployment costs.
//!
//!     cargo bench -p store --bench preview                     # 10,000 and 100,000 people with one app
//!     cargo bench -p store --bench preview -- 1000 10000       # other sizes
//!
//! On SQLite, and on PostgreSQL where `ALLOTMENT_TEST_POSTGRES` names a server. What is printed is Markdown.

#![expect(clippy::print_stdout, reason = "what it measures is all that it is for")]

use std::time::Duration;

use domain::{AssetId, Deployment, Effect, GroupId, GroupKind, Time, decide_each};
use store::{
    Change, GroupRow, Look, MasterKey, Store, Version,
    testing::{Fresh, Organisation, organisation},
};
use tokio::time::Instant;
use uuid::Uuid;

const NOW: Time = Time(1_900_000_000_000);
const LOOK: Look = Look {
    now: NOW,
    looked: true,
    token_usable: true,
};
/// So many are in the small group.
const FEW: usize = 100;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so when it measures. Without it, it tests: there is nothing to test here.
    if !arguments.iter().any(|it| it == "--bench") {
        return;
    }
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|it| it.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![10_000, 100_000];
    }
    println!("| | people | one more app for everybody | {FEW} people of an app that everybody has | undecided |");
    println!("| --- | --- | --- | --- | --- |");
    for people in &sizes {
        measure("SQLite", Fresh::sqlite(), *people).await;
    }
    if std::env::var("ALLOTMENT_TEST_POSTGRES").is_err() {
        println!("PostgreSQL was left out: ALLOTMENT_TEST_POSTGRES names no server.");
        return;
    }
    for people in &sizes {
        measure("PostgreSQL", Fresh::postgres().await, *people).await;
    }
}

async fn measure(database: &str, fresh: Fresh, people: usize) {
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await.unwrap();
    let mut all = organisation(&store, people, 1, NOW).await.unwrap();
    let had = all.assets[0];
    let few = few(&store, &all).await;
    decided(&store, &all).await;
    let licences = people.div_ceil(4);
    let new = all.app_arrives(&store, licences).await.unwrap();
    decided(&store, &all).await;
    store.tidied().await.unwrap();

    let lines = [all.required(new)];
    let everybody = previewed(&store, &all, new, &lines, |preview| {
        assert_eq!(preview.of_effect(Effect::Gains), licences as u64);
        assert_eq!(preview.of_effect(Effect::Waits), (people - licences) as u64);
    });
    let everybody = everybody.await;
    // Half of them wait, and come first from now on.
    let lines = [
        all.required(had),
        Deployment {
            id: domain::DeploymentId(few.0),
            group: few,
            ..all.required(had)
        },
    ];
    let some = previewed(&store, &all, had, &lines, |preview| {
        assert_eq!(preview.needed(), people as u64 / 2)
    });
    let some = some.await;
    let mut tx = store.begin().await.unwrap();
    tx.decide_everybody(all.location).await.unwrap();
    tx.commit().await.unwrap();
    let undecided = previewed(&store, &all, had, &lines, |preview| {
        assert_eq!(preview.needed(), people as u64 / 2)
    });
    let undecided = undecided.await;
    let said = |took: Duration| format!("{:.2} s", took.as_secs_f64());
    println!(
        "| {database} | {people} | {} | {} | {} |",
        said(everybody),
        said(some),
        said(undecided)
    );
    store.close().await;
    fresh.close().await;
}

/// The middle of three times.
async fn previewed(
    store: &Store,
    all: &Organisation,
    asset: AssetId,
    lines: &[Deployment],
    check: impl Fn(&domain::Preview),
) -> Duration {
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let preview = store.previewed(all.location, asset, lines, NOW).await.unwrap();
        took.push(began.elapsed());
        check(&preview.unwrap());
    }
    took.sort_unstable();
    took[1]
}

/// A group of a few of those who wait.
async fn few(store: &Store, all: &Organisation) -> GroupId {
    let group = GroupId(Uuid::from_u128(7));
    let mut tx = store.begin().await.unwrap();
    tx.group_insert(&GroupRow {
        id: group,
        kind: GroupKind::User,
        name: "a few".to_owned(),
        priority: 9,
        created_at: NOW,
        members: 0,
        membership_rule: None,
        version: Version::default(),
        members_version: Version::default(),
    })
    .await
    .unwrap();
    let members: Vec<Uuid> = all
        .people
        .iter()
        .skip(1)
        .step_by(2)
        .take(FEW)
        .map(|person| person.0)
        .collect();
    let by = Change {
        at: NOW,
        by: "somebody",
    };
    tx.group_members_change((group, GroupKind::User), store::Base::Latest, &members, &[], by)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    group
}

async fn decided(store: &Store, all: &Organisation) {
    while store.undecided(all.location, LOOK).await.unwrap() {
        let mut tx = store.begin().await.unwrap();
        let taken = tx.decide_take(all.location, LOOK, 200).await.unwrap();
        let world = tx.world_of(all.location, &taken.people, NOW).await.unwrap();
        tx.decided(all.location, &taken.people, &decide_each(&world))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}
