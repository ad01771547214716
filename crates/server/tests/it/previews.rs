//! Saving a deployment is a contract: what was previewed, or nothing.

use domain::{AssetId, Time};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::{Fresh, Organisation, organisation};

use crate::server::{Browser, TestServer, answer, form, kind, on_both};

const PEOPLE: usize = 40;

/// Forty people with an iPhone each, and an app that is required for all of them: half of them have it, no licence is left
/// for the other half. Apple cannot be reached, so that nothing happens by itself.
async fn company(server: &TestServer) -> Organisation {
    let store = &server.running.app.store;
    organisation(store, PEOPLE, 1, Time(1_900_000_000_000)).await.unwrap()
}

fn api(asset: AssetId) -> String {
    format!("/api/v1/apps/{}/deployments", asset.0)
}

async fn previewed(server: &TestServer, asset: AssetId, wanted: &Value) -> Value {
    let path = format!("{}/preview", api(asset));
    let (status, preview) = server.send(Method::POST, &path, wanted).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    preview
}

fn with(wanted: &Value, digest: &Value, confirmed: Option<u64>) -> Value {
    let mut wanted = wanted.clone();
    wanted["previewDigest"] = digest.clone();
    if let Some(confirmed) = confirmed {
        wanted["confirmTakeBack"] = json!(confirmed);
    }
    wanted
}

/// How many people the effect befalls.
fn people(preview: &Value, effect: &str) -> u64 {
    let affected = preview["affected"].as_array().unwrap().iter();
    let counts = affected.filter(|affected| affected["effect"] == effect);
    counts.map(|affected| affected["userCount"].as_u64().unwrap()).sum()
}

/// What is deployed, and under which version.
async fn deployed(server: &TestServer, asset: AssetId) -> (Value, String) {
    let seen = server.request(Method::GET, &api(asset)).bearer_auth(&server.key);
    let answer = seen.send().await.unwrap();
    let tag = answer.headers()["etag"].to_str().unwrap().to_owned();
    let body: Value = answer.json().await.unwrap();
    (body["value"][0]["intent"].clone(), tag)
}

