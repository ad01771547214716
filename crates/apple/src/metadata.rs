//! Names, bundle ids and where icons are: the store's content lookup (§7.2). The licensing service knows none of them.

use std::time::Duration;

use reqwest::{Response, header};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use crate::{AppleError, Http, body, licensing::retry_after, text, wire::error};

/// Where the lookup is published to be; `service/config` names the current one.
pub const DEFAULT_URL: &str = "https://uclient-api.itunes.apple.com/WebObjects/MZStorePlatform.woa/wa/lookup";
/// One product is described in some tens of KB: its words, its pictures' addresses, its offers.
const LIMIT_BYTES: usize = 1024 * 1024;
const ICON_PIXELS: u32 = 256;
/// The lookup's limits are not published: a pause between calls keeps us at a few a second.
pub const PAUSE: Duration = Duration::from_millis(100);

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
    /// The version as the store counts them: `externalId`.
    pub external_version: Option<i64>,
    pub url: Option<String>,
    pub icon_url: Option<String>,
}

/// Looks products up in the store of one country.
pub struct Lookup {
    http: Http,
    url: String,
    cookie: header::HeaderValue,
    /// Where, for which devices, and in which language.
    of: [(&'static str, String); 3],
}

impl Lookup {
    /// The content token goes along as a cookie: without it, custom apps and apps that are no longer sold are not found.
    ///
    /// `country` is two small letters, `platform` as `client/config` tells it.
    pub fn new(
        http: impl Into<Http>,
        url: String,
        token: &SecretString,
        country: String,
        platform: String,
        language: String,
    ) -> Result<Lookup, AppleError> {
        let cookie = format!("itvt={}", token.expose_secret());
        let mut cookie = header::HeaderValue::from_str(&cookie).map_err(|_| AppleError::TokenInvalid {
            number: error::BAD_AUTHORIZATION,
        })?;
        cookie.set_sensitive(true);
        Ok(Lookup {
            http: http.into(),
            url,
            cookie,
            of: [("platform", platform), ("cc", country), ("l", language)],
        })
    }

    /// What the store says of one product; `None` when it does not know it. Whoever asks for several keeps a
    /// [`PAUSE`] between two.
    pub async fn product(&self, id: &str) -> Result<Option<Metadata>, AppleError> {
        let what = [("version", "2"), ("id", id), ("p", "mdm-lockup"), ("caller", "MDM")];
        let request = self.http.get(&self.url).query(&what).query(&self.of);
        let request = request.header(header::COOKIE, self.cookie.clone());
        let answer = taken(self.http.send(request).await?)?;
        let body = body::read(answer, LIMIT_BYTES).await?;
        let answer: Value = serde_json::from_slice(&body).map_err(|error| AppleError::broken(&error))?;
        Ok(answer.get("results").and_then(|results| results.get(id)).map(metadata))
    }
}

/// The answer, if it is one. Whatever its status, it says nothing about the token.
pub(crate) fn taken(response: Response) -> Result<Response, AppleError> {
    if response.status().is_success() {
        return Ok(response);
    }
    let wait = retry_after(&response);
    Err(AppleError::of_status(response.status().as_u16(), wait))
}

fn metadata(result: &Value) -> Metadata {
    let string = |value: Option<&Value>| value?.as_str().map(str::to_owned);
    let name = |value| {
        string(value)
            .map(|name| text::kept(&name, text::NAME))
            .filter(|name| !name.is_empty())
    };
    let offer = result.get("offers").and_then(|offers| offers.get(0));
    Metadata {
        name: name(result.get("name")).unwrap_or_default(),
        bundle_id: string(result.get("bundleId")).and_then(text::exact),
        artist: name(result.get("artistName")),
        minimum_os: name(result.get("minimumOSVersion")),
        device_families: result
            .get("deviceFamilies")
            .and_then(Value::as_array)
            .map(|families| text::words(families.iter().filter_map(|family| string(Some(family)))))
            .unwrap_or_default(),
        version: name(offer.and_then(|offer| offer.get("version")?.get("display"))),
        external_version: offer.and_then(|offer| whole(offer.get("version")?.get("externalId")?)),
        url: string(result.get("url")).and_then(text::address),
        icon_url: result.get("artwork").and_then(icon_url).and_then(text::address),
    }
}

/// A number, or the text of one.
fn whole(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
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

    /// Of a row and of a page nobody can say how large they may become.
    #[test]
    fn what_the_store_says_of_a_product_has_an_end() {
        let long = "가".repeat(100_000);
        let said = metadata(&json!({
            "name": format!("메모\0{long}"), "artistName": long, "bundleId": long, "minimumOSVersion": long,
            "deviceFamilies": vec!["iphone"; 1000], "url": long, "artwork": { "url": long },
            "offers": [{ "version": { "display": long } }],
        }));
        assert!(said.name.starts_with("메모가"), "{}", &said.name[..20]);
        for name in [Some(said.name), said.artist, said.minimum_os, said.version] {
            assert_eq!(name.unwrap().chars().count(), text::NAME);
        }
        assert_eq!((said.bundle_id, said.url, said.icon_url), (None, None, None));
        assert!(said.device_families.len() < 100);
    }

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
