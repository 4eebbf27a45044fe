//! The upstream's own credentials change while requests run.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::JoinHandle;

use super::gateway;
use crate::harness::http1::{Conn, Request, ask};
use crate::harness::{Caller, Gateway};

const QUERY: &str = "/prometheus/api/v1/query";
const SECRET: &str = "upstream.secret";

async fn load(gw: &Gateway, caller: &Caller, stop: &Arc<AtomicBool>) -> JoinHandle<BTreeSet<u16>> {
    let (mut conn, stop) = (Conn::open(gw.running.public).await, Arc::clone(stop));
    let request = Request::get(QUERY).bearer(&caller.token);
    tokio::spawn(async move {
        let mut statuses = BTreeSet::from([conn.ask(&request).await.status]);
        while !stop.load(Ordering::Relaxed) {
            statuses.insert(conn.ask(&request).await.status);
        }
        statuses
    })
}

/// What the upstream is shown by the next request.
async fn shown(gw: &Gateway, caller: &Caller) -> String {
    let request = Request::get(QUERY).bearer(&caller.token).header("X-Mark", "mine");
    assert_eq!(ask(gw.running.public, &request).await.status, 200);
    let seen = gw.upstream.seen().into_iter().rev().find(|s| !s.values("x-mark").is_empty());
    seen.expect("the request").header("authorization")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_file_changes_under_load_and_a_bad_one_changes_nothing() {
    let gw = gateway("", "").await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let stop = Arc::new(AtomicBool::new(false));
    let loads = [load(&gw, &caller, &stop).await, load(&gw, &caller, &stop).await];
    let path = gw.dir.path().join(SECRET);
    let refused = async |what: &str, named: &str| {
        assert!(!gw.running.reload(), "{what}");
        let answer = ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await;
        assert_eq!(answer.status, 200, "what is in force is sound: {what}");
        let errors = answer.json()["configuration"]["refused"]["errors"].to_string();
        assert!(errors.contains("upstreams[0].inject[0]") && errors.contains(named), "{what}: {errors}");
        assert!(gw.running.metrics.text().contains("tollgate_config_stale 1\n"), "{what}");
    };
    for n in 0..20 {
        let secret = format!("Bearer turn-{n}");
        gw.replace(SECRET, &secret);
        assert!(gw.running.reload(), "turn {n}");
        assert_eq!(shown(&gw, &caller).await, secret);
        match n % 3 {
            0 => gw.replace(SECRET, ""),
            1 => std::fs::remove_file(&path).expect("a file"),
            _ => gw.replace(SECRET, "Bearer two\nlines"),
        }
        let (what, named) = [("empty", "is empty"), ("missing", "can't be read"), ("two lines", "no header may have")][n % 3];
        refused(what, named).await;
        assert_eq!(shown(&gw, &caller).await, secret, "{what}: the one before stays");
    }
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        assert_eq!(load.await.expect("a load"), BTreeSet::from([200]), "no request failed");
    }
    gw.running.stop().await;
}
