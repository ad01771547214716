//! What Apple's servers say and hear: the content token, the licensing service, app metadata, push.
//!
//! Wire types and clients; nothing here decides. Section numbers refer to Apple's documentation of the
//! "App, Book, and Subscription Management" service as of August 2026.

mod body;
mod carrier;
mod chain;
pub mod error;
pub mod icons;
pub mod licensing;
pub mod metadata;
pub mod pace;
pub mod push;
mod text;
pub mod token;
pub mod wire;

use std::time::Duration;

pub use carrier::{Carrier, Http};
pub use chain::Chain;
pub use error::AppleError;

/// How long a request may take with its answer.
pub(crate) const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of an answer of whoever it may be, up to a limit after decompression.
pub async fn whole(response: reqwest::Response, limit_bytes: usize) -> Result<Vec<u8>, AppleError> {
    Ok(body::read(response, limit_bytes).await?)
}

/// What every request says of its sender.
pub(crate) const USER_AGENT: &str = concat!("Allotment/", env!("CARGO_PKG_VERSION"));

/// A client with the pauses and the redirect rule that Apple's services ask for.
///
/// Redirects are followed to the same host or to `apple.com` only: a token must not travel anywhere else.
pub fn http_client() -> reqwest::Client {
    let redirects = reqwest::redirect::Policy::custom(|attempt| {
        let host = attempt.url().host_str().unwrap_or_default().to_owned();
        let same = attempt.previous().first().and_then(|first| first.host_str()) == Some(host.as_str());
        let apple = host == "apple.com" || host.ends_with(".apple.com");
        if attempt.previous().len() > 5 || !(same || apple) {
            attempt.stop()
        } else {
            attempt.follow()
        }
    });
    reqwest::Client::builder()
        .connect_timeout(Duration::from_secs(10))
        .timeout(REQUEST_TIMEOUT)
        .redirect(redirects)
        .user_agent(USER_AGENT)
        .build()
        .expect("a client from constants can be built")
}
