//! A gateway with two organizations and some people, and a browser to visit it with.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, CONTENT_TYPE, COOKIE, LOCATION, SET_COOKIE};
use http::{HeaderMap, Method, Request, StatusCode};
use parking_lot::Mutex;
use serde_json::Value;
use sqlx::{Connection as _, SqliteConnection};
use tokio_util::sync::{CancellationToken, DropGuard};
use tower::ServiceExt;

use crate::config::Config;
use crate::node::Node;
use crate::record::{Actor, Cause, Event};
use crate::store::{
    AuditFilter, AuditRow, Client, ClientAuth, ClientKind, ClientOrigin, ClientSecret, ClientState, GrantType, Membership,
    NewUser, Org, OrgState, PasswordRecord, User, UserKind, UserState, sql,
};
use crate::types::{
    ClientId, Clock, Entropy, ManualClock, NodeId, OrgId, PlainToken, RedirectUri, RequestId, RoleName, ScopeSet, SeededEntropy,
    Slug, Timestamp, TokenKind, UserId,
};
use crate::web::Peer;

pub(super) const ISSUER: &str = "https://gw.test";
pub(super) const PASSWORD: &str = "a long enough password";
pub(super) const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
pub(super) const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";
pub(super) const CALLBACK: &str = "https://app.test/cb";

const CONFIG: &str = r#"
public_url = "https://gw.test"
[keys]
secret = "env:SECRET"
[oauth]
login_attempts = 3
registrations_per_hour = 5
[scopes."logs:read"]
description = "Read logs"
group = "Logs"
[scopes."logs:delete"]
description = "Delete logs"
group = "Logs"
risk = "high"
visibility = "private"
[roles.reader]
permissions = ["logs:read", "metrics:read"]
[[upstreams]]
name = "up"
endpoints = ["http://127.0.0.1:9090"]
[[apis]]
name = "prometheus"
mount = "/prometheus"
pack = "prometheus"
upstream = "up"
aliases = ["urn:test:metrics", "urn:test:org:{org.id}", "urn:test:{org.slug}:metrics"]
[[apis]]
name = "logs"
mount = "/logs"
upstream = "up"
advertise = ["logs:read"]
[[apis.routes]]
match = "/read"
methods = ["GET"]
scopes = ["logs:read"]
[[apis.routes]]
match = "/delete"
methods = ["POST"]
scopes = ["logs:delete"]
"#;

/// A gateway and who is in it.
pub(super) struct Rig {
    pub node: Arc<Node>,
    pub router: Router,
    pub clock: Arc<ManualClock>,
    /// Ada is in both organizations, Bob in the second alone.
    pub acme: Org,
    pub beta: Org,
    pub ada: User,
    pub bob: User,
    follow: Option<DropGuard>,
    folder: tempfile::TempDir,
}

/// An answer, read whole.
pub(super) struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: String,
}

impl Answer {
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {} {}", self.status, self.body))
    }

    pub fn location(&self) -> &str {
        self.headers.get(LOCATION).map(|v| v.to_str().expect("text")).unwrap_or_default()
    }

    /// A parameter of the query that the browser is sent to.
    pub fn sent(&self, name: &str) -> Option<String> {
        let url = url::Url::parse(self.location()).ok()?;
        url.query_pairs().find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
    }

    /// The hidden value of the form that posts to where `action` begins.
    pub fn csrf(&self, action: &str) -> String {
        let form = self.body.split("<form").find(|f| f.contains(&format!("action=\"{action}"))).unwrap_or_default();
        let value = form.split_once("name=\"csrf\" value=\"").and_then(|(_, rest)| rest.split_once('"')).map(|(v, _)| v);
        value.unwrap_or_else(|| panic!("no form for {action}: {} {}", self.status, self.body)).to_owned()
    }

    pub fn error(&self) -> String {
        self.json()["error"].as_str().unwrap_or_default().to_owned()
    }
}

