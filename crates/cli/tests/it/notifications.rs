//! What Apple says by itself: with it, nothing waits for the next look; without it, everything comes all the same.

use std::time::Duration;

use domain::Approval;
use reqwest::StatusCode;
use secrecy::ExposeSecret;
use serde_json::json;
use server::{
    app::notifications::{Channel, address},
    config::{Config, Notifications},
};
use sim::apple::{Fault, Holder, TokenKind, TokenState, Trouble, sample::adam_id};
use store::ChannelRow;

use crate::lab::{Database, Lab, Setup, TestClock, iphone, members_are, until};

/// Whoever waits for a look waits for an hour.
fn seldom(config: &mut Config) {
    config.apple.poll_every = Duration::from_secs(3600);
    config.apple.event_poll_every = Duration::from_secs(3600);
    config.apple.notifications = Notifications::At(config.public_url.clone());
}

fn notified(database: Database) -> Setup {
    let mut setup = Setup::on(database);
    setup.switches.plain_notification_urls = true;
    setup.adjust = seldom;
    setup
}

/// A token is linked, the apps are known, and Apple notifies us.
async fn begun(setup: Setup) -> Lab {
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    lab.app_known(&adam_id(1)).await;
    until("Apple notifies us", async || {
        matches!(channel(&lab).await, Channel::Works { .. })
    })
    .await;
    lab
}

async fn channel(lab: &Lab) -> Channel {
    let location = lab.app.location_view().await.unwrap().expect("a token is linked");
    lab.app.channel(location.row.id).await.unwrap()
}

/// The row of it.
async fn row(lab: &Lab) -> ChannelRow {
    let location = lab.app.location_view().await.unwrap().expect("a token is linked");
    lab.app
        .store
        .channel(location.row.id)
        .await
        .unwrap()
        .expect("a channel")
}

/// Something happened at Apple, and another server was told.
async fn hint(lab: &Lab) {
    let location = row(lab).await.location_id;
    let mut tx = lab.app.store.begin().await.unwrap();
    tx.channel_hint(location, lab.app.now()).await.unwrap();
    tx.commit().await.unwrap();
}

