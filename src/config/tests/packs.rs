//! What the packs let through, request by request in `packs/*.txt`, and held against the upstreams' own route lists.

mod upstreams;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use http::Method;
use serde_json::json;

use super::super::pack::{self, PACKS, RawPack};
use super::super::raw::RawKind;
use super::super::{Access, ApiKind, Config, ConfigErrors, Matrix, Tell};
use super::{parse, proved};
use crate::mcp::{self, Message, ServerPolicy, Target, Verdict};
use crate::routing::Lookup;
use crate::types::{RoleName, RouteId, ScopeBits};

/// A file that mounts one pack at `/x`, with `keys` in the table of its API.
fn mounted(pack: &str, keys: &str) -> String {
    let protocol = if super::super::pack::serves_grpc(pack) { "http2" } else { "http1" };
    let upstream = format!("[[upstreams]]\nname = \"u\"\nendpoints = [\"http://127.0.0.1:9\"]\nprotocol = {protocol:?}\n");
    format!("{upstream}[[apis]]\nname = \"x\"\nmount = \"/x\"\npack = {pack:?}\nupstream = \"u\"\n{keys}\n")
}

fn packs(kind: RawKind) -> impl Iterator<Item = (&'static str, RawPack)> {
    let read = |(name, text): &(&'static str, &str)| (*name, pack::parse(text).unwrap_or_else(|e| panic!("{name}: {e:?}")));
    PACKS.iter().map(read).filter(move |(_, pack)| pack.kind == kind)
}

/// What a request to the first API needs: its scopes, or why there is no route; and the route.
fn needs(config: &Config, method: &Method, path: &str) -> (String, Option<RouteId>) {
    match config.apis[0].routes.lookup(path, method) {
        Lookup::Found { route, captures } => {
            let reserved = |c: &String| captures.value(c).is_some_and(|value| value.starts_with('_'));
            let needs = match &route.access {
                _ if route.index_captures.iter().any(reserved) => "reserved".to_owned(),
                Access::Public => "public".to_owned(),
                Access::Scopes(rule) => config.catalogue.scopes(&rule.every()).to_string(),
            };
            (needs, Some(route.id.clone()))
        }
        Lookup::MethodNotAllowed { .. } => ("method".to_owned(), None),
        Lookup::NotFound => ("none".to_owned(), None),
    }
}

#[test]
fn every_pack_is_whole() {
    for (name, pack) in packs(RawKind::Http) {
        assert!(pack.routes.iter().all(|r| r.id.is_some() && !r.public), "{name}: every route has an id and scopes");
    }
    for (name, pack) in packs(RawKind::Http).chain(packs(RawKind::Mcp)) {
        assert!(pack.scopes.values().all(|s| s.group.is_some() && s.risk.is_some()), "{name}: every scope says group and risk");
    }
}

#[test]
fn every_pack_mounts_without_a_warning() {
    for (name, pack) in packs(RawKind::Http) {
        let (_, warnings) = parse(&mounted(name, "")).unwrap_or_else(|e| panic!("{name}: {e}"));
        let warned: Vec<_> = warnings.iter().map(|w| w.path.as_str()).collect();
        assert_eq!(warned, vec!["apis[0].pack"; usize::from(pack.tenant_wants.is_some())], "{name}");
    }
}

/// An upstream that has to be told to look at the tenant is a warning until somebody says that it was.
#[test]
fn upstreams_that_look_at_no_tenant_by_themselves_are_a_warning() {
    for (pack, wants) in
        [("thanos", "--query.enforce-tenancy"), ("tempo", "multitenancy_enabled"), ("jaeger", "multi_tenancy.enabled")]
    {
        let (_, warnings) = parse(&mounted(pack, "")).unwrap_or_else(|e| panic!("{pack}: {e}"));
        let texts: Vec<_> = warnings.iter().map(ToString::to_string).collect();
        assert!(texts.len() == 1 && texts[0].contains(wants), "{pack}: {texts:?}");
        let own = "tenant = { mode = \"header\", name = \"X-T\", value = \"{org.id}\" }";
        let (_, warnings) = parse(&mounted(pack, own)).unwrap_or_else(|e| panic!("{pack}: {e}"));
        assert_eq!(warnings, [], "{pack}");
    }
}

/// A scope means the same on the consent page, whichever pack brings it.
#[test]
fn packs_describe_a_scope_alike() {
    let mut seen: BTreeMap<String, (&str, String)> = BTreeMap::new();
    for (name, pack) in packs(RawKind::Http) {
        for (scope, raw) in &pack.scopes {
            let text = format!("{raw:?}");
            let (first, known) = seen.entry(scope.clone()).or_insert((name, text.clone()));
            assert_eq!(*known, text, "{scope} of {first} and of {name}");
        }
    }
}

/// Each line of a table is a request and what becomes of it; each route of a pack is named by a line.
#[test]
fn packs_let_through_what_their_tables_say() {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/packs");
    for (name, pack) in packs(RawKind::Http) {
        let table = std::fs::read_to_string(tables.join(format!("{name}.txt"))).unwrap_or_else(|e| panic!("{name}.txt: {e}"));
        let config = proved(&mounted(name, ""));
        let (mut seen, mut refused) = (BTreeSet::new(), 0);
        for line in table.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [method, path, expected] = words[..] else { panic!("{name}.txt: {line}") };
            let (found, route) = needs(&config, &method.parse().expect("a method"), path);
            assert_eq!(found, expected, "{name}: {method} {path}");
            refused += usize::from(expected == "none");
            seen.extend(route);
        }
        let all: BTreeSet<_> = config.apis[0].listing.iter().map(|r| r.id.clone()).collect();
        assert_eq!(seen, all, "{name}: each route has a line in {name}.txt");
        assert!(refused >= 2 && pack.routes.iter().count() == all.len(), "{name}: what is refused is in the table too");
    }
}

