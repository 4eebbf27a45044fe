//! Connecting a device (RFC 8628 §3.3): the person types or compares its code, sees who asks, and decides.
//!
//! Nothing but the code leads to a decision, and only a form of this session carries it there: a link fills the field in at most.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{RawQuery, State};
use axum::response::Response;
use http::{HeaderMap, StatusCode};

use super::super::throttle::Bound;
use super::super::{App, ask};
use super::after::{After, DEVICE, chosen};
use super::consent::{Agreed, new_grant};
use super::offer::{Offer, lifetime, takes_sign_in};
use super::own_form;
use crate::config::{Config, GrantFlow};
use crate::pages::views::{
    ConsentPage, ConsentProblem, Destination, DeviceDonePage, DeviceFacts, DevicePage, DeviceProblem, Nearness, Section,
};
use crate::pages::{DisplayName, When, duration_words, program};
use crate::record::{Actor, Cause, ControlEvent, Operation};
use crate::store::{Approvals, Approve, Client, ClientState, DeviceRequest, GrantType, Org};
use crate::types::{OrgId, ScopeSet, UserCode};
use crate::web::{Params, Peer, SignedIn, Trouble, network, page, see_other};

/// Wrong codes from one address at all accounts, over those of one account.
const WIDER: u32 = 10;

/// A device that waits for this person, and where they may say yes to it.
struct Waiting {
    request: DeviceRequest,
    offer: Offer,
    /// The organization that the form names.
    chosen: Option<OrgId>,
}

/// One visit to the page.
struct Visit<'a> {
    app: &'a App,
    config: &'a Config,
    peer: &'a Peer,
    who: &'a SignedIn,
}

/// `GET /device`, with `user_code` when a link of the device led here, and `org` when the person chose one before they had to sign
/// in once more.
pub async fn show(State(app): State<App>, peer: Peer, RawQuery(query): RawQuery, who: SignedIn) -> Response {
    let config = app.node.config.load_full();
    let visit = Visit { app: &app, config: &config, peer: &peer, who: &who };
    let params = Params::parse(query.unwrap_or_default().as_bytes()).unwrap_or_default();
    let code = params.one("user_code").ok().flatten().and_then(UserCode::typed);
    let code = code.map(|c| c.to_string()).unwrap_or_default();
    visit.entry((&code, chosen(&params)), None)
}

/// `POST /device`: the code, and from the page after it the decision.
pub async fn submit(State(app): State<App>, peer: Peer, headers: HeaderMap, who: SignedIn, body: Body) -> Response {
    let config = app.node.config.load_full();
    let visit = Visit { app: &app, config: &config, peer: &peer, who: &who };
    visit.answer(&headers, body).await.unwrap_or_else(|trouble| trouble.page(&config, &peer))
}

/// The way to sign in once more and back. It leads to the code, never past it: a link that leads to a decision could be sent to
/// somebody.
fn once_more(code: &str, org: &Org) -> String {
    After::Page(format!("{DEVICE}?user_code={code}&org={}", org.id)).once_more()
}

/// Whether the client is still one for devices, and may still ask for this.
fn still_asks(config: &Config, (client, approved): (&Client, &ScopeSet), request: &DeviceRequest) -> bool {
    let asking = ask::Asking { client, approved, flow: GrantFlow::DeviceCode };
    client.grant_types.contains(&GrantType::DeviceCode) && ask::still_allowed(config, asking, &request.scopes)
}

