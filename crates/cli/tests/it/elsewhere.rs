//! Somebody else installs: Allotment gives licences, tells no device anything, and takes them back when nobody is due them.

use std::collections::BTreeSet;

use domain::{
    Approval, AssetId, Detail, DeviceId, Effect, GroupId, InstallState, Installation, LicenseType, PersonId,
    why::{Sentence, Who},
};
use server::app::{Caller, deployments::DeploymentChoice};
use sim::{
    apple::{TokenKind, sample},
    devices::DeviceSpec,
};
use store::ClientUserStatus;

use crate::{
    lab::{Database, Lab, Setup, deploy_so, deploy_with, iphone, members_are, until},
    oracle,
};

const ADAM: &str = "9000000011";
const LICENSED: (InstallState, Detail) = (InstallState::Licensed, Detail::ExternalInstallation);

/// An app of which so many licences are owned.
fn setup(database: Database, licences: i64) -> Setup {
    let mut setup = Setup::on(database);
    setup.organisations[0].assets.push(sample::App::sample(ADAM, licences));
    setup
}

async fn deploy(lab: &Lab, app: AssetId, group: GroupId, license_type: LicenseType, installation: Installation) {
    let choice = DeploymentChoice {
        group,
        approval: Approval::Required,
        deadline: None,
        license_type,
        installation,
        kept_licenses: 0,
    };
    deploy_so(&lab.app, app, choice).await;
}

async fn device_of(lab: &Lab, number: usize) -> DeviceId {
    let devices = lab.app.devices().await.expect("devices");
    let serial = iphone(number).serial;
    let found = devices.iter().find(|row| row.serial.as_deref() == Some(&serial));
    found.expect("the device").id
}

/// What the device was told about apps, one word a command.
async fn told(lab: &Lab, number: usize) -> Vec<String> {
    let device = device_of(lab, number).await;
    let commands = lab.app.device_commands(device, 1000).await.expect("commands");
    let of_apps = ["InstallApplication", "RemoveApplication", "ManagedApplicationList"];
    let types = commands.into_iter().map(|row| row.request_type);
    types.filter(|told| of_apps.contains(&told.as_str())).collect()
}

async fn said(lab: &Lab, whom: uuid::Uuid, app: AssetId) -> Option<(InstallState, Detail)> {
    lab.app.why(whom, app).await.expect("an answer").why.said
}

