//! `/orgs/{org}/members`.

use axum::body::Body;
use futures::stream;
use http::{Request, StatusCode};

use super::world::{Answer, Browser, World};
use crate::store::{OrgState, User, UserState};
use crate::types::RoleName;

const PATH: &str = "/orgs/acme/members";

async fn press(world: &World, who: &Browser, fields: &str) -> Answer {
    world.post(who, PATH, &format!("csrf={}&{fields}", who.csrf), &[("sec-fetch-site", "same-origin")]).await
}

async fn roles(world: &World, user: &User) -> Option<String> {
    let membership = world.node.store.membership(&world.acme.id, &user.id).await.expect("a store")?;
    Some(membership.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(" "))
}

/// The link that a page shows once.
fn link(page: &Answer) -> Option<String> {
    let (_, rest) = page.body.split_once("/invitations/tg_iv_")?;
    Some(format!("/invitations/tg_iv_{}", rest.split('<').next()?))
}

#[tokio::test]
async fn an_administrator_changes_roles_and_removes() {
    let world = World::new().await;
    let client = world.client("CLI").await;
    let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read").await;
    let ada = world.sign_in(&world.ada).await;
    let page = world.get(Some(&ada), &format!("{PATH}?member={}", world.bob.id)).await;
    for shown in ["ada@acme.test", "bob@acme.test", "Roles of bob@acme.test", "Everything"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    assert!(!page.body.contains("eve@evil.test"));
    let saved = press(&world, &ada, &format!("user={}&role=admin&role=viewer&save-roles=1", world.bob.id)).await;
    assert_eq!((saved.status, roles(&world, &world.bob).await), (StatusCode::SEE_OTHER, Some("admin viewer".to_owned())));
    let page = world.get(Some(&ada), &format!("{PATH}?member={}&confirm=remove", world.bob.id)).await;
    assert!(page.body.contains("Remove bob@acme.test from The acme company?"), "{}", page.body);
    press(&world, &ada, &format!("user={}&remove=1", world.bob.id)).await;
    assert_eq!(roles(&world, &world.bob).await, None);
    assert!(!world.is_live(&grant).await);
    for user in [&world.bob, &world.eve] {
        let again = press(&world, &ada, &format!("user={}&remove=1", user.id)).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_form_that_comes_slowly_is_decided_by_what_is_true_at_its_end() {
    for (path, fields) in [(PATH, "service=robot&add-service=1"), ("/orgs/acme/apps/new", "name=Probe")] {
        let world = World::new().await;
        let ada = world.sign_in(&world.ada).await;
        let (node, org, user) = (world.node.clone(), world.acme.id.clone(), world.ada.id.clone());
        let form = format!("csrf={}&{fields}", ada.csrf);
        let slow = stream::once(async move { node.store.remove_membership(&org, &user, &node.own_cause()).await.map(|_| form) });
        let request = Request::post(path).header("cookie", &ada.cookie).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from_stream(slow));
        let answer = world.send(world.pages(), request.expect("a request")).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{path}: {}", answer.body);
    }
}

#[tokio::test]
async fn the_last_administrator_stays() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    for act in ["remove=1", "save-roles=1&role=viewer", "save-roles=1"] {
        let answer = press(&world, &ada, &format!("user={}&{act}", world.ada.id)).await;
        assert_eq!(answer.status, StatusCode::CONFLICT, "{act}");
        assert!(answer.body.contains("Nobody would be left to administer"), "{}", answer.body);
    }
    assert_eq!(roles(&world, &world.ada).await.as_deref(), Some("admin"));
}

#[tokio::test]
async fn an_invitation_is_shown_once_and_can_be_withdrawn() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let page = press(&world, &ada, "email=Grace%40Acme.Test&role=viewer&invite=1").await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    assert!(link(&page).is_some() && page.body.contains("grace@acme.test"), "{}", page.body);
    let later = world.get(Some(&ada), PATH).await;
    assert!(link(&later).is_none() && later.body.contains("Invited by ada@acme.test"), "{}", later.body);
    let open = world.node.store.invitations(&world.acme.id, world.node.now()).await.expect("a store");
    press(&world, &ada, &format!("withdraw-{}=1", open[0].id)).await;
    assert!(!world.get(Some(&ada), PATH).await.body.contains("grace@acme.test"));
    for (bad, status) in [
        ("email=nobody&invite=1", StatusCode::UNPROCESSABLE_ENTITY),
        ("email=eve%40acme.test%0A&invite=1", StatusCode::UNPROCESSABLE_ENTITY),
        ("email=eve%40acme.test%0D%0ABcc%3A+a%40b&invite=1", StatusCode::UNPROCESSABLE_ENTITY),
        ("invite=1", StatusCode::UNPROCESSABLE_ENTITY),
        ("email=a%40b&role=emperor&invite=1", StatusCode::NOT_FOUND),
        ("withdraw-x=1", StatusCode::SEE_OTHER),
        ("withdraw-a%20b=1", StatusCode::NOT_FOUND),
        ("", StatusCode::NOT_FOUND),
    ] {
        assert_eq!(press(&world, &ada, bad).await.status, status, "{bad}");
    }
    assert_eq!(world.node.store.invitations(&world.acme.id, world.node.now()).await.expect("a store").len(), 0);
}

