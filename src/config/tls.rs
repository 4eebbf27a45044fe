//! Certificates and keys, read from their files.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora_core::utils::tls::{CertKey, WrappedX509, parse_x509};
use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use secrecy::ExposeSecret as _;
use x509_parser::prelude::{FromDer as _, GeneralName, X509Certificate};

use super::error::{ConfigError, KeyPath, Warning};
use super::read::top;
use super::secrets;
use crate::types::Timestamp;

/// Largest certificate file that is read, bytes.
const MAX_FILE: u64 = 1 << 20;

/// TLS on the public listener: where it is read from, and what was read.
#[derive(Clone, Debug)]
pub struct ListenTls {
    /// Certificates with their keys; the first is the default.
    pub files: Vec<CertificateFiles>,
    /// Authorities of client certificates.
    pub client_ca: Option<PathBuf>,
    /// Whether a client must show a certificate.
    pub client_required: bool,
    /// What the files held when the configuration was read.
    pub material: Arc<ListenMaterial>,
}

/// A certificate and its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    /// The certificate and its chain.
    pub cert: PathBuf,
    /// The key.
    pub key: PathBuf,
}

/// What the listener shows and accepts.
#[derive(Debug)]
pub struct ListenMaterial {
    /// Never empty; the first is the default.
    certificates: Vec<ServerCertificate>,
    /// Proves client certificates.
    pub clients: Option<Arc<dyn ClientCertVerifier>>,
    /// The file of whom it believes, and when the first of them expires.
    authorities: Option<(PathBuf, Timestamp)>,
}

/// A certificate that the listener can show.
#[derive(Debug)]
pub struct ServerCertificate {
    /// Where it came from.
    pub path: PathBuf,
    /// Names that it is for, in lower case; `*.` stands for one label.
    pub names: Vec<String>,
    /// When it expires, or the first of its chain does.
    pub expires: Timestamp,
    /// The certificate with its key.
    pub key: Arc<CertifiedKey>,
}

/// TLS towards an upstream.
#[derive(Default)]
pub struct UpstreamTls {
    /// The only authorities that are trusted; the system's when `None`.
    pub roots: Option<Arc<[WrappedX509]>>,
    /// The name that its certificate must have, in place of the endpoint's host.
    pub server_name: Option<String>,
    /// What the gateway shows.
    pub client: Option<Arc<CertKey>>,
    /// Files, and when the first certificate in each of them expires.
    pub expiries: Vec<(PathBuf, Timestamp)>,
    /// Tells connections made under other material apart.
    pub digest: u64,
}

impl UpstreamTls {
    /// Whether it shows nothing and believes whom the system believes.
    #[must_use]
    pub const fn is_of_the_system(&self) -> bool {
        self.roots.is_none() && self.server_name.is_none() && self.client.is_none()
    }
}

