//! Where the body decides, it has to be sent.

use tollgate::record::AuditRecord;

use super::{gateway, row, trusting, verdict};
use crate::harness::Api;
use crate::harness::audit::call;
use crate::harness::http1::Request;

/// Where the body may name an index of somebody else, it has to be there.
#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_names_indices_is_looked_through_or_not_let_pass() {
    let search = Api::named("search").pack("opensearch").keys(r#"tenant = { mode = "index", value = "{org.slug}." }"#);
    let (gw, _, mut asks) = gateway(&format!("trusted_proxies = [\"127.0.0.1/32\"]\nstrips_headers = true\n{search}")).await;
    let acme = gw.open_caller("acme", &["admin"], "logs:read logs:write").await;
    let ask = |method, target| row(method, target).bearer(&acme.token).with("Content-Type", "application/json");
    let query = ask("POST", "/search/acme.logs/_search");
    let claims = |request: Request| request.header("X-Envoy-Auth-Partial-Body", "false");
    for unsent in [query.nginx(), query.envoy(), claims(query.envoy()), claims(ask("GET", "/search/acme.logs/_search").envoy())] {
        assert_eq!(verdict(&asks.ask(&unsent).await), "body_not_sent");
    }
    let bare = row("GET", "/search/acme.logs/_search").bearer(&acme.token);
    assert_eq!(verdict(&asks.ask(&bare.nginx()).await), "body_not_sent", "nobody knows that there is none");
    for (index, told) in [("acme.users", "allowed"), ("beta.users", "other_organization_index")] {
        let body = format!(r#"{{"query":{{"terms":{{"u":{{"index":"{index}","id":"1","path":"p"}}}}}}}}"#);
        assert_eq!(verdict(&asks.ask(&claims(query.envoy()).body(body)).await), told);
    }
    assert_eq!(verdict(&asks.ask(&ask("POST", "/search/acme.logs/_doc").nginx()).await), "allowed", "a document is a document");
    assert_eq!(verdict(&asks.ask(&ask("POST", "/search/beta.logs/_doc").nginx()).await), "other_organization_index");
    gw.running.stop().await;
}

/// Where a form could name a tenant, it has to be there too.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_could_name_a_tenant_is_looked_through_or_not_let_pass() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["reader"], "metrics:read").await;
    let post = |kind: &'static str| row("POST", "/prometheus/api/v1/query").bearer(&acme.token).with("Content-Type", kind);
    let form = post("application/x-www-form-urlencoded");
    assert_eq!(verdict(&asks.ask(&form.nginx()).await), "body_not_sent");
    assert_eq!(verdict(&asks.ask(&post("application/json").nginx()).await), "allowed");
    assert_eq!(verdict(&asks.ask(&post("multipart/form-data; boundary=x").nginx()).await), "form_expected");
    let sent = |body: &str, partial: &str| form.envoy().header("X-Envoy-Auth-Partial-Body", partial).body(body);
    assert_eq!(verdict(&asks.ask(&sent("query=up", "false")).await), "allowed");
    assert_eq!(verdict(&asks.ask(&sent("query=up&tenant=b", "false")).await), "other_organization_query");
    assert_eq!(verdict(&asks.ask(&sent("query=up", "true")).await), "body_too_large");
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_mcp_message_decides_when_it_is_sent() {
    let (gw, _, mut asks) = trusting().await;
    let acme = gw.caller("acme", &["agent"], "mcp:tools:invoke metrics:read").await;
    let tool =
        |name: &str| format!(r#"{{"jsonrpc":"2.0","id":7,"method":"tools/call","params":{{"name":"{name}","arguments":{{}}}}}}"#);
    let post = row("POST", "/mcp/tools").bearer(&acme.token).with("Content-Type", "application/json");
    assert_eq!(verdict(&asks.ask(&post.nginx()).await), "body_not_sent");
    assert_eq!(verdict(&asks.ask(&post.envoy()).await), "body_not_sent");
    let sent = |name: &str, partial: &str| post.envoy().header("X-Envoy-Auth-Partial-Body", partial).body(tool(name));
    assert_eq!(verdict(&asks.ask(&sent("echo", "false")).await), "allowed");
    assert_eq!(verdict(&asks.ask(&sent("write-note", "false")).await), "insufficient_scope");
    assert_eq!(verdict(&asks.ask(&sent("forbidden", "false")).await), "target_denied");
    assert_eq!(verdict(&asks.ask(&sent("echo", "true")).await), "body_too_large");
    let claimed = asks.ask(&post.envoy().header("X-Envoy-Auth-Partial-Body", "false")).await;
    assert_eq!(verdict(&claimed), "body_not_sent", "a client says so where its proxy sends no bodies");
    let node = &gw.running.node;
    let team = serde_json::from_value(serde_json::json!({"metrics:read": {"team": ["a"]}})).expect("selectors");
    let narrowed = node.store.select_in_grant(&acme.grant.id, &acme.user.id, &team, &node.own_cause()).await;
    assert!(narrowed.expect("an answer"));
    node.settle().await.expect("it is seen");
    assert_eq!(verdict(&asks.ask(&sent("echo", "false")).await), "allowed");
    assert_eq!(verdict(&asks.ask(&sent("get-sum", "false")).await), "permission_narrowed", "by what the tool needs");
    let allowed = gw.calls().await;
    let tools: Vec<_> = allowed.iter().filter_map(tool_of).collect();
    assert_eq!(tools, ["echo", "write-note", "forbidden", "echo", "get-sum"]);
    gw.running.stop().await;
}

fn tool_of(record: &AuditRecord) -> Option<String> {
    call(record).mcp.as_ref()?.target.clone()
}
