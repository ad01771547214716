//! The way between our servers and Apple, on which a request or its answer is held until somebody lets it go on.

use std::{
    collections::{BTreeMap, BTreeSet},
    future::poll_fn,
    sync::{
        Arc, LazyLock, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
    task::{Poll, Waker},
};

use apple::icons::Icons;
use axum::{
    body::{Body, to_bytes},
    http,
};
use futures_util::future::BoxFuture;
use reqwest::ResponseBuilderExt;
use sim::apple::Apple;

/// Writes requests; one is enough for all worlds, and takes long to make.
pub fn client() -> reqwest::Client {
    static CLIENT: LazyLock<reqwest::Client> = LazyLock::new(apple::http_client);
    CLIENT.clone()
}

/// Icons are not fetched: their addresses are none of Apple's.
pub fn no_icons() -> Icons {
    static ICONS: LazyLock<Icons> = LazyLock::new(|| Icons::new(&[]));
    ICONS.clone()
}

/// More than any answer has.
const LARGEST: usize = 16 * 1024 * 1024;

/// What becomes of a request that is let go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    /// It is heard, and so is its answer.
    Heard,
    /// It gets lost, and the sender hears that the connection is cut.
    Unheard,
    /// It is heard, and its answer gets lost.
    Lost,
    /// It is heard, and its answer is held once more.
    Late,
}

/// A request, as it is on the wire.
#[derive(Clone)]
struct Letter {
    method: http::Method,
    uri: http::Uri,
    headers: http::HeaderMap,
    body: Vec<u8>,
}

impl Letter {
    fn of(request: reqwest::Request) -> Letter {
        let headers = request.headers().clone();
        let body = request.body().and_then(|body| body.as_bytes()).unwrap_or_default();
        let uri = request.url().as_str().parse().expect("an address that was one before");
        Letter {
            method: request.method().clone(),
            uri,
            headers,
            body: body.to_vec(),
        }
    }

    fn bearer(&self) -> Option<String> {
        let proof = self.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
        proof.strip_prefix("Bearer ").map(str::to_owned)
    }

    fn call(&self) -> String {
        let path = self.uri.path().trim_start_matches("/mdm/v2/");
        format!("{} {path}", self.method)
    }

    fn request(&self) -> http::Request<Body> {
        let mut request = http::Request::new(Body::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(host) = self.uri.authority() {
            let host = host.as_str().parse().expect("a host");
            request.headers_mut().insert(http::header::HOST, host);
        }
        request
    }
}

/// What is held.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    pub ticket: u64,
    /// Of which step it is.
    pub flight: u64,
    /// `POST assets/associate`
    pub call: String,
    /// It is an answer, on its way back.
    pub answer: bool,
}

struct Waiting {
    flight: u64,
    letter: Arc<Letter>,
    left_at: i64,
    answer: bool,
    fate: Option<Fate>,
    waker: Option<Waker>,
}

/// A request whose sender is dead. It may arrive all the same.
pub struct Orphan {
    letter: Arc<Letter>,
    pub left_at: i64,
}

impl Orphan {
    pub fn call(&self) -> String {
        self.letter.call()
    }
}

#[derive(Default)]
struct State {
    flight: u64,
    tickets: u64,
    waiting: BTreeMap<u64, Waiting>,
    orphans: Vec<Orphan>,
    /// Writes are asked once more, by the network itself, when their answer is lost.
    repeats: bool,
    /// What answers say of who manages the location is left out.
    silent: bool,
    /// Since when a server of ours may know that another one has the location.
    told_at: Option<i64>,
    /// What requests prove themselves with.
    bearers: BTreeSet<String>,
}

/// The network, and Apple at its other end.
pub struct Network {
    apple: Arc<Apple>,
    now: Arc<AtomicI64>,
    state: Mutex<State>,
}

