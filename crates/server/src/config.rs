//! The configuration: one TOML file, each key of which the environment can override.
//!
//! Nothing here is guessed. A key that nobody knows, a value that cannot be meant, a secret that would travel
//! unencrypted: all are refused at the start, with the place, the key and what to write instead.

mod check;
mod database;
mod given;
mod keys;
mod load;
mod push;
mod signer;
mod values;

use std::{fmt, net::SocketAddr, path::PathBuf, time::Duration};

use ipnet::IpNet;
use jiff::{civil, tz::TimeZone};

use apple::icons::IconHost;
pub use check::{Finding, Severity, doctor};
pub use database::database;
pub use push::{PushCertificateError, PushIdentity};
pub use signer::ProfileSignerError;

use crate::messages::Lang;
use values::is_loopback_url;

/// Why a configuration cannot be used. The text names the place, the key, and what to write.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("{path} cannot be read: {source}")]
    Unreadable { path: String, source: std::io::Error },
    #[error("{path} is not TOML: {problem}")]
    NotToml { path: String, problem: String },
    #[error("{place}: there is no key {key}; {advice}")]
    Unknown { place: String, key: String, advice: String },
    #[error("{key} is missing: write {key} = {example} {place}, or set {variable}")]
    Missing {
        key: &'static str,
        example: &'static str,
        place: String,
        variable: String,
    },
    #[error("{place}: {key} {problem}; write for example {example}")]
    Wrong {
        place: String,
        key: String,
        problem: String,
        example: &'static str,
    },
}

/// How one installation is set up. Made by [`Config::load`], or by [`Config::local`] and changed in code.
#[derive(Clone)]
pub struct Config {
    /// Where the server listens. It speaks plain HTTP: put a TLS proxy in front.
    pub listen: SocketAddr,
    /// How browsers and devices reach the server; no slash at the end.
    pub public_url: String,
    /// `sqlite:PATH` or `postgres://…`. May hold a password: never print it.
    pub database_url: String,
    /// Opens every secret in the database. Made on the first start.
    pub key_file: PathBuf,
    /// The language of pages where a person has not chosen one; what the browser asks for if not given.
    pub language: Option<Lang>,
    /// In which times are shown, and in which `apple.sync_at` is meant.
    pub time_zone: String,
    /// The organisation's name as pages show it.
    pub organization: Option<String>,
    /// Proxies in front of the server: what they write into `X-Forwarded-For` is believed. Nobody else's is.
    pub trusted_proxies: Vec<IpNet>,
    /// How often the loop looks when nothing rings.
    pub reconcile_every: Duration,
    pub apple: AppleConfig,
    pub mdm: MdmConfig,
    pub http: HttpConfig,
    pub retention: RetentionConfig,
    pub log: LogConfig,
}

/// Where Apple is, and how often it is asked.
#[derive(Debug, Clone)]
pub struct AppleConfig {
    /// The licensing service, up to and without `/service/config`.
    pub licensing_url: String,
    /// Names and icons of apps; what the licensing service publishes if not given.
    pub metadata_url: Option<String>,
    /// Where a person accepts the programme, with `%25inviteCode%25` where the code goes. It is replaced literally.
    /// What the licensing service publishes if not given.
    pub invitation_url: Option<String>,
    pub push_url: String,
    /// The link "Apple VPP 계정" of the console (A13).
    pub account_url: String,
    /// How often to look whether something changed at Apple: three cheap requests.
    pub poll_every: Duration,
    /// How often to ask for the outcome of something that Apple works on.
    pub event_poll_every: Duration,
    /// Where icons may come from besides Apple's own hosts.
    pub icon_hosts: Vec<IconHost>,
    /// How long a request may be alive, and how far Apple's lists may lag: what `answer_within`, `event_within` and
    /// `list_lag` say.
    pub patience: domain::Patience,
    /// Times of day at which everything is read (A7).
    pub sync_at: Vec<civil::Time>,
    /// Where Apple reaches us.
    pub notifications: Notifications,
}

