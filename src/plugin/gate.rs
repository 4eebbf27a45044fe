//! One decision, from a question to a pass or a refusal on record.

use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Version};

use super::body::Passing;
use super::lists::{self, Lists};
use super::pass::Pass;
use crate::audit::Journal;
use crate::config::{ApiKind, Target, Tell, Traffic};
use crate::gateway::authorize::Permit;
use crate::gateway::decide::{self, About, Admitted, Decided, Refusal};
use crate::gateway::denial::Denial;
use crate::gateway::forms;
use crate::gateway::handshake;
use crate::gateway::holds;
use crate::gateway::hygiene::{CleanRequest, Head, Protocol, Reason, Signals};
use crate::gateway::index;
use crate::gateway::mcp_session::{LAST_EVENT_ID, McpSession, SESSION_ID};
use crate::gateway::message::{self, Inspected};
use crate::gateway::narrow;
use crate::gateway::overload::{Overload, Room, Urgency};
use crate::gateway::prepared::Prepared;
use crate::gateway::rates::{Answered, Asking, Rates};
use crate::gateway::record::{self, Basis, Known};
use crate::gateway::respond::{self, Answer, Scene};
use crate::gateway::seen::Seen;
use crate::gateway::shadow;
use crate::gateway::sizes;
use crate::gateway::status::{self, Form};
use crate::gateway::strangers::Strangers;
use crate::gateway::streams::{CutSwitch, OpenStream, OpenStreams};
use crate::gateway::terms::{Came, Certificate};
use crate::gateway::unfit::Unfit;
use crate::gateway::upstream::{Coming, Spans};
use crate::indices::Check;
use crate::labels;
use crate::mcp;
use crate::node::Node;
use crate::record::{Forwarder, McpCall, Measured};
use crate::types::{Chain, Memory};

/// Everything that a decision needs. Clones share it.
#[derive(Clone)]
pub struct Gate {
    /// The process.
    #[doc(hidden)]
    pub node: Arc<Node>,
    /// The journal.
    #[doc(hidden)]
    pub journal: Journal,
    /// Requests under way.
    #[doc(hidden)]
    pub streams: Arc<OpenStreams>,
    /// How often callers may call.
    #[doc(hidden)]
    pub rates: Arc<Rates>,
    /// How much there is to do.
    #[doc(hidden)]
    pub overload: Arc<Overload>,
    /// How many refusals of strangers are put on record.
    #[doc(hidden)]
    pub strangers: Arc<Strangers>,
    /// The configuration of the moment, prepared.
    #[doc(hidden)]
    pub prepared: Arc<ArcSwap<Prepared>>,
    /// What becomes of bodies that an application passes on.
    #[doc(hidden)]
    pub bodies: Bodies,
}

/// What becomes of bodies that an application passes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bodies {
    /// Nobody looks at them: those that need it are refused.
    Unseen,
    /// Every piece comes by [`Pass::body`] before it goes on.
    Watched,
}

/// A request that somebody asks about.
pub struct Question<'a> {
    /// Its head.
    pub head: Head<'a>,
    /// What it is called and who sent it.
    pub seen: &'a Seen,
    /// What of its body is at hand.
    pub body: Body<'a>,
    /// How long its body is, where that is known.
    pub length: Option<u64>,
    /// The proxy that asks; `None` for the application that this is part of.
    pub forwarder: Option<Forwarder>,
    /// What whoever forwards can be told.
    pub able: Able,
}

/// What of a body is at hand.
#[derive(Clone, Copy, Debug)]
pub enum Body<'a> {
    /// Nothing: it may have one.
    Unsent,
    /// All of it.
    Whole(&'a [u8]),
    /// Its beginning.
    Cut,
    /// Nothing: there was no memory for it.
    Unread,
}

/// What whoever forwards can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Able {
    /// To remove headers.
    pub strip: bool,
    /// To replace path and query.
    pub retarget: bool,
    /// To let nothing of a body go on before it was looked at.
    pub watch: bool,
}

/// A refusal, on record.
pub struct Refused {
    /// The stable reason code.
    pub reason: &'static str,
    /// What the gate itself would answer.
    pub answer: Answer,
}

