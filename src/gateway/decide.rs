//! What a request head comes to: the stages in their order. The public listener, the authorizer and applications that embed the gate
//! all decide here.

use std::sync::Arc;

use http::header::{ACCESS_CONTROL_REQUEST_METHOD, ORIGIN};
use http::{HeaderValue, Method};

use super::authorize::{self, Asked, Permit, Refused};
use super::denial::{Counting, Denial};
use super::handshake;
use super::hygiene::{self, CleanRequest, Head, Inspected, Protocol, Unclean, Upgrade};
use super::overload::Overload;
use super::pages;
use super::prepared::Prepared;
use super::seen::Seen;
use super::shadow;
use super::status;
use crate::config::{Api, ApiKind, Config, Enforcement};
use crate::mcp;
use crate::node::Node;
use crate::record::McpCall;
use crate::telemetry::{Metrics, RouteMetrics};
use crate::token::{Claims, Presented, Principal, Rejected};
use crate::types::{Chain, RouteId};

/// What is known about a refused request.
#[derive(Default)]
pub struct About {
    /// Its path, when it has one that means the same to everybody.
    pub path: Option<String>,
    /// The API, when one was reached.
    pub api: Option<Arc<Api>>,
    /// The browser's origin, when it may read the answer.
    pub origin: Option<HeaderValue>,
    /// The route, when one matched.
    pub route: Option<RouteId>,
    /// Who called, when that was known.
    pub principal: Option<Arc<Principal>>,
    /// What a genuine token said that is worth nothing any more.
    pub claims: Option<Box<Claims>>,
    /// The id that a JSON-RPC answer repeats.
    pub rpc: Option<mcp::RequestId>,
    /// What the audit record says of an MCP message.
    pub call: Option<McpCall>,
    /// The tool, prompt or resource that it was about.
    pub target: Option<mcp::Target>,
}

impl About {
    /// What is known about a request that its head allowed.
    #[must_use]
    pub fn permitted(api: &Arc<Api>, request: &CleanRequest, permit: &Permit, origin: Option<HeaderValue>) -> Self {
        Self {
            path: Some(request.path().to_owned()),
            api: Some(Arc::clone(api)),
            origin,
            route: Some(permit.route().clone()),
            principal: permit.principal().cloned(),
            ..Self::default()
        }
    }
}

/// A refusal on its way to record and wire.
pub struct Refusal {
    /// Why.
    pub denial: Denial,
    /// What was known by then.
    pub about: About,
}

/// What a request head comes to.
pub enum Decided {
    /// It is refused.
    Refused(Box<Refusal>),
    /// `OPTIONS *`.
    Options,
    /// A browser asks whether a page may call.
    Preflight(Option<HeaderValue>),
    /// No API is mounted there: pages and the authorization server.
    Local(CleanRequest),
    /// Its head allows it.
    Admitted(Box<Admitted>),
}

/// A request that its head allows.
pub struct Admitted {
    /// The API.
    pub api: Arc<Api>,
    /// The request.
    pub request: CleanRequest,
    /// What allows it.
    pub permit: Permit,
    /// The browser's origin, when it may read the answer.
    pub origin: Option<HeaderValue>,
}

