//! Administration on a node: behind the admin API, or by the command line on a store that no gateway serves.

mod accounts;
mod api_keys;
mod apps;
mod audit;
mod clients;
mod explain;
mod grants;
mod keys;
mod members;
mod pages;
mod people;
mod policy;
mod proof;
mod searches;
mod shadow;

pub use api_keys::install_view;
pub use apps::{change_view, condition_view, version_view, view as app_view};
pub use audit::entry as audit_entry;
pub use clients::{secret_view, view as client_view};
pub use grants::view as grant_view;
pub use policy::view as policy_view;

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::administration::Administration;
use super::app_model::{
    AppChange, AppDetails, AppSecret, AppView, CreatedApp, ImportedApp, NewApp, Publish, PublishedApp, StableMark,
};
use super::error::{AdminError, Rule};
use super::model::{
    ApiKeyQuery, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, UninstalledApp,
};
use super::model::{
    AuditEntry, AuditPageView, AuditQuery, ClientPolicyChange, ClientPolicyView, ClientScopes, ClientSwitch, ClientTerms,
    ClientView, CreatedClient, CreatedInvitation, CreatedSecret, CreatedUser, EndedSessions, ExplainQuery, ExplanationView,
    GrantChange, GrantView, InvitationView, KeyView, MemberRoles, MemberView, NewClient, NewClientsChange, NewInvitation, NewOrg,
    NewPassword, NewSavedSearch, NewSecret, NewUserRequest, OrgChange, OrgPolicyView, OrgView, Page, PageQuery, RevokedGrants,
    RoleView, Rotation, SavedSearchView, ScopeQuery, ScopeView, SessionView, ShadowQuery, ShadowReport, Switch, UserSwitch,
    UserView, Within,
};
use super::model::{AuditKeyView, VerifyAsked, VerifyStep};
use crate::apps::Manifest;
use crate::clients::{MAX_NAME, Refusal, name_for_people};
use crate::counts::Counts;
use crate::node::Node;
use crate::record::Cause;
use crate::review::Entry;
use crate::store::{Org, Stage, StoreError, User};
use crate::types::{OrgId, Slug, UserId};

/// Administration on a node, by one caller.
#[derive(Clone, Debug)]
pub struct Local {
    node: Arc<Node>,
    peer: Option<SocketAddr>,
    user_agent: Option<String>,
    acting: Option<Cause>,
}

impl Local {
    /// For whoever runs this process.
    #[must_use]
    pub const fn new(node: Arc<Node>) -> Self {
        Self { node, peer: None, user_agent: None, acting: None }
    }

    /// For a caller of the admin API; audit records name where it called from.
    #[must_use]
    pub const fn called_from(node: Arc<Node>, peer: Option<SocketAddr>, user_agent: Option<String>) -> Self {
        Self { node, peer, user_agent, acting: None }
    }

    /// For a user or application that was allowed to: what is done is on record as theirs.
    #[must_use]
    pub const fn on_behalf_of(node: Arc<Node>, cause: Cause) -> Self {
        Self { node, peer: None, user_agent: None, acting: Some(cause) }
    }

    /// The operator is the actor of everything here, unless somebody else acts: no user, no client.
    fn cause(&self) -> Cause {
        if let Some(acting) = &self.acting {
            return Cause { at: self.node.now(), ..acting.clone() };
        }
        let mut cause = self.node.own_cause();
        cause.origin.peer = self.peer;
        cause.origin.user_agent.clone_from(&self.user_agent);
        cause
    }

    /// After a change that takes something away: what was taken is gone when this returns.
    async fn settled<T>(&self, done: T) -> Result<T, AdminError> {
        self.node.settle().await?;
        Ok(done)
    }

    async fn find_org(&self, name: &str) -> Result<Org, AdminError> {
        let store = &self.node.store;
        if let Ok(slug) = Slug::parse(name)
            && let Some(org) = store.org_by_slug(&slug).await?
        {
            return Ok(org);
        }
        let found = match OrgId::parse(name) {
            Ok(id) => store.org(&id).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| AdminError::not_found("organization", name))
    }

