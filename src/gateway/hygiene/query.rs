//! The query: checked, never interpreted, and free of credentials before anybody sees it.

use std::borrow::Cow;

use url::form_urlencoded;

use super::Reason;
use crate::gateway::path::escape_value;

/// The parameter that RFC 6750 §2.3 lets carry a token. We never read it, and no upstream shall.
const TOKEN: &str = "access_token";

/// Parameters whose values must not reach a log.
const SECRET: [&str; 16] = [
    TOKEN,
    "refresh_token",
    "id_token",
    "id_token_hint",
    "token",
    "code",
    "code_verifier",
    "client_secret",
    "client_assertion",
    "assertion",
    "password",
    "secret",
    "api_key",
    "apikey",
    "api-key",
    "x-api-key",
];

/// How a byte is written that people send as it is, as in `up{job="x"} > 0`, and that no library takes for a part of a query
/// (<https://url.spec.whatwg.org/#query-percent-encode-set>).
pub(super) const fn escape_of(byte: u8) -> Option<&'static str> {
    match byte {
        b'"' => Some("%22"),
        b'<' => Some("%3C"),
        b'>' => Some("%3E"),
        _ => None,
    }
}

/// `query` without the parameters of these names; what is left is as it was. Borrowed where there are none. A parameter behind a `;`
/// stays: whether that separates parameters is the server's to say, and what it says nobody knows here.
#[must_use]
pub fn stripped<'q>(query: &'q str, names: &[String]) -> Cow<'q, str> {
    let is_one = |piece: &str| {
        !piece.contains(';') && form_urlencoded::parse(piece.as_bytes()).any(|(key, _)| names.iter().any(|name| *name == key))
    };
    if names.is_empty() || !query.split('&').any(is_one) {
        return Cow::Borrowed(query);
    }
    Cow::Owned(query.split('&').filter(|piece| !is_one(piece)).collect::<Vec<_>>().join("&"))
}

/// `query` as it is decided about and forwarded.
fn written(query: &str) -> Cow<'_, str> {
    let mut odd = false;
    // Without an early exit, so that it is compiled to vector instructions.
    for b in query.bytes() {
        odd |= escape_of(b).is_some();
    }
    if !odd {
        return Cow::Borrowed(query);
    }
    let mut written = String::with_capacity(query.len() + 16);
    for c in query.chars() {
        match u8::try_from(c).ok().and_then(escape_of) {
            Some(escape) => written.push_str(escape),
            None => written.push(c),
        }
    }
    Cow::Owned(written)
}

/// Refuses what is no query of RFC 3986 §3.4, but for the visible characters that command lines send as they are.
pub(super) fn check(query: &str) -> Result<(), Reason> {
    let (mut odd, mut escaped) = (false, false);
    // Without an early exit, so that it is compiled to vector instructions.
    for b in query.bytes() {
        odd |= !is_visible(b);
        escaped |= b == b'%';
    }
    if odd {
        return Err(if query.contains('#') { Reason::Fragment } else { Reason::TargetCharacter });
    }
    if escaped { check_escapes(query.as_bytes()) } else { Ok(()) }
}

#[expect(clippy::needless_bitwise_bool, reason = "lazy operators are branches, which no vector instruction has")]
const fn is_visible(b: u8) -> bool {
    (b.wrapping_sub(0x21) < 0x5E) & (b != b'#')
}

fn check_escapes(bytes: &[u8]) -> Result<(), Reason> {
    let mut rest = bytes;
    while let Some((first, tail)) = rest.split_first() {
        rest = tail;
        if *first == b'%' {
            match escape_value(tail) {
                None => return Err(Reason::PercentEncoding),
                // Line ends and escape codes are text that people search for; NUL only ends strings early.
                Some(0) => return Err(Reason::EncodedControl),
                Some(_) => {}
            }
        }
    }
    Ok(())
}

/// Appends `query` to `target`, with its `?`, in the one form that travels, leaving out every token. Says whether there was one.
pub(super) fn append_without_token(target: &mut String, query: &str) -> bool {
    let query = &*written(query);
    if !may_have_token(query) || !query.split('&').any(|pair| is_named(pair, &[TOKEN])) {
        target.push('?');
        target.push_str(query);
        return false;
    }
    let mut joint = '?';
    for pair in query.split('&').filter(|pair| !is_named(pair, &[TOKEN])) {
        target.push(joint);
        target.push_str(pair);
        joint = '&';
    }
    true
}

/// A quick look, since hardly any query has one: whether a name starts as the token's does, escaped or not.
fn may_have_token(query: &str) -> bool {
    let bytes = query.as_bytes();
    let mut found = matches!(bytes.first(), Some(b'a' | b'A' | b'%'));
    for (&a, &b) in bytes.iter().zip(bytes.get(1..).unwrap_or_default()) {
        found |= starts_token(a, b);
    }
    found
}

#[expect(clippy::needless_bitwise_bool, reason = "lazy operators are branches, which no vector instruction has")]
const fn starts_token(a: u8, b: u8) -> bool {
    (a == b'&') & ((b | 0x20 == b'a') | (b == b'%'))
}

