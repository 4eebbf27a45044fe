//! References of hostile upstreams, for whoever looks for bytes that lead to the inside.

use http::HeaderValue;
use url::Url;

use super::link;
use super::map::{Map, Other};
use super::secrets::Secrets;
use crate::config::{Endpoint, Kind as _};

/// Whatever a browser makes of a reference that went through the map, it is no endpoint and has no credential of ours in it; and a list of
/// links stays one.
pub fn references(data: &[u8]) {
    let Ok(value) = HeaderValue::from_bytes(data) else { return };
    let read = |text: &str| Endpoint::read(text).ok();
    let (Some(own), Some(other)) = (read("http://prom.internal:9090/base"), read("https://loki.internal:443")) else { return };
    let endpoints = [own.clone()];
    let map = Map {
        mount: "/prometheus",
        endpoint: &own,
        path: "/base/o/acme/api/v1/query".to_owned(),
        prefix: "/o/acme",
        endpoints: &endpoints,
        others: vec![Other { endpoint: &other, mount: "/loki", prefix: None }],
        hidden: Vec::new(),
        mounts: vec!["/loki"],
        host: ("gw.test", 443),
        secrets: Secrets::of(["Bearer 0123456789abcdef"].into_iter()),
    };
    if let Some(led) = map.lead(&value) {
        check(std::str::from_utf8(led.as_bytes()).unwrap_or_default());
    }
    let Some(links) = map.links(&value) else { return };
    let text = std::str::from_utf8(links.as_bytes()).unwrap_or_default();
    for link in link::read(text).expect("a list of links") {
        check(link.target);
        link.parameters.iter().filter(|parameter| parameter.is_anchor()).for_each(|anchor| check(&anchor.plain()));
    }
}

fn check(reference: &str) {
    assert!(!reference.contains("0123456789abcdef"), "{reference} has our credential in it");
    for base in ["https://gw.test/prometheus/api/v1/query", "http://gw.test/prometheus/api/v1/query"] {
        let Ok(url) = Url::parse(base).and_then(|base| base.join(reference)) else { continue };
        let named = (url.host_str().map(|host| host.trim_end_matches('.')), url.port_or_known_default());
        let is_inside = [(Some("prom.internal"), Some(9090)), (Some("loki.internal"), Some(443))].contains(&named);
        assert!(!is_inside, "{reference} names the inside");
        assert!(
            !matches!(url.scheme(), "http" | "https") || (url.username(), url.password()) == ("", None),
            "{reference}: a user"
        );
    }
}
