//! The client in front of a service that answers well, badly, or not at all.

#![expect(
    clippy::disallowed_methods,
    reason = "tests ask the machine how long something took, and for names that are new"
)]

mod answers;
mod icons;
mod patience;

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use apple::{
    AppleError,
    licensing::{AssignmentsQuery, Expected, Licensing, UsersQuery},
    pace::Pace,
    push::{Apns, PushError},
    wire::{Asset, ManageAssets},
};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{Path, Query, Request},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
    routing::{any, get, post},
};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::{io::AsyncReadExt, net::TcpListener};

const TOKEN: &str = "eyJ0b2tlbiI6InNlY3JldCJ9";

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await });
    url
}

fn client(url: &str) -> Licensing {
    let expected = Expected {
        uid: Some("7001".into()),
        mdm_id: Some("ours".into()),
    };
    Licensing::new(
        apple::http_client(),
        url,
        SecretString::from(TOKEN),
        expected,
        Pace::default(),
    )
}

/// A service that gives the same answer to everything.
async fn always(status: u16, headers: &'static [(&'static str, &'static str)], body: Value) -> Licensing {
    let answer = move || async move {
        let mut response = (StatusCode::from_u16(status).unwrap(), Json(body)).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        response
    };
    client(&serve(Router::new().fallback(answer)).await)
}

async fn error(status: u16, body: Value) -> AppleError {
    always(status, &[], body).await.status("e").await.expect_err("an error")
}

#[tokio::test]
async fn the_bearer_is_the_whole_text_of_the_token() {
    let router = Router::new().fallback(|headers: HeaderMap| async move {
        let bearer = headers["authorization"].to_str().unwrap().to_owned();
        Json(json!({ "uId": "7001", "eventStatus": bearer }))
    });
    let status = client(&serve(router).await).status("e").await.unwrap();
    assert_eq!(status.event_status.as_deref(), Some(format!("Bearer {TOKEN}").as_str()));
}

/// Every answer says whose it is, and every answer is looked at.
#[tokio::test]
async fn an_answer_for_another_account_or_from_a_taken_location_is_never_used() {
    let other = json!({ "uId": "7002" });
    assert!(matches!(error(200, other.clone()).await, AppleError::OtherAccount { got, .. } if got == "7002"));
    let licensing = always(200, &[], other).await;
    assert!(matches!(licensing.assets().await, Err(AppleError::OtherAccount { .. })));
    assert!(matches!(
        licensing.client_config().await,
        Err(AppleError::OtherAccount { .. })
    ));

    let taken =
        json!({ "uId": "7001", "eventId": "e", "mdmInfo": { "id": "theirs", "name": "Other MDM", "metadata": "x" } });
    let licensing = always(200, &[], taken).await;
    let is_taken =
        |error: AppleError| matches!(error, AppleError::Taken { owner } if owner.name.as_deref() == Some("Other MDM"));
    assert!(is_taken(licensing.client_config().await.unwrap_err()));
    assert!(is_taken(
        licensing.assignments(&AssignmentsQuery::default()).await.unwrap_err()
    ));
    assert!(is_taken(licensing.users(&UsersQuery::default()).await.unwrap_err()));
    assert!(is_taken(
        licensing.associate(&ManageAssets::default()).await.unwrap_err()
    ));
    assert!(is_taken(licensing.status("e").await.unwrap_err()));
}

/// Lists leave it out; the configuration does not, unless nobody has it any more.
#[tokio::test]
async fn a_missing_owner_is_decisive_in_the_configuration_only() {
    let licensing = always(200, &[], json!({ "uId": "7001", "assets": [], "mdmInfo": null })).await;
    assert!(licensing.assets().await.unwrap().items.is_empty());
    assert!(matches!(licensing.client_config().await, Err(AppleError::Taken { .. })));
}

