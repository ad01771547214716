//! One app, several deployments, one device: which of them wins, and what the API says about it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sim::{
    apple::Apple,
    devices::{DeviceSpec, Fleet, FleetOptions, Timings},
};
use store::Look;

use crate::{
    api_with_apple::{linked, start_with},
    server::{TestServer, answer, kind, until},
};

/// A group, and what it gets.
type Line<'a> = (&'a String, &'a str);

/// A person with one iPhone; two groups of people that they are in, and two groups of devices that the iPhone is in.
struct Company {
    server: TestServer,
    apple: Apple,
    fleet: Fleet,
    app: String,
    person: String,
    people: [String; 2],
    devices: [String; 2],
}

impl Company {
    async fn start() -> Company {
        let (server, apple) = start_with(|config| config.mdm.push_topic = Some("com.apple.mgmt.test".to_owned())).await;
        linked(&server, &apple).await;
        let fleet = Fleet::start(FleetOptions {
            apple_url: apple.url(),
            timings: Timings::fast(),
            ..FleetOptions::default()
        })
        .await
        .expect("a fleet");
        let app = until("an app for iPhones is described", async || {
            let (_, apps) = server.get("/api/v1/apps?limit=1000").await;
            let fits = |app: &&Value| {
                app["bundleId"].is_string()
                    && app["licenses"]["free"].as_u64() > Some(10)
                    && app["platforms"].as_array().unwrap().contains(&json!("iOS"))
            };
            apps["value"].as_array().unwrap().iter().find(fits).cloned()
        })
        .await;
        let person = made(&server, "/api/v1/users", json!({ "displayName": "김하늘" })).await;
        let link = made_at(&server, &format!("/api/v1/users/{person}/enrolmentLinks"), json!({})).await;
        let iphone = DeviceSpec {
            account: Some("haneul@account.example".to_owned()),
            download_time: Duration::from_millis(50),
            ..DeviceSpec::new("CONFLICT1")
        };
        fleet
            .enrol(iphone, link["url"].as_str().unwrap())
            .await
            .expect("an enrolment");
        let device = until("the iPhone is enrolled", async || {
            let (_, devices) = server.get("/api/v1/managedDevices").await;
            devices["value"].get(0).map(|device| device["id"].clone())
        })
        .await;
        let mut company = Company {
            app: format!("/api/v1/apps/{}", app["id"].as_str().unwrap()),
            people: Default::default(),
            devices: Default::default(),
            person,
            server,
            apple,
            fleet,
        };
        for number in 0..2 {
            company.people[number] = company
                .group(&format!("부서 {number}"), "user", &json!(company.person))
                .await;
            company.devices[number] = company.group(&format!("기기 {number}"), "device", &device).await;
        }
        company
    }

    async fn group(&self, name: &str, kind: &str, member: &Value) -> String {
        let new = json!({ "displayName": name, "kind": kind });
        let group = made(&self.server, "/api/v1/groups", new).await;
        let members = format!("/api/v1/groups/{group}/members");
        let (status, body) = self
            .server
            .send(Method::PUT, &members, &json!({ "value": [member] }))
            .await;
        assert!(status.is_success(), "{body}");
        group
    }

