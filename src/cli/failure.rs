//! How a command fails: on standard error, one cause per line, with an exit code.

use std::error::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::admin::AdminError;
use crate::boot::BootError;
use crate::config::ConfigErrors;

/// What to do about a certificate that the system's authorities did not make.
const OWN_AUTHORITY: &str =
    "the certificate is of an authority that this system doesn't know; if it is your own: SSL_CERT_FILE=ca.pem tollgate …";

/// Why a command failed.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", causes.join("\n"))]
pub struct CliError {
    causes: Vec<String>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Failed,
    Usage,
}

impl CliError {
    /// It could not be done.
    #[must_use]
    pub fn failed(cause: impl Into<String>) -> Self {
        Self { causes: vec![cause.into()], kind: Kind::Failed }
    }

    /// It could not be understood.
    #[must_use]
    pub fn usage(cause: impl Into<String>) -> Self {
        Self { causes: vec![cause.into()], kind: Kind::Usage }
    }

    /// An error with everything that caused it.
    #[must_use]
    pub fn chain(error: &dyn Error) -> Self {
        let mut causes = vec![error.to_string()];
        let mut source = error.source();
        while let Some(cause) = source {
            let text = cause.to_string();
            if !causes.contains(&text) {
                causes.push(text);
            }
            source = cause.source();
        }
        Self { causes, kind: Kind::Failed }
    }

    /// A request that got no answer: what caused it, and the way out where that is a certificate of an authority that is not the
    /// system's.
    #[must_use]
    pub(super) fn unanswered(error: &dyn Error) -> Self {
        let mut failure = Self::chain(error);
        if failure.causes.iter().any(|cause| cause.contains("UnknownIssuer")) {
            failure.causes.push(OWN_AUTHORITY.to_owned());
        }
        failure
    }

    /// 1 or 2.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self.kind {
            Kind::Failed => 1,
            Kind::Usage => 2,
        }
    }

    /// Says it, and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let mut stderr = std::io::stderr().lock();
        for cause in &self.causes {
            // Without a standard error there is nobody to tell; the exit code still does.
            let _ = writeln!(stderr, "error: {cause}");
        }
        ExitCode::from(self.code())
    }
}

impl From<AdminError> for CliError {
    fn from(error: AdminError) -> Self {
        Self::chain(&error)
    }
}

impl From<BootError> for CliError {
    fn from(error: BootError) -> Self {
        Self::chain(&error)
    }
}

impl From<ConfigErrors> for CliError {
    fn from(errors: ConfigErrors) -> Self {
        Self { causes: errors.0.iter().map(ToString::to_string).collect(), kind: Kind::Failed }
    }
}

/// A path as errors name it: whoever stands in another folder than they think sees where was looked.
pub(super) fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_of_an_own_authority_has_a_way_out() {
        let failed = |text: &str| CliError::unanswered(&std::io::Error::other(text)).to_string();
        assert!(failed("invalid peer certificate: UnknownIssuer").contains("SSL_CERT_FILE=ca.pem"));
        assert!(!failed("connection refused").contains("SSL_CERT_FILE"));
    }
}
