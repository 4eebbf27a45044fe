//! Assertions: what we tell an upstream about a caller, signed with keys of their own.
//!
//! Each signing key of access tokens has a twin for assertions that is derived from it, so that both are made, sealed, published
//! and retired together and nothing more has to be kept. The twins are published apart: an upstream that verifies with this set
//! takes no access token for an assertion, and our own verifier, which knows the header of every token that it may have issued,
//! takes no assertion for an access token.

use std::time::Duration;

use aws_lc_rs::agreement::{ECDH_P256, PrivateKey};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::{Jwk, PublicKeyUse};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use secrecy::SecretString;
use serde::Serialize;

use super::keys::{TokenFault, crypto};
use super::{KeyRing, Principal};
use crate::store::{KeyState, SealedKey, UserKind};
use crate::types::{Issuer, KeyId, ScopeSet, Timestamp};

/// How long a new key is published before it signs assertions. Upstreams keep the set for the minute that its answer names, or
/// longer where they don't read that.
pub const ASSERTION_AHEAD: Duration = Duration::from_mins(5);

/// `typ` of assertions: no other JWT has it (RFC 8725 §3.11).
const ASSERTION: &str = "tollgate-assertion+jwt";
/// `typ` of what we authenticate with as a client.
const CLIENT_AUTHENTICATION: &str = "client-authentication+jwt";

/// An assertion to be signed.
#[derive(Debug)]
pub struct NewAssertion<'a> {
    /// Who calls.
    pub principal: &'a Principal,
    /// Who is to believe it.
    pub audience: &'a str,
    /// What the organization is called there.
    pub tenant: &'a str,
    /// What the caller may do now.
    pub scopes: &'a ScopeSet,
    /// Its id.
    pub jti: String,
    /// When it is signed.
    pub now: Timestamp,
    /// How long it lives at most; it ends with the token that it was made from.
    pub lifetime: Duration,
}

/// What was signed.
#[derive(Debug)]
pub struct Signed {
    /// The JWT.
    pub token: SecretString,
    /// When it ends.
    pub until: Timestamp,
}

/// A JWT by which we authenticate as a client (RFC 7523 §2.2).
#[derive(Debug)]
pub struct ClientAuthentication<'a> {
    /// Who we are.
    pub client_id: &'a str,
    /// The authorization server's identifier.
    pub audience: &'a str,
    /// Its id.
    pub jti: String,
    /// When it is signed.
    pub now: Timestamp,
    /// How long it lives.
    pub lifetime: Duration,
}

#[derive(Serialize)]
struct AssertionClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
    client_id: &'a str,
    scope: String,
    org: &'a str,
    org_slug: &'a str,
    org_tenant: &'a str,
    email: &'a str,
    name: &'a str,
    grant: &'a str,
    /// The application that acts for the user (RFC 8693 §4.1). A machine client acts for itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    act: Option<Actor<'a>>,
}

#[derive(Serialize)]
struct Actor<'a> {
    sub: &'a str,
}

#[derive(Serialize)]
struct ClientClaims<'a> {
    iss: &'a str,
    sub: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    jti: &'a str,
}

/// The keys of assertions.
#[derive(Default)]
pub(super) struct AssertionKeys {
    keys: Vec<AssertionKey>,
    published: Vec<Jwk>,
}

struct AssertionKey {
    id: String,
    state: KeyState,
    created_at: Timestamp,
    forget_at: Option<Timestamp>,
    key: EncodingKey,
}

impl AssertionKeys {
    /// Adds the twin of a signing key. `derive` is what only this purpose derives with.
    pub(super) fn add(&mut self, stored: &SealedKey, pkcs8: &[u8], derive: impl Fn(&[u8]) -> [u8; 32]) -> Result<(), TokenFault> {
        let key = twin(pkcs8, derive)?;
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::ES256).map_err(crypto)?;
        let id = name(&stored.id);
        jwk.common.key_id = Some(id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        self.published.push(jwk);
        let SealedKey { state, created_at, forget_at, .. } = *stored;
        self.keys.push(AssertionKey { id, state, created_at, forget_at, key });
        Ok(())
    }

