//! Saving settings is a contract: some of them take licences back of everybody at once, and nobody is surprised by it.

use std::time::Duration;

use domain::PersonId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::Clock;
use store::{
    Store,
    testing::{Fresh, Organisation, organisation},
};

use crate::{
    limits::set,
    previews::{company, people},
    server::{Browser, TestServer, answer, form, kind, on_both},
};

const SETTINGS: &str = "/api/v1/settings";
const RULES: &str = "/administration/reclaim-rules";

/// What saving the settings with this of them changed would do.
async fn previewed(server: &TestServer, change: Value) -> Value {
    let (_, mut settings) = server.get(SETTINGS).await;
    for (name, value) in change.as_object().unwrap() {
        settings[name] = value.clone();
    }
    let path = format!("{SETTINGS}/preview");
    let looking = server.request(Method::POST, &path).bearer_auth(&server.looker);
    let (status, preview) = answer(looking.json(&settings)).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    preview
}

/// All are out of the group, and those who have the app keep it, since that rule is off.
async fn kept(server: &TestServer, company: &Organisation) {
    assert_eq!(
        set(server, json!({ "reclaimLeftAllGroups": false })).await.0,
        StatusCode::OK
    );
    let members = format!("/api/v1/groups/{}/members", company.group.0);
    let (status, saved) = server.send(Method::PUT, &members, &json!({ "value": [] })).await;
    assert_eq!(status, StatusCode::OK, "{saved}");
}

/// Forty people, of whose devices nothing was heard for ten days; else as [`company`].
async fn quiet_company(store: &Store) -> Organisation {
    let long_ago = Clock::System.now() - Duration::from_secs(10 * 86_400);
    organisation(store, 40, 1, long_ago).await.unwrap()
}

