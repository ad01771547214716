//! The configuration: one TOML file, each key of which the environment can override.
//!
//! Nothing here is guessed. A key that nobody knows, a value that cannot be meant, a secret that would travel
//! unencrypted: all are refused at the start, with the place, the key and what to write instead.

mod check;
mod database;
mod given;
mod push;
mod signer;

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    time::Duration,
};

use ipnet::IpNet;
use jiff::{civil, tz::TimeZone};
use reqwest::Url;

use apple::icons::IconHost;
pub use check::{Finding, Severity, doctor};
pub use database::database;
pub use push::{PushCertificateError, PushIdentity};
pub use signer::ProfileSignerError;

use crate::messages::Lang;
use given::{Given, Key};

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

    /// Reads the file, if there is one, and lets the environment override it.
    pub fn load(path: Option<&Path>, env: impl Iterator<Item = (String, String)>) -> Result<Config, ConfigError> {
        let given = Given::read(path, env)?;
        let public_url = given
            .parsed(&PUBLIC_URL, public_url)?
            .ok_or_else(|| given.missing(&PUBLIC_URL))?;
        let database_url = given
            .parsed(&DATABASE_URL, database_url)?
            .ok_or_else(|| given.missing(&DATABASE_URL))?;
        let key_file = given
            .parsed(&KEY_FILE, path_text)?
            .ok_or_else(|| given.missing(&KEY_FILE))?;
        let listen = given
            .parsed(&LISTEN, address)?
            .unwrap_or_else(|| (Ipv4Addr::LOCALHOST, 8080).into());

        let mut config = Config::local(listen, database_url, key_file, public_url);
        config.language = given.parsed(&LANGUAGE, language)?;
        config.organization = given.parsed(&ORGANIZATION, name)?;
        set(&mut config.time_zone, given.parsed(&TIME_ZONE, time_zone)?);
        set(&mut config.trusted_proxies, given.each(&TRUSTED_PROXIES, network)?);
        set(&mut config.reconcile_every, given.parsed(&RECONCILE_EVERY, duration)?);

        let apple = &mut config.apple;
        set(&mut apple.licensing_url, given.parsed(&LICENSING_URL, remote_url)?);
        apple.metadata_url = given.parsed(&METADATA_URL, remote_url)?;
        apple.invitation_url = given.parsed(&INVITATION, invitation_url)?;
        set(&mut apple.push_url, given.parsed(&PUSH_URL, remote_url)?);
        set(&mut apple.account_url, given.parsed(&ACCOUNT_URL, remote_url)?);
        set(&mut apple.poll_every, given.parsed(&POLL_EVERY, duration)?);
        set(&mut apple.event_poll_every, given.parsed(&EVENT_POLL_EVERY, duration)?);
        set(&mut apple.icon_hosts, given.each(&ICON_HOSTS, icon_host)?);
        set(&mut apple.patience.request, given.parsed(&ANSWER_WITHIN, duration)?);
        set(&mut apple.patience.event, given.parsed(&EVENT_WITHIN, duration)?);
        set(&mut apple.patience.lag, given.parsed(&LIST_LAG, duration)?);
        set(&mut apple.sync_at, given.each(&SYNC_AT, time_of_day)?);

        let mdm = &mut config.mdm;
        mdm.push_certificate_file = given.parsed(&PUSH_CERTIFICATE_FILE, path_text)?;
        mdm.push_topic = given.parsed(&PUSH_TOPIC, topic)?;
        mdm.organization = given.parsed(&MDM_ORGANIZATION, name)?;
        mdm.profile_signer_file = given.parsed(&PROFILE_SIGNER_FILE, path_text)?;
        set(&mut mdm.push_again_after, given.parsed(&PUSH_AGAIN_AFTER, duration)?);

        let http = &mut config.http;
        set(&mut http.connections, given.parsed(&CONNECTIONS, count)?);
        set(&mut http.requests, given.parsed(&REQUESTS, count)?);
        set(&mut http.head_timeout, given.parsed(&HEAD_TIMEOUT, duration)?);
        set(&mut http.idle_timeout, given.parsed(&IDLE_TIMEOUT, duration)?);
        set(&mut http.body_timeout, given.parsed(&BODY_TIMEOUT, duration)?);
        set(&mut http.answer_timeout, given.parsed(&ANSWER_TIMEOUT, duration)?);
        set(&mut http.stop_within, given.parsed(&STOP_WITHIN, duration)?);

        let retention = &mut config.retention;
        set(&mut retention.history, given.parsed(&KEEP_HISTORY, long_duration)?);
        set(&mut retention.work, given.parsed(&KEEP_WORK, long_duration)?);

        set(&mut config.log.level, given.parsed(&LOG_LEVEL, name)?);
        set(&mut config.log.json, given.parsed(&LOG_JSON, flag)?);
        Ok(config)
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

fn set<T>(place: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *place = given;
    }
}

