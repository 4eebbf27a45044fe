//! What entries of the catalogue say beyond who may ask: followed from the request to the token.

use http::StatusCode;

use super::rig::{Answer, Browser, PASSWORD, Rig, pair_of};
use crate::store::{GrantType, Holder, Membership, UserKind};
use crate::types::{ClientId, RoleName, ScopeSet};

/// An API `logs` whose scopes bring others with them, as far as `implies` says.
async fn rig(implies: &str) -> Rig {
    Rig::with(ROUTES, &scopes(implies)).await
}

const ROUTES: &str = "[[apis.routes]]\nmatch = \"/write\"\nmethods = [\"POST\"]\nscopes = [\"logs:write\"]\n\
    [[apis.routes]]\nmatch = \"/tail\"\nmethods = [\"GET\"]\nscopes = [\"logs:tail\"]\n";

fn scopes(implies: &str) -> String {
    format!(
        "[scopes.\"logs:write\"]\ndescription = \"Write logs\"\nimplies = [{implies}]\n\
         [scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\nvisibility = \"managed\"\n"
    )
}

fn set(text: &str) -> Option<ScopeSet> {
    ScopeSet::parse(text).ok()
}

/// The scopes of a token that was just given out.
fn given(answer: &Answer) -> String {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    answer.json()["scope"].as_str().expect("scopes").to_owned()
}

/// What the gate lets a token do.
async fn allowed(rig: &Rig, token: &str) -> String {
    let config = rig.node.config.load_full();
    let principal = rig.node.verifier.principal(token, &config, rig.node.now()).await.expect("it works");
    config.catalogue.scopes(&principal.effective.now).to_string()
}

/// A machine of Acme that may ask for `scopes`: its id, its secret.
async fn machine(rig: &Rig, name: &str, scopes: &str) -> (String, String) {
    let robot = super::rig::person(&rig.node, name, UserKind::Service, false).await;
    let roles = vec![RoleName::parse("admin").expect("a role")];
    let membership = Membership { org: rig.acme.id.clone(), user: robot.id.clone(), roles };
    rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
    let change = |c: &mut crate::store::Client| {
        c.grant_types = vec![GrantType::ClientCredentials];
        c.subject = Some(robot.id.clone());
        c.scopes = set(scopes);
        c.redirect_uris = Vec::new();
    };
    let (client, secret) = rig.made(change).await;
    (client.id.to_string(), secret)
}

async fn by_itself(rig: &Rig, (id, secret): &(String, String), scope: &str) -> Answer {
    let fields = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret), ("scope", scope)];
    rig.form("/oauth2/token", None, &fields).await
}

#[tokio::test]
async fn what_a_scope_implies_is_asked_for_shown_and_given() {
    let rig = rig("\"logs:read\"").await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[("scope", "logs:write")]).await;
    assert!(page.body.contains("Comes with logs:write") && page.body.contains("<code>logs:read</code>"), "{}", page.body);
    let code = browser.approve(&at, &page).await.sent("code").expect("a code");
    let answer = rig.exchange(&client, &code).await;
    assert_eq!(given(&answer), "logs:read logs:write");
    let (access, refresh) = pair_of(&answer);
    assert_eq!(allowed(&rig, &access).await, "logs:read", "Ada's role lets her read alone");
    assert_eq!(given(&rig.refresh(&client, &refresh, &[("scope", "logs:write")]).await), "logs:read logs:write");
    let (_, alone) = browser.consent_page(&client, &[("scope", "logs:read")]).await;
    let (before, asked) = alone.body.split_once("It will be able to").expect("the list");
    assert!(!asked.contains("Comes with") && !asked.contains("logs:write"), "not the other way: {asked}");
    assert!(before.contains("It keeps this until you revoke what you allowed before"), "what is not asked for is told: {before}");
}

#[tokio::test]
async fn an_implied_scope_passes_every_gate_of_one_that_is_asked_for() {
    let rig = rig("\"logs:read\", \"logs:tail\"").await;
    let registered = rig.registered().await;
    let (access, _) = rig.pair(&registered, &[("scope", "logs:write")]).await;
    let config = rig.node.config.load_full();
    let principal = rig.node.verifier.principal(&access, &config, rig.node.now()).await.expect("it works");
    assert_eq!(principal.claims.scope.to_string(), "logs:read logs:write", "logs:tail is not for who registered itself");
    let narrow = machine(&rig, "robot", "logs:write metrics:read").await;
    assert_eq!(given(&by_itself(&rig, &narrow, "logs:write").await), "logs:write", "it was given no other by name");

    let id = ClientId::parse(&registered).expect("an id");
    rig.node.store.restrict_client(&rig.acme.id, &id, set("logs:write").as_ref(), &rig.cause()).await.expect("restricted");
    rig.node.settle().await.expect("settled");
    assert_eq!(allowed(&rig, &access).await, "", "the organization lets it read no more");
}

