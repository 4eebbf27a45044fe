//! Test authorization: a member goes the way of a customer, and this gateway stands in for the app, so that they see what the
//! app would be given.
//!
//! The redirect target is a page here, which counts as the app's for the one request of the browser session that began the test
//! ([`crate::store::Trial`]). The token stays in the store, sealed for that session; a page shows the last four characters.

mod call;
mod given;
mod kept;

use std::time::Duration;

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::StatusCode;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;
use url::form_urlencoded::Serializer;

use super::Visit;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::config::Config;
use crate::pages::DisplayName;
use crate::pages::texts::{Text, apps, name as name_of, trial as texts};
use crate::pages::views::{AppTestPage, LastTest, Section, TestProgress, TestedClient, Way};
use crate::store::{self, Client, ClientState, RevokeReason, Stage, Trial};
use crate::types::{GrantId, HashedToken, RedirectUri};
use crate::web::{Params, Trouble, page, see_other};
use given::Given;
use kept::Kept;

/// How long a test, and what it is given, lasts.
const LENGTH: Duration = Duration::from_hours(1);

/// An onboarding URL as the browser of a customer of this gateway opens it: it says where they come from.
pub(super) fn onboarding(config: &Config, url: Option<&str>) -> Option<String> {
    let mut url = Url::parse(url?).ok()?;
    url.query_pairs_mut().append_pair("iss", config.issuer.as_str()).append_pair("site", config.site());
    Some(url.into())
}

/// `GET /orgs/{org}/apps/{app}/test`.
pub(in crate::account) async fn show(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let test = Test { found: visit.find(&id).await?, visit };
        let params = Params::parse(query.unwrap_or_default().as_bytes())?;
        match test.given().await? {
            Some(given) => Ok(test.page(None, TestProgress::Given(Box::new(given.shown())))),
            None => test.ready(None, params.one("done")?.map(|_| LastTest::Done)).await,
        }
    };
    visitor.answer(shown.await)
}

/// `POST /orgs/{org}/apps/{app}/test`: the act whose button was pressed.
pub(in crate::account) async fn act(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    visitor: Visitor,
    body: Body,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let form = visit.form(body).await?;
        let test = Test { found: visit.find(&id).await?, visit };
        match (form.one("begin")?, form.one("call")?, form.one("end")?) {
            (Some("draft"), None, None) => test.begin(Stage::Draft).await,
            (Some("published"), None, None) => test.begin(Stage::Published).await,
            (None, Some(_), None) => test.call(&form).await,
            (None, None, Some(_)) => test.end().await,
            _ => Err(not_found()),
        }
    };
    visitor.answer(done.await)
}

