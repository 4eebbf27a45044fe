//! Several MCP servers behind one gateway, each chosen by its name in the path, the organization by the host.

use serde_json::json;

use crate::harness::audit::{call, reason};
use crate::harness::http1::{Conn, Request};
use crate::harness::{Api, Caller, Gateway, Setup};

fn servers() -> Setup {
    let server = |name: &str| {
        Api::mcp(name)
            .mount(&format!("/platform-reserved/mcp-gateway/v0.1/servers/{name}/mcp"))
            .keys("host = \"{org}.apps.test\"\ntools = { default = [] }")
            .keys(r#"tenant = { mode = "header", name = "X-Scope-OrgID", value = "{org.tenant}" }"#)
    };
    let roles = "[roles.platform]\npermissions = [\"mcp:alpha:invoke\", \"mcp:omega:invoke\"]";
    Setup { more: format!("{roles}{}{}", server("alpha"), server("omega")), ..Setup::default() }
}

/// What a client says first to a server, on the host of an organization.
fn hello(caller: &Caller, server: &str, org: &str) -> Request {
    let params =
        json!({ "protocolVersion": "2024-11-05", "capabilities": {}, "clientInfo": { "name": "suite", "version": "1" } });
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params }).to_string();
    Request::new("POST", &format!("/platform-reserved/mcp-gateway/v0.1/servers/{server}/mcp"))
        .host(&format!("{org}.apps.test"))
        .bearer(&caller.token)
        .header("Content-Type", "application/json")
        .header("Accept", "application/json, text/event-stream")
        .body(body)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_is_chosen_by_its_name_and_an_organization_by_its_host() {
    let gw = Gateway::start_with(servers()).await;
    let both = "mcp:alpha:invoke mcp:omega:invoke";
    let (acme, other) = (gw.open_caller("acme", &["platform"], both).await, gw.open_caller("other", &["platform"], both).await);
    let mut conn = Conn::open(gw.running.public).await;
    for (caller, org) in [(&acme, "acme"), (&other, "other")] {
        for server in ["alpha", "omega"] {
            let answer = conn.ask(&hello(caller, server, org)).await;
            assert_eq!(answer.status, 200, "{server} of {org}: {answer:?}");
            assert_eq!(gw.upstream.last().header("x-scope-orgid"), format!("tenant-{org}"));
            let record = gw.record_of(&answer).await;
            assert_eq!((call(&record).api.as_str(), record.org.as_ref()), (server, Some(&caller.org.id)));
        }
    }
    let before = gw.upstream.count();
    let foreign = conn.ask(&hello(&acme, "alpha", "other")).await;
    assert_eq!((foreign.status, reason(&gw.record_of(&foreign).await)), (404, "other_organization_host"), "{foreign:?}");
    assert_eq!(conn.ask(&hello(&acme, "nobody", "acme")).await.status, 404, "there is no such server");
    let narrow = gw.grant_to(&acme.org, &acme.user, &acme.client, "mcp:alpha:invoke").await;
    let refused = conn.ask(&hello(&narrow, "omega", "acme")).await;
    assert_eq!((refused.status, reason(&gw.record_of(&refused).await)), (403, "insufficient_scope"), "{refused:?}");
    assert!(refused.header("www-authenticate").is_some_and(|said| said.contains("mcp:omega:invoke")), "{refused:?}");
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}
