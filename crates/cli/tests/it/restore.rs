//! A backup is restored: what it remembers is old, and Apple and the devices have moved on.

use std::{
    process::{Command, Stdio},
    time::Duration,
};

use domain::{Approval, AssetId, GroupId, InstallState, PersonId, Policy};
use server::app::Caller;
use sim::apple::{Holder, TokenKind, sample::adam_id};
use store::{MasterKey, Store, testing::Fresh};

use crate::lab::{Database, Lab, Setup, iphone, members_are, quick_policy, until};

#[tokio::test(flavor = "multi_thread")]
async fn a_restored_backup_reads_before_it_writes_and_ends_as_apple_says_on_sqlite() {
    restored(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_restored_backup_reads_before_it_writes_and_ends_as_apple_says_on_postgres() {
    restored(Database::Postgres).await;
}

/// A copy of an instant in which no device was asked anything. A device is asked again what the copy remembers as open, which
/// is right, and which the simulated ones complain about: they have answered it since.
async fn backup(lab: &Lab) -> (String, Option<Fresh>) {
    for number in 0..100 {
        let (url, fresh) = copy(lab, number).await;
        let key = MasterKey::load(&lab.app.config.key_file)
            .expect("a key")
            .expect("a key");
        let copied = Store::attach(&url, key).await.expect("the copy");
        let mut open = 0;
        for device in copied.devices().await.expect("devices") {
            open += copied.commands_open(device.id).await.expect("commands").len();
        }
        copied.close().await;
        if open == 0 {
            return (url, fresh);
        }
        if let Some(fresh) = fresh {
            fresh.close().await;
        }
    }
    panic!("some device is always being asked something");
}

/// A copy of the database as it is now, somewhere else, made as the operator's guide says.
async fn copy(lab: &Lab, number: usize) -> (String, Option<Fresh>) {
    let url = lab.app.config.database_url.clone();
    if url.starts_with("sqlite:") {
        let file = lab.folder().join(format!("backup{number}.db"));
        assert!(lab.app.store.backup(&file).await.expect("a backup"));
        return (format!("sqlite:{}", file.display()), None);
    }
    let other = Fresh::postgres().await;
    let mut dump = Command::new("pg_dump")
        .arg(&url)
        .stdout(Stdio::piped())
        .spawn()
        .expect("pg_dump");
    let restore = Command::new("psql")
        .args(["--quiet", "--set", "ON_ERROR_STOP=1", other.url()])
        .stdin(dump.stdout.take().expect("a dump"))
        .stdout(Stdio::null())
        .status()
        .expect("psql");
    assert!(restore.success() && dump.wait().expect("an end").success());
    (other.url().to_owned(), Some(other))
}

async fn members(lab: &Lab, group: GroupId, people: &[PersonId]) {
    let members: Vec<_> = people.iter().map(|person| person.0).collect();
    members_are(&lab.app, group, &members).await;
}

async fn installed(lab: &Lab, app: AssetId) -> usize {
    let overview = lab.app.overview().await.unwrap().unwrap();
    let people = &overview.app(app).unwrap().decision.people;
    let devices = people.values().flat_map(|person| person.devices.values());
    devices.filter(|device| device.state == InstallState::Installed).count()
}

fn requests(lab: &Lab) -> u64 {
    lab.apple.ledger().traffic.requests.values().sum()
}

async fn restored(database: Database) {
    let mut lab = Lab::open(Setup {
        policy: Policy {
            inventory_every: Duration::from_secs(2),
            ..quick_policy()
        },
        ..Setup::on(database)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let (adam, other_adam) = (adam_id(4), adam_id(1));
    let app = lab.app_known(&adam).await;
    let other = lab.app_known(&other_adam).await;
    let mut people = Vec::new();
    for number in 0..4 {
        let person = lab.person(&format!("사람 {number}")).await;
        lab.enrol(person, iphone(number)).await;
        people.push(person);
    }
    let group = lab.group("영업팀", &people[..2]).await;
    let rest = lab.group("지원팀", &people[2..3]).await;
    lab.deploy(app, group, Approval::Required).await;
    lab.deploy(other, rest, Approval::Required).await;
    until("three have what they should", async || {
        installed(&lab, app).await == 2 && installed(&lab, other).await == 1
    })
    .await;
    let (copy, fresh) = backup(&lab).await;

    // The world moves on: one goes and two come, one app is taken back, and somebody else takes a licence.
    members(&lab, group, &people[1..]).await;
    lab.deploy(other, rest, Approval::Uninstall).await;
    lab.apple
        .foreign_assign(&adam, &Holder::Device("FOREIGN00001".to_owned()));
    lab.app.sync_now(&Caller::System).await.expect("a sync");
    until("the world has moved on", async || {
        installed(&lab, app).await == 3
            && lab.apple_holders(&other_adam).is_empty()
            && lab.app.syncs(1).await.unwrap()[0].finished_at.is_some()
    })
    .await;
    lab.agrees_with_apple().await;
    let before = lab.apple_holders(&adam);
    // Whoever became known to Apple after the backup is a stranger there.
    let overview = lab.app.overview().await.unwrap().unwrap();
    let newest = overview.client_users[&people[3]].client_user_id.clone();
    lab.foreign.becomes_strange(&newest, "TEST000003");
    lab.stop_server().await;

    // Apple answers nothing at first. Whatever the backup remembers, none of it is acted on.
    lab.apple.switch(|switches| {
        switches.unavailable = 1.0;
        switches.unavailable_retry_after_s = Some(1);
    });
    let (writes, asked) = (lab.apple.writes().len(), requests(&lab));
    lab.start_server_on(&copy).await;
    members(&lab, group, &people[..3]).await;
    until("Apple was asked again and again", async || requests(&lab) >= asked + 4).await;
    assert_eq!(
        lab.apple.writes().len(),
        writes,
        "nothing is written before it was read"
    );
    assert_eq!(lab.apple_holders(&adam), before);

    lab.apple.switch(|switches| switches.unavailable = 0.0);
    lab.app.sync_now(&Caller::System).await.expect("a sync");
    until("the intent of the backup is kept again", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let view = overview.app(app).unwrap();
        let held: Vec<_> = view.facts.seats.keys().filter_map(|holder| holder.person()).collect();
        let mut wanted = people[..3].to_vec();
        wanted.sort();
        let read = lab.app.syncs(1).await.unwrap()[0].finished_at.is_some();
        let open = lab.app.store.operations_open(view.row.location_id).await.unwrap();
        read && held == wanted
            && lab.apple_holders(&adam).len() == 4
            && lab.apple_holders(&other_adam).len() == 1
            && open.is_empty()
    })
    .await;
    lab.agrees_with_apple().await;
    let about_a_stranger = |write: &sim::apple::Write| write.body.to_string().contains(&newest);
    assert!(!lab.apple.writes()[writes..].iter().any(about_a_stranger));
    let ledger = lab.apple.ledger();
    let holders = ledger.main().holders(&adam);
    let foreign = holders.contains(&Holder::Device("FOREIGN00001".to_owned()));
    assert!(foreign, "nothing foreign changed: {holders:?}");
    for device in lab.fleet.devices() {
        assert!(device.protocol_errors.is_empty(), "{:?}", device.protocol_errors);
    }
    lab.close().await;
    if let Some(fresh) = fresh {
        fresh.close().await;
    }
}
