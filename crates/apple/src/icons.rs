//! Icons of apps, and where they may come from.
//!
//! The address of an icon is what an answer says, and whoever can forge or proxy that answer could send this server
//! anywhere inside its own network. So an icon comes over https from a host of Apple, at a public address, or from a
//! host that an administrator wrote down; wherever a name or a redirect leads.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
    sync::Arc,
    time::Duration,
};

use futures_util::future::BoxFuture;
use reqwest::{
    Url,
    dns::{Addrs, Name, Resolve, Resolving},
    redirect,
};

use crate::{AppleError, body, metadata::taken};

/// An icon of 512 pixels has some 100 KB.
const LIMIT_BYTES: usize = 1024 * 1024;
/// Where the store keeps its pictures, and Apple itself.
const APPLE: [&str; 2] = ["mzstatic.com", "apple.com"];
const REDIRECTS: usize = 5;

/// A host that icons may come from besides Apple's: `icons.example.com`, `10.0.0.7:8443`, `[::1]:9000`.
///
/// It is asked over https. Only this machine itself is also asked over http: there, nobody listens in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IconHost {
    /// As an address writes it: in lower case, IPv6 in brackets.
    host: String,
    port: u16,
}

/// The text is no host, with or without a port.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a host, with or without a port")]
pub struct NotAHost(String);

impl FromStr for IconHost {
    type Err = NotAHost;

    fn from_str(text: &str) -> Result<IconHost, NotAHost> {
        let no_host = || NotAHost(text.to_owned());
        let url = Url::parse(&format!("https://{text}")).map_err(|_| no_host())?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(no_host)?;
        let alone = url.path() == "/"
            && !text.ends_with('/')
            && url.query().is_none()
            && url.fragment().is_none()
            && !text.contains('@');
        if !alone {
            return Err(no_host());
        }
        Ok(IconHost {
            host: host.to_owned(),
            port: url.port().unwrap_or(443),
        })
    }
}

impl From<SocketAddr> for IconHost {
    fn from(address: SocketAddr) -> IconHost {
        let host = match address.ip() {
            IpAddr::V4(ip) => ip.to_string(),
            IpAddr::V6(ip) => format!("[{ip}]"),
        };
        IconHost {
            host,
            port: address.port(),
        }
    }
}

impl fmt::Display for IconHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.host, self.port)
    }
}

/// Fetches icons from where they may come from.
#[derive(Clone)]
pub struct Icons {
    http: reqwest::Client,
    places: Arc<Places>,
}

impl Icons {
    /// From Apple's hosts, and from `more`.
    pub fn new(more: &[IconHost]) -> Icons {
        Icons::looking_up(more, Arc::new(|name| Box::pin(system_lookup(name))))
    }

    fn looking_up(more: &[IconHost], lookup: Lookup) -> Icons {
        let places = Arc::new(Places { more: more.to_vec() });
        let allowed = Arc::clone(&places);
        let redirects = redirect::Policy::custom(move |attempt| {
            if attempt.previous().len() > REDIRECTS || !allowed.allow(attempt.url()) {
                attempt.stop()
            } else {
                attempt.follow()
            }
        });
        let http = reqwest::Client::builder()
            .connect_timeout(Duration::from_secs(10))
            .timeout(Duration::from_secs(30))
            .redirect(redirects)
            .dns_resolver(PublicOnly { lookup })
            .user_agent(crate::USER_AGENT)
            .build()
            .expect("a client from constants can be built");
        Icons { http, places }
    }

    /// An icon: its media type and its bytes. What is not a picture, whatever it calls itself, is refused.
    pub async fn fetch(&self, url: &str) -> Result<(String, Vec<u8>), AppleError> {
        let url = Url::parse(url).map_err(|_| AppleError::Broken("the address of an icon is none".to_owned()))?;
        if !self.places.allow(&url) {
            return Err(AppleError::Broken(format!(
                "icons do not come from {}",
                url.host_str().unwrap_or("there")
            )));
        }
        let response = taken(self.http.get(url).send().await?)?;
        let bytes = body::read(response, LIMIT_BYTES).await?;
        match media_type(&bytes) {
            Some(media_type) => Ok((media_type.to_owned(), bytes)),
            None => Err(AppleError::Broken("an icon that is no picture".to_owned())),
        }
    }
}

