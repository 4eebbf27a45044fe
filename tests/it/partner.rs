//! What partners, customers and administrators do with applications, through `/api/v1`.

use serde_json::{Value, json};
use tollgate::config::own_api::MOUNT;
use tollgate::store::Client;
use tollgate::types::ClientId;

use crate::api::{EVERYTHING, World};
use crate::harness::Caller;
use crate::harness::http1::{Request, Response};

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("{value} is no text")).to_owned()
}

fn names(list: &Value, field: &str) -> Vec<String> {
    list.as_array().unwrap_or_else(|| panic!("{list} is no list")).iter().map(|item| text(&item[field])).collect()
}

impl World {
    /// How often the node has waited until what was committed before holds everywhere.
    fn settled(&self) -> u64 {
        self.gw.running.node.metrics.revocation_seconds.get_sample_count()
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &Value) -> Response {
        let mut request = Request::new(method, &format!("{MOUNT}{path}")).bearer(&self.admin.token);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        self.send(&request.header("Content-Type", "application/json").body(body.to_string())).await
    }

    async fn stored(&self, id: &str) -> Client {
        let id = ClientId::parse(id).expect("an id");
        self.gw.running.node.store.client(&id).await.expect("an answer").expect("a client")
    }

    /// Whether a token opens an API behind the gate.
    async fn opens(&self, caller: &Caller) -> u16 {
        self.send(&Request::get("/prometheus/api/v1/query?query=up").bearer(&caller.token)).await.status
    }
}

