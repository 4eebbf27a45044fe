//! `scopes_any`: one of several scopes is enough, whichever it is.

use tollgate::admin::{Administration as _, ExplainQuery, Local};

use crate::harness::audit::{call, outcome};
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Api, Caller, Gateway, Setup, within};

const ROLES: &str = r#"
[roles.queries]
permissions = ["metrics:read"]
[roles.team]
permissions = ["metrics:read"]
selectors."metrics:read" = { team = "a" }
[roles.rules]
permissions = ["rules:read"]
[roles.stage]
permissions = ["rules:read"]
selectors."rules:read" = { stage = "p" }
[roles.boards]
permissions = ["dash:read"]
"#;

const EITHER: &str = r#"scopes_any = ["metrics:read", "rules:read"]"#;
const ALL: &str = "metrics:read rules:read dash:read";

async fn gateway() -> Gateway {
    let choice = Api::named("choice").behind("metrics").route("either", "GET", "/either", EITHER);
    let choice = choice.route("with", "GET", "/with", &format!("scopes = [\"dash:read\"]\n{EITHER}"));
    let choice = choice.route("query", "GET", "/api/v1/query", &format!("{EITHER}\nenforce = \"promql_query\""));
    Gateway::start_with(Setup { more: format!("{ROLES}{choice}"), file: true, ..Setup::default() }).await
}

