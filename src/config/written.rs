//! Values that the file writes as text: each kind is parsed once, here, and says what it expects.

use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use http::{HeaderName, Method};
use ipnet::IpNet;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::Url;

use super::{Endpoint, GrantFlow};
use crate::types::{ApiName, Issuer, OrgResource, ResourceId, RoleName, RouteId, ScopeToken};

/// A kind of value that the file writes as text.
pub trait Kind: Sized {
    /// Its `format` in the schema.
    const FORMAT: &'static str;
    /// What is expected, for errors and for the reference page.
    const EXPECTED: &'static str;

    /// Reads the text; the error says what is wrong beyond [`Self::EXPECTED`], or nothing.
    ///
    /// # Errors
    /// When the text is not of this kind.
    fn read(text: &str) -> Result<Self, String>;

    /// The text that [`Self::read`] takes.
    fn write(&self) -> String;
}

/// A value of a [`Kind`] as the file has it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Written<T>(pub T);

impl<T: Kind> Serialize for Written<T> {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0.write())
    }
}

impl<'de, T: Kind> Deserialize<'de> for Written<T> {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        T::read(&text).map(Self).map_err(de::Error::custom)
    }
}

impl<T: Kind> JsonSchema for Written<T> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        T::FORMAT.into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "format": T::FORMAT })
    }
}

/// Checks a text against the format that a schema names. `None` when the format is not one of ours.
pub(super) fn check(format: &str, text: &str) -> Option<Result<(), (String, &'static str)>> {
    fn of<T: Kind>(format: &str, text: &str) -> Option<Result<(), (String, &'static str)>> {
        (format == T::FORMAT).then(|| T::read(text).map(drop).map_err(|why| (why, T::EXPECTED)))
    }
    of::<Duration>(format, text)
        .or_else(|| of::<ByteSize>(format, text))
        .or_else(|| of::<SocketAddr>(format, text))
        .or_else(|| of::<IpNet>(format, text))
        .or_else(|| of::<ScopeToken>(format, text))
        .or_else(|| of::<GrantFlow>(format, text))
        .or_else(|| of::<ApiName>(format, text))
        .or_else(|| of::<RoleName>(format, text))
        .or_else(|| of::<RouteId>(format, text))
        .or_else(|| of::<Issuer>(format, text))
        .or_else(|| of::<Alias>(format, text))
        .or_else(|| of::<HeaderName>(format, text))
        .or_else(|| of::<Method>(format, text))
        .or_else(|| of::<Endpoint>(format, text))
        .or_else(|| of::<Origin>(format, text))
}

/// What a format expects, for the reference page.
pub(super) fn expected(format: &str) -> Option<&'static str> {
    // No kind takes the empty text, so each of ours answers with what it expects.
    check(format, "").and_then(Result::err).map(|(_, expected)| expected)
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Kind for Duration {
    const FORMAT: &'static str = "duration-text";
    const EXPECTED: &'static str = "a whole number and ms, s, m, h or d, for example \"10m\"";

    fn read(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = UNITS.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let number = number.parse::<u64>().ok();
        let millis = factor.zip(number).and_then(|(f, n)| n.checked_mul(f));
        // A century is more than anybody means, and small enough to be added to any instant.
        let millis = millis.filter(|m| *m <= 36_525 * 86_400_000);
        millis.map(Self::from_millis).ok_or_else(|| "is not a duration".to_owned())
    }

    fn write(&self) -> String {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = |(_, factor): &&(&str, u64)| millis >= *factor && millis.is_multiple_of(*factor);
        let (unit, factor) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[1]);
        format!("{}{unit}", millis / factor)
    }
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ByteSize(pub usize);

const SIZES: [(&str, usize); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

impl Kind for ByteSize {
    const FORMAT: &'static str = "size";
    const EXPECTED: &'static str = "a whole number and B, KiB, MiB or GiB, for example \"1MiB\"";

    fn read(text: &str) -> Result<Self, String> {
        let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(digits);
        let factor = SIZES.iter().find(|(name, _)| *name == unit).map(|(_, factor)| *factor);
        let bytes = factor.zip(number.parse::<usize>().ok()).and_then(|(f, n)| n.checked_mul(f));
        bytes.map(Self).ok_or_else(|| "is not a size".to_owned())
    }

    fn write(&self) -> String {
        let fits = |(_, factor): &&(&str, usize)| self.0 >= *factor && self.0.is_multiple_of(*factor);
        let (unit, factor) = SIZES.iter().rev().find(fits).unwrap_or(&SIZES[0]);
        format!("{}{unit}", self.0 / factor)
    }
}

/// The origin of a browser page: scheme, host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Origin(pub String);

impl Kind for Origin {
    const FORMAT: &'static str = "origin";
    const EXPECTED: &'static str = "scheme, host and port of a page, for example \"https://app.example.com\"";

    fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        if matches!(url.scheme(), "http" | "https") && url.origin().ascii_serialization() == text {
            Ok(Self(text.to_owned()))
        } else {
            Err("is not an origin".to_owned())
        }
    }

    fn write(&self) -> String {
        self.0.clone()
    }
}

