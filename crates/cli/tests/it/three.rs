//! Three servers on one database, and what ends the one that works.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use domain::{Approval, InstallState};
use sim::apple::TokenKind;

use crate::{
    lab::{Database, link_token, until},
    oracle::watched,
    servers::{Scene, chance, hold_on, rounds},
};

const PEOPLE: usize = 6;
const LICENCES: usize = 4;
/// What is promised to whoever waits for a licence while a server dies: see `tasks::location::LEASE`.
const HAND_OVER: Duration = Duration::from_secs(15);
/// A server that is asked to end need not be waited for. Less than a lease lasts; measured is a tenth of it.
const PLANNED: Duration = Duration::from_secs(9);

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum How {
    /// SIGKILL.
    Killed,
    /// SIGSTOP, and SIGCONT when another has long taken over.
    StoodStill,
    /// SIGTERM, while a client holds on.
    AskedToEnd,
}

/// Whatever ends the server that works, in the middle of moving licences that are too few for all: another one goes on
/// in time, the one that comes back does no harm, and at no moment is more out than is owned.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn another_of_three_servers_takes_over_within_fifteen_seconds_and_nothing_is_wrong_at_the_end() {
    let mut chance = chance("another_of_three_servers");
    let mut scene = Scene::open(Database::Postgres, 3, LICENCES as i64).await;
    for server in 0..3 {
        scene.start(server);
    }
    link_token(&scene.app, &scene.apple, TokenKind::Valid).await;
    scene.people(PEOPLE).await;
    let asset = scene.app_known().await;
    let group = scene.group().await;
    scene.members(group, &scene.people).await;
    scene.deploy(asset, group, Approval::Required).await;

    let (app, apple) = (scene.app.clone(), scene.apple.clone());
    let mut took: BTreeMap<How, Vec<Duration>> = BTreeMap::new();
    let rounds = rounds(3);
    let story = async {
        for round in 0..rounds {
            scene.anybody(group, &mut chance).await;
            tokio::time::sleep(Duration::from_millis(chance.below(700) as u64)).await;
            let (server, before) = scene.works_beyond(0).await;
            let listen = scene.servers[server].listen;
            let held = hold_on(listen);
            let how = [How::Killed, How::StoodStill, How::AskedToEnd][round % 3];
            let begun = Instant::now();
            match how {
                How::Killed => scene.kill(server),
                How::StoodStill => {
                    scene.front.is_up(listen, false);
                    scene.servers[server].stand_still();
                }
                How::AskedToEnd => {
                    scene.front.is_up(listen, false);
                    scene.servers[server].ask_to_end();
                }
            }
            let handed_over = scene.handed_over(&before, begun).await;
            let bound = if how == How::AskedToEnd { PLANNED } else { HAND_OVER };
            assert!(handed_over <= bound, "{how:?} in round {round}: {handed_over:?}");
            took.entry(how).or_default().push(handed_over);
            drop(held);

            match how {
                How::Killed => scene.start(server),
                How::StoodStill => {
                    // Into the middle of what the other one does.
                    tokio::time::sleep(Duration::from_millis(chance.below(1500) as u64)).await;
                    scene.servers[server].go_on();
                    scene.front.is_up(listen, true);
                }
                How::AskedToEnd => {
                    assert!(scene.servers[server].ended().await, "it ended well");
                    scene.start(server);
                }
            }
        }
        scene.members(group, &scene.people).await;
        until("four have the app and two wait", async || {
            let overview = scene.app.overview().await.unwrap().unwrap();
            let decision = &overview.app(asset).unwrap().decision;
            let having = decision.people.values();
            let installed = having.filter(|person| person.state == InstallState::Installed).count();
            installed == LICENCES && decision.waiting.len() == PEOPLE - LICENCES && decision.counts.on_the_way == 0
        })
        .await;
    };
    watched(&app, &apple, story).await;
    drop(apple);
    scene.all_agree().await;
    for (how, mut took) in took {
        took.sort_unstable();
        eprintln!(
            "{how:?}, {} times: median {:.1?}, longest {:.1?}",
            took.len(),
            took[took.len() / 2],
            took[took.len() - 1]
        );
    }
    scene.close().await;
}
