//! Looks at everything a configuration points to, and says what would keep the server from doing its job.

use std::{path::Path, time::Duration};

use domain::Time;

use super::{Config, signer, values::is_loopback_url};
use crate::cause::Chain;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Something will not work.
    Bad,
    /// It works, and somebody should know.
    Warn,
}

/// One thing to mend, and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub severity: Severity,
    /// What it is about: the key of the configuration, or the part of the server.
    pub about: &'static str,
    pub what: String,
    pub fix: String,
}

impl Finding {
    pub fn bad(about: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Bad,
            about,
            what: what.into(),
            fix: fix.into(),
        }
    }

    pub fn warn(about: &'static str, what: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding {
            severity: Severity::Warn,
            about,
            what: what.into(),
            fix: fix.into(),
        }
    }
}

/// When this was written. A clock that shows less is wrong.
const BUILT_AFTER: Time = Time(1_793_000_000_000);
/// Apple renews a push certificate for a year; a month is enough to find whoever can.
const PUSH_EXPIRES_SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// Certificates that are renewed by themselves are renewed a month before their end.
const SIGNER_EXPIRES_SOON: Duration = Duration::from_secs(14 * 24 * 3600);
const PATIENCE: Duration = Duration::from_secs(10);
/// `service/config` has a few KB.
const LIMIT_BYTES: usize = 1024 * 1024;

/// Everything but the database, which whoever calls this opens anyway.
pub async fn doctor(config: &Config, now: Time) -> Vec<Finding> {
    let mut findings = Vec::new();
    findings.extend(key_file(&config.key_file));
    findings.extend(public_url(config).await);
    findings.extend(trusted_proxies(config));
    findings.extend(push_certificate(config, now));
    findings.extend(profile_signer(config, now));
    findings.extend(clock(now));
    findings.extend(apple(config, now).await);
    findings
}

fn key_file(path: &Path) -> Option<Finding> {
    let shown = path.display();
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder = path
                .parent()
                .filter(|folder| !folder.as_os_str().is_empty())
                .unwrap_or(Path::new("."));
            if !folder.is_dir() {
                return Some(Finding::bad(
                    "key_file",
                    format!("the folder {} of the key file is not there", folder.display()),
                    "make the folder, or write another key_file",
                ));
            }
            return Some(Finding::warn(
                "key_file",
                format!("the key file {shown} is not there yet"),
                "it is made on the first start; if this database was used before, bring its key back first",
            ));
        }
        Err(error) => {
            return Some(Finding::bad(
                "key_file",
                format!("the key file {shown} cannot be looked at: {error}"),
                "let the user that runs the server read it",
            ));
        }
    };
    if let Err(error) = std::fs::File::open(path) {
        return Some(Finding::bad(
            "key_file",
            format!("the key file {shown} cannot be read: {error}"),
            "let the user that runs the server read it",
        ));
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Some(Finding::bad(
                "key_file",
                format!("others than its owner may use the key file {shown} (mode {mode:o})"),
                format!("chmod 600 {shown}"),
            ));
        }
    }
    let _ = metadata;
    None
}

async fn public_url(config: &Config) -> Option<Finding> {
    if is_loopback_url(&config.public_url) {
        return Some(Finding::warn(
            "public_url",
            format!(
                "the public address is {}, which only this machine can reach",
                config.public_url
            ),
            "write the address under which devices reach the server, https, behind a TLS proxy",
        ));
    }
    let shown = config.public_url.trim_end_matches('/');
    let fix = "if the server runs, look at the name, the proxy and its certificate: devices and browsers come in there";
    let asked = apple::http_client()
        .get(format!("{shown}/livez"))
        .timeout(PATIENCE)
        .send()
        .await;
    match asked {
        Ok(answer) if answer.status().is_success() => None,
        Ok(answer) => Some(Finding::warn(
            "public_url",
            format!(
                "something answers at {shown}, but not as this server does: {}",
                answer.status()
            ),
            fix,
        )),
        Err(error) => Some(Finding::warn(
            "public_url",
            format!("nothing answers at {shown}: {}", Chain(&error.without_url())),
            fix,
        )),
    }
}

/// Passwords are guessed from an address. Behind a proxy that nobody named, everybody has the same one.
fn trusted_proxies(config: &Config) -> Option<Finding> {
    // The server speaks plain HTTP: whatever answers under https, or on another port, stands in front of it.
    let public = reqwest::Url::parse(&config.public_url).ok()?;
    let itself = public.scheme() == "http" && public.port_or_known_default() == Some(config.listen.port());
    (config.trusted_proxies.is_empty() && !itself).then(|| {
        Finding::warn(
            "trusted_proxies",
            format!(
                "a proxy answers under {}, but trusted_proxies is empty: everybody behind it counts as one address, \
                 and who guesses passwords slows all the others down",
                config.public_url
            ),
            "write the address of the proxy, as this server sees it, into trusted_proxies",
        )
    })
}

