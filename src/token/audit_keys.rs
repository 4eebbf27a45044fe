//! The keys that seal the audit log: Ed25519, one for the deployment at a time.

use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};

use super::{KeyRing, TokenFault};
use crate::store::{AuditKey, Digest, ProofStore, Signer};
use crate::types::{Entropy, KeyId, Timestamp};

/// What these keys are sealed for.
const SEALED: &str = "audit-keys";
/// What public keys are vouched for with.
const VOUCHED: &str = "audit-public-keys";

struct Pair {
    id: KeyId,
    pair: Ed25519KeyPair,
}

impl Signer for Pair {
    fn key(&self) -> &KeyId {
        &self.id
    }

    fn sign(&self, digest: &Digest) -> Vec<u8> {
        self.pair.sign(digest.bytes()).as_ref().to_vec()
    }
}

impl KeyRing {
    /// What signs for the audit log now: the key that was made last. The first is made here.
    ///
    /// # Errors
    /// When the store fails, or the key can't be opened.
    pub async fn audit_signer<S: ProofStore + Sync + ?Sized>(
        &self,
        store: &S,
        entropy: &dyn Entropy,
        at: Timestamp,
    ) -> Result<Arc<dyn Signer>, TokenFault> {
        let mut keys = store.audit_keys().await?;
        if !keys.iter().any(|key| self.vouches(key)) {
            let made = self.make_audit_key(entropy, at)?;
            // Keys that nobody vouches for, or can read, are somebody else's, and keep none of ours from being made.
            let is_added = store.add_audit_key(&made, keys.is_empty()).await?;
            keys = store.audit_keys().await?;
            if !is_added && !keys.iter().any(|key| self.vouches(key)) {
                store.add_audit_key(&made, false).await?;
                keys = store.audit_keys().await?;
            }
        }
        let key = keys.iter().rfind(|key| self.vouches(key)).ok_or(TokenFault::NoActiveKey)?;
        self.open_audit_key(key)
    }

