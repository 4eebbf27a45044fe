//! Listed ⟺ callable: every kind of list, page by page, in both framings, against calls as the gate reads them.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::bits;
use crate::mcp::{Era, Framing, Limits, ListFilter, ListKind, NamePolicy, Need, ServerPolicy, Verdict, parse};
use crate::types::{Memory, ScopeBits};

/// Names that meet the patterns, some with text that no message may carry.
fn names() -> impl Strategy<Value = Vec<String>> {
    let name = prop_oneof![
        6 => "[ab:/]{1,5}".boxed(),
        4 => "[aA]://[aA]?(/(a|b|\\.|\\.\\.|%61|%2e|%2F|%21|!|\\\\|#)){0,4}/?".boxed(),
        1 => "[ab]\\{[ab]\\}".boxed(),
        1 => any::<String>().boxed(),
    ];
    prop::collection::vec(name, 0..7)
}

fn need() -> impl Strategy<Value = Need> {
    prop_oneof![Just(Need::Denied), prop::collection::vec(0..4_usize, 0..3).prop_map(|p| Need::Scopes(bits(p)))]
}

fn name_policy() -> impl Strategy<Value = NamePolicy> {
    (prop::collection::btree_map("[ab:/*]{1,4}", need(), 0..6), need())
        .prop_map(|(patterns, default)| NamePolicy::new(patterns, default).unwrap())
}

/// Patterns that are a URI's, as they would be configured.
fn uri_policy() -> impl Strategy<Value = NamePolicy> {
    let pattern = prop_oneof!["[ab*]{1,4}", "a:/?/?/?[ab!*]{0,3}(/[ab*]{1,2})?"];
    (prop::collection::btree_map(pattern, need(), 0..6), need())
        .prop_filter_map("a policy", |(patterns, default)| NamePolicy::for_uris(patterns, default).ok())
}

fn policy() -> impl Strategy<Value = Arc<ServerPolicy>> {
    (name_policy(), name_policy(), uri_policy()).prop_map(|(tools, prompts, resources)| {
        Arc::new(ServerPolicy { invoke: bits([0]), tools, prompts, resources, tasks: false })
    })
}

/// How each kind is listed and what a client sends to use an entry. A template is used by completing it: URIs that are made from
/// it are resources, judged by themselves.
const KINDS: [(&str, &str, &str); 4] = [
    ("tools/list", "tools", "name"),
    ("prompts/list", "prompts", "name"),
    ("resources/list", "resources", "uri"),
    ("resources/templates/list", "resourceTemplates", "uriTemplate"),
];

fn usage(kind: usize, name: &str) -> Value {
    let (method, params) = match kind {
        0 => ("tools/call", json!({"name": name, "arguments": {}})),
        1 => ("prompts/get", json!({"name": name})),
        2 => ("resources/read", json!({"uri": name})),
        _ => {
            let argument = json!({"name": "a", "value": ""});
            ("completion/complete", json!({"ref": {"type": "ref/resource", "uri": name}, "argument": argument}))
        }
    };
    json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
}

/// What the gate decides about using `name`.
fn callable(policy: &ServerPolicy, kind: usize, name: &str, held: &ScopeBits) -> bool {
    let Ok(message) = parse(usage(kind, name).to_string().as_bytes(), &Limits::default()) else { return false };
    message
        .call()
        .is_some_and(|call| call.target.is_some() && call.targets().all(|target| policy.allows(target, held) == Verdict::Allowed))
}

fn cut(filter: &mut ListFilter, body: &[u8], size: usize) -> String {
    let mut out = Vec::new();
    for chunk in body.chunks(size) {
        out.extend_from_slice(&filter.push(chunk).unwrap());
    }
    out.extend_from_slice(&filter.finish().unwrap());
    String::from_utf8(out).unwrap()
}

/// One page through the filter.
fn page(filter: &mut ListFilter, framing: Framing, message: &Value, size: usize) -> Value {
    let text = message.to_string();
    match framing {
        Framing::Json => serde_json::from_str(&cut(filter, text.as_bytes(), size)).unwrap(),
        Framing::Sse => {
            let out = cut(filter, format!("event: message\ndata: {text}\n\n").as_bytes(), size);
            serde_json::from_str(out.strip_prefix("event: message\ndata: ").unwrap().trim_end()).unwrap()
        }
    }
}

proptest! {
    #[test]
    fn what_is_listed_on_any_page_is_what_can_be_used(
        policy in policy(), names in names(), held in prop::collection::vec(0..4_usize, 0..4), kind in 0..KINDS.len(),
        per_page in 1..4_usize, modern in any::<bool>(), sse in any::<bool>(), size in 1..40_usize,
    ) {
        let held = bits(held);
        let (method, member, key) = KINDS[kind];
        prop_assert!(ListKind::of_method(method).is_some());
        let era = if modern { Era::Modern } else { Era::Legacy };
        let framing = if sse { Framing::Sse } else { Framing::Json };
        let pages: Vec<&[String]> = names.chunks(per_page).collect();
        let mut listed = Vec::new();
        for (number, names) in pages.iter().enumerate() {
            let items: Vec<Value> = names.iter().map(|name| json!({key: name, "title": "a"})).collect();
            let mut result = json!({member: items});
            if number + 1 < pages.len() {
                result["nextCursor"] = json!(format!("page-{}", number + 1));
            }
            let cursor = result["nextCursor"].clone();
            let message = json!({"jsonrpc": "2.0", "id": number, "result": result});
            let mut filter = ListFilter::new(Arc::clone(&policy), held, era, framing, &Memory::unlimited());
            let seen = page(&mut filter, framing, &message, size);
            // A page may come out empty: the cursor still leads on, or what stands on later pages would be lost.
            prop_assert_eq!(&seen["result"]["nextCursor"], &cursor);
            prop_assert_eq!(&seen["id"], &json!(number));
            if modern {
                prop_assert_eq!(&seen["result"]["cacheScope"], "private");
            }
            let items = seen["result"][member].as_array().unwrap();
            listed.extend(items.iter().map(|item| item[key].as_str().unwrap().to_owned()));
        }
        let usable: Vec<String> = names.iter().filter(|name| callable(&policy, kind, name, &held)).cloned().collect();
        prop_assert_eq!(listed, usable);
    }
}

/// What a lenient server makes of a path: escapes undone, dots followed, empty segments dropped.
fn lenient(uri: &str) -> Option<String> {
    let path = uri.strip_prefix("log://")?.split('#').next()?;
    let escapes = [("%70", "p"), ("%2e", "."), ("%2E", "."), ("%2F", "/"), ("\\", "/")];
    let path = escapes.iter().fold(path.to_owned(), |path, (escape, plain)| path.replace(escape, plain));
    let mut segments = Vec::new();
    for segment in path.split('/') {
        match segment {
            "" | "." => {}
            ".." => drop(segments.pop()),
            other => segments.push(other),
        }
    }
    Some(segments.join("/"))
}

proptest! {
    #[test]
    fn no_spelling_leads_past_a_guard(uri in r"log://(/(a|p|\.|\.\.|%70|%2e|%2E\.|a%2F\.\.|\\|#|p#)){1,5}") {
        let patterns = [("log:///*", Need::Scopes(ScopeBits::NONE)), ("log:///p/*", Need::Denied), ("log:///p", Need::Denied)];
        let guarded = NamePolicy::for_uris(patterns, Need::Denied).unwrap();
        let reached = lenient(&uri).unwrap();
        prop_assert!(guarded.needed(&uri) == Need::Denied || reached.split('/').next() != Some("p"), "{} is {}", uri, reached);
    }
}
