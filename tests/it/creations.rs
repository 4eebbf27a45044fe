//! What a request of `/api/v1` makes is made once, however often the request comes: with an `Idempotency-Key` the second gets the
//! answer of the first.

use serde_json::{Value, json};

use crate::api::{World, minter, text};
use crate::harness::Caller;
use crate::harness::http1::Response;

/// One of each that something is made for, in the first organization.
struct Scene {
    world: World,
    minter: Caller,
    /// An app that can be published.
    app: String,
    client: String,
}

/// A request to a creating operation.
struct Creation<'a> {
    caller: &'a Caller,
    body: Value,
    /// Another request, which may not have the same key; `None` where there is nothing to say otherwise.
    other: Option<Value>,
}

impl Scene {
    async fn new() -> Self {
        let world = World::new().await;
        let definition = json!({
            "name": "Sync", "description": "Copies.", "documentation_url": "https://sync.test/docs",
            "uninstall_instructions": "Press it.", "onboarding_url": "https://sync.test/start",
            "redirect_uris": ["https://sync.test/cb"], "scopes": ["metrics:read"],
        });
        let app = text(&world.post("/apps", &world.admin, &definition, None).await.json()["app"]["id"]);
        let stable = json!({ "maturity": "stable" });
        let marked = world.with_body("PUT", &format!("/apps/{app}/stable"), &world.admin, &stable, None).await;
        assert_eq!(marked.status, 200, "{marked:?}");
        let client = json!({ "kind": "confidential", "name": "Own", "redirect_uris": ["https://own.test/cb"] });
        let client = text(&world.post("/clients", &world.admin, &client, None).await.json()["client"]["id"]);
        Self { minter: minter(&world).await, world, app, client }
    }

    /// What to send to an operation.
    fn creation(&self, path: &str) -> Option<Creation<'_>> {
        let named = |name: &str| json!({ "name": name, "redirect_uris": ["https://a.test/cb"] });
        let client = |name: &str| json!({ "kind": "public", "name": name, "redirect_uris": ["https://a.test/cb"] });
        let asked = |reason: &str| json!({ "scope": "api_keys:write", "reason": reason });
        let invited = |email: &str| json!({ "email": email, "roles": ["viewer"] });
        let carried = |name: &str| {
            json!({
                "manifest_version": 1, "app_uuid": "6f1c1f0e-27ab-4a44-9c0e-0f5f4b0a7c11", "name": name,
                "client": { "kind": "public" },
            })
        };
        let (body, other) = match path {
            "/api_keys" => return Some(Creation { caller: &self.minter, body: json!({}), other: None }),
            "/apps" => (named("One"), named("Another")),
            "/apps/import" => (carried("One"), carried("Another")),
            "/apps/{app}/secrets" => (json!({ "stage": "draft" }), json!({ "stage": "draft", "lives_seconds": 60 })),
            "/apps/{app}/versions" => (json!({}), json!({ "app_uuid": "another" })),
            "/clients" => (client("One"), client("Another")),
            "/clients/{client}/secrets" => (json!({}), json!({ "lives_seconds": 60 })),
            "/apps/{app}/scope_requests" | "/clients/{client}/scope_requests" => (asked("It pushes."), asked("It really does.")),
            "/invitations" => (invited("one@elsewhere.test"), invited("another@elsewhere.test")),
            "/service-users" => (json!({ "name": "one" }), json!({ "name": "another" })),
            _ => return None,
        };
        Some(Creation { caller: &self.world.admin, body, other: Some(other) })
    }

    async fn post(&self, path: &str, creation: &Creation<'_>, body: &Value, key: &str) -> Response {
        let path = path.replace("{app}", &self.app).replace("{client}", &self.client);
        self.world.post(&path, creation.caller, body, Some(key)).await
    }
}

/// Whether an operation of the document takes an `Idempotency-Key`.
fn takes_a_key(operation: &Value) -> bool {
    operation["parameters"].as_array().into_iter().flatten().any(|p| p["name"] == "Idempotency-Key" && p["in"] == "header")
}

#[tokio::test(flavor = "multi_thread")]
async fn every_creation_may_be_repeated() {
    let scene = Box::pin(Scene::new()).await;
    let document = scene.world.get("/openapi.json", &scene.world.admin).await.json();
    let mut seen = 0;
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let makes = method == "post" || operation["responses"].get("201").is_some();
            assert_eq!(takes_a_key(operation), makes, "{method} {path}: whatever makes something takes a key, and nothing else");
        }
        let Some(creates) = item.get("post") else { continue };
        let path = path.trim_start_matches("/api/v1");
        let creation = scene.creation(path).unwrap_or_else(|| panic!("POST {path}: say what to send"));
        let made = if creates["responses"].get("201").is_some() { 201 } else { 200 };
        let first = scene.post(path, &creation, &creation.body, "k").await;
        let again = scene.post(path, &creation, &creation.body, "k").await;
        assert_eq!((first.status, again.status), (made, made), "POST {path}: {first:?} {again:?}");
        assert_eq!(first.body, again.body, "POST {path}: the same answer, with the same secrets");
        let replayed = |answer: &Response| answer.header("idempotency-replayed").map(ToOwned::to_owned);
        assert_eq!((replayed(&first), replayed(&again).as_deref()), (None, Some("true")), "POST {path}");
        match &creation.other {
            Some(other) => {
                let refused = scene.post(path, &creation, other, "k").await;
                assert_eq!((refused.status, &refused.json()["code"]), (422, &json!("idempotency_key_reused")), "POST {path}");
            }
            None => assert_eq!(scene.post(path, &creation, &creation.body, "k2").await.status, 409, "POST {path}: there is one"),
        }
        seen += 1;
    }
    assert!(seen > 10, "{seen} operations");
    scene.world.gw.running.stop().await;
}
