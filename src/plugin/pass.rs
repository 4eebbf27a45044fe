//! Proof that a request was allowed and is on record, and what its upstream must be told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use http::header::{AUTHORIZATION, CONNECTION, COOKIE, HOST, SET_COOKIE, UPGRADE};
use http::{HeaderMap, HeaderName, HeaderValue};
use pingora::http::{RequestHeader, ResponseHeader};
use pingora::upstreams::peer::HttpPeer;
use pingora::{Error, ErrorType, OkOrErr as _, OrErr as _, Result};

use super::body::Passing;
use super::lists::Lists;
use crate::audit::OpenCall;
use crate::config::{Endpoint, Target};
use crate::gateway::authorize::Permit;
use crate::gateway::handshake;
use crate::gateway::hygiene::{CREDENTIAL_HEADERS, CleanRequest};
use crate::gateway::identity::Identity;
use crate::gateway::location::{self, Way};
use crate::gateway::mcp_session::{self, LAST_EVENT_ID, McpSession, SESSION_ID};
use crate::gateway::message::Inspected;
use crate::gateway::outbound::{self, Facts};
use crate::gateway::overload::Room;
use crate::gateway::pages;
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::Running;
use crate::gateway::respond;
use crate::gateway::seen::Seen;
use crate::gateway::shadow;
use crate::gateway::streams::{CutSwitch, Registered};
use crate::gateway::upstream::Spans;
use crate::node::Node;
use crate::record::{BrokenBy, Decision, Measured, Outcome, WouldDeny};
use crate::telemetry::RouteMetrics;
use crate::types::{RequestId, ScopeSet};

/// Proof that a request was allowed and is on record. Whoever holds it forwards the request and says how it ended.
#[must_use = "a pass that is dropped is recorded as broken by a fault"]
pub struct Pass {
    pub(super) prepared: Arc<Prepared>,
    pub(super) node: Arc<Node>,
    pub(super) seen: Seen,
    pub(super) permit: Arc<Permit>,
    pub(super) request: CleanRequest,
    pub(super) spans: Option<Spans>,
    pub(super) passing: Passing,
    pub(super) message: Option<Inspected>,
    pub(super) lists: Lists,
    pub(super) identity: Identity,
    pub(super) origin: Option<HeaderValue>,
    pub(super) metrics: Arc<RouteMetrics>,
    pub(super) started: Instant,
    pub(super) decided: Duration,
    pub(super) call: Option<OpenCall>,
    pub(super) cut: Arc<CutSwitch>,
    pub(super) _place: Room,
    pub(super) _running: Option<Running>,
    pub(super) _registered: Registered,
}

/// What the upstream of a request must be told by whoever forwards it.
#[derive(Debug)]
pub struct Told {
    /// Headers to set, in place of any that are there.
    pub set: HeaderMap,
    /// Headers to remove: credentials of the client, and what only the gate may say.
    pub remove: Vec<HeaderName>,
    /// Path and query to forward.
    pub target: String,
}

impl Pass {
    /// What allows the request: API, route, who calls.
    #[doc(hidden)]
    #[must_use]
    pub fn permit(&self) -> &Permit {
        &self.permit
    }

    /// What the request is called on answers, in records and towards the upstream.
    #[must_use]
    pub const fn request_id(&self) -> &RequestId {
        &self.seen.request
    }

    /// Gives the exchange the time that upstream and route allow it (`upstream_peer`): to connect, to the first byte and between two
    /// reads, to write. What is sent begins anew with every peer.
    pub fn limit(pass: Option<&mut Self>, peer: &mut HttpPeer) {
        let Some(pass) = pass else { return };
        pass.passing.restart();
        let Some(spans) = pass.spans else { return };
        let left = spans.total.map(|total| total.saturating_sub(pass.started.elapsed()));
        let options = &mut peer.options;
        options.connection_timeout = Some(spans.connect);
        options.total_connection_timeout = Some(spans.connect);
        options.read_timeout = Some(left.map_or(spans.read, |left| left.min(spans.read)));
        options.write_timeout = Some(spans.write);
    }

    /// Makes the head that the upstream may see of the client's, with the path and the credentials that the configuration has
    /// for this upstream (`upstream_request_filter`).
    ///
    /// # Errors
    /// When a value can't be written as a header; the request must not be forwarded then.
    pub fn prepare(&self, head: &mut RequestHeader) -> Result<()> {
        outbound::prepare(head, &self.permit, &self.request, &self.facts()?)?;
        for (name, value) in self.identity()? {
            head.insert_header(name, value)?;
        }
        if handshake::is_idle(&self.permit, &self.request) {
            head.remove_header(&UPGRADE);
            head.remove_header(&CONNECTION);
        }
        Ok(())
    }