impl Network {
    pub fn new(apple: Arc<Apple>, now: Arc<AtomicI64>) -> Network {
        Network {
            apple,
            now,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whatever is sent from now on is of this step.
    pub fn is_of(&self, flight: u64) {
        self.state().flight = flight;
    }

    pub fn repeats_writes(&self) {
        self.state().repeats = true;
    }

    pub fn hides_the_owner(&self) {
        self.state().silent = true;
    }

    /// When a server of ours heard first that another one has the location.
    pub fn told_at(&self) -> Option<i64> {
        self.state().told_at
    }

    /// What our servers prove themselves with at Apple.
    pub fn bearers(&self) -> BTreeSet<String> {
        self.state().bearers.clone()
    }

    /// Nobody else has it any more.
    pub fn is_ours(&self) {
        self.state().told_at = None;
    }

    /// What is held and has no fate yet, in the order in which it came.
    pub fn held(&self) -> Vec<Held> {
        let state = self.state();
        let held = state.waiting.iter().filter(|(_, waiting)| waiting.fate.is_none());
        held.map(|(ticket, waiting)| Held {
            ticket: *ticket,
            flight: waiting.flight,
            call: waiting.letter.call(),
            answer: waiting.answer,
        })
        .collect()
    }

    pub fn holds_of(&self, flight: u64) -> bool {
        let state = self.state();
        state
            .waiting
            .values()
            .any(|waiting| waiting.flight == flight && waiting.fate.is_none())
    }

    pub fn lets_go(&self, ticket: u64, fate: Fate) {
        if let Some(waiting) = self.state().waiting.get_mut(&ticket) {
            waiting.fate = Some(fate);
            if let Some(waker) = waiting.waker.take() {
                waker.wake();
            }
        }
    }

    /// Requests of the dead.
    pub fn orphans(&self) -> Vec<Orphan> {
        std::mem::take(&mut self.state().orphans)
    }

    /// Apple hears a request whose sender is dead.
    pub async fn arrives(&self, orphan: Orphan) {
        let _nobody_listens = self.apple.answer(orphan.letter.request()).await;
    }

    fn park(&self, letter: &Arc<Letter>, answer: bool) -> Parked<'_> {
        let mut state = self.state();
        state.tickets += 1;
        let ticket = state.tickets;
        let waiting = Waiting {
            flight: state.flight,
            letter: letter.clone(),
            left_at: self.now.load(Ordering::SeqCst),
            answer,
            fate: None,
            waker: None,
        };
        state.waiting.insert(ticket, waiting);
        Parked { network: self, ticket }
    }

    async fn carry_now(&self, request: reqwest::Request) -> Result<reqwest::Response, reqwest::Error> {
        let url = request.url().clone();
        let letter = Arc::new(Letter::of(request));
        if let Some(bearer) = letter.bearer() {
            self.state().bearers.insert(bearer);
        }
        let fate = self.park(&letter, false).fate().await;
        if fate == Fate::Unheard {
            return Err(cut());
        }
        let mut answer = self.apple.answer(letter.request()).await;
        if fate == Fate::Lost {
            if !(self.state().repeats && letter.method == http::Method::POST) {
                return Err(cut());
            }
            answer = self.apple.answer(letter.request()).await;
        }
        let Some(answer) = answer else { return Err(cut()) };
        if fate == Fate::Late && self.park(&letter, true).fate().await == Fate::Lost {
            return Err(cut());
        }
        let (parts, body) = answer.into_parts();
        let mut body = to_bytes(body, LARGEST).await.unwrap_or_default().to_vec();
        if names_another(&body) {
            let now = self.now.load(Ordering::SeqCst);
            self.state().told_at.get_or_insert(now);
        }
        if self.state().silent {
            body = without_owner(&body);
        }
        let mut made = http::Response::builder().status(parts.status).url(url);
        for (name, value) in &parts.headers {
            if name != http::header::CONTENT_LENGTH {
                made = made.header(name, value);
            }
        }
        Ok(made.body(body).expect("an answer as it was").into())
    }
}

impl apple::Carrier for Network {
    fn carry(&self, request: reqwest::Request) -> BoxFuture<'_, Result<reqwest::Response, reqwest::Error>> {
        Box::pin(self.carry_now(request))
    }
}

/// The error of somebody who wrote, and heard nothing.
fn cut() -> reqwest::Error {
    // An address that is none is refused before anything is sent, with the same kind of error: no connection was tried.
    let nowhere = client().get("http://[").build();
    nowhere.expect_err("this is no address")
}

/// The id of the other server.
pub const ANOTHER: &str = "another";

fn names_another(body: &[u8]) -> bool {
    let answer: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    answer.is_some_and(|answer| answer["mdmInfo"]["id"] == ANOTHER)
}

fn without_owner(body: &[u8]) -> Vec<u8> {
    let Ok(mut answer) = serde_json::from_slice::<serde_json::Value>(body) else {
        return body.to_vec();
    };
    if let Some(fields) = answer.as_object_mut() {
        // Who asks for the configuration is told; whoever reads or writes is not.
        if !fields.contains_key("countryISO2ACode") {
            fields.remove("mdmInfo");
        }
    }
    answer.to_string().into_bytes()
}

/// Something that is held. Dropped before it went on, it is the request of somebody who is dead.
struct Parked<'a> {
    network: &'a Network,
    ticket: u64,
}

impl Parked<'_> {
    async fn fate(&self) -> Fate {
        poll_fn(|context| {
            let mut state = self.network.state();
            let waiting = state.waiting.get_mut(&self.ticket).expect("held until this is dropped");
            match waiting.fate {
                Some(fate) => Poll::Ready(fate),
                None => {
                    waiting.waker = Some(context.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Drop for Parked<'_> {
    fn drop(&mut self) {
        let mut state = self.network.state();
        if let Some(waiting) = state.waiting.remove(&self.ticket)
            && waiting.fate.is_none()
            && !waiting.answer
        {
            state.orphans.push(Orphan {
                letter: waiting.letter,
                left_at: waiting.left_at,
            });
        }
    }
}
