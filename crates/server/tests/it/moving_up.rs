//! Moving somebody up in the line: it is refused where it would say nothing, and told wherever one sees them wait.

use std::fmt::Write;

use domain::PersonId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::{Fresh, Organisation};
use uuid::Uuid;

use crate::{
    previews::company,
    server::{Browser, TestServer, answer, form, kind, on_both, until},
};

/// Where somebody is moved up, in the API and on a page of the console.
struct Way {
    api: String,
    page: String,
}

fn way(company: &Organisation, person: PersonId) -> Way {
    let asset = company.assets[0].0;
    Way {
        api: format!("/api/v1/apps/{asset}/movedUp/{}", person.0),
        page: format!("/apps/{asset}/waiting/{}", person.0),
    }
}

/// What the API says of somebody and the app.
async fn status(server: &TestServer, company: &Organisation, person: PersonId) -> Value {
    let path = format!("/api/v1/apps/{}/userStatuses?limit=1000", company.assets[0].0);
    let (_, all) = server.get(&path).await;
    let rows = all["value"].as_array().unwrap();
    let theirs = rows.iter().find(|row| row["userId"] == json!(person.0));
    theirs.cloned().unwrap_or_default()
}

async fn until_at(server: &TestServer, company: &Organisation, person: PersonId, place: u64) -> Value {
    let what = format!("they wait at place {place}");
    until(&what, async || {
        let status = status(server, company, person).await;
        (status["waitingPlace"] == json!(place)).then_some(status)
    })
    .await
}

async fn moved(server: &TestServer, way: &Way, reason: &str) -> (StatusCode, Value) {
    server.send(Method::POST, &way.api, &json!({ "reason": reason })).await
}

/// What the history tells of such events about somebody.
async fn told(server: &TestServer, person: PersonId, kind: &str) -> Vec<Value> {
    let (_, events) = server
        .get(&format!("/api/v1/events?userId={}&limit=1000", person.0))
        .await;
    let events = events["value"].as_array().unwrap().iter();
    events.filter(|event| event["activityType"] == kind).cloned().collect()
}

/// The answer to "why?", in English.
async fn why(server: &TestServer, company: &Organisation, person: PersonId) -> Value {
    let path = format!("/api/v1/why/{}/{}", person.0, company.assets[0].0);
    let request = server.request(Method::GET, &path).bearer_auth(&server.looker);
    answer(request.header("accept-language", "en")).await.1
}

fn coded<'a>(remedies: &'a Value, code: &str) -> Option<&'a Value> {
    remedies
        .as_array()
        .unwrap()
        .iter()
        .find(|remedy| remedy["code"] == code)
}

