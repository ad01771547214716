//! What a server costs that serves an organisation: its pages, polls, rest and memory.
//!
//! The server is this program in a process of its own, and the simulated Apple is in this one.

use std::{
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::Duration,
};

use domain::AssetId;
use secrecy::{ExposeSecret, SecretString};
use server::{
    App, Clock, Config,
    app::{Caller, Role},
    serve,
};
use sim::apple::{Apple, AppleOptions, Switches, TokenKind, sample};
use store::{Fresh, Look, SyncRow, SyncStatus};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    BenchArguments, Part,
    phones::{self, Phone},
    process::{self, Meter},
    table::{Column, Figure, middle, millis, slowest},
};
use crate::{
    Failure,
    crowd::{self, Size},
};

const LOGIN: &str = "admin";
const PASSWORD: &str = "a teapot of blue tin";
const TOPIC: &str = "com.apple.mgmt.External.bench";
/// Before the measured ones: the first fill caches.
const BEFORE: usize = 3;
/// A server that is not up by then does not start, and one that still reads or decides does not end.
const START: Duration = Duration::from_secs(120);
const QUIET: Duration = Duration::from_secs(3600);

#[derive(Default)]
pub struct Columns {
    pub pages: Vec<Column>,
    pub polls: Vec<Column>,
    pub rest: Vec<Column>,
}

pub async fn measure(
    arguments: &BenchArguments,
    fresh: Fresh,
    people: usize,
    columns: &mut Columns,
) -> Result<(), Failure> {
    let wants = |part| arguments.only.contains(&part);
    let size = Size {
        people,
        devices: people,
        apps: arguments.apps.into(),
        scarce: 1,
        alive: 0,
    };
    let mut served = Served::start(size, fresh).await?;
    let begun = Instant::now();
    let sync = served.quiet().await?;
    let quiet = begun.elapsed();
    if wants(Part::Pages) {
        let figures = served.pages(arguments.times.into()).await?;
        columns.pages.push(Column::of(people, figures));
    }
    if wants(Part::Polls) {
        let figures = served.polls(arguments).await?;
        columns.polls.push(Column::of(people, figures));
    }
    if wants(Part::Rest) {
        served.quiet().await?;
        let mut figures = vec![
            Figure::new("everything is read from Apple", read_in(&sync), "s"),
            Figure::new("… and everybody is decided, after the start", quiet.as_secs_f64(), "s"),
        ];
        figures.extend(served.rest(Duration::from_secs(arguments.rest.into())).await?);
        columns.rest.push(Column::of(people, figures));
    }
    served.stop().await;
    Ok(())
}

fn read_in(sync: &SyncRow) -> Option<f64> {
    let (began, ended) = sync.started_at.zip(sync.finished_at)?;
    Some(ended.since(began).as_secs_f64())
}

/// A server at work, and all that is around it.
struct Served {
    child: Process,
    url: String,
    /// The same database, beside the server.
    app: App,
    http: reqwest::Client,
    cookies: String,
    key: String,
    apple: Apple,
    fresh: Fresh,
}

