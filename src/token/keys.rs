//! Signing keys: made, sealed, published, rotated.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::aead::{AES_256_GCM, Aad, NONCE_LEN, RandomizedNonceKey};
use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header};
use secrecy::SecretString;

use super::Claims;
use super::assertion::AssertionKeys;
use crate::config::DeploymentSecret;
use crate::record::Cause;
use crate::store::{Grant, KeyState, SealedKey, SharedStore, StoreError};
use crate::types::{Entropy, Issuer, KeyId, PlainToken, ResourceId, ScopeSet, Timestamp, TokenKind};

/// A fault of the keys: nothing can be issued or verified until it is mended.
#[derive(Debug, thiserror::Error)]
pub enum TokenFault {
    /// No key is active.
    #[error("no signing key is active; run `tollgate key rotate`")]
    NoActiveKey,
    /// A stored key can't be opened.
    #[error("signing key {0} can't be opened: the deployment's secret is not the one that sealed it")]
    Sealed(KeyId),
    /// The cryptographic library refused.
    #[error("signing failed")]
    Crypto(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store can't be read.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// An access token to be issued.
#[derive(Debug)]
pub struct NewAccessToken<'a> {
    /// Its grant.
    pub grant: &'a Grant,
    /// What it may be used for.
    pub scopes: &'a ScopeSet,
    /// The resources it is for; empty is every API of this gateway.
    pub resources: &'a [ResourceId],
    /// Its id.
    pub jti: String,
    /// When it is issued.
    pub now: Timestamp,
    /// How long it lives.
    pub ttl: Duration,
}

/// An access token that was issued.
#[derive(Debug)]
pub struct IssuedToken {
    /// The token.
    pub token: SecretString,
    /// Its id.
    pub jti: String,
    /// How long it lives.
    pub expires_in: Duration,
}

/// One key that verifies.
pub(super) struct VerifyingKey {
    pub(super) key: DecodingKey,
}

struct KeySet {
    /// Counts the sets of this process: what was verified under another has to be verified again.
    generation: u64,
    signer: Option<(Header, EncodingKey)>,
    /// The exact header segment of every token that we may have issued: anything else was not issued by us.
    verifiers: HashMap<Arc<str>, VerifyingKey>,
    jwks: Arc<str>,
    assertions: AssertionKeys,
}

/// The signing keys as this node knows them.
pub struct KeyRing {
    set: ArcSwap<KeySet>,
    secret: Arc<DeploymentSecret>,
    /// Held while keys are read again: what was read first must not take the place of what was read later.
    reading: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyRing(..)")
    }
}

impl KeyRing {
    /// A ring without keys.
    #[must_use]
    pub fn empty(secret: Arc<DeploymentSecret>) -> Self {
        let none = KeySet {
            generation: 0,
            signer: None,
            verifiers: HashMap::new(),
            jwks: r#"{"keys":[]}"#.into(),
            assertions: AssertionKeys::default(),
        };
        Self { set: ArcSwap::from_pointee(none), secret, reading: tokio::sync::Mutex::new(()) }
    }

    /// Reads the keys, making the first one when there is none.
    ///
    /// # Errors
    /// When the store fails or a key can't be opened.
    pub async fn start(&self, store: &SharedStore, entropy: &dyn Entropy, cause: &Cause) -> Result<(), TokenFault> {
        if store.signing_keys(cause.at).await?.iter().all(|k| k.state != KeyState::Active) {
            let first = self.make(KeyState::Active, entropy, cause.at)?;
            store.add_first_key(&first, cause).await?;
        }
        self.reload(store, cause.at).await
    }

