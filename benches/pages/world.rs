//! A large organization.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use axum::Router;
use secrecy::SecretString;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use tollgate::account::{self, AuditFlush, Called, Refused, Sent, StandIn, Unanswered};
use tollgate::apps::NewSecret;
use tollgate::clients::{By, Clients};
use tollgate::config::{Config, Environment};
use tollgate::node::Node;
use tollgate::oauth;
use tollgate::operator;
use tollgate::record::{Actor, AuditRecord, Call, Cause, Decision, Event, McpCall, Measured, Origin, Outcome};
use tollgate::roster::{self, Roster};
use tollgate::store::{
    AuthRequest, Bounds, Client, ClientAuth, ClientKind, Created, DeviceRequest, Grant, GrantType, Invitation, Membership,
    NewUser, User, sql,
};
use tollgate::types::{
    ApiName, AuthRequestId, ClientId, GrantId, InvitationId, NodeId, PlainToken, RecordId, RedirectUri, RequestId, RoleName,
    RouteId, ScopeSet, SystemClock, SystemEntropy, TokenKind, UserCode, UserId,
};
use tollgate::web::{FormToken, Peer, started_session};

use super::app::{self, InUse};
use super::support::{configuration, grant};

const USERS: usize = 2_000;
const CLIENTS: usize = 200;
/// Each client is authorized by so many users.
const USERS_OF_CLIENT: usize = 50;
const MACHINES: usize = 100;
/// Secrets of one of them.
const SECRETS: usize = 5;
const RECORDS: usize = 100_000;
/// Days that everything lies in.
const DAYS: u64 = 30;

/// What [`World::fill`] makes.
pub const SIZE: &str = "12 000 grants, 2 000 members, 200 clients, 100 machines, an app of 20 versions, 50 keys and 2 000 users, \
    100 000 calls, all of 30 days";

/// Nothing is tried here.
struct Nobody;

#[async_trait]
impl StandIn for Nobody {
    async fn redeem(&self, _: Client, _: &str, _: &Peer) -> Result<SecretString, Refused> {
        Err(Refused { code: "invalid_grant".to_owned(), description: "nothing is tried here".to_owned() })
    }

    async fn call(&self, _: Sent, _: &SecretString) -> Result<Called, Unanswered> {
        Err(Unanswered("nobody is called here".into()))
    }
}

/// Records are in the store at once.
struct Flushed;

#[async_trait]
impl AuditFlush for Flushed {
    async fn flush(&self) {}
}

/// The organization `bench`, and a browser in which its administrator is signed in, who is an operator too.
pub struct World {
    pub node: Arc<Node>,
    pub cookie: String,
    pub(super) csrf: String,
    pub(super) own: Grant,
    pub(super) client: ClientId,
    pub(super) in_use: InUse,
    pub(super) machine: ClientId,
    pub(super) request: AuthRequestId,
    pub(super) device: UserCode,
    pub(super) invitation: String,
    pub(super) record: RecordId,
    router: Router,
    stop: CancellationToken,
    _dir: TempDir,
}

struct NoVariables;

impl Environment for NoVariables {
    fn variable(&self, _: &str) -> Option<String> {
        None
    }
}

impl World {
    pub async fn fill() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let text = configuration(dir.path(), "127.0.0.1:8080", "");
        let (config, _) = Config::parse(&text, &NoVariables, 1).unwrap_or_else(|e| panic!("{e}"));
        let id = NodeId::parse("node_bench").expect("an id");
        let url = format!("sqlite:{}/tollgate.db", dir.path().display());
        let store = sql::open(&url, &id, Arc::new(SystemEntropy)).await.expect("a store");
        let node = Node::start(id, config, store, Arc::new(SystemClock), Arc::new(SystemEntropy)).await.expect("a node");
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&node).follow(stop.clone()));
        let own = grant(&node).await;
        let admin = node.store.user(&own.user).await.expect("a store").expect("a user");
        let users = users(&node, &own).await;
        let (clients, grants) = authorized(&node, &own, &users).await;
        let record = called(&node, &grants, &clients).await;
        let in_use = app::in_use(&node, &own, &users).await;
        let machine = machines(&node, &own).await;
        let request = asked(&node, &clients[0]).await;
        let (device, invitation) = (waits(&node, &clients[0]).await, invited(&node, &own).await);
        assert!(node.store.add_operator(&own.user, &node.own_cause()).await.expect("an operator"));
        let config = node.config.load_full();
        let (secret, session) = started_session(&node, &config, &admin);
        node.store.start_session(&session, None, &node.own_cause()).await.expect("a session");
        let router = oauth::router(Arc::clone(&node))
            .merge(account::router(Arc::clone(&node), Arc::new(Flushed), Arc::new(Nobody)))
            .merge(operator::router(Arc::clone(&node)));
        let cookie = format!("tollgate={}", secret.expose());
        let csrf = FormToken::of_session(&node.keys, &secret).as_str().to_owned();
        let client = clients[0].id.clone();
        Self { node, cookie, csrf, own, client, in_use, machine, request, device, invitation, record, router, stop, _dir: dir }
    }

    pub fn router(&self) -> Router {
        self.router.clone()
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.node.store.close().await;
    }
}

