//! Signing in, and what is done about whoever tries to with what is not theirs.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
    time::Duration,
};

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use server::{
    Clock, Config,
    app::{AppError, Base, Caller, Role, accounts::AccountChange, people::NewPerson},
    gate::Gates,
    serve,
};

use store::testing::Fresh;

use crate::server::TestServer;

const LOGIN: &str = "hong";
const PASSWORD: &str = "a teapot of blue tin";

async fn server() -> TestServer {
    server_at(Clock::System).await
}

async fn server_at(clock: Clock) -> TestServer {
    let server = TestServer::start_at(clock, |config| {
        config.trusted_proxies = vec!["127.0.0.1/32".parse().unwrap()];
        config.mdm.push_topic = Some("com.apple.mgmt.External.test".to_owned());
    })
    .await;
    add(&server, LOGIN, Role::Full).await;
    server
}

async fn add(server: &TestServer, login: &str, role: Role) {
    let password = SecretString::from(PASSWORD);
    let app = &server.running.app;
    app.account_add(&Caller::System, login, login, &password, role)
        .await
        .unwrap();
}

/// Status, and the cookies that were set.
async fn sign_in(
    server: &TestServer,
    source: &str,
    login: &str,
    password: &str,
    cookies: &str,
) -> (StatusCode, String) {
    let answer = server
        .request(Method::POST, "/sign-in")
        .header("x-forwarded-for", source)
        .header("cookie", cookies)
        .form(&[("login", login), ("password", password)])
        .send()
        .await
        .unwrap();
    let cookies: Vec<&str> = answer
        .headers()
        .get_all("set-cookie")
        .iter()
        .map(|cookie| cookie.to_str().unwrap().split(';').next().unwrap())
        .collect();
    (answer.status(), cookies.join("; "))
}

/// 400 at once took more memory than a small container has.
#[tokio::test(flavor = "multi_thread")]
async fn four_hundred_sign_ins_at_once_make_four_hashes_at_once_and_the_rest_is_told_when_to_come() {
    let server = Arc::new(server().await);
    let over = Arc::new(AtomicBool::new(false));
    let health = tokio::spawn({
        let (server, over) = (Arc::clone(&server), Arc::clone(&over));
        async move {
            let mut answers = 0;
            while !over.load(Ordering::SeqCst) {
                let answer = server.request(Method::GET, "/livez").send().await.unwrap();
                assert_eq!(answer.status(), StatusCode::OK);
                answers += 1;
            }
            answers
        }
    });
    let mut crowd = tokio::task::JoinSet::new();
    for number in 0..400u32 {
        let server = Arc::clone(&server);
        crowd.spawn(async move {
            let source = format!("198.51.{}.{}", number / 200, number % 200);
            let answer = server
                .request(Method::POST, "/sign-in")
                .header("x-forwarded-for", source)
                .form(&[("login", LOGIN), ("password", "not the right password")])
                .send()
                .await
                .unwrap();
            let told = answer.headers().contains_key("retry-after");
            (answer.status(), told)
        });
    }
    let answers = crowd.join_all().await;
    over.store(true, Ordering::SeqCst);

    assert!(health.await.unwrap() > 0);
    let app = &server.running.app;
    let most = app.gates.passwords.most_at_once();
    assert!((1..=Gates::MOST_HASHES).contains(&most), "{most}");
    for (status, told) in answers {
        match status {
            StatusCode::FORBIDDEN => {}
            StatusCode::SERVICE_UNAVAILABLE => assert!(told),
            status => panic!("{status}"),
        }
    }
    let (status, _) = sign_in(&server, "203.0.113.7", LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
}

/// An administrator sets another password, which ends the sessions, while the owner's change is computed.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_not_changed_from_a_session_that_has_ended() {
    let server = server().await;
    let app = &server.running.app;
    sign_in(&server, "203.0.113.7", LOGIN, PASSWORD, "").await;
    let session = app.sessions(None).await.unwrap().remove(0);
    let owner = session.account_id;
    app.sessions_end(&Caller::System, owner, None).await.unwrap();
    let old = SecretString::from(PASSWORD);
    let new = SecretString::from("a kettle of red copper");

    let changed = app.password_change(owner, session.id, &old, &new).await;

    assert!(matches!(changed, Err(AppError::Stale("account"))), "{changed:?}");
    let (status, _) = sign_in(&server, "203.0.113.7", LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    server.stop().await;
}

/// A hundred posts held the server for ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_posts_of_one_enrolment_link_make_one_identity() {
    let server = server().await;
    let app = &server.running.app;
    let new = NewPerson {
        name: "김민지".to_owned(),
        email: None,
        department: None,
        office: None,
    };
    let person = app.person_add(&Caller::System, new).await.unwrap();
    let link = app.enrolment_link(&Caller::System, person).await.unwrap();
    let mut posts = tokio::task::JoinSet::new();
    for _ in 0..100 {
        let request = server.http.post(link.expose_secret());
        posts.spawn(async move { request.send().await.unwrap().status() });
    }
    let answers = posts.join_all().await;

    let given = answers.iter().filter(|status| **status == StatusCode::OK).count();
    assert_eq!(given, 1);
    assert!(
        answers
            .iter()
            .all(|status| [StatusCode::OK, StatusCode::GONE, StatusCode::SERVICE_UNAVAILABLE].contains(status)),
        "{answers:?}"
    );
    let most = app.gates.keys.most_at_once();
    assert_eq!(most, 1, "the others wait for the one that is made");
    server.stop().await;
}