    /// Reads the keys again.
    ///
    /// # Errors
    /// When the store fails or a key can't be opened; the keys known before stay.
    pub async fn reload(&self, store: &SharedStore, at: Timestamp) -> Result<(), TokenFault> {
        let _alone = self.reading.lock().await;
        let stored = store.signing_keys(at).await?;
        let generation = self.generation() + 1;
        let assertions = AssertionKeys::default();
        let mut set = KeySet { generation, signer: None, verifiers: HashMap::new(), jwks: "".into(), assertions };
        let mut published = Vec::with_capacity(stored.len());
        for key in &stored {
            let pkcs8 = self.open(key)?;
            set.assertions.add(key, &pkcs8, |seed| self.derive("assertion-keys", seed))?;
            let encoding = EncodingKey::from_ec_der(&pkcs8);
            let mut jwk = Jwk::from_encoding_key(&encoding, Algorithm::ES256).map_err(crypto)?;
            jwk.common.key_id = Some(key.id.to_string());
            jwk.common.public_key_use = Some(jsonwebtoken::jwk::PublicKeyUse::Signature);
            let decoding = DecodingKey::from_jwk(&jwk).map_err(crypto)?;
            let header = header(&key.id);
            set.verifiers.insert(segment(&header)?.into(), VerifyingKey { key: decoding });
            if key.state == KeyState::Active {
                set.signer = Some((header, encoding));
            }
            published.push(jwk);
        }
        set.jwks = serde_json::json!({ "keys": published }).to_string().into();
        if *set.jwks == *self.jwks() {
            // The same keys as before; only which of them signs may have changed.
            set.generation = self.generation();
        }
        self.set.store(Arc::new(set));
        Ok(())
    }

