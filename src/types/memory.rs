//! Memory for what is read as a whole before it goes on: one amount for all of a process, taken before it is used.
//!
//! Whoever collects bytes does so in a [`Buffer`], which takes from the [`Memory`] what it allocates and gives it back when it is
//! dropped, or when the last clone of what came of it is. What is held for an organization, or for a network while nobody knows for
//! which, comes out of its share.

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;

pub use self::shares::Owner;
use self::shares::Table;

mod shares;

/// The least that a buffer allocates.
const LEAST: usize = 1024;
/// The most that an emptied buffer keeps for what comes next.
const KEPT: usize = 64 * 1024;

/// What may be held at one time, and what is: by all together, or by one owner.
#[derive(Debug)]
pub struct Memory {
    held: AtomicUsize,
    part: Part,
}

/// What a memory is of a process'.
#[derive(Debug)]
enum Part {
    /// All of it.
    Whole(Box<Whole>),
    /// What one owner may hold of it.
    Share { whole: Arc<Memory>, owner: Owner },
    /// The same, looked up when something is taken of it: most requests hold nothing.
    Later { whole: Arc<Memory>, owner: Owner, share: OnceLock<Arc<Memory>> },
}

#[derive(Debug)]
struct Whole {
    limit: AtomicUsize,
    share: AtomicUsize,
    refused: AtomicU64,
    refused_shares: AtomicU64,
    shares: Table,
}

/// There is no more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the node holds as many bytes of bodies as it may")]
pub struct Exhausted;

impl Memory {
    /// So many bytes, none of them taken, and all of them for whoever comes.
    #[must_use]
    pub fn new(limit: usize) -> Arc<Self> {
        Self::shared(limit, limit)
    }

    /// So many bytes, none of them taken, of which no owner may hold more than `share`.
    #[must_use]
    pub fn shared(limit: usize, share: usize) -> Arc<Self> {
        let [limit, share] = [limit, share].map(AtomicUsize::new);
        let [refused, refused_shares] = [0; 2].map(AtomicU64::new);
        let whole = Whole { limit, share, refused, refused_shares, shares: Table::new() };
        Arc::new(Self { held: AtomicUsize::new(0), part: Part::Whole(Box::new(whole)) })
    }

    /// The share of `owner`: what is taken of it is taken of the whole, too.
    #[must_use]
    pub fn of(self: &Arc<Self>, owner: Owner) -> Arc<Self> {
        let whole = self.all();
        let Part::Whole(all) = &whole.part else { return Arc::clone(self) };
        let share = |owner| Self { held: AtomicUsize::new(0), part: Part::Share { whole: Arc::clone(whole), owner } };
        all.shares.of(owner, share)
    }

    /// The same, which is looked up when something is taken of it. Nobody's share is counted before.
    #[must_use]
    pub fn of_later(self: &Arc<Self>, owner: Owner) -> Arc<Self> {
        let part = Part::Later { whole: Arc::clone(self.all()), owner, share: OnceLock::new() };
        Arc::new(Self { held: AtomicUsize::new(0), part })
    }

    /// As much as anybody wants: for what handles no requests.
    #[must_use]
    pub fn unlimited() -> Arc<Self> {
        Self::new(usize::MAX)
    }

    /// Takes so many bytes.
    ///
    /// # Errors
    /// When there are not as many.
    pub fn take(self: &Arc<Self>, bytes: usize) -> Result<Held, Exhausted> {
        let mut held = self.nothing();
        held.grow(bytes).map(|()| held)
    }

    /// Takes nothing, for something that will grow.
    #[must_use]
    pub fn nothing(self: &Arc<Self>) -> Held {
        Held { memory: Arc::clone(self), bytes: 0 }
    }

    /// Takes what bytes use that are there already, until the last clone of them is dropped.
    ///
    /// # Errors
    /// When there are not as many. The bytes are gone then.
    pub fn keep(self: &Arc<Self>, mut bytes: Vec<u8>) -> Result<Bytes, Exhausted> {
        // What grew by and by may have taken twice of what it needs.
        bytes.shrink_to_fit();
        let held = self.take(bytes.capacity())?;
        Ok(Buffer { bytes, held }.freeze())
    }

    /// Bytes that may be held.
    #[must_use]
    pub fn limit(&self) -> usize {
        let all = self.whole();
        let limit = if matches!(self.part, Part::Whole(_)) { &all.limit } else { &all.share };
        limit.load(Ordering::Relaxed)
    }

