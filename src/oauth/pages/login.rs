//! Signing in with a local account.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use secrecy::SecretString;

use super::super::throttle::Bound;
use super::super::{App, passwords::PasswordFault};
use super::after::{AGAIN, After};
use super::{continuing, own_form, with_cookie};
use crate::config::Config;
use crate::pages::duration_words;
use crate::pages::views::{LoginPage, LoginProblem};
use crate::record::{Actor, ControlEvent, Operation};
use crate::store::{StoreError, User, UserKind, UserState};
use crate::types::{PlainToken, TokenKind, UserId};
use crate::web::{
    FormToken, Params, Peer, Trouble, brand, cookie, new_cookie, page, see_other, session_cookie, signed_in, started_session,
};

/// The cookie that binds the sign-in form to the browser before there is a session.
const FORM_COOKIE: &str = "tollgate-sign-in";
/// Longest address that is looked up, bytes (RFC 5321 §4.5.3.1.3).
const MAX_EMAIL: usize = 254;
/// Failures of one account from everywhere, and from one address at all accounts, over those of one account from one address.
const WIDER: u32 = 10;

impl From<PasswordFault> for Trouble {
    fn from(fault: PasswordFault) -> Self {
        StoreError::Unavailable { what: "checking a password", source: Box::new(fault) }.into()
    }
}

/// What the page needs besides the problem.
struct Form {
    after: After,
    /// Whether a decision waits that takes a sign-in of this moment.
    again: bool,
    cookie: PlainToken,
    new: bool,
}

impl Form {
    fn read(app: &App, config: &Config, query: Option<&str>, headers: &HeaderMap) -> Self {
        let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
        let (after, again) = (After::read(&params), params.one(AGAIN).ok().flatten().is_some());
        let name = cookie_name(config);
        let known = cookie(headers, &name).and_then(|v| PlainToken::presented(TokenKind::Csrf, v));
        let new = known.is_none();
        let cookie = known.unwrap_or_else(|| PlainToken::generate(TokenKind::Csrf, &*app.node.entropy));
        Self { after, again, cookie, new }
    }

    fn token(&self, app: &App) -> FormToken {
        FormToken::before_session(&app.node.keys, &self.cookie)
    }

