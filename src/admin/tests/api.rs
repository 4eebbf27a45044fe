//! Routes, documents and who is let in.

use std::collections::BTreeSet;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;

use super::Fixture;
use crate::admin::document;
use crate::types::{PlainToken, SeededEntropy, TokenKind};

fn client() -> Client {
    Client::builder().no_proxy().build().expect("a client")
}

/// Method and path of every operation of the document.
fn operations() -> BTreeSet<(String, String)> {
    let document = serde_json::to_value(document()).expect("JSON");
    let mut all = BTreeSet::new();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for method in item.as_object().expect("operations").keys() {
            all.insert((method.to_uppercase(), path.clone()));
        }
    }
    all
}

#[test]
fn the_document_names_every_route() {
    let listed: Vec<String> = operations().into_iter().map(|(method, path)| format!("{path} {method}")).collect();
    let expected = [
        ("clients", "GET"),
        ("clients", "POST"),
        ("clients/{client}", "DELETE"),
        ("clients/{client}", "GET"),
        ("clients/{client}", "PATCH"),
        ("clients/{client}/scopes", "PUT"),
        ("clients/{client}/secrets", "POST"),
        ("clients/{client}/secrets/{secret}", "DELETE"),
        ("clients/{client}/state", "PUT"),
        ("apps", "GET"),
        ("apps", "POST"),
        ("apps/{app}", "DELETE"),
        ("apps/{app}", "GET"),
        ("apps/{app}", "PATCH"),
        ("apps/{app}/manifest", "GET"),
        ("apps/{app}/secrets", "POST"),
        ("apps/{app}/secrets/{stage}/{secret}", "DELETE"),
        ("apps/{app}/stable", "PUT"),
        ("apps/{app}/state", "PUT"),
        ("apps/{app}/versions", "POST"),
        ("orgs/{org}/apps/import", "POST"),
        ("api-keys", "GET"),
        ("api-keys/{key}", "GET"),
        ("api-keys/{key}/disable", "POST"),
        ("scope-requests", "GET"),
        ("scope-requests/{holder}", "POST"),
        ("scope-requests/{holder}", "PUT"),
        ("scope-requests/{holder}/{scope}", "DELETE"),
        ("orgs/{org}/installations", "GET"),
        ("orgs/{org}/installations/{app}", "DELETE"),
        ("orgs/{org}/installations/{app}", "PUT"),
        ("audit", "GET"),
        ("audit/counts", "GET"),
        ("audit/export", "GET"),
        ("orgs/{org}/members/{user}/searches", "GET"),
        ("orgs/{org}/members/{user}/searches/{name}", "DELETE"),
        ("orgs/{org}/members/{user}/searches/{name}", "PUT"),
        ("audit/shadow", "GET"),
        ("audit/tail", "GET"),
        ("audit/verify", "POST"),
        ("audit/keys", "GET"),
        ("audit/keys/rotate", "POST"),
        ("grants", "GET"),
        ("grants/{grant}", "GET"),
        ("grants/{grant}", "PATCH"),
        ("orgs/{org}/invitations", "GET"),
        ("orgs/{org}/invitations", "POST"),
        ("orgs/{org}/invitations/{invitation}", "DELETE"),
        ("scopes", "GET"),
        ("users/{user}/sessions", "DELETE"),
        ("users/{user}/sessions", "GET"),
        ("users/{user}/sessions/{session}", "DELETE"),
        ("grants/{grant}/revoke", "POST"),
        ("keys", "GET"),
        ("keys/rotate", "POST"),
        ("orgs", "GET"),
        ("orgs", "POST"),
        ("orgs/{org}", "GET"),
        ("orgs/{org}", "PATCH"),
        ("orgs/{org}/members", "GET"),
        ("orgs/{org}/members/{user}", "DELETE"),
        ("orgs/{org}/members/{user}", "PUT"),
        ("orgs/{org}/policy", "GET"),
        ("orgs/{org}/policy", "PUT"),
        ("orgs/{org}/policy/clients/{client}", "PUT"),
        ("orgs/{org}/policy/clients/{client}/revoke", "POST"),
        ("orgs/{org}/review", "GET"),
        ("orgs/{org}/state", "PUT"),
        ("operators", "GET"),
        ("operators/{user}", "DELETE"),
        ("operators/{user}", "PUT"),
        ("explain", "GET"),
        ("roles", "GET"),
        ("upstreams", "GET"),
        ("users", "GET"),
        ("users", "POST"),
        ("users/{user}", "GET"),
        ("users/{user}/password", "POST"),
        ("users/{user}/state", "PUT"),
    ];
    let expected: BTreeSet<String> = expected.iter().map(|(path, method)| format!("/admin/v1/{path} {method}")).collect();
    assert_eq!(listed.into_iter().collect::<BTreeSet<_>>(), expected);
}