impl std::fmt::Debug for UpstreamTls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("UpstreamTls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

/// The cryptography that TLS uses everywhere in this process.
#[must_use]
pub fn provider() -> Arc<CryptoProvider> {
    CryptoProvider::get_default().map_or_else(|| Arc::new(rustls::crypto::ring::default_provider()), Arc::clone)
}

impl ListenTls {
    /// Reads the files again.
    ///
    /// # Errors
    /// Everything that is wrong with them.
    pub fn read(&self) -> Result<(ListenMaterial, Vec<Warning>), Vec<ConfigError>> {
        let at = top("listen").key("tls");
        read(&self.files, (self.client_ca.as_deref(), self.client_required), &at)
    }

    /// Everything that is read.
    pub fn paths(&self) -> impl Iterator<Item = &Path> {
        let pairs = self.files.iter().flat_map(|f| [f.cert.as_path(), f.key.as_path()]);
        pairs.chain(self.client_ca.as_deref())
    }
}

impl ListenMaterial {
    /// The certificate for a name: one that has it, one that has it by `*.`, or the first.
    #[must_use]
    pub fn choose(&self, name: Option<&str>) -> Option<&ServerCertificate> {
        let name = name.map(str::to_ascii_lowercase);
        let by = |wanted: &str| self.certificates.iter().find(|c| c.names.iter().any(|n| n == wanted));
        let exact = name.as_deref().and_then(by);
        let wild = || by(&format!("*.{}", name.as_deref()?.split_once('.')?.1));
        exact.or_else(wild).or_else(|| self.certificates.first())
    }

    /// Every certificate.
    #[must_use]
    pub fn certificates(&self) -> &[ServerCertificate] {
        &self.certificates
    }

    /// Every file, and when the first certificate in each of them expires.
    pub fn expiries(&self) -> impl Iterator<Item = (&Path, Timestamp)> {
        let authorities = self.authorities.as_ref().map(|(path, expires)| (path.as_path(), *expires));
        self.certificates.iter().map(|c| (c.path.as_path(), c.expires)).chain(authorities)
    }
}

/// Reads what a listener shows and accepts.
pub(super) fn read(
    files: &[CertificateFiles],
    (client_ca, required): (Option<&Path>, bool),
    at: &KeyPath,
) -> Result<(ListenMaterial, Vec<Warning>), Vec<ConfigError>> {
    let (mut errors, mut warnings, mut certificates) = (Vec::new(), Vec::new(), Vec::new());
    for (i, pair) in files.iter().enumerate() {
        let at = i.checked_sub(1).map_or_else(|| at.clone(), |i| at.key("more").index(i));
        match certificate(pair, &at, &mut warnings) {
            Ok(certificate) => certificates.push(certificate),
            Err(error) => errors.push(error),
        }
    }
    let clients = client_ca.map(|ca| verifier(ca, required, &at.key("client_ca"))).transpose().map_err(|e| errors.push(e));
    match clients {
        Ok(clients) if errors.is_empty() => {
            let (clients, authorities) = clients.map(|a| (a.verifier, (a.path, a.expires))).unzip();
            Ok((ListenMaterial { certificates, clients, authorities }, warnings))
        }
        _ => Err(errors),
    }
}

fn certificate(files: &CertificateFiles, at: &KeyPath, warnings: &mut Vec<Warning>) -> Result<ServerCertificate, ConfigError> {
    let chain = chain(&files.cert, &at.key("cert"))?;
    let (names, expires) = (names(&chain), expiry(&chain, &files.cert, &at.key("cert"))?);
    let key = key(&files.key, &at.key("key"), warnings)?;
    let key = CertifiedKey::from_der(chain, key, &provider()).map_err(|e| {
        let problem = format!("{} is no key of {}: {e}", files.key.display(), files.cert.display());
        ConfigError::new(at.key("key"), problem, "name the key that the certificate was made for")
    })?;
    Ok(ServerCertificate { path: files.cert.clone(), names, expires, key: Arc::new(key) })
}

/// Whom a client certificate has to be from.
struct Authorities {
    verifier: Arc<dyn ClientCertVerifier>,
    path: PathBuf,
    /// When the first of them expires.
    expires: Timestamp,
}

fn verifier(ca: &Path, required: bool, at: &KeyPath) -> Result<Authorities, ConfigError> {
    let unusable = |e: &dyn std::fmt::Display| {
        ConfigError::new(at, format!("{} can't be used: {e}", ca.display()), "name a file of certificates of authorities, PEM")
    };
    let mut roots = RootCertStore::empty();
    let authorities = chain(ca, at)?;
    let expires = expiry(&authorities, ca, at)?;
    for authority in authorities {
        roots.add(authority).map_err(|e| unusable(&e))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider());
    let builder = if required { builder } else { builder.allow_unauthenticated() };
    let verifier = builder.build().map_err(|e| unusable(&e))?;
    Ok(Authorities { verifier, path: ca.to_owned(), expires })
}

/// Reads what a gateway shows to an upstream and believes of it.
pub(super) fn upstream(
    (ca, client): (Option<&Path>, Option<(&Path, &Path)>),
    server_name: Option<&str>,
    at: &KeyPath,
    warnings: &mut Vec<Warning>,
) -> Result<UpstreamTls, ConfigError> {
    let mut digest = DefaultHasher::new();
    server_name.hash(&mut digest);
    let mut expiries = Vec::new();
    let roots = match ca {
        None => None,
        Some(path) => {
            let at = at.key("ca");
            let authorities = chain(path, &at)?;
            let mut roots = RootCertStore::empty();
            for authority in &authorities {
                authority.as_ref().hash(&mut digest);
                roots.add(authority.clone()).map_err(|e| {
                    ConfigError::new(&at, format!("{} can't be used: {e}", path.display()), "name certificates of authorities")
                })?;
            }
            expiries.push((path.to_owned(), expiry(&authorities, path, &at)?));
            Some(authorities.iter().map(|a| WrappedX509::new(a.to_vec(), parse_x509)).collect())
        }
    };
    let client = match client {
        None => None,
        Some((cert, key_file)) => {
            let files = CertificateFiles { cert: cert.to_owned(), key: key_file.to_owned() };
            let chain = chain(cert, &at.key("client_cert"))?;
            chain.first().map(AsRef::<[u8]>::as_ref).hash(&mut digest);
            let key = key(key_file, &at.key("client_key"), warnings)?;
            CertifiedKey::from_der(chain.clone(), key.clone_key(), &provider()).map_err(|e| {
                let problem = format!("{} is no key of {}: {e}", files.key.display(), files.cert.display());
                ConfigError::new(at.key("client_key"), problem, "name the key that the certificate was made for")
            })?;
            expiries.push((cert.to_owned(), expiry(&chain, cert, &at.key("client_cert"))?));
            let chain = chain.iter().map(|c| c.to_vec()).collect();
            Some(Arc::new(CertKey::new(chain, key.secret_der().to_vec())))
        }
    };
    let server_name = server_name.map(ToOwned::to_owned);
    Ok(UpstreamTls { roots, server_name, client, expiries, digest: digest.finish() })
}

/// The certificates of a file; at least one, and all readable.
fn chain(path: &Path, at: &KeyPath) -> Result<Vec<CertificateDer<'static>>, ConfigError> {
    let shown = path.display();
    let problem = |e: &dyn std::fmt::Display, way_out: &str| ConfigError::new(at, format!("{shown} {e}"), way_out);
    let text = whole(path).map_err(|e| problem(&format!("can't be read: {e}"), "make it readable for the gateway's user"))?;
    let all: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let all = all.map_err(|e| problem(&format!("is no PEM: {e}"), "write certificates in PEM"))?;
    if all.is_empty() {
        return Err(problem(&"holds no certificate", "write at least one certificate in PEM"));
    }
    for certificate in &all {
        X509Certificate::from_der(certificate)
            .map_err(|e| problem(&format!("holds something that is no certificate: {e}"), "write certificates in PEM"))?;
    }
    Ok(all)
}

