//! G5: the log can be proved. Nodes seal what they put into it, and whatever is done to it in the store is named with its place.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Output;

use futures::StreamExt as _;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, SqliteConnection};
use tokio::process::Command;
use tollgate::admin::{Local, Remote, VerifyAsked, VerifyStep};
use tollgate::audit::{Fault, FaultKind, Report};
use tollgate::record::{Event, Found, sealed_json_line};
use tollgate::store::AuditFilter;

use crate::harness::gateway::{config_text, free_port, secret};
use crate::harness::http1::{Request, ask};
use crate::harness::{Gateway, Setup, within};

const QUERY: &str = "/prometheus/api/v1/query";

async fn verify(admin: &dyn tollgate::admin::Administration, asked: VerifyAsked) -> (Report, Vec<Fault>) {
    let mut steps = admin.verify_audit(asked).await.expect("steps");
    let mut faults = Vec::new();
    while let Some(step) = steps.next().await {
        match step.expect("a step") {
            VerifyStep::Proved(_) => {}
            VerifyStep::Fault(fault) => faults.push(fault),
            VerifyStep::Done(report) => return (*report, faults),
        }
    }
    panic!("no report");
}

/// Waits until every record that ended is sealed.
async fn sealed(gw: &Gateway) {
    within("every seal", async {
        assert!(gw.running.journal.flush().await, "the shipper runs");
        while gw.running.node.store.waiting_to_be_sealed().await.expect("a count").0 > 0 {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_nodes_seal_one_log_and_a_change_to_it_is_named() {
    let database = crate::postgres::fresh_database().await;
    let on = async || Gateway::start_with(Setup { store: Some(database.clone()), ..Setup::default() }).await;
    let (here, there) = (on().await, on().await);
    let caller = here.caller("acme", &["reader"], "metrics:read").await;
    let mut calls = Vec::new();
    for gw in [&here, &there, &here, &there] {
        let answer = ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        calls.push(gw.record_of(&answer).await);
    }
    there.revoke(&caller.grant).await;
    let refused = ask(here.running.public, &Request::get(QUERY).bearer(&caller.token)).await;
    here.record_of(&refused).await;
    sealed(&here).await;
    let remote = Remote::new(here.running.admin, here.running.admin_token.clone()).expect("a client");
    let (report, faults) = verify(&remote, VerifyAsked::default()).await;
    assert_eq!((faults, report.proved), (Vec::new(), true));
    let page = here.running.node.store.search_audit(&AuditFilter::default(), None, 1000).await.expect("a page");
    let changes = page.rows.iter().filter(|row| matches!(row.record.event, Event::Control(_))).count();
    // What the proof found is on record since. That it was asked for waits while the walk passes the end of its chain, and may be sealed
    // before those that wait are counted.
    let (told, there_are) = (report.records + report.waiting, page.rows.len() as u64);
    assert!(changes > 3 && (told + 1 == there_are || told + 2 == there_are), "{there_are}: {report:?}");
    let last = here.running.node.store.last_proof().await.expect("an answer").expect("a record");
    let Event::Control(found) = &last.event else { panic!("{last:?}") };
    assert_eq!((Found::of(found), last.org), (Some(Found::Proved(report.until)), None));
    assert_eq!((report.chains, report.before), (2, 0));
    let ids = [calls[1].id.clone()];
    let seals = here.running.node.store.seals_of(&ids).await.expect("a seal");
    let line = sealed_json_line(&calls[1], seals.get(&ids[0]));
    assert!(line.contains("\"chain\":{\"fingerprint\":\"sha256:"), "{line}");
    for gw in [&here, &there] {
        assert!(gw.running.metrics.audit_batches.get() > 0, "each seals what it stored");
    }
    let mut vandal = PgConnection::connect(&database).await.expect("a connection");
    let change = format!("UPDATE audit_records SET record = REPLACE(record, '200', '204') WHERE id = '{}'", calls[1].id);
    sqlx::raw_sql(AssertSqlSafe(change)).execute(&mut vandal).await.expect("a change");
    for admin in [Box::new(remote) as Box<dyn tollgate::admin::Administration>, Box::new(Local::new(there.running.node.clone()))]
    {
        here.advance(1);
        there.advance(1);
        let (report, faults) = verify(&*admin, VerifyAsked { heads: report.heads.clone() }).await;
        let [fault] = &faults[..] else { panic!("{faults:?}") };
        assert_eq!((report.proved, fault.kind), (false, FaultKind::RecordChanged));
        let last = here.running.node.store.last_proof().await.expect("an answer").expect("a record");
        assert!(matches!(&last.event, Event::Control(event) if Found::of(event) == Some(Found::Faults(1))), "{last:?}");
        assert_eq!((fault.record.as_deref(), fault.time), (Some(calls[1].id.as_str()), Some(calls[1].time)));
        assert_eq!(fault.org.as_deref(), Some(caller.org.id.as_str()));
        let seal = &seals[&ids[0]];
        assert_eq!((fault.chain.as_deref(), fault.batch), (Some(seal.chain.as_str()), Some(seal.sequence)));
    }
    here.running.stop().await;
    there.running.stop().await;
}

/// Runs a command on the store of a configuration.
pub async fn run(config: &Path, store: &str, words: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tollgate"));
    command.args(words).arg("--config").arg(config).env("SECRET", secret()).env("STORE", store);
    within("the end of a command", command.output()).await.expect("the program starts")
}

async fn vandalize(store: &str, statement: &str) {
    let mut vandal = SqliteConnection::connect(store).await.expect("a connection");
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut vandal).await.expect(statement);
    assert_eq!(done.rows_affected(), 1, "{statement}");
    vandal.close().await.expect("closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn commands_prove_the_log_and_name_what_is_wrong() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let answer = ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await;
    let record = gw.record_of(&answer).await.id;
    let Gateway { running, upstream, dir, store_url, .. } = gw;
    running.stop().await;
    let public = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = format!("public = \"{public}\"\nadmin = \"127.0.0.1:{}\"", free_port());
    let (config, heads) = (dir.path().join("gateway.toml"), dir.path().join("heads.json"));
    std::fs::write(&config, config_text(dir.path(), upstream.address, &Setup::default(), &listen)).expect("a file");
    let heads = heads.to_str().expect("text");
    let said = |out: &Output| String::from_utf8_lossy(&[&out.stdout[..], &out.stderr[..]].concat()).into_owned();

    let proved = run(&config, &store_url, &["audit", "verify", "--write-heads", heads]).await;
    assert!(proved.status.success() && said(&proved).contains("Proved, sealed up to "), "{}", said(&proved));
    let keys = run(&config, &store_url, &["audit", "keys"]).await;
    assert!(said(&keys).lines().count() == 2 && said(&keys).contains("yes"), "{}", said(&keys));
    let made = run(&config, &store_url, &["audit", "rotate-key"]).await;
    assert!(made.status.success(), "{}", said(&made));
    let again = run(&config, &store_url, &["audit", "verify", "--heads", heads, "--json"]).await;
    assert!(again.status.success(), "{}", said(&again));
    let answer: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!((&answer["report"]["proved"], &answer["faults"]), (&true.into(), &serde_json::json!([])));

    // The end of the chain has no records: only who knew it sees that it is gone.
    let last = "seq = (SELECT MAX(seq) FROM audit_batches)";
    vandalize(&store_url, &format!("DELETE FROM audit_batches WHERE {last}")).await;
    let unseen = run(&config, &store_url, &["audit", "verify"]).await;
    assert!(unseen.status.success(), "{}", said(&unseen));
    let cut = run(&config, &store_url, &["audit", "verify", "--heads", heads]).await;
    assert_eq!(cut.status.code(), Some(1));
    assert!(said(&cut).contains("the end of the chain is gone: "), "{}", said(&cut));

    vandalize(&store_url, &format!("DELETE FROM audit_records WHERE id = '{record}'")).await;
    let deleted = run(&config, &store_url, &["audit", "verify"]).await;
    assert_eq!(deleted.status.code(), Some(1));
    let place = format!("the record was deleted: record {record} time ");
    assert!(said(&deleted).contains(&place) && said(&deleted).contains(caller.org.id.as_str()), "{}", said(&deleted));
    let json = run(&config, &store_url, &["audit", "verify", "--json"]).await;
    assert_eq!(json.status.code(), Some(1));
    let answer: serde_json::Value = serde_json::from_slice(&json.stdout).expect("JSON");
    assert_eq!(
        (&answer["faults"][0]["kind"], &answer["faults"][0]["record"]),
        (&"record_missing".into(), &record.as_str().into())
    );
}

/// The commands of the manual's chapter, one a line.
fn commands_of_the_manual() -> Vec<&'static str> {
    let manual = include_str!("../../src/manual/audit-log.md");
    let chapter = manual.split("\n## Prove it\n").nth(1).and_then(|rest| rest.split("\n## ").next()).expect("a chapter");
    let blocks = chapter.split("```sh\n").skip(1).filter_map(|block| block.split("```").next());
    blocks.flat_map(str::lines).filter(|line| !line.is_empty()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_manual_do_what_it_says() {
    let gw = Gateway::start().await;
    let caller = gw.caller("acme", &["reader"], "metrics:read").await;
    let answer = ask(gw.running.public, &Request::get(QUERY).bearer(&caller.token)).await;
    gw.record_of(&answer).await;
    let Gateway { running, upstream, dir, store_url, .. } = gw;
    running.stop().await;
    let public = SocketAddr::from(([127, 0, 0, 1], free_port()));
    let listen = format!("public = \"{public}\"\nadmin = \"127.0.0.1:{}\"", free_port());
    let config = dir.path().join("gateway.toml");
    std::fs::write(&config, config_text(dir.path(), upstream.address, &Setup::default(), &listen)).expect("a file");
    let programs = Path::new(env!("CARGO_BIN_EXE_tollgate")).parent().expect("a folder");
    let commands = commands_of_the_manual();
    assert!(commands.len() > 5, "{commands:?}");
    for line in commands {
        let mut shell = Command::new("sh");
        let script = format!("PATH='{}':$PATH; {line}", programs.display());
        shell.args(["-c", script.as_str()]).current_dir(dir.path());
        shell.env("TOLLGATE_CONFIG", &config).env("SECRET", secret()).env("STORE", &store_url);
        let done = within("the end of a command", shell.output()).await.expect("a shell");
        let said = String::from_utf8_lossy(&[&done.stdout[..], &done.stderr[..]].concat()).into_owned();
        assert!(done.status.success(), "{line}: {said}");
        let wanted = match line {
            line if line.contains("audit keys") => "ED25519",
            line if line.contains("rotate-key") => "yes",
            line if line.contains("audit search") => "audit.verify",
            line if line.contains("--json") => "",
            _ => "Proved, sealed up to ",
        };
        assert!(said.contains(wanted), "{line}: {said}");
    }
    let read = |name: &str| std::fs::read(dir.path().join(name)).expect("a file");
    let proof: serde_json::Value = serde_json::from_slice(&read("proof.json")).expect("JSON");
    assert_eq!((&proof["report"]["proved"], &proof["faults"]), (&true.into(), &serde_json::json!([])));
    let heads: serde_json::Value = serde_json::from_slice(&read("heads.json")).expect("JSON");
    assert!(heads["heads"].as_array().is_some_and(|heads| !heads.is_empty()), "{heads}");
}
