//! TLS on the public listener: what it shows changes while connections go on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use pingora_core::listeners::tls::TlsSettings;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::config::ListenMaterial;

/// What the listener shows and accepts at the moment.
#[derive(Debug)]
pub struct Served(ArcSwap<ListenMaterial>);

impl Served {
    /// Shows this from the first handshake on.
    #[must_use]
    pub fn new(material: Arc<ListenMaterial>) -> Arc<Self> {
        Arc::new(Self(ArcSwap::new(material)))
    }

    /// Shows this from the next handshake on. Connections that are there stay.
    pub fn change(&self, material: Arc<ListenMaterial>) {
        self.0.store(material);
    }

    /// What is shown.
    #[must_use]
    pub fn material(&self) -> Arc<ListenMaterial> {
        self.0.load_full()
    }
}

impl ResolvesServerCert for Served {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.0.load().choose(hello.server_name()).map(|c| Arc::clone(&c.key))
    }
}

/// Proves client certificates against the authorities of the moment.
#[derive(Debug)]
struct Clients {
    served: Arc<Served>,
    first: Arc<dyn ClientCertVerifier>,
}

impl Clients {
    /// Without authorities nobody is let in: that they were taken out of the file is no reason to believe everybody.
    fn now(&self) -> Arc<dyn ClientCertVerifier> {
        self.served.0.load().clients.as_ref().map_or_else(|| Arc::clone(&self.first), Arc::clone)
    }
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        self.now().client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        // What is hinted at must outlive a change of the authorities. Clients do without.
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.now().verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.now().verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.now().supported_verify_schemes()
    }
}

/// What pingora is told.
pub(super) fn settings(served: &Arc<Served>) -> pingora::Result<TlsSettings> {
    let mut settings = TlsSettings::intermediate("", "")?;
    settings.set_cert_resolver(Arc::clone(served) as _);
    if let Some(first) = &served.material().clients {
        settings.set_client_cert_verifier(Arc::new(Clients { served: Arc::clone(served), first: Arc::clone(first) }));
    }
    settings.enable_h2();
    Ok(settings)
}