/// `query` as a log may have it: the values of secrets replaced.
pub(super) fn redact(query: &str) -> Cow<'_, str> {
    if !query.split('&').any(|pair| is_named(pair, &SECRET)) {
        return Cow::Borrowed(query);
    }
    let mut redacted = String::with_capacity(query.len());
    for pair in query.split('&') {
        if !redacted.is_empty() {
            redacted.push('&');
        }
        if is_named(pair, &SECRET) {
            redacted.push_str(pair.split('=').next().unwrap_or_default());
            redacted.push_str("=REDACTED");
        } else {
            redacted.push_str(pair);
        }
    }
    Cow::Owned(redacted)
}

/// Whether the name of `pair` is one of `names`, however it is escaped or capitalised.
fn is_named(pair: &str, names: &[&str]) -> bool {
    let name = pair.split('=').next().unwrap_or_default();
    names.iter().any(|n| {
        // An escape takes three bytes for one.
        (n.len()..=3 * n.len()).contains(&name.len()) && decoded_eq(name.as_bytes(), n.as_bytes())
    })
}

fn decoded_eq(mut escaped: &[u8], plain: &[u8]) -> bool {
    for expected in plain {
        let Some((&first, rest)) = escaped.split_first() else { return false };
        let byte = if first == b'%' { escape_value(rest) } else { Some(first) };
        if byte.is_none_or(|b| !b.eq_ignore_ascii_case(expected)) {
            return false;
        }
        escaped = if first == b'%' { &rest[2..] } else { rest };
    }
    escaped.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_out_leaves_the_rest_as_it_was() {
        let names = ["org", "extra_filters[]"].map(ToOwned::to_owned);
        for (query, left) in [
            ("", ""),
            ("a=1&b=%20", "a=1&b=%20"),
            ("org=1", ""),
            ("a=1&org=2&b=3", "a=1&b=3"),
            ("org&a=1&%6Frg=2&extra_filters%5B%5D=x", "a=1"),
            ("a=1&&org=2&", "a=1&&"),
            ("orga=1&a=org", "orga=1&a=org"),
            ("a=1;org=2", "a=1;org=2"),
        ] {
            assert_eq!(stripped(query, &names), left, "{query}");
        }
        assert_eq!(stripped("org=1", &[]), "org=1");
    }

    #[test]
    fn a_query_may_hold_what_people_search_for() {
        let tolerated = "query=up{job=\"x\"}|=\\d[5m]&match[]=%7B__name__%3D~%22.%2B%22%7D%0A&a=%1B";
        assert_eq!(check(tolerated), Ok(()));
        for (query, reason) in [
            ("a=%", Reason::PercentEncoding),
            ("a=%2", Reason::PercentEncoding),
            ("a=%zz", Reason::PercentEncoding),
            ("a=%00", Reason::EncodedControl),
            ("a#b", Reason::Fragment),
            ("a b", Reason::TargetCharacter),
            ("é", Reason::TargetCharacter),
            ("a\u{7f}", Reason::TargetCharacter),
        ] {
            assert_eq!(check(query), Err(reason), "{query:?}");
        }
    }

    #[test]
    fn what_command_lines_send_travels_escaped() {
        for (query, forwarded) in [
            ("query=up{job=\"x\"}", "/?query=up{job=%22x%22}"),
            ("query=up>0", "/?query=up%3E0"),
            ("<", "/?%3C"),
            ("query=up%7Bjob%3D%22x%22%7D", "/?query=up%7Bjob%3D%22x%22%7D"),
            ("a=1&\"access_token\"=2", "/?a=1&%22access_token%22=2"),
        ] {
            let mut target = "/".to_owned();
            assert!(check(query).is_ok() && !append_without_token(&mut target, query), "{query}");
            assert_eq!(target, forwarded);
            assert!(target.parse::<http::Uri>().is_ok(), "it can be forwarded: {target}");
        }
        let every: String = (0x21..0x7F_u8).map(char::from).filter(|c| !"#%".contains(*c)).collect();
        let mut target = "/".to_owned();
        assert_eq!((check(&every), append_without_token(&mut target, &every)), (Ok(()), false));
        assert!(target.parse::<http::Uri>().is_ok(), "whatever passes can be forwarded: {target}");
    }

    #[test]
    fn a_token_in_the_query_goes_nowhere() {
        for (query, forwarded) in [
            ("access_token=s3cret", "/"),
            ("a=1&access_token=s3cret&b=2", "/?a=1&b=2"),
            ("a=1&Access%5FToken=s3cret", "/?a=1"),
            ("%61ccess_toke%6E", "/"),
        ] {
            let mut target = "/".to_owned();
            assert!(append_without_token(&mut target, query), "{query}");
            assert_eq!(target, forwarded);
        }
        let mut target = "/".to_owned();
        assert!(!append_without_token(&mut target, "access_tokens=1&q=access_token=2"));
        assert_eq!(target, "/?access_tokens=1&q=access_token=2");
    }

    #[test]
    fn secrets_are_redacted_in_what_is_logged() {
        assert_eq!(redact("a=1&c%6Fde=s3cret&CLIENT_SECRET=s3cret&x"), "a=1&c%6Fde=REDACTED&CLIENT_SECRET=REDACTED&x");
        assert!(matches!(redact("query=up&codes=1"), Cow::Borrowed(_)));
    }
}