    /// Makes the head that the client may see of the upstream's (`response_filter`): the request id, no cookies of the upstream's,
    /// which pages may read it, nothing that speaks for the origin, pages in a sandbox, and the MCP session that was opened in the form
    /// that only its caller can use. `Location`, `Content-Location`, `Refresh` and `Link` lead through the mount. Where the answer has
    /// lists of an MCP server, [`Self::piece`] filters them.
    ///
    /// # Errors
    /// When a value can't be written as a header, or a list is in a form that can't be filtered: the answer must not be passed on.
    pub fn answer(&mut self, head: &mut ResponseHeader) -> Result<()> {
        head.insert_header(respond::REQUEST_ID, self.seen.request.as_str())?;
        let cookies = if self.permit.is_as_it_came() { shadow::admitted_cookies(&head.headers) } else { Vec::new() };
        respond::disclose(head, &self.permit, self.origin.as_ref())?;
        if let Some(endpoint) = self.endpoint() {
            let (permit, request, identity) = (&self.permit, &self.request, &self.identity);
            let way = Way { config: &self.prepared.config, permit, request, endpoint, identity };
            location::lead_back(head, &way)?;
        }
        for cookie in cookies {
            head.append_header(SET_COOKIE, cookie)?;
        }
        pages::fence(head, pages::is_apart(self.permit.api(), self.request.host(), &self.prepared.config))?;
        self.install(head)?;
        let Some(message) = &self.message else { return Ok(()) };
        let bound = mcp_session::bind(&head.headers, message.era, &self.node.keys, &self.permit);
        head.remove_header(&SESSION_ID);
        bound.map_or(Ok(()), |id| head.insert_header(SESSION_ID, id))
    }

    /// What the upstream must be told, for somebody else who forwards a request with these `headers`. `credentials` says whether
    /// the upstream's own are among it.
    ///
    /// # Errors
    /// As [`Self::prepare`].
    #[doc(hidden)]
    pub fn told(&self, headers: &HeaderMap, credentials: bool) -> Result<Told> {
        let mut head = RequestHeader::build(self.request.method().clone(), b"/", None)?;
        self.prepare(&mut head)?;
        let target = String::from_utf8_lossy(head.raw_path()).into_owned();
        let mut set = http::request::Parts::from(head).headers;
        set.remove(HOST);
        if let (false, Target::Upstream(upstream)) = (credentials, &self.permit.api().target) {
            for header in &upstream.inject {
                set.remove(&header.name);
            }
            if let Some(exchange) = &self.permit.api().exchange {
                set.remove(&exchange.header);
            }
        }
        let mut remove = if self.permit.is_as_it_came() {
            self.stripped(headers, &mut set)
        } else {
            let named = self.request.remove().iter().chain(&self.permit.api().identity_headers).cloned();
            CREDENTIAL_HEADERS.into_iter().chain(named).chain(self.sessionless()).collect()
        };
        remove.extend([UPGRADE].into_iter().filter(|_| handshake::is_idle(&self.permit, &self.request)));
        remove.retain(|name| !set.contains_key(name));
        remove.sort_unstable_by(|a, b| a.as_str().cmp(b.as_str()));
        remove.dedup();
        Ok(Told { set, remove, target })
    }

    /// What must go of a request that passes as it came. What may stay of its credentials is said as well, for proxies that
    /// forward only what they are told.
    fn stripped(&self, headers: &HeaderMap, set: &mut HeaderMap) -> Vec<HeaderName> {
        let mut left = headers.clone();
        shadow::strip(&mut left, self.permit.api(), &self.request, &self.prepared.config.issuer);
        let cookies: Vec<_> = left.get_all(COOKIE).iter().map(HeaderValue::as_bytes).collect();
        let cookie = HeaderValue::from_bytes(&cookies.join(&b"; "[..])).ok().filter(|_| !cookies.is_empty());
        let kept = |name: HeaderName| left.get(&name).cloned().map(|value| (name, value));
        let tenants = self.request.remove().iter().cloned().filter_map(kept);
        set.extend(tenants.chain(kept(AUTHORIZATION)).chain(cookie.map(|value| (COOKIE, value))));
        headers.keys().filter(|name| !left.contains_key(*name)).cloned().collect()
    }

