use super::impact::{Effect, Impact, Stored, impacts};
use super::told;
use crate::account::tests::world::{START, World, ago, scopes};
use crate::config::Config;
use crate::store::{ApiKey, ApiKeyState, Client, ClientOrigin, DisableReason, GrantFacts, Membership, UserState};
use crate::types::{ApiKeyId, AppId, ClientId, GrantId, OrgId, RoleName, SystemEntropy, UserId};

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

/// Two scopes, a route that needs the one and a route for keys that needs the other.
const PLAIN: &str = r#"
public_url = "http://127.0.0.1:8080"
[keys]
secret = "env:SECRET"
[scopes."things:read"]
description = "Read things"
[scopes."things:write"]
description = "Write things"
[[upstreams]]
name = "upstream"
endpoints = ["http://127.0.0.1:9090"]
[[apis]]
name = "plain"
mount = "/plain"
upstream = "upstream"
[[apis.routes]]
id = "plain.thing"
match = "/{account}/{index}/thing"
methods = ["GET"]
scopes = ["things:read"]
[[apis.routes]]
id = "plain.push"
match = "/push"
methods = ["POST"]
scopes = ["things:write"]
keys = true
"#;

/// What the store holds when it holds nothing.
fn nothing() -> Stored {
    Stored { grants: Vec::new(), clients: Vec::new(), keys: Vec::new(), members: Vec::new() }
}

/// What the replacement of one text by another in [`RULES`] touches.
fn replaced(from: &str, to: &str) -> Vec<(Effect, &'static str, String)> {
    assert!(RULES.contains(from), "{from}");
    let found = impacts(&config(RULES), &config(&RULES.replacen(from, to, 1)), &nothing(), START);
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
    let cases: [(&str, &str, Effect, &str, &str); 23] = [
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
        ("forbidden_query = [\"tenant\"]", "strip_query = [\"tenant\"]", Changes, "api", "(strip_query)"),
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
        // Whoever goes back gives what was taken, and takes what was given.
        let back = impacts(&config(&RULES.replacen(from, to, 1)), &config(RULES), &nothing(), START);
        let undone = |is: Effect| match effect {
            Widens => matches!(is, Narrows | Breaks),
            Narrows | Breaks => is == Widens,
            Changes => is == Changes,
        };
        assert!(back.iter().any(|i| i.kind == kind && undone(i.effect)), "{to} → {from}: {back:?}");
    }
    assert_eq!(replaced(team, team), []);
    let prefix = "tenant = { mode = \"path_prefix\", value = \"/o/{org.tenant}\" }";
    let labelled = header.replace(" }", ", label = \"team\" }");
    for (to, what) in [(prefix, "by the path prefix /o/"), (&*labelled, "and the label team:")] {
        let found = replaced(tenant, to);
        assert!(found.iter().any(|f| f.0 == Changes && f.1 == "api" && f.2.contains(what)), "{to}: {found:?}");
    }
}

#[test]
fn what_a_route_asks_for_beside_scopes_is_named() {
    use Effect::{Breaks, Changes, Narrows, Widens};
    let plain = "scopes = [\"things:read\"]";
    let account = format!("{plain}\norg_captures = [\"account\"]");
    let index = format!("{plain}\norg_captures = [\"index\"]");
    let more = "scopes = [\"things:read\", \"things:write\"]";
    let one = "scopes_any = [\"things:read\", \"things:write\"]";
    let cases: [(&str, &str, Effect, &str); 13] = [
        (plain, "public = true", Widens, "plain.thing is open to everybody"),
        ("public = true", plain, Narrows, "plain.thing is open to those with a token only"),
        (plain, &account, Narrows, "plain.thing names the organization elsewhere in its path"),
        (&account, plain, Widens, "plain.thing names the organization elsewhere in its path"),
        (&account, &index, Changes, "plain.thing names the organization elsewhere in its path"),
        (plain, &format!("{plain}\nindex_captures = [\"index\"]"), Changes, "plain.thing names indices elsewhere"),
        (plain, &format!("{plain}\nblind_to = [\"header\"]"), Changes, "plain.thing does without other ways"),
        (plain, more, Narrows, "plain.thing (/{account}/{index}/thing)"),
        (more, plain, Widens, "plain.thing (/{account}/{index}/thing)"),
        (plain, one, Widens, "thing) needs one of things:read, things:write, before: things:read"),
        (more, one, Widens, "thing) needs one of things:read, things:write, before: things:read things:write"),
        (one, plain, Narrows, "thing) needs things:read, before: one of things:read, things:write"),
        (one, more, Narrows, "thing) needs things:read things:write, before: one of"),
    ];
    for (before, after, effect, what) in cases {
        let of = |line: &str| config(&PLAIN.replacen(plain, line, 1));
        let found = impacts(&of(before), &of(after), &nothing(), START);
        let told = found.iter().any(|i| i.effect == effect && i.kind == "route" && i.what.contains(what));
        assert!(told, "{before} → {after}: {found:?}");
    }
    let (rest, _) = PLAIN.rsplit_once("[[apis.routes]]").expect("a last route");
    let found = impacts(&config(PLAIN), &config(rest), &nothing(), START);
    assert!(found.iter().any(|i| i.effect == Breaks && i.kind == "route" && i.what == "plain.push (/push)"), "{found:?}");
}

