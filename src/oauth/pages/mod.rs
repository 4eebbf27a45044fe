//! The pages of signing in and consenting.

mod after;
mod before;
mod consent;
mod device;
mod home;
mod invitation;
mod login;
mod logout;
mod offer;
mod password;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use axum::routing::{MethodRouter, get, post};
use http::HeaderMap;

use super::App;
use crate::config::Config;
use crate::pages::DisplayName;
use crate::store::{AuthRequest, StoreError};
use crate::web::{FormToken, MAX_FORM, Params, Trouble, body_within, from_our_pages};
use after::After;

/// Where a page is, and what answers there.
type Route = (&'static str, fn() -> MethodRouter<App>);

/// Every page.
pub(super) const ROUTES: [Route; 8] = [
    ("/", || get(home::home)),
    ("/assets/{file}", || get(home::asset)),
    ("/invitations/{link}", || get(invitation::show).post(invitation::submit)),
    ("/login", || get(login::show).post(login::submit)),
    ("/logout", || post(logout::submit)),
    ("/password", || get(password::show).post(password::submit)),
    ("/consent", || get(consent::show).post(consent::submit)),
    ("/device", || get(device::show).post(device::submit)),
];

/// The pages' routes.
pub(super) fn routes() -> Router<App> {
    ROUTES.iter().fold(Router::new(), |pages, (path, methods)| pages.route(path, methods()))
}

/// Reads a form of one of our own pages; `None` when it carries another token than `token`, as an old page does.
async fn own_form(config: &Config, headers: &HeaderMap, body: Body, token: &FormToken) -> Result<(Params, bool), Trouble> {
    if !from_our_pages(headers, &config.issuer) {
        return Err(Trouble::forged());
    }
    let body = body_within(body, MAX_FORM).await.ok_or_else(Trouble::forged)?;
    let form = Params::parse(&body)?;
    let genuine = token.matches(form.one("csrf")?);
    Ok((form, genuine))
}

/// The name of the client that the person continues to, and its request.
async fn continuing(app: &App, after: &After) -> Result<Option<(AuthRequest, DisplayName)>, StoreError> {
    let After::Request(id, _) = after else { return Ok(None) };
    let Some(request) = app.node.store.pending_request(id, app.node.now()).await? else { return Ok(None) };
    let client = app.node.store.client(&request.client).await?;
    Ok(client.map(|c| (request, DisplayName::new(&c.name))))
}

/// Puts a cookie into an answer.
fn with_cookie(mut response: Response, cookie: Option<http::HeaderValue>) -> Response {
    if let Some(cookie) = cookie {
        response.headers_mut().append(http::header::SET_COOKIE, cookie);
    }
    response
}
