//! The world, and everything that happens in it.

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, Ordering},
    },
    time::Duration,
};

use domain::{
    Approval, AssetId, GroupId, GroupKind, Installation, LicenseType, MembershipRule, Patience, PersonId, Policy,
    ReclaimRules, Time,
};
use server::{
    App, Clock, Config,
    app::{AppError, Base, Caller, deployments::DeploymentChoice, groups::NewGroup, notifications::NotTaken},
    cause, clock,
    config::Notifications,
    serve, tasks,
};
use sim::{
    apple::{Apple, AppleOptions, Notification, Organisation, Rng, Switches, TokenKind, Via, sample},
    devices::{AppFacts, DeviceSnapshot, Hand, Licence, Market},
};
use store::testing::Fresh;

use crate::{
    flights::{Beat, Flight},
    network::Network,
    options::{Broken, Database, Options},
    oracle::{self, Foreign},
};

pub const TOPIC: &str = "com.apple.mgmt.External.world";
pub const SECOND: i64 = 1000;
pub const MINUTE: i64 = 60 * SECOND;
pub const HOUR: i64 = 60 * MINUTE;
pub const DAY: i64 = 24 * HOUR;
/// So long a server is believed to be alive without a sign of life.
pub const LEASE: i64 = 10 * SECOND;
/// Where those work whom a rule looks for.
pub const DEPARTMENT: &str = "Sales";

/// What a person is called.
pub fn name_of(number: usize) -> String {
    format!("person {number}")
}

/// Some Monday morning.
pub const BEGINS: i64 = 1_795_410_000_000;

/// The loops of a server, in no order.
pub const LOOPS: [&str; 14] = [
    "location",
    "location",
    "location",
    "location",
    "location",
    "read",
    "read",
    "scrub",
    "signs",
    "silence",
    "leavers",
    "push",
    "membership",
    "retention",
];

/// All of them, in the order of a quiet round.
pub const ALL_LOOPS: [&str; 12] = [
    "time",
    "membership",
    "retention",
    "tidy",
    "signs",
    "silence",
    "leavers",
    "read",
    "location",
    "describing",
    "push",
    "scrub",
];
/// Those that what a device says concerns.
pub const AFTER_DEVICES: [&str; 2] = ["membership", "location"];

/// A server of ours: `None` while it is dead.
pub struct Server {
    pub app: Option<App>,
    pub hand: Arc<clock::ByHand>,
    pub clock: Clock,
    pub scrub: Arc<tasks::scrub::Scrub>,
    /// How many lives it has had.
    pub lives: u64,
}

/// What the world itself did that a promise is not about.
#[derive(Default)]
pub struct Excused {
    /// How many licences of each app are gone of which our books do not know yet.
    pub unheard: BTreeMap<String, i64>,
    /// Another server had the location, once.
    pub owner: bool,
}

/// What was seen so far.
#[derive(Default)]
pub struct Seen {
    /// How many of Apple's writes were looked at.
    pub writes: usize,
    /// Who was ever seen with a licence at Apple: `adamId`, and client user or serial number.
    pub confirmed: BTreeSet<(String, String)>,
    /// Which apps a device has ever called its own, by serial number and bundle identifier.
    pub told: BTreeSet<(String, String)>,
    /// The other server has the location.
    pub taken_over: bool,
}

/// A change that an administrator has seen the preview of, and has not saved yet.
pub struct Draft {
    pub asset: AssetId,
    pub choices: Vec<DeploymentChoice>,
    pub version: i64,
    pub digest: String,
    /// What the app was deployed as then.
    pub lines: Vec<Line>,
}

/// What somebody chose, without times: they move along when a clock is set.
pub type Line = (GroupId, Approval, LicenseType, Installation);

/// Whose a device is, and what it speaks with.
pub struct Owner {
    /// `None` of one that belongs to nobody.
    pub person: Option<PersonId>,
    pub identity: String,
    pub name: usize,
}

