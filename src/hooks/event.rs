//! From an audit record to what hooks are told about it.

use serde_json::{Value, json};

use crate::config::{Config, Hook, HookEvent};
use crate::node::Node;
use crate::pages::DisplayName;
use crate::record::{AuditRecord, ControlEvent, Event, Operation};
use crate::store::{GrantFacts, NewDelivery, Org, StoreError, User};
use crate::types::{ClientId, GrantId, OwnScope, RoleName, ScopeSet, ScopeToken, UserId};

/// What administers the members of an organization.
const ADMINISTERS: OwnScope = OwnScope::MembersWrite;

/// What an operation is to hooks, as far as its name tells.
pub(super) const fn of_operation(operation: Operation) -> Option<HookEvent> {
    Some(match operation {
        Operation::AuthorizeConsent => HookEvent::AppAuthorized,
        Operation::CodeReplayDetected => HookEvent::CodeReused,
        Operation::RefreshReuseDetected => HookEvent::RefreshTokenReused,
        Operation::LoginNewPlace => HookEvent::NewSignInPlace,
        Operation::ClientSecretCreate => HookEvent::ClientSecretAdded,
        Operation::MembershipSet => HookEvent::AdministratorAdded,
        Operation::GrantRevokeAdmin
        | Operation::GrantRevokePolicy
        | Operation::GrantRevokeUninstall
        | Operation::GrantRevokeUserDeactivated => HookEvent::GrantRevoked,
        _ => return None,
    })
}

/// A security event with everybody in it.
struct Told<'r> {
    event: HookEvent,
    record: &'r AuditRecord,
    control: &'r ControlEvent,
    org: Option<Org>,
    /// Whom it concerns.
    user: Option<User>,
    /// Who did it.
    by: Option<User>,
    client: Option<(ClientId, String)>,
    grant: Option<GrantFacts>,
    /// Roles that administer and are new.
    roles: Vec<&'r RoleName>,
}

/// What each hook is told about a record; nothing when it is no event, or nobody's business.
pub(super) async fn deliveries(node: &Node, config: &Config, record: &AuditRecord) -> Result<Vec<NewDelivery>, StoreError> {
    let Some(told) = Told::of(node, config, record).await? else { return Ok(Vec::new()) };
    let mut deliveries = Vec::new();
    let mut body = None;
    for hook in config.hooks.iter().filter(|hook| hook.events.contains(&told.event)) {
        if told.concerns(node, hook).await? {
            let body = body.get_or_insert_with(|| told.json(config).to_string()).clone();
            deliveries.push(NewDelivery {
                hook: hook.name.to_string(),
                record: record.id.clone(),
                org: record.org.clone(),
                body,
            });
        }
    }
    Ok(deliveries)
}

impl<'r> Told<'r> {
    async fn of(node: &Node, config: &Config, record: &'r AuditRecord) -> Result<Option<Self>, StoreError> {
        let Event::Control(control) = &record.event else { return Ok(None) };
        let Some(event) = of_operation(control.operation) else { return Ok(None) };
        let roles: Vec<_> = control.roles_given.iter().filter(|role| administers(config, role)).collect();
        if event == HookEvent::AdministratorAdded && roles.is_empty() {
            return Ok(None);
        }
        let store = &node.store;
        // The actor's own grant and client are what it was done with, which is not what it was done to.
        let grant = match target(control, "grant").and_then(|id| GrantId::parse(id).ok()) {
            Some(id) => store.grant_facts(&id).await?,
            None => None,
        };
        let actor = record.actor.user.as_ref();
        // A machine client's own grant is nobody's consent, and what a user ends is no news to them.
        let machine = grant.as_ref().is_some_and(|g| g.client.subject.is_some());
        let own = grant.as_ref().is_some_and(|g| actor == Some(&g.grant.user));
        if (event == HookEvent::AppAuthorized && machine) || (event == HookEvent::GrantRevoked && own) {
            return Ok(None);
        }
        let concerned = match (target(control, "user").and_then(|id| UserId::parse(id).ok()), &grant) {
            (Some(id), _) => store.user(&id).await?,
            (None, Some(facts)) => Some(facts.user.clone()),
            (None, None) => None,
        };
        let by = match actor {
            Some(id) => store.user(id).await?,
            None => None,
        };
        let org = match &record.org {
            Some(id) => store.org(id).await?,
            None => None,
        };
        let client = client(node, control, grant.as_ref()).await?;
        Ok(Some(Self { event, record, control, org, user: concerned, by, client, grant, roles }))
    }

