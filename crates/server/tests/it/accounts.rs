//! Signing in, and what is done about whoever tries to with what is not theirs.

use std::sync::{
    Arc,
    atomic::{AtomicBool, Ordering},
};

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use server::{
    app::{Caller, Role, accounts::AccountChange, people::NewPerson},
    gate::Gates,
};

use crate::server::TestServer;

const LOGIN: &str = "hong";
const PASSWORD: &str = "a teapot of blue tin";

async fn server() -> TestServer {
    let server = TestServer::start_with(|config| {
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

/// A hundred posts held the server for ten seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_posts_of_one_enrolment_link_make_one_identity() {
    let server = server().await;
    let app = &server.running.app;
    let new = NewPerson {
        name: "김민지".to_owned(),
        email: None,
        department: None,
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
    let server = server().await;
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
        assert!(app.account_change(&Caller::System, hong.id, refused).await.is_err());
    }
    add(&server, "lee", Role::Full).await;
    let (_, cookies) = sign_in(&server, "203.0.113.7", LOGIN, PASSWORD, "").await;
    let page = async || {
        let asked = server.request(Method::GET, "/groups").header("cookie", &cookies);
        asked.send().await.unwrap().status()
    };
    assert_eq!(page().await, StatusCode::OK);
    app.account_change(&Caller::System, hong.id, change(None, Some(false)))
        .await
        .unwrap();
    assert_eq!(page().await, StatusCode::SEE_OTHER);
    let (status, _) = sign_in(&server, "203.0.113.8", LOGIN, PASSWORD, "").await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    // Two at once cannot take away the last two.
    app.account_change(&Caller::System, hong.id, change(None, Some(true)))
        .await
        .unwrap();
    let lee = app.account_by_login("lee").await.unwrap().unwrap();
    let (one, other) = tokio::join!(
        app.account_change(&Caller::System, hong.id, change(None, Some(false))),
        app.account_change(&Caller::System, lee.id, change(None, Some(false))),
    );
    assert!(one.is_ok() != other.is_ok());
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_was_replaced_ends_with_its_overlap_and_a_revoked_one_at_once() {
    let server = server().await;
    let app = &server.running.app;
    let (id, first) = app.api_key_create(&Caller::System, "hr", Role::ReadOnly).await.unwrap();
    let good = async |key: &SecretString| app.api_key(key.expose_secret()).await.unwrap().is_some();
    let day = std::time::Duration::from_secs(24 * 3600);
    let second = app.api_key_rotate(&Caller::System, id, day).await.unwrap();
    assert!(good(&first).await && good(&second).await);
    let third = app
        .api_key_rotate(&Caller::System, id, std::time::Duration::ZERO)
        .await
        .unwrap();
    assert!(!good(&first).await && !good(&second).await && good(&third).await);
    app.api_key_revoke(&Caller::System, id).await.unwrap();
    assert!(!good(&third).await);
    server.stop().await;
}
