//! What is a message, and what only looks like one.

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::mcp::{BadReason, Limits, Message, Target, parse};

fn read(body: &str) -> Result<Message, BadReason> {
    parse(body.as_bytes(), &Limits::default()).map_err(|bad| bad.reason)
}

fn call(method: &str, params: &str) -> String {
    format!(r#"{{"jsonrpc":"2.0","id":1,"method":"{method}","params":{params}}}"#)
}

fn target(body: &str) -> Result<Option<Target>, BadReason> {
    read(body).map(|message| message.call().and_then(|call| call.target.clone()))
}

#[test]
fn a_call_gives_its_target() {
    let tool = |name: &str| Ok(Target::tool(name));
    let table = [
        ("tools/call", r#"{"name":"echo","arguments":{"name":"other"}}"#, tool("echo")),
        ("tools/call", r#"{"arguments":{"a":1e5},"name":"\u0065cho"}"#, tool("echo")),
        ("tools/call", r#"{"name":"Echo"}"#, tool("Echo")),
        ("prompts/get", r#"{"name":"p"}"#, Ok(Target::prompt("p"))),
        ("resources/read", r#"{"uri":"file:///a","name":"x"}"#, Ok(Target::resource("file:///a"))),
        ("resources/subscribe", r#"{"uri":"file:///a"}"#, Ok(Target::resource("file:///a"))),
        ("resources/unsubscribe", r#"{"uri":"file:///a"}"#, Ok(Target::resource("file:///a"))),
        ("resources/subscribe", r#"{"name":"x"}"#, Ok(None)),
        ("resources/unsubscribe", "null", Ok(None)),
        ("resources/subscribe", r#"{"uri":null}"#, Err(BadReason::Target)),
        ("resources/subscribe", r#"{"URI":"file:///a"}"#, Err(BadReason::Lookalike)),
        ("resources/read", "{}", Err(BadReason::Target)),
        ("completion/complete", r#"{"ref":{"type":"ref/prompt","name":"p"}}"#, Ok(Target::prompt("p"))),
        ("completion/complete", r#"{"ref":{"uri":"u://{x}","type":"ref/resource"}}"#, Ok(Target::resource("u://{x}"))),
        ("completion/complete", r#"{"ref":{"type":"ref/tool","name":"p"}}"#, Err(BadReason::Target)),
        ("completion/complete", r#"{"name":"p"}"#, Err(BadReason::Target)),
        ("tools/call", r#"{"arguments":{}}"#, Err(BadReason::Target)),
        ("tools/call", r#"{"name":["echo"]}"#, Err(BadReason::Target)),
        ("tools/call", r#"{"name":""}"#, Err(BadReason::Target)),
        ("tools/call", r#"{"name":"echo\u0000.md"}"#, Err(BadReason::Target)),
        ("tools/call", r#"{"name":"echo\n"}"#, Err(BadReason::Target)),
        ("tools/call", r#"["echo"]"#, Err(BadReason::Params)),
        ("resources/read", r#"{"name":"file:///a"}"#, Err(BadReason::Target)),
        ("tools/list", r#"{"name":"echo"}"#, Ok(None)),
        ("tools/list", "null", Ok(None)),
    ];
    for (method, params, expected) in table {
        assert_eq!(target(&call(method, params)), expected, "{method} {params}");
    }
}

#[test]
fn what_is_about_tasks_is_known() {
    let tasks = |method: &str, params: &str| read(&call(method, params)).unwrap().call().unwrap().tasks;
    for method in ["tasks/get", "tasks/result", "tasks/update", "tasks/cancel", "tasks/list", "tasks/later", "TASKS/later"] {
        assert!(tasks(method, r#"{"taskId":"t"}"#), "{method}");
    }
    let wants = |params: &str| read(&call("tools/call", params)).unwrap().call().unwrap().wants_task;
    assert!(wants(r#"{"name":"echo","task":{"ttl":1}}"#) && !wants(r#"{"name":"echo","arguments":{"task":{}}}"#));
    assert!(tasks("subscriptions/listen", r#"{"notifications":{"taskIds":["t"]}}"#));
    assert!(!tasks("tools/call", r#"{"name":"echo","arguments":{"task":{}}}"#));
    assert!(!tasks("task/get", "{}"));
    assert_eq!(read(&call("tools/call", r#"{"name":"echo","Task":{}}"#)), Err(BadReason::Lookalike));
    assert_eq!(read(&call("Tasks/get", r#"{"taskId":"t"}"#)), Err(BadReason::Method));
}

#[test]
fn listening_names_every_resource() {
    let read =
        |uris: &str| read(&call("subscriptions/listen", &format!(r#"{{"notifications":{{"resourceSubscriptions":{uris}}}}}"#)));
    let message = read(r#"["a:b","c:d"]"#).unwrap();
    let targets: Vec<_> = message.call().unwrap().targets().cloned().collect();
    assert_eq!(targets, [Target::resource("a:b").unwrap(), Target::resource("c:d").unwrap()]);
    for uris in [r#"["a:b",1]"#, r#"[["a:b"]]"#, r#"{"0":"a:b"}"#, r#""a:b""#, r#"[""]"#] {
        assert_eq!(read(uris), Err(BadReason::Target), "{uris}");
    }
}

#[test]
fn kinds_of_messages() {
    assert!(matches!(read(r#"{"jsonrpc":"2.0","id":"a","method":"ping"}"#), Ok(Message::Request { .. })));
    assert!(matches!(read(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#), Ok(Message::Notification { .. })));
    assert!(matches!(read(r#"{"jsonrpc":"2.0","id":1,"result":{}}"#), Ok(Message::Response { id: Some(_) })));
    assert!(matches!(read(r#"{"jsonrpc":"2.0","error":{"code":1,"message":""}}"#), Ok(Message::Response { id: None })));
    // A notification is acted upon like a request, so it has a target too.
    let told = read(r#"{"jsonrpc":"2.0","method":"tools/call","params":{"name":"echo"}}"#).unwrap();
    assert_eq!(told.call().unwrap().target, Target::tool("echo"));
}

#[test]
fn tricks_are_refused() {
    let deep = |n: usize| {
        format!(r#"{{"jsonrpc":"2.0","id":1,"method":"m","params":{}{}}}"#, r#"{"a":"#.repeat(n), "1") + &"}".repeat(n)
    };
    let not_json = BadReason::Json { line: 0, column: 0 };
    let long_name = "n".repeat(1025);
    let table: Vec<(String, BadReason)> = vec![
        // One message, one object.
        ("[]".into(), BadReason::Batch),
        (format!(" \n[{}]", call("tools/call", r#"{"name":"a"}"#)), BadReason::Batch),
        ("\"x\"".into(), BadReason::NotObject),
        (format!("{} {{}}", call("m", "{}")), not_json),
        (format!("\u{feff}{}", call("m", "{}")), not_json),
        (String::new(), not_json),
        // Duplicates, also written with escapes, at any depth.
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","m\u0065thod":"tools/call"}"#.into(), BadReason::Duplicate),
        (r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#.into(), BadReason::Duplicate),
        (call("tools/call", r#"{"name":"a","n\u0061me":"b"}"#), BadReason::Duplicate),
        (call("tools/call", r#"{"name":"a","arguments":{"x":[{"y":1,"y":2}]}}"#), BadReason::Duplicate),
        // Readers that fold case, or stop at NUL.
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","Method":"tools/call"}"#.into(), BadReason::Lookalike),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","method\u0000":"tools/call"}"#.into(), BadReason::Lookalike),
        (r#"{"jsonrpc":"2.0","id":1,"method":"ping","paramſ":{}}"#.into(), BadReason::Lookalike),
        (call("tools/call", r#"{"name":"a","NAME":"b"}"#), BadReason::Lookalike),
        (call("tools/call", r#"{"name":"a","name\u0000":"b"}"#), BadReason::Lookalike),
        (call("Tools/Call", r#"{"name":"a"}"#), BadReason::Method),
        (call("Tools/List", "{}"), BadReason::Method),
        (call("resources/templates/LIST", "{}"), BadReason::Method),
        (call("Initialize", "{}"), BadReason::Method),
        (call("tools/call ", r#"{"name":"a"}"#), BadReason::Method),
        (call(r"tools/call\u0000", r#"{"name":"a"}"#), BadReason::Method),
        (call("", "{}"), BadReason::Method),
        // Text that is none, numbers that are none.
        (call("m", r#"{"a":"\ud800"}"#), not_json),
        (call("m", r#"{"a":"\udc00\ud800"}"#), not_json),
        (call("m", r#"{"a":1e999}"#), not_json),
        (call("m", r#"{"a":01}"#), not_json),
        (call("m", r#"{"a":NaN}"#), not_json),
        (call("m", r#"{"a":1,}"#), not_json),
        (deep(32), BadReason::Depth),
        // Shape.
        (r#"{"id":1,"method":"ping"}"#.into(), BadReason::JsonRpc),
        (r#"{"jsonrpc":2.0,"id":1,"method":"ping"}"#.into(), BadReason::JsonRpc),
        (r#"{"jsonrpc":"2.0","id":1}"#.into(), BadReason::Shape),
        (r#"{"jsonrpc":"2.0","id":1,"method":"tools/call","result":{}}"#.into(), BadReason::Shape),
        (r#"{"jsonrpc":"2.0","id":1,"result":{},"error":{}}"#.into(), BadReason::Shape),
        (r#"{"jsonrpc":"2.0","id":1,"method":null}"#.into(), BadReason::Method),
        (r#"{"jsonrpc":"2.0","id":null,"method":"ping"}"#.into(), BadReason::Id),
        (r#"{"jsonrpc":"2.0","id":1.5,"method":"ping"}"#.into(), BadReason::Id),
        (r#"{"jsonrpc":"2.0","id":{"a":1,"a":2},"method":"ping"}"#.into(), BadReason::Id),
        (r#"{"jsonrpc":"2.0","id":"\ud800","method":"ping"}"#.into(), BadReason::Id),
        (format!(r#"{{"jsonrpc":"2.0","id":"{}","method":"ping"}}"#, "i".repeat(255)), BadReason::Id),
        (call("tools/call", &format!(r#"{{"name":"{long_name}"}}"#)), BadReason::Target),
        (call("m", r#"{"_meta":{"io.modelcontextprotocol/protocolVersion":1}}"#), BadReason::Params),
        (call("m", r#"{"_meta":[]}"#), BadReason::Params),
    ];
    for (body, reason) in table {
        let refused = read(&body).map_err(|e| if matches!(e, BadReason::Json { .. }) { not_json } else { e });
        assert_eq!(refused, Err(reason), "{body}");
    }
    assert_eq!(read("{\n\"a\":x}"), Err(BadReason::Json { line: 2, column: 5 }));
    assert!(read(&deep(31)).is_ok());
    assert_eq!(parse(b"{\"a\":\"\xff\"}", &Limits::default()).map_err(|bad| bad.reason), Err(BadReason::Encoding));
}

#[test]
fn limits_hold() {
    let body = call("m", r#"{"a":[[[1]]]}"#);
    let with = |bytes, depth| parse(body.as_bytes(), &Limits { bytes, depth }).map_err(|bad| bad.reason);
    assert!(with(body.len(), 5).is_ok());
    assert_eq!(with(body.len() - 1, 5), Err(BadReason::Size(body.len() - 1)));
    assert_eq!(with(body.len(), 4), Err(BadReason::Depth));
    let deepest = call("m", &format!("{}1{}", r#"{"a":"#.repeat(64), "}".repeat(64)));
    let unlimited = Limits { bytes: usize::MAX, depth: usize::MAX };
    assert_eq!(parse(deepest.as_bytes(), &unlimited).map_err(|bad| bad.reason), Err(BadReason::Depth));
}

#[test]
fn ids_are_kept_as_written() {
    for id in ["1", "-7", "9007199254740993", r#""a\u0062\"""#, r#""ü""#] {
        let body = format!(r#"{{"jsonrpc":"2.0","id": {id} ,"method":"ping"}}"#);
        assert_eq!(read(&body).unwrap().reply_id().unwrap().as_json(), id);
    }
    // Where only the content is wrong, the answer can still be matched to the call; where the text is, it can't.
    let id_of = |body: &str| parse(body.as_bytes(), &Limits::default()).unwrap_err().id.map(|id| id.as_json().to_owned());
    assert_eq!(id_of(&call("tools/call", "{}")), Some("1".to_owned()));
    assert_eq!(id_of(r#"{"jsonrpc":"2.0","id":1,"id":2,"method":"ping"}"#), None);
}

#[test]
fn many_members_cost_no_square() {
    let members: Vec<String> = (0..100_000).map(|i| format!("\"{i}\":0")).collect();
    let body = call("m", &format!("{{{}}}", members.join(",")));
    assert!(parse(body.as_bytes(), &Limits { bytes: 4 << 20, depth: 8 }).is_ok());
    let doubled = body.replace("\"99999\":0", "\"99999\":0,\"5\\u0030000\":0");
    assert_eq!(parse(doubled.as_bytes(), &Limits { bytes: 4 << 20, depth: 8 }).unwrap_err().reason, BadReason::Duplicate);
}

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,8}".prop_map(Value::from)
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::btree_map("[a-z]{1,3}", inner, 0..6).prop_map(Value::from_iter),
        ]
    })
}

/// Every way to repeat one member of one object in `value`, as JSON text.
fn doubled(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => {
            let whole = |with: Option<(&String, &str)>| {
                let member = |(k, v): (&String, &Value)| match with {
                    Some((key, text)) if key == k => format!("{}:{text}", json!(k)),
                    _ => format!("{}:{v}", json!(k)),
                };
                map.iter().map(member).collect::<Vec<_>>().join(",")
            };
            let here = map.iter().map(|(k, v)| format!("{{{},{}:{v}}}", whole(None), json!(k)));
            let below = map.iter().flat_map(|(k, v)| doubled(v).into_iter().map(move |text| (k, text)));
            here.chain(below.map(|(k, text)| format!("{{{}}}", whole(Some((k, &text)))))).collect()
        }
        Value::Array(items) => {
            let other = |i: usize, text: &str| {
                let item = |(j, v): (usize, &Value)| if i == j { text.to_owned() } else { v.to_string() };
                format!("[{}]", items.iter().enumerate().map(item).collect::<Vec<_>>().join(","))
            };
            items.iter().enumerate().flat_map(|(i, v)| doubled(v).into_iter().map(move |text| other(i, &text))).collect()
        }
        _ => Vec::new(),
    }
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &Limits::default());
    }

    #[test]
    fn never_panics_on_mangled_messages(at in 0..100_usize, byte in any::<u8>()) {
        let mut body = call("tools/call", r#"{"name":"a\u0062","arguments":{"x":[1,-2.5e3,"\ud83d\ude00"]}}"#).into_bytes();
        let at = at % body.len();
        body[at] = byte;
        let _ = parse(&body, &Limits::default());
    }

    #[test]
    fn duplicates_anywhere_are_refused(arguments in value()) {
        let message = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "a", "arguments": arguments}});
        prop_assert_eq!(target(&message.to_string()), Ok(Target::tool("a")));
        for body in doubled(&message) {
            prop_assert_eq!(read(&body), Err(BadReason::Duplicate), "{}", body);
        }
    }
}
