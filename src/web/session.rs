//! Signed-in browsers.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRef, FromRequestParts};
use axum::response::Response;
use http::HeaderMap;
use http::HeaderValue;
use http::request::Parts;

use super::cookies::full_name;
use super::{FormToken, Peer, Trouble, cookie, expired_cookie, new_cookie, see_other};
use crate::config::Config;
use crate::node::Node;
use crate::pages::DisplayName;
use crate::pages::views::{Frame, OrgLink, Section, Viewer};
use crate::store::{Org, Session, SessionFacts, StoreError, User};
use crate::types::{OwnScope, PlainToken, RoleName, Timestamp, TokenKind};

/// The session cookie's name, before its `__Host-`.
pub const SESSION_COOKIE: &str = "tollgate";
/// The pages of an organization with what a member must hold to open them. The menu leads to the first, and that to the rest.
const ORG_PAGES: [(OwnScope, &str); 4] = [
    (OwnScope::AuditRead, "audit"),
    (OwnScope::GrantsRead, "applications"),
    (OwnScope::MembersRead, "members"),
    (OwnScope::ClientsRead, "machines"),
];
/// What a member must hold to see an organization's apps.
const APPS_SCOPE: OwnScope = OwnScope::ClientsRead;

/// How old a sign-in may be for what concerns everybody here: the operator's pages.
pub const FRESH: Duration = Duration::from_mins(15);
/// How old a sign-in may be for letting an application do something of high risk.
const RECENT: Duration = Duration::from_mins(5);

/// A live session, whether or not its user still has to change a one-time password.
#[derive(Debug)]
pub struct AnySession {
    /// The session.
    pub session: Session,
    /// Whose it is.
    pub user: User,
    /// Whether the user still has the password that the account was made with.
    pub must_change_password: bool,
    /// Whether the user looks after this gateway.
    pub operator: bool,
    /// The active organizations that the user is a member of, by short name, with the roles there.
    pub orgs: Vec<(Org, Vec<RoleName>)>,
    /// The value that this session's forms carry.
    pub csrf: FormToken,
    /// The cookie's value.
    pub secret: PlainToken,
}

/// A live session of a user who may go everywhere. As an extractor it sends everybody else to sign in, and back afterwards when
/// the request was a GET.
#[derive(Debug)]
pub struct SignedIn(pub AnySession);

impl std::ops::Deref for SignedIn {
    type Target = AnySession;
    fn deref(&self) -> &AnySession {
        &self.0
    }
}

/// The session of the browser that sent `headers`, if there is a live one.
///
/// # Errors
/// When the store fails.
pub async fn signed_in(node: &Node, config: &Config, headers: &HeaderMap) -> Result<Option<AnySession>, StoreError> {
    let name = full_name(SESSION_COOKIE, config.issuer.is_https());
    let Some(secret) = cookie(headers, &name).and_then(|v| PlainToken::presented(TokenKind::Session, v)) else {
        return Ok(None);
    };
    let found = node.store.session(&secret.hashed(), node.now(), config.oauth.session_idle).await?;
    let csrf = FormToken::of_session(&node.keys, &secret);
    let session = |facts: SessionFacts| {
        let SessionFacts { session, user, one_time_password: must_change_password, operator, orgs } = facts;
        AnySession { session, user, must_change_password, operator, orgs, csrf, secret }
    };
    Ok(found.map(session))
}

/// A session for a user who has just proved who they are: its secret is new, whatever cookie the browser came with.
#[must_use]
pub fn started_session(node: &Node, config: &Config, user: &User) -> (PlainToken, Session) {
    let (secret, now) = (PlainToken::generate(TokenKind::Session, &*node.entropy), node.now());
    let expires_at = now.plus(config.oauth.session_ttl);
    let session = Session { hash: secret.hashed(), user: user.id.clone(), authenticated_at: now, expires_at, seen_at: now };
    (secret, session)
}

/// The `Set-Cookie` value of a session.
#[must_use]
pub fn session_cookie(config: &Config, secret: &PlainToken) -> Option<HeaderValue> {
    let https = config.issuer.is_https();
    new_cookie(&full_name(SESSION_COOKIE, https), secret.expose(), https)
}

/// The `Set-Cookie` value that ends a session in the browser.
#[must_use]
pub fn ended_session_cookie(config: &Config) -> Option<HeaderValue> {
    let https = config.issuer.is_https();
    expired_cookie(&full_name(SESSION_COOKIE, https), https)
}

impl AnySession {
    /// The frame of a page in `section`, with this session's user and what they may see of their organizations.
    #[must_use]
    pub fn frame(&self, config: &Config, section: Section) -> Frame {
        let links = |pages: &[(OwnScope, &'static str)]| {
            let link = |org: &Org, roles: &[RoleName]| {
                let page = pages.iter().find(|(scope, _)| config.may(roles, *scope)).map(|(_, page)| *page)?;
                Some(OrgLink { slug: org.slug.to_string(), organization: DisplayName::new(&org.name), page })
            };
            self.orgs.iter().filter_map(|(org, roles)| link(org, roles)).collect()
        };
        let (own, apps) = (links(&ORG_PAGES), links(&[(APPS_SCOPE, "apps")]));
        let viewer = Viewer {
            email: self.user.email.clone(),
            csrf: self.csrf.as_str().to_owned(),
            orgs: own,
            apps,
            operator: self.operator,
        };
        Frame { viewer: Some(viewer), section, ..super::frame(config) }
    }

    /// The organization of this short name with the roles that the user has there, if it is active and they are a member.
    #[must_use]
    pub fn org(&self, slug: &str) -> Option<(&Org, &[RoleName])> {
        self.orgs.iter().find(|(org, _)| org.slug.as_str() == slug).map(|(org, roles)| (org, roles.as_slice()))
    }

    /// Whether its user proved a moment ago who they are.
    #[must_use]
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now.since(self.session.authenticated_at) < FRESH
    }

    /// The same for letting an application do something of high risk, where the moment is shorter.
    #[must_use]
    pub fn is_recent(&self, now: Timestamp) -> bool {
        now.since(self.session.authenticated_at) <= RECENT
    }
}

impl<S> FromRequestParts<S> for SignedIn
where
    S: Send + Sync,
    Arc<Node>: FromRef<S>,
{
    type Rejection = Response;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Response> {
        let node = Arc::<Node>::from_ref(state);
        let config = node.config.load_full();
        let peer = Peer::from_request_parts(parts, state).await.map_err(axum::response::IntoResponse::into_response)?;
        let fault = |error: StoreError| Trouble::from(error).page(&config, &peer);
        let way_back = if parts.method == http::Method::GET { sign_in_query(parts) } else { String::new() };
        let session = signed_in(&node, &config, &parts.headers).await.map_err(fault)?;
        let Some(session) = session else { return Err(see_other(&format!("/login{way_back}"))) };
        if session.must_change_password {
            return Err(see_other(&format!("/password{way_back}")));
        }
        Ok(Self(session))
    }
}

/// The query that brings a browser back to where it was: the authorization request that it came with, or the page.
fn sign_in_query(parts: &Parts) -> String {
    let query = parts.uri.query().unwrap_or_default();
    let request =
        super::Params::parse(query.as_bytes()).ok().and_then(|p| p.one("request").ok().flatten().map(ToOwned::to_owned));
    let mut out = url::form_urlencoded::Serializer::for_suffix("?".to_owned(), 1);
    match request {
        Some(id) => out.append_pair("request", &id),
        None => out.append_pair("next", parts.uri.path_and_query().map_or("/", |p| p.as_str())),
    };
    out.finish()
}
