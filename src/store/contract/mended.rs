//! What a store has done that could not put it on record: nothing.

use sqlx::{Connection as _, PgConnection, SqliteConnection};

use super::world::*;
use super::{cluster, open};
use crate::store::{Approve, Created, DevicePoll, Grant, Redeem, Rotate, SharedStore};
use crate::types::{HashedToken, TokenKind};

/// Breaks the log, and mends it.
const BREAK: &str = "ALTER TABLE audit_records RENAME TO lost_records";
const MEND: &str = "ALTER TABLE lost_records RENAME TO audit_records";

async fn run(url: &str, statement: &'static str) {
    if url.starts_with("sqlite:") {
        let mut raw = SqliteConnection::connect(url).await.expect("a connection");
        sqlx::query(statement).execute(&mut raw).await.expect(statement);
        raw.close().await.expect("closed");
    } else {
        let mut raw = PgConnection::connect(url).await.expect("a connection");
        sqlx::query(statement).execute(&mut raw).await.expect(statement);
        raw.close().await.expect("closed");
    }
}

/// A device whose user agreed.
async fn approved(world: &World) -> (Grant, HashedToken) {
    let (request, device, grant) = (device_request(&world.client.id), hash(TokenKind::DeviceCode), world.wanted(1));
    assert_eq!(world.store.begin_device(&request, &device, &cause(0)).await.expect("an answer"), Created::Done);
    let done = world.store.approve_device(&request.user_code, &grant, &as_ever, &cause(1)).await.expect("an answer");
    assert_eq!(done, Approve::Done);
    (grant, device)
}

/// What can't go on record is not used up, however much later its client asks again.
async fn what_fails_can_be_asked_again(store: SharedStore, url: &str) {
    let world = World::new(store).await;
    let (s, client) = (&world.store, &world.client.id);
    let (grant, first) = world.family(1).await;
    let (given, device) = approved(&world).await;
    let (other, code) = world.consent(1).await;
    let (new, refresh, fetched, next) = (access("jti_1"), refresh_token(2), refresh_token(2), refresh_token(2));
    run(url, BREAK).await;
    s.redeem_code(&code, client, Some(&new), Some(&refresh), MINUTE, &cause(2)).await.expect_err("a fault");
    s.rotate_refresh(&first, client, Some(&new), &next, MINUTE, &cause(2)).await.expect_err("a fault");
    s.poll_device(&device, client, Some(&new), Some(&fetched), &cause(2)).await.expect_err("a fault");
    run(url, MEND).await;
    // The code lives a minute; the grace for a refresh token has long ended by then.
    let redeemed = s.redeem_code(&code, client, Some(&new), Some(&refresh), MINUTE, &cause(60)).await.expect("an answer");
    assert!(matches!(&redeemed, Redeem::Won(g) if **g == other), "{redeemed:?}");
    let rotated = s.rotate_refresh(&first, client, Some(&new), &next, MINUTE, &cause(900)).await.expect("an answer");
    assert!(matches!(&rotated, Rotate::Won(g) if **g == grant), "{rotated:?}");
    let polled = s.poll_device(&device, client, Some(&new), Some(&fetched), &cause(300)).await.expect("an answer");
    assert!(matches!(&polled, DevicePoll::Won(g) if **g == given), "{polled:?}");
    let log = world.log().await;
    let strange = |name: &String| name.ends_with("replay_detected") || name.ends_with("reuse_detected");
    assert!(!log.iter().any(|(name, _)| strange(name)), "{log:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_sqlite() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let url = format!("sqlite:{}/store.db", folder.path().display());
    let store = open(&url).await;
    what_fails_can_be_asked_again(store.clone(), &url).await;
    store.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_postgres() {
    let url = cluster::fresh_database().await;
    let store = open(&url).await;
    what_fails_can_be_asked_again(store.clone(), &url).await;
    store.close().await;
}
