use proptest::prelude::*;

use super::buckets::{WAYS, Way};
use super::*;

fn rate(interval: i64, burst: u32) -> Rate {
    Rate { per: Per::Client, interval, burst }
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_700_000_000_000 + millis)
}

#[test]
fn a_burst_passes_and_then_the_rate() {
    let (rates, rate) = (Rates::default(), rate(100_000, 3));
    let passed: Vec<_> = (0..5).map(|_| rates.count(1, &rate, at(0)).is_ok()).collect();
    assert_eq!(passed, [true, true, true, false, false]);
    assert_eq!(rates.count(1, &rate, at(0)), Err(Duration::from_millis(100)));
    assert_eq!(rates.count(1, &rate, at(99)), Err(Duration::from_millis(1)));
    assert_eq!(rates.count(1, &rate, at(100)), Ok(()));
    assert!(rates.count(1, &rate, at(100)).is_err());
    assert_eq!(rates.count(2, &rate, at(100)), Ok(()), "another caller has its own");
    let later: Vec<_> = (0..4).map(|_| rates.count(1, &rate, at(10_000)).is_ok()).collect();
    assert_eq!(later, [true, true, true, false], "no more than the burst is saved up");
}

#[test]
fn a_clock_that_goes_back_locks_nobody_out_for_longer() {
    let (rates, rate) = (Rates::default(), rate(1_000_000, 1));
    assert_eq!(rates.count(1, &rate, at(5_000)), Ok(()));
    assert_eq!(rates.count(1, &rate, at(4_000)), Err(Duration::from_secs(1)));
    assert_eq!(rates.count(1, &rate, at(5_000)), Ok(()));
    assert_eq!(rates.count(1, &rate, at(-3_600_000)), Err(Duration::from_secs(1)), "an hour is not waited for");
    assert_eq!(rates.count(1, &rate, at(-3_599_500)), Err(Duration::from_millis(500)));
    assert_eq!(rates.count(1, &rate, at(-3_599_000)), Ok(()));
}

#[test]
fn hostile_callers_take_no_memory_and_few_counts() {
    let (rates, rate) = (Rates::default(), rate(1_000_000, 2));
    for _ in 0..2 {
        assert_eq!(rates.count(7, &rate, at(0)), Ok(()));
    }
    // As many callers as fit: each is idle again sooner than the one who used up its burst, and so goes first.
    for caller in 0..u64::try_from(4 * SETS * WAYS).expect("it fits") {
        let _ = rates.count(caller.wrapping_mul(0x9E37_79B9_7F4A_7C15) | (1 << 63), &rate, at(0));
    }
    assert!(rates.count(7, &rate, at(0)).is_err(), "the count of a caller at its limit survives");
    assert_eq!(size_of::<Way>() * WAYS * SETS, 1 << 20);
}

proptest! {
    /// However requests come, in any time span no more pass than the burst and what the rate adds.
    #[test]
    fn never_more_than_the_rate(interval in 1_000_i64..500_000, burst in 1_u32..20, gaps in prop::collection::vec(0_i64..300, 1..200)) {
        let (rates, rate) = (Rates::default(), rate(interval, burst));
        let (mut now, mut passed) = (0, Vec::new());
        for gap in gaps {
            now += gap;
            if rates.count(1, &rate, at(now)).is_ok() {
                passed.push(now);
            }
        }
        for (i, start) in passed.iter().enumerate() {
            for (j, end) in passed.iter().enumerate().skip(i) {
                let allowed = i64::from(burst) + (end - start) * 1_000 / interval;
                prop_assert!(i64::try_from(j - i + 1).expect("small") <= allowed);
            }
        }
    }
}