impl Gate {
    /// For an application that calls [`Pass::body`] for every piece of a body.
    #[must_use]
    pub fn watching_bodies(self) -> Self {
        Self { bodies: Bodies::Watched, ..self }
    }

    /// Decides about a request, under `prepared`. What is allowed is on record when this returns, and so is what is refused.
    ///
    /// # Errors
    /// The refusal.
    #[doc(hidden)]
    pub async fn ask(&self, prepared: &Arc<Prepared>, question: &Question<'_>) -> Result<Pass, Refused> {
        let started = Instant::now();
        match self.decide(prepared, question, started).await {
            Ok(pass) => Ok(pass),
            Err(refusal) => Err(self.refuse(prepared, question, *refusal, started)),
        }
    }

    async fn decide(&self, prepared: &Arc<Prepared>, q: &Question<'_>, started: Instant) -> Result<Pass, Box<Refusal>> {
        let bare = |denial, path| Box::new(Refusal { denial, about: About { path, ..About::default() } });
        let place = self
            .overload
            .enter(prepared.config.listen.apart(q.seen.client), Urgency::Usual)
            .await
            .map_err(|shed| bare(shed.into(), None))?;
        let admitted = match decide::decide(&self.node, &self.overload, prepared, &q.head, q.seen).await {
            Decided::Admitted(admitted) => *admitted,
            Decided::Refused(refusal) => return Err(refusal),
            Decided::Local(request) => return Err(bare(Denial::Unfit(Unfit::NoApi), Some(request.path().to_owned()))),
            Decided::Options => return Err(bare(Denial::Unfit(Unfit::NoApi), None)),
            Decided::Preflight(_) => return Err(bare(Denial::Unfit(Unfit::Preflight), None)),
        };
        let Admitted { api, request, mut permit, origin } = admitted;
        let memory = holds::of(&permit, &self.node, &prepared.config, q.seen.client);
        let fitting = fits(q, &request, &mut permit, &memory).map_err(message::Refused::from);
        let looked = fitting.and_then(|indices| {
            let inspected = self.inspect(prepared, q, &mut permit)?;
            // What a message needs may be narrowed as well.
            unlabelled(&mut permit).map_err(|denial| message::Refused::after(denial, inspected.as_ref()))?;
            Ok((indices, inspected))
        });
        let (indices, inspected) = looked.map_err(|message::Refused { denial, id, call, target }| {
            let about = About { rpc: id, call, target, ..About::permitted(&api, &request, &permit, origin.clone()) };
            Box::new(Refusal { denial, about })
        })?;
        let known = inspected.as_ref().map(|m| (m.id.clone(), m.call.clone()));
        let about = About::permitted(&api, &request, &permit, origin.clone());
        let allowed = Allowed { request, permit, origin, inspected, indices, place, memory, started };
        let opened = self.open(prepared, q, allowed).await;
        opened.map_err(|denial| {
            let (rpc, call) = known.unwrap_or_default();
            Box::new(Refusal { denial, about: About { rpc, call, ..about } })
        })
    }

    /// Reads the message of an MCP request and widens the permit by what it needs.
    fn inspect(&self, prepared: &Prepared, q: &Question<'_>, permit: &mut Permit) -> Result<Option<Inspected>, message::Refused> {
        let ApiKind::Mcp(policy) = &permit.api().kind else { return Ok(None) };
        // Enforcement never reads the message of somebody whom it does not know.
        if permit.is_as_it_came() {
            return Ok(None);
        }
        let policy = lists::without_tasks(policy);
        let body = match q.body {
            _ if *q.head.method != Method::POST => Ok(&[][..]),
            Body::Whole(body) => Ok(body),
            Body::Unsent => Err(Denial::Unfit(Unfit::Body)),
            Body::Cut => Err(Denial::BodyTooLarge),
            Body::Unread => Err(Denial::Overloaded),
        };
        let Some(body) = shadow::tolerate(permit, body)? else { return Ok(None) };
        let most = prepared.config.listen.limits.max_mcp_body;
        let limits = mcp::Limits { bytes: sizes::longest_message(most, permit), ..mcp::Limits::default() };
        let inspected = message::judge(&policy, q.head.headers, q.head.method, body, &limits, &self.node.keys, permit)?;
        let resumes = [SESSION_ID, LAST_EVENT_ID].iter().any(|name| q.head.headers.contains_key(name));
        if resumes && inspected.session == McpSession::None && !q.able.strip {
            return Err(Denial::Unfit(Unfit::Headers).into());
        }
        Ok(Some(inspected))
    }