pub(super) fn encoded(fields: &[(&str, &str)]) -> String {
    url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn environment() -> impl Fn(&str) -> Option<String> {
    let secret = STANDARD.encode([7_u8; 32]);
    move |name: &str| (name == "SECRET").then(|| secret.clone())
}

impl Rig {
    pub async fn new() -> Self {
        Self::configured(CONFIG).await
    }

    /// A gateway whose API `logs` says more, and whose file ends with more.
    pub async fn with(logs: &str, end: &str) -> Self {
        Self::configured(&Self::file(logs, end)).await
    }

    /// A gateway whose `[oauth]` says more.
    pub async fn with_oauth(more: &str) -> Self {
        Self::configured(&CONFIG.replace("[oauth]\n", &format!("[oauth]\n{more}\n"))).await
    }

    /// Puts another configuration in place, as a reload does: the file of [`Self::with`].
    pub fn reload(&self, logs: &str, end: &str) {
        let text = Self::file(logs, end);
        let generation = self.node.config.load().generation + 1;
        let (config, _) = Config::parse(&text, &environment(), generation).expect("a valid configuration");
        self.node.config.store(Arc::new(config));
    }

    fn file(logs: &str, end: &str) -> String {
        let of_logs = CONFIG.replace("advertise = [\"logs:read\"]\n", &format!("advertise = [\"logs:read\"]\n{logs}\n"));
        format!("{of_logs}{end}")
    }

    async fn configured(text: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::starting_at(Timestamp::from_millis(1_795_219_200_000)));
        let entropy: Arc<dyn Entropy> = Arc::new(SeededEntropy::new(7));
        let (config, _) = Config::parse(text, &environment(), 1).expect("a valid configuration");
        let id = NodeId::parse("node_1").expect("a plain id");
        let url = format!("sqlite:{}/store.db", folder.path().display());
        let store = sql::open(&url, &id, Arc::clone(&entropy)).await.expect("the store opens");
        let shared: Arc<dyn Clock> = clock.clone();
        let node = Node::start(id, config, store, shared, entropy).await.expect("the node starts");
        let stop = CancellationToken::new();
        tokio::spawn(Arc::clone(&node).follow(stop.clone()));
        let people = People { node: &node };
        let (acme, beta) = (people.org("acme").await, people.org("beta").await);
        let ada = people.person("ada@acme.test").await;
        let bob = people.person("bob@beta.test").await;
        people.member(&acme, &ada, &["reader"]).await;
        people.member(&beta, &ada, &[]).await;
        people.member(&beta, &bob, &["reader"]).await;
        let router = crate::oauth::router(Arc::clone(&node));
        Self { node, router, clock, acme, beta, ada, bob, follow: Some(stop.drop_guard()), folder }
    }

    /// From now on this node does not learn of changes: whatever waits for them fails.
    pub fn lag(&mut self) {
        self.follow = None;
    }

    /// From now on no change can be put on record; or every one can again.
    pub async fn lose_log(&self, lost: bool) {
        let url = format!("sqlite:{}/store.db", self.folder.path().display());
        let mut raw = SqliteConnection::connect(&url).await.expect("a connection");
        let (broken, mended) =
            ("ALTER TABLE audit_records RENAME TO lost_records", "ALTER TABLE lost_records RENAME TO audit_records");
        let statement = if lost { broken } else { mended };
        sqlx::query(statement).execute(&mut raw).await.expect(statement);
        raw.close().await.expect("closed");
    }

    pub fn cause(&self) -> Cause {
        self.node.own_cause()
    }

    pub fn later(&self, seconds: u64) {
        self.clock.advance(Duration::from_secs(seconds));
    }

    /// Somebody who comes from this address.
    fn peer(&self, from: &str) -> Peer {
        Peer {
            addr: Some(from.parse().expect("an address")),
            request: RequestId::generate(self.node.now(), &*self.node.entropy),
            trace: None,
            user_agent: Some("suite/1".to_owned()),
        }
    }

    pub async fn send(&self, mut request: Request<Body>) -> Answer {
        if request.extensions().get::<Peer>().is_none() {
            request.extensions_mut().insert(self.peer("192.0.2.7:4711"));
        }
        let response = self.router.clone().oneshot(request).await.expect("the router is infallible");
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, usize::MAX).await.expect("a body");
        Answer { status: parts.status, headers: parts.headers, body: String::from_utf8(body.to_vec()).expect("text") }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Request::get(path).body(Body::empty()).expect("a request")).await
    }

    /// A form as a client sends it, with `Authorization` when given.
    pub async fn form(&self, path: &str, authorization: Option<String>, fields: &[(&str, &str)]) -> Answer {
        let mut request = Request::post(path).header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        if let Some(value) = authorization {
            request = request.header(AUTHORIZATION, value);
        }
        self.send(request.body(Body::from(encoded(fields))).expect("a request")).await
    }

    pub async fn json(&self, path: &str, body: &str) -> Answer {
        let request = Request::post(path).header(CONTENT_TYPE, "application/json").body(Body::from(body.to_owned()));
        self.send(request.expect("a request")).await
    }

    /// A dynamic client, public.
    pub async fn registered(&self) -> String {
        let body = format!(r#"{{"client_name":"Suite","redirect_uris":["{CALLBACK}"],"token_endpoint_auth_method":"none"}}"#);
        let answer = self.json("/oauth2/register", &body).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{}", answer.body);
        answer.json()["client_id"].as_str().expect("a client_id").to_owned()
    }

    /// A confidential client of Acme with a secret, made by an administrator.
    pub async fn made(&self, change: impl FnOnce(&mut Client)) -> (Client, String) {
        let now = self.node.now();
        let mut client = Client {
            id: ClientId::generate(now, &*self.node.entropy),
            org: Some(self.acme.id.clone()),
            name: "Acme Sync".to_owned(),
            kind: ClientKind::Confidential,
            origin: ClientOrigin::Administrator,
            auth: ClientAuth::SecretBasic,
            redirect_uris: vec![RedirectUri::parse(CALLBACK).expect("a URI")],
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: Some(ScopeSet::parse("logs:read logs:delete").expect("scopes")),
            subject: None,
            resources: Vec::new(),
            require_state: false,
            access_token_ttl: None,
            app: None,
            state: ClientState::Active,
            created_at: now,
        };
        change(&mut client);
        let secret = PlainToken::generate(TokenKind::ClientSecret, &*self.node.entropy);
        let stored = ClientSecret { hash: secret.hashed(), last4: "last".into(), created_at: now, expires_at: None };
        let stored = (client.kind == ClientKind::Confidential).then_some(&stored);
        self.node.store.create_client(&client, stored, &self.cause()).await.expect("a client");
        (client, secret.expose().to_owned())
    }

    /// The query of a good authorization request, with `change` in place.
    pub fn query(client: &str, change: &[(&str, &str)]) -> String {
        let mut fields = vec![
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", CALLBACK),
            ("state", "s-1"),
            ("code_challenge", CHALLENGE),
            ("code_challenge_method", "S256"),
        ];
        for (name, _) in change {
            fields.retain(|(n, _)| n != name);
        }
        fields.extend(change);
        encoded(&fields)
    }

    /// Goes from authorization to the code as Ada, in Acme.
    pub async fn code(&self, client: &str, change: &[(&str, &str)]) -> String {
        let mut browser = Browser::new(self);
        browser.sign_in("ada@acme.test", PASSWORD).await;
        browser.code(client, change).await
    }

    /// Exchanges a code of a public client.
    pub async fn exchange(&self, client: &str, code: &str) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", CALLBACK),
            ("client_id", client),
            ("code_verifier", VERIFIER),
        ];
        self.form("/oauth2/token", None, &fields).await
    }

    pub async fn refresh(&self, client: &str, token: &str, more: &[(&str, &str)]) -> Answer {
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", token), ("client_id", client)];
        fields.extend(more);
        self.form("/oauth2/token", None, &fields).await
    }

    /// A working pair of a public client: access token, refresh token.
    pub async fn pair(&self, client: &str, change: &[(&str, &str)]) -> (String, String) {
        let code = self.code(client, change).await;
        pair_of(&self.exchange(client, &code).await)
    }

    /// Why changes of one kind were refused, in the order of the alphabet.
    pub async fn refusals(&self, operation: &str) -> Vec<String> {
        let filter = AuditFilter { operation: Some(operation.to_owned()), ..AuditFilter::default() };
        let page = self.node.store.search_audit(&filter, None, 1000).await.expect("a page");
        let reason = |row: &AuditRow| match &row.record.event {
            Event::Control(event) => event.refused.clone(),
            Event::Call(_) => None,
        };
        let mut reasons: Vec<String> = page.rows.iter().filter_map(reason).collect();
        reasons.sort();
        reasons
    }

    /// Whether the gate would take an access token now.
    pub async fn works(&self, token: &str) -> bool {
        let config = self.node.config.load_full();
        self.node.verifier.principal(token, &config, self.node.now()).await.is_ok()
    }
}

