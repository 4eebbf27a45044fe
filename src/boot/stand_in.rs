//! This gateway in the place of an app that is being tried: calls go through its own public listener, so that the gate decides
//! about them as about anybody's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HOST, HeaderValue};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, SignatureScheme};
use secrecy::{ExposeSecret as _, SecretString};

use crate::account::{Called, Refused, Sent, StandIn, Unanswered};
use crate::config::{ServerCertificate, provider};
use crate::listener::Served;
use crate::node::Node;
use crate::oauth::Trials;
use crate::store::Client;
use crate::web::Peer;

/// How long a call may take.
const ANSWER: Duration = Duration::from_secs(10);
/// How much of a body is read, bytes.
const BODY: usize = 16 * 1024;

pub(super) struct Rehearsal {
    node: Arc<Node>,
    trials: Trials,
    client: reqwest::Client,
    listener: SocketAddr,
    scheme: &'static str,
}

impl Rehearsal {
    /// Calls go to the public listener at `bound`, which shows what is `served`.
    pub(super) fn new(
        node: Arc<Node>,
        trials: Trials,
        (bound, served): (SocketAddr, Option<Arc<Served>>),
    ) -> Result<Self, reqwest::Error> {
        let scheme = if served.is_some() { "https" } else { "http" };
        let client = reqwest::Client::builder();
        let client = match served {
            Some(served) => client.tls_backend_preconfigured(own_tls(served)),
            None => client,
        };
        let client = client
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(ANSWER)
            // A connection that is kept would keep a stopping gateway waiting.
            .pool_max_idle_per_host(0)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION"), " (test of an app)"))
            .build()?;
        Ok(Self { node, trials, client, listener: reachable(bound), scheme })
    }

    async fn ask(&self, sent: Sent, token: &SecretString) -> Result<Called, Box<dyn std::error::Error + Send + Sync>> {
        let mut bearer = HeaderValue::from_str(&format!("Bearer {}", token.expose_secret()))?;
        bearer.set_sensitive(true);
        let host = HeaderValue::from_str(self.node.config.load().issuer.authority())?;
        let url = format!("{}://{}{}", self.scheme, self.listener, sent.target);
        let begun = Instant::now();
        let request = self.client.request(sent.method, url).headers(sent.headers.into_iter().collect());
        let request = request.header(HOST, host).header(AUTHORIZATION, bearer).body(sent.body);
        let mut answer = request.send().await?;
        let (status, headers) = (answer.status(), std::mem::take(answer.headers_mut()));
        let (mut body, mut cut) = (Vec::new(), false);
        while let Some(chunk) = answer.chunk().await? {
            body.extend_from_slice(&chunk);
            if body.len() > BODY {
                body.truncate(BODY);
                cut = true;
                break;
            }
        }
        let millis = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Called { status, headers, body, cut, millis })
    }
}

/// Believes the certificate that our own listener shows, and no other: authorities know nothing of the address that it is called at.
#[derive(Debug)]
struct Own {
    served: Arc<Served>,
    provider: Arc<CryptoProvider>,
}

fn own_tls(served: Arc<Served>) -> ClientConfig {
    let provider = provider();
    let own = Own { served, provider: Arc::clone(&provider) };
    let versions = ClientConfig::builder_with_provider(provider).with_protocol_versions(rustls::DEFAULT_VERSIONS);
    let versions = versions.expect("the provider has suites for the default versions");
    versions.dangerous().with_custom_certificate_verifier(Arc::new(own)).with_no_client_auth()
}

impl ServerCertVerifier for Own {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let material = self.served.material();
        let is_ours = |c: &ServerCertificate| c.key.cert.first().is_some_and(|first| first == end_entity);
        let ours = material.certificates().iter().any(is_ours);
        if ours { Ok(ServerCertVerified::assertion()) } else { Err(CertificateError::UnknownIssuer.into()) }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// A listener on every address is reached on this machine's own.
fn reachable(bound: SocketAddr) -> SocketAddr {
    let ip = match bound.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, bound.port())
}

#[async_trait]
impl StandIn for Rehearsal {
    async fn redeem(&self, client: Client, form: &str, peer: &Peer) -> Result<SecretString, Refused> {
        let refused = |error: crate::oauth::OAuthError| Refused {
            code: error.code().wire().0.to_owned(),
            description: error.description().to_owned(),
        };
        self.trials.redeem(client, form, peer).await.map_err(refused)
    }

    async fn call(&self, sent: Sent, token: &SecretString) -> Result<Called, Unanswered> {
        self.ask(sent, token).await.map_err(Unanswered)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_on_every_address_is_called_at_home() {
        for (bound, called) in [
            ("0.0.0.0:80", "127.0.0.1:80"),
            ("[::]:80", "[::1]:80"),
            ("192.0.2.7:80", "192.0.2.7:80"),
            ("127.0.0.1:8", "127.0.0.1:8"),
        ] {
            let parse = |text: &str| text.parse::<SocketAddr>().expect("an address");
            assert_eq!(reachable(parse(bound)), parse(called));
        }
    }
}
