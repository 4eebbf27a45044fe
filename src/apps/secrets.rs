//! Secrets of clients: how many there are, and how long they live.

use std::time::Duration;

use super::error::{AppError, Refusal};
use crate::node::Node;
use crate::record::Cause;
use crate::store::{Added, Client, ClientKind, ClientSecret, Hand, Removed};
use crate::types::{ClientId, PlainToken, Timestamp, TokenKind};

/// Longest that a secret with an end lives, seconds: ten years.
pub const MAX_SECRET_LIFE: u64 = 10 * 366 * 24 * 60 * 60;

/// How a client's new secret and its others live.
#[derive(Clone, Copy, Debug, Default)]
pub struct NewSecret {
    /// How long the others live on; as long as they would when absent.
    pub overlap: Option<Duration>,
    /// How long the new one lives; for ever when absent.
    pub lifetime: Option<Duration>,
}

impl NewSecret {
    /// From what a form says, in seconds: nothing is no end. What is no number is out of bounds, and so refused like one that is.
    #[must_use]
    pub fn of_form(others: &str, new: &str) -> Self {
        let seconds = |text: &str| (!text.is_empty()).then(|| text.parse().unwrap_or(u64::MAX));
        Self::of_seconds(seconds(others), seconds(new))
    }

    /// From numbers of seconds that somebody asks for.
    #[must_use]
    pub fn of_seconds(others: Option<u64>, new: Option<u64>) -> Self {
        Self { overlap: others.map(Duration::from_secs), lifetime: new.map(Duration::from_secs) }
    }

    /// No end lies beyond what can be told as a date, and the new one lives at all.
    fn check(self) -> Result<(), Refusal> {
        let longest = self.overlap.max(self.lifetime).unwrap_or_default();
        if longest > Duration::from_secs(MAX_SECRET_LIFE) || self.lifetime.is_some_and(|l| l.is_zero()) {
            return Err(Refusal::SecretLife);
        }
        Ok(())
    }
}

/// A new secret, and what is stored of it.
pub(super) fn make_secret(node: &Node, at: Timestamp) -> (PlainToken, ClientSecret) {
    let plain = PlainToken::generate(TokenKind::ClientSecret, &*node.entropy);
    let text = plain.expose();
    let last4 = text[text.len() - 4..].to_owned();
    let secret = ClientSecret { hash: plain.hashed(), last4, created_at: at, expires_at: None };
    (plain, secret)
}

/// The first secret of a client, with an end when it shall have one.
///
/// # Errors
/// When the end is out of bounds.
pub(crate) fn first_secret(node: &Node, at: Timestamp, lives: Option<u64>) -> Result<(PlainToken, ClientSecret), Refusal> {
    let new = NewSecret::of_seconds(None, lives);
    new.check()?;
    let (plain, secret) = make_secret(node, at);
    Ok((plain, ClientSecret { expires_at: new.lifetime.map(|life| at.plus(life)), ..secret }))
}

/// Gives a client, an app's or one of its own, another secret.
///
/// # Errors
/// When the client has none or too many, is not there, or an end is out of bounds.
pub async fn add_secret(
    node: &Node,
    client: &Client,
    new: NewSecret,
    (hand, cause): (Hand, &Cause),
) -> Result<(PlainToken, ClientSecret), AppError> {
    if client.kind == ClientKind::Public {
        return Err(Refusal::NoSecrets.into());
    }
    new.check()?;
    let (plain, mut secret) = make_secret(node, cause.at);
    secret.expires_at = new.lifetime.map(|l| cause.at.plus(l));
    let others_until = new.overlap.map(|o| cause.at.plus(o));
    // Others that end at once make room.
    match node.store.add_secret(&client.id, &secret, others_until, hand, cause).await? {
        Added::Done => Ok((plain, secret)),
        Added::Full(live) => Err(Refusal::ManySecrets(live).into()),
        Added::Absent => Err(Refusal::Gone.into()),
        Added::Frozen => Err(Refusal::Frozen.into()),
    }
}

/// Takes a secret from a client, named by its id or last four characters.
///
/// # Errors
/// When there is no such secret, or it is the only one that lives on.
pub async fn remove_secret(node: &Node, client: &ClientId, which: &str, (hand, cause): (Hand, &Cause)) -> Result<(), AppError> {
    let secrets = node.store.live_secrets(client, cause.at).await?;
    let hash = match secrets.iter().filter(|s| s.id() == which || s.last4 == which).collect::<Vec<_>>()[..] {
        [one] => one.hash,
        _ => return Err(Refusal::UnknownSecret.into()),
    };
    match node.store.remove_secret(client, &hash, hand, cause).await? {
        Removed::Done => Ok(()),
        Removed::Last => Err(Refusal::LastSecret.into()),
        Removed::Unknown => Err(Refusal::UnknownSecret.into()),
        Removed::Absent => Err(Refusal::Gone.into()),
        Removed::Frozen => Err(Refusal::Frozen.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_lives_a_while_and_not_for_ages() {
        let checked = |others, new| NewSecret::of_seconds(others, new).check();
        let longest = Some(MAX_SECRET_LIFE);
        for (others, new) in [(None, None), (Some(0), None), (longest, longest), (None, Some(1))] {
            assert_eq!(checked(others, new), Ok(()), "{others:?} {new:?}");
        }
        assert_eq!(NewSecret::of_form("0", "3600").check(), Ok(()));
        assert_eq!(NewSecret::of_form("", "").lifetime, None);
        for (others, new) in [("", "0"), ("", "never"), ("soon", ""), ("", "-1")] {
            assert_eq!(NewSecret::of_form(others, new).check(), Err(Refusal::SecretLife), "{others:?} {new:?}");
        }
        let beyond = [Some(MAX_SECRET_LIFE + 1), Some(u64::MAX)];
        for (others, new) in beyond.into_iter().flat_map(|l| [(l, None), (None, l), (Some(0), l)]).chain([(None, Some(0))]) {
            assert_eq!(checked(others, new), Err(Refusal::SecretLife), "{others:?} {new:?}");
        }
    }
}
