//! Invitations, sessions, and what is changed of one grant.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::config::{Risk, ScopeEntry, Visibility};
use crate::store::{Invitation, SessionDetails};
use crate::types::rfc3339;
use crate::types::{InvitationId, OrgId, RoleName, ScopeSet, ScopeToken, Selectors, Timestamp, UserId};

/// An open invitation. Its link is shown once, to whoever made it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct InvitationView {
    /// Its id.
    #[schema(value_type = String)]
    pub id: InvitationId,
    /// Into which organization.
    #[schema(value_type = String)]
    pub org: OrgId,
    /// The e-mail address that it is for.
    pub email: String,
    /// The roles that it gives, sorted.
    #[schema(value_type = Vec<String>)]
    pub roles: Vec<RoleName>,
    /// Who invited; `null` is the operator, or somebody who is gone.
    #[schema(value_type = Option<String>)]
    pub invited_by: Option<UserId>,
    /// When.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub created_at: Timestamp,
    /// When it ends.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<Invitation> for InvitationView {
    fn from(invitation: Invitation) -> Self {
        let Invitation { id, org, email, roles, invited_by, created_at, expires_at } = invitation;
        Self { id, org, email, roles, invited_by, created_at, expires_at }
    }
}

/// An invitation to be made. An open one for the same address is withdrawn.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewInvitation {
    /// The e-mail address that it is for. Who has an account already joins with it.
    pub email: String,
    /// Names of the roles that it gives.
    #[serde(default)]
    pub roles: Vec<String>,
}

/// An invitation that was made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CreatedInvitation {
    /// The invitation.
    pub invitation: InvitationView,
    /// Its link, to be sent to that address; shown here and nowhere else.
    pub url: String,
}

impl std::fmt::Debug for CreatedInvitation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreatedInvitation").field("invitation", &self.invitation).finish_non_exhaustive()
    }
}

/// A browser in which somebody is signed in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionView {
    /// What it is ended by.
    pub id: String,
    /// Address that it was started from.
    pub address: Option<String>,
    /// The browser, as it calls itself.
    pub user_agent: Option<String>,
    /// When its user signed in.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub started_at: Timestamp,
    /// When it was last seen.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub seen_at: Timestamp,
    /// When it ends whatever happens.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub expires_at: Timestamp,
}

impl From<SessionDetails> for SessionView {
    fn from(one: SessionDetails) -> Self {
        Self {
            id: one.handle(),
            address: one.address,
            user_agent: one.user_agent,
            started_at: one.session.authenticated_at,
            seen_at: one.session.seen_at,
            expires_at: one.session.expires_at,
        }
    }
}

/// How many sessions ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct EndedSessions {
    /// That many.
    pub ended: u64,
}

/// What to take from a grant; what is absent stays. Nothing is ever given back: for that its user authorizes the client again.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct GrantChange {
    /// The scopes that it keeps, separated by spaces; live tokens narrow at once.
    #[serde(default)]
    pub scopes: Option<String>,
    /// Scopes and the labels that they are narrowed to from now on, each label with one value or several.
    #[serde(default)]
    #[schema(value_type = Option<std::collections::BTreeMap<String, std::collections::BTreeMap<String, Vec<String>>>>)]
    pub selectors: Option<Selectors>,
    /// When it ends, RFC 3339; only earlier than it would anyway.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub expires_at: Option<String>,
}

/// A scope of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ScopeView {
    /// Its name.
    #[schema(value_type = String)]
    pub name: ScopeToken,
    /// Its short name for people, when it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// What it lets an application do, as consent pages say it.
    pub description: String,
    /// The heading that it stands under.
    pub group: String,
    /// `low`, `medium` or `high`.
    #[schema(value_type = String, example = "low")]
    pub risk: Risk,
    /// `public`: any client may ask for it; `managed`: any that somebody made; `private`: the operator gives it; `internal`: the
    /// operator's own clients have it.
    #[schema(value_type = String, example = "public")]
    pub visibility: Visibility,
    /// Scopes that come with it.
    #[serde(default, skip_serializing_if = "ScopeSet::is_empty")]
    #[schema(value_type = Vec<String>)]
    pub implies: ScopeSet,
    /// Another scope that a user has to hold for this one to count.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub requires_permission: Option<ScopeToken>,
    /// The grant types that give it.
    #[serde(default)]
    #[schema(example = json!(["authorization_code"]))]
    pub grants_allowed: Vec<String>,
    /// The longest that access tokens with it live, seconds; absent when it sets no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 3_600)]
    pub max_token_ttl_seconds: Option<u64>,
    /// Whether it is going away: who has it keeps it, nobody takes it up.
    #[serde(default)]
    pub deprecated: bool,
    /// What to ask for instead of one that is going away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub replaced_by: Option<ScopeToken>,
}

impl From<&ScopeEntry> for ScopeView {
    fn from(entry: &ScopeEntry) -> Self {
        Self {
            name: entry.name.clone(),
            title: entry.title.clone(),
            description: entry.description.clone(),
            group: entry.group.clone(),
            risk: entry.risk,
            visibility: entry.visibility,
            implies: entry.implies.clone(),
            requires_permission: entry.requires.clone(),
            grants_allowed: entry.given_by.iter().map(|flow| flow.name().to_owned()).collect(),
            max_token_ttl_seconds: entry.max_token_ttl.map(|most| most.as_secs()),
            deprecated: entry.deprecated.is_some(),
            replaced_by: entry.deprecated.as_ref().and_then(|d| d.replaced_by.clone()),
        }
    }
}

/// Which scopes to list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ScopeQuery {
    /// Text that occurs in name, title, description or group, ignoring case.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

impl ScopeQuery {
    /// Whether a scope is asked for.
    #[must_use]
    pub fn admits(&self, scope: &ScopeEntry) -> bool {
        let Some(text) = self.text.as_ref().map(|t| t.to_lowercase()) else { return true };
        scope.mentions(&text)
    }
}
