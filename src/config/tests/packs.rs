//! What the packs let through.

use http::Method;

use super::super::pack::{self, PACKS};
use super::super::{Access, Config};
use super::proved;
use crate::routing::Lookup;

const MOUNTED: &str = r#"
[[upstreams]]
name = "p"
endpoints = ["http://127.0.0.1:9090"]
[[apis]]
name = "prometheus"
mount = "/prometheus"
pack = "prometheus"
upstream = "p"
"#;

/// What a request to the first API needs: its scopes, `public`, or why there is no route.
fn needs(config: &Config, method: &Method, path: &str) -> String {
    match config.apis[0].routes.lookup(path, method) {
        Lookup::Found { route, .. } => match route.access {
            Access::Public => "public".to_owned(),
            Access::Scopes(bits) => config.catalogue.scopes(&bits).to_string(),
        },
        Lookup::MethodNotAllowed { .. } => "method".to_owned(),
        Lookup::NotFound => "none".to_owned(),
    }
}

#[test]
fn every_pack_is_whole() {
    for (name, text) in PACKS {
        let pack = pack::parse(text).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert!(pack.routes.iter().all(|r| r.id.is_some() && !r.public), "{name}: every route has an id and scopes");
        assert!(pack.scopes.values().all(|s| s.group.is_some() && s.risk.is_some()), "{name}: every scope says group and risk");
    }
}

#[test]
fn prometheus_routes_need_what_they_do() {
    let config = proved(MOUNTED);
    let (get, post, put, delete) = (Method::GET, Method::POST, Method::PUT, Method::DELETE);
    let table: &[(&Method, &str, &str)] = &[
        (&get, "/api/v1/query", "metrics:read"),
        (&post, "/api/v1/query", "metrics:read"),
        (&post, "/api/v1/query_range", "metrics:read"),
        (&get, "/api/v1/query_exemplars", "metrics:read"),
        (&get, "/api/v1/format_query", "metrics:read"),
        (&get, "/api/v1/parse_query", "metrics:read"),
        (&get, "/api/v1/series", "metrics:read"),
        (&post, "/api/v1/labels", "metrics:read"),
        (&get, "/api/v1/label/job/values", "metrics:read"),
        (&post, "/api/v1/label/job/values", "method"),
        (&get, "/api/v1/metadata", "metrics:read"),
        (&post, "/api/v1/search/metric_names", "metrics:read"),
        (&get, "/api/v1/search/label_values", "metrics:read"),
        (&post, "/api/v1/read", "metrics:read"),
        (&get, "/federate", "metrics:read"),
        (&get, "/api/v1/status/buildinfo", "metrics:read"),
        (&get, "/api/v1/rules", "rules:read"),
        (&get, "/api/v1/alerts", "alerts:read"),
        (&get, "/api/v1/alertmanagers", "alerts:read"),
        (&get, "/api/v1/targets", "upstream:inspect"),
        (&get, "/api/v1/targets/metadata", "upstream:inspect"),
        (&get, "/api/v1/targets/relabel_steps", "upstream:inspect"),
        (&get, "/api/v1/scrape_pools", "upstream:inspect"),
        (&get, "/api/v1/status/config", "upstream:inspect"),
        (&get, "/api/v1/status/flags", "upstream:inspect"),
        (&get, "/api/v1/status/runtimeinfo", "upstream:inspect"),
        (&get, "/api/v1/status/tsdb", "upstream:inspect"),
        (&get, "/api/v1/status/tsdb/blocks", "upstream:inspect"),
        (&get, "/api/v1/status/self_metrics", "upstream:inspect"),
        (&get, "/api/v1/status/walreplay", "upstream:inspect"),
        (&get, "/api/v1/features", "upstream:inspect"),
        (&get, "/api/v1/notifications", "upstream:inspect"),
        (&get, "/api/v1/notifications/live", "upstream:inspect"),
        (&get, "/api/v1/openapi.yaml", "upstream:inspect"),
        (&post, "/api/v1/write", "metrics:write"),
        (&get, "/api/v1/write", "method"),
        (&post, "/api/v1/otlp/v1/metrics", "metrics:write"),
        (&post, "/api/v1/admin/tsdb/delete_series", "metrics:delete"),
        (&put, "/api/v1/admin/tsdb/clean_tombstones", "metrics:delete"),
        (&post, "/api/v1/admin/tsdb/snapshot", "metrics:delete"),
        (&get, "/api/v1/admin/tsdb/delete_series", "method"),
        (&delete, "/api/v1/series", "method"),
        (&put, "/-/reload", "none"),
        (&post, "/-/quit", "none"),
        (&get, "/-/ready", "none"),
        (&get, "/debug/pprof/heap", "none"),
        (&get, "/metrics", "none"),
        (&get, "/consoles/index.html", "none"),
        (&get, "/graph", "none"),
        (&get, "/query", "none"),
        (&get, "/", "none"),
        (&get, "", "none"),
        (&get, "/api/v1/", "none"),
        (&get, "/api/v1/query/", "none"),
        (&get, "/api/v1/QUERY", "none"),
        (&get, "/api/v1/admin/tsdb", "none"),
        (&get, "/api/v1/label/a/b/values", "none"),
        (&get, "/api/v2/query", "none"),
    ];
    for (method, path, expected) in table {
        assert_eq!(needs(&config, method, path), *expected, "{method} {path}");
    }
}

#[test]
fn dangerous_scopes_are_private_and_unadvertised() {
    let config = proved(MOUNTED);
    let advertised = config.apis[0].advertised.to_string();
    assert_eq!(advertised, "alerts:read metrics:read metrics:write rules:read");
    let viewer = crate::types::RoleName::parse("viewer").expect("a name");
    let held = config.catalogue.scopes(&config.roles.permissions(&[viewer])).to_string();
    assert_eq!(held, "alerts:read applications:read mcp:tollgate:invoke metrics:read rules:read");
}
