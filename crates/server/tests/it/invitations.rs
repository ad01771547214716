//! Inviting people to the programme: what the pages and the API say of it, and why somebody was not invited.

use std::time::Duration;

use domain::Patience;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sim::{
    apple::Apple,
    devices::{DeviceSpec, Fleet, FleetOptions, InvitationManner, Timings},
};

use crate::{
    api_with_apple::{linked, start_with},
    server::{Browser, TestServer, answer, kind, until},
};

struct Company {
    server: TestServer,
    apple: Apple,
    fleet: Fleet,
    browser: Browser,
    /// Paths of two apps for iPhones.
    apps: Vec<String>,
    person: String,
}

impl Company {
    async fn start() -> Company {
        let (server, apple) = start_with(|config| {
            config.mdm.push_topic = Some("com.apple.mgmt.test".to_owned());
            // Nothing is noticed by looking now and then.
            config.apple.poll_every = Duration::from_secs(3600);
            config.apple.patience = Patience {
                request: Duration::from_secs(10),
                event: Duration::from_secs(60),
                lag: Duration::from_millis(200),
            };
        })
        .await;
        let fleet = Fleet::start(FleetOptions {
            apple_url: apple.url(),
            timings: Timings::fast(),
            ..FleetOptions::default()
        })
        .await
        .expect("a fleet");
        let new = json!({ "displayName": "윤가람" });
        let (_, person) = server.send(Method::POST, "/api/v1/users", &new).await;
        Company {
            browser: Browser::sign_in(&server).await,
            apps: Vec::new(),
            person: person["id"].as_str().unwrap().to_owned(),
            server,
            apple,
            fleet,
        }
    }

    async fn link(&mut self) {
        linked(&self.server, &self.apple).await;
        let apps = until("two apps for iPhones are described", async || {
            let (_, apps) = self.server.get("/api/v1/apps?limit=1000").await;
            let fits = |app: &&Value| {
                app["bundleId"].is_string()
                    && app["licenses"]["free"].as_u64() > Some(10)
                    && app["platforms"].as_array().unwrap().contains(&json!("iOS"))
            };
            let path = |app: &Value| format!("/api/v1/apps/{}", app["id"].as_str().unwrap());
            let paths: Vec<String> = apps["value"]
                .as_array()
                .unwrap()
                .iter()
                .filter(fits)
                .map(path)
                .collect();
            (paths.len() >= 2).then_some(json!(paths))
        })
        .await;
        self.apps = serde_json::from_value(apps).unwrap();
    }

    fn user(&self) -> String {
        format!("/api/v1/users/{}", self.person)
    }

    async fn program(&self) -> Value {
        self.server.get(&self.user()).await.1["vppProgram"].clone()
    }

    async fn invitations(&self) -> Vec<Value> {
        let (_, page) = self.server.get(&format!("{}/invitations", self.user())).await;
        page["value"].as_array().unwrap().clone()
    }

    async fn registrations(&self) -> Vec<Value> {
        let (_, page) = self.server.get(&format!("{}/vppRegistrations", self.user())).await;
        page["value"].as_array().unwrap().clone()
    }

    async fn invite(&self) -> (StatusCode, Value) {
        let path = format!("{}/inviteAgain", self.user());
        answer(self.server.request(Method::POST, &path).bearer_auth(&self.server.key)).await
    }

    /// Refused for that reason, in the API and, in a sentence with these words, on the page in both languages.
    async fn is_not_invited(&self, reason: &str, ko: &str, en: &str) -> Value {
        let (status, problem) = self.invite().await;
        assert_eq!(
            (status, kind(&problem)),
            (StatusCode::CONFLICT, format!("not-invited-{reason}").as_str())
        );
        for (lang, words) in [("ko", ko), ("en", en)] {
            let path = format!("/people/{}/invite", self.person);
            let page = self.browser.request(&self.server, Method::POST, &path, lang);
            let page = page.send().await.unwrap();
            assert_eq!(page.status(), StatusCode::CONFLICT);
            let page = page.text().await.unwrap();
            assert!(page.contains(words), "{words} in {page}");
            // Whoever only opens the page is not offered what would be refused.
            let page = self.page(&format!("/people/{}", self.person), lang).await;
            assert!(!page.contains(&path), "{reason}: {page}");
            assert!(reason == "accepted" || page.contains(words), "{words} in {page}");
        }
        problem
    }

