//! A changed configuration is in force whole or not at all, and nobody who calls notices the change itself.

mod mixed;
mod streams;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tollgate::record::{ControlEvent, Event, Operation};
use tollgate::store::AuditFilter;

use crate::harness::certificates::Authority;
use crate::harness::http1::{Conn, Request, Response, ask};
use crate::harness::{Caller, Gateway, Setup, UPSTREAM_SECRET, within};

const QUERY: &str = "/prometheus/api/v1/query";
const SECRET: &str = "upstream.secret";

async fn gateway() -> Gateway {
    Gateway::start_with(Setup { file: true, ..Setup::default() }).await
}

async fn ready(gw: &Gateway) -> Response {
    ask(gw.running.admin, &Request::get("/readyz").host("127.0.0.1")).await
}

/// What a node with these metrics says of reloads.
fn reloads(gw: &Gateway, outcome: &str) -> String {
    let text = gw.running.metrics.text();
    let line = text.lines().find(|l| l.starts_with(&format!("tollgate_config_reloads_total{{outcome=\"{outcome}\"}}")));
    line.and_then(|l| l.split(' ').nth(1)).unwrap_or("0").to_owned()
}

fn stale(gw: &Gateway) -> bool {
    gw.running.metrics.text().contains("tollgate_config_stale 1\n")
}

