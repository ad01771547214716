//! Answers that are none: cut, garbled, endless, or of somebody else's making.

use std::io::Write;

use apple::{error::Class, metadata::Lookup};
use axum::body::Body;
use flate2::{Compression, write::GzEncoder};
use futures_util::stream;
use tokio::io::AsyncWriteExt;

use super::*;

fn gzip(plain: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(plain).unwrap();
    encoder.finish().unwrap()
}

/// A service that answers everything with these bytes, as they are.
async fn bytes(status: u16, headers: &'static [(&'static str, &'static str)], body: Vec<u8>) -> Licensing {
    let answer = move || async move {
        let mut response = (StatusCode::from_u16(status).unwrap(), body).into_response();
        for (name, value) in headers {
            response.headers_mut().insert(*name, value.parse().unwrap());
        }
        response
    };
    client(&serve(Router::new().fallback(answer)).await)
}

async fn raw(answer: &'static str) -> Licensing {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            let _ = connection.read(&mut [0; 4096]).await;
            let _ = connection.write_all(answer.as_bytes()).await;
        }
    });
    client(&url)
}

/// What a write comes to. Whether it may have happened has to be right above all.
async fn write(licensing: Licensing) -> AppleError {
    let error = licensing
        .associate(&ManageAssets::default())
        .await
        .expect_err("an error");
    assert!(!error.outcome_known(), "{error:?}");
    error
}

