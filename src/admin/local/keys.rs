//! Signing keys.

use std::time::Duration;

use super::Local;
use crate::admin::error::AdminError;
use crate::admin::model::{KeyView, Rotation};
use crate::clients::MAX_TTL;
use crate::store::SealedKey;
use crate::token::ASSERTION_AHEAD;

/// The longest that a key stays published after its turn, seconds: a year.
const LONGEST: u64 = 366 * 24 * 60 * 60;

/// What is added to the longest lifetime of any access token, whatever it is today: clocks of verifiers differ.
const SKEW: Duration = Duration::from_secs(60);

pub(super) async fn list(local: &Local) -> Result<Vec<KeyView>, AdminError> {
    Ok(local.node.store.signing_keys(local.node.now()).await?.into_iter().map(view).collect())
}

pub(super) async fn rotate(local: &Local, rotation: Rotation) -> Result<KeyView, AdminError> {
    let node = &local.node;
    let overlap = match rotation.overlap_seconds {
        Some(seconds) if seconds > LONGEST => {
            return Err(AdminError::invalid(format!("the key before stays published for {LONGEST} seconds at most")));
        }
        Some(seconds) => Duration::from_secs(seconds),
        None => Duration::from_secs(MAX_TTL).max(longest_assertion(local)) + SKEW,
    };
    let id = node.rotate_keys(overlap, &local.cause()).await?;
    let keys = list(local).await?;
    let made = keys.into_iter().find(|k| k.id == id).ok_or_else(|| AdminError::not_found("key", id.as_str()))?;
    local.settled(made).await
}

/// How long an assertion's key must stay: until its successor is known, and what it signed last has ended. What is exchanged
/// lives for less.
fn longest_assertion(local: &Local) -> Duration {
    let config = local.node.config.load_full();
    let signing = config.apis.iter().filter(|api| api.assertion.is_some() || api.exchange.is_some());
    let lifetimes = signing.map(|api| api.assertion.as_ref().map_or(SKEW, |a| a.lifetime));
    lifetimes.max().map_or(Duration::ZERO, |longest| longest + ASSERTION_AHEAD)
}

fn view(key: SealedKey) -> KeyView {
    KeyView { id: key.id, state: key.state, created_at: key.created_at, forget_at: key.forget_at }
}
