//! Apps: what an organization makes clients of, in a draft that its members try, and in versions that everybody may authorize.

use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::{Client, ClientSecret, Hand, StoreError};
use crate::record::Cause;
use crate::types::{AppId, AppUuid, ClientId, OrgId, RedirectUri, ScopeSet, Timestamp, UserId};

/// An app.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct App {
    /// Its id here.
    pub id: AppId,
    /// The organization that owns it.
    pub org: OrgId,
    /// What it is known by at every site; free within the organization.
    pub uuid: AppUuid,
    /// What the next version will be.
    pub draft: Definition,
    /// Counts the changes of the draft, so that nobody overwrites what they did not see.
    pub revision: u64,
    /// Whether the draft, as it stands, may be published.
    pub maturity: Maturity,
    /// Whether its clients may be used.
    pub state: AppState,
    /// The client to try the draft with.
    pub draft_client: ClientId,
    /// The client that everybody may authorize, once there is a version.
    pub published_client: Option<ClientId>,
    /// The number of the last version; 0 before the first.
    pub version: u32,
    /// When it was made.
    pub created_at: Timestamp,
    /// When its draft was last changed.
    pub changed_at: Timestamp,
}

/// What an app is: the part of it that is drafted, published and carried to other sites.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// Its name for people; its clients bear it.
    pub name: String,
    /// What it is for, in a few sentences.
    pub description: String,
    /// Where its documentation is.
    pub documentation_url: Option<String>,
    /// What to do when it is no longer wanted.
    pub uninstall_instructions: String,
    /// Where an authorization starts.
    pub onboarding_url: Option<String>,
    /// Where answers may go.
    pub redirect_uris: Vec<RedirectUri>,
    /// What it asks for: all of it, from everybody.
    pub scopes: ScopeSet,
    /// Lifetime of its clients' access tokens in seconds, when they have one of their own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub access_token_ttl_seconds: Option<u64>,
    /// Whether its clients' authorization requests must carry `state`.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub require_state: bool,
}

impl Definition {
    /// The lifetime of its clients' access tokens, when they have one of their own.
    #[must_use]
    pub fn access_token_ttl(&self) -> Option<Duration> {
        self.access_token_ttl_seconds.map(Duration::from_secs)
    }
}

/// Whether a draft is finished.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Maturity {
    /// It is worked on.
    InWork,
    /// Somebody marked it stable after its last change.
    Stable,
}

/// Whether the clients of an app may be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AppState {
    /// They may.
    Active,
    /// No token of them works.
    Disabled,
}

/// A version, which never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AppVersion {
    /// 1 for the first.
    pub number: u32,
    /// What it says.
    pub definition: Definition,
    /// When it was published.
    pub published_at: Timestamp,
    /// By which user; `None` is the operator.
    pub published_by: Option<UserId>,
}

/// How a definition came here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// Somebody wrote it.
    Hand,
    /// From a manifest.
    Manifest,
}

/// The outcome of changing a draft.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// It was changed.
    Done,
    /// It is not what its caller saw any more, or is gone; nothing was changed.
    Stale,
    /// The operator froze its draft client, and the hand was its owner's.
    Frozen,
}

/// A version to be published.
#[derive(Clone, Debug)]
pub struct Publication {
    /// The revision of the draft that was looked at.
    pub revision: u64,
    /// The number of the version; the one after the last.
    pub number: u32,
    /// The published client, for the first version; its name, redirect URIs and scopes are taken from the draft.
    pub client: Client,
    /// The secret of that client.
    pub secret: Option<ClientSecret>,
    /// How many clients the organization may have with that client.
    pub most: u64,
}

/// The outcome of making an app.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drafted {
    /// It was made.
    Done,
    /// The organization has an app with its UUID; nothing was made.
    Taken,
    /// The organization has no room for another client; nothing was made.
    Full,
}

/// The outcome of publishing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Published {
    /// There is a new version.
    Done {
        /// The version.
        version: Box<AppVersion>,
        /// Live grants that lost scopes.
        narrowed: u64,
        /// Live grants that had nothing left and ended.
        ended: u64,
    },
    /// The app is not what its caller saw any more: nothing was published.
    Stale,
    /// The operator froze one of its clients, and the hand was its owner's.
    Frozen,
    /// The organization has no room for the published client.
    Full,
}

/// Verbs on apps.
#[async_trait]
pub trait AppStore {
    /// Makes an app with its draft client; its UUID must be free in the organization, which may have `most` clients with it.
    async fn create_app(
        &self,
        app: &App,
        client: &Client,
        secret: Option<&ClientSecret>,
        via: Via,
        most: u64,
        cause: &Cause,
    ) -> Result<Drafted, StoreError>;
    /// One app.
    async fn app(&self, id: &AppId) -> Result<Option<App>, StoreError>;
    /// The app that an organization has under a UUID.
    async fn app_by_uuid(&self, org: &OrgId, uuid: &AppUuid) -> Result<Option<App>, StoreError>;
    /// Apps of one organization, or all of them; newest first.
    async fn apps(&self, org: Option<&OrgId>) -> Result<Vec<App>, StoreError>;
    /// Apps of one organization, newest first; at most `limit` behind `after`.
    async fn find_apps(&self, org: &OrgId, after: Option<&(Timestamp, AppId)>, limit: u32) -> Result<Vec<App>, StoreError>;
    /// The versions of an app, newest first.
    async fn app_versions(&self, id: &AppId) -> Result<Vec<AppVersion>, StoreError>;
    /// Replaces a draft, when it still is at `revision`; takes its stable mark away. The draft client follows, and live grants
    /// of it lose the scopes that are no longer asked for.
    async fn edit_app(
        &self,
        id: &AppId,
        revision: u64,
        draft: &Definition,
        via: Via,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Edit, StoreError>;
    /// Sets or takes away the stable mark of a draft that still is at `revision`; stale when it already is so.
    async fn mark_app(&self, id: &AppId, revision: u64, maturity: Maturity, cause: &Cause) -> Result<Edit, StoreError>;
    /// Copies a stable draft of an active app to a version that never changes. The published client is made with the first
    /// version and follows later ones; live grants of it lose at once, and for good, the scopes that the version does not ask
    /// for.
    async fn publish_app(
        &self,
        id: &AppId,
        publication: &Publication,
        hand: Hand,
        cause: &Cause,
    ) -> Result<Published, StoreError>;
    /// Switches an app off or on with both its clients; `false` when there is none or it already was so.
    async fn set_app_state(&self, id: &AppId, state: AppState, cause: &Cause) -> Result<bool, StoreError>;
    /// Removes an app with its clients and revokes their grants.
    async fn delete_app(&self, id: &AppId, cause: &Cause) -> Result<bool, StoreError>;
}