pub(super) fn pair_of(answer: &Answer) -> (String, String) {
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let body = answer.json();
    let text = |name: &str| body[name].as_str().unwrap_or_else(|| panic!("no {name}: {body}")).to_owned();
    (text("access_token"), text("refresh_token"))
}

struct People<'a> {
    node: &'a Node,
}

impl People<'_> {
    async fn org(&self, slug: &str) -> Org {
        let now = self.node.now();
        let org = Org {
            id: OrgId::generate(now, &*self.node.entropy),
            slug: Slug::parse(slug).expect("a slug"),
            name: format!("{slug} Inc"),
            tenant: slug.to_owned(),
            tenants: BTreeMap::new(),
            state: OrgState::Active,
            created_at: now,
        };
        self.node.store.create_org(&org, &self.node.own_cause()).await.expect("an organization");
        org
    }

    async fn person(&self, email: &str) -> User {
        person(self.node, email, UserKind::Person, false).await
    }

    async fn member(&self, org: &Org, user: &User, roles: &[&str]) {
        let roles = roles.iter().map(|r| RoleName::parse(r).expect("a role")).collect();
        let membership = Membership { org: org.id.clone(), user: user.id.clone(), roles };
        self.node.store.set_membership(&membership, &self.node.own_cause()).await.expect("a membership");
    }
}

