//! The three kinds of URI that OAuth compares: issuers, resources, redirect targets. Each compares in one way, here.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use url::{Host, Url};

/// Why a text is not the URI it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UriError {
    /// Longer than we read.
    #[error("longer than {MAX_URI} characters")]
    TooLong,
    /// Not an absolute URI of printable ASCII.
    #[error("not an absolute URI of printable ASCII characters")]
    Malformed,
    /// A part that this kind of URI must not have.
    #[error("must not have {0}")]
    Part(UriPart),
    /// A scheme that this kind of URI must not use.
    #[error("must use https, http to a loopback address, or an application's own scheme")]
    Scheme,
}

/// A part that some kind of URI must not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UriPart {
    /// A path, query or fragment of an origin.
    #[error("anything behind its host and port")]
    Path,
    /// What stands behind `#`.
    #[error("a fragment")]
    Fragment,
    /// A user and password (RFC 3986 §3.2.1).
    #[error("user information")]
    UserInformation,
    /// A star.
    #[error("a wildcard")]
    Wildcard,
}

/// Longest URI that we read, in bytes.
const MAX_URI: usize = 2048;

fn printable(text: &str) -> Result<(), UriError> {
    if text.len() > MAX_URI {
        return Err(UriError::TooLong);
    }
    let plain = |b: u8| (0x21..=0x7E).contains(&b) && !matches!(b, b'"' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}');
    if text.bytes().all(plain) { Ok(()) } else { Err(UriError::Malformed) }
}

macro_rules! uri_text {
    ($name:ident) => {
        impl $name {
            /// The URI exactly as it was given.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(d)?).map_err(de::Error::custom)
            }
        }
    };
}

/// The origin that everything we publish is built from (RFC 8414 §2: https, no query, no fragment). Never ends in `/`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Issuer(Arc<str>);

uri_text!(Issuer);

impl Issuer {
    /// Reads `public_url`. A trailing slash is dropped, everything else must already be as it will be published.
    ///
    /// # Errors
    /// When it is not an https origin, or http on a loopback address.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        printable(text)?;
        let text = text.strip_suffix('/').unwrap_or(text);
        let url = Url::parse(text).map_err(|_| UriError::Malformed)?;
        let secure = url.scheme() == "https" || (url.scheme() == "http" && url.host().is_some_and(|h| is_loopback(&h)));
        if !secure {
            return Err(UriError::Scheme);
        }
        if url.path() != "/"
            || url.query().is_some()
            || url.fragment().is_some()
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(UriError::Part(UriPart::Path));
        }
        if url.origin().ascii_serialization() != text {
            return Err(UriError::Malformed);
        }
        Ok(Self(text.into()))
    }

    /// The URL of `path`, which starts with `/`.
    #[must_use]
    pub fn at(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// Host and port as a `Host` header names them, without a default port.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.0.split_once("://").map_or("", |(_, a)| a)
    }

    /// Whether browsers reach us over TLS: decides cookie names and HSTS.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }
}

fn is_loopback(host: &Host<&str>) -> bool {
    match host {
        Host::Domain(d) => *d == "localhost",
        Host::Ipv4(a) => a.is_loopback(),
        Host::Ipv6(a) => a.is_loopback(),
    }
}

/// A protected resource (RFC 8707 §2): an absolute URI without fragment, in the canonical form that tokens carry as `aud`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ResourceId(Arc<str>);

uri_text!(ResourceId);

impl ResourceId {
    /// Reads a resource identifier and brings it into canonical form: lower-case scheme and host, no default port, no
    /// trailing slash. URNs are kept as they are.
    ///
    /// # Errors
    /// When it is not an absolute URI, or has a fragment or user information.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        printable(text)?;
        if text.contains('#') {
            return Err(UriError::Part(UriPart::Fragment));
        }
        let url = Url::parse(text).map_err(|_| UriError::Malformed)?;
        if !matches!(url.scheme(), "https" | "http") {
            return Ok(Self(text.into()));
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::Part(UriPart::UserInformation));
        }
        // The URL standard resolves dot segments; a resource that needs resolving is not one of ours.
        let tail = &url[url::Position::BeforePath..];
        let bare = if tail == "/" { text.strip_suffix('/').or(Some(text)) } else { text.strip_suffix(tail) };
        let authority = bare.and_then(|h| h.split_once("://")).map(|(_, a)| a);
        if !authority.is_some_and(|a| !a.is_empty() && !a.contains(['/', '?'])) {
            return Err(UriError::Malformed);
        }
        // Without one of its two slashes it would be another resource each time that it is read.
        if url.path().ends_with("//") {
            return Err(UriError::Malformed);
        }
        let path = url.path().strip_suffix('/').unwrap_or(url.path());
        let query = url.query().map(|q| format!("?{q}")).unwrap_or_default();
        Ok(Self(format!("{}{path}{query}", url.origin().ascii_serialization()).into()))
    }
}

