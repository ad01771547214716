//! Devices that do not do as they are told, each in its own way, and all at once.

use std::time::{Duration, Instant};

use domain::{Approval, AssetId, Enrolment, InstallState, Policy};
use sim::{
    apple::{TokenKind, sample::adam_id},
    devices::{DeviceSpec, OfflineSpell, Prompt, SignatureForm},
};

use crate::lab::{Database, Lab, PATIENCE, Setup, iphone, quick_policy, until};

type Fault = (&'static str, fn(&mut DeviceSpec));

/// What is wrong with a device, by name. It ends for all of them, as it does in life.
const FAULTS: [Fault; 16] = [
    ("nothing", |_| {}),
    ("answers NotNow for long", |spec| {
        spec.not_now_for = Duration::from_secs(3)
    }),
    ("is silent for long", |spec| {
        spec.offline = vec![OfflineSpell {
            starts_after: Duration::from_millis(100),
            lasts: Duration::from_secs(4),
        }];
    }),
    ("turns installs down: 12064, no licence found", |spec| {
        (spec.refused_installs, spec.install_error) = (2, 12064);
    }),
    ("turns installs down: 12026, already queued", |spec| {
        (spec.refused_installs, spec.install_error) = (1, 12026);
    }),
    ("turns installs down: 12023, the app cannot be looked up", |spec| {
        (spec.refused_installs, spec.install_error) = (1, 12023);
    }),
    ("turns installs down: 12021, a code nobody expects", |spec| {
        (spec.refused_installs, spec.install_error) = (1, 12021);
    }),
    ("acknowledges, and installs nothing", |spec| spec.pretended_installs = 1),
    ("loses downloads", |spec| spec.failing_downloads = 2),
    ("says every answer twice", |spec| spec.duplicate_results = 1.0),
    ("says old answers again, late", |spec| spec.old_results = 0.7),
    ("speaks in another's name", |spec| spec.wrong_udids = 0.7),
    ("loses commands on their way", |spec| spec.lost_commands = 0.3),
    ("has a user who speaks too", |spec| spec.user_channel = true),
    ("signs in the other form", |spec| {
        spec.signature = SignatureForm::DerWithAttributes
    }),
    (CANCELS, |spec| {
        spec.supervised = false;
        spec.prompt = Prompt::Reject {
            after: Duration::from_millis(20),
        };
    }),
];
const CANCELS: &str = "has a person who cancels the prompt";

fn serial(number: usize) -> String {
    iphone(number).serial
}

/// What a device told is soon told again; a person who cancelled is soon asked again.
fn setup(database: Database) -> Setup {
    Setup {
        policy: Policy {
            inventory_every: Duration::from_secs(2),
            ..quick_policy()
        },
        ..Setup::on(database)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_device_gets_its_app_and_gives_it_back_whatever_is_wrong_with_it_on_sqlite() {
    every_fault(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn every_device_gets_its_app_and_gives_it_back_whatever_is_wrong_with_it_on_postgres() {
    every_fault(Database::Postgres).await;
}

async fn every_fault(database: Database) {
    let lab = Lab::open(setup(database)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let own = bundle_id(&lab, lab.app_known(&adam_id(3)).await).await;
    let mut people = Vec::new();
    for (number, (fault, apply)) in FAULTS.iter().enumerate() {
        let mut spec = iphone(number);
        apply(&mut spec);
        let person = lab.person(fault).await;
        lab.enrol(person, spec).await;
        // Their own: nobody's business.
        assert!(lab.fleet.user_installs_app(&serial(number), &own).await);
        people.push(person);
    }
    let group = lab.group("모두", &people).await;
    lab.deploy(app, group, Approval::Required).await;

    let managed = bundle_id(&lab, app).await;
    let cancelling = FAULTS
        .iter()
        .position(|(fault, _)| *fault == CANCELS)
        .expect("one cancels");
    let gets_it = |number: &usize| *number != cancelling;
    nobody_is_left(&lab, "has no app", |lab, number| {
        gets_it(&number) && !has(lab, number, &managed)
    })
    .await;
    assert!(!has(&lab, cancelling, &managed));
    // Asked again at the pace of the inventory, the person agrees.
    lab.fleet.change(&serial(cancelling), |spec| {
        spec.prompt = Prompt::Accept { after: Duration::ZERO };
    });
    nobody_is_left(&lab, "has no app", |lab, number| !has(lab, number, &managed)).await;
    installed(&lab, app, FAULTS.len()).await;
    lab.agrees_with_apple().await;
    assert_eq!(lab.apple_holders(&adam_id(4)).len(), FAULTS.len());

    lab.deploy(app, group, Approval::Uninstall).await;
    nobody_is_left(&lab, "has the app still", |lab, number| {
        let apps = lab.fleet.device(&serial(number)).expect("a device").apps;
        apps.values().any(|state| state != "Unmanaged")
    })
    .await;
    until("the licences are back", async || {
        lab.apple_holders(&adam_id(4)).is_empty()
    })
    .await;
    lab.agrees_with_apple().await;
    for (number, (fault, _)) in FAULTS.iter().enumerate() {
        let device = lab.fleet.device(&serial(number)).expect("a device");
        assert_eq!(
            device.apps.get(&own).map(String::as_str),
            Some("Unmanaged"),
            "the person's own app, where a device {fault}"
        );
        assert!(device.enrolled, "a device that {fault}: {:?}", device.gone);
        assert!(
            device.protocol_errors.is_empty(),
            "{fault}: {:?}",
            device.protocol_errors
        );
    }
    lab.close().await;
}

/// Waits until `left` is true of no device, and names what is wrong with those that never come to it.
async fn nobody_is_left(lab: &Lab, what: &str, left: impl Fn(&Lab, usize) -> bool) {
    let begun = Instant::now();
    loop {
        let remaining: Vec<&str> = (0..FAULTS.len())
            .filter(|number| left(lab, *number))
            .map(|number| FAULTS[number].0)
            .collect();
        if remaining.is_empty() {
            return;
        }
        assert!(begun.elapsed() < PATIENCE, "{what}, where a device {remaining:?}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn has(lab: &Lab, number: usize, bundle_id: &str) -> bool {
    let device = lab.fleet.device(&serial(number)).expect("a device");
    device.apps.get(bundle_id).is_some_and(|state| state == "Managed")
}

async fn bundle_id(lab: &Lab, app: AssetId) -> String {
    let overview = lab.app.overview().await.unwrap().unwrap();
    overview.app(app).unwrap().row.bundle_id.clone().expect("a bundle id")
}

async fn installed(lab: &Lab, app: AssetId, count: usize) {
    until("all are shown as installed", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let people = &overview.app(app).unwrap().decision.people;
        people
            .values()
            .filter(|person| person.state == InstallState::Installed)
            .count()
            == count
    })
    .await;
}

/// A laboratory with one person, whose phone has the app.
async fn one_with_the_app(database: Database) -> (Lab, AssetId, domain::GroupId) {
    let lab = Lab::open(setup(database)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(4)).await;
    let person = lab.person("김민지").await;
    lab.enrol(person, iphone(0)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    installed(&lab, app, 1).await;
    (lab, app, group)
}

/// Waits until something waits for the device that it does not know of yet, and the push for it has left.
async fn something_waits(lab: &Lab) {
    let device = lab.app.devices().await.unwrap()[0].id;
    until("a command waits", async || {
        let commands = lab.app.device_commands(device, 10).await.unwrap();
        commands
            .iter()
            .any(|command| command.state == store::CommandState::Queued)
    })
    .await;
    // Nothing tells that the push is under way; when it is not yet, the test is easier, and as true.
    tokio::time::sleep(Duration::from_millis(150)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_push_token_told_while_the_old_one_is_refused_is_the_one_that_counts_on_sqlite() {
    rotates_while_refused(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_push_token_told_while_the_old_one_is_refused_is_the_one_that_counts_on_postgres() {
    rotates_while_refused(Database::Postgres).await;
}

/// The answer to a push took with it what the device had said meanwhile, and the device was never woken again.
async fn rotates_while_refused(database: Database) {
    let (lab, _, group) = one_with_the_app(database).await;
    let second = lab.app_known(&adam_id(3)).await;
    lab.apple.switch(|switches| switches.push_delay_ms = 600);
    let old = lab.fleet.device(&serial(0)).unwrap().push_token;
    lab.apple.set_push_token_dead(&old, true);

    lab.deploy(second, group, Approval::Required).await;
    something_waits(&lab).await;
    assert!(lab.fleet.rotate_token(&serial(0)).await);

    installed(&lab, second, 1).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_checks_out_while_it_is_being_woken_is_gone_and_its_licences_return_on_sqlite() {
    checks_out_while_woken(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_that_checks_out_while_it_is_being_woken_is_gone_and_its_licences_return_on_postgres() {
    checks_out_while_woken(Database::Postgres).await;
}

/// The answer to a push brought back devices that had left, and their licences never returned.
async fn checks_out_while_woken(database: Database) {
    let (lab, _, group) = one_with_the_app(database).await;
    let second = lab.app_known(&adam_id(3)).await;
    lab.apple.switch(|switches| switches.push_delay_ms = 600);
    lab.fleet
        .change(&serial(0), |spec| spec.not_now_for = Duration::from_secs(3600));

    lab.deploy(second, group, Approval::Required).await;
    something_waits(&lab).await;
    assert!(lab.fleet.check_out(&serial(0)).await);

    until("both licences are back", async || {
        lab.apple_holders(&adam_id(3)).is_empty() && lab.apple_holders(&adam_id(4)).is_empty()
    })
    .await;
    assert_eq!(lab.app.devices().await.unwrap()[0].enrolment, Enrolment::Gone);
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_restored_from_an_old_backup_gets_its_app_again_on_sqlite() {
    restored(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_restored_from_an_old_backup_gets_its_app_again_on_postgres() {
    restored(Database::Postgres).await;
}

async fn restored(database: Database) {
    let (lab, _, group) = one_with_the_app(database).await;
    let second = lab.app_known(&adam_id(3)).await;
    let backup = lab.fleet.backup(&serial(0)).expect("a device");
    lab.deploy(second, group, Approval::Required).await;
    installed(&lab, second, 1).await;
    let bundle_id = bundle_id(&lab, second).await;

    assert!(lab.fleet.restore(&serial(0), &backup).await);
    assert!(!has(&lab, 0, &bundle_id), "the backup is from before");

    until("the app is there again", async || has(&lab, 0, &bundle_id)).await;
    installed(&lab, second, 1).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_an_old_backup_brings_back_goes_again_on_sqlite() {
    brought_back(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn an_app_that_an_old_backup_brings_back_goes_again_on_postgres() {
    brought_back(Database::Postgres).await;
}

/// Nobody asked for what was known to be gone: the app stayed, without a licence, and nobody knew.
async fn brought_back(database: Database) {
    let (lab, app, group) = one_with_the_app(database).await;
    let bundle_id = bundle_id(&lab, app).await;
    let backup = lab.fleet.backup(&serial(0)).expect("a device");
    lab.deploy(app, group, Approval::Uninstall).await;
    until("the app is gone", async || {
        !has(&lab, 0, &bundle_id) && lab.apple_holders(&adam_id(4)).is_empty()
    })
    .await;
    lab.agrees_with_apple().await;

    assert!(lab.fleet.restore(&serial(0), &backup).await);
    assert!(has(&lab, 0, &bundle_id), "the backup is from before");

    until("the app is gone again", async || !has(&lab, 0, &bundle_id)).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