/// The cause of the `n`th of `all` changes, which are spread over the days.
fn spread(node: &Node, n: usize, all: usize) -> Cause {
    let ago = Duration::from_millis((DAYS * 86_400_000) / all as u64 * (all - n) as u64);
    Cause { at: node.now().minus(ago), ..node.own_cause() }
}

async fn users(node: &Node, own: &Grant) -> Vec<User> {
    let template = node.store.user(&own.user).await.expect("a store").expect("a user");
    let viewer = RoleName::parse("viewer").expect("a role");
    let mut users = Vec::with_capacity(USERS);
    for n in 0..USERS {
        let id = UserId::generate(node.now(), &SystemEntropy);
        let user = User { id, email: format!("user{n:04}@example.com"), name: format!("User {n}"), ..template.clone() };
        let cause = spread(node, n, USERS);
        node.store.create_user(&NewUser { user: user.clone(), password: None }, &cause).await.expect("a user");
        let membership = Membership { org: own.org.clone(), user: user.id.clone(), roles: vec![viewer.clone()] };
        node.store.set_membership(&membership, &cause).await.expect("a membership");
        users.push(user);
    }
    users
}

/// Clients, each with its share of grants; every third one belongs to the organization.
async fn authorized(node: &Node, own: &Grant, users: &[User]) -> (Vec<Client>, Vec<Grant>) {
    let template = node.store.client(&own.client).await.expect("a store").expect("a client");
    let (mut clients, mut grants) = (Vec::new(), Vec::new());
    for n in 0..CLIENTS {
        let client = Client {
            id: ClientId::generate(node.now(), &SystemEntropy),
            org: (n % 3 == 0).then(|| own.org.clone()),
            name: format!("Client {n}"),
            redirect_uris: vec![RedirectUri::parse("http://127.0.0.1/callback").expect("a URI")],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::DeviceCode],
            ..template.clone()
        };
        let cause = spread(node, n, CLIENTS);
        node.store.create_client(&client, None, &cause).await.expect("a client");
        for user in (0..USERS_OF_CLIENT).map(|m| &users[(n * 37 + m * 40) % USERS]) {
            let id = GrantId::generate(node.now(), &SystemEntropy);
            let grant = Grant { id, user: user.id.clone(), client: client.id.clone(), created_at: cause.at, ..own.clone() };
            grants.push(node.store.machine_grant(&grant, &cause).await.expect("a store").expect("a grant"));
        }
        clients.push(client);
    }
    (clients, grants)
}

/// Machine clients, each of a service user of its own and with a grant; the last of them, with several secrets.
async fn machines(node: &Node, own: &Grant) -> ClientId {
    let template = node.store.client(&own.client).await.expect("a store").expect("a client");
    let org = node.store.org(&own.org).await.expect("a store").expect("an organization");
    let viewer = RoleName::parse("viewer").expect("a role");
    let mut last = None;
    for n in 0..MACHINES {
        let roster = Roster::new(node, &org, roster::By::Operator, node.own_cause());
        let (robot, _) = roster.add_service(&format!("robot-{n}"), vec![viewer.clone()]).await.expect("a service user");
        let client = Client {
            id: ClientId::generate(node.now(), &SystemEntropy),
            org: Some(org.id.clone()),
            name: format!("Machine {n}"),
            kind: ClientKind::Confidential,
            auth: ClientAuth::SecretBasic,
            grant_types: vec![GrantType::ClientCredentials],
            scopes: Some(ScopeSet::parse("metrics:read").expect("scopes")),
            subject: Some(robot.id.clone()),
            ..template.clone()
        };
        node.store.create_client(&client, None, &node.own_cause()).await.expect("a client");
        let id = GrantId::generate(node.now(), &SystemEntropy);
        let grant = Grant { id, user: robot.id, client: client.id.clone(), created_at: node.now(), ..own.clone() };
        node.store.machine_grant(&grant, &node.own_cause()).await.expect("a store").expect("a grant");
        last = Some(client);
    }
    let last = last.expect("there are machines");
    for _ in 0..SECRETS {
        let clients = Clients::new(node, By::Operator, node.own_cause());
        clients.add_secret(&last, NewSecret::default()).await.expect("a secret");
    }
    last.id
}

