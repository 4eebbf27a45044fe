//! Shadow mode: an API decides as ever, and lets pass what it would refuse.
//!
//! The aim is to put the gate before a live system and to learn who would be cut off before anybody is. So a request of
//! somebody whom the gate does not know reaches the upstream as it would have without a gate, and nothing of ours is lent to
//! it: neither the upstream's credentials nor a tenant.
//!
//! A path that servers could read in several ways passes too, as it came, as long as each of those ways leads to the same API.
//! Refused even in shadow mode are a request that could mean two things in any other way, one that can't be put on record, one
//! whose body can't be read to its end, a script of a service worker, which would outlive its page at our origin, and a gRPC call
//! over HTTP/1. The report counts them as refused already.

use std::sync::Arc;

use http::header::{AUTHORIZATION, COOKIE, PROXY_AUTHORIZATION, SET_COOKIE};
use http::{HeaderMap, HeaderName, HeaderValue};

use super::authorize::{Asked, Permit, Refused};
use super::denial::{Counting, Denial};
use super::hygiene::CleanRequest;
use super::path;
use super::unfit::Unfit;
use crate::config::{Access, Api, Config, Enforcement, Route, RouteTimeouts, Target, Tell, Traffic};
use crate::record::{Actor, Caller};
use crate::routing::Lookup;
use crate::token::{Claims, looks_ours};
use crate::types::{Issuer, RouteId, ScopeBits, ScopeSet};

/// A refusal that was not enforced.
#[derive(Debug)]
pub struct Waived {
    /// Its reason code.
    pub reason: &'static str,
    /// The scopes that were missing, when that was the reason.
    pub missing: ScopeBits,
    /// What the rate counts that was used up, when that was the reason.
    pub counting: Option<Counting>,
    /// How the request is forwarded.
    pub passage: Passage,
    /// Whether a route matched.
    pub matched: bool,
    /// Who the record says called, when the permit names nobody.
    pub caller: Option<Caller>,
}

/// How a request that was let pass is forwarded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passage {
    /// Its caller is known, its route too, and it is bound to its organization: as if it had been allowed.
    Known,
    /// As it came: without a credential of ours in it, and with nothing of ours added that says who calls.
    AsItCame,
}

impl Waived {
    fn of(denial: &Denial, passage: Passage) -> Self {
        let missing = if let Denial::Scopes { missing, .. } = denial { *missing } else { ScopeBits::NONE };
        Self { reason: denial.code(), missing, counting: denial.counting(), passage, matched: true, caller: None }
    }

    /// As the record says it.
    #[must_use]
    pub fn recorded(&self, config: &Config) -> crate::record::WouldDeny {
        crate::record::WouldDeny { reason: self.reason.to_owned(), missing: config.catalogue.scopes(&self.missing) }
    }
}

/// Whether `api` lets pass what is refused for this.
#[must_use]
pub const fn waives(api: &Api, denial: &Denial) -> bool {
    let kept = matches!(
        denial,
        Denial::Unclean(_)
            | Denial::LengthRequired
            | Denial::BodyBroken
            | Denial::Journal
            | Denial::Upstream(_)
            | Denial::Panic
            | Denial::Unfit(Unfit::Proxy | Unfit::Question | Unfit::NoApi | Unfit::Headers | Unfit::Target)
    );
    matches!(api.enforcement, Enforcement::Shadow) && !kept
}

/// Whether a refusal that an API in shadow mode makes all the same is of the request, so that it will be made again: the report
/// names it.
#[must_use]
pub const fn reports(api: &Api, denial: &Denial) -> bool {
    let of_request = matches!(
        denial,
        Denial::Unclean(_)
            | Denial::LengthRequired
            | Denial::ServiceWorker
            | Denial::Http2Required
            | Denial::Unfit(Unfit::Question | Unfit::Headers | Unfit::Target)
    );
    matches!(api.enforcement, Enforcement::Shadow) && of_request
}

/// The API in shadow mode that a path is for which servers may read differently, where whatever they take it for is for that API
/// too.
#[must_use]
pub fn only<'c>(config: &'c Config, path: &str) -> Option<&'c Arc<Api>> {
    let (api, _) = config.api_at(path).filter(|(api, _)| api.enforcement == Enforcement::Shadow)?;
    let same = |read: &String| config.api_at(read).is_some_and(|(other, _)| Arc::ptr_eq(other, api));
    let alike = path::readings(path)?.iter().all(same);
    (alike && matches!(api.target, Target::Upstream(_))).then_some(api)
}

/// The API in shadow mode that a refused target names, for the record: nothing is forwarded by it.
#[must_use]
pub fn named(config: &Config, target: &str) -> Option<Arc<Api>> {
    let path = target.split(['?', '#']).next().unwrap_or_default();
    let path = path.split_once("://").map_or(path, |(_, rest)| rest.find('/').map_or("/", |at| &rest[at..]));
    let reached = |path: &str| {
        let (api, _) = config.api_at(path).filter(|(api, _)| api.enforcement == Enforcement::Shadow)?;
        Some(Arc::clone(api))
    };
    reached(path).or_else(|| path::readings(path)?.iter().find_map(|read| reached(read)))
}

