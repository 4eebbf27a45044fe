//! One machine client, and what is done with it.

use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::Response;
use http::StatusCode;

use super::told::refused;
use super::{Here, asked, clients, find, standing};
use crate::account::apps::{private, secret_row};
use crate::account::form::Form;
use crate::account::visitor::Visitor;
use crate::account::{App, not_found};
use crate::apps::NewSecret;
use crate::clients::{ClientError, Clients, MAX_TTL};
use crate::config::{Config, Risk, Visibility};
use crate::pages::texts::{Text, machines as texts};
use crate::pages::views::{AskedOfMachine, HeldBack, MachinePage, MachineScope, OrgTab, ScopeLabel, SecretRow, ShownSecret};
use crate::pages::{DisplayName, When};
use crate::store::{ClientState, Holder, Machine, ScopeRequests, UserKind};
use crate::types::{OwnScope, PlainToken, ScopeSet, ScopeToken, Setting};
use crate::web::{Trouble, page, see_other};

/// What the page says about the act that led to it.
#[derive(Default)]
pub(super) struct Said {
    notice: Option<Text>,
    problem: Option<(StatusCode, Text)>,
    secret: Option<ShownSecret>,
    /// A request for a private scope that was refused: the scope and the reason as they were entered.
    asking: (String, String),
    /// A lifetime that was refused, as it was entered.
    lifetime: Option<String>,
    /// `confirm` of the address: what is asked about before it is done.
    confirm: Option<String>,
}

impl Said {
    /// Something was made of this client: its secret is shown this once.
    pub(super) fn made(notice: Text, machine: &Machine, plain: Option<PlainToken>) -> Self {
        let secret = plain.map(|plain| ShownSecret {
            title: texts::new_secret(),
            client_id: machine.client.id.to_string(),
            value: plain.expose().to_owned(),
        });
        Self { notice: Some(notice), secret, ..Self::default() }
    }
}

/// `GET /orgs/{org}/machines/{client}`.
pub async fn show(
    State(app): State<App>,
    Path((slug, id)): Path<(String, String)>,
    RawQuery(query): RawQuery,
    visitor: Visitor,
) -> Response {
    let shown = async {
        let here = Here::find(&visitor, &slug, OwnScope::ClientsRead)?;
        let machine = find(&app, &here, &id).await?;
        let confirm = asked(query.as_deref(), "confirm").filter(|_| here.may(&visitor.config, OwnScope::ClientsWrite));
        let notice = asked::<String>(query.as_deref(), "done").and_then(|done| notice(&done, &machine));
        one(&app, &visitor, &here, &machine, Said { notice, confirm, ..Said::default() }).await
    };
    visitor.answer(shown.await)
}

/// What the address says was done, as far as it is true.
fn notice(done: &str, machine: &Machine) -> Option<Text> {
    match (done, machine.client.state) {
        ("off", ClientState::Disabled) => Some(texts::off()),
        ("on", ClientState::Active) => Some(texts::on()),
        ("changed", _) => Some(texts::changed()),
        ("retired", _) => Some(texts::secret_retired()),
        ("lifetime", _) => Some(texts::lifetime_set()),
        ("asked", _) => Some(texts::scope_asked()),
        ("cancelled", _) => Some(texts::scope_cancelled()),
        _ => None,
    }
}

