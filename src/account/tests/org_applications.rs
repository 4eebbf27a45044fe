//! `/orgs/{org}/applications`.

use http::StatusCode;

use super::world::{Answer, Browser, START, World, call, pager, scopes};
use crate::record::Decision;
use crate::store::{Client, ClientOrigin, Grant, NewClients};
use crate::types::{ClientId, ScopeSet, SystemEntropy};

const PATH: &str = "/orgs/acme/applications";

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// Bob uses an application in acme; Ada administers.
struct Used {
    world: World,
    client: Client,
    grant: Grant,
    ada: Browser,
}

impl Used {
    async fn new() -> Self {
        let world = World::new().await;
        let client = world.client("Grafana <b>CLI</b>").await;
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read alerts:read").await;
        let ada = world.sign_in(&world.ada).await;
        Self { world, client, grant, ada }
    }

    fn path(&self) -> String {
        format!("{PATH}/{}", self.client.id)
    }

    /// Presses a button on the application's page.
    async fn press(&self, fields: &str) -> Answer {
        let form = format!("csrf={}&{fields}", self.ada.csrf);
        self.world.post(&self.ada, &self.path(), &form, &[("sec-fetch-site", "same-origin")]).await
    }

    /// What a token of the grant may do now; `None` when it is worth nothing.
    async fn holds(&self) -> Option<ScopeSet> {
        let principal = self.world.try_principal(&self.grant).await?;
        Some(self.world.node.config.load().catalogue.scopes(&principal.effective.now))
    }
}

