//! Devices that are retired or wiped while Apple misbehaves and servers die: each licence comes back, and once.

use domain::{Approval, Enrolment, InstallState, PersonId, Policy};
use server::app::{Base, Caller, contract::Agreed, leaving::Leave};
use sim::apple::{Fault, Garbage, Holder, TokenKind, Trouble};
use store::EventFilter;

use crate::{
    lab::{Database, link_token, quick_policy, until},
    oracle::{all_agree, watched},
    servers::Scene,
};

/// How a device goes, what befalls the request for its licence, how long Apple takes, and whether the server that works is
/// killed meanwhile. Requests are waited for two seconds, events for three.
const FAREWELLS: [(Leave, Trouble, u64, bool); 8] = [
    (Leave::Retire, Trouble::Lost, 200, false),
    (Leave::Wipe, Trouble::Lost, 4000, true),
    (Leave::Retire, Trouble::DoneButInternalError, 200, true),
    (Leave::Wipe, Trouble::DoneButInternalError, 4000, false),
    (Leave::Retire, Trouble::Late { ms: 3000 }, 200, false),
    (Leave::Wipe, Trouble::Garbled(Garbage::Truncated), 200, false),
    (Leave::Retire, NOTHING_DONE, 4000, false),
    (Leave::Wipe, Trouble::Unheard, 200, false),
];
const NOTHING_DONE: Trouble = Trouble::Gateway {
    status: 500,
    retry_after_s: None,
};

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_licence_of_a_retired_or_wiped_device_comes_back_once_whatever_befalls_apple_and_two_servers() {
    let count = FAREWELLS.len() + 1;
    let mut scene = Scene::open(Database::Postgres, 2, count as i64).await;
    let policy = Policy {
        wiping: true,
        ..quick_policy()
    };
    scene
        .app
        .policy_set(&Caller::System, Base::Latest, policy)
        .await
        .unwrap();
    for server in 0..2 {
        scene.start(server);
    }
    link_token(&scene.app, &scene.apple, TokenKind::Valid).await;
    scene.people(count).await;
    let asset = scene.app_known().await;
    let group = scene.group().await;
    scene.members(group, &scene.people).await;
    scene.deploy(asset, group, Approval::Required).await;
    until("all have the app", async || {
        let overview = scene.app.overview().await.unwrap().unwrap();
        let people = &overview.app(asset).unwrap().decision.people;
        people.values().filter(|it| it.state == InstallState::Installed).count() == count
    })
    .await;

    let (app, apple) = (scene.app.clone(), scene.apple.clone());
    let story = async {
        for (number, (how, trouble, event_ms, killed)) in FAREWELLS.into_iter().enumerate() {
            scene.apple.switch(|switches| {
                switches.event_delay_ms = Some(event_ms);
                switches.faults.push(Fault {
                    call: "POST assets/disassociate".to_owned(),
                    is: trouble,
                    times: 1,
                });
            });
            let person = scene.people[number];
            let devices = scene.app.devices().await.unwrap();
            let id = devices.iter().find(|row| row.person_id == person).unwrap().id;
            scene
                .app
                .device_leave(&Caller::System, id, how, None, &Agreed::default())
                .await
                .unwrap();
            if killed {
                // A device says good-bye once. To a server that dies it would have said it in vain, and stay until somebody
                // takes it out: that is another story.
                until("the device is gone and the trouble came", async || {
                    let gone = scene.app.device(id).await.unwrap().unwrap().enrolment;
                    gone.is_over() && scene.apple.switches().faults.is_empty()
                })
                .await;
                let (server, _) = scene.works_beyond(0).await;
                scene.kill(server);
                scene.start(server);
            }
            until(&format!("{how:?} ends well in spite of {trouble:?}"), async || {
                let gone = scene.app.device(id).await.unwrap().unwrap().enrolment;
                let ended = matches!(gone, Enrolment::Retired | Enrolment::Wiped);
                let overview = scene.app.overview().await.unwrap().unwrap();
                let seats = &overview.app(asset).unwrap().facts.seats;
                ended
                    && !seats.contains_key(&person.into())
                    && scene.apple.switches().faults.is_empty()
                    && holders(&scene) == count - number - 1
            })
            .await;
        }
    };
    watched(&app, &apple, story).await;
    drop(apple);
    all_agree(scene.sides()).await;
    for person in &scene.people[..FAREWELLS.len()] {
        until("it can be read in the history", async || {
            returned(&scene, *person).await > 0
        })
        .await;
    }
    for (number, person) in scene.people.iter().enumerate() {
        let leaves = number < FAREWELLS.len();
        assert_eq!(
            returned(&scene, *person).await,
            usize::from(leaves),
            "of person {number}"
        );
    }
    scene.close().await;
}

fn holders(scene: &Scene) -> usize {
    let ledger = scene.apple.ledger();
    let holders = ledger.main().holders(&scene.adam).iter();
    holders.filter(|holder| matches!(holder, Holder::User(_))).count()
}

/// How often the history tells that the person's licence came back.
async fn returned(scene: &Scene, person: PersonId) -> usize {
    let filter = EventFilter {
        limit: 10_000,
        ..EventFilter::default()
    };
    let history = scene.app.events(&filter).await.unwrap();
    let of_person = |event: &&store::EventRow| event.person_id == Some(person) && event.kind == "licenceReturned";
    history.iter().filter(of_person).count()
}
