use http::Method;
use proptest::prelude::*;

use super::*;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a pattern")
}

fn table(routes: &[(&str, &str)]) -> RouteTable<String> {
    let entry = |(text, methods): &(&str, &str)| {
        let set = MethodSet::parse(methods.split(' ')).expect("methods");
        (pattern(text), set, format!("{methods} {text}"))
    };
    RouteTable::build(routes.iter().map(entry)).expect("no conflict")
}

fn found(table: &RouteTable<String>, method: &str, path: &str) -> String {
    match table.lookup(path, &Method::from_bytes(method.as_bytes()).expect("a method")) {
        Lookup::Found { route, captures } => captures.iter().fold(route.clone(), |text, (n, v)| format!("{text} {n}={v}")),
        Lookup::MethodNotAllowed { allow } => format!("405 {allow}"),
        Lookup::NotFound => "404".to_owned(),
    }
}

#[test]
fn routes_are_found_by_path_and_method() {
    let loki = table(&[
        ("/loki/api/v1/push", "POST"),
        ("/loki/api/v1/{query,query_range,labels}", "GET POST"),
        ("/loki/api/v1/label/{n}/values", "GET"),
        ("/loki/api/v1/rules/**", "POST DELETE"),
        ("/loki/api/v1/rules/{ns}/{group}", "GET"),
        ("/", "GET"),
    ]);
    for (method, path, expected) in [
        ("POST", "/loki/api/v1/push", "POST /loki/api/v1/push"),
        ("GET", "/loki/api/v1/push", "405 POST"),
        ("GET", "/loki/api/v1/labels", "GET POST /loki/api/v1/{query,query_range,labels}"),
        ("PUT", "/loki/api/v1/labels", "405 GET, POST"),
        ("GET", "/loki/api/v1/label/a%2Fb/values", "GET /loki/api/v1/label/{n}/values n=a%2Fb"),
        ("GET", "/loki/api/v1/label//values", "404"),
        ("GET", "/loki/api/v1/label/a/b/values", "404"),
        ("POST", "/loki/api/v1/rules", "POST DELETE /loki/api/v1/rules/**"),
        ("POST", "/loki/api/v1/rules/a", "POST DELETE /loki/api/v1/rules/**"),
        ("POST", "/loki/api/v1/rules/a/b/c", "POST DELETE /loki/api/v1/rules/**"),
        ("GET", "/loki/api/v1/rules/a/b", "GET /loki/api/v1/rules/{ns}/{group} ns=a group=b"),
        ("GET", "/loki/api/v1/rulesx", "404"),
        ("GET", "/loki/api/v1/push/", "404"),
        ("GET", "/LOKI/api/v1/labels", "404"),
        ("GET", "/", "GET /"),
        ("GET", "", "GET /"),
        ("TRACE", "/", "405 GET"),
        ("FOO", "/", "405 GET"),
    ] {
        assert_eq!(found(&loki, method, path), expected, "{method} {path}");
    }
}

#[test]
fn the_most_specific_path_decides_alone() {
    let table = table(&[
        ("/a/b/c", "GET"),
        ("/a/{b,x}/c", "GET"),
        ("/a/{name}/c", "GET"),
        ("/a/{name}/d", "GET"),
        ("/a/**", "GET DELETE"),
    ]);
    for (method, path, expected) in [
        ("GET", "/a/b/c", "GET /a/b/c"),
        ("GET", "/a/x/c", "GET /a/{b,x}/c"),
        ("GET", "/a/y/c", "GET /a/{name}/c name=y"),
        ("GET", "/a/b/d", "GET /a/{name}/d name=b"),
        ("GET", "/a/b/e", "GET DELETE /a/**"),
        ("GET", "/a", "GET DELETE /a/**"),
        // A wider route must not answer for a narrower one that forbids the method.
        ("DELETE", "/a/b/c", "405 GET"),
        ("DELETE", "/a/y/c", "405 GET"),
    ] {
        assert_eq!(found(&table, method, path), expected, "{method} {path}");
    }
}

#[test]
fn routes_of_one_path_share_it_by_method() {
    let table = table(&[("/x/{a}", "GET"), ("/x/{b}", "POST PUT"), ("/y/{c,d}", "GET"), ("/y/{d,e}", "POST")]);
    assert_eq!(found(&table, "GET", "/x/1"), "GET /x/{a} a=1");
    assert_eq!(found(&table, "PUT", "/x/1"), "POST PUT /x/{b} b=1");
    assert_eq!(found(&table, "DELETE", "/x/1"), "405 GET, POST, PUT");
    assert_eq!(found(&table, "POST", "/y/d"), "POST /y/{d,e}");
    assert_eq!(found(&table, "DELETE", "/y/d"), "405 GET, POST");
}

