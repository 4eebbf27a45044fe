//! Two organizations, who belongs where, and what was done in them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use http_body_util::BodyExt as _;
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use crate::config::Quickstart;
use crate::node::Node;
use crate::oauth;
use crate::record::AuditRecord;
use crate::store::{
    Approve, ApprovedRequest, AuthRequest, Client, ClientAuth, ClientKind, ClientOrigin, ClientState, Created, Grant, GrantState,
    GrantType, Membership, NewUser, Org, OrgState, User, UserKind, UserState, sql,
};
use crate::token::{NewAccessToken, Principal};
use crate::types::{
    AuthRequestId, ClientId, Clock as _, GrantId, ManualClock, NodeId, OrgId, PlainToken, RedirectUri, RequestId, RoleName,
    ScopeSet, Selectors, Slug, SystemEntropy, Timestamp, TokenKind, UserId,
};
use crate::web::{FormToken, Peer, started_session};

mod records;
mod rig;

pub(crate) use records::{ago, call, denied};
pub(crate) use rig::{Answer, Browser, Counted, Rehearsed};

pub(crate) const START: Timestamp = Timestamp::from_millis(1_795_219_200_000);

pub(crate) struct World {
    pub(crate) node: Arc<Node>,
    pub(crate) server: oauth::Server,
    pub(crate) stand_in: Arc<Rehearsed>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) flush: Arc<Counted>,
    pub(crate) acme: Org,
    pub(crate) evil: Org,
    /// Administrator of acme.
    pub(crate) ada: User,
    /// Viewer in acme.
    pub(crate) bob: User,
    /// Administrator of evil.
    pub(crate) eve: User,
    stop: CancellationToken,
    _dir: tempfile::TempDir,
}

impl World {
    /// From now on this node does not learn of changes: whatever waits for them fails.
    pub(crate) async fn lag(&self) {
        self.stop.cancel();
        while self.node.view.is_fresh() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// Where the pager of a page leads: `next` to what is older, `prev` to what is newer.
pub(crate) fn pager(body: &str, rel: &str) -> Option<String> {
    let mark = format!("rel=\"{rel}\" href=\"");
    let href = body.split(&mark).nth(1)?.split('"').next()?;
    Some(href.replace("&#38;", "&"))
}

pub(crate) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).expect("valid scopes")
}

fn org(slug: &str) -> Org {
    Org {
        id: OrgId::generate(START, &SystemEntropy),
        slug: Slug::parse(slug).expect("a valid slug"),
        name: format!("The {slug} company"),
        tenant: slug.to_owned(),
        tenants: BTreeMap::new(),
        state: OrgState::Active,
        created_at: START,
    }
}

