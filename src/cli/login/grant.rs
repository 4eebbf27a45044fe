//! What both ways of signing in share: a client of our own, and what the token endpoint gives.

use serde::Deserialize;
use serde_json::json;

use super::http::{Http, Refusal};
use super::kept::{Locked, Secret, Server};
use super::server::{DEVICE_GRANT, Metadata};
use crate::cli::failure::CliError;
use crate::types::{Clock, Timestamp};

/// Where the browser comes back to; the port is another one each time (RFC 8252 §7.3).
pub(super) const REDIRECT: &str = "http://127.0.0.1/callback";
/// An access token whose lifetime is not told is used this long, seconds.
const UNTOLD: u64 = 60;

/// A successful answer of the token endpoint (RFC 6749 §5.1).
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Tokens {
    access_token: Secret,
    token_type: String,
    expires_in: Option<u64>,
    pub(super) refresh_token: Option<Secret>,
    scope: Option<String>,
}

/// An access token and until when it can be used.
#[derive(Clone, Debug)]
pub(super) struct Usable {
    pub(super) token: Secret,
    pub(super) scope: String,
    pub(super) expires_at: Timestamp,
}

impl Tokens {
    /// The access token. `asked` is what was asked for: it is what was given when the answer doesn't say (RFC 6749 §3.3).
    pub(super) fn usable(&self, asked: &str, clock: &dyn Clock) -> Result<Usable, CliError> {
        if !self.token_type.eq_ignore_ascii_case("bearer") {
            return Err(CliError::failed("the server gives tokens of another type than Bearer"));
        }
        let scope = self.scope.clone().unwrap_or_else(|| asked.to_owned());
        let ends = clock.now().plus(std::time::Duration::from_secs(self.expires_in.unwrap_or(UNTOLD)));
        Ok(Usable { token: self.access_token.clone(), scope, expires_at: ends })
    }
}

#[derive(Deserialize)]
struct Registered {
    client_id: String,
}

/// The client of this user at a server: the one that is remembered if the server still knows it, or a new one.
///
/// # Errors
/// When the server can't say whether it knows the client, or refuses it: a client that was switched off is not to be back under
/// another name.
pub(super) async fn client(http: &Http, metadata: &Metadata, file: &Locked, given: Option<&str>) -> Result<Server, CliError> {
    let kept = file.read()?;
    let wanted = grant_types(metadata);
    let mut server = kept.unwrap_or_else(|| Server {
        issuer: metadata.issuer.clone(),
        client_id: String::new(),
        grant_types: Vec::new(),
        logins: Vec::new(),
    });
    let fits = match given {
        Some(id) => id == server.client_id,
        None => !server.client_id.is_empty() && wanted.iter().all(|w| server.grant_types.contains(w)),
    };
    if fits && is_known(http, metadata, &server.client_id).await? {
        return Ok(server);
    }
    if fits {
        // A client that is gone took its logins along.
        server.logins.retain(|login| login.client_id.is_some());
    }
    let client_id = match given {
        Some(id) => id.to_owned(),
        None => register(http, metadata, &wanted).await?,
    };
    let server = server.with_client(client_id, wanted);
    file.write(&server)?;
    Ok(server)
}

fn grant_types(metadata: &Metadata) -> Vec<String> {
    let mut names = vec!["authorization_code".to_owned(), "refresh_token".to_owned()];
    if metadata.device_authorization_endpoint.is_some() {
        names.push(DEVICE_GRANT.to_owned());
    }
    names
}

/// Asks about a token that nobody has: a client that is not known is refused as such (RFC 7009 §2.2).
async fn is_known(http: &Http, metadata: &Metadata, client_id: &str) -> Result<bool, CliError> {
    let Some(url) = &metadata.revocation_endpoint else { return Ok(true) };
    match http.form::<serde_json::Value>(url, &[("client_id", client_id), ("token", "none")]).await? {
        Ok(_) => Ok(true),
        Err(Refusal { error, .. }) if error == "invalid_client" => Ok(false),
        Err(refused) => Err(CliError::failed(refused.text)),
    }
}

/// RFC 7591 §3.1: a public native client (RFC 8252 §8.4).
async fn register(http: &Http, metadata: &Metadata, grant_types: &[String]) -> Result<String, CliError> {
    let closed = || {
        let text =
            "clients can't register themselves there; ask an administrator for a public client and name it with --client-id";
        CliError::failed(text)
    };
    let url = metadata.registration_endpoint.as_ref().ok_or_else(closed)?;
    let body = json!({
        "client_name": name(),
        "redirect_uris": [REDIRECT],
        "grant_types": grant_types,
        "response_types": ["code"],
        "token_endpoint_auth_method": "none",
        "application_type": "native",
    });
    let registered = http.json::<Registered>(url, &body).await?;
    registered.map(|r| r.client_id).map_err(|e| CliError::failed(format!("the registration was refused: {}", e.text)))
}

/// The machine is named so that its user finds it among several on the page of applications.
fn name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    match host.trim() {
        "" => "Tollgate command line".to_owned(),
        host => format!("Tollgate command line on {host}"),
    }
}

/// Takes a refresh token back (RFC 7009).
pub(super) async fn revoke(http: &Http, metadata: &Metadata, client_id: &str, token: &Secret) -> Result<(), CliError> {
    let Some(url) = &metadata.revocation_endpoint else {
        return Err(CliError::failed("the server revokes no tokens; end the login on its pages"));
    };
    let fields = [("client_id", client_id), ("token", token.0.as_str()), ("token_type_hint", "refresh_token")];
    match http.form::<serde_json::Value>(url, &fields).await? {
        Ok(_) => Ok(()),
        // A client that is gone took its tokens along.
        Err(Refusal { error, .. }) if error == "invalid_client" => Ok(()),
        Err(refused) => Err(CliError::failed(refused.text)),
    }
}
