//! `kill -9` at fifty random moments: the story ends the same, no licence given twice, none lost.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    process::{Child, Command, Stdio},
    time::Duration,
};

use domain::{Approval, GroupKind, InstallState};
use secrecy::ExposeSecret;
use server::{
    App, Clock,
    app::{Base, Caller, deployments::DeploymentChoice, groups::NewGroup, people::NewPerson},
    serve,
};
use sim::{
    apple::{Apple, AppleOptions, Rng, Switches, TokenKind, sample::adam_id},
    devices::{Fleet, FleetOptions, Timings},
};

use crate::lab::{TOPIC, install_crypto, iphone, link_token, quick_policy, until};

const PEOPLE: usize = 6;
const KILLS: usize = 50;

/// The server as its own process, killed without a word and started again.
struct Victim {
    config: std::path::PathBuf,
    child: Option<Child>,
}

impl Victim {
    fn start(&mut self) {
        let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
    }

    fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            // SIGKILL: nothing of the server runs after this.
            child.kill().expect("a running server");
            child.wait().expect("it ended");
        }
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_at_fifty_random_moments_tells_the_same_story() {
    install_crypto();
    let seed = std::env::var("ALLOTMENT_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| {
            std::time::SystemTime::now()
                .duration_since(std::time::UNIX_EPOCH)
                .map_or(1, |since| since.as_millis() as u64)
        });
    eprintln!("replay: ALLOTMENT_TEST_SEED={seed} cargo test -p allotment --test it killed_at_fifty");
    let mut chance = Rng::new(seed);

    let folder = tempfile::tempdir().expect("a folder");
    let apple = Apple::start(AppleOptions {
        event_delay: Duration::from_millis(200),
        switches: Switches::unhurried(),
        ..AppleOptions::default()
    })
    .await
    .expect("a simulated Apple");
    let listen = free_address();
    let database_url = format!("sqlite:{}", folder.path().join("allotment.db").display());
    let config = folder.path().join("allotment.toml");
    let key_file = folder.path().join("key");
    let text = format!(
        r#"
listen = "{listen}"
public_url = "http://{listen}"
database_url = "{database_url}"
key_file = "{}"
reconcile_every = "100ms"

[apple]
licensing_url = "{}"
push_url = "{}"
icon_hosts = ["{}"]
poll_every = "200ms"
event_poll_every = "100ms"
answer_within = "2s"
event_within = "3s"
list_lag = "200ms"

[mdm]
push_topic = "{TOPIC}"
push_again_after = "500ms"
"#,
        key_file.display(),
        apple.base_url(),
        apple.url(),
        apple.address(),
    );
    std::fs::write(&config, text).expect("a configuration");

    // The same product in this process, without its loops: it sets the scene, and looks on.
    let loaded = server::Config::load(Some(&config), std::iter::empty()).expect("a configuration");
    let app = serve::open(loaded, Clock::System).await.expect("a database");
    app.policy_set(&Caller::System, Base::Latest, quick_policy())
        .await
        .unwrap();
    link_token(&app, &apple, TokenKind::Valid).await;
    let fleet = Fleet::start(FleetOptions {
        apple_url: apple.url(),
        timings: Timings::fast(),
        ..FleetOptions::default()
    })
    .await
    .expect("a fleet");
    let mut victim = Victim { config, child: None };
    victim.start();

    let mut people = Vec::new();
    for number in 0..PEOPLE {
        let new = NewPerson {
            name: format!("사람 {number}"),
            email: None,
            department: None,
        };
        let person = app.person_add(&Caller::System, new).await.unwrap();
        let link = app.enrolment_link(&Caller::System, person).await.unwrap();
        // The server may not listen yet: the device tries again by itself.
        let _ = fleet.enrol(iphone(number), link.expose_secret()).await;
        people.push(person);
    }
    until("all are enrolled", async || {
        app.devices()
            .await
            .unwrap()
            .iter()
            .filter(|device| device.push_token.is_some())
            .count()
            == PEOPLE
    })
    .await;
    let adam = adam_id(1);
    let mut asset = None;
    until("the app is known", async || {
        let Some(overview) = app.overview().await.unwrap() else {
            return false;
        };
        let known = |view: &&server::app::apps::AppView| view.row.adam_id == adam && view.facts.bundle_id.is_some();
        asset = overview.apps.iter().find(known).map(|view| view.row.id);
        asset.is_some()
    })
    .await;
    let asset = asset.unwrap();
    let new = NewGroup {
        name: "모두".to_owned(),
        kind: GroupKind::User,
        priority: 0,
    };
    let group = app.group_add(&Caller::System, new).await.unwrap();
    let members: Vec<_> = people.iter().map(|person| person.0).collect();
    app.group_members_set(&Caller::System, group, Base::Latest, &members)
        .await
        .unwrap();

    // Install under fire, uninstall under fire, and install once more.
    for (approval, kills) in [(Approval::Required, KILLS / 2), (Approval::Uninstall, KILLS / 2)] {
        let choice = DeploymentChoice {
            group,
            approval,
            deadline: None,
        };
        app.deployments_save(&Caller::System, asset, Base::Latest, vec![choice])
            .await
            .unwrap();
        for _ in 0..kills {
            tokio::time::sleep(Duration::from_millis(20 + chance.below(700) as u64)).await;
            victim.kill();
            no_licence_twice(&app, &apple, &adam).await;
            victim.start();
        }
        until("the story has come to its end", async || {
            let overview = app.overview().await.unwrap().unwrap();
            let decision = &overview.app(asset).unwrap().decision;
            let installed = decision
                .people
                .values()
                .filter(|person| person.state == InstallState::Installed)
                .count();
            match approval {
                Approval::Required => installed == PEOPLE,
                _ => decision.counts.used + decision.counts.on_the_way == 0 && installed == 0,
            }
        })
        .await;
        no_licence_twice(&app, &apple, &adam).await;
        agrees(&app, &apple, &adam, asset).await;
    }
    for device in fleet.devices() {
        assert!(device.protocol_errors.is_empty(), "{:?}", device.protocol_errors);
        assert!(device.enrolled, "a device was unenrolled");
    }
    victim.kill();
    fleet.stop();
    apple.shutdown().await;
}

/// Apple's books never hold two users for one person, nor more licences than there are people.
async fn no_licence_twice(app: &App, apple: &Apple, adam: &str) {
    let ledger = apple.ledger();
    let books = ledger.main();
    let overview = app.overview().await.unwrap().unwrap();
    let known: BTreeMap<_, _> = overview
        .client_users
        .values()
        .map(|row| (row.client_user_id.clone(), row.person_id))
        .collect();
    for user in &books.users {
        let ours = known.contains_key(&user.client_user_id);
        let theirs = user.client_user_id.starts_with("old-server-");
        assert!(
            ours || theirs,
            "Apple has a user that nobody knows: {}",
            user.client_user_id
        );
    }
    assert!(books.holders(adam).len() <= PEOPLE);
}

async fn agrees(app: &App, apple: &Apple, adam: &str, asset: domain::AssetId) {
    let overview = app.overview().await.unwrap().unwrap();
    let held = overview.app(asset).unwrap().facts.seats.len();
    assert_eq!(held, apple.ledger().main().holders(adam).len());
}
