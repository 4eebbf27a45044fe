//! The processes on one store: which of them serve, and how far each has followed the change feed.
//!
//! A node writes its row before it first reads the feed, and serves only while its reads of the feed find the row as it left it.
//! So whoever finds no row of a node knows that it reads every change that was committed by then, or serves nobody.

use async_trait::async_trait;

use super::{Point, StoreError};
use crate::types::NodeId;

/// What a process on the store is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NodeRole {
    /// It decides about requests: a revocation waits for it.
    Serves,
    /// It changes things and answers nobody: a command.
    Commands,
}

/// Whether a node's row is as it left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listing {
    /// It stands.
    Stands,
    /// Others fenced or removed it, or it never was: what the node reads counts only once it has written it anew.
    Gone,
}

/// What one read of the feed's head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedHead {
    /// The last committed change.
    pub point: Point,
    /// The row of the node that asks.
    pub listing: Listing,
    /// How many other nodes have a row.
    pub others: u64,
}

/// The row of a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NodeRow {
    /// Which.
    pub id: NodeId,
    /// What it is there for.
    pub role: NodeRole,
    /// What it has applied.
    pub position: u64,
    /// Moves with every write of the node, so that others tell a silent one without comparing clocks. It never is again what it
    /// was, not even where the row was forgotten in between.
    pub beats: u64,
    /// Whether others gave it up. The node notices with its next read.
    pub fenced: bool,
}

/// Verbs on nodes. They leave no record: nobody decides anything by them.
#[async_trait]
pub trait NodeStore {
    /// Writes the row of a node that has confirmed nothing yet.
    async fn list_node(&self, id: &NodeId, role: NodeRole) -> Result<(), StoreError>;
    /// The head of the feed, and how the row of `id` stands, in one read.
    async fn feed_head(&self, id: &NodeId) -> Result<FeedHead, StoreError>;
    /// Says that `id` has applied everything up to `point`, and is alive; `false` when its row is gone, or this store has no
    /// such change.
    async fn confirm_node(&self, id: &NodeId, point: Point) -> Result<bool, StoreError>;
    /// Every row.
    async fn nodes(&self) -> Result<Vec<NodeRow>, StoreError>;
    /// Gives up a node that has written nothing since `seen`; says whether that still was so.
    async fn fence_node(&self, seen: &NodeRow) -> Result<bool, StoreError>;
    /// Removes a fenced row that is as it was `seen`; says whether it did. Only once the lease has run out since it was fenced.
    async fn forget_node(&self, seen: &NodeRow) -> Result<bool, StoreError>;
    /// Removes the row of a node that serves no more.
    async fn unlist_node(&self, id: &NodeId) -> Result<(), StoreError>;
}
