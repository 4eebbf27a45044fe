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
