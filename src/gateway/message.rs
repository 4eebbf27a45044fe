//! The stage that only MCP APIs have: the body decides which tool is called, and headers must not say otherwise.

use http::{HeaderMap, Method};

use super::authorize::Permit;
use super::denial::Denial;
use super::identity;
use super::mcp_session::{self, McpSession};
use super::mcp_task;
use super::shadow;
use crate::config::Target;
use crate::mcp::{self, Era, ListKind, Listening, Lists, Need, ServerPolicy};
use crate::record::McpCall;
use crate::token::KeyRing;
use crate::types::Template;

/// What an MCP request turned out to be.
#[derive(Debug)]
pub struct Inspected {
    /// The era that the client speaks.
    pub era: Era,
    /// The session that it belongs to.
    pub session: McpSession,
    /// Whether answers to it must be filtered.
    pub filtered: bool,
    /// What it is told by us, when it opens a stream of notifications.
    pub listening: Option<Listening>,
    /// Whether another body goes to the server than came.
    pub rewritten: bool,
    /// What it says of tasks, where they are open.
    pub tasks: Option<mcp_task::Asked>,
    /// What the audit record says.
    pub call: Option<McpCall>,
    /// The id that an answer repeats.
    pub id: Option<mcp::RequestId>,
    /// The tool, prompt or resource that it is about.
    pub target: Option<mcp::Target>,
}

/// A refusal with the id that its answer repeats.
#[derive(Debug)]
pub struct Refused {
    /// Why.
    pub denial: Denial,
    /// The id.
    pub id: Option<mcp::RequestId>,
    /// What the audit record says.
    pub call: Option<McpCall>,
    /// The tool, prompt or resource that it was about.
    pub target: Option<mcp::Target>,
}

impl From<Denial> for Refused {
    fn from(denial: Denial) -> Self {
        Self { denial, id: None, call: None, target: None }
    }
}

impl Refused {
    /// What was refused after its message had been read.
    #[must_use]
    pub fn after(denial: Denial, inspected: Option<&Inspected>) -> Self {
        let Some(Inspected { id, call, target, .. }) = inspected else { return denial.into() };
        Self { denial, id: id.clone(), call: call.clone(), target: target.clone() }
    }
}

/// As [`inspect`], but an API in shadow mode lets pass what it would refuse, and what its lists have.
///
/// # Errors
/// The refusal, when it is enforced.
pub fn judge(
    policy: &ServerPolicy,
    headers: &HeaderMap,
    method: &Method,
    body: &[u8],
    limits: &mcp::Limits,
    keys: &KeyRing,
    permit: &mut Permit,
) -> Result<Inspected, Refused> {
    match inspect(policy, headers, method, body, limits, keys, permit) {
        Ok(inspected) if permit.is_enforced() => Ok(inspected),
        Ok(inspected) => Ok(Inspected { filtered: false, listening: None, tasks: None, ..inspected }),
        Err(refused) if shadow::waives(permit.api(), &refused.denial) => {
            // Ids of tasks are bare as long as nothing is enforced, and sealed from the next call on.
            if !matches!(refused.denial, Denial::Task) {
                shadow::note(permit, &refused.denial);
            }
            let Refused { id, call, target, .. } = refused;
            let session = mcp_session::named(headers, Era::Legacy, keys, permit).unwrap_or(McpSession::AsSent);
            Ok(Inspected {
                era: Era::Legacy,
                session,
                filtered: false,
                listening: None,
                rewritten: false,
                tasks: None,
                call,
                id,
                target,
            })
        }
        Err(refused) => Err(refused),
    }
}

