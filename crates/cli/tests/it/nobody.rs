//! Devices that belong to nobody: what they get, what they do not, and that they are nobody wherever people are.

use std::collections::BTreeSet;

use domain::{
    Approval, AssetId, Detail, DeviceId, GroupId, GroupKind, InstallState, LicenseType, PersonId,
    why::{Remedy, Sentence},
};
use server::{
    app::{
        AppError, Caller, contract::Agreed, directory::PersonFilter, groups::NewGroup, leaving::Leave, of_app::Asked,
        why::Answer,
    },
    messages::{Lang, Speak},
    reasons,
};
use sim::{
    apple::{TokenKind, sample},
    devices::DeviceSpec,
};
use store::{DeviceRow, EventFilter, Span};

use crate::{
    lab::{Database, Lab, Setup, deploy_with, iphone, members_are, until},
    oracle,
};

const ADAM: &str = "9000000021";
const OTHER: &str = "9000000022";

/// Two apps with five licences each.
fn setup(database: Database) -> Setup {
    let mut setup = Setup::on(database);
    for adam_id in [ADAM, OTHER] {
        setup.organisations[0].assets.push(sample::App::sample(adam_id, 5));
    }
    setup
}

/// Through DEP, with no account, and nobody who accepts anything.
fn kiosk(number: usize) -> DeviceSpec {
    DeviceSpec {
        name: "접수대 iPad".to_owned(),
        dep: true,
        account: None,
        accepts_invitation_after: None,
        ..iphone(number)
    }
}

async fn device(lab: &Lab, number: usize) -> DeviceRow {
    let devices = lab.app.devices().await.expect("devices");
    let serial = iphone(number).serial;
    let found = devices
        .into_iter()
        .find(|row| row.serial.as_deref() == Some(serial.as_str()));
    found.expect("the device")
}

async fn devices_of(lab: &Lab, name: &str, devices: &[DeviceId]) -> GroupId {
    let new = NewGroup {
        name: name.to_owned(),
        kind: GroupKind::Device,
        priority: 0,
        rule: None,
    };
    let id = lab.app.group_add(&Caller::System, new).await.expect("a group");
    let members: Vec<_> = devices.iter().map(|device| device.0).collect();
    members_are(&lab.app, id, &members).await;
    id
}

async fn why(lab: &Lab, device: DeviceId, app: AssetId) -> Answer {
    lab.app.why(device.0, app).await.expect("an answer")
}

/// Everything that an answer says, in both languages.
fn said(lab: &Lab, answer: &Answer) -> String {
    let texts = [Lang::Ko, Lang::En].map(|lang| {
        let s = Speak {
            lang,
            now: answer.world.now,
            zone: lab.app.config.zone(),
        };
        format!("{:?}", reasons::said(answer, &s))
    });
    texts.concat()
}

fn serials(numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(|number| iphone(*number).serial).collect()
}

