//! `/orgs/{org}/apps/{app}/test`: an app is tried without the app.

use std::time::Duration;

use http::StatusCode;

use super::world::{Answer, Browser, World, scopes};
use crate::store::{ApiKey, ApiKeyState, App, DisableReason, GrantState, Holder, Minted, Trial};
use crate::types::{API_KEYS_WRITE, ApiKeyId, HashedToken, PlainToken, ScopeToken, SystemEntropy, TokenKind};

const DEFINITION: &str = "name=Acme+Sync&onboarding_url=https%3A%2F%2Facme.test%2Fstart%3Ffrom%3Dtile\
    &redirect_uris=https%3A%2F%2Facme.test%2Fcb&scopes=metrics%3Aread&scopes=rules%3Aread&kind=confidential&save=1";

fn location(answer: &Answer) -> &str {
    answer.headers.get("location").and_then(|v| v.to_str().ok()).unwrap_or_default()
}

/// A parameter of the address that somebody is sent to.
fn sent(answer: &Answer, name: &str) -> String {
    let (_, query) = location(answer).split_once('?').unwrap_or_default();
    let found = url::form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned());
    found.unwrap_or_else(|| panic!("no {name} in {}: {}", location(answer), answer.body))
}

/// Ada with an app of acme's.
pub(crate) struct Scene {
    pub(crate) world: World,
    ada: Browser,
    app: App,
    test: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::of(DEFINITION).await
    }

    async fn of(definition: &str) -> Self {
        let world = World::new().await;
        let ada = world.sign_in(&world.ada).await;
        let made = world.submit(&ada, "/orgs/acme/apps/new", definition).await;
        assert_eq!(made.status, StatusCode::OK, "{}", made.body);
        let app = world.node.store.apps(Some(&world.acme.id)).await.expect("apps").remove(0);
        let test = format!("/orgs/acme/apps/{}/test", app.id);
        Self { world, ada, app, test }
    }

    /// Begins a test of the draft: the authorization request.
    async fn begin(&self) -> Answer {
        let begun = self.world.submit(&self.ada, &self.test, "begin=draft").await;
        assert!(location(&begun).starts_with("/oauth2/authorize?"), "{} {}", begun.status, begun.body);
        begun
    }

    /// Goes on to the consent page: its address and itself.
    async fn consent(&self, begun: &Answer) -> (String, Answer) {
        let frozen = self.world.visit(&self.ada, location(begun)).await;
        assert!(location(&frozen).starts_with("/consent?request="), "{} {}", frozen.status, frozen.body);
        let at = location(&frozen).to_owned();
        let page = self.world.visit(&self.ada, &at).await;
        (at, page)
    }

    async fn decide(&self, at: &str, decision: &str) -> Answer {
        let form = format!("org={}&{decision}=1", self.world.acme.id);
        self.world.submit(&self.ada, at, &form).await
    }

    /// Where the answer of the authorization endpoint leads, as a path on this origin.
    async fn callback(&self) -> String {
        let begun = self.begin().await;
        let (at, page) = self.consent(&begun).await;
        assert!(page.body.contains("This is a test."), "{}", page.body);
        let back = self.decide(&at, "approve").await;
        let path = location(&back).strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("{}", back.body)).to_owned();
        assert!(path.starts_with(&format!("{}/callback?code=", self.test)), "{path}");
        path
    }

    /// A test that was given its token: the page that says so.
    pub(crate) async fn given(&self) -> Answer {
        let back = self.world.visit(&self.ada, &self.callback().await).await;
        assert_eq!((back.status, location(&back)), (StatusCode::SEE_OTHER, self.test.as_str()), "{}", back.body);
        self.world.visit(&self.ada, &self.test).await
    }

    pub(crate) async fn trial(&self) -> Option<Trial> {
        let cookie = PlainToken::presented(TokenKind::Session, self.ada.secret()).expect("a session");
        self.world.node.store.trial(&cookie.hashed(), self.world.node.now()).await.expect("an answer")
    }

    async fn state_of_grant(&self, trial: &Trial) -> GrantState {
        let grant = trial.grant.as_ref().expect("a grant");
        self.world.node.store.grant_facts(grant).await.expect("an answer").expect("it is there").grant.state
    }
}