/// Calls under the grants, by different tools, every twentieth of them refused.
async fn called(node: &Node, grants: &[Grant], clients: &[Client]) -> RecordId {
    let (now, step) = (node.now(), DAYS * 86_400_000 / RECORDS as u64);
    let mut batch = Vec::with_capacity(500);
    let mut last = None;
    for n in (0..RECORDS).rev() {
        let grant = &grants[(n * 7919) % grants.len()];
        let name = clients.iter().find(|c| c.id == grant.client).map(|c| c.name.clone());
        let time = now.minus(Duration::from_millis(step * n as u64));
        let decision = if n % 20 == 0 {
            Decision::Denied { reason: "permission_missing".into(), missing: ScopeSet::parse("metrics:read").expect("scopes") }
        } else {
            Decision::Allowed
        };
        let record = AuditRecord {
            id: RecordId::generate(time, &SystemEntropy),
            time,
            org: Some(grant.org.clone()),
            actor: Actor {
                user: Some(grant.user.clone()),
                client: Some(grant.client.clone()),
                client_name: name,
                grant: Some(grant.id.clone()),
                token: Some("jti".into()),
            },
            origin: Origin {
                request: RequestId::generate(time, &SystemEntropy),
                node: node.id.clone(),
                peer: "192.0.2.7:4711".parse().ok(),
                user_agent: Some("bench/1".into()),
                trace: None,
                certificate: None,
            },
            event: Event::Call(Box::new(Call {
                api: ApiName::parse("prometheus").expect("a name"),
                route: RouteId::parse("prometheus.query").ok(),
                method: "POST".into(),
                path: "/mcp/prometheus".into(),
                mcp: Some(McpCall { method: "tools/call".into(), target: Some(format!("tool_{}", n % 23)), version: None }),
                scopes_needed: ScopeSet::parse("metrics:read").expect("scopes"),
                scopes_held: ScopeSet::parse("metrics:read").expect("scopes"),
                resource: None,
                decision,
                would_deny: None,
                outcome: Outcome::Completed(Measured { status: 200, bytes: 512, micros: 1500, call: None }),
                forwarder: None,
            })),
        };
        last = Some(record.id.clone());
        batch.push(record);
        if batch.len() == 500 || n == 0 {
            node.store.append_audit(&batch).await.expect("stored");
            batch.clear();
        }
    }
    last.expect("there are records")
}

/// An authorization request that waits for its user.
async fn asked(node: &Node, client: &Client) -> AuthRequestId {
    let now = node.now();
    let request = AuthRequest {
        id: AuthRequestId::generate(now, &SystemEntropy),
        client: client.id.clone(),
        redirect_uri: client.redirect_uris[0].clone(),
        scopes: ScopeSet::parse("metrics:read").expect("scopes"),
        resources: Vec::new(),
        org: None,
        state: None,
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        created_at: now,
        expires_at: now.plus(Duration::from_hours(1)),
    };
    node.store.freeze_request(&request, &node.own_cause()).await.expect("a request");
    request.id
}

/// A device that waits for its user: the code that it shows.
async fn waits(node: &Node, client: &Client) -> UserCode {
    let now = node.now();
    let request = DeviceRequest {
        id: AuthRequestId::generate(now, &SystemEntropy),
        client: client.id.clone(),
        user_code: UserCode::generate(&SystemEntropy),
        scopes: ScopeSet::parse("metrics:read").expect("scopes"),
        resources: Vec::new(),
        from: "192.0.2.7".parse().ok(),
        user_agent: Some("bench/1".into()),
        interval: Duration::from_secs(5),
        created_at: now,
        expires_at: now.plus(Duration::from_hours(1)),
        grant: None,
    };
    let device = PlainToken::generate(TokenKind::DeviceCode, &SystemEntropy).hashed();
    let begun = node.store.begin_device(&request, &device, &node.own_cause()).await.expect("a store");
    assert_eq!(begun, Created::Done);
    request.user_code
}

/// An open invitation of somebody else: where its link leads.
async fn invited(node: &Node, own: &Grant) -> String {
    let (now, secret) = (node.now(), PlainToken::generate(TokenKind::Invitation, &SystemEntropy));
    let invitation = Invitation {
        id: InvitationId::generate(now, &SystemEntropy),
        org: own.org.clone(),
        email: "grace@example.com".to_owned(),
        roles: vec![RoleName::parse("viewer").expect("a role")],
        invited_by: Some(own.user.clone()),
        created_at: now,
        expires_at: now.plus(Duration::from_hours(24)),
    };
    let bounds = Bounds { administrators: &[], changer: None };
    node.store.invite(&invitation, &secret.hashed(), &bounds, &node.own_cause()).await.expect("invited");
    format!("/invitations/{}", secret.expose())
}
