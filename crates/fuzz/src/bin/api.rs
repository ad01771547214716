//! Whatever a program with the right key may send to the API: it is answered, and never with a failure of ours.
#![no_main]

use std::{cell::RefCell, net::Ipv4Addr, sync::OnceLock};

use axum::{
    Router,
    body::Body,
    http::{Method, Request, StatusCode},
};
use http_body_util::BodyExt as _;
use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use server::{
    Clock, Config,
    app::{Caller, Role},
    serve::{self, Running},
};
use tokio::{net::TcpListener, runtime::Runtime};
use tower::ServiceExt as _;

/// After so many requests everything begins anew, so that what was made does not slow down what follows.
const REQUESTS: usize = 3000;
const LARGEST_ANSWER: usize = 4 << 20;

#[derive(Debug, Arbitrary)]
struct Input {
    method: u8,
    path: u8,
    parts: [Part; 3],
    query: Vec<(u8, String)>,
    tag: Option<String>,
    body: Content,
}

/// What stands for a part of a path.
#[derive(Debug, Arbitrary)]
enum Part {
    Known(u8),
    Text(String),
}

#[derive(Debug, Arbitrary)]
enum Content {
    None,
    Bytes(Vec<u8>),
    Json(Json),
}

#[derive(Debug, Arbitrary)]
enum Json {
    Null,
    Flag(bool),
    Whole(i64),
    Number(f64),
    Text(String),
    Known(u8),
    List(Vec<Json>),
    Object(Vec<(u8, Json)>),
}

struct World {
    _running: Running,
    router: Router,
    key: String,
    paths: Vec<String>,
    /// Names of fields and parameters.
    names: Vec<String>,
    /// Ids of what is there.
    ids: Vec<String>,
    left: usize,
    _folder: tempfile::TempDir,
}

thread_local!(static WORLD: RefCell<Option<World>> = const { RefCell::new(None) });

fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        Runtime::new().expect("a runtime")
    })
}

fuzz_target!(|input: Input| {
    WORLD.with_borrow_mut(|world| {
        if world.as_ref().is_none_or(|world| world.left == 0) {
            *world = None;
            *world = Some(runtime().block_on(World::new()));
        }
        let world = world.as_mut().expect("a world");
        world.left -= 1;
        runtime().block_on(world.ask(&input));
    });
});

