//! What the gate reads of requests, for whoever looks for bytes that fool it.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use http::{HeaderMap, HeaderValue};
use url::Url;

use super::hygiene::stripped;
use super::path::canonicalize;
use super::seen;
use crate::config::Tenancy;

/// The form of a path is stable, decodes to what was sent, and is left alone by readers that resolve what browsers resolve.
pub fn path(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(canonical) = canonicalize(text) else { return };
    let made = canonical.as_str();
    assert_eq!(canonicalize(made).as_ref().map(super::path::CanonicalPath::as_str), Ok(made));
    assert_eq!(decoded(made), decoded(text));
    assert_eq!(canonical.has_encoded_slash(), made.contains("%2F"));
    let url = Url::parse(&format!("http://gw.test{made}")).expect("a path of a URL");
    assert_eq!((url.path(), url.query(), url.fragment()), (made, None, None));
}

/// What every percent-escape stands for, decoded once.
fn decoded(text: &str) -> Vec<u8> {
    // A plus sign is itself in a path.
    let text = text.replace('+', "%2B");
    url::form_urlencoded::parse(format!("{}=", text.replace('&', "%26").replace('=', "%3D")).as_bytes())
        .next()
        .map(|(key, _)| key.into_owned().into_bytes())
        .unwrap_or_default()
}

/// The client's address is one that a proxy of ours wrote, never one that somebody else wrote behind it.
pub fn forwarded(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|b| *b == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return };
        headers.append("x-forwarded-for", value);
    }
    let proxy = |ip: IpAddr| ip == IpAddr::V4(Ipv4Addr::LOCALHOST);
    let peer = |ip: [u8; 4]| SocketAddr::from((ip, 4711));
    assert_eq!(seen::client(peer([192, 0, 2, 1]), &headers, proxy), peer([192, 0, 2, 1]), "who is no proxy is who they are");
    let client = seen::client(peer([127, 0, 0, 1]), &headers, proxy).ip();
    // Another reading: the whole list backwards, up to the first that is no proxy of ours.
    let mut wanted = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let values: Vec<_> = headers.get_all("x-forwarded-for").iter().filter_map(|v| v.to_str().ok()).collect();
    for entry in values.join(",").rsplit(',').map(|entry| entry.trim().parse::<IpAddr>()) {
        let Ok(ip) = entry else { break };
        wanted = ip;
        if !proxy(ip) {
            break;
        }
    }
    assert_eq!(client, wanted);
}

/// A parameter that some reader takes for a tenant's is found; once those of a query are taken out none is found, but for what stands
/// behind a `;`.
pub fn tenant(data: &[u8]) {
    let forbidden = ["tenant".to_owned(), "X-Scope-OrgID".to_owned()];
    let [refuses, strips] = [(forbidden.to_vec(), Vec::new()), (Vec::new(), forbidden.to_vec())]
        .map(|(forbidden_query, stripped_query)| Tenancy { forbidden_query, stripped_query, ..Tenancy::default() });
    let found = refuses.is_named_in(data);
    assert_eq!(found, strips.is_named_in(data));
    if let Ok(query) = std::str::from_utf8(data) {
        let left = stripped(query, &strips.stripped_query);
        assert!(left.contains(';') || !strips.is_named_in(left.as_bytes()), "a tenant is left in {left}");
        assert!(found || left == query, "something else is taken out of {query}");
    }
    let by = |separator: u8| {
        data.split(|b| *b == separator)
            .flat_map(|part| url::form_urlencoded::parse(part).map(|(key, _)| key.into_owned()).collect::<Vec<_>>())
            .any(|key| forbidden.contains(&key))
    };
    assert!(found || !(by(b'&') || by(b';')), "a tenant is named, and nobody saw it");
}