pub struct World {
    pub rng: Rng,
    pub options: Options,
    pub now: Arc<AtomicI64>,
    pub apple: Arc<Apple>,
    pub network: Arc<Network>,
    pub hand: Hand,
    pub servers: Vec<Server>,
    pub flights: Vec<Flight>,
    /// Servers that may still have a lease, and died.
    pub dead: Vec<String>,
    pub ids: u64,
    pub beat: Beat,
    pub config: Config,
    pub people: Vec<PersonId>,
    pub gone: BTreeSet<PersonId>,
    /// Groups of people that administrators fill.
    pub groups: Vec<GroupId>,
    /// Groups that fill themselves: of people by their department, and of devices.
    pub by_rule: Vec<(GroupId, GroupKind)>,
    /// What administrators have in front of them.
    pub drafts: Vec<Draft>,
    /// Long silences there were.
    pub silences: usize,
    /// `adamId`, asset, bundle identifier.
    pub apps: Vec<(String, AssetId, String)>,
    pub owners: BTreeMap<String, Owner>,
    pub foreign: Foreign,
    pub excused: Excused,
    pub seen: Seen,
    pub counts: BTreeMap<String, usize>,
    pub pushes: u64,
    /// What Apple said by itself, and what has not arrived yet.
    pub notices: Vec<Notification>,
    /// What it proved itself with.
    pub shared: BTreeSet<String>,
    /// For what befalls those: all else happens as it would without them.
    pub chance: Rng,
    pub log: Arc<Mutex<Vec<String>>>,
    pub fresh: Fresh,
    /// What the database was some time ago, for a guard that is broken.
    pub backup: Option<Vec<u8>>,
}

pub struct Shop<'a>(pub &'a Apple);

impl Market for Shop<'_> {
    fn app(&self, adam_id: Option<&str>, bundle_id: Option<&str>) -> Option<AppFacts> {
        self.0.app_facts(adam_id, bundle_id)
    }

    fn licence(&self, adam_id: &str, serial: &str, account: Option<&str>) -> Licence {
        match self.0.licence(adam_id, serial, account.unwrap_or_default()) {
            None => Licence::None,
            Some(Via::Device) => Licence::Device,
            Some(Via::User) => Licence::User,
        }
    }
}

impl oracle::Devices for Vec<DeviceSnapshot> {
    fn devices(&self) -> Vec<DeviceSnapshot> {
        self.clone()
    }
}

/// Three apps, few licences, and somebody else's people with some of them.
fn organisation(rng: &mut Rng) -> Organisation {
    let mut organisation = sample::organisation();
    organisation
        .assets
        .retain(|app| app.device_families.iter().any(|family| family == "iphone"));
    organisation.assets.truncate(3);
    for app in &mut organisation.assets {
        app.total = 1 + rng.below(4) as i64;
        app.minimum_os = "15.0".to_owned();
        app.device_assignable = rng.chance(0.8);
    }
    let apps: BTreeMap<String, i64> = organisation
        .assets
        .iter()
        .map(|app| (app.adam_id.clone(), app.total))
        .collect();
    let mut left = apps;
    for user in &mut organisation.users {
        user.holds.retain(|adam_id| {
            let Some(free) = left.get_mut(adam_id) else {
                return false;
            };
            *free -= 1;
            *free >= 0
        });
    }
    organisation
}

/// A database with nothing in it: its tables, and the device authority, take longer to make than most worlds live.
#[derive(Clone)]
struct Empty {
    database: Vec<u8>,
    key: Vec<u8>,
}

impl Empty {
    async fn of_this_process(config: &Config) -> Result<Empty, String> {
        static EMPTY: tokio::sync::OnceCell<Empty> = tokio::sync::OnceCell::const_new();
        EMPTY.get_or_try_init(|| Empty::made(config.clone())).await.cloned()
    }

    async fn made(mut config: Config) -> Result<Empty, String> {
        let fresh = Fresh::sqlite();
        let copy = fresh.folder().join("copy");
        config.database_url = fresh.url().to_owned();
        config.key_file = fresh.folder().join("key");
        let (clock, _hand) = Clock::by_hand(Time(BEGINS));
        let app = serve::open(config.clone(), clock).await.map_err(said)?;
        app.store.backup(&copy).await.map_err(said)?;
        app.store.close().await;
        let read = |path: &std::path::Path| std::fs::read(path).map_err(said);
        Ok(Empty {
            database: read(&copy)?,
            key: read(&config.key_file)?,
        })
    }

