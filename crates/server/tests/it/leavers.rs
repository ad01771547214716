//! Somebody leaves the organisation, and comes back: what changes at once, and what is refused from then on.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::server::{Browser, TestServer, answer, form, kind};

async fn made(server: &TestServer, path: &str, new: Value) -> Value {
    let (status, made) = server.send(Method::POST, path, &new).await;
    assert_eq!(status, StatusCode::CREATED, "{made}");
    made
}

async fn person(server: &TestServer, name: &str, mail: &str) -> String {
    let new = json!({ "displayName": name, "mail": mail });
    let person = made(server, "/api/v1/users", new).await;
    format!("/api/v1/users/{}", person["id"].as_str().unwrap())
}

/// Asks for it upon the version that `tag` names, or upon what is there now.
async fn moved(server: &TestServer, path: &str, how: &str, tag: Option<&str>) -> (StatusCode, Value) {
    let request = server
        .request(Method::POST, &format!("{path}/{how}"))
        .bearer_auth(&server.key)
        .header("if-match", tag.unwrap_or("*"));
    answer(request).await
}

fn id(path: &str) -> &str {
    path.rsplit('/').next().unwrap()
}

async fn members(server: &TestServer, group: &Value) -> Value {
    let path = format!("/api/v1/groups/{}/members", group["id"].as_str().unwrap());
    server.get(&path).await.1["value"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_leaves_is_in_no_group_and_no_link_of_theirs_works() {
    let server = TestServer::start_with(|config| config.mdm.push_topic = Some("topic".to_owned())).await;
    let leaver = person(&server, "김하늘", "haneul@example.com").await;
    let other = person(&server, "이바다", "bada@example.com").await;
    let group = json!({ "displayName": "영업팀", "kind": "user" });
    let group = made(&server, "/api/v1/groups", group).await;
    let group_path = format!("/api/v1/groups/{}/members", group["id"].as_str().unwrap());
    let both = json!({ "value": [id(&leaver), id(&other)] });
    assert_eq!(server.send(Method::PUT, &group_path, &both).await.0, StatusCode::OK);
    let link = made(&server, &format!("{leaver}/enrolmentLinks"), json!({})).await;
    let link = link["url"].as_str().unwrap();

    let (status, left) = moved(&server, &leaver, "leave", None).await;
    assert_eq!(status, StatusCode::OK, "{left}");
    assert!(left["leftDateTime"].is_string());

    assert_eq!(members(&server, &group).await, json!([id(&other)]));
    for method in [Method::GET, Method::POST] {
        let answer = server.http.request(method, link).header("accept-language", "ko");
        let answer = answer.send().await.unwrap();
        assert_eq!(answer.status(), StatusCode::GONE);
        assert!(answer.text().await.unwrap().contains("더 이상 쓸 수 없는 링크입니다"));
    }
    let (_, events) = server.get(&format!("/api/v1/events?userId={}", id(&leaver))).await;
    let kinds: Vec<_> = events["value"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| &it["activityType"])
        .collect();
    assert_eq!(kinds[..2], ["personLeft", "groupLeft"]);

    // Nothing new: no link, and no group, until they are back.
    let links = format!("{leaver}/enrolmentLinks");
    for (method, path, body) in [
        (Method::POST, &links, json!({})),
        (Method::PUT, &group_path, both.clone()),
    ] {
        let (status, problem) = server.send(method, path, &body).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert_eq!(problem["errors"][0]["problem"], "left");
    }
    let (status, back) = moved(&server, &leaver, "return", None).await;
    assert_eq!((status, &back["leftDateTime"]), (StatusCode::OK, &Value::Null));
    assert_eq!(
        members(&server, &group).await,
        json!([id(&other)]),
        "groups are chosen anew"
    );
    assert_eq!(server.send(Method::PUT, &group_path, &both).await.0, StatusCode::OK);
    assert_eq!(
        server.send(Method::POST, &links, &json!({})).await.0,
        StatusCode::CREATED
    );
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_program_sends_nobody_away_and_leaving_twice_is_leaving_once() {
    let server = TestServer::start().await;
    let leaver = person(&server, "김하늘", "haneul@example.com").await;
    let seen = server.request(Method::GET, &leaver).bearer_auth(&server.key);
    let seen = seen.send().await.unwrap().headers()["etag"]
        .to_str()
        .unwrap()
        .to_owned();
    let changed = json!({ "department": "영업팀" });
    assert_eq!(server.send(Method::PATCH, &leaver, &changed).await.0, StatusCode::OK);

    for how in ["leave", "return"] {
        let without = server.request(Method::POST, &format!("{leaver}/{how}"));
        let (status, problem) = answer(without.bearer_auth(&server.key)).await;
        assert_eq!((status.as_u16(), kind(&problem)), (428, "version-missing"));
        let (status, problem) = moved(&server, &leaver, how, Some(&seen)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::PRECONDITION_FAILED, "stale"));
        assert_eq!(problem["current"]["department"], "영업팀");
    }
    assert_eq!(server.get(&leaver).await.1["leftDateTime"], Value::Null);

    let (_, once) = moved(&server, &leaver, "leave", None).await;
    let (status, twice) = moved(&server, &leaver, "leave", None).await;
    assert_eq!((status, &twice), (StatusCode::OK, &once));
    let (_, events) = server.get(&format!("/api/v1/events?userId={}", id(&leaver))).await;
    let left = |event: &&Value| event["activityType"] == "personLeft";
    assert_eq!(events["value"].as_array().unwrap().iter().filter(left).count(), 1);

    // Somebody else may look, and no more.
    let looks = server
        .request(Method::POST, &format!("{leaver}/return"))
        .header("if-match", "*");
    assert_eq!(answer(looks.bearer_auth(&server.looker)).await.0, StatusCode::FORBIDDEN);
    let (status, _) = moved(
        &server,
        "/api/v1/users/0198c0de-0000-7000-8000-000000000000",
        "leave",
        None,
    )
    .await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    server.stop().await;
}

/// Of somebody who left the address is free; two people never have one.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_comes_back_to_an_address_that_somebody_else_has_by_now() {
    let server = TestServer::start().await;
    let leaver = person(&server, "김하늘", "haneul@example.com").await;
    moved(&server, &leaver, "leave", None).await;
    let heir = person(&server, "김하늘", "HANEUL@example.com").await;

    let (status, problem) = moved(&server, &leaver, "return", None).await;
    assert_eq!(
        (status, &problem["errors"][0]["field"]),
        (StatusCode::CONFLICT, &json!("mail"))
    );
    let browser = Browser::sign_in(&server).await;
    let page = format!("/people/{}", id(&leaver));
    let action = format!("{page}/return");
    let fields = form::of(&browser.page(&server, &page).await, &action);
    let (status, shown) = browser.submit(&server, &action, &fields).await;
    assert_eq!(status, 409);
    assert!(
        shown.contains("다른 사용자가 이 전자 메일 주소를 사용하고 있습니다"),
        "{shown}"
    );

    let free = json!({ "mail": null });
    assert_eq!(server.send(Method::PATCH, &heir, &free).await.0, StatusCode::OK);
    assert_eq!(moved(&server, &leaver, "return", None).await.0, StatusCode::OK);
    server.stop().await;
}

/// The page says first what will happen, and does nothing without the tick, or upon what was changed meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_a_person_says_what_leaving_means_and_what_is_still_to_be_done() {
    let server = TestServer::start().await;
    let leaver = person(&server, "김하늘", "haneul@example.com").await;
    let browser = Browser::sign_in(&server).await;
    let page = format!("/people/{}", id(&leaver));
    let (leave, back) = (format!("{page}/leave"), format!("{page}/return"));

    let shown = browser.page(&server, &page).await;
    assert!(shown.contains(&format!("href=\"{leave}\"")), "{shown}");
    let shown = browser.page(&server, &leave).await;
    for text in [
        "속한 그룹이 없습니다",
        "받았거나 받을 앱이 없습니다",
        "등록된 장치가 없습니다",
        "Apple에 등록된 적이 없습니다",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let fields = form::of(&shown, &leave);
    let by_default = ("devices".to_owned(), "retire".to_owned());
    assert!(fields.contains(&by_default));
    assert!(
        !shown.contains("type=\"radio\" name=\"devices\""),
        "nobody is asked about devices that are not there: {shown}"
    );
    let (status, refused) = browser.submit(&server, &leave, &fields).await;
    assert_eq!(status, 422);
    assert!(refused.contains("확인란을 선택하지 않았습니다"));

    let changed = json!({ "department": "영업팀" });
    assert_eq!(server.send(Method::PATCH, &leaver, &changed).await.0, StatusCode::OK);
    let ticked = form::and(&fields, "confirmed", "yes");
    let (status, stale) = browser.submit(&server, &leave, &ticked).await;
    assert_eq!(status, 409);
    assert!(stale.contains("먼저 바꿨습니다"), "{stale}");
    assert_eq!(server.get(&leaver).await.1["leftDateTime"], Value::Null);

    let ticked = form::and(&form::of(&stale, &leave), "confirmed", "yes");
    assert_eq!(browser.submit(&server, &leave, &ticked).await.0, 303);
    let shown = browser.page(&server, &page).await;
    for text in [
        "등록된 장치가 없습니다",
        "라이선스를 모두 회수했습니다",
        "Apple에 등록된 적이 없습니다",
    ] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    assert!(!shown.contains(&leave));
    // Nothing is left to be previewed.
    let (status, _) = browser.submit(&server, &leave, &ticked).await;
    assert_eq!(status, 303);
    let (status, _) = browser.submit(&server, &back, &form::of(&shown, &back)).await;
    assert_eq!(status, 303);
    assert!(browser.page(&server, &page).await.contains(&leave));
    server.stop().await;
}
