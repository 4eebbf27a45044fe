//! Everything that is done with apps.

use std::sync::Arc;

use super::difference::difference;
use super::error::{AppError, Refusal};
use super::manifest::Manifest;
use super::readiness::{Condition, conditions};
use super::secrets::{self, NewSecret, make_secret};
use super::written::Written;
use crate::config::{Config, GrantFlow, ScopeEntry, Visibility};
use crate::node::Node;
use crate::record::{Cause, ControlEvent, Operation};
use crate::store::{
    App, AppClient, AppState, AppVersion, Client, ClientAuth, ClientKind, ClientOrigin, ClientSecret, ClientState, Definition,
    Drafted, Edit, GrantType, Hand, Maturity, Org, Publication, Published, Stage, Via,
};
use crate::types::{AppId, AppUuid, ClientId, PlainToken, ScopeSet, ScopeToken};

/// How often an import that others overtook begins anew.
const IMPORT_TRIES: usize = 4;

/// Who writes definitions: decides about private scopes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Author {
    /// The operator, who gives private scopes.
    Operator,
    /// A member of the organization, who keeps those that were given.
    Member,
}

/// Apps, for one caller.
#[derive(Debug)]
pub struct Workshop<'a> {
    pub(super) node: &'a Node,
    pub(super) config: Arc<Config>,
    author: Author,
    pub(super) cause: Cause,
}

/// An app that was made.
#[derive(Debug)]
pub struct Made {
    /// The app.
    pub app: App,
    /// The secret of its draft client, unless that is public. This once.
    pub secret: Option<PlainToken>,
}

/// What an import did, and what it had to leave out.
#[derive(Debug)]
pub struct Import {
    /// What it did.
    pub did: Imported,
    /// Private scopes of the manifest that the app has not been given here: a site's operator gives them anew.
    pub left_out: ScopeSet,
}

/// What an import did.
#[derive(Debug)]
pub enum Imported {
    /// The organization had no app with that UUID: there is one now.
    Made(Made),
    /// The draft was changed to what the manifest says, or already was so.
    Changed(App),
}

/// A version that was published.
#[derive(Debug)]
pub struct Release {
    /// The version.
    pub version: AppVersion,
    /// The published client.
    pub client: ClientId,
    /// Its secret, with the first version and unless it is public. This once.
    pub secret: Option<PlainToken>,
    /// Live grants that lost scopes, and those that had nothing left and ended.
    pub narrowed: u64,
    /// Live grants that had nothing left and ended.
    pub ended: u64,
    /// Scopes that it added, and that were never tried in a test authorization.
    pub untried: ScopeSet,
}

impl<'a> Workshop<'a> {
    /// For a caller; records name what `cause` names.
    #[must_use]
    pub fn new(node: &'a Node, author: Author, cause: Cause) -> Self {
        Self { node, config: node.config.load_full(), author, cause }
    }

    /// Makes an app with its draft client.
    ///
    /// # Errors
    /// When the definition is flawed or the organization has no room.
    pub async fn create(&self, org: &Org, kind: ClientKind, written: &Written) -> Result<Made, AppError> {
        let uuid = AppUuid::generate(&*self.node.entropy);
        self.make(org, kind, written, (uuid, Via::Hand)).await
    }

    async fn make(&self, org: &Org, kind: ClientKind, written: &Written, (uuid, via): (AppUuid, Via)) -> Result<Made, AppError> {
        let draft = self.proved(written, &self.carried(written, via))?;
        let (at, entropy) = (self.cause.at, &*self.node.entropy);
        let app = App {
            id: AppId::generate(at, entropy),
            org: org.id.clone(),
            uuid,
            draft,
            revision: 1,
            maturity: Maturity::InWork,
            state: AppState::Active,
            draft_client: ClientId::generate(at, entropy),
            published_client: None,
            version: 0,
            created_at: at,
            changed_at: at,
        };
        let client = self.client(&app, kind, Stage::Draft);
        let (secret, stored) = self.first_secret(kind).unzip();
        let most = self.config.oauth.max_clients_per_org;
        match self.node.store.create_app(&app, &client, stored.as_ref(), via, most, &self.cause).await? {
            Drafted::Done => Ok(Made { app, secret }),
            Drafted::Taken => Err(Refusal::Taken.into()),
            Drafted::Full => Err(Refusal::Full(most).into()),
        }
    }

    /// Changes the draft of an app that was seen at `revision`. Live grants of the draft client narrow before this returns.
    ///
    /// # Errors
    /// When the definition is flawed, somebody else changed it meanwhile, or the draft client is frozen and the author is a member.
    pub async fn edit(&self, app: &App, revision: u64, written: &Written) -> Result<App, AppError> {
        self.change(app, revision, written, Via::Hand).await
    }