#[tokio::test]
async fn an_error_is_known_by_its_number_whatever_the_status() {
    let numbered = |number: i32| json!({ "errorNumber": number, "errorMessage": "words that change" });
    assert!(matches!(
        error(200, numbered(9622)).await,
        AppleError::TokenInvalid { number: 9622 }
    ));
    assert!(matches!(error(401, numbered(9621)).await, AppleError::TokenExpired));
    assert!(matches!(error(401, numbered(9625)).await, AppleError::TokenRevoked));
    assert!(matches!(
        error(403, numbered(9637)).await,
        AppleError::NotAllowed { number: 9637, .. }
    ));
    assert!(matches!(
        error(400, numbered(9700)).await,
        AppleError::TooLarge { number: 9700 }
    ));
    assert!(matches!(error(400, numbered(9721)).await, AppleError::Resync));
    assert!(matches!(
        error(429, numbered(9646)).await,
        AppleError::Throttled { wait: None }
    ));
    let unknown = error(400, numbered(4711)).await;
    assert!(matches!(unknown, AppleError::Refused { number: 4711, .. }) && unknown.outcome_known());
    // What may have been done after all is not asked for again blindly.
    assert!(!error(500, numbered(9603)).await.outcome_known());
    assert!(!error(502, json!("a proxy speaks")).await.outcome_known());
    assert!(!error(200, json!([1, 2])).await.outcome_known());
    let info = json!({ "errorNumber": 9609, "errorInfo": { "clientUserIds": ["u-1"], "assets": [{ "adamId": 5 }] } });
    let AppleError::Refused { info: Some(info), .. } = error(400, info).await else {
        panic!("not refused")
    };
    assert_eq!(
        (info.client_user_ids, info.assets[0].adam_id.as_str()),
        (vec!["u-1".to_owned()], "5")
    );
}

#[tokio::test]
async fn a_pause_that_apple_asks_for_is_understood_in_both_forms_and_never_longer_than_an_hour() {
    async fn wait(header: &'static str) -> Option<Duration> {
        let date = ("date", "Tue, 03 Mar 2026 09:58:30 GMT");
        let headers: &'static [(&str, &str)] = Box::leak(Box::new([("retry-after", header), date]));
        match always(503, headers, json!({ "errorNumber": 9729 }))
            .await
            .status("e")
            .await
        {
            Err(AppleError::Throttled { wait }) => wait,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(wait("17").await, Some(Duration::from_secs(17)));
    assert_eq!(wait("86400").await, Some(Duration::from_secs(3600)));
    // By the clock of whoever answers: ours may be wrong.
    let five_minutes = Some(Duration::from_secs(300));
    assert_eq!(wait("Tue, 03 Mar 2026 10:03:30 GMT").await, five_minutes);
    assert_eq!(wait("Tue, 03 Mar 2026 09:00:00 GMT").await, Some(Duration::ZERO));
    assert_eq!(wait("soon").await, None);
}

/// Page 0 first, then the rest, never more than five at a time; nothing missing, nothing twice.
#[tokio::test]
async fn all_pages_are_read_at_most_five_at_a_time() {
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let highest = Arc::clone(&most);
    let router = Router::new().route(
        "/assets",
        get(move |Query(query): Query<Vec<(String, String)>>| async move {
            let under_way = now.fetch_add(1, Ordering::SeqCst) + 1;
            highest.fetch_max(under_way, Ordering::SeqCst);
            tokio::time::sleep(Duration::from_millis(20)).await;
            now.fetch_sub(1, Ordering::SeqCst);
            let index: i64 = query
                .iter()
                .find(|(name, _)| name == "pageIndex")
                .map_or(0, |(_, at)| at.parse().unwrap());
            Json(page(index, 13, "v1"))
        }),
    );
    let read = client(&serve(router).await).assets().await.unwrap();
    let ids: Vec<_> = read.items.iter().map(|asset| asset.adam_id.clone()).collect();
    assert_eq!(ids, (0..13).map(|index| index.to_string()).collect::<Vec<_>>());
    assert_eq!((read.requests, read.version_id.as_deref()), (13, Some("v1")));
    assert!((2..=5).contains(&most.load(Ordering::SeqCst)), "{most:?}");
}

fn page(index: i64, pages: i64, version: &str) -> Value {
    let mut page = json!({
        "assets": [{ "adamId": index.to_string(), "totalCount": 2_147_483_647_i64, "newField": {} }],
        "currentPageIndex": index, "totalPages": pages, "versionId": version, "uId": "7001",
    });
    if index + 1 < pages {
        page["nextPageIndex"] = json!(index + 1);
    }
    page
}

/// The data moved while it was read: the second reading is of one version.
#[tokio::test]
async fn a_list_that_changes_under_the_reader_is_read_again() {
    let calls = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route(
        "/assets",
        get(move |Query(query): Query<Vec<(String, String)>>| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                let index: i64 = query
                    .iter()
                    .find(|(name, _)| name == "pageIndex")
                    .map_or(0, |(_, at)| at.parse().unwrap());
                Json(page(index, 2, if call == 0 { "old" } else { "new" }))
            }
        }),
    );
    let read = client(&serve(router).await).assets().await.unwrap();
    assert_eq!((read.items.len(), read.version_id.as_deref()), (2, Some("new")));
    assert!(read.whole);
}