/// Where icons may come from.
#[derive(Debug)]
struct Places {
    more: Vec<IconHost>,
}

impl Places {
    fn allow(&self, url: &Url) -> bool {
        let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
            return false;
        };
        let written_down = self.more.iter().any(|more| more.host == host && more.port == port);
        match url.scheme() {
            "https" => written_down || (port == 443 && is_apples(host)),
            "http" => written_down && is_this_machine(host),
            _ => false,
        }
    }
}

fn is_apples(host: &str) -> bool {
    APPLE.iter().any(|domain| {
        host.strip_suffix(domain)
            .is_some_and(|before| before.is_empty() || before.ends_with('.'))
    })
}

fn is_this_machine(host: &str) -> bool {
    let address = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || address.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

type Lookup = Arc<dyn Fn(String) -> BoxFuture<'static, std::io::Result<Vec<SocketAddr>>> + Send + Sync>;

async fn system_lookup(name: String) -> std::io::Result<Vec<SocketAddr>> {
    Ok(tokio::net::lookup_host((name, 0)).await?.collect())
}

/// Answers for a name of Apple with public addresses only, and the connection is made to these very addresses.
///
/// Any other name that is asked for was written down by an administrator: a host of icons, or the proxy.
struct PublicOnly {
    lookup: Lookup,
}

/// No address of the name is one that a host of Apple can have.
#[derive(Debug, thiserror::Error)]
#[error("{0} has no public address")]
struct NotPublic(String);

impl Resolve for PublicOnly {
    fn resolve(&self, name: Name) -> Resolving {
        let name = name.as_str().to_ascii_lowercase();
        let found = (self.lookup)(name.clone());
        Box::pin(async move {
            let mut addresses = found.await?;
            if is_apples(&name) {
                addresses.retain(|address| is_public(address.ip()));
                if addresses.is_empty() {
                    return Err(NotPublic(name).into());
                }
            }
            Ok(Box::new(addresses.into_iter()) as Addrs)
        })
    }
}

/// Whether an address can be reached from everywhere, by the registries of special addresses (RFC 6890).
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let special = a == 0
        || address.is_loopback()
        || address.is_private()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        // Shared by a provider's customers; protocol assignments; benchmarks; reserved, and broadcast.
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 198 && (18..20).contains(&b))
        || a >= 240;
    !special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    // Whoever is behind a translator or a tunnel is at the address inside.
    if let Some(inside) = address.to_ipv4_mapped() {
        return is_public_v4(inside);
    }
    let [a, b, c, d, e, f, g, h] = address.segments();
    let v4 = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match (a, b) {
        (0x64, 0xff9b) if (c, d, e, f) == (0, 0, 0, 0) => is_public_v4(v4(g, h)),
        (0x2002, high) => is_public_v4(v4(high, c)),
        // Documentation, and what the protocols themselves need.
        (0x2001, 0xdb8 | 0..0x200) | (0x3fff, 0..0x1000) => false,
        // Global addresses are handed out from here, and so far only from here.
        _ => a & 0xe000 == 0x2000,
    }
}

fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => Some("image/png"),
        [0xff, 0xd8, 0xff, ..] => Some("image/jpeg"),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => Some("image/webp"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(more: &[&str], url: &str) -> bool {
        let more = more.iter().map(|text| text.parse().unwrap()).collect();
        Places { more }.allow(&Url::parse(url).unwrap())
    }

    #[test]
    fn icons_come_from_apple_over_https_and_from_nowhere_else() {
        for url in [
            "https://is1-ssl.mzstatic.com/image/thumb/a/256x256bb.png",
            "https://mzstatic.com/a.png",
            "https://store.apple.com:443/a.png",
        ] {
            assert!(allowed(&[], url), "{url}");
        }
        for url in [
            "http://is1-ssl.mzstatic.com/a.png",
            "https://is1-ssl.mzstatic.com:8443/a.png",
            "https://mzstatic.com.example.net/a.png",
            "https://notmzstatic.com/a.png",
            "https://example.net/mzstatic.com/a.png",
            "https://apple.com@example.net/a.png",
            "https://127.0.0.1/a.png",
            "https://169.254.169.254/latest/meta-data",
            "https://[::1]/a.png",
            "https://10.0.0.1/a.png",
            "http://localhost:8080/a.png",
            "file:///etc/passwd",
            "data:image/png;base64,AAAA",
        ] {
            assert!(!allowed(&[], url), "{url}");
        }
    }

    #[test]
    fn a_host_that_was_written_down_is_asked_over_https_or_on_this_machine() {
        let more = ["Icons.example.com", "10.0.0.7:8443", "127.0.0.1:9000", "[::1]:9000"];
        for url in [
            "https://icons.example.com/a.png",
            "https://10.0.0.7:8443/a.png",
            "http://127.0.0.1:9000/a.png",
            "http://[::1]:9000/a.png",
        ] {
            assert!(allowed(&more, url), "{url}");
        }
        for url in [
            "http://icons.example.com/a.png",
            "http://icons.example.com:443/a.png",
            "https://icons.example.com:8443/a.png",
            "http://10.0.0.7:8443/a.png",
            "https://10.0.0.7/a.png",
            "http://127.0.0.1:9001/a.png",
            "http://localhost:9000/a.png",
        ] {
            assert!(!allowed(&more, url), "{url}");
        }
    }

    #[test]
    fn a_host_is_a_name_or_an_address_and_perhaps_a_port() {
        let host = |text: &str| text.parse::<IconHost>().map(|host| host.to_string());
        assert_eq!(host("icons.example.com").as_deref(), Ok("icons.example.com:443"));
        assert_eq!(host("127.0.0.1:9000").as_deref(), Ok("127.0.0.1:9000"));
        assert_eq!(host("[::1]:9000").as_deref(), Ok("[::1]:9000"));
        let address: SocketAddr = "[::1]:9000".parse().unwrap();
        assert_eq!(Ok(IconHost::from(address)), "[::1]:9000".parse());
        for wrong in [
            "",
            "https://icons.example.com",
            "icons.example.com/",
            "icons.example.com/a",
            "me@icons.example.com",
            "icons.example.com?a",
            "a b",
            "icons.example.com:99999",
        ] {
            assert!(host(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_address_inside_a_network_is_not_public() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for address in [
            "17.253.144.10",
            "23.45.67.89",
            "2403:300:a42:204::10",
            "64:ff9b::17.253.144.10",
        ] {
            assert!(public(address), "{address}");
        }
        for address in [
            "0.0.0.0",
            "10.1.2.3",
            "100.64.0.1",
            "127.0.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "192.0.0.8",
            "192.168.1.1",
            "198.18.0.1",
            "203.0.113.1",
            "224.0.0.1",
            "255.255.255.255",
            "::",
            "::1",
            "::ffff:10.0.0.1",
            "::ffff:127.0.0.1",
            "64:ff9b::127.0.0.1",
            "2002:7f00:1::1",
            "2001:db8::1",
            "fc00::1",
            "fd12:3456::1",
            "fe80::1",
            "ff02::1",
        ] {
            assert!(!public(address), "{address}");
        }
    }

    /// The name is Apple's, but whoever answers for names here says that it is this machine.
    #[tokio::test]
    async fn a_name_that_leads_inside_is_not_followed() {
        for inside in ["127.0.0.1:0", "10.0.0.1:0", "[fe80::1]:0"] {
            let address: SocketAddr = inside.parse().unwrap();
            let icons = Icons::looking_up(&[], Arc::new(move |_| Box::pin(async move { Ok(vec![address]) })));
            let error = icons
                .fetch("https://is1-ssl.mzstatic.com/a.png")
                .await
                .expect_err("inside");
            assert!(format!("{error:?}").contains("NotPublic"), "{error:?}");
        }
    }

    #[test]
    fn only_pictures_are_icons() {
        assert_eq!(media_type(b"\x89PNG\r\n\x1a\n...."), Some("image/png"));
        assert_eq!(media_type(b"<svg onload=..>"), None);
        assert_eq!(media_type(b""), None);
    }
}
