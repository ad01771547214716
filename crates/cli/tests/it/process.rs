//! A real process that dies or stands still at the worst moment: between what it writes down and what it asks of Apple.

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use domain::{Approval, Installation, LicenseType, Patience};
use secrecy::ExposeSecret;
use server::{
    App, Clock, Config,
    app::{Base, Caller, Role, contract::Agreed, deployments::DeploymentChoice},
    serve,
};
use sim::apple::{Apple, AppleOptions, Fault, Switches, TokenKind, Trouble, sample::adam_id};
use store::OperationState;

use crate::{
    lab::{Database, Lab, Setup, TOPIC, install_crypto, iphone, until},
    oracle::{self, Sides},
};

/// The server as its own process.
struct Process {
    child: Child,
}

impl Process {
    fn start(config: &Path) -> Process {
        let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
            .args(["serve", "--config"])
            .arg(config)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server starts");
        Process { child }
    }

    fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([name, &pid]).status().expect("a signal");
        assert!(sent.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_address() -> SocketAddr {
    let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    listener.local_addr().expect("an address")
}

/// What a process reads; `patience` is how long it waits for answers, events and lists.
fn config_file(folder: &Path, listen: SocketAddr, apple: &Apple, patience: [&str; 3]) -> PathBuf {
    let [answer, event, lag] = patience;
    let text = format!(
        r#"
listen = "{listen}"
public_url = "http://{listen}"
database_url = "sqlite:{database}"
key_file = "{key}"
reconcile_every = "100ms"

[apple]
licensing_url = "{licensing}"
push_url = "{url}"
icon_hosts = ["{address}"]
poll_every = "1h"
event_poll_every = "100ms"
answer_within = "{answer}"
event_within = "{event}"
list_lag = "{lag}"

[mdm]
push_topic = "{TOPIC}"
"#,
        database = folder.join("allotment.db").display(),
        key = folder.join("key").display(),
        licensing = apple.base_url(),
        url = apple.url(),
        address = apple.address(),
    );
    let path = folder.join("allotment.toml");
    std::fs::write(&path, text).expect("a configuration");
    path
}

/// Who we are is written down before it is claimed: whoever dies in between is not locked out of its own account.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_dies_between_the_claim_and_the_link_finds_its_own_account() {
    install_crypto();
    let folder = tempfile::tempdir().expect("a folder");
    let apple = Apple::start(AppleOptions {
        switches: Switches::unhurried(),
        ..AppleOptions::default()
    })
    .await
    .expect("a simulated Apple");
    let listen = free_address();
    let config = config_file(folder.path(), listen, &apple, ["30s", "30s", "1s"]);
    let loaded = Config::load(Some(&config), std::iter::empty()).expect("a configuration");
    let app = serve::open(loaded, Clock::System).await.expect("a database");
    let (_, key) = app
        .api_key_create(&Caller::System, "test", Role::Full, None)
        .await
        .expect("a key");
    let upload = || {
        let file = apple.token_file(TokenKind::Valid);
        let fields = [
            ("displayName", "본사 토큰"),
            ("appleId", "vpp@example.com"),
            ("accountCannotBeChangedConfirmed", "true"),
        ];
        let mut body = String::new();
        for (name, value) in fields {
            body += &format!("--edge\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n");
        }
        body += &format!(
            "--edge\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.vpptoken\"\r\n\r\n{file}\r\n--edge--\r\n"
        );
        reqwest::Client::new()
            .post(format!("http://{listen}/api/v1/vppTokens"))
            .bearer_auth(key.expose_secret())
            .header("content-type", "multipart/form-data; boundary=edge")
            .body(body)
            .send()
    };
    let listens = async || reqwest::get(format!("http://{listen}/livez")).await.is_ok();

    let process = Process::start(&config);
    until("the server listens", listens).await;
    // The claim is made, and its answer takes longer than the process lives.
    apple.switch(|switches| {
        switches.faults = vec![Fault {
            call: "POST client/config".to_owned(),
            is: Trouble::Late { ms: 60_000 },
            times: 1,
        }];
    });
    let uploading = tokio::spawn(upload());
    until("it is claimed at Apple", async || {
        apple.ledger().main().mdm_info.is_some()
    })
    .await;
    process.signal("-KILL");
    drop(process);
    let _ = uploading.await;
    assert!(app.location_view().await.unwrap().is_none(), "nothing was linked");
    let claimed = apple.ledger().main().mdm_info.clone().expect("a claim").id;

    let process = Process::start(&config);
    until("the server listens again", listens).await;
    let answer = upload().await.expect("an answer");
    let (status, text) = (answer.status(), answer.text().await.unwrap_or_default());
    assert_eq!(status, 201, "{text}");
    let linked = app.location_view().await.unwrap().expect("a location").row;
    assert_eq!(linked.mdm_id, claimed, "the same as before");
    drop(process);
    apple.shutdown().await;
}

/// A laptop is closed, a machine is paused: the request that it was about to send may have been given up by others when
/// it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_stood_still_between_the_commit_and_the_request_does_not_send_it() {
    let lab = Lab::open(Setup {
        adjust: |config| {
            config.apple.patience = Patience {
                request: Duration::from_secs(2),
                event: Duration::from_secs(2),
                lag: Duration::from_millis(200),
            };
        },
        ..Setup::on(Database::Sqlite)
    })
    .await;
    lab.link(TokenKind::Valid).await;
    let (joined, adam) = (lab.app_known(&adam_id(3)).await, adam_id(1));
    let asset = lab.app_known(&adam).await;
    let person = lab.person("사람").await;
    lab.enrol(person, iphone(1)).await;
    let group = lab.group("모두", &[person]).await;
    lab.deploy(joined, group, Approval::Required).await;
    until("the person has joined", async || lab.installed(joined).await == 1).await;
    lab.agrees_with_apple().await;
    // The server of the laboratory ends, and a process takes its place on the same database.
    let lab = lab.without_server().await;
    let config = config_file(lab.folder(), lab.listen(), &lab.apple, ["2s", "2s", "200ms"]);
    let loaded = Config::load(Some(&config), std::iter::empty()).expect("a configuration");
    let app: App = serve::open(loaded, Clock::System).await.expect("a database");
    // One request a second: there is time between the commit and the turn of a request.
    lab.apple
        .switch(|switches| switches.limits.extend([("maxRequestPerSecond".to_owned(), 1)]));
    let choice = DeploymentChoice {
        group,
        approval: Approval::Required,
        deadline: None,
        license_type: LicenseType::User,
        installation: Installation::Managed,
        kept_licenses: 0,
    };
    app.deployments_save(&Caller::System, asset, Base::Latest, vec![choice], &Agreed::default())
        .await
        .expect("a deployment");
    let sent_by_apple = || {
        let writes = lab.apple.writes();
        writes
            .into_iter()
            .filter(|write| write.path == "assets/associate" && write.body["assets"][0]["adamId"] == adam.as_str())
            .collect::<Vec<_>>()
    };