async fn get(gw: &Gateway, caller: &Caller, path: &str) -> Response {
    ask(gw.running.public, &Request::get(path).bearer(&caller.token)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_several_scopes_opens_a_route() {
    let gw = gateway().await;
    let cases = [
        ("one", &["queries"][..], "/choice/either", "metrics:read"),
        ("two", &["rules"], "/choice/either", "rules:read"),
        ("three", &["rules", "queries"], "/choice/either", "metrics:read"),
        ("four", &["rules", "boards"], "/choice/with", "dash:read rules:read"),
    ];
    for (slug, roles, path, needed) in cases {
        let caller = gw.open_caller(slug, roles, ALL).await;
        let response = get(&gw, &caller, path).await;
        assert_eq!(response.status, 200, "{slug}: {response:?}");
        let record = gw.record_of(&response).await;
        assert_eq!(call(&record).scopes_needed.to_string(), needed, "{slug}: what it was let in by");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_holds_none_is_told_of_one_that_would_help() {
    let gw = gateway().await;
    let boards = gw.open_caller("one", &["boards"], ALL).await;
    let (rules, queries) =
        (gw.open_caller("two", &["rules"], "dash:read").await, gw.open_caller("three", &["queries"], ALL).await);
    let cases = [
        (&boards, "/choice/either", "permission_missing", "metrics:read"),
        (&rules, "/choice/either", "insufficient_scope", "rules:read"),
        (&queries, "/choice/with", "permission_missing", "dash:read metrics:read"),
    ];
    let before = gw.upstream.count();
    for (caller, path, code, needed) in cases {
        let response = get(&gw, caller, path).await;
        assert_eq!((response.status, response.reason().as_deref()), (403, Some(code)), "{path}: {response:?}");
        let challenge = response.header("www-authenticate").unwrap_or_default();
        // Beside what the token has already: a client that asks for that loses nothing.
        let asks = challenge.contains("missing: rules:read\"") && challenge.contains("scope=\"dash:read rules:read\"");
        assert_eq!(asks, code == "insufficient_scope", "{path}: {challenge}");
        let record = gw.record_of(&response).await;
        assert_eq!(call(&record).scopes_needed.to_string(), needed, "{path}");
    }
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

/// A stream of the route, which has given one event.
async fn stream(gw: &Gateway, caller: &Caller) -> (Conn, Response) {
    let mut conn = Conn::open(gw.running.public).await;
    conn.send(&Request::get("/choice/either").bearer(&caller.token).header("X-Behave", "events").bytes()).await;
    let head = within("a response head", conn.head()).await.expect("a head");
    assert_eq!(head.status, 200, "{head:?}");
    goes_on(gw, &mut conn).await;
    (conn, head)
}

async fn goes_on(gw: &Gateway, conn: &mut Conn) {
    gw.upstream.emit("data: on\n\n");
    assert_eq!(within("an event", conn.chunk()).await, Some(Some(b"data: on\n\n".to_vec())));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_while_one_of_them_is_left() {
    let gw = gateway().await;
    let caller = gw.open_caller("acme", &["queries", "rules"], ALL).await;
    let (mut conn, head) = stream(&gw, &caller).await;
    gw.member(&caller.org, &caller.user, &["rules"]).await;
    goes_on(&gw, &mut conn).await;
    gw.member(&caller.org, &caller.user, &["boards"]).await;
    assert_eq!(within("the end of the stream", conn.chunk()).await, None);
    assert_eq!(outcome(&gw.record_of(&head).await), "Revocation");
    gw.running.stop().await;
}

/// Over a catalogue in which every scope has another position.
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_goes_on_under_another_configuration_that_lets_it_in() {
    let gw = gateway().await;
    let caller = gw.open_caller("acme", &["queries", "rules"], ALL).await;
    let (mut conn, _) = stream(&gw, &caller).await;
    let text = gw.text();
    let shifted = format!("{text}\n[scopes.\"a:first\"]\ndescription = \"Comes first\"\n");
    let other = shifted.replacen(EITHER, r#"scopes_any = ["a:first", "rules:read"]"#, 1);
    for next in [shifted, other.clone()] {
        gw.rewrite(&next);
        assert!(gw.running.reload());
        goes_on(&gw, &mut conn).await;
    }
    gw.rewrite(&other.replacen(r#"["a:first", "rules:read"]"#, r#"["a:first", "dash:read"]"#, 1));
    assert!(gw.running.reload());
    assert_eq!(within("the end of the stream", conn.chunk()).await, None);
    gw.running.stop().await;
}

/// Never wider than one of them alone allows.
#[tokio::test(flavor = "multi_thread")]
async fn what_narrows_is_what_it_was_let_in_by() {
    let gw = gateway().await;
    let cases = [
        ("one", &["team"][..], r#"up{team="a"}"#),
        ("two", &["stage"], r#"up{stage="p"}"#),
        ("three", &["team", "stage"], r#"up{team="a"}"#),
        ("four", &["team", "rules"], "up"),
        ("five", &["queries", "stage"], "up"),
    ];
    for (slug, roles, query) in cases {
        let caller = gw.open_caller(slug, roles, ALL).await;
        let response = get(&gw, &caller, "/choice/api/v1/query?query=up").await;
        assert_eq!(response.status, 200, "{slug}: {response:?}");
        let target = gw.upstream.last().target();
        let (_, sent) = target.split_once('?').expect("a query");
        let sent: Vec<_> = url::form_urlencoded::parse(sent.as_bytes()).into_owned().collect();
        assert_eq!(sent, [("query".to_owned(), query.to_owned())], "{slug}");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_explained_as_it_is_decided() {
    let gw = gateway().await;
    let caller = gw.open_caller("acme", &["rules", "boards"], "dash:read").await;
    let query = ExplainQuery {
        method: Some("GET".to_owned()),
        path: Some("/choice/with".to_owned()),
        org: Some(caller.org.slug.to_string()),
        user: Some(caller.user.email.clone()),
        client: Some(caller.client.id.to_string()),
        ..ExplainQuery::default()
    };
    let admin = Local::new(gw.running.node.clone());
    let view = admin.explain(query.clone()).await.expect("an explanation");
    let route = view.steps.iter().find(|step| step.stage == "route").expect("the route");
    assert_eq!(route.says, "choice.with (/with) needs dash:read and one of metrics:read, rules:read.");
    let lacks: Vec<_> = view.lacks.iter().map(|lack| (lack.scope.as_str(), lack.factor.as_str())).collect();
    assert_eq!((view.allowed, lacks), (false, vec![("rules:read", "grant"), ("rules:read", "token")]), "{view:?}");

    // Through another client: of two grants to one client, made at the same moment, either may be the last.
    let other = gw.grant_to(&caller.org, &caller.user, &gw.client(None).await, "dash:read rules:read").await;
    let query = ExplainQuery { client: Some(other.client.id.to_string()), ..query };
    let view = admin.explain(query).await.expect("an explanation");
    let decided = view.steps.iter().find(|step| step.stage == "authorize").expect("the decision");
    assert_eq!((view.allowed, decided.says.as_str()), (true, "All of dash:read rules:read is held."));
    gw.running.stop().await;
}
