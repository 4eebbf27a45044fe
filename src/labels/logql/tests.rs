//! Queries that are made together with what their selectors are, and read again by a reader that has nothing in common with ours.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;
use crate::labels::Label;

/// What Loki's scanner makes of a query: strings by what they say, everything else by its characters. Comments are gone.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Said(String),
    Char(char),
}

/// A matcher: name and operator, and what it compares with.
type Matcher = (String, String);

/// Reads a query as Loki does.
fn scanned(text: &str) -> Vec<Token> {
    let (mut tokens, mut chars) = (Vec::new(), text.chars());
    while let Some(c) = chars.next() {
        match c {
            '"' => tokens.push(Token::Said(interpreted(&mut chars))),
            '`' => tokens.push(Token::Said(chars.by_ref().take_while(|c| *c != '`').collect())),
            '#' => drop(chars.by_ref().find(|c| *c == '\n')),
            c if c.is_whitespace() => {}
            c => tokens.push(Token::Char(c)),
        }
    }
    tokens
}

/// The rest of a string in double quotes, as Go reads it.
fn interpreted(chars: &mut std::str::Chars<'_>) -> String {
    let mut said = String::new();
    while let Some(c) = chars.next().filter(|c| *c != '"') {
        match c {
            '\\' => said.push(match chars.next().expect("an escape") {
                'n' => '\n',
                'r' => '\r',
                't' => '\t',
                'u' => {
                    let code: String = chars.by_ref().take(4).collect();
                    u32::from_str_radix(&code, 16).ok().and_then(char::from_u32).expect("a character")
                }
                other => other,
            }),
            c => said.push(c),
        }
    }
    said
}

/// The matchers of each selector in their order, and what is left of the query without them.
fn taken_apart(text: &str) -> (Vec<Vec<Matcher>>, Vec<Token>) {
    let (mut selectors, mut rest, mut tokens) = (Vec::new(), Vec::new(), scanned(text).into_iter());
    while let Some(token) = tokens.next() {
        if token != Token::Char('{') {
            rest.push(token);
            continue;
        }
        let (mut matchers, mut name) = (Vec::new(), String::new());
        for token in tokens.by_ref().take_while(|token| *token != Token::Char('}')) {
            match token {
                Token::Char(',') if name.is_empty() => {}
                Token::Char(c) => name.push(c),
                Token::Said(value) => matchers.push((std::mem::take(&mut name), value)),
            }
        }
        assert_eq!(name, "", "{text}");
        selectors.push(matchers);
    }
    (selectors, rest)
}

/// A query with the matchers of its selectors.
#[derive(Clone, Debug)]
struct Made {
    text: String,
    selectors: Vec<Vec<Matcher>>,
}

impl Made {
    /// Another text around this one.
    fn within(self, before: &str, after: &str) -> Self {
        Self { text: format!("{before}{}{after}", self.text), ..self }
    }

    fn and(mut self, between: &str, other: Self) -> Self {
        self.selectors.extend(other.selectors);
        Self { text: format!("{}{between}{}", self.text, other.text), ..self }
    }
}

/// Whatever strings can say that looks like something else.
fn said() -> impl Strategy<Value = String> {
    let hostile = ["}", "{tenant=\"b\"}", "#", "`", "\"", "\\", "\n", "//", "/*", "{{.a}}", "\\\"}", "é", ",", "|=", "' or '"];
    prop::collection::vec(prop_oneof![select(hostile.to_vec()).prop_map(str::to_owned), "[a-z =~!]{0,4}"], 0..5)
        .prop_map(|parts| parts.concat())
}