#[tokio::test]
async fn a_member_goes_the_way_of_a_customer_and_sees_what_the_app_is_given() {
    let scene = Scene::new().await;
    let (world, ada, test) = (&scene.world, &scene.ada, &scene.test);
    let app_page = world.visit(ada, test.trim_end_matches("/test")).await;
    let onboarding = "https://acme.test/start?from=tile&#38;iss=http%3A%2F%2F127.0.0.1%3A8080&#38;site=127.0.0.1%3A8080";
    assert!(app_page.body.contains(onboarding) && app_page.body.contains(&format!("{test}\"")), "{}", app_page.body);
    let start = world.visit(ada, test).await;
    assert!(start.body.contains(onboarding) && start.body.contains("It asks for 2 permissions."), "{}", start.body);
    assert!(!start.body.contains("Published client"), "there is none yet: {}", start.body);

    let page = scene.given().await;
    let trial = scene.trial().await.expect("a trial");
    for told in ["was allowed", "The acme company", "ada@acme.test", "metrics:read", "rules:read", "Granted, works now", "jti"] {
        assert!(page.body.contains(told), "{told}: {}", page.body);
    }
    assert!(page.body.contains(trial.grant.as_ref().expect("a grant").as_str()), "{}", page.body);
    assert!(page.body.contains("&#34;access_token&#34;: &#34;…"), "{}", page.body);
    assert!(!page.body.contains("eyJ") && !page.body.contains("tg_rt_"), "no secret is on the page: {}", page.body);
    let ends = scene.world.node.store.grant_facts(trial.grant.as_ref().expect("a grant")).await.expect("an answer");
    assert_eq!(ends.and_then(|f| f.grant.expires_at), Some(trial.expires_at), "the grant ends with the test");

    let called = world.submit(ada, test, "route=GET+%2Fprometheus%2Fapi%2Fv1%2Flabels&query=limit%3D1&call=1").await;
    let (sent, token) = world.stand_in.calls.lock().last().cloned().unwrap_or_else(|| panic!("no call: {}", called.body));
    assert_eq!((&sent.method, sent.target.as_str()), (&http::Method::GET, "/prometheus/api/v1/labels?limit=1"));
    assert!(called.body.contains("200 OK") && called.body.contains("GET /prometheus/api/v1/labels?limit=1"), "{}", called.body);
    assert!(called.body.contains("&#60;/code&#62;&#60;script&#62;x") && !called.body.contains("<script>x"), "{}", called.body);
    assert!(
        !called.body.contains(&token) && !called.body.contains(token.rsplit('.').next().expect("a part")),
        "a token is on the page"
    );
    let config = world.node.config.load_full();
    assert!(world.node.verifier.principal(&token, &config, world.node.now()).await.is_ok(), "what was sent is good");

    let settled = world.settled();
    let done = world.submit(ada, test, "end=1").await;
    assert_eq!(location(&done), format!("{test}?done=1"));
    assert!(world.settled() > settled, "it ended everywhere");
    let settled = world.settled();
    assert_eq!(location(&world.submit(ada, test, "end=1").await), format!("{test}?done=1"));
    assert!(world.settled() > settled, "another request may just be ending it");
    assert!(world.visit(ada, location(&done)).await.body.contains("The test has ended."));
    assert_ne!(scene.state_of_grant(&trial).await, GrantState::Live);
    assert!(world.node.verifier.principal(&token, &config, world.node.now()).await.is_err(), "nothing is left of it");
    assert_eq!(world.node.store.installs(&world.acme.id).await.expect("installs"), [], "nor an installation");
    let after = world.submit(ada, test, "route=GET+%2Fprometheus%2Fapi%2Fv1%2Flabels&call=1").await;
    assert!(after.status == StatusCode::CONFLICT && after.body.contains("has ended"), "{}", after.body);
    assert_eq!(world.stand_in.calls.lock().len(), 1);
}

#[tokio::test]
async fn who_publishes_what_was_never_tried_is_told_before() {
    let scene = Scene::new().await;
    let (world, ada) = (&scene.world, &scene.ada);
    let publish = scene.test.replace("/test", "/publish");
    let before = world.visit(ada, &publish).await.body;
    for told in ["Some permissions were never tried.", "<code>metrics:read</code>", "<code>rules:read</code>", &scene.test] {
        assert!(before.contains(told), "{told}: {before}");
    }
    scene.given().await;
    let after = world.visit(ada, &publish).await.body;
    assert!(!after.contains("never tried") && !after.contains("id=\"untried\""), "{after}");
}

