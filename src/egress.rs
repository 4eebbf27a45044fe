//! What the gateway asks of others over HTTP: clients, made in one way.
//!
//! Only URLs from the operator's own configuration are asked. They may therefore lie inside the operator's network, and no
//! address is refused. A redirect would lead to a URL that the operator did not write, so none is followed.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use http::header::HOST;
use pingora_core::utils::tls::CertKey;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client, ClientBuilder, Identity, RequestBuilder};
use rustls::pki_types::PrivateKeyDer;
use url::Url;
use zeroize::Zeroizing;

use crate::config::UpstreamTls;

#[cfg(test)]
mod tests;

/// The longest that any answer is waited for.
pub const LONGEST: Duration = Duration::from_mins(1);

/// A client whose requests take at most `patience`, the answer's body included. Certificates are verified against the system's.
///
/// # Errors
/// When the system's certificates can't be read.
pub fn client(patience: Duration) -> reqwest::Result<Client> {
    builder(patience).build()
}

fn builder(patience: Duration) -> ClientBuilder {
    let agent = concat!("tollgate/", env!("CARGO_PKG_VERSION"));
    Client::builder().timeout(patience).redirect(Policy::none()).user_agent(agent)
}

/// Why a place can't be asked.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// No client can be made with its certificates.
    #[error("no HTTP client can be made")]
    Client(#[from] reqwest::Error),
    /// The name that its certificate must have is none of a host.
    #[error("{0} can't be asked for")]
    Name(String),
}

/// One place, which is asked under the TLS that the operator wants for it.
#[derive(Clone, Debug)]
pub struct Place {
    client: Client,
    url: Url,
    /// `Host`, where that is not what the URL says.
    host: Option<HeaderValue>,
}

impl Place {
    /// A place with nothing of its own.
    #[must_use]
    pub const fn plain(client: Client, url: Url) -> Self {
        Self { client, url, host: None }
    }

    /// A place with what `tls` says of it. A name that its certificate must have takes the place of the URL's host in the
    /// handshake (RFC 6066 §3), and nowhere else.
    ///
    /// # Errors
    /// When no client can be made with it.
    pub fn new(url: &Url, tls: &UpstreamTls, patience: Duration) -> Result<Self, Unusable> {
        let mut builder = builder(patience);
        if let Some(roots) = &tls.roots {
            let roots: reqwest::Result<Vec<_>> = roots.iter().map(|r| Certificate::from_der(r.borrow_raw_cert())).collect();
            builder = builder.tls_certs_only(roots?);
        }
        if let Some(pair) = &tls.client {
            builder = builder.identity(Identity::from_pem(pem(pair).as_bytes())?);
        }
        let Some(name) = &tls.server_name else { return Ok(Self::plain(builder.build()?, url.clone())) };
        let Renamed { url, host, finder } = Renamed::of(url, name).ok_or_else(|| Unusable::Name(name.clone()))?;
        // A proxy would look for the name by itself.
        Ok(Self { client: builder.no_proxy().dns_resolver(Arc::new(finder)).build()?, url, host: Some(host) })
    }

    /// A request for it.
    pub fn post(&self) -> RequestBuilder {
        let request = self.client.post(self.url.clone());
        match &self.host {
            Some(host) => request.header(HOST, host),
            None => request,
        }
    }
}

/// A URL whose host is called by another name.
struct Renamed {
    url: Url,
    host: HeaderValue,
    finder: Finder,
}

impl Renamed {
    fn of(url: &Url, name: &str) -> Option<Self> {
        let host = url.host_str()?;
        let authority = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let finder = Finder(host.trim_start_matches('[').trim_end_matches(']').into());
        let mut url = url.clone();
        url.set_host(Some(name)).ok()?;
        // What is taken for an address would be connected to.
        url.domain()?;
        Some(Self { url, host: HeaderValue::try_from(authority).ok()?, finder })
    }
}

/// Finds one host, whatever name is asked for.
struct Finder(Arc<str>);

impl Resolve for Finder {
    fn resolve(&self, _: Name) -> Resolving {
        let host = Arc::clone(&self.0);
        Box::pin(async move {
            // Port 0 stands for the URL's.
            let found: Vec<SocketAddr> = tokio::net::lookup_host((&*host, 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// A key and its certificates, in the only form in which they can be handed over.
fn pem(pair: &CertKey) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::new());
    let mut put = |what: &str, der: &[u8]| {
        let body = Zeroizing::new(STANDARD.encode(der));
        text.push_str(&format!("-----BEGIN {what}-----\n{}\n-----END {what}-----\n", *body));
    };
    let kind = match PrivateKeyDer::try_from(pair.key().as_slice()) {
        Ok(PrivateKeyDer::Pkcs1(_)) => "RSA PRIVATE KEY",
        Ok(PrivateKeyDer::Sec1(_)) => "EC PRIVATE KEY",
        _ => "PRIVATE KEY",
    };
    put(kind, pair.key());
    for certificate in std::iter::once(pair.leaf()).chain(pair.intermediates()) {
        put("CERTIFICATE", certificate.borrow_raw_cert());
    }
    text
}
