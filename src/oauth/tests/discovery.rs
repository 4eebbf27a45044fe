//! Published documents, closed corners, cross-origin access, headers.

use axum::body::Body;
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE, HOST};
use http::{Method, Request, StatusCode};

use super::rig::{Browser, ISSUER, PASSWORD, Rig};

#[tokio::test]
async fn rfc8414_s3_metadata_names_only_what_answers() {
    let rig = Rig::new().await;
    let request = Request::get("/.well-known/oauth-authorization-server").header(HOST, "evil.test").body(Body::empty());
    let answer = rig.send(request.expect("a request")).await;
    assert_eq!(answer.headers[CONTENT_TYPE], "application/json");
    let document = answer.json();
    assert_eq!(document["issuer"], ISSUER);
    assert_eq!(document["code_challenge_methods_supported"], serde_json::json!(["S256"]));
    assert_eq!(document["authorization_response_iss_parameter_supported"], true);
    assert!(document["token_endpoint_auth_methods_supported"].as_array().is_some_and(|m| m.iter().any(|m| m == "none")));
    let scopes = document["scopes_supported"].to_string();
    assert!(scopes.contains("offline_access") && scopes.contains("logs:read") && !scopes.contains("logs:delete"), "{scopes}");
    for (name, value) in document.as_object().expect("an object") {
        if name.ends_with("_endpoint") || name == "jwks_uri" {
            let path = value.as_str().and_then(|v| v.strip_prefix(ISSUER)).expect("a URL of ours");
            assert_ne!(rig.get(path).await.status, StatusCode::NOT_FOUND, "{name}");
        }
    }
    assert_eq!(rig.get("/.well-known/openid-configuration").await.json(), document);
    assert_eq!(rig.get("/oauth2/jwks").await.json()["keys"][0]["kty"], "EC");
}

#[tokio::test]
async fn rfc8414_s2_registration_grant_types_and_scopes_are_published() {
    let rig = Rig::new().await;
    let document = rig.get("/.well-known/oauth-authorization-server").await.json();
    for (name, path) in [
        ("authorization_endpoint", "/oauth2/authorize"),
        ("token_endpoint", "/oauth2/token"),
        ("registration_endpoint", "/oauth2/register"),
        ("revocation_endpoint", "/oauth2/revoke"),
    ] {
        assert_eq!(document[name], format!("{ISSUER}{path}"), "{name}");
    }
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let published = ["authorization_code", "refresh_token", "client_credentials", device];
    assert_eq!(document["grant_types_supported"], serde_json::json!(published));
    let client = rig.registered().await;
    for (grant, served) in published.map(|g| (g, true)).into_iter().chain([("password", false), ("implicit", false)]) {
        let answer = rig.form("/oauth2/token", None, &[("grant_type", grant), ("client_id", &client)]).await;
        assert_eq!(answer.error() != "unsupported_grant_type", served, "{grant}: {}", answer.body);
    }
    let scopes: Vec<_> = document["scopes_supported"].as_array().expect("a list").iter().filter_map(|s| s.as_str()).collect();
    let config = rig.node.config.load_full();
    let (public, others): (Vec<_>, Vec<_>) =
        config.catalogue.entries().iter().partition(|entry| entry.visibility == crate::config::Visibility::Public);
    assert!(public.len() > 5 && others.iter().any(|entry| entry.name.as_str() == "logs:delete"));
    for entry in public {
        let unused = rig.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("scope", entry.name.as_str())]))).await;
        let asked = unused.sent("error").as_deref() != Some("invalid_scope");
        assert_eq!(scopes.contains(&entry.name.as_str()), asked, "{}: what is published may be asked for", entry.name);
    }
    assert!(others.iter().all(|entry| !scopes.contains(&entry.name.as_str())), "{scopes:?}");
}

#[tokio::test]
async fn rfc9728_s3_1_each_api_describes_itself() {
    let rig = Rig::new().await;
    let at = async |path: &str| rig.get(&format!("/.well-known/oauth-protected-resource{path}")).await;
    let logs = at("/logs").await.json();
    assert_eq!(logs["resource"], format!("{ISSUER}/logs"));
    assert_eq!(logs["authorization_servers"], serde_json::json!([ISSUER]));
    assert_eq!(logs["scopes_supported"], serde_json::json!(["logs:read"]));
    assert_eq!(at("/logs/").await.json()["resource"], format!("{ISSUER}/logs/"), "VS Code compares with what was typed");
    assert_eq!(at("").await.json()["resource"], ISSUER);
    for missing in ["/nothing", "/logs/read", "/LOGS", "//logs"] {
        let answer = at(missing).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{missing}");
    }
}

