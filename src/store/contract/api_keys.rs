//! API keys and the private scope that makes them.

use futures::future::join_all;

use super::apps::app;
use super::world::*;
use crate::record::Event;
use crate::store::{
    ApiKey, ApiKeySearch, ApiKeyStanding, ApiKeyState, App, AppState, AuditFilter, Client, ClientState, ClientUseSearch, Counted,
    DisableReason, Grant, GrantState, Holder, Holding, Listed, Membership, Minted, NewClients, Org, Refused, Resting,
    RevokeReason, Rotate, ScopeRefusal, ScopeRequestState, ScopeRequests, SharedStore, Stance, Subject, Verdict, Via,
};
use crate::types::{API_KEYS_WRITE, ApiKeyId, AppId, HashedToken, ScopeToken, Timestamp, TokenKind};

pub(super) fn mints() -> ScopeToken {
    ScopeToken::parse(API_KEYS_WRITE).expect("a scope")
}

/// An app whose draft client the world's user authorized.
pub(super) struct Partner {
    pub(super) world: World,
    pub(super) app: App,
    pub(super) client: Client,
    pub(super) grant: Grant,
    pub(super) holder: Holder,
}

impl Partner {
    pub(super) async fn new(store: SharedStore) -> Self {
        let world = World::new(store).await;
        let (app, client) = app(&world.org.id, "logs:read api_keys:write");
        world.store.create_app(&app, &client, None, Via::Hand, MANY, &cause(0)).await.expect("an app");
        let holder = Holder::App(app.id.clone());
        assert!(world.store.approve_scope(&holder, &mints(), after(1000), None, &cause(0)).await.expect("an answer"));
        let grant = Self::authorize(&world, &client, 1).await;
        Self { world, app, client, grant, holder }
    }

    pub(super) async fn authorize(world: &World, client: &Client, seconds: u64) -> Grant {
        let scopes = scopes("logs:read api_keys:write");
        let grant = Grant { client: client.id.clone(), scopes, ..world.wanted(seconds) };
        world.consent_to(&grant, seconds).await;
        grant
    }

    fn key(&self) -> ApiKey {
        ApiKey {
            id: ApiKeyId::generate(START, &ENTROPY),
            last4: "wxyz".into(),
            name: "Key of app Acme Sync".into(),
            org: self.grant.org.clone(),
            app: self.app.id.clone(),
            client: self.client.id.clone(),
            grant: self.grant.id.clone(),
            user: self.grant.user.clone(),
            scopes: scopes("logs:write"),
            resources: self.grant.resources.clone(),
            created_at: after(2),
            last_used_at: None,
            state: ApiKeyState::Live,
        }
    }

    pub(super) async fn mint(&self, seconds: u64) -> (ApiKey, HashedToken, Minted) {
        let (key, hash) = (self.key(), hash(TokenKind::ApiKey));
        let minted = self.world.store.mint_api_key(&key, &hash, &cause(seconds)).await.expect("an answer");
        (key, hash, minted)
    }

    /// The same app in another organization, which the world's user is a member of, and the grant there.
    async fn authorize_abroad(&self, slug: &str) -> (Org, Grant) {
        let (store, there) = (&self.world.store, org(slug));
        store.create_org(&there, &cause(0)).await.expect("an organization");
        let user = self.world.user.id.clone();
        let membership = Membership { org: there.id.clone(), user, roles: roles(&["viewer"]) };
        store.set_membership(&membership, &cause(0)).await.expect("a membership");
        let grant = Grant { id: wanted_id(), org: there.id.clone(), ..self.grant.clone() };
        self.world.consent_to(&grant, 1).await;
        (there, grant)
    }

    /// The same with a key.
    async fn abroad(&self, slug: &str) -> (Org, Grant, ApiKey, HashedToken) {
        let (there, grant) = self.authorize_abroad(slug).await;
        let key = ApiKey { org: there.id.clone(), grant: grant.id.clone(), ..self.key() };
        let hash = hash(TokenKind::ApiKey);
        assert_eq!(self.world.store.mint_api_key(&key, &hash, &cause(2)).await.expect("an answer"), Minted::Done);
        (there, grant, key, hash)
    }

    pub(super) async fn state(&self, key: &ApiKey) -> ApiKeyState {
        self.world.store.api_key(&key.id).await.expect("an answer").expect("the key is there").state
    }