#[tokio::test]
async fn a_key_that_was_made_in_a_test_ends_with_it() {
    let scene = Scene::new().await;
    let (world, store) = (&scene.world, &scene.world.node.store);
    let (cause, until) = (world.node.own_cause(), world.node.now().plus(Duration::from_hours(1)));
    let mints = ScopeToken::parse(API_KEYS_WRITE).expect("a scope");
    assert!(store.approve_scope(&Holder::App(scene.app.id.clone()), &mints, until, None, &cause).await.expect("given"));
    assert!(store.install_app(&world.acme.id, &scene.app.id, &cause).await.expect("installed"), "for good");
    scene.given().await;
    let trial = scene.trial().await.expect("a trial");
    let value = PlainToken::generate(TokenKind::ApiKey, &SystemEntropy);
    let key = ApiKey {
        id: ApiKeyId::generate(world.node.now(), &SystemEntropy),
        last4: value.last4().to_owned(),
        name: "Key of app Acme Sync".to_owned(),
        org: world.acme.id.clone(),
        app: scene.app.id.clone(),
        client: trial.client.clone(),
        grant: trial.grant.clone().expect("a grant"),
        user: world.ada.id.clone(),
        scopes: scopes("metrics:write"),
        resources: Vec::new(),
        created_at: world.node.now(),
        last_used_at: None,
        state: ApiKeyState::Live,
    };
    let minted = store.mint_api_key(&key, &value.hashed(), &cause).await.expect("an answer");
    assert_eq!(minted, Minted::Done);
    world.submit(&scene.ada, &scene.test, "end=1").await;
    let state = store.api_key(&key.id).await.expect("read").expect("there").state;
    assert!(matches!(state, ApiKeyState::Disabled { reason: DisableReason::Trial, .. }), "{state:?}");
    assert!(world.visit(&scene.ada, "/orgs/acme/keys").await.body.contains("It was made in a test of the app"));
    assert_eq!(store.installs(&world.acme.id).await.expect("installs").len(), 1, "the app stays");
}

#[tokio::test]
async fn a_first_call_may_send_a_body_or_call_a_tool() {
    let scene = Scene::of(&format!("{DEFINITION}&scopes=mcp%3Atollgate%3Ainvoke")).await;
    let (world, ada, test) = (&scene.world, &scene.ada, &scene.test);
    let page = scene.given().await;
    for offered in ["POST /prometheus/api/v1/query", "name=\"body\"", "id=\"mcp-call\"", "value=\"/mcp\""] {
        assert!(page.body.contains(offered), "{offered}: {}", page.body);
    }
    assert!(!page.body.contains("/prometheus/api/v1/admin"), "what the token may not call is not offered");

    let form = "route=POST+%2Fprometheus%2Fapi%2Fv1%2Fquery&body=query%3Dsum(up)%0D%0Atime%3D1&kind=fields&call=1";
    let called = world.submit(ada, test, form).await;
    let (sent, token) = world.stand_in.calls.lock().pop().unwrap_or_else(|| panic!("no call: {}", called.body));
    assert_eq!((&sent.method, sent.body.as_str()), (&http::Method::POST, "query=sum%28up%29&time=1"));
    assert!(sent.headers.contains(&(http::header::CONTENT_TYPE, "application/x-www-form-urlencoded".parse().expect("a value"))));
    assert!(called.body.contains("POST /prometheus/api/v1/query") && called.body.contains("query=sum(up)"), "{}", called.body);
    assert!(
        called.body.contains("Bearer …") && !called.body.contains(&token),
        "what echoes the token is masked: {}",
        called.body
    );
    let broken = world.submit(ada, test, &form.replace("kind=fields", "kind=json")).await;
    assert!(broken.status == StatusCode::CONFLICT && broken.body.contains("not JSON"), "{}", broken.body);
    assert!(world.stand_in.calls.lock().is_empty(), "nothing was sent");

    let tool = "server=%2Fmcp&tool=whoami&arguments=%7B%22a%22%3A1%7D&call=tool";
    let called = world.submit(ada, test, tool).await;
    let sent: Vec<_> = world.stand_in.calls.lock().drain(..).map(|(sent, _)| sent).collect();
    let methods: Vec<_> = sent.iter().map(|s| serde_json::from_str::<serde_json::Value>(&s.body).unwrap_or_default()).collect();
    let named: Vec<_> = methods.iter().map(|m| m["method"].as_str().unwrap_or("")).collect();
    assert_eq!(named, ["initialize", "notifications/initialized", "tools/call", ""], "{}", called.body);
    assert_eq!(methods[2]["params"], serde_json::json!({ "name": "whoami", "arguments": { "a": 1 } }));
    assert!(sent.iter().all(|s| s.target == "/mcp") && sent[3].method == http::Method::DELETE, "{sent:?}");
    assert!(sent[1..].iter().all(|s| s.headers.iter().any(|(name, _)| name == "mcp-session-id")), "{sent:?}");
    assert!(called.body.contains("POST /mcp tools/call") && called.body.contains("200 OK"), "{}", called.body);
    world.submit(ada, test, "server=%2Fmcp&call=list").await;
    assert!(world.stand_in.calls.lock().iter().any(|(sent, _)| sent.body.contains("tools/list")));
}

