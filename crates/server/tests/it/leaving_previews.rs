//! Somebody's leaving is a contract: what was previewed, or nothing.

use domain::{Enrolment, PersonId};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{
    ObservedAsset, Store,
    testing::{Fresh, Organisation},
};
use tokio::task::JoinSet;

use crate::{
    previews::{company, people},
    server::{Browser, TestServer, answer, form, kind, on_both},
};

fn user(person: PersonId) -> String {
    format!("/api/v1/users/{}", person.0)
}

async fn previewed(server: &TestServer, person: PersonId, query: &str) -> Value {
    let path = format!("{}/leave/preview{query}", user(person));
    let (status, preview) = server.send(Method::POST, &path, &json!({})).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    preview
}

/// Has them leave, upon whatever version there is.
async fn left(server: &TestServer, person: PersonId, query: &str) -> (StatusCode, Value) {
    let request = server.request(Method::POST, &format!("{}/leave{query}", user(person)));
    answer(request.bearer_auth(&server.key).header("if-match", "*")).await
}

fn with(preview: &Value) -> String {
    format!("?previewDigest={}", preview["digest"].as_str().unwrap())
}

/// To whom the effect of a preview of one app befalls, as far as they are named.
fn whom(app: &Value, effect: &str) -> Vec<Value> {
    let affected = app["affected"].as_array().unwrap().iter();
    let named = affected.filter(|affected| affected["effect"] == effect);
    named
        .flat_map(|affected| affected["firstIds"].as_array().unwrap().clone())
        .collect()
}