const LISTEN: Key = Key {
    section: "",
    name: "listen",
    example: "\"127.0.0.1:8080\"",
};
const PUBLIC_URL: Key = Key {
    section: "",
    name: "public_url",
    example: "\"https://apps.example.com\"",
};
const DATABASE_URL: Key = Key {
    section: "",
    name: "database_url",
    example: "\"sqlite:/var/lib/allotment/allotment.db\"",
};
const KEY_FILE: Key = Key {
    section: "",
    name: "key_file",
    example: "\"/var/lib/allotment/key\"",
};
const LANGUAGE: Key = Key {
    section: "",
    name: "language",
    example: "\"ko\" or \"en\"",
};
const TIME_ZONE: Key = Key {
    section: "",
    name: "time_zone",
    example: "\"Asia/Seoul\"",
};
const ORGANIZATION: Key = Key {
    section: "",
    name: "organization",
    example: "\"Example Company\"",
};
const TRUSTED_PROXIES: Key = Key {
    section: "",
    name: "trusted_proxies",
    example: "[\"127.0.0.1\", \"10.0.0.0/8\"]",
};
const RECONCILE_EVERY: Key = Key {
    section: "",
    name: "reconcile_every",
    example: "\"2s\"",
};
const LICENSING_URL: Key = Key {
    section: "apple",
    name: "licensing_url",
    example: "\"https://vpp.itunes.apple.com/mdm/v2\"",
};
const METADATA_URL: Key = Key {
    section: "apple",
    name: "metadata_url",
    example: "\"https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup\"",
};
const INVITATION: Key = Key {
    section: "apple",
    name: "invitation_url",
    example: "an address with %25inviteCode%25 where the code goes, or nothing: Apple's own is the default",
};
const PUSH_URL: Key = Key {
    section: "apple",
    name: "push_url",
    example: "\"https://api.push.apple.com\"",
};
const ACCOUNT_URL: Key = Key {
    section: "apple",
    name: "account_url",
    example: "\"https://business.apple.com\"",
};
const POLL_EVERY: Key = Key {
    section: "apple",
    name: "poll_every",
    example: "\"5m\"",
};
const EVENT_POLL_EVERY: Key = Key {
    section: "apple",
    name: "event_poll_every",
    example: "\"30s\"",
};
const ICON_HOSTS: Key = Key {
    section: "apple",
    name: "icon_hosts",
    example: "[\"icons.example.com\"]",
};
const ANSWER_WITHIN: Key = Key {
    section: "apple",
    name: "answer_within",
    example: "\"40s\"",
};
const EVENT_WITHIN: Key = Key {
    section: "apple",
    name: "event_within",
    example: "\"10m\"",
};
const LIST_LAG: Key = Key {
    section: "apple",
    name: "list_lag",
    example: "\"60s\"",
};
const SYNC_AT: Key = Key {
    section: "apple",
    name: "sync_at",
    example: "[\"02:00\", \"14:00\"]",
};
const PUSH_CERTIFICATE_FILE: Key = Key {
    section: "mdm",
    name: "push_certificate_file",
    example: "\"/etc/allotment/push.pem\"",
};
const PROFILE_SIGNER_FILE: Key = Key {
    section: "mdm",
    name: "profile_signer_file",
    example: "\"/etc/allotment/signer.pem\", with certificate, chain and key",
};
const PUSH_TOPIC: Key = Key {
    section: "mdm",
    name: "push_topic",
    example: "nothing: the topic is read from the certificate",
};
const MDM_ORGANIZATION: Key = Key {
    section: "mdm",
    name: "organization",
    example: "\"Example Company\"",
};
const PUSH_AGAIN_AFTER: Key = Key {
    section: "mdm",
    name: "push_again_after",
    example: "\"15m\"",
};
const CONNECTIONS: Key = Key {
    section: "http",
    name: "connections",
    example: "1000",
};
const REQUESTS: Key = Key {
    section: "http",
    name: "requests",
    example: "128",
};
const HEAD_TIMEOUT: Key = Key {
    section: "http",
    name: "head_timeout",
    example: "\"10s\"",
};
const IDLE_TIMEOUT: Key = Key {
    section: "http",
    name: "idle_timeout",
    example: "\"90s\"",
};
const BODY_TIMEOUT: Key = Key {
    section: "http",
    name: "body_timeout",
    example: "\"60s\"",
};
const ANSWER_TIMEOUT: Key = Key {
    section: "http",
    name: "answer_timeout",
    example: "\"5m\"",
};
const STOP_WITHIN: Key = Key {
    section: "http",
    name: "stop_within",
    example: "\"20s\"",
};
const KEEP_HISTORY: Key = Key {
    section: "retention",
    name: "history",
    example: "\"1825d\"",
};
const KEEP_WORK: Key = Key {
    section: "retention",
    name: "work",
    example: "\"90d\"",
};
const LOG_LEVEL: Key = Key {
    section: "log",
    name: "level",
    example: "\"info\"",
};
const LOG_JSON: Key = Key {
    section: "log",
    name: "json",
    example: "true",
};