/// The page of a machine client.
pub(super) async fn one(app: &App, visitor: &Visitor, here: &Here, machine: &Machine, said: Said) -> Result<Response, Trouble> {
    let (store, now, config, client) = (&app.node.store, app.node.now(), &visitor.config, &machine.client);
    let requests = store.scope_requests(ScopeRequests::For(&Holder::Client(client.id.clone()))).await?;
    let secrets = store.live_secrets(&client.id, now).await?;
    let approved = store.approvals(&client.id).await?.live(now);
    let secrets: Vec<_> = secrets.iter().map(|secret| secret_row(secret, now)).collect();
    let (ttl, own) = (config.oauth.machine_token_ttl.as_secs(), client.access_token_ttl.map(|own| own.as_secs()));
    let (status, problem) = said.problem.map_or((StatusCode::OK, None), |(status, text)| (status, Some(text)));
    let may = |needed| here.may(config, needed);
    let view = MachinePage {
        frame: visitor.frame(here.section()),
        tabs: here.tabs(config, OrgTab::Machines),
        path: path(here, machine),
        list: here.path("machines"),
        csrf: visitor.csrf(),
        may_change: may(OwnScope::ClientsWrite),
        notice: said.notice,
        problem,
        confirm: said.confirm.and_then(|what| confirmation(&what, machine, &secrets)),
        secret: said.secret,
        id: client.id.to_string(),
        name: DisplayName::new(&client.name),
        standing: standing(config, machine),
        held: match client.state {
            ClientState::Frozen => HeldBack::Frozen,
            ClientState::Active if machine.barred => HeldBack::Revoked,
            ClientState::Active | ClientState::Disabled => HeldBack::Nothing,
        },
        subject: machine.subject.email.clone(),
        service: machine.subject.kind == UserKind::Service,
        subject_href: may(OwnScope::MembersRead).then(|| format!("{}?member={}", here.path("members"), machine.subject.id)),
        scopes: scopes(config, machine, &approved),
        resources: client.resources.iter().map(ToString::to_string).collect(),
        lifetime: own.map_or_else(|| texts::lifetime_as_default(ttl), texts::lifetime),
        made: When::new(client.created_at, now),
        last_used: machine.last_used_at.map(|at| When::new(at, now)),
        secrets,
        own_lifetime: said.lifetime.or_else(|| own.map(|own| own.to_string())).unwrap_or_default(),
        lifetime_hint: texts::lifetime_hint(ttl, MAX_TTL),
        private: private(&app.node, config, requests).await?,
        asking: said.asking,
        token_endpoint: format!("{}/oauth2/token", config.issuer),
        activity: may(OwnScope::AuditRead).then(|| here.path(&format!("audit?client={}", client.id))),
    };
    Ok(page(status, &view))
}

fn path(here: &Here, machine: &Machine) -> String {
    here.path(&format!("machines/{}", machine.client.id))
}

/// What an address asks to be confirmed, if there is such a thing to do.
fn confirmation(what: &str, machine: &Machine, secrets: &[SecretRow]) -> Option<AskedOfMachine> {
    match (what, machine.client.state) {
        ("delete", _) => Some(AskedOfMachine::Deletion),
        ("off", ClientState::Active) => Some(AskedOfMachine::Off),
        (_, ClientState::Frozen) => None,
        _ => {
            let id = what.strip_prefix("retire-").filter(|_| secrets.len() > 1)?;
            let row = secrets.iter().find(|row| row.id == id)?;
            Some(AskedOfMachine::Retirement { id: row.id.clone(), last4: row.last4.clone() })
        }
    }
}

/// What it may do, and what of that does nothing at the moment.
fn scopes(config: &Config, machine: &Machine, approved: &ScopeSet) -> Vec<MachineScope> {
    let subject = config.roles.permissions(machine.roles.as_deref().unwrap_or_default());
    let most = machine.policy.scopes.as_ref();
    let view = |scope: &ScopeToken| {
        let entry = config.catalogue.entry(scope);
        let bits = config.catalogue.bits(&std::iter::once(scope.clone()).collect());
        let note = match entry {
            None => texts::scope_is_gone(),
            Some(e) if e.visibility == Visibility::Private && !approved.contains(scope) => texts::not_given(),
            Some(_) if most.is_some_and(|most| !most.contains(scope)) => texts::restricted(),
            Some(_) if !subject.covers(&bits) => texts::subject_lacks(),
            Some(_) => Text::NONE,
        };
        MachineScope {
            scope: scope.to_string(),
            label: ScopeLabel::of(entry),
            text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
            risk: entry.map_or(Risk::High, |e| e.risk),
            note,
        }
    };
    let mut all: Vec<_> = machine.client.scopes.iter().flat_map(ScopeSet::iter).map(view).collect();
    all.sort_by_key(|one| std::cmp::Reverse(one.risk));
    all
}

/// What came of a pressed button.
enum Done {
    /// The browser is sent on.
    Gone(String),
    /// The page says more.
    Told(Said),
}

