//! The REST API while a simulated Apple answers.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::{Clock, Config};
use sim::apple::{Apple, AppleOptions, Organisation, Switches, TokenKind, sample};

use crate::server::{TestServer, answer, kind, multipart, until};

pub async fn start() -> (TestServer, Apple) {
    start_with(|_| {}).await
}

pub async fn start_with(configure: impl FnOnce(&mut Config)) -> (TestServer, Apple) {
    start_at(Clock::System, configure).await
}

pub async fn start_at(clock: Clock, configure: impl FnOnce(&mut Config)) -> (TestServer, Apple) {
    start_among(sample::organisations(), clock, configure).await
}

pub async fn start_among(
    organisations: Vec<Organisation>,
    clock: Clock,
    configure: impl FnOnce(&mut Config),
) -> (TestServer, Apple) {
    let options = AppleOptions {
        event_delay: Duration::from_millis(50),
        switches: Switches::unhurried(),
        organisations,
        ..AppleOptions::default()
    };
    let apple = Apple::start(options).await.expect("a simulated Apple");
    let server = TestServer::start_at(clock, |config| {
        config.apple.licensing_url = apple.base_url();
        config.apple.metadata_url = Some(format!("{}/lookup", apple.url()));
        config.apple.push_url = apple.url();
        config.apple.icon_hosts = vec![apple.address().into()];
        config.apple.poll_every = Duration::from_millis(200);
        config.apple.event_poll_every = Duration::from_millis(100);
        config.reconcile_every = Duration::from_millis(100);
        configure(config);
    })
    .await;
    (server, apple)
}

pub async fn upload(server: &TestServer, token: &str, confirmed: &str) -> (StatusCode, Value) {
    let (content_type, body) = multipart(&[
        ("displayName", "본사 토큰"),
        ("appleId", "vpp@example.com"),
        ("accountCannotBeChangedConfirmed", confirmed),
        ("file", token),
    ]);
    let request = server
        .request(Method::POST, "/api/v1/vppTokens")
        .bearer_auth(&server.key);
    answer(request.header("content-type", content_type).body(body)).await
}

/// Links the token and waits for the first sync. Answers with the token.
pub async fn linked(server: &TestServer, apple: &Apple) -> Value {
    let (status, token) = upload(server, &apple.token_file(TokenKind::Valid), "true").await;
    assert_eq!(status, StatusCode::CREATED, "{token}");
    let path = format!("/api/v1/vppTokens/{}", token["id"].as_str().unwrap());
    until("the first sync is over", async || {
        let (_, token) = server.get(&path).await;
        (token["lastSyncStatus"] == "completed").then_some(token)
    })
    .await
}

