//! Somebody leaves, and comes back: on the device, in our books and in Apple's.

use std::{collections::BTreeMap, time::Duration};

use domain::{Approval, AssetId, Enrolment, InstallState, Patience, PersonId, Program};
use server::{
    Clock,
    app::{
        AppError, Base, Caller, Problem,
        leavers::{Devices, WAITED_FOR},
    },
};
use sim::apple::{Fault, Garbage, TokenKind, Trouble, UserStatus, sample::adam_id};

use crate::{
    lab::{Database, Lab, Setup, iphone, link_token, until},
    servers::{Scene, chance, rounds},
};

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_retired_and_whoever_comes_back_is_invited_anew_on_sqlite() {
    leaves_and_comes_back(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_leaves_is_retired_and_whoever_comes_back_is_invited_anew_on_postgres() {
    leaves_and_comes_back(Database::Postgres).await;
}

/// Every answer to a write is lost while the person leaves; and the same once more, for nobody is gone for good.
async fn leaves_and_comes_back(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    let foreign: BTreeMap<_, _> = users(&lab);
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let (leaver, other) = (lab.person("김하늘").await, lab.person("이바다").await);
    lab.enrol(leaver, iphone(0)).await;
    lab.enrol(other, iphone(1)).await;
    let group = lab.group("모두", &[leaver, other]).await;
    lab.deploy(app, group, Approval::Required).await;
    for person in [leaver, other] {
        has_it(&lab, app, person).await;
    }

    let mut had = Vec::new();
    for time in 1..=2 {
        let client_user = client_user(&lab, leaver).await;
        assert!(!had.contains(&client_user), "a new one each time");
        had.push(client_user);
        lab.apple.switch(|switches| switches.cut_after_write = 1.0);
        leave(&lab, leaver).await;
        until("the person is retired, and we know", async || {
            program(&lab, leaver).await == Program::Retired
        })
        .await;
        lab.apple.switch(|switches| switches.cut_after_write = 0.0);

        let known = users(&lab);
        assert_eq!(known[&had[time - 1]], UserStatus::Retired);
        assert_eq!(lab.apple_holders(&adam), [self::client_user(&lab, other).await].into());
        let device = lab
            .fleet
            .devices()
            .into_iter()
            .find(|device| device.serial == iphone(0).serial);
        assert!(device.unwrap().apps.is_empty(), "the app is gone from the device");
        let refused = lab.app.enrolment_link(&Caller::System, leaver).await;
        let refused = refused.expect_err("no link for somebody who left");
        assert!(
            matches!(
                refused,
                AppError::Invalid {
                    problem: Problem::Left,
                    ..
                }
            ),
            "{refused}"
        );
        lab.agrees_with_apple().await;

        lab.app
            .person_return(&Caller::System, leaver, Base::Latest)
            .await
            .unwrap();
        let members = [leaver.0, other.0];
        lab.app
            .group_members_set(&Caller::System, group, Base::Latest, &members)
            .await
            .unwrap();
        has_it(&lab, app, leaver).await;
        let device = lab
            .fleet
            .devices()
            .into_iter()
            .find(|device| device.serial == iphone(0).serial);
        assert_eq!(device.unwrap().invitations_shown, time + 1);
    }
    // Nobody else was retired, and each of ours once: an answer that is lost is read back, and not asked for again.
    let writes = lab.apple.writes();
    let retired: Vec<_> = writes.iter().filter(|write| write.path == "users/retire").collect();
    let named: Vec<_> = retired
        .iter()
        .map(|write| write.body["users"][0]["clientUserId"].as_str().unwrap())
        .collect();
    assert_eq!(named, had);
    let known = users(&lab);
    assert!(
        foreign.iter().all(|(user, status)| known[user] == *status),
        "another server's users"
    );
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// By default the devices go, too: app, profile, licence, client user. Back again, they enrol anew.
#[tokio::test(flavor = "multi_thread")]
async fn the_devices_of_whoever_leaves_are_retired_and_enrol_anew_when_they_are_back() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let person = lab.person("김하늘").await;
    lab.enrol(person, iphone(0)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    has_it(&lab, app, person).await;

    lab.app
        .person_leave(&Caller::System, person, Base::Latest, Devices::Retire)
        .await
        .unwrap();
    until("the person is retired, and the device too", async || {
        let devices = lab.app.devices().await.unwrap();
        program(&lab, person).await == Program::Retired
            && devices.iter().all(|device| device.enrolment == Enrolment::Retired)
    })
    .await;
    assert!(lab.apple_holders(&adam).is_empty());
    assert!(!lab.fleet.devices()[0].enrolled);

    lab.app
        .person_return(&Caller::System, person, Base::Latest)
        .await
        .unwrap();
    lab.app
        .group_members_set(&Caller::System, group, Base::Latest, &[person.0])
        .await
        .unwrap();
    lab.enrol(person, iphone(0)).await;
    has_it(&lab, app, person).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Back before the licence is, so Apple was not asked yet: the same client user, and no second invitation.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_comes_back_soon_goes_on_as_before() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("김하늘").await;
    lab.enrol(person, iphone(0)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    has_it(&lab, app, person).await;
    let before = client_user(&lab, person).await;

    lab.apple.switch(|switches| switches.stuck_events = true);
    leave(&lab, person).await;
    until("Apple is asked for the licence", async || {
        lab.apple
            .writes()
            .iter()
            .any(|write| write.path == "assets/disassociate")
    })
    .await;
    lab.app
        .person_return(&Caller::System, person, Base::Latest)
        .await
        .unwrap();
    lab.app
        .group_members_set(&Caller::System, group, Base::Latest, &[person.0])
        .await
        .unwrap();
    lab.apple.switch(|switches| switches.stuck_events = false);

    has_it(&lab, app, person).await;
    assert_eq!(client_user(&lab, person).await, before);
    assert!(lab.apple.writes().iter().all(|write| write.path != "users/retire"));
    assert_eq!(lab.fleet.devices()[0].invitations_shown, 1);
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// "No such user" and "retired already" are what was wanted. Somebody at Apple was faster.
#[tokio::test(flavor = "multi_thread")]
async fn whom_apple_has_retired_before_counts_as_retired() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let mut people = Vec::new();
    for number in 0..3 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    for person in &people {
        has_it(&lab, app, *person).await;
    }

    lab.apple.switch(|switches| switches.stuck_events = true);
    leave(&lab, people[0]).await;
    leave(&lab, people[1]).await;
    let gone = client_user(&lab, people[0]).await;
    assert!(lab.apple.retire(&gone));
    lab.apple.switch(|switches| switches.stuck_events = false);
    for person in &people[..2] {
        until("both are retired", async || {
            program(&lab, *person).await == Program::Retired
        })
        .await;
    }
    assert!(matches!(program(&lab, people[2]).await, Program::Associated { .. }));
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// Whatever befalls the request: it is asked again only when it was not done, and it is done at last.
#[tokio::test(flavor = "multi_thread")]
async fn whatever_befalls_the_request_the_person_is_retired_and_nobody_else() {
    let impatient: fn(&mut server::Config) = |config| {
        config.apple.patience = Patience {
            request: Duration::from_secs(1),
            event: Duration::from_secs(1),
            lag: Duration::from_millis(200),
        };
    };
    let lab = Lab::open(Setup {
        adjust: impatient,
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let refused = |number| Trouble::Refused {
        number,
        retry_after_s: None,
    };
    // 9609 and 9618: Apple says that there is no such user, or that it was retired before, and lists it all the same.
    let troubles = [
        Trouble::Unheard,
        Trouble::Lost,
        Trouble::Late { ms: 1500 },
        Trouble::Garbled(Garbage::Html),
        Trouble::DoneButInternalError,
        refused(9603),
        refused(9609),
        refused(9618),
    ];
    let mut people = Vec::new();
    for number in 0..=troubles.len() {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;
    for person in &people {
        has_it(&lab, app, *person).await;
    }

    for (trouble, person) in troubles.into_iter().zip(&people) {
        let client_user = client_user(&lab, *person).await;
        let fault = Fault {
            call: "POST users/retire".to_owned(),
            is: trouble,
            times: 1,
        };
        lab.apple.switch(|switches| switches.faults.push(fault));
        leave(&lab, *person).await;
        until(&format!("the person is retired in spite of {trouble:?}"), async || {
            let befell = lab.apple.switches().faults.is_empty();
            let known = program(&lab, *person).await == Program::Retired;
            let retired = users(&lab)[&client_user] == UserStatus::Retired;
            if befell && known && !retired {
                // What Apple said was not so: only a full reading finds that out.
                lab.app.sync_now(&Caller::System).await.unwrap();
            }
            befell && known && retired
        })
        .await;
    }
    let stays = people[troubles.len()];
    assert!(matches!(program(&lab, stays).await, Program::Associated { .. }));
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// `kill -9` again and again while people leave: between any two of the steps, and in the middle of them.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_people_leave_retires_them_all_the_same() {
    let mut chance = chance("killed_while_people_leave");
    let mut scene = Scene::open(Database::Sqlite, 1, 4).await;
    link_token(&scene.app, &scene.apple, TokenKind::Valid).await;
    scene.start(0);
    scene.people(4).await;
    let asset = scene.app_known().await;
    let group = scene.group().await;
    scene.members(group, &scene.people).await;
    scene.deploy(asset, group, Approval::Required).await;
    until("all have the app", async || {
        let overview = scene.app.overview().await.unwrap().unwrap();
        let people = &overview.app(asset).unwrap().decision.people;
        people.values().filter(|it| it.state == InstallState::Installed).count() == 4
    })
    .await;

    let (leavers, stays) = (&scene.people.clone()[..3], scene.people[3]);
    for person in leavers {
        scene
            .app
            .person_leave(&Caller::System, *person, Base::Latest, Devices::Keep)
            .await
            .unwrap();
    }
    for _ in 0..rounds(6) {
        tokio::time::sleep(Duration::from_millis(20 + chance.below(900) as u64)).await;
        scene.kill(0);
        scene.start(0);
    }
    until("all who left are retired", async || {
        let people = scene.app.overview().await.unwrap().unwrap().world.people;
        leavers.iter().all(|person| people[person].program == Program::Retired)
    })
    .await;
    let people = scene.app.overview().await.unwrap().unwrap().world.people;
    assert!(matches!(people[&stays].program, Program::Associated { .. }));
    scene.all_agree().await;
    scene.close().await;
}

/// The device is switched off and stays so. It is waited for thirty days, and not for ever; and not at all while this server
/// hears of no device.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_never_answers_does_not_keep_the_licence_of_whoever_left() {
    let (clock, hand) = Clock::moved();
    let lab = Lab::open(Setup {
        clock,
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;
    let (leaver, other) = (lab.person("김하늘").await, lab.person("이바다").await);
    lab.enrol(leaver, iphone(0)).await;
    lab.enrol(other, iphone(1)).await;
    let group = lab.group("모두", &[leaver, other]).await;
    lab.deploy(app, group, Approval::Required).await;
    for person in [leaver, other] {
        has_it(&lab, app, person).await;
    }

    assert!(lab.fleet.go_offline(&iphone(0).serial));
    leave(&lab, leaver).await;
    assert_eq!(lab.app.devices_left_behind().await.unwrap(), 0);
    hand.passes(WAITED_FOR + Duration::from_secs(3600));
    // Whoever is heard shows that we can be reached: the weekly list of what is installed is due.
    until(
        "the other device was heard, and the one that is off is taken out",
        async || {
            lab.app.devices_left_behind().await.unwrap();
            program(&lab, leaver).await == Program::Retired
        },
    )
    .await;
    assert_eq!(lab.apple_holders(&adam), [client_user(&lab, other).await].into());
    let devices = lab.app.devices().await.unwrap();
    let of_leaver = devices.iter().find(|device| device.person_id == leaver).unwrap();
    assert_eq!(of_leaver.enrolment, Enrolment::Removed);
    lab.close().await;
}

async fn leave(lab: &Lab, person: PersonId) {
    lab.app
        .person_leave(&Caller::System, person, Base::Latest, Devices::Keep)
        .await
        .unwrap();
}

async fn has_it(lab: &Lab, app: AssetId, person: PersonId) {
    until("the person has the app", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let decision = &overview.app(app).unwrap().decision;
        decision
            .people
            .get(&person)
            .is_some_and(|it| it.state == InstallState::Installed && it.seat.is_some())
    })
    .await;
}

async fn program(lab: &Lab, person: PersonId) -> Program {
    lab.app.overview().await.unwrap().unwrap().world.people[&person].program
}

async fn client_user(lab: &Lab, person: PersonId) -> String {
    let overview = lab.app.overview().await.unwrap().unwrap();
    overview.client_users[&person].client_user_id.clone()
}

/// The users in Apple's books, each with the status of its last record.
fn users(lab: &Lab) -> BTreeMap<String, UserStatus> {
    let ledger = lab.apple.ledger();
    let users = ledger.main().users.iter();
    users.map(|user| (user.client_user_id.clone(), user.status)).collect()
}
