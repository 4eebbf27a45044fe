//! The ids of tasks in messages, both ways: a client carries them sealed, its server knows them bare.
//!
//! Legacy servers (2025-11-25) speak of a task in `result.task`, `result.tasks`, `result.taskId`, `params.taskId` of
//! `notifications/tasks/status` and `_meta` of whatever belongs to one. Modern ones have a flat result of `resultType` `task`,
//! `notifications/tasks` and `taskIds` of a subscription. Ids of tasks that a *client* keeps, for requests of its server, pass.

use std::fmt::Debug;

use super::filter::FilterError;
use super::rewrite::{Edits, Members, items};

/// The capability of the legacy era.
const CAPABILITY: &str = "tasks";
/// The extension of the modern era.
const EXTENSION: &str = "io.modelcontextprotocol/tasks";
/// Where a message in `_meta` names the task that it belongs to.
const RELATED: &str = "io.modelcontextprotocol/related-task";
/// The methods that are open; what a later revision adds stays closed until somebody has read it.
const OPEN: [&str; 5] = ["tasks/get", "tasks/result", "tasks/update", "tasks/cancel", "tasks/list"];

/// What is known of one caller's tasks.
pub trait Owned: Debug + Send + Sync {
    /// Whether the task with this bare id is the caller's.
    fn is_own(&self, id: &str) -> bool;
    /// The call became this task.
    fn made(&self, id: &str);
    /// Whether the answers that are read may be those that make tasks.
    fn makes(&self) -> bool;
    /// The id as the caller may carry it.
    fn sealed(&self, id: &str) -> Option<String>;
}

/// What a client's message says of tasks.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Bared {
    /// The message with bare ids, where it has any.
    pub body: Option<String>,
    /// The bare ids.
    pub named: Vec<String>,
}

/// Nothing that the caller knows of has this id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoTask;

/// Whether requests with this method are open to callers at all.
#[must_use]
pub fn is_open(method: &str) -> bool {
    OPEN.contains(&method)
}

/// Puts bare ids into a client's message, which was parsed before.
///
/// # Errors
/// When a request is about a task that is not the caller's.
pub fn bare(body: &str, opened: &dyn Fn(&str) -> Option<String>) -> Result<Bared, NoTask> {
    let mut edits = Edits::of(body);
    let mut named = Vec::new();
    let message = Members::read(body).map_err(|_| NoTask)?;
    let method = message.of("method").and_then(text);
    let mut put = |raw: &str, must: bool| match text(raw).and_then(|id| opened(&id)) {
        Some(id) => {
            edits.replace(raw, quoted(&id));
            named.push(id);
            Ok(())
        }
        None if must => Err(NoTask),
        // Of a task that the client keeps.
        None => Ok(()),
    };
    let asks = message.of("id").is_some() && method.is_some();
    let said = message.of(if method.is_some() { "params" } else { "result" });
    if let Some(said) = said.filter(|p| p.starts_with('{')) {
        let said = Members::read(said).map_err(|_| NoTask)?;
        match method.as_deref() {
            Some("tasks/list") | None => {}
            Some(method) if is_open(method) => put(said.of("taskId").ok_or(NoTask)?, true)?,
            Some(_) => {
                let listed = said.of("notifications").filter(|n| n.starts_with('{')).map(Members::read);
                let listed = listed.transpose().map_err(|_| NoTask)?;
                let listed = listed.as_ref().and_then(|n| n.of("taskIds")).filter(|l| *l != "null");
                for id in listed.map(items).transpose().map_err(|_| NoTask)?.unwrap_or_default() {
                    put(id.get(), true)?;
                }
            }
        }
        if let Some(related) = related(&said).map_err(|_| NoTask)? {
            put(related, asks)?;
        }
    } else if method.as_deref().is_some_and(|m| is_open(m) && m != "tasks/list") {
        return Err(NoTask);
    }
    Ok(Bared { body: edits.apply(), named })
}

/// What becomes of a message of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Passes,
    /// It tells of somebody else's task.
    Goes,
}

