//! Clients that administrators make, and their secrets: what one may be, who may change it, and whom a machine acts as.
//!
//! Pages, the API and administration do everything here through one [`Clients`], so what is refused, and why, is the same wherever
//! it is asked.

mod error;
mod new;
mod private;
#[cfg(test)]
mod tests;

use std::sync::Arc;

pub use error::{ClientError, Refusal, Sort};
pub use new::{Kind, MAX_NAME, New, name_for_people};

pub use crate::apps::MAX_TTL;

use crate::apps::{self, AppError, NewSecret, first_secret};
use crate::config::{Config, Visibility};
use crate::node::Node;
use crate::record::Cause;
use crate::store::{
    Client, ClientChange, ClientKind, ClientOrigin, ClientSecret, ClientState, ClientTerms, Hand, Org, StoreError, User,
    UserState,
};
use crate::token::{LENDS_ITSELF, may_be_subject};
use crate::types::{ClientId, PlainToken, RoleName, ScopeBits, ScopeSet, Setting, UserId};

/// Who acts.
#[derive(Clone, Debug)]
pub enum By<'a> {
    /// The operator, who may do everything with every client.
    Operator,
    /// A member, with the clients of their organization: private scopes are not theirs to give, nor is a machine that may do more
    /// than they.
    Member {
        /// Who.
        user: UserId,
        /// Where.
        org: &'a Org,
    },
}

/// Clients, for one caller.
#[derive(Debug)]
pub struct Clients<'a> {
    node: &'a Node,
    config: Arc<Config>,
    by: By<'a>,
    cause: Cause,
}

/// A client that was made.
#[derive(Debug)]
pub struct Made {
    /// The client.
    pub client: Client,
    /// Its secret with what is stored of it, unless it is public. This once.
    pub secret: Option<(PlainToken, ClientSecret)>,
}

impl<'a> Clients<'a> {
    /// For a caller; records name what `cause` names.
    #[must_use]
    pub fn new(node: &'a Node, by: By<'a>, cause: Cause) -> Self {
        Self { node, config: node.config.load_full(), by, cause }
    }

    /// A client that is the caller's to look at. Those of other organizations, and those that registered themselves, are the
    /// operator's alone.
    ///
    /// # Errors
    /// When there is none.
    pub async fn find(&self, id: &str) -> Result<Client, ClientError> {
        let found = match ClientId::parse(id) {
            Ok(id) => self.node.store.client(&id).await?,
            Err(_) => None,
        };
        match (&self.by, found) {
            (By::Operator, Some(client)) => Ok(client),
            (By::Operator, None) => Err(Refusal::Absent(id.chars().take(128).collect()).into()),
            (By::Member { org, .. }, Some(client)) if client.org.as_ref() == Some(&org.id) => Ok(client),
            (By::Member { .. }, _) => Err(Refusal::NotOwn.into()),
        }
    }

    /// The same to change it. What the operator froze is not its owner's to change; it can only be removed.
    ///
    /// # Errors
    /// When there is none, or it is frozen.
    pub async fn find_to_change(&self, id: &str) -> Result<Client, ClientError> {
        let client = self.find(id).await?;
        match (&self.by, client.state) {
            (By::Member { .. }, ClientState::Frozen) => Err(Refusal::Frozen.into()),
            _ => Ok(client),
        }
    }

    /// Makes a client, with its first secret unless it is public.
    ///
    /// # Errors
    /// When it can't be, the organization has no room, or it is not the caller's to make.
    pub async fn create(&self, org: Option<&Org>, new: &New) -> Result<Made, ClientError> {
        self.may_create(org, new).await?;
        let at = self.cause.at;
        let client = Client {
            id: ClientId::generate(at, &*self.node.entropy),
            name: new.name()?,
            kind: if new.kind == Kind::Public { ClientKind::Public } else { ClientKind::Confidential },
            origin: ClientOrigin::Administrator,
            auth: new.auth()?,
            redirect_uris: new.redirect_uris()?,
            grant_types: new.grant_types(),
            scopes: None,
            subject: self.subject(org, new).await?,
            resources: new.resources(&self.config)?,
            require_state: new.require_state,
            access_token_ttl: new.ttl()?,
            app: None,
            state: ClientState::Active,
            created_at: at,
            org: org.map(|o| o.id.clone()),
        };
        let scopes = new::named(new.machine(), new::scopes(&self.config, &client, new.scopes.as_deref())?)?;
        let client = Client { scopes, ..client };
        let secret = match (client.kind, new.secret_lives) {
            (ClientKind::Confidential, lives) => Some(first_secret(self.node, at, lives).map_err(AppError::from)?),
            (ClientKind::Public, None) => None,
            (ClientKind::Public, Some(_)) => return Err(Refusal::SecretOfPublic.into()),
        };
        let (stored, most) = (secret.as_ref().map(|(_, stored)| stored), self.config.oauth.max_clients_per_org);
        match (self.node.store.create_client_within(&client, stored, most, &self.cause).await?, org) {
            (false, Some(org)) => Err(Refusal::Full { org: org.slug.clone(), limit: most }.into()),
            _ => Ok(Made { client, secret }),
        }
    }