    /// What resumes a session, where the request belongs to none.
    fn sessionless(&self) -> impl Iterator<Item = HeaderName> + use<> {
        let none = self.message.as_ref().is_some_and(|m| m.session == McpSession::None);
        [SESSION_ID, LAST_EVENT_ID].into_iter().filter(move |_| none)
    }

    /// Whether it may go on.
    pub(super) fn check(&self) -> Result<()> {
        let late = self.spans.and_then(|spans| spans.total).is_some_and(|total| self.started.elapsed() > total);
        match () {
            () if self.cut.is_cut() => {
                Err(Error::explain(ErrorType::HTTPStatus(401), "what allowed the request was revoked").into_down())
            }
            () if late => Err(Error::explain(ErrorType::HTTPStatus(504), "the exchange takes too long").into_up()),
            () => Ok(()),
        }
    }

    /// Closes the record: `bytes` of an answer with `status` were written, whole when `broken` is `None`.
    #[doc(hidden)]
    pub fn close(mut self, status: u16, bytes: u64, broken: Option<BrokenBy>) {
        let broken = if self.cut.is_cut() { Some(BrokenBy::Revocation) } else { broken };
        let micros = u64::try_from(self.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let measured = Measured { status, bytes, micros, call: None };
        self.finish(
            status,
            match broken {
                None => Outcome::Completed(measured),
                Some(by) => Outcome::Broken { by, measured },
            },
        );
    }

    /// Closes the record of a request that somebody else forwards: how it ends is not known here.
    #[doc(hidden)]
    pub fn hand_over(mut self) {
        self.finish(0, Outcome::Unknown);
    }

    fn finish(&mut self, status: u16, outcome: Outcome) {
        if let Some(call) = self.call.take() {
            let missing = ScopeSet::default();
            match (self.passing.found.map(str::to_owned), outcome) {
                (None, outcome) => call.close(outcome),
                // The refusal was the answer.
                (Some(reason), Outcome::Completed(measured) | Outcome::Broken { measured, .. }) if self.permit.is_enforced() => {
                    call.close_as(Decision::Denied { reason, missing }, Outcome::Completed(measured));
                }
                (Some(reason), outcome) => call.close_noting(WouldDeny { reason, missing }, outcome),
            }
            self.metrics.ended(status, self.decided, None);
        }
    }

    /// Where the request goes, as far as is known here: the application's peers are its own.
    fn endpoint(&self) -> Option<&Endpoint> {
        match &self.permit.api().target {
            Target::Upstream(upstream) => upstream.endpoints.first(),
            Target::OwnMcp | Target::OwnApi => None,
        }
    }

    fn facts(&self) -> Result<Facts<'_>> {
        Ok(Facts {
            endpoint: self.endpoint().or_err(ErrorType::InternalError, "the API has no upstream")?,
            request_id: self.seen.request.as_str(),
            trace: &self.seen.trace,
            session: self.message.as_ref().map(|m| &m.session),
            name: None,
            identity: &self.identity,
            client: self.seen.client.map(|c| c.ip()),
            scheme: if self.prepared.config.issuer.is_https() { "https" } else { "http" },
            issuer: &self.prepared.config.issuer,
        })
    }

    /// Who calls, in headers of our own. What passes as it came is told nothing of ours.
    fn identity(&self) -> Result<Vec<(HeaderName, HeaderValue)>> {
        if self.permit.is_as_it_came() {
            return Ok(Vec::new());
        }
        let name = HeaderName::from_static;
        let mut all = vec![
            (name("x-tollgate-api"), self.permit.api().name.to_string()),
            (name("x-tollgate-route"), self.permit.route().to_string()),
        ];
        if let Some(principal) = self.permit.principal() {
            let scopes = self.prepared.config.catalogue.scopes(&principal.effective.now);
            all.extend([
                (name("x-tollgate-user"), principal.claims.sub.to_string()),
                (name("x-tollgate-organization"), principal.org.slug.to_string()),
                (name("x-tollgate-client"), principal.claims.client_id.to_string()),
                (name("x-tollgate-grant"), principal.claims.grant.to_string()),
                (name("x-tollgate-scopes"), scopes.to_string()),
            ]);
        }
        let value = |text: &str| HeaderValue::from_str(text).or_err(ErrorType::InternalError, "an id is no header value");
        all.into_iter().map(|(name, text)| Ok((name, value(&text)?))).collect()
    }
}
