//! What people and programs are told while Apple, its token or its counts are not as they should be.

use std::time::Duration;

use domain::OperationId;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use server::Clock;
use sim::apple::{
    App, Apple, Fault, Holder, TokenKind, TokenState, Trouble,
    sample::{self, adam_id},
};
use store::{OperationKind, OperationRow};

use crate::{
    api_with_apple::{linked, start, start_among, start_with, upload},
    server::{Browser, TestServer, answer, kind, multipart, until},
};

async fn token(server: &TestServer) -> Value {
    server.get("/api/v1/vppTokens").await.1["value"][0].clone()
}

async fn page(server: &TestServer, browser: &Browser, path: &str, lang: &str) -> String {
    let request = browser.request(server, Method::GET, path, lang);
    request.send().await.expect("an answer").text().await.expect("text")
}

/// Apple turns everything down, or does not listen at all.
fn away(apple: &Apple, away: bool) {
    apple.switch(|switches| {
        switches.unavailable = if away { 1.0 } else { 0.0 };
        switches.unavailable_retry_after_s = None;
    });
}

/// Looks are hours apart here: back within a minute is back by itself.
#[tokio::test(flavor = "multi_thread")]
async fn while_apple_is_silent_it_is_said_since_when_and_it_is_noticed_at_once_when_it_is_back() {
    let (server, apple) = start_with(|config| config.apple.poll_every = Duration::from_secs(3600)).await;
    linked(&server, &apple).await;
    let browser = Browser::sign_in(&server).await;
    assert_eq!(token(&server).await["appleSilentSinceDateTime"], Value::Null);

    away(&apple, true);
    let path = format!("/api/v1/vppTokens/{}", token(&server).await["id"].as_str().unwrap());
    let sync = server.request(Method::POST, &format!("{path}/syncLicenses"));
    assert_eq!(answer(sync.bearer_auth(&server.key)).await.0, StatusCode::ACCEPTED);
    let since = until("it is told", async || {
        let since = token(&server).await["appleSilentSinceDateTime"].clone();
        since.is_string().then_some(since)
    })
    .await;
    let at: jiff::Timestamp = since.as_str().unwrap().parse().unwrap();
    let clock = at
        .to_zoned(server.running.app.config.zone().clone())
        .strftime("%H:%M")
        .to_string();
    for (lang, says) in [
        ("ko", format!("{clock}부터 Apple이 응답하지 않습니다.")),
        ("en", format!("Apple has not answered since {clock}.")),
    ] {
        let page = page(&server, &browser, "/dashboard", lang).await;
        assert!(page.replace("&#32;", " ").contains(&says), "{lang}: {page}");
    }
    // It is asked again and again, and stays silent since the first time.
    let asked = apple.ledger().traffic.requests["users"] + apple.ledger().traffic.requests["client/config"];
    until("it is asked again", async || {
        let requests = apple.ledger().traffic.requests;
        (requests["users"] + requests["client/config"] > asked + 2).then_some(json!(true))
    })
    .await;
    assert_eq!(token(&server).await["appleSilentSinceDateTime"], since);

    away(&apple, false);
    until("it is over", async || {
        token(&server).await["appleSilentSinceDateTime"]
            .is_null()
            .then_some(json!(true))
    })
    .await;
    assert!(
        !page(&server, &browser, "/dashboard", "en")
            .await
            .contains("has not answered")
    );

    server.stop().await;
    apple.shutdown().await;
}

/// Apple said to come again in an hour. Whoever asks by hand knows better, or hears from Apple itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_by_hand_ends_every_pause_at_once() {
    let (server, apple) = start().await;
    let token = linked(&server, &apple).await;
    apple.switch(|switches| {
        let refused = |call: &str| Fault {
            call: call.to_owned(),
            is: Trouble::Refused {
                number: 9729,
                retry_after_s: Some(3600),
            },
            times: 1,
        };
        switches.faults = vec![refused("GET users")];
    });
    until("Apple has asked to be left alone", async || {
        apple.switches().faults.is_empty().then_some(json!(true))
    })
    .await;
    until("it is known", async || {
        let silent = self::token(&server).await["appleSilentSinceDateTime"].is_string();
        silent.then_some(json!(true))
    })
    .await;
    let begun = std::time::Instant::now();
    let path = format!("/api/v1/vppTokens/{}", token["id"].as_str().unwrap());
    let sync = server.request(Method::POST, &format!("{path}/syncLicenses"));
    let response = sync.bearer_auth(&server.key).send().await.unwrap();
    assert_eq!(response.status(), StatusCode::ACCEPTED);
    let follow = response.headers()["location"].to_str().unwrap().to_owned();
    until("the sync is over", async || {
        let (_, sync) = server.get(&follow).await;
        assert_ne!(sync["status"], "failed", "{sync}");
        (sync["status"] == "completed").then_some(sync)
    })
    .await;
    // The pace keeps a pause of a minute, the location one of an hour.
    assert!(begun.elapsed() < Duration::from_secs(50), "{:?}", begun.elapsed());
    server.stop().await;
    apple.shutdown().await;
}

