//! The main job, live: the real server, a simulated Apple, a fleet of simulated devices, a sample organisation; or one as
//! large as one likes, of whose devices a few live.
//!
//! Everything talks HTTP on loopback, and everything is kept in one folder, so that the demo goes on where it
//! was, whatever ended it.

mod sample;

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::{Approval, GroupKind, Installation, LicenseType, MembershipRule, PersonId, Policy};
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use server::{
    App, Clock, Config, Random,
    app::{Base, Caller, Role, contract::Agreed, deployments::DeploymentChoice, groups::NewGroup, people::NewPerson},
    config::Notifications,
    serve,
};
use sim::{
    apple::{Apple, AppleOptions, Switches, TokenKind},
    devices::{DeviceSpec, Fleet, FleetOptions, Prompt, SignatureForm},
};
use tokio::net::TcpListener;

use crate::{
    Failure,
    crowd::{self, Size},
    stop::Stop,
};

#[derive(clap::Args)]
pub struct DemoArguments {
    /// Keeps everything in this folder and goes on from there the next time; forgotten at the end if not given.
    #[arg(long)]
    data: Option<PathBuf>,
    /// Where the console listens; any free port of this machine if the usual one is taken.
    #[arg(long, default_value = "127.0.0.1:8080")]
    listen: SocketAddr,
    /// Instead of the sample, an organisation of so many people, with 20 apps for everybody. Try 100000.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    people: Option<u32>,
    /// How many devices they have; one each if not given. A dozen of them live, the others were there before.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    devices: Option<u32>,
}

impl DemoArguments {
    /// How large the organisation is to be; `None` for the sample.
    fn size(&self) -> Option<Size> {
        let people = self.people.or(self.devices)?;
        let devices = self.devices.unwrap_or(people);
        Some(Size {
            people: people as usize,
            devices: devices as usize,
            apps: APPS,
            scarce: 4,
            alive: ALIVE,
        })
    }
}

/// What the demo has to remember beside what server and simulators keep themselves.
///
/// Written before anything is made, and again when a part of the sample is complete: a demo that was killed half-way
/// goes on with the part, and what its visitor changed later is not made again.
#[derive(Serialize, Deserialize)]
struct Memory {
    /// Devices know the server by its address: it has to be the same after a restart.
    listen: SocketAddr,
    password: String,
    /// Which account of the sample is which person. Missing until all of them are there.
    people: Option<BTreeMap<String, PersonId>>,
    /// Whether the first apps were deployed.
    deployed: bool,
    /// How large the organisation is, when it is not the sample.
    #[serde(default)]
    size: Option<Size>,
}

const LOGIN: &str = "admin";
/// Of an organisation that is not the sample: how many apps it has, and how many of its devices live.
const APPS: usize = 20;
const ALIVE: usize = 12;
/// The push topic of the simulated organisation.
const TOPIC: &str = "com.apple.mgmt.External.5c1f2f0e-demo";

pub async fn run(arguments: DemoArguments) -> Result<(), Failure> {
    crate::log("warn", false);
    let forgotten = match &arguments.data {
        Some(_) => None,
        None => Some(tempfile::tempdir()?),
    };
    let folder = match (&arguments.data, &forgotten) {
        (Some(folder), _) => folder.clone(),
        (None, Some(folder)) => folder.path().to_owned(),
        (None, None) => unreachable!("one of the two is there"),
    };
    std::fs::create_dir_all(&folder)?;
    let mut stop = Stop::listen()?;
    let demo = tokio::select! {
        demo = start(&folder, &arguments) => demo?,
        () = stop.asked() => return Ok(()),
    };
    tell(&demo, arguments.data.is_some());
    stop.asked().await;
    println!("\nStopping.");
    demo.running.stop().await;
    demo.fleet.stop();
    demo.apple.shutdown().await;
    Ok(())
}

struct Demo {
    url: String,
    password: String,
    second_token: PathBuf,
    /// How large the organisation is, when it is not the sample.
    size: Option<Size>,
    running: serve::Running,
    apple: Apple,
    fleet: Arc<Fleet>,
}

