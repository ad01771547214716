//! What pages and lists of the API cost, through the door: a request to the answer's last byte.
//!
//!     cargo bench -p server --bench pages                      # 1,000 and 10,000 people with a device each and 20 apps
//!     cargo bench -p server --bench pages -- 10000 100000      # other sizes
//!
//! On SQLite, and on PostgreSQL where `ALLOTMENT_TEST_POSTGRES` names a server. What is printed is Markdown: of each page
//! the middle and the slowest but one of a hundred, one after the other, for each size, and how they grow.

#![expect(clippy::print_stdout, reason = "what it measures is all that it is for")]

use std::{net::Ipv4Addr, sync::Arc, time::Duration};

use domain::{Time, decide_each};
use secrecy::SecretString;
use server::{
    Clock, Config,
    app::{Caller, Role},
    serve,
};
use store::{
    Look, Store,
    testing::{Fresh, Organisation, organisation},
};
use tokio::{net::TcpListener, time::Instant};

const NOW: Time = Time(1_900_000_000_000);
const APPS: usize = 20;
const TIMES: usize = 100;
const PASSWORD: &str = "a teapot of blue tin";

#[tokio::main]
async fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // Cargo says so when it measures. Without it, it tests: there is nothing to test here.
    if !arguments.iter().any(|it| it == "--bench") {
        return;
    }
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let mut sizes: Vec<usize> = arguments.iter().filter_map(|it| it.parse().ok()).collect();
    if sizes.is_empty() {
        sizes = vec![1_000, 10_000];
    }
    table("SQLite", &sizes, async || Fresh::sqlite()).await;
    if std::env::var("ALLOTMENT_TEST_POSTGRES").is_err() {
        println!("\nPostgreSQL was left out: ALLOTMENT_TEST_POSTGRES names no server.");
        return;
    }
    table("PostgreSQL", &sizes, Fresh::postgres).await;
}

async fn table(database: &str, sizes: &[usize], fresh: impl AsyncFn() -> Fresh) {
    let mut columns = Vec::new();
    for people in sizes {
        columns.push(measure(fresh().await, *people).await);
    }
    let heads: Vec<String> = sizes.iter().map(|people| format!("{people} people")).collect();
    println!("\n| {database} | {} | growth, last step | bytes |", heads.join(" | "));
    println!("| --- |{} --- | --- |", " --- |".repeat(sizes.len()));
    let Some(last) = columns.last() else { return };
    for (row, page) in last.iter().enumerate() {
        let times: Vec<String> = columns
            .iter()
            .map(|column| format!("{:.1} / {:.1} ms", ms(column[row].middle), ms(column[row].slowest)))
            .collect();
        let before = columns.len().checked_sub(2).map(|at| columns[at][row].middle);
        let growth = before.map_or("".to_owned(), |before| format!("× {:.1}", ms(page.middle) / ms(before)));
        println!("| {} | {} | {growth} | {} |", page.what, times.join(" | "), page.bytes);
    }
}

fn ms(took: Duration) -> f64 {
    took.as_secs_f64() * 1e3
}

struct Page {
    what: &'static str,
    middle: Duration,
    slowest: Duration,
    bytes: usize,
}

