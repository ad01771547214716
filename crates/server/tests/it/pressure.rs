//! Clients that send nothing, little, slowly or too much, and many of them at once.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::TestServer;

/// Generous: the machine may be busy.
const PATIENCE: Duration = Duration::from_secs(60);

async fn connect(server: &TestServer) -> TcpStream {
    TcpStream::connect(server.running.address).await.expect("a connection")
}

/// Everything that the server says until it closes.
async fn until_closed(stream: &mut TcpStream) -> String {
    let mut said = Vec::new();
    let reading = stream.read_to_end(&mut said);
    // A connection that is reset is closed too.
    let _ = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("the server closes");
    String::from_utf8_lossy(&said).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_sends_nothing_or_dribbles_its_head_is_closed() {
    let server = TestServer::start_with(|config| config.http.head_timeout = Duration::from_millis(300)).await;
    let mut silent = connect(&server).await;
    let mut slow = connect(&server).await;
    let dribble = tokio::spawn(async move {
        let _ = slow.write_all(b"GET / HTTP/1.1\r\nHost: a\r\n").await;
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if slow.write_all(b"X-A: b\r\n").await.is_err() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        false
    });

    assert_eq!(until_closed(&mut silent).await, "");
    assert!(dribble.await.unwrap(), "a head that never ends is not waited for");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_is_kept_between_two_requests_but_not_for_ever() {
    let server = TestServer::start_with(|config| config.http.idle_timeout = Duration::from_millis(300)).await;
    let mut stream = connect(&server).await;
    for _ in 0..2 {
        stream
            .write_all(b"GET /sign-in HTTP/1.1\r\nHost: a\r\n\r\n")
            .await
            .unwrap();
    }

    let said = until_closed(&mut stream).await;
    assert_eq!(said.matches("HTTP/1.1 200 OK").count(), 2, "{said}");
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_does_not_come_is_answered_408() {
    let server = TestServer::start_with(|config| config.http.body_timeout = Duration::from_millis(300)).await;
    for (path, says) in [
        ("/sign-in", "<html"),
        ("/api/v1/users", "urn:allotment:problem:too-slow"),
        ("/mdm", ""),
    ] {
        let mut stream = connect(&server).await;
        let head = format!("PUT {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 100\r\n\r\nabc");
        stream.write_all(head.as_bytes()).await.unwrap();

        let said = until_closed(&mut stream).await;
        assert!(said.starts_with("HTTP/1.1 408"), "{path}: {said}");
        assert!(said.contains(says), "{path}: {said}");
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heads_and_bodies_have_a_limit_and_the_header_of_devices_fits() {
    let server = TestServer::start().await;
    let signature = "A".repeat(16 * 1024);
    let answer = server.request(Method::PUT, "/mdm").header("Mdm-Signature", signature);
    let answer = answer.body("x").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "read, and no signature");

    let answer = server
        .request(Method::GET, "/sign-in")
        .header("X-Large", "A".repeat(100 * 1024));
    let answer = answer.send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);

    // Refused by its length alone: nothing of it is waited for.
    let mut stream = connect(&server).await;
    let head = format!(
        "POST /api/v1/users HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {}\r\nContent-Type: application/json\r\n\
         Content-Length: 99999999\r\nConnection: close\r\n\r\n",
        server.key
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let said = until_closed(&mut stream).await;
    assert!(
        said.starts_with("HTTP/1.1 413") && said.contains("problem:too-large"),
        "{said}"
    );

    // One that is sent all the same hears the answer, too.
    for _ in 0..10 {
        let large = server.request(Method::POST, "/api/v1/users").bearer_auth(&server.key);
        let large = large
            .header("Content-Type", "application/json")
            .body(vec![b' '; 5_000_000]);
        let answer = large.send().await.expect("an answer, not a reset");
        assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
        assert!(answer.text().await.expect("all of it").contains("problem:too-large"));
    }
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_server_sends_away_those_who_only_wait() {
    let server = TestServer::start_with(|config| config.http.connections = 20).await;
    let mut silent = Vec::new();
    for _ in 0..60 {
        silent.push(connect(&server).await);
    }

    let begun = Instant::now();
    let answer = server
        .request(Method::GET, "/sign-in")
        .timeout(PATIENCE)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    assert!(begun.elapsed() < PATIENCE);
    drop(silent);
    server.stop().await;
}

/// Ten places, all taken by bodies that do not come: they take none.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_not_whole_takes_no_place() {
    let server = TestServer::start_with(|config| config.http.requests = 1).await;
    let mut halves = Vec::new();
    for _ in 0..5 {
        let mut stream = connect(&server).await;
        let head = b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc";
        stream.write_all(head).await.unwrap();
        halves.push(stream);
    }
    let answer = server.request(Method::GET, "/sign-in").send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::OK);
    drop(halves);
    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_stops_whatever_its_clients_do() {
    let server = TestServer::start_with(|config| config.http.stop_within = Duration::from_millis(500)).await;
    let _silent = connect(&server).await;
    let mut half = connect(&server).await;
    half.write_all(b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        .await
        .unwrap();
    let mut idle = connect(&server).await;
    idle.write_all(b"GET /sign-in HTTP/1.1\r\nHost: a\r\n\r\n")
        .await
        .unwrap();
    idle.read_u8().await.expect("an answer");

    let begun = Instant::now();
    server.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let closed = until_closed(&mut half).await;
    assert!(!closed.contains("200 OK"), "{closed}");
}