async fn start(folder: &Path, arguments: &DemoArguments) -> Result<Demo, Failure> {
    let memory_file = folder.join("demo.json");
    let memory: Option<Memory> = match std::fs::read(&memory_file) {
        Ok(bytes) => Some(serde_json::from_slice(&bytes)?),
        Err(_) => None,
    };
    let listener = match &memory {
        Some(memory) => TcpListener::bind(memory.listen).await.map_err(|error| {
            Failure::new(format!(
                "the devices of this demo know it at {}, and that is not free: {error}",
                memory.listen
            ))
        })?,
        None => match TcpListener::bind(arguments.listen).await {
            Ok(listener) => listener,
            Err(_) => TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?,
        },
    };
    let listen = listener.local_addr()?;
    let asked = arguments.size();
    if let Some(memory) = &memory
        && asked.is_some()
        && asked != memory.size
    {
        return Err(Failure::new(format!(
            "another organisation is kept in {}: leave --people and --devices out to go on with it, or name another folder",
            folder.display()
        )));
    }
    let mut memory = memory.unwrap_or_else(|| Memory {
        listen,
        password: URL_SAFE_NO_PAD.encode(&Random::System.secret()[..9]),
        people: None,
        deployed: false,
        size: asked,
    });
    write(&memory_file, &memory)?;
    let apple = Apple::start(apple_options(folder, memory.size.as_ref())).await?;
    let second_token = folder.join("second-token.vpptoken");
    std::fs::write(&second_token, apple.token_file(TokenKind::Renewal))?;

    let mut config = config(folder, listen, &apple);
    let url = config.public_url.clone();
    if let Some(size) = &memory.size {
        // Each change at Apple has whoever holds what read anew.
        config.apple.poll_every = Duration::from_secs(30);
        let app = serve::open(config.clone(), Clock::System).await?;
        account(&app, &memory.password).await?;
        crowd::link(&app, apple.token_file(TokenKind::Valid)).await?;
        size.fill(&app).await?;
        app.store.close().await;
    }
    let running = serve::serve_on(config, Clock::System, listener).await?;
    let fleet = Fleet::start(FleetOptions {
        apple_url: apple.url(),
        state_file: Some(folder.join("fleet.json")),
        ..FleetOptions::default()
    })
    .await?;
    let fleet = Arc::new(fleet);
    let (app, password, size) = (running.app.clone(), memory.password.clone(), memory.size);
    match size {
        Some(size) => drop(tokio::spawn(enrol(
            app,
            Arc::clone(&fleet),
            Living::These(size.living()),
        ))),
        None => {
            let people = match &memory.people {
                Some(people) => people.clone(),
                None => {
                    let people = organisation(&app, &memory.password).await?;
                    memory.people = Some(people.clone());
                    write(&memory_file, &memory)?;
                    people
                }
            };
            crowd::link(&app, apple.token_file(TokenKind::Valid)).await?;
            // Both take a while, which is worth watching: the dashboard fills up.
            tokio::spawn(enrol(app.clone(), Arc::clone(&fleet), Living::Sample(people)));
            if !memory.deployed {
                tokio::spawn(deploy(app, memory, memory_file));
            }
        }
    }
    Ok(Demo {
        url,
        password,
        second_token,
        size,
        running,
        apple,
        fleet,
    })
}

/// The simulated Apple, with the sample or with whoever else is there.
fn apple_options(folder: &Path, size: Option<&Size>) -> AppleOptions {
    let mut options = AppleOptions {
        state_file: Some(folder.join("apple.json")),
        ..AppleOptions::default()
    };
    if let Some(size) = size {
        options.organisations[0] = size.organisation();
        options.switches = Switches::unhurried();
    }
    // The demo is on this machine, without TLS.
    options.switches.plain_notification_urls = true;
    options
}

