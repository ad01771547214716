//! What time does, with a clock that the test moves: nothing here waits for an hour, and nothing sleeps until it is over.

use std::{sync::Arc, time::Duration};

use domain::Time;
use reqwest::{Method, StatusCode};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use server::{
    Clock, Config,
    app::{Base, Caller, api_keys::KEY_OVERLAP, people::NewPerson, tokens::TokenUpload},
    clock::ByHand,
    tasks::{Stepped, retention},
};
use sim::apple::{Fault, TokenKind, Trouble};
use store::{EventFilter, SyncCause};

use crate::{
    api_with_apple::{linked, start_at, upload},
    server::{Browser, TestServer, until},
};

const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

async fn server() -> (TestServer, Arc<ByHand>) {
    let (clock, hand) = Clock::moved();
    let server = TestServer::start_at(clock, |config| {
        config.mdm.push_topic = Some("com.apple.mgmt.External.test".to_owned());
        config.reconcile_every = Duration::from_millis(50);
    })
    .await;
    (server, hand)
}

/// How often everything was read, and why.
async fn reads(server: &TestServer) -> Vec<SyncCause> {
    let syncs = server.running.app.syncs(20).await.unwrap();
    let done = syncs.into_iter().filter(|sync| sync.finished_at.is_some());
    done.map(|sync| sync.cause).collect()
}

/// A7: at two and at fourteen o'clock.
#[tokio::test(flavor = "multi_thread")]
async fn everything_is_read_twice_a_day_and_not_more_often() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    linked(&server, &apple).await;
    assert_eq!(reads(&server).await, [SyncCause::Token]);

    // Six half days, in steps that pass by every hour: nothing else is read for.
    for half_day in 1..=3 {
        for _ in 0..12 {
            hand.passes(HOUR);
            server.running.app.reading_bell.notify_one();
        }
        until("everything was read again", async || {
            (reads(&server).await.len() > half_day).then_some(Value::Null)
        })
        .await;
    }
    let scheduled = reads(&server).await;
    assert_eq!(
        scheduled,
        [
            SyncCause::Schedule,
            SyncCause::Schedule,
            SyncCause::Schedule,
            SyncCause::Token
        ]
    );

    // A machine that slept for a week reads once.
    hand.passes(7 * DAY);
    until("everything was read again", async || {
        (reads(&server).await.len() > 4).then_some(Value::Null)
    })
    .await;
    // Changes are looked for, and nothing more is read for that.
    let asked = || apple.ledger().traffic.requests.values().sum::<u64>();
    let before = asked();
    until("Apple was asked again", async || {
        (asked() > before + 5).then_some(Value::Null)
    })
    .await;
    assert_eq!(reads(&server).await.len(), 5);
    server.stop().await;
    apple.shutdown().await;
}

/// With the pauses that everybody has who sets nothing. Ten minutes each they once were, and whoever had sat an outage out
/// sat there for ten minutes more.
#[tokio::test(flavor = "multi_thread")]
async fn after_hours_of_silence_the_location_is_back_within_a_minute() {
    const HALF_A_MINUTE: Duration = Duration::from_secs(30);
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |config| {
        let usual = Config::local(config.listen, "", "", "").apple;
        config.apple.poll_every = usual.poll_every;
        config.apple.event_poll_every = usual.event_poll_every;
    })
    .await;
    linked(&server, &apple).await;
    let silent = async || {
        let view = server.running.app.location_view().await.unwrap().unwrap();
        view.row.unanswered_since.is_some()
    };
    let app = &server.running.app;
    // So long passes, and it is asked again, and left alone once more.
    let asked_again_after = async |time| {
        let asked = || {
            apple
                .switches()
                .faults
                .iter()
                .map(|fault| u32::MAX - fault.times)
                .sum::<u32>()
        };
        let before = asked();
        hand.passes(time);
        until("it is asked again", async || {
            (asked() > before && app.polled.paused(app.now())).then_some(Value::Null)
        })
        .await;
    };

    // Cut off, which nothing waits for: the waiting is all between the looks.
    let calls = [
        "GET users",
        "GET assets",
        "GET assignments",
        "GET client/config",
        "GET service/config",
    ];
    let faults = calls.map(|call| Fault {
        call: call.to_owned(),
        is: Trouble::Unheard,
        times: u32::MAX,
    });
    apple.switch(|switches| switches.faults = faults.into());
    asked_again_after(HOUR).await;
    // Every half minute, however long that lasts.
    for _ in 0..12 {
        asked_again_after(HALF_A_MINUTE).await;
    }
    asked_again_after(3 * HOUR).await;
    assert!(silent().await);

    apple.switch(|switches| switches.faults.clear());
    hand.passes(HALF_A_MINUTE);
    until("it is over", async || (!silent().await).then_some(Value::Null)).await;
    server.stop().await;
    apple.shutdown().await;
}

