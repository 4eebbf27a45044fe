use http::Method;
use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::config::Enforce;
use crate::labels::{Asked, enforce};

fn label() -> Labels {
    Labels::of(vec![Label::new("tenant", "a".to_owned()).expect("a value")]).expect("a label")
}

/// The organization's label and one of a permission, which may have two values.
fn labels() -> Labels {
    let team = Label::any("team", ["b", "c.d"].map(ToOwned::to_owned).into()).expect("values");
    Labels::of(vec![Label::new("tenant", "a".to_owned()).expect("a value"), team]).expect("labels")
}

fn asked<'a>(method: &'a Method, path: &'a str, query: Option<&'a str>) -> Asked<'a> {
    Asked { method, path, query, body: None, is_form: false, memory: crate::labels::tests::memory() }
}

fn decoded(query: &str) -> Vec<String> {
    url::form_urlencoded::parse(query.as_bytes()).map(|(k, v)| format!("{k}={v}")).collect()
}

const ID: &str = "7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2c";

#[test]
fn a_silence_is_named_by_its_path_or_its_body() {
    let path = format!("/api/v2/silence/{ID}");
    let by = |method: Method, path: &str| {
        enforce(Some(Enforce::AlertmanagerSilenceId), &label(), &asked(&method, path, None))
            .map(|done| (done.silence, done.answer.is_some()))
    };
    let (named, filtered) = by(Method::GET, &path).expect("an id");
    assert_eq!((named.as_ref().map(Named::path), filtered), (Some(&*path), true));
    assert_eq!(by(Method::DELETE, &path), Ok((named, false)));
    for odd in ["/api/v2/silence/", "/api/v2/silence/x", "/api/v2/silence/7d8ab1576f5b4d8e9d4d0a8e3f6a1b2c", ""] {
        assert_eq!(by(Method::GET, odd).map(drop), Err(Refused::Silence), "{odd}");
    }
    let body = format!(r#"{{"id":"{ID}","matchers":[]}}"#);
    let (sent, named) = narrowed("/am/api/v2/silences", body.as_bytes(), &label()).expect("a silence");
    assert_eq!(named.as_ref().map(Named::path), Some(&*format!("/am/api/v2/silence/{ID}")));
    assert!(String::from_utf8(sent).expect("JSON").contains(ID), "what it replaces is told");
    assert_eq!(narrowed("/elsewhere", body.as_bytes(), &label()).map(drop), Err(Refused::Silence));
    // As Alertmanager shows it, and a client sends it back: nothing is added, so that it stays the same silence.
    let again = format!(r#"{{"id":"{ID}","matchers":[{OURS},{{"name":"a","value":"b","isRegex":false,"isEqual":true}}]}}"#);
    let (sent, _) = narrowed("/api/v2/silences", again.as_bytes(), &label()).expect("a silence");
    assert_eq!(serde_json::from_slice::<Value>(&sent).expect("JSON"), serde_json::from_str::<Value>(&again).expect("JSON"));
}

const OURS: &str = r#"{"name":"tenant","value":"a","isRegex":false,"isEqual":true}"#;

#[test]
fn a_silence_is_the_organizations_when_it_can_touch_nothing_else() {
    let path = format!("/api/v2/silence/{ID}");
    let named = Named::by_path(&path).expect("an id");
    let shown = |matchers: &str| named.is_confined(format!(r#"{{"id":"{ID}","matchers":[{matchers}]}}"#).as_bytes(), &label());
    let matcher = |value: &str, rest: &str| format!(r#"{{"name":"tenant","value":"{value}",{rest}}}"#);
    let (equal, regex) = (r#""isRegex":false,"isEqual":true"#, r#""isRegex":true,"isEqual":true"#);
    let all = r#"{"name":"job","value":".*","isRegex":true,"isEqual":true}"#;
    for ours in [
        OURS.to_owned(),
        format!("{all},{OURS}"),
        matcher("a", r#""isRegex":false"#),
        matcher("a", regex),
        matcher("a|a", regex),
        format!("{OURS},{}", matcher("a|b", regex)),
        format!("{OURS},{}", matcher("b", r#""isRegex":false,"isEqual":false"#)),
    ] {
        assert_eq!(shown(&ours), Ok(true), "{ours}");
    }
    for other in [
        String::new(),
        all.to_owned(),
        matcher("b", equal),
        // Made by somebody with another value: it touches nothing, and says whose it is.
        format!("{OURS},{}", matcher("b", equal)),
        format!("{},{OURS}", matcher("b|c", regex)),
        matcher("a", r#""isRegex":false,"isEqual":false"#),
        matcher("a", r#""isEqual":true"#),
        matcher("a|b", regex),
        matcher("a|", regex),
        matcher("a?", regex),
        matcher("(a)", regex),
        matcher("[a]", regex),
        matcher("^a$", regex),
        matcher("\\\\x61", regex),
        matcher("", equal),
        OURS.replace("tenant", "Tenant"),
    ] {
        assert_eq!(shown(&other), Ok(false), "{other}");
    }
    for wrong in
        ["", "[]", "{}", r#"{"matchers":[]}"#, &format!(r#"{{"id":"{ID}"}}"#), &format!(r#"{{"id":"x","matchers":[{OURS}]}}"#)]
    {
        assert!(named.is_confined(wrong.as_bytes(), &label()).is_err(), "{wrong}");
    }
}

#[test]
fn a_silence_of_several_values_is_that_of_whoever_made_it() {
    let (body, _) = narrowed("/api/v2/silences", br#"{"matchers":[]}"#, &labels()).expect("a silence");
    let made: Value = serde_json::from_slice(&body).expect("JSON");
    assert!(is_confined(&made, &labels()));
    assert!(is_confined(&made, &label()), "it is in the organization");
    let other = Labels::of(vec![Label::any("team", ["b".to_owned()].into()).expect("a label")]).expect("labels");
    assert!(!is_confined(&made, &other), "one who may touch less");
}

#[test]
fn a_silence_of_what_the_labels_exclude_is_not_made() {
    let made = |matcher: &str| narrowed("/api/v2/silences", format!(r#"{{"matchers":[{matcher}]}}"#).as_bytes(), &labels());
    let matcher = |name: &str, value: &str, regex: bool, equal: bool| {
        format!(r#"{{"name":"{name}","value":"{value}","isRegex":{regex},"isEqual":{equal}}}"#)
    };
    for excluded in [matcher("tenant", "b", false, true), matcher("tenant", "b|c", true, true), matcher("team", "x", false, true)]
    {
        assert_eq!(made(&excluded).map(drop), Err(Refused::SilenceOfOthers), "{excluded}");
    }
    for within in [
        matcher("tenant", "a|b", true, true),
        matcher("tenant", ".*", true, true),
        matcher("tenant", "b", false, false),
        matcher("team", "b", false, true),
    ] {
        let (body, _) = made(&within).expect("a silence");
        assert!(is_confined(&serde_json::from_slice(&body).expect("JSON"), &labels()), "{within}");
    }
}

#[test]
fn lists_of_silences_lose_the_others() {
    let done =
        enforce(Some(Enforce::AlertmanagerSilences), &labels(), &asked(&Method::GET, "/api/v2/silences", Some("silenced=true")))
            .expect("enforceable");
    assert_eq!(decoded(&done.query.expect("a query")), ["silenced=true", r#"filter=tenant="a""#]);
    let mut filter = done.answer.expect("a filter");
    let team = r#"{"name":"team","value":"c\\.d|b","isRegex":true,"isEqual":true}"#;
    let others = OURS.replace("\"isEqual\":true", "\"isEqual\":false");
    filter
        .push(format!(r#"[{{"matchers":[{OURS},{team}]}},{{"matchers":[{OURS}]}},{{"matchers":[{others},{team}]}}]"#).as_bytes())
        .expect("room");
    let left: Value = serde_json::from_slice(&filter.finish().expect("a list")).expect("JSON");
    assert_eq!(left.as_array().map(Vec::len), Some(1), "{left}");
    let mut one = enforce(Some(Enforce::AlertmanagerSilenceId), &label(), &asked(&Method::GET, &format!("/{ID}"), None))
        .expect("enforceable")
        .answer
        .expect("a filter");
    one.push(format!(r#"{{"matchers":[{others}]}}"#).as_bytes()).expect("room");
    assert_eq!(one.finish(), Err(Unfiltered::Foreign));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn values_come_back_from_the_expression_of_them(values in prop::collection::btree_set("[a-zA-Z0-9._|\\\\ \\-é*]{1,6}", 1..4)) {
        let label = Label::any("team", values.clone()).expect("a label");
        let pattern = values.iter().map(|v| text::literally(v)).collect::<Vec<_>>().join("|");
        prop_assert_eq!(text::literals(&pattern), Some(values));
        let matcher = serde_json::json!({ "name": "team", "value": pattern, "isRegex": true, "isEqual": true });
        let silence = serde_json::json!({ "matchers": [matcher] });
        prop_assert!(is_confined(&silence, &Labels::of(vec![label]).expect("labels")));
    }
}
