//! One thing done to many at once: by their ids, or by the list that shows them; previewed, done, and told of.

use std::collections::BTreeSet;

use domain::PersonId;
use reqwest::{Method, StatusCode};
use secrecy::SecretString;
use serde_json::{Value, json};
use server::app::{Caller, Role};
use store::testing::{Fresh, Organisation};
use uuid::Uuid;

use crate::{
    previews::{company, people},
    server::{Browser, PASSWORD, TestServer, answer, form, kind, on_both, until},
};

async fn person(server: &TestServer, name: &str) -> String {
    let (status, person) = server
        .send(Method::POST, "/api/v1/users", &json!({ "displayName": name }))
        .await;
    assert_eq!(status, StatusCode::CREATED, "{person}");
    person["id"].as_str().unwrap().to_owned()
}

async fn group(server: &TestServer, name: &str, kind: &str, rule: Option<&str>) -> String {
    let new = json!({ "displayName": name, "kind": kind, "membershipRule": rule });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    group["id"].as_str().unwrap().to_owned()
}

async fn members(server: &TestServer, group: &str) -> BTreeSet<String> {
    let (_, page) = server.get(&format!("/api/v1/groups/{group}/members?limit=1000")).await;
    let ids = page["value"].as_array().unwrap().iter();
    ids.map(|id| id.as_str().unwrap().to_owned()).collect()
}

async fn deployed(server: &TestServer, app: &str, group: &str, intent: &str) {
    let line = json!({ "value": [{ "groupId": group, "intent": intent }] });
    let path = format!("/api/v1/apps/{app}/deployments");
    let (status, answer) = server.send(Method::POST, &path, &line).await;
    assert!(status.is_success(), "{answer}");
}

async fn lines(server: &TestServer, app: &str) -> Vec<Value> {
    let (_, lines) = server.get(&format!("/api/v1/apps/{app}/deployments")).await;
    lines["value"].as_array().unwrap().clone()
}

/// The preview, whose sums are right.
async fn previewed(server: &TestServer, action: &Value) -> Value {
    let (status, preview) = server.send(Method::POST, "/api/v1/bulkActions/preview", action).await;
    assert_eq!(status, StatusCode::OK, "{preview}");
    let ids = |ids: &Value| ids.as_array().unwrap().len() as u64;
    let skipped: u64 = preview["skipped"]
        .as_array()
        .unwrap()
        .iter()
        .map(|it| ids(&it["ids"]))
        .sum();
    let all = ids(&preview["affectedIds"]) + skipped;
    assert_eq!(preview["selectedCount"], all, "{preview}");
    preview
}

/// What is done of what was previewed: its sums are right, too.
async fn done(server: &TestServer, action: &Value, preview: Option<&Value>) -> (StatusCode, Value) {
    let mut action = action.clone();
    if let Some(preview) = preview {
        action["previewDigest"] = preview["digest"].clone();
        action["confirmTakeBack"] = preview["confirmTakeBack"].clone();
    }
    let (status, done) = server.send(Method::POST, "/api/v1/bulkActions", &action).await;
    if status == StatusCode::OK {
        let skipped = done["skipped"].as_array().unwrap().iter();
        let skipped: u64 = skipped.map(|it| it["count"].as_u64().unwrap()).sum();
        assert_eq!(
            done["selectedCount"],
            done["doneCount"].as_u64().unwrap() + skipped,
            "{done}"
        );
    }
    (status, done)
}

/// To how many, in a preview or in what was done, nothing happens for this reason.
fn skipped(of: &Value, reason: &str) -> u64 {
    let all = of["skipped"].as_array().unwrap().iter();
    let of_reason = all.filter(|it| it["reason"] == reason);
    of_reason
        .map(|it| {
            it["ids"]
                .as_array()
                .map_or_else(|| it["count"].as_u64().unwrap(), |ids| ids.len() as u64)
        })
        .sum()
}

async fn happened(server: &TestServer, kind: &str) -> Vec<Value> {
    let (_, events) = server.get("/api/v1/events?limit=1000").await;
    let events = events["value"].as_array().unwrap().iter();
    events.filter(|event| event["activityType"] == kind).cloned().collect()
}

fn ids(of: &[PersonId]) -> Vec<Value> {
    of.iter().map(|person| json!(person.0)).collect()
}

