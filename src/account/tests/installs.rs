//! `/orgs/{org}/install`, `/orgs/{org}/applications/{client}/uninstall` and `/orgs/{org}/keys`.

use std::time::Duration;

use http::StatusCode;

use super::world::{Answer, Browser, START, World, pager, scopes};
use crate::store::{ApiKey, ApiKeyState, App, Client, DisableReason, Grant, Holder, Minted, NewClients, ScopeRefusal, Verdict};
use crate::types::{API_KEYS_WRITE, ApiKeyId, PlainToken, ScopeToken, SystemEntropy, TokenKind};

const DEFINITION: &str = "name=Evil+<b>Agent</b>&description=Sends+metrics.&documentation_url=https%3A%2F%2Fevil.test%2Fdocs\
    &uninstall_instructions=Stop+it+on+every+host.&onboarding_url=https%3A%2F%2Fevil.test%2Fstart\
    &redirect_uris=https%3A%2F%2Fevil.test%2Fcb&scopes=metrics%3Aread&kind=public&save=1";
const NAME: &str = "Evil &#60;b&#62;Agent&#60;/b&#62;";

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

fn mints() -> ScopeToken {
    ScopeToken::parse(API_KEYS_WRITE).expect("a scope")
}

/// An app that evil published, and Ada, who administers acme.
pub(crate) struct Partner {
    pub(crate) world: World,
    pub(crate) app: App,
    pub(crate) client: Client,
    ada: Browser,
}

impl Partner {
    pub(crate) async fn new() -> Self {
        let world = World::new().await;
        let eve = world.sign_in(&world.eve).await;
        world.submit(&eve, "/orgs/evil/apps/new", DEFINITION).await;
        let made = world.node.store.apps(Some(&world.evil.id)).await.expect("apps").remove(0);
        let page = format!("/orgs/evil/apps/{}", made.id);
        world.submit(&eve, &page, "mark-stable=1").await;
        let done = world.submit(&eve, &format!("{page}/publish"), "revision=1&publish=1").await;
        assert!(done.body.contains("Version 1 is published."), "{}", done.body);
        let app = world.node.store.app(&made.id).await.expect("read").expect("there");
        let id = app.published_client.clone().expect("a client");
        let client = world.node.store.client(&id).await.expect("read").expect("there");
        let until = START.plus(Duration::from_hours(1));
        let holder = Holder::App(app.id.clone());
        assert!(world.node.store.approve_scope(&holder, &mints(), until, None, &world.node.own_cause()).await.expect("done"));
        let ada = world.sign_in(&world.ada).await;
        Self { world, app, client, ada }
    }

    fn page(&self) -> String {
        format!("/orgs/acme/applications/{}", self.client.id)
    }

    async fn get(&self, path: &str) -> Answer {
        self.world.get(Some(&self.ada), path).await
    }

    /// The key that the app makes under this grant: an organization has one of it.
    pub(crate) async fn key(&self, grant: &Grant) -> ApiKey {
        let value = PlainToken::generate(TokenKind::ApiKey, &SystemEntropy);
        let key = ApiKey {
            id: ApiKeyId::generate(START, &SystemEntropy),
            last4: value.last4().to_owned(),
            name: "Key of app Evil Agent".to_owned(),
            org: grant.org.clone(),
            app: self.app.id.clone(),
            client: self.client.id.clone(),
            grant: grant.id.clone(),
            user: grant.user.clone(),
            scopes: scopes("metrics:write"),
            resources: Vec::new(),
            created_at: START,
            last_used_at: None,
            state: ApiKeyState::Live,
        };
        let minted = self.world.node.store.mint_api_key(&key, &value.hashed(), &self.world.node.own_cause()).await;
        assert_eq!(minted.expect("an answer"), Minted::Done);
        key
    }

    async fn state(&self, key: &ApiKey) -> ApiKeyState {
        self.world.node.store.api_key(&key.id).await.expect("read").expect("there").state
    }
}

