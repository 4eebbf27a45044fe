//! `/settings/sessions`.

use std::time::Duration;

use http::StatusCode;

use super::world::World;
use crate::account::log::{Doer, Doers};
use crate::record::{ControlEvent, Operation};
use crate::store::RevokeReason;

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
async fn events_are_neither_of_customers_nor_of_colleagues() {
    let world = World::new().await;
    let (ada, bob) = (world.sign_in(&world.ada).await, world.sign_in(&world.bob).await);
    let (store, events) = (&world.node.store, "/settings/events");
    let client = world.client_of("Mirror", Some(&world.evil)).await;
    let ours = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let customers = world.consent(&world.eve, &world.evil, &client, "metrics:read").await;
    let by = |user: &crate::store::User| {
        let mut cause = world.node.own_cause();
        cause.actor.user = Some(user.id.clone());
        cause
    };
    // Ada publishes what drops a scope of a customer, and revokes what is Bob's; Eve publishes what drops one of his.
    let narrowed = |grant: &crate::store::Grant| ControlEvent::done(Operation::GrantNarrow).on("grant", grant.id.as_str());
    store.note(Some(&world.evil.id), narrowed(&customers), &by(&world.ada)).await.expect("noted");
    store.note(Some(&world.acme.id), narrowed(&ours), &by(&world.eve)).await.expect("noted");
    store.revoke_grant(&ours.id, None, RevokeReason::Admin, &by(&world.ada)).await.expect("an answer");
    let page = world.get(Some(&ada), events).await.body;
    for other in ["The evil company", "An application lost", "An administrator revoked"] {
        assert!(!page.contains(other), "{other}: {page}");
    }
    let page = world.get(Some(&bob), events).await.body;
    assert!(page.contains("its maker no longer asks for") && page.contains("by ada@acme.test"), "{page}");
    assert!(!page.contains("eve@evil.test"), "{page}");
    // The operator's doings are told once, and nobody's address with them.
    world.join(&world.bob, &world.evil, &["viewer"]).await;
    let ended = store.end_other_sessions(&world.bob.id, None, &by(&world.eve)).await.expect("done");
    assert_eq!(ended, 1);
    let bob = world.sign_in(&world.bob).await;
    let page = world.get(Some(&bob), events).await.body;
    assert_eq!(page.matches("The operator ended your sessions").count(), 1, "{page}");
    assert!(!page.contains("eve@evil.test") && !page.contains("You signed out"), "{page}");
}

#[tokio::test]
async fn only_who_makes_an_application_is_told_as_its_maker() {
    let world = World::new().await;
    let (node, bob) = (&world.node, &world.bob);
    let client = world.client_of("Mirror", Some(&world.evil)).await;
    let of_nobody = world.client("Lens").await;
    let grant = world.consent(bob, &world.acme, &client, "metrics:read").await;
    let other = world.consent(bob, &world.acme, &of_nobody, "metrics:read").await;
    let (operator, gone, stranger) =
        (world.person("olga@gate.test").await, world.person("gus@acme.test").await, world.person("sam@else.test").await);
    assert!(node.store.add_operator(&operator.id, &node.own_cause()).await.expect("an answer"));
    world.join(&gone, &world.acme, &["viewer"]).await;
    assert!(node.store.remove_membership(&world.acme.id, &gone.id, &node.own_cause()).await.expect("an answer"));
    let narrowed = || ControlEvent::done(Operation::GrantNarrow);
    let given_up = || ControlEvent::done(Operation::GrantRevokeClient);
    let removed = || ControlEvent::done(Operation::GrantRevokeAdmin).with_comment(ControlEvent::CLIENT_REMOVED);
    let said = async |event: ControlEvent, user: &crate::store::User, grant: &crate::store::Grant| {
        world.clock.advance(Duration::from_secs(1));
        let mut cause = node.own_cause();
        cause.actor.user = Some(user.id.clone());
        node.store.note(Some(&world.acme.id), event.on("grant", grant.id.as_str()), &cause).await.expect("noted");
        let rows = node.store.own_events(&bob.id, None, None, 9).await.expect("events").rows;
        let row = rows.iter().find(|r| r.record.time == cause.at).expect("the newest");
        let doers = Doers::of(node, &bob.id, &rows).await.expect("a store");
        doers.who(&row.record).map(|who| match who {
            Doer::Known(address) => address.to_owned(),
            Doer::Maker => "maker".to_owned(),
            Doer::Operator => "operator".to_owned(),
        })
    };
    let told = |who: &str| Some(who.to_owned());
    for event in [narrowed, given_up, removed] {
        assert_eq!(said(event(), &world.eve, &grant).await, told("maker"));
        assert_eq!(said(event(), &world.eve, &other).await, None, "it is not hers");
        assert_eq!(said(event(), &operator, &grant).await, told("operator"));
        assert_eq!(said(event(), &gone, &grant).await, None, "who left is nobody's maker");
        assert_eq!(said(event(), &stranger, &grant).await, None);
        assert_eq!(said(event(), &world.ada, &grant).await, told("ada@acme.test"));
        assert_eq!(said(event(), bob, &grant).await, told("bob@acme.test"));
    }
    let page = world.get(Some(&world.sign_in(bob).await), "/settings/events").await.body;
    for other in ["olga@", "gus@", "sam@", "eve@"] {
        assert!(!page.contains(other), "{other}: {page}");
    }
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
