use super::impact::{Effect, Impact, Stored, impacts};
use crate::account::tests::world::{START, World};
use crate::config::Config;
use crate::store::Membership;
use crate::types::RoleName;

const BASE: &str = r#"
public_url = "http://127.0.0.1:8080"
[keys]
secret = "env:SECRET"
[roles.member]
permissions = ["metrics:read", "rules:read"]
[roles.auditor]
permissions = ["audit:read"]
[[upstreams]]
name = "prometheus"
endpoints = ["http://127.0.0.1:9090"]
[[apis]]
name = "prometheus"
mount = "/prometheus"
pack = "prometheus"
upstream = "prometheus"
"#;

/// What `config` is checked against for everything but scopes: roles that are narrowed, tenants, certificates, an MCP server.
const RULES: &str = r#"
public_url = "http://127.0.0.1:8080"
[keys]
secret = "env:SECRET"
[roles.member]
permissions = ["metrics:read", "rules:read"]
selectors."metrics:read" = { team = ["a", "b"] }
[[upstreams]]
name = "upstream"
endpoints = ["http://127.0.0.1:9090"]
[[apis]]
name = "shared"
mount = "/shared"
pack = "prometheus"
upstream = "upstream"
tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }
forbidden_query = ["tenant"]
[[apis.routes]]
id = "shared.sealed"
match = "/sealed"
methods = ["GET"]
scopes = ["metrics:read"]
enforce = "promql_query"
[[apis]]
name = "tools"
mount = "/mcp/tools"
kind = "mcp"
upstream = "upstream"
tools = { echo = [], "get-*" = ["metrics:read"], mail = { scopes = [], when = { "arguments.to" = "{user.email}" } }, drop = "deny" }
prompts = { greet = [] }
resources = { "log:///*" = [], "log:///private/*" = ["metrics:read"] }
"#;

/// What the replacement of one text by another in [`RULES`] touches.
fn replaced(from: &str, to: &str) -> Vec<(Effect, &'static str, String)> {
    assert!(RULES.contains(from), "{from}");
    let stored = Stored { grants: Vec::new(), clients: Vec::new(), keys: Vec::new(), members: Vec::new() };
    let found = impacts(&config(RULES), &config(&RULES.replacen(from, to, 1)), &stored, START);
    found.into_iter().map(|i| (i.effect, i.kind, i.what)).collect()
}

#[test]
fn rules_that_decide_otherwise_are_named() {
    use Effect::{Breaks, Changes, Narrows, Widens};
    let team = "{ team = [\"a\", \"b\"] }";
    let tenant = "tenant = { mode = \"label\", label = \"tenant\", value = \"{org.tenant}\" }";
    let header = "tenant = { mode = \"header\", name = \"X-Scope-OrgID\", value = \"{org.tenant}\" }";
    let enforce = "enforce = \"promql_query\"";
    let open = "\"log:///*\" = []";
    let mail = ", when = { \"arguments.to\" = \"{user.email}\" }";
    let cases: [(&str, &str, Effect, &str, &str); 22] = [
        ("selectors.\"metrics:read\" = { team = [\"a\", \"b\"] }", "", Widens, "role", "not for team = a or b"),
        (team, "{ team = \"a\" }", Narrows, "role", "is for team = a, not"),
        (team, "{ team = [\"a\", \"b\", \"c\"] }", Widens, "role", "team = a or b or c"),
        (team, "{ stage = \"p\" }", Changes, "role", "stage = p"),
        ("mount = \"/shared\"", "mount = \"/shared\"\nenforce = \"shadow\"", Widens, "api", "shared only puts on record"),
        ("mount = \"/mcp/tools\"", "mount = \"/mcp/tools\"\nenforce = \"shadow\"", Widens, "api", "tools only puts on record"),
        (tenant, header, Changes, "api", "by the header x-scope-orgid"),
        (tenant, "", Widens, "api", "not at all"),
        (tenant, &tenant.replace("{org.tenant}", "{org.slug}"), Changes, "api", "{org.slug}"),
        ("forbidden_query = [\"tenant\"]", "", Widens, "api", "query parameters tenant"),
        (enforce, "", Narrows, "route", "shared.sealed is narrowed"),
        (enforce, "enforce = \"nothing\"", Widens, "route", "shared.sealed is narrowed"),
        (enforce, "enforce = \"promql_match\"", Changes, "route", "shared.sealed is narrowed"),
        ("\"get-*\" = [\"metrics:read\"]", "\"get-*\" = []", Widens, "tool", "tools:get-*"),
        ("\"get-*\" = [\"metrics:read\"], ", "", Breaks, "tool", "tools:get-* is closed"),
        ("drop = \"deny\"", "drop = []", Widens, "tool", "tools:drop is open"),
        ("drop = \"deny\"", "default = []", Widens, "tool", "tools:(others) is open"),
        (mail, "", Widens, "tool", "tools:mail has other conditions"),
        ("greet = []", "greet = \"deny\"", Breaks, "prompt", "tools:greet is closed"),
        (", \"log:///private/*\" = [\"metrics:read\"]", "", Widens, "resource", "tools:log:///private/*"),
        (open, "\"log:///*\" = [\"rules:read\"]", Narrows, "resource", "tools:log:///*"),
        ("greet = [] }", "greet = [] }\ntasks = true", Widens, "api", "tasks of tools are open"),
    ];
    for (from, to, effect, kind, what) in cases {
        let found = replaced(from, to);
        assert!(found.iter().any(|f| f.0 == effect && f.1 == kind && f.2.contains(what)), "{from} → {to}: {found:?}");
    }
    assert_eq!(replaced(team, team), []);
}

