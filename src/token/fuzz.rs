//! Tokens and assertions, for whoever looks for one that is ours to some and not to others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::verify::{looks_ours, read_claims};
use crate::types::Issuer;

/// Claims that our verifier would read as ours are told from those of others before anything is proved, however they are dressed up.
pub fn tokens(data: &[u8]) {
    let issuer = Issuer::parse("https://gw.test").expect("an issuer");
    let payload = URL_SAFE_NO_PAD.encode(data);
    if let Ok(claims) = read_claims(&payload) {
        let ours = looks_ours(&format!("Bearer e30.{payload}.x"), &issuer);
        assert_eq!(ours, claims.iss == issuer.as_str(), "{claims:?}");
        let json = serde_json::to_vec(&claims).expect("claims are JSON");
        let again = read_claims(&URL_SAFE_NO_PAD.encode(json)).expect("what was read can be written");
        assert_eq!((&again.iss, &again.sub, again.exp, &again.scope), (&claims.iss, &claims.sub, claims.exp, &claims.scope));
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let _ = (read_claims(text), looks_ours(text, &issuer));
}
