//! What can be administered, once, for the admin API, the command line and the store without a gateway.

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;

use super::app_model::{
    AppChange, AppDetails, AppSecret, AppView, CreatedApp, ImportedApp, NewApp, Publish, PublishedApp, StableMark,
};
use super::error::AdminError;
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
use crate::counts::Counts;
use crate::review::Entry;
use crate::store::Stage;

/// Every operation of administration. Organizations are named by id or slug, users by id or e-mail address.
///
/// [`super::Local`] works on a node, [`super::Remote`] asks a running gateway, which has a `Local` of its own behind its admin
/// API: the same code decides either way.
///
/// # Errors
/// Each operation gives [`AdminError::Refused`] when it can't be done, and any other [`AdminError`] when nobody knows.
#[async_trait]
pub trait Administration: Send + Sync {
    /// Organizations, by slug. Lists come in pages.
    async fn orgs(&self, page: PageQuery) -> Result<Page<OrgView>, AdminError>;
    /// One organization.
    async fn org(&self, org: &str) -> Result<OrgView, AdminError>;
    /// Makes an organization.
    async fn create_org(&self, new: NewOrg) -> Result<OrgView, AdminError>;
    /// Changes names and tenant values.
    async fn update_org(&self, org: &str, change: OrgChange) -> Result<OrgView, AdminError>;
    /// Switches an organization off or on.
    async fn switch_org(&self, org: &str, to: Switch) -> Result<OrgView, AdminError>;

    /// Users, by e-mail address.
    async fn users(&self, page: PageQuery) -> Result<Page<UserView>, AdminError>;
    /// One user.
    async fn user(&self, user: &str) -> Result<UserView, AdminError>;
    /// Makes a user.
    async fn create_user(&self, new: NewUserRequest) -> Result<CreatedUser, AdminError>;
    /// Switches a user off or on, or freezes it; off also ends its sessions and revokes its grants.
    async fn switch_user(&self, user: &str, to: UserSwitch) -> Result<UserView, AdminError>;
    /// Who may open the operator's pages, by e-mail address.
    async fn operators(&self, page: PageQuery) -> Result<Page<UserView>, AdminError>;
    /// Lets an active person open the operator's pages.
    async fn add_operator(&self, user: &str) -> Result<UserView, AdminError>;
    /// Takes that away, at their next request.
    async fn remove_operator(&self, user: &str) -> Result<(), AdminError>;
    /// Sets a person's password and ends its sessions.
    async fn set_password(&self, user: &str, new: NewPassword) -> Result<CreatedUser, AdminError>;

    /// The members of an organization, the newest users first.
    async fn members(&self, org: &str, page: PageQuery) -> Result<Page<MemberView>, AdminError>;
    /// Puts a user into an organization, or replaces its roles there.
    async fn set_member(&self, org: &str, user: &str, roles: MemberRoles) -> Result<MemberView, AdminError>;
    /// Takes a user out of an organization and revokes its grants there.
    async fn remove_member(&self, org: &str, user: &str) -> Result<(), AdminError>;
    /// The open invitations into an organization, newest first.
    async fn invitations(&self, org: &str, page: PageQuery) -> Result<Page<InvitationView>, AdminError>;
    /// Invites an address into an organization.
    async fn invite(&self, org: &str, new: NewInvitation) -> Result<CreatedInvitation, AdminError>;
    /// Withdraws an open invitation.
    async fn withdraw_invitation(&self, org: &str, invitation: &str) -> Result<(), AdminError>;
    /// The browsers in which a user is signed in, newest first.
    async fn sessions(&self, user: &str, page: PageQuery) -> Result<Page<SessionView>, AdminError>;
    /// Ends one of them.
    async fn end_session(&self, user: &str, session: &str) -> Result<(), AdminError>;
    /// Ends all of them.
    async fn end_sessions(&self, user: &str) -> Result<EndedSessions, AdminError>;
    /// Every role of the configuration.
    async fn roles(&self) -> Result<Vec<RoleView>, AdminError>;
    /// The scopes of the configuration, by name.
    async fn scopes(&self, query: ScopeQuery) -> Result<Vec<ScopeView>, AdminError>;

