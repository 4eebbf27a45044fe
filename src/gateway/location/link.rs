//! `Link` (RFC 8288 §3): a list of references with what they are to the answer.

/// One link of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Link<'a> {
    /// Where it leads.
    pub(crate) target: &'a str,
    /// What is said of it, in order.
    pub(crate) parameters: Vec<Parameter<'a>>,
}

/// What is said of a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Parameter<'a> {
    /// Its name, in any case.
    pub(crate) name: &'a str,
    /// Its value as it is written, with quotes where it has some.
    pub(crate) value: Option<&'a str>,
}

impl Parameter<'_> {
    /// Whether it says of what the link is said, where that is not the answer (RFC 8288 §3.2).
    pub(crate) const fn is_anchor(&self) -> bool {
        self.name.eq_ignore_ascii_case("anchor")
    }

    /// Its value without quotes and escapes.
    pub(crate) fn plain(&self) -> String {
        let written = self.value.unwrap_or_default();
        let Some(quoted) = written.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else { return written.to_owned() };
        let mut plain = String::with_capacity(quoted.len());
        let mut rest = quoted.chars();
        while let Some(next) = rest.next() {
            plain.extend(if next == '\\' { rest.next() } else { Some(next) });
        }
        plain
    }
}

/// The links of a list; `None` where some reader could take it for another list.
pub(crate) fn read(text: &str) -> Option<Vec<Link<'_>>> {
    let mut links = Vec::new();
    let mut rest = text;
    loop {
        // Elements of a list may be empty (RFC 9110 §5.6.1.2).
        rest = rest.trim_start_matches([' ', '\t', ',']);
        if rest.is_empty() {
            return Some(links);
        }
        let (link, behind) = link(rest)?;
        links.push(link);
        rest = skipped(behind);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

fn link(text: &str) -> Option<(Link<'_>, &str)> {
    let (target, mut rest) = text.strip_prefix('<')?.split_once('>')?;
    if target.contains(['<', '"']) {
        return None;
    }
    let mut parameters = Vec::new();
    while let Some(behind) = skipped(rest).strip_prefix(';') {
        let behind = skipped(behind);
        if behind.is_empty() || behind.starts_with([';', ',']) {
            rest = behind;
            continue;
        }
        let (parameter, behind) = parameter(behind)?;
        parameters.push(parameter);
        rest = behind;
    }
    Some((Link { target, parameters }, rest))
}

fn parameter(text: &str) -> Option<(Parameter<'_>, &str)> {
    let (name, rest) = text.split_at(text.find(|c| !is_token(c)).unwrap_or(text.len()));
    if name.is_empty() {
        return None;
    }
    let Some(value) = skipped(rest).strip_prefix('=').map(skipped) else { return Some((Parameter { name, value: None }, rest)) };
    let length = if value.starts_with('"') { quoted(value)? } else { value.find(|c| !is_bare(c)).unwrap_or(value.len()) };
    let (value, rest) = value.split_at(length);
    Some((Parameter { name, value: Some(value) }, rest))
}

/// How long the quoted string is that `text` begins with.
fn quoted(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().skip(1).find_map(|(at, c)| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends.then_some(at + 1)
    })
}

const fn skipped(text: &str) -> &str {
    let mut bytes = text.as_bytes();
    let mut at = 0;
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
        at += 1;
    }
    text.split_at(at).1
}

const fn is_token(c: char) -> bool {
    c.is_ascii_alphanumeric()
        || matches!(c, '!' | '#' | '$' | '%' | '&' | '\'' | '*' | '+' | '-' | '.' | '^' | '_' | '`' | '|' | '~')
}

/// Values without quotes are more than tokens in the wild: `type=text/css`.
const fn is_bare(c: char) -> bool {
    c.is_ascii_graphic() && !matches!(c, '"' | ',' | ';' | '<' | '>')
}

