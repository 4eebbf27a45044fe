//! Which authorities are ours. Hosts compare without case, default port and one trailing dot; everything else is another host.

use std::borrow::Cow;
use std::sync::Arc;

use super::Reason;

/// The authorities that this deployment answers for, in canonical form.
#[derive(Clone, Debug)]
pub struct AcceptedHosts {
    hosts: Vec<Arc<str>>,
    suffixes: Vec<Box<str>>,
    default_port: &'static str,
}

impl AcceptedHosts {
    /// Takes the authority of `public_url` first and its aliases after it. `https` says which port that URL leaves out.
    ///
    /// An authority that could never match is left out; without any, every request is refused.
    pub fn new<'a>(authorities: impl IntoIterator<Item = &'a str>, https: bool) -> Self {
        let default_port = if https { "443" } else { "80" };
        let canonical = |a| canonical(a, default_port).ok().map(|h| Arc::from(h.as_ref()));
        Self { hosts: authorities.into_iter().filter_map(canonical).collect(), suffixes: Vec::new(), default_port }
    }

    /// Also takes every host that is one label in front of one of `suffixes` (`.apps.example.com`, canonical): the label names an
    /// organization.
    #[must_use]
    pub fn with_suffixes<'a>(mut self, suffixes: impl IntoIterator<Item = &'a str>) -> Self {
        self.suffixes.extend(suffixes.into_iter().map(Box::from));
        self
    }

    /// The accepted host that `authority` names.
    pub(super) fn find(&self, authority: &str) -> Result<Arc<str>, Reason> {
        if let Some(host) = self.hosts.iter().find(|h| &***h == authority) {
            return Ok(Arc::clone(host));
        }
        let canonical = canonical(authority, self.default_port)?;
        let ours = self.hosts.iter().find(|h| ***h == *canonical).map(Arc::clone);
        ours.or_else(|| self.is_labelled(&canonical).then(|| Arc::from(&*canonical))).ok_or(Reason::HostUnknown)
    }

    fn is_labelled(&self, host: &str) -> bool {
        let label = |suffix: &str| host.strip_suffix(suffix).is_some_and(|l| !l.is_empty() && !l.contains('.'));
        self.suffixes.iter().any(|s| label(s))
    }
}

fn canonical<'a>(authority: &'a str, default_port: &str) -> Result<Cow<'a, str>, Reason> {
    let (host, port) = split(authority)?;
    let host = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        return Err(Reason::HostMalformed);
    }
    let port = port.filter(|p| *p != default_port);
    // `host` starts where `authority` does, and without a trailing dot the port follows it at once.
    let whole = port.map_or(host.len(), |p| host.len() + 1 + p.len());
    let kept = match port {
        Some(port) if whole != authority.len() => Cow::Owned(format!("{host}:{port}")),
        _ => Cow::Borrowed(&authority[..whole]),
    };
    Ok(if kept.bytes().any(|b| b.is_ascii_uppercase()) { Cow::Owned(kept.to_ascii_lowercase()) } else { kept })
}

/// Splits `host [":" port]` (RFC 9110 §7.2).
fn split(authority: &str) -> Result<(&str, Option<&str>), Reason> {
    if authority.is_empty() {
        return Err(Reason::HostMissing);
    }
    let bracket = if authority.starts_with('[') { authority.find(']').ok_or(Reason::HostMalformed)? + 1 } else { 0 };
    let colon = authority[bracket..].find(':').map_or(authority.len(), |at| bracket + at);
    let host = &authority[..colon];
    let port = authority.get(colon + 1..);
    let named = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
    let numbered = |b: u8| b.is_ascii_hexdigit() || matches!(b, b':' | b'.');
    let sound = match host.strip_prefix('[') {
        Some(address) => address.strip_suffix(']').is_some_and(|a| !a.is_empty() && a.bytes().all(numbered)),
        None => !host.is_empty() && host.bytes().all(named),
    };
    let port_sound = port.is_none_or(|p| (1..=5).contains(&p.len()) && p.bytes().all(|b| b.is_ascii_digit()));
    if sound && port_sound { Ok((host, port)) } else { Err(Reason::HostMalformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn accepted() -> AcceptedHosts {
        AcceptedHosts::new(["gw.example.com", "127.0.0.1:8080", "[::1]:8080"], true)
    }

    #[test]
    fn one_host_has_many_spellings() {
        for (given, host) in [
            ("gw.example.com", "gw.example.com"),
            ("GW.Example.COM:443", "gw.example.com"),
            ("gw.example.com.", "gw.example.com"),
            ("gw.example.com.:443", "gw.example.com"),
            ("127.0.0.1:8080", "127.0.0.1:8080"),
            ("127.0.0.1.:8080", "127.0.0.1:8080"),
            ("[::1]:8080", "[::1]:8080"),
        ] {
            assert_eq!(accepted().find(given).map(|h| h.to_string()), Ok(host.to_owned()), "{given}");
        }
    }

    #[test]
    fn other_hosts_are_not_ours() {
        for given in ["gw.example.com:80", "gw.example.com:8443", "gw.example.com..", "evil.test", "xn--gw.example.com", "[::1]"]
        {
            assert_eq!(accepted().find(given), Err(Reason::HostUnknown), "{given}");
        }
    }

    #[test]
    fn what_is_no_host_is_malformed() {
        for given in ["a/x", "a b", "u@gw.example.com", ":443", ".", "gw.example.com:", "gw.example.com:x", "[::1", "[]", "[g]"] {
            assert_eq!(accepted().find(given), Err(Reason::HostMalformed), "{given}");
        }
        assert_eq!(accepted().find("gw.example.com:443:443"), Err(Reason::HostMalformed));
        assert_eq!(accepted().find("gẃ.example.com"), Err(Reason::HostMalformed));
        assert_eq!(accepted().find(""), Err(Reason::HostMissing));
    }
}
