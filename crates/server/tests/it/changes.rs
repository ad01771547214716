//! What was changed is told with what it said before, and restored; large changes wait for another administrator.

use std::{collections::BTreeSet, time::Duration};

use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::{
    Clock,
    app::{Caller, Role, held},
};
use store::testing::{Fresh, Organisation};

use crate::{
    limits::set,
    previews::{company, people},
    server::{Browser, PASSWORD, TestServer, answer, form, kind, on_both},
};

/// The latest change of a thing.
async fn latest(server: &TestServer, of: &str) -> i64 {
    let (status, page) = server.get(&format!("/api/v1/changes?limit=1&{of}")).await;
    assert_eq!(status, StatusCode::OK, "{page}");
    page["value"][0]["id"].as_i64().unwrap()
}

async fn tag(server: &TestServer, path: &str) -> String {
    let answer = server
        .request(Method::GET, path)
        .bearer_auth(&server.key)
        .send()
        .await
        .unwrap();
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

/// What restoring would do.
async fn previewed(server: &TestServer, change: i64) -> (StatusCode, Value) {
    let path = format!("/api/v1/changes/{change}/restore/preview");
    server.send(Method::POST, &path, &Value::Null).await
}

async fn restore(server: &TestServer, change: i64, tag: &str, agreed: &Value) -> (StatusCode, Value) {
    let request = server.request(Method::POST, &format!("/api/v1/changes/{change}/restore"));
    answer(request.bearer_auth(&server.key).header("if-match", tag).json(agreed)).await
}

/// Looks, and restores what was seen.
pub async fn restored(server: &TestServer, change: i64) -> Value {
    let (status, preview) = previewed(server, change).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    let agreed = json!({ "previewDigest": preview["digest"], "confirmTakeBack": preview["confirmTakeBack"] });
    let tag = tag(server, &format!("/api/v1/changes/{change}")).await;
    let (status, new) = restore(server, change, &tag, &agreed).await;
    assert_eq!((status, &new["undoes"]), (StatusCode::OK, &json!(change)), "{new}");
    new
}

/// What the lines of a deployment say.
async fn lines(server: &TestServer, path: &str) -> BTreeSet<String> {
    let (_, all) = server.get(path).await;
    let line = |line: &Value| {
        let parts = ["groupId", "intent", "deadlineDateTime", "licenseType"].map(|name| line[name].to_string());
        parts.join(" ")
    };
    all["value"].as_array().unwrap().iter().map(line).collect()
}

async fn group(server: &TestServer, name: &str, kind: &str) -> String {
    let new = json!({ "displayName": name, "kind": kind });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    group["id"].as_str().unwrap().to_owned()
}

async fn members(server: &TestServer, group: &str) -> BTreeSet<String> {
    let (_, page) = server.get(&format!("/api/v1/groups/{group}/members?limit=500")).await;
    let ids = page["value"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// While a rule is asked of everybody members come and go, and what was looked at is soon something else.
async fn everybody_was_asked(server: &TestServer, group: &str) {
    crate::server::until("the rule was asked of everybody", async || {
        let (_, row) = server.get(&format!("/api/v1/groups/{group}")).await;
        (row["membershipRuleProcessingStatus"] == "succeeded").then_some(Value::Null)
    })
    .await;
}

/// Another administrator than 홍라온.
async fn another(server: &TestServer) -> Browser {
    let password = SecretString::from(PASSWORD);
    let app = &server.running.app;
    app.account_add(&Caller::System, "ko", "고은결", &password, Role::Full)
        .await
        .unwrap();
    Browser::of(server, "ko", PASSWORD).await.unwrap()
}

on_both! {
    upon company;

    async fn a_deployment_is_restored_as_it_was_or_refused_with_the_difference(server: &TestServer, company: Organisation) {
        let asset = company.assets[0];
        let path = format!("/api/v1/apps/{}/deployments", asset.0);
        let of = format!("appId={}", asset.0);
        // Lines of both kinds, one after the other: they were never one deployment (A26).
        let phones = group(server, "전화", "device").await;
        let also = json!({ "value": [{ "groupId": phones, "intent": "required", "licenseType": "user" }] });
        let (status, saved) = server.send(Method::POST, &path, &also).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        let before = lines(server, &path).await;
        assert_eq!(before.len(), 2);
        let nothing = json!({ "value": [], "confirmTakeBack": 20 });
        let (status, saved) = server.send(Method::PUT, &path, &nothing).await;
        assert_eq!(status, StatusCode::OK, "{saved}");

        let change = latest(server, &of).await;
        let (_, told) = server.get(&format!("/api/v1/changes/{change}")).await;
        assert_eq!((&told["kind"], &told["changedBy"], &told["cannotBeRestored"]), (&json!("deployment"), &json!("test"), &Value::Null));
        assert_eq!((told["before"]["lines"].as_array().unwrap().len(), told["after"]["lines"].as_array().unwrap().len()), (2, 0));
        assert_eq!((&told["promised"]["loses"], &told["promised"]["takesBack"]), (&json!(20), &json!(20)), "{told}");
        // And the history leads there.
        let (_, happened) = server.get("/api/v1/events?limit=1").await;
        assert_eq!(happened["value"][0]["detail"]["change"], json!(change), "{happened}");

        // What was looked at is not what would happen any more.
        let (_, preview) = previewed(server, change).await;
        let seen = tag(server, &format!("/api/v1/changes/{change}")).await;
        company.licences(&server.running.app.store, asset, 30).await.unwrap();
        let (status, refused) = restore(server, change, &seen, &json!({ "previewDigest": preview["digest"] })).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "preview-outdated"), "{refused}");
        assert_eq!(refused["freeLicenseCount"], 10);
        assert_eq!(lines(server, &path).await, BTreeSet::new(), "nothing was saved");
        // Somebody changed it since.
        let few = json!({ "value": [{ "groupId": company.group.0, "intent": "available" }] });
        assert_eq!(server.send(Method::PUT, &path, &few).await.0, StatusCode::OK);
        let (_, preview) = previewed(server, change).await;
        let (status, refused) = restore(server, change, &seen, &json!({ "previewDigest": preview["digest"] })).await;
        assert_eq!((status, kind(&refused)), (StatusCode::PRECONDITION_FAILED, "stale"), "{refused}");
        assert_eq!(refused["current"]["laterChanges"].as_array().unwrap().len(), 1, "{refused}");

        let new = restored(server, change).await;
        assert_eq!(lines(server, &path).await, before);
        // What was previewed was done: who gets it is as many as were told.
        let app = &preview["apps"][0];
        let gain: u64 = ["gains", "gainsLater", "gainsOnceReady"].iter().map(|effect| people(app, effect)).sum();
        assert_eq!(new["promised"]["gains"], json!(gain), "{preview}");
        assert_eq!(new["previewDigest"], preview["digest"]);
        let (_, told) = server.get(&format!("/api/v1/changes/{change}")).await;
        assert_eq!(told["undoneBy"], json!([new["id"]]));
        assert_eq!(told["cannotBeRestored"], "same");
        let (status, refused) = previewed(server, change).await;
        assert_eq!((status, kind(&refused), &refused["reason"]), (StatusCode::CONFLICT, "cannot-be-restored", &json!("same")));

        // A group that is gone does not come back, and the rest does.
        assert_eq!(server.send(Method::PUT, &path, &few).await.0, StatusCode::OK);
        assert_eq!(server.send(Method::DELETE, &format!("/api/v1/groups/{phones}"), &Value::Null).await.0, StatusCode::NO_CONTENT);
        let browser = Browser::sign_in(server).await;
        let page = browser.page(server, &format!("/changes/{change}")).await;
        assert!(page.contains("전화 배포: 그룹이 삭제되었습니다."), "{page}");
        restored(server, change).await;
        assert_eq!(lines(server, &path).await.len(), 1);
    }

    async fn members_are_restored_by_who_came_and_who_went(server: &TestServer, company: Organisation) {
        let id = company.group.0.to_string();
        let path = format!("/api/v1/groups/{id}/members");
        let before = members(server, &id).await;
        let out: Vec<String> = company.people[..4].iter().map(|person| person.0.to_string()).collect();
        let (status, saved) = server.send(Method::POST, &path, &json!({ "remove": out })).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        let change = latest(server, &format!("groupId={id}")).await;
        // Since then somebody else went, and one of the four left for good.
        let other = company.people[10].0.to_string();
        assert_eq!(server.send(Method::POST, &path, &json!({ "remove": [other] })).await.0, StatusCode::OK);
        let leave = server.request(Method::POST, &format!("/api/v1/users/{}/leave", out[1]));
        assert_eq!(answer(leave.bearer_auth(&server.key).header("if-match", "*")).await.0, StatusCode::OK);

        let browser = Browser::sign_in(server).await;
        let page = browser.page(server, &format!("/changes/{change}")).await;
        assert!(page.contains("퇴사한 사용자 1명") && page.contains("1번 더 바뀌었습니다"), "{page}");
        // Restored on the page: looked at first.
        let restoring = format!("/changes/{change}/restore");
        let shown = browser.form(server, &restoring).await;
        let page = browser.press(server, &restoring, &shown).await;
        assert!(page.contains("이전 상태로 되돌렸습니다."), "{page}");
        let now = members(server, &id).await;
        let mut expected = before;
        expected.remove(&out[1]);
        expected.remove(&other);
        assert_eq!(now, expected);
        // And the restoring is restored.
        let new = latest(server, &format!("groupId={id}")).await;
        restored(server, new).await;
        assert_eq!(members(server, &id).await.len(), now.len() - 3);
        // Whoever is let in by a rule is not put in by hand.
        let rule = format!("/api/v1/groups/{id}/membershipRule");
        let (status, _) = server.send(Method::PUT, &rule, &json!({ "membershipRule": "all" })).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(previewed(server, change).await.1["reason"], "byRule");
    }

    async fn a_rule_and_who_was_there_before_it_are_restored(server: &TestServer, company: Organisation) {
        let id = group(server, "영업", "user").await;
        let path = format!("/api/v1/groups/{id}/members");
        let rule = format!("/api/v1/groups/{id}/membershipRule");
        let of = format!("groupId={id}");
        let by_hand: Vec<String> = company.people[..3].iter().map(|person| person.0.to_string()).collect();
        assert_eq!(server.send(Method::POST, &path, &json!({ "add": by_hand })).await.0, StatusCode::OK);
        // Nobody is in sales: the three go.
        let sales = json!({ "membershipRule": r#"user.department -eq "영업""# });
        assert_eq!(server.send(Method::PUT, &rule, &sales).await.0, StatusCode::OK);
        let first = latest(server, &of).await;
        everybody_was_asked(server, &id).await;
        assert_eq!(members(server, &id).await, BTreeSet::new());
        let all = json!({ "membershipRule": "all" });
        assert_eq!(server.send(Method::PUT, &rule, &all).await.0, StatusCode::OK);
        let second = latest(server, &of).await;
        everybody_was_asked(server, &id).await;

        restored(server, second).await;
        assert_eq!(server.get(&rule).await.1["membershipRule"], sales["membershipRule"]);
        everybody_was_asked(server, &id).await;
        restored(server, first).await;
        assert_eq!(server.get(&rule).await.1["membershipType"], "assigned");
        // Now that members are put in by hand again, those come back who were.
        let (_, told) = server.get(&format!("/api/v1/changes/{first}")).await;
        assert_eq!(told["cannotBeRestored"], Value::Null, "{told}");
        restored(server, first).await;
        let expected: BTreeSet<String> = by_hand.into_iter().collect();
        assert!(members(server, &id).await.is_superset(&expected));
        assert_eq!(previewed(server, first).await.1["reason"], "same");
    }

    async fn settings_are_restored_and_leaving_is_not(server: &TestServer, company: Organisation) {
        let (_, before) = server.get("/api/v1/settings").await;
        assert_eq!(set(server, json!({ "takeBackShare": 35, "policy2016": true })).await.0, StatusCode::OK);
        let change = latest(server, "settings=true").await;
        let browser = Browser::sign_in(server).await;
        let page = browser.page(server, &format!("/changes/{change}")).await;
        assert!(page.contains("확인이 필요한 비율(%)") && page.contains("<b>35</b>"), "{page}");
        restored(server, change).await;
        assert_eq!(server.get("/api/v1/settings").await.1, before);

        let person = company.people[0].0;
        let leave = server.request(Method::POST, &format!("/api/v1/users/{person}/leave"));
        assert_eq!(answer(leave.bearer_auth(&server.key).header("if-match", "*")).await.0, StatusCode::OK);
        let left = latest(server, &format!("userId={person}")).await;
        assert_eq!(previewed(server, left).await.1["reason"], "leaving");
        let page = browser.page(server, &format!("/changes/{left}")).await;
        assert!(page.contains("사용자 페이지의 복귀를 사용하십시오") && !page.contains(&format!("/changes/{left}/restore")), "{page}");
        // Several things at once are of none.
        let (status, refused) = server.get(&format!("/api/v1/changes?settings=true&userId={person}")).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{refused}");
    }

    async fn above_the_limit_saving_only_asks_and_another_administrator_approves(server: &TestServer, company: Organisation) {
        let asset = company.assets[0];
        let (path, page) = (format!("/api/v1/apps/{}/deployments", asset.0), format!("/apps/{}/deployment", asset.0));
        let before = lines(server, &path).await;
        assert_eq!(set(server, json!({ "approvalAbove": 15 })).await.0, StatusCode::OK);
        let uninstall = json!({ "value": [{ "groupId": company.group.0, "intent": "uninstall" }], "confirmTakeBack": 20 });
        let (status, refused) = server.send(Method::PUT, &path, &uninstall).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "approval-needed"), "{refused}");

        // With nobody else there to approve it, that is said before it is asked.
        let browser = Browser::sign_in(server).await;
        let opened = browser.form(server, &page).await;
        let wanted = form::with(&opened, &format!("approval-{}", company.group.0), "uninstall");
        let (_, shown) = browser.submit(server, &page, &wanted).await;
        assert!(shown.contains("승인할 수 있는 다른 관리자가 없습니다"), "{shown}");
        let other = another(server).await;
        let (_, shown) = browser.submit(server, &page, &wanted).await;
        assert!(shown.contains("승인할 수 있는 관리자: 고은결") && shown.contains("name=\"ask\""), "{shown}");
        let fields = form::and(&form::of(&shown, &page), "ask", "1");
        // Not without the number.
        assert_eq!(browser.submit(server, &page, &fields).await.0, 422);
        let asked = browser.press(server, &page, &form::and(&fields, "take-back", "20")).await;
        assert!(asked.contains("승인을 요청했습니다") && !asked.contains("/approve\""), "{asked}");
        assert_eq!(lines(server, &path).await, before, "nothing is saved");

        let (_, list) = server.get("/api/v1/heldChanges").await;
        let held = list["value"][0]["id"].as_str().unwrap().to_owned();
        assert_eq!((&list["value"][0]["state"], &list["value"][0]["askedBy"]), (&json!("open"), &json!("홍라온")), "{list}");
        let here = format!("/held/{held}");
        // Whoever asked does not approve it, whatever they send.
        let (_, detail) = server.get(&format!("/api/v1/heldChanges/{held}")).await;
        let yes = vec![
            ("digest".to_owned(), detail["preview"]["digest"].as_str().unwrap().to_owned()),
            ("take-back".to_owned(), "20".to_owned()),
        ];
        assert_eq!(browser.submit(server, &format!("{here}/approve"), &yes).await.0, 409);
        for place in ["/dashboard", "/activity"] {
            assert!(other.page(server, place).await.contains(&here), "{place}");
        }
        // Somebody leaves the group: it is another outcome by now, and is shown as such.
        let opened = form::of(&other.page(server, &here).await, &format!("{here}/approve"));
        company.leaves(&server.running.app.store, company.people[0]).await.unwrap();
        let confirmed = form::and(&opened, "take-back", "20");
        let (status, shown) = other.submit(server, &format!("{here}/approve"), &confirmed).await;
        assert_eq!(status, 409, "{shown}");
        assert!(shown.contains("요청할 때 본 결과와 지금 결과가 다릅니다"), "{shown}");
        let again = form::of(&shown, &format!("{here}/approve"));
        let (status, _) = other.submit(server, &format!("{here}/approve"), &again).await;
        assert_eq!(status, 422, "the number is to be said by whoever approves, too");
        let done = other.press(server, &format!("{here}/approve"), &form::and(&again, "take-back", "19")).await;
        assert!(done.contains("고은결 승인하고 저장함"), "{done}");
        assert!(lines(server, &path).await.iter().all(|line| line.contains("uninstall")));
        let (_, told) = server.get(&format!("/api/v1/heldChanges/{held}")).await;
        let change = told["changeId"].as_i64().unwrap();
        let (_, told) = server.get(&format!("/api/v1/changes/{change}")).await;
        assert_eq!((&told["changedBy"], &told["askedBy"]), (&json!("고은결"), &json!("홍라온")), "{told}");
        let (_, happened) = server.get("/api/v1/events?limit=1000").await;
        let types: Vec<&str> = happened["value"].as_array().unwrap().iter().map(|event| event["activityType"].as_str().unwrap()).collect();
        assert!(types.contains(&"changeApproved") && types.contains(&"deploymentSaved"), "{types:?}");
        // It waits no more.
        assert_eq!(other.submit(server, &format!("{here}/approve"), &confirmed).await.0, 409);
    }

    async fn what_waits_is_turned_down_withdrawn_or_out_of_date(server: &TestServer, company: Organisation) {
        let asset = company.assets[0];
        let path = format!("/api/v1/apps/{}/deployments", asset.0);
        let browser = Browser::sign_in(server).await;
        assert_eq!(set(server, json!({ "approvalAbove": 15 })).await.0, StatusCode::OK);
        let change = json!({
            "kind": "deployment", "appId": asset.0, "value": [{ "groupId": company.group.0, "intent": "uninstall" }],
        });
        let ask = async || {
            let body = json!({ "change": change, "confirmTakeBack": 20 });
            let (status, held) = server.send(Method::POST, "/api/v1/heldChanges", &body).await;
            assert_eq!(status, StatusCode::CREATED, "{held}");
            held["id"].as_str().unwrap().to_owned()
        };
        // A key is whoever made it: two of one maker are one administrator.
        let (first, api) = (ask().await, "/api/v1/heldChanges");
        let (_, detail) = server.get(&format!("{api}/{first}")).await;
        let agreed = json!({ "previewDigest": detail["preview"]["digest"], "confirmTakeBack": 20 });
        let (status, refused) = server.send(Method::POST, &format!("{api}/{first}/approve"), &agreed).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "held-change-not-yours"), "{refused}");
        let (status, _) = server.send(Method::POST, &format!("{api}/{first}/withdraw"), &Value::Null).await;
        assert_eq!(status, StatusCode::OK);
        let (status, refused) = server.send(Method::POST, &format!("{api}/{first}/withdraw"), &Value::Null).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "held-change-over"), "{refused}");

        let second = ask().await;
        let here = format!("/held/{second}");
        let down = format!("{here}/turn-down");
        assert_eq!(browser.submit(server, &format!("{here}/withdraw"), &Vec::new()).await.0, 409, "another one asked");
        let (status, shown) = browser.submit(server, &down, &vec![("reason".to_owned(), " ".to_owned())]).await;
        assert!(status == 422 && shown.contains("aria-invalid"), "{shown}");
        let shown = browser.press(server, &down, &vec![("reason".to_owned(), "이번 주는 안 됩니다".to_owned())]).await;
        assert!(shown.contains("이번 주는 안 됩니다"), "{shown}");
        let (_, told) = server.get(&format!("{api}/{second}")).await;
        assert_eq!((&told["state"], &told["preview"]), (&json!("turnedDown"), &Value::Null), "{told}");

        // Somebody changed the deployment meanwhile: what was asked for would take that back unseen.
        let third = ask().await;
        let available = json!({ "value": [{ "groupId": company.group.0, "intent": "available" }] });
        assert_eq!(server.send(Method::PUT, &path, &available).await.0, StatusCode::OK);
        let here = format!("/held/{third}");
        let page = browser.page(server, &here).await;
        assert!(page.contains("더 이상 승인할 수 없습니다") && !page.contains(&format!("{here}/approve")), "{page}");
        let (_, detail) = server.get(&format!("{api}/{third}")).await;
        let sent = vec![("digest".to_owned(), detail["preview"]["digest"].as_str().unwrap().to_owned()), ("take-back".to_owned(), "20".to_owned())];
        assert_eq!(browser.submit(server, &format!("{here}/approve"), &sent).await.0, 409);
        assert!(lines(server, &path).await.iter().all(|line| line.contains("available")));
    }

    /// A restoring is a change like every other, also where it takes back many licences.
    async fn a_restoring_that_takes_back_many_licences_waits_as_well(server: &TestServer, company: Organisation) {
        let asset = company.assets[0];
        let path = format!("/api/v1/apps/{}/deployments", asset.0);
        let (everybody, required) = (company.group.0, "required");
        let uninstall = json!({ "value": [{ "groupId": everybody, "intent": "uninstall" }], "confirmTakeBack": 20 });
        assert_eq!(server.send(Method::PUT, &path, &uninstall).await.0, StatusCode::OK);
        let again = json!({ "value": [{ "groupId": everybody, "intent": required }] });
        assert_eq!(server.send(Method::PUT, &path, &again).await.0, StatusCode::OK);
        let change = latest(server, &format!("appId={}", asset.0)).await;
        assert_eq!(set(server, json!({ "approvalAbove": 15 })).await.0, StatusCode::OK);

        let (_, preview) = previewed(server, change).await;
        assert_eq!((&preview["needsApproval"], &preview["confirmTakeBack"]), (&json!(true), &json!(20)), "{preview}");
        let agreed = json!({ "previewDigest": preview["digest"], "confirmTakeBack": 20 });
        let (status, refused) = restore(server, change, "*", &agreed).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "approval-needed"), "{refused}");
        let mut asked = agreed.clone();
        asked["change"] = json!({ "kind": "restoring", "changeId": change });
        let (status, held) = server.send(Method::POST, "/api/v1/heldChanges", &asked).await;
        assert_eq!((status, &held["undoes"]), (StatusCode::CREATED, &json!(change)), "{held}");
        // And on its page.
        let browser = Browser::sign_in(server).await;
        let restoring = format!("/changes/{change}/restore");
        let shown = browser.form(server, &restoring).await;
        let shown = form::and(&form::and(&shown, "ask", "1"), "take-back", "20");
        let page = browser.press(server, &restoring, &shown).await;
        assert!(page.contains("승인을 요청했습니다"), "{page}");

        let approve = format!("/held/{}/approve", held["id"].as_str().unwrap());
        let fields = form::of(&browser.page(server, &format!("/held/{}", held["id"].as_str().unwrap())).await, &approve);
        browser.press(server, &approve, &form::and(&fields, "take-back", "20")).await;
        let new = latest(server, &format!("appId={}", asset.0)).await;
        let (_, told) = server.get(&format!("/api/v1/changes/{new}")).await;
        assert_eq!((&told["undoes"], &told["askedBy"], &told["changedBy"]), (&json!(change), &json!("test"), &json!("홍라온")), "{told}");
        assert!(lines(server, &path).await.iter().all(|line| line.contains("uninstall")));
    }

    /// Whoever could do without another administrator by changing the settings first would need nobody.
    async fn nobody_loosens_the_limits_alone(server: &TestServer, _company: Organisation) {
        let here = "/administration/settings";
        let browser = Browser::sign_in(server).await;
        let opened = browser.form(server, here).await;
        let on = form::with(&form::and(&opened, "approval", "yes"), "approvalAbove", "many");
        assert_eq!(browser.submit(server, here, &on).await.0, 422);
        assert_eq!(browser.submit(server, here, &form::with(&on, "approvalAbove", "50")).await.0, 303, "stricter is for one");
        for change in [json!({ "approvalAbove": null }), json!({ "approvalAbove": 51 }), json!({ "takeBackShare": 50 })] {
            let (status, refused) = set(server, change).await;
            assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "approval-needed"), "{refused}");
        }
        let opened = browser.form(server, here).await;
        let off: form::Fields = opened.into_iter().filter(|(name, _)| name != "approval").collect();
        let other = another(server).await;
        let (status, shown) = browser.submit(server, here, &off).await;
        assert!(status == 422 && shown.contains("고은결"), "{shown}");
        let asked = browser.press(server, here, &form::and(&form::of(&shown, here), "ask", "1")).await;
        assert!(asked.contains("승인을 요청했습니다"), "{asked}");
        let (_, list) = server.get("/api/v1/heldChanges").await;
        let held = format!("/held/{}", list["value"][0]["id"].as_str().unwrap());
        let approve = format!("{held}/approve");
        let fields = form::of(&other.page(server, &held).await, &approve);
        other.press(server, &approve, &fields).await;
        assert_eq!(server.get("/api/v1/settings").await.1["approvalAbove"], Value::Null);
    }
}

