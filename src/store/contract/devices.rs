//! Device authorization requests.

use std::time::Duration;

use futures::future::{join, join_all};

use super::world::*;
use crate::store::{
    Approve, ClientOrigin, Created, DevicePoll, DeviceRequest, Grant, GrantState, RefreshState, RevokeReason, SharedStore,
    UserState,
};
use crate::types::{ClientId, HashedToken, TokenKind, UserCode};

/// A device of this world's client that asked at the start.
async fn begun(world: &World) -> (DeviceRequest, HashedToken) {
    let (request, device) = (device_request(&world.client.id), hash(TokenKind::DeviceCode));
    let begun = world.store.begin_device(&request, &device, &cause(0)).await.expect("a request");
    assert_eq!(begun, Created::Done);
    (request, device)
}

/// The same, approved.
async fn approved(world: &World) -> (Grant, HashedToken) {
    let ((request, device), grant) = (begun(world).await, world.wanted(1));
    let outcome = world.store.approve_device(&request.user_code, &grant, &as_ever, &cause(1)).await.expect("an answer");
    assert_eq!(outcome, Approve::Done);
    (grant, device)
}

async fn poll(world: &World, device: &HashedToken, client: &ClientId, seconds: u64) -> DevicePoll {
    let (new, refresh, at) = (access("jti_1"), refresh_token(seconds), cause(seconds));
    world.store.poll_device(device, client, Some(&new), Some(&refresh), &at).await.expect("an answer")
}

pub(crate) async fn a_request_comes_back_until_it_is_decided(store: SharedStore) {
    let world = World::new(store).await;
    let (request, device) = begun(&world).await;
    let waiting = async |seconds| world.store.waiting_device(&request.user_code, after(seconds)).await.expect("an answer");
    assert_eq!(waiting(599).await, Some(request.clone()));
    assert_eq!(waiting(600).await, None);
    assert_eq!(world.store.device_request(&device).await.expect("an answer"), Some(request.clone()));
    assert_eq!(world.store.device_request(&hash(TokenKind::DeviceCode)).await.expect("an answer"), None);
    let other = UserCode::generate(&ENTROPY);
    assert_eq!(world.store.waiting_device(&other, after(1)).await.expect("an answer"), None);
    assert_eq!(world.store.deny_device(&request.user_code, &cause(600)).await.expect("an answer"), Approve::Gone);
    assert_eq!(world.store.deny_device(&request.user_code, &cause(599)).await.expect("an answer"), Approve::Done);
    assert_eq!(waiting(1).await, None);
    let log = world.log().await;
    assert!(log.contains(&("authorize.deny".into(), Some(world.org.id.clone()))), "{log:?}");
    assert_eq!(world.store.forget_ended(after(600)).await.expect("a number"), 0);
    assert_eq!(world.store.forget_ended(after(601)).await.expect("a number"), 1);
    assert_eq!(world.store.device_request(&device).await.expect("an answer"), None);
}

pub(crate) async fn a_user_code_is_in_use_once(store: SharedStore) {
    let world = World::new(store).await;
    let (first, device) = begun(&world).await;
    let twin = DeviceRequest { user_code: first.user_code.clone(), ..device_request(&world.client.id) };
    let other = hash(TokenKind::DeviceCode);
    let outcome = world.store.begin_device(&twin, &other, &cause(1)).await.expect("an answer");
    assert_eq!(outcome, Created::Taken);
    assert_eq!(world.store.device_request(&other).await.expect("an answer"), None);
    assert_eq!(world.store.device_request(&device).await.expect("an answer"), Some(first));
}

pub(crate) async fn fifty_polls_have_one_winner(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, device) = approved(&world).await;
    let outcomes = join_all((0..50).map(|_| poll(&world, &device, &grant.client, 2))).await;
    let won: Vec<_> = outcomes.iter().filter(|o| matches!(o, DevicePoll::Won(g) if **g == grant)).collect();
    let lost = outcomes.iter().filter(|o| matches!(o, DevicePoll::Unknown)).count();
    assert_eq!((won.len(), lost), (1, 49), "{outcomes:?}");
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
}

pub(crate) async fn a_device_code_belongs_to_its_client(store: SharedStore) {
    let world = World::new(store).await;
    let stranger = client(Some(&world.org.id), ClientOrigin::Administrator);
    world.store.create_client(&stranger, None, &cause(0)).await.expect("a client");
    let (request, waiting) = begun(&world).await;
    assert!(matches!(poll(&world, &waiting, &stranger.id, 1).await, DevicePoll::Unknown));
    let untouched = world.store.device_request(&waiting).await.expect("an answer");
    assert_eq!(untouched, Some(request), "a stranger slows nobody down");
    let (grant, device) = approved(&world).await;
    assert!(matches!(poll(&world, &device, &stranger.id, 2).await, DevicePoll::Unknown));
    assert!(matches!(poll(&world, &device, &grant.client, 2).await, DevicePoll::Won(_)));
    assert!(matches!(poll(&world, &hash(TokenKind::DeviceCode), &grant.client, 2).await, DevicePoll::Unknown));
}

pub(crate) async fn a_hasty_device_slows_down(store: SharedStore) {
    let world = World::new(store).await;
    let (_, device) = begun(&world).await;
    let mut told = Vec::new();
    // First, a second early, at once, and then each time too early for the interval that was told last.
    for seconds in [1, 5, 5, 12, 25, 40] {
        told.push(match poll(&world, &device, &world.client.id, seconds).await {
            DevicePoll::Pending => 0,
            DevicePoll::TooFast(interval) => interval.as_secs(),
            other => panic!("{other:?}"),
        });
    }
    assert_eq!(told, [0, 0, 10, 15, 20, 25]);
    assert!(matches!(poll(&world, &device, &world.client.id, 65).await, DevicePoll::Pending));
    for _ in 0..20 {
        poll(&world, &device, &world.client.id, 65).await;
    }
    let interval = world.store.device_request(&device).await.expect("an answer").map(|r| r.interval);
    assert_eq!(interval, Some(Duration::from_secs(60)), "a minute is the most");
}

