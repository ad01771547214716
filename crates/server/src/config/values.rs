//! What a value may be: text becomes what is meant, or the reason why it cannot be meant.
//!
//! A reason continues "the key …". It repeats the value, unless that may hold a password.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use apple::icons::IconHost;
use ipnet::IpNet;
use jiff::{civil, tz::TimeZone};
use reqwest::Url;

use super::Notifications;
use crate::messages::Lang;

pub fn name(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("is empty".to_owned()),
        text => Ok(text.to_owned()),
    }
}

pub fn path_text(text: &str) -> Result<PathBuf, String> {
    name(text).map(PathBuf::from)
}

pub fn address(text: &str) -> Result<SocketAddr, String> {
    text.trim()
        .parse()
        .map_err(|_| format!("is {text:?}, which is not an address and a port"))
}

pub fn network(text: &str) -> Result<IpNet, String> {
    let text = text.trim();
    let network = text
        .parse::<IpNet>()
        .or_else(|_| text.parse::<IpAddr>().map(IpNet::from));
    network.map_err(|_| format!("holds {text:?}, which is neither an address nor a network"))
}

pub fn flag(text: &str) -> Result<bool, String> {
    match text {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(format!("is {text:?}, which is neither true nor false")),
    }
}

/// A level for everything, or a list of levels for parts of the program: `info,server=debug`.
pub fn log_level(text: &str) -> Result<String, String> {
    // Whatever is no level would be taken for the name of a part, and everything else be silent.
    let is_level = |word: &str| {
        ["off", "error", "warn", "info", "debug", "trace"].contains(&word.trim().to_ascii_lowercase().as_str())
    };
    let is_known = |entry: &str| match entry.split_once('=') {
        Some((part, level)) => !part.trim().is_empty() && is_level(level),
        None => is_level(entry),
    };
    if !text.split(',').all(is_known) {
        return Err(format!(
            "is {text:?}, which is neither a level (off, error, warn, info, debug, trace) nor a list such as info,server=debug"
        ));
    }
    Ok(text.to_owned())
}

pub fn count(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(count) if (1..=1_000_000).contains(&count) => Ok(count),
        _ => Err(format!("is {text:?}, which is not a number from 1 to 1000000")),
    }
}

pub fn language(text: &str) -> Result<Lang, String> {
    match text {
        "ko" => Ok(Lang::Ko),
        "en" => Ok(Lang::En),
        _ => Err(format!("is {text:?}, a language that Allotment does not speak")),
    }
}

pub fn time_zone(text: &str) -> Result<String, String> {
    match TimeZone::get(text) {
        Ok(_) => Ok(text.to_owned()),
        Err(_) => Err(format!("is {text:?}, which is not a time zone of the IANA list")),
    }
}

pub fn time_of_day(text: &str) -> Result<civil::Time, String> {
    let well_formed = text.len() == 5 && text.as_bytes()[2] == b':';
    match text.parse() {
        Ok(time) if well_formed => Ok(time),
        _ => Err(format!("holds {text:?}, which is not a time of day")),
    }
}

pub fn icon_host(text: &str) -> Result<IconHost, String> {
    text.parse()
        .map_err(|_| format!("holds {text:?}, which is not a host, with or without a port"))
}

pub fn topic(text: &str) -> Result<String, String> {
    if !text.starts_with("com.apple.mgmt.") {
        return Err(format!(
            "is {text:?}, but every topic of device management starts with com.apple.mgmt."
        ));
    }
    Ok(text.to_owned())
}

/// The value may hold a password, so no problem with it repeats it.
pub fn database_url(text: &str) -> Result<String, String> {
    let known = ["sqlite:", "postgres://", "postgresql://"]
        .iter()
        .any(|scheme| text.strip_prefix(scheme).is_some_and(|rest| !rest.is_empty()));
    if !known {
        return Err("starts with neither sqlite: nor postgres://".to_owned());
    }
    Ok(text.to_owned())
}

/// Whole days, from 31 to a hundred years: what is kept for an auditor.
pub fn long_duration(text: &str) -> Result<Duration, String> {
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

pub fn public_url(text: &str) -> Result<String, String> {
    let url = encrypted_url(text, "sessions and device identities")?;
    if url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(format!(
            "is {text:?}, but the server can only live at the root of a host"
        ));
    }
    // As a browser writes an origin: no default port, host in lower case, no slash at the end.
    Ok(url.origin().ascii_serialization())
}

pub fn remote_url(text: &str) -> Result<String, String> {
    encrypted_url(text, "tokens")?;
    Ok(text.trim_end_matches('/').to_owned())
}

pub fn notifications(text: &str) -> Result<Notifications, String> {
    if text == "off" {
        return Ok(Notifications::Off);
    }
    let url = encrypted_url(text, "what Apple proves itself with")?;
    if url.query().is_some() || url.fragment().is_some() {
        return Err(format!("is {text:?}, of which Apple takes host and path only"));
    }
    Ok(Notifications::At(text.trim_end_matches('/').to_owned()))
}

pub fn invitation_url(text: &str) -> Result<String, String> {
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

pub fn is_loopback_url(text: &str) -> bool {
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

    /// "inof" was taken for the name of a part of the program: the server said nothing at all.
    #[test]
    fn a_log_level_that_is_mistyped_is_refused() {
        for right in ["info", "WARN", "off", "info,server=debug", "warn, store = trace"] {
            assert_eq!(log_level(right), Ok(right.to_owned()));
        }
        for wrong in ["", "inof", "info,", "server", "server=loud", "=info", "info;debug"] {
            assert!(log_level(wrong).is_err(), "{wrong}");
        }
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
