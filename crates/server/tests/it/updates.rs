//! Who decides that devices get a newer version of an app: said by a program or on a page, upon what was so, and told.

use domain::StoreVersion;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{
    MetadataRow, Store,
    testing::{Fresh, Organisation},
};

use crate::{
    previews,
    server::{Browser, TestServer, answer, form, kind, on_both},
};

/// The newest version in the store.
const NEWEST: i64 = 829_165_942;

/// The company of the previews, and the store says which version it has.
async fn company(store: &Store) -> Organisation {
    let company = previews::company(store).await;
    let mut tx = store.begin().await.unwrap();
    let published = MetadataRow {
        asset_id: company.assets[0],
        name: "App 1".to_owned(),
        bundle_id: Some("com.example.app1".to_owned()),
        publisher: None,
        minimum_os: None,
        device_families: vec!["iphone".to_owned()],
        version: Some("2.1".to_owned()),
        store_version: Some(StoreVersion(NEWEST)),
        url: None,
        icon_url: None,
        observed_at: company.now,
    };
    assert!(tx.metadata_put(&published).await.unwrap());
    tx.commit().await.unwrap();
    company
}

fn api(company: &Organisation) -> String {
    format!("/api/v1/apps/{}/updates", company.assets[0].0)
}

/// What the history tells of it, the latest first: what was so before and after.
async fn told(server: &TestServer) -> Vec<(Value, Value)> {
    let (_, events) = server.get("/api/v1/events?limit=1000").await;
    let events = events["value"].as_array().unwrap().iter();
    let of_updates = events.filter(|event| event["activityType"] == "appUpdatesSet");
    let sides = |event: &Value| (event["detail"]["before"].clone(), event["detail"]["after"].clone());
    of_updates.map(sides).collect()
}