    /// Clients, newest first.
    async fn clients(&self, within: Within) -> Result<Page<ClientView>, AdminError>;
    /// One client, with what is known of its secrets.
    async fn client(&self, client: &str) -> Result<ClientView, AdminError>;
    /// Makes a client.
    async fn create_client(&self, new: NewClient) -> Result<CreatedClient, AdminError>;
    /// Switches a client off or on.
    async fn switch_client(&self, client: &str, to: ClientSwitch) -> Result<ClientView, AdminError>;
    /// Sets what a client may ask for; live grants narrow at once.
    async fn set_client_scopes(&self, client: &str, scopes: ClientScopes) -> Result<ClientView, AdminError>;
    /// Sets how long a client's access tokens live, and whether its requests must carry `state`.
    async fn set_client_terms(&self, client: &str, terms: ClientTerms) -> Result<ClientView, AdminError>;
    /// Gives a client another secret.
    async fn add_secret(&self, client: &str, new: NewSecret) -> Result<CreatedSecret, AdminError>;
    /// Removes a secret of a client, by its id or last four characters.
    async fn remove_secret(&self, client: &str, secret: &str) -> Result<(), AdminError>;
    /// Removes a client and revokes its grants.
    async fn delete_client(&self, client: &str) -> Result<(), AdminError>;

    /// Apps, newest first.
    async fn apps(&self, within: Within) -> Result<Page<AppView>, AdminError>;
    /// One app, by id or `app_uuid`, with its clients, versions, and what publishing would change and still needs.
    async fn app(&self, app: &str) -> Result<AppDetails, AdminError>;
    /// Makes an app with its draft client.
    async fn create_app(&self, new: NewApp) -> Result<CreatedApp, AdminError>;
    /// Changes the draft of an app.
    async fn update_app(&self, app: &str, change: AppChange) -> Result<AppView, AdminError>;
    /// Sets or takes away the stable mark of a draft.
    async fn mark_app(&self, app: &str, mark: StableMark) -> Result<AppView, AdminError>;
    /// Publishes the draft as a new version.
    async fn publish_app(&self, app: &str, publish: Publish) -> Result<PublishedApp, AdminError>;
    /// Switches an app off or on, with its clients.
    async fn switch_app(&self, app: &str, to: Switch) -> Result<AppView, AdminError>;
    /// Removes an app and revokes the grants of its clients.
    async fn delete_app(&self, app: &str) -> Result<(), AdminError>;
    /// Gives one of an app's clients another secret.
    async fn add_app_secret(&self, app: &str, new: AppSecret) -> Result<CreatedSecret, AdminError>;
    /// Removes a secret of one of an app's clients, by its id or last four characters.
    async fn remove_app_secret(&self, app: &str, stage: Stage, secret: &str) -> Result<(), AdminError>;
    /// The manifest of an app's draft, or of a version.
    async fn export_app(&self, app: &str, version: Option<u32>) -> Result<Manifest, AdminError>;
    /// Makes the app of a manifest in an organization, or changes the draft of the one that is there.
    async fn import_app(&self, org: &str, manifest: Manifest) -> Result<ImportedApp, AdminError>;

    /// Grants, newest first.
    async fn grants(&self, within: Within) -> Result<Page<GrantView>, AdminError>;
    /// One grant.
    async fn grant(&self, grant: &str) -> Result<GrantView, AdminError>;
    /// Takes scopes from a grant, or sets when it ends; live tokens follow before this returns.
    async fn change_grant(&self, grant: &str, change: GrantChange) -> Result<GrantView, AdminError>;
    /// Ends a grant: its tokens stop working before this returns.
    async fn revoke_grant(&self, grant: &str) -> Result<GrantView, AdminError>;

