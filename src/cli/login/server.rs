//! From the address that a person knows to the authorization server behind it (RFC 9728, RFC 8414).

use reqwest::Url;
use serde::Deserialize;
use url::Host;

use super::http::Http;
use crate::cli::failure::CliError;

/// The grant type of devices (RFC 8628 §3.4).
pub(super) const DEVICE_GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// An address that secrets may be sent to.
#[derive(Clone, Debug, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct Endpoint(Url);

impl TryFrom<String> for Endpoint {
    type Error = CliError;

    fn try_from(text: String) -> Result<Self, CliError> {
        address(&text).map(Self)
    }
}

impl std::ops::Deref for Endpoint {
    type Target = Url;
    fn deref(&self) -> &Url {
        &self.0
    }
}

/// What an authorization server says about itself, as far as it is used.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Metadata {
    /// Its name; what it answers must say the same.
    pub(super) issuer: String,
    pub(super) authorization_endpoint: Option<Endpoint>,
    pub(super) token_endpoint: Endpoint,
    pub(super) registration_endpoint: Option<Endpoint>,
    pub(super) device_authorization_endpoint: Option<Endpoint>,
    pub(super) revocation_endpoint: Option<Endpoint>,
    /// Whether answers at the redirect target carry `iss` (RFC 9207 §3).
    #[serde(default)]
    pub(super) authorization_response_iss_parameter_supported: bool,
}

/// Where to sign in, and for what.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) metadata: Metadata,
    /// The resource that tokens are for; `None` is everything that the server guards.
    pub(super) resource: Option<String>,
}

#[derive(Deserialize)]
struct ResourceDocument {
    resource: String,
    authorization_servers: Vec<Endpoint>,
}

/// Reads an address that was typed.
pub(super) fn address(text: &str) -> Result<Url, CliError> {
    let url = Url::parse(text).map_err(|e| CliError::usage(format!("{text} is not a URL: {e}; write https://…")))?;
    // Codes and tokens go to https, or to this machine.
    let here = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() == "https" && url.host().is_some() || url.scheme() == "http" && here {
        return Ok(url);
    }
    Err(CliError::failed(format!("{url} is not https: tokens would travel in the open")))
}

/// Finds the authorization server of an address: a gateway's, or that of one of its APIs or of a path inside one.
pub(super) async fn discover(http: &Http, at: &Url, resource: Option<&str>) -> Result<Place, CliError> {
    let (mut server, mut found) = (at.clone(), None);
    let mut path = at.path().trim_end_matches('/');
    while !path.is_empty() {
        if let Some(document) = http.document::<ResourceDocument>(&well_known(at, "oauth-protected-resource", path)).await? {
            let expected = Url::parse(&document.resource).ok().filter(|r| r.origin() == at.origin());
            if expected.is_none_or(|r| r.path().trim_end_matches('/') != path) {
                return Err(CliError::failed(format!("the metadata of {at} describes another resource")));
            }
            let first = document.authorization_servers.into_iter().next();
            server = first.ok_or_else(|| CliError::failed(format!("the metadata of {at} names no authorization server")))?.0;
            found = Some(document.resource);
            break;
        }
        path = path.rsplit_once('/').map_or("", |(before, _)| before);
    }
    if found.is_none() {
        server.set_path("");
    }
    Ok(Place { metadata: metadata(http, &server).await?, resource: resource.map(ToOwned::to_owned).or(found) })
}

/// What the authorization server `issuer` says about itself.
pub(super) async fn metadata(http: &Http, issuer: &Url) -> Result<Metadata, CliError> {
    let url = well_known(issuer, "oauth-authorization-server", issuer.path().trim_end_matches('/'));
    let missing = || CliError::failed(format!("{url} does not exist: there is no authorization server"));
    let found: Metadata = http.document(&url).await?.ok_or_else(missing)?;
    // RFC 8414 §3.3: else one server could speak for another.
    if found.issuer.trim_end_matches('/') != issuer.as_str().trim_end_matches('/') {
        return Err(CliError::failed(format!("{url} is the metadata of another server")));
    }
    Ok(found)
}

/// RFC 8414 §3.1, RFC 9728 §3.1: the well-known part goes before the path.
fn well_known(base: &Url, name: &str, path: &str) -> Url {
    let mut url = base.clone();
    url.set_path(&format!("/.well-known/{name}{path}"));
    url.set_query(None);
    url.set_fragment(None);
    url
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_travel_encrypted_or_not_at_all() {
        for good in [
            "https://gw.example.com",
            "https://gw.example.com:8443/mcp",
            "http://127.0.0.1:8080",
            "http://[::1]:1",
            "http://localhost",
        ] {
            assert!(address(good).is_ok(), "{good}");
        }
        for bad in
            ["http://gw.example.com", "http://127.0.0.1.example.com", "ftp://localhost", "file:///etc/passwd", "gw.example.com"]
        {
            assert!(address(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn rfc8414_s3_1_the_well_known_part_goes_before_the_path() {
        let base = Url::parse("https://as.test/tenant?x=1#f").expect("a URL");
        assert_eq!(well_known(&base, "n", "/tenant").as_str(), "https://as.test/.well-known/n/tenant");
        assert_eq!(well_known(&base, "n", "").as_str(), "https://as.test/.well-known/n");
    }
}
