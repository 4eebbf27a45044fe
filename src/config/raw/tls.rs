//! TLS on both sides.

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::config::List;

/// TLS on the public listener. Its files are read again when they change.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawTls {
    /// The certificate and its chain, PEM. It is shown to clients that ask for no name, or for one that no certificate has.
    pub cert: PathBuf,
    /// Its private key, PEM; readable by its owner only.
    pub key: PathBuf,
    /// Certificates for other names; which one a client gets is decided by the name that it asks for (SNI).
    #[serde(default)]
    pub more: List<RawCertificate>,
    /// The authorities whose client certificates are accepted, PEM. Without it no client is asked for one.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate. Without it: a client may, and routes with `client_certificate` want one.
    #[serde(default)]
    pub client_required: bool,
}

/// A certificate with its key.
#[derive(Clone, Debug, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawCertificate {
    /// The certificate and its chain, PEM.
    pub cert: PathBuf,
    /// Its private key, PEM; readable by its owner only.
    pub key: PathBuf,
}

/// TLS towards an upstream whose endpoints are all `https`, or towards a token endpoint that is. Certificates are always verified;
/// these say against what.
#[derive(Clone, Debug, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RawUpstreamTls {
    /// The only authorities that are trusted, PEM. Without it: the system's.
    pub ca: Option<PathBuf>,
    /// The name that its certificate must have. Without it: the host of the endpoint.
    pub server_name: Option<String>,
    /// The certificate that the gateway shows, and its chain, PEM.
    pub client_cert: Option<PathBuf>,
    /// Its private key, PEM; readable by its owner only.
    pub client_key: Option<PathBuf>,
}