fn user(email: &str) -> User {
    User {
        id: UserId::generate(START, &SystemEntropy),
        email: email.to_owned(),
        name: "Somebody".to_owned(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: START,
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let start = Quickstart {
            public: "127.0.0.1:8080".parse().expect("an address"),
            admin: "127.0.0.1:9901".parse().expect("an address"),
            data_dir: dir.path().join("data"),
            gates: vec![("prometheus".to_owned(), "http://127.0.0.1:9090".to_owned())],
            tools: Vec::new(),
            access_token_ttl: None,
        };
        let (mut config, _) = start.config(&|_: &str| None, &SystemEntropy, 1).unwrap_or_else(|e| panic!("{e}"));
        for (role, permissions) in
            [("registrar", "members:read"), ("reviewer", "grants:read"), ("maker", "clients:read clients:write")]
        {
            let bits = config.catalogue.bits(&scopes(permissions));
            config.roles.0.insert(RoleName::parse(role).expect("a valid role"), bits);
        }
        let id = NodeId::parse("node_1").expect("a valid id");
        let url = format!("sqlite:{}", dir.path().join("store.db").display());
        let store = sql::open(&url, &id, Arc::new(SystemEntropy)).await.expect("a store");
        let clock = Arc::new(ManualClock::starting_at(START));
        let node = Node::start(id, config, store, Arc::clone(&clock) as _, Arc::new(SystemEntropy)).await.expect("a node");
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&node).follow(stop.clone()));
        let (acme, evil) = (org("acme"), org("evil"));
        let [ada, bob, eve] = ["ada@acme.test", "bob@acme.test", "eve@evil.test"].map(user);
        let server = oauth::Server::new(Arc::clone(&node));
        let stand_in = Arc::new(Rehearsed::new(server.trials()));
        let world = Self {
            node,
            server,
            stand_in,
            clock,
            flush: Arc::new(Counted::default()),
            acme,
            evil,
            ada,
            bob,
            eve,
            stop,
            _dir: dir,
        };
        for org in [&world.acme, &world.evil] {
            assert_eq!(world.node.store.create_org(org, &world.node.own_cause()).await.expect("a store"), Created::Done);
        }
        for (user, org, role) in
            [(&world.ada, &world.acme, "admin"), (&world.bob, &world.acme, "viewer"), (&world.eve, &world.evil, "admin")]
        {
            world.add(user).await;
            world.join(user, org, &[role]).await;
        }
        world
    }

    async fn add(&self, user: &User) {
        let new = NewUser { user: user.clone(), password: None };
        assert_eq!(self.node.store.create_user(&new, &self.node.own_cause()).await.expect("a store"), Created::Done);
    }

    /// Somebody who belongs to no organization.
    pub(crate) async fn person(&self, email: &str) -> User {
        let user = user(email);
        self.add(&user).await;
        user
    }

    /// Gives a user these roles.
    pub(crate) async fn join(&self, user: &User, org: &Org, roles: &[&str]) {
        let roles = roles.iter().map(|r| RoleName::parse(r).expect("a valid role")).collect();
        let membership = Membership { org: org.id.clone(), user: user.id.clone(), roles };
        self.node.store.set_membership(&membership, &self.node.own_cause()).await.expect("a membership");
        self.node.settle().await.expect("settled");
    }

    pub(crate) async fn client(&self, name: &str) -> Client {
        self.client_of(name, None).await
    }

    /// One that this organization makes, or nobody here.
    pub(crate) async fn client_of(&self, name: &str, owner: Option<&Org>) -> Client {
        let client = Client {
            id: ClientId::generate(START, &SystemEntropy),
            org: owner.map(|org| org.id.clone()),
            name: name.to_owned(),
            kind: ClientKind::Public,
            origin: ClientOrigin::Dynamic,
            auth: ClientAuth::None,
            redirect_uris: vec![RedirectUri::parse("http://127.0.0.1/callback").expect("a valid URI")],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: None,
            subject: None,
            resources: Vec::new(),
            require_state: false,
            access_token_ttl: None,
            app: None,
            state: ClientState::Active,
            created_at: START,
        };
        self.node.store.create_client(&client, None, &self.node.own_cause()).await.expect("a client");
        client
    }

    /// `user` agrees to `wanted` for `client` in `org`.
    pub(crate) async fn consent(&self, user: &User, org: &Org, client: &Client, wanted: &str) -> Grant {
        let now = self.clock.now();
        let request = AuthRequest {
            id: AuthRequestId::generate(now, &SystemEntropy),
            client: client.id.clone(),
            redirect_uri: RedirectUri::parse("http://127.0.0.1:4711/callback").expect("a valid URI"),
            scopes: scopes(wanted),
            resources: Vec::new(),
            org: None,
            state: None,
            challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".to_owned(),
            created_at: now,
            expires_at: now.plus(Duration::from_mins(10)),
        };
        let grant = Grant {
            id: GrantId::generate(now, &SystemEntropy),
            org: org.id.clone(),
            user: user.id.clone(),
            client: client.id.clone(),
            scopes: scopes(wanted),
            selectors: Selectors::default(),
            resources: Vec::new(),
            state: GrantState::Live,
            created_at: now,
            expires_at: None,
            last_used_at: None,
        };
        let code = PlainToken::generate(TokenKind::AuthorizationCode, &SystemEntropy).hashed();
        let approved =
            ApprovedRequest { grant: grant.clone(), trial: false, code, code_expires_at: now.plus(Duration::from_mins(1)) };
        let (store, cause) = (&self.node.store, self.node.own_cause());
        store.freeze_request(&request, &cause).await.expect("a request");
        assert_eq!(
            store.approve_request(&request.id, &approved, &|_: &_, _: &_| true, &cause).await.expect("a decision"),
            Approve::Done
        );
        grant
    }

    /// How often this node has waited until what was committed before holds everywhere.
    pub(crate) fn settled(&self) -> u64 {
        self.node.metrics.revocation_seconds.get_sample_count()
    }

    /// Who a new token of this grant speaks for.
    pub(crate) async fn principal(&self, grant: &Grant) -> Arc<Principal> {
        self.try_principal(grant).await.expect("a principal")
    }

    /// The same; `None` when the token is worth nothing.
    pub(crate) async fn try_principal(&self, grant: &Grant) -> Option<Arc<Principal>> {
        let config = self.node.config.load_full();
        let wanted = NewAccessToken {
            grant,
            scopes: &grant.scopes,
            resources: &[],
            jti: format!("jti-{}", grant.id),
            now: self.clock.now(),
            ttl: Duration::from_mins(10),
        };
        let issued = self.node.keys.issue(&config.issuer, &wanted).expect("a token");
        let token = secrecy::ExposeSecret::expose_secret(&issued.token).to_owned();
        self.node.verifier.principal(&token, &config, self.clock.now()).await.ok()
    }

    pub(crate) async fn is_live(&self, grant: &Grant) -> bool {
        let facts = self.node.store.grant_facts(&grant.id).await.expect("a store").expect("the grant is there");
        facts.grant.state == GrantState::Live
    }

    pub(crate) async fn sign_in(&self, user: &User) -> Browser {
        let config = self.node.config.load_full();
        let (secret, session) = started_session(&self.node, &config, user);
        self.node.store.start_session(&session, None, &self.node.own_cause()).await.expect("a session");
        let csrf = FormToken::of_session(&self.node.keys, &secret).as_str().to_owned();
        Browser { cookie: format!("tollgate={}", secret.expose()), csrf }
    }

    pub(crate) fn pages(&self) -> Router {
        crate::account::router(Arc::clone(&self.node), Arc::clone(&self.flush) as _, Arc::clone(&self.stand_in) as _)
    }

    /// The pages with the authorization server, as a browser finds them.
    pub(crate) fn site(&self) -> Router {
        self.server.router().merge(self.pages())
    }

    /// What a browser that follows this link is answered, redirects not followed.
    pub(crate) async fn visit(&self, who: &Browser, path: &str) -> Answer {
        let request = Request::get(path).header("cookie", &who.cookie).body(Body::empty()).expect("a request");
        self.send(self.site(), request).await
    }

    /// The same for a form.
    pub(crate) async fn submit(&self, who: &Browser, path: &str, form: &str) -> Answer {
        let form = format!("csrf={}&{form}", who.csrf);
        let request = Request::post(path).header("cookie", &who.cookie).header("sec-fetch-site", "same-origin");
        let request = request.header("content-type", "application/x-www-form-urlencoded").body(Body::from(form));
        self.send(self.site(), request.expect("a request")).await
    }

    pub(crate) async fn get(&self, who: Option<&Browser>, path: &str) -> Answer {
        let mut request = Request::get(path);
        if let Some(browser) = who {
            request = request.header("cookie", &browser.cookie);
        }
        self.send(self.pages(), request.body(Body::empty()).expect("a request")).await
    }

    pub(crate) async fn post(&self, who: &Browser, path: &str, form: &str, headers: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header("cookie", &who.cookie);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(self.pages(), request.body(Body::from(form.to_owned())).expect("a request")).await
    }

    pub(crate) async fn send(&self, router: Router, mut request: Request<Body>) -> Answer {
        let peer = Peer {
            addr: "192.0.2.7:4711".parse().ok(),
            request: RequestId::generate(self.clock.now(), &SystemEntropy),
            trace: None,
            user_agent: Some("suite/1".to_owned()),
        };
        request.extensions_mut().insert(peer);
        let response = router.oneshot(request).await.expect("infallible");
        let (parts, body) = response.into_parts();
        let body = body.collect().await.expect("a whole body").to_bytes();
        let body = String::from_utf8(body.to_vec()).expect("UTF-8");
        Answer { status: parts.status, headers: parts.headers, body }
    }

    /// Puts records into the store as the journal does.
    pub(crate) async fn happened(&self, records: &[AuditRecord]) {
        self.node.store.append_audit(records).await.expect("stored");
    }
}