    /// Each line is a deployment of its own. Answers with what comes out on the iPhone, and by which rule.
    async fn deployed(&self, lines: &[Line<'_>]) -> (String, String) {
        let path = format!("{}/deployments", self.app);
        let (status, body) = self.server.send(Method::PUT, &path, &json!({ "value": [] })).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        for (group, intent) in lines {
            let line = json!({ "value": [{ "groupId": group, "intent": intent }] });
            let (status, body) = self.server.send(Method::POST, &path, &line).await;
            assert_eq!(status, StatusCode::OK, "{intent}: {body}");
        }
        let status = self.status().await;
        let by = status["deploymentIds"].as_array().unwrap().len();
        let beat = status["overruledDeploymentIds"].as_array().unwrap().len();
        assert_eq!(
            by + beat,
            lines.len(),
            "every deployment carried the result or was overruled"
        );
        let word = |name: &str| status[name].as_str().unwrap().to_owned();
        (word("mobileAppIntent"), word("rule"))
    }

    /// Of the iPhone, once everything that was written has been decided.
    async fn status(&self) -> Value {
        let app = &self.server.running.app;
        let location = app.location_view().await.unwrap().unwrap();
        until("everybody is decided", async || {
            let look = Look {
                now: app.now(),
                looked: false,
                token_usable: location.state.usable(),
            };
            let undecided = app.store.undecided(location.row.id, look).await.unwrap();
            (!undecided).then_some(Value::Null)
        })
        .await;
        let (_, statuses) = self.server.get(&format!("{}/deviceStatuses", self.app)).await;
        statuses["value"][0].clone()
    }

    async fn setting(&self, name: &str, value: &str) {
        let (_, mut settings) = self.server.get("/api/v1/settings").await;
        settings[name] = json!(value);
        let (status, body) = self.server.send(Method::PUT, "/api/v1/settings", &settings).await;
        assert_eq!(status, StatusCode::OK, "{body}");
    }

    async fn stop(self) {
        self.fleet.stop();
        self.server.stop().await;
        self.apple.shutdown().await;
    }
}

async fn made_at(server: &TestServer, path: &str, new: Value) -> Value {
    let (status, body) = server.send(Method::POST, path, &new).await;
    assert!(status.is_success(), "{path}: {body}");
    body
}

async fn made(server: &TestServer, path: &str, new: Value) -> String {
    made_at(server, path, new).await["id"].as_str().unwrap().to_owned()
}

/// A33 to A39, each by deployments that were saved one after the other.
#[tokio::test(flavor = "multi_thread")]
async fn every_conflict_between_deployments_can_arise_and_is_resolved_by_its_rule() {
    let company = Company::start().await;
    let ([user, other_user], [device, _]) = (&company.people, &company.devices);
    let cases: [(&str, &str, &[Line<'_>], &str, &str); 10] = [
        (
            "A33",
            "2016",
            &[(user, "required"), (device, "notApplicable")],
            "exclude",
            "deviceGroupBeatsUserGroup",
        ),
        (
            "A34",
            "2016",
            &[(user, "available"), (device, "notApplicable")],
            "available",
            "availableDespiteNotApplicable",
        ),
        (
            "A36",
            "2016",
            &[(user, "uninstall"), (device, "required")],
            "requiredInstall",
            "installBeatsUninstall",
        ),
        (
            "A36",
            "2016",
            &[(user, "required"), (device, "uninstall")],
            "requiredInstall",
            "installBeatsUninstall",
        ),
        (
            "A37",
            "2016",
            &[(user, "available"), (device, "required")],
            "requiredAndAvailableInstall",
            "requiredAndAvailableCombine",
        ),
        (
            "A37",
            "2016",
            &[(user, "available"), (other_user, "required")],
            "requiredAndAvailableInstall",
            "requiredAndAvailableCombine",
        ),
        (
            "A38",
            "2016",
            &[(user, "available"), (other_user, "uninstall")],
            "available",
            "installBeatsUninstall",
        ),
        (
            "A38",
            "2020",
            &[(user, "available"), (other_user, "uninstall")],
            "requiredUninstall",
            "uninstallBeatsAvailable",
        ),
        (
            "A39",
            "2020",
            &[(user, "required"), (other_user, "notApplicable")],
            "exclude",
            "notApplicableBeatsRest",
        ),
        (
            "A39",
            "2020",
            &[(user, "notApplicable"), (device, "required")],
            "requiredInstall",
            "exclusionNotEvaluated",
        ),
    ];
    for (rule, set, lines, intent, word) in cases {
        company.setting("ruleSet", set).await;
        let found = company.deployed(lines).await;
        assert_eq!(found, (intent.to_owned(), word.to_owned()), "{rule}, {set}, {lines:?}");
    }

    // A35: what the person asked for does not stand against what the administrator decides.
    company.setting("ruleSet", "2016").await;
    let request = format!("{}/requests/{}", company.app, company.person);
    let asked = company
        .server
        .request(Method::POST, &request)
        .bearer_auth(&company.server.key);
    assert_eq!(answer(asked).await.0, StatusCode::NO_CONTENT);
    let found = company.deployed(&[(user, "uninstall")]).await;
    assert_eq!(
        found,
        ("requiredUninstall".to_owned(), "administratorBeatsUser".to_owned())
    );
    company.stop().await;
}

/// A26 is about groups that are chosen together; what is there already does not bind the next deployment.
#[tokio::test(flavor = "multi_thread")]
async fn groups_of_both_kinds_are_available_only_in_one_deployment_and_anything_in_two() {
    let company = Company::start().await;
    let path = format!("{}/deployments", company.app);
    let ([user, _], [device, other_device]) = (&company.people, &company.devices);
    let both = json!({ "value": [
        { "groupId": user, "intent": "required" }, { "groupId": device, "intent": "required" }
    ] });
    for method in [Method::PUT, Method::POST] {
        let (status, body) = company.server.send(method, &path, &both).await;
        assert_eq!(
            (status, &body["rule"]),
            (StatusCode::UNPROCESSABLE_ENTITY, &json!("mixedKindsNotAvailable"))
        );
    }
    company.deployed(&[(user, "required"), (device, "required")]).await;

    // What stands may be sent again as it is, and a further group beside it.
    let (status, _) = company.server.send(Method::PUT, &path, &both).await;
    assert_eq!(status, StatusCode::OK);
    let again = json!({ "value": [{ "groupId": user, "intent": "uninstall" }] });
    let (status, body) = company.server.send(Method::POST, &path, &again).await;
    assert_eq!((status, kind(&body)), (StatusCode::CONFLICT, "taken"));
    let (_, lines) = company.server.get(&path).await;
    assert_eq!(lines["value"].as_array().unwrap().len(), 2, "{lines}");
    let available = json!({ "value": [{ "groupId": other_device, "intent": "available" }] });
    let (status, body) = company.server.send(Method::POST, &path, &available).await;
    assert_eq!(
        (status, &body["rule"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("deviceGroupAvailable")),
        "A25"
    );
    company.stop().await;
}

/// A24, by the clock of the server.
#[tokio::test(flavor = "multi_thread")]
async fn a_deadline_makes_an_app_required_by_itself_and_not_before() {
    let company = Company::start().await;
    company.setting("firstCheckAfter", "PT0.15S").await;
    let path = format!("{}/deployments", company.app);
    let line = |seconds: i64| {
        let deadline = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(seconds);
        json!({ "value": [
            { "groupId": company.people[0], "intent": "required", "deadlineDateTime": deadline.to_string() }
        ] })
    };
    let (_, preview) = company
        .server
        .send(Method::POST, &format!("{path}/preview"), &line(3600))
        .await;
    assert_eq!(preview["neededLicenseCount"], 0, "{preview}");
    assert_eq!(preview["deadlines"][0]["neededLicenseCount"], 1, "{preview}");

    let (status, body) = company.server.send(Method::PUT, &path, &line(3600)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    let before = company.status().await;
    assert_eq!(
        (&before["mobileAppIntent"], &before["installStateDetail"]),
        (&json!("available"), &json!("deadlineAhead"))
    );
    assert_eq!(before["requiredFromDateTime"], body["value"][0]["deadlineDateTime"]);

    let (status, _) = company.server.send(Method::PUT, &path, &line(2)).await;
    assert_eq!(status, StatusCode::OK);
    // Nobody rings a bell at the deadline.
    let after = until("the app is proved to be there", async || {
        let status = company.status().await;
        (status["installState"] == "installed").then_some(status)
    })
    .await;
    assert_eq!(
        (&after["mobileAppIntent"], &after["requiredFromDateTime"]),
        (&json!("requiredInstall"), &Value::Null)
    );
    company.stop().await;
}
