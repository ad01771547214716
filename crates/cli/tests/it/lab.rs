//! A laboratory: a server, a simulated Apple and a fleet of devices, in this process, on real sockets.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
    path::Path,
    sync::OnceLock,
    time::{Duration, Instant},
};

use domain::{Approval, AssetId, GroupId, GroupKind, Patience, PersonId, Policy};
use secrecy::ExposeSecret;
use server::{
    App, Clock, Config,
    app::{Base, Caller, deployments::DeploymentChoice, groups::NewGroup, people::NewPerson, tokens::TokenUpload},
    serve::{self, Running},
};
use sim::{
    apple::{self, Apple, AppleOptions, Holder, Organisation, Switches, TokenKind},
    devices::{DeviceSpec, Fleet, FleetOptions, Prompt, Timings},
};
use store::testing::Fresh;
use tokio::net::TcpListener;

pub const TOPIC: &str = "com.apple.mgmt.External.test";
/// Generous: the machine may be busy. What takes longer than this will not happen.
pub const PATIENCE: Duration = Duration::from_secs(240);

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
    running: Option<Running>,
    // Dropped last: the folder with the database.
    fresh: Fresh,
}

/// What a story starts with.
pub struct Setup {
    pub database: Database,
    pub organisations: Vec<Organisation>,
    pub policy: Policy,
}

impl Setup {
    pub fn on(database: Database) -> Setup {
        Setup {
            database,
            organisations: apple::sample::organisations(),
            policy: quick_policy(),
        }
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

impl Lab {
    pub async fn open(setup: Setup) -> Lab {
        install_crypto();
        let fresh = match setup.database {
            Database::Sqlite => Fresh::sqlite(),
            Database::Postgres => Fresh::postgres().await,
        };
        let apple = Apple::start(AppleOptions {
            event_delay: Duration::from_millis(50),
            switches: Switches::unhurried(),
            organisations: setup.organisations,
            ..AppleOptions::default()
        })
        .await
        .expect("a simulated Apple");
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let listen = listener.local_addr().expect("an address");
        let config = quick_config(listen, fresh.url().to_owned(), fresh.folder(), &apple);
        let url = config.public_url.clone();
        let running = serve::serve_on(config, Clock::System, listener)
            .await
            .expect("a server");
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
            running: Some(running),
            fresh,
        }
    }

    pub async fn close(mut self) {
        if let Some(running) = self.running.take() {
            running.stop().await;
        }
        self.fleet.stop();
        self.apple.shutdown().await;
        self.fresh.close().await;
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
        };
        self.app.person_add(&Caller::System, new).await.expect("a person")
    }

    pub async fn group(&self, name: &str, people: &[PersonId]) -> GroupId {
        let new = NewGroup {
            name: name.to_owned(),
            kind: GroupKind::User,
            priority: 0,
        };
        let id = self.app.group_add(&Caller::System, new).await.expect("a group");
        let members: Vec<_> = people.iter().map(|person| person.0).collect();
        self.app
            .group_members_set(&Caller::System, id, Base::Latest, &members)
            .await
            .expect("members");
        id
    }

    pub async fn enrol(&self, person: PersonId, spec: DeviceSpec) {
        let link = self.app.enrolment_link(&Caller::System, person).await.expect("a link");
        self.fleet
            .enrol(spec, link.expose_secret())
            .await
            .expect("an enrolment");
    }

    pub async fn deploy(&self, app: AssetId, group: GroupId, approval: Approval) {
        let choice = DeploymentChoice {
            group,
            approval,
            deadline: None,
        };
        self.app
            .deployments_save(&Caller::System, app, Base::Latest, vec![choice])
            .await
            .expect("a deployment");
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

    /// A folder that goes with the laboratory.
    pub fn folder(&self) -> &Path {
        self.fresh.folder()
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

    /// Apple's books and our database say the same, row by row: users, licences, counts.
    pub async fn agrees_with_apple(&self) {
        let overview = self.app.overview().await.expect("an overview").expect("a location");
        let ledger = self.apple.ledger();
        let books = ledger.main();
        let ours: BTreeMap<&str, PersonId> = overview
            .client_users
            .values()
            .map(|row| (row.client_user_id.as_str(), row.person_id))
            .collect();
        for user in overview.client_users.values() {
            let at_apple = books
                .users
                .iter()
                .find(|other| other.client_user_id == user.client_user_id);
            let at_apple = at_apple.unwrap_or_else(|| panic!("Apple does not know {}", user.client_user_id));
            assert_eq!(
                format!("{:?}", user.status),
                format!("{:?}", at_apple.status),
                "{}",
                user.client_user_id
            );
        }
        for app in &overview.apps {
            let held: BTreeSet<PersonId> = app
                .facts
                .seats
                .iter()
                .filter(|(_, seat)| !matches!(seat, domain::Seat::Reserved { .. }))
                .map(|(person, _)| *person)
                .collect();
            let listed: BTreeSet<PersonId> = self
                .apple_holders(&app.row.adam_id)
                .iter()
                .filter_map(|user| ours.get(user.as_str()).copied())
                .collect();
            assert_eq!(held, listed, "who holds {:?}", app.row.name);
            let at_apple = books.asset(&app.row.adam_id).expect("the asset at Apple");
            let foreign = at_apple.holders.len() as u64 - listed.len() as u64;
            assert_eq!(app.facts.foreign, foreign, "what others hold of {:?}", app.row.name);
            assert!(at_apple.unlimited || at_apple.assigned <= at_apple.total);
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

/// Waits for a state, never for a time; gives up loudly.
pub async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !holds().await {
        assert!(begun.elapsed() < PATIENCE, "waited {PATIENCE:?} in vain until {what}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}