on_both! {
    upon company;

    async fn the_rule_that_is_switched_on_again_is_asked_twice_and_of_what_was_previewed(
        server: &TestServer, company: Organisation
    ) {
        let store = &server.running.app.store;
        kept(server, &company).await;
        let on = json!({ "reclaimLeftAllGroups": true });
        let preview = previewed(server, on.clone()).await;
        let app = &preview["apps"][0];
        assert_eq!((&app["appId"], preview["apps"].as_array().unwrap().len()), (&json!(company.assets[0].0), 1), "{preview}");
        assert_eq!((people(app, "loses"), people(app, "none")), (20, 0), "nobody else is told of: {preview}");
        assert_eq!((&preview["confirmTakeBack"], &preview["needsApproval"]), (&json!(20), &json!(false)), "{preview}");
        assert_eq!((&app["takenBackLicenseCount"], &preview["silentDeviceCount"]), (&json!(20), &json!(0)), "{preview}");

        // Without the number nothing is saved, whether or not it was previewed.
        for digest in [Value::Null, preview["digest"].clone()] {
            for confirmed in [Value::Null, json!(19)] {
                let change = json!({ "reclaimLeftAllGroups": true, "previewDigest": digest, "confirmTakeBack": confirmed });
                let (status, problem) = set(server, change).await;
                assert_eq!((status, kind(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{problem}");
                assert_eq!(problem["takenBackLicenseCount"], 20);
            }
        }
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(false));

        // One of them comes back into the group before it is saved: it is another outcome, and told.
        company.comes_back(store, company.people[0]).await.unwrap();
        let agreed = json!({ "reclaimLeftAllGroups": true, "previewDigest": preview["digest"], "confirmTakeBack": 20 });
        let (status, problem) = set(server, agreed).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(problem["apps"][0]["affected"], json!({ "loses": 19 }), "{problem}");
        // And a digest is of these settings, and of no others.
        let agreed = json!({
            "reclaimLeftAllGroups": true, "wiping": true, "previewDigest": problem["previewDigest"], "confirmTakeBack": 19
        });
        assert_eq!(set(server, agreed).await.0, StatusCode::CONFLICT);
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(false), "nothing was saved");

        let agreed = json!({
            "reclaimLeftAllGroups": true, "previewDigest": problem["previewDigest"], "confirmTakeBack": 19
        });
        let (status, saved) = set(server, agreed).await;
        assert_eq!((status, &saved["reclaimLeftAllGroups"]), (StatusCode::OK, &json!(true)), "{saved}");
        assert_eq!((&saved["previewDigest"], &saved["confirmTakeBack"]), (&Value::Null, &Value::Null), "neither is a setting");
        let (_, changes) = server.get("/api/v1/changes?settings=true&limit=1").await;
        let (_, change) = server.get(&format!("/api/v1/changes/{}", changes["value"][0]["id"])).await;
        assert_eq!(change["promised"]["takesBack"], 19, "{change}");
    }

    /// On the page one sees it first, goes back, and says twice that it is meant.
    async fn the_page_shows_what_it_would_do_before_anything_is_saved(server: &TestServer, company: Organisation) {
        kept(server, &company).await;
        let browser = Browser::sign_in(server).await;
        let opened = form::of(&browser.page(server, RULES).await, RULES);
        let on = form::and(&opened, "leftAllGroups", "yes");
        let (status, shown) = browser.submit(server, RULES, &on).await;
        assert!(status == 200 && shown.contains("확인 및 저장") && shown.contains("라이선스 20개"), "{status} {shown}");
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(false), "nothing was saved");
        let agreed = form::of(&shown, RULES);
        let (status, form_again) = browser.submit(server, RULES, &form::and(&agreed, "edit", "1")).await;
        assert!(status == 200 && form::of(&form_again, RULES).contains(&("leftAllGroups".to_owned(), "yes".to_owned())), "{form_again}");
        let (status, shown) = browser.submit(server, RULES, &agreed).await;
        assert!(status == 422 && shown.contains(r#"name="take-back""#), "{status} {shown}");
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(false), "nothing was saved");
        let agreed = form::and(&form::of(&shown, RULES), "take-back", "20");
        let (status, shown) = browser.submit(server, RULES, &form::with(&agreed, "digest", "another")).await;
        assert!(status == 409 && shown.contains("확인 및 저장"), "{status} {shown}");
        browser.press(server, RULES, &agreed).await;
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(true));
    }

    /// The page of all settings shows it too; what does nothing to anybody is saved at once, as it was.
    async fn settings_that_concern_nobody_are_saved_at_once(server: &TestServer, company: Organisation) {
        let here = "/administration/settings";
        let browser = Browser::sign_in(server).await;
        let opened = browser.form(server, here).await;
        assert_eq!(browser.submit(server, here, &form::and(&opened, "wiping", "yes")).await.0, 303);
        assert_eq!(previewed(server, json!({ "inventoryEvery": "P3D" })).await["apps"], json!([]));
        // One line says the same by all rules.
        assert_eq!(previewed(server, json!({ "ruleSet": "2020" })).await["apps"], json!([]));
        let opened = browser.form(server, here).await;
        assert_eq!(browser.submit(server, here, &form::with(&opened, "ruleSet", "2020")).await.0, 303);

        // Whoever has a licence of the device gets one of their own by the policy of 2016, or none.
        let path = format!("/api/v1/apps/{}/deployments", company.assets[0].0);
        let line = json!({ "groupId": company.group.0, "intent": "required", "licenseType": "device" });
        let body = json!({ "value": [line], "confirmTakeBack": 20 });
        let (status, saved) = server.send(Method::PUT, &path, &body).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        let opened = browser.form(server, here).await;
        let (status, shown) = browser.submit(server, here, &form::and(&opened, "policy2016", "yes")).await;
        assert!(status == 200 && shown.contains("확인 및 저장") && shown.contains("2016"), "{status} {shown}");
        assert_eq!(server.get(SETTINGS).await.1["policy2016"], json!(false), "nothing was saved");
        let sent = form::of(&shown, here);
        let (status, again) = browser.submit(server, here, &form::and(&sent, "edit", "1")).await;
        let again = form::of(&again, here);
        assert!(status == 200 && again.contains(&("policy2016".to_owned(), "yes".to_owned())), "{again:?}");
        // Somebody else saves settings meanwhile.
        assert_eq!(set(server, json!({ "wiping": false })).await.0, StatusCode::OK);
        let (status, conflict) = browser.submit(server, here, &sent).await;
        assert!(status == 409 && form::of(&conflict, here).contains(&("policy2016".to_owned(), "yes".to_owned())), "{conflict}");
        let (status, shown) = browser.submit(server, here, &form::of(&conflict, here)).await;
        assert_eq!(status, 200, "{shown}");
        browser.press(server, here, &form::of(&shown, here)).await;
        assert_eq!(server.get(SETTINGS).await.1["policy2016"], json!(true));
    }

    /// Whoever could take back thousands by a switch would need nobody for anything.
    async fn settings_that_take_back_many_need_another_administrator_as_well(server: &TestServer, company: Organisation) {
        kept(server, &company).await;
        assert_eq!(set(server, json!({ "approvalAbove": 15 })).await.0, StatusCode::OK);
        let on = json!({ "reclaimLeftAllGroups": true });
        let preview = previewed(server, on).await;
        assert_eq!((&preview["needsApproval"], &preview["confirmTakeBack"]), (&json!(true), &json!(20)), "{preview}");
        let agreed = json!({ "reclaimLeftAllGroups": true, "previewDigest": preview["digest"], "confirmTakeBack": 20 });
        let (status, refused) = set(server, agreed.clone()).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "approval-needed"), "{refused}");
        // And not by what the same change says of the limits.
        let mut looser = agreed;
        looser["approvalAbove"] = Value::Null;
        looser["previewDigest"] = Value::Null;
        let (status, refused) = set(server, looser).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "approval-needed"), "{refused}");

        let browser = Browser::sign_in(server).await;
        let opened = form::of(&browser.page(server, RULES).await, RULES);
        let (status, shown) = browser.submit(server, RULES, &form::and(&opened, "leftAllGroups", "yes")).await;
        assert!(status == 200 && shown.contains(r#"name="ask""#), "{status} {shown}");
        let ask = form::and(&form::and(&form::of(&shown, RULES), "take-back", "20"), "ask", "1");
        let asked = browser.press(server, RULES, &ask).await;
        assert!(asked.contains("승인을 요청했습니다"), "{asked}");
        // A key of somebody else's approves it, of what it would do by now.
        let (_, list) = server.get("/api/v1/heldChanges").await;
        let held = format!("/api/v1/heldChanges/{}", list["value"][0]["id"].as_str().unwrap());
        let (_, detail) = server.get(&held).await;
        assert_eq!(people(&detail["preview"]["apps"][0], "loses"), 20, "{detail}");
        let agreed = json!({ "previewDigest": detail["preview"]["digest"], "confirmTakeBack": 20 });
        let (status, approved) = server.send(Method::POST, &format!("{held}/approve"), &agreed).await;
        assert_eq!(status, StatusCode::OK, "{approved}");
        assert_eq!(server.get(SETTINGS).await.1["reclaimLeftAllGroups"], json!(true));
    }
}

