//! Passwords from anywhere but the command line.

use std::io::{IsTerminal, Read};
use std::path::{Path, PathBuf};

use clap::Args;

use super::failure::CliError;
use crate::config::{Environment as _, ProcessEnvironment};

/// Longest file that is read, bytes.
const MAX_FILE: u64 = 4096;

/// Where a password comes from. Without any of these a one-time password is made.
#[derive(Clone, Debug, Default, Args)]
#[group(multiple = false)]
#[expect(clippy::struct_field_names, reason = "the fields are named as their options")]
pub(super) struct PasswordSource {
    /// Read the password from a file; - is standard input
    #[arg(long, value_name = "FILE")]
    password_file: Option<PathBuf>,
    /// Read the password from an environment variable
    #[arg(long, value_name = "NAME")]
    password_env: Option<String>,
    /// Ask for the password
    #[arg(long)]
    password_prompt: bool,
}

impl PasswordSource {
    /// The password, when one is given.
    pub(super) fn read(&self) -> Result<Option<String>, CliError> {
        if let Some(path) = &self.password_file {
            return file(path).map(Some);
        }
        if let Some(name) = &self.password_env {
            let missing = || CliError::failed(format!("the variable {name} is not set"));
            return ProcessEnvironment.variable(name).map(Some).ok_or_else(missing);
        }
        if self.password_prompt { prompt().map(Some) } else { Ok(None) }
    }
}

fn file(path: &Path) -> Result<String, CliError> {
    let mut text = String::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().take(MAX_FILE).read_to_string(&mut text)
    } else {
        std::fs::File::open(path).and_then(|f| f.take(MAX_FILE).read_to_string(&mut text))
    };
    read.map_err(|e| CliError::failed(format!("{} can't be read: {e}", path.display())))?;
    // The line's end is the editor's, not the password's.
    Ok(text.strip_suffix('\n').map_or(text.as_str(), |t| t.strip_suffix('\r').unwrap_or(t)).to_owned())
}

fn prompt() -> Result<String, CliError> {
    if !std::io::stdin().is_terminal() {
        return Err(CliError::usage("there is no terminal to ask on; use --password-file - to read standard input"));
    }
    let ask = |text| rpassword::prompt_password(text).map_err(|e| CliError::chain(&e));
    let first = ask("Password: ")?;
    if first == ask("Again: ")? { Ok(first) } else { Err(CliError::failed("the two passwords differ")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_the_password_without_its_line_end() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("password");
        for (written, read) in [("correct horse\n", "correct horse"), ("a b \r\n", "a b "), ("x\n\n", "x\n"), ("y", "y")] {
            std::fs::write(&path, written).expect("written");
            assert_eq!(file(&path).expect("read"), read);
        }
    }
}
