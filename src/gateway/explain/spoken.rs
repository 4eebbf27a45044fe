//! Messages to MCP servers that nobody sent.

use http::Method;
use serde_json::{Value, json};

use crate::config::ApiKind;
use crate::gateway::authorize::{Asked, Permit};
use crate::gateway::denial::Denial;
use crate::gateway::message;
use crate::mcp;
use crate::node::Node;

/// What is said to an MCP server, without the arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spoken<'a> {
    /// The method.
    pub method: &'a str,
    /// The tool, prompt or resource that it is about.
    pub target: Option<&'a str>,
}

impl Spoken<'_> {
    /// A call of a tool.
    #[must_use]
    pub const fn tool(name: &str) -> Spoken<'_> {
        Spoken { method: "tools/call", target: Some(name) }
    }

    /// A prompt that is asked for.
    #[must_use]
    pub const fn prompt(name: &str) -> Spoken<'_> {
        Spoken { method: "prompts/get", target: Some(name) }
    }

    /// A resource that is read.
    #[must_use]
    pub const fn resource(uri: &str) -> Spoken<'_> {
        Spoken { method: "resources/read", target: Some(uri) }
    }

    /// What it is about, as the gate names it.
    pub(super) fn target(&self) -> Option<mcp::Target> {
        let name = self.target?;
        match self.method {
            "tools/call" => mcp::Target::tool(name),
            "prompts/get" => mcp::Target::prompt(name),
            _ => mcp::Target::resource(name),
        }
    }

    fn body(&self) -> Vec<u8> {
        let target = self.target.unwrap_or_default();
        let params = match self.method {
            "tools/call" | "prompts/get" => json!({ "name": target, "arguments": {} }),
            "resources/read" | "resources/subscribe" | "resources/unsubscribe" => json!({ "uri": target }),
            // Which of the two it is a record does not say: a URI has a colon.
            "completion/complete" if target.contains(':') => json!({ "ref": { "type": "ref/resource", "uri": target } }),
            "completion/complete" => json!({ "ref": { "type": "ref/prompt", "name": target } }),
            _ => Value::Object(serde_json::Map::new()),
        };
        json!({ "jsonrpc": "2.0", "id": 1, "method": self.method, "params": params }).to_string().into_bytes()
    }
}

/// Lets the permit widen by what the message needs, and tells what was found; `None` where nothing is said.
///
/// # Errors
/// The refusal.
pub(super) fn hear(
    node: &Node,
    asked: &Asked<'_>,
    spoken: Option<Spoken<'_>>,
    permit: &mut Permit,
) -> Result<Option<String>, Denial> {
    let (ApiKind::Mcp(policy), Some(spoken)) = (&asked.api.kind, spoken) else { return Ok(None) };
    let limits = mcp::Limits::default();
    let inspected = message::inspect(policy, asked.headers, &Method::POST, &spoken.body(), &limits, &node.keys, permit);
    match inspected.map_err(|refused| refused.denial) {
        Ok(mcp) => Ok(Some(match mcp.target {
            Some(target) => format!("The {} {} is open to {}.", target.kind(), target.as_str(), spoken.method),
            None => format!("The server may be asked for {}.", spoken.method),
        })),
        // The last that is asked. With other arguments it may be called.
        Err(Denial::Argument { target, argument }) => Ok(Some(format!(
            "The {} {} may be used where its arguments are what the policy wants, {argument} among them: they are not known here.",
            target.kind(),
            target.as_str()
        ))),
        Err(Denial::Task) => {
            Ok(Some("A task is open to whose call became it, by the id that the call was answered with.".to_owned()))
        }
        Err(denial) => Err(denial),
    }
}
