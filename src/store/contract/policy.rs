//! What organizations decide about clients.

use futures::future::join_all;

use super::world::*;
use crate::store::{
    Client, ClientOrigin, ClientPolicy, ClientUse, ClientUseSearch, Grant, GrantFacts, GrantSearch, GrantStanding, GrantState,
    Listed, NewClients, NewUser, RevokeReason, SharedStore, Stance, Subject, UseStanding, Verdict,
};
use crate::types::{ClientId, OrgId, Setting};

const ALL: (u32, u32) = (0, 100);

impl World {
    async fn stranger(&self) -> Client {
        let stranger = client(None, ClientOrigin::Dynamic);
        self.store.create_client(&stranger, None, &cause(0)).await.expect("a client");
        stranger
    }

    /// The world's user authorizes `client` at `seconds`.
    async fn authorize(&self, client: &Client, scopes_wanted: &str, seconds: u64) -> Grant {
        let grant = Grant { client: client.id.clone(), scopes: scopes(scopes_wanted), ..self.wanted(seconds) };
        self.consent_to(&grant, seconds).await;
        grant
    }

    /// The grants of a client that live at `seconds`.
    async fn grants(&self, org: &OrgId, client: &ClientId, seconds: u64) -> Vec<GrantFacts> {
        let live = Some((GrantStanding::Live, after(seconds)));
        let search = GrantSearch { client: Some(client.clone()), standing: live, ..GrantSearch::default() };
        self.store.find_grants(org, &search, None, 10).await.expect("grants")
    }

    async fn policy(&self, client: &ClientId) -> ClientPolicy {
        let policy = self.store.client_policy(&self.org.id, client).await.expect("a policy");
        for facts in self.grants(&self.org.id, client, 1).await {
            assert_eq!(facts.policy, policy, "a grant's facts say the same");
        }
        policy
    }

    async fn stance(&self, client: &ClientId) -> Stance {
        self.policy(client).await.stance
    }

    async fn listed(&self, which: Listed<'_>) -> Vec<ClientUse> {
        self.store.clients_of_org(&self.org.id, which, after(100), ALL).await.expect("clients")
    }
}

pub(crate) async fn a_decision_reaches_every_grant_and_node(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let app = world.stranger().await;
    let grant = world.authorize(&app, "logs:read metrics:read", 1).await;
    assert_eq!(world.policy(&app.id).await, ClientPolicy { stance: Stance::Allowed, scopes: None });
    let told = vec![Subject::Client { id: app.id.clone() }];

    let before = store.feed_position().await.expect("a position");
    assert!(store.decide_client(org, &app.id, Verdict::Block, &cause(2)).await.expect("an answer"));
    assert!(!store.decide_client(org, &app.id, Verdict::Block, &cause(3)).await.expect("an answer"));
    assert_eq!((world.stance(&app.id).await, world.feed_since(before).await), (Stance::Blocked, told.clone()));
    assert_eq!(world.state_of(&grant).await, GrantState::Live, "blocking ends nothing");
    assert!(store.decide_client(org, &app.id, Verdict::Allow, &cause(4)).await.expect("an answer"));
    assert_eq!(world.stance(&app.id).await, Stance::Allowed);

    let before = store.feed_position().await.expect("a position");
    let most = scopes("logs:read");
    assert!(store.restrict_client(org, &app.id, Some(&most), &cause(5)).await.expect("an answer"));
    assert!(!store.restrict_client(org, &app.id, Some(&most), &cause(6)).await.expect("an answer"));
    assert_eq!(world.policy(&app.id).await, ClientPolicy { stance: Stance::Allowed, scopes: Some(most) });
    assert_eq!(world.feed_since(before).await, told);
    assert!(store.restrict_client(org, &app.id, None, &cause(7)).await.expect("an answer"));
    assert!(!store.restrict_client(org, &app.id, None, &cause(8)).await.expect("an answer"));
    assert_eq!(world.policy(&app.id).await.scopes, None);
    let log = world.log().await;
    for name in ["org.policy.client_block", "org.policy.client_allow"] {
        assert_eq!(log.iter().filter(|(n, o)| n == name && o.as_ref() == Some(org)).count(), 1, "{name}: {log:?}");
    }
}

