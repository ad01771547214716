//! Processes that start beside each other, or after one another.

use secrecy::ExposeSecret;
use server::app::{Caller, people::NewPerson};
use sim::devices::DeviceSpec;

use crate::{
    lab::{Database, iphone, until},
    servers::{Scene, listens},
};

/// Each would issue identities that the other refuses. Whichever authority was made first is the one of both.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn two_first_starts_at_once_serve_each_others_devices() {
    let scene = Scene::open_with(Database::Postgres, 2, 1, async |servers| {
        for server in servers.iter_mut() {
            server.start();
        }
        for server in servers.iter() {
            until("the server listens", async || listens(server.listen).await).await;
        }
    })
    .await;

    for (number, (enrols, speaks)) in [(0, 1), (1, 0)].into_iter().enumerate() {
        let new = NewPerson {
            name: format!("사람 {number}"),
            email: None,
            department: None,
            office: None,
        };
        let person = scene.app.person_add(&Caller::System, new).await.unwrap();
        let link = scene.app.enrolment_link(&Caller::System, person).await.unwrap();
        let (enrols, speaks) = (scene.servers[enrols].listen, scene.servers[speaks].listen);
        scene.front.is_up(speaks, false);
        scene.front.is_up(enrols, true);
        let spec = DeviceSpec {
            name: "한 서버가 등록".to_owned(),
            ..iphone(number)
        };
        let serial = spec.serial.clone();
        scene.fleet.enrol(spec, link.expose_secret()).await.expect("enrolled");

        scene.front.is_up(enrols, false);
        scene.front.is_up(speaks, true);
        // Whatever it says is signed with what the other one issued.
        until("the other server believes it", async || {
            scene.fleet.rotate_token(&serial).await
        })
        .await;
    }
    scene.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_process_on_one_sqlite_file_says_who_has_it_and_a_third_goes_on_after_a_kill() {
    let mut scene = Scene::open(Database::Sqlite, 2, 1).await;
    scene.start(0);
    let listen = scene.servers[0].listen;
    until("the first serves", async || listens(listen).await).await;

    scene.start(1);
    assert!(!scene.servers[1].ended().await, "it refuses to start");
    let said = scene.servers[1].said();
    assert!(said.contains(&format!("process {}", scene.servers[0].pid())), "{said}");
    assert!(said.contains(&listen.to_string()), "{said}");

    scene.kill(0);
    scene.start(1);
    let second = scene.servers[1].listen;
    until("the second serves", async || listens(second).await).await;
    scene.close().await;
}