#[tokio::test]
async fn an_administrator_finds_an_app_and_installs_it_ahead() {
    let partner = Partner::new().await;
    let (world, store) = (&partner.world, &partner.world.node.store);
    store.set_new_clients(&world.acme.id, NewClients::Approval, &world.node.own_cause()).await.expect("set");
    assert!(partner.get("/orgs/acme/applications").await.body.contains("/orgs/acme/install"));
    let empty = partner.get("/orgs/acme/install").await;
    assert!(empty.status == StatusCode::OK && !empty.body.contains("id=\"install\""), "{}", empty.body);
    for name in ["nonsense", "app_nobody", "cl_nobody", partner.app.draft_client.as_str()] {
        let page = partner.get(&format!("/orgs/acme/install?app={name}")).await;
        // A draft leads to its app, but an app that was never published would not be found.
        let found = name == partner.app.draft_client.as_str();
        assert_eq!(page.body.contains("There is no such app"), !found, "{name}: {}", page.body);
    }
    let asked = partner.get(&format!("/orgs/acme/install?app={}", partner.client.id)).await;
    for shown in [NAME, "The evil company", "Sends metrics.", "https://evil.test/docs", "metrics:read", "id=\"install\""] {
        assert!(asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    let by_app = partner.get(&format!("/orgs/acme/applications/{}", partner.app.id)).await;
    assert_eq!(location(&by_app), format!("/orgs/acme/install?app={}", partner.app.id));
    assert_eq!(partner.get(&partner.page()).await.status, StatusCode::NOT_FOUND, "nothing to do with it yet");

    let done = world.submit(&partner.ada, "/orgs/acme/install", &format!("app={}&install=1", partner.app.id)).await;
    assert_eq!(location(&done), format!("{}?done=installed", partner.page()));
    let page = partner.get(location(&done)).await;
    for shown in ["<strong>Installed.</strong>", "by ada@acme.test", "0 authorizations of 0 users", "It has made no API key here"]
    {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    assert!(world.try_principal(&grant).await.is_some(), "nobody has to approve it any more");
    assert!(partner.get(&partner.page()).await.body.contains("1 authorization of 1 user"));
    let by_app = partner.get(&format!("/orgs/acme/applications/{}", partner.app.id)).await;
    assert_eq!(location(&by_app), partner.page());
    let again = partner.get(&format!("/orgs/acme/install?app={}", partner.client.id)).await;
    assert!(again.body.contains("It is installed.") && !again.body.contains("id=\"install\""), "{}", again.body);
}

#[tokio::test]
async fn what_is_installed_and_waits_is_approved_by_installing() {
    let partner = Partner::new().await;
    let (world, store) = (&partner.world, &partner.world.node.store);
    store.set_new_clients(&world.acme.id, NewClients::Approval, &world.node.own_cause()).await.expect("set");
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    assert!(world.try_principal(&grant).await.is_none(), "it waits");
    let asked = partner.get(&format!("/orgs/acme/install?app={}", partner.client.id)).await;
    assert!(asked.body.contains("Install it once more") && asked.body.contains("id=\"install\""), "{}", asked.body);
    world.submit(&partner.ada, "/orgs/acme/install", &format!("app={}&install=1", partner.app.id)).await;
    assert!(world.try_principal(&grant).await.is_some(), "it is approved");
    let again = partner.get(&format!("/orgs/acme/install?app={}", partner.client.id)).await;
    assert!(again.body.contains("It is installed.") && !again.body.contains("id=\"install\""), "{}", again.body);
}

#[tokio::test]
async fn a_draft_of_others_is_not_there_to_be_installed() {
    let partner = Partner::new().await;
    let (world, eve) = (&partner.world, partner.world.sign_in(&partner.world.eve).await);
    let second = DEFINITION.replace("Agent", "Secret");
    world.submit(&eve, "/orgs/evil/apps/new", &second).await;
    let apps = world.node.store.apps(Some(&world.evil.id)).await.expect("apps");
    let draft = apps.into_iter().find(|a| a.published_client.is_none()).expect("a draft");
    for name in [draft.id.as_str(), draft.draft_client.as_str()] {
        let page = partner.get(&format!("/orgs/acme/install?app={name}")).await;
        assert!(page.body.contains("There is no such app") && !page.body.contains("Secret"), "{}", page.body);
        let form = format!("app={name}&install=1");
        assert_eq!(world.submit(&partner.ada, "/orgs/acme/install", &form).await.status, StatusCode::NOT_FOUND);
        assert_eq!(world.submit(&eve, "/orgs/acme/install", &form).await.status, StatusCode::NOT_FOUND);
    }
    assert_eq!(partner.get(&format!("/orgs/acme/applications/{}", draft.id)).await.status, StatusCode::NOT_FOUND);
    let own = world.submit(&eve, "/orgs/evil/install", &format!("app={}&install=1", draft.id)).await;
    assert_eq!(location(&own), format!("/orgs/evil/applications/{}?done=installed", draft.draft_client), "at home it is");
    world
        .node
        .store
        .set_app_state(&partner.app.id, crate::store::AppState::Disabled, &world.node.own_cause())
        .await
        .expect("off");
    let off = partner.get(&format!("/orgs/acme/install?app={}", partner.app.id)).await;
    assert!(off.body.contains("switched it off") && !off.body.contains("id=\"install\""), "{}", off.body);
}

#[tokio::test]
async fn uninstalling_says_what_breaks_and_then_what_it_did() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let bobs = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let adas = world.consent(&world.ada, &world.acme, &partner.client, "metrics:read").await;
    let elsewhere = world.consent(&world.eve, &world.evil, &partner.client, "metrics:read").await;
    let key = partner.key(&bobs).await;
    let uninstall = format!("{}/uninstall", partner.page());
    let asked = partner.get(&uninstall).await;
    for shown in ["2 authorizations of 2 users.", "1 API key.", "Stop it on every host.", "id=\"uninstall\""] {
        assert!(asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    assert!(world.is_live(&bobs).await, "asking ends nothing");
    assert_eq!(world.submit(&partner.ada, &uninstall, "").await.status, StatusCode::NOT_FOUND);
    let done = world.submit(&partner.ada, &uninstall, "uninstall=1").await;
    for shown in ["2 authorizations of 2 users revoked, 1 API key disabled.", "Stop it on every host.", "?confirm=block"] {
        assert!(done.body.contains(shown), "{shown}: {}", done.body);
    }
    assert!(!world.is_live(&bobs).await && !world.is_live(&adas).await && world.is_live(&elsewhere).await);
    assert!(matches!(partner.state(&key).await, ApiKeyState::Disabled { reason: DisableReason::Uninstall, .. }));
    for again in [partner.get(&uninstall).await, world.submit(&partner.ada, &uninstall, "uninstall=1").await] {
        assert!(again.body.contains("nothing left to uninstall"), "{}", again.body);
    }
    let page = partner.get(&format!("{}?done=installed", partner.page())).await;
    assert!(page.body.contains("Not installed") && page.body.contains("The app was uninstalled"), "{}", page.body);
    assert!(!page.body.contains("role=\"status\""), "an address can't claim what did not happen");
    let back = world.submit(&partner.ada, &partner.page(), "install=1").await;
    assert!(partner.get(location(&back)).await.body.contains("<strong>Installed.</strong>"));
    let plain = world.client("Plain").await;
    world.consent(&world.bob, &world.acme, &plain, "metrics:read").await;
    let page = format!("/orgs/acme/applications/{}", plain.id);
    assert_eq!(partner.get(&format!("{page}/uninstall")).await.status, StatusCode::NOT_FOUND, "it is no app");
    assert!(!partner.get(&page).await.body.contains("id=\"installation\""));
}

#[tokio::test]
async fn keys_are_listed_with_what_they_are_worth_and_disabled_by_hand() {
    let partner = Partner::new().await;
    let world = &partner.world;
    assert!(partner.get("/orgs/acme/keys").await.body.contains("No app has made an API key"));
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let key = partner.key(&grant).await;
    let list = async || partner.get("/orgs/acme/keys").await.body;
    let shown = list().await;
    for text in [NAME, &key.last4, "metrics:write", "bob@acme.test", "Live", "confirm=disable-"] {
        assert!(shown.contains(text), "{text}: {shown}");
    }
    let page = partner.get(&partner.page()).await;
    assert!(page.body.contains(grant.id.as_str()) && page.body.contains("Never used."), "{}", page.body);
    // What the gate would say, the page says.
    let (store, cause) = (&world.node.store, world.node.own_cause());
    store.decide_client(&world.acme.id, &partner.client.id, Verdict::Block, &cause).await.expect("blocked");
    assert!(list().await.contains("the organization blocked the application"));
    store.decide_client(&world.acme.id, &partner.client.id, Verdict::Allow, &cause).await.expect("allowed");
    assert!(list().await.contains(">Live<"));

    let asked = partner.get(&format!("{}?confirm=disable-{}", partner.page(), key.id)).await;
    assert!(asked.body.contains(&format!("that ends in {}?", key.last4)), "{}", asked.body);
    let claimed = partner.get(&format!("{}?done=disabled-{}", partner.page(), key.id)).await;
    assert!(!claimed.body.contains("role=\"status\""), "it is not disabled yet");
    let done = world.submit(&partner.ada, &partner.page(), &format!("disable-{}=1", key.id)).await;
    assert!(partner.get(location(&done)).await.body.contains("<strong>Disabled.</strong>"));
    assert!(matches!(partner.state(&key).await, ApiKeyState::Disabled { reason: DisableReason::Hand, .. }));
    let shown = list().await;
    assert!(shown.contains("by hand") && !shown.contains("confirm=disable-"), "{shown}");
    // A key is disabled on the page of its own application only, by its own organization's administrators.
    let again = partner.key(&grant).await;
    let plain = world.client("Plain").await;
    world.consent(&world.bob, &world.acme, &plain, "metrics:read").await;
    let foreign = format!("/orgs/acme/applications/{}", plain.id);
    let form = format!("disable-{}=1", again.id);
    assert_eq!(world.submit(&partner.ada, &foreign, &form).await.status, StatusCode::NOT_FOUND);
    world.consent(&world.eve, &world.evil, &partner.client, "metrics:read").await;
    let eve = world.sign_in(&world.eve).await;
    let theirs = format!("/orgs/evil/applications/{}", partner.client.id);
    assert_eq!(world.submit(&eve, &theirs, &form).await.status, StatusCode::NOT_FOUND);
    assert!(!world.get(Some(&eve), &theirs).await.body.contains(again.id.as_str()));
    assert!(world.get(Some(&eve), "/orgs/evil/keys").await.body.contains("No app has made an API key"));
    assert_eq!(partner.state(&again).await, ApiKeyState::Live);
    let refused = store.refuse_scope(&Holder::App(partner.app.id.clone()), &mints(), ScopeRefusal::Withdraw, None, &cause).await;
    assert!(refused.expect("an answer").is_some());
    assert!(list().await.contains("took the permission to make keys back"));
}

#[tokio::test]
async fn a_key_that_outlives_its_maker_is_on_every_list() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let key = partner.key(&grant).await;
    let (store, cause) = (&world.node.store, world.node.own_cause());
    store.remove_membership(&world.acme.id, &world.bob.id, &cause).await.expect("gone");
    assert!(!world.is_live(&grant).await, "and with him what he allowed");
    let row = format!("id=\"client-{}\"", partner.client.id);
    for list in ["/orgs/acme/applications", "/orgs/acme/applications?text=bob%40", "/orgs/acme/applications?text=metrics%3Awrite"]
    {
        let page = partner.get(list).await;
        assert!(page.body.contains(&row) && page.body.contains("API key of bob@acme.test, made"), "{list}: {}", page.body);
    }
    let review = partner.get("/orgs/acme/review").await;
    assert!(review.body.contains("On behalf of bob@acme.test") && review.body.contains("metrics:write"), "{}", review.body);
    for (text, there) in [("bob%40", true), ("nobody", false)] {
        let found = partner.get(&format!("/orgs/acme/review?text={text}")).await;
        assert_eq!(found.body.contains("On behalf of"), there, "{text}: {}", found.body);
    }
    let json = partner.get("/orgs/acme/review.json").await;
    let read: Vec<crate::review::Entry> = serde_json::from_str(&json.body).expect("JSON");
    assert_eq!(read.iter().map(|e| (e.api_key.as_ref(), &e.user)).collect::<Vec<_>>(), [(Some(&key.id), &world.bob.id)]);
    assert!(partner.get("/orgs/acme/review.csv").await.body.contains(key.id.as_str()));
    store.disable_api_key(&key.id, None, &cause).await.expect("disabled");
    let page = partner.get("/orgs/acme/applications").await;
    assert!(page.body.contains(&row) && page.body.contains("Installed <time"), "it is installed: {}", page.body);
    assert_eq!(partner.get("/orgs/acme/review.json").await.body, "[]\n");
    store.uninstall_app(&world.acme.id, &partner.app.id, &cause).await.expect("uninstalled");
    assert!(!partner.get("/orgs/acme/applications").await.body.contains(&row));
}

#[tokio::test]
async fn whoever_revokes_is_told_of_the_key_that_goes_on() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let bob = world.sign_in(&world.bob).await;
    let path = format!("/settings/applications/{}", grant.id);
    assert!(!world.get(Some(&bob), &path).await.body.contains("id=\"keys\""), "there is none");
    let key = partner.key(&grant).await;
    let page = world.get(Some(&bob), &path).await;
    for shown in [format!("id=\"key-{}\"", key.id), key.last4.clone(), "goes on when you revoke access".to_owned()] {
        assert!(page.body.contains(&shown), "{shown}: {}", page.body);
    }
    let hers = world.consent(&world.ada, &world.acme, &partner.client, "metrics:read").await;
    let other = partner.get(&format!("/settings/applications/{}", hers.id)).await;
    assert!(!other.body.contains(key.id.as_str()), "it was not made on her behalf");
    let done = world.submit(&bob, &path, &format!("revoke-{}=1", grant.id)).await;
    let told = world.get(Some(&bob), location(&done)).await;
    assert!(told.body.contains(&format!("The API key that ends in {}", key.last4)), "{}", told.body);
    assert!(!told.body.contains("can no longer do anything"), "{}", told.body);
    world.node.store.disable_api_key(&key.id, None, &world.node.own_cause()).await.expect("disabled");
    let told = world.get(Some(&bob), location(&done)).await;
    assert!(told.body.contains("can no longer do anything") && !told.body.contains("The API key"), "{}", told.body);
}

#[tokio::test]
async fn whatever_takes_something_away_asks_with_the_keys() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let key = partner.key(&grant).await;
    let eve = world.sign_in(&world.eve).await;
    let (page, made) = (partner.page(), format!("/orgs/evil/apps/{}", partner.app.id));
    let revoke = format!("{page}?confirm=revoke-{}", grant.id);
    for (who, path, shown, button) in [
        (&partner.ada, format!("{page}?confirm=block"), "for 1 user and 1 API key, and nobody", "block"),
        (&partner.ada, format!("{page}?confirm=revoke-all"), "1 API key goes on", "revoke-all"),
        (&partner.ada, revoke, "1 API key goes on", "revoke-"),
        (&partner.ada, format!("{page}/uninstall"), "1 API key.", "uninstall"),
        (&eve, format!("{made}?confirm=disable"), "1 authorization of 1 user and 1 API key in 1 organization", "disable"),
        (&eve, format!("{made}/delete"), "1 authorization of 1 user and 1 API key in 1 organization", "delete"),
    ] {
        let asked = world.get(Some(who), &path).await;
        assert!(asked.body.contains(shown), "{path}: {}", asked.body);
        assert!(asked.body.contains(&format!("name=\"{button}")), "{path}: {}", asked.body);
    }
    for ticked in ["", "&scope=metrics%3Aread"] {
        let asked = world.submit(&partner.ada, &page, &format!("restrict=1{ticked}")).await;
        assert!(asked.body.contains("at once, for 1 user and 1 API key."), "{ticked}: {}", asked.body);
    }
    assert!(world.is_live(&grant).await && partner.state(&key).await == ApiKeyState::Live, "questions take nothing");
}

#[tokio::test]
async fn the_keys_that_stop_are_counted_and_in_an_organization_its_own_alone() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let here = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let there = world.consent(&world.eve, &world.evil, &partner.client, "metrics:read").await;
    let eve = world.sign_in(&world.eve).await;
    let (page, made) = (partner.page(), format!("/orgs/evil/apps/{}", partner.app.id));
    let asks = async |here_says: &str, everywhere_says: &str| {
        for (who, path, sentence) in [
            (&partner.ada, format!("{page}?confirm=block"), here_says),
            (&eve, format!("{made}?confirm=disable"), everywhere_says),
            (&eve, format!("{made}/delete"), everywhere_says),
        ] {
            let asked = world.get(Some(who), &path).await;
            assert!(asked.body.contains(sentence), "{path}: {sentence}: {}", asked.body);
        }
    };
    asks("for 1 user and nobody can", "2 authorizations of 2 users in 2 organizations").await;
    let theirs = partner.key(&there).await;
    asks("for 1 user and nobody can", "2 authorizations of 2 users and 1 API key in 2 organizations").await;
    partner.key(&here).await;
    asks("for 1 user and 1 API key, and nobody", "2 authorizations of 2 users and 2 API keys in 2 organizations").await;
    // What was disabled before stops nobody now.
    let disabled = world.node.store.disable_api_key(&theirs.id, None, &world.node.own_cause()).await;
    assert!(disabled.expect("an answer"));
    asks("for 1 user and 1 API key, and nobody", "2 authorizations of 2 users and 1 API key in 2 organizations").await;
}

