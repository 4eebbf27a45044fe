//! The admin API's bearer secret: made anew by each start of a node, readable by its user alone.

use std::fs;
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use crate::types::{Entropy, PlainToken, TokenKind};

/// Where the secret of a node with this data directory is.
#[must_use]
pub fn secret_path(data_dir: &Path) -> PathBuf {
    data_dir.join("admin.token")
}

/// A new secret.
#[must_use]
pub fn new_secret(entropy: &dyn Entropy) -> PlainToken {
    PlainToken::generate(TokenKind::Admin, entropy)
}

/// Writes a secret to the data directory (mode 0600), in the place of the one that was there: only whoever holds the directory may.
///
/// # Errors
/// When the directory or the file can't be written.
pub fn write_secret(data_dir: &Path, token: &PlainToken) -> io::Result<()> {
    let path = secret_path(data_dir);
    // Another name first: nobody ever reads half a secret, and a file that was there with an open mode is not written to.
    let fresh = path.with_extension("token.new");
    match fs::remove_file(&fresh) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(e),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&fresh)?;
    writeln!(file, "{}", token.expose())?;
    file.sync_all()?;
    fs::rename(&fresh, &path)
}

/// Reads the secret of the node with this data directory.
///
/// # Errors
/// When the file can't be read or holds something else.
pub fn read_secret(data_dir: &Path) -> io::Result<PlainToken> {
    let mut text = String::new();
    fs::File::open(secret_path(data_dir))?.take(1024).read_to_string(&mut text)?;
    let token = PlainToken::presented(TokenKind::Admin, text.trim());
    token.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it holds no admin secret"))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::types::SeededEntropy;

    #[test]
    fn the_secret_is_for_its_owner_and_changes_at_each_start() {
        let dir = tempfile::tempdir().expect("a directory");
        let entropy = SeededEntropy::new(1);
        let first = new_secret(&entropy);
        write_secret(dir.path(), &first).expect("written");
        fs::set_permissions(secret_path(dir.path()), fs::Permissions::from_mode(0o644)).expect("changed");
        let second = new_secret(&entropy);
        write_secret(dir.path(), &second).expect("written");
        assert_ne!(first.hashed(), second.hashed());
        assert_eq!(read_secret(dir.path()).expect("read").hashed(), second.hashed());
        let mode = fs::metadata(secret_path(dir.path())).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn something_else_is_no_secret() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::write(secret_path(dir.path()), "tg_cs_client-secret").expect("written");
        assert!(read_secret(dir.path()).is_err());
    }
}
