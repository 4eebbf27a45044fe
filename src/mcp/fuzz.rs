//! Messages of MCP, for whoever looks for bodies that the gate and a server read differently.

use std::fmt;
use std::sync::Arc;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;
use serde_json::value::RawValue;

use super::{Era, Framing, Limits, ListFilter, Message, NamePolicy, Need, ServerPolicy, bare_tasks, parse};
use crate::types::{Memory, ScopeBits};

/// The members of an object in their order, none left out.
struct Pairs(Vec<(String, Box<RawValue>)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        struct All;
        impl<'de> Visitor<'de> for All {
            type Value = Pairs;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        d.deserialize_map(All)
    }
}

/// No member comes twice, whatever the reader makes of letters.
fn assert_unique(object: &str) {
    let Ok(Pairs(pairs)) = serde_json::from_str(object) else { return };
    for (i, (name, inner)) in pairs.iter().enumerate() {
        assert!(pairs[..i].iter().all(|(other, _)| other != name), "{name} twice in {object}");
        assert_unique(inner.get());
    }
}

/// A message that is taken says to every reader what it says to us: one call of one thing, with no member that comes twice.
pub fn mcp_message(data: &[u8]) {
    let Ok(message) = parse(data, &Limits::default()) else { return };
    let value: Value = serde_json::from_slice(data).expect("what was taken is JSON");
    assert_unique(std::str::from_utf8(data).expect("what was taken is UTF-8"));
    assert!(value.is_object() && value["jsonrpc"] == "2.0", "{value}");
    match &message {
        Message::Request { id, .. } => {
            assert_eq!(serde_json::from_str::<Value>(id.as_json()).ok().as_ref(), value.get("id"));
        }
        Message::Notification { .. } => assert!(value.get("id").is_none(), "{value}"),
        Message::Response { .. } => assert!(value.get("method").is_none(), "{value}"),
    }
    let Some(call) = message.call() else { return };
    assert_eq!(value["method"], call.method.as_str());
    let params = &value["params"];
    let named = call.target.as_ref().map(|target| Value::from(target.as_str()));
    match call.method.as_str() {
        "tools/call" | "prompts/get" => assert_eq!(named.as_ref(), params.get("name")),
        "resources/read" => assert_eq!(named.as_ref(), params.get("uri")),
        _ => {}
    }
    if let Some(version) = &call.version {
        assert_eq!(params["_meta"]["io.modelcontextprotocol/protocolVersion"], version.as_str());
    }
}

/// Ids that are unsealed stand where the sealed ones stood, and nothing else has changed.
pub fn mcp_tasks(data: &[u8]) {
    let (Ok(text), Ok(message)) = (std::str::from_utf8(data), parse(data, &Limits::default())) else { return };
    let opened = |id: &str| id.strip_prefix("sealed ").map(ToOwned::to_owned);
    let Ok(bared) = bare_tasks(text, &opened) else { return };
    assert_eq!(bared.body.is_some(), !bared.named.is_empty());
    let Some(body) = bared.body else { return };
    let after = parse(body.as_bytes(), &Limits { bytes: body.len(), ..Limits::default() }).expect("it is still a message");
    assert_eq!(message.reply_id(), after.reply_id());
    let (before, after): (Value, Value) =
        (serde_json::from_str(text).expect("JSON"), serde_json::from_str(&body).expect("JSON still"));
    assert_same_but(&before, &after, &bared.named);
}

fn assert_same_but(before: &Value, after: &Value, named: &[String]) {
    match (before, after) {
        (Value::Object(b), Value::Object(a)) => {
            assert!(b.keys().eq(a.keys()));
            b.iter().for_each(|(name, value)| assert_same_but(value, &a[name], named));
        }
        (Value::Array(b), Value::Array(a)) => {
            assert_eq!(b.len(), a.len());
            b.iter().zip(a).for_each(|(b, a)| assert_same_but(b, a, named));
        }
        (Value::String(b), Value::String(a)) if a != b => {
            assert_eq!(b.strip_prefix("sealed "), Some(a.as_str()));
            assert!(named.contains(a));
        }
        _ => assert_eq!(before, after),
    }
}

/// What is listed is what can be called, however the answer is cut into pieces. The first byte says how it is framed and cut.
pub fn mcp_answer(data: &[u8]) {
    let Some((how, body)) = data.split_first() else { return };
    let framing = if how & 1 == 0 { Framing::Json } else { Framing::Sse };
    let whole = filtered(framing, body, usize::MAX);
    let cut = filtered(framing, body, usize::from(how >> 1).max(1));
    match (&whole, &cut) {
        (Some(whole), Some(cut)) => assert_eq!(whole, cut),
        (None, None) => return,
        _ => panic!("where it is cut decides: {}", String::from_utf8_lossy(body)),
    }
    let Some(Ok(made)) = whole.filter(|_| framing == Framing::Json).map(|made| serde_json::from_slice::<Value>(&made)) else {
        return;
    };
    // An error beside a result is an answer to nobody.
    let Some(tools) = made["result"]["tools"].as_array() else { return };
    for tool in tools {
        assert!(tool["name"].as_str().is_some_and(|name| name == "echo" || name.starts_with("get_")), "{tool}");
    }
}

fn filtered(framing: Framing, body: &[u8], piece: usize) -> Option<Vec<u8>> {
    let mut held = ScopeBits::NONE;
    held.set(0);
    let free = || Need::Scopes(ScopeBits::NONE);
    let tools = NamePolicy::new([("get_*", free()), ("echo", free())], Need::Denied).expect("a policy");
    let mut filter = ListFilter::with_limit(
        Arc::new(ServerPolicy::for_tools(held, tools)),
        held,
        Era::Legacy,
        (framing, 4096),
        &Memory::unlimited(),
    );
    let mut made = Vec::new();
    for piece in body.chunks(piece) {
        made.extend_from_slice(&filter.push(piece).ok()?);
    }
    made.extend_from_slice(&filter.finish().ok()?);
    Some(made)
}
