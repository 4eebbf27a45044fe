//! What an upstream is told: secrets of ours, and who calls.

mod answers;
mod assertion;
mod endpoint;
mod exchange;
mod headers;
mod secrets;
mod token_server;

use tollgate::store::{Created, NewUser, User, UserKind, UserState};
use tollgate::types::UserId;

use crate::harness::api::{OPEN, READERS};
use crate::harness::{Api, Caller, Gateway, Setup};

const ECHO: &str = "/echo/any";

/// A gateway with one more API, `/echo`, that has these keys, and this at its end.
async fn gateway(keys: &str, more: &str) -> Gateway {
    let echo = Api::named("echo").keys(keys).route("any", "GET POST", "/any", READERS).route("open", "GET POST", "/open", OPEN);
    Gateway::start_with(Setup { more: format!("{echo}{more}"), file: true, ..Setup::default() }).await
}

/// Zoë of acme, through a client that may read metrics.
async fn zoe(gw: &Gateway) -> Caller {
    let node = &gw.running.node;
    let user = User {
        id: UserId::generate(node.now(), &*node.entropy),
        email: "zoe@acme.test".into(),
        name: "Zoë 100%".into(),
        kind: UserKind::Person,
        state: UserState::Active,
        created_at: node.now(),
    };
    let new = NewUser { user: user.clone(), password: None };
    assert_eq!(node.store.create_user(&new, &node.own_cause()).await.expect("a user"), Created::Done);
    let org = gw.org("acme").await;
    gw.member(&org, &user, &["reader"]).await;
    let client = gw.client(Some("metrics:read dash:read")).await;
    gw.grant_to(&org, &user, &client, "metrics:read dash:read").await
}