/// A request of MCP with this method, about something where the method is.
fn message(method: &str, about: &str) -> String {
    let params = match method.to_ascii_lowercase().as_str() {
        "tools/call" | "prompts/get" => json!({ "name": about }),
        "resources/read" | "resources/subscribe" | "resources/unsubscribe" => json!({ "uri": about }),
        "completion/complete" if about.contains(':') => json!({ "ref": { "type": "ref/resource", "uri": about } }),
        "completion/complete" => json!({ "ref": { "type": "ref/prompt", "name": about } }),
        "subscriptions/listen" => json!({ "notifications": { "resourceSubscriptions": [about] } }),
        tasks if tasks.starts_with("tasks/") => json!({ "taskId": about }),
        _ => json!({}),
    };
    json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string()
}

/// What a request needs beyond reaching its server, or why it is refused.
fn asks(config: &Config, policy: &ServerPolicy, body: &str) -> String {
    let Ok(Message::Request { call, .. }) = mcp::parse(body.as_bytes(), &mcp::Limits::default()) else { return "unread".into() };
    if call.tasks && !policy.tasks {
        return "tasks".into();
    }
    let mut beyond = ScopeBits::NONE;
    for target in call.targets() {
        match policy.allows(target, &policy.invoke) {
            Verdict::Allowed => {}
            Verdict::Missing(bits) => beyond = beyond | bits,
            Verdict::Denied => return "denied".into(),
        }
    }
    if beyond.is_empty() { "-".into() } else { config.catalogue.scopes(&beyond).to_string() }
}

/// The same for packs of MCP servers: each line is a message, and each pattern of a pack is met by one.
#[test]
fn packs_of_mcp_servers_let_through_what_their_tables_say() {
    let tables = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config/tests/packs");
    let mut packs_seen = 0;
    for (name, pack) in packs(RawKind::Mcp) {
        packs_seen += 1;
        let table = std::fs::read_to_string(tables.join(format!("{name}.txt"))).unwrap_or_else(|e| panic!("{name}.txt: {e}"));
        let config = proved(&mounted(name, "kind = \"mcp\""));
        let ApiKind::Mcp(policy) = &config.apis[0].kind else { panic!("{name}: an MCP server") };
        let (mut seen, mut refused) = (BTreeSet::new(), 0);
        for line in table.lines().filter(|l| !l.is_empty() && !l.starts_with('#')) {
            let words: Vec<_> = line.split_whitespace().collect();
            let [method, about, expected] = words[..] else { panic!("{name}.txt: {line}") };
            assert_eq!(asks(&config, policy, &message(method, about)), expected, "{name}: {method} {about}");
            refused += usize::from(matches!(expected, "tasks" | "unread"));
            seen.insert((method, about));
        }
        let of = |method: &str, pattern: &str| {
            let start = pattern.trim_end_matches('*');
            seen.iter().any(|(m, about)| *m == method && (pattern == "default" || about.starts_with(start)))
        };
        for (method, patterns) in
            [("tools/call", &pack.tools), ("prompts/get", &pack.prompts), ("resources/read", &pack.resources)]
        {
            let missing: Vec<_> = patterns.keys().filter(|pattern| !of(method, pattern)).collect();
            assert!(missing.is_empty(), "{name}: {method} of {missing:?} has no line in {name}.txt");
        }
        assert!(refused >= 2, "{name}: what is refused is in the table too");
    }
    assert!(packs_seen > 0, "there is a pack of MCP servers");
}

