//! The tasks that a node saw being made.
//!
//! Each user has a share at each server, so that nobody who makes many pushes out what others made. The whole is bounded as well:
//! when it is full, whoever has most loses their oldest.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use parking_lot::Mutex;

/// Tasks of one user at one server.
const SHARE: usize = 1024;
/// Tasks of everybody.
const MOST: usize = 65_536;

/// What tells one user at one server, or one of their tasks, from all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Mark(pub(super) [u8; 32]);

/// The tasks that this node saw being made.
#[derive(Debug)]
pub struct Made(Mutex<Book>);

impl Default for Made {
    fn default() -> Self {
        Self(Mutex::new(Book::of(SHARE, MOST)))
    }
}

impl Made {
    /// Whether this node saw a task of this owner being made, and remembers.
    pub(super) fn knows(&self, owner: Mark, task: Mark) -> bool {
        self.0.lock().knows(owner, task)
    }

    pub(super) fn remember(&self, owner: Mark, task: Mark) {
        self.0.lock().remember(owner, task);
    }
}

#[derive(Debug)]
struct Book {
    share: usize,
    most: usize,
    owners: HashMap<Mark, Tasks>,
    /// How many tasks each owner has, to find who has most.
    sizes: BTreeSet<(usize, Mark)>,
    total: usize,
}

/// One owner's tasks.
#[derive(Debug, Default)]
struct Tasks {
    known: HashSet<Mark>,
    /// The same, oldest first.
    order: VecDeque<Mark>,
}

impl Book {
    fn of(share: usize, most: usize) -> Self {
        Self { share, most, owners: HashMap::new(), sizes: BTreeSet::new(), total: 0 }
    }

    fn knows(&self, owner: Mark, task: Mark) -> bool {
        self.owners.get(&owner).is_some_and(|tasks| tasks.known.contains(&task))
    }

    fn remember(&mut self, owner: Mark, task: Mark) {
        if self.knows(owner, task) {
            return;
        }
        if self.owners.get(&owner).is_some_and(|tasks| tasks.order.len() >= self.share) {
            self.forget_oldest(owner);
        } else if self.total >= self.most
            && let Some(&(_, most)) = self.sizes.last()
        {
            self.forget_oldest(most);
        }
        let tasks = self.owners.entry(owner).or_default();
        self.sizes.remove(&(tasks.order.len(), owner));
        tasks.known.insert(task);
        tasks.order.push_back(task);
        self.sizes.insert((tasks.order.len(), owner));
        self.total += 1;
    }

    fn forget_oldest(&mut self, owner: Mark) {
        let Some(tasks) = self.owners.get_mut(&owner) else { return };
        self.sizes.remove(&(tasks.order.len(), owner));
        if let Some(oldest) = tasks.order.pop_front() {
            tasks.known.remove(&oldest);
            self.total -= 1;
        }
        if tasks.order.is_empty() {
            self.owners.remove(&owner);
        } else {
            self.sizes.insert((tasks.order.len(), owner));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn mark(n: u16) -> Mark {
        let mut mark = [0; 32];
        mark[..2].copy_from_slice(&n.to_be_bytes());
        Mark(mark)
    }

    fn known(book: &Book, owner: u16) -> Vec<u16> {
        (0..100).filter(|task| book.knows(mark(owner), mark(*task))).collect()
    }

    #[test]
    fn who_makes_many_tasks_pushes_out_their_own() {
        let mut book = Book::of(3, 100);
        (0..2).for_each(|task| book.remember(mark(1), mark(task)));
        (0..50).for_each(|task| book.remember(mark(2), mark(task)));
        assert_eq!((known(&book, 1), known(&book, 2)), (vec![0, 1], vec![47, 48, 49]));
        book.remember(mark(2), mark(48));
        assert_eq!(known(&book, 2), [47, 48, 49], "what is known is not made again");
    }

    #[test]
    fn when_all_is_full_whoever_has_most_loses_their_oldest() {
        let mut book = Book::of(5, 6);
        (0..4).for_each(|task| book.remember(mark(1), mark(task)));
        (0..2).for_each(|task| book.remember(mark(2), mark(task)));
        book.remember(mark(3), mark(0));
        assert_eq!((known(&book, 1), known(&book, 2), known(&book, 3)), (vec![1, 2, 3], vec![0, 1], vec![0]));
    }

    proptest! {
        #[test]
        fn no_share_and_no_whole_is_exceeded(
            share in 1..6_usize, most in 1..12_usize, made in prop::collection::vec((0..6_u16, 0..9_u16), 0..80),
        ) {
            let mut book = Book::of(share, most);
            for (owner, task) in made {
                book.remember(mark(owner), mark(task));
                prop_assert!(book.knows(mark(owner), mark(task)), "the newest is there");
                let sizes: Vec<_> = book.owners.values().map(|tasks| tasks.order.len()).collect();
                prop_assert!(sizes.iter().all(|n| (1..=share).contains(n)));
                prop_assert!(book.total <= most && book.total == sizes.iter().sum::<usize>());
                prop_assert_eq!(book.sizes.len(), book.owners.len());
                prop_assert!(book.owners.values().all(|tasks| tasks.known.len() == tasks.order.len()));
            }
        }
    }
}
