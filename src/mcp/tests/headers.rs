//! Headers against bodies.

use http::{HeaderMap, HeaderName, HeaderValue};

use crate::mcp::{Era, Headers, Limits, Mismatch, ProtocolVersion, agree, parse};

const NEW: &str = "2026-07-28";
const OLD: &str = "2025-11-25";

fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let pair = |(name, value): &(&'static str, &str)| {
        (HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    let mut map = HeaderMap::new();
    for (name, value) in pairs.iter().map(pair) {
        map.append(name, value);
    }
    map
}

fn request(method: &str, params: &str, version: Option<&str>) -> String {
    let meta = version.map(|v| format!(r#""_meta":{{"io.modelcontextprotocol/protocolVersion":"{v}"}}"#)).unwrap_or_default();
    let comma = if meta.is_empty() || params.is_empty() { "" } else { "," };
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{{{params}{comma}{meta}}}}}"#)
}

fn check(pairs: &[(&'static str, &str)], body: &str) -> Result<(), Mismatch> {
    let map = map(pairs);
    agree(&Headers::read(&map)?, &parse(body.as_bytes(), &Limits::default()).unwrap())
}

fn differs(header: &'static str, said: &str) -> Result<(), Mismatch> {
    Err(Mismatch::Differs { header, said: said.to_owned() })
}

const V: &str = "mcp-protocol-version";
const M: &str = "mcp-method";
const N: &str = "mcp-name";

#[test]
fn modern_headers_are_required_and_true() {
    let echo = request("tools/call", r#""name":"echo""#, Some(NEW));
    let full = [(V, NEW), (M, "tools/call"), (N, "echo")];
    assert_eq!(check(&full, &echo), Ok(()));
    assert_eq!(check(&full[1..], &echo), Err(Mismatch::Missing("MCP-Protocol-Version")));
    assert_eq!(check(&[full[0], full[2]], &echo), Err(Mismatch::Missing("Mcp-Method")));
    assert_eq!(check(&full[..2], &echo), Err(Mismatch::Missing("Mcp-Name")));
    assert_eq!(check(&[full[0], (M, "tools/list"), full[2]], &echo), differs("Mcp-Method", "tools/list"));
    assert_eq!(check(&[full[0], (M, "Tools/Call"), full[2]], &echo), differs("Mcp-Method", "Tools/Call"));
    assert_eq!(check(&[full[0], full[1], (N, "Echo")], &echo), differs("Mcp-Name", "Echo"));
    assert_eq!(check(&[full[0], full[1], (N, " echo\t")], &echo), Ok(()));
    assert_eq!(check(&full, &request("tools/call", r#""name":"echo""#, Some(OLD))), differs("MCP-Protocol-Version", NEW));
    assert_eq!(check(&full, &request("tools/call", r#""name":"echo""#, None)), Err(Mismatch::NoMetaVersion));
    assert_eq!(check(&[(V, NEW), (M, "tools/list")], &request("tools/list", "", Some(NEW))), Ok(()));
    assert_eq!(check(&[(V, NEW), (M, "tools/list"), (N, "x")], &request("tools/list", "", Some(NEW))), differs("Mcp-Name", "x"));
    let task = request("tasks/get", r#""taskId":"t1","name":"x""#, Some(NEW));
    assert_eq!(check(&[(V, NEW), (M, "tasks/get"), (N, "t1")], &task), Ok(()));
    assert_eq!(check(&[(V, NEW), (M, "tasks/get"), (N, "x")], &task), differs("Mcp-Name", "x"));
}

#[test]
fn legacy_headers_are_optional_and_true() {
    let echo = request("tools/call", r#""name":"echo""#, None);
    for version in [&[][..], &[(V, OLD)], &[(V, "2025-06-18")], &[(V, "2025-03-26")], &[(V, "2024-11-05")]] {
        let with = |more: &[(&'static str, &'static str)]| check(&[version, more].concat(), &echo);
        assert_eq!(with(&[]), Ok(()));
        assert_eq!(with(&[(M, "tools/call"), (N, "echo")]), Ok(()));
        assert_eq!(with(&[(M, "tools/list")]), differs("Mcp-Method", "tools/list"));
        assert_eq!(with(&[(N, "harmless")]), differs("Mcp-Name", "harmless"));
    }
    // A body that claims another era than its headers.
    let modern = request("tools/call", r#""name":"echo""#, Some(NEW));
    assert_eq!(check(&[(V, OLD)], &modern), differs("MCP-Protocol-Version", OLD));
    assert_eq!(check(&[], &modern), Err(Mismatch::Missing("MCP-Protocol-Version")));
}

#[test]
fn notifications_and_responses() {
    let told = r#"{"jsonrpc":"2.0","method":"notifications/cancelled","params":{}}"#;
    assert_eq!(check(&[(V, NEW)], told), Ok(()));
    assert_eq!(check(&[(V, NEW), (M, "ping")], told), differs("Mcp-Method", "ping"));
    let response = r#"{"jsonrpc":"2.0","id":1,"result":{}}"#;
    assert_eq!(check(&[(V, OLD)], response), Ok(()));
    assert_eq!(check(&[(V, OLD), (M, "ping")], response), differs("Mcp-Method", "ping"));
    assert_eq!(check(&[(N, "x")], response), differs("Mcp-Name", "x"));
    assert_eq!(check(&[(V, NEW)], response), Err(Mismatch::Response));
}

#[test]
fn encoded_names() {
    let name = |name: &str, header: &str| {
        let body = request("tools/call", &format!(r#""name":{}"#, serde_json::json!(name)), Some(NEW));
        check(&[(V, NEW), (M, "tools/call"), (N, header)], &body)
    };
    let broken = Err(Mismatch::Malformed("Mcp-Name"));
    assert_eq!(name("Hello, 世界", "=?base64?SGVsbG8sIOS4lueVjA==?="), Ok(()));
    assert_eq!(name("=?base64?literal?=", "=?base64?PT9iYXNlNjQ/bGl0ZXJhbD89?="), Ok(()));
    assert_eq!(name("echo", "=?base64?ZWNobw==?="), Ok(()));
    assert_eq!(name("echo", "=?base64?b3RoZXI=?="), differs("Mcp-Name", "other"));
    assert_eq!(name("=?base64?ZWNobw==?=", "=?base64?ZWNobw==?="), differs("Mcp-Name", "echo"));
    // The markers are case-sensitive: these are names like any other.
    assert_eq!(name("echo", "=?BASE64?ZWNobw==?="), differs("Mcp-Name", "=?BASE64?ZWNobw==?="));
    assert_eq!(name("=?Base64?ZWNobw==?=", "=?Base64?ZWNobw==?="), Ok(()));
    assert_eq!(name("=?base64?x", "=?base64?x"), Ok(()));
    for header in ["=?base64?ZWNobw?=", "=?base64?ZWNobx==?=", "=?base64?ZW Nobw==?=", "=?base64?/w==?=", "=?base64?ZWNobw-_?="] {
        assert_eq!(name("echo", header), broken, "{header}");
    }
    assert_eq!(name("世界", "世界"), broken);
}

#[test]
fn versions_and_repeats() {
    let read = |pairs: &[(&'static str, &str)]| {
        let map = map(pairs);
        Headers::read(&map).map(|headers| (headers.version, headers.era(), headers.version_present))
    };
    assert_eq!(read(&[]), Ok((ProtocolVersion::V20250326, Era::Legacy, false)));
    assert_eq!(read(&[(V, NEW)]), Ok((ProtocolVersion::V20260728, Era::Modern, true)));
    for version in ["1900-01-01", "2027-01-01", "2026-07-28-draft", "2026-7-28", "", "x"] {
        assert_eq!(read(&[(V, version)]), Err(Mismatch::Unsupported { requested: version.to_owned(), era: Era::Legacy }));
    }
    assert_eq!(read(&[(V, "２０２６")]), Err(Mismatch::Malformed("MCP-Protocol-Version")));
    for (name, shown) in [(V, "MCP-Protocol-Version"), (M, "Mcp-Method"), (N, "Mcp-Name")] {
        assert_eq!(read(&[(name, NEW), (name, NEW)]), Err(Mismatch::Repeated(shown)));
    }
    let long = read(&[(V, &"9".repeat(5000))]);
    assert_eq!(long, Err(Mismatch::Unsupported { requested: "9".repeat(100), era: Era::Legacy }));
}