    /// Makes the key that is to sign next, or finds the one that was made before, and publishes it. No node may sign with it before
    /// every node can have read of it: one that has not refuses its tokens.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn prepare(&self, store: &SharedStore, entropy: &dyn Entropy, cause: &Cause) -> Result<KeyId, TokenFault> {
        if let Some(made) = store.signing_keys(cause.at).await?.into_iter().find(|k| k.state == KeyState::Next) {
            return Ok(made.id);
        }
        let next = self.make(KeyState::Next, entropy, cause.at)?;
        store.add_next_key(&next, cause).await?;
        Ok(next.id)
    }

    /// Lets a key that was prepared sign from now on. The one before it stays published until the last token that it signed has
    /// ended (`overlap`), also when another caller let this key sign before. `false` when a later key has taken its place already.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn activate(
        &self,
        store: &SharedStore,
        next: &KeyId,
        overlap: Duration,
        cause: &Cause,
    ) -> Result<bool, TokenFault> {
        // Gone at once is gone by whatever clock another node goes.
        let forget_at = if overlap.is_zero() { Timestamp::from_millis(0) } else { cause.at.plus(overlap) };
        let done = store.activate_key(next, forget_at, cause).await?;
        self.reload(store, cause.at).await?;
        Ok(done)
    }

    /// The published key set (RFC 7517 §5), as JSON text.
    #[must_use]
    pub fn jwks(&self) -> Arc<str> {
        Arc::clone(&self.set.load().jwks)
    }

    /// Which set of keys is known; grows whenever a key comes or goes.
    pub(super) fn generation(&self) -> u64 {
        self.set.load().generation
    }

    /// Whether tokens can be issued.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.set.load().signer.is_some()
    }

    /// Issues an access token.
    ///
    /// # Errors
    /// When no key is active or the signature fails.
    pub fn issue(&self, issuer: &Issuer, new: &NewAccessToken<'_>) -> Result<IssuedToken, TokenFault> {
        let set = self.set.load();
        let (header, key) = set.signer.as_ref().ok_or(TokenFault::NoActiveKey)?;
        let everywhere = ResourceId::parse(issuer.as_str()).map_err(|e| TokenFault::Crypto(Box::new(e)))?;
        let claims = Claims {
            iss: issuer.to_string(),
            sub: new.grant.user.clone(),
            aud: if new.resources.is_empty() { Arc::new([everywhere]) } else { new.resources.into() },
            exp: new.now.plus(new.ttl).seconds(),
            iat: new.now.seconds(),
            jti: new.jti.clone(),
            client_id: new.grant.client.clone(),
            scope: new.scopes.clone(),
            org: new.grant.org.clone(),
            grant: new.grant.id.clone(),
        };
        let token = jsonwebtoken::encode(header, &claims, key).map_err(crypto)?;
        Ok(IssuedToken { token: token.into(), jti: new.jti.clone(), expires_in: new.ttl })
    }

    /// Runs `check` with the key whose header segment this is; `None` when no key of ours makes such a header.
    pub(super) fn with_verifier<R>(&self, header: &str, check: impl FnOnce(&Arc<str>, &VerifyingKey) -> R) -> Option<R> {
        self.set.load().verifiers.get_key_value(header).map(|(header, key)| check(header, key))
    }

    /// Which set of keys is known, where a key of it makes this header segment.
    pub(super) fn generation_with(&self, header: &str) -> Option<u64> {
        let set = self.set.load();
        set.verifiers.contains_key(header).then_some(set.generation)
    }

    /// Runs `work` with the keys of assertions.
    pub(super) fn with_assertions<R>(&self, work: impl FnOnce(&AssertionKeys) -> R) -> R {
        work(&self.set.load().assertions)
    }

    /// The refresh token that follows `presented`: the same every time and on every node, so that a client whose answer was
    /// lost is given the same one again without anybody having kept it.
    ///
    /// # Panics
    /// Never: the text is given the prefix that is asked of it.
    #[must_use]
    pub fn successor(&self, presented: &PlainToken) -> PlainToken {
        let bytes = self.derive("refresh-successor", presented.expose().as_bytes());
        let text = format!("{}{}", TokenKind::RefreshToken.prefix(), URL_SAFE_NO_PAD.encode(bytes));
        PlainToken::presented(TokenKind::RefreshToken, &text).expect("the text was just given the prefix")
    }

    /// HMAC-SHA256 of `data` under a key that only `purpose` uses.
    #[must_use]
    pub fn derive(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let root = hmac::Key::new(hmac::HMAC_SHA256, self.secret.expose());
        let key = hmac::Key::new(hmac::HMAC_SHA256, hmac::sign(&root, purpose.as_bytes()).as_ref());
        let mut out = [0_u8; 32];
        out.copy_from_slice(hmac::sign(&key, data).as_ref());
        out
    }

    fn make(&self, state: KeyState, entropy: &dyn Entropy, at: Timestamp) -> Result<SealedKey, TokenFault> {
        let id = KeyId::generate(at, entropy);
        let pair = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).map_err(unspecified)?;
        let sealed = self.seal(&id, pair.as_ref().to_vec())?;
        Ok(SealedKey { id, sealed, state, created_at: at, forget_at: None })
    }

    fn sealing_key(&self, purpose: &str) -> Result<RandomizedNonceKey, TokenFault> {
        RandomizedNonceKey::new(&AES_256_GCM, &self.derive(purpose, b"")).map_err(unspecified)
    }

    /// Seals `plain` so that only this deployment can read it, for one purpose and together with `context`.
    ///
    /// # Errors
    /// When the cipher fails.
    pub fn protect(&self, purpose: &str, context: &[u8], mut plain: Vec<u8>) -> Result<Vec<u8>, TokenFault> {
        let nonce = self.sealing_key(purpose)?.seal_in_place_append_tag(Aad::from(context), &mut plain).map_err(unspecified)?;
        Ok([nonce.as_ref().as_slice(), plain.as_slice()].concat())
    }

    /// What was sealed; `None` when it was not, or for another purpose, with another context, or was changed.
    #[must_use]
    pub fn reveal(&self, purpose: &str, context: &[u8], sealed: &[u8]) -> Option<Vec<u8>> {
        let (nonce, body) = sealed.split_at_checked(NONCE_LEN)?;
        let nonce: [u8; NONCE_LEN] = nonce.try_into().ok()?;
        let mut body = zeroize::Zeroizing::new(body.to_vec());
        let key = self.sealing_key(purpose).ok()?;
        key.open_in_place((&nonce).into(), Aad::from(context), &mut body).ok().map(|plain| plain.to_vec())
    }

    fn seal(&self, id: &KeyId, pkcs8: Vec<u8>) -> Result<Vec<u8>, TokenFault> {
        self.protect("signing-keys", id.as_str().as_bytes(), pkcs8)
    }

    fn open(&self, key: &SealedKey) -> Result<zeroize::Zeroizing<Vec<u8>>, TokenFault> {
        let plain = self.reveal("signing-keys", key.id.as_str().as_bytes(), &key.sealed);
        plain.map(zeroize::Zeroizing::new).ok_or_else(|| TokenFault::Sealed(key.id.clone()))
    }
}

fn header(id: &KeyId) -> Header {
    let mut header = Header::new(Algorithm::ES256);
    header.typ = Some("at+jwt".to_owned());
    header.kid = Some(id.to_string());
    header
}

fn segment(header: &Header) -> Result<String, TokenFault> {
    let json = serde_json::to_vec(header).map_err(|e| TokenFault::Crypto(Box::new(e)))?;
    Ok(URL_SAFE_NO_PAD.encode(json))
}

pub(super) fn crypto(e: jsonwebtoken::errors::Error) -> TokenFault {
    TokenFault::Crypto(Box::new(e))
}

fn unspecified(e: aws_lc_rs::error::Unspecified) -> TokenFault {
    TokenFault::Crypto(Box::new(e))
}