    pub(super) async fn count(&self, operation: &str) -> usize {
        let log = self.world.log().await;
        log.iter().filter(|(name, org)| name == operation && org.as_ref() == Some(&self.world.org.id)).count()
    }
}

pub(crate) async fn a_key_comes_back_with_all_that_it_rests_on(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let (key, hash, minted) = partner.mint(2).await;
    assert_eq!(minted, Minted::Done);
    let facts = store.api_key_facts(&hash).await.expect("an answer").expect("the key is there");
    assert_eq!((&facts.key, &facts.org, &facts.user), (&key, &partner.world.org, &partner.world.user));
    assert_eq!((&facts.client, facts.installed, facts.policy.stance), (&partner.client, true, Stance::Allowed));
    assert!(facts.approvals.admits(API_KEYS_WRITE, after(999)) && !facts.approvals.admits(API_KEYS_WRITE, after(1000)));
    assert_eq!((facts.approvals.next_end(after(1)), facts.approvals.next_end(after(1000))), (Some(after(1000)), None));
    assert_eq!(store.api_key(&key.id).await.expect("an answer"), Some(key.clone()));
    assert_eq!(store.api_key_hash(&key.id).await.expect("an answer"), Some(hash));
    assert_eq!(store.api_keys(Some(&key.org)).await.expect("keys"), std::slice::from_ref(&key));
    let beta = org("beta");
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    assert_eq!(store.api_keys(Some(&beta.id)).await.expect("keys"), []);
    assert!(!store.disable_api_key(&key.id, Some(&beta.id), &cause(3)).await.expect("an answer"));
    let unknown = super::world::hash(TokenKind::ApiKey);
    assert!(store.api_key_facts(&unknown).await.expect("an answer").is_none());

    let before = store.feed_position().await.expect("a position");
    assert!(store.disable_api_key(&key.id, None, &cause(4)).await.expect("an answer"));
    assert!(!store.disable_api_key(&key.id, None, &cause(5)).await.expect("an answer"));
    let told = partner.world.feed_since(before).await;
    assert_eq!(told, [Subject::Client { id: partner.client.id.clone() }]);
    assert_eq!(partner.state(&key).await, ApiKeyState::Disabled { at: after(4), reason: DisableReason::Hand });
    assert_eq!((partner.count("api_key.mint").await, partner.count("api_key.disable").await), (1, 1));
    assert_eq!(partner.mint(6).await.2, Minted::Done, "there is room for the next one");
}

pub(crate) async fn a_key_has_one_maker(store: SharedStore) {
    let partner = Partner::new(store).await;
    let minted = join_all((2..12).map(|n| partner.mint(n))).await;
    let won: Vec<_> = minted.iter().filter(|(.., m)| *m == Minted::Done).collect();
    let [(winner, ..)] = won.as_slice() else { panic!("{} won", won.len()) };
    for (.., outcome) in &minted {
        assert!(matches!(outcome, Minted::Done) || *outcome == Minted::Taken(Box::new(winner.clone())), "{outcome:?}");
    }
    assert_eq!(partner.count("api_key.mint").await, 1);
}

pub(crate) async fn a_key_needs_a_live_approval_and_grant(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    assert_eq!(partner.mint(1000).await.2, Minted::NotApproved, "it has ended");
    store.revoke_grant(&partner.grant.id, None, RevokeReason::User, &cause(3)).await.expect("an answer");
    assert_eq!(partner.mint(4).await.2, Minted::Ended);
    let refused = store.refuse_scope(&partner.holder, &mints(), ScopeRefusal::Withdraw, None, &cause(5)).await;
    assert_eq!(refused.expect("an answer"), Some(Refused::default()));
    assert_eq!(partner.mint(6).await.2, Minted::NotApproved);
    assert_eq!(store.api_keys(None).await.expect("keys"), []);
}

