//! Starts the product and stops it.
//!
//! Callers in other crates get boxed futures: of an `async fn`, each of them would compile the whole server again.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use mdm::identity::DeviceCa;
use secrecy::SecretString;
use store::{KeyError, MasterKey, Store};
use tokio::{
    net::TcpListener,
    sync::{RwLock, watch},
    task::JoinHandle,
    time::{Instant, timeout, timeout_at},
};

use crate::{
    app::{
        App, Parts, Planner, Polls, aside::Aside, attempts::Attempts, chains::Chains, check_ins::Strangers,
        enrolments::UnderWay, outage::Outage, service::Service, signs::Signs, turns::Turns,
    },
    clock::{Clock, Random, timestamp},
    config::Config,
    gate::Gates,
    http, tasks,
};

/// Under which the certificate authority of the devices is kept.
const DEVICE_CA: &str = "deviceCa";

/// Why the server could not start. The text says what to do.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("could not open the key file {path}: {problem}")]
    Key { path: String, problem: String },
    #[error(
        "the key file {path} is not there, but the database is: bring back the key file that belongs to it (without it, \
         the token has to be uploaded and every device enrolled again: then begin with a new database)"
    )]
    KeyMissing { path: String },
    #[error(
        "there is no database at {place}: name the server's configuration (--config), or start the server first, which \
         makes the database"
    )]
    NoDatabase { place: String },
    #[error("could not open the database")]
    Store(#[from] store::StoreError),
    #[error("could not listen on {address}; is another program using it?")]
    Listen {
        address: SocketAddr,
        source: std::io::Error,
    },
    #[error("the push certificate cannot be used: {0}")]
    Push(String),
    #[error(transparent)]
    ProfileSigner(#[from] crate::config::ProfileSignerError),
    #[error("the certificate authority of the devices cannot be used: {0}")]
    DeviceCa(String),
}

/// A server that runs.
pub struct Running {
    pub app: App,
    pub address: SocketAddr,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
    looping: JoinHandle<()>,
    /// Keeps other servers away from a SQLite file.
    _hold: Option<store::Hold>,
}

/// How long the database may take to close. It is not harmed when it does not.
const CLOSE: Duration = Duration::from_secs(2);

impl Running {
    /// Lets what is under way come to its end, and stops: within `http.stop_within` and a little, whatever clients
    /// and Apple do. A step that is cut off is taken up by the next start, as after a crash.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        let deadline = Instant::now() + self.app.config.http.stop_within;
        let app = &self.app;
        let looping = async {
            if timeout_at(deadline, &mut self.looping).await.is_err() {
                tracing::warn!("a step did not come to its end in time and is cut off");
                self.looping.abort();
            }
            // At once: the next server need not wait for the clients of this one.
            let released = timeout(CLOSE, app.store.leases_release(&app.instance)).await;
            if !matches!(released, Ok(Ok(()))) {
                tracing::warn!("the leases could not be given back; they end by themselves");
            }
        };
        let (_, ()) = tokio::join!(&mut self.serving, looping);
        // Nobody speaks any more.
        let written = timeout(CLOSE, tasks::signs::step(&self.app)).await;
        if !matches!(written, Ok(Ok(_))) {
            tracing::warn!("when some devices were last heard could not be written down");
        }
        if timeout(CLOSE, self.app.store.close()).await.is_err() {
            tracing::warn!("the database did not close in time");
        }
    }
}

/// Opens the database and makes the product, without serving anything. Makes the database and its key when there is
/// none, and brings its tables up to date: for whoever is about to serve.
pub fn open(config: Config, clock: Clock) -> BoxFuture<'static, Result<App, StartError>> {
    open_within(config, clock.into())
}

/// What a server has around it, and does not make for itself.
pub struct Surroundings {
    pub clock: Clock,
    pub random: Random,
    pub planner: Planner,
    /// The way to Apple.
    pub http: apple::Http,
    /// Wakes devices; `None` where the configuration says how.
    pub apns: Option<apple::push::Apns>,
    /// Where icons come from; `None` where the configuration says it.
    pub icons: Option<apple::icons::Icons>,
}