#[tokio::test]
async fn what_a_later_version_adds_is_tried_before_it_is_published() {
    let whole = format!(
        "{DEFINITION}&description=Copies.&documentation_url=https%3A%2F%2Facme.test%2Fdocs&uninstall_instructions=Press+it."
    );
    let scene = Scene::of(&whole).await;
    let (world, ada, path) = (&scene.world, &scene.ada, scene.test.trim_end_matches("/test"));
    world.submit(ada, path, "mark-stable=1").await;
    world.submit(ada, &format!("{path}/publish"), "revision=1&publish=1").await;
    let edited = world.submit(ada, &format!("{path}/edit"), &format!("revision=1&{whole}&scopes=alerts%3Aread")).await;
    assert_eq!((edited.status, location(&edited)), (StatusCode::SEE_OTHER, path), "{}", edited.body);
    let page = scene.given().await;
    assert!(page.body.contains("alerts:read") && page.body.contains("Granted, works now"), "{}", page.body);
    let begun = world.submit(ada, &scene.test, "begin=published").await;
    let (_, consent) = scene.consent(&begun).await;
    assert!(consent.body.contains("rules:read") && !consent.body.contains("alerts:read"), "customers are not asked for it yet");
}

#[tokio::test]
async fn what_the_test_would_not_be_given_is_told() {
    let scene = Scene::new().await;
    let (at, _) = scene.consent(&scene.begin().await).await;
    let denied = scene.decide(&at, "deny").await;
    let path = location(&denied).strip_prefix("http://127.0.0.1:8080").expect("our own callback").to_owned();
    let page = scene.world.visit(&scene.ada, &path).await;
    assert!(page.body.contains("access_denied") && page.body.contains("The user did not allow it"), "{}", page.body);
    assert!(scene.trial().await.is_none());
    assert_eq!(scene.world.visit(&scene.ada, &path).await.status, StatusCode::BAD_REQUEST, "an answer counts once");
    let unanswered = {
        scene.given().await;
        scene.world.submit(&scene.ada, &scene.test, "route=GET+%2Fprometheus%2Fapi%2Fv1%2Flabels&query=unanswered&call=1").await
    };
    assert!(unanswered.status == StatusCode::CONFLICT && unanswered.body.contains("no answer"), "{}", unanswered.body);
    for wrong in [
        "route=nothing&call=1",
        "route=GET+%2Fprometheus%2Fapi%2Fv1%2Fquery&path=%2Fsettings&query=&call=1&route=x",
        "server=%2Fmcp&call=list&call=tool",
        "server=%2Fsettings&call=list",
        "server=%2Fmcp&tool=&call=tool",
        "server=%2Fmcp&tool=x&arguments=%5B%5D&call=tool",
        "begin=nobody",
        "x=1",
    ] {
        let answer = scene.world.submit(&scene.ada, &scene.test, wrong).await;
        assert!(answer.status.is_client_error(), "{wrong}: {}", answer.status);
    }
}

