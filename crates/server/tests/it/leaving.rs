//! A device is retired, wiped or taken out: by a program and on the pages, and what the device hears of it.

use domain::{Enrolment, Policy};
use mdm::{
    command,
    plist::{self, Value as Plist},
    report::{Report, Status},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::app::{Base, Caller};

use crate::{
    devices::{COMMANDS, Phone, server},
    server::{Browser, TestServer, form, kind},
};

async fn allow_wiping(server: &TestServer) {
    let policy = Policy {
        wiping: true,
        ..Policy::default()
    };
    let app = &server.running.app;
    app.policy_set(&Caller::System, Base::Latest, policy).await.unwrap();
}

/// What the device is told next.
async fn told(phone: &Phone<'_>) -> Option<(String, String)> {
    let (status, body) = phone.say(COMMANDS, &Report::idle(&phone.udid).body).await;
    assert_eq!(status, StatusCode::OK);
    if body.is_empty() {
        return None;
    }
    let (uuid, command) = command::parse(&plist::parse(&body).unwrap()).unwrap();
    let request_type = command.get("RequestType").and_then(Plist::as_string).unwrap();
    Some((uuid, request_type.to_owned()))
}

async fn shown(server: &TestServer, phone: &Phone<'_>) -> Value {
    let path = format!("/api/v1/managedDevices/{}", phone.row().await.id);
    let (status, device) = server.get(&path).await;
    assert_eq!(status, StatusCode::OK, "{device}");
    device
}

async fn post(server: &TestServer, phone: &Phone<'_>, action: &str, body: &Value) -> (StatusCode, Value) {
    let path = format!("/api/v1/managedDevices/{}/{action}", phone.row().await.id);
    server.send(Method::POST, &path, body).await
}

/// Nobody is linked to Apple yet, and nothing was ever installed: the profile goes at once.
#[tokio::test(flavor = "multi_thread")]
async fn a_program_retires_a_device_and_may_think_better_of_it_until_the_device_was_told() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    assert_eq!(shown(&server, &phone).await["managementState"], "managed");

    let path = format!("/api/v1/managedDevices/{}/retire", phone.row().await.id);
    let looker = server.request(Method::POST, &path).bearer_auth(&server.looker);
    assert_eq!(looker.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    for _ in 0..2 {
        assert_eq!(
            post(&server, &phone, "retire", &json!({})).await.0,
            StatusCode::NO_CONTENT
        );
    }
    let device = shown(&server, &phone).await;
    assert_eq!(
        (&device["managementState"], &device["enrollmentState"]),
        (&json!("retirePending"), &json!("retiring"))
    );
    assert!(device["leavingSinceDateTime"].is_string());

    let calls_off = async || post(&server, &phone, "cancelRetireOrWipe", &json!({})).await;
    assert_eq!(calls_off().await.0, StatusCode::NO_CONTENT);
    assert_eq!(shown(&server, &phone).await["managementState"], "managed");
    assert_eq!(told(&phone).await, None, "the command was withdrawn");
    let (status, problem) = calls_off().await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "device-not-enrolled"));

    post(&server, &phone, "retire", &json!({})).await;
    let (uuid, request_type) = told(&phone).await.unwrap();
    assert_eq!(request_type, "RemoveProfile");
    assert_eq!(shown(&server, &phone).await["managementState"], "retireIssued");
    let (status, problem) = calls_off().await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "device-told-already"));

    let done = Report::answer("PHONE-1", &uuid, Status::Acknowledged);
    assert_eq!(phone.say(COMMANDS, &done.body).await.0, StatusCode::OK);
    assert_eq!(shown(&server, &phone).await["managementState"], "retired");
    let (status, problem) = post(&server, &phone, "retire", &json!({})).await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "device-not-enrolled"));
    server.stop().await;
}