pub(crate) async fn a_client_is_allowed_and_restricted_in_one_change(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org, app) = (&world.store, &world.org.id, world.stranger().await);
    let most = scopes("logs:read");
    let set = async |verdict, most: Setting<&crate::types::ScopeSet>| {
        let before = store.feed_position().await.expect("a position");
        let changed = store.set_client_policy(org, &app.id, verdict, most, &cause(2)).await.expect("an answer");
        (changed, world.feed_since(before).await.len())
    };
    store.set_new_clients(org, NewClients::Approval, &cause(1)).await.expect("an answer");
    // One line: whoever sees the client allowed sees what it is restricted to.
    assert_eq!(set(Some(Verdict::Allow), Setting::To(&most)).await, (true, 1));
    let policy = store.client_policy(org, &app.id).await.expect("a policy");
    assert_eq!(policy, ClientPolicy { stance: Stance::Allowed, scopes: Some(most.clone()) });
    assert_eq!(set(Some(Verdict::Allow), Setting::To(&most)).await, (false, 0));
    assert_eq!(set(Some(Verdict::Block), Setting::Stays).await, (true, 1));
    assert_eq!(set(Some(Verdict::Block), Setting::Default).await, (true, 1));
    let policy = store.client_policy(org, &app.id).await.expect("a policy");
    assert_eq!(policy, ClientPolicy { stance: Stance::Blocked, scopes: None });
    assert_eq!(set(None, Setting::Stays).await, (false, 0));
}

pub(crate) async fn a_decision_is_one_organizations_own(store: SharedStore) {
    let world = World::new(store).await;
    let store = &world.store;
    let app = world.stranger().await;
    world.authorize(&app, "logs:read", 1).await;
    let beta = org("beta");
    store.create_org(&beta, &cause(0)).await.expect("an organization");
    store.decide_client(&beta.id, &app.id, Verdict::Block, &cause(2)).await.expect("an answer");
    store.set_new_clients(&beta.id, NewClients::Approval, &cause(2)).await.expect("an answer");
    assert_eq!(world.stance(&app.id).await, Stance::Allowed);
    assert_eq!(store.revoke_client(&beta.id, &app.id, &cause(3)).await.expect("an answer"), 0);
    assert_eq!(world.grants(&beta.id, &app.id, 3).await.len(), 0);
    assert!(store.client_of_org(&beta.id, &world.client.id, after(3)).await.expect("an answer").is_none());
    let seen = store.client_of_org(&beta.id, &app.id, after(3)).await.expect("an answer").expect("decided about there");
    assert_eq!((seen.users, seen.grants, seen.scopes.len(), seen.first_granted_at), (0, 0, 0, None));
}

pub(crate) async fn nobody_decides_about_a_client_that_is_not_there(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let nobody = ClientId::generate(START, &ENTROPY);
    let before = (world.log().await, store.feed_position().await.expect("a position"));
    assert!(!store.decide_client(org, &nobody, Verdict::Allow, &cause(2)).await.expect("an answer"));
    assert!(!store.restrict_client(org, &nobody, Some(&scopes("logs:read")), &cause(2)).await.expect("an answer"));
    assert!(!store.ask_for_client(org, &nobody, &world.user.id, &cause(2)).await.expect("an answer"));
    assert!(!store.restrict_client(org, &world.client.id, None, &cause(2)).await.expect("an answer"));
    assert!(!store.set_new_clients(org, NewClients::Open, &cause(2)).await.expect("an answer"));
    assert_eq!((world.log().await, store.feed_position().await.expect("a position")), before);
}