/// The server's own configuration, with Apple's addresses replaced and everything a little quicker.
fn config(folder: &Path, listen: SocketAddr, apple: &Apple) -> Config {
    let mut config = Config::local(
        listen,
        format!("sqlite:{}", folder.join("allotment.db").display()),
        folder.join("key"),
        format!("http://{listen}"),
    );
    config.organization = Some(sample::ORGANISATION.to_owned());
    config.apple.licensing_url = apple.base_url();
    config.apple.push_url = apple.url();
    config.apple.icon_hosts = vec![apple.address().into()];
    config.apple.notifications = Notifications::At(config.public_url.clone());
    config.apple.poll_every = Duration::from_secs(3);
    config.apple.event_poll_every = Duration::from_secs(1);
    // The simulated Apple is on this machine, and quick: a demo that is killed goes on within the minute.
    config.apple.patience = domain::Patience {
        request: Duration::from_secs(10),
        event: Duration::from_secs(30),
        lag: Duration::from_secs(1),
    };
    config.mdm.push_topic = Some(TOPIC.to_owned());
    config.mdm.push_again_after = Duration::from_secs(10);
    config.reconcile_every = Duration::from_secs(1);
    config
}

/// The account that was told, if it is missing, and how soon devices are asked.
async fn account(app: &App, password: &str) -> Result<(), Failure> {
    let system = Caller::System;
    if app.account_by_login(LOGIN).await?.is_none() {
        let password = SecretString::from(password.to_owned());
        app.account_add(&system, LOGIN, "홍라온", &password, Role::Full).await?;
    }
    app.policy_set(
        &system,
        Base::Latest,
        Policy {
            first_check_after: Duration::from_secs(3),
            retry_after: Duration::from_secs(5),
            ..Policy::default()
        },
    )
    .await?;
    Ok(())
}

/// Account, people and groups, as far as they are missing. Devices come with their enrolment, apps with the token.
async fn organisation(app: &App, password: &str) -> Result<BTreeMap<String, PersonId>, Failure> {
    let system = Caller::System;
    account(app, password).await?;
    let known: BTreeMap<_, _> = app.people().await?.into_iter().map(|row| (row.email, row.id)).collect();
    let mut people = BTreeMap::new();
    let mut members: BTreeMap<&str, Vec<uuid::Uuid>> = BTreeMap::new();
    for person in &sample::PEOPLE {
        let email = Some(format!("{}@seorindeul.example", person.account));
        let id = match known.get(&email) {
            Some(id) => *id,
            None => {
                let new = NewPerson {
                    name: person.name.to_owned(),
                    email,
                    department: Some(person.department.to_owned()),
                    office: None,
                };
                app.person_add(&system, new).await?
            }
        };
        people.insert(person.account.to_owned(), id);
        members.entry(person.department).or_default().push(id.0);
        members.entry(sample::EVERYBODY).or_default().push(id.0);
    }
    let known: BTreeMap<_, _> = app.groups().await?.into_iter().map(|row| (row.name, row.id)).collect();
    for (name, members) in members {
        let id = match known.get(name) {
            Some(id) => *id,
            None => {
                let new = NewGroup {
                    name: name.to_owned(),
                    kind: GroupKind::User,
                    priority: if name == "IT 운영팀" { 10 } else { 0 },
                    rule: None,
                };
                app.group_add(&system, new).await?
            }
        };
        app.group_members_set(&system, id, Base::Latest, &members, &Agreed::default())
            .await?;
    }
    if !known.contains_key(sample::KIOSK_GROUP) {
        let rule = format!("device.model -eq \"{}\"", sample::KIOSK_MODEL);
        let rule = MembershipRule::of_kept(GroupKind::Device, &rule);
        let new = NewGroup {
            name: sample::KIOSK_GROUP.to_owned(),
            kind: GroupKind::Device,
            priority: 0,
            rule: Some(rule.map_err(|_| Failure::new("the rule of the sample is no rule".to_owned()))?),
        };
        app.group_add(&system, new).await?;
    }
    Ok(people)
}