    async fn page(&self, app: &App, config: &Config, email: &str, problem: Option<LoginProblem>) -> Result<Response, Trouble> {
        let status = match &problem {
            None | Some(LoginProblem::Again | LoginProblem::Once) => StatusCode::OK,
            Some(LoginProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(LoginProblem::Refused) => StatusCode::UNAUTHORIZED,
            Some(LoginProblem::Expired) => StatusCode::FORBIDDEN,
        };
        let csrf = self.token(app).as_str().to_owned();
        let mut view = LoginPage::new(brand(config), self.after.through("/login"), csrf);
        view.continue_to = continuing(app, &self.after).await?.map(|(_, name)| name);
        email.clone_into(&mut view.email);
        view.problem = problem;
        let https = config.issuer.is_https();
        let set = self.new.then(|| new_cookie(&cookie_name(config), self.cookie.expose(), https)).flatten();
        Ok(with_cookie(page(status, &view), set))
    }
}

fn cookie_name(config: &Config) -> String {
    if config.issuer.is_https() { format!("__Host-{FORM_COOKIE}") } else { FORM_COOKIE.to_owned() }
}

/// `GET /login`.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap) -> Response {
    let config = app.node.config.load_full();
    let form = Form::read(&app, &config, query.as_deref(), &headers);
    let outcome = async {
        // Whoever is signed in and came without a request has nothing to do here; with one they may want another account.
        let session = match form.after {
            After::Request(..) if !form.again => None,
            _ => signed_in(&app.node, &config, &headers).await?,
        };
        match session {
            Some(session) if form.again && !session.is_recent(app.node.now()) => {
                form.page(&app, &config, &session.user.email, Some(LoginProblem::Once)).await
            }
            Some(session) if form.after.asks_again() && !session.is_fresh(app.node.now()) => {
                form.page(&app, &config, &session.user.email, Some(LoginProblem::Again)).await
            }
            Some(_) => Ok(see_other(&form.after.location())),
            None => form.page(&app, &config, "", None).await,
        }
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}

/// `POST /login`.
pub async fn submit(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, headers: HeaderMap, body: Body) -> Response {
    let config = app.node.config.load_full();
    let form = Form::read(&app, &config, query.as_deref(), &headers);
    let outcome = sign_in(&app, &config, &peer, &form, (&headers, body)).await;
    outcome.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

async fn sign_in(
    app: &App,
    config: &Config,
    peer: &Peer,
    form: &Form,
    (headers, body): (&HeaderMap, Body),
) -> Result<Response, Trouble> {
    let (fields, genuine) = own_form(config, headers, body, &form.token(app)).await?;
    let email = fields.one("email")?.unwrap_or_default().trim().to_lowercase();
    if !genuine {
        return form.page(app, config, "", Some(LoginProblem::Expired)).await;
    }
    if let Err(lock) = app.sign_ins.attempt_under(&bounds(config, peer, &email), app.node.now()) {
        if let Some(reason) = lock.news {
            note_failure(app, peer, Actor::default(), reason).await?;
        }
        let problem = LoginProblem::TooMany { wait: duration_words(lock.left.max(Duration::from_secs(1))) };
        return form.page(app, config, &email, Some(problem)).await;
    }
    let password = fields.one("password")?.unwrap_or_default().to_owned();
    let Some((user, proof)) = proved(app, &email, password).await? else {
        return refused(app, config, peer, form, &email).await;
    };
    let cause = |user: &UserId| peer.cause(&app.node, Actor { user: Some(user.clone()), ..Actor::default() });
    let (secret, session) = started_session(&app.node, config, &user);
    if !app.node.store.start_session(&session, Some(&proof), &cause(&user.id)).await? {
        return refused(app, config, peer, form, &email).await;
    }
    for bound in bounds(config, peer, &email) {
        app.sign_ins.forgive(&bound.key, app.node.now());
    }
    if let Some(before) = signed_in(&app.node, config, headers).await? {
        // Whoever signs in over somebody else's session signs them out, and is no stranger in their log.
        app.node.store.end_session(&before.session.hash, &cause(&before.user.id)).await?;
    }
    let one_time = app.node.store.password(&user.id).await?.is_some_and(|p| p.one_time);
    let to = if one_time { form.after.through("/password") } else { form.after.location() };
    Ok(with_cookie(see_other(&to), session_cookie(config, &secret)))
}

async fn refused(app: &App, config: &Config, peer: &Peer, form: &Form, email: &str) -> Result<Response, Trouble> {
    note_failure(app, peer, Actor::default(), "credentials").await?;
    form.page(app, config, email, Some(LoginProblem::Refused)).await
}

/// Puts on record that somebody did not prove who they are, or may not try for now.
pub(super) async fn note_failure(app: &App, peer: &Peer, actor: Actor, reason: &'static str) -> Result<(), Trouble> {
    let event = ControlEvent::refused(Operation::LoginFail, reason);
    Ok(app.node.store.note(None, event, &peer.cause(&app.node, actor)).await?)
}

/// The user whose address and password these are, if they may sign in, with the hash that was compared. Takes as long for everybody else.
async fn proved(app: &App, email: &str, password: String) -> Result<Option<(User, SecretString)>, Trouble> {
    let user = if email.len() <= MAX_EMAIL { app.node.store.user_by_email(email).await? } else { None };
    let record = match &user {
        Some(user) => app.node.store.password(&user.id).await?,
        None => None,
    };
    let hash = record.map(|r| r.phc);
    let right = app.passwords.verify(password.into(), hash.clone()).await?;
    let user = user.filter(|u| right && u.state == UserState::Active && u.kind == UserKind::Person);
    Ok(user.zip(hash))
}

/// What counts a failure, the narrowest first: one address alone can't lock anybody out elsewhere.
fn bounds(config: &Config, peer: &Peer, email: &str) -> [Bound; 3] {
    let (network, limit) = (peer.network(), config.oauth.login_attempts.max(1));
    let account: String = email.chars().take(MAX_EMAIL).collect();
    let wider = limit.saturating_mul(WIDER);
    [
        Bound { key: format!("{network} {account}"), limit, lock: "locked" },
        Bound { key: format!("from {network}"), limit: wider, lock: "network_locked" },
        Bound { key: format!("at {account}"), limit: wider, lock: "account_locked" },
    ]
}
