//! The change feed: how every node learns what others changed.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use crate::types::{ClientId, GrantId, OrgId, UserId};

/// Whom a change touches. Nodes forget what they knew about the subject and read it again when they next need it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Subject {
    /// An organization.
    Org {
        /// Which.
        id: OrgId,
    },
    /// A user.
    User {
        /// Which.
        id: UserId,
    },
    /// A user in an organization.
    Membership {
        /// The organization.
        org: OrgId,
        /// The user.
        user: UserId,
    },
    /// A client.
    Client {
        /// Which.
        id: ClientId,
    },
    /// A grant, or one of its tokens.
    Grant {
        /// Which.
        id: GrantId,
    },
    /// The signing keys.
    Keys,
}

/// Random, given to each change by the store: two histories that parted have different ones at the same position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark(pub i64);

/// A place in the feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    /// The position of its change; 0 before the first.
    pub position: u64,
    /// Which change that is; `None` when there is none.
    pub mark: Option<Mark>,
}

/// One line of the feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// Its position; positions are given out in the order of commits.
    pub position: u64,
    /// Which change of this position it is.
    pub mark: Mark,
    /// Whom it touches.
    pub subject: Subject,
}

impl Change {
    /// Where it stands.
    #[must_use]
    pub const fn point(&self) -> Point {
        Point { position: self.position, mark: Some(self.mark) }
    }
}

/// Verbs on the feed.
#[async_trait]
pub trait FeedStore {
    /// The position of the last committed change.
    async fn feed_position(&self) -> Result<u64, StoreError>;
    /// The changes after `position`, in order, at most `limit`.
    async fn changes_after(&self, position: u64, limit: u32) -> Result<Vec<Change>, StoreError>;
    /// Forgets changes older than `before`, keeping at least the last one.
    async fn forget_changes(&self, before: crate::types::Timestamp) -> Result<u64, StoreError>;
}
