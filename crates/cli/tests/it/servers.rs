//! Servers as processes of their own, one address in front of them, and what happens to processes.

use std::{
    fs::OpenOptions,
    io::Write,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use domain::{Approval, AssetId, GroupId, GroupKind, PersonId};
use secrecy::{ExposeSecret, SecretString};
use server::{
    App, Clock,
    app::{Base, Caller, Role, groups::NewGroup, people::NewPerson},
    serve,
};
use sim::{
    apple::{Apple, AppleOptions, Rng, Switches, sample::adam_id},
    devices::{Fleet, FleetOptions, Timings},
};
use store::testing::{Fresh, Working};
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
};

use crate::{
    lab::{self, Database, PATIENCE, TOPIC, install_crypto, iphone, members_are, quick_policy, until},
    oracle::{self, Foreign, Sides},
};

/// How often a test that kills does so: as often as the variable says, and else `few` times.
pub fn rounds(few: usize) -> usize {
    let asked = std::env::var("ALLOTMENT_TEST_ROUNDS").ok();
    asked.map_or(few, |rounds| rounds.parse().expect("ALLOTMENT_TEST_ROUNDS is a number"))
}

/// Chance that can be had again: says how.
pub fn chance(test: &str) -> Rng {
    let seed = std::env::var("ALLOTMENT_TEST_SEED")
        .ok()
        .and_then(|seed| seed.parse().ok())
        .unwrap_or_else(|| u64::from(std::process::id()));
    eprintln!("replay: ALLOTMENT_TEST_SEED={seed} cargo test -p allotment --test it {test}");
    Rng::new(seed)
}

/// A server as its own process.
pub struct Server {
    pub listen: SocketAddr,
    config: PathBuf,
    log: PathBuf,
    child: Option<Child>,
}

impl Server {
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "it runs already");
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(&self.log)
            .expect("a log");
        let child = Command::new(env!("CARGO_BIN_EXE_allotment"))
            .args(["serve", "--config"])
            .arg(&self.config)
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the server starts");
        self.child = Some(child);
    }

    /// SIGKILL: nothing of the server runs after this.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a running server");
            child.wait().expect("it ended");
        }
    }

    /// SIGSTOP: it stands still, and its connections stay open.
    pub fn stand_still(&self) {
        self.signal("-STOP");
    }

    /// SIGCONT: it goes on in the middle of what it was doing, as if no time had passed.
    pub fn go_on(&self) {
        self.signal("-CONT");
    }

    /// SIGTERM. It ends when it is ready: see [`ended`](Self::ended).
    pub fn ask_to_end(&self) {
        self.signal("-TERM");
    }

    /// Waits until it has ended, and tells whether all was well.
    pub async fn ended(&mut self) -> bool {
        let mut ended = None;
        until("the server ends", async || {
            let child = self.child.as_mut().expect("it ran");
            ended = child.try_wait().expect("a child of ours");
            ended.is_some()
        })
        .await;
        self.child = None;
        ended.expect("a status").success()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().expect("a running server").id()
    }

    /// Everything that it said since the beginning.
    pub fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    fn signal(&self, signal: &str) {
        let pid = self.pid().to_string();
        let sent = Command::new("kill").args([signal, &pid]).status().expect("kill");
        assert!(sent.success());
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // What it said tells why a test failed, and goes with the folder.
        if std::thread::panicking() {
            let said = self.said();
            let lines: Vec<_> = said.lines().collect();
            let last = lines[lines.len().saturating_sub(60)..].join("\n");
            eprintln!("--- the last that the server at {} said:\n{last}", self.listen);
        }
        self.kill();
    }
}

/// One address for any number of servers: a connection goes to one that is up, and is cut when that goes down.
pub struct Front {
    pub address: SocketAddr,
    up: watch::Sender<Vec<SocketAddr>>,
}

impl Front {
    async fn open() -> Front {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let (up, upstream) = watch::channel(Vec::new());
        tokio::spawn(async move {
            let mut turn = 0;
            while let Ok((near, _)) = listener.accept().await {
                turn += 1;
                tokio::spawn(carry(near, upstream.clone(), turn));
            }
        });
        Front { address, up }
    }

    pub fn is_up(&self, server: SocketAddr, up: bool) {
        self.up.send_modify(|servers| {
            servers.retain(|other| *other != server);
            if up {
                servers.push(server);
            }
        });
    }
}

async fn carry(mut near: TcpStream, mut up: watch::Receiver<Vec<SocketAddr>>, turn: usize) {
    let servers = up.borrow_and_update().clone();
    for index in 0..servers.len() {
        let server = servers[(turn + index) % servers.len()];
        // One that is starting does not listen yet.
        let Ok(mut far) = TcpStream::connect(server).await else {
            continue;
        };
        tokio::select! {
            _ = copy_bidirectional(&mut near, &mut far) => {}
            _ = up.wait_for(|up| !up.contains(&server)) => {}
        }
        return;
    }
}

