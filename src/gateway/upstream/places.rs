//! How many requests an upstream holds at one time, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::holders::{Held, Holders, TooMany, Who};
use crate::config::UpstreamLimits;

/// The places of one upstream.
#[derive(Debug)]
pub struct Places {
    room: Arc<Semaphore>,
    holders: Option<Arc<Holders>>,
    waiting: AtomicU32,
    limits: UpstreamLimits,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place {
    _room: OwnedSemaphorePermit,
    _held: Option<Held>,
}

/// Nobody left in time.
#[derive(Debug, thiserror::Error)]
#[error("the upstream has as many requests under way and waiting as it may have")]
pub struct Full;

/// Why somebody gets no place.
#[derive(Debug, thiserror::Error)]
pub enum NoPlace {
    /// There is none.
    #[error(transparent)]
    Full(#[from] Full),
    /// Those that are left are for others.
    #[error(transparent)]
    TooMany(#[from] TooMany),
}

/// One of those that wait.
struct Waiting<'p>(&'p AtomicU32);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Places {
    /// Places that are all free.
    #[must_use]
    pub fn new(limits: UpstreamLimits) -> Self {
        let room = Arc::new(Semaphore::new(usize::try_from(limits.in_flight).unwrap_or(Semaphore::MAX_PERMITS)));
        Self { room, holders: Holders::of(limits.in_flight), waiting: AtomicU32::new(0), limits }
    }

    /// Whether these are places for such limits.
    #[must_use]
    pub fn are_for(&self, limits: &UpstreamLimits) -> bool {
        self.limits == *limits
    }

    /// Takes a place, or waits for one as long as the limits allow.
    ///
    /// # Errors
    /// When too many wait already, or nobody left in time.
    pub async fn enter(&self) -> Result<Place, Full> {
        self.room().await.map(|room| Place { _room: room, _held: None })
    }

    /// Takes a place that is free.
    #[must_use]
    pub fn at_once(&self) -> Option<Place> {
        Arc::clone(&self.room).try_acquire_owned().ok().map(|room| Place { _room: room, _held: None })
    }

    /// Takes a place for `who`, or waits for one. When few are left, those who hold many get no more: neither they nor those of their
    /// organization wait then, as others do, so that the queue is for others too.
    ///
    /// # Errors
    /// When there is none, or those that are left are for others.
    pub async fn enter_as(&self, who: &Who<'_>) -> Result<Place, NoPlace> {
        let Some(holders) = &self.holders else { return Ok(self.enter().await?) };
        let held = holders.hold(who);
        if self.free() == 0 {
            held.check(0)?;
        }
        let room = self.room().await?;
        held.check(self.free())?;
        Ok(Place { _room: room, _held: Some(held) })
    }

    async fn room(&self) -> Result<OwnedSemaphorePermit, Full> {
        if let Ok(room) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(room);
        }
        let one_more = |n: u32| (n < self.limits.pending).then_some(n + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).map_err(|_| Full)?;
        let _waiting = Waiting(&self.waiting);
        match tokio::time::timeout(self.limits.queue, Arc::clone(&self.room).acquire_owned()).await {
            Ok(Ok(room)) => Ok(room),
            Ok(Err(_)) | Err(_) => Err(Full),
        }
    }

    /// Requests that wait.
    #[must_use]
    pub fn waiting(&self) -> u32 {
        self.waiting.load(Ordering::Acquire)
    }

    /// Requests under way.
    #[must_use]
    pub fn taken(&self) -> u32 {
        self.limits.in_flight.saturating_sub(self.free())
    }

    fn free(&self) -> u32 {
        u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn places(pending: u32, queue: Duration) -> Arc<Places> {
        Arc::new(Places::new(UpstreamLimits { in_flight: 1, pending, queue, connections: 1, idle: 1 }))
    }

    #[tokio::test]
    async fn who_comes_when_all_are_taken_waits_for_one_that_leaves() {
        let places = places(1, Duration::from_secs(60));
        let first = places.enter().await.expect("a place");
        let waits = tokio::spawn({
            let places = Arc::clone(&places);
            async move { places.enter().await.is_ok() }
        });
        while places.waiting() == 0 {
            tokio::task::yield_now().await;
        }
        assert!(places.enter().await.is_err(), "one waits already");
        assert_eq!(places.taken(), 1);
        drop(first);
        assert!(waits.await.expect("no panic"));
        assert_eq!((places.waiting(), places.taken()), (0, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_waits_longer_than_the_queue_allows() {
        let places = places(5, Duration::from_secs(1));
        let _first = places.enter().await.expect("a place");
        assert!(places.enter().await.is_err());
        assert_eq!(places.waiting(), 0);
    }

    const ADA: Who<'_> = Who::User { org: "acme", user: "ada" };

    /// Takes places until there is none for `who`.
    async fn take(places: &Places, who: Who<'_>, held: &mut Vec<Place>) -> (usize, NoPlace) {
        let before = held.len();
        loop {
            match places.enter_as(&who).await {
                Ok(place) => held.push(place),
                Err(why) => return (held.len() - before, why),
            }
        }
    }

    #[tokio::test]
    async fn nobody_alone_takes_all_places() {
        let limits = UpstreamLimits { in_flight: 64, pending: 0, queue: Duration::ZERO, connections: 64, idle: 1 };
        let (places, mut held) = (Places::new(limits), Vec::new());
        let user = |org, user| Who::User { org, user };
        let seen = take(&places, ADA, &mut held).await;
        assert!(matches!(seen, (48, NoPlace::TooMany(_))), "three quarters: {seen:?}");
        let seen = take(&places, user("acme", "eve"), &mut held).await;
        assert!(matches!(seen, (8, NoPlace::TooMany(_))), "seven eighths for the organization: {seen:?}");
        let seen = take(&places, user("beta", "bob"), &mut held).await;
        assert!(matches!(seen, (8, NoPlace::TooMany(_))), "the last eighth is for others: {seen:?}");
        let seen = take(&places, user("gamma", "carl"), &mut held).await;
        assert!(matches!(seen, (0, NoPlace::Full(_))), "there is none: {seen:?}");
        held.clear();
        assert_eq!(places.taken(), 0);
        assert_eq!(take(&places, ADA, &mut held).await.0, 48, "what was refused is not counted");
    }

    #[tokio::test]
    async fn few_places_are_for_whoever_comes() {
        let limits = UpstreamLimits { in_flight: 8, pending: 0, queue: Duration::ZERO, connections: 8, idle: 1 };
        let mut held = Vec::new();
        let seen = take(&Places::new(limits), ADA, &mut held).await;
        assert!(matches!(seen, (8, NoPlace::Full(_))), "{seen:?}");
    }
}
