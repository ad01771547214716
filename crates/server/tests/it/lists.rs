//! Lists page by page, on the console and through the API: the people of an app, all people, all devices.

use domain::PersonId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::tasks::scrub::{self, Scrub};
use sim::apple::Apple;
use uuid::Uuid;

use crate::{
    api_with_apple::{linked, start_with},
    devices::{Phone, server},
    server::{Browser, TestServer, until},
};

const PEOPLE: usize = 120;
/// So many rows has a page of the console.
const ROWS: usize = 50;

async fn page(server: &TestServer, browser: &Browser, path: &str) -> String {
    let request = browser.request(server, Method::GET, path, "en");
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::OK, "{path}");
    answer.text().await.expect("text")
}

/// Who is listed, in this order.
fn listed(page: &str) -> Vec<String> {
    links(page, r#"class="lead"><a href="/people/"#)
}

/// Where each of these links leads by name.
fn links(page: &str, to: &str) -> Vec<String> {
    let rows = page.split(to).skip(1);
    rows.map(|row| {
        let name = row.split('>').nth(1).unwrap();
        name.split('<').next().unwrap().to_owned()
    })
    .collect()
}

/// Where a link of the pager leads.
fn link(page: &str, rel: &str) -> Option<String> {
    let end = page.find(&format!(r#"" rel="{rel}""#))?;
    let start = page[..end].rfind("href=\"")? + "href=\"".len();
    Some(page[start..end].replace("&amp;", "&").replace("&#38;", "&"))
}

/// Their ids.
async fn crowd(server: &TestServer) -> Vec<Value> {
    let mut ids = Vec::new();
    for number in 1..=PEOPLE {
        let department = if number % 40 == 0 { "Logistics" } else { "Sales" };
        let new = json!({ "displayName": format!("Person {number:03}"), "department": department });
        let (status, person) = server.send(Method::POST, "/api/v1/users", &new).await;
        assert_eq!(status, StatusCode::CREATED, "{person}");
        ids.push(person["id"].clone());
    }
    ids
}

fn everybody() -> Vec<String> {
    (1..=PEOPLE).map(|number| format!("Person {number:03}")).collect()
}

/// Asks for a change, whatever somebody else changed meanwhile.
async fn whatever_it_was(server: &TestServer, method: Method, path: &str, body: &Value) {
    let request = server.request(method, path).bearer_auth(&server.key);
    let answer = request.header("If-Match", "*").json(body).send().await;
    let answer = answer.expect("an answer");
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

/// An app is required for everybody, and that is decided: the ids of the app, of the group, and theirs.
async fn deployed(server: &TestServer, apple: &Apple) -> (String, String, Vec<Value>) {
    linked(server, apple).await;
    let (_, apps) = server.get("/api/v1/apps").await;
    let app = apps["value"][0]["id"].as_str().unwrap().to_owned();
    let members = crowd(server).await;
    let new = json!({ "displayName": "Everybody", "kind": "user" });
    let (_, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    let group = group["id"].as_str().unwrap().to_owned();
    let ids = members.clone();
    let members = json!({ "value": members });
    let path = format!("/api/v1/groups/{group}/members");
    assert_eq!(server.send(Method::PUT, &path, &members).await.0, StatusCode::OK);
    let line = json!({ "value": [{ "groupId": group, "intent": "required" }] });
    let path = format!("/api/v1/apps/{app}/deployments");
    assert_eq!(server.send(Method::PUT, &path, &line).await.0, StatusCode::OK);
    everybody_is_counted(server, &app).await;
    (app, group, ids)
}

async fn everybody_is_counted(server: &TestServer, app: &str) {
    until("everybody is decided", async || {
        let people = counted(server, app).await;
        (people == PEOPLE as u64).then_some(Value::Null)
    })
    .await;
}

/// Of how many people something is said about the app.
async fn counted(server: &TestServer, app: &str) -> u64 {
    let (_, app) = server.get(&format!("/api/v1/apps/{app}")).await;
    let counts = app["installSummary"].as_object().unwrap();
    let people = counts.iter().filter(|(name, _)| name.ends_with("UserCount"));
    people.filter_map(|(_, count)| count.as_u64()).sum()
}

/// A list of these is turned over, from its beginning to its end and back.
async fn turned_over(server: &TestServer, browser: &Browser, list: &str, everybody: &[String]) {
    let total = everybody.len();
    let mut at = list.to_owned();
    for (turn, rows) in everybody.chunks(ROWS).enumerate() {
        let shown = page(server, browser, &at).await;
        assert_eq!(listed(&shown), rows);
        let range = format!("{}–{} of {total}", turn * ROWS + 1, turn * ROWS + rows.len());
        assert!(shown.contains(&range), "{range}: {shown}");
        match link(&shown, "next") {
            Some(next) => at = next,
            None => assert_eq!(turn, total.div_ceil(ROWS) - 1, "the last page"),
        }
    }
    for rows in everybody.chunks(ROWS).rev().skip(1) {
        at = link(&page(server, browser, &at).await, "prev").expect("a page before");
        assert_eq!(listed(&page(server, browser, &at).await), rows);
    }
    assert_eq!(link(&page(server, browser, &at).await, "prev"), None);
}

/// All values of a list of the API, whatever their number, so many a page.
async fn all(server: &TestServer, path: &str, limit: usize) -> Vec<Value> {
    let mut all = Vec::new();
    let mut cursor = String::new();
    loop {
        let (status, answer) = server.get(&format!("{path}?limit={limit}{cursor}")).await;
        assert_eq!(status, StatusCode::OK, "{answer}");
        all.extend(answer["value"].as_array().unwrap().iter().cloned());
        match answer["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return all,
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_an_app_is_turned_over_page_by_page_searched_and_narrowed() {
    let (server, apple) = start_with(|_| {}).await;
    let (app, group, _) = deployed(&server, &apple).await;

    // To the end, and back.
    let browser = Browser::sign_in(&server).await;
    let everybody = everybody();
    turned_over(&server, &browser, &format!("/apps/{app}?tab=users"), &everybody).await;

    // By name, by department, and by state.
    for (query, found) in [
        ("person 07", &everybody[69..79]),
        (
            "logist",
            &[everybody[39].clone(), everybody[79].clone(), everybody[119].clone()][..],
        ),
        ("nobody", &[]),
    ] {
        let shown = page(&server, &browser, &format!("/apps/{app}?tab=users&q={query}")).await;
        assert_eq!(listed(&shown), found, "{query}");
    }
    let searched = format!("/apps/{app}?tab=users&q=person");
    let next = link(&page(&server, &browser, &searched).await, "next").expect("more are found");
    assert_eq!(listed(&page(&server, &browser, &next).await), everybody[ROWS..2 * ROWS]);
    let shown = page(&server, &browser, &format!("/apps/{app}?tab=users&state=installed")).await;
    assert_eq!(listed(&shown), [""; 0]);

    // Whoever is gone meanwhile takes nobody along; what is no place in a list is its beginning, and in the API an error.
    let lost = page(&server, &browser, &format!("/apps/{app}?tab=users&after={group}")).await;
    assert_eq!(listed(&lost), everybody[..ROWS]);
    let nowhere = page(&server, &browser, &format!("/apps/{app}?tab=users&after=x&at=y")).await;
    assert_eq!(listed(&nowhere), everybody[..ROWS]);
    let statuses = format!("/api/v1/apps/{app}/userStatuses");
    let rows = all(&server, &statuses, 70).await;
    let names: Vec<&str> = rows.iter().map(|row| row["userName"].as_str().unwrap()).collect();
    assert_eq!(names, everybody);
    let (status, refused) = server.get(&format!("{statuses}?cursor=eA")).await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("cursor")),
        "{refused}"
    );
    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_people_are_turned_over_page_by_page_searched_and_narrowed() {
    let (server, apple) = start_with(|_| {}).await;
    let ids = crowd(&server).await;
    let browser = Browser::sign_in(&server).await;
    let everybody = everybody();
    // Nobody is decided without a token, and everybody is there.
    turned_over(&server, &browser, "/people", &everybody).await;
    linked(&server, &apple).await;
    turned_over(&server, &browser, "/people", &everybody).await;

    // Whoever is without a device is found once they are decided, and who comes and goes at once.
    until("everybody is decided", async || {
        let shown = page(&server, &browser, "/people?filter=noDevice").await;
        shown.contains(&format!("1–{ROWS} of {PEOPLE}")).then_some(Value::Null)
    })
    .await;
    turned_over(&server, &browser, "/people?filter=noDevice", &everybody).await;
    let leaver = ids[7].as_str().unwrap();
    whatever_it_was(
        &server,
        Method::POST,
        &format!("/api/v1/users/{leaver}/leave"),
        &json!({}),
    )
    .await;
    let mut here = everybody.clone();
    let gone = here.remove(7);
    turned_over(&server, &browser, "/people", &here).await;
    assert_eq!(listed(&page(&server, &browser, "/people?filter=left").await), [gone]);
    until("who left lacks no device", async || {
        let shown = page(&server, &browser, "/people?filter=noDevice").await;
        (listed(&shown) == here[..ROWS]).then_some(Value::Null)
    })
    .await;

    // Two letters of a name, of a department; within what it is narrowed to.
    for (query, found) in [
        ("q=person+11", &here[108..118]),
        (
            "q=LOGIST",
            &[everybody[39].clone(), everybody[79].clone(), everybody[119].clone()],
        ),
        ("filter=noDevice&q=person+12", &here[118..119]),
        ("filter=left&q=person+12", &[]),
        ("q=100%25", &[]),
        ("filter=waiting", &[]),
        ("filter=failed", &[]),
        ("filter=terms", &[]),
        ("filter=refused", &[]),
    ] {
        let shown = page(&server, &browser, &format!("/people?{query}")).await;
        assert_eq!(listed(&shown), found, "{query}");
    }
    // A new name is a new place at once, whatever the list.
    let path = format!("/api/v1/users/{}", ids[0].as_str().unwrap());
    whatever_it_was(&server, Method::PATCH, &path, &json!({ "displayName": "Zoe" })).await;
    here.remove(0);
    here.push("Zoe".to_owned());
    turned_over(&server, &browser, "/people", &here).await;
    turned_over(&server, &browser, "/people?filter=noDevice", &here).await;

    // Programs read everybody in the order in which they were added, whoever left.
    let rows = all(&server, "/api/v1/users", 50).await;
    let listed: Vec<&Value> = rows.iter().map(|row| &row["id"]).collect();
    let mut added: Vec<&Value> = ids.iter().collect();
    added.sort_by_key(|id| id.as_str());
    assert_eq!(listed, added);
    let (status, refused) = server.get("/api/v1/users?cursor=eA").await;
    assert_eq!(
        (status, &refused["errors"][0]["field"]),
        (StatusCode::UNPROCESSABLE_ENTITY, &json!("cursor")),
        "{refused}"
    );
    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_listed_by_what_becomes_of_them() {
    let server = server().await;
    let mut phones = Vec::new();
    for number in 1..=4 {
        phones.push(Phone::enrolled(&server, &format!("PHONE-{number}")).await);
    }
    let browser = Browser::sign_in(&server).await;
    let list = async |query: &str| {
        let shown = page(&server, &browser, &format!("/devices?{query}")).await;
        let rows = shown.split(r#"class="lead"><a href="/devices/"#).skip(1);
        let mut rows: Vec<Uuid> = rows.map(|row| row[..36].parse().unwrap()).collect();
        rows.sort_unstable();
        rows
    };
    let mut ids = Vec::new();
    for phone in &phones {
        ids.push(phone.row().await.id.0);
    }
    let sorted = |chosen: &[usize]| {
        let mut chosen: Vec<Uuid> = chosen.iter().map(|at| ids[*at]).collect();
        chosen.sort_unstable();
        chosen
    };
    assert_eq!(list("").await, sorted(&[0, 1, 2, 3]));

    let path = |at: usize| format!("/api/v1/managedDevices/{}", ids[at]);
    whatever_it_was(&server, Method::POST, &format!("{}/retire", path(1)), &json!({})).await;
    whatever_it_was(&server, Method::DELETE, &path(2), &json!({})).await;
    assert_eq!(list("").await, sorted(&[0, 1, 3]));
    assert_eq!(list("filter=leaving").await, sorted(&[1]));
    assert_eq!(list("filter=gone").await, sorted(&[2]));
    let udid = &phones[3].udid;
    assert_eq!(list(&format!("q={}", udid.to_lowercase())).await, sorted(&[3]));
    for none in ["filter=silent", "filter=quiet", "filter=failed", "filter=pending"] {
        assert_eq!(list(none).await, sorted(&[]), "{none}");
    }
    assert_eq!(list(&format!("filter=gone&q={udid}")).await, sorted(&[]));

    let rows = all(&server, "/api/v1/managedDevices", 3).await;
    let listed: Vec<Uuid> = rows
        .iter()
        .map(|row| row["id"].as_str().unwrap().parse().unwrap())
        .collect();
    assert_eq!(listed, sorted(&[0, 1, 2, 3]));
    // And the search of the navigation finds whoever is gone, too.
    let found = page(&server, &browser, &format!("/search?q={}", phones[2].udid)).await;
    assert!(found.contains(&format!("/devices/{}", ids[2])), "{found}");
    server.stop().await;
}

/// Nobody can forget to mark whom a fact concerns, and if somebody did, it would be found.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_kept_and_does_not_follow_from_the_facts_is_found_and_decided_anew() {
    let (server, apple) = start_with(|_| {}).await;
    let (app, _, ids) = deployed(&server, &apple).await;
    let scrub = Scrub::default();
    let product = &server.running.app;

    let lost: Vec<PersonId> = ids
        .iter()
        .take(3)
        .map(|id| PersonId(id.as_str().unwrap().parse().unwrap()))
        .collect();
    product.store.decided_lost(&lost).await.unwrap();
    assert_eq!(counted(&server, &app).await, PEOPLE as u64 - 3);

    // It waits for its turn while somebody is still to be decided.
    until("they are noticed", async || {
        scrub::step(product, &scrub).await.unwrap();
        (counted(&server, &app).await == PEOPLE as u64).then_some(Value::Null)
    })
    .await;
    server.stop().await;
    apple.shutdown().await;
}