on_both! {
    upon company;

    async fn a_program_says_who_updates_an_app_and_releases_a_version_that_there_is(server: &TestServer, company: Organisation) {
        let path = api(&company);
        let (status, seen) = server.get(&path).await;
        assert_eq!(status, StatusCode::OK, "{seen}");
        assert_eq!(seen, json!({
            "automaticallyUpdateApp": true, "releasedVersion": null, "newestVersion": NEWEST, "newestVersionName": "2.1",
        }));
        let set = |body: Value, tag: Option<String>| {
            let request = server.request(Method::PUT, &path).bearer_auth(&server.key).json(&body);
            match tag {
                Some(tag) => request.header("if-match", tag),
                None => request,
            }
        };
        let tag = async || {
            let seen = server.request(Method::GET, &path).bearer_auth(&server.looker).send().await.unwrap();
            seen.headers()["etag"].to_str().unwrap().to_owned()
        };
        let by_hand = json!({ "automaticallyUpdateApp": false });
        let released = json!({ "automaticallyUpdateApp": false, "releasedVersion": NEWEST });

        let (status, problem) = answer(set(by_hand.clone(), None)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::PRECONDITION_REQUIRED, "version-missing"));
        let reader = server.request(Method::PUT, &path).bearer_auth(&server.looker).json(&by_hand);
        let refused = reader.header("if-match", tag().await).send().await.unwrap();
        assert_eq!(refused.status(), StatusCode::FORBIDDEN);
        let old = tag().await;
        let (status, now) = answer(set(by_hand.clone(), Some(old.clone()))).await;
        assert_eq!((status, &now["automaticallyUpdateApp"]), (StatusCode::OK, &json!(false)), "{now}");
        // Whoever saw it before that changes nothing.
        let (status, problem) = answer(set(released.clone(), Some(old))).await;
        assert_eq!((status, kind(&problem)), (StatusCode::PRECONDITION_FAILED, "stale"), "{problem}");
        // Nobody has looked at what the store does not have yet.
        let ahead = json!({ "automaticallyUpdateApp": false, "releasedVersion": NEWEST + 1 });
        let (status, problem) = answer(set(ahead, Some(tag().await))).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(problem.to_string().contains("releasedVersion"), "{problem}");
        assert_eq!(server.get(&path).await.1["releasedVersion"], Value::Null);
        let (status, now) = answer(set(released, Some(tag().await))).await;
        assert_eq!((status, &now["releasedVersion"]), (StatusCode::OK, &json!(NEWEST)), "{now}");

        let (automatic, nothing, one) = (
            json!({ "automatic": true }),
            json!({ "automatic": false, "released": null }),
            json!({ "automatic": false, "released": NEWEST }),
        );
        assert_eq!(told(server).await, [(nothing.clone(), one), (automatic, nothing)]);
    }

    async fn who_updates_an_app_is_a_change_that_is_told_and_restored(server: &TestServer, company: Organisation) {
        let asset = company.assets[0].0;
        let (page, action) = (format!("/apps/{asset}?tab=general"), format!("/apps/{asset}/updates"));
        let changes = async || {
            let (status, page) = server.get(&format!("/api/v1/changes?appId={asset}")).await;
            assert_eq!(status, StatusCode::OK, "{page}");
            page["value"].as_array().unwrap().clone()
        };
        let browser = Browser::sign_in(server).await;
        let opened = form::of(&browser.page(server, &page).await, &action);
        let by_hand = form::with(&opened, "updates", "byHand");
        let saved = browser.press(server, &action, &by_hand).await;
        let release = form::and(&form::of(&saved, &action), "release", &NEWEST.to_string());
        let released = browser.press(server, &action, &release).await;
        // What is saved as it was is no change.
        browser.press(server, &action, &form::of(&released, &action)).await;
        let told = changes().await;
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told.iter().all(|change| change["kind"] == "updates" && change["name"] == "App 1"), "{told:?}");
        let [second, first] = [0, 1].map(|at| told[at]["id"].as_i64().unwrap());

        // In words, with what the version is called, in both languages.
        let ko = browser.page(server, &format!("/changes/{second}")).await;
        assert!(ko.contains("App 1 업데이트") && ko.contains("직접 허용, 허용한 버전 없음"), "{ko}");
        assert!(ko.contains("직접 허용, 2.1 버전까지") && ko.contains("그 사이에 장치에 설치된 버전"), "{ko}");
        let english = browser.request(server, Method::GET, &format!("/changes/{second}"), "en");
        let english = english.send().await.unwrap().text().await.unwrap();
        assert!(english.contains("Updates of App 1") && english.contains("up to version 2.1"), "{english}");

        // Back to what was before the first of them: seen first, and saved under what was seen.
        let restore = format!("/changes/{first}/restore");
        let seen = browser.page(server, &restore).await;
        assert!(seen.contains("자동"), "{seen}");
        let agreed = form::of(&seen, &restore);
        let (code, _) = browser.submit(server, &restore, &agreed).await;
        assert!(code == 200 || code == 303, "{code}");
        assert_eq!(server.get(&api(&company)).await.1["automaticallyUpdateApp"], json!(true));
        let told = changes().await;
        assert_eq!((told.len(), &told[0]["undoes"]), (3, &json!(first)), "{told:?}");
        // Whoever looked at it before that restores nothing: it was set since.
        let (code, stale) = browser.submit(server, &format!("/changes/{second}/restore"), &agreed).await;
        assert_eq!(code, 409, "{stale}");
        // And what is so already is not restored once more.
        let (_, again) = server.get(&format!("/api/v1/changes/{first}")).await;
        assert_eq!(again["cannotBeRestored"], "same", "{again}");
    }

    async fn on_its_page_a_version_is_released_once_and_nobody_overrules_whom_they_did_not_see(
        server: &TestServer, company: Organisation
    ) {
        let asset = company.assets[0].0;
        let (page, action) = (format!("/apps/{asset}?tab=general"), format!("/apps/{asset}/updates"));
        let browser = Browser::sign_in(server).await;
        let opened = form::of(&browser.page(server, &page).await, &action);

        let by_hand = form::with(&opened, "updates", "byHand");
        assert!(browser.press(server, &action, &by_hand).await.contains("2.1 버전 허용"));
        // A page that was opened before says so, and has what is set now.
        let (code, stale) = browser.submit(server, &action, &opened).await;
        assert!(code == 409 && stale.contains("다른 사람이 업데이트 방식을 바꿨습니다"), "{code}: {stale}");
        assert!(form::of(&stale, &action).contains(&("updates".to_owned(), "byHand".to_owned())), "{stale}");
        // A word that is on no page means nothing: neither the one nor the other.
        let odd = form::with(&form::of(&stale, &action), "updates", "sometimes");
        let (code, refused) = browser.submit(server, &action, &odd).await;
        assert_eq!(code, 400, "{refused}");
        assert_eq!(told(server).await.len(), 1);

        let release = form::and(&form::of(&stale, &action), "release", &NEWEST.to_string());
        let released = browser.press(server, &action, &release).await;
        assert!(!released.contains("2.1 버전 허용"), "{released}");
        assert_eq!(server.get(&api(&company)).await.1["releasedVersion"], json!(NEWEST));
        // Saved as it is, it stays released.
        let kept = browser.press(server, &action, &form::of(&released, &action)).await;
        assert!(!kept.contains("2.1 버전 허용"), "{kept}");
        assert_eq!(server.get(&api(&company)).await.1["releasedVersion"], json!(NEWEST));
    }
}
