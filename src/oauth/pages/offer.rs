//! Where a person may say yes to a client and what it would hold there, for every page that asks them.

use http::StatusCode;

use super::super::App;
use super::before::Before;
use crate::config::{Config, Risk};
use crate::pages::texts::{Explained, consent, sign_in as texts};
use crate::pages::views::{
    Client as ClientView, Earlier, Held, Lifetime, Likeness, Maker, OrganizationChoice, Origin, ScopeGroup, ScopeLabel,
    ScopeLine, Trust, UsedHere,
};
use crate::pages::{DisplayName, When, skeleton};
use crate::record::Cause;
use crate::store::{Client, ClientOrigin, ClientPolicy, KnownClient, Org, Stage, Stance, StoreError};
use crate::types::{OrgId, OrgNamed, RoleName, ScopeSet, ScopeToken, Timestamp};
use crate::web::{SignedIn, Trouble};

/// A client, and the organizations where a person may say yes to it; at least one.
pub(super) struct Offer {
    pub(super) client: Client,
    places: Vec<Place>,
}

/// One of these organizations.
pub(super) struct Place {
    pub(super) org: Org,
    roles: Vec<RoleName>,
    policy: ClientPolicy,
}

impl Place {
    /// Whether an administrator has to approve the client first.
    pub(super) fn needs_approval(&self) -> bool {
        self.policy.stance == Stance::Pending
    }

    /// Whether the organization lets the client hold a scope.
    fn permits(&self, scope: &ScopeToken) -> bool {
        self.policy.scopes.as_ref().is_none_or(|most| most.contains(scope))
    }

    fn choice(&self, selected: bool) -> OrganizationChoice {
        let (org, roles) = (&self.org, self.roles.iter().map(RoleName::as_str).collect::<Vec<_>>().join(", "));
        let role = match (roles.as_str(), self.needs_approval()) {
            ("", false) => consent::no_role(),
            ("", true) => consent::no_role_and_approval(),
            (roles, false) => consent::roles(roles),
            (roles, true) => consent::roles_and_approval(roles),
        };
        OrganizationChoice {
            id: org.id.to_string(),
            name: DisplayName::new(&org.name),
            slug: org.slug.to_string(),
            role,
            selected,
        }
    }
}

impl Offer {
    /// What may be offered to this person.
    pub(super) async fn to(app: &App, client: Client, who: &SignedIn) -> Result<Self, Trouble> {
        let mut orgs = who.orgs.clone();
        if orgs.is_empty() {
            return Err(forbidden(texts::no_organization()));
        }
        if let Some(owner) = client.private_to() {
            orgs.retain(|(org, _)| org.id == *owner);
        }
        if orgs.is_empty() {
            return Err(forbidden(texts::private_application()));
        }
        let mut places = Vec::with_capacity(orgs.len());
        for (org, roles) in orgs {
            let policy = app.node.store.client_policy(&org.id, &client.id).await?;
            if policy.stance != Stance::Blocked {
                places.push(Place { org, roles, policy });
            }
        }
        if places.is_empty() {
            return Err(forbidden(texts::blocked_application()));
        }
        Ok(Self { client, places })
    }

    /// The same where only the organization that a resource names may be chosen.
    pub(super) fn only(mut self, named: &OrgNamed) -> Result<Self, Trouble> {
        self.places.retain(|place| named.is(&place.org.id, &place.org.slug));
        if self.places.is_empty() { Err(forbidden(texts::another_organization())) } else { Ok(self) }
    }

    /// The organization that a form names, if it was offered.
    pub(super) fn place(&self, org: Option<&str>) -> Option<&Place> {
        self.places.iter().find(|p| Some(p.org.id.as_str()) == org)
    }

    /// The organizations to choose among, with the one that was chosen before.
    pub(super) fn choices(&self, chosen: Option<&OrgId>) -> Vec<OrganizationChoice> {
        let only = self.places.len() == 1;
        self.places.iter().map(|p| p.choice(only || Some(&p.org.id) == chosen)).collect()
    }

    /// Who asks.
    pub(super) async fn shown(&self, app: &App) -> Result<ClientView, StoreError> {
        Ok(ClientView { name: DisplayName::new(&self.client.name), trust: self.trust(app).await? })
    }

    async fn trust(&self, app: &App) -> Result<Trust, StoreError> {
        let client = &self.client;
        match (client.origin, &client.org) {
            (ClientOrigin::Administrator, None) => Ok(Trust::Preregistered),
            (ClientOrigin::Administrator, Some(owner)) => {
                let Some(owner) = app.node.store.org(owner).await? else { return Ok(Trust::Preregistered) };
                let by = DisplayName::new(&owner.name);
                let draft = client.app.as_ref().is_some_and(|a| a.stage == Stage::Draft);
                Ok(if draft { Trust::Draft { by } } else { Trust::Published { by } })
            }
            (ClientOrigin::Dynamic, _) => {
                let mut used = UsedHere::Nobody;
                for place in &self.places {
                    if app.node.store.client_used_in_org(&client.id, &place.org.id).await? {
                        used = UsedHere::Somebody;
                        break;
                    }
                }
                Ok(Trust::Registered { ago: When::new(client.created_at, app.node.now()).relative, used })
            }
        }
    }

