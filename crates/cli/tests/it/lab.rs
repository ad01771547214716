//! A laboratory: a server, a simulated Apple and a fleet of devices, in this process, on real sockets.

use std::{
    collections::BTreeSet,
    net::Ipv4Addr,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    process::Command,
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicI64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

use domain::{
    Approval, AssetId, GroupId, GroupKind, InstallState, Installation, LicenseType, Patience, PersonId, Policy,
};
use secrecy::ExposeSecret;
use server::{
    App, Clock, Config,
    app::{
        AppError, Base, Caller, contract::Agreed, deployments::DeploymentChoice, groups::NewGroup, people::NewPerson,
        tokens::TokenUpload,
    },
    serve::{self, Running},
};
use sim::{
    apple::{self, Apple, AppleOptions, Holder, Organisation, Switches, TokenKind},
    devices::{DeviceSpec, Fleet, FleetOptions, Prompt, Timings},
};
use store::testing::Fresh;
use tokio::net::TcpListener;
use uuid::Uuid;

use crate::{
    derived::is_as_decided,
    oracle::{self, Foreign, Sides},
};

pub const TOPIC: &str = "com.apple.mgmt.External.test";
pub use world::{PATIENCE, until};

/// Which database a story is told on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Database {
    Sqlite,
    Postgres,
}

pub struct Lab {
    pub app: App,
    pub apple: Apple,
    pub fleet: Fleet,
    pub url: String,
    /// What is somebody else's at Apple.
    pub foreign: Foreign,
    running: Option<Running>,
    // Dropped last: the folder with the database.
    fresh: Fresh,
}

/// What a story starts with.
pub struct Setup {
    pub database: Database,
    pub organisations: Vec<Organisation>,
    pub policy: Policy,
    /// How Apple behaves from the start.
    pub switches: Switches,
    /// What differs from [`quick_config`].
    pub adjust: fn(&mut Config),
    pub clock: Clock,
}

impl Setup {
    pub fn on(database: Database) -> Setup {
        let mut switches = Switches::unhurried();
        oracle::strict(&mut switches);
        Setup {
            database,
            organisations: apple::sample::organisations(),
            policy: quick_policy(),
            switches,
            adjust: |_| {},
            clock: Clock::System,
        }
    }
}

/// A clock that goes as the machine's does, and jumps when a story says so.
pub struct TestClock {
    now: Arc<AtomicI64>,
    ahead_ms: Arc<AtomicI64>,
    /// Held by whoever changes the time.
    still: Arc<Mutex<bool>>,
    ticking: tokio::task::JoinHandle<()>,
}

impl TestClock {
    pub fn start() -> TestClock {
        let read = |ahead_ms: &AtomicI64| Clock::System.now().ms() + ahead_ms.load(Ordering::SeqCst);
        let ahead_ms = Arc::new(AtomicI64::new(0));
        let now = Arc::new(AtomicI64::new(read(&ahead_ms)));
        let still = Arc::new(Mutex::new(false));
        let (hand, ahead, stands) = (now.clone(), ahead_ms.clone(), still.clone());
        let ticking = tokio::spawn(async move {
            loop {
                {
                    let stands = stands.lock().expect("nobody panicked");
                    if !*stands {
                        hand.store(read(&ahead), Ordering::SeqCst);
                    }
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        });
        TestClock {
            now,
            ahead_ms,
            still,
            ticking,
        }
    }

    /// Whether it stands still: then nothing becomes due but by a [`jump`](Self::jump).
    pub fn stands_still(&self, still: bool) {
        *self.still.lock().expect("nobody panicked") = still;
    }

    pub fn clock(&self) -> Clock {
        Clock::Manual(self.now.clone())
    }

    pub fn jump(&self, by: Duration) {
        let by_ms = i64::try_from(by.as_millis()).expect("a jump within reason");
        let _held = self.still.lock().expect("nobody panicked");
        self.ahead_ms.fetch_add(by_ms, Ordering::SeqCst);
        self.now.fetch_add(by_ms, Ordering::SeqCst);
    }
}

impl Drop for TestClock {
    fn drop(&mut self) {
        self.ticking.abort();
    }
}

/// Like the default, with waits that suit a test.
pub fn quick_policy() -> Policy {
    Policy {
        first_check_after: Duration::from_millis(150),
        retry_after: Duration::from_millis(300),
        ..Policy::default()
    }
}

pub fn install_crypto() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    });
}

