//! Listed ⟺ callable, through the gate: random policies, roles and grants, every kind of list, page by page, in both framings.

use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use crate::harness::http1::{Request, Response, ask};
use crate::harness::{Caller, Gateway, Setup};

const SCOPES: [&str; 4] = ["s:0", "s:1", "s:2", "s:3"];
const PATH: &str = "/mcp/random";

/// What a name needs: nobody may, or these scopes, perhaps with one value of one argument alone.
#[derive(Clone, Debug)]
enum Rule {
    Deny,
    Scopes(Vec<&'static str>),
    When(Vec<&'static str>),
}

/// One policy for names of a kind.
#[derive(Clone, Debug)]
struct Names {
    patterns: Vec<(String, Rule)>,
    default: Rule,
}

/// A gateway with a server, and somebody who uses it.
#[derive(Clone, Debug)]
struct World {
    tools: Names,
    prompts: Names,
    resources: Names,
    permitted: Vec<&'static str>,
    granted: Vec<&'static str>,
    /// What the role narrows by labels, which no server of tools knows.
    narrowed: Vec<&'static str>,
    listed: Vec<String>,
    per_page: usize,
}

fn scopes() -> impl Strategy<Value = Vec<&'static str>> {
    subsequence(&SCOPES[..], 0..3)
}

fn rule(conditions: bool) -> impl Strategy<Value = Rule> {
    let when = u32::from(conditions);
    prop_oneof![2 => Just(Rule::Deny), 4 => scopes().prop_map(Rule::Scopes), when => scopes().prop_map(Rule::When)]
}

fn names(pattern: &'static str, conditions: bool) -> impl Strategy<Value = Names> {
    let patterns = prop::collection::btree_map(pattern, rule(conditions), 0..5);
    (patterns, rule(false)).prop_map(|(patterns, default)| Names { patterns: patterns.into_iter().collect(), default })
}

fn world() -> impl Strategy<Value = World> {
    let policies =
        (names("[ab]{0,2}\\*|[ab]{1,3}", true), names("[ab]{0,2}\\*|[ab]{1,3}", true), names("x://[ab]{1,2}\\*?", false));
    let held = (subsequence(&SCOPES[..], 0..=4), subsequence(&SCOPES[..], 0..=4), subsequence(&SCOPES[..], 0..=2));
    let listed = prop::collection::btree_set("[ab]{1,3}", 1..8).prop_map(|names| names.into_iter().collect());
    (policies, held, listed, 1..4_usize).prop_map(|(policies, (permitted, granted, narrowed), listed, per_page)| {
        let (tools, prompts, resources) = policies;
        World { tools, prompts, resources, permitted, granted, narrowed, listed, per_page }
    })
}

impl Rule {
    fn written(&self) -> String {
        match self {
            Self::Deny => "\"deny\"".to_owned(),
            Self::Scopes(scopes) => format!("{scopes:?}"),
            Self::When(scopes) => format!("{{ scopes = {scopes:?}, when = {{ \"arguments.k\" = \"v\" }} }}"),
        }
    }
}

impl Names {
    fn written(&self) -> String {
        let mut text = String::new();
        for (pattern, rule) in &self.patterns {
            let _ = write!(text, "{pattern:?} = {}, ", rule.written());
        }
        format!("{{ {text}default = {} }}", self.default.written())
    }
}

impl World {
    fn configuration(&self) -> String {
        let scopes = SCOPES.map(|scope| format!("[scopes.{scope:?}]\ndescription = \"One of four\"\n")).concat();
        let permissions: Vec<_> = self.permitted.iter().chain(&["mcp:random:invoke"]).collect();
        let narrowed = self.narrowed.iter().filter(|scope| self.permitted.contains(scope));
        let selectors: Vec<_> = narrowed.map(|scope| format!("selectors.{scope:?} = {{ team = \"a\" }}\n")).collect();
        let selectors = selectors.concat();
        let metrics: String = SCOPES.iter().enumerate().map(|(i, scope)| series(i, scope)).collect();
        format!(
            "{scopes}[roles.random]\npermissions = {permissions:?}\n{selectors}[[apis]]\nname = \"series\"\nmount = \"/series\"\n\
             upstream = \"plain\"\n{metrics}[[apis]]\nname = \"random\"\nmount = \"{PATH}\"\nkind = \"mcp\"\nupstream = \"plain\"\ntools = {}\nprompts = {}\nresources = {}\n",
            self.tools.written(),
            self.prompts.written(),
            self.resources.written()
        )
    }
}

/// A route that reads labels: a scope may be narrowed where there is one.
fn series(number: usize, scope: &str) -> String {
    format!(
        "[[apis.routes]]\nid = \"series.{number}\"\nmatch = \"/{number}\"\nmethods = [\"GET\"]\nscopes = [{scope:?}]\n\
         enforce = \"promql_query\"\n"
    )
}

/// How a kind is listed, and how an entry is used. A template is used by completing it.
struct Kind {
    list: &'static str,
    member: &'static str,
    key: &'static str,
    usage: fn(&str) -> (&'static str, Value),
}

const KINDS: [Kind; 4] = [
    Kind {
        list: "tools/list",
        member: "tools",
        key: "name",
        usage: |name| ("tools/call", json!({"name": name, "arguments": {"k": "v"}})),
    },
    Kind {
        list: "prompts/list",
        member: "prompts",
        key: "name",
        usage: |name| ("prompts/get", json!({"name": name, "arguments": {"k": "v"}})),
    },
    Kind { list: "resources/list", member: "resources", key: "uri", usage: |name| ("resources/read", json!({"uri": name})) },
    Kind {
        list: "resources/templates/list",
        member: "resourceTemplates",
        key: "uriTemplate",
        usage: |name| {
            let reference = json!({"type": "ref/resource", "uri": name});
            ("completion/complete", json!({"ref": reference, "argument": {"name": "a", "value": ""}}))
        },
    },
];

async fn post(gw: &Gateway, caller: &Caller, behave: (&str, &Value), method: &str, params: &Value) -> Response {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params}).to_string();
    let said = json!({"jsonrpc": "2.0", "id": 1, "result": behave.1}).to_string();
    let request = Request::new("POST", PATH).bearer(&caller.token).header("Content-Type", "application/json").body(body);
    let request = request.header("Accept", "application/json, text/event-stream").header("X-Behave", behave.0);
    ask(gw.running.public, &request.header("X-Say", &said)).await
}