/// A5: a month before, on the day, and after the renewal.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_expires_by_the_calendar_says_so_before_and_a_renewed_one_heals() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    let token = linked(&server, &apple).await;
    let path = format!("/api/v1/vppTokens/{}", token["id"].as_str().unwrap());
    let state = async || server.get(&path).await.1["state"].clone();
    let days_left = async || {
        let view = server.running.app.location_view().await.unwrap().unwrap();
        view.days_left
    };
    assert_eq!(state().await, "valid");

    let left = u32::try_from(days_left().await).unwrap();
    hand.passes((left - 30) * DAY);
    assert_eq!((state().await, days_left().await), (json!("valid"), 30));
    hand.passes(DAY);
    assert_eq!((state().await, days_left().await), (json!("expiringSoon"), 29));
    hand.passes(30 * DAY);
    assert_eq!((state().await, days_left().await), (json!("expired"), -1));
    let sync = server
        .request(Method::POST, &format!("{path}/syncLicenses"))
        .bearer_auth(&server.key);
    let refused = sync.send().await.unwrap().status();
    assert!(
        refused.is_client_error(),
        "a sync that cannot run is not accepted: {refused}"
    );

    let (status, body) = upload(&server, &apple.token_file(TokenKind::Renewal), "true").await;
    assert_eq!(status, StatusCode::OK, "{body}");
    until("the renewed token is used", async || {
        let (_, token) = server.get(&path).await;
        let healthy = token["state"] == "valid" || token["state"] == "expiringSoon";
        (healthy && token["lastSyncStatus"] == "completed").then_some(token)
    })
    .await;
    server.stop().await;
    apple.shutdown().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_after_eight_hours_without_use_and_after_twelve_in_any_case() {
    let (server, hand) = server().await;
    let browser = Browser::sign_in(&server).await;
    let inside = async || {
        let request = browser.request(&server, Method::GET, "/dashboard", "ko");
        request.send().await.unwrap().status() == StatusCode::OK
    };
    let seen = async |at: Time| {
        until("the use is kept", async || {
            let sessions = server.running.app.sessions(None).await.unwrap();
            let used = sessions.iter().any(|session| session.last_seen_at >= at);
            used.then_some(Value::Null)
        })
        .await;
    };
    assert!(inside().await);
    hand.passes(7 * HOUR);
    let now = server.running.app.now();
    assert!(inside().await);
    seen(now).await;
    hand.passes(4 * HOUR);
    assert!(inside().await, "used seven hours after it began, and four hours ago");
    hand.passes(HOUR + Duration::from_secs(60));
    assert!(!inside().await, "twelve hours, however much it is used");
    server.stop().await;

    let (server, hand) = self::server().await;
    let browser = Browser::sign_in(&server).await;
    hand.passes(8 * HOUR + Duration::from_secs(60));
    let request = browser.request(&server, Method::GET, "/dashboard", "ko");
    assert_ne!(request.send().await.unwrap().status(), StatusCode::OK);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_link_waits_for_a_week() {
    let (server, hand) = server().await;
    let app = &server.running.app;
    let person = NewPerson {
        name: "김도윤".to_owned(),
        email: None,
        department: None,
        office: None,
    };
    let person = app.person_add(&Caller::System, person).await.unwrap();
    let link = app.enrolment_link(&Caller::System, person).await.unwrap();
    let path = link.expose_secret().strip_prefix(&server.url).unwrap().to_owned();
    let status = async || server.request(Method::GET, &path).send().await.unwrap().status();

    hand.passes(7 * DAY - HOUR);
    assert_eq!(status().await, StatusCode::OK);
    hand.passes(HOUR);
    assert_eq!(status().await, StatusCode::GONE);
    let fetched = server.request(Method::POST, &path).send().await.unwrap();
    assert!(!fetched.status().is_success(), "no profile: {}", fetched.status());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_api_key_is_good_for_another_day() {
    let (server, hand) = server().await;
    let app = &server.running.app;
    let full = app.api_keys().await.unwrap();
    let id = full.iter().find(|key| key.role == server::app::Role::Full).unwrap().id;
    let new = app
        .api_key_rotate(&Caller::System, id, Base::Latest, KEY_OVERLAP)
        .await
        .unwrap();
    let status = async |key: &str| {
        let request = server.request(Method::GET, "/api/v1/users").bearer_auth(key);
        request.send().await.unwrap().status()
    };
    hand.passes(KEY_OVERLAP - HOUR);
    assert_eq!(status(&server.key).await, StatusCode::OK);
    assert_eq!(status(new.expose_secret()).await, StatusCode::OK);
    hand.passes(HOUR);
    assert_eq!(status(&server.key).await, StatusCode::UNAUTHORIZED);
    assert_eq!(status(new.expose_secret()).await, StatusCode::OK);
    server.stop().await;
}

/// The counts are in memory and forget within the hour, whoever is counted.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_guessed_waits_and_is_forgiven_after_an_hour() {
    let (server, hand) = server().await;
    let guess = async || {
        let form = [("login", "nobody"), ("password", "a guess that is long enough")];
        let request = server.request(Method::POST, "/sign-in").form(&form);
        request.send().await.unwrap().status()
    };
    let mut guesses = 0;
    while guess().await != StatusCode::TOO_MANY_REQUESTS {
        guesses += 1;
        assert!(guesses < 40);
    }
    assert!(guesses >= 5, "{guesses}");
    hand.passes(HOUR);
    assert_ne!(guess().await, StatusCode::TOO_MANY_REQUESTS);
    server.stop().await;
}

/// A clock that is set ahead and back again moves nothing but what is shown: nobody waits for hours.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_by_hours_and_back_keeps_no_sync_waiting() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    let token = linked(&server, &apple).await;
    let path = format!("/api/v1/vppTokens/{}/syncLicenses", token["id"].as_str().unwrap());
    let real = server.running.app.now();
    for hours in [13, -13] {
        hand.is_set_by(hours * 3_600_000);
        until("the clock is followed", async || {
            let now = server.running.app.now();
            let ahead = now.since(real) > 12 * HOUR;
            (ahead == (hours > 0)).then_some(Value::Null)
        })
        .await;
        let before = reads(&server).await.len();
        let asked = server.request(Method::POST, &path).bearer_auth(&server.key);
        assert_eq!(asked.send().await.unwrap().status(), StatusCode::ACCEPTED);
        until("everything was read", async || {
            (reads(&server).await.len() > before).then_some(Value::Null)
        })
        .await;
    }
    let row = server.running.app.location_view().await.unwrap().unwrap().row;
    assert!(row.last_sync_at.unwrap() <= server.running.app.now());
    server.stop().await;
    apple.shutdown().await;
}

