//! What earlier runs left in a journal directory.
//!
//! A start reads it through the [`Shipper`](super::Shipper), which removes a file only after the store has what is in it: a
//! crash on the way is repaired by starting over, for the store keeps a record that arrives twice once.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::tail::{Damage, Tail};
use crate::record::AuditRecord;

/// The content of a journal directory.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Every record once; calls that were never closed have [`Outcome::Unknown`](crate::record::Outcome::Unknown).
    pub records: Vec<AuditRecord>,
    /// How many calls were never closed.
    pub unknown: u64,
    /// What could not be read.
    pub damage: Damage,
}

/// Reads everything in `dir` and changes nothing; for a directory that no process writes to.
///
/// # Errors
/// When a file can't be read.
pub fn recover(dir: &Path) -> io::Result<Recovered> {
    let mut tail = Tail::new(segments(dir)?, None, usize::MAX);
    let mut all = Recovered::default();
    loop {
        let step = tail.read(1000);
        if let Some(error) = step.failure {
            return Err(error);
        }
        all.unknown += step.unknown;
        all.damage.torn += step.damage.torn;
        all.damage.corrupt += step.damage.corrupt;
        all.records.extend(step.ready.into_iter().map(|ready| ready.written.record));
        if step.caught_up {
            return Ok(all);
        }
    }
}

/// The segments in `dir`, oldest first: a run's files sort by name.
pub(super) fn segments(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.extension().is_some_and(|ext| ext == "log") {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
