use bytes::Bytes;
use http::HeaderMap;
use proptest::prelude::*;

use super::{Check, Prefix, Refused, is_json};
use crate::config::IndexBody;

fn acme() -> Prefix {
    Prefix::new("", "acme", ".").expect("a prefix")
}

#[test]
fn a_prefix_is_no_beginning_of_another_organizations() {
    assert_eq!(acme().as_str(), "acme.");
    assert_eq!(Prefix::new("logs-", "acme", "_").expect("a prefix").as_str(), "logs-acme_");
    for (before, name, after) in [
        ("", "acme", ""),
        ("", "", "."),
        ("", "acme.eu", "."),
        ("", "Acme", "."),
        ("", "a*", "."),
        ("_", "acme", "."),
        ("", "-a", "."),
    ] {
        assert_eq!(Prefix::new(before, name, after), None, "{before}{name}{after}");
    }
}

#[test]
fn names_are_the_organizations_or_none() {
    for own in ["acme.logs", "acme.*", "acme.logs-2026.11.22,acme.traces", "acme.*,-acme.secret*", "acme."] {
        assert!(acme().covers(own), "{own}");
    }
    for foreign in [
        "",
        "*",
        "_all",
        "acme",
        "acme*",
        "acmeX",
        "beta.logs",
        "acme.logs,beta.logs",
        "acme.logs,",
        ",acme.logs",
        "-acme.logs",
        "acme.a,-*",
        "-beta.x,acme.a",
        "*,-acme.a",
        "<acme.{now/d}>",
        "other:acme.logs",
        "acme.logs::failures",
        "acme.x:y",
        "acme.%2A,x",
        "acme.a b",
        "acme.a,*",
        "acme.\u{e9}",
        "acme.a\u{0}",
    ] {
        assert!(!acme().covers(foreign), "{foreign:?}");
    }
}

/// The verdict over a body that comes in one piece.
fn whole(kind: IndexBody, body: &str) -> Result<(), Refused> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    Check::new(acme(), kind).pass(Some(bytes), true).map(|sent| assert_eq!(sent.unwrap_or_default(), body.as_bytes()))
}

#[test]
fn queries_refer_to_documents_of_their_own_organization() {
    let query = |body: &str| whole(IndexBody::Query, body);
    for fine in [
        "",
        r#"{"query":{"match_all":{}}}"#,
        r#"{"query":{"term":{"index":"whatever"}},"size":3}"#,
        r#"{"query":{"match":{"_index":{"query":"x"}}}}"#,
        r#"{"query":{"terms":{"user":{"index":"acme.users","id":"2","path":"followers"}}}}"#,
        r#"{"query":{"more_like_this":{"like":[{"_index":"acme.a","_id":"1"},"text"]}}}"#,
        r#"{"query":{"ids":{"values":["1"]}},"aggs":{"a":{"terms":{"field":"index"}}}}"#,
    ] {
        assert_eq!(query(fine), Ok(()), "{fine}");
    }
    for foreign in [
        r#"{"query":{"terms":{"user":{"index":"beta.users","id":"2","path":"followers"}}}}"#,
        r#"{"query":{"terms":{"user":{"index":"beta.users","path":"x","query":{"match_all":{}}}}}}"#,
        r#"{"query":{"terms":{"user":{"index":["beta.users"],"id":"2","path":"followers"}}}}"#,
        r#"{"query":{"terms":{"user":{"\u0069ndex":"beta.users","id":"2","path":"followers"}}}}"#,
        r#"{"query":{"bool":{"must":[{"more_like_this":{"like":[{"_index":"beta.a","_id":"1"}]}}]}}}"#,
        r#"{"query":{"more_like_this":{"like":{"_index":"*","doc":{}}}}}"#,
        r#"{"query":{"percolate":{"field":"q","index":"beta.a","id":"2"}}}"#,
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":{"index":"beta.a","id":"d","path":"l"}}}}}"#,
        r#"{"runtime_mappings":{"x":{"type":"lookup","target_index":"beta.a","input_field":"a","target_field":"b"}}}"#,
    ] {
        assert_eq!(query(foreign), Err(Refused::Foreign), "{foreign}");
    }
    for unreadable in ["{", "[]", "1", r#"{"a":1,"a":2}"#, "{} {}", "{}/* */", "{'a':1}", "\u{feff}{}"] {
        assert_eq!(query(unreadable), Err(Refused::Unreadable), "{unreadable}");
    }
    assert_eq!(query(&format!("{{\"q\":\"{}\"}}", "x".repeat(1 << 20))), Err(Refused::TooLong));
}

#[test]
fn every_search_of_many_names_its_indices() {
    let searches = |body: &str| whole(IndexBody::Searches, body);
    for fine in [
        "{}\n{\"query\":{}}\n",
        "{\"index\":\"acme.a\"}\n{}\n{\"index\":[\"acme.a\",\"acme.b*\"],\"preference\":\"x\"}\r\n{\"size\":1}\n",
        "",
    ] {
        assert_eq!(searches(fine), Ok(()), "{fine}");
    }
    for (body, why) in [
        ("{\"index\":\"beta.a\"}\n{}\n", Refused::Foreign),
        ("{\"index\":[]}\n{}\n", Refused::Foreign),
        ("{\"indices\":[\"acme.a\",\"*\"]}\n{}\n", Refused::Foreign),
        ("{\"index\":null}\n{}\n", Refused::Foreign),
        ("{}\n{\"query\":{\"terms\":{\"u\":{\"index\":\"b\",\"id\":\"1\",\"path\":\"p\"}}}}\n", Refused::Foreign),
        ("\n{\"index\":\"beta.a\"}\n", Refused::Unreadable),
        ("{}\n\n", Refused::Unreadable),
        ("{}\n{}", Refused::Unreadable),
        ("{}\n", Refused::Unreadable),
    ] {
        assert_eq!(searches(body), Err(why), "{body}");
    }
}

