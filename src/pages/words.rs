//! Numbers, spans and moments in words.

use std::time::Duration;

use jiff::Zoned;
use jiff::tz::TimeZone;

use crate::types::Timestamp;

/// A moment as a page prints it: relative for the eye, exact on hover, machine-readable for the script.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    /// RFC 3339 in UTC, for `<time datetime>`.
    pub rfc3339: String,
    /// "2 minutes ago", "in 3 days".
    pub relative: String,
    /// "21 Nov 2026, 22:50:29 UTC", for the title and for exact columns.
    pub exact: String,
}

impl When {
    /// Words for `at` as seen from `now`.
    #[must_use]
    pub fn new(at: Timestamp, now: Timestamp) -> Self {
        let zoned = zoned(at);
        Self {
            rfc3339: zoned.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            relative: relative(at.seconds().saturating_sub(now.seconds())),
            exact: zoned.strftime("%-d %b %Y, %H:%M:%S UTC").to_string(),
        }
    }
}

impl When {
    /// The day without the hour: "21 Nov 2026".
    #[must_use]
    pub fn day(&self) -> &str {
        self.exact.split(',').next().unwrap_or_default()
    }

    /// Words for a UTC day, of which no hour is known: "today", "3 days ago".
    #[must_use]
    pub fn of_day(day: Timestamp, now: Timestamp) -> Self {
        let days = now.since(day).as_secs() / 86_400;
        let relative = match days {
            0 => "today".to_owned(),
            1 => "yesterday".to_owned(),
            days => format!("{} ago", duration_words(Duration::from_secs(days * 86_400))),
        };
        let exact = Self::new(day, now);
        let date = exact.day().to_owned();
        Self { relative, exact: date, ..exact }
    }
}

/// A stored instant outside the calendar is shown as the epoch: a page never fails over one wrong row.
fn zoned(at: Timestamp) -> Zoned {
    jiff::Timestamp::from_millisecond(at.millis()).unwrap_or_default().to_zoned(TimeZone::UTC)
}

/// An instant below a picture of so long a span: "14:05", over several days "21 Nov 14:05", in UTC.
#[must_use]
pub fn axis_label(at: Timestamp, span: Duration) -> String {
    zoned(at).strftime(if span > Duration::from_hours(48) { "%-d %b %H:%M" } else { "%H:%M" }).to_string()
}

/// What lies ahead is rounded to the nearest unit: what was just given for 90 days ends in 90 days, not in 89.
fn relative(seconds: i64) -> String {
    let (span, half) = (seconds.unsigned_abs(), half_a_unit(seconds.unsigned_abs()));
    match seconds {
        -4..=4 => "just now".to_owned(),
        ..-4 => format!("{} ago", duration_words(Duration::from_secs(span))),
        _ => format!("in {}", duration_words(Duration::from_secs(span + half))),
    }
}

/// Half of the unit that a span is told in up to 120 days, seconds.
const fn half_a_unit(seconds: u64) -> u64 {
    match seconds {
        ..60 => 0,
        60..3_600 => 30,
        3_600..86_400 => 1_800,
        _ => 43_200,
    }
}

/// The largest whole unit of a span: "45 seconds", "1 hour", "30 days", "2 years".
#[must_use]
pub fn duration_words(span: Duration) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = span.as_secs();
    let (number, unit) = match seconds {
        ..MINUTE => (seconds, "second"),
        MINUTE..HOUR => (seconds / MINUTE, "minute"),
        HOUR..DAY => (seconds / HOUR, "hour"),
        _ if seconds < 120 * DAY => (seconds / DAY, "day"),
        _ if seconds < 730 * DAY => (seconds / (30 * DAY), "month"),
        _ => (seconds / (365 * DAY), "year"),
    };
    count(number, unit)
}

/// "1 hour", "30 days": a number with its unit.
fn count(number: u64, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", grouped(number))
}

/// Thousands set apart by commas.
#[must_use]
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_read_from_now() {
        let now = Timestamp::parse_rfc3339("2026-11-21T22:50:29Z").expect("a valid timestamp");
        let at = |offset: i64| When::new(Timestamp::from_millis(now.millis() + offset * 1000), now);
        assert_eq!(at(-2).relative, "just now");
        assert_eq!(at(-120).relative, "2 minutes ago");
        assert_eq!(at(-86_400).relative, "1 day ago");
        assert_eq!(at(7_200).relative, "in 2 hours");
        assert_eq!(at(90 * 86_400 - 6).relative, "in 90 days");
        assert_eq!(at(-90 * 86_400 + 6).relative, "89 days ago");
        assert_eq!(When::new(Timestamp::from_millis(i64::MAX), now).rfc3339, "1970-01-01T00:00:00Z");
        assert_eq!(at(-120).rfc3339, "2026-11-21T22:48:29Z");
        assert_eq!(at(-120).exact, "21 Nov 2026, 22:48:29 UTC");
    }

    #[test]
    fn long_spans_name_the_day() {
        let at = Timestamp::parse_rfc3339("2026-11-01T09:05:29Z").expect("a valid timestamp");
        assert_eq!(axis_label(at, Duration::from_hours(48)), "09:05");
        assert_eq!(axis_label(at, Duration::from_hours(49)), "1 Nov 09:05");
    }

    #[test]
    fn days_have_no_hour() {
        let now = Timestamp::parse_rfc3339("2026-11-21T22:50:29Z").expect("a valid timestamp");
        let of = |text| When::of_day(Timestamp::parse_rfc3339(text).expect("a valid timestamp"), now);
        assert_eq!(of("2026-11-21T00:00:00Z").relative, "today");
        assert_eq!(of("2026-11-20T00:00:00Z").relative, "yesterday");
        let before = of("2026-11-11T00:00:00Z");
        assert_eq!((before.relative.as_str(), before.exact.as_str()), ("10 days ago", "11 Nov 2026"));
    }

    #[test]
    fn spans_name_their_largest_unit() {
        for (seconds, words) in [
            (1, "1 second"),
            (600, "10 minutes"),
            (3600, "1 hour"),
            (2_592_000, "30 days"),
            (7_776_000, "90 days"),
            (31_536_000, "12 months"),
            (94_608_000, "3 years"),
        ] {
            assert_eq!(duration_words(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn thousands_are_set_apart() {
        assert_eq!(grouped(0), "0");
        assert_eq!(grouped(999), "999");
        assert_eq!(grouped(1_204), "1,204");
        assert_eq!(grouped(12_345_678), "12,345,678");
        assert_eq!(count(1, "day"), "1 day");
    }
}