pub(crate) async fn approval_spares_keys_and_installations(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let (there, grant, _, hash) = partner.abroad("beta").await;
    // What `standing_of_key` asks for and an organization decides.
    let standing = async || {
        let facts = store.api_key_facts(&hash).await.expect("an answer").expect("the key is there");
        (facts.key.state, facts.installed, facts.policy.stance)
    };
    let stands = (ApiKeyState::Live, true, Stance::Allowed);
    assert_eq!(standing().await, stands);
    store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(3)).await.expect("an answer");
    assert_eq!(standing().await, stands, "a key outlives its grant");
    assert_eq!(store.would_wait(&there.id, after(4)).await.expect("an answer"), 0);
    assert!(store.set_new_clients(&there.id, NewClients::Approval, &cause(4)).await.expect("an answer"));
    assert_eq!(standing().await, stands, "it was in use when this was switched on");

    // Installed and used by nobody any more: that goes on as well, and what was uninstalled or blocked does not.
    let policy = async |org: &Org| store.client_policy(&org.id, &partner.client.id).await.expect("a policy").stance;
    for (slug, installed, stance) in [("gamma", true, Stance::Allowed), ("delta", false, Stance::Pending)] {
        let (other, grant) = partner.authorize_abroad(slug).await;
        store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(5)).await.expect("an answer");
        if !installed {
            store.uninstall_app(&other.id, &partner.app.id, &cause(6)).await.expect("an answer");
        }
        let would_wait = store.would_wait(&other.id, after(7)).await.expect("an answer");
        assert_eq!(would_wait, u64::from(!installed), "{slug}");
        assert!(store.set_new_clients(&other.id, NewClients::Approval, &cause(8)).await.expect("an answer"));
        assert_eq!(policy(&other).await, stance, "{slug}");
    }
    let (blocked, ..) = partner.abroad("epsilon").await;
    store.decide_client(&blocked.id, &partner.client.id, Verdict::Block, &cause(9)).await.expect("an answer");
    assert!(store.set_new_clients(&blocked.id, NewClients::Approval, &cause(10)).await.expect("an answer"));
    assert_eq!(policy(&blocked).await, Stance::Blocked);
}

pub(crate) async fn a_key_keeps_its_client_in_every_list(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let (there, grant, key, _) = partner.abroad("beta").await;
    let words = |text: &str| ClientUseSearch { text: text.to_owned(), ..ClientUseSearch::default() };
    let lists = async |text: &str| {
        let (search, all) = (words(text), (0, 9));
        let known = store.clients_of_org(&there.id, Listed::Known, after(9), all).await.expect("clients");
        let matching = store.clients_of_org(&there.id, Listed::Matching(&search), after(9), all).await.expect("clients");
        let found = store.find_clients_of_org(&there.id, &search, after(9), None, 9).await.expect("clients");
        [known.len(), matching.len(), found.len()]
    };
    let one = async || {
        let one = store.client_of_org(&there.id, &partner.client.id, after(9)).await.expect("an answer");
        one.expect("it is known")
    };
    assert_eq!(lists("").await, [1, 1, 1], "once, with a grant and a key");
    store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(3)).await.expect("an answer");
    for text in ["", "ADA@", "logs:w", "acme"] {
        assert_eq!(lists(text).await, [1, 1, 1], "{text}: its key works");
    }
    assert_eq!(lists("logs:r").await, [1, 0, 0], "what the grant held");
    let shown = one().await;
    assert_eq!((shown.users, shown.grants, &shown.scopes), (0, 0, &key.scopes));
    assert_eq!(shown.keys, std::slice::from_ref(&key));
    assert_eq!(shown.installed_at, Some(after(1)));
    // What was decided about it changes neither that nor how often it is there.
    store.restrict_client(&there.id, &partner.client.id, Some(&key.scopes), &cause(4)).await.expect("an answer");
    assert_eq!(lists("ada@").await, [1, 1, 1]);
    store.restrict_client(&there.id, &partner.client.id, None, &cause(5)).await.expect("an answer");
    assert_eq!(lists("ada@").await, [1, 1, 1]);

    assert!(store.disable_api_key(&key.id, None, &cause(6)).await.expect("an answer"));
    assert_eq!(lists("").await, [1, 1, 1], "it is installed");
    assert_eq!(lists("ada@").await, [1, 0, 0]);
    assert!(one().await.keys.is_empty());
    store.uninstall_app(&there.id, &partner.app.id, &cause(7)).await.expect("an answer");
    assert_eq!(lists("").await, [0, 0, 0], "nothing is left");
}