/// A company whose servers are processes: people with a phone each, one app, and fewer licences of it than people.
pub struct Scene {
    /// The product in this process, without its loops: sets the scene, and looks on.
    pub app: App,
    pub apple: Arc<Apple>,
    pub fleet: Fleet,
    pub front: Front,
    pub servers: Vec<Server>,
    pub people: Vec<PersonId>,
    pub adam: String,
    foreign: Foreign,
    // Dropped last: the folder with the database.
    fresh: Fresh,
}

impl Scene {
    pub async fn open(database: Database, servers: usize, licences: i64) -> Scene {
        Scene::open_with(database, servers, licences, async |_| {}).await
    }

    /// Nobody has used the database before the servers have `begun`.
    pub async fn open_with(
        database: Database,
        servers: usize,
        licences: i64,
        begun: impl AsyncFnOnce(&mut Vec<Server>),
    ) -> Scene {
        install_crypto();
        let fresh = match database {
            Database::Sqlite => Fresh::sqlite(),
            Database::Postgres => Fresh::postgres().await,
        };
        let mut switches = Switches::unhurried();
        oracle::strict(&mut switches);
        let apple = Apple::start(AppleOptions {
            event_delay: Duration::from_millis(200),
            switches,
            ..AppleOptions::default()
        })
        .await
        .expect("a simulated Apple");
        let adam = adam_id(1);
        let owned = apple.ledger().main().asset(&adam).expect("the app").total;
        assert!(apple.buy(&adam, licences - owned));
        let foreign = Foreign::of(&apple);
        let front = Front::open().await;
        let mut made = Vec::new();
        for number in 0..servers {
            made.push(make_server(&fresh, &apple, front.address, number));
        }
        // As an operator does who copies it to every machine.
        store::MasterKey::load_or_create(&fresh.folder().join("key")).expect("a key file");
        begun(&mut made).await;
        let loaded = server::Config::load(Some(&made[0].config), std::iter::empty()).expect("a configuration");
        let app = serve::open(loaded, Clock::System).await.expect("a database");
        app.policy_set(&Caller::System, Base::Latest, quick_policy())
            .await
            .expect("a policy");
        let fleet = Fleet::start(FleetOptions {
            apple_url: apple.url(),
            timings: Timings::fast(),
            ..FleetOptions::default()
        })
        .await
        .expect("a fleet");
        Scene {
            app,
            apple: Arc::new(apple),
            fleet,
            front,
            servers: made,
            people: Vec::new(),
            adam,
            foreign,
            fresh,
        }
    }

    pub fn start(&mut self, server: usize) {
        self.servers[server].start();
        self.front.is_up(self.servers[server].listen, true);
    }

    pub fn kill(&mut self, server: usize) {
        self.front.is_up(self.servers[server].listen, false);
        self.servers[server].kill();
    }

    /// So many people with a phone each; returns when all are enrolled.
    pub async fn people(&mut self, count: usize) {
        for number in 0..count {
            let new = NewPerson {
                name: format!("사람 {number}"),
                email: None,
                department: None,
                office: None,
            };
            let person = self.app.person_add(&Caller::System, new).await.expect("a person");
            let link = self.app.enrolment_link(&Caller::System, person).await.expect("a link");
            // No server may listen yet: the device tries again by itself.
            let _ = self.fleet.enrol(iphone(number), link.expose_secret()).await;
            self.people.push(person);
        }
        until("all are enrolled", async || {
            let devices = self.app.devices().await.expect("devices");
            devices.iter().filter(|device| device.push_token.is_some()).count() == count
        })
        .await;
    }

    pub async fn app_known(&self) -> AssetId {
        let mut asset = None;
        until("the app is known", async || {
            let Some(overview) = self.app.overview().await.expect("an overview") else {
                return false;
            };
            let known =
                |view: &&server::app::apps::AppView| view.row.adam_id == self.adam && view.facts.bundle_id.is_some();
            asset = overview.apps.iter().find(known).map(|view| view.row.id);
            asset.is_some()
        })
        .await;
        asset.expect("the app")
    }

    pub async fn group(&self) -> GroupId {
        let new = NewGroup {
            name: "모두".to_owned(),
            kind: GroupKind::User,
            priority: 0,
            rule: None,
        };
        self.app.group_add(&Caller::System, new).await.expect("a group")
    }

    pub async fn members(&self, group: GroupId, people: &[PersonId]) {
        let members: Vec<_> = people.iter().map(|person| person.0).collect();
        members_are(&self.app, group, &members).await;
    }

    /// Somebody at random goes, or comes: licences have to move.
    pub async fn anybody(&self, group: GroupId, chance: &mut Rng) {
        let mut people = self.people.clone();
        people.retain(|_| chance.chance(0.6));
        self.members(group, &people).await;
    }