#[tokio::test]
async fn an_answer_is_good_for_the_browser_that_asked_and_once() {
    let scene = Scene::new().await;
    let (world, ada) = (&scene.world, &scene.ada);
    let other = world.sign_in(&world.ada).await;
    let path = scene.callback().await;
    let refused = async |who: &Browser, path: &str| {
        let answer = world.visit(who, path).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::BAD_REQUEST, ""), "{path}: {}", answer.body);
    };
    // Ada in another browser, where somebody made her follow the link; and changed answers.
    refused(&other, &path).await;
    let state = path.split("state=").nth(1).and_then(|s| s.split('&').next()).expect("a state");
    refused(ada, &path.replace(state, "another")).await;
    refused(ada, &path.replace(&format!("&state={state}"), "")).await;
    refused(ada, &path.replace("iss=http", "iss=https")).await;
    refused(ada, &path.replace("code=", "nothing=")).await;
    refused(ada, &format!("{path}&error=access_denied")).await;
    let foreign = path.replace(scene.app.id.as_str(), "app_0");
    assert_eq!(world.visit(ada, &foreign).await.status, StatusCode::NOT_FOUND);
    // None of that used the code up.
    assert_eq!(location(&world.visit(ada, &path).await), scene.test);
    refused(ada, &path).await;
    assert_eq!(scene.state_of_grant(&scene.trial().await.expect("a trial")).await, GrantState::Live);
}

#[tokio::test]
async fn the_redirect_target_is_good_for_one_request_of_one_browser() {
    let scene = Scene::new().await;
    let (world, ada) = (&scene.world, &scene.ada);
    let begun = scene.begin().await;
    let authorize = location(&begun).to_owned();
    let page_of = async |who: &Browser, path: &str| {
        let answer = world.visit(who, path).await;
        assert_eq!((answer.status, location(&answer)), (StatusCode::BAD_REQUEST, ""), "{path}");
        assert!(
            answer.body.contains("address doesn&#39;t match") || answer.body.contains("address doesn't match"),
            "{}",
            answer.body
        );
    };
    let (other, bob, eve) = (world.sign_in(&world.ada).await, world.sign_in(&world.bob).await, world.sign_in(&world.eve).await);
    for stranger in [&other, &bob, &eve, &Browser::nobody()] {
        page_of(stranger, &authorize).await;
    }
    for (name, value) in [("state", "another"), ("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")] {
        page_of(ada, &authorize.replace(&sent(&begun, name), value)).await;
    }
    // Another client, even one of the same organization, has nothing of it.
    let made = world.submit(ada, "/orgs/acme/apps/new", &DEFINITION.replace("Sync", "Other")).await;
    assert_eq!(made.status, StatusCode::OK);
    let apps = world.node.store.apps(Some(&world.acme.id)).await.expect("apps");
    let twin = apps.iter().find(|a| a.id != scene.app.id).expect("another app");
    page_of(ada, &authorize.replace(scene.app.draft_client.as_str(), twin.draft_client.as_str())).await;

    // A request that was frozen is decided in the same browser or not at all.
    let (at, page) = scene.consent(&begun).await;
    assert!(page.body.contains("test page on this site") && page.body.contains("For 1 hour"), "{}", page.body);
    let stolen = world.visit(&other, &at).await;
    assert!(stolen.status == StatusCode::BAD_REQUEST && stolen.body.contains("no longer open"), "{}", stolen.body);
    let approved = world.submit(&other, &at, &format!("org={}&approve=1", world.acme.id)).await;
    assert_eq!((approved.status, location(&approved)), (StatusCode::BAD_REQUEST, ""));
    // Begun again, the first request is worth nothing.
    scene.begin().await;
    assert_eq!(world.visit(ada, &at).await.status, StatusCode::BAD_REQUEST);
    page_of(ada, &authorize).await;
}