    async fn find_user(&self, name: &str) -> Result<User, AdminError> {
        let store = &self.node.store;
        if let Some(user) = store.user_by_email(&name.to_lowercase()).await? {
            return Ok(user);
        }
        let found = match UserId::parse(name) {
            Ok(id) => store.user(&id).await?,
            Err(_) => None,
        };
        found.ok_or_else(|| AdminError::not_found("user", name))
    }
}

/// A name for people: one line, not empty, bounded.
fn display_name(text: &str) -> Result<String, AdminError> {
    name_for_people(text).ok_or_else(|| AdminError::invalid(Refusal::Name.to_string()).of(Rule::Name(MAX_NAME)))
}

/// What was read again after a change; it can only be missing when somebody else removed it at the same time.
fn still_there<T>(found: Result<Option<T>, StoreError>, what: &str, which: &str) -> Result<T, AdminError> {
    found?.ok_or_else(|| AdminError::not_found(what, which))
}

#[async_trait]
impl Administration for Local {
    async fn orgs(&self, page: PageQuery) -> Result<Page<OrgView>, AdminError> {
        accounts::orgs(self, &page).await
    }
    async fn org(&self, org: &str) -> Result<OrgView, AdminError> {
        Ok(self.find_org(org).await?.into())
    }
    async fn create_org(&self, new: NewOrg) -> Result<OrgView, AdminError> {
        accounts::create_org(self, new).await
    }
    async fn update_org(&self, org: &str, change: OrgChange) -> Result<OrgView, AdminError> {
        accounts::update_org(self, org, change).await
    }
    async fn switch_org(&self, org: &str, to: Switch) -> Result<OrgView, AdminError> {
        accounts::switch_org(self, org, to).await
    }

    async fn users(&self, page: PageQuery) -> Result<Page<UserView>, AdminError> {
        accounts::users(self, &page).await
    }
    async fn user(&self, user: &str) -> Result<UserView, AdminError> {
        Ok(self.find_user(user).await?.into())
    }
    async fn create_user(&self, new: NewUserRequest) -> Result<CreatedUser, AdminError> {
        accounts::create_user(self, new).await
    }
    async fn switch_user(&self, user: &str, to: UserSwitch) -> Result<UserView, AdminError> {
        accounts::switch_user(self, user, to).await
    }
    async fn operators(&self, page: PageQuery) -> Result<Page<UserView>, AdminError> {
        accounts::operators(self, &page).await
    }
    async fn add_operator(&self, user: &str) -> Result<UserView, AdminError> {
        accounts::add_operator(self, user).await
    }
    async fn remove_operator(&self, user: &str) -> Result<(), AdminError> {
        accounts::remove_operator(self, user).await
    }
    async fn set_password(&self, user: &str, new: NewPassword) -> Result<CreatedUser, AdminError> {
        accounts::set_password(self, user, new).await
    }

    async fn members(&self, org: &str, page: PageQuery) -> Result<Page<MemberView>, AdminError> {
        members::list(self, org, &page).await
    }
    async fn set_member(&self, org: &str, user: &str, roles: MemberRoles) -> Result<MemberView, AdminError> {
        members::set(self, org, user, roles).await
    }
    async fn remove_member(&self, org: &str, user: &str) -> Result<(), AdminError> {
        members::remove(self, org, user).await
    }
    async fn invitations(&self, org: &str, page: PageQuery) -> Result<Page<InvitationView>, AdminError> {
        people::invitations(self, org, &page).await
    }
    async fn invite(&self, org: &str, new: NewInvitation) -> Result<CreatedInvitation, AdminError> {
        people::invite(self, org, new).await
    }
    async fn withdraw_invitation(&self, org: &str, invitation: &str) -> Result<(), AdminError> {
        people::withdraw(self, org, invitation).await
    }
    async fn sessions(&self, user: &str, page: PageQuery) -> Result<Page<SessionView>, AdminError> {
        people::sessions(self, user, &page).await
    }
    async fn end_session(&self, user: &str, session: &str) -> Result<(), AdminError> {
        people::end_session(self, user, session).await
    }
    async fn end_sessions(&self, user: &str) -> Result<EndedSessions, AdminError> {
        people::end_sessions(self, user).await
    }
    async fn roles(&self) -> Result<Vec<RoleView>, AdminError> {
        Ok(members::roles(self))
    }
    async fn scopes(&self, query: ScopeQuery) -> Result<Vec<ScopeView>, AdminError> {
        Ok(people::scopes(self, &query))
    }

