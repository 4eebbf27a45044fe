//! What proxies say of a request, for whoever looks for words that mean another request to them.

use ::http::header::HOST;
use ::http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use prost::Message as _;

use super::original::{ENVOY_PREFIX, Original};
use super::{grpc, trust};
use crate::types::Dialect;

/// Lines of header fields; the first is the target. One request is meant in each dialect, with one host, and what named it is gone.
pub fn authorizer_http(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let mut lines = text.lines();
    let Ok(uri) = lines.next().unwrap_or_default().parse::<Uri>() else { return };
    let mut headers = HeaderMap::new();
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(value.trim())) else { return };
        headers.append(name, value);
    }
    let count = |name: &str| headers.get_all(name).iter().count();
    for dialect in [Dialect::Nginx, Dialect::Traefik, Dialect::Caddy, Dialect::EnvoyHttp] {
        let Some(original) = Original::read(dialect, &Method::GET, &uri, headers.clone()) else { continue };
        assert_eq!(original.headers.get_all(HOST).iter().count(), 1);
        assert!(!original.headers.contains_key(trust::SECRET));
        let names: &[&str] = match dialect {
            Dialect::Nginx => &["x-original-method", "x-original-uri"],
            Dialect::Traefik | Dialect::Caddy => &["x-forwarded-method", "x-forwarded-uri", "x-forwarded-host"],
            Dialect::EnvoyHttp | Dialect::EnvoyGrpc => &[],
        };
        assert!(names.iter().all(|name| count(name) == 1 && !original.headers.contains_key(*name)), "{names:?}");
        if dialect == Dialect::EnvoyHttp {
            let asked = uri.path_and_query().map(|t| t.as_str().to_owned());
            assert_eq!(asked, Some(format!("{ENVOY_PREFIX}{}", original.target)));
        }
    }
}

/// A message of Envoy's, with its length before it or without.
pub fn authorizer_grpc(data: &[u8]) {
    let framed = |message: &[u8]| {
        let length = u32::try_from(message.len()).unwrap_or(u32::MAX).to_be_bytes();
        [&[0][..], &length, message].concat()
    };
    for frame in [data.to_vec(), framed(data)] {
        let Some(check) = grpc::decode(&frame) else { continue };
        let again = grpc::decode(&framed(&check.encode_to_vec())).expect("what was read can be written");
        assert!(again == check, "what was written is read as something else");
        let Some(http) = check.attributes.and_then(|a| a.request).and_then(|r| r.http) else { continue };
        let (path, method) = (http.path.clone(), http.method.clone());
        if let (_, Some(original)) = grpc::read(http) {
            assert_eq!((original.target, original.method.as_str()), (path, method.as_str()));
            assert_eq!(original.headers.get_all(HOST).iter().count(), 1);
            assert!(!original.headers.contains_key(trust::SECRET));
        }
    }
}