#[test]
fn exceptions_of_an_operator_stand_before_the_mcp_pack() {
    let keys = "kind = \"mcp\"\ntools = { get_secret = \"deny\" }\nprompts = { \"ask-*\" = [\"mcp:x:write\"] }\n\
                resources = { \"file:///private/*\" = \"deny\" }";
    let config = proved(&mounted("mcp", keys));
    let ApiKind::Mcp(policy) = &config.apis[0].kind else { panic!("an MCP server") };
    for (method, about, expected) in [
        ("tools/call", "get_secret", "denied"),
        ("tools/call", "get_me", "-"),
        ("prompts/get", "ask-org", "mcp:x:write"),
        ("prompts/get", "greet", "-"),
        ("completion/complete", "ask-org", "mcp:x:write"),
        ("resources/read", "file:///private/a", "denied"),
        ("resources/subscribe", "file:///private/a", "denied"),
        ("subscriptions/listen", "file:///private/a", "denied"),
        ("completion/complete", "file:///private/{name}", "denied"),
        ("resources/read", "file:///x/../private/a", "denied"),
        ("resources/read", "file:///public/a", "-"),
    ] {
        assert_eq!(asks(&config, policy, &message(method, about)), expected, "{method} {about}");
    }
}

#[test]
fn dangerous_scopes_are_private_and_unadvertised() {
    let config = proved(&mounted("prometheus", ""));
    let advertised = config.apis[0].advertised.to_string();
    assert_eq!(advertised, "alerts:read metrics:read metrics:write rules:read");
    let viewer = RoleName::parse("viewer").expect("a name");
    let held = config.catalogue.scopes(&config.roles.permissions(&[viewer])).to_string();
    assert_eq!(
        held,
        "alerts:read applications:read applications:write mcp:tollgate:invoke metrics:read rules:read sessions:read sessions:write"
    );
}

#[test]
fn packs_of_multi_tenant_upstreams_tell_the_tenant() {
    for (pack, header) in
        [("loki", "x-scope-orgid"), ("thanos", "thanos-tenant"), ("jaeger", "x-tenant"), ("victorialogs", "accountid")]
    {
        let config = proved(&mounted(pack, ""));
        let tell = &config.apis[0].tenancy.tell;
        assert!(matches!(tell, Some(Tell::Header { name, .. }) if name == header), "{pack}: {tell:?}");
        assert!(config.apis[0].identity_headers.iter().any(|h| h == header), "{pack}: the client's own copy is removed");
        assert!(proved(&mounted(pack, "tenant = { mode = \"none\" }")).apis[0].tenancy.tell.is_none());
    }
    let cluster = "tenant = { mode = \"path_prefix\", value = \"/{operation}/{org.tenant}\" }";
    assert!(parse(&mounted("victoriametrics", cluster)).is_ok(), "every route of the pack has its operation");
    let errors = paths(&mounted("prometheus", cluster));
    assert!(errors.len() > 10 && errors.iter().all(|e| e.ends_with(".operation")), "{errors:?}");
}

/// What whoever runs an upstream narrows it by, in front of it, is no client's to say.
#[test]
fn packs_refuse_parameters_by_which_an_operator_narrows() {
    let table: [(&str, &[&str]); 4] = [
        ("victoriametrics", &["extra_filters", "extra_filters[]", "extra_label"]),
        ("victorialogs", &["extra_filters", "extra_stream_filters", "hidden_fields_filters", "ignore_pipes"]),
        ("victoriatraces", &["extra_filters", "extra_stream_filters", "hidden_fields_filters"]),
        ("grafana", &["auth_token", "orgId", "targetOrgId"]),
    ];
    for (pack, parameters) in table {
        let tenancy = |keys: &str| proved(&mounted(pack, keys)).apis[0].tenancy.clone();
        assert_eq!(tenancy("").forbidden_query, parameters, "{pack}");
        let (first, rest) = (parameters[0], &parameters[1..]);
        let other = tenancy(&format!("strip_query = [{first:?}]"));
        assert_eq!(other.stripped_query, [first], "{pack}");
        assert_eq!(other.forbidden_query, rest, "{pack}: what is taken out is not refused");
    }
}

