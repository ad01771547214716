//! Who may do what, address by address: nobody gets in where this table does not say so.

use std::collections::BTreeMap;

use reqwest::{Method, Response};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::app::{Caller, Role};

use crate::server::{Browser, PASSWORD, TestServer};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Needs {
    /// Nobody has to be known.
    Nothing,
    /// To be known, and to look.
    Looking,
    /// To change things.
    Changing,
}

use Needs::{Changing, Looking, Nothing};

const PAGES: &[(&str, &str, Needs)] = &[
    ("GET", "/", Nothing),
    ("GET", "/sign-in", Nothing),
    ("POST", "/sign-in", Nothing),
    ("POST", "/sign-out", Nothing),
    ("POST", "/language", Nothing),
    ("GET", "/static/{file}", Nothing),
    ("GET", "/enrol/{token}", Nothing),
    ("POST", "/enrol/{token}", Nothing),
    ("GET", "/dashboard", Looking),
    ("GET", "/apps", Looking),
    ("GET", "/apps/{asset}", Looking),
    ("GET", "/apps/{asset}/deployment", Looking),
    // To see what it would do.
    ("POST", "/apps/{asset}/deployment", Looking),
    ("GET", "/apps/{asset}/waiting/{person}", Looking),
    ("POST", "/apps/{asset}/waiting/{person}", Changing),
    ("POST", "/apps/{asset}/waiting/{person}/back", Changing),
    ("GET", "/icons/{asset}", Looking),
    ("GET", "/why/{whom}/{asset}", Looking),
    ("GET", "/devices", Looking),
    ("POST", "/devices/enrolment", Changing),
    ("GET", "/devices/{device}", Looking),
    ("POST", "/devices/{device}/apps/{asset}/install-again", Changing),
    ("POST", "/devices/{device}/revoke-identity", Changing),
    ("GET", "/devices/{device}/retire", Changing),
    ("POST", "/devices/{device}/retire", Changing),
    ("GET", "/devices/{device}/wipe", Changing),
    ("POST", "/devices/{device}/wipe", Changing),
    ("GET", "/devices/{device}/remove", Changing),
    ("POST", "/devices/{device}/remove", Changing),
    ("POST", "/devices/{device}/stay", Changing),
    ("POST", "/apps/{asset}/updates", Changing),
    ("POST", "/devices/{device}/ownership", Changing),
    ("GET", "/people", Looking),
    ("GET", "/people/new", Changing),
    ("POST", "/people/new", Changing),
    ("GET", "/people/{person}", Looking),
    ("GET", "/people/{person}/edit", Changing),
    ("POST", "/people/{person}/edit", Changing),
    ("POST", "/people/{person}/enrolment", Changing),
    ("POST", "/people/{person}/invite", Changing),
    ("GET", "/people/{person}/leave", Looking),
    ("POST", "/people/{person}/leave", Changing),
    ("POST", "/people/{person}/return", Changing),
    ("POST", "/people/{person}/apps/{asset}/request", Changing),
    ("POST", "/people/{person}/apps/{asset}/withdraw", Changing),
    ("POST", "/people/{person}/apps/{asset}/install-again", Changing),
    ("GET", "/groups", Looking),
    ("GET", "/groups/new", Changing),
    ("POST", "/groups/new", Changing),
    ("GET", "/groups/{group}", Looking),
    ("POST", "/groups/{group}", Changing),
    ("POST", "/groups/{group}/members", Changing),
    ("GET", "/groups/{group}/rule", Changing),
    ("POST", "/groups/{group}/rule", Changing),
    ("POST", "/groups/{group}/delete", Changing),
    ("GET", "/bulk", Changing),
    ("POST", "/bulk", Changing),
    ("GET", "/bulk/{event}", Looking),
    ("GET", "/activity", Looking),
    ("GET", "/changes/{change}", Looking),
    ("GET", "/changes/{change}/restore", Changing),
    ("POST", "/changes/{change}/restore", Changing),
    ("GET", "/held/{held}", Looking),
    ("POST", "/held/{held}/approve", Changing),
    ("POST", "/held/{held}/turn-down", Changing),
    ("POST", "/held/{held}/withdraw", Changing),
    ("GET", "/stopped", Looking),
    ("POST", "/stopped/{person}", Changing),
    ("GET", "/search", Looking),
    ("GET", "/administration/vpp", Looking),
    ("GET", "/administration/vpp/running", Looking),
    ("POST", "/administration/vpp/sync", Changing),
    ("GET", "/administration/vpp/upload", Changing),
    ("POST", "/administration/vpp/upload", Changing),
    ("GET", "/administration/vpp/upload/{upload}", Changing),
    ("POST", "/administration/vpp/upload/{upload}", Changing),
    ("POST", "/administration/vpp/upload/{upload}/cancel", Changing),
    ("GET", "/administration/settings", Looking),
    ("POST", "/administration/settings", Changing),
    ("GET", "/administration/rule-sets", Looking),
    ("GET", "/administration/reclaim-rules", Looking),
    ("POST", "/administration/reclaim-rules", Changing),
    ("GET", "/administration/accounts", Looking),
    ("GET", "/administration/accounts/new", Changing),
    ("POST", "/administration/accounts/new", Changing),
    ("GET", "/administration/accounts/{account}", Changing),
    ("POST", "/administration/accounts/{account}", Changing),
    ("POST", "/administration/accounts/{account}/password", Changing),
    ("POST", "/administration/accounts/{account}/unlock", Changing),
    ("POST", "/administration/accounts/{account}/end-sessions", Changing),
    ("POST", "/administration/sessions/{session}/end", Changing),
    ("GET", "/administration/api-keys/new", Changing),
    ("POST", "/administration/api-keys/new", Changing),
    ("GET", "/administration/api-keys/{key}", Changing),
    ("POST", "/administration/api-keys/{key}/rotate", Changing),
    ("POST", "/administration/api-keys/{key}/revoke", Changing),
    // One's own.
    ("GET", "/account", Looking),
    ("POST", "/account/password", Looking),
    ("POST", "/account/sessions/{session}/end", Looking),
    ("POST", "/account/end-other-sessions", Looking),
];