pub(crate) async fn whoever_has_a_key_is_told_and_counted(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let (there, grant, key, _) = partner.abroad("beta").await;
    store.revoke_grant(&grant.id, None, RevokeReason::User, &cause(3)).await.expect("an answer");
    let counted = async |on: Counted<'_>| store.resting(on, after(9)).await.expect("an answer");
    let both = Resting { grants: 1, users: 1, orgs: 2, keys: 1 };
    let (client, holder, other) = (&partner.client.id, &partner.holder, ScopeToken::parse("logs:read").expect("a scope"));
    assert_eq!(counted(Counted::Client(client)).await, both);
    assert_eq!(counted(Counted::App(&partner.app.id)).await, both);
    assert_eq!(counted(Counted::User(&key.user)).await, both);
    assert_eq!(counted(Counted::Org(&there.id)).await, Resting { grants: 0, users: 0, orgs: 1, keys: 1 });
    assert_eq!(counted(Counted::Holding(holder, &mints())).await, both);
    assert_eq!(counted(Counted::Holding(holder, &other)).await, Resting { orgs: 1, keys: 0, ..both }, "no key rests on it");
    let at_home = Holding { org: partner.world.org.clone(), grants: 1, users: 1, keys: 0 };
    let abroad = Holding { org: there.clone(), grants: 0, users: 0, keys: 1 };
    assert_eq!(store.holders(client, after(9), 9).await.expect("an answer"), [at_home.clone(), abroad]);

    store.set_client_state(client, ClientState::Frozen, &cause(4)).await.expect("an answer");
    store.set_client_state(client, ClientState::Active, &cause(5)).await.expect("an answer");
    store.set_app_state(&partner.app.id, AppState::Disabled, &cause(6)).await.expect("an answer");
    let log = partner.world.log().await;
    for name in ["client.disable", "client.enable", "app.disable"] {
        for org in [&there.id, &partner.world.org.id] {
            assert_eq!(log.iter().filter(|(n, o)| n == name && o.as_ref() == Some(org)).count(), 1, "{name}: {log:?}");
        }
    }
    store.disable_api_key(&key.id, None, &cause(7)).await.expect("an answer");
    assert_eq!(counted(Counted::Client(client)).await, Resting { orgs: 1, keys: 0, ..both }, "a draft concerns its maker");
    assert_eq!(store.holders(client, after(9), 9).await.expect("an answer"), [at_home]);
}

pub(crate) async fn requests_are_asked_decided_and_renewed(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, holder) = (&partner.world.store, &partner.holder);
    let mine = async || {
        let all = store.scope_requests(ScopeRequests::For(holder)).await.expect("requests");
        assert_eq!(all, store.scope_requests(ScopeRequests::Of(&partner.world.org.id)).await.expect("requests"));
        assert_eq!(all, store.scope_requests(ScopeRequests::All).await.expect("requests"));
        all
    };
    let given = mine().await;
    assert_eq!((given.len(), given[0].state, given[0].approved_until), (1, ScopeRequestState::Approved, Some(after(1000))));
    assert_eq!((given[0].name.as_str(), &given[0].asked), ("Acme Sync", &None));
    let asks = (2..12).map(|n| async move { store.request_scope(holder, &mints(), "to send logs", &cause(n)).await });
    let asked = join_all(asks).await.into_iter().filter(|a| *a.as_ref().expect("an answer")).count();
    assert_eq!((asked, partner.count("scope.request").await), (1, 1));
    let waiting = &mine().await[0];
    assert_eq!((waiting.state, waiting.approved_until), (ScopeRequestState::Pending, Some(after(1000))));
    assert_eq!((waiting.reason.as_str(), waiting.decided_at), ("to send logs", Some(after(0))));
    assert!(store.approvals(&partner.client.id).await.expect("approvals").admits(API_KEYS_WRITE, after(12)));
    assert!(store.approve_scope(holder, &mints(), after(5000), Some("for a year"), &cause(13)).await.expect("an answer"));
    let renewed = &mine().await[0];
    assert_eq!((renewed.state, renewed.approved_until), (ScopeRequestState::Approved, Some(after(5000))));
    assert_eq!(renewed.comment.as_deref(), Some("for a year"));
    let refuse = async |how| store.refuse_scope(holder, &mints(), how, None, &cause(14)).await.expect("an answer");
    assert_eq!(refuse(ScopeRefusal::Deny).await, None, "nothing waits");
    assert_eq!(refuse(ScopeRefusal::Withdraw).await, Some(Refused { grants: 1, keys: 0 }));
    assert_eq!(refuse(ScopeRefusal::Withdraw).await, None);
    assert_eq!(mine().await[0].state, ScopeRequestState::Withdrawn);
    assert!(store.request_scope(holder, &mints(), "again", &cause(15)).await.expect("an answer"));
    assert_eq!(refuse(ScopeRefusal::Deny).await, Some(Refused::default()));
    assert_eq!((partner.count("scope.approve").await, partner.count("scope.deny").await), (2, 1));
    let nobody = Holder::App(crate::types::AppId::generate(START, &ENTROPY));
    assert!(!store.request_scope(&nobody, &mints(), "", &cause(16)).await.expect("an answer"));
    assert!(!store.approve_scope(&nobody, &mints(), after(99), None, &cause(16)).await.expect("an answer"));
    let stranger = client(None, crate::store::ClientOrigin::Dynamic);
    store.create_client(&stranger, None, &cause(0)).await.expect("a client");
    let stranger = Holder::Client(stranger.id);
    assert!(!store.approve_scope(&stranger, &mints(), after(99), None, &cause(16)).await.expect("an answer"));
}

