//! The request target: brought into origin form, before anything is matched against it (RFC 9112 §3.2).

use super::{Head, HygienePolicy, Peer, Reason, SlashPolicy, query};
use crate::gateway::path::{self, CanonicalPath};

/// A target, split.
pub(super) struct Parts<'h> {
    /// The authority of the absolute form.
    pub authority: Option<&'h str>,
    /// Path as it came, `/` where an absolute form had none.
    path: &'h str,
    query: Option<&'h str>,
}

/// The target that will be matched and forwarded.
pub(super) struct Target {
    /// Path and query.
    pub text: String,
    /// Where the path ends.
    pub path_len: usize,
    pub encoded_slash: bool,
    /// Whether a token was left out of the query.
    pub token_removed: bool,
    /// Why the path is not one that everybody reads alike.
    pub doubt: Option<Reason>,
}

/// Splits `target`; checks nothing but its form.
pub(super) fn split<'h>(target: &'h str, head: &Head<'_>) -> Result<Parts<'h>, Reason> {
    if target.starts_with('/') {
        return Ok(parts(None, target));
    }
    let Some((scheme, rest)) = target.split_once("://") else { return Err(form(target)) };
    check_scheme(scheme, head)?;
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    Ok(parts(Some(authority), tail))
}

/// What to say of a target that is neither path nor URL.
fn form(target: &str) -> Reason {
    let visible = target.bytes().all(|b| b.is_ascii_graphic());
    if visible { Reason::TargetForm } else { Reason::TargetCharacter }
}

/// The scheme must be the one that this listener speaks; behind a trusted peer it is the one that peer spoke.
pub(super) fn check_scheme(scheme: &str, head: &Head<'_>) -> Result<(), Reason> {
    let tls = if scheme.eq_ignore_ascii_case("https") {
        true
    } else if scheme.eq_ignore_ascii_case("http") {
        false
    } else {
        return Err(Reason::SchemeUnsupported);
    };
    if tls == head.tls || head.peer == Peer::Trusted { Ok(()) } else { Err(Reason::SchemeMismatch) }
}

fn parts<'h>(authority: Option<&'h str>, tail: &'h str) -> Parts<'h> {
    let (path, query) = match tail.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (tail, None),
    };
    let path = if path.is_empty() && authority.is_some() { "/" } else { path };
    Parts { authority, path, query }
}

impl Parts<'_> {
    /// The canonical origin form, in one allocation.
    pub fn canonical(&self, policy: &HygienePolicy) -> Result<Target, Reason> {
        let path: CanonicalPath<'_> = path::canonicalize(self.path)?;
        if path.has_encoded_slash() && policy.encoded_slash == SlashPolicy::Refuse {
            return Err(Reason::EncodedSlash);
        }
        self.behind(path.as_str(), path.has_encoded_slash(), None)
    }

    /// The origin form with the path as it came, where nothing else is wrong with that than that servers may decode `%2F`, merge
    /// slashes or cut parameters off.
    pub fn as_it_came(&self, policy: &HygienePolicy) -> Result<Target, Reason> {
        let Err(reason) = self.canonical(policy) else { return Err(Reason::TargetForm) };
        if path::readings(self.path).is_none() {
            return Err(reason);
        }
        let encoded_slash = self.path.contains("%2F") || self.path.contains("%2f");
        self.behind(self.path, encoded_slash, Some(reason))
    }

    /// A path with the query behind it.
    fn behind(&self, path: &str, encoded_slash: bool, doubt: Option<Reason>) -> Result<Target, Reason> {
        let query_len = self.query.map_or(0, |q| q.len() + 1);
        let mut text = String::with_capacity(path.len() + query_len);
        text.push_str(path);
        let mut token_removed = false;
        if let Some(q) = self.query {
            query::check(q)?;
            token_removed = query::append_without_token(&mut text, q);
        }
        Ok(Target { text, path_len: path.len(), encoded_slash, token_removed, doubt })
    }
}
