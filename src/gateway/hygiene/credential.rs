//! The one credential of a request, read strictly (RFC 9110 §11.6.2, RFC 6750 §2.1).

use std::fmt;

use super::Reason;

/// Longest token that we look at, in bytes.
const MAX_TOKEN: usize = 8 * 1024;

/// What a request presents in `Authorization`. Never prints.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Credential<'h> {
    /// Nothing, or the word `Bearer` without a token, as clients send whose token is an empty variable.
    None,
    /// A bearer token: `b64token` of RFC 6750 §2.1.
    Bearer(&'h str),
    /// Another scheme. The token endpoint takes some of them; the gate takes none.
    Other,
}

impl fmt::Debug for Credential<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::None => "None",
            Self::Bearer(_) => "Bearer(..)",
            Self::Other => "Other",
        })
    }
}

/// Reads the value of an `Authorization` header.
pub(super) fn read(value: &[u8]) -> Result<Credential<'_>, Reason> {
    let (scheme, token) = match value.iter().position(|b| *b == b' ') {
        Some(at) => (&value[..at], &value[at + 1..]),
        None => (value, &value[..0]),
    };
    if scheme.eq_ignore_ascii_case(b"bearer") {
        return bearer(token);
    }
    if scheme.is_empty() || !scheme.iter().all(u8::is_ascii_alphanumeric) {
        // `Bearer\tx` and `Bearer,x` are no scheme names either.
        return Err(if is_list(value) { Reason::CredentialRepeated } else { Reason::CredentialMalformed });
    }
    if is_list(token) { Err(Reason::CredentialRepeated) } else { Ok(Credential::Other) }
}

fn bearer(token: &[u8]) -> Result<Credential<'_>, Reason> {
    if token.is_empty() {
        return Ok(Credential::None);
    }
    if token.len() > MAX_TOKEN {
        return Err(Reason::CredentialTooLong);
    }
    let padding = token.iter().rev().take_while(|b| **b == b'=').count();
    let body = &token[..token.len() - padding];
    // Without an early exit, so that it is compiled to vector instructions: a JWT has a thousand characters.
    let mut odd = false;
    for b in body {
        odd |= !is_b64token(*b);
    }
    if body.is_empty() || odd {
        return Err(if is_list(token) { Reason::CredentialRepeated } else { Reason::CredentialMalformed });
    }
    std::str::from_utf8(token).map(Credential::Bearer).map_err(|_| Reason::CredentialMalformed)
}

#[expect(clippy::needless_bitwise_bool, reason = "lazy operators are branches, which no vector instruction has")]
const fn is_b64token(b: u8) -> bool {
    let letter = (b | 0x20).wrapping_sub(b'a') < 26;
    let digit = b.wrapping_sub(b'0') < 10;
    let dash_dot_slash = b.wrapping_sub(b'-') < 3;
    letter | digit | dash_dot_slash | (b == b'_') | (b == b'~') | (b == b'+')
}

/// Whether a second credential follows behind a comma. Parameters of a scheme (`a=b, c=d`) are not a list.
fn is_list(value: &[u8]) -> bool {
    value.split(|b| *b == b',').skip(1).any(|part| {
        let part = part.trim_ascii();
        let scheme = part.split(|b| *b == b' ').next().unwrap_or_default();
        [b"bearer".as_slice(), b"dpop", b"basic"].iter().any(|s| scheme.eq_ignore_ascii_case(s))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bearer_token_is_one_word() {
        for (value, token) in [("Bearer a", "a"), ("bEARER mF_9.B5f-4.1JqM~+/==", "mF_9.B5f-4.1JqM~+/==")] {
            assert_eq!(read(value.as_bytes()), Ok(Credential::Bearer(token)), "{value}");
        }
        for bad in
            ["Bearer  a", "Bearer a b", "Bearer a,b", "Bearer =", "Bearer a=b", "Bearer \"a\"", "Bearer\ta", "Bearer é", ""]
        {
            assert_eq!(read(bad.as_bytes()), Err(Reason::CredentialMalformed), "{bad}");
        }
    }

    #[test]
    fn only_one_credential_fits() {
        for bad in ["Bearer a, Bearer b", "Bearer a,bearer b", "DPoP a, Bearer b", "Basic eDp5,DPoP b", "Bearer,Bearer a"] {
            assert_eq!(read(bad.as_bytes()), Err(Reason::CredentialRepeated), "{bad}");
        }
    }

    #[test]
    fn other_schemes_are_not_ours_to_judge() {
        for other in ["Basic eDp5", "DPoP abc", "Digest username=\"Bearer x\", realm=\"r\"", "Negotiate"] {
            assert_eq!(read(other.as_bytes()), Ok(Credential::Other), "{other}");
        }
        for none in ["Bearer", "Bearer "] {
            assert_eq!(read(none.as_bytes()), Ok(Credential::None), "{none:?}");
        }
    }

    #[test]
    fn every_byte_of_a_token_is_checked() {
        for byte in 0..=255_u8 {
            let known = byte.is_ascii_alphanumeric() || b"-._~+/".contains(&byte);
            assert_eq!(is_b64token(byte), known, "{byte}");
        }
    }

    #[test]
    fn a_token_has_a_longest_length_and_never_prints() {
        let long = format!("Bearer {}", "a".repeat(MAX_TOKEN));
        let read_long = read(long.as_bytes());
        assert_eq!(format!("{read_long:?}"), "Ok(Bearer(..))");
        assert_eq!(read(format!("{long}a").as_bytes()), Err(Reason::CredentialTooLong));
    }
}