    async fn change(&self, app: &App, revision: u64, written: &Written, via: Via) -> Result<App, AppError> {
        self.client_to_change(&app.draft_client).await?;
        let held = app.draft.scopes.union(&self.approved(app).await?).union(&self.carried(written, via));
        let draft = self.proved(written, &held)?;
        if revision == app.revision && draft == app.draft {
            // Another request may just have changed it to this.
            self.node.settle().await?;
            return Ok(app.clone());
        }
        match self.node.store.edit_app(&app.id, revision, &draft, via, self.hand(), &self.cause).await? {
            Edit::Done => self.node.settle().await?,
            Edit::Stale => return Err(Refusal::Stale.into()),
            Edit::Frozen => return Err(Refusal::Frozen.into()),
        }
        self.again(app).await
    }

    /// Sets or takes away the stable mark.
    ///
    /// # Errors
    /// When the draft was changed since `app` was read.
    pub async fn mark(&self, app: &App, maturity: Maturity) -> Result<App, AppError> {
        if app.maturity == maturity {
            return Ok(app.clone());
        }
        match self.node.store.mark_app(&app.id, app.revision, maturity, &self.cause).await? {
            Edit::Done => self.again(app).await,
            Edit::Stale => Err(Refusal::Stale.into()),
            Edit::Frozen => Err(Refusal::Frozen.into()),
        }
    }

    /// Every precondition of publishing the draft now.
    ///
    /// # Errors
    /// When the store fails or the app is gone.
    pub async fn conditions(&self, app: &App) -> Result<Vec<Condition>, AppError> {
        let last = self.node.store.app_versions(&app.id).await?.into_iter().next();
        let of = (self.kind(app).await?, &self.approved(app).await?);
        Ok(conditions(app, of, last.as_ref(), &self.config.catalogue))
    }