/// Every key there is.
const KEYS: &[Key] = &[
    LISTEN,
    PUBLIC_URL,
    DATABASE_URL,
    KEY_FILE,
    LANGUAGE,
    TIME_ZONE,
    ORGANIZATION,
    TRUSTED_PROXIES,
    RECONCILE_EVERY,
    LICENSING_URL,
    METADATA_URL,
    INVITATION,
    PUSH_URL,
    ACCOUNT_URL,
    POLL_EVERY,
    EVENT_POLL_EVERY,
    ICON_HOSTS,
    ANSWER_WITHIN,
    EVENT_WITHIN,
    LIST_LAG,
    SYNC_AT,
    PUSH_CERTIFICATE_FILE,
    PROFILE_SIGNER_FILE,
    PUSH_TOPIC,
    MDM_ORGANIZATION,
    PUSH_AGAIN_AFTER,
    CONNECTIONS,
    REQUESTS,
    HEAD_TIMEOUT,
    IDLE_TIMEOUT,
    BODY_TIMEOUT,
    ANSWER_TIMEOUT,
    STOP_WITHIN,
    KEEP_HISTORY,
    KEEP_WORK,
    LOG_LEVEL,
    LOG_JSON,
];

fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

fn path_text(text: &str) -> Result<PathBuf, String> {
    name(text).map(PathBuf::from)
}

fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("is {text:?}, which is not an address and a port"))
}

fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("holds {text:?}, which is neither an address nor a network"))
}

fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("is {text:?}, which is neither true nor false")),
    }
}

fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000_000).contains(&count) => Ok(count),
        _ => Err(format!("is {text:?}, which is not a number from 1 to 1000000")),
    }
}

fn language(text: &str) -> Result<Lang, String> {
    match text {
        "ko" => Ok(Lang::Ko),
        "en" => Ok(Lang::En),
        _ => Err(format!("is {text:?}, a language that Allotment does not speak")),
    }
}

fn time_zone(text: &str) -> Result<String, String> {
    match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("is {text:?}, which is not a time zone of the IANA list")),
    }
}