impl Visit<'_> {
    fn entry(&self, (code, org): (&str, Option<OrgId>), problem: Option<DeviceProblem>) -> Response {
        let status = match &problem {
            None => StatusCode::OK,
            Some(DeviceProblem::Unknown) => StatusCode::UNPROCESSABLE_ENTITY,
            Some(DeviceProblem::TooMany { .. }) => StatusCode::TOO_MANY_REQUESTS,
            Some(DeviceProblem::Expired) => StatusCode::FORBIDDEN,
        };
        let frame = self.who.frame(self.config, Section::Elsewhere);
        let csrf = self.who.csrf.as_str().to_owned();
        let org = org.map(|org| org.to_string());
        page(status, &DevicePage { frame, csrf, code: code.to_owned(), org, problem })
    }

    async fn answer(&self, headers: &HeaderMap, body: Body) -> Result<Response, Trouble> {
        let (form, genuine) = own_form(self.config, headers, body, &self.who.csrf).await?;
        let typed = form.one("user_code")?.and_then(UserCode::typed);
        let shown = typed.as_ref().map(ToString::to_string).unwrap_or_default();
        if !genuine {
            return Ok(self.entry((&shown, chosen(&form)), Some(DeviceProblem::Expired)));
        }
        // Codes are counted before they are looked up, and forgiven when they are right (RFC 8628 §5.1).
        if let Err(lock) = self.app.user_codes.attempt_under(&self.bounds(), self.app.node.now()) {
            if let Some(reason) = lock.news {
                self.note_lock(reason).await?;
            }
            let problem = DeviceProblem::TooMany { wait: duration_words(lock.left.max(Duration::from_secs(1))) };
            return Ok(self.entry(("", None), Some(problem)));
        }
        let Some(waiting) = self.waiting(typed, chosen(&form)).await? else {
            return Ok(self.entry((&shown, None), Some(DeviceProblem::Unknown)));
        };
        for bound in self.bounds() {
            self.app.user_codes.forgive(&bound.key, self.app.node.now());
        }
        match (form.one("approve")?, form.one("deny")?) {
            (None, None) => self.ask(&waiting, None).await,
            (None, Some(_)) => self.deny(&waiting).await,
            (Some(_), None) => match waiting.offer.place(form.one("org")?) {
                None => self.ask(&waiting, Some(ConsentProblem::NoOrganization)).await,
                Some(place) if place.needs_approval() => {
                    let cause = self.cause(&waiting.offer.client);
                    Err(waiting.offer.wait_for_approval(self.app, self.who, &place.org, &cause).await?)
                }
                Some(place) if takes_sign_in(self.config, &waiting.request.scopes, self.who, self.app.node.now()) => {
                    Ok(see_other(&once_more(&shown, &place.org)))
                }
                Some(place) => self.approve(&waiting, &place.org).await,
            },
            (Some(_), Some(_)) => self.ask(&waiting, Some(ConsentProblem::Expired)).await,
        }
    }

    /// The request that waits with this code.
    async fn waiting(&self, code: Option<UserCode>, chosen: Option<OrgId>) -> Result<Option<Waiting>, Trouble> {
        let (store, Some(code)) = (&self.app.node.store, code) else { return Ok(None) };
        let Some(request) = store.waiting_device(&code, self.app.node.now()).await? else { return Ok(None) };
        let client = store.client(&request.client).await?.filter(|c| c.state == ClientState::Active);
        let Some(client) = client else { return Ok(None) };
        let approved = ask::approved_scopes(&self.app.node, self.config, &client).await?;
        if !still_asks(self.config, (&client, &approved), &request) {
            return Ok(None);
        }
        Ok(Some(Waiting { request, offer: Offer::to(self.app, client, self.who).await?, chosen }))
    }

    async fn ask(&self, waiting: &Waiting, problem: Option<ConsentProblem>) -> Result<Response, Trouble> {
        let (Waiting { request, offer, chosen }, Self { app, config, who, .. }) = (waiting, self);
        let before = offer.before(app, who).await?;
        let view = ConsentPage {
            frame: who.frame(config, Section::Elsewhere),
            action: DEVICE.to_owned(),
            csrf: who.csrf.as_str().to_owned(),
            user: who.user.email.clone(),
            switch_user: format!("/logout?next={}", url::form_urlencoded::byte_serialize(DEVICE.as_bytes()).collect::<String>()),
            client: offer.shown(app).await?,
            resembles: offer.resembles(app).await?,
            organizations: offer.choices(chosen.as_ref()),
            scopes: offer.scope_groups(config, &request.scopes, &before),
            earlier: offer.earlier(config, &before, &request.scopes, app.node.now()),
            destination: Destination::Device,
            lifetime: lifetime(config),
            device: Some(self.facts(request)),
            problem,
        };
        let status = if problem.is_some() { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
        Ok(page(status, &view))
    }

    /// What lets the person see that a stranger's device asks (RFC 8628 §5.4).
    fn facts(&self, request: &DeviceRequest) -> DeviceFacts {
        let same = request.from.is_some_and(|from| network(from) == self.peer.network());
        DeviceFacts {
            code: request.user_code.to_string(),
            from: request.from.map(|a| a.to_string()),
            nearness: if same { Nearness::SameNetwork } else { Nearness::Elsewhere },
            program: request.user_agent.as_deref().map(program),
            asked: When::new(request.created_at, self.app.node.now()),
        }
    }

    fn cause(&self, client: &Client) -> Cause {
        let actor = Actor {
            user: Some(self.who.user.id.clone()),
            client: Some(client.id.clone()),
            client_name: Some(client.name.clone()),
            ..Actor::default()
        };
        self.peer.cause(&self.app.node, actor)
    }

    async fn deny(&self, waiting: &Waiting) -> Result<Response, Trouble> {
        let client = &waiting.offer.client;
        match self.app.node.store.deny_device(&waiting.request.user_code, &self.cause(client)).await? {
            Approve::Done => Ok(self.done(client, false)),
            Approve::Gone => Ok(self.entry(("", None), Some(DeviceProblem::Unknown))),
        }
    }

    async fn approve(&self, waiting: &Waiting, org: &Org) -> Result<Response, Trouble> {
        let (Waiting { request, offer, .. }, Self { app, config, who, .. }) = (waiting, self);
        let client = &offer.client;
        let grant = new_grant(app, config, who, org, (&request.client, &request.scopes, &request.resources));
        let mut cause = self.cause(client);
        cause.actor.grant = Some(grant.id.clone());
        let still = |client: &Client, approvals: &Approvals| still_asks(config, (client, &approvals.live(cause.at)), request);
        let agreed = Agreed::to(config, client, &grant, still);
        if app.node.store.approve_device(&request.user_code, &grant, &agreed, &cause).await? == Approve::Gone {
            return Ok(self.entry(("", None), Some(DeviceProblem::Unknown)));
        }
        app.node.metrics.grants_issued.inc();
        agreed.settle(app).await?;
        Ok(self.done(client, true))
    }

    fn done(&self, client: &Client, allowed: bool) -> Response {
        let outcome = if allowed { "approved" } else { "denied" };
        self.app.node.metrics.devices.with_label_values(&[outcome]).inc();
        let frame = self.who.frame(self.config, Section::Elsewhere);
        page(StatusCode::OK, &DeviceDonePage { frame, client: DisplayName::new(&client.name), allowed })
    }

    /// What counts a wrong code, the narrowest first: one account can't keep a whole network from connecting devices.
    fn bounds(&self) -> [Bound; 2] {
        let limit = self.config.oauth.login_attempts.max(1);
        let (account, from) = (format!("by {}", self.who.user.id), format!("from {}", self.peer.network()));
        [
            Bound { key: account, limit, lock: "user_codes_locked" },
            Bound { key: from, limit: limit.saturating_mul(WIDER), lock: "network_user_codes_locked" },
        ]
    }

    /// Puts on record that somebody guesses user codes.
    async fn note_lock(&self, reason: &'static str) -> Result<(), Trouble> {
        let actor = Actor { user: Some(self.who.user.id.clone()), ..Actor::default() };
        let event = ControlEvent::refused(Operation::AuthorizeError, reason);
        Ok(self.app.node.store.note(None, event, &self.peer.cause(&self.app.node, actor)).await?)
    }
}