    async fn clients(&self, within: Within) -> Result<Page<ClientView>, AdminError> {
        clients::list(self, within).await
    }
    async fn client(&self, client: &str) -> Result<ClientView, AdminError> {
        clients::show(self, client).await
    }
    async fn create_client(&self, new: NewClient) -> Result<CreatedClient, AdminError> {
        clients::create(self, new).await
    }
    async fn switch_client(&self, client: &str, to: ClientSwitch) -> Result<ClientView, AdminError> {
        clients::switch(self, client, to).await
    }
    async fn set_client_scopes(&self, client: &str, scopes: ClientScopes) -> Result<ClientView, AdminError> {
        clients::set_scopes(self, client, scopes).await
    }
    async fn set_client_terms(&self, client: &str, terms: ClientTerms) -> Result<ClientView, AdminError> {
        clients::set_terms(self, client, terms).await
    }
    async fn add_secret(&self, client: &str, new: NewSecret) -> Result<CreatedSecret, AdminError> {
        clients::add_secret(self, client, new).await
    }
    async fn remove_secret(&self, client: &str, secret: &str) -> Result<(), AdminError> {
        clients::remove_secret(self, client, secret).await
    }
    async fn delete_client(&self, client: &str) -> Result<(), AdminError> {
        clients::delete(self, client).await
    }

    async fn apps(&self, within: Within) -> Result<Page<AppView>, AdminError> {
        apps::list(self, within).await
    }
    async fn app(&self, app: &str) -> Result<AppDetails, AdminError> {
        apps::show(self, app).await
    }
    async fn create_app(&self, new: NewApp) -> Result<CreatedApp, AdminError> {
        apps::create(self, new).await
    }
    async fn update_app(&self, app: &str, change: AppChange) -> Result<AppView, AdminError> {
        apps::update(self, app, change).await
    }
    async fn mark_app(&self, app: &str, mark: StableMark) -> Result<AppView, AdminError> {
        apps::mark(self, app, mark).await
    }
    async fn publish_app(&self, app: &str, publish: Publish) -> Result<PublishedApp, AdminError> {
        apps::publish(self, app, publish).await
    }
    async fn switch_app(&self, app: &str, to: Switch) -> Result<AppView, AdminError> {
        apps::switch(self, app, to).await
    }
    async fn delete_app(&self, app: &str) -> Result<(), AdminError> {
        apps::delete(self, app).await
    }
    async fn add_app_secret(&self, app: &str, new: AppSecret) -> Result<CreatedSecret, AdminError> {
        apps::add_secret(self, app, new).await
    }
    async fn remove_app_secret(&self, app: &str, stage: Stage, secret: &str) -> Result<(), AdminError> {
        apps::remove_secret(self, app, stage, secret).await
    }
    async fn export_app(&self, app: &str, version: Option<u32>) -> Result<Manifest, AdminError> {
        apps::export(self, app, version).await
    }
    async fn import_app(&self, org: &str, manifest: Manifest) -> Result<ImportedApp, AdminError> {
        apps::import(self, org, &manifest).await
    }

    async fn grants(&self, within: Within) -> Result<Page<GrantView>, AdminError> {
        grants::list(self, within).await
    }
    async fn grant(&self, grant: &str) -> Result<GrantView, AdminError> {
        grants::show(self, grant).await
    }
    async fn change_grant(&self, grant: &str, change: GrantChange) -> Result<GrantView, AdminError> {
        grants::change(self, grant, change).await
    }
    async fn revoke_grant(&self, grant: &str) -> Result<GrantView, AdminError> {
        grants::revoke(self, grant).await
    }