    async fn deploy(&self, app: usize) {
        let name = format!("부서 {app}");
        let new = json!({ "displayName": name, "kind": "user" });
        let (_, group) = self.server.send(Method::POST, "/api/v1/groups", &new).await;
        let group = group["id"].as_str().unwrap();
        let members = format!("/api/v1/groups/{group}/members");
        let (status, body) = self
            .server
            .send(Method::PUT, &members, &json!({ "value": [self.person] }))
            .await;
        assert!(status.is_success(), "{body}");
        let line = json!({ "value": [{ "groupId": group, "intent": "required" }] });
        let path = format!("{}/deployments", self.apps[app]);
        let (status, body) = self.server.send(Method::PUT, &path, &line).await;
        assert!(status.is_success(), "{body}");
    }

    async fn enrol(&self, spec: DeviceSpec) {
        let path = format!("{}/enrolmentLinks", self.user());
        let (_, link) = self.server.send(Method::POST, &path, &json!({})).await;
        self.fleet
            .enrol(spec, link["url"].as_str().unwrap())
            .await
            .expect("an enrolment");
    }

    async fn installed(&self, app: usize) -> bool {
        let (_, statuses) = self.server.get(&format!("{}/userStatuses", self.apps[app])).await;
        statuses["value"][0]["installState"] == "installed"
    }

    async fn page(&self, path: &str, lang: &str) -> String {
        let page = self.browser.request(&self.server, Method::GET, path, lang).send().await;
        page.unwrap().text().await.unwrap()
    }

    async fn stop(self) {
        self.fleet.stop();
        self.server.stop().await;
        self.apple.shutdown().await;
    }
}

fn iphone(serial: &str) -> DeviceSpec {
    DeviceSpec {
        name: format!("iPhone {serial}"),
        account: Some("garam@account.example".to_owned()),
        download_time: Duration::from_millis(50),
        ..DeviceSpec::new(serial)
    }
}

/// "Invite again" once answered as if it had done something, or with an error of its own, when there was nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn invite_again_does_something_or_says_why_not() {
    let mut company = Company::start().await;
    let no_token = "콘텐츠 토큰이 연결되어 있지 않아";
    company
        .is_not_invited("not-linked", no_token, "No content token is linked")
        .await;
    company.link().await;
    company
        .is_not_invited("not-due", "받을 앱이 아직 없습니다", "No app is due to this person yet")
        .await;

    // A phone that is silent about the invitation, and is the only one.
    let silent = DeviceSpec {
        invitation: InvitationManner::Silent,
        ..iphone("A")
    };
    company.enrol(silent).await;
    company.deploy(0).await;
    let waiting = until("an invitation waits", async || {
        let program = company.program().await;
        (program["invitation"]["outcome"] == "waiting").then_some(program)
    })
    .await;
    assert_eq!(waiting["status"], "invited");
    let problem = company
        .is_not_invited("waiting", "iPhone A의 응답을 기다립니다", "waiting for iPhone A since")
        .await;
    assert_eq!(problem["deviceId"], waiting["invitation"]["deviceId"]);
    assert_eq!(company.invitations().await.len(), 1, "nobody is asked twice");
    let tab = company.apps[0].replace("/api/v1", "") + "?tab=users";
    for path in [format!("/people/{}", company.person), "/people".to_owned(), tab] {
        for (lang, words) in [("ko", "장치의 응답을 기다림"), ("en", "Waiting for the device")] {
            let page = company.page(&path, lang).await;
            assert!(page.contains(words) && page.contains("iPhone A"), "{path}: {page}");
        }
    }

    // It enrols anew, shows the invitation, and nobody accepts.
    company.fleet.change("A", |spec| {
        spec.invitation = InvitationManner::Shows;
        spec.accepts_invitation_after = None;
    });
    assert!(company.fleet.check_out("A").await);
    let again = DeviceSpec {
        accepts_invitation_after: None,
        ..iphone("B")
    };
    company.enrol(again).await;
    until("the invitation is shown on the other phone", async || {
        (company.program().await["invitation"]["outcome"] == "shown").then_some(Value::Null)
    })
    .await;
    let outcomes: Vec<Value> = company
        .invitations()
        .await
        .iter()
        .map(|it| it["outcome"].clone())
        .collect();
    assert_eq!(outcomes, ["shown", "dropped"]);

    // By hand it is shown once more.
    let page = company.page(&format!("/people/{}", company.person), "ko").await;
    assert!(page.contains(&format!("/people/{}/invite", company.person)), "{page}");
    let (status, _) = company.invite().await;
    assert_eq!(status, StatusCode::ACCEPTED);
    until("it is shown again", async || {
        let shown = company.fleet.device("B").unwrap().invitations_shown == 2;
        (shown && company.program().await["invitation"]["outcome"] == "shown").then_some(Value::Null)
    })
    .await;
    assert!(company.fleet.user_accepts_invitations("B"));
    // The server looks at Apple only when it is asked to.
    let (_, tokens) = company.server.get("/api/v1/vppTokens").await;
    let sync = format!(
        "/api/v1/vppTokens/{}/syncLicenses",
        tokens["value"][0]["id"].as_str().unwrap()
    );
    until("the person has accepted", async || {
        let asked = company
            .server
            .request(Method::POST, &sync)
            .bearer_auth(&company.server.key);
        asked.send().await.unwrap();
        (company.program().await["status"] == "accepted").then_some(Value::Null)
    })
    .await;
    company
        .is_not_invited(
            "accepted",
            "이미 약관에 동의한 사용자입니다",
            "accepted the terms already",
        )
        .await;
    company.stop().await;
}

