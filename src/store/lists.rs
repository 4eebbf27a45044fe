//! Lists over all organizations, page by page: a page begins behind the last item of the one before, so nothing that is made or
//! removed meanwhile moves an item from one to the other.

use async_trait::async_trait;

use super::{App, Client, GrantFacts, Org, StoreError, User};
use crate::types::{AppId, ClientId, GrantId, Slug, Timestamp, UserId};

/// Verbs that read such lists: at most `limit` items behind `after`.
#[async_trait]
pub trait ListStore {
    /// Organizations, by slug.
    async fn orgs_behind(&self, after: Option<&Slug>, limit: u32) -> Result<Vec<Org>, StoreError>;
    /// Users, by e-mail address.
    async fn users_behind(&self, after: Option<&str>, limit: u32) -> Result<Vec<User>, StoreError>;
    /// Clients of every organization and of none, newest first.
    async fn clients_behind(&self, after: Option<&(Timestamp, ClientId)>, limit: u32) -> Result<Vec<Client>, StoreError>;
    /// Apps of every organization, newest first.
    async fn apps_behind(&self, after: Option<&(Timestamp, AppId)>, limit: u32) -> Result<Vec<App>, StoreError>;
    /// Grants in every organization, perhaps only those of a user, newest first.
    async fn grants_behind(
        &self,
        user: Option<&UserId>,
        after: Option<&(Timestamp, GrantId)>,
        limit: u32,
    ) -> Result<Vec<GrantFacts>, StoreError>;
}