/// Accepts the programme's terms by the link of the invitation, on a device that nobody here has heard of.
async fn accepts_elsewhere(lab: &Lab, person: PersonId, account: &str) {
    let location = lab.app.location_view().await.expect("a location").expect("one").row.id;
    let mut code = None;
    until("they are registered", async || {
        let users = lab.app.store.client_users(location).await.expect("our books");
        let user = users.into_iter().find(|row| row.person_id == person);
        code = user
            .filter(|row| row.status == ClientUserStatus::Registered)
            .and_then(|row| row.invite_code);
        code.is_some()
    })
    .await;
    lab.apple.accept(&code.expect("a code"), account).expect("accepted");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_somebody_else_installs_is_licensed_and_told_to_no_device_on_sqlite() {
    nothing_is_told(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_somebody_else_installs_is_licensed_and_told_to_no_device_on_postgres() {
    nothing_is_told(Database::Postgres).await;
}

/// Somebody with a device here, and somebody without any: both have the licence, and give it back at once.
async fn nothing_is_told(database: Database) {
    let lab = Lab::open(setup(database, 5)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let (garam, narae) = (lab.person("가람").await, lab.person("나래").await);
        lab.enrol(garam, iphone(0)).await;
        let group = lab.group("모두", &[garam, narae]).await;
        deploy(&lab, app, group, LicenseType::User, Installation::External).await;

        until("who has a device has the licence", async || {
            lab.apple_holders(ADAM).len() == 1
        })
        .await;
        until("the other cannot be shown the invitation", async || {
            let why = lab.app.why(narae.0, app).await.expect("an answer").why;
            why.sentence == Sentence::NoDeviceForInvitation
        })
        .await;
        accepts_elsewhere(&lab, narae, "narae@account.example").await;
        lab.until_asking("so has who has none", async || lab.apple_holders(ADAM).len() == 2)
            .await;
        lab.agrees_with_apple().await;

        let device = device_of(&lab, 0).await;
        for whom in [garam.0, device.0, narae.0] {
            let why = lab.app.why(whom, app).await.expect("an answer").why;
            assert_eq!(why.said, Some(LICENSED));
            assert!(matches!(why.sentence, Sentence::LicensedOnly { .. }), "{why:?}");
            assert_eq!((why.who, why.remedies), (Who::Nobody, vec![]));
        }
        let of = lab.app.of_app(app).await.expect("our books").expect("the app");
        assert_eq!((of.app.people[&LICENSED], of.app.devices[&LICENSED]), (2, 1));
        assert_eq!(lab.installed(app).await, 0, "nobody says that it is there");

        // What would stop working is said before it does.
        let preview = lab.app.deployments_preview(app, &[]).await.expect("a preview");
        let affected = preview.outcome.affected();
        let loses: Vec<_> = affected
            .iter()
            .map(|it| (it.effect, it.installation, it.number, it.devices))
            .collect();
        assert_eq!(loses, [(Effect::Loses, Installation::External, 2, 0)]);

        members_are(&lab.app, group, &[narae.0]).await;
        until("one is back", async || lab.apple_holders(ADAM).len() == 1).await;
        members_are(&lab.app, group, &[]).await;
        until("both are back", async || lab.apple_holders(ADAM).is_empty()).await;
        lab.agrees_with_apple().await;
        assert_eq!(told(&lab, 0).await, [""; 0], "no device was told anything of any app");
    })
    .await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_has_a_licence_of_its_own_for_what_somebody_else_installs_on_sqlite() {
    of_devices(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_has_a_licence_of_its_own_for_what_somebody_else_installs_on_postgres() {
    of_devices(Database::Postgres).await;
}

async fn of_devices(database: Database) {
    let lab = Lab::open(setup(database, 5)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let garam = lab.person("가람").await;
        for number in 0..2 {
            let nobodys = DeviceSpec {
                account: None,
                accepts_invitation_after: None,
                ..iphone(number)
            };
            lab.enrol(garam, nobodys).await;
        }
        let group = lab.group("모두", &[garam]).await;
        deploy(&lab, app, group, LicenseType::Device, Installation::External).await;
        let both = BTreeSet::from([iphone(0).serial, iphone(1).serial]);
        until("both have their own", async || lab.apple_devices(ADAM) == both).await;
        lab.agrees_with_apple().await;
        for number in 0..2 {
            let device = device_of(&lab, number).await;
            assert_eq!(said(&lab, device.0, app).await, Some(LICENSED));
        }
        lab.deploy(app, group, Approval::Uninstall).await;
        until("both are back", async || lab.apple_devices(ADAM).is_empty()).await;
        lab.agrees_with_apple().await;
        for number in 0..2 {
            assert_eq!(told(&lab, number).await, [""; 0], "there was nothing to remove");
        }
    })
    .await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_installs_may_change_and_no_licence_moves_on_sqlite() {
    the_switch_is_turned(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn whoever_installs_may_change_and_no_licence_moves_on_postgres() {
    the_switch_is_turned(Database::Postgres).await;
}

/// Ours, somebody else's, and ours again: what we installed we remove before its licence goes.
async fn the_switch_is_turned(database: Database) {
    let lab = Lab::open(setup(database, 5)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let app = lab.app_known(ADAM).await;
        let (garam, narae) = (lab.person("가람").await, lab.person("나래").await);
        lab.enrol(garam, iphone(0)).await;
        lab.enrol(narae, iphone(1)).await;
        let group = lab.group("모두", &[garam]).await;
        deploy_with(&lab.app, app, group, Approval::Required, LicenseType::User).await;
        until("the first has it by us", async || lab.installed(app).await == 1).await;
        let holders = lab.apple_holders(ADAM);
        let installs = |told: Vec<String>| told.iter().filter(|it| *it == "InstallApplication").count();
        assert_eq!(installs(told(&lab, 0).await), 1);

        // From now on somebody else installs: nothing is taken, and nobody is told anything.
        deploy(&lab, app, group, LicenseType::User, Installation::External).await;
        members_are(&lab.app, group, &[garam.0, narae.0]).await;
        until("the second has a licence", async || lab.apple_holders(ADAM).len() == 2).await;
        lab.agrees_with_apple().await;
        assert!(lab.apple_holders(ADAM).is_superset(&holders));
        let (first, second) = (device_of(&lab, 0).await, device_of(&lab, 1).await);
        let installed = (InstallState::Installed, Detail::NoAdditionalDetails);
        assert_eq!(said(&lab, first.0, app).await, Some(installed), "the device said so");
        assert_eq!(said(&lab, second.0, app).await, Some(LICENSED));
        assert_eq!(told(&lab, 1).await, [""; 0]);

        // And back: the second is told now, and the first has it already.
        deploy(&lab, app, group, LicenseType::User, Installation::Managed).await;
        until("both have it by us", async || lab.installed(app).await == 2).await;
        assert_eq!((installs(told(&lab, 0).await), installs(told(&lab, 1).await)), (1, 1));

        // What we installed is removed before its licence goes back, whoever was to install it last.
        deploy(&lab, app, group, LicenseType::User, Installation::External).await;
        let preview = lab.app.deployments_preview(app, &[]).await.expect("a preview");
        let ours = preview
            .outcome
            .affected()
            .into_iter()
            .map(|it| (it.effect, it.installation, it.devices));
        assert_eq!(ours.collect::<Vec<_>>(), [(Effect::Loses, Installation::Managed, 2)]);
        members_are(&lab.app, group, &[]).await;
        until("both are back", async || lab.apple_holders(ADAM).is_empty()).await;
        lab.agrees_with_apple().await;
        for number in 0..2 {
            assert!(told(&lab, number).await.iter().any(|it| it == "RemoveApplication"));
        }
        // Nobody is due it any more, and nothing was taken from anybody else.
        assert_eq!(lab.installed(app).await, 0);
        assert!(lab.app.sync_now(&Caller::System).await.is_ok());
    })
    .await;
    lab.close().await;
}