#[tokio::test]
async fn a_version_that_asks_for_less_holds_everywhere_when_the_page_says_so() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let (eve, page) = (world.sign_in(&world.eve).await, format!("/orgs/evil/apps/{}", partner.app.id));
    let less = DEFINITION.replace("metrics%3Aread", "members%3Aread");
    let edited = world.submit(&eve, &format!("{page}/edit"), &less).await;
    assert_eq!(edited.status, StatusCode::SEE_OTHER, "{}", edited.body);
    world.submit(&eve, &page, "mark-stable=1").await;
    let publish = async || world.submit(&eve, &format!("{page}/publish"), "revision=2&publish=1").await;
    let settled = world.settled();
    let done = publish().await;
    assert!(done.body.contains("Version 2"), "{}", done.body);
    assert!(world.settled() > settled && !world.is_live(&grant).await, "it had nothing left");
    let settled = world.settled();
    assert_eq!(publish().await.status, StatusCode::CONFLICT);
    assert!(world.settled() > settled, "the first may not be over");
}

#[tokio::test]
async fn a_published_client_is_changed_on_no_page_but_by_publishing() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let eve = world.sign_in(&world.eve).await;
    let page = format!("/orgs/evil/machines/{}", partner.client.id);
    for (path, form) in [
        (page.clone(), "switch-off=1"),
        (page.clone(), "lifetime=60&set-lifetime=1"),
        (page.clone(), "add-secret=1"),
        (page.clone(), "delete=1"),
        (format!("{page}/scopes"), "scopes=members%3Aread&save=1"),
    ] {
        assert_eq!(world.submit(&eve, &path, form).await.status, StatusCode::NOT_FOUND, "{path} {form}");
    }
    let now = world.node.store.client(&partner.client.id).await.expect("read");
    assert_eq!(now.as_ref(), Some(&partner.client));
}

