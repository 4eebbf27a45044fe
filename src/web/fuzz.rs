//! What browsers and clients send to our own endpoints, for whoever looks for bytes that are read in two ways.

use http::header::COOKIE;
use http::{HeaderMap, HeaderValue};

use super::params::Params;
use super::{cookie, decode_component};

/// Parameters that are taken are those that the URL standard reads, and a name that comes twice is never read once.
pub fn form(data: &[u8]) {
    let Ok(params) = Params::parse(data) else { return };
    let others: Vec<_> = url::form_urlencoded::parse(data).collect();
    assert_eq!(params.is_empty(), others.is_empty());
    for name in ["a", "client_id", "resource", "state"] {
        let values: Vec<_> = others.iter().filter(|(n, _)| n == name).map(|(_, v)| v.as_ref()).collect();
        match params.one(name) {
            Ok(value) => assert!(values.len() <= 1 && value == values.first().copied().filter(|v| !v.is_empty()), "{values:?}"),
            Err(_) => assert!(values.len() > 1, "{values:?}"),
        }
        assert!(params.all(name).eq(values.iter().copied().filter(|v| !v.is_empty())));
    }
    let repeated = others.iter().enumerate().any(|(i, (n, _))| others[..i].iter().any(|(m, _)| m == n));
    assert_eq!(params.any_repeated(&[]), repeated);
    let _ = decode_component(data);
}

/// A cookie is one value, whatever comes around it, and in as many fields as HTTP/2 likes.
pub fn cookies(data: &[u8]) {
    let Ok(whole) = HeaderValue::from_bytes(data) else { return };
    let one = HeaderMap::from_iter([(COOKIE, whole)]);
    let mut many = HeaderMap::new();
    for piece in data.split(|b| *b == b';') {
        let Ok(piece) = HeaderValue::from_bytes(piece) else { return };
        many.append(COOKIE, piece);
    }
    for name in ["__Host-tollgate", "tollgate", "a"] {
        let value = cookie(&one, name);
        if one[COOKIE].to_str().is_ok() {
            assert_eq!(cookie(&many, name), value, "{name}");
        }
        assert!(value.is_none_or(|v| !v.contains(';')));
    }
}