/// Whose devices live.
enum Living {
    /// Those of the sample: which account is which person.
    Sample(BTreeMap<String, PersonId>),
    These(Vec<(DeviceSpec, PersonId)>),
}

/// Enrols every device that is not enrolled yet, each with a link of its own.
async fn enrol(app: App, fleet: Arc<Fleet>, living: Living) {
    loop {
        let tried = match &living {
            Living::Sample(people) => enrol_sample(&app, &fleet, people).await,
            Living::These(devices) => enrol_these(&app, &fleet, devices).await,
        };
        match tried {
            Ok(0) => return,
            Ok(_) => {}
            Err(Failure(text)) => tracing::error!("the sample devices could not be enrolled: {text}"),
        }
        tokio::time::sleep(Duration::from_secs(5)).await;
    }
}

/// How many had to be tried.
async fn enrol_these(app: &App, fleet: &Fleet, devices: &[(DeviceSpec, PersonId)]) -> Result<usize, Failure> {
    let mut tried = 0;
    for (spec, person) in devices {
        if under_way(fleet, &spec.serial) {
            continue;
        }
        tried += 1;
        let link = app.enrolment_link(&Caller::System, *person).await?;
        enrol_one(fleet, spec.clone(), link.expose_secret()).await;
    }
    Ok(tried)
}

/// One whose link was used up while its answer got lost has no profile, and needs another link.
fn under_way(fleet: &Fleet, serial: &str) -> bool {
    fleet.device(serial).is_some_and(|device| device.gone.is_none())
}

/// A device that fails at first tries again by itself.
async fn enrol_one(fleet: &Fleet, spec: DeviceSpec, link: &str) {
    let serial = spec.serial.clone();
    if let Err(error) = fleet.enrol(spec, link).await {
        tracing::warn!(serial, error = %server::cause::Chain(&error), "a simulated device has not enrolled yet");
    }
}

/// How many had to be tried.
async fn enrol_sample(app: &App, fleet: &Fleet, people: &BTreeMap<String, PersonId>) -> Result<usize, Failure> {
    let mut tried = 0;
    for device in sample::devices() {
        if under_way(fleet, &device.serial) {
            continue;
        }
        let person = &sample::PEOPLE[device.owner];
        let Some(id) = people.get(person.account) else {
            continue;
        };
        tried += 1;
        let link = app.enrolment_link(&Caller::System, *id).await?;
        enrol_one(fleet, spec(&device), link.expose_secret()).await;
    }
    for (name, serial) in sample::KIOSKS {
        if under_way(fleet, serial) {
            continue;
        }
        tried += 1;
        let link = app.enrolment_link_for_nobody(&Caller::System).await?;
        enrol_one(fleet, kiosk(name, serial), link.expose_secret()).await;
    }
    Ok(tried)
}

/// A device at which nobody is signed in, and nobody accepts anything.
fn kiosk(name: &str, serial: &str) -> DeviceSpec {
    DeviceSpec {
        name: name.to_owned(),
        serial: serial.to_owned(),
        product_name: sample::KIOSK_MODEL.to_owned(),
        os_version: "18.1".to_owned(),
        supervised: true,
        dep: true,
        account: None,
        accepts_invitation_after: None,
        download_time: Duration::from_millis(3_000),
        ..DeviceSpec::default()
    }
}

fn spec(device: &sample::SampleDevice) -> DeviceSpec {
    let account = sample::PEOPLE[device.owner].account;
    let phone = device.product_name.starts_with("iPhone");
    DeviceSpec {
        name: device.name.clone(),
        serial: device.serial.clone(),
        product_name: device.product_name.to_owned(),
        os_version: device.os_version.to_owned(),
        supervised: !sample::UNSUPERVISED.contains(&account),
        dep: phone && sample::ENROLLED_THROUGH_DEP.contains(&account),
        account: Some(format!("{account}@account.example")),
        accepts_invitation_after: (account != sample::NEVER_ACCEPTS).then(|| sample::accepts_after(device.owner)),
        not_now_for: if phone && account == sample::NOT_NOW {
            sample::NOT_NOW_FOR
        } else {
            Duration::ZERO
        },
        prompt: Prompt::Accept {
            after: Duration::from_secs(4),
        },
        download_time: Duration::from_millis(2_500 + (device.owner as u64 % 7) * 900),
        signature: if device.owner.is_multiple_of(2) {
            SignatureForm::AppleBer
        } else {
            SignatureForm::DerWithAttributes
        },
        ..DeviceSpec::default()
    }
}

