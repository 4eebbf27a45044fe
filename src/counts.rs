//! How many records a search of the log finds: in all, over time, and by what they share. Pages, API and commands count by this.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::node::Node;
use crate::store::{AuditFilter, Facet, StoreError};
use crate::types::{ClientId, Timestamp, UserId, rfc3339};

/// The longest range that is counted at once: each record of it is looked at.
pub const LONGEST: Duration = Duration::from_hours(24 * 31);
/// The range when none is asked for.
const USUAL: Duration = Duration::from_hours(24);
/// The most spans that a range is cut into.
pub const MOST_BUCKETS: u32 = 200;
/// The spans when no number is asked for.
const USUAL_BUCKETS: u32 = 24;
/// The most groups that are told.
pub const MOST_GROUPS: u32 = 100;
/// The groups when no number is asked for.
const USUAL_GROUPS: u32 = 20;

/// What records are counted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum By {
    /// The application (client) that acted.
    App,
    /// The user on whose behalf.
    User,
    /// The MCP tool, prompt or resource.
    Tool,
    /// The route, or the event's name.
    Route,
    /// What was decided: `allowed`, `denied`, `would_deny`, or `unknown` of calls that were never seen to end.
    Decision,
}

impl By {
    /// What the store counts by.
    #[must_use]
    pub const fn facet(self) -> Facet {
        match self {
            Self::App => Facet::Client,
            Self::User => Facet::User,
            Self::Tool => Facet::Tool,
            Self::Route => Facet::Operation,
            Self::Decision => Facet::Decision,
        }
    }
}

/// How to count; what is absent is as usual.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked {
    /// What by; groups are told when it is said.
    pub by: Option<By>,
    /// At most so many groups.
    pub groups: Option<u32>,
    /// Into so many spans of time.
    pub buckets: Option<u32>,
}

/// Why nothing was counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Uncounted {
    /// The range is too long.
    #[error("at most 31 days are counted at once: narrow the time")]
    Range,
    /// The range holds nothing.
    #[error("the range ends before it starts")]
    Empty,
    /// So many spans are not made.
    #[error("buckets is 1 to {MOST_BUCKETS}")]
    Buckets,
    /// So many groups are not told.
    #[error("limit is 1 to {MOST_GROUPS}")]
    Groups,
}

/// What was counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditCounts)]
pub struct Counts {
    /// The first instant that was counted.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub from: Timestamp,
    /// The first that was not.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub to: Timestamp,
    /// Records in the range.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
    /// The range in equal spans, the first first.
    pub buckets: Vec<Span>,
    /// What it was counted by.
    pub by: Option<By>,
    /// Those with the most records first; records that have no such value are in none.
    pub groups: Vec<Group>,
}

/// What fell into a span of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditSpan)]
pub struct Span {
    /// When it starts; it ends where the next one starts.
    #[serde(with = "rfc3339")]
    #[schema(value_type = String, format = DateTime)]
    pub start: Timestamp,
    /// Records in it.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
}

/// Records that share a value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[schema(as = AuditGroup)]
pub struct Group {
    /// The value: an id, or the name of a tool, a route or a decision.
    pub value: String,
    /// The name of an application or the address of a user, where one is known; else the value.
    pub name: String,
    /// Records with it.
    pub total: u64,
    /// Refusals among them.
    pub denied: u64,
}

/// Counts what `filter` finds. Without an end it ends now, without a start it starts a day before that.
///
/// # Errors
/// [`Uncounted`] inside, [`StoreError`] outside.
pub async fn count(node: &Node, filter: AuditFilter, asked: Asked) -> Result<Result<Counts, Uncounted>, StoreError> {
    let bounded = match bounded(filter, asked, node.now()) {
        Ok(bounded) => bounded,
        Err(why) => return Ok(Err(why)),
    };
    let Bounded { filter, from, to, buckets, most } = bounded;
    let groups = async {
        match asked.by {
            Some(by) => groups(node, &filter, by.facet(), most).await,
            None => Ok(Vec::new()),
        }
    };
    let (groups, buckets) = tokio::try_join!(groups, node.store.audit_histogram(&filter, buckets))?;
    let buckets: Vec<_> = buckets.iter().map(|b| Span { start: b.start, total: b.total, denied: b.denied }).collect();
    let (total, denied) = (buckets.iter().map(|b| b.total).sum(), buckets.iter().map(|b| b.denied).sum());
    Ok(Ok(Counts { from, to, total, denied, buckets, by: asked.by, groups }))
}

