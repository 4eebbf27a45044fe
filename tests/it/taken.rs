//! What the API takes away is gone on every node when it answers, at the second press too.

use serde_json::json;
use tollgate::config::own_api::RULES;

use crate::api::{Things, World};

/// What takes something away: method, path and body. What has the most parts is removed first.
const TAKING: [(&str, &str, &str); 18] = [
    ("PATCH", "/me/applications/{grant}", r#"{"expires_at": "2099-01-01T00:00:00Z"}"#),
    ("PUT", "/policy", r#"{"new_clients": "approval"}"#),
    ("PUT", "/policy/clients/{client}", r#"{"verdict": "block"}"#),
    ("PATCH", "/apps/{app}", r#"{"redirect_uris": ["https://sync.test/other"]}"#),
    ("PUT", "/apps/{app}/state", r#"{"state": "disabled"}"#),
    ("PATCH", "/clients/{client}", r#"{"state": "disabled"}"#),
    ("PUT", "/members/{user}", r#"{"roles": []}"#),
    ("PUT", "/service-users/{user}/state", r#"{"state": "disabled"}"#),
    ("DELETE", "/apps/{app}/secrets/{stage}/{secret}", ""),
    ("DELETE", "/clients/{client}/secrets/{secret}", ""),
    ("DELETE", "/policy/clients/{client}/grants", ""),
    ("DELETE", "/me/applications/{grant}", ""),
    ("DELETE", "/grants/{grant}", ""),
    ("DELETE", "/api_keys/{key}", ""),
    ("DELETE", "/installations/{app}", ""),
    ("DELETE", "/clients/{client}", ""),
    ("DELETE", "/apps/{app}", ""),
    ("DELETE", "/members/{user}", ""),
];

/// What takes nothing of what nodes remember: it makes something, or what it ends is looked up in the store by every request
/// (browsers, links of invitations, searches, requests that wait). A later version of an app has a test of its own.
const TAKING_NOTHING: [(&str, &str); 20] = [
    ("POST", "/api_keys"),
    ("POST", "/apps"),
    ("POST", "/apps/import"),
    ("POST", "/apps/{app}/scope_requests"),
    ("DELETE", "/apps/{app}/scope_requests/{scope}"),
    ("POST", "/apps/{app}/secrets"),
    ("PUT", "/apps/{app}/stable"),
    ("POST", "/apps/{app}/versions"),
    ("PUT", "/audit/searches/{name}"),
    ("DELETE", "/audit/searches/{name}"),
    ("POST", "/clients"),
    ("POST", "/clients/{client}/scope_requests"),
    ("DELETE", "/clients/{client}/scope_requests/{scope}"),
    ("POST", "/clients/{client}/secrets"),
    ("PUT", "/installations/{app}"),
    ("POST", "/invitations"),
    ("DELETE", "/invitations/{invitation}"),
    ("DELETE", "/me/sessions"),
    ("DELETE", "/me/sessions/{session}"),
    ("POST", "/service-users"),
];

#[test]
fn every_operation_is_known_to_take_something_away_or_not() {
    let sorted = |mut operations: Vec<(&'static str, &'static str)>| {
        operations.sort_unstable();
        operations
    };
    let told = TAKING.iter().map(|(method, pattern, _)| (*method, *pattern)).chain(TAKING_NOTHING).collect();
    let rules = RULES.iter().filter(|rule| rule.method != "GET").map(|rule| (rule.method, rule.pattern)).collect();
    assert_eq!(sorted(told), sorted(rules));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_api_takes_away_is_gone_everywhere_when_it_answers_at_the_second_press_too() {
    let world = World::new().await;
    let (gw, admin) = (&world.gw, &world.admin);
    let victim = gw.user("victim@acme.test").await;
    gw.member(&admin.org, &victim, &["viewer"]).await;
    let doomed = gw.grant(&admin.org, &victim, &admin.client, "metrics:read").await;
    let own = gw.grant(&admin.org, &admin.user, &admin.client, "metrics:read").await;
    let things = Things::of(&world, &victim, (&own, &doomed)).await;
    // Of several secrets, one can go.
    for (pattern, body) in [("/apps/{app}/secrets", json!({ "stage": "draft" })), ("/clients/{client}/secrets", json!({}))] {
        assert_eq!(world.post(&things.path(pattern), admin, &body, None).await.status, 201, "{pattern}");
    }
    let settled = || gw.running.node.metrics.revocation_seconds.get_sample_count();
    for (method, pattern, body) in TAKING {
        let path = things.path(pattern);
        for press in ["first", "second"] {
            let before = settled();
            let answer = match body {
                "" => world.delete(&path, admin).await,
                text => {
                    let body = serde_json::from_str(text).expect("JSON");
                    world.with_body(method, &path, admin, &body, None).await
                }
            };
            assert!(press == "second" || (200..300).contains(&answer.status), "{method} {pattern}: {answer:?}");
            assert!(settled() > before, "{method} {pattern}, {press} press ({}): nobody waited", answer.status);
        }
    }
    world.gw.running.stop().await;
}