/// A client that could say these would see what it is not to see, or be held to no limit.
#[test]
fn packs_remove_headers_by_which_an_operator_narrows() {
    for (pack, header) in [
        ("loki", "x-prom-label-policy"),
        ("loki", "x-loki-disable-pipeline-wrappers"),
        ("loki", "x-loki-query-limits"),
        ("loki", "x-loki-query-limits-context"),
        ("loki", "x-loki-ingestion-policy"),
        ("loki", "x-loki-backfill-shard"),
        ("grafana", "x-prom-label-policy"),
        ("grafana", "x-loki-disable-pipeline-wrappers"),
    ] {
        assert!(proved(&mounted(pack, "")).apis[0].identity_headers.iter().any(|h| h == header), "{pack}: {header}");
    }
}

/// What never ends may be silent for long, and is not refused where the upstream has a limit of its own for first bytes.
#[test]
fn answers_without_an_end_may_pause() {
    let hour = std::time::Duration::from_hours(1);
    for (pack, path) in [("victorialogs", "/select/logsql/tail"), ("prometheus", "/api/v1/notifications/live")] {
        let text = mounted(pack, "").replace("protocol =", "timeouts = { first_byte = \"60s\" }\nprotocol =");
        let config = proved(&text);
        let Lookup::Found { route, .. } = config.apis[0].routes.lookup(path, &Method::GET) else { panic!("{pack}: {path}") };
        assert_eq!((route.timeouts.first_byte, route.timeouts.idle), (Some(hour), Some(hour)), "{pack}: {path}");
    }
}

/// What Jaeger and Tempo serve over gRPC is on another port than what they serve over HTTP: the pack is mounted a second time.
#[test]
fn packs_of_http_and_grpc_are_mounted_twice() {
    let calls = "[[upstreams]]\nname = \"g\"\nendpoints = [\"http://127.0.0.1:8\"]\nprotocol = \"http2\"\n\
                 [[apis]]\nname = \"y\"\nmount = \"/y\"\nupstream = \"g\"\n";
    for (pack, service, call) in [
        ("jaeger", "jaeger.api_v2.QueryService", "GetTrace"),
        ("jaeger", "jaeger.api_v3.QueryService", "GetTrace"),
        ("jaeger", "jaeger.api_v2.metrics.MetricsQueryService", "GetCallRates"),
        ("tempo", "tempopb.StreamingQuerier", "Search"),
    ] {
        let twice = format!("{}{calls}pack = {pack:?}\nservices = [{service:?}]\n", mounted(pack, ""));
        let config = proved(&twice);
        let path = format!("/{service}/{call}");
        let (api, below) = config.api_at(&path).unwrap_or_else(|| panic!("{path}"));
        assert_eq!(api.name.as_str(), "y");
        assert!(matches!(api.routes.lookup(below, &Method::POST), Lookup::Found { .. }), "{path}");
    }
}

fn paths(text: &str) -> Vec<String> {
    match parse(text) {
        Ok(_) => Vec::new(),
        Err(ConfigErrors(errors)) => errors.into_iter().map(|e| e.path).collect(),
    }
}

#[test]
fn an_operator_narrows_and_extends_a_pack() {
    let keys = r#"
overrides = { federate = "remove", query = { scopes = ["metrics:query"] } }
[[apis.routes]]
id = "x.ready"
match = "/-/ready"
methods = ["GET"]
scopes = ["metrics:read"]
[scopes."metrics:query"]
description = "Query metrics"
"#;
    let (config, warnings) = parse(&mounted("prometheus", keys)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings, []);
    for (path, expected) in [
        ("/api/v1/query", "metrics:query"),
        ("/federate", "none"),
        ("/-/ready", "metrics:read"),
        ("/api/v1/series", "metrics:read"),
    ] {
        assert_eq!(needs(&config, &Method::GET, path).0, expected, "{path}");
    }
    assert_eq!(needs(&config, &Method::GET, "/api/v1/query").1.map(|id| id.to_string()).as_deref(), Some("x.query"));
    let matrix = Matrix::new(&config, &warnings).to_string();
    let line = matrix.lines().find(|l| l.contains("x.query ")).unwrap_or_default();
    assert!(line.contains("/x/api/v1/{query,query_range,query_exemplars}") && line.ends_with("metrics:query"), "{matrix}");
}

