//! One JSON-RPC message of a POST, read strictly (MCP 2026-07-28 and 2025-11-25, "Streamable HTTP", "Sending Messages").

use std::borrow::Cow;
use std::fmt;

use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

use super::scan::{At, Found, Slot, scan};

/// Deeper than this nobody may configure, so that the scan's recursion is bounded whatever the configuration says.
const MAX_DEPTH: usize = 64;
const MAX_ID_BYTES: usize = 256;
const MAX_METHOD_BYTES: usize = 128;
const MAX_NAME_BYTES: usize = 1024;
const MAX_URI_BYTES: usize = 8192;
const MAX_SUBSCRIPTIONS: usize = 1024;

/// How much of a body is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Longest body in bytes.
    pub bytes: usize,
    /// Deepest nesting of objects and arrays, the message itself included; more than 64 counts as 64.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 1 << 20, depth: 32 }
    }
}

/// The id of a request, exactly as the client wrote it: a JSON string or integer (MCP "Requests").
#[derive(Clone)]
pub struct RequestId(Box<RawValue>);

impl RequestId {
    /// The id as JSON text, quotes included.
    #[must_use]
    pub fn as_json(&self) -> &str {
        self.0.get()
    }

    fn read(raw: &RawValue) -> Option<Self> {
        let text = raw.get();
        let digits = text.strip_prefix('-').unwrap_or(text);
        let integer = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
        // Skipping a value does not look inside its escapes.
        let string = text.starts_with('"') && serde_json::from_str::<String>(text).is_ok();
        (text.len() <= MAX_ID_BYTES && (integer || string)).then(|| Self(raw.to_owned()))
    }
}

impl PartialEq for RequestId {
    fn eq(&self, other: &Self) -> bool {
        self.as_json() == other.as_json()
    }
}

impl Eq for RequestId {}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_json())
    }
}

impl Serialize for RequestId {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.serialize(s)
    }
}

/// What a call is aimed at: the thing that the policy names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// A tool by name.
    Tool(String),
    /// A prompt by name.
    Prompt(String),
    /// A resource by URI, or a template by URI template.
    Resource(String),
}

impl Target {
    /// A tool, if a message could carry the name: not empty, at most 1024 bytes, no control character.
    #[must_use]
    pub fn tool(name: &str) -> Option<Self> {
        plain(name, MAX_NAME_BYTES).then(|| Self::Tool(name.to_owned()))
    }

    /// A prompt, if a message could carry the name.
    #[must_use]
    pub fn prompt(name: &str) -> Option<Self> {
        plain(name, MAX_NAME_BYTES).then(|| Self::Prompt(name.to_owned()))
    }

    /// A resource, if a message could carry the URI: not empty, at most 8192 bytes, no control character.
    #[must_use]
    pub fn resource(uri: &str) -> Option<Self> {
        plain(uri, MAX_URI_BYTES).then(|| Self::Resource(uri.to_owned()))
    }

    /// The name or URI.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self {
            Self::Tool(name) | Self::Prompt(name) => name,
            Self::Resource(uri) => uri,
        }
    }

    /// `tool`, `prompt` or `resource`.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Tool(_) => "tool",
            Self::Prompt(_) => "prompt",
            Self::Resource(_) => "resource",
        }
    }
}

fn plain(text: &str, longest: usize) -> bool {
    !text.is_empty() && text.len() <= longest && !text.chars().any(char::is_control)
}

/// A method with what it is aimed at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The method, case as sent: visible ASCII.
    pub method: String,
    /// What the method names; always there for `tools/call`, `prompts/get`, `resources/read` and `completion/complete`. For
    /// `resources/{subscribe,unsubscribe}` see [`Self::lacks_target`].
    pub target: Option<Target>,
    /// Resources that a `subscriptions/listen` asks to hear about.
    pub subscriptions: Vec<Target>,
    /// What `Mcp-Name` must say: `params.name`, `params.uri`, or `params.taskId` for `tasks/*`.
    pub named: Option<String>,
    /// `params._meta["io.modelcontextprotocol/protocolVersion"]`.
    pub version: Option<String>,
    /// Whether it is about tasks: a method of theirs, or a subscription to some.
    pub tasks: bool,
    /// Whether it wants to become a task (`params.task`), which the modern era has no more: there servers ignore it.
    pub wants_task: bool,
}