pub(super) async fn person(node: &Node, email: &str, kind: UserKind, one_time: bool) -> User {
    let now = node.now();
    let user = User {
        id: UserId::generate(now, &*node.entropy),
        email: email.to_owned(),
        name: "Somebody".to_owned(),
        kind,
        state: UserState::Active,
        created_at: now,
    };
    let phc = crate::oauth::passwords::hash(&PASSWORD.into(), &*node.entropy).expect("a hash");
    let new = NewUser { user: user.clone(), password: Some(PasswordRecord { phc, one_time }) };
    let cause = Cause { actor: Actor::default(), ..node.own_cause() };
    node.store.create_user(&new, &cause).await.expect("a user");
    user
}

/// A browser: keeps cookies, follows nothing by itself.
pub(super) struct Browser<'a> {
    rig: &'a Rig,
    pub cookies: BTreeMap<String, String>,
    /// Headers that are added to every request.
    pub extra: Mutex<Vec<(&'static str, &'static str)>>,
    /// Where it is.
    from: &'static str,
}

impl<'a> Browser<'a> {
    pub fn new(rig: &'a Rig) -> Self {
        Self { rig, cookies: BTreeMap::new(), extra: Mutex::default(), from: "192.0.2.7:4711" }
    }

    /// The same, at another address.
    pub fn at(rig: &'a Rig, from: &'static str) -> Self {
        Self { from, ..Self::new(rig) }
    }

    async fn visit(&mut self, method: Method, path: &str, body: Body) -> Answer {
        let jar: Vec<String> = self.cookies.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let mut request = Request::builder().method(method).uri(path).header(COOKIE, jar.join("; "));
        request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded");
        for (name, value) in self.extra.lock().iter() {
            request = request.header(*name, *value);
        }
        let request = request.extension(self.rig.peer(self.from)).body(body).expect("a request");
        let answer = self.rig.send(request).await;
        for set in answer.headers.get_all(SET_COOKIE) {
            let (pair, attributes) = set.to_str().expect("text").split_once(';').expect("attributes");
            let (name, value) = pair.split_once('=').expect("a pair");
            if attributes.contains("Max-Age=0") {
                self.cookies.remove(name);
            } else {
                self.cookies.insert(name.to_owned(), value.to_owned());
            }
        }
        answer
    }

    pub async fn get(&mut self, path: &str) -> Answer {
        self.visit(Method::GET, path, Body::empty()).await
    }

    pub async fn post(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.visit(Method::POST, path, Body::from(encoded(fields))).await
    }

    /// Fills the sign-in form at `path`.
    pub async fn try_sign_in(&mut self, path: &str, email: &str, password: &str) -> Answer {
        let csrf = self.get(path).await.csrf("/login");
        self.post(path, &[("csrf", &csrf), ("email", email), ("password", password), ("sign-in", "1")]).await
    }

    pub async fn sign_in(&mut self, email: &str, password: &str) {
        let answer = self.try_sign_in("/login", email, password).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.body);
    }

    /// Starts authorization and opens the consent page; says where it is.
    pub async fn consent_page(&mut self, client: &str, change: &[(&str, &str)]) -> (String, Answer) {
        let start = self.get(&format!("/oauth2/authorize?{}", Rig::query(client, change))).await;
        assert!(start.location().starts_with("/consent?request="), "{} {} {}", start.status, start.location(), start.body);
        let page = self.get(start.location()).await;
        (start.location().to_owned(), page)
    }

    /// Agrees in Acme, or where the only choice is.
    pub async fn approve(&mut self, at: &str, page: &Answer) -> Answer {
        let (csrf, org) = (page.csrf("/consent"), self.rig.acme.id.to_string());
        self.post(at, &[("csrf", &csrf), ("org", &org), ("approve", "1")]).await
    }

    pub async fn code(&mut self, client: &str, change: &[(&str, &str)]) -> String {
        let (at, page) = self.consent_page(client, change).await;
        let answer = self.approve(&at, &page).await;
        answer.sent("code").unwrap_or_else(|| panic!("no code: {} {} {}", answer.status, answer.location(), answer.body))
    }
}