pub(crate) async fn a_request_is_taken_back_by_who_asked(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, holder) = (&partner.world.store, &partner.holder);
    let mine = async || store.scope_requests(ScopeRequests::For(holder)).await.expect("requests").remove(0);
    let cancel = async |n| store.cancel_scope_request(holder, &mints(), &cause(n)).await.expect("an answer");
    assert!(!cancel(2).await, "none waits");
    assert!(store.request_scope(holder, &mints(), "for longer", &cause(3)).await.expect("an answer"));
    assert!(cancel(4).await && !cancel(5).await);
    let kept = mine().await;
    assert_eq!((kept.state, kept.approved_until), (ScopeRequestState::Approved, Some(after(1000))), "what was given goes on");
    assert_eq!(kept.decided_at, Some(after(0)));
    assert_eq!(partner.world.state_of(&partner.grant).await, GrantState::Live);
    store.refuse_scope(holder, &mints(), ScopeRefusal::Withdraw, Some("no"), &cause(6)).await.expect("an answer");
    assert!(store.request_scope(holder, &mints(), "again", &cause(7)).await.expect("an answer"));
    assert!(cancel(8).await);
    let gone = mine().await;
    assert_eq!((gone.state, gone.approved_until), (ScopeRequestState::Withdrawn, None));
    assert_eq!((gone.decided_at, gone.comment), (Some(after(8)), None));
    assert_eq!(partner.count("scope.cancel").await, 2);
    assert!(store.request_scope(holder, &mints(), "once more", &cause(9)).await.expect("an answer"));
}

pub(crate) async fn withdrawal_ends_grants_that_hold_the_scope_and_keys(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let without = Grant { client: partner.client.id.clone(), scopes: scopes("logs:read"), ..partner.world.wanted(2) };
    partner.world.consent_to(&without, 2).await;
    let (key, _, minted) = partner.mint(3).await;
    assert_eq!(minted, Minted::Done);
    let refused = store.refuse_scope(&partner.holder, &mints(), ScopeRefusal::Withdraw, Some("misused"), &cause(4)).await;
    assert_eq!(refused.expect("an answer"), Some(Refused { grants: 1, keys: 1 }));
    let ended = GrantState::Revoked { at: after(4), reason: RevokeReason::Policy };
    assert_eq!(partner.world.state_of(&partner.grant).await, ended);
    assert_eq!(partner.world.state_of(&without).await, GrantState::Live);
    assert_eq!(partner.state(&key).await, ApiKeyState::Disabled { at: after(4), reason: DisableReason::Withdrawal });
    for name in ["scope.withdraw", "grant.revoke.policy", "api_key.disable"] {
        assert_eq!(partner.count(name).await, 1, "{name}");
    }
}