/// A link with another target and anchor, as it is written in a list.
pub(crate) fn written(link: &Link<'_>, target: &str, anchor: Option<&str>) -> String {
    let mut text = format!("<{target}>");
    for parameter in &link.parameters {
        text.push_str("; ");
        text.push_str(parameter.name);
        match (anchor.filter(|_| parameter.is_anchor()), parameter.value) {
            (Some(anchor), _) => text.extend(["=\"", &anchor.replace('\\', "\\\\").replace('"', "\\\""), "\""]),
            (None, Some(value)) => text.extend(["=", value]),
            (None, None) => {}
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The targets of a list, and everything that is said of them.
    fn told(text: &str) -> Option<Vec<(String, Vec<String>)>> {
        let said = |link: Link<'_>| {
            let parameters = link.parameters.iter().map(|p| format!("{}={}", p.name, p.plain())).collect();
            (link.target.to_owned(), parameters)
        };
        Some(read(text)?.into_iter().map(said).collect())
    }

    fn link(target: &str, said: &[&str]) -> (String, Vec<String>) {
        (target.to_owned(), said.iter().map(|&s| s.to_owned()).collect())
    }

    #[test]
    fn links_are_read_as_the_rfc_writes_them() {
        for (text, wanted) in [
            ("", vec![]),
            (" , ,", vec![]),
            ("<>", vec![link("", &[])]),
            ("</a?b=c,d;e>; rel=next", vec![link("/a?b=c,d;e", &["rel=next"])]),
            ("<a>;rel=\"next last\",<b> ; REL = x", vec![link("a", &["rel=next last"]), link("b", &["REL=x"])]),
            ("<a>; title=\"x, <b>; \\\"y\\\\\"; crossorigin", vec![link("a", &["title=x, <b>; \"y\\", "crossorigin="])]),
            (
                "<a>; type=text/css; title*=UTF-8'de'n%c3%a4chstes",
                vec![link("a", &["type=text/css", "title*=UTF-8'de'n%c3%a4chstes"])],
            ),
            ("<a>; , <b>;;rel=", vec![link("a", &[]), link("b", &["rel="])]),
        ] {
            assert_eq!(told(text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn what_is_no_list_of_links_is_not_read() {
        for text in
            ["a", "<a", "<a> <b>", "<a>x", "<a>; =x", "<a>; rel=\"x", "<a>; rel=\"x\"y", "<a<b>", "<a\">", "rel=next; <a>"]
        {
            assert_eq!(told(text), None, "{text}");
        }
    }

    fn parameters() -> impl Strategy<Value = Vec<(String, Option<String>)>> {
        prop::collection::vec(("[a-z*]{1,8}", prop::option::of("[ -~]{0,12}")), 0..4)
    }

    proptest! {
        #[test]
        fn what_was_written_is_what_is_read(all in prop::collection::vec(("[!#-;=?-~]{0,20}", parameters()), 0..4)) {
            let quoted = |text: &String| format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""));
            let one = |(target, said): &(String, Vec<(String, Option<String>)>)| {
                let said = said.iter().map(|(name, value)| match value {
                    Some(value) => format!(";{name}={}", quoted(value)),
                    None => format!("; {name}"),
                });
                format!("<{target}>{}", said.collect::<String>())
            };
            let text = all.iter().map(one).collect::<Vec<_>>().join(", ");
            let wanted: Vec<_> = all.iter().map(|(target, said)| {
                let said = said.iter().map(|(name, value)| format!("{name}={}", value.as_deref().unwrap_or_default()));
                (target.clone(), said.collect::<Vec<_>>())
            }).collect();
            prop_assert_eq!(told(&text), Some(wanted));
        }

        #[test]
        fn any_text_is_read_and_written_alike(text in "[ -~\t]{0,60}") {
            if let Some(links) = read(&text) {
                let again = links.iter().map(|l| written(l, l.target, None)).collect::<Vec<_>>().join(", ");
                prop_assert_eq!(read(&again), Some(links.clone()));
                let anchored = links.iter().map(|l| written(l, l.target, Some("/a\"\\b"))).collect::<Vec<_>>().join(", ");
                let anchors = told(&anchored).unwrap_or_default();
                prop_assert_eq!(anchors.len(), links.len());
            }
        }
    }
}