/// Where an authorization answer may be sent (RFC 6749 §3.1.2).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RedirectUri(Arc<str>);

uri_text!(RedirectUri);

/// Schemes that run code or read files in the user's browser.
const FORBIDDEN_SCHEMES: [&str; 10] =
    ["about", "blob", "chrome", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "view-source"];

impl RedirectUri {
    /// Reads a URI that a client registers or presents.
    ///
    /// # Errors
    /// When it could not be matched exactly (fragment, wildcard, dot segments, user information, upper-case scheme or host),
    /// or would send the code in clear text or into a browser's own scheme.
    pub fn parse(text: &str) -> Result<Self, UriError> {
        printable(text)?;
        if text.contains('#') {
            return Err(UriError::Part(UriPart::Fragment));
        }
        if text.contains('*') {
            return Err(UriError::Part(UriPart::Wildcard));
        }
        let url = Url::parse(text).map_err(|_| UriError::Malformed)?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(UriError::Part(UriPart::UserInformation));
        }
        match url.scheme() {
            "https" | "http" => Self::web(text, &url),
            scheme if FORBIDDEN_SCHEMES.contains(&scheme) => Err(UriError::Scheme),
            scheme if text.starts_with(scheme) => Ok(Self(text.into())),
            _ => Err(UriError::Malformed),
        }
    }

    fn web(text: &str, url: &Url) -> Result<Self, UriError> {
        let loopback = url.host().is_some_and(|h| is_loopback(&h));
        if url.scheme() == "http" && !loopback {
            return Err(UriError::Scheme);
        }
        // What a browser would go to must be what was compared: any text that the URL standard rewrites is refused.
        let bare = url.path() == "/" && url.query().is_none() && format!("{text}/") == url.as_str();
        if bare || url.as_str() == text || explicit_default_port(url, text) {
            Ok(Self(text.into()))
        } else {
            Err(UriError::Malformed)
        }
    }

    /// Whether a presented URI is this registered one: the same string, or the same but for the port when both are on the
    /// loopback interface (RFC 8252 §7.3; `localhost` too, as MCP clients register it without a port).
    #[must_use]
    pub fn admits(&self, presented: &Self) -> bool {
        self == presented || matches!((self.loopback_parts(), presented.loopback_parts()), (Some(a), Some(b)) if a == b)
    }

    /// Host and everything behind the port, when this is plain http to the loopback interface.
    fn loopback_parts(&self) -> Option<(&str, &str)> {
        let rest = self.0.strip_prefix("http://")?;
        let (authority, tail) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
        let host = ["127.0.0.1", "[::1]", "localhost"].into_iter().find(|h| authority.starts_with(h))?;
        let port = authority[host.len()..].strip_prefix(':');
        let port_ok = authority.len() == host.len() || port.is_some_and(|p| p.parse::<u16>().is_ok_and(|n| n > 0));
        port_ok.then_some((host, tail))
    }

    /// Whether the target is an application on the user's own computer.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        self.loopback_parts().is_some()
    }

    /// Where a person would say that this leads: the host in full, or the scheme of an application.
    #[must_use]
    pub fn display_host(&self) -> String {
        let url = Url::parse(&self.0).ok();
        let host = url.as_ref().and_then(|u| u.host_str().map(ToOwned::to_owned));
        host.filter(|h| !h.is_empty()).unwrap_or_else(|| self.0.split(':').next().unwrap_or_default().to_owned())
    }

    /// This URI with `pairs` added to its query, form-encoded.
    #[must_use]
    pub fn with_query<'a>(&self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
        let mut query = url::form_urlencoded::Serializer::new(String::new());
        query.extend_pairs(pairs);
        let joint = match self.0.split_once('?') {
            None => "?",
            Some((_, "")) => "",
            Some(_) => "&",
        };
        format!("{}{joint}{}", self.0, query.finish())
    }
}

