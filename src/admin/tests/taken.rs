//! What the admin API takes away, and so the commands, is gone on every node when it answers, at the second press too.

use std::collections::BTreeSet;

use tokio_util::sync::CancellationToken;

use super::operations::client;
use super::served;
use crate::account::tests::installs::Partner;
use crate::admin::{
    AdminError, Administration, AppChange, AppSecret, ClientPolicyChange, ClientScopes, ClientSwitch, ClientTerms, GrantChange,
    MemberRoles, NewApp, NewClient, NewClientKind, NewClientsChange, NewPassword, NewSecret, OrgChange, Publish, Remote,
    ScopeDecision, ScopeVerdict, StableMark, Switch, UserSwitch, VerdictName,
};
use crate::store::{Maturity, NewClients, Stage};
use crate::types::Setting;

/// What takes nothing of what nodes remember: it makes something, or what it ends is looked up in the store by every request
/// (browsers, operators, links of invitations, searches, requests that wait).
const TAKING_NOTHING: [&str; 22] = [
    "POST /admin/v1/apps",
    "PUT /admin/v1/apps/{app}/stable",
    "POST /admin/v1/apps/{app}/secrets",
    "POST /admin/v1/audit/keys/rotate",
    "POST /admin/v1/audit/verify",
    "POST /admin/v1/clients",
    "POST /admin/v1/clients/{client}/secrets",
    "POST /admin/v1/keys/rotate",
    "PUT /admin/v1/operators/{user}",
    "DELETE /admin/v1/operators/{user}",
    "POST /admin/v1/orgs",
    "POST /admin/v1/orgs/{org}/apps/import",
    "PUT /admin/v1/orgs/{org}/installations/{app}",
    "POST /admin/v1/orgs/{org}/invitations",
    "DELETE /admin/v1/orgs/{org}/invitations/{invitation}",
    "PUT /admin/v1/orgs/{org}/members/{user}/searches/{name}",
    "DELETE /admin/v1/orgs/{org}/members/{user}/searches/{name}",
    "POST /admin/v1/scope-requests/{holder}",
    "DELETE /admin/v1/scope-requests/{holder}/{scope}",
    "POST /admin/v1/users",
    "DELETE /admin/v1/users/{user}/sessions",
    "DELETE /admin/v1/users/{user}/sessions/{session}",
];

/// What is refused waits where it is answered, and nowhere before.
const ONCE: [&str; 3] = [
    "DELETE /admin/v1/apps/{app}/secrets/{stage}/{secret}",
    "DELETE /admin/v1/clients/{client}/secrets/{secret}",
    "PUT /admin/v1/scope-requests/{holder}",
];

/// Every operation that is no mere question, as the document has it.
fn documented() -> BTreeSet<String> {
    let document = serde_json::to_value(crate::admin::document()).expect("a document");
    let paths = document["paths"].as_object().expect("paths");
    let of = |(path, methods): (&String, &serde_json::Value)| {
        let methods = methods.as_object().expect("methods").keys().map(|method| method.to_uppercase());
        methods.map(|method| format!("{method} {path}")).collect::<Vec<_>>()
    };
    paths.iter().flat_map(of).filter(|operation| !operation.starts_with("GET ")).collect()
}

/// An app that evil published and acme uses, its admin API, and what was tried.
struct Tried {
    partner: Partner,
    admin: Remote,
    taken: BTreeSet<&'static str>,
}

impl Tried {
    async fn new() -> Self {
        let partner = Partner::new().await;
        let (admin, secret) = served(&partner.world.node, CancellationToken::new()).await;
        Self { partner, admin: Remote::new(admin, secret).expect("a client"), taken: BTreeSet::new() }
    }

    /// Does it twice: each time nodes are waited for, whatever the second one is told.
    async fn twice<T: std::fmt::Debug>(&mut self, what: &'static str, act: impl AsyncFn(&Remote) -> Result<T, AdminError>) {
        for press in ["first", "second"] {
            let before = self.partner.world.settled();
            let answer = act(&self.admin).await;
            assert!(press == "second" || answer.is_ok(), "{what}: {answer:?}");
            let waited = self.partner.world.settled() - before;
            assert!(waited > 0, "{what}, {press} press: nobody waited: {answer:?}");
            assert!(waited == 1 || !ONCE.contains(&what), "{what}, {press} press: waited {waited} times: {answer:?}");
        }
        self.taken.insert(what);
    }

    /// What an organization authorized, installed and decided.
    async fn of_the_organization(&mut self) {
        let (world, client) = (&self.partner.world, self.partner.client.clone());
        let grant = world.consent(&world.bob, &world.acme, &client, "metrics:read members:read").await;
        let key = self.partner.key(&grant).await.id.to_string();
        let (grant, app, client) = (grant.id.to_string(), self.partner.app.id.to_string(), client.id.to_string());
        self.twice("POST /admin/v1/api-keys/{key}/disable", async |to: &Remote| to.disable_api_key(&key).await).await;
        let narrower = || GrantChange { scopes: Some("metrics:read".to_owned()), ..GrantChange::default() };
        self.twice("PATCH /admin/v1/grants/{grant}", async |to: &Remote| to.change_grant(&grant, narrower()).await).await;
        self.twice("POST /admin/v1/grants/{grant}/revoke", async |to: &Remote| to.revoke_grant(&grant).await).await;
        let block = || ClientPolicyChange { verdict: Some(VerdictName::Block), ..ClientPolicyChange::default() };
        self.twice("PUT /admin/v1/orgs/{org}/policy/clients/{client}", async |to: &Remote| {
            to.set_client_policy("acme", &client, block()).await
        })
        .await;
        self.twice("POST /admin/v1/orgs/{org}/policy/clients/{client}/revoke", async |to: &Remote| {
            to.revoke_client("acme", &client).await
        })
        .await;
        self.twice("PUT /admin/v1/orgs/{org}/policy", async |to: &Remote| {
            to.set_new_clients("acme", NewClientsChange { new_clients: NewClients::Approval }).await
        })
        .await;
        self.twice("DELETE /admin/v1/orgs/{org}/installations/{app}", async |to: &Remote| to.uninstall_app("acme", &app).await)
            .await;
    }

