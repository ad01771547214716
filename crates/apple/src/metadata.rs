//! Names, bundle ids and where icons are: the store's content lookup (§7.2). The licensing service knows none of them.

use std::{collections::BTreeMap, time::Duration};

use reqwest::{RequestBuilder, Response, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{AppleError, Chain, body, licensing::retry_after, wire::error};

/// Where the lookup is published to be; `service/config` names the current one.
pub const DEFAULT_URL: &str = "https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup";
/// One product is described in some tens of KB: its words, its pictures' addresses, its offers.
const LIMIT_BYTES: usize = 1024 * 1024;
/// A name or an address that is longer is none.
const LONGEST_TEXT: usize = 2000;
const ICON_PIXELS: u32 = 256;
/// The lookup's limits are not published: a pause between calls keeps us at a few a second.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    pub name: String,
    /// Missing for books.
    pub bundle_id: Option<String>,
    pub artist: Option<String>,
    /// `16.0`
    pub minimum_os: Option<String>,
    /// `iphone`, `ipad`, `mac`.
    pub device_families: Vec<String>,
    pub version: Option<String>,
    pub url: Option<String>,
    pub icon_url: Option<String>,
}

/// Looks products up, in the order given, and returns what is known by `adamId`.
///
/// The content token goes along as a cookie: without it, custom apps and apps that are no longer sold are not
/// found. An unknown product is simply not in the answer. Nor is one that came after an error: what was found
/// before is worth keeping, and the rest can be asked for again. Only an error at the very beginning is told.
pub async fn lookup(
    http: &reqwest::Client,
    url: &str,
    token: &SecretString,
    ids: &[&str],
    country: &str,
    platform: &str,
    language: &str,
) -> Result<BTreeMap<String, Metadata>, AppleError> {
    let mut cookie = header::HeaderValue::from_str(&format!("itvt={}", token.expose_secret())).map_err(|_| {
        AppleError::TokenInvalid {
            number: error::BAD_AUTHORIZATION,
        }
    })?;
    cookie.set_sensitive(true);

    let mut found = BTreeMap::new();
    for (index, id) in ids.iter().enumerate() {
        if index > 0 {
            tokio::time::sleep(PAUSE).await;
        }
        let query = [
            ("version", "2"),
            ("id", id),
            ("p", "mdm-lockup"),
            ("caller", "MDM"),
            ("platform", platform),
            ("cc", country),
            ("l", language),
        ];
        let request = http.get(url).query(&query).header(header::COOKIE, cookie.clone());
        match lookup_one(request, id).await {
            Ok(Some(metadata)) => {
                found.insert((*id).to_owned(), metadata);
            }
            Ok(None) => {}
            Err(error) if index == 0 => return Err(error),
            Err(error) => {
                tracing::warn!(error = %Chain(&error), looked_up = index, of = ids.len(), "the lookup of names ended early");
                break;
            }
        }
    }
    Ok(found)
}

async fn lookup_one(request: RequestBuilder, id: &str) -> Result<Option<Metadata>, AppleError> {
    let body = body::read(fetch(request).await?, LIMIT_BYTES).await?;
    let answer: Value = serde_json::from_slice(&body).map_err(|error| AppleError::Broken(error.to_string()))?;
    Ok(answer.get("results").and_then(|results| results.get(id)).map(metadata))
}

/// The answer, if it is one. Whatever its status, it says nothing about the token.
pub(crate) async fn fetch(request: RequestBuilder) -> Result<Response, AppleError> {
    let response = request.send().await?;
    if response.status().is_success() {
        return Ok(response);
    }
    let wait = retry_after(&response);
    Err(AppleError::of_status(response.status().as_u16(), wait))
}

fn metadata(result: &Value) -> Metadata {
    let text = |value: Option<&Value>| match value? {
        Value::String(text) if !text.is_empty() && text.len() <= LONGEST_TEXT => Some(text.clone()),
        _ => None,
    };
    let offer = result.get("offers").and_then(|offers| offers.get(0));
    Metadata {
        name: text(result.get("name")).unwrap_or_default(),
        bundle_id: text(result.get("bundleId")),
        artist: text(result.get("artistName")),
        minimum_os: text(result.get("minimumOSVersion")),
        device_families: result
            .get("deviceFamilies")
            .and_then(Value::as_array)
            .map(|families| {
                families
                    .iter()
                    .filter_map(|family| family.as_str().map(str::to_owned))
                    .collect()
            })
            .unwrap_or_default(),
        version: text(offer.and_then(|offer| offer.get("version")?.get("display"))),
        url: text(result.get("url")),
        icon_url: result.get("artwork").and_then(icon_url),
    }
}

/// Artwork is a list of fixed sizes, or one address with `{w}`, `{h}` and `{f}` in it.
fn icon_url(artwork: &Value) -> Option<String> {
    match artwork {
        Value::Array(sizes) => {
            let width = |size: &Value| size.get("width").and_then(Value::as_u64).unwrap_or(0);
            let enough = sizes
                .iter()
                .filter(|size| width(size) >= u64::from(ICON_PIXELS))
                .min_by_key(|size| width(size));
            let best = enough.or_else(|| sizes.iter().max_by_key(|size| width(size)))?;
            best.get("url")?.as_str().map(str::to_owned)
        }
        Value::Object(one) => {
            let pixels = ICON_PIXELS.to_string();
            let template = one.get("url")?.as_str()?;
            Some(
                template
                    .replace("{w}", &pixels)
                    .replace("{h}", &pixels)
                    .replace("{f}", "png"),
            )
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_shapes_of_artwork_lead_to_an_icon() {
        let sizes = json!([{"width":128,"url":"small"},{"width":512,"url":"large"},{"width":256,"url":"right"}]);
        assert_eq!(icon_url(&sizes).as_deref(), Some("right"));
        let template = json!({"url":"https://img.example/{w}x{h}bb.{f}"});
        assert_eq!(
            icon_url(&template).as_deref(),
            Some("https://img.example/256x256bb.png")
        );
        assert_eq!(icon_url(&json!(null)), None);
    }
}
