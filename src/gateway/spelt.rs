//! Names in YAML and JSON, however they are spelt there.

use serde::de::IgnoredAny;

/// Whether whoever reads `body` as YAML or JSON may find one of `names` in it. What can't be told for certain may have it: texts that
/// are not UTF-8, and tags by which a name could stand there in another form.
#[must_use]
pub fn may_have(body: &[u8], names: &[String]) -> bool {
    let Ok(text) = std::str::from_utf8(body) else { return true };
    if text.contains('\0') || (!is_json(text) && has_tags(text)) {
        return true;
    }
    let plain = folded(&unescaped(text));
    names.iter().any(|name| plain.contains(&folded(name)))
}

/// Whether it is JSON, in which nothing outside of quotes could be a tag.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<IgnoredAny>(text).is_ok()
}

/// Whether something says that a name is in base64 (`!!binary`), or could: with a tag in full, in escapes, or by a handle of its own.
fn has_tags(text: &str) -> bool {
    let breaks = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    let text = text.trim_start_matches('\u{feff}');
    ["!!b", "!!%", "!<"].into_iter().any(|tag| text.contains(tag)) || text.split(breaks).any(|line| line.starts_with('%'))
}

/// `text` with every escape of a character, and every escaped end of a line, as what it stands for in double quotes. Elsewhere it stands
/// for itself: there this finds more than there is, never less.
fn unescaped(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('\\') {
        plain.push_str(before);
        let (meant, left) = escape(after);
        plain.extend(meant);
        rest = left;
    }
    plain.push_str(rest);
    plain
}

/// What a backslash and the start of `after` stand for, and what is behind them.
fn escape(after: &str) -> (Option<char>, &str) {
    if after.starts_with(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
        return (None, after.trim_start());
    }
    let digits = match after.bytes().next() {
        Some(b'x') => 2,
        Some(b'u') => 4,
        Some(b'U') => 8,
        _ => 0,
    };
    let code = after.get(1..=digits).filter(|hex| !hex.is_empty()).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    match code.and_then(char::from_u32) {
        Some(meant) => (Some(meant), &after[1 + digits..]),
        None => (Some('\\'), after),
    }
}

/// `text` as servers compare keys that do not tell cases apart: the long s is an s to some of them.
fn folded(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).map(|c| if c == '\u{17f}' { 's' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn has(body: &[u8]) -> bool {
        may_have(body, &["source_tenants".to_owned()])
    }

    #[test]
    fn names_are_found_however_they_are_spelt() {
        for body in [
            "name: g\nsource_tenants: [b]\nrules: []\n",
            "{name: g, source_tenants: [b]}",
            r#"{"name":"g","source_tenants":["b"]}"#,
            r#"{"name":"g","\u0073ource_tenants":["b"]}"#,
            r#"{"name":"g","SOURCE_Tenants":["b"]}"#,
            "{\"\u{17f}ource_tenants\":[\"b\"]}",
            "\"\\x73ource\\x5ftenants\": [b]",
            "\"source\\U0000005ftenants\": [b]",
            "? \"source\\\n   _tenants\"\n: [b]",
            "? \"source\\\r\n\t_tenants\"\n: [b]",
            "a: 'b\\'\n\"\\x73ource_tenants\": [b]",
            "a: b\\\\\n\"sourc\\x65_tenants\": [b]",
            "*a : [b]\nx: &a source_tenants",
            "!!binary c291cmNlX3RlbmFudHM=: [b]",
            "!<tag:yaml.org,2002:binary> c291cmNlX3RlbmFudHM=: [b]",
            "!!%62inary c291cmNlX3RlbmFudHM=: [b]",
            "%TAG !e! tag:yaml.org,2002:\n---\n!e!binary c291cmNlX3RlbmFudHM=: [b]",
            "\u{feff}%TAG ! tag:yaml.org,2002:\n---\n!binary c291cmNlX3RlbmFudHM=: [b]",
        ] {
            assert!(has(body.as_bytes()), "{body}");
        }
        for body in [&b"\xff\xfes\0o\0"[..], b"\0s\0o", b"\x1f\x8b\x08"] {
            assert!(has(body), "{body:?}");
        }
    }

    #[test]
    fn rules_as_people_write_them_pass() {
        for body in [
            "",
            "{}",
            "name: g\ninterval: 1m\nrules:\n- record: a:b\n  expr: sum by (tenant) (rate(x{job!~\"a\\\\.b|\\\\d+\", le!=\"0.5\"}[5m]))\n",
            "name: g\nrules:\n- alert: Full\n  expr: |\n    100 * a / b > 90\n  annotations: {summary: \"{{ $value }}% full!!\", path: 'C:\\temp\\x'}\n",
            "name: source\nlabels: {tenants: all}\n",
            r#"{"name":"g","rules":[{"expr":"a !< b and (?!<x)","labels":{"a":"!!binary"}}]}"#,
            r#"{"name":"\u","rules":[{"expr":"up{a=~\"\\w+\\xZZ\"}"}]}"#,
            "name: \"é\\xe9\\U0001F600\"\n",
        ] {
            assert!(!has(body.as_bytes()), "{body}");
        }
    }
}