pub(crate) async fn one_decision_counts(store: SharedStore) {
    let world = World::new(store).await;
    for round in 0..20 {
        let ((request, device), grant) = (begun(&world).await, world.wanted(round));
        let user = cause(1);
        let approve = world.store.approve_device(&request.user_code, &grant, &as_ever, &user);
        let (approve, deny) = join(approve, world.store.deny_device(&request.user_code, &user)).await;
        let made = world.store.grant_facts(&grant.id).await.expect("an answer").map(|f| f.grant);
        let told = poll(&world, &device, &world.client.id, 2).await;
        match (approve.expect("an answer"), deny.expect("an answer")) {
            (Approve::Done, Approve::Gone) => assert!(made == Some(grant) && matches!(told, DevicePoll::Won(_)), "{told:?}"),
            (Approve::Gone, Approve::Done) => assert!(made.is_none() && matches!(told, DevicePoll::Denied), "{told:?}"),
            both => panic!("{both:?}"),
        }
    }
}

pub(crate) async fn approval_needs_an_active_member_and_the_right_client(store: SharedStore) {
    let world = World::new(store).await;
    let stranger = client(Some(&world.org.id), ClientOrigin::Administrator);
    world.store.create_client(&stranger, None, &cause(0)).await.expect("a client");
    let (request, _) = begun(&world).await;
    let approve = async |grant: Grant| {
        world.store.approve_device(&request.user_code, &grant, &as_ever, &cause(2)).await.expect("an answer")
    };
    assert_eq!(approve(Grant { client: stranger.id.clone(), ..world.wanted(1) }).await, Approve::Gone);
    world.store.set_user_state(&world.user.id, UserState::Disabled, &cause(1)).await.expect("an answer");
    assert_eq!(approve(world.wanted(1)).await, Approve::Gone);
    world.store.set_user_state(&world.user.id, UserState::Active, &cause(1)).await.expect("an answer");
    assert!(world.store.grants(10).await.expect("grants").is_empty(), "a refused decision leaves no grant");
    assert_eq!(approve(world.wanted(1)).await, Approve::Done);
    assert_eq!(approve(world.wanted(1)).await, Approve::Gone);
}

pub(crate) async fn a_device_learns_what_became_of_it(store: SharedStore) {
    let world = World::new(store).await;
    let client = &world.client.id;
    let (request, denied) = begun(&world).await;
    world.store.deny_device(&request.user_code, &cause(1)).await.expect("an answer");
    assert!(matches!(poll(&world, &denied, client, 700).await, DevicePoll::Denied));
    let (_, waiting) = begun(&world).await;
    assert!(matches!(poll(&world, &waiting, client, 599).await, DevicePoll::Pending));
    assert!(matches!(poll(&world, &waiting, client, 600).await, DevicePoll::Expired));
    let (_, late) = approved(&world).await;
    assert!(matches!(poll(&world, &late, client, 600).await, DevicePoll::Expired));
    let (grant, fetched) = approved(&world).await;
    assert!(matches!(poll(&world, &fetched, client, 2).await, DevicePoll::Won(_)));
    assert!(matches!(poll(&world, &fetched, client, 700).await, DevicePoll::Unknown));
    assert_eq!(world.state_of(&grant).await, GrantState::Live);
    let (revoked, device) = approved(&world).await;
    world.store.revoke_grant(&revoked.id, None, RevokeReason::User, &cause(2)).await.expect("an answer");
    assert!(matches!(poll(&world, &device, client, 3).await, DevicePoll::Unknown));
}

pub(crate) async fn a_device_with_nothing_to_be_given_waits(store: SharedStore) {
    let world = World::new(store).await;
    let (grant, device) = approved(&world).await;
    let known = world.store.device_request(&device).await.expect("an answer").and_then(|r| r.grant);
    assert_eq!(known.as_ref(), Some(&grant.id));
    let ask =
        async |seconds| world.store.poll_device(&device, &grant.client, None, None, &cause(seconds)).await.expect("an answer");
    assert!(matches!(ask(2).await, DevicePoll::Pending));
    assert!(matches!(ask(600).await, DevicePoll::Expired));
    assert!(matches!(poll(&world, &device, &grant.client, 2).await, DevicePoll::Won(_)));
    assert!(matches!(ask(3).await, DevicePoll::Unknown));
}

pub(crate) async fn a_refresh_token_ends_with_its_grant(store: SharedStore) {
    let world = World::new(store).await;
    let (request, device) = begun(&world).await;
    let grant = Grant { expires_at: Some(after(90)), ..world.wanted(1) };
    world.store.approve_device(&request.user_code, &grant, &as_ever, &cause(1)).await.expect("an answer");
    let token = refresh_token(2);
    let (new, at) = (access("jti_1"), cause(2));
    let won = world.store.poll_device(&device, &grant.client, Some(&new), Some(&token), &at).await.expect("an answer");
    assert!(matches!(won, DevicePoll::Won(_)), "{won:?}");
    let stored = world.store.refresh_grant(&token.hash, after(3)).await.expect("an answer");
    assert_eq!(stored, Some((grant, RefreshState::Live { expires_at: after(90) })));
}
