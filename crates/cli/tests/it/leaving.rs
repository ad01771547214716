//! Devices that are retired, wiped, taken out or not heard any more: their apps go, and their licences come back.

use std::time::Duration;

use domain::{Approval, AssetId, DeviceId, Enrolment, GroupId, InstallState, PersonId, Policy};
use server::{
    app::{Base, Caller, contract::Agreed, leaving::Leave},
    tasks::{Stepped, push, silence},
};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::{DeviceSpec, Farewell},
};
use store::{DeviceRow, EventPlace};

use crate::lab::{Database, Lab, Setup, TestClock, iphone, quick_policy, until};

const DAY: Duration = Duration::from_secs(24 * 3600);

/// Everybody has one device with the app on it.
struct Company {
    lab: Lab,
    app: AssetId,
    bundle_id: String,
    group: GroupId,
    people: Vec<PersonId>,
}

impl Company {
    async fn of(setup: Setup, specs: Vec<DeviceSpec>) -> Company {
        let lab = Lab::open(setup).await;
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(&adam_id(4)).await;
        let mut people = Vec::new();
        for spec in specs {
            let person = lab.person(&spec.name).await;
            lab.enrol(person, spec).await;
            people.push(person);
        }
        let group = lab.group("영업팀", &people).await;
        lab.deploy(app, group, Approval::Required).await;
        let overview = lab.app.overview().await.unwrap().unwrap();
        let bundle_id = overview.app(app).unwrap().row.bundle_id.clone().unwrap();
        let company = Company {
            lab,
            app,
            bundle_id,
            group,
            people,
        };
        company.has_the_app(company.people.len()).await;
        company
    }

    async fn has_the_app(&self, devices: usize) {
        until("the app is proved to be everywhere", async || {
            let overview = self.lab.app.overview().await.unwrap().unwrap();
            let decision = &overview.app(self.app).unwrap().decision;
            let all = decision.people.values().flat_map(|person| person.devices.values());
            all.filter(|device| device.state == InstallState::Installed).count() == devices
        })
        .await;
    }

    async fn row(&self, number: usize) -> DeviceRow {
        let rows = self.lab.app.devices().await.unwrap();
        let of_person = |row: &DeviceRow| row.person_id == self.people[number];
        rows.into_iter().find(of_person).unwrap()
    }

    async fn id(&self, number: usize) -> DeviceId {
        self.row(number).await.id
    }

    async fn becomes(&self, number: usize, enrolment: Enrolment) {
        until(&format!("device {number} is {enrolment:?}"), async || {
            self.row(number).await.enrolment == enrolment
        })
        .await;
    }

    async fn leave(&self, number: usize, how: Leave) {
        let id = self.id(number).await;
        self.lab
            .app
            .device_leave(&Caller::System, id, how, None, &Agreed::default())
            .await
            .unwrap();
    }

    /// Licences that go back because of the device.
    async fn to_return(&self, number: usize) -> u64 {
        let row = self.row(number).await;
        self.lab.app.overview().await.unwrap().unwrap().to_return_of(&row)
    }

    async fn holders(&self) -> usize {
        self.lab.apple_holders(&adam_id(4)).len()
    }

    async fn licences_are(&self, count: usize) {
        until(&format!("{count} licences are out"), async || {
            let overview = self.lab.app.overview().await.unwrap().unwrap();
            let counts = overview.app(self.app).unwrap().decision.counts;
            (counts.used, counts.on_the_way) == (count as u64, 0) && self.holders().await == count
        })
        .await;
    }

    /// What happened to the device, in this order.
    async fn history(&self, number: usize) -> Vec<String> {
        let id = self.id(number).await;
        let events = self
            .lab
            .app
            .store
            .events_after(EventPlace::default(), 100_000)
            .await
            .unwrap();
        let of_device = events.into_iter().filter(|(_, event)| event.device_id == Some(id));
        of_device.map(|(_, event)| event.kind).collect()
    }

    /// Waits until it can be read: PostgreSQL lists what happened once nothing that began before is under way.
    async fn happened(&self, number: usize, kind: &str) {
        until(&format!("{kind} can be read in the history"), async || {
            self.history(number).await.iter().any(|it| it == kind)
        })
        .await;
    }

