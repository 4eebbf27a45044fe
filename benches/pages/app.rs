//! The organization's own app: versions, API keys, an installation, and everybody's grant to it.

use std::time::Duration;

use tollgate::apps::{Author, Made, Workshop, Written};
use tollgate::node::Node;
use tollgate::store::{ApiKey, ApiKeyState, App, ClientKind, Grant, Holder, Maturity, Minted, User};
use tollgate::types::{API_KEYS_WRITE, ApiKeyId, ClientId, GrantId, PlainToken, ScopeSet, ScopeToken, SystemEntropy, TokenKind};

/// Versions that were published.
const VERSIONS: usize = 20;
/// Keys that it made; the last one is live.
const KEYS: usize = 50;

/// An app that is in use.
pub struct InUse {
    pub app: App,
    /// Its published client.
    pub client: ClientId,
}

fn written(version: usize) -> Written {
    Written {
        name: "Bench agent".to_owned(),
        description: format!("Sends metrics, version {version}."),
        documentation_url: "https://app.example/docs".to_owned(),
        uninstall_instructions: "Stop it on every host.".to_owned(),
        onboarding_url: "https://app.example/start".to_owned(),
        redirect_uris: vec!["https://app.example/callback".to_owned()],
        scopes: vec!["metrics:read".to_owned()],
        access_token_ttl: None,
        require_state: false,
    }
}

async fn read(node: &Node, app: &App) -> App {
    node.store.app(&app.id).await.expect("a store").expect("an app")
}

/// Makes it, and the grants of `users` to its published client.
pub async fn in_use(node: &Node, own: &Grant, users: &[User]) -> InUse {
    let org = node.store.org(&own.org).await.expect("a store").expect("an organization");
    let bench = Workshop::new(node, Author::Operator, node.own_cause());
    let Made { app, .. } = bench.create(&org, ClientKind::Public, &written(0)).await.expect("an app");
    for version in 1..=VERSIONS {
        let draft = read(node, &app).await;
        let draft = bench.edit(&draft, draft.revision, &written(version)).await.expect("changed");
        let draft = bench.mark(&draft, Maturity::Stable).await.expect("marked");
        bench.publish(&draft, Some(app.uuid.as_str())).await.expect("published");
    }
    let app = read(node, &app).await;
    let client = app.published_client.clone().expect("a client");
    let mut first = None;
    for user in users {
        let id = GrantId::generate(node.now(), &SystemEntropy);
        let grant = Grant { id, user: user.id.clone(), client: client.clone(), created_at: node.now(), ..own.clone() };
        let made = node.store.machine_grant(&grant, &node.own_cause()).await.expect("a store").expect("a grant");
        first.get_or_insert(made);
    }
    node.store.install_app(&own.org, &app.id, &node.own_cause()).await.expect("installed");
    keys(node, &app, &first.expect("somebody uses it")).await;
    InUse { app, client }
}

/// Keys of the app, each in place of the one before.
async fn keys(node: &Node, app: &App, grant: &Grant) {
    let (store, now, cause) = (&node.store, node.now(), node.own_cause());
    let (holder, mints) = (Holder::App(app.id.clone()), ScopeToken::parse(API_KEYS_WRITE).expect("a scope"));
    store.request_scope(&holder, &mints, "Agents push with keys.", &cause).await.expect("asked");
    let until = now.plus(Duration::from_hours(24 * 30));
    assert!(store.approve_scope(&holder, &mints, until, None, &cause).await.expect("approved"));
    for n in 1..=KEYS {
        let value = PlainToken::generate(TokenKind::ApiKey, &SystemEntropy);
        let key = ApiKey {
            id: ApiKeyId::generate(now, &SystemEntropy),
            last4: value.last4().to_owned(),
            name: format!("Key {n}"),
            org: grant.org.clone(),
            app: app.id.clone(),
            client: grant.client.clone(),
            grant: grant.id.clone(),
            user: grant.user.clone(),
            scopes: ScopeSet::parse("metrics:read").expect("scopes"),
            resources: Vec::new(),
            created_at: now,
            last_used_at: None,
            state: ApiKeyState::Live,
        };
        assert_eq!(store.mint_api_key(&key, &value.hashed(), &cause).await.expect("a store"), Minted::Done);
        if n < KEYS {
            assert!(store.disable_api_key(&key.id, None, &cause).await.expect("a store"));
        }
    }
}