    fn copied_to(&self, config: &Config) -> Result<(), String> {
        let path = config.database_url.trim_start_matches("sqlite:");
        for (path, bytes) in [(path.as_ref(), &self.database), (config.key_file.as_path(), &self.key)] {
            let mut options = std::fs::OpenOptions::new();
            options.write(true).create(true).truncate(true);
            // A key that others may read is not taken.
            #[cfg(unix)]
            std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
            let mut file = options.open::<&std::path::Path>(path).map_err(said)?;
            file.write_all(bytes).map_err(said)?;
        }
        Ok(())
    }
}

impl World {
    /// # Errors
    ///
    /// When it does not come so far that anything can happen.
    pub async fn begin(options: Options, beat: Beat, log: Arc<Mutex<Vec<String>>>) -> Result<World, String> {
        let mut rng = Rng::new(options.seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x5eed);
        let now = Arc::new(AtomicI64::new(BEGINS));
        let mut switches = Switches::unhurried();
        oracle::strict(&mut switches);
        let told = now.clone();
        let apple = Arc::new(Apple::within(AppleOptions {
            listen: SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 9),
            seed: options.seed,
            event_delay: Duration::from_millis(500),
            organisations: vec![
                organisation(&mut rng),
                sample::other_account(),
                sample::managed_elsewhere(),
            ],
            switches,
            clock: Arc::new(move || told.load(Ordering::SeqCst)),
            ..AppleOptions::default()
        }));
        let network = Arc::new(Network::new(apple.clone(), now.clone()));
        let fresh = match options.database {
            Database::Sqlite => Fresh::sqlite(),
            Database::Postgres => Fresh::postgres().await,
        };
        let listen = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 8443);
        let mut config = Config::local(listen, fresh.url(), fresh.folder().join("key"), "http://allotment.test");
        config.apple.licensing_url = apple.base_url();
        config.apple.push_url = apple.url();
        config.mdm.push_topic = Some(TOPIC.to_owned());
        // Every other Apple reaches us; where a guard is broken, what it is for is not to be noticed before its time.
        config.apple.notifications = match options.provoked.is_none() && options.seed.is_multiple_of(2) {
            true => Notifications::At("https://allotment.test".to_owned()),
            false => Notifications::Off,
        };
        if options.broken == Some(Broken::Horizon) {
            config.apple.patience = Patience {
                event: Duration::ZERO,
                request: Duration::from_secs(2),
                lag: Duration::ZERO,
            };
        }
        if options.broken == Some(Broken::Lag) {
            config.apple.patience.lag = Duration::ZERO;
        }
        if options.database == Database::Sqlite {
            Empty::of_this_process(&config).await?.copied_to(&config)?;
        }
        let foreign = Foreign::of(&apple);
        let mut world = World {
            hand: Hand::new(options.seed, 2 * SECOND),
            servers: Vec::new(),
            flights: Vec::new(),
            dead: Vec::new(),
            ids: 0,
            beat,
            config,
            people: Vec::new(),
            gone: BTreeSet::new(),
            groups: Vec::new(),
            by_rule: Vec::new(),
            drafts: Vec::new(),
            silences: 0,
            apps: Vec::new(),
            owners: BTreeMap::new(),
            foreign,
            excused: Excused::default(),
            seen: Seen::default(),
            counts: BTreeMap::new(),
            pushes: 0,
            notices: Vec::new(),
            shared: BTreeSet::new(),
            chance: Rng::new(options.seed ^ 0x0071_f1ca),
            log,
            fresh,
            backup: None,
            rng,
            options,
            now,
            apple,
            network,
        };
        world.populate().await?;
        Ok(world)
    }

    /// A token is linked, the apps are known, there are people with devices, and groups.
    pub async fn populate(&mut self) -> Result<(), String> {
        if self.options.broken == Some(Broken::RepeatedWrites) {
            self.network.repeats_writes();
        }
        if self.options.broken == Some(Broken::Owner) {
            self.network.hides_the_owner();
        }
        let servers = 1 + usize::from(self.rng.chance(0.35));
        for _ in 0..servers {
            let (clock, hand) = Clock::by_hand(Time(self.true_now()));
            self.servers.push(Server {
                app: None,
                hand,
                clock,
                scrub: Arc::default(),
                lives: 0,
            });
        }
        for server in 0..servers {
            self.starts(server).await?;
        }
        let app = self.anybody().ok_or("nobody serves")?;
        // By chance of their own: the rest of the history is what it would be without them.
        let mut rules = Rng::new(self.options.seed ^ 0x7265_636c);
        let policy = Policy {
            reclaim: ReclaimRules {
                left_all_groups: !rules.chance(0.25),
                removed_after: rules.chance(0.25).then(|| Duration::from_secs(24 * 3600)),
            },
            inventory_every: Duration::from_secs(6 * 3600),
            wiping: self.rng.chance(0.5),
            silent_after: self.rng.chance(0.3).then(|| Duration::from_secs(5 * 24 * 3600)),
            ..Policy::default()
        };
        app.policy_set(&Caller::System, Base::Latest, policy)
            .await
            .map_err(said)?;
        self.links().await?;
        for name in ["read", "describing", "location"] {
            self.lands(0, name).await?;
        }
        let location = app.store.location_linked().await.map_err(said)?.ok_or("no location")?;
        for row in app.store.apps(location.id).await.map_err(said)? {
            let Some(bundle) = row.bundle_id else {
                return Err(format!("{} was not described", row.adam_id));
            };
            self.apps.push((row.adam_id, row.id, bundle));
        }
        let people = 2 + self.rng.below(3);
        for _ in 0..people {
            self.somebody_comes().await?;
        }
        for number in 0..2 {
            let new = NewGroup {
                name: format!("group {number}"),
                kind: GroupKind::User,
                priority: number,
                rule: None,
            };
            self.groups
                .push(app.group_add(&Caller::System, new).await.map_err(said)?);
        }
        for (name, kind, rule) in [
            (
                "by department",
                GroupKind::User,
                format!("user.department -eq \"{DEPARTMENT}\""),
            ),
            (
                "supervised",
                GroupKind::Device,
                "device.isSupervised -eq true".to_owned(),
            ),
        ] {
            let new = NewGroup {
                name: name.to_owned(),
                kind,
                priority: 2,
                rule: Some(MembershipRule::parse(kind, &rule, |_| None).map_err(said)?),
            };
            let group = app.group_add(&Caller::System, new).await.map_err(said)?;
            self.by_rule.push((group, kind));
        }
        for _ in 0..4 {
            self.membership_changes().await?;
        }
        self.somebody_deploys().await?;
        match self.options.broken {
            Some(Broken::Version) => app.store.versions_lost().await.map_err(said)?,
            Some(broken) => {
                if let Some(trigger) = broken.trigger() {
                    app.store.guard_lost(trigger).await.map_err(said)?;
                }
            }
            None => {}
        }
        Ok(())
    }

    pub fn say(&self, what: impl Into<String>) {
        let mut log = self.log.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let at = (self.true_now() - BEGINS) / SECOND;
        log.push(format!("{:>7} s  {}", at, what.into()));
    }

    pub fn true_now(&self) -> i64 {
        self.now.load(Ordering::SeqCst)
    }

    pub fn stores(&self) -> Vec<store::Store> {
        let living = self.servers.iter().filter_map(|server| server.app.as_ref());
        living.map(|app| app.store.clone()).collect()
    }

    /// Any server that lives.
    pub fn anybody(&self) -> Option<App> {
        self.servers.iter().find_map(|server| server.app.clone())
    }

    pub fn somebody(&mut self) -> Option<(usize, App)> {
        let living: Vec<usize> = (0..self.servers.len())
            .filter(|at| self.servers[*at].app.is_some())
            .collect();
        let at = *living.get(self.rng.below(living.len()))?;
        Some((at, self.servers[at].app.clone()?))
    }

    pub fn adam_of(&self, asset: AssetId) -> Option<String> {
        self.apps
            .iter()
            .find(|(_, id, _)| *id == asset)
            .map(|(adam_id, ..)| adam_id.clone())
    }

    pub fn bundle_of(&self, adam_id: &str) -> Option<String> {
        self.apps
            .iter()
            .find(|(id, ..)| id == adam_id)
            .map(|(.., bundle)| bundle.clone())
    }

    /// Time passes, for everybody.
    pub async fn passes(&mut self, ms: i64) -> Result<(), String> {
        self.now.fetch_add(ms, Ordering::SeqCst);
        let span = Duration::from_millis(ms.unsigned_abs());
        for server in &self.servers {
            server.hand.passes(span);
        }
        tokio::time::advance(span.min(Duration::from_secs(120))).await;
        if ms >= LEASE
            && let Some(app) = self.anybody()
        {
            // The database's clock is the machine's, and does not go along.
            for dead in std::mem::take(&mut self.dead) {
                app.store.leases_release(&dead).await.map_err(said)?;
            }
        }
        self.everybody_goes_on().await
    }

    /// What Apple says by itself reaches any server, late, twice, or nobody.
    ///
    /// # Errors
    ///
    /// When a server that works does not take it.
    pub async fn apple_notifies(&mut self) -> Result<(), String> {
        self.notices.extend(self.apple.notifications());
        while !self.notices.is_empty() && self.chance.chance(0.5) {
            let notice = self.notices.swap_remove(self.chance.below(self.notices.len()));
            let Some(app) = self.anybody().filter(|_| !self.chance.chance(0.1)) else {
                continue;
            };
            if self.chance.chance(0.1) {
                self.notices.push(notice.clone());
            }
            self.is_notified(&app, &notice).await?;
        }
        Ok(())
    }

    async fn is_notified(&mut self, app: &App, notice: &Notification) -> Result<(), String> {
        let path = notice.url.rsplit('/').next().unwrap_or_default();
        self.count("notified");
        self.shared.insert(notice.secret.clone());
        match app.notified(path, Some(&notice.secret), &notice.body).await {
            // A backup knows nothing of an address that was made after it.
            Ok(()) | Err(NotTaken::Unknown | NotTaken::NotApple) => Ok(()),
            Err(NotTaken::App(AppError::Store(error))) if error.is_outage() => Ok(()),
            Err(error) => Err(format!("a notification was not taken: {}", said(error))),
        }
    }

    /// What a guard is for.
    async fn provokes(&mut self, guard: Broken) -> Result<(), String> {
        match guard {
            Broken::Owner => self.owner_changes().await,
            Broken::Clock => self.clock_is_set().await,
            Broken::Commits | Broken::Fence => self.server_dies().await,
            // What gets lost has to be asked for first.
            Broken::RepeatedWrites if self.rng.chance(0.5) => self.somebody_deploys().await,
            Broken::RepeatedWrites | Broken::Horizon | Broken::Lag => {
                self.writes_get_lost();
                Ok(())
            }
            Broken::Version => match self.rng.below(3) {
                0 if !self.drafts.is_empty() => self.somebody_saves_a_draft().await,
                1 => self.somebody_deploys().await,
                _ => self.somebody_drafts().await,
            },
            Broken::Marks | Broken::Rules => self.membership_changes().await,
            Broken::Overdraft | Broken::Count => self.somebody_deploys().await,
        }
    }

    /// The next thing that happens.
    ///
    /// # Errors
    ///
    /// When something happens that must not.
    pub async fn happens(&mut self) -> Result<(), String> {
        if self.options.broken == Some(Broken::Commits) && self.rng.chance(0.2) {
            self.remembers().await?;
        }
        if let Some(guard) = self.options.provoked
            && self.rng.chance(0.15)
        {
            self.provokes(guard).await?;
            self.orphans_arrive().await;
            return Ok(());
        }
        self.apple_notifies().await?;
        let holds = !self.network.held().is_empty();
        match self.rng.below(100) {
            0..=29 if holds => self.wire_moves().await?,
            0..=44 => {
                if let Some((at, _)) = self.somebody() {
                    let name = LOOPS[self.rng.below(LOOPS.len())];
                    self.takes_off(at, name).await?;
                }
            }
            45..=68 => {
                self.pushes_arrive();
                let serials = self.hand.serials();
                if !serials.is_empty() {
                    let serial = serials[self.rng.below(serials.len())].clone();
                    let more = 1 + self.rng.below(4);
                    for _ in 0..more {
                        if !self.device_speaks(&serial, true).await? {
                            break;
                        }
                    }
                }
            }
            69..=71 => self.person_acts().await?,
            72 => self.membership_changes().await?,
            73..=76 => match self.rng.below(8) {
                0..=2 if self.drafts.len() < 3 => self.somebody_drafts().await?,
                3..=5 if !self.drafts.is_empty() => self.somebody_saves_a_draft().await?,
                6 if self.rng.chance(0.5) => self.somebody_uploads_something_else().await?,
                _ => self.somebody_deploys().await?,
            },
            77 => self.somebody_leaves().await?,
            78 | 79 => self.button().await?,
            80 => self.device_goes().await?,
            81 if self.people.len() < 6 => self.somebody_comes().await?,
            82..=84 => self.apple_acts().await?,
            85 if self.rng.chance(0.4) => self.owner_changes().await?,
            86 | 87 => self.server_dies().await?,
            88 if self.rng.chance(0.5) => self.clock_is_set().await?,
            89 => {
                let Some(app) = self.anybody() else { return Ok(()) };
                self.say("the leases lapse");
                app.store.leases_reclaim().await.map_err(said)?;
            }
            _ => {
                let busy = !self.flights.is_empty();
                let ms = match self.rng.below(6) {
                    0..=2 => SECOND * (1 + self.rng.below(20) as i64),
                    3 if !busy => MINUTE * (1 + self.rng.below(15) as i64),
                    4 if !busy => HOUR * (1 + self.rng.below(8) as i64),
                    5 if !busy && self.rng.chance(0.3) => DAY * (1 + self.rng.below(8) as i64),
                    // So that there is something past that is deleted; not so long that the token expires.
                    5 if !busy && self.silences < 2 && self.rng.chance(0.1) => {
                        self.silences += 1;
                        DAY * (30 + self.rng.below(80) as i64)
                    }
                    _ => SECOND * 30,
                };
                self.passes(ms).await?;
            }
        }
        self.orphans_arrive().await;
        Ok(())
    }

    pub fn snapshots(&mut self) -> Vec<DeviceSnapshot> {
        let now = self.true_now();
        let serials = self.hand.serials();
        serials
            .iter()
            .filter_map(|serial| self.hand.device(serial, now))
            .collect()
    }

    /// How often something happened that a promise is about: a world in which nothing does proves nothing.
    pub fn happened(&self) -> BTreeMap<String, usize> {
        let mut happened = self.counts.clone();
        for write in self.apple.writes().iter().filter(|write| write.event_id.is_some()) {
            *happened.entry(write.path.clone()).or_default() += 1;
        }
        happened
    }

    pub fn count(&mut self, what: &str) {
        *self.counts.entry(what.to_owned()).or_default() += 1;
    }

    /// P7: what Apple knows us by is nowhere in the database, nor in what servers log.
    ///
    /// # Errors
    ///
    /// Says where it is.
    pub fn secrets_are_kept(&self, logged: &str) -> Result<(), String> {
        let file = self.apple.token_file(TokenKind::Valid);
        let mut secrets = self.network.bearers();
        secrets.insert(file.trim().to_owned());
        secrets.extend(self.shared.iter().cloned());
        let mut places = vec![("the log", logged.as_bytes().to_vec())];
        if let Some(path) = self.fresh.url().strip_prefix("sqlite:") {
            places.push(("the database", std::fs::read(path).map_err(said)?));
            places.push((
                "what the database is about to write",
                std::fs::read(format!("{path}-wal")).unwrap_or_default(),
            ));
        }
        for (place, bytes) in &places {
            let there = |secret: &String| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            if secrets.iter().any(there) {
                return Err(format!("P7: a token, or a secret of ours, is in {place}"));
            }
        }
        Ok(())
    }

    pub async fn end(self) {
        let World {
            servers,
            fresh,
            flights,
            ..
        } = self;
        drop(flights);
        for app in servers.into_iter().filter_map(|server| server.app) {
            app.store.close().await;
        }
        fresh.close().await;
    }
}

pub fn erased(error: impl std::error::Error + 'static) -> String {
    if cause::is_outage(&error) {
        return format!("an outage: {}", said(error));
    }
    said(error)
}

/// What an administrator is told instead of being obeyed is no broken promise; a database that does not do what was asked is.
pub fn permitted(what: &str, done: Result<(), AppError>) -> Result<(), String> {
    match done {
        Err(AppError::Store(error)) => Err(format!("{what} failed: {}", said(error))),
        _ => Ok(()),
    }
}

/// An error in words.
pub fn said(error: impl std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    text
}