pub(crate) async fn approval_spares_what_is_in_use(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let (used, left, new) = (world.stranger().await, world.stranger().await, world.stranger().await);
    world.authorize(&used, "logs:read", 1).await;
    let ended = world.authorize(&left, "logs:read", 1).await;
    store.revoke_grant(&ended.id, None, RevokeReason::User, &cause(2)).await.expect("an answer");
    assert_eq!(store.would_wait(org, after(3)).await.expect("an answer"), 1, "what was in use once");
    assert!(store.set_new_clients(org, NewClients::Approval, &cause(3)).await.expect("an answer"));
    assert!(!store.set_new_clients(org, NewClients::Approval, &cause(3)).await.expect("an answer"));
    assert_eq!(store.new_clients(org).await.expect("an answer"), NewClients::Approval);
    for (client, stance) in [
        (&used.id, Stance::Allowed),
        (&left.id, Stance::Pending),
        (&new.id, Stance::Pending),
        (&world.client.id, Stance::Allowed),
    ] {
        assert_eq!(world.stance(client).await, stance, "{client}");
    }
    let grant = world.authorize(&new, "logs:read", 4).await;
    let facts = store.grant_facts(&grant.id).await.expect("an answer").expect("the grant is there");
    assert_eq!(facts.policy.stance, Stance::Pending, "a consent that was under way gives nothing");
    assert!(store.set_new_clients(org, NewClients::Open, &cause(5)).await.expect("an answer"));
    assert_eq!(world.stance(&new.id).await, Stance::Allowed);
}

pub(crate) async fn the_queue_has_each_client_once(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org, ada) = (&world.store, &world.org.id, &world.user.id);
    let (app, other) = (world.stranger().await, world.stranger().await);
    store.set_new_clients(org, NewClients::Approval, &cause(0)).await.expect("an answer");
    let asked = &app.id;
    let asks = (1..11).map(|n| async move { store.ask_for_client(org, asked, ada, &cause(n)).await.expect("an answer") });
    assert_eq!(join_all(asks).await.into_iter().filter(|asked| *asked).count(), 1);
    assert!(store.ask_for_client(org, &other.id, ada, &cause(20)).await.expect("an answer"));
    let waiting = world.listed(Listed::Waiting).await;
    assert_eq!(waiting.iter().map(|w| &w.client.id).collect::<Vec<_>>(), [&other.id, &app.id]);
    assert_eq!(waiting[0].asked, Some((Some(ada.clone()), after(20))));
    assert_eq!(world.listed(Listed::Known).await.len(), 0);
    assert!(store.decide_client(org, &app.id, Verdict::Allow, &cause(21)).await.expect("an answer"));
    assert!(!store.ask_for_client(org, &app.id, ada, &cause(22)).await.expect("an answer"));
    assert_eq!(world.listed(Listed::Waiting).await.len(), 1);
    store.set_new_clients(org, NewClients::Open, &cause(23)).await.expect("an answer");
    assert_eq!(world.listed(Listed::Waiting).await.len(), 0);
    assert_eq!((world.stance(&app.id).await, world.stance(&other.id).await), (Stance::Allowed, Stance::Allowed));
}

