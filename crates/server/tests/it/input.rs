//! Whatever is asked, in whatever form: never a crash, and always an answer that its reader understands.

use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use crate::server::{Browser, TestServer, answer, kind};

/// Every address of the console, as its router has them.
fn console_routes() -> Vec<&'static str> {
    let source = include_str!("../../src/http/console/mod.rs");
    let routes: Vec<_> = source
        .split(".route(")
        .skip(1)
        .filter_map(|route| route.split('"').nth(1))
        .collect();
    assert!(
        routes.len() > 30 && routes.contains(&"/people/{person}/edit"),
        "{routes:?}"
    );
    routes
}

/// The path with each of its parameters replaced.
fn filled(route: &str, by: &str) -> String {
    let mut path = String::new();
    for piece in route.split('/').skip(1) {
        path.push('/');
        path.push_str(if piece.starts_with('{') { by } else { piece });
    }
    path
}

const NOBODY: &str = "00000000-0000-0000-0000-000000000001";
const ODD_PATHS: [&str; 9] = [
    "a",
    "%00",
    "%ff",
    "%zz",
    "..%2f..",
    "%EA%B9%80",
    "00000000-0000-0000-0000-00000000000g",
    "%E2%80%AE",
    "{person}",
];
const ODD_QUERIES: [&str; 22] = [
    "limit=0",
    "limit=-1",
    "limit=99999999999999999999",
    "limit=1.5",
    "limit=",
    "cursor=%00",
    "cursor=YQ",
    "cursor=!",
    "cursor=MTIz",
    "q=%ff",
    "q=%00",
    "q=%",
    "q=a&q=b",
    "page=0&filter=x&sort=y",
    "page=99999999999999999999",
    "before=x",
    "before=-9223372036854775808",
    "before=9223372036854775808",
    "tab=history&before=9223372036854775807",
    "done=saved&return=//evil.example",
    "userId=x&appId=",
    "&&=&%20",
];

fn odd_bodies() -> Vec<(&'static str, Vec<u8>)> {
    let json = "application/json";
    let form = "application/x-www-form-urlencoded";
    let multipart = "multipart/form-data; boundary=edge";
    let mut bodies: Vec<(&str, Vec<u8>)> = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "1e999",
        "\"\\ud800\"",
        r#"{"displayName":"a\u0000b","kind":"user"}"#,
        r#"{"displayName":"a\u202eb","mail":"\u0000"}"#,
        r#"{"displayName":{},"value":[{"groupId":null}]}"#,
        r#"{"value":["x"]}"#,
        r#"{"value":[{"groupId":"00000000-0000-0000-0000-000000000001","intent":"required","deadlineDateTime":"-9999-99-99T00:00:00Z"}]}"#,
        r#"{"priority":9223372036854775808}"#,
        r#"{"inventoryEvery":"P99999999999Y"}"#,
        r#"{"nothing":1}"#,
    ]
    .into_iter()
    .map(|body| (json, body.as_bytes().to_vec()))
    .collect();
    bodies.push((json, [b'[', b'"', 0xff, b'"', b']'].to_vec()));
    bodies.push((json, "[".repeat(100_000).into_bytes()));
    for body in [
        "",
        "name=%00",
        "name=%ff",
        "name=%",
        "name=a%0Ab&priority=99999999999999999999",
        "name=a&priority=x&kind=y&version=-1",
        "member=x",
        "member=00000000-0000-0000-0000-000000000001&version=x",
        "group=x&approval-x=y",
        "lang=xx&return=/%0d%0aSet-Cookie:a",
        "confirmed=yes&confirmed=yes",
        "ruleSet=2019",
        "ruleSet=2016&ruleSet=2016",
    ] {
        bodies.push((form, body.as_bytes().to_vec()));
    }
    bodies.push((form, [b'n', b'=', 0xff].to_vec()));
    bodies.push((multipart, b"--edge\r\n".to_vec()));
    let part = "--edge\r\nContent-Disposition: form-data; name=\"displayName\"\r\n\r\n\0\r\n--edge--\r\n";
    bodies.push((multipart, part.as_bytes().to_vec()));
    bodies.push(("multipart/form-data", Vec::new()));
    bodies.push(("text/plain", b"hello".to_vec()));
    bodies.push(("", b"{}".to_vec()));
    bodies
}

/// A refusal is a problem that says its own number; nothing is our fault.
async fn assert_problem_or_good(what: &str, response: Response) {
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    if !status.is_client_error() {
        return;
    }
    assert_eq!(response.headers()["content-type"], "application/problem+json", "{what}");
    if status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(response.headers().contains_key("allow"), "{what}");
    }
    let body: Value = response.json().await.expect("JSON");
    assert_eq!(body["status"], status.as_u16(), "{what}: {body}");
}

