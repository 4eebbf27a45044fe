//! Counting an organization's log through `/api/v1`.

use serde_json::{Value, json};

use crate::api::World;
use crate::harness::http1::{Request, Response};

/// The groups as `(name, records, refusals)`.
fn groups(counts: &Response) -> Vec<(String, u64, u64)> {
    assert_eq!(counts.status, 200, "{counts:?}");
    let counts = counts.json();
    let number = |group: &Value, field: &str| group[field].as_u64().expect("a number");
    let groups = counts["groups"].as_array().expect("a list").iter();
    groups.map(|g| (g["name"].as_str().expect("text").to_owned(), number(g, "total"), number(g, "denied"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_and_denials_are_counted_by_what_they_share_and_over_time() {
    let world = World::new().await;
    let (acme, ada) = (&world.admin.org, &world.admin.user);
    let caller = world.gw.grant_to(acme, ada, &world.admin.client, "metrics:read").await;
    for path in ["/api/v1/query?query=up", "/api/v1/query?query=up", "/no/such/route"] {
        let answer = world.send(&Request::get(&format!("/prometheus{path}")).bearer(&caller.token)).await;
        world.gw.record_of(&answer).await;
    }
    let count = async |query: &str| world.get(&format!("/audit/counts?api=prometheus&{query}"), &world.admin).await;
    let email = world.admin.user.email.clone();
    assert_eq!(groups(&count("by=user").await), [(email, 3, 1)]);
    assert_eq!(groups(&count("by=app").await), [(world.admin.client.name.clone(), 3, 1)]);
    assert_eq!(groups(&count("by=decision").await), [("allowed".to_owned(), 2, 0), ("denied".to_owned(), 1, 1)]);
    let routes = groups(&count("by=route&decision=allowed").await);
    assert_eq!(routes.iter().map(|(_, total, _)| total).sum::<u64>(), 2, "{routes:?}");
    assert_eq!(groups(&count("by=decision&limit=1").await).len(), 1);
    let all = count("buckets=6").await.json();
    assert_eq!((&all["total"], &all["denied"], &all["by"], &all["groups"]), (&json!(3), &json!(1), &Value::Null, &json!([])));
    let buckets = all["buckets"].as_array().expect("a list");
    assert_eq!((buckets.len(), buckets.iter().filter_map(|b| b["total"].as_u64()).sum::<u64>()), (6, 3));
    let stranger = count("by=user&user=nobody%40elsewhere.test").await.json();
    assert_eq!((&stranger["total"], &stranger["groups"]), (&json!(0), &json!([])));
    assert_eq!(world.get("/audit/counts?api=prometheus&by=user", &world.other).await.json()["total"], json!(0), "its own log");
    for wrong in ["by=weather", "buckets=0", "buckets=201", "limit=0", "limit=101", "from=2020-01-01", "cursor=x", "status=9"] {
        assert_eq!(count(wrong).await.status, 400, "{wrong}");
    }
    world.gw.running.stop().await;
}
