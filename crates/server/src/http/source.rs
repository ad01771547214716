//! From where a request comes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::{
    extract::{ConnectInfo, FromRequestParts},
    http::{HeaderMap, request::Parts},
};
use ipnet::IpNet;

use crate::app::App;

/// The address of whoever asks: that of the connection, or what a proxy that we trust says of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source(pub IpAddr);

impl FromRequestParts<App> for Source {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Source, Self::Rejection> {
        let peer = parts
            .extensions
            .get::<ConnectInfo<SocketAddr>>()
            .map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0.ip());
        Ok(Source(source(peer, &parts.headers, &app.config.trusted_proxies)))
    }
}

/// Reads `X-Forwarded-For` from its end, as far as it was written by proxies of ours: what stands before that, anybody
/// can write.
fn source(peer: IpAddr, headers: &HeaderMap, trusted: &[IpNet]) -> IpAddr {
    let ours = |address: IpAddr| trusted.iter().any(|network| network.contains(&address));
    let mut source = peer.to_canonical();
    let lines: Vec<&str> = headers
        .get_all("x-forwarded-for")
        .iter()
        .map(|line| line.to_str().unwrap_or_default())
        .collect();
    for said in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        if !ours(source) {
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
