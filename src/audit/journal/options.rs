//! How the journal behaves, and how it fails.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// What a record must survive before its call goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// The end of the process at any instant (`kill -9`).
    #[default]
    Process,
    /// Power loss: `fdatasync`, shared by everybody who waits.
    Power,
}

/// How the journal behaves.
#[derive(Clone, Copy, Debug)]
pub struct JournalOptions {
    /// What a record must survive.
    pub durability: Durability,
    /// A file that reached this size is followed by the next one, bytes.
    pub segment_bytes: u64,
    /// A file that reached this age is followed by the next one.
    pub segment_age: Duration,
}

impl Default for JournalOptions {
    fn default() -> Self {
        Self { durability: Durability::default(), segment_bytes: 16 << 20, segment_age: Duration::from_mins(5) }
    }
}

/// Why a call must not go on, or why the journal can't start.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The directory can't be used.
    #[error("the journal directory {} can't be used", dir.display())]
    Directory {
        /// Which.
        dir: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Another process writes to the directory.
    #[error("the journal directory {} is in use by another process", dir.display())]
    InUse {
        /// Which.
        dir: PathBuf,
    },
    /// The disk did not take a line.
    #[error("the journal can't be written")]
    Unwritable(#[source] io::Error),
    /// The disk took a line and did not say that it is safe.
    #[error("the journal can't be synced")]
    Unsynced(#[source] Arc<io::Error>),
    /// A record is longer than the journal takes: somebody forgot to bound a field.
    #[error("a record of {bytes} bytes is longer than the journal takes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
}