/// A3, A4, A16: one account, confirmed; its renewed token and no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_linked_once_and_renewed_by_its_own_account_only() {
    let (server, apple) = start().await;

    let (status, body) = upload(&server, &apple.token_file(TokenKind::Valid), "false").await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "token-refused-not-confirmed")
    );
    assert_eq!(server.get("/api/v1/vppTokens").await.1["value"], json!([]));

    let token = linked(&server, &apple).await;
    assert_eq!(
        (&token["state"], &token["displayName"]),
        (&json!("valid"), &json!("본사 토큰"))
    );
    assert!(!token.to_string().contains(apple.token_file(TokenKind::Valid).trim()));

    let (status, body) = upload(&server, &apple.token_file(TokenKind::Valid), "true").await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::CONFLICT, "token-refused-same-again")
    );
    let (status, body) = upload(&server, &apple.token_file(TokenKind::OtherAccount), "true").await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::CONFLICT, "token-refused-other-account")
    );
    assert!(body["linked"].is_string() && body["given"].is_string());

    let (status, renewed) = upload(&server, &apple.token_file(TokenKind::Renewal), "true").await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(
        (&renewed["id"], &renewed["uniqueLocationId"]),
        (&token["id"], &token["uniqueLocationId"])
    );
    assert!(renewed["expirationDateTime"].as_str() > token["expirationDateTime"].as_str());

    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sync_can_be_asked_for_and_followed() {
    let (server, apple) = start().await;
    let token = linked(&server, &apple).await;
    let path = format!("/api/v1/vppTokens/{}", token["id"].as_str().unwrap());

    let asked = server
        .request(Method::POST, &format!("{path}/syncLicenses"))
        .bearer_auth(&server.key);
    let response = asked.send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let follow = response.headers()["location"].to_str().unwrap().to_owned();
    let sync = until("the sync is over", async || {
        let (_, sync) = server.get(&follow).await;
        (sync["status"] == "completed").then_some(sync)
    })
    .await;
    assert_eq!(
        (&sync["cause"], &sync["requestedBy"], &sync["error"]),
        (&json!("person"), &json!("test"), &Value::Null)
    );
    let (_, syncs) = server.get(&format!("{path}/syncs")).await;
    assert_eq!(syncs["value"][0]["id"], sync["id"]);
    let stranger = format!(
        "/api/v1/vppTokens/00000000-0000-0000-0000-000000000001/syncs/{}",
        sync["id"].as_str().unwrap()
    );
    assert_eq!(server.get(&stranger).await.0, StatusCode::NOT_FOUND);

    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_previewed_deployed_and_explained() {
    let (server, apple) = start().await;
    linked(&server, &apple).await;
    let (_, apps) = server.get("/api/v1/apps?limit=1000").await;
    let apps = apps["value"].as_array().unwrap();
    assert!(!apps.is_empty());
    let counted: Vec<_> = apps.iter().filter(|app| app["licenses"]["owned"].is_number()).collect();
    assert!(counted.len() > 5, "{apps:?}");
    for app in counted {
        let count = |name: &str| app["licenses"][name].as_u64().unwrap();
        assert_eq!(
            count("used") + count("onTheWay") + count("foreign") + count("free"),
            count("owned"),
            "{app}"
        );
    }
    let plenty = apps
        .iter()
        .find(|app| app["licenses"]["free"].as_u64() > Some(10))
        .unwrap();
    let path = format!("/api/v1/apps/{}", plenty["id"].as_str().unwrap());

    let (_, person) = server
        .send(Method::POST, "/api/v1/users", &json!({ "displayName": "김하늘" }))
        .await;
    let (_, group) = server
        .send(
            Method::POST,
            "/api/v1/groups",
            &json!({ "displayName": "영업팀", "kind": "user" }),
        )
        .await;
    let (_, devices) = server
        .send(
            Method::POST,
            "/api/v1/groups",
            &json!({ "displayName": "공용", "kind": "device" }),
        )
        .await;
    let group_path = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
    server
        .send(
            Method::PUT,
            &format!("{group_path}/members"),
            &json!({ "value": [person["id"]] }),
        )
        .await;

    // A25: refused, by rule and group, and nothing is saved.
    let wrong = json!({ "value": [{ "groupId": devices["id"], "intent": "available" }] });
    let (status, body) = server.send(Method::PUT, &format!("{path}/deployments"), &wrong).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "deployment-refused")
    );
    assert_eq!(
        (&body["rule"], &body["groupId"]),
        (&json!("deviceGroupAvailable"), &devices["id"])
    );
    let typo = json!({ "value": [{ "groupId": group["id"], "intent": "require" }] });
    let (status, body) = server.send(Method::PUT, &format!("{path}/deployments"), &typo).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::BAD_REQUEST, &json!("value[0].intent"))
    );
    assert_eq!(server.get(&format!("{path}/deployments")).await.1["value"], json!([]));

    let wanted = json!({ "value": [
        { "groupId": group["id"], "intent": "required", "deadlineDateTime": "2027-01-01T09:00:00+09:00" }
    ] });
    let (status, preview) = server
        .send(Method::POST, &format!("{path}/deployments/preview"), &wanted)
        .await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    // Nobody gains while there is no device that could have the app.
    for who in ["gainingUserIds", "losingUserIds", "waitingUserIds"] {
        assert_eq!(preview[who], json!([]), "{who}");
    }
    assert_eq!(
        server.get(&format!("{path}/deployments")).await.1["value"],
        json!([]),
        "a preview saves nothing"
    );

    let (status, saved) = server.send(Method::PUT, &format!("{path}/deployments"), &wanted).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(saved["value"][0]["groupName"], "영업팀");
    assert_eq!(saved["value"][0]["deadlineDateTime"], "2027-01-01T00:00:00Z");
    assert_eq!(server.get(&path).await.1["isDeployed"], true);

    let status = until("it is decided", async || {
        let (_, users) = server.get(&format!("{path}/userStatuses")).await;
        users["value"].as_array()?.first().cloned()
    })
    .await;
    assert_eq!(
        (&status["userId"], &status["mobileAppIntent"]),
        (&person["id"], &json!("available")),
        "until the deadline"
    );
    assert_eq!(status["requiredFromDateTime"], "2027-01-01T00:00:00Z");
    assert_eq!(status["installStateDetail"], "deadlineAhead", "{status}");
    let state = status["installState"].as_str().unwrap();
    let (_, same) = server.get(&format!("{path}/userStatuses?state={state}")).await;
    assert_eq!(same["value"].as_array().unwrap().len(), 1);
    let (_, none) = server.get(&format!("{path}/userStatuses?state=installed")).await;
    assert_eq!(none["value"], json!([]));
    assert_eq!(
        server.get(&format!("{path}/deviceStatuses")).await.1["value"],
        json!([])
    );
    assert_eq!(
        server.get(&format!("{path}/assignedLicenses")).await.1["value"],
        json!([])
    );

    // A group that has an app cannot go without a word.
    let (status, body) = server.send(Method::DELETE, &group_path, &json!({})).await;
    assert_eq!((status, kind(&body)), (StatusCode::CONFLICT, "taken"));

    let request = format!("{path}/requests/{}", person["id"].as_str().unwrap());
    for method in [Method::POST, Method::DELETE] {
        let asked = server.request(method, &request).bearer_auth(&server.key);
        assert_eq!(answer(asked).await.0, StatusCode::NO_CONTENT);
    }

    server.stop().await;
    apple.shutdown().await;
}

