//! Searching the lists of an organization: members, machine clients, applications, authorizations.

use http::StatusCode;

use super::world::{Answer, Browser, START, World, pager};
use crate::review::STALE;
use crate::store::{Client, ClientKind, ClientOrigin, GrantType, NewUser, User, UserKind, Verdict};
use crate::types::{ClientId, SystemEntropy, UserId};

const MEMBERS: &str = "/orgs/acme/members";

/// The part of a page that a search replaces.
fn found(page: &Answer) -> &str {
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let (_, rest) = page.body.split_once("id=\"found\"").unwrap_or_else(|| panic!("no list: {}", page.body));
    rest.split("</nav>").next().unwrap_or_default()
}

/// Whether a page lists what it should and nothing else.
fn assert_lists(page: &Answer, wanted: &[&str], others: &[&str]) {
    let list = found(page);
    for one in wanted {
        assert!(list.contains(one), "{one}: {list}");
    }
    for one in others {
        assert!(!list.contains(one), "{one}: {list}");
    }
}

/// More members than a page holds, `user00@acme.test` first.
async fn crowd(world: &World) -> Browser {
    for n in 0..60 {
        let user = User {
            id: UserId::generate(START, &SystemEntropy),
            email: format!("user{n:02}@acme.test"),
            name: format!("Person {n}"),
            ..world.bob.clone()
        };
        let new = NewUser { user: user.clone(), password: None };
        world.node.store.create_user(&new, &world.node.own_cause()).await.expect("a user");
        world.join(&user, &world.acme, if n % 2 == 0 { &["viewer"] } else { &["registrar"] }).await;
    }
    world.sign_in(&world.ada).await
}

#[tokio::test]
async fn members_are_found_on_whichever_page_they_are() {
    let world = World::new().await;
    let ada = crowd(&world).await;
    let first = world.get(Some(&ada), MEMBERS).await;
    assert_lists(&first, &["ada@acme.test", "user47@acme.test"], &["user48@acme.test", "found."]);
    let one = world.get(Some(&ada), &format!("{MEMBERS}?text=USER59")).await;
    assert_lists(&one, &["user59@acme.test", "1 found."], &["ada@acme.test"]);
    assert!(one.body.contains("value=\"USER59\""), "the field keeps what was looked for");
    assert_lists(&world.get(Some(&ada), &format!("{MEMBERS}?text=person+58")).await, &["user58@"], &["user57@"]);
    let role = world.get(Some(&ada), &format!("{MEMBERS}?role=registrar")).await;
    assert_lists(&role, &["user01@acme.test", "30 found."], &["ada@acme.test", "user02@"]);
    let nobody = world.get(Some(&ada), &format!("{MEMBERS}?text=eve%40evil.test")).await;
    assert_lists(&nobody, &["No member matches"], &["ada@acme.test"]);
}

#[tokio::test]
async fn who_cancels_or_saves_comes_back_to_where_they_were() {
    let world = World::new().await;
    let ada = crowd(&world).await;
    let second = pager(&world.get(Some(&ada), &format!("{MEMBERS}?text=acme.test")).await.body, "next").expect("a page");
    assert_eq!(second, format!("{MEMBERS}?text=acme.test&from=50"));
    let page = world.get(Some(&ada), &second).await;
    assert_lists(&page, &["user59@acme.test"], &["ada@acme.test"]);
    let one = world.node.store.user_by_email("user59@acme.test").await.expect("a store").expect("a user").id;
    let open = format!("{second}&member={one}").replace('&', "&#38;");
    assert!(page.body.contains(&open), "{open}: {}", found(&page));
    let opened = world.get(Some(&ada), &format!("{second}&member={one}")).await;
    let here = second.replace('&', "&#38;");
    assert!(opened.body.contains(&format!("href=\"{here}\">Cancel")), "{}", opened.body);
    assert!(opened.body.contains(&format!("id=\"member\" method=\"post\" action=\"{here}\"")), "{}", opened.body);
    let saved = world.submit(&ada, &second, &format!("user={one}&role=viewer&save-roles=1")).await;
    assert_eq!(saved.headers["location"], format!("{second}&done=1"), "{}", saved.body);
    assert_lists(&world.get(Some(&ada), &format!("{second}&done=1")).await, &["user59@acme.test"], &["ada@acme.test"]);
    let refused = world.submit(&ada, &second, "service=Not+A+Name&add-service=1").await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.body.contains("user59@acme.test") && !refused.body.contains("user00@acme.test"), "{}", refused.body);
}