#[test]
fn every_action_of_a_bulk_names_its_index() {
    let bulk = |body: &str| whole(IndexBody::Bulk, body);
    for fine in [
        "{\"index\":{}}\n{\"index\":\"beta.a\",\"id\":1}\n",
        "{\"create\":{\"_index\":\"acme.a\",\"_id\":\"1\"}}\nanything at all\n\n{\"delete\":{\"_id\":\"1\"}}\n{\"update\":{\"_id\":\"2\"}}\n{\"doc\":{}}\n",
        "\n{\"index\":{}}\n\n",
    ] {
        assert_eq!(bulk(fine), Ok(()), "{fine}");
    }
    for (body, why) in [
        ("{\"index\":{\"_index\":\"beta.a\"}}\n{}\n", Refused::Foreign),
        ("{\"delete\":{\"_id\":\"1\"}}\n{\"delete\":{\"_index\":\"beta.a\",\"_id\":\"1\"}}\n", Refused::Foreign),
        ("{\"index\":{}}\n{}\n{\"index\":{\"_index\":\"acme.a,beta.b\"}}\n{}\n", Refused::Foreign),
        ("{\"index\":{\"_index\":1}}\n{}\n", Refused::Foreign),
        ("{\"index\":{\"_index\":\"acme.a\",\"_index\":\"beta.a\"}}\n{}\n", Refused::Unreadable),
        ("{\"index\":{},\"delete\":{}}\n{}\n", Refused::Unreadable),
        ("{\"reindex\":{}}\n{}\n", Refused::Unreadable),
        ("{\"index\":{}} {\"index\":{}}\n{}\n", Refused::Unreadable),
        ("{\"index\":{}}\n{}", Refused::Unreadable),
        ("{\"delete\":{}}", Refused::Unreadable),
    ] {
        assert_eq!(bulk(body), Err(why), "{body}");
    }
    let long = format!("{{\"index\":{{\"_id\":\"{}\"}}}}\n{{}}\n", "x".repeat(70_000));
    assert_eq!(bulk(&long), Err(Refused::TooLong));
}

#[test]
fn only_json_that_every_reader_reads_alike_is_looked_at() {
    let of = |pairs: &[(&'static str, &'static str)]| {
        let headers: HeaderMap =
            pairs.iter().map(|(n, v)| (http::HeaderName::from_static(n), http::HeaderValue::from_static(v))).collect();
        is_json(&headers)
    };
    for fine in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/x-ndjson",
        "application/vnd.elasticsearch+json;compatible-with=8",
        "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
    ] {
        assert!(of(&[("content-type", fine)]), "{fine}");
    }
    for other in
        ["application/yaml", "application/cbor", "application/smile", "text/plain", "application/json; charset=utf-16", ""]
    {
        assert!(!of(&[("content-type", other)]), "{other}");
    }
    assert!(!of(&[]) && !of(&[("content-type", "application/json"), ("content-encoding", "gzip")]));
    let mut twice = HeaderMap::new();
    for value in ["application/json", "application/cbor"] {
        twice.append("content-type", http::HeaderValue::from_static(value));
    }
    assert!(!is_json(&twice));
}

/// Lines of actions and documents, some of others, with something broken now and then.
fn bodies() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "{}",
        "{\"index\":{}}",
        "{\"index\":{\"_index\":\"acme.a\"}}",
        "{\"index\":{\"_index\":\"beta.a\"}}",
        "{\"delete\":{}}",
        "{\"index\":\"acme.b\"}",
        "{\"index\":\"beta.b\"}",
        "",
        "{",
        "{\"query\":{}}",
    ]);
    (prop::collection::vec(line, 0..12), any::<bool>())
        .prop_map(|(lines, end)| lines.join("\n") + if end && !lines.is_empty() { "\n" } else { "" })
}

proptest! {
    #[test]
    fn where_a_body_is_cut_changes_nothing(body in bodies(), cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6)) {
        for kind in [IndexBody::Query, IndexBody::Searches, IndexBody::Bulk] {
            let mut at: Vec<usize> = cuts.iter().map(|c| c.index(body.len() + 1)).collect();
            at.extend([0, body.len()]);
            at.sort_unstable();
            let mut check = Check::new(acme(), kind);
            let mut sent = Vec::new();
            let mut verdict = Ok(());
            for (n, pair) in at.windows(2).enumerate() {
                let piece = Bytes::copy_from_slice(&body.as_bytes()[pair[0]..pair[1]]);
                match check.pass(Some(piece), n + 2 == at.len()) {
                    Ok(bytes) => sent.extend(bytes.unwrap_or_default()),
                    Err(why) => {
                        verdict = Err(why);
                        break;
                    }
                }
            }
            prop_assert_eq!(verdict, whole(kind, &body));
            if verdict.is_ok() {
                prop_assert_eq!(&sent, body.as_bytes());
            } else if verdict == Err(Refused::Foreign) {
                prop_assert!(sent.len() < body.len(), "what names others never goes out whole");
            }
        }
    }
}
