//! From where a request comes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{Extensions, HeaderMap, Request, request::Parts},
};
use ipnet::IpNet;

use crate::app::App;

/// The address of whoever asks: that of the connection, or what a proxy that we trust says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub IpAddr);

impl FromRequestParts<App> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Source, Self::Rejection> {
        let peer = peer(&parts.extensions);
        Ok(Source(source(peer, &parts.headers, &app.config.trusted_proxies)))
    }
}

/// At the other end of the connection.
fn peer(extensions: &Extensions) -> IpAddr {
    let peer = extensions.get::<ConnectInfo<SocketAddr>>();
    peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip().to_canonical())
}

fn is_ours(address: IpAddr, trusted: &[IpNet]) -> bool {
    trusted.iter().any(|network| network.contains(&address))
}

/// The id that a proxy of ours gave to the request, so that one name finds it in both logs. Whatever others say is theirs.
pub fn request_id<B>(request: &Request<B>, trusted: &[IpNet]) -> Option<String> {
    let id = request.headers().get("x-request-id")?.to_str().ok()?;
    let plain = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_' | '.' | ':');
    let well_formed = (1..=REQUEST_ID_CHARS).contains(&id.len()) && id.chars().all(plain);
    (well_formed && is_ours(peer(request.extensions()), trusted)).then(|| id.to_owned())
}

/// As long as an id of any proxy: a UUID has 36 characters, a trace context 55.
const REQUEST_ID_CHARS: usize = 64;

/// Who says that it only hands on what others ask, though we know no such proxy.
pub fn unknown_proxy<B>(request: &Request<B>, trusted: &[IpNet]) -> Option<IpAddr> {
    let peer = peer(request.extensions());
    let says_so = request.headers().contains_key("x-forwarded-for");
    (says_so && !is_ours(peer, trusted)).then_some(peer)
}

/// Reads `X-Forwarded-For` from its end, as far as it was written by proxies of ours: what stands before that, anybody
/// can write.
fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let mut source = peer.to_canonical();
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !is_ours(source, trusted) {
            break;
        }
        let said = said.trim();
        let address = said
            .parse::<IpAddr>()
            .or_else(|_| said.parse::<SocketAddr>().map(|address| address.ip()));
        let Ok(address) = address else { break };
        source = address.to_canonical();
    }
    source
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(peer: &str, forwarded: &[&str], trusted: &[&str]) -> String {
        let mut headers = HeaderMap::new();
        for line in forwarded {
            headers.append("x-forwarded-for", line.parse().unwrap());
        }
        let trusted: Vec<IpNet> = trusted.iter().map(|network| network.parse().unwrap()).collect();
        source(peer.parse().unwrap(), &headers, &trusted).to_string()
    }

    fn request(peer: &str, headers: &[(&str, &str)]) -> Request<()> {
        let mut request = Request::builder();
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let mut request = request.body(()).unwrap();
        let peer: SocketAddr = peer.parse().unwrap();
        request.extensions_mut().insert(ConnectInfo(peer));
        request
    }

    #[test]
    fn a_request_id_is_kept_from_a_proxy_of_ours_and_from_nobody_else() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let id = |peer, id| request_id(&request(peer, &[("x-request-id", id)]), &trusted);
        assert_eq!(id("10.0.0.1:443", "7c1f-a.b_c:1").as_deref(), Some("7c1f-a.b_c:1"));
        assert_eq!(id("[::ffff:10.0.0.1]:443", "7c1f").as_deref(), Some("7c1f"));
        assert_eq!(id("203.0.113.7:443", "7c1f"), None);
        let long = "x".repeat(65);
        for odd in ["", " ", "a b", "a\"b", "<script>", &long] {
            assert_eq!(id("10.0.0.1:443", odd), None, "{odd}");
        }
        assert_eq!(request_id(&request("10.0.0.1:443", &[]), &trusted), None);
    }

    #[test]
    fn a_proxy_that_nobody_named_is_noticed() {
        let trusted = ["10.0.0.0/8".parse().unwrap()];
        let forwarded = [("x-forwarded-for", "203.0.113.7")];
        let noticed = |peer, headers| unknown_proxy(&request(peer, headers), &trusted);
        assert_eq!(noticed("192.0.2.1:1", &forwarded), Some("192.0.2.1".parse().unwrap()));
        assert_eq!(noticed("10.0.0.1:1", &forwarded), None);
        assert_eq!(noticed("192.0.2.1:1", &[]), None);
    }

    #[test]
    fn only_a_proxy_of_ours_says_from_where_a_request_comes() {
        let proxy = ["10.0.0.0/8"];
        assert_eq!(seen("203.0.113.7", &["1.2.3.4"], &proxy), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["1.2.3.4"], &[]), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &["203.0.113.7"], &proxy), "203.0.113.7");
        assert_eq!(seen("::ffff:10.0.0.1", &["203.0.113.7:4711"], &proxy), "203.0.113.7");
        // What the client wrote itself stands further to the left.
        assert_eq!(
            seen("10.0.0.1", &["6.6.6.6, 203.0.113.7, 10.0.0.2"], &proxy),
            "203.0.113.7"
        );
        assert_eq!(seen("10.0.0.1", &["6.6.6.6", "203.0.113.7"], &proxy), "203.0.113.7");
        assert_eq!(seen("10.0.0.1", &["nonsense"], &proxy), "10.0.0.1");
        assert_eq!(seen("10.0.0.1", &[], &proxy), "10.0.0.1");
    }
}
