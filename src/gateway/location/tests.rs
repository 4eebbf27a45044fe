use super::map::{Map, Other};
use super::secrets::Secrets;
use super::*;
use crate::config::Kind as _;

fn endpoints(urls: &[&str]) -> Vec<Endpoint> {
    urls.iter().map(|url| Endpoint::read(url).expect("an endpoint")).collect()
}

/// An API at `/m` that is all of its upstream.
fn map<'a>(endpoints: &'a [Endpoint], path: &str) -> Map<'a> {
    Map {
        mount: "/m",
        endpoint: &endpoints[0],
        path: path.to_owned(),
        prefix: "",
        endpoints,
        others: Vec::new(),
        hidden: Vec::new(),
        mounts: vec!["/loki"],
        host: ("gw.test", 443),
        secrets: Secrets::of(["Bearer hunter2-hunter2"].into_iter()),
    }
}

fn text(led: Option<HeaderValue>) -> Option<String> {
    led.map(|led| led.to_str().expect("text").to_owned())
}

fn value(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).expect("a header")
}

fn leads(prefix: &str, rows: &[(&str, Option<&str>)]) {
    let endpoints = endpoints(&["http://prom.internal:9090/base", "https://[2001:db8::1]/base", "http://10.0.0.7:9090"]);
    let others = self::endpoints(&["http://loki.internal:3100", "http://prom.internal:9090/ruler", "http://tempo.internal/t"]);
    let other = |endpoint, mount, prefix: Option<&str>| Other { endpoint, mount, prefix: prefix.map(str::to_owned) };
    let quiet = self::endpoints(&["http://quiet.internal:8080"]);
    let map = Map {
        hidden: quiet.iter().collect(),
        mount: "/prometheus",
        path: format!("/base{prefix}/api/v1/query"),
        prefix,
        others: vec![
            other(&others[0], "/loki", Some("")),
            other(&others[0], "/loki-too", Some("")),
            other(&others[0], "/loki-push", Some("/loki/api/v1/push")),
            other(&others[1], "/ruler", Some("/o/acme")),
            other(&others[2], "/tempo", None),
        ],
        ..self::map(&endpoints, "")
    };
    for (came, wanted) in rows {
        assert_eq!(text(map.lead(&value(came))).as_deref(), *wanted, "{came} {prefix}");
    }
}

#[test]
fn absolute_references_lead_through_the_mount_or_to_somebody_else() {
    leads(
        "",
        &[
            ("http://prom.internal:9090/base/graph?a=b#c", Some("/prometheus/graph?a=b#c")),
            ("https://PROM.internal.:9090/base/graph", Some("/prometheus/graph")),
            ("http://user@prom.internal:9090/base", Some("/prometheus")),
            ("//prom.internal:9090/base/x", Some("/prometheus/x")),
            ("https:\\\\prom.internal:9090\\base\\x", Some("/prometheus/x")),
            ("https://[2001:db8:0::1]/base/", Some("/prometheus/")),
            ("http://[::ffff:10.0.0.7]:9090/x", Some("/prometheus/x")),
            ("http://10.0.0.7:9090", Some("/prometheus/")),
            ("http://prom.internal:9090/admin", None),
            ("http://prom.internal:9090/base/../admin", None),
            ("http://prom.internal:9090/base%2F", None),
            // Tabs and ends of lines are nothing to a browser, and one host has many spellings.
            ("http:/\t/prom.internal:9090/base/x", Some("/prometheus/x")),
            ("http:prom%2einternal:09090/base/x", Some("/prometheus/x")),
            ("http://0xa000007:9090/x", Some("/prometheus/x")),
            // Another API is at its mount, whose is most of the path.
            ("http://loki.internal:3100/", Some("/loki/")),
            ("//loki.internal:3100", Some("/loki/")),
            ("http://loki.internal:3100/loki/api/v1/push?a", Some("/loki-push?a")),
            ("http://prom.internal:9090/ruler/o/acme/rules", Some("/ruler/rules")),
            ("http://prom.internal:9090/ruler/o/evil/rules", None),
            ("http://tempo.internal/t/x", None),
            ("http://tempo.internal/x", None),
            ("http://prom.internal/base/x", Some("http://prom.internal/base/x")),
            (
                "https://login.example/?next=http://prom.internal:9090/",
                Some("https://login.example/?next=http://prom.internal:9090/"),
            ),
            ("ws://prom.internal:9090/base/x", None),
            ("grpc://loki.internal", None),
            ("ws://live.example/", Some("ws://live.example/")),
            ("mailto:a@prom.internal", Some("mailto:a@prom.internal")),
            // Nobody's password goes along.
            ("http://quiet.internal:8080/x", None),
            ("ftp://a:b@login.example/x", None),
            ("https://a:b@login.example/x?y#z", Some("https://login.example/x?y#z")),
            ("//a@login.example", Some("//login.example/")),
            ("https:\\\\a@b@login.example", Some("https://login.example/")),
            ("https://login.example/?t=hunter2-hunter2", None),
            ("https://login.example/?t=hunter2%2dhunter2", None),
            ("/base/x#hunter2-hunter2", None),
        ],
    );
}

#[test]
fn paths_lead_to_where_they_are_below_the_mount() {
    leads(
        "",
        &[
            ("/base/graph", Some("/prometheus/graph")),
            ("/base", Some("/prometheus")),
            ("/base/a/../b?c=../d", Some("/prometheus/b?c=../d")),
            ("/base/../login", None),
            ("/base/%2e%2E/login", None),
            ("/login", None),
            ("/baseless", None),
            ("/ruler/o/acme/rules?a", Some("/ruler/rules?a")),
            ("/ruler/rules", None),
            ("/prometheus/graph", Some("/prometheus/graph")),
            ("range", Some("/prometheus/api/v1/range")),
            ("./range/", Some("/prometheus/api/v1/range/")),
            ("../../graph", Some("/prometheus/graph")),
            ("../../../login", None),
            ("..", Some("/prometheus/api/")),
            ("a:b/c", Some("a:b/c")),
            ("?page=2", Some("?page=2")),
            ("#top", Some("#top")),
            ("", Some("")),
        ],
    );
}

