//! Queries that are narrowed, for whoever looks for one that selects what it may not.

use http::Method;
use promql_parser::parser::{self, Expr};
use serde_json::Value;

use super::{Asked, Label, Labels, enforce, logql, promql, silence};
use crate::config::Enforce;
use crate::types::Memory;

const OURS: &str = "tenant=\"a\"";

fn label() -> Labels {
    Labels::of(vec![Label::new("tenant", "a".to_owned()).expect("a value")]).expect("a label")
}

/// Every selector of a parsed query, with its matchers.
pub(super) fn selectors(expr: &Expr, found: &mut Vec<Vec<String>>) {
    let mut keep = |s: &parser::VectorSelector| {
        let name = s.name.iter().cloned();
        found.push(name.chain(s.matchers.matchers.iter().map(ToString::to_string)).collect());
    };
    match expr {
        Expr::VectorSelector(s) => keep(s),
        Expr::MatrixSelector(m) => keep(&m.vs),
        Expr::Aggregate(a) => {
            a.param.iter().for_each(|p| selectors(p, found));
            selectors(&a.expr, found);
        }
        Expr::Binary(b) => {
            selectors(&b.lhs, found);
            selectors(&b.rhs, found);
        }
        Expr::Unary(u) => selectors(&u.expr, found),
        Expr::Paren(p) => selectors(&p.expr, found),
        Expr::Subquery(s) => selectors(&s.expr, found),
        Expr::Call(c) => c.args.args.iter().for_each(|a| selectors(a, found)),
        Expr::NumberLiteral(_) | Expr::StringLiteral(_) | Expr::Extension(_) => {}
    }
}

/// Every selector of what goes on has our label, and narrowing again changes nothing.
pub fn promql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let labels = label();
    for narrow in [promql::query, promql::selector] {
        let Ok(narrowed) = narrow(text, &labels) else { continue };
        let mut found = Vec::new();
        selectors(&promql::read(&narrowed, &labels).expect("it is PromQL still"), &mut found);
        assert!(found.iter().all(|s| s.iter().any(|m| m == OURS)), "{narrowed}");
        assert!(promql::read(text, &labels).is_some_and(|sent| {
            let mut before = Vec::new();
            selectors(&sent, &mut before);
            before.len() == found.len()
        }));
        assert_eq!(narrow(&narrowed, &labels).as_deref(), Ok(&*narrowed));
    }
}

/// Every selector of what goes on ends with our label. Nothing but selectors has braces outside of strings and comments.
pub fn logql(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let labels = label();
    for narrow in [logql::query, logql::selector] {
        let Ok(narrowed) = narrow(text, &labels) else { continue };
        let bare = without_strings(&narrowed);
        let (open, closed) = (bare.matches('{').count(), bare.matches('}').count());
        assert_eq!(open, closed, "{narrowed}");
        assert!(open > 0 || reads_nothing(&narrowed), "{narrowed}");
        assert!(narrowed.matches(&format!("{OURS}}}")).count() >= open, "{narrowed}");
        assert!(narrow(&narrowed, &labels).is_ok(), "{narrowed}");
    }
}

/// Whether a query has no word in it that could be a name, nor a string.
fn reads_nothing(text: &str) -> bool {
    let known =
        |word: &str| word.bytes().all(|b| b.is_ascii_digit()) || ["vector", "bool", "and", "or", "unless"].contains(&word);
    !text.contains(['"', '`', '{']) && text.split(|c: char| !c.is_alphanumeric() && c != '_').all(known)
}

/// The text without what stands in quotes and behind `#`, read as Loki reads it.
fn without_strings(text: &str) -> String {
    let mut out = String::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => while chars.next().is_some_and(|c| if c == '\\' { chars.next().is_some() } else { c != '"' }) {},
            '`' => drop(chars.by_ref().find(|c| *c == '`')),
            '#' => drop(chars.by_ref().find(|c| *c == '\n')),
            other => out.push(other),
        }
    }
    out
}

/// A silence that goes on touches our alerts alone, and a member of it is there once for readers that don't mind letters.
pub fn silences(data: &[u8]) {
    let labels = label();
    let Ok((made, _)) = silence::narrowed("/api/v2/silences", data, &labels) else { return };
    let value: Value = serde_json::from_slice(&made).expect("it is JSON still");
    assert!(silence::is_confined(&value, &labels), "{value}");
    let keys: Vec<_> = value.as_object().expect("an object").keys().map(|key| key.to_lowercase()).collect();
    assert_eq!(keys.iter().filter(|key| *key == "matchers").count(), 1);
    let again = silence::narrowed("/api/v2/silences", &made, &labels).expect("what was narrowed can be");
    assert_eq!(serde_json::from_slice::<Value>(&again.0).ok(), Some(value));
}

/// Parameters of URL and form: the first byte chooses the rule, a line end parts the two. What asks of series asks of ours.
pub fn label_parameters(data: &[u8]) {
    let Some((rule, rest)) = data.split_first() else { return };
    let how = [
        Enforce::PromqlQuery,
        Enforce::PromqlMatch,
        Enforce::LogqlQuery,
        Enforce::LogqlStreams,
        Enforce::LogqlOptional,
        Enforce::LogqlSeries,
        Enforce::AlertmanagerFilter,
        Enforce::AlertmanagerSilences,
    ][usize::from(*rule) % 8];
    let (query, form) = rest.iter().position(|b| *b == b'\n').map_or((rest, None), |at| (&rest[..at], Some(&rest[at + 1..])));
    let Ok(query) = std::str::from_utf8(query) else { return };
    let (method, is_form) = if form.is_some() { (Method::POST, true) } else { (Method::GET, false) };
    let asked = Asked { method: &method, path: "/x", query: Some(query), body: form, is_form, memory: &Memory::unlimited() };
    let Ok(made) = enforce(Some(how), &label(), &asked) else { return };
    let read = |text: &[u8]| url::form_urlencoded::parse(text).into_owned().collect::<Vec<_>>();
    let mut pairs = read(made.query.as_deref().unwrap_or_default().as_bytes());
    pairs.extend(read(made.body.as_deref().unwrap_or_default()));
    let asks = |name: &str| match how {
        Enforce::PromqlQuery | Enforce::LogqlQuery | Enforce::LogqlStreams | Enforce::LogqlOptional => name == "query",
        Enforce::PromqlMatch => name == "match[]",
        Enforce::LogqlSeries => name == "match" || name == "match[]",
        _ => name == "filter",
    };
    let asked: Vec<_> = pairs.iter().filter(|(name, _)| asks(name)).collect();
    if matches!(how, Enforce::AlertmanagerFilter | Enforce::AlertmanagerSilences) {
        // All filters hold together.
        assert!(asked.iter().any(|(_, value)| value == OURS), "{pairs:?}");
        return;
    }
    assert!(!asked.is_empty(), "{pairs:?}");
    let logs = !matches!(how, Enforce::PromqlQuery | Enforce::PromqlMatch);
    for (_, value) in asked {
        if logs {
            let narrowed = without_strings(value).contains('{') && value.contains(OURS);
            assert!(narrowed || (how == Enforce::LogqlQuery && reads_nothing(value)), "{value}");
        } else {
            let mut found = Vec::new();
            selectors(&parser::parse(value).expect("PromQL"), &mut found);
            assert!(found.iter().all(|s| s.iter().any(|m| m == OURS)), "{value}");
        }
    }
}
