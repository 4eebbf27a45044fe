//! A Loki that tells organizations apart by a label, behind the gate: on every route of the pack each stream selector gets the
//! caller's own, what asks for another organization selects nothing, and what can't be read is refused with the place.

use std::collections::BTreeSet;

use serde_json::json;
use url::form_urlencoded::{Serializer, parse};

use crate::harness::audit::reason;
use crate::harness::http1::{Request, Response, ask};
use crate::harness::upstream::Seen;
use crate::harness::{Api, Caller, Gateway, Setup};

/// Where queries go: route, parameter, and whether there must be one.
const QUERIES: [(&str, &str, Needs); 14] = [
    ("/loki/api/v1/query", "query", Needs::One),
    ("/loki/api/v1/query_range", "query", Needs::One),
    ("/loki/api/v1/index/stats", "query", Needs::One),
    ("/loki/api/v1/index/volume", "query", Needs::One),
    ("/loki/api/v1/index/volume_range", "query", Needs::One),
    ("/loki/api/v1/patterns", "query", Needs::One),
    ("/loki/api/v1/labels", "query", Needs::Nothing),
    ("/loki/api/v1/label", "query", Needs::Nothing),
    ("/loki/api/v1/label/app/values", "query", Needs::Nothing),
    ("/loki/api/v1/detected_labels", "query", Needs::Nothing),
    ("/loki/api/v1/detected_fields", "query", Needs::Nothing),
    ("/loki/api/v1/detected_field/level/values", "query", Needs::Nothing),
    ("/loki/api/v1/series", "match[]", Needs::Nothing),
    ("/loki/api/v1/series", "match", Needs::Nothing),
];

/// What a route makes of a request that selects nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// It is refused.
    One,
    /// It asks for everything, which here is everything of one's own.
    Nothing,
}

/// The streams of the Loki: organization and application.
const STREAMS: [(&str, &str); 4] =
    [("tenant-acme", "web"), ("tenant-acme", "db"), ("tenant-beta", "web"), ("tenant-beta", "secret")];

