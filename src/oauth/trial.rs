//! Trials of apps: a page of ours stands in for the app, so that page counts as one of its redirect targets, for the one request
//! of the one browser session that began the trial.

use http::HeaderMap;
use secrecy::SecretString;

use super::client_auth::AuthenticatedClient;
use super::endpoints::redeem;
use super::{App, OAuthError};
use crate::config::Config;
use crate::store::{AuthRequest, Client, StoreError, Trial};
use crate::types::{HashedToken, RedirectUri};
use crate::web::{Params, Peer, Trouble, signed_in};

/// What an authorization request says of the trial that it may belong to.
struct Claimed<'a> {
    client: &'a Client,
    redirect: &'a str,
    state: Option<&'a str>,
    challenge: Option<&'a str>,
}

/// The redirect target of an authorization request that this browser's trial made; `None` for every other request.
pub(super) async fn redirect(
    app: &App,
    config: &Config,
    client: &Client,
    params: &Params,
    headers: &HeaderMap,
) -> Result<Option<RedirectUri>, Trouble> {
    let Some(redirect) = params.one("redirect_uri")?.filter(|uri| is_ours(config, uri)) else { return Ok(None) };
    let Some(browser) = signed_in(&app.node, config, headers).await? else { return Ok(None) };
    let one = |name| params.one(name).ok().flatten();
    let claimed = Claimed { client, redirect, state: one("state"), challenge: one("code_challenge") };
    Ok(find(app, &browser.session.hash, &claimed).await?.map(|trial| trial.redirect_uri))
}

/// The trial of this session that made a frozen request.
pub(super) async fn behind(
    app: &App,
    config: &Config,
    session: &HashedToken,
    (client, request): (&Client, &AuthRequest),
) -> Result<Option<Trial>, StoreError> {
    let redirect = request.redirect_uri.as_str();
    if !is_ours(config, redirect) {
        return Ok(None);
    }
    let claimed = Claimed { client, redirect, state: request.state.as_deref(), challenge: Some(&request.challenge) };
    find(app, session, &claimed).await
}

/// Spares everybody else a look into the store.
fn is_ours(config: &Config, redirect: &str) -> bool {
    redirect.strip_prefix(config.issuer.as_str()).is_some_and(|path| path.starts_with("/orgs/"))
}

/// The page that a trial was begun on: its answer goes to the one below.
pub(super) fn page(config: &Config, trial: &Trial) -> Option<String> {
    let path = trial.redirect_uri.as_str().strip_prefix(config.issuer.as_str())?;
    path.strip_suffix("/callback").map(ToOwned::to_owned)
}

async fn find(app: &App, session: &HashedToken, claimed: &Claimed<'_>) -> Result<Option<Trial>, StoreError> {
    let Some(state) = claimed.state.map(HashedToken::of) else { return Ok(None) };
    let belongs = |trial: &Trial| {
        trial.client == claimed.client.id
            && claimed.client.app.as_ref().is_some_and(|of| of.app == trial.app)
            && trial.redirect_uri.as_str() == claimed.redirect
            && trial.state == state
            && claimed.challenge == Some(trial.challenge.as_str())
            && trial.grant.is_none()
    };
    Ok(app.node.store.trial(session, app.node.now()).await?.filter(belongs))
}

/// The token endpoint for trials.
#[derive(Clone, Debug)]
pub struct Trials(pub(super) App);

impl Trials {
    /// Redeems the code of a trial. It is the token endpoint in everything but the proof of the client, whose secret nobody here
    /// knows: the caller has proved that it acts for an organization that owns the client. Gives the body of the answer.
    ///
    /// # Errors
    /// What the token endpoint refuses.
    pub async fn redeem(&self, client: Client, form: &str, peer: &Peer) -> Result<SecretString, OAuthError> {
        let params = Params::parse(form.as_bytes())?;
        let caller = AuthenticatedClient { client, params, peer: peer.clone() };
        Ok(redeem(&self.0, &caller).await?.body())
    }
}
