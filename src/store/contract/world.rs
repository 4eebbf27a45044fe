//! A small world that tests start from, and makers of everything in it.

use std::collections::BTreeMap;
use std::time::Duration;

use secrecy::SecretString;

use crate::record::{Actor, AuditRecord, Call, Cause, Decision, Event, McpCall, Measured, Origin, Outcome};
use crate::store::{
    Approvals, Approve, ApprovedRequest, AuditFilter, AuthRequest, Bounds, Client, ClientAuth, ClientKind, ClientOrigin,
    ClientState, Created, DeviceRequest, Grant, GrantState, GrantType, KeyState, Membership, NewAccess, NewRefreshToken, NewUser,
    Org, OrgState, PasswordRecord, Redeem, SealedKey, Session, SharedStore, Subject, User, UserKind, UserState,
};
use crate::types::{
    ApiName, AuthRequestId, ClientId, GrantId, HashedToken, KeyId, NodeId, OrgId, PlainToken, RecordId, RedirectUri, RequestId,
    ResourceId, RoleName, RouteId, ScopeSet, Selectors, SystemEntropy, Timestamp, TokenKind, UserCode, UserId,
};

pub(super) const ENTROPY: SystemEntropy = SystemEntropy;

/// When the tests begin, at a UTC midnight.
pub(super) const START: Timestamp = Timestamp::from_millis(1_795_219_200_000);

/// More clients than a test makes.
pub(super) const MANY: u64 = 1000;

pub(super) const MINUTE: Duration = Duration::from_mins(1);
pub(super) const HOUR: Duration = Duration::from_hours(1);
pub(super) const DAY: Duration = Duration::from_hours(24);

/// The instant `seconds` after the start.
pub(super) fn after(seconds: u64) -> Timestamp {
    START.plus(Duration::from_secs(seconds))
}

/// A cause at `seconds` after the start.
pub(super) fn cause(seconds: u64) -> Cause {
    Cause { actor: Actor::default(), origin: origin(), at: after(seconds) }
}

pub(super) fn origin() -> Origin {
    Origin {
        request: RequestId::generate(START, &ENTROPY),
        node: NodeId::parse("node_1").expect("a valid id"),
        peer: Some("192.0.2.7:4711".parse().expect("a valid address")),
        user_agent: Some("suite/1".into()),
        trace: None,
        certificate: None,
    }
}

pub(super) fn scopes(text: &str) -> ScopeSet {
    ScopeSet::parse(text).expect("valid scopes")
}

pub(super) fn resource(text: &str) -> ResourceId {
    ResourceId::parse(text).expect("a valid resource")
}

pub(super) fn roles(names: &[&str]) -> Vec<RoleName> {
    names.iter().map(|n| RoleName::parse(n).expect("a valid role")).collect()
}

/// A change of a member by the operator, where these roles administer.
pub(super) fn unbound(administrators: &[RoleName]) -> Bounds<'_> {
    Bounds { administrators, changer: None }
}

/// A client that still asks for what it asked for.
pub(super) fn as_ever(_: &Client, _: &Approvals) -> bool {
    true
}

/// A secret's hash that nobody has used yet.
pub(super) fn hash(kind: TokenKind) -> HashedToken {
    PlainToken::generate(kind, &ENTROPY).hashed()
}

pub(super) fn refresh_token(seconds: u64) -> NewRefreshToken {
    NewRefreshToken { hash: hash(TokenKind::RefreshToken), expires_at: after(seconds).plus(30 * DAY) }
}

/// An access token that is handed out with what grants of these tests hold.
pub(super) fn access(jti: &str) -> NewAccess {
    NewAccess { jti: jti.to_owned(), scopes: scopes("logs:read") }
}

pub(super) fn org(slug: &str) -> Org {
    Org {
        id: OrgId::generate(START, &ENTROPY),
        slug: crate::types::Slug::parse(slug).expect("a valid slug"),
        name: format!("The {slug} company"),
        tenant: slug.to_owned(),
        tenants: BTreeMap::from([("loki".to_owned(), format!("{slug}-logs"))]),
        state: OrgState::Active,
        created_at: START,
    }
}