pub(crate) async fn clients_are_listed_with_their_use(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let (app, blocked) = (world.stranger().await, world.stranger().await);
    let first = world.authorize(&app, "logs:read", 1).await;
    let grace = NewUser { user: user("grace@example.com"), password: None };
    store.create_user(&grace, &cause(0)).await.expect("a user");
    let membership = crate::store::Membership { org: org.clone(), user: grace.user.id.clone(), roles: Vec::new() };
    store.set_membership(&membership, &cause(0)).await.expect("a membership");
    let hers = Grant { user: grace.user.id.clone(), client: app.id.clone(), scopes: scopes("metrics:read"), ..world.wanted(2) };
    world.consent_to(&hers, 2).await;
    let ended = world.authorize(&app, "alerts:read", 3).await;
    store.revoke_grant(&ended.id, None, RevokeReason::User, &cause(4)).await.expect("an answer");
    let expired = Grant { client: app.id.clone(), expires_at: Some(after(50)), ..world.wanted(5) };
    world.consent_to(&expired, 5).await;
    let calls = [(&first, 7), (&hers, 86_400 + 9)].map(|(g, at)| call(Some(g), "loki", crate::record::Decision::Allowed, at));
    store.append_audit(&calls).await.expect("stored");
    store.decide_client(org, &blocked.id, Verdict::Block, &cause(6)).await.expect("an answer");

    let known = world.listed(Listed::Known).await;
    assert_eq!(known.iter().map(|k| &k.client.id).collect::<Vec<_>>(), [&app.id, &blocked.id]);
    let one = store.client_of_org(org, &app.id, after(100)).await.expect("an answer").expect("it is known");
    assert_eq!((one.users, one.grants, &one.client), (2, 2, &app));
    assert_eq!(one.scopes, scopes("logs:read metrics:read"));
    assert_eq!((one.first_granted_at, one.first_used_at, one.last_used_at), (Some(after(1)), Some(START), Some(after(86_409))));
    let grants = world.grants(org, &app.id, 100).await;
    assert_eq!(grants.iter().map(|f| &f.grant.id).collect::<Vec<_>>(), [&hers.id, &first.id]);
    let second = store.clients_of_org(org, Listed::Known, after(100), (1, 1)).await.expect("clients");
    assert_eq!(second.iter().map(|k| k.policy.stance).collect::<Vec<_>>(), [Stance::Blocked]);

    assert_eq!(store.revoke_client(org, &app.id, &cause(7)).await.expect("an answer"), 3);
    assert_eq!(world.state_of(&hers).await, GrantState::Revoked { at: after(7), reason: RevokeReason::Admin });
    assert_eq!(store.revoke_client(org, &app.id, &cause(8)).await.expect("an answer"), 0);
    assert_eq!(world.listed(Listed::Known).await.len(), 1, "what is decided about stays in the list");
}

pub(crate) async fn clients_are_found_page_by_page(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let mut all = Vec::new();
    for name in ["Alpha", "Beta 100%", "Gamma", "Delta", "Nobody's"] {
        let one = crate::store::Client { name: name.to_owned(), ..client(None, ClientOrigin::Dynamic) };
        store.create_client(&one, None, &cause(0)).await.expect("a client");
        all.push(one);
    }
    for one in &all[..2] {
        world.authorize(one, "logs:read", 1).await;
    }
    store.set_new_clients(org, NewClients::Approval, &cause(2)).await.expect("an answer");
    store.decide_client(org, &all[2].id, Verdict::Block, &cause(3)).await.expect("an answer");
    store.ask_for_client(org, &all[3].id, &world.user.id, &cause(3)).await.expect("an answer");
    // It waits, and holds a grant: once in the list all the same.
    world.authorize(&all[3], "logs:read", 4).await;
    let mut wanted: Vec<_> = all[..4].iter().map(|c| c.id.clone()).collect();
    wanted.sort_by(|a, b| b.cmp(a));

    let find = async |search: ClientUseSearch, after: Option<&ClientId>, limit| {
        let found = store.find_clients_of_org(org, &search, after_all(), after, limit).await.expect("clients");
        found.into_iter().map(|one| one.client.id).collect::<Vec<_>>()
    };
    let everything = ClientUseSearch::default;
    assert_eq!(find(everything(), None, 9).await, wanted);
    let first = find(everything(), None, 2).await;
    assert_eq!(first, wanted[..2]);
    assert_eq!(find(everything(), first.last(), 2).await, wanted[2..]);
    assert!(find(everything(), wanted.last(), 2).await.is_empty());
    let stance = |stance| ClientUseSearch { stance: Some(stance), ..ClientUseSearch::default() };
    assert_eq!(find(stance(Stance::Blocked), None, 9).await, [all[2].id.clone()]);
    assert_eq!(find(stance(Stance::Pending), None, 9).await, [all[3].id.clone()]);
    assert_eq!(find(stance(Stance::Allowed), None, 9).await.len(), 2);
    let text = |text: &str| ClientUseSearch { text: text.to_owned(), ..ClientUseSearch::default() };
    assert_eq!(find(text("bETA 100%"), None, 9).await, [all[1].id.clone()]);
    assert_eq!(find(text(all[2].id.as_str()), None, 9).await, [all[2].id.clone()]);
    assert_eq!(find(text("Ada@"), None, 9).await.len(), 3, "by who authorized them");
    assert_eq!(find(text("LOGS:read"), None, 9).await.len(), 3, "by what they hold");
    for absent in ["nobody", "_eta", "\0"] {
        assert!(find(text(absent), None, 9).await.is_empty(), "{absent:?}");
    }
    let one = store.find_clients_of_org(org, &text("alpha"), after_all(), None, 9).await.expect("clients");
    assert_eq!((one[0].users, one[0].grants), (1, 1), "each is described");
}

