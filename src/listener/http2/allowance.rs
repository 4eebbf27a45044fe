//! How many frames that say nothing a connection may send.

use std::time::{Duration, Instant};

use super::frames::Frame;

/// Those that everybody may send, and those that may be saved by sending none.
const FREE: u32 = 1_000;
/// Those that may be saved in all.
const MOST: u32 = 1 << 16;
/// Those that each frame of ours allows: a client may answer each with several updates of its windows.
const FOR_EACH_OF_OURS: u32 = 10;
/// How long it takes until one more is allowed.
const EACH: Duration = Duration::from_millis(10);

/// What is left of it.
#[derive(Debug)]
pub(super) struct Allowance {
    left: u32,
    /// Until when what time allows was given.
    given: Instant,
}

/// More than that was sent.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UsedUp;

impl Allowance {
    pub(super) const fn new(now: Instant) -> Self {
        Self { left: FREE, given: now }
    }

    /// Somebody sent us a frame.
    pub(super) fn received(&mut self, frame: Frame, now: impl FnOnce() -> Instant) -> Result<(), UsedUp> {
        if matches!(frame, Frame::Headers | Frame::Body) {
            return Ok(());
        }
        if self.left == 0 {
            self.give(now());
        }
        self.left = self.left.checked_sub(1).ok_or(UsedUp)?;
        Ok(())
    }

    /// We sent a frame.
    pub(super) fn sent(&mut self, frame: Frame) {
        if matches!(frame, Frame::Headers | Frame::Body | Frame::EmptyBody) {
            self.left = (self.left + FOR_EACH_OF_OURS).min(MOST);
        }
    }

    fn give(&mut self, now: Instant) {
        let since = now.saturating_duration_since(self.given);
        let earned = u32::try_from(since.as_millis() / EACH.as_millis()).unwrap_or(u32::MAX).min(FREE);
        if earned > 0 {
            self.left += earned;
            self.given = now;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sends(allowance: &mut Allowance, frame: Frame, now: Instant) -> u32 {
        (0..1_000_000).take_while(|_| allowance.received(frame, || now).is_ok()).fold(0, |n, _| n + 1)
    }

    #[test]
    fn frames_that_say_nothing_are_counted_and_others_are_not() {
        let now = Instant::now();
        for nothing in [Frame::Control, Frame::EmptyBody, Frame::Reset(8), Frame::Goaway(0)] {
            assert_eq!(sends(&mut Allowance::new(now), nothing, now), FREE, "{nothing:?}");
        }
        for something in [Frame::Headers, Frame::Body] {
            assert_eq!(sends(&mut Allowance::new(now), something, now), 1_000_000, "{something:?}");
        }
    }

    #[test]
    fn time_allows_some_more_but_never_more_than_at_first() {
        let begun = Instant::now();
        let mut allowance = Allowance::new(begun);
        sends(&mut allowance, Frame::Control, begun);
        assert_eq!(sends(&mut allowance, Frame::Control, begun + Duration::from_secs(1)), 100);
        assert_eq!(sends(&mut allowance, Frame::Control, begun + Duration::from_millis(1_015)), 1);
        assert_eq!(sends(&mut allowance, Frame::Control, begun + Duration::from_secs(10_000)), FREE);
    }

    #[test]
    fn each_frame_of_ours_may_be_answered() {
        let now = Instant::now();
        let mut allowance = Allowance::new(now);
        for _ in 0..100 {
            allowance.sent(Frame::Body);
            allowance.sent(Frame::Control);
        }
        assert_eq!(sends(&mut allowance, Frame::Control, now), FREE + 1_000);
        for _ in 0..100_000 {
            allowance.sent(Frame::Headers);
        }
        assert_eq!(sends(&mut allowance, Frame::Control, now), MOST, "whoever is sent much may not save up without end");
    }
}
