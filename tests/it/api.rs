//! `/api/v1`: who gets what, and never anything of another organization.

use serde_json::{Value, json};
use tollgate::config::own_api::{MOUNT, RULES};
use tollgate::store::{ApiKey, ApiKeyState, Client, ClientState, Grant, Holder, Minted, User};
use tollgate::types::{API_KEYS_WRITE, ApiKeyId, AppId, ClientId, PlainToken, ScopeSet, ScopeToken, TokenKind};
use tollgate::web::started_session;

use crate::harness::http1::{Conn, Request, Response};
use crate::harness::{Caller, Gateway};

pub const EVERYTHING: &str = "applications:read applications:write grants:read grants:write clients:read clients:write members:read \
                          members:write audit:read sessions:read sessions:write";

/// Two organizations, each with an administrator, and a member of the first; an administrator of the second looks after the gateway
/// too. All gave their applications everything.
pub struct World {
    pub gw: Gateway,
    pub admin: Caller,
    pub member: Caller,
    pub other: Caller,
    pub operator: Caller,
    /// A client that belongs to the first organization.
    client: String,
}

impl World {
    pub async fn new() -> Self {
        let gw = Gateway::start().await;
        let (acme, beta) = (gw.org("acme").await, gw.org("beta").await);
        let (ada, eve) = (gw.user("ada@acme.test").await, gw.user("eve@acme.test").await);
        let (bob, oona) = (gw.user("bob@beta.test").await, gw.user("oona@beta.test").await);
        gw.member(&acme, &ada, &["admin"]).await;
        gw.member(&acme, &eve, &["viewer"]).await;
        gw.member(&beta, &bob, &["admin"]).await;
        gw.member(&beta, &oona, &["admin"]).await;
        let node = &gw.running.node;
        assert!(node.store.add_operator(&oona.id, &node.own_cause()).await.expect("an answer"));
        let app = gw.client(None).await;
        let admin = gw.grant_to(&acme, &ada, &app, EVERYTHING).await;
        let member = gw.grant_to(&acme, &eve, &app, EVERYTHING).await;
        let other = gw.grant_to(&beta, &bob, &app, EVERYTHING).await;
        let operator = gw.grant_to(&beta, &oona, &app, EVERYTHING).await;
        let mut world = Self { gw, admin, member, other, operator, client: String::new() };
        let made = world.post("/clients", &world.admin, &new_client("Acme Sync"), None).await;
        assert_eq!(made.status, 201, "{made:?}");
        let id = made.json()["client"]["id"].as_str().map(ToOwned::to_owned);
        world.client = id.expect("an id");
        world
    }

    pub async fn send(&self, request: &Request) -> Response {
        Conn::open(self.gw.running.public).await.ask(request).await
    }

    pub async fn get(&self, path: &str, caller: &Caller) -> Response {
        self.send(&Request::get(&format!("{MOUNT}{path}")).bearer(&caller.token)).await
    }

    pub async fn post(&self, path: &str, caller: &Caller, body: &Value, key: Option<&str>) -> Response {
        self.with_body("POST", path, caller, body, key).await
    }

    pub async fn with_body(&self, method: &str, path: &str, caller: &Caller, body: &Value, key: Option<&str>) -> Response {
        let mut request = Request::new(method, &format!("{MOUNT}{path}")).bearer(&caller.token);
        if let Some(key) = key {
            request = request.header("Idempotency-Key", key);
        }
        self.send(&request.header("Content-Type", "application/json").body(body.to_string())).await
    }

    pub async fn delete(&self, path: &str, caller: &Caller) -> Response {
        self.send(&Request::new("DELETE", &format!("{MOUNT}{path}")).bearer(&caller.token)).await
    }
}

/// One of everything in the first organization.
pub struct Things {
    client: String,
    /// A client that members authorized.
    known: String,
    app: String,
    /// One of the app's draft, and one of `client`.
    secrets: (String, String),
    invitation: String,
    robot: String,
    session: String,
    victim: String,
    /// An API key that the app minted.
    key: String,
    grants: (String, String),
}

impl Things {
    pub async fn of(world: &World, victim: &User, (own, doomed): (&Grant, &Grant)) -> Self {
        let (gw, admin) = (&world.gw, &world.admin);
        let made = world
            .post("/apps", admin, &json!({ "name": "Matrix", "redirect_uris": ["https://sync.test/cb"] }), None)
            .await
            .json();
        let app = text(&made["app"]["id"]);
        let details = world.get(&format!("/apps/{app}"), admin).await.json();
        let client = world.get(&format!("/clients/{}", world.client), admin).await.json();
        let invited = json!({ "email": "grace@elsewhere.test" });
        let invited = world.post("/invitations", admin, &invited, None).await.json();
        let robot = world.post("/service-users", admin, &json!({ "name": "matrix" }), None).await.json();
        let known = gw.client(None).await;
        gw.grant(&admin.org, victim, &known, "metrics:read").await;
        let node = &gw.running.node;
        let (_, session) = started_session(node, &node.config.load(), &admin.user);
        node.store.start_session(&session, None, &node.own_cause()).await.expect("a session");
        let session = world.get("/me/sessions", admin).await.json();
        let draft = ClientId::parse(&text(&details["app"]["draft_client"])).expect("an id");
        let draft = node.store.client(&draft).await.expect("an answer").expect("a client");
        let key = minted(gw, &gw.grant(&admin.org, &admin.user, &draft, "metrics:write").await, &draft).await;
        Self {
            key: key.id.to_string(),
            client: world.client.clone(),
            known: known.id.to_string(),
            secrets: (text(&details["clients"][0]["secrets"][0]["id"]), text(&client["secrets"][0]["id"])),
            app,
            invitation: text(&invited["invitation"]["id"]),
            robot: text(&robot["user"]["id"]),
            session: text(&session["data"][0]["id"]),
            victim: victim.id.to_string(),
            grants: (own.id.to_string(), doomed.id.to_string()),
        }
    }

