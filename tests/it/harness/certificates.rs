//! Authorities and certificates of tests.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora_core::tls::{TlsAcceptor, TlsConnector};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// An authority that certificates are made by.
pub struct Authority(pub CertifiedIssuer<'static, KeyPair>);

/// A certificate and its key, PEM.
pub struct Leaf {
    pub cert: String,
    pub key: String,
}

impl Authority {
    pub fn new() -> Self {
        Self::made(Self::named(&[]))
    }

    /// One that is believed until midnight before a day of UTC.
    pub fn until((year, month, day): (i32, u8, u8)) -> Self {
        let mut params = Self::named(&[]);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        Self::made(params)
    }

    fn made(mut params: CertificateParams) -> Self {
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key");
        Self(CertifiedIssuer::self_signed(params, key).expect("an authority"))
    }

    pub fn leaf(&self, names: &[&str]) -> Leaf {
        self.leaf_of(&Self::named(names))
    }

    /// One that is good until midnight before a day of UTC.
    pub fn leaf_until(&self, names: &[&str], (year, month, day): (i32, u8, u8)) -> Leaf {
        let mut params = Self::named(names);
        params.not_after = rcgen::date_time_ymd(year, month, day);
        self.leaf_of(&params)
    }

    /// One that is good from midnight before a day of UTC on.
    pub fn leaf_from(&self, names: &[&str], (year, month, day): (i32, u8, u8)) -> Leaf {
        let mut params = Self::named(names);
        params.not_before = rcgen::date_time_ymd(year, month, day);
        self.leaf_of(&params)
    }

    fn named(names: &[&str]) -> CertificateParams {
        CertificateParams::new(names.iter().map(|n| (*n).to_owned()).collect::<Vec<_>>()).expect("parameters")
    }

    fn leaf_of(&self, params: &CertificateParams) -> Leaf {
        let key = KeyPair::generate().expect("a key");
        let cert = params.signed_by(&key, &self.0).expect("a certificate");
        Leaf { cert: cert.pem(), key: key.serialize_pem() }
    }

    /// A client that believes it, offers these protocols (RFC 7301), and shows a certificate.
    pub fn connector(&self, protocols: &[&str], identity: Option<&Leaf>) -> TlsConnector {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(self.0.der().clone()).expect("a root");
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots);
        let mut config = match identity {
            None => config.with_no_client_auth(),
            Some(leaf) => {
                let key = PrivateKeyDer::from_pem_slice(leaf.key.as_bytes()).expect("a key");
                config.with_client_auth_cert(vec![leaf.der()], key).expect("an identity")
            }
        };
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        TlsConnector::from(Arc::new(config))
    }
}

impl Leaf {
    pub fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.cert.as_bytes()).expect("a certificate")
    }

    /// Writes both; gives their paths.
    pub fn write(&self, dir: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (dir.join(format!("{name}.pem")), dir.join(format!("{name}.key")));
        write(&cert, &self.cert);
        write(&key, &self.key);
        (cert, key)
    }

    /// Shows it to whoever shows a certificate of an authority.
    pub fn acceptor(&self, clients: &Authority) -> TlsAcceptor {
        self.acceptor_of(clients, &[])
    }

    /// The same, of who speaks these protocols.
    pub fn acceptor_of(&self, clients: &Authority, protocols: &[&str]) -> TlsAcceptor {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut roots = rustls::RootCertStore::empty();
        roots.add(clients.0.der().clone()).expect("a root");
        let verifier = rustls::server::WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&provider));
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).expect("a key");
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_client_cert_verifier(verifier.build().expect("a verifier"))
            .with_single_cert(vec![self.der()], key)
            .expect("a certificate");
        config.alpn_protocols = protocols.iter().map(|p| p.as_bytes().to_vec()).collect();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// Writes a file for its owner only.
pub fn write(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;

    let mut file = std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path).expect("a file");
    file.write_all(text.as_bytes()).expect("it is written");
}