/// Apple takes no licence of the app back any more.
async fn is_irrevocable(store: &Store, company: &Organisation) {
    let listed = ObservedAsset {
        adam_id: "1000000".to_owned(),
        pricing_param: "STDQ".to_owned(),
        product_type: "App".to_owned(),
        total: 20,
        assigned: 0,
        available: 20,
        retired: 0,
        device_assignable: true,
        revocable: false,
        platforms: vec!["iOS".to_owned()],
    };
    let mut tx = store.begin().await.unwrap();
    tx.assets_observed(company.location, &[listed], false, company.now, &|| company.assets[0])
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

on_both! {
    upon company;

    async fn whoever_leaves_does_what_was_previewed_or_it_is_refused_with_the_difference(
        server: &TestServer, company: Organisation
    ) {
        let store = &server.running.app.store;
        let (leaver, first) = (company.people[0], company.people[1]);
        let preview = previewed(server, leaver, "").await;
        let app = &preview["apps"][0];
        assert_eq!(app["appId"], json!(company.assets[0].0));
        assert_eq!((&app["license"], app["deviceIds"].as_array().unwrap().len()), (&json!("comesBack"), 1), "{preview}");
        assert_eq!((whom(app, "loses"), whom(app, "gainsLater")), (vec![json!(leaver)], vec![json!(first)]), "{preview}");
        assert_eq!((people(app, "waits"), people(app, "none")), (0, 19), "{preview}");
        assert_eq!((&app["takenBackLicenseCount"], &app["returningLicenseCount"]), (&json!(1), &json!(1)));
        assert_eq!((&preview["groupIds"], &preview["retiredAtApple"]), (&json!([company.group.0]), &json!(true)));
        assert_eq!(preview["devices"][0]["outcome"], "retires");
        assert_eq!(preview["devices"][0]["deviceId"], app["deviceIds"][0]);
        let path = format!("{}/leave/preview", user(leaver));
        let looking = server.request(Method::POST, &path).bearer_auth(&server.looker);
        let (status, seen) = answer(looking).await;
        assert_eq!((status, &seen["digest"]), (StatusCode::OK, &preview["digest"]), "whoever reads may look, and sees the same");

        let nothing_changed = async || {
            assert_eq!(server.get(&user(leaver)).await.1["leftDateTime"], Value::Null);
            assert!(store.group_members(company.group).await.unwrap().contains(&leaver.0));
        };
        // What was chosen for the devices is a part of it.
        let kept = previewed(server, leaver, "?retireDevices=false").await;
        assert_eq!(kept["devices"][0]["outcome"], "stays");
        let (status, problem) = left(server, leaver, &format!("{}&retireDevices=false", with(&preview))).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        nothing_changed().await;
        // One more is bought: the first in line does not have to wait for theirs, but the next one has to.
        company.licences(store, company.assets[0], 21).await.unwrap();
        let (status, problem) = left(server, leaver, &with(&preview)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(problem["apps"][0]["affected"], json!({ "loses": 1, "gainsLater": 1, "none": 19 }), "{problem}");
        nothing_changed().await;
        // Somebody puts them into another group.
        let preview = previewed(server, leaver, "").await;
        assert_eq!(preview["digest"], problem["previewDigest"]);
        assert_eq!(whom(&preview["apps"][0], "gainsLater"), [json!(company.people[3])]);
        let new = json!({ "displayName": "다른 부서", "kind": "user" });
        let (_, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
        let members = format!("/api/v1/groups/{}/members", group["id"].as_str().unwrap());
        let (status, _) = server.send(Method::PUT, &members, &json!({ "value": [leaver.0] })).await;
        assert_eq!(status, StatusCode::OK);
        let (status, problem) = left(server, leaver, &with(&preview)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        nothing_changed().await;

        let agreed = format!("?previewDigest={}", problem["previewDigest"].as_str().unwrap());
        let (status, gone) = left(server, leaver, &agreed).await;
        assert_eq!(status, StatusCode::OK, "{gone}");
        assert!(gone["leftDateTime"].is_string());
        assert_eq!(store.groups_of(leaver.0).await.unwrap(), []);
        assert_eq!(server.get(&members).await.1["value"], json!([]));
        // Once is enough, whatever was seen; and then nothing is left to be previewed.
        assert_eq!(left(server, leaver, &agreed).await.0, StatusCode::OK);
        let nothing = previewed(server, leaver, "").await;
        assert_eq!((&nothing["apps"], &nothing["devices"], &nothing["groupIds"]), (&json!([]), &json!([]), &json!([])));
        // A program that does not ask goes on as it did.
        let (status, gone) = left(server, company.people[2], "?retireDevices=false").await;
        assert_eq!(status, StatusCode::OK, "{gone}");
        let (_, events) = server.get(&format!("/api/v1/events?userId={}", leaver.0)).await;
        let left = |event: &&Value| event["activityType"] == "personLeft";
        assert_eq!(events["value"].as_array().unwrap().iter().filter(left).count(), 1, "{events}");
    }

    /// Nothing comes back from them, so nobody gets anything; those behind them move up.
    async fn whoever_leaves_a_line_gives_their_place_to_the_next(server: &TestServer, company: Organisation) {
        let leaver = company.people[1];
        let preview = previewed(server, leaver, "").await;
        let app = &preview["apps"][0];
        assert_eq!((&app["license"], &app["deviceIds"]), (&json!("none"), &json!([])), "{preview}");
        assert_eq!((whom(app, "drops"), people(app, "none")), (vec![json!(leaver)], 19), "{preview}");
        assert_eq!(app["waitingUserIds"][0], json!(company.people[3]));
        assert_eq!((&app["takenBackLicenseCount"], &app["returningLicenseCount"]), (&json!(0), &json!(0)));
        let (status, gone) = left(server, leaver, &with(&preview)).await;
        assert_eq!(status, StatusCode::OK, "{gone}");
    }

    /// It is told before that a licence is lost with the person.
    async fn what_apple_takes_back_from_nobody_stays_with_whoever_leaves(server: &TestServer, company: Organisation) {
        is_irrevocable(&server.running.app.store, &company).await;
        let preview = previewed(server, company.people[0], "").await;
        let app = &preview["apps"][0];
        assert_eq!((&app["license"], people(app, "loses")), (&json!("stays"), 1), "{preview}");
        assert_eq!((people(app, "gainsLater"), &app["takenBackLicenseCount"]), (0, &json!(0)), "{preview}");
        assert_eq!(left(server, company.people[0], &with(&preview)).await.0, StatusCode::OK);
    }

    /// Some leave, as whoever sends them away has seen it, while others put them into groups: everybody's change is done, or
    /// refused, and nobody who left is in any group.
    async fn whoever_leaves_while_they_are_put_into_groups_is_in_none(server: &TestServer, company: Organisation) {
        let mut changes = JoinSet::new();
        for leaver in company.people.iter().copied().take(6) {
            let new = json!({ "displayName": format!("부서 {leaver}"), "kind": "user" });
            let (_, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
            let members = format!("{}/api/v1/groups/{}/members", server.url, group["id"].as_str().unwrap());
            let (http, key) = (server.http.clone(), server.key.clone());
            changes.spawn(async move {
                let body = json!({ "value": [leaver.0] });
                let request = http.put(&members).bearer_auth(&key).header("if-match", "*").json(&body);
                let status = request.send().await.unwrap().status();
                assert!(matches!(status, StatusCode::OK | StatusCode::UNPROCESSABLE_ENTITY), "{status}");
            });
            let (http, key, path) = (server.http.clone(), server.key.clone(), format!("{}{}", server.url, user(leaver)));
            changes.spawn(async move {
                loop {
                    let looked = http.post(format!("{path}/leave/preview")).bearer_auth(&key);
                    let preview: Value = looked.send().await.unwrap().json().await.unwrap();
                    let leave = http.post(format!("{path}/leave{}", with(&preview))).bearer_auth(&key);
                    let (status, said) = answer(leave.header("if-match", "*")).await;
                    if status == StatusCode::OK {
                        return;
                    }
                    assert_eq!((status, kind(&said)), (StatusCode::CONFLICT, "preview-outdated"), "{said}");
                }
            });
        }
        changes.join_all().await;
        let store = &server.running.app.store;
        for leaver in &company.people[..6] {
            assert!(store.person(*leaver).await.unwrap().unwrap().left_at.is_some());
            assert_eq!(store.groups_of(leaver.0).await.unwrap(), []);
        }
    }

    async fn the_console_does_what_it_showed_of_a_leaver(server: &TestServer, company: Organisation) {
        let (leaver, asset) = (company.people[0], company.assets[0]);
        let browser = Browser::sign_in(server).await;
        let path = format!("/people/{leaver}/leave");
        let shown = browser.page(server, &path).await;
        let next = |person: PersonId| [format!("href=\"/people/{person}\""), format!("href=\"/why/{person}/{asset}\"")];
        let first = next(company.people[1]);
        for text in [
            "앱과 앱 안의 데이터가 제거됩니다: iPhone",
            "앱이 제거된 것을 확인한 뒤 라이선스를 회수합니다",
            "회수 뒤 받음",
            "20건 → 19건",
            "사용 중지합니다",
            "Apple 계정 연결을 해제합니다",
        ]
        .into_iter()
        .chain(first.iter().map(String::as_str))
        {
            assert!(shown.contains(text), "{text}: {shown}");
        }
        let kept = browser.page(server, &format!("{path}?devices=keep")).await;
        assert!(kept.contains("등록을 유지합니다") && !kept.contains("사용 중지합니다"), "{kept}");
        let is_here = async || server.get(&user(leaver)).await.1["leftDateTime"].is_null();

        // Nothing is done without the tick, nor without a preview.
        let fields = form::of(&shown, &path);
        let (status, page) = browser.submit(server, &path, &fields).await;
        assert!(status == 422 && page.contains("확인란을 선택하지 않았습니다"), "{page}");
        let unseen = form::with(&form::and(&fields, "confirmed", "yes"), "digest", "");
        assert_eq!((browser.submit(server, &path, &unseen).await.0, is_here().await), (422, true));

        // The world changes under it: nothing is done, and what is so now is shown.
        company.licences(&server.running.app.store, asset, 21).await.unwrap();
        let ticked = form::and(&fields, "confirmed", "yes");
        let (status, page) = browser.submit(server, &path, &ticked).await;
        assert_eq!((status, is_here().await), (409, true));
        assert!(page.contains("미리 보기를 연 뒤에 결과가 달라졌습니다"), "{page}");
        for text in next(company.people[3]) {
            assert!(page.contains(&text), "{text}: {page}");
        }
        // What was chosen stays chosen.
        let keeps = form::and(&form::of(&kept, &path), "confirmed", "yes");
        let (status, page) = browser.submit(server, &path, &keeps).await;
        assert!(status == 409 && page.contains("등록을 유지합니다"), "{page}");

        let now = form::and(&form::of(&page, &path), "confirmed", "yes");
        let page = browser.press(server, &path, &now).await;
        assert!(page.contains("아직 등록된 장치가 1대 있습니다"), "{page}");
        assert!(!is_here().await);
        let device = server.running.app.store.devices_of(leaver).await.unwrap().remove(0);
        assert_eq!(device.enrolment, Enrolment::Enrolled, "it was to stay");
        // There is nothing to do twice.
        assert_eq!(browser.submit(server, &path, &now).await.0, 303);
    }
}

on_both! {
    upon company;

    /// A device takes the licence along with which the app is on it alone, and the next in line gets it.
    async fn a_device_that_leaves_does_what_was_previewed_and_is_asked_once_more_where_a_licence_comes_back(
        server: &TestServer, company: Organisation
    ) {
        let store = &server.running.app.store;
        let (owner, waits, next) = (company.people[0], company.people[1], company.people[3]);
        let of = async |person: PersonId| store.devices_of(person).await.unwrap()[0].id;
        let (device, other) = (of(owner).await, of(waits).await);
        let path = |device: domain::DeviceId| format!("/api/v1/managedDevices/{}", device.0);
        let previewed = async |device, how: &str| -> Value {
            let looking = server.request(Method::POST, &format!("{}/{how}/preview", path(device)));
            let (status, preview) = answer(looking.bearer_auth(&server.looker)).await;
            assert_eq!(status, StatusCode::OK, "{preview}");
            preview
        };
        for how in ["retire", "wipe", "remove"] {
            let preview = previewed(device, how).await;
            let app = &preview["apps"][0];
            assert_eq!((whom(app, "loses"), whom(app, "gainsLater")), (vec![json!(owner)], vec![json!(waits)]), "{preview}");
            assert_eq!((&preview["appIds"], &app["takenBackLicenseCount"]), (&json!([company.assets[0].0]), &json!(1)));
        }
        // Whoever waits loses the place in the line with the only device, and nothing comes back.
        let preview = previewed(other, "retire").await;
        assert_eq!((people(&preview["apps"][0], "cannot"), &preview["appIds"]), (1, &json!([])), "{preview}");

        let preview = previewed(device, "retire").await;
        let retire = async |digest: &Value| {
            let with = format!("{}/retire?previewDigest={}", path(device), digest.as_str().unwrap());
            answer(server.request(Method::POST, &with).bearer_auth(&server.key)).await
        };
        // The first in line leaves the group meanwhile: the next one gets it.
        company.leaves(store, waits).await.unwrap();
        let (status, problem) = retire(&preview["digest"]).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        let preview = previewed(device, "retire").await;
        assert_eq!((&preview["digest"], whom(&preview["apps"][0], "gainsLater")), (&problem["previewDigest"], vec![json!(next)]));
        assert_eq!(store.device(device).await.unwrap().unwrap().enrolment, Enrolment::Enrolled, "nothing was done");

        // On its page it is seen, and said once more.
        let browser = Browser::sign_in(server).await;
        let here = format!("/devices/{}/retire", device.0);
        let page = browser.page(server, &here).await;
        assert!(page.contains("라이선스 1개를 회수하는 것을 확인합니다") && page.contains(&next.0.to_string()), "{page}");
        let fields = form::of(&page, &here);
        let (code, page) = browser.submit(server, &here, &fields).await;
        assert!(code == 422 && page.contains("confirmed-e"), "{code} {page}");
        let (code, page) = browser.submit(server, &here, &form::and(&form::with(&fields, "digest", "another"), "confirmed", "yes")).await;
        assert!(code == 409 && page.contains("미리 보기를 연 뒤에 결과가 달라졌습니다"), "{code} {page}");
        assert_eq!(store.device(device).await.unwrap().unwrap().enrolment, Enrolment::Enrolled, "nothing was done");
        browser.press(server, &here, &form::and(&fields, "confirmed", "yes")).await;
        assert_eq!(store.device(device).await.unwrap().unwrap().enrolment, Enrolment::Retiring);

        // Where nothing comes back one click is enough, and a program needs no digest.
        let here = format!("/devices/{}/remove", other.0);
        let page = browser.page(server, &here).await;
        assert!(!page.contains(r#"name="confirmed""#), "{page}");
        browser.press(server, &here, &form::of(&page, &here)).await;
        assert_eq!(store.device(other).await.unwrap().unwrap().enrolment, Enrolment::Removed);
        let remove = server.request(Method::DELETE, &path(device)).bearer_auth(&server.key);
        assert_eq!(answer(remove.header("if-match", "*")).await.0, StatusCode::NO_CONTENT);
        assert_eq!(store.device(device).await.unwrap().unwrap().enrolment, Enrolment::Removed);
    }
}

on_both! {
    upon company;

    /// Whoever comes back is in the groups whose rules let them in, and gets what those have, or waits for it.
    async fn a_return_does_what_was_previewed_and_somebody_sees_it_first(server: &TestServer, company: Organisation) {
        let store = &server.running.app.store;
        let (leaver, group) = (company.people[1], format!("/api/v1/groups/{}/membershipRule", company.group.0));
        let rule = json!({ "membershipRule": "all" });
        assert_eq!(server.send(Method::PUT, &group, &rule).await.0, StatusCode::OK);
        assert_eq!(left(server, leaver, "?retireDevices=false").await.0, StatusCode::OK);
        let previewed = async || -> Value {
            let looking = server.request(Method::POST, &format!("{}/return/preview", user(leaver)));
            let (status, preview) = answer(looking.bearer_auth(&server.looker)).await;
            assert_eq!(status, StatusCode::OK, "{preview}");
            preview
        };
        let back = async |digest: &Value| {
            let with = format!("{}/return?previewDigest={}", user(leaver), digest.as_str().unwrap());
            let request = server.request(Method::POST, &with).bearer_auth(&server.key);
            answer(request.header("if-match", "*")).await
        };
        let preview = previewed().await;
        assert_eq!(preview["groupIds"], json!([company.group.0]), "{preview}");
        assert_eq!((whom(&preview["apps"][0], "waits"), &preview["confirmTakeBack"]), (vec![json!(leaver)], &Value::Null), "{preview}");

        // More licences than people: nobody waits by then.
        company.licences(store, company.assets[0], 60).await.unwrap();
        let (status, problem) = back(&preview["digest"]).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert!(store.person(leaver).await.unwrap().unwrap().left_at.is_some(), "nothing was done");
        let preview = previewed().await;
        assert_eq!((&preview["digest"], whom(&preview["apps"][0], "gains")), (&problem["previewDigest"], vec![json!(leaver)]), "{preview}");

        let browser = Browser::sign_in(server).await;
        let (page, here) = (format!("/people/{}", leaver.0), format!("/people/{}/return", leaver.0));
        let button = form::of(&browser.page(server, &page).await, &here);
        let (code, shown) = browser.submit(server, &here, &button).await;
        assert!(code == 200 && shown.contains("규칙에 따라 들어가는 그룹") && shown.contains("everybody"), "{code} {shown}");
        assert!(store.person(leaver).await.unwrap().unwrap().left_at.is_some(), "it was only looked at");
        let agreed = form::of(&shown, &here);
        let (code, shown) = browser.submit(server, &here, &form::with(&agreed, "digest", "another")).await;
        assert!(code == 409 && shown.contains("복귀로 표시"), "{code} {shown}");
        browser.press(server, &here, &agreed).await;
        assert_eq!(store.person(leaver).await.unwrap().unwrap().left_at, None);
        // For somebody who is here nothing would happen, and nothing does.
        assert_eq!(previewed().await["apps"], json!([]));
        assert_eq!(back(&json!("whatever")).await.0, StatusCode::OK);
    }
}
