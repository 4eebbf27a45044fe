//! TLS on both sides of the bench: a certificate of an authority that lives as long as the run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pingora_core::tls::{ClientTlsStream, TlsConnector};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

#[expect(dead_code, reason = "only what is written to files is used here")]
#[path = "../../tests/it/harness/certificates.rs"]
mod certificates;

/// The name that the certificate is for.
const NAME: &str = "gate.test";

/// What requests are sent over.
pub(crate) trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Wire for S {}

/// Writes an authority and a certificate; gives the path of the authority.
pub(crate) fn write(dir: &Path) -> PathBuf {
    let authority = certificates::Authority::new();
    authority.leaf(&[NAME]).write(dir, "gate");
    let path = dir.join("authority.pem");
    certificates::write(&path, &authority.0.pem());
    path
}

/// What a gate's configuration says of the certificate beside the authority.
pub(crate) fn listen(authority: &Path) -> String {
    let beside = |name: &str| authority.with_file_name(name);
    format!("[listen.tls]\ncert = \"{}\"\nkey = \"{}\"\n", beside("gate.pem").display(), beside("gate.key").display())
}

/// Connects to whoever has a certificate of the authority; each handshake is a whole one.
#[derive(Clone)]
pub(crate) struct Connector(TlsConnector);

impl Connector {
    pub(crate) fn of(authority: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).expect("an authority")).expect("a root");
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("versions")
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Self(TlsConnector::from(Arc::new(config)))
    }

    pub(crate) async fn connect(&self, stream: TcpStream) -> std::io::Result<ClientTlsStream<TcpStream>> {
        let name = ServerName::try_from(NAME).expect("a name");
        self.0.connect(name, stream).await
    }
}
