//! `/orgs/{org}/review`.

use std::collections::BTreeSet;
use std::time::Duration;

use http::StatusCode;

use super::world::{START, World, call};
use crate::record::Decision;
use crate::review::{Proposal, STALE, Wanted, newest};

const DAY: Duration = Duration::from_hours(24);

#[tokio::test]
async fn the_review_proposes_what_use_suggests() {
    let world = World::new().await;
    let [idle, half, full] = ["=Idle", "Half", "Full"].map(|name| world.client(name));
    let (idle, half, full) = (idle.await, half.await, full.await);
    let old = world.consent(&world.bob, &world.acme, &idle, "metrics:read").await;
    world.consent(&world.eve, &world.evil, &idle, "metrics:read").await;
    world.clock.advance(STALE.saturating_sub(DAY));
    let narrow = world.consent(&world.bob, &world.acme, &half, "metrics:read alerts:read").await;
    let keep = world.consent(&world.ada, &world.acme, &full, "metrics:read").await;
    let used = START.plus(STALE);
    world
        .happened(&[&narrow, &keep].map(|g| call(g, if g.id == keep.id { &full } else { &half }, used, Decision::Allowed)))
        .await;
    world.clock.advance(DAY);

    let config = world.node.config.load_full();
    let mut found = newest(&world.node, &config, &world.acme, Wanted::default(), (None, 9)).await.expect("a store");
    let idle_first = |e: &crate::review::Entry| (e.last_used_at.unwrap_or(e.granted_at), e.grant.clone());
    found.sort_by_key(idle_first);
    let told: Vec<_> = found.iter().map(|e| (&e.grant, e.proposal, e.unused_scopes.to_string())).collect();
    let expected = [
        (&old.id, Proposal::Revoke, "metrics:read".to_owned()),
        (&narrow.id, Proposal::Narrow, "alerts:read".to_owned()),
        (&keep.id, Proposal::Keep, String::new()),
    ];
    assert_eq!(told[0], expected[0]);
    assert!(expected[1..].iter().all(|e| told.contains(e)) && told.len() == 3, "{told:?}");

    let ada = world.sign_in(&world.ada).await;
    let page = world.get(Some(&ada), "/orgs/acme/review").await;
    assert!(
        page.body.contains("3 authorizations. Not used for 90 days: 1. With") && page.body.contains("=Idle"),
        "{}",
        page.body
    );
    let csv = world.get(Some(&ada), "/orgs/acme/review.csv").await;
    assert_eq!(csv.body.matches("\r\n").count(), 4, "{}", csv.body);
    assert!(csv.body.contains("\"'=Idle\"") && !csv.body.contains("eve@evil.test"), "{}", csv.body);
    let json = world.get(Some(&ada), "/orgs/acme/review.json").await;
    let mut read: Vec<crate::review::Entry> = serde_json::from_str(&json.body).expect("what the command reads");
    read.sort_by_key(idle_first);
    assert_eq!(read, found);
    let recorded = world.get(Some(&ada), "/orgs/acme/audit?text=access.review&from=2026-11-21").await;
    assert_eq!(recorded.body.matches("<code>access.review</code>").count(), 2, "{}", recorded.body);
}

#[tokio::test]
async fn nobody_else_reads_the_review() {
    let world = World::new().await;
    for path in ["/orgs/acme/review", "/orgs/acme/review.csv", "/orgs/acme/review.json"] {
        for user in [&world.bob, &world.eve] {
            let browser = world.sign_in(user).await;
            assert_eq!(world.get(Some(&browser), path).await.status, StatusCode::NOT_FOUND, "{path}");
        }
        assert_eq!(world.get(None, path).await.status, StatusCode::SEE_OTHER, "{path}");
    }
}

/// More grants than are read at once: the report has each once, and the page a part of them.
#[tokio::test]
async fn a_report_of_many_is_whole_and_its_page_is_not() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let mut made = BTreeSet::new();
    for _ in 0..620 {
        made.insert(world.consent(&world.bob, &world.acme, &client, "metrics:read").await.id);
    }
    let ada = world.sign_in(&world.ada).await;
    let json = world.get(Some(&ada), "/orgs/acme/review.json").await;
    let read: Vec<crate::review::Entry> = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(read.len(), 620);
    assert_eq!(read.iter().map(|e| e.grant.clone()).collect::<BTreeSet<_>>(), made);
    let csv = world.get(Some(&ada), "/orgs/acme/review.csv").await;
    assert_eq!(csv.body.matches("\r\n").count(), 621);
    let mut seen = BTreeSet::new();
    for from in (0..700).step_by(25) {
        let page = world.get(Some(&ada), &format!("/orgs/acme/review?from={from}")).await;
        let rows: Vec<_> = page.body.split("id=\"review-").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert_eq!(rows.len(), 25.min(620_usize.saturating_sub(from)), "{from}");
        seen.extend(rows.into_iter().map(ToOwned::to_owned));
        assert_eq!(page.body.contains(&format!("review?from={}", from + 25)), from < 600, "{from}");
    }
    assert_eq!(seen.len(), 620);
    let none = World::new().await;
    let ada = none.sign_in(&none.ada).await;
    assert_eq!(none.get(Some(&ada), "/orgs/acme/review.json").await.body, "[]\n");
}