/// `POST /orgs/{org}/machines/{client}`: the act whose button was pressed.
pub async fn act(State(app): State<App>, Path((slug, id)): Path<(String, String)>, visitor: Visitor, body: Body) -> Response {
    let outcome = async {
        let form = visitor.form(body).await?;
        let here = Here::find(&visitor, &slug, OwnScope::ClientsWrite)?;
        let machine = find(&app, &here, &id).await?;
        let said = match pressed(&app, &visitor, (&here, &machine), &form).await? {
            Ok(Done::Gone(href)) => return Ok(see_other(&href)),
            Ok(Done::Told(said)) => said,
            Err(error) => {
                let wrong = refused(error)?;
                let entered = |name| form.one(name).unwrap_or_default().to_owned();
                let lifetime = form.one("lifetime").map(ToOwned::to_owned);
                let asking = (entered("private_scope"), entered("private_reason"));
                Said { problem: wrong.told().map(|text| (wrong.status, text)), asking, lifetime, ..Said::default() }
            }
        };
        let machine = find(&app, &here, &id).await?;
        one(&app, &visitor, &here, &machine, said).await
    };
    visitor.answer(outcome.await)
}

/// Does what the form asks for; inside is what was made of it.
async fn pressed(
    app: &App,
    visitor: &Visitor,
    (here, machine): (&Here, &Machine),
    form: &Form,
) -> Result<Result<Done, ClientError>, Trouble> {
    let (clients, path) = (clients(app, visitor, here), path(here, machine));
    let done = if form.has("add-secret") {
        let new = NewSecret::of_form(form.one("overlap").unwrap_or_default(), form.one("lives").unwrap_or_default());
        add_secret(&clients, machine, new).await
    } else if let Some(which) = form.one("retire-secret") {
        retire(&clients, machine, which).await.map(|()| Done::Gone(format!("{path}?done=retired")))
    } else if form.has("switch-off") {
        switch(&clients, machine, ClientState::Disabled).await.map(|()| Done::Gone(format!("{path}?done=off")))
    } else if form.has("switch-on") {
        switch(&clients, machine, ClientState::Active).await.map(|()| Done::Gone(format!("{path}?done=on")))
    } else if form.has("set-lifetime") {
        set_lifetime(&clients, machine, form.one("lifetime").unwrap_or_default().trim())
            .await
            .map(|()| Done::Gone(format!("{path}?done=lifetime")))
    } else if form.has("request-scope") {
        let (scope, why) = (form.one("private_scope").unwrap_or_default(), form.one("private_reason").unwrap_or_default());
        ask(&clients, machine, scope, why).await.map(|()| Done::Gone(format!("{path}?done=asked")))
    } else if let Some(scope) = form.one("cancel-scope") {
        cancel(&clients, machine, scope).await.map(|()| Done::Gone(format!("{path}?done=cancelled")))
    } else if form.has("delete") {
        clients.delete(&machine.client).await.map(|()| Done::Gone(format!("{}?deleted=1", here.path("machines"))))
    } else {
        return Err(not_found());
    };
    Ok(done)
}

async fn retire(clients: &Clients<'_>, machine: &Machine, which: &str) -> Result<(), ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    clients.remove_secret(&client, which).await
}

/// Empty it is as for every machine; what is no number is out of bounds, and refused like one that is.
async fn set_lifetime(clients: &Clients<'_>, machine: &Machine, seconds: &str) -> Result<(), ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    let ttl = if seconds.is_empty() { Setting::Default } else { Setting::To(seconds.parse().unwrap_or(u64::MAX)) };
    clients.set_terms(&client, ttl, None).await
}

async fn ask(clients: &Clients<'_>, machine: &Machine, scope: &str, why: &str) -> Result<(), ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    clients.request_scope(&client, scope, why).await.map(drop)
}

async fn cancel(clients: &Clients<'_>, machine: &Machine, scope: &str) -> Result<(), ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    clients.cancel_scope_request(&client, scope).await.map(drop)
}

async fn switch(clients: &Clients<'_>, machine: &Machine, to: ClientState) -> Result<(), ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    clients.switch(&client, to).await
}

async fn add_secret(clients: &Clients<'_>, machine: &Machine, new: NewSecret) -> Result<Done, ClientError> {
    let client = clients.find_to_change(machine.client.id.as_str()).await?;
    let (plain, _) = clients.add_secret(&client, new).await?;
    Ok(Done::Told(Said::made(texts::secret_added(), machine, Some(plain))))
}