/// A list in many pages, or the names of a thousand apps, may take minutes. The clock was followed after that only, and
/// everything else waited behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_set_while_lists_and_names_are_read_is_followed_at_once() {
    let slow_ms = 25_000;
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    let app = &server.running.app;
    linked(&server, &apple).await;
    let followed = async |hours: i64| {
        let before = app.now();
        let begun = tokio::time::Instant::now();
        hand.is_set_by(hours * 3_600_000);
        until("the clock is followed", async || {
            let by = app.now().ms() - before.ms();
            (by.abs() > 12 * 3_600_000).then_some(Value::Null)
        })
        .await;
        let took = begun.elapsed();
        assert!(took < Duration::from_millis(slow_ms / 2), "{took:?}");
    };

    let lookups = || apple.ledger().traffic.lookups;
    apple.switch(|switches| switches.metadata_delay_ms = slow_ms);
    let before = lookups();
    hand.passes(2 * DAY);
    app.describing_bell.notify_one();
    until("a name is looked up", async || {
        (lookups() > before).then_some(Value::Null)
    })
    .await;
    let before = lookups();
    followed(13).await;
    until("it is looked up anew", async || {
        (lookups() > before).then_some(Value::Null)
    })
    .await;

    let asked = || apple.ledger().traffic.requests.values().sum::<u64>();
    apple.switch(|switches| switches.answer_delay_ms = slow_ms);
    let before = asked();
    until("a list is read", async || (asked() > before).then_some(Value::Null)).await;
    let before = asked();
    followed(-13).await;
    until("it is read anew", async || (asked() > before).then_some(Value::Null)).await;
    server.stop().await;
    apple.shutdown().await;
}