/// Where Apple is to send notifications.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Notifications {
    /// To the public address, where that is one that Apple may reach: `https`.
    PublicUrl,
    /// To another one, which leads here.
    At(String),
    /// It sends none. What happens at Apple is noticed at the next look.
    Off,
}

impl Config {
    /// The address under which Apple reaches us, without a slash at the end; `None` where it does not.
    pub fn notified_at(&self) -> Option<&str> {
        match &self.apple.notifications {
            Notifications::PublicUrl => self
                .public_url
                .starts_with("https://")
                .then_some(self.public_url.as_str()),
            Notifications::At(url) => Some(url),
            Notifications::Off => None,
        }
    }
}

impl AppleConfig {
    /// How soon to try again what Apple did not do, at first. Doubles while that goes on.
    pub fn first_pause(&self) -> Duration {
        const FIRST_PAUSE: Duration = Duration::from_secs(2);
        // Whoever asks for outcomes more often than that has an Apple that is as quick.
        FIRST_PAUSE.min(self.event_poll_every)
    }

    /// An event that has not ended after so long is stuck: others do not wait for it. Half a minute.
    pub fn stuck_after(&self) -> Duration {
        self.first_pause() * 15
    }
}

/// How devices are managed.
#[derive(Debug, Clone)]
pub struct MdmConfig {
    /// PEM with certificate and private key from identity.apple.com. Without it devices are heard but not woken.
    pub push_certificate_file: Option<PathBuf>,
    /// Read from the certificate if not given; only a simulated Apple needs it.
    pub push_topic: Option<String>,
    /// The name that devices show for whoever manages them.
    pub organization: Option<String>,
    /// PEM with certificate, chain and key that sign enrolment profiles; without it the authority of the devices does.
    /// Read anew for each profile, so that a renewed one counts at once.
    pub profile_signer_file: Option<PathBuf>,
    /// How soon to wake a device again that did not come; doubles with its silence.
    pub push_again_after: Duration,
}

/// What clients may take of the server, however many they are and whatever they do.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Connections at once. More wait until one is free; those that only wait make room first.
    pub connections: usize,
    /// Requests that are worked on at once. More wait a moment and are then told to come again.
    pub requests: usize,
    /// How long a new connection may take for the head of its first request.
    pub head_timeout: Duration,
    /// How long a connection may stay open between two requests. Longer than a proxy keeps one.
    pub idle_timeout: Duration,
    /// How long the body of a request may take.
    pub body_timeout: Duration,
    /// How long an answer may take, until its last byte is gone.
    pub answer_timeout: Duration,
    /// How long the server, when it is to stop, lets what is under way come to its end.
    pub stop_within: Duration,
}

/// How long what is past is kept.
#[derive(Debug, Clone)]
pub struct RetentionConfig {
    /// Who did what, and what happened. At least 31 days: the database gives nothing younger away.
    pub history: Duration,
    /// Finished commands, operations and syncs.
    pub work: Duration,
}

#[derive(Debug, Clone)]
pub struct LogConfig {
    /// `error`, `warn`, `info`, `debug`, or per part: `warn,server=debug`.
    pub level: String,
    /// One JSON object a line.
    pub json: bool,
}

