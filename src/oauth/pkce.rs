//! Proof key for code exchange (RFC 7636), S256 only.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// Length of a SHA-256 in base64url without padding.
const CHALLENGE: usize = 43;

fn unreserved(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_' | b'~'))
}

/// Whether a text can be an S256 challenge: base64url of 32 bytes.
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == CHALLENGE && URL_SAFE_NO_PAD.decode(text).is_ok_and(|bytes| bytes.len() == 32)
}

/// Whether a text can be a verifier: 43 to 128 unreserved characters (RFC 7636 §4.1).
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len()) && unreserved(text)
}

/// Whether `verifier` is what `challenge` was made from (RFC 7636 §4.6).
#[must_use]
pub fn proves(verifier: &str, challenge: &str) -> bool {
    let made = URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, verifier.as_bytes()));
    is_verifier(verifier) && verify_slices_are_equal(made.as_bytes(), challenge.as_bytes()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VERIFIER: &str = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
    const CHALLENGE: &str = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM";

    #[test]
    fn rfc7636_appendix_b() {
        assert!(is_challenge(CHALLENGE) && is_verifier(VERIFIER) && proves(VERIFIER, CHALLENGE));
        assert!(!proves(VERIFIER, VERIFIER), "a plain challenge proves nothing");
        assert!(!proves("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXK", CHALLENGE));
    }

    #[test]
    fn rfc7636_s4_1_verifiers_have_43_to_128_unreserved_characters() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(is_verifier(&"a".repeat(length)), good, "{length}");
        }
        for bad in ["+", "/", "=", " ", "é", "\0"] {
            assert!(!is_verifier(&format!("{}{bad}", "a".repeat(50))), "{bad:?}");
        }
    }

    #[test]
    fn challenges_are_base64url_of_32_bytes() {
        for bad in ["", "short", &CHALLENGE[1..], &format!("{CHALLENGE}="), &CHALLENGE.replace('-', "+"), &"a".repeat(43)] {
            assert!(!is_challenge(bad), "{bad}");
        }
    }
}
