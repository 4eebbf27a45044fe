//! TLS on the public listener: what it shows changes while connections go on.

use std::any::Any;
use std::sync::{Arc, Weak};

use arc_swap::ArcSwap;
use async_trait::async_trait;
use parking_lot::Mutex;
use pingora::proxy::Session;
use pingora_core::listeners::TlsAccept;
use pingora_core::listeners::tls::TlsSettings;
use pingora_core::protocols::tls::TlsRef;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{DigitallySignedStruct, DistinguishedName, SignatureScheme};

use crate::config::ListenMaterial;
use crate::gateway::terms::{Certificate, Certified};

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
        Arc::clone(self.of(&self.served.0.load()))
    }

    fn of<'a>(&'a self, material: &'a ListenMaterial) -> &'a Arc<dyn ClientCertVerifier> {
        material.clients.as_ref().unwrap_or(&self.first)
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

/// What the client of a connection showed in its handshake, or in the one whose session it resumed.
#[derive(Debug)]
struct Shown {
    /// Its certificate and those that it came with. A session keeps all of them.
    chain: Vec<CertificateDer<'static>>,
    clients: Arc<Clients>,
    /// What it was judged against last, and whether it was believed.
    judged: Mutex<Option<(Weak<ListenMaterial>, bool)>>,
}

impl Certified for Shown {
    /// That an authority stood for it in the handshake proves nothing here: a resumed session brings back what was shown long
    /// ago, to authorities that may be gone, and a connection lives on when they change. So each connection is judged by itself,
    /// at its first request and at the first after a change, and while requests of it are under way.
    fn is_believed(&self) -> bool {
        let material = self.clients.served.material();
        let mut judged = self.judged.lock();
        if let Some((against, believed)) = &*judged
            && std::ptr::eq(against.as_ptr(), Arc::as_ptr(&material))
        {
            return *believed;
        }
        let believed = self.chain.split_first().is_some_and(|(certificate, intermediates)| {
            self.clients.of(&material).verify_client_cert(certificate, intermediates, UnixTime::now()).is_ok()
        });
        *judged = Some((Arc::downgrade(&material), believed));
        believed
    }

    fn is_required(&self) -> bool {
        self.clients.client_auth_mandatory()
    }
}

/// Keeps what a client showed with its connection.
struct Keeper(Arc<Clients>);

#[async_trait]
impl TlsAccept for Keeper {
    async fn handshake_complete_callback(&self, tls: &TlsRef) -> Option<Arc<dyn Any + Send + Sync>> {
        let chain = tls.peer_cert_chain_der()?.to_vec();
        let shown = Arc::new(Shown { chain, clients: Arc::clone(&self.0), judged: Mutex::default() });
        // Requests under way keep it too, and what is kept here is only lent.
        Some(Arc::new(shown))
    }
}

/// What the certificate of a request's connection is worth.
#[derive(Clone, Copy, Debug)]
pub(super) enum Worth<'s> {
    /// None was shown.
    Nothing,
    /// An authority of the moment stands for the one with this SHA-256.
    Proved(&'s [u8]),
    /// No authority of the moment stands for it.
    Outdated {
        /// Whether nobody may come without one.
        required: bool,
    },
}

impl<'s> Worth<'s> {
    /// The SHA-256 of what is believed; empty for none.
    pub(super) const fn digest(self) -> &'s [u8] {
        match self {
            Self::Proved(digest) => digest,
            Self::Nothing | Self::Outdated { .. } => &[],
        }
    }
}

/// Judges the certificate that a request came with.
pub(super) fn worth(session: &Session) -> Worth<'_> {
    let Some(tls) = session.digest().and_then(|d| d.ssl_digest.as_ref()) else { return Worth::Nothing };
    let Some(shown) = tls.extension.get::<Arc<Shown>>() else { return Worth::Nothing };
    if shown.is_believed() {
        return Worth::Proved(&tls.cert_digest);
    }
    Worth::Outdated { required: shown.is_required() }
}

/// The certificate that a request came with, to be judged again while it is under way.
pub(super) fn certificate(session: &Session) -> Certificate {
    let tls = session.digest().and_then(|d| d.ssl_digest.as_ref());
    let shown = tls.and_then(|tls| tls.extension.get::<Arc<Shown>>());
    shown.map_or(Certificate::Missing, |shown| Certificate::Shown(Arc::clone(shown) as _))
}

/// What pingora is told.
pub(super) fn settings(served: &Arc<Served>) -> pingora::Result<TlsSettings> {
    let mut settings = match &served.material().clients {
        None => TlsSettings::intermediate("", "")?,
        Some(first) => {
            let clients = Arc::new(Clients { served: Arc::clone(served), first: Arc::clone(first) });
            let mut settings = TlsSettings::with_callbacks(Box::new(Keeper(Arc::clone(&clients))))?;
            settings.set_client_cert_verifier(clients);
            settings
        }
    };
    settings.set_cert_resolver(Arc::clone(served) as _);
    settings.enable_h2();
    Ok(settings)
}