    /// What an app may do, and the app.
    async fn of_the_app(&mut self) {
        let app = self.partner.app.id.to_string();
        let withdraw =
            || ScopeDecision { scope: "api_keys:write".to_owned(), verdict: ScopeVerdict::Withdraw, lives: None, comment: None };
        self.twice("PUT /admin/v1/scope-requests/{holder}", async |to: &Remote| to.decide_scope(&app, withdraw()).await).await;
        let less = || AppChange { scopes: Some(vec!["members:read".to_owned()]), ..AppChange::default() };
        self.twice("PATCH /admin/v1/apps/{app}", async |to: &Remote| to.update_app(&app, less()).await).await;
        self.admin.mark_app(&app, StableMark { maturity: Maturity::Stable }).await.expect("marked");
        self.twice("POST /admin/v1/apps/{app}/versions", async |to: &Remote| {
            to.publish_app(&app, Publish::default()).await.map(drop)
        })
        .await;
        self.twice("PUT /admin/v1/apps/{app}/state", async |to: &Remote| to.switch_app(&app, Switch::Disabled).await).await;
        self.twice("DELETE /admin/v1/apps/{app}", async |to: &Remote| to.delete_app(&app).await).await;
        let new = NewApp { org: "acme".to_owned(), name: "Sync".to_owned(), ..NewApp::default() };
        let app = self.admin.create_app(new).await.expect("an app").app.id.to_string();
        let secret = AppSecret { stage: Stage::Draft, others_live_seconds: None, lives_seconds: None };
        let secret = self.admin.add_app_secret(&app, secret).await.expect("a secret").secret.id;
        self.twice("DELETE /admin/v1/apps/{app}/secrets/{stage}/{secret}", async |to: &Remote| {
            to.remove_app_secret(&app, Stage::Draft, &secret).await
        })
        .await;
    }

    /// A client that belongs to no app.
    async fn of_a_client(&mut self) {
        let redirect_uris = vec!["https://acme.test/cb".to_owned()];
        let new = NewClient { redirect_uris, ..client(NewClientKind::Confidential) };
        let id = self.admin.create_client(new).await.expect("a client").client.id.to_string();
        let secret = self.admin.add_secret(&id, NewSecret::default()).await.expect("a secret").secret.id;
        let scopes = || ClientScopes { scopes: Some("metrics:read".to_owned()) };
        self.twice("PUT /admin/v1/clients/{client}/scopes", async |to: &Remote| to.set_client_scopes(&id, scopes()).await).await;
        let terms = ClientTerms { access_token_ttl_seconds: Setting::To(60), require_state: Some(true) };
        self.twice("PATCH /admin/v1/clients/{client}", async |to: &Remote| to.set_client_terms(&id, terms).await).await;
        self.twice("PUT /admin/v1/clients/{client}/state", async |to: &Remote| to.switch_client(&id, ClientSwitch::Frozen).await)
            .await;
        self.twice("DELETE /admin/v1/clients/{client}/secrets/{secret}", async |to: &Remote| {
            to.remove_secret(&id, &secret).await
        })
        .await;
        self.twice("DELETE /admin/v1/clients/{client}", async |to: &Remote| to.delete_client(&id).await).await;
    }

    /// Who belongs where.
    async fn of_people(&mut self) {
        let bob = self.partner.world.bob.email.clone();
        let none = || MemberRoles { roles: Vec::new() };
        self.twice("PUT /admin/v1/orgs/{org}/members/{user}", async |to: &Remote| to.set_member("acme", &bob, none()).await)
            .await;
        self.twice("DELETE /admin/v1/orgs/{org}/members/{user}", async |to: &Remote| to.remove_member("acme", &bob).await).await;
        self.twice("POST /admin/v1/users/{user}/password", async |to: &Remote| {
            to.set_password(&bob, NewPassword::default()).await.map(drop)
        })
        .await;
        self.twice("PUT /admin/v1/users/{user}/state", async |to: &Remote| to.switch_user(&bob, UserSwitch::Disabled).await)
            .await;
        let tenant = || OrgChange { tenant: Some("other".to_owned()), ..OrgChange::default() };
        self.twice("PATCH /admin/v1/orgs/{org}", async |to: &Remote| to.update_org("acme", tenant()).await).await;
        self.twice("PUT /admin/v1/orgs/{org}/state", async |to: &Remote| to.switch_org("acme", Switch::Disabled).await).await;
    }
}

#[tokio::test]
async fn what_is_taken_away_is_gone_everywhere_when_it_is_answered_at_the_second_press_too() {
    let mut tried = Tried::new().await;
    tried.of_the_organization().await;
    tried.of_the_app().await;
    tried.of_a_client().await;
    tried.of_people().await;
    let told: BTreeSet<String> = tried.taken.iter().copied().chain(TAKING_NOTHING).map(ToOwned::to_owned).collect();
    assert_eq!(told, documented(), "every operation takes something away or not");
}
