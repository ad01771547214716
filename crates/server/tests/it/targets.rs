//! Groups by a rule: who is in them follows from what is known of people and devices, within seconds, whoever changed it.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::{
    Store,
    testing::{Fresh, Organisation, organisation},
};
use uuid::Uuid;

use crate::server::{Browser, TestServer, answer, form, kind, on_both, until};

async fn person(server: &TestServer, name: &str, department: &str, office: &str) -> String {
    let new = json!({ "displayName": name, "department": department, "officeLocation": office });
    let (status, person) = server.send(Method::POST, "/api/v1/users", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{person}");
    id(&person)
}

fn id(thing: &Value) -> String {
    thing["id"].as_str().unwrap().to_owned()
}

/// The path of a new group.
async fn group(server: &TestServer, name: &str, kind: &str, rule: Option<&str>) -> String {
    let new = json!({ "displayName": name, "kind": kind, "membershipRule": rule });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    assert_eq!(
        group["membershipType"],
        if rule.is_some() { "dynamic" } else { "assigned" }
    );
    format!("/api/v1/groups/{}", id(&group))
}

async fn send(server: &TestServer, method: Method, path: &str, tag: &str, body: &Value) -> (StatusCode, Value) {
    let request = server.request(method, path).bearer_auth(&server.key);
    answer(request.header("if-match", tag).json(body)).await
}

async fn edit(server: &TestServer, person: &str, change: &Value) {
    let path = format!("/api/v1/users/{person}");
    let (status, answer) = send(server, Method::PATCH, &path, "*", change).await;
    assert_eq!(status, StatusCode::OK, "{answer}");
}

async fn members(server: &TestServer, group: &str) -> BTreeSet<String> {
    let (_, page) = server.get(&format!("{group}/members?limit=500")).await;
    let ids = page["value"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

/// Waits until these are in the group, and nobody else.
async fn members_become(server: &TestServer, group: &str, expected: &[&String]) {
    let expected: BTreeSet<String> = expected.iter().map(|id| (*id).clone()).collect();
    until(&format!("the members are {expected:?}"), async || {
        (members(server, group).await == expected).then_some(Value::Null)
    })
    .await;
}

/// The preview of a rule, or the refusal.
async fn preview(server: &TestServer, group: &str, rule: &Value) -> (StatusCode, Value) {
    let body = json!({ "membershipRule": rule });
    server
        .send(Method::POST, &format!("{group}/membershipRule/preview"), &body)
        .await
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

on_both! {
    async fn whoever_changes_comes_into_groups_and_leaves_them_by_their_rules(server: &TestServer) {
        let (kim, lee) = (person(server, "김하늘", "영업", "서울 본사").await, person(server, "이바다", "연구", "부산").await);
        let sales = group(server, "영업팀", "user", Some(r#"user.department -eq "영업""#)).await;
        let seoul = group(server, "서울", "user", Some(r#"user.officeLocation -startsWith "서울""#)).await;
        let both = group(server, "서울 영업", "user", Some(r#"memberOf "영업팀" -and memberOf "서울""#)).await;
        let all = group(server, "모든 사람", "user", Some("all")).await;
        members_become(server, &both, &[&kim]).await;
        members_become(server, &all, &[&kim, &lee]).await;

        edit(server, &lee, &json!({ "department": "영업", "officeLocation": "서울 지점" })).await;
        members_become(server, &both, &[&kim, &lee]).await;
        edit(server, &kim, &json!({ "officeLocation": null })).await;
        members_become(server, &both, &[&lee]).await;
        assert_eq!(members(server, &sales).await.len(), 2);
        // Whoever leaves is in no group, and whoever comes back is in again.
        let path = format!("/api/v1/users/{lee}");
        assert_eq!(send(server, Method::POST, &format!("{path}/leave"), "*", &json!({})).await.0, StatusCode::OK);
        assert_eq!(members(server, &seoul).await, BTreeSet::new());
        members_become(server, &all, &[&kim]).await;
        assert_eq!(send(server, Method::POST, &format!("{path}/return"), "*", &json!({})).await.0, StatusCode::OK);
        members_become(server, &both, &[&lee]).await;
        // Somebody new, too.
        let park = person(server, "박가람", "", "").await;
        members_become(server, &all, &[&kim, &lee, &park]).await;

        // The history says who moved, and by what.
        let moved = async || {
            let (_, happened) = server.get(&format!("/api/v1/events?limit=100&userId={lee}")).await;
            let events = happened["value"].as_array().unwrap().iter();
            let moved = events.filter(|event| event["activityType"] == "groupMembersFollowed");
            let moved: Vec<_> = moved.map(|event| event["detail"]["name"].clone()).collect();
            moved.contains(&json!("서울 영업")).then_some(Value::Null)
        };
        until("the history tells it", moved).await;
    }

    async fn a_rule_that_is_wrong_is_refused_with_the_place_of_what_is(server: &TestServer) {
        let people = group(server, "영업팀", "user", None).await;
        group(server, "전화", "device", None).await;
        for (rule, position, detail) in [
            (r#"user.department -eq "영업" -and"#, 30, "a condition is missing"),
            (r#"device.model -eq "iPhone""#, 1, "is an attribute of devices"),
            (r#"memberOf "없는 그룹""#, 10, "there is no group"),
            // A group of devices is none of people.
            (r#"memberOf "전화""#, 10, "there is no group"),
            ("", 1, "says nothing"),
        ] {
            let body = json!({ "displayName": "x", "kind": "user", "membershipRule": rule });
            let made = server.send(Method::POST, "/api/v1/groups", &body).await;
            for (status, refused) in [preview(server, &people, &json!(rule)).await, made] {
                assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "invalid"), "{rule}: {refused}");
                assert_eq!(refused["position"], json!(position), "{refused}");
                assert_eq!(refused["errors"][0]["field"], "membershipRule");
                assert!(refused["detail"].as_str().unwrap().contains(detail), "{refused}");
            }
        }
        let (status, refused) = preview(server, &people, &json!("all\u{0}")).await;
        assert_eq!((status, &refused["errors"][0]["problem"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("unprintable")));
    }

    async fn groups_do_not_look_at_each_other_in_a_circle_and_stay_while_they_are_looked_at(server: &TestServer) {
        let one = group(server, "하나", "user", None).await;
        let two = group(server, "둘", "user", Some(r#"memberOf "하나""#)).await;
        let three = group(server, "셋", "user", Some(r#"-not memberOf "둘""#)).await;
        let circle = json!(r#"all -or memberOf "셋""#);
        let (status, refused) = preview(server, &one, &circle).await;
        assert_eq!((status, &refused["errors"][0]["problem"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("circle")));
        let named: BTreeSet<&str> = refused["groups"].as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
        assert_eq!(named, BTreeSet::from(["하나", "둘", "셋"]));
        let path = format!("{one}/membershipRule");
        let (status, _) = send(server, Method::PUT, &path, "*", &json!({ "membershipRule": circle })).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY);
        let (status, refused) = send(server, Method::DELETE, &one, "*", &json!({})).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "group-in-use"), "{refused}");
        assert_eq!(refused["groups"], json!(["둘"]));
        // A group may be renamed: the rule knows which it is.
        let renamed = json!({ "displayName": "첫째" });
        assert_eq!(send(server, Method::PATCH, &one, "*", &renamed).await.0, StatusCode::OK);
        assert_eq!(server.get(&two).await.1["membershipRule"], r#"memberOf "첫째""#);
        for group in [&three, &two, &one] {
            assert_eq!(send(server, Method::DELETE, group, "*", &json!({})).await.0, StatusCode::NO_CONTENT);
        }
    }

    async fn members_of_a_rule_are_not_put_in_by_hand_until_it_is_taken_away(server: &TestServer) {
        let (kim, lee) = (person(server, "김하늘", "영업", "").await, person(server, "이바다", "", "").await);
        let sales = group(server, "영업팀", "user", Some(r#"user.department -eq "영업""#)).await;
        members_become(server, &sales, &[&kim]).await;
        let path = format!("{sales}/members");
        let add = json!({ "add": [lee] });
        for (method, body) in [(Method::POST, &add), (Method::PUT, &json!({ "value": [lee] }))] {
            let (status, refused) = send(server, method, &path, "*", body).await;
            assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "members-by-rule"), "{refused}");
        }
        // Whoever decides upon what somebody else has changed since is told so.
        let rule = format!("{sales}/membershipRule");
        let seen = tag(server, &rule).await;
        let gone = json!({ "membershipRule": null });
        let (status, now) = send(server, Method::PUT, &rule, &seen, &gone).await;
        assert_eq!((status, &now["membershipType"]), (StatusCode::OK, &json!("assigned")), "{now}");
        let (status, refused) = send(server, Method::PUT, &rule, &seen, &json!({ "membershipRule": "all" })).await;
        assert_eq!((status, kind(&refused)), (StatusCode::PRECONDITION_FAILED, "stale"), "{refused}");
        // Whoever was in it stays.
        assert_eq!(send(server, Method::POST, &path, "*", &add).await.0, StatusCode::OK);
        assert_eq!(members(server, &sales).await, BTreeSet::from([kim, lee]));
        assert_eq!(server.get(&sales).await.1["membershipRuleProcessingStatus"], Value::Null);
    }
}

on_both! {
    /// Row by row, without any script: looked at, saved, and told on the pages of whom it is about.
    async fn a_rule_is_chosen_row_by_row_looked_at_and_saved(server: &TestServer) {
        let (kim, lee) = (person(server, "김하늘", "영업", "서울 본사").await, person(server, "이바다", "영업", "부산").await);
        let browser = Browser::sign_in(server).await;
        let opened = browser.form(server, "/groups/new").await;
        let new = |name: &str, membership: &str| {
            let fields = form::with(&opened, "name", name);
            form::with(&form::with(&fields, "kind", "user"), "membership", membership)
        };
        // Everybody, in one go.
        let shown = browser.press(server, "/groups/new", &new("모두", "all")).await;
        assert!(shown.contains("규칙을 저장했습니다") && shown.contains("모든 사용자") && !shown.contains("회원 추가"), "{shown}");
        let shown = browser.press(server, "/groups/new", &new("서울 영업", "rule")).await;
        let (_, groups) = server.get("/api/v1/groups").await;
        let of = |name: &str| {
            let group = groups["value"].as_array().unwrap().iter().find(|group| group["displayName"] == name);
            id(group.unwrap())
        };
        let (all, seoul) = (of("모두"), of("서울 영업"));
        let page = format!("/groups/{seoul}");
        let path = format!("{page}/rule");

        // Nothing is chosen yet, and a row more is one more.
        let opened = form::of(&shown, &path);
        let (status, shown) = browser.submit(server, &path, &opened).await;
        assert_eq!(status, 422);
        assert!(shown.contains("조건을 하나 이상 입력하십시오."), "{shown}");
        let row = |fields: &form::Fields, attribute: &str, operator: &str, value: &str| {
            let rows = ["attribute", "operator", "value"];
            let mut fields: form::Fields = fields.iter().filter(|(name, value)| !(rows.contains(&name.as_str()) && value.is_empty())).cloned().collect();
            for (name, value) in rows.into_iter().zip([attribute, operator, value]) {
                fields.push((name.to_owned(), value.to_owned()));
            }
            fields
        };
        let one = row(&opened, "user.department", "-eq", "영업");
        let (_, shown) = browser.submit(server, &path, &form::and(&one, "add", "1")).await;
        assert_eq!(shown.matches(r#" name="attribute""#).count(), 2, "{shown}");
        // What cannot be compared so is said, and what was chosen stays.
        let (status, shown) = browser.submit(server, &path, &row(&one, "user.officeLocation", "-ge", "서울")).await;
        assert_eq!(status, 422);
        let plain = shown.replace(['\u{2068}', '\u{2069}'], "");
        assert!(plain.contains("근무지에는 ‘이상’ 비교를 쓸 수 없습니다") && plain.contains(r#"value="서울""#), "{plain}");
        let (status, shown) = browser.submit(server, &path, &row(&one, "memberOf", "-eq", "없음")).await;
        assert!(status == 422 && shown.contains("종류가 같은 그룹 중에 없습니다"), "{shown}");
        assert_eq!(members(server, &format!("/api/v1{page}")).await, BTreeSet::new());

        let both = row(&row(&one, "user.officeLocation", "-startsWith", "서울"), "memberOf", "-eq", "모두");
        members_become(server, &format!("/api/v1/groups/{all}"), &[&kim, &lee]).await;
        let (status, shown) = browser.submit(server, &path, &both).await;
        let plain = shown.replace(['\u{2068}', '\u{2069}'], "");
        assert_eq!(status, 200);
        assert!(plain.contains("조건에 맞음: 1명") && plain.contains("김하늘") && !plain.contains("이바다"), "{plain}");
        let preview = form::of(&shown, &path);
        // Back to the rows, with all of them.
        let (_, back) = browser.submit(server, &path, &form::and(&preview, "edit", "1")).await;
        assert!(back.contains(r#"value="모두""#), "{back}");
        let shown = browser.press(server, &path, &preview).await;
        assert!(shown.contains("규칙을 저장했습니다"), "{shown}");
        members_become(server, &format!("/api/v1{page}"), &[&kim]).await;

        // The group says by what, and nobody is ticked there; the person says it, too.
        let shown = browser.page(server, &page).await.replace(['\u{2068}', '\u{2069}'], "");
        assert!(shown.contains("부서: 영업") && shown.contains("그룹 모두의 회원") && !shown.contains("checkbox"), "{shown}");
        let shown = browser.page(server, &format!("/people/{kim}")).await.replace(['\u{2068}', '\u{2069}'], "");
        assert!(shown.contains("서울 영업") && shown.contains("근무지: 서울로 시작"), "{shown}");
        let shown = browser.page(server, &format!("/groups/{all}")).await;
        assert!(shown.contains("다른 그룹의 규칙이 이 그룹을 조건으로 쓰므로 삭제할 수 없습니다"), "{shown}");

        // Whoever saves upon what is no more is told what there is now.
        let (status, shown) = browser.submit(server, &path, &preview).await;
        assert_eq!(status, 409);
        assert!(shown.contains("저장하지 않았습니다") && shown.contains("지금 규칙"), "{shown}");
        // Written out it is the same rule; and a written one that is wrong says where.
        let opened = browser.form(server, &path).await;
        let written = form::with(&form::with(&opened, "membership", "text"), "rule", "all -and");
        let (status, shown) = browser.submit(server, &path, &written).await;
        assert_eq!(status, 422);
        assert!(shown.replace(['\u{2068}', '\u{2069}'], "").contains("규칙 식의 9번째 글자: 조건이 빠졌습니다."), "{shown}");
        let by_hand = form::with(&opened, "membership", "assigned");
        let (_, shown) = browser.submit(server, &path, &by_hand).await;
        let shown = browser.press(server, &path, &form::of(&shown, &path)).await;
        assert!(shown.contains("회원 추가") && shown.contains("김하늘"), "{shown}");
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

    async fn a_rule_is_saved_as_it_was_previewed_or_refused(server: &TestServer, company: Organisation) {
        let everybody = format!("/api/v1/groups/{}", company.group.0);
        let holders: Vec<Uuid> = company.people.iter().step_by(2).map(|person| person.0).collect();
        edit(server, &holders[0].to_string(), &json!({ "department": "영업" })).await;
        let rule = json!(r#"user.department -eq "영업""#);
        let (status, seen) = preview(server, &everybody, &rule).await;
        assert_eq!(status, StatusCode::OK, "{seen}");
        assert_eq!((&seen["matchingCount"], &seen["joiningIds"]), (&json!(1), &json!([])));
        assert_eq!(seen["leavingIds"].as_array().unwrap().len(), 39);
        assert_eq!(seen["confirmTakeBack"], 19, "{seen}");
        let path = format!("{everybody}/membershipRule");
        let agreed = |digest: &Value, confirmed: u64| {
            json!({ "membershipRule": rule, "previewDigest": digest, "confirmTakeBack": confirmed })
        };
        let save = async |body: Value| send(server, Method::PUT, &path, "*", &body).await;
        let (status, refused) = save(agreed(&seen["digest"], 20)).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{refused}");
        // Somebody is moved into the department meanwhile: that is something else.
        edit(server, &holders[1].to_string(), &json!({ "department": "영업" })).await;
        let (status, refused) = save(agreed(&seen["digest"], 19)).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "preview-outdated"), "{refused}");
        assert_eq!(members(server, &everybody).await.len(), 40);
        let (status, saved) = save(agreed(&refused["previewDigest"], 18)).await;
        assert_eq!((status, &saved["membershipRule"]), (StatusCode::OK, &rule), "{saved}");
        members_become(server, &everybody, &[&holders[0].to_string(), &holders[1].to_string()]).await;
        until("everybody was asked", async || {
            let (_, group) = server.get(&everybody).await;
            (group["membershipRuleProcessingStatus"] == "succeeded" && group["memberCount"] == 2).then_some(Value::Null)
        })
        .await;
        // The licences come back by themselves, as was shown.
        let (_, happened) = server.get("/api/v1/events?limit=100").await;
        let set = happened["value"].as_array().unwrap().iter().find(|event| event["activityType"] == "groupRuleSet");
        assert_eq!(set.unwrap()["detail"]["leaving"], 38);
    }

    /// What comes into one group comes into another: that is part of what is agreed to.
    async fn what_follows_in_other_groups_is_previewed_too(server: &TestServer, company: Organisation) {
        let everybody = format!("/api/v1/groups/{}", company.group.0);
        let leads = group(server, "팀장", "user", None).await;
        let first: Vec<String> = company.people.iter().take(20).map(ToString::to_string).collect();
        // All of them have the app by a group that has a rule, which looks at another one.
        let (status, _) = send(server, Method::POST, &format!("{leads}/members"), "*", &json!({ "add": company.people.iter().map(ToString::to_string).collect::<Vec<_>>() })).await;
        assert_eq!(status, StatusCode::OK);
        let rule = json!({ "membershipRule": r#"memberOf "팀장""# });
        let (status, saved) = send(server, Method::PUT, &format!("{everybody}/membershipRule"), "*", &rule).await;
        assert_eq!(status, StatusCode::OK, "nobody moves: {saved}");
        let remove = json!({ "remove": first });
        let (status, seen) = server.send(Method::POST, &format!("{leads}/members/preview"), &remove).await;
        assert_eq!(status, StatusCode::OK, "{seen}");
        assert_eq!(seen["following"][0]["groupId"], json!(company.group.0));
        assert_eq!(seen["following"][0]["leavingIds"].as_array().unwrap().len(), 20);
        assert_eq!((seen["apps"].as_array().unwrap().len(), &seen["apps"][0]["appId"]), (1, &json!(company.assets[0])), "{seen}");
        let confirmed = seen["confirmTakeBack"].as_u64();
        let agreed = json!({ "remove": first, "previewDigest": seen["digest"], "confirmTakeBack": confirmed });
        let (status, saved) = send(server, Method::POST, &format!("{leads}/members"), "*", &agreed).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        let stay: Vec<String> = company.people[20..].iter().map(ToString::to_string).collect();
        members_become(server, &everybody, &stay.iter().collect::<Vec<_>>()).await;
    }

    async fn devices_come_into_groups_by_what_they_are_and_whose(server: &TestServer, company: Organisation) {
        let person = company.people[3];
        let device = server.running.app.devices_of(person).await.unwrap()[0].id.to_string();
        let rule = r#"device.operatingSystem -eq "iOS" -and device.osVersion -ge "18.2" -and device.managedDeviceOwnerType -eq "company""#;
        let phones = group(server, "회사 전화", "device", Some(rule)).await;
        assert_eq!(server.get(&phones).await.1["membershipRule"], rule);
        let path = format!("/api/v1/managedDevices/{device}/ownership");
        let (status, owned) = server.get(&path).await;
        assert_eq!((status, &owned["managedDeviceOwnerType"]), (StatusCode::OK, &json!("unknown")));
        let seen = tag(server, &path).await;
        let company_s = json!({ "managedDeviceOwnerType": "company" });
        assert_eq!(send(server, Method::PUT, &path, &seen, &company_s).await.0, StatusCode::OK);
        members_become(server, &phones, &[&device]).await;
        let (status, refused) = send(server, Method::PUT, &path, &seen, &json!({ "managedDeviceOwnerType": "personal" })).await;
        assert_eq!((status, &refused["current"]["managedDeviceOwnerType"]), (StatusCode::PRECONDITION_FAILED, &json!("company")), "{refused}");
        assert_eq!(server.get(&format!("/api/v1/managedDevices/{device}")).await.1["managedDeviceOwnerType"], "company");
        // On the page of the device, too: whose it is, its groups, and by what.
        let browser = Browser::sign_in(server).await;
        let page = format!("/devices/{device}");
        let shown = browser.page(server, &page).await.replace(['\u{2068}', '\u{2069}'], "");
        assert!(shown.contains("회사 전화") && shown.contains("소유 구분: 회사") && shown.contains("운영 체제 버전: 18.2 이상"), "{shown}");
        let path = format!("{page}/ownership");
        let opened = form::of(&browser.page(server, &page).await, &path);
        assert!(opened.contains(&("ownership".to_owned(), "company".to_owned())), "{opened:?}");
        browser.press(server, &path, &form::with(&opened, "ownership", "personal")).await;
        members_become(server, &phones, &[]).await;
        let (status, shown) = browser.submit(server, &path, &opened).await;
        assert!(status == 409 && shown.contains("다른 사람이 소유 구분을 바꿨습니다"), "{shown}");
        let opened = form::of(&browser.page(server, &page).await, &path);
        browser.press(server, &path, &form::with(&opened, "ownership", "company")).await;
        members_become(server, &phones, &[&device]).await;
        // By the department of its person, in another one.
        let sales = group(server, "영업 전화", "device", Some(r#"user.department -eq "영업" -and memberOf "회사 전화""#)).await;
        edit(server, &person.to_string(), &json!({ "department": "영업" })).await;
        members_become(server, &sales, &[&device]).await;
        // A device that is taken out is in no group that has a rule.
        let gone = format!("/api/v1/managedDevices/{device}");
        assert_eq!(send(server, Method::DELETE, &gone, "*", &json!({})).await.0, StatusCode::NO_CONTENT);
        members_become(server, &sales, &[]).await;
        members_become(server, &phones, &[]).await;
    }
}