/// The permit of a request whose path servers may read differently: see [`only`]. No route was matched, and nothing is lent to
/// it.
#[must_use]
pub fn doubtful(api: &Arc<Api>, refused: &Refused) -> Permit {
    let mut waived = Waived::of(&refused.denial, Passage::AsItCame);
    (waived.matched, waived.caller) = (false, caller(refused));
    Permit::waived(api, Arc::new(unmatched()), ScopeBits::NONE, None, waived)
}

/// Who the record says called.
fn caller(refused: &Refused) -> Option<Caller> {
    refused.claims.as_deref().map(said).or_else(|| refused.principal.as_ref().map(|p| p.caller().to_caller()))
}

/// The passage of a request that was refused for this by somebody who is known.
const fn passage(denial: &Denial) -> Passage {
    match denial {
        Denial::Scopes { .. }
        | Denial::Target(_)
        | Denial::Task
        | Denial::Tasks(_)
        | Denial::Message(_)
        | Denial::Mismatch(_)
        | Denial::Rate { .. }
        | Denial::Concurrency
        | Denial::BodyTooLarge
        | Denial::UpgradeRequired
        | Denial::Unfit(Unfit::Body) => Passage::Known,
        // Without a route nobody knows what is asked for, what can't be bound to its organization gets nothing of any, and a
        // token without its certificate may be in other hands.
        _ => Passage::AsItCame,
    }
}

/// Turns a refusal of the head into a permit, where its API is in shadow mode.
///
/// # Errors
/// The refusal, when it is enforced all the same.
pub fn waive(asked: &Asked<'_>, refused: Refused) -> Result<Permit, Box<Refused>> {
    if matches!(refused.denial, Denial::Unclean(_)) && only(asked.config, asked.request.path()).is_some() {
        return Ok(doubtful(asked.api, &refused));
    }
    if !waives(asked.api, &refused.denial) {
        return Err(Box::new(refused));
    }
    let route = match asked.api.routes.lookup(asked.path, asked.request.method()) {
        Lookup::Found { route, .. } => Some(route),
        Lookup::MethodNotAllowed { .. } | Lookup::NotFound => None,
    };
    if let Err(unclean) = asked.request.admit_encoded_slash(route.is_some_and(|r| r.encoded_slash)) {
        return match only(asked.config, asked.request.path()) {
            Some(api) => Ok(doubtful(api, &refused)),
            None => Err(Box::new(Refused { denial: Denial::Unclean(unclean), ..refused })),
        };
    }
    let caller = caller(&refused);
    let known = refused.principal.filter(|_| !matches!(refused.denial, Denial::Token(_) | Denial::Key(_) | Denial::Audience));
    let passage = if known.is_some() { passage(&refused.denial) } else { Passage::AsItCame };
    let mut waived = Waived::of(&refused.denial, passage);
    waived.matched = route.is_some();
    waived.caller = caller;
    let route = route.map_or_else(|| Arc::new(unmatched()), Arc::clone);
    let needed = match (&refused.denial, &route.access) {
        (Denial::Scopes { needed, .. }, _) => *needed,
        (_, Access::Scopes(rule)) => known.as_ref().map_or_else(|| rule.first(), |principal| principal.way(rule)),
        (_, Access::Public) => ScopeBits::NONE,
    };
    Ok(Permit::waived(asked.api, route, needed, known, waived))
}

/// A refusal of which nothing more is known.
#[must_use]
pub const fn bare(denial: Denial) -> Refused {
    Refused { denial, route: None, principal: None, claims: None }
}

/// Notes on a permit that a later stage refuses, where its API is in shadow mode. The first reason stays.
///
/// # Errors
/// The refusal, when it is enforced.
pub fn tolerate<T>(permit: &mut Permit, stage: Result<T, Denial>) -> Result<Option<T>, Denial> {
    match stage {
        Ok(done) => Ok(Some(done)),
        Err(denial) if waives(permit.api(), &denial) => {
            note(permit, &denial);
            Ok(None)
        }
        Err(denial) => Err(denial),
    }
}

/// Notes a refusal on a permit.
pub fn note(permit: &mut Permit, denial: &Denial) {
    permit.waive(Waived::of(denial, passage(denial)));
}

/// Who a token that is worth nothing any more says that called.
fn said(claims: &Claims) -> Caller {
    Caller {
        org: Some(claims.org.clone()),
        actor: Actor {
            user: Some(claims.sub.clone()),
            client: Some(claims.client_id.clone()),
            client_name: None,
            grant: Some(claims.grant.clone()),
            token: Some(claims.jti.clone()),
        },
        scopes_held: ScopeSet::default(),
        resource: claims.aud.first().cloned(),
    }
}

