//! Secrets that the file only points at.

use std::fs;
use std::io::Read;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

use super::DeploymentSecret;
use super::error::{ConfigError, KeyPath, Warning};

/// Where environment variables come from.
pub trait Environment {
    /// The value of a variable; `None` when it is not set or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;

    /// Told before a file that the configuration names is read, so that a change of it can be noticed later.
    fn reading(&self, _path: &Path) {}
}

impl<F: Fn(&str) -> Option<String>> Environment for F {
    fn variable(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The environment of this process.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnvironment;

impl Environment for ProcessEnvironment {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the process")]
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }
}

/// Largest secret that is read, in bytes. A path to a log or a device must not fill the memory.
const MAX_SECRET: u64 = 64 << 10;

/// Where container runtimes put secrets, with modes that the operator doesn't choose.
const CONTAINER_SECRETS: [&str; 2] = ["/run/secrets", "/var/run/secrets"];

/// Reads the variable that `text` names as `env:NAME`.
pub(super) fn from_variable(env: &dyn Environment, text: &str, at: &KeyPath) -> Result<SecretString, ConfigError> {
    let Some(name) = text.strip_prefix("env:").filter(|n| !n.is_empty()) else {
        return Err(ConfigError::new(at, "a secret must not stand in the file", "use env:NAME, or the key that ends in _file"));
    };
    match env.variable(name) {
        Some(value) if !value.trim().is_empty() => Ok(value.trim().into()),
        Some(_) => Err(ConfigError::new(at, format!("the variable {name} is empty"), format!("set {name}"))),
        None => Err(ConfigError::new(at, format!("the variable {name} is not set"), format!("set {name}"))),
    }
}

/// Reads a secret file, without the white space around its content.
pub(super) fn from_file(path: &Path, at: &KeyPath, warnings: &mut Vec<Warning>) -> Result<SecretString, ConfigError> {
    let shown = path.display();
    let unreadable = |e: &std::io::Error| {
        ConfigError::new(at, format!("{shown} can't be read: {e}"), "make the file readable for the gateway's user")
    };
    let file = fs::File::open(path).map_err(|e| unreadable(&e))?;
    let mode = file.metadata().map_err(|e| unreadable(&e))?.permissions().mode() & 0o777;
    if mode & 0o077 != 0 {
        let problem = format!("{shown} is open to other users (mode {mode:04o})");
        if CONTAINER_SECRETS.iter().any(|dir| path.starts_with(dir)) {
            warnings.push(Warning::new(at, problem));
        } else {
            return Err(ConfigError::new(at, problem, format!("chmod 600 {shown}")));
        }
    }
    let mut text = String::new();
    file.take(MAX_SECRET).read_to_string(&mut text).map_err(|e| unreadable(&e))?;
    let secret: SecretString = text.trim().into();
    zeroize::Zeroize::zeroize(&mut text);
    if secret.expose_secret().is_empty() {
        return Err(ConfigError::new(at, format!("{shown} is empty"), "write the secret into it"));
    }
    Ok(secret)
}

/// Reads the one of two keys that is there: `name` for a variable, `name_file` for a file. `None` when neither is.
pub(super) fn either(
    env: &dyn Environment,
    (variable, file): (Option<&str>, Option<&Path>),
    (at, name): (&KeyPath, &str),
    warnings: &mut Vec<Warning>,
) -> Result<Option<SecretString>, ConfigError> {
    let file_key = format!("{name}_file");
    match (variable, file) {
        (Some(_), Some(_)) => {
            Err(ConfigError::new(at.key(name), format!("contradicts {file_key}"), format!("give {name} or {file_key}")))
        }
        (Some(text), None) => from_variable(env, text, &at.key(name)).map(Some),
        (None, Some(path)) => {
            env.reading(path);
            from_file(path, &at.key(&file_key), warnings).map(Some)
        }
        (None, None) => Ok(None),
    }
}

/// 32 bytes in base64, with or without padding, of either alphabet, or in hexadecimal.
pub(super) fn deployment_secret(text: &SecretString) -> Option<DeploymentSecret> {
    let text = text.expose_secret().trim_end_matches('=');
    let hex = || {
        let pairs = text.as_bytes().chunks(2);
        pairs.map(|p| std::str::from_utf8(p).ok().and_then(|p| u8::from_str_radix(p, 16).ok())).collect::<Option<Vec<_>>>()
    };
    let mut bytes =
        if text.len() == 64 { hex()? } else { STANDARD_NO_PAD.decode(text).or_else(|_| URL_SAFE_NO_PAD.decode(text)).ok()? };
    let secret = <[u8; 32]>::try_from(bytes.as_slice()).ok().map(DeploymentSecret::new);
    zeroize::Zeroize::zeroize(&mut bytes);
    secret
}