/// A phone is enrolled, and cannot be invited: the reason is said, and nothing is pretended.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_device_that_could_show_it_is_told_so() {
    let mut company = Company::start().await;
    company.link().await;
    company.enrol(iphone("A")).await;
    company.fleet.change("A", |spec| spec.accepts_invitation_after = None);
    company.deploy(0).await;
    until("the person is registered and invited", async || {
        (company.program().await["status"] == "invited").then_some(Value::Null)
    })
    .await;
    assert!(company.fleet.check_out("A").await);
    until("the phone has gone", async || {
        let (_, devices) = company.server.get("/api/v1/managedDevices").await;
        (devices["value"][0]["enrollmentState"] == "gone").then_some(Value::Null)
    })
    .await;

    company
        .is_not_invited(
            "no-device",
            "초대를 표시할 수 있는 iPhone이나 iPad가 없습니다",
            "No iPhone or iPad can show",
        )
        .await;
    company.stop().await;
}

/// Apple says of a request that there is no such user. That is enough to look, and to begin anew with the person.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_a_request_finds_retired_is_registered_anew_and_the_pages_say_so() {
    let mut company = Company::start().await;
    company.link().await;
    company.enrol(iphone("A")).await;
    company.deploy(0).await;
    let (_, tokens) = company.server.get("/api/v1/vppTokens").await;
    let sync = format!(
        "/api/v1/vppTokens/{}/syncLicenses",
        tokens["value"][0]["id"].as_str().unwrap()
    );
    until("the app is installed", async || {
        let asked = company
            .server
            .request(Method::POST, &sync)
            .bearer_auth(&company.server.key);
        asked.send().await.unwrap();
        company.installed(0).await.then_some(Value::Null)
    })
    .await;
    let old = company.registrations().await[0]["clientUserId"].clone();
    // Or it would be a list that finds it: half of the last one from before, and the next an hour later.
    until("no list is being read", async || {
        let open = company.server.running.app.sync_open().await.unwrap();
        open.is_none().then_some(Value::Null)
    })
    .await;

    assert!(company.apple.retire(old.as_str().unwrap()));
    company.deploy(1).await;
    let registrations = until("the person is registered under another id", async || {
        let registrations = company.registrations().await;
        (registrations.len() == 2).then_some(json!(registrations))
    })
    .await;
    assert_eq!(registrations[1]["clientUserId"], old);
    let path = format!("{}/vppRegistrations?limit=1", company.user());
    let (_, first) = company.server.get(&path).await;
    assert_eq!(first["value"], json!([registrations[0]]), "the one in use");
    let cursor = first["nextCursor"].as_str().unwrap();
    let (_, second) = company.server.get(&format!("{path}&cursor={cursor}")).await;
    assert_eq!(
        (&second["value"], &second["nextCursor"]),
        (&json!([registrations[1]]), &Value::Null)
    );
    assert!(registrations[1]["retiredDateTime"].is_string() && registrations[1]["replacedDateTime"].is_string());
    until("both apps are installed", async || {
        let asked = company
            .server
            .request(Method::POST, &sync)
            .bearer_auth(&company.server.key);
        asked.send().await.unwrap();
        (company.installed(0).await && company.installed(1).await).then_some(Value::Null)
    })
    .await;
    assert_eq!(company.invitations().await.len(), 2);
    for (lang, words) in [
        ("ko", "Apple이 이전 등록을 사용 중지하여 새로 등록했습니다"),
        ("en", "Apple retired the earlier registration, and a new one was made"),
    ] {
        let page = company.page(&format!("/people/{}", company.person), lang).await;
        assert!(page.contains(words), "{page}");
        let page = company.page("/activity", lang).await;
        let word = if lang == "ko" {
            "Apple에 새로 등록하도록 함"
        } else {
            "registered with Apple again"
        };
        assert!(page.contains(word), "{page}");
    }
    company.stop().await;
}