    pub fn path(&self, pattern: &str) -> String {
        let client = if pattern.starts_with("/policy/") { &self.known } else { &self.client };
        let user = if pattern.starts_with("/service-users/") { &self.robot } else { &self.victim };
        let grant = if pattern.starts_with("/me/") { &self.grants.0 } else { &self.grants.1 };
        let secret = if pattern.starts_with("/apps/") { &self.secrets.0 } else { &self.secrets.1 };
        let fields = [("client", client), ("user", user), ("grant", grant), ("app", &self.app), ("secret", secret)];
        let more = [("invitation", &self.invitation), ("session", &self.session)];
        let path = pattern.replace("{stage}", "draft").replace("{name}", "denials").replace("{key}", &self.key);
        let path = path.replace("{scope}", "api_keys:write");
        fields.into_iter().chain(more).fold(path, |path, (name, value)| path.replace(&format!("{{{name}}}"), value))
    }

    fn body(method: &str, pattern: &str) -> Option<Value> {
        Some(match (method, pattern) {
            ("GET" | "DELETE", _) => return None,
            ("POST", "/clients") => new_client("Another"),
            ("POST", "/apps") => json!({ "name": "Another" }),
            ("POST", "/apps/import") => json!({
                "manifest_version": 1, "app_uuid": "6f1c1f0e-27ab-4a44-9c0e-0f5f4b0a7c11", "name": "Carried",
                "client": { "kind": "public" },
            }),
            ("POST", "/apps/{app}/secrets") => json!({ "stage": "draft" }),
            ("POST", "/apps/{app}/scope_requests" | "/clients/{client}/scope_requests") => {
                json!({ "scope": "api_keys:write", "reason": "to push" })
            }
            ("POST", "/invitations") => json!({ "email": "hedy@elsewhere.test", "roles": ["viewer"] }),
            ("POST", "/service-users") => json!({ "name": "another" }),
            ("PATCH", "/clients/{client}") | ("PUT", "/apps/{app}/state" | "/service-users/{user}/state") => {
                json!({ "state": "active" })
            }
            ("PATCH", "/apps/{app}") => json!({ "description": "Copies." }),
            ("PUT", "/apps/{app}/stable") => json!({ "maturity": "stable" }),
            ("PUT", "/policy") => json!({ "new_clients": "open" }),
            ("PUT", "/policy/clients/{client}") => json!({ "verdict": "allow" }),
            ("PUT", "/audit/searches/{name}") => json!({ "query": "decision=denied" }),
            ("PUT", "/members/{user}") => json!({ "roles": ["viewer"] }),
            _ => json!({}),
        })
    }
}

/// An API key of the organization's, made by an app on behalf of a user.
async fn minted(gw: &Gateway, grant: &Grant, client: &Client) -> ApiKey {
    let (node, app) = (&gw.running.node, client.app.as_ref().map(|part| part.app.clone()).expect("a client of an app"));
    let (now, cause) = (node.now(), node.own_cause());
    let mints = ScopeToken::parse(API_KEYS_WRITE).expect("a scope");
    let until = now.plus(std::time::Duration::from_hours(1));
    assert!(node.store.approve_scope(&Holder::App(app.clone()), &mints, until, None, &cause).await.expect("an answer"));
    let value = PlainToken::generate(TokenKind::ApiKey, &*node.entropy);
    let key = ApiKey {
        id: ApiKeyId::generate(now, &*node.entropy),
        last4: value.last4().to_owned(),
        name: "Key of an app".to_owned(),
        org: grant.org.clone(),
        app,
        client: client.id.clone(),
        grant: grant.id.clone(),
        user: grant.user.clone(),
        scopes: ScopeSet::parse("metrics:write").expect("scopes"),
        resources: Vec::new(),
        created_at: now,
        last_used_at: None,
        state: ApiKeyState::Live,
    };
    assert_eq!(node.store.mint_api_key(&key, &value.hashed(), &cause).await.expect("an answer"), Minted::Done);
    key
}

/// An app of the first organization that makes API keys, as its administrator authorized it: it holds nothing else.
pub async fn minter(world: &World) -> Caller {
    let (gw, admin) = (&world.gw, &world.admin);
    let made = world.post("/apps", admin, &json!({ "name": "Minter", "redirect_uris": ["https://mint.test/cb"] }), None).await;
    let app = text(&made.json()["app"]["id"]);
    let (node, scopes) = (&gw.running.node, ["metrics:write", API_KEYS_WRITE]);
    let holder = Holder::App(AppId::parse(&app).expect("an id"));
    let (until, mints) =
        (node.now().plus(std::time::Duration::from_hours(1)), ScopeToken::parse(API_KEYS_WRITE).expect("a scope"));
    assert!(node.store.approve_scope(&holder, &mints, until, None, &node.own_cause()).await.expect("an answer"));
    let edited = world.with_body("PATCH", &format!("/apps/{app}"), admin, &json!({ "scopes": scopes }), None).await.json();
    let draft = ClientId::parse(&text(&edited["draft_client"])).expect("an id");
    let draft = node.store.client(&draft).await.expect("an answer").expect("a client");
    gw.grant_to(&admin.org, &admin.user, &draft, &scopes.join(" ")).await
}

pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

/// Where among the removals: what has the most parts first, members last.
fn last(pattern: &str) -> usize {
    if pattern == "/members/{user}" { 100 } else { 50 - pattern.split('/').count() }
}

fn new_client(name: &str) -> Value {
    json!({ "kind": "confidential", "name": name, "redirect_uris": ["https://sync.test/cb"] })
}

/// Every operation as each caller, on things of the first organization, and as an app that holds little more than `api_keys:write`. What would remove something comes last, and is tried by
/// those who may not before the one who may.
#[tokio::test(flavor = "multi_thread")]
async fn each_caller_gets_what_is_theirs() {
    let world = World::new().await;
    let victim = world.gw.user("victim@acme.test").await;
    world.gw.member(&world.admin.org, &victim, &["viewer"]).await;
    let doomed = world.gw.grant(&world.admin.org, &victim, &world.admin.client, "metrics:read").await;
    let own = world.gw.grant(&world.admin.org, &world.admin.user, &world.admin.client, "metrics:read").await;
    let things = Things::of(&world, &victim, (&own, &doomed)).await;
    let mut rules = RULES.to_vec();
    // Whatever is removed goes before what it is a part of.
    rules.sort_by_key(|r| (r.method == "DELETE", if r.method == "DELETE" { last(r.pattern) } else { 0 }));
    let mut table = format!(
        "{:<48}{:>9}{:>8}{:>15}{:>10}{:>7}{:>8}\n",
        "", "stranger", "member", "other's admin", "operator", "admin", "minter"
    );
    let (admin, member, other, operator) = (&world.admin, &world.member, &world.other, &world.operator);
    let minter = minter(&world).await;
    for rule in rules {
        let path = format!("{MOUNT}{}", things.path(rule.pattern));
        let body = Things::body(rule.method, rule.pattern);
        let mut row = Vec::new();
        for caller in [None, Some(member), Some(other), Some(operator), Some(admin), Some(&minter)] {
            let mut request = Request::new(rule.method, &path);
            if let Some(caller) = caller {
                request = request.bearer(&caller.token);
            }
            if let Some(body) = &body {
                request = request.header("Content-Type", "application/json").body(body.to_string());
            }
            let answer = world.send(&request).await;
            let text = String::from_utf8_lossy(&answer.body).into_owned();
            if caller.is_none_or(|c| c.org.id != admin.org.id) {
                // The log of others names the paths that they asked for themselves, and those hold the two last ids.
                let own_words = ["/audit", "/audit/export"].contains(&rule.pattern);
                let never = [admin.org.id.as_str(), admin.user.id.as_str(), admin.grant.id.as_str(), "acme.test"];
                let known = [world.client.as_str(), doomed.id.as_str(), things.app.as_str(), things.key.as_str()]
                    .into_iter()
                    .filter(|_| !own_words);
                for secret in never.into_iter().chain(known) {
                    assert!(!text.contains(secret), "{} {path} shows {secret}: {text}", rule.method);
                }
            }
            row.push(answer.status);
        }
        let name = format!("{} {}", rule.method, rule.pattern);
        let [stranger, member, other, operator, admin, minter] = row[..] else { panic!("{name}: {row:?}") };
        table.push_str(&format!("{name:<48}{stranger:>9}{member:>8}{other:>15}{operator:>10}{admin:>7}{minter:>8}\n"));
    }
    insta::assert_snapshot!(table);
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_read_with_a_parameter_that_it_does_not_have() {
    let world = World::new().await;
    let victim = world.gw.user("victim@acme.test").await;
    world.gw.member(&world.admin.org, &victim, &["viewer"]).await;
    let doomed = world.gw.grant(&world.admin.org, &victim, &world.admin.client, "metrics:read").await;
    let own = world.gw.grant(&world.admin.org, &world.admin.user, &world.admin.client, "metrics:read").await;
    let things = Things::of(&world, &victim, (&own, &doomed)).await;
    let document = world.get("/openapi.json", &world.admin).await.json();
    let (mut seen, mut wrong) = (0, Vec::new());
    for (path, _) in document["paths"].as_object().expect("paths").iter().filter(|(_, item)| item.get("get").is_some()) {
        let path = things.path(path.trim_start_matches(MOUNT));
        let unknown = world.get(&format!("{path}?no_such_parameter=1"), &world.admin).await;
        if (unknown.status, &unknown.json()["code"]) != (400, &json!("invalid")) {
            wrong.push(format!("{path}: {}", unknown.status));
        }
        seen += 1;
    }
    assert!(wrong.is_empty() && seen > 25, "{seen} operations: {wrong:?}");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_does_what_was_consented_to_and_no_more() {
    let world = World::new().await;
    let narrow = world.gw.grant_to(&world.admin.org, &world.admin.user, &world.admin.client, "clients:read").await;
    assert_eq!(world.get("/clients", &narrow).await.status, 200);
    let refused = world.post("/clients", &narrow, &new_client("x"), None).await;
    assert_eq!((refused.status, refused.reason().as_deref()), (403, Some("insufficient_scope")), "{refused:?}");
    let me = world.get("/me", &narrow).await.json();
    assert_eq!((&me["scopes"], &me["organization"]["slug"]), (&json!(["clients:read"]), &json!("acme")));
    let elsewhere = world.gw.token(&narrow.grant, "clients:read", &["https://gw.test/prometheus"]);
    let answer = world.send(&Request::get(&format!("{MOUNT}/clients")).bearer(&elsewhere)).await;
    assert_eq!(answer.status, 401, "a token for another API: {answer:?}");
    let unknown = world.get("/nothing", &world.admin).await;
    assert_eq!(unknown.status, 404);
    world.gw.running.stop().await;
}

/// Everything that is in the files below a folder.
fn kept_below(folder: &std::path::Path) -> String {
    let (mut text, mut folders) = (String::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
            } else if let Ok(bytes) = std::fs::read(&path) {
                text.push_str(&String::from_utf8_lossy(&bytes));
            }
        }
    }
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_secret_nothing_is_kept_that_it_could_be_read_from() {
    let world = World::new().await;
    // Under a key, too: the answer of a creation that may be repeated is kept for a day.
    let made = world.post("/clients", &world.admin, &new_client("Kept"), Some("k-1")).await.json();
    let id = text(&made["client"]["id"]);
    let more = world.post(&format!("/clients/{id}/secrets"), &world.admin, &json!({}), None).await.json();
    let app = world.post("/apps", &world.admin, &json!({ "name": "Kept" }), Some("k-2")).await.json();
    let secrets = [&made, &more, &app].map(|answer| text(&answer["client_secret"]));
    assert!(secrets.iter().all(|secret| secret.starts_with("tg_cs_")));
    world.gw.running.stop().await;
    let kept = kept_below(world.gw.dir.path());
    assert!(kept.contains(&id), "these are the files of the store");
    for secret in secrets {
        let body = &secret["tg_cs_".len()..];
        assert!(!kept.contains(body), "a secret is in a file");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn creations_are_repeated_without_harm() {
    let world = World::new().await;
    let first = world.post("/clients", &world.admin, &new_client("Once"), Some("k-1")).await;
    assert_eq!(first.status, 201, "{first:?}");
    let again = world.post("/clients", &world.admin, &new_client("Once"), Some("k-1")).await;
    assert_eq!((again.status, &again.body), (201, &first.body), "the same client with the same secret");
    assert_eq!((first.header("idempotency-replayed"), again.header("idempotency-replayed")), (None, Some("true")));
    let other = world.post("/clients", &world.admin, &new_client("Twice"), Some("k-1")).await;
    assert_eq!((other.status, &other.json()["code"]), (422, &json!("idempotency_key_reused")));
    let theirs = world.post("/clients", &world.other, &new_client("Once"), Some("k-1")).await;
    assert_ne!(theirs.body, first.body, "a key is its caller's own");
    let refused = json!({ "kind": "public", "name": "No address" });
    assert_eq!(world.post("/clients", &world.admin, &refused, Some("k-2")).await.status, 400);
    assert_eq!(world.post("/clients", &world.admin, &new_client("Mended"), Some("k-2")).await.status, 201);
    let listed = world.get("/clients", &world.admin).await.json();
    let mut names: Vec<_> = listed["data"].as_array().expect("a list").iter().map(|c| c["name"].clone()).collect();
    names.sort_by_key(ToString::to_string);
    assert_eq!(names, ["Acme Sync", "Mended", "Once"]);
    let secrets = format!("/clients/{}/secrets", world.client);
    let one = world.post(&secrets, &world.admin, &json!({}), Some("k-1")).await;
    let two = world.post(&secrets, &world.admin, &json!({}), None).await;
    assert_eq!((one.status, two.status, one.body == two.body), (201, 201, false));
    let id = |made: &Response| made.json()["secret"]["id"].as_str().expect("an id").to_owned();
    for (which, wanted) in [(id(&one), 204), (id(&one), 404), (id(&two), 204)] {
        assert_eq!(world.delete(&format!("{secrets}/{which}"), &world.admin).await.status, wanted, "{which}");
    }
    let client = world.get(&format!("/clients/{}", world.client), &world.admin).await.json();
    let left: Vec<_> = client["secrets"].as_array().expect("secrets").iter().map(|s| s["id"].clone()).collect();
    assert_eq!(left.len(), 1, "{client}");
    let last = left[0].as_str().expect("an id");
    assert_eq!(world.delete(&format!("{secrets}/{last}"), &world.admin).await.status, 409, "nobody could get in");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_hands_out_more_than_they_hold() {
    let world = World::new().await;
    // Somebody who manages members and clients, and reads metrics.
    let clerk = world.gw.user("clerk@acme.test").await;
    world.gw.member(&world.admin.org, &clerk, &["clerk"]).await;
    let clerk = world.gw.grant_to(&world.admin.org, &clerk, &world.admin.client, EVERYTHING).await;
    let eve = format!("/members/{}", world.member.user.id);
    let put =
        async |path: &str, roles: Value| world.with_body("PUT", path, &clerk, &json!({ "roles": roles }), None).await.status;
    assert_eq!(put("/members/ada@acme.test", json!([])).await, 403, "an administrator is not the clerk's to unseat");
    assert_eq!(put(&eve, json!(["admin"])).await, 403);
    assert_eq!(put("/members/clerk@acme.test", json!(["clerk"])).await, 403, "nor the clerk's own");
    assert_eq!(put("/members/bob@beta.test", json!([])).await, 404, "members of others are not known here");
    let machine = |subject: &str| json!({ "kind": "machine", "name": "Robot", "subject": subject, "scopes": "metrics:read" });
    let person = world.post("/clients", &world.admin, &machine("eve@acme.test"), None).await;
    assert_eq!(person.status, 400, "a machine acts as no ordinary person: {person:?}");
    let unnamed = json!({ "kind": "machine", "name": "Robot", "subject": "ada@acme.test" });
    assert_eq!(world.post("/clients", &world.admin, &unnamed, None).await.status, 400, "and has scopes that are named");
    let beyond = world.post("/clients", &clerk, &machine("ada@acme.test"), None).await;
    assert_eq!(beyond.status, 403, "{beyond:?}");
    let made = world.post("/clients", &world.admin, &machine("ada@acme.test"), None).await;
    assert_eq!(made.status, 201, "{made:?}");
    let robot = made.json()["client"]["id"].as_str().expect("an id").to_owned();
    let secret = world.post(&format!("/clients/{robot}/secrets"), &clerk, &json!({}), None).await;
    assert_eq!(secret.status, 403, "its secret would be the administrator's power: {secret:?}");
    let private = json!({ "scopes": "metrics:delete" });
    let path = format!("/clients/{}", world.client);
    assert_eq!(
        world.with_body("PATCH", &path, &world.admin, &private, None).await.status,
        403,
        "private scopes are the operator's"
    );
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_owner_undoes_no_freeze_and_switches_no_client_without_its_app() {
    let world = World::new().await;
    let (admin, node) = (&world.admin, &world.gw.running.node);
    let path = format!("/clients/{}", world.client);
    let put = async |path: &str, state: &str| {
        world
            .with_body(if path.starts_with("/apps") { "PUT" } else { "PATCH" }, path, admin, &json!({ "state": state }), None)
            .await
    };
    let operator = async |id: &str, to| {
        let id = ClientId::parse(id).expect("an id");
        assert!(node.store.set_client_state(&id, to, &node.own_cause()).await.expect("an answer"));
    };
    operator(&world.client, ClientState::Frozen).await;
    for state in ["active", "disabled"] {
        let refused = put(&path, state).await;
        assert_eq!(refused.status, 409, "{refused:?}");
        assert!(refused.text().contains("froze"), "{refused:?}");
    }
    let scopes = world.with_body("PATCH", &path, admin, &json!({ "scopes": "metrics:read" }), None).await;
    assert_eq!((scopes.status, world.post(&format!("{path}/secrets"), admin, &json!({}), None).await.status), (409, 409));
    assert_eq!(world.get(&path, admin).await.json()["state"], "frozen");
    operator(&world.client, ClientState::Active).await;
    assert_eq!((put(&path, "disabled").await.status, put(&path, "active").await.status), (200, 200));

    let made = world.post("/apps", admin, &json!({ "name": "Sync" }), None).await.json();
    let (app, draft) = (text(&made["app"]["id"]), text(&made["app"]["draft_client"]));
    let (app, draft) = (format!("/apps/{app}/state"), format!("/clients/{draft}"));
    assert_eq!(put(&app, "disabled").await.status, 200);
    let alone = put(&draft, "active").await;
    assert_eq!(alone.status, 409, "{alone:?}");
    assert_eq!(put(&app, "active").await.status, 200);
    operator(draft.trim_start_matches("/clients/"), ClientState::Frozen).await;
    assert_eq!((put(&app, "disabled").await.status, put(&app, "active").await.status), (200, 200));
    assert_eq!(world.get(&draft, admin).await.json()["state"], "frozen", "off and on again thaws nothing");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_changes_are_on_record_as_the_callers() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d"] {
        world.gw.advance(1);
        assert_eq!(world.post("/clients", &world.admin, &new_client(name), None).await.status, 201);
    }
    let mut names = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = world.get(&format!("/clients?limit=2{cursor}"), &world.admin).await.json();
        names.extend(page["data"].as_array().expect("a list").iter().map(|c| c["name"].as_str().unwrap_or("").to_owned()));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(names, ["d", "c", "b", "a", "Acme Sync"]);
    for wrong in ["limit=0", "limit=1001", "limit=x", "nonsense=1"] {
        let answer = world.get(&format!("/grants?{wrong}"), &world.admin).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{wrong}");
    }
    assert_eq!(world.get("/grants?cursor=x", &world.admin).await.status, 400);
    assert_eq!(world.get("/policy/clients?cursor=a+b", &world.admin).await.status, 400);
    // When a grant was last used is told a moment after the use.
    let lasting = |page: &Value| {
        let mut all = page["data"].as_array().expect("a list").clone();
        all.iter_mut().filter_map(Value::as_object_mut).for_each(|grant| drop(grant.remove("last_used_at")));
        all
    };
    let everything = lasting(&world.get("/grants", &world.admin).await.json());
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = world.get(&format!("/grants?limit=1{cursor}"), &world.admin).await.json();
        seen.extend(lasting(&page));
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!((&seen, seen.len()), (&everything, 2));
    for nothing in ["user=nobody@acme.test", "user=a+b", "client=a+b", "state=expired"] {
        let none = world.get(&format!("/grants?{nothing}"), &world.admin).await;
        assert_eq!((none.status, none.json()["data"].as_array().map(Vec::len)), (200, Some(0)), "{nothing}: {none:?}");
    }
    let of_eve = world.get("/grants?user=EVE@acme.test&state=live", &world.admin).await.json();
    assert_eq!(of_eve["data"].as_array().map(Vec::len), Some(1), "{of_eve}");

    let gone = world.delete(&format!("/grants/{}", world.member.grant.id), &world.admin).await;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(world.get("/me", &world.member).await.status, 401, "it stopped before the answer");
    let log = world.get("/audit?text=grant.revoke", &world.admin).await.json();
    let record = &log["data"][0];
    assert_eq!(record["ocsf"]["api"]["operation"], "grant.revoke.admin", "{log}");
    assert_eq!(record["ocsf"]["actor"]["user"]["uid"], json!(world.admin.user.id));
    assert_eq!(record["ocsf"]["actor"]["app_uid"], json!(world.admin.client.id));
    let calls = world.get("/audit?api=tollgate-api&decision=allowed&limit=1000", &world.admin).await.json();
    assert!(calls["data"].as_array().is_some_and(|d| d.len() >= 8), "calls of the API are calls: {calls}");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_is_searched_by_every_field_and_exported_as_a_file() {
    let world = World::new().await;
    let evil = r#"=HYPERLINK("https://evil.test")"#;
    let asked = Request::get(&format!("{MOUNT}/members")).bearer(&world.admin.token).header("User-Agent", evil);
    assert_eq!(world.send(&asked).await.status, 200);
    assert_eq!(world.post("/clients", &world.member, &new_client("No"), None).await.status, 403);
    let found = async |query: &str| {
        let page = world.get(&format!("/audit?{query}"), &world.admin).await;
        assert_eq!(page.status, 200, "{query}: {page:?}");
        page.json()["data"].as_array().expect("a list").clone()
    };
    for (query, many) in [
        ("operation=client.create", 1),
        ("operation=client.*&client=cl_nobody", 0),
        ("operation=client", 0),
        ("status=403", 1),
        ("status=4xx&api=tollgate-api", 1),
        ("status=5xx", 0),
        ("status=403&user=ada@acme.test", 0),
    ] {
        assert_eq!(found(query).await.len(), many, "{query}");
    }
    for wrong in
        ["audit?status=4x", "audit?nonsense=1", "audit/export?limit=5", "audit/export?format=xml", "audit/export?status=x"]
    {
        let answer = world.get(&format!("/{wrong}"), &world.admin).await;
        assert_eq!((answer.status, answer.header("content-type")), (400, Some("application/problem+json")), "{wrong}");
    }

    // A file ends with what there was before its own instant.
    world.gw.advance(1);
    let search = "api=tollgate-api&status=2xx";
    let file = world.get(&format!("/audit/export?{search}"), &world.admin).await;
    assert_eq!((file.status, file.header("content-type")), (200, Some("application/x-ndjson")), "{file:?}");
    assert_eq!(file.header("content-disposition"), Some("attachment; filename=\"audit-acme.ndjson\""));
    let mut lines: Vec<Value> = file.text().lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    // A file says of each record where it was sealed as well.
    for line in &mut lines {
        let seal = line["unmapped"].as_object_mut().and_then(|unmapped| unmapped.remove("chain")).expect("a seal");
        assert!(seal["fingerprint"].as_str().is_some_and(|print| print.starts_with("sha256:")), "{seal}");
    }
    let listed: Vec<_> = found(search).await.iter().map(|one| one["ocsf"].clone()).collect();
    // Calls that came after the export stand before it in the search.
    assert!(lines.len() >= 2 && listed.ends_with(&lines), "{lines:?} {listed:?}");

    let file = world.get("/audit/export?format=csv&text=members", &world.admin).await;
    assert!(file.header("content-type").is_some_and(|kind| kind.starts_with("text/csv")), "{file:?}");
    assert!(file.text().contains(r#""'=HYPERLINK(""https://evil.test"")""#), "no formula: {}", file.text());
    assert_eq!(file.text().lines().next().map(|head| head.starts_with("\"time\"")), Some(true));
    let exports = found("operation=audit.export").await;
    assert_eq!(exports.len(), 2, "{exports:?}");
    assert!(exports.iter().all(|one| one["ocsf"]["actor"]["user"]["uid"] == json!(world.admin.user.id)), "{exports:?}");
    let says = |words: &str| exports.iter().any(|one| one["ocsf"].to_string().contains(words));
    assert!(says("narrowed by status 200 to 299, an API, a tool, an operation or text"), "{exports:?}");
    assert_eq!(world.get("/audit/export", &world.other).await.text().matches("acme.test").count(), 0);
    world.gw.running.stop().await;
}

/// Every item of a list, page by page.
async fn walked(world: &World, path: &str) -> (Vec<Value>, usize) {
    let (mut items, mut pages, mut address) = (Vec::new(), 0, path.to_owned());
    loop {
        let page = world.get(&address, &world.admin).await;
        assert_eq!(page.status, 200, "{address}: {page:?}");
        let page = page.json();
        items.extend(page["data"].as_array().expect("a list").iter().cloned());
        pages += 1;
        match page["next"].as_str() {
            Some(next) => address = format!("{path}&cursor={next}"),
            None => return (items, pages),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn members_keys_and_the_review_come_in_pages_of_the_store() {
    let world = World::new().await;
    for n in 0..3 {
        world.gw.advance(1);
        let user = world.gw.user(&format!("extra{n}@acme.test")).await;
        world.gw.member(&world.admin.org, &user, &["viewer"]).await;
        world.gw.grant_to(&world.admin.org, &user, &world.admin.client, "metrics:read").await;
    }
    // The review has a day's use in it, which each call adds to: the grants in it do not change.
    let names = |items: &[Value], id: &str| items.iter().map(|i| i.pointer(id).cloned().expect("an id")).collect::<Vec<_>>();
    for (path, id, many) in [("/members", "/user/id", 5), ("/review", "/grant", 5), ("/policy/clients", "/client", 1)] {
        let (whole, one) = walked(&world, &format!("{path}?limit=1000")).await;
        let (parts, pages) = walked(&world, &format!("{path}?limit=2")).await;
        assert_eq!((names(&parts, id), one, pages), (names(&whole, id), 1, whole.len().div_ceil(2)), "{path}");
        assert_eq!(whole.len(), many, "{path}: {whole:?}");
    }
    for (query, many) in [("kind=service", 0), ("role=viewer", 4), ("role=No+Role", 0), ("text=EXTRA1", 1), ("state=frozen", 0)] {
        assert_eq!(walked(&world, &format!("/members?{query}")).await.0.len(), many, "{query}");
    }
    for (address, many) in [
        ("/grants?text=EXTRA1", 1),
        ("/grants?text=metrics%3Aread&limit=2", 3),
        ("/review?text=extra2%40acme", 1),
        ("/review?text=nobody", 0),
        ("/policy/clients?text=extra1", 1),
        ("/clients?text=no+such+client", 0),
    ] {
        assert_eq!(walked(&world, &format!("{address}&")).await.0.len(), many, "{address}");
    }
    for wrong in [
        "/clients?cursor=a+b",
        "/members?cursor=a+b",
        "/review?cursor=x",
        "/api_keys?cursor=x",
        "/members?limit=0",
        "/api_keys?limit=1001",
    ] {
        assert_eq!(world.get(wrong, &world.admin).await.status, 400, "{wrong}");
    }
    let reviews = async || world.get("/audit?text=access.review", &world.admin).await.json()["data"].as_array().map(Vec::len);
    let before = reviews().await;
    walked(&world, "/review?limit=3").await;
    assert_eq!(reviews().await, before.map(|n| n + 2), "each page that is read is on record");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_of_the_api_is_given_to_who_asks_for_nothing_special() {
    let gw = Gateway::start().await;
    let mut conn = Conn::open(gw.running.public).await;
    let everything = conn.ask(&Request::get("/.well-known/oauth-protected-resource")).await.json();
    let advertised = everything["scopes_supported"].to_string();
    let own = conn.ask(&Request::get("/.well-known/oauth-protected-resource/api/v1")).await.json();
    assert_eq!(own.get("scopes_supported"), None);
    for scope in ScopeSet::parse(EVERYTHING).expect("scopes").iter().filter(|s| s.as_str() != "audit:read") {
        assert!(!advertised.contains(scope.as_str()), "{scope}");
    }
    let document = conn.ask(&Request::get("/api/v1/openapi.json")).await;
    assert_eq!((document.status, &document.json()["openapi"]), (200, &json!("3.1.0")));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_terms_of_clients_and_apps_are_changed() {
    let world = World::new().await;
    let client = format!("/clients/{}", world.client);
    let patch = async |path: &str, change: Value| world.with_body("PATCH", path, &world.admin, &change, None).await;
    let changed = patch(&client, json!({ "access_token_ttl_seconds": 90, "require_state": true })).await.json();
    assert_eq!((&changed["access_token_ttl_seconds"], &changed["require_state"]), (&json!(90), &json!(true)), "{changed}");
    let kept = patch(&client, json!({ "scopes": "metrics:read" })).await.json();
    assert_eq!((&kept["access_token_ttl_seconds"], &kept["require_state"]), (&json!(90), &json!(true)), "what is absent stays");
    let back = patch(&client, json!({ "access_token_ttl_seconds": null })).await.json();
    assert_eq!((&back["access_token_ttl_seconds"], &back["require_state"]), (&Value::Null, &json!(true)), "{back}");
    for wrong in [json!(0), json!(86_401), json!("soon")] {
        assert_eq!(patch(&client, json!({ "access_token_ttl_seconds": wrong })).await.status, 400, "{wrong}");
    }
    let made = world.post("/apps", &world.admin, &json!({ "name": "Sync" }), None).await.json();
    let app = format!("/apps/{}", text(&made["app"]["id"]));
    let edited = patch(&app, json!({ "access_token_ttl_seconds": 60, "require_state": true })).await.json();
    assert_eq!((&edited["access_token_ttl_seconds"], &edited["require_state"]), (&json!(60), &json!(true)), "{edited}");
    let details = world.get(&app, &world.admin).await.json();
    assert_eq!(details["clients"][0]["access_token_ttl_seconds"], json!(60), "the draft's client follows");
    let fields: Vec<_> = details["changes"].as_array().expect("changes").iter().map(|c| text(&c["field"])).collect();
    assert!(
        fields.contains(&"access_token_ttl_seconds".to_owned()) && fields.contains(&"require_state".to_owned()),
        "{fields:?}"
    );
    let wrong = patch(&app, json!({ "access_token_ttl_seconds": 0 })).await;
    assert_eq!((wrong.status, &wrong.json()["flaws"][0]["field"]), (400, &json!("access_token_ttl_seconds")));
    let client = text(&made["app"]["draft_client"]);
    let direct = patch(&format!("/clients/{client}"), json!({ "access_token_ttl_seconds": 60 })).await;
    assert_eq!(direct.status, 409, "an app's clients are what its draft and versions say");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_go_on_where_a_page_ended() {
    let world = World::new().await;
    for n in 0..4 {
        let app = json!({ "name": format!("{} {n}", if n % 2 == 0 { "Even" } else { "Odd" }) });
        assert_eq!(world.post("/apps", &world.admin, &app, None).await.status, 201);
        let address = json!({ "email": format!("guest{n}@elsewhere.test") });
        assert_eq!(world.post("/invitations", &world.admin, &address, None).await.status, 201);
    }
    let walk = async |path: &str| {
        let (mut ids, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = world.get(&format!("{path}limit=1{cursor}"), &world.admin).await.json();
            ids.extend(page["data"].as_array().expect("a list").iter().map(|one| text(&one["id"])));
            match page["next"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return ids,
            }
        }
    };
    for (path, many) in
        [("/apps?", 4), ("/apps?text=even&", 2), ("/apps?published=true&", 0), ("/invitations?", 4), ("/clients?", 5)]
    {
        let ids = walk(path).await;
        let mut each = ids.clone();
        each.sort();
        each.dedup();
        assert_eq!((ids.len(), each.len()), (many, many), "{path}: {ids:?}");
        assert_eq!(world.get(&format!("{path}cursor=nowhere"), &world.admin).await.status, 400, "{path}");
    }
    let mut apps = walk("/apps?").await;
    for app in &apps {
        let path = format!("/installations/{app}");
        assert_eq!(world.with_body("PUT", &path, &world.admin, &json!({}), None).await.status, 200, "{app}");
    }
    let (installed, pages) = walked(&world, "/installations?limit=3").await;
    let names: Vec<_> = installed.iter().map(|one| text(&one["app"])).collect();
    apps.sort();
    apps.reverse();
    assert_eq!((names, pages), (apps, 2), "{installed:?}");
    assert!(installed.iter().all(|one| one["name"].as_str().is_some_and(|name| name.len() > 3)), "{installed:?}");
    assert_eq!(world.get("/installations?cursor=a+b", &world.admin).await.status, 400);
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_look_after_their_own_account_whatever_their_roles() {
    let world = World::new().await;
    let (gw, acme) = (&world.gw, &world.admin.org);
    for roles in [&["viewer"][..], &["reader"], &[]] {
        let (user, app) = (gw.user(&format!("{}@acme.test", roles.join("-") + "x")).await, gw.client(None).await);
        gw.member(acme, &user, roles).await;
        let member = gw.grant_to(acme, &user, &world.admin.client, EVERYTHING).await;
        let other = gw.grant(acme, &user, &app, "applications:read sessions:read").await;
        let path = format!("/me/applications/{}", other.id);
        let listed = world.get("/me/applications", &member).await.json();
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(2), "{roles:?}: {listed}");
        let end = |year: u32| format!("{year}-01-01T00:00:00Z");
        let ends = world.with_body("PATCH", &path, &member, &json!({ "expires_at": end(2098) }), None).await;
        assert_eq!(ends.status, 200, "{roles:?}: {ends:?}");
        let both = json!({ "scopes": "sessions:read", "expires_at": end(2099) });
        let refused = world.with_body("PATCH", &path, &member, &both, None).await;
        assert_eq!((refused.status, &refused.json()["code"]), (409, &json!("conflict")), "{roles:?}: it ends before that");
        let whole = world.get(&path, &member).await.json();
        assert_eq!(whole["scopes"], json!(["applications:read", "sessions:read"]), "{roles:?}: nothing of it was done: {whole}");
        let narrowed = world.with_body("PATCH", &path, &member, &json!({ "scopes": "sessions:read" }), None).await;
        assert_eq!((narrowed.status, &narrowed.json()["scopes"]), (200, &json!(["sessions:read"])), "{roles:?}: {narrowed:?}");
        assert_eq!(world.delete(&path, &member).await.status, 204, "{roles:?}");
        assert_eq!(world.get("/me/sessions", &member).await.status, 200, "{roles:?}");
        assert_eq!(world.delete("/me/sessions", &member).await.status, 200, "{roles:?}");
        assert_eq!(world.get("/grants", &member).await.status, 403, "{roles:?}: what others gave is not theirs");
    }
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_of_an_app_is_switched_off_by_itself_and_a_change_is_whole_or_none() {
    let world = World::new().await;
    let admin = &world.admin;
    let made = world.post("/apps", admin, &json!({ "name": "Leaky" }), None).await.json();
    let client = format!("/clients/{}", text(&made["app"]["draft_client"]));
    let off = world.with_body("PATCH", &client, admin, &json!({ "state": "disabled" }), None).await;
    assert_eq!((off.status, &off.json()["state"]), (200, &json!("disabled")), "{off:?}");
    let own = format!("/clients/{}", world.client);
    let before = world.get(&own, admin).await.json();
    let wrong = json!({ "scopes": "metrics:read", "access_token_ttl_seconds": 0 });
    assert_eq!(world.with_body("PATCH", &own, admin, &wrong, None).await.status, 400);
    assert_eq!(world.get(&own, admin).await.json()["scopes"], before["scopes"], "nothing of it was done");
    world.gw.running.stop().await;
}
