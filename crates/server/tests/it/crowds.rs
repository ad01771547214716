//! A group of everybody in a large organisation.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::Fresh;
use uuid::Uuid;

use crate::server::{Browser, TestServer, answer, form, kind, on_both};

/// So many people are in the largest organisations that this is for.
const EVERYBODY: usize = 50_000;

async fn everybody(server: &TestServer) -> Vec<Uuid> {
    let mut ids: Vec<Uuid> = (0..EVERYBODY).map(|_| Uuid::now_v7()).collect();
    ids.sort_unstable();
    server.running.app.store.people_arrive(&ids).await.expect("people");
    ids
}

/// The path of the group in the API, and on the console.
async fn group(server: &TestServer) -> (String, String) {
    let new = json!({ "displayName": "전사", "kind": "user" });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    let page = format!("/groups/{}", group["id"].as_str().unwrap());
    (format!("/api/v1{page}"), page)
}

async fn member_count(server: &TestServer, group: &str) -> Value {
    server.get(group).await.1["memberCount"].clone()
}

on_both! {
    /// Forms and bodies ended at 1 MiB, with a word about a file; and each member was a question to the database.
    async fn everybody_fits_into_one_group_by_program_and_by_form(server: &TestServer) {
        let people = everybody(server).await;
        let (group, page) = group(server).await;
        let members = format!("{group}/members");

        let (status, saved) = server.send(Method::PUT, &members, &json!({ "value": people })).await;
        assert_eq!((status, &saved["memberCount"]), (StatusCode::OK, &json!(EVERYBODY)), "{saved}");

        // Who is not there, or has left, is named among however many.
        for (odd, problem) in [(Uuid::now_v7(), "unknown"), (people[7], "left")] {
            if problem == "left" {
                let leave = format!("/api/v1/users/{odd}/leave");
                let leave = server.request(Method::POST, &leave).bearer_auth(&server.key).header("if-match", "*");
                assert_eq!(answer(leave).await.0, StatusCode::OK);
            }
            let mut wanted = people.clone();
            wanted.push(odd);
            let (status, refused) = server.send(Method::PUT, &members, &json!({ "value": wanted })).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{refused}");
            assert_eq!(refused["errors"][0], json!({ "field": "value", "problem": problem, "detail": refused["errors"][0]["detail"] }));
        }
        assert_eq!(member_count(server, &group).await, json!(EVERYBODY - 1));

        // A form names whom it adds and whom it takes out, be they everybody.
        let browser = Browser::sign_in(server).await;
        let stay: Vec<&Uuid> = people.iter().filter(|id| **id != people[7]).collect();
        for (field, left) in [("remove", 0), ("add", EVERYBODY - 1)] {
            let fields: form::Fields = stay.iter().map(|id| (field.to_owned(), id.to_string())).collect();
            let (status, shown) = browser.submit(server, &format!("{page}/members"), &fields).await;
            assert_eq!(status, 303, "{shown}");
            assert_eq!(member_count(server, &group).await, json!(left));
        }
    }
}

/// It spoke of a file where nobody had sent one.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_is_too_large_is_not_called_a_file() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server).await;
    let (group, page) = group(&server).await;
    let large = "x".repeat(7 * 1024 * 1024);

    let fields = vec![("add".to_owned(), large.clone())];
    let (status, shown) = browser.submit(&server, &format!("{page}/members"), &fields).await;
    assert_eq!(status, 413);
    assert!(shown.contains("한 번에 받을 수 있는 양보다 많습니다"), "{shown}");

    let (status, problem) = server
        .send(Method::PUT, &format!("{group}/members"), &json!({ "value": [large] }))
        .await;
    assert_eq!((status, kind(&problem)), (StatusCode::PAYLOAD_TOO_LARGE, "too-large"));
    server.stop().await;
}