    async fn api_keys(&self, query: ApiKeyQuery) -> Result<Page<ApiKeyView>, AdminError> {
        api_keys::keys(self, query).await
    }
    async fn api_key(&self, key: &str) -> Result<ApiKeyView, AdminError> {
        api_keys::key(self, key).await
    }
    async fn disable_api_key(&self, key: &str) -> Result<ApiKeyView, AdminError> {
        api_keys::disable(self, key).await
    }
    async fn scope_requests(&self, within: Within) -> Result<Page<ScopeRequestView>, AdminError> {
        api_keys::requests(self, within).await
    }
    async fn request_scope(&self, holder: &str, ask: ScopeAsk) -> Result<ScopeRequestView, AdminError> {
        api_keys::request(self, holder, ask).await
    }
    async fn cancel_scope_request(&self, holder: &str, scope: &str) -> Result<ScopeRequestView, AdminError> {
        api_keys::cancel(self, holder, scope).await
    }
    async fn decide_scope(&self, holder: &str, decision: ScopeDecision) -> Result<DecidedScope, AdminError> {
        api_keys::decide(self, holder, decision).await
    }
    async fn installs(&self, org: &str, page: PageQuery) -> Result<Page<InstallView>, AdminError> {
        api_keys::installs(self, org, &page).await
    }
    async fn install_app(&self, org: &str, app: &str) -> Result<InstallView, AdminError> {
        api_keys::install(self, org, app).await
    }
    async fn uninstall_app(&self, org: &str, app: &str) -> Result<UninstalledApp, AdminError> {
        api_keys::uninstall(self, org, app).await
    }

    async fn policy(&self, org: &str, page: PageQuery) -> Result<OrgPolicyView, AdminError> {
        policy::show(self, org, page).await
    }
    async fn set_new_clients(&self, org: &str, to: NewClientsChange) -> Result<OrgPolicyView, AdminError> {
        policy::set_new_clients(self, org, to).await
    }
    async fn set_client_policy(
        &self,
        org: &str,
        client: &str,
        change: ClientPolicyChange,
    ) -> Result<ClientPolicyView, AdminError> {
        policy::set_client(self, org, client, change).await
    }
    async fn revoke_client(&self, org: &str, client: &str) -> Result<RevokedGrants, AdminError> {
        policy::revoke(self, org, client).await
    }
    async fn review(&self, org: &str, page: PageQuery) -> Result<Page<Entry>, AdminError> {
        policy::review(self, org, &page).await
    }

    async fn keys(&self) -> Result<Vec<KeyView>, AdminError> {
        keys::list(self).await
    }
    async fn rotate_key(&self, rotation: Rotation) -> Result<KeyView, AdminError> {
        keys::rotate(self, rotation).await
    }

    async fn search_audit(&self, query: AuditQuery) -> Result<AuditPageView, AdminError> {
        audit::search(self, query).await
    }
    async fn count_audit(&self, query: AuditQuery) -> Result<Counts, AdminError> {
        audit::count(self, query).await
    }
    async fn saved_searches(&self, org: &str, user: &str) -> Result<Vec<SavedSearchView>, AdminError> {
        searches::list(self, org, user).await
    }
    async fn save_search(&self, org: &str, user: &str, name: &str, new: NewSavedSearch) -> Result<SavedSearchView, AdminError> {
        searches::save(self, (org, user), name, &new.query).await
    }
    async fn forget_search(&self, org: &str, user: &str, name: &str) -> Result<(), AdminError> {
        searches::forget(self, (org, user), name).await
    }
    async fn shadow_report(&self, query: ShadowQuery) -> Result<ShadowReport, AdminError> {
        shadow::report(self, query).await
    }
    async fn explain(&self, query: ExplainQuery) -> Result<ExplanationView, AdminError> {
        explain::explain(self, query).await
    }
    async fn export_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<Bytes, AdminError>>, AdminError> {
        audit::export(self, query).await
    }
    async fn verify_audit(&self, asked: VerifyAsked) -> Result<BoxStream<'static, Result<VerifyStep, AdminError>>, AdminError> {
        proof::verify(self, asked).await
    }
    async fn audit_keys(&self) -> Result<Vec<AuditKeyView>, AdminError> {
        proof::keys(self).await
    }
    async fn rotate_audit_key(&self) -> Result<AuditKeyView, AdminError> {
        proof::rotate(self).await
    }
    async fn tail_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<AuditEntry, AdminError>>, AdminError> {
        audit::tail(self, query).await
    }
}