    pub async fn deploy(&self, asset: AssetId, group: GroupId, approval: Approval) {
        lab::deploy(&self.app, asset, group, approval).await;
    }

    pub async fn api_key(&self) -> SecretString {
        let made = self.app.api_key_create(&Caller::System, "test", Role::Full, None).await;
        made.expect("a key").1
    }

    /// Who works on the location: which of the servers, and under which fence.
    pub async fn working(&self) -> Option<(usize, Working)> {
        let working = self.app.store.working().await.expect("a lease")?;
        let by = |server: &Server| working.holder.contains(&format!("/{}/", server.listen));
        self.servers.iter().position(by).map(|server| (server, working.clone()))
    }

    /// Waits until a server works on the location whose fence is higher than `fence`.
    pub async fn works_beyond(&self, fence: i64) -> (usize, Working) {
        let mut found = None;
        until("a server works on the location", async || {
            found = self.working().await.filter(|(_, working)| working.fence > fence);
            found.is_some()
        })
        .await;
        found.expect("a server")
    }

    /// Waits until another server than `before` took over and wrote, and tells how long that was after `begun`.
    pub async fn handed_over(&self, before: &Working, begun: Instant) -> Duration {
        let mut wrote = None;
        loop {
            let working = self.app.store.working().await.expect("a lease").expect("a lease");
            if working.fence <= before.fence {
                // Whatever the one before wrote last is in here.
                wrote = Some(working.wrote);
            } else if wrote.is_some_and(|wrote| wrote != working.wrote) {
                return begun.elapsed();
            } else {
                wrote = Some(working.wrote);
            }
            assert!(begun.elapsed() < PATIENCE, "nobody took over from {}", before.holder);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Apple's ledger, our books and the devices agree row by row, nothing foreign was changed, and nobody has left.
    pub async fn all_agree(&self) {
        oracle::all_agree(self.sides()).await;
        for device in self.fleet.devices() {
            assert!(device.enrolled, "{} was unenrolled", device.serial);
        }
    }

    pub fn sides(&self) -> Sides<'_> {
        Sides {
            app: &self.app,
            apple: &self.apple,
            fleet: Some(&self.fleet),
            foreign: &self.foreign,
        }
    }

    pub async fn close(mut self) {
        for server in &mut self.servers {
            server.kill();
        }
        self.fleet.stop();
        if let Some(apple) = Arc::into_inner(self.apple) {
            apple.shutdown().await;
        }
        self.app.store.close().await;
        self.fresh.close().await;
    }
}

fn make_server(fresh: &Fresh, apple: &Apple, front: SocketAddr, number: usize) -> Server {
    let folder = fresh.folder();
    let free = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
    let listen = free.local_addr().expect("an address");
    let text = format!(
        r#"
listen = "{listen}"
public_url = "http://{front}"
database_url = "{}"
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
        fresh.url(),
        folder.join("key").display(),
        apple.base_url(),
        apple.url(),
        apple.address(),
    );
    let config = folder.join(format!("server{number}.toml"));
    std::fs::write(&config, text).expect("a configuration");
    Server {
        listen,
        config,
        log: folder.join(format!("server{number}.log")),
        child: None,
    }
}

/// A client that holds on to a server: half a request, and no more comes.
pub fn hold_on(server: SocketAddr) -> std::net::TcpStream {
    let mut held = std::net::TcpStream::connect(server).expect("a server that listens");
    held.write_all(b"POST /sign-in HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\nabc")
        .expect("half a request");
    held
}

/// What a token is uploaded with over the REST API. Whether it is linked or renewed with it; no answer is `None`.
pub async fn upload(server: SocketAddr, key: &SecretString, file: String) -> Option<reqwest::StatusCode> {
    let boundary = "------------allotment";
    let mut body = String::new();
    for (name, value) in [
        ("displayName", "본사 토큰"),
        ("appleId", "vpp@example.com"),
        ("accountCannotBeChangedConfirmed", "true"),
        ("file", &file),
    ] {
        let file_name = if name == "file" {
            "; filename=\"token.vpptoken\""
        } else {
            ""
        };
        body +=
            &format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{name}\"{file_name}\r\n\r\n{value}\r\n");
    }
    body += &format!("--{boundary}--\r\n");
    let request = reqwest::Client::new()
        .post(format!("http://{server}/api/v1/vppTokens"))
        .bearer_auth(key.expose_secret())
        .header("content-type", format!("multipart/form-data; boundary={boundary}"))
        .body(body);
    Some(request.send().await.ok()?.status())
}

/// Whether somebody listens there.
pub async fn listens(server: SocketAddr) -> bool {
    TcpStream::connect(server).await.is_ok()
}
