//! RFC 7591, as clients in the field speak it.

use http::StatusCode;
use serde_json::{Value, json};

use super::rig::Rig;

#[tokio::test]
async fn rfc7591_s2_what_is_taken_and_what_is_made_of_it() {
    let rig = Rig::new().await;
    let cases = [
        (
            json!({"redirect_uris": ["https://a.test/cb"], "grant_types": ["authorization_code", "refresh_token", "implicit"]}),
            "client_secret_basic",
            true,
        ),
        (json!({"redirect_uris": ["https://a.test/cb"]}), "client_secret_basic", true),
        (json!({"redirect_uris": ["https://a.test/cb"], "token_endpoint_auth_method": "none"}), "none", false),
        (
            json!({"redirect_uris": ["https://a.test/cb"], "token_endpoint_auth_method": "client_secret_post", "client_name": null}),
            "client_secret_post",
            true,
        ),
        (
            json!({"redirect_uris": ["http://localhost/callback"], "token_endpoint_auth_method": "none", "application_type": "native",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"],
            "response_types": ["code"], "scope": "anything at:all", "software_id": "x", "unknown": {"a": [1]}}),
            "none",
            false,
        ),
    ];
    for (body, method, secret) in cases {
        let answer = rig.json("/oauth2/register", &body.to_string()).await;
        assert_eq!(answer.status, StatusCode::CREATED, "{body} {}", answer.body);
        let made = answer.json();
        assert_eq!(made["token_endpoint_auth_method"], method);
        assert_eq!(made["grant_types"], json!(["authorization_code", "refresh_token"]));
        assert_eq!(made.get("client_secret").is_some(), secret, "{made}");
        assert_eq!(made.get("client_secret_expires_at").cloned(), secret.then(|| json!(0)));
        assert!(made.as_object().is_some_and(|o| o.values().all(|v| *v != Value::Null)), "{made}");
        assert!(!made["client_id"].as_str().unwrap_or_default().starts_with("https:"));
        assert_eq!(answer.headers["cache-control"], "no-store");
        assert_eq!(made.get("scope").cloned(), body.get("scope").cloned());
    }
}

#[tokio::test]
async fn a_mixed_set_of_redirect_uris_keeps_the_good_ones() {
    let rig = Rig::new().await;
    let all = [
        "cursor://anysphere.cursor-mcp/oauth/callback",
        "http://evil.test/cb",
        "http://localhost:8787/callback",
        "javascript:alert(1)",
    ];
    let answer =
        rig.json("/oauth2/register", &json!({"redirect_uris": all, "token_endpoint_auth_method": "none"}).to_string()).await;
    assert_eq!(answer.json()["redirect_uris"], json!([all[0], all[2]]));
}

#[tokio::test]
async fn rfc7591_s3_2_2_what_is_refused() {
    let rig = Rig::new().await;
    let uri = "https://a.test/cb";
    let many: Vec<String> = (0..11).map(|i| format!("{uri}{i}")).collect();
    let cases = [
        (json!({}), "invalid_redirect_uri"),
        (json!({"redirect_uris": many}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["http://evil.test/cb"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": ["https://a.test/*"]}), "invalid_redirect_uri"),
        (json!({"redirect_uris": "https://a.test"}), "invalid_client_metadata"),
    ];
    for (body, error) in cases {
        let answer = rig.json("/oauth2/register", &body.to_string()).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, error), "{body}");
    }
}

#[tokio::test]
async fn metadata_that_can_not_work_is_refused() {
    let rig = Rig::new().await;
    let with = |name: &str, value: Value| json!({"redirect_uris": ["https://a.test/cb"], name: value}).to_string();
    for body in [
        with("client_name", json!("x".repeat(201))),
        with("token_endpoint_auth_method", json!("private_key_jwt")),
        with("response_types", json!(["token"])),
        with("grant_types", json!(["client_credentials"])),
        "not json".to_owned(),
    ] {
        let answer = rig.json("/oauth2/register", &body).await;
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_client_metadata"), "{body}");
    }
}

#[tokio::test]
async fn registration_is_bounded_in_size_and_number() {
    let rig = Rig::new().await;
    let large = json!({"redirect_uris": ["https://a.test/cb"], "x": "y".repeat(65 * 1024)}).to_string();
    assert_eq!(rig.json("/oauth2/register", &large).await.status, StatusCode::PAYLOAD_TOO_LARGE);
    for _ in 0..4 {
        rig.registered().await;
    }
    let body = json!({"redirect_uris": ["https://a.test/cb"]}).to_string();
    let answer = rig.json("/oauth2/register", &body).await;
    assert_eq!((answer.status, answer.error().as_str()), (StatusCode::TOO_MANY_REQUESTS, "too_many_requests"));
    assert!(answer.headers.contains_key("retry-after"));
    rig.later(3600);
    rig.registered().await;
}