    async fn said_before(&self, number: usize, first: &str, then: &str) {
        self.happened(number, then).await;
        let history = self.history(number).await;
        let at = |kind: &str| history.iter().position(|it| it == kind);
        assert!(
            at(first).is_some() && at(first) < at(then),
            "{first} before {then}: {history:?}"
        );
    }

    async fn ends_well(self) {
        self.lab.agrees_with_apple().await;
        for device in self.lab.fleet.devices() {
            assert!(device.protocol_errors.is_empty(), "{:?}", device.protocol_errors);
        }
        self.lab.close().await;
    }
}

fn saying(number: usize, farewell: Farewell) -> DeviceSpec {
    DeviceSpec {
        farewell,
        ..iphone(number)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retired_device_loses_apps_and_profile_and_its_licence_on_sqlite() {
    retired(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_retired_device_loses_apps_and_profile_and_its_licence_on_postgres() {
    retired(Database::Postgres).await;
}

/// However the device says goodbye. The third stays as it is.
async fn retired(database: Database) {
    let specs = vec![saying(0, Farewell::Usual), saying(1, Farewell::Acknowledged), iphone(2)];
    let company = Company::of(Setup::on(database), specs).await;
    for number in 0..2 {
        company.leave(number, Leave::Retire).await;
        company.leave(number, Leave::Retire).await;
    }
    for number in 0..2 {
        company.becomes(number, Enrolment::Retired).await;
        company.said_before(number, "appGone", "deviceRetired").await;
        let history = company.history(number).await;
        let asked = history.iter().filter(|kind| *kind == "deviceRetireRequested");
        assert_eq!(asked.count(), 1, "told once");
    }
    company.licences_are(1).await;
    assert_eq!((company.to_return(0).await, company.to_return(1).await), (0, 0));
    for serial in ["TEST000000", "TEST000001"] {
        let device = company.lab.fleet.device(serial).unwrap();
        assert!(!device.enrolled && !device.apps.contains_key(&company.bundle_id));
    }
    assert!(
        company
            .lab
            .fleet
            .device("TEST000002")
            .unwrap()
            .apps
            .contains_key(&company.bundle_id)
    );
    company.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_never_answers_is_retiring_until_it_is_removed_and_refused_after_that_on_sqlite() {
    removed(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_that_never_answers_is_retiring_until_it_is_removed_and_refused_after_that_on_postgres() {
    removed(Database::Postgres).await;
}

async fn removed(database: Database) {
    let company = Company::of(Setup::on(database), vec![iphone(0), iphone(1)]).await;
    let serial = "TEST000000";
    assert!(company.lab.fleet.go_offline(serial));
    company.leave(0, Leave::Retire).await;
    let row = company.row(0).await;
    assert!(row.enrolment == Enrolment::Retiring && row.leaving_since.is_some());
    assert_eq!(
        (company.to_return(0).await, company.holders().await),
        (1, 2),
        "the app may still be there"
    );

    // Thought better of it: nothing was handed out.
    let id = company.id(0).await;
    company.lab.app.device_stay(&Caller::System, id).await.unwrap();
    assert_eq!(company.row(0).await.enrolment, Enrolment::Enrolled);
    assert_eq!(company.to_return(0).await, 0);
    company.leave(0, Leave::Retire).await;

    company
        .lab
        .app
        .device_remove(&Caller::System, id, None, &Agreed::default())
        .await
        .unwrap();
    assert_eq!(company.row(0).await.enrolment, Enrolment::Removed);
    company.licences_are(1).await;

    // It turns up again, with the app on it, and is not told to unenrol.
    assert!(company.lab.fleet.go_online(serial));
    for _ in 0..2 {
        assert!(!company.lab.fleet.rotate_token(serial).await, "it is refused");
    }
    assert!(company.lab.fleet.device(serial).unwrap().enrolled);
    assert!(company.row(0).await.refused_at.is_some());
    company.happened(0, "deviceHeardAfterRemoval").await;

    // Found: with a new enrolment it is a device like any other.
    company.lab.fleet.erase(serial).await;
    company.lab.enrol(company.people[0], iphone(0)).await;
    company.has_the_app(2).await;
    company.licences_are(2).await;
    let history = company.history(0).await;
    let heard = history.iter().filter(|kind| *kind == "deviceHeardAfterRemoval");
    assert_eq!(heard.count(), 1, "once a day: {history:?}");
    company.ends_well().await;
}

/// Found: PostgreSQL lets an administrator take a device out between the plan and the command that it writes.
#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_was_planned_for_a_device_that_left_meanwhile_is_not_commanded_on_postgres() {
    let company = Company::of(Setup::on(Database::Postgres), vec![iphone(0), iphone(1)]).await;
    let (lab, id) = (&company.lab, company.id(0).await);
    let mut leaving = lab.app.store.begin().await.unwrap();
    leaving.device_held(id).await.unwrap().unwrap();

    let (asset, group) = (company.app, company.group);
    lab.deploy(asset, group, Approval::Uninstall).await;
    until("the plan waits for the device", async || {
        // The database ends a transaction that says nothing for long.
        leaving.device(id).await.unwrap();
        lab.waiting_for_who_read("devices") > 0
    })
    .await;
    leaving
        .device_over(id, Enrolment::Removed, lab.app.now())
        .await
        .unwrap();
    leaving.commit().await.unwrap();

    company.happened(1, "appGone").await;
    let commands = lab.app.device_commands(id, 100).await.unwrap();
    let removals: Vec<_> = commands
        .iter()
        .filter(|row| row.request_type == "RemoveApplication")
        .collect();
    assert!(removals.is_empty(), "{removals:?}");
    company.lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_wiped_only_where_its_profile_asked_for_the_right_on_sqlite() {
    wiped(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_is_wiped_only_where_its_profile_asked_for_the_right_on_postgres() {
    wiped(Database::Postgres).await;
}

async fn wiped(database: Database) {
    let setup = Setup {
        policy: Policy {
            wiping: true,
            ..quick_policy()
        },
        ..Setup::on(database)
    };
    let specs = vec![iphone(0), saying(1, Farewell::Unheard)];
    let company = Company::of(setup, specs).await;
    let app = &company.lab.app;
    // Switched off again: whoever enrols now can never be wiped.
    app.policy_set(&Caller::System, Base::Latest, quick_policy())
        .await
        .unwrap();
    let late = company.lab.person("늦게 온 사람").await;
    company.lab.enrol(late, iphone(2)).await;
    let rows = app.devices().await.unwrap();
    let without = rows.iter().find(|row| row.person_id == late).unwrap();
    let refused = app
        .device_leave(&Caller::System, without.id, Leave::Wipe, None, &Agreed::default())
        .await;
    assert!(refused.unwrap_err().to_string().contains("without the right"));

    company.leave(0, Leave::Wipe).await;
    company.becomes(0, Enrolment::Wiped).await;
    company.licences_are(1).await;
    let device = company.lab.fleet.device("TEST000000").unwrap();
    assert!(!device.enrolled && device.apps.is_empty());

    // It obeys, and is never heard again: nobody knows, so its licence stays until somebody takes it out.
    company.leave(1, Leave::Wipe).await;
    until("it cannot be woken", async || {
        company.row(1).await.unreachable_since.is_some()
    })
    .await;
    assert_eq!(company.row(1).await.enrolment, Enrolment::Wiping);
    assert_eq!((company.to_return(1).await, company.holders().await), (1, 1));
    let id = company.id(1).await;
    let stays = app.device_stay(&Caller::System, id).await;
    assert!(stays.unwrap_err().to_string().contains("already"), "it was handed out");
    app.device_remove(&Caller::System, id, None, &Agreed::default())
        .await
        .unwrap();
    company.licences_are(0).await;

    // As new, it comes back.
    company.lab.enrol(company.people[0], iphone(0)).await;
    company.licences_are(1).await;
    company.has_the_app(1).await;
    company.ends_well().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_not_heard_gives_its_licence_back_and_gets_it_again_on_sqlite() {
    silent(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_that_is_not_heard_gives_its_licence_back_and_gets_it_again_on_postgres() {
    silent(Database::Postgres).await;
}

async fn silent(database: Database) {
    let clock = TestClock::start();
    let setup = Setup {
        clock: clock.clock(),
        policy: Policy {
            silent_after: Some(90 * DAY),
            ..quick_policy()
        },
        ..Setup::on(database)
    };
    let company = Company::of(setup, vec![iphone(0), iphone(1)]).await;
    let app = &company.lab.app;
    let (lost, here) = ("TEST000000", "TEST000001");
    for serial in [lost, here] {
        assert!(company.lab.fleet.go_offline(serial));
    }

    // Nobody was heard for a day: that says something of this server, not of the devices.
    clock.jump(91 * DAY);
    for _ in 0..3 {
        assert_eq!(silence::step(app).await.unwrap(), Stepped::Idle);
        clock.jump(DAY * 2);
    }
    assert!(company.row(0).await.silent_since.is_none() && company.row(1).await.silent_since.is_none());
    assert_eq!(company.holders().await, 2);

    // One is heard. The other is called, and has a day. Whoever is quick is heard in the same moment.
    clock.stands_still(true);
    let since = app.now();
    assert!(company.lab.fleet.go_online(here));
    until("one is heard", async || {
        company.row(1).await.last_seen_at >= Some(since)
    })
    .await;
    clock.stands_still(false);
    // The loop of the server may have been faster.
    silence::step(app).await.unwrap();
    assert_eq!(silence::step(app).await.unwrap(), Stepped::Idle);
    let row = company.row(0).await;
    assert!(row.called_at.is_some() && row.silent_since.is_none());

    // Nobody has a reason to speak. One is given one, so that it is known that this server can be reached.
    for _ in 0..2 {
        assert!(company.row(0).await.silent_since.is_none());
        // Whoever is quick is heard before anybody looked at the clock again.
        let since = app.now() + DAY / 2;
        clock.jump(DAY / 2 + Duration::from_secs(60));
        silence::step(app).await.unwrap();
        until("one is heard", async || {
            company.row(1).await.last_seen_at >= Some(since)
        })
        .await;
    }
    silence::step(app).await.unwrap();
    assert!(company.row(0).await.silent_since.is_some());
    company.licences_are(1).await;
    until("the history ends with its silence", async || {
        company
            .history(0)
            .await
            .last()
            .is_some_and(|kind| kind == "deviceSilent")
    })
    .await;

    // It was in a drawer.
    assert!(company.lab.fleet.go_online(lost));
    until("it is heard again", async || {
        company.row(0).await.silent_since.is_none()
    })
    .await;
    company.has_the_app(2).await;
    company.licences_are(2).await;
    company.happened(0, "deviceHeardAgain").await;
    company.ends_well().await;
}

/// Whatever is queued meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_apple_finds_called_too_often_is_left_alone_as_long_as_apple_says() {
    let clock = TestClock::start();
    let setup = Setup {
        clock: clock.clock(),
        ..Setup::on(Database::Sqlite)
    };
    let company = Company::of(setup, vec![iphone(0)]).await;
    let app = &company.lab.app;
    company.lab.apple.switch(|switches| {
        switches.push_too_many = 1.0;
        switches.push_retry_after = Some(300);
    });
    let again = async || {
        let id = company.id(0).await;
        app.install_again(&Caller::System, id, company.app).await.unwrap();
        let mut tx = app.store.begin().await.unwrap();
        app.device_call(&mut tx, id, app.now()).await.unwrap();
        tx.commit().await.unwrap();
        push::step(app).await.unwrap();
    };
    again().await;
    until("Apple refused", async || {
        company.row(0).await.unreachable_since.is_some()
    })
    .await;
    company.lab.apple.switch(|switches| switches.push_too_many = 0.0);
    let pushes = company.lab.fleet.device("TEST000000").unwrap().pushes;
    for _ in 0..2 {
        clock.jump(Duration::from_secs(120));
        again().await;
        assert!(company.row(0).await.unreachable_since.is_some(), "it was not called");
        assert_eq!(company.lab.fleet.device("TEST000000").unwrap().pushes, pushes);
    }
    clock.jump(Duration::from_secs(90));
    again().await;
    until("it is called", async || {
        company.row(0).await.unreachable_since.is_none()
    })
    .await;
    company.ends_well().await;
}
