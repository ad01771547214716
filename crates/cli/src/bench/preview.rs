//! What previewing a change of a deployment costs.
//!
//! An organisation with one app, which everybody is to have and half of the people hold.

use std::time::Duration;

use domain::{AssetId, Deployment, DeploymentId, Effect, GroupId, GroupKind, Preview};
use server::Clock;
use store::{Change, Fresh, GroupRow, MasterKey, Organisation, Store, Version, organisation};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    deciding::until_decided,
    table::{Figure, middle},
};
use crate::Failure;

/// So many are in the small group.
const FEW: usize = 100;

pub async fn measure(fresh: Fresh, people: usize) -> Result<Vec<Figure>, Failure> {
    let store = Store::open(fresh.url(), MasterKey::from_bytes([7; 32])).await?;
    let mut all = organisation(&store, people, 1, Clock::System.now()).await?;
    let had = all.assets[0];
    let few = few(&store, &all).await?;
    until_decided(&store, &all).await?;
    let licences = people.div_ceil(4);
    let new = all.app_arrives(&store, licences).await?;
    until_decided(&store, &all).await?;
    store.tidied().await?;

    let lines = [all.required(new)];
    let everybody = previewed(&store, &all, new, &lines, |preview| {
        let waits = (people - licences) as u64;
        preview.of_effect(Effect::Gains) == licences as u64 && preview.of_effect(Effect::Waits) == waits
    });
    let everybody = everybody.await?;
    // Half of them wait, and come first from now on.
    let lines = [
        all.required(had),
        Deployment {
            id: DeploymentId(few.0),
            group: few,
            ..all.required(had)
        },
    ];
    let half = |preview: &Preview| preview.needed() == people as u64 / 2;
    let some = previewed(&store, &all, had, &lines, half).await?;
    let mut tx = store.begin().await?;
    tx.decide_everybody(all.location).await?;
    tx.commit().await?;
    let undecided = previewed(&store, &all, had, &lines, half).await?;
    store.close().await;
    fresh.close().await;
    let figure = |what: &str, took: Duration| Figure::new(what, took.as_secs_f64(), "s");
    Ok(vec![
        figure("one more app for everybody", everybody).aim(2.0),
        figure("a hundred people come first for an app that everybody is to have", some).aim(2.0),
        figure("… while nobody is decided", undecided),
    ])
}

/// The middle of three times.
async fn previewed(
    store: &Store,
    all: &Organisation,
    asset: AssetId,
    lines: &[Deployment],
    is_right: impl Fn(&Preview) -> bool,
) -> Result<Duration, Failure> {
    let mut took = Vec::new();
    for _ in 0..3 {
        let began = Instant::now();
        let preview = store.previewed(all.location, asset, lines, all.now).await?;
        took.push(began.elapsed());
        assert!(preview.is_some_and(|preview| is_right(&preview)), "a wrong preview");
    }
    Ok(middle(&mut took))
}

/// A group of a few of those who wait.
async fn few(store: &Store, all: &Organisation) -> Result<GroupId, Failure> {
    let group = GroupId(Uuid::from_u128(7));
    let mut tx = store.begin().await?;
    tx.group_insert(&GroupRow {
        id: group,
        kind: GroupKind::User,
        name: "a few".to_owned(),
        priority: 9,
        created_at: all.now,
        members: 0,
        membership_rule: None,
        version: Version::default(),
        members_version: Version::default(),
    })
    .await?;
    let waiting = all.people.iter().skip(1).step_by(2).take(FEW);
    let members: Vec<Uuid> = waiting.map(|person| person.0).collect();
    let by = Change {
        at: all.now,
        by: "somebody",
    };
    tx.group_members_change((group, GroupKind::User), store::Base::Latest, &members, &[], by)
        .await?;
    tx.commit().await?;
    Ok(group)
}