/// What is owned of an app, as far as is known here.
async fn owned(lab: &Lab, number: u32) -> i64 {
    let location = lab.app.location_view().await.unwrap().expect("a token is linked");
    let apps = lab.app.store.apps(location.row.id).await.unwrap();
    apps.iter()
        .find(|app| app.adam_id == adam_id(number))
        .map_or(0, |app| app.owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn with_notifications_nobody_waits_for_the_next_look_on_sqlite() {
    nobody_waits(Database::Sqlite).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs PostgreSQL"]
async fn with_notifications_nobody_waits_for_the_next_look_on_postgres() {
    nobody_waits(Database::Postgres).await;
}

/// Joining, a licence, a purchase, a refund, and what another server does: each is acted on at once.
async fn nobody_waits(database: Database) {
    let lab = begun(notified(database)).await;
    let app = lab.app_known(&adam_id(1)).await;

    let person = lab.person("한별").await;
    lab.enrol(person, iphone(1)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(app, group, Approval::Required).await;
    until("the app is there", async || lab.installed(app).await == 1).await;
    assert!(
        matches!(channel(&lab).await, Channel::Works { last: Some(_) }),
        "that was by notifications"
    );

    // Each comes twice from here on, in any order, and before the answer to what it is about.
    lab.apple.switch(|switches| {
        switches.notification_twice = 1.0;
        switches.notification_disorder = true;
        switches.notification_before_answer_ms = 400;
    });
    let before = owned(&lab, 1).await;
    assert!(lab.apple.buy(&adam_id(1), 4));
    until("the purchase is known", async || owned(&lab, 1).await == before + 4).await;
    assert!(lab.apple.refund(&adam_id(1), 1));
    until("the refund is known", async || owned(&lab, 1).await == before + 3).await;
    let elsewhere = Holder::User("elsewhere".to_owned());
    let foreign = async || {
        let apps = lab.app.apps_summed().await.unwrap().expect("a token is linked").apps;
        apps.iter()
            .find(|it| it.row.id == app)
            .map_or(0, |it| it.counts.foreign)
    };
    let others = foreign().await;
    assert!(lab.apple.foreign_assign(&adam_id(1), &elsewhere));
    until("what another server gave is known", async || {
        foreign().await == others + 1
    })
    .await;

    let second = lab.person("도담").await;
    lab.enrol(second, iphone(2)).await;
    members_are(&lab.app, group, &[person.0, second.0]).await;
    until("the second one has it", async || lab.installed(app).await == 2).await;
    lab.deploy(app, group, Approval::Uninstall).await;
    until("both licences are back", async || {
        lab.apple.ledger().main().holders(&adam_id(1)).len() as u64 == others + 1
    })
    .await;
    lab.close().await;
}

/// What comes to another server reaches whoever works on the location: it is written down.
#[tokio::test(flavor = "multi_thread")]
async fn a_hint_that_another_server_took_is_looked_after() {
    let lab = begun(notified(Database::Sqlite)).await;
    lab.apple.switch(|switches| switches.notification_lost = 1.0);
    let before = owned(&lab, 1).await;
    assert!(lab.apple.buy(&adam_id(1), 4));
    hint(&lab).await;
    until("the purchase is known", async || owned(&lab, 1).await == before + 4).await;
    lab.close().await;
}

/// The console says so, with Apple's number, and goes on looking by itself; a quarter of an hour later it asks again.
#[tokio::test(flavor = "multi_thread")]
async fn where_apple_does_not_reach_us_it_is_said_and_tried_again() {
    let clock = TestClock::start();
    let mut setup = notified(Database::Sqlite);
    setup.clock = clock.clock();
    setup.switches.notification_url_reachable = Some(false);
    let lab = Lab::open(setup).await;
    lab.link(TokenKind::Valid).await;
    lab.app_known(&adam_id(1)).await;
    until("Apple refused", async || {
        matches!(channel(&lab).await, Channel::Refused { number: 9728, .. })
    })
    .await;
    let asked = || {
        lab.apple
            .writes()
            .iter()
            .filter(|write| write.path == "client/config")
            .count()
    };
    let tries = asked();

    lab.apple.switch(|switches| switches.notification_url_reachable = None);
    clock.jump(Duration::from_secs(14 * 60));
    let before = owned(&lab, 1).await;
    assert!(lab.apple.buy(&adam_id(1), 4));
    hint(&lab).await;
    until("it was looked", async || owned(&lab, 1).await == before + 4).await;
    assert_eq!(asked(), tries, "not before its time");
    clock.jump(Duration::from_secs(2 * 60));
    until("Apple notifies us", async || {
        matches!(channel(&lab).await, Channel::Works { .. })
    })
    .await;
    lab.close().await;
}

/// Whether Apple still notifies us is asked every hour. An Apple that does not answer has said nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn an_apple_that_does_not_answer_has_not_stopped_to_notify() {
    let clock = TestClock::start();
    let mut setup = notified(Database::Sqlite);
    setup.clock = clock.clock();
    let lab = begun(setup).await;
    let asked_at = row(&lab).await.tried_at;
    lab.apple.switch(|switches| {
        switches.faults = vec![Fault {
            call: "GET client/config".to_owned(),
            times: 1,
            is: Trouble::Gateway {
                status: 502,
                retry_after_s: None,
            },
        }];
    });
    clock.jump(Duration::from_secs(61 * 60));
    until("it was asked", async || row(&lab).await.tried_at > asked_at).await;
    assert!(lab.apple.switches().faults.is_empty(), "and did not answer");
    assert!(matches!(channel(&lab).await, Channel::Works { .. }));
    lab.close().await;
}

/// While the token is dead a hint is one look, as any other: Apple is not asked again and again for it.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_dead_is_asked_once_for_a_hint() {
    let lab = begun(notified(Database::Sqlite)).await;
    assert!(lab.apple.set_token_state(TokenKind::Valid, TokenState::Revoked));
    hint(&lab).await;
    until("the token is dead", async || {
        let location = lab.app.location_view().await.unwrap().expect("a token is linked");
        !location.state.usable()
    })
    .await;
    hint(&lab).await;
    until("it was looked", async || row(&lab).await.hinted_at.is_none()).await;
    lab.close().await;
}

/// Only Apple makes us look: it knows the address and the secret, and speaks of the right location.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_is_not_apple_makes_nobody_look() {
    let lab = begun(notified(Database::Sqlite)).await;
    let location = lab.app.location_view().await.unwrap().expect("a token is linked").row;
    let secret = lab.app.store.channel_secret(location.id).await.unwrap();
    let secret = secret.expose_secret();
    let base = lab.app.config.public_url.clone();
    let url = address(&base, &row(&lab).await.path);
    let counted =
        |uid: &str| json!({"notificationId": "x", "notificationType": "ASSET_COUNT", "uId": uid, "notification": {}});
    let post = async |url: &str, secret: &str, body: String| {
        let http = reqwest::Client::builder().no_proxy().build().unwrap();
        http.post(url)
            .bearer_auth(secret)
            .body(body)
            .send()
            .await
            .unwrap()
            .status()
    };
    let right = counted(&location.uid).to_string();
    let hints = async || row(&lab).await.notified_at;
    let before = hints().await;

    assert_eq!(
        post(&address(&base, "0"), secret, right.clone()).await,
        StatusCode::NOT_FOUND
    );
    assert_eq!(post(&url, "", right.clone()).await, StatusCode::FORBIDDEN);
    assert_eq!(post(&url, &secret[1..], right.clone()).await, StatusCode::FORBIDDEN);
    assert_eq!(post(&url, secret, "{".to_owned()).await, StatusCode::BAD_REQUEST);
    assert_eq!(
        post(&url, secret, counted("another").to_string()).await,
        StatusCode::BAD_REQUEST
    );
    let long = "x".repeat(2 * 1024 * 1024);
    assert_eq!(post(&url, secret, long).await, StatusCode::PAYLOAD_TOO_LARGE);
    let test = json!({"notificationId": "x", "notificationType": "TEST_NOTIFICATION", "uId": location.uid, "notification": {}});
    assert_eq!(post(&url, secret, test.to_string()).await, StatusCode::OK);
    assert_eq!(hints().await, before, "none of them");

    // What is not known yet may be anything: it is looked.
    let unknown =
        json!({"notificationId": 7, "notificationType": "SOMETHING_NEW", "notification": {"users": "?"}, "more": []});
    assert_eq!(post(&url, secret, unknown.to_string()).await, StatusCode::OK);
    assert!(hints().await > before);
    lab.close().await;
}