/// On a busy location the data moves under every try: what is read last is worth having, and proves nothing of the rest.
#[tokio::test]
async fn a_list_that_never_stands_still_is_taken_and_is_not_whole() {
    let calls = Arc::new(AtomicUsize::new(0));
    let router = Router::new().route(
        "/assets",
        get(move |Query(query): Query<Vec<(String, String)>>| {
            let call = calls.fetch_add(1, Ordering::SeqCst);
            async move {
                let index: i64 = query
                    .iter()
                    .find(|(name, _)| name == "pageIndex")
                    .map_or(0, |(_, at)| at.parse().unwrap());
                Json(page(index, 2, &call.to_string()))
            }
        }),
    );
    let read = client(&serve(router).await).assets().await.unwrap();
    assert_eq!((read.items.len(), read.whole, read.version_id), (2, false, None));
}

#[tokio::test]
async fn it_matters_whether_a_lost_request_was_sent() {
    let port = TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let nobody = client(&format!("http://127.0.0.1:{port}"));
    let refused = nobody.disassociate(&ManageAssets::default()).await.unwrap_err();
    assert!(matches!(refused, AppleError::Unreachable { sent: false, .. }) && refused.outcome_known());

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 4096]).await;
            // Cut, after the request has come.
        }
    });
    let body = ManageAssets {
        assets: vec![Asset::default()],
        ..ManageAssets::default()
    };
    let cut = client(&url).associate(&body).await.unwrap_err();
    assert!(matches!(cut, AppleError::Unreachable { sent: true, .. }) && !cut.outcome_known());
    assert!(!format!("{cut} {cut:?}").contains(TOKEN), "the token is in no error");
}

/// A token that may only read is noticed before anything is promised with it, and nothing is changed to find out.
#[tokio::test]
async fn whether_a_token_may_write_is_found_out_without_any_effect() {
    let bodies: Arc<Mutex<Vec<Value>>> = Arc::default();
    let keep = Arc::clone(&bodies);
    let router = Router::new().route(
        "/assets/associate",
        post(move |Json(body): Json<Value>| async move {
            keep.lock().unwrap().push(body);
            (StatusCode::FORBIDDEN, Json(json!({ "errorNumber": 9637 })))
        }),
    );
    let only_reads = client(&serve(router).await).may_write().await;
    assert!(
        matches!(only_reads, Err(AppleError::NotAllowed { number: 9637, .. })),
        "{only_reads:?}"
    );
    assert_eq!(
        *bodies.lock().unwrap(),
        [json!({ "assets": [] })],
        "nothing is asked for"
    );

    for (status, body) in [
        // No asset, nobody to give it to, not JSON to its taste, a service that cannot handle it.
        (400, json!({ "errorNumber": 9718 })),
        (400, json!({ "errorNumber": 9719 })),
        (400, json!({ "errorNumber": 9602 })),
        (500, json!({ "errorNumber": 9603 })),
        (200, json!({ "uId": "7001", "eventId": "e" })),
    ] {
        let found = always(status, &[], body.clone()).await.may_write().await;
        assert!(found.is_ok(), "{status} {body}: {found:?}");
    }
    // Nothing was found out.
    let throttled = always(429, &[], json!({ "errorNumber": 9646 })).await.may_write().await;
    assert!(matches!(throttled, Err(AppleError::Throttled { .. })), "{throttled:?}");
    let dead = always(401, &[], json!({ "errorNumber": 9625 })).await.may_write().await;
    assert!(matches!(dead, Err(AppleError::TokenRevoked)), "{dead:?}");
}

