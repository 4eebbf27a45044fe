//! How many requests an upstream holds at one time, and how many wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::UpstreamLimits;

/// The places of one upstream.
#[derive(Debug)]
pub struct Places {
    room: Arc<Semaphore>,
    waiting: AtomicU32,
    limits: UpstreamLimits,
}

/// A place, until it is dropped.
#[derive(Debug)]
pub struct Place(#[expect(dead_code, reason = "held until it is dropped")] OwnedSemaphorePermit);

/// Nobody left in time.
#[derive(Debug, thiserror::Error)]
#[error("the upstream has as many requests under way and waiting as it may have")]
pub struct Full;

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
        Self { room, waiting: AtomicU32::new(0), limits }
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
        if let Ok(place) = Arc::clone(&self.room).try_acquire_owned() {
            return Ok(Place(place));
        }
        let one_more = |n: u32| (n < self.limits.pending).then_some(n + 1);
        self.waiting.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).map_err(|_| Full)?;
        let _waiting = Waiting(&self.waiting);
        match tokio::time::timeout(self.limits.queue, Arc::clone(&self.room).acquire_owned()).await {
            Ok(Ok(place)) => Ok(Place(place)),
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
        let free = u32::try_from(self.room.available_permits()).unwrap_or(u32::MAX);
        self.limits.in_flight.saturating_sub(free)
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
}
