//! Secrets: the plain form leaves the process once, the hash is all that the store sees, and neither prints.

use std::fmt;

use aws_lc_rs::digest;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret, SecretString};

use super::Entropy;

/// What a secret is good for. The prefix keeps one kind from ever passing as another, and lets secret scanners find leaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenKind {
    /// An authorization code (RFC 6749 §4.1.2).
    AuthorizationCode,
    /// A refresh token (RFC 6749 §1.5).
    RefreshToken,
    /// A client secret (RFC 6749 §2.3.1).
    ClientSecret,
    /// A device code (RFC 8628 §3.2).
    DeviceCode,
    /// A browser session.
    Session,
    /// The per-session value that forms must carry.
    Csrf,
    /// A password that must be changed at the first login.
    OneTimePassword,
    /// The admin API's bearer secret.
    Admin,
    /// The link of an invitation.
    Invitation,
    /// An API key. It ends with a checksum, so that what was cut off or mistyped is known for it without asking anybody, and a
    /// scanner that finds one knows that it is no accident.
    ApiKey,
}

impl TokenKind {
    /// The prefix of every secret of this kind.
    #[must_use]
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::AuthorizationCode => "tg_ac_",
            Self::RefreshToken => "tg_rt_",
            Self::ClientSecret => "tg_cs_",
            Self::DeviceCode => "tg_dc_",
            Self::Session => "tg_ss_",
            Self::Csrf => "tg_cf_",
            Self::OneTimePassword => "tg_pw_",
            Self::Admin => "tg_ad_",
            Self::Invitation => "tg_iv_",
            Self::ApiKey => "tg_ak_",
        }
    }

    const fn has_checksum(self) -> bool {
        matches!(self, Self::ApiKey)
    }
}

/// Characters of a checksum: the base64url form of four bytes.
const CHECKSUM: usize = 6;

/// The first four bytes of the SHA-256 of what stands before it.
fn checksum(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(&HashedToken::of(text).bytes()[..4])
}

/// A secret that was just made or just received.
#[derive(Clone)]
pub struct PlainToken(SecretString);

impl PlainToken {
    /// Makes a secret with 256 bits of `entropy`.
    #[must_use]
    pub fn generate(kind: TokenKind, entropy: &dyn Entropy) -> Self {
        let mut bytes = [0_u8; 32];
        entropy.fill(&mut bytes);
        let mut text = format!("{}{}", kind.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        if kind.has_checksum() {
            text.push_str(&checksum(&text));
        }
        Self(text.into())
    }

    /// Takes a secret that somebody presented, or `None` when its prefix says that it is of another kind, or its checksum that
    /// it is none.
    #[must_use]
    pub fn presented(kind: TokenKind, text: &str) -> Option<Self> {
        // What is none by its looks costs no hash: every access token comes by here.
        if text.len() > 256 || !text.starts_with(kind.prefix()) {
            return None;
        }
        let whole = || {
            let at = text.len().checked_sub(CHECKSUM)?;
            let (secret, sum) = text.split_at_checked(at)?;
            (checksum(secret) == sum).then_some(())
        };
        (!kind.has_checksum() || whole().is_some()).then(|| Self(text.to_owned().into()))
    }

    /// The last four characters, by which people tell one from another.
    #[must_use]
    pub fn last4(&self) -> &str {
        self.expose().len().checked_sub(4).and_then(|at| self.expose().get(at..)).unwrap_or_default()
    }

    /// The secret itself, for the one answer that carries it.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// What the store keeps.
    #[must_use]
    pub fn hashed(&self) -> HashedToken {
        HashedToken::of(self.expose())
    }
}

impl fmt::Debug for PlainToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PlainToken(..)")
    }
}

/// SHA-256 of a secret with 256 bits of entropy: nothing slower is needed to keep it.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct HashedToken([u8; 32]);

impl HashedToken {
    /// Hashes a presented text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let mut out = [0_u8; 32];
        out.copy_from_slice(digest::digest(&digest::SHA256, text.as_bytes()).as_ref());
        Self(out)
    }

    /// The hash as the store reads and writes it.
    #[must_use]
    pub const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash as the store gave it, or `None` when it is not 32 bytes.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Debug for HashedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HashedToken(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::super::SeededEntropy;
    use super::*;

    #[test]
    fn a_secret_never_prints() {
        let token = PlainToken::generate(TokenKind::RefreshToken, &SeededEntropy::new(1));
        let printed = format!("{token:?} {:?}", token.hashed());
        assert_eq!(printed, "PlainToken(..) HashedToken(..)");
    }

    #[test]
    fn kinds_do_not_pass_for_each_other() {
        let code = PlainToken::generate(TokenKind::AuthorizationCode, &SeededEntropy::new(1));
        assert!(PlainToken::presented(TokenKind::RefreshToken, code.expose()).is_none());
        assert_eq!(PlainToken::presented(TokenKind::AuthorizationCode, code.expose()).map(|t| t.hashed()), Some(code.hashed()));
    }

    #[test]
    fn an_api_key_knows_itself() {
        let key = PlainToken::generate(TokenKind::ApiKey, &SeededEntropy::new(1));
        let text = key.expose();
        assert!(PlainToken::presented(TokenKind::ApiKey, text).is_some());
        assert_eq!((text.len(), key.last4()), (55, &text[51..]));
        for at in 0..text.len() {
            let wrong = if &text[at..=at] == "x" { "y" } else { "x" };
            let mut mistyped = text.to_owned();
            mistyped.replace_range(at..=at, wrong);
            for no_key in [mistyped.as_str(), &text[..at]] {
                assert!(PlainToken::presented(TokenKind::ApiKey, no_key).is_none(), "{no_key}");
            }
        }
        assert!(PlainToken::presented(TokenKind::ApiKey, "tg_ak_").is_none());
        assert!(PlainToken::presented(TokenKind::ApiKey, "tg_ak_ßßßßß").is_none());
    }

    #[test]
    fn every_character_counts() {
        let token = PlainToken::generate(TokenKind::Session, &SeededEntropy::new(1));
        let text = token.expose();
        for end in 0..text.len() {
            assert_ne!(HashedToken::of(&text[..end]), token.hashed());
        }
    }
}