#[tokio::test]
async fn whoever_may_only_look_decides_nothing() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let key = partner.key(&grant).await;
    world.join(&world.bob, &world.acme, &["reviewer"]).await;
    let bob = world.sign_in(&world.bob).await;
    let keys = world.get(Some(&bob), "/orgs/acme/keys").await;
    assert!(
        keys.status == StatusCode::OK && keys.body.contains(&key.last4) && !keys.body.contains("confirm=disable"),
        "{}",
        keys.body
    );
    let page = world.get(Some(&bob), &partner.page()).await;
    assert!(page.status == StatusCode::OK && !page.body.contains("id=\"uninstall\""), "{}", page.body);
    let uninstall = format!("{}/uninstall", partner.page());
    for path in [uninstall.as_str(), "/orgs/acme/install"] {
        assert_eq!(world.get(Some(&bob), path).await.status, StatusCode::NOT_FOUND, "{path}");
    }
    for (path, form) in [(&partner.page(), format!("disable-{}=1", key.id)), (&uninstall, "uninstall=1".to_owned())] {
        assert_eq!(world.submit(&bob, path, &form).await.status, StatusCode::NOT_FOUND, "{path}");
        let forged = format!("csrf={}&{form}", bob.csrf);
        assert_eq!(world.post(&partner.ada, path, &forged, &[]).await.status, StatusCode::FORBIDDEN, "{path}");
    }
    assert!(world.is_live(&grant).await);
    assert_eq!(partner.state(&key).await, ApiKeyState::Live);
}

#[tokio::test]
async fn every_key_is_reached() {
    let partner = Partner::new().await;
    let world = &partner.world;
    let grant = world.consent(&world.bob, &world.acme, &partner.client, "metrics:read").await;
    let mut made = Vec::new();
    for _ in 0..51 {
        let key = partner.key(&grant).await;
        let disabled = world.node.store.disable_api_key(&key.id, None, &world.node.own_cause()).await;
        assert!(disabled.expect("an answer"));
        made.push(key.id);
    }
    let shown = |page: &Answer| made.iter().filter(|id| page.body.contains(&format!("id=\"key-{id}\""))).count();
    let first = partner.get("/orgs/acme/keys").await;
    assert_eq!((shown(&first), pager(&first.body, "prev")), (50, None));
    let second = partner.get(&pager(&first.body, "next").expect("an older page")).await;
    assert_eq!((shown(&second), pager(&second.body, "next")), (1, None), "{}", second.body);
    assert_eq!(pager(&second.body, "prev").as_deref(), Some("/orgs/acme/keys"));
}