async fn start() -> (Gateway, Caller) {
    let logs = Api::named("logs").pack("loki").keys(r#"tenant = { mode = "label", label = "tenant", value = "{org.tenant}" }"#);
    let more = format!("[roles.log-reader]\npermissions = [\"logs:read\", \"rules:read\", \"alerts:read\"]{logs}");
    let gw = Gateway::start_with(Setup { more, ..Setup::default() }).await;
    let caller = gw.open_caller("acme", &["log-reader"], "logs:read rules:read alerts:read").await;
    (gw, caller)
}

fn encoded(pairs: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(pairs).finish()
}

/// A request with these parameters, in its URL or as its form.
fn request(caller: &Caller, path: &str, pairs: &[(&str, &str)], as_form: bool) -> Request {
    if as_form {
        return form(caller, path, pairs);
    }
    Request::get(&format!("/logs{path}?{}", encoded(pairs))).bearer(&caller.token)
}

/// These parameters as a form.
fn form(caller: &Caller, target: &str, pairs: &[(&str, &str)]) -> Request {
    let post = Request::new("POST", &format!("/logs{target}")).bearer(&caller.token);
    post.header("Content-Type", "application/x-www-form-urlencoded").body(encoded(pairs))
}

/// Every parameter that arrived, of the URL and of the form.
fn arrived(seen: &Seen) -> Vec<(String, String)> {
    let target = seen.target();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    parse(query.as_bytes()).into_owned().chain(parse(&seen.body).into_owned()).collect()
}

/// The streams that a selector of plain matchers selects, as Loki has it: all of them hold together.
fn selected(selector: &str) -> BTreeSet<(&'static str, &'static str)> {
    let inner = selector.strip_prefix('{').and_then(|s| s.split_once('}')).expect("a selector").0;
    let holds = |matcher: &str, (tenant, app): (&str, &str)| {
        let (head, value) = matcher.trim_end_matches('"').split_once('"').expect("a matcher");
        let (name, operator) = head.split_at(head.find(['=', '!']).expect("an operator"));
        let has = if name == "tenant" { tenant } else { app };
        let matches = if operator.ends_with('~') { value == ".+" || value.split('|').any(|v| v == has) } else { value == has };
        matches != operator.starts_with('!')
    };
    let all = |stream: &(&str, &str)| inner.split(',').all(|matcher| holds(matcher, *stream));
    STREAMS.into_iter().filter(all).collect()
}

/// What of the streams the request that arrived last selects.
fn asked_for(gw: &Gateway, parameter: &str) -> BTreeSet<(&'static str, &'static str)> {
    let pairs = arrived(&gw.upstream.last());
    let names: &[_] = if parameter == "query" { &["query"] } else { &["match[]", "match"] };
    let mut values = pairs.iter().filter(|(name, _)| names.contains(&name.as_str())).map(|(_, value)| value).peekable();
    assert!(values.peek().is_some(), "{pairs:?}");
    values.flat_map(|value| selected(value)).collect()
}

fn is_refused(response: &Response, code: &str, what: &str) {
    assert_eq!((response.status, response.reason().as_deref()), (400, Some(code)), "{what}: {response:?}");
    assert_eq!(response.header("content-type"), Some("application/problem+json"), "{what}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_route_selects_ones_own_alone() {
    let (gw, caller) = start().await;
    let (web, db) = (("tenant-acme", "web"), ("tenant-acme", "db"));
    let cases: [(&str, &[(&str, &str)]); 7] = [
        (r#"{app="web"}"#, &[web]),
        (r#"{app=~".+"}"#, &[web, db]),
        (r#"{app!="web"}"#, &[db]),
        (r#"{app="secret"}"#, &[]),
        (r#"{tenant="tenant-beta"}"#, &[]),
        (r#"{tenant=~"tenant-acme|tenant-beta",app="web"}"#, &[web]),
        (r#"{tenant!="tenant-acme"}"#, &[]),
    ];
    for (path, parameter, _) in QUERIES {
        for (selector, expected) in cases {
            for as_form in [false, true] {
                let what = format!("{path} {parameter}={selector} {as_form}");
                let pairs = [("start", "1"), (parameter, selector), ("limit", "7")];
                let response = ask(gw.running.public, &request(&caller, path, &pairs, as_form)).await;
                assert_eq!(response.status, 200, "{what}: {response:?}");
                assert_eq!(asked_for(&gw, parameter), expected.iter().copied().collect(), "{what}: {:?}", gw.upstream.last());
                let seen = gw.upstream.last();
                assert!(seen.target().starts_with(path), "{what}: {}", seen.target());
                assert!(arrived(&seen).contains(&("limit".to_owned(), "7".to_owned())), "{what}: the rest is as it was");
                assert!(!arrived(&seen).iter().any(|(name, value)| name == parameter && value == selector), "{what}");
            }
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_selects_nothing_is_ones_own_or_refused() {
    let (gw, caller) = start().await;
    for (path, parameter, needs) in QUERIES {
        for as_form in [false, true] {
            let what = format!("{path} {as_form}");
            let before = gw.upstream.count();
            let response = ask(gw.running.public, &request(&caller, path, &[("start", "1")], as_form)).await;
            if needs == Needs::One {
                is_refused(&response, "parameter_missing", &what);
                assert_eq!(gw.upstream.count(), before, "{what}");
                continue;
            }
            assert_eq!(response.status, 200, "{what}: {response:?}");
            let all = asked_for(&gw, parameter);
            assert_eq!(all, [("tenant-acme", "db"), ("tenant-acme", "web")].into(), "{what}: {:?}", gw.upstream.last());
        }
        if parameter == "query" {
            let twice = [("query", r#"{app="web"}"#), ("query", r#"{app="db"}"#)];
            is_refused(&ask(gw.running.public, &request(&caller, path, &twice, false)).await, "parameter_repeated", path);
            let both = form(&caller, &format!("{path}?{}", encoded(&twice[1..])), &twice[..1]);
            is_refused(&ask(gw.running.public, &both).await, "parameter_repeated", &format!("{path}, in URL and form"));
        }
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_of_any_shape_are_narrowed_and_what_is_none_is_refused_with_the_place() {
    let (gw, caller) = start().await;
    let own = r#"tenant="tenant-acme"}"#;
    for (query, expected) in [
        (r#"sum by (app) (rate({app="web"} |= "{tenant=" [5m]))"#, r#"sum by (app) (rate({app="web",OWN |= "{tenant=" [5m]))"#),
        ("{app=\"web\"} # {tenant=\"tenant-beta\"}\n| json", "{app=\"web\",OWN \n| json"),
        (r#"{app="web"} | line_format `{{.a}} "}` "#, r#"{app="web",OWN | line_format `{{.a}} "}` "#),
        (r#"rate({app="a"}[1m]) / rate({app="b"}[1m])"#, r#"rate({app="a",OWN[1m]) / rate({app="b",OWN[1m])"#),
        (r#"{app="\"} or {"}"#, r#"{app="\"} or {",OWN"#),
    ] {
        for path in ["/loki/api/v1/query", "/loki/api/v1/query_range"] {
            for as_form in [false, true] {
                let response = ask(gw.running.public, &request(&caller, path, &[("query", query)], as_form)).await;
                assert_eq!(response.status, 200, "{query}: {response:?}");
                let there = ("query".to_owned(), expected.replace("OWN", own));
                assert!(arrived(&gw.upstream.last()).contains(&there), "{query}: {:?}", arrived(&gw.upstream.last()));
            }
        }
    }
    let before = gw.upstream.count();
    for (query, at) in [
        (r#"{app="web""#, 1),
        (r#"{app="web}"#, 6),
        (r#"{app="web"} } or {tenant="tenant-beta"}"#, 13),
        (r#"{app="web"} // {"#, 13),
        (r"{app=web}", 2),
        (r#"{app="web"} |= 'x'"#, 16),
    ] {
        for (path, parameter, _) in QUERIES {
            for as_form in [false, true] {
                let response = ask(gw.running.public, &request(&caller, path, &[(parameter, query)], as_form)).await;
                let what = format!("{path} {query}");
                is_refused(&response, "selector_malformed", &what);
                let detail = response.json()["detail"].as_str().expect("a detail").to_owned();
                assert!(detail.contains(&format!("from character {at} on")), "{what}: {detail}");
                assert_eq!(reason(&gw.record_of(&response).await), "selector_malformed");
            }
        }
    }
    assert_eq!(gw.upstream.count(), before, "nothing of them arrives");
    let post = Request::new("POST", "/logs/loki/api/v1/query").bearer(&caller.token).header("Content-Type", "application/json");
    is_refused(&ask(gw.running.public, &post.body("{\"query\":\"{}\"}")).await, "form_expected", "another body than a form");
    gw.running.stop().await;
}

/// "Save & test" of Grafana's data source.
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_reads_nothing_arrives_as_it_was_sent() {
    let (gw, caller) = start().await;
    let tried = "vector(1)+vector(1)";
    for path in ["/loki/api/v1/query", "/loki/api/v1/query_range"] {
        for as_form in [false, true] {
            let response = ask(gw.running.public, &request(&caller, path, &[("query", tried)], as_form)).await;
            assert_eq!(response.status, 200, "{path}: {response:?}");
            assert_eq!(arrived(&gw.upstream.last()), [("query".to_owned(), tried.to_owned())], "{path}");
        }
    }
    let before = gw.upstream.count();
    for (path, query) in [
        ("/loki/api/v1/query", "vector(1)+up"),
        ("/loki/api/v1/query", "rate(vector(1)[5m])"),
        ("/loki/api/v1/labels", tried),
        ("/loki/api/v1/detected_fields", tried),
    ] {
        let response = ask(gw.running.public, &request(&caller, path, &[("query", query)], false)).await;
        is_refused(&response, "selector_not_enforceable", &format!("{path} {query}"));
    }
    assert_eq!(gw.upstream.count(), before);
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_and_alerts_lose_what_is_not_ones_own() {
    let (gw, caller) = start().await;
    let of = |tenant: &str, name: &str| json!({"labels": {"tenant": tenant}, "name": name});
    let alerts = json!([of("tenant-acme", "ours"), of("tenant-beta", "theirs")]);
    let rule = |tenant: &str, name: &str| json!({"labels": {"tenant": tenant}, "name": name, "alerts": alerts});
    let groups = json!([
        {"name": "mixed", "rules": [rule("tenant-acme", "ours"), rule("tenant-beta", "theirs")]},
        {"name": "foreign", "rules": [rule("tenant-beta", "theirs")]},
    ]);
    for (path, data) in
        [("/prometheus/api/v1/rules", json!({"groups": groups})), ("/prometheus/api/v1/alerts", json!({"alerts": alerts}))]
    {
        let says = json!({"status": "success", "data": data}).to_string();
        let get = Request::get(&format!("/logs{path}")).bearer(&caller.token).header("X-Behave", "say").header("X-Say", &says);
        let response = ask(gw.running.public, &get).await;
        assert_eq!(response.status, 200, "{path}: {response:?}");
        assert!(response.text().contains("ours"), "{path}: {}", response.text());
        for other in ["theirs", "foreign", "tenant-beta"] {
            assert!(!response.text().contains(other), "{path}: {}", response.text());
        }
    }
    // What nothing can be taken out of is closed.
    for path in ["/loki/api/v1/rules", "/loki/api/v1/rules/ours", "/loki/api/v1/rules/ours/group", "/api/prom/rules"] {
        let response = ask(gw.running.public, &Request::get(&format!("/logs{path}")).bearer(&caller.token)).await;
        assert_eq!((response.status, response.reason().as_deref()), (403, Some("route_not_enforceable")), "{path}");
    }
    for path in ["/loki/api/v1/format_query", "/loki/api/v1/status/buildinfo"] {
        let get = Request::get(&format!("/logs{path}?query=%7B%7D")).bearer(&caller.token);
        assert_eq!(ask(gw.running.public, &get).await.status, 200, "{path} answers from what it is sent");
    }
    gw.running.stop().await;
}