impl Call {
    /// Whether it is about a resource and names none. Only the modern era, where the method is gone, has a use for it: its servers
    /// say so themselves.
    #[must_use]
    pub fn lacks_target(&self) -> bool {
        self.target.is_none() && GONE.contains(&self.method.as_str())
    }

    /// Everything that must be allowed for the call to be allowed.
    pub fn targets(&self) -> impl Iterator<Item = &Target> {
        self.target.iter().chain(&self.subscriptions)
    }
}

/// One message of a client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Wants an answer.
    Request {
        /// Repeated in the answer.
        id: RequestId,
        /// What is asked.
        call: Call,
    },
    /// Wants none. A server might still act on it, so it is checked like a request.
    Notification {
        /// What is told.
        call: Call,
    },
    /// The answer to a request that the server made (legacy era only).
    Response {
        /// Whose request it answers; an error may lack it.
        id: Option<RequestId>,
    },
}

impl Message {
    /// The call, unless this is an answer.
    #[must_use]
    pub const fn call(&self) -> Option<&Call> {
        match self {
            Self::Request { call, .. } | Self::Notification { call } => Some(call),
            Self::Response { .. } => None,
        }
    }

    /// The id that an answer to this message repeats.
    #[must_use]
    pub const fn reply_id(&self) -> Option<&RequestId> {
        if let Self::Request { id, .. } = self { Some(id) } else { None }
    }
}

/// Why a body was not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct BadMessage {
    /// What is wrong.
    pub reason: BadReason,
    /// The id, where the rest of the message could be trusted enough to repeat it.
    pub id: Option<RequestId>,
}

/// What is wrong with a body. The texts are shown to the client and repeat nothing that it sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BadReason {
    /// Longer than [`Limits::bytes`].
    #[error("the body is longer than {0} bytes")]
    Size(usize),
    /// Not UTF-8 (RFC 8259 §8.1).
    #[error("the body is not UTF-8")]
    Encoding,
    /// Not JSON, a number out of range, or text with a lone surrogate.
    #[error("the body is not JSON at line {line}, column {column}")]
    Json {
        /// Counted from 1.
        line: usize,
        /// Counted from 1; 0 right after a line end.
        column: usize,
    },
    /// Deeper than [`Limits::depth`].
    #[error("the body is nested too deeply")]
    Depth,
    /// The same member twice in one object, at any depth: readers differ on which one counts.
    #[error("an object has the same member twice")]
    Duplicate,
    /// A member that a reader which folds case, or stops at NUL, takes for another.
    #[error("a member is spelled almost like one that MCP defines")]
    Lookalike,
    /// An array: batches left the protocol with 2025-06-18, and would carry calls past the policy.
    #[error("batches are not accepted, send one message per request")]
    Batch,
    /// JSON, but not an object.
    #[error("the body is not a JSON object")]
    NotObject,
    /// `jsonrpc` is not `"2.0"`.
    #[error("jsonrpc must be \"2.0\"")]
    JsonRpc,
    /// The id is not a string or an integer of at most 256 characters.
    #[error("id must be a string or an integer")]
    Id,
    /// The method is not 1 to 128 visible ASCII characters, or is another method in a different case.
    #[error("method must be the exact name of a method")]
    Method,
    /// Neither a request nor an answer, or both.
    #[error("the message must be a request, a notification or a response")]
    Shape,
    /// `params` is not an object, or `_meta` breaks its schema.
    #[error("params must be an object, and _meta in it too")]
    Params,
    /// What the method names is missing or can't be a name.
    #[error("params must name what the method is about, with a text of sane length and without control characters")]
    Target,
}