pub(crate) async fn known_clients_are_narrowed(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let (app, bound, blocked, off) =
        (world.stranger().await, world.stranger().await, world.stranger().await, world.stranger().await);
    for (one, scope, at) in [(&app, "logs:read", 1), (&bound, "metrics:read", 2), (&off, "logs:read", 3)] {
        world.authorize(one, scope, at).await;
    }
    store.restrict_client(org, &bound.id, Some(&scopes("metrics:read")), &cause(4)).await.expect("an answer");
    store.decide_client(org, &blocked.id, Verdict::Block, &cause(4)).await.expect("an answer");
    store.set_client_state(&off.id, crate::store::ClientState::Disabled, &cause(4)).await.expect("an answer");
    let waits = world.stranger().await;
    store.set_new_clients(org, NewClients::Approval, &cause(5)).await.expect("an answer");
    store.ask_for_client(org, &waits.id, &world.user.id, &cause(6)).await.expect("an answer");
    let find = async |search: ClientUseSearch, page| {
        let found = store.clients_of_org(org, Listed::Matching(&search), after_all(), page).await.expect("clients");
        found.into_iter().map(|one| one.client.id).collect::<Vec<_>>()
    };
    let known: Vec<_> = world.listed(Listed::Known).await.into_iter().map(|one| one.client.id).collect();
    assert_eq!(known.len(), 4);
    assert_eq!(find(ClientUseSearch::default(), (0, 9)).await, known, "without words it is the same list");
    assert_eq!(find(ClientUseSearch::default(), (1, 2)).await, known[1..3]);
    for (standing, one) in [
        (UseStanding::Allowed, &app),
        (UseStanding::Restricted, &bound),
        (UseStanding::Blocked, &blocked),
        (UseStanding::Off, &off),
    ] {
        let search = ClientUseSearch { standing: Some(standing), ..ClientUseSearch::default() };
        assert_eq!(find(search, (0, 9)).await, std::slice::from_ref(&one.id), "{standing:?}");
    }
    let text = |text: &str| ClientUseSearch { text: text.to_owned(), ..ClientUseSearch::default() };
    assert_eq!(find(text("metrics:"), (0, 9)).await, std::slice::from_ref(&bound.id));
    assert_eq!(find(text("ada@example"), (0, 9)).await, [off.id.clone(), bound.id.clone(), app.id.clone()]);
    let both = ClientUseSearch { standing: Some(UseStanding::Off), ..text("logs:") };
    assert_eq!(find(both, (0, 9)).await, [off.id]);
    assert!(find(text("nobody"), (0, 9)).await.is_empty());
}

