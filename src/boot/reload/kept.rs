//! The text of the configuration in force, kept for `check --against-store`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Where a gateway keeps the text of the configuration that it read last and put in force.
#[must_use]
pub fn in_force(data_dir: &Path) -> PathBuf {
    data_dir.join("in-force.toml")
}

/// Keeps a text, in one step and for its owner only: a store's URL may stand in it.
pub(super) fn keep(data_dir: &Path, text: &str) -> io::Result<()> {
    let file = in_force(data_dir);
    let beside = file.with_extension("toml.new");
    match fs::remove_file(&beside) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        Ok(()) | Err(_) => {}
    }
    let mut new = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    new.write_all(text.as_bytes())?;
    fs::rename(beside, file)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_kept_is_its_owners_alone_and_the_last() {
        let dir = tempfile::tempdir().expect("a directory");
        for text in ["a = 1", "b = 2"] {
            keep(dir.path(), text).expect("a file");
            assert_eq!(fs::read_to_string(in_force(dir.path())).expect("the file"), text);
        }
        let mode = fs::metadata(in_force(dir.path())).expect("the file").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