#[test]
fn an_api_that_names_its_organization_by_host_or_speaks_otherwise_is_named() {
    let mount = "mount = \"/plain\"";
    let named = PLAIN.replacen(mount, &format!("{mount}\nhost = \"{{org}}.apps.test\""), 1);
    for (before, after, effect) in [(PLAIN, &*named, Effect::Narrows), (&*named, PLAIN, Effect::Widens)] {
        let found = impacts(&config(before), &config(after), &nothing(), START);
        let told = |i: &Impact| i.effect == effect && i.kind == "api" && i.what.contains("from another part of the host");
        assert!(found.iter().any(told), "{found:?}");
    }
    let (rest, _) = RULES.split_once("kind = \"mcp\"").expect("an MCP server");
    let route = "[[apis.routes]]\nid = \"tools.thing\"\nmatch = \"/thing\"\nmethods = [\"GET\"]\nscopes = [\"metrics:read\"]\n";
    let http = format!("{rest}upstream = \"upstream\"\n{route}");
    let found = impacts(&config(RULES), &config(&http), &nothing(), START);
    assert!(found.iter().any(|i| i.effect == Effect::Changes && i.what == "tools speaks something else"), "{found:?}");
}

#[test]
fn a_role_that_is_new_or_gone_is_named() {
    let more = format!("{PLAIN}[roles.extra]\npermissions = [\"things:read\"]\n");
    let read = "things:read".to_owned();
    let widened = impacts(&config(PLAIN), &config(&more), &nothing(), START);
    assert_eq!(of(&widened, "role"), [(Effect::Widens, read.clone(), String::new())]);
    let broken = impacts(&config(&more), &config(PLAIN), &nothing(), START);
    assert_eq!(of(&broken, "role"), [(Effect::Breaks, String::new(), read)]);
}

#[tokio::test]
async fn a_client_that_names_a_scope_that_is_gone_is_named_and_no_other() {
    let all = PLAIN.replace("scopes = [\"things:write\"]", "scopes = [\"things:read\"]");
    let write = "[scopes.\"things:write\"]\ndescription = \"Write things\"\n";
    let fewer = all.replace(write, "");
    let known = World::new().await.client("Importer").await;
    let named = |text: &str| Client { origin: ClientOrigin::Administrator, scopes: Some(scopes(text)), ..known.clone() };
    let touched = |client: &Client, (before, after): (&str, &str)| {
        let stored = Stored { clients: vec![client.clone()], ..nothing() };
        of(&impacts(&config(before), &config(after), &stored, START), "client")
    };
    let (off, on) = ((&*all, &*fewer), (&*fewer, &*all));
    let gone = "things:write".to_owned();
    assert_eq!(touched(&named("things:read things:write"), off), [(Effect::Narrows, String::new(), gone.clone())]);
    assert_eq!(touched(&named("things:write"), off), [(Effect::Breaks, String::new(), gone.clone())]);
    assert_eq!(touched(&named("things:write"), on), [(Effect::Widens, gone, String::new())]);
    assert_eq!(touched(&named("things:read"), off), []);
    assert_eq!(touched(&Client { scopes: None, ..named("things:write") }, off), [], "it names none");
    let dynamic = Client { origin: ClientOrigin::Dynamic, ..named("things:write") };
    assert_eq!(touched(&dynamic, off), [], "it named them itself");
}