/// Asks on one connection until it is told to stop; gives what it was answered.
async fn load(gw: &Gateway, caller: &Caller, stop: Arc<AtomicBool>) -> tokio::task::JoinHandle<(usize, BTreeSet<u16>)> {
    let mut conn = Conn::open(gw.running.public).await;
    let request = Request::get(QUERY).bearer(&caller.token);
    tokio::spawn(async move {
        let (mut count, mut statuses) = (0, BTreeSet::new());
        while !stop.load(Ordering::Relaxed) {
            statuses.insert(conn.ask(&request).await.status);
            count += 1;
        }
        (count, statuses)
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_changes_under_load_fail_no_request() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let stop = Arc::new(AtomicBool::new(false));
    let mut loads = Vec::new();
    for _ in 0..4 {
        loads.push(load(&gw, &caller, Arc::clone(&stop)).await);
    }
    let first = gw.text();
    let mut conn = Conn::open(gw.running.public).await;
    for n in 0..100 {
        // A scope in front of all others moves the position of each of them; a role and a timeout change beside it.
        let scope = format!("[scopes.\"aa:{n}\"]\ndescription = \"Change {n}\"\ngroup = \"Changes\"\nrisk = \"low\"\n");
        let text = first.replace("read = \"60s\"", &format!("read = \"{}s\"", 60 + n));
        gw.replace(SECRET, &format!("Bearer secret-{n}"));
        gw.rewrite(&format!("{text}\n{}", if n % 2 == 0 { scope } else { String::new() }));
        assert!(gw.running.reload(), "change {n} is in force");
        let before = gw.upstream.count();
        assert_eq!(conn.ask(&Request::get(QUERY).bearer(&caller.token)).await.status, 200, "after change {n}");
        let new = format!("Bearer secret-{n}");
        let seen = gw.upstream.seen().split_off(before);
        assert!(seen.iter().any(|s| s.header("authorization") == new), "change {n} is what the next request sees");
    }
    stop.store(true, Ordering::Relaxed);
    for load in loads {
        let (count, statuses) = load.await.expect("a load");
        assert_eq!(statuses, BTreeSet::from([200]), "{count} requests");
        assert!(count > 0);
    }
    let told: BTreeSet<_> = gw.upstream.seen().iter().map(|s| s.header("authorization")).collect();
    assert!(told.len() > 100 || !told.contains(UPSTREAM_SECRET), "every secret was used: {}", told.len());
    assert_eq!((gw.running.node.config.load().generation, stale(&gw)), (101, false));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bad_file_changes_nothing_and_says_so() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let first = gw.text();
    let bad = [
        ("a line that is no TOML", format!("{first}\n= what"), "line "),
        ("an unknown key", format!("{first}\n[[upstreams]]\nname = \"x\"\nendpoint = \"http://127.0.0.1:1\"\n"), "endpoint"),
        ("an upstream that is not there", first.replacen("upstream = \"plain\"", "upstream = \"plane\"", 1), "plane"),
        ("half a file", first[..first.len() / 2].to_owned(), ""),
        ("a file that is gone", String::new(), "public_url"),
    ];
    for (n, (what, text, named)) in bad.iter().enumerate() {
        gw.rewrite(text);
        assert!(!gw.running.reload(), "{what}");
        assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await.status, 200, "{what}");
        let answer = ready(&gw).await;
        assert_eq!(answer.status, 200, "what is in force is sound: {what}");
        let configuration = &answer.json()["configuration"];
        assert_eq!(configuration["generation"], 1, "{what}");
        let errors = configuration["refused"]["errors"].to_string();
        assert!(errors.contains(named) && errors.len() > 10, "{what}: {errors}");
        assert!(stale(&gw), "{what}");
        assert!(reloads(&gw, "refused").parse::<usize>().expect("a number") > n, "{what}");
    }
    gw.rewrite(&first);
    assert!(gw.running.reload());
    assert!(ready(&gw).await.json()["configuration"].get("refused").is_none());
    assert!(!stale(&gw));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_others_can_read_is_refused_and_the_old_one_stays() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    std::fs::write(gw.dir.path().join("open"), "Bearer open").expect("a file");
    gw.rewrite(&gw.text().replace("/upstream.secret", "/open"));
    assert!(!gw.running.reload());
    let errors = ready(&gw).await.json()["configuration"]["refused"]["errors"].to_string();
    assert!(errors.contains("upstreams[0].inject[0].value_file") && !errors.contains("Bearer open"), "{errors}");
    assert_eq!(ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await.status, 200);
    assert_eq!(gw.upstream.last().header("authorization"), UPSTREAM_SECRET);
    let filter = AuditFilter { operation: Some("config.reload".into()), ..AuditFilter::default() };
    let event = within("the reload on record", async {
        loop {
            let page = gw.running.node.store.search_audit(&filter, None, 10).await.expect("a page");
            if let Some(row) = page.rows.into_iter().next() {
                return row.record.event;
            }
            tokio::task::yield_now().await;
        }
    });
    let Event::Control(ControlEvent { operation, refused, .. }) = event.await else { panic!("a change") };
    assert_eq!((operation, refused.as_deref()), (Operation::ConfigReload, Some("config_invalid")));
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_takes_a_restart_is_refused_by_name() {
    let gw = gateway().await;
    let first = gw.text();
    let listen = |line: &str| first.replace("[listen]\n", &format!("[listen]\n{line}\n"));
    let limits = |line: &str| first.replace("[limits]\n", &format!("[limits]\n{line}\n"));
    let dir = gw.dir.path().display();
    let (cert, key) = Authority::new().leaf(&["gw.test"]).write(gw.dir.path(), "listener");
    let cases = [
        ("listen.public", listen("public = \"127.0.0.1:1\"")),
        ("listen.admin", listen("admin = \"127.0.0.1:1\"")),
        (
            "listen.authorizer",
            listen("authorizer = \"127.0.0.1:1\"")
                + "\n[authorizer]\ndialects = [\"nginx\"]\ntrusted_proxies = [\"127.0.0.1/32\"]\n",
        ),
        ("limits.max_connections", limits("max_connections = 10001\nmax_connections_per_address = 2500")),
        ("limits.max_token_cache", limits("max_token_cache = \"7MiB\"")),
        ("limits.idle_timeout", limits("idle_timeout = \"7s\"")),
        ("limits.header_timeout", limits("header_timeout = \"7s\"")),
        ("limits.max_in_flight", limits("max_in_flight = 10001\nmax_in_flight_per_address = 2500")),
        ("limits.max_connections_per_address", limits("max_connections_per_address = 7")),
        ("limits.max_handshakes_per_address", limits("max_handshakes_per_address = 7")),
        ("limits.max_in_flight_per_address", limits("max_in_flight_per_address = 7")),
        ("limits.max_pending", limits("max_pending = 7")),
        ("limits.queue", limits("queue = \"7s\"")),
        ("listen.tls", listen(&format!("tls = {{ cert = {cert:?}, key = {key:?} }}"))),
        ("store.url", first.replace("url = \"env:STORE\"", "url = \"sqlite:other.db\"")),
        ("data.dir", first.replace(&format!("dir = \"{dir}\""), &format!("dir = \"{dir}/other\""))),
        ("audit.durability", format!("{first}\n[audit]\ndurability = \"power\"\n")),
    ];
    for (key, text) in cases {
        gw.rewrite(&text.replace("[roles.reader]\npermissions = [", "[roles.reader]\npermissions = [\"rules:read\", "));
        assert!(!gw.running.reload(), "{key}");
        let errors = ready(&gw).await.json()["configuration"]["refused"]["errors"].clone();
        let named = errors.as_array().is_some_and(|e| e.len() == 1 && e[0].as_str().is_some_and(|e| e.starts_with(key)));
        assert!(named, "{key}: {errors}");
        assert_eq!(gw.running.node.config.load().generation, 1, "nothing else of the file is in force either");
    }
    gw.running.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_a_file_or_of_its_secrets_needs_no_signal() {
    let gw = gateway().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let mut conn = Conn::open(gw.running.public).await;
    let mut until = async |what: &str, wanted: &dyn Fn() -> bool| {
        within(what, async {
            while !wanted() {
                assert_eq!(conn.ask(&Request::get(QUERY).bearer(&caller.token)).await.status, 200);
            }
        })
        .await;
    };
    until("the first request", &|| gw.upstream.count() > 0).await;
    // Until the watcher has learned what to look at, a change is not one: it is told again.
    let turn = std::cell::Cell::new(0);
    until("another secret", &|| {
        turn.set(turn.get() + 1);
        if turn.get() % 200 == 1 {
            gw.replace(SECRET, &format!("Bearer turn-{}", turn.get()));
        }
        gw.upstream.last().header("authorization").starts_with("Bearer turn-")
    })
    .await;
    let generation = gw.running.node.config.load().generation;
    gw.rewrite(&gw.text().replace("read = \"60s\"", "read = \"59s\""));
    until("another file", &|| gw.running.node.config.load().generation > generation).await;
    gw.rewrite("nonsense");
    until("a refusal", &|| stale(&gw)).await;
    gw.running.stop().await;
}

/// Where a page says that the operator's logo is.
async fn logo(gw: &Gateway) -> Option<String> {
    let page = ask(gw.running.public, &Request::get("/login")).await;
    assert_eq!(page.status, 200);
    let html = page.text();
    let (_, rest) = html.split_once("<img src=\"")?;
    rest.split('"').next().map(ToOwned::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operators_logo_is_served_and_changes_with_its_file() {
    let gw = gateway().await;
    assert_eq!(logo(&gw).await, None, "the built-in mark");
    let svg = |fill: &str| {
        format!("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 9 9\"><path d=\"M0 0h9v9z\" fill=\"{fill}\"/></svg>")
    };
    let file = gw.dir.path().join("logo.svg");
    std::fs::write(&file, svg("#06c")).expect("a file");
    let keys = format!("operator_name = \"Acme Observability\"\noperator_logo = \"{}\"\n", file.display());
    let text = gw.text();
    let named = if text.contains("[oauth]\n") {
        text.replacen("[oauth]\n", &format!("[oauth]\n{keys}"), 1)
    } else {
        format!("{text}\n[oauth]\n{keys}")
    };
    gw.rewrite(&named);
    assert!(gw.running.reload());
    let first = logo(&gw).await.expect("a logo");
    let served = ask(gw.running.public, &Request::get(&first)).await;
    assert_eq!((served.status, served.text()), (200, svg("#06c")), "{first}");
    assert_eq!(served.header("content-type"), Some("image/svg+xml"));
    assert_eq!(served.header("content-security-policy"), Some("default-src 'none'; style-src 'unsafe-inline'; sandbox"));
    assert_eq!(served.header("x-content-type-options"), Some("nosniff"));
    let page = ask(gw.running.public, &Request::get("/login")).await;
    assert!(page.text().contains("<span>Acme Observability</span>"), "{}", page.text());
    assert!(page.header("content-security-policy").is_some_and(|policy| policy.contains("img-src 'self'")));
    // Another picture has another name, so that no browser keeps the old one.
    gw.replace("logo.svg", &svg("#c60"));
    assert!(gw.running.reload());
    let second = logo(&gw).await.expect("a logo");
    assert_ne!(second, first);
    assert_eq!(ask(gw.running.public, &Request::get(&first)).await.status, 404);
    // What is no picture is refused, and the one before stays.
    gw.replace("logo.svg", "<script>alert(1)</script>");
    assert!(!gw.running.reload());
    assert!(ready(&gw).await.json()["configuration"]["refused"]["errors"].to_string().contains("oauth.operator_logo"));
    assert_eq!(logo(&gw).await, Some(second));
    gw.running.stop().await;
}
