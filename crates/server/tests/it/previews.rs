//! Saving a deployment, or who is in a group, is a contract: what was previewed, or nothing.

use domain::AssetId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::Clock;
use store::{
    Store,
    testing::{Fresh, Organisation, organisation},
};

use tokio::task::JoinSet;

use crate::{
    server::{Browser, TestServer, answer, form, kind, on_both},
    versions::changed,
};

const PEOPLE: usize = 40;

/// Forty people with an iPhone each, and an app that is required for all of them: half of them have it, no licence is left
/// for the other half. Apple cannot be reached, so that nothing happens by itself. It is of this moment: a server that begins
/// brings back whatever lies ahead of its time.
pub async fn company(store: &Store) -> Organisation {
    organisation(store, PEOPLE, 1, Clock::System.now()).await.unwrap()
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
pub fn people(preview: &Value, effect: &str) -> u64 {
    let affected = preview["affected"].as_array().unwrap().iter();
    let counts = affected.filter(|affected| affected["effect"] == effect);
    counts.map(|affected| affected["count"].as_u64().unwrap()).sum()
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
    upon company;

    async fn what_is_saved_was_previewed_or_is_refused_with_the_difference(server: &TestServer, company: Organisation) {
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
        let nothing = json!({ "joinInvitationCount": 0, "installPromptCount": 0, "appleIdPromptCount": 0 });
        assert_eq!(preview["prompts"], nothing, "nobody is asked anything when something goes");
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
    async fn a_preview_is_for_everybody_and_not_asked_of_a_program(server: &TestServer, company: Organisation) {
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

    async fn the_console_saves_what_it_showed(server: &TestServer, company: Organisation) {
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
            assert!(page.contains("앱 20건이 제거됩니다"), "{page}");
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

    async fn who_installs_is_chosen_previewed_and_saved(server: &TestServer, company: Organisation) {
        let (asset, group) = (company.assets[0], company.group.0);
        let line = |intent: &str, by: &str| {
            json!({ "value": [{ "groupId": group, "intent": intent, "installation": by }] })
        };
        let installs = async || {
            let (_, body) = server.get(&api(asset)).await;
            body["value"][0]["installation"].clone()
        };
        assert_eq!(installs().await, "managed", "unless it is said");
        for intent in ["uninstall", "notApplicable"] {
            let (status, problem) = server.send(Method::PUT, &api(asset), &line(intent, "external")).await;
            assert_eq!((status, &problem["rule"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("externalWithoutInstall")));
        }
        let (status, _) = server.send(Method::PUT, &api(asset), &line("required", "nobody")).await;
        assert!(status.is_client_error());
        assert_eq!(installs().await, "managed");

        // Nobody loses anything by it, and it is something else to agree to.
        let preview = previewed(server, asset, &line("required", "external")).await;
        assert_eq!((people(&preview, "none"), people(&preview, "loses")), (PEOPLE as u64, 0), "{preview}");
        let same = previewed(server, asset, &line("required", "managed")).await;
        assert_ne!(preview["digest"], same["digest"]);
        let external = line("required", "external");
        let (status, problem) = server.send(Method::PUT, &api(asset), &with(&external, &same["digest"], None)).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"));
        let (status, _) = server.send(Method::PUT, &api(asset), &with(&external, &preview["digest"], None)).await;
        assert_eq!((status, installs().await), (StatusCode::OK, json!("external")));
        let (_, events) = server.get("/api/v1/events").await;
        assert!(events.to_string().contains(r#""installation":"external""#), "{events}");

        // The page has it as it is, and shows what it would be.
        let browser = Browser::sign_in(server).await;
        let path = format!("/apps/{}/deployment", asset.0);
        let field = format!("installation-{group}");
        let form = browser.form(server, &path).await;
        assert!(form.contains(&(field.clone(), "external".to_owned())), "{form:?}");
        let (status, shown) = browser.submit(server, &path, &form::with(&form, &field, "managed")).await;
        assert_eq!(status, 200);
        assert!(shown.contains(", 다른 곳에서 설치") && shown.contains(", Allotment에서 설치"), "{shown}");
        // Of what is taken away it is not asked who installs.
        let uninstall = form::with(&form, &format!("approval-{group}"), "uninstall");
        let (status, page) = browser.submit(server, &path, &uninstall).await;
        assert_eq!(status, 200, "{page}");
        let page = browser.press(server, &path, &form::of(&shown, &path)).await;
        assert!(page.contains("배포를 저장했습니다"), "{page}");
        assert_eq!(installs().await, "managed");
        let tab = browser.page(server, &format!("/apps/{}?tab=deployment", asset.0)).await;
        assert!(tab.contains("Allotment에서 설치"), "{tab}");
    }

    /// Between the look at the version and the preview somebody else may save: what they saved stays.
    async fn whoever_deploys_at_the_same_time_takes_nothing_back(server: &TestServer, company: Organisation) {
        let url = format!("{}{}", server.url, api(company.assets[0]));
        let mut saving = JoinSet::new();
        for number in 0..20 {
            let new = json!({ "displayName": format!("부서 {number}"), "kind": "user" });
            let (_, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
            let line = json!({ "groupId": group["id"], "intent": "available" });
            let (http, at) = (server.http.clone(), (url.clone(), server.key.clone()));
            if number % 2 == 0 {
                saving.spawn(async move {
                    let request = http.post(at.0).bearer_auth(at.1).json(&json!({ "value": [line] }));
                    let (status, saved) = answer(request).await;
                    assert!(status.is_success(), "{status}: {saved}");
                    0
                });
            } else {
                saving.spawn(changed(http, at, Method::PUT, move |seen| {
                    let lines = seen["value"].as_array().unwrap().iter();
                    let mut lines: Vec<Value> = lines
                        .map(|line| json!({ "groupId": line["groupId"], "intent": line["intent"] }))
                        .collect();
                    lines.push(line.clone());
                    json!({ "value": lines })
                }));
            }
        }
        saving.join_all().await;
        let (_, deployed) = server.get(&api(company.assets[0])).await;
        assert_eq!(deployed["value"].as_array().unwrap().len(), 1 + 20, "{deployed}");
    }

    /// The versions of a deployment are asked first: a change of somebody else's is shown as such.
    async fn what_somebody_else_saved_meanwhile_is_shown_before_any_difference(server: &TestServer, company: Organisation) {
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

    async fn who_is_in_a_group_is_saved_as_it_was_previewed_or_refused(server: &TestServer, company: Organisation) {
        let store = &server.running.app.store;
        let members = format!("/api/v1/groups/{}/members", company.group.0);
        let in_it = async || server.get(&format!("{members}?limit=100")).await.1["value"].as_array().unwrap().len();
        // Every other one has a licence: all of those go.
        let waiting: Vec<_> = company.people.iter().skip(1).step_by(2).map(|person| person.0).collect();
        let wanted = json!({ "value": waiting });
        let path = format!("{members}/preview");
        let (status, preview) = server.send(Method::POST, &path, &wanted).await;
        assert_eq!(status, StatusCode::OK, "{preview}");
        let app = &preview["apps"][0];
        assert_eq!(app["appId"], json!(company.assets[0].0));
        assert_eq!((people(app, "loses"), people(app, "gainsLater")), (20, 20), "{preview}");
        assert_eq!(app["losingUserIds"], preview["leavingIds"]);
        assert_eq!((preview["confirmTakeBack"].clone(), preview["joiningIds"].clone()), (json!(20), json!([])));
        let looking = server.request(Method::POST, &path).bearer_auth(&server.looker).json(&wanted);
        assert_eq!(answer(looking).await, (StatusCode::OK, preview.clone()), "whoever reads may look, and sees the same");

        for confirmed in [None, Some(19)] {
            let (status, problem) = server.send(Method::PUT, &members, &with(&wanted, &preview["digest"], confirmed)).await;
            assert_eq!(
                (status, kind(&problem)),
                (StatusCode::UNPROCESSABLE_ENTITY, "take-back-not-confirmed"), "{problem}"
            );
            assert_eq!(problem["takenBackLicenseCount"], 20);
        }
        // Twenty are bought: nobody has to wait for what comes back.
        company.licences(store, company.assets[0], 40).await.unwrap();
        let (status, problem) = server.send(Method::PUT, &members, &with(&wanted, &preview["digest"], Some(20))).await;
        assert_eq!((status, kind(&problem)), (StatusCode::CONFLICT, "preview-outdated"), "{problem}");
        assert_eq!(problem["apps"][0]["affected"]["loses"], 20, "{problem}");
        assert_ne!(problem["previewDigest"], preview["digest"]);
        assert_eq!(in_it().await, PEOPLE, "nothing was saved");
        // A digest is of who comes and goes, too.
        let fewer = json!({ "value": waiting[1..] });
        let (status, _) = server.send(Method::PUT, &members, &with(&fewer, &problem["previewDigest"], Some(20))).await;
        assert_eq!(status, StatusCode::CONFLICT);

        let agreed = with(&wanted, &problem["previewDigest"], Some(20));
        let (status, saved) = server.send(Method::PUT, &members, &agreed).await;
        assert_eq!((status, in_it().await), (StatusCode::OK, 20), "{saved}");
        // What takes back nothing is not asked about, and a group to which nothing is deployed does nothing.
        let everybody: Vec<_> = company.people.iter().map(|person| person.0).collect();
        let (status, _) = server.send(Method::PUT, &members, &json!({ "value": everybody })).await;
        assert_eq!((status, in_it().await), (StatusCode::OK, PEOPLE));
        let new = json!({ "displayName": "다른 부서", "kind": "user" });
        let (_, other) = server.send(Method::POST, "/api/v1/groups", &new).await;
        let path = format!("/api/v1/groups/{}/members/preview", other["id"].as_str().unwrap());
        let (_, preview) = server.send(Method::POST, &path, &wanted).await;
        assert_eq!((&preview["apps"], preview["joiningIds"].as_array().unwrap().len()), (&json!([]), 20));
    }

    async fn the_console_saves_the_members_that_it_showed(server: &TestServer, company: Organisation) {
        let browser = Browser::sign_in(server).await;
        let page = format!("/groups/{}", company.group.0);
        let path = format!("{page}/members");
        let holder = company.people[0].0.simple().to_string();
        let without = async |holders: usize| -> form::Fields {
            let mut fields = form::of(&browser.page(server, &page).await, &path);
            let gone = company.people.iter().step_by(2).take(holders);
            fields.extend(gone.map(|person| ("remove".to_owned(), person.0.simple().to_string())));
            fields
        };
        let in_it = async || {
            let (_, members) = server.get(&format!("/api/v1{path}?limit=100")).await;
            members["value"].as_array().unwrap().len()
        };

        // Whatever button is pressed first, nothing is saved that was not shown.
        let (status, shown) = browser.submit(server, &path, &without(1).await).await;
        assert_eq!((status, in_it().await), (200, PEOPLE));
        assert!(shown.contains("앱 1건이 제거됩니다"), "{shown}");
        assert!(shown.contains("제외 1명"), "{shown}");
        let preview = form::of(&shown, &path);
        // The way back leads to the same choice.
        let (status, back) = browser.submit(server, &path, &form::and(&preview, "edit", "1")).await;
        assert_eq!(status, 200);
        let again = form::of(&back, &path);
        assert!(again.contains(&("remove".to_owned(), holder.clone())), "{again:?}");
        // Somebody else may be faster: then their change is shown, and nothing is saved.
        company.licences(&server.running.app.store, company.assets[0], 30).await.unwrap();
        let (status, outdated) = browser.submit(server, &path, &preview).await;
        assert_eq!((status, in_it().await), (409, PEOPLE));
        assert!(outdated.contains("미리 보기를 연 뒤에 결과가 달라졌습니다"), "{outdated}");
        let saved = browser.press(server, &path, &form::of(&outdated, &path)).await;
        assert!(saved.contains("회원을 저장했습니다"), "{saved}");
        assert_eq!(in_it().await, PEOPLE - 1);

        // A large take-back needs its tick.
        let (_, shown) = browser.submit(server, &path, &without(20).await).await;
        let preview = form::of(&shown, &path);
        let (status, refused) = browser.submit(server, &path, &preview).await;
        assert_eq!(status, 422);
        assert!(refused.contains("이 변경은 라이선스 19개를 회수합니다"), "{refused}");
        let saved = browser.press(server, &path, &form::and(&form::of(&refused, &path), "take-back", "19")).await;
        assert!(saved.contains("회원을 저장했습니다"), "{saved}");
        assert_eq!(in_it().await, 20);
    }
}