fn whole(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;

    let mut text = Vec::new();
    std::fs::File::open(path)?.take(MAX_FILE).read_to_end(&mut text)?;
    Ok(text)
}

/// The key of a file that others can't read.
fn key(path: &Path, at: &KeyPath, warnings: &mut Vec<Warning>) -> Result<PrivateKeyDer<'static>, ConfigError> {
    let text = secrets::from_file(path, at, warnings)?;
    PrivateKeyDer::from_pem_slice(text.expose_secret().as_bytes())
        .map_err(|e| ConfigError::new(at, format!("{} holds no private key: {e}", path.display()), "write one key in PEM"))
}

/// The names of the first certificate.
fn names(chain: &[CertificateDer<'_>]) -> Vec<String> {
    let first = chain.first().and_then(|first| X509Certificate::from_der(first).ok());
    let alternatives = first.as_ref().and_then(|(_, certificate)| certificate.subject_alternative_name().ok().flatten());
    let general = alternatives.iter().flat_map(|a| a.value.general_names.iter());
    let names = general.filter_map(|n| match n {
        GeneralName::DNSName(name) => Some(name.to_ascii_lowercase()),
        _ => None,
    });
    names.collect()
}

/// When the first of the certificates expires: a chain is good for no longer, and a file of authorities does not stand for all of
/// them any more.
fn expiry(all: &[CertificateDer<'_>], path: &Path, at: &KeyPath) -> Result<Timestamp, ConfigError> {
    let ends = all.iter().filter_map(|der| Some(X509Certificate::from_der(der).ok()?.1.validity().not_after.timestamp()));
    let first = ends.min().map(|seconds| Timestamp::from_millis(seconds.saturating_mul(1_000)));
    first.ok_or_else(|| ConfigError::new(at, format!("{} holds no certificate", path.display()), "write certificates in PEM"))
}