fn time_of_day(text: &str) -> Result<civil::Time, String> {
    let well_formed = text.len() == 5 && text.as_bytes()[2] == b':';
    match text.parse() {
        Ok(time) if well_formed => Ok(time),
        _ => Err(format!("holds {text:?}, which is not a time of day")),
    }
}

fn icon_host(text: &str) -> Result<IconHost, String> {
    text.parse()
        .map_err(|_| format!("holds {text:?}, which is not a host, with or without a port"))
}

fn topic(text: &str) -> Result<String, String> {
    if !text.starts_with("com.apple.mgmt.") {
        return Err(format!(
            "is {text:?}, but every topic of device management starts with com.apple.mgmt."
        ));
    }
    Ok(text.to_owned())
}

/// The value may hold a password, so no problem with it repeats it.
fn database_url(text: &str) -> Result<String, String> {
    let known = ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if !known {
        return Err("starts with neither sqlite: nor postgres://".to_owned());
    }
    Ok(text.to_owned())
}

/// Whole days, from 31 to a hundred years: what is kept for an auditor.
fn long_duration(text: &str) -> Result<Duration, String> {
    let days = text.trim().strip_suffix('d').and_then(|days| days.parse::<u64>().ok());
    match days {
        Some(days) if (31..=36_500).contains(&days) => Ok(Duration::from_secs(days * 24 * 3600)),
        _ => Err(format!("is {text:?}, which is not a number of days from 31d to 36500d")),
    }
}

/// A year, because whoever writes more has mistaken the unit.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 3600);

/// `250ms`, `30s`, `5m`, `12h` or `7d`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let malformed = || format!("is {text:?}, which is not a length of time such as 250ms, 30s, 5m, 12h or 7d");
    let trimmed = text.trim();
    let digits = trimmed.find(|c: char| !c.is_ascii_digit()).unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let number: u64 = number.parse().map_err(|_| malformed())?;
    let unit_ms: u64 = match unit.trim_start() {
        "ms" => 1,
        "s" => 1000,
        "m" => 60 * 1000,
        "h" => 3600 * 1000,
        "d" => 24 * 3600 * 1000,
        _ => return Err(malformed()),
    };
    let duration = Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(malformed)?);
    if duration.is_zero() {
        return Err(format!("is {text:?}, and something cannot be done without a pause"));
    }
    if duration > LONGEST {
        return Err(format!("is {text:?}, longer than a year"));
    }
    Ok(duration)
}

fn public_url(text: &str) -> Result<String, String> {
    let url = encrypted_url(text, "sessions and device identities")?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "is {text:?}, but the server can only live at the root of a host"
        ));
    }
    // As a browser writes an origin: no default port, host in lower case, no slash at the end.
    Ok(url.origin().ascii_serialization())
}

fn remote_url(text: &str) -> Result<String, String> {
    encrypted_url(text, "tokens")?;
    Ok(text.trim_end_matches('/').to_owned())
}

fn invitation_url(text: &str) -> Result<String, String> {
    if !text.contains("%inviteCode%") && !text.contains("%25inviteCode%25") {
        return Err(format!("is {text:?}, without a place for the code"));
    }
    // `%inviteCode%` is no valid escape, and it is replaced before anybody reads the address as one.
    encrypted_url(&text.replace("%inviteCode%", "code"), "invitation codes")?;
    Ok(text.to_owned())
}

