//! Cookies of ours: how they are set, and what the browser sends back.

use axum::http::{HeaderMap, HeaderValue, header};

use crate::config::Config;

pub fn set_cookie(config: &Config, name: &str, value: &str, max_age_seconds: Option<u64>) -> HeaderValue {
    let mut text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
    if config.is_https() {
        text.push_str("; Secure");
    }
    if let Some(seconds) = max_age_seconds {
        text.push_str(&format!("; Max-Age={seconds}"));
    }
    let mut cookie = HeaderValue::from_str(&text).expect("names and values of ours are plain");
    cookie.set_sensitive(true);
    cookie
}

pub fn cookie<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    for line in headers.get_all(header::COOKIE) {
        for pair in line.to_str().unwrap_or_default().split(';') {
            if let Some((given, value)) = pair.trim().split_once('=')
                && given == name
            {
                return Some(value);
            }
        }
    }
    None
}
