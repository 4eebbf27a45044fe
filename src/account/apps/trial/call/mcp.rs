//! A call of an MCP server, as a client of the protocol makes it: it says hello, says that it is there, and asks.

use http::header::{ACCEPT, CONTENT_TYPE, HeaderName, HeaderValue};
use http::{HeaderMap, Method};
use serde_json::{Map, Value, json};

use super::super::given::Given;
use super::{Caller, LONGEST_BODY};
use crate::account::Sent;
use crate::pages::texts::{Text, trial as texts};
use crate::pages::views::{CallAnswer, EnteredCall};
use crate::types::RequestId;

/// What every server speaks.
const VERSION: &str = "2025-11-25";
const PROTOCOL: HeaderName = HeaderName::from_static("mcp-protocol-version");
const SESSION: HeaderName = HeaderName::from_static("mcp-session-id");

/// Lists the tools of the server that was chosen, or calls one. What is shown is the answer to that, or to the first message that was
/// refused.
pub(super) async fn call(
    caller: &Caller<'_>,
    given: &Given<'_>,
    (tool, entered): (bool, &EnteredCall),
) -> Result<(CallAnswer, Option<RequestId>), Text> {
    let (_, path, _) = given.servers().find(|(_, path, _)| *path == entered.server).ok_or_else(texts::choose_server)?;
    let (method, params) = if tool { ("tools/call", called(entered)?) } else { ("tools/list", json!({})) };
    let client = json!({ "name": "tollgate-test", "version": env!("CARGO_PKG_VERSION") });
    let hello = json!({ "protocolVersion": VERSION, "capabilities": {}, "clientInfo": client });
    let named = |method: &str| format!("POST {path} {method}");
    let greeted =
        caller.raw(message(&path, &HeaderMap::new(), &json!({ "id": 1, "method": "initialize", "params": hello }))).await?;
    if !greeted.status.is_success() {
        return Ok(caller.told(named("initialize"), greeted));
    }
    let mut headers = HeaderMap::from_iter([(PROTOCOL, HeaderValue::from_static(VERSION))]);
    headers.extend(greeted.headers.get(&SESSION).cloned().map(|id| (SESSION, id)));
    let there = caller.raw(message(&path, &headers, &json!({ "method": "notifications/initialized" }))).await?;
    if !there.status.is_success() {
        return Ok(caller.told(named("notifications/initialized"), there));
    }
    let answer = caller.raw(message(&path, &headers, &json!({ "id": 2, "method": method, "params": params }))).await;
    if headers.contains_key(&SESSION) {
        // Whatever a server says to that, the session is of no further use.
        let bye = Sent { method: Method::DELETE, ..message(&path, &headers, &Value::Null) };
        drop(caller.raw(Sent { body: String::new(), ..bye }).await);
    }
    Ok(caller.told(named(method), answer?))
}

/// What calls the tool that was entered.
fn called(entered: &EnteredCall) -> Result<Value, Text> {
    if entered.tool.is_empty() {
        return Err(texts::choose_tool());
    }
    if entered.arguments.len() > LONGEST_BODY {
        return Err(texts::long_body());
    }
    let arguments = if entered.arguments.is_empty() { "{}" } else { &entered.arguments };
    let arguments: Map<String, Value> = serde_json::from_str(arguments).map_err(|_| texts::no_arguments())?;
    Ok(json!({ "name": entered.tool, "arguments": arguments }))
}

fn message(path: &str, headers: &HeaderMap, message: &Value) -> Sent {
    let mut body = json!({ "jsonrpc": "2.0" });
    if let (Some(body), Some(message)) = (body.as_object_mut(), message.as_object()) {
        body.extend(message.clone());
    }
    let mut all = vec![
        (ACCEPT, HeaderValue::from_static("application/json, text/event-stream")),
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
    ];
    all.extend(headers.iter().map(|(name, value)| (name.clone(), value.clone())));
    Sent { method: Method::POST, target: path.to_owned(), headers: all, body: body.to_string() }
}