/// https, or http on this machine, where nobody listens in.
fn encrypted_url(text: &str, what: &str) -> Result<Url, String> {
    let url = Url::parse(text).map_err(|_| format!("is {text:?}, which is not an address"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err("holds a user name or a password, which has no place in an address".to_owned());
    }
    match url.scheme() {
        "https" if url.host().is_some() => Ok(url),
        "http" if is_loopback(&url) => Ok(url),
        "http" => Err(format!("is {text:?}, over which {what} would travel unencrypted")),
        _ => Err(format!("is {text:?}, which is not a web address")),
    }
}

fn is_loopback_url(text: &str) -> bool {
    Url::parse(text).is_ok_and(|url| is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => {
            let host = host.trim_start_matches('[').trim_end_matches(']');
            host.parse::<std::net::IpAddr>()
                .is_ok_and(|address| address.is_loopback())
        }
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINIMAL: &str = r#"
        public_url = "https://apps.example.com"
        database_url = "sqlite:/tmp/a.db"
        key_file = "/tmp/key"
    "#;

    fn load(text: &str, env: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("allotment.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(
            Some(&path),
            env.iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned())),
        )
    }

    fn refusal(text: &str, env: &[(&str, &str)]) -> String {
        load(text, env).expect_err("this must be refused").to_string()
    }

    #[test]
    fn three_keys_are_enough() {
        let config = load(MINIMAL, &[]).unwrap();

        assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
        assert_eq!(config.public_url, "https://apps.example.com");
        assert!(config.is_https());
        assert_eq!(config.apple.licensing_url, "https://vpp.itunes.apple.com/mdm/v2");
        assert_eq!(config.apple.poll_every, Duration::from_secs(300));
        assert_eq!(
            config.apple.sync_at,
            [civil::time(2, 0, 0, 0), civil::time(14, 0, 0, 0)]
        );
        assert_eq!(config.time_zone, "Asia/Seoul");
        assert_eq!(config.language, None);
        assert!(config.apns().unwrap().is_none());
        assert_eq!(config.push_topic(), None);
    }

    #[test]
    fn every_key_can_be_written() {
        let config = load(
            r#"
            listen = "[::1]:9000"
            public_url = "https://Apps.Example.com:443/"
            database_url = "postgres://localhost/allotment"
            key_file = "key"
            language = "en"
            time_zone = "Europe/London"
            organization = "Example"
            reconcile_every = "500ms"
            [apple]
            licensing_url = "http://127.0.0.1:9/mdm/v2/"
            metadata_url = "http://localhost:9/lookup"
            invitation_url = "http://127.0.0.1:9/invite?inviteCode=%inviteCode%"
            push_url = "http://[::1]:9"
            account_url = "https://school.apple.com"
            poll_every = "1m"
            event_poll_every = "5s"
            icon_hosts = ["icons.example.com", "127.0.0.1:9"]
            sync_at = ["06:30"]
            [mdm]
            push_certificate_file = "push.pem"
            push_topic = "com.apple.mgmt.External.x"
            organization = "Example IT"
            push_again_after = "10m"
            [http]
            connections = 50
            requests = "10"
            head_timeout = "1s"
            idle_timeout = "2s"
            body_timeout = "3s"
            answer_timeout = "4s"
            stop_within = "5s"
            [retention]
            history = "400d"
            work = "31d"
            [log]
            level = "warn,server=debug"
            json = true
            "#,
            &[],
        )
        .unwrap();

        assert_eq!(config.listen, "[::1]:9000".parse().unwrap());
        assert_eq!(config.public_url, "https://apps.example.com");
        assert_eq!(config.language, Some(Lang::En));
        assert_eq!(config.reconcile_every, Duration::from_millis(500));
        assert_eq!(config.apple.licensing_url, "http://127.0.0.1:9/mdm/v2");
        assert_eq!(config.apple.metadata_url.as_deref(), Some("http://localhost:9/lookup"));
        assert_eq!(config.apple.sync_at, [civil::time(6, 30, 0, 0)]);
        assert_eq!(config.apple.icon_hosts[1].to_string(), "127.0.0.1:9");
        assert_eq!(config.push_topic().as_deref(), Some("com.apple.mgmt.External.x"));
        assert_eq!(config.mdm_organization(), "Example IT");
        assert_eq!(config.mdm.push_again_after, Duration::from_secs(600));
        assert_eq!((config.http.connections, config.http.requests), (50, 10));
        assert_eq!(config.http.head_timeout, Duration::from_secs(1));
        assert_eq!(config.http.idle_timeout, Duration::from_secs(2));
        assert_eq!(config.http.body_timeout, Duration::from_secs(3));
        assert_eq!(config.http.answer_timeout, Duration::from_secs(4));
        assert_eq!(config.http.stop_within, Duration::from_secs(5));
        assert_eq!(config.retention.history, Duration::from_secs(400 * 24 * 3600));
        assert_eq!(config.retention.work, Duration::from_secs(31 * 24 * 3600));
        assert!(config.log.json);
    }

    #[test]
    fn the_environment_beats_the_file() {
        let config = load(
            MINIMAL,
            &[
                ("ALLOTMENT_LISTEN", "0.0.0.0:80"),
                ("ALLOTMENT_APPLE_SYNC_AT", "01:00, 13:00"),
                ("ALLOTMENT_APPLE_POLL_EVERY", "12h"),
                ("ALLOTMENT_LOG_JSON", "true"),
                ("ALLOTMENT_LANGUAGE", ""),
                ("PATH", "/bin"),
            ],
        )
        .unwrap();

        assert_eq!(config.listen, "0.0.0.0:80".parse().unwrap());
        assert_eq!(
            config.apple.sync_at,
            [civil::time(1, 0, 0, 0), civil::time(13, 0, 0, 0)]
        );
        assert_eq!(config.apple.poll_every, Duration::from_secs(12 * 3600));
        assert!(config.log.json);
        assert_eq!(config.language, None, "an empty variable counts as not set");
    }

    #[test]
    fn the_environment_alone_is_enough() {
        let env = [
            ("ALLOTMENT_PUBLIC_URL", "http://localhost:8080"),
            ("ALLOTMENT_DATABASE_URL", "sqlite:a.db"),
            ("ALLOTMENT_KEY_FILE", "key"),
        ];
        let config = Config::load(None, env.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))).unwrap();

        assert_eq!(config.public_url, "http://localhost:8080");
        assert!(!config.is_https());
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_one_that_was_meant() {
        let text = refusal(&format!("{MINIMAL}\npublik_url = \"x\""), &[]);
        assert!(text.contains("allotment.toml"), "{text}");
        assert!(text.contains("publik_url") && text.contains("public_url"), "{text}");

        let text = refusal(&format!("{MINIMAL}\n[apple]\npoll = \"5m\""), &[]);
        assert!(text.contains("apple.poll") && text.contains("poll_every"), "{text}");

        let text = refusal(&format!("{MINIMAL}\n[appel]\npoll_every = \"5m\""), &[]);
        assert!(text.contains("appel") && text.contains("apple"), "{text}");

        let text = refusal(MINIMAL, &[("ALLOTMENT_APPLE_POLL", "5m")]);
        assert!(
            text.contains("ALLOTMENT_APPLE_POLL") && text.contains("ALLOTMENT_APPLE_POLL_EVERY"),
            "{text}"
        );
    }

    #[test]
    fn variables_that_are_meant_for_something_else_are_left_alone() {
        let env = [
            ("ALLOTMENT_CONFIG", "x"),
            ("ALLOTMENT_LOG", "debug"),
            ("ALLOTMENT_TEST_POSTGRES", "x"),
            ("ALLOTMENT_ADMIN_PASSWORD", "x"),
        ];
        assert!(load(MINIMAL, &env).is_ok());
    }

    #[test]
    fn a_missing_key_says_what_to_write() {
        let text = refusal("database_url = \"sqlite:a.db\"\nkey_file = \"key\"", &[]);
        assert!(text.contains("public_url = \"https://apps.example.com\""), "{text}");
        assert!(
            text.contains("ALLOTMENT_PUBLIC_URL") && text.contains("allotment.toml"),
            "{text}"
        );
    }

    #[test]
    fn a_wrong_value_names_its_place_its_key_and_an_example() {
        for (line, problem) in [
            ("listen = \"8080\"", "not an address and a port"),
            ("listen = 8080", "not text"),
            ("language = \"fr\"", "does not speak"),
            ("time_zone = \"Seoul\"", "IANA"),
            ("organization = \"\"", "is empty"),
            ("[apple]\npoll_every = \"5 minutes\"", "not a length of time"),
            ("[apple]\npoll_every = 300", "not text"),
            ("[apple]\nsync_at = \"02:00\"", "not a list"),
            ("[apple]\nsync_at = []", "empty"),
            ("[apple]\nicon_hosts = [\"https://icons.example.com\"]", "not a host"),
            ("[apple]\nsync_at = [\"25:00\"]", "not a time of day"),
            ("[apple]\nlicensing_url = \"http://vpp.example.com\"", "unencrypted"),
            (
                "[apple]\nlicensing_url = \"ftp://vpp.example.com\"",
                "not a web address",
            ),
            (
                "[apple]\ninvitation_url = \"https://example.com\"",
                "place for the code",
            ),
            ("[mdm]\npush_topic = \"com.example\"", "com.apple.mgmt."),
            ("[http]\nrequests = 0", "not a number from 1"),
            ("[http]\nrequests = \"many\"", "not a number from 1"),
            ("[retention]\nhistory = \"30d\"", "from 31d"),
            ("[log]\njson = \"yes\"", "neither true nor false"),
            ("apple = 5", "not a section"),
        ] {
            let text = refusal(&format!("{MINIMAL}\n{line}"), &[]);
            assert!(text.contains(problem), "{line}: {text}");
            assert!(text.contains("allotment.toml"), "{line}: {text}");
        }
        let text = refusal(MINIMAL, &[("ALLOTMENT_APPLE_POLL_EVERY", "soon")]);
        assert!(
            text.contains("ALLOTMENT_APPLE_POLL_EVERY") && text.contains("\"5m\""),
            "{text}"
        );
    }

    #[test]
    fn an_address_that_would_show_sessions_to_others_is_refused() {
        let with = |url: &str| {
            refusal(
                "database_url = \"sqlite:a\"\nkey_file = \"k\"",
                &[("ALLOTMENT_PUBLIC_URL", url)],
            )
        };
        assert!(with("http://apps.example.com").contains("unencrypted"));
        assert!(with("apps.example.com").contains("not an address"));
        assert!(with("https://apps.example.com/allotment").contains("root of a host"));
        assert!(with("https://me:secret@apps.example.com").contains("no place in an address"));
        assert!(!with("https://me:secret@apps.example.com").contains("secret"));
    }

    /// P7: a mistyped database address is not repeated, nor is a good one printed.
    #[test]
    fn the_password_of_the_database_is_never_said() {
        let text = refusal(MINIMAL, &[("ALLOTMENT_DATABASE_URL", "mysql://me:hunter2@db")]);
        assert!(!text.contains("hunter2"), "{text}");
        let config = load(MINIMAL, &[("ALLOTMENT_DATABASE_URL", "postgres://me:hunter2@db/a")]).unwrap();
        assert!(!format!("{config:?}").contains("hunter2"));
        let text = refusal("database_url = \"postgres://me:hunter2@db/a", &[]);
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn a_file_that_is_not_there_or_not_toml_is_named() {
        let missing = Config::load(Some(Path::new("/nowhere/allotment.toml")), std::iter::empty());
        assert!(
            missing
                .unwrap_err()
                .to_string()
                .starts_with("/nowhere/allotment.toml cannot be read")
        );
        assert!(refusal("public_url = ", &[]).contains("allotment.toml is not TOML: line 1"));
    }

    #[test]
    fn lengths_of_time_are_a_number_and_a_unit() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration(" 30 s "), Ok(Duration::from_secs(30)));
        assert_eq!(duration("5m"), Ok(Duration::from_secs(300)));
        assert_eq!(duration("12h"), Ok(Duration::from_secs(12 * 3600)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(7 * 24 * 3600)));
        for wrong in [
            "",
            "s",
            "5",
            "0s",
            "-5s",
            "1.5h",
            "5 minutes",
            "99999999999999999999s",
            "18446744073709551615h",
            "400d",
        ] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
