//! `/settings/applications/{grant}`.

use std::time::Duration;

use http::StatusCode;

use super::world::{Answer, Browser, START, World, ago, call, denied};
use crate::record::{ControlEvent, Decision, Operation};
use crate::store::{Client, Grant};
use crate::types::ScopeSet;

/// Bob's application, which may do three things.
struct Own {
    world: World,
    client: Client,
    grant: Grant,
    bob: Browser,
}

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

impl Own {
    async fn new() -> Self {
        let world = World::new().await;
        let client = world.client("Grafana <b>CLI</b>").await;
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read alerts:read rules:read").await;
        let bob = world.sign_in(&world.bob).await;
        Self { world, client, grant, bob }
    }

    fn path(&self) -> String {
        format!("/settings/applications/{}", self.grant.id)
    }

    async fn press(&self, fields: &str) -> Answer {
        let form = format!("csrf={}&{fields}", self.bob.csrf);
        self.world.post(&self.bob, &self.path(), &form, &[("sec-fetch-site", "same-origin")]).await
    }

    async fn holds(&self) -> Option<ScopeSet> {
        let principal = self.world.try_principal(&self.grant).await?;
        Some(self.world.node.config.load().catalogue.scopes(&principal.effective.now))
    }
}

#[tokio::test]
async fn a_user_sees_what_it_did_record_by_record() {
    let own = Own::new().await;
    let many: Vec<_> = (0..30).map(|n| call(&own.grant, &own.client, ago(60 + n), Decision::Allowed)).collect();
    own.world.happened(&many).await;
    own.world.happened(&[call(&own.grant, &own.client, ago(1), denied("insufficient_scope", "logs:read"))]).await;
    let page = own.world.get(Some(&own.bob), &own.path()).await;
    for shown in [
        "Grafana &#60;b&#62;CLI",
        "192.0.2.7",
        "suite/1",
        "tools/call query_metrics",
        "needs logs:read",
        "31 calls",
        "used yesterday",
    ] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    // The consent itself is the newest record.
    assert_eq!(page.body.matches("tools/call query_metrics").count(), 24);
    let older = page.body.split("rel=\"next\" href=\"").nth(1).and_then(|h| h.split('"').next()).expect("an older page");
    let older = own.world.get(Some(&own.bob), &older.replace("&#38;", "&")).await;
    assert_eq!(older.body.matches("tools/call query_metrics").count(), 7, "{}", older.body);
    let denials = own.world.get(Some(&own.bob), &format!("{}?decision=denied", own.path())).await;
    assert_eq!(denials.body.matches("tools/call query_metrics").count(), 1);
    let nothing = own.world.get(Some(&own.bob), &format!("{}?tool=other", own.path())).await;
    assert!(nothing.body.contains("No record matches"));
}

#[tokio::test]
async fn refreshes_do_not_hide_from_where_it_last_called() {
    let own = Own::new().await;
    let told = |address: &str, seconds: u64| {
        let mut record = call(&own.grant, &own.client, ago(seconds), Decision::Allowed);
        record.origin.peer = format!("{address}:4711").parse().ok();
        record
    };
    own.world.happened(&[told("192.0.2.40", 90_000), told("192.0.2.41", 600)]).await;
    let mut cause = own.world.node.own_cause();
    cause.actor.grant = Some(own.grant.id.clone());
    cause.origin.peer = "192.0.2.99:1".parse().ok();
    for _ in 0..30 {
        let refreshed = ControlEvent::done(Operation::TokenRefresh);
        own.world.node.store.note(Some(&own.world.acme.id), refreshed, &cause).await.expect("noted");
    }
    let page = own.world.get(Some(&own.bob), &own.path()).await.body;
    assert!(page.contains("192.0.2.41") && !page.contains("192.0.2.40"), "{page}");
}

#[tokio::test]
async fn a_user_takes_scopes_and_live_tokens_narrow() {
    let own = Own::new().await;
    own.world.happened(&[call(&own.grant, &own.client, START, Decision::Allowed)]).await;
    let page = own.world.get(Some(&own.bob), &own.path()).await;
    assert_eq!(page.body.matches("never used").count(), 2, "{}", page.body);
    let done = own.press("keep=metrics%3Aread&keep=logs%3Adelete&narrow=1").await;
    assert_eq!((done.status, location(&done)), (StatusCode::SEE_OTHER, format!("{}?done=narrowed", own.path()).as_str()));
    assert_eq!(own.holds().await, ScopeSet::parse("metrics:read").ok(), "nothing can be added");
    assert!(own.world.get(Some(&own.bob), location(&done)).await.body.contains("may do only what is ticked"));
    for (fields, told) in [("narrow=1", "To end its access, revoke it"), ("keep=metrics%3Aread&narrow=1", "nothing was taken")] {
        let answer = own.press(fields).await;
        assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY, "{fields}");
        assert!(answer.body.contains(told), "{told}: {}", answer.body);
    }
    assert_eq!(own.holds().await, ScopeSet::parse("metrics:read").ok());
}

#[tokio::test]
async fn a_user_sets_an_end_and_it_ends() {
    let own = Own::new().await;
    for bad in ["until=2026-01-01", "until=tomorrow", "until=", ""] {
        assert_eq!(own.press(&format!("{bad}&limit=1")).await.status, StatusCode::UNPROCESSABLE_ENTITY, "{bad}");
    }
    let day = START.plus(Duration::from_hours(24)).to_string();
    let done = own.press(&format!("until={}&limit=1", &day[..10])).await;
    assert!(own.world.get(Some(&own.bob), location(&done)).await.body.contains("Its access ends"), "{}", done.body);
    let later = own.press("until=2030-01-01&limit=1").await;
    assert_eq!(later.status, StatusCode::UNPROCESSABLE_ENTITY, "it can't be lengthened");
    own.world.clock.advance(Duration::from_hours(72));
    assert!(own.holds().await.is_none());
}

#[tokio::test]
async fn a_user_revokes_from_there() {
    let own = Own::new().await;
    let done = own.press(&format!("revoke-{}=1", own.grant.id)).await;
    assert_eq!(location(&done), format!("/settings/applications?revoked={}", own.grant.id));
    assert!(!own.world.is_live(&own.grant).await);
    assert_eq!(own.world.get(Some(&own.bob), &own.path()).await.status, StatusCode::NOT_FOUND);
    assert_eq!(own.press("narrow=1").await.status, StatusCode::NOT_FOUND);
}
