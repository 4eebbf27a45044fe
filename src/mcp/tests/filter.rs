//! What is listed is what can be called, in JSON and in streams.

use std::sync::Arc;

use http::{HeaderMap, HeaderValue, header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bits;
use crate::mcp::{Era, FilterError, Framing, ListFilter, ListKind, NamePolicy, Need, ServerPolicy, Target, Verdict};
use crate::types::{Memory, ScopeBits};

fn policy() -> Arc<ServerPolicy> {
    let tools =
        NamePolicy::new([("get_*", Need::Scopes(bits([1]))), ("echo", Need::Scopes(ScopeBits::NONE))], Need::Denied).unwrap();
    Arc::new(ServerPolicy::for_tools(bits([0]), tools))
}

fn run(era: Era, framing: Framing, chunks: &[&[u8]]) -> Result<String, FilterError> {
    let mut filter = ListFilter::with_limit(policy(), bits([0]), era, (framing, 1000), &Memory::unlimited());
    let mut out = Vec::new();
    for chunk in chunks {
        out.extend_from_slice(&filter.push(chunk)?);
    }
    out.extend_from_slice(&filter.finish()?);
    Ok(String::from_utf8(out).unwrap())
}

fn whole(era: Era, body: &str) -> Result<String, FilterError> {
    run(era, Framing::Json, &[body.as_bytes()])
}

#[test]
fn only_the_list_changes() {
    let body = "{ \"jsonrpc\":\"2.0\", \"result\" : {\"ttlMs\":1.50e2,\"tools\": [ {\"name\":\"get_a\"} , {\"x\":1.0, \"name\":\"\\u0065cho\",\"y\":123456789012345678901234567890} ],\"nextCursor\":\"\\u00e9\"} ,\"id\":1}\n";
    let expected = "{ \"jsonrpc\":\"2.0\", \"result\" : {\"ttlMs\":1.50e2,\"tools\": [{\"x\":1.0, \"name\":\"\\u0065cho\",\"y\":123456789012345678901234567890}],\"nextCursor\":\"\\u00e9\"} ,\"id\":1}\n";
    assert_eq!(whole(Era::Legacy, body).as_deref(), Ok(expected));
    let split: Vec<&[u8]> = body.as_bytes().chunks(7).collect();
    assert_eq!(run(Era::Legacy, Framing::Json, &split).as_deref(), Ok(expected));
}

#[test]
fn modern_lists_are_private() {
    let scope = |era, scope: &str| whole(era, &format!(r#"{{"result":{{"tools":[]{scope}}}}}"#)).unwrap();
    assert_eq!(scope(Era::Modern, r#","cacheScope":"public""#), r#"{"result":{"tools":[],"cacheScope":"private"}}"#);
    assert_eq!(scope(Era::Legacy, r#","cacheScope":"public""#), r#"{"result":{"tools":[],"cacheScope":"private"}}"#);
    assert_eq!(scope(Era::Modern, ""), r#"{"result":{"cacheScope":"private","tools":[]}}"#);
    assert_eq!(scope(Era::Modern, r#","cacheScope":null"#), r#"{"result":{"tools":[],"cacheScope":"private"}}"#);
    assert_eq!(scope(Era::Legacy, ""), r#"{"result":{"tools":[]}}"#);
}

#[test]
fn what_is_no_list_passes() {
    let bodies = [
        r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32601,"message":"x","data":{"tools":[{"name":"z"}]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"content":[],"structuredContent":{"tools":[{"name":"z"}]}}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":{"capabilities":{"logging":{}}}}"#,
        r#"{"jsonrpc":"2.0","method":"notifications/message","params":{"tools":[{"name":"z"}]}}"#,
        r#"{"jsonrpc":"2.0","id":1,"result":null}"#,
        "",
    ];
    for body in bodies {
        assert_eq!(whole(Era::Modern, body).as_deref(), Ok(body));
    }
    assert_eq!(whole(Era::Legacy, r#"{"result":{"tools":null}}"#).as_deref(), Ok(r#"{"result":{"tools":null}}"#));
}

#[test]
fn what_has_no_sure_name_is_dropped() {
    let items = [
        r#"{"name":"z"}"#,
        r#"{"name":"echo","n\u0061me":"z"}"#,
        r#"{"name":1}"#,
        r#"{"Name":"echo"}"#,
        r#"{"name":"echo\u0000"}"#,
        r#"{"name":"\ud800"}"#,
        r#""echo""#,
        "null",
        "[]",
    ];
    let body = format!(r#"{{"result":{{"tools":[{}]}}}}"#, items.join(","));
    assert_eq!(whole(Era::Legacy, &body).as_deref(), Ok(r#"{"result":{"tools":[]}}"#));
}

#[test]
fn every_list_is_filtered_by_its_key() {
    let mut policy = (*policy()).clone();
    policy.prompts = NamePolicy::new([("p", Need::Denied)], Need::Scopes(ScopeBits::NONE)).unwrap();
    policy.resources = NamePolicy::new([("file:///secret*", Need::Denied)], Need::Scopes(ScopeBits::NONE)).unwrap();
    let body = r#"{"result":{"prompts":[{"name":"p"},{"name":"q"}],"resources":[{"uri":"file:///secret/a"},{"uri":"x:y"}],"resourceTemplates":[{"uriTemplate":"file:///secret/{a}"}]}}"#;
    let mut filter = ListFilter::new(Arc::new(policy), bits([0]), Era::Legacy, Framing::Json, &Memory::unlimited());
    assert!(filter.push(body.as_bytes()).unwrap().is_empty());
    let expected = r#"{"result":{"prompts":[{"name":"q"}],"resources":[{"uri":"x:y"}],"resourceTemplates":[]}}"#;
    assert_eq!(filter.finish().unwrap(), expected);
    let methods = ["tools/list", "prompts/list", "resources/list", "resources/templates/list", "tools/call"];
    assert_eq!(methods.map(|m| ListKind::of_method(m).is_some()), [true, true, true, true, false]);
}

#[test]
fn what_cannot_be_read_fails() {
    let bodies = [
        r#"{"result":{"tools":[{"name":"echo"}]"#,
        r#"{"result":{"tools":[]}} x"#,
        r#"{"result":{"tools":[]},"r\u0065sult":{"tools":[{"name":"z"}]}}"#,
        r#"{"result":{"tools":[],"tools":[{"name":"z"}]}}"#,
        r#"{"result":{"tools":{"z":{}}}}"#,
        r#"{"result":{"tools":"z"}}"#,
        "\u{feff}{\"result\":{\"tools\":[]}}",
        "x",
        "[1]",
    ];
    for body in bodies {
        assert_eq!(whole(Era::Legacy, body), Err(FilterError::Unreadable), "{body}");
        let event = format!("data: {body}\n\n");
        let streamed = run(Era::Legacy, Framing::Sse, &[event.as_bytes()]);
        assert_eq!(streamed, if body == "x" { Ok(event) } else { Err(FilterError::Unreadable) }, "{body}");
    }
    assert_eq!(run(Era::Legacy, Framing::Json, &[b"{\"a\":\"\xff\"}"]), Err(FilterError::Unreadable));
    assert_eq!(run(Era::Legacy, Framing::Sse, &[b"data: {\"a\":\"\xff\"}\n\n"]), Err(FilterError::Unreadable));
    assert_eq!(run(Era::Legacy, Framing::Json, &[&[b' '; 600], &[b' '; 600]]), Err(FilterError::TooLong(1000)));
    assert_eq!(run(Era::Legacy, Framing::Sse, &[&[b'x'; 600], &[b'x'; 600]]), Err(FilterError::TooLong(1000)));
    let lines = b"data: x\n".repeat(200);
    assert_eq!(run(Era::Legacy, Framing::Sse, &[&lines]), Err(FilterError::TooLong(1000)));
}

#[test]
fn a_failed_filter_stays_failed() {
    let mut filter = ListFilter::new(policy(), bits([0]), Era::Legacy, Framing::Sse, &Memory::unlimited());
    assert_eq!(filter.push(b"data: {\n\n"), Err(FilterError::Unreadable));
    assert_eq!(filter.push(b"data: {}\n\n"), Err(FilterError::Unreadable));
    assert_eq!(filter.finish(), Err(FilterError::Unreadable));
}

#[test]
fn narrowed_scopes_count_from_then_on() {
    let mut filter = ListFilter::new(policy(), bits([0, 1]), Era::Legacy, Framing::Sse, &Memory::unlimited());
    let event = b"data: {\"result\":{\"tools\":[{\"name\":\"get_a\"}]}}\n\n";
    assert_eq!(filter.push(event).unwrap(), &event[..]);
    filter.hold(bits([0]));
    assert_eq!(filter.push(event).unwrap(), "data: {\"result\":{\"tools\":[]}}\n\n");
}

#[test]
fn framing_is_read_off_the_headers() {
    let of = |pairs: &[(header::HeaderName, &'static str)]| {
        let mut map = HeaderMap::new();
        for (name, value) in pairs {
            map.append(name, HeaderValue::from_static(value));
        }
        Framing::of(&map)
    };
    let (ty, enc) = (header::CONTENT_TYPE, header::CONTENT_ENCODING);
    assert_eq!(of(&[(ty.clone(), "Text/Event-Stream; charset=utf-8")]), Ok(Framing::Sse));
    assert_eq!(of(&[(ty.clone(), "application/json")]), Ok(Framing::Json));
    assert_eq!(of(&[(ty.clone(), "application/json"), (enc.clone(), "identity")]), Ok(Framing::Json));
    assert_eq!(of(&[(ty.clone(), "application/json"), (enc, "gzip")]), Err(FilterError::Encoded));
    assert_eq!(of(&[(ty.clone(), "text/html")]), Err(FilterError::ContentType));
    assert_eq!(of(&[(ty.clone(), "application/json"), (ty, "text/event-stream")]), Err(FilterError::ContentType));
    assert_eq!(of(&[]), Err(FilterError::ContentType));
}

/// Names and patterns over two letters meet often; escapes and odd characters come along.
fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(prop_oneof![4 => "[ab]{1,4}".boxed(), 1 => any::<String>().boxed()], 0..8)
}

fn needs() -> impl Strategy<Value = Need> {
    prop_oneof![Just(Need::Denied), prop::collection::vec(0..3_usize, 0..3).prop_map(|p| Need::Scopes(bits(p)))]
}

fn policies() -> impl Strategy<Value = Arc<ServerPolicy>> {
    let patterns = prop::collection::btree_map("[ab*]{1,3}", needs(), 0..6);
    (patterns, needs())
        .prop_map(|(patterns, default)| Arc::new(ServerPolicy::for_tools(bits([0]), NamePolicy::new(patterns, default).unwrap())))
}

/// The names in the `tools` of the answer.
fn listed(message: &str) -> Vec<String> {
    let message: Value = serde_json::from_str(message).unwrap();
    message["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

fn filtered(filter: &mut ListFilter, body: &[u8], cuts: &[usize]) -> String {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut % (body.len() + 1)).collect();
    at.sort_unstable();
    at.push(body.len());
    let mut from = 0;
    let mut out = Vec::new();
    for to in at {
        out.extend_from_slice(&filter.push(&body[from..to]).unwrap());
        from = to;
    }
    out.extend_from_slice(&filter.finish().unwrap());
    String::from_utf8(out).unwrap()
}

proptest! {
    #[test]
    fn listed_is_callable(
        policy in policies(), names in names(), held in prop::collection::vec(0..3_usize, 0..4),
        cuts in prop::collection::vec(any::<usize>(), 0..20), modern in any::<bool>(),
        eol in prop_oneof![Just("\n"), Just("\r\n"), Just("\r")], pretty in any::<bool>(),
    ) {
        let held = bits(held);
        let tools: Vec<Value> = names.iter().map(|name| json!({"name": name, "inputSchema": {"name": "ab"}})).collect();
        let message = json!({"jsonrpc": "2.0", "id": 1, "result": {"tools": tools, "cacheScope": "public"}});
        let text = if pretty { serde_json::to_string_pretty(&message).unwrap() } else { message.to_string() };
        let callable: Vec<String> = names
            .into_iter()
            .filter(|name| Target::tool(name).is_some_and(|target| policy.allows(&target, &held) == Verdict::Allowed))
            .collect();
        let era = if modern { Era::Modern } else { Era::Legacy };

        let mut filter = ListFilter::new(Arc::clone(&policy), held, era, Framing::Json, &Memory::unlimited());
        prop_assert_eq!(&listed(&filtered(&mut filter, text.as_bytes(), &cuts)), &callable);

        let data: Vec<String> = text.lines().map(|line| format!("data: {line}{eol}")).collect();
        let progress = r#"{"jsonrpc":"2.0","method":"notifications/progress"}"#;
        let (before, after) = (format!("data:{progress}{eol}{eol}: alive{eol}id: 7{eol}"), format!("event: message{eol}{eol}:{eol}"));
        let stream = format!("{before}{}{after}", data.concat());
        let mut filter = ListFilter::new(policy, held, era, Framing::Sse, &Memory::unlimited());
        let out = filtered(&mut filter, stream.as_bytes(), &cuts);
        let kept = out.strip_prefix(&before).and_then(|rest| rest.strip_suffix(&after)).unwrap();
        let payload: Vec<&str> = kept.split(eol).map(|line| line.strip_prefix("data: ").unwrap_or(line)).collect();
        prop_assert_eq!(&listed(&payload.join("\n")), &callable);
    }

    #[test]
    fn streams_without_lists_pass_unchanged(
        lines in prop::collection::vec("(data|data:|data: [a-z\"]{0,5}|: ?[a-z]*|id: ?[0-9]|event: x|retry|\u{feff}|é)?(\n|\r|\r\n)", 0..20),
        cuts in prop::collection::vec(any::<usize>(), 0..20),
    ) {
        let stream = lines.concat();
        let mut filter = ListFilter::new(policy(), ScopeBits::NONE, Era::Modern, Framing::Sse, &Memory::unlimited());
        prop_assert_eq!(filtered(&mut filter, stream.as_bytes(), &cuts), stream);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..200), sse in any::<bool>()) {
        let mut filter = ListFilter::new(policy(), ScopeBits::NONE, Era::Modern, if sse { Framing::Sse } else { Framing::Json }, &Memory::unlimited());
        let _ = filter.push(&bytes);
        let _ = filter.finish();
    }
}