#[tokio::test]
async fn what_is_no_answer_leaves_it_open_whether_a_write_happened() {
    const HTML: &[(&str, &str)] = &[("content-type", "text/html")];
    const GZIP: &[(&str, &str)] = &[("content-encoding", "gzip"), ("content-type", "application/json")];
    let page = b"<!doctype html><title>Sign in to the guest network</title>".to_vec();
    let whole = br#"{"eventId":"5f7c","uId":"7001","padding":"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}"#;
    let half = gzip(whole);
    let half = half[..half.len() / 2].to_vec();
    for (status, headers, body) in [
        (200, HTML, page.clone()),
        (200, &[][..], Vec::new()),
        (200, &[], b"  \n".to_vec()),
        (200, &[], b"null".to_vec()),
        (200, &[], b"[9718, null, null]".to_vec()),
        (200, &[], whole[..20].to_vec()),
        (200, &[], b"{}".to_vec()),
        (200, GZIP, half.clone()),
        (200, GZIP, b"this is not gzip".to_vec()),
        (302, HTML, Vec::new()),
        (404, HTML, page.clone()),
    ] {
        let error = write(bytes(status, headers, body.clone()).await).await;
        assert!(
            matches!(error, AppleError::Broken(_)),
            "{status} {:?}: {error:?}",
            String::from_utf8_lossy(&body)
        );
        assert_eq!(error.class(), Class::Retry);
    }
    for (status, headers, body) in [
        (500, HTML, page.clone()),
        (500, &[][..], Vec::new()),
        (502, HTML, page.clone()),
        (503, HTML, page.clone()),
        (503, &[], Vec::new()),
        (504, &[], b"{\"half".to_vec()),
        (503, GZIP, half),
    ] {
        let error = write(bytes(status, headers, body).await).await;
        assert!(
            matches!(error, AppleError::Trouble { status: seen, .. } if seen == status),
            "{status}: {error:?}"
        );
    }
    let cut = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 400\r\n\r\n{\"eventId\":\"5f7c\"";
    let error = write(raw(cut).await).await;
    assert!(matches!(error, AppleError::Broken(_)), "{error:?}");
    write(raw("HTTP/1.1 200 OK\r\ncontent-le").await).await;
    write(raw("220 mail.example.net ESMTP\r\n").await).await;
}

/// What Apple reads in the headers it did not do.
#[tokio::test]
async fn what_certainly_did_not_happen_is_known_whatever_the_body() {
    for (status, body) in [(429, &b"<html>"[..]), (429, b""), (401, b"<html>")] {
        let licensing = bytes(status, &[], body.to_vec()).await;
        let error = licensing.associate(&ManageAssets::default()).await.unwrap_err();
        assert!(error.outcome_known(), "{status}: {error:?}");
    }
}

/// The content type is what a proxy may have made of it; the body is what counts.
#[tokio::test]
async fn an_answer_is_read_whatever_its_content_type_says() {
    let licensing = bytes(
        200,
        &[("content-type", "text/plain")],
        br#"{"uId":"7001","eventId":"e"}"#.to_vec(),
    )
    .await;
    assert_eq!(licensing.associate(&ManageAssets::default()).await.unwrap(), "e");
}

/// Whatever is not on a list counts as gone, so nothing else may pass for an empty list.
#[tokio::test]
async fn an_answer_that_speaks_of_no_list_is_not_an_empty_list() {
    for body in [
        json!({ "uId": "7001" }),
        json!({ "uId": "7001", "eventStatus": "COMPLETE" }),
    ] {
        let licensing = always(200, &[], body).await;
        assert!(matches!(licensing.assets().await, Err(AppleError::Broken(_))));
        let assignments = licensing.assignments(&AssignmentsQuery::default()).await;
        assert!(matches!(assignments, Err(AppleError::Broken(_))), "{assignments:?}");
        assert!(matches!(
            licensing.users(&UsersQuery::default()).await,
            Err(AppleError::Broken(_))
        ));
    }
    for body in [
        json!({ "uId": "7001", "users": [] }),
        json!({ "uId": "7001", "totalPages": 1, "versionId": "v" }),
    ] {
        let licensing = always(200, &[], body).await;
        assert!(licensing.users(&UsersQuery::default()).await.unwrap().items.is_empty());
    }
}

/// What Apple says is kept in rows and shown on pages.
#[tokio::test]
async fn what_an_answer_says_has_an_end_and_no_nul() {
    let long = format!("no\0 licence {}", "가".repeat(100_000));
    let error = error(400, json!({ "errorNumber": 9709, "errorMessage": long })).await;
    let AppleError::Refused { message, .. } = &error else {
        panic!("{error:?}")
    };
    assert!(
        message.starts_with("no licence 가") && message.chars().count() == 500,
        "{message}"
    );
    assert!(error.to_string().chars().count() < 600);

    // The reason why an answer makes no sense quotes it.
    let error = always(200, &[], json!({ "uId": "7001", "numCompleted": long })).await;
    let error = error.status("e").await.unwrap_err();
    assert!(
        matches!(&error, AppleError::Broken(why) if why.chars().count() <= 500),
        "{error:?}"
    );

    let config = json!({
        "uId": "7001", "locationName": long, "defaultPlatform": long, "websiteURL": long,
        "mdmInfo": { "id": "ours", "name": long, "metadata": long },
    });
    let config = always(200, &[], config).await.client_config().await.unwrap();
    let owner = config.common.mdm_info.unwrap();
    for name in [config.location_name, owner.name, owner.metadata] {
        assert_eq!(name.unwrap().chars().count(), 255);
    }
    assert_eq!((config.default_platform, config.website_url), (None, None));

    // An id that is cut would be another one.
    let users =
        json!({ "uId": "7001", "users": [{ "clientUserId": long }, { "clientUserId": "a", "inviteCode": long }] });
    let read = always(200, &[], users)
        .await
        .users(&UsersQuery::default())
        .await
        .unwrap();
    assert_eq!((read.items.len(), read.whole), (1, false));
    assert_eq!(read.items[0].invite_code, None);
}

/// Whatever is not on a list counts as gone, so a list has to say when something is missing from it.
#[tokio::test]
async fn a_list_from_which_something_is_missing_is_not_whole() {
    let good = json!({ "adamId": 1, "clientUserId": "a" });
    for (entries, size, pages) in [
        (json!([good, {}]), 2, 1),
        // A kind of holder that nobody knows yet.
        (json!([good, { "adamId": "1", "groupId": "g" }]), 2, 1),
        (json!([good, { "adamId": null, "clientUserId": "b" }]), 2, 1),
        (json!([good, { "adamId": [1], "clientUserId": "b" }]), 2, 1),
        (json!([good, "b"]), 2, 1),
        (json!([good]), 2, 1),
        (json!(null), 1, 1),
        // The only page speaks of more.
        (json!([good]), 1, 3),
    ] {
        let page =
            json!({ "uId": "7001", "assignments": entries, "size": size, "totalPages": pages, "versionId": "v" });
        let licensing = always(200, &[], page.clone()).await;
        let read = licensing.assignments(&AssignmentsQuery::default()).await.unwrap();
        assert!(!read.whole, "{page}");
        assert_eq!(read.version_id, None, "what changed since is no use: {page}");
        let holders: Vec<_> = read
            .items
            .iter()
            .filter_map(|it| it.client_user_id.as_deref())
            .collect();
        assert!(holders.is_empty() || holders == ["a"], "{page}: {holders:?}");
    }
    let users = json!({ "uId": "7001", "users": [{ "status": "Associated" }], "versionId": "v" });
    let read = always(200, &[], users)
        .await
        .users(&UsersQuery::default())
        .await
        .unwrap();
    assert_eq!((read.items.len(), read.whole), (0, false));

    let page = json!({ "uId": "7001", "assignments": [good], "size": 1, "totalPages": 1, "versionId": "v" });
    let licensing = always(200, &[], page).await;
    let read = licensing.assignments(&AssignmentsQuery::default()).await.unwrap();
    assert_eq!((read.whole, read.version_id.as_deref()), (true, Some("v")));
}

fn endless() -> Body {
    Body::from_stream(stream::repeat_with(|| Ok::<_, std::io::Error>(vec![b' '; 64 * 1024])))
}

/// One and a half megabytes on the wire once took two gigabytes of memory.
#[tokio::test]
async fn an_answer_without_end_is_given_up_whoever_sends_it() {
    let bomb = gzip(&vec![b' '; 64 * 1024 * 1024]);
    assert!(bomb.len() < 100_000, "{}", bomb.len());
    let licensing = bytes(200, &[("content-encoding", "gzip")], bomb.clone()).await;
    let error = licensing.status("e").await.unwrap_err();
    assert!(
        matches!(&error, AppleError::Broken(text) if text.contains("bytes")),
        "{error:?}"
    );

    let url = serve(Router::new().fallback(|| async { endless() })).await;
    assert!(matches!(client(&url).status("e").await, Err(AppleError::Broken(_))));
    let apns = Apns::new(
        &serve(Router::new().fallback(|| async { (StatusCode::BAD_REQUEST, endless()) })).await,
        None,
    );
    let pushed = apns.unwrap().push(&[1], "m", "t", Timestamp::now()).await;
    assert!(
        matches!(pushed, Err(PushError::Refused { status: 400, .. })),
        "{pushed:?}"
    );
    let token = SecretString::from(TOKEN);
    let [country, platform, language] = ["kr", "p", "ko"].map(str::to_owned);
    let store = Lookup::new(apple::http_client(), url, &token, country, platform, language).unwrap();
    let named = store.product("1").await;
    assert!(matches!(named, Err(AppleError::Broken(_))), "{named:?}");
}

/// A list of the largest pages that Apple was seen to send fits many times.
#[tokio::test]
async fn a_page_of_a_thousand_records_is_read() {
    let users: Vec<_> = (0..1000)
        .map(|nth| json!({ "clientUserId": format!("{nth:036}"), "email": "x".repeat(254), "idHash": "y".repeat(28) }))
        .collect();
    let licensing = always(200, &[], json!({ "uId": "7001", "users": users, "totalPages": 1 })).await;
    assert_eq!(licensing.users(&UsersQuery::default()).await.unwrap().items.len(), 1000);
}

/// Something in between that answered with JSON of its own once left a server without addresses for five minutes.
#[tokio::test]
async fn json_of_somebody_elses_making_tells_neither_limits_nor_addresses() {
    const JSON: &[(&str, &str)] = &[("content-type", "application/json")];
    let other = bytes(200, JSON, br#"{"message":"it works"}"#.to_vec()).await;
    let told = other.service_config().await;
    assert!(matches!(told, Err(AppleError::Broken(_))), "{told:?}");

    let few = bytes(200, JSON, br#"{"limits":{"maxUsers":50}}"#.to_vec()).await;
    assert_eq!(few.service_config().await.unwrap().limits().users, 50);
}
