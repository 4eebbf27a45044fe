//! Bars drawn by the server: plain SVG rectangles that need neither script nor style attributes.

use crate::pages::texts::{Text, counted};

/// One rectangle in the coordinates of its picture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Left edge.
    pub x: u32,
    /// Top edge, measured downwards.
    pub y: u32,
    /// Height; zero draws nothing.
    pub height: u32,
}

/// Calls per day, oldest first, as a line of small bars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sparkline {
    /// Calls per day, oldest first; usually thirty.
    pub days: Vec<u32>,
}

impl Sparkline {
    /// Height of the picture.
    pub const HEIGHT: u32 = 24;
    /// Distance from one bar to the next; a bar is one unit narrower.
    pub const STEP: u32 = 4;

    /// All calls in the period.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.days.iter().copied().map(u64::from).sum()
    }

    /// Width of the picture.
    #[must_use]
    pub fn width(&self) -> u32 {
        units(self.days.len()) * Self::STEP
    }

    /// A day with any call is never shorter than two units, a day without keeps a one-unit base line.
    #[must_use]
    pub fn bars(&self) -> Vec<Bar> {
        let most = self.days.iter().copied().max().unwrap_or(0);
        let bar = |(day, &calls): (usize, &u32)| {
            let height = if calls == 0 { 1 } else { scaled(calls, most, Self::HEIGHT).max(2) };
            Bar { x: units(day) * Self::STEP, y: Self::HEIGHT - height, height }
        };
        self.days.iter().enumerate().map(bar).collect()
    }

    /// The picture in words, for readers.
    #[must_use]
    pub fn summary(&self) -> Text {
        counted::calls_in_days(self.total(), self.days.len() as u64)
    }
}

/// One interval of a [`Histogram`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bin {
    /// Start of the interval in words, "14:05".
    pub label: String,
    /// Calls that were let through.
    pub allowed: u32,
    /// Calls that were refused.
    pub denied: u32,
}

/// Calls and denials over the searched range.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram {
    /// Width of one interval in words, "5 minutes".
    pub every: String,
    /// Intervals, oldest first, without gaps.
    pub bins: Vec<Bin>,
    /// End of the last interval in words, "15:00"; empty where there is none.
    pub end: String,
}

impl Histogram {
    /// Height of the picture.
    pub const HEIGHT: u32 = 64;
    /// Distance from one bar to the next; a bar is two units narrower.
    pub const STEP: u32 = 10;

    /// Width of the picture.
    #[must_use]
    pub fn width(&self) -> u32 {
        units(self.bins.len()).max(1) * Self::STEP
    }

    /// For each interval the allowed bar and, standing on it, the denied bar.
    #[must_use]
    pub fn bars(&self) -> Vec<(&Bin, Bar, Bar)> {
        let most = self.bins.iter().map(Bin::total).max().unwrap_or(0);
        let pair = |(i, bin): (usize, &'_ Bin)| {
            let x = units(i) * Self::STEP;
            let visible = |calls| if calls == 0 { 0 } else { scaled(calls, most, Self::HEIGHT - 2).max(2) };
            let denied = visible(bin.denied);
            let allowed = visible(bin.allowed).min(Self::HEIGHT - denied);
            let base = Self::HEIGHT - allowed;
            (Bar { x, y: base, height: allowed }, Bar { x, y: base - denied, height: denied })
        };
        self.bins
            .iter()
            .enumerate()
            .map(|(i, bin)| {
                let (allowed, denied) = pair((i, bin));
                (bin, allowed, denied)
            })
            .collect()
    }

    /// Calls of both kinds over the range.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.bins.iter().map(|bin| u64::from(bin.total())).sum()
    }

    /// Denials over the range.
    #[must_use]
    pub fn denials(&self) -> u64 {
        self.bins.iter().map(|bin| u64::from(bin.denied)).sum()
    }

    /// The picture in words, for readers.
    #[must_use]
    pub fn summary(&self) -> Text {
        counted::calls_and_denials(self.calls(), self.denials(), &self.every)
    }
}

impl Bin {
    fn total(&self) -> u32 {
        self.allowed.saturating_add(self.denied)
    }

    /// The interval in words, for the bar's title.
    #[must_use]
    pub fn summary(&self) -> Text {
        counted::interval(&self.label, u64::from(self.total()), u64::from(self.denied))
    }
}

fn scaled(value: u32, most: u32, height: u32) -> u32 {
    let part = u64::from(value) * u64::from(height) / u64::from(most.max(1));
    u32::try_from(part).unwrap_or(height).min(height)
}

fn units(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX / 64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_busiest_day_fills_the_line_and_a_quiet_one_stays_visible() {
        let bars = Sparkline { days: vec![0, 1, 1000] }.bars();
        assert_eq!(bars[0], Bar { x: 0, y: 23, height: 1 });
        assert_eq!(bars[1], Bar { x: 4, y: 22, height: 2 });
        assert_eq!(bars[2], Bar { x: 8, y: 0, height: 24 });
    }

    #[test]
    fn nothing_at_all_divides_by_nothing() {
        assert_eq!(Sparkline { days: vec![] }.bars(), vec![]);
        assert_eq!(Sparkline { days: vec![0; 30] }.summary().as_str(), "0 calls in 30 days");
        let empty = Histogram { every: "1 hour".to_owned(), bins: vec![], end: String::new() };
        assert_eq!((empty.width(), empty.bars().len()), (Histogram::STEP, 0));
    }

    #[test]
    fn one_denial_among_thousands_is_seen_and_stays_inside_the_picture() {
        let bins = vec![
            Bin { label: "14:00".to_owned(), allowed: 90_000, denied: 1 },
            Bin { label: "14:05".to_owned(), allowed: u32::MAX, denied: u32::MAX },
        ];
        let histogram = Histogram { every: "5 minutes".to_owned(), bins, end: "14:10".to_owned() };
        for (bin, allowed, denied) in histogram.bars() {
            assert!(denied.height >= 2, "{bin:?}");
            assert_eq!(denied.y + denied.height, allowed.y);
            assert_eq!(allowed.y + allowed.height, Histogram::HEIGHT);
        }
    }
}
