//! The audit log.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::counts::By;
use crate::record::FileFormat;
use crate::types::{OrgId, RecordId, Timestamp, UserId, rfc3339};

/// What to look for in the audit log; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// An organization, by id or slug; every log when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// On whose behalf, by id or e-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Through which client.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Under which grant.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grant: Option<String>,
    /// In which request (`X-Request-Id`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
    /// At which API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// With which MCP tool, prompt or resource.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<String>,
    /// Route id or event name; a trailing `*` matches any rest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operation: Option<String>,
    /// HTTP status such as `404`, or a class of them such as `4xx`; changes have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<String>,
    /// `allowed`, `denied` or `would_deny`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub decision: Option<DecisionName>,
    /// Not before: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Before: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// Text that occurs in operation, path, tool, client name or reason, ignoring case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// At most this many records, 1 to 1000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// Where the page before ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
    /// What an export is written in: `ndjson` (unless said) or `csv`. For exports alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub format: Option<FileFormat>,
    /// What groups are counted by: `app`, `user`, `tool`, `route` or `decision`. For counts alone, of which `limit` is 1 to 100.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(inline)]
    pub by: Option<By>,
    /// Into how many equal spans of time is counted, 1 to 200; 24 when absent. For counts alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub buckets: Option<u32>,
}

/// A search of an organization's log that one of its members saved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SavedSearchView {
    /// The organization.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// Whose it is.
    #[schema(value_type = String)]
    pub user: UserId,
    /// Its name.
    pub name: String,
    /// What it looks for, as the query string of the audit page.
    pub query: String,
}

/// A search to be saved.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewSavedSearch {
    /// What it looks for, as the query string of the audit page; what no search can say is left out.
    pub query: String,
}

/// A decision by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum DecisionName {
    /// What was done.
    Allowed,
    /// What was refused.
    Denied,
    /// What an API in shadow mode let pass, and would have refused.
    WouldDeny,
}

/// One record of the audit log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditEntry {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RecordId,
    /// When the request was accepted or the change was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// The organization whose log it belongs to; `null` is the operator's own.
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// That organization's name. Left out where the log of one organization is read for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org_name: Option<String>,
    /// The client and the user, by name where one is known.
    pub who: String,
    /// The method and path, the tool, or the event's name.
    pub what: String,
    /// `allowed`, or the stable reason of the refusal; behind `would_deny:` when it was not enforced.
    pub decision: String,
    /// HTTP status, and how it ended when that was early; `done` or `refused` for events.
    pub status: String,
    /// How long it took, whole milliseconds.
    pub millis: Option<u64>,
    /// The whole record as OCSF 1.8.0.
    #[schema(value_type = Object)]
    pub ocsf: serde_json::Value,
}

/// Records, newest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AuditPageView {
    /// The records.
    pub records: Vec<AuditEntry>,
    /// Where to go on; `null` at the end.
    pub next: Option<String>,
}