    /// Allows another number of bytes, and another to each owner. What is held beyond them stays until it is given back.
    pub fn allow(&self, limit: usize, share: usize) {
        let all = self.whole();
        all.limit.store(limit, Ordering::Relaxed);
        all.share.store(share, Ordering::Relaxed);
    }

    /// Bytes that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.counter().held.load(Ordering::Relaxed)
    }

    /// How often there were not as many as somebody wanted, in the whole or in their share.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.whole().refused.load(Ordering::Relaxed)
    }

    /// How often that was for their share alone.
    #[must_use]
    pub fn refused_shares(&self) -> u64 {
        self.whole().refused_shares.load(Ordering::Relaxed)
    }

    /// The memory that this is a part of, or is.
    fn all(self: &Arc<Self>) -> &Arc<Self> {
        match &self.part {
            Part::Whole(_) => self,
            Part::Share { whole, .. } | Part::Later { whole, .. } => whole,
        }
    }

    /// What counts the bytes that are taken of this.
    fn counter(&self) -> &Self {
        match &self.part {
            Part::Later { whole, owner, share } => share.get_or_init(|| whole.of(owner.clone())),
            Part::Whole(_) | Part::Share { .. } => self,
        }
    }

    fn whole(&self) -> &Whole {
        match &self.part {
            Part::Whole(whole) => whole,
            Part::Share { whole, .. } | Part::Later { whole, .. } => whole.whole(),
        }
    }

    fn add(&self, by: usize) -> Result<(), Short> {
        let counter = self.counter();
        let limit = self.limit();
        let more = |held: usize| held.checked_add(by).filter(|held| *held <= limit);
        let added = counter.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        let Part::Share { whole, .. } = &counter.part else { return added.map(drop).map_err(|_| Short::Whole) };
        added.map_err(|_| Short::Share)?;
        whole.add(by).inspect_err(|_| {
            counter.held.fetch_sub(by, Ordering::Relaxed);
        })
    }

    fn give_back(&self, bytes: usize) {
        if bytes == 0 {
            return;
        }
        let counter = self.counter();
        counter.held.fetch_sub(bytes, Ordering::Relaxed);
        if let Part::Share { whole, .. } = &counter.part {
            whole.give_back(bytes);
        }
    }

    fn count(&self, short: Short) {
        let all = self.whole();
        all.refused.fetch_add(1, Ordering::Relaxed);
        if short == Short::Share {
            all.refused_shares.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        if let Part::Share { whole, owner } = &self.part
            && let Part::Whole(all) = &whole.part
        {
            all.shares.forget(owner);
        }
    }
}

/// What there is no more of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Short {
    Whole,
    Share,
}

/// Leave to use some bytes. Dropping it gives them back.
pub struct Held {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Held {
    /// Takes more.
    ///
    /// # Errors
    /// When there are not as many; what was held before still is.
    pub fn grow(&mut self, by: usize) -> Result<(), Exhausted> {
        self.try_grow(by).map_err(|short| {
            self.memory.count(short);
            Exhausted
        })
    }

    /// Takes more where there is more, which nobody counts as refused where there is not.
    fn try_grow(&mut self, by: usize) -> Result<(), Short> {
        if by > 0 {
            self.memory.add(by)?;
            self.bytes += by;
        }
        Ok(())
    }

    /// Gives back all but `left`.
    pub fn shrink(&mut self, left: usize) {
        let less = self.bytes.saturating_sub(left);
        self.bytes -= less;
        self.memory.give_back(less);
    }

    /// How many.
    #[must_use]
    pub const fn bytes(&self) -> usize {
        self.bytes
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.shrink(0);
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Held").field(&self.bytes).finish()
    }
}

/// How much a buffer takes when it is full.
#[derive(Clone, Copy)]
enum Room {
    /// Twice what it had, where that is to be had.
    Ample,
    /// What is needed.
    Bare,
}

/// Bytes that are collected.
#[derive(Debug)]
pub struct Buffer {
    bytes: Vec<u8>,
    /// As much as is allocated.
    held: Held,
}

impl Buffer {
    /// An empty one, which holds nothing yet.
    #[must_use]
    pub fn new(memory: &Arc<Memory>) -> Self {
        Self { bytes: Vec::new(), held: memory.nothing() }
    }

    /// Adds a piece.
    ///
    /// # Errors
    /// When there is no memory for it. What was collected before is kept.
    pub fn push(&mut self, piece: &[u8]) -> Result<(), Exhausted> {
        self.room(piece.len(), Room::Ample)?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }

