use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use proptest::prelude::*;

use super::{Check, Coding, Prefix, Refused};
use crate::config::IndexBody;
use crate::types::Memory;

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
    Check::new(acme(), kind, Coding::Plain, &Memory::unlimited())
        .pass(Some(bytes), true)
        .map(|sent| assert_eq!(sent.unwrap_or_default(), body.as_bytes()))
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
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":{"index":"acme.a","id":"d","path":"l"}}}}}"#,
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
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":{"id":"d","path":"l"}}}}}"#,
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":"d"}}}}"#,
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":["index","d"]}}}}"#,
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":[{"index":"acme.a","id":"d"}]}}}}"#,
        r#"{"query":{"geo_shape":{"l":{"indexed_shape":7}}}}"#,
        r#"{"query":{"term":{"indexed_shape":"a field's name"}}}"#,
        r#"{"runtime_mappings":{"x":{"type":"lookup","target_index":"beta.a","input_field":"a","target_field":"b"}}}"#,
    ] {
        assert_eq!(query(foreign), Err(Refused::Foreign), "{foreign}");
    }
    for unreadable in ["{", "[]", "1", r#"{"a":1,"a":2}"#, "{} {}", "{}/* */", "{'a':1}", "\u{feff}{}"] {
        assert_eq!(query(unreadable), Err(Refused::Unreadable), "{unreadable}");
    }
    assert_eq!(query(&format!("{{\"q\":\"{}\"}}", "x".repeat(1 << 20))), Err(Refused::TooLong));
}

/// The verdict over a body below a path that names no index.
fn at_the_root(kind: IndexBody, body: &str) -> Result<(), Refused> {
    let bytes = Bytes::copy_from_slice(body.as_bytes());
    Check::new(acme(), kind, Coding::Plain, &Memory::unlimited()).at_the_root().pass(Some(bytes), true).map(drop)
}

/// OpenSearch makes `{a=x,beta.a,y}` of such an object, and three names of that.
#[test]
fn an_object_names_no_index_before_a_query() {
    for member in ["index", "indices", "_index"] {
        let body = format!("{{\"{member}\":{{\"a\":\"x,beta.a,y\"}},\"ignore_unavailable\":true}}\n{{}}\n");
        assert!(whole(IndexBody::Searches, &body).is_err(), "{body}");
        assert!(at_the_root(IndexBody::Searches, &body).is_err(), "{body}");
    }
}

