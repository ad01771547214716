//! Names and icons of apps, from a store that stumbles.

use std::{collections::BTreeSet, time::Duration};

use serde_json::Value;
use server::{Clock, tasks::describing};
use sim::apple::{Apple, sample::adam_id};
use store::EventFilter;

use crate::{
    api_with_apple::{linked, start_at},
    server::{TestServer, until},
};

/// The `adamId` of everything that has a name.
async fn named(server: &TestServer) -> BTreeSet<String> {
    let overview = server.running.app.overview().await.unwrap().unwrap();
    let named = overview.apps.into_iter().filter(|app| app.row.name.is_some());
    named.map(|app| app.row.adam_id).collect()
}

async fn all(server: &TestServer) -> BTreeSet<String> {
    let overview = server.running.app.overview().await.unwrap().unwrap();
    overview.apps.into_iter().map(|app| app.row.adam_id).collect()
}

/// Looks up what is to be looked up. How often the store was asked so far.
async fn looked_up(server: &TestServer, apple: &Apple) -> u64 {
    describing::step(&server.running.app).await.unwrap();
    apple.ledger().traffic.lookups
}

/// Each minute it was in the history again that all apps were described.
#[tokio::test(flavor = "multi_thread")]
async fn an_icon_that_cannot_be_fetched_is_no_news_and_is_tried_ever_more_rarely() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |config| config.apple.icon_hosts.clear()).await;
    linked(&server, &apple).await;
    let told = async || {
        let filter = EventFilter {
            limit: 10_000,
            ..EventFilter::default()
        };
        let events = server.running.app.events(&filter).await.unwrap();
        events.iter().filter(|event| event.kind == "appDescribed").count()
    };
    let apps = all(&server).await;
    until("all have names", async || {
        (told().await == apps.len()).then_some(Value::Null)
    })
    .await;
    // The icon of the last of them.
    until("it was tried", async || {
        let now = server.running.app.now();
        let overview = server.running.app.overview().await.unwrap().unwrap();
        let all_tried = overview
            .apps
            .iter()
            .all(|app| server.running.app.aside.holds(app.row.id, now));
        all_tried.then_some(Value::Null)
    })
    .await;

    let mut asked = apple.ledger().traffic.lookups;
    for minutes in [1, 2, 4, 8] {
        assert_eq!(looked_up(&server, &apple).await, asked, "before {minutes} minutes");
        hand.passes(Duration::from_secs(minutes * 60));
        let now = looked_up(&server, &apple).await;
        assert!(now > asked, "after {minutes} minutes");
        asked = now;
    }
    assert_eq!(told().await, apps.len(), "nothing is new");
    server.stop().await;
    apple.shutdown().await;
}

/// The lookups were in order, and ended with the first that failed: nothing after it had a name, and so no bundle id.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_that_the_store_stumbles_over_keeps_no_other_from_its_name() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    let broken = BTreeSet::from([adam_id(1), adam_id(4)]);
    apple.switch(|switches| switches.metadata_broken = broken.clone());
    linked(&server, &apple).await;
    let all = all(&server).await;
    assert_eq!(all.first(), Some(&adam_id(1)));
    until("all others have names", async || {
        let without: BTreeSet<_> = all.difference(&named(&server).await).cloned().collect();
        (without == broken).then_some(Value::Null)
    })
    .await;

    apple.switch(|switches| switches.metadata_broken.clear());
    hand.passes(Duration::from_secs(3600));
    server.running.app.describing_bell.notify_one();
    until("they have names, too", async || {
        (named(&server).await == all).then_some(Value::Null)
    })
    .await;
    server.stop().await;
    apple.shutdown().await;
}
