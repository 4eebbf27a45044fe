//! Forms that other sites made are refused: by where the browser says a form comes from, and by a value that only our own
//! pages can carry.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::HeaderMap;
use http::header::ORIGIN;

use crate::token::KeyRing;
use crate::types::{Issuer, PlainToken, TokenKind};

/// The hidden value of a form: HMAC of a cookie's secret, so nothing needs to be stored and no page can be made without it.
#[derive(Clone)]
pub struct FormToken(String);

impl FormToken {
    /// The value for the forms of a session.
    #[must_use]
    pub fn of_session(keys: &KeyRing, session: &PlainToken) -> Self {
        Self::derived(keys, "csrf-session", session)
    }

    /// The value for the sign-in form, before there is a session: login CSRF would sign the victim in as the attacker.
    #[must_use]
    pub fn before_session(keys: &KeyRing, cookie: &PlainToken) -> Self {
        Self::derived(keys, "csrf-sign-in", cookie)
    }

    fn derived(keys: &KeyRing, purpose: &str, secret: &PlainToken) -> Self {
        let mac = keys.derive(purpose, secret.expose().as_bytes());
        Self(format!("{}{}", TokenKind::Csrf.prefix(), URL_SAFE_NO_PAD.encode(mac)))
    }

    /// The value as the page carries it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a form carried this value.
    #[must_use]
    pub fn matches(&self, presented: Option<&str>) -> bool {
        presented.is_some_and(|p| verify_slices_are_equal(self.0.as_bytes(), p.as_bytes()).is_ok())
    }
}

impl std::fmt::Debug for FormToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FormToken(..)")
    }
}

/// Whether the browser says that a form was sent from one of our own pages.
///
/// `Sec-Fetch-Site` decides where it is sent. Without it an `Origin` must be ours; `null` passes here, because our pages send
/// no referrer and browsers then hide the origin too: the form's token decides.
#[must_use]
pub fn from_our_pages(headers: &HeaderMap, issuer: &Issuer) -> bool {
    let text = |name| headers.get(name).map(|v: &http::HeaderValue| v.to_str().unwrap_or_default());
    match (text("sec-fetch-site"), text(ORIGIN.as_str())) {
        (Some(site), _) => matches!(site, "same-origin" | "none"),
        (None, Some(origin)) => origin == "null" || origin == issuer.as_str(),
        (None, None) => true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    use crate::config::DeploymentSecret;
    use crate::types::SeededEntropy;
    use http::HeaderValue;

    #[test]
    fn the_browser_says_where_a_form_comes_from() {
        let issuer = Issuer::parse("https://gw.test").expect("an origin");
        let case = |headers: &[(&'static str, &'static str)]| {
            let map = headers.iter().map(|(n, v)| (http::HeaderName::from_static(n), HeaderValue::from_static(v))).collect();
            from_our_pages(&map, &issuer)
        };
        assert!(case(&[]));
        assert!(case(&[("origin", "https://gw.test")]));
        assert!(case(&[("origin", "null")]));
        assert!(case(&[("sec-fetch-site", "same-origin"), ("origin", "null")]));
        assert!(!case(&[("origin", "https://evil.test")]));
        assert!(!case(&[("sec-fetch-site", "cross-site"), ("origin", "https://gw.test")]));
        assert!(!case(&[("sec-fetch-site", "same-site")]));
    }

    #[test]
    fn a_value_belongs_to_one_session_and_one_purpose() {
        let keys = KeyRing::empty(Arc::new(DeploymentSecret::new([7; 32])));
        let session = |seed| PlainToken::generate(TokenKind::Session, &SeededEntropy::new(seed));
        let mine = FormToken::of_session(&keys, &session(1));
        assert!(mine.matches(Some(mine.as_str())));
        assert!(!mine.matches(None) && !mine.matches(Some("")));
        assert!(!mine.matches(Some(FormToken::of_session(&keys, &session(2)).as_str())));
        assert!(!mine.matches(Some(FormToken::before_session(&keys, &session(1)).as_str())));
    }
}