async fn measure(fresh: Fresh, people: usize) -> Vec<Page> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let listen = listener.local_addr().unwrap();
    let (url, folder) = (format!("http://{listen}"), tempfile::tempdir().unwrap());
    let mut config = Config::local(listen, fresh.url().to_owned(), folder.path().join("key"), url.clone());
    config.apple.licensing_url = "http://127.0.0.1:1/mdm/v2".to_owned();
    let clock = Clock::Manual(Arc::new(NOW.ms().into()));
    let app = serve::open(config.clone(), clock.clone()).await.unwrap();
    let all = organisation(&app.store, people, APPS, NOW).await.unwrap();
    decided(&app.store, &all).await;
    app.store.tidied().await.unwrap();
    let password = SecretString::from(PASSWORD);
    app.account_add(&Caller::System, "raon", "홍라온", &password, Role::Full)
        .await
        .unwrap();
    app.store.close().await;

    let running = serve::serve_on(config, clock, listener).await.unwrap();
    let http = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build()
        .unwrap();
    let signed_in = http.post(format!("{url}/sign-in"));
    let signed_in = signed_in
        .form(&[("login", "raon"), ("password", PASSWORD)])
        .send()
        .await
        .unwrap();
    let cookies: Vec<&str> = signed_in
        .headers()
        .get_all("set-cookie")
        .iter()
        .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
        .collect();
    let cookies = cookies.join("; ");
    let (_, key) = running
        .app
        .api_key_create(&Caller::System, "measures", Role::ReadOnly, None)
        .await
        .unwrap();
    let key = secrecy::ExposeSecret::expose_secret(&key).to_owned();

    let (asset, person) = (all.assets[0], all.people[1]);
    let device = format!("05{}", &person.to_string()[2..]);
    let mut measured = Vec::new();
    for (what, path) in [
        ("dashboard", "/dashboard".to_owned()),
        ("apps", "/apps".to_owned()),
        ("one app", format!("/apps/{asset}")),
        ("… its users", format!("/apps/{asset}?tab=users")),
        (
            "… its users that wait, another page",
            format!("/apps/{asset}?tab=users&state=pendingInstall&after={person}"),
        ),
        ("… its devices", format!("/apps/{asset}?tab=devices")),
        ("… its licences", format!("/apps/{asset}?tab=licences")),
        ("people", "/people".to_owned()),
        ("… that wait for a licence", "/people?filter=waiting".to_owned()),
        ("… that are looked for", "/people?q=nobody".to_owned()),
        ("one person", format!("/people/{person}")),
        ("devices", "/devices".to_owned()),
        ("… that have something pending", "/devices?filter=pending".to_owned()),
        ("one device", format!("/devices/{device}")),
        ("why?", format!("/why/{person}/{asset}")),
        ("groups", "/groups".to_owned()),
        ("activity", "/activity".to_owned()),
        ("token", "/administration/vpp".to_owned()),
        ("API: apps", "/api/v1/apps".to_owned()),
        ("API: 100 users", "/api/v1/users?limit=100".to_owned()),
        ("API: 100 devices", "/api/v1/managedDevices?limit=100".to_owned()),
        (
            "API: 100 states of an app",
            format!("/api/v1/apps/{asset}/deviceStatuses?limit=100"),
        ),
    ] {
        let mut took = Vec::with_capacity(TIMES);
        let mut bytes = 0;
        for turn in 0..TIMES + 3 {
            let request = http.get(format!("{url}{path}"));
            let request = match path.starts_with("/api/") {
                true => request.bearer_auth(&key),
                false => request.header("cookie", &cookies),
            };
            let began = Instant::now();
            let answer = request.send().await.unwrap();
            assert!(answer.status().is_success(), "{path}: {}", answer.status());
            bytes = answer.bytes().await.unwrap().len();
            // The first fill caches.
            if turn >= 3 {
                took.push(began.elapsed());
            }
        }
        took.sort_unstable();
        measured.push(Page {
            what,
            middle: took[TIMES / 2],
            slowest: took[TIMES - 2],
            bytes,
        });
    }
    running.stop().await;
    fresh.close().await;
    measured
}

async fn decided(store: &Store, all: &Organisation) {
    let look = Look {
        now: NOW,
        looked: true,
        token_usable: true,
    };
    while store.undecided(all.location, look).await.unwrap() {
        let mut tx = store.begin().await.unwrap();
        let taken = tx.decide_take(all.location, look, 200).await.unwrap();
        let world = tx.world_of(all.location, &taken.people, NOW).await.unwrap();
        tx.decided(all.location, &taken.people, &decide_each(&world))
            .await
            .unwrap();
        tx.commit().await.unwrap();
    }
}