pub(super) fn user(email: &str) -> User {
    User {
        id: UserId::generate(START, &ENTROPY),
        email: email.to_owned(),
        name: "Ada".into(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: START,
    }
}

pub(super) fn password(phc: &str) -> PasswordRecord {
    PasswordRecord { phc: SecretString::from(phc), one_time: true }
}

pub(super) fn client(owner: Option<&OrgId>, origin: ClientOrigin) -> Client {
    Client {
        id: ClientId::generate(START, &ENTROPY),
        org: owner.cloned(),
        name: "Acme CLI".into(),
        kind: ClientKind::Public,
        origin,
        auth: ClientAuth::None,
        redirect_uris: vec![RedirectUri::parse("http://127.0.0.1/callback").expect("a valid URI")],
        grant_types: vec![GrantType::AuthorizationCode, GrantType::RefreshToken],
        scopes: Some(scopes("logs:read metrics:read")),
        subject: None,
        resources: Vec::new(),
        require_state: true,
        access_token_ttl: None,
        app: None,
        state: ClientState::Active,
        created_at: START,
    }
}

pub(super) fn key(state: KeyState) -> SealedKey {
    SealedKey { id: KeyId::generate(START, &ENTROPY), sealed: vec![1, 2, 3], state, created_at: START, forget_at: None }
}

pub(super) fn request(client: &ClientId) -> AuthRequest {
    AuthRequest {
        id: AuthRequestId::generate(START, &ENTROPY),
        client: client.clone(),
        redirect_uri: RedirectUri::parse("http://127.0.0.1:4711/callback").expect("a valid URI"),
        scopes: scopes("logs:read"),
        resources: vec![resource("https://gw.test/loki")],
        org: None,
        state: Some("a b\u{0}\"%00".into()),
        challenge: "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM".into(),
        created_at: START,
        expires_at: after(600),
    }
}

/// A device's request, made at the start.
pub(super) fn device_request(client: &ClientId) -> DeviceRequest {
    DeviceRequest {
        id: AuthRequestId::generate(START, &ENTROPY),
        client: client.clone(),
        user_code: UserCode::generate(&ENTROPY),
        scopes: scopes("logs:read"),
        resources: vec![resource("https://gw.test/loki")],
        from: Some("2001:db8::7".parse().expect("a valid address")),
        user_agent: Some("terraform/1.9 \"é\"".into()),
        interval: Duration::from_secs(5),
        created_at: START,
        expires_at: after(600),
        grant: None,
    }
}

/// A call to `api` under `grant`, `seconds` after the start.
pub(super) fn call(grant: Option<&Grant>, api: &str, decision: Decision, seconds: u64) -> AuditRecord {
    let at = after(seconds);
    AuditRecord {
        id: RecordId::generate(at, &ENTROPY),
        time: at,
        org: grant.map(|g| g.org.clone()),
        actor: Actor {
            user: grant.map(|g| g.user.clone()),
            client: grant.map(|g| g.client.clone()),
            client_name: Some("Acme CLI".into()),
            grant: grant.map(|g| g.id.clone()),
            token: Some("jti_1".into()),
        },
        origin: origin(),
        event: Event::Call(Box::new(Call {
            api: ApiName::parse(api).expect("a valid name"),
            route: Some(RouteId::parse(&format!("{api}.query")).expect("a valid route")),
            method: "GET".into(),
            path: format!("/{api}/api/v1/query"),
            mcp: Some(McpCall { method: "tools/call".into(), target: Some("query_logs".into()), version: None }),
            scopes_needed: scopes("logs:read"),
            scopes_held: scopes("logs:read metrics:read"),
            resource: None,
            decision,
            would_deny: None,
            outcome: Outcome::Completed(Measured { status: 200, bytes: 9, micros: 1500, call: None }),
            forwarder: None,
        })),
    }
}

pub(super) fn denied(reason: &str) -> Decision {
    Decision::Denied { reason: reason.into(), missing: ScopeSet::default() }
}

/// One organization with one member and one client of its own.
pub(super) struct World {
    pub(super) store: SharedStore,
    pub(super) org: Org,
    pub(super) user: User,
    pub(super) client: Client,
}

impl World {
    pub(super) async fn new(store: SharedStore) -> Self {
        let (org, user) = (org("acme"), user("ada@example.com"));
        assert_eq!(store.create_org(&org, &cause(0)).await.expect("an organization"), Created::Done);
        let new = NewUser { user: user.clone(), password: Some(password("$argon2id$1")) };
        assert_eq!(store.create_user(&new, &cause(0)).await.expect("a user"), Created::Done);
        let membership = Membership { org: org.id.clone(), user: user.id.clone(), roles: roles(&["viewer"]) };
        store.set_membership(&membership, &cause(0)).await.expect("a membership");
        let client = client(Some(&org.id), ClientOrigin::Administrator);
        store.create_client(&client, None, &cause(0)).await.expect("a client");
        Self { store, org, user, client }
    }

    /// A grant of this world's user to this world's client, not stored yet.
    pub(super) fn wanted(&self, seconds: u64) -> Grant {
        Grant {
            id: GrantId::generate(after(seconds), &ENTROPY),
            org: self.org.id.clone(),
            user: self.user.id.clone(),
            client: self.client.id.clone(),
            scopes: scopes("logs:read"),
            selectors: Selectors::default(),
            resources: vec![resource("https://gw.test/loki")],
            state: GrantState::Live,
            created_at: after(seconds),
            expires_at: None,
            last_used_at: None,
        }
    }

    /// Consents at `seconds` to `grant`; the code lives a minute.
    pub(super) async fn consent_to(&self, grant: &Grant, seconds: u64) -> HashedToken {
        self.consent_for(grant, seconds, false).await
    }

    /// The same, perhaps for a trial.
    pub(super) async fn consent_for(&self, grant: &Grant, seconds: u64, trial: bool) -> HashedToken {
        let request = AuthRequest { expires_at: after(seconds + 600), ..request(&grant.client) };
        self.store.freeze_request(&request, &cause(seconds)).await.expect("a request");
        let code = hash(TokenKind::AuthorizationCode);
        let approved = ApprovedRequest { grant: grant.clone(), trial, code, code_expires_at: after(seconds + 60) };
        let outcome = self.store.approve_request(&request.id, &approved, &as_ever, &cause(seconds)).await.expect("a decision");
        assert_eq!(outcome, Approve::Done);
        code
    }

    /// Consents at `seconds`: the grant and its code.
    pub(super) async fn consent(&self, seconds: u64) -> (Grant, HashedToken) {
        let grant = self.wanted(seconds);
        let code = self.consent_to(&grant, seconds).await;
        (grant, code)
    }

    /// Consents and redeems at `seconds`: the grant and its first refresh token.
    pub(super) async fn family(&self, seconds: u64) -> (Grant, HashedToken) {
        let (grant, code) = self.consent(seconds).await;
        let token = refresh_token(seconds);
        let (new, at) = (access("jti_family"), cause(seconds));
        let redeemed = self.store.redeem_code(&code, &grant.client, Some(&new), Some(&token), MINUTE, &at).await;
        assert!(matches!(redeemed.expect("a redemption"), Redeem::Won(_)));
        (grant, token.hash)
    }

    pub(super) async fn sign_in(&self, seconds: u64) -> HashedToken {
        let session = Session {
            hash: hash(TokenKind::Session),
            user: self.user.id.clone(),
            authenticated_at: after(seconds),
            expires_at: after(seconds).plus(HOUR),
            seen_at: after(seconds),
        };
        self.store.start_session(&session, None, &cause(seconds)).await.expect("a session");
        session.hash
    }

    pub(super) async fn state_of(&self, grant: &Grant) -> GrantState {
        let facts = self.store.grant_facts(&grant.id).await.expect("facts");
        facts.expect("the grant is there").grant.state
    }

    /// Operation and log of every record there is, oldest first.
    pub(super) async fn log(&self) -> Vec<(String, Option<OrgId>)> {
        let page = self.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
        assert_eq!(page.next, None);
        let told = |row: &crate::store::AuditRow| (crate::record::operation(&row.record).to_owned(), row.record.org.clone());
        page.rows.iter().rev().map(told).collect()
    }

    pub(super) async fn feed_since(&self, position: u64) -> Vec<Subject> {
        let changes = self.store.changes_after(position, 1000).await.expect("the feed");
        changes.into_iter().map(|c| c.subject).collect()
    }
}
