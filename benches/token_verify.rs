//! A token that was seen before (digest, cache, five counters) against one that was not (shape, signature, two reads of the store);
//! and an assertion, signed for an upstream, against the bare signature.

use std::sync::Arc;
use std::time::Duration;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use secrecy::{ExposeSecret as _, SecretString};
use tollgate::config::Config;
use tollgate::node::Node;
use tollgate::store::{Grant, sql};
use tollgate::token::NewAssertion;
use tollgate::types::{NodeId, SystemClock, SystemEntropy, Timestamp};

#[path = "support/node.rs"]
mod support;

/// A node whose grant can be given tokens.
struct Fixture {
    /// The node.
    node: Arc<Node>,
    grant: Grant,
    _data: tempfile::TempDir,
}

impl Fixture {
    /// A node on SQLite in a folder of its own.
    async fn new() -> Self {
        let data = tempfile::tempdir().expect("a folder");
        let environment = |_: &str| None;
        let (config, _) = Config::parse(&support::configuration(data.path(), "127.0.0.1:1", ""), &environment, 1)
            .unwrap_or_else(|e| panic!("{e}"));
        let entropy = Arc::new(SystemEntropy);
        let id = NodeId::generate(Timestamp::from_millis(0), &*entropy);
        let store = sql::open(config.store_url.expose_secret(), &id, Arc::clone(&entropy) as _).await.expect("a store");
        let node = Node::start(id, config, store, Arc::new(SystemClock), entropy).await.expect("a node");
        let grant = support::grant(&node).await;
        Self { node, grant, _data: data }
    }

    /// A token of the grant, named `jti`.
    fn token(&self, jti: &str) -> SecretString {
        support::token(&self.node, &self.grant, jti)
    }
}

fn token_verify(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let fixture = runtime.block_on(Fixture::new());
    let node = Arc::clone(&fixture.node);
    let config = node.config.load_full();
    let known = fixture.token("known");
    let mut fresh = 0_u64;
    let mut group = c.benchmark_group("token_verify");
    group.measurement_time(Duration::from_secs(5));
    group.bench_function("hit", |b| {
        b.iter(|| runtime.block_on(node.verifier.principal(known.expose_secret(), &config, node.now())).expect("a good token"));
    });
    group.bench_function("signature_alone", |b| {
        b.iter(|| node.verifier.verify(known.expose_secret(), &config.issuer, node.now()).expect("a good token"));
    });
    group.bench_function("miss", |b| {
        b.iter_batched(
            || {
                fresh += 1;
                fixture.token(&format!("t{fresh}"))
            },
            |token| runtime.block_on(node.verifier.principal(token.expose_secret(), &config, node.now())).expect("a good token"),
            BatchSize::SmallInput,
        );
    });
    group.bench_function("garbage", |b| {
        let garbage = format!("{}x", known.expose_secret());
        b.iter(|| runtime.block_on(node.verifier.principal(&garbage, &config, node.now())).is_err());
    });
    group.finish();
}

fn assertion(c: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let fixture = runtime.block_on(Fixture::new());
    let (node, config) = (&fixture.node, fixture.node.config.load_full());
    let token = fixture.token("told");
    let principal = runtime.block_on(node.verifier.principal(token.expose_secret(), &config, node.now())).expect("a good token");
    let scopes = config.catalogue.scopes(&principal.effective.now);
    let sign = || {
        let new = NewAssertion {
            principal: &principal,
            audience: "https://upstream.example.com",
            tenant: "bench",
            scopes: &scopes,
            jti: node.ids.next(node.now()).to_string(),
            now: node.now(),
            lifetime: Duration::from_secs(300),
        };
        node.keys.assert(&config.issuer, &new).expect("an assertion").token
    };
    let (random, length) = (SystemRandom::new(), sign().expose_secret().len());
    let key = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key");
    let message = vec![b'x'; length];
    let mut group = c.benchmark_group("assertion");
    group.measurement_time(Duration::from_secs(5));
    group.bench_function("floor: ES256 alone", |b| b.iter(|| key.sign(&random, &message).expect("a signature")));
    group.bench_function("sign", |b| b.iter(sign));
    group.finish();
}

criterion_group!(benches, token_verify, assertion);
criterion_main!(benches);
