//! Records of calls as JSON, written by hand: the request path writes two of them with every call, and the store keeps a third.
//!
//! What comes out is byte for byte what serde writes of the same types, and is read by serde; tests hold one against the other.

use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};

use serde::Serialize;
use serde_json::Result;

use super::{Actor, ActorRef, AuditRecord, Call, CallerRef, Decision, Event, McpCall, Measured, Opening, Origin, Outcome};
use crate::types::{ClientId, Digits, Dotted, GrantId, OrgId, ResourceId, RouteId, ScopeSet, UserId};

/// A record beside its text, which is what the store keeps.
#[derive(Clone, Debug)]
pub struct Written {
    /// The record.
    pub record: AuditRecord,
    /// The same as JSON.
    pub text: String,
}

impl Written {
    /// Writes records.
    ///
    /// # Errors
    /// When some part of one has no form in JSON.
    pub fn all(records: &[AuditRecord]) -> Result<Vec<Self>> {
        records.iter().map(|record| Ok(Self { text: Self::text_of(record)?, record: record.clone() })).collect()
    }

    /// The text of a record.
    ///
    /// # Errors
    /// When some part of it has no form in JSON.
    pub fn text_of(record: &AuditRecord) -> Result<String> {
        let mut text = Vec::with_capacity(1024);
        write_record(record, &mut text)?;
        String::from_utf8(text).map_err(serde::ser::Error::custom)
    }
}