/// A configuration that points to this Apple and waits for nothing longer than needed.
pub fn quick_config(listen: std::net::SocketAddr, database_url: String, folder: &Path, apple: &Apple) -> Config {
    let mut config = Config::local(listen, database_url, folder.join("key"), format!("http://{listen}"));
    config.apple.licensing_url = apple.base_url();
    config.apple.push_url = apple.url();
    config.apple.icon_hosts = vec![apple.address().into()];
    config.apple.poll_every = Duration::from_millis(200);
    config.apple.event_poll_every = Duration::from_millis(100);
    config.apple.patience = Patience {
        request: Duration::from_secs(10),
        event: Duration::from_secs(60),
        lag: Duration::from_millis(200),
    };
    config.mdm.push_topic = Some(TOPIC.to_owned());
    config.mdm.push_again_after = Duration::from_millis(500);
    config.reconcile_every = Duration::from_millis(100);
    config
}

/// Deploys an app to this group only, by somebody who knows how many licences that takes back.
pub async fn deploy(app: &App, asset: AssetId, group: GroupId, approval: Approval) {
    deploy_with(app, asset, group, approval, LicenseType::User).await;
}

/// The same with licences of this kind.
pub async fn deploy_with(app: &App, asset: AssetId, group: GroupId, approval: Approval, license_type: LicenseType) {
    let choice = DeploymentChoice {
        group,
        approval,
        deadline: None,
        license_type,
        installation: Installation::Managed,
        kept_licenses: 0,
    };
    deploy_so(app, asset, choice).await;
}

/// The same, as chosen.
pub async fn deploy_so(app: &App, asset: AssetId, choice: DeploymentChoice) {
    let mut agreed = Agreed::default();
    loop {
        let saved = app.deployments_save(&Caller::System, asset, Base::Latest, vec![choice], &agreed);
        match saved.await {
            // Another number by now, when licences move at this moment.
            Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
            saved => return saved.expect("a deployment"),
        }
    }
}

/// Replaces the members of a group, by somebody who knows how many licences that takes back.
pub async fn members_are(app: &App, group: GroupId, members: &[Uuid]) {
    let mut agreed = Agreed::default();
    loop {
        let saved = app.group_members_set(&Caller::System, group, Base::Latest, members, &agreed);
        match saved.await {
            // Another number by now, when licences move at this moment.
            Err(AppError::TakesBack(licences, _)) => agreed.take_back = Some(licences),
            saved => return saved.expect("members"),
        }
    }
}

impl Lab {
    pub async fn open(setup: Setup) -> Lab {
        install_crypto();
        let fresh = match setup.database {
            Database::Sqlite => Fresh::sqlite(),
            Database::Postgres => Fresh::postgres().await,
        };
        let apple = Apple::start(AppleOptions {
            event_delay: Duration::from_millis(50),
            switches: setup.switches,
            organisations: setup.organisations,
            ..AppleOptions::default()
        })
        .await
        .expect("a simulated Apple");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let listen = listener.local_addr().expect("an address");
        let mut config = quick_config(listen, fresh.url().to_owned(), fresh.folder(), &apple);
        (setup.adjust)(&mut config);
        let foreign = Foreign::of(&apple);
        let url = config.public_url.clone();
        let running = serve::serve_on(config, setup.clock, listener).await.expect("a server");
        let fleet = Fleet::start(FleetOptions {
            apple_url: apple.url(),
            timings: Timings::fast(),
            ..FleetOptions::default()
        })
        .await
        .expect("a fleet");
        let app = running.app.clone();
        app.policy_set(&Caller::System, Base::Latest, setup.policy)
            .await
            .expect("a policy");
        Lab {
            app,
            apple,
            fleet,
            url,
            foreign,
            running: Some(running),
            fresh,
        }
    }

    pub async fn close(mut self) {
        if let Some(running) = self.running.take() {
            is_as_decided(&self.app).await;
            running.stop().await;
        }
        self.fleet.stop();
        self.apple.shutdown().await;
        self.fresh.close().await;
    }

    /// Everything but the server, whose place another one may take.
    pub async fn without_server(mut self) -> Lab {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        self
    }

    /// Where the devices look for the server.
    pub fn listen(&self) -> std::net::SocketAddr {
        let address = self.url.trim_start_matches("http://");
        address.parse().expect("an address")
    }

    pub async fn stop_server(&mut self) {
        self.running.take().expect("a server that runs").stop().await;
    }