impl World {
    async fn new() -> World {
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let listen = listener.local_addr().expect("an address");
        let database = format!("sqlite:{}", folder.path().join("fuzz.db").display());
        let mut config = Config::local(listen, database, folder.path().join("key"), format!("http://{listen}"));
        // Nothing listens there.
        config.apple.licensing_url = "http://127.0.0.1:1/mdm/v2".to_owned();
        let running = serve::serve_on(config, Clock::System, listener)
            .await
            .expect("a server");
        let created = running
            .app
            .api_key_create(&Caller::System, "fuzz", Role::Full, None)
            .await;
        let key = created.expect("a key").1.expose_secret().to_owned();
        let mut world = World {
            router: server::http::router(&running.app),
            _running: running,
            key,
            paths: Vec::new(),
            names: Vec::new(),
            ids: Vec::new(),
            left: REQUESTS,
            _folder: folder,
        };
        let (_, described) = world
            .send(Method::GET, "/api/v1/openapi.json", None, Body::empty())
            .await;
        let described: Value = serde_json::from_slice(&described).expect("a description");
        world.paths = described["paths"].as_object().expect("paths").keys().cloned().collect();
        names(&described, &mut world.names);
        world.names.sort();
        world.names.dedup();
        for (path, body) in [
            (
                "/api/v1/users",
                r#"{"displayName": "Na Haneul", "mail": "haneul@example.com"}"#,
            ),
            ("/api/v1/groups", r#"{"displayName": "Sales", "kind": "user"}"#),
        ] {
            let (_, made) = world.send(Method::POST, path, None, Body::from(body)).await;
            if let Some(id) = serde_json::from_slice::<Value>(&made)
                .ok()
                .and_then(|it| Some(it["id"].as_str()?.to_owned()))
            {
                world.ids.push(id);
            }
        }
        world
    }

    async fn send(&self, method: Method, uri: &str, tag: Option<&str>, body: Body) -> (StatusCode, Vec<u8>) {
        let mut request = Request::builder().method(method).uri(uri);
        request = request.header("authorization", format!("Bearer {}", self.key));
        request = request.header("content-type", "application/json");
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let Ok(request) = request.body(body) else {
            return (StatusCode::BAD_REQUEST, Vec::new());
        };
        let answer = self.router.clone().oneshot(request).await.expect("an answer");
        let (parts, body) = answer.into_parts();
        let body = body.collect().await.expect("a body").to_bytes().to_vec();
        assert!(body.len() <= LARGEST_ANSWER, "{} bytes", body.len());
        if parts.status.is_client_error() {
            let told: Value = serde_json::from_slice(&body).expect("a problem");
            assert!(
                told["title"].is_string() && told["status"] == parts.status.as_u16(),
                "{told}"
            );
        }
        (parts.status, body)
    }

    async fn ask(&self, input: &Input) {
        const METHODS: [Method; 6] = [
            Method::GET,
            Method::POST,
            Method::PUT,
            Method::PATCH,
            Method::DELETE,
            Method::OPTIONS,
        ];
        let method = METHODS[usize::from(input.method) % METHODS.len()].clone();
        let template = &self.paths[usize::from(input.path) % self.paths.len()];
        let mut parts = input.parts.iter();
        let filled: Vec<String> = template
            .split('/')
            .map(|part| match part.strip_prefix('{') {
                Some(_) => parts.next().map_or_else(String::new, |part| self.part(part)),
                None => part.to_owned(),
            })
            .collect();
        let mut uri = filled.join("/");
        for (index, (name, value)) in input.query.iter().take(4).enumerate() {
            uri.push(if index == 0 { '?' } else { '&' });
            uri.push_str(&format!("{}={}", self.name(*name), escaped(value)));
        }
        let body = match &input.body {
            Content::None => Body::empty(),
            Content::Bytes(bytes) => Body::from(bytes.clone()),
            Content::Json(json) => Body::from(self.json(json).to_string()),
        };
        let tag = match &input.tag {
            Some(tag) if tag.bytes().all(|byte| (0x20..0x7f).contains(&byte)) => Some(tag.clone()),
            // What is there now.
            _ => self.tag(&uri).await,
        };
        let (status, body) = self.send(method.clone(), &uri, tag.as_deref(), body).await;
        // Apple is out of reach on purpose, which is 502 or 503 by its own name.
        let ours =
            status.is_server_error() && status != StatusCode::BAD_GATEWAY && status != StatusCode::SERVICE_UNAVAILABLE;
        assert!(!ours, "{method} {uri}: {status} {}", String::from_utf8_lossy(&body));
    }

    async fn tag(&self, uri: &str) -> Option<String> {
        let request = Request::get(uri).header("authorization", format!("Bearer {}", self.key));
        let answer = self
            .router
            .clone()
            .oneshot(request.body(Body::empty()).ok()?)
            .await
            .expect("an answer");
        Some(answer.headers().get("etag")?.to_str().ok()?.to_owned())
    }

    fn part(&self, part: &Part) -> String {
        match part {
            Part::Known(index) if !self.ids.is_empty() => self.ids[usize::from(*index) % self.ids.len()].clone(),
            Part::Known(_) => "1".to_owned(),
            Part::Text(text) => escaped(text),
        }
    }

    fn name(&self, index: u8) -> &str {
        &self.names[usize::from(index) % self.names.len()]
    }

    fn json(&self, json: &Json) -> Value {
        match json {
            Json::Null => Value::Null,
            Json::Flag(flag) => (*flag).into(),
            Json::Whole(number) => (*number).into(),
            Json::Number(number) => (*number).into(),
            Json::Text(text) => text.clone().into(),
            Json::Known(index) => match usize::from(*index) {
                index if index < self.ids.len() => self.ids[index].clone().into(),
                index => self.names[index % self.names.len()].clone().into(),
            },
            Json::List(list) => list.iter().map(|json| self.json(json)).collect(),
            Json::Object(fields) => fields
                .iter()
                .map(|(name, json)| (self.name(*name).to_owned(), self.json(json)))
                .collect(),
        }
    }
}

/// Percent-encodes everything but letters and digits.
fn escaped(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

/// Names of properties and parameters, and the words of enumerations, wherever they stand in the description.
fn names(described: &Value, into: &mut Vec<String>) {
    match described {
        Value::Object(fields) => {
            for (key, value) in fields {
                match (key.as_str(), value) {
                    ("properties", Value::Object(properties)) => into.extend(properties.keys().cloned()),
                    ("name", Value::String(name)) => into.push(name.clone()),
                    ("enum", Value::Array(words)) => {
                        into.extend(words.iter().filter_map(|word| Some(word.as_str()?.to_owned())));
                    }
                    _ => {}
                }
                names(value, into);
            }
        }
        Value::Array(list) => list.iter().for_each(|value| names(value, into)),
        _ => {}
    }
}