/// `http://localhost:80/x` and `https://h:443/x`: legal, and rewritten by the URL standard only in that one place.
fn explicit_default_port(url: &Url, text: &str) -> bool {
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else { return false };
    let rest = &url[url::Position::BeforePath..];
    url.port().is_none() && text == format!("{}://{host}:{port}{rest}", url.scheme())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_origins() {
        assert_eq!(Issuer::parse("https://gw.example.com/").map(|i| i.at("/x")), Ok("https://gw.example.com/x".to_owned()));
        assert!(Issuer::parse("http://127.0.0.1:8080").is_ok());
        for bad in [
            "http://gw.example.com",
            "https://gw.example.com/a",
            "https://GW.example.com",
            "https://a@b",
            "gw",
            "https://h?x",
            "https://h:443",
        ] {
            assert!(Issuer::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn resources_compare_in_canonical_form() {
        let same = |a: &str, b: &str| assert_eq!(ResourceId::parse(a), ResourceId::parse(b), "{a} {b}");
        same("https://H.example", "https://h.example/");
        same("https://h.example:443/mcp/", "https://h.example/mcp");
        assert_ne!(ResourceId::parse("https://h/mcp"), ResourceId::parse("https://h/MCP"));
        assert_eq!(ResourceId::parse("urn:dtaccount:8d1e").map(|r| r.to_string()), Ok("urn:dtaccount:8d1e".to_owned()));
        for bad in ["https://h/a#f", "/mcp", "https://u@h/", "https://h/a/../b", "https://h//", "https://h/a//?x", ""] {
            assert!(ResourceId::parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn redirect_tricks_do_not_match() {
        let registered = RedirectUri::parse("https://app.test/cb").expect("a plain https URI");
        let tricks = [
            "https://app.test/cb/",
            "https://app.test/cb?x",
            "https://app.test/cb#f",
            "https://app.test/cb%2f",
            "https://app.test/CB",
            "https://APP.test/cb",
            "https://app.test:443/cb",
            "https://app.test./cb",
            "https://app.test@evil/cb",
            "https://evil\\@app.test/cb",
            "https://app.test.evil/cb",
            "https://app.testevil/cb",
            "https://app.test/x/../cb",
            "https://app.test/%2e%2e/cb",
            "https://app.test/./cb",
            "https:///app.test/cb",
            "https:app.test/cb",
            "https://app.test/cb ",
            "https://app.test/cb\t",
            "https://app.test/cb\r\n",
            "https://app.test/cb\0",
            "http://app.test/cb",
            "https://ａpp.test/cb",
            "https://xn--pp-eka.test/cb",
            " javascript:alert(1)",
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "blob:https://app.test/x",
            "file:///etc/passwd",
            "java\tscript:x",
        ];
        for trick in tricks {
            assert!(!RedirectUri::parse(trick).is_ok_and(|p| registered.admits(&p)), "{trick:?}");
        }
        assert!(registered.admits(&registered));
    }

    #[test]
    fn only_the_port_of_a_loopback_address_may_vary() {
        let pairs = [
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb", true),
            ("http://localhost/callback", "http://localhost:80/callback", true),
            ("http://[::1]:1/cb", "http://[::1]:2/cb", true),
            ("http://127.0.0.1/cb", "http://localhost:4711/cb", false),
            ("http://127.0.0.1/cb", "http://127.0.0.1:4711/cb2", false),
            ("http://127.0.0.1/cb?a=1", "http://127.0.0.1:9/cb", false),
        ];
        for (registered, presented, admitted) in pairs {
            let (r, p) = (RedirectUri::parse(registered), RedirectUri::parse(presented));
            let (r, p) = (r.expect("registered"), p.expect("presented"));
            assert_eq!(r.admits(&p), admitted, "{registered} {presented}");
        }
        let registered = RedirectUri::parse("http://127.0.0.1/cb").expect("registered");
        for trick in [
            "http://127.1/cb",
            "http://0x7f.1/cb",
            "http://[::ffff:127.0.0.1]/cb",
            "http://localhost.evil/cb",
            "http://127.0.0.1.nip.io/cb",
            "http://127.0.0.1:80@evil/cb",
            "https://127.0.0.1:5/cb",
            "http://127.0.0.1:x/cb",
        ] {
            assert!(!RedirectUri::parse(trick).is_ok_and(|p| registered.admits(&p)), "{trick}");
        }
    }

    #[test]
    fn applications_may_use_their_own_scheme() {
        let cursor = RedirectUri::parse("cursor://anysphere.cursor-mcp/oauth/callback").expect("a private-use scheme");
        assert_eq!(cursor.display_host(), "anysphere.cursor-mcp");
        assert_eq!(RedirectUri::parse("com.app:/cb").map(|u| u.display_host()), Ok("com.app".to_owned()));
    }

    #[test]
    fn answers_are_added_to_the_query() {
        let plain = RedirectUri::parse("https://app.test/cb").expect("uri");
        assert_eq!(plain.with_query([("state", "a&b é")]), "https://app.test/cb?state=a%26b+%C3%A9");
        let with = RedirectUri::parse("https://app.test/cb?x=1").expect("uri");
        assert_eq!(with.with_query([("code", "c")]), "https://app.test/cb?x=1&code=c");
    }
}
