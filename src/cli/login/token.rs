//! Which login serves a request for a token, and keeping it fresh.

use std::time::Duration;

use serde::Serialize;

use super::grant::Tokens;
use super::http::Http;
use super::kept::{Access, Folder, Login, Server};
use super::server::{Metadata, address, metadata};
use crate::cli::failure::CliError;
use crate::types::{Clock, Timestamp};

/// What a token is wanted for.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Wanted<'a> {
    pub(in crate::cli) resource: Option<&'a str>,
    pub(in crate::cli) scope: Option<&'a str>,
    /// How long it must still work.
    pub(in crate::cli) valid_for: Duration,
}

/// A login by where it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Chosen {
    pub(in crate::cli) issuer: String,
    /// The resource of the login; `None` is everything that the server guards.
    pub(super) resource: Option<String>,
}

/// A token, as `--json` prints it.
#[derive(Debug, Serialize)]
pub(in crate::cli) struct Printed {
    pub(in crate::cli) access_token: String,
    pub(super) token_type: &'static str,
    pub(super) expires_in: u64,
    pub(super) expires_at: String,
    pub(super) scope: String,
    pub(super) resource: Option<String>,
    pub(super) issuer: String,
}

/// The login for `at`: a server, one of its APIs, or nothing when there is only one login.
pub(in crate::cli) fn choose(servers: &[Server], at: Option<&str>) -> Result<Chosen, CliError> {
    let all = servers.iter().flat_map(|s| s.logins.iter().map(move |l| (s, l)));
    let fitting: Vec<_> = match at {
        None => all.collect(),
        Some(at) => {
            let wanted = at.trim_end_matches('/');
            // The longest resource that the address lies in; a login for the whole server comes last.
            let mut fitting: Vec<_> = all.filter(|(s, l)| lies_in(wanted, l.resource.as_deref().unwrap_or(&s.issuer))).collect();
            let length = |l: &Login| l.resource.as_ref().map_or(0, String::len);
            fitting.sort_by_key(|(_, l)| std::cmp::Reverse(length(l)));
            fitting.truncate(1);
            fitting
        }
    };
    match fitting.as_slice() {
        [(server, login)] => Ok(Chosen { issuer: server.issuer.clone(), resource: login.resource.clone() }),
        [] => {
            let at = at.unwrap_or("URL");
            Err(CliError::failed(format!("no login for this; run: tollgate login {at}")))
        }
        several => {
            let names: Vec<_> = several.iter().map(|(s, l)| l.resource.as_deref().unwrap_or(&s.issuer)).collect();
            Err(CliError::failed(format!("there are several logins; name one with --resource: {}", names.join(", "))))
        }
    }
}

fn lies_in(address: &str, base: &str) -> bool {
    let rest = address.strip_prefix(base.trim_end_matches('/'));
    rest.is_some_and(|r| r.is_empty() || r.starts_with('/') || r.starts_with('?'))
}

/// A token that works long enough: one that is remembered, or a new one. Of several commands at once one refreshes, and the
/// others wait and find what it got.
pub(in crate::cli) async fn fresh(
    http: &Http,
    folder: &Folder,
    clock: &dyn Clock,
    chosen: &Chosen,
    wanted: Wanted<'_>,
) -> Result<Printed, CliError> {
    let file = folder.lock(&chosen.issuer)?;
    let gone = || CliError::failed("the login was ended by another command");
    let mut server = file.read()?.ok_or_else(gone)?;
    let issuer = server.issuer.clone();
    let client_id = server.login(chosen.resource.as_deref()).map(|l| server.client_of(l).to_owned()).ok_or_else(gone)?;
    let login = server.login_mut(chosen.resource.as_deref()).ok_or_else(gone)?;
    let resource = narrower(wanted.resource, chosen.resource.as_deref());
    let now = clock.now();
    if let Some(access) = login.access.iter().find(|a| serves(a, resource, wanted, now)) {
        return Ok(printed(access, login, &issuer, now));
    }
    let again = |why: &str| {
        let at = chosen.resource.as_deref().unwrap_or(&chosen.issuer);
        CliError::failed(format!("{why}; run: tollgate login {at}"))
    };
    let refresh = login.refresh_token.clone().ok_or_else(|| again("the login has ended and can't be refreshed"))?;
    let metadata = metadata(http, &address(&issuer)?).await?;
    let tokens = match refresh_with(http, &metadata, &client_id, (&refresh.0, resource, wanted.scope)).await? {
        Ok(tokens) => tokens,
        Err(refusal) if matches!(refusal.error.as_str(), "invalid_grant" | "invalid_client") => {
            server.logins.retain(|l| l.resource != chosen.resource);
            file.write(&server)?;
            return Err(again(&refusal.text));
        }
        Err(refusal) => return Err(CliError::failed(refusal.text)),
    };
    let usable = tokens.usable(wanted.scope.unwrap_or(&login.scope), clock)?;
    let access = Access {
        resource: resource.map(ToOwned::to_owned),
        asked: wanted.scope.map(ToOwned::to_owned),
        scope: usable.scope,
        token: usable.token,
        expires_at: usable.expires_at.seconds(),
    };
    login.access.retain(|a| a.expires_at > now.seconds() && (&a.resource, &a.asked) != (&access.resource, &access.asked));
    login.access.push(access.clone());
    login.refresh_token = tokens.refresh_token.or(Some(refresh));
    let printed = printed(&access, login, &issuer, clock.now());
    file.write(&server)?;
    Ok(printed)
}

/// What a token is asked to be for, when that is less than its login is for.
fn narrower<'a>(wanted: Option<&'a str>, login: Option<&str>) -> Option<&'a str> {
    wanted.filter(|w| login.is_none_or(|l| l.trim_end_matches('/') != w.trim_end_matches('/')))
}

fn serves(access: &Access, resource: Option<&str>, wanted: Wanted<'_>, now: Timestamp) -> bool {
    let lives = access.expires_at > now.plus(wanted.valid_for).seconds();
    lives && access.resource.as_deref() == resource && access.asked.as_deref() == wanted.scope
}

fn printed(access: &Access, login: &Login, issuer: &str, now: Timestamp) -> Printed {
    let ends = Timestamp::from_millis(access.expires_at.saturating_mul(1000));
    Printed {
        access_token: access.token.0.clone(),
        token_type: "Bearer",
        expires_in: ends.since(now).as_secs(),
        expires_at: ends.to_string(),
        scope: access.scope.clone(),
        resource: access.resource.clone().or_else(|| login.resource.clone()),
        issuer: issuer.to_owned(),
    }
}

async fn refresh_with(
    http: &Http,
    metadata: &Metadata,
    client_id: &str,
    (token, resource, scope): (&str, Option<&str>, Option<&str>),
) -> Result<Result<Tokens, super::http::Refusal>, CliError> {
    let mut fields = vec![("grant_type", "refresh_token"), ("client_id", client_id), ("refresh_token", token)];
    fields.extend(resource.map(|r| ("resource", r)));
    fields.extend(scope.map(|s| ("scope", s)));
    http.form(&metadata.token_endpoint, &fields).await
}