/// A token that Apple does not take any more: a sync is refused with the reason, by API and page, in both languages.
#[tokio::test(flavor = "multi_thread")]
async fn a_sync_that_cannot_run_is_refused_with_its_reason() {
    let (server, apple) = start().await;
    let token = linked(&server, &apple).await;
    let browser = Browser::sign_in(&server).await;
    apple.set_token_state(TokenKind::Valid, TokenState::Revoked);
    until("it is believed", async || {
        let token = self::token(&server).await;
        (token["state"] == "revoked").then_some(token)
    })
    .await;
    let path = format!("/api/v1/vppTokens/{}/syncLicenses", token["id"].as_str().unwrap());
    let (status, body) = answer(server.request(Method::POST, &path).bearer_auth(&server.key)).await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::CONFLICT, "token-refused-not-usable")
    );
    assert_eq!(body["state"], "revoked", "{body}");
    let (_, syncs) = server
        .get(&format!("/api/v1/vppTokens/{}/syncs", token["id"].as_str().unwrap()))
        .await;
    assert!(
        syncs["value"]
            .as_array()
            .unwrap()
            .iter()
            .all(|sync| sync["cause"] != "person"),
        "nothing was accepted: {syncs}"
    );
    for (lang, says) in [
        ("ko", "Apple이 토큰을 받아들이지 않습니다."),
        ("en", "Apple does not accept the token."),
    ] {
        let page = page(&server, &browser, "/dashboard", lang).await;
        assert!(page.contains(says), "{lang}: {page}");
    }
    server.stop().await;
    apple.shutdown().await;
}

/// Who may only look is told so where the token is, and its state has a name.
#[tokio::test(flavor = "multi_thread")]
async fn rights_that_were_lost_are_named_in_state_and_dashboard() {
    let (server, apple) = start().await;
    let (status, body) = upload(&server, &apple.token_file(TokenKind::ReadOnly), "true").await;
    assert_eq!(
        (status, kind(&body)),
        (StatusCode::UNPROCESSABLE_ENTITY, "token-refused-not-allowed"),
        "{body}"
    );
    linked(&server, &apple).await;
    let browser = Browser::sign_in(&server).await;
    let app = &server.running.app;
    let refused = Fault {
        call: "POST assets/associate".to_owned(),
        is: Trouble::Refused {
            number: 9637,
            retry_after_s: None,
        },
        times: u32::MAX,
    };
    apple.switch(|switches| switches.faults = vec![refused]);
    // As the loop would write it down when Apple turns a licence down for want of rights.
    let location = app.location_view().await.unwrap().unwrap().row;
    let mut tx = app.store.begin().await.unwrap();
    let state = domain::TokenState::ReadOnly;
    tx.location_state(location.id, &location.token_sha256, state, (None, None))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    assert_eq!(token(&server).await["state"], "readOnly");
    for (lang, says) in [
        ("ko", "토큰의 계정은 읽기만 가능하여 라이선스를 할당할 수 없습니다."),
        ("en", "account can view licences but not assign them."),
    ] {
        let page = page(&server, &browser, "/dashboard", lang).await;
        assert!(page.contains(says), "{lang}: {page}");
    }
    apple.switch(|switches| switches.faults.clear());
    until("it may write again", async || {
        let token = self::token(&server).await;
        (token["state"] == "valid").then_some(token)
    })
    .await;
    server.stop().await;
    apple.shutdown().await;
}

/// Whatever came after the latest 20, or 50, was missing from the sum, without a word.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_count_all_that_is_under_way_however_much_it_is() {
    let (server, apple) = start().await;
    linked(&server, &apple).await;
    let app = &server.running.app;
    let location = app.location_view().await.unwrap().unwrap().row;
    let now = app.now();
    let mut tx = app.store.begin().await.unwrap();
    for _ in 0..120 {
        let id = OperationId(uuid::Uuid::now_v7());
        let mut waits = OperationRow::queued(id, location.id, OperationKind::Associate, 3, now);
        waits.not_before = Some(now + Duration::from_secs(3600));
        tx.operation_insert(&waits).await.unwrap();
    }
    tx.commit().await.unwrap();

    let browser = Browser::sign_in(&server).await;
    for path in ["/dashboard", "/activity"] {
        let page = page(&server, &browser, path, "ko").await;
        assert!(page.contains("라이선스 360개 할당"), "{path}: {page}");
    }
    server.stop().await;
    apple.shutdown().await;
}

