//! What the files of a configuration looked like when they were read.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::config::Environment;

/// What tells one content of a file from another without reading it. A replaced file is another inode, and no tool can set a
/// change time back. `None` while there is no such file.
type Print = Option<[i64; 7]>;

fn print(path: &Path) -> Print {
    // Follows links: orchestrators swap a link to a directory of secrets.
    let meta = fs::metadata(path).ok()?;
    let whole = |n: u64| i64::from_ne_bytes(n.to_ne_bytes());
    let times = [meta.mtime(), meta.mtime_nsec(), meta.ctime(), meta.ctime_nsec()];
    Some([whole(meta.dev()), whole(meta.ino()), whole(meta.size()), times[0], times[1], times[2], times[3]])
}

/// The files of the last reading.
#[derive(Debug, Default)]
pub(super) struct Files {
    read: BTreeMap<PathBuf, Print>,
    /// How they looked the last time, when that was not how they were read.
    changing: Option<Vec<Print>>,
}

impl Files {
    /// Whether they are other files than those that were read, and were so the last time already.
    pub(super) fn have_settled(&mut self) -> bool {
        let now: Vec<Print> = self.read.keys().map(|path| print(path)).collect();
        if self.read.values().eq(&now) {
            self.changing = None;
            return false;
        }
        let settled = self.changing.as_ref() == Some(&now);
        self.changing = Some(now);
        settled
    }
}

/// Notes every file that a reading opens, right before it does.
pub(super) struct Recorder<'a> {
    environment: &'a (dyn Environment + Send + Sync),
    read: RefCell<BTreeMap<PathBuf, Print>>,
}

impl<'a> Recorder<'a> {
    pub(super) fn new(environment: &'a (dyn Environment + Send + Sync)) -> Self {
        Self { environment, read: RefCell::default() }
    }

    pub(super) fn into_files(self) -> Files {
        Files { read: self.read.into_inner(), changing: None }
    }
}

impl Environment for Recorder<'_> {
    fn variable(&self, name: &str) -> Option<String> {
        self.environment.variable(name)
    }

    fn reading(&self, path: &Path) {
        self.read.borrow_mut().entry(path.to_owned()).or_insert_with(|| print(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recorded(paths: &[&Path]) -> Files {
        let nothing = |_: &str| None;
        let recorder = Recorder::new(&nothing);
        for path in paths {
            recorder.reading(path);
        }
        recorder.into_files()
    }

    #[test]
    fn a_change_counts_once_it_stands_still() {
        let dir = tempfile::tempdir().expect("a directory");
        let (file, secret) = (dir.path().join("a.toml"), dir.path().join("secret"));
        fs::write(&file, "a").expect("a file");
        let mut files = recorded(&[&file, &secret]);
        assert!(!files.have_settled() && !files.have_settled(), "nothing has changed");
        fs::write(&secret, "s").expect("a file that was missing");
        assert!(!files.have_settled(), "it may still be written to");
        fs::write(&file, "ab").expect("a longer file");
        assert!(!files.have_settled(), "it was");
        assert!(files.have_settled());
        let mut files = recorded(&[&file, &secret]);
        assert!(!files.have_settled());
        fs::rename(&secret, &file).expect("a file in the place of another");
        assert!(!files.have_settled());
        assert!(files.have_settled());
    }

    #[test]
    fn a_link_that_is_swapped_is_a_change() {
        let dir = tempfile::tempdir().expect("a directory");
        let (a, b, link) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("link"));
        fs::write(&a, "x").and_then(|()| fs::write(&b, "x")).expect("files of the same size");
        std::os::unix::fs::symlink(&a, &link).expect("a link");
        let mut files = recorded(&[&link]);
        fs::remove_file(&link).and_then(|()| std::os::unix::fs::symlink(&b, &link)).expect("another link");
        assert!(!files.have_settled());
        assert!(files.have_settled());
    }
}