/// What the client sees of all pages.
async fn listed(gw: &Gateway, caller: &Caller, kind: &Kind, pages: &[&[String]], framing: &str) -> Vec<String> {
    let mut seen = Vec::new();
    for (number, names) in pages.iter().enumerate() {
        let items: Vec<_> = names.iter().map(|name| json!({kind.key: name, "title": "t"})).collect();
        let mut result = json!({kind.member: items});
        if number + 1 < pages.len() {
            result["nextCursor"] = json!(format!("page-{}", number + 1));
        }
        let response = post(gw, caller, (framing, &result), kind.list, &json!({})).await;
        assert_eq!(response.status, 200, "{response:?}");
        let text = String::from_utf8(response.body.clone()).expect("text");
        let text = text.strip_prefix("event: message\ndata: ").unwrap_or(&text);
        let message: Value = serde_json::from_str(text.trim_end()).unwrap_or_else(|e| panic!("{e}: {text}"));
        assert_eq!(message["result"]["nextCursor"], result["nextCursor"], "the cursor leads on, whatever a page has lost");
        let items = message["result"][kind.member].as_array().unwrap_or_else(|| panic!("a list in {message}"));
        seen.extend(items.iter().map(|item| item[kind.key].as_str().expect("a name").to_owned()));
    }
    seen
}

#[test]
fn what_is_listed_is_what_can_be_used() {
    let runtime = Runtime::new().expect("a runtime");
    let mut runner = TestRunner::new(Config { cases: 10, failure_persistence: None, ..Config::default() });
    let counted = std::cell::Cell::new((0, 0));
    let all = (world(), select(vec!["say", "say-events"]));
    let outcome = runner.run(&all, |(world, framing)| {
        runtime.block_on(async {
            let gw = Gateway::start_with(Setup { more: world.configuration(), ..Setup::default() }).await;
            let granted: Vec<_> = world.granted.iter().chain(&["mcp:random:invoke"]).copied().collect();
            let caller = gw.open_caller("acme", &["random"], &granted.join(" ")).await;
            for kind in &KINDS {
                let prefix = if kind.key.starts_with("uri") { "x://" } else { "" };
                let names: Vec<_> = world.listed.iter().map(|name| format!("{prefix}{name}")).collect();
                let pages: Vec<_> = names.chunks(world.per_page).collect();
                let listed = listed(&gw, &caller, kind, &pages, framing).await;
                let mut usable = Vec::new();
                for name in &names {
                    let (method, params) = (kind.usage)(name);
                    let before = gw.upstream.count();
                    let response = post(&gw, &caller, ("say", &json!({})), method, &params).await;
                    assert!(matches!(response.status, 200 | 403), "{response:?}");
                    assert_eq!(gw.upstream.count() - before, usize::from(response.status == 200), "{name}");
                    usable.extend((response.status == 200).then(|| name.clone()));
                }
                let (shown, hidden) = counted.get();
                counted.set((shown + usable.len(), hidden + names.len() - usable.len()));
                assert_eq!(listed, usable, "{} ({framing})", kind.list);
            }
            gw.running.stop().await;
        });
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
    let (shown, hidden) = counted.get();
    assert!(shown > 10 && hidden > 10, "{shown} could be used and {hidden} not: the property says little");
}