    /// Counts a permitted request, puts it on record and on the list of those that a revocation ends.
    async fn open(&self, prepared: &Arc<Prepared>, q: &Question<'_>, allowed: Allowed) -> Result<Pass, Denial> {
        let Allowed { request, mut permit, origin, inspected, indices, place, memory, started } = allowed;
        let (config, address) = (&prepared.config, q.seen.client.map(|c| c.ip()));
        let target = inspected.as_ref().and_then(|m| m.target.as_ref());
        let in_time = self.rates.admit(&permit, &Asking { address, target, now: q.seen.at });
        shadow::tolerate(&mut permit, in_time)?;
        let running = self.rates.enter(&permit);
        let running = shadow::tolerate(&mut permit, running)?.flatten();
        let told = prepared.identities.tell(&self.node, config, &permit, &q.seen.request).await;
        let identity = shadow::tolerate(&mut permit, told)?.unwrap_or_default();
        let (permit, cut) = (Arc::new(permit), Arc::new(CutSwitch::default()));
        let certificate = if q.seen.certificate.is_some() { Certificate::Told } else { Certificate::Missing };
        let came = Came::of(&request, origin.clone(), certificate, target.cloned());
        let stream = OpenStream::new(Arc::clone(&permit), Arc::clone(config), false, Arc::clone(&cut), came);
        let registered = self.streams.register(stream);
        // A change between the decision and the registration was told to nobody.
        decide::still_allowed(&self.node, config, &permit).await?;
        let needed = prepared.scopes(permit.needed());
        let basis = self.basis(prepared, q, request.path(), inspected.as_ref().and_then(|m| m.call.as_ref()));
        let would_deny = permit.would_deny().map(|w| w.recorded(config));
        let opening = record::opening(&basis, &permit, &needed, would_deny.as_ref());
        let call = self.journal.open_call(&opening).await.map_err(|error| {
            tracing::error!(error = %Chain(&error), "the journal refused a record");
            Denial::Journal
        })?;
        Ok(Pass {
            spans: spans(&permit, q.head.headers, inspected.is_some()),
            passing: Passing::looking(indices),
            prepared: Arc::clone(prepared),
            node: Arc::clone(&self.node),
            seen: q.seen.clone(),
            metrics: decide::counted(&self.node.metrics, &permit),
            permit,
            request,
            lists: Lists::of(memory, q.head.protocol),
            message: inspected,
            identity,
            origin,
            started,
            decided: started.elapsed(),
            call: Some(call),
            cut,
            _place: place,
            _running: running,
            _registered: registered,
        })
    }

    /// Puts a refusal on record and makes its answer.
    pub(super) fn refuse(&self, prepared: &Prepared, q: &Question<'_>, refusal: Refusal, started: Instant) -> Refused {
        let Refusal { denial, about } = refusal;
        let Answered { denial, recorded } = self.rates.refused(denial, &about, q.seen.at);
        let status = denial.status().as_u16();
        let api = about.api.as_ref().map_or("gateway", |a| a.name.as_str());
        let route = about.route.as_ref().map_or("none", |r| r.as_str());
        denial.count(&self.node.metrics, api, route);
        tracing::debug!(request = %q.seen.request, api, route, reason = denial.code(), status, "refused");
        let kept = recorded.unwrap_or_else(|| self.strangers.admit(q.seen.at));
        let recorded = !kept || self.record(prepared, q, &denial, &about, started);
        let denial = if recorded { denial } else { Denial::Journal };
        let scene = Scene {
            config: &prepared.config,
            api: about.api.as_deref(),
            request: &q.seen.request,
            principal: about.principal.as_deref(),
            rpc: about.rpc.as_ref(),
            target: about.target.as_ref(),
            origin: about.origin.as_ref(),
            form: form(q, &about),
        };
        Refused { reason: denial.code(), answer: respond::answer(&denial, &scene) }
    }

