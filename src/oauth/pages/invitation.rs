//! Accepting an invitation: the link is good once, for the address that it was made for.
//!
//! Whoever invites sees the link too, so without a session neither the page nor the answer to its form says whether the address has
//! an account.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::super::App;
use super::super::passwords::SHORTEST;
use super::super::throttle::Bound;
use super::login::note_failure;
use super::own_form;
use super::password::weakness;
use crate::config::Config;
use crate::pages::texts::sign_in as texts;
use crate::pages::views::{Guest, InvitationPage, InvitationProblem, PasswordProblem, Section};
use crate::pages::{DisplayName, When};
use crate::record::Actor;
use crate::store::{Accepted, Accepting, Invitation, NewUser, Org, PasswordRecord, User, UserKind, UserState};
use crate::types::{PlainToken, TokenKind, UserId};
use crate::web::{AnySession, FormToken, Params, Peer, Trouble, brand, page, see_other, signed_in};

/// Longest name for people, characters.
const LONGEST_NAME: usize = 100;

/// Answers to one link from everywhere, and from one address to all links, over those to one link from one address.
const WIDER: u32 = 10;

/// An open invitation, and who opened it.
struct Opened {
    secret: PlainToken,
    invitation: Invitation,
    org: Org,
    session: Option<AnySession>,
}

/// `GET /invitations/{link}`.
pub async fn show(State(app): State<App>, peer: Peer, Path(link): Path<String>, headers: HeaderMap) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let opened = Opened::find(&app, &config, &link, &headers).await?;
        opened.page(&app, &config, "", None).await
    };
    outcome.await.unwrap_or_else(|trouble: Trouble| trouble.page(&config, &peer))
}

