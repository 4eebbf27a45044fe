//! Headers from templates: ours, and only ours.

use super::{ECHO, gateway, zoe};
use crate::harness::Gateway;
use crate::harness::http1::{Conn, Request, ask};

const HEADERS: &str = r#"
headers = [
    { header = "X-Org", value = "{org.tenant}|{org.id}|{org.slug}" },
    { header = "X-User", value = "{user.id} <{user.email}>" },
    { header = "X-Name", value = "{user.name}" },
    { header = "X-Client", value = "{client.id} {client.name}" },
    { header = "X-Token", value = "{grant.id} {token.id}" },
    { header = "X-Scopes", value = "{scopes}" },
    { header = "X-Ours", value = "{request.id}" },
    { header = "X-Fixed", value = "gate" },
]
"#;

/// A route of its own with a header in place of the API's.
const ROUTE: &str = r#"
[[apis.routes]]
id = "echo.own"
match = "/own"
methods = ["GET"]
scopes = ["metrics:read"]
headers = [{ header = "X-Fixed", value = "{org.slug}" }, { header = "X-Route", value = "own" }]
"#;

#[tokio::test(flavor = "multi_thread")]
async fn each_name_is_filled_with_what_the_gate_knows() {
    let gw = gateway(HEADERS, ROUTE).await;
    let caller = zoe(&gw).await;
    let answer = ask(gw.running.public, &Request::get(ECHO).bearer(&caller.token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = gw.upstream.last();
    let (org, user, client) = (&caller.org, &caller.user, &caller.client);
    assert_eq!(seen.header("x-org"), format!("tenant-acme|{}|acme", org.id));
    assert_eq!(seen.header("x-user"), format!("{} <zoe@acme.test>", user.id));
    assert_eq!(seen.header("x-name"), "Zo%C3%AB 100%25");
    assert_eq!(seen.header("x-client"), format!("{} Test client", client.id));
    let jti = gw.running.node.verifier.verify(&caller.token, &gw.running.node.config.load().issuer, gw.running.node.now());
    assert_eq!(seen.header("x-token"), format!("{} {}", caller.grant.id, jti.expect("our token").jti));
    assert_eq!(seen.header("x-scopes"), "dash:read metrics:read");
    assert_eq!(seen.header("x-ours"), answer.request_id());
    assert_eq!(seen.header("x-fixed"), "gate");
    assert!(seen.values("x-route").is_empty());
    let answer = ask(gw.running.public, &Request::get("/echo/own").bearer(&caller.token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let seen = gw.upstream.last();
    assert_eq!((seen.header("x-fixed"), seen.header("x-route")), ("acme".into(), "own".into()), "the route's own");
    assert_eq!(seen.header("x-name"), "Zo%C3%AB 100%25", "and the API's");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_user_may_no_longer_do_is_not_told() {
    let gw = gateway(HEADERS, "").await;
    let caller = zoe(&gw).await;
    let mut conn = Conn::open(gw.running.public).await;
    let query = Request::get(ECHO).bearer(&caller.token);
    assert_eq!(conn.ask(&query).await.status, 200);
    assert_eq!(gw.upstream.last().header("x-scopes"), "dash:read metrics:read");
    gw.member(&caller.org, &caller.user, &["operator"]).await;
    assert_eq!(conn.ask(&query).await.status, 200);
    assert_eq!(gw.upstream.last().header("x-scopes"), "metrics:read");
    gw.running.stop().await;
}

/// What `Connection` names does not go on, which is no way to take away what the gate says of a caller.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_takes_none_of_them_away() {
    let gw = gateway(HEADERS, "").await;
    let caller = zoe(&gw).await;
    let names = ["X-Org", "X-User", "X-Name", "X-Client", "X-Token", "X-Scopes", "X-Ours", "X-Fixed"];
    for name in names {
        for spelt in [name.to_owned(), name.to_lowercase(), name.to_uppercase()] {
            let before = gw.upstream.count();
            let request = Request::get(ECHO).bearer(&caller.token).header("Connection", &spelt).header(&spelt, "forged");
            let answer = ask(gw.running.public, &request).await;
            if answer.status != 200 {
                assert_eq!((answer.status / 100, gw.upstream.count()), (4, before), "{spelt}: {answer:?}");
                continue;
            }
            let seen = gw.upstream.last();
            assert!(names.iter().all(|ours| seen.values(&ours.to_lowercase()).len() == 1), "{spelt}: {}", seen.text());
            assert!(!seen.text().contains("forged"), "{spelt}: {}", seen.text());
        }
    }
    gw.running.stop().await;
}

async fn forged(gw: &Gateway, path: &str, token: Option<&str>) {
    let names = ["X-Org", "X-USER", "x-name", "x_client", "X.Token", "X_Scopes", "x-ours", "X-Fixed", "x-route", "X_Route"];
    let mut request = Request::get(path);
    for name in names {
        request = request.header(name, "forged").header(name, "forged twice");
    }
    if let Some(token) = token {
        request = request.bearer(token);
    }
    let before = gw.upstream.count();
    let answer = ask(gw.running.public, &request).await;
    if answer.status != 200 {
        // What could be read in two ways may be refused, and reaches nobody then.
        assert_eq!((answer.status / 100, gw.upstream.count()), (4, before), "{answer:?}");
        return;
    }
    let seen = gw.upstream.last();
    assert!(!seen.text().contains("forged"), "{}", seen.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_can_say_none_of_them() {
    let gw = gateway(HEADERS, ROUTE).await;
    let caller = zoe(&gw).await;
    forged(&gw, ECHO, Some(&caller.token)).await;
    forged(&gw, "/echo/own", Some(&caller.token)).await;
    // Names of one API are nobody's to say at another either.
    forged(&gw, "/open/x", None).await;
    forged(&gw, "/echo/open", None).await;
    for name in ["X-Org", "x-user", "X-FIXED", "x-route"] {
        let request = Request::get(ECHO).bearer(&caller.token).header(name, "forged");
        let answer = ask(gw.running.public, &request).await;
        assert_eq!(answer.status, 200, "{name}");
        assert!(!gw.upstream.last().text().contains("forged"), "{name}");
        let answer = ask(gw.running.public, &Request::get("/echo/open").header(name, "forged")).await;
        assert_eq!(answer.status, 200, "{name}");
        let seen = gw.upstream.last();
        assert!(seen.values(name).is_empty(), "nobody is known on a public route: {}", seen.text());
    }
    gw.running.stop().await;
}