fn app() -> Value {
    json!({
        "name": "Acme Sync",
        "description": "Copies metrics.",
        "documentation_url": "https://sync.test/docs",
        "uninstall_instructions": "Press Uninstall.",
        "onboarding_url": "https://sync.test/start",
        "redirect_uris": ["https://sync.test/cb"],
        "scopes": ["metrics:read", "dash:read"],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partner_makes_an_app_publishes_it_changes_it_and_publishes_again() {
    let world = World::new().await;
    let admin = &world.admin;
    let flawed = json!({ "name": "", "scopes": ["moon:read", "metrics:delete"], "onboarding_url": "http://sync.test" });
    let refused = world.post("/apps", admin, &flawed, None).await;
    assert_eq!((refused.status, refused.header("content-type")), (400, Some("application/problem+json")));
    assert_eq!(names(&refused.json()["flaws"], "field"), ["name", "onboarding_url", "scopes", "scopes"], "all at once");

    let draft = json!({ "name": "Acme Sync", "redirect_uris": ["https://sync.test/cb"] });
    let made = world.post("/apps", admin, &draft, Some("app-1")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(world.post("/apps", admin, &draft, Some("app-1")).await.body, made.body, "made once, told twice");
    assert!(made.json()["client_secret"].is_string());
    let path = format!("/apps/{}", text(&made.json()["app"]["id"]));
    let shown = world.get(&path, admin).await;
    let first = shown.header("etag").expect("a tag").to_owned();

    // What is not ready names everything that is missing.
    let early = world.post(&format!("{path}/versions"), admin, &json!({}), None).await;
    assert_eq!(early.status, 409, "{early:?}");
    let missing = names(&early.json()["missing"], "need");
    assert_eq!(missing, ["description", "documentation", "uninstall", "onboarding", "scopes", "stable"]);

    let changed = world.ask("PATCH", &path, &[("If-Match", &first)], &app()).await;
    assert_eq!(changed.status, 200, "{changed:?}");
    assert_ne!(Some(first.as_str()), changed.header("etag"));
    for (method, path) in [("PATCH", path.clone()), ("PUT", format!("{path}/stable")), ("POST", format!("{path}/versions"))] {
        let body = if method == "PUT" { json!({ "maturity": "stable" }) } else { json!({}) };
        let late = world.ask(method, &path, &[("If-Match", &first)], &body).await;
        assert_eq!((late.status, &late.json()["code"]), (412, &json!("stale")), "{method} {path}");
    }
    let stale = world.ask("PATCH", &path, &[], &json!({ "revision": 1, "name": "Other" })).await;
    assert_eq!(stale.status, 409, "{stale:?}");

    let matured = json!({ "maturity": "stable" });
    assert_eq!(world.with_body("PUT", &format!("{path}/stable"), admin, &matured, None).await.status, 200);
    let untried = json!(["dash:read", "metrics:read"]);
    assert_eq!(world.get(&path, admin).await.json()["untried_scopes"], untried, "nobody tried them, and that forbids nothing");
    let publish = format!("{path}/versions");
    let wrong = world.post(&publish, admin, &json!({ "app_uuid": "6f1c1f0e-27ab-4a44-9c0e-0f5f4b0a7c11" }), None).await;
    assert_eq!(wrong.status, 400, "{wrong:?}");
    let release = world.post(&publish, admin, &json!({}), Some("v1")).await;
    assert_eq!((release.status, &release.json()["version"]), (201, &json!(1)), "{release:?}");
    assert_eq!(world.post(&publish, admin, &json!({}), Some("v1")).await.body, release.body, "credentials once, told twice");
    let client = text(&release.json()["client_id"]);
    assert!(release.json()["client_secret"].is_string());
    assert_eq!(release.json()["untried_scopes"], untried);
    assert_eq!(world.get(&path, admin).await.json()["untried_scopes"], json!([]), "the version adds nothing any more");

    // What is published is changed by publishing again, and in no other way.
    let before = world.stored(&client).await;
    let by_hand = format!("/clients/{client}");
    for (method, path, body) in [
        ("PATCH", by_hand.clone(), json!({ "scopes": "dash:read" })),
        ("PATCH", by_hand.clone(), json!({ "access_token_ttl_seconds": 60 })),
        ("PATCH", by_hand.clone(), json!({ "require_state": true })),
        ("DELETE", by_hand.clone(), json!({})),
    ] {
        let refused = world.ask(method, &path, &[], &body).await;
        assert_eq!(refused.status, 409, "{method} {path} {body}: {refused:?}");
    }
    assert_eq!(world.stored(&client).await, before);

    // A customer elsewhere authorizes it; the next version asks for less, and the customer's token can less at once.
    let customer = world.gw.user("carl@beta.test").await;
    world.gw.member(&world.other.org, &customer, &["admin"]).await;
    let client = world.stored(&client).await;
    let customer = world.gw.grant_to(&world.other.org, &customer, &client, "metrics:read dash:read").await;
    assert_eq!(world.opens(&customer).await, 200);
    let less = world.ask("PATCH", &path, &[], &json!({ "scopes": ["dash:read"] })).await;
    assert_eq!((less.status, &less.json()["maturity"]), (200, &json!("in_work")), "a change takes the mark away");
    let difference = world.get(&format!("{path}/difference"), admin).await.json();
    assert_eq!(difference, json!([{ "field": "scopes", "removed": ["metrics:read"], "added": [] }]));
    assert_eq!(world.opens(&customer).await, 200, "a draft is nobody else's");
    assert_eq!(world.with_body("PUT", &format!("{path}/stable"), admin, &matured, None).await.status, 200);
    let before = world.settled();
    let again = world.post(&publish, admin, &json!({}), None).await.json();
    assert!(world.settled() > before, "the answer waits until no node takes the token as it was");
    assert_eq!((&again["version"], &again["client_secret"], &again["narrowed_grants"]), (&json!(2), &Value::Null, &json!(1)));
    assert_eq!(world.opens(&customer).await, 403);
    let between = world.get(&format!("{path}/difference?from=2&to=1"), admin).await.json();
    assert_eq!(between[0]["added"], json!(["metrics:read"]));
    assert_eq!(world.get(&format!("{path}/difference?from=7"), admin).await.status, 404);
    let versions = world.get(&format!("{publish}?limit=1"), admin).await.json();
    assert_eq!((&versions["data"][0]["number"], versions["next"].is_string()), (&json!(2), true));

    // Secrets overlap, and the last one stays.
    let secrets = format!("{path}/secrets");
    for (field, seconds) in [("others_live_seconds", u64::MAX), ("lives_seconds", u64::MAX), ("lives_seconds", 0)] {
        let refused = world.post(&secrets, admin, &json!({ "stage": "published", field: seconds }), None).await;
        assert_eq!(refused.status, 400, "{field}: {refused:?}");
    }
    let made = json!({ "stage": "published", "others_live_seconds": 60, "lives_seconds": 3600 });
    let added = world.post(&secrets, admin, &made, None).await;
    assert_eq!(added.status, 201, "{added:?}");
    let listed = world.get(&path, admin).await.json()["clients"][1]["secrets"].clone();
    assert_eq!(listed.as_array().map(Vec::len), Some(2));
    assert!(listed.as_array().is_some_and(|all| all.iter().all(|s| s["expires_at"].is_string())), "{listed}");
    let ended = world.delete(&format!("{secrets}/published/{}", text(&listed[0]["id"])), admin).await.status;
    assert_eq!(ended, 204);
    assert_eq!(world.delete(&format!("{secrets}/published/{}", text(&listed[1]["id"])), admin).await.status, 409);
    assert_eq!(world.delete(&format!("{secrets}/published/none"), admin).await.status, 404);

    // Before it is disabled: nobody can say yes to it after that.
    let dash = world.gw.grant_to(&world.other.org, &customer.user, &client, "dash:read").await;
    assert_eq!(world.opens(&dash).await, 403, "a token that works, of another API");
    let off = json!({ "state": "disabled" });
    assert_eq!(world.with_body("PUT", &format!("{path}/state"), admin, &off, None).await.status, 200);
    assert_eq!(world.opens(&dash).await, 401, "no token of a disabled app works");
    let only = world.get("/apps?state=disabled&published=true&text=SYNC", admin).await.json();
    assert_eq!(names(&only["data"], "name"), ["Acme Sync"]);
    assert_eq!(world.delete(&path, admin).await.status, 204);
    assert_eq!(world.get(&path, admin).await.status, 404);
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_manifest_makes_the_app_elsewhere_once() {
    let world = World::new().await;
    let made = world.post("/apps", &world.admin, &app(), None).await.json();
    let (id, uuid) = (text(&made["app"]["id"]), text(&made["app"]["app_uuid"]));
    let manifest = world.get(&format!("/apps/{uuid}/manifest"), &world.admin).await.json();
    let written = manifest.to_string();
    assert!(!written.contains(&id) && !written.contains(&text(&made["client_secret"])), "{written}");
    let import = async |caller: &Caller, key| world.post("/apps/import", caller, &manifest, key).await;
    let first = import(&world.other, Some("m-1")).await;
    assert_eq!((first.status, &first.json()["created"]), (200, &json!(true)), "{first:?}");
    assert!(first.json()["client_secret"].is_string() && first.json()["app"]["id"] != made["app"]["id"]);
    assert_eq!(import(&world.other, Some("m-1")).await.body, first.body);
    let second = import(&world.other, None).await.json();
    assert_eq!((&second["created"], &second["app"]["revision"]), (&json!(false), &json!(1)), "another time it does nothing");
    assert_eq!(world.get(&format!("/apps/{id}"), &world.other).await.status, 404, "each sees its own");
    let newer = json!({ "manifest_version": 2, "app_uuid": uuid, "name": "x", "client": { "kind": "public" } });
    assert_eq!(world.post("/apps/import", &world.other, &newer, None).await.status, 400);
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customer_narrows_limits_and_revokes() {
    let world = World::new().await;
    let (gw, admin) = (&world.gw, &world.admin);
    let third = gw.client(None).await;
    let given = gw.grant_to(&admin.org, &admin.user, &third, "metrics:read dash:read").await;
    let path = format!("/me/applications/{}", given.grant.id);
    let change = async |body: Value| world.ask("PATCH", &path, &[], &body).await;
    assert_eq!(world.opens(&given).await, 200);
    for wrong in [json!({ "scopes": "" }), json!({ "scopes": "audit:read" }), json!({ "expires_at": "2020-01-01T00:00:00Z" })] {
        assert_eq!(change(wrong.clone()).await.status, 400, "{wrong}");
    }
    let narrowed = change(json!({ "scopes": "dash:read" })).await;
    assert_eq!((narrowed.status, &narrowed.json()["effective_scopes"]), (200, &json!(["dash:read"])), "{narrowed:?}");
    assert_eq!(world.opens(&given).await, 403);
    let limited = change(json!({ "expires_at": "2099-01-01T00:00:00Z" })).await.json();
    assert_eq!(limited["expires_at"].as_str().map(|t| &t[..10]), Some("2099-01-01"));
    let longer = change(json!({ "expires_at": "2099-02-01T00:00:00Z" })).await;
    assert_eq!(longer.status, 409, "nobody's access gets longer: {longer:?}");
    let not_mine = format!("/me/applications/{}", world.member.grant.id);
    assert_eq!(world.ask("PATCH", &not_mine, &[], &json!({ "scopes": "audit:read" })).await.status, 404);
    assert_eq!(world.delete(&path, admin).await.status, 204);
    assert_eq!(world.opens(&given).await, 401);
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_blocks_an_application_and_everyones_tokens_stop() {
    let world = World::new().await;
    let (gw, admin) = (&world.gw, &world.admin);
    let third = gw.client(None).await;
    let mut callers = Vec::new();
    for email in ["one@acme.test", "two@acme.test"] {
        let user = gw.user(email).await;
        gw.member(&admin.org, &user, &["reader"]).await;
        callers.push(gw.grant_to(&admin.org, &user, &third, "metrics:read").await);
    }
    let elsewhere = gw.grant_to(&world.other.org, &world.other.user, &third, "metrics:read").await;
    let path = format!("/policy/clients/{}", third.id);
    let decide = async |body: Value| world.with_body("PUT", &path, admin, &body, None).await;
    let opened = async || (world.opens(&callers[0]).await, world.opens(&callers[1]).await, world.opens(&elsewhere).await);
    assert_eq!(opened().await, (200, 200, 200));
    let blocked = decide(json!({ "verdict": "block" })).await.json();
    assert_eq!((&blocked["stance"], &blocked["users"]), (&json!("blocked"), &json!(2)));
    let refused = opened().await;
    assert!(refused.0 >= 400 && refused.1 >= 400 && refused.2 == 200, "{refused:?}");
    assert_eq!(names(&world.get("/policy/clients?stance=blocked", admin).await.json()["data"], "client"), [third.id.as_str()]);
    decide(json!({ "verdict": "allow", "scopes": "dash:read" })).await;
    assert_eq!(opened().await, (403, 403, 200), "restricted below what they hold");
    decide(json!({ "unrestricted": true })).await;
    assert_eq!(opened().await, (200, 200, 200));
    let review = world.get("/review?limit=1", admin).await.json();
    assert!(review["next"].is_string() && review["data"][0]["proposal"].is_string(), "{review}");
    let ended = world.delete(&format!("{path}/grants"), admin).await.json();
    assert_eq!(ended, json!({ "revoked": 2 }));
    assert_eq!(opened().await, (401, 401, 200));

    let approval = json!({ "new_clients": "approval" });
    assert_eq!(world.with_body("PUT", "/policy", admin, &approval, None).await.json(), approval);
    assert_eq!(world.get("/policy", admin).await.json(), approval);
    assert_eq!(world.get("/policy", &world.other).await.json(), json!({ "new_clients": "open" }));
    let unknown = gw.client(None).await;
    let secretly = format!("/policy/clients/{}", unknown.id);
    let answer = world.with_body("PUT", &secretly, admin, &json!({ "verdict": "block" }), None).await;
    assert_eq!(answer.status, 404, "of what nobody here uses, nothing is said: {answer:?}");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_join_by_invitation_and_somebody_always_administers() {
    let world = World::new().await;
    let admin = &world.admin;
    let invite = json!({ "email": "Grace@Elsewhere.test", "roles": ["viewer"] });
    let made = world.post("/invitations", admin, &invite, Some("i-1")).await;
    assert_eq!(made.status, 201, "{made:?}");
    let url = text(&made.json()["url"]);
    assert!(url.contains("/invitations/"), "{url}");
    assert_eq!(world.post("/invitations", admin, &invite, Some("i-1")).await.json()["url"], json!(url));
    let open = world.get("/invitations", admin).await;
    let secret = url.rsplit('/').next().expect("a secret");
    assert!(!open.text().contains(secret), "the link is known to nobody any more");
    assert_eq!(names(&open.json()["data"], "email"), ["grace@elsewhere.test"]);
    assert_eq!(world.get("/invitations", &world.other).await.json()["data"], json!([]));
    for (wrong, status) in [(json!({ "email": "no address" }), 400), (json!({ "email": "a@b.test", "roles": ["emperor"] }), 400)]
    {
        assert_eq!(world.post("/invitations", admin, &wrong, None).await.status, status, "{wrong}");
    }
    let path = format!("/invitations/{}", text(&open.json()["data"][0]["id"]));
    assert_eq!(world.delete(&path, &world.other).await.status, 404);
    assert_eq!((world.delete(&path, admin).await.status, world.delete(&path, admin).await.status), (204, 404));

    // A clerk with members:write and little else reaches little else.
    let clerk = world.gw.user("clerk@acme.test").await;
    world.gw.member(&admin.org, &clerk, &["clerk"]).await;
    let clerk = world.gw.grant_to(&admin.org, &clerk, &admin.client, EVERYTHING).await;
    let beyond = json!({ "email": "friend@elsewhere.test", "roles": ["admin"] });
    assert_eq!(world.post("/invitations", &clerk, &beyond, None).await.status, 403);
    assert_eq!(world.post("/service-users", &clerk, &json!({ "name": "root", "roles": ["admin"] }), None).await.status, 403);

    let robot = world.post("/service-users", admin, &json!({ "name": "nightly", "roles": ["reader"] }), None).await;
    assert_eq!((robot.status, &robot.json()["user"]["email"]), (201, &json!("nightly.acme")), "{robot:?}");
    assert_eq!(world.post("/service-users", admin, &json!({ "name": "nightly" }), None).await.status, 409);
    let listed = world.get("/members?kind=service", admin).await.json();
    assert_eq!(
        names(&Value::Array(listed["data"].as_array().expect("a list").iter().map(|m| m["user"].clone()).collect()), "email"),
        ["nightly.acme"]
    );
    let off = json!({ "state": "disabled" });
    let state = async |who: &str| world.with_body("PUT", &format!("/service-users/{who}/state"), admin, &off, None).await;
    assert_eq!(state("nightly.acme").await.json()["user"]["state"], json!("disabled"));
    assert_eq!(state("clerk@acme.test").await.status, 409, "a person is not switched by an organization");

    // The only administrator can be unseated by nobody, not even by one who reaches as far.
    let deputy = world.gw.user("deputy@acme.test").await;
    world.gw.member(&admin.org, &deputy, &["admin"]).await;
    let deputy = world.gw.grant_to(&admin.org, &deputy, &admin.client, EVERYTHING).await;
    assert_eq!(world.with_body("PUT", "/members/clerk@acme.test", &deputy, &json!({ "roles": [] }), None).await.status, 200);
    assert_eq!(world.delete("/members/ada@acme.test", &deputy).await.status, 204);
    assert_eq!(world.delete("/members/deputy@acme.test", &deputy).await.status, 403, "nobody locks themselves out");
    world.gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn searches_sessions_and_scopes_are_the_callers() {
    let world = World::new().await;
    let admin = &world.admin;
    let save = async |name: &str, query: &str| {
        world.with_body("PUT", &format!("/audit/searches/{name}"), admin, &json!({ "query": query }), None).await
    };
    let saved = save("denials%20today", "decision=denied&cursor=x&nonsense=1").await;
    assert_eq!(saved.json(), json!({ "name": "denials today", "query": "decision=denied" }), "only what a search can say");
    save("by%20app", "client=cl_1").await;
    assert_eq!(names(&world.get("/audit/searches", admin).await.json()["data"], "name"), ["by app", "denials today"]);
    assert_eq!(world.get("/audit/searches", &world.other).await.json()["data"], json!([]));
    let forget = async || world.delete("/audit/searches/by%20app", admin).await.status;
    assert_eq!((forget().await, forget().await), (204, 404));

    let (node, config) = (&world.gw.running.node, world.gw.running.node.config.load_full());
    for _ in 0..3 {
        let (_, session) = tollgate::web::started_session(node, &config, &admin.user);
        node.store.start_session(&session, None, &node.own_cause()).await.expect("a session");
    }
    let sessions = world.get("/me/sessions", admin).await.json();
    assert_eq!(sessions["data"].as_array().map(Vec::len), Some(3));
    assert_eq!(world.get("/me/sessions", &world.other).await.json()["data"], json!([]));
    let one = format!("/me/sessions/{}", text(&sessions["data"][0]["id"]));
    assert_eq!(world.delete(&one, &world.other).await.status, 404);
    assert_eq!((world.delete(&one, admin).await.status, world.delete(&one, admin).await.status), (204, 404));
    assert_eq!(world.delete("/me/sessions", admin).await.json(), json!({ "ended": 2 }));

    let listed = world.get("/scopes?limit=1000", &world.member).await.json();
    let scopes = names(&listed["data"], "name");
    assert!(scopes.is_sorted() && scopes.contains(&"metrics:read".to_owned()), "{scopes:?}");
    assert!(!scopes.contains(&"metrics:delete".to_owned()), "private scopes are not listed");
    let first = world.get("/scopes?limit=1&text=METRICS", &world.member).await.json();
    let next = world.get(&format!("/scopes?limit=1&text=metrics&cursor={}", text(&first["next"])), &world.member).await.json();
    assert!(text(&first["data"][0]["name"]) < text(&next["data"][0]["name"]), "{first} {next}");
    world.gw.running.stop().await;
}