on_both! {
    upon quiet_company;

    /// Whoever is heard at this moment is none of them, and no more are told of than would be by the shorter time.
    async fn devices_that_would_count_as_gone_are_previewed(server: &TestServer, company: Organisation) {
        let store = &server.running.app.store;
        assert_eq!(previewed(server, json!({ "silentAfter": "P11D" })).await["silentDeviceCount"], 0);
        let heard = store.devices_of(company.people[0]).await.unwrap()[0].id;
        let mut tx = store.begin().await.unwrap();
        tx.devices_spoke(&[(heard, Clock::System.now())]).await.unwrap();
        tx.commit().await.unwrap();
        let preview = previewed(server, json!({ "silentAfter": "P9D" })).await;
        assert_eq!((&preview["silentDeviceCount"], &preview["confirmTakeBack"]), (&json!(39), &json!(19)), "{preview}");
        let app = &preview["apps"][0];
        assert_eq!((people(app, "loses"), people(app, "none")), (19, 0), "{preview}");
        let losing: Vec<PersonId> = serde_json::from_value(app["losingUserIds"].clone()).unwrap();
        assert!(losing.len() == 19 && !losing.contains(&company.people[0]), "{losing:?}");
        let browser = Browser::sign_in(server).await;
        let here = "/administration/settings";
        let opened = browser.form(server, here).await;
        let typed = form::with(&form::and(&opened, "silent", "yes"), "silentDays", "9");
        let (status, shown) = browser.submit(server, here, &typed).await;
        assert!(status == 200 && shown.contains("39대") && shown.contains("라이선스 19개"), "{status} {shown}");
        let agreed = form::and(&form::of(&shown, here), "take-back", "19");
        browser.press(server, here, &agreed).await;
        assert_eq!(server.get(SETTINGS).await.1["silentAfter"], "PT216H");
        // A shorter time is about those only whom the longer one is not about.
        assert_eq!(previewed(server, json!({ "silentAfter": "P8D" })).await["silentDeviceCount"], 0);
    }
}