#[tokio::test]
async fn service_users_are_added_and_switched() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    assert_eq!(press(&world, &ada, "service=ci&role=viewer&add-service=1").await.status, StatusCode::SEE_OTHER);
    assert_eq!(press(&world, &ada, "service=ci&add-service=1").await.status, StatusCode::CONFLICT);
    assert_eq!(press(&world, &ada, "service=No+Name&add-service=1").await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let find = async || world.node.store.user_by_email("ci.acme").await.expect("a store").expect("it is there");
    let bot = find().await;
    assert_eq!(roles(&world, &bot).await.as_deref(), Some("viewer"));
    let asked = world.get(Some(&ada), &format!("{PATH}?member={}&confirm=deactivate", bot.id)).await;
    assert!(asked.body.contains("Deactivate ci.acme?") && asked.body.contains("stops at once"), "{}", asked.body);
    assert_eq!(find().await.state, UserState::Active, "asking changes nothing");
    let person = world.get(Some(&ada), &format!("{PATH}?member={}&confirm=deactivate", world.bob.id)).await;
    assert!(!person.body.contains("Deactivate bob@acme.test?"), "{}", person.body);
    press(&world, &ada, &format!("deactivate-{}=1", bot.id)).await;
    assert_eq!(find().await.state, UserState::Disabled);
    press(&world, &ada, &format!("activate-{}=1", bot.id)).await;
    assert_eq!(find().await.state, UserState::Active);
    // A service user that another organization also has, and a person, are not this administrator's to switch.
    world.join(&bot, &world.evil, &["viewer"]).await;
    for user in [&bot, &world.bob, &world.eve] {
        let answer = press(&world, &ada, &format!("deactivate-{}=1", user.id)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{}", user.email);
    }
    assert_eq!(find().await.state, UserState::Active);
}

#[tokio::test]
async fn nobody_else_sees_or_changes_members() {
    let world = World::new().await;
    for user in [&world.bob, &world.eve] {
        let browser = world.sign_in(user).await;
        assert_eq!(world.get(Some(&browser), PATH).await.status, StatusCode::NOT_FOUND);
        let answer = press(&world, &browser, &format!("user={}&role=admin&save-roles=1", user.id)).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(roles(&world, &world.bob).await.as_deref(), Some("viewer"));
    assert_eq!(roles(&world, &world.eve).await, None);
}

#[tokio::test]
async fn an_organization_that_is_switched_off_has_no_pages() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let paths = ["applications", "review", "review.csv", "members", "audit", "audit.csv", "apps", "apps/new", "machines"];
    for state in [OrgState::Active, OrgState::Disabled, OrgState::Active] {
        let _ = world.node.store.set_org_state(&world.acme.id, state, &world.node.own_cause()).await.expect("a change");
        world.node.settle().await.expect("settled");
        let expected = if state == OrgState::Active { StatusCode::OK } else { StatusCode::NOT_FOUND };
        for path in paths {
            assert_eq!(world.get(Some(&ada), &format!("/orgs/acme/{path}")).await.status, expected, "{path} {state:?}");
        }
        let form = format!("csrf={}&new-clients=open&save-new-clients=1", ada.csrf);
        let decided = world.post(&ada, "/orgs/acme/applications", &form, &[("sec-fetch-site", "same-origin")]).await.status;
        assert_eq!(decided.is_redirection(), state == OrgState::Active, "{decided}");
    }
}

#[tokio::test]
async fn the_menu_leads_to_what_somebody_may_open() {
    let world = World::new().await;
    let bob = world.sign_in(&world.bob).await;
    for (roles, page, title) in [
        (&["viewer"][..], None, ""),
        (&["registrar"], Some("members"), "Organization"),
        (&["reviewer", "registrar"], Some("applications"), "Organization"),
        (&["admin", "registrar"], Some("audit"), "Audit log"),
    ] {
        world.join(&world.bob, &world.acme, roles).await;
        let body = world.get(Some(&bob), "/settings/applications").await.body;
        let menu =
            body.split("<nav class=\"menu\" aria-label=\"Main\">").nth(1).and_then(|m| m.split("</nav>").next()).expect("a menu");
        match page {
            Some(page) => assert!(menu.contains(&format!("href=\"/orgs/acme/{page}\">{title}</a>")), "{roles:?}: {menu}"),
            None => assert!(!menu.contains("/orgs/"), "{roles:?}: {menu}"),
        }
        let Some(page) = page else { continue };
        assert_eq!(world.get(Some(&bob), &format!("/orgs/acme/{page}")).await.status, StatusCode::OK, "{roles:?}");
    }
}