pub(crate) async fn clients_are_found_by_what_lives(store: SharedStore) {
    let world = World::new(store).await;
    let (store, org) = (&world.store, &world.org.id);
    let grace = NewUser { user: user("grace@example.com"), password: None };
    store.create_user(&grace, &cause(0)).await.expect("a user");
    let membership = crate::store::Membership { org: org.clone(), user: grace.user.id.clone(), roles: Vec::new() };
    store.set_membership(&membership, &cause(0)).await.expect("a membership");
    let text = |text: &str| ClientUseSearch { text: text.to_owned(), ..ClientUseSearch::default() };
    let find = async |words: &str, at| {
        let found = store.find_clients_of_org(org, &text(words), after(at), None, 9).await.expect("clients");
        let found: Vec<_> = found.into_iter().map(|one| one.client.id).collect();
        let mut known = store.clients_of_org(org, Listed::Matching(&text(words)), after(at), ALL).await.expect("clients");
        known.sort_by(|a, b| b.client.id.cmp(&a.client.id));
        assert_eq!(found, known.into_iter().map(|one| one.client.id).collect::<Vec<_>>(), "{words} at {at}");
        found
    };
    // Each is known by a grant of ada's that lives; what grace allowed is revoked, has an end, or lives.
    let (revoked, ends, lives) = (world.stranger().await, world.stranger().await, world.stranger().await);
    let mut hers = Vec::new();
    for (client, end) in [(&revoked, None), (&ends, Some(after(50))), (&lives, None)] {
        world.authorize(client, "metrics:read", 1).await;
        let grant = Grant { user: grace.user.id.clone(), client: client.id.clone(), expires_at: end, ..world.wanted(2) };
        world.consent_to(&Grant { scopes: scopes("logs:read"), ..grant.clone() }, 2).await;
        hers.push(grant.id);
    }
    let most_first = |mut ids: Vec<ClientId>| {
        ids.sort_by(|a, b| b.cmp(a));
        ids
    };
    let all = most_first([&revoked, &ends, &lives].map(|one| one.id.clone()).to_vec());
    for words in ["grace@", "logs:", "ada@", "metrics:"] {
        assert_eq!(find(words, 10).await, all, "{words}");
    }
    store.revoke_grant(&hers[0], None, RevokeReason::User, &cause(20)).await.expect("an answer");
    for words in ["grace@", "logs:"] {
        assert_eq!(find(words, 30).await, most_first(vec![ends.id.clone(), lives.id.clone()]), "{words}");
        assert_eq!(find(words, 60).await, std::slice::from_ref(&lives.id), "{words}");
    }
    store.revoke_grant(&hers[2], None, RevokeReason::User, &cause(61)).await.expect("an answer");
    for words in ["grace@", "logs:"] {
        assert!(find(words, 70).await.is_empty(), "{words}");
    }
    assert_eq!(find("ada@", 70).await, all, "what somebody else allowed lives");
    // Whose grants are few, and none of whom lives.
    let bob = NewUser { user: user("bob@example.com"), password: None };
    store.create_user(&bob, &cause(0)).await.expect("a user");
    let membership = crate::store::Membership { org: org.clone(), user: bob.user.id.clone(), roles: Vec::new() };
    store.set_membership(&membership, &cause(0)).await.expect("a membership");
    let his = Grant { user: bob.user.id.clone(), client: lives.id.clone(), ..world.wanted(3) };
    world.consent_to(&his, 3).await;
    assert_eq!(find("bob@", 70).await, std::slice::from_ref(&lives.id));
    store.revoke_grant(&his.id, None, RevokeReason::User, &cause(71)).await.expect("an answer");
    assert!(find("bob@", 72).await.is_empty());
    store.remove_membership(org, &grace.user.id, &cause(73)).await.expect("an answer");
    assert!(find("grace@", 74).await.is_empty(), "who left is no member");
}

/// After everything here.
fn after_all() -> crate::types::Timestamp {
    after(100)
}
