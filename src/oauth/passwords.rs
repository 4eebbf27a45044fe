//! Passwords of local accounts: argon2id, bounded in how many are computed at once.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use tokio::sync::Semaphore;

use crate::password::verify;
pub use crate::password::{PasswordFault, SHORTEST, hash};
use crate::types::Entropy;

/// How many hashes are computed at one time: each takes 19 MiB and a core.
const AT_ONCE: usize = 2;

/// Checks and makes password hashes off the async threads.
#[derive(Debug)]
pub struct Passwords {
    slots: Arc<Semaphore>,
    /// A hash that no password has: what an unknown account is checked against, so that it takes as long as a known one.
    nobody: SecretString,
}

impl Passwords {
    /// Makes the hash of nobody.
    #[must_use]
    pub fn new(entropy: &dyn Entropy) -> Self {
        let mut unknown = [0_u8; 32];
        entropy.fill(&mut unknown);
        let nobody = hash(&URL_SAFE_NO_PAD.encode(unknown).into(), entropy).unwrap_or_else(|_| String::new().into());
        Self { slots: Arc::new(Semaphore::new(AT_ONCE)), nobody }
    }

    /// Whether `password` is the one of `phc`; without one the answer takes as long and is no.
    ///
    /// # Errors
    /// When the stored hash can't be read.
    pub async fn verify(&self, password: SecretString, phc: Option<SecretString>) -> Result<bool, PasswordFault> {
        let known = phc.is_some();
        let phc = phc.unwrap_or_else(|| self.nobody.clone());
        let matches = self.blocking(move || verify(&password, &phc)).await?;
        Ok(known && matches)
    }

    /// Hashes a new password.
    ///
    /// # Errors
    /// When it is longer than we read.
    pub async fn hash(&self, password: SecretString, entropy: Arc<dyn Entropy>) -> Result<SecretString, PasswordFault> {
        self.blocking(move || hash(&password, &*entropy)).await
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, PasswordFault> + Send + 'static,
    ) -> Result<T, PasswordFault> {
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(|e| PasswordFault::Hash(e.to_string()))?;
        let work = move || {
            // The slot goes with the work: a caller that goes away frees it only when the work is done.
            let _slot = slot;
            work()
        };
        tokio::task::spawn_blocking(work).await.map_err(|e| PasswordFault::Hash(e.to_string()))?
    }
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret as _;

    use super::*;
    use crate::types::SeededEntropy;

    #[tokio::test]
    async fn only_the_password_of_a_known_account_matches() {
        let entropy = SeededEntropy::new(1);
        let passwords = Passwords::new(&entropy);
        let phc = hash(&"correct horse".into(), &entropy).expect("short enough");
        assert!(phc.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(passwords.verify("correct horse".into(), Some(phc.clone())).await.expect("hash"));
        assert!(!passwords.verify("correct hors".into(), Some(phc)).await.expect("hash"));
        assert!(!passwords.verify("correct horse".into(), None).await.expect("hash"));
    }

    #[test]
    fn overlong_passwords_cost_nothing() {
        let entropy = SeededEntropy::new(1);
        assert!(hash(&"x".repeat(1025).into(), &entropy).is_err());
        assert!(verify(&"x".repeat(1025).into(), &"not even a hash".into()).is_ok_and(|matches| !matches));
    }
}
