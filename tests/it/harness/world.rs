//! Organizations, users, clients and grants, made by the store's own verbs.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::ExposeSecret as _;
use tollgate::store::{
    Approve, ApprovedRequest, AuthRequest, Client, ClientAuth, ClientKind, ClientOrigin, ClientState, Created, Grant, GrantState,
    GrantType, Membership, NewUser, Org, OrgState, RevokeReason, User, UserKind, UserState,
};
use tollgate::token::NewAccessToken;
use tollgate::types::{
    AuthRequestId, ClientId, GrantId, HashedToken, OrgId, PlainToken, RedirectUri, ResourceId, RoleName, ScopeSet, Selectors,
    Slug, TokenKind, UserId,
};

use super::Gateway;

/// How long tokens of tests live, by the test's clock.
pub const TOKEN_TTL: Duration = Duration::from_mins(10);

/// A token and everything behind it.
#[derive(Clone)]
pub struct Caller {
    pub org: Org,
    pub user: User,
    pub client: Client,
    pub grant: Grant,
    pub token: String,
}

pub fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).expect("scopes")
}

pub fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|n| RoleName::parse(n).expect("a role")).collect()
}

impl Gateway {
    pub async fn org(&self, slug: &str) -> Org {
        let node = &self.running.node;
        let org = Org {
            id: OrgId::generate(node.now(), &*node.entropy),
            slug: Slug::parse(slug).expect("a slug"),
            name: slug.to_owned(),
            tenant: format!("tenant-{slug}"),
            tenants: BTreeMap::new(),
            state: OrgState::Active,
            created_at: node.now(),
        };
        assert_eq!(node.store.create_org(&org, &node.own_cause()).await.expect("an organization"), Created::Done);
        org
    }

    pub async fn user(&self, email: &str) -> User {
        let node = &self.running.node;
        let user = User {
            id: UserId::generate(node.now(), &*node.entropy),
            email: email.to_owned(),
            name: email.to_owned(),
            kind: UserKind::Person,
            state: UserState::Active,
            created_at: node.now(),
        };
        let new = NewUser { user: user.clone(), password: None };
        assert_eq!(node.store.create_user(&new, &node.own_cause()).await.expect("a user"), Created::Done);
        user
    }

    /// Puts a user into an organization, or replaces its roles there.
    pub async fn member(&self, org: &Org, user: &User, names: &[&str]) {
        let node = &self.running.node;
        let membership = Membership { org: org.id.clone(), user: user.id.clone(), roles: roles(names) };
        node.store.set_membership(&membership, &node.own_cause()).await.expect("a membership");
        node.settle().await.expect("the change is applied");
    }

    pub async fn client(&self, allowed: Option<&str>) -> Client {
        let node = &self.running.node;
        let client = Client {
            id: ClientId::generate(node.now(), &*node.entropy),
            org: None,
            name: "Test client".into(),
            kind: ClientKind::Public,
            origin: ClientOrigin::Administrator,
            auth: ClientAuth::None,
            redirect_uris: vec![RedirectUri::parse("http://127.0.0.1/callback").expect("a URI")],
            grant_types: vec![GrantType::AuthorizationCode],
            scopes: allowed.map(scopes),
            subject: None,
            resources: Vec::new(),
            require_state: false,
            access_token_ttl: None,
            app: None,
            state: ClientState::Active,
            created_at: node.now(),
        };
        node.store.create_client(&client, None, &node.own_cause()).await.expect("a client");
        client
    }

    /// Consents: freezes a request and approves it.
    pub async fn grant(&self, org: &Org, user: &User, client: &Client, granted: &str) -> Grant {
        self.consent(org, user, client, granted).await.0
    }

    /// The same; gives the hash of the code.
    pub async fn code(&self, org: &Org, user: &User, client: &Client, granted: &str) -> HashedToken {
        self.consent(org, user, client, granted).await.1
    }

