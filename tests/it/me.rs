//! `/api/v1/me`: what a user sees of the applications that they authorized, and nobody else.

use serde_json::{Value, json};
use tollgate::store::RevokeReason;

use crate::api::World;
use crate::harness::Caller;
use crate::harness::http1::Request;

/// A call of metrics a second later, as a caller; returns when its record is written.
async fn call(world: &World, caller: &Caller, method: &str, path: &str) {
    world.gw.advance(1);
    let answer = world.send(&Request::new(method, path).bearer(&caller.token).header("User-Agent", "probe/1")).await;
    world.gw.record_of(&answer).await;
}

fn names(page: &Value, field: &str) -> Vec<String> {
    let data = page["data"].as_array().unwrap_or_else(|| panic!("no list: {page}"));
    data.iter().map(|one| one[field].as_str().unwrap_or_else(|| panic!("no {field}: {one}")).to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_an_application_did_is_its_users_to_read() {
    let world = World::new().await;
    let (gw, eve) = (&world.gw, &world.member);
    let app = gw.grant_to(&eve.org, &eve.user, &gw.client(None).await, "metrics:read rules:read").await;
    call(&world, &app, "GET", "/prometheus/api/v1/query?query=up").await;
    call(&world, &app, "POST", "/prometheus/api/v1/write").await;
    let path = format!("/me/applications/{}", app.grant.id);

    let shown = world.get(&path, eve).await.json();
    let permission = |scope: &str| {
        let all = shown["permissions"].as_array().expect("permissions");
        all.iter().find(|p| p["scope"] == scope).unwrap_or_else(|| panic!("{shown}")).clone()
    };
    let (read, rules) = (permission("metrics:read"), permission("rules:read"));
    assert_eq!((&read["used"], read["last_used_on"].is_string()), (&json!(true), true), "{read}");
    assert_eq!((&rules["used"], &rules["last_used_on"]), (&json!(false), &Value::Null), "{rules}");
    assert_eq!(shown["last_called_from"], json!({ "address": "127.0.0.1", "user_agent": "probe/1" }));
    let days = shown["calls_per_day"].as_array().expect("days");
    assert_eq!((days.len(), days.last(), &shown["idle"]), (30, Some(&json!(2)), &Value::Null));
    let listed = world.get("/me/applications", eve).await.json();
    assert!(names(&listed, "id").contains(&app.grant.id.to_string()), "{listed}");

    let activity = format!("{path}/activity");
    let all = world.get(&activity, eve).await.json();
    assert_eq!(names(&all, "decision"), ["permission_missing", "allowed", "allowed"], "two calls and the consent: {all}");
    let call = &all["data"][1];
    assert_eq!((&call["api"], &call["status"], &call["client_name"]), (&json!("prometheus"), &json!(200), &json!("Test client")));
    assert_eq!((&call["user"], &call["from"]["address"]), (&json!("eve@acme.test"), &json!("127.0.0.1")));
    assert_eq!(all["data"][0]["missing_scopes"], json!(["metrics:write"]));
    let narrowed = world.get(&format!("{activity}?decision=allowed&api=prometheus"), eve).await.json();
    assert_eq!(names(&narrowed, "operation"), [call["operation"].as_str().expect("text")]);
    let first = world.get(&format!("{activity}?limit=1"), eve).await.json();
    let next = first["next"].as_str().expect("more");
    let second = world.get(&format!("{activity}?limit=1&cursor={next}"), eve).await.json();
    assert_eq!(second["data"][0]["id"], call["id"]);

    // Neither an administrator's nor another organization's own.
    for stranger in [&world.admin, &world.other] {
        for path in [&path, &activity] {
            let answer = world.get(path, stranger).await;
            assert_eq!((answer.status, &answer.json()["code"]), (404, &json!("not_found")), "{path}");
        }
    }
    for wrong in ["limit=0", "cursor=AAAA", "decision=maybe", "nothing=1"] {
        assert_eq!(world.get(&format!("{activity}?{wrong}"), eve).await.status, 400, "{wrong}");
    }
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn events_say_what_others_ended_and_not_from_where() {
    let world = World::new().await;
    let (gw, eve) = (&world.gw, &world.member);
    let grant = gw.grant(&eve.org, &eve.user, &gw.client(None).await, "metrics:read").await;
    gw.advance(1);
    let ended = world.delete(&format!("/grants/{}", grant.id), &world.admin).await;
    assert_eq!(ended.status, 204, "{ended:?}");
    let events = world.get("/me/events", eve).await.json();
    assert_eq!(names(&events, "operation")[..2], ["grant.revoke.admin", "authorize.consent"], "{events}");
    let revoked = &events["data"][0];
    assert_eq!((&revoked["user"], &revoked["from"]), (&json!("ada@acme.test"), &Value::Null), "{revoked}");
    let elsewhere = world.get("/me/events", &world.other).await.text();
    assert!(!elsewhere.contains(grant.id.as_str()) && !elsewhere.contains("eve@acme.test"), "{elsewhere}");
    // What went on in another organization is not of this token's.
    let beta = &world.other.org;
    gw.member(beta, &eve.user, &["viewer"]).await;
    let there = gw.grant(beta, &eve.user, &gw.client(None).await, "metrics:read").await;
    let node = &gw.running.node;
    node.store.revoke_grant(&there.id, None, RevokeReason::Admin, &node.own_cause()).await.expect("an answer");
    let events = world.get("/me/events", eve).await.text();
    assert!(!events.contains(there.id.as_str()), "{events}");
    world.gw.running.stop().await;
}