/// A request is one, however often it is asked for or taken back; and the history tells of it once.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_requested_or_withdrawn_twice_is_in_the_history_once() {
    let (server, apple) = start().await;
    linked(&server, &apple).await;
    let overview = server.running.app.overview().await.unwrap().unwrap();
    let app = overview.apps.iter().find(|app| app.row.is_app()).unwrap().row.id;
    let new = json!({ "displayName": "김하늘" });
    let (_, person) = server.send(Method::POST, "/api/v1/users", &new).await;
    let path = format!("/api/v1/apps/{}/requests/{}", app.0, person["id"].as_str().unwrap());
    let told = async |kind: &str| {
        let filter = store::EventFilter {
            limit: 1000,
            ..store::EventFilter::default()
        };
        let events = server.running.app.events(&filter).await.unwrap();
        events.iter().filter(|event| event.kind == kind).count()
    };
    for (method, kind) in [(Method::DELETE, "appRequestWithdrawn"), (Method::POST, "appRequested")] {
        for _ in 0..2 {
            let request = server.request(method.clone(), &path).bearer_auth(&server.key);
            let status = request.send().await.unwrap().status();
            assert!(status.is_success(), "{status}");
        }
        assert_eq!(told(kind).await, usize::from(method == Method::POST), "{kind}");
    }
    let withdrawn = server.request(Method::DELETE, &path).bearer_auth(&server.key);
    assert!(withdrawn.send().await.unwrap().status().is_success());
    assert_eq!(told("appRequestWithdrawn").await, 1);

    // Nobody is moved up who waits for nothing, or for no reason; to take it back is no mistake.
    let path = path.replace("/requests/", "/movedUp/");
    for (reason, status, kind) in [
        ("출장", 409, "urn:allotment:problem:not-waiting"),
        (" ", 422, "urn:allotment:problem:invalid"),
    ] {
        let request = server.request(Method::POST, &path).bearer_auth(&server.key);
        let answer = request.json(&json!({ "reason": reason })).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        let problem: serde_json::Value = answer.json().await.unwrap();
        assert_eq!(problem["type"], kind);
    }
    let back = server.request(Method::DELETE, &path).bearer_auth(&server.key);
    assert_eq!(back.send().await.unwrap().status().as_u16(), 204);
    assert_eq!((told("movedUp").await, told("movedBack").await), (0, 0));
    server.stop().await;
    apple.shutdown().await;
}