/// No list, count, search or call of people knows of one.
async fn is_nobody(lab: &Lab, device: DeviceId, apps: &[AssetId]) {
    let app = &lab.app;
    let nobody = PersonId::nobody(device);
    let asked = |query: &'static str| Asked {
        span: Span::First,
        query,
        at: 0,
        most: 50,
    };
    assert!(app.person(nobody).await.unwrap().is_none());
    assert!(app.people().await.unwrap().iter().all(|row| row.id != nobody));
    for filter in PersonFilter::ALL {
        for query in ["", "iPad", "접수"] {
            let listing = app.people_list(filter, asked(query)).await.unwrap();
            assert!(!listing.part.rows.contains(&nobody), "{filter:?}");
        }
    }
    let listing = app.people_list(PersonFilter::All, asked("")).await.unwrap();
    let everybody = app.people().await.unwrap().len() as u64;
    assert_eq!(listing.counts[0].number, everybody, "it is not counted");
    let (part, _) = app.people_after(asked("")).await.unwrap();
    assert_eq!(part.rows.len() as u64, everybody);
    assert!(app.people_like("접수", 10).await.unwrap().is_empty());
    assert_eq!(app.store.tally(None).await.unwrap().people, everybody);
    assert!(app.store.people_rows(&[nobody]).await.unwrap().is_empty());
    assert!(app.store.names(&[nobody.0]).await.unwrap().people.is_empty());
    for asset in apps {
        let (of, part, _) = app.app_people(*asset, None, asked("")).await.unwrap().unwrap();
        assert!(
            part.rows.is_empty() && of.app.people.is_empty(),
            "nobody has to do with it"
        );
    }
    // Nor can anything be done to it that is done to people.
    let refused = app.app_request(&Caller::System, apps[0], nobody).await;
    assert!(matches!(refused, Err(AppError::NotFound("person"))), "{refused:?}");
    let refused = app.enrolment_link(&Caller::System, nobody).await;
    assert!(matches!(refused, Err(AppError::NotFound("person"))));
    let invited = app.invite_again(&Caller::System, nobody).await;
    assert!(invited.is_err());
    let name = format!("사람 {}", app.groups().await.unwrap().len());
    let group = lab.group(&name, &[]).await;
    let base = server::app::Base::Latest;
    let put = app
        .group_members_set(&Caller::System, group, base, &[nobody.0], &Default::default())
        .await;
    assert!(put.is_err(), "it is put into no group of people");
    assert_eq!(app.group(group).await.unwrap().map(|row| row.members), Some(0));
}

