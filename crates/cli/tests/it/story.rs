//! The main job from end to end, and Apple's own books at the end of it.

use domain::{Approval, InstallState};
use sim::apple::{TokenKind, sample::adam_id};

use crate::lab::{Database, Lab, Setup, iphone, until};

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_on_sqlite() {
    main_job(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn the_main_job_on_postgres() {
    main_job(Database::Postgres).await;
}

/// Token, sync, deploy, invite, accept, licence, install, proof, uninstall, licence back.
async fn main_job(database: Database) {
    let lab = Lab::open(Setup::on(database)).await;
    lab.link(TokenKind::Valid).await;
    let adam = adam_id(4);
    let app = lab.app_known(&adam).await;

    let mut people = Vec::new();
    for number in 0..4 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    // The last one has two devices: one licence serves both (A12).
    lab.enrol(
        people[3],
        sim::devices::DeviceSpec {
            product_name: "iPad13,1".into(),
            ..second_device()
        },
    )
    .await;
    let group = lab.group("영업팀", &people).await;
    lab.deploy(app, group, Approval::Required).await;

    until("the app is proved to be on all five devices", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let decision = &overview.app(app).unwrap().decision;
        let installed = decision
            .people
            .values()
            .flat_map(|person| person.devices.values())
            .filter(|device| device.state == InstallState::Installed)
            .count();
        installed == 5
    })
    .await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.apple_holders(&adam).len(), 4, "one licence a person");
    let overview = lab.app.overview().await.unwrap().unwrap();
    let counts = overview.app(app).unwrap().decision.counts;
    assert_eq!(
        (counts.used, counts.on_the_way, counts.foreign, counts.free),
        (4, 0, 0, Some(56))
    );
    let bundle_id = overview.app(app).unwrap().row.bundle_id.clone().unwrap();
    for device in lab.fleet.devices() {
        assert_eq!(
            device.apps.get(&bundle_id).map(String::as_str),
            Some("Managed"),
            "{}",
            device.serial
        );
        assert!(device.protocol_errors.is_empty(), "{:?}", device.protocol_errors);
    }
    // Everyone was invited once, on one of their devices (A42).
    let invitations: usize = lab.fleet.devices().iter().map(|device| device.invitations_shown).sum();
    assert_eq!(invitations, 4);
    // Apple learned random ids and nothing else (P9).
    for user in &lab.apple.ledger().main().users {
        let ours = overview
            .client_users
            .values()
            .any(|row| row.client_user_id == user.client_user_id);
        assert!(!ours || user.email.is_none());
    }

    lab.deploy(app, group, Approval::Uninstall).await;
    until("the licences are back", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let counts = overview.app(app).unwrap().decision.counts;
        assert!(counts.used + counts.on_the_way + counts.foreign <= 60);
        counts.used == 0 && lab.apple_holders(&adam).is_empty()
    })
    .await;
    for device in lab.fleet.devices() {
        assert!(
            !device.apps.contains_key(&bundle_id),
            "the app is gone from {}",
            device.serial
        );
    }
    lab.agrees_with_apple().await;
    lab.close().await;
}

fn second_device() -> sim::devices::DeviceSpec {
    sim::devices::DeviceSpec {
        serial: "TESTIPAD0003".into(),
        name: "iPad 3".into(),
        ..iphone(3)
    }
}