#[tokio::test]
async fn an_administrator_sees_who_authorized_what() {
    let used = Used::new().await;
    used.world.happened(&[call(&used.grant, &used.client, START, Decision::Allowed)]).await;
    let page = used.world.get(Some(&used.ada), PATH).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for shown in ["Grafana &#60;b&#62;CLI&#60;/b&#62;", "Registered itself", "1 user", "alerts:read metrics:read", "Allowed"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let page = used.world.get(Some(&used.ada), &used.path()).await;
    for shown in ["bob@acme.test", "127.0.0.1", "just now", "confirm=block", used.grant.id.as_str(), used.client.id.as_str()] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let empty = World::new().await;
    let ada = empty.sign_in(&empty.ada).await;
    assert!(empty.get(Some(&ada), PATH).await.body.contains("No application works here yet"));
}

#[tokio::test]
async fn blocking_stops_every_token_and_allowing_brings_them_back() {
    let used = Used::new().await;
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")));
    let asked = used.world.get(Some(&used.ada), &format!("{}?confirm=block", used.path())).await;
    assert!(asked.body.contains("stops working at once for 1 user"), "{}", asked.body);
    assert!(used.holds().await.is_some(), "asking blocks nothing");
    let done = used.press("block=1").await;
    assert_eq!((done.status, location(&done)), (StatusCode::SEE_OTHER, format!("{}?done=blocked", used.path()).as_str()));
    assert_eq!(used.holds().await, None);
    assert!(used.world.get(Some(&used.ada), location(&done)).await.body.contains("<strong>Blocked.</strong>"));
    assert!(used.world.is_live(&used.grant).await);
    let done = used.press("allow=1").await;
    assert!(used.world.get(Some(&used.ada), location(&done)).await.body.contains("<strong>Allowed.</strong>"));
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")));
}

#[tokio::test]
async fn a_restriction_narrows_live_tokens_and_widens_nothing() {
    let used = Used::new().await;
    let asked = used.press("restrict=1&scope=metrics%3Aread&scope=audit%3Aread").await;
    for shown in ["to less than it holds?", "It loses alerts:read at once, for 1 user.", "name=\"restrict-surely\""] {
        assert!(asked.status == StatusCode::OK && asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    assert!(asked.body.contains("name=\"scope\" value=\"audit:read\""), "what was ticked is sent again: {}", asked.body);
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")), "asking takes nothing");
    let done = used.press("restrict-surely=1&scope=metrics%3Aread&scope=audit%3Aread").await;
    assert!(used.world.get(Some(&used.ada), location(&done)).await.body.contains("holds no more than what is ticked"));
    assert_eq!(used.holds().await, Some(scopes("metrics:read")));
    let same = used.press("restrict=1&scope=metrics%3Aread&scope=audit%3Aread").await;
    assert_eq!(same.status, StatusCode::SEE_OTHER, "what takes nothing is not asked about: {}", same.body);
    let page = used.world.get(Some(&used.ada), &used.path()).await;
    assert!(page.body.contains("Restricted to what is ticked") && page.body.contains("nobody's authorization holds it"));
    let asked = used.press("restrict=1").await;
    assert!(asked.body.contains("Nothing is left"), "{}", asked.body);
    used.press("restrict-surely=1").await;
    assert_eq!(used.holds().await, Some(scopes("")));
    used.press("unrestrict=1").await;
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")));
    for bad in ["restrict=1&scope=a+b", "restrict=1&scope=%22", "", "revoke-=1", "revoke-gr_unknown=1", "block-x=1"] {
        assert_eq!(used.press(bad).await.status, StatusCode::NOT_FOUND, "{bad}");
    }
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")));
}

#[tokio::test]
async fn one_persons_access_ends_or_everybodys() {
    let used = Used::new().await;
    let mine = used.world.consent(&used.world.ada, &used.world.acme, &used.client, "metrics:read").await;
    let elsewhere = used.world.consent(&used.world.eve, &used.world.evil, &used.client, "metrics:read").await;
    let done = used.press(&format!("revoke-{}=1", used.grant.id)).await;
    assert!(used.world.get(Some(&used.ada), location(&done)).await.body.contains("next request in that person's name"));
    assert!(!used.world.is_live(&used.grant).await && used.world.is_live(&mine).await);
    assert_eq!(used.press(&format!("revoke-{}=1", elsewhere.id)).await.status, StatusCode::NOT_FOUND);
    let done = used.press("revoke-all=1").await;
    assert!(used.world.get(Some(&used.ada), location(&done)).await.body.contains("Nobody's authorization"));
    assert!(!used.world.is_live(&mine).await && used.world.is_live(&elsewhere).await);
}

#[tokio::test]
async fn new_applications_wait_when_the_organization_wants_it() {
    let used = Used::new().await;
    let gone = used.world.client("Used once").await;
    let ended = used.world.consent(&used.world.bob, &used.world.acme, &gone, "metrics:read").await;
    used.world.node.store.revoke_client(&used.world.acme.id, &gone.id, &used.world.node.own_cause()).await.expect("revoked");
    assert!(!used.world.is_live(&ended).await);
    let asked = used.world.submit(&used.ada, PATH, "new-clients=approval&save-new-clients=1").await;
    for shown in ["Let new applications wait?", "1 application that members authorized before", "name=\"save-surely\""] {
        assert!(asked.status == StatusCode::OK && asked.body.contains(shown), "{shown}: {}", asked.body);
    }
    let before = used.world.node.store.new_clients(&used.world.acme.id).await.expect("an answer");
    assert_eq!(before, NewClients::Open, "asking changes nothing");
    let form = format!("csrf={}&new-clients=approval&save-surely=1", used.ada.csrf);
    let done = used.world.post(&used.ada, PATH, &form, &[]).await;
    let page = used.world.get(Some(&used.ada), location(&done)).await;
    assert!(page.body.contains("an administrator approves each new application"), "{}", page.body);
    let store = &used.world.node.store;
    assert_eq!(store.new_clients(&used.world.acme.id).await.expect("an answer"), NewClients::Approval);
    assert_eq!(used.holds().await, Some(scopes("alerts:read metrics:read")), "what is in use goes on");

    let new = used.world.client("New <i>agent</i>").await;
    let early = used.world.consent(&used.world.bob, &used.world.acme, &new, "metrics:read").await;
    assert!(used.world.try_principal(&early).await.is_none());
    store.ask_for_client(&used.world.acme.id, &new.id, &used.world.bob.id, &used.world.node.own_cause()).await.expect("asked");
    let page = used.world.get(Some(&used.ada), PATH).await;
    assert!(page.body.contains("bob@acme.test asked ") && page.body.contains("New &#60;i&#62;agent"), "{}", page.body);
    let form = format!("csrf={}&approve-{}=1", used.ada.csrf, new.id);
    let done = used.world.post(&used.ada, PATH, &form, &[]).await;
    assert_eq!(location(&done), format!("{PATH}/{}", new.id));
    assert!(used.world.try_principal(&early).await.is_some());
    assert!(!used.world.get(Some(&used.ada), PATH).await.body.contains("Waiting for approval"));
}

#[tokio::test]
async fn nobody_else_decides_and_no_other_site() {
    let used = Used::new().await;
    let (bob, eve) = (used.world.sign_in(&used.world.bob).await, used.world.sign_in(&used.world.eve).await);
    for browser in [&bob, &eve] {
        for path in [PATH, &used.path()] {
            assert_eq!(used.world.get(Some(browser), path).await.status, StatusCode::NOT_FOUND);
            let form = format!("csrf={}&block=1&new-clients=approval&save-new-clients=1", browser.csrf);
            assert_eq!(used.world.post(browser, path, &form, &[]).await.status, StatusCode::NOT_FOUND);
        }
    }
    for (csrf, header) in [("", "same-origin"), (bob.csrf.as_str(), "same-origin"), (used.ada.csrf.as_str(), "cross-site")] {
        let answer =
            used.world.post(&used.ada, &used.path(), &format!("csrf={csrf}&block=1"), &[("sec-fetch-site", header)]).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{csrf} {header}");
    }
    assert!(used.holds().await.is_some());
    let unknown = used.world.client("Not used here").await;
    for id in [unknown.id.as_str(), "cl_unknown", "a%20b"] {
        assert_eq!(used.world.get(Some(&used.ada), &format!("{PATH}/{id}")).await.status, StatusCode::NOT_FOUND, "{id}");
    }
}

#[tokio::test]
async fn a_client_of_its_own_is_shown_before_anybody_authorized_it() {
    let used = Used::new().await;
    let (world, ada) = (&used.world, &used.ada);
    let own = Client {
        id: ClientId::generate(START, &SystemEntropy),
        org: Some(world.acme.id.clone()),
        name: "Acme's own".to_owned(),
        origin: ClientOrigin::Administrator,
        scopes: Some(scopes("metrics:read")),
        ..used.client.clone()
    };
    world.node.store.create_client(&own, None, &world.node.own_cause()).await.expect("a client");
    let path = format!("{PATH}/{}", own.id);
    let page = world.get(Some(ada), &path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    for shown in ["Those who authorize it appear here.", "http://127.0.0.1/callback", "metrics:read", "The acme company"] {
        assert!(page.body.contains(shown), "{shown}: {}", page.body);
    }
    let eve = world.sign_in(&world.eve).await;
    let foreign = format!("/orgs/evil/applications/{}", own.id);
    assert_eq!(world.get(Some(&eve), &foreign).await.status, StatusCode::NOT_FOUND, "another's");
    // What the page offers can be done, ahead of the first who authorizes it.
    let done = world.submit(ada, &path, "block=1").await;
    assert_eq!(location(&done), format!("{path}?done=blocked"));
    assert!(world.get(Some(ada), location(&done)).await.body.contains("<strong>Blocked.</strong>"));
}

#[tokio::test]
async fn apps_and_machines_of_its_own_have_pages_elsewhere() {
    let used = Used::new().await;
    let (world, ada) = (&used.world, &used.ada);
    let app = "name=Acme+Sync&onboarding_url=https%3A%2F%2Facme.test%2Fstart&redirect_uris=https%3A%2F%2Facme.test%2Fcb\
        &scopes=metrics%3Aread&kind=public&save=1";
    world.submit(ada, "/orgs/acme/apps/new", app).await;
    let app = world.node.store.apps(Some(&world.acme.id)).await.expect("apps").remove(0);
    world.submit(ada, "/orgs/acme/members", "service=ci&role=viewer&add-service=1").await;
    let robot = world.node.store.user_by_email("ci.acme").await.expect("a store").expect("it is there");
    let fields = format!("name=Nightly&subject={}&scopes=metrics%3Aread&save=1", robot.id);
    world.submit(ada, "/orgs/acme/machines/new", &fields).await;
    let machine = world.node.store.machines(&world.acme.id, "", (0, 10)).await.expect("machines").remove(0).client;
    let pages = [
        (&app.draft_client, format!("/orgs/acme/apps/{}", app.id)),
        (&machine.id, format!("/orgs/acme/machines/{}", machine.id)),
    ];
    for (client, page) in pages {
        let led = world.get(Some(ada), &format!("{PATH}/{client}")).await;
        assert_eq!((led.status, location(&led)), (StatusCode::SEE_OTHER, page.as_str()), "{}", led.body);
        assert_eq!(world.get(Some(ada), &page).await.status, StatusCode::OK, "{page}");
    }
}

#[tokio::test]
async fn an_address_can_not_claim_what_did_not_happen() {
    let used = Used::new().await;
    for claim in ["blocked", "restricted", "all-revoked", &format!("revoked-{}", used.grant.id), "revoked-gr_x", "%3Cscript%3E"] {
        let page = used.world.get(Some(&used.ada), &format!("{}?done={claim}", used.path())).await;
        assert!(!page.body.contains("role=\"status\""), "{claim}");
    }
}

#[tokio::test]
async fn every_authorization_is_reached_and_revoked() {
    let used = Used::new().await;
    for _ in 0..50 {
        used.world.clock.advance(std::time::Duration::from_secs(1));
        used.world.consent(&used.world.ada, &used.world.acme, &used.client, "metrics:read").await;
    }
    let get = async |path: String| used.world.get(Some(&used.ada), &path).await.body;
    let shown = |page: &str| page.matches("<tr role=\"row\" id=\"grant-").count();
    let first = get(used.path()).await;
    assert!(shown(&first) == 50 && !first.contains(used.grant.id.as_str()), "{first}");
    assert_eq!(pager(&first, "prev"), None);
    let second = get(pager(&first, "next").expect("an older page")).await;
    let ask = format!("{}?confirm=revoke-{}", used.path(), used.grant.id);
    assert!(shown(&second) == 1 && second.contains(&format!("&#38;confirm=revoke-{}", used.grant.id)), "{second}");
    assert_eq!((pager(&second, "prev"), pager(&second, "next")), (Some(used.path()), None));
    let asked = get(ask.clone()).await;
    let button = format!("name=\"revoke-{}\"", used.grant.id);
    assert!(asked.contains(&button) && asked.contains("bob@acme.test"), "{asked}");
    let done = used.press(&format!("revoke-{}=1", used.grant.id)).await;
    assert!(get(location(&done).to_owned()).await.contains("next request in that person's name"));
    assert!(!used.world.is_live(&used.grant).await);
    assert_eq!(pager(&get(used.path()).await, "next"), None);
    assert!(!get(ask).await.contains(&button), "what has ended is not asked for again");
    let other = used.world.client("Other").await;
    let elsewhere = used.world.consent(&used.world.bob, &used.world.acme, &other, "metrics:read").await;
    let foreign = get(format!("{}?confirm=revoke-{}", used.path(), elsewhere.id)).await;
    assert!(!foreign.contains(elsewhere.id.as_str()), "{foreign}");
}

#[tokio::test]
async fn an_act_leads_back_to_the_page_that_it_was_done_on() {
    let used = Used::new().await;
    let second = format!("{}?after={}~gr_99", used.path(), START.plus(std::time::Duration::from_secs(60)).millis());
    let page = used.world.get(Some(&used.ada), &second).await;
    for link in ["confirm=block", "confirm=revoke-all", &format!("confirm=revoke-{}", used.grant.id)] {
        assert!(page.body.contains(&format!("href=\"{second}&#38;{link}\"")), "{link}: {}", page.body);
    }
    let asked = used.world.get(Some(&used.ada), &format!("{second}&confirm=block")).await;
    assert!(asked.body.contains(&format!("<a href=\"{second}\">Cancel</a>")), "{}", asked.body);
    assert!(asked.body.contains(&format!("action=\"{second}\"")), "{}", asked.body);
    let done = used.world.submit(&used.ada, &second, "block=1").await;
    assert_eq!(location(&done), format!("{second}&done=blocked"));
}