/// Beside these, GET needs to look and everything else to change.
const API: &[(&str, &str, Needs)] = &[
    ("GET", "/api/v1/sessions", Changing),
    ("GET", "/api/v1/reclaimRules", Looking),
    ("GET", "/api/v1/apps/{app}/updates", Looking),
    ("PUT", "/api/v1/apps/{app}/updates", Changing),
    ("POST", "/api/v1/apps/{app}/deployments/preview", Looking),
    ("POST", "/api/v1/changes/{change}/restore/preview", Looking),
    ("POST", "/api/v1/groups/{group}/members/preview", Looking),
    ("POST", "/api/v1/groups/{group}/membershipRule/preview", Looking),
    ("POST", "/api/v1/managedDevices/{device}/remove/preview", Looking),
    ("POST", "/api/v1/managedDevices/{device}/retire/preview", Looking),
    ("POST", "/api/v1/managedDevices/{device}/wipe/preview", Looking),
    ("POST", "/api/v1/settings/preview", Looking),
    ("POST", "/api/v1/users/{user}/leave/preview", Looking),
    ("POST", "/api/v1/users/{user}/return/preview", Looking),
    ("POST", "/api/v1/bulkActions/preview", Looking),
];

/// Methods and addresses, as the routers have them.
fn page_routes() -> Vec<(String, String)> {
    let mut routes = Vec::new();
    for source in [
        include_str!("../../src/http/console/mod.rs"),
        include_str!("../../src/http/enrol.rs"),
    ] {
        for route in source.split(".route(").skip(1) {
            let path = route.split('"').nth(1).expect("a path");
            for (call, method) in [
                ("get(", "GET"),
                ("post(", "POST"),
                ("put(", "PUT"),
                ("delete(", "DELETE"),
            ] {
                if route.split("\n}").next().is_some_and(|route| route.contains(call)) {
                    routes.push((method.to_owned(), path.to_owned()));
                }
            }
        }
    }
    routes
}

/// What is there for nobody: any id will do.
fn filled(route: &str) -> String {
    let pieces = route.split('/').map(|piece| match piece {
        "{file}" => "console.css",
        "{token}" => "no-such-token",
        piece if piece.starts_with('{') => "00000000-0000-0000-0000-000000000001",
        piece => piece,
    });
    pieces.collect::<Vec<_>>().join("/")
}