/// Everything that a request head decides.
pub async fn decide(node: &Node, overload: &Overload, prepared: &Prepared, head: &Head<'_>, seen: &Seen) -> Decided {
    let config = &*prepared.config;
    let (request, credential) = match hygiene::inspect(head, &prepared.hygiene) {
        Ok(Inspected::Request { request, credential }) => (request, credential),
        Ok(Inspected::OptionsAsterisk) => return Decided::Options,
        Err(unclean) => return doubtful(node, overload, prepared, head, unclean),
    };
    for signal in request.signals().codes() {
        node.metrics.signals.with_label_values(&[signal]).inc();
    }
    let grpc = status::is_grpc(head.headers);
    let Some((api, path)) = config.api_at(request.path()) else {
        if let Err(denial) = overload.admit(None, request.method(), request.path()) {
            return refused(denial, About { path: Some(request.path().to_owned()), ..About::default() });
        }
        return match request.admit_encoded_slash(false) {
            // A call can't read the page of a local endpoint.
            Ok(()) if pages::is_closed(request.path(), request.host(), config) => {
                refused(Denial::NoRoute, About { path: Some(request.path().to_owned()), ..About::default() })
            }
            Ok(()) if grpc && head.protocol == Protocol::Http2 => refused(Denial::NoRoute, About::default()),
            Ok(()) => Decided::Local(request),
            Err(unclean) => {
                let api = shadow::named(config, request.path());
                refused(Denial::Unclean(unclean), About { api, ..About::default() })
            }
        };
    };
    let from = config.listen.apart(seen.client);
    let asked = Asked { config, api, path, request: &request, credential, headers: head.headers, from, now: seen.at };
    if head.headers.contains_key(pages::SERVICE_WORKER) {
        return refused(Denial::ServiceWorker, reached(&asked, None));
    }
    if grpc && head.protocol != Protocol::Http2 {
        return refused(Denial::Http2Required, reached(&asked, None));
    }
    let origin = match origin(&asked) {
        Ok(origin) => origin,
        Err(denial) => match shadow::waive(&asked, shadow::bare(denial)) {
            Ok(permit) => return admitted(api, permit, None, request),
            Err(kept) => return refused(kept.denial, reached(&asked, None)),
        },
    };
    if *request.method() == Method::OPTIONS && head.headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
        // Without a gate the upstream answers pages of origins that we know nothing of.
        let theirs = origin.is_none().then(|| shadow::waive(&asked, shadow::bare(Denial::Origin)).ok()).flatten();
        return theirs.map_or(Decided::Preflight(origin), |permit| admitted(api, permit, None, request));
    }
    if let Err(denial) = overload.admit(Some(api), request.method(), request.path()) {
        return refused(denial, reached(&asked, origin));
    }
    match permitted(node, &asked, seen).await {
        Ok(permit) => {
            if let Some(principal) = permit.principal() {
                overload.admission.know(from, &principal.org.id);
            }
            admitted(api, permit, origin, request)
        }
        Err(kept) => {
            let Refused { denial, route, principal, claims } = *kept;
            refused(denial, About { route, principal, claims, ..reached(&asked, origin) })
        }
    }
}

/// What servers may read differently is refused, and on record under the API in shadow mode that it names; such an API lets its
/// upstream read what can only be for it.
fn doubtful(node: &Node, overload: &Overload, prepared: &Prepared, head: &Head<'_>, unclean: Unclean) -> Decided {
    let (config, denial) = (&*prepared.config, Denial::Unclean(unclean));
    if !config.apis.iter().any(|api| api.enforcement == Enforcement::Shadow) {
        return refused(denial, About::default());
    }
    let came = hygiene::as_it_came(head, &prepared.hygiene);
    let Some((request, api)) = came.and_then(|request| shadow::only(config, request.path()).map(|api| (request, api))) else {
        return refused(denial, About { api: shadow::named(config, head.target), ..About::default() });
    };
    for signal in request.signals().codes() {
        node.metrics.signals.with_label_values(&[signal]).inc();
    }
    let about = || About { path: Some(request.path().to_owned()), api: Some(Arc::clone(api)), ..About::default() };
    if head.headers.contains_key(pages::SERVICE_WORKER) {
        return refused(Denial::ServiceWorker, about());
    }
    if status::is_grpc(head.headers) && head.protocol != Protocol::Http2 {
        return refused(Denial::Http2Required, about());
    }
    if let Err(shed) = overload.admit(Some(api), request.method(), request.path()) {
        return refused(shed, about());
    }
    let permit = shadow::doubtful(api, &shadow::bare(denial));
    admitted(api, permit, None, request)
}

/// Who calls, whether it may, and whether it came as its route wants it.
async fn permitted(node: &Node, asked: &Asked<'_>, seen: &Seen) -> Result<Permit, Box<Refused>> {
    let authorized = authorize::authorize(node, asked).await;
    let mut permit = authorized.or_else(|refused| shadow::waive(asked, refused))?;
    let proved = certificate(&permit, seen.certificate.is_some());
    let proved = shadow::tolerate(&mut permit, proved).map(drop);
    let asks = proved.and_then(|()| {
        let asks = handshake::check(&permit, asked.request, asked.headers);
        shadow::tolerate(&mut permit, asks).map(drop)
    });
    match asks {
        Ok(()) => Ok(permit),
        Err(denial) => Err(Box::new(Refused {
            denial,
            route: Some(permit.route().clone()),
            principal: permit.principal().cloned(),
            claims: None,
        })),
    }
}

