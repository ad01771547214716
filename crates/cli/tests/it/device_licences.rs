//! Licences of devices: nobody accepts anything for them, and each device has its own.

use std::{collections::BTreeSet, sync::Mutex, time::Duration};

use domain::{Approval, AssetId, Detail, Holder, InstallState, LicenseType, PersonId, Place, Program, why::Sentence};
use server::app::{Caller, contract::Agreed, leaving::Leave};
use sim::{
    apple::{Holder as AppleHolder, TokenKind, sample},
    devices::DeviceSpec,
};

use crate::{
    lab::{Database, Lab, Setup, deploy_with, iphone, members_are, until},
    oracle,
};

const ADAM: &str = "9000000011";

/// An app of which so many licences are owned.
fn setup(database: Database, licences: i64) -> Setup {
    let mut setup = Setup::on(database);
    setup.organisations[0].assets.push(sample::App::sample(ADAM, licences));
    setup
}

/// Its person never accepts the programme's terms, and has no account.
fn nobodys(number: usize) -> DeviceSpec {
    DeviceSpec {
        dep: true,
        account: None,
        accepts_invitation_after: None,
        ..iphone(number)
    }
}

fn serials(numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(|number| iphone(*number).serial).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_gets_an_app_with_its_own_licence_and_nobody_is_invited_on_sqlite() {
    nobody_is_invited(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_gets_an_app_with_its_own_licence_and_nobody_is_invited_on_postgres() {
    nobody_is_invited(Database::Postgres).await;
}

/// Two devices of one person and one of another, from the deployment to the licences that are back.
async fn nobody_is_invited(database: Database) {
    let lab = Lab::open(setup(database, 5)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let people = [lab.person("가람").await, lab.person("나래").await];
        for (number, person) in [people[0], people[0], people[1]].into_iter().enumerate() {
            lab.enrol(person, nobodys(number)).await;
        }
        let group = lab.group("모두", &people).await;
        deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
        until("all three have it", async || lab.installed(app).await == 3).await;
        assert_eq!(lab.apple_devices(ADAM), serials(&[0, 1, 2]));
        assert_eq!(lab.apple_holders(ADAM), BTreeSet::new());
        let overview = lab.app.overview().await.unwrap().unwrap();
        for person in people {
            assert_eq!(
                overview.world.people[&person].program,
                Program::None,
                "nobody is registered at Apple"
            );
        }
        lab.agrees_with_apple().await;

        // One device leaves: its licence comes back, and no other.
        let device = device_of(&lab, &iphone(1).serial).await;
        let retires = lab
            .app
            .device_leave(&Caller::System, device, Leave::Retire, None, &Agreed::default())
            .await;
        retires.expect("to retire");
        until("its licence is back", async || {
            lab.apple_devices(ADAM) == serials(&[0, 2])
        })
        .await;
        // And whoever goes from the group gives theirs back once the app is gone.
        members_are(&lab.app, group, &[people[1].0]).await;
        until("theirs is back", async || lab.apple_devices(ADAM) == serials(&[2])).await;
        lab.agrees_with_apple().await;
    })
    .await;
    lab.close().await;
}

async fn device_of(lab: &Lab, serial: &str) -> domain::DeviceId {
    let devices = lab.app.devices().await.expect("devices");
    let found = devices.iter().find(|row| row.serial.as_deref() == Some(serial));
    found.expect("the device").id
}

#[tokio::test(flavor = "multi_thread")]
async fn the_new_licence_is_there_before_the_old_one_goes_on_sqlite() {
    changes(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_new_licence_is_there_before_the_old_one_goes_on_postgres() {
    changes(Database::Postgres).await;
}

/// From the person's licence to those of their devices, and back: no device is without one in between, and the app stays.
async fn changes(database: Database) {
    let lab = Lab::open(setup(database, 3)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let person = lab.person("가람").await;
        for number in 0..2 {
            let account = Some("garam@account.example".to_owned());
            lab.enrol(
                person,
                DeviceSpec {
                    account,
                    ..iphone(number)
                },
            )
            .await;
        }
        let group = lab.group("모두", &[person]).await;
        deploy_with(&lab.app, app, group, Approval::Required, LicenseType::User).await;
        until("both have it", async || lab.installed(app).await == 2).await;
        assert_eq!((lab.apple_holders(ADAM).len(), lab.apple_devices(ADAM).len()), (1, 0));

        let seen = Mutex::new(BTreeSet::new());
        let licensed = async {
            loop {
                let (people, devices) = (lab.apple_holders(ADAM).len(), lab.apple_devices(ADAM).len());
                seen.lock().expect("nobody panicked").insert((people, devices));
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let story = async {
            deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
            until("the devices have their own", async || {
                lab.apple_devices(ADAM) == serials(&[0, 1]) && lab.apple_holders(ADAM).is_empty()
            })
            .await;
            lab.agrees_with_apple().await;
            deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Automatic).await;
            deploy_with(&lab.app, app, group, Approval::Required, LicenseType::User).await;
            until("the person has it again", async || {
                lab.apple_devices(ADAM).is_empty() && lab.apple_holders(ADAM).len() == 1
            })
            .await;
        };
        tokio::select! {
            () = story => {}
            () = licensed => unreachable!("it looks for ever"),
        }
        let seen = seen.into_inner().expect("nobody panicked");
        assert!(
            seen.iter().all(|(people, devices)| *people == 1 || *devices == 2),
            "somebody was without a licence: {seen:?}"
        );
        assert_eq!(lab.installed(app).await, 2);
        lab.agrees_with_apple().await;
    })
    .await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_apple_permits_none_for_devices_automatic_is_of_the_person_on_sqlite() {
    not_assignable(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn where_apple_permits_none_for_devices_automatic_is_of_the_person_on_postgres() {
    not_assignable(Database::Postgres).await;
}

async fn not_assignable(database: Database) {
    let mut setup = setup(database, 3);
    for asset in &mut setup.organisations[0].assets {
        asset.device_assignable &= asset.adam_id != ADAM;
    }
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let person = lab.person("가람").await;
    lab.enrol(person, iphone(0)).await;
    let group = lab.group("모두", &[person]).await;
    deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
    until("it is told that there are none", async || {
        let why = lab.app.why(person.0, app).await.expect("an answer").why;
        why.sentence == Sentence::NotDeviceAssignable
            && why.said == Some((InstallState::NotApplicable, Detail::NotDeviceAssignable))
    })
    .await;
    assert_eq!(lab.apple.ledger().main().holders(ADAM).len(), 0);
    deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Automatic).await;
    until("they have it", async || lab.installed(app).await == 1).await;
    assert_eq!((lab.apple_holders(ADAM).len(), lab.apple_devices(ADAM).len()), (1, 0));
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_wait_for_licences_of_their_own_on_sqlite() {
    they_wait(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn devices_wait_for_licences_of_their_own_on_postgres() {
    they_wait(Database::Postgres).await;
}

/// One licence, three devices of two people: whoever is moved up is so with all their devices.
async fn they_wait(database: Database) {
    let lab = Lab::open(setup(database, 1)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let people = [lab.person("가람").await, lab.person("나래").await];
    lab.enrol(people[0], nobodys(0)).await;
    let group = lab.group("모두", &people[..1]).await;
    deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
    until("the first has it", async || lab.installed(app).await == 1).await;
    lab.enrol(people[0], nobodys(1)).await;
    lab.enrol(people[1], nobodys(2)).await;
    members_are(&lab.app, group, &people.map(|person| person.0)).await;
    until("two wait", async || waiting(&lab, app).await.len() == 2).await;

    lab.app
        .move_up(&Caller::System, app, people[1], "출장")
        .await
        .expect("moved up");
    let third = device_of(&lab, &iphone(2).serial).await;
    until("the one who was moved up is the next", async || {
        let waiting = waiting(&lab, app).await;
        waiting.first() == Some(&Holder::Device(third)) && place(&lab, app, people[1]).await == Some(Place::At(1))
    })
    .await;
    let waits = lab.app.why(third.0, app).await.expect("an answer");
    assert_eq!(
        waits.why.said,
        Some((InstallState::PendingInstall, Detail::WaitingForLicense))
    );
    // Of the person it is said that one of their devices waits, though another has it.
    let first = lab.app.why(people[0].0, app).await.expect("an answer");
    assert_eq!(
        first.why.said,
        Some((InstallState::PendingInstall, Detail::WaitingForLicense))
    );

    lab.apple.buy(ADAM, 1);
    until("they have it", async || lab.apple_devices(ADAM) == serials(&[0, 2])).await;
    lab.apple.buy(ADAM, 1);
    until("everybody has it", async || lab.installed(app).await == 3).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

async fn waiting(lab: &Lab, app: AssetId) -> Vec<Holder> {
    let (waiting, _) = lab.app.app_waiting(app, 50).await.expect("a line").expect("the app");
    waiting.into_iter().map(|waiter| waiter.holder).collect()
}

async fn place(lab: &Lab, app: AssetId, person: PersonId) -> Option<Place> {
    let overview = lab.app.overview().await.unwrap().unwrap();
    overview.app(app)?.decision.people.get(&person)?.place
}

#[tokio::test(flavor = "multi_thread")]
async fn what_another_server_gave_to_a_device_of_ours_stays_and_is_ours_once_it_is_due_on_sqlite() {
    given_by_others(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_another_server_gave_to_a_device_of_ours_stays_and_is_ours_once_it_is_due_on_postgres() {
    given_by_others(Database::Postgres).await;
}

async fn given_by_others(database: Database) {
    let lab = Lab::open(setup(database, 3)).await;
    let given = AppleHolder::Device(iphone(0).serial);
    assert!(lab.apple.foreign_assign(ADAM, &given));
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let person = lab.person("가람").await;
    lab.enrol(person, nobodys(0)).await;
    lab.enrol(person, nobodys(1)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(app, group, Approval::NotApplicable).await;
    until("it is counted as theirs", async || {
        let of = lab.app.of_app(app).await.unwrap().unwrap();
        (of.app.counts.foreign, of.app.counts.used) == (1, 0)
    })
    .await;
    assert_eq!(lab.apple_devices(ADAM), serials(&[0]), "nobody touched it");

    deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
    until("both have it", async || lab.installed(app).await == 2).await;
    until("both licences are ours", async || {
        let of = lab.app.of_app(app).await.unwrap().unwrap();
        (of.app.counts.foreign, of.app.counts.used) == (0, 2)
    })
    .await;
    lab.close().await;
}
