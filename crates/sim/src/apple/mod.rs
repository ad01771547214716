//! Apple, simulated: the licensing service, the store, the push service, over real HTTP.
//!
//! Start one with [`Apple::start`]; point the licensing client at [`Apple::base_url`], the
//! push client at [`Apple::url`]. Everything that a person would do at Apple, buying
//! licences or accepting an invitation, is a method here and a request under `/sim/`.
//!
//! Subscriptions are not simulated. Answers are written
//! without the client's own types, so that a field which those misspell is found.

mod connection;
mod control;
mod delivery;
mod icon;
mod keys;
mod ledger;
mod licensing;
mod mdm_info;
mod notifier;
mod png;
mod push;
mod refusal;
pub mod sample;
mod service;
mod snapshot;
mod store_front;
mod switches;
mod token;
mod world;

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Request};
use axum::response::Response;
use axum::routing::{any, get, post};
use futures_util::future::BoxFuture;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use self::connection::{Doorway, Peer};
use self::service::{Service, State};
use self::world::World;

use crate::clock::system_clock;
use crate::facts::AppFacts;

pub use self::delivery::Notification;
pub use self::icon::Mark;
pub use self::keys::Holder;
pub use self::ledger::{AcceptError, EventStatus, EventType, Failure, User, UserStatus};
pub use self::mdm_info::MdmInfo;
pub use self::refusal::Subjects;
pub use self::sample::{App, Organisation};
pub use self::snapshot::{AssetLedger, EventLedger, Ledger, LocationLedger, Traffic, Write};
pub use self::switches::{
    Artwork, EventOrder, ExpirationDate, Fault, Garbage, Named, Omitted, Overassign, Switches, TokenErrors, Told,
    Trouble,
};
pub use self::token::{TokenKind, TokenState};
pub use self::world::{Push, Via};

pub use crate::clock::Clock;
pub use crate::facts::id_hash;
pub use crate::rng::Rng;

/// How to start. The default is the sample organisation on a free port of this machine,
/// forgotten when it stops.
#[derive(Clone)]
pub struct AppleOptions {
    /// With port 0, a free one is chosen, and taken again at a restart if it is still free.
    pub listen: SocketAddr,
    /// Where everything is kept that an answer promised. Without it, nothing survives.
    pub state_file: Option<PathBuf>,
    pub seed: u64,
    /// How long an event is pending.
    pub event_delay: Duration,
    /// How it behaves. Switches set later are forgotten at a restart.
    pub switches: Switches,
    /// What there is at the first start; not looked at when the state file exists.
    pub organisations: Vec<Organisation>,
    pub clock: Clock,
}

impl Default for AppleOptions {
    fn default() -> Self {
        AppleOptions {
            listen: SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
            state_file: None,
            seed: 1,
            event_delay: Duration::from_secs(2),
            switches: Switches::default(),
            organisations: sample::organisations(),
            clock: system_clock(),
        }
    }
}

/// Why the simulator could not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not listen on {address}")]
    Listen { address: SocketAddr, source: io::Error },
    #[error("could not use the state file {}", path.display())]
    StateFile { path: PathBuf, source: io::Error },
}

/// A running simulator. Stops when it is dropped.
pub struct Apple {
    service: Arc<Service>,
    address: SocketAddr,
    server: Option<JoinHandle<()>>,
}