#[test]
fn routes_that_nobody_can_tell_apart_are_refused() {
    let get = MethodSet::parse(["GET"]).expect("a method");
    for (first, second) in [("/a/{x}", "/a/{y}"), ("/a/{b,c}/d", "/a/{c,d}/d"), ("/a/**", "/a/**"), ("/a", "/a")] {
        let both = [(pattern(first), get, ()), (pattern("/other"), get, ()), (pattern(second), get, ())];
        let conflict = RouteTable::build(both).expect_err("a conflict");
        assert_eq!((conflict.first_index, conflict.second_index), (0, 2), "{first} {second}");
    }
}

#[test]
fn patterns_that_no_path_can_match_are_refused() {
    for (text, error) in [
        ("", PatternError::NoSlash),
        ("a", PatternError::NoSlash),
        ("/a//b", PatternError::Unreachable(1)),
        ("/../b", PatternError::Unreachable(0)),
        ("/{a,}", PatternError::Unreachable(0)),
        ("/a b", PatternError::Character(0)),
        ("/a%20b", PatternError::Character(0)),
        ("/é", PatternError::Character(0)),
        ("/a;b", PatternError::Character(0)),
        ("/a{b}", PatternError::Braces(0)),
        ("/{}", PatternError::Braces(0)),
        ("/{a-b}", PatternError::Braces(0)),
        ("/{a", PatternError::Braces(0)),
        ("/*", PatternError::Braces(0)),
        ("/**/a", PatternError::RestNotLast),
        ("/{a}/{a}", PatternError::CaptureTwice("a".to_owned())),
        ("/{a,a}", PatternError::AlternativeTwice("a".to_owned())),
        ("/{a}/{b}/{c}/{d}/{e}/{f}/{g}/{h}/{i}", PatternError::TooLarge),
    ] {
        assert_eq!(Pattern::parse(text), Err(error), "{text}");
    }
    assert_eq!(Pattern::parse(&"/a".repeat(33)), Err(PatternError::TooLarge));
    assert_eq!(Pattern::parse(&"/{a,b,c,d,e,f,g,h}".repeat(4)), Err(PatternError::TooLarge));
}

#[test]
fn methods_are_case_sensitive_and_limited() {
    for bad in ["get", "TRACE", "CONNECT", "FOO", ""] {
        assert_eq!(MethodSet::parse([bad]), Err(MethodError(bad.to_owned())));
    }
    assert_eq!(MethodSet::ALL.to_string(), "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS");
    assert!(MethodSet::EMPTY.is_empty() && !MethodSet::ALL.contains(&Method::TRACE));
}

/// The definition, one pattern at a time.
fn matches(pattern: &Pattern, path: &str) -> bool {
    let mut segments = path.strip_prefix('/').unwrap_or(path).split('/');
    for wanted in pattern.segments() {
        if *wanted == Segment::Rest {
            return true;
        }
        let matched = segments.next().is_some_and(|given| match wanted {
            Segment::Literal(text) => **text == *given,
            Segment::Alternatives(texts) => texts.iter().any(|t| **t == *given),
            Segment::Capture(_) => !given.is_empty(),
            Segment::Rest => true,
        });
        if !matched {
            return false;
        }
    }
    segments.next().is_none()
}

fn any_pattern() -> impl Strategy<Value = Pattern> {
    let segment = prop::sample::select(vec!["a", "b", "c", "{a,b}", "{b,c}", "{x}", "{y}"]);
    let end = prop::sample::select(vec!["", "", "/**", "/"]);
    (prop::collection::vec(segment, 1..4), end)
        .prop_map(|(s, end)| format!("/{}{end}", s.join("/")))
        .prop_filter_map("captures twice", |text| Pattern::parse(&text).ok())
}

proptest! {
    #[test]
    fn the_table_agrees_with_the_definition(
        patterns in prop::collection::vec(any_pattern(), 1..8),
        path in "(/[abcd]){1,4}/?",
    ) {
        let mut kept: Vec<Pattern> = Vec::new();
        for pattern in patterns {
            if !kept.iter().any(|k| conflicts(k, &pattern)) {
                kept.push(pattern);
            }
        }
        let table = RouteTable::build(kept.iter().map(|p| (p.clone(), MethodSet::ALL, p.as_str().to_owned())));
        let table = table.expect("only what conflicts is refused");
        let expected = kept.iter().filter(|p| matches(p, &path)).min_by_key(|p| p.specificity()).map(Pattern::as_str);
        let seen = match table.lookup(&path, &Method::GET) {
            Lookup::Found { route, .. } => Some(route.as_str()),
            _ => None,
        };
        prop_assert_eq!(seen, expected, "{}", path);
    }

    #[test]
    fn conflicts_are_what_the_table_refuses(a in any_pattern(), b in any_pattern()) {
        let built = RouteTable::build([(a.clone(), MethodSet::ALL, ()), (b.clone(), MethodSet::ALL, ())]);
        prop_assert_eq!(conflicts(&a, &b), built.is_err());
        prop_assert_eq!(conflicts(&a, &b), conflicts(&b, &a));
    }
}
