//! A search of the log as people and agents write it.

use std::fmt;
use std::time::Duration;

use jiff::tz::TimeZone;

use crate::node::Node;
use crate::store::{AuditFilter, DecisionFilter, Statuses, StoreError};
use crate::types::{ClientId, GrantId, OrgId, RequestId, Timestamp, UserId};

/// How far back a search without a time range looks.
const RECENT: Duration = Duration::from_hours(24);

/// A search as it was written; empty fields narrow nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// Not before: RFC 3339, or a local time in UTC such as `2026-11-21T22:00`.
    pub from: String,
    /// Before.
    pub to: String,
    /// User id or e-mail address.
    pub user: String,
    /// Client id, or a part of the client's name.
    pub client: String,
    /// Name of an API.
    pub api: String,
    /// MCP tool, prompt or resource.
    pub tool: String,
    /// Route id or event name; a trailing `*` matches any rest.
    pub operation: String,
    /// HTTP status such as `404`, or a class of them such as `4xx`.
    pub status: String,
    /// `allowed`, `denied`, `unknown` or `would_deny`.
    pub decision: String,
    /// Text that occurs in operation, path, tool, client name or reason.
    pub text: String,
    /// Grant id.
    pub grant: String,
    /// Request id.
    pub request: String,
}

/// One end of a range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Where it starts.
    First,
    /// Where it ends.
    Last,
}

impl fmt::Display for Bound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::First => "first",
            Self::Last => "last",
        })
    }
}

/// What is wrong with a search. Nothing that was written is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// A time can't be read.
    #[error("The {0} time can't be read. Write it in UTC as 2026-11-21T22:00, or as RFC 3339.")]
    Time(Bound),
    /// The range is empty.
    #[error("The range ends before it starts.")]
    Range,
    /// A status is none.
    #[error("A status is a number such as 404, or a class such as 4xx.")]
    Status,
    /// There is no such decision.
    #[error("A decision is allowed, denied, unknown or would_deny.")]
    Decision,
    /// A grant id is none.
    #[error("The grant is not one that this gateway gives out.")]
    Grant,
    /// A request id is none.
    #[error("The request is not one that this gateway gives out.")]
    Request,
    /// Names of applications are searched as text, and there is one text.
    #[error("Name the application by its id when you also search for text.")]
    ClientAndText,
}

impl Query {
    /// Looks at the last day when nothing says for when, nor names what has its own time.
    #[must_use]
    pub fn recent(mut self, now: Timestamp) -> Self {
        if [&self.from, &self.to, &self.grant, &self.request].iter().all(|f| f.is_empty()) {
            self.from = local_time(Timestamp::from_millis(now.minus(RECENT).millis().div_euclid(60_000) * 60_000));
        }
        self
    }

    /// The search in the log of `org`; `None` when it names somebody whom the organization does not know, so that nothing can match.
    ///
    /// # Errors
    /// [`Unreadable`] inside, [`StoreError`] outside.
    pub async fn filter(&self, node: &Node, org: &OrgId) -> Result<Result<Option<AuditFilter>, Unreadable>, StoreError> {
        let mut filter = match self.plain_filter(org) {
            Ok(filter) => filter,
            Err(unreadable) => return Ok(Err(unreadable)),
        };
        if !self.user.is_empty() {
            let Some(user) = user(node, org, &self.user).await? else { return Ok(Ok(None)) };
            filter.user = Some(user);
        }
        if !self.client.is_empty() {
            let id = ClientId::parse(&self.client).ok();
            let known = match &id {
                Some(id) => node.store.client(id).await?.is_some() || self.client.starts_with("cl_"),
                None => false,
            };
            match id.filter(|_| known) {
                Some(id) => filter.client = Some(id),
                None if filter.text.is_some() => return Ok(Err(Unreadable::ClientAndText)),
                None => filter.text = Some(self.client.clone()),
            }
        }
        Ok(Ok(Some(filter)))
    }

    fn plain_filter(&self, org: &OrgId) -> Result<AuditFilter, Unreadable> {
        let some = |text: &String| (!text.is_empty()).then(|| text.clone());
        let (from, to) = (time(&self.from, Bound::First)?, time(&self.to, Bound::Last)?);
        if from.zip(to).is_some_and(|(from, to)| to <= from) {
            return Err(Unreadable::Range);
        }
        Ok(AuditFilter {
            org: Some(org.clone()),
            from,
            to,
            grant: some(&self.grant).map(|g| GrantId::parse(&g)).transpose().map_err(|_| Unreadable::Grant)?,
            request: some(&self.request).map(|r| RequestId::parse(&r)).transpose().map_err(|_| Unreadable::Request)?,
            api: some(&self.api),
            tool: some(&self.tool),
            operation: some(&self.operation),
            status: some(&self.status).map(|s| Statuses::parse(&s).ok_or(Unreadable::Status)).transpose()?,
            decision: match self.decision.as_str() {
                "" => None,
                "allowed" => Some(DecisionFilter::Allowed),
                "denied" => Some(DecisionFilter::Denied),
                "unknown" => Some(DecisionFilter::Unknown),
                "would_deny" => Some(DecisionFilter::WouldDeny),
                _ => return Err(Unreadable::Decision),
            },
            text: some(&self.text),
            ..AuditFilter::default()
        })
    }
}

