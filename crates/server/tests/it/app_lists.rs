//! The people of an app, page by page, on the console and through the API.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::{
    api_with_apple::{linked, start_with},
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
    let rows = page.split(r#"class="lead"><a href="/people/"#).skip(1);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_an_app_is_turned_over_page_by_page_searched_and_narrowed() {
    let (server, apple) = start_with(|_| {}).await;
    linked(&server, &apple).await;
    let (_, apps) = server.get("/api/v1/apps").await;
    let app = apps["value"][0]["id"].as_str().unwrap().to_owned();
    let mut members = Vec::new();
    for number in 1..=PEOPLE {
        let department = if number % 40 == 0 { "Logistics" } else { "Sales" };
        let new = json!({ "displayName": format!("Person {number:03}"), "department": department });
        let (status, person) = server.send(Method::POST, "/api/v1/users", &new).await;
        assert_eq!(status, StatusCode::CREATED, "{person}");
        members.push(person["id"].clone());
    }
    let new = json!({ "displayName": "Everybody", "kind": "user" });
    let (_, group) = server.send(Method::POST, "/api/v1/groups", &new).await;
    let group = group["id"].as_str().unwrap();
    let members = json!({ "value": members });
    let path = format!("/api/v1/groups/{group}/members");
    assert_eq!(server.send(Method::PUT, &path, &members).await.0, StatusCode::OK);
    let line = json!({ "value": [{ "groupId": group, "intent": "required" }] });
    let path = format!("/api/v1/apps/{app}/deployments");
    assert_eq!(server.send(Method::PUT, &path, &line).await.0, StatusCode::OK);
    until("everybody is decided", async || {
        let (_, app) = server.get(&format!("/api/v1/apps/{app}")).await;
        let counts = app["installSummary"].as_object()?;
        let people = counts.iter().filter(|(name, _)| name.ends_with("UserCount"));
        let people: u64 = people.filter_map(|(_, count)| count.as_u64()).sum();
        (people == PEOPLE as u64).then_some(Value::Null)
    })
    .await;

    // To the end, and back.
    let browser = Browser::sign_in(&server).await;
    let everybody: Vec<String> = (1..=PEOPLE).map(|number| format!("Person {number:03}")).collect();
    let mut at = format!("/apps/{app}?tab=users");
    for (turn, rows) in everybody.chunks(ROWS).enumerate() {
        let shown = page(&server, &browser, &at).await;
        assert_eq!(listed(&shown), rows);
        let range = format!("{}–{} of {PEOPLE}", turn * ROWS + 1, turn * ROWS + rows.len());
        assert!(shown.contains(&range), "{range}: {shown}");
        match link(&shown, "next") {
            Some(next) => at = next,
            None => assert_eq!(turn, 2, "the last page"),
        }
    }
    let last = page(&server, &browser, &at).await;
    let before = link(&last, "prev").expect("a page before the last");
    let before = page(&server, &browser, &before).await;
    assert_eq!(listed(&before), everybody[ROWS..2 * ROWS]);
    let first = page(&server, &browser, &link(&before, "prev").expect("a first page")).await;
    assert_eq!(listed(&first), everybody[..ROWS]);
    assert_eq!(link(&first, "prev"), None);

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
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let (_, answer) = server.get(&format!("{statuses}?limit=70{cursor}")).await;
        let rows = answer["value"].as_array().unwrap();
        names.extend(rows.iter().map(|row| row["userName"].as_str().unwrap().to_owned()));
        match answer["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
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