    /// Refuses a question before any decision.
    #[doc(hidden)]
    #[must_use]
    pub fn turn_away(&self, prepared: &Prepared, question: &Question<'_>, denial: Denial) -> Refused {
        let refusal = Refusal { denial, about: About::default() };
        self.refuse(prepared, question, refusal, Instant::now())
    }

    fn record(&self, prepared: &Prepared, q: &Question<'_>, denial: &Denial, about: &About, started: Instant) -> bool {
        // What is no clean path is recorded without the query that may hold a token.
        let path = about.path.as_deref().unwrap_or_else(|| q.head.target.split(['?', '#']).next().unwrap_or_default());
        let known = Known {
            api: about.api.as_deref(),
            route: about.route.clone(),
            principal: about.principal.as_deref(),
            claims: about.claims.as_deref(),
        };
        let micros = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX);
        let measured = Measured { status: denial.status().as_u16(), bytes: 0, micros, call: None };
        let record = record::denied(self.basis(prepared, q, path, about.call.as_ref()), denial, known, measured);
        let written = self.journal.refused(&record);
        written
            .map_err(|error| {
                tracing::error!(error = %Chain(&error), "the journal refused a record");
            })
            .is_ok()
    }

    fn basis<'b>(&'b self, prepared: &'b Prepared, q: &'b Question<'_>, path: &'b str, mcp: Option<&'b McpCall>) -> Basis<'b> {
        let asked = (q.head.method.as_str(), path);
        Basis { mcp, forwarder: q.forwarder.as_ref(), ..Basis::of(&prepared.config, &self.node.id, q.seen, asked) }
    }
}

/// A request that head and message allow.
struct Allowed {
    request: CleanRequest,
    permit: Permit,
    origin: Option<HeaderValue>,
    inspected: Option<Inspected>,
    indices: Option<Check>,
    place: Room,
    memory: Arc<Memory>,
    started: Instant,
}

/// How long the exchange may take. Only the route makes long pauses a matter of course: a client could say on any that it waits for
/// events.
fn spans(permit: &Permit, headers: &HeaderMap, is_message: bool) -> Option<Spans> {
    let Target::Upstream(upstream) = &permit.api().target else { return None };
    let rule = permit.rule();
    let pauses = is_message || rule.upgrade.is_some() || (rule.traffic == Traffic::Calls && status::is_grpc(headers));
    let coming = if pauses { Coming::Events } else { Coming::Whole };
    Some(Spans::of(&upstream.timeouts, &rule.timeouts, coming))
}

/// Whether whoever forwards can do what this request needs on its way, and what has to look at its body there.
fn fits(q: &Question<'_>, request: &CleanRequest, permit: &mut Permit, memory: &Arc<Memory>) -> Result<Option<Check>, Denial> {
    let unfit = |unfit| Err(Denial::Unfit(unfit));
    if !matches!(permit.api().target, Target::Upstream(_)) {
        return unfit(Unfit::NoApi);
    }
    if q.forwarder.is_some()
        && let Some(reason) = doubt(request, permit)
    {
        return Err(Denial::Unclean(reason.into()));
    }
    let looks = indices(q, permit, memory)?;
    tenants(q, permit)?;
    // A proxy may hand on an offer to change protocols that the gate itself would not take.
    let offers = q.forwarder.is_some() && handshake::is_idle(permit, request);
    let only_ours = [Signals::SPOOFED_IDENTITY, Signals::METHOD_OVERRIDE, Signals::NOMINATED_IDENTITY];
    if !q.able.strip && (offers || only_ours.into_iter().any(|s| request.signals().contains(s))) {
        return unfit(Unfit::Headers);
    }
    let moved = matches!(permit.api().tenancy.tell, Some(Tell::PathPrefix { .. })) && permit.principal().is_some();
    if !q.able.retarget && (moved || request.origin_form() != q.head.target) {
        return unfit(Unfit::Target);
    }
    let length = if let Body::Whole(body) = q.body { u64::try_from(body.len()).ok() } else { q.length };
    // What has no length is counted as it passes, or not at all.
    let uncounted = q.forwarder.is_none() && !q.able.watch && length.is_none();
    if uncounted && permit.is_enforced() && permit.rule().max_body.is_some() {
        return Err(Denial::LengthRequired);
    }
    let taken = sizes::of_route(permit, length);
    shadow::tolerate(permit, taken).map(|_| looks)
}