/// Of three people one was invited and has not accepted, one has no app coming, and one has left.
#[tokio::test(flavor = "multi_thread")]
async fn many_are_invited_again_at_once_and_who_is_not_is_told_why() {
    let mut company = Company::start().await;
    company.link().await;
    company.enrol(iphone("A")).await;
    company.fleet.change("A", |spec| spec.accepts_invitation_after = None);
    company.deploy(0).await;
    until("the invitation was shown", async || {
        (company.program().await["invitation"]["outcome"] == "shown").then_some(Value::Null)
    })
    .await;
    let mut others = Vec::new();
    for name in ["한보라", "강하늘"] {
        let new = json!({ "displayName": name });
        let (_, person) = company.server.send(Method::POST, "/api/v1/users", &new).await;
        others.push(person["id"].clone());
    }
    let leave = format!("/api/v1/users/{}/leave", others[1].as_str().unwrap());
    let leave = company
        .server
        .request(Method::POST, &leave)
        .bearer_auth(&company.server.key);
    assert_eq!(answer(leave.header("if-match", "*")).await.0, StatusCode::OK);

    let some = json!({ "list": "users", "ids": [company.person, others[0], others[1]] });
    let action = json!({ "selection": some, "action": "inviteAgain" });
    let path = "/api/v1/bulkActions";
    let (_, preview) = company
        .server
        .send(Method::POST, &format!("{path}/preview"), &action)
        .await;
    assert_eq!(preview["affectedIds"], json!([company.person]), "{preview}");
    let mut agreed = action.clone();
    agreed["previewDigest"] = preview["digest"].clone();
    let (status, done) = company.server.send(Method::POST, path, &agreed).await;
    assert_eq!((status, &done["doneCount"]), (StatusCode::OK, &json!(1)), "{done}");
    let reason = |reason: &str| json!({ "reason": reason, "count": 1 });
    assert_eq!(done["skipped"], json!([reason("left"), reason("noProgram")]));
    until("it is shown once more", async || {
        let shown = company.fleet.device("A").unwrap().invitations_shown == 2;
        (shown && company.program().await["invitation"]["outcome"] == "shown").then_some(Value::Null)
    })
    .await;
    // As by hand, with the cause of all.
    let (_, events) = company.server.get("/api/v1/events?limit=1000").await;
    let events = events["value"].as_array().unwrap();
    let of = |kind: &str| {
        events
            .iter()
            .find(|event| event["activityType"] == kind)
            .expect("an event")
    };
    let (all, one) = (of("bulkDone"), of("invitationRenewed"));
    assert_eq!(one["userId"], company.person);
    assert!(all["detail"]["bulkAction"].is_string(), "{all}");
    assert_eq!(all["detail"]["bulkAction"], one["detail"]["bulkAction"]);
    company.stop().await;
}
