//! What is remembered between commands: one file per authorization server, readable by its user alone.

use std::fmt;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::cli::failure::CliError;
use crate::types::HashedToken;

/// A token in a file. It never prints by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Secret(pub(super) String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// An authorization server, and the logins there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::cli) struct Server {
    pub(in crate::cli) issuer: String,
    pub(super) client_id: String,
    /// What the client may use; a registration without devices is of no use to a login on one.
    pub(super) grant_types: Vec<String>,
    #[serde(default)]
    pub(super) logins: Vec<Login>,
}

/// One authorization that a person gave.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Login {
    /// What it is for; `None` is everything that the server guards.
    pub(super) resource: Option<String>,
    pub(super) scope: String,
    pub(super) refresh_token: Option<Secret>,
    /// The client that it was given to, when that is not the server's present one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// Access tokens that may still work.
    #[serde(default)]
    pub(super) access: Vec<Access>,
}

/// An access token, by what it was asked for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Access {
    pub(super) resource: Option<String>,
    /// `None` is all that the login has.
    pub(super) asked: Option<String>,
    pub(super) scope: String,
    pub(super) token: Secret,
    /// Seconds since the epoch.
    pub(super) expires_at: i64,
}

/// The folder of all files.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Folder(PathBuf);

/// One server's file, locked against other commands.
#[derive(Debug)]
pub(super) struct Locked {
    path: PathBuf,
    _lock: File,
}

impl Folder {
    /// The folder that was named, or the user's own.
    pub(super) fn find(named: Option<&Path>, variable: impl Fn(&str) -> Option<String>) -> Result<Self, CliError> {
        if let Some(folder) = named {
            return Ok(Self(folder.to_owned()));
        }
        let base = variable("XDG_CONFIG_HOME").filter(|v| v.starts_with('/')).map(PathBuf::from);
        let base = base.or_else(|| variable("HOME").filter(|v| !v.is_empty()).map(|home| Path::new(&home).join(".config")));
        let missing = || CliError::failed("neither XDG_CONFIG_HOME nor HOME is set; name a folder with --logins");
        base.map(|b| Self(b.join("tollgate/logins"))).ok_or_else(missing)
    }

    /// Every server that is remembered, in the order of their names.
    pub(in crate::cli) fn servers(&self) -> Result<Vec<Server>, CliError> {
        let entries = match std::fs::read_dir(&self.0) {
            Ok(entries) => entries,
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            Err(e) => return Err(fault(&self.0, &e)),
        };
        let mut servers = Vec::new();
        for entry in entries {
            let path = entry.map_err(|e| fault(&self.0, &e))?.path();
            if path.extension().is_some_and(|e| e == "json") {
                servers.extend(read(&path)?);
            }
        }
        servers.sort_by(|a, b| a.issuer.cmp(&b.issuer));
        Ok(servers)
    }

    /// The file of a server, when no other command uses it any more.
    pub(super) fn lock(&self, issuer: &str) -> Result<Locked, CliError> {
        DirBuilder::new().recursive(true).mode(0o700).create(&self.0).map_err(|e| fault(&self.0, &e))?;
        let path = self.0.join(file_name(issuer));
        let beside = path.with_extension("lock");
        let lock = OpenOptions::new().create(true).append(true).mode(0o600).open(&beside).map_err(|e| fault(&beside, &e))?;
        lock.lock().map_err(|e| fault(&beside, &e))?;
        Ok(Locked { path, _lock: lock })
    }
}

impl Locked {
    pub(super) fn read(&self) -> Result<Option<Server>, CliError> {
        read(&self.path)
    }

    /// Replaces the file at once: a reader sees the old one or the new one.
    pub(super) fn write(&self, server: &Server) -> Result<(), CliError> {
        let new = self.path.with_extension("new");
        let text = serde_json::to_vec_pretty(server).map_err(|e| CliError::chain(&e))?;
        let written = || -> std::io::Result<()> {
            let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&new)?;
            file.write_all(&text)?;
            file.sync_all()?;
            std::fs::rename(&new, &self.path)
        };
        written().map_err(|e| fault(&self.path, &e))
    }
}

impl Server {
    /// The client whose `login` it is.
    pub(super) fn client_of<'a>(&'a self, login: &'a Login) -> &'a str {
        login.client_id.as_deref().unwrap_or(&self.client_id)
    }

    /// The same server with another client for the logins to come. Those that are there stay those of theirs.
    pub(super) fn with_client(mut self, client_id: String, grant_types: Vec<String>) -> Self {
        if client_id != self.client_id {
            let before = std::mem::replace(&mut self.client_id, client_id);
            for login in &mut self.logins {
                let owner = login.client_id.take().unwrap_or_else(|| before.clone());
                login.client_id = Some(owner).filter(|owner| *owner != self.client_id);
            }
        }
        self.grant_types = grant_types;
        self
    }

    /// The login for exactly this resource.
    pub(super) fn login(&self, resource: Option<&str>) -> Option<&Login> {
        self.logins.iter().find(|l| l.resource.as_deref() == resource)
    }

    /// The same, to be changed.
    pub(super) fn login_mut(&mut self, resource: Option<&str>) -> Option<&mut Login> {
        self.logins.iter_mut().find(|l| l.resource.as_deref() == resource)
    }
}

fn fault(path: &Path, error: &std::io::Error) -> CliError {
    CliError::failed(format!("{} can't be used: {error}", path.display()))
}

fn read(path: &Path) -> Result<Option<Server>, CliError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(fault(path, &e)),
    };
    let mode = std::fs::metadata(path).map_err(|e| fault(path, &e))?.permissions().mode();
    if mode & 0o077 != 0 {
        let text = format!("{} can be read by others; chmod 600 it, and log in again if you don't trust them", path.display());
        return Err(CliError::failed(text));
    }
    let unreadable = |e| CliError::failed(format!("{} is damaged ({e}); remove it and log in again", path.display()));
    serde_json::from_slice(&text).map(Some).map_err(unreadable)
}

/// A name that people recognise, with a digest so that no two servers share it.
fn file_name(issuer: &str) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '-') { c } else { '_' };
    let name: String = issuer.trim_start_matches("https://").chars().take(80).map(plain).collect();
    let digest = URL_SAFE_NO_PAD.encode(&HashedToken::of(issuer).bytes()[..6]);
    format!("{name}-{digest}.json")
}