    /// The published set (RFC 7517 §5), as JSON text.
    pub(super) fn jwks(&self) -> String {
        serde_json::json!({ "keys": self.published }).to_string()
    }

    /// The key that signs what ends at `until`: the newest that upstreams have had the time to learn, or the one that signs
    /// tokens.
    fn signer(&self, now: Timestamp, until: Timestamp) -> Option<&AssertionKey> {
        let signs = |k: &&AssertionKey| k.state != KeyState::Next && k.forget_at.is_none_or(|end| until <= end);
        let learnt = |k: &&AssertionKey| now.since(k.created_at) >= ASSERTION_AHEAD;
        let newest = self.keys.iter().filter(signs).filter(learnt).max_by_key(|k| k.created_at);
        newest.or_else(|| self.keys.iter().find(|k| k.state == KeyState::Active))
    }

    fn sign<C: Serialize>(&self, typ: &str, claims: &C, now: Timestamp, until: Timestamp) -> Result<Signed, TokenFault> {
        let key = self.signer(now, until).ok_or(TokenFault::NoActiveKey)?;
        let mut header = Header::new(Algorithm::ES256);
        header.typ = Some(typ.to_owned());
        header.kid = Some(key.id.clone());
        let token = jsonwebtoken::encode(&header, claims, &key.key).map_err(crypto)?;
        Ok(Signed { token: token.into(), until })
    }
}

/// `kid` of a key's twin.
fn name(id: &KeyId) -> String {
    format!("{id}.assertion")
}

/// The key of the curve that follows from another. Whoever knows one of the two twins learns nothing of the other.
fn twin(pkcs8: &[u8], derive: impl Fn(&[u8]) -> [u8; 32]) -> Result<EncodingKey, TokenFault> {
    let mut seed = zeroize::Zeroizing::new(pkcs8.to_vec());
    // One number in 2^32 is no key of the curve.
    for turn in 0..=u8::MAX {
        seed.push(turn);
        let scalar = zeroize::Zeroizing::new(derive(&seed));
        let Ok(private) = PrivateKey::from_private_key(&ECDH_P256, &*scalar) else { continue };
        let public = private.compute_public_key().map_err(|e| TokenFault::Crypto(Box::new(e)))?;
        let pair = EcdsaKeyPair::from_private_key_and_public_key(&ECDSA_P256_SHA256_FIXED_SIGNING, &*scalar, public.as_ref())
            .map_err(|e| TokenFault::Crypto(Box::new(e)))?;
        let document = pair.to_pkcs8v1().map_err(|e| TokenFault::Crypto(Box::new(e)))?;
        return Ok(EncodingKey::from_ec_der(document.as_ref()));
    }
    Err(TokenFault::Crypto("no key follows from the signing key".into()))
}

impl KeyRing {
    /// The published set of the keys that assertions are verified with (RFC 7517 §5), as JSON text.
    #[must_use]
    pub fn assertion_jwks(&self) -> String {
        self.with_assertions(AssertionKeys::jwks)
    }

    /// Signs what an upstream is to believe of a caller.
    ///
    /// # Errors
    /// When no key is active or the signature fails.
    pub fn assert(&self, issuer: &Issuer, new: &NewAssertion<'_>) -> Result<Signed, TokenFault> {
        let principal = new.principal;
        let exp = new.now.plus(new.lifetime).seconds().min(principal.claims.exp);
        let claims = AssertionClaims {
            iss: issuer.as_str(),
            sub: principal.user.id.as_str(),
            aud: new.audience,
            iat: new.now.seconds(),
            exp,
            jti: &new.jti,
            client_id: principal.client.id.as_str(),
            scope: new.scopes.to_string(),
            org: principal.org.id.as_str(),
            org_slug: principal.org.slug.as_str(),
            org_tenant: new.tenant,
            email: &principal.user.email,
            name: &principal.user.name,
            grant: principal.claims.grant.as_str(),
            act: (principal.user.kind == UserKind::Person).then(|| Actor { sub: principal.client.id.as_str() }),
        };
        let until = Timestamp::from_millis(exp.saturating_mul(1000));
        self.with_assertions(|keys| keys.sign(ASSERTION, &claims, new.now, until))
    }

