//! Conditions on arguments.

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::mcp::{Allowed, Condition, ConditionError, Limits, NamePolicy, Need, Rule, arguments, parse};
use crate::types::{Placeholder, ScopeBits, Template};

fn texts(path: &str, allowed: &[&str]) -> Condition {
    Condition::new(path, allowed.iter().map(|t| Allowed::Text(template(t))).collect()).unwrap()
}

fn template(text: &str) -> Template {
    Template::parse(text, Placeholder::OF_CALLER).unwrap()
}

fn fill(template: &Template) -> String {
    template.fill(|p, out| out.push_str(if p == Placeholder::OrgSlug { "acme" } else { "" }))
}

fn members(value: Value) -> Map<String, Value> {
    let Value::Object(members) = value else { panic!("an object") };
    members
}

#[test]
fn an_argument_has_to_be_there_and_allowed() {
    let org = texts("arguments.org", &["{org.slug}", "shared"]);
    let table = [
        (json!({"org": "acme"}), true),
        (json!({"org": "shared", "x": 1}), true),
        (json!({"org": ["acme", "shared"]}), true),
        (json!({}), false),
        (json!({"org": "beta"}), false),
        (json!({"org": "ACME"}), false),
        (json!({"org": "acme "}), false),
        (json!({"org": "{org.slug}"}), false),
        (json!({"org": ["acme", "beta"]}), false),
        (json!({"org": []}), false),
        (json!({"org": [["acme"]]}), false),
        (json!({"org": {"acme": "acme"}}), false),
        (json!({"org": null}), false),
        (json!({"org": 1}), false),
        (json!({"org": "acme", "Org": "beta"}), false),
        (json!({"org": "acme", "o\u{0}rg": "beta"}), false),
        (json!({"org": "acme", "organization": "beta"}), true),
    ];
    for (given, expected) in table {
        assert_eq!(org.holds(&members(given.clone()), &fill), expected, "{given}");
    }
    let deep = texts("arguments.query.tenant.k", &["acme"]);
    assert_eq!(deep.to_string(), "arguments.query.tenant.k");
    assert!(deep.holds(&members(json!({"query": {"tenant": {"k": "acme"}}})), &fill));
    assert!(!deep.holds(&members(json!({"query": {"tenant": [{"k": "acme"}]}})), &fill));
    assert!(!deep.holds(&members(json!({"query": {"tenant": {"k": "acme"}}, "QUERY": {}})), &fill));
    // Upper-case long s and Kelvin sign fold to letters of ASCII.
    assert!(!deep.holds(&members(json!({"query": {"tenant": {"k": "acme", "\u{212a}": "beta"}}})), &fill));
    assert!(!texts("arguments.a", &["{user.email}"]).holds(&members(json!({"a": ""})), &fill), "filled in with nothing");
    assert!(texts("arguments.a", &[""]).holds(&members(json!({"a": ""})), &fill));
}

#[test]
fn numbers_and_truths_are_themselves() {
    let limit = Condition::new("arguments.n", vec![Allowed::Number(10), Allowed::Number(-1), Allowed::Truth(true)]).unwrap();
    for (given, expected) in [
        ("10", true),
        ("-1", true),
        ("true", true),
        ("false", false),
        ("10.0", false),
        ("1e1", false),
        ("\"10\"", false),
        ("10000000000000000000000", false),
    ] {
        let body =
            format!(r#"{{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{{"name":"x","arguments":{{"n":{given}}}}}}}"#);
        parse(body.as_bytes(), &Limits::default()).unwrap();
        assert_eq!(limit.holds(&arguments(body.as_bytes()).unwrap(), &fill), expected, "{given}");
    }
    for body in
        [r#"{"params":{}}"#, "{}", r#"{"params":{"arguments":null}}"#, r#"{"params":{"arguments":[1]}}"#, r#"{"params":1}"#]
    {
        assert_eq!(arguments(body.as_bytes()), None, "{body}");
    }
}

#[test]
fn conditions_name_an_argument_and_a_value() {
    let one = || vec![Allowed::Truth(true)];
    for path in ["", "org", "arguments", "arguments.", "arguments..a", "arguments.a.", "params.arguments.a", "arguments.a\n"] {
        assert_eq!(Condition::new(path, one()), Err(ConditionError::Path), "{path:?}");
    }
    assert_eq!(Condition::new("arguments.a", Vec::new()), Err(ConditionError::Nothing));
}

#[test]
fn patterns_that_hold_together_bring_all_their_conditions() {
    let rule = |path| Rule { need: Need::Scopes(ScopeBits::NONE), when: vec![texts(path, &["x"])] };
    let patterns = [("ab*", rule("arguments.a")), ("*bc", rule("arguments.b")), ("abcd", Need::Scopes(ScopeBits::NONE).into())];
    let policy = NamePolicy::new(patterns, rule("arguments.d")).unwrap();
    let of = |name: &str| policy.conditions(name).map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(of("ab"), ["arguments.a"]);
    let mut both = of("abc");
    both.sort();
    assert_eq!(both, ["arguments.a", "arguments.b"]);
    assert_eq!(of("abcd"), [""; 0], "an exact name beats every glob");
    assert_eq!(of("z"), ["arguments.d"]);
}

proptest! {
    #[test]
    fn only_allowed_values_pass(allowed in prop::collection::btree_set("[a-c]{0,2}", 1..4), given in "[a-c]{0,2}", sensed in any::<bool>()) {
        let values: Vec<&str> = allowed.iter().map(String::as_str).collect();
        let mut object = members(json!({"v": given}));
        if sensed {
            object.insert("V".to_owned(), json!(given));
        }
        prop_assert_eq!(texts("arguments.v", &values).holds(&object, &fill), allowed.contains(&given) && !sensed);
    }
}
