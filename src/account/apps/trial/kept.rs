//! What an app would keep to itself, sealed for the one session that the test belongs to.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::node::Node;
use crate::store::Trial;
use crate::token::{Claims, KeyRing, TokenFault};

const PURPOSE: &str = "trial";
/// The members of an answer that are worth something to whoever reads them.
const SECRETS: [&str; 2] = ["access_token", "refresh_token"];

/// What is kept. No `Debug`: it holds secrets.
#[derive(Serialize, Deserialize)]
pub(super) enum Kept {
    /// Until the code is redeemed: `code_verifier`.
    Verifier(String),
    /// From then on: the body of the token endpoint's answer.
    Answer(Value),
}

/// 256 random bits as text.
pub(super) fn random(node: &Node) -> String {
    let mut bytes = [0_u8; 32];
    node.entropy.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// What was sealed for one test opens for no other.
fn context(trial: &Trial) -> Vec<u8> {
    [&trial.session.bytes()[..], &trial.state.bytes()[..]].concat()
}

impl Kept {
    /// An answer of the token endpoint; `None` when it is none that an app could use.
    pub(super) fn answer(text: &str) -> Option<Self> {
        let kept = Self::Answer(serde_json::from_str(text).ok()?);
        kept.claims().map(|_| kept)
    }

    pub(super) fn seal(&self, keys: &KeyRing, trial: &Trial) -> Result<Vec<u8>, TokenFault> {
        let plain = serde_json::to_vec(self).map_err(|e| TokenFault::Crypto(Box::new(e)))?;
        keys.protect(PURPOSE, &context(trial), plain)
    }

    pub(super) fn open(keys: &KeyRing, trial: &Trial) -> Option<Self> {
        serde_json::from_slice(&keys.reveal(PURPOSE, &context(trial), &trial.sealed)?).ok()
    }

    /// The access token.
    pub(super) fn access_token(&self) -> Option<&str> {
        match self {
            Self::Verifier(_) => None,
            Self::Answer(body) => body.get("access_token")?.as_str(),
        }
    }

    /// What the access token says.
    pub(super) fn claims(&self) -> Option<Claims> {
        let payload = self.access_token()?.split('.').nth(1)?;
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
    }

    /// The answer as people may see it.
    pub(super) fn masked(&self) -> String {
        let Self::Answer(body) = self else { return String::new() };
        let mut body = body.clone();
        for name in SECRETS {
            if let Some(Value::String(secret)) = body.get_mut(name) {
                *secret = mask(secret);
            }
        }
        serde_json::to_string_pretty(&body).unwrap_or_default()
    }
}

/// The last four characters.
pub(super) fn mask(secret: &str) -> String {
    let hidden = secret.chars().count().saturating_sub(4);
    format!("…{}", secret.chars().skip(hidden).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_shows_the_end_of_its_secrets() {
        let body = serde_json::json!({"access_token": "a.b.secret1234", "refresh_token": "tg_rt_é5678", "scope": "metrics:read"});
        let shown = Kept::Answer(body).masked();
        for part in ["\"…1234\"", "\"…5678\"", "metrics:read"] {
            assert!(shown.contains(part), "{shown}");
        }
        assert!(!shown.contains("secret") && !shown.contains("tg_rt_"), "{shown}");
        assert_eq!((mask("abc"), mask("")), ("…abc".to_owned(), "…".to_owned()));
    }

    #[test]
    fn an_answer_without_a_token_is_none() {
        for text in ["", "{}", "[]", r#"{"access_token":"x"}"#, r#"{"access_token":"a.e30.c"}"#] {
            assert!(Kept::answer(text).is_none(), "{text}");
        }
    }
}
