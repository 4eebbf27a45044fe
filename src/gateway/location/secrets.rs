//! Our own credentials, which no answer may hand on inside a reference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Shorter texts stand in references by chance.
const SHORTEST: usize = 8;

/// Shorter ones without a scheme are names.
const ALONE: usize = 16;

/// What an upstream was sent of ours to prove who asks.
#[derive(Default)]
pub(super) struct Secrets(Vec<String>);

impl Secrets {
    /// Of the values of headers that carry them.
    pub(super) fn of<'v>(values: impl Iterator<Item = &'v str>) -> Self {
        // A word alone tells a name more often than a secret.
        let values = values.filter(|value| value.contains(' ') || value.len() >= ALONE);
        let mut all: Vec<String> = values.flat_map(parts).filter(|part| part.len() >= SHORTEST).collect();
        all.sort_unstable();
        all.dedup();
        Self(all)
    }

    /// Whether one of them stands in `text`, escaped or not.
    pub(super) fn are_in(&self, text: &str) -> bool {
        let plain = unescaped(text);
        self.0.iter().any(|secret| text.contains(secret.as_str()) || contains(&plain, secret.as_bytes()))
    }
}

/// A value of a header, what it is without its scheme, and the password of Basic.
fn parts(value: &str) -> Vec<String> {
    let credential = value.split_once(' ').map_or(value, |(_, credential)| credential);
    let pair = STANDARD.decode(credential).ok().and_then(|pair| String::from_utf8(pair).ok());
    let password = pair.as_deref().and_then(|pair| pair.split_once(':')).map(|(_, password)| password.to_owned());
    [value.to_owned(), credential.to_owned()].into_iter().chain(password).collect()
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// The bytes that percent escapes stand for.
fn unescaped(text: &str) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, others)) = rest.split_first() {
        let digit = |at: usize| others.get(at).and_then(|b| char::from(*b).to_digit(16)).and_then(|d| u8::try_from(d).ok());
        match (first, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                plain.push(high << 4 | low);
                rest = &others[2..];
            }
            _ => {
                plain.push(*first);
                rest = others;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_credential_is_found_in_any_of_its_forms() {
        let secrets = Secrets::of(["Bearer s3cret/value=", "Basic YWRtaW46aHVudGVyMjIyMg==", "k=1"].into_iter());
        for found in [
            "https://idp.example/?t=s3cret/value=",
            "https://idp.example/?t=s3cret%2fvalue%3D",
            "/x#Bearer%20s3cret/value=",
            "https://admin:hunter2222@idp.example/",
            "/login?b=YWRtaW46aHVudGVyMjIyMg==",
        ] {
            assert!(secrets.are_in(found), "{found}");
        }
        for other in ["https://idp.example/?t=s3cret", "/admin", "/?k=1", "/%", "/%zz", ""] {
            assert!(!secrets.are_in(other), "{other}");
        }
        assert!(!Secrets::default().are_in("anything"));
    }
}
