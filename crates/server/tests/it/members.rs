//! Who is in a group: added and taken out, by several at once, in organisations of any size.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::app::{Caller, Role};
use store::{
    Store,
    testing::{Fresh, Organisation, organisation},
};
use tokio::task::JoinSet;
use uuid::Uuid;

use crate::server::{Browser, PASSWORD, TestServer, answer, form, kind, on_both};

/// So many people are in a large organisation.
const EVERYBODY: usize = 10_000;

async fn person(server: &TestServer, name: &str, department: &str) -> String {
    let new = json!({ "displayName": name, "department": department });
    let (status, person) = server.send(Method::POST, "/api/v1/users", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{person}");
    person["id"].as_str().unwrap().to_owned()
}

/// The path of a new group on the console.
async fn group(server: &TestServer, kind: &str) -> String {
    let new = json!({ "displayName": "전사", "kind": kind });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    format!("/groups/{}", group["id"].as_str().unwrap())
}

async fn change(server: &TestServer, page: &str, change: &Value) -> (StatusCode, Value) {
    let request = server.request(Method::POST, &format!("/api/v1{page}/members"));
    answer(request.bearer_auth(&server.key).json(change)).await
}

/// All members, page by page.
async fn members(server: &TestServer, page: &str) -> BTreeSet<String> {
    let first = format!("/api/v1{page}/members?limit=7");
    let (mut all, mut next) = (Vec::new(), first.clone());
    loop {
        let (status, some) = server.get(&next).await;
        assert_eq!(status, StatusCode::OK, "{some}");
        let ids = some["value"].as_array().unwrap().iter();
        all.extend(ids.map(|id| id.as_str().unwrap().to_owned()));
        let Some(cursor) = some["nextCursor"].as_str() else {
            break;
        };
        next = format!("{first}&cursor={cursor}");
    }
    assert!(all.is_sorted(), "{all:?}");
    let different: BTreeSet<String> = all.iter().cloned().collect();
    assert_eq!(different.len(), all.len(), "each once");
    different
}

/// The version of the members, and the latest of what happened.
async fn seen(server: &TestServer, page: &str) -> (String, Value) {
    let request = server.request(Method::GET, &format!("/api/v1{page}/members"));
    let answer = request.bearer_auth(&server.key).send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let (_, activity) = server.get("/api/v1/events?limit=1").await;
    (tag, activity["value"][0].clone())
}

fn short(id: &str) -> String {
    id.replace('-', "")
}

on_both! {
    /// Saving was the whole list: whoever saved second was told that somebody had been faster.
    async fn twenty_who_add_and_take_out_at_once_do_not_stand_in_each_other_s_way(server: &TestServer) {
        let page = group(server, "user").await;
        let (mut old, mut new) = (Vec::new(), Vec::new());
        for number in 0..20 {
            old.push(person(server, &format!("오랜 사람 {number}"), "").await);
            new.push(person(server, &format!("새 사람 {number}"), "").await);
        }
        let both = old[0].clone();
        assert_eq!(change(server, &page, &json!({ "add": old })).await.0, StatusCode::OK);

        let mut changes = JoinSet::new();
        for (comes, goes) in new.iter().zip(&old) {
            let request = server.request(Method::POST, &format!("/api/v1{page}/members")).bearer_auth(&server.key);
            // One of them is taken out by everybody.
            changes.spawn(answer(request.json(&json!({ "add": [comes], "remove": [goes, both] }))));
        }
        for (status, saved) in changes.join_all().await {
            assert_eq!(status, StatusCode::OK, "{saved}");
        }

        assert_eq!(members(server, &page).await, new.into_iter().collect());
        assert_eq!(server.get(&format!("/api/v1{page}")).await.1["memberCount"], json!(20));
        let (_, happened) = server.get("/api/v1/events?limit=100").await;
        let saved = happened["value"].as_array().unwrap().iter();
        let saved: Vec<&Value> = saved.filter(|event| event["activityType"] == "groupMembersSet").collect();
        let told = |what: &str| saved.iter().map(|event| event["detail"][what].as_u64().unwrap()).sum::<u64>();
        assert_eq!((told("joined"), told("left")), (40, 20), "{saved:?}");
    }

    async fn whoever_is_in_already_or_is_not_changes_nothing(server: &TestServer) {
        let page = group(server, "user").await;
        let (kim, lee) = (person(server, "김하늘", "").await, person(server, "이바다", "").await);
        assert_eq!(change(server, &page, &json!({ "add": [kim] })).await.0, StatusCode::OK);
        let before = seen(server, &page).await;
        let (status, saved) = change(server, &page, &json!({ "add": [kim], "remove": [lee, Uuid::now_v7()] })).await;
        assert_eq!((status, &saved["memberCount"]), (StatusCode::OK, &json!(1)), "{saved}");
        assert_eq!(seen(server, &page).await, before, "neither a version nor an event");
        // And who is named twice goes.
        let (_, saved) = change(server, &page, &json!({ "add": [kim, lee], "remove": [kim] })).await;
        assert_eq!(saved["memberCount"], 1);
        assert_eq!(members(server, &page).await, BTreeSet::from([lee]));
    }

    async fn whoever_left_or_does_not_exist_is_refused_by_name(server: &TestServer) {
        let page = group(server, "user").await;
        let (kim, lee) = (person(server, "김하늘", "").await, person(server, "이바다", "").await);
        let nobody = Uuid::now_v7().to_string();
        let browser = Browser::sign_in(server).await;
        let path = format!("{page}/members");
        let opened = form::of(&browser.page(server, &format!("{page}?add={}", short(&kim))).await, &path);
        assert!(opened.contains(&("add".to_owned(), short(&kim))), "{opened:?}");
        let leave = server.request(Method::POST, &format!("/api/v1/users/{kim}/leave"));
        assert_eq!(answer(leave.bearer_auth(&server.key).header("if-match", "*")).await.0, StatusCode::OK);

        let (status, refused) = change(server, &page, &json!({ "add": [kim, lee, nobody] })).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{refused}");
        assert_eq!((&refused["leftUserIds"], &refused["unknownIds"]), (&json!([kim]), &json!([nobody])));
        let problems = refused["errors"].as_array().unwrap().iter();
        let problems: Vec<_> = problems.map(|error| (error["field"].clone(), error["problem"].clone())).collect();
        assert_eq!(problems, [(json!("add"), json!("unknown")), (json!("add"), json!("left"))]);
        assert!(refused["detail"].as_str().unwrap().contains(&kim), "{refused}");

        let mut fields = form::and(&opened, "add", &short(&lee));
        fields = form::and(&fields, "add", &nobody);
        let (status, shown) = browser.submit(server, &path, &fields).await;
        assert_eq!(status, 422);
        assert!(shown.contains("퇴사한 사용자는 추가할 수 없습니다: 김하늘."), "{shown}");
        assert!(shown.contains("선택한 것 가운데 1개는 이제 없습니다"), "{shown}");
        assert_eq!(members(server, &page).await, BTreeSet::new());
        // Whoever can be added is still chosen, and nobody else.
        let again = form::of(&shown, &path);
        let chosen: Vec<_> = again.iter().filter(|(name, _)| name == "add").collect();
        assert_eq!(chosen, [&("add".to_owned(), short(&lee))]);
        assert_eq!(browser.submit(server, &path, &again).await.0, 303);
        assert_eq!(members(server, &page).await, BTreeSet::from([lee]));
    }

    /// The page listed everybody who could be chosen: 1.8 MB at this size.
    async fn the_page_of_a_group_of_everybody_weighs_little_and_finds_one_of_them(server: &TestServer) {
        let mut ids: Vec<Uuid> = (0..EVERYBODY).map(|_| Uuid::now_v7()).collect();
        ids.sort_unstable();
        server.running.app.store.people_arrive(&ids).await.unwrap();
        let page = group(server, "user").await;
        let (status, _) = change(server, &page, &json!({ "add": ids[1..] })).await;
        assert_eq!(status, StatusCode::OK);
        for (id, name) in [(ids[7777], "정찾음"), (ids[0], "정새롬")] {
            let request = server.request(Method::PATCH, &format!("/api/v1/users/{id}")).bearer_auth(&server.key);
            let request = request.header("if-match", "*").json(&json!({ "displayName": name, "department": "연구소" }));
            assert_eq!(answer(request).await.0, StatusCode::OK);
        }
        let browser = Browser::sign_in(server).await;
        for (lang, count, range) in [("ko", "9,999명", "9,999명 중 1–50"), ("en", "9,999 people", "1–50 of 9,999")] {
            let shown = browser.request(server, Method::GET, &page, lang).send().await.unwrap().text().await.unwrap();
            assert!(shown.len() < 100_000, "{} bytes", shown.len());
            let shown = shown.replace(['\u{2068}', '\u{2069}'], "");
            assert!(shown.contains(count) && shown.contains(range), "{shown}");
            assert_eq!(shown.matches(r#"name="remove""#).count(), 50);

            // In the middle, and back.
            let far = format!("{page}?turn=after.{}.5000", ids[5000]);
            let shown = browser.request(server, Method::GET, &far, lang).send().await.unwrap().text().await.unwrap();
            assert!(shown.len() < 100_000 && shown.contains(&short(&ids[5001].to_string())), "{shown}");

            // Of the members, by what one knows of them; and of all others.
            for (query, field, found, other) in [("q", "remove", ids[7777], ids[0]), ("find", "add", ids[0], ids[7777])] {
                for sought in ["정", "연구"] {
                    let path = format!("{page}?{query}={sought}");
                    let shown = browser.request(server, Method::GET, &path, lang).send().await.unwrap().text().await.unwrap();
                    assert!(shown.len() < 100_000, "{} bytes", shown.len());
                    let boxed = |id: Uuid| format!(r#"name="{field}" value="{}""#, id.simple());
                    assert!(shown.contains(&boxed(found)) && !shown.contains(&boxed(other)), "{query} {sought}: {shown}");
                }
            }
        }
    }

    async fn whoever_was_chosen_stays_chosen_while_the_reader_looks_for_others(server: &TestServer) {
        let page = group(server, "user").await;
        let path = format!("{page}/members");
        let mut ids = Vec::new();
        for name in ["가람", "나리", "다래", "라온"] {
            ids.push(person(server, name, if name == "다래" { "영업팀" } else { "" }).await);
        }
        assert_eq!(change(server, &page, &json!({ "add": ids[..2] })).await.0, StatusCode::OK);
        let browser = Browser::sign_in(server).await;
        // As the button for searching sends the form.
        let searched = async |fields: &form::Fields, query: &str, text: &str| {
            let request = browser.request(server, Method::GET, &page, "ko").query(&form::with(fields, query, text));
            let shown = request.send().await.unwrap().text().await.unwrap();
            let fields = form::of(&shown, &path);
            (shown, fields)
        };
        let opened = form::of(&browser.page(server, &page).await, &path);
        let chosen = form::and(&form::and(&opened, "remove", &short(&ids[0])), "add", &short(&ids[2]));
        let (shown, fields) = searched(&chosen, "q", "나리").await;
        assert!(shown.contains("선택: 추가 \u{2068}1\u{2069}, 제외 \u{2068}1\u{2069}") || shown.contains("선택: 추가 1, 제외 1"), "{shown}");
        let (_, fields) = searched(&fields, "find", "라온").await;
        for kept in [("remove", &ids[0]), ("add", &ids[2])] {
            let kept = (kept.0.to_owned(), short(kept.1));
            assert_eq!(fields.iter().filter(|field| **field == kept).count(), 1, "{kept:?} in {fields:?}");
        }
        assert!(fields.contains(&("q".to_owned(), "나리".to_owned())), "the other search stays, too");
        let all = form::and(&fields, "add", &short(&ids[3]));
        assert!(browser.press(server, &path, &all).await.contains("회원을 저장했습니다"));
        assert_eq!(members(server, &page).await, ids[1..].iter().cloned().collect());

        // Nobody chosen is no mistake, and is said.
        let (status, shown) = browser.submit(server, &path, &form::of(&browser.page(server, &page).await, &path)).await;
        assert_eq!(status, 200);
        assert!(shown.contains("바뀐 것이 없습니다. 추가하거나 제외할 회원을 선택하십시오."), "{shown}");

        // So many are carried along, and who is not is counted.
        let many: Vec<String> = (0..103).map(|_| format!("add={}", Uuid::now_v7().simple())).collect();
        let (status, shown) = browser.get(server, &format!("{page}?{}", many.join("&"))).await;
        let shown = shown.replace(['\u{2068}', '\u{2069}'], "");
        assert_eq!(status, 200);
        assert!(shown.contains("한 번에 100개까지 선택할 수 있습니다. 나중에 선택한 3개는 빠졌습니다."), "{shown}");
    }

    async fn whoever_may_only_look_sees_the_members_and_no_boxes(server: &TestServer) {
        let page = group(server, "user").await;
        let kim = person(server, "김하늘", "").await;
        assert_eq!(change(server, &page, &json!({ "add": [kim] })).await.0, StatusCode::OK);
        let password = SecretString::from(PASSWORD);
        let app = &server.running.app;
        app.account_add(&Caller::System, "look", "눈", &password, Role::ReadOnly).await.unwrap();
        let browser = Browser::of(server, "look", PASSWORD).await.unwrap();
        let (status, shown) = browser.get(server, &format!("{page}?q=하늘")).await;
        assert_eq!(status, 200);
        assert!(shown.contains("김하늘") && !shown.contains("checkbox") && !shown.contains("회원 추가"), "{shown}");
        let add = vec![("remove".to_owned(), short(&kim))];
        assert_eq!(browser.submit(server, &format!("{page}/members"), &add).await.0, 403);
        let request = server.request(Method::POST, &format!("/api/v1{page}/members")).bearer_auth(&server.looker);
        assert_eq!(answer(request.json(&json!({ "remove": [kim] }))).await.0, StatusCode::FORBIDDEN);
        assert_eq!(members(server, &page).await.len(), 1);
    }

    async fn a_preview_is_of_the_whole_list_or_of_a_change_and_not_of_both(server: &TestServer) {
        let page = group(server, "user").await;
        let kim = person(server, "김하늘", "").await;
        let path = format!("/api/v1{page}/members/preview");
        for (body, problem) in [
            (json!({ "value": [kim], "add": [kim] }), "ambiguous"),
            (json!({ "value": [], "remove": [] }), "ambiguous"),
            (json!({}), "missing"),
        ] {
            let (status, refused) = server.send(Method::POST, &path, &body).await;
            assert_eq!((status, &refused["errors"][0]["problem"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(problem)), "{refused}");
        }
        for body in [json!({ "value": [kim] }), json!({ "add": [kim] }), json!({ "add": [kim], "remove": [] })] {
            let (status, preview) = server.send(Method::POST, &path, &body).await;
            assert_eq!((status, &preview["joiningIds"]), (StatusCode::OK, &json!([kim])), "{preview}");
        }
    }
}

/// Forty people with an iPhone each, and an app that is required for all of them: half of them have it.
async fn company(store: &Store) -> Organisation {
    organisation(store, 40, 1, domain::Time(1_900_000_000_000))
        .await
        .unwrap()
}

on_both! {
    upon company;

    async fn a_change_is_saved_as_it_was_previewed_or_refused(server: &TestServer, company: Organisation) {
        let page = format!("/groups/{}", company.group.0);
        let holders: Vec<Uuid> = company.people.iter().step_by(2).map(|person| person.0).collect();
        let wanted = json!({ "remove": holders });
        let path = format!("/api/v1{page}/members/preview");
        let (status, preview) = server.send(Method::POST, &path, &wanted).await;
        assert_eq!((status, &preview["confirmTakeBack"]), (StatusCode::OK, &json!(20)), "{preview}");
        let agreed = |digest: &Value, confirmed: u64| {
            json!({ "remove": holders, "previewDigest": digest, "confirmTakeBack": confirmed })
        };
        let (status, problem) = change(server, &page, &agreed(&preview["digest"], 19)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{problem}");
        // Somebody else is faster with one of them: that is something else.
        let (status, _) = change(server, &page, &json!({ "remove": [holders[0]] })).await;
        assert_eq!(status, StatusCode::OK);
        let (status, problem) = change(server, &page, &agreed(&preview["digest"], 20)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(members(server, &page).await.len(), 39);
        let (status, saved) = change(server, &page, &agreed(&problem["previewDigest"], 19)).await;
        assert_eq!((status, &saved["memberCount"]), (StatusCode::OK, &json!(20)), "{saved}");
        // Once everything is as it is wanted, an old digest promises nothing any more.
        let (status, _) = change(server, &page, &agreed(&preview["digest"], 20)).await;
        assert_eq!(status, StatusCode::OK);
    }

    async fn devices_are_found_by_name_serial_and_person(server: &TestServer, company: Organisation) {
        let page = group(server, "device").await;
        let path = format!("{page}/members");
        let person = company.people[3];
        let request = server.request(Method::PATCH, &format!("/api/v1/users/{person}")).bearer_auth(&server.key);
        let request = request.header("if-match", "*").json(&json!({ "displayName": "정새롬" }));
        assert_eq!(answer(request).await.0, StatusCode::OK);
        let device = server.running.app.devices_of(person).await.unwrap()[0].id.0;
        let browser = Browser::sign_in(server).await;
        let shown = browser.page(server, &format!("{page}?find=새롬")).await;
        assert_eq!(shown.matches(r#"name="add""#).count(), 1, "{shown}");
        let fields = form::and(&form::of(&shown, &path), "add", &device.simple().to_string());
        assert!(browser.press(server, &path, &fields).await.contains("정새롬"), "whose it is stands beside it");
        assert_eq!(members(server, &page).await, BTreeSet::from([device.to_string()]));
        let shown = browser.page(server, &format!("{page}?q=새롬&find=새롬")).await;
        assert_eq!(shown.matches(r#"name="remove""#).count(), 1, "{shown}");
        assert_eq!(shown.matches(r#"name="add""#).count(), 0, "who is in it is not offered");
    }
}
