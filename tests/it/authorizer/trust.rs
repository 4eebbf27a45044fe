//! Who is believed, and what of what a proxy or a client says.

use super::envoy::check;
use super::{QUERY, gateway, row, trusting, verdict};

const SECRET: &str = "proxy-s3cret-of-more-than-24-characters";

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed_who_is_not_listed() {
    let (gw, _, mut asks) = gateway("trusted_proxies = [\"192.0.2.0/24\"]").await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token).with("X-Forwarded-For", "192.0.2.1").with("X-Real-IP", "192.0.2.1");
    for request in [asked.nginx(), asked.forwarded("/auth/traefik"), asked.forwarded("/auth/caddy"), asked.envoy()] {
        let response = asks.ask(&request).await;
        assert_eq!((response.status, verdict(&response).as_str()), (403, "proxy_not_trusted"), "{response:?}");
        let record = gw.record_of(&response).await;
        assert_eq!(record.origin.peer.map(|p| p.ip().to_string()).as_deref(), Some("127.0.0.1"), "not who it says it is");
    }
    assert_eq!(check(&gw, &asked).await.verdict(), "proxy_not_trusted");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_needed_where_there_is_one_and_goes_no_further() {
    let dir = tempfile::tempdir().expect("a directory");
    let file = dir.path().join("proxy.secret");
    std::fs::write(&file, SECRET).expect("a file");
    std::fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).expect("a mode");
    let (gw, _, mut asks) = gateway(&format!("secret_file = \"{}\"", file.display())).await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let asked = row("GET", QUERY).bearer(&acme.token);
    assert_eq!(verdict(&asks.ask(&asked.nginx()).await), "proxy_not_trusted");
    let wrong = asked.nginx().header("X-Tollgate-Proxy-Secret", "proxy-s3cret-of-more-than-24-characterz");
    assert_eq!(verdict(&asks.ask(&wrong).await), "proxy_not_trusted");
    let right = asks.ask(&asked.nginx().header("X-Tollgate-Proxy-Secret", SECRET)).await;
    assert_eq!(verdict(&right), "allowed", "{right:?}");
    assert!(!format!("{right:?}{:?}", gw.calls().await).contains(SECRET));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_proxy_could_not_carry_out_is_refused() {
    let (gw, _, mut asks) = gateway("trusted_proxies = [\"127.0.0.1/32\"]").await;
    let acme = gw.caller("acme", &["reader"], "metrics:read dash:read").await;
    let me = &acme.token;
    let query = || row("GET", QUERY).bearer(me);
    for (asked, expected) in [
        (query(), "allowed"),
        (query().with("X-Forwarded-Proto", "https"), "allowed"),
        (query().with("X-WEBAUTH-USER", "root"), "headers_not_removable"),
        (query().with("X_Scope_OrgID", "x"), "headers_not_removable"),
        (query().with("X-Tollgate-User", "x"), "headers_not_removable"),
        (query().with("X-HTTP-Method-Override", "DELETE"), "headers_not_removable"),
        (query().with("Connection", "X-Tollgate-User"), "headers_not_removable"),
        (row("GET", "/prometheus/api/v1/quer%79").bearer(me), "target_not_replaceable"),
        (row("GET", "/prometheus/api/v1/query?query=up{job=\"x\"}").bearer(me), "target_not_replaceable"),
        (row("GET", "/prometheus/api/v1/query?access_token=x").bearer(me), "target_not_replaceable"),
        (row("GET", "/dash/api/acme/dashboards/7").bearer(me), "target_not_replaceable"),
        (row("GET", "/shared/api/v1/query?query=up").bearer(me), "label_not_enforceable"),
        (row("POST", "/mcp/tools").bearer(me), "permission_missing"),
        (row("GET", "/mcp"), "no_token"),
        (row("GET", "/login"), "no_api"),
        (row("GET", "/oauth2/token"), "no_api"),
        (
            row("OPTIONS", QUERY).with("Origin", "https://app.test").with("Access-Control-Request-Method", "GET"),
            "preflight_not_decided",
        ),
    ] {
        let response = asks.ask(&asked.nginx()).await;
        assert_eq!(verdict(&response), expected, "{} {}: {response:?}", asked.method, asked.target);
    }
    assert_eq!(gw.upstream.count(), 0);
    gw.running.stop().await;
}

/// `requirements/security.md` §3.1: what a client says about forwarding is never what is decided about.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_client_says_about_forwarding_is_not_what_is_asked() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let public = "/dash/health";
    let foreign = [
        ("nginx", vec!["X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Envoy-Original-Path"]),
        ("envoy", vec!["X-Original-URI", "X-Forwarded-Uri", "X-Original-URL", "X-Rewrite-URL", "X-Envoy-Original-Path"]),
        ("caddy", vec!["X-Original-URI", "X-Original-URL", "X-Rewrite-URL", "X-Forwarded-Prefix", "X-Replaced-Path"]),
    ];
    for (dialect, names) in foreign {
        for name in names {
            let asked =
                row("GET", "/prometheus/api/v1/rules").bearer(&acme.token).with(name, public).with("X-Forwarded-Port", "1");
            let request = match dialect {
                "nginx" => asked.nginx(),
                "envoy" => asked.envoy(),
                _ => asked.forwarded("/auth/caddy"),
            };
            assert_eq!(verdict(&asks.ask(&request).await), "permission_missing", "{dialect} {name}");
        }
    }
    // A proxy that lets the client's own header through beside its own says it twice: nobody can tell which is true.
    for (request, name) in [
        (row("GET", QUERY).nginx(), "X-Original-URI"),
        (row("GET", QUERY).nginx(), "X-Original-Method"),
        (row("GET", QUERY).forwarded("/auth/traefik"), "X-Forwarded-Uri"),
        (row("GET", QUERY).forwarded("/auth/traefik"), "X-Forwarded-Method"),
        (row("GET", QUERY).forwarded("/auth/caddy"), "X-Forwarded-Host"),
    ] {
        let response = asks.ask(&request.bearer(&acme.token).header(name, public)).await;
        assert_eq!(verdict(&response), "question_malformed", "{name}");
    }
    let health_check = row("GET", QUERY).with("User-Agent", "GoogleHC/1.0").with("X-Forwarded-Host", "gw.test");
    assert_eq!(verdict(&asks.ask(&health_check.nginx()).await), "no_token", "no user agent opens anything");
    gw.running.stop().await;
}
