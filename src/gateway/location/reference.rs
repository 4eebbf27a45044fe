//! A reference by its form (RFC 3986 §4.1), as browsers read it.

use std::net::IpAddr;

use url::Host;

use crate::config::Endpoint;

/// What a reference names.
pub(super) enum Place<'a> {
    /// Something with a scheme that is not ours, and who has it.
    Elsewhere(Option<Authority<'a>>),
    /// Somebody, and a path there.
    Named(Authority<'a>, &'a str),
    /// A path of whoever answered.
    Path(&'a str),
    /// A path beside the one that was asked for.
    Relative(&'a str),
}

/// A reference without what browsers pass over, with slashes for what they take for such; and what stands behind its path.
pub(super) fn split(reference: &str) -> (String, &str) {
    let (place, rest) = reference.split_at(reference.find(['?', '#']).unwrap_or(reference.len()));
    let place = place.trim_matches(|c: char| c <= ' ').replace(['\t', '\r', '\n'], "").replace('\\', "/");
    (place, rest)
}

impl<'a> Place<'a> {
    pub(super) fn of(place: &'a str) -> Self {
        let scheme = place.split_once(':').filter(|(scheme, _)| is_scheme(scheme));
        let (port, named) = match scheme {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") => (Some(80), rest),
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => (Some(443), rest),
            Some((_, rest)) => {
                let named = rest.strip_prefix("//").map(|rest| &rest[..rest.find('/').unwrap_or(rest.len())]);
                return Self::Elsewhere(named.map(|named| Authority::of(named, None)));
            }
            None if place.starts_with("//") => (None, place),
            None if place.starts_with('/') => return Self::Path(place),
            None => return Self::Relative(place),
        };
        // Any number of slashes is two.
        let named = named.trim_start_matches('/');
        let (authority, path) = named.split_at(named.find('/').unwrap_or(named.len()));
        Self::Named(Authority::of(authority, port), path)
    }
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

/// Host and port of a reference.
pub(super) struct Authority<'a> {
    /// As it is written, without user and password.
    pub(super) written: &'a str,
    /// Whether a user or password stood in front of it.
    pub(super) has_user: bool,
    host: String,
    /// Its port, or the one of its scheme; `None` where neither is said.
    port: Option<u16>,
}

impl<'a> Authority<'a> {
    fn of(text: &'a str, usual: Option<u16>) -> Self {
        let (has_user, written) = text.rsplit_once('@').map_or((false, text), |(_, written)| (true, written));
        let (host, port) = match written.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => (host, port.parse().ok()),
            _ => (written, None),
        };
        // One host has many spellings: escapes, letters of other widths, numbers for addresses.
        let host = Host::parse(host).map_or_else(|_| host.to_owned(), |host| host.to_string());
        let host = host.trim_start_matches('[').trim_end_matches(']');
        Self { written, has_user, host: host.strip_suffix('.').unwrap_or(host).to_owned(), port: port.or(usual) }
    }

    /// Whether an endpoint is at it.
    pub(super) fn names(&self, endpoint: &Endpoint) -> bool {
        let port = self.port.is_none_or(|port| port == endpoint.port);
        let alike = |a: IpAddr, b: IpAddr| a.to_canonical() == b.to_canonical();
        let host = match (self.host.parse::<IpAddr>(), endpoint.host.parse::<IpAddr>()) {
            (Ok(said), Ok(known)) => alike(said, known),
            _ => self.host.eq_ignore_ascii_case(&endpoint.host),
        };
        host && port
    }

    /// Whether it is the one that `text` writes, whose scheme is known to have the port `usual`.
    pub(super) fn is(&self, text: &str, usual: u16) -> bool {
        let other = Authority::of(text, Some(usual));
        self.host.eq_ignore_ascii_case(&other.host) && self.port.is_none_or(|port| Some(port) == other.port)
    }
}

/// A path without dot segments (RFC 3986 §5.2.4), escaped ones among them.
pub(super) fn resolved(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut ends_in_dots = false;
    for segment in path.strip_prefix('/').unwrap_or(path).split('/') {
        let plain = segment.to_ascii_lowercase().replace("%2e", ".");
        ends_in_dots = matches!(&*plain, "." | "..");
        match &*plain {
            "." => {}
            ".." => {
                kept.pop();
            }
            _ => kept.push(segment),
        }
    }
    let end = if ends_in_dots && !kept.is_empty() { "/" } else { "" };
    format!("/{}{end}", kept.join("/"))
}