on_both! {
    upon company;

    /// Twenty wait. Of them the last is moved up by a program, and another one on the page.
    async fn whoever_is_moved_up_comes_first_and_the_reason_is_told(server: &TestServer, company: Organisation) {
        let [first, other, last] = [1, 35, 39].map(|number| company.people[number]);
        until_at(server, &company, last, 20).await;
        let before = why(server, &company, last).await;
        let remedy = coded(&before["remedies"], "moveUp").expect("a remedy");
        assert_eq!((&remedy["by"], &remedy["href"]), (&json!("administrator"), &json!(way(&company, last).page)));
        assert_eq!(coded(&why(server, &company, first).await["remedies"], "moveUp"), None, "nobody is before them");

        let to_last = way(&company, last);
        assert_eq!(moved(server, &to_last, "해외 출장").await.0, StatusCode::NO_CONTENT);
        let seen = until_at(server, &company, last, 1).await;
        assert_eq!((&seen["movedUp"]["by"], &seen["movedUp"]["reason"]), (&json!("test"), &json!("해외 출장")));
        assert!(seen["movedUp"]["dateTime"].is_string(), "{seen}");
        until_at(server, &company, first, 2).await;
        assert_eq!(status(server, &company, first).await["movedUp"], Value::Null);
        // Said once more it is heard once, and another reason does not take the place of the first.
        assert_eq!(moved(server, &to_last, " 해외 출장 ").await.0, StatusCode::NO_CONTENT);
        let (code, problem) = moved(server, &to_last, "휴가").await;
        assert_eq!((code, kind(&problem)), (StatusCode::CONFLICT, "moved-up-already"), "{problem}");

        // On the page one sees what it does before, and who did it and why after.
        let browser = Browser::sign_in(server).await;
        let to_other = way(&company, other);
        let page = browser.page(server, &to_other.page).await;
        for said in ["대기 19번째 → 대기 2번째", "17명보다 먼저"] {
            assert!(page.contains(said), "{said}: {page}");
        }
        let form = form::of(&page, &to_other.page);
        let (code, page) = browser.submit(server, &to_other.page, &form).await;
        assert!(code == 422 && page.contains(r#"id="reason-e""#), "{code}: {page}");
        let given = form::with(&form, "reason", "임원 <보고>");
        let page = browser.press(server, &to_other.page, &given).await;
        assert!(page.contains("대기 순서를 앞당겼습니다."), "{page}");
        assert!(page.contains("순서를 앞당긴 이유: 임원 &#60;보고&#62;"), "{page}");
        let seen = until_at(server, &company, other, 2).await;
        assert_eq!(seen["movedUp"]["by"], "홍라온");
        let again = form::with(&form, "reason", "다른 이유");
        let (code, page) = browser.submit(server, &to_other.page, &again).await;
        assert!(code == 409 && page.contains("다른 관리자가 이미"), "{code}: {page}");
        assert!(page.contains("홍라온") && page.contains("임원 &#60;보고&#62;"), "{page}");
        let users = browser.page(server, &format!("/apps/{}?tab=users", company.assets[0].0)).await;
        let line = users.split(r#"<ol class="queue">"#).nth(1).expect("a line");
        let place = |text: &str| line.find(text).unwrap_or_else(|| panic!("{text}: {line}"));
        assert!(place("해외 출장") < place("임원 &#60;보고&#62;"), "the first who was moved stays first");

        // It is one link of what led there, and in the history.
        let after = why(server, &company, other).await;
        let links = after["chain"].as_array().unwrap();
        let link = links.iter().find(|link| link["stage"] == "movedUp").expect("a link");
        assert_eq!(link["tense"], "done");
        assert_eq!(link["reason"], "By 홍라온, because: 임원 <보고>");
        assert_eq!(coded(&after["remedies"], "moveUp"), None, "once is enough");
        let events = told(server, other, "movedUp").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["detail"]["reason"], "임원 <보고>", "{events:?}");
        assert_eq!(told(server, last, "movedUp").await.len(), 1);

        // And back, which is no mistake where nobody was moved.
        let page = browser.press(server, &format!("{}/back", to_other.page), &Vec::new()).await;
        assert!(page.contains("대기 순서를 되돌렸습니다."), "{page}");
        until_at(server, &company, other, 19).await;
        for _ in 0..2 {
            assert_eq!(server.send(Method::DELETE, &to_other.api, &json!({})).await.0, StatusCode::NO_CONTENT);
        }
        assert_eq!(told(server, other, "movedBack").await.len(), 1);
        assert_eq!(why(server, &company, other).await["chain"].as_array().unwrap().iter().find(|link| link["stage"] == "movedUp"), None);
    }

    async fn it_is_refused_to_whoever_may_not_and_of_whom_it_says_nothing(server: &TestServer, company: Organisation) {
        let [has, waits] = [0, 39].map(|number| company.people[number]);
        until_at(server, &company, waits, 20).await;
        let to = way(&company, waits);
        for method in [Method::POST, Method::DELETE] {
            let looks = server.request(method, &to.api).bearer_auth(&server.looker);
            assert_eq!(answer(looks.json(&json!({ "reason": "출장" }))).await.0, StatusCode::FORBIDDEN);
        }
        let mut long = String::new();
        for number in 0..501 {
            write!(long, "{}", number % 10).unwrap();
        }
        for reason in ["", " \t", &long, "a\u{7}b"] {
            let (code, problem) = moved(server, &to, reason).await;
            assert_eq!((code, kind(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{problem}");
            assert_eq!(problem["errors"][0]["field"], "reason", "{problem}");
        }
        assert!(server.send(Method::POST, &to.api, &json!({})).await.0.is_client_error(), "no reason at all");
        assert_eq!(moved(server, &way(&company, PersonId(Uuid::nil())), "출장").await.0, StatusCode::NOT_FOUND);
        let elsewhere = Way { api: to.api.replace(&company.assets[0].0.to_string(), &Uuid::nil().to_string()), ..way(&company, waits) };
        assert_eq!(moved(server, &elsewhere, "출장").await.0, StatusCode::NOT_FOUND);
        let (code, problem) = moved(server, &way(&company, has), "출장").await;
        assert_eq!((code, kind(&problem)), (StatusCode::CONFLICT, "not-waiting"), "{problem}");
        assert_eq!(status(server, &company, waits).await["movedUp"], Value::Null);
        assert_eq!(told(server, waits, "movedUp").await.len(), 0);

        // Whom one saw wait, and who does not any more: the page says so, and nothing is saved.
        let browser = Browser::sign_in(server).await;
        let form = browser.form(server, &to.page).await;
        company.leaves(&server.running.app.store, waits).await.unwrap();
        until("they are out of the line", async || {
            status(server, &company, waits).await["waitingPlace"].is_null().then_some(json!(true))
        })
        .await;
        let (code, page) = browser.submit(server, &to.page, &form::with(&form, "reason", "출장")).await;
        assert!(code == 409 && page.contains("더는 기다리지 않습니다"), "{code}: {page}");
        assert_eq!(told(server, waits, "movedUp").await.len(), 0);
    }

    /// Out of the group nothing is left of it; and whoever comes back waits as everybody does.
    async fn it_is_over_when_they_shall_not_have_the_app_any_more(server: &TestServer, company: Organisation) {
        let store = &server.running.app.store;
        let last = company.people[39];
        until_at(server, &company, last, 20).await;
        assert_eq!(moved(server, &way(&company, last), "출장").await.0, StatusCode::NO_CONTENT);
        until_at(server, &company, last, 1).await;
        company.leaves(store, last).await.unwrap();
        until("it is over", async || {
            let moved_up = store.moved_up(company.assets[0], &[last]).await.unwrap();
            moved_up.is_empty().then_some(json!(true))
        })
        .await;
        let ended = told(server, last, "movedUpEnded").await;
        assert_eq!(ended.len(), 1);
        assert_eq!(told(server, last, "movedBack").await.len(), 0);
        company.comes_back(store, last).await.unwrap();
        let seen = until_at(server, &company, last, 20).await;
        assert_eq!(seen["movedUp"], Value::Null);
    }
}
