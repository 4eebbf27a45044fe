//! Ids as people read them.

use std::collections::{BTreeSet, HashMap};

use crate::node::Node;
use crate::record::AuditRecord;
use crate::store::StoreError;
use crate::types::{ClientId, UserId};

/// E-mail addresses of users and names of clients, looked up once.
#[derive(Debug, Default)]
pub struct Names {
    users: HashMap<UserId, String>,
    clients: HashMap<ClientId, String>,
}

impl Names {
    /// Learns the addresses of these users, all in one question.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn learn<'a>(&mut self, node: &Node, users: impl Iterator<Item = &'a UserId>) -> Result<(), StoreError> {
        let unknown: BTreeSet<_> = users.filter(|id| !self.users.contains_key(*id)).cloned().collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            self.users.extend(node.store.emails(&unknown).await?);
        }
        Ok(())
    }

    /// Learns the names of clients, all in one question.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn learn_clients<'a>(
        &mut self,
        node: &Node,
        clients: impl Iterator<Item = &'a ClientId>,
    ) -> Result<(), StoreError> {
        let unknown: BTreeSet<_> = clients.filter(|id| !self.clients.contains_key(*id)).cloned().collect();
        if !unknown.is_empty() {
            let unknown: Vec<_> = unknown.into_iter().collect();
            self.clients.extend(node.store.client_names(&unknown).await?);
        }
        Ok(())
    }

    /// Learns the names of clients that these records know by id alone: a token that was worth nothing when it came.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn learn_clients_of<'a>(
        &mut self,
        node: &Node,
        records: impl Iterator<Item = &'a AuditRecord>,
    ) -> Result<(), StoreError> {
        let nameless = records.map(|r| &r.actor).filter(|a| a.client_name.is_none()).filter_map(|a| a.client.as_ref());
        self.learn_clients(node, nameless).await
    }

    /// The name of a client, or the id of one that was removed or not learned.
    #[must_use]
    pub fn of_client<'a>(&'a self, id: &'a ClientId) -> &'a str {
        self.clients.get(id).map_or(id.as_str(), String::as_str)
    }

    /// The address of a user, or the id of one that was not learned.
    #[must_use]
    pub fn of<'a>(&'a self, id: &'a UserId) -> &'a str {
        self.users.get(id).map_or(id.as_str(), String::as_str)
    }
}