/// What an API says of its routes holds where a route, or an override of it, says nothing else.
#[test]
fn an_api_speaks_for_its_routes() {
    let seconds = std::time::Duration::from_secs;
    let keys = r#"
client_certificate = true
max_concurrent = 7
max_body = "1KiB"
timeouts = { total = "9s" }
overrides = { query = { client_certificate = false, max_body = "2KiB" }, federate = { timeouts = { idle = "3s" } } }
[[apis.routes]]
id = "x.ready"
match = "/-/ready"
methods = ["GET"]
scopes = ["metrics:read"]
client_certificate = false
"#;
    // Whether anybody is asked for certificates is another matter.
    let (mut errors, text) = (Vec::new(), mounted("prometheus", keys));
    errors.extend(paths(&text));
    assert_eq!(errors, ["apis[0].client_certificate"]);
    let bare = proved(&text.replace("client_certificate = true\n", ""));
    assert_eq!(bare.apis[0].max_concurrent, Some(7));
    let told = |path: &str| {
        let Lookup::Found { route, .. } = bare.apis[0].routes.lookup(path, &Method::GET) else { panic!("{path}") };
        (route.max_body, route.timeouts.idle, route.timeouts.total)
    };
    assert_eq!(told("/api/v1/series"), (Some(1024), None, Some(seconds(9))));
    assert_eq!(told("/api/v1/query"), (Some(2048), None, Some(seconds(9))));
    assert_eq!(told("/federate"), (Some(1024), Some(seconds(3)), None), "it has timeouts of its own");
    assert_eq!(told("/api/v1/notifications/live").2, None, "what never ends has those of its pack");
}

#[test]
fn what_contradicts_a_pack_is_named() {
    let table: &[(&str, &[&str])] = &[
        ("overrides = { querry = \"remove\" }", &["apis[0].overrides.querry"]),
        ("overrides = { query = \"drop\" }", &["apis[0].overrides.query"]),
        ("overrides = { query = { scopes = [\"nothing\"] } }", &["apis[0].overrides.query.scopes[0]"]),
        ("overrides = { query = { scopes = [] } }", &["apis[0].overrides.query.scopes"]),
        ("overrides = { query = { public = true } }", &["apis[0].overrides.query.public"]),
        ("overrides = { query = { max_concurrent = 0 } }", &["apis[0].overrides.query.max_concurrent"]),
        (
            "rates = [{ per = \"client\", requests = 0, every = \"1s\" }]",
            &["apis[0].rates[0].requests", "apis[0].rates[0].burst"],
        ),
        ("rates = [{ per = \"user\", requests = 1, every = \"25h\" }]", &["apis[0].rates[0].every"]),
        ("rates = [{ per = \"user\", requests = 2000000, every = \"1s\" }]", &["apis[0].rates[0].requests"]),
        ("rates = [{ per = \"tool\", requests = 1, every = \"1s\" }]", &["apis[0].rates"]),
        ("tenant = { mode = \"label\", label = \"a-b\", value = \"{org.id}\" }", &["apis[0].tenant.label"]),
        ("tenant = { mode = \"label\", label = \"__name__\", value = \"{org.id}\" }", &["apis[0].tenant.label"]),
        ("tenant = { mode = \"header\", name = \"X-T\", value = \"{operation}\" }", &["apis[0].tenant.value"]),
        ("tenant = { mode = \"header\", name = \"X-T\", value = \"{org.id}\", label = \"a-b\" }", &["apis[0].tenant.label"]),
    ];
    for (keys, expected) in table {
        assert_eq!(paths(&mounted("prometheus", keys)), *expected, "{keys}");
    }
    let overlap =
        "[[apis.routes]]\nid = \"x.mine\"\nmatch = \"/api/v1/{labels,mine}\"\nmethods = [\"GET\"]\nscopes = [\"metrics:read\"]";
    let Err(errors) = parse(&mounted("prometheus", overlap)) else { panic!("two routes of one rank") };
    let text = errors.to_string();
    assert!(text.contains("/api/v1/{labels,mine}") && text.contains("x.series"), "both are named: {text}");
    let open = "tenant = { mode = \"label\", label = \"t\", value = \"{org.id}\" }\n\
                [[apis.routes]]\nid = \"x.open\"\nmatch = \"/open\"\nmethods = [\"GET\"]\npublic = true";
    assert_eq!(paths(&mounted("prometheus", open)), ["apis[0].routes[0].public"]);
    assert_eq!(paths(&mounted("prometheus", &format!("{open}\nenforce = \"nothing\""))), [""; 0]);
    assert_eq!(paths(&mounted("mcp", "")), ["apis[0].pack"]);
}

