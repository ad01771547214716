//! `kill -9` at random moments: the story ends the same, no licence given twice, none lost.

use std::time::Duration;

use domain::{Approval, AssetId, InstallState, Time};
use secrecy::SecretString;
use sim::apple::{Rng, TokenKind};

use crate::{
    lab::{Database, until},
    oracle::watched,
    servers::{Scene, chance, listens, rounds, upload},
};

const PEOPLE: usize = 6;
const LICENCES: usize = 4;

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_random_moments_tells_the_same_story_on_sqlite() {
    killed(Database::Sqlite, rounds(8)).await;
}

/// Where the lease of a killed server has to end first, which takes ten seconds each time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_server_killed_at_random_moments_tells_the_same_story_on_postgres() {
    killed(Database::Postgres, rounds(2)).await;
}

/// Killed before the account is linked, while licences move that are too few for all, and while the token is renewed.
async fn killed(database: Database, kills: usize) {
    let mut chance = chance("killed_at_random_moments");
    let mut scene = Scene::open(database, 1, LICENCES as i64).await;
    let key = scene.api_key().await;

    linked_under_fire(&mut scene, &key, TokenKind::Valid, kills, &mut chance).await;
    let linked = scene.app.location_view().await.unwrap().expect("a location").row;
    assert_eq!(
        scene.apple.ledger().main().mdm_info.as_ref().map(|owner| &owner.id),
        Some(&linked.mdm_id),
        "Apple knows us by the name that we know"
    );

    scene.people(PEOPLE).await;
    let asset = scene.app_known().await;
    let group = scene.group().await;
    scene.members(group, &scene.people).await;
    for approval in [Approval::Required, Approval::Uninstall] {
        scene.deploy(asset, group, approval).await;
        for _ in 0..kills {
            // Somebody is working on it, or nothing is killed but a server that waits for the lease of the last one.
            killed_at_work(&mut scene, &mut chance).await;
            scene.anybody(group, &mut chance).await;
        }
        if approval == Approval::Required {
            linked_under_fire(&mut scene, &key, TokenKind::Renewal, kills, &mut chance).await;
            assert!(expiry(&scene).await > linked.expires_at, "it was renewed");
        }
        scene.members(group, &scene.people).await;
        if approval == Approval::Required {
            ends_well(&scene, asset, LICENCES).await;
        } else {
            ends_well(&scene, asset, 0).await;
        }
    }
    scene.close().await;
}

async fn expiry(scene: &Scene) -> Time {
    scene
        .app
        .location_view()
        .await
        .unwrap()
        .expect("a location")
        .row
        .expires_at
}

/// Uploads a token while the server is killed, until it is taken; a server runs at the end.
async fn linked_under_fire(scene: &mut Scene, key: &SecretString, kind: TokenKind, kills: usize, chance: &mut Rng) {
    // An upload is a handful of requests to Apple: so there are moments between them.
    scene.apple.switch(|switches| switches.answer_delay_ms = 40);
    let file = scene.apple.token_file(kind);
    let listen = scene.servers[0].listen;
    for _ in 0..kills {
        scene.kill(0);
        scene.start(0);
        until("the server listens", async || listens(listen).await).await;
        let uploading = tokio::spawn({
            let (key, file) = (key.clone(), file.clone());
            async move { upload(listen, &key, file).await }
        });
        tokio::time::sleep(Duration::from_millis(chance.below(500) as u64)).await;
        scene.kill(0);
        uploading.await.expect("no panic");
    }
    scene.start(0);
    // Whatever became of the ones before, the same good file is taken, or has been.
    until("the token is taken", async || {
        let status = upload(listen, key, file.clone()).await;
        let said = status.map(|status| status.as_u16());
        assert!(
            matches!(said, None | Some(200 | 201 | 409 | 503)),
            "the token is refused: {said:?}"
        );
        matches!(said, Some(200 | 201 | 409))
    })
    .await;
    scene.apple.switch(|switches| switches.answer_delay_ms = 0);
}

async fn killed_at_work(scene: &mut Scene, chance: &mut Rng) {
    let before = scene.working().await.map_or(0, |(_, working)| working.fence);
    scene.kill(0);
    scene.start(0);
    scene.works_beyond(before).await;
    tokio::time::sleep(Duration::from_millis(chance.below(700) as u64)).await;
    scene.kill(0);
    scene.start(0);
}

/// So many have the app, and everybody else waits or goes without.
async fn ends_well(scene: &Scene, asset: AssetId, having: usize) {
    let story = until("the story has come to its end", async || {
        let overview = scene.app.overview().await.unwrap().unwrap();
        let decision = &overview.app(asset).unwrap().decision;
        let installed = decision
            .people
            .values()
            .filter(|person| person.state == InstallState::Installed)
            .count();
        let waiting = if having == 0 { 0 } else { PEOPLE - having };
        let counts = decision.counts;
        installed == having
            && decision.waiting.len() == waiting
            && counts.used == having as u64
            && counts.on_the_way == 0
    });
    watched(&scene.app, &scene.apple, story).await;
    scene.all_agree().await;
}
