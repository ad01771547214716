//! From when on a change that takes licences back is agreed to twice, or approved by another administrator.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::{Fresh, Organisation};

use crate::{
    previews::company,
    server::{Browser, TestServer, form, kind, on_both},
};

/// The settings with something else in them.
pub async fn set(server: &TestServer, change: Value) -> (StatusCode, Value) {
    let (_, mut settings) = server.get("/api/v1/settings").await;
    for (name, value) in change.as_object().unwrap() {
        settings[name] = value.clone();
    }
    server.send(Method::PUT, "/api/v1/settings", &settings).await
}

on_both! {
    upon company;

    async fn what_is_confirmed_twice_is_what_the_organisation_set(server: &TestServer, company: Organisation) {
        let path = format!("/api/v1/apps/{}/deployments", company.assets[0].0);
        let members = format!("/api/v1/groups/{}/members", company.group.0);
        let uninstall = json!({ "value": [{ "groupId": company.group.0, "intent": "uninstall" }] });
        let some: Vec<_> = company.people[..2].iter().map(|person| person.0).collect();
        let out = json!({ "remove": some });
        let asked = async |path: &str, body: &Value| {
            let (status, preview) = server.send(Method::POST, &format!("{path}/preview"), body).await;
            assert_eq!(status, StatusCode::OK, "{preview}");
            preview["confirmTakeBack"].clone()
        };
        assert_eq!((asked(&path, &uninstall).await, asked(&members, &out).await), (json!(20), Value::Null));

        // Twenty of twenty, and one of twenty.
        let (status, saved) = set(server, json!({ "takeBackShare": 1, "takeBackMoreThan": 20 })).await;
        assert_eq!((status, &saved["takeBackMoreThan"]), (StatusCode::OK, &json!(20)), "{saved}");
        assert_eq!(asked(&path, &uninstall).await, Value::Null);
        let (status, _) = set(server, json!({ "takeBackShare": 4, "takeBackMoreThan": 1 })).await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!((asked(&path, &uninstall).await, asked(&members, &out).await), (json!(20), Value::Null), "one is not more than one");
        let three: Vec<_> = company.people[..4].iter().map(|person| person.0).collect();
        let out = json!({ "remove": three });
        assert_eq!(asked(&members, &out).await, json!(2));
        let (status, refused) = server.send(Method::POST, &members, &out).await;
        assert_eq!((status, kind(&refused)), (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{refused}");
        assert_eq!(refused["takenBackLicenseCount"], 2);

        // A program from before does not know of them, and leaves them as they are.
        let (_, mut settings) = server.get("/api/v1/settings").await;
        let known = settings.as_object_mut().unwrap();
        known.retain(|name, _| !name.starts_with("takeBack"));
        known["policy2016"] = json!(true);
        let (status, saved) = server.send(Method::PUT, "/api/v1/settings", &settings).await;
        assert_eq!((status, &saved["takeBackShare"], &saved["takeBackMoreThan"]), (StatusCode::OK, &json!(4), &json!(1)));

        // What was set is in the history, before and after.
        let (_, happened) = server.get("/api/v1/events?limit=10").await;
        let set: Vec<&Value> = happened["value"].as_array().unwrap().iter()
            .filter(|event| event["activityType"] == "policyChanged").collect();
        assert_eq!(set[1]["detail"]["before"]["takeBack"]["moreThan"], 20, "{set:?}");
        assert_eq!(set[1]["detail"]["after"]["takeBack"]["moreThan"], 1);
    }

    async fn the_limits_are_set_on_the_page_of_the_settings(server: &TestServer, _company: Organisation) {
        let here = "/administration/settings";
        let browser = Browser::sign_in(server).await;
        let opened = browser.form(server, here).await;
        for (name, value) in [("takeBackShare", "0"), ("takeBackShare", "51"), ("takeBackMoreThan", "many"), ("takeBackMoreThan", "")] {
            let (status, page) = browser.submit(server, here, &form::with(&opened, name, value)).await;
            assert_eq!(status, 422, "{name} {value}");
            assert!(page.contains("aria-invalid") && page.contains(&format!("value=\"{value}\"")), "what was typed stays");
        }
        let fields = form::with(&form::with(&opened, "takeBackShare", "35"), "takeBackMoreThan", "50");
        assert_eq!(browser.submit(server, here, &fields).await.0, 303);
        let (_, settings) = server.get("/api/v1/settings").await;
        assert_eq!((&settings["takeBackShare"], &settings["takeBackMoreThan"]), (&json!(35), &json!(50)));

        // Whoever opened it before is shown what became of it, and nothing of theirs is lost.
        let (status, page) = browser.submit(server, here, &form::with(&opened, "takeBackShare", "10")).await;
        assert_eq!(status, 409);
        let again = form::of(&page, here);
        assert!(again.contains(&("takeBackShare".to_owned(), "10".to_owned())), "{again:?}");
        assert!(again.contains(&("takeBackMoreThan".to_owned(), "50".to_owned())), "{again:?}");
        assert_eq!(browser.submit(server, here, &again).await.0, 303);
        let (_, settings) = server.get("/api/v1/settings").await;
        assert_eq!((&settings["takeBackShare"], &settings["takeBackMoreThan"]), (&json!(10), &json!(50)));
    }
}