#[tokio::test]
async fn only_those_who_may_change_the_app_test_it_from_here() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let (bob, eve) = (world.sign_in(&world.bob).await, world.sign_in(&world.eve).await);
    let foreign = scene.test.replace("/acme/", "/evil/");
    for (who, path) in [(&bob, &scene.test), (&eve, &scene.test), (&eve, &foreign)] {
        for end in ["", "/callback?code=x&state=y"] {
            assert_eq!(world.visit(who, &format!("{path}{end}")).await.status, StatusCode::NOT_FOUND, "{path}{end}");
        }
        assert_eq!(world.submit(who, path, "begin=draft").await.status, StatusCode::NOT_FOUND, "{path}");
    }
    let forged = world.post(&scene.ada, &scene.test, "csrf=x&begin=draft", &[("sec-fetch-site", "same-origin")]).await;
    assert_eq!(forged.status, StatusCode::FORBIDDEN);
    let form = format!("csrf={}&begin=draft", scene.ada.csrf);
    let elsewhere = world.post(&scene.ada, &scene.test, &form, &[("sec-fetch-site", "cross-site")]).await;
    assert_eq!(elsewhere.status, StatusCode::FORBIDDEN);
    assert!(scene.trial().await.is_none());
    let published = world.submit(&scene.ada, &scene.test, "begin=published").await;
    assert_eq!(published.status, StatusCode::NOT_FOUND, "there is no published client yet");
}

#[tokio::test]
async fn a_test_leaves_what_the_app_was_really_given() {
    let scene = Scene::new().await;
    let world = &scene.world;
    let client = world.node.store.client(&scene.app.draft_client).await.expect("an answer").expect("a client");
    let real = world.consent(&world.ada, &world.acme, &client, "metrics:read").await;
    scene.given().await;
    assert!(world.is_live(&real).await, "a test takes nobody's place");
    let first = scene.trial().await.expect("a trial");
    scene.begin().await;
    assert_ne!(scene.state_of_grant(&first).await, GrantState::Live, "another test ends the first");
    let second = scene.trial().await.expect("a trial");
    assert!(second.state != first.state && second.grant.is_none());
    assert!(world.is_live(&real).await);
    assert_ne!(second.state, HashedToken::of(""));
    assert_eq!(world.node.store.installs(&world.acme.id).await.expect("installs").len(), 1, "it was installed before");
}

#[tokio::test]
async fn the_published_client_is_tested_the_same_way() {
    let definition = format!(
        "{DEFINITION}&description=Copies.&documentation_url=https%3A%2F%2Facme.test%2Fdocs&uninstall_instructions=Press+it."
    );
    let scene = Scene::of(&definition).await;
    let (world, ada, test) = (&scene.world, &scene.ada, &scene.test);
    let path = test.trim_end_matches("/test");
    world.submit(ada, path, "mark-stable=1").await;
    let done = world.submit(ada, &format!("{path}/publish"), "revision=1&publish=1").await;
    assert!(done.body.contains("Version 1 is published."), "{}", done.body);
    let published =
        world.node.store.app(&scene.app.id).await.expect("an answer").and_then(|a| a.published_client).expect("a client");
    let start = world.visit(ada, test).await;
    for told in ["Published client", "id=\"begin-published\"", "id=\"onboarding-published\"", published.as_str()] {
        assert!(start.body.contains(told), "{told}: {}", start.body);
    }
    let begun = world.submit(ada, test, "begin=published").await;
    assert_eq!(sent(&begun, "client_id"), published.as_str());
    let (at, _) = scene.consent(&begun).await;
    let back = scene.decide(&at, "approve").await;
    let answered = location(&back).strip_prefix("http://127.0.0.1:8080").unwrap_or_else(|| panic!("{}", back.body)).to_owned();
    assert_eq!(location(&world.visit(ada, &answered).await), test);
    let page = world.visit(ada, test).await;
    assert!(page.body.contains("was allowed") && page.body.contains(published.as_str()), "{}", page.body);
    let trial = scene.trial().await.expect("a trial");
    assert_eq!(trial.client, published);
    let called = world.submit(ada, test, "route=GET+%2Fprometheus%2Fapi%2Fv1%2Flabels&query=&call=1").await;
    assert!(called.body.contains("200 OK"), "{}", called.body);
    world.submit(ada, test, "end=1").await;
    assert_ne!(scene.state_of_grant(&trial).await, GrantState::Live);
}