/// The check-out of a device that was told to go says that it obeyed; of one that was to be wiped, that it was not.
#[tokio::test(flavor = "multi_thread")]
async fn a_check_out_ends_a_retirement_and_is_no_wipe() {
    let server = server().await;
    allow_wiping(&server).await;
    for (action, end) in [("retire", Enrolment::Retired), ("wipe", Enrolment::Gone)] {
        let phone = Phone::enrolled(&server, action).await;
        let enrolment = json!({ "enrollmentId": shown(&server, &phone).await["enrollmentId"] });
        let body = if action == "wipe" { enrolment } else { json!({}) };
        assert_eq!(post(&server, &phone, action, &body).await.0, StatusCode::NO_CONTENT);
        // Its person does not undo the order by installing the same profile again.
        assert_eq!(phone.check_in(phone.authenticate()).await, StatusCode::BAD_REQUEST);
        assert_eq!(phone.check_in(phone.check_out()).await, StatusCode::OK);
        assert_eq!(phone.row().await.enrolment, end);
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_refuses_to_go_stays_and_the_history_tells() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    post(&server, &phone, "retire", &json!({})).await;
    let (uuid, _) = told(&phone).await.unwrap();
    let refused = Report::answer("PHONE-1", &uuid, Status::Error);
    assert_eq!(phone.say(COMMANDS, &refused.body).await.0, StatusCode::OK);
    assert_eq!(phone.row().await.enrolment, Enrolment::Enrolled);
    let (_, history) = server.get("/api/v1/events").await;
    assert!(history.to_string().contains("deviceRetireRefused"), "{history}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_wipes_only_what_granted_it_and_what_it_has_looked_at() {
    let server = server().await;
    let old = Phone::enrolled(&server, "OLD").await;
    allow_wiping(&server).await;
    let new = Phone::enrolled(&server, "NEW").await;
    let enrolment = async |phone: &Phone<'_>| json!({ "enrollmentId": shown(&server, phone).await["enrollmentId"] });

    assert_eq!(shown(&server, &old).await["mayBeWiped"], false);
    let (status, problem) = post(&server, &old, "wipe", &enrolment(&old).await).await;
    assert_eq!(
        (status, kind(&problem)),
        (StatusCode::CONFLICT, "device-may-not-be-wiped")
    );
    assert_eq!(told(&old).await, None);

    assert_eq!(shown(&server, &new).await["mayBeWiped"], true);
    assert_eq!(post(&server, &new, "wipe", &json!({})).await.0, StatusCode::BAD_REQUEST);
    let (status, problem) = post(&server, &new, "wipe", &enrolment(&old).await).await;
    assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "device-enrolled-anew"));
    assert_eq!(told(&new).await, None);

    // Told to retire first, and then it is lost.
    post(&server, &new, "retire", &json!({})).await;
    assert_eq!(
        post(&server, &new, "wipe", &enrolment(&new).await).await.0,
        StatusCode::NO_CONTENT
    );
    let (uuid, request_type) = told(&new).await.unwrap();
    assert_eq!(request_type, "EraseDevice");
    assert_eq!(shown(&server, &new).await["managementState"], "wipeIssued");
    let done = Report::answer("NEW", &uuid, Status::Acknowledged);
    assert_eq!(new.say(COMMANDS, &done.body).await.0, StatusCode::OK);
    assert_eq!(shown(&server, &new).await["managementState"], "wiped");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_device_is_refused_not_told_to_unenrol_and_the_history_tells_once() {
    let server = server().await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let path = format!("/api/v1/managedDevices/{}", phone.row().await.id);
    let unseen = server.request(Method::DELETE, &path).bearer_auth(&server.key);
    assert_eq!(unseen.send().await.unwrap().status(), StatusCode::PRECONDITION_REQUIRED);
    let another = server.request(Method::DELETE, &path).header("if-match", "\"7\"");
    let another = another.bearer_auth(&server.key).send().await.unwrap();
    assert_eq!(another.status(), StatusCode::PRECONDITION_FAILED);
    let looker = server.request(Method::DELETE, &path).header("if-match", "*");
    let looker = looker.bearer_auth(&server.looker);
    assert_eq!(looker.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    for _ in 0..2 {
        assert_eq!(
            server.send(Method::DELETE, &path, &json!({})).await.0,
            StatusCode::NO_CONTENT
        );
    }
    assert_eq!(shown(&server, &phone).await["managementState"], "removed");
    for message in [phone.token_update(2), phone.authenticate(), phone.check_out()] {
        assert_eq!(phone.check_in(message).await, StatusCode::BAD_REQUEST);
    }
    let idle = Report::idle("PHONE-1").body;
    assert_eq!(phone.say(COMMANDS, &idle).await.0, StatusCode::BAD_REQUEST);
    let (_, history) = server.get("/api/v1/events").await;
    assert_eq!(
        history.to_string().matches("deviceHeardAfterRemoval").count(),
        1,
        "{history}"
    );
    assert!(shown(&server, &phone).await["refusedDateTime"].is_string());

    // Found again.
    let person = phone.row().await.person_id;
    let again = Phone::again_for(&server, person, "PHONE-1").await;
    assert_eq!(again.check_in(again.authenticate()).await, StatusCode::OK);
    assert_eq!(again.check_in(again.token_update(3)).await, StatusCode::OK);
    assert_eq!(shown(&server, &again).await["managementState"], "managed");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wipe_is_offered_where_it_was_granted_and_confirmed_with_the_name_of_the_device() {
    let server = server().await;
    let browser = Browser::sign_in(&server).await;
    let old = Phone::enrolled(&server, "OLD").await;
    // Switched on by the form, where it is said that it counts from now on.
    let settings = "/administration/settings";
    let fields = form::and(&browser.form(&server, settings).await, "wiping", "yes");
    assert_eq!(browser.submit(&server, settings, &fields).await.0, 303);
    let new = Phone::enrolled(&server, "NEW").await;

    let page = browser.page(&server, &format!("/devices/{}", old.row().await.id)).await;
    assert!(
        page.contains("초기화할 수 없습니다") && !page.contains("/wipe\""),
        "{page}"
    );
    let wipe = format!("/devices/{}/wipe", old.row().await.id);
    assert_eq!(browser.submit(&server, &wipe, &Vec::new()).await.0, 409);

    let here = format!("/devices/{}", new.row().await.id);
    let wipe = format!("{here}/wipe");
    assert!(browser.page(&server, &here).await.contains(&format!("href=\"{wipe}\"")));
    let fields = browser.form(&server, &wipe).await;
    let wrong = form::with(&fields, "typed", "another name");
    let (status, page) = browser.submit(&server, &wipe, &wrong).await;
    assert!(
        status == 422 && page.contains("장치 이름이 다릅니다"),
        "{status} {page}"
    );
    assert_eq!(told(&new).await, None);

    let right = form::with(&fields, "typed", &new.row().await.name);
    assert_eq!(browser.submit(&server, &wipe, &right).await.0, 303);
    let page = browser.page(&server, &here).await;
    assert!(
        page.contains("초기화하는 중") && page.contains(&format!("{here}/stay")),
        "{page}"
    );
    for (path, fields) in [(&wipe, &wrong), (&format!("{here}/retire"), &Vec::new())] {
        let (status, page) = browser.submit(&server, path, fields).await;
        let said = page.contains("이미 사용 중지하거나 초기화하는 중입니다");
        assert!(status == 409 && said, "{path}: {status} {page}");
    }
    assert_eq!(told(&new).await.unwrap().1, "EraseDevice");
    // It was handed out since the page was shown.
    let (status, page) = browser.submit(&server, &format!("{here}/stay"), &Vec::new()).await;
    assert!(
        status == 409 && page.contains("이미 명령을 보냈습니다"),
        "{status} {page}"
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_that_shows_an_earlier_enrolment_does_nothing_to_the_next() {
    let server = server().await;
    let browser = Browser::sign_in(&server).await;
    let phone = Phone::enrolled(&server, "PHONE-1").await;
    let id = phone.row().await.id;
    let mut opened = Vec::new();
    for how in ["retire", "remove"] {
        let path = format!("/devices/{id}/{how}");
        opened.push((browser.form(&server, &path).await, path));
    }
    let again = Phone::again_for(&server, phone.row().await.person_id, "PHONE-1").await;
    assert_eq!(again.check_in(again.authenticate()).await, StatusCode::OK);
    assert_eq!(again.check_in(again.token_update(3)).await, StatusCode::OK);
    for (fields, path) in &opened {
        assert_eq!(browser.submit(&server, path, fields).await.0, 409, "{path}");
        assert_eq!(again.row().await.enrolment, Enrolment::Enrolled);
        let fresh = browser.form(&server, path).await;
        assert_ne!(&fresh, fields);
    }
    let (fields, path) = (browser.form(&server, &opened[1].1).await, &opened[1].1);
    assert_eq!(browser.submit(&server, path, &fields).await.0, 303);
    assert_eq!(again.row().await.enrolment, Enrolment::Removed);
    server.stop().await;
}

/// Off, and ninety days once it is on.
#[tokio::test(flavor = "multi_thread")]
async fn silence_counts_only_where_somebody_switched_it_on() {
    let server = server().await;
    let browser = Browser::sign_in(&server).await;
    let (_, settings) = server.get("/api/v1/settings").await;
    assert_eq!(
        (&settings["silentAfter"], &settings["wiping"]),
        (&Value::Null, &json!(false))
    );

    let path = "/administration/settings";
    let on = form::and(&browser.form(&server, path).await, "silent", "yes");
    for days in ["0", "367", "viel"] {
        let wrong = form::with(&on, "silentDays", days);
        assert_eq!(browser.submit(&server, path, &wrong).await.0, 422, "{days}");
    }
    assert_eq!(browser.submit(&server, path, &on).await.0, 303);
    let (_, mut settings) = server.get("/api/v1/settings").await;
    assert_eq!(settings["silentAfter"], "PT2160H");
    for wrong in ["PT1H", "P367D", "P1DT1H"] {
        settings["silentAfter"] = json!(wrong);
        let (status, _) = server.send(Method::PUT, "/api/v1/settings", &settings).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{wrong}");
    }
    // What the form does not speak of stays.
    settings["silentAfter"] = json!("P30D");
    assert_eq!(
        server.send(Method::PUT, "/api/v1/settings", &settings).await.0,
        StatusCode::OK
    );
    let fields = browser.form(&server, path).await;
    assert_eq!(browser.submit(&server, path, &fields).await.0, 303);
    assert_eq!(server.get("/api/v1/settings").await.1["silentAfter"], "PT720H");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_pause_of_the_policy_is_set_on_the_page() {
    let server = server().await;
    let browser = Browser::sign_in(&server).await;
    let path = "/administration/settings";
    let opened = browser.form(&server, path).await;
    for wrong in ["0", "viel", "-5", "1.5", "99999999999999999999"] {
        for name in ["inventoryEvery", "firstCheckAfter", "retryAfter", "inviteNextAfter"] {
            let fields = form::with(&opened, name, wrong);
            let (status, page) = browser.submit(&server, path, &fields).await;
            assert_eq!(status, 422, "{name} {wrong}");
            assert!(
                page.contains(&format!("value=\"{wrong}\"")),
                "what was typed stays: {page}"
            );
        }
    }
    let set = [
        ("inventoryEvery", "3", "PT72H"),
        ("firstCheckAfter", "45", "PT45S"),
        ("retryAfter", "150", "PT2M30S"),
        ("inviteNextAfter", "90", "PT1H30M"),
    ];
    let fields = set
        .iter()
        .fold(opened, |fields, (name, typed, _)| form::with(&fields, name, typed));
    assert_eq!(browser.submit(&server, path, &fields).await.0, 303);
    let (_, mut settings) = server.get("/api/v1/settings").await;
    for (name, _, length) in set {
        assert_eq!(settings[name], length, "{name}");
    }

    // What a program set is not rounded by a page that somebody only saves.
    settings["inviteNextAfter"] = json!("PT50S");
    assert_eq!(
        server.send(Method::PUT, "/api/v1/settings", &settings).await.0,
        StatusCode::OK
    );
    let fields = browser.form(&server, path).await;
    let fields = form::and(&fields, "policy2016", "yes");
    assert_eq!(browser.submit(&server, path, &fields).await.0, 303);
    let (_, settings) = server.get("/api/v1/settings").await;
    assert_eq!(
        (&settings["inviteNextAfter"], &settings["policy2016"]),
        (&json!("PT50S"), &json!(true))
    );
    server.stop().await;
}
