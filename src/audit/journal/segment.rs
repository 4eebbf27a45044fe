//! One append-only file of the journal, and the disk below it.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use crate::types::{NodeId, Timestamp};

/// Where segments are made. Tests put a disk that fails here.
pub trait Disk: Send + Sync + 'static {
    /// Makes a file that did not exist, opened for appending.
    ///
    /// # Errors
    /// When it can't be made; `AlreadyExists` asks for the next name.
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>>;
}

/// A file that is being appended to.
pub trait Sink: Send + Sync {
    /// One write of the whole line; says how much of it was taken.
    ///
    /// # Errors
    /// When nothing of it was taken.
    fn append(&self, line: &[u8]) -> io::Result<usize>;
    /// Returns when everything appended so far survives power loss.
    ///
    /// # Errors
    /// When nobody knows whether it does.
    fn sync(&self) -> io::Result<()>;
}

/// The operating system's files.
#[derive(Debug)]
pub struct Files;

impl Disk for Files {
    fn create(&self, path: &Path) -> io::Result<Box<dyn Sink>> {
        let file = OpenOptions::new().append(true).create_new(true).mode(0o600).open(path)?;
        Ok(Box::new(file))
    }
}

impl Sink for File {
    fn append(&self, line: &[u8]) -> io::Result<usize> {
        loop {
            match (&mut &*self).write(line) {
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}

/// Which segment of a run; runs and their segments sort by name.
#[derive(Clone, Debug)]
pub(super) struct Run {
    started: Timestamp,
    node: NodeId,
}

impl Run {
    pub(super) const fn new(started: Timestamp, node: NodeId) -> Self {
        Self { started, node }
    }

    fn path(&self, dir: &Path, n: u64) -> PathBuf {
        dir.join(format!("{:013}-{}-{n:08}.log", self.started.millis(), self.node))
    }
}

/// One file and what is known about it.
pub(in crate::audit) struct Segment {
    pub(in crate::audit) path: PathBuf,
    pub(in crate::audit) number: u64,
    pub(super) since: Timestamp,
    sink: Box<dyn Sink>,
    bytes: AtomicU64,
    damaged: AtomicBool,
}

impl Segment {
    /// Makes the run's first free segment from `number` on.
    pub(super) fn create(disk: &dyn Disk, dir: &Path, run: &Run, mut number: u64, now: Timestamp) -> io::Result<Self> {
        loop {
            let path = run.path(dir, number);
            match disk.create(&path) {
                Ok(sink) => {
                    let (bytes, damaged) = (AtomicU64::new(0), AtomicBool::new(false));
                    return Ok(Self { path, number, since: now, sink, bytes, damaged });
                }
                Err(e) if e.kind() == io::ErrorKind::AlreadyExists => number += 1,
                Err(e) => return Err(e),
            }
        }
    }

    /// Bytes that were appended by now.
    pub(in crate::audit) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Acquire)
    }

    /// Whether a write or a sync went wrong in a way that another file may mend.
    pub(super) fn is_damaged(&self) -> bool {
        self.damaged.load(Ordering::Relaxed)
    }

    /// Appends one whole line.
    pub(super) fn append(&self, line: &[u8]) -> io::Result<()> {
        match self.sink.append(line) {
            Ok(n) => {
                self.bytes.fetch_add(n as u64, Ordering::Release);
                if n == line.len() {
                    return Ok(());
                }
                self.damaged.store(true, Ordering::Relaxed);
                Err(io::Error::new(io::ErrorKind::StorageFull, "the journal took a part of a line"))
            }
            Err(e) => {
                // A full disk is full for the next file as well; anything else may be the file's own fault.
                if !matches!(e.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
                    self.damaged.store(true, Ordering::Relaxed);
                }
                Err(e)
            }
        }
    }

    /// Returns when everything appended so far survives power loss. After a failure nothing is known about what was written
    /// before, so the segment is given up.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.sink.sync().inspect_err(|_| self.damaged.store(true, Ordering::Relaxed))
    }
}
