//! What each owner holds of the memory for bodies, so that no single one holds all of it.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;

use super::Memory;
use crate::types::OrgId;

/// Parts of the table, each with a lock of its own.
const PARTS: usize = 16;

/// Whose bodies are held together.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Owner {
    /// An organization's.
    Organization(OrgId),
    /// Those of a network, while nobody knows whose they are.
    Network(IpAddr),
}

/// The shares that somebody has at the moment. Who asks for nothing takes no memory here, so the table is as bounded as the requests
/// under way; where an owner lands depends on a key of this process.
#[derive(Debug)]
pub(super) struct Table {
    hasher: RandomState,
    parts: [Mutex<HashMap<Owner, Weak<Memory>>>; PARTS],
}

impl Table {
    pub(super) fn new() -> Self {
        Self { hasher: RandomState::new(), parts: std::array::from_fn(|_| Mutex::default()) }
    }

    /// The share of `owner`, the same one for as long as somebody has it.
    pub(super) fn of(&self, owner: Owner, make: impl FnOnce(Owner) -> Memory) -> Arc<Memory> {
        let mut part = self.part(&owner).lock();
        if let Some(known) = part.get(&owner).and_then(Weak::upgrade) {
            return known;
        }
        let share = Arc::new(make(owner.clone()));
        part.insert(owner, Arc::downgrade(&share));
        share
    }

    /// Forgets the share of `owner`, unless somebody has another by now.
    pub(super) fn forget(&self, owner: &Owner) {
        let mut part = self.part(owner).lock();
        if part.get(owner).is_some_and(|share| share.strong_count() == 0) {
            part.remove(owner);
        }
        if part.is_empty() && part.capacity() > 1_024 {
            part.shrink_to_fit();
        }
    }

    fn part(&self, owner: &Owner) -> &Mutex<HashMap<Owner, Weak<Memory>>> {
        let part = usize::try_from(self.hasher.hash_one(owner) % PARTS as u64).unwrap_or(0);
        &self.parts[part]
    }

    #[cfg(test)]
    pub(super) fn owners(&self) -> usize {
        self.parts.iter().map(|part| part.lock().len()).sum()
    }
}
