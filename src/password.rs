//! Passwords of local accounts as argon2id hashes, with the parameters that OWASP recommends.

use argon2::password_hash::{PasswordHasher, PasswordVerifier, phc::PasswordHash};
use argon2::{Algorithm, Argon2, Params, Version};
use secrecy::{ExposeSecret, SecretString};

use crate::types::Entropy;

/// Fewest characters of a new password.
pub const SHORTEST: usize = 12;
/// Longest password that is read, bytes: more costs us and helps nobody.
pub const LONGEST: usize = 1024;

/// Memory of one hash, KiB; passes over it; lanes.
const COST: (u32, u32, u32) = (19 * 1024, 2, 1);

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordFault {
    /// It has fewer than [`SHORTEST`] characters.
    #[error("a password needs at least {SHORTEST} characters")]
    TooShort,
    /// It has more than [`LONGEST`] bytes.
    #[error("a password has at most {LONGEST} bytes")]
    TooLong,
    /// The hash that is stored can't be read, or none could be computed.
    #[error("a password could not be hashed or checked: {0}")]
    Hash(String),
}

/// Whether a password may be chosen.
///
/// # Errors
/// When it is too short or too long.
pub fn acceptable(password: &SecretString) -> Result<(), PasswordFault> {
    let text = password.expose_secret();
    if text.len() > LONGEST {
        return Err(PasswordFault::TooLong);
    }
    if text.chars().count() < SHORTEST { Err(PasswordFault::TooShort) } else { Ok(()) }
}

/// Hashes a password as a PHC string. Takes tens of milliseconds of a core and 19 MiB: run it off the async threads.
///
/// # Errors
/// When the password is longer than we read.
pub fn hash(password: &SecretString, entropy: &dyn Entropy) -> Result<SecretString, PasswordFault> {
    if password.expose_secret().len() > LONGEST {
        return Err(PasswordFault::TooLong);
    }
    let mut salt = [0_u8; 16];
    entropy.fill(&mut salt);
    let hashed: PasswordHash =
        argon2()?.hash_password_with_salt(password.expose_secret().as_bytes(), &salt).map_err(|e| fault(&e))?;
    Ok(hashed.to_string().into())
}

/// Whether `password` is the one of `phc`. As slow as [`hash`], but for passwords longer than we read, which match nothing.
///
/// # Errors
/// When the stored hash can't be read.
pub fn verify(password: &SecretString, phc: &SecretString) -> Result<bool, PasswordFault> {
    if password.expose_secret().len() > LONGEST {
        return Ok(false);
    }
    let hash = PasswordHash::new(phc.expose_secret()).map_err(|e| fault(&e))?;
    Ok(argon2()?.verify_password(password.expose_secret().as_bytes(), &hash).is_ok())
}

fn argon2() -> Result<Argon2<'static>, PasswordFault> {
    let (memory, passes, lanes) = COST;
    let params = Params::new(memory, passes, lanes, None).map_err(|e| fault(&e))?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

fn fault(error: &impl std::fmt::Display) -> PasswordFault {
    PasswordFault::Hash(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::SeededEntropy;

    #[test]
    fn only_the_password_matches() {
        let phc = hash(&"correct horse".into(), &SeededEntropy::new(1)).expect("short enough");
        assert!(phc.expose_secret().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"));
        assert!(verify(&"correct horse".into(), &phc).expect("a hash"));
        assert!(!verify(&"correct hors".into(), &phc).expect("a hash"));
    }

    #[test]
    fn overlong_passwords_cost_nothing() {
        assert!(hash(&"x".repeat(1025).into(), &SeededEntropy::new(1)).is_err());
        assert!(verify(&"x".repeat(1025).into(), &"not even a hash".into()).is_ok_and(|matches| !matches));
    }

    #[test]
    fn short_passwords_are_not_acceptable() {
        assert!(matches!(acceptable(&"eleven char".into()), Err(PasswordFault::TooShort)));
        assert!(acceptable(&"twelve chars".into()).is_ok());
    }
}