impl Apple {
    pub fn start(options: AppleOptions) -> BoxFuture<'static, Result<Apple, StartError>> {
        Box::pin(Apple::start_now(options))
    }

    /// Without a socket and without a time of its own: it is asked with [`answer`](Apple::answer), and what takes time
    /// goes on by `options.clock`. Forgotten when it is dropped.
    pub fn within(options: AppleOptions) -> Apple {
        let now = (options.clock)();
        let world = World::new(&options.organisations, options.seed, now);
        let delay_ms = options.event_delay.as_millis() as i64;
        let state = State::new(world, options.switches, options.clock, delay_ms, None);
        Apple {
            service: Arc::new(Service::new(state)),
            address: options.listen,
            server: None,
        }
    }

    /// The notifications that are to be sent now, of a simulator without a socket. Whoever takes them sends them, once.
    pub fn notifications(&self) -> Vec<Notification> {
        let due = self.service.with(|state| state.deliveries());
        due.into_iter().map(Notification::from).collect()
    }

    /// Answers a request of one who is in the same process. `None` when the connection is cut.
    pub fn answer(&self, request: Request) -> BoxFuture<'static, Option<Response>> {
        let (peer, router) = (Peer::uncut(), router(self.service.clone()));
        Box::pin(async move {
            let mut request = request;
            request.extensions_mut().insert(ConnectInfo(peer.clone()));
            let Ok(response) = router.oneshot(request).await;
            (!peer.is_cut()).then_some(response)
        })
    }

    async fn start_now(options: AppleOptions) -> Result<Apple, StartError> {
        let known = match &options.state_file {
            Some(path) => load(path).map_err(|source| StartError::StateFile {
                path: path.clone(),
                source,
            })?,
            None => None,
        };
        let now = (options.clock)();
        let mut world = known.unwrap_or_else(|| World::new(&options.organisations, options.seed, now));

        let listener = listen(options.listen, world.port).await?;
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: options.listen,
            source,
        })?;
        if options.listen.port() == 0 && world.port.is_none() {
            world.port = Some(address.port());
        }
        let delay_ms = options.event_delay.as_millis() as i64;
        let state_file = options.state_file.clone();
        let mut state = State::new(world, options.switches, options.clock, delay_ms, options.state_file);
        state.changed = true;
        if let Some(path) = state_file {
            state.save().map_err(|source| StartError::StateFile { path, source })?;
        }

        state.on_the_network = true;
        let service = Arc::new(Service::new(state));
        tokio::spawn(notifier::run(service.clone()));
        let mut closing = service.closing.subscribe();
        let app = router(service.clone()).into_make_service_with_connect_info::<Peer>();
        let server = axum::serve(Doorway(listener), app).with_graceful_shutdown(async move {
            let _ = closing.wait_for(|closing| *closing).await;
        });
        let server = tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the simulated Apple stopped");
            }
        });
        tracing::info!(%address, "the simulated Apple listens");
        Ok(Apple {
            service,
            address,
            server: Some(server),
        })
    }

    /// Where the store, the push service and `/sim/` are, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Where the licensing service is: `…/mdm/v2`.
    pub fn base_url(&self) -> String {
        format!("{}/mdm/v2", self.url())
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Finishes the answers under way, and frees the port.
    pub async fn shutdown(mut self) {
        self.service.closing.send_replace(true);
        let Some(mut server) = self.server.take() else { return };
        // A client that never reads its answer must not keep us.
        if tokio::time::timeout(Duration::from_secs(5), &mut server).await.is_err() {
            server.abort();
        }
    }

    /// The text of a token file as the portal would let one download it.
    ///
    /// # Panics
    ///
    /// When none of the organisations has a token of that kind.
    pub fn token_file(&self, kind: TokenKind) -> String {
        self.service.with(|state| {
            let token = state.world.tokens.iter().find(|token| token.kind == kind);
            token
                .unwrap_or_else(|| panic!("no organisation has a token {kind:?}"))
                .text
                .clone()
        })
    }

    /// False when no organisation has a token of that kind.
    pub fn set_token_state(&self, kind: TokenKind, token_state: TokenState) -> bool {
        self.service.with(|state| state.set_token_state(kind, token_state))
    }

    /// Buys licences for the first location, or gives some back when `count` is negative.
    /// False when that is not possible.
    pub fn buy(&self, adam_id: &str, count: i64) -> bool {
        self.service.with(|state| state.buy(None, adam_id, count))
    }

    /// The store has a newer version of an app, for whoever asks from now on.
    pub fn publish(&self, adam_id: &str, version: &str) -> bool {
        self.service.with(|state| state.publish(adam_id, version))
    }

    /// Apple takes refunded licences of the first location back; owned may fall below assigned.
    pub fn refund(&self, adam_id: &str, count: i64) -> bool {
        self.service
            .with(|state| state.alter(None, |location, now| location.refund(adam_id, count, now)))
    }

    /// Another server of the first location binds a licence. False when none is free, or it is bound already.
    pub fn foreign_assign(&self, adam_id: &str, holder: &Holder) -> bool {
        self.service
            .with(|state| state.alter(None, |location, now| location.foreign_assign(adam_id, holder, now)))
    }

    /// Another server of the first location takes a licence back.
    pub fn foreign_unassign(&self, adam_id: &str, holder: &Holder) -> bool {
        self.service
            .with(|state| state.alter(None, |location, now| location.foreign_unassign(adam_id, holder, now)))
    }

    /// Somebody else retires a person of the first location.
    pub fn retire(&self, client_user_id: &str) -> bool {
        self.service
            .with(|state| state.alter(None, |location, now| location.retire(client_user_id, now)))
    }

    /// Every write that arrived since the start, in order: whose, what, when, and what was answered.
    pub fn writes(&self) -> Vec<Write> {
        self.service.with(|state| state.writes.clone())
    }

    /// Another server takes the first location, or `None` lets go of it.
    pub fn set_mdm_info(&self, mdm_info: Option<MdmInfo>) {
        self.service.with(|state| state.set_mdm_info(None, mdm_info));
    }

    /// A person opens the invitation, signs in with an account, and agrees.
    pub fn accept(&self, invite_code: &str, account: &str) -> Result<User, AcceptError> {
        self.service.with(|state| state.accept(invite_code, account))
    }

    pub fn ledger(&self) -> Ledger {
        self.service.with(|state| state.ledger())
    }

    pub fn switches(&self) -> Switches {
        self.service.with(|state| state.switches.clone())
    }

    /// Changes the behaviour from the next request on.
    pub fn switch(&self, change: impl FnOnce(&mut Switches)) {
        self.service.with(|state| change(&mut state.switches));
    }

    /// Pushes after the one with that id, as soon as there are any, and the id to go on from.
    pub async fn pushes(&self, after: u64, wait: Duration) -> (Vec<Push>, u64) {
        push::wait_for_pushes(&self.service, after, wait).await
    }

    /// How many pushes were refused with 503, because [`Switches::push_unavailable`] said so.
    pub fn pushes_refused(&self) -> u64 {
        self.service.with(|state| state.world.pushes.refused)
    }

    /// Answers pushes to a token (in hex) with 410 from now on, or no longer.
    pub fn set_push_token_dead(&self, token: &str, dead: bool) {
        self.service.with(|state| state.set_push_token_dead(token, dead));
    }

    /// Whether the store lets a device with this serial number and account install an app.
    pub fn licence(&self, adam_id: &str, serial: &str, account: &str) -> Option<Via> {
        self.service.with(|state| state.licence(adam_id, serial, account))
    }

    /// An app as the store describes it to a device, by its number or by its bundle identifier.
    pub fn app_facts(&self, adam_id: Option<&str>, bundle_id: Option<&str>) -> Option<AppFacts> {
        self.service.with(|state| {
            let mut catalogue = state.world.catalogue.iter();
            let app = catalogue.find(|app| match (adam_id, bundle_id) {
                (Some(id), _) => app.adam_id == id,
                (None, id) => id == Some(app.bundle_id.as_str()),
            })?;
            Some(AppFacts {
                adam_id: app.adam_id.clone(),
                bundle_id: app.bundle_id.clone(),
                name: app.name_en.clone(),
                version: app.version.clone(),
                external_version_id: app.external_version,
                platforms: app.platforms.clone(),
                device_families: app.device_families.clone(),
                minimum_os: app.minimum_os.clone(),
            })
        })
    }

    /// Pushes after the one with that id.
    pub fn pushes_so_far(&self, after: u64) -> Vec<Push> {
        self.service.with(|state| {
            let queue = state.world.pushes.queue.iter();
            queue.filter(|push| push.id > after).cloned().collect()
        })
    }
}