/// After a week nobody remembers what it was for. It ends by itself, and the history says so.
#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_approves_expires_after_a_week() {
    let (clock, hand) = Clock::moved();
    let server = TestServer::start_at(clock, |_| {}).await;
    let app = &server.running.app;
    let (_, mut settings) = server.get("/api/v1/settings").await;
    settings["policy2016"] = json!(true);
    let ask = json!({ "change": { "kind": "settings", "settings": settings } });
    let (status, held) = server.send(Method::POST, "/api/v1/heldChanges", &ask).await;
    assert_eq!(status, StatusCode::CREATED, "{held}");
    let path = format!("/api/v1/heldChanges/{}", held["id"].as_str().unwrap());
    hand.passes(held::WAITS_FOR - Duration::from_secs(60));
    assert_eq!(server.get(&path).await.1["state"], "open");
    hand.passes(Duration::from_secs(120));
    assert_eq!(
        server.get(&path).await.1["state"],
        "expired",
        "also before anybody has ended it"
    );
    let browser = Browser::sign_in(&server).await;
    let page = browser
        .page(&server, &format!("/held/{}", held["id"].as_str().unwrap()))
        .await;
    assert!(
        page.contains("만료되었습니다") && !page.contains("/approve\""),
        "{page}"
    );
    app.held_changes_expire().await.unwrap();
    let (_, happened) = server.get("/api/v1/events?limit=5").await;
    let expired = happened["value"].as_array().unwrap().iter();
    assert_eq!(
        expired.filter(|event| event["activityType"] == "changeExpired").count(),
        1,
        "{happened}"
    );
    assert_eq!(app.held_changes_expire().await.unwrap(), 0);
    assert_eq!(server.get("/api/v1/settings").await.1["policy2016"], false);
    server.stop().await;
}