    /// Takes what so many more bytes need, before they come.
    ///
    /// # Errors
    /// When there is not as much.
    pub fn reserve(&mut self, more: usize) -> Result<(), Exhausted> {
        self.room(more, Room::Bare)
    }

    fn room(&mut self, more: usize, room: Room) -> Result<(), Exhausted> {
        let (has, needs) = (self.bytes.capacity(), self.bytes.len().saturating_add(more));
        if needs <= has {
            return Ok(());
        }
        // Twice as much each time, so that bytes are not copied with every piece; a quarter more or the bare need where that is not to
        // be had.
        let ample = match room {
            Room::Ample => [needs.max(has.saturating_mul(2)).max(LEAST), needs.saturating_add(needs / 4)],
            Room::Bare => [needs; 2],
        };
        let got = ample.into_iter().find(|wants| self.held.try_grow(wants - has).is_ok());
        if got.is_none() {
            self.held.grow(needs - has)?;
        }
        self.bytes.reserve_exact(got.unwrap_or(needs) - self.bytes.len());
        Ok(())
    }

    /// Removes what was collected.
    pub fn clear(&mut self) {
        self.bytes.clear();
        if self.bytes.capacity() > KEPT {
            self.bytes = Vec::new();
            self.held.shrink(0);
        }
    }

    /// What was collected, leaving an empty buffer.
    #[must_use]
    pub fn take(&mut self) -> Self {
        let empty = Self::new(&self.held.memory);
        std::mem::replace(self, empty)
    }

    /// What was collected. The memory is held until the last clone is dropped.
    #[must_use]
    pub fn freeze(self) -> Bytes {
        if self.bytes.is_empty() { Bytes::new() } else { Bytes::from_owner(self) }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes
    }
}

impl AsRef<[u8]> for Buffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::types::{OrgId, SeededEntropy, Timestamp};