/// The values of `by` with the most records, at most `most`, by name.
///
/// # Errors
/// When the store fails.
pub async fn groups(node: &Node, filter: &AuditFilter, by: Facet, most: u32) -> Result<Vec<Group>, StoreError> {
    let found = node.store.audit_tallies(filter, by, most).await?;
    let mut groups: Vec<_> =
        found.into_iter().map(|t| Group { name: t.value.clone(), value: t.value, total: t.total, denied: t.denied }).collect();
    match by {
        Facet::Client => {
            let ids: Vec<_> = groups.iter().filter_map(|g| ClientId::parse(&g.value).ok()).collect();
            name(&mut groups, node.store.client_names(&ids).await?);
        }
        Facet::User => {
            let ids: Vec<_> = groups.iter().filter_map(|g| UserId::parse(&g.value).ok()).collect();
            name(&mut groups, node.store.emails(&ids).await?);
        }
        Facet::Tool | Facet::Operation | Facet::Decision => {}
    }
    Ok(groups)
}

fn name<I: ToString>(groups: &mut [Group], names: Vec<(I, String)>) {
    for (id, name) in names {
        let id = id.to_string();
        for group in groups.iter_mut().filter(|group| group.value == id) {
            group.name.clone_from(&name);
        }
    }
}

/// A search that has both ends, and how it is counted.
#[derive(Debug, PartialEq, Eq)]
struct Bounded {
    filter: AuditFilter,
    from: Timestamp,
    to: Timestamp,
    buckets: u32,
    most: u32,
}

fn bounded(filter: AuditFilter, asked: Asked, now: Timestamp) -> Result<Bounded, Uncounted> {
    let (buckets, most) = (asked.buckets.unwrap_or(USUAL_BUCKETS), asked.groups.unwrap_or(USUAL_GROUPS));
    // Up to this instant and including it.
    let to = filter.to.unwrap_or_else(|| now.plus(Duration::from_millis(1)));
    let from = filter.from.unwrap_or_else(|| to.minus(USUAL));
    if !(1..=MOST_BUCKETS).contains(&buckets) {
        return Err(Uncounted::Buckets);
    }
    if !(1..=MOST_GROUPS).contains(&most) {
        return Err(Uncounted::Groups);
    }
    if to <= from {
        return Err(Uncounted::Empty);
    }
    // A little more than the days themselves: whoever asks for all of them asks a moment before it is counted.
    if to.since(from) > LONGEST + Duration::from_secs(1) {
        return Err(Uncounted::Range);
    }
    Ok(Bounded { filter: AuditFilter { from: Some(from), to: Some(to), ..filter }, from, to, buckets, most })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_219_200_000);

    fn ends(from: Option<Timestamp>, to: Option<Timestamp>) -> Result<(Timestamp, Timestamp), Uncounted> {
        let filter = AuditFilter { from, to, ..AuditFilter::default() };
        bounded(filter, Asked::default(), NOW).map(|b| (b.from, b.to))
    }

    #[test]
    fn what_is_counted_has_both_ends() {
        let end = NOW.plus(Duration::from_millis(1));
        assert_eq!(ends(None, None), Ok((end.minus(USUAL), end)));
        assert_eq!(ends(Some(NOW.minus(LONGEST)), None), Ok((NOW.minus(LONGEST), end)), "to this instant");
        assert_eq!(ends(None, Some(NOW.minus(LONGEST * 9))).map(|(from, _)| from), Ok(NOW.minus(LONGEST * 9).minus(USUAL)));
        assert_eq!(ends(Some(NOW.minus(LONGEST + Duration::from_secs(2))), None), Err(Uncounted::Range));
        assert_eq!(ends(Some(NOW), Some(NOW)), Err(Uncounted::Empty));
    }

    #[test]
    fn spans_and_groups_are_few() {
        let asked = |buckets, groups| {
            let asked = Asked { by: None, buckets: Some(buckets), groups: Some(groups) };
            bounded(AuditFilter::default(), asked, NOW).map(|b| (b.buckets, b.most))
        };
        assert_eq!(asked(MOST_BUCKETS, MOST_GROUPS), Ok((MOST_BUCKETS, MOST_GROUPS)));
        assert_eq!((asked(0, 1), asked(MOST_BUCKETS + 1, 1)), (Err(Uncounted::Buckets), Err(Uncounted::Buckets)));
        assert_eq!((asked(1, 0), asked(1, MOST_GROUPS + 1)), (Err(Uncounted::Groups), Err(Uncounted::Groups)));
    }
}