#[test]
fn an_upstream_that_knows_its_mount_is_taken_at_its_word() {
    let root = endpoints(&["http://prom.internal:9090"]);
    let led = |path: &str, to: &str| text(map(&root, path).lead(&value(to)));
    for (to, wanted) in [
        ("/m/graph?a=b", "/m/graph?a=b"),
        ("/m", "/m"),
        ("/m/../login", "/m/login"),
        ("/more", "/m/more"),
        ("/graph", "/m/graph"),
    ] {
        assert_eq!(led("/api/v1/query", to).as_deref(), Some(wanted), "{to}");
    }
    assert_eq!(led("/m/api/v1/query", "/m/graph").as_deref(), Some("/m/m/graph"), "its own paths begin like the mount");
    let told = Map { prefix: "/o/acme", ..map(&root, "/o/acme/api") };
    assert!(told.lead(&value("/m/graph")).is_none(), "another tenant's, for all we know");
    let same = endpoints(&["http://prom.internal:9090/m"]);
    assert_eq!(text(map(&same, "/m/x").lead(&value("/m/graph"))).as_deref(), Some("/m/graph"), "mounted where it is");
}

/// `X-Forwarded-Host` says where the client is, and nothing says below which mount.
#[test]
fn our_own_host_is_the_upstream_s_where_nothing_else_is_there() {
    let table = [
        ("https://gw.test/m/graph", ["/m/graph", "/m/graph"]),
        ("https://gw.test/graph?a", ["/m/graph?a", "/graph?a"]),
        ("http://GW.test:443/base/graph", ["/m/base/graph", "/m/graph"]),
        ("//gw.test/", ["/m/", "/"]),
        // Two slashes would name another host.
        ("https://gw.test//evil.test/x", ["/m//evil.test/x", "/evil.test/x"]),
        ("https://gw.test/..//evil.test/x", ["/m//evil.test/x", "/evil.test/x"]),
        ("https://gw.test/loki/x", ["/loki/x", "/loki/x"]),
        ("https://gw.test/oauth2/authorize?a=b", ["/oauth2/authorize?a=b", "/oauth2/authorize?a=b"]),
        ("https://gw.test:8443/graph", ["https://gw.test:8443/graph", "https://gw.test:8443/graph"]),
    ];
    let (root, based) = (endpoints(&["http://prom.internal:9090"]), endpoints(&["http://prom.internal:9090/base"]));
    for (to, wanted) in table {
        let led = [map(&root, "/a"), map(&based, "/base/a")].map(|map| text(map.lead(&value(to))));
        assert_eq!(led.each_ref().map(Option::as_deref), wanted.map(Some), "{to}");
    }
}

#[test]
fn what_tells_the_tenant_is_taken_off_again() {
    leads(
        "/o/acme",
        &[
            ("/base/o/acme/graph", Some("/prometheus/graph")),
            ("http://prom.internal:9090/base/o/acme/graph", Some("/prometheus/graph")),
            ("range", Some("/prometheus/api/v1/range")),
            ("/base/graph", None),
            ("/base/o/evil/graph", None),
            ("/base/o/acmeevil/graph", None),
            ("../../../evil/graph", None),
        ],
    );
}

#[test]
fn a_refresh_leads_where_a_redirect_would() {
    let endpoints = endpoints(&["http://up.internal"]);
    for (came, wanted) in [
        ("5", Some("5")),
        ("0; url=/x", Some("0; url=/m/x")),
        ("0;URL='http://up.internal/x'", Some("0; url=/m/x")),
        ("0, x", Some("0; url=/m/a/x")),
        ("0; url=https://other.example/", Some("0; url=https://other.example/")),
        ("0; url=https://a@other.example/", Some("0; url=https://other.example/")),
        ("0; url=/?hunter2-hunter2", None),
    ] {
        assert_eq!(text(map(&endpoints, "/a/b").refresh(&value(came))).as_deref(), wanted, "{came}");
    }
}

#[test]
fn each_link_leads_where_a_redirect_would() {
    let endpoints = endpoints(&["http://up.internal/base"]);
    for (came, wanted) in [
        // Whole ones stay whole: many clients resolve none.
        ("<http://up.internal/base/x?page=2>; rel=\"next\"", Some("<https://gw.test/m/x?page=2>; rel=\"next\"")),
        ("</base/x?page=2>;rel=next", Some("</m/x?page=2>; rel=next")),
        ("<?page=2>; rel=next", Some("<?page=2>; rel=next")),
        (
            "<c>; rel=next, <https://other.example/>; rel=license",
            Some("</m/a/c>; rel=next, <https://other.example/>; rel=license"),
        ),
        ("</login>; rel=x, </base/y>; rel=y", Some("</m/y>; rel=y")),
        ("</login>; rel=x", None),
        ("<https://other.example/>; rel=x; anchor=\"/base/z\"", Some("<https://other.example/>; rel=x; anchor=\"/m/z\"")),
        ("<https://other.example/>; rel=x; anchor=\"/login\"", None),
        ("<https://other.example/?hunter2-hunter2>; rel=x", None),
        ("http://up.internal/base/x; rel=next", None),
        ("</base/x>; rel=\"next", None),
    ] {
        assert_eq!(text(map(&endpoints, "/base/a/b").links(&value(came))).as_deref(), wanted, "{came}");
    }
}
