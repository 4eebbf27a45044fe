//! What is left of a request head when everything doubtful is gone.

use std::borrow::Cow;
use std::sync::Arc;

use http::header::HeaderName;
use http::{Method, StatusCode};

use super::{Reason, query};

/// What the client offers to upgrade to (RFC 9110 §7.8).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Upgrade {
    /// Nothing.
    #[default]
    None,
    /// WebSocket (RFC 6455 §4.1).
    WebSocket,
    /// Anything else, which is never granted.
    Other,
}

/// Things that we dealt with, and that an operator wants to hear of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Signals(u8);

impl Signals {
    /// A header that only we may set was removed.
    pub const SPOOFED_IDENTITY: Self = Self(1);
    /// A forwarding header of a peer that is not trusted was removed.
    pub const SPOOFED_FORWARDING: Self = Self(2);
    /// A header that overrides the method was removed.
    pub const METHOD_OVERRIDE: Self = Self(4);
    /// `Connection` asked to remove an identity header or the credential.
    pub const NOMINATED_IDENTITY: Self = Self(8);
    /// A token in the query was removed, unread.
    pub const TOKEN_IN_QUERY: Self = Self(16);

    const NAMED: [(Self, &'static str); 5] = [
        (Self::SPOOFED_IDENTITY, "spoofed_identity"),
        (Self::SPOOFED_FORWARDING, "spoofed_forwarding"),
        (Self::METHOD_OVERRIDE, "method_override"),
        (Self::NOMINATED_IDENTITY, "nominated_identity"),
        (Self::TOKEN_IN_QUERY, "token_in_query"),
    ];

    pub(super) fn insert(&mut self, other: Self) {
        self.0 |= other.0;
    }

    /// Whether all of `other` were seen.
    #[must_use]
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The stable names of what was seen, for audit and metrics.
    pub fn codes(self) -> impl Iterator<Item = &'static str> {
        Self::NAMED.into_iter().filter(move |(s, _)| self.contains(*s)).map(|(_, code)| code)
    }
}

/// A request head that everybody reads in the same way. It borrows nothing, so that it may live as long as the request.
#[derive(Clone, Debug)]
pub struct CleanRequest {
    pub(super) method: Method,
    pub(super) target: String,
    pub(super) path_len: usize,
    pub(super) encoded_slash: bool,
    pub(super) doubt: Option<Reason>,
    pub(super) host: Arc<str>,
    pub(super) remove: Vec<HeaderName>,
    pub(super) upgrade: Upgrade,
    pub(super) signals: Signals,
    pub(super) close: bool,
}

impl CleanRequest {
    /// The method: one that a route can allow.
    #[must_use]
    pub const fn method(&self) -> &Method {
        &self.method
    }

    /// The path to match; byte for byte the path to forward.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.target[..self.path_len]
    }

    /// The query to forward, without `?`, and without any token that was in it.
    #[must_use]
    pub fn query(&self) -> Option<&str> {
        self.target.get(self.path_len + 1..)
    }

    /// Puts another query in place of the one that came: what is forwarded from now on.
    pub fn replace_query(&mut self, query: Option<&str>) {
        self.target.truncate(self.path_len);
        if let Some(query) = query {
            self.target.push('?');
            self.target.push_str(query);
        }
    }

    /// Takes parameters out of what is forwarded.
    pub fn strip_query(&mut self, names: &[String]) {
        let Some(Cow::Owned(left)) = self.query().map(|query| query::stripped(query, names)) else { return };
        self.replace_query(Some(left.as_str()).filter(|left| !left.is_empty()));
    }

    /// The query as a log or an audit record may have it.
    #[must_use]
    pub fn logged_query(&self) -> Option<Cow<'_, str>> {
        self.query().map(query::redact)
    }

    /// The target to forward: path and query.
    #[must_use]
    pub fn origin_form(&self) -> &str {
        &self.target
    }

    /// The one of our hosts that was asked for.
    #[must_use]
    pub const fn host(&self) -> &Arc<str> {
        &self.host
    }

    /// Headers that must be removed before anything is forwarded: those that pretend to say who calls, from where, or what.
    /// Credentials and cookies are not among them: they are always removed ([`super::CREDENTIAL_HEADERS`]).
    #[must_use]
    pub fn remove(&self) -> &[HeaderName] {
        &self.remove
    }

    /// What the client offers to upgrade to.
    #[must_use]
    pub const fn upgrade(&self) -> Upgrade {
        self.upgrade
    }

    /// What was dealt with and should be reported.
    #[must_use]
    pub const fn signals(&self) -> Signals {
        self.signals
    }

    /// Whether the connection must not serve another request: HTTP/1.0, or a body behind an offer to change protocols.
    #[must_use]
    pub const fn close(&self) -> bool {
        self.close
    }

    /// Why nothing may be matched against the path, which is as it came: two servers may read it differently
    /// ([`super::as_it_came`]).
    #[must_use]
    pub const fn doubt(&self) -> Option<Reason> {
        self.doubt
    }

    /// Checks the path against what its route takes. Must be called with the route's answer before the request is forwarded,
    /// when [`super::SlashPolicy::PerRoute`] let such paths through.
    ///
    /// # Errors
    /// When the path has `%2F` and the route does not take it.
    pub fn admit_encoded_slash(&self, route_takes_it: bool) -> Result<(), Unclean> {
        if self.encoded_slash && !route_takes_it { Err(Unclean::from(Reason::EncodedSlash)) } else { Ok(()) }
    }
}

/// A refusal, complete but for the form of its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {}", reason.code(), reason.detail())]
pub struct Unclean {
    /// The rule that was broken.
    pub reason: Reason,
    /// The status of the answer.
    pub status: StatusCode,
    /// Whether the connection must be closed after the answer.
    pub close: bool,
}

impl From<Reason> for Unclean {
    fn from(reason: Reason) -> Self {
        Self { reason, status: reason.status(), close: reason.closes() }
    }
}
