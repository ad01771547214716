//! Nobody's change is lost to somebody else's, and nobody is a second person with the same address.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use sim::apple::Apple;
use store::testing::Fresh;
use tokio::task::JoinSet;

use crate::{
    api_with_apple,
    server::{Browser, TestServer, answer, form, kind, on_both},
};

async fn person(server: &TestServer, name: &str) -> String {
    let (status, person) = server
        .send(Method::POST, "/api/v1/users", &json!({ "displayName": name }))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{person}");
    person["id"].as_str().unwrap().to_owned()
}

async fn group(server: &TestServer, name: &str) -> String {
    let new = json!({ "displayName": name, "kind": "user" });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    group["id"].as_str().unwrap().to_owned()
}

/// Reads, changes, writes, and begins again as often as somebody else was faster. Answers with how often that was.
pub async fn changed(
    http: reqwest::Client,
    (url, key): (String, String),
    method: Method,
    change: impl Fn(Value) -> Value,
) -> usize {
    let mut refused = 0;
    loop {
        let seen = http.get(&url).bearer_auth(&key).send().await.unwrap();
        let tag = seen.headers()["etag"].clone();
        let wanted = change(seen.json().await.unwrap());
        let request = http
            .request(method.clone(), &url)
            .bearer_auth(&key)
            .header("if-match", tag);
        let (status, body) = answer(request.json(&wanted)).await;
        match status {
            StatusCode::OK => return refused,
            StatusCode::PRECONDITION_FAILED => refused += 1,
            _ => panic!("{status}: {body}"),
        }
    }
}