/// Whether a client certificate was shown where the route wants one.
pub(super) fn certificate(permit: &Permit, shown: bool) -> Result<(), Denial> {
    let missing = permit.rule().client_certificate && !shown;
    if missing { Err(Denial::Certificate) } else { Ok(()) }
}

/// What is known about a request that reached an API.
fn reached(asked: &Asked<'_>, origin: Option<HeaderValue>) -> About {
    About { path: Some(asked.request.path().to_owned()), api: Some(Arc::clone(asked.api)), origin, ..About::default() }
}

fn admitted(api: &Arc<Api>, permit: Permit, origin: Option<HeaderValue>, mut request: CleanRequest) -> Decided {
    // What passes as it came is bound to nobody.
    if permit.principal().is_some() {
        request.strip_query(&api.tenancy.stripped_query);
    }
    Decided::Admitted(Box::new(Admitted { api: Arc::clone(api), permit, origin, request }))
}

fn refused(denial: Denial, about: About) -> Decided {
    Decided::Refused(Box::new(Refusal { denial, about }))
}

/// The counters of a request that is forwarded.
#[must_use]
pub fn counted(metrics: &Metrics, permit: &Permit) -> Arc<RouteMetrics> {
    let api = &permit.api().name;
    let Some(waived) = permit.would_deny() else { return metrics.route(api, permit.route()) };
    let route = permit.matched().map_or("none", |r| r.as_str());
    if let Some(of) = waived.counting {
        metrics.rate_limited(api.as_str(), route, of.name());
    }
    metrics.waived(api.as_str(), route, waived.reason)
}

/// Asks again when something behind the permit has changed since it was given, or when nobody here can know that it has.
///
/// # Errors
/// When it holds no more.
pub async fn still_allowed(node: &Node, config: &Config, permit: &Permit) -> Result<(), Denial> {
    match permit.principal() {
        Some(_) if permit.is_enforced() && !node.view.is_fresh() => Err(Denial::Stale),
        Some(principal) if permit.is_enforced() && !node.verifier.is_current(principal, config, node.now()) => {
            match node.verifier.again(principal, config, node.now()).await {
                Ok(now) => permit.check_again(&now),
                Err(Rejected::Refused { refusal, .. }) => Err(match principal.presented {
                    Presented::ApiKey(_) => Denial::Key(refusal),
                    Presented::AccessToken => Denial::Token(refusal),
                }),
                Err(Rejected::Guessing { wait }) => Err(Denial::Rate { of: Counting::Guesses, wait }),
                Err(Rejected::Fault(error)) => {
                    tracing::error!(error = %Chain(&error), "a token can't be resolved");
                    Err(Denial::Store)
                }
            }
        }
        _ => Ok(()),
    }
}

/// The origin of a browser's page, when it may read our answers. MCP servers must refuse pages of other origins.
pub(super) fn origin(asked: &Asked<'_>) -> Result<Option<HeaderValue>, Denial> {
    let Some(origin) = asked.headers.get(ORIGIN) else { return Ok(None) };
    if allows_origin(asked.config, asked.api, origin) {
        Ok(Some(origin.clone()))
    } else if refuses_others(asked.api, asked.request.upgrade()) {
        Err(Denial::Origin)
    } else {
        Ok(None)
    }
}

/// Whether pages of an origin may read the answers of an API.
pub(super) fn allows_origin(config: &Config, api: &Api, origin: &HeaderValue) -> bool {
    origin.to_str().is_ok_and(|o| o == config.issuer.as_str() || api.allowed_origins.iter().any(|a| a == o))
}

/// Whether pages of other origins are refused. Nothing asks a page's server before a WebSocket is opened: it is refused here or
/// never.
pub(super) fn refuses_others(api: &Api, upgrade: Upgrade) -> bool {
    matches!(api.kind, ApiKind::Mcp(_)) || upgrade == Upgrade::WebSocket
}