    /// A client of somebody else that the person may know, whose name this one's looks like: one of their own organizations before
    /// a published one or one of the operator's.
    pub(super) async fn resembles(&self, app: &App) -> Result<Option<Likeness>, StoreError> {
        let looks = skeleton(&self.client.name);
        if looks.is_empty() {
            return Ok(None);
        }
        let orgs: Vec<_> = self.places.iter().map(|place| place.org.id.clone()).collect();
        let mut alike = app.node.store.known_clients(&orgs).await?;
        alike.retain(|known| !self.is_by_the_maker_of(known) && skeleton(&known.name) == looks);
        let theirs = |known: &KnownClient| known.owner.as_ref().is_some_and(|(org, _)| orgs.contains(org));
        let Some(other) = alike.iter().min_by_key(|known| !theirs(known)) else { return Ok(None) };
        let owner = match &self.client.org {
            Some(org) => app.node.store.org_names(std::slice::from_ref(org)).await?.pop(),
            None => None,
        };
        let now = app.node.now();
        let maker = match self.client.origin {
            ClientOrigin::Dynamic => Maker::Nobody,
            ClientOrigin::Administrator => self.maker(owner.as_ref()),
        };
        Ok(Some(Likeness {
            name: DisplayName::new(&other.name),
            other: Origin { maker: self.maker(other.owner.as_ref()), since: When::new(other.created_at, now) },
            this: Origin { maker, since: When::new(self.client.created_at, now) },
        }))
    }

    /// Whether whoever made `known` made this client: then the two names are theirs to choose. Nobody made a client that
    /// registered itself.
    fn is_by_the_maker_of(&self, known: &KnownClient) -> bool {
        self.client.origin == ClientOrigin::Administrator && self.client.org.as_ref() == known.owner.as_ref().map(|(org, _)| org)
    }

    fn maker(&self, owner: Option<&(OrgId, String)>) -> Maker {
        match owner {
            None => Maker::Operator,
            Some((org, name)) if self.places.iter().any(|place| place.org.id == *org) => {
                Maker::YourOrganization(DisplayName::new(name))
            }
            Some((_, name)) => Maker::Organization(DisplayName::new(name)),
        }
    }

    /// What this person allowed the client before.
    pub(super) async fn before(&self, app: &App, who: &SignedIn) -> Result<Before, StoreError> {
        Before::of(app, &self.client.id, &self.places, who).await
    }

    /// When and where that was, and what of it is no longer asked for.
    pub(super) fn earlier(&self, config: &Config, before: &Before, asked: &ScopeSet, now: Timestamp) -> Option<Earlier> {
        before.shown(config, &self.places, asked, now)
    }

    /// Every scope that would be granted, with what the person holds now: the same question that the gate asks at each request.
    pub(super) fn scope_groups(&self, config: &Config, scopes: &ScopeSet, before: &Before) -> Vec<ScopeGroup> {
        let mut groups: Vec<ScopeGroup> = Vec::new();
        let other = consent::no_group();
        for scope in scopes.iter() {
            let entry = config.catalogue.entry(scope);
            let api = entry.map_or(other.as_str(), |e| e.group.as_str());
            let line = ScopeLine {
                scope: scope.to_string(),
                label: ScopeLabel::of(entry),
                text: entry.map_or_else(|| scope.to_string(), |e| e.description.clone()),
                risk: risk(config, scope),
                held: self.held(config, scope),
                allowed: before.allowed(&self.places, scope),
                comes_with: config.catalogue.bringers(scope, scopes).iter().map(ToString::to_string).collect(),
            };
            match groups.iter_mut().find(|g| g.api == api) {
                Some(group) => group.lines.push(line),
                None => groups.push(ScopeGroup { api: api.to_owned(), lines: vec![line] }),
            }
        }
        groups
    }

    fn held(&self, config: &Config, scope: &ScopeToken) -> Held {
        let places = &self.places;
        if !places.iter().any(|p| p.permits(scope)) {
            return Held::Barred;
        }
        let needed = config.catalogue.bits(&[scope.clone()].into_iter().collect());
        let holds = |roles: &[RoleName]| !needed.is_empty() && config.roles.permissions(roles).covers(&needed);
        let holders: Vec<_> =
            places.iter().filter(|p| holds(&p.roles) && p.permits(scope)).map(|p| DisplayName::new(&p.org.name)).collect();
        match holders.len() {
            0 => Held::Later,
            n if n == places.len() => Held::Now,
            _ => Held::Only(holders),
        }
    }

    /// The administrators are told; until one of them has approved, there is nothing that the application could be given.
    pub(super) async fn wait_for_approval(
        &self,
        app: &App,
        who: &SignedIn,
        org: &Org,
        cause: &Cause,
    ) -> Result<Trouble, StoreError> {
        app.node.store.ask_for_client(&org.id, &self.client.id, &who.user.id, cause).await?;
        Ok(forbidden(texts::waits_for_approval(&DisplayName::new(&org.name))))
    }
}

/// What nobody knows any more is as dangerous as anything.
pub(super) fn risk(config: &Config, scope: &ScopeToken) -> Risk {
    config.catalogue.entry(scope).map_or(Risk::High, |entry| entry.risk)
}

/// Whether to ask once more who somebody is before they give this away: something of it is dangerous, and their sign-in is not
/// of this moment.
pub(super) fn takes_sign_in(config: &Config, scopes: &ScopeSet, who: &SignedIn, now: Timestamp) -> bool {
    !who.is_recent(now) && scopes.iter().any(|scope| risk(config, scope) == Risk::High)
}

/// How long a grant lasts that is given now.
pub(super) fn lifetime(config: &Config) -> Lifetime {
    Lifetime { idle: Some(config.oauth.refresh_idle), absolute: Some(config.oauth.grant_ttl) }
}

const fn forbidden(said: Explained) -> Trouble {
    Trouble::at(StatusCode::FORBIDDEN, said)
}
