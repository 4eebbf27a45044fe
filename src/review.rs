//! Access review: who authorized what in an organization, what of it works now, and what was never used.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::config::Config;
use crate::node::Node;
use crate::record::{Cause, ControlEvent, Operation, csv_row};
use crate::store::{
    ApiKeyFacts, ApiKeySearch, ApiKeyStanding, ClientOrigin, GrantFacts, GrantSearch, GrantStanding, Idle, Org, StoreError,
};
use crate::token::{Refusal, effective, effective_of_key, standing, standing_of_key};
use crate::types::{ApiKeyId, ClientId, GrantId, RoleName, ScopeSet, Timestamp, UserId, rfc3339};

/// Access that was not used for so long is proposed for removal.
pub const STALE: Duration = Duration::from_hours(24 * 90);
/// Grants that are read at once.
const BATCH: u32 = 500;

/// One live grant, or an API key that works, as it is reviewed.
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
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// What works now.
    #[schema(value_type = Vec<String>)]
    pub effective_scopes: ScopeSet,
    /// What was agreed to and no call ever needed.
    #[schema(value_type = Vec<String>)]
    pub unused_scopes: ScopeSet,
    /// Why nothing works at the moment.
    pub suspended: Option<String>,
    /// The same as a reason, for pages; it is not part of a report.
    #[serde(skip)]
    pub standing: Option<Refusal>,
    /// Of an API key: its id. It was made through `grant`, which may have ended, and on behalf of `user`, who may have left; its roles do
    /// not matter then, and nobody notes which of its scopes calls needed.
    #[serde(default)]
    #[schema(value_type = Option<String>)]
    pub api_key: Option<ApiKeyId>,
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

/// How many live grants `org` has, and how many of them are proposed for removal.
///
/// # Errors
/// When the store fails.
pub async fn count(node: &Node, org: &Org) -> Result<(u64, u64), StoreError> {
    let now = node.now();
    node.store.count_live_grants(&org.id, now, now.minus(STALE)).await
}

/// Which live grants are reviewed; every field narrows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Wanted<'a> {
    /// Text that occurs in their user, client or scopes.
    pub text: &'a str,
    /// Whether they were not used for [`STALE`].
    pub idle: Option<Idle>,
}

impl Wanted<'_> {
    fn search(&self, now: Timestamp) -> GrantSearch {
        GrantSearch {
            standing: Some((GrantStanding::Live, now)),
            idle: self.idle.map(|idle| (idle, now.minus(STALE))),
            text: self.text.to_owned(),
            ..GrantSearch::default()
        }
    }
}

/// A page of the live grants of `org` that are wanted, what was not used for longest first; at most `limit` after skipping `offset`.
///
/// # Errors
/// When the store fails.
pub async fn page(
    node: &Node,
    config: &Config,
    org: &Org,
    wanted: Wanted<'_>,
    (offset, limit): (u32, u32),
) -> Result<Vec<Entry>, StoreError> {
    let now = node.now();
    let facts = node.store.idle_grants(&org.id, &wanted.search(now), (offset, limit)).await?;
    described(node, config, &facts, now).await
}

/// Where a report goes on: behind a grant.
pub type Place = (Timestamp, GrantId);

/// The next live grants of `org` in the order in which they were made, behind `after`; none at the end. A few at a time, so that
/// no report is ever whole in memory.
///
/// # Errors
/// When the store fails.
pub async fn batch(
    node: &Node,
    config: &Config,
    org: &Org,
    after: Option<&Place>,
) -> Result<(Vec<Entry>, Option<Place>), StoreError> {
    let now = node.now();
    let facts = node.store.live_grants(&org.id, now, after, BATCH).await?;
    let place = facts.last().map(|last| (last.grant.created_at, last.grant.id.clone()));
    Ok((described(node, config, &facts, now).await?, place))
}

/// The next live grants of `org` that are wanted, newest first, behind `after`; at most `limit`.
///
/// # Errors
/// When the store fails.
pub async fn newest(
    node: &Node,
    config: &Config,
    org: &Org,
    wanted: Wanted<'_>,
    (after, limit): (Option<&Place>, u32),
) -> Result<Vec<Entry>, StoreError> {
    let now = node.now();
    let facts = node.store.find_grants(&org.id, &wanted.search(now), after, limit).await?;
    described(node, config, &facts, now).await
}