/// It ends with whoever started it.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Served {
    async fn start(size: Size, fresh: Fresh) -> Result<Served, Failure> {
        let mut organisations = sample::organisations();
        organisations[0] = size.organisation();
        let apple = Apple::start(AppleOptions {
            switches: Switches::unhurried(),
            organisations,
            ..AppleOptions::default()
        })
        .await?;
        // Free now, and nobody else takes it in the moment until the server does.
        let listen = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
        let url = format!("http://{listen}");
        let key_file = fresh.folder().join("key");
        let mut config = Config::local(listen, fresh.url().to_owned(), &key_file, url.clone());
        config.apple.licensing_url = apple.base_url();
        config.apple.push_url = apple.url();
        config.mdm.push_topic = Some(TOPIC.to_owned());
        let app = serve::open(config, Clock::System).await?;
        let password = SecretString::from(PASSWORD);
        app.account_add(&Caller::System, LOGIN, "홍라온", &password, Role::Full)
            .await?;
        let (_, key) = app
            .api_key_create(&Caller::System, "bench", Role::ReadOnly, None)
            .await?;
        crowd::link(&app, apple.token_file(TokenKind::Valid)).await?;
        size.fill(&app).await?;

        let file = fresh.folder().join("allotment.toml");
        std::fs::write(&file, configuration(listen, &url, fresh.url(), &key_file, &apple))?;
        let mut command = Command::new(std::env::current_exe()?);
        // What is set for another server is not meant for this one.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("ALLOTMENT_")) {
            command.env_remove(name);
        }
        let child = command
            .args(["serve", "--config"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        let mut served = Served {
            child: Process(child),
            url,
            app,
            http,
            cookies: String::new(),
            key: key.expose_secret().to_owned(),
            apple,
            fresh,
        };
        served.until_ready().await?;
        served.cookies = served.sign_in().await?;
        Ok(served)
    }

    fn is_alive(&mut self) -> Result<(), Failure> {
        match self.child.0.try_wait()? {
            None => Ok(()),
            Some(status) => Err(Failure::new(format!("the server ended: {status}"))),
        }
    }

    async fn until_ready(&mut self) -> Result<(), Failure> {
        let begun = Instant::now();
        while begun.elapsed() < START {
            self.is_alive()?;
            let answer = self.http.get(format!("{}/readyz", self.url)).send().await;
            if answer.is_ok_and(|answer| answer.status().is_success()) {
                return Ok(());
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        Err(Failure::new("the server does not start"))
    }

    async fn sign_in(&self) -> Result<String, Failure> {
        let form = [("login", LOGIN), ("password", PASSWORD)];
        let request = self.http.post(format!("{}/sign-in", self.url)).form(&form);
        let answer = request.header("origin", &self.url).send().await?;
        let cookies: Vec<&str> = answer
            .headers()
            .get_all("set-cookie")
            .iter()
            .filter_map(|cookie| cookie.to_str().ok()?.split(';').next())
            .collect();
        if cookies.is_empty() {
            return Err(Failure::new(format!("nobody can sign in: {}", answer.status())));
        }
        Ok(cookies.join("; "))
    }

    /// Until everything was read from Apple and nobody is left to be decided. What was read is returned.
    async fn quiet(&mut self) -> Result<SyncRow, Failure> {
        let Some(location) = self.app.store.location_linked().await? else {
            return Err(Failure::new("no token is linked"));
        };
        let begun = Instant::now();
        while begun.elapsed() < QUIET {
            self.is_alive()?;
            let look = Look {
                now: self.app.now(),
                looked: true,
                token_usable: true,
            };
            let decided = !self.app.store.undecided(location.id, look).await?;
            let sync = self.app.store.syncs(location.id, 1).await?.into_iter().next();
            match sync.filter(|_| decided) {
                Some(sync) if sync.status == SyncStatus::Completed => return Ok(sync),
                Some(sync) if sync.status == SyncStatus::Failed => {
                    let why = sync.error_detail.unwrap_or_default();
                    return Err(Failure::new(format!("Apple could not be read: {why}")));
                }
                _ => tokio::time::sleep(Duration::from_millis(200)).await,
            }
        }
        Err(Failure::new("the server does not come to rest"))
    }

    /// Each page and list: in the middle, and the slowest but one in a hundred.
    async fn pages(&self, times: usize) -> Result<Vec<Figure>, Failure> {
        let mut figures = Vec::new();
        for (what, path) in self.paths().await? {
            let mut took = Vec::with_capacity(times);
            for turn in 0..times + BEFORE {
                let request = self.http.get(format!("{}{path}", self.url));
                let request = match path.starts_with("/api/") {
                    true => request.bearer_auth(&self.key),
                    false => request.header("cookie", &self.cookies),
                };
                let began = Instant::now();
                let answer = request.send().await?;
                if !answer.status().is_success() {
                    return Err(Failure::new(format!("{path} was answered {}", answer.status())));
                }
                answer.bytes().await?;
                if turn >= BEFORE {
                    took.push(began.elapsed());
                }
            }
            let slow = millis(slowest(&mut took));
            let figure = Figure::new(what, slow, "ms").middle(millis(middle(&mut took)));
            figures.push(figure.aim(50.0).growth(1.3));
        }
        Ok(figures)
    }

    async fn paths(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let store = &self.app.store;
        let Some(location) = store.location_linked().await? else {
            return Err(Failure::new("no token is linked"));
        };
        let asset: Option<AssetId> = store.apps(location.id).await?.first().map(|row| row.id);
        let group = store
            .groups()
            .await?
            .into_iter()
            .find(|row| row.name == crowd::EVERYBODY);
        let (Some(asset), Some(group)) = (asset, group.map(|row| row.id)) else {
            return Err(Failure::new("the organisation has no apps"));
        };
        // One who waits.
        let (person, device): (Uuid, Uuid) = (crowd::person(1), crowd::device(1));
        let name = store
            .names(&[person])
            .await?
            .people
            .into_values()
            .next()
            .unwrap_or_default();
        let encoded: String = name.bytes().map(|byte| format!("%{byte:02X}")).collect();
        Ok(vec![
            ("dashboard", "/dashboard".to_owned()),
            ("apps", "/apps".to_owned()),
            ("one app", format!("/apps/{asset}")),
            ("… its users", format!("/apps/{asset}?tab=users")),
            (
                "… its users that wait, another page",
                format!("/apps/{asset}?tab=users&state=pendingInstall&after={person}"),
            ),
            ("… its devices", format!("/apps/{asset}?tab=devices")),
            ("… its licences", format!("/apps/{asset}?tab=licences")),
            ("people", "/people".to_owned()),
            ("… that wait for a licence", "/people?filter=waiting".to_owned()),
            ("… that are looked for in vain", "/people?q=nobody".to_owned()),
            ("… that are found", format!("/people?q={encoded}")),
            ("one person", format!("/people/{person}")),
            ("devices", "/devices".to_owned()),
            ("… that have something pending", "/devices?filter=pending".to_owned()),
            ("… that are looked for", format!("/devices?q={encoded}")),
            ("one device", format!("/devices/{device}")),
            ("why?", format!("/why/{person}/{asset}")),
            ("groups", "/groups".to_owned()),
            ("one group", format!("/groups/{group}")),
            ("activity", "/activity".to_owned()),
            ("token", "/administration/vpp".to_owned()),
            ("API: apps", "/api/v1/apps".to_owned()),
            ("API: 100 users", "/api/v1/users?limit=100".to_owned()),
            ("API: 100 devices", "/api/v1/managedDevices?limit=100".to_owned()),
            (
                "API: 100 states of an app",
                format!("/api/v1/apps/{asset}/deviceStatuses?limit=100"),
            ),
        ])
    }

    async fn polls(&mut self, arguments: &BenchArguments) -> Result<Vec<Figure>, Failure> {
        let mut phones = Vec::new();
        for number in 0..usize::from(arguments.connections) {
            phones.push(Arc::new(Phone::enrol(&self.app, number).await?));
        }
        // Whatever the enrolment has the server ask.
        loop {
            self.quiet().await?;
            if phones::work(&phones).await?.results == 0 {
                break;
            }
        }
        let each = usize::try_from(arguments.polls)?.div_ceil(phones.len());

        let (store, server) = (&self.app.store, self.child.0.id());
        let meter = Meter::start(server, store).await?;
        let mut idle = phones::idle(&phones, each).await?;
        let spent = meter.spent(store).await?;
        let polls = idle.took.len();
        let mut figures = polled("nothing to do", polls, spent, &mut idle.took, 0.2).to_vec();

        phones::ask(&self.app, &phones, each).await?;
        let meter = Meter::start(server, store).await?;
        let mut work = phones::work(&phones).await?;
        let spent = meter.spent(store).await?;
        if work.results < each * phones.len() {
            return Err(Failure::new("not every device did what it was asked"));
        }
        figures.extend(polled("with a result", work.results, spent, &mut work.took, 0.4));
        Ok(figures)
    }

    async fn rest(&mut self, watched: Duration) -> Result<[Figure; 3], Failure> {
        let (store, server) = (&self.app.store, self.child.0.id());
        let meter = Meter::start(server, store).await?;
        let began = Instant::now();
        tokio::time::sleep(watched).await;
        let watched = began.elapsed();
        let spent = meter.spent(store).await?;
        let share = spent.map(|spent| spent.as_secs_f64() / watched.as_secs_f64() * 100.0);
        let memory = process::memory(server);
        Ok([
            Figure::new("at rest, of a core", share, "%").aim(0.5),
            Figure::new("memory at rest", memory.map(|(now, _)| now), "MB").aim(150.0),
            Figure::new("… the most there was", memory.map(|(_, most)| most), "MB"),
        ])
    }

    async fn stop(self) {
        drop(self.child);
        self.app.store.close().await;
        self.apple.shutdown().await;
        self.fresh.close().await;
    }
}

fn polled(what: &str, polls: usize, spent: Option<Duration>, took: &mut [Duration], aim: f64) -> [Figure; 2] {
    let thousand = spent.map(|spent| spent.as_secs_f64() / polls as f64 * 1e3);
    let slow = Figure::new(
        format!("a poll, {what}: in the middle / the slowest but one in a hundred"),
        millis(slowest(took)),
        "ms",
    );
    [
        Figure::new(format!("1,000 polls, {what}: processor"), thousand, "s")
            .aim(aim)
            .growth(1.1),
        slow.middle(millis(middle(took))).aim(30.0).growth(1.1),
    ]
}

/// What the server reads at its start.
fn configuration(listen: SocketAddr, url: &str, database: &str, key_file: &Path, apple: &Apple) -> String {
    let key_file = key_file.display().to_string();
    format!(
        "listen = \"{listen}\"\n\
         public_url = {url:?}\n\
         database_url = {database:?}\n\
         key_file = {key_file:?}\n\
         [apple]\n\
         licensing_url = {:?}\n\
         push_url = {:?}\n\
         icon_hosts = [\"{}\"]\n\
         [mdm]\n\
         push_topic = {TOPIC:?}\n\
         [log]\n\
         level = \"error\"\n",
        apple.base_url(),
        apple.url(),
        apple.address()
    )
}