    /// Whether such a client is the caller's to make, whatever else may be wrong with it.
    ///
    /// # Errors
    /// When it is not.
    pub async fn may_create(&self, org: Option<&Org>, new: &New) -> Result<(), ClientError> {
        if let Some(text) = &new.scopes {
            self.given_by_members(text, &ScopeSet::default())?;
        }
        if let (By::Member { .. }, Some(org), Kind::Machine, Some(named)) = (&self.by, org, new.kind, &new.subject) {
            let user = self.user(named).await?.ok_or(Refusal::NoMember)?;
            self.node.store.membership(&org.id, &user.id).await?.ok_or(Refusal::NoMember)?;
            self.reaches(Some(&user.id)).await?;
        }
        Ok(())
    }

    /// Whom a machine of an organization may act as, as far as the caller may lend them.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn subjects(&self, org: &Org) -> Result<Vec<User>, StoreError> {
        let lends = |role: &&RoleName| self.config.may(std::slice::from_ref(*role), LENDS_ITSELF);
        // It is one permission: some role of whoever holds it has it whole.
        let roles: Vec<RoleName> = self.config.roles.0.keys().filter(lends).cloned().collect();
        let own = self.own_permissions().await?;
        let within = |roles: &[RoleName]| own.as_ref().is_none_or(|own| own.covers(&self.config.roles.permissions(roles)));
        let found = self.node.store.possible_subjects(&org.id, &roles).await?;
        let fit = found.into_iter().filter(|(user, roles)| may_be_subject(&self.config, user, roles) && within(roles));
        Ok(fit.map(|(user, _)| user).collect())
    }

    /// What a client may be left with, private scopes too: what it names already, and what the operator approved for it.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn held(&self, client: &Client) -> Result<ScopeSet, StoreError> {
        let approved = self.node.store.approvals(&client.id).await?.live(self.cause.at);
        Ok(client.scopes.as_ref().map_or_else(|| approved.clone(), |scopes| scopes.union(&approved)))
    }

    /// Sets what a client may ask for; live grants have narrowed when this returns.
    ///
    /// # Errors
    /// When it is not the caller's to give, or the client is an app's.
    pub async fn set_scopes(&self, client: &Client, text: Option<&str>) -> Result<(), ClientError> {
        let scopes = self.scopes_for(client, text).await?;
        if !self.node.store.set_client_scopes(&client.id, scopes.as_ref(), self.hand(), &self.cause).await? {
            return Err(self.not_changed(client).await?);
        }
        Ok(self.node.settle().await?)
    }

    /// Sets how long a client's access tokens live, in seconds, and whether its authorization requests must carry `state`. New tokens
    /// and requests follow; tokens that are out live on as they were issued.
    ///
    /// # Errors
    /// When a lifetime is out of bounds, it is not the caller's to set, the client is an app's, or it is frozen and the caller is a
    /// member.
    pub async fn set_terms(&self, client: &Client, ttl: Setting<u64>, require_state: Option<bool>) -> Result<(), ClientError> {
        let terms = self.terms_for(client, ttl, require_state).await?;
        if terms == ClientTerms::default() {
            return Ok(());
        }
        if !self.node.store.set_client_terms(&client.id, terms, self.hand(), &self.cause).await? {
            return Err(self.not_changed(client).await?);
        }
        Ok(self.node.settle().await?)
    }

    /// Changes what a client may ask for, its terms and its state, all of it or nothing; what is absent stays.
    ///
    /// # Errors
    /// Those of each change alone.
    pub async fn change(
        &self,
        client: &Client,
        scopes: Option<&str>,
        (ttl, require_state): (Setting<u64>, Option<bool>),
        state: Option<ClientState>,
    ) -> Result<(), ClientError> {
        let terms = self.terms_for(client, ttl, require_state).await?;
        let scopes = match scopes {
            Some(text) => self.scopes_for(client, Some(text)).await?.map_or(Setting::Default, Setting::To),
            None => Setting::Stays,
        };
        let change = ClientChange { scopes, terms, state };
        if change == ClientChange::default() {
            return Ok(());
        }
        if !self.node.store.change_client(&client.id, &change, self.hand(), &self.cause).await? {
            let now = self.node.store.client(&client.id).await?.ok_or_else(|| self.gone(client))?;
            return Err(match now.state {
                ClientState::Frozen => Refusal::Frozen.into(),
                _ if state == Some(ClientState::Active) => Refusal::AppIsOff.into(),
                _ => self.gone(client),
            });
        }
        Ok(self.node.settle().await?)
    }

    /// The scopes that the caller may let a client ask for.
    async fn scopes_for(&self, client: &Client, text: Option<&str>) -> Result<Option<ScopeSet>, ClientError> {
        if let Some(text) = text {
            self.given_by_members(text, &self.held(client).await?)?;
        }
        self.reaches(client.subject.as_ref()).await?;
        of_its_own(client)?;
        Ok(new::named(client.subject.is_some(), new::scopes(&self.config, client, text)?)?)
    }

    /// The terms that the caller may set for a client.
    async fn terms_for(
        &self,
        client: &Client,
        ttl: Setting<u64>,
        require_state: Option<bool>,
    ) -> Result<ClientTerms, ClientError> {
        let terms = terms(ttl, require_state)?;
        if terms != ClientTerms::default() {
            self.reaches(client.subject.as_ref()).await?;
            of_its_own(client)?;
        }
        Ok(terms)
    }

    /// Switches a client off or on, or freezes it: off, no token of it works when this returns.
    ///
    /// # Errors
    /// When its app is off, or the operator froze it and the caller is a member.
    pub async fn switch(&self, client: &Client, to: ClientState) -> Result<(), ClientError> {
        let (store, id) = (&self.node.store, &client.id);
        let done = match self.by {
            By::Operator => store.set_client_state(id, to, &self.cause).await?,
            By::Member { .. } => store.set_unfrozen_client_state(id, to, &self.cause).await?,
        };
        if !done {
            let now = store.client(id).await?.ok_or_else(|| self.gone(client))?;
            if now.state != to {
                return Err(if now.state == ClientState::Frozen { Refusal::Frozen } else { Refusal::AppIsOff }.into());
            }
        }
        Ok(self.node.settle().await?)
    }

    /// Gives a client another secret. This once.
    ///
    /// # Errors
    /// When it has none or too many, an end is out of bounds, or its subject holds more than the caller.
    pub async fn add_secret(&self, client: &Client, new: NewSecret) -> Result<(PlainToken, ClientSecret), ClientError> {
        self.may_hold_secret(client).await?;
        // Nothing to wait for: secrets are looked up where they are stored, and this one is told once.
        Ok(apps::add_secret(self.node, client, new, (self.hand(), &self.cause)).await?)
    }

    /// Whether the caller may hold a secret of this client. A machine acts without anybody's consent: whoever can get its secret
    /// must hold what its subject holds.
    ///
    /// # Errors
    /// When its subject holds more than the caller.
    pub async fn may_hold_secret(&self, client: &Client) -> Result<(), ClientError> {
        self.reaches(client.subject.as_ref()).await
    }

    /// Takes a secret from a client, named by its id or last four characters; nobody gets in with it when this returns.
    ///
    /// # Errors
    /// When there is no such secret, or no other one that lives on.
    pub async fn remove_secret(&self, client: &Client, which: &str) -> Result<(), ClientError> {
        apps::remove_secret(self.node, &client.id, which, (self.hand(), &self.cause)).await?;
        Ok(self.node.settle().await?)
    }

    /// Removes a client; its grants have ended when this returns.
    ///
    /// # Errors
    /// When it is an app's, or gone.
    pub async fn delete(&self, client: &Client) -> Result<(), ClientError> {
        of_its_own(client)?;
        let deleted = self.node.store.delete_client(&client.id, &self.cause).await?;
        // Also when it had gone before: another request may just be removing it.
        self.node.settle().await?;
        if deleted { Ok(()) } else { Err(self.gone(client)) }
    }

    const fn hand(&self) -> Hand {
        match self.by {
            By::Operator => Hand::Operator,
            By::Member { .. } => Hand::Owner,
        }
    }

    /// Why the store did not change a client that was there.
    async fn not_changed(&self, client: &Client) -> Result<ClientError, StoreError> {
        let now = self.node.store.client(&client.id).await?;
        let frozen = now.is_some_and(|now| now.state == ClientState::Frozen) && self.hand() == Hand::Owner;
        Ok(if frozen { Refusal::Frozen.into() } else { self.gone(client) })
    }

    fn gone(&self, client: &Client) -> ClientError {
        match self.by {
            By::Operator => Refusal::Absent(client.id.to_string()).into(),
            By::Member { .. } => Refusal::NotOwn.into(),
        }
    }

    async fn user(&self, named: &str) -> Result<Option<User>, StoreError> {
        if let Some(user) = self.node.store.user_by_email(&named.to_lowercase()).await? {
            return Ok(Some(user));
        }
        match UserId::parse(named) {
            Ok(id) => self.node.store.user(&id).await,
            Err(_) => Ok(None),
        }
    }

    /// A machine acts as a service user, or as a user who may manage members, who is active and belongs to its organization:
    /// checked here and at every token; that it is active and belongs there, at every call.
    async fn subject(&self, org: Option<&Org>, new: &New) -> Result<Option<UserId>, ClientError> {
        let (named, org) = match (new.kind, &new.subject, org) {
            (Kind::Machine, Some(named), Some(org)) => (named, org),
            (Kind::Machine, _, _) => return Err(Refusal::NoSubject.into()),
            (_, None, _) => return Ok(None),
            (_, Some(_), _) => return Err(Refusal::SubjectOfNoMachine.into()),
        };
        let unknown = || Refusal::UnknownUser(named.chars().take(128).collect());
        let user = self.user(named).await?.ok_or_else(unknown)?;
        if user.state != UserState::Active {
            return Err(Refusal::SubjectOff(user.email).into());
        }
        let Some(membership) = self.node.store.membership(&org.id, &user.id).await? else {
            return Err(Refusal::SubjectElsewhere { email: user.email, org: org.slug.clone() }.into());
        };
        if !may_be_subject(&self.config, &user, &membership.roles) {
            return Err(Refusal::SubjectPerson(user.email).into());
        }
        Ok(Some(user.id))
    }

    /// Private scopes are given by the operator, never taken (behind them are things that can't be undone). What was given is
    /// `held`, and may be named.
    fn given_by_members(&self, text: &str, held: &ScopeSet) -> Result<(), Refusal> {
        let By::Member { .. } = self.by else { return Ok(()) };
        let scopes = ScopeSet::asked(text).map_err(|e| Refusal::Scopes(e.to_string()))?;
        let private = |visibility| visibility == Visibility::Private;
        match scopes.difference(held).iter().find(|s| self.config.catalogue.entry(s).is_some_and(|e| private(e.visibility))) {
            Some(scope) => Err(Refusal::PrivateScope(scope.clone())),
            None => Ok(()),
        }
    }

    /// Everything that a member holds now; `None` is the operator, who holds everything.
    async fn own_permissions(&self) -> Result<Option<ScopeBits>, StoreError> {
        let By::Member { user, org } = &self.by else { return Ok(None) };
        let membership = self.node.store.membership(&org.id, user).await?;
        Ok(Some(membership.map_or(ScopeBits::NONE, |m| self.config.roles.permissions(&m.roles))))
    }

    /// Whether the caller holds all that this subject holds.
    async fn reaches(&self, subject: Option<&UserId>) -> Result<(), ClientError> {
        let (Some(subject), By::Member { org, .. }) = (subject, &self.by) else { return Ok(()) };
        let membership = self.node.store.membership(&org.id, subject).await?;
        let theirs = membership.map_or(ScopeBits::NONE, |m| self.config.roles.permissions(&m.roles));
        if self.own_permissions().await?.is_none_or(|own| own.covers(&theirs)) {
            return Ok(());
        }
        Err(Refusal::BeyondReach.into())
    }
}

/// What to change of a client's terms, before anything is changed.
///
/// # Errors
/// When a lifetime is out of bounds.
pub fn terms(ttl: Setting<u64>, require_state: Option<bool>) -> Result<ClientTerms, Refusal> {
    Ok(ClientTerms { access_token_ttl: ttl.try_map(new::lifetime)?, require_state })
}

/// A client of an app is what the app's draft or last version says, and goes with the app.
fn of_its_own(client: &Client) -> Result<(), Refusal> {
    match &client.app {
        Some(of) => Err(Refusal::OfApp(of.app.clone())),
        None => Ok(()),
    }
}