/// Where a method carries its target.
#[derive(Clone, Copy)]
enum Carrier {
    Tool,
    Prompt,
    Resource,
    Completion,
    Task,
    Listen,
}

/// The methods that name something. A method not listed here needs no more than to reach the server.
const CARRIERS: [(&str, Carrier); 12] = [
    ("tools/call", Carrier::Tool),
    ("prompts/get", Carrier::Prompt),
    ("resources/read", Carrier::Resource),
    ("resources/subscribe", Carrier::Resource),
    ("resources/unsubscribe", Carrier::Resource),
    ("completion/complete", Carrier::Completion),
    ("subscriptions/listen", Carrier::Listen),
    ("tasks/get", Carrier::Task),
    ("tasks/update", Carrier::Task),
    ("tasks/cancel", Carrier::Task),
    ("tasks/result", Carrier::Task),
    ("tasks/list", Carrier::Task),
];

/// Methods that name nothing, whose answers are narrowed: a server that took another spelling for one of them would answer in full.
const EXACT: [&str; 6] =
    ["initialize", "server/discover", "tools/list", "prompts/list", "resources/list", "resources/templates/list"];

/// Methods that name a resource and are gone in the modern era (MCP 2026-07-28 "Key Changes").
const GONE: [&str; 2] = ["resources/subscribe", "resources/unsubscribe"];

/// What the names of methods about tasks begin with, those of a later revision included.
const TASKS: &str = "tasks/";

/// Reads one message.
///
/// # Errors
/// When the body is not exactly one JSON-RPC message that every reader understands alike; see [`BadReason`].
pub fn parse(body: &[u8], limits: &Limits) -> Result<Message, BadMessage> {
    let found = read(body, limits).map_err(|reason| BadMessage { reason, id: None })?;
    let id = found.id.map(|raw| RequestId::read(raw).ok_or(BadReason::Id));
    let id = id.transpose().map_err(|reason| BadMessage { reason, id: None })?;
    classify(&found, id.clone()).map_err(|reason| BadMessage { reason, id })
}

fn read<'a>(body: &'a [u8], limits: &Limits) -> Result<Found<'a>, BadReason> {
    if body.len() > limits.bytes {
        return Err(BadReason::Size(limits.bytes));
    }
    let text = std::str::from_utf8(body).map_err(|_| BadReason::Encoding)?;
    if text.trim_start_matches([' ', '\t', '\r', '\n']).starts_with('[') {
        return Err(BadReason::Batch);
    }
    let found = scan(text, limits.depth.min(MAX_DEPTH))?;
    if found[At::Root] == Slot::Object { Ok(found) } else { Err(BadReason::NotObject) }
}

fn classify(found: &Found<'_>, id: Option<RequestId>) -> Result<Message, BadReason> {
    if !matches!(&found[At::Jsonrpc], Slot::Text(v) if v == "2.0") {
        return Err(BadReason::JsonRpc);
    }
    let result = found[At::Result] != Slot::Absent;
    let error = found[At::Error] != Slot::Absent;
    match &found[At::Method] {
        Slot::Text(method) if !result && !error => {
            let call = call(found, method)?;
            Ok(match id {
                Some(id) => Message::Request { id, call },
                None => Message::Notification { call },
            })
        }
        Slot::Absent if (result && !error && id.is_some()) || (error && !result) => Ok(Message::Response { id }),
        Slot::Text(_) | Slot::Absent => Err(BadReason::Shape),
        _ => Err(BadReason::Method),
    }
}

