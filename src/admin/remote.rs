//! Administration through the admin API of a running gateway.

use std::net::SocketAddr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};
use reqwest::{Method, RequestBuilder, Response, Url, header};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::administration::Administration;
use super::app_model::{
    AppChange, AppDetails, AppSecret, AppView, CreatedApp, ImportedApp, NewApp, Publish, PublishedApp, StableMark,
};
use super::error::{AdminError, Problem, Refusal};
use super::model::{
    ApiKeyQuery, ApiKeyView, DecidedScope, InstallView, ScopeAsk, ScopeDecision, ScopeRequestView, UninstalledApp,
};
use super::model::{
    AuditEntry, AuditPageView, AuditQuery, ClientPolicyChange, ClientPolicyView, ClientScopes, ClientSwitch, ClientSwitchTo,
    ClientTerms, ClientView, CreatedClient, CreatedInvitation, CreatedSecret, CreatedUser, EndedSessions, ExplainQuery,
    ExplanationView, GrantChange, GrantView, InvitationView, KeyView, MemberRoles, MemberView, NewClient, NewClientsChange,
    NewInvitation, NewOrg, NewPassword, NewSavedSearch, NewSecret, NewUserRequest, OrgChange, OrgPolicyView, OrgView, Page,
    PageQuery, RevokedGrants, RoleView, Rotation, SavedSearchView, ScopeQuery, ScopeView, SessionView, ShadowQuery, ShadowReport,
    Switch, SwitchTo, UserSwitch, UserSwitchTo, UserView, Within,
};
use super::model::{AuditKeyView, VerifyAsked, VerifyStep};
use crate::apps::Manifest;
use crate::counts::Counts;
use crate::review::Entry;
use crate::store::Stage;
use crate::types::PlainToken;

/// How long a gateway may take to accept a connection, and to answer.
const CONNECT: Duration = Duration::from_secs(3);
const ANSWER: Duration = Duration::from_secs(60);
/// Longest event of a tail, or line of a proof, bytes: its report has where each chain ends.
const MAX_EVENT: usize = 64 << 20;

/// Administration through the admin API of a running gateway.
#[derive(Clone, Debug)]
pub struct Remote {
    client: reqwest::Client,
    base: Url,
    secret: PlainToken,
}

impl Remote {
    /// A gateway whose admin listener is at `admin`, with the secret of its data directory.
    ///
    /// # Errors
    /// When no HTTP client can be made.
    pub fn new(admin: SocketAddr, secret: PlainToken) -> Result<Self, AdminError> {
        let at = format!("http://{admin}");
        let fault = |source: Box<dyn std::error::Error + Send + Sync>| AdminError::Gateway { at: at.clone(), source };
        let base = Url::parse(&at).map_err(|e| fault(Box::new(e)))?;
        let client = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT)
            .user_agent(concat!("tollgate/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|e| fault(Box::new(e)))?;
        Ok(Self { client, base, secret })
    }

    fn fault(&self, source: impl std::error::Error + Send + Sync + 'static) -> AdminError {
        AdminError::Gateway { at: self.base.to_string(), source: Box::new(source) }
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["admin", "v1"]).extend(path);
        }
        self.client.request(method, url).header(header::AUTHORIZATION, format!("Bearer {}", self.secret.expose()))
    }

    fn get(&self, path: &[&str]) -> RequestBuilder {
        self.request(Method::GET, path).timeout(ANSWER)
    }

    fn with_body(&self, method: Method, path: &[&str], body: &impl Serialize) -> RequestBuilder {
        self.request(method, path).timeout(ANSWER).json(body)
    }

    fn with_query(&self, path: &[&str], query: &impl Serialize) -> RequestBuilder {
        let (client, request) = self.request(Method::GET, path).build_split();
        let Ok(mut request) = request else { return self.get(path) };
        if let Ok(serde_json::Value::Object(fields)) = serde_json::to_value(query) {
            for (name, value) in &fields {
                let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
                request.url_mut().query_pairs_mut().append_pair(name, &text);
            }
        }
        RequestBuilder::from_parts(client, request)
    }

    /// Sends a request; a problem document becomes the refusal that it was.
    async fn answer(&self, request: RequestBuilder) -> Result<Response, AdminError> {
        let response = request.send().await.map_err(|e| self.fault(e))?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let text = response.text().await.map_err(|e| self.fault(e))?;
        match serde_json::from_str::<Problem>(&text) {
            Ok(problem) => Err(AdminError::Refused(Refusal { code: problem.code, detail: problem.detail, rule: None })),
            Err(_) => Err(self.fault(std::io::Error::other(format!("it answered {status}")))),
        }
    }

    async fn read<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, AdminError> {
        self.answer(request).await?.json().await.map_err(|e| self.fault(e))
    }

    async fn done(&self, request: RequestBuilder) -> Result<(), AdminError> {
        self.answer(request).await.map(drop)
    }
}