    let process = Process::start(&config);
    let mut operation = None;
    until("a request is written down that has not left", async || {
        let operations = app.operations_recent(1).await.unwrap();
        operation = operations.into_iter().find(|it| it.state == OperationState::Sending);
        operation.is_some()
    })
    .await;
    process.signal("-STOP");
    let operation = operation.expect("an operation");
    assert_eq!(sent_by_apple(), [], "it stands still before its request left");
    until("the request is given up", async || {
        app.now() > operation.dead_at.expect("a sent one") + Duration::from_secs(1)
    })
    .await;
    let went_on = app.now();
    process.signal("-CONT");

    until("the licence is given", async || lab.apple_holders(&adam).len() == 1).await;
    let writes = sent_by_apple();
    assert_eq!(writes.len(), 1, "{writes:#?}");
    let operation = app.store.operation(operation.id).await.unwrap().expect("an operation");
    assert_eq!(operation.attempts, 2, "it was looked at what became of the first");
    assert!(operation.sent_at.expect("it was sent") >= went_on && writes[0].at >= went_on.ms());
    app.sync_now(&Caller::System).await.expect("a sync");
    let sides = Sides {
        app: &app,
        ..lab.sides()
    };
    oracle::all_agree(sides).await;
    drop(process);
    lab.close().await;
}