impl Drop for Apple {
    fn drop(&mut self) {
        self.service.closing.send_replace(true);
    }
}

fn router(service: Arc<Service>) -> Router {
    Router::new()
        .route("/mdm/v2/{*path}", any(licensing::answer))
        .route("/lookup", get(store_front::lookup))
        .route("/icons/{file}", get(store_front::icon))
        .route("/icons/{adam_id}/{size}", get(store_front::sized_icon))
        .route(
            "/invite",
            get(store_front::invitation).post(store_front::invitation_accepted),
        )
        .route("/3/device/{token}", post(push::accept))
        .route("/sim/pushes", get(push::pushes))
        .route("/sim/dead-token", post(control::dead_token))
        .route("/sim/licence", get(control::licence))
        .route("/sim/apps", get(control::apps))
        .route("/sim/accept", post(control::accept))
        .route("/sim/buy", post(control::buy))
        .route("/sim/refund", post(control::refund))
        .route("/sim/publish", post(control::publish))
        .route("/sim/foreign", post(control::foreign))
        .route("/sim/retire", post(control::retire))
        .route("/sim/writes", get(control::writes))
        .route("/sim/mdm-info", post(control::mdm_info))
        .route("/sim/switches", get(control::switches).post(control::set_switches))
        .route("/sim/ledger", get(control::ledger))
        .route("/sim/tokens", get(control::tokens))
        .route("/sim/token-state", post(control::token_state))
        .with_state(service)
}

fn load(path: &Path) -> io::Result<Option<World>> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(serde_json::from_slice(&bytes)?)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Listens where it is told to; where the port is free to choose, first where it was before.
async fn listen(address: SocketAddr, earlier_port: Option<u16>) -> Result<TcpListener, StartError> {
    if let (0, Some(port)) = (address.port(), earlier_port)
        && let Ok(listener) = TcpListener::bind(SocketAddr::new(address.ip(), port)).await
    {
        return Ok(listener);
    }
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}