    async fn consent(&self, org: &Org, user: &User, client: &Client, granted: &str) -> (Grant, HashedToken) {
        let node = &self.running.node;
        let (now, cause) = (node.now(), node.own_cause());
        let grant = Grant {
            id: GrantId::generate(now, &*node.entropy),
            org: org.id.clone(),
            user: user.id.clone(),
            client: client.id.clone(),
            scopes: scopes(granted),
            selectors: Selectors::default(),
            resources: Vec::new(),
            state: GrantState::Live,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        let request = AuthRequest {
            id: AuthRequestId::generate(now, &*node.entropy),
            client: client.id.clone(),
            redirect_uri: client.redirect_uris[0].clone(),
            scopes: grant.scopes.clone(),
            resources: Vec::new(),
            org: None,
            state: None,
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
            created_at: now,
            expires_at: now.plus(Duration::from_mins(10)),
        };
        node.store.freeze_request(&request, &cause).await.expect("a request");
        let code = PlainToken::generate(TokenKind::AuthorizationCode, &*node.entropy).hashed();
        let approved =
            ApprovedRequest { grant: grant.clone(), trial: false, code, code_expires_at: now.plus(Duration::from_mins(1)) };
        let decided = node.store.approve_request(&request.id, &approved, &|_: &_, _: &_| true, &cause).await.expect("a decision");
        assert_eq!(decided, Approve::Done);
        node.settle().await.expect("the change is applied");
        (grant, approved.code)
    }

    /// A token of `grant` for some of its scopes and these resources (none: every API).
    pub fn token(&self, grant: &Grant, held: &str, resources: &[&str]) -> String {
        let node = &self.running.node;
        let resources: Vec<_> = resources.iter().map(|r| ResourceId::parse(r).expect("a resource")).collect();
        let mut jti = [0_u8; 8];
        node.entropy.fill(&mut jti);
        let new = NewAccessToken {
            grant,
            scopes: &scopes(held),
            resources: &resources,
            jti: format!("jti-{}", u64::from_be_bytes(jti)),
            now: node.now(),
            ttl: TOKEN_TTL,
        };
        node.keys.issue(&node.config.load().issuer, &new).expect("a token").token.expose_secret().to_owned()
    }

    /// A new user with roles in a new organization, who gave a new client these scopes.
    pub async fn caller(&self, slug: &str, names: &[&str], granted: &str) -> Caller {
        let (org, user) = (self.org(slug).await, self.user(&format!("ada@{slug}.test")).await);
        self.member(&org, &user, names).await;
        let client = self
            .client(Some("metrics:read metrics:write dash:read rules:read mcp:tools:invoke mcp:tools:write mcp:tollgate:invoke"))
            .await;
        self.grant_to(&org, &user, &client, granted).await
    }

    /// The same, through a client that may ask for everything.
    pub async fn open_caller(&self, slug: &str, names: &[&str], granted: &str) -> Caller {
        let (org, user) = (self.org(slug).await, self.user(&format!("ada@{slug}.test")).await);
        self.member(&org, &user, names).await;
        self.grant_to(&org, &user, &self.client(None).await, granted).await
    }

    /// A grant with a token of all of it.
    pub async fn grant_to(&self, org: &Org, user: &User, client: &Client, granted: &str) -> Caller {
        let grant = self.grant(org, user, client, granted).await;
        let token = self.token(&grant, granted, &[]);
        Caller { org: org.clone(), user: user.clone(), client: client.clone(), grant, token }
    }

    /// Revokes a grant as its user does; returns when it is acknowledged.
    pub async fn revoke(&self, grant: &Grant) {
        let node = &self.running.node;
        let revoked = node.store.revoke_grant(&grant.id, None, RevokeReason::User, &node.own_cause()).await;
        assert!(revoked.expect("a revocation"), "the grant was live");
        node.settle().await.expect("the change is applied");
    }
}
