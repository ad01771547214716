//! How fast Apple is asked: below what it permits, and below what it turns out to permit.

use std::{collections::BTreeMap, time::Duration};

use domain::Approval;
use server::app::Caller;
use sim::apple::{App, Fault, TokenKind, Trouble, sample::adam_id};
use store::SyncStatus;

use crate::lab::{Database, Lab, Setup, iphone, until};

async fn sync(lab: &Lab) -> store::SyncRow {
    let id = lab.app.sync_now(&Caller::System).await.expect("a sync");
    let mut over = None;
    until("the sync is over", async || {
        over = lab
            .app
            .sync(id)
            .await
            .unwrap()
            .filter(|sync| sync.finished_at.is_some());
        over.is_some()
    })
    .await;
    over.expect("it is over")
}

/// Apple publishes fifteen a second and takes three: every refusal teaches, and the work is done all the same.
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_that_is_lower_than_published_is_learned_from_the_refusals() {
    let lab = Lab::open(Setup::on(Database::Sqlite)).await;
    lab.link(TokenKind::Valid).await;
    let app = lab.app_known(&adam_id(1)).await;
    let person = lab.person("사람").await;
    lab.enrol(person, iphone(1)).await;
    let group = lab.group("모두", &[person]).await;
    lab.apple.switch(|switches| {
        switches.requests_per_second = Some(3);
        switches.limits = BTreeMap::from([("maxRequestPerSecond".to_owned(), 15)]);
    });
    let before = lab.apple.ledger().traffic;
    lab.deploy(app, group, Approval::Required).await;
    until("the app is there", async || lab.installed(app).await == 1).await;
    let after = lab.apple.ledger().traffic;
    let requests = |traffic: &sim::apple::Traffic| traffic.requests.values().sum::<u64>();
    let (asked, refused) = (requests(&after) - requests(&before), after.too_many - before.too_many);
    assert!(refused >= 1, "the limit was met");
    assert!(
        refused * 3 < asked,
        "{refused} of {asked} were refused: nothing was learned"
    );
    lab.apple.switch(|switches| {
        switches.requests_per_second = None;
        switches.limits.clear();
    });
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// One 9646 once threw away a whole read of 183 pages.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_read_that_is_throttled_waits_and_goes_on_from_its_page() {
    let mut setup = Setup::on(Database::Sqlite);
    let more = (0..20).map(|number| App::sample(&format!("7770{number:02}"), 3));
    setup.organisations[0].assets.extend(more);
    // Nobody else reads meanwhile.
    setup.adjust = |config| config.apple.poll_every = Duration::from_secs(3600);
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    lab.app_known(&adam_id(1)).await;
    sync(&lab).await;
    lab.apple.switch(|switches| switches.page_length = 1);
    let pages = lab.apple.ledger().main().assets.len() as u64;
    assert!(pages > 20, "a long read");

    let asked = || lab.apple.ledger().traffic.requests["assets"];
    let before = asked();
    lab.apple.switch(|switches| {
        switches.faults = vec![Fault {
            call: "GET assets".to_owned(),
            is: Trouble::Refused {
                number: 9646,
                retry_after_s: Some(1),
            },
            times: 2,
        }];
    });
    let sync = sync(&lab).await;
    assert_eq!(sync.status, SyncStatus::Completed, "{sync:?}");
    assert!(lab.apple.switches().faults.is_empty());
    // Each page once, and those again that were refused. A look for changes may have asked for one page more.
    let read = asked() - before;
    assert!(
        (pages + 2..=pages + 3).contains(&read),
        "{read} requests for {pages} pages"
    );
    lab.agrees_with_apple().await;
    lab.close().await;
}

/// The store, which names apps, is another service: licences do not wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_without_a_bundle_id_takes_no_licence_says_so_and_goes_on_once_it_is_known() {
    let mut setup = Setup::on(Database::Sqlite);
    setup.switches.metadata_unavailable = true;
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    let person = lab.person("사람").await;
    lab.enrol(person, iphone(1)).await;
    let group = lab.group("모두", &[person]).await;
    let mut app = None;
    until("the app is listed", async || {
        let overview = lab.app.overview().await.unwrap();
        let apps = overview.iter().flat_map(|overview| &overview.apps);
        app = apps
            .into_iter()
            .find(|app| app.row.adam_id == adam_id(1))
            .map(|app| app.row.id);
        app.is_some()
    })
    .await;
    let app = app.expect("an app");
    lab.deploy(app, group, Approval::Required).await;
    sync(&lab).await;
    until("it is said", async || {
        let overview = lab.app.overview().await.unwrap().unwrap();
        let verdict = overview.app(app).unwrap().decision.people.get(&person).cloned();
        verdict.is_some_and(|verdict| verdict.detail == domain::Detail::AppNotDescribed)
    })
    .await;
    // The store's trouble is not Apple's silence, however often it is asked.
    for _ in 0..3 {
        sync(&lab).await;
        let asked = lab.app.now();
        until("a moment has passed", async || {
            let row = lab.app.location_view().await.unwrap().unwrap().row;
            assert_eq!((row.state, row.unanswered_since), (domain::TokenState::Valid, None));
            lab.app.now().since(asked) > Duration::from_millis(500)
        })
        .await;
    }
    assert_eq!(lab.apple_holders(&adam_id(1)).len(), 0, "no licence is taken");

    lab.apple.switch(|switches| switches.metadata_unavailable = false);
    sync(&lab).await;
    until("the app is there", async || lab.installed(app).await == 1).await;
    lab.agrees_with_apple().await;
    lab.close().await;
}