/// Seals the ids of the caller's tasks. Ids of others open nothing and stay as they are; a list loses them.
pub(super) fn seal(own: &dyn Owned, message: &Members<'_>, edits: &mut Edits<'_>) -> Result<Fate, FilterError> {
    let object = |name| message.of(name).filter(|raw| raw.starts_with('{'));
    if let Some(result) = object("result") {
        sealed_result(own, result, edits)?;
        return Ok(Fate::Passes);
    }
    let Some(params) = object("params").map(Members::read).transpose()? else { return Ok(Fate::Passes) };
    let method = message.of("method").and_then(text).unwrap_or_default();
    if message.of("id").is_none() && method.starts_with("notifications/tasks") {
        let is_own = params.of("taskId").and_then(text).is_some_and(|id| own.is_own(&id));
        if !is_own {
            return Ok(Fate::Goes);
        }
        replace(own, params.of("taskId"), edits);
    }
    if let Some(agreed) = params.of("notifications").filter(|n| n.starts_with('{')) {
        for id in Members::read(agreed)?.of("taskIds").filter(|l| l.starts_with('[')).map(items).transpose()?.unwrap_or_default()
        {
            replace(own, Some(id.get()), edits);
        }
    }
    replace(own, related(&params)?, edits);
    Ok(Fate::Passes)
}

fn sealed_result(own: &dyn Owned, result: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
    let members = Members::read(result)?;
    let task = members.of("task").filter(|t| t.starts_with('{')).map(Members::read).transpose()?;
    let flat = members.of("taskId");
    let begun = match &task {
        Some(task) => task.of("taskId"),
        None => flat.filter(|_| members.of("resultType").and_then(text).as_deref() == Some("task")),
    };
    if let Some(id) = begun.and_then(text).filter(|_| own.makes()) {
        own.made(&id);
    }
    replace(own, begun, edits);
    if begun != flat || task.is_some() {
        replace(own, flat, edits);
    }
    if let Some(list) = members.of("tasks").filter(|l| l.starts_with('[')) {
        kept(own, list, edits)?;
    }
    replace(own, related(&members)?, edits);
    Ok(())
}

/// The list without what is not the caller's.
fn kept(own: &dyn Owned, list: &str, edits: &mut Edits<'_>) -> Result<(), FilterError> {
    let mut left = Vec::new();
    for item in items(list)? {
        let Ok(members) = Members::read(item.get()) else { continue };
        let Some(raw) = members.of("taskId") else { continue };
        if let Some(sealed) = text(raw).filter(|id| own.is_own(id)).and_then(|id| own.sealed(&id)) {
            let mut one = Edits::of(item.get());
            one.replace(raw, quoted(&sealed));
            left.extend(one.apply());
        }
    }
    edits.replace(list, format!("[{}]", left.join(",")));
    Ok(())
}

fn replace(own: &dyn Owned, raw: Option<&str>, edits: &mut Edits<'_>) {
    let sealed = raw.and_then(text).filter(|id| own.is_own(id)).and_then(|id| own.sealed(&id));
    if let (Some(raw), Some(sealed)) = (raw, sealed) {
        edits.replace(raw, quoted(&sealed));
    }
}

/// The id of the task that the `_meta` of these parameters, or this result, names.
fn related<'a>(members: &Members<'a>) -> Result<Option<&'a str>, FilterError> {
    let inside = |raw: Option<&'a str>| raw.filter(|raw| raw.starts_with('{')).map(Members::read).transpose();
    let meta = inside(members.of("_meta"))?;
    let task = inside(meta.as_ref().and_then(|meta| meta.of(RELATED)))?;
    Ok(task.and_then(|task| task.of("taskId")))
}

/// Takes back the offer of tasks (`initialize`, `server/discover`).
pub(super) fn close(offered: &Members<'_>, edits: &mut Edits<'_>) -> Result<(), FilterError> {
    if let Some(tasks) = offered.of(CAPABILITY) {
        edits.remove_member(tasks);
    }
    if let Some(extensions) = offered.of("extensions").filter(|e| e.starts_with('{'))
        && let Some(tasks) = Members::read(extensions)?.of(EXTENSION)
    {
        edits.remove_member(tasks);
    }
    Ok(())
}

/// Whether a tool can only be called as a task.
pub(super) fn is_required(tool: &Members<'_>) -> bool {
    let execution = tool.of("execution").filter(|e| e.starts_with('{')).map(Members::read);
    execution.is_some_and(|e| e.is_ok_and(|e| e.of("taskSupport").and_then(text).as_deref() == Some("required")))
}

fn text(raw: &str) -> Option<String> {
    serde_json::from_str(raw).ok()
}

fn quoted(id: &str) -> String {
    serde_json::Value::from(id).to_string()
}