pub(crate) async fn withdrawal_beats_what_runs_at_the_same_time(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    for round in 0..8 {
        let (approved, at) = (after(9000), cause(20 + round));
        assert!(store.approve_scope(&partner.holder, &mints(), approved, None, &at).await.expect("an answer"));
        let grant = Partner::authorize(&partner.world, &partner.client, 20 + round).await;
        let code = partner.world.consent_to(&Grant { id: wanted_id(), ..grant.clone() }, 20 + round).await;
        let (token, new) = (refresh_token(20), access("jti_1"));
        store.redeem_code(&code, &grant.client, Some(&new), Some(&token), MINUTE, &at).await.expect("redeemed");
        let mine = Partner { world: World::of(&partner.world), grant, ..partner.same() };
        let (successor, scope) = (refresh_token(21), mints());
        let withdraw = store.refuse_scope(&partner.holder, &scope, ScopeRefusal::Withdraw, None, &at);
        let rotate = store.rotate_refresh(&token.hash, &partner.client.id, Some(&new), &successor, MINUTE, &at);
        let (_, minted, rotated) = futures::join!(withdraw, mine.mint(20 + round), rotate);
        rotated.expect("an answer");
        if minted.2 == Minted::Done {
            assert!(matches!(partner.state(&minted.0).await, ApiKeyState::Disabled { .. }), "round {round}");
        }
        let (id, next) = (&partner.client.id, refresh_token(22));
        let again = store.rotate_refresh(&successor.hash, id, Some(&new), &next, MINUTE, &at).await;
        assert!(matches!(again.expect("an answer"), Rotate::Unknown), "round {round}");
    }
}

pub(crate) async fn removing_an_app_disables_its_keys(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (key, ..) = partner.mint(2).await;
    assert!(partner.world.store.delete_app(&partner.app.id, &cause(3)).await.expect("an answer"));
    assert_eq!(partner.state(&key).await, ApiKeyState::Disabled { at: after(3), reason: DisableReason::AppDeleted });
}

pub(crate) async fn the_use_of_keys_is_noted(store: SharedStore) {
    let partner = Partner::new(store).await;
    let store = &partner.world.store;
    let (key, ..) = partner.mint(2).await;
    let used = |seconds: u64| {
        let mut record = call(Some(&partner.grant), "loki", crate::record::Decision::Allowed, seconds);
        record.actor.token = Some(key.id.to_string());
        record
    };
    let last = async || -> Option<Timestamp> {
        store.api_key(&key.id).await.expect("an answer").expect("the key is there").last_used_at
    };
    assert_eq!(last().await, None);
    store.append_audit(&[used(9), used(7)]).await.expect("stored");
    assert_eq!(last().await, Some(after(9)));
    store.append_audit(&[used(8)]).await.expect("stored");
    assert_eq!(last().await, Some(after(9)));
}

pub(super) fn wanted_id() -> crate::types::GrantId {
    crate::types::GrantId::generate(START, &ENTROPY)
}

impl World {
    pub(super) fn of(other: &Self) -> Self {
        let (store, org) = (other.store.clone(), other.org.clone());
        Self { store, org, user: other.user.clone(), client: other.client.clone() }
    }
}

impl Partner {
    pub(super) fn same(&self) -> Self {
        Self {
            world: World::of(&self.world),
            app: self.app.clone(),
            client: self.client.clone(),
            grant: self.grant.clone(),
            holder: self.holder.clone(),
        }
    }
}