#[tokio::test]
async fn the_document_is_served_whole() {
    let fixture = Fixture::start().await;
    let url = format!("http://{}/admin/v1/openapi.json", fixture.admin);
    let served: Value = client().get(url).send().await.expect("an answer").json().await.expect("JSON");
    assert_eq!(served, serde_json::to_value(document()).expect("JSON"));
    serde_json::from_value::<utoipa::openapi::OpenApi>(served.clone()).expect("an OpenAPI document");
    // Every reference leads somewhere.
    let text = served.to_string();
    for reference in text.split("\"$ref\":\"#").skip(1).filter_map(|rest| rest.split('"').next()) {
        assert!(served.pointer(reference).is_some(), "{reference}");
    }
}

#[tokio::test]
async fn every_route_refuses_strangers() {
    let fixture = Fixture::start().await;
    let wrong = PlainToken::generate(TokenKind::Admin, &SeededEntropy::new(1));
    for (method, path) in operations() {
        let url = format!("http://{}{}", fixture.admin, path.replace(['{', '}'], ""));
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        for credential in [None, Some(format!("Bearer {}", wrong.expose())), Some(format!("Basic {}", fixture.secret.expose()))] {
            let mut request = client().request(method.clone(), &url);
            if let Some(credential) = credential {
                request = request.header("authorization", credential);
            }
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), StatusCode::UNAUTHORIZED, "{method} {path}");
            assert_eq!(answer.headers()["content-type"], "application/problem+json");
            assert!(answer.headers().contains_key("www-authenticate"));
        }
        // With the secret the same request gets further: the route exists.
        if path != "/admin/v1/audit/tail" {
            let known =
                client().request(method.clone(), &url).bearer_auth(fixture.secret.expose()).send().await.expect("an answer");
            let status = known.status();
            assert!(status != StatusCode::UNAUTHORIZED && status != StatusCode::METHOD_NOT_ALLOWED, "{method} {path}: {status}");
            assert!(status.is_success() || known.headers()["content-type"] == "application/problem+json", "{method} {path}");
        }
    }
}

#[tokio::test]
async fn health_is_for_everybody_and_says_why_not() {
    let fixture = Fixture::start().await;
    let ask = |path: &str| client().get(format!("http://{}{path}", fixture.admin)).send();
    assert_eq!(ask("/healthz").await.expect("an answer").status(), StatusCode::OK);
    let ready = ask("/readyz").await.expect("an answer");
    assert_eq!(ready.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: Value = ready.json().await.expect("JSON");
    assert_eq!(body["reasons"][0], "the store can't be reached");
    let metrics = ask("/metrics").await.expect("an answer").text().await.expect("text");
    assert!(metrics.contains("tollgate_build_info"), "{metrics}");
}

#[tokio::test]
async fn unreadable_requests_are_problems() {
    let fixture = Fixture::start().await;
    let post = |path: &str, body: &'static str| {
        let request = client().post(format!("http://{}/admin/v1/{path}", fixture.admin)).bearer_auth(fixture.secret.expose());
        request.header("content-type", "application/json").body(body).send()
    };
    for (path, body) in [("orgs", "{"), ("orgs", r#"{"slug":"a","colour":"red"}"#), ("users", r#"{"email":"a@b"}"#)] {
        let answer = post(path, body).await.expect("an answer");
        assert_eq!(answer.status(), StatusCode::BAD_REQUEST, "{path} {body}");
        let problem: Value = answer.json().await.expect("JSON");
        assert_eq!(problem["code"], "invalid", "{problem}");
    }
}