/// Appends the opening of a call.
///
/// # Errors
/// When some part of it has no form in JSON.
pub fn write_opening(opening: &Opening<'_>, out: &mut Vec<u8>) -> Result<()> {
    plain(out, r#"{"id":"#, opening.id.as_str());
    signed(out, r#","time":"#, opening.time.millis());
    plain(out, r#","request":"#, opening.request.as_str());
    plain(out, r#","node":"#, opening.node.as_str());
    peer(out, opening.peer);
    maybe(out, r#","user_agent":"#, opening.user_agent);
    maybe(out, r#","trace":"#, opening.trace);
    if let Some(certificate) = opening.certificate {
        text(out, r#","certificate":"#, certificate);
    }
    plain(out, r#","api":"#, opening.api.as_str());
    id(out, r#","route":"#, opening.route.map(RouteId::as_str));
    text(out, r#","method":"#, opening.method);
    text(out, r#","path":"#, opening.path);
    mcp(out, opening.mcp);
    scopes(out, r#","scopes_needed":"#, opening.scopes_needed);
    rare(out, r#","would_deny":"#, opening.would_deny)?;
    raw(out, r#","caller":"#);
    match &opening.caller {
        Some(of) => caller(out, of),
        None => raw(out, "null"),
    }
    rare(out, r#","forwarder":"#, opening.forwarder)?;
    raw(out, "}");
    Ok(())
}

/// Appends a record.
///
/// # Errors
/// When some part of it has no form in JSON.
pub fn write_record(record: &AuditRecord, out: &mut Vec<u8>) -> Result<()> {
    let Event::Call(call) = &record.event else { return serde_json::to_writer(out, record) };
    let AuditRecord { id: name, time, org, actor: of, origin: from, event: _ } = record;
    plain(out, r#"{"id":"#, name.as_str());
    signed(out, r#","time":"#, time.millis());
    id(out, r#","org":"#, org.as_ref().map(OrgId::as_str));
    let Actor { user, client, client_name, grant, token } = of;
    let of = ActorRef {
        user: user.as_ref(),
        client: client.as_ref(),
        client_name: client_name.as_deref(),
        grant: grant.as_ref(),
        token: token.as_deref(),
    };
    actor(out, &of);
    origin(out, from);
    write_call(call, out)?;
    raw(out, "}");
    Ok(())
}

fn write_call(call: &Call, out: &mut Vec<u8>) -> Result<()> {
    plain(out, r#","event":{"kind":"call","api":"#, call.api.as_str());
    id(out, r#","route":"#, call.route.as_ref().map(RouteId::as_str));
    text(out, r#","method":"#, &call.method);
    text(out, r#","path":"#, &call.path);
    mcp(out, call.mcp.as_ref());
    scopes(out, r#","scopes_needed":"#, &call.scopes_needed);
    scopes(out, r#","scopes_held":"#, &call.scopes_held);
    maybe(out, r#","resource":"#, call.resource.as_ref().map(ResourceId::as_str));
    match &call.decision {
        Decision::Allowed => raw(out, r#","decision":"allowed""#),
        denied @ Decision::Denied { .. } => rare(out, r#","decision":"#, Some(denied))?,
    }
    rare(out, r#","would_deny":"#, call.would_deny.as_ref())?;
    raw(out, r#","outcome":"#);
    write_outcome(&call.outcome, out)?;
    rare(out, r#","forwarder":"#, call.forwarder.as_ref())?;
    raw(out, "}");
    Ok(())
}

/// Appends how a call ended.
///
/// # Errors
/// When some part of it has no form in JSON.
pub fn write_outcome(outcome: &Outcome, out: &mut Vec<u8>) -> Result<()> {
    let Outcome::Completed(Measured { status, bytes, micros, call }) = outcome else {
        return serde_json::to_writer(out, outcome);
    };
    unsigned(out, r#"{"completed":{"status":"#, u64::from(*status));
    unsigned(out, r#","bytes":"#, *bytes);
    unsigned(out, r#","micros":"#, *micros);
    if let Some(code) = call {
        unsigned(out, r#","call":"#, u64::from(*code));
    }
    raw(out, "}}");
    Ok(())
}

fn caller(out: &mut Vec<u8>, caller: &CallerRef<'_>) {
    let CallerRef { org, actor: of, scopes_held, resource } = caller;
    id(out, r#"{"org":"#, org.map(OrgId::as_str));
    actor(out, of);
    scopes(out, r#","scopes_held":"#, scopes_held);
    maybe(out, r#","resource":"#, resource.map(ResourceId::as_str));
    raw(out, "}");
}

fn actor(out: &mut Vec<u8>, of: &ActorRef<'_>) {
    id(out, r#","actor":{"user":"#, of.user.map(UserId::as_str));
    id(out, r#","client":"#, of.client.map(ClientId::as_str));
    maybe(out, r#","client_name":"#, of.client_name);
    id(out, r#","grant":"#, of.grant.map(GrantId::as_str));
    maybe(out, r#","token":"#, of.token);
    raw(out, "}");
}

fn origin(out: &mut Vec<u8>, origin: &Origin) {
    plain(out, r#","origin":{"request":"#, origin.request.as_str());
    plain(out, r#","node":"#, origin.node.as_str());
    peer(out, origin.peer);
    maybe(out, r#","user_agent":"#, origin.user_agent.as_deref());
    maybe(out, r#","trace":"#, origin.trace.as_deref());
    if let Some(certificate) = &origin.certificate {
        text(out, r#","certificate":"#, certificate);
    }
    raw(out, "}");
}

fn peer(out: &mut Vec<u8>, peer: Option<SocketAddr>) {
    raw(out, r#","peer":"#);
    let Some(peer) = peer else { return raw(out, "null") };
    raw(out, "\"");
    match peer.ip() {
        IpAddr::V4(ip) => {
            out.extend_from_slice(Dotted::of(ip).as_bytes());
            unsigned(out, ":", u64::from(peer.port()));
        }
        // Writing to memory does not fail.
        IpAddr::V6(_) => drop(write!(out, "{peer}")),
    }
    raw(out, "\"");
}

fn mcp(out: &mut Vec<u8>, call: Option<&McpCall>) {
    let Some(McpCall { method, target, version }) = call else { return raw(out, r#","mcp":null"#) };
    text(out, r#","mcp":{"method":"#, method);
    maybe(out, r#","target":"#, target.as_deref());
    maybe(out, r#","version":"#, version.as_deref());
    raw(out, "}");
}

fn scopes(out: &mut Vec<u8>, name: &str, scopes: &ScopeSet) {
    raw(out, name);
    out.push(b'[');
    // No scope has a character that needs escaping (RFC 6749 appendix A.4), and a caller may hold many.
    for scope in scopes.iter() {
        plain(out, "", scope.as_str());
        out.push(b',');
    }
    if !scopes.is_empty() {
        out.pop();
    }
    out.push(b']');
}

/// What most records do not have, and is left out then.
fn rare<T: Serialize>(out: &mut Vec<u8>, name: &str, value: Option<&T>) -> Result<()> {
    let Some(value) = value else { return Ok(()) };
    raw(out, name);
    serde_json::to_writer(out, value)
}

fn maybe(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => text(out, name, value),
        None => null(out, name),
    }
}

fn id(out: &mut Vec<u8>, name: &str, value: Option<&str>) {
    match value {
        Some(value) => plain(out, name, value),
        None => null(out, name),
    }
}

fn null(out: &mut Vec<u8>, name: &str) {
    raw(out, name);
    raw(out, "null");
}

#[inline]
fn raw(out: &mut Vec<u8>, json: &str) {
    out.extend_from_slice(json.as_bytes());
}

/// A text behind `before`.
fn text(out: &mut Vec<u8>, before: &str, value: &str) {
    if is_plain(value) {
        return plain(out, before, value);
    }
    raw(out, before);
    out.push(b'"');
    value.bytes().for_each(|byte| escaped(out, byte));
    out.push(b'"');
}

/// A text behind `before` in which every character stands for itself: ids and names do by their types.
#[inline]
fn plain(out: &mut Vec<u8>, before: &str, value: &str) {
    debug_assert!(is_plain(value), "{value} needs escaping");
    raw(out, before);
    out.push(b'"');
    raw(out, value);
    out.push(b'"');
}

/// Whether every character stands for itself. Looks at all of them, so that many are looked at at once.
#[expect(clippy::needless_bitwise_bool, reason = "one that stops early looks at one character at a time")]
fn is_plain(value: &str) -> bool {
    value.bytes().fold(true, |plain, b| plain & (b >= 0x20) & (b != b'"') & (b != b'\\'))
}

fn escaped(out: &mut Vec<u8>, byte: u8) {
    match byte {
        b'"' => raw(out, r#"\""#),
        b'\\' => raw(out, r"\\"),
        0x08 => raw(out, r"\b"),
        b'\t' => raw(out, r"\t"),
        b'\n' => raw(out, r"\n"),
        0x0C => raw(out, r"\f"),
        b'\r' => raw(out, r"\r"),
        // Writing to memory does not fail.
        0x00..0x20 => drop(write!(out, "\\u{byte:04x}")),
        _ => out.push(byte),
    }
}

fn signed(out: &mut Vec<u8>, before: &str, number: i64) {
    let sign = if number < 0 { "-" } else { "" };
    raw(out, before);
    unsigned(out, sign, number.unsigned_abs());
}

/// A number behind `before`.
fn unsigned(out: &mut Vec<u8>, before: &str, number: u64) {
    raw(out, before);
    out.extend_from_slice(Digits::of(number).as_bytes());
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::{BrokenBy, Caller, samples};
    use super::*;

    fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<()>) -> String {
        let mut out = Vec::new();
        write(&mut out).expect("JSON");
        String::from_utf8(out).expect("text")
    }

    /// Holds what is written here against what serde writes.
    fn alike(record: &AuditRecord) {
        assert_eq!(Written::text_of(record).expect("JSON"), serde_json::to_string(record).expect("JSON"));
        let caller = Caller::from(record);
        if let Some(mut opening) = Opening::of(record, &caller) {
            for caller in [opening.caller, None] {
                opening.caller = caller;
                let wanted = serde_json::to_string(&opening).expect("JSON");
                assert_eq!(written(|out| write_opening(&opening, out)), wanted);
            }
        }
    }

    #[test]
    fn every_kind_of_record_is_written_as_serde_does() {
        for mut record in [samples::call(), samples::denied(), samples::unknown(), samples::waived(), samples::consent()] {
            alike(&record);
            for peer in [None, Some("[2001:db8::1%7]:443"), Some("203.0.113.255:65535"), Some("0.0.0.0:0")] {
                record.origin.peer = peer.map(|p| p.parse().expect("an address"));
                record.origin.certificate = peer.map(|_| "ab".repeat(32));
                (record.org, record.actor) = (None, Actor::default());
                alike(&record);
            }
        }
        let measured = Measured { status: 65_535, bytes: u64::MAX, micros: 0, call: None };
        let broken = Outcome::Broken { by: BrokenBy::Client, measured };
        let call = Outcome::Completed(Measured { call: Some(14), ..measured });
        for outcome in [Outcome::Completed(measured), call, broken, Outcome::Unknown] {
            assert_eq!(written(|out| write_outcome(&outcome, out)), serde_json::to_string(&outcome).expect("JSON"));
        }
    }

    proptest! {
        #[test]
        fn whatever_callers_say_is_written_as_serde_does(said in any::<String>(), path in "[\\x00-\\x7f\u{80}é\u{2028}]{0,40}") {
            let mut record = samples::call();
            record.origin.user_agent = Some(said.clone());
            if let Event::Call(call) = &mut record.event {
                call.mcp = Some(McpCall { method: path.clone(), target: Some(said), version: None });
                call.path = path;
            }
            alike(&record);
        }

        #[test]
        fn numbers_are_written_as_serde_does(signed_one in any::<i64>(), unsigned_one in any::<u64>()) {
            let both = written(|out| {
                signed(out, "[", signed_one);
                unsigned(out, ",", unsigned_one);
                raw(out, "]");
                Ok(())
            });
            prop_assert_eq!(both, serde_json::to_string(&(signed_one, unsigned_one)).expect("JSON"));
        }
    }
}