pub(crate) async fn keys_are_listed_page_by_page(store: SharedStore) {
    let partner = Partner::new(store).await;
    let (store, org) = (&partner.world.store, &partner.world.org.id);
    let mut made = Vec::new();
    for n in 0..5 {
        // Two of each instant: the id tells which comes first.
        let key = ApiKey { created_at: after(10 + n / 2), ..partner.key() };
        let minted = store.mint_api_key(&key, &hash(TokenKind::ApiKey), &cause(10)).await.expect("an answer");
        assert_eq!(minted, Minted::Done);
        assert!(store.disable_api_key(&key.id, None, &cause(11)).await.expect("an answer"));
        made.push((key.created_at, key.id));
    }
    made.sort_by(|a, b| b.cmp(a));
    let here = |text: &str| ApiKeySearch { org: Some(org.clone()), text: text.to_owned(), ..ApiKeySearch::default() };
    let mut seen: Vec<(Timestamp, ApiKeyId)> = Vec::new();
    for most in [2, 2, 1, 0] {
        let page = store.find_api_keys(&here(""), seen.last(), 2).await.expect("keys");
        assert_eq!(page.len(), most);
        seen.extend(page.into_iter().map(|key| (key.created_at, key.id)));
    }
    assert_eq!(seen, made);
    let beta = super::world::org("beta");
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    let there = ApiKeySearch { org: Some(beta.id), ..here("") };
    assert_eq!(store.find_api_keys(&there, None, 9).await.expect("keys"), []);
    let anywhere = ApiKeySearch { org: None, ..here("") };
    assert_eq!(store.find_api_keys(&anywhere, None, 9).await.expect("keys").len(), 5);

    let found = async |text: &str| store.find_api_keys(&here(text), None, 9).await.expect("keys").len();
    let last4 = partner.key().last4;
    for text in ["ADA@", "LOGS:W", last4.as_str(), &partner.key().name.to_uppercase()] {
        assert_eq!(found(text).await, 5, "{text}");
    }
    assert_eq!(found(made[1].1.as_str()).await, 1, "by its id");
    for text in ["nobody", "\"", "[", "%", "_ogs"] {
        assert_eq!(found(text).await, 0, "{text}");
    }
    let rest = store.find_api_keys(&here("logs:"), Some(&made[3]), 9).await.expect("keys");
    assert_eq!(rest.iter().map(|key| &key.id).collect::<Vec<_>>(), [&made[4].1]);

    // One that works, and what its app has.
    let live = ApiKey { created_at: after(5), ..partner.key() };
    let minted = store.mint_api_key(&live, &hash(TokenKind::ApiKey), &cause(12)).await.expect("an answer");
    assert_eq!(minted, Minted::Done);
    let ids = async |search: ApiKeySearch, after: Option<&(Timestamp, ApiKeyId)>, limit| {
        let found = store.find_api_keys(&search, after, limit).await.expect("keys");
        found.into_iter().map(|key| key.id).collect::<Vec<_>>()
    };
    let of_app = ApiKeySearch { app: Some(live.app.clone()), ..here("") };
    let standing = |standing, of: &ApiKeySearch| ApiKeySearch { standing: Some(standing), ..of.clone() };
    assert_eq!(ids(standing(ApiKeyStanding::Live, &of_app), None, 9).await, std::slice::from_ref(&live.id));
    let disabled = standing(ApiKeyStanding::Disabled, &of_app);
    assert_eq!(ids(disabled.clone(), None, 3).await, made[..3].iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    assert_eq!(ids(disabled, Some(&made[2]), 3).await, made[3..].iter().map(|(_, id)| id.clone()).collect::<Vec<_>>());
    assert_eq!(ids(of_app, None, 9).await.len(), 6);
    let another = AppId::generate(START, &ENTROPY);
    assert!(ids(ApiKeySearch { app: Some(another), ..here("") }, None, 9).await.is_empty());
    assert!(
        ids(ApiKeySearch { text: "nobody".to_owned(), ..standing(ApiKeyStanding::Live, &here("")) }, None, 9).await.is_empty()
    );
}

pub(crate) async fn what_the_operator_says_of_a_private_scope_is_on_record(store: SharedStore) {
    let world = World::new(store).await;
    let (s, holder, scope) = (&world.store, Holder::Client(world.client.id.clone()), mints());
    let said = async |operation: &str| {
        let filter = AuditFilter { operation: Some(operation.to_owned()), ..AuditFilter::default() };
        let found = s.search_audit(&filter, None, 1).await.expect("a page").rows.remove(0).record;
        let Event::Control(event) = found.event else { panic!("no call") };
        event.comment
    };
    assert!(s.approve_scope(&holder, &scope, after(60), Some("for the\nagent"), &cause(1)).await.expect("an answer"));
    assert_eq!(said("scope.approve").await, Some(format!("until {}: for the agent", after(60))));
    s.refuse_scope(&holder, &scope, ScopeRefusal::Withdraw, Some("no longer"), &cause(2)).await.expect("an answer");
    assert_eq!(said("scope.withdraw").await.as_deref(), Some("no longer"));
    assert!(s.request_scope(&holder, &scope, "please", &cause(3)).await.expect("an answer"));
    s.refuse_scope(&holder, &scope, ScopeRefusal::Deny, None, &cause(4)).await.expect("an answer");
    assert_eq!(said("scope.deny").await, None);
}
