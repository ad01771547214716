//! The REST API, over a real socket.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{TestServer, answer, kind, multipart};

#[tokio::test(flavor = "multi_thread")]
async fn without_a_key_nothing_is_said_but_the_description() {
    let server = TestServer::start().await;

    let (status, body) = answer(server.request(Method::GET, "/api/v1/apps")).await;
    assert_eq!((status, kind(&body)), (StatusCode::UNAUTHORIZED, "unauthorized"));
    let wrong = server.request(Method::GET, "/api/v1/apps").bearer_auth("alk_wrong");
    assert_eq!(answer(wrong).await.0, StatusCode::UNAUTHORIZED);
    let (status, body) = answer(server.request(Method::GET, "/api/v1/openapi.json")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(body["paths"]["/api/v1/apps/{app}/deployments"]["put"].is_object());

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_for_looking_cannot_change_anything() {
    let server = TestServer::start().await;

    let look = server
        .request(Method::GET, "/api/v1/groups")
        .bearer_auth(&server.looker);
    assert_eq!(answer(look).await.0, StatusCode::OK);
    for (method, path, body) in [
        (
            Method::POST,
            "/api/v1/groups",
            json!({ "displayName": "a", "kind": "user" }),
        ),
        (Method::POST, "/api/v1/users", json!({ "displayName": "a" })),
    ] {
        let change = server.request(method, path).bearer_auth(&server.looker).json(&body);
        let (status, body) = answer(change).await;
        assert_eq!((status, kind(&body)), (StatusCode::FORBIDDEN, "forbidden"), "{path}");
    }
    assert_eq!(server.get("/api/v1/groups").await.1["value"], json!([]));
    assert_eq!(server.get("/api/v1/users").await.1["value"], json!([]));

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn people_are_added_changed_and_leave() {
    let server = TestServer::start().await;

    let new = json!({ "displayName": "김하늘", "mail": "haneul@example.com", "department": "영업팀" });
    let (status, person) = server.send(Method::POST, "/api/v1/users", &new).await;
    assert_eq!(status, StatusCode::CREATED);
    assert_eq!(person["vppProgram"]["status"], "notInvited");
    let path = format!("/api/v1/users/{}", person["id"].as_str().unwrap());

    // What is absent stays; null empties.
    let (_, changed) = server.send(Method::PATCH, &path, &json!({ "department": null })).await;
    assert_eq!(
        (&changed["mail"], &changed["department"]),
        (&json!("haneul@example.com"), &Value::Null)
    );
    let (status, body) = server.send(Method::PATCH, &path, &json!({ "mail": "nobody" })).await;
    assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(body["errors"][0]["field"], "mail");
    let (status, body) = server.send(Method::PATCH, &path, &json!({ "displayName": "" })).await;
    assert_eq!(
        (status, &body["errors"][0]["problem"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("missing"))
    );

    let (status, link) = server
        .send(Method::POST, &format!("{path}/enrolmentLinks"), &json!({}))
        .await;
    assert_eq!(status, StatusCode::CREATED);
    assert!(
        link["url"]
            .as_str()
            .unwrap()
            .starts_with(&format!("{}/enrol/", server.url))
    );

    let leave = server.request(Method::POST, &format!("{path}/leave"));
    let (_, left) = answer(leave.bearer_auth(&server.key).header("if-match", "*")).await;
    assert!(left["leftDateTime"].as_str().unwrap().ends_with('Z'));
    let (_, events) = server
        .get(&format!("/api/v1/events?userId={}", person["id"].as_str().unwrap()))
        .await;
    let kinds: Vec<&str> = events["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|event| event["activityType"].as_str().unwrap())
        .collect();
    assert_eq!(
        kinds,
        ["personLeft", "enrolmentLinkMade", "personChanged", "personAdded"]
    );
    assert_eq!(events["value"][0]["actor"]["kind"], "apiKey");

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn groups_keep_their_members_and_their_names_apart() {
    let server = TestServer::start().await;
    let mut people = Vec::new();
    for number in 0..5 {
        let new = json!({ "displayName": format!("사람 {number}") });
        people.push(server.send(Method::POST, "/api/v1/users", &new).await.1["id"].clone());
    }

    let new = json!({ "displayName": "영업팀", "kind": "user", "priority": 3 });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED);
    let (status, body) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!((status, kind(&body)), (StatusCode::CONFLICT, "taken"));
    assert_eq!(body["errors"][0]["field"], "displayName");

    let path = format!("/api/v1/groups/{}", group["id"].as_str().unwrap());
    let (status, group) = server
        .send(Method::PUT, &format!("{path}/members"), &json!({ "value": people }))
        .await;
    assert_eq!((status, &group["memberCount"]), (StatusCode::OK, &json!(5)));
    let stranger = json!({ "value": ["00000000-0000-0000-0000-000000000001"] });
    let (status, body) = server.send(Method::PUT, &format!("{path}/members"), &stranger).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("value"))
    );

    // Pages hold everything once, in an order that stays.
    let (mut seen, mut next) = (Vec::new(), format!("{path}/members?limit=2"));
    loop {
        let (_, page) = server.get(&next).await;
        seen.extend(page["value"].as_array().unwrap().clone());
        let Some(cursor) = page["nextCursor"].as_str() else {
            break;
        };
        next = format!("{path}/members?limit=2&cursor={cursor}");
    }
    assert_eq!(seen, people);

    let (_, group) = server.send(Method::PATCH, &path, &json!({ "priority": 9 })).await;
    assert_eq!(
        (&group["displayName"], &group["priority"]),
        (&json!("영업팀"), &json!(9))
    );
    let gone = server.send(Method::DELETE, &path, &json!({})).await;
    assert_eq!(gone.0, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&path).await.0, StatusCode::NOT_FOUND);

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_are_replaced_as_a_whole_and_only_with_what_can_be_meant() {
    let server = TestServer::start().await;

    let (_, mut settings) = server.get("/api/v1/settings").await;
    assert_eq!(
        settings,
        json!({
            "policy2016": false, "ruleSet": "2016",
            "inventoryEvery": "PT168H", "firstCheckAfter": "PT20S", "retryAfter": "PT1M",
            "inviteNextAfter": "PT1H", "wiping": false, "silentAfter": null,
            "reclaimLeftAllGroups": true, "reclaimRemovedAfter": null,
            "takeBackShare": 20, "takeBackMoreThan": 10, "approvalAbove": null
        })
    );
    settings["policy2016"] = json!(true);
    settings["inventoryEvery"] = json!("P1D");
    let (status, saved) = server.send(Method::PUT, "/api/v1/settings", &settings).await;
    assert_eq!((status, &saved["inventoryEvery"]), (StatusCode::OK, &json!("PT24H")));

    for (field, value, status) in [
        ("retryAfter", json!("PT0S"), StatusCode::UNPROCESSABLE_ENTITY),
        ("retryAfter", json!("soon"), StatusCode::BAD_REQUEST),
        ("ruleSet", json!("2019"), StatusCode::BAD_REQUEST),
        ("policy2016", json!("yes"), StatusCode::BAD_REQUEST),
        ("reclaimRemovedAfter", json!("PT3H"), StatusCode::UNPROCESSABLE_ENTITY),
        ("takeBackShare", json!(0), StatusCode::UNPROCESSABLE_ENTITY),
        ("takeBackShare", json!(51), StatusCode::UNPROCESSABLE_ENTITY),
        ("takeBackMoreThan", json!(0), StatusCode::UNPROCESSABLE_ENTITY),
        ("takeBackMoreThan", json!(101), StatusCode::UNPROCESSABLE_ENTITY),
        ("approvalAbove", json!(10_001), StatusCode::UNPROCESSABLE_ENTITY),
    ] {
        let mut wrong = settings.clone();
        wrong[field] = value;
        let (answered, body) = server.send(Method::PUT, "/api/v1/settings", &wrong).await;
        assert_eq!(
            (answered, &body["errors"][0]["field"]),
            (status, &json!(field)),
            "{body}"
        );
    }
    assert_eq!(server.get("/api/v1/settings").await.1, saved);

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_answered_is_a_problem_of_the_right_kind() {
    let server = TestServer::start().await;
    let groups = "/api/v1/groups";

    let (status, body) = server.get("/api/v1/nothing").await;
    assert_eq!((status, kind(&body)), (StatusCode::NOT_FOUND, "not-found"));
    let (status, _) = server.get("/api/v2").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, _) = server.get("/api/v1/groups/sales").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    let (status, body) = server.send(Method::DELETE, groups, &json!({})).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed")
    );
    for (query, field) in [
        ("limit=0", "limit"),
        ("limit=many", "limit"),
        ("cursor=!", "cursor"),
        ("lmit=5", "lmit"),
    ] {
        let (status, body) = server.get(&format!("{groups}?{query}")).await;
        assert!(status.is_client_error());
        assert_eq!(body["errors"][0]["field"], field, "{query}: {body}");
    }
    let unknown = "/api/v1/apps/00000000-0000-0000-0000-000000000001";
    for path in [
        "",
        "/deployments",
        "/deviceStatuses",
        "/userStatuses?state=failed",
        "/assignedLicenses",
    ] {
        assert_eq!(
            server.get(&format!("{unknown}{path}")).await.0,
            StatusCode::NOT_FOUND,
            "{path}"
        );
    }
    let (status, body) = server.get(&format!("{unknown}/userStatuses?state=fine")).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::BAD_REQUEST, &json!("state"))
    );

    let post = |content_type: &str, body: &str| {
        let request = server.request(Method::POST, groups).bearer_auth(&server.key);
        answer(
            request
                .header("content-type", content_type.to_owned())
                .body(body.to_owned()),
        )
    };
    assert_eq!(post("application/json", "{").await.0, StatusCode::BAD_REQUEST);
    assert_eq!(post("text/plain", "{}").await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    let (status, body) = post("application/json", r#"{"displayName":"a","kind":"people"}"#).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::BAD_REQUEST, &json!("kind"))
    );
    let large = format!(r#"{{"displayName":"{}"}}"#, "a".repeat(2_000_000));
    assert_eq!(post("application/json", &large).await.0, StatusCode::PAYLOAD_TOO_LARGE);

    server.stop().await;
}

/// A16, and rule by rule what a token can be refused for before Apple is asked.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_none_is_refused_with_its_own_type() {
    let server = TestServer::start().await;
    let upload = |fields: &[(&str, &str)]| {
        let (content_type, body) = multipart(fields);
        let request = server
            .request(Method::POST, "/api/v1/vppTokens")
            .bearer_auth(&server.key);
        answer(request.header("content-type", content_type).body(body))
    };
    let name = ("displayName", "본사");
    let apple_id = ("appleId", "vpp@example.com");

    let (status, body) = upload(&[name, apple_id, ("file", "")]).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "token-refused-empty")
    );
    let (status, body) = upload(&[name, apple_id, ("file", "{not base64}")]).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "token-refused-not-base64")
    );
    let (status, body) = upload(&[name, apple_id, ("file", &"A".repeat(5_000_000))]).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::PAYLOAD_TOO_LARGE, "token-refused-too-large")
    );
    let (status, body) = upload(&[name, apple_id, ("file", &"A".repeat(9_000_000))]).await;
    assert_eq!((status, kind(&body)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    let (status, body) = upload(&[apple_id, ("file", "x")]).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("displayName"))
    );
    let (status, body) = upload(&[name, apple_id, ("token", "x")]).await;
    assert_eq!(
        (status, &body["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("token"))
    );
    let (status, body) = server.send(Method::POST, "/api/v1/vppTokens", &json!({})).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type")
    );
    assert_eq!(server.get("/api/v1/vppTokens").await.1["value"], json!([]));

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_carries_its_guards_and_no_foreign_form_gets_in() {
    let server = TestServer::start().await;

    let page = server.request(Method::GET, "/sign-in").send().await.unwrap();
    let header = |name: &str| {
        page.headers()
            .get(name)
            .map(|value| value.to_str().unwrap())
            .unwrap_or_default()
    };
    assert!(header("content-security-policy").starts_with("default-src 'none'; style-src 'self'"));
    assert_eq!(header("cache-control"), "no-store");
    assert_eq!(header("x-content-type-options"), "nosniff");
    assert_eq!(header("referrer-policy"), "same-origin");

    let foreign = server
        .request(Method::POST, "/sign-in")
        .header("origin", "https://evil.example")
        .header("sec-fetch-site", "cross-site")
        .form(&[("login", "a"), ("password", "b")]);
    assert_eq!(foreign.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    // A device and a program have no origin to show, and need none.
    let program = server.request(Method::GET, "/api/v1/apps").bearer_auth(&server.key);
    let program = program
        .header("origin", "https://elsewhere.example")
        .header("sec-fetch-site", "cross-site");
    let answer = program.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert_eq!(
        answer.headers()["content-security-policy"],
        "default-src 'none'; frame-ancestors 'none'"
    );

    let away = server.request(Method::GET, "/apps?q=a").send().await.unwrap();
    assert_eq!(away.headers()["location"], "/sign-in?return=%2Fapps%3Fq%3Da");

    server.stop().await;
}
