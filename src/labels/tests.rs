//! Label enforcement, by tables of what is tricky and by generated queries.

use std::sync::{Arc, LazyLock};

use http::Method;
use promql_parser::label::{MatchOp, Matcher};
use promql_parser::parser::{self, Expr};
use proptest::prelude::*;

use super::answer::Unfiltered;
use super::fuzz::selectors;
use super::*;
use crate::config::Enforce;
use crate::types::Memory;

fn label() -> Labels {
    Labels::of(vec![Label::new("tenant", "a".to_owned()).expect("a value")]).expect("a label")
}

/// The organization's label and one of a permission, which may have two values.
fn labels() -> Labels {
    let team = Label::any("team", ["b", "c.d"].map(ToOwned::to_owned).into()).expect("values");
    Labels::of(vec![Label::new("tenant", "a".to_owned()).expect("a value"), team]).expect("labels")
}

fn prom(query: &str) -> Result<String, Refused> {
    promql::query(query, &label())
}

#[test]
fn every_selector_of_a_query_is_narrowed() {
    for (query, expected) in [
        ("up", r#"up{tenant="a"}"#),
        ("up{}", r#"up{tenant="a"}"#),
        (r#"up{job="x"}"#, r#"up{job="x",tenant="a"}"#),
        (r#"{job=~"x.+",}"#, r#"{job=~"x.+",tenant="a"}"#),
        ("1 + 1", "1 + 1"),
        ("vector(time())", "vector(time())"),
        ("rate(up[5m])", r#"rate(up{tenant="a"}[5m])"#),
        ("up[5m] offset 1h", r#"up{tenant="a"}[5m] offset 1h"#),
        ("up @ 1700000000", r#"up{tenant="a"} @ 1700000000.000"#),
        ("up @ start() offset -5m", r#"up{tenant="a"} @ start() offset -5m"#),
        ("max_over_time(rate(up[5m])[1h:1m])", r#"max_over_time(rate(up{tenant="a"}[5m])[1h:1m])"#),
        (
            "sum by (job) (up) / on(job) group_left count(down)",
            r#"sum by (job) (up{tenant="a"}) / on (job) group_left () count(down{tenant="a"})"#,
        ),
        ("sum by () (up)", r#"sum(up{tenant="a"})"#),
        // The parameter of an aggregation is an expression too.
        ("topk(scalar(b), up)", r#"topk(scalar(b{tenant="a"}), up{tenant="a"})"#),
        ("quantile(scalar(max(b)), up)", r#"quantile(scalar(max(b{tenant="a"})), up{tenant="a"})"#),
        ("up or down unless absent(x)", r#"up{tenant="a"} or down{tenant="a"} unless absent(x{tenant="a"})"#),
        ("-(up)", r#"-(up{tenant="a"})"#),
        // What was asked of another tenant stays, and selects nothing together with ours.
        (r#"up{tenant="b"}"#, r#"up{tenant="a",tenant="b"}"#),
        (r#"up{tenant=~".*"}"#, r#"up{tenant="a",tenant=~".*"}"#),
        (r#"up{tenant!="a"}"#, r#"up{tenant!="a",tenant="a"}"#),
        (r#"up{tenant="a"}"#, r#"up{tenant="a"}"#),
        // Strings and comments that look like the end of something.
        (r#"up{job="}"} # }"#, r#"up{job="}",tenant="a"}"#),
        (r#"up{job='"} or b{x="'}"#, r#"up{job="\"} or b{x=\"",tenant="a"}"#),
        ("up{job=`\"`}", r#"up{job="\"",tenant="a"}"#),
        (r#"label_replace(up, "tenant", "b", "", "\"}{")"#, r#"label_replace(up{tenant="a"}, "tenant", "b", "", "\"}{")"#),
        ("up # {\n+ down", r#"up{tenant="a"} + down{tenant="a"}"#),
        ("sum", r#"sum{tenant="a"}"#),
        ("{\"odd.name\"}", r#"{__name__="odd.name",tenant="a"}"#),
        (r#"{"my.metric","my.label"="x"}"#, r#"{"my.label"="x",__name__="my.metric",tenant="a"}"#),
        (r#"up{"tenant"="b"}"#, r#"up{tenant="a",tenant="b"}"#),
    ] {
        assert_eq!(prom(query).as_deref(), Ok(expected), "{query}");
    }
}

#[test]
fn what_the_parser_must_not_read_stays_as_it_was_sent() {
    for (query, expected) in [
        // What no compiler of regular expressions would take, or only as another one than the services'.
        (r#"up{a=~"(\\w{1000}){1000}"}"#, r#"up{a=~"(\\w{1000}){1000}",tenant="a"}"#),
        (r#"up{a!~"\\Q.\\E",b=~""}"#, r#"up{a!~"\\Q.\\E",b=~"",tenant="a"}"#),
        ("up{a=~ # }\n 'x\\'\"',}", r#"up{a=~"x'\"",tenant="a"}"#),
        // A raw string may end elsewhere for another service.
        ("up{a=~`\\w\"\\`}", r#"up{a=~"\\w\"\\",tenant="a"}"#),
        (r#"{a=~"x"} or {a=~"y"}"#, r#"{a=~"x",tenant="a"} or {a=~"y",tenant="a"}"#),
        // Bytes, which are not characters.
        (r#"up{a="\xc3\xa9",b!='\303\251'}"#, r#"up{a="\xc3\xa9",b!="\303\251",tenant="a"}"#),
        (r#"label_replace(up, "a", "\xc3\xa9", "b", "")"#, r#"label_replace(up{tenant="a"}, "a", "\xc3\xa9", "b", "")"#),
        (r#"up{b=~"x",a="\u007e0~00000"}"#, r#"up{a="\u007e0~00000",b=~"x",tenant="a"}"#),
        (
            r#"label_replace(up, "a", "\u007e0~00000", "b", "\x41")"#,
            r#"label_replace(up{tenant="a"}, "a", "\u007e0~00000", "b", "\x41")"#,
        ),
        (r#"up{a="\u007e0~zz"}"#, r#"up{a="\u007e0~zz",tenant="a"}"#),
        (r#"sum by ("\x61") (up)"#, r#"sum by ("\x61") (up{tenant="a"})"#),
        // What stands for it meanwhile.
        (r#"up{a=~"x",b="~0~00000",c="~1~"}"#, r#"up{a=~"x",b="~0~00000",c="~1~",tenant="a"}"#),
    ] {
        assert_eq!(prom(query).as_deref(), Ok(expected), "{query}");
        assert_eq!(prom(expected).as_deref(), Ok(expected), "{query}");
    }
    let many: Vec<String> = (0..1_500).map(|n| format!(r#"a=~"\\w{{40}}{n}""#)).collect();
    assert_eq!(prom(&format!("up{{{}}}", many.join(","))).map(|text| text.matches("=~").count()), Ok(1_500));
    for query in [
        r#"up{b="\x74enant","\u007e0~00000"!="a"}"#,
        r#"up{"\x61"="b"}"#,
        r#"{"\141"}"#,
        r#"up{a=~"\q"}"#,
        r#"up{a=~"x" "y"}"#,
        "up{=~'x'}",
    ] {
        assert_eq!(prom(query), Err(Refused::Malformed), "{query}");
    }
}

#[test]
fn queries_that_nobody_could_narrow_are_refused() {
    let (deep, long) = (format!("{}up{}", "(".repeat(300), ")".repeat(300)), "a".repeat(40_000));
    let (minus, ors) = (format!("{}up", "-".repeat(20_000)), "up or ".repeat(300) + "up");
    for (query, refused) in [
        ("", Refused::Malformed),
        ("up{", Refused::Malformed),
        ("up}", Refused::Malformed),
        ("up{job=\"x}", Refused::Malformed),
        ("up{job=\"x\ny\"}", Refused::Malformed),
        ("up{job=x}", Refused::Malformed),
        ("nonsense(up)", Refused::Malformed),
        ("up up", Refused::Malformed),
        ("up\u{0}", Refused::Malformed),
        ("up smoothed", Refused::Malformed),
        ("up[99999999999999999999999]", Refused::Malformed),
        ("up @ -1", Refused::Malformed),
        (r#"up{a="1" or tenant="b"}"#, Refused::NotEnforceable),
        ("info(up)", Refused::NotEnforceable),
        ("1 + sum(info(up, {job=\"x\"}))", Refused::NotEnforceable),
        (&deep, Refused::TooLarge),
        (&minus, Refused::TooLarge),
        (&ors, Refused::TooLarge),
        (&long, Refused::TooLarge),
    ] {
        let code = prom(query).map_err(Refused::code);
        assert_eq!(code, Err(refused.code()), "{}", &query[..query.len().min(60)]);
    }
}

#[test]
fn a_value_is_only_ever_a_value() {
    for value in ["a\"} or {x=\"", "a\\", "a\nb", "é|b"] {
        let label = Labels::of(vec![Label::new("tenant", value.to_owned()).expect("a value")]).expect("a label");
        let text = promql::query("up", &label).unwrap_or_else(|e| panic!("{value:?}: {e}"));
        let Ok(Expr::VectorSelector(selector)) = parser::parse(&text) else { panic!("{text}") };
        assert_eq!(selector.matchers.matchers, [Matcher::new(MatchOp::Equal, "tenant", value)], "{text}");
        assert!(logql::query("{a=\"b\"}", &label).is_ok_and(|t| t.ends_with(&format!("{label}}}"))));
    }
    let bell = Labels::of(vec![Label::new("tenant", "\u{7}".to_owned()).expect("a value")]).expect("a label");
    assert_eq!(promql::query("up", &bell).map_err(Refused::code), Err("selector_malformed"), "nobody writes that");
    assert_eq!(Label::new("tenant", String::new()), Err(Refused::NoValue), "an empty matcher selects what has no such label");
}

#[test]
fn selectors_stand_alone() {
    assert_eq!(promql::selector("up", &label()).as_deref(), Ok(r#"up{tenant="a"}"#));
    for text in ["up[5m]", "up offset 5m", "up @ 1", "up or down", "sum(up)", "1", "", "(up)"] {
        assert!(promql::selector(text, &label()).is_err(), "{text}");
        assert!(logql::selector(text, &label()).is_err(), "{text}");
    }
    assert_eq!(logql::selector(" {a=\"b\"} ", &label()).as_deref(), Ok(r#"{a="b",tenant="a"}"#));
    assert!(logql::selector("{a=\"b\"} |= \"x\"", &label()).is_err());
}

#[test]
fn every_stream_selector_is_narrowed() {
    let log = |query: &str| logql::query(query, &label());
    for (query, expected) in [
        (r#"{app="x"}"#, r#"{app="x",tenant="a"}"#),
        ("{}", r#"{tenant="a"}"#),
        (
            r#"{ app = "x" , b!~`y}` , } |= "z{" | line_format "{{.a}}""#,
            r#"{app="x",b!~`y}`,tenant="a"} |= "z{" | line_format "{{.a}}""#,
        ),
        (
            r#"sum(rate({app="x"}[5m])) / sum(count_over_time({app="y"} | json [5m]))"#,
            r#"sum(rate({app="x",tenant="a"}[5m])) / sum(count_over_time({app="y",tenant="a"} | json [5m]))"#,
        ),
        ("{app=\"x\"} # {tenant=\"b\"}\n|= `#{`", "{app=\"x\",tenant=\"a\"} \n|= `#{`"),
        (r#"{tenant="b"}"#, r#"{tenant="b",tenant="a"}"#),
        (r#"{app="\"}"} |= "\\""#, r#"{app="\"}",tenant="a"} |= "\\""#),
    ] {
        assert_eq!(log(query).as_deref(), Ok(expected), "{query}");
    }
    for query in [
        "",
        "{",
        "}",
        "{app=\"x\"",
        "{app=\"x\"}}",
        "{{app=\"x\"}}",
        "{app=x}",
        "{app=\"x\" b=\"y\"}",
        "{,}",
        "{app=\"x\",,}",
        "{app}",
        "{\"app\"=\"x\"}",
        "{app==\"x\"}",
        "{app=\"x\" or tenant=\"b\"}",
        "{app=\"x\"} |= 'y",
        "{app=\"x\"} // c",
        "{app=\"x\"} /* c */",
        "{app=\"x\ny\"}",
        "{app=`x}",
        "{9=\"x\"}",
        "{app=\"x\"} \u{1}",
    ] {
        assert!(log(query).is_err(), "{query}");
    }
}

/// Grafana tries a data source with such a query.
#[test]
fn a_query_that_reads_nothing_goes_on() {
    let log = |query: &str| logql::query(query, &label());
    for query in [
        "1",
        "vector(1)",
        "vector(1)+vector(1)",
        " vector( 1.5 )\n/ (2 - -3)",
        "1 > bool 2",
        "(((1)))",
        "vector(1) or vector(0) unless 1",
        "-1 ^ 2 % 3 * 4 != 5",
    ] {
        assert_eq!(log(query).as_deref(), Ok(query));
        assert_eq!(logql::streams(query, &label()), Err(Refused::NotEnforceable), "{query}");
    }
    assert_eq!(log("vector(1) # {tenant=\"b\"}\n+ 1").as_deref(), Ok("vector(1) \n+ 1"));
    let deep = format!("{}1{}", "(".repeat(200), ")".repeat(200));
    for query in [
        "vector",
        "vector()",
        "vector(vector(1))",
        "vector(-1)",
        "vector(1",
        "vector(1)) or (1",
        "vector(\"1\")",
        "vector 1",
        "vectors(1)",
        "xvector(1)",
        "Vector(1)",
        "1 1",
        "1 +",
        "+ + 1",
        "5m",
        "1.",
        ".5",
        "1.2.3",
        "1e3",
        "0x1",
        "1_0",
        "up",
        "rate(1)",
        "sum(vector(1))",
        "count_over_time([5m])",
        "1 | json",
        "1 |= `x`",
        "1 or up",
        "1orup",
        "1 or\u{a0}1",
        "1 == ~ 1",
        "1 !~ 1",
        "1 @ 2",
        "1[5m]",
        "1 offset 5m",
        "1 on() 1",
        "label_replace(vector(1), \"a\", \"b\", \"c\", \"d\")",
        "variants(1) of (1)",
        "\u{0661}",
        "1; 1",
        "1, 1",
        "$x",
        "()",
        " ",
        deep.as_str(),
    ] {
        assert_eq!(log(query), Err(Refused::NotEnforceable), "{query}");
    }
    for query in ["1 // 1", "1 /* c */ + 1", "vector('1')", "1 }", "1 + {"] {
        assert_eq!(log(query).map_err(Refused::code), Err("selector_malformed"), "{query}");
    }
}

const GET: &Method = &Method::GET;

fn asked<'a>(query: &'a str, body: Option<&'a str>) -> Asked<'a> {
    Asked {
        method: GET,
        path: "/api/v2/alerts",
        query: (!query.is_empty()).then_some(query),
        body: body.map(str::as_bytes),
        is_form: true,
        memory: memory(),
    }
}

/// As much as any test wants.
pub(super) fn memory() -> &'static Arc<Memory> {
    static MEMORY: LazyLock<Arc<Memory>> = LazyLock::new(Memory::unlimited);
    &MEMORY
}

fn decoded(query: &str) -> Vec<String> {
    url::form_urlencoded::parse(query.as_bytes()).map(|(k, v)| format!("{k}={v}")).collect()
}

#[test]
fn several_labels_hold_together() {
    let query = promql::query(r#"sum(up{team="x"}) / b"#, &labels()).expect("a query");
    assert_eq!(query, r#"sum(up{team="x",team=~"b|c\\.d",tenant="a"}) / b{team=~"b|c\\.d",tenant="a"}"#);
    assert_eq!(promql::query(&query, &labels()).as_deref(), Ok(query.as_str()), "narrowed once");
    let streams = logql::query(r#"{job="x"} |= "y""#, &labels()).expect("a query");
    assert_eq!(streams, r#"{job="x",tenant="a",team=~"b|c\\.d"} |= "y""#);
    let rewritten = enforce(Some(Enforce::AlertmanagerFilter), &labels(), &asked("", None)).expect("enforceable");
    assert_eq!(decoded(&rewritten.query.expect("a query")), [r#"filter=tenant="a""#, r#"filter=team=~"b|c\\.d""#]);
    let (silence, _) = silence::narrowed("/silences", br#"{"matchers":[]}"#, &labels()).expect("a silence");
    let silence: serde_json::Value = serde_json::from_slice(&silence).expect("JSON");
    assert_eq!(silence["matchers"][0]["isRegex"], false);
    assert_eq!((&silence["matchers"][1]["isRegex"], &silence["matchers"][1]["value"]), (&true.into(), &r"b|c\.d".into()));
    let mut filter =
        enforce(Some(Enforce::PromqlAlerts), &labels(), &asked("", None)).expect("enforceable").answer.expect("a filter");
    let alerts = r#"{"data":{"alerts":[{"labels":{"tenant":"a","team":"c.d"}},{"labels":{"tenant":"a"}},
        {"labels":{"tenant":"a","team":"cxd"}},{"labels":{"tenant":"b","team":"b"}}]}}"#;
    filter.push(alerts.as_bytes()).expect("room");
    let left = filter.finish().expect("JSON");
    assert_eq!(left, r#"{"data":{"alerts":[{"labels":{"team":"c.d","tenant":"a"}}]}}"#);
}

/// The query alone is not enough: Thanos hands it on without the label of the tenant.
#[test]
fn exemplars_lose_what_is_not_the_organizations() {
    let asked = |query| enforce(Some(Enforce::PromqlExemplars), &label(), &asked(query, None));
    let Rewritten { query, answer, .. } = asked("query=up&start=1").expect("enforceable");
    assert_eq!(decoded(&query.expect("a query")), [r#"query=up{tenant="a"}"#, "start=1"]);
    let mut filter = answer.expect("a filter");
    let all = r#"{"status":"success","data":[{"seriesLabels":{"tenant":"a"},"exemplars":[{"labels":{"trace_id":"1"}}]},
        {"seriesLabels":{"tenant":"b"},"exemplars":[{"labels":{"tenant":"a"}}]},{"seriesLabels":{}},{"labels":{"tenant":"a"}}]}"#;
    filter.push(all.as_bytes()).expect("room");
    let left = r#"{"data":[{"exemplars":[{"labels":{"trace_id":"1"}}],"seriesLabels":{"tenant":"a"}}],"status":"success"}"#;
    assert_eq!(filter.finish().expect("JSON"), left);
    for odd in [r#"{"status":"success"}"#, r#"{"data":{}}"#] {
        let mut filter = asked("query=up").expect("enforceable").answer.expect("a filter");
        filter.push(odd.as_bytes()).expect("room");
        assert_eq!(filter.finish().expect_err("another form"), Unfiltered::Form, "{odd}");
    }
    assert_eq!(asked("start=1").map(drop).expect_err("no query"), Refused::Missing);
}

#[test]
fn parameters_are_found_in_url_and_form() {
    let to = |how, query, body| {
        let Rewritten { query, body, .. } = enforce(Some(how), &label(), &asked(query, body))?;
        let body = body.map(|b| String::from_utf8(b).expect("a form"));
        Ok::<_, Refused>([query.unwrap_or_default(), body.unwrap_or_default()].map(|text| decoded(&text).join(" ")))
    };
    let ok = |query: &str, body: &str| Ok([query.to_owned(), body.to_owned()]);
    assert_eq!(to(Enforce::PromqlQuery, "query=up&time=1", None), ok(r#"query=up{tenant="a"} time=1"#, ""));
    assert_eq!(to(Enforce::PromqlQuery, "time=1", Some("query=up%20%2B%201")), ok("time=1", r#"query=up{tenant="a"} + 1"#));
    assert_eq!(to(Enforce::PromqlQuery, "qu%65ry=up", None), ok(r#"query=up{tenant="a"}"#, ""), "names are decoded");
    assert_eq!(to(Enforce::PromqlQuery, "query=up&query=down", None), Err(Refused::Repeated));
    assert_eq!(to(Enforce::PromqlQuery, "query=up", Some("query=up")), Err(Refused::Repeated));
    assert_eq!(to(Enforce::PromqlQuery, "Query=up", None), Err(Refused::Missing));
    assert_eq!(to(Enforce::PromqlQuery, "query=up;query=down", None), Err(Refused::Malformed));
    assert_eq!(to(Enforce::PromqlMatch, "start=1", None), ok(r#"start=1 match[]={tenant="a"}"#, ""));
    assert_eq!(
        to(Enforce::PromqlMatch, "match[]=up&match%5B%5D=down", Some("match=x&match[]=y")),
        ok(r#"match[]=up{tenant="a"} match[]=down{tenant="a"}"#, r#"match=x{tenant="a"} match[]=y{tenant="a"}"#)
    );
    assert_eq!(to(Enforce::PromqlMatch, "match[]=up&match[]=sum(up)", None), Err(Refused::Malformed));
    // Prometheus reads `match[]` alone: nothing else may stand for it.
    for (query, body, sent) in [
        ("match=up", None, [r#"match=up{tenant="a"} match[]=up{tenant="a"}"#, ""]),
        (
            "match=up&match=down",
            None,
            [r#"match=up{tenant="a"} match=down{tenant="a"} match[]=up{tenant="a"} match[]=down{tenant="a"}"#, ""],
        ),
        ("", Some("match=up"), [r#"match[]=up{tenant="a"}"#, r#"match=up{tenant="a"}"#]),
        ("match=up", Some("match[]=down"), [r#"match=up{tenant="a"}"#, r#"match[]=down{tenant="a"}"#]),
        ("Match[]=up&match[ ]=up&match[0]=up", None, [r#"Match[]=up match[ ]=up match[0]=up match[]={tenant="a"}"#, ""]),
    ] {
        let [url, form] = sent;
        assert_eq!(to(Enforce::PromqlMatch, query, body), ok(url, form), "{query} {body:?}");
    }
    assert_eq!(to(Enforce::PromqlMatch, "match=sum(up)", None), Err(Refused::Malformed), "nor does what is not one pass in it");
    assert_eq!(to(Enforce::LogqlStreams, "query={b=\"c\"}", None), ok(r#"query={b="c",tenant="a"}"#, ""));
    for nothing in ["query=1", "query=vector(1)", "query=", ""] {
        assert!(to(Enforce::LogqlStreams, nothing, None).is_err(), "{nothing}");
    }
    assert_eq!(to(Enforce::LogqlOptional, "", None), ok(r#"query={tenant="a"}"#, ""));
    assert_eq!(to(Enforce::LogqlOptional, "", Some("query={b=\"c\"}")), ok("", r#"query={b="c",tenant="a"}"#));
    assert_eq!(
        to(Enforce::LogqlSeries, "match={b=\"c\"}", None),
        ok(r#"match={b="c",tenant="a"} match[]={b="c",tenant="a"}"#, "")
    );
    assert_eq!(to(Enforce::AlertmanagerFilter, "filter=a%3Db", None), ok(r#"filter=a=b filter=tenant="a""#, ""));
    assert_eq!(to(Enforce::Nothing, "query=up", None), ok("query=up", ""));
    assert_eq!(enforce(None, &label(), &asked("", None)).map(drop), Err(Refused::Route));
    let other = Asked { is_form: false, ..asked("", Some("query=up")) };
    assert_eq!(enforce(Some(Enforce::PromqlQuery), &label(), &other).map(drop), Err(Refused::NotAForm));
    let many = "a=1&".repeat(1_001);
    assert_eq!(to(Enforce::PromqlQuery, &many, None), Err(Refused::TooLarge));
}

#[test]
fn a_silence_covers_its_organization_only() {
    let narrowed = |body: &str| {
        let (body, named) = silence::narrowed("/api/v2/silences", body.as_bytes(), &label())?;
        assert_eq!(named, None);
        Ok(String::from_utf8(body).expect("JSON"))
    };
    let ours = r#"{"isEqual":true,"isRegex":false,"name":"tenant","value":"a"}"#;
    let theirs = r#"{"name":"tenant","value":".*","isRegex":true}"#;
    assert_eq!(narrowed(r#"{"matchers":[],"comment":"c"}"#), Ok(format!(r#"{{"comment":"c","matchers":[{ours}]}}"#)));
    assert_eq!(narrowed(&format!(r#"{{"matchers":[{ours}]}}"#)), Ok(format!(r#"{{"matchers":[{ours}]}}"#)));
    let kept = narrowed(&format!(r#"{{"matchers":[{theirs}]}}"#)).expect("a silence");
    assert!(kept.contains(r#""value":".*""#) && kept.contains(ours), "{kept}");
    for body in [
        "",
        "[]",
        "{}",
        r#"{"matchers":{}}"#,
        r#"{"matchers":[1]}"#,
        r#"{"matchers":[],"id":"x"}"#,
        r#"{"matchers":[],"ID":"x"}"#,
        r#"{"matchers":[],"Matchers":[]}"#,
        r#"{"matchers":[],"matcher\u017f":[]}"#,
        r#"{"matchers":[],"id":1}"#,
        r#"{"matchers":[],"id":"","Id":""}"#,
        r#"{"matchers":[],"id":"../../x/7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2c"}"#,
        r#"{"matchers":[],"ID":"7d8ab157-6f5b-4d8e-9d4d-0a8e3f6a1b2c"}"#,
    ] {
        assert_eq!(narrowed(body), Err(Refused::Silence), "{body}");
    }
}

#[test]
fn answers_lose_what_is_not_the_organizations() {
    let filtered = |how, text: &str| {
        let rewritten = enforce(Some(how), &label(), &asked("", None)).expect("enforceable");
        let mut filter = rewritten.answer.expect("a filter");
        for part in text.as_bytes().chunks(7) {
            filter.push(part)?;
        }
        filter.finish().map(|b| String::from_utf8(b.to_vec()).expect("JSON"))
    };
    let alerts =
        r#"{"status":"success","data":{"alerts":[{"labels":{"tenant":"a"}},{"labels":{"tenant":"b"}},{"labels":{}},{}]}}"#;
    assert_eq!(
        filtered(Enforce::PromqlAlerts, alerts).as_deref(),
        Ok(r#"{"data":{"alerts":[{"labels":{"tenant":"a"}}]},"status":"success"}"#)
    );
    let rules = r#"{"data":{"groups":[
        {"name":"g","rules":[{"name":"r","labels":{"tenant":"a"},"alerts":[{"labels":{"tenant":"a"}},{"labels":{"tenant":"b"}}]},{"labels":{"tenant":"b"}}]},
        {"name":"h","rules":[{"labels":{}}]}]}}"#;
    let expected = r#"{"data":{"groups":[{"name":"g","rules":[{"alerts":[{"labels":{"tenant":"a"}}],"labels":{"tenant":"a"},"name":"r"}]}]}}"#;
    assert_eq!(filtered(Enforce::PromqlRules, rules).as_deref(), Ok(expected));
    for odd in ["", "[]", "{}", r#"{"data":[]}"#, r#"{"data":{"groups":{}}}"#, r#"{"data":{"groups":[{}]}}"#] {
        assert_eq!(filtered(Enforce::PromqlRules, odd), Err(Unfiltered::Form), "{odd}");
    }
    let none = filtered(Enforce::PromqlAlerts, r#"{"data":{"alerts":null}}"#);
    assert_eq!(none.as_deref(), Ok(r#"{"data":{"alerts":[]}}"#), "so Thanos says that there is none");
    assert_eq!(filtered(Enforce::PromqlAlerts, &" ".repeat(17 << 20)), Err(Unfiltered::TooLarge));
}

fn vector() -> impl Strategy<Value = String> {
    let name = prop::sample::select(vec!["up", "http_requests:rate5m", "sum", "by", "foo"]);
    let value = prop::sample::select(vec![r#""x""#, r"'a\'b'", "`}{#`", r#""a\"} or b{""#, r#""""#, r#"".+""#, r#""é\n\\""#]);
    let operator = prop::sample::select(vec!["=", "!=", "=~", "!~"]);
    let key = prop::sample::select(vec!["job", "tenant", "instance", "_x"]);
    let matcher = (key, operator, value).prop_map(|(k, o, v)| format!("{k}{o}{v}"));
    let time = prop::sample::select(vec!["", "", "", " offset 5m", " offset -1h", " @ 1700000000", " @ end()"]);
    (name, prop::collection::vec(matcher, 0..3), time)
        .prop_map(|(n, m, t)| if m.is_empty() { format!("{n}{{}}{t}") } else { format!("{n} {{ {} }}{t}", m.join(" , ")) })
}

fn query() -> impl Strategy<Value = String> {
    vector().prop_recursive(4, 24, 3, |inner| {
        let operator = prop::sample::select(vec![
            "+",
            "- on(job)",
            "/ ignoring(a) group_left(b)",
            "> bool",
            "and",
            "or",
            "unless on()",
            "^",
            "atan2",
        ]);
        prop_oneof![
            (inner.clone(), operator, inner.clone()).prop_map(|(l, o, r)| format!("({l}) {o} ({r})")),
            (inner.clone(), prop::sample::select(vec!["sum by (job)", "avg", "count without(a,b)", "max by ()"]))
                .prop_map(|(q, a)| format!("{a} ({q})")),
            (inner.clone(), inner.clone()).prop_map(|(p, q)| format!("topk(scalar({p}), {q})")),
            inner.clone().prop_map(|q| format!("max_over_time(({q})[1h:5m] offset 1m)")),
            inner.clone().prop_map(|q| format!("abs(-({q}))")),
            inner.clone().prop_map(|q| format!("label_replace({q}, 'a', \"$1}}{{\", 'b', `(.*)`) # {{}}\n")),
            inner.prop_map(|q| format!("({q}) * 1e3 + Inf")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Each selector has ours, all that were sent survive, and narrowing again changes nothing.
    #[test]
    fn generated_queries_are_narrowed(query in query()) {
        let sent = parser::parse(&query);
        prop_assume!(sent.is_ok());
        let narrowed = match prom(&query) {
            Ok(text) => text,
            Err(refused) => { prop_assert_eq!(refused, Refused::TooLarge, "{}", query); return Ok(()); }
        };
        let (mut before, mut after) = (Vec::new(), Vec::new());
        selectors(&sent.expect("parsed"), &mut before);
        selectors(&parser::parse(&narrowed).expect("parsed again"), &mut after);
        let ours = r#"tenant="a""#.to_owned();
        prop_assert_eq!(before.len(), after.len());
        for (sent, made) in before.into_iter().zip(after) {
            prop_assert!(made.contains(&ours), "{}", narrowed);
            let mut made: Vec<_> = made.into_iter().filter(|m| *m != ours).collect();
            let mut expected: Vec<_> = sent.into_iter().filter(|m| *m != ours).collect();
            made.sort();
            expected.sort();
            prop_assert_eq!(made, expected, "{}", narrowed);
        }
        prop_assert_eq!(prom(&narrowed), Ok(narrowed.clone()));
    }

    #[test]
    fn no_text_panics_or_gets_through_unnarrowed(text in "[a-c{}()\\[\\]\"'`#=~!,+ 0-9@\\\\\n]{0,40}") {
        if let Ok(narrowed) = prom(&text) {
            let mut found = Vec::new();
            selectors(&promql::read(&narrowed, &label()).expect("parsed"), &mut found);
            prop_assert!(found.iter().all(|s| s.contains(&r#"tenant="a""#.to_owned())));
        }
        if let Ok(narrowed) = logql::query(&text, &label()) {
            let reads = narrowed.contains(['{', '"', '`']) || narrowed.chars().any(char::is_alphabetic);
            prop_assert!(!reads || narrowed.contains("tenant=\"a\"}"), "{}", narrowed);
        }
    }
}