on_both! {
    /// 47 of 60 were lost.
    async fn sixty_changes_of_one_person_at_once_all_survive(server: &TestServer) {
        let id = person(server, "김").await;
        let url = format!("{}/api/v1/users/{id}", server.url);

        let mut changes = JoinSet::new();
        let marks: BTreeSet<char> = ('가'..).take(60).collect();
        for mark in marks.clone() {
            let (http, at) = (server.http.clone(), (url.clone(), server.key.clone()));
            changes.spawn(changed(http, at, Method::PATCH, move |seen| {
                json!({ "displayName": format!("{}{mark}", seen["displayName"].as_str().unwrap()) })
            }));
        }
        changes.join_all().await;

        let (_, person) = server.get(&format!("/api/v1/users/{id}")).await;
        let name = person["displayName"].as_str().unwrap();
        assert_eq!(name.chars().count(), 61, "{name}");
        assert!(name.chars().skip(1).collect::<BTreeSet<_>>() == marks, "{name}");
    }

    async fn whoever_is_added_to_a_group_at_the_same_time_is_in_it(server: &TestServer) {
        let id = group(server, "전사").await;
        let url = format!("{}/api/v1/groups/{id}/members", server.url);
        let mut people = BTreeSet::new();
        for number in 0..20 {
            people.insert(person(server, &format!("사람 {number}")).await);
        }

        let mut changes = JoinSet::new();
        for person in people.clone() {
            let (http, at) = (server.http.clone(), (url.clone(), server.key.clone()));
            changes.spawn(changed(http, at, Method::PUT, move |seen| {
                let mut members = seen["value"].as_array().unwrap().clone();
                members.push(json!(person));
                json!({ "value": members })
            }));
        }
        changes.join_all().await;

        let (_, members) = server.get(&format!("/api/v1/groups/{id}/members")).await;
        let members = members["value"].as_array().unwrap();
        assert_eq!(members.iter().map(|id| id.as_str().unwrap().to_owned()).collect::<BTreeSet<_>>(), people);
    }

    async fn a_change_names_the_version_it_was_made_upon_and_a_stale_one_changes_nothing(server: &TestServer) {
        let user = format!("/api/v1/users/{}", person(server, "김하늘").await);
        let group = format!("/api/v1/groups/{}", group(server, "전사").await);
        let whole = server.get("/api/v1/settings").await.1;
        for (path, field, method, one, two) in [
            (user.as_str(), "department", Method::PATCH, json!({ "department": "영업팀" }), json!({ "displayName": "x" })),
            (&group, "priority", Method::PATCH, json!({ "priority": 7 }), json!({ "displayName": "x" })),
            ("/api/v1/settings", "policy2016", Method::PUT, json!({ "policy2016": true }), json!({ "ruleSet": "2020" })),
        ] {
            // Settings are replaced as a whole.
            let body = |change: &Value| {
                let mut body = if method == Method::PUT { whole.clone() } else { json!({}) };
                body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
                body
            };
            let change = |body: Value, tag: Option<&str>| {
                let mut request = server.request(method.clone(), path).bearer_auth(&server.key).json(&body);
                if let Some(tag) = tag {
                    request = request.header("if-match", tag);
                }
                request
            };
            let (status, problem) = answer(change(body(&one), None)).await;
            assert_eq!((status, kind(&problem)), (StatusCode::PRECONDITION_REQUIRED, "version-missing"), "{path}");

            // Compressed or not, the tag is the same.
            let seen = server.request(Method::GET, path).bearer_auth(&server.key);
            let seen = seen.header("accept-encoding", "gzip").send().await.unwrap();
            let tag = seen.headers()["etag"].to_str().unwrap().to_owned();
            let first = change(body(&one), Some(&tag)).send().await.unwrap();
            assert_eq!(first.status(), StatusCode::OK, "{path}");
            let newer = first.headers()["etag"].to_str().unwrap().to_owned();
            assert_ne!(newer, tag, "{path}");

            // The second one saw what was there before.
            let (status, stale) = answer(change(body(&two), Some(&tag))).await;
            assert_eq!((status, kind(&stale)), (StatusCode::PRECONDITION_FAILED, "stale"), "{path}");
            assert_eq!(stale["etag"], newer, "{stale}");
            assert_eq!(stale["changedBy"], "test", "{stale}");
            assert!(stale["changedDateTime"].as_str().unwrap().ends_with('Z'));
            assert_eq!(stale["current"][field], one[field], "{stale}");
            assert_eq!(server.get(path).await.1, stale["current"]);

            // Upon what is there now it is good, and leaves what it does not name.
            let (status, now) = answer(change(body(&two), Some(&newer))).await;
            assert_eq!(status, StatusCode::OK, "{now}");
            if method == Method::PATCH {
                assert_eq!(now[field], one[field]);
            }
            let (status, _) = answer(change(body(&one), Some("*"))).await;
            assert_eq!(status, StatusCode::OK);
        }
        let gone = server.request(Method::DELETE, &group).bearer_auth(&server.key);
        let (status, stale) = answer(gone.header("if-match", "\"1\"")).await;
        assert_eq!((status, kind(&stale)), (StatusCode::PRECONDITION_FAILED, "stale"));
        assert_eq!(server.get(&group).await.0, StatusCode::OK);
    }

    async fn a_mail_address_is_one_persons_whoever_asks_at_the_same_time(server: &TestServer) {
        let mut asked = JoinSet::new();
        for number in 0..20 {
            let request = server.request(Method::POST, "/api/v1/users").bearer_auth(&server.key);
            let mail = if number % 2 == 0 { "haneul@example.com" } else { "Haneul@EXAMPLE.com" };
            let new = json!({ "displayName": format!("김하늘 {number}"), "mail": mail });
            asked.spawn(answer(request.json(&new)));
        }
        let (made, refused): (Vec<_>, Vec<_>) = asked.join_all().await.into_iter().partition(|(status, _)| *status == StatusCode::CREATED);
        assert_eq!((made.len(), refused.len()), (1, 19));
        for (status, problem) in refused {
            assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "taken"));
            assert_eq!((&problem["errors"][0]["field"], &problem["errors"][0]["problem"]), (&json!("mail"), &json!("taken")));
        }
        assert_eq!(server.get("/api/v1/users").await.1["value"].as_array().unwrap().len(), 1);

        // Nor by a change; but of somebody who left it is free.
        let other = format!("/api/v1/users/{}", person(server, "이바다").await);
        let mail = json!({ "mail": "HANEUL@example.com" });
        let (status, problem) = server.send(Method::PATCH, &other, &mail).await;
        assert_eq!((status, &problem["errors"][0]["field"]), (StatusCode::CONFLICT, &json!("mail")));
        let path = format!("/api/v1/users/{}/leave", made[0].1["id"].as_str().unwrap());
        let leave = server.request(Method::POST, &path).bearer_auth(&server.key);
        assert_eq!(answer(leave.header("if-match", "*")).await.0, StatusCode::OK);
        assert_eq!(server.send(Method::PATCH, &other, &mail).await.0, StatusCode::OK);

        // Two groups at once have one name once, too.
        let mut asked = JoinSet::new();
        for _ in 0..10 {
            let request = server.request(Method::POST, "/api/v1/groups").bearer_auth(&server.key);
            asked.spawn(answer(request.json(&json!({ "displayName": "전사", "kind": "user" }))));
        }
        let answers = asked.join_all().await;
        assert_eq!(answers.iter().filter(|(status, _)| *status == StatusCode::CREATED).count(), 1);
        for (_, problem) in answers.iter().filter(|(status, _)| *status != StatusCode::CREATED) {
            assert_eq!((kind(problem), &problem["errors"][0]["field"]), ("taken", &json!("displayName")));
        }
    }

    /// Two tabs: what one saved is shown to the other, who wrote nothing over it.
    async fn a_stale_form_shows_both_sides_and_saves_both_when_sent_again(server: &TestServer) {
        let browser = Browser::sign_in(server).await;
        let id = person(server, "김하늘").await;
        let edit = format!("/people/{id}/edit");
        let (one, two) = (browser.form(server, &edit).await, browser.form(server, &edit).await);
        assert_eq!(browser.submit(server, &edit, &form::with(&one, "department", "영업팀")).await.0, 303);

        let mine = form::with(&two, "name", "김바다");
        let (status, page) = browser.submit(server, &edit, &mine).await;
        assert_eq!(status, 409);
        for text in ["저장하지 않았습니다", "홍라온 님이 먼저 바꿨습니다", "김하늘", "김바다", "영업팀"] {
            assert!(page.contains(text), "{text}: {page}");
        }
        let (_, now) = server.get(&format!("/api/v1/users/{id}")).await;
        assert_eq!((&now["displayName"], &now["department"]), (&json!("김하늘"), &json!("영업팀")));

        // The form on the page holds mine and theirs, and the new version.
        assert_eq!(browser.submit(server, &edit, &form::of(&page, &edit)).await.0, 303);
        let (_, now) = server.get(&format!("/api/v1/users/{id}")).await;
        assert_eq!((&now["displayName"], &now["department"]), (&json!("김바다"), &json!("영업팀")));
    }

    async fn two_tabs_on_a_group_lose_neither_members_nor_priority(server: &TestServer) {
        let browser = Browser::sign_in(server).await;
        let (kim, lee) = (person(server, "김하늘").await, person(server, "이바다").await);
        let id = group(server, "전사").await;
        let (page, members) = (format!("/groups/{id}"), format!("/groups/{id}/members"));
        let both = browser.page(server, &page).await;
        let opened = form::of(&both, &members);
        let in_it = async || server.get(&format!("/api/v1{members}")).await.1["value"].as_array().unwrap().len();
        for (person, there) in [(&kim, 1), (&lee, 2)] {
            assert_eq!(browser.submit(server, &members, &form::and(&opened, "add", person)).await.0, 303);
            assert_eq!(in_it().await, there);
        }

        let facts = form::of(&both, &page);
        assert_eq!(browser.submit(server, &page, &form::with(&facts, "priority", "9")).await.0, 303);
        let (status, conflict) = browser.submit(server, &page, &form::with(&facts, "name", "모두")).await;
        assert_eq!(status, 409);
        assert_eq!(browser.submit(server, &page, &form::of(&conflict, &page)).await.0, 303);
        let (_, now) = server.get(&format!("/api/v1/groups/{id}")).await;
        assert_eq!((&now["displayName"], &now["priority"]), (&json!("모두"), &json!(9)));

        // Deleted is only what was looked at.
        let delete = format!("{page}/delete");
        assert_eq!(browser.submit(server, &delete, &form::of(&both, &delete)).await.0, 409);
        let fresh = browser.page(server, &page).await;
        assert_eq!(browser.submit(server, &delete, &form::of(&fresh, &delete)).await.0, 303);
    }

    async fn two_tabs_on_the_settings_lose_nothing(server: &TestServer) {
        let browser = Browser::sign_in(server).await;
        let here = "/administration/settings";
        let opened = browser.form(server, here).await;
        assert_eq!(browser.submit(server, here, &form::and(&opened, "policy2016", "yes")).await.0, 303);
        let (status, conflict) = browser.submit(server, here, &form::with(&opened, "ruleSet", "2020")).await;
        assert_eq!(status, 409);
        assert_eq!(browser.submit(server, here, &form::of(&conflict, here)).await.0, 303);
        let (_, now) = server.get("/api/v1/settings").await;
        assert_eq!((&now["policy2016"], &now["ruleSet"]), (&json!(true), &json!("2020")));

        let opened = browser.form(server, here).await;
        assert_eq!(browser.submit(server, here, &form::with(&opened, "inviteNextAfter", "5")).await.0, 303);
        let (status, conflict) = browser.submit(server, here, &form::with(&opened, "inventoryEvery", "2")).await;
        assert_eq!(status, 409);
        assert_eq!(browser.submit(server, here, &form::of(&conflict, here)).await.0, 303);
        let (_, now) = server.get("/api/v1/settings").await;
        assert_eq!((&now["inviteNextAfter"], &now["inventoryEvery"]), (&json!("PT5M"), &json!("PT48H")));
    }
}