    /// Starts it again where devices know it, on another database.
    pub async fn start_server_on(&mut self, database_url: &str) {
        let mut config = self.app.config.clone();
        config.database_url = database_url.to_owned();
        let running = serve::serve(config, self.app.clock.clone()).await.expect("a server");
        self.app = running.app.clone();
        self.running = Some(running);
    }

    /// Uploads the token of that kind and confirms it.
    pub async fn link(&self, kind: TokenKind) {
        link_token(&self.app, &self.apple, kind).await;
    }

    pub async fn person(&self, name: &str) -> PersonId {
        let new = NewPerson {
            name: name.to_owned(),
            email: None,
            department: None,
            office: None,
        };
        self.app.person_add(&Caller::System, new).await.expect("a person")
    }

    pub async fn group(&self, name: &str, people: &[PersonId]) -> GroupId {
        let new = NewGroup {
            name: name.to_owned(),
            kind: GroupKind::User,
            priority: 0,
            rule: None,
        };
        let id = self.app.group_add(&Caller::System, new).await.expect("a group");
        let members: Vec<_> = people.iter().map(|person| person.0).collect();
        members_are(&self.app, id, &members).await;
        id
    }

    pub async fn enrol(&self, person: PersonId, spec: DeviceSpec) {
        let link = self.app.enrolment_link(&Caller::System, person).await.expect("a link");
        self.fleet
            .enrol(spec, link.expose_secret())
            .await
            .expect("an enrolment");
    }

    /// For nobody.
    pub async fn enrol_for_nobody(&self, spec: DeviceSpec) {
        let link = self
            .app
            .enrolment_link_for_nobody(&Caller::System)
            .await
            .expect("a link");
        self.fleet
            .enrol(spec, link.expose_secret())
            .await
            .expect("an enrolment");
    }

    pub async fn deploy(&self, app: AssetId, group: GroupId, approval: Approval) {
        deploy(&self.app, app, group, approval).await;
    }

    /// The app with this `adamId`, once it is synced and described.
    pub async fn app_known(&self, adam_id: &str) -> AssetId {
        let mut found = None;
        until("the app is known", async || {
            let Some(overview) = self.app.overview().await.expect("an overview") else {
                return false;
            };
            found = overview
                .apps
                .iter()
                .find(|app| app.row.adam_id == adam_id && app.facts.bundle_id.is_some())
                .map(|app| app.row.id);
            found.is_some()
        })
        .await;
        found.expect("the app")
    }

    /// How many licences of the app there are, as far as we know.
    pub async fn owned(&self, app: AssetId) -> i64 {
        self.app.store.app(app).await.expect("a row").expect("the app").owned
    }

    /// On how many devices the app is proved to be.
    pub async fn installed(&self, app: AssetId) -> usize {
        let overview = self.app.overview().await.expect("an overview").expect("a location");
        let people = overview.app(app).map(|app| app.decision.people.values());
        let devices = people.into_iter().flatten().flat_map(|person| person.devices.values());
        devices.filter(|device| device.state == InstallState::Installed).count()
    }

    /// A folder that goes with the laboratory.
    pub fn folder(&self) -> &Path {
        self.fresh.folder()
    }

    /// Serial numbers of devices that hold the app in Apple's own books.
    pub fn apple_devices(&self, adam_id: &str) -> BTreeSet<String> {
        let ledger = self.apple.ledger();
        let holders = ledger.main().holders(adam_id).iter().filter_map(|holder| match holder {
            Holder::Device(serial) => Some(serial.clone()),
            Holder::User(_) => None,
        });
        holders.collect()
    }

    /// Client users that hold the app in Apple's own books.
    pub fn apple_holders(&self, adam_id: &str) -> BTreeSet<String> {
        let ledger = self.apple.ledger();
        let holders = ledger.main().holders(adam_id).iter().filter_map(|holder| match holder {
            Holder::User(user) => Some(user.clone()),
            Holder::Device(_) => None,
        });
        holders.collect()
    }