impl Kind for Endpoint {
    const FORMAT: &'static str = "endpoint";
    const EXPECTED: &'static str = "an http or https URL without user, query and fragment, for example \"http://127.0.0.1:9090\"";

    fn read(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        let tls = match url.scheme() {
            "https" => true,
            "http" => false,
            _ => return Err("is neither http nor https".to_owned()),
        };
        if !url.username().is_empty() || url.password().is_some() {
            return Err("carries credentials; give them with inject".to_owned());
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err("has a query or a fragment".to_owned());
        }
        let host = url.host_str().filter(|h| !h.is_empty()).ok_or("has no host")?;
        let port = url.port_or_known_default().filter(|p| *p > 0).ok_or("has no port")?;
        // Addresses of version 6 stand in brackets in a URL alone.
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Ok(Self { host: host.to_owned(), port, tls, base_path: url.path().trim_end_matches('/').to_owned(), weight: 1 })
    }

    fn write(&self) -> String {
        format!("{self}")
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}{}", self.host, self.port, self.base_path)
    }
}

impl Kind for Method {
    const FORMAT: &'static str = "method";
    const EXPECTED: &'static str = "GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS, in capitals";

    fn read(text: &str) -> Result<Self, String> {
        // Methods are case-sensitive (RFC 9110 §9.1): "get" would be a method of its own that nobody sends. TRACE would show
        // what we inject, CONNECT opens a tunnel.
        let known = [Self::GET, Self::HEAD, Self::POST, Self::PUT, Self::PATCH, Self::DELETE, Self::OPTIONS];
        known.into_iter().find(|m| m.as_str() == text).ok_or_else(|| "is not a method that can be routed".to_owned())
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

impl Kind for GrantFlow {
    const FORMAT: &'static str = "grant-flow";
    const EXPECTED: &'static str =
        "authorization_code, client_credentials or urn:ietf:params:oauth:grant-type:device_code (device_code for short)";

    fn read(text: &str) -> Result<Self, String> {
        let named = Self::ALL.into_iter().find(|flow| flow.name() == text || flow.name().strip_suffix(text).is_some_and(is_urn));
        named.ok_or_else(|| match text {
            "refresh_token" => "is no way to be given a scope: it goes on with what another way began".to_owned(),
            _ => "is not a grant type that gives scopes".to_owned(),
        })
    }

    fn write(&self) -> String {
        self.name().to_owned()
    }
}

/// What stands before the short name of a grant type that has one (RFC 6749 §4.5).
fn is_urn(start: &str) -> bool {
    start == "urn:ietf:params:oauth:grant-type:"
}

impl Kind for ScopeToken {
    const FORMAT: &'static str = "scope";
    const EXPECTED: &'static str = "a scope of RFC 6749 appendix A.4 without * and comma, for example \"metrics:read\"";

    fn read(text: &str) -> Result<Self, String> {
        if text.contains(['*', ',']) {
            return Err("names more than one scope".to_owned());
        }
        Self::parse(text).map_err(|e| e.to_string())
    }

    fn write(&self) -> String {
        self.to_string()
    }
}

macro_rules! parsed {
    ($type:ty, $format:literal, $expected:literal, $read:expr) => {
        impl Kind for $type {
            const FORMAT: &'static str = $format;
            const EXPECTED: &'static str = $expected;

            fn read(text: &str) -> Result<Self, String> {
                let read: fn(&str) -> Result<Self, String> = $read;
                read(text)
            }

            fn write(&self) -> String {
                self.to_string()
            }
        }
    };
}

parsed!(SocketAddr, "socket-address", "an address and a port, for example \"0.0.0.0:8443\"", |t| {
    t.parse().map_err(|_| "is not a socket address".to_owned())
});
parsed!(IpNet, "network", "a network, for example \"10.0.0.0/8\"", |t| { t.parse().map_err(|_| "is not a network".to_owned()) });
parsed!(ApiName, "api-name", "1 to 63 characters of a-z 0-9 . _ -", |t| {
    Self::parse(t).map_err(|_| "is not a name".to_owned())
});
parsed!(RoleName, "role-name", "1 to 63 characters of a-z 0-9 _ -", |t| {
    Self::parse(t).map_err(|_| "is not the name of a role".to_owned())
});
parsed!(RouteId, "route-id", "1 to 127 characters of a-z 0-9 . _ : -", |t| {
    Self::parse(t).map_err(|_| "is not the id of a route".to_owned())
});
parsed!(Issuer, "issuer", "an https origin, or http on a loopback address, for example \"https://gw.example.com\"", |t| {
    Self::parse(t).map_err(|e| e.to_string())
});
parsed!(
    Alias,
    "resource",
    "an absolute URI without fragment, for example \"urn:example:metrics\", or one with {org.id} or {org.slug} in it",
    |t| {
        if t.contains(['{', '}']) {
            return OrgResource::parse(t).map(Self::OfOrg);
        }
        ResourceId::parse(t).map(Self::One).map_err(|e| e.to_string())
    }
);

/// Another identifier of an API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Alias {
    /// One.
    One(ResourceId),
    /// One for each organization, accepted where that is the token's.
    OfOrg(OrgResource),
}

impl fmt::Display for Alias {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(resource) => fmt::Display::fmt(resource, f),
            Self::OfOrg(template) => fmt::Display::fmt(template, f),
        }
    }
}
parsed!(HeaderName, "header", "the name of a header that may be set, for example \"X-Scope-OrgID\"", |t| header(t));