#[tokio::test]
async fn a_changed_catalogue_widens_no_grant() {
    let rig = rig("").await;
    let client = rig.registered().await;
    let (access, refresh) = rig.pair(&client, &[("scope", "logs:write")]).await;
    let narrow = machine(&rig, "narrow", "logs:write").await;
    let wide = machine(&rig, "wide", "logs:read logs:write").await;
    rig.reload(ROUTES, &scopes("\"logs:read\""));
    assert_eq!(allowed(&rig, &access).await, "", "her role has no logs:write, and nothing else was given");
    assert_eq!(given(&rig.refresh(&client, &refresh, &[]).await), "logs:write");
    let (_, refresh) = rig.pair(&client, &[("scope", "logs:write")]).await;
    assert_eq!(given(&rig.refresh(&client, &refresh, &[]).await), "logs:read logs:write", "who agrees now agrees to both");
    assert_eq!(given(&by_itself(&rig, &narrow, "logs:write").await), "logs:write");
    assert_eq!(given(&by_itself(&rig, &wide, "logs:write").await), "logs:read logs:write", "both were given to it by name");
}

#[tokio::test]
async fn a_token_lives_as_long_as_the_shortest_of_its_scopes_allows() {
    let short = "[scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\nmax_token_ttl = \"1m\"\n\
        [scopes.\"logs:write\"]\ndescription = \"Write logs\"\nmax_token_ttl = \"2m\"\n\
        [scopes.\"metrics:read\"]\nmax_token_ttl = \"1h\"\n";
    let rig = Rig::with(ROUTES, short).await;
    let lives = |answer: &Answer| answer.json()["expires_in"].as_u64().unwrap_or_else(|| panic!("{}", answer.body));
    let client = rig.registered().await;
    let code = rig.code(&client, &[("scope", "logs:read logs:write logs:tail metrics:read")]).await;
    let answer = rig.exchange(&client, &code).await;
    assert_eq!(lives(&answer), 60);
    let (access, refresh) = pair_of(&answer);
    rig.later(59);
    assert!(rig.works(&access).await);
    rig.later(1);
    assert!(!rig.works(&access).await, "the token itself ends then");
    let again = rig.refresh(&client, &refresh, &[]).await;
    assert_eq!(lives(&again), 60, "a refreshed one too");
    let (_, refresh) = pair_of(&again);
    let fewer = rig.refresh(&client, &refresh, &[("scope", "logs:write metrics:read")]).await;
    assert_eq!(lives(&fewer), 120, "of what the token holds, not of what was granted");
    let (_, refresh) = pair_of(&fewer);
    let others = rig.refresh(&client, &refresh, &[("scope", "logs:read metrics:read")]).await;
    assert_eq!(lives(&others), 600, "a limit beyond the client's own changes nothing");
    let machine = machine(&rig, "robot", "logs:tail logs:read").await;
    assert_eq!(lives(&by_itself(&rig, &machine, "logs:tail logs:read").await), 60);
    assert_eq!(lives(&by_itself(&rig, &machine, "logs:read").await), 300);
}

#[tokio::test]
async fn a_scope_is_given_by_the_grant_types_that_it_names() {
    let end = |flows: &str| {
        format!(
            "[scopes.\"logs:write\"]\ndescription = \"Write logs\"\ngrants_allowed = [{flows}]\n\
             [scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\ngrants_allowed = [\"authorization_code\", \"device_code\"]\n"
        )
    };
    let rig = Rig::with(ROUTES, &end("\"client_credentials\"")).await;
    let client = rig.registered().await;
    let refused = rig.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("scope", "logs:read logs:write")]))).await;
    assert_eq!(refused.sent("error").as_deref(), Some("invalid_scope"));
    let why = refused.sent("error_description").expect("words");
    assert!(why.contains("authorization_code does not give: logs:write"), "{why}");
    let metadata = rig.get("/.well-known/oauth-authorization-server").await.json()["scopes_supported"].to_string();
    assert!(metadata.contains("logs:tail") && !metadata.contains("logs:write"), "{metadata}");

    let machine = machine(&rig, "robot", "logs:read logs:write logs:tail").await;
    assert_eq!(given(&by_itself(&rig, &machine, "logs:write").await), "logs:write");
    assert_eq!(by_itself(&rig, &machine, "logs:tail").await.error(), "invalid_scope");
    let all = by_itself(&rig, &machine, "").await;
    assert_eq!(given(&all), "logs:read logs:write", "without scope, all that it can be given so");
    let token = all.json()["access_token"].as_str().expect("a token").to_owned();
    assert_eq!(allowed(&rig, &token).await, "logs:read logs:write");
    rig.reload(ROUTES, &end("\"authorization_code\""));
    assert_eq!(allowed(&rig, &token).await, "logs:read", "no grant type of the client gives it any more");
}

