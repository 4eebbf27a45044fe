//! What callers are shown of their own: the applications that they authorized, and what these did.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::account::activity::{self, CalledFrom};
use crate::account::applications::{Application, ScopeWords};
use crate::account::log::{Doer, Doers};
use crate::admin::{ApiKeyView, GrantView, grant_view};
use crate::config::{Config, Risk};
use crate::record::{AuditRecord, Decision, Event, Outcome, operation, summary};
use crate::types::{ClientId, RecordId, RequestId, Timestamp, UserId, rfc3339};

/// An application that you authorized, with what it did: a grant and its use.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnApplication {
    /// The grant.
    #[serde(flatten)]
    pub grant: GrantView,
    /// Why it can do nothing at the moment although nobody revoked it; the codes are those of the audit log.
    pub idle: Option<String>,
    /// Every scope of the grant, with its use: first what it may do now, and of that the most dangerous first.
    pub permissions: Vec<OwnPermission>,
    /// Calls on each of the last 30 days (UTC), oldest first, with those that were refused.
    pub calls_per_day: Vec<u64>,
    /// API keys that it made on your behalf and that work. They are the organization's: they go on when you revoke this. Lists leave them
    /// out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub api_keys: Vec<ApiKeyView>,
    /// From where it last called. Lists leave it out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_called_from: Option<Whence>,
}

/// One scope of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnPermission {
    /// The scope.
    pub scope: String,
    /// What it lets the application do.
    pub description: String,
    /// `low`, `medium` or `high`.
    #[schema(value_type = String)]
    pub risk: Risk,
    /// Whether a call ever needed it, as far back as the log goes.
    pub used: bool,
    /// When the day began (UTC) on which a call last needed it.
    #[serde(with = "rfc3339::option")]
    #[schema(value_type = Option<String>, format = DateTime)]
    pub last_used_on: Option<Timestamp>,
    /// Why the application can't use it now: `permission_not_held` by you, `client_not_allowed`, `scope_gone` from the
    /// configuration, or why it can do nothing at all.
    pub not_now: Option<String>,
}

/// From where a request came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Whence {
    /// Its address.
    pub address: String,
    /// What it said that it is (`User-Agent`).
    pub user_agent: Option<String>,
}

/// One record of what an application did, or of what was done to it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OwnRecord {
    /// Its id.
    #[schema(value_type = String)]
    pub id: RecordId,
    /// When the request was accepted or the change was made.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub time: Timestamp,
    /// On whose behalf: an e-mail address, or an id; of whoever is no member of the organization, `the application's maker` (who
    /// is one where that is owned), `the operator`, or `null`.
    pub user: Option<String>,
    /// The client that acted.
    #[schema(value_type = Option<String>)]
    pub client: Option<ClientId>,
    /// That client's name, as it was then.
    pub client_name: Option<String>,
    /// Id of the route, or name of the event.
    pub operation: String,
    /// The method and path, the tool, or the event and what it was about.
    pub what: String,
    /// Which API was called; `null` for events.
    pub api: Option<String>,
    /// `allowed`, or the stable reason of the refusal; behind `would_deny:` when it was not enforced.
    pub decision: String,
    /// Scopes that were missing, when that was the reason.
    pub missing_scopes: Vec<String>,
    /// HTTP status of the answer; `null` for events, and while it is not known.
    pub status: Option<u16>,
    /// How long it took, whole milliseconds.
    pub millis: Option<u64>,
    /// From where it came; `null` when it was somebody else.
    pub from: Option<Whence>,
    /// The request (`X-Request-Id`).
    #[schema(value_type = String)]
    pub request: RequestId,
}

impl From<CalledFrom> for Whence {
    fn from(from: CalledFrom) -> Self {
        Self { address: from.address, user_agent: from.user_agent }
    }
}

/// An application as its user is shown it.
pub(super) fn own_application(config: &Config, application: &Application, now: Timestamp) -> OwnApplication {
    let mut grant = grant_view(config, &application.facts, now);
    // What is counted a moment ago is newer than what the grant itself remembers.
    grant.last_used_at = application.usage.last_used_at.max(grant.last_used_at);
    let last = &application.usage.scopes_last_used;
    let permission = |words: ScopeWords| OwnPermission {
        last_used_on: last.get(&words.scope).copied(),
        scope: words.scope.to_string(),
        description: words.text,
        risk: words.risk,
        used: words.used,
        not_now: words.not_now.map(|why| why.code().to_owned()),
    };
    OwnApplication {
        grant,
        idle: application.idle.map(|why| why.code().to_owned()),
        permissions: application.scopes(config).into_iter().map(permission).collect(),
        calls_per_day: application.usage.calls_per_day.clone(),
        api_keys: Vec::new(),
        last_called_from: None,
    }
}

/// Who did something, as records name them.
const fn named(doer: Doer<'_>) -> &str {
    match doer {
        Doer::Known(address) => address,
        Doer::Maker => "the application's maker",
        Doer::Operator => "the operator",
    }
}

/// A record as `user` is shown it: of what others did, that they did it.
pub(super) fn own_record(record: &AuditRecord, user: &UserId, doers: &Doers) -> OwnRecord {
    let (actor, row) = (&record.actor, summary(record));
    let (api, status) = match &record.event {
        Event::Call(call) => (Some(call.api.to_string()), answered(&call.outcome)),
        Event::Control(_) => (None, None),
    };
    // What nobody is named for was done by the operator, whose address is nobody's business either.
    let own = actor.user.as_ref().map_or(actor.client.is_some(), |who| who == user);
    OwnRecord {
        id: record.id.clone(),
        time: record.time,
        user: doers.who(record).map(|who| named(who).to_owned()),
        client: actor.client.clone(),
        client_name: actor.client_name.clone(),
        operation: operation(record).to_owned(),
        what: row.what,
        api,
        decision: row.decision,
        missing_scopes: missing(record),
        status,
        millis: row.millis,
        from: activity::from(record).filter(|_| own).map(Whence::from),
        request: record.origin.request.clone(),
    }
}

fn answered(outcome: &Outcome) -> Option<u16> {
    match outcome {
        Outcome::Completed(measured) | Outcome::Broken { measured, .. } => Some(measured.status).filter(|status| *status != 0),
        Outcome::Unknown => None,
    }
}

fn missing(record: &AuditRecord) -> Vec<String> {
    match &record.event {
        Event::Call(call) => match &call.decision {
            Decision::Denied { missing, .. } => missing.iter().map(ToString::to_string).collect(),
            Decision::Allowed => Vec::new(),
        },
        Event::Control(_) => Vec::new(),
    }
}