/// Headers that frame or route the message, or carry credentials of the caller: setting them would break what was decided.
const RESERVED_HEADERS: [&str; 17] = [
    "connection",
    "content-length",
    "cookie",
    "expect",
    "forwarded",
    "host",
    "keep-alive",
    "proxy-authorization",
    "te",
    "trailer",
    "transfer-encoding",
    "traceparent",
    "upgrade",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-proto",
    "x-request-id",
];

fn header(text: &str) -> Result<HeaderName, String> {
    let name = HeaderName::from_bytes(text.as_bytes()).map_err(|_| "is not a header name".to_owned())?;
    if RESERVED_HEADERS.contains(&name.as_str()) { Err("is reserved".to_owned()) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_sizes_are_read_back_as_written() {
        for (text, seconds) in [("60s", 60), ("10m", 600), ("30d", 2_592_000), ("1h", 3600), ("0s", 0)] {
            let read = Duration::read(text).expect(text);
            assert_eq!((read, Duration::read(&read.write())), (Duration::from_secs(seconds), Ok(read)), "{text}");
        }
        assert_eq!(Duration::read("250ms").map(|d| d.write()), Ok("250ms".to_owned()));
        for bad in ["", "10", "s", "1.5h", "-1s", "1 h", "1H", "1w", "99999999999999999999d", "40000d"] {
            assert!(Duration::read(bad).is_err(), "{bad}");
        }
        assert_eq!(ByteSize::read("64KiB").map(|s| (s.0, s.write())), Ok((65_536, "64KiB".to_owned())));
        for bad in ["", "1", "1K", "1KB", "1 KiB", "18446744073709551615GiB"] {
            assert!(ByteSize::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn flows_have_the_names_of_their_grant_types() {
        for flow in GrantFlow::ALL {
            assert_eq!(GrantFlow::read(flow.name()), Ok(flow));
        }
        assert_eq!(GrantFlow::read("device_code"), Ok(GrantFlow::DeviceCode));
        for bad in ["", "refresh_token", "code", "urn:ietf:params:oauth:grant-type:", "grant-type:device_code", "Device_code"] {
            assert!(GrantFlow::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn endpoints_have_host_port_and_base() {
        let cases = [
            ("http://127.0.0.1:9090", ("127.0.0.1", 9090, false, "")),
            ("https://h", ("h", 443, true, "")),
            ("http://h/a/b/", ("h", 80, false, "/a/b")),
            ("http://[::1]:1/mcp", ("::1", 1, false, "/mcp")),
        ];
        for (text, (host, port, tls, base)) in cases {
            let endpoint = Endpoint::read(text).expect(text);
            assert_eq!(
                (endpoint.host.as_str(), endpoint.port, endpoint.tls, endpoint.base_path.as_str()),
                (host, port, tls, base)
            );
            assert_eq!(Endpoint::read(&endpoint.write()).as_ref(), Ok(&endpoint), "{text}");
        }
        for bad in ["h", "ftp://h", "http://u@h", "http://h?x", "http://h#x", "http://", "unix:/x", "http://h:0"] {
            assert!(Endpoint::read(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn every_kind_says_what_it_expects() {
        for format in
            ["duration-text", "size", "socket-address", "network", "scope", "api-name", "role-name", "route-id", "issuer"]
        {
            assert!(expected(format).is_some(), "{format}");
        }
        for format in ["resource", "header", "method", "endpoint", "origin"] {
            assert!(expected(format).is_some(), "{format}");
        }
        assert_eq!(expected("uint32"), None);
    }
}