/// Why servers may read the path of a request differently that shadow mode lets pass: which upstream a proxy then takes nobody
/// here knows.
fn doubt(request: &CleanRequest, permit: &Permit) -> Option<Reason> {
    request.doubt().or_else(|| request.admit_encoded_slash(permit.rule().encoded_slash).err().map(|unclean| unclean.reason))
}

/// Whether nothing has to be narrowed by labels, which only the gate itself can do.
fn unlabelled(permit: &mut Permit) -> Result<(), Denial> {
    if permit.is_as_it_came() {
        return Ok(());
    }
    let labels = narrow::labels(permit);
    if shadow::tolerate(permit, labels)?.flatten().is_some() {
        shadow::tolerate(permit, Err::<(), _>(Denial::Unfit(Unfit::Label)))?;
    }
    Ok(())
}

/// Whether the body names no index of somebody else, where its route says that it may name some; gives what will see to it where
/// the body is still to come.
fn indices(q: &Question<'_>, permit: &mut Permit, memory: &Arc<Memory>) -> Result<Option<Check>, Denial> {
    let empty = matches!(q.body, Body::Whole([]));
    let unread = matches!(q.body, Body::Unsent) && !q.able.watch;
    let check = match index::check(permit, q.head.headers, !empty, memory) {
        // Of what is not sent here nobody knows whether it is there at all, whatever its head says.
        Err(Denial::Selector(labels::Refused::NotJson)) if unread => Err(Denial::Unfit(Unfit::Body)),
        check => check,
    };
    let Some(mut check) = shadow::tolerate(permit, check)?.flatten() else { return Ok(None) };
    // Whoever forwards sends on what came, and nobody knows what their upstream makes of it.
    let compressed = || Err(Denial::Selector(labels::Refused::NotJson));
    let seen = match q.body {
        _ if check.inflates() => compressed(),
        Body::Whole(body) => {
            let read = check.pass(Some(Bytes::copy_from_slice(body)), true);
            read.map(drop).map_err(|why| index::refused(why, check.prefix()))
        }
        Body::Unsent if q.able.watch => return Ok(Some(check)),
        Body::Unsent => Err(Denial::Unfit(Unfit::Body)),
        Body::Cut => Err(Denial::BodyTooLarge),
        Body::Unread => Err(Denial::Overloaded),
    };
    shadow::tolerate(permit, seen).map(|_| None)
}

/// Whether the body is no form that names a tenant.
fn tenants(q: &Question<'_>, permit: &mut Permit) -> Result<(), Denial> {
    if permit.is_as_it_came() {
        return Ok(());
    }
    let decides = forms::decides(permit, q.head.headers);
    if shadow::tolerate(permit, decides)? != Some(true) {
        return Ok(());
    }
    let seen = match q.body {
        Body::Whole(body) => forms::check(permit, body),
        Body::Unsent => Err(Denial::Unfit(Unfit::Body)),
        Body::Cut => Err(Denial::BodyTooLarge),
        Body::Unread => Err(Denial::Overloaded),
    };
    shadow::tolerate(permit, seen).map(drop)
}

/// What whoever asks can read. A proxy says the status of a call itself, and hands on text only.
fn form(q: &Question<'_>, about: &About) -> Form {
    let version = match q.head.protocol {
        Protocol::Http2 => Version::HTTP_2,
        Protocol::Http11 | Protocol::Http10 => Version::HTTP_11,
    };
    let reached = about.api.as_deref().zip(about.path.as_deref());
    let route = reached.and_then(|(api, path)| api.route_of(api.below(path), q.head.method));
    match Form::of(version, q.head.headers, route) {
        Form::Grpc | Form::Protobuf if q.forwarder.is_some() => Form::Problem,
        form => form,
    }
}