impl Config {
    /// For code that needs no file: the demonstration and tests. Everything else has its default.
    pub fn local(
        listen: SocketAddr,
        database_url: impl Into<String>,
        key_file: impl Into<PathBuf>,
        public_url: impl Into<String>,
    ) -> Config {
        let mut public_url: String = public_url.into();
        public_url.truncate(public_url.trim_end_matches('/').len());
        Config {
            listen,
            public_url,
            database_url: database_url.into(),
            key_file: key_file.into(),
            language: None,
            time_zone: "Asia/Seoul".to_owned(),
            organization: None,
            trusted_proxies: Vec::new(),
            reconcile_every: Duration::from_secs(2),
            apple: AppleConfig {
                licensing_url: "https://vpp.itunes.apple.com/mdm/v2".to_owned(),
                metadata_url: None,
                invitation_url: None,
                push_url: "https://api.push.apple.com".to_owned(),
                account_url: "https://business.apple.com".to_owned(),
                poll_every: Duration::from_secs(5 * 60),
                event_poll_every: Duration::from_secs(30),
                icon_hosts: Vec::new(),
                patience: domain::Patience::default(),
                sync_at: vec![civil::time(2, 0, 0, 0), civil::time(14, 0, 0, 0)],
                notifications: Notifications::PublicUrl,
            },
            mdm: MdmConfig {
                push_certificate_file: None,
                push_topic: None,
                organization: None,
                profile_signer_file: None,
                push_again_after: Duration::from_secs(15 * 60),
            },
            http: HttpConfig {
                connections: 1000,
                requests: 128,
                head_timeout: Duration::from_secs(10),
                idle_timeout: Duration::from_secs(90),
                body_timeout: Duration::from_secs(60),
                answer_timeout: Duration::from_secs(300),
                stop_within: Duration::from_secs(20),
            },
            retention: RetentionConfig {
                history: Duration::from_secs(5 * 365 * 24 * 3600),
                work: Duration::from_secs(90 * 24 * 3600),
            },
            log: LogConfig {
                level: "info".to_owned(),
                json: false,
            },
        }
    }

    /// `true` when browsers reach the server over TLS: only then may cookies be marked as secure.
    pub fn is_https(&self) -> bool {
        self.public_url.starts_with("https://")
    }

    /// The zone that is meant where a time has none. UTC when it is not known, which [`Config::load`] does not let happen.
    pub fn zone(&self) -> TimeZone {
        TimeZone::get(&self.time_zone).unwrap_or(TimeZone::UTC)
    }

    /// The name that devices show for whoever manages them.
    pub fn mdm_organization(&self) -> String {
        self.mdm
            .organization
            .clone()
            .or_else(|| self.organization.clone())
            .unwrap_or_else(|| "Allotment".to_owned())
    }

    /// In which language Apple is asked for the names of apps. They are kept once, so the reader's wish cannot count.
    pub fn metadata_language(&self) -> &'static str {
        match self.language {
            Some(Lang::En) => "en",
            Some(Lang::Ko) | None => "ko",
        }
    }

    /// The certificate with which Apple's push service knows us. `None` when none is configured.
    pub fn push_identity(&self) -> Result<Option<PushIdentity>, PushCertificateError> {
        self.mdm
            .push_certificate_file
            .as_deref()
            .map(PushIdentity::read)
            .transpose()
    }

    /// What devices have to listen for. `None` while there is neither a topic nor a readable certificate.
    pub fn push_topic(&self) -> Option<String> {
        if let Some(topic) = &self.mdm.push_topic {
            return Some(topic.clone());
        }
        self.push_identity().ok().flatten().and_then(|identity| identity.topic)
    }

    /// What signs enrolment profiles. `None` when nothing is configured.
    pub fn profile_signer(&self) -> Result<Option<mdm::signed::ProfileSigner>, ProfileSignerError> {
        self.mdm.profile_signer_file.as_deref().map(signer::read).transpose()
    }

    /// What wakes devices. `None` without a push certificate, except towards a simulated Apple on this machine,
    /// which asks for none.
    pub fn apns(&self) -> Result<Option<apple::push::Apns>, PushCertificateError> {
        let identity = self.push_identity()?;
        if identity.is_none() && !is_loopback_url(&self.apple.push_url) {
            return Ok(None);
        }
        let pem = identity.map(|identity| identity.pem);
        apple::push::Apns::new(&self.apple.push_url, pem)
            .map(Some)
            .map_err(|error| PushCertificateError::Unusable(error.to_string()))
    }
}

/// Without the address of the database, which may hold a password.
impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config")
            .field("listen", &self.listen)
            .field("public_url", &self.public_url)
            .field("key_file", &self.key_file)
            .field("time_zone", &self.time_zone)
            .field("apple", &self.apple)
            .field("mdm", &self.mdm)
            .field("http", &self.http)
            .field("log", &self.log)
            .finish_non_exhaustive()
    }
}