/// Two tabs on one deployment took licences from people that a colleague had just added.
mod two_tabs_on_one_deployment_lose_no_group {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        let (server, apple) = api_with_apple::start().await;
        two_tabs_on_one_deployment(&server, &apple).await;
        server.stop().await;
        apple.shutdown().await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL"]
    async fn on_postgres() {
        let fresh = Fresh::postgres().await;
        let url = fresh.url().to_owned();
        let (server, apple) = api_with_apple::start_with(|config| config.database_url = url).await;
        two_tabs_on_one_deployment(&server, &apple).await;
        server.stop().await;
        apple.shutdown().await;
        fresh.close().await;
    }
}

async fn two_tabs_on_one_deployment(server: &TestServer, apple: &Apple) {
    api_with_apple::linked(server, apple).await;
    let browser = Browser::sign_in(server).await;
    let (sales, design) = (group(server, "영업팀").await, group(server, "디자인팀").await);
    let (_, apps) = server.get("/api/v1/apps").await;
    let app = apps["value"][0]["id"].as_str().unwrap().to_owned();
    let (here, api) = (
        format!("/apps/{app}/deployment"),
        format!("/api/v1/apps/{app}/deployments"),
    );
    let groups = async || -> BTreeSet<String> {
        let lines = server.get(&api).await.1["value"].as_array().unwrap().clone();
        lines
            .iter()
            .map(|line| line["groupId"].as_str().unwrap().to_owned())
            .collect()
    };

    let opened = browser.form(server, &here).await;
    let required = |group: &str| {
        let chosen = form::and(&opened, "group", group);
        form::with(&chosen, &format!("approval-{group}"), "required")
    };
    // What was chosen is shown first, and saved from there.
    let previewed = async |choices: &form::Fields| {
        let (status, page) = browser.submit(server, &here, choices).await;
        assert_eq!(status, 200, "{page}");
        form::of(&page, &here)
    };
    let shown = previewed(&required(&sales)).await;
    assert_eq!(browser.submit(server, &here, &shown).await.0, 303);
    // Whoever only wants to see what saving would do hears it, too.
    for press in [form::and(&required(&design), "check", "1"), required(&design)] {
        let (status, page) = browser.submit(server, &here, &press).await;
        assert_eq!(status, 409);
        assert!(page.contains("홍라온 님이 먼저 바꿨습니다"), "{page}");
        assert_eq!(groups().await, BTreeSet::from([sales.clone()]));
    }
    let (_, conflict) = browser.submit(server, &here, &required(&design)).await;
    let shown = previewed(&form::of(&conflict, &here)).await;
    assert_eq!(browser.submit(server, &here, &shown).await.0, 303);
    assert_eq!(groups().await, BTreeSet::from([sales, design]));
}
