//! What the benches share: a configuration, and one organization, user, client and grant.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Duration;

use secrecy::SecretString;
use tollgate::node::Node;
use tollgate::store::{
    Client, ClientAuth, ClientKind, ClientOrigin, ClientState, Grant, GrantState, GrantType, Membership, NewUser, Org, OrgState,
    User, UserKind, UserState,
};
use tollgate::token::NewAccessToken;
use tollgate::types::{ClientId, GrantId, OrgId, RoleName, Selectors, Slug, SystemEntropy, UserId};

/// A configuration with everything that a node needs, and `more`.
pub fn configuration(data: &Path, address: &str, more: &str) -> String {
    let secret = data.join("secret.key");
    std::fs::write(&secret, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").expect("a file");
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    let data = data.display();
    format!(
        r#"
public_url = "http://{address}"
[listen]
public = "{address}"
admin = "127.0.0.1:0"
[data]
dir = "{data}"
[keys]
secret_file = "{data}/secret.key"
[store]
url = "sqlite:{data}/tollgate.db"
[scopes."metrics:read"]
description = "Query metrics"
{more}"#
    )
}

/// A token of `grant` for everything that it holds, for a day.
pub fn token(node: &Node, grant: &Grant, jti: &str) -> SecretString {
    let ttl = Duration::from_secs(24 * 3600);
    let new = NewAccessToken { grant, scopes: &grant.scopes, resources: &[], jti: jti.into(), now: node.now(), ttl };
    node.keys.issue(&node.config.load().issuer, &new).expect("a token").token
}

/// An organization, a user in it, a client, and the user's grant to the client.
pub async fn grant(node: &Node) -> Grant {
    grant_of(node, "bench").await
}

/// The same with an organization of that name.
pub async fn grant_of(node: &Node, name: &str) -> Grant {
    let entropy = SystemEntropy;
    let (at, cause) = (node.now(), node.own_cause());
    let org = Org {
        id: OrgId::generate(at, &entropy),
        slug: Slug::parse(name).expect("a slug"),
        name: "Bench".into(),
        tenant: name.into(),
        tenants: BTreeMap::new(),
        state: OrgState::Active,
        created_at: at,
    };
    let user = User {
        id: UserId::generate(at, &entropy),
        email: format!("{name}@example.com"),
        name: "Bench".into(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: at,
    };
    let client = Client {
        id: ClientId::generate(at, &entropy),
        org: None,
        name: "Bench".into(),
        kind: ClientKind::Public,
        origin: ClientOrigin::Administrator,
        auth: ClientAuth::None,
        redirect_uris: vec![],
        grant_types: vec![GrantType::AuthorizationCode],
        scopes: None,
        subject: None,
        resources: vec![],
        require_state: false,
        access_token_ttl: None,
        app: None,
        state: ClientState::Active,
        created_at: at,
    };
    let config = node.config.load_full();
    let grant = Grant {
        id: GrantId::generate(at, &entropy),
        org: org.id.clone(),
        user: user.id.clone(),
        client: client.id.clone(),
        scopes: config.catalogue.public(),
        selectors: Selectors::default(),
        resources: vec![],
        state: GrantState::Live,
        created_at: at,
        expires_at: None,
        last_used_at: None,
    };
    let roles = vec![RoleName::parse("admin").expect("a role")];
    let store = &node.store;
    store.create_org(&org, &cause).await.expect("an organization");
    store.create_user(&NewUser { user: user.clone(), password: None }, &cause).await.expect("a user");
    store.set_membership(&Membership { org: org.id, user: user.id, roles }, &cause).await.expect("a membership");
    store.create_client(&client, None, &cause).await.expect("a client");
    store.machine_grant(&grant, &cause).await.expect("a store").expect("a grant")
}