/// What stands for the route of a request that has none.
fn unmatched() -> Route {
    Route {
        id: RouteId::parse("unmatched").expect("a valid id"),
        access: Access::Public,
        keys: false,
        encoded_slash: false,
        org_captures: Vec::new(),
        namespace_captures: Vec::new(),
        index_captures: Vec::new(),
        index_body: None,
        body_without: Vec::new(),
        operation: None,
        enforce: None,
        blind_to: Vec::new(),
        rates: Vec::new(),
        max_concurrent: None,
        max_body: None,
        timeouts: RouteTimeouts::default(),
        traffic: Traffic::Requests,
        upgrade: None,
        client_certificate: false,
        errors: None,
        headers: Vec::new(),
    }
}

/// Headers that name a tenant, not a person. Before there was a gate their senders chose them, and the upstream believed them.
const TENANT_HEADERS: [&str; 11] = [
    "accountid",
    "projectid",
    "securitytenant",
    "thanos-tenant",
    "x-grafana-org-id",
    "x-org-id",
    "x-orgid",
    "x-scope-org-id",
    "x-scope-orgid",
    "x-tenant",
    "x-tenant-id",
];

/// Headers with a credential of the caller's own, which the upstream judges by itself.
const CREDENTIAL_HEADERS: [&str; 9] = [
    "es-client-authentication",
    "es-secondary-authorization",
    "x-access-token",
    "x-api-key",
    "x-auth-token",
    "x-client-authentication",
    "x-ds-authorization",
    "x-id-token",
    "x-refresh-token",
];

/// Takes out of a request that passes as it came what must not travel on: credentials of ours, and what would make the upstream
/// take the caller for somebody because we say so, or the request for another one.
pub fn strip(headers: &mut HeaderMap, api: &Api, request: &CleanRequest, issuer: &Issuer) {
    let told = match &api.tenancy.tell {
        Some(Tell::Header { name, .. }) => Some(name),
        _ => None,
    };
    let ours = |value: &HeaderValue| value.to_str().map_or(true, |text| looks_ours(text, issuer));
    let theirs = |name: &HeaderName| CREDENTIAL_HEADERS.contains(&name.as_str()) && !headers.get_all(name).iter().any(ours);
    let stays = |name: &HeaderName| TENANT_HEADERS.contains(&name.as_str()) || told == Some(name) || theirs(name);
    let gone: Vec<_> = request.remove().iter().chain(&api.identity_headers).filter(|name| !stays(name)).cloned().collect();
    for name in &gone {
        headers.remove(name);
    }
    headers.remove(PROXY_AUTHORIZATION);
    if headers.get(AUTHORIZATION).is_some_and(ours) {
        headers.remove(AUTHORIZATION);
    }
    let others: Vec<_> = headers.get_all(COOKIE).iter().filter_map(without_ours).collect();
    headers.remove(COOKIE);
    for value in others {
        headers.append(COOKIE, value);
    }
}

/// A `Cookie` field without our own; `None` when nothing is left.
fn without_ours(value: &HeaderValue) -> Option<HeaderValue> {
    let text = value.to_str().ok()?;
    let kept: Vec<_> = text.split(';').filter(|pair| !is_our_cookie(pair)).collect();
    if kept.len() == text.split(';').count() {
        return Some(value.clone());
    }
    HeaderValue::from_str(kept.join(";").trim()).ok().filter(|v| !v.is_empty())
}

/// Whether a cookie is one of this gateway's, with or without the prefix that binds it to the host.
fn is_our_cookie(pair: &str) -> bool {
    let name = pair.trim().split('=').next().unwrap_or_default().trim().to_ascii_lowercase();
    let name = name.strip_prefix("__host-").unwrap_or(&name);
    name.strip_prefix("tollgate").is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The cookies of an answer to a request that passed as it came: the upstream's own sign-in must go on working, and must not set
/// ours.
#[must_use]
pub fn admitted_cookies(headers: &HeaderMap) -> Vec<HeaderValue> {
    let theirs =
        |value: &&HeaderValue| value.to_str().is_ok_and(|text| !is_our_cookie(text.split(';').next().unwrap_or_default()));
    headers.get_all(SET_COOKIE).iter().filter(theirs).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_cookies_are_told_from_others() {
        for ours in ["tollgate=a", " tollgate-sign-in=b", "__Host-tollgate=c", "__HOST-Tollgate-sign-in=d", "tollgate"] {
            assert!(is_our_cookie(ours), "{ours}");
        }
        for theirs in ["grafana_session=a", "xtollgate=b", "tollgates=c", "__Host-other=d", ""] {
            assert!(!is_our_cookie(theirs), "{theirs}");
        }
        let left = |text: &'static str| without_ours(&HeaderValue::from_static(text));
        assert_eq!(left("a=1; tollgate=x; b=2"), Some(HeaderValue::from_static("a=1; b=2")));
        assert_eq!(left("a=1; b=2"), Some(HeaderValue::from_static("a=1; b=2")));
        assert_eq!(left("tollgate=x"), None);
    }
}