/// `GET /orgs/{org}/apps/{app}/test/callback`: where the answer to the authorization request comes.
pub(in crate::account) async fn callback(
    State(app): State<App>,
    Path((org, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let done = async {
        let visit = Visit::to_change(&app, &visitor, &org)?;
        let test = Test { found: visit.find(&id).await?, visit };
        test.answered(&Params::parse(query.unwrap_or_default().as_bytes())?).await
    };
    visitor.answer(done.await)
}

fn encoded(fields: &[(&str, &str)]) -> String {
    Serializer::new(String::new()).extend_pairs(fields).finish()
}

/// The answer is not one to what this browser asked, or its test has ended.
fn misplaced() -> Trouble {
    Trouble::refused(texts::not_your_test())
}

/// A test of an app by somebody who may change it.
struct Test<'a> {
    visit: Visit<'a>,
    found: store::App,
}

impl Test<'_> {
    fn path(&self) -> String {
        format!("{}/test", self.visit.path(&self.found))
    }

    /// The one that this browser has under way with this app.
    async fn running(&self) -> Result<Option<Trial>, Trouble> {
        let node = &self.visit.app.node;
        let trial = node.store.trial(&self.visit.visitor.who.session.hash, node.now()).await?;
        Ok(trial.filter(|t| t.app == self.found.id && t.org == self.visit.org.id))
    }

    /// What the app was given, as long as it is worth something.
    async fn given(&self) -> Result<Option<Given<'_>>, Trouble> {
        match self.running().await? {
            Some(trial) => Given::read(&self.visit, trial).await,
            None => Ok(None),
        }
    }

    /// The client of a stage, with the onboarding URL that leads to it.
    async fn client(&self, stage: Stage) -> Result<Option<(Client, Option<String>)>, Trouble> {
        let store = &self.visit.app.node.store;
        let (id, url) = match stage {
            Stage::Draft => (Some(&self.found.draft_client), self.found.draft.onboarding_url.clone()),
            Stage::Published => {
                let versions = store.app_versions(&self.found.id).await?;
                let last = versions.into_iter().next();
                (self.found.published_client.as_ref(), last.and_then(|v| v.definition.onboarding_url))
            }
        };
        let Some(id) = id else { return Ok(None) };
        let client = store.client(id).await?.filter(|c| c.state == ClientState::Active);
        Ok(client.map(|c| (c, onboarding(&self.visit.visitor.config, url.as_deref()))))
    }

    async fn clients(&self) -> Result<Vec<TestedClient>, Trouble> {
        let mut clients = Vec::new();
        for (stage, name, title) in
            [(Stage::Draft, "draft", apps::draft_client()), (Stage::Published, "published", apps::published_client())]
        {
            let Some((client, onboarding)) = self.client(stage).await? else { continue };
            let scopes = client.scopes.as_ref().map_or(0, crate::types::ScopeSet::len);
            clients.push(TestedClient { stage: name, title, client_id: client.id.to_string(), onboarding, scopes });
        }
        Ok(clients)
    }

    async fn ready(&self, problem: Option<Text>, last: Option<LastTest>) -> Result<Response, Trouble> {
        let clients = self.clients().await?;
        let off = clients.is_empty().then(texts::switched_off);
        Ok(self.page(problem.or(off), TestProgress::Ready { clients, last }))
    }

    fn page(&self, problem: Option<Text>, progress: TestProgress) -> Response {
        let (visit, name) = (&self.visit, &self.found.draft.name);
        let section = Section::Apps { slug: visit.org.slug.to_string() };
        let status = if problem.is_some() { StatusCode::CONFLICT } else { StatusCode::OK };
        let view = AppTestPage {
            frame: visit.visitor.frame(section),
            back: Way { href: visit.path(&self.found), text: name_of(&DisplayName::new(name)) },
            action: self.path(),
            csrf: visit.visitor.csrf(),
            name: DisplayName::new(name),
            problem,
            progress,
        };
        page(status, &view)
    }

    /// Sends the browser the way of a customer.
    async fn begin(&self, tried: Stage) -> Result<Response, Trouble> {
        let (client, _) = self.client(tried).await?.ok_or_else(not_found)?;
        let scopes = client.scopes.clone().filter(|s| !s.is_empty()).ok_or_else(not_found)?;
        let (visit, node) = (&self.visit, &self.visit.app.node);
        if let Some(last) = node.store.trial(&visit.visitor.who.session.hash, node.now()).await? {
            self.take_back(&last).await?;
        }
        let (verifier, state) = (kept::random(node), kept::random(node));
        let redirect = visit.visitor.config.issuer.at(&format!("{}/callback", self.path()));
        let trial = Trial {
            session: visit.visitor.who.session.hash,
            org: visit.org.id.clone(),
            app: self.found.id.clone(),
            client: client.id.clone(),
            redirect_uri: RedirectUri::parse(&redirect).map_err(|_| not_found())?,
            state: HashedToken::of(&state),
            challenge: URL_SAFE_NO_PAD.encode(HashedToken::of(&verifier).bytes()),
            sealed: Vec::new(),
            grant: None,
            expires_at: node.now().plus(LENGTH),
        };
        let sealed = Kept::Verifier(verifier).seal(&node.keys, &trial)?;
        let trial = Trial { sealed, ..trial };
        if !node.store.begin_trial(&trial, &visit.cause()).await? {
            return Err(misplaced());
        }
        let query = encoded(&[
            ("response_type", "code"),
            ("client_id", trial.client.as_str()),
            ("redirect_uri", trial.redirect_uri.as_str()),
            ("scope", &scopes.to_string()),
            ("state", &state),
            ("code_challenge", &trial.challenge),
            ("code_challenge_method", "S256"),
        ]);
        Ok(see_other(&format!("/oauth2/authorize?{query}")))
    }

    /// Takes the answer of the authorization endpoint, as the app would: only with our own `state` and `iss`.
    async fn answered(&self, params: &Params) -> Result<Response, Trouble> {
        let trial = self.running().await?.filter(|t| t.grant.is_none()).ok_or_else(misplaced)?;
        let ours = params.one("state")?.is_some_and(|state| HashedToken::of(state) == trial.state)
            && params.one("iss")? == Some(self.visit.visitor.config.issuer.as_str());
        match (params.one("code")?, params.one("error")?) {
            (Some(code), None) if ours => self.redeem(&trial, code).await,
            (None, Some(code)) if ours => {
                self.take_back(&trial).await?;
                self.refused(code, params.one("error_description")?.unwrap_or_default()).await
            }
            _ => Err(misplaced()),
        }
    }

    async fn refused(&self, code: &str, description: &str) -> Result<Response, Trouble> {
        let last = LastTest::Refused { code: DisplayName::new(code), description: DisplayName::new(description) };
        self.ready(None, Some(last)).await
    }

    async fn redeem(&self, trial: &Trial, code: &str) -> Result<Response, Trouble> {
        let node = &self.visit.app.node;
        let Some(Kept::Verifier(verifier)) = Kept::open(&node.keys, trial) else { return Err(misplaced()) };
        let client = node.store.client(&trial.client).await?.ok_or_else(misplaced)?;
        let form = encoded(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", trial.redirect_uri.as_str()),
            ("code_verifier", &verifier),
        ]);
        let answer: SecretString = match self.visit.app.stand_in.redeem(client, &form, &self.visit.visitor.peer).await {
            Ok(answer) => answer,
            Err(refused) => {
                self.take_back(trial).await?;
                return self.refused(&refused.code, &refused.description).await;
            }
        };
        let kept = Kept::answer(answer.expose_secret()).ok_or_else(misplaced)?;
        let grant = kept.claims().ok_or_else(misplaced)?.grant;
        let sealed = kept.seal(&node.keys, trial)?;
        if node.store.finish_trial(trial, &grant, &sealed, node.now()).await? {
            return Ok(see_other(&self.path()));
        }
        // Another tab ended or replaced the test: nobody holds what came for it.
        self.revoke(&grant).await?;
        Err(misplaced())
    }

    async fn call(&self, form: &Params) -> Result<Response, Trouble> {
        let Some(given) = self.given().await? else {
            return self.ready(Some(texts::over()), None).await;
        };
        let (problem, shown) = match call::make(&self.visit, &given, form).await? {
            Ok(called) => (None, given.after(called).await?),
            Err((why, entered)) => (Some(why), given.instead(entered)),
        };
        Ok(self.page(problem, TestProgress::Given(Box::new(shown))))
    }

    async fn end(&self) -> Result<Response, Trouble> {
        match self.running().await? {
            Some(trial) => self.take_back(&trial).await?,
            // Another request may just be ending it.
            None => self.visit.app.node.settle().await?,
        }
        Ok(see_other(&format!("{}?done=1", self.path())))
    }

    /// Ends a test, whichever app it is of, with what it was given.
    async fn take_back(&self, trial: &Trial) -> Result<(), Trouble> {
        if let Some(grant) = &trial.grant {
            self.revoke(grant).await?;
        }
        let node = &self.visit.app.node;
        node.store.end_trial(trial, &self.visit.cause()).await?;
        // A key that was made in it stops before the answer.
        node.settle().await?;
        Ok(())
    }

    async fn revoke(&self, grant: &GrantId) -> Result<(), Trouble> {
        let (node, user) = (&self.visit.app.node, &self.visit.visitor.who.user.id);
        if node.store.revoke_grant(grant, Some(user), RevokeReason::User, &self.visit.cause()).await? {
            node.metrics.grants_revoked.inc();
        }
        Ok(node.settle().await?)
    }
}