#[test]
fn a_key_follows_the_routes_that_take_keys() {
    let key = ApiKey {
        id: ApiKeyId::generate(START, &SystemEntropy),
        last4: "abcd".to_owned(),
        name: "Key of an app".to_owned(),
        org: OrgId::generate(START, &SystemEntropy),
        app: AppId::generate(START, &SystemEntropy),
        client: ClientId::generate(START, &SystemEntropy),
        grant: GrantId::generate(START, &SystemEntropy),
        user: UserId::generate(START, &SystemEntropy),
        scopes: scopes("things:read things:write"),
        resources: Vec::new(),
        created_at: START,
        last_used_at: None,
        state: ApiKeyState::Live,
    };
    let touched = |key: &ApiKey, after: &str| {
        let stored = Stored { keys: vec![key.clone()], ..nothing() };
        of(&impacts(&config(PLAIN), &config(after), &stored, START), "api_key")
    };
    let (read, write) = ("things:read".to_owned(), "things:write".to_owned());
    let none = PLAIN.replace("keys = true\n", "");
    assert_eq!(touched(&key, &none), [(Effect::Breaks, String::new(), write.clone())]);
    let other = PLAIN.replace("scopes = [\"things:write\"]", "scopes = [\"things:read\"]");
    assert_eq!(touched(&key, &other), [(Effect::Narrows, read.clone(), write)]);
    let both = PLAIN.replace("scopes = [\"things:write\"]", "scopes = [\"things:write\", \"things:read\"]");
    assert_eq!(touched(&key, &both), [(Effect::Widens, read, String::new())]);
    let state = ApiKeyState::Disabled { reason: DisableReason::Hand, at: START };
    assert_eq!(touched(&ApiKey { state, ..key }, &none), [], "it does nothing anyway");
}

#[tokio::test]
async fn a_grant_gains_what_its_user_holds_again_and_breaks_with_its_api() {
    let facts = granted().await;
    let touched = |facts: &GrantFacts, before: &str, after: &str| {
        let stored = Stored { grants: vec![facts.clone()], ..nothing() };
        impacts(&config(before), &config(after), &stored, START)
    };
    let fewer = BASE.replace("\"metrics:read\", \"rules:read\"]", "\"rules:read\"]");
    let widened = touched(&facts, &fewer, BASE);
    assert_eq!(of(&widened, "grant"), [(Effect::Widens, "metrics:read".to_owned(), String::new())]);
    let moved = BASE.replace("mount = \"/prometheus\"", "mount = \"/elsewhere\"");
    let mut bound = facts.clone();
    bound.grant.resources = vec![config(BASE).apis[0].resource.clone()];
    let broken = touched(&bound, BASE, &moved);
    assert_eq!(of(&broken, "grant"), [(Effect::Breaks, String::new(), String::new())]);
    assert!(broken.iter().any(|i| i.what.ends_with("no API that it is for is left")), "{broken:?}");
    assert_eq!(of(&touched(&facts, BASE, &moved), "grant"), [], "it is for every API");
    let (mut ended, mut of_nobody) = (facts.clone(), facts);
    ended.grant.expires_at = Some(ago(1));
    of_nobody.user.state = UserState::Disabled;
    for facts in [ended, of_nobody] {
        assert_eq!(of(&touched(&facts, BASE, &fewer), "grant"), [], "it is worth nothing anyway");
    }
}

#[test]
fn a_member_is_named_for_each_role_that_will_be_gone() {
    let roles = ["auditor", "member", "never"].map(|role| RoleName::parse(role).expect("a role")).to_vec();
    let user = UserId::generate(START, &SystemEntropy);
    let member = Membership { org: OrgId::generate(START, &SystemEntropy), user: user.clone(), roles };
    let stored = Stored { members: vec![("acme".to_owned(), member)], ..nothing() };
    let fewer = BASE.replace("[roles.auditor]\npermissions = [\"audit:read\"]\n", "");
    let found = impacts(&config(BASE), &config(&fewer), &stored, START);
    let of_members: Vec<_> = found.iter().filter(|i| i.kind == "member").map(|i| (i.effect, i.what.clone())).collect();
    assert_eq!(of_members, [(Effect::Breaks, format!("{user} in acme has the role auditor"))]);
}

#[test]
fn what_is_told_names_every_effect_or_that_there_is_none() {
    assert_eq!(told(&[], &[]), "Nothing is widened, narrowed, changed or broken.\n");
    let all =
        [Effect::Breaks, Effect::Narrows, Effect::Changes, Effect::Widens].map(|e| Impact::told(e, "api", "plain".to_owned()));
    let text = told(&all, &[]);
    let effects: Vec<_> = text.lines().filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(effects, ["EFFECT", "breaks", "narrows", "changes", "widens"], "{text}");
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
    let stored = nothing();
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

/// A grant of `metrics:read rules:read` by a member with the role `member`.
async fn granted() -> GrantFacts {
    let world = World::new().await;
    let client = world.client("Bob's CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read rules:read").await;
    let facts = world.node.store.grant_facts(&grant.id).await.expect("a store").expect("a grant");
    GrantFacts { roles: Some(vec![RoleName::parse("member").expect("a role")]), ..facts }
}

/// What a change does to a grant of `metrics:read rules:read` by a member with the role `member`, and to what is around it.
async fn changed(change: impl Fn(&str) -> String) -> Vec<Impact> {
    let facts = granted().await;
    let roles = facts.roles.clone().unwrap_or_default();
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
