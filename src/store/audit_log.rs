//! The audit log as it is searched.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::StoreError;
use crate::record::{AuditRecord, Written};
use crate::types::{ClientId, GrantId, OrgId, RecordId, RequestId, ScopeSet, ScopeToken, Timestamp, UserId};

/// What to search for; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    /// The organization's log; `None` is every log, for the operator alone.
    pub org: Option<OrgId>,
    /// Not before.
    pub from: Option<Timestamp>,
    /// Before.
    pub to: Option<Timestamp>,
    /// On whose behalf.
    pub user: Option<UserId>,
    /// Through which client.
    pub client: Option<ClientId>,
    /// Under which grant.
    pub grant: Option<GrantId>,
    /// In which request.
    pub request: Option<RequestId>,
    /// At which API.
    pub api: Option<String>,
    /// With which MCP tool, prompt or resource.
    pub tool: Option<String>,
    /// Route id or event name; a trailing `*` matches any rest.
    pub operation: Option<String>,
    /// With which HTTP status; changes have none.
    pub status: Option<Statuses>,
    /// Allowed or denied.
    pub decision: Option<DecisionFilter>,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    pub text: Option<String>,
}

/// HTTP statuses from the first to the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statuses {
    /// The first.
    pub first: u16,
    /// The last.
    pub last: u16,
}

impl Statuses {
    /// Reads one status, such as `404`, or a class of them, such as `4xx`; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let class = text.strip_suffix("xx").or_else(|| text.strip_suffix("XX"));
        let (first, last) = match class {
            Some(class) if class.len() == 1 => class.parse::<u16>().ok().map(|c| (c * 100, c * 100 + 99))?,
            Some(_) => return None,
            None => text.parse().ok().map(|status| (status, status))?,
        };
        (100..600).contains(&first).then_some(Self { first, last })
    }
}

/// Which decisions to look for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DecisionFilter {
    /// What was done.
    Allowed,
    /// What was refused.
    Denied,
    /// What was let through and never seen to end.
    Unknown,
    /// What an API in shadow mode let through, and would have refused.
    WouldDeny,
}

/// Where a page of the log ends: the next one starts behind it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Time of the last record.
    pub time: Timestamp,
    /// Its id.
    pub id: RecordId,
}

/// A record with the OCSF text that was stored for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditRow {
    /// The record.
    pub record: AuditRecord,
}

/// Records, newest first.
#[derive(Clone, Debug, Default)]
pub struct AuditPage {
    /// The records.
    pub rows: Vec<AuditRow>,
    /// Where to go on; `None` at the end.
    pub next: Option<Cursor>,
}

/// Calls and denials in one span of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    /// When it starts.
    pub start: Timestamp,
    /// Records in it.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
}

/// What records are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Facet {
    /// The client that acted.
    Client,
    /// The user on whose behalf.
    User,
    /// The MCP tool, prompt or resource.
    Tool,
    /// The route id or event name.
    Operation,
    /// What was decided: `allowed`, `denied`, `would_deny` or `unknown`.
    Decision,
}

/// How many records share one value of a [`Facet`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The value: an id, or the name of a tool, an operation or a decision.
    pub value: String,
    /// Records with it.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
}

/// How a grant was used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GrantUse {
    /// When last.
    pub last_used_at: Option<Timestamp>,
    /// Calls on each of the last days, oldest first.
    pub calls_per_day: Vec<u64>,
    /// The scopes that its calls needed.
    pub scopes_used: ScopeSet,
    /// The day on which each of them was last needed, by its start.
    pub scopes_last_used: BTreeMap<ScopeToken, Timestamp>,
}

/// Whose calls an API in shadow mode let pass; every field narrows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowFilter {
    /// The organization; `None` is everybody, also callers of whom none is known.
    pub org: Option<OrgId>,
    /// At which API.
    pub api: Option<String>,
    /// Not before.
    pub from: Timestamp,
    /// Before.
    pub to: Option<Timestamp>,
}

/// Calls of one caller at one route that would have been refused for one reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShadowCount {
    /// How many.
    pub calls: u64,
    /// The last of them.
    pub last: AuditRecord,
}

/// Some of what would have been refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ShadowPage {
    /// All calls.
    pub calls: u64,
    /// Callers, routes and reasons among them.
    pub kinds: u64,
    /// Those that were asked for, most calls first.
    pub rows: Vec<ShadowCount>,
}

/// Verbs on the log.
#[async_trait]
pub trait AuditLogStore {
    /// Stores records from a journal; one that is already there is left alone. Also counts each grant's use.
    async fn append_written(&self, records: &[Written]) -> Result<(), StoreError>;
    /// The same for records of which nobody has the text yet.
    async fn append_audit(&self, records: &[AuditRecord]) -> Result<(), StoreError>
    where
        Self: Sync,
    {
        let unwritable = |e: serde_json::Error| StoreError::Unavailable { what: "write a record as JSON", source: e.into() };
        self.append_written(&Written::all(records).map_err(unwritable)?).await
    }
    /// One page of at most `limit` records, newest first.
    async fn search_audit(&self, filter: &AuditFilter, after: Option<&Cursor>, limit: u32) -> Result<AuditPage, StoreError>;
    /// What happened to a user's account and to what they authorized, newest first: in `org` and in none, or everywhere. What they
    /// did to their own account ([`Operation::OF_ACCOUNTS`]), who else signed them out or gave them a password, each once although
    /// every organization of theirs has a record of it, and what anybody did to their grants ([`Operation::OF_GRANTS`]). What they
    /// did to others is not among it.
    ///
    /// [`Operation::OF_ACCOUNTS`]: crate::record::Operation::OF_ACCOUNTS
    /// [`Operation::OF_GRANTS`]: crate::record::Operation::OF_GRANTS
    async fn own_events(
        &self,
        user: &UserId,
        org: Option<&OrgId>,
        after: Option<&Cursor>,
        limit: u32,
    ) -> Result<AuditPage, StoreError>;
    /// One record, in `org`'s log when given.
    async fn audit_record(&self, id: &RecordId, org: Option<&OrgId>) -> Result<Option<AuditRow>, StoreError>;
    /// Counts over `[filter.from, filter.to)` in `buckets` equal spans.
    async fn audit_histogram(&self, filter: &AuditFilter, buckets: u32) -> Result<Vec<Bucket>, StoreError>;
    /// The values of `by` with the most records, at most `limit`; records without one are not counted.
    async fn audit_tallies(&self, filter: &AuditFilter, by: Facet, limit: u32) -> Result<Vec<Tally>, StoreError>;
    /// What would have been refused, by caller, route and reason: at most `limit` of these after the first `skip`.
    async fn shadow_calls(&self, filter: &ShadowFilter, skip: u32, limit: u32) -> Result<ShadowPage, StoreError>;
    /// How grants were used in the `days` before `at`.
    async fn grant_use(&self, grants: &[GrantId], at: Timestamp, days: u32) -> Result<Vec<(GrantId, GrantUse)>, StoreError>;
    /// Deletes records older than `before`; says how many.
    async fn expire_audit(&self, before: Timestamp) -> Result<u64, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_are_read_one_by_one_and_by_class() {
        let read = |text| Statuses::parse(text).map(|s| (s.first, s.last));
        assert_eq!((read("404"), read("4xx"), read("5XX")), (Some((404, 404)), Some((400, 499)), Some((500, 599))));
        for bad in ["", "xx", "4", "6xx", "0xx", "40x", "44xx", "600", "99", "-404", "4xxxx", "é", "65536"] {
            assert_eq!(read(bad), None, "{bad:?}");
        }
    }
}
