//! Whom APIs in shadow mode would refuse.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::types::{ClientId, OrgId, RequestId, ScopeSet, Timestamp, UserId, rfc3339};

/// Which requests to count; every field narrows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ShadowQuery {
    /// An organization, by id or slug; everybody when absent, also callers of whom no organization is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// At which API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub api: Option<String>,
    /// Not before: RFC 3339; the last 24 hours when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Before: RFC 3339.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// How many entries to leave out at the beginning; none when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skip: Option<u32>,
    /// How many entries to answer with: 1 to 10000, and so many when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// Whom APIs in shadow mode would refuse.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowReport {
    /// Requests that were let pass, or refused all the same.
    pub requests: u64,
    /// Callers, routes and reasons among them, whether listed here or not.
    pub kinds: u64,
    /// Whether some of these come after those that are listed.
    pub truncated: bool,
    /// Each caller, route and reason once; most requests first.
    pub entries: Vec<ShadowEntry>,
    /// The APIs that are in shadow mode now, of those that were asked about.
    #[serde(default)]
    pub apis: Vec<String>,
}

/// One caller at one route for one reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ShadowEntry {
    /// The organization, when a token names one.
    #[schema(value_type = Option<String>)]
    pub org: Option<OrgId>,
    /// The user, when a token names one.
    #[schema(value_type = Option<String>)]
    pub user: Option<UserId>,
    /// The user's e-mail address.
    pub email: Option<String>,
    /// The client, when a token names one.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// The client's name.
    pub client_name: Option<String>,
    /// The address, of callers that no token names.
    pub address: Option<String>,
    /// The `User-Agent`, of callers that no token names.
    pub user_agent: Option<String>,
    /// The API.
    pub api: String,
    /// The route; `unmatched` when none matched.
    pub route: String,
    /// The stable reason of the refusal.
    pub reason: String,
    /// Whether they were refused already: shadow mode does not let pass what makes a request mean two things.
    #[serde(default)]
    pub refused: bool,
    /// The scopes that were missing, when that was the reason.
    #[schema(value_type = Vec<String>)]
    pub missing: ScopeSet,
    /// How many requests.
    pub count: u64,
    /// The last of them.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub last: Timestamp,
    /// Its id.
    #[schema(value_type = String)]
    pub request: RequestId,
}