/// Apple takes refunded licences back while they are in use: the number that is missing is shown, not a negative one.
#[tokio::test(flavor = "multi_thread")]
async fn a_refund_is_a_shortage_with_its_number() {
    let (server, apple) = start().await;
    for holder in ["one", "two", "three"] {
        assert!(apple.foreign_assign(&adam_id(1), &Holder::User(holder.to_owned())));
    }
    linked(&server, &apple).await;
    let browser = Browser::sign_in(&server).await;
    assert!(apple.refund(&adam_id(1), 18));
    let app = until("the refund is seen", async || {
        let (_, apps) = server.get("/api/v1/apps?limit=1000").await;
        let apps = apps["value"].as_array().unwrap().clone();
        let app = apps.into_iter().find(|app| app["adamId"] == adam_id(1).as_str())?;
        (app["licenses"]["owned"] == 2).then_some(app)
    })
    .await;
    let licenses = &app["licenses"];
    assert_eq!(
        (&licenses["foreign"], &licenses["free"], &licenses["short"]),
        (&json!(3), &json!(0), &json!(1)),
        "{licenses}"
    );
    let path = format!("/apps/{}", app["id"].as_str().unwrap());
    for (lang, dashboard, own) in [
        (
            "ko",
            "라이선스가 보유 수량보다 1개 더 사용 중입니다.",
            "보유 수량보다 1개 더 사용 중",
        ),
        (
            "en",
            "1 more licences are in use than are owned.",
            "1 more in use than owned",
        ),
    ] {
        let overview = page(&server, &browser, "/dashboard", lang).await;
        assert!(overview.contains(dashboard), "{lang}: {overview}");
        let page = page(&server, &browser, &path, lang).await;
        assert!(page.contains(own), "{lang}: {page}");
    }
    server.stop().await;
    apple.shutdown().await;
}

/// The browser is closed while Apple is asked: the link is made all the same, and nobody is locked out of the account.
#[tokio::test(flavor = "multi_thread")]
async fn an_upload_whose_client_went_away_runs_to_its_end() {
    let (server, apple) = start().await;
    let late = Fault {
        call: "POST client/config".to_owned(),
        is: Trouble::Late { ms: 700 },
        times: 1,
    };
    apple.switch(|switches| switches.faults = vec![late]);
    let (content_type, body) = multipart(&[
        ("displayName", "본사 토큰"),
        ("appleId", "vpp@example.com"),
        ("accountCannotBeChangedConfirmed", "true"),
        ("file", &apple.token_file(TokenKind::Valid)),
    ]);
    let request = server
        .request(Method::POST, "/api/v1/vppTokens")
        .bearer_auth(&server.key)
        .header("content-type", content_type)
        .body(body);
    let client = tokio::spawn(request.send());
    until("it is claimed at Apple", async || {
        apple.switches().faults.is_empty().then_some(json!(true))
    })
    .await;
    client.abort();
    assert!(client.await.is_err(), "nobody listens any more");
    assert_eq!(server.get("/api/v1/vppTokens").await.1["value"], json!([]));
    until("it is linked", async || {
        let token = token(&server).await;
        (token["state"] == "valid").then_some(token)
    })
    .await;
    let ours = server.running.app.location_view().await.unwrap().unwrap().row.mdm_id;
    assert_eq!(
        apple.ledger().main().mdm_info.as_ref().map(|info| info.id.as_str()),
        Some(ours.as_str())
    );
    server.stop().await;
    apple.shutdown().await;
}

/// Books and whatever else Apple sells are listed with their counts, and are nothing to deploy.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_app_is_listed_and_counted_and_cannot_be_deployed() {
    let mut organisations = sample::organisations();
    let strange = App {
        product_type: "Hologram".to_owned(),
        ..App::book("880002", 4)
    };
    organisations[0].assets.extend([App::book("880001", 9), strange]);
    let (server, apple) = start_among(organisations, Clock::System, |_| {}).await;
    assert!(apple.foreign_assign("880001", &Holder::User("old-server-reader".to_owned())));
    linked(&server, &apple).await;
    let browser = Browser::sign_in(&server).await;
    let (_, apps) = server.get("/api/v1/apps?limit=1000").await;
    let listed = |adam_id: &str| {
        let apps = apps["value"].as_array().unwrap();
        apps.iter()
            .find(|app| app["adamId"] == adam_id)
            .unwrap_or_else(|| panic!("no {adam_id}"))
            .clone()
    };
    assert_eq!(listed("880002")["productType"], "Hologram");
    let book = listed("880001");
    assert_eq!(book["productType"], "Book");
    let licenses = &book["licenses"];
    assert_eq!(
        (&licenses["owned"], &licenses["foreign"], &licenses["free"]),
        (&json!(9), &json!(1), &json!(8)),
        "{licenses}"
    );

    let path = format!("/apps/{}", book["id"].as_str().unwrap());
    for (lang, says) in [("ko", "책"), ("en", "Book")] {
        assert!(page(&server, &browser, "/apps", lang).await.contains(says), "{lang}");
        let page = page(&server, &browser, &path, lang).await;
        assert!(
            page.contains(says) && !page.contains(&format!("{path}/deployment\"")),
            "{lang}: {page}"
        );
    }
    let (_, group) = server
        .send(
            Method::POST,
            "/api/v1/groups",
            &json!({ "displayName": "독서 모임", "kind": "user" }),
        )
        .await;
    let wanted = json!({ "value": [{ "groupId": group["id"], "intent": "required" }] });
    let deployments = format!("/api/v1{path}/deployments");
    let (status, body) = server.send(Method::PUT, &deployments, &wanted).await;
    assert!(status.is_client_error(), "{status}");
    assert_eq!(body["errors"][0]["problem"], "notAnApp", "{body}");
    server.stop().await;
    apple.shutdown().await;
}
