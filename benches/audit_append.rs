//! What the journal costs a call: one line before it, one after.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use tollgate::audit::{Journal, JournalOptions, NoMetrics, recover};
use tollgate::record::{Actor, AuditRecord, Call, Caller, Decision, Event, Measured, Opening, Origin, Outcome, json_line};
use tollgate::types::{
    ApiName, ClientId, GrantId, NodeId, OrgId, RecordId, RequestId, ResourceId, RouteId, ScopeSet, SystemClock, Timestamp, UserId,
};

fn record() -> Option<AuditRecord> {
    Some(AuditRecord {
        id: RecordId::parse("rec_0190b2c4e5f67890abcdef0123456789").ok()?,
        time: Timestamp::from_millis(1_795_219_200_123),
        org: OrgId::parse("org_0190b2c4e5f67890abcdef0123456789").ok(),
        actor: Actor {
            user: UserId::parse("usr_0190b2c4e5f67890abcdef0123456789").ok(),
            client: ClientId::parse("cl_0190b2c4e5f67890abcdef0123456789").ok(),
            client_name: Some("Acme command line".into()),
            grant: GrantId::parse("gr_0190b2c4e5f67890abcdef0123456789").ok(),
            token: Some("0190b2c4e5f67890abcdef0123456789".into()),
        },
        origin: Origin {
            request: RequestId::parse("req_0190b2c4e5f67890abcdef0123456789").ok()?,
            node: NodeId::parse("node_0190b2c4e5f67890abcdef0123456789").ok()?,
            peer: "203.0.113.7:51234".parse().ok(),
            user_agent: Some("acme/1.0 (linux; x86_64)".into()),
            trace: Some("0af7651916cd43dd8448eb211c80319c".into()),
            certificate: None,
        },
        event: Event::Call(Box::new(Call {
            api: ApiName::parse("prometheus").ok()?,
            route: RouteId::parse("prometheus.query_range").ok(),
            method: "GET".into(),
            path: "/prometheus/api/v1/query_range".into(),
            mcp: None,
            scopes_needed: ScopeSet::parse("metrics:read").ok()?,
            scopes_held: ScopeSet::parse("logs:read metrics:read traces:read").ok()?,
            resource: ResourceId::parse("https://gw.example.com/prometheus").ok(),
            decision: Decision::Allowed,
            would_deny: None,
            outcome: Outcome::Unknown,
            forwarder: None,
        })),
    })
}

fn append(c: &mut Criterion) {
    let record = record().expect("the sample is valid");
    let dir = tempfile::tempdir().expect("a directory can be made");
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime can be made");
    let node = record.origin.node.clone();
    let opened = Journal::open(dir.path(), &node, JournalOptions::default(), Arc::new(SystemClock), Arc::new(NoMetrics));
    let (journal, _backlog) = opened.expect("the journal opens");
    let caller = Caller::from(&record);
    let opening = Opening::of(&record, &caller).expect("the sample is a call");
    let outcome = Outcome::Completed(Measured { status: 200, bytes: 8123, micros: 1234, call: None });
    runtime.block_on(async {
        c.bench_function("audit/open+close", |b| {
            b.iter(|| {
                let mut call = std::pin::pin!(journal.open_call(&opening));
                let waker = std::task::Waker::noop();
                if let std::task::Poll::Ready(Ok(call)) = call.as_mut().poll(&mut std::task::Context::from_waker(waker)) {
                    call.close(outcome.clone());
                }
            });
        });
    });
    c.bench_function("audit/refusal", |b| b.iter(|| journal.refused(black_box(&record))));
}

fn read(c: &mut Criterion) {
    let record = record().expect("the sample is valid");
    let dir = tempfile::tempdir().expect("a directory can be made");
    let node = record.origin.node.clone();
    let opened = Journal::open(dir.path(), &node, JournalOptions::default(), Arc::new(SystemClock), Arc::new(NoMetrics));
    let (journal, _backlog) = opened.expect("the journal opens");
    for _ in 0..1000 {
        journal.refused(&record).expect("a line is written");
    }
    c.bench_function("audit/read 1000", |b| b.iter_batched(|| (), |()| recover(dir.path()), BatchSize::SmallInput));
    c.bench_function("audit/ocsf", |b| b.iter(|| json_line(black_box(&record))));
}

criterion_group!(benches, append, read);
criterion_main!(benches);