/// The same as a string of a query, in one of the ways to write it.
fn written(said: &str, raw: bool) -> String {
    if raw && !said.contains('`') {
        return format!("`{said}`");
    }
    format!("\"{}\"", said.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n"))
}

fn string() -> impl Strategy<Value = (String, String)> {
    (said(), any::<bool>()).prop_map(|(said, raw)| (written(&said, raw), said))
}

/// What may stand between any two tokens.
fn gap() -> impl Strategy<Value = String> {
    select(vec!["", "", " ", "\n\t", " # {tenant=\"b\"}\n", "# } ` \" { |=\n ", "#\n"]).prop_map(str::to_owned)
}

fn selector() -> impl Strategy<Value = Made> {
    let name = select(vec!["app", "tenant", "_x9", "Tenant", "__error__"]);
    let matcher = (name, select(vec!["=", "!=", "=~", "!~"]), string(), gap(), gap(), gap());
    let matchers = prop::collection::vec(matcher, 0..4);
    (matchers, gap(), any::<bool>()).prop_map(|(matchers, end, comma)| {
        let (mut parts, mut kept) = (Vec::new(), Vec::new());
        for (name, operator, (text, said), a, b, c) in matchers {
            parts.push(format!("{a}{name}{b}{operator}{c}{text}"));
            kept.push((format!("{name}{operator}"), said));
        }
        let comma = if comma && !parts.is_empty() { "," } else { "" };
        Made { text: format!("{{{}{end}{comma}{end}}}", parts.join(",")), selectors: vec![kept] }
    })
}

/// A log query: a selector and what becomes of its lines.
fn logs() -> impl Strategy<Value = Made> {
    let begins = select(vec![
        "|=",
        "!=",
        "|~",
        "!~",
        "|>",
        "| line_format ",
        "| label_format a=",
        "| app =",
        "| pattern ",
        "| regexp ",
        "| json a=",
    ]);
    let with = (begins, string()).prop_map(|(begin, (text, _))| format!("{begin}{text}"));
    let bare = select(vec!["| json", "| logfmt --strict", "| decolorize", "| status >= 500", "| drop a, b", "| unpack"]);
    let stages = prop::collection::vec((gap(), prop_oneof![with, bare.prop_map(str::to_owned)]), 0..4);
    (selector(), stages).prop_map(|(made, stages)| {
        let stages: Vec<_> = stages.into_iter().map(|(gap, stage)| format!(" {gap}{stage}")).collect();
        made.within("", &stages.concat())
    })
}

fn queries() -> impl Strategy<Value = Made> {
    let ranges = logs().prop_map(|logs| logs.within("rate(", " [5m])"));
    let unwrapped =
        logs().prop_map(|logs| logs.within("quantile_over_time(0.5, ", " | unwrap bytes(x) [1h] offset 5m) by (app)"));
    let metric = prop_oneof![ranges, unwrapped].prop_recursive(3, 12, 2, |inner| {
        let replaced = (inner.clone(), string(), string())
            .prop_map(|(made, (a, _), (b, _))| made.within("label_replace(", &format!(", \"tenant\", {a}, \"x\", {b})")));
        let joined = (inner.clone(), inner.clone(), select(vec![" / ", " or ", " and on (app) ", " > bool ", " - "]));
        prop_oneof![
            inner.clone().prop_map(|made| made.within("sum by (tenant) (", ")")),
            inner.prop_map(|made| made.within("topk(5, ", ") * 2")),
            joined.prop_map(|(a, b, between)| a.and(between, b)),
            replaced,
        ]
    });
    (prop_oneof![logs(), metric], gap(), gap()).prop_map(|(made, before, after)| made.within(&before, &after))
}

fn narrowed_to(tenant: &str) -> Labels {
    let team = Label::any("team", ["b", "c.d|}"].map(ToOwned::to_owned).into()).expect("values");
    Labels::of(vec![Label::new("tenant", tenant.to_owned()).expect("a value"), team]).expect("labels")
}

/// A query of numbers and operators alone.
fn constants() -> impl Strategy<Value = String> {
    let number = select(vec!["0", "17", "2.50"]);
    let operand = prop_oneof![
        number.clone().prop_map(str::to_owned),
        (select(vec!["-", "+ "]), number.clone()).prop_map(|(sign, number)| format!("{sign}{number}")),
        (number, select(vec!["", " ", "\n"])).prop_map(|(number, gap)| format!("vector{gap}({gap}{number}{gap})")),
    ];
    operand.prop_recursive(3, 8, 2, |inner| {
        let operator = select(vec![" + ", "-", "*", " / ", "%", "^", "==", " != bool ", ">=bool ", " and ", "\nor ", " unless "]);
        prop_oneof![
            inner.clone().prop_map(|inner| format!("( {inner})")),
            (inner.clone(), operator, inner).prop_map(|(a, operator, b)| format!("{a}{operator}{b}")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    /// What reads nothing goes on as it came, and with anything else in it, wherever that is, it does not.
    #[test]
    fn what_reads_nothing_goes_on_and_nothing_hides_in_it(
        made in constants(),
        other in select(vec!["up", "rate", "x(", "[5m]", "|=", "$", "@", "_", "offset", ",", ";", "é", "e", "\\"]),
        at in any::<prop::sample::Index>(),
    ) {
        prop_assume!(made.len() < 200);
        prop_assert_eq!(query(&made, &narrowed_to("a")), Ok(made.clone()));
        let at = at.index(made.len() + 1);
        let mixed = format!("{}{other}{}", &made[..at], &made[at..]);
        prop_assert_eq!(query(&mixed, &narrowed_to("a")), Err(Refused::NotEnforceable), "{}", mixed);
    }

    /// What was asked is what goes on, but for our matchers at the end of each selector, which say exactly what they should.
    #[test]
    fn each_selector_of_any_query_gets_exactly_our_matchers(made in queries(), tenant in said()) {
        prop_assume!(!tenant.is_empty());
        prop_assert_eq!(&taken_apart(&made.text).0, &made.selectors, "the test reads what it has made");
        let narrowed = query(&made.text, &narrowed_to(&tenant)).map_err(|e| TestCaseError::fail(format!("{e}: {}", made.text)))?;
        let ours = [("tenant=".to_owned(), tenant), ("team=~".to_owned(), "b|c\\.d\\|\\}".to_owned())];
        let expected: Vec<Vec<_>> = made.selectors.iter().map(|s| s.iter().chain(&ours).cloned().collect()).collect();
        let ((_, rest), (selectors, left)) = (taken_apart(&made.text), taken_apart(&narrowed));
        prop_assert_eq!(&selectors, &expected, "{}", narrowed);
        prop_assert_eq!(left, rest, "{}", narrowed);
    }

    /// A selector alone is one, and nothing else is.
    #[test]
    fn a_selector_alone_is_narrowed_and_a_query_is_refused(made in selector(), logs in logs(), before in gap(), after in gap()) {
        let labels = narrowed_to("a");
        let sent = format!("{before}{}{after}", made.text);
        let narrowed = super::selector(&sent, &labels).map_err(|e| TestCaseError::fail(format!("{e}: {sent}")))?;
        let (selectors, left) = taken_apart(&narrowed);
        prop_assert_eq!((selectors[0].len(), selectors.len(), left.len()), (made.selectors[0].len() + 2, 1, 0));
        prop_assert_eq!(super::selector(&logs.text, &labels).is_ok(), taken_apart(&logs.text).1.is_empty(), "{}", logs.text);
    }

    /// What is cut off anywhere is refused, or is a query still.
    #[test]
    fn what_is_cut_off_is_never_half_read(made in queries(), at in any::<prop::sample::Index>()) {
        let cut: String = made.text.chars().take(at.index(made.text.chars().count())).collect();
        match query(&cut, &narrowed_to("a")) {
            Ok(narrowed) => {
                let whole = taken_apart(&narrowed).0;
                prop_assert!(!whole.is_empty());
                prop_assert!(whole.iter().all(|s| s.iter().filter(|(name, value)| name == "tenant=" && value == "a").count() >= 1));
            }
            Err(Refused::MalformedAt { character }) => prop_assert!((1..=cut.chars().count()).contains(&character), "{}", cut),
            Err(other) => prop_assert_eq!(other, Refused::NotEnforceable, "{}", cut),
        }
    }
}

#[test]
fn a_refusal_says_where() {
    for (text, character) in [
        ("}", 1),
        ("{", 1),
        ("é {app=\"x\"", 3),
        ("{app=\"x\"}}", 10),
        ("{app=\"x}", 6),
        ("{app=\"x\"} |= 'y", 14),
        ("{app=\"x\"} // c", 11),
        ("{app=\"x\"} + /* c */", 13),
        ("{app=x}", 2),
        ("{a=\"é\", b==\"y\"}", 7),
        ("{a=\"1\" b=\"2\"}", 7),
        ("{a=\"1\"} \u{1}", 9),
        ("{{", 2),
    ] {
        assert_eq!(query(text, &narrowed_to("a")), Err(Refused::MalformedAt { character }), "{text}");
    }
    let said = Refused::MalformedAt { character: 7 };
    assert!(said.to_string().contains("character 7"));
    assert_eq!((said.code(), said.is_final()), ("selector_malformed", false));
}