/// Addresses belong to the whole deployment. That somebody of another organization has an account, and its id, is not for the
/// readers of this log: an address counts here when its user is a member or stands in a record.
async fn user(node: &Node, org: &OrgId, named: &str) -> Result<Option<UserId>, StoreError> {
    if let Ok(id) = UserId::parse(named)
        && named.starts_with("usr_")
    {
        return Ok(Some(id));
    }
    let found = node.store.user_by_email(&named.to_lowercase()).await?.map(|user| user.id);
    // The log is searched for nobody as well, so that time does not tell either.
    let id = found.clone().unwrap_or_else(|| UserId::generate(node.now(), &*node.entropy));
    let known = node.store.membership(org, &id).await?.is_some() || is_on_record(node, org, &id).await?;
    Ok(found.filter(|_| known))
}

async fn is_on_record(node: &Node, org: &OrgId, user: &UserId) -> Result<bool, StoreError> {
    let records = AuditFilter { org: Some(org.clone()), user: Some(user.clone()), ..AuditFilter::default() };
    Ok(!node.store.search_audit(&records, None, 1).await?.rows.is_empty())
}

fn time(text: &str, which: Bound) -> Result<Option<Timestamp>, Unreadable> {
    if text.is_empty() {
        return Ok(None);
    }
    let candidates = [text.to_owned(), format!("{text}Z"), format!("{text}:00Z"), format!("{text}T00:00:00Z")];
    let read = candidates.iter().find_map(|t| Timestamp::parse_rfc3339(t));
    read.map(Some).ok_or(Unreadable::Time(which))
}

/// A moment as a form's time field takes it, in UTC.
#[must_use]
pub fn local_time(at: Timestamp) -> String {
    let zoned = jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default().to_zoned(TimeZone::UTC);
    zoned.strftime(if at.millis() % 60_000 == 0 { "%Y-%m-%dT%H:%M" } else { "%Y-%m-%dT%H:%M:%S" }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filter(query: &Query) -> Result<AuditFilter, Unreadable> {
        query.plain_filter(&OrgId::parse("org_a").expect("an id"))
    }

    #[test]
    fn times_are_read_as_forms_and_agents_write_them() {
        let expected = Timestamp::parse_rfc3339("2026-11-21T22:00:00Z");
        for text in ["2026-11-21T22:00", "2026-11-21T22:00:00", "2026-11-21T22:00:00Z", "2026-11-21T23:00:00+01:00"] {
            assert_eq!(time(text, Bound::First), Ok(expected), "{text}");
        }
        assert_eq!(time("2026-11-21", Bound::First), Ok(Timestamp::parse_rfc3339("2026-11-21T00:00:00Z")));
        for text in ["yesterday", "2026-13-01", "22:00"] {
            assert_eq!(time(text, Bound::First), Err(Unreadable::Time(Bound::First)), "{text}");
        }
        assert_eq!(local_time(expected.expect("a time")), "2026-11-21T22:00");
    }

    #[test]
    fn a_search_without_a_time_looks_at_the_last_day() {
        let now = Timestamp::parse_rfc3339("2026-11-21T22:00:30Z").expect("a time");
        assert_eq!(Query::default().recent(now).from, "2026-11-20T22:00");
        for query in [
            Query { to: "2026-11-01T00:00".into(), ..Query::default() },
            Query { grant: "gr_1".into(), ..Query::default() },
            Query { request: "req_1".into(), ..Query::default() },
        ] {
            assert_eq!(query.clone().recent(now), query);
        }
    }

    #[test]
    fn what_can_not_be_read_is_said() {
        let with = |change: fn(&mut Query)| {
            let mut query = Query::default();
            change(&mut query);
            filter(&query).map(drop)
        };
        assert_eq!(with(|_| {}), Ok(()));
        assert_eq!(with(|q| q.decision = "maybe".into()), Err(Unreadable::Decision));
        assert_eq!(with(|q| q.status = "4x".into()), Err(Unreadable::Status));
        assert_eq!(with(|q| q.grant = "a b".into()), Err(Unreadable::Grant));
        let backwards = |q: &mut Query| (q.from, q.to) = ("2026-11-21".into(), "2026-11-20".into());
        assert_eq!(with(backwards), Err(Unreadable::Range));
    }
}