    #[test]
    fn what_is_collected_is_held_until_nobody_has_it() {
        let memory = Memory::new(10_000);
        let mut buffer = Buffer::new(&memory);
        assert_eq!(memory.held(), 0);
        buffer.push(&[1; 3_000]).expect("room");
        assert_eq!(memory.held(), 3_000);
        let bytes = buffer.freeze();
        let clone = bytes.slice(10..20);
        drop(bytes);
        assert_eq!(memory.held(), 3_000);
        drop(clone);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn nobody_gets_more_than_there_is() {
        let memory = Memory::new(10_000);
        let (mut a, mut b) = (Buffer::new(&memory), Buffer::new(&memory));
        a.reserve(8_000).expect("room");
        assert_eq!(b.push(&[0; 2_001]), Err(Exhausted));
        b.push(&[0; 2_000]).expect("exactly as much as is left");
        assert_eq!((memory.held(), memory.refused(), b.len()), (10_000, 1, 2_000));
        assert_eq!(memory.keep(vec![0]), Err(Exhausted));
        drop(a);
        assert!(memory.keep(vec![0]).is_ok());
        drop(b);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn a_limit_that_shrinks_takes_nothing_away() {
        let memory = Memory::new(10_000);
        let held = memory.take(9_000).expect("room");
        memory.allow(5_000, 5_000);
        assert!(memory.take(1).is_err());
        drop(held);
        assert!(memory.take(5_000).is_ok() && memory.take(5_001).is_err());
    }

    fn owners(memory: &Memory) -> usize {
        memory.whole().shares.owners()
    }

    #[test]
    fn no_owner_holds_more_than_its_share() {
        let memory = Memory::shared(10_000, 4_000);
        let org = |seed| Owner::Organization(OrgId::generate(Timestamp::from_millis(0), &SeededEntropy::new(seed)));
        let (ours, again, theirs) = (memory.of(org(1)), memory.of(org(1)), memory.of(org(2)));
        let held = ours.take(3_000).expect("room");
        assert!(again.take(1_001).is_err(), "all that somebody has is one share");
        assert_eq!((memory.refused(), memory.refused_shares()), (1, 1));
        let others = theirs.take(4_000).expect("another has its own");
        let own = memory.take(3_000).expect("what nobody owns has no share");
        assert_eq!((memory.held(), ours.held(), theirs.held()), (10_000, 3_000, 4_000));
        assert!(again.take(1).is_err(), "all of it is held");
        assert_eq!((memory.refused(), memory.refused_shares(), ours.held()), (2, 1, 3_000), "and nothing stays behind");
        drop((held, own));
        memory.allow(10_000, 2_000);
        assert!(again.take(2_001).is_err() && again.take(2_000).is_ok(), "a share that changes counts at once");
        drop(others);
        assert_eq!(memory.held(), 0);
    }

    #[test]
    fn who_holds_nothing_takes_no_memory() {
        let memory = Memory::shared(1 << 20, 1 << 10);
        let of = |n: u32| memory.of(Owner::Network(std::net::Ipv4Addr::from(n).into()));
        let mut buffers: Vec<_> = (0..5_000).map(|n| Buffer::new(&of(n))).collect();
        assert_eq!(owners(&memory), 5_000, "a buffer keeps its share");
        buffers[0].push(&[0; 1_024]).expect("room");
        assert!(of(0).take(1).is_err() && of(1).take(1_024).is_ok());
        drop(buffers);
        assert_eq!((owners(&memory), memory.held()), (0, 0));
    }

    #[test]
    fn a_share_is_looked_up_when_something_is_taken_of_it() {
        let memory = Memory::shared(10_000, 4_000);
        let owner = || Owner::Network([127, 0, 0, 1].into());
        let later = memory.of_later(owner());
        let mut held = later.nothing();
        held.grow(0).expect("nothing");
        held.shrink(0);
        assert_eq!((owners(&memory), later.limit()), (0, 4_000), "nobody looked");
        let other = memory.of(owner()).take(3_000).expect("room");
        assert_eq!((held.grow(1_001), held.grow(1_000)), (Err(Exhausted), Ok(())), "it is the one that others have");
        assert_eq!((owners(&memory), later.held(), memory.held(), memory.refused_shares()), (1, 4_000, 4_000, 1));
        drop((other, held));
        assert_eq!((later.held(), memory.held()), (0, 0));
        drop(later);
        assert_eq!(owners(&memory), 0, "nothing stays behind");
    }

    /// What is done with buffers.
    #[derive(Clone, Debug)]
    enum Act {
        New,
        Push(usize, usize),
        Clear(usize),
        Take(usize),
        Freeze(usize),
        Drop(usize),
    }

    fn act() -> impl Strategy<Value = Act> {
        let which = 0_usize..4;
        prop_oneof![
            Just(Act::New),
            (which.clone(), 0_usize..5_000).prop_map(|(which, size)| Act::Push(which, size)),
            which.clone().prop_map(Act::Clear),
            which.clone().prop_map(Act::Take),
            which.clone().prop_map(Act::Freeze),
            which.prop_map(Act::Drop),
        ]
    }

    proptest! {
        /// Whatever is done, what is allocated is held, it is never more than the limit, and nothing is left at the end.
        #[test]
        fn what_is_allocated_is_held(acts in proptest::collection::vec(act(), 0..200)) {
            let whole = Memory::shared(30_000, 20_000);
            let memory = whole.of(Owner::Network([127, 0, 0, 1].into()));
            let (mut buffers, mut frozen) = (Vec::<Buffer>::new(), Vec::<Bytes>::new());
            for act in acts {
                match act {
                    Act::New => buffers.push(Buffer::new(&memory)),
                    Act::Push(which, size) if which < buffers.len() => {
                        let before = buffers[which].len();
                        let pushed = buffers[which].push(&vec![7; size]).is_ok();
                        prop_assert_eq!(buffers[which].len(), if pushed { before + size } else { before });
                    }
                    Act::Clear(which) if which < buffers.len() => buffers[which].clear(),
                    Act::Take(which) if which < buffers.len() => { let taken = buffers[which].take(); buffers.push(taken); }
                    Act::Freeze(which) if which < buffers.len() => frozen.push(buffers.swap_remove(which).freeze()),
                    Act::Drop(which) if which < buffers.len() => drop(buffers.swap_remove(which)),
                    _ => { frozen.pop(); }
                }
                let allocated: usize = buffers.iter().map(|b| b.bytes.capacity()).sum();
                prop_assert!(memory.held() >= allocated && memory.held() <= memory.limit());
                prop_assert_eq!(memory.held(), whole.held());
                prop_assert_eq!(memory.held() - allocated >= frozen.iter().map(Bytes::len).sum(), true);
            }
            drop((buffers, frozen));
            prop_assert_eq!((memory.held(), whole.held()), (0, 0));
        }
    }
}