/// A refusal is a page of ours in this language; nothing is our fault.
async fn assert_page_or_good(what: &str, lang: &str, response: Response) {
    let status = response.status();
    assert!(!status.is_server_error(), "{what}: {status}");
    if !status.is_client_error() {
        return;
    }
    assert_eq!(response.headers()["content-type"], "text/html; charset=utf-8", "{what}");
    assert!(
        response.headers()["content-security-policy"]
            .to_str()
            .unwrap()
            .contains("style-src 'self'"),
        "{what}"
    );
    if status == StatusCode::METHOD_NOT_ALLOWED {
        assert!(response.headers().contains_key("allow"), "{what}");
    }
    let page = response.text().await.expect("text");
    assert!(page.contains(&format!(r#"<html lang="{lang}""#)), "{what}: {page}");
}

const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE];

#[tokio::test(flavor = "multi_thread")]
async fn no_request_to_the_api_is_our_fault() {
    let server = TestServer::start().await;
    let (_, openapi) = server.get("/api/v1/openapi.json").await;
    let (_, person) = server
        .send(Method::POST, "/api/v1/users", &json!({ "displayName": "김하늘" }))
        .await;
    let (_, group) = server
        .send(
            Method::POST,
            "/api/v1/groups",
            &json!({ "displayName": "전사", "kind": "user" }),
        )
        .await;
    let bodies = odd_bodies();

    for (route, operations) in openapi["paths"].as_object().unwrap() {
        let operations = operations.as_object().unwrap();
        let ask = async |method: &Method, path: &str, body: Option<&(&str, Vec<u8>)>, etag: &str| {
            let mut request = server.request(method.clone(), path).bearer_auth(&server.key);
            request = request.header("if-match", etag);
            if let Some((content_type, bytes)) = body {
                request = request.header("content-type", *content_type).body(bytes.clone());
            }
            let what = format!("{method} {path} {:?}", body.map(|(kind, _)| kind));
            let response = request
                .send()
                .await
                .unwrap_or_else(|error| panic!("{what} was not answered: {error}"));
            assert_problem_or_good(&what, response).await;
        };
        for method in METHODS {
            for odd in ODD_PATHS {
                ask(&method, &filled(route, odd), None, "*").await;
            }
            if !operations.contains_key(&method.as_str().to_lowercase()) {
                continue;
            }
            let own = match route.as_str() {
                users if users.starts_with("/api/v1/users") => person["id"].as_str().unwrap(),
                groups if groups.starts_with("/api/v1/groups") => group["id"].as_str().unwrap(),
                _ => NOBODY,
            };
            let path = filled(route, own);
            for query in ODD_QUERIES {
                ask(&method, &format!("{path}?{query}"), None, "\"x\"").await;
            }
            // The group itself stays, for what comes after.
            if method == Method::GET || method == Method::DELETE {
                continue;
            }
            for body in &bodies {
                ask(&method, &path, Some(body), "*").await;
            }
        }
    }

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_to_the_console_is_our_fault() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server).await;
    let (_, person) = server
        .send(Method::POST, "/api/v1/users", &json!({ "displayName": "김하늘" }))
        .await;
    let (_, group) = server
        .send(
            Method::POST,
            "/api/v1/groups",
            &json!({ "displayName": "전사", "kind": "user" }),
        )
        .await;
    let bodies = odd_bodies();

    let mut turn = 0;
    for route in console_routes() {
        // Signing in waits after some mistakes, which is right; signing out ends the session.
        if route.starts_with("/sign-") {
            continue;
        }
        let mut ask = async |method: Method, path: &str, body: Option<&(&str, Vec<u8>)>| {
            turn += 1;
            let lang = ["ko", "en"][turn % 2];
            let mut request = browser.request(&server, method.clone(), path, lang);
            if let Some((content_type, bytes)) = body {
                request = request.header("content-type", *content_type).body(bytes.clone());
            }
            let what = format!("{method} {path} {:?}", body.map(|(kind, _)| kind));
            let response = request
                .send()
                .await
                .unwrap_or_else(|error| panic!("{what} was not answered: {error}"));
            // Whoever chose a language reads that one.
            if path != "/language" {
                assert_page_or_good(&what, lang, response).await;
            }
        };
        for method in METHODS {
            for odd in ODD_PATHS {
                ask(method.clone(), &filled(route, odd), None).await;
            }
        }
        let own = match route {
            people if people.starts_with("/people") => person["id"].as_str().unwrap(),
            groups if groups.starts_with("/groups") => group["id"].as_str().unwrap(),
            _ => NOBODY,
        };
        let path = filled(route, own);
        for query in ODD_QUERIES {
            ask(Method::GET, &format!("{path}?{query}"), None).await;
        }
        if route == "/language" || route == "/groups/{group}/delete" {
            continue;
        }
        for body in &bodies {
            ask(Method::POST, &path, Some(body)).await;
        }
    }

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_address_is_a_page_in_the_language_of_whoever_reads_it() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server).await;

    for (path, status, ko, en) in [
        ("/nothing", 404, "찾을 수 없습니다", "Not found"),
        ("/people/sales", 404, "찾을 수 없습니다", "Not found"),
        ("/people/%ff", 404, "찾을 수 없습니다", "Not found"),
        (
            "/activity?before=yesterday",
            400,
            "요청을 이해하지 못했습니다",
            "The request was not understood",
        ),
        (
            "/search?q=%00",
            422,
            "요청을 이해하지 못했습니다",
            "The request was not understood",
        ),
        (
            "/people?q=%ff",
            400,
            "요청을 이해하지 못했습니다",
            "The request was not understood",
        ),
        (
            "/people/new?",
            405,
            "이 방법으로는 할 수 없습니다",
            "It does not work this way",
        ),
    ] {
        let method = if status == 405 { Method::DELETE } else { Method::GET };
        for (lang, head) in [("ko", ko), ("en", en)] {
            let response = browser
                .request(&server, method.clone(), path, lang)
                .send()
                .await
                .unwrap();
            assert_eq!(response.status(), status, "{path}");
            let allow = response.headers().get("allow").cloned();
            if status == 405 {
                assert_eq!(allow.unwrap(), "GET,HEAD,POST");
            }
            let page = response.text().await.unwrap();
            assert!(page.contains(&format!("<h1>{head}</h1>")), "{path}: {page}");
        }
    }
    // The account's own choice counts for its error pages, too.
    let chosen = browser.request(&server, Method::POST, "/language", "ko");
    chosen.form(&[("lang", "en")]).send().await.unwrap();
    let page = browser.request(&server, Method::GET, "/nothing", "ko").send().await;
    assert!(page.unwrap().text().await.unwrap().contains("Not found"));

    server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_is_told_what_it_may_do_instead_and_where_its_json_breaks() {
    let server = TestServer::start().await;

    let delete = server
        .request(Method::DELETE, "/api/v1/users")
        .bearer_auth(&server.key)
        .send()
        .await
        .unwrap();
    assert_eq!(delete.status(), StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(delete.headers()["allow"], "GET,HEAD,POST");

    let broken = server
        .request(Method::POST, "/api/v1/users")
        .bearer_auth(&server.key)
        .header("content-type", "application/json")
        .body("{\n \"displayName\": }");
    let (status, body) = answer(broken).await;
    assert_eq!((status, kind(&body)), (StatusCode::BAD_REQUEST, "malformed-request"));
    assert_eq!((&body["line"], &body["column"]), (&json!(2), &json!(17)));

    server.stop().await;
}

/// What PostgreSQL cannot keep and what a name may hide is refused by the name of its field, before any database.
#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_seen_is_refused_wherever_people_and_programs_write() {
    let server = TestServer::start().await;
    let browser = Browser::sign_in(&server).await;

    for hidden in ["\0", "\u{1b}", "\u{202e}", "\u{2028}", "\n"] {
        for (path, field, body) in [
            (
                "/api/v1/users",
                "displayName",
                json!({ "displayName": format!("김{hidden}하늘") }),
            ),
            (
                "/api/v1/users",
                "mail",
                json!({ "displayName": "김하늘", "mail": format!("a{hidden}b@example.com") }),
            ),
            (
                "/api/v1/groups",
                "displayName",
                json!({ "displayName": format!("전{hidden}사"), "kind": "user" }),
            ),
        ] {
            let (status, answer) = server.send(Method::POST, path, &body).await;
            assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY, "{body}");
            assert_eq!(answer["errors"][0]["field"], field, "{answer}");
            assert_eq!(answer["errors"][0]["problem"], "unprintable", "{answer}");
        }
        let form = browser.request(&server, Method::POST, "/people/new", "ko");
        let response = form.form(&[("name", format!("김{hidden}하늘"))]).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::UNPROCESSABLE_ENTITY, "{hidden:?}");
    }
    assert_eq!(server.get("/api/v1/users").await.1["value"], json!([]));
    // Hangul in pieces, as macOS gives it, is the same name.
    let pieces = json!({ "displayName": "\u{1100}\u{1175}\u{11b7}" });
    let (_, person) = server.send(Method::POST, "/api/v1/users", &pieces).await;
    assert_eq!(person["displayName"], "김");

    server.stop().await;
}

/// What no client library would send.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_line_that_is_none_does_no_harm() {
    let server = TestServer::start().await;
    let address = server.url.trim_start_matches("http://").to_owned();
    for line in [
        "GET /people/%00%ff?%zz=%ff HTTP/1.1",
        "GET //people?q=\u{fffd} HTTP/1.1",
        "GET http://evil.example/people HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "BREW /people HTTP/1.1",
        "GET /api/v1/users/../../people HTTP/1.1",
    ] {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let request = format!("{line}\r\nHost: a\r\nCookie: session=\u{1}; ;=;=\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await.unwrap();
        let answer = String::from_utf8_lossy(&answer);
        assert!(
            answer.starts_with("HTTP/1.1 2") || answer.starts_with("HTTP/1.1 3") || answer.starts_with("HTTP/1.1 4"),
            "{line}: {answer}"
        );
    }
    server.stop().await;
}