/// Deploys the first apps once they are known: one with enough licences, one with too few, and one with licences of devices; to
/// the kiosks one with licences of devices, and one that they cannot have so.
async fn deploy(app: App, mut memory: Memory, memory_file: PathBuf) {
    const FIRST: [(&str, &str, LicenseType); 5] = [
        ("여울 회의", "영업팀", LicenseType::User),
        ("한올서명", sample::EVERYBODY, LicenseType::User),
        ("도담노트", "영업팀", LicenseType::Automatic),
        ("마루보드", sample::KIOSK_GROUP, LicenseType::Device),
        ("켜켜이 문서", sample::KIOSK_GROUP, LicenseType::User),
    ];
    loop {
        match deploy_first(&app, &FIRST).await {
            Ok(true) => break,
            Ok(false) => tokio::time::sleep(Duration::from_millis(200)).await,
            Err(Failure(text)) => {
                tracing::error!("the sample deployment could not be made: {text}");
                return;
            }
        }
    }
    memory.deployed = true;
    if let Err(Failure(text)) = write(&memory_file, &memory) {
        tracing::error!("the demo will deploy its first apps once more: {text}");
    }
}

/// Whether all are deployed now.
async fn deploy_first(app: &App, lines: &[(&str, &str, LicenseType)]) -> Result<bool, Failure> {
    let Some(summed) = app.apps_summed().await? else {
        return Ok(false);
    };
    let groups = app.groups().await?;
    for (name, group, license_type) in lines {
        let Some(found) = summed.apps.iter().find(|app| app.row.name.as_deref() == Some(*name)) else {
            return Ok(false);
        };
        let Some(group) = groups.iter().find(|row| row.name == *group) else {
            return Ok(false);
        };
        if !found.deployments.is_empty() {
            continue;
        }
        let choice = DeploymentChoice {
            group: group.id,
            approval: Approval::Required,
            deadline: None,
            license_type: *license_type,
            installation: Installation::Managed,
            kept_licenses: 0,
        };
        app.deployments_save(
            &Caller::System,
            found.row.id,
            Base::Latest,
            vec![choice],
            &Agreed::default(),
        )
        .await?;
    }
    Ok(true)
}

fn write(file: &Path, memory: &Memory) -> Result<(), Failure> {
    let aside = file.with_extension("json.new");
    std::fs::write(&aside, serde_json::to_vec_pretty(memory)?)?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&aside, std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(std::fs::rename(aside, file)?)
}

fn tell(demo: &Demo, kept: bool) {
    println!();
    match &demo.size {
        None => println!(
            "  Allotment runs, with a simulated Apple and {} simulated devices.",
            sample::devices().len() + sample::KIOSKS.len()
        ),
        Some(size) => println!(
            "  Allotment runs, with a simulated Apple, {} people and {} devices, of which {} live.",
            size.people,
            size.devices,
            size.alive.min(size.devices)
        ),
    }
    println!();
    println!("  Open       {}", demo.url);
    println!("  Sign in    {LOGIN} / {}", demo.password);
    println!();
    println!("  A second content token of the same organisation lies at");
    println!("             {}", demo.second_token.display());
    println!("  The simulated Apple's own books: {}/sim/ledger", demo.apple.url());
    if !kept {
        println!("  Nothing is kept; use --data DIR to keep it.");
    }
    println!();
    println!("  Ctrl-C ends it.");
}