fn push_certificate(config: &Config, now: Time) -> Option<Finding> {
    const RENEW: &str =
        "renew the same certificate at identity.apple.com: a new one would mean enrolling every device again";
    let about = "mdm.push_certificate_file";
    let identity = match config.push_identity() {
        Err(error) => return Some(Finding::bad(about, error.to_string(), "see mdm.push_certificate_file")),
        Ok(None) if is_loopback_url(&config.apple.push_url) => {
            return config.mdm.push_topic.is_none().then(|| {
                Finding::bad(
                    "mdm.push_topic",
                    "without a push certificate there is no push topic, and no device can enrol",
                    "write mdm.push_topic, as for a simulated Apple",
                )
            });
        }
        Ok(None) => {
            return Some(Finding::bad(
                about,
                "there is no push certificate: no device can enrol, and none is woken",
                "get one at identity.apple.com and write mdm.push_certificate_file",
            ));
        }
        Ok(Some(identity)) => identity,
    };
    match (&identity.topic, &config.mdm.push_topic) {
        (None, None) => {
            return Some(Finding::bad(
                about,
                "the push certificate is not one for device management: its subject has no topic",
                "use the certificate that identity.apple.com made for device management",
            ));
        }
        (Some(real), Some(written)) if real != written => {
            return Some(Finding::bad(
                "mdm.push_topic",
                format!("mdm.push_topic is {written}, but the certificate says {real}"),
                "leave mdm.push_topic out",
            ));
        }
        _ => {}
    }
    if identity.expires_at <= now {
        return Some(Finding::bad(
            about,
            "the push certificate has expired: no device is woken",
            RENEW,
        ));
    }
    if identity.expires_at <= now + PUSH_EXPIRES_SOON {
        let days = identity.expires_at.since(now).as_secs() / (24 * 3600);
        return Some(Finding::warn(
            about,
            format!("the push certificate expires in {days} days"),
            RENEW,
        ));
    }
    None
}

fn profile_signer(config: &Config, now: Time) -> Option<Finding> {
    let about = "mdm.profile_signer_file";
    let signer = match config.profile_signer() {
        Err(error) => {
            return Some(Finding::bad(
                about,
                error.to_string(),
                "write certificate, chain and key into one file, as PEM; or leave mdm.profile_signer_file out",
            ));
        }
        Ok(signer) => signer?,
    };
    let expires_at = signer::expires_at(&signer);
    if expires_at <= now {
        return Some(Finding::bad(
            about,
            "the certificate that signs enrolment profiles has expired: devices call them not verified",
            "renew it; the file is read anew for each profile",
        ));
    }
    if expires_at <= now + SIGNER_EXPIRES_SOON {
        let days = expires_at.since(now).as_secs() / (24 * 3600);
        return Some(Finding::warn(
            about,
            format!("the certificate that signs enrolment profiles expires in {days} days"),
            "renew it; the file is read anew for each profile",
        ));
    }
    None
}

fn clock(now: Time) -> Option<Finding> {
    (now < BUILT_AFTER).then(|| {
        Finding::bad(
            "clock",
            "the clock of this machine is behind: it shows a time before this program was made",
            "set the clock, and keep it right with NTP",
        )
    })
}