impl From<Clock> for Surroundings {
    fn from(clock: Clock) -> Surroundings {
        Surroundings {
            clock,
            random: Random::System,
            planner: domain::decide_each,
            http: apple::Http::network(),
            apns: None,
            icons: None,
        }
    }
}

/// As [`open`], with time, chance and the way to Apple handed in: for a simulation.
pub fn open_within(config: Config, around: Surroundings) -> BoxFuture<'static, Result<App, StartError>> {
    Box::pin(async move {
        let path = &config.key_file;
        // A new key opens nothing of an old database, and makes it look as if all were well until somebody needs a secret.
        if !path.exists() && Store::exists(&config.database_url).await? {
            return Err(key_missing(&config));
        }
        let key = MasterKey::load_or_create(path).map_err(|error| key_unusable(&config, &error))?;
        let store = Store::open(&config.database_url, key).await?;
        assemble(config, around, store).await
    })
}

/// Opens the database that is there, for a command beside the server: makes none, and leaves tables of another version
/// as they are.
pub fn attach(config: Config, clock: Clock) -> BoxFuture<'static, Result<App, StartError>> {
    Box::pin(async move {
        let key = key_of_what_is_there(&config).await?;
        let store = Store::attach(&config.database_url, key).await?;
        assemble(config, clock.into(), store).await
    })
}

/// Opens the database that is there to read and copy it, of whatever version its tables are: a copy is wanted most before
/// they are brought up to date.
pub fn look(config: &Config) -> BoxFuture<'_, Result<Store, StartError>> {
    Box::pin(async move {
        let key = key_of_what_is_there(config).await?;
        Ok(Store::look(&config.database_url, key).await?.0)
    })
}

async fn key_of_what_is_there(config: &Config) -> Result<MasterKey, StartError> {
    if !Store::exists(&config.database_url).await? {
        let place = match config.database_url.strip_prefix("sqlite:") {
            Some(path) => path.trim_start_matches("//").to_owned(),
            // The address has a password in it.
            None => "database_url, a PostgreSQL database without our tables".to_owned(),
        };
        return Err(StartError::NoDatabase { place });
    }
    let key = MasterKey::load(&config.key_file).map_err(|error| key_unusable(config, &error))?;
    key.ok_or_else(|| key_missing(config))
}

/// As [`attach`], and where there is no database yet as [`open`]: the first account may be there before the server.
pub fn attach_or_open(config: Config, clock: Clock) -> BoxFuture<'static, Result<App, StartError>> {
    Box::pin(async move {
        if Store::exists(&config.database_url).await? {
            attach(config, clock).await
        } else {
            open(config, clock).await
        }
    })
}

fn key_missing(config: &Config) -> StartError {
    StartError::KeyMissing {
        path: config.key_file.display().to_string(),
    }
}

fn key_unusable(config: &Config, error: &KeyError) -> StartError {
    StartError::Key {
        path: config.key_file.display().to_string(),
        problem: error.to_string(),
    }
}