/// A token must not travel to another host.
#[tokio::test]
async fn a_redirect_to_somewhere_else_is_not_followed() {
    let reached = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&reached);
    let elsewhere = serve(Router::new().fallback(move || {
        count.fetch_add(1, Ordering::SeqCst);
        async { Json(json!({ "uId": "7001" })) }
    }))
    .await
    .replace("127.0.0.1", "localhost");
    let router = Router::new().fallback(move |request: Request| {
        let to = format!("{elsewhere}{}", request.uri().path());
        async move { (StatusCode::FOUND, [("location", to)]) }
    });
    assert!(client(&serve(router).await).status("e").await.is_err());
    assert_eq!(reached.load(Ordering::SeqCst), 0);
}

/// The token is not taken along to another address, so the refusal from there says nothing about it.
#[tokio::test]
async fn a_redirect_does_not_make_a_good_token_bad() {
    let elsewhere = serve(Router::new().fallback(|headers: HeaderMap| async move {
        assert!(!headers.contains_key("authorization"));
        (StatusCode::UNAUTHORIZED, Json(json!({ "errorNumber": 9722 })))
    }))
    .await;
    let router = Router::new().fallback(move |request: Request| {
        let to = format!("{elsewhere}{}", request.uri().path());
        async move { (StatusCode::TEMPORARY_REDIRECT, [("location", to)]) }
    });
    let answer = client(&serve(router).await).status("e").await;
    assert!(matches!(answer, Err(AppleError::Broken(_))), "{answer:?}");
}

/// Not even in the details of an error.
#[tokio::test]
async fn a_push_token_is_in_no_error() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let answer = Apns::new(&url, None)
        .unwrap()
        .push(&[0xab, 0xcd, 0xef], "m", "t", Timestamp::now())
        .await;
    let error = answer.expect_err("nobody listens");
    assert!(matches!(error, PushError::Unreachable(_)), "{error:?}");
    assert!(!format!("{error:?}").contains("abcdef"));
}

#[tokio::test]
async fn a_push_says_exactly_what_a_device_listens_for() {
    let seen: Arc<Mutex<Option<(String, String, Value)>>> = Arc::default();
    let keep = Arc::clone(&seen);
    let accept = move |Path(token): Path<String>, headers: HeaderMap, body: Bytes| async move {
        let kind = ["apns-push-type", "apns-topic", "apns-priority", "apns-expiration"]
            .map(|name| headers[name].to_str().unwrap().to_owned())
            .join(" ");
        *keep.lock().unwrap() = Some((token, kind, serde_json::from_slice(&body).unwrap()));
    };
    let url = serve(Router::new().route("/3/device/{token}", post(accept))).await;
    let apns = Apns::new(&url, None).unwrap();
    let now = Timestamp::from_second(1_800_000_000).unwrap();
    apns.push(&[0xab, 0x01], "magic", "com.apple.mgmt.External.x", now)
        .await
        .unwrap();
    let (token, kind, body) = seen.lock().unwrap().clone().unwrap();
    assert_eq!(
        (token.as_str(), kind.as_str()),
        // Apple keeps it for a week.
        ("ab01", "mdm com.apple.mgmt.External.x 10 1800604800")
    );
    assert_eq!(body, json!({ "mdm": "magic" }));

    let gone = |_: Request| async {
        (
            StatusCode::GONE,
            Json(json!({ "reason": "Unregistered", "timestamp": 1_700_000_000_000_i64 })),
        )
            .into_response()
    };
    let url = serve(Router::new().route("/3/device/{token}", any(gone))).await;
    let answer = Apns::new(&url, None)
        .unwrap()
        .push(&[1], "m", "t", Timestamp::now())
        .await;
    assert!(
        matches!(answer, Err(PushError::TokenDead { since: Some(_) })),
        "{answer:?}"
    );
}