/// A machine client that acts as `subject`.
async fn machine(world: &World, name: &str, subject: &User) -> Client {
    let client = Client {
        id: ClientId::generate(START, &SystemEntropy),
        org: Some(world.acme.id.clone()),
        name: name.to_owned(),
        kind: ClientKind::Confidential,
        origin: ClientOrigin::Administrator,
        grant_types: vec![GrantType::ClientCredentials],
        subject: Some(subject.id.clone()),
        ..world.client("pattern").await
    };
    world.node.store.create_client(&client, None, &world.node.own_cause()).await.expect("a client");
    client
}

#[tokio::test]
async fn machines_are_found_by_name_id_and_user() {
    let world = World::new().await;
    let robot = User {
        id: UserId::generate(START, &SystemEntropy),
        email: "robot.acme".to_owned(),
        kind: UserKind::Service,
        ..world.bob.clone()
    };
    let new = NewUser { user: robot.clone(), password: None };
    world.node.store.create_user(&new, &world.node.own_cause()).await.expect("a user");
    let (nightly, weekly) = (machine(&world, "Nightly", &robot).await, machine(&world, "Weekly", &world.ada).await);
    let ada = world.sign_in(&world.ada).await;
    for text in ["NIGHT", "robot", nightly.id.as_str()] {
        let page = world.get(Some(&ada), &format!("/orgs/acme/machines?text={text}")).await;
        assert_lists(&page, &["Nightly", "1 found."], &["Weekly"]);
    }
    let none = world.get(Some(&ada), "/orgs/acme/machines?text=hourly").await;
    assert_lists(&none, &["No machine client matches"], &[weekly.id.as_str()]);
    assert!(!none.body.contains("No machine clients yet"), "{}", none.body);
}

#[tokio::test]
async fn access_is_found_by_application_user_permission_and_state() {
    let world = World::new().await;
    let [idle, mirror, blocked] = ["Idle", "Mirror", "Blocked one"].map(|name| world.client(name));
    let (idle, mirror, blocked) = (idle.await, mirror.await, blocked.await);
    world.consent(&world.bob, &world.acme, &idle, "metrics:read").await;
    world.consent(&world.eve, &world.evil, &idle, "alerts:read").await;
    world.clock.advance(STALE);
    world.consent(&world.ada, &world.acme, &mirror, "alerts:read").await;
    let cause = world.node.own_cause();
    world.node.store.decide_client(&world.acme.id, &blocked.id, Verdict::Block, &cause).await.expect("an answer");
    let ada = world.sign_in(&world.ada).await;
    for (query, wanted, others) in [
        ("text=MIRR", "Mirror", ["Idle", "Blocked one"]),
        ("text=ada%40", "Mirror", ["Idle", "Blocked one"]),
        ("text=alerts", "Mirror", ["Idle", "Blocked one"]),
        ("text=metrics%3Aread", "Idle", ["Mirror", "Blocked one"]),
        ("state=blocked", "Blocked one", ["Idle", "Mirror"]),
        ("state=allowed&text=bob", "Idle", ["Mirror", "Blocked one"]),
        ("text=eve%40evil.test", "No application matches", ["Idle", "Mirror"]),
    ] {
        assert_lists(&world.get(Some(&ada), &format!("/orgs/acme/applications?{query}")).await, &[wanted], &others);
    }
    for (query, wanted, other) in [
        ("text=mirr", "Mirror", "Idle"),
        ("text=BOB%40", "Idle", "Mirror"),
        ("text=alerts%3Aread", "Mirror", "Idle"),
        ("use=none", "Idle", "Mirror"),
        ("use=some", "Mirror", "Idle"),
        ("text=eve", "No authorization matches", "Idle"),
    ] {
        let page = world.get(Some(&ada), &format!("/orgs/acme/review?{query}")).await;
        assert_lists(&page, &[wanted], &[other]);
        assert!(page.body.contains("2 authorizations."), "the summary is of all: {}", page.body);
    }
    let saved = world.submit(&ada, "/orgs/acme/applications?text=mirr", "new-clients=open&save-new-clients=1").await;
    assert_eq!(saved.headers["location"], "/orgs/acme/applications?text=mirr&done=saved");
}