#[test]
fn a_scope_that_no_route_needs_any_more_is_a_warning() {
    let (_, warnings) = parse(&mounted("prometheus", "overrides = { rules = \"remove\" }")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!(warnings.into_iter().map(|w| w.path).collect::<Vec<_>>(), ["scopes.\"rules:read\""]);
}

/// A narrow route that is gone may leave its requests to a wide one.
#[test]
fn a_removed_route_that_another_answers_is_a_warning() {
    let warned = |pack: &str, overrides: &str| {
        let (_, warnings) = parse(&mounted(pack, &format!("overrides = {{ {overrides} }}"))).unwrap_or_else(|e| panic!("{e}"));
        warnings.into_iter().map(|w| (w.path, w.text)).collect::<Vec<_>>()
    };
    let said = "/graphite/tags/delSeries is answered by the route x.graphite.tag now: remove that too".to_owned();
    let delete = "\"graphite.delete\" = \"remove\"";
    assert_eq!(warned("victoriametrics", delete), [("apis[0].overrides.\"graphite.delete\"".to_owned(), said)]);
    assert_eq!(warned("victoriametrics", &format!("{delete}, \"graphite.tag\" = \"remove\"")), []);
    assert_eq!(warned("prometheus", "federate = \"remove\""), []);
}

#[test]
fn tools_of_the_mcp_pack_need_what_their_names_say() {
    let config = proved(&mounted("mcp", "kind = \"mcp\"\ntools = { get_or_create = [\"mcp:x:write\"] }"));
    let ApiKind::Mcp(policy) = &config.apis[0].kind else { panic!("an MCP server") };
    let missing = |tool: &str| match policy.allows(&Target::Tool(tool.into()), &policy.invoke) {
        Verdict::Allowed => String::new(),
        Verdict::Missing(bits) => config.catalogue.scopes(&bits).to_string(),
        Verdict::Denied => "denied".to_owned(),
    };
    for (tool, expected) in [
        ("query_prometheus", ""),
        ("list-datasources", ""),
        ("get_or_create", "mcp:x:write"),
        ("getaway", "mcp:x:write"),
        ("update_dashboard", "mcp:x:write"),
        ("", "mcp:x:write"),
    ] {
        assert_eq!(missing(tool), expected, "{tool}");
    }
    assert_eq!(config.apis[0].advertised.to_string(), "mcp:x:invoke mcp:x:write");
    for target in [Target::Prompt("greet".into()), Target::Resource("file:///a".into())] {
        assert_eq!(policy.allows(&target, &policy.invoke), Verdict::Allowed, "what is offered to read is open: {target:?}");
    }
}

#[test]
fn what_cant_be_narrowed_is_closed_and_its_scopes_are_not_advertised() {
    let label = "tenant = { mode = \"label\", label = \"tenant\", value = \"{org.tenant}\" }";
    let named = |config: &Config, all: bool| {
        let scopes = if all { config.advertised() } else { config.apis[0].advertised.clone() };
        ["metrics:read", "metrics:write"].map(|name| scopes.iter().any(|scope| scope.as_str() == name))
    };
    let (open, _) = parse(&mounted("prometheus", "")).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((named(&open, false), named(&open, true)), ([true, true], [true, true]));
    let (closed, warnings) = parse(&mounted("prometheus", label)).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((named(&closed, false), named(&closed, true)), ([true, false], [true, false]));
    let matrix = Matrix::new(&closed, &warnings).to_string();
    let line = |start: &str| matrix.lines().find(|line| line.contains(start)).unwrap_or_else(|| panic!("{start}: {matrix}"));
    assert!(line("x.remote_write").ends_with("(closed: can't be narrowed by label)"), "{matrix}");
    assert!(!line("metrics:write").contains("x.remote_write"), "{matrix}");
    // Another API where it is good for something.
    let both = format!(
        "{}[[apis]]\nname = \"y\"\nmount = \"/y\"\npack = \"prometheus\"\nupstream = \"u\"\n",
        mounted("prometheus", label)
    );
    let (config, _) = parse(&both).unwrap_or_else(|e| panic!("{e}"));
    assert_eq!((named(&config, false), named(&config, true)), ([true, false], [true, true]));
}