#[async_trait]
impl Administration for Remote {
    async fn orgs(&self, page: PageQuery) -> Result<Page<OrgView>, AdminError> {
        self.read(self.with_query(&["orgs"], &page).timeout(ANSWER)).await
    }
    async fn org(&self, org: &str) -> Result<OrgView, AdminError> {
        self.read(self.get(&["orgs", org])).await
    }
    async fn create_org(&self, new: NewOrg) -> Result<OrgView, AdminError> {
        self.read(self.with_body(Method::POST, &["orgs"], &new)).await
    }
    async fn update_org(&self, org: &str, change: OrgChange) -> Result<OrgView, AdminError> {
        self.read(self.with_body(Method::PATCH, &["orgs", org], &change)).await
    }
    async fn switch_org(&self, org: &str, to: Switch) -> Result<OrgView, AdminError> {
        self.read(self.with_body(Method::PUT, &["orgs", org, "state"], &SwitchTo { state: to })).await
    }

    async fn users(&self, page: PageQuery) -> Result<Page<UserView>, AdminError> {
        self.read(self.with_query(&["users"], &page).timeout(ANSWER)).await
    }
    async fn user(&self, user: &str) -> Result<UserView, AdminError> {
        self.read(self.get(&["users", user])).await
    }
    async fn create_user(&self, new: NewUserRequest) -> Result<CreatedUser, AdminError> {
        self.read(self.with_body(Method::POST, &["users"], &new)).await
    }
    async fn switch_user(&self, user: &str, to: UserSwitch) -> Result<UserView, AdminError> {
        self.read(self.with_body(Method::PUT, &["users", user, "state"], &UserSwitchTo { state: to })).await
    }
    async fn operators(&self, page: PageQuery) -> Result<Page<UserView>, AdminError> {
        self.read(self.with_query(&["operators"], &page).timeout(ANSWER)).await
    }
    async fn add_operator(&self, user: &str) -> Result<UserView, AdminError> {
        self.read(self.request(Method::PUT, &["operators", user]).timeout(ANSWER)).await
    }
    async fn remove_operator(&self, user: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["operators", user]).timeout(ANSWER)).await
    }
    async fn set_password(&self, user: &str, new: NewPassword) -> Result<CreatedUser, AdminError> {
        self.read(self.with_body(Method::POST, &["users", user, "password"], &new)).await
    }

    async fn members(&self, org: &str, page: PageQuery) -> Result<Page<MemberView>, AdminError> {
        self.read(self.with_query(&["orgs", org, "members"], &page).timeout(ANSWER)).await
    }
    async fn set_member(&self, org: &str, user: &str, roles: MemberRoles) -> Result<MemberView, AdminError> {
        self.read(self.with_body(Method::PUT, &["orgs", org, "members", user], &roles)).await
    }
    async fn remove_member(&self, org: &str, user: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["orgs", org, "members", user]).timeout(ANSWER)).await
    }
    async fn invitations(&self, org: &str, page: PageQuery) -> Result<Page<InvitationView>, AdminError> {
        self.read(self.with_query(&["orgs", org, "invitations"], &page).timeout(ANSWER)).await
    }
    async fn invite(&self, org: &str, new: NewInvitation) -> Result<CreatedInvitation, AdminError> {
        self.read(self.with_body(Method::POST, &["orgs", org, "invitations"], &new)).await
    }
    async fn withdraw_invitation(&self, org: &str, invitation: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["orgs", org, "invitations", invitation]).timeout(ANSWER)).await
    }
    async fn sessions(&self, user: &str, page: PageQuery) -> Result<Page<SessionView>, AdminError> {
        self.read(self.with_query(&["users", user, "sessions"], &page).timeout(ANSWER)).await
    }
    async fn end_session(&self, user: &str, session: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["users", user, "sessions", session]).timeout(ANSWER)).await
    }
    async fn end_sessions(&self, user: &str) -> Result<EndedSessions, AdminError> {
        self.read(self.request(Method::DELETE, &["users", user, "sessions"]).timeout(ANSWER)).await
    }
    async fn roles(&self) -> Result<Vec<RoleView>, AdminError> {
        self.read(self.get(&["roles"])).await
    }
    async fn scopes(&self, query: ScopeQuery) -> Result<Vec<ScopeView>, AdminError> {
        self.read(self.with_query(&["scopes"], &query).timeout(ANSWER)).await
    }

    async fn clients(&self, within: Within) -> Result<Page<ClientView>, AdminError> {
        self.read(self.with_query(&["clients"], &within).timeout(ANSWER)).await
    }
    async fn client(&self, client: &str) -> Result<ClientView, AdminError> {
        self.read(self.get(&["clients", client])).await
    }
    async fn create_client(&self, new: NewClient) -> Result<CreatedClient, AdminError> {
        self.read(self.with_body(Method::POST, &["clients"], &new)).await
    }
    async fn switch_client(&self, client: &str, to: ClientSwitch) -> Result<ClientView, AdminError> {
        self.read(self.with_body(Method::PUT, &["clients", client, "state"], &ClientSwitchTo { state: to })).await
    }
    async fn set_client_scopes(&self, client: &str, scopes: ClientScopes) -> Result<ClientView, AdminError> {
        self.read(self.with_body(Method::PUT, &["clients", client, "scopes"], &scopes)).await
    }
    async fn set_client_terms(&self, client: &str, terms: ClientTerms) -> Result<ClientView, AdminError> {
        self.read(self.with_body(Method::PATCH, &["clients", client], &terms)).await
    }
    async fn add_secret(&self, client: &str, new: NewSecret) -> Result<CreatedSecret, AdminError> {
        self.read(self.with_body(Method::POST, &["clients", client, "secrets"], &new)).await
    }
    async fn remove_secret(&self, client: &str, secret: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["clients", client, "secrets", secret]).timeout(ANSWER)).await
    }
    async fn delete_client(&self, client: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["clients", client]).timeout(ANSWER)).await
    }

    async fn apps(&self, within: Within) -> Result<Page<AppView>, AdminError> {
        self.read(self.with_query(&["apps"], &within).timeout(ANSWER)).await
    }
    async fn app(&self, app: &str) -> Result<AppDetails, AdminError> {
        self.read(self.get(&["apps", app])).await
    }
    async fn create_app(&self, new: NewApp) -> Result<CreatedApp, AdminError> {
        self.read(self.with_body(Method::POST, &["apps"], &new)).await
    }
    async fn update_app(&self, app: &str, change: AppChange) -> Result<AppView, AdminError> {
        self.read(self.with_body(Method::PATCH, &["apps", app], &change)).await
    }
    async fn mark_app(&self, app: &str, mark: StableMark) -> Result<AppView, AdminError> {
        self.read(self.with_body(Method::PUT, &["apps", app, "stable"], &mark)).await
    }
    async fn publish_app(&self, app: &str, publish: Publish) -> Result<PublishedApp, AdminError> {
        self.read(self.with_body(Method::POST, &["apps", app, "versions"], &publish)).await
    }
    async fn switch_app(&self, app: &str, to: Switch) -> Result<AppView, AdminError> {
        self.read(self.with_body(Method::PUT, &["apps", app, "state"], &SwitchTo { state: to })).await
    }
    async fn delete_app(&self, app: &str) -> Result<(), AdminError> {
        self.done(self.request(Method::DELETE, &["apps", app]).timeout(ANSWER)).await
    }
    async fn add_app_secret(&self, app: &str, new: AppSecret) -> Result<CreatedSecret, AdminError> {
        self.read(self.with_body(Method::POST, &["apps", app, "secrets"], &new)).await
    }
    async fn remove_app_secret(&self, app: &str, stage: Stage, secret: &str) -> Result<(), AdminError> {
        let stage = if stage == Stage::Draft { "draft" } else { "published" };
        self.done(self.request(Method::DELETE, &["apps", app, "secrets", stage, secret]).timeout(ANSWER)).await
    }
    async fn export_app(&self, app: &str, version: Option<u32>) -> Result<Manifest, AdminError> {
        let query = super::app_model::ExportQuery { version };
        self.read(self.with_query(&["apps", app, "manifest"], &query).timeout(ANSWER)).await
    }
    async fn import_app(&self, org: &str, manifest: Manifest) -> Result<ImportedApp, AdminError> {
        self.read(self.with_body(Method::POST, &["orgs", org, "apps", "import"], &manifest)).await
    }

    async fn grants(&self, within: Within) -> Result<Page<GrantView>, AdminError> {
        self.read(self.with_query(&["grants"], &within).timeout(ANSWER)).await
    }
    async fn grant(&self, grant: &str) -> Result<GrantView, AdminError> {
        self.read(self.get(&["grants", grant])).await
    }
    async fn change_grant(&self, grant: &str, change: GrantChange) -> Result<GrantView, AdminError> {
        self.read(self.with_body(Method::PATCH, &["grants", grant], &change)).await
    }
    async fn revoke_grant(&self, grant: &str) -> Result<GrantView, AdminError> {
        self.read(self.request(Method::POST, &["grants", grant, "revoke"]).timeout(ANSWER)).await
    }

    async fn api_keys(&self, query: ApiKeyQuery) -> Result<Page<ApiKeyView>, AdminError> {
        self.read(self.with_query(&["api-keys"], &query).timeout(ANSWER)).await
    }
    async fn api_key(&self, key: &str) -> Result<ApiKeyView, AdminError> {
        self.read(self.get(&["api-keys", key])).await
    }
    async fn disable_api_key(&self, key: &str) -> Result<ApiKeyView, AdminError> {
        self.read(self.request(Method::POST, &["api-keys", key, "disable"]).timeout(ANSWER)).await
    }
    async fn scope_requests(&self, within: Within) -> Result<Page<ScopeRequestView>, AdminError> {
        self.read(self.with_query(&["scope-requests"], &within).timeout(ANSWER)).await
    }
    async fn request_scope(&self, holder: &str, ask: ScopeAsk) -> Result<ScopeRequestView, AdminError> {
        self.read(self.with_body(Method::POST, &["scope-requests", holder], &ask)).await
    }
    async fn cancel_scope_request(&self, holder: &str, scope: &str) -> Result<ScopeRequestView, AdminError> {
        self.read(self.request(Method::DELETE, &["scope-requests", holder, scope]).timeout(ANSWER)).await
    }
    async fn decide_scope(&self, holder: &str, decision: ScopeDecision) -> Result<DecidedScope, AdminError> {
        self.read(self.with_body(Method::PUT, &["scope-requests", holder], &decision)).await
    }
    async fn installs(&self, org: &str, page: PageQuery) -> Result<Page<InstallView>, AdminError> {
        self.read(self.with_query(&["orgs", org, "installations"], &page).timeout(ANSWER)).await
    }
    async fn install_app(&self, org: &str, app: &str) -> Result<InstallView, AdminError> {
        self.read(self.request(Method::PUT, &["orgs", org, "installations", app]).timeout(ANSWER)).await
    }
    async fn uninstall_app(&self, org: &str, app: &str) -> Result<UninstalledApp, AdminError> {
        self.read(self.request(Method::DELETE, &["orgs", org, "installations", app]).timeout(ANSWER)).await
    }

    async fn policy(&self, org: &str, page: PageQuery) -> Result<OrgPolicyView, AdminError> {
        self.read(self.with_query(&["orgs", org, "policy"], &page).timeout(ANSWER)).await
    }
    async fn set_new_clients(&self, org: &str, to: NewClientsChange) -> Result<OrgPolicyView, AdminError> {
        self.read(self.with_body(Method::PUT, &["orgs", org, "policy"], &to)).await
    }
    async fn set_client_policy(
        &self,
        org: &str,
        client: &str,
        change: ClientPolicyChange,
    ) -> Result<ClientPolicyView, AdminError> {
        self.read(self.with_body(Method::PUT, &["orgs", org, "policy", "clients", client], &change)).await
    }
    async fn revoke_client(&self, org: &str, client: &str) -> Result<RevokedGrants, AdminError> {
        self.read(self.request(Method::POST, &["orgs", org, "policy", "clients", client, "revoke"]).timeout(ANSWER)).await
    }
    async fn review(&self, org: &str, page: PageQuery) -> Result<Page<Entry>, AdminError> {
        self.read(self.with_query(&["orgs", org, "review"], &page).timeout(ANSWER)).await
    }

    async fn keys(&self) -> Result<Vec<KeyView>, AdminError> {
        self.read(self.get(&["keys"])).await
    }
    async fn rotate_key(&self, rotation: Rotation) -> Result<KeyView, AdminError> {
        self.read(self.with_body(Method::POST, &["keys", "rotate"], &rotation)).await
    }

    async fn search_audit(&self, query: AuditQuery) -> Result<AuditPageView, AdminError> {
        self.read(self.with_query(&["audit"], &query).timeout(ANSWER)).await
    }
    async fn count_audit(&self, query: AuditQuery) -> Result<Counts, AdminError> {
        self.read(self.with_query(&["audit", "counts"], &query).timeout(ANSWER)).await
    }
    async fn saved_searches(&self, org: &str, user: &str) -> Result<Vec<SavedSearchView>, AdminError> {
        self.read(self.get(&["orgs", org, "members", user, "searches"])).await
    }
    async fn save_search(&self, org: &str, user: &str, name: &str, new: NewSavedSearch) -> Result<SavedSearchView, AdminError> {
        self.read(self.with_body(Method::PUT, &["orgs", org, "members", user, "searches", name], &new)).await
    }
    async fn forget_search(&self, org: &str, user: &str, name: &str) -> Result<(), AdminError> {
        let path = ["orgs", org, "members", user, "searches", name];
        self.done(self.request(Method::DELETE, &path).timeout(ANSWER)).await
    }
    async fn shadow_report(&self, query: ShadowQuery) -> Result<ShadowReport, AdminError> {
        self.read(self.with_query(&["audit", "shadow"], &query).timeout(ANSWER)).await
    }
    async fn explain(&self, query: ExplainQuery) -> Result<ExplanationView, AdminError> {
        self.read(self.with_query(&["explain"], &query).timeout(ANSWER)).await
    }
    async fn export_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<Bytes, AdminError>>, AdminError> {
        let response = self.answer(self.with_query(&["audit", "export"], &query)).await?;
        let parts = stream::unfold(Some((self.clone(), response)), |state| async move {
            let (remote, mut response) = state?;
            // A file that the gateway cut ends in an error here: its chunks have no end.
            match response.chunk().await {
                Ok(part) => part.map(|part| (Ok(part), Some((remote, response)))),
                Err(error) => Some((Err(remote.fault(error)), None)),
            }
        });
        Ok(parts.boxed())
    }
    async fn verify_audit(&self, asked: VerifyAsked) -> Result<BoxStream<'static, Result<VerifyStep, AdminError>>, AdminError> {
        let response = self.answer(self.request(Method::POST, &["audit", "verify"]).json(&asked)).await?;
        let reader = Reader { remote: self.clone(), response, text: Vec::new(), before: b"" };
        Ok(stream::unfold(reader, |mut r| async move { r.next().await.map(|item| (item, r)) }).boxed())
    }
    async fn audit_keys(&self) -> Result<Vec<AuditKeyView>, AdminError> {
        self.read(self.get(&["audit", "keys"])).await
    }
    async fn rotate_audit_key(&self) -> Result<AuditKeyView, AdminError> {
        self.read(self.request(Method::POST, &["audit", "keys", "rotate"]).timeout(ANSWER)).await
    }
    async fn tail_audit(&self, query: AuditQuery) -> Result<BoxStream<'static, Result<AuditEntry, AdminError>>, AdminError> {
        let response = self.answer(self.with_query(&["audit", "tail"], &query)).await?;
        let reader = Reader { remote: self.clone(), response, text: Vec::new(), before: b"data:" };
        Ok(stream::unfold(reader, |mut r| async move { r.next().await.map(|item| (item, r)) }).boxed())
    }
}

/// Reads what comes line by line. Our own gateway writes each record of a tail as one `data:` line.
struct Reader {
    remote: Remote,
    response: Response,
    text: Vec<u8>,
    /// What a line starts with that says something.
    before: &'static [u8],
}

impl Reader {
    async fn next<T: DeserializeOwned>(&mut self) -> Option<Result<T, AdminError>> {
        loop {
            if let Some(end) = self.text.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = self.text.drain(..=end).collect();
                let Some(data) = line.strip_prefix(self.before) else { continue };
                return Some(serde_json::from_slice(data).map_err(|e| self.remote.fault(e)));
            }
            if self.text.len() > MAX_EVENT {
                return Some(Err(self.remote.fault(std::io::Error::other("an event is too long"))));
            }
            match self.response.chunk().await {
                Ok(Some(chunk)) => self.text.extend_from_slice(&chunk),
                Ok(None) => return None,
                Err(error) => return Some(Err(self.remote.fault(error))),
            }
        }
    }
}