#[tokio::test]
async fn what_looks_like_ours_is_never_somebody_elses() {
    let rig = Rig::new().await;
    for path in [
        "/oauth2/nothing",
        "/oauth2/authorize/x",
        "/.well-known/oauth-authorization-server/t1",
        "/.well-known/openid-configuration/t1",
    ] {
        let answer = rig.get(path).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::NOT_FOUND, "not_found"), "{path}");
    }
    let wrong = rig.get("/oauth2/token").await;
    assert_eq!((wrong.status, wrong.error().as_str()), (StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed"));
}

#[tokio::test]
async fn cross_origin_access_stops_at_authorization() {
    let rig = Rig::new().await;
    let ask = async |method: Method, path: &str| {
        let request = Request::builder().method(method).uri(path).header("origin", "https://web.test");
        rig.send(request.header("access-control-request-method", "POST").body(Body::empty()).expect("a request")).await
    };
    for path in [
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/logs",
        "/oauth2/jwks",
        "/oauth2/token",
        "/oauth2/register",
        "/oauth2/revoke",
    ] {
        let preflight = ask(Method::OPTIONS, path).await;
        assert_eq!(preflight.status, StatusCode::NO_CONTENT, "{path}");
        assert_eq!(preflight.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}");
        let allowed = preflight.headers["access-control-allow-headers"].to_str().expect("text").to_lowercase();
        assert!(allowed.contains("mcp-protocol-version") && allowed.contains("authorization"), "{path}");
        let answer = ask(if path.contains("oauth2/") { Method::POST } else { Method::GET }, path).await;
        assert_eq!(answer.headers[ACCESS_CONTROL_ALLOW_ORIGIN], "*", "{path}, errors included");
    }
    for path in ["/oauth2/authorize", "/oauth2/introspect", "/login", "/consent", "/logout", "/password"] {
        for method in [Method::OPTIONS, Method::GET] {
            let answer = ask(method.clone(), path).await;
            assert!(!answer.headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_answer_is_hardened() {
    let rig = Rig::new().await;
    for path in [
        "/",
        "/login",
        "/consent",
        "/password",
        "/oauth2/authorize",
        "/oauth2/token",
        "/oauth2/x",
        "/.well-known/x",
        "/assets/x",
        "/oauth2/jwks",
    ] {
        let headers = rig.get(path).await.headers;
        let text = |name: &str| headers.get(name).map(|v| v.to_str().expect("text").to_owned()).unwrap_or_default();
        assert!(text("content-security-policy").contains("frame-ancestors 'none'"), "{path}");
        assert!(!text("content-security-policy").contains("unsafe"), "{path}");
        assert_eq!(text("x-frame-options"), "DENY", "{path}");
        assert_eq!(text("x-content-type-options"), "nosniff", "{path}");
        assert_eq!(text("referrer-policy"), "no-referrer", "{path}");
        assert_eq!(text("cross-origin-opener-policy"), "same-origin", "{path}");
        assert_eq!(text("strict-transport-security"), "max-age=31536000", "{path}");
        assert!(!text("cache-control").is_empty(), "{path}");
    }
}

#[tokio::test]
async fn sites_are_published_and_callbacks_say_at_which_they_were_made() {
    let alone = Rig::new().await;
    let listed = alone.get("/.well-known/tollgate-sites").await;
    let only = serde_json::json!({ "site": "gw.test", "sites": [{ "site": "gw.test", "issuer": "https://gw.test" }] });
    assert_eq!((listed.status, listed.json()), (StatusCode::OK, only), "without configuration it is its host");
    let metadata = alone.get("/.well-known/oauth-authorization-server").await.json();
    assert_eq!(metadata["sites_uri"], "https://gw.test/.well-known/tollgate-sites");

    let sites =
        "[[sites]]\nname = \"us1\"\nissuer = \"https://us1.test\"\n[[sites]]\nname = \"eu1\"\nissuer = \"https://gw.test\"\n";
    let rig = Rig::with("", sites).await;
    let listed = rig.get("/.well-known/tollgate-sites").await.json();
    assert_eq!((&listed["site"], &listed["sites"][0]["issuer"]), (&"eu1".into(), &"https://us1.test".into()), "{listed}");
    let client = rig.registered().await;
    let mut browser = Browser::new(&rig);
    browser.sign_in("ada@acme.test", PASSWORD).await;
    let (at, page) = browser.consent_page(&client, &[]).await;
    let back = browser.approve(&at, &page).await;
    let refused = rig.get(&format!("/oauth2/authorize?{}", Rig::query(&client, &[("response_type", "token")]))).await;
    for answer in [&back, &refused] {
        assert_eq!(
            (answer.sent("site").as_deref(), answer.sent("iss").as_deref()),
            (Some("eu1"), Some(ISSUER)),
            "{}",
            answer.location()
        );
    }
}