async fn status(server: &TestServer, company: &Organisation, person: PersonId) -> Value {
    let path = format!("/api/v1/apps/{}/userStatuses?limit=1000", company.assets[0].0);
    let (_, all) = server.get(&path).await;
    let rows = all["value"].as_array().unwrap();
    rows.iter()
        .find(|row| row["userId"] == json!(person.0))
        .cloned()
        .unwrap_or_default()
}

async fn until_at(server: &TestServer, company: &Organisation, person: PersonId, place: u64) -> Value {
    until(&format!("they wait at place {place}"), async || {
        let status = status(server, company, person).await;
        (status["waitingPlace"] == json!(place)).then_some(status)
    })
    .await
}

on_both! {
    upon company;

    async fn a_filter_is_who_it_shows_at_that_moment_and_whoever_comes_meanwhile_is_a_difference(server: &TestServer, company: Organisation) {
        let team = group(server, "새 팀", "user", None).await;
        let mut new = BTreeSet::new();
        for number in 0..3 {
            new.insert(person(server, &format!("신입 {number}")).await);
        }
        let all = json!({ "list": "users", "search": "신입" });
        let add = json!({ "selection": all, "action": "addToGroup", "groupId": team });
        let preview = previewed(server, &add).await;
        assert_eq!(preview["selectedCount"], 3);
        let joining: BTreeSet<String> = serde_json::from_value(preview["groups"][0]["joiningIds"].clone()).unwrap();
        assert_eq!(joining, new);
        // Whoever may only look sees the same, and may not do it.
        let looks = server.request(Method::POST, "/api/v1/bulkActions/preview").bearer_auth(&server.looker);
        assert_eq!(answer(looks.json(&add)).await, (StatusCode::OK, preview.clone()));
        let looks = server.request(Method::POST, "/api/v1/bulkActions").bearer_auth(&server.looker);
        assert_eq!(answer(looks.json(&add)).await.0, StatusCode::FORBIDDEN);

        new.insert(person(server, "신입 넷").await);
        let (status, refused) = done(server, &add, Some(&preview)).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "preview-outdated"), "{refused}");
        assert_eq!(refused["affectedCount"], 4);
        assert_eq!(members(server, &team).await, BTreeSet::new(), "nothing was done");
        let preview = previewed(server, &add).await;
        assert_eq!(refused["previewDigest"], preview["digest"]);
        let (status, did) = done(server, &add, Some(&preview)).await;
        assert_eq!((status, &did["doneCount"]), (StatusCode::OK, &json!(4)), "{did}");
        assert_eq!(members(server, &team).await, new);
        // One event tells of all, and those of what was done name the same cause.
        let told = happened(server, "bulkDone").await;
        assert_eq!(told.len(), 1, "{told:?}");
        assert_eq!((&told[0]["id"], &told[0]["groupId"]), (&did["eventId"], &json!(team)), "{told:?}");
        let cause = &told[0]["detail"]["bulkAction"];
        let moved = happened(server, "groupMembersSet").await;
        assert!(cause.is_string() && moved.iter().filter(|it| it["detail"]["bulkAction"] == *cause).count() == 1, "{moved:?}");

        // Once more it does nothing, and is no mistake.
        let (status, again) = done(server, &add, None).await;
        assert_eq!(status, StatusCode::OK, "{again}");
        assert_eq!((&again["doneCount"], &again["eventId"], skipped(&again, "alreadyIn")), (&json!(0), &Value::Null, 4));
        assert_eq!(happened(server, "bulkDone").await.len(), 1);

        // By ids, with one who left, one who is nobody, and one who is in it.
        let gone = person(server, "퇴사한 사람").await;
        let leave = server.request(Method::POST, &format!("/api/v1/users/{gone}/leave")).bearer_auth(&server.key);
        assert_eq!(answer(leave.header("if-match", "*")).await.0, StatusCode::OK);
        let some = json!([company.people[0].0, gone, Uuid::now_v7(), new.first()]);
        let add = json!({ "selection": { "list": "users", "ids": some }, "action": "addToGroup", "groupId": team });
        let (_, did) = done(server, &add, Some(&previewed(server, &add).await)).await;
        assert_eq!(did["doneCount"], 1, "{did}");
        assert_eq!(["left", "unknown", "alreadyIn"].map(|reason| skipped(&did, reason)), [1, 1, 1], "{did}");

        // And all members of the group out of it.
        let members_of = json!({ "list": "groupMembers", "groupId": team });
        let remove = json!({ "selection": members_of, "action": "removeFromGroup", "groupId": team });
        let (_, did) = done(server, &remove, Some(&previewed(server, &remove).await)).await;
        assert_eq!(did["doneCount"], 5, "{did}");
        assert_eq!(members(server, &team).await, BTreeSet::new());
    }

    async fn what_cannot_be_done_is_refused_in_the_name_of_its_field(server: &TestServer, company: Organisation) {
        let people = json!({ "list": "users", "ids": ids(&company.people[..2]) });
        let devices = json!({ "list": "managedDevices" });
        let by_rule = group(server, "규칙", "user", Some("all")).await;
        let of_devices = group(server, "장치", "device", None).await;
        let plain = group(server, "보통", "user", None).await;
        let app = company.assets[0].0;
        let many: Vec<Uuid> = (0..50_001).map(Uuid::from_u128).collect();
        let new = json!({ "displayName": "보통", "intent": "required" });
        for (action, status, code, field) in [
            (json!({ "selection": people, "action": "addToGroup", "groupId": by_rule }), 409, "members-by-rule", None),
            (json!({ "selection": people, "action": "addToGroup", "groupId": of_devices }), 422, "invalid", Some("groupId")),
            (json!({ "selection": people, "action": "addToGroup" }), 422, "invalid", Some("groupId")),
            (json!({ "selection": people, "action": "addToGroup", "groupId": Uuid::now_v7() }), 422, "invalid", Some("groupId")),
            (json!({ "selection": people, "action": "giveApp", "appId": app, "groupId": plain }), 422, "invalid", Some("groupId")),
            (json!({ "selection": people, "action": "giveApp", "appId": app, "newGroup": new }), 409, "taken", Some("newGroup.displayName")),
            (json!({ "selection": people, "action": "takeBackApp", "appId": app }), 422, "invalid", Some("way")),
            (json!({ "selection": people, "action": "takeBackApp", "appId": app, "way": "exclude", "groupId": company.group.0 }), 422, "invalid", Some("groupId")),
            (json!({ "selection": people, "action": "moveUp", "appId": app, "reason": " " }), 422, "invalid", Some("reason")),
            (json!({ "selection": people, "action": "moveUp", "appId": Uuid::now_v7(), "reason": "출장" }), 404, "not-found", None),
            (json!({ "selection": devices, "action": "moveUp", "appId": app, "reason": "출장" }), 422, "invalid", Some("action")),
            (json!({ "selection": devices, "action": "inviteAgain" }), 422, "invalid", Some("action")),
            (json!({ "selection": { "list": "users", "filter": "nonsense" }, "action": "inviteAgain" }), 422, "invalid", Some("selection.filter")),
            (json!({ "selection": { "list": "appUsers" }, "action": "inviteAgain" }), 422, "invalid", Some("selection.appId")),
            (json!({ "selection": { "list": "users", "ids": many }, "action": "inviteAgain" }), 422, "invalid", Some("selection")),
        ] {
            for path in ["/api/v1/bulkActions/preview", "/api/v1/bulkActions"] {
                let (got, problem) = server.send(Method::POST, path, &action).await;
                let shown = action.to_string().chars().take(200).collect::<String>();
                assert_eq!((got.as_u16(), kind(&problem)), (status, code), "{shown}: {problem}");
                assert_eq!(problem["errors"][0]["field"].as_str(), field, "{shown}: {problem}");
            }
        }
        assert_eq!(happened(server, "bulkDone").await.len(), 0);
        assert_eq!(members(server, &company.group.0.to_string()).await.len(), 40);
    }

    async fn an_app_is_given_through_a_new_group_in_one_step_or_not_at_all(server: &TestServer, company: Organisation) {
        let mut company = company;
        let app = company.app_arrives(&server.running.app.store, 10).await.unwrap().0.to_string();
        let new = json!({ "displayName": "시범 사용", "intent": "required", "licenseType": "user" });
        let some = json!({ "list": "users", "ids": ids(&company.people[..12]) });
        let give = json!({ "selection": some, "action": "giveApp", "appId": app, "newGroup": new });
        let preview = previewed(server, &give).await;
        let of_app = &preview["apps"][0];
        assert_eq!((people(of_app, "gains"), people(of_app, "waits")), (10, 2), "{preview}");
        assert_eq!(preview["groups"][0]["groupId"], Value::Null, "there is none yet");
        assert_eq!(lines(server, &app).await.len(), 0);
        // One licence is bought meanwhile.
        let asset = *company.assets.last().unwrap();
        company.licences(&server.running.app.store, asset, 11).await.unwrap();
        let (status, refused) = done(server, &give, Some(&preview)).await;
        assert_eq!((status, kind(&refused)), (StatusCode::CONFLICT, "preview-outdated"), "{refused}");
        assert_eq!((&refused["apps"][0]["affected"]["gains"], lines(server, &app).await.len()), (&json!(11), 0));
        let (_, groups) = server.get("/api/v1/groups?limit=1000").await;
        assert_eq!(groups["value"].as_array().unwrap().len(), 1, "no group was made either");

        let preview = previewed(server, &give).await;
        let (status, did) = done(server, &give, Some(&preview)).await;
        assert_eq!((status, &did["doneCount"]), (StatusCode::OK, &json!(12)), "{did}");
        let line = lines(server, &app).await.remove(0);
        assert_eq!((&line["intent"], &line["groupName"]), (&json!("required"), &json!("시범 사용")));
        let made = line["groupId"].as_str().unwrap().to_owned();
        assert_eq!(members(server, &made).await.len(), 12);
        // What was previewed comes true: whoever was to wait waits.
        until("one waits for a licence", async || {
            let (_, apps) = server.get(&format!("/api/v1/apps/{app}")).await;
            (apps["licenses"]["waiting"] == 1).then_some(apps)
        }).await;
        let cause = happened(server, "bulkDone").await[0]["detail"]["bulkAction"].clone();
        for kind in ["groupAdded", "groupMembersSet", "deploymentSaved"] {
            let of_cause = happened(server, kind).await.into_iter().filter(|it| it["detail"]["bulkAction"] == cause).count();
            assert_eq!(of_cause, 1, "{kind}");
        }

        // Through the same group to those of a list, of whom some have it already.
        let all = json!({ "list": "appUsers", "appId": company.assets[0].0, "search": "0000001" });
        let give = json!({ "selection": all, "action": "giveApp", "appId": app, "groupId": made });
        let preview = until("the list is decided", async || {
            let preview = previewed(server, &give).await;
            (preview["selectedCount"] == 17).then_some(preview)
        }).await;
        let (_, did) = done(server, &give, Some(&preview)).await;
        assert_eq!(did["doneCount"].as_u64().unwrap() + skipped(&did, "alreadyIn"), 17, "{did}");
        assert_eq!(skipped(&did, "alreadyIn"), 1, "{did}");
        assert_eq!(members(server, &made).await.len() as u64, 12 + did["doneCount"].as_u64().unwrap());

        // A group of devices cannot have it as available (A25).
        let new = json!({ "displayName": "장치", "intent": "available" });
        let give = json!({ "selection": { "list": "managedDevices" }, "action": "giveApp", "appId": app, "newGroup": new });
        let (status, refused) = server.send(Method::POST, "/api/v1/bulkActions", &give).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "deployment-refused"), "{refused}");
        let new = json!({ "displayName": "장치", "intent": "required", "licenseType": "device" });
        let give = json!({ "selection": { "list": "managedDevices" }, "action": "giveApp", "appId": app, "newGroup": new });
        let (_, did) = done(server, &give, Some(&previewed(server, &give).await)).await;
        assert_eq!(did["doneCount"], 40, "{did}");
    }

    async fn an_app_is_taken_back_by_the_way_that_is_chosen_and_groups_with_a_rule_are_left_alone(server: &TestServer, company: Organisation) {
        let mut company = company;
        let everybody = company.group.0.to_string();
        let app = company.assets[0].0.to_string();
        let other = company.app_arrives(&server.running.app.store, 100).await.unwrap().0.to_string();
        deployed(server, &other, &everybody, "required").await;
        // Two have a licence, and two wait for one.
        let some = json!({ "list": "appUsers", "appId": app, "ids": ids(&company.people[..4]) });
        let take = |way: &str, more: Value| {
            let mut action = json!({ "selection": some, "action": "takeBackApp", "appId": app, "way": way });
            action.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            action
        };
        // Out of the group they lose whatever else it gives.
        let preview = previewed(server, &take("removeFromGroups", json!({}))).await;
        let apps: BTreeSet<&str> = preview["apps"].as_array().unwrap().iter().map(|it| it["appId"].as_str().unwrap()).collect();
        assert_eq!(apps, BTreeSet::from([app.as_str(), other.as_str()]), "{preview}");
        // As exceptions they lose this one only, and stay where they are.
        let except = take("exclude", json!({ "newGroup": { "displayName": "예외" } }));
        let preview = previewed(server, &except).await;
        assert_eq!(preview["apps"].as_array().unwrap().len(), 1, "{preview}");
        assert_eq!((people(&preview["apps"][0], "loses"), people(&preview["apps"][0], "drops")), (2, 2), "{preview}");
        let (status, did) = done(server, &except, Some(&preview)).await;
        assert_eq!((status, &did["doneCount"]), (StatusCode::OK, &json!(4)), "{did}");
        assert_eq!(members(server, &everybody).await.len(), 40);
        let said = lines(server, &app).await;
        let exception = said.iter().find(|line| line["intent"] == "notApplicable").expect("a line");
        assert_eq!((&exception["groupName"], said.len()), (&json!("예외"), 2));
        // Two more into the same group, one of whom is in it.
        let exception = exception["groupId"].clone();
        let some = json!({ "list": "appUsers", "appId": app, "ids": ids(&company.people[3..5]) });
        let more = json!({ "selection": some, "action": "takeBackApp", "appId": app, "way": "exclude", "groupId": exception });
        let (_, did) = done(server, &more, Some(&previewed(server, &more).await)).await;
        assert_eq!((&did["doneCount"], skipped(&did, "alreadyIn")), (&json!(1), 1), "{did}");

        // A rule gives it to all: nobody is taken out of that group, and it is said of whom.
        let by_rule = group(server, "모두", "user", Some("all")).await;
        until("all are in it", async || (members(server, &by_rule).await.len() == 40).then_some(Value::Null)).await;
        deployed(server, &app, &by_rule, "available").await;
        let take = take("removeFromGroups", json!({}));
        let (status, did) = done(server, &take, Some(&previewed(server, &take).await)).await;
        assert_eq!((status, &did["doneCount"], skipped(&did, "byRule")), (StatusCode::OK, &json!(0), 4), "{did}");
        assert_eq!((members(server, &by_rule).await.len(), members(server, &everybody).await.len()), (40, 40));

        // Without that group, everybody at once; so many licences are confirmed in their number.
        let line = json!({ "value": [{ "groupId": everybody, "intent": "required" }] });
        let (status, answered) = server.send(Method::PUT, &format!("/api/v1/apps/{app}/deployments"), &line).await;
        assert_eq!(status, StatusCode::OK, "{answered}");
        let all = json!({ "list": "appUsers", "appId": app });
        let take = json!({ "selection": all, "action": "takeBackApp", "appId": app, "way": "removeFromGroups" });
        let preview = until("everybody is listed again", async || {
            let preview = previewed(server, &take).await;
            (preview["affectedIds"].as_array().unwrap().len() == 40).then_some(preview)
        }).await;
        assert_eq!(preview["confirmTakeBack"].as_u64(), Some(20), "{preview}");
        let mut unconfirmed = preview.clone();
        unconfirmed["confirmTakeBack"] = Value::Null;
        let (status, refused) = done(server, &take, Some(&unconfirmed)).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{refused}");
        assert_eq!(members(server, &everybody).await.len(), 40);
        let (status, did) = done(server, &take, Some(&preview)).await;
        assert_eq!((status, &did["doneCount"]), (StatusCode::OK, &json!(40)), "{did}");
        assert_eq!(members(server, &everybody).await.len(), 0);
    }

    async fn those_who_wait_are_moved_up_together_and_stay_in_their_order(server: &TestServer, company: Organisation) {
        let [has, fifth, last] = [0, 35, 39].map(|number| company.people[number]);
        let first = company.people[1];
        until_at(server, &company, last, 20).await;
        let app = company.assets[0].0;
        let some = json!({ "list": "appUsers", "appId": app, "ids": ids(&[last, has, fifth]) });
        let action = json!({ "selection": some, "action": "moveUp", "appId": app, "reason": "전시회" });
        let preview = previewed(server, &action).await;
        assert_eq!((preview["affectedIds"].as_array().unwrap().len(), skipped(&preview, "notWaiting")), (2, 1), "{preview}");
        let (status, did) = done(server, &action, Some(&preview)).await;
        assert_eq!((status, &did["doneCount"]), (StatusCode::OK, &json!(2)), "{did}");
        let seen = until_at(server, &company, fifth, 1).await;
        assert_eq!((&seen["movedUp"]["reason"], &seen["movedUp"]["by"]), (&json!("전시회"), &json!("test")));
        until_at(server, &company, last, 2).await;
        until_at(server, &company, first, 3).await;
        let cause = happened(server, "bulkDone").await[0]["detail"]["bulkAction"].clone();
        let moved = happened(server, "movedUp").await;
        assert_eq!(moved.iter().filter(|it| it["detail"]["bulkAction"] == cause).count(), 2, "{moved:?}");

        // The whole list: whoever has it or was moved up is skipped.
        let action = json!({
            "selection": { "list": "appUsers", "appId": app }, "action": "moveUp", "appId": app, "reason": "모두",
        });
        let (_, did) = done(server, &action, Some(&previewed(server, &action).await)).await;
        assert_eq!(did["doneCount"], 18, "{did}");
        assert_eq!((skipped(&did, "notWaiting"), skipped(&did, "movedUpAlready")), (20, 2), "{did}");
        until_at(server, &company, first, 3).await;

        // Nobody is invited who has accepted.
        let action = json!({ "selection": { "list": "users" }, "action": "inviteAgain" });
        let (_, did) = done(server, &action, None).await;
        assert_eq!((&did["doneCount"], skipped(&did, "accepted")), (&json!(0), 40), "{did}");
    }

    async fn a_list_is_ticked_previewed_done_and_told_of_on_pages_without_a_script(server: &TestServer, company: Organisation) {
        let team = group(server, "새 팀", "user", None).await;
        group(server, "규칙 팀", "user", Some("all")).await;
        for number in 0..3 {
            person(server, &format!("신입 {number}")).await;
        }
        let browser = Browser::sign_in(server).await;
        let list = browser.page(server, "/people?q=신입").await;
        assert_eq!(list.matches(r#"form="bulk" name="id""#).count(), 3, "{list}");
        assert!(list.contains("이 목록의 3명 모두"), "{list}");
        let bar = form::of(&list, "/bulk");
        assert!(bar.contains(&("list".to_owned(), "people".to_owned())) && bar.contains(&("q".to_owned(), "신입".to_owned())));

        // Nobody ticked is said, and so is what has to be chosen first.
        let asked = browser.page(server, "/bulk?list=people&q=신입&act=addToGroup").await;
        assert!(asked.contains("선택한 항목이 없습니다"), "{asked}");
        let address = "/bulk?list=people&filter=&q=신입&all=1&act=addToGroup";
        let asked = browser.page(server, address).await;
        assert!(asked.contains("선택 3명") && asked.contains("규칙이 있는 그룹은 선택할 수 없습니다") && asked.contains("규칙 팀"), "{asked}");
        let fields = form::with(&form::of(&asked, "/bulk"), "group", &team);
        let (status, shown) = browser.submit(server, "/bulk", &fields).await;
        assert_eq!(status, 200, "{shown}");
        assert!(shown.contains("선택 3명 중 3명에 적용합니다") && shown.contains("신입 0, 신입 1, 신입 2"), "{shown}");
        assert_eq!(members(server, &team).await.len(), 0);

        // Somebody comes into the list: shown, and not done.
        person(server, "신입 넷").await;
        let agreed = form::of(&shown, "/bulk");
        let (status, shown) = browser.submit(server, "/bulk", &agreed).await;
        assert_eq!(status, 409, "{shown}");
        assert!(shown.contains("미리 보기를 연 뒤에 결과가 달라졌습니다") && shown.contains("선택 4명 중 4명"), "{shown}");
        assert_eq!(members(server, &team).await.len(), 0);
        // Back to what was said, which is still chosen.
        let (_, asked) = browser.submit(server, "/bulk", &form::and(&form::of(&shown, "/bulk"), "edit", "1")).await;
        assert!(form::of(&asked, "/bulk").contains(&("group".to_owned(), team.clone())), "{asked}");
        let told = browser.press(server, "/bulk", &form::of(&shown, "/bulk")).await;
        assert!(told.contains("실행했습니다") && told.contains("4명"), "{told}");
        assert_eq!(members(server, &team).await.len(), 4);
        let activity = browser.page(server, "/activity").await;
        assert!(activity.contains("여러 항목을 한 번에 처리함: 실행 4, 건너뜀 0"), "{activity}");
        // With a link to what was done, and what is part of it says so.
        assert!(activity.contains(r#"href="/bulk/"#) && activity.contains("일괄 처리의 일부"), "{activity}");

        // The members of a group, as its own page sends them; to a group that has a rule nothing is done, in a sentence.
        let page = browser.page(server, &format!("/groups/{team}")).await;
        assert!(page.contains(r#"formaction="/bulk""#), "{page}");
        let one = members(server, &team).await.first().unwrap().replace('-', "");
        let address = format!("/bulk?list=members.{team}&act=removeFromGroup&remove={one}&q=&turn=");
        let shown = browser.page(server, &address).await;
        assert!(shown.contains("선택 1명 중 1명"), "{shown}");
        let told = browser.press(server, "/bulk", &form::of(&shown, "/bulk")).await;
        assert!(told.contains("실행했습니다"), "{told}");
        assert_eq!(members(server, &team).await.len(), 3);

        // To give an app, first the app is chosen, and then how.
        let app = company.assets[0].0;
        let asked = browser.page(server, "/bulk?list=people&q=신입&all=1&act=giveApp").await;
        assert!(asked.contains(&format!(r#"<option value="{app}">"#)), "{asked}");
        let asked = browser.page(server, &format!("/bulk?list=people&q=신입&all=1&act=giveApp&app={app}")).await;
        let fields = form::with(&form::of(&asked, "/bulk"), "way", "new");
        let (status, wrong) = browser.submit(server, "/bulk", &fields).await;
        assert!(status == 422 && wrong.contains(r#"role="alert""#), "{status}: {wrong}");
        let named = form::with(&fields, "name", "신입 앱");
        let (status, shown) = browser.submit(server, "/bulk", &named).await;
        assert!(status == 200 && shown.contains("신입 앱"), "{status}: {shown}");
        browser.press(server, "/bulk", &form::of(&shown, "/bulk")).await;
        assert_eq!(lines(server, &app.to_string()).await.len(), 2);

        // And taken back: the way is explained where the group gives other apps or follows from a rule.
        let users = browser.page(server, &format!("/apps/{app}?tab=users")).await;
        assert!(users.contains(r#"form="bulk" name="id""#) && users.contains("앱 회수"), "{users}");
        let address = format!("/bulk?list=people.{app}&act=takeBackApp&id={}", company.people[0].0);
        let asked = browser.page(server, &address).await;
        assert!(asked.contains("everybody: 필수 · 1명") && asked.contains("위 그룹에서 제외"), "{asked}");
        let (status, shown) = browser.submit(server, "/bulk", &form::of(&asked, "/bulk")).await;
        assert!(status == 200 && shown.contains("앱 1건이 제거됩니다"), "{status}: {shown}");
        for (lang, words) in [("ko", "앱 회수"), ("en", "Take the app back")] {
            let page = browser.request(server, Method::GET, &address, lang).send().await.unwrap();
            assert!(page.text().await.unwrap().contains(words), "{lang}");
        }
        // Moving up wants its reason.
        let address = format!("/bulk?list=people.{app}&act=moveUp&id={}", company.people[1].0);
        let asked = browser.page(server, &address).await;
        let (status, _) = browser.submit(server, "/bulk", &form::of(&asked, "/bulk")).await;
        assert_eq!(status, 422);
        let given = form::with(&form::of(&asked, "/bulk"), "reason", "출장");
        let (status, shown) = browser.submit(server, "/bulk", &given).await;
        assert!(status == 200 && shown.contains("순서 앞당기기"), "{status}: {shown}");
        browser.press(server, "/bulk", &form::of(&shown, "/bulk")).await;
        assert_eq!(happened(server, "movedUp").await.len(), 1);

        // Whoever may only look sees no boxes.
        let password = SecretString::from(PASSWORD);
        let of = &server.running.app;
        of.account_add(&Caller::System, "look", "눈", &password, Role::ReadOnly).await.unwrap();
        let looker = Browser::of(server, "look", PASSWORD).await.unwrap();
        for path in ["/people", "/devices", &format!("/apps/{app}?tab=users"), &format!("/apps/{app}?tab=devices"), &format!("/groups/{team}")] {
            let (status, page) = looker.get(server, path).await;
            assert_eq!(status, 200);
            assert!(!page.contains("checkbox") && !page.contains("/bulk"), "{path}: {page}");
        }
        assert_eq!(looker.get(server, &address).await.0, 403);
        assert_eq!(looker.submit(server, "/bulk", &given).await.0, 403);
    }
}
