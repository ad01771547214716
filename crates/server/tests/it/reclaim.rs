//! The rules by which licences come back: what each took back, and the switches, on their page and in the API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::{Fresh, Organisation};

use crate::{
    previews::company,
    server::{Browser, TestServer, form, on_both},
};

const HERE: &str = "/administration/reclaim-rules";

async fn rule(server: &TestServer, name: &str) -> Value {
    let (status, rules) = server.get("/api/v1/reclaimRules").await;
    assert_eq!(status, StatusCode::OK, "{rules}");
    let mut rules = rules["value"].as_array().unwrap().iter();
    rules.find(|rule| rule["rule"] == name).cloned().unwrap()
}

on_both! {
    upon company;

    async fn the_switches_are_saved_upon_what_was_seen_and_told_as_other_settings_are(
        server: &TestServer, _company: Organisation
    ) {
        let browser = Browser::sign_in(server).await;
        let opened = form::of(&browser.page(server, HERE).await, HERE);
        assert!(opened.contains(&("leftAllGroups".to_owned(), "yes".to_owned())), "{opened:?}");
        let off: form::Fields = opened.iter().filter(|(name, _)| name != "leftAllGroups").cloned().collect();
        let off = form::with(&form::and(&off, "removed", "yes"), "removedDays", "14");
        let page = browser.press(server, HERE, &off).await;
        assert!(page.contains("14일 뒤"), "{page}");
        let (_, settings) = server.get("/api/v1/settings").await;
        assert_eq!(
            (&settings["reclaimLeftAllGroups"], &settings["reclaimRemovedAfter"]),
            (&json!(false), &json!("PT336H"))
        );
        assert_eq!(rule(server, "leftAllGroups").await["isOn"], json!(false));
        assert_eq!(rule(server, "removedByPerson").await["isOn"], json!(true));
        assert_eq!(rule(server, "personLeft").await["isOn"], json!(true));

        // Whoever opened it before is told, and sees what is so now.
        let (code, stale) = browser.submit(server, HERE, &opened).await;
        assert!(code == 409 && stale.contains("다른 사람이 설정을 바꿨습니다"), "{code}: {stale}");
        assert!(!form::of(&stale, HERE).contains(&("leftAllGroups".to_owned(), "yes".to_owned())));
        // What is no number of days is said where it was typed, and nothing is lost.
        for wrong in ["", "0", "367", "a week", "-1"] {
            let typed = form::with(&form::of(&stale, HERE), "removedDays", wrong);
            let (code, page) = browser.submit(server, HERE, &typed).await;
            assert!(code == 422 && page.contains(r#"id="removed-e""#), "{wrong}: {code}");
        }
        // A program that does not know of them leaves them as they are: switched on by it, all who were kept would lose.
        let (_, mut settings) = server.get("/api/v1/settings").await;
        settings.as_object_mut().unwrap().retain(|name, _| !name.starts_with("reclaim"));
        let (status, settings) = server.send(Method::PUT, "/api/v1/settings", &settings).await;
        assert_eq!((status, &settings["reclaimLeftAllGroups"]), (StatusCode::OK, &json!(false)), "{settings}");
        assert_eq!(settings["reclaimRemovedAfter"], json!("PT336H"));
        let mut odd = settings.clone();
        odd["reclaimRemovedAfter"] = json!("PT3H");
        let (status, problem) = server.send(Method::PUT, "/api/v1/settings", &odd).await;
        assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{problem}");
        assert!(problem.to_string().contains("reclaimRemovedAfter"), "{problem}");

        let (_, changes) = server.get("/api/v1/changes").await;
        let kinds: Vec<_> = changes["value"].as_array().unwrap().iter().map(|change| change["kind"].clone()).collect();
        assert_eq!(kinds, [json!("settings")], "what was changed can be restored: {changes}");
    }
}