#[tokio::test]
async fn devices_ask_in_a_way_of_their_own() {
    let end = "[scopes.\"logs:write\"]\ndescription = \"Write logs\"\ngrants_allowed = [\"device_code\"]\n\
        [scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\ngrants_allowed = [\"authorization_code\"]\n";
    let rig = Rig::with(ROUTES, end).await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let body =
        format!(r#"{{"client_name":"Box","grant_types":["{device}"],"token_endpoint_auth_method":"none","redirect_uris":[]}}"#);
    let client = rig.json("/oauth2/register", &body).await.json()["client_id"].as_str().expect("an id").to_owned();
    let ask =
        async |scope: &str| rig.form("/oauth2/device_authorization", None, &[("client_id", &client), ("scope", scope)]).await;
    assert_eq!(ask("logs:write logs:read").await.status, StatusCode::OK);
    let refused = ask("logs:tail").await;
    assert_eq!(refused.error(), "invalid_scope");
    assert!(refused.body.contains("device_code does not give: logs:tail"), "{}", refused.body);
}

#[tokio::test]
async fn a_deprecated_scope_goes_on_for_those_who_have_it() {
    let end = |old: &str| format!("[scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\n{old}{API_OF_TAIL}");
    let rig = Rig::with("", &end("")).await;
    let client = rig.registered().await;
    let (access, refresh) = rig.pair(&client, &[("scope", "logs:read logs:tail")]).await;
    let advertised = async || {
        let server = rig.get("/.well-known/oauth-authorization-server").await.json()["scopes_supported"].to_string();
        let resource = rig.get("/.well-known/oauth-protected-resource/tails").await.json()["scopes_supported"].to_string();
        (server.contains("logs:tail"), resource.contains("logs:tail"))
    };
    assert_eq!(advertised().await, (true, true));
    rig.reload("", &end("deprecated = true\nreplaced_by = \"logs:read\"\n"));
    assert_eq!(advertised().await, (false, false));
    assert!(rig.works(&access).await);
    assert_eq!(given(&rig.refresh(&client, &refresh, &[]).await), "logs:read logs:tail");

    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (_, page) = browser.consent_page(&client, &[("scope", "logs:tail")]).await;
    assert!(page.body.contains("Is being retired; logs:read takes its place"), "{}", page.body);
    let body = r#"{"redirect_uris":["https://a.test/cb"],"scope":"metrics:read logs:tail"}"#;
    let refused = rig.json("/oauth2/register", body).await;
    assert_eq!(refused.error(), "invalid_client_metadata");
    assert!(refused.body.contains("logs:tail is deprecated; ask for logs:read instead"), "{}", refused.body);
}

#[tokio::test]
async fn titles_stand_beside_what_they_name() {
    let end = "[scopes.\"logs:write\"]\ntitle = \"Write <logs>\"\ndescription = \"Write logs\"\n";
    let rig = Rig::with("", &format!("{end}{API_OF_TAIL}").replace("logs:tail", "logs:write")).await;
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (_, page) = browser.consent_page(&client, &[("scope", "logs:read logs:write")]).await;
    assert!(page.body.contains("<strong>Write &#60;logs&#62;</strong> <code>logs:write</code>"), "{}", page.body);
    assert!(page.body.contains("<p class=\"muted\"><code>logs:read</code>"), "one without a title has none: {}", page.body);
}

#[tokio::test]
async fn internal_scopes_are_for_the_operators_own_clients() {
    let end =
        |seen: &str| format!("[scopes.\"logs:tail\"]\ndescription = \"Follow logs\"\nvisibility = \"{seen}\"\n{API_OF_TAIL}");
    let rig = Rig::with("", &end("private")).await;
    let (theirs, _) = rig.made(|c| c.scopes = set("logs:read logs:tail")).await;
    let scope = crate::types::ScopeToken::parse("logs:tail").expect("a scope");
    let (holder, until) = (Holder::Client(theirs.id.clone()), rig.node.now().plus(std::time::Duration::from_secs(600)));
    assert!(rig.node.store.approve_scope(&holder, &scope, until, None, &rig.cause()).await.expect("an answer"));
    let ask = async |client: &str| {
        let query = Rig::query(client, &[("scope", "logs:read logs:tail")]);
        rig.get(&format!("/oauth2/authorize?{query}")).await.sent("error")
    };
    assert_eq!(ask(theirs.id.as_str()).await, None, "the operator approved it");

    rig.reload("", &end("internal"));
    assert_eq!(ask(theirs.id.as_str()).await.as_deref(), Some("invalid_scope"), "no approval counts for it");
    assert_eq!(ask(&rig.registered().await).await.as_deref(), Some("invalid_scope"));
    let (anything, _) = rig.made(|c| c.scopes = None).await;
    assert_eq!(ask(anything.id.as_str()).await.as_deref(), Some("invalid_scope"));
    for scopes in [set("logs:read logs:tail"), None] {
        let (own, _) = rig.made(|c| (c.org, c.scopes) = (None, scopes)).await;
        assert_eq!(ask(own.id.as_str()).await, None);
    }
    for document in ["oauth-authorization-server", "oauth-protected-resource/tails", "oauth-protected-resource"] {
        let document = rig.get(&format!("/.well-known/{document}")).await;
        assert!(!document.body.contains("logs:tail"), "{}", document.body);
    }
}

#[tokio::test]
async fn a_scope_that_becomes_internal_is_taken_from_live_tokens() {
    let end = |seen: &str| format!("[scopes.\"metrics:read\"]\nvisibility = \"{seen}\"\n");
    let rig = Rig::with("", &end("public")).await;
    let client = rig.registered().await;
    let (access, _) = rig.pair(&client, &[("scope", "logs:read metrics:read")]).await;
    assert_eq!(allowed(&rig, &access).await, "logs:read metrics:read");
    rig.reload("", &end("internal"));
    assert_eq!(allowed(&rig, &access).await, "logs:read");
}

#[tokio::test]
async fn a_permission_that_requires_another_counts_with_it() {
    let end = |required: &str| {
        format!(
            "[scopes.\"oncall\"]\ndescription = \"Is on call\"\n[roles.oncall]\npermissions = [\"oncall\"]\n\
         [scopes.\"metrics:read\"]\n{required}"
        )
    };
    let rig = Rig::with("", &end("")).await;
    let client = rig.registered().await;
    let (access, _) = rig.pair(&client, &[("scope", "logs:read metrics:read")]).await;
    assert_eq!(allowed(&rig, &access).await, "logs:read metrics:read");
    rig.reload("", &end("requires_permission = \"oncall\"\n"));
    assert_eq!(allowed(&rig, &access).await, "logs:read", "a live token too");
    let config = rig.node.config.load_full();
    let principal = rig.node.verifier.principal(&access, &config, rig.node.now()).await.expect("it works");
    let missing = config.catalogue.bits(&set("metrics:read").expect("scopes"));
    assert!(!principal.effective.could_be_granted(&missing), "to ask her again would not help");
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (_, page) = browser.consent_page(&client, &[("scope", "metrics:read")]).await;
    assert!(page.body.contains("Takes effect if you are given this permission"), "{}", page.body);

    let roles = ["reader", "oncall"].map(|role| RoleName::parse(role).expect("a role")).to_vec();
    let membership = Membership { org: rig.acme.id.clone(), user: rig.ada.id.clone(), roles };
    rig.node.store.set_membership(&membership, &rig.cause()).await.expect("done");
    rig.node.settle().await.expect("settled");
    assert_eq!(allowed(&rig, &access).await, "logs:read metrics:read", "another of her roles has it");
}

/// An API of its own whose only route needs `logs:tail`, beside `logs`.
const API_OF_TAIL: &str = "[[apis]]\nname = \"tails\"\nmount = \"/tails\"\nupstream = \"up\"\n\
    [[apis.routes]]\nmatch = \"/all\"\nmethods = [\"GET\"]\nscopes = [\"logs:tail\"]\n";