    /// Signs what authenticates us as a client of an authorization server.
    ///
    /// # Errors
    /// As [`KeyRing::assert`].
    pub fn authenticate(&self, new: &ClientAuthentication<'_>) -> Result<Signed, TokenFault> {
        let (iat, until) = (new.now.seconds(), new.now.plus(new.lifetime));
        let (iss, aud) = (new.client_id, new.audience);
        let claims = ClientClaims { iss, sub: iss, aud, iat, exp: until.seconds(), jti: &new.jti };
        self.with_assertions(|keys| keys.sign(CLIENT_AUTHENTICATION, &claims, new.now, until))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(id: &str, state: KeyState, created: i64, forget: Option<i64>) -> SealedKey {
        SealedKey {
            id: KeyId::parse(id).expect("an id"),
            sealed: Vec::new(),
            state,
            created_at: Timestamp::from_millis(created * 1000),
            forget_at: forget.map(|s| Timestamp::from_millis(s * 1000)),
        }
    }

    fn keys(of: &[SealedKey]) -> AssertionKeys {
        let mut all = AssertionKeys::default();
        for (i, key) in (1_u8..).zip(of) {
            all.add(key, &[i; 8], |seed| {
                let mut out = [i; 32];
                out[..8].copy_from_slice(&seed[..8]);
                out
            })
            .expect("a key");
        }
        all
    }

    fn signer(keys: &AssertionKeys, now: i64, until: i64) -> Option<&str> {
        let at = |s: i64| Timestamp::from_millis(s * 1000);
        keys.signer(at(now), at(until)).map(|k| k.id.as_str())
    }

    #[test]
    fn a_new_key_signs_once_upstreams_have_learnt_it() {
        let all = keys(&[
            sealed("k1", KeyState::Retired, 0, Some(2000)),
            sealed("k2", KeyState::Active, 1000, None),
            sealed("k3", KeyState::Next, 1000, None),
        ]);
        assert_eq!(signer(&all, 1001, 1301), Some("k1.assertion"), "published, known and still there when it ends");
        assert_eq!(signer(&all, 1299, 1599), Some("k1.assertion"));
        assert_eq!(signer(&all, 1300, 1600), Some("k2.assertion"));
        assert_eq!(signer(&all, 1200, 2001), Some("k2.assertion"), "the first is forgotten before that");
        let first = keys(&[sealed("k1", KeyState::Active, 1000, None)]);
        assert_eq!(signer(&first, 1000, 1300), Some("k1.assertion"), "there is no other");
        assert_eq!(signer(&AssertionKeys::default(), 0, 1), None);
    }

    #[test]
    fn twins_are_the_same_each_time_and_others_for_other_keys() {
        let derive = |seed: &[u8]| {
            let mut out = [1; 32];
            out[..seed.len()].copy_from_slice(seed);
            out
        };
        let bytes = |pkcs8: &[u8]| twin(pkcs8, derive).expect("a key").as_bytes().to_vec();
        assert_eq!(bytes(b"one"), bytes(b"one"));
        assert_ne!(bytes(b"one"), bytes(b"two"));
        // What is no number of the curve is passed over.
        let late = |seed: &[u8]| if seed.len() < 6 { [0xFF; 32] } else { [3; 32] };
        assert!(twin(b"one", late).is_ok());
        assert!(twin(b"one", |_| [0; 32]).is_err());
    }
}
