//! Operators, and what they search.

use super::world::*;
use crate::store::{
    ClientOrigin, ClientSearch, ClientState, Counted, Holder, Membership, NewUser, OrgState, Resting, SharedStore, User,
    UserKind, UserSearch, UserState,
};
use crate::types::ScopeToken;

pub(crate) async fn operators_are_active_people(store: SharedStore) {
    let world = World::new(store).await;
    let (s, ada) = (&world.store, &world.user);
    let robot = User { kind: UserKind::Service, ..user("robot") };
    s.create_user(&NewUser { user: robot.clone(), password: None }, &cause(0)).await.expect("a user");
    assert!(!s.is_operator(&ada.id).await.expect("an answer"));
    assert!(!s.add_operator(&robot.id, &cause(1)).await.expect("an answer"), "nobody signs in as it");
    assert!(s.add_operator(&ada.id, &cause(1)).await.expect("an answer"));
    assert!(!s.add_operator(&ada.id, &cause(1)).await.expect("an answer"));
    assert!(s.is_operator(&ada.id).await.expect("an answer"));
    assert_eq!(s.operators().await.expect("an answer"), std::slice::from_ref(ada));
    // Frozen it is none for now, switched off it is none for good.
    for (state, is) in
        [(UserState::Frozen, false), (UserState::Active, true), (UserState::Disabled, false), (UserState::Active, false)]
    {
        s.set_user_state(&ada.id, state, &cause(2)).await.expect("an answer");
        assert_eq!(s.is_operator(&ada.id).await.expect("an answer"), is, "{state:?}");
    }
    assert!(s.add_operator(&ada.id, &cause(3)).await.expect("an answer"));
    assert!(s.remove_operator(&ada.id, &cause(4)).await.expect("an answer"));
    assert!(!s.remove_operator(&ada.id, &cause(4)).await.expect("an answer"));
    let log = world.log().await;
    let count = |name: &str| log.iter().filter(|(n, org)| n == name && org.is_none()).count();
    assert_eq!((count("operator.add"), count("operator.remove")), (2, 2), "{log:?}");
}

pub(crate) async fn everything_is_found_across_organizations(store: SharedStore) {
    let world = World::new(store).await;
    let s = &world.store;
    let mut beta = org("beta");
    beta.name = "Beta 100% GmbH \u{D6}st".into();
    s.create_org(&beta, &cause(0)).await.expect("an organization");
    s.set_org_state(&beta.id, OrgState::Disabled, &cause(0)).await.expect("done");
    let bob = user("bob_b@example.com");
    s.create_user(&NewUser { user: bob.clone(), password: None }, &cause(0)).await.expect("a user");
    let there = Membership { org: beta.id.clone(), user: bob.id.clone(), roles: roles(&["viewer"]) };
    s.set_membership(&there, &cause(0)).await.expect("a membership");
    let orgs = async |text: &str| {
        let found = s.find_orgs(text, (0, 10)).await.expect("an answer");
        found.into_iter().map(|o| (o.org.slug.to_string(), o.members)).collect::<Vec<_>>()
    };
    assert_eq!(orgs("").await, [("acme".to_owned(), 1), ("beta".to_owned(), 1)]);
    assert_eq!(orgs("0% g").await, [("beta".to_owned(), 1)]);
    assert_eq!(orgs("MBH \u{F6}ST").await, [("beta".to_owned(), 1)]);
    assert_eq!(orgs(beta.id.as_str()).await, [("beta".to_owned(), 1)]);
    for nothing in ["0_%", "\0", "%%"] {
        assert!(orgs(nothing).await.is_empty(), "{nothing:?} is no pattern");
    }
    let second = s.find_orgs("", (1, 10)).await.expect("an answer");
    assert_eq!(second.iter().map(|o| o.org.slug.as_str()).collect::<Vec<_>>(), ["beta"]);

    let users = async |text: &str, org: Option<&crate::types::OrgId>| {
        let search = UserSearch { text: text.to_owned(), org: org.cloned() };
        let found = s.find_users(&search, (0, 10)).await.expect("an answer");
        found.into_iter().map(|u| (u.user.email, u.orgs)).collect::<Vec<_>>()
    };
    let both = [("ada@example.com".to_owned(), 1), ("bob_b@example.com".to_owned(), 1)];
    assert_eq!(users("EXAMPLE", None).await, both);
    assert_eq!(users("b_b", None).await, both[1..]);
    assert_eq!(users("", Some(&beta.id)).await, both[1..]);
    assert_eq!(users(world.user.id.as_str(), None).await, both[..1]);
    let in_beta = s.every_org_of(&bob.id).await.expect("an answer");
    assert_eq!(in_beta.iter().map(|(o, r)| (o.state, r.len())).collect::<Vec<_>>(), [(OrgState::Disabled, 1)]);

    let stranger = client(None, ClientOrigin::Dynamic);
    s.create_client(&stranger, None, &cause(0)).await.expect("a client");
    s.set_client_state(&stranger.id, ClientState::Disabled, &cause(0)).await.expect("done");
    let clients = async |search: ClientSearch| {
        let found = s.find_clients(&search, (0, 10)).await.expect("an answer");
        found.into_iter().map(|c| c.id).collect::<Vec<_>>()
    };
    let all = clients(ClientSearch::default()).await;
    assert!(all.contains(&stranger.id) && all.contains(&world.client.id));
    let off = ClientSearch { state: Some(ClientState::Disabled), ..ClientSearch::default() };
    assert_eq!(clients(off).await, std::slice::from_ref(&stranger.id));
    assert_eq!(clients(ClientSearch { text: stranger.id.to_string(), ..ClientSearch::default() }).await, [stranger.id]);
    assert!(clients(ClientSearch { org: Some(beta.id), ..ClientSearch::default() }).await.is_empty());
}

pub(crate) async fn what_rests_on_something_is_counted(store: SharedStore) {
    let world = World::new(store).await;
    let (first, _) = world.consent(1).await;
    world.consent(1).await;
    let held = first.scopes.iter().next().expect("a scope").clone();
    let (s, at) = (&world.store, after(2));
    let holder = Holder::Client(world.client.id.clone());
    let never = ScopeToken::parse("never:held").expect("a scope");
    let count = async |on: Counted<'_>| s.resting(on, at).await.expect("an answer");
    let all = Resting { grants: 2, users: 1, orgs: 1, keys: 0 };
    assert_eq!(count(Counted::Org(&world.org.id)).await, all);
    assert_eq!(count(Counted::User(&world.user.id)).await, all);
    assert_eq!(count(Counted::Client(&world.client.id)).await, all);
    let holders = s.holders(&world.client.id, at, 9).await.expect("an answer");
    assert_eq!(holders, [crate::store::Holding { org: world.org.clone(), grants: 2, users: 1, keys: 0 }]);
    assert_eq!(s.holders(&world.client.id, at, 0).await.expect("an answer"), []);
    assert_eq!(count(Counted::Holding(&holder, &held)).await, all);
    assert_eq!(count(Counted::Holding(&holder, &never)).await, Resting::default());
    s.revoke_grant(&first.id, None, crate::store::RevokeReason::Admin, &cause(2)).await.expect("revoked");
    assert_eq!(count(Counted::Org(&world.org.id)).await, Resting { grants: 1, ..all });
    // Whoever uses a client reads in their own log that the operator switched it.
    s.set_client_state(&world.client.id, ClientState::Disabled, &cause(3)).await.expect("done");
    let log = world.log().await;
    assert!(log.contains(&("client.disable".to_owned(), Some(world.org.id.clone()))), "{log:?}");
}
