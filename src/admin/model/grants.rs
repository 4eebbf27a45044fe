//! Grants.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::page::PageQuery;
use crate::store::RevokeReason;
use crate::types::{ClientId, GrantId, OrgId, ResourceId, ScopeSet, Selectors, Slug, Timestamp, UserId, rfc3339};

/// Which page of the clients, apps, grants or requests to list; without a filter of all of them.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct Within {
    /// An organization, by id or slug.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub org: Option<String>,
    /// A user, by id or e-mail address; for grants alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// At most this many items, 1 to 1000; 100 when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cursor: Option<String>,
}

impl Within {
    /// A page of those of an organization, of a user, or of all.
    #[must_use]
    pub fn of(org: Option<String>, user: Option<String>, PageQuery { limit, cursor }: PageQuery) -> Self {
        Self { org, user, limit, cursor }
    }
}

/// A grant: what consent created and revocation ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: GrantId,
    /// The organization it is bound to.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// That organization's short name.
    #[schema(value_type = String)]
    pub org_slug: Slug,
    /// The user it speaks for.
    #[schema(value_type = String)]
    pub user: UserId,
    /// That user's e-mail address.
    pub user_email: String,
    /// The client that holds it.
    #[schema(value_type = String)]
    pub client: ClientId,
    /// That client's name.
    pub client_name: String,
    /// What was consented to.
    #[schema(value_type = Vec<String>)]
    pub scopes: ScopeSet,
    /// What some of them are narrowed to: scopes, each with its labels, each with its values.
    #[serde(default, skip_serializing_if = "Selectors::is_empty")]
    #[schema(value_type = std::collections::BTreeMap<String, std::collections::BTreeMap<String, Vec<String>>>)]
    pub selectors: Selectors,
    /// What it can do now: consented to, held by the user, allowed to the client.
    #[schema(value_type = Vec<String>)]
    pub effective_scopes: ScopeSet,
    /// The resources it is for; empty is every API.
    #[schema(value_type = Vec<String>)]
    pub resources: Vec<ResourceId>,
    /// `live`, `expired` or `revoked`.
    pub state: GrantStateView,
    /// Why it was revoked.
    #[schema(value_type = Option<String>)]
    pub revoked_because: Option<RevokeReason>,
    /// When it was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends by itself.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<Timestamp>,
    /// When it was last used at the gate.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_at: Option<Timestamp>,
}

/// Whether a grant can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum GrantStateView {
    /// It can.
    Live,
    /// Its time is over.
    Expired,
    /// Somebody ended it.
    Revoked,
}
