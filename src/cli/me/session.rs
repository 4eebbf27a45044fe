//! The API of the gateway that was logged in to, as its user.

use std::time::Duration;

use reqwest::{Method, StatusCode, Url};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::cli::failure::CliError;
use crate::cli::login::Common;
use crate::cli::login::http::Http;
use crate::cli::login::kept::Server;
use crate::cli::login::token::{Wanted, choose, fresh};
use crate::cli::output::plain;
use crate::config::own_api::MOUNT;
use crate::types::SystemClock;

/// How long a token must still work: longer than one request takes.
const VALID_FOR: Duration = Duration::from_secs(30);

/// What the API, or the gate before it, refuses with.
#[derive(Deserialize)]
struct Refused {
    detail: String,
    #[serde(default)]
    required_scopes: Option<Vec<String>>,
}

/// A login that is used.
pub(super) struct Session {
    http: Http,
    base: String,
    issuer: String,
    token: String,
}

impl Session {
    /// With the login for `gateway`, or the only one that there is.
    pub(super) async fn open(common: &Common, gateway: Option<&str>) -> Result<Self, CliError> {
        let (http, folder) = (Http::new()?, common.folder()?);
        let servers = folder.servers()?;
        let base = base(&servers, gateway)?;
        let login = choose(&servers, Some(&base))?;
        let wanted = Wanted { resource: Some(&base), scope: None, valid_for: VALID_FOR };
        let token = fresh(&http, &folder, &SystemClock, &login, wanted).await?.access_token;
        Ok(Self { http, base, issuer: login.issuer, token })
    }

    /// Asks for something below the API's address; `query` has the parameters that were given.
    pub(super) async fn get<T: DeserializeOwned>(&self, path: &str, query: &[(&str, String)]) -> Result<T, CliError> {
        let mut url = self.url(path)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        self.answer(&url, self.http.ask((Method::GET, &url), &self.token, None).await?)
    }

    /// Changes something.
    pub(super) async fn patch<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> Result<T, CliError> {
        let url = self.url(path)?;
        let body = serde_json::to_value(body).map_err(|e| CliError::chain(&e))?;
        self.answer(&url, self.http.ask((Method::PATCH, &url), &self.token, Some(&body)).await?)
    }

    /// Ends something.
    pub(super) async fn delete<T: DeserializeOwned>(&self, path: &str) -> Result<T, CliError> {
        let url = self.url(path)?;
        self.answer(&url, self.http.ask((Method::DELETE, &url), &self.token, None).await?)
    }

    fn url(&self, path: &str) -> Result<Url, CliError> {
        let url = format!("{}{path}", self.base);
        Url::parse(&url).map_err(|e| CliError::usage(format!("{url} is not a URL: {e}")))
    }

    fn answer<T: DeserializeOwned>(&self, url: &Url, (status, body): (StatusCode, Vec<u8>)) -> Result<T, CliError> {
        if status.is_success() {
            let body: &[u8] = if body.is_empty() { b"null" } else { &body };
            return serde_json::from_slice(body).map_err(|e| CliError::failed(format!("{url} does not answer as expected: {e}")));
        }
        let Ok(refused) = serde_json::from_slice::<Refused>(&body) else {
            return Err(CliError::failed(format!("{url} answered {status}")));
        };
        let more = refused.required_scopes.filter(|_| status == StatusCode::FORBIDDEN).filter(|scopes| !scopes.is_empty());
        let way_out =
            more.map(|scopes| format!("; to ask for it, run: tollgate login {} --scope \"{}\"", self.issuer, scopes.join(" ")));
        Err(CliError::failed(plain(&format!("{}{}", refused.detail, way_out.unwrap_or_default()))))
    }
}

/// Where the API is: of the gateway that was named, or of the only one that was logged in to.
fn base(servers: &[Server], gateway: Option<&str>) -> Result<String, CliError> {
    let named = match (gateway, servers) {
        (Some(gateway), _) => gateway,
        (None, [only]) => &only.issuer,
        (None, []) => return Err(CliError::failed("there is no login; run: tollgate login URL")),
        (None, several) => {
            let names: Vec<_> = several.iter().map(|s| s.issuer.as_str()).collect();
            return Err(CliError::failed(format!("there are several logins; name one with --gateway: {}", names.join(", "))));
        }
    };
    let named = named.trim_end_matches('/');
    Ok(if named.ends_with(MOUNT) { named.to_owned() } else { format!("{named}{MOUNT}") })
}

/// A name that was typed, as one segment of a path.
pub(super) fn segment(text: &str) -> String {
    url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>().replace('+', "%20")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_api_is_found_from_what_was_logged_in_to() {
        let server = |issuer: &str| {
            serde_json::from_value::<Server>(serde_json::json!({
                "issuer": issuer, "client_id": "cl_1", "grant_types": [],
            }))
        };
        let one = [server("https://gw.test").expect("a server")];
        let two = [one[0].clone(), server("https://other.test/").expect("a server")];
        assert_eq!(base(&one, None).as_deref(), Ok("https://gw.test/api/v1"));
        assert_eq!(base(&two, Some("https://other.test/")).as_deref(), Ok("https://other.test/api/v1"));
        assert_eq!(base(&two, Some("https://gw.test/api/v1")).as_deref(), Ok("https://gw.test/api/v1"));
        let which = base(&two, None).expect_err("which one?").to_string();
        assert!(which.contains("--gateway") && which.contains("https://other.test"), "{which}");
        assert!(base(&[], None).expect_err("none").to_string().contains("tollgate login"));
    }

    #[test]
    fn what_was_typed_stays_in_its_segment() {
        assert_eq!(segment("gr_1"), "gr_1");
        assert_eq!(segment("../orgs?x y#z"), "..%2Forgs%3Fx%20y%23z");
    }
}
