//! Licences that are kept for a group: said in the API and on the page of the deployment, previewed, saved, restored and explained.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::{Fresh, Organisation};

use crate::{
    changes::restored,
    previews::{company, people},
    server::{Browser, TestServer, form, kind, on_both, until},
};

/// Ten licences are bought, for which twenty wait; two of these, who come last, are in a group of their own. The path of the
/// deployment, and the group.
async fn few(server: &TestServer, company: &Organisation) -> (String, String) {
    let asset = company.assets[0];
    company.licences(&server.running.app.store, asset, 30).await.unwrap();
    let new = json!({ "displayName": "디자인팀", "kind": "user" });
    let (status, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    assert_eq!(status, StatusCode::CREATED, "{group}");
    let id = group["id"].as_str().unwrap().to_owned();
    let members = json!({ "value": [company.people[37].0, company.people[39].0] });
    let path = format!("/api/v1/groups/{id}/members");
    let (status, saved) = server.send(Method::PUT, &path, &members).await;
    assert_eq!(status, StatusCode::OK, "{saved}");
    (format!("/api/v1/apps/{}/deployments", asset.0), id)
}

/// The app is required for everybody, and for the designers, for whom so many licences are kept.
fn wanted(company: &Organisation, group: &str, kept: u64) -> Value {
    json!({ "value": [
        { "groupId": company.group.0, "intent": "required" },
        { "groupId": group, "intent": "required", "keptLicenses": kept },
    ] })
}

/// How many are kept for the group by now.
async fn kept(server: &TestServer, path: &str, group: &str) -> Value {
    let (_, body) = server.get(path).await;
    let lines = body["value"].as_array().unwrap();
    let line = lines.iter().find(|line| line["groupId"] == group);
    line.map_or(Value::Null, |line| line["keptLicenses"].clone())
}

on_both! {
    upon company;

    async fn licences_are_kept_for_a_group_previewed_saved_explained_and_restored(server: &TestServer, company: Organisation) {
        let (path, group) = few(server, &company).await;
        let preview = async |wanted: &Value| {
            let (status, preview) = server.send(Method::POST, &format!("{path}/preview"), wanted).await;
            assert_eq!(status, StatusCode::OK, "{preview}");
            preview
        };
        let none = preview(&wanted(&company, &group, 0)).await;
        let five = preview(&wanted(&company, &group, 5)).await;
        assert_ne!(none["digest"], five["digest"]);
        // Seven are given: two of those that are kept, and five that are open. Three stay free.
        assert_eq!(five["licensesBefore"]["kept"], 0);
        assert_eq!((&five["licensesAfter"]["kept"], &five["keptLicenseCount"]), (&json!(5), &json!(5)), "{five}");
        assert_eq!((&five["leftLicenseCount"], five["waitingUserIds"].as_array().unwrap().len()), (&json!(3), 13));
        assert_eq!(people(&five, "gains"), 2, "the designers, before all who have waited longer: {five}");
        assert_eq!((&none["leftLicenseCount"], none["waitingUserIds"].as_array().unwrap().len()), (&json!(0), 10));

        // What cannot be meant is refused.
        for (line, rule) in [
            (json!({ "groupId": group, "intent": "uninstall", "keptLicenses": 1 }), "keptWithoutInstall"),
            (json!({ "groupId": group, "intent": "required", "keptLicenses": 1_000_001 }), "tooManyKept"),
        ] {
            let (status, problem) = server.send(Method::PUT, &path, &json!({ "value": [line] })).await;
            assert_eq!((status, &problem["rule"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!(rule)), "{problem}");
        }
        let negative = json!({ "value": [{ "groupId": group, "intent": "required", "keptLicenses": -1 }] });
        let (status, _) = server.send(Method::PUT, &path, &negative).await;
        assert!(status.is_client_error());

        // Who agreed to one of them has not agreed to the other.
        let mut saving = wanted(&company, &group, 5);
        saving["previewDigest"] = none["digest"].clone();
        let (status, problem) = server.send(Method::PUT, &path, &saving).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        saving["previewDigest"] = five["digest"].clone();
        let (status, saved) = server.send(Method::PUT, &path, &saving).await;
        assert_eq!((status, kept(server, &path, &group).await), (StatusCode::OK, json!(5)), "{saved}");

        // Whoever waits though licences are free is told for whom they are kept.
        let why = format!("/api/v1/why/{}/{}", company.people[35].0, company.assets[0].0);
        let answer = until("everybody is decided", async || {
            let (_, answer) = server.get(&why).await;
            (answer["code"] == "keptForOthers" && answer["arguments"]["kept"] == 3).then_some(answer)
        })
        .await;
        assert_eq!(answer["licenses"]["kept"], 5, "two of them are about to be given: {answer}");
        assert!(answer["text"].as_str().unwrap().contains("디자인팀"), "{answer}");
        let remedies = answer["remedies"].as_array().unwrap();
        assert!(remedies.iter().any(|remedy| remedy["code"] == "keepFewer"), "{answer}");
        let app = format!("/api/v1/apps/{}", company.assets[0].0);
        let counts = until("the numbers are there", async || {
            let (_, app) = server.get(&app).await;
            (app["licenses"]["waiting"] == 13).then(|| app["licenses"].clone())
        })
        .await;
        assert_eq!((&counts["free"], &counts["kept"]), (&json!(10), &json!(5)), "{counts}");
        let browser = Browser::sign_in(server).await;
        let page = browser.page(server, &format!("/apps/{}", company.assets[0].0)).await;
        assert!(page.contains("그중 5개는 그룹 몫으로 확보"), "{page}");
        let tab = browser.page(server, &format!("/apps/{}?tab=users&state=waiting", company.assets[0].0)).await;
        assert!(tab.contains("13"), "{tab}");

        // What was kept comes back with what was so before.
        let (status, _) = server.send(Method::PUT, &path, &wanted(&company, &group, 0)).await;
        assert_eq!((status, kept(server, &path, &group).await), (StatusCode::OK, json!(0)));
        let (_, changes) = server.get("/api/v1/changes").await;
        restored(server, changes["value"][0]["id"].as_i64().unwrap()).await;
        assert_eq!(kept(server, &path, &group).await, json!(5));
    }

    async fn licences_to_keep_are_typed_on_the_page_of_the_deployment(server: &TestServer, company: Organisation) {
        let (path, group) = few(server, &company).await;
        let (status, _) = server.send(Method::PUT, &path, &wanted(&company, &group, 2)).await;
        assert_eq!(status, StatusCode::OK);
        let browser = Browser::sign_in(server).await;
        let page = format!("/apps/{}/deployment", company.assets[0].0);
        let field = format!("kept-{group}");
        let form = browser.form(server, &page).await;
        assert!(form.contains(&(field.clone(), "2".to_owned())), "{form:?}");

        let (status, wrong) = browser.submit(server, &page, &form::with(&form, &field, "많이")).await;
        assert_eq!(status, 422);
        assert!(wrong.contains("1,000,000 이하의 숫자"), "{wrong}");

        // More than there are is said, and may be saved: more may be bought.
        let (status, shown) = browser.submit(server, &page, &form::with(&form, &field, "31")).await;
        assert_eq!(status, 200);
        assert!(shown.contains("보유 수량보다 1개 많습니다"), "{shown}");
        assert!(shown.contains("라이선스 2개 확보") && shown.contains("라이선스 31개 확보"), "{shown}");
        let done = browser.press(server, &page, &form::of(&shown, &page)).await;
        assert!(done.contains("배포를 저장했습니다"), "{done}");
        assert_eq!(kept(server, &path, &group).await, json!(31));
        let tab = browser.page(server, &format!("/apps/{}?tab=deployment", company.assets[0].0)).await;
        assert!(tab.contains("확보 라이선스") && tab.contains("31"), "{tab}");

        // Of what is taken away none is kept, whatever is still typed.
        let form = browser.form(server, &page).await;
        let uninstall = form::with(&form, &format!("approval-{group}"), "uninstall");
        let (status, shown) = browser.submit(server, &page, &uninstall).await;
        assert_eq!(status, 200, "{shown}");
    }

    /// In 2016 nobody could keep any: it is not asked for, and what was saved stays for later.
    async fn in_2016_nothing_is_kept_and_what_was_saved_stays(server: &TestServer, company: Organisation) {
        let (path, group) = few(server, &company).await;
        let (status, _) = server.send(Method::PUT, &path, &wanted(&company, &group, 5)).await;
        assert_eq!(status, StatusCode::OK);
        let (_, mut settings) = server.get("/api/v1/settings").await;
        settings["policy2016"] = json!(true);
        let (status, saved) = server.send(Method::PUT, "/api/v1/settings", &settings).await;
        assert_eq!(status, StatusCode::OK, "{saved}");
        let app = format!("/api/v1/apps/{}", company.assets[0].0);
        until("nobody is kept from what is free", async || {
            let (_, app) = server.get(&app).await;
            (app["licenses"]["waiting"] == 10 && app["licenses"]["kept"] == 0).then_some(app)
        })
        .await;
        let browser = Browser::sign_in(server).await;
        let page = format!("/apps/{}/deployment", company.assets[0].0);
        let form = browser.form(server, &page).await;
        assert!(!form.iter().any(|(name, _)| name.starts_with("kept-")), "{form:?}");
        let (_, shown) = browser.submit(server, &page, &form).await;
        let done = browser.press(server, &page, &form::of(&shown, &page)).await;
        assert!(done.contains("배포를 저장했습니다"), "{done}");
        assert_eq!(kept(server, &path, &group).await, json!(5));
    }
}