    /// Adds a key that signs from now on: each node takes it up within a minute. It is newer than those before, whatever the clocks
    /// of the nodes say that made them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn rotate_audit_key<S: ProofStore + Sync + ?Sized>(
        &self,
        store: &S,
        entropy: &dyn Entropy,
        at: Timestamp,
    ) -> Result<AuditKey, TokenFault> {
        let keys = store.audit_keys().await?;
        let last = keys.iter().rfind(|key| self.vouches(key)).map(|key| key.created_at.millis().saturating_add(1));
        let made = self.make_audit_key(entropy, at.max(Timestamp::from_millis(last.unwrap_or_default())))?;
        store.add_audit_key(&made, false).await?;
        Ok(made)
    }

    /// Whether this deployment made the key: nobody can say so without its secret.
    #[must_use]
    pub fn vouches(&self, key: &AuditKey) -> bool {
        key.vouched == self.vouch(&key.id, &key.public)
    }

    fn vouch(&self, id: &KeyId, public: &[u8]) -> Vec<u8> {
        self.derive(VOUCHED, &[id.as_str().as_bytes(), b"\n", public].concat()).to_vec()
    }

    fn make_audit_key(&self, entropy: &dyn Entropy, at: Timestamp) -> Result<AuditKey, TokenFault> {
        let id = KeyId::generate(at, entropy);
        let fault = |e: Box<dyn std::error::Error + Send + Sync>| TokenFault::Crypto(e);
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).map_err(|e| fault(Box::new(e)))?;
        let pair = Ed25519KeyPair::from_pkcs8(document.as_ref()).map_err(|e| fault(Box::new(e)))?;
        let public = pair.public_key().as_ref().to_vec();
        let sealed = self.protect(SEALED, id.as_str().as_bytes(), document.as_ref().to_vec())?;
        Ok(AuditKey { vouched: self.vouch(&id, &public), id, public, sealed, created_at: at })
    }

    fn open_audit_key(&self, key: &AuditKey) -> Result<Arc<dyn Signer>, TokenFault> {
        let sealed = || TokenFault::Sealed(key.id.clone());
        let plain = self.reveal(SEALED, key.id.as_str().as_bytes(), &key.sealed).map(zeroize::Zeroizing::new);
        let pair = Ed25519KeyPair::from_pkcs8(&plain.ok_or_else(sealed)?).map_err(|_| sealed())?;
        if pair.public_key().as_ref() != key.public {
            return Err(sealed());
        }
        Ok(Arc::new(Pair { id: key.id.clone(), pair }))
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
    use sqlx::{Connection as _, SqliteConnection};

    use super::*;
    use crate::config::Config;
    use crate::store::{SharedStore, sql};
    use crate::types::{NodeId, SystemEntropy};

    fn ring(secret: &str) -> KeyRing {
        let secret = secret.repeat(64);
        let env = move |_: &str| Some(secret.clone());
        let text = "public_url = \"http://127.0.0.1:8080\"\n[keys]\nsecret = \"env:SECRET\"\n";
        KeyRing::empty(Config::parse(text, &env, 1).expect("a sound configuration").0.secret)
    }

    async fn store(dir: &tempfile::TempDir) -> SharedStore {
        let url = format!("sqlite:{}/store.db", dir.path().display());
        sql::open(&url, &NodeId::parse("node_1").expect("an id"), Arc::new(SystemEntropy)).await.expect("a store")
    }

    #[tokio::test]
    async fn only_the_deployments_secret_makes_keys_that_count() {
        let dir = tempfile::tempdir().expect("a folder");
        let (store, ours, theirs) = (store(&dir).await, ring("1"), ring("2"));
        let at = |millis| Timestamp::from_millis(millis);
        let first = ours.audit_signer(&*store, &SystemEntropy, at(1)).await.expect("a signer");
        let again = ours.audit_signer(&*store, &SystemEntropy, at(2)).await.expect("a signer");
        assert_eq!(first.key(), again.key(), "made once");
        let next = ours.rotate_audit_key(&*store, &SystemEntropy, at(3)).await.expect("a key");
        let planted = theirs.rotate_audit_key(&*store, &SystemEntropy, at(4)).await.expect("a key");
        let now = ours.audit_signer(&*store, &SystemEntropy, at(5)).await.expect("a signer");
        assert_eq!(now.key(), &next.id, "the last that is ours");
        let keys = store.audit_keys().await.expect("keys");
        let counts: Vec<_> = keys.iter().map(|key| (key.id == planted.id, ours.vouches(key))).collect();
        assert_eq!(counts, [(false, true), (false, true), (true, false)]);
        // A node whose clock is behind makes one, and one that was made later by the clock of somebody else counts for nothing.
        let behind = ours.rotate_audit_key(&*store, &SystemEntropy, at(2)).await.expect("a key");
        assert_eq!(behind.created_at, at(4), "after the last that is ours");
        let signer = ours.audit_signer(&*store, &SystemEntropy, at(6)).await.expect("a signer");
        assert_eq!(signer.key(), &behind.id, "it signs");
        // Neither the id nor the public key of one that counts can be another.
        assert!(!ours.vouches(&AuditKey { public: planted.public.clone(), ..next.clone() }));
        assert!(!ours.vouches(&AuditKey { id: planted.id, ..next.clone() }));
        let digest = Digest::of(b"a batch");
        let signature = now.sign(&digest);
        UnparsedPublicKey::new(&ED25519, &next.public).verify(digest.bytes(), &signature).expect("its signature");
        assert!(UnparsedPublicKey::new(&ED25519, &keys[0].public).verify(digest.bytes(), &signature).is_err());
        store.close().await;
    }

    #[tokio::test]
    async fn a_key_that_nobody_can_read_is_in_nobodys_way() {
        let dir = tempfile::tempdir().expect("a folder");
        let (store, ours) = (store(&dir).await, ring("1"));
        let url = format!("sqlite:{}/store.db", dir.path().display());
        let mut vandal = SqliteConnection::connect(&url).await.expect("a connection");
        let planted =
            "INSERT INTO audit_keys (id, public, sealed, vouched, created_at) VALUES (CAST(x'ff' AS TEXT), x'', x'', x'', 1)";
        sqlx::raw_sql(planted).execute(&mut vandal).await.expect("a row");
        vandal.close().await.expect("closed");
        let made = ours.audit_signer(&*store, &SystemEntropy, Timestamp::from_millis(2)).await.expect("a signer");
        let again = ours.audit_signer(&*store, &SystemEntropy, Timestamp::from_millis(3)).await.expect("a signer");
        assert_eq!(made.key(), again.key(), "made once");
        store.close().await;
    }
}
