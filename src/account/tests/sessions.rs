//! `/settings/sessions`.

use http::StatusCode;

use super::world::World;

const PATH: &str = "/settings/sessions";

/// What the buttons name.
fn handles(body: &str) -> Vec<String> {
    let buttons = body.split("name=\"end-").skip(1).filter_map(|rest| rest.split('"').next());
    buttons.filter(|name| *name != "others").map(ToOwned::to_owned).collect()
}

#[tokio::test]
async fn what_happened_to_an_account_is_its_owners_to_read() {
    let world = World::new().await;
    let bob = world.sign_in(&world.bob).await;
    let events = "/settings/events";
    assert!(world.get(Some(&bob), PATH).await.body.contains(&format!("href=\"{events}\"")), "from the sessions");
    assert!(world.get(Some(&bob), "/settings/applications").await.body.contains(&format!("href=\"{events}\"")));
    let client = world.client("Mirror").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let page = world.get(Some(&bob), events).await;
    for fact in ["You allowed an application", "Mirror", "<code>metrics:read</code>", "The acme company"] {
        assert!(page.body.contains(fact), "{fact}: {}", page.body);
    }
    // What somebody else did says who, and not from where.
    let ada = world.sign_in(&world.ada).await;
    let form = format!("revoke-{}=1", grant.id);
    world.submit(&ada, &format!("/orgs/acme/applications/{}", client.id), &form).await;
    let page = world.get(Some(&bob), events).await;
    let (_, row) = page.body.split_once("An administrator revoked").unwrap_or_else(|| panic!("{}", page.body));
    let (row, _) = row.split_once("</tr>").expect("a row");
    assert!(row.contains("by ada@acme.test") && row.contains("Mirror") && row.contains("Not said"), "{row}");
    for other in [&world.eve, &world.ada] {
        let other = world.sign_in(other).await;
        assert!(!world.get(Some(&other), events).await.body.contains("You allowed an application"));
    }
    assert_eq!(world.get(None, events).await.status, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn events_come_in_pages() {
    let world = World::new().await;
    let bob = world.sign_in(&world.bob).await;
    let client = world.client("Mirror").await;
    for _ in 0..30 {
        world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    }
    let first = world.get(Some(&bob), "/settings/events").await;
    assert_eq!(first.body.matches("You allowed an application").count(), 25, "{}", first.body);
    let older = super::world::pager(&first.body, "next").expect("a page");
    let second = world.get(Some(&bob), &older).await;
    assert_eq!(second.body.matches("You allowed an application").count(), 5, "{}", second.body);
    assert_eq!(super::world::pager(&second.body, "prev").as_deref(), Some("/settings/events"));
}

#[tokio::test]
async fn a_user_ends_one_session_or_all_others() {
    let world = World::new().await;
    let (mine, phone, tablet) =
        (world.sign_in(&world.bob).await, world.sign_in(&world.bob).await, world.sign_in(&world.bob).await);
    let eve = world.sign_in(&world.eve).await;
    let page = world.get(Some(&mine), PATH).await;
    assert_eq!((page.status, page.body.matches("This browser").count()), (StatusCode::OK, 1), "{}", page.body);
    let others = handles(&page.body);
    assert_eq!(others.len(), 2);
    for stranger in [&eve] {
        let answer = world.post(stranger, PATH, &format!("csrf={}&end-{}=1", stranger.csrf, others[0]), &[]).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(
        world.post(&mine, PATH, &format!("csrf={}&end-{}=1", mine.csrf, others[0]), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    let left = handles(&world.get(Some(&mine), PATH).await.body);
    assert_eq!(left, [others[1].clone()]);
    world.post(&mine, PATH, &format!("csrf={}&end-others=1", mine.csrf), &[]).await;
    assert!(handles(&world.get(Some(&mine), PATH).await.body).is_empty());
    for ended in [&phone, &tablet] {
        assert_eq!(world.get(Some(ended), PATH).await.status, StatusCode::SEE_OTHER);
    }
    assert_eq!(world.get(Some(&eve), PATH).await.status, StatusCode::OK);
}