/// What leaves the index to the path is everybody's, or nobody's, where the path has none.
#[test]
fn at_the_root_everything_names_its_index() {
    let (bulk, searches, documents) = (IndexBody::Bulk, IndexBody::Searches, IndexBody::Documents);
    for (kind, fine) in [
        (bulk, "{\"index\":{\"_index\":\"acme.a\"}}\n{}\n{\"delete\":{\"_index\":\"acme.a\",\"_id\":\"1\"}}\n"),
        (searches, "{\"index\":\"acme.a\"}\n{}\n{\"index\":[\"acme.a\",\"acme.b\"]}\n{}\n{\"indices\":\"acme.*\"}\n{}\n"),
        (documents, r#"{"docs":[{"_index":"acme.a","_id":"1"},{"_index":"acme.b","_id":"1","_source":["index"]}]}"#),
        (documents, r#"{"docs":[]}"#),
    ] {
        assert_eq!(at_the_root(kind, fine), Ok(()), "{fine}");
        assert_eq!(whole(kind, fine), Ok(()), "{fine}");
    }
    for (kind, left_out) in [
        (bulk, "{\"index\":{}}\n{}\n"),
        (bulk, "{\"index\":{\"_index\":\"acme.a\"}}\n{}\n{\"create\":{\"_id\":\"1\"}}\n{}\n"),
        (bulk, "{\"delete\":{\"_id\":\"1\"}}\n"),
        (searches, "{}\n{}\n"),
        (searches, "{\"index\":\"acme.a\"}\n{}\n{\"preference\":\"x\"}\n{}\n"),
        (documents, r#"{"ids":["1"]}"#),
        (documents, r#"{"docs":[{"_index":"acme.a","_id":"1"},{"_id":"2"}]}"#),
        (documents, r#"{"docs":[{"_index":"acme.a","_id":"1"}],"ids":["2"]}"#),
    ] {
        assert_eq!(at_the_root(kind, left_out), Err(Refused::Foreign), "{left_out}");
        assert_eq!(whole(kind, left_out), Ok(()), "the path names it: {left_out}");
    }
    for (kind, foreign) in [
        (bulk, "{\"index\":{\"_index\":\"beta.a\"}}\n{}\n"),
        (bulk, "{\"index\":{\"_index\":null}}\n{}\n"),
        (searches, "{\"index\":\"\"}\n{}\n"),
        (searches, "{\"index\":[]}\n{}\n"),
        (searches, "{\"index\":\"acme.a\",\"indices\":\"beta.a\"}\n{}\n"),
        (documents, r#"{"docs":[{"_index":"beta.a","_id":"1"}]}"#),
        (documents, r#"{"docs":[{"_index":["acme.a","*"],"_id":"1"}]}"#),
    ] {
        assert_eq!(at_the_root(kind, foreign), Err(Refused::Foreign), "{foreign}");
        assert_eq!(whole(kind, foreign), Err(Refused::Foreign), "{foreign}");
    }
    assert_eq!(at_the_root(documents, r#"{"docs":[],"docs":[{"_id":"1"}]}"#), Err(Refused::Unreadable));
}

/// A query that holds another, as OpenSearch's Java clients send it.
fn wrapped(inner: &str) -> String {
    format!(r#"{{"query":{{"bool":{{"must":[{{"wrapper":{{"query":"{}"}}}}]}}}}}}"#, STANDARD.encode(inner))
}

#[test]
fn a_query_that_another_one_holds_is_read_too() {
    let query = |body: &str| whole(IndexBody::Query, body);
    let own = r#"{"terms":{"u":{"index":"acme.users","id":"1","path":"p"}}}"#;
    let theirs = r#"{"terms":{"u":{"index":"beta.users","id":"1","path":"p"}}}"#;
    for fine in [
        wrapped(r#"{"match_all":{}}"#),
        wrapped(own),
        r#"{"query":{"match":{"wrapper":"paper"}}}"#.to_owned(),
        r#"{"aggs":{"wrapper":{"terms":{"field":"a"}}}}"#.to_owned(),
    ] {
        assert_eq!(query(&fine), Ok(()), "{fine}");
    }
    let within = format!(r#"{{"bool":{{"should":[{theirs}]}}}}"#);
    // The bucket of an aggregation may have any name, also that of a query whose members are fields.
    let bucket = |name: &str| {
        let held = STANDARD.encode(theirs);
        format!(r#"{{"aggs":{{"a":{{"filters":{{"filters":{{"{name}":{{"wrapper":{{"query":"{held}"}}}}}}}}}}}}}}"#)
    };
    let escaped = theirs.replace("index", r"\u0069ndex");
    for foreign in [wrapped(theirs), wrapped(&within), wrapped(&escaped), bucket("b"), bucket("match"), bucket("match_phrase")] {
        assert_eq!(query(&foreign), Err(Refused::Foreign), "{foreign}");
    }
    let nested = |inner: &str| format!(r#"{{"wrapper":{{"query":"{}"}}}}"#, STANDARD.encode(inner));
    for unreadable in [
        wrapped(&nested(own)),
        wrapped(&format!(r#"{{"bool":{{"must":[{}]}}}}"#, nested(own))),
        wrapped("---\nterms:\n  u: {index: beta.users, id: '1', path: p}\n"),
        wrapped("\u{bf}ajunk"),
        wrapped("[]"),
        wrapped(&format!("{own}{own}")),
        r#"{"query":{"wrapper":{"query":"no base64"}}}"#.to_owned(),
        r#"{"query":{"wrapper":{"query":"e30"}}}"#.to_owned(),
        r#"{"query":{"match":{"wrapper":{"query":"red paper"}}}}"#.to_owned(),
    ] {
        assert_eq!(query(&unreadable), Err(Refused::Unreadable), "{unreadable}");
    }
    let many = |inner: &str| format!("{{}}\n{}\n", wrapped(inner));
    assert_eq!(whole(IndexBody::Searches, &many(own)), Ok(()));
    assert_eq!(whole(IndexBody::Searches, &many(theirs)), Err(Refused::Foreign));
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
        "{\"index\":{}}\n{\"pipeline\":\"of a document\"}\n",
    ] {
        assert_eq!(bulk(fine), Ok(()), "{fine}");
    }
    for (body, why) in [
        ("{\"index\":{\"_index\":\"beta.a\"}}\n{}\n", Refused::Foreign),
        ("{\"delete\":{\"_id\":\"1\"}}\n{\"delete\":{\"_index\":\"beta.a\",\"_id\":\"1\"}}\n", Refused::Foreign),
        ("{\"index\":{}}\n{}\n{\"index\":{\"_index\":\"acme.a,beta.b\"}}\n{}\n", Refused::Foreign),
        ("{\"index\":{\"_index\":1}}\n{}\n", Refused::Foreign),
        ("{\"index\":{\"_id\":\"1\",\"pipeline\":\"moves\"}}\n{}\n", Refused::Foreign),
        ("{\"index\":{}}\n{}\n{\"create\":{\"_index\":\"acme.a\",\"pipe\\u006cine\":null}}\n{}\n", Refused::Foreign),
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
        Coding::of_json(&headers)
    };
    for fine in [
        "application/json",
        "Application/JSON; charset=UTF-8",
        "application/x-ndjson",
        "application/vnd.elasticsearch+json;compatible-with=8",
        "application/vnd.elasticsearch+x-ndjson; compatible-with=8",
    ] {
        assert_eq!(of(&[("content-type", fine)]), Some(Coding::Plain), "{fine}");
    }
    for other in
        ["application/yaml", "application/cbor", "application/smile", "text/plain", "application/json; charset=utf-16", ""]
    {
        assert_eq!(of(&[("content-type", other)]), None, "{other}");
    }
    let coded = |coding| of(&[("content-type", "application/json"), ("content-encoding", coding)]);
    assert_eq!((of(&[]), coded("gzip"), coded("GZIP")), (None, Some(Coding::Gzip), Some(Coding::Gzip)));
    for other in ["x-gzip", "deflate", "gzip, gzip", "gzip,", "identity", "br", "", "zstd"] {
        assert_eq!(coded(other), None, "{other}");
    }
    let mut twice = HeaderMap::new();
    for value in ["application/json", "application/cbor"] {
        twice.append("content-type", http::HeaderValue::from_static(value));
    }
    assert_eq!(Coding::of_json(&twice), None);
}

/// One member of gzip.
fn gzip(text: &[u8]) -> Vec<u8> {
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    out.write_all(text).expect("room");
    out.finish().expect("room")
}

/// The verdict over a compressed body that comes in pieces of this many bytes, and what went on.
fn inflated(kind: IndexBody, body: &[u8], size: usize) -> (Result<(), Refused>, Vec<u8>) {
    let mut check = Check::new(acme(), kind, Coding::Gzip, &Memory::unlimited());
    let (mut sent, pieces) = (Vec::new(), body.chunks(size).count());
    for (n, piece) in body.chunks(size).enumerate() {
        match check.pass(Some(Bytes::copy_from_slice(piece)), n + 1 == pieces) {
            Ok(bytes) => sent.extend(bytes.unwrap_or_default()),
            Err(why) => return (Err(why), sent),
        }
    }
    (Ok(()), sent)
}

#[test]
fn compressed_bodies_are_inflated_and_looked_at() {
    let own = b"{\"index\":{}}\n{\"a\":1}\n".repeat(3_000);
    let foreign = [&own[..], b"{\"index\":{\"_index\":\"beta.a\"}}\n{}\n"].concat();
    for size in [1, 7, 1_000, 1 << 20] {
        assert_eq!(inflated(IndexBody::Bulk, &gzip(&own), size), (Ok(()), own.clone()), "{size}");
        let (verdict, sent) = inflated(IndexBody::Bulk, &gzip(&foreign), size);
        assert!(verdict == Err(Refused::Foreign) && sent.len() < foreign.len(), "{size}");
        let query = gzip(b"{\"query\":{}}");
        assert_eq!(inflated(IndexBody::Query, &query, size), (Ok(()), b"{\"query\":{}}".to_vec()), "{size}");
    }
    let mut named = gzip(&own);
    named[3] = 0b1000;
    named.splice(10..10, *b"bulk.ndjson\0");
    assert_eq!(inflated(IndexBody::Bulk, &named, 3), (Ok(()), own));
}

#[test]
fn what_is_not_one_member_of_gzip_is_refused() {
    let lines = b"{\"index\":{}}\n{}\n";
    let good = gzip(lines);
    let changed = |at: usize, to: u8| {
        let mut bytes = good.clone();
        bytes[at] = to;
        bytes
    };
    let last = good.len() - 1;
    for (what, body) in [
        ("two members", [&good[..], &good].concat()),
        ("bytes behind it", [&good[..], b"\n"].concat()),
        ("cut in the tail", good[..last].to_vec()),
        ("cut in the data", good[..14].to_vec()),
        ("cut in the head", good[..5].to_vec()),
        ("not compressed", lines.to_vec()),
        ("another magic", changed(0, 0)),
        ("another method", changed(2, 7)),
        ("a sum of its head", changed(3, 0b10)),
        ("more in its head", changed(3, 0b100)),
        ("a comment", changed(3, 0b1_0000)),
        ("an unknown flag", changed(3, 0b10_0000)),
        ("another length", changed(last, 1)),
        ("another sum", changed(last - 7, !good[last - 7])),
        ("a name without end", [&changed(3, 0b1000)[..10], &[b'x'; 300]].concat()),
        ("no data", [&good[..10], &[0xff; 20]].concat()),
    ] {
        for size in [1, 5, 1_000] {
            assert_eq!(inflated(IndexBody::Bulk, &body, size).0, Err(Refused::Coding), "{what} {size}");
        }
    }
}

#[test]
fn a_body_that_grows_without_measure_is_refused_early() {
    let bomb = gzip(&vec![b' '; 50 << 20]);
    for size in [100, 1 << 20] {
        let (verdict, sent) = inflated(IndexBody::Bulk, &bomb, size);
        assert_eq!(verdict, Err(Refused::Grows));
        assert!(sent.len() < 1 << 20, "{}", sent.len());
    }
    let dense = gzip(&b"{\"index\":{}}\n{}\n".repeat(2_000));
    assert_eq!(inflated(IndexBody::Bulk, &dense, 64).0, Ok(()), "a short one may be as dense as it is");
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
            let mut check = Check::new(acme(), kind, Coding::Plain, &Memory::unlimited());
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

    #[test]
    fn compressed_bodies_get_the_verdict_of_plain_ones(body in bodies(), size in 1..60_usize, flip in any::<(bool, prop::sample::Index, u8)>()) {
        for kind in [IndexBody::Query, IndexBody::Searches, IndexBody::Bulk] {
            let mut packed = gzip(body.as_bytes());
            let (verdict, sent) = inflated(kind, &packed, size);
            prop_assert_eq!(verdict, whole(kind, &body));
            if verdict.is_ok() {
                prop_assert_eq!(&sent, body.as_bytes());
            }
            if flip.0 {
                let at = flip.1.index(packed.len());
                packed[at] ^= flip.2;
                let (all, one) = (inflated(kind, &packed, usize::MAX), inflated(kind, &packed, 1));
                prop_assert_eq!(all.0.is_ok(), one.0.is_ok(), "where a body is cut changes nothing");
                prop_assert!(all.0.is_err() || all.1 == body.as_bytes(), "what passes is what it was made from");
            }
        }
    }
}