#[tokio::test]
async fn a_test_of_something_dangerous_begins_anew_after_another_sign_in() {
    let world = World::new().await;
    let ada = world.sign_in(&world.ada).await;
    let dangerous = DEFINITION.replace("rules%3Aread", "members%3Awrite");
    let made = world.submit(&ada, "/orgs/acme/apps/new", &dangerous).await;
    assert_eq!(made.status, StatusCode::OK, "{}", made.body);
    let app = world.node.store.apps(Some(&world.acme.id)).await.expect("apps").remove(0);
    let scene = Scene { test: format!("/orgs/acme/apps/{}/test", app.id), world, ada, app };
    let (at, _) = scene.consent(&scene.begin().await).await;
    scene.world.clock.advance(std::time::Duration::from_secs(301));
    let away = scene.decide(&at, "approve").await;
    let test = scene.test.replace('/', "%2F");
    assert_eq!(location(&away), format!("/login?next={test}&again=1"), "{}", away.body);
    let asked = scene.world.visit(&scene.ada, location(&away)).await;
    assert!(asked.body.contains("asks who you are once more"), "{}", asked.body);
    let ada = scene.world.sign_in(&scene.world.ada).await;
    let scene = Scene { ada, ..scene };
    let (at, _) = scene.consent(&scene.begin().await).await;
    assert!(location(&scene.decide(&at, "approve").await).contains("code="));
}

/// The consent page of the draft client itself, as this browser is shown it, and where it is.
async fn asks(scene: &Scene, who: &Browser) -> (String, Answer) {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("response_type", "code")
        .append_pair("client_id", scene.app.draft_client.as_str())
        .append_pair("redirect_uri", "https://acme.test/cb")
        .append_pair("scope", "metrics:read")
        .append_pair("state", "s-1")
        .append_pair("code_challenge", "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM")
        .append_pair("code_challenge_method", "S256")
        .finish();
    let frozen = scene.world.visit(who, &format!("/oauth2/authorize?{query}")).await;
    assert!(location(&frozen).starts_with("/consent?request="), "{} {}", frozen.status, frozen.body);
    (location(&frozen).to_owned(), scene.world.visit(who, location(&frozen)).await)
}

#[tokio::test]
async fn a_test_that_is_gone_is_nothing_that_was_allowed_before() {
    let scene = Scene::new().await;
    let (world, ada) = (&scene.world, &scene.ada);
    let first = |page: &Answer| page.body.contains("It will be able to") && !page.body.contains("What changes");
    // Allowed, and never called for; the next test takes its place.
    scene.callback().await;
    let callback = scene.callback().await;
    world.visit(ada, &callback).await;
    let (_, page) = asks(&scene, ada).await;
    assert!(first(&page), "{}", page.body);
    let live = || world.node.store.grants_of_user(&world.ada.id, world.node.now());
    assert_eq!(live().await.expect("grants").len(), 2);
    // Its session ends, and what it was given lives for the rest of its hour.
    world.node.store.end_other_sessions(&world.ada.id, None, &world.node.own_cause()).await.expect("done");
    assert_eq!(live().await.expect("grants").len(), 2);
    let (_, page) = asks(&scene, &world.sign_in(&world.ada).await).await;
    assert!(first(&page), "{}", page.body);
}

#[tokio::test]
async fn a_test_is_nothing_that_was_allowed_before() {
    let scene = Scene::new().await;
    let (world, ada) = (&scene.world, &scene.ada);
    let asked = async || asks(&scene, ada).await;
    let callback = scene.callback().await;
    let (_, page) = asked().await;
    assert!(page.body.contains("It will be able to") && !page.body.contains("What changes"), "{}", page.body);
    world.visit(ada, &callback).await;
    let (at, page) = asked().await;
    assert_eq!(scene.state_of_grant(&scene.trial().await.expect("a trial")).await, GrantState::Live);
    assert!(page.body.contains("It will be able to") && !page.body.contains("What changes"), "{}", page.body);
    // What is allowed to the app itself is another matter, and nothing of the test is counted as dropped.
    let allowed = scene.decide(&at, "approve").await;
    assert!(location(&allowed).starts_with("https://acme.test/cb?"), "{}", allowed.body);
    let (_, page) = asked().await;
    assert!(page.body.contains("It asks for nothing new.") && !page.body.contains("No longer asked for"), "{}", page.body);
}
