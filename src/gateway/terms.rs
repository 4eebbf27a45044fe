//! Whether a request that is under way may go on under another configuration than the one that let it through.
//!
//! Its scopes are compared where its caller is read again ([`Permit::holds_under`]); here its method and path are looked up in
//! the new routes, as if it came again.

use std::mem::discriminant;
use std::sync::Arc;

use http::{HeaderValue, Method};

use super::authorize::{Permit, names_own};
use super::decide::{allows_origin, refuses_others};
use super::hygiene::{CleanRequest, Upgrade};
use super::index;
use crate::config::{Access, Api, ApiKind, Config, Enforcement, Route};
use crate::mcp::{Need, Target};
use crate::routing::{Captures, Lookup};
use crate::token::{Presented, Principal};

/// A client certificate that a request came with.
pub trait Certified: std::fmt::Debug + Send + Sync {
    /// Whether an authority of the moment stands for it.
    fn is_believed(&self) -> bool;

    /// Whether nobody may come without one.
    fn is_required(&self) -> bool;
}

/// The client certificate of a request.
#[derive(Clone, Debug)]
pub enum Certificate {
    /// None that counts.
    Missing,
    /// One that whoever forwards tells of.
    Told,
    /// One that was shown here.
    Shown(Arc<dyn Certified>),
}

impl Certificate {
    fn is_believed(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Told => true,
            Self::Shown(shown) => shown.is_believed(),
        }
    }
}

/// How a request came, as far as routes depend on it.
#[derive(Clone, Debug)]
pub struct Came {
    method: Method,
    path: Box<str>,
    encoded_slash: bool,
    upgrade: Upgrade,
    origin: Option<HeaderValue>,
    certificate: Certificate,
    target: Option<Target>,
}

impl Came {
    /// What is kept of a request; `origin` is that of a browser's page, when it may read the answer, and `target` the tool, prompt
    /// or resource that it is about.
    #[must_use]
    pub fn of(request: &CleanRequest, origin: Option<HeaderValue>, certificate: Certificate, target: Option<Target>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.path().into(),
            encoded_slash: request.admit_encoded_slash(false).is_err(),
            upgrade: request.upgrade(),
            origin,
            certificate,
            target,
        }
    }
}

/// What holds for a request that is under way.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// The configuration that says so.
    pub generation: u64,
    /// Whether it ends when its permission does.
    pub bound: bool,
    /// Whether it needs the certificate that it came with.
    sealed: bool,
}

impl Terms {
    /// Those of a request that was allowed under `config`.
    #[must_use]
    pub fn at_first(config: &Config, permit: &Permit) -> Self {
        let sealed = permit.rule().client_certificate;
        Self { generation: config.generation, bound: permit.is_enforced(), sealed }
    }

    /// Those of the same request under `now`; `None` when it would be refused. `principal` is who calls now, where somebody has
    /// to be known.
    #[must_use]
    pub fn under(now: &Config, permit: &Permit, came: &Came, principal: Option<&Principal>) -> Option<Self> {
        let (api, path) = now.api_at(&came.path)?;
        let before = permit.api();
        if api.name != before.name {
            return None;
        }
        let terms = Self::at_first(now, permit);
        if api.enforcement == Enforcement::Shadow {
            return Some(terms);
        }
        // What was let pass would be refused now, and what binds a request to its organization is in what was forwarded already.
        if permit.would_deny().is_some() || api.tenancy != before.tenancy {
            return None;
        }
        // What an MCP server is asked was read before it went on; what an HTTP API is asked was not.
        if discriminant(&api.kind) != discriminant(&before.kind) || !hears(now, api, came) {
            return None;
        }
        let Lookup::Found { route, captures } = api.routes.lookup(path, &came.method) else { return None };
        let fits = (route.encoded_slash || !came.encoded_slash)
            && (!route.client_certificate || came.certificate.is_believed())
            && route.enforce == permit.rule().enforce
            && route.upgrade == permit.rule().upgrade
            && admits(now, api, route, &captures, came, principal);
        fits.then_some(Self { bound: true, sealed: route.client_certificate, ..terms })
    }

    /// Whether the request ends when its permission does, also where `now` is the first to say so.
    #[must_use]
    pub fn binds(self, now: &Config, came: &Came) -> bool {
        self.bound || now.api_at(&came.path).is_some_and(|(api, _)| api.enforcement == Enforcement::On)
    }

    /// Whether nobody stands any more for a certificate that the request needs.
    #[must_use]
    pub fn lack_certificate(self, came: &Came) -> bool {
        let Certificate::Shown(shown) = &came.certificate else { return false };
        ((self.bound && self.sealed) || shown.is_required()) && !shown.is_believed()
    }
}

/// Whether an API takes what comes from the page that a request came from.
fn hears(now: &Config, api: &Api, came: &Came) -> bool {
    came.origin.as_ref().is_none_or(|origin| allows_origin(now, api, origin) || !refuses_others(api, came.upgrade))
}

/// Whether a route lets a caller in.
fn admits(
    now: &Config,
    api: &Api,
    route: &Route,
    captures: &Captures<'_, '_>,
    came: &Came,
    principal: Option<&Principal>,
) -> bool {
    let Access::Scopes(rule) = &route.access else { return true };
    let Some(principal) = principal else { return false };
    principal.is_for(&api.resource, &api.aliases, now.issuer.as_str())
        && (route.keys || principal.presented == Presented::AccessToken)
        && rule.admits(&principal.effective.now)
        && names_own(api, route, captures, &principal.org)
        && index::bind(api, route, captures, &principal.org).is_ok()
        && reaches(api, came, principal)
}

/// Whether a caller may use what an MCP message is about.
fn reaches(api: &Api, came: &Came, principal: &Principal) -> bool {
    let (ApiKind::Mcp(policy), Some(target)) = (&api.kind, &came.target) else { return true };
    match policy.needed(target) {
        Need::Scopes(needed) => principal.effective.now.covers(&needed),
        Need::Denied => false,
    }
}
