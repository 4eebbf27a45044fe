//! Access review: who authorized what in an organization, what of it works now, and what was never used.

use std::collections::HashMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::node::Node;
use crate::record::csv_row;
use crate::store::{ClientOrigin, GrantFacts, GrantState, GrantUse, Org, StoreError};
use crate::token::{effective, standing};
use crate::types::{ClientId, GrantId, RoleName, ScopeSet, Timestamp, UserId, rfc3339};

/// Access that was not used for so long is proposed for removal.
pub const STALE: Duration = Duration::from_hours(24 * 90);
/// Days that are looked back for the use of a scope: as long as use is ever remembered.
const DAYS: u32 = 3650;
/// Grants whose use is read at once.
const CHUNK: usize = 100;

/// One live grant, as it is reviewed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = ReviewEntry)]
pub struct Entry {
    /// The grant.
    #[schema(value_type = String)]
    pub grant: GrantId,
    /// Its user.
    #[schema(value_type = String)]
    pub user: UserId,
    /// That user's e-mail address.
    pub user_email: String,
    /// That user's roles, separated by spaces.
    pub roles: String,
    /// Its client.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// That client's name; of a client that registered itself its own claim.
    pub client_name: String,
    /// How the client came to be known: `administrator` or `dynamic`.
    #[schema(value_type = String)]
    pub client_origin: ClientOrigin,
    /// When the user agreed.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub granted_at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used at the gate.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
    /// What was agreed to.
    #[schema(value_type = String)]
    pub scopes: ScopeSet,
    /// What works now.
    #[schema(value_type = String)]
    pub effective_scopes: ScopeSet,
    /// What was agreed to and no call ever needed.
    #[schema(value_type = String)]
    pub unused_scopes: ScopeSet,
    /// Why nothing works at the moment.
    pub suspended: Option<String>,
    /// What a reviewer should look at: `keep`, `narrow` (scopes were never used) or `revoke` (not used for 90 days).
    pub proposal: Proposal,
}

/// What the use of a grant suggests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Proposal {
    /// It is used as it is.
    Keep,
    /// Some of its scopes were never used.
    Narrow,
    /// It was not used for [`STALE`], nor made since.
    Revoke,
}

impl Proposal {
    /// Its name in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Keep => "keep",
            Self::Narrow => "narrow",
            Self::Revoke => "revoke",
        }
    }
}

/// Every live grant of `org`; what was not used for longest comes first.
///
/// # Errors
/// When the store fails.
pub async fn entries(node: &Node, config: &Config, org: &Org) -> Result<Vec<Entry>, StoreError> {
    let now = node.now();
    let mut facts = node.store.grants_of_org(&org.id).await?;
    facts.retain(|f| f.grant.state == GrantState::Live && f.grant.expires_at.is_none_or(|end| now < end));
    let mut entries = Vec::with_capacity(facts.len());
    // The use of a grant over years is large until it is summed up: a few at a time.
    for some in facts.chunks(CHUNK) {
        let ids: Vec<_> = some.iter().map(|f| f.grant.id.clone()).collect();
        let mut usage: HashMap<_, _> = node.store.grant_use(&ids, now, DAYS).await?.into_iter().collect();
        entries.extend(some.iter().map(|f| Entry::of(config, f, &usage.remove(&f.grant.id).unwrap_or_default(), now)));
    }
    entries.sort_by_key(|e| e.last_used_at.unwrap_or(e.granted_at));
    Ok(entries)
}

impl Entry {
    fn of(config: &Config, facts: &GrantFacts, usage: &GrantUse, now: Timestamp) -> Self {
        let grant = &facts.grant;
        let suspended = standing(facts, now).err();
        let works = effective(config, facts, &grant.scopes, now).now;
        let roles = facts.roles.iter().flatten().map(RoleName::as_str).collect::<Vec<_>>().join(" ");
        let mut entry = Self {
            grant: grant.id.clone(),
            user: grant.user.clone(),
            user_email: facts.user.email.clone(),
            roles,
            client: grant.client.clone(),
            client_name: facts.client.name.clone(),
            client_origin: facts.client.origin,
            granted_at: grant.created_at,
            expires_at: grant.expires_at,
            last_used_at: usage.last_used_at,
            scopes: grant.scopes.clone(),
            effective_scopes: if suspended.is_some() { ScopeSet::default() } else { config.catalogue.scopes(&works) },
            unused_scopes: grant.scopes.difference(&usage.scopes_used),
            suspended: suspended.map(|refusal| refusal.to_string()),
            proposal: Proposal::Keep,
        };
        entry.proposal = entry.propose(now);
        entry
    }

    fn propose(&self, now: Timestamp) -> Proposal {
        if now.since(self.last_used_at.unwrap_or(self.granted_at)) >= STALE {
            Proposal::Revoke
        } else if self.last_used_at.is_some() && !self.unused_scopes.is_empty() {
            Proposal::Narrow
        } else {
            Proposal::Keep
        }
    }
}

/// The report as JSON, indented.
#[must_use]
pub fn json(entries: &[Entry]) -> String {
    let mut text = serde_json::to_string_pretty(entries).unwrap_or_default();
    text.push('\n');
    text
}

const fn origin(origin: ClientOrigin) -> &'static str {
    match origin {
        ClientOrigin::Administrator => "administrator",
        ClientOrigin::Dynamic => "dynamic",
    }
}

/// The report as CSV (RFC 4180); no cell can start a formula.
#[must_use]
pub fn csv(entries: &[Entry]) -> String {
    let head = [
        "grant",
        "user",
        "user_email",
        "roles",
        "client",
        "client_name",
        "client_origin",
        "granted_at",
        "expires_at",
        "last_used_at",
        "scopes",
        "effective_scopes",
        "unused_scopes",
        "suspended",
        "proposal",
    ];
    let mut text = csv_row(&head.map(ToOwned::to_owned));
    for e in entries {
        let when = |at: Option<Timestamp>| at.map(|at| at.to_string()).unwrap_or_default();
        text.push_str(&csv_row(&[
            e.grant.to_string(),
            e.user.to_string(),
            e.user_email.clone(),
            e.roles.clone(),
            e.client.to_string(),
            e.client_name.clone(),
            origin(e.client_origin).to_owned(),
            e.granted_at.to_string(),
            when(e.expires_at),
            when(e.last_used_at),
            e.scopes.to_string(),
            e.effective_scopes.to_string(),
            e.unused_scopes.to_string(),
            e.suspended.clone().unwrap_or_default(),
            e.proposal.name().to_owned(),
        ]));
    }
    text
}