fn call(found: &Found<'_>, method: &str) -> Result<Call, BadReason> {
    if method.is_empty() || method.len() > MAX_METHOD_BYTES || !method.bytes().all(|b| b.is_ascii_graphic()) {
        return Err(BadReason::Method);
    }
    let carrier = CARRIERS.iter().find(|(name, _)| name.eq_ignore_ascii_case(method));
    let is_twin = |name: &str| name != method && name.eq_ignore_ascii_case(method);
    if carrier.is_some_and(|(name, _)| *name != method) || EXACT.into_iter().any(is_twin) {
        return Err(BadReason::Method);
    }
    let carrier = carrier.map(|(_, carrier)| *carrier);
    if carrier.is_some() && found.lookalike {
        return Err(BadReason::Lookalike);
    }
    if !matches!(found[At::Params], Slot::Absent | Slot::Null | Slot::Object) {
        return Err(BadReason::Params);
    }
    let version = match (&found[At::Meta], &found[At::Version]) {
        (Slot::Absent | Slot::Null | Slot::Object, Slot::Absent) => None,
        (Slot::Object, Slot::Text(version)) => Some(version.to_string()),
        _ => return Err(BadReason::Params),
    };
    let unnamed = GONE.contains(&method) && found[At::Uri] == Slot::Absent;
    let target = carrier.filter(|_| !unnamed).map_or(Ok(None), |carrier| target(found, carrier))?;
    let subscriptions = subscriptions(found, carrier)?;
    let named = named(found, carrier, target.as_ref());
    Ok(Call {
        method: method.to_owned(),
        named,
        target,
        subscriptions,
        version,
        tasks: tasks(found, method),
        wants_task: said(found, At::Task),
    })
}

fn tasks(found: &Found<'_>, method: &str) -> bool {
    let is_theirs = method.get(..TASKS.len()).is_some_and(|start| start.eq_ignore_ascii_case(TASKS));
    is_theirs || said(found, At::TaskIds)
}

fn said(found: &Found<'_>, at: At) -> bool {
    !matches!(found[at], Slot::Absent | Slot::Null)
}

fn target(found: &Found<'_>, carrier: Carrier) -> Result<Option<Target>, BadReason> {
    let text = |at| match &found[at] {
        Slot::Text(text) => Ok(text.as_ref()),
        _ => Err(BadReason::Target),
    };
    let target = match carrier {
        Carrier::Tool => Target::tool(text(At::Name)?),
        Carrier::Prompt => Target::prompt(text(At::Name)?),
        Carrier::Resource => Target::resource(text(At::Uri)?),
        Carrier::Completion => match text(At::RefType)? {
            "ref/prompt" => Target::prompt(text(At::RefName)?),
            "ref/resource" => Target::resource(text(At::RefUri)?),
            _ => None,
        },
        Carrier::Task | Carrier::Listen => return Ok(None),
    };
    target.map(Some).ok_or(BadReason::Target)
}

fn subscriptions(found: &Found<'_>, carrier: Option<Carrier>) -> Result<Vec<Target>, BadReason> {
    if !matches!(carrier, Some(Carrier::Listen)) {
        return Ok(Vec::new());
    }
    // A list stands as `Other`; anything else there is not the schema's, and neither is an element that is not text.
    let list = matches!(found[At::Uris], Slot::Absent | Slot::Other);
    let uris = found.uris.as_deref().filter(|uris| list && uris.len() <= MAX_SUBSCRIPTIONS).ok_or(BadReason::Target)?;
    uris.iter().map(|uri| Target::resource(uri).ok_or(BadReason::Target)).collect()
}

/// What the `Mcp-Name` header mirrors (MCP 2026-07-28 "Standard Request Headers", SEP-2663 for tasks).
fn named(found: &Found<'_>, carrier: Option<Carrier>, target: Option<&Target>) -> Option<String> {
    let text = |at| if let Slot::Text(text) = &found[at] { Some(Cow::into_owned(text.clone())) } else { None };
    match (carrier, target) {
        (Some(Carrier::Task), _) => text(At::TaskId),
        (Some(Carrier::Tool | Carrier::Prompt | Carrier::Resource), Some(target)) => Some(target.as_str().to_owned()),
        _ => text(At::Name).or_else(|| text(At::Uri)),
    }
}