    /// Whether a hook is to hear of it: what has no organization is every organization's of its user.
    async fn concerns(&self, node: &Node, hook: &Hook) -> Result<bool, StoreError> {
        let Some(wanted) = &hook.organization else { return Ok(true) };
        if self.record.org.is_some() {
            return Ok(self.org.as_ref().is_some_and(|org| org.slug == *wanted));
        }
        let Some(user) = &self.user else { return Ok(false) };
        Ok(node.store.orgs_of(&user.id).await?.iter().any(|(org, _)| org.slug == *wanted))
    }

    fn json(&self, config: &Config) -> Value {
        let person = |user: &User| json!({ "id": user.id.as_str(), "email": user.email, "name": user.name });
        let origin = &self.record.origin;
        json!({
            "id": self.record.id.as_str(),
            "type": self.event.name(),
            "timestamp": self.record.time.to_string(),
            "data": {
                "operator": config.oauth.operator_name,
                "summary": self.summary(),
                "organization": self.org.as_ref().map(|o| json!({ "id": o.id.as_str(), "slug": o.slug.as_str(), "name": o.name })),
                "user": self.user.as_ref().map(person),
                "by": self.by.as_ref().map(person),
                "client": self.client.as_ref().map(|(id, name)| json!({ "id": id.as_str(), "name": name })),
                "grant": self.grant.as_ref().map(|g| g.grant.id.as_str()),
                "scopes": self.scopes().iter().map(ScopeToken::as_str).collect::<Vec<_>>(),
                "roles": self.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>(),
                "from": {
                    "address": origin.peer.map(|peer| peer.ip().to_canonical().to_string()),
                    "user_agent": origin.user_agent,
                },
            },
        })
    }

    fn scopes(&self) -> &ScopeSet {
        match &self.grant {
            Some(facts) if self.control.scopes.is_empty() => &facts.grant.scopes,
            _ => &self.control.scopes,
        }
    }

    /// One sentence for people. Names that strangers chose are cleaned.
    fn summary(&self) -> String {
        let user = self.user.as_ref().map_or("Somebody", |user| user.email.as_str());
        let by = self.by.as_ref().map_or("the operator", |user| user.email.as_str());
        let app =
            self.client.as_ref().map_or_else(|| "an application".to_owned(), |(_, name)| DisplayName::new(name).to_string());
        let organization =
            self.org.as_ref().map_or_else(|| "no organization".to_owned(), |org| DisplayName::new(&org.name).to_string());
        let from =
            self.record.origin.peer.map_or_else(|| "an unknown address".to_owned(), |peer| peer.ip().to_canonical().to_string());
        match self.event {
            HookEvent::AppAuthorized => format!("{user} authorized {app} in {organization}: {}.", self.scopes()),
            HookEvent::CodeReused => {
                format!("An authorization code of {user} for {app} in {organization} was presented again and refused.")
            }
            HookEvent::RefreshTokenReused => {
                format!("A used refresh token of {user} for {app} in {organization} was presented again; its access was revoked.")
            }
            HookEvent::NewSignInPlace => format!("{user} signed in from a new place: {from}."),
            HookEvent::ClientSecretAdded => format!("{by} added a secret to {app} in {organization}."),
            HookEvent::AdministratorAdded => {
                let roles = self.roles.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", ");
                format!("{user} became an administrator of {organization} ({roles}), made by {by}.")
            }
            HookEvent::GrantRevoked => format!("The access of {app} for {user} in {organization} was revoked by {by}."),
        }
    }
}

fn administers(config: &Config, role: &RoleName) -> bool {
    config.may(std::slice::from_ref(role), ADMINISTERS)
}

fn target<'r>(control: &'r ControlEvent, kind: &str) -> Option<&'r str> {
    control.target.as_ref().filter(|(of, _)| of == kind).map(|(_, id)| id.as_str())
}

/// The client that it is about.
async fn client(
    node: &Node,
    control: &ControlEvent,
    grant: Option<&GrantFacts>,
) -> Result<Option<(ClientId, String)>, StoreError> {
    if let Some(id) = target(control, "client").and_then(|id| ClientId::parse(id).ok()) {
        let name = node.store.client(&id).await?.map_or_else(|| id.to_string(), |client| client.name);
        return Ok(Some((id, name)));
    }
    Ok(grant.map(|facts| (facts.client.id.clone(), facts.client.name.clone())))
}