    /// The scopes that publishing the draft would add, and that nobody was ever given in a test authorization of it. They can be
    /// published all the same.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn untried(&self, app: &App) -> Result<ScopeSet, AppError> {
        let last = self.node.store.app_versions(&app.id).await?.into_iter().next();
        let before = last.map(|version| version.definition.scopes).unwrap_or_default();
        let more = app.draft.scopes.difference(&before);
        if more.is_empty() {
            return Ok(more);
        }
        Ok(more.difference(&self.node.store.scopes_tried(&app.draft_client).await?))
    }

    /// Publishes the draft as it was read: a version, and with the first one a client with a secret. Grants that lose scopes
    /// have lost them when this returns.
    ///
    /// # Errors
    /// When preconditions are not met (all of them are named), `uuid` is another app's, the app was changed meanwhile, or one of
    /// its clients is frozen and the author is a member.
    pub async fn publish(&self, app: &App, uuid: Option<&str>) -> Result<Release, AppError> {
        let release = self.release(app, uuid).await?;
        // Nobody holds anything of a client that is new, and its secret is told this once, whatever the feed does.
        if app.published_client.is_some() {
            self.node.settle().await?;
        }
        Ok(release)
    }

    /// The same without waiting: grants that lose scopes lose them when this node has settled.
    ///
    /// # Errors
    /// As for [`Self::publish`].
    pub async fn release(&self, app: &App, uuid: Option<&str>) -> Result<Release, AppError> {
        if uuid.is_some_and(|u| !u.eq_ignore_ascii_case(app.uuid.as_str())) {
            return Err(Refusal::WrongUuid.into());
        }
        // The first version would be a client that works, in place of a draft client that may not.
        for id in [Some(&app.draft_client), app.published_client.as_ref()].into_iter().flatten() {
            self.client_to_change(id).await?;
        }
        let unmet: Vec<_> = self.conditions(app).await?.into_iter().filter(|c| !c.met).map(|c| c.need).collect();
        if !unmet.is_empty() {
            return Err(Refusal::Unready(unmet).into());
        }
        let (kind, untried) = (self.kind(app).await?, self.untried(app).await?);
        let first = app.published_client.is_none();
        let client = self.client(app, kind, Stage::Published);
        let (secret, stored) = self.first_secret(kind).filter(|_| first).unzip();
        let id = app.published_client.clone().unwrap_or_else(|| client.id.clone());
        let most = self.config.oauth.max_clients_per_org;
        let publication = Publication { revision: app.revision, number: app.version + 1, client, secret: stored, most };
        match self.node.store.publish_app(&app.id, &publication, self.hand(), &self.cause).await? {
            Published::Stale => Err(Refusal::Stale.into()),
            Published::Frozen => Err(Refusal::Frozen.into()),
            Published::Full => Err(Refusal::Full(most).into()),
            Published::Done { version, narrowed, ended } => {
                Ok(Release { version: *version, client: id, secret, narrowed, ended, untried })
            }
        }
    }

    /// Switches an app off or on, with both its clients. Off, no token of them works when this returns.
    ///
    /// # Errors
    /// When the app is gone.
    pub async fn switch(&self, app: &App, state: AppState) -> Result<App, AppError> {
        self.node.store.set_app_state(&app.id, state, &self.cause).await?;
        self.node.settle().await?;
        self.again(app).await
    }

    /// Removes an app: its grants have ended when this returns.
    ///
    /// # Errors
    /// When the app is gone.
    pub async fn delete(&self, app: &App) -> Result<(), AppError> {
        let deleted = self.node.store.delete_app(&app.id, &self.cause).await?;
        // Also when it had gone before: another request may just be removing it.
        self.node.settle().await?;
        if deleted { Ok(()) } else { Err(Refusal::Gone.into()) }
    }

    /// The secrets of one of the app's clients that have not ended.
    ///
    /// # Errors
    /// When there is no such client yet.
    pub async fn secrets(&self, app: &App, stage: Stage) -> Result<Vec<ClientSecret>, AppError> {
        Ok(self.node.store.live_secrets(client_id(app, stage)?, self.cause.at).await?)
    }

    /// Gives one of the app's clients another secret.
    ///
    /// # Errors
    /// When the client has none or too many, is not there, an end is out of bounds, or it is frozen and the author is a member.
    pub async fn add_secret(&self, app: &App, stage: Stage, new: NewSecret) -> Result<(PlainToken, ClientSecret), AppError> {
        let client = self.client_to_change(client_id(app, stage)?).await?;
        // Nothing to wait for: secrets are looked up where they are stored, and this one is told once.
        secrets::add_secret(self.node, &client, new, (self.hand(), &self.cause)).await
    }

    /// Removes a secret of one of the app's clients, by its id or its last four characters.
    ///
    /// # Errors
    /// When there is no such secret, or no other one, or the client is frozen and the author is a member.
    pub async fn remove_secret(&self, app: &App, stage: Stage, which: &str) -> Result<(), AppError> {
        let client = self.client_to_change(client_id(app, stage)?).await?;
        secrets::remove_secret(self.node, &client.id, which, (self.hand(), &self.cause)).await?;
        Ok(self.node.settle().await?)
    }

    /// The manifest of the draft, or of a version. The export is on record.
    ///
    /// # Errors
    /// When there is no such version.
    pub async fn export(&self, app: &App, version: Option<u32>) -> Result<Manifest, AppError> {
        let definition = match version {
            None => app.draft.clone(),
            Some(number) => {
                let versions = self.node.store.app_versions(&app.id).await?;
                versions.into_iter().find(|v| v.number == number).ok_or(Refusal::UnknownVersion)?.definition
            }
        };
        let manifest = Manifest::of(&app.uuid, &definition, self.kind(app).await?);
        let event = ControlEvent::done(Operation::AppManifestExport).on("app", app.id.as_str());
        self.node.store.note(Some(&app.org), event, &self.cause).await?;
        Ok(manifest)
    }

    /// Makes the app of a manifest in `org`, or changes the draft of the one that is there. A second time it does nothing. Private
    /// scopes that the app has not been given here are left out: nobody could ask for them before there is an app.
    ///
    /// # Errors
    /// When the manifest is flawed, or its clients are of another kind than the app's.
    pub async fn import(&self, org: &Org, manifest: &Manifest) -> Result<Import, AppError> {
        let mut outcome = self.import_now(org, manifest).await;
        for _ in 0..IMPORT_TRIES {
            // Somebody else's import of it was quicker: what there is now is what this one finds.
            let Err(AppError::Refused(Refusal::Taken | Refusal::Stale)) = &outcome else { break };
            outcome = self.import_now(org, manifest).await;
        }
        outcome
    }

    async fn import_now(&self, org: &Org, manifest: &Manifest) -> Result<Import, AppError> {
        let (mut written, kind) = (manifest.written(), manifest.client.kind);
        let Some(app) = self.node.store.app_by_uuid(&org.id, &manifest.app_uuid).await? else {
            let left_out = self.leave_out(&mut written, &ScopeSet::default());
            let made = self.make(org, kind, &written, (manifest.app_uuid.clone(), Via::Manifest)).await?;
            return Ok(Import { did: Imported::Made(made), left_out });
        };
        let left_out = self.leave_out(&mut written, &app.draft.scopes.union(&self.approved(&app).await?));
        if self.kind(&app).await? != kind {
            return Err((if kind == ClientKind::Public { Refusal::NotPublic } else { Refusal::NotConfidential }).into());
        }
        let changed = self.change(&app, app.revision, &written, Via::Manifest).await?;
        Ok(Import { did: Imported::Changed(changed), left_out })
    }

    /// Takes private and internal scopes out of what is written that are not held and that the author can't give.
    fn leave_out(&self, written: &mut Written, held: &ScopeSet) -> ScopeSet {
        let mut left_out = ScopeSet::default();
        let closed = |seen: Visibility| match seen {
            Visibility::Public | Visibility::Managed => false,
            Visibility::Private => self.author != Author::Operator,
            Visibility::Internal => true,
        };
        written.scopes.retain(|text| {
            let Ok(scope) = ScopeToken::asked(text.trim()) else { return true };
            let closed = self.config.catalogue.entry(&scope).is_some_and(|e| closed(e.visibility));
            if !closed || held.contains(&scope) {
                return true;
            }
            left_out.insert(scope);
            false
        });
        left_out
    }

    /// What a manifest may bring along though nobody takes it up any more: the app has it at the site that it comes from.
    fn carried(&self, written: &Written, via: Via) -> ScopeSet {
        if via != Via::Manifest {
            return ScopeSet::default();
        }
        let named = written.scopes.iter().filter_map(|text| ScopeToken::asked(text.trim()).ok());
        let is_carried = |scope: &ScopeToken| self.config.catalogue.entry(scope).is_some_and(Self::is_carried);
        named.filter(is_carried).collect()
    }

    fn is_carried(entry: &ScopeEntry) -> bool {
        let for_apps = entry.given_by.contains(&GrantFlow::AuthorizationCode);
        entry.deprecated.is_some() && entry.is_open() && for_apps
    }

    /// Whether the app's clients keep secrets.
    ///
    /// # Errors
    /// When the app is gone.
    pub async fn kind(&self, app: &App) -> Result<ClientKind, AppError> {
        let client = self.node.store.client(&app.draft_client).await?.ok_or(Refusal::Gone)?;
        Ok(client.kind)
    }

    /// What the next version would change, or all that the first would say.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn pending(&self, app: &App) -> Result<Vec<super::Change>, AppError> {
        let last = self.node.store.app_versions(&app.id).await?.into_iter().next();
        let before = last.map_or_else(Definition::default, |v| v.definition);
        Ok(difference(&before, &app.draft))
    }

    /// The private scopes that the operator has given to an app.
    ///
    /// # Errors
    /// When the store fails.
    pub async fn approved(&self, app: &App) -> Result<ScopeSet, AppError> {
        Ok(self.node.store.approvals(&app.draft_client).await?.live(self.cause.at))
    }

    fn proved(&self, written: &Written, held: &ScopeSet) -> Result<Definition, AppError> {
        written.proved(&self.config.catalogue, self.author, held).map_err(|flaws| Refusal::Flawed(flaws).into())
    }

    /// One of the app's clients, to change it. What the operator froze is not its owner's to change; it can only be removed.
    async fn client_to_change(&self, id: &ClientId) -> Result<Client, AppError> {
        let client = self.node.store.client(id).await?.ok_or(Refusal::Gone)?;
        match (self.author, client.state) {
            (Author::Member, ClientState::Frozen) => Err(Refusal::Frozen.into()),
            _ => Ok(client),
        }
    }

    const fn hand(&self) -> Hand {
        match self.author {
            Author::Operator => Hand::Operator,
            Author::Member => Hand::Owner,
        }
    }

    async fn again(&self, app: &App) -> Result<App, AppError> {
        Ok(self.node.store.app(&app.id).await?.ok_or(Refusal::Gone)?)
    }

    fn client(&self, app: &App, kind: ClientKind, stage: Stage) -> Client {
        Client {
            id: match stage {
                Stage::Draft => app.draft_client.clone(),
                Stage::Published => ClientId::generate(self.cause.at, &*self.node.entropy),
            },
            org: Some(app.org.clone()),
            app: Some(AppClient { app: app.id.clone(), stage }),
            name: app.draft.name.clone(),
            kind,
            origin: ClientOrigin::Administrator,
            auth: if kind == ClientKind::Public { ClientAuth::None } else { ClientAuth::SecretBasic },
            redirect_uris: app.draft.redirect_uris.clone(),
            grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
            scopes: Some(app.draft.scopes.clone()),
            subject: None,
            resources: Vec::new(),
            require_state: app.draft.require_state,
            access_token_ttl: app.draft.access_token_ttl(),
            state: ClientState::Active,
            created_at: self.cause.at,
        }
    }

    /// A secret for a client that can keep one.
    fn first_secret(&self, kind: ClientKind) -> Option<(PlainToken, ClientSecret)> {
        (kind != ClientKind::Public).then(|| make_secret(self.node, self.cause.at))
    }
}

fn client_id(app: &App, stage: Stage) -> Result<&ClientId, Refusal> {
    match stage {
        Stage::Draft => Ok(&app.draft_client),
        Stage::Published => app.published_client.as_ref().ok_or(Refusal::Unpublished),
    }
}