async fn assemble(config: Config, around: Surroundings, store: Store) -> Result<App, StartError> {
    let Surroundings {
        clock,
        random,
        planner,
        http,
        apns,
        icons,
    } = around;
    let device_ca = device_ca(&store, &config, &clock).await?;
    let icons = icons.unwrap_or_else(|| apple::icons::Icons::new(&config.apple.icon_hosts));
    // Read again for each profile; what does not work now will not work then.
    config.profile_signer()?;
    let apns = match apns {
        Some(apns) => Some(apns),
        None => config.apns().map_err(|error| StartError::Push(error.to_string()))?,
    };
    let push_topic = config.push_topic();
    // Unique to this process: one that starts anew is somebody else to the leases of its predecessor.
    let instance = format!("{}/{}/{}", host_name(), config.listen, random.id());
    let attempts = Attempts::new(random.secret());
    Ok(App::new(Parts {
        store,
        clock,
        random,
        planner,
        config,
        http,
        icons,
        device_ca,
        chains: Chains::default(),
        signs: Signs::default(),
        apns,
        push_topic,
        polled: Polls::default(),
        aside: Aside::default(),
        service: Service::default(),
        outage: Outage::default(),
        strangers: Strangers::default(),
        gates: Gates::default(),
        attempts,
        keys_under_way: UnderWay::default(),
        turns: Turns::default(),
        location_bell: Arc::default(),
        reading_bell: Arc::default(),
        describing_bell: Arc::default(),
        groups_bell: Arc::default(),
        device_bell: Arc::default(),
        steps: RwLock::default(),
        clock_waits: watch::Sender::new(false),
        instance,
    }))
}

/// Starts serving on the configured address.
pub fn serve(config: Config, clock: Clock) -> BoxFuture<'static, Result<Running, StartError>> {
    Box::pin(async move {
        let address = config.listen;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|source| StartError::Listen { address, source })?;
        serve_on(config, clock, listener).await
    })
}

/// Starts serving on a listener that is open already.
pub fn serve_on(
    config: Config,
    clock: Clock,
    listener: TcpListener,
) -> BoxFuture<'static, Result<Running, StartError>> {
    serve_within(config, clock.into(), listener)
}

/// The same, with all that is around it handed in.
pub fn serve_within(
    config: Config,
    around: Surroundings,
    listener: TcpListener,
) -> BoxFuture<'static, Result<Running, StartError>> {
    Box::pin(async move {
        let address = listener.local_addr().map_err(|source| StartError::Listen {
            address: config.listen,
            source,
        })?;
        let who = format!(
            "{}, process {}, serving {address} since {}",
            host_name(),
            std::process::id(),
            timestamp(around.clock.now())
        );
        let hold = Store::hold(&config.database_url, &who)?;
        let app = open_within(config, around).await?;
        if hold.is_some() {
            app.store.leases_reclaim().await?;
        }
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(http::connections::serve(
            listener,
            http::router(&app),
            app.config.http.clone(),
            stopped.clone(),
        ));
        let looping = tokio::spawn(tasks::run(app.clone(), stopped));
        Ok(Running {
            app,
            address,
            stop,
            serving,
            looping,
            _hold: hold,
        })
    })
}

/// The authority that issues device identities: made once, kept sealed in the database.
async fn device_ca(store: &Store, config: &Config, clock: &Clock) -> Result<DeviceCa, StartError> {
    let unusable = |error: mdm::identity::IdentityError| StartError::DeviceCa(error.to_string());
    if let Some(pem) = store.secret(DEVICE_CA).await? {
        let pem = String::from_utf8(pem).map_err(|error| StartError::DeviceCa(error.to_string()))?;
        return DeviceCa::from_pem(&SecretString::from(pem)).map_err(unusable);
    }
    let name = format!("{} Device CA", config.mdm_organization());
    let ca = DeviceCa::generate(&name, timestamp(clock.now())).map_err(unusable)?;
    // Another server may start for the first time at this moment: one of the two is kept.
    let kept = store
        .secret_once(DEVICE_CA, secrecy::ExposeSecret::expose_secret(&ca.to_pem()).as_bytes())
        .await?;
    let kept = String::from_utf8(kept).map_err(|error| StartError::DeviceCa(error.to_string()))?;
    DeviceCa::from_pem(&SecretString::from(kept)).map_err(unusable)
}

fn host_name() -> String {
    std::fs::read_to_string("/proc/sys/kernel/hostname")
        .map(|name| name.trim().to_owned())
        .or_else(|_| std::env::var("HOSTNAME"))
        .unwrap_or_else(|_| "localhost".to_owned())
}
