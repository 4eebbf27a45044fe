//! How often, how much at once.

use std::time::Duration;

use super::{Findings, sections};
use crate::config::error::KeyPath;
use crate::config::list::List;
use crate::config::raw::RawRate;
use crate::config::written::{ByteSize, Written};
use crate::config::{Per, Rate};

/// Longest span that requests are counted over.
const LONGEST: Duration = Duration::from_hours(24);

/// The rates of an API or a route.
pub(super) fn rates(raw: &List<RawRate>, at: &KeyPath, found: &mut Findings<'_>) -> Vec<Rate> {
    raw.numbered().filter_map(|(i, rate)| self::rate(rate, &at.index(i), found)).collect()
}

fn rate(raw: &RawRate, at: &KeyPath, found: &mut Findings<'_>) -> Option<Rate> {
    let (requests, burst) = (raw.requests, raw.burst.unwrap_or(raw.requests));
    for (key, value) in [("requests", requests), ("burst", burst)] {
        if value == 0 {
            found.error(at.key(key), "is 0", "let at least one request through, or take the route out");
        }
    }
    let every = raw.every.0;
    if every < Duration::from_secs(1) || every > LONGEST {
        found.error(at.key("every"), "is out of range", "keep it between 1s and 24h");
    }
    let interval = every.as_micros() / u128::from(requests.max(1));
    if interval == 0 {
        found.error(at.key("requests"), "is more than a million a second", "take the rate out");
    }
    let interval = i64::try_from(interval).ok().filter(|i| *i > 0)?;
    Some(Rate { per: raw.per, interval, burst: burst.max(1) })
}

/// Refuses a cap that lets nothing through.
pub(super) fn cap(max_concurrent: Option<u32>, at: &KeyPath, found: &mut Findings<'_>) {
    if max_concurrent == Some(0) {
        found.error(at.key("max_concurrent"), "is 0", "let at least one request through, or take the route out");
    }
}

/// The largest body of a request, bytes.
pub(super) fn body(raw: Option<&Written<ByteSize>>) -> Option<u64> {
    raw.map(|size| u64::try_from(size.0.0).unwrap_or(u64::MAX))
}

/// Refuses rates that never count anything.
pub(super) fn of_tools(rates: &[Rate], at: &KeyPath, found: &mut Findings<'_>) {
    if rates.iter().any(|rate| rate.per == Per::Tool) {
        found.error(at, "counts tools, which only MCP servers have", "count per client, user, organization or address");
    }
}

/// The longest that an access token for an API lives.
pub(super) fn token_ttl(raw: Option<&Written<Duration>>, at: &KeyPath, found: &mut Findings<'_>) -> Option<Duration> {
    let most = raw?.0;
    sections::between(most, (Duration::from_secs(1), Duration::from_hours(1)), at, found);
    Some(most)
}
