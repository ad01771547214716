//! A server of its own for each test: an empty database, a real socket, and keys to its API.

use std::{
    collections::BTreeMap,
    net::Ipv4Addr,
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use reqwest::{Method, RequestBuilder, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use server::{
    Clock, Config,
    app::{Caller, Planner, Role},
    serve::{self, Running, Surroundings},
};
use store::Store;
use tempfile::TempDir;
use tokio::net::TcpListener;

pub struct TestServer {
    pub running: Running,
    pub url: String,
    pub key: String,
    pub looker: String,
    pub http: reqwest::Client,
    // Dropped last: the database lives in it.
    pub _folder: TempDir,
}

pub fn install_crypto() {
    static CRYPTO: OnceLock<()> = OnceLock::new();
    CRYPTO.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// Nothing listens there: Apple cannot be reached.
const NO_APPLE: &str = "http://127.0.0.1:1/mdm/v2";

impl TestServer {
    /// A server for which Apple is out of reach.
    pub async fn start() -> TestServer {
        TestServer::start_with(|_| {}).await
    }

    pub async fn start_with(configure: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::start_at(Clock::System, configure).await
    }

    /// By another clock than the machine's.
    pub async fn start_at(clock: Clock, configure: impl FnOnce(&mut Config)) -> TestServer {
        TestServer::start_after(clock, configure, async |_| {}).await.0
    }

    /// Once its database was filled. Filling a whole world locks tables as no change of the product does, so it is no
    /// company for a server at work.
    pub async fn start_upon<W>(
        configure: impl FnOnce(&mut Config),
        fill: impl AsyncFnOnce(&Store) -> W,
    ) -> (TestServer, W) {
        TestServer::start_planned(domain::decide_each, configure, fill).await
    }

    /// The same, where plans are made so.
    pub async fn start_planned<W>(
        planner: Planner,
        configure: impl FnOnce(&mut Config),
        fill: impl AsyncFnOnce(&Store) -> W,
    ) -> (TestServer, W) {
        let filled = async |config: &Config| {
            let app = serve::open(config.clone(), Clock::System).await.expect("a database");
            let world = fill(&app.store).await;
            app.store.close().await;
            world
        };
        let around = Surroundings {
            planner,
            ..Surroundings::from(Clock::System)
        };
        TestServer::start_after(around, configure, filled).await
    }

    async fn start_after<W>(
        around: impl Into<Surroundings>,
        configure: impl FnOnce(&mut Config),
        before: impl AsyncFnOnce(&Config) -> W,
    ) -> (TestServer, W) {
        install_crypto();
        let folder = tempfile::tempdir().expect("a folder");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let listen = listener.local_addr().expect("an address");
        let url = format!("http://{listen}");
        let database = format!("sqlite:{}", folder.path().join("test.db").display());
        let mut config = Config::local(listen, database, folder.path().join("key"), url.clone());
        config.apple.licensing_url = NO_APPLE.to_owned();
        configure(&mut config);
        let world = before(&config).await;
        let running = serve::serve_within(config, around.into(), listener)
            .await
            .expect("a server");
        let full = key(&running, Role::Full).await;
        let looker = key(&running, Role::ReadOnly).await;
        // Redirects are answers to look at.
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client");
        let server = TestServer {
            running,
            url,
            key: full,
            looker,
            http,
            _folder: folder,
        };
        (server, world)
    }

    pub async fn stop(self) {
        self.running.stop().await;
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> (StatusCode, Value) {
        answer(self.request(Method::GET, path).bearer_auth(&self.key)).await
    }

    /// A change is made upon what is there now.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> (StatusCode, Value) {
        let mut request = self.request(method.clone(), path).bearer_auth(&self.key).json(body);
        if method != Method::POST {
            let seen = self.request(Method::GET, path).bearer_auth(&self.key);
            if let Some(tag) = seen.send().await.expect("an answer").headers().get("etag") {
                request = request.header("if-match", tag);
            }
        }
        answer(request).await
    }
}

/// Makes one test for each database out of a story that is told on a server; with `upon fill;`, on one whose database
/// was filled so before, and which gets to know what is in it.
macro_rules! on_both {
    (upon $fill:path; $(
        $(#[$doc:meta])* async fn $name:ident($server:ident: &TestServer, $world:ident: $World:ty) $body:block
    )*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn story($server: &TestServer, $world: $World) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let (server, world) = TestServer::start_upon(|_| {}, $fill).await;
                story(&server, world).await;
                server.stop().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL"]
            async fn on_postgres() {
                let fresh = Fresh::postgres().await;
                let url = fresh.url().to_owned();
                let (server, world) = TestServer::start_upon(|config| config.database_url = url, $fill).await;
                story(&server, world).await;
                server.stop().await;
                fresh.close().await;
            }
        }
    )*};
    ($($(#[$doc:meta])* async fn $name:ident($server:ident: &TestServer) $body:block)*) => {$(
        mod $name {
            use super::*;

            $(#[$doc])*
            async fn story($server: &TestServer) $body

            #[tokio::test(flavor = "multi_thread")]
            async fn on_sqlite() {
                let server = TestServer::start().await;
                story(&server).await;
                server.stop().await;
            }

            #[tokio::test(flavor = "multi_thread")]
            #[ignore = "needs PostgreSQL"]
            async fn on_postgres() {
                let fresh = Fresh::postgres().await;
                let url = fresh.url().to_owned();
                let server = TestServer::start_with(|config| config.database_url = url).await;
                story(&server).await;
                server.stop().await;
                fresh.close().await;
            }
        }
    )*};
}
pub(crate) use on_both;

/// A browser in which somebody signed in to the console. It keeps its cookies.
pub struct Browser {
    cookies: Mutex<BTreeMap<String, String>>,
}

pub const PASSWORD: &str = "a teapot of blue tin";

impl Browser {
    /// Somebody with full rights, 홍라온.
    pub async fn sign_in(server: &TestServer) -> Browser {
        let password = SecretString::from(PASSWORD);
        let app = &server.running.app;
        app.account_add(&Caller::System, "raon", "홍라온", &password, Role::Full)
            .await
            .expect("an account");
        Browser::of(server, "raon", PASSWORD).await.expect("signed in")
    }

    /// Whoever has this account; the refusal when they may not.
    pub async fn of(server: &TestServer, login: &str, password: &str) -> Result<Browser, u16> {
        let browser = Browser {
            cookies: Mutex::default(),
        };
        let request = browser.request(server, Method::POST, "/sign-in", "ko");
        let answer = request.form(&[("login", login), ("password", password)]).send().await;
        let answer = browser.keep(answer.expect("an answer"));
        match answer.status() {
            StatusCode::SEE_OTHER => Ok(browser),
            status => Err(status.as_u16()),
        }
    }

    fn keep(&self, answer: reqwest::Response) -> reqwest::Response {
        let mut cookies = self.cookies.lock().expect("nobody failed");
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str().expect("text");
            let (name, value) = cookie
                .split(';')
                .next()
                .and_then(|pair| pair.split_once('='))
                .expect("a pair");
            if cookie.contains("Max-Age=0") {
                cookies.remove(name);
            } else {
                cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        drop(cookies);
        answer
    }

    /// A cookie as it is now.
    pub fn cookie(&self, name: &str) -> Option<String> {
        self.cookies.lock().expect("nobody failed").get(name).cloned()
    }

    /// As somebody sets it who got hold of the browser's cookies, or made one up.
    pub fn set_cookie(&self, name: &str, value: &str) {
        let mut cookies = self.cookies.lock().expect("nobody failed");
        cookies.insert(name.to_owned(), value.to_owned());
    }

    pub fn request(&self, server: &TestServer, method: Method, path: &str, lang: &str) -> RequestBuilder {
        let mut pairs = vec![format!("lang={lang}")];
        for (name, value) in &*self.cookies.lock().expect("nobody failed") {
            pairs.push(format!("{name}={value}"));
        }
        server.request(method, path).header("cookie", pairs.join("; "))
    }

    /// Status and text.
    pub async fn get(&self, server: &TestServer, path: &str) -> (u16, String) {
        let answer = self.request(server, Method::GET, path, "ko").send().await;
        let answer = self.keep(answer.expect("an answer"));
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }

    pub async fn page(&self, server: &TestServer, path: &str) -> String {
        self.get(server, path).await.1
    }

    /// Sends a form, and looks at the page that follows it.
    pub async fn press(&self, server: &TestServer, path: &str, fields: &form::Fields) -> String {
        let request = self.request(server, Method::POST, path, "ko").form(fields);
        let answer = self.keep(request.send().await.expect("an answer"));
        let status = answer.status();
        let to = answer
            .headers()
            .get("location")
            .map(|to| to.to_str().expect("text").to_owned());
        match to {
            Some(to) => self.page(server, &to).await,
            None => panic!("{path} answered {status}: {}", answer.text().await.expect("text")),
        }
    }

    /// The form on a page that goes to the page itself.
    pub async fn form(&self, server: &TestServer, path: &str) -> form::Fields {
        form::of(&self.page(server, path).await, path)
    }

    pub async fn submit(&self, server: &TestServer, path: &str, fields: &form::Fields) -> (u16, String) {
        let request = self.request(server, Method::POST, path, "ko").form(fields);
        let answer = self.keep(request.send().await.expect("an answer"));
        (answer.status().as_u16(), answer.text().await.expect("text"))
    }
}

/// What a browser would send of the forms of our pages.
pub mod form {
    pub type Fields = Vec<(String, String)>;

    /// The fields of the form with this action, as they are: in it, and after it those that name it.
    pub fn of(page: &str, action: &str) -> Fields {
        let begin = format!(" action=\"{action}\"");
        let at = page
            .find(&begin)
            .unwrap_or_else(|| panic!("no form for {action}: {page}"));
        let tag = page[..at].rfind('<').expect("a tag");
        let (body, after) = page[tag..].split_once("</form>").expect("a form");
        let attribute = |tag: &str, name: &str| {
            let value = tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?;
            Some(value.replace("&#34;", "\"").replace("&#38;", "&"))
        };
        let id = attribute(body.split('>').next().unwrap_or_default(), "id");
        let outside = after
            .split('<')
            .filter(|tag| id.is_some() && attribute(tag.split('>').next().unwrap_or_default(), "form") == id);
        let mut fields = Vec::new();
        for tag in body.split('<').skip(1).chain(outside) {
            let tag = tag.split('>').next().unwrap_or_default();
            let attribute = |name: &str| attribute(tag, name);
            let box_like = matches!(attribute("type").as_deref(), Some("checkbox" | "radio"));
            let off = tag.contains(" disabled") || (box_like && !tag.contains(" checked"));
            if tag.starts_with("input ") && !off {
                let name = attribute("name").expect("a name");
                fields.push((name, attribute("value").unwrap_or_default()));
            } else if tag.starts_with("select ") {
                fields.push((attribute("name").expect("a name"), String::new()));
            } else if tag.starts_with("option ")
                && tag.contains(" selected")
                && let Some((_, value)) = fields.last_mut()
            {
                *value = attribute("value").unwrap_or_default();
            }
        }
        fields
    }

    /// With another value in one field.
    pub fn with(fields: &Fields, name: &str, value: &str) -> Fields {
        let mut fields: Fields = fields.iter().filter(|(known, _)| known != name).cloned().collect();
        fields.push((name.to_owned(), value.to_owned()));
        fields
    }

    /// With one box more ticked.
    pub fn and(fields: &Fields, name: &str, value: &str) -> Fields {
        let mut fields = fields.clone();
        fields.push((name.to_owned(), value.to_owned()));
        fields
    }
}

async fn key(running: &Running, role: Role) -> String {
    let (_, key) = running
        .app
        .api_key_create(&Caller::System, "test", role, None)
        .await
        .expect("a key");
    key.expose_secret().to_owned()
}

/// Asks again until the answer is as it should be, with a generous limit: the machine may be busy.
pub async fn until(what: &str, mut ask: impl AsyncFnMut() -> Option<Value>) -> Value {
    let deadline = Instant::now() + Duration::from_secs(240);
    loop {
        if let Some(found) = ask().await {
            return found;
        }
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A form with these fields, in the least form that multipart has: content type and body.
pub fn multipart(fields: &[(&str, &str)]) -> (String, String) {
    let mut body = String::new();
    for (name, value) in fields {
        let file = if *name == "file" {
            "; filename=\"a.vpptoken\""
        } else {
            ""
        };
        body.push_str(&format!(
            "--edge\r\nContent-Disposition: form-data; name=\"{name}\"{file}\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--edge--\r\n");
    ("multipart/form-data; boundary=edge".to_owned(), body)
}

/// The problem of an answer, without what all types begin with.
pub fn kind(body: &Value) -> &str {
    body["type"]
        .as_str()
        .unwrap_or_default()
        .trim_start_matches("urn:allotment:problem:")
}

/// Status and body. A problem is checked for its form on the way.
pub async fn answer(request: RequestBuilder) -> (StatusCode, Value) {
    let response = request.send().await.expect("an answer");
    let status = response.status();
    let content_type = response
        .headers()
        .get("content-type")
        .map(|value| value.to_str().unwrap().to_owned());
    let text = response.text().await.expect("text");
    let body: Value = if text.is_empty() {
        Value::Null
    } else {
        serde_json::from_str(&text).expect("JSON")
    };
    if status.is_client_error() || status.is_server_error() {
        assert_eq!(content_type.as_deref(), Some("application/problem+json"), "{text}");
        assert_eq!(body["status"], status.as_u16(), "{text}");
        assert!(
            body["type"]
                .as_str()
                .is_some_and(|kind| kind.starts_with("urn:allotment:problem:")),
            "{text}"
        );
        assert!(body["title"].is_string(), "{text}");
    }
    (status, body)
}
