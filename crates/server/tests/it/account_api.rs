//! Accounts, sessions and keys for programs.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use store::testing::Fresh;

use crate::server::{Browser, PASSWORD, TestServer, answer, kind, on_both};

async fn sent(server: &TestServer, key: &str, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    answer(server.request(method, path).bearer_auth(key).json(body)).await
}

/// A change upon what has this tag.
async fn upon(server: &TestServer, tag: Option<&str>, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
    let mut request = server.request(method, path).bearer_auth(&server.key).json(body);
    if let Some(tag) = tag {
        request = request.header("if-match", tag);
    }
    answer(request).await
}

async fn tag(server: &TestServer, path: &str) -> String {
    let asked = server.request(Method::GET, path).bearer_auth(&server.key);
    let answer = asked.send().await.unwrap();
    answer.headers()["etag"].to_str().unwrap().to_owned()
}

fn field(problem: &Value) -> (&str, &str) {
    let error = &problem["errors"][0];
    (error["field"].as_str().unwrap(), error["problem"].as_str().unwrap())
}

on_both! {
    async fn a_program_adds_changes_and_disables_accounts(server: &TestServer) {
        let new = |login: &str, password: &str| {
            json!({ "login": login, "displayName": "고은결", "role": "readOnly", "password": password })
        };
        let (status, ko) = server.send(Method::POST, "/api/v1/accounts", &new("ko", PASSWORD)).await;
        assert_eq!(status, StatusCode::CREATED, "{ko}");
        assert!(!ko.to_string().contains(PASSWORD) && !ko.to_string().contains("argon2"));
        let path = format!("/api/v1/accounts/{}", ko["id"].as_str().unwrap());
        for (login, password, wrong) in [
            ("KO", PASSWORD, ("login", "taken")),
            ("lee", "password1234", ("password", "guessable")),
            ("lee", "tiny", ("password", "tooShort")),
            ("a b", PASSWORD, ("login", "malformed")),
        ] {
            let (_, problem) = server.send(Method::POST, "/api/v1/accounts", &new(login, password)).await;
            assert_eq!(field(&problem), wrong);
            assert!(!problem.to_string().contains(password), "{problem}");
        }

        // Which version, or nothing; and what there is now to whoever saw another.
        let first = tag(server, &path).await;
        let raise = json!({ "role": "full" });
        assert_eq!(upon(server, None, Method::PATCH, &path, &raise).await.0, StatusCode::PRECONDITION_REQUIRED);
        let (status, now) = upon(server, Some(&first), Method::PATCH, &path, &raise).await;
        assert_eq!((status, &now["role"]), (StatusCode::OK, &json!("full")));
        let rename = json!({ "displayName": "은결" });
        let (status, stale) = upon(server, Some(&first), Method::PATCH, &path, &rename).await;
        assert_eq!((status, kind(&stale)), (StatusCode::PRECONDITION_FAILED, "stale"));
        assert_eq!((&stale["current"], &stale["changedBy"]), (&now, &json!("test")));
        assert_eq!(server.get(&path).await.1, now);

        // It is the only one with full access.
        let disable = json!({ "enabled": false });
        let (status, problem) = server.send(Method::PATCH, &path, &disable).await;
        assert_eq!((status, field(&problem)), (StatusCode::UNPROCESSABLE_ENTITY, ("role", "lastFullAccount")));
        let raon = Browser::sign_in(server).await;
        assert_eq!(server.send(Method::PATCH, &path, &disable).await.0, StatusCode::OK);
        assert_eq!(Browser::of(server, "ko", PASSWORD).await.err(), Some(403));
        assert_eq!(server.send(Method::PATCH, &path, &json!({ "enabled": true })).await.0, StatusCode::OK);
        let new = json!({ "password": "three green kettles" });
        let set = format!("{path}/setPassword");
        assert_eq!(server.send(Method::POST, &set, &new).await.0, StatusCode::NO_CONTENT);
        assert!(Browser::of(server, "ko", "three green kettles").await.is_ok());
        assert_eq!(server.send(Method::POST, &format!("{path}/unlock"), &json!({})).await.0, StatusCode::NO_CONTENT);

        // A page at a time.
        let (_, page) = server.get("/api/v1/accounts?limit=1").await;
        let next = page["nextCursor"].as_str().unwrap();
        let (_, rest) = server.get(&format!("/api/v1/accounts?limit=1&cursor={next}")).await;
        assert_ne!(page["value"][0]["id"], rest["value"][0]["id"]);
        assert_eq!(raon.get(server, "/account").await.0, 200);
    }

    async fn a_program_ends_sessions(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let elsewhere = Browser::of(server, "raon", PASSWORD).await.unwrap();
        let (_, sessions) = server.get("/api/v1/sessions").await;
        let sessions = sessions["value"].as_array().unwrap().clone();
        assert_eq!(sessions.len(), 2);
        assert_eq!(sessions[0]["source"], "127.0.0.1");
        let one = format!("/api/v1/sessions/{}", sessions[0]["id"].as_str().unwrap());
        assert_eq!(server.send(Method::DELETE, &one, &json!({})).await.0, StatusCode::NO_CONTENT);
        assert_eq!(server.send(Method::DELETE, &one, &json!({})).await.0, StatusCode::NOT_FOUND);
        assert_eq!((raon.get(server, "/account").await.0, elsewhere.get(server, "/account").await.0), (303, 200));
        let all = format!("/api/v1/accounts/{}/endSessions", sessions[1]["accountId"].as_str().unwrap());
        assert_eq!(server.send(Method::POST, &all, &json!({})).await.1, json!({ "endedCount": 1 }));
        assert_eq!(elsewhere.get(server, "/account").await.0, 303);
    }

    async fn a_program_makes_replaces_and_revokes_keys(server: &TestServer) {
        let works = async |key: &Value| {
            let (status, _) = sent(server, key.as_str().unwrap(), Method::GET, "/api/v1/users", &json!({})).await;
            status == StatusCode::OK
        };
        let new = json!({ "displayName": "인사 연동", "role": "readOnly", "validFor": "P90D" });
        let (status, first) = server.send(Method::POST, "/api/v1/apiKeys", &new).await;
        assert_eq!(status, StatusCode::CREATED, "{first}");
        assert!(works(&first["secret"]).await);
        let path = format!("/api/v1/apiKeys/{}", first["id"].as_str().unwrap());
        let (_, seen) = server.get(&path).await;
        assert!(seen.get("secret").is_none() && seen["expirationDateTime"].is_string(), "{seen}");
        for (wrong, told) in [
            (json!({ "displayName": "x", "role": "readOnly", "validFor": "PT1S" }), ("validFor", "malformed")),
            (json!({ "displayName": " ", "role": "readOnly" }), ("displayName", "missing")),
        ] {
            assert_eq!(field(&server.send(Method::POST, "/api/v1/apiKeys", &wrong).await.1), told);
        }

        let rotate = format!("{path}/rotate");
        let old = tag(server, &path).await;
        assert_eq!(upon(server, None, Method::POST, &rotate, &json!({})).await.0, StatusCode::PRECONDITION_REQUIRED);
        let (status, second) = upon(server, Some(&old), Method::POST, &rotate, &json!({})).await;
        assert_eq!(status, StatusCode::OK, "{second}");
        let (status, stale) = upon(server, Some(&old), Method::POST, &rotate, &json!({})).await;
        assert_eq!((status, kind(&stale)), (StatusCode::PRECONDITION_FAILED, "stale"));
        assert_eq!(upon(server, Some(&old), Method::DELETE, &path, &json!({})).await.0, StatusCode::PRECONDITION_FAILED);
        assert!(works(&first["secret"]).await && works(&second["secret"]).await, "nothing was changed");
        let at_once = json!({ "overlap": "PT0S" });
        let (_, third) = upon(server, Some("*"), Method::POST, &rotate, &at_once).await;
        assert!(!works(&second["secret"]).await && works(&third["secret"]).await);
        assert_eq!(server.send(Method::DELETE, &path, &json!({})).await.0, StatusCode::NO_CONTENT);
        assert!(!works(&third["secret"]).await);
        assert!(server.get(&path).await.1["revokedDateTime"].is_string());
        assert_eq!(upon(server, Some("*"), Method::DELETE, &path, &json!({})).await.0, StatusCode::NOT_FOUND);
    }

    async fn a_key_that_may_look_changes_no_account_and_sees_no_session(server: &TestServer) {
        let raon = Browser::sign_in(server).await;
        let (_, accounts) = sent(server, &server.looker, Method::GET, "/api/v1/accounts", &json!({})).await;
        let account = format!("/api/v1/accounts/{}", accounts["value"][0]["id"].as_str().unwrap());
        let (_, keys) = sent(server, &server.looker, Method::GET, "/api/v1/apiKeys", &json!({})).await;
        let key = format!("/api/v1/apiKeys/{}", keys["value"][0]["id"].as_str().unwrap());
        let (_, sessions) = server.get("/api/v1/sessions").await;
        let session = format!("/api/v1/sessions/{}", sessions["value"][0]["id"].as_str().unwrap());
        for (method, path, body) in [
            (Method::POST, "/api/v1/accounts", json!({ "login": "ko", "displayName": "k", "role": "full", "password": PASSWORD })),
            (Method::PATCH, &account, json!({ "role": "readOnly" })),
            (Method::POST, &format!("{account}/setPassword"), json!({ "password": PASSWORD })),
            (Method::POST, &format!("{account}/unlock"), json!({})),
            (Method::POST, &format!("{account}/endSessions"), json!({})),
            (Method::GET, "/api/v1/sessions", json!({})),
            (Method::DELETE, &session, json!({})),
            (Method::POST, "/api/v1/apiKeys", json!({ "displayName": "mine", "role": "full" })),
            (Method::POST, &format!("{key}/rotate"), json!({})),
            (Method::DELETE, &key, json!({})),
        ] {
            let request = server.request(method.clone(), path).bearer_auth(&server.looker).header("if-match", "*");
            let (status, problem) = answer(request.json(&body)).await;
            assert_eq!((status, kind(&problem)), (StatusCode::FORBIDDEN, "forbidden"), "{method} {path}");
        }
        assert_eq!(raon.get(server, "/account").await.0, 200);
    }
}