    /// How many transactions in its database, on PostgreSQL, wait for one that stands still after it asked for a row of this
    /// table. The product's own wait for one another, too, when the machine is busy.
    pub fn waiting_for_who_read(&self, table: &str) -> u32 {
        let query = format!(
            "SELECT COUNT(*) FROM pg_stat_activity AS waits, pg_stat_activity AS stands
             WHERE waits.datname = current_database() AND waits.wait_event_type = 'Lock'
               AND stands.pid = ANY (pg_blocking_pids(waits.pid)) AND stands.state = 'idle in transaction'
               AND stands.query LIKE 'SELECT%FROM {table} WHERE%'"
        );
        let out = Command::new("psql")
            .args([
                &self.app.config.database_url,
                "--tuples-only",
                "--no-align",
                "--command",
                &query,
            ])
            .output()
            .expect("psql");
        let said = String::from_utf8_lossy(&out.stdout);
        said.trim().parse().expect("a count")
    }

    /// Apple's ledger, our books and the devices agree row by row, once nothing is under way.
    pub async fn agrees_with_apple(&self) {
        oracle::all_agree(self.sides()).await;
    }

    /// Waits where looks at Apple are hours apart: somebody asks for one as often as it takes.
    pub async fn until_asking(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        until(what, async || {
            self.app.sync_now(&Caller::System).await.expect("a sync");
            until("it is over", async || {
                self.app.sync_open().await.expect("a sync").is_none()
            })
            .await;
            holds().await
        })
        .await;
    }

    /// [`agrees_with_apple`](Self::agrees_with_apple) where looks at Apple are hours apart.
    pub async fn agrees_when_asked(&self) {
        self.until_asking("all agree", async || self.sides().differences().await.is_empty())
            .await;
    }

    pub fn sides(&self) -> Sides<'_> {
        Sides {
            app: &self.app,
            apple: &self.apple,
            fleet: Some(&self.fleet),
            foreign: &self.foreign,
        }
    }
}

/// Uploads the token of that kind and confirms it.
pub async fn link_token(app: &App, apple: &Apple, kind: TokenKind) {
    let upload = TokenUpload {
        file: apple.token_file(kind).into_bytes(),
        display_name: "본사 토큰".to_owned(),
        apple_id: "vpp@example.com".to_owned(),
    };
    let id = app
        .token_read(&Caller::System, upload)
        .await
        .expect("a token that is taken");
    app.token_link(&Caller::System, id, true).await.expect("a link");
}

/// Uploads the token and confirms it as often as it takes, like somebody who is told that Apple has trouble.
pub async fn link_patiently(app: &App, apple: &Apple, kind: TokenKind) {
    until("the token is linked", async || {
        let upload = TokenUpload {
            file: apple.token_file(kind).into_bytes(),
            display_name: "본사 토큰".to_owned(),
            apple_id: "vpp@example.com".to_owned(),
        };
        let Ok(id) = app.token_read(&Caller::System, upload).await else {
            return false;
        };
        app.token_link(&Caller::System, id, true).await.is_ok()
    })
    .await;
}

/// A supervised iPhone whose owner accepts at once.
pub fn iphone(number: usize) -> DeviceSpec {
    DeviceSpec {
        name: format!("iPhone {number}"),
        serial: format!("TEST{number:06}"),
        product_name: "iPhone15,4".to_owned(),
        os_version: "18.1".to_owned(),
        supervised: true,
        account: Some(format!("person{number}@account.example")),
        accepts_invitation_after: Some(Duration::from_millis(50)),
        prompt: Prompt::Accept {
            after: Duration::from_millis(50),
        },
        download_time: Duration::from_millis(50),
        ..DeviceSpec::default()
    }
}

/// Tells a story of each, several at once, each in a thread of its own. Says which of them ended badly, by name.
pub fn each<N: AsRef<str> + Sync, T: Clone + Sync, F: Future<Output = ()>>(
    of: &[(N, T)],
    story: impl Fn(T) -> F + Sync,
) {
    const AT_ONCE: usize = 8;
    let (next, badly) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let tell = || {
        while let Some((name, one)) = of.get(next.fetch_add(1, Ordering::SeqCst)) {
            let mut runtime = tokio::runtime::Builder::new_current_thread();
            let runtime = runtime.enable_all().build().expect("a runtime");
            let begun = Instant::now();
            let told = catch_unwind(AssertUnwindSafe(|| runtime.block_on(story(one.clone()))));
            eprintln!("told in {:?}: {}", begun.elapsed(), name.as_ref());
            if told.is_err() {
                badly.lock().expect("nobody panics here").push(name.as_ref());
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE.min(of.len()) {
            scope.spawn(tell);
        }
    });
    let badly = badly.into_inner().expect("nobody panics here");
    assert!(badly.is_empty(), "ended badly: {badly:#?}");
}