    /// API keys, newest first.
    async fn api_keys(&self, query: ApiKeyQuery) -> Result<Page<ApiKeyView>, AdminError>;
    /// One API key.
    async fn api_key(&self, key: &str) -> Result<ApiKeyView, AdminError>;
    /// Disables an API key for good.
    async fn disable_api_key(&self, key: &str) -> Result<ApiKeyView, AdminError>;
    /// Private scopes that were asked for or given, those that wait first.
    async fn scope_requests(&self, within: Within) -> Result<Page<ScopeRequestView>, AdminError>;
    /// Asks for a private scope, for an app or for a client that belongs to none.
    async fn request_scope(&self, holder: &str, ask: ScopeAsk) -> Result<ScopeRequestView, AdminError>;
    /// Takes a request back that waits; what was given before goes on.
    async fn cancel_scope_request(&self, holder: &str, scope: &str) -> Result<ScopeRequestView, AdminError>;
    /// Approves, denies or withdraws a private scope.
    async fn decide_scope(&self, holder: &str, decision: ScopeDecision) -> Result<DecidedScope, AdminError>;
    /// The apps that an organization has.
    async fn installs(&self, org: &str, page: PageQuery) -> Result<Page<InstallView>, AdminError>;
    /// Installs an app in an organization before anybody consents.
    async fn install_app(&self, org: &str, app: &str) -> Result<InstallView, AdminError>;
    /// Uninstalls an app from an organization: ends its grants and API keys there.
    async fn uninstall_app(&self, org: &str, app: &str) -> Result<UninstalledApp, AdminError>;

    /// What an organization decided about clients, those that were made last first, in pages.
    async fn policy(&self, org: &str, page: PageQuery) -> Result<OrgPolicyView, AdminError>;
    /// Decides what happens with new clients; answers with the first page of [`Self::policy`].
    async fn set_new_clients(&self, org: &str, to: NewClientsChange) -> Result<OrgPolicyView, AdminError>;
    /// Allows, blocks or restricts a client in an organization; reaches live tokens at once.
    async fn set_client_policy(
        &self,
        org: &str,
        client: &str,
        change: ClientPolicyChange,
    ) -> Result<ClientPolicyView, AdminError>;
    /// Ends every grant of a client in an organization.
    async fn revoke_client(&self, org: &str, client: &str) -> Result<RevokedGrants, AdminError>;
    /// Who authorized what in an organization, newest first. That it was read is on record, page by page.
    async fn review(&self, org: &str, page: PageQuery) -> Result<Page<Entry>, AdminError>;

    /// The signing keys.
    async fn keys(&self) -> Result<Vec<KeyView>, AdminError>;
    /// Makes a key that signs from now on.
    async fn rotate_key(&self, rotation: Rotation) -> Result<KeyView, AdminError>;

    /// One page of the audit log, newest first. The search itself is recorded.
    async fn search_audit(&self, query: AuditQuery) -> Result<AuditPageView, AdminError>;
    /// How many records a search finds, over time and by what they share. The count is recorded as a search.
    async fn count_audit(&self, query: AuditQuery) -> Result<Counts, AdminError>;
    /// The searches that a member saved in an organization, by name.
    async fn saved_searches(&self, org: &str, user: &str) -> Result<Vec<SavedSearchView>, AdminError>;
    /// Saves a search for a member under a name, or replaces the one of that name.
    async fn save_search(&self, org: &str, user: &str, name: &str, new: NewSavedSearch) -> Result<SavedSearchView, AdminError>;
    /// Forgets a member's search.
    async fn forget_search(&self, org: &str, user: &str, name: &str) -> Result<(), AdminError>;
    /// Why the gate decides as it does about a request that was made, or about one that nobody made.
    async fn explain(&self, query: ExplainQuery) -> Result<ExplanationView, AdminError>;
    /// Whom APIs in shadow mode would refuse. The search is recorded.
    async fn shadow_report(&self, query: ShadowQuery) -> Result<ShadowReport, AdminError>;
    /// Every record that a search finds, newest first, as a file, part by part. The export itself is recorded.
    async fn export_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<Bytes, AdminError>>, AdminError>;
    /// Walks the whole log and tells what it finds; the last step says how it was found. `known` is where chains ended at an earlier
    /// time, kept elsewhere. Nothing comes after an error.
    async fn verify_audit(&self, asked: VerifyAsked) -> Result<BoxStream<'static, Result<VerifyStep, AdminError>>, AdminError>;
    /// The keys that seal the log, oldest first.
    async fn audit_keys(&self) -> Result<Vec<AuditKeyView>, AdminError>;
    /// Makes a key that seals the log from now on.
    async fn rotate_audit_key(&self) -> Result<AuditKeyView, AdminError>;
    /// Records as they arrive, oldest first, without end.
    async fn tail_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<AuditEntry, AdminError>>, AdminError>;
}
