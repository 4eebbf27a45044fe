//! A member who reads the log.

use std::sync::Arc;

use async_trait::async_trait;

use super::readable;
use crate::node::Node;
use crate::store::{AuditRow, Org};
use crate::types::UserId;
use crate::web::{Cut, LogReader};

/// A member who reads the log of an organization, for as long as they may.
#[derive(Debug)]
pub struct Member {
    /// The node that they read at.
    pub node: Arc<Node>,
    /// The member.
    pub user: UserId,
    /// Whose log it is.
    pub org: Org,
}

#[async_trait]
impl LogReader for Member {
    async fn may_see(&mut self, _: &[AuditRow]) -> Result<(), Cut> {
        let readable = readable(&self.node, &self.node.config.load(), &self.user, &self.org).await?;
        if readable { Ok(()) } else { Err(Cut::Barred) }
    }
}