fn method(name: &str) -> Method {
    name.parse().expect("a method")
}

/// Whether the answer is the way to the sign-in page.
fn is_turned_away(answer: &Response) -> bool {
    let to = answer.headers().get("location").and_then(|to| to.to_str().ok());
    answer.status() == 303 && to.is_some_and(|to| to.starts_with("/sign-in"))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_lets_in_whom_the_table_says_and_nobody_else() {
    let server = TestServer::start().await;
    let admin = Browser::sign_in(&server).await;
    let password = SecretString::from(PASSWORD);
    let app = &server.running.app;
    app.account_add(&Caller::System, "ko", "고은결", &password, Role::ReadOnly)
        .await
        .unwrap();
    let looker = Browser::of(&server, "ko", PASSWORD).await.unwrap();

    let mut table: BTreeMap<(String, String), Needs> = BTreeMap::new();
    for (method, path, needs) in PAGES {
        table.insert(((*method).to_owned(), (*path).to_owned()), *needs);
    }
    let routes = page_routes();
    assert!(routes.len() > 60, "{routes:?}");
    for route in &routes {
        assert!(table.contains_key(route), "the table does not say who may {route:?}");
    }
    for known in table.keys() {
        assert!(routes.contains(known), "there is no {known:?} any more");
    }

    for ((name, route), needs) in table {
        let what = format!("{name} {route}");
        let path = filled(&route);
        let stranger = server
            .request(method(&name), &path)
            .form(&[("a", "b")])
            .send()
            .await
            .unwrap();
        // Whoever signed out may sign in again.
        if needs == Nothing {
            assert!(!is_turned_away(&stranger) || route == "/sign-out", "{what}: nobody");
            continue;
        }
        assert!(is_turned_away(&stranger), "{what}: nobody");
        let asked = async |browser: &Browser| {
            let request = browser.request(&server, method(&name), &path, "ko");
            let answer = request.form(&[("a", "b")]).send().await.unwrap();
            let status = answer.status();
            assert!(
                !is_turned_away(&answer) && !status.is_server_error(),
                "{what}: {status}"
            );
            status.as_u16()
        };
        let status = asked(&looker).await;
        assert_eq!(status == 403, needs == Changing, "{what}: who may only look: {status}");
        assert_ne!(asked(&admin).await, 403, "{what}: who may change things");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_operation_of_the_api_takes_the_keys_that_the_table_says_and_no_other() {
    let server = TestServer::start().await;
    let (_, openapi) = server.get("/api/v1/openapi.json").await;
    let mut found = 0;
    for (route, operations) in openapi["paths"].as_object().unwrap() {
        for name in operations.as_object().unwrap().keys() {
            let name = name.to_uppercase();
            let exception = API.iter().find(|(method, path, _)| (*method, *path) == (&name, route));
            let needs = match exception {
                Some((_, _, needs)) => *needs,
                None if name == "GET" => Looking,
                None => Changing,
            };
            found += 1;
            let what = format!("{name} {route}");
            let asked = async |key: Option<&str>| {
                let mut request = server.request(method(&name), &filled(route)).json(&json!({ "a": "b" }));
                if let Some(key) = key {
                    request = request.bearer_auth(key).header("if-match", "\"none\"");
                }
                let answer = request.send().await.unwrap();
                let status = answer.status().as_u16();
                assert!(status < 500, "{what}: {status}");
                if status >= 400 {
                    let problem: Value = answer.json().await.unwrap();
                    assert_eq!(problem["status"], status, "{what}: {problem}");
                }
                status
            };
            assert_eq!(asked(None).await, 401, "{what}: without a key");
            assert_eq!(asked(Some("alk_made-up")).await, 401, "{what}: with a key that is none");
            let status = asked(Some(&server.looker)).await;
            assert_eq!(
                status == 403,
                needs == Changing,
                "{what}: a key that may look: {status}"
            );
            let status = asked(Some(&server.key)).await;
            assert!(
                status != 401 && status != 403,
                "{what}: a key that may change things: {status}"
            );
        }
    }
    assert!(found > 45, "{found}");
    for (method, path, _) in API {
        assert!(
            openapi["paths"][path][method.to_lowercase()].is_object(),
            "there is no {method} {path} any more"
        );
    }
    server.stop().await;
}
