//! A plan that breaks a promise is not done, and everybody sees that; nobody else waits for it.

use domain::{DeviceId, Each, Holder, PersonId, Step, World, decide_each};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{DeviceFacts, EventFilter, Store, testing::Fresh, testing::Organisation};

use crate::{
    previews::company,
    server::{Browser, TestServer, answer, form, until},
};

/// Plans as ever, but for a mistake about whoever has a device with system 1.5: their licences go back while the apps are there.
fn mistaken(world: &World) -> Each {
    let mut each = decide_each(world);
    for device in world.devices.values().filter(|device| device.os_version == [1, 5]) {
        for app in world.apps.values() {
            let holder = Holder::Person(device.person);
            if app.seats.contains_key(&holder) {
                each.steps.push(Step::Disassociate { app: app.id, holder });
            }
        }
    }
    each
}

async fn says_version(store: &Store, device: DeviceId, version: &str) {
    let facts = DeviceFacts {
        os_version: Some(version.to_owned()),
        ..DeviceFacts::default()
    };
    let mut tx = store.begin().await.unwrap();
    tx.device_informed(device, &facts, server::Clock::System.now())
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn stopped(server: &TestServer) -> Vec<Value> {
    let (status, page) = server.get("/api/v1/stoppedPlans").await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["value"].as_array().unwrap().clone()
}

/// Whether the device was told to remove something.
async fn is_told_to_remove(server: &TestServer, device: DeviceId) -> bool {
    let commands = server.running.app.device_commands(device, 50).await.unwrap();
    commands.iter().any(|row| row.request_type == "RemoveApplication")
}

async fn happened(server: &TestServer, person: PersonId, kind: &str) -> u64 {
    let filter = EventFilter {
        asset: None,
        person: Some(person),
        device: None,
        before: None,
        limit: 1_000,
    };
    let events = server.running.app.events(&filter).await.unwrap();
    events.iter().filter(|row| row.kind == kind).count() as u64
}

async fn story(server: &TestServer, company: Organisation) {
    let app = &server.running.app;
    let (victim, other) = (company.people[0], company.people[2]);
    let asset = company.assets[0];
    let device_of = async |person: PersonId| app.devices_of(person).await.unwrap()[0].id;
    let (theirs, others) = (device_of(victim).await, device_of(other).await);
    assert_eq!(stopped(server).await, Vec::<Value>::new());
    says_version(&app.store, theirs, "1.5").await;
    app.look_again();
    until("the plan is stopped", async || {
        let plans = stopped(server).await;
        (!plans.is_empty()).then(|| json!(plans))
    })
    .await;

    // Then the app is taken from everybody.
    let lines = json!({
        "value": [{ "groupId": company.group.0, "intent": "uninstall" }], "confirmTakeBack": 20
    });
    let path = format!("/api/v1/apps/{}/deployments", asset.0);
    let (status, saved) = server.send(Method::PUT, &path, &lines).await;
    assert_eq!(status, StatusCode::OK, "{saved}");
    until("everybody else is served", async || {
        let mut told = 0;
        for person in company.people.iter().step_by(2) {
            told += u64::from(is_told_to_remove(server, device_of(*person).await).await);
        }
        (told == 19).then(|| json!(told))
    })
    .await;
    assert!(is_told_to_remove(server, others).await && !is_told_to_remove(server, theirs).await);
    let seat = app
        .store
        .seats(asset)
        .await
        .unwrap()
        .into_iter()
        .find(|row| row.holder == Holder::Person(victim));
    assert_eq!(
        seat.map(|row| row.state),
        Some(store::SeatState::Held),
        "the licence is not asked back"
    );

    // It is told in every place.
    let plans = stopped(server).await;
    assert_eq!(plans.len(), 1, "{plans:?}");
    assert_eq!(
        (&plans[0]["userId"], &plans[0]["deviceId"]),
        (&json!(victim.0), &Value::Null)
    );
    let step = &plans[0]["steps"][0];
    assert_eq!(
        (&step["breach"], &step["step"]["step"]),
        (&json!("stillThere"), &json!("disassociate")),
        "{step}"
    );
    assert_eq!(step["step"]["app"], json!(asset.0), "{step}");
    let since = step["sinceDateTime"].clone();
    assert_eq!(
        happened(server, victim, "planStopped").await,
        1,
        "once, however often it is decided"
    );
    let why = format!("/api/v1/why/{}/{}", victim.0, asset.0);
    assert_eq!(server.get(&why).await.1["stopped"][0]["breach"], "stillThere");
    let why_of_other = format!("/api/v1/why/{}/{}", other.0, asset.0);
    assert_eq!(server.get(&why_of_other).await.1["stopped"], json!([]));
    let browser = Browser::sign_in(server).await;
    let said = "앱이 아직 장치에 있을 수 있습니다.";
    let action = format!("/stopped/{}", victim.0);
    for page in [
        "/stopped".to_owned(),
        format!("/people/{}", victim.0),
        format!("/devices/{}", theirs.0),
        format!("/why/{}/{}", victim.0, asset.0),
    ] {
        let text = browser.page(server, &page).await;
        assert!(text.contains(said) && text.contains(&action), "{page}: {text}");
    }
    let dashboard = browser.page(server, "/dashboard").await;
    assert!(
        dashboard.contains("1명의 계획이 약속에 어긋나 멈췄습니다.") && dashboard.contains("href=\"/stopped\""),
        "{dashboard}"
    );
    let unharmed = browser.page(server, &format!("/people/{}", other.0)).await;
    assert!(!unharmed.contains(said), "{unharmed}");

    // Looked at again it is no better.
    let fields = form::of(&browser.page(server, "/stopped").await, &action);
    let page = browser.press(server, &action, &fields).await;
    assert!(page.contains("곧 다시 점검합니다."), "{page}");
    until("it was looked at again", async || {
        let look = store::Look {
            now: app.now(),
            looked: false,
            token_usable: true,
        };
        let undecided = app.store.undecided(company.location, look).await.unwrap();
        (!undecided).then_some(json!(true))
    })
    .await;
    assert_eq!(stopped(server).await[0]["steps"][0]["sinceDateTime"], since);
    assert_eq!(happened(server, victim, "planLookedAgain").await, 1);
    assert_eq!(happened(server, victim, "planStopped").await, 1);
    assert!(!is_told_to_remove(server, theirs).await);
    // Nobody else's plan is there to be looked at again, and not everybody may.
    let again = |key: &str, person: PersonId| {
        let path = format!("/api/v1/stoppedPlans/{}/lookAgain", person.0);
        answer(server.request(Method::POST, &path).bearer_auth(key))
    };
    assert_eq!(again(&server.key, other).await.0, StatusCode::NOT_FOUND);
    assert_eq!(again(&server.looker, victim).await.0, StatusCode::FORBIDDEN);
    assert_eq!(again(&server.key, victim).await.0, StatusCode::NO_CONTENT);

    // Something of theirs changes, and what is decided of them is right.
    says_version(&app.store, theirs, "2.5").await;
    app.look_again();
    until("the plan goes on", async || {
        let plans = stopped(server).await;
        (plans.is_empty() && is_told_to_remove(server, theirs).await).then_some(json!(true))
    })
    .await;
    assert_eq!(happened(server, victim, "planSound").await, 1);
    assert_eq!(server.get(&why).await.1["stopped"], json!([]));
    let page = browser.page(server, &format!("/people/{}", victim.0)).await;
    assert!(!page.contains(said), "{page}");
    assert!(!browser.page(server, "/dashboard").await.contains("href=\"/stopped\""));
    assert!(browser.page(server, "/stopped").await.contains("멈춘 계획이 없습니다."));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_breaks_a_promise_is_not_done_and_everybody_else_is_served_on_sqlite() {
    let (server, company) = TestServer::start_planned(mistaken, |_| {}, company).await;
    story(&server, company).await;
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn what_breaks_a_promise_is_not_done_and_everybody_else_is_served_on_postgres() {
    let fresh = Fresh::postgres().await;
    let url = fresh.url().to_owned();
    let (server, company) = TestServer::start_planned(mistaken, |config| config.database_url = url, company).await;
    story(&server, company).await;
    server.stop().await;
    fresh.close().await;
}