/// What is past goes when it is old enough, and not before: a day, half a year, three months, five years.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_past_goes_when_it_is_as_old_as_the_guide_says() {
    let (clock, hand) = Clock::moved();
    let (server, apple) = start_at(clock, |_| {}).await;
    let app = &server.running.app;
    linked(&server, &apple).await;
    let _browser = Browser::sign_in(&server).await;
    let person = NewPerson {
        name: "김도윤".to_owned(),
        email: None,
        department: None,
        office: None,
    };
    let person = app.person_add(&Caller::System, person).await.unwrap();
    app.enrolment_link(&Caller::System, person).await.unwrap();
    let upload = TokenUpload {
        file: apple.token_file(TokenKind::Renewal).into_bytes(),
        display_name: "본사 토큰".to_owned(),
        apple_id: "vpp@example.com".to_owned(),
    };
    let upload = app.token_read(&Caller::System, upload).await.unwrap();
    let trim = async || while retention::step(app).await.unwrap() == Stepped::Worked {};
    let uploaded = async || app.store.upload(upload).await.unwrap().is_some();
    let history = async || {
        let all = EventFilter {
            limit: 1000,
            ..EventFilter::default()
        };
        app.store.events(&all).await.unwrap().len()
    };
    let syncs = async || app.syncs(1000).await.unwrap();
    let first = syncs().await[0].id;

    hand.passes(23 * HOUR);
    trim().await;
    assert!(uploaded().await);
    hand.passes(HOUR);
    trim().await;
    assert!(!uploaded().await, "a secret that nobody confirmed waits for a day");
    assert_eq!(app.sessions(None).await.unwrap().len(), 0);

    // One more day than work is kept.
    let before = history().await;
    hand.passes(91 * DAY);
    let passed = app.now();
    app.sync_now(&Caller::System).await.unwrap();
    // Whoever asked: the schedule may be as quick, and there is one at a time.
    until("everything was read", async || {
        let latest = &app.syncs(1).await.unwrap()[0];
        (latest.finished_at >= Some(passed)).then_some(Value::Null)
    })
    .await;
    trim().await;
    let left = syncs().await;
    assert!(!left.is_empty() && left.iter().all(|sync| sync.id != first));
    assert!(history().await >= before, "history is kept for five years");

    hand.passes(5 * 365 * DAY);
    app.person_add(
        &Caller::System,
        NewPerson {
            name: "이서준".to_owned(),
            email: None,
            department: None,
            office: None,
        },
    )
    .await
    .unwrap();
    trim().await;
    let left = history().await;
    assert!((1..before).contains(&left), "{left} of {before}");
    server.stop().await;
    apple.shutdown().await;
}