on_both! {
    async fn what_is_saved_was_previewed_or_is_refused_with_the_difference(server: &TestServer) {
        let company = company(server).await;
        let store = &server.running.app.store;
        let asset = company.assets[0];
        let before = deployed(server, asset).await;
        assert_eq!(before.0, "required");
        let uninstall = json!({ "value": [{ "groupId": company.group.0, "intent": "uninstall" }] });
        let preview = previewed(server, asset, &uninstall).await;
        assert_eq!(
            (people(&preview, "loses"), people(&preview, "drops"), people(&preview, "none")),
            (20, 20, 0), "{preview}"
        );
        assert_eq!(
            (&preview["returningLicenseCount"], &preview["takenBackLicenseCount"], &preview["neededLicenseCount"]),
            (&json!(20), &json!(20), &json!(0))
        );
        assert_eq!(preview["losingUserIds"].as_array().unwrap().len(), 20);
        assert_eq!(preview["requests"]["disassociate"], 1);
        assert_eq!(previewed(server, asset, &uninstall).await["digest"], preview["digest"], "the same of the same");

        // A large take-back is said twice, in its number; whether or not it was previewed.
        assert_eq!(preview["confirmTakeBack"], 20);
        for confirmed in [None, Some(19)] {
            for wanted in [with(&uninstall, &preview["digest"], confirmed), with(&uninstall, &Value::Null, confirmed)] {
                let (status, problem) = server.send(Method::PUT, &api(asset), &wanted).await;
                assert_eq!(
                    (status, kind(&problem)),
                    (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{problem}"
                );
                assert_eq!(problem["takenBackLicenseCount"], 20);
                assert_eq!(problem["errors"][0]["field"], "confirmTakeBack");
            }
        }
        assert_eq!(deployed(server, asset).await, before);

        // Ten are bought: ten of those who wait would not wait any more.
        company.licences(store, asset, 30).await.unwrap();
        let wanted = with(&uninstall, &preview["digest"], Some(20));
        let (status, problem) = server.send(Method::PUT, &api(asset), &wanted).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(problem["freeLicenseCount"], 10);
        assert_ne!(problem["previewDigest"], preview["digest"]);
        assert_eq!(deployed(server, asset).await, before, "nothing was saved");
        // Somebody leaves the group who has a licence.
        company.leaves(store, company.people[0]).await.unwrap();
        let wanted = with(&uninstall, &problem["previewDigest"], Some(20));
        let (status, problem) = server.send(Method::PUT, &api(asset), &wanted).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(problem["affected"]["loses"], 19, "{problem}");
        assert_eq!(problem["returningLicenseCount"], 20, "theirs comes back anyhow");

        // A digest is of a choice, too.
        let other = json!({ "value": [{ "groupId": company.group.0, "intent": "notApplicable" }] });
        let wanted = with(&other, &problem["previewDigest"], Some(19));
        let (status, refused) = server.send(Method::PUT, &api(asset), &wanted).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "preview-outdated"));
        assert_eq!(deployed(server, asset).await, before);

        let wanted = with(&uninstall, &problem["previewDigest"], Some(19));
        let (status, saved) = server.send(Method::PUT, &api(asset), &wanted).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        assert_eq!(deployed(server, asset).await.0, "uninstall");
    }

    /// Whoever reads may look, and programs that do not ask for a preview go on as they did.
    async fn a_preview_is_for_everybody_and_not_asked_of_a_program(server: &TestServer) {
        let company = company(server).await;
        let asset = company.assets[0];
        let available = json!({ "value": [{ "groupId": company.group.0, "intent": "available" }] });
        let path = format!("{}/preview", api(asset));
        let looking = server.request(Method::POST, &path).bearer_auth(&server.looker).json(&available);
        let (status, preview) = answer(looking).await;
        assert_eq!(status, StatusCode::OK);
        // Who has it keeps it; who waits has to ask from now on.
        assert_eq!((people(&preview, "drops"), people(&preview, "none")), (20, 20), "{preview}");
        assert_eq!(preview["confirmTakeBack"], Value::Null);
        let (status, _) = server.send(Method::PUT, &api(asset), &available).await;
        assert_eq!(status, StatusCode::OK);

        // One more group beside it, with the digest of what the whole would be.
        let new = json!({ "displayName": "다른 부서", "kind": "user" });
        let (_, other) = server.send(Method::POST, "/api/v1/groups", &new).await;
        let both = json!({ "value": [
            { "groupId": company.group.0, "intent": "available" }, { "groupId": other["id"], "intent": "required" }
        ] });
        let preview = previewed(server, asset, &both).await;
        let added = json!({ "value": [{ "groupId": other["id"], "intent": "required" }] });
        let (status, problem) = server.send(Method::POST, &api(asset), &with(&added, &json!("0"), None)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"));
        let (status, _) = server.send(Method::POST, &api(asset), &with(&added, &preview["digest"], None)).await;
        assert_eq!(status, StatusCode::OK);
    }

    async fn the_console_saves_what_it_showed(server: &TestServer) {
        let company = company(server).await;
        let store = &server.running.app.store;
        let (asset, group) = (company.assets[0], company.group.0);
        let browser = Browser::sign_in(server).await;
        let path = format!("/apps/{}/deployment", asset.0);
        let before = deployed(server, asset).await;

        let choices = browser.form(server, &path).await;
        let choices = form::with(&choices, &format!("approval-{group}"), "uninstall");
        // Whatever button is pressed first, nothing is saved that was not shown.
        let (status, shown) = browser.submit(server, &path, &choices).await;
        assert_eq!((status, deployed(server, asset).await), (200, before.clone()));
        let (status, checked) = browser.submit(server, &path, &form::and(&choices, "check", "1")).await;
        assert_eq!(status, 200);
        for page in [&shown, &checked] {
            assert!(page.contains("20명에게서 앱이 제거됩니다"), "{page}");
            assert!(page.contains("라이선스 20개를 회수"), "{page}");
        }

        // Without the tick it is refused, in a sentence with the number.
        let preview = form::of(&checked, &path);
        let (status, page) = browser.submit(server, &path, &preview).await;
        assert_eq!(status, 422);
        assert!(page.contains("이 변경은 라이선스 20개를 회수합니다"), "{page}");
        assert_eq!(deployed(server, asset).await, before);

        // The way back leads to the same choices.
        let (status, page) = browser.submit(server, &path, &form::and(&preview, "edit", "1")).await;
        assert_eq!(status, 200);
        let again = form::of(&page, &path);
        assert!(again.contains(&(format!("approval-{group}"), "uninstall".to_owned())), "{again:?}");

        // The world changes under it: what is different is shown, over a preview of now.
        company.leaves(store, company.people[0]).await.unwrap();
        let agreed = form::and(&preview, "take-back", "20");
        let (status, page) = browser.submit(server, &path, &agreed).await;
        assert_eq!(status, 409);
        assert!(page.contains("미리 보기를 연 뒤에 결과가 달라졌습니다"), "{page}");
        let row = |what: &str| {
            let row = page.split("<tr").find(|row| row.contains(&format!(">{what}</th>")));
            row.unwrap_or_else(|| panic!("{what} in {page}")).to_owned()
        };
        let loses = row("앱이 제거됨");
        assert!(loses.contains(">20<") && loses.contains(">19<"), "{loses}");
        assert!(!page.contains(">보유</th>"), "what is as it was is not told");
        assert_eq!(deployed(server, asset).await, before, "nothing was saved");

        let now = form::and(&form::of(&page, &path), "take-back", "19");
        let page = browser.press(server, &path, &now).await;
        assert!(page.contains("배포를 저장했습니다"), "{page}");
        assert_eq!(deployed(server, asset).await.0, "uninstall");
    }

    /// The versions of a deployment are asked first: a change of somebody else's is shown as such.
    async fn what_somebody_else_saved_meanwhile_is_shown_before_any_difference(server: &TestServer) {
        let company = company(server).await;
        let (asset, group) = (company.assets[0], company.group.0);
        let browser = Browser::sign_in(server).await;
        let path = format!("/apps/{}/deployment", asset.0);
        let choices = form::with(&browser.form(server, &path).await, &format!("approval-{group}"), "notApplicable");
        let (_, page) = browser.submit(server, &path, &form::and(&choices, "check", "1")).await;
        let preview = form::and(&form::of(&page, &path), "take-back", "20");
        let available = json!({ "value": [{ "groupId": group, "intent": "available" }] });
        let (status, _) = server.send(Method::PUT, &api(asset), &available).await;
        assert_eq!(status, StatusCode::OK);
        let (status, page) = browser.submit(server, &path, &preview).await;
        assert_eq!(status, 409);
        assert!(page.contains("먼저 바꿨습니다"), "{page}");
        assert_eq!(deployed(server, asset).await.0, "available");
    }
}