/// Apple was never told of anybody.
fn no_user_was_made(lab: &Lab) {
    let writes = lab.apple.writes();
    let users = writes.iter().filter(|write| write.body["users"].is_array());
    assert_eq!(users.count(), 0, "a client user was made");
    assert_eq!(
        (lab.apple_holders(ADAM), lab.apple_holders(OTHER)),
        (BTreeSet::new(), BTreeSet::new())
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kiosk_gets_licences_of_its_own_and_is_nobody_on_sqlite() {
    a_kiosk(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_kiosk_gets_licences_of_its_own_and_is_nobody_on_postgres() {
    a_kiosk(Database::Postgres).await;
}

/// From the link to the licence that is back.
async fn a_kiosk(database: Database) {
    let lab = Lab::open(setup(database)).await;
    oracle::watched(&lab.app, &lab.apple, async {
        lab.link(TokenKind::Valid).await;
        let apps = [lab.app_known(ADAM).await, lab.app_known(OTHER).await];
        let [app, other] = apps;
        lab.person("가람").await;
        lab.enrol_for_nobody(kiosk(0)).await;
        let row = device(&lab, 0).await;
        assert_eq!(row.owner(), None);
        let group = devices_of(&lab, "키오스크", &[row.id]).await;

        deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
        until("it has the app", async || lab.installed(app).await == 1).await;
        assert_eq!(lab.apple_devices(ADAM), serials(&[0]), "by its serial number");
        let answer = why(&lab, row.id, app).await;
        assert!(
            matches!(answer.why.sentence, Sentence::Installed { at: Some(_) }),
            "{:?}",
            answer.why
        );
        assert!(answer.person.is_none());
        let text = said(&lab, &answer);
        assert!(
            text.contains("접수대 iPad에") && !text.contains(" 님") && !text.contains('–'),
            "{text}"
        );
        let told: Vec<String> = answer.events.iter().map(|row| row.kind.clone()).collect();
        assert!(told.iter().any(|kind| kind == "licenceAssigned") && told.iter().any(|kind| kind == "appInstalled"));
        assert!(
            answer.events.iter().all(|row| row.person_id.is_none()),
            "it happened to nobody"
        );

        // Licences of people are nothing for it, and it says so.
        deploy_with(&lab.app, other, group, Approval::Required, LicenseType::User).await;
        until("it is said why not", async || {
            let why = why(&lab, row.id, other).await.why;
            why.said == Some((InstallState::NotApplicable, Detail::LicenseNeedsUser))
        })
        .await;
        let answer = why(&lab, row.id, other).await;
        assert_eq!(answer.why.sentence, Sentence::LicenceNeedsUser);
        assert_eq!(answer.why.remedies, [Remedy::LicenseDevices]);
        let text = said(&lab, &answer);
        assert!(
            text.contains("공용 장치") && text.contains("belongs to nobody"),
            "{text}"
        );
        assert!(lab.apple_devices(OTHER).is_empty());
        is_nobody(&lab, row.id, &apps).await;
        no_user_was_made(&lab);
        deploy_with(&lab.app, other, group, Approval::Required, LicenseType::Automatic).await;
        until("it has the other one, too", async || lab.installed(other).await == 1).await;
        lab.agrees_with_apple().await;

        let retires = lab
            .app
            .device_leave(&Caller::System, row.id, Leave::Retire, None, &Agreed::default())
            .await;
        retires.expect("to retire");
        until("its licences are back", async || {
            lab.apple_devices(ADAM).is_empty() && lab.apple_devices(OTHER).is_empty()
        })
        .await;
        is_nobody(&lab, row.id, &apps).await;
        no_user_was_made(&lab);
        let filter = EventFilter {
            device: Some(row.id),
            limit: 500,
            ..EventFilter::default()
        };
        let events = lab.app.events(&filter).await.unwrap();
        assert!(events.iter().all(|row| row.person_id.is_none()));
        lab.agrees_with_apple().await;
    })
    .await;
    lab.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_is_whose_the_last_link_was_for_on_sqlite() {
    it_changes_hands(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn a_device_is_whose_the_last_link_was_for_on_postgres() {
    it_changes_hands(Database::Postgres).await;
}

/// Nobody's, then somebody's, then nobody's again; the one licence that it is to have is its own all the time.
async fn it_changes_hands(database: Database) {
    let lab = Lab::open(setup(database)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(ADAM).await;
    let person = lab.person("가람").await;
    lab.enrol_for_nobody(kiosk(0)).await;
    let id = device(&lab, 0).await.id;
    let group = devices_of(&lab, "키오스크", &[id]).await;
    deploy_with(&lab.app, app, group, Approval::Required, LicenseType::Device).await;
    let people = lab.group("모두", &[person]).await;
    for owner in [None, Some(person), None] {
        until("it has the app", async || {
            lab.installed(app).await == 1 && lab.apple_devices(ADAM) == serials(&[0])
        })
        .await;
        let row = device(&lab, 0).await;
        assert_eq!((row.id, row.owner()), (id, owner));
        let answer = why(&lab, id, app).await;
        assert_eq!(answer.person.map(|row| row.id), owner);
        let of = lab.app.of_app(app).await.unwrap().unwrap();
        assert_eq!(
            of.app.people.values().sum::<u64>(),
            u64::from(owner.is_some()),
            "of whom it is said"
        );
        lab.agrees_with_apple().await;

        let retires = lab
            .app
            .device_leave(&Caller::System, id, Leave::Retire, None, &Agreed::default())
            .await;
        retires.expect("to retire");
        until("its licence is back, and it has left", async || {
            let left = device(&lab, 0).await.enrolment.is_over();
            let gone = lab
                .fleet
                .device(&iphone(0).serial)
                .is_some_and(|device| device.gone.is_some());
            left && gone && lab.apple_devices(ADAM).is_empty()
        })
        .await;
        match owner {
            None => lab.enrol(person, kiosk(0)).await,
            Some(_) => lab.enrol_for_nobody(kiosk(0)).await,
        }
    }
    until("it has the app", async || lab.installed(app).await == 1).await;
    // What reaches its person reaches it, and nobody's device is reached by no group of people.
    assert_eq!(device(&lab, 0).await.owner(), Some(person));
    members_are(&lab.app, group, &[]).await;
    until("it is gone", async || lab.apple_devices(ADAM).is_empty()).await;
    deploy_with(&lab.app, app, people, Approval::Required, LicenseType::Device).await;
    until("it has the app by its person", async || lab.installed(app).await == 1).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