/// 176 of 176 right passwords were refused while somebody guessed.
#[tokio::test(flavor = "multi_thread")]
async fn somebody_who_guesses_does_not_lock_the_right_person_out() {
    // It stands still: on a busy machine a guesser has waited long enough before the next guess is looked at.
    let clock = Clock::Manual(Arc::new(AtomicI64::new(Clock::System.now().ms())));
    let server = server_at(clock).await;
    let (office, elsewhere) = ("203.0.113.7", "198.51.100.9");
    let (status, cookies) = sign_in(&server, office, LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    for (source, last) in [(elsewhere, 20), (office, 20)] {
        let mut status = StatusCode::OK;
        for _ in 0..last {
            status = sign_in(&server, source, LOGIN, "a wrong password", "").await.0;
        }
        assert_eq!(status, StatusCode::TOO_MANY_REQUESTS, "{source}");
    }

    // From another address, and from the guesser's own with a browser that is known.
    let (status, _) = sign_in(&server, "203.0.113.200", LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    let known = cookies
        .split("; ")
        .find(|cookie| cookie.starts_with("browser="))
        .unwrap();
    let (status, renewed) = sign_in(&server, office, LOGIN, PASSWORD, known).await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    assert!(!renewed.contains(known), "a cookie is good for one sign-in");
    // The cookie is the login's own.
    add(&server, "lee", Role::Full).await;
    for _ in 0..6 {
        let _ = sign_in(&server, office, "lee", "a wrong password", &renewed).await;
    }
    let (status, _) = sign_in(&server, office, "lee", PASSWORD, &renewed).await;
    assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);

    // And an administrator can say that it is over.
    let app = &server.running.app;
    let lee = app.account_by_login("Lee").await.unwrap().unwrap();
    app.account_unlock(&Caller::System, lee.id).await.unwrap();
    let (status, _) = sign_in(&server, office, "LEE", PASSWORD, "").await;
    assert_eq!(status, StatusCode::SEE_OTHER);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_full_account_stays_and_what_is_taken_away_ends_the_sessions() {
    let server = server().await;
    let app = &server.running.app;
    let change = |role, enabled| AccountChange {
        role,
        enabled,
        ..AccountChange::default()
    };
    let hong = app.account_by_login(LOGIN).await.unwrap().unwrap();
    for refused in [change(Some(Role::ReadOnly), None), change(None, Some(false))] {
        assert!(
            app.account_change(&Caller::System, hong.id, Base::Latest, refused)
                .await
                .is_err()
        );
    }
    add(&server, "lee", Role::Full).await;
    let (_, cookies) = sign_in(&server, "203.0.113.7", LOGIN, PASSWORD, "").await;
    let page = async || {
        let asked = server.request(Method::GET, "/groups").header("cookie", &cookies);
        asked.send().await.unwrap().status()
    };
    assert_eq!(page().await, StatusCode::OK);
    app.account_change(&Caller::System, hong.id, Base::Latest, change(None, Some(false)))
        .await
        .unwrap();
    assert_eq!(page().await, StatusCode::SEE_OTHER);
    let (status, _) = sign_in(&server, "203.0.113.8", LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // Two at once cannot take away the last two.
    app.account_change(&Caller::System, hong.id, Base::Latest, change(None, Some(true)))
        .await
        .unwrap();
    let lee = app.account_by_login("lee").await.unwrap().unwrap();
    let (one, other) = tokio::join!(
        app.account_change(&Caller::System, hong.id, Base::Latest, change(None, Some(false))),
        app.account_change(&Caller::System, lee.id, Base::Latest, change(None, Some(false))),
    );
    assert!(one.is_ok() != other.is_ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_ends_with_its_overlap_and_a_revoked_one_at_once() {
    let server = server().await;
    let app = &server.running.app;
    let (id, first) = app
        .api_key_create(&Caller::System, "hr", Role::ReadOnly, None)
        .await
        .unwrap();
    let good = async |key: &SecretString| app.api_key(key.expose_secret()).await.unwrap().is_some();
    let day = Duration::from_secs(24 * 3600);
    let second = app
        .api_key_rotate(&Caller::System, id, Base::Latest, day)
        .await
        .unwrap();
    assert!(good(&first).await && good(&second).await);
    let third = app
        .api_key_rotate(&Caller::System, id, Base::Latest, Duration::ZERO)
        .await
        .unwrap();
    assert!(!good(&first).await && !good(&second).await && good(&third).await);
    app.api_key_revoke(&Caller::System, id, Base::Latest).await.unwrap();
    assert!(!good(&third).await);
    server.stop().await;
}

/// Against a clock that is moved by hand.
async fn a_key_ends_when_it_was_said_to(fresh: &Fresh) {
    let day = Duration::from_secs(24 * 3600);
    let ms = Arc::new(AtomicI64::new(1_795_410_300_000));
    let folder = tempfile::tempdir().unwrap();
    let (listen, key_file) = ("127.0.0.1:0".parse().unwrap(), folder.path().join("key"));
    let config = Config::local(listen, fresh.url(), key_file, "http://127.0.0.1");
    let app = serve::open(config, Clock::Manual(ms.clone())).await.unwrap();
    let good = async |key: &SecretString| app.api_key(key.expose_secret()).await.unwrap().is_some();
    let after = |days: i64| ms.fetch_add(days * 24 * 3600 * 1000, Ordering::SeqCst);
    let caller = &Caller::System;

    for wrong in [Duration::ZERO, 4000 * day] {
        let made = app.api_key_create(caller, "hr", Role::ReadOnly, Some(wrong)).await;
        assert!(made.is_err(), "{wrong:?}");
    }
    let (id, first) = app
        .api_key_create(caller, "hr", Role::ReadOnly, Some(30 * day))
        .await
        .unwrap();
    after(29);
    assert!(good(&first).await);
    // An overlap does not keep the old one longer than it would have been good.
    let second = app.api_key_rotate(caller, id, Base::Latest, 5 * day).await.unwrap();
    after(1);
    assert!(!good(&first).await && good(&second).await);
    after(28);
    assert!(good(&second).await, "the new one lasts as long as the first did");
    after(1);
    assert!(!good(&second).await);
    // What has ended can be replaced, and does not come back.
    let third = app.api_key_rotate(caller, id, Base::Latest, day).await.unwrap();
    assert!(good(&third).await && !good(&second).await);
    app.store.close().await;
}

mod a_key_ends_when_it_was_said_to_and_a_new_one_lasts_as_long {
    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn on_sqlite() {
        a_key_ends_when_it_was_said_to(&Fresh::sqlite()).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    #[ignore = "needs PostgreSQL"]
    async fn on_postgres() {
        let fresh = Fresh::postgres().await;
        a_key_ends_when_it_was_said_to(&fresh).await;
        fresh.close().await;
    }
}