/// Reads the message and widens the permit by what it needs.
///
/// # Errors
/// The refusal.
pub fn inspect(
    policy: &ServerPolicy,
    headers: &HeaderMap,
    method: &Method,
    body: &[u8],
    limits: &mcp::Limits,
    keys: &KeyRing,
    permit: &mut Permit,
) -> Result<Inspected, Refused> {
    let said = mcp::Headers::read(headers).map_err(|m| {
        // A client can tell which of its requests was refused even where only its headers were read.
        let message = mcp::parse(body, limits).ok();
        let id = message.as_ref().and_then(|message| message.reply_id().cloned());
        Refused { id, ..Denial::Mismatch(Box::new(m.about(message.as_ref()))).into() }
    })?;
    let era = said.era();
    // Our own server has no sessions.
    let is_upstream = matches!(permit.api().target, Target::Upstream(_));
    let session = if is_upstream { mcp_session::named(headers, era, keys, permit) } else { Ok(McpSession::None) };
    let has_tasks = is_upstream && policy.tasks && permit.principal().is_some();
    if *method != Method::POST {
        // A stream that a legacy client opens may replay answers to earlier list requests.
        let opens = *method == Method::GET;
        let listening = Listening::stream(policy).filter(|_| opens && is_upstream && era == Era::Legacy);
        let tasks = (opens && has_tasks).then(mcp_task::Asked::stream);
        return Ok(Inspected {
            era,
            session: session?,
            filtered: opens,
            listening,
            rewritten: false,
            tasks,
            call: None,
            id: None,
            target: None,
        });
    }
    let message = mcp::parse(body, limits).map_err(|bad| Denial::Message(Box::new(bad)))?;
    let id = message.reply_id().cloned();
    let call = message.call();
    let version = said.version_present.then(|| said.version.as_str().to_owned());
    let seen =
        call.map(|c| McpCall { method: c.method.clone(), target: c.target.as_ref().map(|t| t.as_str().to_owned()), version });
    let refuse =
        |denial, target: Option<&mcp::Target>| Refused { denial, id: id.clone(), call: seen.clone(), target: target.cloned() };
    mcp::agree(&said, &message).map_err(|m| refuse(Denial::Mismatch(Box::new(m)), None))?;
    let session = session.map_err(|d| refuse(d, None))?;
    if era == Era::Legacy && call.is_some_and(mcp::Call::lacks_target) {
        let bad = mcp::BadMessage { reason: mcp::BadReason::Target, id: id.clone() };
        return Err(refuse(Denial::Message(Box::new(bad)), None));
    }
    if call.is_some_and(|call| call.tasks || (call.wants_task && era == Era::Legacy)) && !(has_tasks && call.is_none_or(is_open))
    {
        return Err(refuse(Denial::Tasks(era), call.and_then(|call| call.target.as_ref())));
    }
    let tasks = has_tasks.then(|| mcp_task::opened(call, body, keys, permit)).transpose().map_err(|d| refuse(d, None))?;
    for target in call.into_iter().flat_map(mcp::Call::targets) {
        match policy.needed(target) {
            Need::Denied => return Err(refuse(Denial::Target(target.clone()), Some(target))),
            Need::Scopes(scopes) => permit.widen(&scopes).map_err(|d| refuse(d, Some(target)))?,
        }
    }
    if let Some(call) = call {
        arguments(policy, call, body, permit).map_err(|d| refuse(d, call.target.as_ref()))?;
    }
    let method = call.map_or("", |c| c.method.as_str());
    let lists = ListKind::of_method(method).is_some();
    // What a server says of itself gets what we offer in its place.
    let offers = || !Lists::of(policy).is_empty() || !policy.tasks;
    let introduces = is_upstream && matches!(method, "initialize" | "server/discover") && offers();
    let tells_of_tasks = tasks.is_some() && (method == "tools/call" || call.is_some_and(|c| c.tasks || c.wants_task));
    let listening = id.as_ref().filter(|_| is_upstream && method == "subscriptions/listen");
    let listening = listening.and_then(|id| Listening::subscription(policy, id, body));
    let target = call.and_then(|c| c.target.clone());
    let filtered = lists || introduces || listening.is_some() || tells_of_tasks;
    Ok(Inspected { era, session, filtered, listening, rewritten: false, tasks, call: seen, id, target })
}

/// Whether a call that is about tasks may be made where they are open.
fn is_open(call: &mcp::Call) -> bool {
    !call.method.to_ascii_lowercase().starts_with("tasks/") || mcp::is_open_task_method(&call.method)
}

/// Whether the arguments of a call are what the policy wants them to be.
fn arguments(policy: &ServerPolicy, call: &mcp::Call, body: &[u8], permit: &Permit) -> Result<(), Denial> {
    let Some(target) = &call.target else { return Ok(()) };
    let mut conditions = policy.conditions(target).peekable();
    if conditions.peek().is_none() {
        return Ok(());
    }
    // Other methods name a tool or prompt without its arguments, and may tell what these could be.
    let calls = matches!(call.method.as_str(), "tools/call" | "prompts/get");
    let given = if calls { mcp::arguments(body).unwrap_or_default() } else { serde_json::Map::new() };
    let Some(principal) = permit.principal() else { return Err(Denial::Target(target.clone())) };
    let fill = |template: &Template| identity::of_caller(template, permit.api(), principal);
    match conditions.find(|condition| !condition.holds(&given, &fill)) {
        None => Ok(()),
        Some(broken) => Err(Denial::Argument { target: target.clone(), argument: broken.to_string() }),
    }
}
