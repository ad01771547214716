//! The answer to "why?", as the API and the console give it.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    api_with_apple::{linked, start},
    server::{Browser, TestServer, answer, kind, until},
};

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";

async fn made(server: &TestServer, path: &str, body: Value) -> String {
    let (status, made) = server.send(Method::POST, path, &body).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made["id"].as_str().unwrap().to_owned()
}

async fn asked(server: &TestServer, path: &str, lang: &str) -> Value {
    let request = server.request(Method::GET, path).bearer_auth(&server.looker);
    let (status, body) = answer(request.header("accept-language", lang)).await;
    assert_eq!(status, StatusCode::OK, "{body}");
    body
}

/// Without a deployment, with one, and with a device that is missing: each time the same codes in both languages, for whoever
/// may look, on the page and in the API.
#[tokio::test(flavor = "multi_thread")]
async fn everybody_is_answered_in_both_languages_and_told_what_would_help() {
    let (server, apple) = start().await;
    linked(&server, &apple).await;
    let app = until("an app is described", async || {
        let (_, apps) = server.get("/api/v1/apps").await;
        let known = apps["value"]
            .as_array()?
            .iter()
            .find(|app| app["bundleId"].is_string())?;
        Some(known.clone())
    })
    .await;
    let name = app["displayName"].as_str().unwrap();
    let app = app["id"].as_str().unwrap();
    let person = made(&server, "/api/v1/users", json!({ "displayName": "윤가람" })).await;
    let path = format!("/api/v1/why/{person}/{app}");
    let browser = Browser::sign_in(&server).await;
    let page = async |lang: &str| {
        let request = browser.request(&server, Method::GET, &format!("/why/{person}/{app}"), lang);
        request.send().await.unwrap().text().await.unwrap()
    };

    let (ko, en) = (asked(&server, &path, "ko").await, asked(&server, &path, "en").await);
    for body in [&ko, &en] {
        assert_eq!(body["code"], "notDeployed", "{body}");
        assert_eq!(
            (&body["installState"], &body["whoMustAct"]),
            (&Value::Null, &json!("administrator"))
        );
        assert_eq!(body["remedies"][0]["code"], "deploy");
        assert_eq!(body["remedies"][0]["href"], format!("/apps/{app}/deployment"));
    }
    let text = ko["text"].as_str().unwrap();
    assert!(text.contains(name) && text.contains("배포하지 않았습니다"), "{text}");
    assert_eq!(en["text"], format!("{name} is not deployed to any group yet."));
    assert!(page("ko").await.contains(text));
    assert!(page("en").await.contains(en["text"].as_str().unwrap()));

    let group = made(
        &server,
        "/api/v1/groups",
        json!({ "displayName": "영업팀", "kind": "user" }),
    )
    .await;
    let members = format!("/api/v1/groups/{group}/members");
    let (status, body) = server.send(Method::PUT, &members, &json!({ "value": [person] })).await;
    assert!(status.is_success(), "{body}");
    let deployments = format!("/api/v1/apps/{app}/deployments");
    let line = json!({ "value": [{ "groupId": group, "intent": "required" }] });
    let (status, body) = server.send(Method::POST, &deployments, &line).await;
    assert_eq!(status, StatusCode::OK, "{body}");

    let body = asked(&server, &path, "en").await;
    assert_eq!(
        (&body["code"], &body["installState"]),
        (&json!("noDevice"), &json!("pendingInstall")),
        "{body}"
    );
    assert_eq!(body["waitsFor"]["stage"], "device");
    assert_eq!(body["remedies"][0]["code"], "enrolDevice");
    assert_eq!(body["rules"][0]["groupDisplayName"], "영업팀");
    assert_eq!(
        (&body["rules"][0]["outcome"], &body["rules"][0]["rule"]),
        (&json!("applies"), &json!("onlyIntent"))
    );
    let chain = body["chain"].as_array().unwrap();
    let tenses: Vec<_> = chain.iter().map(|link| (&link["stage"], &link["tense"])).collect();
    assert_eq!(tenses[0], (&json!("deployment"), &json!("done")));
    assert_eq!(tenses[1], (&json!("device"), &json!("now")));
    assert!(tenses[2..].iter().all(|(_, tense)| *tense == "ahead"), "{tenses:?}");
    assert!(page("en").await.contains("has no device that could have"));
    assert!(page("ko").await.contains("받을 장치가 없습니다"));

    // Where the two are shown together there is a way to the answer.
    let link = format!(r#"href="/why/{person}/{app}""#);
    for place in [format!("/people/{person}"), format!("/apps/{app}?tab=users")] {
        let shown = until("it is decided", async || {
            let shown = browser.page(&server, &place).await;
            shown.contains(&link).then_some(json!(true))
        });
        let shown = tokio::time::timeout(Duration::from_secs(60), shown).await;
        assert!(shown.is_ok(), "{place} has no way to {link}");
    }
    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_answered_about_what_is_not_there_and_nobody_who_may_not_look() {
    let (server, apple) = start().await;
    linked(&server, &apple).await;
    let (_, apps) = server.get("/api/v1/apps").await;
    let app = apps["value"][0]["id"].as_str().unwrap();
    let person = made(&server, "/api/v1/users", json!({ "displayName": "윤가람" })).await;
    let browser = Browser::sign_in(&server).await;
    for (whom, app) in [(NOBODY, app), (person.as_str(), NOBODY)] {
        let (status, body) = server.get(&format!("/api/v1/why/{whom}/{app}")).await;
        assert_eq!((status, kind(&body)), (StatusCode::NOT_FOUND, "not-found"), "{body}");
        assert_eq!(browser.get(&server, &format!("/why/{whom}/{app}")).await.0, 404);
    }
    let path = format!("/api/v1/why/{person}/{app}");
    let (status, body) = answer(server.request(Method::GET, &path)).await;
    assert_eq!((status, kind(&body)), (StatusCode::UNAUTHORIZED, "unauthorized"));
    let page = server
        .request(Method::GET, &format!("/why/{person}/{app}"))
        .send()
        .await
        .unwrap();
    assert!(page.status().is_redirection(), "to the sign-in page");
    server.stop().await;
    apple.shutdown().await;
}
