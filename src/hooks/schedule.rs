//! When a delivery that failed is attempted again.

use std::time::Duration;

use crate::types::Entropy;

/// How long a delivery is attempted before it is given up.
pub const GIVE_UP: Duration = Duration::from_hours(24);
/// The first pause, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(5), Duration::from_hours(1));

/// How long to wait after the attempt of this number: twice as long as before, and of that between half and all, so that many
/// deliveries that failed together do not come back together.
pub(super) fn pause(attempt: u32, entropy: &dyn Entropy) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1)).unwrap_or(u32::MAX);
    let whole = PAUSES.0.saturating_mul(doubled).min(PAUSES.1);
    let mut random = [0_u8; 4];
    entropy.fill(&mut random);
    let half = whole / 2;
    half + half.mul_f64(f64::from(u32::from_be_bytes(random)) / f64::from(u32::MAX))
}
