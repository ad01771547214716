//! Somebody leaves, and comes back: on the device, in our books and in Apple's.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use domain::{Approval, AssetId, Enrolment, GroupId, InstallState, Patience, PersonId, Program};
use server::{
    Clock,
    app::{
        AppError, Base, Caller, FieldProblem,
        contract::Agreed,
        invitations::NotInvited,
        leavers::{Devices, WAITED_FOR},
    },
};
use sim::apple::{Fault, Garbage, TokenKind, Trouble, UserStatus, sample::adam_id};
use store::EventPlace;

use crate::{
    lab::{Database, Lab, Setup, TestClock, iphone, link_token, members_are, until},
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
                    problem: FieldProblem::Left,
                    ..
                }
            ),
            "{refused}"
        );
        lab.agrees_with_apple().await;

        lab.app
            .person_return(&Caller::System, leaver, Base::Latest, &Agreed::default())
            .await
            .unwrap();
        let members = [leaver.0, other.0];
        members_are(&lab.app, group, &members).await;
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
        .person_leave(
            &Caller::System,
            person,
            Base::Latest,
            Devices::Retire,
            &Agreed::default(),
        )
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
        .person_return(&Caller::System, person, Base::Latest, &Agreed::default())
        .await
        .unwrap();
    members_are(&lab.app, group, &[person.0]).await;
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
        .person_return(&Caller::System, person, Base::Latest, &Agreed::default())
        .await
        .unwrap();
    members_are(&lab.app, group, &[person.0]).await;
    lab.apple.switch(|switches| switches.stuck_events = false);

    has_it(&lab, app, person).await;
    assert_eq!(client_user(&lab, person).await, before);
    assert!(lab.apple.writes().iter().all(|write| write.path != "users/retire"));
    assert_eq!(lab.fleet.devices()[0].invitations_shown, 1);
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_back_before_the_request_to_retire_them_is_sent_is_not_retired_on_sqlite() {
    back_before_it_is_sent(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_is_back_before_the_request_to_retire_them_is_sent_is_not_retired_on_postgres() {
    back_before_it_is_sent(Database::Postgres).await;
}

/// Three are to be retired, and the request waits for another one. Of those who are back it names nobody.
async fn back_before_it_is_sent(database: Database) {
    let waiting = Retirement::waits(database).await;
    let (lab, [stays_away, back, soon]) = (&waiting.lab, waiting.leavers);
    let known = [client_user(lab, back).await, client_user(lab, soon).await];
    for person in [back, soon] {
        lab.app
            .person_return(&Caller::System, person, Base::Latest, &Agreed::default())
            .await
            .unwrap();
        assert!(matches!(program(lab, person).await, Program::Associated { .. }));
    }
    // And gone once more: it is the same request, if it waits still.
    leave(lab, soon).await;
    until("it is to be retired again", async || {
        matches!(program(lab, soon).await, Program::Retiring { .. })
    })
    .await;

    waiting.goes_on(stays_away).await;
    until("the other one is retired, too", async || {
        program(lab, soon).await == Program::Retired
    })
    .await;
    waiting.gets_it_again(back).await;
    assert_eq!(client_user(lab, back).await, known[0]);
    assert_eq!(client_user(lab, soon).await, known[1]);
    waiting.can_be_read_that_it_was_called_off(back).await;
    waiting.ends_well(back).await;
}

/// The request is marked as sent in the very moment in which somebody is back: one of the two comes first.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_is_back_while_the_request_to_retire_them_is_being_sent_is_left_out_of_it_on_postgres() {
    let waiting = Retirement::waits(Database::Postgres).await;
    let (lab, [stays_away, back, soon]) = (&waiting.lab, waiting.leavers);
    let by = store::Change {
        at: lab.app.now(),
        by: "system",
    };
    let mut returning = lab.app.store.begin().await.unwrap();
    for person in [back, soon] {
        assert!(returning.person_back(person, Base::Latest, by).await.unwrap());
        assert_eq!(returning.retirements_withdraw(person).await.unwrap().len(), 1);
    }
    waiting.clock.stands_still(false);
    until("the request waits for whoever comes back", async || {
        // A transaction that stands still is rolled back.
        returning.person(back).await.unwrap();
        lab.waiting_for_who_read("people") > 0
    })
    .await;
    returning.commit().await.unwrap();

    waiting.goes_on(stays_away).await;
    for person in [back, soon] {
        assert!(matches!(program(lab, person).await, Program::Associated { .. }));
    }
    waiting.gets_it_again(back).await;
    waiting.ends_well(back).await;
}

/// Somebody leaves, and their transaction has not ended.
struct Leaving {
    lab: Lab,
    person: PersonId,
    tx: store::Tx,
}

impl Leaving {
    async fn begins(lab: Lab, person: PersonId) -> Leaving {
        let by = store::Change {
            at: lab.app.now(),
            by: "system",
        };
        let mut tx = lab.app.store.begin().await.unwrap();
        assert!(tx.person_left(person, Base::Latest, by).await.unwrap());
        Leaving { lab, person, tx }
    }

    /// Ends once somebody waits for it.
    async fn ends_when_waited_for(mut self) -> Lab {
        until("somebody waits for whoever leaves", async || {
            // A transaction that stands still is rolled back.
            self.tx.person(self.person).await.unwrap();
            self.lab.waiting_for_who_read("people") > 0
        })
        .await;
        self.tx.commit().await.unwrap();
        self.lab
    }
}

/// They were looked at before the transaction that wrote them down: who left in between was in the group for good.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_leaves_while_a_group_is_saved_does_not_get_into_it_on_postgres() {
    let lab = Lab::open(Setup::on(Database::Postgres)).await;
    let (leaver, stays) = (lab.person("김하늘").await, lab.person("이바다").await);
    let group = lab.group("모두", &[stays]).await;
    let leaving = Leaving::begins(lab, leaver).await;
    let app = leaving.lab.app.clone();
    let saving = tokio::spawn(async move {
        app.group_members_set(
            &Caller::System,
            group,
            Base::Latest,
            &[leaver.0, stays.0],
            &Agreed::default(),
        )
        .await
    });
    let lab = leaving.ends_when_waited_for().await;

    let refused = saving.await.unwrap().expect_err("a refusal");
    let AppError::MembersAbsent { absent, .. } = &refused else {
        panic!("{refused}")
    };
    let left: Vec<_> = absent.left.iter().map(|person| person.id).collect();
    assert_eq!((left, absent.unknown.len()), (vec![leaver], 0));
    assert_eq!(lab.app.store.group_members(group).await.unwrap(), [stays.0]);
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_leaves_in_this_moment_is_not_invited_again_on_postgres() {
    let lab = Lab::open(Setup::on(Database::Postgres)).await;
    let leaver = lab.person("김하늘").await;
    let leaving = Leaving::begins(lab, leaver).await;
    let app = leaving.lab.app.clone();
    let inviting = tokio::spawn(async move { app.invite_again(&Caller::System, leaver).await });
    let lab = leaving.ends_when_waited_for().await;

    let refused = inviting.await.unwrap().expect_err("a refusal");
    assert!(matches!(refused, AppError::NotInvited(NotInvited::Left)), "{refused}");
    lab.close().await;
}

/// The plan was made of a world in which they were there.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_leaves_while_their_invitation_is_written_down_gets_none_on_postgres() {
    let lab = Lab::open(Setup::on(Database::Postgres)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let leaver = lab.person("김하늘").await;
    lab.enrol(leaver, iphone(0)).await;
    until("the iPhone is enrolled", async || {
        let devices = lab.app.devices().await.unwrap();
        devices.iter().any(|device| device.enrolment == Enrolment::Enrolled)
    })
    .await;
    let group = lab.group("모두", &[leaver]).await;
    let leaving = Leaving::begins(lab, leaver).await;
    leaving.lab.deploy(app, group, Approval::Required).await;
    let lab = leaving.ends_when_waited_for().await;

    until("the plan without them is made", async || {
        // Their client user is given back, since nothing is due to them any more.
        program(&lab, leaver).await == Program::Retired
    })
    .await;
    assert_eq!(lab.app.invitations(leaver).await.unwrap(), []);
    lab.close().await;
}

/// Three people who left are to be retired: that is written down, and Apple was not asked yet.
struct Retirement {
    lab: Lab,
    clock: TestClock,
    app: AssetId,
    group: GroupId,
    leavers: [PersonId; 3],
}

impl Retirement {
    async fn waits(database: Database) -> Retirement {
        let clock = TestClock::start();
        let lab = Lab::open(Setup {
            clock: clock.clock(),
            ..Setup::on(database)
        })
        .await;
        lab.link(TokenKind::Valid).await;
        let (app, other) = (lab.app_known(&adam_id(4)).await, lab.app_known(&adam_id(3)).await);
        let mut people = Vec::new();
        for number in 0..4 {
            let person = lab.person(&format!("사람 {number}")).await;
            lab.enrol(person, iphone(number)).await;
            people.push(person);
        }
        let group = lab.group("모두", &people).await;
        lab.deploy(app, group, Approval::Required).await;
        for person in &people {
            has_it(&lab, app, *person).await;
        }
        lab.deploy(app, group, Approval::Uninstall).await;
        until("all licences are back", async || {
            lab.apple_holders(&adam_id(4)).is_empty()
        })
        .await;
        lab.agrees_with_apple().await;

        // What Apple works on is asked for when it is time to: never. Meanwhile nothing else is sent.
        clock.stands_still(true);
        let stays = lab.group("남은 사람", &people[3..]).await;
        lab.deploy(other, stays, Approval::Required).await;
        until("something is under way", async || {
            lab.apple
                .writes()
                .iter()
                .any(|write| write.body["assets"][0]["adamId"] == adam_id(3).as_str())
        })
        .await;
        let leavers = [people[0], people[1], people[2]];
        for person in leavers {
            leave(&lab, person).await;
        }
        until("they are to be retired", async || {
            let overview = lab.app.overview().await.unwrap().unwrap();
            leavers
                .iter()
                .all(|it| matches!(overview.world.people[it].program, Program::Retiring { .. }))
        })
        .await;
        assert!(retired_at_apple(&lab).is_empty(), "it is not sent");
        Retirement {
            lab,
            clock,
            app,
            group,
            leavers,
        }
    }

    /// Waits until the request has been answered: the one who stays away is retired.
    async fn goes_on(&self, stays_away: PersonId) {
        self.clock.stands_still(false);
        until("whoever stays away is retired", async || {
            program(&self.lab, stays_away).await == Program::Retired
        })
        .await;
    }

    async fn gets_it_again(&self, person: PersonId) {
        members_are(&self.lab.app, self.group, &[person.0]).await;
        self.lab.deploy(self.app, self.group, Approval::Required).await;
        has_it(&self.lab, self.app, person).await;
    }

    async fn can_be_read_that_it_was_called_off(&self, back: PersonId) {
        let history = async || {
            let events = self
                .lab
                .app
                .store
                .events_after(EventPlace::default(), 100_000)
                .await
                .unwrap();
            let of_person = events.into_iter().filter(|(_, event)| event.person_id == Some(back));
            of_person.map(|(_, event)| event.kind).collect::<Vec<_>>()
        };
        until("it can be read that it was called off", async || {
            let history = history().await;
            let at = |kind: &str| history.iter().position(|it| it == kind);
            at("programUserRetiring").is_some() && at("programUserRetiring") < at("programUserKept")
        })
        .await;
    }

    /// Apple was never asked to retire whoever is back, and nobody was invited twice.
    async fn ends_well(self, back: PersonId) {
        let kept = client_user(&self.lab, back).await;
        assert!(!retired_at_apple(&self.lab).contains(&kept));
        for device in self.lab.fleet.devices() {
            assert_eq!(device.invitations_shown, 1, "{}", device.serial);
        }
        self.lab.agrees_with_apple().await;
        self.lab.close().await;
    }
}

/// Whom Apple was asked to retire.
fn retired_at_apple(lab: &Lab) -> BTreeSet<String> {
    let writes = lab.apple.writes();
    let asked = writes.iter().filter(|write| write.path == "users/retire");
    let users = asked.flat_map(|write| write.body["users"].as_array().cloned().unwrap_or_default());
    users
        .filter_map(|user| Some(user["clientUserId"].as_str()?.to_owned()))
        .collect()
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

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_while_people_leave_retires_them_all_the_same_on_sqlite() {
    killed_while_people_leave(Database::Sqlite, rounds(6)).await;
}

/// Where the lease of a killed server has to end first, which takes ten seconds each time.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_server_that_is_killed_while_people_leave_retires_them_all_the_same_on_postgres() {
    killed_while_people_leave(Database::Postgres, rounds(3)).await;
}

/// `kill -9` again and again while people leave: between any two of the steps, and in the middle of them.
async fn killed_while_people_leave(database: Database, kills: usize) {
    let mut chance = chance("killed_while_people_leave");
    let mut scene = Scene::open(database, 1, 4).await;
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
    let mut fence = 0;
    for round in 0..kills.max(leavers.len()) {
        // Somebody is working on it, or nothing is killed but a server that waits for the lease of the last one.
        fence = scene.works_beyond(fence).await.1.fence;
        if let Some(leaver) = leavers.get(round) {
            scene
                .app
                .person_leave(
                    &Caller::System,
                    *leaver,
                    Base::Latest,
                    Devices::Keep,
                    &Agreed::default(),
                )
                .await
                .unwrap();
        }
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
        .person_leave(&Caller::System, person, Base::Latest, Devices::Keep, &Agreed::default())
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