/// `POST /invitations/{link}`.
pub async fn submit(State(app): State<App>, peer: Peer, Path(link): Path<String>, headers: HeaderMap, body: Body) -> Response {
    let config = app.node.config.load_full();
    let outcome = async {
        let opened = Opened::find(&app, &config, &link, &headers).await?;
        opened.accept(&app, &config, &peer, (&headers, body)).await
    };
    outcome.await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

fn gone() -> Trouble {
    Trouble::at(StatusCode::NOT_FOUND, texts::invitation_gone())
}

impl Opened {
    async fn find(app: &App, config: &Config, link: &str, headers: &HeaderMap) -> Result<Self, Trouble> {
        let secret = PlainToken::presented(TokenKind::Invitation, link).ok_or_else(gone)?;
        let invitation = app.node.store.invitation(&secret.hashed(), app.node.now()).await?.ok_or_else(gone)?;
        let org = app.node.store.org(&invitation.org).await?.ok_or_else(gone)?;
        let session = signed_in(&app.node, config, headers).await?;
        Ok(Self { secret, invitation, org, session })
    }

    /// Without a session the link itself is what a form proves to know; it signs nobody in.
    fn token(&self, app: &App) -> FormToken {
        match &self.session {
            Some(session) => session.csrf.clone(),
            None => FormToken::before_session(&app.node.keys, &self.secret),
        }
    }

    fn path(&self) -> String {
        format!("/invitations/{}", self.secret.expose())
    }

    fn guest(&self) -> Guest {
        match &self.session {
            Some(session) if session.user.email == self.invitation.email => Guest::Invited,
            Some(session) => Guest::Other { email: session.user.email.clone() },
            None => {
                let next = url::form_urlencoded::Serializer::new(String::new()).append_pair("next", &self.path()).finish();
                Guest::Unknown { sign_in: format!("/login?{next}") }
            }
        }
    }

    async fn page(
        &self,
        app: &App,
        config: &Config,
        name: &str,
        problem: Option<InvitationProblem>,
    ) -> Result<Response, Trouble> {
        let frame = match &self.session {
            Some(session) => session.frame(config, Section::Elsewhere),
            None => InvitationPage::guest_frame(brand(config)),
        };
        let by = match &self.invitation.invited_by {
            Some(user) => app.node.store.user(user).await?.map(|user| user.email),
            None => None,
        };
        let view = InvitationPage {
            frame,
            action: self.path(),
            csrf: self.token(app).as_str().to_owned(),
            organization: DisplayName::new(&self.org.name),
            by,
            email: self.invitation.email.clone(),
            roles: self.invitation.roles.iter().map(ToString::to_string).collect(),
            ends: When::new(self.invitation.expires_at, app.node.now()),
            guest: self.guest(),
            name: name.to_owned(),
            shortest: SHORTEST,
            problem,
        };
        let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(page(status, &view))
    }

    async fn accept(
        &self,
        app: &App,
        config: &Config,
        peer: &Peer,
        (headers, body): (&HeaderMap, Body),
    ) -> Result<Response, Trouble> {
        let (form, genuine) = own_form(config, headers, body, &self.token(app)).await?;
        if !genuine {
            return self.page(app, config, "", Some(InvitationProblem::Expired)).await;
        }
        let who = match (self.guest(), &self.session) {
            (Guest::Invited, Some(session)) => Accepting::Known(session.user.id.clone()),
            (Guest::Unknown { .. }, _) => match self.newcomer(app, config, peer, &form).await? {
                Ok(new) => Accepting::New(new),
                Err(problem) => {
                    let name = form.one("name")?.unwrap_or_default();
                    return self.page(app, config, name, Some(problem)).await;
                }
            },
            _ => return self.page(app, config, "", None).await,
        };
        let (user, to) = match &who {
            Accepting::Known(user) => (user.clone(), "/"),
            Accepting::New(new) => (new.user.id.clone(), "/login"),
        };
        let cause = peer.cause(&app.node, Actor { user: Some(user), ..Actor::default() });
        match app.node.store.accept_invitation(&self.secret.hashed(), &who, &cause).await? {
            // An address that has an account keeps it as it is: its owner signs in, then opens the link again.
            Accepted::Done | Accepted::Taken => Ok(see_other(to)),
            Accepted::Gone => Err(gone()),
        }
    }

    /// Counts a password before it is hashed: a hash takes long and few are made at once, so whoever has a link could make everybody
    /// wait who signs in.
    async fn may_hash(&self, app: &App, config: &Config, peer: &Peer) -> Result<(), Trouble> {
        let (network, limit, id) = (peer.network(), config.oauth.login_attempts.max(1), &self.invitation.id);
        let wider = limit.saturating_mul(WIDER);
        let bounds = [
            Bound { key: format!("{network} {id}"), limit, lock: "invitation_locked" },
            Bound { key: format!("from {network}"), limit: wider, lock: "network_invitations_locked" },
            Bound { key: format!("at {id}"), limit: wider, lock: "invitation_locked_everywhere" },
        ];
        let Err(lock) = app.invitations.attempt_under(&bounds, app.node.now()) else { return Ok(()) };
        if let Some(reason) = lock.news {
            note_failure(app, peer, Actor::default(), reason).await?;
        }
        Err(Trouble::at(StatusCode::TOO_MANY_REQUESTS, texts::invitation_locked()))
    }

    /// The account that a newcomer asks for.
    async fn newcomer(
        &self,
        app: &App,
        config: &Config,
        peer: &Peer,
        form: &Params,
    ) -> Result<Result<NewUser, InvitationProblem>, Trouble> {
        let name = form.one("name")?.unwrap_or_default().trim().to_owned();
        if name.is_empty() || name.chars().count() > LONGEST_NAME || name.chars().any(char::is_control) {
            return Ok(Err(InvitationProblem::Name));
        }
        let password = form.one("new-password")?.unwrap_or_default().to_owned();
        if let Some(problem) = weakness("", &password, &self.invitation.email) {
            // There is no password before this one that it could equal.
            let problem = if problem == PasswordProblem::Unchanged { PasswordProblem::TooShort } else { problem };
            return Ok(Err(InvitationProblem::Password(problem)));
        }
        self.may_hash(app, config, peer).await?;
        let now = app.node.now();
        let phc = app.passwords.hash(password.into(), app.node.entropy.clone()).await?;
        let user = User {
            id: UserId::generate(now, &*app.node.entropy),
            email: self.invitation.email.clone(),
            name,
            kind: UserKind::Person,
            state: UserState::Active,
            created_at: now,
        };
        Ok(Ok(NewUser { user, password: Some(PasswordRecord { phc, one_time: false }) }))
    }
}