/// The configuration `text` with TLS that asks for client certificates.
fn with_clients(text: &str) -> Config {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir().expect("a directory");
    let made = rcgen::generate_simple_self_signed(["gw.test".to_owned()]).expect("a certificate");
    let (cert, key) = (dir.path().join("cert.pem"), dir.path().join("key.pem"));
    std::fs::write(&cert, made.cert.pem()).expect("written");
    std::fs::write(&key, made.signing_key.serialize_pem()).expect("written");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("its owner's");
    let (cert, key) = (cert.display(), key.display());
    let tls = format!("[listen]\ntls = {{ cert = '{cert}', key = '{key}', client_ca = '{cert}' }}\n[keys]");
    config(&text.replace("http://127.0.0.1:8080", "https://gw.test").replace("[keys]", &tls))
}

#[test]
fn a_route_that_wants_no_certificate_any_more_is_named() {
    let sealed = RULES.replace("enforce = \"promql_query\"", "enforce = \"promql_query\"\nclient_certificate = true");
    let stored = Stored { grants: Vec::new(), clients: Vec::new(), keys: Vec::new(), members: Vec::new() };
    for (before, after, effect, what) in [
        (&*sealed, RULES, Effect::Widens, "shared.sealed wants no client certificate"),
        (RULES, &*sealed, Effect::Narrows, "shared.sealed wants a client certificate"),
    ] {
        let found = impacts(&with_clients(before), &with_clients(after), &stored, START);
        let found: Vec<_> = found.iter().map(|i| (i.effect, i.kind, i.what.as_str())).collect();
        assert_eq!(found, [(effect, "route", what)]);
    }
}

fn config(text: &str) -> Config {
    let env = |name: &str| (name == "SECRET").then(|| "0".repeat(64));
    Config::parse(text, &env, 1).unwrap_or_else(|e| panic!("a sound configuration: {e}")).0
}

/// What a change does to a grant of `metrics:read rules:read` by a member with the role `member`, and to what is around it.
async fn changed(change: impl Fn(&str) -> String) -> Vec<Impact> {
    let world = World::new().await;
    let client = world.client("Bob's CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read rules:read").await;
    let mut facts = world.node.store.grant_facts(&grant.id).await.expect("a store").expect("a grant");
    let roles = vec![RoleName::parse("member").expect("a role")];
    facts.roles = Some(roles.clone());
    let member = Membership { org: facts.org.id.clone(), user: facts.user.id.clone(), roles };
    let members = vec![(facts.org.slug.to_string(), member)];
    let stored = Stored { grants: vec![facts], clients: Vec::new(), keys: Vec::new(), members };
    impacts(&config(BASE), &config(&change(BASE)), &stored, START)
}

fn of<'i>(found: &'i [Impact], kind: &str) -> Vec<(Effect, String, String)> {
    let row = |i: &'i Impact| (i.effect, i.gains.to_string(), i.loses.to_string());
    found.iter().filter(|i| i.kind == kind).map(row).collect()
}

#[tokio::test]
async fn the_same_file_touches_nothing() {
    assert_eq!(changed(str::to_owned).await, []);
}

#[tokio::test]
async fn a_role_that_loses_a_permission_narrows_the_grants_of_its_members() {
    let found = changed(|base| base.replace("\"metrics:read\", \"rules:read\"]", "\"rules:read\", \"alerts:read\"]")).await;
    assert_eq!(of(&found, "grant"), [(Effect::Narrows, String::new(), "metrics:read".to_owned())]);
    assert_eq!(of(&found, "role"), [(Effect::Narrows, "alerts:read".to_owned(), "metrics:read".to_owned())]);
}

#[tokio::test]
async fn a_role_that_is_gone_breaks_what_its_members_gave() {
    let found = changed(|base| base.replace("[roles.member]", "[roles.other]")).await;
    let all = "metrics:read rules:read".to_owned();
    assert_eq!(of(&found, "grant"), [(Effect::Breaks, String::new(), all)]);
    assert_eq!(of(&found, "member").len(), 1, "{found:?}");
    assert_eq!(found[0].effect, Effect::Breaks, "the worst comes first");
}

#[tokio::test]
async fn more_permissions_widen_what_was_consented_to_and_nothing_else() {
    let found = changed(|base| base.replace("\"rules:read\"]", "\"rules:read\", \"metrics:write\"]")).await;
    assert_eq!(of(&found, "grant"), [], "nobody consented to it");
    assert_eq!(of(&found, "role"), [(Effect::Widens, "metrics:write".to_owned(), String::new())]);
    let less = |base: &str| base.replace("[\"metrics:read\", \"rules:read\"]", "[\"rules:read\"]");
    let world = changed(less).await;
    assert_eq!(of(&world, "grant")[0].0, Effect::Narrows);
}

#[tokio::test]
async fn routes_that_need_something_else_or_are_gone_are_named() {
    let found = changed(|base| format!("{base}\n[apis.overrides]\nquery = {{ scopes = [\"rules:read\"] }}\n")).await;
    let routes = of(&found, "route");
    assert_eq!(routes, [(Effect::Narrows, "metrics:read".to_owned(), "rules:read".to_owned())], "{found:?}");
    // Another mount and a pack of another service: the scopes of the old one are the role's only if the file names them.
    let moved = |base: &str| {
        let other = base.replace("mount = \"/prometheus\"\npack = \"prometheus\"", "mount = \"/p\"\npack = \"loki\"");
        other.replace("\"metrics:read\", \"rules:read\"", "\"rules:read\"")
    };
    let found = changed(moved).await;
    assert!(found.iter().any(|i| i.kind == "route" && i.effect == Effect::Breaks), "{found:?}");
}