/// The API keys of `org` that work and are wanted, newest first. A key outlives the grant that made it, so no list of grants names it; an
/// application has one at a time.
///
/// # Errors
/// When the store fails.
pub async fn keys(node: &Node, config: &Config, org: &Org, wanted: Wanted<'_>) -> Result<Vec<Entry>, StoreError> {
    let now = node.now();
    let search = ApiKeySearch {
        org: Some(org.id.clone()),
        standing: Some(ApiKeyStanding::Live),
        text: wanted.text.to_owned(),
        ..ApiKeySearch::default()
    };
    let (mut all, mut after) = (Vec::new(), None);
    loop {
        let some = node.store.find_api_keys(&search, after.as_ref(), BATCH).await?;
        let Some(last) = some.last() else { break };
        after = Some((last.created_at, last.id.clone()));
        let ids: Vec<_> = some.into_iter().map(|key| key.id).collect();
        let facts = node.store.facts_of_api_keys(&ids).await?;
        all.extend(facts.iter().map(|f| Entry::of_key(config, f, now)));
    }
    let idles = |entry: &Entry| now.since(entry.last_used_at.unwrap_or(entry.granted_at)) >= STALE;
    all.retain(|entry| wanted.idle.is_none_or(|idle| idles(entry) == (idle == Idle::Since)));
    Ok(all)
}

/// Writes into the log of `org` that its review was read.
///
/// # Errors
/// When the store fails.
pub async fn noted(node: &Node, org: &Org, cause: &Cause) -> Result<(), StoreError> {
    let event = ControlEvent::done(Operation::AccessReview).on("org", org.id.as_str());
    node.store.note(Some(&org.id), event, cause).await
}

async fn described(node: &Node, config: &Config, facts: &[GrantFacts], now: Timestamp) -> Result<Vec<Entry>, StoreError> {
    let ids: Vec<_> = facts.iter().map(|f| f.grant.id.clone()).collect();
    let mut used = node.store.scopes_used(&ids).await?;
    Ok(facts.iter().map(|f| Entry::of(config, f, &used.remove(&f.grant.id).unwrap_or_default(), now)).collect())
}

impl Entry {
    fn of(config: &Config, facts: &GrantFacts, used: &ScopeSet, now: Timestamp) -> Self {
        let grant = &facts.grant;
        let suspended = standing(config, facts, now).err();
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
            last_used_at: grant.last_used_at,
            scopes: grant.scopes.clone(),
            effective_scopes: if suspended.is_some() { ScopeSet::default() } else { config.catalogue.scopes(&works) },
            unused_scopes: grant.scopes.difference(used),
            suspended: suspended.map(|refusal| refusal.to_string()),
            standing: suspended,
            api_key: None,
            proposal: Proposal::Keep,
        };
        entry.proposal = entry.propose(now);
        entry
    }

    fn of_key(config: &Config, facts: &ApiKeyFacts, now: Timestamp) -> Self {
        let key = &facts.key;
        let suspended = standing_of_key(facts, now).err();
        let works = effective_of_key(config, facts, now).now;
        let mut entry = Self {
            grant: key.grant.clone(),
            user: key.user.clone(),
            user_email: facts.user.email.clone(),
            roles: String::new(),
            client: key.client.clone(),
            client_name: facts.client.name.clone(),
            client_origin: facts.client.origin,
            granted_at: key.created_at,
            expires_at: None,
            last_used_at: key.last_used_at,
            scopes: key.scopes.clone(),
            effective_scopes: if suspended.is_some() { ScopeSet::default() } else { config.catalogue.scopes(&works) },
            unused_scopes: ScopeSet::default(),
            suspended: suspended.map(|refusal| refusal.to_string()),
            standing: suspended,
            api_key: Some(key.id.clone()),
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

/// A part of the report as JSON: one entry on a line, with what stands between it and the one before.
#[must_use]
pub fn json_lines(entries: &[Entry], first: bool) -> String {
    let mut text = String::with_capacity(entries.len() * 512);
    for (n, entry) in entries.iter().enumerate() {
        text.push_str(if first && n == 0 { "[\n" } else { ",\n" });
        // Text keys and plain values: nothing in it can fail.
        text.push_str(&serde_json::to_string(entry).unwrap_or_default());
    }
    text
}

const fn origin(origin: ClientOrigin) -> &'static str {
    match origin {
        ClientOrigin::Administrator => "administrator",
        ClientOrigin::Dynamic => "dynamic",
    }
}

/// The first line of the report as CSV (RFC 4180).
#[must_use]
pub fn csv_head() -> String {
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
        "api_key",
    ];
    csv_row(&head.map(ToOwned::to_owned))
}

/// The report as CSV (RFC 4180); no cell can start a formula.
#[must_use]
pub fn csv(entries: &[Entry]) -> String {
    csv_head() + &csv_lines(entries)
}

/// A part of the report as CSV, without the first line.
#[must_use]
pub fn csv_lines(entries: &[Entry]) -> String {
    let mut text = String::new();
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
            e.api_key.as_ref().map(ToString::to_string).unwrap_or_default(),
        ]));
    }
    text
}