/// `service/config` is the one question that Apple answers without a token.
async fn apple(config: &Config, now: Time) -> Vec<Finding> {
    let url = format!("{}/service/config", config.apple.licensing_url);
    let about = "apple.licensing_url";
    let asked = apple::http_client().get(&url).timeout(PATIENCE).send().await;
    let answer = match asked {
        Ok(answer) => answer,
        Err(error) => {
            let why = if error.is_timeout() {
                "it did not answer in time".to_owned()
            } else {
                Chain(&error.without_url()).to_string()
            };
            return vec![Finding::bad(
                about,
                format!("Apple's licensing service cannot be reached at {url}: {why}"),
                "let this machine connect to *.apple.com on port 443",
            )];
        }
    };
    let mut findings = Vec::new();
    let told = answer
        .headers()
        .get(reqwest::header::DATE)
        .and_then(|value| value.to_str().ok());
    if let Some(told) = told.and_then(|text| jiff::fmt::rfc2822::parse(text).ok()) {
        let apart_ms = told.timestamp().as_millisecond().abs_diff(now.ms());
        // Five minutes: what token and certificate checks commonly tolerate.
        if apart_ms > 5 * 60 * 1000 {
            findings.push(Finding::warn(
                "clock",
                format!(
                    "the clock of this machine and Apple's are {} minutes apart",
                    apart_ms / 60_000
                ),
                "set the clock, and keep it right with NTP",
            ));
        }
    }
    let status = answer.status();
    if !status.is_success() {
        findings.push(Finding::bad(
            about,
            format!("{url} answered {status}"),
            "look whether the address is right; Apple's own is the default",
        ));
        return findings;
    }
    let what = match apple::whole(answer, LIMIT_BYTES).await {
        Err(error) => format!("{url} did not answer as it should: {}", Chain(&error)),
        Ok(body) if serde_json::from_slice::<serde_json::Value>(&body).is_err() => {
            format!("{url} did not answer with JSON: something else is there, perhaps a proxy's own page")
        }
        Ok(_) => return findings,
    };
    let fix = "look whether the address is right; Apple's own is the default";
    findings.push(Finding::bad(about, what, fix));
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn local(folder: &Path) -> Config {
        Config::local(
            "127.0.0.1:0".parse().unwrap(),
            "sqlite:a.db",
            folder.join("key"),
            "https://apps.example.com",
        )
    }

    #[cfg(unix)]
    #[test]
    fn a_key_that_others_can_read_is_bad() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        assert_eq!(key_file(&path).unwrap().severity, Severity::Warn);

        std::fs::write(&path, "k").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let finding = key_file(&path).unwrap();
        assert_eq!(finding.severity, Severity::Bad);
        assert!(finding.fix.starts_with("chmod 600"));

        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(key_file(&path), None);
    }

    #[test]
    fn without_a_push_certificate_it_says_that_no_device_is_woken() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = local(folder.path());
        assert!(
            push_certificate(&config, Time(0))
                .unwrap()
                .what
                .contains("no device can enrol")
        );

        config.apple.push_url = "http://127.0.0.1:9".to_owned();
        config.mdm.push_topic = Some("com.apple.mgmt.External.x".to_owned());
        assert_eq!(push_certificate(&config, Time(0)), None);

        config.mdm.push_certificate_file = Some(folder.path().join("none.pem"));
        assert_eq!(push_certificate(&config, Time(0)).unwrap().severity, Severity::Bad);
    }

    #[test]
    fn a_profile_signer_that_is_no_good_is_noticed_before_a_device_shows_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut config = local(folder.path());
        assert_eq!(profile_signer(&config, Time(0)), None);
        let path = folder.path().join("signer.pem");
        config.mdm.profile_signer_file = Some(path.clone());
        let bad = |now| profile_signer(&config, now).map(|finding| (finding.severity, finding.what));
        assert!(bad(Time(0)).unwrap().1.contains("cannot be read"));

        let key = rcgen::KeyPair::generate().unwrap();
        let mut params = rcgen::CertificateParams::default();
        params.not_after = rcgen::date_time_ymd(2031, 1, 2);
        let certificate = params.self_signed(&key).unwrap().pem();
        std::fs::write(&path, &certificate).unwrap();
        assert!(bad(Time(0)).unwrap().1.contains("no private key"));
        std::fs::write(&path, certificate + &key.serialize_pem()).unwrap();
        let end = signer::expires_at(&config.profile_signer().unwrap().unwrap());
        assert_eq!(bad(end - SIGNER_EXPIRES_SOON - Duration::from_secs(1)), None);
        assert_eq!(bad(end - SIGNER_EXPIRES_SOON).unwrap().0, Severity::Warn);
        assert_eq!(bad(end).unwrap().0, Severity::Bad);
    }

    #[test]
    fn a_proxy_in_front_that_nobody_named_is_noticed() {
        let listen = "127.0.0.1:8080".parse().unwrap();
        let of = |public_url: &str| Config::local(listen, "sqlite:a.db", "key", public_url);
        for behind in [
            "https://apps.example.com",
            "http://apps.example.com",
            "http://127.0.0.1:9090",
        ] {
            let mut config = of(behind);
            let finding = trusted_proxies(&config).unwrap();
            assert_eq!(
                (finding.severity, finding.about),
                (Severity::Warn, "trusted_proxies"),
                "{behind}"
            );
            config.trusted_proxies = vec!["10.0.0.0/8".parse().unwrap()];
            assert_eq!(trusted_proxies(&config), None);
        }
        for itself in ["http://127.0.0.1:8080", "http://apps.example.com:8080"] {
            assert_eq!(trusted_proxies(&of(itself)), None, "{itself}");
        }
    }

    #[test]
    fn a_clock_from_the_past_is_noticed() {
        assert!(clock(Time(0)).is_some());
        assert!(clock(BUILT_AFTER).is_none());
    }
}
